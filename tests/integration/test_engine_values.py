"""Values that an engine has no type of its own for, as parameters and in tables: what comes back is what was sent."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import psycopg
import pytest

from tests.support.targets import Target

Connection = psycopg.Connection[tuple[object, ...]]


@pytest.fixture
def connection(target: Target) -> Iterator[Connection]:
    with psycopg.connect(target.dsn, autocommit=True) as made:
        yield made


@pytest.mark.smoke
@pytest.mark.parametrize("binary", [False, True])
@pytest.mark.parametrize(
    ("sql", "offset"), [("select %s", 0), ("select %s + 1", 1), ("select case when 1 = 1 then %s end", 0)]
)
def test_numeric_parameters_in_a_select_list_keep_their_digits(
    connection: Connection, binary: bool, sql: str, offset: int
) -> None:
    for text in ("0.5", "1.234", "-7.25", "1e15"):
        cursor = connection.execute(sql, (Decimal(text),), prepare=True, binary=binary)
        assert cursor.description is not None
        assert (cursor.description[0].type_display, cursor.fetchall()) == ("numeric", [(Decimal(text) + offset,)])


def test_numeric_parameters_without_digits(connection: Connection) -> None:
    connection.execute("prepare one(numeric) as select $1")
    connection.execute("prepare many(numeric[]) as select $1")
    shown = [connection.execute(f"execute one({value})").fetchone() for value in ("'NaN'", "null", "2.50")]
    assert str(shown[0]) == "(Decimal('NaN'),)"
    assert shown[1:] == [(None,), (Decimal("2.5"),)]
    lists = [connection.execute(f"execute many({value})").fetchone() for value in ("'{}'", "'{1.5,NULL}'", "null")]
    assert lists == [([],), ([Decimal("1.5"), None],), (None,)]
