"""Python values of PostgreSQL types that Python has none for. They are exported by ``pgwire_py.types`` too."""

from __future__ import annotations

from .array import Array
from .bits import BitString
from .multiranges import Multirange
from .ranges import Range
from .shapes import Box, Circle, Line, LineSegment, Path, Point, Polygon

__all__ = [
    "Array",
    "BitString",
    "Box",
    "Circle",
    "Line",
    "LineSegment",
    "Multirange",
    "Path",
    "Point",
    "Polygon",
    "Range",
]
