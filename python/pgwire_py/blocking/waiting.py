"""Waiting without an event loop: futures whose ``await`` waits, deadlines of a thread, coroutines run to their end in one step."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Generator, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from ..client.errors import InterfaceError

__all__ = ["Expired", "Future", "Timeout", "Waits", "deadlines", "forget_others", "left", "run", "unbounded"]

T = TypeVar("T")


if TYPE_CHECKING or asyncio.TimeoutError is TimeoutError:
    Timeout = TimeoutError
else:  # Python 3.10 has two: whoever catches either gets it

    class Timeout(asyncio.TimeoutError, TimeoutError):
        """It took longer than asked for."""


class Expired(asyncio.CancelledError):
    """The thread's deadline has passed: what ``CancelledError`` is to a task. :func:`within` makes a TimeoutError of it."""


deadlines: dict[int, float] = {}
"""By the threads that have one, for as long as they do: while nobody has, that is told by a look."""


def left() -> float | None:
    """Seconds until the thread's deadline; None without one.

    Raises:
        Expired: it has passed.
    """
    at = deadlines.get(threading.get_ident()) if deadlines else None
    if at is None:
        return None
    seconds = at - time.monotonic()
    if seconds <= 0:
        raise Expired
    return seconds


def forget_others() -> None:
    """In a child process: of all threads only this one is here."""
    me = threading.get_ident()
    for thread in [thread for thread in deadlines if thread != me]:
        del deadlines[thread]


# What is to be undone is undone by a line in which no signal handler can raise: not behind a call, nor where a function begins.


async def within(work: Awaitable[T], timeout: float | None) -> T:
    """``work``, which must take no more seconds than ``timeout``, nor than is left of a timeout around it."""
    me = threading.get_ident()
    outer = deadlines.get(me)
    mine = None if timeout is None else time.monotonic() + timeout
    if mine is None or (outer is not None and outer <= mine):
        return await work
    try:
        deadlines[me] = mine
        return await work
    except Expired:
        raise Timeout from None
    finally:
        if outer is None:
            deadlines.pop(me, None)
        else:
            deadlines[me] = outer


@contextmanager
def unbounded() -> Iterator[None]:
    """What must be done whatever the deadline."""
    me = threading.get_ident()
    outer = deadlines.get(me)
    try:
        deadlines.pop(me, None)
        yield
    finally:
        if outer is not None:
            deadlines[me] = outer


def run(work: Awaitable[T]) -> T:
    """A coroutine, which waits by itself, to its end.

    Raises:
        InterfaceError: it awaits what needs an event loop.
    """
    coroutine: Any = work
    try:
        coroutine.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    coroutine.close()
    raise InterfaceError("the blocking client cannot wait for what needs an event loop")


class Future(Generic[T]):
    """A future: whoever awaits it does what brings its result.

    Args:
        wait: does something of it; called until there is a result.
    """

    __slots__ = ("_error", "_result", "_wait", "ended")

    def __init__(self, wait: Callable[[], object]) -> None:
        self._wait = wait
        self.ended = False
        self._result: Any = None
        self._error: BaseException | None = None

    def done(self) -> bool:
        return self.ended

    def cancelled(self) -> bool:
        return False

    def result(self) -> T:
        if self._error is not None:
            raise self._error
        result: T = self._result
        return result

    def exception(self) -> BaseException | None:
        return self._error

    def set_result(self, result: T) -> None:
        self._result = result
        self.ended = True

    def set_exception(self, error: BaseException) -> None:
        self._error = error
        self.ended = True

    def __await__(self) -> Generator[Any, None, T]:
        while not self.ended:
            self._wait()
        if self._error is not None:
            raise self._error
        result: T = self._result
        return result
        yield


class Waits:
    """What the drivers of connections and of pools have in common."""

    cancel_timeout = 5.0
    drain_timeout = 10.0

    def __init__(self) -> None:
        self.loop: Any = self
        self.time = time.monotonic

    async def within(self, work: Awaitable[T], timeout: float | None) -> T:
        return await within(work, timeout)

    async def shield(self, future: Awaitable[T]) -> T:
        return await future

    async def sleep(self, seconds: float) -> None:
        limit = left()
        time.sleep(seconds if limit is None else min(seconds, limit))  # noqa: ASYNC251 - what it is for
        left()
