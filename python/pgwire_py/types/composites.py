"""Codecs of the types a database defines itself: composite types, enums with labels, ranges, multiranges, and arrays of them."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache, partial
from typing import Any

from .._impl.pure.structured import to_list, with_bounds
from .._impl.pure.types import BadValue, array, ranges, record
from .._impl.pure.types.text import from_utf8, to_utf8
from ..values import Multirange, Range
from .codec import BINARY, TEXT, Codec, Coder, check_depth


@lru_cache(maxsize=1024)
def record_class(name: str, fields: tuple[str, ...]) -> type[Any]:
    """The named tuple for a composite type; fields whose names are no Python names are called ``_0``, ``_1``, ….

    Its values can be pickled: the class is made anew where they are read.
    """
    base = namedtuple(name if name.isidentifier() else "record", fields, rename=True)  # type: ignore[misc]

    def reduce(self: tuple[object, ...]) -> tuple[object, tuple[object, ...]]:
        return _restored, (name, fields, tuple(self))

    return type(base.__name__, (base,), {"__slots__": (), "__reduce__": reduce, "__doc__": f"A row of {name}."})


def _restored(name: str, fields: tuple[str, ...], values: tuple[object, ...]) -> Any:
    return record_class(name, fields)._make(values)


def _mismatch(name: str, value: object) -> BadValue:
    return BadValue("42804", f"cannot encode a value of Python type {type(value).__name__[:64]} as {name}")


@dataclass(frozen=True)
class CompositeCodec:
    """A composite type: encodes tuples, lists and mappings, decodes named tuples."""

    name: str
    fields: tuple[tuple[str, int], ...]

    @property
    def parts(self) -> tuple[int, ...]:
        """OIDs of the types within."""
        return tuple(oid for _, oid in self.fields)

    def encode(self, coder: Coder, format: int, value: Any, depth: int) -> bytes:
        if isinstance(value, str) and format == TEXT:
            return to_utf8(value)
        parts = [
            (oid, coder.encode_part(oid, format, item, depth + 1))
            for (_, oid), item in zip(self.fields, self._items(value), strict=True)
        ]
        return record.join_binary(parts) if format == BINARY else record.join([part for _, part in parts])

    def _items(self, value: Any) -> list[Any]:
        if isinstance(value, Mapping):
            names = [name for name, _ in self.fields]
            unknown = sorted(str(name) for name in value if name not in names)
            if unknown:
                raise BadValue("42703", f'column "{unknown[0][:64]}" of type {self.name} does not exist')
            return [value.get(name) for name in names]
        if not isinstance(value, (tuple, list)):
            raise _mismatch(self.name, value)
        self._check_width(len(value))
        return list(value)

    def _check_width(self, count: int) -> None:
        if count != len(self.fields):
            raise BadValue("42804", f"wrong number of columns: {count}, expected {len(self.fields)}")

    def decode(self, coder: Coder, format: int, data: bytes, depth: int) -> Any:
        if format == BINARY:
            parts: list[tuple[int, Any]] = [
                (part.oid, part.value) for part in record.split_binary(data, lambda _, raw: raw)
            ]
        else:
            texts = record.split(from_utf8(data))
            parts = [(0, None if part is None else part.encode()) for part in texts]
        self._check_width(len(parts))
        values = []
        for number, ((_, oid), (found, raw)) in enumerate(zip(self.fields, parts, strict=True), 1):
            if format == BINARY and found != oid:
                message = f"binary data has type {found} instead of expected {oid} in record column {number}"
                raise BadValue("42804", message)
            values.append(coder.decode_part(oid, format, raw, depth + 1))
        return record_class(self.name, tuple(name for name, _ in self.fields))._make(values)


@dataclass(frozen=True)
class EnumCodec:
    """An enum whose labels are known: encodes a label or a member of a Python enum whose value is one, decodes labels."""

    name: str
    labels: frozenset[str]

    def encode(self, coder: Coder, format: int, value: Any, depth: int) -> bytes:
        label = value.value if isinstance(value, Enum) else value
        if not isinstance(label, str):
            raise _mismatch(self.name, value)
        return to_utf8(self._checked(label))

    def decode(self, coder: Coder, format: int, data: bytes, depth: int) -> str:
        return self._checked(from_utf8(data))

    def _checked(self, label: str) -> str:
        if label not in self.labels:
            raise BadValue("22P02", f'invalid input value for enum {self.name}: "{label[:64]}"')
        return label


@dataclass(frozen=True)
class RangeCodec:
    """A range type over any type that has a codec; bounds are compared as Python compares them."""

    name: str
    subtype: int

    @property
    def parts(self) -> tuple[int, ...]:
        """OIDs of the types within."""
        return (self.subtype,)

    def encode(self, coder: Coder, format: int, value: Any, depth: int) -> bytes:
        if isinstance(value, str) and format == TEXT:
            return to_utf8(value)
        if not isinstance(value, Range):
            raise _mismatch(self.name, value)
        if value.isempty:
            return b"empty" if format == TEXT else b"\1"
        low, high = (coder.encode_part(self.subtype, format, bound, depth + 1) for bound in (value.lower, value.upper))
        join = ranges.join_binary if format == BINARY else ranges.join
        return join(low, value.lower_inc, high, value.upper_inc)

    def decode(self, coder: Coder, format: int, data: bytes, depth: int) -> Range[Any]:
        bound = partial(self._bound, coder, format, depth)
        parts: Any
        if format == BINARY:
            parts = ranges.split_binary(data, bound)
        else:
            found = ranges.split(from_utf8(data))
            parts = found and [(None if part is None else bound(part.encode()), flag) for part, flag in found]
        if parts is None:
            return Range(empty=True)
        (low, lower_inc), (high, upper_inc) = parts
        try:
            return Range(low, high, lower_inc=lower_inc, upper_inc=upper_inc)
        except ValueError:
            message = "range lower bound must be less than or equal to range upper bound"
            raise BadValue("22000", message) from None
        except TypeError:
            # Python cannot compare them: one may be beyond what its types reach, and be text.
            return Range._trusted(low, high, lower_inc, upper_inc)

    def _bound(self, coder: Coder, format: int, depth: int, data: bytes) -> Any:
        return coder.decode_part(self.subtype, format, data, depth + 1)


@dataclass(frozen=True)
class MultirangeCodec:
    """The multirange type of a range type."""

    name: str
    range: RangeCodec

    @property
    def parts(self) -> tuple[int, ...]:
        """OIDs of the types within."""
        return self.range.parts

    def encode(self, coder: Coder, format: int, value: Any, depth: int) -> bytes:
        if isinstance(value, str) and format == TEXT:
            return to_utf8(value)
        if not isinstance(value, (Multirange, list, tuple)):
            raise _mismatch(self.name, value)
        parts = [self.range.encode(coder, format, item, depth + 1) for item in value]
        if format == TEXT:
            return b"{" + b",".join(parts) + b"}"
        return array.size_word(len(parts)).to_bytes(4, "big") + b"".join(map(array.put_sized, parts))

    def decode(self, coder: Coder, format: int, data: bytes, depth: int) -> Multirange[Any]:
        def read(part: bytes) -> Range[Any]:
            return self.range.decode(coder, format, part, depth + 1)

        if format == BINARY:
            return Multirange(ranges.split_multirange_binary(data, read))
        return Multirange(ranges.split_multirange(from_utf8(data), lambda part: read(part.encode())))


@dataclass(frozen=True)
class ArrayCodec:
    """Arrays of a type that is not built in. A list is a dimension, anything else an element."""

    element: int

    @property
    def parts(self) -> tuple[int, ...]:
        """OIDs of the types within."""
        return (self.element,)

    def encode(self, coder: Coder, format: int, value: Any, depth: int) -> bytes:
        check_depth(depth)
        if isinstance(value, str) and format == TEXT:
            return to_utf8(value)
        if not isinstance(value, (list, tuple)):
            raise _mismatch("array", value)
        dimensions: list[int] = []
        items: list[Any] = []
        _flatten(value, 0, dimensions, items)
        made = [coder.encode_part(self.element, format, item, depth + 1) for item in items]
        found = with_bounds(array.make(dimensions, made), value)
        return array.to_binary(found, self.element, bytes) if format == BINARY else array.to_text(found, bytes)

    def decode(self, coder: Coder, format: int, data: bytes, depth: int) -> list[Any]:
        def read(raw: bytes) -> Any:
            return coder.decode_part(self.element, format, raw, depth + 1)

        if format == BINARY:
            return to_list(array.from_binary(data, self.element, read))
        return to_list(array.parse(from_utf8(data), lambda text: read(text.encode())))


def _flatten(value: Iterable[Any], depth: int, dimensions: list[int], items: list[Any]) -> None:
    """Nested lists as sizes and elements: every block of a depth must have the same size."""
    block = list(value)
    if len(dimensions) == depth:
        if items:
            raise array.ragged()
        array.check_depth(depth + 1)
        dimensions.append(len(block))
    elif dimensions[depth] != len(block):
        raise array.ragged()
    for item in block:
        if isinstance(item, list):
            _flatten(item, depth + 1, dimensions, items)
        elif len(dimensions) != depth + 1:
            raise array.ragged()
        else:
            items.append(item)


CODECS: tuple[type[Codec], ...] = (CompositeCodec, EnumCodec, RangeCodec, MultirangeCodec, ArrayCodec)
