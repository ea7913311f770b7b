"""SQLite's declared types as PostgreSQL's, and values on their way in and out.

SQLite types values, not columns (its "Datatypes" page): what a column is declared as decides the described type, and
each value is held to it on its way out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta, timezone
from decimal import Context, Decimal, InvalidOperation
from math import isnan
from uuid import UUID

from .. import oids
from ..errors import InvalidTextRepresentation, NumericValueOutOfRange
from ..values.infinity import infinity_text
from .base import Column

__all__ = ["EXACT", "NAN", "Converter", "converter", "declared_type", "parameter_value"]

_DECLARED = {
    **dict.fromkeys(("INTEGER", "INT", "BIGINT", "INT8", "MEDIUMINT", "SERIAL", "BIGSERIAL", "LONG"), oids.INT8),
    **dict.fromkeys(("SMALLINT", "INT2", "TINYINT", "SMALLSERIAL"), oids.INT2),
    **dict.fromkeys(("REAL", "DOUBLE", "DOUBLE PRECISION", "FLOAT", "FLOAT8"), oids.FLOAT8),
    **dict.fromkeys(("NUMERIC", "DECIMAL", "NUMBER", "MONEY"), oids.NUMERIC),
    **dict.fromkeys(("BOOLEAN", "BOOL"), oids.BOOL),
    **dict.fromkeys(("BLOB", "BYTEA", "BINARY", "VARBINARY"), oids.BYTEA),
    **dict.fromkeys(("TIMESTAMP", "DATETIME", "TIMESTAMP WITHOUT TIME ZONE"), oids.TIMESTAMP),
    **dict.fromkeys(("TIMESTAMPTZ", "TIMESTAMP WITH TIME ZONE"), oids.TIMESTAMPTZ),
    **dict.fromkeys(("TIME", "TIME WITHOUT TIME ZONE"), oids.TIME),
    **dict.fromkeys(("VARCHAR", "CHARACTER VARYING", "NVARCHAR", "VARYING CHARACTER"), oids.VARCHAR),
    **dict.fromkeys(("CHAR", "CHARACTER", "NCHAR", "BPCHAR"), oids.BPCHAR),
    "INT4": oids.INT4,
    "FLOAT4": oids.FLOAT4,
    "DATE": oids.DATE,
    "INTERVAL": oids.INTERVAL,
    "UUID": oids.UUID,
    "JSON": oids.JSON,
    "JSONB": oids.JSONB,
}
_ELEMENTS = {"INT": oids.INT4, "INTEGER": oids.INT4, "REAL": oids.FLOAT4, "TEXT": oids.TEXT}
"""Arrays are PostgreSQL's alone, and so are the widths of their elements."""
_SHAPE = re.compile(
    r"\s*([a-z_][a-z0-9_ ]*?)\s*(?:\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\))?\s*((?:with|without) time zone)?\s*(\[\])?\s*$",
    re.I,
)

Converter = Callable[[Sequence[object]], Sequence[object]]
"""Values of one column of a batch → the values that the row encoder takes."""


def declared_type(declared: str | None) -> tuple[int, int]:
    """OID and type modifier of a declared type; text where SQLite's habits name none."""
    found = _SHAPE.match(declared or "")
    if found is None:
        return oids.TEXT, -1
    name = " ".join(f"{found[1]} {found[4] or ''}".upper().split())
    oid = _DECLARED.get(name, oids.TEXT)
    modifier = -1
    if oid == oids.NUMERIC and found[2]:
        modifier = ((int(found[2]) << 16) | int(found[3] or 0)) + 4
    elif oid in (oids.VARCHAR, oids.BPCHAR) and found[2]:
        modifier = int(found[2]) + 4
    if found[5]:
        return oids.ARRAY_OF.get(_ELEMENTS.get(name, oid), oids.TEXT_ARRAY), -1
    return oid, modifier


