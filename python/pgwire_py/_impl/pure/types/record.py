"""Records (PostgreSQL 8.16): rows of a composite type, or of none.

In binary each field carries its type's OID; in text no type is known.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from . import array, quoted
from .bad_value import BadValue, bad_binary, clip
from .text import SPACE

MAX_DEPTH = 64
"""Records within records that are read or written."""


class Field(NamedTuple):
    """``oid`` of its type, that of text when it was read from text; ``value`` is None for NULL."""

    oid: int
    value: Any


def check_depth(depth: int) -> None:
    """54001 for records nested too deep."""
    if depth > MAX_DEPTH:
        raise BadValue("54001", f"stack depth limit exceeded: a record lies within more than {MAX_DEPTH} others")


def parse(text: str) -> tuple[Field, ...]:
    return tuple(Field(25, part) for part in split(text))


def split(text: str) -> list[str | None]:
    """The texts of the fields, None for NULL; ``()`` has none."""
    at = quoted.skip_space(text, 0)
    if text[at : at + 1] != "(":
        raise _malformed(text)
    parts: list[str | None] = []
    at += 1
    if text[at : at + 1] != ")":
        try:
            while True:
                part, at = quoted.read(text, at, ",)")
                parts.append(part)
                if text[at] == ")":
                    break
                at += 1
        except quoted.TooShortError:
            raise _malformed(text) from None
    if text[at + 1 :].strip(SPACE):
        raise _malformed(text)
    return parts


def _malformed(text: str) -> BadValue:
    return BadValue("22P02", f'malformed record literal: "{clip(text)}"')


def from_binary(data: bytes, depth: int, decode: Callable[[int, bytes, int], Any]) -> tuple[Field, ...]:
    """``depth`` records lie around this one; ``decode`` takes a type's OID, bytes and the depth there."""
    check_depth(depth)
    return tuple(split_binary(data, lambda oid, raw: decode(oid, raw, depth + 1)))


def split_binary(data: bytes, read: Callable[[int, bytes], Any]) -> list[Field]:
    """The fields with what ``read`` makes of their types and bytes."""
    if len(data) < 4:
        raise bad_binary()
    (count,) = struct.unpack_from("!i", data)
    # Every field takes eight bytes at least: more of them than that cannot be there.
    if not 0 <= count <= (len(data) - 4) // 8:
        raise bad_binary()
    at = 4
    fields: list[Field] = []
    for _ in range(count):
        if len(data) < at + 4:
            raise bad_binary()
        (oid,) = struct.unpack_from("!I", data, at)
        raw, at = array.sized(data, at + 4)
        fields.append(Field(oid, None if raw is None else read(oid, raw)))
    if at != len(data):
        raise bad_binary()
    return fields


def join(parts: Sequence[bytes | None]) -> bytes:
    """The text of a record with the texts of its fields."""
    return b"(" + b",".join(b"" if part is None else quoted.write(part, b"()") for part in parts) + b")"


def join_binary(fields: Sequence[tuple[int, bytes | None]]) -> bytes:
    """The binary format of OIDs and bytes."""
    parts = [struct.pack("!i", array.size_word(len(fields)))]
    for oid, raw in fields:
        parts += (struct.pack("!I", oid), b"\xff\xff\xff\xff" if raw is None else array.put_sized(raw))
    return b"".join(parts)
