"""Limits of time, cancelling and ending of sessions with handler functions; users of a server and what they may do to each other."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

import pgwire_py as pg
from pgwire_py.engines.sqlite import SqliteEngine
from tests.support.hosted import Hosted, hosted
from tests.support.raw import PROTOCOL_3_0, RawClient, query
from tests.support.scripts import answers, shown
from tests.support.targets import REFEREE, Targets

COLUMNS = [pg.Column("a", pg.TEXT)]
DISCARDED = "canceling statement due to statement timeout"


def word(text: str) -> pg.Result:
    return pg.Result(columns=COLUMNS, rows=[(text,)])


def login(it: Hosted, user: str) -> RawClient:
    client = it.connect()
    client.login(user, "test", PROTOCOL_3_0)
    return client


def ask(client: RawClient, sql: str) -> list[str]:
    client.send(query(sql))
    return [shown(answer) for answer in client.until_ready() if answer.tag not in "TS"]


def test_a_blocked_thread_does_not_hold_its_session() -> None:
    release = threading.Event()
    ran: list[str] = []

    def handler(query: pg.Query) -> pg.Result:
        ran.append(query.sql)
        if query.sql == "block":
            release.wait(20)
        return word(query.sql)

    with hosted(handler) as it, it.client(statement_timeout="100ms") as client:
        assert ask(client, "block") == [f"E 57014 M={DISCARDED}", "Z I"]
        assert ask(client, "never run") == [f"E 57014 M={DISCARDED}", "Z I"]
        release.set()
        assert ask(client, "set statement_timeout = 0") == ["C SET", "Z I"]
        assert ask(client, "again") == ["D again", "C SELECT 1", "Z I"]
        assert ran == ["block", "again"]


@pytest.mark.parametrize("on_loop", [True, False])
def test_a_handler_is_seen_cancelled_and_ended(on_loop: bool) -> None:
    release = threading.Event()

    async def waits(query: pg.Query) -> pg.Result:
        if query.sql == "block":
            await asyncio.sleep(60)
        return word(query.sql)

    def blocks(query: pg.Query) -> pg.Result:
        if query.sql == "block":
            release.wait(20)
        return word(query.sql)

    handler: Callable[..., Any] = waits if on_loop else blocks
    with hosted(handler) as it, it.client() as victim, it.client() as watcher:
        assert ask(victim, "select 1") == ["D select 1", "C SELECT 1", "Z I"]
        victim.send(query("block"))
        state = f"select state, query from pg_stat_activity where pid = {victim.process_id}"
        until = time.monotonic() + 20
        while ask(watcher, state)[0] != "D active|block":
            assert time.monotonic() < until
            time.sleep(0.01)
        assert ask(watcher, f"select pg_cancel_backend({victim.process_id})")[0] == "D t"
        assert [shown(answer) for answer in victim.until_ready()] == [
            "E 57014 M=canceling statement due to user request",
            "Z I",
        ]
        release.set()
        assert ask(watcher, f"select pg_terminate_backend({victim.process_id}, 10000)")[0] == "D t"
        assert [shown(answer) for answer in victim] == [
            "E 57P01 FATAL M=terminating connection due to administrator command"
        ]
        assert ask(watcher, "select count(*) from pg_stat_activity")[0] == "D 1"


def test_users_leave_each_other_alone() -> None:
    with hosted(SqliteEngine(":memory:")) as it, login(it, "one") as one, login(it, "two") as two:
        assert ask(one, f"select pg_terminate_backend({two.process_id})") == [
            "E 42501 M=must be a member of the role whose process is being terminated or member of pg_signal_backend",
            "Z I",
        ]
        assert ask(one, f"select pg_cancel_backend({two.process_id})") == [
            "E 42501 M=must be a member of the role whose process is being canceled or member of pg_signal_backend",
            "Z I",
        ]
        columns = "usename, query, state, client_addr, backend_start, xact_start, query_start"
        assert ask(one, f"select {columns} from pg_stat_activity where pid = {two.process_id}")[0] == (
            "D two|<insufficient privilege>|NULL|NULL|NULL|NULL|NULL"
        )
        assert ask(two, "select 1 as a")[0] == "D 1"


ROLES = [
    "set role none",
    "show role",
    "set role session_nobody",
    "set session authorization session_nobody",
    "set session authorization session_two",
    "set role session_two",
    "set session authorization session_one",
    "set role session_one",
    "show role",
    "reset role",
    "show role",
    "set session authorization default",
    "reset session authorization",
    "show session_authorization",
    "begin",
    "set local role session_one",
    "commit",
    "show role",
    "select set_config('role', 'none', false)",
]


def test_roles_as_postgresql(targets: Targets) -> None:
    referee = targets.get(REFEREE)
    with referee.raw() as client:
        answers(client, ["create role session_one login", "create role session_two login"])
    try:
        with referee.connect() as client:
            client.login("session_one", referee.dbname)
            expected = answers(client, ROLES)
    finally:
        with referee.raw() as client:
            answers(client, ["drop role session_one", "drop role session_two"])
    with hosted(SqliteEngine(":memory:")) as it, login(it, "session_one") as one, login(it, "session_two"):
        assert answers(one, ROLES) == expected


def test_a_limit_in_the_start_up_packet_counts_from_the_login() -> None:
    async def handler(query: pg.Query) -> pg.Result:
        return word(query.sql)

    with hosted(handler) as it, it.client(idle_session_timeout="150ms") as client:
        assert [shown(answer) for answer in client] == [
            "E 57P05 FATAL M=terminating connection due to idle-session timeout"
        ]


def test_a_limit_holds_on_the_short_way() -> None:
    async def handler(query: pg.Query) -> pg.Result:
        return word(query.sql)

    with hosted(handler) as it, it.client() as client:
        for _ in range(3):
            assert ask(client, "select 1")[0] == "D select 1"
        assert ask(client, "set idle_session_timeout = '150ms'")[0] == "C SET"
        for _ in range(4):
            time.sleep(0.08)
            assert ask(client, "select 1")[0] == "D select 1"
        assert [shown(answer) for answer in client] == [
            "E 57P05 FATAL M=terminating connection due to idle-session timeout"
        ]
