"""A session that waits for another's lock in SQLite is cancelled like any other, and waits no longer than it should."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator

import psycopg
import pytest
from psycopg import errors

from tests.support.targets import Target

pytestmark = pytest.mark.engines("sqlite")
ends_waits = pytest.mark.skipif(sys.version_info < (3, 11), reason="Python 3.10 does not tell why SQLite is busy")
Connection = psycopg.Connection[tuple[object, ...]]


@pytest.fixture
def waiting(target: Target, table: str) -> Iterator[Connection]:
    """A session in front of a table that another one has locked."""
    with psycopg.connect(target.dsn) as other, psycopg.connect(target.dsn, autocommit=True) as made:
        made.execute(f"create table {table} (n int)")
        other.execute(f"insert into {table} values (1)")
        yield made
        other.rollback()


@ends_waits
def test_statement_timeout_ends_the_wait(waiting: Connection, table: str) -> None:
    waiting.execute("set statement_timeout = '200ms'")
    for statement in (f"insert into {table} values (2)", f"create index i_{table} on {table}(n)"):
        with pytest.raises(errors.QueryCanceled, match="statement timeout"):
            waiting.execute(statement)
    with pytest.raises(errors.QueryCanceled), waiting.cursor().copy(f"copy {table} from stdin") as copy:
        copy.write("1\n")
    waiting.execute("reset statement_timeout")
    assert waiting.execute(f"select * from {table}").fetchall() == []


@ends_waits
def test_a_cancel_request_ends_the_wait(waiting: Connection, table: str) -> None:
    timer = threading.Timer(0.3, waiting.cancel_safe)
    timer.start()
    with pytest.raises(errors.QueryCanceled, match="user request"):
        waiting.execute(f"insert into {table} values (2)")
    timer.join()


def test_who_waits_for_a_lock_gets_it(target: Target, table: str) -> None:
    with psycopg.connect(target.dsn) as first, psycopg.connect(target.dsn, autocommit=True) as second:
        second.execute(f"create table {table} (n int)")
        first.execute(f"insert into {table} values (1)")
        timer = threading.Timer(0.5, first.commit)
        timer.start()
        with second.cursor().copy(f"copy {table} from stdin") as copy:
            copy.write("2\n3\n")
        timer.join()
        assert second.execute(f"select n from {table} order by n").fetchall() == [(1,), (2,), (3,)]


@pytest.mark.parametrize("savepoint", [False, True])
def test_transactions_that_begin_by_writing_wait_for_each_other(target: Target, table: str, savepoint: bool) -> None:
    with psycopg.connect(target.dsn, autocommit=True) as made:
        made.execute(f"create table {table} (n int)")

    def work(errors: list[Exception]) -> None:
        try:
            with psycopg.connect(target.dsn) as connection:
                for number in range(20):
                    if savepoint:
                        connection.execute("savepoint s")
                    connection.execute(f"insert into {table} values (%s)", (number,))
                    if savepoint:
                        connection.execute("release s")
                    connection.execute(f"insert into {table} values (%s)", (number,))
                    connection.commit()
        except Exception as error:
            errors.append(error)

    failed: list[Exception] = []
    threads = [threading.Thread(target=work, args=(failed,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    with psycopg.connect(target.dsn) as made:
        assert made.execute(f"select count(*) from {table}").fetchone() == (120,)
