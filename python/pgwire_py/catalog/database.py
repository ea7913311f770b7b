"""The in-memory database that answers catalogue queries: SQLite tables filled from ``rows``, with PostgreSQL's
functions.

A database serves one statement at a time; a few are kept and lent to whichever session needs one, so that idle
sessions cost nothing.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any, Final, cast

from ..engines.base import Relation, SessionContext
from ..errors import PostgresError, postgres_error
from ..oids import BOOL, FLOAT4, FLOAT8
from ..sql import quoted
from .functions import FUNCTIONS, INTERNAL, SETS, Function
from .names import Names
from .queries import Translation
from .rows import FIRST_USER_OID, SESSION_TABLES, Oids, Row, session_rows, system_rows, user_rows
from .schema import BY_NAME, CatalogRelation
from .series import ArrayAggregate, StringAggregate
from .typenames import INTEGERS

__all__ = ["Database", "Pool"]

TIME_LIMIT: Final = 10.0
"""Seconds that a catalogue query may run."""
_KEPT: Final = 4
_STEPS: Final = 20_000
"""SQLite instructions between two looks at the clock."""
_LARGEST_VALUE: Final = 16_000_000

_RELATIONS: Final = {relation.table: relation for relation in BY_NAME.values()}
_KEYED: Final = {
    "pg_class": "oid",
    "pg_type": "oid",
    "pg_namespace": "oid",
    "pg_attribute": "attrelid",
}
"""Relations that hold system rows too: the user's have an OID of at least FIRST_USER_OID in this column."""
_USER_TABLES: Final = [
    "pg_index",
    "pg_constraint",
    "pg_attrdef",
    "pg_tables",
    "pg_views",
    "pg_indexes",
    "information_schema.schemata",
    "information_schema.tables",
    "information_schema.views",
    "information_schema.columns",
    "information_schema.table_constraints",
    "information_schema.key_column_usage",
    "information_schema.constraint_column_usage",
]
_INDEXES: Final = {
    "pg_class": "oid",
    "pg_type": "oid",
    "pg_attribute": "attrelid",
    "pg_namespace": "oid",
    "pg_proc": "oid",
}


class Pool:
    """Makes databases as copies of one template and lends them out; used from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._template: sqlite3.Connection | None = None
        self._idle: list[Database] = []
        self._oids: dict[tuple[object, ...], int] = {}

    def take(self) -> Database:
        """A database for the caller alone, until :meth:`give_back`."""
        with self._lock:
            if self._idle:
                return self._idle.pop()
            if self._template is None:
                self._template = _template()
            connection = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
            self._template.backup(connection)
        return Database(connection, self.oid)

    def give_back(self, database: Database) -> None:
        """Return a database that no cursor uses any more."""
        database.leave()
        with self._lock:
            if len(self._idle) < _KEPT:
                self._idle.append(database)
                return
        database.close()

    def oid(self, *key: object) -> int:
        """The OID of an object of the user's: the same for the same key as long as the server lives."""
        return self._oids.setdefault(key, FIRST_USER_OID + len(self._oids))

    def close(self) -> None:
        """Free the idle databases and the template."""
        with self._lock:
            for database in self._idle:
                database.close()
            self._idle.clear()
            if self._template is not None:
                self._template.close()
                self._template = None


