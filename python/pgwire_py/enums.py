"""Small closed sets of protocol values."""

from __future__ import annotations

from enum import Enum
from typing import Final, Literal

__all__ = ["BINARY", "DEFAULT", "TEXT_FORMAT", "Default", "TransactionStatus"]

TEXT_FORMAT: Final = 0
"""Format code of a value sent as text."""

BINARY: Final = 1
"""Format code of a value sent in binary."""

TransactionStatus = Literal["I", "T", "E"]
"""ReadyForQuery's status: idle, in a transaction block, in a failed transaction block."""


class Default(Enum):
    """The type of :data:`DEFAULT`."""

    DEFAULT = "default"

    def __repr__(self) -> str:
        return "DEFAULT"


DEFAULT: Final = Default.DEFAULT
"""Stands in a row decoded from COPY data for a field that asks for its column's default."""
