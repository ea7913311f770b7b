"""DataFusion behind a PostgreSQL port: one SessionContext for all sessions, rows leave as an Arrow stream.

DataFusion plans a statement without running it, so that each is described with nulls of its parameters' types. What it may do is decided
twice: by the statement's first word here, and by DataFusion's own ``SQLOptions`` for that kind. DataFusion has no transactions and no way
to interrupt a query: a cancel answers the client at once, and the query ends in its own time (``interruptible``).
"""

from __future__ import annotations

import functools
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from os import PathLike
from typing import Any

from .. import oids
from ..errors import (
    InsufficientPrivilege,
    PostgresError,
    ReadOnlySQLTransaction,
    UndefinedParameter,
    changed_result_type,
)
from ..sql import Statement
from .base import Capabilities, Column, CopySink, Description, Engine, EngineResult, Relation, SessionContext
from .batches import BatchResult, columns_of
from .copy_columns import check_writable, chosen_columns, find_table
from .datafusion_errors import postgres_error_of
from .datafusion_tables import new_context, partitions, read_relations, register, register_files
from .datafusion_types import LITERALS, scalar, type_modifiers
from .gathering import MAX_COPY
from .interruptible import MAX_LEFT_BEHIND, Interruptible, LeftBehind
from .literals import sample, with_literals
from .reading import Reader, Reading, with_own_names
from .untransacted import UntransactedSession

__all__ = ["DataFusionEngine"]

_THREADS = "TOKIO_WORKER_THREADS"
_CHANGES = frozenset({"INSERT", "UPDATE", "DELETE", "TRUNCATE", "MERGE"})
_DEFINITIONS = frozenset({"CREATE", "DROP", "ALTER"})
_FILES = frozenset({"EXTERNAL", "UNBOUNDED"})


class DataFusionEngine(Engine):
    """An engine over a DataFusion context.

    Args:
        source: a ``datafusion.SessionContext`` (sessions share it, whatever else uses it too); a mapping of table names to Arrow objects
            (of pyarrow, polars, pandas …), datasets, or paths of Parquet, CSV and JSON files or folders of them; or None for no tables.
        read_only: refuse what changes data or the catalogue.
        external_access: let statements read and write files (CREATE EXTERNAL TABLE, COPY … TO 'file'). Off unless asked for, as anyone who
            can connect could read any file.
        max_copy: bytes of memory that the rows of one COPY FROM STDIN may take until they are stored; more is 54000.

    Raises:
        ImportError: datafusion is missing.
        ValueError, TypeError: a table is none of these.
        PostgresError: a file cannot be read.
    """

    name = "datafusion"
    capabilities = Capabilities(transactions=True, savepoints=False, snapshots=True, cancel="hard")
    """``"hard"``: a cancelled call is left behind, the session goes on."""

    def __init__(
        self,
        source: Mapping[str, Any] | Any | None = None,
        *,
        read_only: bool = False,
        external_access: bool = False,
        max_copy: int = MAX_COPY,
    ) -> None:
        self.module = _require()
        self.max_copy = max_copy
        self.read_only = read_only
        self.external_access = external_access
        self.left_behind = LeftBehind()
        if isinstance(source, self.module.SessionContext):
            self.context = source
            return
        self.context = new_context(self.module)
        if source is not None:
            try:
                register(self.module, self.context, source)
            except (ImportError, TypeError, AttributeError):
                raise
            except Exception as error:
                raise _unreadable(error) from error

    @classmethod
    def from_files(cls, paths: Iterable[str | PathLike[str]], *, read_only: bool = False) -> DataFusionEngine:
        """An engine with one view per Parquet, CSV or JSON file; folders give the files directly in them.

        Raises:
            ValueError: nothing to serve, a file of another kind, or two files that would have the same name.
            PostgresError: a file cannot be read.
        """
        engine = cls(read_only=read_only)
        try:
            register_files(engine.context, paths)
        except Exception as error:
            raise _unreadable(error) from error
        return engine

    def connect(self, context: SessionContext) -> DataFusionSession:
        return DataFusionSession(self, context)


