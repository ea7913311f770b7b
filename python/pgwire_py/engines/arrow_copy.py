"""COPY FROM STDIN into engines whose tables are Arrow and that have no transactions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .._impl import ArrowDecoder, RowEncoder
from ..errors import PostgresError
from .base import Column, RelationColumn
from .gathering import GatheringSink

__all__ = ["ArrowCopySink"]

_AT_ONCE = 1 << 20
"""Bytes of rows that are encoded in one step."""

_BATCH, _COLUMN = 3_000, 1_000
"""Bytes that a batch takes beside its values, and each of its columns: measured with pyarrow and polars."""


class ArrowCopySink(GatheringSink):
    """See :class:`GatheringSink`: batches are gathered.

    Args:
        table: its name, for the context of errors.
        columns: those that rows have.
        fit: makes a batch (an object with ``__arrow_c_stream__``) one of the engine's own, of the table's types; may raise PostgresError.
        store: takes them all; may raise PostgresError.
        size: bytes of a batch's values.
        max_copy: bytes of memory that the batches may take.
    """

    takes_arrow = True

    def __init__(
        self,
        table: str,
        columns: Sequence[RelationColumn],
        fit: Callable[[Any], Any],
        store: Callable[[list[Any]], None],
        size: Callable[[Any], int],
        max_copy: int,
    ) -> None:
        made = tuple(Column(column.name, column.type, column.type_modifier) for column in columns)
        super().__init__(table, made, max_copy)
        self._fit = fit
        self._take = store
        self._size = size

    def write(self, rows: list[tuple[Any, ...]], omitted: tuple[int, ...] = ()) -> None:
        self.stored = None
        try:
            batches = self._fitting(rows)
        except PostgresError:
            self.stored = self._first_wrong(rows)
            raise
        for batch in batches:
            self._keep(batch)

    def write_arrow(self, batch: Any) -> None:
        if batch.num_rows:
            self._keep(self._fit(batch))

    def _keep(self, batch: Any) -> None:
        self._gather(batch, self._size(batch) + _BATCH + _COLUMN * len(self.columns))

    def find(self, error: PostgresError, rows: list[tuple[Any, ...]]) -> int | None:
        return None if error.sqlstate == "54000" else self._first_wrong(rows)

    def _fitting(self, rows: list[tuple[Any, ...]]) -> list[Any]:
        """The rows as batches of the engine's own."""
        types = [column.type for column in self.columns]
        encoder = RowEncoder(types)
        decoder = ArrowDecoder(
            types,
            [column.name for column in self.columns],
            type_modifiers=[column.type_modifier for column in self.columns],
        )
        batches: list[Any] = []
        position = 0
        while position < len(rows):
            data, position = encoder.encode(rows, position, _AT_ONCE)
            batches += decoder.feed(data)
        batches.append(decoder.finish())
        return [self._fit(batch) for batch in batches if batch.num_rows]

    def _first_wrong(self, rows: list[tuple[Any, ...]]) -> int:
        """Which of rows that do not all fit is the first that does not."""
        fits, wrong = 0, len(rows)
        while wrong - fits > 1:
            middle = (fits + wrong) // 2
            try:
                self._fitting(rows[fits:middle])
            except PostgresError:
                wrong = middle
            else:
                fits = middle
        return fits

    def _store(self, gathered: list[Any]) -> None:
        self._take(gathered)
