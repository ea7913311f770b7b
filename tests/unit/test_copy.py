"""COPY data: PostgreSQL's own verdicts (tests/vectors/copy.json), options, values, limits; on both implementations."""

from __future__ import annotations

import datetime as dt
import tracemalloc
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from pgwire_py import oids
from pgwire_py.copy import DEFAULT, MAX_ROW, CopyDecoder, CopyEncoder, CopyOptions
from pgwire_py.errors import BadCopyFileFormat, LocalProtocolError, PostgresError
from tests.support import IMPLEMENTATIONS
from tests.support.copying import decode, implementation
from tests.vectors import load

VECTORS = {section: load(section, "copy.json") for section in ("decode", "encode")}


@pytest.fixture(params=IMPLEMENTATIONS, scope="module", autouse=True)
def chosen(request: pytest.FixtureRequest) -> Iterator[None]:
    with implementation(request.param):
        yield


def named(vector: dict[str, Any]) -> str:
    return f"{vector['source']} {vector['options']} {vector['data']!r}"[:100]


def field(value: Any) -> Any:
    if isinstance(value, dict):
        return DEFAULT
    return None if value is None else value.encode("latin-1")


@pytest.mark.parametrize("vector", VECTORS["decode"], ids=named)
def test_decodes_as_postgresql(vector: dict[str, Any]) -> None:
    expected = vector.get("error")
    if expected is None:
        expected = [tuple(map(field, row)) for row in vector["rows"]]
    for sizes in ((), (1,), (2, 3), (7,)):
        got = decode(
            vector["data"].encode("latin-1"),
            CopyOptions(**vector["options"]),
            vector["columns"],
            sizes=sizes,
            table="t",
            without_default=["c"] if "c" in vector["columns"] else [],
        )
        assert got == expected


@pytest.mark.parametrize("vector", VECTORS["encode"], ids=named)
def test_encodes_as_postgresql(vector: dict[str, Any]) -> None:
    options = CopyOptions(**vector["options"])
    rows = [tuple(map(field, row)) for row in vector["rows"]]
    for types in (None, [oids.TEXT] * len(vector["columns"])):
        encoder = CopyEncoder(vector["columns"], options, types=types)
        values: Any = rows if types is None else [[None if f is None else f.decode() for f in row] for row in rows]
        data = b"".join(bytes(encoder.encode(values[start : start + 1])) for start in range(len(rows)))
        assert data + encoder.finish() == vector["data"].encode("latin-1")


def test_there_are_vectors_of_two_versions() -> None:
    assert len(VECTORS["decode"]) > 250
    assert len(VECTORS["encode"]) > 40
    assert len({vector["source"] for vector in VECTORS["decode"]}) == 2


VALUES = [
    (1, "one", dt.date(2024, 2, 29), Decimal("1.50"), [1, None], b"\0\xff", True),
    (-5, 'say "x", \\N\n', dt.date(1999, 12, 31), Decimal("NaN"), [], b"", False),
    (None, None, None, None, None, None, None),
]
TYPES = [oids.INT4, oids.TEXT, oids.DATE, oids.NUMERIC, oids.INT4_ARRAY, oids.BYTEA, oids.BOOL]
NAMES = list("abcdefg")


@pytest.mark.parametrize("options", [CopyOptions(), CopyOptions("csv"), CopyOptions("binary")], ids=lambda o: o.format)
def test_python_values(options: CopyOptions) -> None:
    encoder = CopyEncoder(NAMES, options, types=TYPES)
    data = bytes(encoder.encode(VALUES)) + encoder.finish()
    decoder = CopyDecoder(NAMES, options, types=TYPES)
    rows = decoder.feed(bytearray(data)) + decoder.finish()
    assert repr(rows) == repr(VALUES)
    assert decoder.ended


def test_a_value_of_another_type() -> None:
    encoder = CopyEncoder(["a", "b"], CopyOptions("binary"), types=[oids.INT4, oids.INT4])
    with pytest.raises(PostgresError) as caught:
        encoder.encode([(1, 2), (3, "x")])
    assert caught.value.sqlstate == "22P02"
    assert caught.value.where == "row 1, column 2, type int4, value 'x'"
    # Nothing was lost: the header comes with the next rows.
    assert bytes(encoder.encode([(None, None)])).startswith(b"PGCOPY\n\xff\r\n\0")