def parameter_value(value: object) -> object:
    """A Python value as SQLite stores it: moments as ISO text, numbers without loss, lists as JSON text."""
    if isinstance(value, float):
        return NAN if isnan(value) else value
    if value is None or isinstance(value, (int, str, bytes)):
        return _integer(value) if isinstance(value, int) else value
    if isinstance(value, Decimal):
        return _number(value)
    if infinite := infinity_text(value):
        return infinite
    if isinstance(value, datetime):
        text = value.replace(tzinfo=None).isoformat(" ") if value.tzinfo is None else None
        return text or value.astimezone(timezone.utc).isoformat(" ")
    if isinstance(value, (date, time)):
        return value.isoformat()
    if isinstance(value, timedelta):
        return _interval(value)
    if isinstance(value, (list, tuple)):
        return json.dumps([_in_json(item) for item in value])
    if isinstance(value, (bytearray, memoryview)):
        return bytes(value)
    return str(value)


def converter(column: Column) -> Converter | None:
    """How the values of a column become the described type; None where every value passes.

    The converter raises 22P02 for a value that is not of the type, naming column and value.
    """
    allowed = _PASS.get(column.type)
    convert = _CONVERT.get(column.type)
    if column.type in oids.ELEMENT_OF:
        allowed, convert = frozenset(), _array_of_bytes if column.type == oids.BYTEA_ARRAY else _array
    if convert is None:
        return None
    scale = ((column.type_modifier - 4) & 0xFFFF) if column.type == oids.NUMERIC and column.type_modifier >= 4 else None
    exponent = Decimal(1).scaleb(-scale) if scale is not None else None
    accepted = (allowed or frozenset()) | {type(None)}

    def run(values: Sequence[object]) -> Sequence[object]:
        if accepted.issuperset(map(type, values)):
            return values
        return [value if type(value) in accepted else one(value) for value in values]

    def one(value: object) -> object:
        try:
            result = convert(value)
            if exponent is not None and isinstance(result, Decimal) and result.is_finite():
                result = result.quantize(exponent, context=EXACT)
        except (ValueError, TypeError, InvalidOperation, OverflowError):
            result = _BAD
        if result is _BAD:
            kind = oids.type_info(column.type).name
            preview = repr(value) if len(repr(value)) <= 60 else repr(value)[:57] + "..."
            raise InvalidTextRepresentation(
                f'invalid value for type {kind} in column "{column.name}": {preview}', column_name=column.name
            )
        return result

    return run


NAN = "NaN"
"""What stands for a float that is no number: SQLite would make NULL of it."""
_BAD = object()
EXACT = Context(prec=131_072 + 16_383)
"""As many digits as PostgreSQL's numeric can have."""
_INT2_RANGE = range(-(2**15), 2**15)
_INT4_RANGE = range(-(2**31), 2**31)
_OFFSET = re.compile(r"(?:[Zz]|[+-]\d\d(?::?\d\d)?)\s*$")


def _to_int(value: object) -> object:
    if isinstance(value, int):
        return value
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**63:
        return int(value)
    return int(value) if isinstance(value, str) else _BAD


def _to_small(value: object, allowed: range) -> object:
    number = _to_int(value)
    if isinstance(number, int) and number not in allowed:
        raise NumericValueOutOfRange(
            f"value {number} is out of range for type {'smallint' if allowed is _INT2_RANGE else 'integer'}"
        )
    return number


def _to_float(value: object) -> object:
    return float(value) if isinstance(value, (int, str)) else _BAD


def _to_decimal(value: object) -> object:
    if isinstance(value, float):
        return Decimal(repr(value))
    if isinstance(value, bytes):
        value = value.decode("ascii")
    return Decimal(value) if isinstance(value, (int, str)) else _BAD


def _to_bool(value: object) -> object:
    if isinstance(value, (int, float)):
        return bool(value) if value in (0, 1) else _BAD
    words = {"t": True, "true": True, "f": False, "false": False, "1": True, "0": False}
    return words.get(value.strip().lower(), _BAD) if isinstance(value, str) else _BAD


