"""The phases of a connection and the answers to each request, as tables (Protocol 55.2).

This file knows neither bytes nor sockets. Both ends walk the same tables:

``FRONTEND`` says for each phase which frontend message is legal and which phase follows, ``BACKEND`` the same for backend messages. The
backend reads one message, answers it, and reads the next. What is not in its phase's row is illegal, unless it is in ``IGNORED``, which
PostgreSQL drops too. An empty row in ``FRONTEND`` means that the backend does not read: messages wait.

A frontend writes ahead of the answers, as ``AHEAD`` allows. It keeps the requests in flight in a FIFO and walks the tables with the
backend's eyes: its phase is where the backend stood when it sent what came last. ``FIRST`` and ``ANSWERS`` say what each request expects.

A key of a table is a message's class, or class and word where legality depends on more: see :func:`kind_of`.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Final

from . import messages as m
from .events import DirectTLS

__all__ = [
    "AHEAD",
    "ANSWERING",
    "ANSWERS",
    "ASYNCHRONOUS",
    "BACKEND",
    "EXTENDED",
    "FATAL",
    "FIRST",
    "FRONTEND",
    "IGNORED",
    "START_UP",
    "TAGS",
    "Kind",
    "Phase",
    "Step",
    "kind_of",
]

Kind = type | tuple[type, str]
"""A key of the tables."""


class Phase(str, Enum):
    """Where a connection stands between two messages."""

    STARTUP = "startup"
    """Nothing received, or encryption was refused: an untagged start-up packet comes next."""
    SSL_REQUESTED = "ssl_requested"
    """SSLRequest received; the one-byte answer is owed."""
    GSSENC_REQUESTED = "gssenc_requested"
    """GSSENCRequest received; the one-byte answer is owed."""
    ENCRYPTED = "encrypted"
    """Encryption was agreed upon: after the handshake StartupMessage or CancelRequest comes next."""
    AUTHENTICATION = "authentication"
    """StartupMessage received, and the backend's turn: an authentication request or AuthenticationOk."""
    PASSWORD = "password"
    """A password was asked for."""
    SASL_INITIAL = "sasl_initial"
    """The choice of a SASL mechanism was asked for."""
    SASL = "sasl"
    """The frontend has spoken in a SASL exchange, and the backend's turn."""
    SASL_RESPONSE = "sasl_response"
    """The answer to a SASL challenge was asked for."""
    GSS = "gss"
    """The frontend has sent a GSSAPI or SSPI token, and the backend's turn."""
    GSS_RESPONSE = "gss_response"
    """A token was asked for, or the last one was given."""
    STARTING = "starting"
    """AuthenticationOk sent; the first ReadyForQuery not sent."""
    IDLE = "idle"
    """ReadyForQuery sent, nothing received since."""
    SIMPLE = "simple"
    """A Query is being answered."""
    FUNCTION_CALL = "function_call"
    """A FunctionCall is being answered."""
    COPY_IN = "copy_in"
    """A Query's COPY FROM STDIN reads the frontend's stream."""
    COPY_OUT = "copy_out"
    """A Query's COPY TO STDOUT writes its stream, or a copy-both whose frontend stream has ended goes on writing."""
    COPY_BOTH = "copy_both"
    """A Query of a replication connection streams both ways."""
    COPY_BOTH_IN = "copy_both_in"
    """A copy-both whose backend stream has ended goes on reading."""
    EXTENDED = "extended"
    """Inside a batch of the extended query protocol."""
    EXTENDED_COPY_IN = "extended_copy_in"
    """An Execute's COPY FROM STDIN reads the frontend's stream."""
    EXTENDED_COPY_OUT = "extended_copy_out"
    """An Execute's COPY TO STDOUT writes its stream."""
    SKIPPING = "skipping"
    """An error was sent inside a batch: everything up to Sync is dropped."""
    SYNC = "sync"
    """Sync received; ReadyForQuery is owed."""
    CLOSED = "closed"
    """Terminate, a CancelRequest, or a fatal error: nothing more is received."""


# -- what the frontend sends -----------------------------------------------------------------------------------------

EXTENDED: Final[tuple[type, ...]] = (m.Parse, m.Bind, m.Describe, m.Execute, m.Close, m.Flush)
"""Messages of the extended query protocol that an error makes the server skip."""

