"""Values of the range types."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from math import isnan
from typing import Any, Generic, TypeVar

from .immutable import Immutable

T = TypeVar("T")


class Range(Immutable, Generic[T]):
    """An immutable range of values that have an order (PostgreSQL 8.17); the names are asyncpg's.

    An infinite bound is never inclusive. Bounds that leave nothing between them make the empty range, which has no bounds.
    Values are compared as Python compares them, NaN being the largest, as in PostgreSQL.

    Args:
        lower: None: without bound.
        upper: None: without bound.
        lower_inc: whether the lower bound belongs to the range.
        upper_inc: whether the upper bound belongs to the range.
        empty: the empty range; the bounds do not count then.

    Raises:
        ValueError: the lower bound is greater than the upper one.
    """

    __slots__ = ("_empty", "_lower", "_lower_inc", "_upper", "_upper_inc")

    _lower: T | None
    _upper: T | None
    _lower_inc: bool
    _upper_inc: bool
    _empty: bool

    def __init__(
        self,
        lower: T | None = None,
        upper: T | None = None,
        *,
        lower_inc: bool = True,
        upper_inc: bool = False,
        empty: bool = False,
    ) -> None:
        if not empty and lower is not None and upper is not None:
            order = compare(lower, upper)
            if order > 0:
                raise ValueError("the lower bound of a range must be less than or equal to the upper bound")
            empty = order == 0 and not (lower_inc and upper_inc)
        put = object.__setattr__
        put(self, "_empty", bool(empty))
        put(self, "_lower", None if empty else lower)
        put(self, "_upper", None if empty else upper)
        put(self, "_lower_inc", bool(lower_inc) and not empty and lower is not None)
        put(self, "_upper_inc", bool(upper_inc) and not empty and upper is not None)

    @classmethod
    def _trusted(cls, lower: T | None, upper: T | None, lower_inc: bool, upper_inc: bool) -> Range[T]:
        """A range that is known to be one and not empty; its bounds are not compared."""
        made = cls.__new__(cls)
        put = object.__setattr__
        put(made, "_empty", False)
        put(made, "_lower", lower)
        put(made, "_upper", upper)
        put(made, "_lower_inc", lower_inc)
        put(made, "_upper_inc", upper_inc)
        return made

    @property
    def lower(self) -> T | None:
        """The lower bound; None if there is none."""
        return self._lower

    @property
    def upper(self) -> T | None:
        """The upper bound; None if there is none."""
        return self._upper

    @property
    def lower_inc(self) -> bool:
        """Whether the lower bound belongs to the range."""
        return self._lower_inc

    @property
    def upper_inc(self) -> bool:
        """Whether the upper bound belongs to the range."""
        return self._upper_inc

    @property
    def lower_inf(self) -> bool:
        """Whether there is no lower bound."""
        return self._lower is None and not self._empty

    @property
    def upper_inf(self) -> bool:
        """Whether there is no upper bound."""
        return self._upper is None and not self._empty

    @property
    def isempty(self) -> bool:
        """Whether no value lies in the range."""
        return self._empty

    def canonical(self) -> Range[T]:
        """The same values as ``[lower, upper)`` if they are integers or dates; another range is its own canonical form.

        The codecs bring ranges of int4range, int8range and daterange into this form, as PostgreSQL does.
        """
        lower, lower_inc = _one_further(self._lower, self._lower_inc, False)
        upper, upper_inc = _one_further(self._upper, self._upper_inc, True)
        return Range(lower, upper, lower_inc=lower_inc, upper_inc=upper_inc, empty=self._empty)

    def __contains__(self, item: object) -> bool:
        """Whether a value, or all of another range, lies in this one."""
        if isinstance(item, Range):
            return self.issuperset(item)
        if self._empty:
            return False
        one = Range(item, item, upper_inc=True)
        return self.issuperset(one)  # type: ignore[arg-type]

    def issubset(self, other: Range[T]) -> bool:
        """Whether every value of this range lies in the other."""
        if self._empty or other._empty:
            return self._empty
        return compare_lower(other, self) <= 0 and compare_upper(self, other) <= 0

    def issuperset(self, other: Range[T]) -> bool:
        """Whether every value of the other range lies in this one."""
        return other.issubset(self)

    def overlaps(self, other: Range[T]) -> bool:
        """Whether the ranges have a value in common."""
        return not self.intersection(other)._empty

    def adjacent(self, other: Range[T]) -> bool:
        """Whether nothing lies between the ranges and they have no value in common; integers and dates in canonical form."""
        if self._empty or other._empty:
            return False
        first, second = (self, other) if compare_lower(self, other) <= 0 else (other, self)
        return touches(first, second) and not first.overlaps(second)

    def intersection(self, other: Range[T]) -> Range[T]:
        """The values in both ranges."""
        if self._empty or other._empty:
            return Range(empty=True)
        low = self if compare_lower(self, other) >= 0 else other
        high = self if compare_upper(self, other) <= 0 else other
        if low._lower is not None and high._upper is not None and compare(low._lower, high._upper) > 0:
            return Range(empty=True)
        return Range(low._lower, high._upper, lower_inc=low._lower_inc, upper_inc=high._upper_inc)

    def union(self, other: Range[T]) -> Range[T]:
        """The values in either range; ValueError if those are no range (a Multirange can hold them)."""
        if self._empty or other._empty:
            return other if self._empty else self
        first, second = (self, other) if compare_lower(self, other) <= 0 else (other, self)
        if not touches(first, second):
            raise ValueError("the union of these ranges is no range: something lies between them")
        high = first if compare_upper(first, second) >= 0 else second
        return Range(first._lower, high._upper, lower_inc=first._lower_inc, upper_inc=high._upper_inc)

    def difference(self, other: Range[T]) -> Range[T]:
        """The values in this range that are not in the other; ValueError if those are no range (a Multirange can hold them)."""
        left = [part for part in subtract(self, other) if not part._empty]
        if len(left) > 1:
            raise ValueError("the difference of these ranges is no range: values are left on both sides")
        return left[0] if left else Range(empty=True)

    def __and__(self, other: Range[T]) -> Range[T]:
        return self.intersection(other) if isinstance(other, Range) else NotImplemented

    def __or__(self, other: Range[T]) -> Range[T]:
        return self.union(other) if isinstance(other, Range) else NotImplemented

    def __sub__(self, other: Range[T]) -> Range[T]:
        return self.difference(other) if isinstance(other, Range) else NotImplemented

    def __bool__(self) -> bool:
        return not self._empty

    def __eq__(self, other: object) -> bool:
        return self._key() == other._key() if isinstance(other, Range) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._key())

    def __lt__(self, other: Range[T]) -> bool:
        return order(self, other) < 0 if isinstance(other, Range) else NotImplemented

    def __le__(self, other: Range[T]) -> bool:
        return order(self, other) <= 0 if isinstance(other, Range) else NotImplemented

    def __gt__(self, other: Range[T]) -> bool:
        return order(self, other) > 0 if isinstance(other, Range) else NotImplemented

    def __ge__(self, other: Range[T]) -> bool:
        return order(self, other) >= 0 if isinstance(other, Range) else NotImplemented

    def _key(self) -> tuple[object, ...]:
        return self._empty, self._lower, self._upper, self._lower_inc, self._upper_inc

    def __repr__(self) -> str:
        if self._empty:
            return "Range(empty=True)"
        return f"Range({self._lower!r}, {self._upper!r}, lower_inc={self._lower_inc}, upper_inc={self._upper_inc})"

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return _restored, (self._lower, self._upper, self._lower_inc, self._upper_inc, self._empty)


def _restored(lower: Any, upper: Any, lower_inc: bool, upper_inc: bool, empty: bool) -> Range[Any]:
    return Range(empty=True) if empty else Range._trusted(lower, upper, lower_inc, upper_inc)


def _one_further(value: Any, inclusive: bool, wanted: bool) -> tuple[Any, bool]:
    """The next value and the other inclusiveness, where values can be counted and the bound is not as it should be."""
    if inclusive is not wanted or value is None:
        return value, inclusive
    if isinstance(value, int):
        return value + 1, not inclusive
    # The first and the last date stand for the infinities, which have no neighbours.
    if isinstance(value, date) and not isinstance(value, datetime) and value not in (date.min, date.max):
        return value + timedelta(days=1), not inclusive
    return value, inclusive


def compare(a: Any, b: Any) -> int:
    """-1, 0 or 1; NaN equals itself and is greater than anything else."""
    nan = _is_nan(a), _is_nan(b)
    if any(nan):
        return int(nan[0]) - int(nan[1])
    return int(a > b) - int(a < b)


def _is_nan(value: object) -> bool:
    return isinstance(value, (float, Decimal)) and isnan(value)


def compare_lower(a: Range[Any], b: Range[Any]) -> int:
    """Which of two ranges, neither empty, begins first."""
    if a._lower is None or b._lower is None:
        return int(b._lower is None) - int(a._lower is None)
    return compare(a._lower, b._lower) or int(b._lower_inc) - int(a._lower_inc)


def compare_upper(a: Range[Any], b: Range[Any]) -> int:
    """Which of two ranges, neither empty, ends first."""
    if a._upper is None or b._upper is None:
        return int(a._upper is None) - int(b._upper is None)
    return compare(a._upper, b._upper) or int(a._upper_inc) - int(b._upper_inc)


def order(a: Range[Any], b: Range[Any]) -> int:
    """PostgreSQL's order: empty ranges first, then by the lower and the upper bound."""
    if a._empty or b._empty:
        return int(b._empty) - int(a._empty)
    return compare_lower(a, b) or compare_upper(a, b)


def touches(first: Range[Any], second: Range[Any]) -> bool:
    """Whether nothing lies between two ranges of which the first begins no later."""
    if first._upper is None or second._lower is None:
        return True
    found = compare(first._upper, second._lower)
    return found > 0 or (found == 0 and (first._upper_inc or second._lower_inc))


def subtract(a: Range[Any], b: Range[Any]) -> tuple[Range[Any], ...]:
    """What is left of a range on each side of another."""
    if not a.overlaps(b):
        return (a,)
    left: Range[Any] = Range(empty=True)
    right: Range[Any] = Range(empty=True)
    if compare_lower(a, b) < 0:
        left = Range(a._lower, b._lower, lower_inc=a._lower_inc, upper_inc=not b._lower_inc)
    if compare_upper(a, b) > 0:
        right = Range(b._upper, a._upper, lower_inc=not b._upper_inc, upper_inc=a._upper_inc)
    return left, right
