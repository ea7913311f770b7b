"""A handler that returns Arrow: asyncpg (binary) and psycopg (text and binary) get the source back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import asyncpg
import polars as pl
import psycopg
import pyarrow as pa
import pytest
from psycopg.rows import tuple_row

import pgwire_py as pg
from tests.support.hosted import Hosted, hosted

ZONED = datetime(2024, 1, 2, 3, 4, 5, 6, timezone.utc)
VALUES: dict[str, tuple[pa.DataType, list[Any]]] = {
    "bool": (pa.bool_(), [True, None, False]),
    "i8": (pa.int8(), [-128, None, 127]),
    "u64": (pa.uint64(), [Decimal(2**64 - 1), None, Decimal(0)]),
    "f2": (pa.float16(), [1.5, None, -0.25]),
    "f8": (pa.float64(), [0.1, None, float("inf")]),
    "dec": (pa.decimal128(20, 3), [Decimal("-0.050"), None, Decimal("12345678901234567.891")]),
    "text": (pa.string_view(), ["", None, "é" * 20]),
    "word": (pa.dictionary(pa.int8(), pa.utf8()), ["x", None, "x"]),
    "bytes": (pa.large_binary(), [b"", None, b"\0\xff"]),
    "date": (pa.date32(), [date(2024, 2, 29), None, date(1, 1, 1)]),
    "naive": (pa.timestamp("us"), [datetime(2024, 1, 2, 3, 4, 5, 6), None, datetime(1969, 12, 31, 23, 59, 59)]),
    "zoned": (pa.timestamp("us", "UTC"), [ZONED, None, ZONED]),
    "span": (pa.duration("us"), [timedelta(days=1, seconds=2), None, timedelta(microseconds=-1)]),
    "list": (pa.list_(pa.int64()), [[1, None], None, []]),
    "uuid": (pa.uuid(), [UUID(int=1), None, UUID(int=2)]),
}


def table() -> pa.Table:
    arrays = []
    for kind, values in VALUES.values():
        if kind == pa.uuid():
            storage = pa.array([None if value is None else value.bytes for value in values], pa.binary(16))
            arrays.append(pa.ExtensionArray.from_storage(kind, storage))
        elif kind == pa.uint64():
            arrays.append(pa.array([None if value is None else int(value) for value in values], kind))
        else:
            arrays.append(pa.array(values, kind))
    return pa.table(arrays, list(VALUES))


ROWS = list(zip(*(values for _, values in VALUES.values()), strict=True))


def answer(query: pg.Query) -> pg.Result:
    if "polars" in query.sql:
        return pg.Result(rows=pl.from_arrow(pa.table({"n": range(100_000)})))
    if "broken" in query.sql:
        return pg.Result(rows=pa.table({"n": pa.array([0, 2**62]).cast(pa.timestamp("s"))}))
    return pg.Result(rows=table())


@pytest.fixture(scope="module")
def server() -> Iterator[Hosted]:
    with hosted(pg.PythonEngine(answer)) as running:
        yield running


async def test_asyncpg_gets_the_source_back(server: Hosted) -> None:
    connection = await asyncpg.connect(host="127.0.0.1", port=server.server.port, user="t", database="t", ssl=False)
    try:
        assert [tuple(row) for row in await connection.fetch("everything")] == ROWS
        assert sum(row["n"] for row in await connection.fetch("polars")) == sum(range(100_000))
        # A value without a place ends the statement, not the session.
        with pytest.raises(asyncpg.DatetimeFieldOverflowError):
            await connection.fetch("broken")
        assert [tuple(row) for row in await connection.fetch("everything")] == ROWS
    finally:
        await connection.close()


@pytest.mark.parametrize("binary", [False, True])
def test_psycopg_gets_the_source_back(server: Hosted, binary: bool) -> None:
    with psycopg.connect(f"host=127.0.0.1 port={server.server.port} user=t dbname=t sslmode=disable") as connection:
        cursor = connection.cursor(binary=binary, row_factory=tuple_row)
        assert cursor.execute("everything").fetchall() == ROWS
