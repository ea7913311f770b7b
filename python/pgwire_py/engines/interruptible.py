"""Calls of engines that cannot be interrupted, made so that a cancel is answered at once.

Each call runs on a thread beside the session's, which waits for it. When a cancel comes, the session's thread goes on with 57014 and
leaves the call behind: it ends in its own time, and what it returns is dropped. How many may be left behind is bounded for each engine.
The call must let go of Python's lock (GIL) while it works.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, Final, TypeVar

from ..errors import InsufficientResources, QueryCanceled

__all__ = ["MAX_LEFT_BEHIND", "Interruptible", "LeftBehind"]

MAX_LEFT_BEHIND: Final = 8
"""Cancelled calls of an engine that may still be at work; while there are as many, its statements fail with 53000."""

T = TypeVar("T")


class LeftBehind:
    """Counts the cancelled calls of one engine that have not ended yet."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.count = 0

    def add(self, change: int) -> None:
        """One more, or one less."""
        with self._lock:
            self.count += change

    def check(self) -> None:
        """Raise 53000 where too many are at work."""
        if self.count >= MAX_LEFT_BEHIND:
            raise InsufficientResources(
                "too many cancelled statements are still at work",
                detail=f"{self.count} have not ended yet.",
                hint="Try again later.",
            )


class _Call:
    __slots__ = ("error", "finished", "function", "left", "result", "wake")

    def __init__(self, function: Callable[[], Any]) -> None:
        self.function = function
        self.wake = threading.Event()
        self.finished = self.left = False
        self.result: Any = None
        self.error: BaseException | None = None


class Interruptible:
    """Makes the calls of one session, one at a time.

    Args:
        left_behind: the engine's count.
        name: of the threads.
    """

    def __init__(self, left_behind: LeftBehind, name: str) -> None:
        self._left_behind = left_behind
        self._name = name
        self._lock = threading.Lock()
        self._queue: SimpleQueue[_Call | None] | None = None
        self._current: _Call | None = None

    def call(self, function: Callable[[], T]) -> T:
        """What ``function()`` returns or raises; 57014 as soon as :meth:`cancel` is called, 53000 where too much is left behind."""
        self._left_behind.check()
        call = _Call(function)
        with self._lock:
            if self._queue is None:
                self._queue = SimpleQueue()
                threading.Thread(target=self._work, args=(self._queue,), name=self._name, daemon=True).start()
            self._current = call
            self._queue.put(call)
        call.wake.wait()
        with self._lock:
            self._current = None
            if not call.finished:
                call.left = True
                self._left_behind.add(1)
                self._end()
        if call.left:
            raise QueryCanceled("canceling statement due to user request")
        if call.error is not None:
            raise call.error
        result: T = call.result
        return result

    def cancel(self) -> None:
        """Let the call that is being waited for, if one is, fail now; from any thread."""
        with self._lock:
            if self._current is not None:
                self._current.wake.set()

    def close(self) -> None:
        """Let the thread end."""
        with self._lock:
            self._end()

    def _end(self) -> None:
        queue, self._queue = self._queue, None
        if queue is not None:
            queue.put(None)

    def _work(self, queue: SimpleQueue[_Call | None]) -> None:
        while (call := queue.get()) is not None:
            try:
                call.result = call.function()
            except BaseException as error:  # whatever an engine raises, a panic of Rust's too, belongs to who waits
                call.error = error if isinstance(error, Exception) else RuntimeError(f"{type(error).__name__}: {error}")
            with self._lock:
                call.finished = True
                left = call.left
            if left:
                call.function, call.result, call.error = _nothing, None, None
                self._left_behind.add(-1)
            call.wake.set()
            del call


def _nothing() -> None:
    """What stands for a call that has been made."""
