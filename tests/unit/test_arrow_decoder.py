"""ArrowDecoder: which Arrow types PostgreSQL's become, values in both formats, batches and streams, wrong bytes, memory."""

from __future__ import annotations

import gc
import threading
import uuid
from collections.abc import Iterator
from datetime import date, datetime, time, timezone
from decimal import Decimal
from typing import Any

import duckdb
import nanoarrow
import polars
import pyarrow as pa
import pytest

from pgwire_py import arrow, oids
from pgwire_py._impl import pure
from pgwire_py._impl.pure import arrow_export
from pgwire_py.errors import PostgresError, RemoteProtocolError
from pgwire_py.messages import FieldDescription, RowDescription

WHOLE = 1 << 20
MOMENT = datetime(2024, 2, 29, 12, 30, 15, 250_000)
UTC = timezone.utc
ONE = b"D\0\0\0\x0e\0\1\0\0\0\4\0\0\0\7"


def modifier(precision: int, scale: int) -> int:
    """atttypmod of numeric(precision, scale)."""
    return ((precision << 16) | (scale & 0x7FF)) + 4


# Type OID, type modifier, value as RowEncoder takes it, Arrow type, value as pyarrow gives it.
COLUMNS: list[tuple[int, int, Any, Any, Any]] = [
    (oids.BOOL, -1, True, pa.bool_(), True),
    (oids.INT2, -1, -7, pa.int16(), -7),
    (oids.INT4, -1, 1 << 30, pa.int32(), 1 << 30),
    (oids.INT8, -1, -(1 << 62), pa.int64(), -(1 << 62)),
    (oids.OID, -1, 2**32 - 1, pa.uint32(), 2**32 - 1),
    (oids.XID, -1, 3, pa.uint32(), 3),
    (oids.XID8, -1, 2**64 - 1, pa.uint64(), 2**64 - 1),
    (oids.FLOAT4, -1, 0.5, pa.float32(), 0.5),
    (oids.FLOAT8, -1, 0.1, pa.float64(), 0.1),
    (oids.NUMERIC, -1, Decimal("-12345.6700"), pa.utf8(), "-12345.6700"),
    (oids.NUMERIC, -1, Decimal("NaN"), pa.utf8(), "NaN"),
    (oids.NUMERIC, -1, Decimal("1e40"), pa.utf8(), "1" + "0" * 40),
    (oids.NUMERIC, modifier(10, 4), Decimal("-12345.6700"), pa.decimal128(10, 4), Decimal("-12345.6700")),
    (oids.NUMERIC, modifier(12, 3), Decimal("0.001"), pa.decimal128(12, 3), Decimal("0.001")),
    (oids.NUMERIC, modifier(12, 3), Decimal("0"), pa.decimal128(12, 3), Decimal("0.000")),
    (oids.NUMERIC, modifier(12, 3), Decimal("5e2"), pa.decimal128(12, 3), Decimal("500.000")),
    (oids.NUMERIC, modifier(38, 1), Decimal("9" * 37 + ".9"), pa.decimal128(38, 1), Decimal("9" * 37 + ".9")),
    (oids.NUMERIC, modifier(76, 2), Decimal("-" + "9" * 74 + ".99"), pa.decimal256(76, 2), Decimal("-" + "9" * 74 + ".99")),
    (oids.NUMERIC, modifier(3, -2), Decimal("-99900"), pa.decimal128(5, 0), Decimal(-99900)),
    (oids.NUMERIC, modifier(2, 5), Decimal("0.00099"), pa.decimal128(5, 5), Decimal("0.00099")),
    (oids.NUMERIC, modifier(77, 0), Decimal(7), pa.utf8(), "7"),
    (oids.MONEY, -1, Decimal("-1.50"), pa.decimal128(19, 2), Decimal("-1.50")),
    (oids.TEXT, -1, "ünïcode", pa.utf8(), "ünïcode"),
    (oids.VARCHAR, 14, "", pa.utf8(), ""),
    (oids.NAME, -1, "n", pa.utf8(), "n"),
    (oids.CHAR, -1, b"\xff", pa.utf8(), "\\377"),
    (oids.XML, -1, "<a/>", pa.utf8(), "<a/>"),
    (oids.BYTEA, -1, b"\0\1", pa.binary(), b"\0\1"),
    (oids.DATE, -1, date(1, 1, 2), pa.date32(), date(1, 1, 2)),
    (oids.TIME, -1, time(23, 59, 59, 999_999), pa.time64("us"), time(23, 59, 59, 999_999)),
    (oids.TIMETZ, -1, time(1, 2, 3, tzinfo=UTC), pa.utf8(), "01:02:03+00"),
    (oids.TIMESTAMP, -1, MOMENT, pa.timestamp("us"), MOMENT),
    (oids.TIMESTAMPTZ, -1, MOMENT.replace(tzinfo=UTC), pa.timestamp("us", "UTC"), MOMENT.replace(tzinfo=UTC)),
    (oids.INTERVAL, -1, "1 mon -2 days 3.000004 s", pa.month_day_nano_interval(), pa.MonthDayNano([1, -2, 3_000_004_000])),
    (oids.UUID, -1, uuid.UUID(int=5), pa.uuid(), uuid.UUID(int=5)),
    (oids.JSON, -1, '{"a":1}', pa.json_(), '{"a":1}'),
    (oids.JSONB, -1, "[1, null]", pa.json_(), "[1, null]"),
    (oids.INET, -1, "10.0.0.1/8", pa.utf8(), "10.0.0.1/8"),
    (oids.INT4RANGE, -1, "[1,5)", pa.utf8(), "[1,5)"),
    (oids.POINT, -1, "(1,2)", pa.utf8(), "(1,2)"),
    (oids.VARBIT, -1, "101", pa.utf8(), "101"),
    (oids.TSVECTOR, -1, "'a':1", pa.utf8(), "'a':1"),
    (oids.PG_LSN, -1, "16/B374D848", pa.utf8(), "16/B374D848"),
    (oids.VOID, -1, "", pa.utf8(), ""),
    (99_999, -1, "an enum", pa.utf8(), "an enum"),
    (oids.INT4_ARRAY, -1, [1, None, 3], pa.list_(pa.int32()), [1, None, 3]),
    (oids.TEXT_ARRAY, -1, [], pa.list_(pa.utf8()), []),
    (oids.NUMERIC_ARRAY, modifier(5, 1), [Decimal("1.5")], pa.list_(pa.decimal128(5, 1)), [Decimal("1.5")]),
    (oids.UUID_ARRAY, -1, [uuid.UUID(int=1)], pa.list_(pa.uuid()), [uuid.UUID(int=1)]),
]  # fmt: skip
TYPES = [column[0] for column in COLUMNS]
MODIFIERS = [column[1] for column in COLUMNS]
NAMES = [f"c{number}" for number in range(len(COLUMNS))]
ROW = tuple(column[2] for column in COLUMNS)
NULLS = (None,) * len(ROW)
SCHEMA = pa.schema([(name, column[3]) for name, column in zip(NAMES, COLUMNS, strict=True)])
EXPECTED = [tuple(column[4] for column in COLUMNS), NULLS]


