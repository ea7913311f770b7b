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
import struct
import uuid
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.support.typed import BINARY, TEXT, Server, ask, decode, encode, outcome, same, type_oid

UTC = dt.timezone.utc
ZONES = st.integers(-15 * 3600 - 3599, 15 * 3600 + 3599).map(lambda seconds: dt.timezone(dt.timedelta(seconds=seconds)))
PLAIN = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40)


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
        lambda found: (
            min(found, default=1) | 1,
            (max(found, default=3) | 1) + 2,
            tuple(sorted({xid | 1 for xid in found})),
        )
    )


DECIMALS = st.decimals(allow_nan=False, allow_infinity=False) | st.from_regex(
    r"-?[0-9]{1,40}(\.[0-9]{1,40})?", fullmatch=True
).map(Decimal)
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
    "float4": (st.floats(width=32, allow_nan=False), [math.inf, -math.inf, math.nan, -0.0, 2.0**-149, 3.4028234663852886e38]),
    "float8": (st.floats(allow_nan=False), [math.inf, -math.inf, math.nan, -0.0, 5e-324, 1.7976931348623157e308, 1e15, 1e16]),
    "numeric": (
        DECIMALS.filter(lambda number: number != 0 and number.adjusted() < 1000 and int(number.as_tuple().exponent) > -1000),
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

    @settings(max_examples=4, phases=[Phase.generate], suppress_health_check=[HealthCheck.data_too_large])
    @given(st.lists(strategy, min_size=1, max_size=60))
    def made(values: list[Any]) -> None:
        check(server, name, values)

    made()


# json is passed on unread, and a timedelta has no months: what comes back of an interval is another one. The binary format of snapshots
# takes the transaction xmax among those running, which their text does not; here neither does.
CHANGED = sorted(VALUES.keys() - {"json", "xml", "interval", "pg_snapshot", "txid_snapshot"})


@pytest.mark.parametrize("name", CHANGED)
def test_changed_bytes_are_read_or_refused_as_postgresql_does(server: Server, name: str) -> None:
    strategy, _ = VALUES[name]
    oid = type_oid(name)

    @settings(max_examples=3, phases=[Phase.generate], suppress_health_check=[HealthCheck.data_too_large])
    @given(
        st.lists(
            st.tuples(strategy, st.integers(0, 60), st.binary(max_size=2), st.booleans()), min_size=20, max_size=60
        )
    )
    def made(changes: list[tuple[Any, int, bytes, bool]]) -> None:
        parameters = []
        for value, place, inserted, cut in changes:
            data = encode(oid, BINARY, value)
            at = place % (len(data) + 1)
            parameters.append((BINARY, data[:at] if cut else data[:at] + inserted + data[at + 1 :]))
        for (_, data), answer in zip(parameters, ask(server.client, name, oid, parameters), strict=True):
            ours, theirs = outcome(oid, BINARY, data), answer.binary
            refused = isinstance(ours, tuple) and isinstance(theirs, tuple)
            assert ours == theirs or refused or (_is_nan(name, ours) and _is_nan(name, theirs)), data

    made()


def _is_nan(name: str, data: Any) -> bool:
    """Whether these are the bytes of a NaN: Python does not keep which of many it was."""
    code = {"float4": "!f", "float8": "!d"}.get(name)
    return code is not None and isinstance(data, bytes) and math.isnan(struct.unpack(code, data)[0])


def test_money_takes_numbers_as_the_cast_from_numeric_does(server: Server) -> None:
    oid = type_oid("money")
    numbers = ["0", "1.005", "-1.005", "1.004999", "92233720368547758.07", "-92233720368547758.08", "1e3", "0.001"]
    answers = ask(server.client, "numeric::money", type_oid("numeric"), [(TEXT, number.encode()) for number in numbers])
    assert [encode(oid, TEXT, Decimal(number)) for number in numbers] == [answer.text for answer in answers]


def test_a_char_above_127_is_a_byte(server: Server) -> None:
    oid = type_oid("char")
    values = [bytes((code,)) for code in range(128, 256)]
    answers = ask(server.client, '"char"', oid, [(BINARY, value) for value in values])
    for value, answer in zip(values, answers, strict=True):
        assert answer.binary == encode(oid, BINARY, value) == value
        assert isinstance(answer.text, bytes)
        assert decode(oid, TEXT, answer.text) == f"\\{value[0]:03o}"
        if server.version >= 16:
            assert encode(oid, TEXT, value) == answer.text


def test_names_of_objects_have_no_binary_format(server: Server) -> None:
    for name, shown in (
        ("regclass", "pg_class"),
        ("regtype", "integer"),
        ("regrole", "postgres"),
        ("regnamespace", "pg_catalog"),
    ):
        oid = type_oid(name)
        by_name, nothing = ask(
            server.client, name, oid, [(TEXT, shown.encode()), (TEXT, b"-" if name != "regnamespace" else b"0")]
        )
        assert decode(oid, TEXT, by_name.text) == shown  # type: ignore[arg-type]
        number = decode(oid, BINARY, by_name.binary)  # type: ignore[arg-type]
        assert isinstance(number, int)
        (by_number,) = ask(server.client, name, oid, [(BINARY, encode(oid, BINARY, number))])
        assert by_number == by_name
        assert nothing.text == encode(oid, TEXT, 0) == b"-"
        assert isinstance(outcome(oid, TEXT, shown.encode()), tuple)


@pytest.mark.parametrize(
    ("name", "texts"), [("jsonb", ['{"a": [1, null]}', '"ü"', "1.50", "[]"]), ("jsonpath", ['$."a"[*]', "(1 + 2)"])]
)
def test_documents_keep_postgresqls_own_form(server: Server, name: str, texts: list[str]) -> None:
    check(server, name, texts)
