"""What a Responder sees in bytes that may be one statement: asked of both implementations in the same way."""

from __future__ import annotations

import asyncio
from contextvars import copy_context
from functools import cache
from typing import Any

import pgwire_py as pg
from pgwire_py.server.plans import Plan
from pgwire_py.server.results import Shape

CLASSES = (pg.Query, pg.Result, Plan, Shape)


def read_statement(core: Any, decoder: Any, data: bytes) -> Any:
    """The query string, the :data:`~pgwire_py._impl.interface.Batch`, or None; ``data`` is not taken."""
    plan = Plan.__new__(Plan)
    plan.text, plan.parameters, plan.shapes = data[5:-1].decode(errors="replace"), 0, {}
    responder = core.Responder(
        (_tell, None), CLASSES, decoder, {plan.text: plan}, _current(), ((b"",), 0), ((), (), (), print)
    )
    batch = responder.answer(data)
    if batch is None and responder.begun:
        return responder.outcome
    assert not responder.begun
    return batch


async def _tell(query: pg.Query) -> Any:
    return query.sql


@cache
def _current() -> tuple[Any, asyncio.AbstractEventLoop, Any]:
    """A context, a loop and a task that never run: the first step of a coroutine only needs them to be there."""
    loop = asyncio.new_event_loop()
    return copy_context(), loop, loop.create_task(asyncio.sleep(0))
