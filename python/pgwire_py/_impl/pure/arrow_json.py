"""Arrow values as JSON text: structs and maps are objects, lists are arrays, numbers and booleans themselves, all else text."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

from .arrow_layout import Array, Field
from .arrow_locate import locate, spans
from .arrow_readers import natural_of, reader
from .arrow_types import innermost, natural
from .types import PgType, pg_type

Writer = Callable[[int], str]
"""Row → JSON."""

_BARE = ("int2", "int4", "int8", "numeric", "bool")


def writer(field: Field, extension: str | None, source: Array) -> Writer:
    """A writer for rows that are not null, of an array that is neither a dictionary nor run-end encoded."""
    if field.format.kind == "struct":
        offset = source.offset
        columns = [
            (_quoted(child.name), _nullable(child, inner))
            for child, inner in zip(field.children, source.children, strict=True)
        ]
        return lambda row: "{" + ", ".join(f"{name}: {write(row + offset)}" for name, write in columns) + "}"
    if field.format.kind == "map":
        return _map(field, source)
    if field.format.kind == "list":
        span = spans(field.format, source)
        items = _nullable(field.children[0], source.children[0])
        return lambda row: "[" + ", ".join(map(items, span(row))) + "]"
    kind = natural_of(field, extension)
    read = reader(field, source, kind)
    return lambda row: _scalar(kind, read(row), False)


def _map(field: Field, source: Array) -> Writer:
    entries, entry = source.children[0], field.children[0]
    span = spans(field.format, source)
    keys = _name(entry.children[0], entries.children[0])
    values = _nullable(entry.children[1], entries.children[1])
    offset = entries.offset
    return lambda row: "{" + ", ".join(f"{keys(at + offset)}: {values(at + offset)}" for at in span(row)) + "}"


def _nullable(field: Field, source: Array) -> Writer:
    """A writer for rows that may be null."""
    _, extension = innermost(field)
    field, source, at = locate(field, source)
    write = writer(field, extension, source)

    def value(row: int) -> str:
        place = at(row)
        return "null" if place is None else write(place)

    return value


def _name(field: Field, source: Array) -> Writer:
    """A map's key: text, whatever it is."""
    if innermost(field)[0].format.kind in ("struct", "map", "list"):
        write = _nullable(field, source)
        return lambda row: _quoted(write(row))
    kind = pg_type(natural(field))
    read = reader(field, source, kind)

    def value(row: int) -> str:
        found = read(row)
        return '"null"' if found is None else _scalar(kind, found, True)

    return value


def _scalar(kind: PgType, value: Any, as_name: bool) -> str:
    """Numbers and booleans without quotes, unless a name is wanted or JSON has no such number."""
    if value is None:
        return "null"
    code = kind.kind.code
    printed = ("true" if value else "false") if code == "bool" else kind.encode(False, value).decode()
    is_bare = code in _BARE or (code in ("float4", "float8") and math.isfinite(value))
    return printed if is_bare and not as_name else _quoted(printed)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