_BATCH: Final[dict[Kind, Phase]] = {
    **dict.fromkeys(EXTENDED, Phase.EXTENDED),
    m.Query: Phase.SIMPLE,
    m.FunctionCall: Phase.FUNCTION_CALL,
    m.Sync: Phase.SYNC,
    m.Terminate: Phase.CLOSED,
}


def _copy_in(following: Phase, same: Phase) -> dict[Kind, Phase]:
    return {m.CopyData: same, m.CopyDone: following, m.CopyFail: following, m.Terminate: Phase.CLOSED}


FRONTEND: Final[dict[Phase, dict[Kind, Phase]]] = {
    Phase.STARTUP: {
        m.StartupMessage: Phase.AUTHENTICATION,
        m.SSLRequest: Phase.SSL_REQUESTED,
        m.GSSENCRequest: Phase.GSSENC_REQUESTED,
        m.CancelRequest: Phase.CLOSED,
        DirectTLS: Phase.ENCRYPTED,
    },
    Phase.SSL_REQUESTED: {},
    Phase.GSSENC_REQUESTED: {},
    Phase.ENCRYPTED: {m.StartupMessage: Phase.AUTHENTICATION, m.CancelRequest: Phase.CLOSED},
    Phase.AUTHENTICATION: {m.Terminate: Phase.CLOSED},
    Phase.PASSWORD: {m.PasswordMessage: Phase.AUTHENTICATION, m.Terminate: Phase.CLOSED},
    Phase.SASL_INITIAL: {m.SASLInitialResponse: Phase.SASL, m.Terminate: Phase.CLOSED},
    Phase.SASL: {m.Terminate: Phase.CLOSED},
    Phase.SASL_RESPONSE: {m.SASLResponse: Phase.SASL, m.Terminate: Phase.CLOSED},
    Phase.GSS: {m.Terminate: Phase.CLOSED},
    Phase.GSS_RESPONSE: {m.GSSResponse: Phase.GSS, m.Terminate: Phase.CLOSED},
    Phase.STARTING: {},
    Phase.IDLE: _BATCH,
    Phase.SIMPLE: {},
    Phase.FUNCTION_CALL: {},
    Phase.COPY_IN: _copy_in(Phase.SIMPLE, Phase.COPY_IN),
    Phase.COPY_OUT: {},
    Phase.COPY_BOTH: {m.CopyData: Phase.COPY_BOTH, m.CopyDone: Phase.COPY_OUT, m.Terminate: Phase.CLOSED},
    Phase.COPY_BOTH_IN: {m.CopyData: Phase.COPY_BOTH_IN, m.CopyDone: Phase.SIMPLE, m.Terminate: Phase.CLOSED},
    Phase.EXTENDED: _BATCH,
    Phase.EXTENDED_COPY_IN: _copy_in(Phase.EXTENDED, Phase.EXTENDED_COPY_IN),
    Phase.EXTENDED_COPY_OUT: {},
    Phase.SKIPPING: {m.Sync: Phase.SYNC, m.Terminate: Phase.CLOSED},
    Phase.SYNC: {},
    Phase.CLOSED: {},
}
"""Phase → frontend message → next phase. An empty row: the backend does not read."""

_COPY: Final[frozenset[Kind]] = frozenset({m.CopyData, m.CopyDone, m.CopyFail})

IGNORED: Final[dict[Phase, frozenset[Kind]]] = {
    Phase.IDLE: _COPY,
    Phase.EXTENDED: _COPY,
    Phase.COPY_IN: frozenset({m.Flush, m.Sync}),
    Phase.EXTENDED_COPY_IN: frozenset({m.Flush, m.Sync}),
    Phase.SKIPPING: frozenset({*EXTENDED, m.Query, m.FunctionCall, *_COPY}),
}
"""Phase → frontend messages that the backend drops: they may have been sent before the frontend knew (Protocol 55.2.3, 55.2.7).

A frontend that knows may not send them.
"""

AHEAD: Final[dict[Phase, frozenset[Kind]]] = {
    Phase.STARTING: frozenset({m.Terminate}),
    **dict.fromkeys(
        (Phase.SIMPLE, Phase.FUNCTION_CALL, Phase.COPY_OUT, Phase.EXTENDED_COPY_OUT, Phase.SYNC), frozenset(_BATCH)
    ),
}
"""Phase in which the backend does not read → what a frontend may send all the same."""

