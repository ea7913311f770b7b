"""SQLite behind a PostgreSQL port: the standard library's module, one connection per session.

Clients speak PostgreSQL: each statement is translated once (``sqlite_dialect``) and its plan kept until the schema
changes; text that cannot be read as PostgreSQL's passes as it is. Every value is held to the described type on its
way out (``sqlite_types``).
"""

from __future__ import annotations

import itertools
import os
import sqlite3
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike
from typing import TYPE_CHECKING
from urllib.parse import quote

from .. import oids
from ..errors import FeatureNotSupported, InsufficientPrivilege, PostgresError, changed_result_type, postgres_error
from ..sql import Statement, quoted
from .base import (
    Capabilities,
    Column,
    CopySink,
    Description,
    Engine,
    EngineResult,
    EngineSession,
    Relation,
    SessionContext,
    declared_types,
    parameter_count,
)
from .parsing import MAX_PARSED, parse, replace_parameters
from .sqlite_connection import WaitingConnection
from .sqlite_errors import postgres_error_of
from .sqlite_functions import register
from .sqlite_maintenance import rewritten
from .sqlite_schema import SchemaTables, read_tables
from .sqlite_types import Converter, converter, parameter_value

if TYPE_CHECKING:
    from sqlglot import exp

__all__ = ["SqliteEngine"]

_PLANS_KEPT = 512
_numbers = itertools.count(1)


class SqliteEngine(Engine):
    """An engine over an SQLite database.

    Args:
        path: the database's file, made where it is missing, or ``":memory:"`` for one database in memory that all
        sessions share.
        read_only: open the file read-only; it must exist.
        busy_timeout: seconds that a statement waits for another connection's lock before it fails with 55P03.

    Raises:
        PostgresError: the file cannot be opened or is no database.
    """

    name = "sqlite"
    capabilities = Capabilities(transactions=True, savepoints=True, cancel="hard", exact_intervals=True)

    def __init__(self, path: str | PathLike[str], *, read_only: bool = False, busy_timeout: float = 5.0) -> None:
        text = os.fspath(path)
        self.read_only = read_only
        self._timeout = busy_timeout
        self._in_memory = text == ":memory:"
        if (
            self._in_memory
        ):  # the memdb VFS: connections share it by name, and wait for each other's locks as with a file
            self._uri = f"file:/pgwire_py_{os.getpid()}_{next(_numbers)}?vfs=memdb"
        else:
            self._uri = f"file:{quote(os.path.abspath(text))}?mode={'ro' if read_only else 'rwc'}"
        try:
            self._anchor = self.open()
            self._anchor.execute("SELECT count(*) FROM sqlite_master").fetchall()
            if not read_only and not self._in_memory:
                self._anchor.execute("PRAGMA journal_mode = WAL").fetchall()
        except sqlite3.Error as error:
            converted = postgres_error_of(error)
            raise postgres_error(converted.sqlstate, f'cannot open database file "{text}": {error}') from error

    def open(self) -> WaitingConnection:
        """A new connection."""
        connection = sqlite3.connect(
            self._uri,
            uri=True,
            factory=WaitingConnection,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=256,
        )
        assert isinstance(connection, WaitingConnection)
        connection.wait(self._timeout)
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA case_sensitive_like = ON")
        if self.read_only:
            connection.execute("PRAGMA query_only = ON")
        return connection

    def connect(self, context: SessionContext) -> SqliteSession:
        try:
            return SqliteSession(self, self.open())
        except sqlite3.Error as error:
            raise postgres_error_of(error) from error

    def close(self) -> None:
        self._anchor.close()


@dataclass(frozen=True, slots=True)
class _Plan:
    """How a text runs, and what it takes and gives."""

    sql: str
    description: Description
    converters: tuple[Converter | None, ...]
    writes: bool
    parameters: int


@dataclass(slots=True)
class _Cache:
    """What was learnt under one version of the schema."""

    version: tuple[int, int] = (-1, -1)
    plans: OrderedDict[tuple[str, tuple[int, ...]], _Plan] = field(default_factory=OrderedDict)
    tables: SchemaTables | None = None


