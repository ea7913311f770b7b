"""Cancelled tasks, timeouts, ends of sessions: nothing of one query is seen by the next, nothing hangs."""

from __future__ import annotations

import asyncio
import random
from contextlib import aclosing, suppress
from typing import Any

import pytest

import pgwire_py as pg
from pgwire_py import errors
from pgwire_py.client.protocol import Wire


@pytest.mark.event_loop
async def test_a_timeout_leaves_the_connection_usable(conn: pg.Connection) -> None:
    with pytest.raises(asyncio.TimeoutError):
        await conn.fetch("select pg_sleep(60)", timeout=0.1)
    assert await conn.fetchval("select 1") == 1
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(conn.execute("select pg_sleep(60)"), 0.1)
    assert await conn.fetchval("select $1::int", 2) == 2


@pytest.mark.event_loop
async def test_cancelling_at_any_moment(conn: pg.Connection) -> None:
    """However the cancel request and the end of the statement meet, no later statement gets 57014 or another's rows."""
    chance = random.Random(7)
    for n in range(60):
        task = asyncio.ensure_future(conn.fetch("select pg_sleep($1), $2::int", chance.random() / 500, n))
        await asyncio.sleep(chance.random() / 400)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert await conn.fetchval("select $1::int", n) == n


@pytest.mark.event_loop
async def test_a_cancelled_transaction_is_rolled_back(conn: pg.Connection) -> None:
    await conn.execute("create temp table t (n int)")

    async def work() -> None:
        async with conn.transaction():
            await conn.execute("insert into t values (1)")
            await conn.execute("select pg_sleep(60)")

    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(work(), 0.2)
    assert not conn.is_in_transaction()
    assert await conn.fetchval("select count(*) from t") == 0


@pytest.mark.event_loop
async def test_a_transaction_whose_begin_was_cancelled_is_none(conn: pg.Connection) -> None:
    """Also where the server had begun it: nobody would end it, and what comes next would never be committed."""
    for _ in range(10):
        task = asyncio.ensure_future(conn.transaction().start())
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert await conn.fetchval("select 1") == 1
        assert not conn.is_in_transaction()
    async with conn.transaction():
        task = asyncio.ensure_future(conn.transaction().start())
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await conn.execute("rollback")  # the cancel may have hit the savepoint, and the transaction has failed
        await conn.execute("begin")


