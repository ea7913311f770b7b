"""RowDecoder and what RowEncoder takes: rows there and back, wrong bytes, rows of every kind, bounds."""

from __future__ import annotations

from collections import namedtuple
from dataclasses import dataclass
from datetime import date, datetime, timezone
from decimal import Decimal
from typing import Any, ClassVar
from uuid import UUID

import pytest

from pgwire_py import oids
from pgwire_py.errors import PostgresError, RemoteProtocolError

WHOLE = 1 << 20
MOMENT = datetime(2024, 2, 29, 12, 30, 15, 250_000)
COLUMNS: list[tuple[str, int, Any]] = [
    ("small", oids.INT2, -7),
    ("number", oids.INT4, 1 << 30),
    ("big", oids.INT8, -(1 << 62)),
    ("ratio", oids.FLOAT8, 0.1),
    ("narrow", oids.FLOAT4, 0.5),
    ("name", oids.TEXT, "ünïcode"),
    ("seen", oids.TIMESTAMPTZ, MOMENT.replace(tzinfo=timezone.utc)),
    ("made", oids.TIMESTAMP, MOMENT),
    ("day", oids.DATE, date(1, 1, 2)),
    ("yes", oids.BOOL, True),
    ("price", oids.NUMERIC, Decimal("-12345.6700")),
    ("id", oids.UUID, UUID(int=5)),
    ("raw", oids.BYTEA, b"\0\1"),
    ("list", oids.INT4_ARRAY, [1, None, 3]),
]
NAMES = [name for name, _, _ in COLUMNS]
TYPES = [oid for _, oid, _ in COLUMNS]
ROW = tuple(value for _, _, value in COLUMNS)
NULLS = (None,) * len(ROW)
ONE = b"D\0\0\0\x0e\0\1\0\0\0\4\0\0\0\7"


@pytest.mark.parametrize("format_code", [0, 1])
def test_rows_come_back(core: Any, format_code: int) -> None:
    data, _ = core.RowEncoder(TYPES, [format_code]).encode([ROW, NULLS, ROW], 0, WHOLE)
    decoder = core.RowDecoder(TYPES, [format_code])
    for given in (data, bytearray(data), memoryview(data)):
        rows = decoder.decode(given)
        assert rows == [ROW, NULLS, ROW]
        assert [type(value) for value in rows[0]] == [type(value) for value in ROW]
    assert type(rows[0]) is tuple
    frames = core.FrameDecoder().feed(bytes(data))
    assert decoder.decode([body for _, body in frames]) == rows
    assert decoder.decode(tuple(bytes(body) for _, body in frames)) == rows
    assert decoder.decode(b"") == decoder.decode([]) == []


def test_integers_around_those_that_are_looked_up(core: Any) -> None:
    """CPython shares -5 to 256; what is a multiple of 2^32 away from them is none of them, on machines of 32 bits either."""
    wanted = [base + n for base in (0, 1 << 32, -(1 << 32), -(1 << 63), (1 << 63) - 258) for n in (-6, -5, 0, 256, 257)]
    wanted = [n for n in wanted if -(1 << 63) <= n < 1 << 63]
    bodies = [b"\0\1\0\0\0\x08" + n.to_bytes(8, "big", signed=True) for n in wanted]
    assert core.RowDecoder([20], [1]).decode(bodies) == [(n,) for n in wanted]


def test_records_have_the_names(core: Any) -> None:
    data, _ = core.RowEncoder(TYPES, [1]).encode([ROW], 0, WHOLE)
    (record,) = core.RowDecoder(TYPES, [1], NAMES).decode(data)
    assert type(record) is core.Record
    assert dict(record) == dict(zip(NAMES, ROW, strict=True))


def test_copy_tuples_come_back(core: Any) -> None:
    data, end = core.RowEncoder(TYPES, layout="copy").encode([ROW, NULLS], 0, WHOLE)
    assert (end, bytes(data[:2])) == (2, len(TYPES).to_bytes(2, "big"))
    decoder = core.RowDecoder(TYPES, layout="copy")
    assert decoder.decode(data) == [ROW, NULLS]
    assert decoder.decode(bytes(data) + b"\xff\xff") == [ROW, NULLS]
    assert decoder.decode([data, b"", data, b"\xff\xff", b""]) == [ROW, NULLS, ROW, NULLS]


