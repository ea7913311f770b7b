"""LISTEN, NOTIFY and UNLISTEN: the scripts answer as on PostgreSQL; psql, psycopg and asyncpg are told."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import asyncpg
import psycopg
import pytest

from tests.support.psql import Psql
from tests.support.raw import SYNC, bind, execute, parse, query
from tests.support.scripts import Step, answers, shown
from tests.support.targets import REFEREE, Target, Targets

SCRIPTS: dict[str, list[Step]] = {
    "own notifications": [
        "listen a", "notify a", "notify a, 'x'", "begin", "notify a, '1'", "notify a, '1'", "notify a, '2'", "select 1 as a", "commit",
        "begin", "notify a, '3'", "rollback", "unlisten a", "notify a", "listen b", "unlisten *", "notify b",
    ],
    "savepoints": [
        "listen a", "begin", "notify a, '4'", "savepoint s", "notify a, '5'", "rollback to s", "notify a, '6'", "release s", "commit",
        "begin", "savepoint s", "listen v", "rollback to s", "commit", "notify v",
    ],
    "names": [
        'listen "B c"', "notify \"B c\", 'it''s'", "LISTEN Aa", "notify AA", "notify aa", 'notify "Aa"', "select pg_notify('AA', 'no')",
        f"listen {'y' * 70}", f"notify {'y' * 63}", f"notify {'y' * 64}",
    ],
    "malformed": ["notify b c", "notify a, b", "listen", "notify", "unlisten", "listen a b", "listen a.b", "listen 'a'"],
    "long payloads": ["listen a", f"notify a, '{'x' * 8000}'", f"notify a, '{'x' * 7999}'"],
    "the functions": [
        "listen f", "select pg_notify('f', 'f')", "select pg_notify('f', 'g'), pg_notify('f', 'g')", "select pg_notify('f', null)",
        "select pg_listening_channels()", "select * from pg_listening_channels()", "discard all",
        "select count(*) from pg_listening_channels()",
    ],
    "in a transaction": [
        "begin", "listen t", "select count(*) from pg_listening_channels()", "notify t, 'own'", "commit", "begin", "listen u", "rollback",
        "notify u", "begin", "unlisten t", "rollback", "notify t, 'still'", "begin", "notify t, 'no'", "select * from no_such_table",
        "commit", "begin; notify t, '1'; notify t, '2'; commit", "notify t, '3'; notify t, '3'",
        "notify t, '4'; select * from no_such_table",
        parse("notify t, '5'") + bind() + execute() + parse("select 1 as a") + bind() + execute() + SYNC,
        parse("notify t, '6'") + bind() + execute() + SYNC,
        "set application_name = 'x'; notify t, '7'",
    ],
    "what the client's encoding lacks ends the session": [
        "listen t", "set client_encoding to latin1", "begin", "notify t, U&'\\20ac'", "notify t, 'behind it'", "commit",
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", SCRIPTS)
def test_as_postgresql(targets: Targets, our_target: Target, name: str) -> None:
    with targets.get(REFEREE).raw() as client:
        expected = answers(client, SCRIPTS[name])
    with our_target.raw() as client:
        assert answers(client, SCRIPTS[name]) == expected


@pytest.mark.smoke
def test_others_are_told_when_they_are_idle(target: Target) -> None:
    with target.raw() as idle, target.raw() as busy, target.raw() as sender:
        for client in (idle, busy):
            answers(client, ["listen a"])
        answers(busy, ["begin"])
        answers(sender, ["begin", "notify a, '1'"])
        answers(sender, ["notify a, '2'", "commit"])
        told = [idle.receive(), idle.receive()]
        assert [shown(message) for message in told if message] == ["A a 1", "A a 2"]
        assert told[0] is not None
        assert int.from_bytes(told[0].body[:4], "big") == sender.process_id
        assert answers(busy, ["select 1 as a"])[1:] == ["T [('a', 0)]", "D 1", "C SELECT 1", "Z T"]
        assert answers(busy, ["commit"])[1:] == ["C COMMIT", "A a 1", "A a 2", "Z I"]


def test_the_order_of_commits_is_kept(target: Target) -> None:
    with target.raw() as listener, target.raw() as first, target.raw() as second:
        answers(listener, ["listen a"])
        answers(first, ["begin", "notify a, 'first'"])
        answers(second, ["begin", "notify a, 'second'", "commit"])
        answers(first, ["commit"])
        assert [shown(message) for message in (listener.receive(), listener.receive()) if message] == [
            "A a second",
            "A a first",
        ]


def test_who_is_gone_does_not_listen(target: Target) -> None:
    with target.raw() as sender:
        for _ in range(3):
            with target.raw() as listener:
                answers(listener, ["listen a"])
        assert answers(sender, ["notify a"])[1:] == ["C NOTIFY", "Z I"]


def test_psql(psql: Psql) -> None:
    result = psql("listen a", "notify a, 'x'", "notify a")
    assert 'Asynchronous notification "a" with payload "x" received from server process with PID' in result.stdout
    assert result.stdout.count("Asynchronous notification") == 2


@pytest.mark.smoke
def test_psycopg(target: Target) -> None:
    with (
        psycopg.connect(target.dsn, autocommit=True) as listener,
        psycopg.connect(target.dsn, autocommit=True) as sender,
    ):
        listener.execute("listen news")
        timer = threading.Timer(0.2, lambda: sender.execute("select pg_notify('news', %s)", ["hello"]))
        timer.start()
        found = list(listener.notifies(timeout=20, stop_after=1))
        timer.join()
        assert [(notify.channel, notify.payload, notify.pid) for notify in found] == [
            ("news", "hello", sender.info.backend_pid)
        ]


@pytest.mark.smoke
async def test_asyncpg(target: Target) -> None:
    listener, sender = await asyncpg.connect(**target.asyncpg), await asyncpg.connect(**target.asyncpg)
    heard: asyncio.Queue[tuple[Any, ...]] = asyncio.Queue()
    await listener.add_listener("news", lambda _, *what: heard.put_nowait(what))
    await sender.execute("notify news, 'one'")
    await sender.execute("select pg_notify($1, $2)", "news", "two")
    pid = sender.get_server_pid()
    assert [await asyncio.wait_for(heard.get(), 20) for _ in range(2)] == [(pid, "news", "one"), (pid, "news", "two")]
    await listener.reset()
    await sender.execute("notify news, 'three'")
    assert await listener.fetchval("select 1") == 1
    assert heard.empty()
    await listener.close()
    await sender.close()


def test_many_listeners_and_senders(our_target: Target) -> None:
    """Everybody hears everything, once, each sender in its own order."""
    count, each = 8, 25
    clients = [our_target.raw() for _ in range(count)]
    for client in clients:
        answers(client, ["listen a"])
    for number in range(each):
        for sender, client in enumerate(clients):
            client.send(query(f"notify a, '{sender} {number}'"))
    for client in clients:
        heard: list[str] = []
        while len(heard) < count * each:
            message = client.receive()
            assert message is not None
            if message.tag == "A":
                heard.append(shown(message).removeprefix("A a "))
        for sender in range(count):
            assert [line for line in heard if line.startswith(f"{sender} ")] == [
                f"{sender} {number}" for number in range(each)
            ]
        client.socket.close()


def test_who_cannot_write_a_notification_is_ended_and_not_its_sender(our_target: Target) -> None:
    """PostgreSQL ends the session too, though only when it is next asked something."""
    with our_target.raw(client_encoding="LATIN1") as first, our_target.raw() as second, our_target.raw() as sender:
        answers(first, ["listen e"])
        answers(second, ["listen e"])
        assert answers(sender, ["notify e, '€'", "select 1 as a"])[1:3] == ["C NOTIFY", "Z I"]
        assert first.to_end() == ["E 22P05 FATAL"]
        found = second.receive()
        assert found is not None
        assert shown(found) == "A e €"
