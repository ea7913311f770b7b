"""PostgreSQL's types in Python: the values Python has none for, and the registry of codecs that a connection uses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._lazy import lazy, places

if TYPE_CHECKING:
    from ..values import Array, BitString, Box, Circle, Line, LineSegment, Multirange, Path, Point, Polygon, Range
    from .composites import record_class
    from .registry import TypeRegistry
else:
    _PLACES = places(
        {
            "..values": "Array BitString Box Circle Line LineSegment Multirange Path Point Polygon Range",
            ".composites": "record_class",
            ".registry": "TypeRegistry",
        }
    )
    __getattr__, __dir__ = lazy(__name__, _PLACES)

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
