"""Python objects → values of a PostgreSQL type, and back.

A ``str`` is read by the type's text rules; for text types any other object becomes the text PostgreSQL would print.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from functools import partial
from typing import Any
from uuid import UUID

from ..json_text import json_text
from .types import BadValue, PgType, array, clip, floats, numeric, pg_type, syntax, text
from .types import datetime as moments
from .types import uuid as uuids
from .types.bytea import to_text as hex_text
from .types.interval import Interval
from .types.interval import to_text as interval_text
from .types.structured import STRUCTURED

_MIN8, _MAX8 = -(1 << 63), (1 << 63) - 1
_MICROSECOND = timedelta(microseconds=1)


def extract(kind: PgType, value: object, depth: int = 0) -> Any:
    """The value of an object for a column type with ``depth`` records around it; None is the caller's business."""
    if isinstance(value, str):
        text.to_utf8(value)
        return kind.parse(str(value))
    if not kind.element:
        code = kind.kind.code
        return structured.extract(code, value, depth) if code in STRUCTURED else _EXTRACT[code](value)
    if not isinstance(value, (list, tuple)):
        raise mismatch("array", value)
    walk = _Walk(pg_type(kind.element), depth)
    walk.sequence(value, 0)
    return structured.with_bounds(array.make(walk.dimensions, walk.items), value)


def mismatch(name: str, value: object) -> BadValue:
    """42804: an object of a Python type that the column's type does not take."""
    return BadValue("42804", f"cannot encode a value of Python type {clip(type(value).__name__)} as {name}")


def ranged(name: str, label: str, least: int, most: int) -> Callable[[object], int]:
    def extract_integer(value: object) -> int:
        number = _integer(name, value)
        if number is None or not least <= number <= most:
            raise BadValue("22003", f"{label} out of range")
        return number

    return extract_integer


def _integer(name: str, value: object) -> int | None:
    """None: not a finite number."""
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        if value - value != 0:
            return None
        if not value.is_integer():
            raise syntax(name, floats.to_text8(value))
        return int(value)
    if isinstance(value, Decimal):
        printed = _decimal_text(value)
        whole, _, fraction = printed.partition(".")
        if fraction.strip("0"):
            raise syntax(name, printed)
        return int(whole) if len(whole) <= 20 and whole[-1:].isdigit() else None
    number = _index(value)
    if number is None:
        raise mismatch(name, value)
    return number


def _float(name: str, value: object) -> float:
    if isinstance(value, float):
        return float(value)
    if isinstance(value, Decimal):
        return floats.parse8(_decimal_text(value))
    number = _index(value)
    if number is None:
        found = _as_float(value)
        if found is None:
            raise mismatch(name, value)
        return found
    try:
        return float(number)
    except OverflowError:
        raise BadValue("22003", "value out of range: overflow") from None


def as_double(value: object) -> float:
    """The double of a number."""
    return _float("double precision", value)


def _numeric(value: object) -> numeric.Numeric:
    if isinstance(value, Decimal):
        return numeric.parse(str(value))
    if isinstance(value, float):
        return numeric.parse(floats.to_text8(value))
    number = _index(value)
    if number is not None:
        return numeric.parse(_integer_text(number))
    found = _as_float(value)
    if found is None:
        raise mismatch("numeric", value)
    return numeric.parse(floats.to_text8(found))


def _as_text(value: object) -> str:
    """The text PostgreSQL would print for an object that is not a str."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return floats.to_text8(value)
    if isinstance(value, Decimal):
        return _decimal_text(value)
    if isinstance(value, (dict, list, tuple)):
        return _json(value)
    data = _buffer(value)
    if data is not None:
        return hex_text(data)
    if isinstance(value, datetime):
        return moments.timestamp_text(_timestamp(value), value.tzinfo is not None)
    if isinstance(value, date):
        return moments.date_text(_date(value))
    if isinstance(value, time):
        return moments.time_text(_time(value))
    if isinstance(value, timedelta):
        return interval_text(_interval(value))
    if isinstance(value, UUID):
        return uuids.to_text(value.int.to_bytes(16, "big"))
    number = _index(value)
    if number is not None:
        return _integer_text(number)
    found = _as_float(value)
    if found is None:
        raise mismatch("text", value)
    return floats.to_text8(found)


def _decimal_text(value: Decimal) -> str:
    """A Decimal as numeric's text: no exponent."""
    return numeric.to_text(numeric.parse(str(value)))


