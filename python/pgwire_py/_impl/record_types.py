"""The types of a record's fields when no composite type tells them: by the Python types of the values, for both implementations."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from uuid import UUID

from .. import oids
from ..values import BitString, Box, Circle, Line, LineSegment, Multirange, Path, Point, Polygon, Range

_PLAIN: tuple[tuple[type, int], ...] = (
    (bool, oids.BOOL),
    (float, oids.FLOAT8),
    (Decimal, oids.NUMERIC),
    (bytes, oids.BYTEA),
    (bytearray, oids.BYTEA),
    (memoryview, oids.BYTEA),
    (date, oids.DATE),
    (time, oids.TIME),
    (timedelta, oids.INTERVAL),
    (UUID, oids.UUID),
    (dict, oids.JSONB),
    (BitString, oids.VARBIT),
    (Point, oids.POINT),
    (LineSegment, oids.LSEG),
    (Polygon, oids.POLYGON),
    (Path, oids.PATH),
    (Box, oids.BOX),
    (Line, oids.LINE),
    (Circle, oids.CIRCLE),
    (tuple, oids.RECORD),
)
_RANGES = {
    oids.INT4: (oids.INT8RANGE, oids.INT8MULTIRANGE),
    oids.INT8: (oids.INT8RANGE, oids.INT8MULTIRANGE),
    oids.DATE: (oids.DATERANGE, oids.DATEMULTIRANGE),
    oids.TIMESTAMP: (oids.TSRANGE, oids.TSMULTIRANGE),
    oids.TIMESTAMPTZ: (oids.TSTZRANGE, oids.TSTZMULTIRANGE),
}
"""Type of the values at the bounds → range and multirange type; of numbers for any other."""

_DEPTH = 7
"""Lists within lists that are looked into: arrays have six dimensions at most."""


def field_type(value: object) -> int:
    """OID of the type that a value is sent as: int4, int8 or numeric for an int, as PostgreSQL takes literals; text by default."""
    if not isinstance(value, list):
        return _type(value)
    leaf: object = value
    for _ in range(_DEPTH):
        if isinstance(leaf, list):
            leaf = next((item for item in leaf if item is not None), None)
    return oids.ARRAY_OF[_type(leaf)]


def _type(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        if -(1 << 31) <= value < 1 << 31:
            return oids.INT4
        return oids.INT8 if -(1 << 63) <= value < 1 << 63 else oids.NUMERIC
    if isinstance(value, datetime):
        return oids.TIMESTAMP if value.tzinfo is None else oids.TIMESTAMPTZ
    if isinstance(value, (Range, Multirange)):
        bound = value.upper if value.lower is None else value.lower
        one, many = _RANGES.get(_type(bound), (oids.NUMRANGE, oids.NUMMULTIRANGE))
        return one if isinstance(value, Range) else many
    return next((oid for kind, oid in _PLAIN if isinstance(value, kind)), oids.TEXT)
