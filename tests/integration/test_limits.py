"""Limits and rough treatment, against a server in this process: what it refuses, what it survives, what it leaves behind."""

from __future__ import annotations

import asyncio
import gc
import os
import socket
import struct
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress

import psutil
import pytest

import pgwire_py as pg
from tests.support.raw import SYNC, RawClient, bind, execute, parse, query, startup
from tests.support.targets import Target

WORDS = [pg.Column("word", pg.TEXT)]
LOGIN = startup({"user": "tester", "database": "test"})


@asynccontextmanager
async def running(function: Callable[..., object], **options: object) -> AsyncIterator[pg.Server]:
    server = pg.Server(function, host="127.0.0.1", port=0, **options)  # type: ignore[arg-type]
    await server.start()
    try:
        yield server
    finally:
        await server.close(timeout=1.0)


async def hello(query: pg.Query) -> pg.Result:
    return pg.Result(columns=WORDS, rows=[("hello",)])


def logged_in(server: pg.Server) -> RawClient:
    client = RawClient("127.0.0.1", server.port)
    client.login("tester", "test")
    return client


def reset(client: RawClient) -> None:
    """Vanish: the kernel sends RST instead of a proper end."""
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.socket.close()


async def eventually(condition: Callable[[], bool]) -> None:
    """Wait until it holds; fails after a minute."""
    for _ in range(1200):
        if condition():
            return
        await asyncio.sleep(0.05)
    raise AssertionError("did not come true within a minute")


# Start-up


@pytest.mark.parametrize("first", [b"", LOGIN[:3], LOGIN[:-1]], ids=["nothing", "half a length", "all but a byte"])
async def test_startup_deadline(first: bytes) -> None:
    async with running(hello, startup_timeout=0.3) as server:

        def silent() -> bytes:
            with RawClient("127.0.0.1", server.port) as client:
                client.send(first)
                return client.socket.recv(100)

        def others() -> list[str]:
            with logged_in(server) as client:
                return client.exchange(query("x"))

        waiting = asyncio.ensure_future(asyncio.to_thread(silent))
        assert (await asyncio.to_thread(others))[1] == "D hello"
        answer = await waiting
        assert answer == b"" or answer.startswith(b"E")


async def test_startup_deadline_does_not_end_sessions() -> None:
    async with running(hello, startup_timeout=0.2) as server:
        client = await asyncio.to_thread(logged_in, server)
        with client:
            await asyncio.sleep(0.6)
            assert (await asyncio.to_thread(client.exchange, query("x")))[1] == "D hello"


async def test_max_connections() -> None:
    async with running(hello, max_connections=2) as server:
        first, second = [await asyncio.to_thread(logged_in, server) for _ in range(2)]

        def refused() -> list[str]:
            with RawClient("127.0.0.1", server.port) as client:
                client.send(LOGIN)
                return client.to_end()

        with first, second:
            assert await asyncio.to_thread(refused) == ["E 53300 FATAL"]
            assert (await asyncio.to_thread(first.exchange, query("x")))[1] == "D hello"
            first.socket.close()
            await eventually(lambda: len(server.sessions) == 1)
            third = await asyncio.to_thread(logged_in, server)
            with third:
                assert (await asyncio.to_thread(third.exchange, query("x")))[1] == "D hello"


async def test_silent_connections_do_not_fill_the_server() -> None:
    async with running(hello, max_connections=2) as server:
        silent = [await asyncio.to_thread(RawClient, "127.0.0.1", server.port) for _ in range(20)]
        with await asyncio.to_thread(logged_in, server) as client:
            assert (await asyncio.to_thread(client.exchange, query("x")))[1] == "D hello"
        for one in silent:
            one.socket.close()


# Slow and vanishing clients


class Flood:
    """Endless rows of 1,000 bytes; counts what was asked for, and whether the generator was closed."""

    def __init__(self, limit: int | None = None) -> None:
        self.limit = limit
        self.made = 0
        self.closed = 0

    def rows(self) -> Iterator[tuple[str]]:
        try:
            while self.limit is None or self.made < self.limit:
                self.made += 1
                yield ("x" * 1000,)
        finally:
            self.closed += 1

    async def __call__(self, query: pg.Query) -> pg.Result:
        return pg.Result(columns=WORDS, rows=[] if query.describing else self.rows())

    def blocking(self, query: pg.Query) -> pg.Result:
        """As a plain function: runs on the session's thread."""
        return pg.Result(columns=WORDS, rows=[] if query.describing else self.rows())


