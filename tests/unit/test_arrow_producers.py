"""Arrow of every library that produces it: the same rows come out."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timezone
from decimal import Decimal
from typing import Any

import datafusion
import duckdb
import nanoarrow as na
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from pgwire_py import oids

ROWS: dict[str, list[Any]] = {
    "i": [1, None, -3],
    "f": [1.5, None, float("inf")],
    "s": ["a", None, "é" * 20],
    "b": [True, None, False],
    "d": [date(2024, 1, 2), None, date(1, 1, 1)],
}
TYPES = [oids.INT8, oids.FLOAT8, oids.TEXT, oids.BOOL, oids.DATE]
TABLE = pa.table(ROWS)

PRODUCERS: dict[str, Callable[[], Any]] = {
    "pyarrow table": lambda: TABLE,
    "pyarrow batch": lambda: TABLE.to_batches()[0],
    "pyarrow reader": TABLE.to_reader,
    "polars": lambda: pl.DataFrame(ROWS),
    "polars series": lambda: pl.DataFrame(ROWS).to_struct("rows"),
    "duckdb": lambda: duckdb.connect().from_arrow(TABLE),
    "datafusion": lambda: datafusion.SessionContext().from_arrow(TABLE),
    "nanoarrow stream": lambda: na.ArrayStream(TABLE),
    "nanoarrow array": lambda: na.Array(TABLE.to_batches()[0]),
    "pandas": lambda: TABLE.to_pandas(types_mapper=pd.ArrowDtype),
}


def read(core: Any, source: Any, types: list[int] | None = None) -> tuple[list[Any], list[Any]]:
    """Type OIDs, and the rows by way of binary format."""
    encoder = core.ArrowEncoder(source, [1], types=types)
    found = [oid for _, oid in encoder.columns]
    data, _, ended = encoder.encode(0, 1 << 20)
    assert ended
    return found, core.RowDecoder(found, [1]).decode(bytes(data))


@pytest.mark.parametrize("name", PRODUCERS)
def test_the_same_rows_of_every_producer(core: Any, name: str) -> None:
    types, rows = read(core, PRODUCERS[name]())
    assert types == TYPES
    assert rows == list(zip(*ROWS.values(), strict=True))


def test_polars_own_types(core: Any) -> None:
    frame = pl.DataFrame(
        {
            "cat": pl.Series(["x", "y", None], dtype=pl.Categorical),
            "enum": pl.Series(["p", None, "q"], dtype=pl.Enum(["p", "q"])),
            "dec": pl.Series([Decimal("1.50"), None, Decimal("-2.25")], dtype=pl.Decimal(10, 2)),
            "list": [[1, 2], None, []],
            "array": pl.Series([[1, 2], None, [3, 4]], dtype=pl.Array(pl.Int16, 2)),
            "when": pl.Series([datetime(2024, 1, 1), None, None], dtype=pl.Datetime("ns", "UTC")),
            "u64": pl.Series([2**64 - 1, None, 0], dtype=pl.UInt64),
            "struct": [{"a": 1}, None, {"a": None}],
            "nothing": [None, None, None],
            "i128": pl.Series([5, None, -5], dtype=pl.Int32),
            "bin": [b"\0", None, b""],
        }
    )
    types, rows = read(core, frame)
    assert types == [
        oids.TEXT,
        oids.TEXT,
        oids.NUMERIC,
        oids.INT8_ARRAY,
        oids.INT2_ARRAY,
        oids.TIMESTAMPTZ,
        oids.NUMERIC,
        oids.JSON,
        oids.TEXT,
        oids.INT4,
        oids.BYTEA,
    ]
    when = datetime(2024, 1, 1, tzinfo=timezone.utc)
    first = ("x", "p", Decimal("1.50"), [1, 2], [1, 2], when, Decimal(2**64 - 1), '{"a": 1}', None, 5, b"\0")
    assert rows[0] == first
    assert rows[1][:7] == ("y", None, None, None, None, None, None)
    assert rows[2][3:5] == ([], [3, 4])


def test_duckdbs_own_types(core: Any) -> None:
    relation = duckdb.connect().sql(
        "select uuid '00000000-0000-0000-0000-000000000001' as u, 170141183460469231731687303715884105727 as h,"
        " interval '1 month 2 days 3 seconds' as i, {'a': [1, null]} as s, map {'k': 1} as m, 'x'::enum('x', 'y') as e,"
        " bitstring '101' as b, [[1], [2]] as l, time '01:02:03' as t, 'a'::blob as z"
    )
    types, rows = read(core, relation, [oids.UUID, *[0] * 9])
    assert (str(rows[0][0]), str(rows[0][1])) == ("00000000-0000-0000-0000-000000000001", str(2**127 - 1))
    assert types[3:5] == [oids.JSON, oids.JSON]
    assert rows[0][3:6] == ('{"a": [1, null]}', '{"k": 1}', "x")
    assert rows[0][7] == [[1], [2]]


def test_pandas_without_arrow_types(core: Any) -> None:
    frame = pd.DataFrame({"n": [1, 2], "s": ["a", None], "c": pd.Categorical(["x", "y"])})
    types, rows = read(core, frame)
    assert types == [oids.INT8, oids.TEXT, oids.TEXT]
    assert rows == [(1, "a", "x"), (2, None, "y")]


def test_an_empty_table_and_one_without_columns(core: Any) -> None:
    assert core.ArrowEncoder(TABLE.slice(0, 0), []).encode(0, 100) == (b"", 0, True)
    assert core.ArrowEncoder(pl.DataFrame(ROWS).clear(), []).encode(0, 100) == (b"", 0, True)
    none = pa.table({"a": [1, 2]}).select([])
    assert core.ArrowEncoder(none, []).columns == []
    assert core.ArrowEncoder(none, []).encode(0, 100) == (b"D\0\0\0\6\0\0" * 2, 2, True)