@pytest.mark.parametrize(
    ("options", "data", "where"),
    [
        (CopyOptions(), b"1\n2\nx\n", 'COPY t, line 3, column a: "x"'),
        (
            CopyOptions("csv", header=True),
            b"a\n1\n" + b"x" * 150 + b"\n",
            f'COPY t, line 3, column a: "{"x" * 100}..."',
        ),
        (CopyOptions("binary"), b"PGCOPY\n\xff\r\n\0" + bytes(8) + b"\0\1\0\0\0\5abcde", "COPY t, line 1, column a"),
    ],
)
def test_a_value_that_cannot_be_decoded(options: CopyOptions, data: bytes, where: str) -> None:
    decoder = CopyDecoder(["a"], options, types=[oids.INT4], table="t")
    errors = []
    for piece in (data, b"1\n"):
        with pytest.raises(PostgresError) as caught:
            decoder.feed(piece)
        errors.append((type(caught.value), caught.value.sqlstate, caught.value.message, caught.value.fields))
    assert errors[0] == errors[1]
    assert caught.value.where == where


def test_an_error_stays() -> None:
    decoder = CopyDecoder(["a"], CopyOptions("csv"))
    assert decoder.feed(b"1\n") == [(b"1",)]
    for _ in range(3):
        with pytest.raises(BadCopyFileFormat, match="extra data after last expected column"):
            decoder.feed(b"1,2\n")
    with pytest.raises(BadCopyFileFormat):
        decoder.finish()
    with pytest.raises(LocalProtocolError):
        decoder.feed(b"")


def test_parts() -> None:
    encoder = CopyEncoder(["a"], CopyOptions(header=True))
    rows = [(b"x" * 10,)] * 10
    parts = []
    start = 0
    while start < len(rows):
        part, start = encoder.encode_part(rows, start, 25)
        parts.append(bytes(part))
    assert len(parts) == 4
    assert b"".join(parts) == b"a\n" + b"xxxxxxxxxx\n" * 10
    assert encoder.finish() == b""
    for call in (encoder.finish, lambda: encoder.encode([])):
        with pytest.raises(LocalProtocolError):
            call()


def test_no_rows() -> None:
    assert CopyEncoder(["a"], CopyOptions("binary")).finish() == b"PGCOPY\n\xff\r\n\0" + bytes(8) + b"\xff\xff"
    assert CopyEncoder(["a", "b"], CopyOptions("csv", header=True)).finish() == b"a,b\n"
    for format_name in ("text", "csv", "binary"):
        encoder = CopyEncoder([], CopyOptions(format_name))
        data = bytes(encoder.encode([(), ()])) + encoder.finish()
        assert decode(data, CopyOptions(format_name), []) == [(), ()]


def test_much_is_a_view() -> None:
    data = CopyEncoder(["a"]).encode([(b"x" * 100,)] * 1000)
    assert bytes(data) == (b"x" * 100 + b"\n") * 1000
    assert len(CopyDecoder(["a"]).feed(data)) == 1000


@pytest.mark.parametrize(
    ("rows", "sqlstate", "where"),
    [
        ([("x",)], "42804", "row 0, column 1"),
        ([(1,)], "42804", "row 0, column 1"),
        ([(b"a", b"b")], "08P01", None),
        ([b"a"], "42804", None),
        (iter([(b"a",)]), "42804", None),
        ([(b"a",), (b"\xff",)], "22021", "row 1, column 1"),
        ([(b"a\0",)], "22021", "row 0, column 1"),
        ([(b"x" * 101,)], "54000", "row 0"),
    ],
)
def test_rows_that_cannot_be_encoded(rows: Any, sqlstate: str, where: str | None) -> None:
    with pytest.raises(PostgresError) as caught:
        CopyEncoder(["a"], max_row=100).encode(rows)
    assert (caught.value.sqlstate, caught.value.where) == (sqlstate, where)


def test_characters_without_a_place_in_the_encoding() -> None:
    latin1 = CopyOptions(encoding="iso-8859-1")
    assert bytes(CopyEncoder(["a"], latin1).encode([("é".encode(),)])) == b"\xe9\n"
    message = 'character with byte sequence 0xe2 0x82 0xac in encoding "UTF8" has no equivalent in encoding "LATIN1"'
    with pytest.raises(PostgresError) as caught:
        CopyEncoder(["a"], latin1).encode([("a€".encode(),)])
    assert (caught.value.sqlstate, caught.value.message) == ("22P05", message)
    for arguments in ({"null": "€"}, {"header": True}):
        with pytest.raises(PostgresError, match="0xe2 0x82 0xac"):
            CopyEncoder(["€"], CopyOptions(encoding="LATIN1", **arguments))


