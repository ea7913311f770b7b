"""timetz (PostgreSQL 8.5): a time of day and the offset of its zone."""

from __future__ import annotations

import struct
from typing import NamedTuple

from .bad_value import BadValue, wrong_length
from .datetime import check_time, parse_clock, time_text
from .datetime_text import offset_text
from .style import TextStyle

_LAYOUT = struct.Struct("!qi")
_END_ZONE = 16 * 3600
"""Offsets stay below sixteen hours."""


class TimeTz(NamedTuple):
    """Microseconds of the day, and seconds west of Greenwich as in the binary format."""

    micros: int
    west: int


def make(micros: int, west: int) -> TimeTz:
    """22008 for a time of day, 22009 for an offset out of range."""
    check_time(micros)
    if abs(west) >= _END_ZONE:
        raise BadValue("22009", "time zone displacement out of range")
    return TimeTz(micros, west)


def parse(text: str, style: TextStyle) -> TimeTz:
    """Reads a time of day with an offset, alone or behind a date; without an offset it is that of the zone today."""
    micros, east = parse_clock("time with time zone", text, style)
    if east is None:
        east = 0 if style.zone is None else style.zone.offset_today(micros // 1_000_000)
    return make(micros, -east)


def from_binary(data: bytes) -> TimeTz:
    if len(data) != _LAYOUT.size:
        raise wrong_length(data, _LAYOUT.size)
    return make(*_LAYOUT.unpack(data))


def to_binary(value: TimeTz) -> bytes:
    return _LAYOUT.pack(*value)


def to_text(value: TimeTz) -> str:
    return f"{time_text(value.micros)}{offset_text(-value.west)}"
