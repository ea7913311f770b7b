"""Limits of time that end a session: being idle, being idle in a transaction, and a transaction (PostgreSQL 20.11.1)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from ..errors import PostgresError, postgres_error

if TYPE_CHECKING:
    from .session import Session

__all__ = ["SessionTimeouts"]

_IDLE: Final = ("57P05", "terminating connection due to idle-session timeout")
_IDLE_IN_TRANSACTION: Final = ("25P03", "terminating connection due to idle-in-transaction timeout")
_TRANSACTION: Final = ("25P04", "terminating connection due to transaction timeout")


class SessionTimeouts:
    """The timers of one session that has such limits."""

    __slots__ = ("_idle", "_session", "_transaction")

    def __init__(self, session: Session) -> None:
        self._session = session
        self._idle: asyncio.TimerHandle | None = None
        self._transaction: asyncio.TimerHandle | None = None

    def starting(self) -> None:
        """A statement begins."""
        self.message()
        limit = self._session.settings.timeouts[3]
        if limit and self._transaction is None:
            self._transaction = self._session.server.loop.call_later(limit, self._transaction_is_over)

    def message(self) -> None:
        """A message has come: the session is not idle any more."""
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None

    def waiting(self) -> None:
        """The session waits for the next statement."""
        self.message()
        session = self._session
        in_transaction = session.transaction.status != "I"
        if not in_transaction and self._transaction is not None:
            self._transaction.cancel()
            self._transaction = None
        _, idle, idle_in_transaction, _ = session.settings.timeouts
        limit = idle_in_transaction if in_transaction else idle
        if limit:
            self._idle = session.server.loop.call_later(limit, self._idle_too_long)

    def stop(self) -> None:
        """The session is gone."""
        for timer in (self._idle, self._transaction):
            if timer is not None:
                timer.cancel()
        self._idle = self._transaction = None

    def _idle_too_long(self) -> None:
        self._idle = None
        if not self._session.running:
            self._session.kill(_error(_IDLE_IN_TRANSACTION if self._session.transaction.status != "I" else _IDLE))

    def _transaction_is_over(self) -> None:
        self._transaction = None
        self._session.kill(_error(_TRANSACTION))


def _error(what: tuple[str, str]) -> PostgresError:
    return postgres_error(what[0], what[1], severity="FATAL")
