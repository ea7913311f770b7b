"""A statement in one piece answered by a handler's coroutine in one step, where it ends at once with a short result."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import Context
from types import CoroutineType
from typing import TYPE_CHECKING, Any, Literal

from ..interface import Batch, Condition
from ..suspended import Suspended
from .framing import FrontendDecoder
from .rows import RowEncoder
from .statement import read_statement

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, Task

_NOTHING = object()


class Responder:
    """See :class:`pgwire_py._impl.interface.Responder`."""

    __slots__ = (
        "_after",
        "_before",
        "_called",
        "_context",
        "_decoder",
        "_enter_task",
        "_event_loop",
        "_function",
        "_leave_task",
        "_max_bytes",
        "_outcome",
        "_plans",
        "_query_class",
        "_reception",
        "_result_class",
        "_send",
        "_session",
        "_tails",
        "_task",
    )

    def __init__(
        self,
        handler: tuple[Callable[[Any], Any], object],
        classes: tuple[Callable[..., Any], type[Any], type[Any], type[Any]],
        decoder: FrontendDecoder,
        plans: dict[str, Any],
        current: tuple[Context, AbstractEventLoop, Task[Any]],
        bounds: tuple[tuple[bytes, ...], int],
        sending: tuple[tuple[Condition, ...], tuple[Condition, ...], tuple[Condition, ...], Callable[[bytes], object]],
    ) -> None:
        # Documented for third-party event loops and tasks ("Extending asyncio"). The protocol layer does without asyncio: imported here.
        from asyncio.tasks import _enter_task, _leave_task

        self._enter_task, self._leave_task = _enter_task, _leave_task
        self._function, self._session = handler
        self._query_class, self._result_class = classes[:2]
        self._decoder = decoder
        self._plans = plans
        self._context, self._event_loop, self._task = current
        self._tails, self._max_bytes = bounds
        self._before, self._called, self._after, self._send = sending
        self._outcome: Any = _NOTHING

    @property
    def begun(self) -> bool:
        """Whether the function was called for a statement that was not answered."""
        return self._outcome is not _NOTHING

    @property
    def outcome(self) -> Any:
        """What it returned then; taking it leaves nothing begun."""
        outcome, self._outcome = self._outcome, _NOTHING
        return None if outcome is _NOTHING else outcome

    def receive_from(self, buffer: bytearray, otherwise: Callable[[Any, int], object]) -> None:
        """Say where bytes come, and what else is to be done with them."""
        self._reception = buffer, otherwise

    def receive(self, size: int) -> None:
        """Answer what has come."""
        buffer, otherwise = self._reception
        answer: Any
        try:
            answer = self.answer(buffer, size)
        except BaseException as error:
            answer = error
        if answer is not True:
            otherwise(answer, size)

    def answer(self, data: bytes | bytearray, size: int = -1) -> bytes | Batch | Literal[True] | None:
        """Answer a Query, or say what batch it is."""
        if not _hold(self._before):
            return None
        statement: str | Batch | None = read_statement(
            self._decoder, bytes(data if size < 0 else memoryview(data)[:size])
        )
        if not isinstance(statement, str):
            return statement
        plan = self._plans.get(statement)
        if plan is None or plan.parameters:
            return None
        outcome = self._call(plan.text, (), ())
        shape = plan.shapes.get(())
        answer = None
        if shape is not None:
            answer = self._encode(outcome, shape.columns, shape.encoder, shape.row_description)
        if answer is None:
            self._outcome = outcome
        elif _hold(self._after):
            self._send(answer)
            return True
        return answer

    def answer_batch(
        self,
        sql: str,
        parameters: tuple[object, ...],
        parameter_types: tuple[int, ...],
        columns: tuple[object, ...] | None,
        encoder: RowEncoder | None,
        head: bytes,
    ) -> bytes | None:
        """Answer a batch."""
        outcome = self._call(sql, parameters, parameter_types)
        answer = None
        if columns is not None and encoder is not None:
            answer = self._encode(outcome, columns, encoder, head)
        if answer is None:
            self._outcome = outcome
        return answer

    def _call(self, sql: str, parameters: tuple[object, ...], parameter_types: tuple[int, ...]) -> Any:
        query = self._query_class(sql, parameters, parameter_types, self._session)
        self._enter_task(self._event_loop, self._task)
        try:
            return self._context.run(_first_step, self._function, query)
        finally:
            self._leave_task(self._event_loop, self._task)

    def _encode(self, outcome: Any, columns: tuple[object, ...], encoder: RowEncoder, head: bytes) -> bytes | None:
        if type(outcome) is not self._result_class:
            return None
        rows, given = outcome.rows, outcome.columns
        if (
            outcome.tag is not None
            or not _hold(self._called)
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


def _hold(conditions: tuple[Condition, ...]) -> bool:
    for instance, slot, value in conditions:
        found = getattr(instance, slot)
        if found is not value and (value is not False or found):
            return False
    return True


def _first_step(function: Callable[[Any], Any], query: object) -> Any:
    coroutine = function(query)
    if type(coroutine) is not CoroutineType:
        return Suspended(coroutine)
    try:
        return Suspended(coroutine, coroutine.send(None))
    except StopIteration as stop:
        return stop.value
