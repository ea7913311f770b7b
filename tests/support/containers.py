"""Values of the types with parts: their OIDs, and generators of Python values and of texts for each."""

from __future__ import annotations

from datetime import date, datetime, timezone
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from pgwire_py.values import (
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

# Name → OID, OID of its array type.
TYPES = {
    "bit": (1560, 1561),
    "varbit": (1562, 1563),
    "point": (600, 1017),
    "lseg": (601, 1018),
    "path": (602, 1019),
    "box": (603, 1020),
    "polygon": (604, 1027),
    "line": (628, 629),
    "circle": (718, 719),
    "int4range": (3904, 3905),
    "numrange": (3906, 3907),
    "tsrange": (3908, 3909),
    "tstzrange": (3910, 3911),
    "daterange": (3912, 3913),
    "int8range": (3926, 3927),
    "int4multirange": (4451, 6150),
    "nummultirange": (4532, 6151),
    "tsmultirange": (4533, 6152),
    "tstzmultirange": (4534, 6153),
    "datemultirange": (4535, 6155),
    "int8multirange": (4536, 6157),
    "tsvector": (3614, 3643),
    "tsquery": (3615, 3645),
    "int2vector": (22, 1006),
    "oidvector": (30, 1013),
}
RECORD, RECORD_ARRAY = 2249, 2287
OIDS = [oid for both in TYPES.values() for oid in both] + [RECORD, RECORD_ARRAY]

FLOATS = st.floats(allow_nan=False) | st.sampled_from([0.0, -0.0, 1e-300, 1.7976931348623157e308, 5e-324, 1e15, 1e16])
_ANY_FLOATS = FLOATS | st.just(float("nan"))
_POINTS = st.builds(Point, FLOATS, FLOATS)
_PATHS = st.lists(_POINTS, min_size=1, max_size=4)
_INT4 = st.integers(-(1 << 31), (1 << 31) - 2) | st.integers(-3, 9)
_INT8 = st.integers(-(1 << 63), (1 << 63) - 2) | st.integers(-3, 9)
_NUMBERS = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**20), max_value=10**20) | st.sampled_from(
    [Decimal(text) for text in ("0.0", "1.50", "1.5", "1e20", "Infinity", "-Infinity", "NaN", "-0.001")]
)
_DATES = st.dates(date(1, 1, 2), date(9999, 12, 29)) | st.sampled_from([date.min, date.max])
_TIMES = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)) | st.sampled_from([datetime.min, datetime.max])
_ZONED = _TIMES.map(lambda value: value.replace(tzinfo=timezone.utc))
BOUNDS = {"int4": _INT4, "int8": _INT8, "num": _NUMBERS, "date": _DATES, "ts": _TIMES, "tstz": _ZONED}


@st.composite
def ranges(draw: Any, bounds: st.SearchStrategy[Any]) -> Range[Any]:
    """A range of any form over bounds, which are put into order."""
    low, high = draw(st.none() | bounds), draw(st.none() | bounds)
    inclusive = {"lower_inc": draw(st.booleans()), "upper_inc": draw(st.booleans())}
    if draw(st.integers(0, 9)) == 0:
        return Range(empty=True)
    try:
        return Range(low, high, **inclusive)
    except ValueError:
        return Range(high, low, **inclusive)


# Letters that mean something to one of the parsers, and others.
WORDS = st.text(st.sampled_from("ab'\\:*é😀 (){}[]<>,;\"!&|1"), min_size=1, max_size=6)


def quoted_lexeme(word: str) -> str:
    return "'" + word.replace("\\", "\\\\").replace("'", "''") + "'"


_LEXEMES = WORDS.map(quoted_lexeme)
_POSITIONS = st.lists(
    st.builds(
        lambda at, weight: f"{at}{weight}", st.integers(1, 20_000), st.sampled_from(["", "A", "b", "C", "D", "*"])
    ),
    max_size=4,
).map(lambda parts: ":" + ",".join(parts) if parts else "")
_TSVECTORS = st.lists(st.builds(str.__add__, _LEXEMES, _POSITIONS), max_size=5).map(" ".join)
_OPERANDS = st.builds(str.__add__, _LEXEMES, st.sampled_from(["", ":*", ":A", ":*bd", ":abcd"]))
# PostgreSQL does not read back an empty query in binary.
_TSQUERIES = st.recursive(
    _OPERANDS,
    lambda inner: (
        st.builds(
            lambda a, operator, b: f"{a} {operator} {b}", inner, st.sampled_from(["&", "|", "<->", "<2>", "<0>"]), inner
        )
        | inner.map(lambda text: f"!({text})")
        | inner.map(lambda text: f"({text})")
    ),
    max_leaves=8,
)
_BITS = st.text("01", max_size=20).map(BitString)

VALUES: dict[str, st.SearchStrategy[Any]] = {
    "bit": _BITS,
    "varbit": _BITS,
    "point": st.builds(Point, _ANY_FLOATS, _ANY_FLOATS),
    "lseg": st.builds(LineSegment, _POINTS, _POINTS),
    "path": st.builds(lambda points, closed: Path(*points, is_closed=closed), _PATHS, st.booleans()),
    "box": st.builds(Box, _POINTS, _POINTS),
    "polygon": _PATHS.map(lambda points: Polygon(*points)),
    "line": st.builds(Line, FLOATS, st.sampled_from([1.0, -2.5, 1e300]), FLOATS),
    "circle": st.builds(Circle, _POINTS, FLOATS.map(abs)),
    **{f"{name}range": ranges(bounds) for name, bounds in BOUNDS.items()},
    **{f"{name}multirange": st.lists(ranges(bounds), max_size=4).map(Multirange) for name, bounds in BOUNDS.items()},
    "tsvector": _TSVECTORS,
    "tsquery": _TSQUERIES,
    # PostgreSQL does not read back an empty vector in binary.
    "int2vector": st.lists(st.integers(-32768, 32767), min_size=1, max_size=5).map(tuple),
    "oidvector": st.lists(st.integers(0, 4294967295), min_size=1, max_size=5).map(tuple),
}


@st.composite
def arrays(draw: Any, items: st.SearchStrategy[Any]) -> list[Any]:
    """Nested lists of one to three dimensions, with NULLs, some with lower bounds."""
    sizes = draw(st.lists(st.integers(1, 3), min_size=1, max_size=3))
    level: Any = st.none() | items
    for size in reversed(sizes):
        level = st.lists(level, min_size=size, max_size=size)
    made: list[Any] = draw(level)
    if draw(st.booleans()):
        return made
    return Array(made, draw(st.tuples(*[st.integers(-5, 5)] * len(sizes))))
