"""interval (PostgreSQL 8.5.4): months, days and microseconds, and how its text is read; ``interval_text`` prints it."""

from __future__ import annotations

import math
import re
import struct
from typing import NamedTuple

from .bad_value import BadValue, clip, syntax
from .datetime import MAX32, MAX64, MICROS_PER_DAY, MIN32, MIN64
from .interval_text import STYLES
from .text import SPACE, lower

_LAYOUT = struct.Struct("!qii")
_BLANK = " \t\n\f\r"
_YEARS_MONTHS_DAYS = re.compile(r"([0-9]{1,18})-([0-9]{1,18})-([0-9]{1,18})(?![0-9])")
_WORD = re.compile(rf"[^{_BLANK}]+")


class Interval(NamedTuple):
    """Months, days and microseconds: parts that do not turn into each other."""

    months: int
    days: int
    micros: int


INFINITY = Interval(MAX32, MAX32, MAX64)
NEGATIVE_INFINITY = Interval(MIN32, MIN32, MIN64)
"""The infinities that PostgreSQL 17 brought."""


def from_binary(data: bytes) -> Interval:
    micros, days, months = _LAYOUT.unpack(data)
    return Interval(months, days, micros)


def to_binary(value: Interval) -> bytes:
    return _LAYOUT.pack(value.micros, value.days, value.months)


def to_text(value: Interval, style: str = "postgres") -> str:
    """The text in one of the styles of the setting IntervalStyle."""
    if value in (INFINITY, NEGATIVE_INFINITY):
        return "infinity" if value == INFINITY else "-infinity"
    return STYLES[style](value)


def parse(text: str, style: str = "postgres") -> Interval:
    """Reads every style: PostgreSQL's own (``1 year 2 mons -3 days 04:05:06.5``, with ``@`` and ``ago``), SQL's (``1-2 3 4:05:06``)
    and ISO 8601's (``P1Y2MT3H``, ``P0001-02-03T04:05:06``).

    With the style sql_standard, a minus sign in front that is the only sign holds for all parts.
    """
    trimmed = text.strip(SPACE)
    word = lower(trimmed)
    if word in ("infinity", "+infinity", "-infinity"):
        return NEGATIVE_INFINITY if word[0] == "-" else INFINITY
    total = _Sum()
    if not (total.iso(trimmed[1:]) if trimmed.startswith("P") else total.verbose(trimmed, style == "sql_standard")):
        raise syntax("interval", text)
    in_range = MIN32 <= total.months <= MAX32 and MIN32 <= total.days <= MAX32 and MIN64 <= total.micros <= MAX64
    if not in_range:
        raise BadValue("22015", f'interval field value out of range: "{clip(text)}"')
    return Interval(total.months, total.days, total.micros)


class _Number(NamedTuple):
    """A decimal number: sign, whole part and fraction of one."""

    sign: int
    whole: int
    fraction: float


_MICROS = {
    unit: micros
    for names, micros in (
        ("microsecond microseconds us usec usecs usecond useconds", 1),
        ("millisecond milliseconds ms msec msecs msecond mseconds", 1000),
        ("second seconds s sec secs", 1_000_000),
        ("minute minutes m min mins", 60_000_000),
        ("hour hours h hr hrs", 3_600_000_000),
    )
    for unit in names.split()
}
_DAYS = {"day": 1, "days": 1, "d": 1, "week": 7, "weeks": 7, "w": 7}
_YEARS = {
    unit: years
    for names, years in (
        ("year years y yr yrs", 1),
        ("decade decades dec decs", 10),
        ("century centuries cent c", 100),
        ("millennium millennia mil mils", 1000),
    )
    for unit in names.split()
}
_ISO_UNITS = {
    ("Y", False): "year",
    ("M", False): "month",
    ("W", False): "week",
    ("D", False): "day",
    ("H", True): "hour",
    ("M", True): "minute",
    ("S", True): "second",
}


