"""COPY FROM STDIN into engines without transactions: rows are gathered, and stored when all have come."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

from ..errors import PostgresError
from .base import Column, CopySink

__all__ = ["GatheringSink"]


class GatheringSink(CopySink):
    """See :class:`~pgwire_py.engines.base.CopySink`. Nothing is stored before :meth:`finish`; what is gathered is the subclass's matter.

    Args:
        table: its name, for the context of errors.
        columns: those that rows have.
    """

    def __init__(self, table: str, columns: tuple[Column, ...]) -> None:
        self.columns = columns
        self.without_default = tuple(column.name for column in columns)
        self._table = table
        self._gathered: list[Any] = []

    @abstractmethod
    def _store(self, gathered: list[Any]) -> None:
        """Store all of it. May raise PostgresError."""

    def finish(self) -> None:
        gathered, self._gathered = self._gathered, []
        if not gathered:
            return
        try:
            self._store(gathered)
        except PostgresError as error:
            error.fields.setdefault("where", f"COPY {self._table}")  # no row is at fault that could be told
            raise

    def abort(self) -> None:
        self._gathered = []
