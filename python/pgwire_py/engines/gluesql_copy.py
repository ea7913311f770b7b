"""COPY FROM STDIN into GlueSQL: rows are gathered as literals, and stored by one INSERT, which GlueSQL carries out whole or not at all."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

from ..sql import quoted
from .base import Column, RelationColumn
from .gathering import GatheringSink
from .gluesql_types import LITERALS
from .literals import literal

__all__ = ["GlueSQLCopySink"]

_REFERENCE = 8
"""Bytes of a list's reference to a row."""


class GlueSQLCopySink(GatheringSink):
    """See :class:`GatheringSink`.

    Args:
        table: its name.
        columns: those that rows have.
        run: runs the INSERT; may raise PostgresError.
        max_copy: bytes of memory that the literals may take.
    """

    def __init__(
        self, table: str, columns: Sequence[RelationColumn], run: Callable[[str], object], max_copy: int
    ) -> None:
        super().__init__(table, tuple(Column(column.name, column.type) for column in columns), max_copy)
        self._run = run

    def write(self, rows: list[tuple[Any, ...]], omitted: tuple[int, ...] = ()) -> None:
        types = [column.type for column in self.columns]
        for self.stored, row in enumerate(rows):  # an error is that row's
            values = [literal(value, oid, LITERALS) for value, oid in zip(row, types, strict=True)]
            text = f"({', '.join(values)})"
            self._gather(text, sys.getsizeof(text) + _REFERENCE)

    def _store(self, gathered: list[Any]) -> None:
        names = ", ".join(quoted(column.name) for column in self.columns)
        self._run(f"INSERT INTO {quoted(self._table)} ({names}) VALUES {', '.join(gathered)}")
