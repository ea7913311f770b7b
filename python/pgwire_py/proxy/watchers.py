"""Who sees a proxy's conversations without changing them: one that prints, one that records. Passwords and the like never get here."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

from ..errors import RemoteProtocolError
from .frame import Frame

if TYPE_CHECKING:
    from .session import ProxySession

__all__ = ["Printer", "Recorder", "Watcher"]

log = logging.getLogger("pgwire_py.proxy")

MAX_SHOWN: Final = 8 * 1024
"""Bytes of a message up to which the printer decodes it; of a longer one it tells the length."""

MAX_LINE: Final = 400
"""Characters of a printed message."""


class Watcher:
    """Sees what a proxy forwards, secrets redacted. Does nothing itself; to be derived from."""

    def opened(self, session: ProxySession) -> None:
        """A client has sent its start-up packet: ``session.parameters`` is known."""

    def messages(self, session: ProxySession, frames: list[Frame]) -> None:
        """Messages of one direction (``frames[0].frontend``) go out."""

    def closed(self, session: ProxySession) -> None:
        """The client is gone."""


class Printer(Watcher):
    """A line for each message: number of the session, ``F`` or ``B`` for who sent it, the message.

    Args:
        write: takes each line, without its end.
    """

    def __init__(self, write: Callable[[str], object] = print) -> None:
        self._write = write

    def messages(self, session: ProxySession, frames: list[Frame]) -> None:
        for frame in frames:
            self._write(f"{session.number} {'F' if frame.frontend else 'B'} {_text(frame)}")

    def closed(self, session: ProxySession) -> None:
        self._write(f"{session.number} closed")


def _text(frame: Frame) -> str:
    if len(frame.body) > MAX_SHOWN:
        return f"message {frame.tag!r} of {len(frame.body)} bytes"
    try:
        text = repr(frame.decode())
    except RemoteProtocolError as error:
        text = f"malformed: {error}"
    return text if len(text) <= MAX_LINE else text[: MAX_LINE - 1] + "…"


class Recorder(Watcher):
    """Writes each session to a file of its own, as JSON: ``pieces`` are pairs of direction (``F``, ``B``) and bytes in hexadecimal.

    Args:
        path: of the first session's file; the others are numbered: ``name-2.json``. Files that exist are replaced. Only the owner can
            read them: queries and rows are in them as they are.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._files: dict[ProxySession, IO[str]] = {}
        self._opened = 0

    def opened(self, session: ProxySession) -> None:
        self._opened += 1
        path = self.path
        if self._opened > 1:
            path = path.with_name(f"{path.stem}-{self._opened}{path.suffix}")
        head = {
            "client": session.parameters.get("application_name", "unknown"),
            "server": str(session.proxy.upstream),
            "about": f"Recorded by pgwire-py proxy, session {session.number}.",
            "messages_left_out": 0,
        }
        try:
            file = open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8")  # noqa: SIM115
        except OSError as error:
            log.error("session %d is not recorded: %s", session.number, error)
            return
        self._files[session] = file
        self._append(session, json.dumps(head, ensure_ascii=False)[:-1] + ', "pieces": [')

    def messages(self, session: ProxySession, frames: list[Frame]) -> None:
        file = self._files.get(session)
        if file is None:
            return
        piece = ["F" if frames[0].frontend else "B", b"".join(map(bytes, frames)).hex()]
        first = session.data.setdefault(self, True)
        session.data[self] = False
        self._append(session, ("\n" if first else ",\n") + json.dumps(piece))

    def closed(self, session: ProxySession) -> None:
        self._append(session, "\n]}\n")
        file = self._files.pop(session, None)
        if file is not None:
            file.close()

    def _append(self, session: ProxySession, text: str) -> None:
        file = self._files.get(session)
        if file is None:
            return
        try:
            file.write(text)
        except OSError as error:
            log.error("session %d is recorded in part only: %s", session.number, error)
            del self._files[session]
