"""Types that a caller asks for: what an Arrow column can become, and what is refused."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from pgwire_py import oids
from pgwire_py.errors import PostgresError

NO_TYPE = 99_999
STRUCT = pa.array([{"n": 1, "t": 'a "b"', "l": [1, None]}])
NAIVE = pa.array([datetime(2024, 1, 2, 3, 4, 5)], pa.timestamp("ms"))
ZONED = pa.array([datetime(2024, 1, 2, 3, 4, 5)], pa.timestamp("s", "Asia/Tokyo"))

FITS: list[tuple[Any, int, bytes]] = [
    (pa.array([7], pa.int64()), oids.INT2, b"7"),
    (pa.array([7], pa.uint64()), oids.INT8, b"7"),
    (pa.array([7], pa.int8()), oids.NUMERIC, b"7"),
    (pa.array([7], pa.int32()), oids.FLOAT8, b"7"),
    (pa.array([2**62 + 1]), oids.FLOAT4, b"4.611686e+18"),
    (pa.array([2**32 - 1]), oids.OID, b"4294967295"),
    (pa.array([2**64 - 1], pa.uint64()), oids.XID8, b"18446744073709551615"),
    (pa.array([0.1], pa.float32()), oids.FLOAT8, b"0.10000000149011612"),
    (pa.array([0.1], pa.float32()), oids.NUMERIC, b"0.1"),
    (pa.array([0.1]), oids.FLOAT4, b"0.1"),
    (pa.array([float("nan")]), oids.NUMERIC, b"NaN"),
    (pa.array([date(2024, 1, 2)]), oids.TIMESTAMP, b"2024-01-02 00:00:00"),
    (pa.array([date(2024, 1, 2)], pa.date64()), oids.TIMESTAMP, b"2024-01-02 00:00:00"),
    (NAIVE, oids.TIMESTAMPTZ, b"2024-01-02 03:04:05+00"),
    (pa.array(["2024-01-02"]), oids.DATE, b"2024-01-02"),
    (pa.array(["{1,NULL}"]), oids.INT4_ARRAY, b"{1,NULL}"),
    (pa.array([" 7 "]).dictionary_encode(), oids.INT4, b"7"),
    (pa.array(['{"a":1}']), oids.JSONB, b'{"a":1}'),
    (pa.array(["happy"]), NO_TYPE, b"happy"),
    (pa.array([b"\1" * 16]), oids.UUID, b"01010101-0101-0101-0101-010101010101"),
    (pa.array([b"\1" * 16], pa.binary(16)), oids.UUID, b"01010101-0101-0101-0101-010101010101"),
    (pa.array([True]), oids.TEXT, b"t"),
    (pa.array([Decimal("1.50")]), oids.VARCHAR, b"1.50"),
    (pa.array([[1, None]]), oids.TEXT, b"{1,NULL}"),
    (pa.array([[1, None]]), oids.JSON, b"[1, null]"),
    (pa.array([[1, None]]), oids.NUMERIC_ARRAY, b"{1,NULL}"),
    (pa.array([[[1], [2]]], pa.large_list(pa.list_(pa.int64(), 1))), oids.INT2_ARRAY, b"{{1},{2}}"),
    (pa.array([[None]], pa.list_(pa.null())), oids.UUID_ARRAY, b"{NULL}"),
    (pa.array([1]), oids.JSONB, b"1"),
    (pa.array([date(2024, 1, 2)]), oids.JSON, b'"2024-01-02"'),
    (STRUCT, oids.JSONB, b'{"n": 1, "t": "a \\"b\\"", "l": [1, null]}'),
    (STRUCT, oids.RECORD, b'(1,"a ""b""","{1,NULL}")'),
    (STRUCT, NO_TYPE, b'(1,"a ""b""","{1,NULL}")'),
    (STRUCT, oids.TEXT, b'{"n": 1, "t": "a \\"b\\"", "l": [1, null]}'),
    (pa.array([[{"n": 1}, None]]), oids.RECORD_ARRAY, b"{(1),NULL}"),
    (pa.array([{"s": {"n": 1}, "l": [{"n": 2}]}]), oids.RECORD, b'("(1)","{(2)}")'),
    (pa.array([[("k", 1)]], pa.map_(pa.utf8(), pa.int8())), oids.JSONB, b'{"k": 1}'),
    (pa.RunEndEncodedArray.from_arrays(pa.array([1], pa.int32()), pa.array([7])), oids.INT4, b"7"),
]


def text(core: Any, column: Any, oid: int, format: int = 0) -> bytes:
    """The only value."""
    encoder = core.ArrowEncoder(pa.table({"c": column}), [format], types=[oid])
    assert encoder.columns == [("c", oid or core.arrow_columns(pa.table({"c": column}))[0][1])]
    data, _, _ = encoder.encode(0, 1 << 20)
    return bytes(data)[11:]


def refused(core: Any, column: Any, oid: int) -> PostgresError:
    with pytest.raises(PostgresError) as caught:
        text(core, column, oid)
    return caught.value


@pytest.mark.parametrize(("column", "oid", "expected"), FITS)
def test_what_fits(core: Any, column: Any, oid: int, expected: bytes) -> None:
    assert text(core, column, oid) == expected


