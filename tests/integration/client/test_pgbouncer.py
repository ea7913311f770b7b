"""PgBouncer between the client and PostgreSQL, in session and in transaction mode."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

import pgwire_py as pg
from pgwire_py import errors
from tests.support.pgbouncer import Pooler, running_pgbouncer
from tests.support.postgres import Cluster


@pytest.fixture(scope="module")
def poolers() -> Iterator[Callable[[Cluster, str], Pooler]]:
    """A PgBouncer of each mode before each cluster, with two connections to the server, started when it is first asked for."""
    running: dict[tuple[int, str], Pooler] = {}
    with ExitStack() as stack:

        def get(cluster: Cluster, mode: str) -> Pooler:
            key = cluster.port, mode
            if key not in running:
                size = 2 if mode == "transaction" else 20
                running[key] = stack.enter_context(
                    running_pgbouncer(cluster.host, cluster.port, mode, default_pool_size=size)
                )
            return running[key]

        yield get


@pytest.fixture(params=["session", "transaction"])
def mode(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


@pytest.fixture
def pooled(cluster: Cluster, poolers: Callable[[Cluster, str], Pooler], mode: str) -> dict[str, Any]:
    """How to connect through PgBouncer; in transaction mode without named statements."""
    pooler = poolers(cluster, mode)
    where = {"host": pooler.host, "port": pooler.port, "user": "postgres", "database": "postgres"}
    return {**where, "statement_cache_size": 0 if mode == "transaction" else 100, "timeout": 60}


async def test_the_whole_client(pooled: dict[str, Any], table: str) -> None:
    async with await pg.connect(**pooled) as conn:
        for _ in range(3):
            assert await conn.fetchval("select $1::int + 1", 1) == 2
        assert [tuple(row) for row in await conn.fetch("select n, 'x' from generate_series(1, 3) n")] == [
            (1, "x"), (2, "x"), (3, "x"),
        ]  # fmt: skip
        await conn.execute(f"create table {table} (n int, t text)")
        await conn.executemany(f"insert into {table} values ($1, $2)", [(n, str(n)) for n in range(100)])
        async with conn.transaction():
            await conn.execute(f"insert into {table} values ($1, $2)", 100, "100")
            with pytest.raises(errors.DivisionByZero):
                async with conn.transaction():
                    await conn.execute("select 1 / 0")
            assert [row.n async for row in conn.cursor(f"select n from {table} order by n", prefetch=7)] == [
                *range(101)
            ]
        assert [row.n async for row in conn.stream(f"select n from {table} order by n", rows=7)] == [*range(101)]
        async with conn.pipeline() as pipeline:
            found = [pipeline.fetchval("select $1::text", str(n)) for n in range(20)]
        assert [one.result() for one in found] == [str(n) for n in range(20)]
        assert await conn.copy_in(f"copy {table} from stdin", b"101\tx\n102\ty\n") == 2
        assert b"".join([data async for data in conn.copy_out(f"copy {table} to stdout")]).count(b"\n") == 103
        assert await conn.copy_records_to_table(table, records=[(103, "z")]) == 1
        with pytest.raises(errors.UndefinedTable):
            await conn.fetch("select * from nowhere")
        assert await conn.fetchval(f"select count(*) from {table}") == 104
        await conn.execute(f"drop table {table}")


async def test_more_connections_than_the_pooler_has(pooled: dict[str, Any], table: str, mode: str) -> None:
    """In transaction mode ten connections share two of the server's: every statement may meet another one."""
    count = 10
    connections = await asyncio.gather(*(pg.connect(**pooled) for _ in range(count)))
    backends: set[int] = set()

    async def work(number: int, conn: pg.Connection) -> None:
        for turn in range(10):
            assert await conn.fetchval("select $1::int", number) == number
            assert await conn.fetchval("select $1::text", f"{number}-{turn}") == f"{number}-{turn}"
            row = await conn.fetchrow("select pg_backend_pid() as pid, $1::int as n, now() as t", turn)
            assert row.n == turn
            backends.add(row.pid)
            async with conn.transaction():
                await conn.execute("select set_config('pgwire.who', $1, true)", str(number))
                assert await conn.fetchval("select current_setting('pgwire.who')") == str(number)

    try:
        await asyncio.gather(*(work(number, conn) for number, conn in enumerate(connections)))
    finally:
        await asyncio.gather(*(conn.close() for conn in connections))
    assert len(backends) <= 2 if mode == "transaction" else len(backends) == count


async def test_types_and_tables_that_change(pooled: dict[str, Any], table: str) -> None:
    """A type that is looked up, and a table whose columns change between two runs of a statement."""
    async with await pg.connect(**pooled) as conn:
        await conn.execute(f"create type {table}_mood as enum ('sad', 'happy')")
        await conn.execute(f"create table {table} (n int, m {table}_mood)")
        await conn.execute(f"insert into {table} values ($1, $2)", 1, "happy")
        assert [tuple(row) for row in await conn.fetch(f"select * from {table}")] == [(1, "happy")]
        await conn.execute(f"alter table {table} alter n type text; alter table {table} add column x int default 7")
        assert [tuple(row) for row in await conn.fetch(f"select * from {table}")] == [("1", "happy", 7)]
        await conn.execute(f"drop table {table}; drop type {table}_mood")


async def test_cancelling(pooled: dict[str, Any]) -> None:
    """The pooler passes the CancelRequest on to the right backend; the next statement is not hit."""
    connections = await asyncio.gather(*(pg.connect(**pooled) for _ in range(2)))
    slow, other = connections
    waiting = asyncio.ensure_future(other.fetchval("select 'other' from pg_sleep(1)"))
    for _ in range(3):
        with pytest.raises(asyncio.TimeoutError):
            await slow.fetch("select pg_sleep(60)", timeout=0.1)
        assert await slow.fetchval("select 1") == 1
    assert await waiting == "other"
    await asyncio.gather(*(conn.close() for conn in connections))


async def test_a_pool_over_the_pooler(pooled: dict[str, Any], mode: str) -> None:
    async with pg.create_pool(**pooled, min_size=1, max_size=5) as pool:

        async def work(number: int) -> int:
            async with pool.acquire() as conn:
                found = await conn.fetchval("select $1::int", number)
                assert isinstance(found, int)
                return found

        assert await asyncio.gather(*(work(n) for n in range(50))) == list(range(50))


@pytest.mark.parametrize("mode", ["session"])
async def test_what_needs_a_session(pooled: dict[str, Any]) -> None:
    """Settings, temporary tables, named statements and notifications in session mode."""
    async with await pg.connect(**pooled) as conn:
        await conn.execute("set application_name = 'mine'; create temp table mine (n int)")
        assert await conn.fetchval("show application_name") == "mine"
        statement = await conn.prepare("select $1::int + n from mine")
        await conn.execute("insert into mine values (1)")
        assert await statement.fetchval(2) == 3
        async with conn.notifications("news") as found:
            await conn.execute("notify news, 'hello'")
            async for notification in found:
                assert notification.payload == "hello"
                break


@pytest.mark.parametrize("mode", ["transaction"])
async def test_a_pooler_that_goes_away(cluster: Cluster, mode: str) -> None:
    with running_pgbouncer(cluster.host, cluster.port, mode) as pooler:
        conn = await pg.connect(host=pooler.host, port=pooler.port, user="postgres", statement_cache_size=0)
        assert await conn.fetchval("select 1") == 1
    with pytest.raises(pg.ConnectionLost):
        await conn.fetchval("select 1")
    with pytest.raises(pg.ConnectFailed):
        await pg.connect(host=pooler.host, port=pooler.port, user="postgres")
