"""Clients that try to come in where they may not, or to learn what they may not; on both event loops."""

from __future__ import annotations

import asyncio
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import pytest

from pgwire_py.auth import AuthSource, HostBasedRules, OAuth, ScramVerifier, UsersFunction
from pgwire_py.engines.base import SessionContext
from pgwire_py.engines.sqlite import SqliteEngine, SqliteSession
from pgwire_py.server.authentication import PASSWORD_THREADS
from pgwire_py.server.sql_users import SqlUsers
from tests.support.hosted import LOOPS, hosted
from tests.support.login import Login
from tests.support.raw import SSL_REQUEST, RawClient, message, query, startup

NewLoop = Callable[[], asyncio.AbstractEventLoop]


@pytest.fixture(params=LOOPS)
def new_loop(request: pytest.FixtureRequest) -> NewLoop:
    return LOOPS[request.param]


class Counting(SqliteEngine):
    """Counts who came in."""

    def __init__(self) -> None:
        super().__init__(":memory:")
        self.connected: list[str] = []

    def connect(self, context: SessionContext) -> SqliteSession:
        self.connected.append(context.user)
        return super().connect(context)


@pytest.mark.parametrize("options", [{"auth": HostBasedRules(["local all all trust"])}, {"require_ssl": True}])
def test_who_resets_before_he_is_accepted_is_not_local(new_loop: NewLoop, options: dict[str, Any]) -> None:
    """His socket has bytes to read and, with uvloop, no address any more, as those of Unix-domain sockets have none."""
    engine = Counting()
    with hosted(engine, new_loop, **options) as it:
        with it.stalled():
            for _ in range(5):
                client = socket.create_connection(("127.0.0.1", it.server.port))
                client.sendall(startup({"user": "eve", "database": "app"}) + query("select 1"))
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                client.close()
        deadline = time.monotonic() + 20
        while it.ask(lambda: len(it.server._protocols)):
            assert time.monotonic() < deadline
            time.sleep(0.01)
    assert engine.connected == []


def answer_to(port: int, user: str) -> list[str]:
    """What comes until the password is asked for, or the end."""
    with RawClient("127.0.0.1", port) as client:
        client.send(startup({"user": user, "database": "app"}))
        first = client.receive()
        assert first is not None
        return [first.tag, *(first.fields.values() if first.tag == "E" else [first.body.hex()])]


def test_a_failing_source_tells_nothing(new_loop: NewLoop, caplog: pytest.LogCaptureFixture) -> None:
    async def broken(user: str, database: str) -> str | None:
        raise RuntimeError("ldap://reader:hunter2@directory is away")

    with hosted(Counting(), new_loop, auth=UsersFunction(broken)) as it:
        assert answer_to(it.server.port, "ada") == ["E", "FATAL", "FATAL", "58000", "the users cannot be looked up"]
    assert "directory is away" in caplog.text  # where it helps


class Broken(BaseException):
    """What a panic of a native library looks like."""


async def given_up(user: str, database: str) -> str:
    """Waits for something that somebody cancels."""
    future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_soon(future.cancel)
    return await future


def cancelled(user: str, database: str) -> str:
    """Looks at something that somebody has cancelled."""
    future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    future.cancel()
    return future.result()


def panics(user: str, database: str) -> str:
    raise Broken("hunter2")


async def panics_later(user: str, database: str) -> str:
    await asyncio.sleep(0)
    raise Broken("hunter2")


ODD_FAILURES = [cancelled, panics, panics_later]
if sys.version_info >= (3, 11):  # Python 3.10 does not tell such a one from the cancelling of the session's task
    ODD_FAILURES.append(given_up)


