"""Rows for the fuzzer, to be made Arrow: a byte that chooses the columns, one for the layout, and the bytes of rows."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Sequence
from functools import cache
from random import Random
from typing import Any

import pyarrow as pa

from pgwire_py import oids
from pgwire_py._impl import pure
from pgwire_py.errors import PostgresError, RemoteProtocolError

from .mutations import LARGEST, damaged

HEAD = 2
HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
# Types, type modifier, a row. No floats: Python does not keep which NaN one is.
PLANS: Sequence[tuple[list[Any], int, tuple[Any, ...]]] = (
    ([oids.INT4, oids.TEXT, oids.BOOL], -1, (7, "é", True)),
    ([oids.NUMERIC, oids.NUMERIC], (12 << 16 | 3) + 4, ("-12.340", "99999999")),
    ([oids.NUMERIC, oids.NUMERIC], (40 << 16 | 30) + 4, ("0.00001", "1e9")),
    ([oids.NUMERIC, oids.NAME], -1, ("1e20", "n")),
    ([oids.TIMESTAMP, oids.TIMESTAMPTZ, oids.DATE], -1, ("2024-02-29", "infinity", "0001-01-01")),
    ([oids.INTERVAL, oids.TIME, oids.UUID], -1, ("1 mon 2 s", "24:00", "00000000-0000-0000-0000-000000000007")),
    ([oids.INT4_ARRAY, oids.TEXT_ARRAY], -1, ("{1,NULL}", '{a,"b c"}')),
    ([oids.JSONB, oids.INET, oids.INT4RANGE, oids.BYTEA], -1, ("[1]", "10.0.0.1", "[1,5)", "\\x00ff")),
    ([oids.INT2, oids.INT8, oids.OID, oids.XID8, oids.MONEY], -1, (1, 2, 3, 4, "$5.00")),
)


@cache
def seeds() -> Sequence[bytes]:
    found = []
    for number, (types, _, row) in enumerate(PLANS):
        for layout in range(3):
            name = "copy" if layout == 2 else "data_row"
            encoder = pure.RowEncoder(types, [int(layout > 0)], layout=name)
            data, _ = encoder.encode([row, (None,) * len(row)], 0, 1 << 20)
            found.append(bytes([number, layout]) + data)
            if layout == 2:
                found.append(bytes([number, layout]) + HEADER + data + b"\xff\xff")
    return tuple(found)


def mutate(data: bytes, other: bytes, dice: Random) -> bytes:
    if dice.random() < 0.15:
        return (data + other[HEAD:])[:LARGEST]
    return data[:HEAD] + damaged(data[HEAD:], dice)


def run(core: Any, data: bytes, settings: Random, chunks: Random) -> Any:
    number, layout = (data[0] % len(PLANS), data[1] % 3) if len(data) >= HEAD else (0, 0)
    types, modifier, _ = PLANS[number]
    decoder = core.ArrowDecoder(
        types,
        list("abcdefg")[: len(types)],
        [int(layout > 0)],
        type_modifiers=[modifier] * len(types),
        layout="copy" if layout == 2 else "data_row",
        max_rows=settings.choice((1, 2, 1000)),
        max_bytes=settings.choice((30, 1 << 20)),
    )
    # How much is left over behind the end depends on the chunks: they are the same for both.
    step = settings.choice((1, 5, 30, LARGEST)) if layout == 2 else LARGEST
    try:
        full = [batch for at in range(HEAD, len(data), step) for batch in decoder.feed(data[at : at + step])]
        return [_stored(pa.record_batch(batch)) for batch in [*full, decoder.finish()]]
    except PostgresError as error:
        return type(error).__name__, error.response_fields()
    except RemoteProtocolError as error:
        return type(error).__name__, {"M": str(error)}


def _stored(batch: pa.RecordBatch) -> Any:
    """The buffers, byte by byte."""
    batch.validate()
    buffers = [[None if part is None else part.to_pybytes() for part in column.buffers()] for column in batch.columns]
    return batch.schema.to_string(), batch.num_rows, buffers


def features(outcome: Any) -> Iterable[Hashable]:
    if isinstance(outcome, tuple):
        yield outcome[0], re.sub(r'".*"|0x\w+|\d+', "…", outcome[1]["M"], flags=re.DOTALL)
        return
    yield min(len(outcome), 4)
    for schema, rows, buffers in outcome:
        yield schema, min(rows, 3), tuple(column[0] is None for column in buffers)