TAGS: Final[dict[str, type]] = {
    "B": m.Bind,
    "C": m.Close,
    "D": m.Describe,
    "E": m.Execute,
    "F": m.FunctionCall,
    "H": m.Flush,
    "P": m.Parse,
    "Q": m.Query,
    "S": m.Sync,
    "X": m.Terminate,
    "c": m.CopyDone,
    "d": m.CopyData,
    "f": m.CopyFail,
}
"""Tag of a frontend message → class, for messages whose body is malformed: they count as received."""

# -- what the backend sends ------------------------------------------------------------------------------------------

FATAL: Final[Kind] = (m.ErrorResponse, "FATAL")
"""An ErrorResponse of severity FATAL or PANIC, which is legal in every phase: the backend ends the connection."""

ASYNCHRONOUS: Final[frozenset[Kind]] = frozenset({m.NoticeResponse, m.NotificationResponse, m.ParameterStatus})
"""Backend messages that answer nothing and come at any time after authentication (Protocol 55.2.6)."""

_AUTHENTICATION: Final[dict[Kind, Phase]] = {
    m.NegotiateProtocolVersion: Phase.AUTHENTICATION,
    m.AuthenticationOk: Phase.STARTING,
    m.AuthenticationCleartextPassword: Phase.PASSWORD,
    m.AuthenticationMD5Password: Phase.PASSWORD,
    m.AuthenticationSASL: Phase.SASL_INITIAL,
    m.AuthenticationGSS: Phase.GSS_RESPONSE,
    m.AuthenticationSSPI: Phase.GSS_RESPONSE,
    m.AuthenticationKerberosV5: Phase.CLOSED,  # nobody knows the answer any more
}

_REFUSED: Final[dict[Kind, Phase]] = {m.ErrorResponse: Phase.CLOSED}
"""Before a session exists every error ends the connection."""

_RESULTS: Final = (m.RowDescription, m.DataRow, m.CommandComplete, m.EmptyQueryResponse)

_EXTENDED_RESULTS: Final = (
    m.ParseComplete,
    m.BindComplete,
    m.CloseComplete,
    m.ParameterDescription,
    m.NoData,
    m.PortalSuspended,
    *_RESULTS,
)

