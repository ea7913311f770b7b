"""DuckDB's types as PostgreSQL's, and the casts that make the Arrow export agree with them.

Measured with duckdb 2.0 and ``arrow_lossless_conversion``: bool leaves as ``arrow.bool8`` (which ArrowRelay packs),
UUID as ``arrow.uuid``, JSON as ``arrow.json``; HUGEINT, TIMETZ, BIT and BIGNUM leave as opaque bytes, so a query that
puts them out is wrapped in casts.
"""

from __future__ import annotations

from datetime import timezone
from typing import Any

from .. import oids
from ..values.infinity import infinity_text

__all__ = ["described", "export_cast", "moment_text", "numeric_modifier", "parameter_value"]

_OIDS = {
    "BOOLEAN": oids.BOOL,
    "TINYINT": oids.INT2,
    "SMALLINT": oids.INT2,
    "INTEGER": oids.INT4,
    "BIGINT": oids.INT8,
    "HUGEINT": oids.NUMERIC,
    "UHUGEINT": oids.NUMERIC,
    "UTINYINT": oids.INT2,
    "USMALLINT": oids.INT4,
    "UINTEGER": oids.INT8,
    "UBIGINT": oids.NUMERIC,
    "FLOAT": oids.FLOAT4,
    "DOUBLE": oids.FLOAT8,
    "VARCHAR": oids.TEXT,
    "BLOB": oids.BYTEA,
    "DATE": oids.DATE,
    "TIME": oids.TIME,
    "TIMESTAMP": oids.TIMESTAMP,
    "TIMESTAMP_S": oids.TIMESTAMP,
    "TIMESTAMP_MS": oids.TIMESTAMP,
    "TIMESTAMP_NS": oids.TIMESTAMP,
    "TIMESTAMP WITH TIME ZONE": oids.TIMESTAMPTZ,
    "TIMESTAMPTZ_NS": oids.TIMESTAMPTZ,
    "INTERVAL": oids.INTERVAL,
    "UUID": oids.UUID,
    "JSON": oids.JSON,
}

_CASTS = {
    "HUGEINT": ("DECIMAL(38,0)", oids.NUMERIC),
    "UHUGEINT": ("DECIMAL(38,0)", oids.NUMERIC),
    "TIME WITH TIME ZONE": ("VARCHAR", oids.TEXT),
    "TIME_NS": ("TIME", oids.TIME),
    "BIT": ("VARCHAR", oids.TEXT),
    "BIGNUM": ("VARCHAR", oids.TEXT),
    "GEOMETRY": ("VARCHAR", oids.TEXT),
    '"NULL"': ("VARCHAR", oids.TEXT),
}

_MOMENTS = {
    oids.DATE: "DATE",
    oids.TIME: "TIME",
    oids.TIMESTAMP: "TIMESTAMP",
    oids.TIMESTAMPTZ: "TIMESTAMP WITH TIME ZONE",
    oids.INTERVAL: "INTERVAL",
}


def described(kind: Any) -> int:
    """OID of a DuckDB type; 0 for one that is not known yet (an unbound parameter's)."""
    return 0 if str(kind) == "UNKNOWN" else _describe(kind)[0]


def export_cast(kind: Any) -> str | None:
    """The DuckDB type to cast a column to so that its Arrow form is the described type; None where it is already."""
    return _describe(kind)[1]


def numeric_modifier(kind: Any) -> int:
    """PostgreSQL's type modifier of a DECIMAL(p,s) column, -1 for any other."""
    if kind.id != "decimal":
        return -1
    (_, precision), (_, scale) = kind.children
    return ((int(precision) << 16) | int(scale)) + 4


def _describe(kind: Any) -> tuple[int, str | None]:
    name = str(kind)
    oid = _OIDS.get(name)
    if oid is not None and name not in _CASTS:
        return oid, None
    if name in _CASTS:
        cast_to, oid = _CASTS[name]
        return oid, cast_to
    if kind.id == "decimal":
        return oids.NUMERIC, None
    if kind.id == "enum":
        return oids.TEXT, "VARCHAR"
    if kind.id in ("list", "array"):
        element = kind.children[0][1]
        oid, target = _describe(element)
        if element.id in ("list", "array") or oid in (oids.JSON, 0) or oid not in oids.ARRAY_OF:
            return (oids.JSON_ARRAY, None) if str(element) == "JSON" and kind.id == "list" else (oids.JSON, "JSON")
        cast = target or (str(element) if kind.id == "array" else None)
        return oids.ARRAY_OF[oid], cast and cast + "[]"
    if kind.id in ("struct", "map", "union", "variant"):
        return oids.JSON, "JSON"
    return oids.TEXT, "VARCHAR"


def parameter_value(value: object, oid: int) -> object:
    """A bound value as duckdb takes it: a moment with a time zone in UTC, what Python has no object for as duckdb's
    own value, the rest as it is.
    """
    if isinstance(value, list):
        element = oids.ELEMENT_OF.get(oid)
        if element not in _MOMENTS:
            return value
        return [parameter_value(item, oid if isinstance(item, list) else element) for item in value]
    text = infinity_text(value) or (value if isinstance(value, str) else None)
    if text is not None and oid in _MOMENTS:
        import duckdb

        return duckdb.Value(moment_text(text), duckdb.type(_MOMENTS[oid]))
    offset = getattr(value, "tzinfo", None)
    if offset is not None and hasattr(value, "astimezone"):
        return value.astimezone(timezone.utc)
    return value


def moment_text(text: str) -> str:
    """PostgreSQL's text of a date, a time or an interval in DuckDB's words: the era behind the date, no plus sign."""
    if text.endswith(" BC"):
        date, _, rest = text.removesuffix(" BC").partition(" ")
        return f"{date} (BC) {rest}".rstrip()
    return text.replace("+", "") if "day" in text or "mon" in text or "year" in text else text
