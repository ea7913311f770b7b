"""GlueSQL behind a PostgreSQL port: one ``Glue`` for all sessions, one statement at a time.

GlueSQL's Python package says nothing of a statement before it has run, takes no parameters and gives rows as dictionaries of JSON
values, without their order. So a query's tree tells its columns (``reading``), each gets a name of its own, parameters are written into
the statement as literals (``literals``), and values are made what their columns were described as. What neither the tree nor the
tables' declared types tell is guessed from the rows of a simple query, and is text where it must be known before.

GlueSQL holds Python's lock (GIL) while it works: nothing else in the process goes on meanwhile, no cancel is heard.
"""

from __future__ import annotations

import errno
import itertools
import os
import threading
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from .. import oids
from ..errors import FeatureNotSupported, ReadOnlySQLTransaction, UndefinedParameter, changed_result_type
from ..sql import Statement, quoted
from .base import (
    Capabilities,
    Column,
    CopySink,
    Description,
    Engine,
    EngineResult,
    Relation,
    RelationColumn,
    SessionContext,
)
from .copy_columns import check_writable, chosen_columns, find_table
from .gathering import MAX_COPY
from .gluesql_errors import postgres_error_of
from .gluesql_names import confined
from .gluesql_types import LITERALS, converter, guessed, oid_of
from .literals import sample, with_literals
from .reading import Reader, Reading, with_own_names, without_public
from .untransacted import UntransactedSession

__all__ = ["GlueSQLEngine"]

_READS = frozenset({"SELECT", "VALUES", "WITH", "SHOW", "EXPLAIN", ""})


class GlueSQLEngine(Engine):
    """An engine over GlueSQL.

    Args:
        source: a ``gluesql.Glue``, or one of its storages (``SharedMemoryStorage()``, ``JsonStorage("folder")``,
            ``SledStorage("folder")``); None for a new database in memory.
        read_only: refuse what changes data or tables.
        max_copy: bytes of memory that the rows of one COPY FROM STDIN may take until they are stored; more is 54000.

    Raises:
        ImportError: gluesql is missing.
    """

    name = "gluesql"
    capabilities = Capabilities(transactions=True, savepoints=False, snapshots=True, cancel="none")

    def __init__(self, source: Any = None, *, read_only: bool = False, max_copy: int = MAX_COPY) -> None:
        gluesql = _require()
        self.max_copy = max_copy
        self.read_only = read_only
        self._lock = threading.Lock()
        self._relations: tuple[Relation, ...] | None = None
        if source is None:
            source = gluesql.SharedMemoryStorage()
        self._in_files = isinstance(source, (gluesql.JsonStorage, gluesql.Glue))  # a Glue does not tell its storage
        self._glue = source if isinstance(source, gluesql.Glue) else gluesql.Glue(source)

    @classmethod
    def from_folder(cls, folder: str | PathLike[str], *, read_only: bool = False) -> GlueSQLEngine:
        """An engine with one table per JSON file (``.json``, ``.jsonl``) of a folder; what changes a table changes its file.

        Raises:
            NotADirectoryError: there is no such folder.
            ImportError: gluesql is missing.
        """
        if not Path(folder).is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder))
        return cls(_require().JsonStorage(str(folder)), read_only=read_only)

    def connect(self, context: SessionContext) -> GlueSQLSession:
        return GlueSQLSession(self, context)

    def query(self, text: str, sql: str = "", *, changes: bool = False) -> dict[str, Any]:
        """Run one statement; its payload. Raises PostgresError, placed in ``sql``, the text that the client sent."""
        with self._lock:
            if changes:
                self._relations = None
            try:
                payloads: list[dict[str, Any]] = self._glue.query(confined(text) if self._in_files else text)
            except Exception as error:
                raise postgres_error_of(error, sql) from error
        return payloads[0] if payloads else {"type": ""}

    def relations(self) -> tuple[Relation, ...]:
        """The tables, with the types that they were declared with; those without a schema have no columns."""
        if self._relations is None:
            found = []
            for name in sorted(self.query("SHOW TABLES")["tables"]):
                columns = self.query(f"SHOW COLUMNS FROM {quoted(name)}")["columns"]
                found.append(
                    Relation(
                        "public", name, "r", tuple(RelationColumn(one["name"], oid_of(one["type"])) for one in columns)
                    )
                )
            self._relations = tuple(found)
        return self._relations


