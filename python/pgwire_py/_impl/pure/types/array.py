"""Arrays (PostgreSQL 8.15): up to six dimensions, each from a lower bound on."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from .bad_value import BadValue, bad_binary, clip
from .text import SPACE, check, lower

MAX_DIMENSIONS = 6

_SPECIAL = {mark: re.compile(rb'["\\{}%b \t\n\v\f\r]' % mark.encode()) for mark in ",;"}
_BOUND = re.compile(r"[+-]?[0-9]+")
_MIN32, _MAX32 = -(1 << 31), (1 << 31) - 1
_MAX_SIZE = (1 << 31) - 1


class Array(NamedTuple):
    """Elements in row-major order. An array without elements has no dimensions.

    ``bounds``: index of the first element of each dimension; empty where all of them are 1.
    """

    dimensions: tuple[int, ...]
    items: tuple[Any, ...]
    bounds: tuple[int, ...] = ()


def make(dimensions: list[int], items: list[Any]) -> Array:
    """54000 for more than six dimensions; ``dimensions`` may be anything for no elements."""
    if not items:
        return Array((), ())
    check_depth(len(dimensions))
    return Array(tuple(dimensions), tuple(items))


def starting_at(value: Array, bounds: Sequence[int]) -> Array:
    """The same array from these lower bounds on, one for each dimension: 54000 if an index does not fit."""
    if not value.items or all(bound == 1 for bound in bounds):
        return value
    for bound, size in zip(bounds, value.dimensions, strict=True):
        if bound + size > _MAX32:
            raise BadValue("54000", f"array lower bound is too large: {bound}")
    return value._replace(bounds=tuple(bounds))


def check_depth(depth: int) -> None:
    if depth > MAX_DIMENSIONS:
        raise BadValue("54000", f"number of array dimensions ({depth}) exceeds the maximum allowed ({MAX_DIMENSIONS})")


def ragged() -> BadValue:
    return BadValue("2202E", "multidimensional arrays must have array expressions with matching dimensions")


def to_binary(value: Array, element: int, item_binary: Callable[[Any], bytes]) -> bytes:
    parts = [struct.pack("!iiI", len(value.dimensions), None in value.items, element)]
    bounds = value.bounds or (1,) * len(value.dimensions)
    parts += [struct.pack("!ii", size_word(size), bound) for size, bound in zip(value.dimensions, bounds, strict=True)]
    for item in value.items:
        parts.append(b"\xff\xff\xff\xff" if item is None else put_sized(item_binary(item)))
    return b"".join(parts)


def put_sized(data: bytes) -> bytes:
    """Bytes with their length in front."""
    return struct.pack("!i", size_word(len(data))) + data


def size_word(size: int) -> int:
    """A count or length, if the binary format can hold it."""
    if size > _MAX_SIZE:
        raise BadValue("54000", "array size exceeds the maximum allowed (2147483647)")
    return size


def to_text(value: Array, item_text: Callable[[Any], bytes], delimiter: str = ",") -> bytes:
    if not value.items:
        return b"{}"
    level = [b"NULL" if item is None else _quoted(item_text(item), delimiter) for item in value.items]
    mark = delimiter.encode()
    for size in reversed(value.dimensions):
        level = [b"{" + mark.join(level[at : at + size]) + b"}" for at in range(0, len(level), size)]
    if not value.bounds:
        return level[0]
    stated = "".join(
        f"[{bound}:{bound + size - 1}]" for bound, size in zip(value.bounds, value.dimensions, strict=True)
    )
    return stated.encode() + b"=" + level[0]


def _quoted(item: bytes, delimiter: str) -> bytes:
    """An element's text, quoted where array_in would read it differently."""
    if item and item.lower() != b"null" and not _SPECIAL[delimiter].search(item):
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
    bounds: list[int] = []
    count = 1 if depth else 0
    for _ in range(depth):
        if len(data) < at + 8:
            raise bad_binary()
        size, bound = struct.unpack_from("!ii", data, at)
        at += 8
        bounds.append(bound)
        count *= size
        # Every element takes four bytes at least: more of them than that cannot be there.
        if size < 0 or count > len(data) // 4:
            raise bad_binary()
        dimensions.append(size)
    items: list[Any] = []
    for _ in range(count):
        raw, at = sized(data, at)
        items.append(None if raw is None else item_value(raw))
    if at != len(data):
        raise bad_binary()
    return starting_at(make(dimensions, items), bounds)


