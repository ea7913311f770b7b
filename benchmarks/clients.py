"""Raw-socket clients: what pgbench cannot measure (logins, idle connections, a slow reader), and the check beforehand.

They count messages and bytes but decode nothing, so that they stay cheaper than the servers they drive.
"""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass

from .errors import BenchmarkError

TERMINATE = b"X\0\0\0\4"
READY_LENGTH = 6


def startup_packet() -> bytes:
    """StartupMessage, protocol 3.0, for the user every server here knows."""
    body = (196_608).to_bytes(4, "big") + b"user\0bench\0database\0postgres\0\0"
    return (len(body) + 4).to_bytes(4, "big") + body


STARTUP = startup_packet()


def query_message(sql: str) -> bytes:
    """Query (Protocol 55.7)."""
    body = sql.encode() + b"\0"
    return b"Q" + (len(body) + 4).to_bytes(4, "big") + body


def is_ready(tail: bytes | bytearray) -> bool:
    """Whether bytes received so far end with ReadyForQuery."""
    return tail[-READY_LENGTH:-1] == b"Z\0\0\0\5"


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def connect(port: int, receive_buffer: int = 0) -> socket.socket:
    """A logged-in blocking connection; ``receive_buffer`` in bytes, 0 for the system's default."""
    connection = socket.socket()
    connection.settimeout(60)
    if receive_buffer:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    connection.connect(("127.0.0.1", port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.sendall(STARTUP)
    received = bytearray()
    while not is_ready(received):
        chunk = connection.recv(65_536)
        if not chunk:
            raise BenchmarkError(f"login refused: {bytes(received)[:300]!r}")
        received += chunk
    return connection


@dataclass(frozen=True)
class Shape:
    """The size of a result."""

    rows: int
    columns: int
    bytes: int


def shape_of(port: int, sql: str) -> Shape:
    """Run a simple query once and count; raises BenchmarkError for an ErrorResponse."""
    with connect(port) as connection:
        connection.sendall(query_message(sql))
        received = bytearray()
        while not is_ready(received):
            chunk = connection.recv(1 << 20)
            if not chunk:
                raise BenchmarkError(f"{sql!r}: the server closed the connection")
            received += chunk
        connection.sendall(TERMINATE)
    rows = columns = at = 0
    while at < len(received):
        tag = received[at : at + 1]
        length = int.from_bytes(received[at + 1 : at + 5], "big")
        if tag == b"E":
            raise BenchmarkError(f"{sql!r}: {bytes(received[at + 5 : at + 1 + length])!r}")
        if tag == b"D":
            rows += 1
            columns = int.from_bytes(received[at + 5 : at + 7], "big")
        at += 1 + length
    return Shape(rows, columns, len(received))


def logins(port: int, seconds: float, concurrent: int = 4) -> int:
    """Log in, wait for ReadyForQuery and terminate, ``concurrent`` at a time; returns the number of logins."""
    count = 0
    with selectors.DefaultSelector() as selector:
        buffers: dict[socket.socket, bytearray] = {}

        def begin() -> None:
            connection = socket.socket()
            connection.settimeout(10)
            connection.connect(("127.0.0.1", port))
            connection.sendall(STARTUP)
            buffers[connection] = bytearray()
            selector.register(connection, selectors.EVENT_READ)

        def end(connection: socket.socket) -> None:
            selector.unregister(connection)
            del buffers[connection]
            connection.close()

        for _ in range(concurrent):
            begin()
        deadline = time.perf_counter() + seconds
        while time.perf_counter() < deadline:
            events = selector.select(10)
            if not events:
                raise BenchmarkError("no login within 10 seconds")
            for key, _ in events:
                connection = key.fileobj
                assert isinstance(connection, socket.socket)
                chunk = connection.recv(65_536)
                received = buffers[connection]
                received += chunk
                if is_ready(received):
                    connection.sendall(TERMINATE)
                    end(connection)
                    count += 1
                    begin()
                elif not chunk:
                    raise BenchmarkError(f"login refused: {bytes(received)[:300]!r}")
        for connection in list(buffers):
            end(connection)
    return count


@dataclass(frozen=True)
class Stream:
    """What a slow reader saw."""

    bytes: int
    seconds: float
    complete: bool


def read_slowly(port: int, sql: str, bytes_per_second: float, limit: float, watch: Callable[[], None]) -> Stream:
    """Run a query and read its result at a bounded pace, for at most ``limit`` seconds.

    Calls ``watch`` about 10 times a second.
    """
    chunk_size = 1 << 16
    with connect(port, receive_buffer=1 << 17) as connection:
        connection.sendall(query_message(sql))
        start = time.perf_counter()
        total = 0
        tail = b""
        next_watch = start
        while True:
            chunk = connection.recv(chunk_size)
            if not chunk:
                raise BenchmarkError(f"{sql!r}: the server closed the connection after {total} bytes")
            total += len(chunk)
            tail = (tail + chunk)[-READY_LENGTH:]
            now = time.perf_counter()
            if now >= next_watch:
                watch()
                next_watch = now + 0.1
            if is_ready(tail):
                return Stream(total, now - start, complete=True)
            if now - start > limit:
                return Stream(total, now - start, complete=False)
            ahead = total / bytes_per_second - (now - start)
            if ahead > 0.001:
                time.sleep(ahead)
