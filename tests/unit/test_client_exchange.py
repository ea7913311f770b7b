"""Answers to a batch of runs, taken in one step where they are all alike, against the way that takes them one by one."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from pgwire_py.client.exchange import Exchange, ManyExchange
from pgwire_py.errors import RemoteProtocolError

BOUND, DONE, READY, NOTICE = ("2", b""), ("C", b"INSERT 0 1\0"), ("Z", b"I"), ("N", b"\0")
ERROR = ("E", b"SERROR\0VERROR\0C23505\0Mtwice\0\0")
COUNT = 6


def taken(kind: type[Exchange], frames: list[Any], cuts: list[int]) -> Any:
    """What became of the exchange, and what was handed on."""
    loop = asyncio.new_event_loop()
    try:
        exchange = kind("2C" * COUNT + "Z", loop.create_future())
        others: list[Any] = []
        try:
            for start, end in zip([0, *cuts], [*cuts, len(frames)], strict=True):
                exchange.take(frames[start:end], lambda *other: others.append(other))
        except RemoteProtocolError as error:
            return str(error)
        return exchange.position, exchange.done, exchange.status, str(exchange.error), exchange.waiter.done(), others
    finally:
        loop.close()


@pytest.mark.parametrize(
    "frames",
    [
        [BOUND, DONE] * COUNT + [READY],
        [BOUND, DONE] * (COUNT - 2),
        [BOUND, DONE] * 2 + [NOTICE] + [BOUND, DONE] * (COUNT - 2) + [READY],
        [BOUND, DONE] * 3 + [BOUND, ("C", b"INSERT 0 2\0")] + [BOUND, DONE] * (COUNT - 4) + [READY],
        [BOUND, DONE] * 3 + [ERROR, READY],
        [BOUND, DONE] * 3 + [BOUND, ERROR, READY],
        [BOUND, DONE] * (COUNT + 1) + [READY],
        [BOUND, ("C", b"INSERT")] * COUNT + [READY],
        [BOUND, BOUND] * COUNT + [READY],
        [DONE, BOUND] * COUNT + [READY],
    ],
)
def test_answers_that_are_alike(frames: list[Any]) -> None:
    for first in range(len(frames)):
        for cuts in ([first], [first, (first + len(frames)) // 2]):
            assert taken(ManyExchange, frames, cuts) == taken(Exchange, frames, cuts)
    assert taken(ManyExchange, frames, []) == taken(Exchange, frames, [])
