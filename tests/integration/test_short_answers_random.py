"""Statements in one piece and the same bytes in two pieces, which never go the short way, give the client and the handler the same."""

from __future__ import annotations

import asyncio
import contextvars
import random
from collections.abc import Iterator
from typing import Any

import pytest

import pgwire_py as pg
from tests.support.hosted import LOOPS, Hosted, hosted
from tests.support.raw import SYNC, Message, RawClient, bind, close, describe, execute, message, parse, query, text

SEEDS = range(12)
STEPS = 120
SEEN: contextvars.ContextVar[int] = contextvars.ContextVar("SEEN", default=0)
WORD = pg.Column("word", pg.TEXT)
NUMBER = pg.Column("number", pg.INT4)

VERBS = [
    "plain", "wait", "wait_twice", "fail", "fail_late", "error", "error_late", "error_unsendable", "cancelled", "notice", "timeout",
    "none", "many", "rows_tuple", "generator", "async_rows", "tag", "affected", "no_columns", "bad_value", "bad_width", "bad_row",
    "not_a_result", "subclass", "list_subclass", "columns_list", "two_columns", "alternating", "alternating_type", "same_result", "task",
]  # fmt: skip
PREFIXES = [
    "select",
    "select",
    "select",
    "explain select",
    "values",
    "with x as",
    "table",
    "from",
    "describe",
    "insert",
    "select into",
]


class Rows(list[Any]):
    """A list that is none exactly."""


class Special(pg.Result):
    """A Result with a tag of its own making."""

    @property
    def returns_rows(self) -> bool:
        return True


class Unprintable:
    """A value that cannot be encoded."""

    def __str__(self) -> str:
        raise ValueError("no text")


class Handler:
    """Does what the text says, and remembers of each session what it was asked."""

    def __init__(self) -> None:
        self.calls: dict[int, list[object]] = {}
        self.same = pg.Result([WORD], [("same",)])

    async def __call__(self, query: pg.Query) -> Any:
        session = query.session
        assert session is not None
        calls = self.calls.setdefault(session.process_id, [])
        SEEN.set(SEEN.get() + 1)
        calls.append((query.sql, query.parameters, query.parameter_types, query.describing, SEEN.get()))
        count = sum(call[0] == query.sql for call in calls)  # type: ignore[index]
        verb = next((word for word in query.sql.split() if word in VERBS), "plain")
        result = pg.Result([WORD], [(verb,)])
        match verb:
            case "wait":
                await asyncio.sleep(0)
            case "wait_twice":
                await asyncio.wait_for(asyncio.sleep(0.0001), 5)
                await asyncio.sleep(0)
            case "fail":
                raise ValueError("broken")
            case "fail_late":
                await asyncio.sleep(0)
                raise ValueError("broken")
            case "error":
                raise pg.PostgresError("no", sqlstate="P0001", hint="none")
            case "error_late":
                await asyncio.sleep(0)
                raise pg.PostgresError("no", sqlstate="P0001")
            case "error_unsendable":
                raise pg.PostgresError("n\0o \ud800", sqlstate="P0001")
            case "cancelled":
                future = asyncio.get_running_loop().create_future()
                future.cancel()
                await future
            case "notice":
                session.notice("NOTICE", "00000", f"call {count}")
            case "timeout":  # counts from the next statement on, also where this one waits
                session.set_setting("statement_timeout", "1")
                session.set_setting("application_name", f"{count}")
                await asyncio.sleep(0.005)
                session.set_setting("statement_timeout", "0")
            case "none":
                result.rows = []
            case "many":
                result.rows = [(str(i),) for i in range(100)]
            case "rows_tuple":
                result.rows = (("a",), ("b",))
            case "generator":
                result.rows = ((word,) for word in "abc")
            case "async_rows":
                result.rows = _rows()
            case "tag":
                result.tag = "FETCH 7"
            case "affected":
                result.affected = 7
            case "no_columns":
                return pg.Result(affected=count)
            case "bad_value":
                return pg.Result([NUMBER], [(1,), (Unprintable(),)])
            case "bad_width":
                result.rows = [("a", "b")]
            case "bad_row":
                result.rows = ["a"]
            case "not_a_result":
                return [("a",)]
            case "subclass":
                return Special([WORD], [("special",)])
            case "list_subclass":
                result.rows = Rows([("a",)])
            case "columns_list":
                result.columns = (WORD,)
            case "two_columns":
                return pg.Result([WORD, NUMBER], [("a", 1), (None, None)])
            case "alternating":
                result.columns = [pg.Column(f"c{count % 3}", pg.TEXT)]
            case "alternating_type":
                return pg.Result([NUMBER if count % 3 else WORD], [(count,) if count % 3 else ("word",)])
            case "same_result":
                return self.same
            case "task":
                task = asyncio.current_task()
                return pg.Result([WORD], [(str(task is not None and not task.done()),)])
        return result


async def _rows() -> Any:
    for word in "abc":
        await asyncio.sleep(0)
        yield (word,)


