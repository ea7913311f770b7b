"""What a handler can do besides answering: notices, ParameterStatus, notifications, function calls; and cursors over its rows."""

from __future__ import annotations

import asyncio
import struct
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

import pytest

import pgwire_py as pg
from pgwire_py.errors import UndefinedFunction
from pgwire_py.server import cursors, notifications
from tests.support.hosted import Hosted, hosted
from tests.support.raw import SYNC, Message, RawClient, bind, execute, message, parse, query
from tests.support.scripts import Step, answers, shown

N = [pg.Column("n", pg.INT4)]


async def answer(query: pg.Query) -> pg.Result:
    """``words`` of the statement say what is done besides."""
    session = query.session
    assert session is not None
    words = query.sql.split()
    if "notice" in words and not query.describing:
        for severity in ("DEBUG1", "INFO", "NOTICE", "WARNING"):
            session.notice(severity, "01000" if severity == "WARNING" else "00000", f"a {severity}", hint="none")
    if "slow" in words:
        await asyncio.sleep(0.01)
    if "parameter" in words:
        session.report_parameter("in_hot_standby", "on")
        session.set_setting("application_name", "changed")
    if "notify" in words:
        session.notify("a", "of the session")
        session.server.notify("a", "of the server")
    if "fail" in words:
        raise ValueError("failed")
    if "many" in words:
        return pg.Result(columns=N, rows=((n,) for n in range(100_000)))
    if "endless" in words:
        return pg.Result(columns=N, rows=_endless())
    return pg.Result(columns=N, rows=[(n,) for n in range(1, 6)])


async def _endless() -> AsyncIterator[tuple[int]]:
    number = 0
    while True:
        yield (number,)
        number += 1


async def function_call(
    session: pg.Session, oid: int, arguments: Sequence[bytes | None], formats: Sequence[int], result_format: int
) -> bytes | None:
    if oid == 1:
        return b",".join(argument or b"NULL" for argument in arguments) + f"|{list(formats)}|{result_format}".encode()
    if oid == 2:
        return None
    if oid == 3:
        return "text"  # type: ignore[return-value]  what a handler should not do
    raise UndefinedFunction(f"function with OID {oid} does not exist")


@pytest.fixture(scope="module")
def running() -> Iterator[Hosted]:
    with hosted(pg.PythonEngine(answer, function_call=function_call)) as it:
        yield it


@pytest.fixture
def client(running: Hosted) -> Iterator[RawClient]:
    with running.client() as made:
        yield made


ROWS = ["D 1", "D 2", "D 3", "D 4", "D 5", "C SELECT 5", "Z I"]


@pytest.mark.parametrize("words", ["notice", "notice slow"])
def test_notices(client: RawClient, words: str) -> None:
    for _ in range(3):  # the short way as well
        told = answers(client, [f"select {words}"])[1:]
        assert told == [
            "N 00000 INFO M=a INFO H=none", "N 00000 M=a NOTICE H=none", "N 01000 M=a WARNING H=none", "T [('n', 0)]", *ROWS,
        ]  # fmt: skip
    answers(client, ["set client_min_messages = warning"])
    assert len([line for line in answers(client, [f"select {words}"]) if line.startswith("N")]) == 2
    answers(client, ["set client_min_messages = debug1"])
    assert len([line for line in answers(client, [f"select {words}"]) if line.startswith("N")]) == 4


def test_parameters(client: RawClient) -> None:
    client.send(message("Q", b"select parameter\0"))
    told = {bytes(part.body) for part in client.until_ready() if part.tag == "S"}
    assert told == {b"in_hot_standby\0on\0", b"application_name\0changed\0"}


@pytest.mark.parametrize("words", ["notify", "notify slow"])
def test_notifications(running: Hosted, client: RawClient, words: str) -> None:
    with running.client() as listener:
        answers(listener, ["listen a"])
        for _ in range(3):
            answers(client, [f"select {words}"])
            assert [shown(found) for found in (listener.receive(), listener.receive()) if found] == [
                "A a of the server", "A a of the session",
            ]  # fmt: skip
        answers(client, [f"select {words} fail", "begin", f"select {words}", "rollback"])
        assert [shown(found) for found in (listener.receive(), listener.receive()) if found] == [
            "A a of the server"
        ] * 2
        running.server.notify("a", "from another thread")
        found = listener.receive()
        assert found is not None
        assert (shown(found), found.body[:4]) == ("A a from another thread", b"\0\0\0\0")
    with pytest.raises(pg.PostgresError, match="too long"):
        running.server.notify("a", "x" * 8_000)


def test_own_notifications_on_the_short_way(client: RawClient) -> None:
    found = answers(client, ["listen a", *["select notify", "select notify slow"] * 3, "select 1", "unlisten a"])
    heard = [line for line in found if line.startswith("A")]
    assert sorted(heard) == ["A a of the server"] * 6 + ["A a of the session"] * 6


def _function(oid: int, *arguments: bytes | None, formats: Sequence[int] = (), result: int = 0) -> bytes:
    body = struct.pack(f"!IH{len(formats)}hH", oid, len(formats), *formats, len(arguments))
    for argument in arguments:
        body += struct.pack("!i", -1) if argument is None else struct.pack("!i", len(argument)) + argument
    return message("F", body + struct.pack("!h", result))


