"""The transaction a session is in, as the session layer and ReadyForQuery see it (Protocol 55.2.2.1, 55.2.3)."""

from __future__ import annotations

from ..enums import TransactionStatus

__all__ = ["Savepoint", "Transaction"]


class Savepoint:
    """A savepoint: its name, whether anything was written after it, and what LISTEN and NOTIFY had gathered before it."""

    __slots__ = ("gathered", "name", "written")

    def __init__(self, name: str, gathered: tuple[int, int] = (0, 0)) -> None:
        self.name = name
        self.written = False
        self.gathered = gathered


class Transaction:
    """State of a session's transaction.

    Attributes:
        status: what ReadyForQuery says: ``I``, ``T`` or ``E``. An implicit transaction leaves it at ``I``.
        implicit: a transaction that a multi-statement query or a pipeline opened; it ends with that query, or at Sync.
        savepoints: from the oldest to the newest.
    """

    __slots__ = ("implicit", "savepoints", "status")

    def __init__(self) -> None:
        self.status: TransactionStatus = "I"
        self.implicit = False
        self.savepoints: list[Savepoint] = []

    @property
    def open(self) -> bool:
        """Whether the engine is in a transaction."""
        return self.implicit or self.status != "I"

    def end(self) -> None:
        """Back to no transaction."""
        self.status = "I"
        self.implicit = False
        self.savepoints = []

    def find(self, name: str) -> int:
        """Index of the newest savepoint of that name, -1 where there is none."""
        for index in range(len(self.savepoints) - 1, -1, -1):
            if self.savepoints[index].name == name:
                return index
        return -1

    def wrote(self) -> None:
        """A statement that may have changed something ran."""
        for savepoint in self.savepoints:
            savepoint.written = True