class SqliteSession(EngineSession):
    """One client's connection, with the plans of what it has run."""

    def __init__(self, engine: SqliteEngine, connection: WaitingConnection) -> None:
        self._engine = engine
        self._connection = connection
        self._raised: list[PostgresError] = []
        self._cache = _Cache()
        self._results: list[SqliteResult] = []
        self._begun: list[str] = []  # how the transaction began, as long as no statement of the client's has run in it
        register(connection, self._raised)

    def describe(self, statement: Statement, parameter_types: Sequence[int]) -> Description:
        return self._plan(statement, parameter_types).description

    def execute(
        self, statement: Statement, parameters: Sequence[object], description: Description | None
    ) -> EngineResult:
        plan = self._plan(statement, description.parameter_types if description else ())
        if len(parameters) < plan.parameters:
            raise postgres_error("42P02", f"there is no parameter ${len(parameters) + 1}")
        if description is not None and not _same(description.columns, plan.description.columns):
            raise changed_result_type()
        values = [parameter_value(value) for value in parameters[: plan.parameters]]
        try:
            if plan.writes or plan.description.columns is None:
                self.renew()
            self._begun = []
            cursor = self._connection.execute(plan.sql, values)
            columns = plan.description.columns
            if columns is not None and len(cursor.description or ()) != len(columns):
                cursor.close()
                raise changed_result_type()
            if columns is None:
                affected = cursor.rowcount
                if affected < 0 and plan.writes:
                    affected = self._connection.execute("SELECT changes()").fetchone()[0]
                cursor.close()
                return _Done(affected if plan.writes else None)
            rows = cursor.fetchall() if plan.writes else None  # RETURNING: the statement must run to its end now
        except (sqlite3.Error, OverflowError, ValueError) as error:
            raise self.convert(error, statement.text) from error
        return SqliteResult(self, statement.text, columns, plan.converters, cursor, rows)

    def copy_in(self, table: Sequence[str], columns: Sequence[str] | None) -> CopySink:
        from .sqlite_copy import open_sink

        return open_sink(self, self._connection, table, columns)

    def begin(self, *, read_only: bool = False) -> None:
        if read_only:
            self._run("PRAGMA query_only = ON")
        self._begun = []
        self._control("BEGIN")

    def commit(self) -> None:
        self._begun = []
        try:
            self._run("COMMIT")
        except PostgresError:
            self._roll_back()
            raise
        finally:
            self._read_write()

    def rollback(self) -> None:
        self._roll_back()
        self._read_write()

    def savepoint(self, name: str) -> None:
        self._control(f"SAVEPOINT {quoted(name)}")

    def release(self, name: str) -> None:
        self._control(f"RELEASE {quoted(name)}")

    def rollback_to(self, name: str) -> None:
        self._control(f"ROLLBACK TO {quoted(name)}")

    def renew(self) -> None:
        """Begin a transaction anew in which nothing but our own look at the schema has happened.

        That look has fixed what the transaction sees, and one that is to write and had to wait for another's end would then fail
        (40001, SQLITE_BUSY_SNAPSHOT), where SQLite itself would have waited before it looked.
        """
        if self._begun:
            for sql in ("ROLLBACK", *self._begun):
                self._connection.execute(sql).close()
            self._begun = []

    def _control(self, sql: str) -> None:
        self._run(sql)
        if self._begun or sql == "BEGIN":
            self._begun.append(sql)

    def discard_temp(self) -> None:
        names = "SELECT type, name FROM sqlite_temp_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
        try:
            found = self._connection.execute(f"{names} ORDER BY type DESC").fetchall()
        except sqlite3.Error as error:
            raise self.convert(error) from error
        for kind, name in found:
            self._run(f"DROP {kind} temp.{quoted(name)}")

    def relations(self) -> Sequence[Relation]:
        return self._tables().relations

    def cancel(self) -> None:
        self._connection.give_up()

    def close(self) -> None:
        self._cache = _Cache()
        self._connection.close()

    def convert(self, error: Exception, sql: str = "") -> PostgresError:
        """The PostgresError for what sqlite3 raised; a function's own error where it was one of ours."""
        if self._raised:
            raised = self._raised[0]
            self._raised.clear()
            return raised
        return postgres_error_of(error, sql)

    # Plans.

    def _plan(self, statement: Statement, declared: Sequence[int]) -> _Plan:
        self._refresh()
        key = (statement.text, tuple(declared))
        plan = self._cache.plans.get(key)
        if plan is None:
            plan = self._make_plan(statement, declared)
            self._cache.plans[key] = plan
            if len(self._cache.plans) > _PLANS_KEPT:
                self._cache.plans.popitem(last=False)
        return plan

    def _make_plan(self, statement: Statement, declared: Sequence[int]) -> _Plan:
        first = statement.keywords[0] if statement.keywords else ""
        _refuse(first, statement)
        count = parameter_count(statement)
        types = declared_types(declared, count)
        own = rewritten(statement)
        if own is not None:
            return _Plan(own, Description((), None), (), False, 0)
        tree = parse(statement) if first not in ("PRAGMA", "EXPLAIN", "ANALYZE", "VACUUM", "REINDEX") else None
        columns: tuple[Column, ...] | None = None
        sql: str | None = None
        if tree is not None:
            from .inference import Inferrer
            from .sqlite_dialect import to_sqlite

            inferrer = Inferrer(tree, self._columns_of, types)
            types = inferrer.parameter_types()
            columns = self._output(inferrer)
            sql = to_sqlite(tree, inferrer.type_of)
        if sql is None:
            sql = replace_parameters(statement, lambda number: f"?{number}")
            types = tuple(oid or oids.TEXT for oid in types)
        writes = _writes(tree, statement)
        columns = self._checked(statement, sql, count, columns, writes)
        converters = tuple(converter(column) for column in columns or ())
        return _Plan(sql, Description(types, columns), converters, writes, count)

    def _output(self, inferrer: object) -> tuple[Column, ...] | None:
        from .inference import Inferrer

        assert isinstance(inferrer, Inferrer)
        found = inferrer.output()
        if found is None:
            return None
        tables = self._tables()
        return tuple(Column(c.name, c.type or oids.TEXT, tables.modifier(c.table, c.column)) for c in found)

    def _checked(
        self, statement: Statement, sql: str, count: int, columns: tuple[Column, ...] | None, writes: bool
    ) -> tuple[Column, ...] | None:
        """The columns, after SQLite has compiled the statement; its own names, as text, where the tree did not tell
        them.
        """
        nulls = [None] * count
        first = statement.keywords[0] if statement.keywords else ""
        try:
            if first in ("SELECT", "VALUES", "WITH", "TABLE") or not statement.keywords:
                if not writes:
                    cursor = self._connection.execute(f"SELECT * FROM (\n{sql}\n) LIMIT 0", nulls)
                    names = [entry[0] for entry in cursor.description]
                    cursor.close()
                    if columns is None or len(columns) != len(names):
                        columns = tuple(Column(name, oids.TEXT) for name in names)
                    return columns
            elif first == "EXPLAIN" or (first == "PRAGMA" and _reads(statement)):
                cursor = self._connection.execute(sql, nulls)
                entries = cursor.description or ()
                cursor.close()
                return tuple(Column(entry[0], oids.TEXT) for entry in entries) or None
            if first != "PRAGMA":
                self._connection.execute(f"EXPLAIN {sql}", nulls).close()
        except (sqlite3.Error, OverflowError) as error:
            raise self.convert(error, statement.text) from error
        return columns if writes else None

    def _columns_of(self, table: str) -> Mapping[str, int] | None:
        return self._tables().types.get(table)

    def _tables(self) -> SchemaTables:
        self._refresh()
        if self._cache.tables is None:
            try:
                self._cache.tables = read_tables(self._connection)
            except sqlite3.Error as error:
                raise postgres_error_of(error) from error
        return self._cache.tables

    def _refresh(self) -> None:
        """Forget what was learnt under another version of the schema (ours or another session's change)."""
        try:
            (main,) = self._connection.execute("PRAGMA main.schema_version").fetchone()
            (temporary,) = self._connection.execute("PRAGMA temp.schema_version").fetchone()
        except sqlite3.Error as error:
            raise postgres_error_of(error) from error
        if self._cache.version != (main, temporary):
            self._cache = _Cache((main, temporary))

    # Transactions.

    def _run(self, sql: str) -> None:
        try:
            self._connection.execute(sql).close()
        except sqlite3.Error as error:
            raise self.convert(error) from error

    def _roll_back(self) -> None:
        self._begun = []
        if self._connection.in_transaction:
            self._run("ROLLBACK")

    def _read_write(self) -> None:
        if not self._engine.read_only:
            self._run("PRAGMA query_only = OFF")


