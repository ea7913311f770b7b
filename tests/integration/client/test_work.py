"""Transactions, cursors, pipelines, COPY, notifications, pools."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

import pgwire_py as pg
from pgwire_py import errors
from pgwire_py.client import PoolError


async def test_transactions_and_savepoints(conn: pg.Connection) -> None:
    await conn.execute("create temp table t (n int)")
    async with conn.transaction(isolation="serializable", readonly=False):
        assert await conn.fetchval("show transaction_isolation") == "serializable"
        await conn.execute("insert into t values (1)")
        with suppress(errors.DivisionByZero):
            async with conn.transaction():
                await conn.execute("insert into t values (2)")
                await conn.execute("select 1/0")
        async with conn.transaction():
            await conn.execute("insert into t values (3)")
    assert await conn.fetch("select n from t order by n") == [(1,), (3,)]
    outer = conn.transaction(readonly=True)
    await outer.start()
    with pytest.raises(errors.ReadOnlySQLTransaction):
        await conn.execute("create table never (n int)")
    with pytest.raises(pg.InterfaceError, match="rolled back, not committed"):
        await outer.commit()
    assert not conn.is_in_transaction()
    with pytest.raises(pg.InterfaceError, match="rolled back already"):
        await outer.start()


@pytest.mark.event_loop
async def test_retry(conn: pg.Connection) -> None:
    runs = []

    async def work(conn: pg.Connection) -> str:
        runs.append(await conn.fetchval("show transaction_isolation"))
        if len(runs) < 3:
            await conn.execute("do $$ begin raise exception 'again' using errcode = '40001'; end $$")
        return "done"

    assert await conn.retry(work) == "done"
    assert runs == ["serializable"] * 3
    runs.clear()
    with pytest.raises(errors.SerializationFailure):
        await conn.retry(work, attempts=2)


async def test_cursors(conn: pg.Connection) -> None:
    query = "select n from generate_series(1, $1::int) n"
    with pytest.raises(pg.InterfaceError, match="needs a transaction"):
        await conn.cursor(query, 5)
    async with conn.transaction():
        assert [row.n async for row in conn.cursor(query, 120, prefetch=50)] == [*range(1, 121)]
        cursor = await conn.cursor(query, 10)
        assert await cursor.fetch(2) == [(1,), (2,)]
        assert await cursor.forward(3) == 3
        assert await cursor.fetchrow() == (6,)
        assert len(await cursor.fetch(100)) == 4
        assert await cursor.fetchrow() is None
        await cursor.close()


async def test_streams(conn: pg.Connection) -> None:
    query = "select n from generate_series(1, $1::int) n"
    for count in (0, 1, 9, 10, 11, 1000):
        assert [row.n async for row in conn.stream(query, count, rows=10)] == [*range(1, count + 1)]
    with pytest.raises(errors.DivisionByZero):
        async for _ in conn.stream("select 10 / (5 - n) from generate_series(1, 9) n", rows=2):
            pass
    assert await conn.fetchval("select 1") == 1


async def test_pipelines(conn: pg.Connection) -> None:
    await conn.execute("create temp table t (n int primary key)")
    async with conn.pipeline(return_exceptions=True) as pipeline:
        inserted = [pipeline.execute("insert into t values ($1)", n % 4) for n in range(6)]
        refused = pipeline.fetch("select nothing from t")
        unfit = pipeline.fetch("select $1::int", "x")
        counted = pipeline.fetchval("select count(*) from t")
        row = pipeline.fetchrow("select n, n from t order by n")
    assert [type(one.exception()) for one in inserted] == [type(None)] * 4 + [errors.UniqueViolation] * 2
    assert inserted[0].result() == "INSERT 0 1"
    assert isinstance(refused.exception(), errors.UndefinedColumn)
    assert isinstance(unfit.exception(), errors.PostgresError)
    assert (counted.result(), row.result()) == (4, (0, 0))
    atomic = conn.pipeline(atomic=True)
    for n in (100, 1, 101):
        atomic.execute("insert into t values ($1)", n)
    with pytest.raises(errors.UniqueViolation):
        await atomic.__aexit__(None, None, None)
    assert await conn.fetchval("select max(n) from t") == 3
    async with conn.pipeline() as pipeline:
        one = pipeline.fetchval("select 1")
        assert await one == 1
    assert await conn.fetchval("select 1") == 1


async def test_copy(conn: pg.Connection, tmp_path: Path) -> None:
    await conn.execute("create temp table t (a int, b text)")
    lines = [b"%d\tline %d\n" % (n, n) for n in range(30_000)]
    assert await conn.copy_in("copy t from stdin", lines) == 30_000
    path = tmp_path / "data"
    path.write_bytes(b"".join(lines))
    assert await conn.copy_in("copy t from stdin", path) == 30_000
    assert await conn.copy_in("copy t from stdin", path.read_bytes()) == 30_000
    size = 0
    async for piece in conn.copy_out("copy t to stdout"):
        size += len(piece)
    assert size == 3 * path.stat().st_size
    assert await conn.copy_out("copy (select 1, 'x') to stdout (format csv)").read() == b"1,x\n"
    assert await conn.copy_records_to_table("t", records=[(n, None) for n in range(1000)], columns=["a", "b"]) == 1000
    with pytest.raises(errors.InvalidTextRepresentation):
        await conn.copy_in("copy t from stdin", b"word\tx\n" * 100_000)

    def broken() -> Any:
        yield b"1\tx\n"
        raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"):
        await conn.copy_in("copy t from stdin", broken())
    with pytest.raises(errors.UndefinedTable):
        await conn.copy_out("copy nowhere to stdout").read()
    with pytest.raises(pg.InterfaceError, match="COPY"):
        await conn.copy_in("select 1", b"")
    assert await conn.fetchval("select count(*) from t") == 91_000


async def test_a_slow_reader_of_copy(conn: pg.Connection) -> None:
    total = 0
    async for piece in conn.copy_out("copy (select repeat('x', 1000) from generate_series(1, 20000)) to stdout"):
        total += len(piece)
        if total % 500_500 == 0:
            await asyncio.sleep(0.005)
    assert total == 20_000 * 1001


async def test_copy_whose_end_comes_with_more_than_may_wait(conn: pg.Connection) -> None:
    """Reading stops where much waits for the reader, and goes on for the next statement."""
    for rows in (1, 2, 3):
        data = await conn.copy_out(
            f"copy (select repeat('x', 1100000) from generate_series(1, {rows})) to stdout"
        ).read()
        assert len(data) == rows * 1_100_001
        assert await conn.fetchval("select $1::int", rows, timeout=30) == rows


async def test_notifications(conn: pg.Connection, options: dict[str, Any], table: str) -> None:
    called: list[Any] = []

    def listener(*arguments: Any) -> None:
        called.append(arguments[1:])

    await conn.add_listener(table, listener)
    async with await pg.connect(**options) as other, conn.notifications(table) as found:
        await other.execute(f"notify {table}, 'one'; notify {table}, 'two'")
        assert [(await anext(found)).payload for _ in range(2)] == ["one", "two"]
    assert called == [(other.get_server_pid(), table, "one"), (other.get_server_pid(), table, "two")]
    await conn.remove_listener(table, listener)
    assert await conn.fetch("select pg_listening_channels()") == []


@pytest.mark.event_loop
async def test_tasks_that_share_notifications(conn: pg.Connection, table: str) -> None:
    async with conn.notifications(table) as found:
        tasks = [asyncio.ensure_future(found.get(timeout=30)) for _ in range(4)]
        await asyncio.sleep(0)
        cancelled = tasks.pop(1)
        cancelled.cancel()
        await asyncio.wait({cancelled})  # wait_for prefers what has come to a cancellation
        for n in range(3):
            await conn.execute(f"notify {table}, '{n}'")
        assert sorted(one.payload for one in await asyncio.gather(*tasks)) == ["0", "1", "2"]


async def test_a_pool(options: dict[str, Any]) -> None:
    async with pg.create_pool(**options, min_size=1, max_size=3) as pool:
        assert await asyncio.gather(*(pool.fetchval("select $1::int", n) for n in range(30))) == [*range(30)]
        assert pool.stats().size == 3
        async with pool.acquire() as conn:
            await conn.execute("set application_name = 'left'; begin")
            await conn.execute("listen something")
            pid = conn.get_server_pid()
        for _ in range(3):
            async with pool.acquire() as again:
                if again.get_server_pid() == pid:
                    assert await again.fetchval("show application_name") != "left"
                    assert not again.is_in_transaction()
        held = [await pool.acquire() for _ in range(3)]
        with pytest.raises(asyncio.TimeoutError):
            await pool.acquire(timeout=0.05)
        waiting = [asyncio.ensure_future(pool.fetchval("select $1::int", n)) for n in range(4)]
        while pool.stats().waiting < 4:  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0.01)
        held[0].terminate()  # its place goes to one who waits
        for one in held:
            await pool.release(one)
        assert await asyncio.gather(*waiting) == [0, 1, 2, 3]
        with pytest.raises(PoolError):
            await pool.release(held[0])
    with pytest.raises(PoolError, match="closed"):
        await pool.acquire()


async def test_a_pool_replaces_what_is_dead_or_old(options: dict[str, Any]) -> None:
    async with pg.create_pool(**options, min_size=1, max_size=1, check_after=0, max_queries=3) as pool:
        first = await pool.fetchval("select pg_backend_pid()")
        async with await pg.connect(**options) as killer:
            await killer.fetch("select pg_terminate_backend($1)", first)
        second = await pool.fetchval("select pg_backend_pid()")
        assert second != first
        pids = [await pool.fetchval("select pg_backend_pid()") for _ in range(3)]
        assert pids[:2] == [second, second]
        assert pids[2] != second
