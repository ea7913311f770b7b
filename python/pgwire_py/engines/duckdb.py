"""DuckDB behind a PostgreSQL port: one cursor per session, rows leave as an Arrow stream.

A statement is bound once and its plan kept until the catalogue changes; running it again is one call. duckdb's public
API cannot describe a statement that writes, or stream without pyarrow, so the two calls that its own relations are
built on are used (``_bind``, ``_submit``); :func:`_require` says plainly where they are missing. Division follows
PostgreSQL's rules (``integer_division``, ``ieee_floating_point_ops = false``). DuckDB has no savepoints, and one open
result per connection: when another statement comes while a result is open, the rest of that result is read into memory.
"""

from __future__ import annotations

import itertools
import threading
from collections import OrderedDict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike, fspath
from typing import Any

from .. import oids
from .._impl import tokenize
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
from .duckdb_errors import postgres_error_of, postgres_error_of_text
from .duckdb_types import described, export_cast, numeric_modifier, parameter_value
from .parsing import replace_parameters, sql_type_name

__all__ = ["DuckDBEngine"]

_BATCH_ROWS = 8192
_PLANS_KEPT = 512
_ZONES_KEPT = 1000
_PROBE = "SELECT 1"
"""Fails where the transaction has ended."""
_EXACT = (oids.NUMERIC, oids.NUMERIC_ARRAY)
_NUMBERS = frozenset({"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "FLOAT", "DOUBLE", '"NULL"'})
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


@dataclass(frozen=True, slots=True)
class _Plan:
    """How a text runs, and what it takes and gives."""

    sql: str
    description: Description
    kind: str  # "stream", "rows", "count" or "nothing"
    writes: bool
    signature: tuple[str, ...]
    prelude: tuple[str, ...] = ()
    changes_catalogue: bool = False
    exact: bool = False  # it has parameters of type numeric, whose values decide the types that DuckDB gives columns

    def holds(self, kinds: Sequence[Any]) -> bool:
        """Whether columns of these types are as described, if not the same to DuckDB as when it was bound."""
        columns = self.description.columns or ()
        return (
            self.exact
            and len(kinds) == len(columns)
            and all(
                str(kind) == planned or (column.type in _EXACT and _is_number(kind))
                for kind, planned, column in zip(kinds, self.signature, columns, strict=True)
            )
        )


class DuckDBSession(EngineSession):
    """One client's cursor, with the plans of what it has run."""

    def __init__(self, engine: DuckDBEngine, connection: Any, context: SessionContext | None) -> None:
        self._engine = engine
        self._context = context
        self._zone: str | None = "UTC"
        self._connection = connection
        self._error: type[Exception] = _require().Error
        self._plans: OrderedDict[tuple[str, tuple[int, ...]], _Plan] = OrderedDict()
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

    def _plan(self, statement: Statement, declared: Sequence[int]) -> _Plan:
        self._refresh()
        key = (statement.text, tuple(declared))
        plan = self._plans.get(key)
        if plan is None:
            count = parameter_count(statement)
            plan = self._make_plan(statement, declared_types(declared, count))
            self._plans[key] = plan
            if len(self._plans) > _PLANS_KEPT:
                self._plans.popitem(last=False)
        return plan

    def _make_plan(self, statement: Statement, declared: tuple[int, ...]) -> _Plan:
        self._settle()
        try:
            if (
                statement.keywords[:2] == ("CREATE", "TABLE")
                and "with" in statement.words
                and "as" not in statement.words
            ):
                statement = _without_storage(statement)  # DuckDB refuses WITH (fillfactor = …) only when it runs
            return self._bind(statement, statement.text, declared)
        except self._error as error:
            from .duckdb_dialect import translate

            for prelude, other in translate(statement):
                if prelude:  # what it makes must be there before the statement can be bound
                    return _Plan(other.text, Description((), None), "nothing", True, (), prelude, True)
                try:
                    return self._bind(statement, other.text, declared, other)
                except self._error:
                    continue
            raise postgres_error_of(error, statement.text) from error

    def _bind(
        self,
        original: Statement,
        text: str,
        declared: tuple[int, ...],
        statement: Statement | None = None,
    ) -> _Plan:
        """A plan for a text; duckdb's error where it cannot be bound."""
        statement = statement or original
        sql = text
        names, kinds, parameters, returns, _, writes = self._connection._bind(sql, with_writes=True)
        bound = {int(name): described(kind) for name, kind in parameters if name.isdigit()}
        types = tuple(oid or bound.get(i + 1, 0) for i, oid in enumerate(declared))
        open_ = 0 in types
        if open_:
            types = self._infer(original, types)
        if open_ or any(bound.get(i + 1) != oid for i, oid in enumerate(types)):
            sql, signature = self._bind_typed(
                statement, types, {i + 1 for i, oid in enumerate(types) if bound.get(i + 1) != oid}
            )
            names, kinds, _, returns, _, writes = signature
        exact = oids.NUMERIC in types or oids.NUMERIC_ARRAY in types
        if exact or any(str(kind) == "UNKNOWN" for kind in kinds):
            names, kinds, _, returns, _, writes = self._connection._bind(
                sql, with_writes=True, values=[_sample(oid) for oid in types] or None
            )
        if returns != "query_result":
            kind = "count" if returns == "changed_rows" else "nothing"
            changes = kind == "nothing" or statement.keywords[:1] in (("CREATE",), ("ALTER",), ("DROP",))
            return _Plan(sql, Description(types, None), kind, bool(writes), (), (), changes)
        varying = self._varying(sql, types, kinds) if exact else ()
        columns = tuple(
            Column(_column_name(name), described(kind) or oids.TEXT, -1 if i in varying else numeric_modifier(kind))
            for i, (name, kind) in enumerate(zip(names, kinds, strict=True))
        )
        casts = [export_cast(kind) for kind in kinds]
        if writes and statement.keywords[:1] != ("SELECT",):
            form = "rows"  # RETURNING: the statement must run to its end now
        elif any(casts):
            form = "stream"
            items = (f"CAST(#{i} AS {cast})" if cast else f"#{i}" for i, cast in enumerate(casts, 1))
            sql = f"SELECT {', '.join(items)} FROM (\n{sql}\n) AS _"
            _, kinds, _, _, _, _ = self._connection._bind(
                sql, with_writes=True, values=[_sample(oid) for oid in types] or None
            )
        else:
            form = "stream"
        return _Plan(sql, Description(types, columns), form, bool(writes), tuple(map(str, kinds)), exact=exact)

    def _varying(self, sql: str, types: tuple[int, ...], kinds: Sequence[Any]) -> Collection[int]:
        """Which columns have the digits that a numeric parameter happens to have: its type in DuckDB is its value's."""
        try:
            _, others, _, _, _, _ = self._connection._bind(
                sql, with_writes=True, values=[_sample(oid, wide=True) for oid in types]
            )
        except self._error:  # too many digits for it: any column may have others
            return range(len(kinds))
        return [i for i, (kind, other) in enumerate(zip(kinds, others, strict=True)) if str(kind) != str(other)]

    def _bind_typed(self, statement: Statement, types: tuple[int, ...], wanted: set[int]) -> tuple[str, Any]:
        """The text with the parameters in ``wanted`` cast to their types where that keeps every digit, and how it
        binds.
        """
        casts = {number: sql_type_name(types[number - 1]) for number in wanted}
        sql = replace_parameters(statement, lambda n: f"CAST(${n} AS {casts[n]})" if casts.get(n) else f"${n}")
        return sql, self._connection._bind(sql, with_writes=True)

    def _infer(self, statement: Statement, types: tuple[int, ...]) -> tuple[int, ...]:
        from .inference import Inferrer
        from .parsing import parse

        tree = parse(statement)
        if tree is None:
            return tuple(oid or oids.TEXT for oid in types)
        tables: dict[str, Mapping[str, int]] = {}
        for relation in self.relations():
            tables.setdefault(relation.name.lower(), {column.name.lower(): column.type for column in relation.columns})
        return Inferrer(tree, tables.get, types).parameter_types()

    def _refresh(self) -> None:
        if self._generation != self._engine.generation:
            self._generation = self._engine.generation
            self._plans.clear()
            self._relations = None

    def _changed(self) -> None:
        self._changed_in_transaction = self._in_transaction
        self._engine.catalogue_changed()

    # Running.

    def _result(self, plan: _Plan, result: Any) -> EngineResult:
        if plan.kind in ("count", "nothing"):
            rows = result.fetchall() if plan.kind == "count" else []
            result.close()
            return _Done(rows[0][0] if rows else None)
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
            return _Rows(columns, rows)
        paths = {oids.BOOL: (), oids.BOOL_ARRAY: (0,)}
        booleans = [(i, *paths[column.type]) for i, column in enumerate(columns) if column.type in paths]
        self._open = DuckDBResult(columns, ArrowRelay(result.arrow_capsule(), booleans))
        return self._open

    def _refuse(self, statement: Statement, plan: _Plan) -> None:
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


class _Rows(EngineResult):
    """The rows that RETURNING gave."""

    def __init__(self, columns: tuple[Column, ...], rows: list[tuple[object, ...]]) -> None:
        self.columns = columns
        self.affected = len(rows)
        self._rows = iter(_json_as_text(columns, rows))

    def fetch(self, max_rows: int) -> Sequence[Sequence[object]]:
        return list(itertools.islice(self._rows, max_rows))


class _Done(EngineResult):
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


def _without_storage(statement: Statement) -> Statement:
    """A CREATE TABLE without what stands behind its columns about storage."""
    depth = 0
    for token in tokenize(statement.text):
        if token.kind == "operator":
            depth += (token.value == "(") - (token.value == ")")
        elif token.kind == "word" and token.value == "with" and not depth:
            return statement._replace(text=statement.text[: token.start].rstrip())
    return statement


def _same(one: tuple[Column, ...] | None, other: tuple[Column, ...] | None) -> bool:
    if one is None or other is None:
        return one is other
    return [column.type for column in one] == [column.type for column in other]


def _sample(oid: int, *, wide: bool = False) -> object:
    """A value of a type that has no cast (numeric), to bind with."""
    from decimal import Decimal

    number = Decimal("1234567890.0123456789") if wide else Decimal("1.00")
    return number if oid == oids.NUMERIC else [number] if oid == oids.NUMERIC_ARRAY else None


def _is_number(kind: Any) -> bool:
    """Whether values of a DuckDB type can be told as numeric, or lists of them as numeric[]; NULL can."""
    element = kind.children[0][1] if kind.id == "list" else kind
    return element.id == "decimal" or str(element) in _NUMBERS


def _column_name(name: str) -> str:
    """DuckDB names a column after its expression; where that shows ``count(*)`` or a parameter, PostgreSQL's name is
    taken.
    """
    if name == "count_star()":
        return "count"
    if "$" in name and not name.replace("$", "").isidentifier():
        head = name.partition("(")[0]
        return head.lower() if head.isidentifier() and head != "CAST" else "?column?"
    return name


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