class SqliteResult(EngineResult):
    """Rows pulled from a cursor, or those that RETURNING gave."""

    def __init__(
        self,
        session: SqliteSession,
        text: str,
        columns: tuple[Column, ...],
        converters: tuple[Converter | None, ...],
        cursor: sqlite3.Cursor,
        rows: list[tuple[object, ...]] | None,
    ) -> None:
        self.columns = columns
        self.affected = None if rows is None else len(rows)
        self._session = session
        self._text = text
        self._converters = converters if any(converters) else ()
        self._cursor = cursor
        self._rows = None if rows is None else iter(rows)

    def fetch(self, max_rows: int) -> Sequence[Sequence[object]]:
        try:
            if self._rows is not None:
                rows: Sequence[Sequence[object]] = list(itertools.islice(self._rows, max_rows))
            else:
                rows = self._cursor.fetchmany(max_rows)
        except (sqlite3.Error, OverflowError, ValueError) as error:
            raise self._session.convert(error, self._text) from error
        if not rows or not self._converters:
            return rows
        columns = list(zip(*rows, strict=True))
        converted = [values if f is None else f(values) for f, values in zip(self._converters, columns, strict=True)]
        if all(new is old for new, old in zip(converted, columns, strict=True)):
            return rows
        return list(zip(*converted, strict=True))

    def close(self) -> None:
        self._rows = iter(())
        self._cursor.close()


