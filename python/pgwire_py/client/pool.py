"""A pool of connections: first come, first served; every connection is as new when it is handed out."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import Awaitable, Callable, Generator, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Any

from ..errors import PgWireError
from .connection import Connection, connect
from .driver import AsyncioDriver, PoolDriver, Task
from .errors import PoolError

if TYPE_CHECKING:
    from .._impl import ArrowTable

__all__ = ["Pool", "PoolStats", "create_pool"]


@dataclass(frozen=True)
class PoolStats:
    """Numbers of a pool: connections by state, waiters, and totals since it was made."""

    size: int
    idle: int
    in_use: int
    waiting: int
    opened: int
    closed: int
    acquired: int


class _Holder:
    """A connection of a pool."""

    __slots__ = ("connection", "idle_since", "queries", "since")

    def __init__(self, connection: Connection, now: float) -> None:
        self.connection = connection
        self.since = now
        self.idle_since = now
        self.queries = 0


def create_pool(
    dsn: str | None = None,
    *,
    min_size: int = 1,
    max_size: int = 10,
    max_queries: int = 50_000,
    max_lifetime: float | None = 3600.0,
    max_inactive_connection_lifetime: float = 300.0,
    check_after: float = 30.0,
    setup: Callable[[Connection], Awaitable[Any]] | None = None,
    init: Callable[[Connection], Awaitable[Any]] | None = None,
    reset: Callable[[Connection], Awaitable[Any]] | None = None,
    _driver: Callable[[], PoolDriver] = AsyncioDriver,
    **connect_options: Any,
) -> Pool:
    """A pool, for ``async with create_pool(…) as pool`` or ``pool = await create_pool(…)``.

    Args:
        dsn: as for :func:`connect`.
        min_size: connections that are opened at the start and kept.
        max_size: most connections.
        max_queries: a connection is replaced when it was handed out this often; 0 is no limit.
        max_lifetime: seconds after which a connection is replaced; None is no limit.
        max_inactive_connection_lifetime: seconds after which an idle connection above ``min_size`` is closed; 0 is no limit.
        check_after: a connection idle for more seconds is asked whether it lives before it is handed out.
        setup: called with a connection each time before it is handed out.
        init: called with a new connection.
        reset: called with a connection that comes back, instead of :meth:`Connection.reset`.
        **connect_options: as for :func:`connect`.
    """
    if not 0 <= min_size <= max_size or max_size < 1:
        raise ValueError("0 <= min_size <= max_size and 1 <= max_size")

    async def opener() -> Connection:
        return await connect(dsn, _driver=pool._driver.fresh(), **connect_options)

    limits = _Limits(min_size, max_size, max_queries, max_lifetime, max_inactive_connection_lifetime, check_after)
    pool = Pool(_driver, opener, limits, setup, init, reset)
    return pool


@dataclass(frozen=True)
class _Limits:
    min_size: int
    max_size: int
    max_queries: int
    max_lifetime: float | None
    max_idle: float
    check_after: float


class Pool:
    """Connections that are lent. Made by :func:`create_pool`."""

    def __init__(
        self,
        driver: Callable[[], PoolDriver],
        opener: Callable[[], Awaitable[Connection]],
        limits: _Limits,
        setup: Callable[[Connection], Awaitable[Any]] | None,
        init: Callable[[Connection], Awaitable[Any]] | None,
        reset: Callable[[Connection], Awaitable[Any]] | None,
    ) -> None:
        self._new_driver = driver
        self._opener = opener
        self._limits = limits
        self._setup = setup
        self._init = init
        self._reset = reset
        self._idle: deque[_Holder] = deque()
        self._used: dict[Connection, _Holder] = {}
        self._waiters: deque[asyncio.Future[_Holder | None]] = deque()
        self._size = 0  # connections, those being opened too
        self._opened = self._closed_count = self._acquired = 0
        self._state = "new"
        self._loop: asyncio.AbstractEventLoop | None = None
        self._keeper: Task | None = None
        self._process: int | None = None

    @cached_property
    def _driver(self) -> PoolDriver:
        """What the pool waits by: of the event loop that it is first used on."""
        return self._new_driver()

    # -- life --------------------------------------------------------------------------------------------------------

    async def open(self) -> Pool:
        """Open ``min_size`` connections."""
        if self._state != "new":
            raise PoolError(f"the pool is {self._state}")
        self._state = "open"
        self._process = os.getpid()
        if isinstance(self._driver, AsyncioDriver):
            self._loop = asyncio.get_running_loop()
        try:
            self._size += self._limits.min_size
            made = await self._driver.gather(self._new() for _ in range(self._limits.min_size))
            failures = [one for one in made if isinstance(one, BaseException)]
            self._idle.extend(one for one in made if isinstance(one, _Holder))
            if failures:
                raise failures[0]
        except BaseException:
            self.terminate()
            raise
        self._keeper = self._driver.background(self._keep)
        return self

    async def close(self, *, timeout: float | None = None) -> None:
        """Wait until every connection is back, and close them; those that wait for one are turned away."""
        if self._state == "closed" or self._inherited:
            return
        self._check_loop()
        self._state = "closing"
        self._stop_keeper()
        self._turn_away()
        await self._driver.within(self._close(), timeout)

    async def _close(self) -> None:
        while self._idle or self._used or self._size:
            while self._idle:
                await self._discard(self._idle.popleft())
            if self._used or self._size:
                await self._driver.sleep(0.01)
        self._state = "closed"

    def terminate(self) -> None:
        """Close every connection at once."""
        if self._inherited:
            return
        self._check_loop()
        self._state = "closed"
        self._stop_keeper()
        self._turn_away()
        for holder in (*self._idle, *self._used.values()):
            holder.connection.terminate()
            self._size -= 1
        self._idle.clear()
        self._used.clear()

    def _check_loop(self) -> None:
        """A pool of asyncio's and its connections are used on the event loop that it was opened on."""
        if self._loop is not None and asyncio._get_running_loop() is not self._loop:
            raise PoolError("the pool belongs to another event loop: each loop has pools of its own")

    @property
    def _inherited(self) -> bool:
        """Whether this is a child of the process that opened the pool: its connections are not for this one."""
        return self._process is not None and self._process != os.getpid()

    def _stop_keeper(self) -> None:
        if self._keeper is not None:
            self._keeper.cancel()
            self._keeper = None

    def _turn_away(self) -> None:
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_exception(PoolError("the pool is closed"))

    def __await__(self) -> Generator[Any, None, Pool]:
        return self.open().__await__()

    async def __aenter__(self) -> Pool:
        return await self.open() if self._state == "new" else self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    # -- lending -----------------------------------------------------------------------------------------------------

    def acquire(self, *, timeout: float | None = None) -> Lease:
        """A connection: ``async with pool.acquire() as connection``, or await it and :meth:`release` it."""
        return Lease(self, timeout)

    async def _acquire(self) -> Connection:
        if self._inherited:
            raise PoolError("the pool was opened in another process: each process has pools of its own")
        self._check_loop()
        if self._state != "open":
            raise PoolError(f"the pool is {self._state}")
        while True:
            holder = await self._next()
            try:
                if not await self._alive(holder):
                    await self._discard(holder)
                    continue
                if self._setup is not None:
                    await self._driver.outside(self._setup(holder.connection))
            except BaseException:
                holder.connection.terminate()
                await self._discard(holder)
                raise
            holder.queries += 1
            self._acquired += 1
            self._used[holder.connection] = holder
            return holder.connection

    async def _next(self) -> _Holder:
        """An idle connection, a new one, or the first that comes back behind all who wait already."""
        if not self._waiters:
            if self._idle:
                return self._idle.pop()
            if self._size < self._limits.max_size:
                self._size += 1
                return await self._new()
        waiter: asyncio.Future[_Holder | None] = self._driver.loop.create_future()
        self._waiters.append(waiter)
        try:
            holder = await waiter
        except BaseException:
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                self._pass_on(waiter.result())
            elif waiter in self._waiters:
                self._waiters.remove(waiter)
            raise
        return await self._new() if holder is None else holder

    async def _new(self) -> _Holder:
        """A new connection; its place is counted already."""
        try:
            connection = await self._driver.outside(self._opener())
            try:
                if self._init is not None:
                    await self._driver.outside(self._init(connection))
            except BaseException:
                connection.terminate()
                raise
        except BaseException:
            self._free_place()
            raise
        self._opened += 1
        return _Holder(connection, self._driver.time())

    def _free_place(self) -> None:
        """There is room for one connection more: who waits longest may open it."""
        self._size -= 1
        self._pass_place()

    def _pass_place(self) -> None:
        while self._waiters and self._size < self._limits.max_size:
            waiter = self._waiters.popleft()
            if not waiter.done():
                self._size += 1
                waiter.set_result(None)
                return

    def _pass_on(self, holder: _Holder | None) -> None:
        """To who waits longest; a place instead of a connection where it is None."""
        if holder is None:
            self._free_place()
            return
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(holder)
                return
        holder.idle_since = self._driver.time()
        self._idle.append(holder)

    async def _alive(self, holder: _Holder) -> bool:
        if holder.connection.is_closed():
            return False
        if self._driver.time() - holder.idle_since < self._limits.check_after:
            return True
        try:
            await self._driver.outside(holder.connection.execute("", timeout=10))
        except (PgWireError, OSError, asyncio.TimeoutError):
            return False
        return True

    async def release(self, connection: Connection, *, timeout: float | None = None) -> None:
        """Give a connection back; it is reset, or closed where that fails. Cancelling this does not stop it."""
        if self._inherited:
            return
        self._check_loop()
        holder = self._used.pop(connection, None)
        if holder is None:
            raise PoolError("the connection is not one that this pool has lent")
        await self._driver.unstoppable(self._take_back(holder, timeout))

    async def _take_back(self, holder: _Holder, timeout: float | None) -> None:
        connection, limits = holder.connection, self._limits
        now = self._driver.time()
        worn = (limits.max_queries and holder.queries >= limits.max_queries) or (
            limits.max_lifetime is not None and now - holder.since >= limits.max_lifetime
        )
        if worn or connection.is_closed() or self._state != "open":
            await self._discard(holder)
            return
        try:
            if self._reset is None:
                await self._driver.outside(connection.reset(timeout=timeout))
            else:
                await self._driver.within(self._driver.outside(self._reset(connection)), timeout)
        except Exception:
            connection.terminate()
            await self._discard(holder)
            return
        except BaseException:
            connection.terminate()
            self._free_place()
            raise
        if self._state == "closed":  # meanwhile
            await self._discard(holder)
        else:
            self._pass_on(holder)

    async def _discard(self, holder: _Holder) -> None:
        try:
            await self._driver.outside(holder.connection.close(timeout=5))
        except (PgWireError, OSError, asyncio.TimeoutError):
            holder.connection.terminate()
        finally:
            self._closed_count += 1
            self._free_place()

    async def _keep(self) -> None:
        """Close what is idle for too long."""
        limits = self._limits
        while limits.max_idle or limits.max_lifetime is not None:
            shortest = min(filter(None, (limits.max_idle, limits.max_lifetime)))
            await self._driver.sleep(max(shortest / 4, 0.05))
            now = self._driver.time()
            for holder in tuple(self._idle):
                idle = limits.max_idle and now - holder.idle_since >= limits.max_idle
                old = limits.max_lifetime is not None and now - holder.since >= limits.max_lifetime
                if holder in self._idle and (old or (idle and self._size > limits.min_size)):
                    self._idle.remove(holder)
                    await self._discard(holder)

    # -- numbers and short cuts --------------------------------------------------------------------------------------

    def stats(self) -> PoolStats:
        """How the pool is doing."""
        return PoolStats(
            self._size, len(self._idle), len(self._used), len(self._waiters),
            self._opened, self._closed_count, self._acquired,
        )  # fmt: skip

    def get_size(self) -> int:
        """Connections, those being opened too."""
        return self._size

    def get_idle_size(self) -> int:
        """Connections that nobody uses."""
        return len(self._idle)

    def get_min_size(self) -> int:
        """As given."""
        return self._limits.min_size

    def get_max_size(self) -> int:
        """As given."""
        return self._limits.max_size

    async def fetch(self, query: str, *args: object, timeout: float | None = None) -> list[Any]:
        """:meth:`Connection.fetch` on any connection."""
        async with self.acquire() as connection:
            return await connection.fetch(query, *args, timeout=timeout)

    async def fetchrow(self, query: str, *args: object, timeout: float | None = None) -> Any:
        """:meth:`Connection.fetchrow` on any connection."""
        async with self.acquire() as connection:
            return await connection.fetchrow(query, *args, timeout=timeout)

    async def fetchval(self, query: str, *args: object, column: int | str = 0, timeout: float | None = None) -> Any:
        """:meth:`Connection.fetchval` on any connection."""
        async with self.acquire() as connection:
            return await connection.fetchval(query, *args, column=column, timeout=timeout)

    async def fetch_arrow(
        self,
        query: str,
        *args: object,
        max_rows: int = 65_536,
        max_bytes: int = 16_777_216,
        timeout: float | None = None,
    ) -> ArrowTable:
        """:meth:`Connection.fetch_arrow` on any connection."""
        async with self.acquire() as connection:
            return await connection.fetch_arrow(query, *args, max_rows=max_rows, max_bytes=max_bytes, timeout=timeout)

    async def write_arrow(
        self,
        table_name: str,
        source: object,
        *,
        columns: Sequence[str] | None = None,
        schema_name: str | None = None,
        timeout: float | None = None,
    ) -> int:
        """:meth:`Connection.write_arrow` on any connection."""
        async with self.acquire() as connection:
            return await connection.write_arrow(
                table_name, source, columns=columns, schema_name=schema_name, timeout=timeout
            )

    async def execute(self, query: str, *args: object, timeout: float | None = None) -> str:
        """:meth:`Connection.execute` on any connection."""
        async with self.acquire() as connection:
            return await connection.execute(query, *args, timeout=timeout)

    async def executemany(
        self, command: str, args: Sequence[Sequence[object]], *, timeout: float | None = None
    ) -> None:
        """:meth:`Connection.executemany` on any connection."""
        async with self.acquire() as connection:
            await connection.executemany(command, args, timeout=timeout)


class Lease:
    """A connection that is asked for."""

    __slots__ = ("_connection", "_pool", "_timeout")

    def __init__(self, pool: Pool, timeout: float | None) -> None:
        self._pool = pool
        self._timeout = timeout
        self._connection: Connection | None = None

    def __await__(self) -> Generator[Any, None, Connection]:
        return self._get().__await__()

    async def _get(self) -> Connection:
        return await self._pool._driver.within(self._pool._acquire(), self._timeout)

    async def __aenter__(self) -> Connection:
        self._connection = await self._get()
        return self._connection

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        connection, self._connection = self._connection, None
        assert connection is not None
        await self._pool.release(connection)
