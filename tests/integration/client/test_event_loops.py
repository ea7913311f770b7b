"""Several event loops in several threads: each with connections of its own, and none with another's."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest

import pgwire_py as pg
from pgwire_py.client import PoolError

pytestmark = pytest.mark.event_loop

THREADS = 4
DEADLINE = 60.0  # seconds; only what hangs takes that long


def in_threads(works: list[Callable[[], Any]]) -> list[Any]:
    """Run each in a thread of its own, all at once; their results."""
    found: list[Any] = [None] * len(works)
    start = threading.Barrier(len(works))

    def run(number: int) -> None:
        start.wait(DEADLINE)
        try:
            found[number] = works[number]()
        except BaseException as error:
            found[number] = error

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(works))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE)
    return found


async def everything(options: dict[str, Any], number: int) -> int:
    """Most of what a connection does, beside others that do the same; the sum of what was read."""
    total = 0
    async with pg.create_pool(**options, min_size=2, max_size=2) as pool:

        async def work(part: int) -> int:
            async with pool.acquire() as conn:
                table = f"loops_{number}_{part}"
                await conn.execute(f"create temp table {table} (n int)")
                async with conn.transaction():
                    await conn.executemany(f"insert into {table} values ($1)", [(n,) for n in range(100)])
                async with conn.pipeline() as pipeline:
                    found = [pipeline.fetchval("select $1::int", n) for n in range(10)]
                with pytest.raises(asyncio.TimeoutError):
                    await conn.fetch("select pg_sleep(60)", timeout=0.05)
                rows = await conn.fetch(f"select n from {table}")
                await conn.execute(f"drop table {table}")
                return sum(row.n for row in rows) + sum(one.result() for one in found)

        total += sum(await asyncio.gather(*(work(part) for part in range(4))))
    return total


def test_each_loop_with_connections_of_its_own(options: dict[str, Any]) -> None:
    works = [lambda number=number: asyncio.run(everything(options, number)) for number in range(THREADS)]
    assert in_threads(works) == [4 * (4950 + 45)] * THREADS


async def test_another_loop_is_refused(options: dict[str, Any]) -> None:
    """Whatever is called on another loop, or in a thread without one, nothing is sent, and the owner can go on."""
    conn = await pg.connect(**options)
    await conn.fetchval("select 1")  # known by name from now on
    statement = await conn.prepare("select $1::int")

    async def pipelined() -> None:
        async with conn.pipeline() as pipeline:
            pipeline.fetch("select 1")

    async def in_a_transaction() -> None:
        async with conn.transaction():
            pass

    async def streamed() -> None:
        async for _ in conn.stream("select 1"):
            pass

    calls: list[Callable[[], Any]] = [
        lambda: conn.fetchval("select 1"),
        lambda: conn.fetch("select 'new'"),
        lambda: conn.execute("select 1"),
        lambda: conn.prepare("select 2"),
        lambda: statement.fetch(1),
        lambda: conn.executemany("select $1::int", [(1,), (2,)]),
        lambda: conn.copy_in("copy t from stdin", b""),
        conn.reset,
        conn.close,
        pipelined,
        in_a_transaction,
        streamed,
    ]

    def elsewhere() -> list[Any]:
        async def attempt(call: Callable[[], Any]) -> None:
            await call()

        found: list[Any] = []
        for call in calls:
            try:
                found.append(asyncio.run(attempt(call)))
            except BaseException as error:
                found.append(error)
        try:
            found.append(conn.terminate())
        except BaseException as error:
            found.append(error)
        return found

    (found,) = await asyncio.get_running_loop().run_in_executor(None, in_threads, [elsewhere])
    assert [type(one) for one in found] == [pg.InterfaceError] * (len(calls) + 1), found
    assert all("belongs to another event loop" in str(one) for one in found)
    assert await conn.fetchval("select 1") == 1
    await conn.close()


async def test_another_loop_while_the_owner_waits(options: dict[str, Any]) -> None:
    async with await pg.connect(**options) as conn:
        waiting = asyncio.ensure_future(conn.fetchval("select pg_sleep(0.3)::text"))
        await asyncio.sleep(0.05)

        def elsewhere() -> Any:
            return asyncio.run(conn.fetchval("select 2"))  # type: ignore[arg-type]

        (found,) = await asyncio.get_running_loop().run_in_executor(None, in_threads, [elsewhere])
        assert isinstance(found, pg.InterfaceError)
        assert await waiting == ""
        assert await conn.fetchval("select 3") == 3


async def test_a_pool_belongs_to_its_loop(options: dict[str, Any]) -> None:
    async with pg.create_pool(**options, min_size=1, max_size=1) as pool:

        async def acquire() -> None:
            async with pool.acquire():
                pass

        def elsewhere() -> Any:
            return asyncio.run(acquire())

        (found,) = await asyncio.get_running_loop().run_in_executor(None, in_threads, [elsewhere])
        assert isinstance(found, PoolError)
        async with pool.acquire() as conn:
            assert await conn.fetchval("select 1") == 1
        assert pool.stats().in_use == 0
