"""Short answers of a handler function to a statement that came in one piece: the way that most queries of a busy server take.

Nothing is decided here that is not decided in ``simple.py`` and ``extended.py`` as well. What is out of the ordinary — a transaction,
an open portal, an error, a handler that waits or changes a setting, a long result — goes their way, with the handler's call that was begun.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from .._impl import Responder
from .._impl.interface import Batch, Condition
from .._impl.suspended import Suspended
from ..connection.backend import READY
from ..engines.base import declared_types
from ..state import Phase
from .function_execution import FunctionExecution
from .handler import Query, Result
from .plans import Plan
from .portals import PreparedStatement
from .results import CHUNK, Shape
from .tags import command_complete

if TYPE_CHECKING:
    from .eager import Runner
    from .session import Session

__all__ = ["ShortAnswers"]

MAX_ROWS: Final = 64
"""Most rows of a short answer."""

_TAILS: Final = tuple(command_complete(f"SELECT {count}") + READY["I"] for count in range(MAX_ROWS + 1))
"""CommandComplete and ReadyForQuery behind so many rows."""


class ShortAnswers:
    """The short way of one session whose statements are answered by a coroutine function.

    Attributes:
        answer: takes what came, and how many bytes of it count; True where the whole answer was sent. Anything else is for
            :meth:`finish`, an exception for :meth:`failed`.
    """

    __slots__ = (
        "_coding",
        "_connection",
        "_decode",
        "_execution",
        "_plans",
        "_responder",
        "_runner",
        "_session",
        "_write",
        "answer",
    )

    def __init__(self, session: Session, runner: Runner, write: Callable[[bytes | memoryview], None]) -> None:
        execution = session.execution
        assert isinstance(execution, FunctionExecution)
        connection = session.connection
        settings = session.settings
        self._session = session
        self._runner = runner
        self._connection = connection
        self._execution = execution
        self._coding = settings.coding
        self._decode = self._coding.decode_values
        self._plans = session.server.plan_cache(self._coding).single
        self._write = write
        before: tuple[Condition, ...] = (
            (runner, "suspended", None),
            (connection, "phase", Phase.IDLE),
            (session.transaction, "status", "I"),
            (session, "portals", False),
            (settings, "timed", False),
        )
        called: tuple[Condition, ...] = ((settings, "changes", None),)
        after: tuple[Condition, ...] = (
            (connection, "phase", Phase.IDLE),
            (connection, "outgoing", False),
            (session, "statements", False),
        )
        self._responder = Responder(
            (execution.function, session),
            (Query, Result, Plan, Shape),
            connection.decoder,
            self._plans,
            runner.task_to_enter(),
            (_TAILS, CHUNK),
            (before, called, after, write),
        )
        self.answer = self._responder.answer

    def finish(self, answer: Batch | bytes | memoryview | None) -> bool:
        """Do the rest behind :attr:`answer`; False where the statement goes the long way: what came was not taken."""
        session = self._session
        if type(answer) is tuple:
            try:
                answer = self._batch(answer)
            except BaseException as error:
                return self.failed(error)
        elif session.statements and answer is not None:
            session.statements.pop("", None)
        if answer is None:
            if not self._responder.begun:
                return False
            outcome = self._responder.outcome
            return self._long_way(outcome if type(outcome) is Suspended else Suspended(_return(outcome)))
        self._write(self._connection.send_around(answer))  # type: ignore[arg-type]
        return True

    def receive_from(self, buffer: bytearray, otherwise: Callable[[Any, int], object]) -> Callable[[int], None]:
        """What takes the first bytes of ``buffer``, so many as it is called with; ``otherwise`` gets those that are not answered at once,
        with what :attr:`answer` returned or raised."""
        self._responder.receive_from(buffer, otherwise)
        return self._responder.receive

    def failed(self, error: BaseException) -> bool:
        """Have the session tell what the handler raised; as :meth:`finish`."""
        return self._long_way(Suspended(_raise(error)))

    def _batch(self, batch: Batch) -> bytes | memoryview | None:
        query, name, types, parameter_formats, parameters, formats, described = batch
        statements = self._session.statements
        statement = statements.get(name)
        if query is not None:
            statement = None if name else self._parsed(query, types, statement)
        plan = None if statement is None else statement.plan
        if (
            statement is None
            or plan is None
            or plan.coding is not self._coding
            or not _is_plain(statement, plan, batch)
        ):
            return None
        declared = statement.declared
        values: tuple[object, ...] = ()
        if parameters:
            try:
                values = self._decode(declared, parameter_formats, parameters)
            except Exception:  # told in its place
                return None
        shape = plan.shapes.get(formats)
        respond = self._responder.answer_batch
        if shape is None:
            return respond(plan.text, values, declared, None, None, b"")
        head = shape.head(described, query is not None)
        answer = respond(plan.text, values, declared, shape.columns, shape.encoder, head)
        if answer is not None and query is not None:
            statements[""] = statement
        return answer

    def _parsed(self, query: str, types: tuple[int, ...], last: PreparedStatement | None) -> PreparedStatement | None:
        """The statement that Parse makes; the one of last time where it would be the same."""
        plan = self._plans.get(query)
        if plan is None:
            return None
        count = max(len(types), plan.parameters)
        declared = declared_types(types, count) if count else ()
        if last is not None and last.plan is plan and last.declared == declared and last.description is None:
            return last
        return PreparedStatement(plan, declared)

    def _long_way(self, begun: Suspended) -> bool:
        """Have the statement answered by way of the session, with the call that was begun."""
        if self._connection.phase is not Phase.CLOSED:
            self._execution.begun = begun
            return False
        self._runner.run(self._session.run(begun))  # the call closed the connection: nothing is sent, but it may go on
        return True


def _is_plain(statement: PreparedStatement, plan: Plan, batch: Batch) -> bool:
    """Whether the handler's call is all there is to it: no inference of types, no result other than the one described, and nothing in Bind
    that is refused before the call."""
    _, _, _, parameter_formats, parameters, formats, _ = batch
    described = statement.description
    shape = plan.shapes.get(formats)
    return (
        plan.short
        and len(parameters) == len(statement.declared)
        and (len(parameter_formats) <= 1 or len(parameter_formats) == len(parameters))
        and 0 not in statement.declared
        and (described is None or (shape is not None and described.columns == shape.columns))
    )


async def _return(outcome: Any) -> Any:
    return outcome


async def _raise(error: BaseException) -> Any:
    try:
        raise error
    finally:
        del error  # its traceback refers to this frame
