"""Runs a session's work at once where it can, and in a task where it must wait.

Most messages are answered without waiting for anything. A task and a turn of the loop for each would cost more than the answer. So
a coroutine is started right where the bytes arrive; only when it really suspends is it handed to the session's task. While it runs
eagerly the session's task is already the current task, so ``asyncio.timeout`` and the like see one and the same task throughout.

What runs without a task, a login, may be parked: it waits for the client's next bytes, and goes on right where they arrive.
"""

from __future__ import annotations

import asyncio
from asyncio.tasks import (
    _enter_task,
    _leave_task,
)  # documented for third-party event loops and tasks ("Extending asyncio")
from collections.abc import Callable, Coroutine, Generator
from contextvars import Context, copy_context
from typing import Any, Final

__all__ = ["PARKED", "Runner"]


class _Park:
    """Awaited by what :attr:`Runner.may_park` lets: ends with :meth:`Runner.unpark`."""

    __slots__ = ()

    def __await__(self) -> Generator[_Park, None, None]:
        yield self


PARKED: Final = _Park()


class Runner:
    """Runs one coroutine at a time for a session, every step of it in the session's own context.

    Args:
        loop: the running loop.
        on_pause: called whenever the coroutine suspends and when it ends: the moment to write what it produced.
        on_crash: called when a coroutine that had suspended ends with an exception: nothing can be run any more.

    Attributes:
        context: the session's context.
        suspended: the coroutine that waits, and what it waits for; None: another may be run.
        may_park: whether what runs at the moment is driven by no task, and may wait for :data:`PARKED`.
    """

    __slots__ = (
        "_cancelled",
        "_closed",
        "_loop",
        "_on_crash",
        "_on_pause",
        "_started",
        "_task",
        "_wakeup",
        "context",
        "may_park",
        "suspended",
    )

    def __init__(
        self, loop: asyncio.AbstractEventLoop, on_pause: Callable[[], None], on_crash: Callable[[], None]
    ) -> None:
        self._loop = loop
        self._on_pause = on_pause
        self._on_crash = on_crash
        self.context = copy_context()
        self._task: asyncio.Task[None] | None = None
        self._started = False
        self._cancelled = False
        self._closed = False
        self.suspended: tuple[Coroutine[Any, Any, None], Any] | None = None
        self._wakeup: asyncio.Future[None] | None = None
        self.may_park = False

    @property
    def busy(self) -> bool:
        """Whether a coroutine is suspended: another must not be started."""
        return self.suspended is not None

    @property
    def task(self) -> asyncio.Task[None] | None:
        """The session's task, once something has run."""
        return self._task

    def run(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Start ``coroutine`` now; return when it has ended or suspended. What it raises before it suspends is raised here."""
        task = self._task
        if task is None:
            task = self._task = self._loop.create_task(self._main())
        loop = self._loop
        _enter_task(loop, task)
        try:
            future = self.context.run(coroutine.send, None)
        except StopIteration:
            self._on_pause()
            return
        finally:
            _leave_task(loop, task)
        self._suspend(coroutine, future)

    def task_to_enter(self) -> tuple[Context, asyncio.AbstractEventLoop, asyncio.Task[None]]:
        """The session's context, loop and task, for who makes the first step of a coroutine by himself; where it suspends, a coroutine
        given to :meth:`run` goes on with it."""
        if self._task is None:
            self._task = self._loop.create_task(self._main())
        return self.context, self._loop, self._task

    def run_without_task(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """As :meth:`run` for work that calls no user code before it first suspends: a task is made only if it does, and is not parked."""
        self.may_park = True
        try:
            future = self.context.run(coroutine.send, None)
        except StopIteration:
            self._on_pause()
            return
        finally:
            self.may_park = False
        if future is PARKED:
            self.suspended = (coroutine, future)
            self._on_pause()
        else:
            self._suspend(coroutine, future)

    def unpark(self) -> bool:
        """Go on with what is parked; False where nothing is."""
        if self.suspended is None or self.suspended[1] is not PARKED:
            return False
        coroutine, self.suspended = self.suspended[0], None
        self.run_without_task(coroutine)
        return True

    def _hand_over(self) -> None:
        """What is parked goes on in the task."""
        if self.suspended is not None and self.suspended[1] is PARKED:
            self._suspend(self.suspended[0], None)

    def _suspend(self, coroutine: Coroutine[Any, Any, None], future: Any) -> None:
        if self._task is None:
            self._task = self._loop.create_task(self._main())
        self.suspended = (coroutine, future)
        self._on_pause()
        if self._wakeup is not None and not self._wakeup.done():
            self._wakeup.set_result(None)

    def cancel(self) -> None:
        """Cancel what runs; the coroutine sees CancelledError."""
        self._hand_over()
        if self._started and self._task is not None:
            self._task.cancel()
        else:  # a task cancelled before its first step would never run: it is told when it starts
            self._cancelled = True

    def close(self) -> None:
        """End the task; a suspended coroutine sees CancelledError, and is the last whatever it makes of it."""
        self._closed = True
        if self.suspended is not None:
            self.cancel()
        else:
            if self._task is not None:
                self._task.cancel()
            self._on_pause = self._on_crash = _nothing
            self._task = None  # its CancelledError refers to its frame, and that to this object

    async def _main(self) -> None:
        self._started = True
        while True:
            cancelled, self._cancelled = self._cancelled, False
            if self.suspended is None:
                self._wakeup = self._loop.create_future()
                try:
                    await self._wakeup
                except asyncio.CancelledError:
                    if self.suspended is None:
                        raise
                    cancelled = True
            suspended = self.suspended
            assert suspended is not None
            try:
                await _Resume(*suspended, self.context, self._on_pause, cancelled)
            except BaseException:
                self.suspended = None
                self._on_crash()
                raise
            self.suspended = None
            self._on_pause()
            if self._closed:
                return


def _nothing() -> None:
    pass


class _Resume:
    """Goes on with a coroutine that was suspended on ``future`` while no task drove it."""

    __slots__ = ("_cancelled", "_context", "_coroutine", "_future", "_on_pause")

    def __init__(
        self,
        coroutine: Coroutine[Any, Any, None],
        future: Any,
        context: Context,
        on_pause: Callable[[], None],
        cancelled: bool,
    ) -> None:
        self._coroutine = coroutine
        self._future = future
        self._context = context
        self._on_pause = on_pause
        self._cancelled = cancelled

    def __await__(self) -> Generator[Any, Any, None]:
        run = self._context.run
        send = self._coroutine.send
        throw = self._coroutine.throw
        future = self._future
        on_pause = self._on_pause
        error: BaseException | None = None
        if self._cancelled:
            if future is not None:
                future._asyncio_future_blocking = False
                future.cancel()
            error = asyncio.CancelledError()
        try:
            while True:
                if error is None:
                    try:
                        value = yield future
                    except BaseException as caught:
                        error = caught
                if error is None:
                    future = run(send, value)
                else:
                    raised, error = error, None
                    future = run(throw, raised)
                on_pause()
        except StopIteration:
            return
