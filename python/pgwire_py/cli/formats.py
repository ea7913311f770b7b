"""Rows of texts, as PostgreSQL prints values, made into what is printed: a table, CSV, JSON.

Each writer takes rows as they come; none keeps them all.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

from .. import oids
from ..copy import CopyEncoder, CopyOptions
from ..messages import FieldDescription
from ..oids import BYTEA, ELEMENT_OF, TEXT, TEXT_ARRAY, TYPES
from .table import Table

__all__ = ["RowWriter", "row_writer"]


class RowWriter(Protocol):
    """What one format makes of rows."""

    def types(self) -> tuple[list[int], list[int]]:
        """Types and format codes by which RowDecoder reads the texts."""

    def rows(self, rows: Sequence[Sequence[Any]]) -> bytes | memoryview:
        """The next rows."""

    def end(self) -> bytes | memoryview:
        """What stands behind the last one."""


def row_writer(format: str, fields: Sequence[FieldDescription]) -> RowWriter:
    """The writer of ``table``, ``csv``, ``json`` or ``jsonl``."""
    if format == "csv":
        return _Csv(fields)
    if format == "table":
        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
        return _Table(fields, width)
    return _Json(fields, lines=format == "jsonl")


class _Csv:
    """As COPY writes it, with a line of names; NULL is nothing without quotes."""

    def __init__(self, fields: Sequence[FieldDescription]) -> None:
        self._encoder = CopyEncoder([field.name for field in fields], CopyOptions(format="csv", header=True))
        self._width = len(fields)

    def types(self) -> tuple[list[int], list[int]]:
        return [BYTEA] * self._width, [1] * self._width  # the bytes as they are

    def rows(self, rows: Sequence[Sequence[Any]]) -> bytes | memoryview:
        return self._encoder.encode(rows)

    def end(self) -> bytes:
        return self._encoder.finish()


class _Table:
    def __init__(self, fields: Sequence[FieldDescription], width: int | None) -> None:
        self._width = len(fields)
        self._table = Table([field.name for field in fields], [field.type_oid in _NUMBERS for field in fields], width)

    def types(self) -> tuple[list[int], list[int]]:
        return [TEXT] * self._width, [0] * self._width

    def rows(self, rows: Sequence[Sequence[Any]]) -> bytes:
        return self._table.rows(rows).encode()

    def end(self) -> bytes:
        return self._table.end().encode()


class _Json:
    """An object for each row, on a line of its own: in an array, or as it is."""

    def __init__(self, fields: Sequence[FieldDescription], *, lines: bool) -> None:
        self._lines = lines
        self._keys = [json.dumps(field.name, ensure_ascii=False) + ": " for field in fields]
        self._arrays = [field.type_oid in _ARRAYS for field in fields]
        self._shown = [_shown(ELEMENT_OF[oid] if oid in _ARRAYS else oid) for oid in (f.type_oid for f in fields)]
        self._some = False

    def types(self) -> tuple[list[int], list[int]]:
        return [TEXT_ARRAY if is_array else TEXT for is_array in self._arrays], [0] * len(self._arrays)

    def rows(self, rows: Sequence[Sequence[Any]]) -> bytes:
        objects = []
        for row in rows:
            columns = zip(self._keys, self._shown, row, strict=True)
            objects.append("{" + ", ".join(key + _value(value, shown) for key, shown, value in columns) + "}")
        if not objects:
            return b""
        if self._lines:
            return ("\n".join(objects) + "\n").encode()
        start = ",\n" if self._some else "[\n"
        self._some = True
        return (start + ",\n".join(objects)).encode()

    def end(self) -> bytes:
        if self._lines:
            return b""
        return b"\n]\n" if self._some else b"[]\n"


_NUMBERS: Final = frozenset({oids.INT2, oids.INT4, oids.INT8, oids.FLOAT4, oids.FLOAT8, oids.NUMERIC, oids.OID})
_JSON: Final = frozenset({oids.JSON, oids.JSONB})
_ARRAYS: Final = frozenset(oid for oid in ELEMENT_OF if TYPES[oid].name.startswith("_") and oid != oids.BOX_ARRAY)
"""Types whose texts are arrays with commas."""


def _value(value: Any, shown: Callable[[str], str]) -> str:
    if value is None:
        return "null"
    if isinstance(value, list):
        return "[" + ", ".join(_value(item, shown) for item in value) + "]"
    return shown(value)


def _shown(oid: int) -> Callable[[str], str]:
    """How a type's text becomes JSON."""
    if oid in _NUMBERS:
        return lambda text: text if text.lstrip("-")[:1].isdigit() else json.dumps(text)  # NaN, Infinity
    if oid == oids.BOOL:
        return lambda text: "true" if text == "t" else "false"
    if oid in _JSON:
        return lambda text: text.replace("\n", " ").replace("\r", " ")  # line ends stand between its parts only
    return lambda text: json.dumps(text, ensure_ascii=False)
