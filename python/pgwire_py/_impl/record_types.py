"""The types of a record's fields when no composite type tells them: by the Python types of the values, for both implementations."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from uuid import UUID

from ..values import BitString, Box, Circle, Line, LineSegment, Multirange, Path, Point, Polygon, Range

TEXT, RECORD = 25, 2249

_PLAIN: tuple[tuple[type, int, int], ...] = (
    (bool, 16, 1000),
    (float, 701, 1022),
    (Decimal, 1700, 1231),
    (bytes, 17, 1001),
    (bytearray, 17, 1001),
    (memoryview, 17, 1001),
    (date, 1082, 1182),
    (time, 1083, 1183),
    (timedelta, 1186, 1187),
    (UUID, 2950, 2951),
    (dict, 3802, 3807),
    (BitString, 1562, 1563),
    (Point, 600, 1017),
    (LineSegment, 601, 1018),
    (Polygon, 604, 1027),
    (Path, 602, 1019),
    (Box, 603, 1020),
    (Line, 628, 629),
    (Circle, 718, 719),
    (tuple, RECORD, 2287),
)
_RANGES = {
    20: (3926, 3927, 4536, 6157),
    1082: (3912, 3913, 4535, 6155),
    1114: (3908, 3909, 4533, 6152),
    1184: (3910, 3911, 4534, 6153),
}
_NUMBERS = (3906, 3907, 4532, 6151)


def field_type(value: object) -> int:
    """OID of the type that a value is sent as: int4, int8 or numeric for an int, as PostgreSQL takes literals; text by default."""
    if isinstance(value, list):
        leaf: object = value
        for _ in range(7):
            if isinstance(leaf, list):
                leaf = next((item for item in leaf if item is not None), None)
        return _types(leaf)[1]
    return _types(value)[0]


def _types(value: object) -> tuple[int, int]:
    """OIDs of the type and of its arrays."""
    if isinstance(value, int) and not isinstance(value, bool):
        if -(1 << 31) <= value < 1 << 31:
            return 23, 1007
        return (20, 1016) if -(1 << 63) <= value < 1 << 63 else (1700, 1231)
    if isinstance(value, datetime):
        return (1114, 1115) if value.tzinfo is None else (1184, 1185)
    if isinstance(value, (Range, Multirange)):
        bound = value.upper if value.lower is None else value.lower
        of = _types(bound)[0]
        found = _RANGES.get(20 if of == 23 else of, _NUMBERS)
        return found[:2] if isinstance(value, Range) else found[2:]
    for kind, oid, array in _PLAIN:
        if isinstance(value, kind):
            return oid, array
    return TEXT, 1009
