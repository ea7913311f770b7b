"""What asyncpg's documentation says, run on asyncpg, which verifies what is expected, and on this client.

What is wanted to differ is in docs/reference/client.md; which test covers what is in docs/reference/client-tests.md.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import decimal
import ipaddress
import json
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

import pgwire_py as pg
from pgwire_py import client

pytestmark = pytest.mark.event_loop


@dataclass(frozen=True)
class Library:
    """One of the two, by the names that they share."""

    name: str
    connect: Any
    create_pool: Any
    InterfaceError: type[Exception]
    PostgresError: type[Exception]


LIBRARIES = [
    Library("asyncpg", asyncpg.connect, asyncpg.create_pool, asyncpg.InterfaceError, asyncpg.PostgresError),
    Library("pgwire_py", pg.connect, pg.create_pool, pg.InterfaceError, pg.PostgresError),
]


@pytest.fixture(params=LIBRARIES, ids=lambda library: library.name)
def lib(request: pytest.FixtureRequest) -> Library:
    found: Library = request.param
    return found


@pytest_asyncio.fixture
async def con(lib: Library, options: dict[str, Any]) -> AsyncIterator[Any]:
    connection = await lib.connect(**options)
    yield connection
    await connection.close(timeout=10)


async def test_execute_and_scripts(con: Any) -> None:
    assert await con.execute("create temp table t (a int); insert into t values (100), (200), (300)") == "INSERT 0 3"
    assert await con.execute("insert into t values ($1), ($2)", 10, 20) == "INSERT 0 2"
    assert await con.execute("delete from t where a < $1", 100) == "DELETE 2"
    assert await con.execute("create temp table u (b int)") == "CREATE TABLE"


async def test_executemany_is_atomic(con: Any, lib: Library) -> None:
    await con.execute("create temp table t (a int primary key, b text)")
    assert await con.executemany("insert into t values ($1, $2)", [(1, "x"), (2, "y")]) is None
    with pytest.raises(lib.PostgresError) as caught:
        await con.executemany("insert into t values ($1, $2)", [(3, "z"), (1, "again")])
    assert caught.value.sqlstate == "23505"  # type: ignore[attr-defined]
    assert await con.fetchval("select count(*) from t") == 2


async def test_fetch_fetchrow_fetchval(con: Any) -> None:
    query = "select n, n * 2 as double from generate_series(1, $1::int) n"
    rows = await con.fetch(query, 3)
    assert isinstance(rows, list)
    assert [dict(row) for row in rows] == [{"n": n, "double": 2 * n} for n in (1, 2, 3)]
    assert await con.fetch(query, 0) == []
    row = await con.fetchrow(query, 3)
    assert (row["n"], row["double"], row[0], row[-1]) == (1, 2, 1, 2)
    assert await con.fetchrow(query, 0) is None
    assert await con.fetchval(query, 3) == 1
    assert await con.fetchval(query, 3, column=1) == 2
    assert await con.fetchval(query, 0) is None


async def test_records(con: Any) -> None:
    row = await con.fetchrow("select 1 as a, 'x' as b, null as c")
    assert len(row) == 3
    assert list(row) == [1, "x", None]
    assert tuple(row.keys()) == ("a", "b", "c")
    assert tuple(row.values()) == (1, "x", None)
    assert dict(row.items()) == {"a": 1, "b": "x", "c": None}
    assert row[0:2] == (1, "x")
    assert row.get("a") == 1
    assert row.get("d") is None
    assert row.get("d", 7) == 7
    with pytest.raises(KeyError):
        row["d"]
    with pytest.raises(IndexError):
        row[3]
    assert row == await con.fetchrow("select 1 as a, 'x' as b, null as c")
    assert hash(row) == hash(await con.fetchrow("select 1 as a, 'x' as b, null as c"))


VALUES = {
    "true": True,
    "7::int2": 7,
    "7::int8": 7,
    "1.5::float8": 1.5,
    "1.50::numeric": decimal.Decimal("1.50"),
    "'x'::text": "x",
    "'x'::varchar": "x",
    "'\\x00ff'::bytea": b"\x00\xff",
    "date '2020-02-29'": dt.date(2020, 2, 29),
    "time '12:34:56.789'": dt.time(12, 34, 56, 789000),
    "timestamp '2020-02-29 12:00'": dt.datetime(2020, 2, 29, 12),
    "timestamptz '2020-02-29 12:00+00'": dt.datetime(2020, 2, 29, 12, tzinfo=dt.timezone.utc),
    "interval '1 day 2 hours'": dt.timedelta(days=1, hours=2),
    "'12345678-1234-5678-1234-567812345678'::uuid": uuid.UUID("12345678123456781234567812345678"),
    "'{1,2,null}'::int[]": [1, 2, None],
    "'{{a,b},{c,d}}'::text[]": [["a", "b"], ["c", "d"]],
    "inet '10.0.0.1'": ipaddress.IPv4Address("10.0.0.1"),
    "cidr '10.0.0.0/8'": ipaddress.IPv4Network("10.0.0.0/8"),
    "'{\"a\": 1}'::json": '{"a": 1}',
    "'{\"a\": 1}'::jsonb": '{"a": 1}',
    "null::int": None,
    "'abc'::name": "abc",
}


async def test_types(con: Any) -> None:
    for expression, expected in VALUES.items():
        found = await con.fetchval(f"select {expression}")
        assert isinstance(found, type(expected)), expression
        assert found == expected, expression
        kind = await con.fetchval(f"select pg_typeof({expression})::text")
        assert await con.fetchval(f"select $1::{kind}", expected) == expected, expression


async def test_type_codecs(con: Any) -> None:
    await con.set_type_codec("json", encoder=json.dumps, decoder=json.loads, schema="pg_catalog")
    assert await con.fetchval("select $1::json", {"foo": [1, 2]}) == {"foo": [1, 2]}


async def test_errors(con: Any, lib: Library) -> None:
    with pytest.raises(lib.PostgresError) as caught:
        await con.fetch("select * from nowhere")
    error: Any = caught.value
    assert (error.sqlstate, error.position) == ("42P01", "15")
    with pytest.raises(lib.InterfaceError):
        await con.fetch("select $1::int")
    assert await con.fetchval("select 1") == 1


async def test_one_operation_at_a_time(con: Any, lib: Library) -> None:
    first = asyncio.ensure_future(con.fetchval("select 'first' from pg_sleep(0.2)"))
    await asyncio.sleep(0.05)
    with pytest.raises(lib.InterfaceError):
        await con.fetchval("select 'second'")
    assert await first == "first"


async def test_timeouts(con: Any, lib: Library, options: dict[str, Any]) -> None:
    for work in (con.fetch, con.fetchrow, con.fetchval, con.execute):
        with pytest.raises(asyncio.TimeoutError):
            await work("select pg_sleep(60)", timeout=0.05)
        assert await con.fetchval("select 1") == 1
    other = await lib.connect(**options, command_timeout=0.05)
    with pytest.raises(asyncio.TimeoutError):
        await other.fetch("select pg_sleep(60)")
    await other.close(timeout=30)


async def test_transactions(con: Any, lib: Library) -> None:
    await con.execute("create temp table t (a int)")
    assert not con.is_in_transaction()
    async with con.transaction():
        assert con.is_in_transaction()
        await con.execute("insert into t values (1)")

        async def failing() -> None:
            async with con.transaction():
                await con.execute("insert into t values (2)")
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await failing()
    assert [row["a"] for row in await con.fetch("select a from t")] == [1]
    transaction = con.transaction(isolation="repeatable_read", readonly=True)
    await transaction.start()
    assert await con.fetchval("show transaction_isolation") == "repeatable read"
    assert await con.fetchval("show transaction_read_only") == "on"
    with pytest.raises(lib.InterfaceError):
        await transaction.start()
    await transaction.rollback()
    with pytest.raises(lib.InterfaceError):
        await transaction.commit()
    assert not con.is_in_transaction()


async def test_cursors(con: Any, lib: Library) -> None:
    query = "select n from generate_series(1, $1::int) n"
    with pytest.raises((lib.InterfaceError, lib.PostgresError)):  # of asyncpg it is NoActiveSQLTransactionError
        await con.cursor(query, 10)
    async with con.transaction():
        assert [row["n"] async for row in con.cursor(query, 120)] == list(range(1, 121))
        cursor = await con.cursor(query, 10)
        assert (await cursor.fetchrow())["n"] == 1
        assert await cursor.forward(2) == 2
        assert [row["n"] for row in await cursor.fetch(3)] == [4, 5, 6]
        assert [row["n"] for row in await cursor.fetch(100)] == [7, 8, 9, 10]
        assert await cursor.fetchrow() is None
        assert await cursor.fetch(1) == []


async def test_prepared_statements(con: Any) -> None:
    statement = await con.prepare("select $1::int + n as sum from generate_series(1, 2) n")
    assert statement.get_query() == "select $1::int + n as sum from generate_series(1, 2) n"
    assert [one.name for one in statement.get_parameters()] == ["int4"]
    assert [(one.name, one.type.name) for one in statement.get_attributes()] == [("sum", "int4")]
    assert [row["sum"] for row in await statement.fetch(10)] == [11, 12]
    assert statement.get_statusmsg() == "SELECT 2"
    assert await statement.fetchval(20) == 21
    assert (await statement.fetchrow(30))["sum"] == 31
    async with con.transaction():
        assert [row["sum"] async for row in statement.cursor(40)] == [41, 42]


async def test_listeners(con: Any, lib: Library, options: dict[str, Any], table: str) -> None:
    heard: asyncio.Queue[Any] = asyncio.Queue()

    def listener(*arguments: Any) -> None:
        heard.put_nowait(arguments)

    await con.add_listener(table, listener)
    other = await lib.connect(**options)
    await other.execute(f"notify {table}, 'payload'")
    connection, process_id, channel, payload = await asyncio.wait_for(heard.get(), 30)
    assert (process_id, channel, payload) == (other.get_server_pid(), table, "payload")
    assert connection.get_server_pid() == con.get_server_pid()
    await con.remove_listener(table, listener)
    await other.execute(f"notify {table}, 'unheard'")
    assert await con.fetchval("select count(*) from pg_listening_channels()") == 0
    assert heard.empty()
    await other.close()


async def test_log_listeners(con: Any) -> None:
    heard: asyncio.Queue[Any] = asyncio.Queue()

    def listener(connection: Any, message: Any) -> None:
        heard.put_nowait(message)

    con.add_log_listener(listener)
    await con.execute("do $$ begin raise warning 'careful'; end $$")
    message = await asyncio.wait_for(heard.get(), 30)
    assert (message.severity, message.message) == ("WARNING", "careful")
    con.remove_log_listener(listener)
    await con.execute("do $$ begin raise warning 'again'; end $$")
    await asyncio.sleep(0)
    assert heard.empty()


async def test_a_connection_tells_about_itself(con: Any, lib: Library, options: dict[str, Any]) -> None:
    assert con.get_server_pid() == await con.fetchval("select pg_backend_pid()")
    assert con.get_settings() is not None
    assert int(await con.fetchval("show server_version_num")) // 10_000 == con.get_server_version()[0]
    other = await lib.connect(**options, server_settings={"application_name": "habits"})
    assert await other.fetchval("show application_name") == "habits"
    assert not other.is_closed()
    await other.close()
    assert other.is_closed()
    with pytest.raises((lib.InterfaceError, ConnectionError)):
        await other.fetch("select 1")
    other = await lib.connect(**options)
    other.terminate()
    assert other.is_closed()


async def test_reset(con: Any) -> None:
    await con.execute("set application_name = 'changed'; select pg_advisory_lock(1)")
    await con.reset()
    assert await con.fetchval("show application_name") != "changed"
    assert (
        await con.fetchval("select count(*) from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()") == 0
    )


async def test_copying_records(con: Any, lib: Library) -> None:
    await con.execute("create temp table t (a int, b text)")
    await con.copy_records_to_table("t", records=[(1, "x"), (2, None)], columns=["a", "b"])
    assert [tuple(row) for row in await con.fetch("select * from t")] == [(1, "x"), (2, None)]
    with pytest.raises(lib.PostgresError):
        await con.copy_records_to_table("nowhere", records=[(1,)])


async def test_without_a_statement_cache(lib: Library, options: dict[str, Any]) -> None:
    connection = await lib.connect(**options, statement_cache_size=0)
    for _ in range(2):
        assert await connection.fetchval("select $1::int", 7) == 7
    assert await connection.fetchval("select count(*) from pg_prepared_statements where statement like '%$1%'") == 0
    await connection.close()


async def test_pools(lib: Library, options: dict[str, Any]) -> None:
    """Lending, waiting, the pool's own queries, and a connection that comes back as new."""
    initialized, set_up = [], []

    async def init(connection: Any) -> None:
        initialized.append(connection.get_server_pid())

    async def setup(connection: Any) -> None:
        set_up.append(connection.get_server_pid())

    async with lib.create_pool(**options, min_size=1, max_size=2, init=init, setup=setup) as pool:
        assert await pool.fetchval("select $1::int", 1) == 1
        assert (await pool.fetchrow("select 2 as n"))["n"] == 2
        assert [row["n"] for row in await pool.fetch("select 3 as n")] == [3]
        assert await pool.execute("select 4") == "SELECT 1"
        async with pool.acquire() as one:
            await one.execute("set application_name = 'changed'")
            two = await pool.acquire()
            with pytest.raises(asyncio.TimeoutError):
                await pool.acquire(timeout=0.05)
            waiting = asyncio.ensure_future(pool.fetchval("select 5"))
            await pool.release(two)
            assert await waiting == 5
        async with pool.acquire() as first, pool.acquire() as second:
            for connection in (first, second):
                assert await connection.fetchval("show application_name") != "changed"
        assert (len(initialized), len(set_up) > 6) == (2, True)
    with pytest.raises(lib.InterfaceError):
        await pool.acquire()


def test_the_names_are_the_same() -> None:
    """Every public method of asyncpg's Connection, statement, transaction, cursor and pool is there, or listed as a difference."""
    missing = {
        "add_query_logger", "remove_query_logger", "query_logger", "add_termination_listener", "remove_termination_listener",
        "copy_from_query", "copy_from_table", "copy_to_table", "get_reset_query", "reset_type_codec", "set_builtin_type_codec",
    }  # fmt: skip
    of_the_pool = {
        "copy_from_query", "copy_from_table", "copy_to_table", "copy_records_to_table", "fetchmany", "expire_connections",
        "get_init_size", "is_closing", "set_connect_args",
    }  # fmt: skip
    pairs: list[tuple[Any, Any]] = [
        (asyncpg.Connection, client.Connection),
        (asyncpg.prepared_stmt.PreparedStatement, client.PreparedStatement),
        (asyncpg.transaction.Transaction, client.Transaction),
        (asyncpg.cursor.Cursor, client.Cursor),
        (asyncpg.Pool, client.Pool),
    ]
    for theirs, ours in pairs:
        absent = {name for name in dir(theirs) if not name.startswith("_")} - set(dir(ours))
        assert absent <= (of_the_pool if ours is client.Pool else missing)
