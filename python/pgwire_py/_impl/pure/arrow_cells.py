"""One value of an Arrow array, read from its buffers: a reader per column, called with the row."""

from __future__ import annotations

import ctypes
import json
import math
import struct
from collections.abc import Callable
from typing import Any

from .arrow_memory import ArrowArray, Field
from .types import BadValue, array, floats, numeric, text
from .types import datetime as moments
from .types.bytea import to_text as hex_text
from .types.interval import Interval
from .types.interval import to_text as interval_text

Reader = Callable[[int], Any]
"""Row (from 0) → plain value as the codecs take it, or None."""

INTEGERS = {"c": "b", "C": "B", "s": "h", "S": "H", "i": "i", "I": "I", "l": "q", "L": "Q"}
"""Format of an Arrow integer → its layout for :mod:`struct`."""

FLOATS = {"e": "e", "f": "f", "g": "d"}

_UNITS = {"s": 1_000_000, "m": 1000, "u": 1}
_VIEW = struct.Struct("=i4sii")
_DAY_TIME = struct.Struct("=ii")
_MONTH_DAY_NANO = struct.Struct("=iiq")


def reader(field: Field, source: ArrowArray, kind: str = "") -> Reader:
    """A reader of a column; ``kind`` is ``uuid`` or ``json`` where the bytes mean that."""
    values = _dictionary(field, source, kind) if field.dictionary else _values(field, source, kind)
    is_valid = _validity(source)
    if is_valid is None:
        return values
    return lambda row: values(row) if is_valid(row) else None