class Database:
    """One in-memory database with the functions of PostgreSQL."""

    def __init__(self, connection: sqlite3.Connection, oids: Oids) -> None:
        self._connection = connection
        self._oids = oids
        self._names = Names()
        self._loaded: tuple[object, ...] | None = None
        self._error: PostgresError | None = None
        self._deadline = 0.0
        self._cancelled = False
        if hasattr(connection, "setlimit"):
            connection.setlimit(0, _LARGEST_VALUE)  # SQLITE_LIMIT_LENGTH; from Python 3.11 on
        connection.set_progress_handler(self._over, _STEPS)
        for table in (FUNCTIONS, SETS):
            for name, function in table.items():
                connection.create_function(f"pg_fn_{name}", -1, self._guarded(name, function))
        for name, function in INTERNAL.items():
            connection.create_function(name, -1, self._guarded(name, function))
        connection.create_aggregate("pg_array_agg", -1, ArrayAggregate)  # type: ignore[arg-type]
        connection.create_aggregate("pg_string_agg", -1, StringAggregate)  # type: ignore[arg-type]

    def renew(self) -> None:
        """Forget the cancel of an earlier query."""
        self._cancelled = False

    def leave(self) -> None:
        """Let go of the session: SQLite's functions hold this object, and the garbage collector cannot see through SQLite."""
        self._names.leave()
        self._error = None

    def prepare(
        self, context: SessionContext, translation: Translation, relations: Callable[[], Sequence[Relation]]
    ) -> None:
        """Make the database say what this session is to see; the relations are reloaded only where they changed."""
        self._names.context = context
        if translation.looks_up:
            state = (context.database, context.user, tuple(relations()))
            self.guard(lambda: self._fill(state, translation.tables))

    def _fill(self, state: tuple[str, str, tuple[Relation, ...]], tables: Iterable[str]) -> None:
        context = self._names.context
        if state != self._loaded:
            self._load(context, state[2])
            self._loaded = state
        wanted = SESSION_TABLES.intersection(tables)
        if wanted:
            for table in wanted:
                self._connection.execute(f"DELETE FROM {quoted(table)}")
            _insert(self._connection, session_rows(context, self._names, wanted))

    def _load(self, context: SessionContext, relations: Sequence[Relation]) -> None:
        self._loaded = None
        self._names.reset()
        self._connection.execute("BEGIN")
        try:
            for table, column in _KEYED.items():
                self._connection.execute(f"DELETE FROM {quoted(table)} WHERE {quoted(column)} >= {FIRST_USER_OID}")
            for table in _USER_TABLES:
                self._connection.execute(f"DELETE FROM {quoted(table)}")
            _insert(self._connection, user_rows(relations, context, self._oids, self._names))
        finally:
            self._connection.execute("COMMIT")

    @property
    def names(self) -> Names:
        """Lookups as of the last prepare."""
        return self._names

    def execute(self, translation: Translation, parameters: Sequence[object]) -> sqlite3.Cursor:
        """Start a query."""
        bound = {f"p{number}": value for number, value in enumerate(parameters, 1)}
        return cast(sqlite3.Cursor, self.guard(lambda: self._connection.execute(translation.sql, bound)))

    def guard(self, work: Callable[[], Any]) -> Any:
        """Do some of a query's work within the time limit, errors as PostgreSQL's."""
        self._error = None
        self._deadline = time.monotonic() + TIME_LIMIT
        try:
            return work()
        except (sqlite3.Error, sqlite3.Warning, OverflowError, RecursionError) as error:
            if self._error is not None:
                raise self._error from None
            text = str(error)
            if text == "interrupted":
                cause = "user request" if self._cancelled else "statement timeout"
                raise postgres_error("57014", f"canceling statement due to {cause}") from None
            if "misuse of aggregate" in text or "misuse of window" in text:
                raise postgres_error("42803", text) from error
            raise postgres_error("0A000", f"catalogue query not supported: {text}") from error

    def cancel(self) -> None:
        """Interrupt the query that runs; from any thread."""
        self._cancelled = True
        with suppress(sqlite3.ProgrammingError):
            self._connection.interrupt()

    def close(self) -> None:
        """Free the memory."""
        self._connection.close()

    def _over(self) -> bool:
        return self._cancelled or time.monotonic() > self._deadline

    def _guarded(self, name: str, function: Function) -> Callable[..., Any]:
        call, takes_null, names = function.call, function.takes_null, self._names
        assert call is not None

        def run(*arguments: object) -> object:
            if not takes_null and None in arguments:
                return None
            try:
                return call(names, *arguments)
            except PostgresError as error:
                self._error = error
                raise
            except (TypeError, ValueError, LookupError, ArithmeticError) as error:
                self._error = postgres_error("42883", f"function {name} does not accept these arguments")
                raise self._error from error

        return run


def _template() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
    for relation in BY_NAME.values():
        columns = ", ".join(f"{quoted(name)} {_affinity(kind)}" for name, kind, _ in relation.columns)
        connection.execute(f"CREATE TABLE {quoted(relation.table)} ({columns})")
    for table, column in _INDEXES.items():
        connection.execute(f"CREATE INDEX {quoted(f'{table}_by_{column}')} ON {quoted(table)} ({quoted(column)})")
    connection.execute("BEGIN")
    _insert(connection, system_rows())
    connection.execute("COMMIT")
    return connection


def _affinity(kind: int) -> str:
    return "INTEGER" if kind in INTEGERS or kind == BOOL else "REAL" if kind in (FLOAT4, FLOAT8) else "TEXT"


def _insert(connection: sqlite3.Connection, rows: Iterable[Row]) -> None:
    gathered: dict[str, list[tuple[object, ...]]] = {}
    for table, values in rows:
        get = values.get
        gathered.setdefault(table, []).append(tuple(get(name, default) for name, default in _DEFAULTS[table]))
    for table, tuples in gathered.items():
        marks = ", ".join("?" * len(_DEFAULTS[table]))
        connection.executemany(f"INSERT INTO {quoted(table)} VALUES ({marks})", tuples)


def _defaults(relation: CatalogRelation) -> list[tuple[str, object]]:
    return [
        (name, None if not not_null else 0 if kind in INTEGERS or kind in (BOOL, FLOAT4, FLOAT8) else "")
        for name, kind, not_null in relation.columns
    ]


_DEFAULTS: Final = {name: _defaults(relation) for name, relation in _RELATIONS.items()}
