"""Integers and booleans (PostgreSQL 8.1, 8.6)."""

from __future__ import annotations

import re

from .bad_value import BadValue, clip, syntax
from .text import SPACE, lower

_INTEGER = re.compile("([+-]?)(?:([0-9](?:_?[0-9])*)|0[xX]((?:_?[0-9a-fA-F])+)|0[oO]((?:_?[0-7])+)|0[bB]((?:_?[01])+))")
_BASES = (10, 16, 8, 2)


def parse(name: str, text: str, least: int, most: int) -> int:
    """Reads an integer in a range, in the forms that PostgreSQL 16 and later read; 22P02 if it is none, 22003 if it lies outside."""
    found = _INTEGER.fullmatch(text.strip(SPACE))
    if not found:
        raise syntax(name, text)
    base, digits = next((base, digits) for base, digits in zip(_BASES, found.groups()[1:], strict=True) if digits)
    digits = digits.replace("_", "").lstrip("0")
    # More digits than any type has are out of range without being read.
    value = int(digits or "0", base) if len(digits) <= 64 else 1 << 64
    if found[1] == "-":
        value = -value
    if not least <= value <= most:
        raise BadValue("22003", f'value "{clip(text)}" is out of range for type {name}')
    return value


def parse_bool(text: str) -> bool:
    """Reads a boolean: a unique prefix of true, false, yes, no; on, off, 1, 0; in any case."""
    word = lower(text.strip(SPACE))
    if word:
        if "true".startswith(word) or "yes".startswith(word) or word in ("on", "1"):
            return True
        if "false".startswith(word) or "no".startswith(word) or word in ("off", "of", "0"):
            return False
    raise syntax("boolean", text)
