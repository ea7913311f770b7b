"""A handler's coroutine run, and its short result encoded, in one step."""

from __future__ import annotations

from asyncio import AbstractEventLoop, Task
from asyncio.tasks import (
    _enter_task,
    _leave_task,
)  # documented for third-party event loops and tasks ("Extending asyncio")
from collections.abc import Callable
from contextvars import Context
from types import CoroutineType
from typing import Any

from ..suspended import Suspended
from .rows import RowEncoder


class Responder:
    """See :class:`pgwire_py._impl.interface.Responder`."""

    __slots__ = (
        "_context",
        "_event_loop",
        "_function",
        "_max_bytes",
        "_outcome",
        "_query_class",
        "_result_class",
        "_session",
        "_tails",
        "_task",
    )

    def __init__(
        self,
        function: Callable[[Any], Any],
        query_class: Callable[..., Any],
        result_class: type[Any],
        session: object,
        context: Context,
        event_loop: AbstractEventLoop,
        task: Task[Any],
        tails: tuple[bytes, ...],
        max_bytes: int,
    ) -> None:
        self._function = function
        self._query_class = query_class
        self._result_class = result_class
        self._session = session
        self._context = context
        self._event_loop = event_loop
        self._task = task
        self._tails = tails
        self._max_bytes = max_bytes
        self._outcome: Any = None

    @property
    def outcome(self) -> Any:
        """What the function returned last, where it was not answered; taking it leaves None."""
        outcome, self._outcome = self._outcome, None
        return outcome

    def answer(
        self,
        sql: str,
        parameters: tuple[object, ...],
        parameter_types: tuple[int, ...],
        columns: tuple[object, ...] | None,
        encoder: RowEncoder | None,
        head: bytes,
    ) -> bytes | None:
        """Call the function; the whole answer where it ended at once with a short result."""
        query = self._query_class(sql, parameters, parameter_types, self._session)
        _enter_task(self._event_loop, self._task)
        try:
            outcome = self._context.run(_first_step, self._function, query)
        finally:
            _leave_task(self._event_loop, self._task)
        answer = self._encode(outcome, columns, encoder, head)
        if answer is None:
            self._outcome = outcome
        return answer

    def _encode(
        self, outcome: Any, columns: tuple[object, ...] | None, encoder: RowEncoder | None, head: bytes
    ) -> bytes | None:
        if type(outcome) is not self._result_class or encoder is None or columns is None:
            return None
        rows, given = outcome.rows, outcome.columns
        if (
            outcome.tag is not None
            or type(rows) is not list
            or len(rows) >= len(self._tails)
            or type(given) not in (list, tuple)
            or tuple(given) != columns
        ):
            return None
        try:
            data, end = encoder.encode(rows, 0, self._max_bytes)
        except Exception:  # the owner, encoding it again, tells it in its place
            return None
        return head + data + self._tails[end] if end == len(rows) else None


def _first_step(function: Callable[[Any], Any], query: object) -> Any:
    coroutine = function(query)
    if type(coroutine) is not CoroutineType:
        return Suspended(coroutine)
    try:
        return Suspended(coroutine, coroutine.send(None))
    except StopIteration as stop:
        return stop.value
