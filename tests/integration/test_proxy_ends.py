"""The proxy between two ends that a test plays itself: streams cut anywhere, ends that do not read, that vanish, that send nonsense."""

from __future__ import annotations

import hashlib
import random
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass

import psutil
import pytest

from tests.support.hosted import DEADLINE, LOOPS
from tests.support.proxies import KINDS, Running, proxied
from tests.support.raw import SYNC, TERMINATE, RawClient, message, query, startup

MEGABYTE = 1024 * 1024
READY = message("Z", b"I")
STARTUP = startup({"user": "someone"})
ROW = message("D", bytes(range(256)) * 4)
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: the connection is reset when it is closed
WAYS = [
    ("asyncio", "plain"),
    ("uvloop", "plain"),
    ("asyncio", "transports"),
    ("uvloop", "transports"),
    ("asyncio", "hooks"),
]


@dataclass
class Between:
    """The proxy, and where it connects to."""

    running: Running
    listener: socket.socket
    kind: str

    def connect(self) -> tuple[RawClient, RawClient]:
        """A client that is logged in, and what it is logged in to."""
        client = RawClient("127.0.0.1", self.running.port, timeout=DEADLINE)
        client.send(STARTUP)
        server = RawClient.__new__(RawClient)
        server.socket, _ = self.listener.accept()
        server.socket.settimeout(DEADLINE)
        server.buffer = b""
        assert _exactly(server.socket, len(STARTUP)) == STARTUP
        server.send(message("R", b"\0\0\0\0"), READY)
        assert [answer.tag for answer in client.until_ready()] == ["R", "Z"]
        return client, server

    def relayed(self) -> list[bool]:
        async def look() -> list[bool]:
            return [session.relayed for session in self.running.proxy.sessions]

        found: list[bool] = self.running.call(look())
        return found

    def wait_until_empty(self) -> None:
        eventually(lambda: not self.running.proxy.sessions)


@pytest.fixture(params=WAYS, ids="-".join)
def between(request: pytest.FixtureRequest) -> Iterator[Between]:
    """A proxy of each kind."""
    loop, kind = request.param
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        listener.settimeout(DEADLINE)
        upstream = f"postgresql://127.0.0.1:{listener.getsockname()[1]}?sslmode=disable"
        with proxied(upstream, LOOPS[loop], **KINDS[kind]) as running:
            yield Between(running, listener, kind)


