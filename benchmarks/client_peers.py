"""The clients that compete in the part ``client``: how each connects, and how each runs every workload it can."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from .data import EPOCH, make_mixed_rows
from .errors import BenchmarkError

MIXED_ROWS = 10_000
BATCH_ROWS = 1_000
ONE, PG_TYPE, SERIES, BYTEA, ARRAYS, MIXED = QUERIES = ("1+1", "pg_type", "series", "bytea", "arrays", "mixed")
COPY, BATCH = "copy", "batch"
WORKLOADS = (*QUERIES, COPY, BATCH)
SQL = {
    ONE: "select 1+1",
    PG_TYPE: "select typname, typnamespace, typowner, typlen, typbyval, typcategory, typispreferred, typisdefined, typdelim,"
    " typrelid, typelem, typarray from pg_type where typtypmod = -1 and typisdefined = true",
    SERIES: "select i from generate_series(1, 1000) as i",
    BYTEA: "select b from bench_bytea",
    ARRAYS: "select a from bench_arrays",
    MIXED: "select * from bench_mixed",
}
INSERT = "insert into bench_batch (a, b) values ({}, {})"
SETUP = f"""
create table bench_bytea as select decode(repeat('5a', 1000), 'hex') as b from generate_series(1, 100);
create table bench_arrays as select array_agg(i)::int4[] as a from generate_series(1, 100) r, generate_series(1, 100) i group by r;
create table bench_mixed as
    select i::int4 as a, i::int8 << 33 as b, i / 7::float8 as c, 'text ' || i as d,
           timestamptz '{EPOCH}+00' + i * interval '37.123457 seconds' as e, i % 2 = 0 as f,
           (i * 7919::numeric / 1000)::numeric(12, 3) as g
    from generate_series(0, {MIXED_ROWS - 1}) as i;
create unlogged table bench_copy as select * from bench_mixed limit 0;
create unlogged table bench_batch (a int4, b text);
"""
CLEAN = ("truncate bench_copy", "truncate bench_batch")
BATCH_VALUES = [(i, f"text {i}") for i in range(BATCH_ROWS)]
COPY_VALUES = make_mixed_rows(MIXED_ROWS)
COPY_TYPES = ("int4", "int8", "float8", "text", "timestamptz", "bool", "numeric")
OURS, PIPELINE, ASYNCPG, PSYCOPG, PSQLPY = "pgwire_py", "pgwire_py pipeline", "asyncpg", "psycopg", "psqlpy"
PSYCOPG_SYNC, PG8000, ADBC, CONNECTORX = "psycopg sync", "pg8000", "ADBC", "connectorx"

Call = Callable[[], Any]


@dataclass(frozen=True)
class Session:
    """A connection: what runs each workload (a coroutine function where the client is an asyncio one), and what closes it."""

    calls: dict[str, Call]
    close: Call


def _queries(fetch: Callable[[str], Any], names: Sequence[str] = QUERIES) -> dict[str, Call]:
    def call(sql: str) -> Call:
        return lambda: fetch(sql)

    return {name: call(SQL[name]) for name in names}


async def ours(uri: str) -> Session:
    """pgwire_py."""
    from pgwire_py import connect

    conn = await connect(uri)

    async def copy() -> None:
        await conn.copy_records_to_table("bench_copy", records=COPY_VALUES)

    async def batch() -> None:
        await conn.executemany(INSERT.format("$1", "$2"), BATCH_VALUES)

    return Session({**_queries(conn.fetch), COPY: copy, BATCH: batch}, conn.close)


async def ours_pipeline(uri: str) -> Session:
    """pgwire_py's ``pipeline()``: the batch once more, with a result of each statement."""
    from pgwire_py import connect

    conn = await connect(uri)
    insert = INSERT.format("$1", "$2")

    async def batch() -> None:
        async with conn.pipeline(atomic=True) as pipeline:
            pending = [pipeline.execute(insert, *values) for values in BATCH_VALUES]
        if any(one.result() != "INSERT 0 1" for one in pending):
            raise BenchmarkError("a statement of the pipeline has another result")

    return Session({BATCH: batch}, conn.close)


async def asyncpg(uri: str) -> Session:
    """asyncpg."""
    import asyncpg

    conn = await asyncpg.connect(uri)

    async def copy() -> None:
        await conn.copy_records_to_table("bench_copy", records=COPY_VALUES)

    async def batch() -> None:
        await conn.executemany(INSERT.format("$1", "$2"), BATCH_VALUES)

    return Session({**_queries(conn.fetch), COPY: copy, BATCH: batch}, conn.close)


