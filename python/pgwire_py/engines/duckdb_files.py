"""Files as DuckDB views, and what DuckDB's catalogue holds as relations."""

from __future__ import annotations

import re
from collections.abc import Iterable
from os import PathLike
from pathlib import Path
from typing import Any

from .. import oids
from .base import Relation, RelationColumn
from .duckdb_types import described, numeric_modifier

__all__ = ["create_views", "find_files", "read_relations"]

_READERS = {
    ".parquet": "read_parquet",
    ".csv": "read_csv",
    ".tsv": "read_csv",
    ".json": "read_json",
    ".ndjson": "read_ndjson",
    ".jsonl": "read_ndjson",
}


_SCHEMAS = {"main": "public"}


def find_files(paths: Iterable[str | PathLike[str]]) -> dict[str, Path]:
    """View name → file. Raises ValueError for a clash, an unknown kind, a path that is missing, or nothing at all."""
    found: dict[str, Path] = {}
    for given in paths:
        path = Path(given)
        if not path.exists():
            raise ValueError(f"{path} does not exist")
        files = (
            [path] if not path.is_dir() else sorted(p for p in path.iterdir() if p.is_file() and _suffix(p) in _READERS)
        )
        for file in files:
            if _suffix(file) not in _READERS:
                raise ValueError(f"{file}: not one of {', '.join(_READERS)}")
            name = view_name(file)
            if name in found and found[name].resolve() != file.resolve():
                raise ValueError(f'{found[name]} and {file} would both be the view "{name}"; rename one of them')
            found[name] = file
    if not found:
        raise ValueError("no Parquet, CSV or JSON file to serve")
    return found


def view_name(file: Path) -> str:
    """An identifier that needs no quotes: letters, digits and underscores of the file's name, in lower case."""
    stem = file.name[: -len(_suffix(file))]
    name = re.sub(r"\W+", "_", stem.lower()).strip("_") or "data"
    return f"t_{name}" if name[0].isdigit() else name


def create_views(connection: Any, files: dict[str, Path]) -> None:
    """One view per file, then no access to any other file."""
    absolute = {name: str(file.resolve()) for name, file in files.items()}
    for name, file in absolute.items():
        reader = _READERS[_suffix(Path(file))]
        connection.execute(f"CREATE VIEW {_identifier(name)} AS SELECT * FROM {reader}({_pattern(file)})")
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


def _suffix(path: Path) -> str:
    return path.suffix.lower()


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _string(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _pattern(file: str) -> str:
    """A file name as a literal in which DuckDB sees no pattern: ``*``, ``?`` and ``[`` stand for themselves."""
    return _string(re.sub(r"[*?\[]", lambda found: f"[{found[0]}]", file))
