"""Texts under the settings that they depend on, against real PostgreSQL 15 and 18: what is printed byte for byte, and what is read."""

from __future__ import annotations

import random
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import pytest

from pgwire_py import oids
from pgwire_py.errors import PostgresError
from pgwire_py.server.zones import find_zone
from tests.support import raw
from tests.support.typed import BINARY, CORES, TEXT, Failure, Server, ask, run

ZONES = (
    "UTC",
    "GMT",
    "America/New_York",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "Europe/Dublin",
    "America/Sao_Paulo",
    "Asia/Kathmandu",
    "Pacific/Apia",
    "<+03>-03",
    "<-09:30>+09:30",
    "EST5EDT,M3.2.0,M11.1.0",
    "FOO-3:15BAR",
    "AEST-10AEDT,M10.1.0,M4.1.0/3",
    "XXX3YYY,J60/0,300/25",
)
STYLES = ("ISO", "SQL", "Postgres", "German")
ORDERS = ("MDY", "DMY", "YMD")
INTERVALS = ("postgres", "postgres_verbose", "sql_standard", "iso_8601")

_DAY = 86_400_000_000
_MIN, _END = -211_813_488_000_000_000, 9_223_371_331_200_000_000
_draw = random.Random(20)


def _moments() -> list[int]:
    """Microseconds since 2000: around changes of clocks, before zones had offsets of whole minutes, far in the future, before Christ."""
    years = [*range(-4700, 0, 900), *range(1800, 2000, 7), *range(-20, 60, 3), 400, 437, 2_000, 100_000, 292_000]
    found = [0, 1, -1, _MIN + 2 * _DAY, _END - 3 * _DAY, (1 << 63) - 1, -(1 << 63), 946_684_799_999_999]
    for year in years:
        since = year if year < 100 or year > 1900 + 99 else year - 2000
        start = int(since * 365.2425) * _DAY
        found += [start + _draw.randrange(366 * _DAY) for _ in range(6)]
    for day in (70, 71, 85, 86, 90, 91, 304, 305, 306, 310, 311):
        found += [(9496 - 365 + day) * _DAY + hour * 1_800_000_000 for hour in range(0, 48, 3)]
    return [moment for moment in found if moment in ((1 << 63) - 1, -(1 << 63)) or _MIN <= moment < _END]


MOMENTS = _moments()
FLOATS = (
    0.0,
    -0.0,
    0.1,
    1 / 3,
    1e15,
    123456789012345678.0,
    1e-5,
    1.5e-4,
    2e300,
    float("nan"),
    float("-inf"),
    5e-324,
    -1e22,
    99999.95,
    1e23,
)
INTERVAL_VALUES = (
    (0, 0, 0),
    (0, 0, 1_500_000),
    (14, 3, -14_706_700_000),
    (-14, -3, -14_706_700_000),
    (0, -1, 3_600_000_000),
    (12, 0, 0),
    (0, 1, 0),
    (-1, 0, 999_999),
    (0, 0, -59_000_001),
)
BYTES = (b"", b"a\\b", bytes(range(256)), "é".encode())


def styled(
    core: Any, dates: str, order: str, zone: str, intervals: str = "postgres", digits: int = 1, bytea: str = "hex"
) -> Any:
    found = find_zone(zone)
    assert found is not None
    return core.TextStyle(
        dates=dates,
        order=order,
        intervals=intervals,
        zone=found.table(int(time.time())),
        float_digits=digits,
        bytea=bytea,
    )


@contextmanager
def settings(server: Server, **values: object) -> Iterator[None]:
    run(server.client, [f"set {name} = '{value}'" for name, value in values.items()])
    try:
        yield
    finally:
        run(server.client, ["reset all", "set TimeZone = 'UTC'"])


def printed(core: Any, oid: int, data: bytes, style: Any) -> bytes | None:
    """Our text of a value in binary."""
    (value,) = core.decode_values([oid], [BINARY], [data])
    text: bytes | None = core.encode_value(oid, TEXT, value, style)
    return text


def compare(server: Server, name: str, oid: int, values: list[bytes], style: tuple[Any, ...]) -> None:
    """PostgreSQL's text of values in binary equals ours; what Python has no value for is printed from its text and equal too."""
    styles = [(core, styled(core, *style)) for core in CORES]
    for data, answer in zip(values, ask(server.client, name, oid, [(BINARY, data) for data in values]), strict=True):
        for core, made in styles:
            assert printed(core, oid, data, made) == answer.text, (name, data.hex(), style)


def range_of(low: bytes, high: bytes) -> bytes:
    return b"\2" + struct.pack("!i", len(low)) + low + struct.pack("!i", len(high)) + high


def array_of(element: int, items: list[bytes]) -> bytes:
    body = b"".join(struct.pack("!i", len(item)) + item for item in items)
    return struct.pack("!iiIii", 1, 0, element, len(items), 1) + body