_BACKEND: Final[dict[Phase, dict[Kind, Phase]]] = {
    Phase.STARTUP: _REFUSED,
    Phase.SSL_REQUESTED: {
        (m.EncryptionResponse, "S"): Phase.ENCRYPTED,
        (m.EncryptionResponse, "N"): Phase.STARTUP,
        **_REFUSED,
    },
    Phase.GSSENC_REQUESTED: {
        (m.EncryptionResponse, "G"): Phase.ENCRYPTED,
        (m.EncryptionResponse, "N"): Phase.STARTUP,
        **_REFUSED,
    },
    Phase.ENCRYPTED: _REFUSED,
    Phase.AUTHENTICATION: {**_AUTHENTICATION, **_REFUSED},
    Phase.PASSWORD: _REFUSED,
    Phase.SASL_INITIAL: _REFUSED,
    Phase.SASL: {
        m.AuthenticationSASLContinue: Phase.SASL_RESPONSE,
        m.AuthenticationSASLFinal: Phase.AUTHENTICATION,
        m.AuthenticationOk: Phase.STARTING,
        **_REFUSED,
    },
    Phase.SASL_RESPONSE: _REFUSED,
    Phase.GSS: {m.AuthenticationGSSContinue: Phase.GSS_RESPONSE, m.AuthenticationOk: Phase.STARTING, **_REFUSED},
    Phase.GSS_RESPONSE: {m.AuthenticationOk: Phase.STARTING, **_REFUSED},
    Phase.STARTING: {m.BackendKeyData: Phase.STARTING, m.ReadyForQuery: Phase.IDLE, **_REFUSED},
    Phase.IDLE: {},
    Phase.SIMPLE: {
        **dict.fromkeys(_RESULTS, Phase.SIMPLE),
        m.CopyInResponse: Phase.COPY_IN,
        m.CopyOutResponse: Phase.COPY_OUT,
        m.CopyBothResponse: Phase.COPY_BOTH,
        m.ErrorResponse: Phase.SIMPLE,
        m.ReadyForQuery: Phase.IDLE,
    },
    Phase.FUNCTION_CALL: {
        m.FunctionCallResponse: Phase.FUNCTION_CALL,
        m.ErrorResponse: Phase.FUNCTION_CALL,
        m.ReadyForQuery: Phase.IDLE,
    },
    Phase.COPY_IN: {m.ErrorResponse: Phase.SIMPLE},
    Phase.COPY_OUT: {m.CopyData: Phase.COPY_OUT, m.CopyDone: Phase.SIMPLE, m.ErrorResponse: Phase.SIMPLE},
    Phase.COPY_BOTH: {m.CopyData: Phase.COPY_BOTH, m.CopyDone: Phase.COPY_BOTH_IN, m.ErrorResponse: Phase.SIMPLE},
    Phase.COPY_BOTH_IN: {m.ErrorResponse: Phase.SIMPLE},
    Phase.EXTENDED: {
        **dict.fromkeys(_EXTENDED_RESULTS, Phase.EXTENDED),
        m.CopyInResponse: Phase.EXTENDED_COPY_IN,
        m.CopyOutResponse: Phase.EXTENDED_COPY_OUT,
        m.ErrorResponse: Phase.SKIPPING,
    },
    Phase.EXTENDED_COPY_IN: {m.ErrorResponse: Phase.SKIPPING},
    Phase.EXTENDED_COPY_OUT: {
        m.CopyData: Phase.EXTENDED_COPY_OUT,
        m.CopyDone: Phase.EXTENDED,
        m.ErrorResponse: Phase.SKIPPING,
    },
    Phase.SKIPPING: {},
    Phase.SYNC: {m.ReadyForQuery: Phase.IDLE, m.ErrorResponse: Phase.SYNC},
    Phase.CLOSED: {},
}

START_UP: Final[frozenset[Phase]] = frozenset(Phase(phase) for phase in list(Phase)[: list(Phase).index(Phase.IDLE)])
"""The phases before the first ReadyForQuery, in which no request is in flight."""

BACKEND: Final[dict[Phase, dict[Kind, Phase]]] = {
    phase: {
        **row,
        **({} if phase in START_UP and phase is not Phase.STARTING else dict.fromkeys(ASYNCHRONOUS, phase)),
        FATAL: Phase.CLOSED,
    }
    for phase, row in _BACKEND.items()
}
"""Phase → backend message → next phase."""

ANSWERING: Final[frozenset[Phase]] = frozenset(
    {
        Phase.SIMPLE,
        Phase.FUNCTION_CALL,
        Phase.COPY_OUT,
        Phase.COPY_BOTH,
        Phase.EXTENDED,
        Phase.EXTENDED_COPY_OUT,
        Phase.SYNC,
    }
)
"""Phases in which results may be sent."""

# -- which answers a request expects ---------------------------------------------------------------------------------


class Step(str, Enum):
    """What the oldest request in flight has been answered so far."""

    QUERY = "query"
    """A Query: nothing yet."""
    ROWS = "rows"
    """A Query: the rows of a statement."""
    NEXT = "next"
    """A Query: a statement has ended, others may follow."""
    COPY = "copy"
    """A Query: COPY has begun. Whether its stream goes on is a matter of phase."""
    EMPTY = "empty"
    """A Query without a statement."""
    PARSE = "parse"
    BIND = "bind"
    CLOSE = "close"
    DESCRIBE = "describe"
    """Describe of a statement: nothing yet."""
    SHAPE = "shape"
    """Describe of a portal, or of a statement whose parameters are told."""
    EXECUTE = "execute"
    """An Execute: nothing yet."""
    EXECUTE_ROWS = "execute_rows"
    """An Execute: the rows."""
    EXECUTE_COPY = "execute_copy"
    """An Execute: COPY has begun."""
    FUNCTION_CALL = "function_call"
    """A FunctionCall: nothing yet."""
    COMMIT = "commit"
    """A Sync, or a FunctionCall with its result: only the commit can still fail."""
    FAILED = "failed"
    """An error was told; ReadyForQuery is to come."""
    DONE = "done"
    """Nothing more."""


