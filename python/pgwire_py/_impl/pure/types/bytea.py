"""bytea (PostgreSQL 8.4): hex out; hex and escape format in."""

from __future__ import annotations

import re

from .bad_value import BadValue
from .text import to_utf8

_HEX_DIGITS = frozenset("0123456789abcdefABCDEF")
_ESCAPE = re.compile(rb"\\(\\|[0-3][0-7][0-7])|\\")


def to_text(value: bytes) -> str:
    return "\\x" + value.hex()


def to_escaped(value: bytes) -> str:
    """Printable ASCII as it is, a backslash doubled, other bytes as three octal digits."""
    return "".join("\\\\" if byte == 0x5C else chr(byte) if 0x20 <= byte <= 0x7E else f"\\{byte:03o}" for byte in value)


def parse(text: str) -> bytes:
    return _parse_hex(text[2:]) if text.startswith("\\x") else _parse_escape(to_utf8(text))


def _parse_hex(text: str) -> bytes:
    digits: list[str] = []
    for character in text:
        # White space may stand between pairs, not inside one.
        if len(digits) % 2 == 0 and character in " \n\t\r":
            continue
        if character not in _HEX_DIGITS:
            raise BadValue("22023", f'invalid hexadecimal digit: "{character}"')
        digits.append(character)
    if len(digits) % 2:
        raise BadValue("22023", "invalid hexadecimal data: odd number of digits")
    return bytes.fromhex("".join(digits))


def _parse_escape(data: bytes) -> bytes:
    def unescape(found: re.Match[bytes]) -> bytes:
        escape = found[1]
        if escape is None:
            raise BadValue("22P02", "invalid input syntax for type bytea")
        return b"\\" if escape == b"\\" else bytes([int(escape, 8)])

    return _ESCAPE.sub(unescape, data)