def rows_of(batch: Any) -> list[tuple[Any, ...]]:
    """The rows that pyarrow reads, after it has checked everything."""
    made = pa.record_batch(batch)
    made.validate(full=True)
    return list(zip(*(column.to_pylist() for column in made.columns), strict=True))


@pytest.mark.parametrize("layout", ["data_row", "copy"])
@pytest.mark.parametrize("format_code", [0, 1])
def test_every_type(core: Any, format_code: int, layout: str) -> None:
    formats = [1] if layout == "copy" else [format_code]
    data, _ = core.RowEncoder(TYPES, formats, layout=layout).encode([ROW, NULLS], 0, WHOLE)
    decoder = core.ArrowDecoder(TYPES, NAMES, formats, type_modifiers=MODIFIERS, layout=layout)
    assert pa.schema(decoder) == SCHEMA
    for given in (data, bytearray(data), memoryview(data)):
        assert decoder.feed(given) == []
        batch = decoder.finish()
        assert batch.num_rows == 2
        assert pa.schema(batch) == SCHEMA
        assert rows_of(batch) == EXPECTED
    empty = decoder.finish()
    assert empty.num_rows == 0
    assert rows_of(empty) == []
    assert all(field.nullable for field in pa.schema(decoder))


def test_names_of_objects_are_text_in_text_and_oids_in_binary(core: Any) -> None:
    for code, kind, sent, value in ((0, pa.utf8(), b"pg_class", "pg_class"), (1, pa.uint32(), b"\0\0\4\xeb", 1259)):
        decoder = core.ArrowDecoder([oids.REGCLASS], ["c"], [code])
        decoder.feed([b"\0\1" + len(sent).to_bytes(4, "big") + sent])
        made = pa.record_batch(decoder.finish())
        assert (made.schema.field(0).type, made.column(0).to_pylist()) == (kind, [value])


