"""Sessions of engines that have no transactions: each statement is kept as soon as it has run."""

from __future__ import annotations

from .base import EngineSession, SessionContext

__all__ = ["UntransactedSession"]


class UntransactedSession(EngineSession):
    """Takes BEGIN, COMMIT and ROLLBACK; the status that the client sees is the session layer's and true.

    What a transaction wrote cannot be taken back: its ROLLBACK, asked for or after an error, is answered with a warning.

    Args:
        context: the client session; None for use without a server.
        name: the engine's, for the warning.
    """

    def __init__(self, context: SessionContext | None, name: str) -> None:
        self._context = context
        self._name = name
        self._written = False

    def wrote(self) -> None:
        """A statement that changed something has run."""
        self._written = True

    def begin(self, *, read_only: bool = False) -> None:
        self._written = False

    def commit(self) -> None:
        self._written = False

    def rollback(self) -> None:
        written, self._written = self._written, False
        if written and self._context is not None:
            self._context.notice(
                "WARNING",
                "25000",
                "what the transaction wrote could not be rolled back",
                detail=f"{self._name} has no transactions: each statement was kept when it had run.",
            )
