"""Hooks that raise, hang or are cut short: what their clients are told, and that ``closed`` comes once for each session that started."""

from __future__ import annotations

import asyncio
import socket
import sqlite3
import struct
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import pgwire_py as pg
from pgwire_py.engines.sqlite import SqliteEngine
from tests.support.hosted import DEADLINE, Hosted, hosted
from tests.support.raw import query, startup
from tests.support.scripts import answers

N = [pg.Column("n", pg.INT4)]


class Hooks(pg.Hooks):
    """What the user's name or the statement says."""

    def __init__(self) -> None:
        self.started: list[pg.Session] = []
        self.ended: list[pg.Session] = []
        self.waiting = threading.Event()
        self.left: list[str] = []

    async def startup(self, session: pg.Session, parameters: Mapping[str, str]) -> None:
        if session.user == "refused":
            raise pg.PostgresError("not you", sqlstate="28000")
        if session.user == "slow":
            self.waiting.set()
            with suppress(asyncio.CancelledError):  # the client has left: it starts all the same
                await asyncio.sleep(1000)
        self.started.append(session)
        if session.user == "unsendable":
            session.set_setting("application_name", "ab")

    def server_parameters(self, session: pg.Session) -> Mapping[str, str]:
        if session.user == "broken":
            raise ZeroDivisionError("in server_parameters")
        if session.user == "nonsense":
            return 42  # type: ignore[return-value]
        return {"region": "nor\0th" if session.user == "unsendable" else "north"}

    def closed(self, session: pg.Session) -> None:
        self.ended.append(session)

    async def simple_query(self, session: pg.Session, sql: str) -> Any:
        if sql == "wait":
            self.waiting.set()
            await asyncio.sleep(1000)
        if sql.startswith("one, "):
            return self._several(sql)
        if sql.startswith("plainly one, "):
            return self._plainly()
        return None

    async def _several(self, sql: str) -> AsyncIterator[pg.Result]:
        try:
            yield pg.Result(N, [(1,)])
            if sql == "one, none, error":
                yield pg.Result(tag="SET")
            if sql == "one, wait":
                self.waiting.set()
                await asyncio.sleep(1000)
            if sql == "one, broken rows":
                yield pg.Result(N, iter([(2,), ("x", "y")]))
            raise pg.PostgresError("the second", sqlstate="22012")
        finally:
            await asyncio.sleep(0)
            self.left.append(sql)

    def _plainly(self) -> Iterator[pg.Result]:
        yield pg.Result(N, [(1,)])
        raise pg.PostgresError("the second", sqlstate="22012")


async def function(query: pg.Query) -> pg.Result:
    return pg.Result(N, [(1,)])


@pytest.fixture(params=["function", "hard", "soft"])
def served(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Hosted, Hooks]]:
    hooks = Hooks()
    engine: Any = function
    if request.param != "function":
        sqlite3.connect(tmp_path / "a.sqlite").close()
        engine = SqliteEngine(tmp_path / "a.sqlite")
        engine.capabilities = replace(engine.capabilities, cancel=request.param)
    with hosted(engine, hooks=hooks) as running:
        yield running, hooks


def _until(true: Callable[[], object]) -> None:
    end = time.monotonic() + DEADLINE
    while not true():
        assert time.monotonic() < end, "it did not come true"
        time.sleep(0.01)


def _login(running: Hosted, user: str) -> str:
    with running.connect() as client:
        client.send(startup({"user": user, "database": "test"}))
        return client.to_end()[-1]


def test_closed_comes_once_for_each_session_whose_startup_succeeded(served: tuple[Hosted, Hooks]) -> None:
    running, hooks = served
    assert _login(running, "refused") == "E 28000 FATAL"
    for user in ("broken", "nonsense", "unsendable"):
        assert _login(running, user) == "E XX000 FATAL"
    with running.connect() as client:
        client.send(startup({"user": "slow", "database": "test"}))
        assert hooks.waiting.wait(DEADLINE)
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # leaves with a reset
    with running.client() as client:
        assert answers(client, ["select 1"])[-1] == "Z I"
    _until(lambda: len(hooks.ended) >= 5)
    running.call(running.server.close(timeout=1.0))
    assert [session.user for session in hooks.started] == ["broken", "nonsense", "unsendable", "slow", "tester"]
    assert hooks.ended == hooks.started
    _until(lambda: len(running.ask(asyncio.all_tasks)) == 1)  # that of the question


def test_a_cancel_within_the_simple_query_hook_leaves_the_session_usable(served: tuple[Hosted, Hooks]) -> None:
    running, hooks = served
    with running.client() as client:
        for _ in range(2):
            for sql, results in (("wait", []), ("one, wait", ["T", "D 1", "C SELECT 1"])):
                hooks.waiting.clear()
                client.send(query(sql))
                assert hooks.waiting.wait(DEADLINE)
                running.cancel(client)
                assert [str(part) for part in client.until_ready()] == [*results, "E 57014", "Z I"]
            assert [line[0] for line in answers(client, ["select 1"])[1:]] == ["T", "D", "C", "Z"]


def test_results_before_an_error_are_complete(served: tuple[Hosted, Hooks]) -> None:
    """As PostgreSQL's of the statements before the one that fails."""
    running, hooks = served
    one = ["T [('n', 0)]", "D 1", "C SELECT 1"]
    with running.client() as client:
        for _ in range(2):
            error = ["E 22012 M=the second", "Z I"]
            assert answers(client, ["one, error"])[1:] == [*one, *error]
            assert answers(client, ["one, none, error"])[1:] == [*one, "C SET", *error]
            assert answers(client, ["plainly one, error"])[1:] == [*one, *error]
            found = answers(client, ["one, broken rows"])[1:]
            assert found[:4] == [*one, "T [('n', 0)]"]
            assert [line[:7] for line in found[4:]] == ["E 08P01", "Z I"]
    assert hooks.left.count("one, broken rows") == 2
