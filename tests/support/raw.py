"""A frontend in the raw: builds messages byte by byte (also wrong ones) and parses what a backend answers.

It deliberately uses nothing of pgwire_py, so that a mistake there cannot hide itself.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

PROTOCOL_3_0 = 0x00030000
SSL_REQUEST = struct.pack("!ii", 8, 80877103)
GSSENC_REQUEST = struct.pack("!ii", 8, 80877104)


def message(tag: str, body: bytes = b"") -> bytes:
    return tag.encode() + struct.pack("!i", len(body) + 4) + body


def text(value: str) -> bytes:
    return value.encode() + b"\0"


def int16s(values: Sequence[int]) -> bytes:
    return struct.pack(f"!H{len(values)}h", len(values), *values)


def startup(parameters: dict[str, str], version: int = PROTOCOL_3_0) -> bytes:
    body = struct.pack("!i", version) + b"".join(text(k) + text(v) for k, v in parameters.items()) + b"\0"
    return struct.pack("!i", len(body) + 4) + body


def cancel_request(process_id: int, key: bytes) -> bytes:
    return struct.pack("!iii", 12 + len(key), 80877102, process_id) + key


def query(sql: str) -> bytes:
    return message("Q", text(sql))


def parse(sql: str, name: str = "", types: Sequence[int] = ()) -> bytes:
    return message("P", text(name) + text(sql) + struct.pack(f"!H{len(types)}I", len(types), *types))


def bind(
    *parameters: bytes | None,
    portal: str = "",
    statement: str = "",
    formats: Sequence[int] = (),
    result_formats: Sequence[int] = (),
) -> bytes:
    values = b"".join(struct.pack("!i", -1) if p is None else struct.pack("!i", len(p)) + p for p in parameters)
    body = text(portal) + text(statement) + int16s(formats) + struct.pack("!H", len(parameters)) + values
    return message("B", body + int16s(result_formats))


def describe(kind: str, name: str = "") -> bytes:
    return message("D", kind.encode() + text(name))


def execute(portal: str = "", max_rows: int = 0) -> bytes:
    return message("E", text(portal) + struct.pack("!i", max_rows))


def close(kind: str, name: str = "") -> bytes:
    return message("C", kind.encode() + text(name))


FLUSH = message("H")
SYNC = message("S")
TERMINATE = message("X")


@dataclass(frozen=True)
class Message:
    """One message of the backend."""

    tag: str
    body: bytes

    @property
    def fields(self) -> dict[str, str]:
        """Of ErrorResponse and NoticeResponse: text by field code."""
        assert self.tag in "EN", self
        return {part[:1].decode(): part[1:].decode() for part in self.body.split(b"\0") if part}

    @property
    def row(self) -> tuple[bytes | None, ...]:
        """Of DataRow: the values; asserts that the lengths add up."""
        assert self.tag == "D", self
        (count,) = struct.unpack_from("!H", self.body)
        offset = 2
        values: list[bytes | None] = []
        for _ in range(count):
            (length,) = struct.unpack_from("!i", self.body, offset)
            offset += 4
            values.append(None if length < 0 else self.body[offset : offset + length])
            offset += max(length, 0)
        assert offset == len(self.body), self
        return tuple(values)

    @property
    def columns(self) -> list[tuple[str, int, int]]:
        """Of RowDescription: name, type OID and format code of each column."""
        assert self.tag == "T", self
        (count,) = struct.unpack_from("!H", self.body)
        offset = 2
        columns = []
        for _ in range(count):
            end = self.body.index(0, offset)
            name = self.body[offset:end].decode()
            _, _, oid, _, _, code = struct.unpack_from("!IhIhih", self.body, end + 1)
            columns.append((name, oid, code))
            offset = end + 19
        assert offset == len(self.body), self
        return columns

    @property
    def types(self) -> tuple[int, ...]:
        """Of ParameterDescription: type OIDs."""
        assert self.tag == "t", self
        (count,) = struct.unpack_from("!H", self.body)
        return struct.unpack(f"!{count}I", self.body[2:])

    def __str__(self) -> str:
        """What tests compare: the tag, and what matters of the content."""
        if self.tag in "EN":
            severity = self.fields["V"]
            return f"{self.tag} {self.fields['C']}" + (
                "" if severity in ("ERROR", "NOTICE", "WARNING") else f" {severity}"
            )
        if self.tag == "Z":
            return f"Z {self.body.decode()}"
        if self.tag == "C":
            return f"C {self.body[:-1].decode()}"
        if self.tag == "D":
            return "D " + "|".join("NULL" if v is None else v.decode("utf-8", "backslashreplace") for v in self.row)
        return self.tag


class RawClient:
    """A socket to a backend; a ``host`` with a slash is the directory of its Unix socket.

    Reading waits up to ``timeout`` seconds, then raises TimeoutError.
    """

    def __init__(self, host: str, port: int, *, timeout: float = 20.0) -> None:
        if "/" in host:
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(timeout)
            self.socket.connect(f"{host}/.s.PGSQL.{port}")
        else:
            self.socket = socket.create_connection((host, port), timeout)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        self.parameters: dict[str, str] = {}
        self.process_id = 0
        self.key = b""

    def __enter__(self) -> RawClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, *parts: bytes) -> None:
        self.socket.sendall(b"".join(parts))

    def byte(self) -> bytes:
        """The single byte that answers SSLRequest and GSSENCRequest."""
        assert not self.buffer
        return self.socket.recv(1)

    def login(self, user: str, database: str, version: int = PROTOCOL_3_0, **parameters: str) -> list[Message]:
        """Send StartupMessage and read until the first ReadyForQuery."""
        self.send(startup({"user": user, "database": database, **parameters}, version))
        answers = self.until_ready()
        for answer in answers:
            if answer.tag == "S":
                name, value, _ = answer.body.decode().split("\0")
                self.parameters[name] = value
            elif answer.tag == "K":
                self.process_id = struct.unpack("!i", answer.body[:4])[0]
                self.key = answer.body[4:]
        assert str(answers[-1]) == "Z I", [str(a) for a in answers]
        return answers

    def receive(self) -> Message | None:
        """The next message; None when the backend has closed the connection."""
        while True:
            if len(self.buffer) >= 5:
                (length,) = struct.unpack_from("!i", self.buffer, 1)
                assert length >= 4, self.buffer[:20]
                if len(self.buffer) > length:
                    found = Message(chr(self.buffer[0]), self.buffer[5 : length + 1])
                    self.buffer = self.buffer[length + 1 :]
                    return found
            try:
                data = self.socket.recv(1 << 16)
            except ConnectionResetError:  # the backend closed with bytes of ours unread
                data = b""
            if not data:
                assert not self.buffer, f"closed within a message: {self.buffer[:100]!r}"
                return None
            self.buffer += data

    def __iter__(self) -> Iterator[Message]:
        while (answer := self.receive()) is not None:
            yield answer

    def until_ready(self, count: int = 1) -> list[Message]:
        """Every message up to the ``count``-th ReadyForQuery, or up to the end of the connection."""
        answers = []
        for answer in self:
            answers.append(answer)
            if answer.tag == "Z":
                count -= 1
                if count == 0:
                    break
        return answers

    def exchange(self, *parts: bytes, ready: int = 1) -> list[str]:
        """Send, read until the ``ready``-th ReadyForQuery (or the end) and give the answers as short texts."""
        self.send(*parts)
        return [str(answer) for answer in self.until_ready(ready)]

    def to_end(self) -> list[str]:
        """Every message until the backend closes the connection, as short texts."""
        return [str(answer) for answer in self]
