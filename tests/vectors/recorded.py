"""The sessions that ``tools/record_sessions.py`` recorded, and how decoders follow them. ``rust/core/tests/sessions.rs`` does the same."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from pgwire_py import messages as m

DIRECTORY = Path(__file__).with_name("sessions")
FRONTEND, BACKEND = "F", "B"
MALFORMED = "raw-violations"
"""The sessions in which the frontend breaks the protocol on purpose."""

AFTER_AUTHENTICATION = 1 << 30
"""Largest length field accepted then, in bytes: PostgreSQL's PQ_LARGE_MESSAGE_LIMIT."""


@dataclass(frozen=True)
class Session:
    """One connection: ``pieces`` are (direction, bytes) in the order in which they passed."""

    name: str
    client: str
    server: str
    pieces: tuple[tuple[str, bytes], ...]

    def stream(self, direction: str) -> bytes:
        return b"".join(data for whose, data in self.pieces if whose == direction)

    @property
    def malformed(self) -> bool:
        return self.name.startswith(MALFORMED)


@cache
def sessions() -> tuple[Session, ...]:
    """Every recorded session, by name."""
    return tuple(read_session(path) for path in sorted(DIRECTORY.glob("*.json")))


def read_session(path: Path) -> Session:
    """A recorded session, also of ``pgwire-py proxy --record``."""
    raw = json.loads(path.read_text(encoding="utf-8"))
    pieces = tuple((direction, bytes.fromhex(data)) for direction, data in raw["pieces"])
    return Session(path.stem, raw["client"], raw["server"], pieces)


class Follower:
    """Both decoders of one implementation, each told what the other end's messages mean for it."""

    def __init__(self, core: Any) -> None:
        self.decoders = {FRONTEND: core.FrontendDecoder(), BACKEND: core.BackendDecoder()}

    def feed(self, direction: str, data: bytes) -> list[Any]:
        """What the decoder of this direction says to the bytes."""
        items: list[Any] = self.decoders[direction].feed(data)
        for item in items:
            self._notice(item)
        return items

    def _notice(self, item: object) -> None:
        frontend, backend = self.decoders[FRONTEND], self.decoders[BACKEND]
        if isinstance(item, (m.SSLRequest, m.GSSENCRequest)):
            backend.encryption_response = True
        elif isinstance(item, m.AuthenticationSASL):
            frontend.password_kind = "sasl_initial"
        elif isinstance(item, m.AuthenticationSASLContinue):
            frontend.password_kind = "sasl_response"
        elif isinstance(item, m.AuthenticationOk):
            frontend.password_kind = "password"
            frontend.max_message_length = backend.max_message_length = AFTER_AUTHENTICATION


def frames(stream: bytes, startup: bool) -> Iterator[bytes]:
    """A stream cut at its length fields; with ``startup``, untagged packets come first. An incomplete last one is given as it is."""
    position = 0
    while position < len(stream):
        startup = startup and stream[position] == 0
        header = 0 if startup else 1
        size = header + max(int.from_bytes(stream[position + header : position + header + 4], "big"), 4)
        yield stream[position : position + size]
        position += size
