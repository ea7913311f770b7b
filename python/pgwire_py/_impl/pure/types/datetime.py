"""date, time, timestamp and timestamptz (PostgreSQL 8.5): how they are read, and printed with DateStyle ISO and TimeZone UTC.

A date is days and a timestamp microseconds since 2000-01-01; the integers' extremes are the infinities.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from . import date_input
from .bad_value import BadValue, clip, syntax
from .text import SPACE, lower

if TYPE_CHECKING:
    from .style import TextStyle

MICROS_PER_DAY = 86_400_000_000
UNIX_EPOCH_DAYS = 10_957
"""Days of 2000-01-01 since 1970-01-01."""
MAX32, MIN32 = (1 << 31) - 1, -(1 << 31)
MAX64, MIN64 = (1 << 63) - 1, -(1 << 63)
MIN_DATE = -2_451_545
END_DATE = 2_145_031_949
MIN_TIMESTAMP = -211_813_488_000_000_000
END_TIMESTAMP = 9_223_371_331_200_000_000


def days_from_civil(year: int, month: int, day: int) -> int:
    """Days since 2000-01-01 of a date of the proleptic Gregorian calendar; year 0 is 1 BC."""
    # Years are counted from March, so that the leap day is the last one.
    era, of_era = divmod(year - (month <= 2), 400)
    of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    return era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719_468 - UNIX_EPOCH_DAYS


def civil_from_days(days: int) -> tuple[int, int, int]:
    """Year, month and day of a number of days since 2000-01-01."""
    era, of_era = divmod(days + 719_468 + UNIX_EPOCH_DAYS, 146_097)
    year = (of_era - of_era // 1460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year + year // 4 - year // 100)
    shifted = (5 * of_year + 2) // 153
    month = shifted + 3 if shifted < 10 else shifted - 9
    return year + era * 400 + (month <= 2), month, of_year - (153 * shifted + 2) // 5 + 1


def date_text(days: int) -> str:
    if days in (MAX32, MIN32):
        return "infinity" if days > 0 else "-infinity"
    year, month, day = civil_from_days(days)
    return f"{year:04}-{month:02}-{day:02}" if year > 0 else f"{1 - year:04}-{month:02}-{day:02} BC"


def time_text(micros: int) -> str:
    seconds, fraction = divmod(micros, 1_000_000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{fraction_text(fraction)}"


def timestamp_text(micros: int, with_zone: bool) -> str:
    if micros in (MAX64, MIN64):
        return "infinity" if micros > 0 else "-infinity"
    days, of_day = divmod(micros, MICROS_PER_DAY)
    date, space, era = date_text(days).partition(" ")
    return f"{date} {time_text(of_day)}{'+00' if with_zone else ''}{space}{era}"


def fraction_text(micros: int) -> str:
    """``.ffffff`` without zeros at its end; nothing for zero."""
    return f".{micros:06}".rstrip("0") if micros else ""


def check_date(days: int) -> int:
    """22008 unless the days are a date PostgreSQL has: 4714-11-24 BC to 5874897-12-31, or an infinity."""
    if days in (MAX32, MIN32) or MIN_DATE <= days < END_DATE:
        return days
    raise BadValue("22008", "date out of range")


def check_time(micros: int) -> int:
    """22008 unless the time of day is 00:00:00 to 24:00:00."""
    if 0 <= micros <= MICROS_PER_DAY:
        return micros
    raise BadValue("22008", "time out of range")


def check_timestamp(micros: int) -> int:
    """22008 unless PostgreSQL has the timestamp: 4714-11-24 BC to 294276-12-31, or an infinity."""
    if micros in (MAX64, MIN64) or MIN_TIMESTAMP <= micros < END_TIMESTAMP:
        return micros
    raise BadValue("22008", "timestamp out of range")


def parse_date(text: str, style: TextStyle) -> int:
    """Reads a date; a time of day behind it is checked and dropped."""
    stamp = _parse_stamp("date", text, style)
    if isinstance(stamp, bool):
        return MAX32 if stamp else MIN32
    if not MIN_DATE <= stamp[0] < END_DATE:
        raise _out_of_range("date", text)
    return stamp[0]


def parse_time(text: str, style: TextStyle) -> int:
    """Reads a time of day, alone or behind a date; a zone behind it is checked and dropped."""
    return parse_clock("time", text, style)[0]


def parse_clock(name: str, text: str, style: TextStyle) -> tuple[int, int | None]:
    """Reads a time of day and its zone, alone or behind a date: microseconds of the day, seconds east of Greenwich where they were told."""
    cursor = _Cursor(text.strip(SPACE))
    if ":" in text and cursor.date(style) is None:
        cursor = _Cursor(text.strip(SPACE))
    cursor.gap()
    clock = cursor.clock()
    if clock is None:
        raise syntax(name, text)
    zone = cursor.zone(style)
    if zone is None or cursor.rest:
        raise syntax(name, text)
    if zone is OUTSIDE:
        raise _displacement(text)
    if clock is OUTSIDE:
        raise _field(text)
    return int(clock), None if zone is NOT_TOLD else int(zone)


def parse_timestamp(text: str, style: TextStyle, *, with_zone: bool) -> int:
    """Reads a timestamp; an offset is applied with a zone and dropped without one, as PostgreSQL does."""
    stamp = _parse_stamp("timestamp with time zone" if with_zone else "timestamp", text, style)
    if isinstance(stamp, bool):
        return MAX64 if stamp else MIN64
    days, micros, offset = stamp
    if not with_zone:
        offset = 0
    elif offset is None:
        clock = (days + UNIX_EPOCH_DAYS) * 86_400 + micros // 1_000_000
        offset = 0 if style.zone is None else style.zone.offset_of(clock)
    total = days * MICROS_PER_DAY + micros - offset * 1_000_000
    if not MIN_TIMESTAMP <= total < END_TIMESTAMP:
        raise _out_of_range("timestamp", text)
    return total


def _parse_stamp(name: str, text: str, style: TextStyle) -> bool | tuple[int, int, int | None]:
    """``YYYY-MM-DD[( |T)HH:MM[:SS[.f]]][ zone][ BC]``, ``YYYYMMDD[…]``, infinity, -infinity or epoch.

    Dates may also be ``1/2/2003`` and the like, in the order of DateStyle, or as DateStyle Postgres prints them. True and False are the
    infinities; otherwise days since 2000-01-01, microseconds of the day, seconds east of Greenwich where they were told.
    """
    trimmed = text.strip(SPACE)
    word = lower(trimmed)
    if word in ("infinity", "+infinity", "-infinity"):
        return word != "-infinity"
    if word == "epoch":
        return -UNIX_EPOCH_DAYS, 0, 0
    cursor = _Cursor(trimmed)
    date = cursor.date(style)
    if date is None:
        cursor = _Cursor(date_input.rearranged(trimmed) or "")
        date = cursor.date(style)
    if date is None:
        raise syntax(name, text)
    clock: float | None = 0
    offset: float | None = NOT_TOLD
    before_gap = cursor.rest
    if cursor.gap() and cursor.rest[:1] in _DIGITS and cursor.rest:
        clock = cursor.clock()
        offset = cursor.zone(style) if clock is not None else None
        if offset is None:
            raise syntax(name, text)
    else:
        cursor.rest = before_gap
    before_christ = cursor.era()
    if cursor.rest:
        raise syntax(name, text)
    year = date.meant(before_christ)
    month, day = date.month, date.day
    if offset is OUTSIDE:
        raise _displacement(text)
    if clock is OUTSIDE or year is None or not 1 <= month <= 12 or date.year > 6_000_000:
        raise _field(text)
    if not 1 <= day <= _days_in_month(year, month):
        raise _field(text)
    assert clock is not None
    assert offset is not None
    return days_from_civil(year, month, day), int(clock), None if offset is NOT_TOLD else int(offset)


OUTSIDE = float("inf")
"""What a reader returns where the syntax is right and a field is out of range; None where the syntax is wrong."""

NOT_TOLD = float("-inf")
"""What the reader of zones returns where there is none."""

_DIGITS = "0123456789"
_ABBREVIATION = re.compile("[a-z]{3,}")


class _Cursor:
    """What is still to be read."""

    def __init__(self, rest: str) -> None:
        self.rest = rest

    def digits(self) -> int:
        """Length of the run of digits in front."""
        return len(self.rest) - len(self.rest.lstrip(_DIGITS))

    def number(self, least: int, most: int) -> int | None:
        """A run of digits of a certain length, as a number."""
        length = self.digits()
        if not least <= length <= most:
            return None
        value = int(self.rest[:length])
        self.rest = self.rest[length:]
        return value

    def literal(self, wanted: str) -> bool:
        found = self.rest.startswith(wanted)
        if found:
            self.rest = self.rest[len(wanted) :]
        return found

    def date(self, style: TextStyle) -> date_input.Date | None:
        if self.digits() == 8 and self.rest[8:9] not in ("-", "/", "."):
            packed = self.number(8, 8)
            assert packed is not None
            return date_input.Date(packed // 10_000, packed // 100 % 100, packed % 100, False)
        found = date_input.numbers(self.rest, style.order)
        if found is None:
            return None
        self.rest = self.rest[found[1] :]
        return found[0]

    def gap(self) -> bool:
        """White space or a T between date and time."""
        before = len(self.rest)
        self.space()
        if not self.literal("T"):
            self.literal("t")
        return len(self.rest) < before

    def space(self) -> None:
        self.rest = self.rest.lstrip(SPACE)

    def clock(self) -> float | None:
        """``HH:MM[:SS[.f]]`` as microseconds of the day."""
        hours = self.number(1, 2)
        if hours is None or not self.literal(":"):
            return None
        minutes = self.number(1, 2)
        if minutes is None:
            return None
        seconds: int | None = 0
        micros = 0
        if self.literal(":"):
            seconds = self.number(1, 2)
            if seconds is None:
                return None
            micros = self.fraction()
        assert seconds is not None
        total = (hours * 3600 + minutes * 60 + seconds) * 1_000_000 + micros
        return total if minutes < 60 and seconds <= 60 and total <= MICROS_PER_DAY else OUTSIDE

    def fraction(self) -> int:
        """A decimal fraction of a second in microseconds, rounded half to even."""
        if not self.literal("."):
            return 0
        length = self.digits()
        value = float(f"0.{self.rest[:length]}0")
        self.rest = self.rest[length:]
        return round(value * 1e6)

    def zone(self, style: TextStyle) -> float | None:
        """An optional zone, as seconds east of Greenwich."""
        self.space()
        lowered = lower(self.rest)
        for name in ("zulu", "utc", "gmt", "z"):
            if lowered.startswith(name):
                self.rest = self.rest[len(name) :]
                return 0
        letters = _ABBREVIATION.match(lowered)
        if letters is not None and style.zone is not None:
            east = style.zone.named(letters[0])
            if east is not None:
                self.rest = self.rest[letters.end() :]
                return east
        if self.literal("+"):
            sign = 1
        elif self.literal("-"):
            sign = -1
        else:
            return NOT_TOLD
        digits = self.digits()
        minutes: int | None = 0
        seconds: int | None = 0
        if digits > 2:
            packed = self.number(3, 4)
            if packed is None:
                return None
            hours, minutes = divmod(packed, 100)
        else:
            found = self.number(1, 2)
            if found is None:
                return None
            hours = found
            if self.literal(":"):
                minutes = self.number(1, 2)
                if minutes is None:
                    return None
                if self.literal(":"):
                    seconds = self.number(1, 2)
                    if seconds is None:
                        return None
        assert minutes is not None
        assert seconds is not None
        in_range = hours < 16 and minutes < 60 and seconds < 60
        return sign * (hours * 3600 + minutes * 60 + seconds) if in_range else OUTSIDE

    def era(self) -> bool:
        """`` BC`` or `` AD``; True for BC."""
        self.space()
        lowered = lower(self.rest)
        if lowered in ("bc", "ad"):
            self.rest = ""
        return lowered == "bc"


def _days_in_month(year: int, month: int) -> int:
    if month == 2:
        return 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    return 30 if month in (4, 6, 9, 11) else 31


def _field(text: str) -> BadValue:
    return BadValue("22008", f'date/time field value out of range: "{clip(text)}"')


def _displacement(text: str) -> BadValue:
    return BadValue("22009", f'time zone displacement out of range: "{clip(text)}"')


def _out_of_range(name: str, text: str) -> BadValue:
    return BadValue("22008", f'{name} out of range: "{clip(text)}"')
