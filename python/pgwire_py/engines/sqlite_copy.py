"""COPY FROM STDIN into SQLite: one prepared INSERT, run for a batch of rows at a time."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from .. import oids
from ..errors import FeatureNotSupported
from ..sql import quoted
from .base import Column, CopySink, RelationColumn
from .copy_columns import chosen_columns, table_name, undefined_table, view_refused
from .sqlite_errors import postgres_error_of
from .sqlite_types import declared_type, parameter_value

if TYPE_CHECKING:
    from .sqlite import SqliteSession

__all__ = ["SqliteCopySink", "open_sink"]

_AS_THEY_ARE = frozenset(
    {
        oids.INT2,
        oids.INT4,
        oids.INT8,
        oids.FLOAT4,
        oids.FLOAT8,
        oids.BOOL,
        oids.TEXT,
        oids.VARCHAR,
        oids.BPCHAR,
        oids.BYTEA,
    }
)
"""Types whose Python values sqlite3 takes as :func:`parameter_value` would give them."""
_SCHEMAS = {"": (("temp", "main")), "public": ("main",), "main": ("main",), "temp": ("temp",), "pg_temp": ("temp",)}


class SqliteCopySink(CopySink):
    """See :class:`~pgwire_py.engines.base.CopySink`."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        convert: Callable[[Exception], Exception],
        target: str,
        columns: Sequence[RelationColumn],
        renew: Callable[[], None],
    ) -> None:
        self.columns = tuple(Column(column.name, column.type, column.type_modifier) for column in columns)
        self.without_default = tuple(column.name for column in columns if column.default is None)
        self._connection = connection
        self._convert = convert
        self._target = target
        self._renew = renew
        self._locked = False

    def write(self, rows: list[tuple[Any, ...]], omitted: tuple[int, ...] = ()) -> None:
        columns = [column for index, column in enumerate(self.columns) if index not in omitted]
        names = ", ".join(quoted(column.name) for column in columns)
        marks = ", ".join("?" * len(columns))
        values = f"({names}) VALUES ({marks})" if columns else "DEFAULT VALUES"
        data: Any = iter(_stored(columns, rows))
        try:
            if not self._locked:  # only execute() waits for others, and only the first statement that writes must
                self._renew()
                self._connection.execute(f"DELETE FROM {self._target} WHERE 0").close()
                self._locked = True
            self._connection.executemany(f"INSERT INTO {self._target} {values}", data).close()
        except (sqlite3.Error, OverflowError, ValueError) as error:
            # the row at fault has been taken out of the iterator
            self.stored = max(len(rows) - data.__length_hint__() - 1, 0)
            raise self._convert(error) from error


def _stored(columns: Sequence[Column], rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """The rows as SQLite stores them."""
    others = [index for index, column in enumerate(columns) if column.type not in _AS_THEY_ARE]
    floats = [index for index, column in enumerate(columns) if column.type in (oids.FLOAT4, oids.FLOAT8)]
    others += [index for index in floats if any(row[index] != row[index] for row in rows)]  # NaN
    if not others:
        return rows
    taken: list[Sequence[Any]] = list(zip(*rows, strict=True))
    for index in others:
        taken[index] = [parameter_value(value) for value in taken[index]]
    return list(zip(*taken, strict=True))


def open_sink(
    session: SqliteSession, connection: sqlite3.Connection, parts: Sequence[str], wanted: Sequence[str] | None
) -> SqliteCopySink:
    """The sink for a table; raises PostgresError: 42P01, 42809, 42703, 42701."""
    schema, table = table_name(parts)
    try:
        for place in _SCHEMAS.get(schema.lower(), ()):
            kind = connection.execute(
                f"SELECT type, name FROM {place}.sqlite_master WHERE lower(name) = lower(?) AND type IN ('table', 'view')",
                (table,),
            ).fetchone()
            if kind is not None:
                break
        else:
            raise undefined_table(parts)
        if kind[0] == "view":
            raise view_refused(table)
        found = connection.execute(
            'SELECT name, type, "notnull", dflt_value, pk, hidden FROM pragma_table_xinfo(?, ?) ORDER BY cid',
            (kind[1], place),
        ).fetchall()
    except sqlite3.Error as error:
        raise postgres_error_of(error) from error
    columns = []
    for name, declared, not_null, default, key, hidden in found:
        if hidden == 0:
            oid, modifier = declared_type(declared)
            columns.append(RelationColumn(name, oid, bool(not_null), default, key > 0, modifier))
        elif wanted is not None and name.lower() in map(str.lower, wanted):
            raise FeatureNotSupported(
                f'column "{name}" is a generated column', detail="Generated columns cannot be used in COPY."
            )
    target = f"{quoted(place)}.{quoted(kind[1])}"
    return SqliteCopySink(connection, session.convert, target, chosen_columns(table, columns, wanted), session.renew)