class DataFusionSession(UntransactedSession):
    """One client's use of the context."""

    def __init__(self, engine: DataFusionEngine, context: SessionContext | None) -> None:
        super().__init__(context, "DataFusion")
        self._engine = engine
        self._reader = Reader()
        self._calls = Interruptible(engine.left_behind, "pgwire-datafusion")

    def describe(self, statement: Statement, parameter_types: Sequence[int]) -> Description:
        reading = self._read(statement, parameter_types)
        types = reading.parameter_types
        if _first(statement) in _DEFINITIONS:
            return Description(types, None)  # planning it would run it
        columns, _ = self._columns(statement, self._plan(statement, None, types), reading)
        return Description(types, None if _first(statement) in (*_CHANGES, "COPY") else columns)

    def execute(
        self, statement: Statement, parameters: Sequence[object], description: Description | None
    ) -> EngineResult:
        reading = self._read(statement, description.parameter_types if description else ())
        types = reading.parameter_types
        if len(parameters) < len(types):
            raise UndefinedParameter(f"there is no parameter ${len(parameters) + 1}")
        self._check(statement)
        frame = self._plan(statement, parameters[: len(types)], types)
        if _first(statement) in _DEFINITIONS:
            self.wrote()
            return EngineResult()
        if _first(statement) in _CHANGES or _first(statement) == "COPY":
            return self._change(statement, frame)
        columns, empty = self._columns(statement, frame, reading)
        if description is not None:
            if [column.type for column in description.columns or ()] != [column.type for column in columns]:
                raise changed_result_type()
            columns = description.columns or ()

        def convert(error: Exception) -> PostgresError:
            return postgres_error_of(error, statement.text)

        stream = self._call(statement, frame.execute_stream)
        return BatchResult(columns, empty, _batches(stream, empty.schema), self._calls, convert)

    def relations(self) -> Sequence[Relation]:
        return read_relations(self._engine.context)

    def copy_in(self, table: Sequence[str], columns: Sequence[str] | None) -> CopySink:
        from .datafusion_copy import open_sink

        check_writable(self._engine)
        relation = find_table(self.relations(), table)
        chosen = chosen_columns(relation.name, relation.columns, columns)
        engine = self._engine
        target = engine.context.catalog().schema(relation.schema).table(relation.name)
        return open_sink(engine.module, target, relation, chosen, self._calls.call, self.wrote, engine.max_copy)

    def cancel(self) -> None:
        self._calls.cancel()

    def close(self) -> None:
        self._calls.close()

    def _read(self, statement: Statement, declared: Sequence[int]) -> Reading:
        return self._reader.read(statement, declared, read_relations(self._engine.context))

    def _check(self, statement: Statement) -> None:
        first = _first(statement)
        if first == "COPY" and not self._engine.external_access:
            raise InsufficientPrivilege("COPY to or from a file is not allowed here")
        if first == "CREATE" and not self._engine.external_access and not _FILES.isdisjoint(statement.keywords):
            raise InsufficientPrivilege("CREATE EXTERNAL TABLE is not allowed here")
        if self._engine.read_only and (first in _CHANGES or first in _DEFINITIONS or first == "COPY"):
            raise ReadOnlySQLTransaction(f"cannot execute {first} in a read-only transaction")

    def _plan(self, statement: Statement, values: Sequence[object] | None, types: Sequence[int]) -> Any:
        """DataFusion's frame for a statement, without values for one that is described; a definition has been carried out then."""
        self._check(statement)
        first = _first(statement)
        options = self._engine.module.SQLOptions()
        options = options.with_allow_ddl(first in _DEFINITIONS)
        options = options.with_allow_dml(first in _CHANGES or first == "COPY").with_allow_statements(False)
        context = self._engine.context
        if first in _DEFINITIONS:
            definition = with_literals(statement, values or (), types, LITERALS)
            return self._call(statement, lambda: context.sql(definition.text, options=options))
        given = [[] if oid in oids.ELEMENT_OF else None for oid in types] if values is None else values
        scalars = {str(n): scalar(value, oid) for n, (value, oid) in enumerate(zip(given, types, strict=True), 1)}

        def plan(text: str, scalars: Mapping[str, Any]) -> Any:
            return context.sql(text, options=options, param_values=dict(scalars) or None)

        try:
            return self._calls.call(lambda: plan(statement.text, scalars))
        except PostgresError:
            raise
        except Exception as error:
            other: Statement | None = None
            if "unique expression names" in str(error):
                other = with_own_names(statement)
            elif scalars and "Placeholder" in str(error):  # arguments of table functions are read before parameters
                written = [sample(oid) for oid in types] if values is None else values
                other, scalars = with_literals(statement, written, types, LITERALS), {}
            if other is None:
                raise postgres_error_of(error, statement.text) from error
        return self._call(statement, lambda: plan(other.text, scalars))

    def _columns(self, statement: Statement, frame: Any, reading: Reading) -> tuple[tuple[Column, ...], Any]:
        """The columns of a frame, and an Arrow table of its schema."""
        schema = frame.schema()
        empty = schema.empty_table()
        columns = columns_of(empty, type_modifiers(schema))
        names = reading.names([column.name for column in columns])
        return tuple(column._replace(name=name) for column, name in zip(columns, names, strict=True)), empty

    def _change(self, statement: Statement, frame: Any) -> EngineResult:
        batches = self._call(statement, frame.collect)
        self.wrote()
        result = EngineResult()
        result.affected = sum(sum(batch.column(0).to_pylist()) for batch in batches)
        return result

    def _call(self, statement: Statement, function: Any) -> Any:
        try:
            return self._calls.call(function)
        except PostgresError:
            raise
        except Exception as error:
            raise postgres_error_of(error, statement.text) from error


def _batches(stream: Any, schema: Any) -> Iterator[Any]:
    """The stream's batches, each of the schema that was described: what DataFusion runs may differ from what it planned in how text is laid
    out."""
    for batch in stream:
        found = batch.to_pyarrow()
        yield found if found.schema.equals(schema) else found.cast(schema)


def _first(statement: Statement) -> str:
    return statement.keywords[0] if statement.keywords else ""


def _unreadable(error: Exception) -> Exception:
    return error if isinstance(error, (ValueError, PostgresError)) else postgres_error_of(error)


def _require() -> Any:
    try:
        import datafusion
        import datafusion.catalog
    except ImportError as error:
        raise ImportError("the DataFusion engine needs datafusion: pip install 'pgwire-py[datafusion]'") from error
    _start_threads(datafusion)
    return datafusion


@functools.cache
def _start_threads(datafusion: Any) -> None:
    """Have DataFusion make its threads, if nothing has used it yet: a cancelled query may hold one for each of its partitions until it
    ends, and there must be others for the rest. It makes as many as this variable says, once."""
    if _THREADS in os.environ:
        return
    os.environ[_THREADS] = str(partitions() * (MAX_LEFT_BEHIND + 1))
    try:
        datafusion.SessionContext().sql("select 1").collect()
    finally:
        del os.environ[_THREADS]
