"""One value of an Arrow column as the codecs take it, for the type it is to become: a reader for each column, called with the row."""

from __future__ import annotations

import struct
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal

from . import arrow_temporal as temporal
from .arrow_layout import Array, Field
from .arrow_locate import bits, byte_strings, locate, numbers, records, spans
from .arrow_types import innermost, is_json, is_text, natural, within_record
from .types import BadValue, PgType, array, floats, numeric, pg_type, text
from .types.interval import Interval
from .types.record import Field as RecordField

Reader = Callable[[int], Any]
"""Row (from 0) → plain value as the codecs take it, or None."""

_LIMITS = {
    "int2": (-(1 << 15), (1 << 15) - 1),
    "int4": (-(1 << 31), (1 << 31) - 1),
    "int8": (-(1 << 63), (1 << 63) - 1),
    **dict.fromkeys(("oid", "xid", "cid"), (0, (1 << 32) - 1)),
    "xid8": (0, (1 << 64) - 1),
}
_ORDER: Literal["little", "big"] = sys.byteorder
_DAY_TIME = struct.Struct("=ii")
_MONTH_DAY_NANO = struct.Struct("=iiq")


def reader(field: Field, source: Array, kind: PgType) -> Reader:
    """A reader of a column as a type that :func:`arrow_types.plan` has allowed."""
    _, extension = innermost(field)
    field, source, at = locate(field, source)
    read = _leaf(field, extension, source, kind)

    def value(row: int) -> Any:
        place = at(row)
        return None if place is None else read(place)

    return value


def natural_of(field: Field, extension: str | None) -> PgType:
    """The type of a leaf without request."""
    return pg_type(natural(replace(field, extension=extension)))


def _leaf(field: Field, extension: str | None, source: Array, kind: PgType) -> Reader:
    """A reader for rows that are known to have a value."""
    from .arrow_json import writer

    shape = field.format.kind
    if shape == "null":
        return lambda row: None
    if shape == "text":
        return _text(byte_strings(field.format, source), kind)
    if is_json(kind):
        return writer(field, extension, source)
    if is_text(kind):
        own = natural_of(field, extension)
        read = _leaf(field, extension, source, own)
        return lambda row: own.encode(False, read(row)).decode()
    if shape == "list":
        return _array(field, source, kind)
    if shape == "struct":
        return _record(field, source)
    return _scalar(field, extension, source, kind)


def _text(data: Callable[[int], bytes], kind: PgType) -> Reader:
    """Text is itself, or what the type's input function makes of it."""
    if kind.kind.code in ("text", "json", "jsonb") and not kind.element:
        return lambda row: text.from_utf8(data(row))
    return lambda row: kind.parse(text.from_utf8(data(row)))


def _scalar(field: Field, extension: str | None, source: Array, kind: PgType) -> Reader:
    shape, detail, more = field.format
    code = kind.kind.code
    if shape == "bool":
        return bits(source.buffers[0], source.offset)
    if shape == "int":
        values = numbers(source, 0, detail)
        if code == "bool":
            return lambda row: values[row] != 0
        return lambda row: _integer(values[row], kind)
    if shape == "float":
        return _floats(source, detail, code)
    if shape == "decimal":
        raw = records(source, detail)
        return lambda row: numeric.parse(f"{int.from_bytes(raw(row), _ORDER, signed=True)}e{-more}")
    if shape in ("binary", "fixed"):
        data = byte_strings(field.format, source)
        return (lambda row: _uuid(data(row))) if code == "uuid" else data
    return _moment(field, source, code)