@pytest.mark.parametrize("dates", STYLES)
@pytest.mark.parametrize("zone", ZONES)
def test_moments_are_printed_as_postgresql_prints_them(server: Server, dates: str, zone: str) -> None:
    for order in ORDERS:
        moments = MOMENTS if order == "MDY" else MOMENTS[::7]
        words = [struct.pack("!q", moment) for moment in moments]
        finite = [word for word, moment in zip(words, moments, strict=True) if abs(moment) < 1 << 62]
        with settings(server, DateStyle=f"{dates}, {order}", TimeZone=zone):
            style = (dates, order, zone)
            compare(server, "timestamptz", oids.TIMESTAMPTZ, words, style)
            pairs = [
                sorted(pair, key=lambda word: struct.unpack("!q", word))
                for pair in zip(finite[::5], finite[2::5], strict=False)
            ]
            compare(server, "tstzrange", oids.TSTZRANGE, [range_of(*pair) for pair in pairs], style)
            compare(server, "timestamptz[]", oids.TIMESTAMPTZ_ARRAY, [array_of(oids.TIMESTAMPTZ, words[:20])], style)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("dates", STYLES)
def test_dates_and_local_times_are_printed_as_postgresql_prints_them(server: Server, dates: str, order: str) -> None:
    words = [struct.pack("!q", moment) for moment in MOMENTS]
    days = [moment // _DAY for moment in MOMENTS if abs(moment) < 1 << 62]
    dated = [struct.pack("!i", day) for day in [-800_000, 800_000, *days, (1 << 31) - 1, -(1 << 31), 2_145_031_948]]
    style = (dates, order, "UTC")
    with settings(server, DateStyle=f"{dates}, {order}"):
        compare(server, "timestamp", oids.TIMESTAMP, words, style)
        compare(server, "date", oids.DATE, dated, style)
        compare(server, "date[]", oids.DATE_ARRAY, [array_of(oids.DATE, dated[:20])], style)
        compare(server, "daterange", oids.DATERANGE, [range_of(*dated[:2])], style)
        multirange = struct.pack("!i", 1) + struct.pack("!i", 25) + range_of(struct.pack("!q", 5), struct.pack("!q", 9))
        compare(server, "tsmultirange", oids.TSMULTIRANGE, [multirange], style)


@pytest.mark.parametrize("intervals", INTERVALS)
def test_intervals_are_printed_and_read_as_postgresql_does(server: Server, intervals: str) -> None:
    texts = [f"{months} mons {days} days {micros} us" for months, days, micros in INTERVAL_VALUES] + [
        "-1 2:03",
        "-1-2 3",
    ]
    whole = "{" + ",".join(texts) + "}"
    plain = ask(server.client, "interval", oids.INTERVAL, [(TEXT, text.encode()) for text in texts])
    (array,) = ask(server.client, "interval[]", oids.INTERVAL_ARRAY, [(TEXT, whole.encode())])
    words = [answer.binary for answer in (*plain, array) if isinstance(answer.binary, bytes)]
    with settings(server, IntervalStyle=intervals):
        read = ask(server.client, "interval", oids.INTERVAL, [(TEXT, text.encode()) for text in texts])
        shown = ask(server.client, "interval", oids.INTERVAL, [(BINARY, word) for word in words[:-1]])
        (listed,) = ask(server.client, "interval[]", oids.INTERVAL_ARRAY, [(BINARY, words[-1])])
    for core in CORES:
        style = styled(core, "ISO", "MDY", "UTC", intervals)
        for text, answer in zip(texts, shown, strict=True):
            assert core.encode_value(oids.INTERVAL, TEXT, text, style) == answer.text, (text, intervals)
        assert core.encode_value(oids.INTERVAL_ARRAY, TEXT, texts, style) == listed.text
        for text, answer in zip(texts, read, strict=True):
            (ours,) = core.decode_values([oids.INTERVAL], [TEXT], [text.encode()], style)
            assert isinstance(answer.binary, bytes)
            assert ours == core.decode_values([oids.INTERVAL], [BINARY], [answer.binary])[0], (text, intervals)


@pytest.mark.parametrize("digits", range(-15, 4))
def test_floats_are_printed_as_postgresql_prints_them(server: Server, digits: int) -> None:
    numbers = [*FLOATS, *(_draw.uniform(-1, 1) * 10 ** _draw.randint(-20, 20) for _ in range(60))]
    style = ("ISO", "MDY", "UTC", "postgres", digits)
    with settings(server, extra_float_digits=digits):
        compare(server, "float8", oids.FLOAT8, [struct.pack("!d", number) for number in numbers], style)
        small = [
            number for number in numbers if not 1e38 < abs(number) < 1e308 and (abs(number) > 1e-37 or number == 0)
        ]
        compare(server, "float4", oids.FLOAT4, [struct.pack("!f", number) for number in small], style)
        finite = [number for number in FLOATS if abs(number) < 1e100]
        points = [struct.pack("!dd", a, b) for a, b in pairwise(finite)]
        compare(server, "point", oids.POINT, points, style)
        compare(server, "circle", oids.CIRCLE, [point + struct.pack("!d", 2 / 3) for point in points], style)
        compare(server, "box", oids.BOX, [struct.pack("!4d", 2 / 3, 1, 1 / 3, -1e20)], style)
        compare(server, "line", oids.LINE, [struct.pack("!3d", 2 / 3, 1, 1 / 3)], style)


@pytest.mark.parametrize("output", ["hex", "escape"])
def test_bytes_are_printed_as_postgresql_prints_them(server: Server, output: str) -> None:
    with settings(server, bytea_output=output):
        style = ("ISO", "MDY", "UTC", "postgres", 1, output)
        compare(server, "bytea", oids.BYTEA, list(BYTES), style)
        compare(server, "bytea[]", oids.BYTEA_ARRAY, [array_of(oids.BYTEA, list(BYTES))], style)


TEXTS = (
    "01/02/2003",
    "13/02/2003",
    "01/13/2003",
    "1-2-03",
    "1-2-69",
    "1-2-70",
    "99-1-2",
    "2003/4/5",
    "2003.4.5",
    "5.4.2003",
    "05.04.0203",
    "01-02-0003 BC",
    "20030405",
    "Sat Jan 08 04:05:06 1999",
    "Sat 08 Jan 04:05:06.789 1999",
    "Jan 8, 1999",
    "8 January 1999",
    "Jan 08 0099 BC",
    "1/2/2003 04:05:06",
    "2003-04-06 02:30:00",
    "2003-10-26 01:30:00",
    "2003-10-26 01:30:00 EST",
    "2003-10-26 01:30:00 EDT",
    "Sun Oct 26 01:30:00 2003 EST",
    "10/26/2003 01:30:00 EDT",
    "26.10.2003 01:30:00 EDT",
    "2024-03-10 02:30:00",
    "2024-11-03 01:30:00",
    "2024-03-10 01:59:59",
    "2024-03-10 03:00:00",
    "2024-11-03 00:59:59.5",
    "2024-11-03 02:00:00",
    "2500-07-01 12:00",
    "2024-07-01",
    "1700-01-01 00:00:00",
    "1883-11-18 12:03:58",
    "2024-07-01 12:00+02",
    "0044-03-15 12:00 BC",
    "infinity",
    "epoch",
)
"""Dates and moments whose meaning depends on DateStyle and TimeZone, and the skipped and doubled hours of clocks."""


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("order", ORDERS)
def test_texts_mean_what_they_mean_to_postgresql(server: Server, order: str, zone: str) -> None:
    texts = [text.encode() for text in TEXTS]
    # Abbreviations are known of the session's zone alone; PostgreSQL has a list of its own besides.
    known = [text for text in texts if zone == "America/New_York" or not text.endswith((b"EST", b"EDT"))]
    names = {"date": oids.DATE, "timestamp": oids.TIMESTAMP, "timestamptz": oids.TIMESTAMPTZ}
    with settings(server, DateStyle=f"ISO, {order}", TimeZone=zone):
        for name, oid in names.items():
            asked = ask(server.client, name, oid, [(TEXT, text) for text in known])
            for text, answer in zip(known, asked, strict=True):
                for core in CORES:
                    style = styled(core, "ISO", order, zone)
                    try:
                        (value,) = core.decode_values([oid], [TEXT], [text], style)
                        ours: object = core.encode_value(oid, BINARY, value)
                    except PostgresError as error:
                        ours = error.sqlstate
                    theirs = answer.binary.sqlstate if isinstance(answer.binary, Failure) else answer.binary
                    assert ours == theirs, (name, text, order, zone)


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Kolkata", "<+03>-03"])
def test_a_time_of_day_without_an_offset_has_that_of_today(server: Server, zone: str) -> None:
    with settings(server, TimeZone=zone):
        (answer,) = ask(server.client, "timetz", oids.TIMETZ, [(TEXT, b"12:34:56")])
        for core in CORES:
            (value,) = core.decode_values([oids.TIMETZ], [TEXT], [b"12:34:56"], styled(core, "ISO", "MDY", zone))
            assert core.encode_value(oids.TIMETZ, TEXT, value) == answer.text


def test_the_styles_of_a_record(server: Server) -> None:
    with settings(server, DateStyle="German", TimeZone="Asia/Kolkata", bytea_output="escape", extra_float_digits=0):
        sql = "select row('2024-07-01 12:00+00'::timestamptz, 1/3::float8, '\\xff'::bytea)"
        server.client.send(raw.parse(sql), raw.bind(result_formats=[BINARY]), raw.execute(), raw.SYNC)
        (data,) = next(answer.row for answer in server.client.until_ready() if answer.tag == "D")
        server.client.send(raw.query(sql))
        (text,) = next(answer.row for answer in server.client.until_ready() if answer.tag == "D")
        assert data is not None
        for core in CORES:
            style = styled(core, "German", "DMY", "Asia/Kolkata", "postgres", 0, "escape")
            assert printed(core, oids.RECORD, data, style) == text
