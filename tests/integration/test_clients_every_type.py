"""Every type between clients and our server, as between them and PostgreSQL 15 and 18.

What psql prints and what asyncpg (binary) and psycopg (text and binary) make of a value is the same from both servers; where a client
cannot read a value of PostgreSQL's, it cannot read ours, for the same reason. What a client sends arrives as what PostgreSQL takes it for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import asyncpg
import psycopg
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from psycopg.adapt import PyFormat, Transformer
from psycopg.types.json import set_json_loads

import pgwire_py as pg
from pgwire_py import oids
from tests.support.containers import TYPES, VALUES, arrays
from tests.support.hosted import Hosted, hosted
from tests.support.postgres import Cluster, Programs, running_cluster
from tests.support.psql import run_psql
from tests.support.typed import TEXT, decode, encode, type_oid

from .test_type_codecs import VALUES as SCALARS

# A result is never of type unknown; names of objects are looked up in the catalogue, which is each server's own.
STRATEGIES: dict[int, tuple[st.SearchStrategy[Any], list[Any]]] = {
    **{type_oid(name): found for name, found in SCALARS.items() if name != "unknown"},
    **{TYPES[name][0]: (strategy, []) for name, strategy in VALUES.items()},
    oids.JSONB: (st.sampled_from(['{"a": [1, null]}', '"ü"', "1.50", "[]"]), []),
    oids.JSONPATH: (st.sampled_from(['$."a"[*]', "(1 + 2)"]), []),
}
STRATEGIES |= {
    oids.TYPES[oid].array_oid: (arrays(strategy), [[]])
    for oid, (strategy, _) in list(STRATEGIES.items())
    if oids.TYPES[oid].array_oid
}
NAMES = {oids.TYPES[oid].name: oid for oid in STRATEGIES}


class Both(NamedTuple):
    """PostgreSQL and our server, and what that returns and gets."""

    postgres: Cluster
    ours: Hosted
    script: Script

    @property
    def ports(self) -> tuple[int, int]:
        return self.postgres.port, self.ours.server.port


class Script:
    """A handler: returns the values it is given, in one column, and keeps the parameters it gets."""

    def __init__(self) -> None:
        self.type = oids.TEXT
        self.parameter_type = oids.TEXT
        self.values: Sequence[object] = ()
        self.parameters: list[object] = []

    def __call__(self, query: pg.Query) -> pg.Result:
        self.parameters += query.parameters
        return pg.Result([pg.Column("v", self.type)], [(value,) for value in self.values])

    def describe(self, query: pg.Query) -> pg.Description:
        return pg.Description((self.parameter_type,) * len(query.parameters), (pg.Column("v", self.type),))


@pytest.fixture(scope="module")
def both(each_postgres: Programs) -> Iterator[Both]:
    script = Script()
    engine = pg.PythonEngine(script, describe=script.describe)
    with running_cluster(each_postgres) as cluster, hosted(engine) as ours:
        yield Both(cluster, ours, script)


def dsn(port: int) -> str:
    return f"host=127.0.0.1 port={port} user=postgres dbname=postgres sslmode=disable options='-c timezone=UTC'"


def statement(oid: int, values: Sequence[object]) -> str:
    """A query of the values, for PostgreSQL."""
    name = oids.TYPES[oid].name
    literals = [encode(oid, TEXT, value).decode().replace("'", "''") for value in values]
    rows = ", ".join(f"({number}, '{text}'::pg_catalog.\"{name}\")" for number, text in enumerate(literals))
    return f"select v from (values {rows}) as found(n, v) order by n"


def psycopg_read(port: int, sql: str, binary: bool) -> Any:
    """JSON as its text: psycopg would send a list as an array."""
    with psycopg.connect(dsn(port), autocommit=True) as connection:
        set_json_loads(lambda data: data if isinstance(data, str) else bytes(data).decode(), connection)
        return connection.cursor(binary=binary).execute(sql.replace("%", "%%"), ()).fetchall()


def asyncpg_run(port: int, work: Callable[[Any], Any]) -> Any:
    async def run() -> Any:
        address = {"host": "127.0.0.1", "port": port, "user": "postgres", "database": "postgres", "ssl": False}
        connection = await asyncpg.connect(**address, server_settings={"timezone": "UTC"})
        try:
            return await work(connection)
        finally:
            await connection.close()

    return asyncio.run(run())


def asyncpg_read(port: int, sql: str) -> Any:
    return [row["v"] for row in asyncpg_run(port, lambda connection: connection.fetch(sql))]


READERS: dict[str, Callable[[int, str], Any]] = {
    "asyncpg": asyncpg_read,
    "psycopg-text": lambda port, sql: psycopg_read(port, sql, binary=False),
    "psycopg-binary": lambda port, sql: psycopg_read(port, sql, binary=True),
}


def shown(found: Any) -> str:
    """Its repr, with the points of asyncpg's paths and polygons, which do not show them."""
    text = repr(found)
    if " object at " not in text:
        return text
    if isinstance(found, (list, tuple)):
        return f"{type(found).__name__}[{', '.join(map(shown, found))}]"
    return f"{type(found).__name__} {found.is_closed} {shown(list(found.points))}"


