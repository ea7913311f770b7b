"""The blocking drivers: one connection's, and a pool's, for the coroutines of :mod:`pgwire_py.client`."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import ssl
import threading
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from typing import Any, TypeVar, cast
from weakref import WeakSet

from .._impl import SocketIO
from ..client.core import Core
from ..client.driver import Address, Driver, Task
from ..client.errors import ConnectionLost, InterfaceError, PoolError, lost_by
from ..client.exchange import Exchange, RunExchange, one_at_a_time
from ..client.plan import Plan
from ..client.protocol import Wire
from ..errors import FrameError
from .tls import TLSIO
from .transport import Transport, by_handler
from .waiting import Expired, Future, Waits, deadlines, forget_others, left, run, unbounded

__all__ = ["BlockingDriver", "TLSUpgrade", "ThreadsDriver"]

T = TypeVar("T")

_log = logging.getLogger("pgwire_py.blocking")

TLSUpgrade = Callable[[ssl.MemoryBIO, ssl.MemoryBIO, str], ssl.SSLObject]
"""A user's own way to TLS: what comes, what is to be sent and the server name in; what encrypts between them out, before its handshake."""


class _Asking(Exchange):
    """In flight while :meth:`BlockingDriver.short` waits, one for all connections: it keeps nothing. The socket tells who waits."""

    error = property(lambda _: None, lambda _, error: None)
    done = property(lambda _: False, lambda _, done: None)

    def finish(self) -> None:
        pass


_ASKING = _Asking("", cast("Any", None))


