"""A handler that returns Arrow tables, read as Arrow: ADBC (COPY TO STDOUT, binary) and polars (by ADBC) get the source back."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import adbc_driver_postgresql.dbapi as adbc
import polars as pl
import pyarrow as pa
import pytest

import pgwire_py as pg
from tests.support.hosted import hosted

ZONED = datetime(2024, 1, 2, 3, 4, 5, 6, timezone.utc)
NAIVE = datetime(1969, 12, 31, 23, 59, 59, 999_999)
NUMBERS = [Decimal("-12345.678"), None, Decimal("0.001")]
DAY = timedelta(days=1)


def same(value: Any) -> Any:
    return value


def span(value: timedelta) -> Any:
    """A duration is an interval, of days and time."""
    days, rest = divmod(abs(value), DAY)
    sign = -1 if value < timedelta() else 1
    return pa.MonthDayNano([0, sign * days, sign * (rest // timedelta(microseconds=1)) * 1000])


# Column: its type, its values, and what ADBC makes of one: numeric as text, a struct as the text of json.
COLUMNS: dict[str, tuple[pa.DataType, list[Any], Callable[[Any], Any]]] = {
    "bool": (pa.bool_(), [True, None, False], same),
    **{
        f"{sign}int{bits}": (getattr(pa, f"{sign}int{bits}")(), [low, None, high], same)
        for bits in (8, 16, 32, 64)
        for sign, low, high in (("", -(1 << bits - 1), (1 << bits - 1) - 1), ("u", 0, (1 << bits) - 1))
        if (sign, bits) != ("u", 64)
    },
    "uint64": (pa.uint64(), [0, None, 2**64 - 1], str),
    "float16": (pa.float16(), [1.5, None, -0.25], same),
    "float32": (pa.float32(), [1.5, None, -math.inf], same),
    "float64": (pa.float64(), [0.1, None, math.inf], same),
    "decimal128": (pa.decimal128(20, 3), NUMBERS, str),
    "decimal256": (pa.decimal256(60, 3), NUMBERS, str),
    "text": (pa.utf8(), ["", None, "Grüße 🐘"], same),
    "large": (pa.large_utf8(), ["", None, "x" * 70_000], same),
    "view": (pa.string_view(), ["", None, "x" * 40], same),
    "binary": (pa.binary(), [b"", None, bytes(range(256))], same),
    "large_binary": (pa.large_binary(), [b"", None, b"\0"], same),
    "binary_view": (pa.binary_view(), [b"", None, b"x" * 40], same),
    "fixed": (pa.binary(3), [b"abc", None, b"\0\xff\0"], same),
    "date32": (pa.date32(), [date(1, 1, 1), None, date(9999, 12, 31)], same),
    "date64": (pa.date64(), [date(1, 1, 1), None, date(9999, 12, 31)], same),
    "time32": (pa.time32("ms"), [time(), None, time(23, 59, 59, 999_000)], same),
    "time64": (pa.time64("us"), [time(), None, time.max], same),
    **{f"naive_{unit}": (pa.timestamp(unit), [NAIVE.replace(microsecond=0), None], same) for unit in ("s", "ms")},
    **{f"naive_{unit}": (pa.timestamp(unit), [NAIVE, None], same) for unit in ("us", "ns")},
    "zoned": (pa.timestamp("us", "Europe/Berlin"), [ZONED, None], lambda value: value.astimezone(timezone.utc)),
    "duration": (pa.duration("us"), [3 * DAY + timedelta(microseconds=5), None, -timedelta(hours=30)], span),
    "interval": (pa.month_day_nano_interval(), [pa.MonthDayNano([14, -3, 5_000])], same),
    "null": (pa.null(), [None], same),
    "list": (pa.list_(pa.int64()), [[1, None], None, []], same),
    "large_list": (pa.large_list(pa.utf8()), [["a", None, ""], None, []], same),
    "fixed_list": (pa.list_(pa.float64(), 2), [[1.0, 2.0], None], same),
    "struct": (pa.struct({"a": pa.int32(), "b": pa.utf8()}), [{"a": 1, "b": None}, None], same),
    "map": (pa.map_(pa.utf8(), pa.int32()), [[("a", 1)], None], dict),
    "dictionary": (pa.dictionary(pa.int8(), pa.utf8()), ["x", None, "y", "x"], same),
    "uuid": (pa.uuid(), [UUID(int=1), None, UUID(int=2**128 - 1)], same),
}
LENGTH = max(len(values) for _, values, _ in COLUMNS.values())


def padded(values: list[Any]) -> list[Any]:
    return values + [None] * (LENGTH - len(values))


def array(kind: pa.DataType, values: list[Any]) -> Any:
    if kind == pa.uuid():
        storage = pa.array([value and value.bytes for value in values], pa.binary(16))
        return pa.ExtensionArray.from_storage(kind, storage)
    return pa.array(values, kind)


SOURCE = pa.table({name: array(kind, padded(values)) for name, (kind, values, _) in COLUMNS.items()})
# What polars has types for, and PostgreSQL: frames that are equal, type by type.
FRAME = pl.DataFrame(
    {
        "flag": [True, None, False],
        "small": pl.Series([-5, None, 5], dtype=pl.Int16),
        "n": [1, None, 2**62],
        "x": [0.5, None, -math.inf],
        "word": ["", None, "é"],
        "data": [b"", None, b"\0\xff"],
        "day": [date(2024, 2, 29), None, date(1, 1, 1)],
        "at": [NAIVE, None, NAIVE],
        "zoned": [ZONED, None, ZONED],
        "clock": pl.Series([time(1, 2, 3), None, time()], dtype=pl.Time),
        "list": [[1, None], None, []],
    }
)


COPIED: list[str] = []
"""Statements that were a COPY."""


def answer(query: pg.Query) -> pg.Result | pg.CopyOut:
    rows = FRAME if "polars" in query.sql else SOURCE
    if query.copy is not None:
        COPIED.append(query.copy.options.format)
        return pg.CopyOut(rows=rows, options=query.copy.options)
    return pg.Result(rows=rows)


@pytest.fixture(scope="module")
def uri() -> Iterator[str]:
    with hosted(pg.PythonEngine(answer)) as running:
        yield f"postgresql://t@127.0.0.1:{running.server.port}/t?sslmode=disable"


@pytest.mark.parametrize("copied", [True, False])
def test_adbc_gets_the_source_back(uri: str, copied: bool) -> None:
    COPIED.clear()
    with adbc.connect(uri) as connection, connection.cursor() as cursor:
        cursor.adbc_statement.set_options(**{"adbc.postgresql.use_copy": str(copied).lower()})
        cursor.execute("select everything")
        found = cursor.fetch_arrow_table()
    assert ["binary"] * copied == COPIED
    assert found.column_names == SOURCE.column_names
    for name, (_, values, expected) in COLUMNS.items():
        read = found.column(name).to_pylist()
        if name in ("struct", "map"):
            read = [value and json.loads(value) for value in read]
        assert read == [value if value is None else expected(value) for value in padded(values)], name


def test_polars_gets_its_frame_back(uri: str) -> None:
    found = pl.read_database_uri("select polars", uri, engine="adbc")
    assert found.equals(FRAME.with_columns(pl.col("at").cast(pl.Datetime("us"))))
    assert found.schema == FRAME.schema
