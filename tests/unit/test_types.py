"""Text and binary format of each type, pinned; the texts are what PostgreSQL 15 prints."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from ipaddress import ip_interface
from typing import Any
from uuid import UUID

import pytest

from pgwire_py import oids
from pgwire_py.errors import PostgresError
from pgwire_py.values import Array

UTC = timezone.utc
EAST = timezone(timedelta(hours=2))

# Type OID, value, text, hexadecimal of the binary format.
ENCODED: list[tuple[int, object, str, str]] = [
    (oids.BOOL, True, "t", "01"),
    (oids.BOOL, 0, "f", "00"),
    (oids.BOOL, " YES ", "t", "01"),
    (oids.INT2, -32768, "-32768", "8000"),
    (oids.INT4, 2147483647, "2147483647", "7fffffff"),
    (oids.INT4, True, "1", "00000001"),
    (oids.INT4, 7.0, "7", "00000007"),
    (oids.INT4, " +12 ", "12", "0000000c"),
    (oids.INT8, -(2**63), "-9223372036854775808", "8000000000000000"),
    (oids.INT8, Decimal("1E+3"), "1000", "00000000000003e8"),
    (oids.OID, 4294967295, "4294967295", "ffffffff"),
    (oids.FLOAT4, 0.1, "0.1", "3dcccccd"),
    (oids.FLOAT4, 1e6, "1e+06", "49742400"),
    (oids.FLOAT8, 1, "1", "3ff0000000000000"),
    (oids.FLOAT8, -0.0, "-0", "8000000000000000"),
    (oids.FLOAT8, 1e15, "1e+15", "430c6bf526340000"),
    (oids.FLOAT8, 123456789012345.0, "123456789012345", "42dc12218377de40"),
    (oids.FLOAT8, 1e-4, "0.0001", "3f1a36e2eb1c432d"),
    (oids.FLOAT8, 1e-5, "1e-05", "3ee4f8b588e368f1"),
    (oids.FLOAT8, 1e22, "1e+22", "4480f0cf064dd592"),
    (oids.FLOAT8, 1e23, "9.999999999999999e+22", "44b52d02c7e14af6"),
    (oids.FLOAT8, 5e-324, "5e-324", "0000000000000001"),
    (oids.FLOAT8, float("inf"), "Infinity", "7ff0000000000000"),
    (oids.FLOAT8, "nan", "NaN", "7ff8000000000000"),
    (oids.NUMERIC, Decimal("12345.6700"), "12345.6700", "0003000100000004000109291a2c"),
    (oids.NUMERIC, Decimal("-0.00"), "0.00", "0000000000000002"),
    (oids.NUMERIC, Decimal("1E-5"), "0.00001", "0001fffe0000000503e8"),
    (oids.NUMERIC, Decimal("-1E+8"), "-100000000", "00010002400000000001"),
    (oids.NUMERIC, Decimal("NaN"), "NaN", "00000000c0000000"),
    (oids.NUMERIC, "-Infinity", "-Infinity", "00000000f0000020"),
    (oids.TEXT, "zürich", "zürich", "7ac3bc72696368"),
    (oids.TEXT, True, "true", "74727565"),
    (oids.TEXT, Decimal("1E+3"), "1000", "31303030"),
    (oids.TEXT, b"\x00\xff", "\\x00ff", "5c7830306666"),
    (oids.TEXT, {"ä": [1, None]}, '{"ä": [1, null]}', "7b22c3a4223a205b312c206e756c6c5d7d"),
    (oids.VARCHAR, date(2024, 2, 29), "2024-02-29", "323032342d30322d3239"),
    (oids.BYTEA, b"\x00\xff", "\\x00ff", "00ff"),
    (oids.BYTEA, "a\\001\\\\", "\\x61015c", "61015c"),
    (oids.DATE, date(2000, 1, 1), "2000-01-01", "00000000"),
    (oids.DATE, date.max, "infinity", "7fffffff"),
    (oids.DATE, "0044-03-15 BC", "0044-03-15 BC", "fff49d7b"),
    (oids.TIME, time(1, 2, 3, 40), "01:02:03.00004", "00000000dde878e8"),
    (oids.TIME, "24:00", "24:00:00", "000000141dd76000"),
    (oids.TIMESTAMP, datetime(2024, 1, 2, 3, 4, 5, 600000), "2024-01-02 03:04:05.6", "0002b0ec851f1b00"),
    (oids.TIMESTAMP, "2024-01-02T03:04:05.6", "2024-01-02 03:04:05.6", "0002b0ec851f1b00"),
    (oids.TIMESTAMP, datetime(2024, 1, 1, 1, tzinfo=EAST), "2023-12-31 23:00:00", "0002b0d4fe559c00"),
    (oids.TIMESTAMP, datetime.min, "-infinity", "8000000000000000"),
    (oids.TIMESTAMPTZ, datetime(2024, 1, 1, 1, tzinfo=EAST), "2023-12-31 23:00:00+00", "0002b0d4fe559c00"),
    (oids.TIMESTAMPTZ, "2024-01-01 01:00+02", "2023-12-31 23:00:00+00", "0002b0d4fe559c00"),
    (oids.TIMESTAMPTZ, datetime.max.replace(tzinfo=UTC), "infinity", "7fffffffffffffff"),
    (oids.INTERVAL, timedelta(hours=-1), "-01:00:00", "ffffffff296c5c000000000000000000"),
    (oids.INTERVAL, "1 year -2 mons 3 days -04:05:06.7", "10 mons 3 days -04:05:06.7", "fffffffc93699120000000030000000a"),
    (oids.INTERVAL, "-1 mon 3 days", "-1 mons +3 days", "000000000000000000000003ffffffff"),
    (oids.INTERVAL, "P1Y2M3DT4H", "1 year 2 mons 3 days 04:00:00", "000000035a4e9000000000030000000e"),
    (oids.INTERVAL, timedelta(0), "00:00:00", "00" * 16),
    (oids.INTERVAL, timedelta.max, "infinity", "7fffffffffffffff7fffffff7fffffff"),
    (oids.INTERVAL, "-infinity", "-infinity", "800000000000000080000000 80000000"),
    (oids.TEXT, ip_interface("1.2.3.4/8"), "1.2.3.4/8", b"1.2.3.4/8".hex()),
    (oids.INET, ip_interface("1.2.3.4/32"), "1.2.3.4", "0220000401020304"),
    (oids.CIDR, ip_interface("10.0.0.0/8"), "10.0.0.0/8", "020801040a000000"),
    (oids.MONEY, 1.005, "$1.01", "0000000000000065"),
    (oids.TIMETZ, time(1, 2), "01:02:00+00", "00000000ddbab200 00000000"),
    (oids.CHAR, b"\xff", "\\377", "ff"),
    (oids.REGCLASS, "-", "-", "00000000"),
    (oids.NAME, "é" * 40, "é" * 31, "c3a9" * 31),
    (oids.TID_ARRAY, [(1, 2), None], '{"(1,2)",NULL}', "00000001000000010000001b0000000200000001 00000006000000010002ffffffff"),
    (oids.UUID, UUID(int=255), "00000000-0000-0000-0000-0000000000ff", "00" * 15 + "ff"),
    (oids.UUID, "{A0EEBC999C0B4EF8BB6D6BB9BD380A11}", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "a0eebc999c0b4ef8bb6d6bb9bd380a11"),
    (oids.JSON, {"a": 1.5}, '{"a": 1.5}', "7b2261223a20312e357d"),
    (oids.JSONB, [True, None], "[true, null]", "015b747275652c206e756c6c5d"),
    (oids.JSONB, '{"a":1}', '{"a":1}', "017b2261223a317d"),
    (oids.VOID, "anything", "", ""),
    (oids.INT4_ARRAY, [1, None], "{1,NULL}", "00000001000000010000001700000002000000010000000400000001ffffffff"),
    (oids.INT4_ARRAY, [], "{}", "000000000000000000000017"),
    (
        oids.INT2_ARRAY,
        [[1], [2]],
        "{{1},{2}}",
        "00000002000000000000001500000002000000010000000100000001000000020001000000020002",
    ),
    (
        oids.TEXT_ARRAY,
        ["", "null", 'a"b\\', "x,y"],
        '{"","null","a\\"b\\\\","x,y"}',
        "000000010000000000000019000000040000000100000000000000046e756c6c000000046122625c00000003782c79",
    ),
    (oids.BYTEA_ARRAY, [b"\x01"], '{"\\\\x01"}', "000000010000000000000011000000010000000100000001" + "01"),
    (99_999, "text of an unknown type", "text of an unknown type", b"text of an unknown type".hex()),
]  # fmt: skip


@pytest.mark.parametrize(("oid", "value", "text", "binary"), ENCODED)
def test_values_have_postgresqls_text_and_bytes(core: Any, oid: int, value: object, text: str, binary: str) -> None:
    assert core.encode_value(oid, 0, value) == text.encode()
    assert core.encode_value(oid, 1, value) == bytes.fromhex(binary)


DECODED: list[tuple[int, int, bytes, object]] = [
    (oids.BOOL, 0, b"off", False),
    (oids.BOOL, 1, b"\x01", True),
    (oids.INT4, 0, b" -12 ", -12),
    (oids.INT8, 1, b"\xff" * 8, -1),
    (oids.FLOAT4, 1, bytes.fromhex("3dcccccd"), 0.10000000149011612),
    (oids.FLOAT8, 0, b"1e-5", 1e-5),
    (oids.NUMERIC, 0, b"1.50e2", Decimal("150")),
    (oids.NUMERIC, 1, bytes.fromhex("0003000100000004000109291a2c"), Decimal("12345.6700")),
    (oids.TEXT, 1, "é".encode(), "é"),
    (oids.BYTEA, 0, b"\\x00 ff", b"\x00\xff"),
    (oids.DATE, 0, b"infinity", date.max),
    (oids.DATE, 1, b"\xff\xff\xff\xff", date(1999, 12, 31)),
    (oids.TIME, 0, b"10:11:12.5", time(10, 11, 12, 500000)),
    (oids.TIMESTAMP, 0, b"2024-02-29 10:00", datetime(2024, 2, 29, 10)),
    (oids.TIMESTAMPTZ, 0, b"2024-02-29 10:00-05:30", datetime(2024, 2, 29, 15, 30, tzinfo=UTC)),
    (oids.TIMESTAMPTZ, 1, b"\x80" + bytes(7), datetime.min.replace(tzinfo=UTC)),
    (oids.INTERVAL, 0, b"1 mon 2 days 00:00:01", timedelta(days=32, seconds=1)),
    (oids.DATE, 0, b"0044-03-15 BC", "0044-03-15 BC"),
    (oids.TIMESTAMP, 0, b"10000-01-01", "10000-01-01 00:00:00"),
    (oids.TIME, 0, b"24:00", "24:00:00"),
    (oids.UUID, 1, bytes(15) + b"\x07", UUID(int=7)),
    (oids.JSON, 0, b'{"a": 1}', '{"a": 1}'),
    (oids.JSONB, 1, b"\x01[]", "[]"),
    (oids.INT4_ARRAY, 0, b"[0:1]={ 1 , NULL }", Array([1, None], (0,))),
    (oids.TEXT_ARRAY, 0, b'{{a,"b c"},{"NULL",null}}', [["a", "b c"], ["NULL", None]]),
    (
        oids.INT2_ARRAY,
        1,
        bytes.fromhex("00000001000000010000001500000002000000090000000200 05ffffffff"),
        Array([5, None], (9,)),
    ),
    (0, 0, b"untyped", "untyped"),
]


@pytest.mark.parametrize(("oid", "format_code", "data", "value"), DECODED)
def test_bytes_become_python_values(core: Any, oid: int, format_code: int, data: bytes, value: object) -> None:
    (decoded,) = core.decode_values([oid], [format_code], [data])
    assert decoded == value
    assert type(decoded) is type(value)
    assert str(decoded) == str(value)


def test_null_stays_none(core: Any) -> None:
    assert core.encode_value(oids.INT4, 0, None) is None
    assert core.decode_values([oids.INT4], [], [None]) == (None,)


REFUSED_OBJECTS: list[tuple[int, object, str, str]] = [
    (oids.INT2, 32768, "22003", "smallint out of range"),
    (oids.INT4, 2**31, "22003", "integer out of range"),
    (oids.INT8, 2**63, "22003", "bigint out of range"),
    (oids.OID, -1, "22003", "OID out of range"),
    (oids.INT4, float("nan"), "22003", "integer out of range"),
    (oids.INT4, "abc", "22P02", 'invalid input syntax for type integer: "abc"'),
    (oids.INT4, "99999999999", "22003", 'value "99999999999" is out of range for type integer'),
    (oids.INT4, 1.5, "22P02", 'invalid input syntax for type integer: "1.5"'),
    (oids.INT4, b"1", "42804", "cannot encode a value of Python type bytes as integer"),
    (oids.INT4, "x" * 65, "22P02", f'invalid input syntax for type integer: "{"x" * 64}…"'),
    (oids.FLOAT4, 1e39, "22003", "value out of range: overflow"),
    (oids.FLOAT8, "1e400", "22003", '"1e400" is out of range for type double precision'),
    (oids.FLOAT8, 10**400, "22003", "value out of range: overflow"),
    (oids.NUMERIC, "1e131072", "22003", "value overflows numeric format"),
    (oids.TEXT, "a\0b", "22021", 'invalid byte sequence for encoding "UTF8": 0x00'),
    (oids.TEXT, "\ud800", "22021", "a lone surrogate cannot be encoded as UTF8"),
    (oids.DATE, "2024-02-30", "22008", 'date/time field value out of range: "2024-02-30"'),
    (oids.TIMESTAMP, "soon", "22007", 'invalid input syntax for type timestamp: "soon"'),
    (oids.TIMESTAMPTZ, "soon", "22007", 'invalid input syntax for type timestamp with time zone: "soon"'),
    (oids.TIMESTAMP, "294277-01-01", "22008", 'timestamp out of range: "294277-01-01"'),
    (oids.INTERVAL, "5 lightyears", "22007", 'invalid input syntax for type interval: "5 lightyears"'),
    (oids.XID, -1, "22003", "xid out of range"),
    (oids.XID8, 2**64, "22003", "xid8 out of range"),
    (oids.PG_LSN, "16", "22P02", 'invalid input syntax for type pg_lsn: "16"'),
    (oids.PG_LSN, -1, "22003", "pg_lsn out of range"),
    (oids.TID, (1, 65536), "22003", "tid out of range"),
    (oids.TID, (1, 2, 3), "42804", "a tid is a tuple of 2"),
    (oids.PG_SNAPSHOT, (5, 1, ()), "22003", "pg_snapshot out of range"),
    (oids.MONEY, "92233720368547758.08", "22003", 'value "92233720368547758.08" is out of range for type money'),
    (oids.MONEY, Decimal("NaN"), "22003", "money out of range"),
    (oids.MONEY, "1 €", "22P02", 'invalid input syntax for type money: "1 €"'),
    (oids.CHAR, b"ab", "22003", '"char" out of range'),
    (oids.CHAR, 1, "42804", 'cannot encode a value of Python type int as "char"'),
    (oids.TIMETZ, "10:11+16", "22009", 'time zone displacement out of range: "10:11+16"'),
    (oids.TIMETZ, time(1, tzinfo=timezone(timedelta(hours=23))), "22009", "time zone displacement out of range"),
    (oids.INET, "1.2.3", "22P02", 'invalid input syntax for type inet: "1.2.3"'),
    (oids.INET, 1, "42804", "cannot encode a value of Python type int as inet"),
    (oids.CIDR, "10.1.2.3/8", "22P02", 'invalid cidr value: "10.1.2.3/8"'),
    (oids.MACADDR, "108:0:2b:1:2:3", "22003", 'invalid octet value in "macaddr" value: "108:0:2b:1:2:3"'),
    (oids.MACADDR8, b"12345678", "42804", "cannot encode a value of Python type bytes as macaddr8"),
    (oids.UUID, "0", "22P02", 'invalid input syntax for type uuid: "0"'),
    (oids.BYTEA, "\\xg", "22023", 'invalid hexadecimal digit: "g"'),
    (oids.JSON, {1, 2}, "22P02", "cannot encode the value as JSON: a value of Python type set has …"),
    (oids.INT4_ARRAY, "{1", "22P02", 'malformed array literal: "{1"'),
    (
        oids.INT4_ARRAY,
        [[1], [2, 3]],
        "2202E",
        "multidimensional arrays must have array expressions with matching dimensions",
    ),
    (oids.INT4_ARRAY, [[[[[[[1]]]]]]], "54000", "number of array dimensions (7) exceeds the maximum allowed (6)"),
]


@pytest.mark.parametrize(("oid", "value", "sqlstate", "message"), REFUSED_OBJECTS)
@pytest.mark.parametrize("format_code", [0, 1])
def test_values_that_do_not_fit_are_refused(
    core: Any, oid: int, value: object, sqlstate: str, message: str, format_code: int
) -> None:
    with pytest.raises(PostgresError) as caught:
        core.encode_value(oid, format_code, value)
    assert (caught.value.sqlstate, caught.value.message) == (sqlstate, message)


REFUSED_BYTES: list[tuple[int, int, bytes, str, str]] = [
    (oids.INT4, 1, b"abc", "08P01", "insufficient data left in message"),
    (oids.INT4, 1, b"abcde", "22P03", "incorrect binary data format in bind parameter 1"),
    (oids.UUID, 1, b"", "08P01", "insufficient data left in message"),
    (oids.NUMERIC, 1, b"\0\2\0\0\0\0\0\0\0\1", "08P01", "insufficient data left in message"),
    (oids.JSONB, 1, b"", "08P01", "insufficient data left in message"),
    (oids.JSON, 0, b"{'a'}", "22P02", "invalid input syntax for type json"),
    (oids.JSONB, 1, b'\1"\\u0000"', "22P05", "unsupported Unicode escape sequence"),
    (oids.TEXT, 0, b"\xc3(", "22021", 'invalid byte sequence for encoding "UTF8": 0xc3 0x28'),
    (oids.JSONB, 1, b"\x02{}", "22P03", "unsupported jsonb version number 2"),
    (oids.JSONPATH, 1, b"\x02$", "22P03", "unsupported jsonpath version number 2"),
    (oids.NAME, 1, b"x" * 64, "42622", "identifier too long"),
    (oids.TIMETZ, 1, bytes(8) + b"\x7f\0\0\0", "22009", "time zone displacement out of range"),
    (oids.INET, 1, bytes((4, 8, 0, 4, 1, 2, 3, 4)), "22P03", 'invalid address family in external "inet" value'),
    (oids.INET, 1, bytes((2, 33, 0, 4, 1, 2, 3, 4)), "22P03", 'invalid bits in external "inet" value'),
    (oids.INET, 1, bytes((2, 8, 0, 5, 1, 2, 3, 4)), "22P03", 'invalid length in external "inet" value'),
    (oids.CIDR, 1, bytes((2, 8, 1, 4, 1, 2, 3, 4)), "22P03", 'invalid external "cidr" value'),
    (oids.PG_SNAPSHOT, 1, bytes(3) + b"\1" + bytes(16), "22P03", "incorrect binary data format in bind parameter 1"),
    (oids.PG_SNAPSHOT, 1, bytes(20), "22P03", "invalid external pg_snapshot data"),
    (
        oids.INT4_ARRAY,
        1,
        bytes(8) + b"\0\0\0\x19",
        "42804",
        "binary data has array element type 25 instead of expected 23",
    ),
    (
        oids.INT4_ARRAY,
        1,
        bytes.fromhex("000000010000000000000017 7fffffff 00000001"),
        "22P03",
        "incorrect binary data format in bind parameter 1",
    ),
]


@pytest.mark.parametrize(("oid", "format_code", "data", "sqlstate", "message"), REFUSED_BYTES)
def test_bytes_that_are_no_value_are_refused(
    core: Any, oid: int, format_code: int, data: bytes, sqlstate: str, message: str
) -> None:
    with pytest.raises(PostgresError) as caught:
        core.decode_values([oid], [format_code], [data])
    assert (caught.value.sqlstate, caught.value.message) == (sqlstate, message)


def test_errors_name_the_parameter_and_show_a_bounded_part_of_it(core: Any) -> None:
    with pytest.raises(PostgresError) as caught:
        core.decode_values([oids.TEXT, oids.INT4], [0], [b"ok", b"9" * 1000])
    assert caught.value.where == f"parameter $2, type int4, value b'{'9' * 62}…"


@pytest.mark.parametrize(
    ("types", "formats", "values", "sqlstate"),
    [
        ([23], [], [], "08P01"),
        ([23, 23], [0, 0, 0], [b"1", b"2"], "08P01"),
        ([23], [2], [b"1"], "22023"),
    ],
)
def test_counts_and_format_codes_are_checked(
    core: Any, types: list[int], formats: list[int], values: list[bytes], sqlstate: str
) -> None:
    with pytest.raises(PostgresError) as caught:
        core.decode_values(types, formats, values)
    assert caught.value.sqlstate == sqlstate
