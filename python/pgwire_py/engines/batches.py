"""Results that an engine gives in batches, each an object of the Arrow PyCapsule interface."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from .._impl import ArrowEncoder
from ..errors import PostgresError
from .arrow_stream import ArrowChain
from .base import Column, EngineResult
from .interruptible import Interruptible

__all__ = ["BatchResult", "columns_of"]


def columns_of(empty: object, modifiers: Sequence[int] = ()) -> tuple[Column, ...]:
    """The columns of an Arrow object as clients see them; ``modifiers`` are their type modifiers. Raises 0A000 for a type that has no
    place in PostgreSQL."""
    found = ArrowEncoder(empty).columns
    return tuple(Column(name, oid, modifiers[i] if i < len(modifiers) else -1) for i, (name, oid) in enumerate(found))


class BatchResult(EngineResult):
    """Rows as an Arrow stream, whose batches are pulled as the client reads.

    Args:
        columns: what the batches' columns are to become.
        empty: an Arrow object of the batches' schema without rows.
        batches: gives the batches; advanced by ``calls``, and dropped there.
        calls: makes the engine's calls.
        convert: the PostgresError for what the engine raised.
    """

    def __init__(
        self,
        columns: tuple[Column, ...],
        empty: Any,
        batches: Iterator[Any],
        calls: Interruptible,
        convert: Callable[[Exception], PostgresError],
    ) -> None:
        self.columns = columns
        self._convert = convert
        self._chain = ArrowChain(empty, lambda: calls.call(lambda: next(batches, None)))
        self.arrow = self._chain

    def explain(self, error: PostgresError) -> PostgresError:
        failure = self._chain.failure
        if failure is None:
            return error
        return failure if isinstance(failure, PostgresError) else self._convert(failure)

    def close(self) -> None:
        self._chain.close()
