"""PostgreSQL's types in Python: the values Python has none for, and the registry of codecs that a connection uses."""

from __future__ import annotations

from ..values import Array, BitString, Box, Circle, Line, LineSegment, Multirange, Path, Point, Polygon, Range
from .composites import record_class
from .registry import TypeRegistry

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
    "TypeRegistry",
    "record_class",
]
