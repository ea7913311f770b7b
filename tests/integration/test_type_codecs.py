"""The scalar types against real PostgreSQL, 15 and 18: values made by hypothesis and edge values, in both formats and both ways.

What we write, in either format, PostgreSQL takes and gives back as the same bytes in both formats, and what it gives back we read as the
same value. Both implementations are held to each other on the way.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import json
import math
import string
import uuid
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import pgwire_py._native as native
from pgwire_py import oids
from pgwire_py._impl import pure
from pgwire_py._impl.pure.types import interval
from pgwire_py.errors import PostgresError
from tests.support.postgres import Programs, running_cluster
from tests.support.postgres18 import find_postgres18
from tests.support.raw import RawClient
from tests.support.typed import BINARY, TEXT, Failure, ask, run

UTC = dt.timezone.utc
ZONES = st.integers(-15 * 3600 - 3599, 15 * 3600 + 3599).map(lambda seconds: dt.timezone(dt.timedelta(seconds=seconds)))
PLAIN = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40)


class Server(NamedTuple):
    """A connection to a PostgreSQL of one version."""

    client: RawClient
    version: int


@pytest.fixture(scope="session", params=["installed", "newest"])
def server(request: pytest.FixtureRequest, programs: Programs) -> Iterator[Server]:
    """The installed PostgreSQL, and version 18 where it can be had and is not the installed one."""
    chosen = programs if request.param == "installed" else find_postgres18()
    if chosen is None:
        pytest.skip("PostgreSQL 18 is not installed, and there is no npm to fetch it with")
    if request.param == "newest" and chosen == programs:
        pytest.skip("the installed PostgreSQL is the newest one already")
    with running_cluster(chosen) as cluster, RawClient(cluster.host, cluster.port, timeout=60) as client:
        client.login("postgres", "postgres", client_encoding="UTF8", TimeZone="UTC")
        yield Server(client, chosen.version)


def integers(bits: int, signed: bool = True) -> st.SearchStrategy[int]:
    least, most = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    return st.integers(least, most) | st.sampled_from([least, most, 0, 1, most - 1])


def addresses(kind: str) -> st.SearchStrategy[Any]:
    """Objects of ipaddress as we return them: an interface of a whole address is an address."""
    four = st.tuples(st.integers(0, (1 << 32) - 1), st.integers(0, 32))
    # Words of zeros and of one bit make every way to shorten an IPv6 address.
    words = st.lists(st.sampled_from([0, 0, 0, 1, 0xFFFF, 0x102]), min_size=8, max_size=8)
    wide = words.map(lambda parts: sum(part << 16 * place for place, part in enumerate(parts)))
    six = st.tuples(st.integers(0, (1 << 128) - 1) | wide, st.integers(0, 128))
    if kind == "cidr":
        return four.map(lambda pair: ipaddress.IPv4Network(pair, strict=False)) | six.map(
            lambda pair: ipaddress.IPv6Network(pair, strict=False)
        )
    return (four.map(ipaddress.IPv4Interface) | six.map(ipaddress.IPv6Interface)).map(
        lambda found: found.ip if found.network.prefixlen == found.max_prefixlen else found
    )


def colons(size: int) -> st.SearchStrategy[str]:
    return st.binary(min_size=size, max_size=size).map(lambda data: data.hex(":"))


def snapshots() -> st.SearchStrategy[Any]:
    return st.lists(st.integers(1, 1 << 62), max_size=5).map(
        # The lower half of both ends is not zero.
        lambda found: (min(found, default=1) | 1, (max(found, default=3) | 1) + 2, tuple(sorted({xid | 1 for xid in found})))
    )


DECIMALS = st.decimals(allow_nan=False, allow_infinity=False) | st.from_regex(r"-?[0-9]{1,40}(\.[0-9]{1,40})?", fullmatch=True).map(
    Decimal
)
MOMENTS = st.datetimes(dt.datetime(1, 1, 2), dt.datetime(9999, 12, 30))
CENTS = integers(64).map(lambda cents: Decimal(cents).scaleb(-2))
SPANS = st.timedeltas(dt.timedelta(days=-900_000_000), dt.timedelta(days=900_000_000))

VALUES: dict[str, tuple[st.SearchStrategy[Any], list[Any]]] = {
    "bool": (st.booleans(), []),
    "int2": (integers(16), []),
    "int4": (integers(32), []),
    "int8": (integers(64), []),
    "oid": (integers(32, False), []),
    "xid": (integers(32, False), []),
    "cid": (integers(32, False), []),
    "xid8": (integers(64, False), []),
    "tid": (st.tuples(integers(32, False), integers(16, False)), []),
    "pg_lsn": (integers(64, False), []),
    "pg_snapshot": (snapshots(), [(1, 1, ()), (1, (1 << 63) - 1, (1,))]),
    "txid_snapshot": (snapshots(), []),
    "float4": (st.floats(width=32), [math.inf, -math.inf, math.nan, -0.0, 2.0**-149, 3.4028234663852886e38]),
    "float8": (st.floats(), [math.inf, -math.inf, math.nan, -0.0, 5e-324, 1.7976931348623157e308, 1e15, 1e16]),
    "numeric": (
        DECIMALS.filter(lambda number: number.adjusted() < 1000 and int(number.as_tuple().exponent) > -1000),
        [Decimal(text) for text in ("NaN", "Infinity", "-Infinity", "0", "0.00", "1e1000", "1e-1000", "10000", "0.0001")],
    ),
    "money": (CENTS, []),
    "text": (PLAIN, ["", "Grüße, 世界 🐘"]),
    "varchar": (PLAIN, []),
    "bpchar": (PLAIN, ["with spaces   "]),
    "name": (st.text(string.printable, max_size=63), ["é" * 31]),
    '"char"': (st.sampled_from([chr(code) for code in range(1, 128)]), [""]),
    "unknown": (PLAIN, []),
    "bytea": (st.binary(max_size=60), [bytes(range(256))]),
    "date": (
        st.dates(dt.date(1, 1, 2), dt.date(9999, 12, 30)),
        [dt.date.max, dt.date.min, "4714-11-24 BC", "5874897-12-31", "0001-12-31 BC", "10000-01-01"],
    ),
    "time": (st.times(), [dt.time.max, "24:00:00"]),
    "timetz": (st.times(timezones=ZONES), ["24:00:00+00", "24:00:00-15:59:59", dt.time(tzinfo=UTC)]),
    "timestamp": (MOMENTS, [dt.datetime.max, dt.datetime.min, "4714-11-24 00:00:00 BC", "294276-12-31 23:59:59.999999"]),
    "timestamptz": (
        MOMENTS.map(lambda moment: moment.replace(tzinfo=UTC)),
        [dt.datetime.max.replace(tzinfo=UTC), "4714-11-24 00:00:00+00 BC", "294276-12-31 23:59:59.999999+00"],
    ),
    "interval": (
        SPANS,
        ["178956970 years 7 mons 2147483647 days 2562047788:00:54.775806", "-178956970 years -8 mons"],
    ),
    "uuid": (st.uuids(), [uuid.UUID(int=0)]),
    "json": (st.recursive(st.none() | st.booleans() | st.integers() | PLAIN, st.lists).map(json.dumps), ['{"a": 1}']),
    "inet": (addresses("inet"), []),
    "cidr": (addresses("cidr"), []),
    "macaddr": (colons(6), []),
    "macaddr8": (colons(8), []),
    "xml": (st.text(string.ascii_letters + " ", min_size=1), ["<a>ü</a>"]),
}  # fmt: skip


def same(found: object, value: object) -> bool:
    """Equal and of one type, NaN included, with the sign of a zero and the zeros behind a decimal point."""
    return type(found) is type(value) and (repr(found) == repr(value) or (found == value and found != 0))


def encode(oid: int, code: int, value: object) -> bytes:
    """What both implementations write for a value."""
    data = native.encode_value(oid, code, value)
    assert data == pure.encode_value(oid, code, value)
    assert data is not None
    return data


def decode(oid: int, code: int, data: bytes) -> object:
    """What both implementations read."""
    (found,) = native.decode_values([oid], [code], [data])
    (other,) = pure.decode_values([oid], [code], [data])
    assert same(found, other), (found, other)
    return found


def type_oid(name: str) -> int:
    return next(oid for oid, info in oids.TYPES.items() if info.name == name.strip('"'))


def check(server: Server, name: str, values: list[Any]) -> None:
    oid = type_oid(name)
    ours = [(encode(oid, TEXT, value), encode(oid, BINARY, value)) for value in values]
    sent = [pair for text, binary in ours for pair in ((TEXT, text), (BINARY, binary))]
    answers = ask(server.client, name, oid, sent)
    for index, answer in enumerate(answers):
        value, (text, binary) = values[index // 2], ours[index // 2]
        assert answer == (text, binary), (value, sent[index])
        assert same(decode(oid, TEXT, text), value)
        assert same(decode(oid, BINARY, binary), value)


@pytest.mark.parametrize("name", VALUES)
def test_values_come_back_as_they_were_sent(server: Server, name: str) -> None:
    strategy, edges = VALUES[name]
    if edges:
        check(server, name, edges)

    @settings(max_examples=5, suppress_health_check=[HealthCheck.data_too_large, HealthCheck.large_base_example])
    @given(st.lists(strategy, min_size=1, max_size=60))
    def made(values: list[Any]) -> None:
        check(server, name, values)

    made()


# Types: pieces that hypothesis strings together, and whole texts.
STRICT: dict[str, tuple[str, list[str]]] = {
    "bool": ("t f true FALSE y n o on of off 1 0 2 yes no", ["tru", "ON", "T", "", "o", "10", "truee"]),
    "int2": ("1 9 - + 0 32767 x", ["", "-", "32768", "-32768", "1.5", "1e3", "--1", "99999999999999999999999"]),
    "int4": ("1 9 - + 0 2147483647 x", ["", "2147483648", "-2147483648"]),
    "int8": ("1 9 - + 0 9223372036854775807 x", ["", "9223372036854775808", "-9223372036854775808"]),
    "oid": ("1 9 - + 0 x 4294967295", ["", "4294967296", "-1", "-2147483648", "-2147483649", "010", "0x10", "99999999999999999999"]),
    "pg_lsn": ("0 F f / 16 123456789", ["", "0/0", "/", "FFFFFFFF/FFFFFFFF", "1/123456789", " 0/0", "0/0 ", "g/0"]),
    "pg_snapshot": ("1 : , 2 3 10", ["1:2:", "1:1:", "2:1:", "0:1:", "1:5:2,3,", "1:5:3,2", "1:5:2,2", "1:5:5", "1:5", "1:5:,", "-1:5:"]),
    "tid": ("( ) , 0 1 65535", ["(0,1)", " (0,1) ", "(0,65536)", "(4294967295,0)", "(4294967296,0)", "(0)", "0,1"]),
    "float4": ("1 . e + - 5 inf nan", ["1e39", "1e-46", "1e-45", "Infinity", "-inf", "NaN", "+nan", "-nan", "", "0x10", "1e", ".", "1_0"]),
    "float8": ("1 . e + - 5 inf nan", ["1e309", "1e-324", "1e-323", "infinity", "iNf", "", "5.", ".5", "infinit", "nan1"]),
    "numeric": ("1 . e + - 0 NaN inf", ["1e5", "1E-5", ".", "5.", ".5", "-.5e-3", "", "e5", "1e", "1e+", "infinity", "-nan", "+inf"]),
    "money": ("1 , . $ - + ( ) 5 99", ["$1,234.56", "($1.00)", "-$1", "$-1", "1.005", "1.004", "", "$", "1.2.3", "92233720368547758.07",
        "92233720368547758.08", "-92233720368547758.08", "1,2,3.4,5", "x", "1x", "- 1", "1-", "1.5$"]),
    "uuid": ("a0ee bc99 - { } 0", ["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "{a0eebc999c0b4ef8bb6d6bb9bd380a11}", "a0eebc999c0b4ef8bb6d6bb9bd380a11 "]),
    "inet": ("1 . 10 / 24 : :: ffff 0", ["1.2.3.4", "1.2.3.4/32", "1.2.3.4/33", "10/8", "10.1/16", "10", "10.1", "1.2.3.4.", "10./8", "256.1.1.1",
        "01.02.03.04", "::", "::1/128", "::ffff:1.2.3.4", "1::2::3", "1:2:3:4:5:6:7:8/129", "::/00", "", "fe80::1%eth0", " 1.2.3.4",
        "1:2:3:4::5:6:7:8", "::1.2.3", "12345::", "1.2.3.4/", "1.2.3.4/x", "::/064"]),
    "cidr": ("1 . 10 / 24 : :: ffff 0", ["10", "192.168", "192.168.1", "224", "224.1", "240", "128", "10.1.2.3", "10.1.2.3/24", "10.1.2.0/24",
        "1.2.3.4/32", "::1/64", "::/0", "2001:db8::/32", "0/0", "10.", "223.1.2", "", "10/33"]),
    "macaddr": ("08 00 2b : - . 0", ["08:00:2b:01:02:03", "08-00-2b-01-02-03", "08002b:010203", "08002b-010203", "0800.2b01.0203", "0800-2b01-0203",
        "08002b010203", " 08002b010203 ", "8:0:2b:1:2:3", "108:00:2b:01:02:03", "08:00:2b:01:02", "08:00-2b:01:02:03", "", "0800.2b01-0203"]),
    "macaddr8": ("08 00 2b : - . 0", ["08:00:2b:01:02:03:04:05", "08002b0102030405", "08:00:2b:01:02:03", "0800.2b01.0203.0405", "08:00-2b:01:02:03",
        "08002b:0102030405", "", "08:00:2b:01:02", "08002b01020304050", "08:00:2b:01:02:03:04:05:", "0:8:0:0"]),
    "bytea": ("\\\\ \\x 0f 12 \\123 a \\000", ["\\x", "\\x0", "\\x 0f", "\\x0 f", "\\xzz", "\\", "\\\\", "\\400", "é", "\\x0F\n1a"]),
    "name": ("é a long", ["x" * 64, "é" * 32, "a" + "é" * 32, "世" * 22]),
}  # fmt: skip
SINCE_16: dict[str, tuple[str, list[str]]] = {
    "xid": ("1 9 - + 0 x 0x F 4294967295", ["", "0x", "0xF", "010", "08", "-1", "4294967296", "18446744073709551616", "abc"]),
    "cid": ("1 9 - + 0 x 0x F", ["", "0xFFFFFFFF", "-2147483648", "-2147483649"]),
    "xid8": ("1 9 - + 0 x 0x F", ["", "18446744073709551615", "18446744073709551616", "-1", "0xFFFFFFFFFFFFFFFF"]),
    '"char"': ("a \\ 1 2 é \\101", ["", "ab", "\\101", "\\377", "\\777", "\\38", "é"]),
}
"""Before version 16 these were read as strtoul reads, without any check."""


def result(oid: int, code: int, data: bytes) -> bytes | Failure:
    """What both implementations make of a parameter, as binary format; the preview in an error is not compared."""
    outcomes: list[bytes | Failure] = []
    for core in (native, pure):
        try:
            (value,) = core.decode_values([oid], [code], [data])
            # Text is read the same way from a str, without the detour by a Python object: a timedelta has no months.
            outcomes.append(core.encode_value(oid, BINARY, data.decode() if code == TEXT else value) or b"")
        except PostgresError as error:
            outcomes.append(Failure(error.sqlstate, error.message))
    assert outcomes[0] == outcomes[1], data
    return outcomes[0]


def compare(server: Server, name: str, parameters: list[tuple[int, bytes]]) -> None:
    oid = type_oid(name)
    for (code, data), answer in zip(parameters, ask(server.client, name, oid, parameters), strict=True):
        ours, theirs = result(oid, code, data), answer.binary
        if isinstance(ours, Failure) and isinstance(theirs, Failure):
            assert ours.sqlstate == theirs.sqlstate, (data, ours, theirs)
        else:
            assert ours == theirs, (code, data)


def strung(pieces: str) -> st.SearchStrategy[str]:
    return st.lists(st.sampled_from([" ", *pieces.split(" ")]), max_size=8).map("".join)


@pytest.mark.parametrize("name", [*STRICT, *SINCE_16])
def test_texts_are_read_or_refused_as_postgresql_does(server: Server, name: str) -> None:
    if name in SINCE_16 and server.version < 16:
        compare(server, name, [(TEXT, b"1"), (TEXT, b"7")])
        return
    pieces, texts = (STRICT | SINCE_16)[name]
    compare(server, name, [(TEXT, text.encode()) for text in texts])

    @settings(max_examples=5)
    @given(st.lists(strung(pieces), min_size=20, max_size=60))
    def made(texts: list[str]) -> None:
        compare(server, name, [(TEXT, text.encode()) for text in texts])

    made()
