"""Rows of a real PostgreSQL, 15 and 18, as Arrow: by binary DataRows, text DataRows and binary COPY; and the same table read by ADBC.

What differs from ADBC (docs/reference/arrow.md) is brought to one form here by a rule for each type, so that values can be compared.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import adbc_driver_postgresql.dbapi
import pyarrow as pa
import pytest

from pgwire_py import FrameDecoder, arrow, oids
from pgwire_py._impl import pure
from pgwire_py.messages import RowDescription
from tests.support import raw
from tests.support.typed import CORES, Server, run

# Type, its Arrow type here, values as SQL literals. ADBC gives the same type and the same values.
SAME: list[tuple[str, pa.DataType, list[str]]] = [
    ("bool", pa.bool_(), ["true", "false"]),
    ("int2", pa.int16(), ["-32768", "32767"]),
    ("int4", pa.int32(), ["-2147483648", "2147483647"]),
    ("int8", pa.int64(), ["-9223372036854775808", "9223372036854775807"]),
    ("float4", pa.float32(), ["0.1", "-0", "Infinity", "1e-45"]),
    ("float8", pa.float64(), ["0.1", "-0", "-Infinity", "5e-324", "1.7976931348623157e308"]),
    ("text", pa.utf8(), ["", "Grüße, 世界 🐘", "x" * 10_000]),
    ("varchar(5)", pa.utf8(), ["", "é"]),
    ("char(5)", pa.utf8(), ["a", "é"]),
    ("name", pa.utf8(), ["n"]),
    ("bytea", pa.binary(), ["", "\\x00ff"]),
    ("date", pa.date32(), ["2024-02-29", "0001-01-01", "9999-12-31", "1970-01-01", "1969-12-31"]),
    ("time", pa.time64("us"), ["00:00", "23:59:59.999999", "12:00"]),
    ("timestamp", pa.timestamp("us"), ["2024-02-29 12:30:15.25", "0001-01-01", "9999-12-31 23:59:59.999999", "1969-12-31"]),
    ("timestamptz", pa.timestamp("us", "UTC"), ["2024-02-29 12:30:15.25+02", "0001-01-02+00", "9999-12-30+00"]),
    ("interval", pa.month_day_nano_interval(), ["1 year 2 mons -3 days 04:05:06.7", "-1 us", "0"]),
    ("uuid", pa.uuid(), [str(uuid.UUID(int=0)), str(uuid.UUID(int=2**128 - 1))]),
    ("json", pa.json_(), ['{"a":  1}', "null"]),
    ("jsonb", pa.json_(), ['{"a": [1, null]}', '"ü"']),
    ("int4[]", pa.list_(pa.int32()), ["{}", "{1,NULL,-3}"]),
    ("text[]", pa.list_(pa.utf8()), ["{}", '{a,NULL,"b c",""}']),
    ("timestamptz[]", pa.list_(pa.timestamp("us", "UTC")), ["{2024-01-01 00:00:00+00}"]),
    ("uuid[]", pa.list_(pa.uuid()), ["{" + str(uuid.UUID(int=7)) + "}"]),
]  # fmt: skip


def text_of_adbc(value: Any) -> Any:
    """ADBC prints a numeric's NaN and infinities in small letters."""
    return {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}.get(value, value)