def _validity(source: ArrowArray) -> Callable[[int], bool] | None:
    """Bits of the first buffer, the least significant first; none where nothing is null."""
    if source.n_buffers == 0 or source.null_count == 0 or not source.buffers[0]:
        return None
    bits = _memory(source.buffers[0], (source.offset + source.length + 7) // 8)
    offset = source.offset
    return lambda row: bool(bits[(row + offset) >> 3] >> ((row + offset) & 7) & 1)


def _memory(address: int | None, size: int) -> memoryview:
    if not address or size <= 0:
        return memoryview(b"")
    return memoryview((ctypes.c_char * size).from_address(address)).cast("B")


def _buffer(source: ArrowArray, index: int, width: int, extra: int = 0) -> memoryview:
    """A buffer of values so many bytes wide, from the array's first one on."""
    count = source.length + source.offset + extra
    return _memory(source.buffers[index], count * width)[source.offset * width :]


def _numbers(source: ArrowArray, index: int, layout: str, extra: int = 0) -> Any:
    """A buffer as numbers of a native layout."""
    data: Any = _buffer(source, index, struct.calcsize("=" + layout), extra)
    return data.cast(layout)


def _values(field: Field, source: ArrowArray, kind: str) -> Reader:
    code = field.format
    if code == "n":
        return lambda row: None
    if code in INTEGERS:
        numbers = _numbers(source, 1, INTEGERS[code])
        # uint64 has no integer type in PostgreSQL that holds it.
        return (lambda row: numeric.parse(str(numbers[row]))) if code == "L" else lambda row: numbers[row]
    if code == "e":
        halves = _buffer(source, 1, 2)
        return lambda row: struct.unpack_from("=e", halves, row * 2)[0]
    if code in FLOATS:
        numbers = _numbers(source, 1, FLOATS[code])
        return lambda row: numbers[row]
    if code == "b":
        bits = _memory(source.buffers[1], (source.offset + source.length + 7) // 8)
        return lambda row: bool(bits[(row + source.offset) >> 3] >> ((row + source.offset) & 7) & 1)
    if code in _BYTES:
        data = _BYTES[code](source)
        if code in ("u", "U", "vu"):
            return lambda row: text.from_utf8(data(row))
        return data
    if code.startswith("w:"):
        width = int(code[2:])
        fixed = _buffer(source, 1, width)
        return lambda row: bytes(fixed[row * width : row * width + width])
    if code.startswith("d:"):
        return _decimal(code, source)
    if code.startswith("t"):
        return _temporal(code, source)
    if field.is_list:
        return _list(field, source)
    return _json(field, source)


def _variable(layout: str) -> Callable[[ArrowArray], Callable[[int], bytes]]:
    """Bytes between two offsets."""

    def make(source: ArrowArray) -> Callable[[int], bytes]:
        offsets = _numbers(source, 1, layout, 1)
        data = _memory(source.buffers[2], offsets[source.length] if source.length else 0)
        return lambda row: bytes(data[offsets[row] : offsets[row + 1]])

    return make


def _view(source: ArrowArray) -> Callable[[int], bytes]:
    """Up to twelve bytes in place, or a place in one of the data buffers, whose sizes the last buffer holds."""
    views = _buffer(source, 1, 16)
    count = source.n_buffers - 3
    sizes = _memory(source.buffers[source.n_buffers - 1], count * 8).cast("q") if count > 0 else memoryview(b"")
    data = [_memory(source.buffers[index + 2], sizes[index]) for index in range(count)]

    def read(row: int) -> bytes:
        length, _, buffer, offset = _VIEW.unpack_from(views, row * 16)
        if length <= 12:
            return bytes(views[row * 16 + 4 : row * 16 + 4 + length])
        return bytes(data[buffer][offset : offset + length])

    return read


_BYTES = {
    "u": _variable("i"),
    "z": _variable("i"),
    "U": _variable("q"),
    "Z": _variable("q"),
    "vu": _view,
    "vz": _view,
}


def _decimal(code: str, source: ArrowArray) -> Reader:
    """``d:precision,scale[,bits]``: an integer of 128 bits or as many as are given."""
    _, scale, *bits = code[2:].split(",")
    width = int(bits[0]) // 8 if bits else 16
    data = _buffer(source, 1, width)

    def read(row: int) -> numeric.Numeric:
        value = int.from_bytes(data[row * width : row * width + width], "little", signed=True)
        return numeric.parse(f"{value}e{-int(scale)}")

    return read


def _temporal(code: str, source: ArrowArray) -> Reader:
    group, unit = code[1], code[2]
    if group == "d":
        if unit == "D":
            days = _numbers(source, 1, "i")
            return lambda row: _date(days[row])
        millis = _numbers(source, 1, "q")
        return lambda row: _date(millis[row] // 86_400_000)
    if group == "t":
        ticks = _numbers(source, 1, "i" if unit in "sm" else "q")
        return lambda row: moments.check_time(_micros(ticks[row], unit))
    if group == "s":
        stamps = _numbers(source, 1, "q")
        return lambda row: _timestamp(stamps[row], unit)
    if group == "D":
        spans = _numbers(source, 1, "q")
        return lambda row: _duration(spans[row], unit)
    if unit == "M":
        months = _numbers(source, 1, "i")
        return lambda row: Interval(months[row], 0, 0)
    if unit == "D":
        pairs = _buffer(source, 1, 8)
        return lambda row: _day_time(*_DAY_TIME.unpack_from(pairs, row * 8))
    triples = _buffer(source, 1, 16)
    return lambda row: _month_day_nano(*_MONTH_DAY_NANO.unpack_from(triples, row * 16))


def _micros(value: int, unit: str) -> int:
    """Microseconds; nanoseconds are rounded down."""
    return value // 1000 if unit == "n" else value * _UNITS[unit]


def _toward_zero(value: int) -> int:
    return value // 1000 if value >= 0 else -(-value // 1000)


def _date(days: int) -> int:
    """Days since 2000-01-01 of days since 1970-01-01. The extremes (DuckDB's too: -(2³¹-1)) are the infinities."""
    if days == moments.MAX32:
        return days
    if days in (moments.MIN32, -moments.MAX32):
        return moments.MIN32
    shifted = days - moments.UNIX_EPOCH_DAYS
    if not moments.MIN32 <= shifted <= moments.MAX32:
        raise BadValue("22008", "date out of range")
    return moments.check_date(shifted)


def _timestamp(value: int, unit: str) -> int:
    if unit == "u" and (value == moments.MAX64 or value <= -moments.MAX64):
        return moments.MAX64 if value > 0 else moments.MIN64
    micros = _micros(value, unit) - moments.UNIX_EPOCH_DAYS * moments.MICROS_PER_DAY
    if micros in (moments.MAX64, moments.MIN64):
        raise BadValue("22008", "timestamp out of range")
    return moments.check_timestamp(micros)


def _duration(value: int, unit: str) -> Interval:
    total = _toward_zero(value) if unit == "n" else value * _UNITS[unit]
    days, micros = divmod(abs(total), moments.MICROS_PER_DAY)
    if total < 0:
        days, micros = -days, -micros
    if not moments.MIN32 <= days <= moments.MAX32:
        raise BadValue("22008", "interval out of range")
    return Interval(0, days, micros)


def _day_time(days: int, millis: int) -> Interval:
    return Interval(0, days, millis * 1000)


def _month_day_nano(months: int, days: int, nanos: int) -> Interval:
    return Interval(months, days, _toward_zero(nanos))


def _dictionary(field: Field, source: ArrowArray, kind: str) -> Reader:
    """Keys into an array of values; a valid key may point to a null."""
    assert field.dictionary is not None
    keys = _numbers(source, 1, INTEGERS[field.format])
    target = source.dictionary.contents
    values = reader(field.dictionary, target, kind)
    length = target.length
    return lambda row: values(keys[row]) if 0 <= keys[row] < length else None


def _span(field: Field, source: ArrowArray) -> Callable[[int], tuple[int, int]]:
    """First and last+1 item of a row of a list array, in its child."""
    if field.format.startswith("+w:"):
        size = int(field.format[3:])
        return lambda row: ((row + source.offset) * size, (row + source.offset + 1) * size)
    offsets = _numbers(source, 1, "i" if field.format == "+l" else "q", 1)
    return lambda row: (offsets[row], offsets[row + 1])


def _list(field: Field, source: ArrowArray) -> Reader:
    """Nested lists as one array: every block of a depth must have the same size."""
    spans: list[Callable[[int], tuple[int, int]]] = []
    valid: list[Callable[[int], bool] | None] = []
    while field.is_list:
        spans.append(_span(field, source))
        valid.append(_validity(source))
        field, source = field.children[0], source.children[0].contents
    items = reader(field, source)

    def walk(row: int, depth: int, dimensions: list[int], found: list[Any]) -> None:
        first, last = spans[depth](row)
        if len(dimensions) == depth:
            dimensions.append(last - first)
        elif dimensions[depth] != last - first:
            raise array.ragged()
        for index in range(first, last):
            if depth + 1 == len(spans):
                found.append(items(index))
                continue
            is_valid = valid[depth + 1]
            if is_valid is not None and not is_valid(index):
                raise array.ragged()
            walk(index, depth + 1, dimensions, found)

    def read(row: int) -> array.Array:
        dimensions: list[int] = []
        found: list[Any] = []
        walk(row, 0, dimensions, found)
        return array.make(dimensions, found)

    return read


def json_reader(field: Field, source: ArrowArray) -> Reader:
    """A reader of a column without a type of its own: structs and maps are objects, lists are arrays, all else scalars."""
    write = _json(field, source)
    is_valid = _validity(source)
    return lambda row: None if is_valid is not None and not is_valid(row) else write(row)


def _json(field: Field, source: ArrowArray) -> Callable[[int], str]:
    """JSON text of a row that is not null."""
    if field.format == "+s":
        columns = [
            (json.dumps(child.name, ensure_ascii=False), _nullable(child, source.children[index].contents))
            for index, child in enumerate(field.children)
        ]
        return lambda row: "{" + ", ".join(f"{name}: {read(row + source.offset)}" for name, read in columns) + "}"
    if field.format == "+m":
        offsets = _numbers(source, 1, "i", 1)
        entries = source.children[0].contents
        key_field, value_field = field.children[0].children
        keys = _name(key_field, entries.children[0].contents)
        values = _nullable(value_field, entries.children[1].contents)
        shift = entries.offset
        return lambda row: (
            "{"
            + ", ".join(
                f"{keys(index + shift)}: {values(index + shift)}" for index in range(offsets[row], offsets[row + 1])
            )
            + "}"
        )
    if field.is_list:
        span = _span(field, source)
        items = _nullable(field.children[0], source.children[0].contents)
        return lambda row: "[" + ", ".join(map(items, range(*span(row)))) + "]"
    if field.format.startswith("+"):
        raise BadValue("0A000", "Arrow unions, run-end encoded arrays and list views are not supported")
    return _scalar(field, source, False)


def _nullable(field: Field, source: ArrowArray) -> Callable[[int], str]:
    write = _json(field, source)
    is_valid = _validity(source)
    return lambda row: "null" if is_valid is not None and not is_valid(row) else write(row)


def _name(field: Field, source: ArrowArray) -> Callable[[int], str]:
    """A map's key: text, whatever it is."""
    if field.format.startswith("+"):
        write = _nullable(field, source)
        return lambda row: json.dumps(write(row), ensure_ascii=False)
    return _scalar(field, source, True)


def _scalar(field: Field, source: ArrowArray, as_name: bool) -> Callable[[int], str]:
    read = reader(field, source)
    shown = field.dictionary or field

    def write(row: int) -> str:
        value = read(row)
        if value is None:
            return '"null"' if as_name else "null"
        printed, is_bare = _printed(shown.format, value)
        return printed if is_bare and not as_name else json.dumps(printed, ensure_ascii=False)

    return write


def _printed(code: str, value: Any) -> tuple[str, bool]:
    """A value's text, and whether JSON has it without quotes."""
    if isinstance(value, bool):
        return ("true" if value else "false"), True
    if isinstance(value, numeric.Numeric):
        return numeric.to_text(value), True
    if isinstance(value, Interval):
        return interval_text(value), False
    if isinstance(value, float):
        return (floats.to_text8 if code == "g" else floats.to_text4)(value), math.isfinite(value)
    if isinstance(value, bytes):
        return hex_text(value), False
    if code.startswith("td"):
        return moments.date_text(value), False
    if code.startswith("tt"):
        return moments.time_text(value), False
    if code.startswith("ts"):
        return moments.timestamp_text(value, len(code) > 4), False
    return str(value), not isinstance(value, str)