@pytest.mark.parametrize(("column", "oid", "expected"), FITS)
def test_binary_says_the_same_as_text(core: Any, column: Any, oid: int, expected: bytes) -> None:
    data = text(core, column, oid, 1)
    if oid in (NO_TYPE, oids.RECORD, oids.RECORD_ARRAY):
        # A record's text does not tell its fields' types.
        record = oids.RECORD if oid == NO_TYPE and isinstance(column, pa.StructArray) else oid
        assert core.decode_values([record], [1], [data])
    else:
        assert data == core.encode_value(oid, 1, expected.decode())


@pytest.mark.parametrize(
    ("column", "oid"),
    [
        (pa.array([True]), oids.INT4),
        (pa.array([1]), oids.BOOL),
        (pa.array([1]), oids.DATE),
        (pa.array([1.5]), oids.INT4),
        (pa.array([Decimal("1.5")]), oids.FLOAT8),
        (pa.array([b"x"]), oids.INT4),
        (pa.array([b"x"], pa.binary(1)), oids.UUID),
        (pa.array([date(2024, 1, 2)]), oids.TIMESTAMPTZ),
        (NAIVE, oids.DATE),
        (ZONED, oids.TIMESTAMP),
        (pa.array([[1]]), oids.INT8),
        (pa.array([1]), oids.INT8_ARRAY),
        (pa.array([[True]]), oids.INT8_ARRAY),
        (pa.array([[1]]), NO_TYPE),
        (STRUCT, oids.INT4),
        (pa.array([[("k", 1)]], pa.map_(pa.utf8(), pa.int8())), oids.RECORD),
        (pa.array([1], pa.duration("s")), oids.TIME),
    ],
)
def test_what_does_not_fit(core: Any, column: Any, oid: int) -> None:
    error = refused(core, column, oid)
    assert error.sqlstate == "42804"
    assert error.message.startswith('column "c" is of type ')


@pytest.mark.parametrize(
    ("column", "oid", "sqlstate"),
    [
        (pa.array([2**15]), oids.INT2, "22003"),
        (pa.array([2**63], pa.uint64()), oids.INT8, "22003"),
        (pa.array([-1]), oids.OID, "22003"),
        (pa.array([1e300]), oids.FLOAT4, "22003"),
        (pa.array(["x"]), oids.INT4, "22P02"),
        (pa.array(["{1"]), oids.INT4_ARRAY, "22P02"),
        (pa.array(["2024-13-01"]), oids.DATE, "22008"),
        (pa.array([b"x"]), oids.UUID, "22P03"),
    ],
)
def test_values_that_do_not_fit(core: Any, column: Any, oid: int, sqlstate: str) -> None:
    error = refused(core, column, oid)
    assert error.sqlstate == sqlstate
    assert error.where == f"row 0, column 1, type {oids.TYPES[oid].name}"


def test_the_number_of_types(core: Any) -> None:
    with pytest.raises(PostgresError, match="there are 1 types, but 2 columns") as caught:
        core.ArrowEncoder(pa.table({"a": [1], "b": [2]}), [], types=[0])
    assert caught.value.sqlstate == "42804"


def test_a_union_is_refused_wherever_it_is(core: Any) -> None:
    union = pa.UnionArray.from_sparse(pa.array([0], pa.int8()), [pa.array([1])])
    for column in (union, pa.StructArray.from_arrays([union], ["u"])):
        for call in (lambda table: core.ArrowEncoder(table, []), core.arrow_columns):
            with pytest.raises(PostgresError, match="unions") as caught:
                call(pa.table({"c": column}))
            assert caught.value.sqlstate == "0A000"


def test_extension_types(core: Any) -> None:
    def storage(array: Any, name: str) -> pa.Table:
        field = pa.field("c", array.type, metadata={"ARROW:extension:name": name})
        return pa.table([array], schema=pa.schema([field]))

    bool8 = storage(pa.array([0, 1, -5, None], pa.int8()), "arrow.bool8")
    encoder = core.ArrowEncoder(bool8, [1])
    assert encoder.columns == [("c", oids.BOOL)]
    assert core.RowDecoder([oids.BOOL], [1]).decode(bytes(encoder.encode(0, 1000)[0])) == [
        (False,),
        (True,),
        (True,),
        (None,),
    ]
    json = storage(pa.array(['{"a":1}']), "arrow.json")
    assert core.arrow_columns(json) == [("c", oids.JSON)]
    words = storage(pa.array(['{"a":1}']).dictionary_encode(), "arrow.json")
    assert core.arrow_columns(words) == [("c", oids.JSON)]
    # Storage that does not belong to the name is what it is.
    assert core.arrow_columns(storage(pa.array([1]), "arrow.uuid")) == [("c", oids.INT8)]


def test_layout(core: Any) -> None:
    table = pa.table({"a": [1], "b": ["x"]})
    tuples = core.ArrowEncoder(table, layout="copy").encode(0, 100)[0]
    assert tuples == core.RowEncoder([oids.INT8, oids.TEXT], layout="copy").encode([(1, "x")], 0, 100)[0]
    with pytest.raises(ValueError, match="layout must be"):
        core.ArrowEncoder(table, layout="rows")
    with pytest.raises(PostgresError, match="no columns in text format"):
        core.ArrowEncoder(table, [0], layout="copy")
