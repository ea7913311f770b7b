"""Range, Multirange, shapes and bit strings as Python values: sets, equality, immutability, pickling, repr."""

from __future__ import annotations

import copy
import datetime as dt
import pickle
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgwire_py.types import (
    Array,
    BitString,
    Box,
    Circle,
    Line,
    LineSegment,
    Multirange,
    Path,
    Point,
    Polygon,
    Range,
)

VALUES = [
    Range(1, 5),
    Range(None, 5, upper_inc=True),
    Range(empty=True),
    Range(date(2020, 1, 1), None),
    Multirange([Range(1, 2), Range(5, None)]),
    Multirange(),
    Point(1.0, 2.0),
    Line(1.0, 2.0, 3.0),
    LineSegment(Point(1.0, 2.0), Point(3.0, 4.0)),
    Box(Point(3.0, 4.0), Point(1.0, 2.0)),
    Circle(Point(0.0, 0.0), 1.5),
    Path((1, 2), (3, 4)),
    Path((1, 2), is_closed=True),
    Polygon((1, 2), (3, 4)),
    BitString("1010 1"),
    BitString(),
]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_a_value_is_a_value(value: Any) -> None:
    for again in (
        pickle.loads(pickle.dumps(value)),
        copy.deepcopy(value),
        eval(repr(value), {**globals(), "datetime": dt}),
    ):
        assert again == value
        assert hash(again) == hash(value)
        assert repr(again) == repr(value)
        assert type(again) is type(value)
    assert [other for other in VALUES if other == value] == [value]
    for name in ("lower", "_lower", "x", "points", "_ranges", "bytes"):
        if hasattr(value, name):
            with pytest.raises(AttributeError):
                setattr(value, name, 1)
            with pytest.raises(AttributeError):
                delattr(value, name)


def test_an_array_is_a_list() -> None:
    value = Array([1, [2]], (0, -1))
    assert value == [1, [2]]
    assert repr(value) == "Array([1, [2]], lower_bounds=(0, -1))"
    again = pickle.loads(pickle.dumps(value))
    assert (again, again.lower_bounds) == (value, (0, -1))


def test_a_range() -> None:
    found = Range(1, 5, upper_inc=True)
    assert (found.lower, found.upper, found.lower_inc, found.upper_inc) == (1, 5, True, True)
    assert (found.lower_inf, found.upper_inf, found.isempty, bool(found)) == (False, False, False, True)
    assert found.canonical() == Range(1, 6)
    assert Range(date(2020, 2, 28), date(2020, 2, 28), upper_inc=True).canonical() == Range(
        date(2020, 2, 28), date(2020, 2, 29)
    )
    assert Range(1, 2, lower_inc=False).canonical().isempty
    moment = datetime(2020, 1, 1)
    assert Range(moment, moment, upper_inc=True).canonical() == Range(moment, moment, upper_inc=True)
    assert Range(date.min, date.max, upper_inc=True).canonical().upper == date.max
    assert Range(3, 3) == Range(empty=True)
    assert Range(None, None, upper_inc=True) == Range(lower_inc=False)
    assert Range(Decimal("NaN"), Decimal("NaN"), upper_inc=True)
    with pytest.raises(ValueError, match="less than or equal"):
        Range(5, 1)
    assert sorted([Range(2, 3), Range(1, None), Range(1, 2), Range(empty=True), Range(None, 1)]) == [
        Range(empty=True),
        Range(None, 1),
        Range(1, 2),
        Range(1, None),
        Range(2, 3),
    ]
    with pytest.raises(ValueError, match="the union of these ranges is no range"):
        Range(1, 2) | Range(3, 4)
    with pytest.raises(ValueError, match="the difference of these ranges is no range"):
        Range(1, 9) - Range(3, 4)
    assert Range(1, 2).adjacent(Range(2, 3))
    assert not Range(1, 3).adjacent(Range(2, 3))
    with pytest.raises(TypeError):
        Range(1, 2) < 3  # type: ignore[operator]  # noqa: B015


