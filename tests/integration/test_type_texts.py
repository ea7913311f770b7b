"""Texts of the scalar types, good and bad, against real PostgreSQL 15 and 18: the same value, or refused with the same SQLSTATE."""

from __future__ import annotations

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from pgwire_py._impl.pure.types import interval
from tests.support.typed import TEXT, Failure, Server, ask, outcome, run, type_oid

# Types: pieces that hypothesis strings together (alternatives between bars), and whole texts.
STRICT: dict[str, tuple[str, list[str]]] = {
    "bool": ("t f true FALSE y n o on of off 1 0 2 yes no", ["tru", "ON", "T", "", "o", "10", "truee"]),
    "int2": ("1 9 - + 0 32767 x _ 0x F 0o7 0b", ["0x7FFF", "-0x8000", "0x8000", "0b1_0", "0o17", "1_000", "1__0", "_1", "1_", "0x_1", "0x",
        "", "-", "32768", "-32768", "1.5", "1e3", "--1", "99999999999999999999999"]),
    "int4": ("1 9 - + 0 2147483647 x _ 0x F 0o7 0b", ["0xFFFFFFFF", "-0x80000000", "", "2147483648", "-2147483648"]),
    "int8": ("1 9 - + 0 9223372036854775807 x _ 0x F 0o7 0b", ["0x7fffffffffffffff", "0b" + "1" * 65, "0x" + "0" * 70 + "1",
        "", "9223372036854775808", "-9223372036854775808"]),
    "pg_lsn": ("0 F f / 16 123456789", ["", "0/0", "/", "FFFFFFFF/FFFFFFFF", "1/123456789", " 0/0", "0/0 ", "g/0"]),
    "pg_snapshot": ("1 : , 2 3 10", ["1:2:", "1:1:", "2:1:", "0:1:", "1:5:2,3,", "1:5:3,2", "1:5:2,2", "1:5:5", "1:5", "1:5:,", "-1:5:"]),
    "tid": ("", ["(0,1)", " (0,1) ", "(0,65536)", "(4294967295,0)", "(4294967296,0)", "(0)", "0,1"]),
    "float4": ("1 . e + - 5 inf nan", ["1e39", "1e-46", "1e-45", "Infinity", "-inf", "NaN", "+nan", "-nan", "", "1e", ".", "1_0"]),
    "float8": ("1 . e + - 5 inf nan", ["1e309", "1e-324", "1e-323", "infinity", "iNf", "", "5.", ".5", "infinit", "nan1"]),
    "numeric": ("1 . e + - 0 NaN inf _", ["1_000.5_0e1_0", "1_.5", "1._5", "1e_5", "_1", "1__0",
        "1e5", "1E-5", ".", "5.", ".5", "-.5e-3", "", "e5", "1e", "1e+", "infinity", "-nan", "+inf"]),
    "money": ("1 , . $ - + ( ) 5 99", ["$1,234.56", "($1.00)", "-$1", "$-1", "1.005", "1.004", "", "$", "1.2.3", "92233720368547758.07",
        "92233720368547758.08", "-92233720368547758.08", "1,2,3.4,5", "x", "1x", "- 1", "1-", "1.5$"]),
    "uuid": ("a0ee bc99 - { } 0", ["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "{a0eebc999c0b4ef8bb6d6bb9bd380a11}",
        "a0eebc999c0b4ef8bb6d6bb9bd380a11 "]),
    "inet": ("1 . 10 / 24 0|1 : :: ffff / 24 0", ["1.2.3.4", "1.2.3.4/32", "1.2.3.4/33", "10/8", "10.1/16", "10", "10.1", "1.2.3.4.",
        "10./8", "256.1.1.1",
        "01.02.03.04", "::", "::1/128", "::ffff:1.2.3.4", "1::2::3", "1:2:3:4:5:6:7:8/129", "::/00", "", "fe80::1%eth0", " 1.2.3.4",
        "1:2:3:4::5:6:7:8", "12345::", "1.2.3.4/", "1.2.3.4/x", "::/064"]),
    "cidr": ("1 . 10 / 24 0|1 : :: ffff / 24 0", ["10", "192.168", "192.168.1", "224", "224.1", "240", "128", "10.1.2.3",
        "10.1.2.3/24", "10.1.2.0/24",
        "1.2.3.4/32", "::1/64", "::/0", "2001:db8::/32", "0/0", "10.", "223.1.2", "", "10/33"]),
    "macaddr": ("", ["08:00:2b:01:02:03", "08-00-2b-01-02-03", "08002b:010203", "08002b-010203", "0800.2b01.0203", "0800-2b01-0203",
        "08002b010203", " 08002b010203 ", "8:0:2b:1:2:3", "108:00:2b:01:02:03", "08:00:2b:01:02", "08:00-2b:01:02:03", "",
        "0800.2b01-0203"]),
    "macaddr8": ("08 00 2b : - .", ["08:00:2b:01:02:03:04:05", "08002b0102030405", "08:00:2b:01:02:03", "0800.2b01.0203.0405",
        "08:00-2b:01:02:03",
        "08002b:0102030405", "", "08:00:2b:01:02", "08:00:2b:01:02:03:04:05:", "0:8:0:0",
        "08:00:2b:01:02:03:04:05::", "08:00:2b:01:02:03:04:05x",
        "08:00:2b:01:02:03:04:05 ", "08:00:2b:01:02:03:04:05 x", "08:00:2b:01:02:03."]),
    "json": ('{ } [ ] "a" : , 1 -0.5e3 true null \\ " \\u0000 \\ud83d', ["", "{}", " [1, 2] ", '{"a": {"b": [null]}}', "01", "1.", "-",
        "+1",
        "tru",
        "truex", '"\\u12"', '"\\x"', '"a\tb"', '"', "[1,]", "[,1]", '{"a"}', '{"a":}', '{"a":1,}', "{1:2}", "1 2", "[", "]", "[}",
        '"\\u0000"',
        '"\\ud83d"', '"\\ud83d\\ude00"', "NaN", "'a'", "nullnull", "[1]]", "\v1"]),
    "bytea": ("\\\\ \\x 0f 12 \\123 a \\000", ["\\x", "\\x0", "\\x 0f", "\\x0 f", "\\xzz", "\\", "\\\\", "\\400", "é", "\\x0F\n1a"]),
    "name": ("é a long", ["x" * 64, "é" * 32, "a" + "é" * 32, "世" * 22]),
}  # fmt: skip
SINCE_16: dict[str, tuple[str, list[str]]] = {
    "oid": (
        "1 9 - + 0 x 4294967295",
        ["", "4294967296", "-1", "-2147483648", "-2147483649", "010", "0x10", "99999999999999999999"],
    ),
    "xid": (
        "1 9 - + 0 x 0x F 4294967295",
        ["", "0x", "0xF", "010", "08", "-1", "4294967296", "18446744073709551616", "abc"],
    ),
    "cid": ("1 9 - + 0 x 0x F", ["", "0xFFFFFFFF", "-2147483648", "-2147483649"]),
    "xid8": ("1 9 - + 0 x 0x F", ["", "18446744073709551615", "18446744073709551616", "-1", "0xFFFFFFFFFFFFFFFF"]),
    '"char"': ("a \\ 1 2 é \\101", ["", "ab", "\\101", "\\377", "\\777", "\\38", "é"]),
}
"""Before version 16 these were read as strtoul reads, without any check."""

