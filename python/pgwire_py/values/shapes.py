"""Values of the geometric types (PostgreSQL 8.8); names and attributes are asyncpg's."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from .immutable import Immutable


class Point(NamedTuple):
    """A place in a plane."""

    x: float
    y: float


class Line(NamedTuple):
    """The line ax + by + c = 0."""

    a: float
    b: float
    c: float


class LineSegment(NamedTuple):
    """A line segment between two points."""

    p1: Point
    p2: Point


class Box(NamedTuple):
    """A rectangle by its upper right and lower left corner; PostgreSQL sorts the coordinates of any two opposite ones."""

    high: Point
    low: Point


class Circle(NamedTuple):
    """A circle; the radius is not negative."""

    center: Point
    radius: float


class Path(Immutable):
    """A path through points, open unless ``is_closed``; immutable, and a sequence of its points.

    Args:
        points: each a pair of coordinates.
    """

    __slots__ = ("_is_closed", "_points")

    _points: tuple[Point, ...]
    _is_closed: bool

    def __init__(self, *points: Iterable[float], is_closed: bool = False) -> None:
        object.__setattr__(self, "_points", tuple(Point(*map(float, point)) for point in points))
        object.__setattr__(self, "_is_closed", is_closed)

    @classmethod
    def _trusted(cls, points: tuple[Point, ...], is_closed: bool) -> Path:
        """Of points that need no conversion."""
        made = cls.__new__(cls)
        object.__setattr__(made, "_points", points)
        object.__setattr__(made, "_is_closed", is_closed)
        return made

    @property
    def points(self) -> tuple[Point, ...]:
        """The points in order."""
        return self._points

    @property
    def is_closed(self) -> bool:
        """Whether the last point is joined to the first."""
        return self._is_closed

    def __len__(self) -> int:
        return len(self._points)

    def __getitem__(self, index: int) -> Point:
        return self._points[index]

    def __iter__(self) -> Iterator[Point]:
        return iter(self._points)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Path) or type(other) is not type(self):
            return NotImplemented
        return (self._points, self._is_closed) == (other._points, other._is_closed)

    def __hash__(self) -> int:
        return hash((type(self).__name__, self._points, self._is_closed))

    def __repr__(self) -> str:
        points = ", ".join(f"({point.x!r}, {point.y!r})" for point in self._points)
        return f"Path({points}, is_closed={self._is_closed})"

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return Path._trusted, (self._points, self._is_closed)


class Polygon(Path):
    """A polygon by its corners: a closed path, and no value of type path."""

    __slots__ = ()

    def __init__(self, *points: Iterable[float]) -> None:
        super().__init__(*points, is_closed=True)

    def __repr__(self) -> str:
        return f"Polygon({', '.join(f'({point.x!r}, {point.y!r})' for point in self._points)})"

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return Polygon, self._points
