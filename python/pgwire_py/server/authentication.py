"""Asks a client to prove who it is (Protocol 55.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .protocol import ServerProtocol

__all__ = ["authenticate"]


async def authenticate(protocol: ServerProtocol, user: str, database: str) -> None:
    """Return once the client has proved to be ``user``.

    Raises:
        PostgresError: 28P01 where it has not, 08P01 where what it sent is malformed.
    """
