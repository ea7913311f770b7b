"""Native and pure give the same values, bytes and errors, whatever they are fed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta, timezone
from ipaddress import IPv4Interface, IPv4Network, IPv6Network
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

import pgwire_py._native as native
from pgwire_py import oids
from pgwire_py._impl import pure
from pgwire_py.errors import PostgresError

OIDS = st.sampled_from([*oids.TYPES, 0, 99_999])
FORMATS = st.sampled_from([0, 1])
ZONES = st.sampled_from([None, timezone.utc, timezone(timedelta(hours=-5, minutes=-30))])
WORDS = (
    '2024-02-29 10:11:12.5 T +02 -05:30 BC infinity nan - 1 12 999 .5 e5 e-400 { } , " \\ \\x 0f NULL t of P Y M day mons ago year'
    " [0:1]= é a0eebc99-9c0b-4ef8-bb6d- 6bb9bd380a11 : week sec us @ \0 / ( ) $ 0x :: 08:00:2b: fe80:: 1.2.3.4 ago \\101 pg_class"
)
FRAGMENTS = st.lists(st.sampled_from([" ", *WORDS.split(" ")]), max_size=8).map("".join)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.floats(width=32)
    | st.decimals()
    | st.text(max_size=20)
    | FRAGMENTS
    | st.binary(max_size=20)
    | st.dates()
    | st.times()
    | st.datetimes(timezones=ZONES)
    | st.timedeltas()
    | st.uuids()
    | st.ip_addresses()
    | st.tuples(st.integers(-1, 2**32), st.integers(-1, 2**16))
    | st.tuples(st.integers(0, 9), st.integers(0, 9), st.lists(st.integers(0, 9), max_size=3))
    | st.times(timezones=ZONES)
    | st.sampled_from(
        [timedelta.max, timedelta.min, IPv4Interface("1.2.3.4/8"), IPv6Network("fe80::/16"), IPv4Network("0.0.0.0/0")]
    )
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


def outcome(call: Callable[[], Any]) -> Any:
    """The result with its types, or the whole error; anything but a PostgresError is a failure."""
    try:
        return repr(call())
    except PostgresError as error:
        return type(error), error.sqlstate, error.message, error.fields


@given(OIDS, FORMATS, VALUES)
@example(oids.FLOAT8, 0, 1e23)
@example(oids.FLOAT4, 0, 8388608.0)
def test_encoding(oid: int, format_code: int, value: object) -> None:
    encoded = outcome(lambda: native.encode_value(oid, format_code, value))
    assert encoded == outcome(lambda: pure.encode_value(oid, format_code, value))
    rows = [(value,), [value]]
    assert outcome(lambda: native.RowEncoder([oid], [format_code]).encode(rows, 0, 1 << 20)) == outcome(
        lambda: pure.RowEncoder([oid], [format_code]).encode(rows, 0, 1 << 20)
    )


@given(OIDS, FORMATS, st.binary(max_size=40) | FRAGMENTS.map(str.encode))
def test_decoding_anything(oid: int, format_code: int, data: bytes) -> None:
    assert outcome(lambda: native.decode_values([oid], [format_code], [data])) == outcome(
        lambda: pure.decode_values([oid], [format_code], [data])
    )


@given(OIDS, FORMATS, VALUES, st.data())
def test_decoding_what_was_encoded_and_then_changed(oid: int, format_code: int, value: object, data: Any) -> None:
    try:
        encoded = native.encode_value(oid, format_code, value)
    except PostgresError:
        return
    if not encoded:
        return
    position = data.draw(st.integers(0, len(encoded) - 1))
    changed = encoded[:position] + data.draw(st.binary(max_size=2)) + encoded[position + 1 :]
    for candidate in (encoded, changed):
        assert outcome(lambda data=candidate: native.decode_values([oid], [format_code], [data])) == outcome(
            lambda data=candidate: pure.decode_values([oid], [format_code], [data])
        )


TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))


@given(st.lists(st.tuples(st.integers(-(2**31), 2**31 - 1) | st.none(), TEXTS), max_size=20), st.integers(1, 60))
def test_stopping(rows: list[tuple[int | None, str]], max_bytes: int) -> None:
    types = [oids.INT4, oids.TEXT]
    start = 0
    while start < len(rows):
        expected = native.RowEncoder(types, []).encode(rows, start, max_bytes)
        assert expected == pure.RowEncoder(types, []).encode(rows, start, max_bytes)
        start = expected[1]