async def psycopg(uri: str) -> Session:
    """psycopg 3 with its C module, asynchronous, everything binary and prepared."""
    import psycopg

    conn = await psycopg.AsyncConnection.connect(uri, autocommit=True)
    if psycopg.pq.__impl__ == "python":
        raise BenchmarkError("psycopg is here without its C module")

    async def fetch(sql: str) -> Any:
        cursor = conn.cursor(binary=True)
        await cursor.execute(sql, prepare=True)  # type: ignore[arg-type]
        return await cursor.fetchall()

    async def copy() -> None:
        async with conn.cursor() as cursor, cursor.copy("copy bench_copy from stdin (format binary)") as writer:
            writer.set_types(COPY_TYPES)
            for row in COPY_VALUES:
                await writer.write_row(row)

    async def batch() -> None:
        async with conn.transaction(), conn.cursor() as cursor:
            await cursor.executemany(INSERT.format("%b", "%b"), BATCH_VALUES)

    return Session({**_queries(fetch), COPY: copy, BATCH: batch}, conn.close)


async def psqlpy(uri: str) -> Session:
    """psqlpy."""
    from psqlpy import connect

    conn = await connect(dsn=uri)

    async def fetch(sql: str) -> Any:
        return (await conn.fetch(sql, prepared=True)).result()

    async def batch() -> None:
        async with conn.transaction():
            await conn.execute_many(INSERT.format("$1", "$2"), BATCH_VALUES, prepared=True)

    async def close() -> None:
        conn.close()

    return Session({**_queries(fetch), BATCH: batch}, close)


def ours_blocking(uri: str) -> Session:
    """pgwire_py, blocking."""
    from pgwire_py.blocking import connect

    conn = connect(uri)

    def copy() -> None:
        conn.copy_records_to_table("bench_copy", records=COPY_VALUES)

    def batch() -> None:
        conn.executemany(INSERT.format("$1", "$2"), BATCH_VALUES)

    return Session({**_queries(conn.fetch), COPY: copy, BATCH: batch}, conn.close)


def psycopg_sync(uri: str) -> Session:
    """psycopg 3 with its C module, blocking."""
    import psycopg

    conn = psycopg.connect(uri, autocommit=True)

    def fetch(sql: str) -> Any:
        return conn.cursor(binary=True).execute(sql, prepare=True).fetchall()  # type: ignore[arg-type]

    def copy() -> None:
        with conn.cursor() as cursor, cursor.copy("copy bench_copy from stdin (format binary)") as writer:
            writer.set_types(COPY_TYPES)
            for row in COPY_VALUES:
                writer.write_row(row)

    def batch() -> None:
        with conn.transaction(), conn.cursor() as cursor:
            cursor.executemany(INSERT.format("%b", "%b"), BATCH_VALUES)

    return Session({**_queries(fetch), COPY: copy, BATCH: batch}, conn.close)


def pg8000(uri: str) -> Session:
    """pg8000, in Python alone."""
    from urllib.parse import urlsplit

    import pg8000.native

    parts = urlsplit(uri)
    conn = pg8000.native.Connection(parts.username, host=parts.hostname, port=parts.port, database=parts.path[1:])
    return Session(_queries(conn.run), conn.close)


def adbc(uri: str) -> Session:
    """ADBC, to Arrow."""
    import adbc_driver_postgresql.dbapi

    conn = adbc_driver_postgresql.dbapi.connect(uri, autocommit=True)
    cursor = conn.cursor()

    def fetch(sql: str) -> Any:
        cursor.execute(sql)
        return cursor.fetch_arrow_table()

    def close() -> None:
        cursor.close()
        conn.close()

    return Session(_queries(fetch), close)


def connectorx(uri: str) -> Session:
    """connectorx, to Arrow; it connects for each query, and so is there for the large one alone."""
    import connectorx

    return Session(_queries(lambda sql: connectorx.read_sql(uri, sql, return_type="arrow"), (MIXED,)), lambda: None)


ASYNC: dict[str, Callable[[str], Awaitable[Session]]] = {
    OURS: ours,
    PIPELINE: ours_pipeline,
    ASYNCPG: asyncpg,
    PSYCOPG: psycopg,
    PSQLPY: psqlpy,
}
BLOCKING: dict[str, Callable[[str], Session]] = {
    OURS: ours_blocking,
    PSYCOPG_SYNC: psycopg_sync,
    PG8000: pg8000,
    ADBC: adbc,
    CONNECTORX: connectorx,
}
PACKAGES = ("asyncpg", "psycopg", "psqlpy", "pg8000", "adbc-driver-postgresql", "connectorx", "uvloop")


def versions() -> dict[str, str]:
    """What competes."""
    return {package: version(package) for package in PACKAGES}
