"""Polars behind a PostgreSQL port: one SQLContext for all sessions, rows leave as an Arrow stream.

A statement becomes a lazy frame, whose schema describes it without running it. Polars takes no parameters: they are written into the
statement as literals (``literals``). A query is run by the streaming engine, which a slow client holds back. Polars' SQL has no
transactions and no way to interrupt a query: a cancel answers the client at once, and the query ends in its own time
(``interruptible``).
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from os import PathLike
from typing import Any, TypeVar

from ..errors import (
    FeatureNotSupported,
    InsufficientPrivilege,
    PostgresError,
    ReadOnlySQLTransaction,
    UndefinedParameter,
    changed_result_type,
)
from ..sql import Statement, quoted
from .base import Capabilities, Column, CopySink, Description, Engine, EngineResult, Relation, SessionContext
from .batches import BatchResult, columns_of
from .copy_columns import check_writable, chosen_columns, find_table
from .gathering import MAX_COPY
from .interruptible import Interruptible, LeftBehind
from .literals import sample, with_literals
from .polars_errors import postgres_error_of
from .polars_frames import LITERALS, frame_of, frames_of_files, presentable, relation_of, type_modifiers
from .reading import Reader, Reading, with_own_names, without_public
from .untransacted import UntransactedSession

__all__ = ["PolarsEngine"]

_CHANGES = frozenset({"CREATE", "DROP", "TRUNCATE"})
_READERS = re.compile(
    r"(?:read|scan)_(?:csv|parquet|json|ndjson|ipc|avro|delta|iceberg|excel|ods|lines)", re.IGNORECASE
)

_MOST_CHUNKS = 256
"""Pieces of memory in which a table lies at most when COPY has added to it."""

T = TypeVar("T")


class PolarsEngine(Engine):
    """An engine over polars frames.

    Args:
        source: a ``polars.SQLContext`` (sessions share it, whatever else uses it too); a mapping of table names to frames, lazy or not,
            Arrow objects (of pyarrow, pandas …), or paths of Parquet, CSV and JSON files or folders of them; or None for no tables.
        read_only: refuse what changes tables.
        external_access: let statements read files (``read_csv('…')`` and the like). Off unless asked for, as anyone who can connect could
            read any file; statements in which such a name stands anywhere are refused then.
        max_copy: bytes of memory that the rows of one COPY FROM STDIN may take until they are stored; more is 54000.

    Raises:
        ImportError: polars is missing.
        ValueError, TypeError: a table is none of these.
        PostgresError: a file cannot be read.
    """

    name = "polars"
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
        self._lock = threading.Lock()
        self._relations: tuple[tuple[str, ...], tuple[Relation, ...]] | None = None
        self._changes = 0
        self._of_files: set[str] = set()
        if isinstance(source, self.module.SQLContext):
            self._context = source
            return
        self._context = self.module.SQLContext()
        for name, table in (source or {}).items():
            self._context.register(name, frame_of(self.module, name, table))
            if isinstance(table, (str, PathLike)):
                self._of_files.add(name)
        self._check_readable()

    @classmethod
    def from_files(cls, paths: Iterable[str | PathLike[str]], *, read_only: bool = False) -> PolarsEngine:
        """An engine with one table per Parquet, CSV or JSON file; folders give the files directly in them.

        Raises:
            ValueError: nothing to serve, a file of another kind, or two files that would have the same name.
            PostgresError: a file cannot be read.
        """
        frames = frames_of_files(_require(), paths)
        engine = cls(frames, read_only=read_only)
        engine._of_files.update(frames)
        return engine

    def connect(self, context: SessionContext) -> PolarsSession:
        return PolarsSession(self, context)

    def plan(self, text: str) -> Any:
        """The lazy frame of a statement; one that changes tables has been carried out then. Raises what polars raises."""
        with self._lock:
            return self._context.execute(text, eager=False)

    def relations(self) -> tuple[Relation, ...]:
        """The tables; what is registered under a name that was there before is not seen."""
        with self._lock:
            names = tuple(sorted(self._context.tables()))
            if self._relations is None or self._relations[0] != names:
                found = []
                for name in names:
                    found.append(relation_of(self.module, name, self._whole(name)))
                self._relations = names, tuple(found)
            return self._relations[1]

    def changed(self) -> None:
        """A statement may have changed the tables."""
        with self._lock:
            self._relations = None
            self._changes += 1
            self._of_files.intersection_update(self._context.tables())

    def is_of_file(self, name: str) -> bool:
        """Whether a table is what the engine was given a path for."""
        with self._lock:
            return name in self._of_files

    def schema(self, name: str) -> Any:
        """The types of a table's columns, by name. Raises what polars raises."""
        with self._lock:
            return self._whole(name).collect_schema()

    def append(self, name: str, rows: Any, calls: Interruptible) -> None:
        """Add a frame to a table, which is held in memory from then on. Raises what polars raises, and what ``calls`` do where they are
        cancelled: what they leave behind does not change the table.
        """
        while True:
            with self._lock:
                seen, table = self._changes, self._whole(name)
            grown = calls.call(partial(_grown, table, rows))
            with self._lock:
                if seen == self._changes:
                    self._changes += 1
                    self._context.register(name, grown)
                    return

    def _whole(self, name: str) -> Any:
        return self._context.execute(f"SELECT * FROM {quoted(name)}", eager=False)

    def _check_readable(self) -> None:
        try:
            self.relations()
        except self.module.exceptions.PolarsError as error:
            raise postgres_error_of(error) from error


