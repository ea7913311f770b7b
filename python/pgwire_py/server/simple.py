"""The simple query protocol (Protocol 55.2.2)."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, NoReturn

from .. import messages as m
from ..errors import InternalError, PostgresError, UndefinedParameter
from ..state import Phase
from . import copying
from .copy_streams import CopyOutcome
from .extended import EMPTY_QUERY
from .handler import Result
from .plans import Plan
from .results import Source, source_of

if TYPE_CHECKING:
    from .session import Session

__all__ = ["simple_query"]


async def simple_query(session: Session, message: m.Query) -> None:
    """Query: run every statement of a string; several make one implicit transaction."""
    session.starting(message.query)
    if session.statements:
        session.statements.pop("", None)
    if session.portals:
        session.drop_portal("")
    if session.server.hooks_queries and session.transaction.status != "E" and await _hooked(session, message.query):
        return
    plans = session.plans(message.query)
    if not plans:
        session.connection.send_encoded(EMPTY_QUERY)
    for plan in plans:
        if plan.parameters:
            session.offset = plan.statement.start
            _no_parameters(plan)
    if len(plans) > 1:
        await _check_syntax(session, plans)
    completion = b""
    for plan in plans:
        if completion:
            session.connection.send_encoded(completion)
        session.offset = plan.statement.start
        completion = await _send(session, plan, await session.start(plan, (), None, (), 0, len(plans) == 1))
    await _end(session, completion)


async def _end(session: Session, completion: bytes) -> None:
    if session.transaction.implicit:
        await session.commit_implicit()
    if session.portals and session.transaction.status == "I":
        session.close_portals()
    session.ready(completion)


async def _hooked(session: Session, sql: str) -> bool:
    """Have the hook answer a query string; False where it leaves that to the session."""
    session.hooked = True
    results: Any = await session.server.hooks.simple_query(session, sql)
    if results is None:
        session.hooked = False
        return False
    if isinstance(results, (Result, CopyOutcome)):
        results = (results,)
    elif not hasattr(results, "__iter__") and not hasattr(results, "__aiter__"):
        raise InternalError(f"the simple_query hook returned {type(results).__name__}, not results")
    plans = _plans_of(session, sql)
    completion = b""
    async with aclosing(_each(results)) as each:
        while True:
            try:
                result = await anext(each)
            except StopAsyncIteration:
                break
            except BaseException:  # an error does not take back the results before it
                if completion and session.connection.phase is not Phase.CLOSED:
                    session.connection.send_encoded(completion)
                raise
            session.connection.send_encoded(completion)
            completion = await _send(session, plans.pop(0) if len(plans) > 1 else plans[0], result)
    session.hooked = False
    await _end(session, completion or EMPTY_QUERY)
    return True


def _plans_of(session: Session, sql: str) -> list[Plan]:
    """The plans whose command tags the results of a hook get; where it is no SQL, they are those of SELECT."""
    try:
        plans = session.plans(sql)
    except PostgresError:
        plans = ()
    return list(plans or session.plans("SELECT"))


async def _each(results: Any) -> AsyncGenerator[Any, None]:
    """The results one by one; an asynchronous generator of them is closed where they are not wanted to the end."""
    if not hasattr(results, "__aiter__"):
        for result in results:
            yield result
        return
    try:
        async for result in results:
            yield result
    finally:
        if hasattr(results, "aclose"):
            await results.aclose()


async def _check_syntax(session: Session, plans: tuple[Plan, ...]) -> None:
    """Where a later statement of a string cannot even be parsed, none of them runs."""
    for plan in plans[1:]:
        if plan.command is None and plan.copy is None and not plan.parts and session.execution.describes(plan):
            session.offset = plan.statement.start
            try:
                await session.execution.describe(plan, ())
            except PostgresError as error:
                if error.sqlstate == "42601":
                    raise


async def _send(session: Session, plan: Plan, outcome: Source | Result | CopyOutcome) -> bytes:
    """Send what one statement returned; its CommandComplete comes back, for it waits until an implicit transaction is committed."""
    if isinstance(outcome, CopyOutcome):
        return await copying.run(session, plan, outcome)
    source = outcome if isinstance(outcome, Source) else source_of(outcome, (), plan, session.settings.coding)
    send = session.connection.send_encoded
    rows = 0
    try:
        if source.shape is not None:
            send(source.shape.row_description)
            chunk: Any = source.read(0)
            if chunk.__class__ is not tuple:
                chunk = await chunk
            rows, _ = await session.stream(source, 0, chunk)
    except BaseException:
        source.close()
        raise
    return session.completion(plan, source, rows)


def _no_parameters(plan: Plan) -> NoReturn:
    number, start, _ = plan.statement.parameters[0]
    raise UndefinedParameter(f"there is no parameter ${number}", position=start + 1)