def test_function_call(client: RawClient) -> None:
    def call(*arguments: Any, **options: Any) -> list[Message]:
        client.send(_function(*arguments, **options))
        return client.until_ready()

    assert call(1, b"a", None, b"c")[0].body[4:] == b"a,NULL,c|[0, 0, 0]|0"
    assert call(1, b"a", b"b", formats=(1,), result=1)[0].body[4:] == b"a,b|[1, 1]|1"
    assert call(1, b"a", b"b", formats=(0, 1))[0].body[4:] == b"a,b|[0, 1]|0"
    assert [str(part) for part in call(2)] == ["V", "Z I"]
    assert call(2)[0].body == b"\xff\xff\xff\xff"
    assert [str(part) for part in call(3)] == ["E XX000", "Z I"]
    assert [str(part) for part in call(9)] == ["E 42883", "Z I"]
    assert [str(part) for part in call(1, b"a", b"b", b"c", formats=(0, 1))] == ["E 08P01", "Z I"]
    answers(client, ["begin", "select fail"])
    assert [str(part) for part in call(1)] == ["E 25P02", "Z E"]


def test_function_call_without_a_hook() -> None:
    with hosted(answer) as running, running.client() as client:
        client.send(_function(1))
        assert [str(part) for part in client.until_ready()] == ["E 0A000", "Z I"]


SCRIPT: list[Step] = [
    "begin",
    "declare c scroll cursor for select many",
    "fetch 2 c",
    "move 90000 c",
    "fetch c",
    "fetch backward 2 c",
    "fetch last c",
    "declare e no scroll cursor for select endless",
    "fetch 3 e",
    "insert what it answers as it likes",
    "fetch e",
    "commit",
    "declare h cursor with hold for select",
    "fetch 4 h",
    "prepare p (int) as select slow",
    "execute p(1)",
    parse("fetch h") + bind(result_formats=(1,)) + execute() + SYNC,
]


@pytest.mark.parametrize("on_loop", [True, False])
def test_cursors_over_a_function(on_loop: bool) -> None:
    def blocking(query: pg.Query) -> pg.Result:
        if "endless" in query.sql:
            return pg.Result(columns=N, rows=((n,) for n in iter(int, 1)))
        return pg.Result(columns=N, rows=((n,) for n in range(100_000 if "many" in query.sql else 6)))

    with hosted(answer if on_loop else blocking) as running, running.client() as client:
        found = answers(client, SCRIPT)
    tags = [line for line in found if line.startswith(("C", "E"))]
    assert tags[:10] == [
        "C BEGIN", "C DECLARE CURSOR", "C FETCH 2", "C MOVE 90000", "C FETCH 1", "C FETCH 2", "C FETCH 1", "C DECLARE CURSOR",
        "C FETCH 3", "C INSERT 0 5" if on_loop else "C INSERT 0 6",
    ]  # fmt: skip
    assert [line for line in found if line.startswith("D")][:6] == [
        "D 0",
        "D 1",
        "D 90002",
        "D 90001",
        "D 90000",
        "D 99999",
    ]
    assert not [line for line in tags if line.startswith("E")]


@pytest.mark.parametrize("statement", ["move all c", "fetch last c", "move absolute 2000000000 c"])
def test_what_gives_nothing_can_be_cancelled(running: Hosted, client: RawClient, statement: str) -> None:
    answers(client, ["begin", "declare c no scroll cursor for select endless"])
    client.send(query(statement))
    with running.client() as other:  # meanwhile others are answered
        assert answers(other, ["select 1"])[-1] == "Z I"
    running.cancel(client)
    assert [str(found) for found in client.until_ready()] == ["E 57014", "Z E"]


def test_limits_of_what_is_kept(monkeypatch: pytest.MonkeyPatch, client: RawClient) -> None:
    monkeypatch.setattr(cursors, "MAX_KEPT", 100_000)
    monkeypatch.setattr(cursors, "MAX_UNASKED", 50_000)
    found = answers(
        client,
        [
            "begin",
            "declare c cursor for select many",
            "fetch 10 c",
            "fetch prior c",
            "move 99000 c",
            "fetch c",
            "savepoint s",
            "fetch prior c",
            "rollback to s",
            "declare s scroll cursor for select many",
            "move all s",
            "rollback",
            "declare h cursor with hold for select many",
            "fetch h",
        ],
    )
    errors = [line for line in found if line.startswith("E")]
    assert [line[:7] for line in errors] == ["E 55000", "E 53400", "E 53400", "E 34000"]
    assert "D 99010" not in found
    assert "D 99009" in found


def test_a_listener_that_falls_behind_is_ended(monkeypatch: pytest.MonkeyPatch, running: Hosted) -> None:
    monkeypatch.setattr(notifications, "MAX_WAITING", 50_000)
    with running.client() as slow, running.client() as other, running.client() as sender:
        answers(slow, ["listen a", "begin"])
        answers(other, ["listen a"])
        for _ in range(8):
            answers(sender, [f"notify a, '{'x' * 7_000}'"])
        assert slow.to_end() == ["E 53400 FATAL"]
        for _ in range(8):
            found = other.receive()
            assert found is not None
            assert found.tag == "A"
    deadline = time.monotonic() + 20
    while len(running.ask(lambda: list(running.server.sessions))) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert running.ask(lambda: running.server.notifications._listeners) == {}


def test_a_transaction_cannot_gather_without_end(monkeypatch: pytest.MonkeyPatch, client: RawClient) -> None:
    monkeypatch.setattr(notifications, "MAX_GATHERED", 20_000)
    monkeypatch.setattr(notifications, "MAX_CHANNELS", 3)
    found = answers(
        client, ["begin", *[f"notify a, '{'x' * 7_000}{n}'" for n in range(3)], "rollback", "listen a", "listen b"]
    )
    assert [line[:7] for line in found if line.startswith("E")] == ["E 54000"]
    found = answers(client, ["listen c", "listen d", "unlisten *", "listen d"])
    assert [line[:7] for line in found if line.startswith("E")] == ["E 54000"]
