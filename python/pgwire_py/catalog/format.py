"""``format(text, …)`` (PostgreSQL 9.4.1): ``%s``, ``%I``, ``%L``, each with position, ``-`` and width, and ``%%``."""

from __future__ import annotations

import re
from typing import Final

from ..errors import PostgresError, postgres_error
from ..sql import quoted
from .names import Names, printed
from .syntax import RESERVED

__all__ = ["format_text", "quote_ident", "quote_literal"]

LONGEST: Final = 1_000_000
"""Characters of a result."""

_INT4: Final = 2**31
_SPECIFIER: Final = re.compile(r"%(?:%|(?:([0-9]+)\$)?(-*)(?:(\*)(?:([0-9]+)(\$?))?|([0-9]+))?(.?))", re.DOTALL)
_INTEGER: Final = re.compile(r"\s*([+-]?)([0-9]+)\s*", re.ASCII)


def quote_ident(_: Names, text: str) -> str:
    return quoted(text) if text in RESERVED else printed(text)


def quote_literal(_: Names, value: object) -> str:
    text = str(value).replace("'", "''")
    return ("E'" + text.replace("\\", "\\\\") + "'") if "\\" in text else f"'{text}'"


def format_text(names: Names, text: str | None, *items: object) -> str | None:
    """What ``format`` gives; ``items`` are the texts that the arguments' types print, or integers.

    Raises:
        PostgresError: 22023, 22003, 22004 and 22P02 as PostgreSQL; 54000 where the result is longer than :data:`LONGEST`.
    """
    return None if text is None else _SPECIFIER.sub(_Writer(names, items).write, text)


class _Writer:
    """What a call of ``format`` has used of its arguments and of the length it may have."""

    def __init__(self, names: Names, items: tuple[object, ...]) -> None:
        self._names = names
        self._items = items
        self._next = 0
        self._left = LONGEST

    def write(self, found: re.Match[str]) -> str:
        position, minus, star, width_position, dollar, digits, kind = found.groups()
        if kind is None:
            return "%"
        at = _position(position)
        width_at = _position(width_position) if dollar or not width_position else None
        width = _number(digits) if digits else 0
        if kind == "":
            raise _wrong("unterminated format() type specifier", 'For a single "%" use "%%".')
        if width_position and not dollar:
            _number(width_position)
            raise _wrong('width argument position must be ended by "$"')
        if kind not in "sIL":
            raise _wrong(f'unrecognized format() type specifier "{kind}"', 'For a single "%" use "%%".')
        if star:
            width = _width(self._argument(width_at))
        return self._aligned(self._shown(kind, self._argument(at)), -abs(width) if minus else width)

    def _argument(self, position: int | None) -> object:
        """The argument at ``position``, counted from 1, or the one behind that used last."""
        self._next = self._next + 1 if position is None else position
        if self._next > len(self._items):
            raise _wrong("too few arguments for format()")
        return self._items[self._next - 1]

    def _shown(self, kind: str, item: object) -> str:
        if item is None:
            if kind == "I":
                raise postgres_error("22004", "null values cannot be formatted as an SQL identifier")
            return "NULL" if kind == "L" else ""
        if kind == "I":
            return quote_ident(self._names, str(item))
        return quote_literal(self._names, item) if kind == "L" else str(item)

    def _aligned(self, shown: str, width: int) -> str:
        self._left -= max(len(shown), abs(width))
        if self._left < 0:
            raise postgres_error("54000", f"the result of format() is longer than {LONGEST} characters")
        return shown.rjust(width) if width > 0 else shown.ljust(-width)


def _position(digits: str | None) -> int | None:
    if digits is None:
        return None
    number = _number(digits)
    if not number:
        raise _wrong("format specifies argument 0, but arguments are numbered from 1")
    return number


def _number(digits: str) -> int:
    number = _value(digits)
    if number >= _INT4:
        raise postgres_error("22003", "number is out of range")
    return number


def _value(digits: str) -> int:
    """The number, or one that is too large, too."""
    digits = digits.lstrip("0") or "0"
    return int(digits) if len(digits) <= 10 else 10**10


def _width(item: object) -> int:
    """The width that an argument gives; negative: to the left."""
    if item is None:
        return 0
    text = str(item)
    found = _INTEGER.fullmatch(text)
    if found is None:
        raise postgres_error("22P02", f'invalid input syntax for type integer: "{text[:100]}"')
    number = -_value(found[2]) if found[1] == "-" else _value(found[2])
    if not -_INT4 <= number < _INT4:
        raise postgres_error("22003", f'value "{text[:100]}" is out of range for type integer')
    if number == -_INT4:
        raise postgres_error("22003", "number is out of range")
    return number


def _wrong(rule: str, hint: str | None = None) -> PostgresError:
    return postgres_error("22023", rule) if hint is None else postgres_error("22023", rule, hint=hint)
