"""COPY FROM STDIN into polars: the table becomes a frame in memory with the new rows at its end."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..errors import FeatureNotSupported, PostgresError
from .arrow_copy import ArrowCopySink
from .base import RelationColumn
from .polars_errors import postgres_error_of

__all__ = ["open_sink"]


def open_sink(
    polars: Any,
    table: str,
    schema: Mapping[str, Any],
    columns: Sequence[RelationColumn],
    append: Callable[[Any], None],
    wrote: Callable[[], None],
    max_copy: int,
) -> ArrowCopySink:
    """The sink for a table of this schema; ``append`` adds a frame to it, ``wrote`` hears that it did.

    Raises:
        FeatureNotSupported: a column is of a type that nothing can be copied into.
    """
    for column in columns:
        if not _can_be_read(polars, schema[column.name]):
            raise FeatureNotSupported(
                f'COPY into column "{column.name}" of type {schema[column.name]} is not supported'
            )
    types = {column.name: schema[column.name] for column in columns}
    others = [polars.lit(None, dtype=kind).alias(name) for name, kind in schema.items() if name not in types]

    def fit(batch: Any) -> Any:
        try:
            return polars.DataFrame(batch).cast(types)
        except polars.exceptions.PolarsError as error:
            raise postgres_error_of(error) from error

    def store(frames: list[Any]) -> None:
        try:
            append(polars.concat(frames).with_columns(others).select(list(schema)))
        except PostgresError:
            raise
        except polars.exceptions.PolarsError as error:
            raise postgres_error_of(error) from error
        wrote()

    return ArrowCopySink(table, columns, fit, store, lambda frame: int(frame.estimated_size()), max_copy)


def _can_be_read(polars: Any, kind: Any) -> bool:
    """Whether polars takes such values from Arrow as the server reads them: not intervals, not composites."""
    inner = getattr(kind, "inner", None)
    return kind.base_type() not in (polars.Duration, polars.Struct, polars.Object) and (
        inner is None or _can_be_read(polars, inner)
    )
