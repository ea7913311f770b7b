"""Files as DuckDB views, and what DuckDB's catalogue holds as relations."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from .. import oids
from ..sql import quoted
from .base import Relation, RelationColumn
from .duckdb_types import described, numeric_modifier
from .files import suffix

__all__ = ["create_views", "read_relations"]

_READERS = {
    ".parquet": "read_parquet",
    ".csv": "read_csv",
    ".tsv": "read_csv",
    ".json": "read_json",
    ".ndjson": "read_ndjson",
    ".jsonl": "read_ndjson",
}


def create_views(connection: Any, files: dict[str, Path]) -> None:
    """One view per file, then no access to any other file."""
    absolute = {name: str(file.resolve()) for name, file in files.items()}
    for name, file in absolute.items():
        reader = _READERS[suffix(Path(file))]
        connection.execute(f"CREATE VIEW {quoted(name)} AS SELECT * FROM {reader}({_pattern(file)})")
    # DuckDB checks a view's text and the file that it finds by it
    allowed = dict.fromkeys(name for file in absolute.values() for name in (_string(file), _pattern(file)))
    connection.execute(f"SET allowed_paths = [{', '.join(allowed)}]")
    connection.execute("SET enable_external_access = false")


def read_relations(connection: Any) -> tuple[Relation, ...]:
    """Tables and views of the database that the connection uses; DuckDB's schema main is called public."""
    keys: set[tuple[str, str, str]] = set()
    for schema, table, columns in _rows(
        connection,
        "SELECT schema_name, table_name, constraint_column_names FROM duckdb_constraints() "
        "WHERE constraint_type = 'PRIMARY KEY' AND database_name = current_database()",
    ):
        keys.update((schema, table, column) for column in columns)
    views = {
        tuple(row)
        for row in _rows(
            connection,
            "SELECT schema_name, view_name FROM duckdb_views() "
            "WHERE NOT internal AND database_name = current_database()",
        )
    }
    found: dict[tuple[str, str], list[RelationColumn]] = {}
    kinds: dict[str, tuple[int, int]] = {}
    for schema, table, name, kind, nullable, default in _rows(
        connection,
        "SELECT schema_name, table_name, column_name, data_type, is_nullable, column_default FROM duckdb_columns() "
        "WHERE NOT internal AND database_name = current_database() ORDER BY schema_name, table_name, column_index",
    ):
        if kind not in kinds:
            parsed = connection.sqltype(kind)
            kinds[kind] = described(parsed) or oids.TEXT, numeric_modifier(parsed)
        oid, modifier = kinds[kind]
        column = RelationColumn(name, oid, nullable is False, default, (schema, table, name) in keys, modifier)
        found.setdefault((schema, table), []).append(column)
    return tuple(
        Relation(
            "public" if schema == "main" else schema, table, "v" if (schema, table) in views else "r", tuple(columns)
        )
        for (schema, table), columns in found.items()
    )


def _rows(connection: Any, sql: str) -> list[tuple[Any, ...]]:
    result = connection._submit(sql, None, "rows", 8192)
    rows: list[tuple[Any, ...]] = result.fetchall()
    result.close()
    return rows


def _string(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _pattern(file: str) -> str:
    """A file name as a literal in which DuckDB sees no pattern: ``*``, ``?`` and ``[`` stand for themselves."""
    return _string(re.sub(r"[*?\[]", lambda found: f"[{found[0]}]", file))
