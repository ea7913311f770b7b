"""money (PostgreSQL 8.2) of the locale C, which is also that of en_US: ``-$1,234.56``; kept as cents."""

from __future__ import annotations

import re

from .bad_value import BadValue, clip, syntax
from .datetime import MAX64, MIN64
from .numeric import Numeric
from .numeric import to_text as numeric_text

_BLANK = r"[ \t\n\v\f\r]*"
_HEAD = re.compile(rf"{_BLANK}\$?{_BLANK}([-(+]?){_BLANK}\$?{_BLANK}")
_DIGITS = re.compile(r"([0-9,]*)(?:\.(,*[0-9]?,*[0-9]?,*))?([0-9]*)([-)+$ \t\n\v\f\r]*)")


def to_text(cents: int) -> str:
    whole, fraction = divmod(abs(cents), 100)
    return f"{'-' if cents < 0 else ''}${whole:,}.{fraction:02}"


def decimal(cents: int) -> str:
    """A plain decimal number, ``-1234.56``."""
    whole, fraction = divmod(abs(cents), 100)
    return f"{'-' if cents < 0 else ''}{whole}.{fraction:02}"


def parse(text: str) -> int:
    """Reads what cash_in reads: signs in front or behind, parentheses for a negative sum, ``$``, commas anywhere; cents are rounded."""
    head = _HEAD.match(text)
    assert head is not None
    found = _DIGITS.fullmatch(text, head.end())
    if not found:
        # A sum beyond 64 bits is found while its digits are read, in front of what is behind them.
        start = _DIGITS.match(text, head.end())
        assert start is not None
        _size(text, start)
        raise syntax("money", text)
    size = _size(text, found)
    negative = head[1] in ("-", "(") or "-" in found[4]
    if not negative and size > MAX64:
        raise _out_of_range(text)
    return -size if negative else size


def _size(text: str, found: re.Match[str]) -> int:
    """Cents without a sign, up to 2⁶³."""
    whole = found[1].replace(",", "").lstrip("0")
    fraction = (found[2] or "").replace(",", "")
    if len(whole) > 20:
        raise _out_of_range(text)
    size = int(f"{whole}{fraction:0<2}") + (found[3][:1] >= "5" and len(fraction) == 2)
    if size > -MIN64:
        raise _out_of_range(text)
    return size


def _out_of_range(text: str) -> BadValue:
    return BadValue("22003", f'value "{clip(text)}" is out of range for type money')


def from_numeric(number: Numeric) -> int:
    """Cents of a number, rounded half away from zero; 22003 if the type does not reach it."""
    printed = numeric_text(number)
    whole, _, fraction = printed.lstrip("-").partition(".")
    if whole.isdigit() and len(whole) <= 20:
        size = int(f"{whole}{fraction[:2]:0<2}") + (fraction[2:3] >= "5")
        cents = -size if printed[0] == "-" else size
        if MIN64 <= cents <= MAX64:
            return cents
    raise BadValue("22003", "money out of range")