def eventually(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end, "did not come true within a minute"
        time.sleep(0.01)


def _exactly(one: socket.socket, size: int) -> bytes:
    came = bytearray()
    while len(came) < size:
        piece = one.recv(size - len(came))
        assert piece, f"the end after {len(came)} of {size} bytes"
        came += piece
    return bytes(came)


def _to_end(one: socket.socket) -> bytes:
    came = bytearray()
    with suppress(ConnectionResetError):
        while piece := one.recv(MEGABYTE):
            came += piece
    return bytes(came)


def _fill(one: socket.socket, unit: bytes, most: int) -> int:
    """Send until nothing is taken for a while; how much was. Always whole units are begun: the last may have gone in part."""
    one.settimeout(0.3)
    sent = 0
    with suppress(TimeoutError):
        while sent < most:
            sent += one.send(unit[sent % len(unit) :])
    one.settimeout(DEADLINE)
    return sent


on_sockets = pytest.mark.parametrize("between", WAYS[:2], ids="-".join, indirect=True)
"""For what takes long: on both loops with the relay alone."""


def test_who_is_read_by_the_relay(between: Between) -> None:
    client, server = between.connect()
    with client, server:
        assert between.relayed() == [between.kind == "plain"]
        between_again = between.connect()
        assert len(between.relayed()) == 2
        for one in between_again:
            one.socket.close()
    between.wait_until_empty()


def test_cut_anywhere(between: Between) -> None:
    asked = query("select 1") + message("P", b"\0select 2\0\0\0") + SYNC
    answered = message("T", b"\0\0") + message("D", b"\0\1\0\0\0\2ab") + message("C", b"SELECT 1\0") + READY
    client, server = between.connect()
    with client, server:
        for one, other, stream in ((client, server, asked), (server, client, answered)):
            for at in range(len(stream)):
                one.send(stream[at : at + 1])
                if between.kind != "hooks":  # where whole messages are forwarded
                    assert other.socket.recv(100) == stream[at : at + 1]
            if between.kind == "hooks":
                assert _exactly(other.socket, len(stream)) == stream
            for at in range(len(stream) + 1):
                one.send(stream[:at])
                one.send(stream[at:])
            assert _exactly(other.socket, len(stream) * (len(stream) + 1)) == stream * (len(stream) + 1)


@on_sockets
@pytest.mark.parametrize("frontend", [True, False], ids=["frontend", "backend"])
def test_an_end_that_does_not_read(between: Between, frontend: bool) -> None:
    """The other one is stopped before much has gathered; everything comes, in order, when it does read."""
    unit = message("d", random.Random(1).randbytes(70_001))
    client, server = between.connect()
    with client, server:
        one, other = (client, server) if frontend else (server, client)
        for _ in range(2):
            sent = _fill(one.socket, unit, 128 * MEGABYTE)
            assert sent < 96 * MEGABYTE, "it is not stopped"
            other.send(READY)  # the other way is free
            assert _exactly(one.socket, len(READY)) == READY
            rest = unit[sent % len(unit) :] if sent % len(unit) else b""
            with ThreadPoolExecutor(1) as pool:
                came = pool.submit(_exactly, other.socket, sent + len(rest))
                one.send(rest)
                digest = hashlib.sha256(came.result(DEADLINE)).digest()
            whole = hashlib.sha256(unit * ((sent + len(rest)) // len(unit))).digest()
            assert digest == whole
        assert between.relayed() == [between.kind == "plain"]  # again
    between.wait_until_empty()


@on_sockets
def test_neither_end_reads(between: Between) -> None:
    """Both are stopped; both streams come whole when both read, and the relay has them again."""
    unit = message("d", random.Random(2).randbytes(50_001))
    client, server = between.connect()
    with client, server, ThreadPoolExecutor(4) as pool:
        for _ in range(2):
            pairs = [
                (one, other, _fill(one.socket, unit, 128 * MEGABYTE))
                for one, other in ((client, server), (server, client))
            ]
            waiting = []
            for one, other, sent in pairs:
                rest = unit[sent % len(unit) :] if sent % len(unit) else b""
                waiting.append((pool.submit(_exactly, other.socket, sent + len(rest)), sent + len(rest)))
                pool.submit(one.send, rest)
            for came, size in waiting:
                assert (
                    hashlib.sha256(came.result(DEADLINE)).digest()
                    == hashlib.sha256(unit * (size // len(unit))).digest()
                )
            assert between.relayed() == [between.kind == "plain"]
    between.wait_until_empty()


def test_the_server_closes(between: Between) -> None:
    client, server = between.connect()
    with client, server:
        server.send(ROW)
        server.socket.close()
        assert [answer.tag for answer in client] == ["D", "E"]
    between.wait_until_empty()


def test_the_server_closes_behind_an_error(between: Between) -> None:
    client, server = between.connect()
    with client, server:
        server.send(message("E", b"SFATAL\0VFATAL\0C57P01\0\0"))
        server.socket.close()
        assert client.to_end() == ["E 57P01 FATAL"]


def test_the_server_vanishes_in_a_message(between: Between) -> None:
    client, server = between.connect()
    with client, server:
        server.send(ROW + ROW[:100])
        assert _exactly(client.socket, len(ROW)) == ROW
        if between.kind != "hooks":
            assert _exactly(client.socket, 100) == ROW[:100]
        server.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        server.socket.close()
        # What began cannot be followed by a message.
        came = _to_end(client.socket)
        assert came[:1] == (b"E" if between.kind == "hooks" else b"")
    between.wait_until_empty()


@on_sockets
def test_the_server_closes_while_the_client_does_not_read(between: Between) -> None:
    client, server = between.connect()
    with client, server:
        sent = _fill(server.socket, ROW, 64 * MEGABYTE)
        rest = ROW[sent % len(ROW) :] if sent % len(ROW) else b""
        with ThreadPoolExecutor(1) as pool:
            came = pool.submit(_to_end, client.socket)
            server.send(rest)
            server.socket.close()
            stream = came.result(DEADLINE)
        rows = (sent + len(rest)) // len(ROW)
        assert hashlib.sha256(stream[: rows * len(ROW)]).digest() == hashlib.sha256(ROW * rows).digest()
        assert stream[rows * len(ROW) :][:1] == b"E"
        assert b"C08006\0" in stream[rows * len(ROW) :]
    between.wait_until_empty()


def test_the_client_says_goodbye(between: Between) -> None:
    client, server = between.connect()
    with client, server:
        client.send(query("select 1") + TERMINATE)
        client.socket.shutdown(socket.SHUT_WR)
        assert _to_end(server.socket) == query("select 1") + TERMINATE
        server.socket.close()
        assert _to_end(client.socket) == b""
    between.wait_until_empty()


@on_sockets
@pytest.mark.parametrize("full", ["nobody", "client", "server"])
def test_the_client_vanishes(between: Between, full: str) -> None:
    client, server = between.connect()
    with client, server:
        if full == "client":
            _fill(server.socket, ROW, 64 * MEGABYTE)
        elif full == "server":
            _fill(client.socket, ROW, 64 * MEGABYTE)
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        client.socket.close()
        _to_end(server.socket)
    between.wait_until_empty()


def test_nonsense_of_the_client(between: Between) -> None:
    client, server = between.connect()
    with client, server:
        client.send(query("select 1"))
        assert _exactly(server.socket, len(query("select 1"))) == query("select 1")
        client.send(SYNC + b"Q\0\0\0\3...")
        assert client.to_end() == ["E 08P01 FATAL"]
        assert _to_end(server.socket) in (b"", SYNC)
    between.wait_until_empty()


def test_nonsense_of_the_server(between: Between) -> None:
    client, server = between.connect()
    with client, server:
        server.send(ROW)
        assert _exactly(client.socket, len(ROW)) == ROW
        server.send(b"D\0\0\0\3...")
        assert _to_end(client.socket) == b""
        assert _to_end(server.socket) == b""
    between.wait_until_empty()


@on_sockets
def test_the_proxy_closes(between: Between) -> None:
    """Who has read everything is told; who has not gets what can be sent."""
    first, second = between.connect(), between.connect()
    with ExitStack() as stack:
        for one in (*first, *second):
            stack.enter_context(one)
        _fill(second[1].socket, ROW, 64 * MEGABYTE)
        closing = threading.Thread(target=lambda: between.running.call(between.running.proxy.close()))
        closing.start()
        assert first[0].to_end() == ["E 57P01 FATAL"]
        assert _to_end(first[1].socket) == b""
        closing.join(DEADLINE)
        assert not closing.is_alive()
        assert _to_end(second[0].socket).startswith(ROW)
        between.wait_until_empty()


@on_sockets
def test_many_come_and_go_at_random(between: Between) -> None:
    """Every stream is its own client's, whoever vanishes when; no descriptor is left."""
    process = psutil.Process()
    for _ in range(2):
        one, other = between.connect()
        one.socket.close()
        other.socket.close()
    between.wait_until_empty()
    before = process.num_fds()
    servers = ThreadPoolExecutor(8)
    ending = threading.Event()

    def serve() -> None:
        """Send everything back."""
        chance = random.Random(threading.get_ident())
        while not ending.is_set():
            try:
                connection, _ = between.listener.accept()
            except TimeoutError:
                continue
            with connection, suppress(ConnectionError, TimeoutError):
                connection.settimeout(DEADLINE)
                if _exactly(connection, len(STARTUP)) == STARTUP:
                    connection.sendall(READY)
                while data := connection.recv(chance.choice((7, 1000, MEGABYTE))):
                    connection.sendall(data)
                    if chance.random() < 0.02:
                        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                        break

    def use(number: int) -> int:
        chance, checked = random.Random(number), 0
        for turn in range(8):
            with RawClient("127.0.0.1", between.running.port, timeout=DEADLINE) as client, suppress(ConnectionError):
                client.send(STARTUP)
                assert _exactly(client.socket, len(READY)) == READY
                for step in range(12):
                    sent = message("d", f"{number} {turn} {step}.".encode() * chance.choice((1, 10, 2_000)))
                    client.send(sent)
                    came = b""
                    while len(came) < len(sent) and (piece := client.socket.recv(len(sent) - len(came))):
                        came += piece
                    if not sent.startswith(came):
                        assert came.startswith(b"E"), came
                        assert b"C08006\0" in came + _to_end(client.socket)
                    if came != sent:
                        break
                    checked += 1
                if chance.random() < 0.5:
                    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        return checked

    between.listener.settimeout(0.2)
    with servers, ThreadPoolExecutor(6) as clients:
        try:
            serving = [servers.submit(serve) for _ in range(8)]
            assert sum(clients.map(use, range(6))) > 100
        finally:
            ending.set()
        for one_serving in serving:
            one_serving.result(DEADLINE)
    between.wait_until_empty()
    eventually(lambda: process.num_fds() <= before)
