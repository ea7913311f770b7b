"""COPY FROM STDIN into DuckDB: Arrow batches where the columns' types allow, else rows by way of an appender."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .. import oids
from ..errors import PostgresError
from ..sql import quoted
from ..values.infinity import infinity_text
from .base import Column, CopySink, RelationColumn
from .duckdb_types import moment_text

__all__ = ["DuckDBCopySink"]

_ARROW = frozenset(
    {
        oids.BOOL,
        oids.INT2,
        oids.INT4,
        oids.INT8,
        oids.FLOAT4,
        oids.FLOAT8,
        oids.TEXT,
        oids.VARCHAR,
        oids.BYTEA,
        oids.DATE,
        oids.TIME,
        oids.TIMESTAMP,
        oids.TIMESTAMPTZ,
        oids.INTERVAL,
        oids.UUID,
    }
)
"""Types whose Arrow form DuckDB takes for the column's own; numeric too, where it has a precision."""


class DuckDBCopySink(CopySink):
    """See :class:`~pgwire_py.engines.base.CopySink`."""

    def __init__(
        self,
        connection: Any,
        convert: Callable[[Exception], PostgresError],
        error: type[Exception],
        target: str,
        columns: Sequence[RelationColumn],
    ) -> None:
        self.columns = tuple(Column(column.name, column.type, column.type_modifier) for column in columns)
        self.without_default = tuple(column.name for column in columns if column.default is None)
        self.takes_arrow = all(
            column.type in _ARROW or (column.type == oids.NUMERIC and column.type_modifier >= 4) for column in columns
        )
        self._connection = connection
        self._convert = convert
        self._error = error
        self._target = target
        self._not_null = {index for index, column in enumerate(columns) if column.not_null}
        self._appender: Any = None
        self._omitted: tuple[int, ...] = ()

    def write(self, rows: list[tuple[Any, ...]], omitted: tuple[int, ...] = ()) -> None:
        columns = [index for index in range(len(self.columns)) if index not in omitted]
        try:
            if not columns:
                for _ in rows:
                    self._connection.execute(f"INSERT INTO {self._target} DEFAULT VALUES")
                return
            if self._appender is None or omitted != self._omitted:
                names = [self.columns[index].name for index in columns]
                self._appender = self._connection.appender(self._target, columns=names)
                self._omitted = omitted
            self._appender.append_rows(_values([self.columns[index].type for index in columns], rows))
            self._appender.flush()
        except self._error as error:
            converted = self._convert(error)
            self.stored = self._find(converted, columns, rows)
            raise converted from error

    def write_arrow(self, batch: object) -> None:
        names = ", ".join(quoted(column.name) for column in self.columns)
        try:
            source = self._connection._register_source(batch)
            sql = f"INSERT INTO {self._target} ({names}) SELECT * FROM {quoted(source.name)}"
            self._connection._submit(sql, None, "rows", 1).close()
        except self._error as error:
            raise self._convert(error) from error

    def abort(self) -> None:
        if self._appender is not None:
            self._appender.clear()
            self._appender = None

    def find(self, error: PostgresError, rows: list[tuple[Any, ...]]) -> int | None:
        return self._find(error, list(range(len(self.columns))), rows)

    def _find(self, error: PostgresError, columns: list[int], rows: list[tuple[Any, ...]]) -> int | None:
        """The row at fault, which DuckDB does not tell, where it can be seen."""
        if error.sqlstate == "23502":
            wanted = [place for place, index in enumerate(columns) if index in self._not_null]
            for number, row in enumerate(rows):
                if any(row[place] is None for place in wanted):
                    return number
        return None


def _values(types: list[int], rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """The rows as duckdb takes them: JSON as text, and what Python has no object for."""
    others = {place: _CONVERT[oid] for place, oid in enumerate(types) if oid in _CONVERT}
    if not others:
        return rows
    taken: list[Sequence[Any]] = list(zip(*rows, strict=True))
    for place, convert in others.items():
        taken[place] = [None if value is None else convert(value) for value in taken[place]]
    return list(zip(*taken, strict=True))


def _moment(value: Any) -> Any:
    if isinstance(value, list):
        return [_moment(item) for item in value]
    text = infinity_text(value) or value
    return moment_text(text) if isinstance(text, str) else text


_MOMENTS = (oids.DATE, oids.TIME, oids.TIMESTAMP, oids.TIMESTAMPTZ, oids.INTERVAL)
_CONVERT: dict[int, Callable[[Any], Any]] = {
    **dict.fromkeys((oids.JSON, oids.JSONB), str),
    **{oid: _moment for moment in _MOMENTS for oid in (moment, oids.ARRAY_OF[moment])},
}
