"""A session's catalogue: an engine session that translates and runs catalogue queries."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from ..engines.base import Column, Description, EngineResult, EngineSession, Relation, SessionContext, declared_types
from ..oids import BOOL, INT2_ARRAY, NUMERIC, OID_ARRAY, TEXT, TEXT_ARRAY, TIMESTAMP, TIMESTAMPTZ
from ..sql import Statement
from .arrays import format_array, parse_array
from .database import Database
from .names import Names
from .scope import RECORDS
from .typenames import ARRAYS, ELEMENTS, INTEGERS, REGISTERED

if TYPE_CHECKING:
    from . import Catalog
    from .queries import Translation

__all__ = ["CatalogSession"]

_BATCH = 1_000
_SEEN_AS = (
    {22: INT2_ARRAY, 30: OID_ARRAY, **dict.fromkeys(RECORDS, TEXT)}
    | dict.fromkeys(REGISTERED, TEXT)
    | {ARRAYS[kind]: TEXT_ARRAY for kind in REGISTERED}
)
"""int2vector and oidvector leave as arrays, which every driver decodes; reg* leave as the names they print, in either
format."""


class CatalogSession(EngineSession):
    """The catalogue as one client session sees it."""

    def __init__(self, catalog: Catalog, context: SessionContext, relations: Callable[[], Sequence[Relation]]) -> None:
        self._catalog = catalog
        self._context = context
        self._relations = relations
        self._open: dict[int, _Result] = {}
        self._lock = threading.Lock()
        self._running: Database | None = None

    def describe(self, statement: Statement, parameter_types: Sequence[int]) -> Description:
        """Columns and parameter types; raises 42P01, 42703, 42883, 0A000 …"""
        return _description(self._translation(statement, parameter_types))

    def execute(
        self, statement: Statement, parameters: Sequence[object], description: Description | None
    ) -> EngineResult:
        """Run a catalogue query; its first rows are fetched at once."""
        types = description.parameter_types if description is not None else ()
        translation = self._translation(statement, types)
        database = self._catalog.pool.take()
        self._start(database)
        try:
            database.prepare(self._context, translation, self._relations)
            cursor = database.execute(translation, [_bound(value) for value in parameters])
            result = _Result(self, database, cursor, translation)
            result.start()
        except BaseException:
            self._stop()
            self._catalog.pool.give_back(database)
            raise
        self._stop()
        return result

    def cancel(self) -> None:
        """Interrupt the query that runs."""
        with self._lock:
            if self._running is not None:
                self._running.cancel()

    def close(self) -> None:
        """Close the results that are still open."""
        for result in list(self._open.values()):
            result.close()

    def begin(self, *, read_only: bool = False) -> None:
        """The catalogue has no transactions of its own."""

    def commit(self) -> None:
        """The catalogue has no transactions of its own."""

    def rollback(self) -> None:
        """The catalogue has no transactions of its own."""

    def _start(self, database: Database) -> None:
        database.renew()
        with self._lock:
            self._running = database

    def _stop(self) -> None:
        """From here on a cancel reaches nothing: always before the database may go to another session."""
        with self._lock:
            self._running = None

    def _translation(self, statement: Statement, types: Sequence[int]) -> Translation:
        count = max((number for number, _, _ in statement.parameters), default=0)
        return self._catalog.translation(statement.text, declared_types(types, max(count, len(types))))


class _Result(EngineResult):
    def __init__(
        self, session: CatalogSession, database: Database, cursor: sqlite3.Cursor, translation: Translation
    ) -> None:
        self.columns = _description(translation).columns
        self._session = session
        self._database: Database | None = database
        self._cursor = cursor
        self._converters = [
            (i, convert)
            for i, (_, kind) in enumerate(translation.columns)
            if (convert := _converter(kind, database.names))
        ]
        self._rows: list[tuple[object, ...]] = []
        self._at = 0

    def start(self) -> None:
        """Fetch the first rows, so that what the query does is done when execute returns."""
        self._session._open[id(self)] = self
        try:
            self._fill()
        except BaseException:
            self._cursor.close()
            self._database = None
            self._session._open.pop(id(self), None)
            raise

    def fetch(self, max_rows: int) -> Sequence[Sequence[object]]:
        if self._at >= len(self._rows) and self._database is not None:
            self._session._start(self._database)
            try:
                self._fill()
            except BaseException:
                self.close()
                raise
            self._session._stop()
        batch = self._rows[self._at : self._at + max_rows]
        self._at += len(batch)
        return batch

    def close(self) -> None:
        self._rows = []
        self._release()

    def _fill(self) -> None:
        database = self._database
        assert database is not None
        rows: list[tuple[object, ...]] = database.guard(lambda: self._cursor.fetchmany(_BATCH))
        self._rows = [self._converted(row) for row in rows] if self._converters else rows
        self._at = 0
        if len(rows) < _BATCH:
            self._release()

    def _release(self) -> None:
        database, self._database = self._database, None
        if database is not None:
            self._session._stop()
            self._cursor.close()
            self._session._open.pop(id(self), None)
            self._session._catalog.pool.give_back(database)

    def _converted(self, row: tuple[object, ...]) -> tuple[object, ...]:
        values = list(row)
        for i, convert in self._converters:
            if values[i] is not None:
                values[i] = convert(values[i])
        return tuple(values)


def _description(translation: Translation) -> Description:
    columns = tuple(Column(name, _SEEN_AS.get(kind, kind)) for name, kind in translation.columns)
    return Description(translation.parameter_types, columns)


def _bound(value: object) -> object:
    """A parameter as SQLite keeps it."""
    if value is None or isinstance(value, (int, float, str)):
        return value
    return format_array(value) if isinstance(value, (list, tuple)) else str(value)


def _converter(kind: int, names: Names) -> Callable[[Any], object] | None:
    """From SQLite's value to the Python value of a type; None where they are the same."""
    if kind == BOOL:
        return bool
    if kind in REGISTERED:
        word = REGISTERED[kind]
        return lambda value: names.print(word, value)
    if kind in INTEGERS:
        return None
    if kind == NUMERIC:
        return lambda value: Decimal(str(value))
    if kind in (TIMESTAMP, TIMESTAMPTZ):
        return lambda value: datetime.fromisoformat(str(value))
    if kind in ELEMENTS:
        return _list_converter(ELEMENTS[kind], names)
    return lambda value: value if isinstance(value, str) else str(value)


def _list_converter(element: int, names: Names) -> Callable[[Any], object]:
    inner = _converter(element, names)

    def convert(item: object) -> object:
        if item is None:
            return None
        if isinstance(item, list):
            return [convert(part) for part in item]
        if element == BOOL:
            return item in ("t", "1", "true")
        if element in INTEGERS:
            item = int(str(item))
        return inner(item) if inner else item

    return lambda value: [convert(item) for item in parse_array(str(value))]
