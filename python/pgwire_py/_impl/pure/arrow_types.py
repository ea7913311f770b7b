"""Which PostgreSQL type an Arrow type becomes, and which others it can become on request."""

from __future__ import annotations

from collections.abc import Sequence

from ... import oids
from .arrow_layout import Field
from .types import BadValue, PgType, pg_type

_INTEGERS = {"b": 21, "B": 21, "h": 21, "H": 23, "i": 23, "I": 20, "q": 20, "Q": 1700}
_SCALARS = {
    "null": oids.TEXT,
    "text": oids.TEXT,
    "bool": oids.BOOL,
    "decimal": oids.NUMERIC,
    "binary": oids.BYTEA,
    "fixed": oids.BYTEA,
    "date32": oids.DATE,
    "date64": oids.DATE,
    "time": oids.TIME,
    "duration": oids.INTERVAL,
    "months": oids.INTERVAL,
    "day_time": oids.INTERVAL,
    "month_day_nano": oids.INTERVAL,
}
_INTEGER_KINDS = ("int2", "int4", "int8", "oid", "xid", "cid", "xid8", "numeric", "float4", "float8")
_KINDS = {
    "bool": ("bool",),
    "int": _INTEGER_KINDS,
    "decimal": ("numeric",),
    "float": ("float4", "float8", "numeric"),
    "binary": ("bytea", "uuid"),
    "fixed": ("bytea",),
    "date32": ("date", "timestamp"),
    "date64": ("date", "timestamp"),
    "time": ("time",),
    "duration": ("interval",),
    "months": ("interval",),
    "day_time": ("interval",),
    "month_day_nano": ("interval",),
    "struct": ("raw", "record"),
}


def columns(fields: Sequence[Field]) -> list[tuple[str, int]]:
    """Name and type OID of each column, where none is asked for; 0A000 for a union."""
    return [(field.name, kind.oid) for field, kind in zip(fields, plan(fields, None), strict=True)]


def plan(fields: Sequence[Field], asked: Sequence[int] | None) -> list[PgType]:
    """The type of each column: the one asked for, the natural one for 0.

    42804 for a wrong number of them and for one that cannot be.
    """
    if asked is not None and len(asked) != len(fields):
        raise BadValue("42804", f"there are {len(asked)} types, but {len(fields)} columns")
    planned = []
    for column, field in enumerate(fields):
        kind = pg_type((asked[column] if asked is not None else 0) or natural(field))
        _check(field, kind)
        planned.append(kind)
    return planned


def natural(field: Field) -> int:
    """The type that a column becomes unless another is asked for."""
    scalar = _scalar(field, None)
    if scalar is not None:
        return scalar
    element = _element(field, None)
    return oids.JSON if element is None else oids.ARRAY_OF.get(element, oids.JSON)


def _scalar(field: Field, outer: str | None) -> int | None:
    """None for lists, structs and maps."""
    extension = field.extension or outer
    if field.values is not None:
        return _scalar(field.values, extension)
    kind, detail, more = field.format
    if (kind, detail, extension) == ("fixed", 16, "arrow.uuid"):
        return oids.UUID
    if (kind, extension) == ("text", "arrow.json"):
        return oids.JSON
    if (kind, detail, extension) == ("int", "b", "arrow.bool8"):
        return oids.BOOL
    if kind == "int":
        return _INTEGERS[detail]
    if kind == "float":
        return oids.FLOAT8 if detail == "d" else oids.FLOAT4
    if kind == "timestamp":
        return oids.TIMESTAMPTZ if more else oids.TIMESTAMP
    return _SCALARS.get(kind)


def _element(field: Field, outer: str | None) -> int | None:
    """OID of what the innermost of nested lists holds; None where that is a struct or a map, and for what is no list."""
    if field.values is not None:
        return _element(field.values, field.extension or outer)
    if field.format.kind != "list":
        return None
    child = field.children[0]
    scalar = _scalar(child, None)
    return _element(child, None) if scalar is None else scalar


def innermost(field: Field) -> tuple[Field, str | None]:
    """The field behind dictionaries and run ends, with their extension."""
    extension = field.extension
    while field.values is not None:
        field = field.values
        extension = field.extension or extension
    return field, extension


def is_text(kind: PgType) -> bool:
    """Whether a type is written as text whatever the Arrow type is."""
    return kind.kind.code == "text" and not kind.element


def is_json(kind: PgType) -> bool:
    """Whether a type is json or jsonb."""
    return kind.kind.code in ("json", "jsonb") and not kind.element


def _check(field: Field, kind: PgType) -> None:
    """42804 unless a column can become this type, 0A000 where there is a union in it."""
    if _has_union(field):
        raise BadValue("0A000", f'column "{field.name}": Arrow unions are not supported')
    if not _fits(field, kind):
        name, found, asked = field.name, _name(natural(field)), _name(kind.oid)
        raise BadValue("42804", f'column "{name}" is of type {found} in Arrow, but type {asked} is asked for')


def _name(oid: int) -> str:
    info = oids.TYPES.get(oid)
    return info.name if info else f"with OID {oid}"


def _has_union(field: Field) -> bool:
    inner = [*field.children, field.dictionary] if field.dictionary else field.children
    return field.format.kind == "union" or any(map(_has_union, inner))


def _fits(field: Field, kind: PgType) -> bool:
    field, extension = innermost(field)
    shape, detail, more = field.format
    if is_text(kind) or is_json(kind) or shape in ("null", "text"):
        return True
    if kind.element:
        if shape != "list":
            return False
        child, _ = innermost(field.children[0])
        return _fits(child, kind) if child.format.kind == "list" else _fits(field.children[0], pg_type(kind.element))
    code = kind.kind.code
    if shape == "int" and detail == "b" and extension == "arrow.bool8":
        return code == "bool"
    if shape == "timestamp":
        return code == "timestamptz" or (code == "timestamp" and not more)
    if shape == "fixed" and detail == 16 and code == "uuid":
        return True
    return code in _KINDS.get(shape, ())


def within_record(field: Field) -> PgType:
    """The type of a field of a record: structs inside are records too."""
    inner, _ = innermost(field)
    oid = oids.RECORD
    while inner.format.kind == "list":
        inner, _ = innermost(inner.children[0])
        oid = oids.RECORD_ARRAY
    return pg_type(oid if inner.format.kind == "struct" else natural(field))