SUBSET: dict[str, tuple[str, list[str]]] = {
    "date": ("2024 - 01 02 29 30 infinity BC 20240229 epoch 10000 T 10:11:12", ["2024-02-29", "2023-02-29", "0000-01-01",
        "0001-01-01 BC", "infinity",
        "-infinity", "epoch", "2024-1-2", "20240102", "2024-02-29 10:00:00", "2024-02-29T10:00:00Z", "5874898-01-01",
        "4714-11-23 BC", "2024-13-01", ""]),
    "time": ("10 : 11 12 .5 24 00 60 +02 Z 2024-01-01", ["10:11:12", "10:11", "24:00:00", "24:00:01", "25:00", "10:60", "10:11:60",
        "10:11:12.9999999",
        "10:11+02", "23:59:60", "10:11:12 Z", "1:2:3", ""]),
    "timetz": ("10 : 11 12 .5 24 +02 -05:30 Z", ["10:11+02", "10:11:12.5-05:30:15", "24:00+00", "10:11", "10:11+16",
        "10:11+15:59:59", "10:11Z",
        "2024-01-01 10:11+02", "10:11-0530"]),
    "timestamp": ("2024-01-02 T 10:11:12 .5 +02 BC infinity Z", ["2024-01-02 10:11:12.123456789", "294277-01-01", "4714-11-23 BC",
        "2024-01-02 24:00",
        "2024-01-02 10:11:60", "2024-01-02T10:11:12Z", "-infinity", "epoch", ""]),
    "timestamptz": ("2024-01-02 T 10:11:12 .5 +02 BC infinity Z", ["2024-01-02 10:11:12+02", "2024-01-02 10:11:12-05:30",
        "294276-12-31 23:59:59-02",
        "2024-01-02 10:11:12+16", "epoch"]),
    "interval": ("", ["1 year 2 mons -3 days 4:05:06.7", "@ 1 year ago", "1-2", "-1-2 +3 4:05:06", "P1Y2M3DT4H5M6S", "P1.5Y",
        "1.5 months", "1.5 days",
        "1.5 weeks", "3 4:05", "P0001-02-03T04:05:06", "PT-1.5S", "1 4:05:06", "", "1", "1.5", "-1.5 years", "0.1 decade",
        "1 fortnight", "2147483648 months",
        "P1W", "@ 1 min 2.5 secs ago", "4:05:06.7 ago", "1:2", "-0:1", "1 -2", "1 day -4:05"]),
}  # fmt: skip
"""The forms that programs write are read; names of months and zones are not."""


