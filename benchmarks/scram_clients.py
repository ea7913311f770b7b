"""SCRAM-SHA-256 logins, several at a time, by a client that keeps what it derived of the password: the server's work is measured."""

from __future__ import annotations

import base64
import hashlib
import hmac
import selectors
import socket
import time
from collections.abc import Generator

from .clients import TERMINATE, is_ready
from .errors import BenchmarkError

USER, PASSWORD = "scram", "pencil"
"""A user that secure servers know."""

NONCE = b"bench-nonce-of-a-client"
BARE = b"n=,r=" + NONCE

_keys: dict[bytes, tuple[bytes, bytes]] = {}


def message(tag: bytes, body: bytes) -> bytes:
    return tag + (len(body) + 4).to_bytes(4, "big") + body


def startup() -> bytes:
    body = (196_608).to_bytes(4, "big") + f"user\0{USER}\0database\0postgres\0\0".encode()
    return (len(body) + 4).to_bytes(4, "big") + body


STARTUP = startup()
FIRST = message(b"p", b"SCRAM-SHA-256\0" + (len(BARE) + 3).to_bytes(4, "big") + b"n,," + BARE)


def final(server_first: bytes) -> bytes:
    """client-final-message (RFC 5802 §7); PBKDF2 is done once for each salt."""
    nonce, salt, rounds = (part[2:] for part in server_first.split(b","))
    keys = _keys.get(salt)
    if keys is None:
        salted = hashlib.pbkdf2_hmac("sha256", PASSWORD.encode(), base64.b64decode(salt), int(rounds))
        client_key = hmac.digest(salted, b"Client Key", "sha256")
        keys = _keys[salt] = (client_key, hashlib.sha256(client_key).digest())
    client_key, stored_key = keys
    without_proof = b"c=biws,r=" + nonce
    signature = hmac.digest(stored_key, BARE + b"," + server_first + b"," + without_proof, "sha256")
    proof = bytes(a ^ b for a, b in zip(client_key, signature, strict=True))
    return message(b"p", without_proof + b",p=" + base64.b64encode(proof))


def conversation(connection: socket.socket) -> Generator[None, bytes, None]:
    """One login; is sent what arrives, and ends when ReadyForQuery has."""
    connection.sendall(STARTUP)
    for answer in (lambda _: FIRST, final):
        received = bytearray()
        while len(received) < 5 or len(received) < 1 + int.from_bytes(received[1:5], "big"):
            received += yield
        if received[:1] != b"R":
            raise BenchmarkError(f"login refused: {bytes(received)[:300]!r}")
        connection.sendall(answer(bytes(received[9:])))
    received = bytearray()
    while not is_ready(received):
        received += yield
    connection.sendall(TERMINATE)


def scram_logins(port: int, seconds: float, concurrent: int = 4) -> int:
    """Log in and terminate, ``concurrent`` at a time; returns the number of logins."""
    count = 0
    with selectors.DefaultSelector() as selector:

        def begin() -> None:
            connection = socket.create_connection(("127.0.0.1", port), 10)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            login = conversation(connection)
            next(login)
            selector.register(connection, selectors.EVENT_READ, login)

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
                data = connection.recv(65_536)
                if not data:
                    raise BenchmarkError("login refused: the server closed the connection")
                try:
                    key.data.send(data)
                except StopIteration:
                    selector.unregister(connection)
                    connection.close()
                    count += 1
                    begin()
        for key in list(selector.get_map().values()):
            connection = key.fileobj
            assert isinstance(connection, socket.socket)
            connection.close()
    return count
