"""COPY data as CopyData messages, and out of DataRow messages: on both cores."""

from __future__ import annotations

import struct
from typing import Any

import pytest

from pgwire_py.copy import CopyOptions
from pgwire_py.errors import PostgresError
from pgwire_py.oids import INT4, TEXT

ROWS = [(1, "a\tb"), (2, None), (3, 'q"\n')]


def copy_data(*payloads: bytes) -> bytes:
    return b"".join(b"d" + struct.pack("!i", len(payload) + 4) + payload for payload in payloads)


def encoder(core: Any, framed: bool, types: list[int] | None, **options: Any) -> Any:
    plan = CopyOptions(**options).plan(["n", "word"], "TO", types=types)
    return core.CopyEncoder(plan._replace(framed=framed))


def test_each_row_is_a_message(core: Any) -> None:
    made = encoder(core, True, [INT4, TEXT])
    data, index = made.encode(ROWS, 0, 1 << 20)
    assert (bytes(data), index) == (copy_data(b"1\ta\\tb\n", b"2\t\\N\n", b'3\tq"\\n\n'), 3)
    assert made.finish() == b""


def test_the_header_of_csv_is_a_message(core: Any) -> None:
    made = encoder(core, True, [INT4, TEXT], format="csv", header=True)
    assert bytes(made.encode([], 0, 100)[0]) == copy_data(b"n,word\n")
    assert bytes(made.encode(ROWS[2:], 0, 100)[0]) == copy_data(b'3,"q""\n"\n')
    assert made.finish() == b""


def test_the_header_of_binary_comes_with_the_first_row(core: Any) -> None:
    header = b"PGCOPY\n\xff\r\n\0" + bytes(8)
    first = b"\0\2\0\0\0\4\0\0\0\1\0\0\0\3a\tb"
    second = b"\0\2\0\0\0\4\0\0\0\2\xff\xff\xff\xff"
    made = encoder(core, True, [INT4, TEXT], format="binary")
    assert bytes(made.encode([], 0, 100)[0]) == b""
    assert bytes(made.encode(ROWS[:1], 0, 100)[0]) == copy_data(header + first)
    assert bytes(made.encode(ROWS[1:2], 0, 100)[0]) == copy_data(second)
    assert made.finish() == copy_data(b"\xff\xff")
    assert encoder(core, True, [INT4, TEXT], format="binary").finish() == copy_data(header + b"\xff\xff")


@pytest.mark.parametrize("framed", [False, True])
@pytest.mark.parametrize("options", [{}, {"format": "csv", "header": True, "force_quote": "*"}, {"format": "binary"}])
def test_data_rows_give_the_same_as_values(core: Any, framed: bool, options: dict[str, Any]) -> None:
    binary = options.get("format") == "binary"
    rows, _ = core.RowEncoder([INT4, TEXT], (1,) if binary else ()).encode(ROWS, 0, 1 << 20)
    by_values = encoder(core, framed, [INT4, TEXT], **options)
    by_rows = encoder(core, framed, None, **options)
    data = bytes(rows)
    cut = 1 + int.from_bytes(data[1:5], "big")
    made = bytes(by_rows.encode_data_rows(data[:cut])) + bytes(by_rows.encode_data_rows(memoryview(data)[cut:]))
    expected = bytes(by_values.encode(ROWS, 0, 1 << 20)[0])
    assert made == expected
    assert by_rows.finish() == by_values.finish()


@pytest.mark.parametrize(
    "data",
    [b"X\0\0\0\4", b"D\0\0\0", b"D\0\0\0\3", b"D\0\0\0\6\0\1", b"D\0\0\0\6\0\2", b"D\0\0\0\x0e\0\2\0\0\0\5ab\0\0"],
)
def test_what_is_no_data_row_is_refused(core: Any, data: bytes) -> None:
    with pytest.raises(PostgresError) as raised:
        encoder(core, True, None).encode_data_rows(data)
    assert raised.value.sqlstate == "XX000"


def test_a_field_that_is_no_text_is_refused(core: Any) -> None:
    with pytest.raises(PostgresError) as raised:
        encoder(core, True, None).encode_data_rows(b"D\0\0\0\x0f\0\2\xff\xff\xff\xff\0\0\0\1\xff")
    assert (raised.value.sqlstate, raised.value.where) == ("22021", "row 0, column 2")


def decoder(core: Any, **options: Any) -> Any:
    return core.CopyDecoder(CopyOptions(**options).plan(["n", "word"], "FROM", types=[INT4, TEXT], table="t"))


def data_rows(*rows: tuple[bytes | None, ...]) -> bytes:
    made = b""
    for row in rows:
        fields = b"".join(b"\xff\xff\xff\xff" if f is None else struct.pack("!i", len(f)) + f for f in row)
        made += b"D" + struct.pack("!iH", len(fields) + 6, len(row)) + fields
    return made


def test_data_become_data_rows_in_any_chunking(core: Any) -> None:
    text = b"1\ta\\tb\n2\t\\N\nx\t"
    whole = decoder(core).feed_data_rows(text)
    assert (bytes(whole[0]), whole[1]) == (data_rows((b"1", b"a\tb"), (b"2", None)), 2)
    by_byte = decoder(core)
    pieces = [by_byte.feed_data_rows(text[i : i + 1]) for i in range(len(text))]
    pieces.append(by_byte.finish_data_rows())
    assert b"".join(bytes(data) for data, _ in pieces) == data_rows((b"1", b"a\tb"), (b"2", None), (b"x", b""))
    assert sum(count for _, count in pieces) == 3
    csv = decoder(core, format="csv", header=True).feed_data_rows(b'n,word\n1,"a\n"\n')
    assert (bytes(csv[0]), csv[1]) == (data_rows((b"1", b"a\n")), 1)
    binary = decoder(core, format="binary").feed_data_rows(
        b"PGCOPY\n\xff\r\n\0" + bytes(8) + b"\0\2\0\0\0\4\0\0\0\1\xff\xff\xff\xff\xff\xff"
    )
    assert (bytes(binary[0]), binary[1]) == (data_rows((b"\0\0\0\1", None)), 1)


def test_rows_in_front_of_wrong_data_come_first(core: Any) -> None:
    made = decoder(core)
    data, count = made.feed_data_rows(b"1\ta\n2\tb\tc\n3\td\n")
    assert (bytes(data), count) == (data_rows((b"1", b"a")), 1)
    for call in (lambda: made.feed_data_rows(b"4\te\n"), made.finish_data_rows):
        with pytest.raises(PostgresError) as raised:
            call()
        assert (raised.value.sqlstate, raised.value.where) == ("22P04", 'COPY t, line 2: "2\tb\tc"')


def test_a_default_marker_has_no_place_in_a_data_row(core: Any) -> None:
    made = decoder(core, default="D")
    assert made.feed_data_rows(b"1\ta\n2\tD\n")[1] == 1
    with pytest.raises(PostgresError) as raised:
        made.finish_data_rows()
    assert raised.value.sqlstate == "XX000"