def some_statement(rng: random.Random, names: list[str]) -> bytes:
    """One statement, now and then with a mistake in it, as one piece."""
    parameters = rng.choice([0, 0, 1, 2])
    sql = f"{rng.choice(PREFIXES)} {rng.choice(VERBS)}" + "".join(f" ${i + 1}" for i in range(parameters))
    if rng.random() < 0.02:
        sql = f"select plain -- {'x' * 9000}"
    if rng.random() < 0.3:
        return query(sql + rng.choice(["", "", "", ";", "; select plain"]))
    types = [rng.choice([pg.INT4, pg.TEXT, 0]) for _ in range(rng.choice([0, parameters, parameters, parameters + 1]))]
    values = [
        rng.choice([b"1", b"\0\0\0\7", None])
        for _ in range(rng.choice([parameters] * 5 + [len(types), parameters + 1]))
    ]
    formats = [rng.choice([0, 1]) for _ in range(rng.choice([0, 0, 1, len(values), 2, 3]))]
    results = [rng.choice([0, 1, 0, 1, 0, 1, 2]) for _ in range(rng.choice([0, 0, 0, 1, 1, 2, 3]))]
    name = rng.choice(["", "", *names])
    bound = bind(*values, statement=name, formats=formats, result_formats=results)
    return b"".join(
        [
            parse(sql, "", types) if not name and rng.random() < 0.8 else b"",
            bound,
            describe("P") if rng.random() < 0.6 else b"",
            execute(max_rows=rng.choice([0, 0, 0, -1, 1])),
            SYNC,
        ]
    )


def some_step(rng: random.Random, names: list[str]) -> bytes:
    """A statement, or what comes between statements."""
    if rng.random() < 0.8:
        return some_statement(rng, names)
    match rng.randrange(8):
        case 0:
            name = f"s{len(names)}"
            names.append(name)
            parameters = rng.choice(["", "", " $1"])
            sql = f"{rng.choice(PREFIXES)} {rng.choice(VERBS)}{parameters}"
            types = [pg.INT4] if parameters and rng.random() < 0.8 else []
            return parse(sql, name, types) + (describe("S", name) if rng.random() < 0.6 else b"") + SYNC
        case 1 if names:
            return close("S", names.pop(rng.randrange(len(names)))) + SYNC
        case 2:
            return query(rng.choice(["begin", "commit", "rollback"]))
        case 3:
            return some_statement(rng, names) + some_statement(rng, names)  # pipelined
        case 4:
            return close("S") + SYNC
        case 5:
            return parse("select plain") + SYNC
        case 6:
            return query(rng.choice(["set statement_timeout = '1min'", "reset statement_timeout", "deallocate all"]))
    return message("Q", text("select plain")[:-1] + b"\xff\0")  # not UTF-8


def told(answers: list[Message]) -> tuple[list[object], list[object]]:
    """What answers the statement, and what may come at any time."""
    apart = [answer for answer in answers if answer.tag in "NS"]
    return [answer for answer in answers if answer.tag not in "NS"], apart  # type: ignore[return-value]


class Pair:
    """Two clients of one server that are sent the same, one in one piece, the other in two."""

    def __init__(self, server: Hosted, whole: RawClient, split: RawClient, handler: Handler) -> None:
        self._server = server
        self._whole = whole
        self._split = split
        self._handler = handler

    def send(self, step: bytes, cut: int) -> None:
        """Send it to both and hold the answers, and the calls of the handler, to each other."""
        count = _syncs(step)
        self._whole.send(step)
        whole = self._whole.until_ready(count)
        self._split.send(step[:cut])
        self._server.ask(lambda: None)  # the first piece has been read
        self._split.send(step[cut:])
        split = self._split.until_ready(count)
        assert told(whole) == told(split)
        calls = self._handler.calls
        assert calls.pop(self._whole.process_id, []) == calls.pop(self._split.process_id, [])


def _syncs(step: bytes) -> int:
    count = 0
    while step:
        length = int.from_bytes(step[1:5], "big")
        count += step[:1] in (b"S", b"Q")
        step = step[1 + length :]
    return count


@pytest.fixture(scope="module", params=LOOPS)
def pair(request: pytest.FixtureRequest) -> Iterator[Pair]:
    handler = Handler()
    with hosted(handler, LOOPS[request.param]) as it, it.client() as whole, it.client() as split:
        yield Pair(it, whole, split, handler)


@pytest.mark.parametrize("seed", SEEDS)
def test_in_one_piece_or_in_two(pair: Pair, seed: int) -> None:
    rng = random.Random(seed)
    pair.send(query("rollback"), 3)
    pair.send(query("deallocate all"), 3)
    pair.send(query("reset statement_timeout"), 3)
    names: list[str] = []
    recent: list[bytes] = []
    for _ in range(STEPS):
        step = rng.choice(recent) if recent and rng.random() < 0.6 else some_step(rng, names)
        recent = [*recent[-5:], step]
        pair.send(
            step, rng.randrange(1, int.from_bytes(step[1:5], "big") + 1)
        )  # what is behind decides about a transaction