def _moment(field: Field, source: Array, code: str) -> Reader:
    shape, unit, _ = field.format
    if shape in ("date32", "date64"):
        ticks = numbers(source, 0, "i" if shape == "date32" else "q")
        day = temporal.date if shape == "date32" else temporal.date_of_millis
        if code == "timestamp":
            return lambda row: temporal.timestamp_of_date(day(ticks[row]))
        return lambda row: day(ticks[row])
    if shape == "time":
        ticks = numbers(source, 0, "i" if unit in "sm" else "q")
        return lambda row: temporal.time(ticks[row], unit)
    if shape in ("timestamp", "duration"):
        ticks = numbers(source, 0, "q")
        convert: Callable[[int, str], Any] = temporal.timestamp if shape == "timestamp" else temporal.duration
        return lambda row: convert(ticks[row], unit)
    if shape == "months":
        months = numbers(source, 0, "i")
        return lambda row: Interval(months[row], 0, 0)
    if shape == "day_time":
        pairs = records(source, 8)
        return lambda row: _day_time(*_DAY_TIME.unpack(pairs(row)))
    triples = records(source, 16)
    return lambda row: _month_day_nano(*_MONTH_DAY_NANO.unpack(triples(row)))


def _day_time(days: int, millis: int) -> Interval:
    return Interval(0, days, millis * 1000)


def _month_day_nano(months: int, days: int, nanos: int) -> Interval:
    return Interval(months, days, temporal.toward_zero(nanos))


def _integer(value: int, kind: PgType) -> Any:
    """An integer as another type of integers or numbers: 22003 where it has no such value."""
    code = kind.kind.code
    if code in ("float4", "float8"):
        return _nearest(value) if code == "float4" else float(value)
    if code == "numeric":
        return numeric.parse(str(value))
    least, most = _LIMITS[code]
    if not least <= value <= most:
        raise BadValue("22003", f"{kind.kind.name} out of range")
    return value


def _nearest(value: int) -> float:
    """The real nearest to an integer, rounded once."""
    exact = abs(value)
    excess = exact.bit_length() - 24
    if excess > 0:
        whole, rest = exact >> excess, exact & ((1 << excess) - 1)
        half = 1 << (excess - 1)
        exact = (whole + (rest > half or (rest == half and whole & 1))) << excess
    return float(exact if value >= 0 else -exact)


def _floats(source: Array, layout: str, code: str) -> Reader:
    size = struct.calcsize("=" + layout)
    raw = records(source, size)
    unpack = struct.Struct("=" + layout).unpack

    def read(row: int) -> Any:
        (value,) = unpack(raw(row))
        if code == "numeric":
            return numeric.parse((floats.to_text8 if layout == "d" else floats.to_text4)(value))
        return floats.narrow(value) if code == "float4" and layout == "d" else value

    return read


def _uuid(data: bytes) -> bytes:
    if len(data) != 16:
        raise BadValue("22P03", "incorrect binary data format")
    return data


def _array(field: Field, source: Array, kind: PgType) -> Reader:
    """Nested lists as one array: every block of a depth must have the same size."""
    first = spans(field.format, source)
    field, source = field.children[0], source.children[0]
    levels = []
    while innermost(field)[0].format.kind == "list":
        field, source, at = locate(field, source)
        levels.append((at, spans(field.format, source)))
        field, source = field.children[0], source.children[0]
    read = reader(field, source, pg_type(kind.element))

    def walk(span: range, depth: int, dimensions: list[int], items: list[Any]) -> None:
        if len(dimensions) == depth:
            dimensions.append(len(span))
        elif dimensions[depth] != len(span):
            raise array.ragged()
        if depth == len(levels):
            items += map(read, span)
            return
        at, inner = levels[depth]
        for index in span:
            place = at(index)
            if place is None:
                raise array.ragged()
            walk(inner(place), depth + 1, dimensions, items)

    def value(row: int) -> array.Array:
        dimensions: list[int] = []
        items: list[Any] = []
        walk(first(row), 0, dimensions, items)
        return array.make(dimensions, items)

    return value


def _record(field: Field, source: Array) -> Reader:
    """Fields in order, each of its own type."""
    fields = [
        (kind.oid, reader(child, inner, kind))
        for child, inner, kind in zip(field.children, source.children, map(within_record, field.children), strict=True)
    ]
    offset = source.offset
    return lambda row: tuple(RecordField(oid, read(row + offset)) for oid, read in fields)
