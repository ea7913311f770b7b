"""Intervals as they were sent: a timedelta has no months, and an engine that has them must not count days instead."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from .. import oids
from .._impl import TextStyle, encode_value

__all__ = ["exact_interval", "exact_intervals"]

_BINARY = struct.Struct("!qii")
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
        if oid == oids.INTERVAL and data is not None:
            code = formats[index] if len(formats) > 1 else formats[0] if formats else 0
            made[index] = exact_interval(values[index], data, bool(code), style)
    return tuple(made)


def exact_interval(value: object, data: bytes, binary: bool, style: TextStyle | None) -> object:
    """The value, or PostgreSQL's text of the interval that was sent where the value is not the same."""
    if not binary:
        encoded = encode_value(oids.INTERVAL, 1, data.decode(), style)
        assert encoded is not None
        data = encoded
    micros, days, months = _BINARY.unpack(data)
    if not months and abs(micros) < _DAY:
        return value
    if encode_value(oids.INTERVAL, 1, "infinity") == data or encode_value(oids.INTERVAL, 1, "-infinity") == data:
        return "infinity" if days > 0 else "-infinity"
    seconds, fraction = divmod(abs(micros), 1_000_000)
    clock = f"{'-' if micros < 0 else ''}{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}.{fraction:06}"
    text = encode_value(oids.INTERVAL, 0, f"{months} mons {days} days {clock}")
    assert text is not None
    return text.decode()
