"""The parts of a range's and a record's text (PostgreSQL 8.16.6, 8.17.5): quotes anywhere, doubled or escaped inside."""

from __future__ import annotations

import re

from .text import SPACE

_SPECIAL = re.compile(rb'["\\, \t\n\v\f\r]')


class TooShortError(Exception):
    """The text ends within a part."""


def read(text: str, at: int, ends: str) -> tuple[str | None, int]:
    """One part from a place up to one of ``ends``, and the place of that; None for a part without a character or quote."""
    if text[at : at + 1] in ends and at < len(text):
        return None, at
    part: list[str] = []
    quoted = False
    while at < len(text):
        character = text[at]
        at += 1
        if character == "\\":
            if at == len(text):
                break
            part.append(text[at])
            at += 1
        elif character == '"':
            if quoted and text[at : at + 1] == '"':
                part.append('"')
                at += 1
            else:
                quoted = not quoted
        elif not quoted and character in ends:
            return "".join(part), at - 1
        else:
            part.append(character)
    raise TooShortError


def write(part: bytes, special: bytes) -> bytes:
    """A part, in quotes where it is empty or holds white space, a quote, a backslash, a comma or one of ``special``."""
    if part and not _SPECIAL.search(part) and not any(byte in part for byte in special):
        return part
    return b'"' + part.replace(b"\\", b"\\\\").replace(b'"', b'""') + b'"'


def skip_space(text: str, at: int) -> int:
    """The next place that is no white space."""
    while at < len(text) and text[at] in SPACE:
        at += 1
    return at
