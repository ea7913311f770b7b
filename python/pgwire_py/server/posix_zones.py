"""Time zones by POSIX specifications: ``EST5EDT,M3.2.0,M11.1.0`` (PostgreSQL B.5, POSIX 1003.1 chapter 8)."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, NamedTuple

__all__ = ["PosixZone", "Summer", "parse_posix"]

_DEFAULT_RULES: Final = ",M3.2.0,M11.1.0"
"""Those of the United States, as PostgreSQL takes them where none are told."""
_HOUR: Final = 3600
_DAY: Final = 86_400
_NAME: Final = re.compile(r"<([^>]*)>|([^0-9,+\-<>\s/]{3,})")
_TIME: Final = re.compile(r"([+-]?)([0-9]{1,3})(?::([0-9]{1,2})(?::([0-9]{1,2}))?)?")
_RULE: Final = re.compile(r"(?:M([0-9]{1,2})\.([0-9])\.([0-9])|J([0-9]{1,3})|([0-9]{1,3}))(?:/([-+0-9:]+))?")


class Summer(NamedTuple):
    """Daylight-saving time: seconds east of Greenwich, and the second of a year on standard time's clock at which it begins, of the year on
    its own clock at which it ends.
    """

    offset: int
    name: str
    begin: Callable[[int], int]
    end: Callable[[int], int]


class PosixZone(NamedTuple):
    """Standard time, seconds east of Greenwich, and daylight-saving time where there is one."""

    offset: int
    name: str
    summer: Summer | None

    def changes(self, year: int) -> tuple[int, int]:
        """Seconds since 1970 at which daylight-saving time begins and ends in a year."""
        assert self.summer is not None
        start = _days(year) * _DAY
        return start + self.summer.begin(year) - self.offset, start + self.summer.end(year) - self.summer.offset


def parse_posix(text: str) -> PosixZone | None:
    """What a specification says; None where it is none."""
    name, rest = _name(text)
    if name is None:
        return None
    west, rest = _time(rest, 24 * 7)
    if west is None:
        return None
    if not rest:
        return PosixZone(-west, name, None)
    summer_name, rest = _name(rest)
    if summer_name is None:
        return None
    offset: int | None = -west + _HOUR
    if rest and not rest.startswith((",", ";")):
        summer_west, rest = _time(rest, 24 * 7)
        if summer_west is None:
            return None
        offset = -summer_west
    begin, rest = _rule((rest or _DEFAULT_RULES)[1:])
    if begin is None or not rest.startswith(","):
        return None
    end, rest = _rule(rest[1:])
    if end is None or rest or offset is None:
        return None
    return PosixZone(-west, name, Summer(offset, summer_name, begin, end))


def _name(text: str) -> tuple[str | None, str]:
    found = _NAME.match(text)
    if found is None:
        return None, text
    return found[2] if found[1] is None else found[1], text[found.end() :]


def _time(text: str, most_hours: int) -> tuple[int | None, str]:
    """``[+-]hh[:mm[:ss]]`` in seconds."""
    found = _TIME.match(text)
    if found is None:
        return None, text
    hours, minutes, seconds = (int(part or 0) for part in found.groups()[1:])
    if hours >= most_hours or minutes > 59 or seconds > 60:
        return None, text
    total = hours * _HOUR + minutes * 60 + seconds
    return -total if found[1] == "-" else total, text[found.end() :]


def _rule(text: str) -> tuple[Callable[[int], int] | None, str]:
    """``Mm.w.d``, ``Jn`` or ``n``, each with ``/time``: the second of a year."""
    found = _RULE.match(text)
    if found is None:
        return None, text
    time, left = (2 * _HOUR, "") if found[6] is None else _time(found[6], 24 * 7)
    if time is None or left:
        return None, text
    month, week, weekday, julian, day = (None if part is None else int(part) for part in found.groups()[:5])
    seconds = time
    rest = text[found.end() :]
    if month is not None and week is not None and weekday is not None:
        if not (1 <= month <= 12 and 1 <= week <= 5 and weekday <= 6):
            return None, text
        m, w, d = month, week, weekday
        return lambda year: _weekday_of_month(year, m, w, d) * _DAY + seconds, rest
    if julian is not None:
        number = julian
        # Counted from 1, and February 29 is never counted.
        return (
            (lambda year: (number - 1 + (_is_leap(year) and number >= 60)) * _DAY + seconds, rest)
            if (1 <= number <= 365)
            else (None, text)
        )
    if day is None or day > 365:
        return None, text
    count = day
    return lambda year: count * _DAY + seconds, rest


def _weekday_of_month(year: int, month: int, week: int, weekday: int) -> int:
    """Day of the year, from 0, of the n-th Sunday (0) to Saturday (6) of a month; the fifth is the last."""
    lengths = (31, 29 if _is_leap(year) else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
    first = sum(lengths[: month - 1])
    # 1970-01-01 was a Thursday.
    day = (weekday - (_days(year) + first + 4)) % 7 + 7 * (week - 1)
    while day >= lengths[month - 1]:
        day -= 7
    return first + day


def _is_leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def _days(year: int) -> int:
    """Days of January 1 since 1970-01-01."""
    before = year - 1
    return before * 365 + before // 4 - before // 100 + before // 400 - 719_162
