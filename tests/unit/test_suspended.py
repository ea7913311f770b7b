"""Suspended and Responder: what a handler's call may be, and what must not get lost."""

from __future__ import annotations

import asyncio
import types
from collections.abc import Callable, Generator
from contextvars import copy_context
from datetime import datetime, timedelta, tzinfo
from typing import Any

import pytest

import pgwire_py as pg
from pgwire_py._impl.suspended import Suspended
from pgwire_py.server.coding import Coding
from pgwire_py.server.plans import Plan
from pgwire_py.server.results import Shape


class Awaitable:
    def __await__(self) -> Generator[Any, Any, str]:
        yield from asyncio.sleep(0).__await__()
        return "done"


@types.coroutine
def generator() -> Generator[Any, Any, str]:
    yield
    return "done"


def future() -> asyncio.Future[str]:
    made = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_soon(made.set_result, "done")
    return made


@pytest.mark.parametrize("make", [Awaitable, generator, future])
async def test_what_await_takes(make: Callable[[], Any]) -> None:
    assert await Suspended(make()) == "done"


async def test_what_await_does_not_take() -> None:
    with pytest.raises(TypeError, match="await"):
        await Suspended("no awaitable")  # type: ignore[arg-type]


class Interrupted(tzinfo):
    """Python code that runs within the encoder."""

    def utcoffset(self, moment: datetime | None) -> timedelta:
        raise KeyboardInterrupt


def test_an_interrupt_while_a_value_is_encoded_is_not_lost(core: Any) -> None:
    async def handler(query: pg.Query) -> pg.Result:
        return pg.Result(columns, [(datetime(2000, 1, 1, tzinfo=Interrupted()),)])

    columns = (pg.Column("x", pg.TIMESTAMPTZ),)
    decoder = core.FrontendDecoder()
    decoder.startup = False
    plan = Plan.__new__(Plan)
    plan.text, plan.parameters, plan.shapes = "select x", 0, {(): Shape(columns, (), Coding(None, None, None))}
    plan.shapes[()].encoder = core.RowEncoder([pg.TIMESTAMPTZ], ())
    loop = asyncio.new_event_loop()
    task = loop.create_task(asyncio.sleep(0))
    current = (copy_context(), loop, task)
    classes = (pg.Query, pg.Result, Plan, Shape)
    plans = {"select x": plan}
    responder = core.Responder(
        (handler, None), classes, decoder, plans, current, ((b"", b""), 1000), ((), (), (), print)
    )
    try:
        with pytest.raises(KeyboardInterrupt):
            responder.answer(b"Q\0\0\0\x0dselect x\0")
    finally:
        loop.run_until_complete(task)
        loop.close()