@pytest.mark.parametrize("function", ODD_FAILURES)
@pytest.mark.parametrize("before", [b"", SSL_REQUEST], ids=["at once", "after SSLRequest"])
def test_a_source_that_fails_with_no_exception_is_told_of_and_logged(
    new_loop: NewLoop, function: Any, before: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with hosted(Counting(), new_loop, auth=UsersFunction(function)) as it, it.connect() as client:
        client.send(before)
        if before:
            assert client.byte() == b"N"
        client.send(startup({"user": "ada", "database": "app"}))
        assert client.to_end() == ["E 58000 FATAL"]
    assert "looking up user 'ada' failed" in caplog.text


class Texts(AuthSource):
    """Has texts where verifiers should be."""

    async def verifier(self, user: str, database: str) -> Any:
        return {"ada": ScramVerifier.from_password("lovelace", b"salt", 1).format(), "eve": 7}.get(user)


def test_what_a_source_returns_in_place_of_a_verifier_tells_nothing(new_loop: NewLoop) -> None:
    with hosted(Counting(), new_loop, auth="password", users=Texts()) as it:
        for user, end in [("ada", "Z I"), ("eve", "E 28P01 FATAL"), ("nobody", "E 28P01 FATAL")]:
            with it.connect() as client:
                client.send(startup({"user": user, "database": "app"}), message("p", b"lovelace\0"))
                assert str(client.until_ready()[-1]) == end


@pytest.mark.parametrize("stored", ["!", "", "md5x", b"bytes", 7])
@pytest.mark.parametrize("method", ["scram-sha-256", "md5", "password"])
def test_who_has_no_verifier_seems_not_to_exist(
    new_loop: NewLoop, stored: Any, method: str, caplog: pytest.LogCaptureFixture
) -> None:
    users = UsersFunction(lambda user, database: stored if user == "locked" else None)
    with hosted(Counting(), new_loop, auth=method, users=users) as it:
        assert answer_to(it.server.port, "locked") == answer_to(it.server.port, "nobody")
    assert "'locked' cannot log in" in caplog.text


@pytest.mark.parametrize("stored", ["'!'", "7", "''"])
def test_who_has_no_verifier_in_a_table_seems_not_to_exist(new_loop: NewLoop, stored: str) -> None:
    for sql in (
        f"select {stored} where $1 = 'locked'",
        f"select {stored} from (values (1), (2)) where $1 = 'locked'",
    ):
        engine = Counting()
        with hosted(engine, new_loop, auth=SqlUsers(engine, sql)) as it:
            assert answer_to(it.server.port, "locked") == answer_to(it.server.port, "nobody")


def test_who_does_not_log_in_takes_nobodys_place(new_loop: NewLoop) -> None:
    verifier = ScramVerifier.from_password("lovelace", b"salt", 1)
    users = UsersFunction(lambda user, database: verifier)
    with hosted(Counting(), new_loop, auth=users, max_connections=2) as it, ExitStack() as stack:
        logins = []
        for _ in range(10):  # all asked for a password
            logins.append(Login(stack.enter_context(it.connect()), "ada"))
        assert [login.scram("lovelace")[1] for login in logins[5:7]] == ["Z I", "Z I"]
        with pytest.raises(AssertionError, match="53300"):
            logins[7].scram("lovelace")
        with it.connect() as late:
            late.send(startup({"user": "ada", "database": "app"}))
            assert late.to_end() == ["E 53300 FATAL"]


def test_strangers_passwords_do_not_fill_the_loops_threads(new_loop: NewLoop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is sent as a password costs a PBKDF2."""
    release = threading.Event()
    running: list[str] = []

    def slow(self: ScramVerifier, password: bytes) -> bool:
        running.append(threading.current_thread().name)
        release.wait(20)
        return False

    monkeypatch.setattr(ScramVerifier, "fits", slow)
    users = UsersFunction(lambda user, database: None)
    with hosted(Counting(), new_loop, auth="password", users=users) as it, ExitStack() as stack:
        clients = [stack.enter_context(it.connect()) for _ in range(40)]
        for client in clients:
            client.send(startup({"user": "eve", "database": "app"}))
            assert client.receive() is not None
            client.send(message("p", b"guess\0"))
        assert it.call(asyncio.to_thread(lambda: "free")) == "free"
        assert len(running) <= PASSWORD_THREADS
        release.set()
        for client in clients:
            assert client.to_end() == ["E 28P01 FATAL"]
    assert len(running) == len(clients)


class Waiting:
    """Looks up users for ever; knows who was waited for, and whose wait was cancelled."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.cancelled: list[str] = []

    async def find(self, user: str, database: str) -> None:
        self.begun.append(user)
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            self.cancelled.append(user)
            raise

    async def validate(self, token: str, user: str, database: str, address: str | None) -> None:
        await self.find(user, database)


def until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.005)


@pytest.mark.parametrize("before", [b"", SSL_REQUEST], ids=["at once", "after SSLRequest"])
def test_who_leaves_while_a_source_is_waited_for_keeps_no_place(
    new_loop: NewLoop, before: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    source = Waiting()
    with hosted(Counting(), new_loop, auth=UsersFunction(source.find), max_connections_per_address=1) as it:
        for round_ in range(1, 4):
            with it.connect() as client:
                client.send(before)
                if before:
                    assert client.byte() == b"N"
                client.send(startup({"user": f"ada{round_}", "database": "app"}))
                until(lambda count=round_: len(source.begun) == count, "the place of the one before was not free")
                client.socket.shutdown(socket.SHUT_WR)
                assert client.to_end() == []
            until(lambda: not it.ask(lambda: len(it.server._protocols)), "the connection is still there")
    assert source.begun == source.cancelled == ["ada1", "ada2", "ada3"]
    assert "Traceback" not in caplog.text


def test_who_leaves_with_the_start_up_packet_keeps_no_place(new_loop: NewLoop) -> None:
    source = Waiting()
    with hosted(Counting(), new_loop, auth=UsersFunction(source.find)) as it, it.connect() as client:
        with it.stalled():
            client.send(startup({"user": "ada", "database": "app"}))
            client.socket.shutdown(socket.SHUT_WR)
        assert client.to_end() == []
    assert source.begun == source.cancelled


def test_who_leaves_while_a_token_is_validated_keeps_no_place(new_loop: NewLoop) -> None:
    source = Waiting()
    oauth = OAuth("https://issuer.example", "openid", source.validate)
    with hosted(Counting(), new_loop, auth="oauth", oauth=oauth) as it, it.connect() as client:
        response = b"n,,\x01auth=Bearer abc\x01\x01"
        chosen = b"OAUTHBEARER\0" + struct.pack("!i", len(response)) + response
        client.send(startup({"user": "ada", "database": "app"}), message("p", chosen))
        until(lambda: source.begun == ["ada"], "the token was not validated")
        client.socket.shutdown(socket.SHUT_WR)
        assert [answer.tag for answer in client] == ["R"]
    assert source.cancelled == ["ada"]


def test_who_sent_a_password_ahead_and_no_more_reads_the_answer(new_loop: NewLoop) -> None:
    release = threading.Event()
    verifier = ScramVerifier.from_password("lovelace", b"salt", 1)

    async def find(user: str, database: str) -> ScramVerifier:
        while not release.is_set():  # noqa: ASYNC110
            await asyncio.sleep(0.005)
        return verifier

    with hosted(Counting(), new_loop, auth="password", users=UsersFunction(find)) as it, it.connect() as client:
        client.send(startup({"user": "ada", "database": "app"}), message("p", b"lovelace\0"), query("select 1"))
        client.socket.shutdown(socket.SHUT_WR)
        it.ask(lambda: None)
        release.set()
        assert [str(answer) for answer in client if answer.tag not in "SKTC"] == ["R", "R", "Z I", "D 1", "Z I"]
