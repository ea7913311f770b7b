"""Intervals as they were sent: a timedelta has no months, and an engine that has them must not count days instead."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from .. import oids
from .._impl import TextStyle, encode_value

__all__ = ["INTERVALS", "exact_interval", "exact_intervals"]

INTERVALS = frozenset({oids.INTERVAL, oids.INTERVAL_ARRAY})
"""Types whose values may need another look."""

_BINARY = struct.Struct("!qii")
_LENGTH = struct.Struct("!i")
_DAY = 86_400_000_000


def exact_intervals(
    types: Sequence[int],
    formats: Sequence[int],
    raw: Sequence[bytes | None],
    values: tuple[object, ...],
    style: TextStyle | None,
) -> tuple[object, ...]:
    """Decoded values, with the text of each interval that a timedelta only comes close to.

    Args:
        types: of the values.
        formats: format codes: none, one, or one for each.
        raw: what was decoded.
        style: how texts were read; None for PostgreSQL's default settings.
    """
    made = list(values)
    for index, oid in enumerate(types):
        data = raw[index]
        if oid in INTERVALS and data is not None:
            code = formats[index] if len(formats) > 1 else formats[0] if formats else 0
            made[index] = exact_interval(values[index], data, bool(code), style, oid)
    return tuple(made)


def exact_interval(
    value: object, data: bytes, binary: bool, style: TextStyle | None, oid: int = oids.INTERVAL
) -> object:
    """The value, or PostgreSQL's text of the interval that was sent where the value is not the same; in an array, of each such."""
    if not binary:
        encoded = encode_value(oid, 1, data.decode(), style)
        assert encoded is not None
        data = encoded
    if oid == oids.INTERVAL:
        return _exact(value, data)
    (dimensions,) = _LENGTH.unpack_from(data)
    return _within(value, data, [12 + 8 * dimensions])


def _within(item: object, data: bytes, place: list[int]) -> object:
    """An array's item, or its intervals, which are read from ``place`` on."""
    if isinstance(item, list):
        return [_within(inner, data, place) for inner in item]
    (length,) = _LENGTH.unpack_from(data, place[0])
    start = place[0] + _LENGTH.size
    place[0] = start + max(length, 0)
    return None if length < 0 else _exact(item, data[start : place[0]])


def _exact(value: object, data: bytes) -> object:
    micros, days, months = _BINARY.unpack(data)
    if not months and days >= 0 and 0 <= micros < _DAY:  # where the two have different signs, a timedelta has only one
        return value
    if encode_value(oids.INTERVAL, 1, "infinity") == data or encode_value(oids.INTERVAL, 1, "-infinity") == data:
        return "infinity" if days > 0 else "-infinity"
    seconds, fraction = divmod(abs(micros), 1_000_000)
    clock = f"{'-' if micros < 0 else ''}{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}.{fraction:06}"
    text = encode_value(oids.INTERVAL, 0, f"{months} mons {days} days {clock}")
    assert text is not None
    return text.decode()
