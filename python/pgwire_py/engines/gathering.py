"""COPY FROM STDIN into engines without transactions: rows are gathered, and stored when all have come."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, Final

from ..errors import PostgresError, postgres_error
from .base import Column, CopySink

__all__ = ["MAX_COPY", "GatheringSink"]

MAX_COPY: Final = 1 << 30
"""Bytes of memory that the rows of one COPY may take until they are stored, unless the engine is told otherwise."""


class GatheringSink(CopySink):
    """See :class:`~pgwire_py.engines.base.CopySink`. Nothing is stored before :meth:`finish`; what is gathered is the subclass's matter.

    Args:
        table: its name, for the context of errors.
        columns: those that rows have.
        max_copy: bytes of memory that what is gathered may take.
    """

    def __init__(self, table: str, columns: tuple[Column, ...], max_copy: int) -> None:
        self.columns = columns
        self.without_default = tuple(column.name for column in columns)
        self._table = table
        self._gathered: list[Any] = []
        self._left = self._max_copy = max_copy

    def _gather(self, item: Any, size: int) -> None:
        """Keep something of ``size`` bytes until the end.

        Raises:
            PostgresError: 54000 where that is too much.
        """
        self._left -= size
        if self._left < 0:
            raise postgres_error(
                "54000",
                f"the rows of a COPY into this engine take more than {self._max_copy} bytes of memory",
                hint="They are stored when all have come: copy fewer at a time, or let the engine have a larger max_copy.",
            )
        self._gathered.append(item)

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