async def turns(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


@pytest.mark.event_loop
@pytest.mark.parametrize("nested", [False, True], ids=["transaction", "savepoint"])
@pytest.mark.parametrize("between", [1, 2, 3, 5, 50])
async def test_two_cancellations_leave_no_transaction(conn: pg.Connection, nested: bool, between: int) -> None:
    """The second one within the roll-back that the first one began."""
    await conn.execute("create temp table t (n int)")
    sleeps = asyncio.Event()

    async def work() -> None:
        async with conn.transaction():
            await conn.execute("insert into t values (1)")
            sleeps.set()
            await conn.execute("select pg_sleep(0.5)")

    async def outer() -> None:
        async with conn.transaction():
            await conn.execute("insert into t values (0)")
            with suppress(asyncio.CancelledError):
                await work()

    task = asyncio.ensure_future(outer() if nested else work())
    await sleeps.wait()
    await turns(3)
    task.cancel()
    await turns(between)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    rows = [row.n for row in await conn.fetch("select n from t")]
    assert not conn.is_in_transaction()
    assert 1 not in rows
    await conn.execute("insert into t values (2)")
    assert [row.n for row in await conn.fetch("select n from t")] == [*rows, 2]


@pytest.mark.event_loop
@pytest.mark.parametrize("end", ["commit", "rollback"])
@pytest.mark.parametrize("before", [1, 2, 3, 5, 50])
async def test_an_end_that_is_cancelled_ends_the_transaction(
    options: dict[str, Any], conn: pg.Connection, end: str, before: int
) -> None:
    """Before it is sent, because something else is cancelled still, and behind that."""
    for cancelled_before in (True, False):
        transaction = conn.transaction()
        await transaction.start()
        if cancelled_before:
            sleeping = asyncio.ensure_future(conn.execute("select pg_sleep(0.5)"))
            await turns(2)
            sleeping.cancel()
            await turns(1)
        task = asyncio.ensure_future(getattr(transaction, end)())
        await turns(before)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert await conn.fetchval("select 1") == 1
        assert not conn.is_in_transaction()
    async with pg.create_pool(**options, min_size=1, max_size=1, reset=nothing) as pool:
        async with pool.acquire() as lent:
            transaction = lent.transaction()
            await transaction.start()
            task = asyncio.ensure_future(getattr(transaction, end)())
            await turns(before)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        async with pool.acquire() as lent:
            assert await lent.fetchval("select 1") == 1
            assert not lent.is_in_transaction()


async def nothing(_: pg.Connection) -> None:
    """What a pool is to do with a connection that comes back."""


@pytest.mark.event_loop
async def test_a_pool_that_is_terminated_while_a_connection_comes_back(options: dict[str, Any]) -> None:
    pool = await pg.create_pool(**options, min_size=1)
    connection = await pool.acquire()
    returning = asyncio.ensure_future(pool.release(connection))
    await asyncio.sleep(0)
    assert pool.stats().in_use == 0
    pool.terminate()
    await returning
    assert connection.is_closed()
    assert (pool.stats().size, pool.stats().idle) == (0, 0)


@pytest.mark.event_loop
async def test_statements_cancelled_while_they_are_prepared_are_closed(conn: pg.Connection) -> None:
    async def piped(number: int) -> None:
        async with conn.pipeline() as pipeline:
            pipeline.fetch(f"select 'piped', {number}")

    for number in range(5):
        for work in (conn.fetch(f"select 'one', {number}"), piped(number)):
            task = asyncio.ensure_future(work)
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
    kept = "select count(*) from pg_prepared_statements where statement like 'select ''%'"
    assert await conn.fetchval(kept) == 0


@pytest.mark.event_loop
@pytest.mark.parametrize(
    ("way", "answers"), [("execute", 1), ("fetch", 2), ("fetch of what is prepared", 1), ("execute to be drained", 0)]
)
@pytest.mark.parametrize("statement", ["discard all", "deallocate all"])
async def test_statements_forgotten_for_nobody(
    options: dict[str, Any], monkeypatch: pytest.MonkeyPatch, statement: str, way: str, answers: int
) -> None:
    """Whose answer had come when its task was cancelled, or comes after that: no later statement asks for what is forgotten."""
    received = Wire.data_received
    task: asyncio.Future[Any] | None = None
    left = answers

    def cancelling(self: Wire, data: bytes) -> None:
        nonlocal left
        received(self, data)
        if task is not None:
            left -= self.exchange is None
            if left == 0:
                task.cancel()

    monkeypatch.setattr(Wire, "data_received", cancelling)
    async with await pg.connect(**options) as conn:
        kept = "select 'kept', $1::int"
        await conn.fetch(kept, 1)
        if way.endswith("prepared"):
            await conn.prepare(statement)
        task = asyncio.ensure_future(conn.fetch(statement) if "fetch" in way else conn.execute(statement))
        if not answers:
            await turns(1)
            task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        task = None
        async with conn.transaction():
            assert await conn.fetchval(kept, 2, column=1) == 2


@pytest.mark.event_loop
async def test_streams_and_copies_that_are_left(conn: pg.Connection) -> None:
    await conn.execute("create temp table t as select n from generate_series(1, 100000) n")
    async with aclosing(conn.stream("select n from t", rows=10)) as rows:  # type: ignore[type-var]
        async for row in rows:
            assert row.n == 1
            with pytest.raises(pg.InterfaceError, match="in use"):
                await conn.fetch("select 1")
            break
    assert await conn.fetchval("select 2") == 2
    async with conn.copy_out("copy t to stdout") as pieces:
        async for _ in pieces:
            break
    assert await conn.fetchval("select 3") == 3

    async def endless() -> Any:
        yield b"1\n"
        await asyncio.sleep(60)

    with pytest.raises(asyncio.TimeoutError):
        await conn.copy_in("copy t from stdin", endless(), timeout=0.1)
    assert await conn.fetchval("select count(*) from t") == 100_000


async def test_cancel_from_another_task(conn: pg.Connection) -> None:
    task = asyncio.ensure_future(conn.fetch("select pg_sleep(60)"))
    await asyncio.sleep(0.1)
    await conn.cancel()
    with pytest.raises(errors.QueryCanceled):
        await task
    assert await conn.fetchval("select 1") == 1


@pytest.mark.event_loop
async def test_two_tasks_on_one_connection_are_refused(conn: pg.Connection) -> None:
    task = asyncio.ensure_future(conn.fetchval("select pg_sleep(0.1)::text"))
    await asyncio.sleep(0.02)
    with pytest.raises(pg.InterfaceError, match="in use"):
        await conn.fetch("select 1")
    await task


async def test_a_terminated_backend(conn: pg.Connection, options: dict[str, Any]) -> None:
    victim = await pg.connect(**options)
    task = asyncio.ensure_future(victim.fetch("select pg_sleep(60)"))
    await asyncio.sleep(0.05)
    await conn.fetch("select pg_terminate_backend($1)", victim.get_server_pid())
    with pytest.raises(errors.AdminShutdown):
        await task
    assert victim.is_closed()
    with pytest.raises(pg.ConnectionLost, match="terminating connection"):
        await victim.fetch("select 1")
    await victim.close()


async def test_a_closed_connection(options: dict[str, Any]) -> None:
    conn = await pg.connect(**options)
    await conn.close()
    await conn.close()
    with pytest.raises(pg.ConnectionLost, match="closed"):
        await conn.fetch("select 1")
    conn = await pg.connect(**options)
    conn.terminate()
    with pytest.raises(pg.ConnectionLost, match="terminated"):
        await conn.execute("select 1")
