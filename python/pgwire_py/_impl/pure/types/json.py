"""json, jsonb and jsonpath: the text is passed on as it is, that of the first two once it is known to be JSON (RFC 8259); the binary
format of the latter two has a version byte in front."""

from __future__ import annotations

import re

from . import text
from .bad_value import BadValue, insufficient
from .text import from_utf8

VERSION = 1
"""Of jsonb and of jsonpath."""


def versioned(name: str, data: bytes) -> str:
    """The text behind the version byte of a binary value of the type ``name``."""
    if not data:
        raise insufficient()
    if data[0] != VERSION:
        raise BadValue("22P03", f"unsupported {name} version number {data[0]}")
    return from_utf8(data[1:])


def to_versioned(value: str) -> bytes:
    return bytes((VERSION,)) + value.encode()


_BLANKS = r"[ \t\n\r]*"
_VALUE = re.compile(
    rf"{_BLANKS}(?:([\[{{]){_BLANKS}([\]}}]?)|(\")|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null)"
)
_QUOTE = re.compile(rf'{_BLANKS}"')
_COLON = re.compile(rf"{_BLANKS}:")
_NEXT = re.compile(rf"{_BLANKS}([,\]}}]?)")
# What stands in a string up to its end or an escape.
_PIECE = re.compile(r'([^"\\\x00-\x1f]*)(?:(")|\\(?:u([0-9a-fA-F]{4})|["\\/bfnrt]))')
_PAIR = {"[": "]", "{": "}"}


def check(name: str, value: str) -> str:
    """The text, where it is JSON; 22P02 where it is not. Of jsonb the escapes of its strings must also be characters: 22P05 for NUL."""
    text.check(value)
    at = 0
    opened: list[str] = []
    while True:
        found = _VALUE.match(value, at)
        if not found or (found[2] and _PAIR[found[1]] != found[2]):
            raise _invalid()
        at = found.end()
        if found[1] and not found[2]:
            opened.append(_PAIR[found[1]])
            at = _key(name, value, at) if found[1] == "{" else at
            continue
        if found[3]:
            at = _string(name, value, at)
        while True:
            mark = _NEXT.match(value, at)
            assert mark is not None
            at = mark.end()
            if not opened:
                if mark[1] or at < len(value):
                    raise _invalid()
                return value
            if mark[1] == ",":
                at = _key(name, value, at) if opened[-1] == "}" else at
                break
            if mark[1] != opened.pop():
                raise _invalid()


def _key(name: str, value: str, at: int) -> int:
    """Where the value of an object's key begins."""
    quote = _QUOTE.match(value, at)
    if not quote:
        raise _invalid()
    colon = _COLON.match(value, _string(name, value, quote.end()))
    if not colon:
        raise _invalid()
    return colon.end()


def _string(name: str, value: str, at: int) -> int:
    """The end of a string, from behind its quote."""
    high = False  # whether the escape of a pair's first half came last
    while True:
        found = _PIECE.match(value, at)
        if not found or (high and (found[1] or found[3] is None)):
            raise _invalid()
        at = found.end()
        if found[2]:
            return at
        if found[3] and name == "jsonb":
            unit = int(found[3], 16)
            if high != (0xDC00 <= unit < 0xE000):
                raise _invalid()
            if unit == 0:
                raise BadValue("22P05", "unsupported Unicode escape sequence")
            high = 0xD800 <= unit < 0xDC00


def _invalid() -> BadValue:
    return BadValue("22P02", "invalid input syntax for type json")