# The same with what makes of ADBC's value ours; None where ADBC gives the bytes of the binary format, or a wrong value.
DIFFERENT: list[tuple[str, pa.DataType, list[str], Callable[[Any], Any] | None]] = [
    ("numeric", pa.utf8(), ["0", "-1234.5600", "1e30", "NaN", "0.00001", "1e-20"], text_of_adbc),
    ("numeric(10,2)", pa.decimal128(10, 2), ["0", "-12345678.90", "99999999.99", "0.01"], Decimal),
    ("numeric(38,10)", pa.decimal128(38, 10), ["1234567890123456789012345678.0123456789"], Decimal),
    ("numeric(60,5)", pa.decimal256(60, 5), ["-" + "9" * 55 + ".99999"], Decimal),
    ("numeric(10,2)[]", pa.list_(pa.decimal128(10, 2)), ["{1.50,NULL}"],
     lambda items: [item if item is None else Decimal(item) for item in items]),
    ("money", pa.decimal128(19, 2), ["-1234.56", "0"], lambda cents: Decimal(cents).scaleb(-2)),
    ("oid", pa.uint32(), ["1", "4294967295"], lambda number: number % 2**32),
    ("xid", pa.uint32(), ["7"], None),
    ("xid8", pa.uint64(), ["18446744073709551615"], None),
    ('"char"', pa.utf8(), ["x"], None),
    ("xml", pa.utf8(), ["<a>ü</a>"], lambda data: data.decode()),
    ("mood", pa.utf8(), ["sad", "ok"], str),
    ("timetz", pa.utf8(), ["10:11:12.5+02:00"], None),
    ("inet", pa.utf8(), ["10.0.0.1/8", "::1"], None),
    ("cidr", pa.utf8(), ["10.0.0.0/8"], None),
    ("macaddr", pa.utf8(), ["08:00:2b:01:02:03"], None),
    ("varbit", pa.utf8(), ["10101"], None),
    ("point", pa.utf8(), ["(1,2.5)"], None),
    ("int4range", pa.utf8(), ["[1,5)", "empty"], None),
    ("int4range[]", pa.list_(pa.utf8()), ['{"[1,5)",NULL}'], None),
    ("tsvector", pa.utf8(), ["'a':1 'b'"], None),
    ("pg_lsn", pa.utf8(), ["16/B374D848"], None),
]  # fmt: skip
COLUMNS = [*((*column, lambda value: value) for column in SAME), *DIFFERENT]


@pytest.fixture(scope="module")
def table(server: Server) -> Iterator[tuple[Server, str]]:
    """A table with a column for each type; as many rows as the type with the most values, a row of NULLs behind them."""
    name = f"t_{uuid.uuid4().hex[:12]}"
    columns = ", ".join(f"c{number} {column[0]}" for number, column in enumerate(COLUMNS))
    statements = ["create type mood as enum ('sad', 'ok')", f"create table {name} ({columns})"]
    for row in range(max(len(column[2]) for column in COLUMNS) + 1):
        values = []
        for kind, _, literals, _ in COLUMNS:
            value = literals[row].replace("'", "''") if row < len(literals) else None
            values.append(f"'{value}'::{kind}" if value is not None else "null")
        statements.append(f"insert into {name} values ({', '.join(values)})")
    run(server.client, statements)
    yield server, name
    run(server.client, [f"drop table {name}", "drop type mood"])


def answers(server: Server, *messages: bytes) -> list[tuple[str, bytes]]:
    server.client.send(*messages)
    return [(message.tag, message.body) for message in server.client.until_ready()]


def description(core: Any, server: Server, sql: str, code: int) -> RowDescription:
    """What a portal of the query in one format answers to Describe."""
    messages = answers(server, raw.parse(sql), raw.bind(result_formats=[code]), raw.describe("P"), raw.SYNC)
    (body,) = [body for tag, body in messages if tag == "T"]
    (found,) = core.BackendDecoder().feed(b"T" + (len(body) + 4).to_bytes(4, "big") + body)
    assert isinstance(found, RowDescription)
    return found


def by_rows(core: Any, server: Server, sql: str, code: int) -> pa.RecordBatch:
    fields = description(core, server, sql, code).fields
    decoder = core.ArrowDecoder(
        [field.type_oid for field in fields],
        [field.name for field in fields],
        [field.format for field in fields],
        type_modifiers=[field.type_modifier for field in fields],
    )
    messages = answers(server, raw.parse(sql), raw.bind(result_formats=[code]), raw.execute(), raw.SYNC)
    assert decoder.feed([body for tag, body in messages if tag == "D"]) == []
    return checked(decoder.finish())


def by_copy(core: Any, server: Server, sql: str) -> pa.RecordBatch:
    fields = description(core, server, sql, 1).fields
    decoder = core.ArrowDecoder(
        [field.type_oid for field in fields],
        [field.name for field in fields],
        type_modifiers=[field.type_modifier for field in fields],
        layout="copy",
    )
    messages = answers(server, raw.query(f"copy ({sql}) to stdout (format binary)"))
    assert decoder.feed([body for tag, body in messages if tag == "d"]) == []
    return checked(decoder.finish())


def checked(batch: Any) -> pa.RecordBatch:
    made = pa.record_batch(batch)
    made.validate(full=True)
    return made


