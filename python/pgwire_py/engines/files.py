"""Data files that engines serve as tables: which there are, and what each is called."""

from __future__ import annotations

import re
from collections.abc import Iterable
from os import PathLike
from pathlib import Path

__all__ = ["SUFFIXES", "find_files", "suffix", "view_name"]

SUFFIXES = (".parquet", ".csv", ".tsv", ".json", ".ndjson", ".jsonl")


def find_files(paths: Iterable[str | PathLike[str]]) -> dict[str, Path]:
    """View name → file. Raises ValueError for a clash, an unknown kind, a path that is missing, or nothing at all."""
    found: dict[str, Path] = {}
    for given in paths:
        path = Path(given)
        if not path.exists():
            raise ValueError(f"{path} does not exist")
        files = (
            [path] if not path.is_dir() else sorted(p for p in path.iterdir() if p.is_file() and suffix(p) in SUFFIXES)
        )
        for file in files:
            if suffix(file) not in SUFFIXES:
                raise ValueError(f"{file}: not one of {', '.join(SUFFIXES)}")
            name = view_name(file)
            if name in found and found[name].resolve() != file.resolve():
                raise ValueError(f'{found[name]} and {file} would both be the view "{name}"; rename one of them')
            found[name] = file
    if not found:
        raise ValueError("no Parquet, CSV or JSON file to serve")
    return found


def view_name(file: Path) -> str:
    """An identifier that needs no quotes: letters, digits and underscores of the file's name, in lower case."""
    stem = file.name[: -len(suffix(file))]
    name = re.sub(r"\W+", "_", stem.lower()).strip("_") or "data"
    return f"t_{name}" if name[0].isdigit() else name


def suffix(path: Path) -> str:
    """The kind of a file: its suffix in lower case."""
    return path.suffix.lower()