@pytest.mark.parametrize(
    ("oid", "value", "kind", "stored"),
    [
        (oids.DATE, b"\x7f\xff\xff\xff", pa.int32(), 2**31 - 1),
        (oids.DATE, b"\x80\0\0\0", pa.int32(), -(2**31)),
        (oids.TIMESTAMP, b"\x7f" + b"\xff" * 7, pa.int64(), 2**63 - 1),
        (oids.TIMESTAMPTZ, b"\x80" + bytes(7), pa.int64(), -(2**63)),
    ],
)
def test_infinities_are_the_extremes_and_come_back(core: Any, oid: int, value: bytes, kind: Any, stored: int) -> None:
    decoder = core.ArrowDecoder([oid], ["c"], [1])
    decoder.feed([b"\0\1" + len(value).to_bytes(4, "big") + value])
    batch = decoder.finish()
    assert pa.record_batch(batch).column(0).cast(kind).to_pylist() == [stored]
    data, _, _ = core.ArrowEncoder(batch, [1]).encode(0, WHOLE)
    assert bytes(data)[11:] == value


def test_an_interval_without_end(core: Any) -> None:
    decoder = core.ArrowDecoder([oids.INTERVAL] * 2, ["a", "b"])
    decoder.feed([b"\0\2\0\0\0\x08infinity\0\0\0\x09-infinity"])
    ends = [pa.MonthDayNano([2**31 - 1, 2**31 - 1, 2**63 - 1]), pa.MonthDayNano([-(2**31), -(2**31), -(2**63)])]
    assert rows_of(decoder.finish()) == [tuple(ends)]