def _to_text(value: object) -> object:
    return str(value) if isinstance(value, (int, float)) else _BAD


def _to_bytes(value: object) -> object:
    return value.encode() if isinstance(value, str) else _BAD


def _to_timestamptz(value: object) -> object:
    if not isinstance(value, str):
        return _BAD
    text, era = (value[:-3], " BC") if value.endswith(" BC") else (value, "")
    return value if _OFFSET.search(text[10:]) or text.endswith("infinity") else text + "+00" + era


def _only_text(value: object) -> object:
    return value if isinstance(value, str) else _BAD


def _array(value: object) -> object:
    items = json.loads(value, parse_float=Decimal) if isinstance(value, str) else None
    return items if isinstance(items, list) else _BAD


def _array_of_bytes(value: object) -> object:
    items = _array(value)
    return _bytes_within(items) if isinstance(items, list) else items


def _bytes_within(item: object) -> object:
    if isinstance(item, list):
        return [_bytes_within(inner) for inner in item]
    if isinstance(item, str):
        return bytes.fromhex(item[2:]) if item.startswith("\\x") else item.encode()
    return item


_CONVERT: dict[int, Callable[[object], object]] = {
    oids.BOOL: _to_bool,
    oids.INT2: lambda value: _to_small(value, _INT2_RANGE),
    oids.INT4: lambda value: _to_small(value, _INT4_RANGE),
    oids.INT8: _to_int,
    oids.FLOAT4: _to_float,
    oids.FLOAT8: _to_float,
    oids.NUMERIC: _to_decimal,
    oids.BYTEA: _to_bytes,
    oids.TIMESTAMPTZ: _to_timestamptz,
    **dict.fromkeys((oids.TEXT, oids.VARCHAR, oids.BPCHAR, oids.NAME, oids.JSON, oids.JSONB), _to_text),
    **dict.fromkeys((oids.DATE, oids.TIME, oids.TIMESTAMP, oids.INTERVAL, oids.UUID), _only_text),
}
_PASS: dict[int, frozenset[type]] = {
    oids.INT8: frozenset({int}),
    oids.FLOAT4: frozenset({float}),
    oids.FLOAT8: frozenset({float}),
    oids.BYTEA: frozenset({bytes}),
    **dict.fromkeys(
        (
            oids.TEXT,
            oids.VARCHAR,
            oids.BPCHAR,
            oids.NAME,
            oids.JSON,
            oids.JSONB,
            oids.DATE,
            oids.TIME,
            oids.TIMESTAMP,
            oids.INTERVAL,
            oids.UUID,
        ),
        frozenset({str}),
    ),
}


def _integer(value: int) -> object:
    if not -(2**63) <= value < 2**63:
        raise NumericValueOutOfRange(f"value {value} is out of range for type bigint")
    return int(value)


def _number(value: Decimal) -> object:
    """INTEGER or REAL where that is the same number, else its text as a BLOB: NUMERIC affinity would make a REAL of text.

    Every digit stays, and SQLite calculates with it as with text; in comparisons it stands behind all numbers.
    """
    if not value.is_finite():
        return str(value)
    if -(2**63) <= value < 2**63 and value == int(value):
        return int(value)
    number = float(value)
    return number if Decimal(repr(number)) == value else format(value, "f").encode()


def _interval(value: timedelta) -> str:
    seconds = value.seconds
    clock = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    fraction = f".{value.microseconds:06}" if value.microseconds else ""
    return f"{value.days} days {clock}{fraction}" if value.days else clock + fraction


def _in_json(value: object) -> object:
    if isinstance(value, (bool, float)) or value is None:
        return value
    if isinstance(value, bytes):
        return "\\x" + value.hex()
    if isinstance(value, Decimal):
        return str(value)
    return (
        UUID.__str__(value)
        if isinstance(value, UUID)
        else parameter_value(value)
        if not isinstance(value, list)
        else [_in_json(item) for item in value]
    )
