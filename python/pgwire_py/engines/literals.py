"""Parameters as literals, for engines and statements that take none: the one place where values are written into SQL.

A literal is made of characters that can end nothing: strings have their quotes doubled and are refused with a NUL, all else is digits,
keywords and casts of such strings. The statement's own ``$n`` are where the lexer found them.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from .. import oids
from .._impl import split_statements
from ..errors import CharacterNotInRepertoire, FeatureNotSupported, NumericValueOutOfRange, UndefinedParameter
from ..sql import Statement
from .parsing import replace_parameters

__all__ = ["LiteralStyle", "literal", "sample", "with_literals"]

_STRINGS = (oids.TEXT, oids.VARCHAR, oids.BPCHAR, oids.NAME, oids.UNKNOWN)
_COUNT = re.compile(r"\b(?:limit|offset|first|next)\s*$", re.IGNORECASE)
"""What stands before a number of rows, where engines take digits alone."""

MAX_PRECISION = 38
"""Most digits of a numeric value that engines take."""


class LiteralStyle(NamedTuple):
    """How an engine writes values.

    Attributes:
        casts: type OID → the name to cast to; values of other types are written bare.
        arrays: ``ARRAY[1, 2]``; else lists are JSON in a string.
        nulls: NULL can be cast.
    """

    casts: Mapping[int, str]
    arrays: bool = True
    nulls: bool = True


def with_literals(
    statement: Statement, parameters: Sequence[object], types: Sequence[int], style: LiteralStyle
) -> Statement:
    """The statement with its parameters written out.

    Args:
        parameters: Python values of ``$1``, ``$2`` …
        types: their type OIDs.

    Raises:
        PostgresError: 42P02 for a ``$n`` without a value, 0A000 for a value that has no literal, 22003, 22021.
    """
    if not statement.parameters:
        return statement
    places = iter(statement.parameters)

    def write(number: int) -> str:
        _, start, _ = next(places)
        if number > len(parameters):
            raise UndefinedParameter(f"there is no parameter ${number}")
        counts = _COUNT.search(statement.text[:start])
        return f" {literal(parameters[number - 1], 0 if counts else types[number - 1], style)} "

    return split_statements(replace_parameters(statement, write))[0]


def literal(value: object, oid: int, style: LiteralStyle) -> str:
    """A value of a type as SQL; the type 0 leaves it without a cast."""
    name = style.casts.get(oid) if value is not None or style.nulls else None
    text = _bare(value, oid, style)
    if oid == oids.NUMERIC and isinstance(value, Decimal):
        name = name and _numeric(value)
    if name is None or isinstance(value, (list, tuple)) or (isinstance(value, str) and oid in _STRINGS):
        return text
    return f"CAST({text} AS {name})"


def sample(oid: int) -> object:
    """Some value of a type, to learn with what a statement returns."""
    if oid in oids.ELEMENT_OF:
        return [sample(oids.ELEMENT_OF[oid])]
    return _SAMPLES.get(oid, "")


_SAMPLES: dict[int, object] = {
    **dict.fromkeys((oids.INT2, oids.INT4, oids.INT8), 1),
    **dict.fromkeys((oids.FLOAT4, oids.FLOAT8), 1.0),
    oids.NUMERIC: Decimal("1.00"),
    oids.BOOL: True,
    oids.BYTEA: b"",
    oids.DATE: date(2000, 1, 1),
    oids.TIME: time(),
    oids.TIMESTAMP: datetime(2000, 1, 1),
    oids.TIMESTAMPTZ: datetime(2000, 1, 1, tzinfo=timezone.utc),
    oids.INTERVAL: timedelta(),
    oids.UUID: UUID(int=0),
}


def _bare(value: object, oid: int, style: LiteralStyle) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int):
        return str(value) if value >= 0 else f"({value})"
    if isinstance(value, float):
        return _float(value, oid, style)
    if isinstance(value, Decimal):
        if not value.is_finite():
            raise NumericValueOutOfRange(f"this engine has no numeric value {value}")
        return (
            _quoted(f"{value:f}")
            if oid == oids.NUMERIC and oid in style.casts
            else f"{value:f}"
            if value >= 0
            else f"({value:f})"
        )
    if isinstance(value, (bytes, bytearray, memoryview)):
        return f"X'{bytes(value).hex()}'"
    if isinstance(value, datetime):
        return _quoted(_moment(value))
    if isinstance(value, (date, time)):
        return _quoted(value.isoformat())
    if isinstance(value, timedelta):
        return f"INTERVAL {_quoted(f'{value.days} days {value.seconds} seconds {value.microseconds} microseconds')}"
    if isinstance(value, (list, tuple)):
        if not style.arrays:
            return _quoted(json.dumps(value, default=str))
        element = oids.ELEMENT_OF.get(oid, 0)
        return f"ARRAY[{', '.join(literal(item, element, style) for item in value)}]"
    if isinstance(value, (str, UUID)):
        return _quoted(str(value))
    raise FeatureNotSupported(f"this engine takes no parameter of the type {oids.type_info(oid).name}")


def _quoted(text: str) -> str:
    if "\0" in text:
        raise CharacterNotInRepertoire("null character not permitted")
    return "'" + text.replace("'", "''") + "'"


def _float(value: float, oid: int, style: LiteralStyle) -> str:
    if math.isfinite(value):
        return repr(value) if value >= 0 and math.copysign(1, value) > 0 else f"({value!r})"
    if oid not in style.casts:
        raise NumericValueOutOfRange(f"this engine takes no parameter {value}")
    return _quoted("NaN" if math.isnan(value) else "inf" if value > 0 else "-inf")


def _numeric(value: Decimal) -> str:
    """A type that holds every digit of the value."""
    _, digits, exponent = value.as_tuple()
    scale = max(0, -int(exponent))
    precision = max(len(digits) + max(0, int(exponent)), scale, 1)
    if precision > MAX_PRECISION:
        raise NumericValueOutOfRange(f"this engine has numeric values of at most {MAX_PRECISION} digits")
    return f"DECIMAL({precision}, {scale})"


def _moment(value: datetime) -> str:
    if value.tzinfo is None:
        return value.isoformat(" ")
    return value.astimezone(timezone.utc).replace(tzinfo=None).isoformat(" ") + "+00:00"
