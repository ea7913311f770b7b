"""Short answers of a handler function to a statement that came in one piece: the way that most queries of a busy server take.

Nothing is decided here that is not decided in ``simple.py`` and ``extended.py`` as well. What is out of the ordinary — a transaction,
an open portal, an error, a handler that waits, a long result — goes their way, with the handler's call that was begun.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from .._impl import Responder, decode_values
from .._impl.interface import Batch
from .._impl.suspended import Suspended
from ..connection.backend import READY
from ..engines.base import declared_types
from ..state import Phase
from .execution import FunctionExecution
from .handler import Query, Result
from .plans import Plan
from .portals import PreparedStatement
from .results import CHUNK
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
    """The short way of one session whose statements are answered by a coroutine function."""

    __slots__ = (
        "_connection",
        "_execution",
        "_plans",
        "_respond",
        "_responder",
        "_session",
        "_settings",
        "_transaction",
    )

    def __init__(self, session: Session, runner: Runner) -> None:
        execution = session.execution
        assert isinstance(execution, FunctionExecution)
        self._session = session
        self._connection = session.connection
        self._transaction = session.transaction
        self._settings = session.settings
        self._execution = execution
        self._responder = Responder(execution.function, Query, Result, session, *runner.task_to_enter(), _TAILS, CHUNK)
        self._respond = self._responder.answer
        self._plans = session.server.plan_cache.single

    def answer(self, data: bytes) -> bytes | memoryview | None:
        """The whole answer to ``data``. None where it goes the long way: ``data`` was not taken."""
        session = self._session
        if self._transaction.status != "I" or session.portals or self._settings.statement_timeout:
            return None
        connection = self._connection
        statement: Any = connection.receive_statement(data)
        if statement is None:
            return None
        if type(statement) is not str:
            return self._batch(statement)
        plan = self._plans.get(statement)
        if plan is None or plan.parameters:
            connection.give_back_statement()
            return None
        session.running = True
        session.cancel_requested = False
        shape = plan.shapes.get(())
        try:
            if shape is None:
                answer = self._respond(plan.text, (), (), None, None, b"")
            else:
                answer = self._respond(plan.text, (), (), shape.columns, shape.encoder, shape.row_description)
        except BaseException as error:
            self._long_way(_raise(error))
            return None
        if answer is None:
            self._long_way(None)
            return None
        if session.statements:
            session.statements.pop("", None)
        session.running = False
        if self._settings.changes:
            session.report_changes()
        return connection.finish_statement(answer)

    def _batch(self, batch: Batch) -> bytes | memoryview | None:
        query, name, types, parameter_formats, parameters, formats, described = batch
        session = self._session
        statement = session.statements.get(name)
        if query is not None:
            statement = None if name else self._parsed(query, types, statement)
        plan = None if statement is None else statement.plan
        if statement is None or plan is None or not _is_plain(statement, plan, parameters, formats):
            self._connection.give_back_statement()
            return None
        declared = statement.declared
        values: tuple[object, ...] = ()
        if parameters:
            try:
                values = decode_values(declared, parameter_formats, parameters)
            except Exception:  # told in its place
                self._connection.give_back_statement()
                return None
        session.running = True
        session.cancel_requested = False
        shape = plan.shapes.get(formats)
        try:
            if shape is None:
                answer = self._respond(plan.text, values, declared, None, None, b"")
            else:
                head = shape.head(described, query is not None)
                answer = self._respond(plan.text, values, declared, shape.columns, shape.encoder, head)
        except BaseException as error:
            self._long_way(_raise(error))
            return None
        if answer is None:
            self._long_way(None)
            return None
        if query is not None:
            session.statements[""] = statement
        session.running = False
        if self._settings.changes:
            session.report_changes()
        return self._connection.finish_statement(answer)

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

    def _long_way(self, begun: Any) -> None:
        """Have the statement answered by way of the session, with the call that was begun: that of the responder where None is given."""
        if begun is None:
            outcome = self._responder.outcome
            begun = outcome if type(outcome) is Suspended else _return(outcome)
        if self._connection.phase is Phase.CLOSED:  # nothing more is sent
            begun.close()
        else:
            self._execution.begun = begun
            self._connection.give_back_statement()


def _is_plain(
    statement: PreparedStatement, plan: Plan, parameters: tuple[object, ...], formats: tuple[int, ...]
) -> bool:
    """Whether the handler's call is all there is to it: no inference of types, no result other than the one described."""
    described = statement.description
    shape = plan.shapes.get(formats)
    return (
        plan.reads
        and not plan.catalogue
        and len(parameters) == len(statement.declared)
        and 0 not in statement.declared
        and (described is None or shape is None or described.columns == shape.columns)
    )


async def _return(outcome: Any) -> Any:
    return outcome


async def _raise(error: BaseException) -> Any:
    raise error
