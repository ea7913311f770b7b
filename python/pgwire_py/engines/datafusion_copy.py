"""COPY FROM STDIN into DataFusion: one INSERT of all rows, into tables that take it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..errors import FeatureNotSupported, NotNullViolation, PostgresError, postgres_error
from ..sql import quoted
from .arrow_copy import ArrowCopySink
from .base import Relation, RelationColumn
from .datafusion_errors import postgres_error_of

__all__ = ["open_sink"]


def open_sink(
    datafusion: Any,
    table: Any,
    relation: Relation,
    columns: Sequence[RelationColumn],
    call: Callable[[Callable[[], Any]], Any],
    wrote: Callable[[], None],
    max_copy: int,
) -> ArrowCopySink:
    """The sink for a table of DataFusion's catalogue; ``call`` makes the engine's calls, ``wrote`` hears that rows were stored.

    Raises:
        PostgresError: 0A000 for a table that takes no rows, or a column that no values can be copied into.
    """
    import pyarrow as pa  # type: ignore[import-untyped]

    schema = pa.schema([table.schema.field(column.name) for column in columns])

    def insertion(batches: list[Any]) -> Any:
        # In a context of its own: nobody else sees the rows' name.
        context = datafusion.SessionContext()
        context.register_table("target", table)
        context.from_arrow(pa.Table.from_batches(batches, schema), "source")
        names = ", ".join(quoted(column.name) for column in columns)
        return context.sql(f"INSERT INTO target ({names}) SELECT {names} FROM source")

    def store(batches: list[Any]) -> None:
        try:
            call(lambda: insertion(batches).collect())
        except PostgresError:
            raise
        except Exception as error:
            raise postgres_error_of(error) from error
        wrote()

    def fit(batch: Any) -> Any:
        return _fitting(pa, pa.record_batch(batch), schema, relation.name)

    try:
        call(lambda: insertion([]).execution_plan())  # which tells whether the table takes rows
    except PostgresError:
        raise
    except Exception as error:
        reason = postgres_error_of(error)
        if reason.sqlstate != "0A000":
            raise reason from error
        raise FeatureNotSupported(
            f'cannot insert into foreign table "{relation.name}"', detail=reason.message
        ) from error
    return ArrowCopySink(relation.name, columns, fit, store, lambda batch: int(batch.nbytes), max_copy)


def _fitting(pa: Any, batch: Any, schema: Any, table: str) -> Any:
    """A batch with the table's types; 23502 for a null where there must be none, 22003 or 22000 for a value that the type has not."""
    arrays = []
    for field, column in zip(schema, batch.columns, strict=True):
        if not field.nullable and column.null_count:
            raise NotNullViolation(
                f'null value in column "{field.name}" of relation "{table}" violates not-null constraint'
            )
        try:
            arrays.append(column if column.type == field.type else column.cast(field.type))
        except pa.ArrowNotImplementedError as error:
            raise FeatureNotSupported(
                f'COPY into column "{field.name}" of type {field.type} is not supported'
            ) from error
        except (pa.ArrowInvalid, OverflowError) as error:
            number = pa.types.is_integer(field.type) or pa.types.is_decimal(field.type)
            raise postgres_error("22003" if number else "22000", f'column "{field.name}": {error}') from error
    return pa.record_batch(arrays, schema=schema)
