"""What one session does to another: ``pg_cancel_backend`` and ``pg_terminate_backend`` (PostgreSQL 9.27.2)."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from ..errors import AdminShutdown, InsufficientPrivilege, QueryCanceled, postgres_error
from .notifications import on_loop

if TYPE_CHECKING:
    from .session import Session

__all__ = ["cancel_backend", "terminate_backend"]

_LOOK_AGAIN: Final = 0.01
"""Seconds between two looks whether a session has ended."""


def cancel_backend(session: Session, process_id: int) -> bool:
    """Cancel what the session of that process ID runs; False, with a warning, where there is none. From the session's thread.

    Raises:
        PostgresError: 42501 where it is another user's; 57014 where it is this session.
    """
    victim = _victim(session, process_id, "canceled")
    if victim is None:
        return False
    if victim is session:
        raise QueryCanceled("canceling statement due to user request")
    on_loop(session.server.loop, victim.cancel)
    return True


def terminate_backend(session: Session, process_id: int, timeout: int) -> bool:
    """End the session of that process ID with 57P01, and wait for that up to ``timeout`` milliseconds; as :func:`cancel_backend`.

    Raises:
        PostgresError: 42501, 22003 a negative timeout, 57014 cancelled while it waits; 57P01 where it is this session.
    """
    if timeout < 0:
        raise postgres_error("22003", '"timeout" must not be negative')
    victim = _victim(session, process_id, "terminated")
    if victim is None:
        return False
    error = AdminShutdown("terminating connection due to administrator command", severity="FATAL")
    if victim is session:
        raise error
    on_loop(session.server.loop, victim.kill, error)
    if not timeout:
        return True
    until = time.monotonic() + timeout / 1000
    while (left := until - time.monotonic()) > 0:
        if session.server.sessions.get(process_id) is not victim:
            return True
        if session.execution.cancelled:
            raise QueryCanceled("canceling statement due to user request")
        time.sleep(min(left, _LOOK_AGAIN))
    session.notice("WARNING", "01000", f"backend with PID {process_id} did not terminate within {timeout} milliseconds")
    return False


def _victim(session: Session, process_id: int, done: str) -> Session | None:
    victim = session.server.sessions.get(process_id)
    if victim is None:
        session.notice("WARNING", "01000", f"PID {process_id} is not a PostgreSQL backend process")
    elif victim.user != session.user:
        raise InsufficientPrivilege(
            f"must be a member of the role whose process is being {done} or member of pg_signal_backend"
        )
    return victim
