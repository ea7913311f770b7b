"""How dates are read that are not ISO 8601: numbers in the order of DateStyle, and the forms with names (PostgreSQL 8.5.1, B.1)."""

from __future__ import annotations

import re
from typing import NamedTuple

from .text import SPACE, lower


class Date(NamedTuple):
    """Year, month and day as they stand, and whether the year had two digits at most."""

    year: int
    month: int
    day: int
    short_year: bool

    def meant(self, before_christ: bool) -> int | None:
        """The year meant: 0 is 1 BC; years of two digits are those from 1970 to 2069. None for year 0."""
        if before_christ:
            return 1 - self.year if self.year > 0 else None
        if self.short_year:
            return self.year + (2000 if self.year < 70 else 1900)
        return self.year or None


_MONTHS = (
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
)
_WEEKDAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
_NUMBERS = re.compile(r"([0-9]{1,9})([-/.])([0-9]{1,9})\2([0-9]{1,9})(?![0-9])")
_BREAKS = re.compile(f"[{SPACE},]+")
_DIGITS = re.compile(r"[0-9]+")


def numbers(text: str, order: str) -> tuple[Date, int] | None:
    """``1/2/2003``, ``1.2.2003`` or ``1-2-03`` in front of a text, and how long it is.

    A number of three digits or more in front is the year, else the order says which is which.
    """
    found = _NUMBERS.match(text)
    if found is None:
        return None
    texts = (found[1], found[3], found[4])
    first, second, third = map(int, texts)
    if len(texts[0]) >= 3 or order == "YMD":
        return Date(first, second, third, len(texts[0]) <= 2), found.end()
    if order == "DMY":
        first, second = second, first
    return Date(third, first, second, len(texts[2]) <= 2), found.end()


def rearranged(text: str) -> str | None:
    """What DateStyle Postgres prints, ``Sat Jan 08 04:05:06 1999 …`` or ``Sat 08 Jan 04:05:06 1999 …``, brought into the order of ISO 8601:
    ``1999-01-08 04:05:06 …``. The day of the week and the time may be left out.
    """
    words = [word for word in _BREAKS.split(text) if word]
    if words and _place(_WEEKDAYS, words[0]) is not None:
        del words[0]
    if len(words) < 3:
        return None
    month, day = _place(_MONTHS, words[0]), words[1]
    if month is None:
        month, day = _place(_MONTHS, words[1]), words[0]
    if month is None:
        return None
    time = [words.pop(2)] if ":" in words[2] else []
    if len(words) < 3:
        return None
    year = words[2]
    if not (_DIGITS.fullmatch(day) and len(day) <= 2 and _DIGITS.fullmatch(year) and 3 <= len(year) <= 9):
        return None
    return " ".join([f"{year}-{month + 1:02}-{day}", *time, *words[3:]])


def _place(names: tuple[str, ...], word: str) -> int | None:
    """Which of some names a word is: the whole of it or its first three letters."""
    for place, name in enumerate(names):
        if lower(word) in (name, name[:3]):
            return place
    return None
