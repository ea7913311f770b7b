"""What the client waits by: every true wait of its coroutines goes through a driver, so that one body serves asyncio and threads.

:class:`AsyncioDriver` is the event loop's. The blocking one (``blocking_driver``) has the same methods, which never suspend.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any, Protocol, TypeVar

from .errors import ConnectionLost

__all__ = ["Address", "AsyncioDriver", "Driver", "Loop", "PoolDriver", "TLSUpgrade", "Task", "Waiting"]

T = TypeVar("T")

TLSUpgrade = Callable[[asyncio.Transport, asyncio.Protocol, str], Awaitable[asyncio.Transport]]
"""A user's own way to TLS: transport, protocol and server name in, the encrypted transport of the same protocol out."""

Address = Any
"""The path of a Unix socket, or what ``getaddrinfo`` gave."""


class Loop(Protocol):
    """What makes futures and calls soon: an event loop, or its blocking counterpart."""

    def create_future(self) -> asyncio.Future[Any]: ...

    def call_soon(self, callback: Callable[..., object], /, *args: Any) -> Any: ...


class Task(Protocol):
    """Work in the background."""

    def cancel(self) -> object: ...


class Waiting(Protocol):
    """What connections and pools wait by alike.

    Attributes:
        loop: what makes the futures.
    """

    loop: Loop

    def time(self) -> float:
        """Seconds of a clock that only goes forward."""

    def fresh(self) -> Driver:
        """The driver of another connection."""

    async def within(self, work: Awaitable[T], timeout: float | None) -> T:
        """``work``; cancelled, and TimeoutError, when it takes more seconds than ``timeout``."""

    async def shield(self, future: asyncio.Future[T]) -> T:
        """Wait for a future that others wait for too."""

    async def sleep(self, seconds: float) -> None:
        """Let time go by."""


class Driver(Waiting, Protocol):
    """How one connection waits.

    Attributes:
        cancel_timeout: seconds for a CancelRequest.
        drain_timeout: seconds that a cancelled statement may take to end, before the connection is given up.
    """

    cancel_timeout: float
    drain_timeout: float

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Do it, where no one waits for it."""

    async def in_thread(self, function: Callable[..., T], *args: Any) -> T:
        """Call what may take its time."""

    async def addresses(self, host: str, port: int) -> list[Any]:
        """``getaddrinfo`` for a stream socket."""

    async def open(self, protocol: asyncio.Protocol, address: Address) -> None:
        """Connect ``protocol`` to an address."""

    async def start_tls(
        self, transport: asyncio.Transport, protocol: asyncio.Protocol, context: ssl.SSLContext, name: str | None
    ) -> asyncio.Transport:
        """TLS over a transport; the new one.

        Raises:
            ConnectionLost: the server closed the connection instead.
        """

    async def upgrade(
        self, upgrade: TLSUpgrade, transport: asyncio.Transport, protocol: asyncio.Protocol, name: str
    ) -> asyncio.Transport:
        """TLS in the user's own way."""


class PoolDriver(Waiting, Protocol):
    """How a pool waits."""

    async def unstoppable(self, work: Coroutine[Any, Any, T]) -> T:
        """``work``, which goes on when whoever waits for it is cancelled."""

    def background(self, work: Callable[[], Coroutine[Any, Any, None]]) -> Task:
        """Do it beside everything else until it is cancelled."""

    async def gather(self, works: Iterable[Coroutine[Any, Any, T]]) -> list[T | BaseException]:
        """All of it; what each gives, or raises."""

    async def outside(self, work: Awaitable[T]) -> T:
        """``work`` of a connection."""


class AsyncioDriver:
    """The running event loop's."""

    cancel_timeout = 10.0
    drain_timeout = 30.0

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.loop: Loop = self._loop
        self._tasks: set[asyncio.Task[Any]] = set()
        self.time = self._loop.time

    def fresh(self) -> Driver:
        return self

    async def within(self, work: Awaitable[T], timeout: float | None) -> T:
        return await work if timeout is None else await asyncio.wait_for(work, timeout)

    async def shield(self, future: asyncio.Future[T]) -> T:
        return await asyncio.shield(future)

    async def unstoppable(self, work: Coroutine[Any, Any, T]) -> T:
        return await asyncio.shield(self._task(work))

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        self._task(work)

    def background(self, work: Callable[[], Coroutine[Any, Any, None]]) -> Task:
        return self._task(work())

    def _task(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = self._loop.create_task(work)
        self._tasks.add(task)  # the loop itself does not keep it alive
        task.add_done_callback(self._tasks.discard)
        return task

    async def gather(self, works: Iterable[Coroutine[Any, Any, T]]) -> list[T | BaseException]:
        return await asyncio.gather(*works, return_exceptions=True)

    async def outside(self, work: Awaitable[T]) -> T:
        return await work

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def in_thread(self, function: Callable[..., T], *args: Any) -> T:
        return await self._loop.run_in_executor(None, function, *args)

    async def addresses(self, host: str, port: int) -> list[Any]:
        return await self._loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)

    async def open(self, protocol: asyncio.Protocol, address: Address) -> None:
        if isinstance(address, str):
            await self._loop.create_unix_connection(lambda: protocol, address)
        else:
            host, port = address[:2]
            await self._loop.create_connection(lambda: protocol, host, port)

    async def start_tls(
        self, transport: asyncio.Transport, protocol: asyncio.Protocol, context: ssl.SSLContext, name: str | None
    ) -> asyncio.Transport:
        made = await self._loop.start_tls(transport, protocol, context, server_hostname=name)
        if made is None:
            raise ConnectionLost("the server closed the connection during the TLS handshake")
        return made

    async def upgrade(
        self, upgrade: TLSUpgrade, transport: asyncio.Transport, protocol: asyncio.Protocol, name: str
    ) -> asyncio.Transport:
        return await upgrade(transport, protocol, name)
