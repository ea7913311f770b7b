"""Which table and columns a COPY FROM STDIN fills: what the SQL engines check alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..errors import (
    DuplicateColumn,
    FeatureNotSupported,
    ReadOnlySQLTransaction,
    UndefinedColumn,
    UndefinedTable,
    WrongObjectType,
)
from .base import Relation, RelationColumn

__all__ = ["check_writable", "chosen_columns", "find_table", "table_name", "undefined_table", "view_refused"]


def check_writable(engine: Any) -> None:
    """Raises 25006 where the engine is for reading only."""
    if engine.read_only:
        raise ReadOnlySQLTransaction("cannot execute COPY FROM in a read-only transaction")


def table_name(parts: Sequence[str]) -> tuple[str, str]:
    """Schema (``""`` where none is named) and table.

    Raises:
        FeatureNotSupported: there are more parts than these.
    """
    if len(parts) > 2:
        raise FeatureNotSupported(f"cross-database references are not implemented: {'.'.join(parts)}")
    return (parts[0], parts[1]) if len(parts) == 2 else ("", parts[0])


def find_table(relations: Sequence[Relation], parts: Sequence[str]) -> Relation:
    """The table of this name, in upper and lower case as it is written, else in any.

    Raises:
        PostgresError: 42P01 where there is none, 42809 for a view, 0A000 for more parts than two.
    """
    schema, name = table_name(parts)
    wanted = (schema or "public", name)
    found = next((one for one in relations if (one.schema, one.name) == wanted), None) or next(
        (one for one in relations if (one.schema.lower(), one.name.lower()) == (wanted[0].lower(), name.lower())), None
    )
    if found is None:
        raise undefined_table(parts)
    if found.kind == "v":
        raise view_refused(found.name)
    return found


def undefined_table(parts: Sequence[str]) -> UndefinedTable:
    """42P01."""
    return UndefinedTable(f'relation "{".".join(parts)}" does not exist')


def view_refused(name: str) -> WrongObjectType:
    """42809."""
    return WrongObjectType(f'cannot copy to view "{name}"')


def chosen_columns(table: str, found: Sequence[RelationColumn], wanted: Sequence[str] | None) -> list[RelationColumn]:
    """The columns that are wanted, None for all; names are compared as they are written, else in any case.

    Raises:
        PostgresError: 42703 for a column that does not exist, 42701 for one named twice.
    """
    if wanted is None:
        return list(found)
    by_name = {column.name.lower(): column for column in found} | {column.name: column for column in found}
    chosen: list[RelationColumn] = []
    for name in wanted:
        column = by_name.get(name) or by_name.get(name.lower())
        if column is None:
            raise UndefinedColumn(f'column "{name}" of relation "{table}" does not exist')
        if column in chosen:
            raise DuplicateColumn(f'column "{name}" specified more than once')
        chosen.append(column)
    return chosen
