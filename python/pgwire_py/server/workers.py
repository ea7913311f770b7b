"""A thread for each session whose engine blocks."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, TypeVar

__all__ = ["Worker"]

T = TypeVar("T")
_Job = tuple["asyncio.Future[Any]", Callable[..., Any], tuple[Any, ...]]


class Worker:
    """One daemon thread that runs calls in the order given. The thread starts with the first call.

    Attributes:
        pending: calls that have not ended, as far as the loop knows.

    Args:
        loop: where results are delivered.
        session: the session's process ID.
    """

    __slots__ = ("_loop", "_queue", "_session", "_thread", "pending")

    _queue: SimpleQueue[_Job | None]

    def __init__(self, loop: asyncio.AbstractEventLoop, session: int) -> None:
        self._loop = loop
        self._session = session
        self._thread: threading.Thread | None = None
        self.pending = 0

    def call(self, function: Callable[..., T], *args: Any) -> asyncio.Future[T]:
        """Run ``function(*args)`` on the thread; the future has its result or exception."""
        if self._thread is None:
            self._queue = SimpleQueue()
            self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)
            self._thread.start()
        future: asyncio.Future[T] = self._loop.create_future()
        self.pending += 1
        self._queue.put((future, function, args))
        return future

    @property
    def name(self) -> str:
        """The thread's name."""
        return f"pgwire-session-{self._session}"

    @property
    def started(self) -> bool:
        """Whether the thread exists."""
        return self._thread is not None

    def close(self) -> None:
        """Let the thread end after the calls already queued."""
        if self._thread is not None:
            self._queue.put(None)

    def _run(self) -> None:
        while (job := self._queue.get()) is not None:
            future, function, args = job
            result: Any = None
            error: BaseException | None = None
            try:
                result = function(*args)
            except BaseException as raised:  # delivered to whoever waits; what a future or a loop cannot carry, as text
                error = raised if isinstance(raised, Exception) and not isinstance(raised, StopIteration) else None
                error = error or RuntimeError(f"{type(raised).__name__}: {raised}")
            try:
                self._loop.call_soon_threadsafe(self._deliver, future, result, error)
            except RuntimeError:  # the loop is closed: nobody waits any more
                return
            del job, future, function, args, result, error

    def _deliver(self, future: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
        self.pending -= 1
        if future.done():
            return
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)
