"""SQLite's connection with a wait for locks that a cancel ends: SQLite's own does not look up while it waits."""

from __future__ import annotations

import sqlite3
import sys
import time
from typing import Any

__all__ = ["WaitingConnection"]

_BUSY = 5
_STEP = 0.1
"""Seconds that SQLite waits by itself."""

_CODES_TOLD = sys.version_info >= (3, 11)
"""Python 3.10 does not tell a lock from a stale snapshot, for which waiting is no use: there SQLite waits by itself."""


class WaitingConnection(sqlite3.Connection):
    """A connection whose ``execute`` waits for the locks of others up to a time, or until :meth:`give_up`."""

    _patience = 0.0
    _given_up = False

    def wait(self, seconds: float) -> None:
        """How long statements wait for a lock."""
        self._patience = seconds
        step = min(seconds, _STEP) if _CODES_TOLD else seconds
        super().execute(f"PRAGMA busy_timeout = {int(step * 1000)}").close()

    def give_up(self) -> None:
        """Interrupt the statement that runs or waits; from another thread."""
        self._given_up = True
        self.interrupt()

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        """As sqlite3's; an interrupted wait raises as an interrupted statement does."""
        self._given_up = False
        try:
            return super().execute(sql, parameters)
        except sqlite3.OperationalError as error:
            if not _is_busy(error):
                raise
        end = time.monotonic() + self._patience - _STEP
        while True:
            try:
                return super().execute(sql, parameters)
            except sqlite3.OperationalError as error:
                if self._given_up and _is_busy(error):
                    raise sqlite3.OperationalError("interrupted") from None
                if not _is_busy(error) or time.monotonic() >= end:
                    raise


def _is_busy(error: sqlite3.OperationalError) -> bool:
    return _CODES_TOLD and getattr(error, "sqlite_errorcode", None) == _BUSY
