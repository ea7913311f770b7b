"""A proxy that forwards a PostgreSQL connection byte for byte and writes down what passed, in which direction and in what order.

A piece is recorded before it is forwarded, so what answers it stands behind it. Nothing is decoded, except where the bulk of a base
backup is to be left out.
"""

from __future__ import annotations

import socket
import struct
import tempfile
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

FRONTEND, BACKEND = "F", "B"
"""Whose bytes a piece holds."""


@dataclass
class Session:
    """One connection: pieces of bytes with their directions, in order."""

    pieces: list[tuple[str, bytes]] = field(default_factory=list)
    done: threading.Event = field(default_factory=threading.Event)

    def without_bulk(self, bound: int, keep: int) -> tuple[list[tuple[str, bytes]], int]:
        """The pieces without most of the backend's CopyData, and how many of them are left out.

        What stays: the first and the last ``keep`` of those with at most ``bound`` bytes, and the first of the larger ones.
        """
        pieces: list[tuple[str, bytes]] = []
        rest = b""
        for direction, data in self.pieces:
            if direction == FRONTEND:
                pieces.append((direction, data))
                continue
            rest += data
            while len(rest) >= 5 and len(rest) > (length := struct.unpack_from("!I", rest, 1)[0]):
                pieces.append((BACKEND, rest[: length + 1]))
                rest = rest[length + 1 :]
        copied = [at for at, (direction, data) in enumerate(pieces) if direction == BACKEND and data[:1] == b"d"]
        large = [at for at in copied if len(pieces[at][1]) > bound]
        small = [at for at in copied if len(pieces[at][1]) <= bound]
        left_out = {*large[1:], *small[keep : max(len(small) - keep, keep)]}
        return [piece for at, piece in enumerate(pieces) if at not in left_out], len(left_out)


class Proxy:
    """Listens on a TCP port and on a Unix socket; every connection becomes a :class:`Session` in ``sessions``."""

    def __init__(self, host: str, port: int, unix_directory: Path) -> None:
        self.target = (host, port)
        self._unix_target = unix_directory / f".s.PGSQL.{port}"
        self.sessions: list[Session] = []
        self._directory = tempfile.TemporaryDirectory(prefix="pgwire-proxy-")
        self.directory = Path(self._directory.name)
        tcp = socket.create_server(("127.0.0.1", 0))
        self.host, self.port = tcp.getsockname()
        unix = socket.socket(socket.AF_UNIX)
        unix.bind(str(self.directory / f".s.PGSQL.{self.port}"))
        unix.listen()
        self._listeners = [tcp, unix]
        for listener in self._listeners:
            threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def __enter__(self) -> Proxy:
        return self

    def __exit__(self, *_: object) -> None:
        for listener in self._listeners:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        self._directory.cleanup()

    def take(self, timeout: float = 30.0) -> list[Session]:
        """The sessions since the last call, each waited for until both ends have closed it.

        Raises:
            RuntimeError: one is still open after ``timeout`` seconds.
        """
        taken, self.sessions = self.sessions, []
        if not all(session.done.wait(timeout) for session in taken):
            raise RuntimeError("a recorded connection was left open")
        return taken

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            session = Session()
            self.sessions.append(session)
            threading.Thread(target=self._serve, args=(client, session), daemon=True).start()

    def _serve(self, client: socket.socket, session: Session) -> None:
        unix = client.family == socket.AF_UNIX
        with client, self._connect(unix) as server:
            for end in () if unix else (client, server):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            back = threading.Thread(target=_forward, args=(server, client, session, BACKEND), daemon=True)
            back.start()
            _forward(client, server, session, FRONTEND)
            back.join()
        session.done.set()

    def _connect(self, unix: bool) -> socket.socket:
        """To the server over the same kind of socket that the client came on: servers answer differently on Unix sockets."""
        if not unix:
            return socket.create_connection(self.target)
        server = socket.socket(socket.AF_UNIX)
        server.connect(str(self._unix_target))
        return server


def _forward(source: socket.socket, target: socket.socket, session: Session, direction: str) -> None:
    with suppress(OSError):  # the other end has gone: what it would have got has been recorded
        while data := source.recv(1 << 16):
            session.pieces.append((direction, data))
            target.sendall(data)
    for end, how in ((target, socket.SHUT_WR), (source, socket.SHUT_RD)):
        with suppress(OSError):
            end.shutdown(how)
