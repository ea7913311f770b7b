"""What the server must hold on to while clients misbehave: bounded memory, prompt refusals, nothing left behind, settings and batches."""

from __future__ import annotations

import asyncio
import gc
import os
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

import pgwire_py as pg
from pgwire_py.auth import AuthSource, ScramVerifier
from pgwire_py.engines.base import Engine, EngineSession, SessionContext
from pgwire_py.engines.sqlite import SqliteEngine, SqliteSession
from tests.support.certificates import make_certificates
from tests.support.hosted import DEADLINE, LOOPS, Hosted, hosted
from tests.support.raw import SSL_REQUEST, SYNC, Message, RawClient, bind, describe, execute, parse, query, startup

WORDS = [pg.Column("word", pg.TEXT)]
MEGABYTE = 1024 * 1024
NewLoop = Callable[[], asyncio.AbstractEventLoop]


@pytest.fixture(params=LOOPS)
def new_loop(request: pytest.FixtureRequest) -> NewLoop:
    """Makes an event loop of each kind."""
    return LOOPS[request.param]


async def echo(query: pg.Query) -> pg.Result:
    return pg.Result(columns=WORDS, rows=[(query.sql,)])


def eventually(condition: Callable[[], bool]) -> None:
    """Wait until it holds; fails after a minute."""
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end, "did not come true within a minute"
        time.sleep(0.02)


def resident() -> int:
    """Bytes of memory that this process holds."""
    gc.collect()
    return int(psutil.Process(os.getpid()).memory_info().rss)


# Memory


def test_pipelined_answers_that_nobody_reads(new_loop: NewLoop) -> None:
    answered = 0

    async def long(query: pg.Query) -> pg.Result:
        nonlocal answered
        answered += 1
        return pg.Result(columns=WORDS, rows=[("x" * 10_000,)])

    with hosted(long, new_loop) as it, it.client() as client:
        client.exchange(query("SELECT 1"))
        before = resident()
        sender = threading.Thread(target=client.send, args=(query("SELECT 1") * 20_000,))
        sender.start()
        settled = -1
        while settled != answered or answered < 100:
            settled = answered
            time.sleep(0.3)
        assert settled < 20_000
        assert resident() - before < 64 * MEGABYTE
        tags = [0] * 256
        for _ in range(4 * 20_000):
            answer = client.receive()
            assert answer is not None
            tags[ord(answer.tag)] += 1
        sender.join(DEADLINE)
        assert [tags[ord(tag)] for tag in "TDCZ"] == [20_000] * 4


def test_messages_behind_a_waiting_handler(new_loop: NewLoop) -> None:
    async def handler(query: pg.Query) -> pg.Result:
        if query.sql == "wait":
            await asyncio.to_thread(released.wait, DEADLINE)
        return await echo(query)

    released = threading.Event()
    sent = 0
    long = parse("select '" + "x" * MEGABYTE + "'")

    def send() -> None:
        nonlocal sent
        for _ in range(200):
            client.send(long)
            sent += 1
        client.send(SYNC)

    with hosted(handler, new_loop) as it, it.client() as client:
        client.socket.settimeout(DEADLINE)
        client.exchange(long, SYNC)
        client.send(query("wait"))
        before = resident()
        sender = threading.Thread(target=send)
        sender.start()
        settled = -1
        while settled != sent or not sent:
            settled = sent
            time.sleep(0.3)
        grown = resident() - before
        released.set()
        assert settled < 200
        assert grown < 64 * MEGABYTE
        answers = [str(answer) for answer in client.until_ready(2)]
        sender.join(DEADLINE)
        assert answers == ["T", "D wait", "C SELECT 1", "Z I", *["1"] * 200, "Z I"]


# Start-up that fails


class BadUsers(AuthSource):
    """A directory that breaks, at once or after it has waited."""

    def __init__(self, waits: bool) -> None:
        self.waits = waits

    async def verifier(self, user: str, database: str) -> ScramVerifier | None:
        if self.waits:
            await asyncio.sleep(0.01)
        raise KeyError(user)


