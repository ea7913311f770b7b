"""A whole batch of the extended query protocol that came in one piece: what a driver sends for one statement.

Short answers of a handler function leave in one go; everything else is handled message by message (``extended.py``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .. import messages as m
from .._impl import decode_values
from ..engines.base import Description
from .extended import BIND_COMPLETE, parse
from .handler import Result
from .plans import Plan
from .portals import Portal, PreparedStatement
from .results import Source, small_rows

if TYPE_CHECKING:
    from .session import Session

__all__ = ["batch"]


async def batch(session: Session, messages: list[Any]) -> None:
    """Answer [Parse] Bind [Describe] Execute Sync."""
    connection = session.connection
    done = 0
    if messages[0].__class__ is m.Parse:
        waiting = parse(session, messages[0])
        if waiting is not None:
            await waiting
        done = 1
    bind = messages[done]
    statement = session.statements.get(bind.statement)
    if statement is None or not _is_plain(session, statement, bind, messages):
        connection.put_back(messages, done)
        return
    plan = statement.plan
    assert plan is not None
    session.starting()
    formats = bind.result_formats
    values: tuple[object, ...] = ()
    if bind.parameters:
        values = decode_values(statement.declared, bind.parameter_formats, bind.parameters)
    description = statement.description or (Description(statement.declared, None) if values else None)
    try:
        outcome = await session.execution.execute(plan, values, description, formats, 0)
    except BaseException:
        connection.send_encoded(BIND_COMPLETE)
        raise
    answer = _short_answer(session, plan, outcome, formats, len(messages) - done == 4)
    if answer is not None:
        session.ready(answer)
        return
    portal = Portal(statement, values, formats)
    connection.send_encoded(BIND_COMPLETE)
    portal.open(outcome)
    session.portals[""] = portal
    connection.put_back(messages, done + 1)


def _short_answer(
    session: Session, plan: Plan, outcome: Source | Result, formats: tuple[int, ...], described: bool
) -> bytes | None:
    """Everything from BindComplete to CommandComplete; None where the answer is long, or an error that has its own place in it."""
    if outcome.__class__ is not Result:
        return None
    try:
        small = small_rows(outcome, formats, plan)
        if small is None:
            return None
        shape, data, rows = small
        tail = session.completion(plan, outcome, rows)
    except Exception:
        return None
    return (BIND_COMPLETE + shape.row_description if described else BIND_COMPLETE) + data + tail


def _is_plain(session: Session, statement: PreparedStatement, bind: m.Bind, messages: list[Any]) -> bool:
    """Whether the batch reads with a handler on the loop, outside a transaction, by the unnamed portal, all rows at once."""
    plan = statement.plan
    execute = messages[-2]
    describe = messages[-3]
    declared = statement.declared
    return (
        plan is not None
        and plan.reads
        and not plan.catalogue
        and session.execution.on_loop
        and session.transaction.status == "I"
        and not bind.portal
        and not execute.portal
        and execute.max_rows <= 0
        and (describe is bind or (describe.kind == "P" and not describe.name))
        and len(bind.parameters) == len(declared)
        and (not declared or (0 not in declared and len(bind.parameter_formats) in (0, 1, len(declared))))
        and not session.execution.describes(plan)
    )
