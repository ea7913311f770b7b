"""What goes wrong on the client's side of a connection; what the server reports are the classes of ``pgwire_py.errors``."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import PgWireError

__all__ = ["ConnectFailed", "ConnectionLost", "ConnectionOptionError", "InterfaceError", "PoolError", "lost_by"]


class InterfaceError(PgWireError):
    """The client was asked for what it cannot do now: nothing was sent."""


class ConnectionOptionError(InterfaceError, ValueError):
    """A connection string, an option, a service file or a password file says what cannot be."""


class ConnectFailed(PgWireError, OSError):
    """No host could be connected to.

    Attributes:
        attempts: where was tried, such as ``"db.example" (192.0.2.1), port 5432``, and the exception, in order.
    """

    def __init__(self, attempts: Sequence[tuple[str, BaseException]]) -> None:
        lines = [f"connection to server at {where} failed: {str(why) or type(why).__name__}" for where, why in attempts]
        super().__init__("\n".join(lines) or "there is no host to connect to")
        self.attempts = tuple(attempts)


class ConnectionLost(PgWireError, ConnectionError):
    """The connection is closed, or ended before an answer was complete: whether the statement was carried out is not known."""


def lost_by(reason: str, cause: BaseException | None) -> ConnectionLost:
    """A connection was closed because of ``cause``, such as what a signal handler raised."""
    error = ConnectionLost(reason)
    if cause is not None:
        error.__cause__ = cause
    return error


class PoolError(InterfaceError):
    """A pool was asked for what it cannot do: it is closed, or the connection is not one of its."""
