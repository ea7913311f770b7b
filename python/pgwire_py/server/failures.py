"""What a client is told where something fails, and who cancelled the work: the session, or whoever wants the task to end."""

from __future__ import annotations

import asyncio
from typing import Final

from .. import messages as m
from ..connection import BackendConnection
from ..errors import AdminShutdown, InternalError, LocalProtocolError, PostgresError

__all__ = ["internal_error", "is_being_cancelled", "is_to_be_told", "shutdown_error", "tell", "uncancel"]

MAX_ERROR_TEXT: Final = 64 * 1024
"""Characters of an unforeseen exception's text that a client is told."""


def tell(connection: BackendConnection, fields: dict[str, str], severity: str) -> None:
    """Queue an ErrorResponse. Where the client's encoding lacks a character of it, that is told instead, as PostgreSQL does."""
    try:
        connection.send(m.ErrorResponse(fields))
    except LocalProtocolError:  # a text that cannot be sent
        tell(connection, {name: sendable(text) for name, text in fields.items()}, severity)
    except PostgresError as other:
        other.severity = severity
        connection.send(m.ErrorResponse(other.response_fields()))


def internal_error(error: BaseException, severity: str = "ERROR") -> InternalError:
    """What a client is told of an exception that is not a PostgresError."""
    try:
        text = f"{type(error).__name__}: {error}"
    except Exception:
        text = type(error).__name__
    told = InternalError(sendable(text), severity=severity)
    told.__cause__ = error
    return told


def shutdown_error() -> AdminShutdown:
    """What a session is told when the server stops."""
    return AdminShutdown("terminating connection due to administrator command")


def sendable(text: str) -> str:
    """A text as it can be sent: without zero bytes and lone surrogates, and bounded."""
    return text.replace("\0", "\\0").encode("utf-8", "backslashreplace").decode()[:MAX_ERROR_TEXT]


def uncancel() -> None:
    """The cancellation of the current task was meant for its statement: the task goes on."""
    uncancel = getattr(asyncio.current_task(), "uncancel", None)  # from Python 3.11 on
    if uncancel is not None:
        uncancel()


def is_being_cancelled() -> bool:
    """Whether somebody cancelled the current task; True where Python cannot say (before 3.11)."""
    task = asyncio.current_task()
    if task is None:
        return False
    cancelling = getattr(task, "cancelling", None)
    return cancelling is None or cancelling() > 0


def is_to_be_told(error: BaseException) -> bool:
    """Whether an exception is a failure of who raised it: not what ends the program, nor that the current task is to end."""
    if isinstance(error, asyncio.CancelledError):
        return not is_being_cancelled()
    return not isinstance(error, (KeyboardInterrupt, SystemExit, GeneratorExit))