def test_composites_and_lists_that_are_spelled_out(core: Any) -> None:
    def sized(data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + data

    number = oids.INT4.to_bytes(4, "big")
    pair = b"\0\0\0\2" + number + sized(b"\0\0\0\7") + b"\0\0\0\x19" + sized(b"x")
    nulls = b"\0\0\0\2" + (number + b"\xff\xff\xff\xff") * 2
    array = b"\0\0\0\1\0\0\0\1" + bytes(4) + b"\0\0\0\3\0\0\0\1" + sized(pair) + b"\xff\xff\xff\xff" + sized(nulls)
    kind = {"n": oids.INT4, "s": oids.TEXT}
    decoder = core.ArrowDecoder([kind, [kind], [oids.INT4]], ["one", "many", "empty"], [1])
    row = b"\0\3" + sized(pair) + sized(array) + sized(bytes(12))
    decoder.feed([row, b"\0\3" + b"\xff\xff\xff\xff" * 3])
    inner = pa.struct([("n", pa.int32()), ("s", pa.utf8())])
    batch = decoder.finish()
    assert pa.schema(batch).types == [inner, pa.list_(inner), pa.list_(pa.int32())]
    one = {"n": 7, "s": "x"}
    assert rows_of(batch) == [(one, [one, None, {"n": None, "s": None}], []), (None, None, None)]
    with pytest.raises(PostgresError, match="wrong number of columns: 0, expected 2") as caught:
        decoder.feed([b"\0\3" + sized(bytes(4)) + b"\xff\xff\xff\xff" * 2])
    assert caught.value.sqlstate == "42804"
    with pytest.raises(PostgresError, match="read in binary format only"):
        core.ArrowDecoder([kind], ["c"])


@pytest.mark.parametrize(
    ("oid", "value", "sqlstate", "message"),
    [
        (oids.NUMERIC, "NaN", "22003", "the value does not fit decimal128(4, 1)"),
        (oids.NUMERIC, "Infinity", "22003", "the value does not fit decimal128(4, 1)"),
        (oids.NUMERIC, "1.25", "22003", "the value does not fit decimal128(4, 1)"),
        (oids.NUMERIC, "-1000", "22003", "the value does not fit decimal128(4, 1)"),
        (oids.NUMERIC, "1e130000", "22003", "the value does not fit decimal128(4, 1)"),
        (oids.INT4_ARRAY, "{{1},{2}}", "0A000", "an array of 2 dimensions is no Arrow list; read it as text instead"),
        (oids.TIMESTAMP, "294276-12-31", "22008", "timestamp out of range of Arrow's microseconds"),
        (oids.INTERVAL, "3000000 hours", "22008", "interval out of range of Arrow's nanoseconds"),
    ],
)
@pytest.mark.parametrize("format_code", [0, 1])
def test_what_arrow_has_not(core: Any, format_code: int, oid: int, value: str, sqlstate: str, message: str) -> None:
    data, _ = core.RowEncoder([oid], [format_code]).encode([(None,), (value,)], 0, WHOLE)
    decoder = core.ArrowDecoder([oid], ["c"], [format_code], type_modifiers=[modifier(4, 1)])
    with pytest.raises(PostgresError) as caught:
        decoder.feed(data)
    assert (caught.value.sqlstate, caught.value.message) == (sqlstate, message)
    assert str(caught.value.where).startswith(f"row 1, column 1, type {oids.type_info(oid).name}, value b")
    assert decoder.finish().num_rows == 0


@pytest.mark.parametrize(
    "data",
    [
        ONE + ONE[:3],
        ONE + ONE[:-1],
        b"C" + ONE[1:],
        b"D\0\0\0\5\0",
        b"D\0\0\0\6\0\2",
        ONE + b"D\0\0\0\x08\0\1\0\0",
        b"D\0\0\0\x0a\0\1\xff\xff\xff\xfe",
        ONE + b"D\0\0\0\x0a\0\1\x7f\xff\xff\xff",
        ONE + b"D\0\0\0\x0b\0\1\xff\xff\xff\xff!",
        ONE + b"D\0\0\0\x0b\0\1\0\0\0\1x",
        [ONE[5:], b"\0\1\0\0\0\2xy"],
        [ONE[5:], b""],
    ],
)
def test_wrong_bytes_are_the_row_decoders_errors(core: Any, data: Any) -> None:
    with pytest.raises((RemoteProtocolError, PostgresError)) as expected:
        core.RowDecoder([oids.INT4], [1]).decode(data)
    decoder = core.ArrowDecoder([oids.INT4], ["c"], [1])
    with pytest.raises(type(expected.value)) as caught:
        decoder.feed(data)
    assert caught.value == expected.value or vars(caught.value) == vars(expected.value)
    # As new.
    assert decoder.feed(ONE) == []
    assert rows_of(decoder.finish()) == [(7,)]


HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TUPLE = ONE[5:]


@pytest.mark.parametrize("step", [1, 2, 7, 1000])
def test_copy_in_any_chunking(core: Any, step: int) -> None:
    decoder = core.ArrowDecoder([oids.INT4, oids.TEXT], ["n", "s"], layout="copy")
    rows = [(number, "x" * (number % 7)) for number in range(40)]
    tuples, _ = core.RowEncoder([oids.INT4, oids.TEXT], layout="copy").encode(rows, 0, WHOLE)
    extended = HEADER[:15] + b"\0\0\0\3abc"
    for data in (bytes(tuples), HEADER + tuples + b"\xff\xff", extended + bytes(tuples)):
        for at in range(0, len(data), step):
            assert decoder.feed(data[at : at + step]) == []
        assert rows_of(decoder.finish()) == rows


@pytest.mark.parametrize(
    ("pieces", "text"),
    [
        ([TUPLE, b"\0\2"], "CopyData: offset 0: 2 values, but there are 1 columns (row 1)"),
        ([TUPLE, TUPLE[:9]], "CopyData: offset 9: the data ends within a row (row 1)"),
        ([TUPLE, b"\xff\xff", TUPLE], "CopyData: offset 0: 10 bytes are left over (row 1)"),
        ([TUPLE + b"\xff\xff!"], "CopyData: offset 2: 1 bytes are left over (row 1)"),
        ([b"\0\1\xff\xff\xff\xfe"], "CopyData: offset 2: the length -2 of a value is negative (row 0)"),
        ([b"\0\1\x7f\xff\xff\xff"], "CopyData: offset 2: a value of 2147483647 bytes goes beyond the end (row 0)"),
        ([HEADER[:11] + b"\0\1\0\0\0\0\0\0"], "CopyData: offset 11: the flags 65536 of the header are unknown (row 0)"),
        (
            [HEADER[:15] + b"\xff\xff\xff\xff"],
            "CopyData: offset 15: the length -1 of the header's extension is negative (row 0)",
        ),
        ([b"PGCOPY"], "CopyData: offset 6: the data ends within a row (row 0)"),
    ],
)
def test_wrong_bytes_of_copy(core: Any, pieces: list[bytes], text: str) -> None:
    decoder = core.ArrowDecoder([oids.INT4], ["c"], layout="copy")

    def read() -> None:
        for piece in pieces:
            decoder.feed(piece)
        decoder.finish()

    with pytest.raises(RemoteProtocolError) as caught:
        read()
    assert str(caught.value) == text


def test_batches_end_by_rows_and_by_bytes(core: Any) -> None:
    rows = [(number, "x" * 100) for number in range(10)]
    data, _ = core.RowEncoder([oids.INT4, oids.TEXT]).encode(rows, 0, WHOLE)
    for bounds, sizes in (({"max_rows": 4}, [4, 4]), ({"max_bytes": 300}, [3, 3, 3]), ({"max_rows": 1}, [1] * 10)):
        decoder = core.ArrowDecoder([oids.INT4, oids.TEXT], ["n", "s"], **bounds)
        full = decoder.feed(data)
        assert [batch.num_rows for batch in full] == sizes
        assert [row for batch in [*full, decoder.finish()] for row in rows_of(batch)] == rows


def test_text_made_of_short_numerics_counts(core: Any) -> None:
    large = b"\0\1\0\0\0\x0a\0\1\x7f\xff\0\0\0\0\0\1"
    decoder = core.ArrowDecoder([oids.NUMERIC], ["c"], [1], max_bytes=200_000)
    full = decoder.feed([large] * 5)
    assert [batch.num_rows for batch in full] == [2, 2]
    assert rows_of(full[0]) == [("1" + "0" * 131_068,)] * 2


def test_a_row_whose_text_is_too_large_is_refused(core: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    count = 0x2400
    if core is pure:  # a gigabyte would take it too long
        monkeypatch.setattr(pure.arrow_decoder, "MAX_ROW", 1 << 18)
        count = 3
    element = b"\0\0\0\x0a\0\1\x7f\xff\0\0\0\0\0\1"
    array = b"\0\0\0\1\0\0\0\0\0\0\x06\xa4" + count.to_bytes(4, "big") + b"\0\0\0\1" + element * count
    with pytest.raises(PostgresError) as caught:
        core.ArrowDecoder([oids.NUMERIC_ARRAY], ["c"], [1]).feed([b"\0\1" + len(array).to_bytes(4, "big") + array])
    assert (caught.value.sqlstate, caught.value.message) == ("54000", "a row exceeds what an Arrow batch holds")


def test_no_columns_and_many(core: Any) -> None:
    decoder = core.ArrowDecoder([], [])
    decoder.feed(b"D\0\0\0\6\0\0" * 3)
    batch = decoder.finish()
    assert (batch.num_rows, pa.record_batch(batch).num_columns) == (3, 0)
    types = [oids.INT4] * 1_600
    data, _ = core.RowEncoder(types, [1]).encode([tuple(range(1_600))] * 2, 0, WHOLE)
    decoder = core.ArrowDecoder(types, [f"c{number}" for number in range(1_600)], [1])
    decoder.feed(data)
    assert rows_of(decoder.finish()) == [tuple(range(1_600))] * 2


def test_streams(core: Any) -> None:
    data, _ = core.RowEncoder([oids.INT4]).encode([(number,) for number in range(5)], 0, WHOLE)
    decoder = core.ArrowDecoder([oids.INT4], ["n"], max_rows=2)
    stream = decoder.stream(iter([data, b"", data]))
    assert pa.schema(stream) == pa.schema([("n", pa.int32())])
    table = pa.table(stream)
    assert table.column(0).to_pylist() == [0, 1, 2, 3, 4] * 2
    assert table.column(0).num_chunks == 5
    with pytest.raises(ValueError, match="handed out already"):
        stream.__arrow_c_stream__()
    empty = pa.table(decoder.stream([]))
    assert (empty.num_rows, empty.schema) == (0, pa.schema([("n", pa.int32())]))
    with pytest.raises(TypeError):
        decoder.stream(5)


def test_a_stream_ends_with_the_error_of_its_source_or_its_bytes(core: Any) -> None:
    def source() -> Iterator[bytes]:
        yield ONE
        raise OSError("the connection broke")

    decoder = core.ArrowDecoder([oids.INT4], ["n"], [1], max_rows=1)
    for chunks, text in ((source(), "OSError: the connection broke"), ([ONE, b"D"], "RemoteProtocolError: DataRow: ")):
        reader = pa.RecordBatchReader.from_stream(decoder.stream(chunks))
        assert reader.read_next_batch().num_rows == 1
        with pytest.raises(pa.ArrowInvalid, match=text):
            reader.read_next_batch()
    assert rows_of(decoder.finish()) == []


def test_other_libraries_read_the_capsules(core: Any) -> None:
    types = [oids.INT4, oids.TEXT, oids.NUMERIC, oids.TIMESTAMPTZ, oids.FLOAT8_ARRAY, oids.BOOL]
    row = (7, "é", Decimal("1.50"), MOMENT.replace(tzinfo=UTC), [0.5, None], True)
    data, _ = core.RowEncoder(types, [1]).encode([row, (None,) * 6], 0, WHOLE)
    decoder = core.ArrowDecoder(types, list("abcdef"), [1], type_modifiers=[-1, -1, modifier(5, 2), -1, -1, -1])
    decoder.feed(data)
    batch = decoder.finish()
    assert polars.DataFrame(batch).rows() == [row, (None,) * 6]
    assert polars.DataFrame(decoder.stream([data])).rows() == [row, (None,) * 6]
    assert duckdb.sql("select a, b, c, e, f from batch").fetchall() == [(*row[:3], *row[4:]), (None,) * 5]
    array = nanoarrow.Array(batch)
    assert [list(item.values()) for item in array.to_pylist()] == [list(row), [None] * 6]


def test_a_batch_goes_back_to_the_rows_it_came_from(core: Any) -> None:
    types = [oids.INT4, oids.TEXT, oids.NUMERIC, oids.TIMESTAMPTZ, oids.UUID, oids.INT8_ARRAY, oids.DATE]
    row = (7, "é", "1.50", MOMENT.replace(tzinfo=UTC), uuid.UUID(int=9), [1, None], date(1999, 1, 1))
    data, _ = core.RowEncoder(types, [1]).encode([row, (None,) * 7], 0, WHOLE)
    decoder = core.ArrowDecoder(types, list("abcdefg"), [1], type_modifiers=[-1, -1, modifier(5, 2), -1, -1, -1, -1])
    decoder.feed(data)
    encoder = core.ArrowEncoder(decoder.finish(), [1])
    assert [oid for _, oid in encoder.columns] == types
    assert encoder.encode(0, WHOLE) == (data, 2, True)


def test_a_decoder_for_a_description(core: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrow, "ArrowDecoder", core.ArrowDecoder)
    fields = (
        FieldDescription("n", 0, 0, oids.INT4, 4, -1, 1),
        FieldDescription("p", 0, 0, oids.NUMERIC, -1, modifier(5, 2), 0),
    )
    decoder = arrow.decoder_for(RowDescription(fields))
    decoder.feed([b"\0\2\0\0\0\4\0\0\0\7\0\0\0\0041.50"])
    assert rows_of(decoder.finish()) == [(7, Decimal("1.50"))]
    assert pa.schema(arrow.decoder_for(fields, layout="copy")) == pa.schema(decoder)


@pytest.mark.parametrize(
    ("arguments", "options", "error"),
    [
        (([oids.INT4], []), {}, ValueError),
        (([oids.INT4], "a"), {}, TypeError),
        (([oids.INT4], [5]), {}, TypeError),
        (([oids.INT4], ["a\0"]), {}, ValueError),
        (([oids.INT4], ["\ud800"]), {}, UnicodeEncodeError),
        (([-1], ["a"]), {}, ValueError),
        ((["int4"], ["a"]), {}, TypeError),
        (([[]], ["a"], [1]), {}, ValueError),
        (([oids.INT4], ["a"]), {"type_modifiers": []}, ValueError),
        (([oids.INT4], ["a"]), {"type_modifiers": ["x"]}, TypeError),
        (([oids.INT4], ["a"]), {"layout": "csv"}, ValueError),
        (([oids.INT4], ["a"]), {"max_rows": 0}, ValueError),
        (([oids.INT4], ["a"]), {"max_rows": 1.5}, TypeError),
        (([oids.INT4], ["a"]), {"max_bytes": (1 << 30) + 1}, ValueError),
        (([oids.INT4], ["a"], [2]), {}, PostgresError),
        (([oids.INT4], ["a"], [0]), {"layout": "copy"}, PostgresError),
        (([23] * 32_768, ["a"] * 32_768), {}, PostgresError),
    ],
)
def test_the_plan_is_checked(core: Any, arguments: Any, options: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        core.ArrowDecoder(*arguments, **options)


def test_types_nested_too_deep(core: Any) -> None:
    kind: Any = oids.INT4
    for _ in range(64):
        kind = [kind]
    core.ArrowDecoder([kind], ["a"], [1])
    with pytest.raises(PostgresError) as caught:
        core.ArrowDecoder([[kind]], ["a"], [1])
    assert caught.value.sqlstate == "54001"


def test_what_is_no_buffer(core: Any) -> None:
    for data in ("text", 5, [5]):
        with pytest.raises(TypeError):
            core.ArrowDecoder([23], ["n"]).feed(data)


def test_threads_take_turns(core: Any) -> None:
    decoder = core.ArrowDecoder([oids.INT4], ["n"], [1])
    threads = [threading.Thread(target=lambda: [decoder.feed(ONE * 10) for _ in range(50)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert rows_of(decoder.finish()) == [(7,)] * 2_000


def test_what_nobody_reads_is_given_back(core: Any) -> None:
    decoder = core.ArrowDecoder([oids.INT4, [oids.TEXT]], ["n", "l"], [1])
    for _ in range(20):
        decoder.feed([b"\0\2\0\0\0\4\0\0\0\7\xff\xff\xff\xff"])
        batch = decoder.finish()
        kept = pa.record_batch(batch)
        column = kept.column(0)
        batch.__arrow_c_array__()
        batch.__arrow_c_stream__()
        decoder.stream([]).__arrow_c_stream__()
        del batch, kept
        assert column.to_pylist() == [7]
    if core is pure:
        del column
        gc.collect()
        arrow_export._sweep()
        assert not arrow_export._KEPT
        assert not arrow_export._CAPSULES


def test_frames_of_rows_can_come_joined(core: Any) -> None:
    frames = core.FrameDecoder(joined_tags="D")
    data = b"T\0\0\0\6\0\0" + ONE * 3 + b"C\0\0\0\5\0" + ONE
    expected = [("T", b"\0\0"), ("D", ONE * 3), ("C", b"\0"), ("D", ONE)]
    assert [(tag, bytes(body)) for tag, body in frames.feed(data)] == expected
    for step in (1, 4, 20, 31):
        rows, others = b"", []
        for at in range(0, len(data), step):
            for tag, body in frames.feed(data[at : at + step]):
                assert body.readonly
                if tag == "D":
                    rows += body
                else:
                    others.append((tag, bytes(body)))
        assert (rows, others) == (ONE * 4, [expected[0], expected[2]])
    with pytest.raises(ValueError, match="a tag must be one character of one byte"):
        core.FrameDecoder(joined_tags="€")
    with pytest.raises(TypeError):
        core.FrameDecoder(joined_tags=5)
