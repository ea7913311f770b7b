"""Where a row's value lies: through validity bits, keys of dictionaries and ends of runs, however they are nested."""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import Any

from .arrow_layout import Array, Field, Format, broken

Place = Callable[[int], "int | None"]
"""Row → place of its value in an array; None is NULL."""

_VIEW = struct.Struct("=i4xii")


def bits(data: memoryview, offset: int) -> Callable[[int], bool]:
    """Bits from an offset on, the least significant of a byte first."""
    return lambda row: bool(data[(row + offset) >> 3] >> ((row + offset) & 7) & 1)


def numbers(source: Array, buffer: int, layout: str, extra: int = 0) -> Sequence[Any]:
    """A buffer as numbers of a native layout, from the array's first on."""
    data: Any = source.buffers[buffer] if source.buffers else memoryview(b"")
    size = struct.calcsize("=" + layout)
    found: Sequence[Any] = data[source.offset * size : (source.offset + source.length + extra) * size].cast(layout)
    return found


def records(source: Array, size: int) -> Callable[[int], bytes]:
    """Bytes of fixed size."""
    data = source.buffers[0]
    offset = source.offset
    return lambda row: bytes(data[(row + offset) * size : (row + offset + 1) * size])


def locate(field: Field, source: Array) -> tuple[Field, Array, Place]:
    """The array that holds the values of a column, and the way from a row to its place there."""
    steps: list[Place] = []
    while True:
        if source.nulls is not None:
            steps.append(_valid(bits(source.nulls, source.offset)))
        if field.dictionary is not None and source.dictionary is not None:
            steps.append(_key(numbers(source, 0, field.format.detail), source.dictionary.length))
            field, source = field.dictionary, source.dictionary
        elif field.format.kind == "run_ends":
            ends, values = source.children
            steps.append(_run(numbers(ends, 0, field.children[0].format.detail), source.offset, values.length))
            field, source = field.children[1], values
        else:
            break
    if field.format.kind == "null":
        steps.append(lambda row: None)

    def at(row: int) -> int | None:
        place: int | None = row
        for step in steps:
            assert place is not None
            place = step(place)
            if place is None:
                return None
        return place

    return field, source, at


def _valid(is_valid: Callable[[int], bool]) -> Place:
    return lambda row: row if is_valid(row) else None


def _key(keys: Sequence[int], count: int) -> Place:
    def at(row: int) -> int:
        if not 0 <= keys[row] < count:
            raise broken("a key lies outside of its dictionary")
        return keys[row]

    return at


def _run(ends: Sequence[int], offset: int, count: int) -> Place:
    def at(row: int) -> int:
        run = bisect_right(ends, row + offset)
        if run >= min(len(ends), count):
            raise broken("a row lies behind the last run")
        return run

    return at


def byte_strings(shape: Format, source: Array) -> Callable[[int], bytes]:
    """The bytes of each value of text and binary arrays."""
    if shape.kind == "fixed":
        return records(source, shape.detail)
    if shape.detail == "view":
        return _views(source)
    offsets = numbers(source, 0, "i" if shape.detail == "small" else "q", 1)
    data = source.buffers[1]

    def read(row: int) -> bytes:
        return _cut(data, offsets[row], offsets[row + 1])

    return read


def _views(source: Array) -> Callable[[int], bytes]:
    """Up to twelve bytes in place, or a place in one of the data buffers."""
    view = records(source, 16)
    data = source.buffers[1:]

    def read(row: int) -> bytes:
        raw = view(row)
        length, buffer, start = _VIEW.unpack(raw)
        if 0 <= length <= 12:
            return raw[4 : 4 + length]
        if not 0 <= buffer < len(data):
            raise _outside()
        return _cut(data[buffer], start, start + length)

    return read


def _cut(data: memoryview, start: int, end: int) -> bytes:
    if not 0 <= start <= end <= len(data):
        raise _outside()
    return bytes(data[start:end])


def _outside() -> Exception:
    return broken("a value lies outside of its buffer")


def spans(shape: Format, source: Array) -> Callable[[int], range]:
    """The items of a row of a list or map, in its child."""
    count = source.children[0].length
    if isinstance(shape.detail, int):
        size, offset = shape.detail, source.offset

        def find(row: int) -> tuple[int, int]:
            return (row + offset) * size, (row + offset + 1) * size

    elif shape.detail in ("view", "large_view"):
        layout = "i" if shape.detail == "view" else "q"
        starts, sizes = numbers(source, 0, layout), numbers(source, 1, layout)

        def find(row: int) -> tuple[int, int]:
            return starts[row], starts[row] + sizes[row]

    else:
        offsets = numbers(source, 0, "q" if shape.detail == "large" else "i", 1)

        def find(row: int) -> tuple[int, int]:
            return offsets[row], offsets[row + 1]

    def span(row: int) -> range:
        first, last = find(row)
        if not 0 <= first <= last <= count:
            raise broken("a list lies outside of its items")
        return range(first, last)

    return span
