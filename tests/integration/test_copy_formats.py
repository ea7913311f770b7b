"""PostgreSQL loads the COPY data we write, and we read what it writes; where it finds fault with data, we find the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg import sql

from pgwire_py import oids
from pgwire_py.copy import DEFAULT, CopyEncoder, CopyOptions
from tests.support import IMPLEMENTATIONS
from tests.support.copy_strategies import COLUMNS, DATA, FIELDS, options, readable
from tests.support.copying import decode, implementation
from tests.support.postgres import Programs, running_cluster

Connection = psycopg.Connection[Any]
EXAMPLES = settings(max_examples=150)


@pytest.fixture(scope="module")
def connection(each_postgres: Programs) -> Iterator[Connection]:
    """A session of PostgreSQL with a table t for each number of columns, the first of which have a default."""
    with (
        running_cluster(each_postgres, settings={"lc_messages": "C"}) as cluster,
        psycopg.connect(host=cluster.host, port=cluster.port, user="postgres", autocommit=True) as session,
    ):
        for width in (1, 2, 3):
            columns = ", ".join(f"{name} text default 'default {name}'" for name in COLUMNS[:width])
            session.execute(f"create table t{width} (n serial, {columns})")
        session.execute("create table typed (i int4, t text, d date, x numeric, l int4[], b bytea, f float8)")
        yield session


def option_list(chosen: CopyOptions) -> str:
    """The options as COPY takes them."""
    parts = [f"format {chosen.format}"]
    for name in ("delimiter", "null", "default", "quote", "escape"):
        value = getattr(chosen, name)
        if value is not None:
            parts.append(f"{name} {sql.Literal(value).as_string()}")
    for name in ("force_quote", "force_not_null", "force_null"):
        columns = getattr(chosen, name)
        if columns:
            parts.append(f"{name} " + ("*" if columns == "*" else f"({', '.join(columns)})"))
    if chosen.header:
        parts.append(f"header {str(chosen.header).lower()}")
    return ", ".join([*parts, f"encoding '{chosen.encoding}'"])


def load(connection: Connection, chosen: CopyOptions, width: int, data: bytes) -> Any:
    """The rows that PostgreSQL makes of the data, or its error."""
    names = ", ".join(COLUMNS[:width])
    connection.execute(f"truncate t{width} restart identity")
    try:
        with (
            connection.cursor() as cursor,
            cursor.copy(f"copy t{width} ({names}) from stdin ({option_list(chosen)})") as stream,
        ):
            stream.write(data)
    except psycopg.Error as error:
        seen = error.diag
        fields = {"sqlstate": seen.sqlstate, "message": seen.message_primary, "detail": seen.message_detail}
        fields |= {"hint": seen.message_hint, "where": seen.context}
        return {name: value for name, value in fields.items() if value is not None}
    shown = ", ".join(f"textsend({name})" for name in COLUMNS[:width])
    return connection.execute(f"select {shown} from t{width} order by n").fetchall()


def unload(connection: Connection, chosen: CopyOptions, width: int) -> bytes:
    names = ", ".join(COLUMNS[:width])
    statement = f"copy (select {names} from t{width} order by n) to stdout ({option_list(chosen)})"
    if chosen.format == "binary":
        statement = statement.replace(option_list(chosen), "format binary")
    with connection.cursor() as cursor, cursor.copy(statement) as stream:
        return b"".join(bytes(piece) for piece in stream)


def insert(connection: Connection, width: int, rows: Sequence[Sequence[bytes | None]]) -> None:
    connection.execute(f"truncate t{width} restart identity")
    marks = ", ".join(["%s"] * width)
    for row in rows:
        values = [None if field is None else field.decode() for field in row]
        connection.execute(f"insert into t{width} ({', '.join(COLUMNS[:width])}) values ({marks})", values)


@EXAMPLES
@given(data=st.data(), width=st.integers(1, 3), content=DATA)
def test_the_same_verdict_on_any_data(connection: Connection, data: Any, width: int, content: bytes) -> None:
    version = connection.info.server_version // 10_000
    chosen = data.draw(options("FROM", width))
    unlike = (
        chosen.legacy_end != (version < 18)
        or (chosen.default is not None and version < 16)
        or ("*" in (chosen.force_null, chosen.force_not_null) and version < 17)
        # PostgreSQL takes a marker in the header's line for the first row's.
        or (chosen.default in COLUMNS and chosen.header)
    )
    if unlike:
        arguments = {
            name: getattr(chosen, name) for name in ("format", "delimiter", "null", "quote", "escape", "header")
        }
        chosen = CopyOptions(**arguments, encoding=chosen.encoding, legacy_end=version < 18)
    expected = load(connection, chosen, width, content)
    for name in IMPLEMENTATIONS:
        with implementation(name):
            for sizes in ((), (1, 3)):
                got = decode(content, chosen, COLUMNS[:width], sizes=sizes, table=f"t{width}")
                if isinstance(got, list):
                    got = [
                        tuple(
                            b"default " + name.encode() if f is DEFAULT else f
                            for f, name in zip(row, COLUMNS, strict=False)
                        )
                        for row in got
                    ]
                assert got == expected


@EXAMPLES
@given(data=st.data(), width=st.integers(1, 3))
def test_both_write_the_same_and_read_each_other(connection: Connection, data: Any, width: int) -> None:
    chosen = data.draw(options("TO", width) | st.just(CopyOptions("binary")))
    rows = data.draw(st.lists(st.tuples(*[FIELDS] * width), max_size=5))
    insert(connection, width, rows)
    theirs = unload(connection, chosen, width)
    back = CopyOptions(chosen.format) if chosen.format == "binary" else _reading(chosen, connection)
    for name in IMPLEMENTATIONS:
        with implementation(name):
            encoder = CopyEncoder(COLUMNS[:width], chosen)
            ours = bytes(encoder.encode(rows)) + encoder.finish()
            assert ours == theirs
            assert decode(theirs, back, COLUMNS[:width]) == readable(rows, chosen)
    if chosen.format != "binary":
        assert load(connection, back, width, theirs) == readable(rows, chosen)


def _reading(chosen: CopyOptions, connection: Connection) -> CopyOptions:
    """The options to read what was written with others."""
    names = ("format", "delimiter", "null", "header", "quote", "escape", "encoding")
    legacy = connection.info.server_version < 180_000
    return CopyOptions(**{name: getattr(chosen, name) for name in names}, legacy_end=legacy)


@pytest.mark.parametrize("chosen", [CopyOptions(), CopyOptions("csv"), CopyOptions("binary")])
def test_a_wide_row(connection: Connection, chosen: CopyOptions) -> None:
    names = [f"c{number}" for number in range(1_500)]
    connection.execute(f"create temporary table wide ({', '.join(f'{name} text' for name in names)})")
    rows = [(b"x", None, b"") * 500, (None, b'\\"\t,', b"\\.") * 500]
    for name in IMPLEMENTATIONS:
        with implementation(name), connection.cursor() as cursor:
            encoder = CopyEncoder(names, chosen)
            with cursor.copy(f"copy wide from stdin (format {chosen.format})") as stream:
                stream.write(bytes(encoder.encode(rows)) + encoder.finish())
            with cursor.copy(f"copy wide to stdout (format {chosen.format})") as stream:
                unloaded = b"".join(bytes(piece) for piece in stream)
            assert decode(unloaded, chosen, names, sizes=(1_000,)) == rows
            connection.execute("truncate wide")
    connection.execute("drop table wide")


TYPES = (oids.INT4, oids.TEXT, oids.DATE, oids.NUMERIC, oids.INT4_ARRAY, oids.BYTEA, oids.FLOAT8)
NAMES = tuple("itdxlbf")
ROWS = st.lists(
    st.tuples(
        st.none() | st.integers(-(2**31), 2**31 - 1),
        st.none() | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
        st.none() | st.dates(),
        st.none() | st.decimals(allow_nan=False, allow_infinity=False, places=3),
        st.none() | st.lists(st.none() | st.integers(0, 9)),
        st.none() | st.binary(),
        st.none() | st.floats(),
    ),
    max_size=5,
)


@settings(max_examples=50)
@given(rows=ROWS, chosen=st.sampled_from([CopyOptions(), CopyOptions("csv", header=True), CopyOptions("binary")]))
def test_values_of_types(connection: Connection, rows: list[tuple[Any, ...]], chosen: CopyOptions) -> None:
    """Our values, loaded by PostgreSQL and unloaded again, are the same."""
    header = ", header" if chosen.header else ""
    for name in IMPLEMENTATIONS:
        with implementation(name):
            encoder = CopyEncoder(NAMES, chosen, types=TYPES)
            written = bytes(encoder.encode(rows)) + encoder.finish()
            connection.execute("truncate typed")
            with connection.cursor() as cursor:
                with cursor.copy(f"copy typed from stdin (format {chosen.format}{header})") as stream:
                    stream.write(written)
                with cursor.copy(f"copy typed to stdout (format {chosen.format}{header})") as stream:
                    unloaded = b"".join(bytes(piece) for piece in stream)
            assert repr(decode(unloaded, chosen, NAMES, types=TYPES)) == repr(rows)
