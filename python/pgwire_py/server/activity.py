"""What a session does, for ``pg_stat_activity`` (PostgreSQL 28.2.3).

Recorded where a statement is answered by the session. Short answers (``short.py``) record nothing: what is shown of an idle session is
its last statement that took longer or went another way.
"""

from __future__ import annotations

from datetime import datetime, timezone
from time import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from .session import Session

__all__ = ["HIDDEN", "Activity", "rows"]

HIDDEN: Final = "<insufficient privilege>"
"""The query of another user's session."""
_STATES: Final = {"I": "idle", "T": "idle in transaction", "E": "idle in transaction (aborted)"}


class Activity:
    """What a session did last.

    Attributes:
        backend_start: when it logged in, in seconds since 1970, as all of these.
        xact_start: when the transaction began, if there is one.
        query_start: when the last statement began.
        state_change: when it began or ended.
        query: its text, cut.
    """

    __slots__ = ("backend_start", "query", "query_start", "state_change", "xact_start")

    def __init__(self) -> None:
        self.backend_start = self.state_change = time()
        self.query_start = self.xact_start = 0.0
        self.query = ""

    def began(self, query: str, limit: int, in_transaction: bool) -> None:
        """A statement begins; ``limit`` code points of it are kept."""
        now = self.query_start = self.state_change = time()
        self.query = query if len(query) <= limit else query[:limit]
        if not in_transaction:
            self.xact_start = now

    def ended(self) -> None:
        """The session waits for the next."""
        self.state_change = time()


def rows(session: Session) -> list[dict[str, object]]:
    """The rows of ``pg_stat_activity`` as ``session`` sees them, as values by column; from any thread."""
    found = []
    for other in list(session.server.sessions.values()):
        try:
            found.append(_row(other, session))
        except AttributeError:  # it has just gone
            continue
    return found


def _row(other: Session, session: Session) -> dict[str, object]:
    row: dict[str, object] = {
        "datname": other.database,
        "pid": other.process_id,
        "usename": other.user,
        "application_name": other.settings.get("application_name"),
        "backend_type": "client backend",
        "query": HIDDEN,
    }
    if other.user != session.user:
        return {**row, "backend_type": None}
    activity = other.activity
    status = other.transaction.status
    address = other.client_address
    in_transaction = other.running or other.transaction.open
    return {
        **row,
        "client_addr": None if address is None else address[0],
        "client_port": -1 if address is None else address[1],
        "backend_start": _shown(activity.backend_start),
        "xact_start": _shown(activity.xact_start if in_transaction else 0.0),
        "query_start": _shown(activity.query_start),
        "state_change": _shown(activity.state_change),
        "state": "active" if other.running else _STATES[status],
        "query": _cut(activity.query, session.server.query_size),
    }


def _cut(query: str, size: int) -> str:
    """What fits into ``size`` bytes with the zero behind it, cut between two characters."""
    return query.encode("utf-8", "replace")[: size - 1].decode(errors="ignore")


def _shown(seconds: float) -> str | None:
    return datetime.fromtimestamp(seconds, timezone.utc).isoformat(" ", "microseconds") if seconds else None
