"""Native and pure give the same values, bytes and errors for the types with parts, whatever they are fed."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import pgwire_py._native as native
from pgwire_py._impl import pure
from pgwire_py.errors import PostgresError
from tests.parity.test_values_parity import VALUES as SCALARS
from tests.parity.test_values_parity import outcome
from tests.support.containers import OIDS, RECORD, RECORD_ARRAY, TYPES, VALUES, arrays

FORMATS = st.sampled_from([0, 1])
KINDS = st.sampled_from(list(TYPES))
WORDS = (
    "1 2 -3 1.5 inf NaN ( ) (( )) [ ] { } < > <-> <2> , ; ' \" \\ : :1A :* * & | ! a b empty NULL b10 xF = [0:1]= 2020-01-01 infinity"
    " 2147483647 e5 é 😀 \"\" '' ."
)
FRAGMENTS = st.lists(st.sampled_from([" ", *WORDS.split(" ")]), max_size=10).map("".join)
ANY_VALUE = st.one_of(*VALUES.values())
RECORDS = st.recursive(
    ANY_VALUE | SCALARS,
    lambda inner: st.lists(inner, max_size=4).map(tuple) | st.lists(inner, max_size=3),
    max_leaves=8,
)


def same_encoding(oid: int, format_code: int, value: object) -> bytes | None:
    encoded = outcome(lambda: native.encode_value(oid, format_code, value))
    assert encoded == outcome(lambda: pure.encode_value(oid, format_code, value))
    return native.encode_value(oid, format_code, value) if isinstance(encoded, str) else None


def same_decoding(oid: int, format_code: int, data: bytes) -> None:
    assert outcome(lambda: native.decode_values([oid], [format_code], [data])) == outcome(
        lambda: pure.decode_values([oid], [format_code], [data])
    )


@given(st.sampled_from(OIDS), FORMATS, ANY_VALUE | SCALARS | RECORDS | st.lists(ANY_VALUE, max_size=3))
@example(RECORD, 1, ((), [], [()], [[1, None], [2, 3]], "é", None))
def test_encoding_anything(oid: int, format_code: int, value: object) -> None:
    same_encoding(oid, format_code, value)


@settings(max_examples=400)
@given(st.sampled_from(OIDS), FORMATS, FRAGMENTS.map(str.encode) | st.binary(max_size=60))
def test_decoding_anything(oid: int, format_code: int, data: bytes) -> None:
    same_decoding(oid, format_code, data)


@given(st.sampled_from([RECORD, RECORD_ARRAY]), FORMATS, RECORDS)
def test_records(oid: int, format_code: int, value: object) -> None:
    encoded = same_encoding(oid, format_code, value)
    if encoded is not None:
        same_decoding(oid, format_code, encoded)


@settings(max_examples=400)
@given(KINDS, FORMATS, st.booleans(), st.data())
def test_decoding_what_was_encoded_and_then_changed(kind: str, format_code: int, many: bool, data: Any) -> None:
    value = data.draw(arrays(VALUES[kind]) if many else VALUES[kind])
    oid = TYPES[kind][many]
    try:
        encoded = native.encode_value(oid, format_code, value)
    except PostgresError:
        return
    assert encoded is not None
    same_decoding(oid, format_code, encoded)
    if encoded:
        position = data.draw(st.integers(0, len(encoded) - 1))
        cut = data.draw(st.integers(0, 4))
        same_decoding(
            oid, format_code, encoded[:position] + data.draw(st.binary(max_size=3)) + encoded[position + cut :]
        )


def _nested(levels: int) -> tuple[Any, ...]:
    value: tuple[Any, ...] = ()
    for _ in range(levels):
        value = (value,)
    return value


def test_nesting_is_bounded() -> None:
    for core in (native, pure):
        deepest = core.encode_value(RECORD, 1, _nested(64))
        assert core.decode_values([RECORD], [1], [deepest]) == (_nested(64),)
        deeper = b"\0\0\0\1" + RECORD.to_bytes(4, "big") + len(deepest).to_bytes(4, "big") + deepest
        circle: list[Any] = []
        circle.append((circle,))
        for call in (
            lambda core=core: core.encode_value(RECORD, 1, _nested(65)),
            lambda core=core, deeper=deeper: core.decode_values([RECORD], [1], [deeper]),
            lambda core=core, circle=circle: core.encode_value(RECORD, 0, tuple(circle)),
        ):
            with pytest.raises(PostgresError) as caught:
                call()
            assert caught.value.sqlstate == "54001"


# A few bytes that announce very much: each is refused before anything is allocated for it.
BOMBS = {
    1007: ["00000006000000000000001700010000" + "00010000" * 11, "0000000100000000000000177fffffff00000001"],
    2287: ["0000000200000000000008c9000100000000000100010000000000010000"],
    RECORD: ["7fffffff", "ffffffff", "00000001000000190000ffff"],
    4451: ["7fffffff", "80000000"],
    3614: ["7fffffff", "0000000161000fff"],
    3615: ["7fffffff", "000000010204", "00000002" + "0201" * 2],
    602: ["017fffffff", "0100000002" + "00" * 16, "0100000000"],
    604: ["07ffffff", "ffffffff"],
    1562: ["7fffffff", "7ffffff8", "00000009ff"],
    3904: ["02", "02ffffffff", "027fffffff00000001", "06000000040000000100000004"],
    30: ["0000000100000000000000" + "1a7fffffff00000000"],
}


def test_counts_that_lie() -> None:
    for oid, datas in BOMBS.items():
        for data in datas:
            raw = bytes.fromhex(data)
            same_decoding(oid, 1, raw)
            with pytest.raises(PostgresError) as caught:
                native.decode_values([oid], [1], [raw])
            assert caught.value.sqlstate in ("22P03", "54000"), (oid, data)


def test_long_queries_need_no_stack() -> None:
    words = 20_000
    for text in (
        " & ".join("a" * words),
        "(" * words + "a" + ")" * words,
        "!" * words + "a",
        "a & (" * words + "a" + ")" * words,
    ):
        binary = native.encode_value(3615, 1, text)
        assert binary == pure.encode_value(3615, 1, text)
        same_decoding(3615, 1, binary)
