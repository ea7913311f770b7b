"""Values with parts: to the classes of ``pgwire_py.values`` and back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...values import Array, BitString, Box, Circle, Line, LineSegment, Multirange, Path, Point, Polygon, Range
from ..record_types import field_type
from . import extract as scalars
from . import python_values
from .types import BadValue, array, bits, pg_type, ranges, record, shapes, tsquery, tsvector, vectors
from .types.structured import SHAPES, SUBTYPES

_NAMES = {"varbit": "bit varying"}
_VECTORS = {"oidvector": (vectors.OID, "OID"), "int2vector": (vectors.INT2, "smallint")}


def to_python(code: str, value: Any) -> object:
    """The Python object of a value of the kind with this code."""
    return _TO_PYTHON[code](value)


def to_list(value: array.Array) -> list[Any]:
    """Nested lists, an ``Array`` where the lower bounds are not all 1."""
    made = array.to_lists(value)
    return Array(made, value.bounds) if value.bounds else made


def _range(code: str) -> Callable[[ranges.Range], Range[Any]]:
    of = pg_type(_SUBTYPE_OIDS[SUBTYPES[code]])

    def make(value: ranges.Range) -> Range[Any]:
        if value.empty:
            return Range(empty=True)
        low, high = value.lower, value.upper
        return Range._trusted(
            None if low is None else python_values.to_python(of, low.value),
            None if high is None else python_values.to_python(of, high.value),
            low is not None and low.inclusive,
            high is not None and high.inclusive,
        )

    return make


_SUBTYPE_OIDS = {"int4": 23, "int8": 20, "numeric": 1700, "date": 1082, "timestamp": 1114, "timestamptz": 1184}
_RANGES = {code: _range(code) for code in SUBTYPES}


def _multirange(code: str) -> Callable[[tuple[ranges.Range, ...]], object]:
    return lambda value: Multirange._trusted(_RANGES[code](item) for item in value)


def _record(fields: tuple[record.Field, ...]) -> tuple[object, ...]:
    return tuple(_field(field) for field in fields)


def _field(field: record.Field) -> object:
    kind = pg_type(field.oid)
    # Bytes of a type that is not known and that are no text were kept as they are.
    if field.value is None or (kind.kind.code == "raw" and not _is_utf8(field.value)):
        return field.value
    return python_values.to_python(kind, field.value)


def _is_utf8(data: bytes) -> bool:
    try:
        return "\0" not in data.decode()
    except UnicodeDecodeError:
        return False


_TO_PYTHON: dict[str, Callable[[Any], object]] = {
    **{code: _multirange(code) if code.endswith("multirange") else made for code, made in _RANGES.items()},
    "bit": lambda value: BitString.frombytes(value.data, value.length),
    "varbit": lambda value: BitString.frombytes(value.data, value.length),
    "point": lambda value: Point(*value),
    "line": lambda value: Line(*value),
    "lseg": lambda value: LineSegment(Point(*value[0]), Point(*value[1])),
    "box": lambda value: Box(Point(*value[0]), Point(*value[1])),
    "path": lambda value: Path._trusted(tuple(map(Point._make, value[1])), value[0]),
    "polygon": lambda value: Polygon._trusted(tuple(map(Point._make, value)), True),
    "circle": lambda value: Circle(Point(*value[0]), value[1]),
    "record": _record,
    "tsvector": lambda value: tsvector.to_text(value).decode(),
    "tsquery": lambda value: tsquery.to_text(value).decode(),
    "oidvector": tuple,
    "int2vector": tuple,
}


def extract(code: str, value: Any, depth: int) -> Any:
    """The value of an object for the kind with this code; ``depth`` records lie around it."""
    if code in SUBTYPES:
        return _extract_multirange(code, value) if code.endswith("multirange") else _extract_range(code, value)
    if code in SHAPES:
        return _extract_shape(code, value)
    if code == "record":
        return _extract_record(value, depth)
    if code in _VECTORS:
        if not isinstance(value, (list, tuple)):
            raise scalars.mismatch(code, value)
        of, label = _VECTORS[code]
        return tuple(map(scalars.ranged(of.name, label, of.least, of.most), value))
    if code in ("bit", "varbit") and isinstance(value, BitString) and len(value.bytes) == (len(value) + 7) // 8:
        return bits.make(len(value), value.bytes)
    raise scalars.mismatch(_NAMES.get(code, code), value)


def with_bounds(made: array.Array, value: object) -> array.Array:
    """The array from the lower bounds on that an ``Array`` asks for."""
    if not isinstance(value, Array) or not value.lower_bounds or not made.items:
        return made
    bounds: Any = value.lower_bounds
    if len(bounds) != len(made.dimensions):
        raise BadValue("2202E", f"{len(bounds)} lower bounds for an array of {len(made.dimensions)} dimensions")
    if not all(isinstance(bound, int) and -(1 << 31) <= bound < 1 << 31 for bound in bounds):
        raise BadValue("22003", "integer out of range")
    return array.starting_at(made, bounds)


def _extract_range(code: str, value: Any) -> ranges.Range:
    if not isinstance(value, Range):
        raise scalars.mismatch(code, value)
    if value.isempty:
        return ranges.EMPTY_RANGE
    of = pg_type(_SUBTYPE_OIDS[SUBTYPES[code]])
    low, high = (
        None if bound is None else ranges.Bound(scalars.extract(of, bound), bool(inclusive))
        for bound, inclusive in ((value.lower, value.lower_inc), (value.upper, value.upper_inc))
    )
    return ranges.make(SUBTYPES[code], low, high)


def _extract_multirange(code: str, value: Any) -> tuple[ranges.Range, ...]:
    if not isinstance(value, (list, tuple, Multirange)):
        raise scalars.mismatch(code, value)
    items: list[ranges.Range] = []
    for item in value:
        if not isinstance(item, Range):
            raise scalars.mismatch(code, item)
        items.append(_extract_range(code, item))
    return ranges.merge(SUBTYPES[code], items)


def _extract_record(value: Any, depth: int) -> tuple[record.Field, ...]:
    """A tuple or list as a record: each field's type is that of its Python value."""
    if not isinstance(value, (list, tuple)):
        raise scalars.mismatch("record", value)
    record.check_depth(depth)
    fields: list[record.Field] = []
    for item in value:
        oid = field_type(item)
        fields.append(record.Field(oid, None if item is None else scalars.extract(pg_type(oid), item, depth + 1)))
    return tuple(fields)


