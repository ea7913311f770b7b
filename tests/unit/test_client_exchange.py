"""Answers to a batch of runs, taken in one step where they are all alike, against the way that takes them one by one."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from pgwire_py.client.answers import whole_message
from pgwire_py.client.exchange import Exchange, ManyExchange, UnkeptExchange
from pgwire_py.errors import RemoteProtocolError

BOUND, DONE, READY, NOTICE = ("2", b""), ("C", b"INSERT 0 1\0"), ("Z", b"I"), ("N", b"\0")
ERROR = ("E", b"SERROR\0VERROR\0C23505\0Mtwice\0\0")
COUNT = 6


def taken(kind: type[Exchange], frames: list[Any], cuts: list[int], script: str = "2C" * COUNT + "Z") -> Any:
    """What became of the exchange, and what was handed on."""
    loop = asyncio.new_event_loop()
    try:
        sources = [list, *(lambda bodies, number=number: [number] for number in range(1, COUNT))]
        exchange = kind(script, loop.create_future(), decoders=sources)
        others: list[Any] = []
        try:
            for start, end in zip([0, *cuts], [*cuts, len(frames)], strict=True):
                exchange.take(frames[start:end], lambda *other: others.append(other))
        except RemoteProtocolError as error:
            return str(error)
        kept = None
        if kind is not UnkeptExchange:
            source = sources.index(exchange.decode) if len(exchange.results) < COUNT else None
            kept = source, [str(one) if isinstance(one, BaseException) else one for one in exchange.results]
        state = exchange.position, exchange.done, exchange.status, str(exchange.error), exchange.waiter.done()
        return kept, (*state, others)
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
            plain = taken(Exchange, frames, cuts)
            assert taken(ManyExchange, frames, cuts) == plain
            assert taken(UnkeptExchange, frames, cuts)[1:] == plain[1:]
    assert taken(ManyExchange, frames, []) == taken(Exchange, frames, [])


@pytest.mark.parametrize(
    "frames",
    [
        [BOUND, DONE, READY] * COUNT,
        [BOUND, DONE, READY] * 2 + [ERROR, READY] + [BOUND, DONE, READY] * (COUNT - 3),
        [BOUND, DONE, READY] * 3 + [BOUND, ERROR, READY] + [BOUND, DONE, READY] * (COUNT - 4),
        [BOUND, DONE, READY, NOTICE] + [BOUND, DONE, READY] * (COUNT - 1),
        [BOUND, DONE, READY] * (COUNT - 3) + [BOUND, ("C", b"SELECT 0\0"), READY] * 3,
        [BOUND, ("D", b"\0\0"), DONE, READY] + [BOUND, DONE, READY] * (COUNT - 1),
        [BOUND, DONE, ("Z", b"T")] * (COUNT - 2) + [BOUND, DONE, READY] * 2,
        [BOUND, DONE, ("Z", b"?")] * COUNT,
        [BOUND, DONE, READY] * (COUNT + 1),
        [BOUND, DONE] * COUNT,
    ],
)
def test_answers_that_are_alike_with_a_sync_behind_each(frames: list[Any]) -> None:
    script = "2CZ" * COUNT
    for first in range(len(frames)):
        for cuts in ([first], [first, (first + len(frames)) // 2]):
            assert taken(ManyExchange, frames, cuts, script) == taken(Exchange, frames, cuts, script)
    assert taken(ManyExchange, frames, [], script) == taken(Exchange, frames, [], script)


ROW, BAD_ROW, SELECTED = ("D", b"\0\1\0\0\0\4\0\0\0\7"), ("D", b"\0\1\0\0\0\2\0\7"), ("C", b"SELECT 1\0")


def received(core: Any, kind: type[Exchange], data: bytes, cuts: list[int], script: str, wanted: bool = True) -> Any:
    """What became of the exchange whose answers came in these pieces: every other statement gives rows, one of them by a user's codec."""
    loop = asyncio.new_event_loop()
    try:
        rows = core.RowDecoder([23], [1])
        sources = [rows.decode, None, lambda bodies: [len(bodies)], rows.decode, rows.decode, None]
        exchange = kind(script, loop.create_future(), *((sources[0], None, sources) if wanted else ()))
        if isinstance(exchange, ManyExchange) and wanted:
            exchange.readers = [rows, None, None, rows, rows, None]
        decoder, others = core.FrameDecoder(), []
        try:
            for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True):
                exchange.take(exchange.cut(decoder, data[start:end]), lambda *other: others.append(other))
        except RemoteProtocolError:
            return "refused"
        state = exchange.position, exchange.done, exchange.status, str(exchange.error), exchange.waiter.done(), others
        kept = [str(one) if isinstance(one, BaseException) else one for one in exchange.results]
        return state, kept if wanted else None
    finally:
        loop.close()


@pytest.mark.parametrize(
    "answers",
    [
        [[BOUND, ROW, SELECTED], [BOUND, DONE]] * 3,
        [[BOUND, ROW, SELECTED], [BOUND, DONE], [BOUND, ROW, ROW, SELECTED], [BOUND, ("s", b"")]],
        [
            [BOUND, ROW, SELECTED],
            [BOUND, DONE],
            [NOTICE, BOUND, SELECTED],
            [BOUND, BAD_ROW, ROW, SELECTED],
            [BOUND, SELECTED],
        ],
        [[BOUND, ROW, SELECTED], [BOUND, ERROR], [BOUND, ROW, SELECTED], [BOUND, ROW, SELECTED]],
        [[BOUND, ROW, SELECTED], [BOUND, DONE], [BOUND, ("I", b"")], [BOUND, ROW, NOTICE, ROW, SELECTED]],
        [[BOUND, DONE]] * (COUNT + 1),
        [[BOUND, DONE], [DONE, BOUND]],
        [[BOUND, ROW, SELECTED], [BOUND, ROW, ("C", b"SELECT")]],
    ],
)
@pytest.mark.parametrize("synced", [False, True])
def test_answers_that_came_in_pieces(core: Any, answers: list[list[Any]], synced: bool) -> None:
    failed = next((at for at, answer in enumerate(answers) if ERROR in answer), len(answers))
    frames = [frame for answer in answers[: None if synced else failed + 1] for frame in (*answer, *[READY] * synced)]
    data = b"".join(whole_message(*frame) for frame in frames) + whole_message(*READY) * (not synced)
    script = "2CZ" * COUNT if synced else "2C" * len(answers[:COUNT]) + "Z"
    for first in range(0, len(data), 3):
        for cuts in ([], [first], [first, (first + len(data)) // 2]):
            assert received(core, ManyExchange, data, cuts, script) == received(core, Exchange, data, cuts, script)
            unread = received(core, UnkeptExchange, data, cuts, script, False)
            assert unread == received(core, Exchange, data, cuts, script, False)


@pytest.mark.parametrize("size", [7, 1_000])
def test_tags_of_statements_without_rows(core: Any, size: int) -> None:
    loop = asyncio.new_event_loop()
    try:
        exchange, decoder = ManyExchange("2C" * 4 + "Z", loop.create_future()), core.FrameDecoder()
        exchange.readers = [core.RowDecoder([23], [1])] * 4
        frames = [BOUND, DONE, BOUND, DONE, BOUND, ROW, SELECTED, BOUND, ("C", b"DISCARD ALL\0"), READY]
        data = b"".join(whole_message(*frame) for frame in frames)
        for start in range(0, len(data), size):
            exchange.take(exchange.cut(decoder, data[start : start + size]), lambda *other: None)
        assert exchange.done
        assert exchange.tags == {b"INSERT 0 1", b"DISCARD ALL"}
    finally:
        loop.close()
