"""DuckDB behind a PostgreSQL port: one cursor per session, rows leave as an Arrow stream.

A statement is bound once and its plan kept until the catalogue changes; running it again is one call. duckdb's public
API cannot describe a statement that writes, or stream without pyarrow, so the two calls that its own relations are
built on are used (``_bind``, ``_submit``); :func:`_require` says plainly where they are missing. Division follows
PostgreSQL's rules (``integer_division``, ``ieee_floating_point_ops = false``). DuckDB has no savepoints, and one open
result per connection: when another statement comes while a result is open, the rest of that result is read into memory.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from os import PathLike, fspath
from typing import Any

from .. import oids
from ..errors import (
    FeatureNotSupported,
    InsufficientPrivilege,
    PostgresError,
    ReadOnlySQLTransaction,
    changed_result_type,
    postgres_error,
)
from ..sql import Statement, quoted
from .arrow_stream import ArrowRelay
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
from .copy_columns import check_writable, chosen_columns, find_table
from .duckdb_errors import postgres_error_of
from .duckdb_plans import Plan, Planner
from .duckdb_results import CountResult, DuckDBResult, ReturnedRows
from .duckdb_types import parameter_value

__all__ = ["DuckDBEngine"]

_BATCH_ROWS = 8192
_PLANS_KEPT = 512
_ZONES_KEPT = 1000
_PROBE = "SELECT 1"
"""Fails where the transaction has ended."""
_SESSION_SETTINGS = (
    "integer_division = true",
    "ieee_floating_point_ops = false",
    "TimeZone = 'UTC'",
    "streaming_buffer_size = '2MB'",
)
_GLOBAL_SETTINGS = (
    "arrow_lossless_conversion = true",
    "autoinstall_known_extensions = false",
    "python_enable_replacements = false",
)


class DuckDBEngine(Engine):
    """An engine over a DuckDB database.

    Args:
        source: path of a ``.duckdb`` file, a duckdb connection (its cursors are used; it stays open and its
        database's settings are
            adjusted for serving), or None for a new database in memory.
        read_only: open the file read-only; with other sources, every transaction is read-only.
        external_access: let statements read and write files of this machine and attach databases. Off unless asked
        for, as anyone
            who can connect could read any file; a connection that was passed in keeps its own setting.

    Raises:
        PostgresError: the database cannot be opened; 55P03 where another process holds it.
        ImportError: duckdb is missing or older than 2.0.
    """

    name = "duckdb"
    capabilities = Capabilities(
        transactions=True, savepoints=False, snapshots=True, cancel="hard", exact_intervals=True
    )

    def __init__(self, source: Any = None, *, read_only: bool = False, external_access: bool = False) -> None:
        duckdb = _require()
        self.read_only = read_only
        self.files_only = False
        self.generation = 0
        self._zones: dict[str, str] = {}
        self._lock = threading.Lock()
        self._owned = source is None or isinstance(source, (str, PathLike))
        if self._owned:
            self._root = _open(duckdb, source, read_only)
        else:
            self._root = source.cursor()
        for setting in _GLOBAL_SETTINGS:
            self._root.execute("SET GLOBAL " + setting)
        if self._owned and not external_access:
            self._root.execute("SET enable_external_access = false")

    @classmethod
    def from_files(cls, paths: Iterable[str | PathLike[str]], *, read_only: bool = False) -> DuckDBEngine:
        """An engine in memory with one view per Parquet, CSV or JSON file; folders give the files directly in them.

        The files are read in place and are all that statements can reach of this machine.

        Raises:
            ValueError: nothing to serve, a file of another kind, or two files that would have the same name.
            PostgresError: a file cannot be read.
        """
        from .duckdb_files import create_views
        from .files import find_files

        files = find_files(paths)
        engine = cls(None, read_only=read_only, external_access=True)
        try:
            create_views(engine._root, files)
            engine.files_only = True
        except Exception as error:
            engine.close()
            if isinstance(error, _require().Error):
                raise postgres_error_of(error) from error
            raise
        return engine

    def connect(self, context: SessionContext) -> DuckDBSession:
        with self._lock:
            cursor = self._root.cursor()
        for setting in _SESSION_SETTINGS:
            cursor.execute("SET SESSION " + setting)
        return DuckDBSession(self, cursor, context)

    def zone(self, name: str) -> str:
        """DuckDB's name for a time zone, UTC where it has none; tried aside, for an error ends a session's transaction."""
        from .duckdb_dialect import duckdb_zone

        with self._lock:
            if name not in self._zones:
                cursor = self._root.cursor()
                found = duckdb_zone(name).replace("'", "''")
                try:
                    cursor.execute(f"SET SESSION TimeZone = '{found}'")
                except _require().Error:
                    found = "UTC"
                finally:
                    cursor.close()
                if len(self._zones) >= _ZONES_KEPT:
                    self._zones.clear()
                self._zones[name] = found
            return self._zones[name]

    def catalogue_changed(self) -> None:
        """Let every session forget its plans."""
        with self._lock:
            self.generation += 1

    def close(self) -> None:
        self._root.close()


class DuckDBSession(EngineSession):
    """One client's cursor, with the plans of what it has run."""

    def __init__(self, engine: DuckDBEngine, connection: Any, context: SessionContext | None) -> None:
        self._engine = engine
        self._context = context
        self._zone: str | None = "UTC"
        self._connection = connection
        self._error: type[Exception] = _require().Error
        self._plans: OrderedDict[tuple[str, tuple[int, ...]], Plan] = OrderedDict()
        self._generation = -1
        self._relations: tuple[Relation, ...] | None = None
        self._open: DuckDBResult | None = None
        self._in_transaction = False
        self._changed_in_transaction = False
        self._begin = "BEGIN TRANSACTION"
        self._wrote = False  # since the transaction began

    def describe(self, statement: Statement, parameter_types: Sequence[int]) -> Description:
        return self._plan(statement, parameter_types).description

    def execute(
        self, statement: Statement, parameters: Sequence[object], description: Description | None
    ) -> EngineResult:
        plan = self._plan(statement, description.parameter_types if description else ())
        if description is not None and not _same(description.columns, plan.description.columns):
            raise changed_result_type()
        if len(parameters) < len(plan.description.parameter_types):
            raise postgres_error("42P02", f"there is no parameter ${len(parameters) + 1}")
        self._refuse(statement, plan)
        self._settle()
        self._follow_zone()
        values = [
            parameter_value(value, oid)
            for value, oid in zip(parameters, plan.description.parameter_types, strict=False)
        ]
        self._wrote |= plan.writes or plan.kind != "stream"
        try:
            for sql in plan.prelude:
                self._connection._submit(sql, None, "rows", _BATCH_ROWS).close()
            form = "stream" if plan.kind == "stream" else "rows"
            result = self._connection._submit(plan.sql, values or None, form, _BATCH_ROWS)
            return self._result(plan, result)
        except self._error as error:
            raise postgres_error_of(error, statement.text) from error
        finally:
            if plan.changes_catalogue:
                self._changed()

    def copy_in(self, table: Sequence[str], columns: Sequence[str] | None) -> CopySink:
        from .duckdb_copy import DuckDBCopySink

        check_writable(self._engine)
        relation = find_table(self.relations(), table)
        chosen = chosen_columns(relation.name, relation.columns, columns)
        schema = "main" if relation.schema == "public" else relation.schema
        target = f"{quoted(schema)}.{quoted(relation.name)}"
        self._settle()
        self._wrote = True
        return DuckDBCopySink(self._connection, postgres_error_of, self._error, target, chosen)

    def _follow_zone(self) -> None:
        """Let DuckDB read and print moments in the session's zone; in UTC where it does not know the zone."""
        zone = "UTC" if self._context is None else self._context.get_setting("TimeZone")
        if zone != self._zone:
            self._run(f"SET SESSION TimeZone = '{self._engine.zone(zone or 'UTC')}'")
            self._zone = zone

    def begin(self, *, read_only: bool = False) -> None:
        self._settle()
        self._begin = "BEGIN TRANSACTION READ ONLY" if read_only or self._engine.read_only else "BEGIN TRANSACTION"
        self._run(self._begin)
        self._in_transaction = True
        self._wrote = False

    def commit(self) -> None:
        if self._wrote:
            self._settle()
            try:
                self._run(_PROBE)  # DuckDB's COMMIT of a transaction that an error has ended is a silent rollback
            except PostgresError:
                self._end("ROLLBACK")
                raise
        self._end("COMMIT")

    def resume(self) -> None:
        self._settle()
        try:
            self._run(_PROBE)
        except PostgresError as error:
            if self._wrote:
                raise FeatureNotSupported(
                    "this engine's transaction has ended with the error: what was written before the savepoint is lost",
                    hint="Roll the whole transaction back.",
                ) from error
            self._run("ROLLBACK")
            self._run(self._begin)

    def rollback(self) -> None:
        self._end("ROLLBACK")

    def discard_temp(self) -> None:
        self._settle()
        try:
            found = [
                (kind, name)
                for kind in ("view", "table")
                for (name,) in self._connection.execute(
                    f"SELECT {kind}_name FROM duckdb_{kind}s() WHERE temporary AND NOT internal"
                ).fetchall()
            ]
        except self._error as error:
            raise postgres_error_of(error) from error
        for kind, name in found:
            self._run(f"DROP {kind} temp.main.{quoted(name)}")
        if found:
            self._changed()

    def relations(self) -> Sequence[Relation]:
        self._refresh()
        if self._relations is None:
            from .duckdb_files import read_relations

            try:
                self._settle()
                self._relations = read_relations(self._connection)
            except self._error as error:
                raise postgres_error_of(error) from error
        return self._relations

    def cancel(self) -> None:
        self._connection.interrupt()

    def close(self) -> None:
        if self._open is not None:
            self._open.close()
        self._plans.clear()
        self._connection.close()

    # Plans.

    def _plan(self, statement: Statement, declared: Sequence[int]) -> Plan:
        self._refresh()
        key = (statement.text, tuple(declared))
        plan = self._plans.get(key)
        if plan is None:
            types = declared_types(declared, parameter_count(statement))
            self._settle()
            plan = Planner(self._connection, self._error, self.relations).make(statement, types)
            self._plans[key] = plan
            if len(self._plans) > _PLANS_KEPT:
                self._plans.popitem(last=False)
        return plan

    def _refresh(self) -> None:
        if self._generation != self._engine.generation:
            self._generation = self._engine.generation
            self._plans.clear()
            self._relations = None

    def _changed(self) -> None:
        self._changed_in_transaction = self._in_transaction
        self._engine.catalogue_changed()

    # Running.

    def _result(self, plan: Plan, result: Any) -> EngineResult:
        if plan.kind in ("count", "nothing"):
            rows = result.fetchall() if plan.kind == "count" else []
            result.close()
            return CountResult(rows[0][0] if rows else None)
        kinds = [entry[1] for entry in result.description]
        if tuple(map(str, kinds)) != plan.signature and not plan.holds(kinds):
            result.close()
            self._plans.clear()
            raise changed_result_type()
        columns = plan.description.columns
        assert columns is not None
        if plan.kind == "rows":
            rows = result.fetchall()
            result.close()
            return ReturnedRows(columns, rows)
        paths = {oids.BOOL: (), oids.BOOL_ARRAY: (0,)}
        booleans = [(i, *paths[column.type]) for i, column in enumerate(columns) if column.type in paths]
        self._open = DuckDBResult(columns, ArrowRelay(result.arrow_capsule(), booleans))
        return self._open

    def _refuse(self, statement: Statement, plan: Plan) -> None:
        """Keep a read-only engine from writing in autocommit, and any from writing over the files that it serves."""
        if self._engine.files_only and statement.keywords[:1] == ("COPY",):
            raise InsufficientPrivilege("COPY to or from a file is not allowed here")
        if self._engine.read_only and (plan.writes or statement.keywords[:1] == ("COPY",)) and statement.keywords:
            raise ReadOnlySQLTransaction(f"cannot execute {statement.keywords[0]} in a read-only transaction")

    def _settle(self) -> None:
        """Free the connection of an open result, whose rows stay readable."""
        if self._open is not None:
            self._open.spool()
            self._open = None

    def _end(self, sql: str) -> None:
        self._settle()
        self._in_transaction = False
        try:
            self._run(sql)
        except PostgresError as error:
            if error.sqlstate != "25P01":
                self._abandon()
                raise
        finally:
            if self._changed_in_transaction:
                self._changed_in_transaction = False
                self._engine.catalogue_changed()

    def _abandon(self) -> None:
        try:
            self._connection._submit("ROLLBACK", None, "rows", _BATCH_ROWS).close()
        except self._error:  # the failed COMMIT has ended the transaction
            return

    def _run(self, sql: str) -> None:
        try:
            self._connection._submit(sql, None, "rows", _BATCH_ROWS).close()
        except self._error as error:
            raise postgres_error_of(error) from error


def _same(one: tuple[Column, ...] | None, other: tuple[Column, ...] | None) -> bool:
    if one is None or other is None:
        return one is other
    return [column.type for column in one] == [column.type for column in other]


def _require() -> Any:
    try:
        import duckdb
    except ImportError as error:
        raise ImportError(
            "the DuckDB engine needs duckdb 2.0 (Python 3.11 or later): pip install 'pgwire-py[duckdb]'"
        ) from error
    if not (hasattr(duckdb.DuckDBPyConnection, "_bind") and hasattr(duckdb.DuckDBPyConnection, "_submit")):
        raise ImportError(
            f"the DuckDB engine needs duckdb 2.0 (Python 3.11 or later), found duckdb {duckdb.__version__}"
        )
    return duckdb


def _open(duckdb: Any, source: Any, read_only: bool) -> Any:
    path = ":memory:" if source is None else fspath(source)
    try:
        return duckdb.connect(path, read_only=read_only and path != ":memory:")
    except duckdb.Error as error:
        converted = postgres_error_of(error)
        if converted.sqlstate == "55P03":
            raise postgres_error(
                "55P03", f'database file "{path}" is in use by another process', detail=converted.message
            ) from error
        raise converted from error
