"""LISTEN and NOTIFY: callbacks, and async iterators over a bounded queue."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple

from .. import messages as m
from ..sql import quoted
from .errors import InterfaceError

if TYPE_CHECKING:
    from .connection import Connection

__all__ = ["Listeners", "Notification", "Notifications"]


class Notification(NamedTuple):
    """What NOTIFY sent: the backend's process id, the channel, the payload."""

    process_id: int
    channel: str
    payload: str


Callback = Callable[[Any, int, str, str], object]


class Listeners:
    """Who wants to know of which channel."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._callbacks: dict[str, list[Callback | Notifications]] = {}
        self._iterators: list[Notifications] = []

    async def add(self, channel: str, callback: Callback | Notifications) -> None:
        """LISTEN where nobody does yet."""
        first = channel not in self._callbacks
        self._callbacks.setdefault(channel, []).append(callback)
        if first:
            try:
                await self._connection.execute(f"listen {quoted(channel)}")
            except BaseException:
                self._callbacks.pop(channel, None)
                raise

    async def remove(self, channel: str, callback: Callback | Notifications) -> None:
        """UNLISTEN where nobody does any more."""
        callbacks = self._callbacks.get(channel, [])
        if callback in callbacks:
            callbacks.remove(callback)
            if not callbacks:
                del self._callbacks[channel]
                if not self._connection.is_closed():
                    await self._connection.execute(f"unlisten {quoted(channel)}")

    def clear(self) -> None:
        """Nobody listens any more."""
        self._callbacks.clear()

    def received(self, message: m.NotificationResponse) -> None:
        """Tell everybody."""
        loop = self._connection._core.loop
        found = Notification(message.process_id, message.channel, message.payload)
        for callback in tuple(self._callbacks.get(message.channel, ())):
            if isinstance(callback, Notifications):
                callback.received(found)
            else:
                loop.call_soon(callback, self._connection._facade, *found)

    def closed(self) -> None:
        """The connection is closed: iterations end."""
        for iterator in tuple(self._iterators):
            iterator.end()


class Notifications:
    """Notifications of some channels, one by one; made by :meth:`Connection.notifications`."""

    def __init__(self, connection: Connection, channels: tuple[str, ...], maximum: int, timeout: float | None) -> None:
        if not channels or maximum < 1:
            raise ValueError("at least one channel, and room for one notification")
        self._connection = connection
        self._channels = channels
        self._maximum = maximum
        self._timeout = timeout
        self._queue: deque[Notification] = deque()
        self._waiters: list[asyncio.Future[None]] = []
        self._overrun = False
        self._ended = False

    def received(self, notification: Notification) -> None:
        """One for this iterator."""
        if len(self._queue) < self._maximum:
            self._queue.append(notification)
        else:
            self._overrun = True
        self._wake()

    def end(self) -> None:
        """No more will come."""
        self._ended = True
        self._wake()

    def _wake(self) -> None:
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)

    async def __aenter__(self) -> Notifications:
        listeners = self._connection._listeners
        for channel in self._channels:
            await listeners.add(channel, self)
        listeners._iterators.append(self)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        listeners = self._connection._listeners
        if self in listeners._iterators:
            listeners._iterators.remove(self)
        for channel in self._channels:
            await listeners.remove(channel, self)

    def __aiter__(self) -> Notifications:
        return self

    async def __anext__(self) -> Notification:
        try:
            return await self.get(timeout=self._timeout)
        except asyncio.TimeoutError:
            raise StopAsyncIteration from None

    async def get(self, *, timeout: float | None = None) -> Notification:
        """The next one.

        Args:
            timeout: in seconds; None is no limit.

        Raises:
            TimeoutError: none came in time.
            InterfaceError: more came than may wait: some are lost.
            ConnectionLost: the connection is closed.
        """
        while not self._queue:  # another task may have taken what woke this one
            await self._connection._core.driver.within(self._some(), timeout)
        return self._queue.popleft()

    async def _some(self) -> None:
        while not self._queue:
            if self._overrun:
                raise InterfaceError(f"more than {self._maximum} notifications waited: some are lost")
            if self._ended:
                raise self._connection._core.wire.lost()
            waiter = self._connection._core.loop.create_future()
            self._waiters.append(waiter)
            try:
                await waiter
            finally:
                self._waiters.remove(waiter)
