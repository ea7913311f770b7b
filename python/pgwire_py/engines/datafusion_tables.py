"""What DataFusion serves: tables in memory, files, and what its catalogue holds as relations."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from os import PathLike, fspath
from pathlib import Path
from typing import Any

from ..sql import quoted
from .base import Relation, RelationColumn
from .batches import columns_of
from .datafusion_types import type_modifiers
from .files import find_files, suffix

__all__ = ["new_context", "partitions", "read_relations", "register", "register_files"]

_SETTINGS = {
    "datafusion.sql_parser.dialect": "PostgreSQL",
    "datafusion.execution.time_zone": "UTC",
}
_MOST_PARTITIONS = 8


def new_context(datafusion: Any) -> Any:
    """A SessionContext that reads PostgreSQL's dialect."""
    settings = _SETTINGS | {"datafusion.execution.target_partitions": str(partitions())}
    return datafusion.SessionContext(datafusion.SessionConfig(settings))


def partitions() -> int:
    """Threads that one query uses."""
    return min(os.cpu_count() or 1, _MOST_PARTITIONS)


def register(datafusion: Any, context: Any, tables: Mapping[str, Any]) -> None:
    """Make tables of what a mapping holds by name: Arrow objects (pyarrow, polars, pandas …), DataFusion's own frames and tables, datasets
    of pyarrow, columns as lists, paths of files or of folders with files of one kind."""
    import pyarrow as pa  # type: ignore[import-untyped]
    import pyarrow.dataset as ds  # type: ignore[import-untyped]

    for name, table in tables.items():
        place = quoted(name)
        if isinstance(table, (str, PathLike)):
            context.register_view(place, _read(context, Path(fspath(table))))
        elif isinstance(table, (datafusion.DataFrame, datafusion.catalog.Table, ds.Dataset)):
            context.register_table(place, table)
        elif isinstance(table, Mapping):
            context.from_arrow(pa.table(dict(table)), place)
        elif hasattr(table, "collect") and not hasattr(table, "__arrow_c_stream__"):
            context.from_arrow(table.collect(), place)  # polars' lazy frames
        elif hasattr(table, "__arrow_c_stream__") or hasattr(table, "__arrow_c_array__"):
            context.from_arrow(table, place)
        else:
            raise TypeError(f'table "{name}": neither an Arrow object nor a path, but {type(table).__name__}')


def register_files(context: Any, paths: Iterable[str | PathLike[str]]) -> None:
    """One view for each file. Raises ValueError as :func:`~pgwire_py.engines.files.find_files`."""
    for name, file in find_files(paths).items():
        context.register_view(f'"{name}"', _read(context, file))


def _read(context: Any, path: Path) -> Any:
    kinds = {suffix(path)} if path.is_file() else {suffix(file) for file in find_files([path]).values()}
    if len(kinds) > 1:
        raise ValueError(f"{path}: files of several kinds ({', '.join(sorted(kinds))}) are not one table")
    (kind,) = kinds
    address = path.resolve().as_uri() + ("/" if path.is_dir() else "")  # in an address, * and [ are no patterns
    if kind == ".parquet":
        return context.read_parquet(address)
    if kind in (".csv", ".tsv"):
        return context.read_csv(address, delimiter="\t" if kind == ".tsv" else ",", file_extension=kind)
    if kind in (".json", ".ndjson", ".jsonl"):
        for file in [path] if path.is_file() else find_files([path]).values():
            _check_lines(file)
        return context.read_json(address, file_extension=kind)
    raise ValueError(f"{path}: not Parquet, CSV or JSON")


def _check_lines(file: Path) -> None:
    with file.open("rb") as opened:
        if opened.read(4096).lstrip()[:1] == b"[":
            raise ValueError(f"{file}: a JSON array; DataFusion reads one object per line")


def read_relations(context: Any) -> tuple[Relation, ...]:
    """Tables and views of the default catalogue."""
    catalog = context.catalog()
    found: list[Relation] = []
    for schema in sorted(catalog.schema_names() - {"information_schema"}):
        tables = catalog.schema(schema)
        for name in sorted(tables.table_names()):
            table = tables.table(name)
            fields = table.schema
            columns = columns_of(fields.empty_table(), type_modifiers(fields))
            found.append(
                Relation(
                    schema,
                    name,
                    "v" if table.kind == "view" else "r",
                    tuple(
                        RelationColumn(column.name, column.type, not field.nullable, type_modifier=column.type_modifier)
                        for column, field in zip(columns, fields, strict=True)
                    ),
                )
            )
    return tuple(found)