def _integer_text(value: int) -> str:
    """Decimal digits of an int; Python refuses to write very many (sys.set_int_max_str_digits)."""
    try:
        return str(value)
    except ValueError:
        raise BadValue("22003", "value overflows numeric format") from None


def _index(value: object) -> int | None:
    """The int of an object with ``__index__``."""
    return int(operator.index(value)) if hasattr(type(value), "__index__") else None  # type: ignore[arg-type]


def _as_float(value: object) -> float | None:
    """The float of an object with ``__float__``."""
    return float(value) if hasattr(type(value), "__float__") else None  # type: ignore[arg-type]


def _buffer(value: object) -> bytes | None:
    return bytes(value) if isinstance(value, (bytes, bytearray, memoryview)) else None


def _raw(value: object) -> bytes:
    data = _buffer(value)
    return _as_text(value).encode() if data is None else data


def _bytea(value: object) -> bytes:
    data = _buffer(value)
    if data is None:
        raise mismatch("bytea", value)
    return data


def _date(value: object) -> int:
    if not isinstance(value, date):
        raise mismatch("date", value)
    fields = (value.year, value.month, value.day)
    if fields == (9999, 12, 31):
        return moments.MAX32
    return moments.MIN32 if fields == (1, 1, 1) else moments.days_from_civil(*fields)


def _time(value: object) -> int:
    if not isinstance(value, (time, datetime)):
        raise mismatch("time", value)
    return ((value.hour * 60 + value.minute) * 60 + value.second) * 1_000_000 + value.microsecond


_LAST = 252_455_615_999_999_999
_FIRST = -63_082_281_600_000_000


def _timestamp(value: object, name: str = "timestamp") -> int:
    """Microseconds since 2000-01-01; an aware datetime in UTC. The first and last datetime that Python has are the infinities."""
    if not isinstance(value, datetime):
        if not isinstance(value, date):
            raise mismatch(name, value)
        days = _date(value)
        if days in (moments.MAX32, moments.MIN32):
            return moments.MAX64 if days > 0 else moments.MIN64
        return days * moments.MICROS_PER_DAY
    local = moments.days_from_civil(value.year, value.month, value.day) * moments.MICROS_PER_DAY + _time(value)
    zone = value.utcoffset() if value.tzinfo is not None else None
    offset = zone // _MICROSECOND if zone is not None else 0
    if offset == 0 and local in (_LAST, _FIRST):
        return moments.MAX64 if local == _LAST else moments.MIN64
    return local - offset


def _interval(value: object) -> Interval:
    """Days and time of a timedelta, both with the sign of the whole."""
    if not isinstance(value, timedelta):
        raise mismatch("interval", value)
    total = value // _MICROSECOND
    days, micros = divmod(abs(total), moments.MICROS_PER_DAY)
    return Interval(0, days, micros) if total >= 0 else Interval(0, -days, -micros)


def _uuid(value: object) -> bytes:
    if not isinstance(value, UUID):
        raise mismatch("uuid", value)
    return value.int.to_bytes(16, "big")


def _json(value: object) -> str:
    try:
        made = json_text(value)
    except (TypeError, ValueError) as error:
        raise BadValue("22P02", clip(f"cannot encode the value as JSON: {error}")) from None
    text.to_utf8(made)
    return text.check(made)


_EXTRACT: dict[str, Callable[[Any], Any]] = {
    "bool": lambda value: bool(ranged("boolean", "boolean", 0, 1)(value)),
    "int2": ranged("smallint", "smallint", -(1 << 15), (1 << 15) - 1),
    "int4": ranged("integer", "integer", -(1 << 31), (1 << 31) - 1),
    "int8": ranged("bigint", "bigint", _MIN8, _MAX8),
    "oid": ranged("oid", "OID", 0, (1 << 32) - 1),
    "float4": lambda value: floats.narrow(_float("real", value)),
    "float8": lambda value: _float("double precision", value),
    "numeric": _numeric,
    "text": _as_text,
    "raw": _raw,
    "json": _json,
    "jsonb": _json,
    "bytea": _bytea,
    "date": _date,
    "time": _time,
    "timestamp": _timestamp,
    "timestamptz": lambda value: _timestamp(value, "timestamp with time zone"),
    "interval": _interval,
    "uuid": _uuid,
    "void": lambda _: "",
}