def test_rows_without_columns(core: Any) -> None:
    assert core.RowDecoder([]).decode(b"D\0\0\0\6\0\0" * 3) == [(), (), ()]


@pytest.mark.parametrize(
    ("data", "offset", "text"),
    [
        (ONE[:3], 3, "the data ends within a row"),
        (ONE[:-1], 14, "the data ends within a row"),
        (b"C" + ONE[1:], 0, "the tag 67 is not DataRow's"),
        (b"D\0\0\0\5\0", 1, "the length 5 is less than 6"),
        (b"D\xff\xff\xff\xff\0", 1, "the length -1 is less than 6"),
        (b"D\0\0\0\6\0\2", 5, "2 values, but there are 1 columns"),
        (b"D\0\0\0\6\xff\xff", 5, "65535 values, but there are 1 columns"),
        (b"D\0\0\0\x08\0\1\0\0", 9, "the data ends within a row"),
        (b"D\0\0\0\x0a\0\1\xff\xff\xff\xfe", 7, "the length -2 of a value is negative"),
        (b"D\0\0\0\x0a\0\1\x7f\xff\xff\xff", 7, "a value of 2147483647 bytes goes beyond the end"),
        (b"D\0\0\0\x0b\0\1\xff\xff\xff\xff!", 11, "1 bytes are left over"),
    ],
)
def test_bytes_that_are_no_rows(core: Any, data: bytes, offset: int, text: str) -> None:
    decoder = core.RowDecoder([oids.INT4], [1])
    with pytest.raises(RemoteProtocolError) as caught:
        decoder.decode(ONE + data)
    error = caught.value
    assert (error.offset, error.tag, error.message_name, error.sqlstate) == (offset, "D", "DataRow", "08P01")
    assert str(error) == f"DataRow: offset {offset}: {text} (row 1)"
    if offset >= 5 and len(data) == int.from_bytes(data[1:5], "big") + 1:
        with pytest.raises(RemoteProtocolError) as caught:
            decoder.decode([ONE[5:], data[5:]])
        assert caught.value == error


@pytest.mark.parametrize(
    ("data", "offset"),
    [([b"\xff\xff", b"\0"], 0), ([b"\xff\xff\0"], 2), ([b"\0"], 1), ([b"\0\2"], 0), ([b"\0\1\0"], 3)],
)
def test_bytes_that_are_no_copy_tuples(core: Any, data: list[bytes], offset: int) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        core.RowDecoder([oids.INT4], layout="copy").decode(data)
    assert (caught.value.offset, caught.value.tag, caught.value.message_name) == (offset, "d", "CopyData")


def test_a_wrong_value_names_row_column_type_and_value(core: Any) -> None:
    data = ONE + b"D\0\0\0\x0b\0\1\0\0\0\1x"
    with pytest.raises(PostgresError) as caught:
        core.RowDecoder([oids.INT4], [1]).decode(data)
    assert caught.value.sqlstate == "08P01"
    assert caught.value.where == "row 1, column 1, type int4, value b'x'"
    with pytest.raises(PostgresError) as caught:
        core.RowDecoder([oids.TEXT]).decode(b"D\0\0\0\x0b\0\1\0\0\0\1\xff")
    assert caught.value.sqlstate == "22021"


@pytest.mark.parametrize("make", ["RowDecoder", "RowEncoder"])
def test_the_plan_is_checked(core: Any, make: str) -> None:
    cls = getattr(core, make)
    for arguments, sqlstate in ((([23] * 32_768, ()), "54000"), (([23], (2,)), "22023"), (([23] * 3, (0, 1)), "08P01")):
        with pytest.raises(PostgresError) as caught:
            cls(*arguments)
        assert caught.value.sqlstate == sqlstate
    with pytest.raises(PostgresError, match="binary COPY has no columns in text format"):
        cls([23], (0,), layout="copy")
    with pytest.raises(ValueError, match="1 names, but there are 2 columns"):
        cls([23, 23], (), ["a"])
    with pytest.raises(ValueError, match="layout must be 'data_row' or 'copy'"):
        cls([23], layout="csv")
    for names in ("a", [1], 5):
        with pytest.raises(TypeError):
            cls([23], (), names)