@pytest.mark.parametrize("sizes", [(), (1,), (50,)])
@pytest.mark.parametrize(
    ("options", "good", "bad"),
    [
        (CopyOptions(), b"x" * 100 + b"\n", b"x" * 101),
        (CopyOptions(), b"x" * 99 + b"\n", b"x" * 100 + b"\\n\n"),
        (CopyOptions("csv"), b'"' + b"\n" * 98 + b'"\n', b'"' + b"\n" * 200),
        (
            CopyOptions("binary"),
            b"PGCOPY\n\xff\r\n\0" + bytes(8) + b"\0\1\0\0\0\x5e" + bytes(94),
            b"PGCOPY\n\xff\r\n\0" + bytes(8) + b"\0\1\0\0\0\x5f",
        ),
    ],
)
def test_a_row_has_a_bound(options: CopyOptions, good: bytes, bad: bytes, sizes: tuple[int, ...]) -> None:
    assert len(decode(good, options, ["a"], sizes=sizes, max_row=100)) == 1
    got = decode(bad, options, ["a"], sizes=sizes, max_row=100)
    assert (got["sqlstate"], got["message"]) == ("54000", "a row of COPY data exceeds 100 bytes")


@pytest.mark.parametrize("options", [CopyOptions(), CopyOptions("csv", quote="'"), CopyOptions("binary")])
def test_a_long_row_in_many_chunks(options: CopyOptions) -> None:
    names = [f"c{number}" for number in range(2_000)]
    rows = [tuple([b"it's\n" * 20] * len(names)), (None,) * len(names)]
    encoder = CopyEncoder(names, options)
    data = bytes(encoder.encode(rows)) + encoder.finish()
    assert decode(data, options, names, sizes=(16,)) == rows


def test_an_extension_of_the_header_is_not_kept() -> None:
    decoder = CopyDecoder(["a"], CopyOptions("binary"))
    decoder.feed(b"PGCOPY\n\xff\r\n\0" + bytes(4) + (3 << 20).to_bytes(4, "big"))
    tracemalloc.start()
    for _ in range(3):
        decoder.feed(bytes(1 << 20))
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept < 1 << 20
    assert decoder.feed(b"\0\1\0\0\0\1x\xff\xff") == [(b"x",)]
    assert decoder.ended


@pytest.mark.parametrize(
    ("options", "data"),
    [
        (CopyOptions(), b"\n" * 50_000),
        (CopyOptions(null=""), b"\n" * 50_000),
        (CopyOptions("csv"), b'""\n' * 20_000),
        (CopyOptions("csv"), b"," * 100_000),
        (CopyOptions(), b"ab\t" * 30_000 + b"\n"),
        (CopyOptions("binary"), b"PGCOPY\n\xff\r\n\0" + bytes(8) + b"\0\1\xff\xff\xff\xff" * 20_000),
        (CopyOptions("binary"), b"PGCOPY\n\xff\r\n\0" + bytes(8) + b"\0\1\x3f\xff\xff\x00"),
    ],
    ids=range(7),
)
def test_memory_is_bounded_by_what_came(options: CopyOptions, data: bytes) -> None:
    decode(data[:100], options, ["a"])
    tracemalloc.start()
    got = decode(data, options, ["a"])
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert got
    assert most < 100 * len(data) + 20_000


def test_a_length_is_checked_before_its_bytes_come() -> None:
    data = b"PGCOPY\n\xff\r\n\0" + bytes(8) + b"\0\1\x7f\xff\xff\xff"
    with pytest.raises(PostgresError, match=f"a row of COPY data exceeds {MAX_ROW} bytes"):
        CopyDecoder(["a"], CopyOptions("binary")).feed(data)


def test_fields_beyond_the_columns_are_not_kept() -> None:
    got = decode(b"," * 1_000_000, CopyOptions("csv"), ["a"])
    assert got["message"] == "extra data after last expected column"


