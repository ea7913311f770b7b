"""Arrays (PostgreSQL 8.15): up to six dimensions; lower bounds are read over and written as 1."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from typing import Any, NamedTuple

from .bad_value import BadValue, bad_binary, clip
from .text import SPACE, check, lower

MAX_DIMENSIONS = 6

_SPECIAL = re.compile(rb'["\\{}, \t\n\v\f\r]')
_BOUNDS = re.compile(r"[0-9\[\]:+\- \t\n\v\f\r]*")
_MAX_SIZE = (1 << 31) - 1


class Array(NamedTuple):
    """Elements in row-major order. An array without elements has no dimensions."""

    dimensions: tuple[int, ...]
    items: tuple[Any, ...]


def make(dimensions: list[int], items: list[Any]) -> Array:
    """54000 for more than six dimensions; ``dimensions`` may be anything for no elements."""
    if not items:
        return Array((), ())
    check_depth(len(dimensions))
    return Array(tuple(dimensions), tuple(items))


def check_depth(depth: int) -> None:
    if depth > MAX_DIMENSIONS:
        raise BadValue(
            "54000", f"number of array dimensions ({depth}) exceeds the maximum allowed ({MAX_DIMENSIONS})"
        )


def ragged() -> BadValue:
    return BadValue("2202E", "multidimensional arrays must have array expressions with matching dimensions")


def to_binary(value: Array, element: int, item_binary: Callable[[Any], bytes]) -> bytes:
    parts = [struct.pack("!iiI", len(value.dimensions), None in value.items, element)]
    parts += [struct.pack("!ii", _size(size), 1) for size in value.dimensions]
    for item in value.items:
        if item is None:
            parts.append(b"\xff\xff\xff\xff")
        else:
            data = item_binary(item)
            parts += (struct.pack("!i", _size(len(data))), data)
    return b"".join(parts)


def _size(size: int) -> int:
    if size > _MAX_SIZE:
        raise BadValue("54000", "array size exceeds the maximum allowed (2147483647)")
    return size


def to_text(value: Array, item_text: Callable[[Any], bytes]) -> bytes:
    if not value.items:
        return b"{}"
    level = [b"NULL" if item is None else _quoted(item_text(item)) for item in value.items]
    for size in reversed(value.dimensions):
        level = [b"{" + b",".join(level[at : at + size]) + b"}" for at in range(0, len(level), size)]
    return level[0]


def _quoted(item: bytes) -> bytes:
    """An element's text, quoted where array_in would read it differently."""
    if item and item.lower() != b"null" and not _SPECIAL.search(item):
        return item
    return b'"' + item.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'


def from_binary(data: bytes, element: int, item_value: Callable[[bytes], Any]) -> Array:
    """Reads the binary format; the element type must be the array's."""
    if len(data) < 12:
        raise bad_binary()
    depth, flags, found = struct.unpack_from("!iiI", data)
    if depth < 0 or flags not in (0, 1):
        raise bad_binary()
    check_depth(depth)
    if found != element:
        raise BadValue("42804", f"binary data has array element type {found} instead of expected {element}")
    at = 12
    dimensions: list[int] = []
    count = 1 if depth else 0
    for _ in range(depth):
        if len(data) < at + 8:
            raise bad_binary()
        (size,) = struct.unpack_from("!i", data, at)
        at += 8
        count *= size
        # Every element takes four bytes at least: more of them than that cannot be there.
        if size < 0 or count > len(data) // 4:
            raise bad_binary()
        dimensions.append(size)
    items: list[Any] = []
    for _ in range(count):
        if len(data) < at + 4:
            raise bad_binary()
        (length,) = struct.unpack_from("!i", data, at)
        at += 4
        if length == -1:
            items.append(None)
            continue
        if length < 0 or len(data) < at + length:
            raise bad_binary()
        items.append(item_value(data[at : at + length]))
        at += length
    if at != len(data):
        raise bad_binary()
    return make(dimensions, items)


