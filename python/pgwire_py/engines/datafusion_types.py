"""Values on their way to DataFusion: Arrow scalars of the parameters' types."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

from .. import oids
from ..errors import InvalidParameterValue, NumericValueOutOfRange
from .literals import MAX_PRECISION, LiteralStyle

__all__ = ["LITERALS", "scalar", "type_modifiers"]

_TYPES: dict[int, str] = {
    oids.BOOL: "bool",
    oids.INT2: "int16",
    oids.INT4: "int32",
    oids.INT8: "int64",
    oids.FLOAT4: "float32",
    oids.FLOAT8: "float64",
    oids.BYTEA: "binary",
    oids.DATE: "date32",
    oids.TIME: "time64[us]",
    oids.TIMESTAMP: "timestamp[us]",
}

LITERALS = LiteralStyle(
    {
        oids.BOOL: "BOOLEAN",
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
"""For what takes no parameters: DDL, and arguments of table functions, which must be bare integers."""


def scalar(value: Any, oid: int) -> Any:
    """A Python value as an Arrow scalar of a type; a null of it for None.

    Raises:
        PostgresError: 22003 or 22023 where Arrow has no such value.
    """
    import pyarrow as pa  # type: ignore[import-untyped]

    if value is None and oid in oids.ELEMENT_OF:
        return pa.scalar(None, pa.null())  # DataFusion cannot read a null list
    kind = _arrow_type(pa, oid, value)
    try:
        if isinstance(value, timedelta):
            value = pa.MonthDayNano((0, value.days, (value.seconds * 1_000_000 + value.microseconds) * 1000))
        elif value is not None and pa.types.is_string(kind):
            value = str(value)
        elif isinstance(value, str) and not pa.types.is_string(kind):
            return pa.scalar(value, pa.string()).cast(kind)  # infinite dates and the like
        return pa.scalar(value, kind)
    except (OverflowError, pa.ArrowInvalid) as error:
        raise NumericValueOutOfRange(f"value of a parameter is out of range: {error}") from error
    except (TypeError, pa.ArrowException) as error:
        raise InvalidParameterValue(f"invalid value of a parameter: {error}") from error


def _arrow_type(pa: Any, oid: int, value: Any) -> Any:
    if oid in oids.ELEMENT_OF:
        items = [item for item in value or () if item is not None]
        element = oids.ELEMENT_OF[oid]
        return pa.list_(pa.array(items).type if element == oids.NUMERIC and items else _arrow_type(pa, element, None))
    if oid == oids.TIMESTAMPTZ:
        return pa.timestamp("us", "UTC")
    if oid == oids.INTERVAL:
        return pa.month_day_nano_interval()
    if oid == oids.NUMERIC:
        if isinstance(value, Decimal):
            if not value.is_finite() or len(value.as_tuple().digits) > MAX_PRECISION:
                raise NumericValueOutOfRange(f"DataFusion has no numeric value {value}")
            return pa.scalar(value).type
        return pa.decimal128(38, 10)
    name = _TYPES.get(oid)
    return pa.type_for_alias(name) if name else pa.string()


def type_modifiers(schema: Any) -> list[int]:
    """PostgreSQL's type modifiers of a schema's columns: those of decimal(p, s), -1 for others."""
    import pyarrow as pa

    return [
        ((field.type.precision << 16) | max(field.type.scale, 0)) + 4 if pa.types.is_decimal(field.type) else -1
        for field in schema
    ]