class PolarsSession(UntransactedSession):
    """One client's use of the context."""

    def __init__(self, engine: PolarsEngine, context: SessionContext | None) -> None:
        super().__init__(context, "polars")
        self._engine = engine
        self._reader = Reader()
        self._calls = Interruptible(engine.left_behind, "pgwire-polars")

    def describe(self, statement: Statement, parameter_types: Sequence[int]) -> Description:
        reading = self._read(statement, parameter_types)
        types = reading.parameter_types
        if _first(statement) in _CHANGES:
            return Description(types, None)  # planning it would carry it out
        values = [sample(oid) for oid in types]
        columns, _, _ = self._query(statement, values, reading)
        return Description(types, columns)

    def execute(
        self, statement: Statement, parameters: Sequence[object], description: Description | None
    ) -> EngineResult:
        reading = self._read(statement, description.parameter_types if description else ())
        types = reading.parameter_types
        if len(parameters) < len(types):
            raise UndefinedParameter(f"there is no parameter ${len(parameters) + 1}")
        if _first(statement) in _CHANGES:
            return self._change(statement, parameters, types)
        columns, frame, empty = self._query(statement, parameters[: len(types)], reading)
        if description is not None:
            if not _fits(description.columns or (), columns, statement):
                raise changed_result_type()
            columns = description.columns or ()

        def convert(error: Exception) -> PostgresError:
            return postgres_error_of(error, statement.text)

        return BatchResult(columns, empty, _batches(frame, empty.schema), self._calls, convert)

    def relations(self) -> Sequence[Relation]:
        return self._engine.relations()

    def copy_in(self, table: Sequence[str], columns: Sequence[str] | None) -> CopySink:
        from .polars_copy import open_sink

        engine = self._engine
        check_writable(engine)
        relation = find_table(engine.relations(), table)
        if engine.is_of_file(relation.name):
            raise FeatureNotSupported(f'cannot insert into foreign table "{relation.name}"')
        chosen = chosen_columns(relation.name, relation.columns, columns)
        try:
            schema = engine.schema(relation.name)
        except engine.module.exceptions.PolarsError as error:
            raise postgres_error_of(error) from error

        def append(rows: Any) -> None:
            engine.append(relation.name, rows, self._calls)

        return open_sink(engine.module, relation.name, schema, chosen, append, self.wrote, engine.max_copy)

    def cancel(self) -> None:
        self._calls.cancel()

    def close(self) -> None:
        self._calls.close()

    def _read(self, statement: Statement, declared: Sequence[int]) -> Reading:
        if not self._engine.external_access and _READERS.search(statement.text):
            raise InsufficientPrivilege("reading files is not allowed here")
        if _first(statement) == "DELETE":  # polars answers with the rows that would be left, and keeps the others
            raise FeatureNotSupported(
                "DELETE is not supported by polars", hint="CREATE TABLE … AS SELECT what is to stay."
            )
        return self._reader.read(statement, declared, self._engine.relations())

    def _query(
        self, statement: Statement, values: Sequence[object], reading: Reading
    ) -> tuple[tuple[Column, ...], Any, Any]:
        """Columns, lazy frame and an empty frame of its schema."""
        polars = self._engine.module
        written = _plain(statement, values, reading.parameter_types)

        def plan(text: str) -> Any:
            frame = presentable(polars, self._engine.plan(text))
            return frame, frame.collect_schema()

        try:
            frame, schema = self._calls.call(lambda: plan(written.text))
        except PostgresError:
            raise
        except Exception as error:
            other = with_own_names(written) if "duplicate" in str(error) else None
            if other is None:
                raise postgres_error_of(error, statement.text) from error
            frame, schema = self._call(statement, lambda: plan(other.text))
        empty = polars.DataFrame(schema=schema)
        columns = columns_of(empty, type_modifiers(polars, schema))
        names = reading.names([column.name for column in columns])
        return tuple(c._replace(name=name) for c, name in zip(columns, names, strict=True)), frame, empty

    def _change(self, statement: Statement, parameters: Sequence[object], types: Sequence[int]) -> EngineResult:
        first = _first(statement)
        if self._engine.read_only:
            raise ReadOnlySQLTransaction(f"cannot execute {first} in a read-only transaction")
        written = _plain(statement, parameters, types)
        try:
            self._call(statement, lambda: self._engine.plan(written.text))
        finally:
            self._engine.changed()
        self.wrote()
        return EngineResult()

    def _call(self, statement: Statement, function: Callable[[], T]) -> T:
        try:
            return self._calls.call(function)
        except PostgresError:
            raise
        except Exception as error:
            raise postgres_error_of(error, statement.text) from error