def _extract_shape(code: str, value: Any) -> Any:
    if code == "point":
        return _coordinates(code, value, 2)
    if code == "line":
        a, b, c = _coordinates(code, value, 3)
        return shapes.check_line((a, b, c), "22P02")
    if code in ("lseg", "box"):
        _parts(code, value, 2)
        first, second = _coordinates(code, value[0], 2), _coordinates(code, value[1], 2)
        return shapes.make_box(first, second) if code == "box" else (first, second)
    if code == "circle":
        _parts(code, value, 2)
        center, radius = _coordinates(code, value[0], 2), scalars.as_double(value[1])
        if radius < 0:
            raise BadValue("22P02", "a circle has no negative radius")
        return center, radius
    if isinstance(value, Path):
        is_closed, found = value.is_closed, value.points
    elif isinstance(value, (list, tuple)):
        is_closed, found = isinstance(value, tuple), tuple(value)
    else:
        raise scalars.mismatch(code, value)
    points = tuple(_coordinates(code, point, 2) for point in found)
    if not points:
        raise BadValue("22P02", "a path or polygon has one point at least")
    return (bool(is_closed), points) if code == "path" else points


def _parts(code: str, value: Any, count: int) -> None:
    if not isinstance(value, (list, tuple)) or len(value) != count:
        raise scalars.mismatch(code, value)


def _coordinates(code: str, value: Any, count: int) -> Any:
    _parts(code, value, count)
    return tuple(map(scalars.as_double, value))
