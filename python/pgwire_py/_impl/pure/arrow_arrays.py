"""Arrow columns of PostgreSQL values: which Arrow type a type becomes, how its bytes are read, and its buffers."""

from __future__ import annotations

import struct
import sys
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import accumulate
from typing import Any, Final, NamedTuple

from ...oids import ANYARRAY, RECORD
from ..arrow_shapes import Shape
from .types import BadValue, PgType, array, pg_type
from .types.bad_value import bad_binary
from .types.interval import INFINITY, NEGATIVE_INFINITY, Interval
from .types.numeric import NEGATIVE

DAYS: Final = 10_957
"""From 1970-01-01 to 2000-01-01."""
MICROS: Final = DAYS * 86_400_000_000
_MAX32, _MIN32 = (1 << 31) - 1, -(1 << 31)
_MAX64, _MIN64 = (1 << 63) - 1, -(1 << 63)
_EXTENSIONS: Final = {"uuid": b"arrow.uuid", "json": b"arrow.json", "jsonb": b"arrow.json"}
# Text as it came is not longer than it came.
_AS_IT_CAME: Final = frozenset({"text", "json", "jsonb", "raw", "bytea"})


class Arrays(NamedTuple):
    """An array's length, nulls, buffers (None: no nulls) and children."""

    length: int
    nulls: int
    buffers: list[bytes | None]
    children: list[Arrays]


class Column(NamedTuple):
    """A column's Arrow type (docs/reference/arrow.md) and its rules.

    ``read`` takes a field's bytes. Between ``read`` and ``build`` a value is what ``build`` packs, None for NULL.
    ``size``: bytes of a value that may be larger than it came; None where it cannot be.
    """

    name: str
    format: str
    extension: bytes
    children: tuple[Column, ...]
    read: Callable[[bytes], Any]
    build: Callable[[Sequence[Any]], Arrays]
    size: Callable[[Any], int] | None


def column(name: str, shape: Shape, binary: bool) -> Column:
    """42804 for a list or a composite that is spelled out in a column of text."""
    if shape.parts is not None and not binary:
        raise BadValue("42804", "a list or a composite that is spelled out is read in binary format only")
    if shape.parts is not None and shape.oid == RECORD:
        return _struct(name, [column(part, inner, True) for part, inner in shape.parts])
    if shape.parts is not None:
        item = column("item", shape.parts[0][1], True)
        return _list(name, item, lambda data: _read_items(item, data))
    kind = pg_type(shape.oid)
    if not kind.element:
        made = _scalar(name, kind, shape.modifier, binary)
        return made._replace(read=lambda data: made.read(kind.decode(binary, data)))
    inner_kind = kind._replace(oid=kind.element, element=0)
    item = _scalar("item", inner_kind, shape.modifier, binary)

    def read(data: bytes) -> list[Any]:
        value = kind.decode(binary, data)
        _check_dimensions(len(value.dimensions))
        return [None if part is None else item.read(part) for part in value.items]

    return _list(name, item, read)


def shown_oid(shape: Shape) -> int:
    """The OID for error messages."""
    return (RECORD if shape.oid == RECORD else ANYARRAY) if shape.parts is not None else shape.oid


def _list(name: str, item: Column, read: Callable[[bytes], list[Any]]) -> Column:
    def build(values: Sequence[Any]) -> Arrays:
        children = [part for value in values if value is not None for part in value]
        ends = accumulate((len(value or ()) for value in values), initial=0)
        return _arrays(values, [struct.pack(f"={len(values) + 1}i", *ends)], [item.build(children)])

    measure = item.size
    size = (lambda value: sum(measure(part) for part in value if part is not None)) if measure else None
    return Column(name, "+l", b"", (item,), read, build, size)


def _read_items(item: Column, data: bytes) -> list[Any]:
    """A binary array whose elements' type is spelled out: any OID is taken for it."""
    dimensions, count, at = array.read_head(data)
    _check_dimensions(dimensions)
    items = []
    for _ in range(count):
        raw, at = array.sized(data, at)
        items.append(None if raw is None else item.read(raw))
    if at != len(data):
        raise bad_binary()
    return items


def _check_dimensions(dimensions: int) -> None:
    if dimensions > 1:
        raise BadValue("0A000", f"an array of {dimensions} dimensions is no Arrow list; read it as text instead")


def _struct(name: str, columns: list[Column]) -> Column:
    def read(data: bytes) -> list[Any]:
        if len(data) < 4:
            raise bad_binary()
        (count,) = struct.unpack_from("!i", data)
        if count != len(columns):
            raise BadValue("42804", f"wrong number of columns: {count}, expected {len(columns)}")
        at, values = 4, []
        for part in columns:
            if len(data) < at + 4:
                raise bad_binary()
            raw, at = array.sized(data, at + 4)
            values.append(None if raw is None else part.read(raw))
        if at != len(data):
            raise bad_binary()
        return values

    def build(values: Sequence[Any]) -> Arrays:
        children = [
            part.build([None if value is None else value[number] for value in values])
            for number, part in enumerate(columns)
        ]
        return _arrays(values, [], children)

    measures = [(number, part.size) for number, part in enumerate(columns) if part.size]

    def size(value: Any) -> int:
        return sum(measure(value[number]) for number, measure in measures if value[number] is not None)

    return Column(name, "+s", b"", tuple(columns), read, build, size if measures else None)