def to_lists(value: Array) -> list[Any]:
    """Nested lists: from the innermost dimension outwards, blocks become lists."""
    level = list(value.items)
    for size in reversed(value.dimensions[1:]):
        level = [level[at : at + size] for at in range(0, len(level), size)]
    return level


def parse(text: str, item_value: Callable[[str], Any]) -> Array:
    """Reads the text format: ``{1,2}``, ``{{a,"b c"},{NULL,d}}``, with bounds ``[0:1]={…}`` allowed in front."""
    check(text)
    body = _skip_bounds(text.strip(SPACE))
    if body is None:
        raise _malformed(text)
    reader = _Reader(body)
    try:
        reader.read(0)
    except (_MalformedError, IndexError):
        raise _malformed(text) from None
    if reader.at != len(body):
        raise _malformed(text)
    items = [None if item is None else item_value(item) for item in reader.items]
    return make([size or 0 for size in reader.dimensions], items)


def _malformed(text: str) -> BadValue:
    return BadValue("22P02", f'malformed array literal: "{clip(text)}"')


def _skip_bounds(text: str) -> str | None:
    """What follows ``[l:u]…=``; the text itself without bounds."""
    if not text.startswith("["):
        return text
    bounds, equals, body = text.partition("=")
    return body.strip(SPACE) if equals and _BOUNDS.fullmatch(bounds) else None


class _MalformedError(Exception):
    pass


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.dimensions: list[int | None] = []
        """Size of each dimension, once its first block has ended."""
        self.items: list[str | None] = []

    def read(self, depth: int) -> None:
        """One ``{…}``; ``depth`` dimensions lie around it."""
        if depth >= MAX_DIMENSIONS and self.next() == "{":
            check_depth(depth + 1)
        self.literal("{")
        # A dimension first met after its elements' depth was settled would make the array ragged.
        if len(self.dimensions) == depth:
            if self.items:
                raise _MalformedError
            self.dimensions.append(None)
        count = 0
        self.space()
        if self.next() == "}":
            # An empty block is only allowed as a whole: {} or {{},{}}.
            if (depth > 0 or len(self.dimensions) > 1) and (self.items or len(self.dimensions) > depth + 1):
                raise _MalformedError
        else:
            while True:
                self.space()
                if self.next() == "{":
                    self.read(depth + 1)
                elif len(self.dimensions) > depth + 1:
                    raise _MalformedError
                else:
                    self.items.append(self.item())
                count += 1
                self.space()
                if self.next() != ",":
                    break
                self.at += 1
        self.literal("}")
        if self.dimensions[depth] is None:
            self.dimensions[depth] = count
        elif self.dimensions[depth] != count:
            raise _MalformedError
        if depth == 0:
            self.space()

    def item(self) -> str | None:
        quoted = self.next() == '"'
        self.at += quoted
        value: list[str] = []
        escaped = False
        # Length without white space at the end that is not escaped.
        kept = 0
        while True:
            character = self.text[self.at]
            if character == "\\":
                value.append(self.text[self.at + 1])
                self.at += 2
                escaped = True
                kept = len(value)
                continue
            if quoted and character == '"':
                self.at += 1
                kept = len(value)
                break
            if not quoted and character in ",}":
                break
            if not quoted and character in '"{':
                raise _MalformedError
            value.append(character)
            self.at += 1
            if character not in SPACE:
                kept = len(value)
        text = "".join(value[:kept])
        if not quoted and not text:
            raise _MalformedError
        return None if not quoted and not escaped and lower(text) == "null" else text

    def next(self) -> str:
        return self.text[self.at : self.at + 1]

    def literal(self, wanted: str) -> None:
        if self.next() != wanted:
            raise _MalformedError
        self.at += 1

    def space(self) -> None:
        while self.next() in SPACE and self.at < len(self.text):
            self.at += 1