def test_a_table_of_every_type(table: tuple[Server, str]) -> None:
    server, name = table
    sql = f"select * from {name}"
    batch = by_rows(CORES[0], server, sql, 1)
    assert batch.schema.types == [column[1] for column in COLUMNS]
    assert batch.num_rows == max(len(column[2]) for column in COLUMNS) + 1
    assert by_rows(CORES[0], server, sql, 0).equals(batch)
    assert by_copy(CORES[0], server, sql).equals(batch)
    for other in (by_rows(pure, server, sql, 1), by_rows(pure, server, sql, 0), by_copy(pure, server, sql)):
        assert other.equals(batch)
        assert other.schema.equals(batch.schema, check_metadata=True)


def test_the_same_values_as_adbc(table: tuple[Server, str]) -> None:
    server, name = table
    ours = by_rows(CORES[0], server, f"select * from {name}", 1)
    host, port = server.client.socket.getpeername()
    uri = f"postgresql://postgres@{host}:{port}/postgres?options=-c%20timezone%3DUTC"
    with adbc_driver_postgresql.dbapi.connect(uri) as connection, connection.cursor() as cursor:
        cursor.execute(f"select * from {name}")
        theirs = cursor.fetch_arrow_table()
    for number, (kind, arrow_type, _, rule) in enumerate(COLUMNS):
        one, other = ours.column(number), theirs.column(number).combine_chunks()
        if number < len(SAME):
            assert other.type == arrow_type, kind
            # By what is stored: Python has no -0 that differs from 0, and no NaN that equals itself.
            assert one.equals(other), kind
        elif rule is not None:
            assert one.to_pylist() == [v if v is None else rule(v) for v in other.to_pylist()], kind
        else:
            assert other.type not in (arrow_type, pa.utf8()) or kind == '"char"', kind
            assert other.null_count == one.null_count, kind


def test_text_is_what_postgresql_prints(table: tuple[Server, str]) -> None:
    server, name = table
    ours = by_rows(CORES[0], server, f"select * from {name}", 1)
    decoder = CORES[0].ArrowDecoder([oids.TEXT] * len(COLUMNS), ours.schema.names)
    messages = answers(server, raw.query(f"select * from {name}"))
    decoder.feed([body for tag, body in messages if tag == "D"])
    printed = checked(decoder.finish())
    for number, (kind, arrow_type, _, _) in enumerate(COLUMNS):
        if arrow_type == pa.utf8():
            assert ours.column(number).equals(printed.column(number)), kind


def test_composites(table: tuple[Server, str]) -> None:
    server, _ = table
    run(server.client, ["create type pair as (n int4, word text, many numeric[])"])
    try:
        sql = "select (7, 'x', '{1.5}')::pair as a, array[(1, null, null)::pair, null] as b"
        messages = answers(server, raw.parse(sql), raw.bind(result_formats=[1]), raw.execute(), raw.SYNC)
        pair = {"n": oids.INT4, "word": oids.TEXT, "many": oids.NUMERIC_ARRAY}
        for core in CORES:
            decoder = core.ArrowDecoder([pair, [pair]], ["a", "b"], [1])
            decoder.feed([body for tag, body in messages if tag == "D"])
            (row,) = checked(decoder.finish()).to_pylist()
            assert row["a"] == {"n": 7, "word": "x", "many": ["1.5"]}
            assert row["b"] == [{"n": 1, "word": None, "many": None}, None]
    finally:
        run(server.client, ["drop type pair"])


def test_a_large_result_as_a_stream(table: tuple[Server, str]) -> None:
    server, _ = table
    sql = "select i, 'text ' || i as t, i::numeric(8, 1) as p from generate_series(1, 50000) as i"
    described = description(CORES[0], server, sql, 1)
    frames = FrameDecoder(max_message_length=1 << 30, joined_tags="D")

    def received() -> Iterator[memoryview]:
        server.client.send(raw.parse(sql), raw.bind(result_formats=[1]), raw.execute(), raw.SYNC)
        while True:
            found = frames.feed(server.client.socket.recv(1 << 16))
            yield from (body for tag, body in found if tag == "D")
            if found and found[-1][0] == "Z":
                return

    decoder = arrow.decoder_for(described, max_rows=20_000)
    result = pa.table(decoder.stream(received()))
    assert [chunk.num_rows for chunk in result.to_batches()] == [20_000, 20_000, 10_000]
    assert result.column(0).to_pylist() == list(range(1, 50_001))
    assert result.column(2).type == pa.decimal128(8, 1)