class BlockingDriver(Waits):
    """One connection's: what waits reads its socket. One thread at a time."""

    def __init__(self) -> None:
        super().__init__()
        self._soon: list[tuple[Callable[..., object], tuple[Any, ...]]] = []
        self.lock = threading.RLock()
        self._transport: Transport | None = None

    def run(self, work: Awaitable[T]) -> T:
        """A coroutine to its end, when no other thread has one; then what was to be called soon.

        Raises:
            InterfaceError: a signal handler calls, which interrupted this thread's wait for the same connection.
        """
        coroutine: Any = work
        transport = self._transport
        if transport is not None and transport.waiting and _is_ours(self.lock):
            coroutine.close()
            raise one_at_a_time()
        with self.lock:
            begun = self._exchange()
            try:
                coroutine.send(None)
            except StopIteration as end:
                result: T = end.value
                return result
            except BaseException as error:
                # What is open since before, as a stream, stays so, unless it is no error of the client's.
                if not isinstance(error, Exception) or self._exchange() is not begun:
                    self._interrupted(error)
                raise
            finally:
                if self._soon:
                    self._call()
            coroutine.close()
        raise InterfaceError("the blocking client cannot wait for what needs an event loop")

    def short(
        self, core: Core, query: str, args: Sequence[object], limit: int, timeout: float | None
    ) -> list[Any] | None:
        """The rows of a statement known by name, without a coroutine, in one step of the socket's; None where there is more to do."""
        if timeout is not None or core.command_timeout is not None or deadlines:
            return None
        with self.lock:
            wire = core.wire
            transport: Transport = self._transport  # type: ignore[assignment]
            plan = core.last
            if plan is None or plan.query is not query or wire.drained is not None:
                plan = core.known(query)
                if plan is None:
                    return None
            if transport.waiting or wire.exchange is not None or wire.failure is not None:
                return None
            data = plan.ready[limit] if plan.ready and not args else plan.batch(args, limit)
            found: Any
            try:
                wire.exchange = _ASKING
                try:
                    transport.waiting = True
                    if transport.closed:
                        found = ConnectionLost("the connection is closed")
                    else:
                        found = transport.io.ask(data, wire.decoder, plan.decoder)
                except (OSError, FrameError) as error:
                    if by_handler(error):
                        raise
                    found = error
                finally:  # in these very lines: a signal handler could raise where a function begins
                    transport.waiting = False
                    if transport.closed:
                        transport.endpoint.close()
                if found.__class__ is tuple:  # the usual way
                    rows, tag, wire.status = found
                    wire.exchange = None
                    if plan.fields is None:
                        core.noticed(tag)
                    return rows  # type: ignore[no-any-return]
                return self.run(self._long(core, plan, found, args, limit))
            except BaseException as error:
                if wire.exchange is _ASKING and transport.io.asking and not transport.torn:
                    wire.exchange = exchange = RunExchange(plan, self.create_future())
                    core.abandon(exchange)
                elif wire.exchange is _ASKING:
                    self._interrupted(error)
                raise

    async def _long(self, core: Core, plan: Plan, found: Any, args: Sequence[object], limit: int) -> list[Any]:
        """What :meth:`short` has begun, where the answer is not the usual one."""
        wire, transport = core.wire, self._transport
        if wire.failure is not None:
            raise wire.lost()
        wire.exchange = exchange = RunExchange(plan, self.create_future())
        assert transport is not None
        exchange.written = transport.write
        transport.take(found)
        await core.wait(exchange)
        return (await core.finished(exchange, args, limit))[0]

    def _exchange(self) -> Any:
        """What is in flight, or being given up."""
        wire = self._transport and self._transport.get_protocol()
        return wire.drained or wire.exchange if isinstance(wire, Wire) else None

    def _interrupted(self, error: BaseException) -> None:
        """Of a signal between two lines of the client's, which did not tell what it had begun: the connection is closed."""
        wire = self._transport and self._transport.get_protocol()
        if isinstance(wire, Wire) and (wire.exchange is not None or wire.drained is not None):
            wire.drained = None
            if wire.exchange is _ASKING:
                wire.exchange = None
            wire.fail(lost_by("a signal interrupted the client between two steps", error))

    def dropped(self, inner: Any) -> None:
        """Close an async generator that nobody has any more: now, or behind what is done with the connection at the moment."""
        if not self.lock.acquire(blocking=False):
            self.call_soon(self._close, inner)
            return
        try:
            if self._transport is not None and self._transport.waiting:
                self.call_soon(self._close, inner)
            else:
                self._close(inner)
        finally:
            self.lock.release()

    def _close(self, inner: Any) -> None:
        self.run(inner.aclose())

    def forked(self) -> None:
        """In a child process: the connection is the parent's, of whose threads only this one is here."""
        self.lock = threading.RLock()
        self._soon.clear()
        transport = self._transport
        if transport is not None:
            error = ConnectionLost("the connection was opened in another process: each process connects by itself")
            wire = transport.get_protocol()
            if isinstance(wire, Wire) and wire.failure is None:
                wire.failure = error
            transport.disown(self.lock, error)

    def call_soon(self, callback: Callable[..., object], /, *args: Any) -> None:
        """Call it when the operation at hand has ended."""
        self._soon.append((callback, args))

    def _call(self) -> None:
        while self._soon:
            callback, args = self._soon.pop(0)
            try:
                callback(*args)
            except Exception:
                _log.exception("a callback failed")

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        with unbounded():
            run(work)

    async def in_thread(self, function: Callable[..., T], *args: Any) -> T:
        return function(*args)

    def fresh(self) -> Driver:
        return cast("Driver", BlockingDriver())

    def create_future(self) -> Any:
        return Future(self._pump)

    def _pump(self) -> None:
        transport = self._transport
        if transport is None or transport.is_closing():
            wire = transport and transport.get_protocol()
            raise wire.lost() if isinstance(wire, Wire) else ConnectionLost("the connection is closed")
        transport.pump()

    async def addresses(self, host: str, port: int) -> list[Any]:
        try:
            return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
        except OSError:
            pass
        # The resolver knows no deadline: it is left behind where it takes longer.
        found: list[Any] = []
        over = threading.Event()

        def look_up() -> None:
            try:
                found.append(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
            except BaseException as error:
                found.append(error)
            over.set()

        threading.Thread(target=look_up, daemon=True, name="pgwire_py look-up").start()
        if not over.wait(left()):
            raise Expired
        if isinstance(found[0], BaseException):
            raise found[0]
        addresses: list[Any] = found[0]
        return addresses

    async def open(self, protocol: asyncio.Protocol, address: Address) -> None:
        limit = left()
        try:
            if isinstance(address, str):
                endpoint = socket.socket(socket.AF_UNIX)
                try:
                    endpoint.settimeout(limit)
                    endpoint.connect(address)
                except BaseException:
                    endpoint.close()
                    raise
            else:
                endpoint = socket.create_connection(address[:2], limit)
                endpoint.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except TimeoutError:
            left()  # ours, or the system's
            raise
        self._transport = Transport(endpoint, SocketIO(endpoint), protocol, self.lock, {})
        _drivers.add(self)
        protocol.connection_made(self._transport)

    async def start_tls(
        self, transport: asyncio.Transport, protocol: asyncio.Protocol, context: ssl.SSLContext, name: str | None
    ) -> asyncio.Transport:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        return self._encrypted(protocol, incoming, outgoing, context.wrap_bio(incoming, outgoing, server_hostname=name))

    async def upgrade(
        self, upgrade: Any, transport: asyncio.Transport, protocol: asyncio.Protocol, name: str
    ) -> asyncio.Transport:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        return self._encrypted(protocol, incoming, outgoing, upgrade(incoming, outgoing, name))

    def _encrypted(
        self, protocol: asyncio.Protocol, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO, tls: ssl.SSLObject
    ) -> Transport:
        plain = self._transport
        assert plain is not None
        io = TLSIO(plain.io, incoming, outgoing, tls)
        io.handshake()
        self._transport = plain.replaced(io, protocol, {"ssl_object": tls})
        return self._transport


def _is_ours(lock: Any) -> bool:
    """Whether this thread has the lock already, as a signal handler finds it. The lock tells, as it tells threading.Condition: what is
    noted beside it could be wrong behind a signal."""
    found: bool = lock._is_owned()
    return found


class _Ticket(Future[T]):
    """A future of a pool: another thread brings its result."""

    __slots__ = ("_condition", "_driver")

    def __init__(self, driver: ThreadsDriver) -> None:
        self._condition = threading.Condition(driver.lock)
        self._driver = driver
        super().__init__(self._one)

    def _one(self) -> None:
        limit = left()
        self._driver.leaves()
        # Not for ever: a signal handler may bring the result just before.
        self._condition.wait(1.0 if limit is None else min(limit, 1.0))

    def set_result(self, result: T) -> None:
        super().set_result(result)
        self._condition.notify()

    def set_exception(self, error: BaseException) -> None:
        super().set_exception(error)
        self._condition.notify()


class _Worker:
    """A thread in the background."""

    def __init__(self) -> None:
        self.stopped = threading.Event()

    def cancel(self) -> None:
        self.stopped.set()


class ThreadsDriver(Waits):
    """A pool's: its coroutines have it to themselves, but for where they wait; so many threads can use it.

    Attributes:
        lock: is held by the thread whose coroutine runs.
    """

    def __init__(self) -> None:
        super().__init__()
        self.lock = threading.RLock()
        self._later: list[Callable[[], object]] = []
        self._workers = threading.local()
        _drivers.add(self)

    def run(self, work: Awaitable[T]) -> T:
        """A coroutine to its end.

        Raises:
            PoolError: a signal handler calls, which interrupted this thread in the pool.
        """
        if _is_ours(self.lock):
            coroutine: Any = work
            coroutine.close()
            raise PoolError("the pool is in use: a signal interrupted another operation on it")
        with self.lock:
            try:
                return run(work)
            finally:
                self.leaves()

    def leaves(self) -> None:
        """The thread that has the lock is about to wait, or ends: others may come."""
        while self._later:
            self._later.pop(0)()

    def forked(self) -> None:
        """In a child process: whoever had the pool to himself is not here."""
        self.lock = threading.RLock()
        self._later.clear()

    def call(self, function: Callable[[], T]) -> T:
        """A function that tells something of the pool, while no other thread changes it."""
        if _is_ours(self.lock):
            return function()
        with self.lock:
            try:
                return function()
            finally:
                self.leaves()

    def do(self, function: Callable[[], object]) -> None:
        """A function that changes the pool: now, or where a signal handler calls, as soon as what it interrupted waits or ends."""
        if _is_ours(self.lock):
            self._later.append(function)
        else:
            self.call(function)

    def fresh(self) -> Driver:
        return cast("Driver", BlockingDriver())

    def create_future(self) -> Any:
        return _Ticket(self)

    async def unstoppable(self, work: Coroutine[Any, Any, T]) -> T:
        with unbounded():
            return await work

    async def gather(self, works: Any) -> list[Any]:
        found: list[Any] = []
        for work in works:
            try:
                found.append(await work)
            except Exception as error:
                found.append(error)
        return found

    async def outside(self, work: Awaitable[T]) -> T:
        lock = self.lock
        self.leaves()
        lock.release()
        try:
            return await work
        finally:
            lock.acquire()

    async def sleep(self, seconds: float) -> None:
        worker: _Worker | None = getattr(self._workers, "current", None)
        limit = left()
        self.leaves()
        self.lock.release()
        try:
            over = worker.stopped if worker is not None else threading.Event()
            over.wait(seconds if limit is None else min(seconds, limit))
        finally:
            self.lock.acquire()
        if worker is not None and worker.stopped.is_set():
            raise asyncio.CancelledError
        left()

    def background(self, work: Callable[[], Coroutine[Any, Any, None]]) -> Task:
        worker = _Worker()

        def main() -> None:
            self._workers.current = worker
            with suppress(asyncio.CancelledError):
                self.run(work())

        threading.Thread(target=main, daemon=True, name="pgwire_py pool").start()
        return worker


_drivers: WeakSet[BlockingDriver | ThreadsDriver] = WeakSet()


def _forked() -> None:
    forget_others()
    for driver in tuple(_drivers):
        driver.forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
