"""COPY FROM STDIN into GlueSQL: rows are gathered as literals, and stored by one INSERT, which GlueSQL carries out whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..errors import PostgresError
from ..sql import quoted
from .base import Column, CopySink, RelationColumn
from .gluesql_types import LITERALS
from .literals import literal

__all__ = ["GlueSQLCopySink"]


class GlueSQLCopySink(CopySink):
    """See :class:`~pgwire_py.engines.base.CopySink`.

    Args:
        table: its name.
        columns: those that rows have.
        store: runs the INSERT; may raise PostgresError.
    """

    def __init__(self, table: str, columns: Sequence[RelationColumn], store: Callable[[str], object]) -> None:
        self.columns = tuple(Column(column.name, column.type) for column in columns)
        self.without_default = tuple(column.name for column in columns)
        self._table = table
        self._store = store
        self._gathered: list[str] = []

    def write(self, rows: list[tuple[Any, ...]], omitted: tuple[int, ...] = ()) -> None:
        types = [column.type for column in self.columns]
        for self.stored, row in enumerate(rows):  # an error is that row's
            values = [literal(value, oid, LITERALS) for value, oid in zip(row, types, strict=True)]
            self._gathered.append(f"({', '.join(values)})")

    def finish(self) -> None:
        gathered, self._gathered = self._gathered, []
        if not gathered:
            return
        names = ", ".join(quoted(column.name) for column in self.columns)
        try:
            self._store(f"INSERT INTO {quoted(self._table)} ({names}) VALUES {', '.join(gathered)}")
        except PostgresError as error:
            error.fields.setdefault("where", f"COPY {self._table}")  # GlueSQL tells no row
            raise

    def abort(self) -> None:
        self._gathered = []
