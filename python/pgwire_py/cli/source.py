"""What a SOURCE is: decided by its name and first bytes, before any engine is loaded."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import click

__all__ = ["Source", "find_source"]

Kind = Literal["demo", "sqlite", "duckdb", "files"]

_SQLITE_SUFFIXES = (".sqlite", ".sqlite3")
_DUCKDB_SUFFIXES = (".duckdb", ".ddb")
_DATABASE_SUFFIXES = (*_SQLITE_SUFFIXES, *_DUCKDB_SUFFIXES, ".db")

_SQLITE_MAGIC = b"SQLite format 3\0"
_DUCKDB_MAGIC = b"DUCK"  # behind an 8-byte checksum
_HEADER_LENGTH = 16


@dataclass(frozen=True, slots=True)
class Source:
    """What is to be served.

    Attributes:
        kind: ``demo``; one ``sqlite`` or ``duckdb`` database; or ``files``, each a view or table.
        paths: the database file, or the data files in the order in which they were named; for ``gluesql`` their folder.
        database: the name to connect to.
        engine: which engine serves files: ``duckdb``, ``datafusion``, ``polars`` or ``gluesql``.
    """

    kind: Kind
    paths: tuple[Path, ...]
    database: str
    engine: str = "duckdb"

    @property
    def description(self) -> str:
        """For people: ``the DuckDB database sales.duckdb``."""
        if self.kind == "demo":
            return "the demo data set"
        if self.kind == "files":
            return f"{len(self.paths)} files" if len(self.paths) > 1 else str(self.paths[0])
        return f"the {'SQLite' if self.kind == 'sqlite' else 'DuckDB'} database {self.paths[0]}"


def find_source(sources: tuple[Path, ...], engine: str | None) -> Source:
    """Decide what the SOURCE arguments mean.

    Raises:
        click.UsageError: a source is missing, unreadable, of no known kind, or does not go with the others or with
            ``engine``.
        click.ClickException: the engine that is needed is not installed.
    """
    if not sources:
        source = Source("demo", (), "demo")
    else:
        for path in sources:
            _check_readable(path)
        databases = [path for path in sources if path.is_file() and path.suffix.lower() in _DATABASE_SUFFIXES]
        if databases and len(sources) > 1:
            raise click.UsageError(f"{databases[0]} is a database and is served alone, without other sources")
        find = _json_folder if engine == "gluesql" else _files
        source = _database(databases[0], engine) if databases else find(sources)
    if engine == "sqlite" and source.kind != "sqlite":
        raise click.UsageError(
            f"--engine sqlite cannot serve {source.description}; give a SQLite file or leave --engine out"
        )
    if engine == "duckdb" and source.kind == "sqlite":
        raise click.UsageError(f"--engine duckdb cannot serve {source.description}; leave --engine out")
    if engine in _OF_FILES:
        if source.kind != "files":
            raise click.UsageError(
                f"--engine {engine} cannot serve {source.description}; give {_OF_FILES[engine]}, or leave --engine out"
            )
        source = replace(source, engine=engine)
    needed = source.engine if source.kind != "sqlite" else None
    if needed is not None and find_spec(needed) is None:
        raise click.ClickException(
            f"to serve {source.description}, install {_TITLES[needed]}: pip install 'pgwire-py[{needed}]'{_VERSIONS.get(needed, '')}"
        )
    return source


def _check_readable(path: Path) -> None:
    if not path.exists():
        raise click.UsageError(f"{path}: no such file or folder")
    if not (path.is_dir() or path.is_file()):
        raise click.UsageError(f"{path}: neither a file nor a folder")
    if not os.access(path, os.R_OK | (os.X_OK if path.is_dir() else 0)):
        raise click.UsageError(f"{path}: no permission to read it")


def _database(path: Path, engine: str | None) -> Source:
    with path.open("rb") as file:
        header = file.read(_HEADER_LENGTH)
    found: Kind | None = None
    if header.startswith(_SQLITE_MAGIC):
        found = "sqlite"
    elif header[8:12] == _DUCKDB_MAGIC:
        found = "duckdb"
    elif not header and (path.suffix.lower() in _SQLITE_SUFFIXES or engine == "sqlite"):
        found = "sqlite"  # an empty file is an empty SQLite database
    suffix = path.suffix.lower()
    if found is None:
        wanted = (
            "SQLite" if suffix in _SQLITE_SUFFIXES else "DuckDB" if suffix in _DUCKDB_SUFFIXES else "SQLite or DuckDB"
        )
        raise click.UsageError(f"{path}: not a {wanted} database")
    if (found == "sqlite" and suffix in _DUCKDB_SUFFIXES) or (found == "duckdb" and suffix in _SQLITE_SUFFIXES):
        raise click.UsageError(f"{path}: named as one kind of database, but is a {_TITLES[found]} database; rename it")
    return Source(found, (path,), path.stem)


_TITLES = {"sqlite": "SQLite", "duckdb": "DuckDB", "datafusion": "DataFusion", "polars": "polars", "gluesql": "GlueSQL"}
_VERSIONS = {"duckdb": " (Python 3.11 or later)", "gluesql": " (Python 3.11 or 3.12)"}
_JSON_FOLDER = "a folder of JSON files (.json, .jsonl)"
_OF_FILES = {
    "datafusion": "Parquet, CSV or JSON files",
    "polars": "Parquet, CSV or JSON files",
    "gluesql": _JSON_FOLDER,
}
"""What engines without databases of their own can be given."""


def _files(sources: tuple[Path, ...]) -> Source:
    from ..engines.files import find_files, view_name

    try:
        files = tuple(find_files(sources).values())
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    first = sources[0].resolve()
    return Source("files", files, first.name if first.is_dir() else view_name(first))


def _json_folder(sources: tuple[Path, ...]) -> Source:
    """What GlueSQL can serve: its storage of JSON files. Whatever it would leave out is refused."""
    from ..engines.files import SUFFIXES, suffix

    folder = sources[0]
    if len(sources) > 1 or not folder.is_dir():
        raise click.UsageError(f"--engine gluesql serves {_JSON_FOLDER}, not {' '.join(map(str, sources))}")
    files = sorted(path for path in folder.iterdir() if path.is_file() and suffix(path) in SUFFIXES)
    for path in files:
        if path.suffix not in (".json", ".jsonl"):
            raise click.UsageError(f"{path}: --engine gluesql serves {_JSON_FOLDER} alone")
    names = [path.stem for path in files]
    if twice := [name for name in names if names.count(name) > 1]:
        raise click.UsageError(f'{folder}: two files would both be the table "{twice[0]}"; rename one of them')
    return Source("files", (folder,), folder.resolve().name, "gluesql")