@pytest.mark.parametrize("waits", [False, True])
def test_users_that_cannot_be_looked_up(waits: bool, new_loop: NewLoop, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("CRITICAL")
    with hosted(echo, new_loop, auth=BadUsers(waits)) as it, it.connect() as client:
        client.send(startup({"user": "tester", "database": "test"}))
        assert client.to_end() == ["E 58000 FATAL"]


class BadEngine(Engine):
    """Nobody can connect to it."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def connect(self, context: SessionContext) -> EngineSession:
        raise self.error


@pytest.mark.parametrize("error", [RuntimeError("broken"), OSError("no disk"), StopIteration()], ids=repr)
def test_engine_that_cannot_be_connected(error: Exception, new_loop: NewLoop, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("CRITICAL")
    with hosted(BadEngine(error), new_loop, max_connections=1) as it:
        for _ in range(3):
            with it.connect() as client:
                client.send(startup({"user": "tester", "database": "test"}))
                assert client.to_end() == ["E XX000 FATAL"]
        eventually(lambda: not it.server._protocols)


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    directory: Path = tmp_path_factory.mktemp("tls")
    made = make_certificates(directory)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made.certificate, made.key)
    return context


def silent_in_tls(it: Hosted) -> RawClient:
    client = it.connect()
    client.send(SSL_REQUEST)
    assert client.byte() == b"S"
    return client


def test_silence_in_the_tls_handshake(tls: ssl.SSLContext, new_loop: NewLoop) -> None:
    with hosted(echo, new_loop, ssl_context=tls, startup_timeout=0.5) as it:
        clients = [silent_in_tls(it) for _ in range(5)]
        assert it.ask(lambda: len(it.server._protocols)) <= 5
        eventually(lambda: it.ask(lambda: not it.server._protocols))
        for client in clients:
            client.socket.close()
        with it.client() as client:
            assert client.exchange(query("fine"))[1] == "D fine"


def test_close_with_a_client_in_the_tls_handshake(tls: ssl.SSLContext, new_loop: NewLoop) -> None:
    with hosted(echo, new_loop, ssl_context=tls) as it, silent_in_tls(it):
        it.call(asyncio.wait_for(it.server.close(1.0), 20))
        assert not it.server._protocols


# Nothing stays


def test_vanishing_during_the_clean_up_of_a_cancelled_handler(new_loop: NewLoop) -> None:
    cleaning, ended = threading.Event(), []

    async def handler(query: pg.Query) -> pg.Result:
        if query.sql == "stuck":
            try:
                await asyncio.sleep(3600)
            finally:
                cleaning.set()
                await asyncio.sleep(0.05)
                ended.append(query)
        return await echo(query)

    with hosted(handler, new_loop) as it:
        tasks = it.ask(lambda: len(asyncio.all_tasks()))
        for _ in range(10):
            cleaning.clear()
            client = it.client()
            client.send(query("stuck"))
            it.ask(lambda: None)
            while not cleaning.is_set():
                it.cancel(client)
                cleaning.wait(0.2)
            client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.socket.close()
        eventually(lambda: it.ask(lambda: len(asyncio.all_tasks())) == tasks)
        eventually(lambda: it.ask(lambda: not it.server._protocols and not it.server.sessions))
        with it.client() as client:
            assert client.exchange(query("fine"))[1] == "D fine"


class SlowToOpen(SqliteEngine):
    """Opens a session when it may."""

    def __init__(self) -> None:
        super().__init__(":memory:")
        self.opening, self.may_open, self.closed = threading.Event(), threading.Event(), threading.Event()

    def connect(self, context: SessionContext) -> SqliteSession:
        self.opening.set()
        assert self.may_open.wait(DEADLINE)
        session = super().connect(context)
        close = session.close

        def closing() -> None:
            close()
            self.closed.set()

        session.close = closing  # type: ignore[method-assign]
        return session


def test_start_up_that_times_out_as_its_session_opens(new_loop: NewLoop, caplog: pytest.LogCaptureFixture) -> None:
    """Both in one turn of the loop: the session that nobody wants any more is freed, and that is no failure of the server."""
    engine = SlowToOpen()
    with hosted(engine, new_loop, startup_timeout=1.0) as it, it.connect() as client:
        client.send(startup({"user": "tester", "database": "test"}))
        assert engine.opening.wait(DEADLINE)
        with it.stalled():
            engine.may_open.set()
            time.sleep(1.2)
        assert client.to_end() == []
        assert engine.closed.wait(DEADLINE)
        eventually(lambda: it.ask(lambda: not it.server._protocols and not it.server._freeing))
        eventually(lambda: not any(thread.name.startswith("pgwire-session") for thread in threading.enumerate()))
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == []


# Settings in implicit transactions


async def divides(query: pg.Query) -> pg.Result:
    if "1/0" in query.sql:
        raise pg.PostgresError("division by zero", sqlstate="22012")
    return await echo(query)


@pytest.mark.parametrize("engine", [divides, None], ids=["function", "sqlite"])
def test_settings_of_an_implicit_transaction(engine: Any, new_loop: NewLoop) -> None:
    wrong = "select 1/0" if engine else "select * from missing"
    with hosted(engine or SqliteEngine(":memory:"), new_loop) as it, it.client(application_name="aa") as client:

        def name() -> str:
            return client.exchange(query("show application_name"))[1]

        assert client.exchange(query(f"set application_name = 'zz'; {wrong}"))[-1] == "Z I"
        assert name() == "D aa"
        answers = client.exchange(
            *(parse("set application_name = 'zz'"), bind(), execute(), parse(wrong), bind(), execute(), SYNC)
        )
        assert answers[:3] == ["1", "2", "C SET"]
        assert answers[-1] == "Z I"
        assert name() == "D aa"
        answers = client.exchange(query("set local application_name = 'yy'; show application_name"))
        assert "D yy" in answers
        assert name() == "D aa"
        assert client.exchange(query("set application_name = 'xx'; select 1"))[-1] == "Z I"
        assert name() == "D xx"


# A batch in one piece, and in many


class Unencodable:
    """No value of any column."""


RESULTS: dict[str, Callable[[], pg.Result]] = {
    "success": lambda: pg.Result(columns=WORDS, rows=[("a",), ("b",)]),
    "value": lambda: pg.Result(columns=[pg.Column("n", pg.INT4)], rows=[(1,), (Unencodable(),)]),
    "width": lambda: pg.Result(columns=WORDS, rows=[("a", "b")]),
    "tag": lambda: pg.Result(columns=WORDS, rows=[("a",)], tag="a\0b"),
    "no rows": lambda: pg.Result(affected=3),
    "generator": lambda: pg.Result(columns=WORDS, rows=((text,) for text in "abc")),
    "not a result": lambda: "text",  # type: ignore[dict-item, return-value]
    "columns": lambda: pg.Result(columns=[("word", "text")], rows=[("a",)]),  # type: ignore[list-item]
}


def answer(query: pg.Query) -> pg.Result:
    kind = query.sql.removeprefix("select ").strip("'")
    if kind == "error":
        raise pg.PostgresError("wanted", sqlstate="22012")
    if kind == "bug":
        raise ValueError("a bug")
    return RESULTS[kind]()


async def answer_on_loop(query: pg.Query) -> pg.Result:
    return answer(query)


async def answer_after_waiting(query: pg.Query) -> pg.Result:
    await asyncio.sleep(0)
    return answer(query)


def describe_words(query: pg.Query) -> list[pg.Column]:
    return WORDS


async def describe_on_loop(query: pg.Query) -> list[pg.Column]:
    return WORDS


ENGINES: dict[str, Callable[[], pg.PythonEngine]] = {
    "loop": lambda: pg.PythonEngine(answer_on_loop),
    "waiting": lambda: pg.PythonEngine(answer_after_waiting),
    "thread": lambda: pg.PythonEngine(answer),
    "described": lambda: pg.PythonEngine(answer_on_loop, describe=describe_words),
    "described on loop": lambda: pg.PythonEngine(answer_on_loop, describe=describe_on_loop),
}


@pytest.mark.parametrize("engine", ENGINES)
def test_batches_in_pieces_are_answered_alike(engine: str, new_loop: NewLoop, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("CRITICAL")
    with hosted(ENGINES[engine](), new_loop) as it, it.client() as client:
        for kind in (*RESULTS, "error", "bug"):
            for behind_bind in _ends_of_batch():
                messages = [parse(f"select '{kind}'"), bind(), *behind_bind, SYNC]
                whole = _answers(client, [b"".join(messages)])
                assert _answers(client, messages) == whole, (kind, behind_bind)
                if len(behind_bind) == 2 or kind in ("success", "error"):
                    single = [bytes([byte]) for byte in b"".join(messages)]
                    assert _answers(client, single) == whole, (kind, behind_bind)


def _ends_of_batch() -> Iterator[list[bytes]]:
    yield [describe("P"), execute()]
    yield [execute()]
    yield [describe("P"), execute("", 1)]
    yield [execute("", 1), execute()]


def _answers(client: RawClient, pieces: list[bytes]) -> list[Message]:
    for i, piece in enumerate(pieces):
        if i:
            time.sleep(0.0003)
        client.send(piece)
    answers = client.until_ready()
    assert str(answers[-1]) == "Z I"
    return answers


# What handlers and hooks say of types


@pytest.mark.parametrize("result_format", [0, 1])
def test_hook_and_function_that_disagree(result_format: int, new_loop: NewLoop) -> None:
    async def hook(query: pg.Query) -> list[pg.Column]:
        return [pg.Column("n", pg.INT4)]

    with hosted(pg.PythonEngine(echo, describe=hook), new_loop) as it, it.client() as client:
        described = [parse("select 'x'"), bind(result_formats=[result_format]), describe("P"), execute(), SYNC]
        assert client.exchange(*described) == ["1", "2", "T", "E 0A000", "Z I"]
        by_statement = [parse("select 'x'", "s"), describe("S", "s"), SYNC]
        assert client.exchange(*by_statement) == ["1", "t", "T", "Z I"]
        answers = client.exchange(bind(statement="s", result_formats=[result_format]), execute(), SYNC)
        assert answers == ["2", "E 0A000", "Z I"]


@pytest.mark.parametrize("hook", [None, describe_words], ids=["alone", "hook"])
def test_handlers_see_the_declared_types(hook: Callable[..., Any] | None, new_loop: NewLoop) -> None:
    async def handler(query: pg.Query) -> pg.Result:
        return pg.Result(columns=WORDS, rows=[(f"{query.parameter_types} {query.parameters}",)])

    with hosted(pg.PythonEngine(handler, describe=hook), new_loop) as it, it.client() as client:
        first = parse("select $1, $2", types=[pg.INT8, pg.BOOL])
        values = bind(b"7", b"t")
        expected = f"D ({pg.INT8}, {pg.BOOL}) (7, True)"
        for messages in ([first, values, execute(), SYNC], [first, values, describe("P"), execute(), SYNC]):
            assert expected in client.exchange(*messages)
            for message in messages[:-1]:
                client.send(message)
                time.sleep(0.001)
            assert expected in client.exchange(SYNC)


# Connections of a user, of an address, and before login


def test_connections_of_a_user(new_loop: NewLoop) -> None:
    with hosted(echo, new_loop, max_connections_per_user=2) as it:
        with it.client(), it.client(), it.connect() as third, it.connect() as other:
            third.send(startup({"user": "tester"}))
            refused = third.receive()
            assert refused is not None
            assert (str(refused), refused.fields["M"]) == (
                "E 53300 FATAL",
                'too many connections for role "tester"',
            )
            other.login("somebody", "test")
        eventually(lambda: not it.server.sessions)
        with it.client() as again:
            assert again.exchange(query("SELECT 1"))[-1] == "Z I"


def test_connections_of_an_address(new_loop: NewLoop) -> None:
    with hosted(echo, new_loop, max_connections_per_address=1) as it:
        with it.client(), it.connect() as second:
            second.send(startup({"user": "somebody"}))
            refused = second.receive()
            assert refused is not None
            assert (str(refused), refused.fields["M"]) == (
                "E 53300 FATAL",
                'too many connections from address "127.0.0.1"',
            )
        eventually(lambda: not it.server.sessions)
        it.client().socket.close()


def test_connections_before_login(new_loop: NewLoop) -> None:
    """Those that say nothing make room for those that come; who is logged in stays."""
    with hosted(echo, new_loop, max_starting=3) as it, it.client() as logged_in:
        silent = [it.connect() for _ in range(6)]
        assert [client.to_end() for client in silent[:3]] == [[], [], []]
        with it.client() as new:
            assert new.exchange(query("SELECT 1"))[-1] == "Z I"
        assert logged_in.exchange(query("SELECT 1"))[-1] == "Z I"
        for client in silent:
            client.socket.close()


def test_keepalive(new_loop: NewLoop) -> None:
    options = {"tcp_keepalives_idle": 77, "tcp_keepalives_interval": 7, "tcp_keepalives_count": 3}
    with hosted(echo, new_loop, **options) as it, it.client():
        accepted = it.ask(lambda: [p._transport.get_extra_info("socket") for p in it.server._protocols])  # type: ignore[union-attr]
        assert len(accepted) == 1
        assert accepted[0].getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        if hasattr(socket, "TCP_KEEPIDLE"):
            values = [
                accepted[0].getsockopt(socket.IPPROTO_TCP, getattr(socket, name))
                for name in ("TCP_KEEPIDLE", "TCP_KEEPINTVL", "TCP_KEEPCNT")
            ]
            assert values == [77, 7, 3]


def test_the_socket_of_a_live_server_stays(new_loop: NewLoop, tmp_path: Path) -> None:
    with hosted(echo, new_loop, unix_socket_directory=tmp_path) as it:
        path = tmp_path / f".s.PGSQL.{it.server.port}"
        assert (tmp_path / f"{path.name}.lock").read_text() == f"{os.getpid()}\n"
        second = pg.Server(echo, host=None, port=it.server.port, unix_socket_directory=tmp_path)
        with pytest.raises(OSError, match="a server listens there"):
            it.call(second.start())
        with RawClient(str(tmp_path), it.server.port) as client:
            client.login("tester", "test")
    assert list(tmp_path.iterdir()) == []


def test_a_socket_that_was_left_behind_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / ".s.PGSQL.5999"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    (tmp_path / f"{path.name}.lock").write_text("999999\n")

    async def serve() -> None:
        async with pg.Server(echo, host=None, port=5999, unix_socket_directory=tmp_path):
            reader, writer = await asyncio.open_unix_connection(str(path))
            writer.write(SSL_REQUEST)
            assert await reader.readexactly(1) == b"N"
            writer.close()

    asyncio.run(serve())
    assert list(tmp_path.iterdir()) == []


STARVED = """
import asyncio, resource, sys
import uvloop
import pgwire_py as pg

async def answer(query):
    return pg.Result(columns=[pg.Column("n", pg.INT4)], rows=[(1,)])

async def main():
    async with pg.Server(answer, port=0) as server:
        print(server.port, flush=True)
        await server.serve_forever()

resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))
loop = uvloop.new_event_loop() if sys.argv[1] == "uvloop" else asyncio.new_event_loop()
loop.run_until_complete(main())
"""


@pytest.mark.parametrize("loop", list(LOOPS))
def test_no_descriptors_left(loop: str) -> None:
    """Sessions go on while nothing can be accepted; when there are descriptors again, new ones come in."""
    command = [sys.executable, "-c", STARVED, loop]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        try:
            assert process.stdout is not None
            port = int(process.stdout.readline())
            with RawClient("127.0.0.1", port) as early:
                early.login("tester", "test")
                crowd = [socket.create_connection(("127.0.0.1", port)) for _ in range(60)]
                for _ in range(3):
                    time.sleep(0.5)
                    assert early.exchange(query("SELECT 1"))[-1] == "Z I"
                assert psutil.Process(process.pid).num_fds() >= 39
                for connection in crowd:
                    connection.close()
                until = time.monotonic() + DEADLINE
                while psutil.Process(process.pid).num_fds() > 20 and time.monotonic() < until:
                    time.sleep(0.05)  # until they are noticed: who comes before may be turned away
                with RawClient("127.0.0.1", port, timeout=DEADLINE) as late:
                    late.login("tester", "test")
                    assert late.exchange(query("SELECT 1"))[-1] == "Z I"
                assert early.exchange(query("SELECT 1"))[-1] == "Z I"
        finally:
            process.kill()
