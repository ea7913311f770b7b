"""What polars serves: frames, files, their types."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from os import PathLike, fspath
from pathlib import Path
from typing import Any

from .. import oids
from .base import Relation, RelationColumn
from .batches import columns_of
from .files import find_files, suffix
from .literals import LiteralStyle

__all__ = ["LITERALS", "frame_of", "frames_of_files", "presentable", "relation_of", "type_modifiers"]

LITERALS = LiteralStyle(
    {
        oids.BOOL: "BOOLEAN",
        oids.INT2: "SMALLINT",
        oids.INT4: "INTEGER",
        oids.INT8: "BIGINT",
        oids.FLOAT4: "REAL",
        oids.FLOAT8: "DOUBLE",
        oids.NUMERIC: "DECIMAL(38, 10)",
        oids.TEXT: "VARCHAR",
        oids.VARCHAR: "VARCHAR",
        oids.BYTEA: "BYTEA",
        oids.DATE: "DATE",
        oids.TIME: "TIME",
        oids.TIMESTAMP: "TIMESTAMP",
        oids.TIMESTAMPTZ: "TIMESTAMPTZ",
    }
)


def frame_of(polars: Any, name: str, table: Any) -> Any:
    """A polars frame of a table: frames, Arrow objects (pyarrow, pandas …), columns as lists, the path of a file or of a folder with files
    of one kind. Raises TypeError for anything else."""
    if isinstance(table, (polars.DataFrame, polars.LazyFrame)):
        return table
    if isinstance(table, (str, PathLike)):
        return _scan(polars, Path(fspath(table)))
    if isinstance(table, Mapping) or hasattr(table, "__arrow_c_stream__") or hasattr(table, "__arrow_c_array__"):
        return polars.DataFrame(table)
    raise TypeError(f'table "{name}": neither a frame nor an Arrow object nor a path, but {type(table).__name__}')


def frames_of_files(polars: Any, paths: Iterable[str | PathLike[str]]) -> dict[str, Any]:
    """One frame for each file. Raises ValueError as :func:`~pgwire_py.engines.files.find_files`."""
    return {name: _scan(polars, file) for name, file in find_files(paths).items()}


def _scan(polars: Any, path: Path) -> Any:
    files = [path] if path.is_file() else list(find_files([path]).values())
    kinds = {suffix(file) for file in files}
    if len(kinds) > 1:
        raise ValueError(f"{path}: files of several kinds ({', '.join(sorted(kinds))}) are not one table")
    (kind,) = kinds
    if kind == ".parquet":
        return polars.scan_parquet(files, glob=False)
    if kind in (".csv", ".tsv"):
        return polars.scan_csv(files, glob=False, separator="\t" if kind == ".tsv" else ",", try_parse_dates=True)
    if kind in (".json", ".ndjson", ".jsonl"):
        return polars.concat([_json(polars, file) for file in files])
    raise ValueError(f"{path}: not Parquet, CSV or JSON")


def _json(polars: Any, file: Path) -> Any:
    with file.open("rb") as opened:
        array = opened.read(4096).lstrip()[:1] == b"["
    return polars.read_json(file).lazy() if array else polars.scan_ndjson([file])


def presentable(polars: Any, frame: Any) -> Any:
    """A lazy frame without the types that the Arrow interface has no place for: integers of 128 bits become decimals."""
    wide = [name for name, kind in frame.collect_schema().items() if kind in (polars.Int128, polars.UInt128)]
    return frame.with_columns(polars.col(wide).cast(polars.Decimal(38, 0))) if wide else frame


def type_modifiers(polars: Any, schema: Mapping[str, Any]) -> Sequence[int]:
    """PostgreSQL's type modifiers of a schema's columns: those of Decimal(p, s), -1 for others."""
    return [
        ((kind.precision << 16) | kind.scale) + 4 if isinstance(kind, polars.Decimal) and kind.precision else -1
        for kind in schema.values()
    ]


def relation_of(polars: Any, name: str, frame: Any) -> Relation:
    """What the catalogue says of a frame."""
    schema = presentable(polars, frame.lazy()).collect_schema()
    columns = columns_of(polars.DataFrame(schema=schema), type_modifiers(polars, schema))
    return Relation(
        "public",
        name,
        "r",
        tuple(RelationColumn(column.name, column.type, type_modifier=column.type_modifier) for column in columns),
    )
