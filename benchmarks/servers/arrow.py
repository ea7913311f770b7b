"""The benchmark's rows as Arrow."""

from __future__ import annotations

import pyarrow as pa

from ..data import COLUMNS, make_rows


def arrow_table() -> pa.Table:
    """The rows of bench_rows as one table of one batch."""
    types = {"int4": pa.int32(), "timestamp": pa.timestamp("us"), "float8": pa.float64(), "text": pa.string()}
    schema = pa.schema([(name, types[kind]) for name, kind in COLUMNS])
    columns = zip(*make_rows(), strict=True)
    return pa.table([pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)], schema)
