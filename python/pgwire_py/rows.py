"""Rows, many at once: DataRow messages (Protocol 55.7) and tuples of binary COPY to Python values and back, and ``Record``."""

from __future__ import annotations

from typing import Any

from ._impl import Record, RowDecoder, RowEncoder

__all__ = ["Record", "RowDecoder", "RowEncoder"]


def restore_record(names: tuple[str, ...], values: tuple[Any, ...]) -> Record:
    """A record that was pickled, of the implementation in use."""
    return Record(names, values)