def test_what_is_no_buffer(core: Any) -> None:
    for data in ("text", 5, [5]):
        with pytest.raises(TypeError):
            core.RowDecoder([23]).decode(data)


@dataclass
class Point:
    x: int
    name: str
    shared: ClassVar[int] = 1


Pair = namedtuple("Pair", ["x", "name"])


def test_rows_of_every_kind(core: Any) -> None:
    types = [oids.INT4, oids.TEXT]
    named = core.RowEncoder(types, [1], ["x", "name"])
    rows = [(1, "a"), [1, "a"], {"name": "a", "x": 1}, Point(1, "a"), Pair(1, "a"), core.Record(["p", "q"], [1, "a"])]
    one, _ = core.RowEncoder(types, [1]).encode([(1, "a")], 0, WHOLE)
    assert named.encode(rows, 0, WHOLE) == (one * len(rows), len(rows))
    swapped = core.RowEncoder(types[::-1], [1], ["name", "x"])
    assert swapped.encode([Point(1, "a"), {"x": 1, "name": "a"}], 0, WHOLE) == swapped.encode([("a", 1)] * 2, 0, WHOLE)
    assert core.RowEncoder(types, [1]).encode([Point(1, "a")], 0, WHOLE) == (one, 1)


@pytest.mark.parametrize(
    ("row", "sqlstate", "message"),
    [
        ({"x": 1}, "42703", "row 0 has no value for column 'name'"),
        ({"x": 1, "name": "", "z": 2}, "08P01", "row 0 has 3 values, but there are 2 columns"),
        (Point, "42804", "row 0 is neither a tuple nor a list, dict, Record or dataclass instance"),
    ],
)
def test_rows_that_do_not_fit_the_names(core: Any, row: Any, sqlstate: str, message: str) -> None:
    with pytest.raises(PostgresError) as caught:
        core.RowEncoder([oids.INT4, oids.TEXT], (), ["x", "name"]).encode([row], 0, WHOLE)
    assert (caught.value.sqlstate, caught.value.message) == (sqlstate, message)


def test_a_dict_or_a_dataclass_without_the_names(core: Any) -> None:
    with pytest.raises(PostgresError, match="row 0 is a dict, but the encoder has no column names"):
        core.RowEncoder([oids.INT4]).encode([{"x": 1}], 0, WHOLE)
    with pytest.raises(PostgresError, match="row 0 has no value for column 'y'"):
        core.RowEncoder([oids.INT4], (), ["y"]).encode([Point(1, "a")], 0, WHOLE)


def test_columns_are_rows_turned(core: Any) -> None:
    encoder = core.RowEncoder([oids.INT4, oids.TEXT], [1])
    rows = [(number, str(number)) for number in range(50)]
    columns = [[number for number, _ in rows], tuple(text for _, text in rows)]
    for start, most in ((0, WHOLE), (0, 40), (30, 1), (50, 1)):
        assert encoder.encode_columns(columns, start, most) == encoder.encode(rows, start, most)
    assert core.RowEncoder([]).encode_columns([], 0, WHOLE) == (b"", 0)


@pytest.mark.parametrize(
    ("columns", "sqlstate", "message"),
    [
        ({}, "42804", "columns are neither a list nor a tuple"),
        ([[1]], "08P01", "1 columns of values, but there are 2 columns"),
        ([[1], "a"], "42804", "column 2 is neither a list nor a tuple"),
        ([[1], []], "08P01", "column 2 has 0 values, but column 1 has 1"),
    ],
)
def test_columns_of_the_wrong_shape(core: Any, columns: Any, sqlstate: str, message: str) -> None:
    with pytest.raises(PostgresError) as caught:
        core.RowEncoder([oids.INT4, oids.TEXT]).encode_columns(columns, 0, WHOLE)
    assert (caught.value.sqlstate, caught.value.message) == (sqlstate, message)


def test_a_row_above_the_limit_is_refused_before_all_of_it_is_written(core: Any) -> None:
    text = "x" * (1 << 28)
    with pytest.raises(PostgresError) as caught:
        core.RowEncoder([oids.TEXT] * 1_000).encode([(text,) * 1_000], 0, WHOLE)
    assert caught.value.sqlstate == "54000"
    assert caught.value.message == "a row exceeds the largest size (1073741823 bytes)"
    assert str(caught.value.where).startswith("row 0, column 4, type text")
