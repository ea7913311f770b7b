"""Values of the multirange types."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cmp_to_key
from typing import Any, TypeVar

from .immutable import Immutable
from .ranges import Range, compare_upper, order, subtract, touches

T = TypeVar("T")


class Multirange(Immutable, Sequence[Range[T]]):
    """An immutable set of values as ranges in order with gaps between them (PostgreSQL 8.17.2).

    Ranges that overlap or touch are joined, empty ones dropped: equal sets of values that are not counted are equal.
    Bring ranges of integers or dates into canonical form first; those that were decoded are.

    Args:
        ranges: in any order.
    """

    __slots__ = ("_ranges",)

    _ranges: tuple[Range[T], ...]

    def __init__(self, ranges: Iterable[Range[T]] = ()) -> None:
        kept: list[Range[T]] = []
        for item in sorted((item for item in ranges if not item.isempty), key=cmp_to_key(order)):
            if kept and touches(kept[-1], item):
                if compare_upper(kept[-1], item) < 0:
                    kept[-1] = kept[-1].union(item)
            else:
                kept.append(item)
        object.__setattr__(self, "_ranges", tuple(kept))

    @classmethod
    def _trusted(cls, ranges: Iterable[Range[T]]) -> Multirange[T]:
        """Of ranges that are in order with gaps between them."""
        made = cls.__new__(cls)
        object.__setattr__(made, "_ranges", tuple(ranges))
        return made

    @property
    def isempty(self) -> bool:
        """Whether it holds no value."""
        return not self._ranges

    @property
    def lower(self) -> T | None:
        """The lowest bound; None if there is none."""
        return self._ranges[0].lower if self._ranges else None

    @property
    def upper(self) -> T | None:
        """The highest bound; None if there is none."""
        return self._ranges[-1].upper if self._ranges else None

    def canonical(self) -> Multirange[T]:
        """The same values in canonical ranges (see :meth:`Range.canonical`)."""
        return Multirange(item.canonical() for item in self._ranges)

    def __contains__(self, item: object) -> bool:
        """Whether a value, or all of a range or of another multirange, lies in this one."""
        if isinstance(item, Multirange):
            return all(part in self for part in item._ranges)
        if isinstance(item, Range) and item.isempty:
            return True
        return any(item in part for part in self._ranges)

    def overlaps(self, other: Range[T] | Multirange[T]) -> bool:
        """Whether both have a value in common."""
        return bool(self & other)

    def __and__(self, other: Range[T] | Multirange[T]) -> Multirange[T]:
        parts = _parts(other)
        if parts is None:
            return NotImplemented
        # Both are in order: whichever ends first has met all it can.
        found: list[Range[T]] = []
        mine, theirs = 0, 0
        while mine < len(self._ranges) and theirs < len(parts):
            found.append(self._ranges[mine] & parts[theirs])
            if compare_upper(self._ranges[mine], parts[theirs]) < 0:
                mine += 1
            else:
                theirs += 1
        return Multirange(found)

    def __or__(self, other: Range[T] | Multirange[T]) -> Multirange[T]:
        parts = _parts(other)
        return NotImplemented if parts is None else Multirange((*self._ranges, *parts))

    def __sub__(self, other: Range[T] | Multirange[T]) -> Multirange[T]:
        parts = _parts(other)
        if parts is None:
            return NotImplemented
        left: list[Range[T]] = []
        for item in self._ranges:
            rest = [item]
            for part in parts:
                rest[-1:] = subtract(rest[-1], part)
            left += rest
        return Multirange(left)

    def __getitem__(self, index: Any) -> Any:
        return self._ranges[index]

    def __len__(self) -> int:
        return len(self._ranges)

    def __iter__(self) -> Iterator[Range[T]]:
        return iter(self._ranges)

    def __eq__(self, other: object) -> bool:
        return self._ranges == other._ranges if isinstance(other, Multirange) else NotImplemented

    def __hash__(self) -> int:
        return hash((Multirange, self._ranges))

    def __lt__(self, other: Multirange[T]) -> bool:
        return self._ranges < other._ranges if isinstance(other, Multirange) else NotImplemented

    def __le__(self, other: Multirange[T]) -> bool:
        return self._ranges <= other._ranges if isinstance(other, Multirange) else NotImplemented

    def __repr__(self) -> str:
        return f"Multirange({list(self._ranges)!r})"

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return Multirange._trusted, (self._ranges,)


def _parts(other: object) -> tuple[Range[Any], ...] | None:
    if isinstance(other, Multirange):
        return other._ranges
    return ((other,) if other else ()) if isinstance(other, Range) else None