class _Walk:
    """Nested sequences on their way to an array: every block of a depth must have the same size."""

    def __init__(self, element: PgType, depth: int) -> None:
        self.element = element
        self.depth = depth
        # A list is always a dimension more; a tuple may be an element that has parts.
        self.blocks: Any = list if element.kind.code in STRUCTURED else (list, tuple)
        self.dimensions: list[int] = []
        self.items: list[Any] = []

    def sequence(self, value: list[Any] | tuple[Any, ...], depth: int) -> None:
        size = len(value)
        if len(self.dimensions) == depth:
            if self.items:
                raise array.ragged()
            # A seventh dimension is refused here, before anything that contains itself is followed further.
            array.check_depth(depth + 1)
            self.dimensions.append(size)
        elif self.dimensions[depth] != size:
            raise array.ragged()
        for position in range(size):
            item = value[position]
            if isinstance(item, self.blocks):
                self.sequence(item, depth + 1)
            elif len(self.dimensions) != depth + 1:
                raise array.ragged()
            else:
                self.items.append(None if item is None else extract(self.element, item, self.depth))


def to_python(kind: PgType, value: Any) -> object:
    """The Python object of a value: 22008 for a date or time that Python's types do not reach."""
    code = kind.kind.code
    made = partial(structured.to_python, code) if code in STRUCTURED else _TO_PYTHON.get(code, _same)
    if not kind.element:
        return made(value)
    items = tuple(None if item is None else made(item) for item in value.items)
    return structured.to_list(value._replace(items=items))


def _same(value: object) -> object:
    return value


def _beyond(name: str, shown: str) -> BadValue:
    return BadValue("22008", f'{name} out of range: "{clip(shown)}"')


def _to_date(days: int) -> date:
    if days in (moments.MAX32, moments.MIN32):
        return date.max if days > 0 else date.min
    year, month, day = moments.civil_from_days(days)
    if not 1 <= year <= 9999:
        raise _beyond("date", moments.date_text(days))
    return date(year, month, day)


def _to_time(micros: int) -> time:
    if micros == moments.MICROS_PER_DAY:
        raise _beyond("time", moments.time_text(micros))
    seconds, micro = divmod(micros, 1_000_000)
    return time(seconds // 3600, seconds // 60 % 60, seconds % 60, micro)


def _to_timestamp(micros: int, zone: timezone | None) -> datetime:
    if micros in (moments.MAX64, moments.MIN64):
        return (datetime.max if micros > 0 else datetime.min).replace(tzinfo=zone)
    days, of_day = divmod(micros, moments.MICROS_PER_DAY)
    year, month, day = moments.civil_from_days(days)
    if not 1 <= year <= 9999:
        raise _beyond("timestamp", moments.timestamp_text(micros, zone is not None))
    return datetime.combine(date(year, month, day), _to_time(of_day), zone)


def _to_timedelta(value: Interval) -> timedelta:
    """A month counts thirty days."""
    days, micros = divmod(value.micros, moments.MICROS_PER_DAY)
    days += value.days + value.months * 30
    if abs(days) > 999_999_999:
        raise _beyond("interval", interval_text(value))
    return timedelta(days=days, microseconds=micros)


_TO_PYTHON: dict[str, Callable[[Any], object]] = {
    "numeric": lambda value: Decimal(numeric.to_text(value)),
    "raw": lambda value: value.decode("utf-8", "replace"),
    "date": _to_date,
    "time": _to_time,
    "timestamp": lambda value: _to_timestamp(value, None),
    "timestamptz": lambda value: _to_timestamp(value, timezone.utc),
    "interval": _to_timedelta,
    "uuid": lambda value: UUID(bytes=value),
}


# It needs the functions above.
from . import structured  # noqa: E402