def read_head(data: bytes) -> tuple[int, int, int]:
    """Numbers of dimensions and of elements that a binary array of whatever elements has, and where its elements begin."""
    if len(data) < 12:
        raise bad_binary()
    depth, flags, _ = struct.unpack_from("!iiI", data)
    if depth < 0 or flags not in (0, 1):
        raise bad_binary()
    check_depth(depth)
    at = 12
    count = 1 if depth else 0
    for _ in range(depth):
        if len(data) < at + 8:
            raise bad_binary()
        size, _ = struct.unpack_from("!ii", data, at)
        at += 8
        count *= size
        # Every element takes four bytes at least: more of them than that cannot be there.
        if size < 0 or count > len(data) // 4:
            raise bad_binary()
    return depth, count, at


def sized(data: bytes, at: int) -> tuple[bytes | None, int]:
    """Bytes with their length in front, None for the length of NULL; and the place behind them."""
    if len(data) < at + 4:
        raise bad_binary()
    (length,) = struct.unpack_from("!i", data, at)
    at += 4
    if length == -1:
        return None, at
    if length < 0 or len(data) < at + length:
        raise bad_binary()
    return data[at : at + length], at + length


def to_lists(value: Array) -> list[Any]:
    """Nested lists: from the innermost dimension outwards, blocks become lists."""
    level = list(value.items)
    for size in reversed(value.dimensions[1:]):
        level = [level[at : at + size] for at in range(0, len(level), size)]
    return level


def parse(text: str, item_value: Callable[[str], Any], delimiter: str = ",") -> Array:
    """Reads the text format: ``{1,2}``, ``{{a,"b c"},{NULL,d}}``, with bounds ``[0:1]={…}`` allowed in front."""
    check(text)
    stated, body = _bounds(text, text.strip(SPACE))
    reader = _Reader(body, delimiter)
    try:
        reader.read(0)
    except (_MalformedError, IndexError):
        raise _malformed(text) from None
    if reader.at != len(body):
        raise _malformed(text)
    items = [None if item is None else item_value(item) for item in reader.items]
    made = make([size or 0 for size in reader.dimensions], items)
    if not stated:
        return made
    if tuple(size for _, size in stated) != made.dimensions:
        raise _malformed(text)
    return starting_at(made, [bound for bound, _ in stated])


def _malformed(text: str) -> BadValue:
    return BadValue("22P02", f'malformed array literal: "{clip(text)}"')


def _bounds(whole: str, text: str) -> tuple[list[tuple[int, int]], str]:
    """Lower bound and size of each dimension that ``[l:u]…=`` states, and what follows."""
    stated: list[tuple[int, int]] = []
    while text.startswith("["):
        check_depth(len(stated) + 1)
        between, bracket, rest = text[1:].partition("]")
        first, colon, last = between.partition(":")
        low, high = (_bound(first), _bound(last)) if colon else (1, _bound(first))
        if not bracket or low is None or high is None:
            raise _malformed(whole)
        if high < low:
            raise BadValue("2202E", "upper bound cannot be less than lower bound")
        stated.append((low, high - low + 1))
        text = rest.strip(SPACE)
    if not stated:
        return stated, text
    if not text.startswith("="):
        raise _malformed(whole)
    return stated, text[1:].strip(SPACE)


def _bound(text: str) -> int | None:
    """An index, with or without sign, of 32 bits."""
    if not _BOUND.fullmatch(text) or len(text.lstrip("+-").lstrip("0")) > 10:
        return None
    value = int(text)
    return value if _MIN32 <= value <= _MAX32 else None


class _MalformedError(Exception):
    pass


class _Reader:
    def __init__(self, text: str, delimiter: str) -> None:
        self.text = text
        self.at = 0
        self.delimiter = delimiter
        self.ends = delimiter + "}"
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
                if self.next() != self.delimiter:
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
            if not quoted and character in self.ends:
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