async def settled(flood: Flood) -> int:
    """How many rows were made when no more are."""
    before = -1
    while before != flood.made or not flood.made:
        before = flood.made
        await asyncio.sleep(0.3)
    return before


@pytest.mark.parametrize("blocking", [False, True])
async def test_slow_reader_stops_the_producer(blocking: bool) -> None:
    flood = Flood(100_000)
    async with running(flood.blocking if blocking else flood) as server:
        with await asyncio.to_thread(logged_in, server) as client:
            client.send(query("flood"))
            assert await settled(flood) * 1000 < 32_000_000
            answers = await asyncio.to_thread(client.until_ready)
            assert [a.tag for a in answers].count("D") == 100_000
            assert str(answers[-2]) == "C SELECT 100000"


@pytest.mark.parametrize("blocking", [False, True])
async def test_client_that_vanishes_in_a_result(blocking: bool) -> None:
    flood = Flood()
    async with running(flood.blocking if blocking else flood) as server:
        client = await asyncio.to_thread(logged_in, server)
        client.send(query("flood"))
        await eventually(lambda: flood.made > 0)
        reset(client)
        await eventually(lambda: not server.sessions and flood.closed == 1)


async def test_fast_sender_is_paused() -> None:
    """Queries are not taken in without bound while nobody reads the answers."""
    flood = Flood()
    async with running(flood) as server:
        with await asyncio.to_thread(logged_in, server) as client:
            part = query("flood") * 50_000
            client.socket.settimeout(1.0)
            sent = 0

            def push() -> None:
                nonlocal sent
                with suppress(TimeoutError):
                    while sent < 100_000_000:
                        sent += client.socket.send(part)

            await asyncio.to_thread(push)
            assert sent < 100_000_000


# Closing


async def test_close_ends_idle_sessions_with_57p01() -> None:
    async with running(hello) as server:
        with await asyncio.to_thread(logged_in, server) as client:
            closing = asyncio.ensure_future(server.close(timeout=5.0))
            assert await asyncio.to_thread(client.to_end) == ["E 57P01 FATAL"]
            await closing
        with pytest.raises(ConnectionRefusedError):
            RawClient("127.0.0.1", server.port)


async def test_close_lets_running_queries_end() -> None:
    started, release = asyncio.Event(), asyncio.Event()

    async def slow(query: pg.Query) -> pg.Result:
        if not query.describing:
            started.set()
            await release.wait()
        return pg.Result(columns=WORDS, rows=[("done",)])

    async with running(slow) as server:
        with await asyncio.to_thread(logged_in, server) as client:
            client.send(query("slow"))
            await started.wait()
            closing = asyncio.ensure_future(server.close(timeout=60.0))
            await asyncio.sleep(0.1)
            release.set()
            answers = await asyncio.to_thread(client.to_end)
            assert answers[:3] == ["T", "D done", "C SELECT 1"]
            assert answers[-1] == "E 57P01 FATAL"
            await closing


async def test_close_interrupts_what_does_not_end() -> None:
    started = asyncio.Event()

    async def stuck(query: pg.Query) -> pg.Result:
        started.set()
        await asyncio.sleep(3600)
        return pg.Result()

    async with running(stuck) as server:
        with await asyncio.to_thread(logged_in, server) as client:
            client.send(query("stuck"))
            await started.wait()
            closing = asyncio.ensure_future(server.close(timeout=0.2))
            answers = await asyncio.to_thread(client.to_end)
            assert answers[-1] == "E 57P01 FATAL"
            await closing
        assert not server.sessions


# A thousand sessions that end badly


def _raises(server: pg.Server) -> None:
    with logged_in(server) as client:
        assert client.exchange(query("raise"))[-2:] == ["E XX000", "Z I"]


def _vanishes_in_a_result(server: pg.Server) -> None:
    client = logged_in(server)
    client.send(query("flood"))
    client.socket.recv(1000)
    reset(client)


