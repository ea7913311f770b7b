"""The extended query protocol: one function per message (Protocol 55.2.3).

Each takes the session and the message and returns None, or a coroutine where it must wait.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from .. import messages as m
from .._impl import encode_message
from ..engines.base import Description, declared_types
from ..errors import (
    InvalidCursorName,
    InvalidSQLStatementName,
    ObjectNotInPrerequisiteState,
    ProtocolViolation,
    SQLSyntaxError,
)
from . import copying
from .coding import Coding
from .copy_streams import CopyOutcome
from .cursors import CursorSource, add_portal, moving
from .exact import INTERVALS, exact_intervals
from .handler import Result
from .plans import Plan
from .portals import Portal, PreparedStatement
from .prepared import add_statement, describe_statement
from .results import BIND_COMPLETE, PARSE_COMPLETE, Shape, Source, check_format_count, describe_rows, shape_of

if TYPE_CHECKING:
    from .session import Session

__all__ = ["HANDLERS"]

CLOSE_COMPLETE: Final = encode_message(m.CloseComplete())
NO_DATA: Final = encode_message(m.NoData())
PORTAL_SUSPENDED: Final = encode_message(m.PortalSuspended())
EMPTY_QUERY: Final = encode_message(m.EmptyQueryResponse())


def parse(session: Session, message: m.Parse) -> Awaitable[None] | None:
    """Parse: make a prepared statement. An engine is asked to describe it at once, so that its errors come here."""
    session.starting(message.query)
    plans = session.plans(message.query)
    if len(plans) > 1:
        raise SQLSyntaxError("cannot insert multiple commands into a prepared statement")
    plan = plans[0] if plans else None
    if session.transaction.status == "E" and plan is not None:
        session.check_transaction(plan)
    name = message.statement
    if name:
        add_statement(session, name)
    count = max(len(message.parameter_types), 0 if plan is None else plan.parameters)
    declared = declared_types(message.parameter_types, count) if count else ()
    statement = PreparedStatement(plan, declared)
    if plan is not None and (plan.command is None or plan.command.described) and session.execution.describes(plan):
        return _describe_and_keep(session, name, statement)
    session.statements[name] = statement
    session.connection.send_encoded(PARSE_COMPLETE)
    return None


async def _describe_and_keep(session: Session, name: str, statement: PreparedStatement) -> None:
    if not name:
        session.statements.pop(name, None)
    await describe_statement(session, statement)
    session.statements[name] = statement
    session.connection.send_encoded(PARSE_COMPLETE)


def _statement(session: Session, name: str) -> PreparedStatement:
    statement = session.statements.get(name)
    if statement is None:
        shown = f'prepared statement "{name}"' if name else "unnamed prepared statement"
        raise InvalidSQLStatementName(f"{shown} does not exist")
    return statement


def _portal(session: Session, name: str) -> Portal:
    portal = session.portals.get(name)
    if portal is None:
        raise InvalidCursorName(f'portal "{name}" does not exist')
    return portal


def bind(session: Session, message: m.Bind) -> Awaitable[None] | None:
    """Bind: make a portal."""
    statement = _statement(session, message.statement)
    name = message.portal
    plan = statement.plan
    if session.transaction.status == "E" and plan is not None:
        session.check_transaction(plan)
    if name:
        add_portal(session, name)
    count = len(message.parameters)
    if count != len(statement.declared):
        raise ProtocolViolation(
            f"bind message supplies {count} parameters, but prepared statement "
            f'"{message.statement}" requires {len(statement.declared)}'
        )
    if len(message.parameter_formats) > 1 and len(message.parameter_formats) != count:
        raise ProtocolViolation(
            f"bind message has {len(message.parameter_formats)} parameter formats but {count} parameters"
        )
    description = statement.description
    if description is not None and description.columns is not None:
        check_format_count(message.result_formats, len(description.columns))
    if count and description is None and 0 in statement.declared:
        return _describe_and_bind(session, statement, message)
    if count:
        _bind(session, statement, message)
        return None
    if session.portals:
        session.drop_portal(name)
    _add(session, name, Portal(statement, (), message.result_formats))
    return None


def _add(session: Session, name: str, portal: Portal) -> None:
    if session.transaction.savepoints:
        portal.level = len(session.transaction.savepoints)
    session.portals[name] = portal
    session.connection.send_encoded(BIND_COMPLETE)


async def _describe_and_bind(session: Session, statement: PreparedStatement, message: m.Bind) -> None:
    await describe_statement(session, statement)
    _bind(session, statement, message)


def _bind(session: Session, statement: PreparedStatement, message: m.Bind) -> None:
    types = statement.declared if statement.description is None else statement.description.parameter_types
    coding = session.settings.coding
    values = coding.decode_values(types, message.parameter_formats, message.parameters)
    if session.execution.exact_intervals and not INTERVALS.isdisjoint(types):
        values = exact_intervals(types, message.parameter_formats, message.parameters, values, coding.style)
    if session.portals:
        session.drop_portal(message.portal)
    _add(session, message.portal, Portal(statement, values, message.result_formats))


def describe(session: Session, message: m.Describe) -> Awaitable[None] | None:
    """Describe: the shape of a statement or of a portal."""
    if message.kind == "S":
        return _describe_statement(session, _statement(session, message.name))
    portal = _portal(session, message.name)
    source = portal.source
    if source is not None:
        session.connection.send_encoded(_described(source.shape, session.settings.coding))
        return None
    plan = portal.statement.plan
    if _returns_nothing(plan):
        session.connection.send_encoded(NO_DATA)
        return None
    return _describe_portal(session, portal)


def _described(shape: Shape | None, coding: Coding) -> bytes:
    if shape is None:
        return NO_DATA
    return shape.row_description if shape.coding is coding else describe_rows(shape.columns, shape.requested, coding)


async def _describe_statement(session: Session, statement: PreparedStatement) -> None:
    if session.transaction.status == "E" and not _returns_nothing(statement.plan):
        session.check_transaction(statement.plan)
    description = await describe_statement(session, statement)
    send = session.connection.send_encoded
    send(_parameter_description(description.parameter_types))
    send(NO_DATA if description.columns is None else describe_rows(description.columns, (), session.settings.coding))


def _returns_nothing(plan: Plan | None) -> bool:
    """Whether it is clear that it returns no rows: then it is described in a failed transaction too."""
    if plan is None or plan.copy is not None:
        return True
    return plan.command is not None and plan.command.columns is None and not plan.command.described


async def _describe_portal(session: Session, portal: Portal) -> None:
    statement = portal.statement
    plan = statement.plan
    assert plan is not None
    if session.transaction.status == "E":
        session.check_transaction(plan)
    execution = session.execution
    if execution.describes_portals and plan.command is None and not plan.catalogue:
        description = statement.description or Description(statement.declared, None)
        portal.columns = columns = await execution.describe_portal(plan, portal.parameters, description)
        shape = None if columns is None else shape_of(columns, portal.formats, session.settings.coding)
    elif plan.command is not None or execution.describes(plan):
        columns = (await describe_statement(session, statement)).columns
        shape = None if columns is None else shape_of(columns, portal.formats, session.settings.coding)
    else:
        outcome = await _start(session, portal, plan, 0, described=True)
        if isinstance(outcome, CopyOutcome):
            portal.copy = outcome
            shape = None
        else:
            shape = portal.open(outcome, session.settings.coding).shape
    session.connection.send_encoded(NO_DATA if shape is None else shape.row_description)


def _parameter_description(types: tuple[int, ...]) -> bytes:
    return _few_parameters(types) if len(types) <= 64 else encode_message(m.ParameterDescription(types))


@lru_cache(maxsize=256)
def _few_parameters(types: tuple[int, ...]) -> bytes:
    return encode_message(m.ParameterDescription(types))


def _start(
    session: Session, portal: Portal, plan: Plan, max_rows: int, described: bool = False
) -> Awaitable[Source | Result | CopyOutcome]:
    session.starting(plan.text)
    session.offset = plan.statement.start
    alone = _is_alone(session, portal, described)
    statement = portal.statement
    description = statement.description or Description(statement.declared, None)
    return session.start(plan, portal.parameters, description, portal.formats, max_rows, alone)


def _is_alone(session: Session, portal: Portal, described: bool) -> bool:
    """Whether Sync follows at once, or behind the Execute of a portal that was ``described``: then no other statement shares the
    transaction."""
    peek = session.connection.peek
    message = peek()
    if described and isinstance(message, m.Execute) and session.portals.get(message.portal) is portal:
        message = peek(1)
    return message.__class__ is m.Sync


def execute(session: Session, message: m.Execute) -> Awaitable[None] | None:
    """Execute: run a portal, or go on with it."""
    portal = session.portals.get(message.portal) or _portal(session, message.portal)
    plan = portal.statement.plan
    if plan is None:
        session.connection.send_encoded(EMPTY_QUERY)
        return None
    if session.transaction.status == "E":
        session.check_transaction(plan)
    limit = max(message.max_rows, 0)
    source = portal.source
    if source is None or source.shape is None or portal.done:
        return _execute(session, portal, message.portal, plan, limit)
    session.starting(plan.text)
    session.offset = plan.statement.start
    if source.shape.coding is not session.settings.coding and not isinstance(source, CursorSource):
        source = moving(session, portal, source)  # it brings rows to the settings of now
    chunk = source.read(limit)
    if chunk.__class__ is tuple and chunk[2] and (not limit or chunk[1] < limit):
        session.ending()
        portal.done = True
        portal.rows += chunk[1]
        session.connection.send_encoded(chunk[0])
        session.connection.send_encoded(session.completion(plan, source, chunk[1]))
        return None
    return _stream(session, portal, plan, limit, chunk)


async def _execute(session: Session, portal: Portal, name: str, plan: Plan, limit: int) -> None:
    if portal.done and (portal.source is None or portal.source.shape is None):
        raise ObjectNotInPrerequisiteState(f'portal "{name}" cannot be run')
    source = portal.source
    if source is None:
        outcome = portal.copy or await _start(session, portal, plan, limit)
        if isinstance(outcome, CopyOutcome):
            portal.done = True
            completion = await copying.run(session, plan, outcome)
            session.ending()
            session.connection.send_encoded(completion)
            return
        source = portal.open(outcome, session.settings.coding)
    if source.shape is not None and not portal.done:
        await _stream(session, portal, plan, limit, source.read(limit))
        return
    portal.done = True
    session.ending()
    session.connection.send_encoded(session.completion(plan, source, 0))


async def _stream(session: Session, portal: Portal, plan: Plan, limit: int, chunk: Any) -> None:
    source = portal.source
    assert source is not None
    if chunk.__class__ is not tuple:
        chunk = await chunk
    rows, ended = await session.stream(source, limit, chunk)
    portal.rows += rows
    session.ending()
    if ended:
        portal.done = True
        session.connection.send_encoded(session.completion(plan, source, rows))
    else:
        session.connection.send_encoded(PORTAL_SUSPENDED)


def close(session: Session, message: m.Close) -> None:
    """Close: drop a statement or a portal; that it does not exist is no error."""
    if message.kind == "S":
        session.statements.pop(message.name, None)
    else:
        session.drop_portal(message.name)
    session.connection.send_encoded(CLOSE_COMPLETE)


def flush(session: Session, message: m.Flush) -> None:
    """Flush: write what is ready."""
    session.flush()


def sync(session: Session, message: m.Sync) -> Awaitable[None] | None:
    """Sync: end the batch and its implicit transaction."""
    if session.transaction.implicit:
        return _commit_and_ready(session)
    if session.portals and session.transaction.status == "I":
        session.close_portals()
    session.ready()
    return None


async def _commit_and_ready(session: Session) -> None:
    await session.commit_implicit()
    session.ready()


HANDLERS: Final[dict[type, Callable[[Session, Any], Awaitable[None] | None]]] = {
    m.Parse: parse,
    m.Bind: bind,
    m.Describe: describe,
    m.Execute: execute,
    m.Close: close,
    m.Flush: flush,
    m.Sync: sync,
}
"""Message class → what answers it; session.py adds the messages that are not of the extended protocol."""
