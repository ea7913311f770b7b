"""Native and pure make the same record batches of the same rows, or find the same fault, in whatever bytes they are given."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

import pgwire_py._native as native
from pgwire_py import oids
from pgwire_py._impl import pure
from pgwire_py.errors import PostgresError

from .test_rows_parity import TYPES, USUAL, changed, outcome
from .test_values_parity import OIDS, VALUES

LAYOUTS = st.sampled_from(["data_row", "copy"])
MODIFIERS = st.sampled_from([-1, (12 << 16 | 3) + 4, (38 << 16) + 4, (76 << 16 | 20) + 4, (3 << 16 | 0x7FE) + 4])


def batches(core: Any, types: Any, formats: list[int], layout: str, pieces: list[Any], **options: Any) -> Any:
    """The schema and the columns of every batch, checked by pyarrow; or the error."""

    def read() -> Any:
        decoder = core.ArrowDecoder(
            types, [f"c{number}" for number in range(len(types))], formats, layout=layout, **options
        )
        full = [batch for piece in pieces for batch in decoder.feed(piece)]
        made = [pa.record_batch(batch) for batch in [*full, decoder.finish()]]
        for batch in made:
            batch.validate()
        return [
            (batch.schema.to_string(), batch.num_rows, [str(_stored(column)) for column in batch]) for batch in made
        ]

    return outcome(read)


def _stored(column: pa.Array) -> Any:
    """What a column holds, where pyarrow prints it whole: Python has no such dates."""
    if isinstance(column, pa.ExtensionArray):
        column = column.storage
    if pa.types.is_date32(column.type):
        column = column.view(pa.int32())
    elif pa.types.is_timestamp(column.type) or pa.types.is_time(column.type):
        column = column.view(pa.int64())
    return column.to_string(window=1_000_000)


def same(*arguments: Any, **options: Any) -> None:
    one, other = (batches(core, *arguments, **options) for core in (native, pure))
    assert one == other


@given(st.lists(USUAL, max_size=4), st.sampled_from([0, 1]), LAYOUTS, MODIFIERS, st.data())
def test_usual_rows(rows: list[Any], code: int, layout: str, modifier: int, data: Any) -> None:
    formats = [1] if layout == "copy" else [code]
    try:
        written = bytes(native.RowEncoder(TYPES, formats, layout=layout).encode(rows, 0, 1 << 20)[0])
    except PostgresError:
        return
    options = {"type_modifiers": [modifier] * len(TYPES), "max_rows": data.draw(st.integers(1, 3))}
    for candidate in (written, data.draw(changed(written))):
        same(TYPES, formats, layout, [candidate], **options)
        if layout == "copy":
            cut = data.draw(st.integers(0, len(candidate)))
            same(TYPES, formats, layout, [candidate[:cut], candidate[cut:]], **options)


@given(st.lists(OIDS, max_size=4), st.integers(0, 1), LAYOUTS, MODIFIERS, st.data())
def test_rows_of_any_type(types: list[int], code: int, layout: str, modifier: int, data: Any) -> None:
    formats = [1] if layout == "copy" else [code]
    fields = data.draw(st.lists(st.binary(max_size=20), min_size=len(types), max_size=len(types)))
    for number, oid in enumerate(types):
        try:
            fields[number] = native.encode_value(oid, formats[0], data.draw(VALUES)) or b""
        except PostgresError:
            continue
    body = len(types).to_bytes(2, "big") + b"".join(len(field).to_bytes(4, "big") + field for field in fields)
    row = body if layout == "copy" else b"D" + (len(body) + 4).to_bytes(4, "big") + body
    header = b"PGCOPY\n\xff\r\n\0" + bytes(8) if layout == "copy" else b""
    for pieces in (
        [header + row],
        [data.draw(changed(header + row * 2))],
        [[data.draw(changed(body)), body]],
        [data.draw(st.binary(max_size=30))],
    ):
        same(types, formats, layout, pieces, type_modifiers=[modifier] * len(types))


@given(st.binary(max_size=30), MODIFIERS)
def test_numerics(data: bytes, modifier: int) -> None:
    body = b"\0\1" + len(data).to_bytes(4, "big") + data
    same([oids.NUMERIC], [1], "copy", [body], type_modifiers=[modifier])


WORDS = st.sampled_from([0, 1, 2, 9, 10, 1000, 4500, 9999, 10000])


@given(
    st.lists(WORDS, max_size=22),
    st.integers(-6, 20) | st.sampled_from([-(2**15), 2**15 - 1]),
    st.sampled_from([0, 0x4000, 1, 0xC000, 0xD000]),
    st.integers(0, 80),
    MODIFIERS,
)
def test_numerics_of_any_shape(digits: list[int], weight: int, sign: int, scale: int, modifier: int) -> None:
    words = [len(digits), weight & 0xFFFF, sign, scale, *digits]
    test_numerics.hypothesis.inner_test(b"".join(word.to_bytes(2, "big") for word in words), modifier)  # type: ignore[attr-defined]


KINDS = st.recursive(
    st.sampled_from([oids.INT4, oids.TEXT, oids.NUMERIC, oids.BOOL, oids.INT4_ARRAY]),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3) | st.lists(inner, min_size=1, max_size=1),
    max_leaves=4,
)
SAMPLES = {
    oids.INT4: b"\0\0\0\7",
    oids.TEXT: b"text",
    oids.NUMERIC: b"\0\1\0\0\0\0\0\0\0\5",
    oids.BOOL: b"\1",
    oids.INT4_ARRAY: b"\0\0\0\1" + bytes(4) + b"\0\0\0\x17\0\0\0\1\0\0\0\1\0\0\0\4\0\0\0\2",
}


def sample(kind: Any) -> bytes:
    """A value of a type that is spelled out."""

    def sized(data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + data

    if isinstance(kind, dict):
        parts = (bytes(4) + sized(sample(inner)) for inner in kind.values())
        return len(kind).to_bytes(4, "big") + b"".join(parts)
    if isinstance(kind, list):
        items = sized(sample(kind[0])) + b"\xff\xff\xff\xff" + sized(sample(kind[0]))
        return b"\0\0\0\1" + bytes(8) + b"\0\0\0\3\0\0\0\1" + items
    return SAMPLES[kind]


@given(KINDS, st.data())
def test_types_that_are_spelled_out(kind: Any, data: Any) -> None:
    whole = sample(kind)
    rows = []
    for value in (whole, data.draw(changed(whole))):
        rows.append(b"\0\1" + len(value).to_bytes(4, "big") + value)
    same([kind], [1], "data_row", [[rows[0], b"\0\1\xff\xff\xff\xff"]])
    same([kind], [1], "data_row", [[rows[1], rows[0]]])