class _Sum:
    """Months, days and microseconds while they are being added up; readers return None or False where the syntax is wrong."""

    def __init__(self) -> None:
        self.months = self.days = self.micros = 0

    def verbose(self, text: str, sql_standard: bool) -> bool:
        words = lower(text)
        rest = words.removeprefix("@").strip(SPACE)
        ago = False
        fields = 0
        while rest:
            fields += 1
            if rest == "ago" and fields > 1:
                ago = True
                break
            tail = self.clock(rest)
            if tail is None:
                tail = self.years_months(rest)
            if tail is not None:
                rest = tail.lstrip(SPACE)
                continue
            taken = _take_number(rest)
            if taken is None:
                return False
            number, tail = taken
            tail = tail.lstrip(SPACE)
            length = len(tail) - len(tail.lstrip("abcdefghijklmnopqrstuvwxyz"))
            if not length:
                # A bare number is days in front of a time of day, and seconds at the end.
                if tail and _Sum().clock(tail) is None:
                    return False
                self.add("day" if tail else "second", number)
                rest = tail
                continue
            if not self.add(tail[:length], number):
                return False
            rest = tail[length:].lstrip(SPACE)
        if sql_standard and words.startswith("-") and not any(word[0] in "+-" for word in _WORD.findall(words)[1:]):
            self.months, self.days, self.micros = -abs(self.months), -abs(self.days), -abs(self.micros)
        if ago:
            self.months, self.days, self.micros = -self.months, -self.days, -self.micros
        return fields > 0

    def clock(self, text: str) -> str | None:
        """``[+-]HH:MM[:SS[.f]]``; what follows it."""
        negative, rest = _take_sign(text)
        hours = _take_digits(rest)
        if hours is None or not hours[1].startswith(":"):
            return None
        minutes = _take_digits(hours[1][1:])
        if minutes is None:
            return None
        tail = minutes[1]
        seconds, fraction = 0, 0.0
        if tail.startswith(":"):
            taken = _take_number(tail[1:])
            if taken is None or taken[0].sign < 0:
                return None
            (_, seconds, fraction), tail = taken
        if minutes[0] >= 60 or seconds > 60 or (tail and tail[0] not in _BLANK):
            return None
        total = (hours[0] * 3600 + minutes[0] * 60 + seconds) * 1_000_000 + round(fraction * 1e6)
        self.micros += -total if negative else total
        return tail

    def years_months(self, text: str) -> str | None:
        """``[+-]Y-M`` of SQL; what follows it."""
        negative, rest = _take_sign(text)
        years = _take_digits(rest)
        if years is None or not years[1].startswith("-"):
            return None
        months = _take_digits(years[1][1:])
        if months is None or months[0] >= 12 or (months[1] and months[1][0] not in _BLANK):
            return None
        total = years[0] * 12 + months[0]
        self.months += -total if negative else total
        return months[1]

    def years_months_days(self, text: str) -> str | None:
        """``Y-M-D`` of ISO 8601's alternative form; what follows it."""
        found = _YEARS_MONTHS_DAYS.match(text)
        if not found:
            return None
        self.months += int(found[1]) * 12 + int(found[2])
        self.days += int(found[3])
        return text[found.end() :]

    def iso(self, text: str) -> bool:
        rest = text
        in_time = False
        fields = 0
        while rest:
            if rest[0] == "T":
                if in_time:
                    return False
                in_time = True
                rest = rest[1:]
                continue
            written_out = self.clock(rest) if in_time else self.years_months_days(rest)
            if written_out is not None:
                rest = written_out
                fields += 1
                continue
            taken = _take_number(rest)
            if taken is None:
                return False
            number, tail = taken
            unit = _ISO_UNITS.get((tail[:1], in_time))
            if unit is None:
                return False
            self.add(unit, number)
            rest = tail[1:]
            fields += 1
        return fields > 0

    def add(self, unit: str, number: _Number) -> bool:
        """Adds a number of a unit. A fraction goes down to the next units: of years to months, of months to days, of days to time."""
        whole = number.whole * number.sign
        fraction = number.fraction * number.sign
        if unit in _MICROS:
            self.micros += whole * _MICROS[unit] + round(fraction * _MICROS[unit])
        elif unit in _DAYS:
            self.add_days(whole * _DAYS[unit], fraction * _DAYS[unit])
        elif unit in ("month", "months", "mon", "mons"):
            self.months += whole
            self.add_days(0, fraction * 30.0)
        elif unit in _YEARS:
            self.months += whole * _YEARS[unit] * 12 + round(fraction * _YEARS[unit] * 12.0)
        else:
            return False
        return True

    def add_days(self, whole: int, fraction: float) -> None:
        extra = math.trunc(fraction)
        self.days += whole + extra
        self.micros += round((fraction - extra) * MICROS_PER_DAY)


def _take_sign(text: str) -> tuple[bool, str]:
    return (text[0] == "-", text[1:]) if text[:1] in ("-", "+") else (False, text)


def _take_digits(text: str) -> tuple[int, str] | None:
    """At most 18 digits as a number."""
    length = len(text) - len(text.lstrip("0123456789"))
    return (int(text[:length]), text[length:]) if 1 <= length <= 18 else None


def _take_number(text: str) -> tuple[_Number, str] | None:
    """``[+-]digits[.digits]`` or ``[+-].digits``."""
    negative, rest = _take_sign(text)
    taken = (0, rest) if rest.startswith(".") else _take_digits(rest)
    if taken is None:
        return None
    whole, rest = taken
    fraction = 0.0
    if rest.startswith("."):
        digits = rest[1:]
        length = len(digits) - len(digits.lstrip("0123456789"))
        fraction, rest = float(f"0.{digits[:length]}0"), digits[length:]
    return _Number(-1 if negative else 1, whole, fraction), rest
