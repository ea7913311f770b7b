"""GlueSQL's types as PostgreSQL's, and its values: they come as JSON has them, each is made what its column was described as."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, datetime, time, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

from .. import oids
from ..errors import InvalidTextRepresentation
from .base import Column
from .literals import LiteralStyle

__all__ = ["LITERALS", "converter", "guessed", "oid_of"]

_OIDS = {
    "BOOLEAN": oids.BOOL,
    "INT8": oids.INT2,
    "INT16": oids.INT2,
    "INT32": oids.INT4,
    "INT": oids.INT8,
    "INT128": oids.NUMERIC,
    "UINT8": oids.INT2,
    "UINT16": oids.INT4,
    "UINT32": oids.INT8,
    "UINT64": oids.NUMERIC,
    "UINT128": oids.NUMERIC,
    "FLOAT32": oids.FLOAT4,
    "FLOAT": oids.FLOAT8,
    "DECIMAL": oids.NUMERIC,
    "TEXT": oids.TEXT,
    "BYTEA": oids.BYTEA,
    "DATE": oids.DATE,
    "TIME": oids.TIME,
    "TIMESTAMP": oids.TIMESTAMP,
    "UUID": oids.UUID,
    "LIST": oids.JSON,
    "MAP": oids.JSON,
}

LITERALS = LiteralStyle(
    {
        oids.DATE: "DATE",
        oids.TIME: "TIME",
        oids.TIMESTAMP: "TIMESTAMP",
        oids.TIMESTAMPTZ: "TIMESTAMP",
        oids.UUID: "UUID",
    },
    arrays=False,
    nulls=False,
)
"""Numbers and text go bare: GlueSQL fits a literal to the column that it meets, and refuses a value of another type."""


def oid_of(name: str) -> int:
    """OID of a type that SHOW COLUMNS names; text for those that PostgreSQL has nothing like (INET, POINT, INTERVAL …)."""
    return _OIDS.get(name.upper(), oids.TEXT)


def guessed(values: list[Any]) -> int:
    """OID for values whose type nothing else tells: bool, bigint, double precision, json for lists and maps, else text."""
    kinds = {type(value) for value in values if value is not None}
    if kinds == {bool}:
        return oids.BOOL
    if kinds == {int}:
        return oids.INT8 if all(-(2**63) <= value < 2**63 for value in values if value is not None) else oids.NUMERIC
    if kinds and kinds <= {int, float}:
        return oids.FLOAT8
    return oids.JSON if kinds and kinds <= {list, dict} else oids.TEXT


def converter(column: Column) -> Callable[[Any], object]:
    """What makes a value that of the column's type. It raises 22P02 where the value is of another kind."""
    convert = _CONVERT.get(column.type, _text)

    def run(value: Any) -> object:
        if value is None:
            return None
        try:
            return convert(value)
        except (ValueError, TypeError, ArithmeticError) as error:
            kind = oids.type_info(column.type).name
            raise InvalidTextRepresentation(f'column "{column.name}": {value!r:.60} is no {kind}') from error

    return run


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value) if isinstance(value, (list, dict)) else str(value)


def _integer(value: Any) -> int:
    if isinstance(value, bool) or int(value) != value:
        raise ValueError("no integer")
    return int(value)


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError("no boolean")
    return value


def _timestamp(value: Any) -> datetime:
    text = str(value).removesuffix(" UTC")
    head, point, fraction = text.partition(".")
    return datetime.fromisoformat(head + point + fraction[:6].ljust(6 if point else 0, "0"))


_CONVERT: dict[int, Callable[[Any], object]] = {
    oids.BOOL: _boolean,
    **dict.fromkeys((oids.INT2, oids.INT4, oids.INT8), _integer),
    **dict.fromkeys((oids.FLOAT4, oids.FLOAT8), float),
    oids.NUMERIC: lambda value: Decimal(str(value)),
    oids.BYTEA: bytes.fromhex,
    oids.DATE: date.fromisoformat,
    oids.TIME: lambda value: time.fromisoformat(value[:15]),
    oids.TIMESTAMP: _timestamp,
    oids.TIMESTAMPTZ: lambda value: _timestamp(value).replace(tzinfo=timezone.utc),
    oids.UUID: UUID,
    oids.JSON: json.dumps,
    oids.JSONB: json.dumps,
}
