"""Every column type of the first release through psycopg and asyncpg: as a parameter and as a result, in text and in binary."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from decimal import Decimal
from typing import Any

import asyncpg
import psycopg
import pytest
from psycopg.types.json import Json

from tests.support.targets import Target

UTC = dt.timezone.utc

# Name of the type; values that PostgreSQL takes and gives back unchanged.
SCALARS: dict[str, list[Any]] = {
    "bool": [True, False],
    "int2": [0, -(2**15), 2**15 - 1],
    "int4": [0, -(2**31), 2**31 - 1],
    "int8": [0, -(2**63), 2**63 - 1],
    "float4": [0.0, 1.5, -2.25, float("inf")],
    "float8": [0.0, 0.1, -1e300, 5e-324, float("-inf")],
    "numeric(30,10)": [Decimal("0.0000000000"), Decimal("-12345678901234567890.0123456789"), Decimal("1.5000000000")],
    "text": ["", "Grüße, 世界 🐘", "line\nbreak\ttab", 'it\'s \\ "quoted"'],
    "varchar": ["", "word"],
    "bytea": [b"", b"\x00\x01\xfe\xff", b"abc\\"],
    "date": [dt.date(2024, 2, 29), dt.date(1, 1, 1), dt.date(9999, 12, 31)],
    "time": [dt.time(0, 0), dt.time(23, 59, 59, 999999)],
    "timestamp": [dt.datetime(2024, 2, 29, 12, 34, 56, 789012), dt.datetime(1900, 1, 1), dt.datetime(1969, 12, 31, 23)],
    "timestamptz": [dt.datetime(2024, 2, 29, 12, 34, 56, 789012, UTC), dt.datetime(1900, 1, 1, tzinfo=UTC)],
    "interval": [dt.timedelta(0), dt.timedelta(days=3, hours=4, microseconds=5), dt.timedelta(days=-1)],
    "uuid": [uuid.UUID(int=0), uuid.UUID("12345678-1234-5678-1234-567812345678")],
}
ARRAYS: dict[str, list[Any]] = {
    "int4[]": [[], [1, 2, 3], [-1, None, 2]],
    "int8[]": [[2**40, None]],
    "float8[]": [[0.5, None, -1.0]],
    "bool[]": [[True, False, None]],
    "text[]": [[], ["a", "", "with, comma", 'with "quotes"', "back\\slash", "NULL", None, "{braces}"]],
    "date[]": [[dt.date(2024, 2, 29), None]],
    "timestamp[]": [[dt.datetime(2024, 2, 29, 1, 2, 3)]],
    "uuid[]": [[uuid.UUID(int=7)]],
}
EVERY = {**SCALARS, **ARRAYS}

# Words that mean a wider type to an engine than to PostgreSQL: SQLite's INTEGER has 64 bits, its REAL too.
WIDER = {"sqlite": {"integer": "int8", "real": "float8"}}


@pytest.mark.smoke
@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("binary", [False, True], ids=["text", "binary"])
def test_psycopg(target: Target, table: str, name: str, binary: bool) -> None:
    values = [*EVERY[name], None]
    placeholder = "%b" if binary else "%t"
    with psycopg.connect(target.dsn, autocommit=True) as connection:
        connection.execute("set timezone to 'UTC'")
        connection.execute(f"create table {table} (n int4, v {name})")
        for i, value in enumerate(values):
            connection.execute(f"insert into {table} values (%s, {placeholder})", (i, value))
        cursor = connection.cursor(binary=binary)
        found = [v for (v,) in cursor.execute(f"select v from {table} order by n").fetchall()]
        other = connection.cursor(binary=not binary)
        assert found == [v for (v,) in other.execute(f"select v from {table} order by n").fetchall()]
        _check(found, values)


@pytest.mark.smoke
@pytest.mark.parametrize("name", EVERY)
async def test_asyncpg(target: Target, table: str, name: str) -> None:
    """asyncpg encodes for what ParameterDescription names, in binary alone."""
    values = [*EVERY[name], None]
    connection = await asyncpg.connect(**target.asyncpg)
    try:
        await connection.execute(f"create table {table} (n int4, v {name})")
        await connection.executemany(f"insert into {table} values ($1, $2)", list(enumerate(values)))
        rows = await connection.fetch(f"select v from {table} order by n")
        _check([row["v"] for row in rows], values)
    finally:
        await connection.close()


@pytest.mark.parametrize("binary", [False, True], ids=["text", "binary"])
def test_json_with_psycopg(target: Target, table: str, binary: bool) -> None:
    document = {"a": [1, 2.5, None, True], "b": {"c": "Grüße"}}
    with psycopg.connect(target.dsn, autocommit=True) as connection:
        connection.execute(f"create table {table} (v json)")
        connection.execute(f"insert into {table} values (%s)", (Json(document),))
        cursor = connection.cursor(binary=binary)
        assert cursor.execute(f"select v from {table}").fetchone() == (document,)
        assert cursor.description is not None
        assert cursor.description[0].type_display == "json"


async def test_json_with_asyncpg(target: Target, table: str) -> None:
    document = {"a": [1, 2.5, None, True], "b": {"c": "Grüße"}}
    connection = await asyncpg.connect(**target.asyncpg)
    try:
        await connection.execute(f"create table {table} (v json)")
        await connection.execute(f"insert into {table} values ($1)", json.dumps(document))
        assert json.loads(await connection.fetchval(f"select v from {table}")) == document
    finally:
        await connection.close()


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("int2", "int2"), ("int4", "int4"), ("int8", "int8"), ("float4", "float4"), ("float8", "float8"),
        ("integer", "int4"), ("bigint", "int8"), ("double precision", "float8"), ("real", "float4"),
        ("boolean", "bool"), ("numeric(10,2)", "numeric(10,2)"), ("text", "text"), ("bytea", "bytea"),
        ("date", "date"), ("time", "time"), ("timestamp", "timestamp"), ("timestamptz", "timestamptz"),
        ("timestamp with time zone", "timestamptz"), ("interval", "interval"), ("uuid", "uuid"), ("json", "json"),
        ("int4[]", "int4[]"), ("text[]", "text[]"),
    ],
)  # fmt: skip
def test_names_of_column_types(target: Target, table: str, name: str, shown: str) -> None:
    with psycopg.connect(target.dsn, autocommit=True) as connection:
        connection.execute(f"create table {table} (v {name})")
        cursor = connection.execute(f"select v from {table}")
        assert cursor.description is not None
        assert cursor.description[0].type_display == WIDER.get(target.engine, {}).get(name, shown)


def test_negative_and_fractional_numerics(target: Target, table: str) -> None:
    values = [Decimal(v) for v in ("0.01", "-0.01", "9999.99", "-10000.00", "100000.10")]
    with psycopg.connect(target.dsn, autocommit=True) as connection:
        connection.execute(f"create table {table} (n int4, v numeric(12,2))")
        for i, value in enumerate(values):
            connection.execute(f"insert into {table} values (%s, %b)", (i, value))
        for binary in (False, True):
            cursor = connection.cursor(binary=binary)
            rows = cursor.execute(f"select v from {table} order by n").fetchall()
            assert [str(v) for (v,) in rows] == [str(v) for v in values]


def _check(found: list[Any], values: list[Any]) -> None:
    assert found == values
    # 1 == True == 1.0 == Decimal(1): equality alone would let a wrong type through
    assert all(isinstance(f, type(v)) for f, v in zip(found, values, strict=True))
