"""The phases of a connection seen from the backend, as one table (Protocol 55.2).

This file knows neither bytes nor sockets. ``RECEIVE`` says, for each phase, which frontend message is legal and which phase follows;
``SEND`` does the same for backend messages that change the phase. What is not in the table is illegal, never ignored, except for the
messages in ``IGNORED``, which PostgreSQL drops too.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

from . import messages as m

__all__ = ["ANSWERING", "EXTENDED", "IGNORED", "RECEIVE", "SEND", "Phase"]


class Phase(str, Enum):
    """Where a connection stands between two messages."""

    STARTUP = "startup"
    """Nothing received, or encryption was refused or set up: an untagged start-up packet comes next."""
    ENCRYPTION = "encryption"
    """SSLRequest or GSSENCRequest received; the one-byte answer is owed."""
    AUTHENTICATION = "authentication"
    """StartupMessage received; AuthenticationOk not sent."""
    STARTING = "starting"
    """AuthenticationOk sent; the first ReadyForQuery not sent."""
    IDLE = "idle"
    """ReadyForQuery sent, nothing received since."""
    SIMPLE = "simple"
    """A Query or FunctionCall is being answered."""
    EXTENDED = "extended"
    """Inside a batch of the extended query protocol."""
    SKIPPING = "skipping"
    """An error was sent inside a batch: everything up to Sync is dropped."""
    SYNC = "sync"
    """Sync received; ReadyForQuery is owed."""
    CLOSED = "closed"
    """Terminate, a CancelRequest, or a fatal error: nothing more is received."""


EXTENDED: Final[tuple[type, ...]] = (m.Parse, m.Bind, m.Describe, m.Execute, m.Close, m.Flush)
"""Messages of the extended query protocol that an error makes the server skip."""

_BATCH: Final = {
    **dict.fromkeys(EXTENDED, Phase.EXTENDED),
    m.Query: Phase.SIMPLE,
    m.FunctionCall: Phase.SIMPLE,
    m.Sync: Phase.SYNC,
    m.Terminate: Phase.CLOSED,
}

RECEIVE: Final[dict[Phase, dict[type, Phase]]] = {
    Phase.STARTUP: {
        m.StartupMessage: Phase.AUTHENTICATION,
        m.SSLRequest: Phase.ENCRYPTION,
        m.GSSENCRequest: Phase.ENCRYPTION,
        m.CancelRequest: Phase.CLOSED,
    },
    Phase.ENCRYPTION: {},
    Phase.AUTHENTICATION: {
        m.PasswordMessage: Phase.AUTHENTICATION,
        m.SASLInitialResponse: Phase.AUTHENTICATION,
        m.SASLResponse: Phase.AUTHENTICATION,
        m.Terminate: Phase.CLOSED,
    },
    Phase.STARTING: {},
    Phase.IDLE: _BATCH,
    Phase.SIMPLE: {},
    Phase.EXTENDED: _BATCH,
    Phase.SKIPPING: {m.Sync: Phase.SYNC, m.Terminate: Phase.CLOSED},
    Phase.SYNC: {},
    Phase.CLOSED: {},
}
"""Phase → frontend message → next phase. An empty row: an answer is owed first, messages wait."""

SEND: Final[dict[Phase, dict[type, Phase]]] = {
    Phase.AUTHENTICATION: {m.AuthenticationOk: Phase.STARTING},
    Phase.STARTING: {m.ReadyForQuery: Phase.IDLE},
    Phase.SIMPLE: {m.ReadyForQuery: Phase.IDLE, m.ErrorResponse: Phase.SIMPLE},
    Phase.EXTENDED: {m.ErrorResponse: Phase.SKIPPING},
    Phase.SYNC: {m.ReadyForQuery: Phase.IDLE, m.ErrorResponse: Phase.SYNC},
}
"""Phase → backend message that is legal only there → next phase; other backend messages leave the phase as it is."""

IGNORED: Final[frozenset[type]] = frozenset({m.CopyData, m.CopyDone, m.CopyFail})
"""Dropped between commands: a client may still send them after its COPY has failed (Protocol 55.2.7)."""

ANSWERING: Final[frozenset[Phase]] = frozenset({Phase.SIMPLE, Phase.EXTENDED, Phase.SYNC})
"""Phases in which results may be sent."""