def _scalar(name: str, kind: PgType, modifier: int, binary: bool) -> Column:
    """A column whose ``read`` takes a value of the type instead of bytes."""
    code = kind.kind.code
    extension = _EXTENSIONS.get(code, b"")
    if code == "numeric" and (decimal := _decimal(modifier)):
        precision, scale = decimal
        bits = 128 if precision <= 38 else 256
        suffix = "" if bits == 128 else ",256"
        return Column(
            name,
            f"d:{precision},{scale}{suffix}",
            b"",
            (),
            partial(_unscaled, precision, scale, bits),
            _integers(bits // 8),
            None,
        )
    if code == "reg" and not binary:
        code = "text of reg"  # names
    known = _FIXED.get(code)
    if known:
        arrow_format, read, build = known
        return Column(name, arrow_format, extension, (), read, build, None)
    if code == "bytea":
        return Column(name, "z", b"", (), _same, _texts, None)
    return Column(name, "u", extension, (), kind.kind.text, _texts, None if code in _AS_IT_CAME else len)


def _decimal(modifier: int) -> tuple[int, int] | None:
    """Precision and scale of numeric(p, s), where a decimal holds it.

    A scale below zero or above the precision makes the precision wider instead.
    """
    if modifier < 4:
        return None
    precision, scale = (modifier - 4) >> 16 & 0xFFFF, ((modifier - 4 & 0x7FF) ^ 1024) - 1024
    precision = max(precision - min(scale, 0), scale)
    return (precision, max(scale, 0)) if 1 <= precision <= 76 else None


def _unscaled(precision: int, scale: int, bits: int, value: Any) -> int:
    """The integer of a decimal: exact, or 22003."""
    places = 4 * (value.weight - len(value.digits) + 1) + scale
    # Four places are in the last digit, which is not zero; and more digits than these no decimal has.
    if (-4 < places <= 76 and len(value.digits) <= 20) or not value.digits:
        number = 0
        for digit in value.digits:
            number = number * 10_000 + digit
        number, rest = divmod(number * 10 ** max(places, 0), 10 ** max(-places, 0)) if number else (0, 0)
        if not rest and number < 10**precision and value.sign in (0, NEGATIVE):
            return -number if value.sign else number
    raise BadValue("22003", f"the value does not fit decimal{bits}({precision}, {scale})")


def _same(value: Any) -> Any:
    return value


def _date(days: int) -> int:
    """Days since 1970; the infinities stay the extremes."""
    return days if days in (_MAX32, _MIN32) else days + DAYS


def _timestamp(micros: int) -> int:
    if micros in (_MAX64, _MIN64):
        return micros
    if micros + MICROS > _MAX64:
        raise BadValue("22008", "timestamp out of range of Arrow's microseconds")
    return micros + MICROS


def _interval(value: Interval) -> tuple[int, int, int]:
    if value in (INFINITY, NEGATIVE_INFINITY):
        return value
    nanos = value.micros * 1000
    if not _MIN64 <= nanos <= _MAX64:
        raise BadValue("22008", "interval out of range of Arrow's nanoseconds")
    return value.months, value.days, nanos


def _arrays(values: Sequence[Any], buffers: list[bytes], children: list[Arrays]) -> Arrays:
    nulls = sum(value is None for value in values)
    validity = _bits(value is not None for value in values) if nulls else None
    return Arrays(len(values), nulls, [validity, *buffers], children)


def _bits(flags: Iterable[bool]) -> bytes:
    """Bits from the least significant one of each byte on."""
    text = "".join("1" if flag else "0" for flag in flags)
    return int(text[::-1] or "0", 2).to_bytes((len(text) + 7) // 8, "little")


def _packed(layout: str) -> Callable[[Sequence[Any]], Arrays]:
    def build(values: Sequence[Any]) -> Arrays:
        filled = [0 if value is None else value for value in values]
        return _arrays(values, [struct.pack(f"={len(values)}{layout}", *filled)], [])

    return build


def _integers(size: int) -> Callable[[Sequence[Any]], Arrays]:
    def build(values: Sequence[Any]) -> Arrays:
        return _arrays(
            values, [b"".join((value or 0).to_bytes(size, sys.byteorder, signed=True) for value in values)], []
        )

    return build


def _booleans(values: Sequence[Any]) -> Arrays:
    return _arrays(values, [_bits(bool(value) for value in values)], [])


def _intervals(values: Sequence[Any]) -> Arrays:
    return _arrays(values, [b"".join(struct.pack("=iiq", *(value or (0, 0, 0))) for value in values)], [])


def _uuids(values: Sequence[Any]) -> Arrays:
    return _arrays(values, [b"".join(value or bytes(16) for value in values)], [])


def _texts(values: Sequence[Any]) -> Arrays:
    ends = accumulate((len(value or b"") for value in values), initial=0)
    return _arrays(values, [struct.pack(f"={len(values) + 1}i", *ends), b"".join(value or b"" for value in values)], [])


_FIXED: Final[dict[str, tuple[str, Callable[[Any], Any], Callable[[Sequence[Any]], Arrays]]]] = {
    "bool": ("b", _same, _booleans),
    "int2": ("s", _same, _packed("h")),
    "int4": ("i", _same, _packed("i")),
    "int8": ("l", _same, _packed("q")),
    **dict.fromkeys(("oid", "xid", "cid", "reg"), ("I", _same, _packed("I"))),
    "xid8": ("L", _same, _packed("Q")),
    "float4": ("f", _same, _packed("f")),
    "float8": ("g", _same, _packed("d")),
    "money": ("d:19,2", _same, _integers(16)),
    "date": ("tdD", _date, _packed("i")),
    "time": ("ttu", _same, _packed("q")),
    "timestamp": ("tsu:", _timestamp, _packed("q")),
    "timestamptz": ("tsu:UTC", _timestamp, _packed("q")),
    "interval": ("tin", _interval, _intervals),
    "uuid": ("w:16", _same, _uuids),
}