FIRST: Final[dict[Kind, Step]] = {
    m.Query: Step.QUERY,
    m.FunctionCall: Step.FUNCTION_CALL,
    m.Parse: Step.PARSE,
    m.Bind: Step.BIND,
    (m.Describe, "S"): Step.DESCRIBE,
    (m.Describe, "P"): Step.SHAPE,
    m.Execute: Step.EXECUTE,
    m.Close: Step.CLOSE,
    m.Flush: Step.DONE,
    m.Sync: Step.COMMIT,
}
"""Request → its first step."""

_STATEMENT: Final[dict[Kind, Step]] = {
    m.RowDescription: Step.ROWS,
    m.CommandComplete: Step.NEXT,
    m.CopyInResponse: Step.COPY,
    m.CopyOutResponse: Step.COPY,
    m.CopyBothResponse: Step.COPY,
    m.ErrorResponse: Step.FAILED,
}


def _one(message: Kind) -> dict[Kind, Step]:
    return {message: Step.DONE, m.ErrorResponse: Step.DONE}


ANSWERS: Final[dict[Step, Mapping[Kind, Step]]] = {
    Step.QUERY: {**_STATEMENT, m.EmptyQueryResponse: Step.EMPTY},
    # A rule's DO ALSO SELECT gives further row descriptions; BASE_BACKUP and START_REPLICATION complete twice.
    Step.ROWS: {
        m.RowDescription: Step.ROWS,
        m.DataRow: Step.ROWS,
        m.CommandComplete: Step.NEXT,
        m.ErrorResponse: Step.FAILED,
    },
    Step.NEXT: {**_STATEMENT, m.ReadyForQuery: Step.DONE},
    Step.COPY: {**_STATEMENT, m.CopyData: Step.COPY, m.CopyDone: Step.COPY},
    Step.EMPTY: {m.ReadyForQuery: Step.DONE, m.ErrorResponse: Step.FAILED},
    Step.PARSE: _one(m.ParseComplete),
    Step.BIND: _one(m.BindComplete),
    Step.CLOSE: _one(m.CloseComplete),
    Step.DESCRIBE: {m.ParameterDescription: Step.SHAPE, m.ErrorResponse: Step.DONE},
    Step.SHAPE: {**_one(m.RowDescription), m.NoData: Step.DONE},
    Step.EXECUTE: {
        m.DataRow: Step.EXECUTE_ROWS,
        m.CommandComplete: Step.DONE,
        m.PortalSuspended: Step.DONE,
        m.EmptyQueryResponse: Step.DONE,
        m.CopyInResponse: Step.EXECUTE_COPY,
        m.CopyOutResponse: Step.EXECUTE_COPY,
        m.ErrorResponse: Step.DONE,
    },
    Step.EXECUTE_ROWS: {m.DataRow: Step.EXECUTE_ROWS, m.PortalSuspended: Step.DONE, **_one(m.CommandComplete)},
    Step.EXECUTE_COPY: {m.CopyData: Step.EXECUTE_COPY, m.CopyDone: Step.EXECUTE_COPY, **_one(m.CommandComplete)},
    Step.FUNCTION_CALL: {m.FunctionCallResponse: Step.COMMIT, m.ErrorResponse: Step.FAILED},
    Step.COMMIT: {m.ReadyForQuery: Step.DONE, m.ErrorResponse: Step.FAILED},
    Step.FAILED: {m.ReadyForQuery: Step.DONE, m.ErrorResponse: Step.FAILED},
    Step.DONE: {},
}
"""Step → backend message → next step. Phase and step must both allow a message; asynchronous ones do not touch the step."""


def kind_of(message: object) -> Kind:
    """The key under which the tables have a message: its class, or class and word for ErrorResponse, EncryptionResponse and Describe."""
    kind = message.__class__
    if kind is m.ErrorResponse:
        fields: dict[str, str] = message.fields  # type: ignore[attr-defined]
        return FATAL if fields.get("V", fields.get("S")) in ("FATAL", "PANIC") else kind  # S may be translated
    if kind is m.EncryptionResponse:
        return kind, message.answer  # type: ignore[attr-defined]
    if kind is m.Describe:
        return kind, message.kind  # type: ignore[attr-defined]
    return kind
