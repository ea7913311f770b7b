"""Small closed sets of protocol values."""

from __future__ import annotations

from typing import Final, Literal

__all__ = ["BINARY", "TEXT_FORMAT", "TransactionStatus"]

TEXT_FORMAT: Final = 0
"""Format code of a value sent as text."""

BINARY: Final = 1
"""Format code of a value sent in binary."""

TransactionStatus = Literal["I", "T", "E"]
"""ReadyForQuery's status: idle, in a transaction block, in a failed transaction block."""
