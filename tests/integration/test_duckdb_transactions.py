"""DuckDB ends a transaction with its first error, and commits nothing silently: what is acknowledged is there all the same."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from psycopg import errors

from tests.support.targets import Target

pytestmark = pytest.mark.engines("duckdb")
Connection = psycopg.Connection[tuple[object, ...]]


@pytest.fixture
def connection(target: Target, table: str) -> Iterator[Connection]:
    with psycopg.connect(target.dsn, autocommit=True) as made:
        made.execute(f"create table {table} (n int primary key)")
        yield made


def values(connection: Connection, table: str) -> list[object]:
    return [n for (n,) in connection.execute(f"select n from {table} order by n")]


@pytest.mark.parametrize("failing", ["select 1/0", "select 'x'::int", "insert into {table} values (1)"])
def test_what_was_written_before_an_error_is_not_committed_silently(
    connection: Connection, table: str, failing: str
) -> None:
    connection.execute(f"insert into {table} values (1)")
    connection.execute("begin")
    connection.execute(f"insert into {table} values (2)")
    connection.execute("savepoint s")
    with pytest.raises(psycopg.DataError if "select" in failing else errors.UniqueViolation):
        connection.execute(failing.format(table=table))
    with pytest.raises(errors.FeatureNotSupported, match="savepoint"):
        connection.execute("rollback to s")
    assert connection.execute("commit").statusmessage == "ROLLBACK"
    assert values(connection, table) == [1]


def test_a_transaction_that_wrote_nothing_goes_on_behind_an_error(connection: Connection, table: str) -> None:
    connection.execute("begin")
    connection.execute("savepoint s")
    with pytest.raises(errors.DivisionByZero):
        connection.execute("select 1/0")
    connection.execute("rollback to s")
    connection.execute(f"insert into {table} values (2)")
    assert connection.execute("commit").statusmessage == "COMMIT"
    assert values(connection, table) == [2]


def test_an_error_before_a_statement_runs_takes_nothing_with_it(connection: Connection, table: str) -> None:
    connection.execute("begin")
    connection.execute(f"insert into {table} values (2)")
    connection.execute("savepoint s")
    with pytest.raises(errors.UndefinedColumn):
        connection.execute(f"select nope from {table}")
    connection.execute("rollback to s")
    assert connection.execute("commit").statusmessage == "COMMIT"
    assert values(connection, table) == [2]


def test_a_time_zone_that_the_engine_lacks_leaves_the_transaction_alone(connection: Connection, table: str) -> None:
    connection.execute("begin")
    connection.execute(f"insert into {table} values (2)")
    connection.execute("set time zone 'XYZ-3'")
    assert values(connection, table) == [2]
    assert connection.execute("commit").statusmessage == "COMMIT"
    assert values(connection, table) == [2]
