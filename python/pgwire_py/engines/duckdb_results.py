"""What DuckDB's statements give: rows as an Arrow stream, the rows of RETURNING, or a number of rows."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from .. import oids
from ..errors import PostgresError
from .arrow_stream import ArrowRelay
from .base import Column, EngineResult
from .duckdb_errors import postgres_error_of_text

__all__ = ["CountResult", "DuckDBResult", "ReturnedRows"]


class DuckDBResult(EngineResult):
    """Rows as an Arrow stream."""

    def __init__(self, columns: tuple[Column, ...], relay: ArrowRelay) -> None:
        self.columns = columns
        self.arrow = relay
        self._relay = relay

    def spool(self) -> None:
        """Read the rest into memory."""
        self._relay.spool()

    def explain(self, error: PostgresError) -> PostgresError:
        return postgres_error_of_text(self._relay.error) if self._relay.error else error

    def close(self) -> None:
        self._relay.close()


class ReturnedRows(EngineResult):
    """The rows that RETURNING gave."""

    def __init__(self, columns: tuple[Column, ...], rows: list[tuple[object, ...]]) -> None:
        self.columns = columns
        self.affected = len(rows)
        self._rows = iter(_json_as_text(columns, rows))

    def fetch(self, max_rows: int) -> Sequence[Sequence[object]]:
        return list(itertools.islice(self._rows, max_rows))


class CountResult(EngineResult):
    """No rows: how many were affected, where that is known."""

    def __init__(self, affected: int | None) -> None:
        self.affected = affected


def _json_as_text(columns: tuple[Column, ...], rows: list[tuple[object, ...]]) -> list[tuple[object, ...]]:
    """STRUCT and MAP values, which are described as json, as JSON text; ENUM and the like as text."""
    import json

    def convert(value: object, oid: int) -> object:
        if value is None or isinstance(value, str):
            return value
        if oid == oids.JSON:
            return json.dumps(value, default=str)
        return str(value) if oid == oids.TEXT else value

    if not any(column.type in (oids.JSON, oids.TEXT) for column in columns):
        return rows
    return [tuple(convert(value, column.type) for value, column in zip(row, columns, strict=True)) for row in rows]