class _Done(EngineResult):
    def __init__(self, affected: int | None) -> None:
        self.affected = affected


def _same(one: tuple[Column, ...] | None, other: tuple[Column, ...] | None) -> bool:
    if one is None or other is None:
        return one is other
    return [column.type for column in one] == [column.type for column in other]


def _writes(tree: exp.Expr | None, statement: Statement) -> bool:
    """Whether a statement is an INSERT, UPDATE or DELETE (which count rows and may have RETURNING)."""
    words = ("INSERT", "UPDATE", "DELETE", "REPLACE", "TRUNCATE")
    if tree is not None:
        return type(tree).__name__ in ("Insert", "Update", "Delete", "TruncateTable")
    first = statement.keywords[:1]
    return first[:1] != () and (
        first[0] in words or (first[0] == "WITH" and not statement.words.isdisjoint(map(str.lower, words)))
    )


def _refuse(first: str, statement: Statement) -> None:
    """Statements that reach other files of this machine."""
    if first == "COPY":
        raise InsufficientPrivilege(
            "permission denied to COPY to or from a file",
            hint="Anyone can COPY to stdout or from stdin. psql's \\copy command also works for anyone.",
        )
    if first in ("ATTACH", "DETACH") or (first == "VACUUM" and "into" in statement.words):
        raise FeatureNotSupported(f"{first} is not supported by this server")
    if len(statement.text) > 100 * MAX_PARSED:
        raise postgres_error("54000", "statement is too long")


def _reads(statement: Statement) -> bool:
    """Whether a PRAGMA only tells: it sets nothing."""
    changing = {"wal_checkpoint", "optimize", "incremental_vacuum", "shrink_memory"}
    return "=" not in statement.text and statement.words.isdisjoint(changing)