def outcome(work: Callable[[], Any]) -> tuple[str, Any]:
    """What it returns, or how it fails."""
    try:
        return "value", shown(work())
    except Exception as error:
        return "failure", f"{type(error).__name__}: {error}"


def samples(oid: int) -> list[list[Any]]:
    """Some lists of values, the same in every run."""
    strategy, edges = STRATEGIES[oid]
    found: list[list[Any]] = [edges] if edges else []

    @settings(max_examples=2, phases=[Phase.generate], suppress_health_check=list(HealthCheck), database=None)
    @given(st.lists(strategy, min_size=8, max_size=30))
    def draw(values: list[Any]) -> None:
        found.append(values)

    draw()
    return found


@pytest.mark.parametrize("name", NAMES)
def test_read(both: Both, name: str) -> None:
    oid = NAMES[name]
    both.script.type = oid
    for values in samples(oid):
        for reader in READERS.values():
            compare(both, oid, values, reader)


def compare(both: Both, oid: int, values: list[Any], reader: Callable[[int, str], Any]) -> None:
    sql = statement(oid, values)
    both.script.values = values
    theirs, ours = (outcome(lambda port=port: reader(port, sql)) for port in both.ports)  # type: ignore[misc]
    assert ours == theirs
    if theirs[0] == "failure" and len(values) > 1:
        for value in values:
            compare(both, oid, [value], reader)


def test_psql(both: Both, programs: Programs) -> None:
    """All types in one run of psql: what it prints."""
    for values in zip(*(samples(oid)[-2:] for oid in NAMES.values()), strict=True):
        for oid, column in zip(NAMES.values(), values, strict=True):
            both.script.type, both.script.values = oid, column
            sql = statement(oid, column)
            theirs, ours = (run_psql(programs, dsn(port), stdin=sql, options=("-A",)) for port in both.ports)
            assert (ours.stdout, ours.stderr) == (theirs.stdout, theirs.stderr)


@pytest.mark.parametrize("client", READERS)
@pytest.mark.parametrize("name", NAMES)
def test_parameters(both: Both, name: str, client: str) -> None:
    """A client sends what it has read of PostgreSQL: to our handler come the values that PostgreSQL shows."""
    oid = NAMES[name]
    both.script.type, both.script.values, both.script.parameters = oids.TEXT, [""], []
    values = samples(oid)[-1]
    try:
        read = READERS[client](both.ports[0], statement(oid, values))
    except Exception:
        return
    # asyncpg 0.32 leaves a place of a list empty where an item is an empty text of a type that it reads as text.
    read = [value for value in read if "<NULL>" not in repr(value)]
    send = asyncpg_send if client == "asyncpg" else psycopg_send
    binary = client == "psycopg-binary"
    theirs, ours = (send(port, read, oid, both.script, binary) for port in both.ports)
    arrived = iter(both.script.parameters)
    expected = [(found, shown(decode(oid, TEXT, text.encode()))) for found, oid, text in theirs if found == "value"]
    assert [found for found, *_ in ours] == [found for found, *_ in theirs]
    assert [("value", shown(value)) for value in arrived] == expected


Sent = list[tuple[str, int, str]]
"""How each value was taken, ``value`` or the error; the type that it was sent as, and the server's answer."""


def asyncpg_send(port: int, values: list[Any], oid: int, script: Script, binary: bool) -> Sent:
    """As the type that the server says."""
    sql = f"select concat($1::{qualified(oid)})"
    script.parameter_type = oid

    async def ask(connection: Any) -> Sent:
        found: Sent = []
        for value in values:
            try:
                found.append(("value", oid, await connection.fetchval(sql, value)))
            except (asyncpg.PostgresError, asyncpg.InterfaceError, OverflowError) as error:
                found.append((type(error).__name__, oid, ""))
        return found

    return list(asyncpg_run(port, ask))


def psycopg_send(port: int, values: list[Any], oid: int, script: Script, binary: bool) -> Sent:
    """As the type that psycopg says, where it says one."""
    mark, code = ("%b", PyFormat.BINARY) if binary else ("%t", PyFormat.TEXT)
    found: Sent = []
    with psycopg.connect(dsn(port), autocommit=True) as connection:
        for (value,) in values:
            try:
                declared = psycopg_type(connection, value, code)
                script.parameter_type = declared or oid
                sql = f"select concat({mark}::{qualified(declared or oid)})"
                row = connection.execute(sql, (value,)).fetchone()  # type: ignore[call-overload]
                found.append(("value", script.parameter_type, row[0]))
            except (psycopg.Error, Unsendable) as error:
                found.append((type(error).__name__, oid, ""))
    return found


class Unsendable(Exception):
    """psycopg's own dumper fails: of a list of unlike addresses it takes the first one's."""


def psycopg_type(connection: psycopg.Connection[Any], value: object, code: PyFormat) -> int:
    """The type as which psycopg sends a value; 0 where it says none."""
    adapted = Transformer(connection)
    try:
        adapted.dump_sequence([value], [code])
    except AttributeError as error:
        raise Unsendable from error
    (declared,) = adapted.types or (0,)
    return declared


def qualified(oid: int) -> str:
    return f'pg_catalog."{oids.TYPES[oid].name}"'
