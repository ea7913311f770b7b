"""macaddr and macaddr8 (PostgreSQL 8.9): six and eight bytes."""

from __future__ import annotations

import re

from .bad_value import BadValue, bad_binary, clip, syntax
from .text import SPACE

_HEX = "[0-9a-fA-F]"
_SIX = re.compile(
    rf"({_HEX}{{1,8}})([:-])({_HEX}{{1,8}})\2({_HEX}{{1,8}})\2({_HEX}{{1,8}})\2({_HEX}{{1,8}})\2({_HEX}{{1,8}})"
)
_GROUPED = re.compile(rf"{_HEX}{{12}}|{_HEX}{{6}}[:-]{_HEX}{{6}}|{_HEX}{{4}}([.-]){_HEX}{{4}}\1{_HEX}{{4}}")
_PAIRS = re.compile(rf"(?:{_HEX}{{2}}[:.-]?)+")
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

    Six get FF:FE in their middle.
    """
    trimmed = text.strip(SPACE)
    if _PAIRS.fullmatch(trimmed) and len(set(_SEPARATORS.findall(trimmed))) <= 1:
        value = bytes.fromhex(_SEPARATORS.sub("", trimmed))
        if len(value) in (6, 8):
            return _extended(value)
    raise syntax("macaddr8", text)


def from_binary8(data: bytes) -> bytes:
    """Eight bytes, or six that get FF:FE in their middle."""
    if len(data) not in (6, 8):
        raise bad_binary()
    return _extended(data)


def _extended(value: bytes) -> bytes:
    return value[:3] + b"\xff\xfe" + value[3:] if len(value) == 6 else value