@pytest.mark.parametrize(
    ("arguments", "sqlstate", "message"),
    [
        ({"format": "json"}, "22023", 'COPY format "json" not recognized'),
        ({"delimiter": "ab"}, "0A000", "COPY delimiter must be a single one-byte character"),
        ({"delimiter": ""}, "0A000", "COPY delimiter must be a single one-byte character"),
        ({"delimiter": "é"}, "0A000", "COPY delimiter must be a single one-byte character"),
        ({"delimiter": "\n"}, "22023", "COPY delimiter cannot be newline or carriage return"),
        ({"delimiter": "a"}, "22023", 'COPY delimiter cannot be "a"'),
        ({"null": "a\nb"}, "22023", "COPY null representation cannot use newline or carriage return"),
        ({"null": "a\tb"}, "22023", "COPY delimiter character must not appear in the NULL specification"),
        ({"null": "\0"}, "22021", 'invalid byte sequence for encoding "UTF8": 0x00'),
        ({"default": "\r"}, "22023", "COPY default representation cannot use newline or carriage return"),
        ({"default": "\t"}, "0A000", "COPY delimiter character must not appear in the DEFAULT specification"),
        ({"default": "\\N"}, "0A000", "NULL specification and DEFAULT specification cannot be the same"),
        ({"quote": "'"}, "0A000", "COPY QUOTE requires CSV mode"),
        ({"escape": "'"}, "0A000", "COPY ESCAPE requires CSV mode"),
        ({"force_quote": "*"}, "0A000", "COPY FORCE_QUOTE requires CSV mode"),
        ({"force_null": ["a"]}, "0A000", "COPY FORCE_NULL requires CSV mode"),
        ({"force_not_null": ["a"]}, "0A000", "COPY FORCE_NOT_NULL requires CSV mode"),
        ({"format": "csv", "quote": "''"}, "0A000", "COPY quote must be a single one-byte character"),
        ({"format": "csv", "escape": "''"}, "0A000", "COPY escape must be a single one-byte character"),
        ({"format": "csv", "quote": ","}, "22023", "COPY delimiter and quote must be different"),
        ({"format": "csv", "null": '"'}, "22023", "CSV quote character must not appear in the NULL specification"),
        (
            {"format": "csv", "default": '"'},
            "0A000",
            "CSV quote character must not appear in the DEFAULT specification",
        ),
        ({"format": "binary", "delimiter": ","}, "42601", "cannot specify DELIMITER in BINARY mode"),
        ({"format": "binary", "null": ""}, "42601", "cannot specify NULL in BINARY mode"),
        ({"format": "binary", "default": ""}, "42601", "cannot specify DEFAULT in BINARY mode"),
        ({"format": "binary", "header": True}, "0A000", "cannot specify HEADER in BINARY mode"),
        ({"header": "yes"}, "22023", 'header requires a Boolean value or "match"'),
        ({"encoding": "nope"}, "22023", 'argument to option "encoding" must be a valid encoding name'),
        ({"encoding": "EUC_JP"}, "0A000", 'encoding "EUC_JP" is not supported for COPY'),
    ],
)
def test_options_that_contradict(arguments: dict[str, Any], sqlstate: str, message: str) -> None:
    with pytest.raises(PostgresError) as caught:
        CopyOptions(**arguments)
    assert (caught.value.sqlstate, caught.value.message) == (sqlstate, message)


@pytest.mark.parametrize(
    ("side", "arguments", "sqlstate", "message"),
    [
        (CopyEncoder, {"header": "match"}, "0A000", 'cannot use "match" with HEADER in COPY TO'),
        (CopyEncoder, {"default": "D"}, "0A000", "COPY DEFAULT cannot be used with COPY TO"),
        (CopyEncoder, {"force_null": ["a"]}, "22023", "COPY FORCE_NULL cannot be used with COPY TO"),
        (CopyEncoder, {"force_not_null": "*"}, "22023", "COPY FORCE_NOT_NULL cannot be used with COPY TO"),
        (CopyDecoder, {"force_quote": "*"}, "0A000", "COPY FORCE_QUOTE cannot be used with COPY FROM"),
        (CopyDecoder, {"force_null": ["z"]}, "42P10", 'FORCE_NULL column "z" not referenced by COPY'),
        (CopyEncoder, {"force_quote": ["z"]}, "42P10", 'FORCE_QUOTE column "z" not referenced by COPY'),
    ],
)
def test_options_of_the_other_direction(side: Any, arguments: dict[str, Any], sqlstate: str, message: str) -> None:
    options = CopyOptions("csv", **arguments)
    with pytest.raises(PostgresError) as caught:
        side(["a", "b"], options)
    assert (caught.value.sqlstate, caught.value.message) == (sqlstate, message)


@pytest.mark.parametrize(
    ("arguments", "sqlstate"),
    [
        ({"columns": ["a"] * 32_768}, "54000"),
        ({"columns": ["a"], "types": []}, "08P01"),
        ({"columns": ["a"], "max_row": 0}, "22023"),
        ({"columns": ["a"], "max_row": MAX_ROW + 1}, "22023"),
        ({"columns": ["a\0"]}, "22021"),
        ({"columns": ["\ud800"]}, "22021"),
        ({"columns": ["a"], "without_default": ["b"]}, "42P10"),
    ],
)
def test_a_decoder_that_cannot_be(arguments: dict[str, Any], sqlstate: str) -> None:
    with pytest.raises(PostgresError) as caught:
        CopyDecoder(**arguments)
    assert caught.value.sqlstate == sqlstate
