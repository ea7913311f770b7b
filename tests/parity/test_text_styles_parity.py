"""Native and pure print and read alike under any settings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

import pgwire_py._native as native
from pgwire_py import oids
from pgwire_py._impl import pure
from pgwire_py.errors import PostgresError
from pgwire_py.server.zones import find_zone

NAMES = ("UTC", "America/New_York", "Australia/Lord_Howe", "Europe/Dublin", "<+03>-03", "XXX3YYY,J60/0,300/25")
STYLES = st.fixed_dictionaries(
    {
        "dates": st.sampled_from(["ISO", "SQL", "Postgres", "German"]),
        "order": st.sampled_from(["MDY", "DMY", "YMD"]),
        "intervals": st.sampled_from(["postgres", "postgres_verbose", "sql_standard", "iso_8601"]),
        "zone": st.sampled_from(NAMES).map(lambda name: (found := find_zone(name)) and found.table(1_700_000_000)),
        "float_digits": st.integers(-15, 3),
        "bytea": st.sampled_from(["hex", "escape"]),
    }
)
TYPES = st.sampled_from(
    (
        *(
            oids.DATE,
            oids.TIME,
            oids.TIMETZ,
            oids.TIMESTAMP,
            oids.TIMESTAMPTZ,
            oids.INTERVAL,
            oids.FLOAT4,
            oids.FLOAT8,
            oids.BYTEA,
        ),
        *(
            oids.POINT,
            oids.CIRCLE,
            oids.LINE,
            oids.DATERANGE,
            oids.TSTZRANGE,
            oids.TSMULTIRANGE,
            oids.RECORD,
            oids.NUMERIC,
        ),
        *(oids.TIMESTAMPTZ_ARRAY, oids.DATE_ARRAY, oids.INTERVAL_ARRAY, oids.FLOAT8_ARRAY, oids.BYTEA_ARRAY),
    )
)
WORDS = (
    "1 2 03 12 31 99 2003 0044 10000 / - . : , T BC AD EST edt -05 +05:30 Z utc Sat Monday Jan february 08 04:05:06 24:00 .5 ; "
    'infinity epoch { } [ ) ( , " \\ \\x00 1e22 -1.5e-7 day mons -3 ago P1Y é'
)
TEXTS = st.lists(st.sampled_from([" ", *WORDS.split(" ")]), max_size=10).map("".join)


def outcome(function: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    try:
        return function(*arguments, **named)
    except PostgresError as error:
        return error.sqlstate, error.message


@given(TYPES, TEXTS, STYLES)
def test_texts_are_read_alike(oid: int, text: str, style: dict[str, Any]) -> None:
    data = [text.encode()]
    ours = outcome(native.decode_values, [oid], [0], data, native.TextStyle(**style))
    assert repr(ours) == repr(outcome(pure.decode_values, [oid], [0], data, pure.TextStyle(**style)))


@given(TYPES, st.binary(max_size=40), STYLES)
def test_binary_values_are_printed_alike(oid: int, data: bytes, style: dict[str, Any]) -> None:
    try:
        (value,) = pure.decode_values([oid], [1], [data])
    except PostgresError:
        return
    printed = outcome(native.encode_value, oid, 0, value, native.TextStyle(**style))
    assert printed == outcome(pure.encode_value, oid, 0, value, pure.TextStyle(**style))
    rows = outcome(native.RowEncoder([oid], (), style=native.TextStyle(**style)).encode, [(value,)], 0, 1000)
    theirs = outcome(pure.RowEncoder([oid], (), style=pure.TextStyle(**style)).encode, [(value,)], 0, 1000)
    assert (bytes(rows[0]) if isinstance(rows[1], int) else rows) == (
        theirs[0] if isinstance(theirs[1], int) else theirs
    )


@given(st.integers(-211_813_488_000_000_000, 9_223_371_331_199_999_999), STYLES)
def test_moments_are_printed_alike(micros: int, style: dict[str, Any]) -> None:
    data = micros.to_bytes(8, "big", signed=True)
    (value,) = pure.decode_values([oids.TIMESTAMPTZ], [1], [data])
    printed = native.encode_value(oids.TIMESTAMPTZ, 0, value, native.TextStyle(**style))
    assert printed == pure.encode_value(oids.TIMESTAMPTZ, 0, value, pure.TextStyle(**style))
