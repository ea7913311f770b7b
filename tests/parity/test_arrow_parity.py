"""Arrow tables of every type: both cores make the same rows, or raise the same error."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from pgwire_py import oids
from pgwire_py.copy import ArrowCopyEncoder, CopyOptions
from pgwire_py.errors import PostgresError
from tests.support.arrow_tables import tables
from tests.support.copying import implementation_of
from tests.support.typed import CORES

NO_TYPE = 99_999
ASKED = [0, 0, oids.TEXT, oids.JSON, oids.JSONB, oids.RECORD, oids.INT8, oids.NUMERIC, oids.FLOAT4, NO_TYPE]
ASKED += [oids.TIMESTAMP, oids.TIMESTAMPTZ, oids.BOOL, oids.TEXT_ARRAY, oids.NUMERIC_ARRAY, oids.UUID, oids.INTERVAL]
OPTIONS = [CopyOptions(), CopyOptions("binary"), CopyOptions("csv", header=True), CopyOptions("csv", encoding="LATIN1")]


def rows(core: Any, table: pa.Table, arguments: dict[str, Any], max_rows: int, max_bytes: int) -> Any:
    try:
        encoder = core.ArrowEncoder(table, **arguments)
        steps = []
        while not steps or not steps[-1][2]:
            data, count, ended = encoder.encode(max_rows, max_bytes)
            steps.append((bytes(data), count, ended))
    except PostgresError as error:
        return error.sqlstate, error.message, error.where
    return encoder.columns, steps


@settings(max_examples=400)
@given(
    table=tables(),
    shape=st.sampled_from([{"formats": [0]}, {"formats": [1]}, {"layout": "copy"}]),
    types=st.none() | st.lists(st.sampled_from(ASKED), min_size=3, max_size=3),
    max_rows=st.integers(0, 3),
    max_bytes=st.sampled_from([1, 100, 1 << 20]),
)
def test_rows(table: Any, shape: dict[str, Any], types: Any, max_rows: int, max_bytes: int) -> None:
    arguments = {**shape, "types": None if types is None else types[: table.num_columns]}
    native, pure = (rows(core, table, arguments, max_rows, max_bytes) for core in CORES)
    assert native == pure


@settings(max_examples=100)
@given(table=tables(), options=st.sampled_from(OPTIONS), max_rows=st.integers(0, 3))
def test_copy(table: Any, options: CopyOptions, max_rows: int) -> None:
    found = []
    for core in CORES:
        with implementation_of(core):
            try:
                encoder = ArrowCopyEncoder(table, options)
                steps: list[Any] = []
                while not steps or not steps[-1][2]:
                    data, count, ended = encoder.encode_part(max_rows)
                    steps.append((bytes(data), count, ended))
                found.append((steps, encoder.finish()))
            except PostgresError as error:
                found.append(([], (error.sqlstate, error.message, error.where)))
    assert found[0] == found[1]
