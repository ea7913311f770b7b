"""Where a server that asks for SCRAM-SHA-256 finds its users."""

from __future__ import annotations

from abc import ABC, abstractmethod

from .verifier import DEFAULT_ITERATIONS, ScramVerifier

__all__ = ["AuthSource"]


class AuthSource(ABC):
    """A file, a table, a directory service."""

    iterations: int = DEFAULT_ITERATIONS
    """PBKDF2 rounds that a user who does not exist seems to have. Where it differs from the real ones, it tells who exists."""

    @abstractmethod
    async def verifier(self, user: str, database: str) -> ScramVerifier | None:
        """The verifier of ``user`` for ``database``, or None where there is no such user (who then gets a mock one)."""