def compare(server: Server, name: str, texts: list[str], *, sqlstates: bool, subset: bool = False) -> None:
    """``sqlstates``: errors are compared too; where several things are wrong, who sees what first differs."""
    oid = type_oid(name)
    answers = ask(server.client, name, oid, [(TEXT, text.encode()) for text in texts])
    for text, answer in zip(texts, answers, strict=True):
        ours, theirs = outcome(oid, TEXT, text.encode()), answer.binary
        wider = name in WIDER_SINCE_16 and server.version < 16 and set(text.lower()) & set("_xob")
        if wider and isinstance(theirs, Failure):
            continue
        if isinstance(ours, Failure) and isinstance(theirs, Failure):
            assert not sqlstates or ours.sqlstate == theirs.sqlstate, (text, ours, theirs)
        elif not (subset and isinstance(ours, Failure)):
            assert ours == theirs, text


def strung(pieces: str) -> st.SearchStrategy[str]:
    alternatives = [[" ", *alternative.split(" ")] for alternative in pieces.split("|")]
    return st.sampled_from(alternatives).flatmap(
        lambda found: st.lists(st.sampled_from(found), max_size=8).map("".join)
    )


REFUSES_MORE = {"pg_snapshot"}
"""PostgreSQL reads negative numbers of a snapshot, which wrap around."""

WIDER_SINCE_16 = {"int2", "int4", "int8", "numeric"}
"""Types of which version 16 began to read 0x1F and 1_000: so does this for every version."""


@pytest.mark.parametrize("name", [*STRICT, *SINCE_16, *SUBSET])
def test_texts_are_read_or_refused_as_postgresql_does(server: Server, name: str) -> None:
    if name in SINCE_16 and server.version < 16:
        compare(server, name, ["1", "7"], sqlstates=True)
        return
    pieces, texts = (STRICT | SINCE_16 | SUBSET)[name]
    compare(server, name, texts, sqlstates=True)
    if not pieces:
        return

    @settings(max_examples=4, phases=[Phase.generate])
    @given(st.lists(strung(pieces), min_size=20, max_size=60))
    def made(texts: list[str]) -> None:
        compare(server, name, texts, sqlstates=False, subset=name in SUBSET or name in REFUSES_MORE)

    made()


def test_jsonb_is_refused_as_postgresql_does(server: Server) -> None:
    """What it prints of the rest, in an order and form of its own, is not made here."""
    escapes = [
        '"\\u0000"',
        '"\\ud83d"',
        '"\\ud83d\\ude00"',
        '"\\ude00"',
        '"\\ud83dx"',
        '"\\ud83d\\n"',
        '{"\\u0000" 1}',
        '"\\u0000',
    ]
    texts = STRICT["json"][1] + escapes
    for text, answer in zip(
        texts, ask(server.client, "jsonb", 3802, [(TEXT, text.encode()) for text in texts]), strict=True
    ):
        ours = outcome(3802, TEXT, text.encode())
        assert isinstance(ours, Failure) == isinstance(answer.text, Failure), text
        if isinstance(ours, Failure) and isinstance(answer.text, Failure):
            assert ours == answer.text, text


PARTS = st.sampled_from([0, 0, 1, -1, 12, -13, 2**31 - 2, -(2**31) + 1]) | st.integers(-5000, 5000)
CLOCKS = st.sampled_from([0, 0, 1, -1, 1_000_000, -60_000_000, 3_600_000_000]) | st.integers(-(10**13), 10**13)


@pytest.mark.parametrize("style", ["postgres", "postgres_verbose", "sql_standard", "iso_8601"])
def test_intervals_in_each_style(server: Server, style: str) -> None:
    """Printed as PostgreSQL prints them, and what it prints is read with the style that it was printed in."""
    run(server.client, [f"set intervalstyle to {style}"])

    @settings(max_examples=6, phases=[Phase.generate])
    @given(st.lists(st.builds(interval.Interval, PARTS, PARTS, CLOCKS), min_size=10, max_size=60))
    def made(values: list[interval.Interval]) -> None:
        answers = ask(server.client, "interval", 1186, [(1, interval.to_binary(value)) for value in values])
        for value, answer in zip(values, answers, strict=True):
            assert isinstance(answer.text, bytes)
            assert interval.to_text(value, style) == answer.text.decode(), value
        # Read back in the same style by both.
        sent = [interval.to_text(value, style) for value in values]
        for text, answer in zip(
            sent, ask(server.client, "interval", 1186, [(0, text.encode()) for text in sent]), strict=True
        ):
            assert interval.to_binary(interval.parse(text, style)) == answer.binary, text

    try:
        made()
    finally:
        run(server.client, ["set intervalstyle to postgres"])


def test_infinite_intervals(server: Server) -> None:
    """PostgreSQL 17 brought them; what is sent to an older one is its longest interval."""
    answers = ask(
        server.client,
        "interval",
        1186,
        [(1, interval.to_binary(value)) for value in (interval.INFINITY, interval.NEGATIVE_INFINITY)],
    )
    shown = [answer.text for answer in answers]
    assert shown == [b"infinity", b"-infinity"] if server.version >= 17 else b"178956970 years" in shown[0]  # type: ignore[operator]
