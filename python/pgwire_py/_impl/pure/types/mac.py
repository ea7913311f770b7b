"""macaddr and macaddr8 (PostgreSQL 8.9): six and eight bytes."""

from __future__ import annotations

import re

from .bad_value import BadValue, clip, syntax, wrong_length
from .text import SPACE

_HEX = "[0-9a-fA-F]"
_SIX = re.compile(
    rf"({_HEX}{{1,8}})([:-])({_HEX}{{1,8}})\2({_HEX}{{1,8}})\2({_HEX}{{1,8}})\2({_HEX}{{1,8}})\2({_HEX}{{1,8}})"
)
_GROUPED = re.compile(rf"{_HEX}{{12}}|{_HEX}{{6}}[:-]{_HEX}{{6}}|{_HEX}{{4}}([.-]){_HEX}{{4}}\1{_HEX}{{4}}")
_PAIR = re.compile(_HEX.encode() + b"{2}")
_SPACES = SPACE.encode()
_SEPARATORS = re.compile("[:.-]")


def to_text(value: bytes) -> str:
    return value.hex(":")


def parse(text: str) -> bytes:
    """Reads six numbers between colons or hyphens, or twelve digits in two, three or six groups or none."""
    trimmed = text.strip(SPACE)
    found = _SIX.fullmatch(trimmed)
    if found:
        numbers = [int(found[group], 16) for group in (1, 3, 4, 5, 6, 7)]
        if max(numbers) > 255:
            raise BadValue("22003", f'invalid octet value in "macaddr" value: "{clip(text)}"')
        return bytes(numbers)
    if not _GROUPED.fullmatch(trimmed):
        raise syntax("macaddr", text)
    return bytes.fromhex(_SEPARATORS.sub("", trimmed))


def parse8(text: str) -> bytes:
    """Reads six or eight pairs of digits with the same separator (colon, hyphen, point) behind any of them.

    Six get FF:FE in their middle. At a single byte behind them, such as another separator, PostgreSQL does not look.
    """
    value = _scan8(text.lstrip(SPACE).encode())
    if value is None:
        raise syntax("macaddr8", text)
    return _extended(value)


def _scan8(rest: bytes) -> bytes | None:
    value, separator = bytearray(), b""
    while len(rest) > 1:
        if len(value) == 8 or not _PAIR.fullmatch(rest[:2]):
            return None
        value += bytes.fromhex(rest[:2].decode())
        rest = rest[2:]
        if rest[:1] in (b":", b"-", b"."):
            if separator not in (b"", rest[:1]):
                return None
            separator, rest = rest[:1], rest[1:]
        if len(value) in (6, 8) and rest[:1] and rest[0] in _SPACES:
            if rest.strip(_SPACES):
                return None
            rest = b""
    return bytes(value) if len(value) in (6, 8) else None


def from_binary8(data: bytes) -> bytes:
    """Eight bytes, or six that get FF:FE in their middle."""
    if len(data) not in (6, 8):
        raise wrong_length(data, 8)
    return _extended(data)


def _extended(value: bytes) -> bytes:
    return value[:3] + b"\xff\xfe" + value[3:] if len(value) == 6 else value
