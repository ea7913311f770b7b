"""Arrow's dates, times and spans as PostgreSQL counts them."""

from __future__ import annotations

from .types import BadValue
from .types import datetime as moments
from .types.interval import Interval

_UNITS = {"s": 1_000_000, "m": 1000, "u": 1}
_MILLIS_PER_DAY = 86_400_000


def date(days: int) -> int:
    """Days since 2000-01-01 of days since 1970-01-01. The extremes (DuckDB's too: -(2³¹-1)) are the infinities."""
    if days == moments.MAX32:
        return days
    if days in (moments.MIN32, -moments.MAX32):
        return moments.MIN32
    shifted = days - moments.UNIX_EPOCH_DAYS
    if not moments.MIN32 <= shifted <= moments.MAX32:
        raise BadValue("22008", "date out of range")
    return moments.check_date(shifted)


def date_of_millis(millis: int) -> int:
    """The same of milliseconds: 22008 where they are no whole days."""
    days, rest = divmod(millis, _MILLIS_PER_DAY)
    if rest:
        raise BadValue("22008", f"a date of {millis} milliseconds is not a whole number of days")
    return date(days)


def timestamp_of_date(days: int) -> int:
    """Midnight of a date."""
    if days in (moments.MAX32, moments.MIN32):
        return moments.MAX64 if days > 0 else moments.MIN64
    return moments.check_timestamp(days * moments.MICROS_PER_DAY)


def time(value: int, unit: str) -> int:
    """Microseconds since midnight."""
    return moments.check_time(_micros(value, unit))


def timestamp(value: int, unit: str) -> int:
    """Microseconds since 2000-01-01 of a count since 1970-01-01; nanoseconds are rounded down."""
    if unit == "u" and (value == moments.MAX64 or value <= -moments.MAX64):
        return moments.MAX64 if value > 0 else moments.MIN64
    micros = _micros(value, unit) - moments.UNIX_EPOCH_DAYS * moments.MICROS_PER_DAY
    if micros in (moments.MAX64, moments.MIN64):
        raise BadValue("22008", "timestamp out of range")
    return moments.check_timestamp(micros)


def _micros(value: int, unit: str) -> int:
    return value // 1000 if unit == "n" else value * _UNITS[unit]


def duration(value: int, unit: str) -> Interval:
    """Days of 24 hours and the rest; nanoseconds are cut off."""
    total = toward_zero(value) if unit == "n" else value * _UNITS[unit]
    days, micros = divmod(abs(total), moments.MICROS_PER_DAY)
    if total < 0:
        days, micros = -days, -micros
    if not moments.MIN32 <= days <= moments.MAX32:
        raise BadValue("22008", "interval out of range")
    return Interval(0, days, micros)


def toward_zero(nanos: int) -> int:
    """Nanoseconds as microseconds."""
    return nanos // 1000 if nanos >= 0 else -(-nanos // 1000)
