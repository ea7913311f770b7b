"""Native and pure read the same rows, or find the same fault, in whatever bytes they are given; and write the same bytes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

import pgwire_py._native as native
from pgwire_py import oids
from pgwire_py._impl import pure
from pgwire_py.errors import PostgresError, RemoteProtocolError

from .test_values_parity import OIDS, VALUES

CORES: tuple[Any, Any] = (native, pure)
LAYOUTS = st.sampled_from(["data_row", "copy"])
NUMERIC = st.decimals(allow_nan=False, allow_infinity=False, places=5, min_value=-(10**20), max_value=10**20)
USUAL = st.tuples(
    st.integers(-(2**31), 2**31 - 1),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(),
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8),
    st.datetimes(),
    st.dates(),
    st.booleans(),
    NUMERIC | st.decimals(),
)
TYPES = [oids.INT4, oids.INT8, oids.FLOAT8, oids.TEXT, oids.TIMESTAMP, oids.DATE, oids.BOOL, oids.NUMERIC]


def outcome(call: Callable[[], Any]) -> Any:
    """The result with its types, or the whole error; anything but the two kinds of error is a failure."""
    try:
        return repr(call())
    except PostgresError as error:
        return type(error), error.sqlstate, error.message, error.fields
    except RemoteProtocolError as error:
        return repr(error)


def decoded(core: Any, types: list[int], formats: list[int], layout: str, data: Any) -> Any:
    return outcome(lambda: core.RowDecoder(types, formats, layout=layout).decode(data))


@st.composite
def changed(draw: st.DrawFn, data: bytes) -> bytes:
    """Data with a few bytes replaced, left out or put in."""
    for _ in range(draw(st.integers(0, 3))):
        position = draw(st.integers(0, len(data)))
        data = data[:position] + draw(st.binary(max_size=4)) + data[position + draw(st.integers(0, 4)) :]
    return data


@given(st.lists(USUAL, max_size=4), st.sampled_from([0, 1]), LAYOUTS, st.data())
def test_usual_rows(rows: list[Any], code: int, layout: str, data: Any) -> None:
    formats = [1] if layout == "copy" else [code]
    encoded, expected = (
        outcome(lambda c=core: c.RowEncoder(TYPES, formats, layout=layout).encode(rows, 0, 1 << 20)) for core in CORES
    )
    assert encoded == expected
    columns = [list(column) for column in zip(*rows, strict=True)] or [[] for _ in TYPES]
    for core in CORES:
        made = outcome(lambda c=core: c.RowEncoder(TYPES, formats, layout=layout).encode_columns(columns, 0, 1 << 20))
        assert made == encoded
    try:
        written = bytes(native.RowEncoder(TYPES, formats, layout=layout).encode(rows, 0, 1 << 20)[0])
    except PostgresError:
        return
    for candidate in (written, data.draw(changed(written))):
        assert decoded(native, TYPES, formats, layout, candidate) == decoded(pure, TYPES, formats, layout, candidate)


@given(st.lists(OIDS, max_size=4), st.integers(0, 1), LAYOUTS, st.data())
def test_rows_of_any_type(types: list[int], code: int, layout: str, data: Any) -> None:
    formats = [1] if layout == "copy" else [code]
    fields = data.draw(st.lists(st.binary(max_size=20), min_size=len(types), max_size=len(types)))
    for number, oid in enumerate(types):
        try:
            fields[number] = native.encode_value(oid, formats[0], data.draw(VALUES)) or b""
        except PostgresError:
            continue
    body = len(types).to_bytes(2, "big") + b"".join(len(field).to_bytes(4, "big") + field for field in fields)
    row = body if layout == "copy" else b"D" + (len(body) + 4).to_bytes(4, "big") + body
    for candidate in (
        row,
        data.draw(changed(row * 2)),
        [data.draw(changed(body)), body],
        data.draw(st.binary(max_size=30)),
    ):
        assert decoded(native, types, formats, layout, candidate) == decoded(pure, types, formats, layout, candidate)


@given(st.binary(max_size=30))
def test_numerics(data: bytes) -> None:
    body = b"\0\1" + len(data).to_bytes(4, "big") + data
    assert decoded(native, [oids.NUMERIC], [1], "copy", body) == decoded(pure, [oids.NUMERIC], [1], "copy", body)


WORDS = st.sampled_from([0, 1, 2, 9, 10, 1000, 4500, 9999, 10000])


@given(
    st.lists(WORDS, max_size=9),
    st.integers(-3, 9) | st.sampled_from([-(2**15), 2**15 - 1]),
    st.sampled_from([0, 0x4000, 1]),
    st.integers(0, 40),
)
def test_numerics_of_any_shape(digits: list[int], weight: int, sign: int, scale: int) -> None:
    words = [len(digits), weight & 0xFFFF, sign, scale, *digits]
    test_numerics.hypothesis.inner_test(b"".join(word.to_bytes(2, "big") for word in words))  # type: ignore[attr-defined]


@given(st.lists(st.text(max_size=3), max_size=4), st.data())
def test_records(names: list[str], data: Any) -> None:
    values = data.draw(st.lists(st.integers(), min_size=len(names), max_size=len(names)))
    one, other = (core.Record(names, values) for core in CORES)
    for ask in (repr, hash, list, len, dict, lambda record: (record.keys(), record.values(), record.items())):
        assert ask(one) == ask(other)
