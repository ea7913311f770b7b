"""Python objects → values of a PostgreSQL type.

A ``str`` is read by the type's text rules; for text types any other object becomes the text PostgreSQL would print.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import partial
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Any
from uuid import UUID

from ..json_text import json_text
from .types import BadValue, PgType, array, clip, floats, money, network, numeric, pg_type, syntax, system, text, timetz
from .types import datetime as moments
from .types import uuid as uuids
from .types.bytea import to_text as hex_text
from .types.interval import INFINITY, NEGATIVE_INFINITY, Interval
from .types.interval import to_text as interval_text
from .types.structured import STRUCTURED

_MIN8, _MAX8 = -(1 << 63), (1 << 63) - 1
_MICROSECOND = timedelta(microseconds=1)
ADDRESSES = (IPv4Address, IPv6Address, IPv4Network, IPv6Network)


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


def _numeric(value: object, name: str = "numeric") -> numeric.Numeric:
    if isinstance(value, Decimal):
        return numeric.parse(str(value))
    if isinstance(value, float):
        return numeric.parse(floats.to_text8(value))
    number = _index(value)
    if number is not None:
        return numeric.parse(_integer_text(number))
    found = _as_float(value)
    if found is None:
        raise mismatch(name, value)
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
    if isinstance(value, ADDRESSES):
        return str(value)
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


def _time(value: object, name: str = "time") -> int:
    if not isinstance(value, (time, datetime)):
        raise mismatch(name, value)
    return ((value.hour * 60 + value.minute) * 60 + value.second) * 1_000_000 + value.microsecond


def _timetz(value: object) -> timetz.TimeTz:
    micros = _time(value, "time with time zone")
    assert isinstance(value, (time, datetime))
    if value.tzinfo is None:
        return timetz.make(micros, 0)
    offset = value.utcoffset()
    if offset is None:
        raise BadValue("22023", "a time whose offset depends on the date has no offset")
    return timetz.make(micros, -(offset // timedelta(seconds=1)))


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
    """Days and time of a timedelta, both with the sign of the whole; the longest and the shortest one are the infinities."""
    if not isinstance(value, timedelta):
        raise mismatch("interval", value)
    if value in (timedelta.max, timedelta.min):
        return INFINITY if value == timedelta.max else NEGATIVE_INFINITY
    total = value // _MICROSECOND
    days, micros = divmod(abs(total), moments.MICROS_PER_DAY)
    return Interval(0, days, micros) if total >= 0 else Interval(0, -days, -micros)


def _tid(value: object) -> system.Tid:
    if not isinstance(value, (list, tuple)):
        raise mismatch("tid", value)
    if len(value) != 2:
        raise BadValue("42804", "a tid is a tuple of 2")
    block, offset = (_integer("tid", item) for item in value)
    if block is None or offset is None or not (0 <= block < 1 << 32 and 0 <= offset < 1 << 16):
        raise BadValue("22003", "tid out of range")
    return system.Tid(block, offset)


def _snapshot(value: object) -> system.Snapshot:
    if not isinstance(value, (list, tuple)):
        raise mismatch("pg_snapshot", value)
    if len(value) != 3:
        raise BadValue("42804", "a pg_snapshot is a tuple of 3")
    xmin, xmax = (_integer("pg_snapshot", item) for item in value[:2])
    if not isinstance(value[2], (list, tuple)):
        raise mismatch("pg_snapshot", value[2])
    numbers = [xmin, xmax, *(_integer("pg_snapshot", item) for item in value[2])]
    fitting = [number for number in numbers if number is not None and 0 <= number < 1 << 64]
    made = system.make_snapshot(fitting[0], fitting[1], fitting[2:]) if len(fitting) == len(numbers) else None
    if made is None:
        raise BadValue("22003", "pg_snapshot out of range")
    return made


def _char(value: object) -> int:
    data = _buffer(value)
    if data is None:
        raise mismatch('"char"', value)
    if len(data) > 1:
        raise BadValue("22003", '"char" out of range')
    return data[0] if data else 0


def _inet(name: str, value: object) -> network.Inet:
    if not isinstance(value, ADDRESSES):
        raise mismatch(name, value)
    return network.parse(name, str(value))


def _text_alone(name: str, value: object) -> str:
    raise mismatch(name, value)


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
    "xid": ranged("xid", "xid", 0, (1 << 32) - 1),
    "cid": ranged("cid", "cid", 0, (1 << 32) - 1),
    "xid8": ranged("xid8", "xid8", 0, (1 << 64) - 1),
    "reg": ranged("oid", "OID", 0, (1 << 32) - 1),
    "pg_lsn": ranged("pg_lsn", "pg_lsn", 0, (1 << 64) - 1),
    "tid": _tid,
    "snapshot": _snapshot,
    "money": lambda value: money.from_numeric(_numeric(value, "money")),
    "name": lambda value: system.clip_name(_as_text(value)),
    "char": _char,
    "timetz": _timetz,
    "inet": partial(_inet, "inet"),
    "cidr": partial(_inet, "cidr"),
    "jsonpath": partial(_text_alone, "jsonpath"),
    "macaddr": partial(_text_alone, "macaddr"),
    "macaddr8": partial(_text_alone, "macaddr8"),
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
        # A tuple is an element of its own where the elements are tuples.
        tuples = element.kind.code in STRUCTURED or element.kind.code in ("tid", "snapshot")
        self.blocks: tuple[type[Sequence[Any]], ...] = (list,) if tuples else (list, tuple)
        self.dimensions: list[int] = []
        self.items: list[Any] = []

    def sequence(self, value: Sequence[Any], depth: int) -> None:
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


# It needs the functions above.
from . import structured  # noqa: E402