def _grown(table: Any, rows: Any) -> Any:
    """A lazy frame and the rows of another behind its own, in memory."""
    grown = table.collect().vstack(rows)
    return grown.rechunk() if grown.n_chunks() > _MOST_CHUNKS else grown


def _plain(statement: Statement, values: Sequence[object], types: Sequence[int]) -> Statement:
    """The statement as polars takes it: without parameters, and without schemas."""
    return without_public(with_literals(statement, values, types, LITERALS))


def _fits(described: Sequence[Column], found: Sequence[Column], statement: Statement) -> bool:
    """Whether a result is what was described. A type may differ where a parameter is a part of it: the Arrow encoder turns it into the
    described one."""
    if len(described) != len(found):
        return False
    return bool(statement.parameters) or [c.type for c in described] == [c.type for c in found]


def _batches(frame: Any, schema: Any) -> Iterator[Any]:
    """The frame's rows, frame by frame, each of the schema that was described."""
    for batch in frame.collect_batches(maintain_order=True):
        yield batch if batch.schema == schema else batch.cast(dict(schema))


def _first(statement: Statement) -> str:
    return statement.keywords[0] if statement.keywords else ""


def _require() -> Any:
    try:
        import polars
    except ImportError as error:
        raise ImportError("the polars engine needs polars: pip install 'pgwire-py[polars]'") from error
    if not hasattr(polars.LazyFrame, "collect_batches"):
        raise ImportError(f"the polars engine needs polars 2.0 or later, found polars {polars.__version__}")
    return polars