SPAN = 12
NUMBERS = range(-1, 2 * SPAN + 2)
"""Twice the values that are tried: whole numbers and those between them."""


@st.composite
def small(draw: Any) -> Range[int]:
    low, high = draw(st.none() | st.integers(0, SPAN)), draw(st.none() | st.integers(0, SPAN))
    if low is not None and high is not None and low > high:
        low, high = high, low
    return Range(low, high, lower_inc=draw(st.booleans()), upper_inc=draw(st.booleans()))


def members(value: Range[Any] | Multirange[Any]) -> set[int]:
    return {number for number in NUMBERS if number / 2 in value}


@given(small(), small())
def test_ranges_are_sets(a: Range[int], b: Range[int]) -> None:
    assert members(a & b) == members(a) & members(b)
    assert a.overlaps(b) == bool(members(a) & members(b))
    assert a.issubset(b) == (members(a) <= members(b)) == (a in b)
    assert a.issuperset(b) == (members(a) >= members(b))
    for operation in (Range.union, Range.difference):
        wanted = members(a) | members(b) if operation is Range.union else members(a) - members(b)
        try:
            assert members(operation(a, b)) == wanted
        except ValueError:
            # What is left is no single range: something is missing between its ends.
            assert len(range(min(wanted), max(wanted) + 1)) > len(wanted)
    assert (a == b) == (members(a) == members(b))
    if a == b:
        assert hash(a) == hash(b)


MANY = st.lists(small(), max_size=5)


@given(MANY, MANY)
def test_multiranges_are_sets(first: list[Range[int]], second: list[Range[int]]) -> None:
    a, b = Multirange(first), Multirange(second)
    assert members(a) == set().union(*map(members, first))
    assert members(a & b) == members(a) & members(b)
    assert members(a | b) == members(a) | members(b)
    assert members(a - b) == members(a) - members(b)
    assert (b in a) == (members(b) <= members(a))
    assert a.overlaps(b) == bool(members(a) & members(b))
    assert (a == b) == (members(a) == members(b))
    assert list(a) == sorted(a)
    assert all(not item.isempty for item in a)
    if first:
        assert members(a - first[0]) == members(a) - members(first[0])
        assert first[0] in a


def test_a_multirange() -> None:
    found = Multirange([Range(5, 6), Range(1, 2), Range(2, 3), Range(empty=True)])
    assert (list(found), len(found), found[1]) == ([Range(1, 3), Range(5, 6)], 2, Range(5, 6))
    assert (found.lower, found.upper, found.isempty, bool(found)) == (1, 6, False, True)
    assert Multirange([Range(1, 2, upper_inc=True), Range(3, 4)]).canonical() == Multirange([Range(1, 4)])


def test_bits() -> None:
    bits = BitString("1010 1")
    assert (len(bits), list(bits), bits[0], bits[-1], bits.bytes) == (5, [1, 0, 1, 0, 1], 1, 1, b"\xa8")
    assert (bits.as_string(), bits.to_int(), bits.to_int(signed=True)) == ("10101", 21, -11)
    assert BitString.from_int(21, 5) == BitString.from_int(-11, 5, signed=True) == bits
    assert BitString.frombytes(b"\xff", 3) == BitString("111")
    assert BitString("").to_int() == 0
    with pytest.raises(IndexError):
        bits[5]
    for call in (
        lambda: BitString("2"),
        lambda: BitString.from_int(32, 5),
        lambda: BitString.from_int(16, 5, signed=True),
        lambda: BitString.frombytes(b"", 1),
    ):
        with pytest.raises(ValueError, match=r"0 and 1 only|does not fit|do not hold"):
            call()


def test_paths() -> None:
    path = Path((1, 2), (3, 4), is_closed=True)
    assert (path.points, path.is_closed, len(path), path[1].y) == ((Point(1.0, 2.0), Point(3.0, 4.0)), True, 2, 4.0)
    assert path != Polygon((1, 2), (3, 4))
    assert Polygon((1, 2)).is_closed
