"""Geometric types (PostgreSQL 8.8): point, line, lseg, box, path, polygon, circle.

A point is a pair of floats, a line three of them, lseg and box are two points (a box the upper right first), a path is whether it is closed
and its points, a polygon its points, a circle its centre and radius.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence
from functools import partial
from math import inf, isinf, isnan
from typing import Any

from . import floats
from .array import size_word
from .bad_value import BadValue, bad_binary, syntax
from .quoted import skip_space

Point = tuple[float, float]

EPSILON = 1e-6
"""Distance below which PostgreSQL takes coordinates for equal."""

_NUMBER = re.compile(
    r"[+-]?(?:infinity|inf|nan|(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:e[+-]?[0-9]+)?)", re.ASCII | re.IGNORECASE
)
_MAX_POINTS = ((1 << 31) - 1 - 32) // 16


def make_box(first: Point, second: Point) -> tuple[Point, Point]:
    """A box of two opposite corners in any order."""
    x = (first[0], second[0]) if not _is_less(first[0], second[0]) else (second[0], first[0])
    y = (first[1], second[1]) if not _is_less(first[1], second[1]) else (second[1], first[1])
    return (x[0], y[0]), (x[1], y[1])


def _is_less(a: float, b: float) -> bool:
    """Order of floats in which NaN is the largest."""
    return a < b or (isnan(b) and not isnan(a))


def check_line(line: tuple[float, float, float], sqlstate: str) -> tuple[float, float, float]:
    """22P02 (22P03 in binary) for a line of no direction."""
    if abs(line[0]) <= EPSILON and abs(line[1]) <= EPSILON:
        raise BadValue(sqlstate, "invalid line specification: A and B cannot both be zero")
    return line


def parse(kind: str, text: str) -> Any:
    """Reads the text of the type with this name."""
    reader = _Reader(kind, text)
    value: Any
    if kind == "point":
        value = reader.pair()
    elif kind == "lseg":
        value = tuple(reader.points(True, 2)[1])
    elif kind == "box":
        value = make_box(*reader.points(False, 2)[1])
    elif kind == "polygon":
        value = tuple(reader.points(False, reader.count())[1])
    elif kind == "path":
        value = reader.path()
    elif kind == "circle":
        value = reader.circle()
    else:
        value = reader.line()
    reader.end()
    return value


def from_binary(kind: str, data: bytes) -> Any:
    """Reads the binary format of the type with this name."""
    if kind == "point":
        return _floats(data, 2)
    if kind == "line":
        return check_line(_floats(data, 3), "22P03")
    if kind in ("lseg", "box"):
        a, b, c, d = _floats(data, 4)
        return make_box((a, b), (c, d)) if kind == "box" else ((a, b), (c, d))
    if kind == "circle":
        x, y, radius = _floats(data, 3)
        if radius < 0:
            raise BadValue("22P03", 'invalid "radius" value in external "circle" value')
        return (x, y), radius
    if kind == "path":
        if not data:
            raise bad_binary()
        return data[0] != 0, _points(data[1:], "path")
    return _points(data, "polygon")


def to_text(kind: str, value: Any, digits: int = 1) -> bytes:
    """Writes the text of the type with this name, numbers by extra_float_digits."""
    point = partial(_point, digits=digits)
    if kind == "point":
        made = point(value)
    elif kind == "line":
        made = "{" + _numbers(value, digits) + "}"
    elif kind == "circle":
        made = f"<{point(value[0])},{floats.to_digits8(value[1], digits)}>"
    elif kind == "box":
        made = ",".join(map(point, value))
    elif kind == "lseg" or (kind == "path" and not value[0]):
        made = "[" + ",".join(map(point, value if kind == "lseg" else value[1])) + "]"
    else:
        made = "(" + ",".join(map(point, value[1] if kind == "path" else value)) + ")"
    return made.encode()


def to_binary(kind: str, value: Any) -> bytes:
    """Writes the binary format of the type with this name."""
    if kind in ("point", "line"):
        return struct.pack(f"!{len(value)}d", *value)
    if kind in ("lseg", "box"):
        return struct.pack("!4d", *value[0], *value[1])
    if kind == "circle":
        return struct.pack("!3d", *value[0], value[1])
    if kind == "path":
        return struct.pack("!?", value[0]) + _put_points(value[1])
    return _put_points(value)


def _numbers(values: Sequence[float], digits: int) -> str:
    return ",".join(floats.to_digits8(value, digits) for value in values)


def _point(point: Point, digits: int) -> str:
    return f"({_numbers(point, digits)})"


def _put_points(points: Sequence[Point]) -> bytes:
    flat = [coordinate for point in points for coordinate in point]
    return struct.pack(f"!i{len(flat)}d", size_word(len(points)), *flat)


def _floats(data: bytes, count: int) -> Any:
    if len(data) != 8 * count:
        raise bad_binary()
    return struct.unpack(f"!{count}d", data)


def _points(data: bytes, name: str) -> tuple[Point, ...]:
    """A count, one at least, and that many points."""
    if len(data) < 4:
        raise bad_binary()
    (count,) = struct.unpack_from("!i", data)
    if not 0 < count < _MAX_POINTS:
        raise BadValue("22P03", f'invalid number of points in external "{name}" value')
    if len(data) - 4 != 16 * count:
        raise bad_binary()
    return tuple(struct.iter_unpack("!2d", data[4:]))


class _Reader:
    """Reads as geo_ops.c does: delimiters may be left out where that is unambiguous."""

    def __init__(self, kind: str, text: str) -> None:
        self.kind = kind
        self.text = text
        self.at = 0

    def malformed(self) -> BadValue:
        return syntax(self.kind, self.text)

    def space(self) -> None:
        self.at = skip_space(self.text, self.at)

    def take(self, wanted: str) -> bool:
        """Takes one character if it is the next."""
        found = self.text.startswith(wanted, self.at)
        self.at += found
        return found

    def expect(self, wanted: str) -> None:
        if not self.take(wanted):
            raise self.malformed()

    def end(self) -> None:
        if self.at != len(self.text):
            raise self.malformed()

    def number(self) -> float:
        """A number with white space around it."""
        self.space()
        found = _NUMBER.match(self.text, self.at)
        if not found:
            raise self.malformed()
        self.at = found.end()
        value = floats.parse8(found[0])
        self.space()
        return value

    def pair(self) -> Point:
        self.space()
        delimited = self.take("(")
        x = self.number()
        self.expect(",")
        y = self.number()
        if delimited:
            self.expect(")")
            self.space()
        return x, y

    def double_parenthesis(self) -> bool:
        """Whether a second parenthesis follows the first, which is then taken with the white space between them."""
        inner = skip_space(self.text, self.at + 1)
        if self.text.startswith("(", inner):
            self.at = inner
            return True
        return False

    def is_last_parenthesis(self) -> bool:
        return self.text.rfind("(", self.at) == self.at

    def points(self, brackets: bool, count: int) -> tuple[bool, list[Point]]:
        """So many pairs with delimiters around them; whether those are brackets."""
        self.space()
        depth = 0
        is_open = self.text.startswith("[", self.at)
        if is_open:
            if not brackets:
                raise self.malformed()
            self.at += 1
            depth = 1
        elif self.text.startswith("(", self.at):
            if self.double_parenthesis():
                depth = 1
            elif self.is_last_parenthesis():
                self.at += 1
                self.space()
                depth = 1
        points: list[Point] = []
        for _ in range(count):
            points.append(self.pair())
            self.take(",")
        for _ in range(depth):
            if not self.take(")") and not (is_open and self.take("]")):
                raise self.malformed()
            self.space()
        return is_open, points

    def count(self) -> int:
        """How many pairs the commas announce."""
        commas = self.text.count(",")
        if commas % 2 == 0:
            raise self.malformed()
        return (commas + 1) // 2

    def path(self) -> tuple[bool, tuple[Point, ...]]:
        count = self.count()
        self.space()
        # A single parenthesis around everything.
        around = self.text.startswith("(", self.at) and self.is_last_parenthesis()
        self.at += around
        is_open, points = self.points(True, count)
        if around:
            self.expect(")")
            self.space()
        return not is_open, tuple(points)

    def circle(self) -> tuple[Point, float]:
        self.space()
        around = self.take("<") or (self.text.startswith("(", self.at) and self.double_parenthesis())
        center = self.pair()
        self.take(",")
        radius = self.number()
        if radius < 0:
            raise self.malformed()
        if around:
            if not self.take(")") and not self.take(">"):
                raise self.malformed()
            self.space()
        return center, radius

    def line(self) -> tuple[float, float, float]:
        self.space()
        if self.take("{"):
            a = self.number()
            self.expect(",")
            b = self.number()
            self.expect(",")
            c = self.number()
            self.expect("}")
            self.space()
            self.end()
            return check_line((a, b, c), "22P02")
        start, to = self.points(True, 2)[1]
        self.end()
        return _through(start, to)


def _through(start: Point, to: Point) -> tuple[float, float, float]:
    """The line through two points, by PostgreSQL's arithmetic."""

    def same(a: float, b: float) -> bool:
        return a == b or abs(a - b) <= EPSILON or (isnan(a) and isnan(b))

    if same(start[0], to[0]) and same(start[1], to[1]):
        raise BadValue("22P02", "invalid line specification: must be two distinct points")
    if same(start[0], to[0]):
        return -1.0, 0.0, start[0]
    if same(start[1], to[1]):
        return 0.0, -1.0, start[1]
    rise = _finite(start[1] - to[1], start[1], to[1])
    run = _finite(start[0] - to[0], start[0], to[0])
    slope = _finite(rise / run, rise)
    if slope == 0 and rise != 0 and not (isinf(run) or isnan(run)):
        raise BadValue("22003", "value out of range: underflow")
    product = _finite(slope * start[0], slope, start[0])
    # No negative zero.
    return slope, -1.0, _finite(start[1] - product, start[1], product) + 0.0


def _finite(value: float, *parts: float) -> float:
    if isinf(value) and inf not in map(abs, parts):
        raise BadValue("22003", "value out of range: overflow")
    return value