class GlueSQLSession(UntransactedSession):
    """One client's use of the database."""

    def __init__(self, engine: GlueSQLEngine, context: SessionContext | None) -> None:
        super().__init__(context, "GlueSQL")
        self._engine = engine
        self._reader = Reader()

    def describe(self, statement: Statement, parameter_types: Sequence[int]) -> Description:
        reading = self._reader.read(statement, parameter_types, self._engine.relations())
        types = reading.parameter_types
        if _first(statement) not in _READS:
            return Description(types, None)
        columns = self._columns(statement, reading)
        if columns is None or not all(column.type for column in columns):
            columns, _ = self._select(statement, [sample(oid) for oid in types], reading)
        return Description(types, columns)

    def execute(
        self, statement: Statement, parameters: Sequence[object], description: Description | None
    ) -> EngineResult:
        declared = description.parameter_types if description else ()
        reading = self._reader.read(statement, declared, self._engine.relations())
        if len(parameters) < len(reading.parameter_types):
            raise UndefinedParameter(f"there is no parameter ${len(parameters) + 1}")
        if _first(statement) not in _READS:
            return self._change(statement, parameters, reading)
        columns, rows = self._select(statement, parameters, reading)
        if description is not None:
            if len(description.columns or ()) != len(columns):
                raise changed_result_type()
            columns = description.columns or ()
        return _Rows(columns, rows)

    def relations(self) -> Sequence[Relation]:
        return self._engine.relations()

    def copy_in(self, table: Sequence[str], columns: Sequence[str] | None) -> CopySink:
        from .gluesql_copy import GlueSQLCopySink

        check_writable(self._engine)
        relation = find_table(self._engine.relations(), table)
        if not relation.columns:
            raise FeatureNotSupported(
                f'cannot copy to table "{relation.name}" without columns',
                hint="CREATE TABLE with columns, and copy there.",
            )

        def store(insert: str) -> None:
            self._engine.query(insert, changes=True)
            self.wrote()

        chosen = chosen_columns(relation.name, relation.columns, columns)
        return GlueSQLCopySink(relation.name, chosen, store, self._engine.max_copy)

    def close(self) -> None:
        """Nothing is held."""

    def _change(self, statement: Statement, parameters: Sequence[object], reading: Reading) -> EngineResult:
        if self._engine.read_only:
            raise ReadOnlySQLTransaction(f"cannot execute {_first(statement)} in a read-only transaction")
        plain = _plain(statement, parameters, reading)
        payload = self._engine.query(plain.text, statement.text, changes=True)
        self.wrote()
        result = EngineResult()
        result.affected = payload.get("affected")
        return result

    def _select(
        self, statement: Statement, parameters: Sequence[object], reading: Reading
    ) -> tuple[tuple[Column, ...], list[tuple[Any, ...]]]:
        """Run a query; its columns, with types guessed where nothing tells them, and its rows as GlueSQL's values."""
        plain = _plain(statement, parameters, reading)
        if _first(statement) == "SELECT":
            plain = with_own_names(plain, throughout=True) or plain
        columns = self._columns(statement, reading)
        found = _rows(self._engine.query(plain.text, statement.text))
        names = list(dict.fromkeys(itertools.chain.from_iterable(found)))
        if columns is None:
            columns = tuple(Column(name, 0) for name in names)
        keys = _keys(columns, names)
        rows = [tuple(row.get(key) for key in keys) for row in found]
        types = [column.type or guessed([row[i] for row in rows]) for i, column in enumerate(columns)]
        return tuple(column._replace(type=oid) for column, oid in zip(columns, types, strict=True)), rows

    def _columns(self, statement: Statement, reading: Reading) -> tuple[Column, ...] | None:
        """The columns of a query, 0 for a type that is not known; None where the tree tells none of them."""
        if statement.keywords[:2] == ("SHOW", "TABLES"):
            return (Column("name", oids.TEXT),)
        if statement.keywords[:2] == ("SHOW", "COLUMNS"):
            return (Column("name", oids.TEXT), Column("type", oids.TEXT))
        if reading.output is None:
            return None
        names = [column.name for column in reading.output]
        if "*" in statement.text and len(set(names)) < len(names) and _has_star(statement):
            raise FeatureNotSupported(
                "GlueSQL cannot tell columns of the same name apart", hint="Name the columns in place of the asterisk."
            )
        return tuple(Column(column.name, column.type) for column in reading.output)


class _Rows(EngineResult):
    """Rows that GlueSQL gave at once."""

    def __init__(self, columns: tuple[Column, ...], rows: list[tuple[Any, ...]]) -> None:
        self.columns = columns
        self._rows = iter(rows)
        self._converters = [converter(column) for column in columns]

    def fetch(self, max_rows: int) -> Sequence[Sequence[object]]:
        return [
            tuple(convert(value) for convert, value in zip(self._converters, row, strict=True))
            for row in itertools.islice(self._rows, max_rows)
        ]

    def close(self) -> None:
        self._rows = iter(())


def _rows(payload: dict[str, Any]) -> list[dict[str, Any]]:
    if payload["type"] == "SHOW TABLES":
        return [{"name": name} for name in payload["tables"]]
    rows: list[dict[str, Any]] = payload.get("rows", payload.get("columns", []))
    return rows


def _keys(columns: tuple[Column, ...], found: list[str]) -> list[str]:
    """What GlueSQL calls each column: after its place where :func:`with_own_names` has it so, else by its name, in whatever case."""
    folded = {name.lower(): name for name in found}
    keys = []
    for place, column in enumerate(columns, 1):
        own = f"pgwire_{place}"
        keys.append(
            own if own in found else column.name if column.name in found else folded.get(column.name.lower(), "")
        )
    return keys


def _plain(statement: Statement, parameters: Sequence[object], reading: Reading) -> Statement:
    """The statement without parameters and schemas."""
    return without_public(with_literals(statement, parameters, reading.parameter_types, LITERALS))


def _has_star(statement: Statement) -> bool:
    from sqlglot import exp

    from .parsing import parse

    tree = parse(statement)
    return isinstance(tree, exp.Select) and tree.is_star


def _first(statement: Statement) -> str:
    return statement.keywords[0] if statement.keywords else ""


def _require() -> Any:
    try:
        import gluesql
    except ImportError as error:
        raise ImportError("the GlueSQL engine needs gluesql: pip install 'pgwire-py[gluesql]'") from error
    return gluesql
