"""ArrowEncoder: which PostgreSQL types Arrow types become, their text, and how a stream is followed to its end."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from pgwire_py import oids
from pgwire_py.errors import PostgresError

STRUCT = pa.struct([("n", pa.int32()), ("list", pa.list_(pa.float64())), ("day", pa.date32()), ("s", pa.utf8())])

# Arrow array of one value, type OID, text.
COLUMNS: list[tuple[Any, int, str]] = [
    (pa.array([True]), oids.BOOL, "t"),
    (pa.array([-1], pa.int8()), oids.INT2, "-1"),
    (pa.array([255], pa.uint8()), oids.INT2, "255"),
    (pa.array([65535], pa.uint16()), oids.INT4, "65535"),
    (pa.array([2**32 - 1], pa.uint32()), oids.INT8, "4294967295"),
    (pa.array([2**64 - 1], pa.uint64()), oids.NUMERIC, "18446744073709551615"),
    (pa.array([0.1], pa.float32()), oids.FLOAT4, "0.1"),
    (pa.array([1e23]), oids.FLOAT8, "9.999999999999999e+22"),
    (pa.array(["é"]), oids.TEXT, "é"),
    (pa.array(["x" * 20], pa.string_view()), oids.TEXT, "x" * 20),
    (pa.array(["x"], pa.large_utf8()), oids.TEXT, "x"),
    (pa.array([b"\x01"]), oids.BYTEA, "\\x01"),
    (pa.array([b"abc"], pa.binary(3)), oids.BYTEA, "\\x616263"),
    (
        pa.ExtensionArray.from_storage(pa.uuid(), pa.array([b"\1" * 16], pa.binary(16))),
        oids.UUID,
        "01010101-0101-0101-0101-010101010101",
    ),
    (pa.array([date(2024, 1, 2)]), oids.DATE, "2024-01-02"),
    (pa.array([date(2024, 1, 2)], pa.date64()), oids.DATE, "2024-01-02"),
    (pa.array([time(1, 2, 3)], pa.time32("s")), oids.TIME, "01:02:03"),
    (pa.array([-1], pa.int64()).cast(pa.timestamp("ns")), oids.TIMESTAMP, "1969-12-31 23:59:59.999999"),
    (pa.array([datetime(2024, 1, 1)], pa.timestamp("us", "Europe/Berlin")), oids.TIMESTAMPTZ, "2024-01-01 00:00:00+00"),
    (pa.array([Decimal("-0.05")], pa.decimal128(20, 2)), oids.NUMERIC, "-0.05"),
    (pa.array([Decimal(10) ** 40], pa.decimal256(60, 1)), oids.NUMERIC, "1" + "0" * 40 + ".0"),
    (pa.array([Decimal("1500")], pa.decimal128(10, -2)), oids.NUMERIC, "1500"),
    (pa.array([timedelta(days=2, hours=-1)], pa.duration("ms")), oids.INTERVAL, "1 day 23:00:00"),
    (
        pa.array([(14, -2, -3999)], pa.month_day_nano_interval()),
        oids.INTERVAL,
        "1 year 2 mons -2 days -00:00:00.000003",
    ),
    (pa.array(["a"]).dictionary_encode(), oids.TEXT, "a"),
    (pa.array([[1, None]]), oids.INT8_ARRAY, "{1,NULL}"),
    (pa.array([[["a", "b c"]]], pa.large_list(pa.list_(pa.utf8()))), oids.TEXT_ARRAY, '{{a,"b c"}}'),
    (pa.array([[1, 2]], pa.list_(pa.int16(), 2)), oids.INT2_ARRAY, "{1,2}"),
    (
        pa.array([{"n": 1, "list": [1.5, float("inf")], "day": date(2024, 1, 2), "s": 'é"\n'}], STRUCT),
        oids.JSON,
        '{"n": 1, "list": [1.5, "Infinity"], "day": "2024-01-02", "s": "é\\"\\n"}',
    ),
    (pa.array([[("k", 1), ("l", None)]], pa.map_(pa.utf8(), pa.int32())), oids.JSON, '{"k": 1, "l": null}'),
    (pa.array([[{"n": 1}]], pa.list_(pa.struct([("n", pa.int8())]))), oids.JSON, '[{"n": 1}]'),
]


def field(data: bytes) -> bytes | None:
    """The only field of a DataRow."""
    return None if data[7:11] == b"\xff\xff\xff\xff" else data[11:]


@pytest.mark.parametrize(("array", "oid", "text"), COLUMNS, ids=lambda value: str(getattr(value, "type", "")))
def test_arrow_types_become_postgresqls(core: Any, array: Any, oid: int, text: str) -> None:
    table = pa.table({"c": array})
    assert core.arrow_columns(table) == [("c", oid)]
    encoder = core.ArrowEncoder(table, [])
    assert encoder.columns == [("c", oid)]
    data, count, _ = encoder.encode(0, 1 << 20)
    assert (field(data), count) == (text.encode(), 1)


@pytest.mark.parametrize(("array", "oid", "text"), COLUMNS, ids=lambda value: str(getattr(value, "type", "")))
def test_binary_and_null_agree_with_single_values(core: Any, array: Any, oid: int, text: str) -> None:
    nulls = pa.array([None], array.type) if not isinstance(array, pa.ExtensionArray) else pa.nulls(1, array.type)
    table = pa.table({"c": pa.chunked_array([array, nulls])}) if len({array.type, nulls.type}) == 1 else None
    data, _, _ = core.ArrowEncoder(pa.table({"c": array}), [1]).encode(0, 1 << 20)
    assert field(data) == core.encode_value(oid, 1, text)
    if table is not None:
        encoder = core.ArrowEncoder(table, [])
        assert field(encoder.encode(1, 1)[0]) == text.encode()
        assert field(encoder.encode(1, 1)[0]) is None


def test_a_column_of_nulls(core: Any) -> None:
    encoder = core.ArrowEncoder(pa.table({"c": pa.nulls(2)}), [])
    assert encoder.columns == [("c", oids.TEXT)]
    assert encoder.encode(0, 1 << 20) == (b"D\x00\x00\x00\x0a\x00\x01\xff\xff\xff\xff" * 2, 2, True)


def test_any_steps_give_the_same_rows(core: Any) -> None:
    table = pa.table({"a": pa.chunked_array([[1, 2, 3], [], [4]]), "b": pa.chunked_array([["x"], ["y", None, ""]])})
    rows = [(1, "x"), (2, "y"), (3, None), (4, "")]
    expected, _ = core.RowEncoder([oids.INT8, oids.TEXT], []).encode(rows, 0, 1 << 20)
    assert core.ArrowEncoder(table, []).encode(0, 1 << 20) == (expected, 4, True)
    for max_rows, max_bytes in ((1, 1 << 20), (3, 1 << 20), (0, 1), (0, 50)):
        encoder = core.ArrowEncoder(table, [])
        collected, count, ended = b"", 0, False
        while not ended:
            data, step, ended = encoder.encode(max_rows, max_bytes)
            collected += data
            count += step
        assert (collected, count) == (expected, 4)
        assert encoder.encode(max_rows, max_bytes) == (b"", 0, True)


def test_slices_and_single_batches(core: Any) -> None:
    batch = pa.record_batch({"n": pa.array([0, 1, None, 3]), "b": pa.array([True, False, True, None])}).slice(1, 2)
    expected, _ = core.RowEncoder([oids.INT8, oids.BOOL], []).encode([(1, False), (None, True)], 0, 1 << 20)
    assert core.ArrowEncoder(batch, []).encode(0, 1 << 20) == (expected, 2, True)

    class OnlyArray:
        def __arrow_c_array__(self, requested_schema: object = None) -> Any:
            return batch.__arrow_c_array__(requested_schema)

    assert core.ArrowEncoder(OnlyArray(), []).encode(0, 1 << 20) == (expected, 2, True)


def test_duckdb_relations(core: Any) -> None:
    relation = duckdb.connect().sql(
        "select r::int as n, 2::hugeint as h, 'infinity'::timestamp as t, interval '1 month 2 days' as i,"
        " [uuid '00000000-0000-0000-0000-000000000001'] as u from range(3000) as s(r)"
    )
    encoder = core.ArrowEncoder(relation, [])
    assert [oid for _, oid in encoder.columns] == [
        oids.INT4,
        oids.NUMERIC,
        oids.TIMESTAMP,
        oids.INTERVAL,
        oids.TEXT_ARRAY,
    ]
    row = (b"2", b"infinity", b"1 mon 2 days", b"{00000000-0000-0000-0000-000000000001}")
    data, count, _ = encoder.encode(0, 1 << 20)
    assert count == 3000
    assert bytes(data).count(b"".join(len(part).to_bytes(4, "big") + part for part in row)) == 3000


def test_an_error_of_the_producer_is_raised_with_its_text(core: Any) -> None:
    def batches() -> Iterator[Any]:
        yield pa.record_batch({"n": [1]})
        raise ValueError("the producer broke")

    reader = pa.RecordBatchReader.from_batches(pa.schema([("n", pa.int64())]), batches())
    encoder = core.ArrowEncoder(reader, [])
    assert encoder.encode(1, 1)[1] == 1
    with pytest.raises(PostgresError, match="the producer broke") as caught:
        encoder.encode(0, 1 << 20)
    assert caught.value.sqlstate == "XX000"
    assert encoder.encode(0, 1 << 20) == (b"", 0, True)


@pytest.mark.parametrize(
    ("source", "sqlstate"),
    [
        (5, "42804"),
        (pa.chunked_array([[1]]), "42804"),
        (pa.table({"c": ["a\0b"]}), "22021"),
        (pa.table({"c": [[[1], [2, 3]]]}), "2202E"),
        (pa.table({"c": pa.array([2**62]).cast(pa.timestamp("s"))}), "22008"),
        (pa.table({"c": pa.UnionArray.from_sparse(pa.array([0], pa.int8()), [pa.array([1])])}), "0A000"),
    ],
)
def test_what_cannot_be_encoded_is_refused(core: Any, source: object, sqlstate: str) -> None:
    with pytest.raises(PostgresError) as caught:
        core.ArrowEncoder(source, []).encode(0, 1 << 20)
    assert caught.value.sqlstate == sqlstate


def test_memory_is_given_back(core: Any) -> None:
    def use() -> None:
        table = pa.table({"n": pa.array(range(10_000))})
        core.arrow_columns(table)
        core.ArrowEncoder(table, [])
        core.ArrowEncoder(table, []).encode(1, 1)
        core.ArrowEncoder(table, []).encode(0, 1 << 30)

    gc.collect()
    before = pa.total_allocated_bytes()
    for _ in range(20):
        use()
    gc.collect()
    assert pa.total_allocated_bytes() == before
