"""What a client is told of exceptions that are not PostgresErrors, and of the server's end."""

from __future__ import annotations

from typing import Final

from ..errors import AdminShutdown, InternalError

__all__ = ["internal_error", "sendable", "shutdown_error"]

MAX_ERROR_TEXT: Final = 64 * 1024
"""Characters of an unforeseen exception's text that a client is told."""


def internal_error(error: BaseException, severity: str = "ERROR") -> InternalError:
    """What a client is told of an exception that is not a PostgresError."""
    try:
        text = f"{type(error).__name__}: {error}"
    except Exception:
        text = type(error).__name__
    return InternalError(sendable(text), severity=severity)


def shutdown_error() -> AdminShutdown:
    """What a session is told when the server stops."""
    return AdminShutdown("terminating connection due to administrator command")


def sendable(text: str) -> str:
    """A text as an error can hold it."""
    return text.replace("\0", "\\0").encode("utf-8", "backslashreplace").decode()[:MAX_ERROR_TEXT]