def _vanishes_in_a_transaction(server: pg.Server) -> None:
    client = logged_in(server)
    assert client.exchange(query("begin"))[-1] == "Z T"
    client.exchange(parse("hello", "s"), bind(portal="p", statement="s"), execute("p", 1), SYNC)
    reset(client)


def _vanishes_in_start_up(server: pg.Server) -> None:
    client = RawClient("127.0.0.1", server.port)
    client.send(LOGIN[:9])
    reset(client)


def _sends_nonsense(server: pg.Server) -> None:
    with logged_in(server) as client:
        client.send(b"\xff" * 100)
        assert client.to_end() == ["E 08P01 FATAL"]


BAD_SESSIONS = (_raises, _vanishes_in_a_result, _vanishes_in_a_transaction, _vanishes_in_start_up, _sends_nonsense)


@pytest.mark.parametrize("blocking", [False, True])
async def test_a_thousand_bad_sessions_leave_nothing(blocking: bool, caplog: pytest.LogCaptureFixture) -> None:
    def answer(query: pg.Query) -> pg.Result:
        if not query.describing and query.sql == "raise":
            raise ValueError("a bug in the handler")
        return pg.Result(columns=WORDS, rows=Flood().rows() if query.sql == "flood" else [("hello",)])

    async def answer_on_loop(query: pg.Query) -> pg.Result:
        return answer(query)

    def work(count: int) -> None:
        for i in range(count):
            BAD_SESSIONS[i % len(BAD_SESSIONS)](server)

    caplog.set_level("CRITICAL")  # a thousand tracebacks of "a bug in the handler"
    async with running(answer if blocking else answer_on_loop, max_connections=1000) as server:
        workers = [asyncio.to_thread(work, 10) for _ in range(4)]  # what is made once is made now
        await asyncio.gather(*workers)
        await eventually(lambda: not server.sessions)
        await asyncio.sleep(0.2)
        before = _held()
        await asyncio.gather(*(asyncio.to_thread(work, 250) for _ in range(4)))
        await eventually(lambda: not server.sessions)
        await eventually(lambda: all(now <= then for now, then in zip(_held(), before, strict=True)))
        with await asyncio.to_thread(logged_in, server) as client:
            assert (await asyncio.to_thread(client.exchange, query("x")))[1] == "D hello"


def _held() -> tuple[int, int, int]:
    """Tasks, threads and file descriptors of this process."""
    gc.collect()
    return len(asyncio.all_tasks()), threading.active_count(), psutil.Process(os.getpid()).num_fds()


def test_engine_sessions_leave_nothing(our_target: Target, table: str) -> None:
    """The same for the engines, seen from outside: threads and file descriptors of the server's process.

    SQLite keeps a closed database's descriptor for its next open while others of the process hold locks on the file (its
    ``os_unix.c``), so descriptors may differ by a few; a leak by any of the three kinds of session would be 60.
    """
    process = psutil.Process(our_target.process_id)
    with our_target.raw() as client:
        client.exchange(query(f"create table {table} (n int4)"))
    endless = "with recursive n(i) as (select 1 union all select i + 1 from n) select i from n"

    def misuse(count: int) -> None:
        for i in range(count):
            client = our_target.raw()
            if i % 3 == 0:
                client.exchange(
                    query(f"begin; insert into {table} values (1)"), query("select * from missing"), ready=2
                )
            elif i % 3 == 1:
                client.send(query(endless))
                client.socket.settimeout(5)
                with suppress(TimeoutError):
                    client.socket.recv(1000)
            else:
                client.send(parse("values (1), (2)"), bind(portal="p"), execute("p", 1))
            reset(client)

    async def quiet(limit: tuple[int, int] | None) -> tuple[int, int]:
        def held() -> tuple[int, int]:
            return process.num_threads(), process.num_fds()

        if limit is None:
            await asyncio.sleep(1)
        else:
            await eventually(lambda: all(now <= then for now, then in zip(held(), limit, strict=True)))
        return held()

    misuse(9)
    before = asyncio.run(quiet(None))
    misuse(180)
    asyncio.run(quiet((before[0], before[1] + 30)))
    with our_target.raw() as client:
        assert client.exchange(query(f"select count(*) from {table}"))[1] == "D 0"
