"""Ranges and multiranges (PostgreSQL 8.17), always in canonical form: ``[1,3]`` of integers is kept as ``[1,4)``."""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import cmp_to_key
from typing import Any, NamedTuple

from . import array, datetime, numeric, quoted
from .bad_value import BadValue, bad_binary, clip
from .text import SPACE, lower


class Subtype(NamedTuple):
    """What a range type is a range of: ``code`` of its kind, and that kind's readers and writers."""

    code: str
    parse: Callable[[str], Any]
    decode: Callable[[bytes], Any]
    text: Callable[[Any], bytes]
    binary: Callable[[Any], bytes]


class Bound(NamedTuple):
    value: Any
    inclusive: bool


class Range(NamedTuple):
    """Empty, or between two bounds of which None is the infinite one."""

    lower: Bound | None
    upper: Bound | None
    empty: bool = False


EMPTY_RANGE = Range(None, None, True)
_EMPTY, _LOWER_INCLUSIVE, _UPPER_INCLUSIVE, _LOWER_INFINITE, _UPPER_INFINITE = 1, 2, 4, 8, 16


def make(of: str, low: Bound | None, high: Bound | None) -> Range:
    """Brings a range of the kind with this code into canonical form: 22000 if the bounds are in the wrong order."""
    if _is_empty(of, low, high):
        return EMPTY_RANGE
    if low is not None and not low.inclusive:
        low = _next(of, low)
    if high is not None and high.inclusive:
        high = _next(of, high)
    return EMPTY_RANGE if _is_empty(of, low, high) else Range(low, high)


def _compare(of: str, a: Any, b: Any) -> int:
    if of == "numeric":
        return numeric.compare(a, b)
    return int(a > b) - int(a < b)


def _is_empty(of: str, low: Bound | None, high: Bound | None) -> bool:
    if low is None or high is None:
        return False
    order = _compare(of, low.value, high.value)
    if order > 0:
        raise BadValue("22000", "range lower bound must be less than or equal to range upper bound")
    return order == 0 and not (low.inclusive and high.inclusive)


def _next(of: str, bound: Bound) -> Bound:
    """The bound one further with its inclusiveness turned over, where values can be counted; infinite dates stay."""
    value = bound.value
    if of == "int4" and value == (1 << 31) - 1:
        raise BadValue("22003", "integer out of range")
    if of == "int8" and value == (1 << 63) - 1:
        raise BadValue("22003", "bigint out of range")
    if of == "date":
        if value in (datetime.MAX32, datetime.MIN32):
            return bound
        datetime.check_date(value + 1)
    elif of not in ("int4", "int8"):
        return bound
    return Bound(value + 1, not bound.inclusive)


def split(text: str) -> tuple[tuple[str | None, bool], tuple[str | None, bool]] | None:
    """The texts at the bounds and whether each is inclusive; None for ``empty``, 22P02 for no range at all."""
    at = quoted.skip_space(text, 0)
    if lower(text[at : at + 5]) == "empty":
        if text[at + 5 :].strip(SPACE):
            raise _malformed(text)
        return None
    if text[at : at + 1] not in ("[", "("):
        raise _malformed(text)
    lower_inclusive = text[at] == "["
    try:
        low, at = quoted.read(text, at + 1, ",)]")
        if text[at] != ",":
            raise _malformed(text)
        high, at = quoted.read(text, at + 1, ",)]")
    except quoted.TooShortError:
        raise _malformed(text) from None
    if text[at] == "," or text[at + 1 :].strip(SPACE):
        raise _malformed(text)
    return (low, lower_inclusive), (high, text[at] == "]")


def _malformed(text: str) -> BadValue:
    return BadValue("22P02", f'malformed range literal: "{clip(text)}"')


def parse(of: Subtype, text: str) -> Range:
    parts = split(text)
    if parts is None:
        return EMPTY_RANGE
    low, high = (None if part is None else Bound(of.parse(part), inclusive) for part, inclusive in parts)
    return make(of.code, low, high)


def split_binary(data: bytes, read: Callable[[bytes], Any]) -> tuple[tuple[Any, bool], tuple[Any, bool]] | None:
    """What ``read`` makes of the bytes at the bounds, None without bound, and whether each is inclusive; None for the empty range."""
    if not data:
        raise bad_binary()
    flags, at = data[0], 1
    found: list[tuple[Any, bool]] = []
    for infinite, inclusive in ((_LOWER_INFINITE, _LOWER_INCLUSIVE), (_UPPER_INFINITE, _UPPER_INCLUSIVE)):
        if flags & (_EMPTY | infinite):
            found.append((None, False))
            continue
        raw, at = array.sized(data, at)
        if raw is None:
            raise bad_binary()
        found.append((read(raw), flags & inclusive != 0))
    if at != len(data):
        raise bad_binary()
    return None if flags & _EMPTY else (found[0], found[1])


def from_binary(of: Subtype, data: bytes) -> Range:
    parts = split_binary(data, of.decode)
    if parts is None:
        return EMPTY_RANGE
    low, high = (None if value is None else Bound(value, inclusive) for value, inclusive in parts)
    return make(of.code, low, high)


def join(low: bytes | None, lower_inclusive: bool, high: bytes | None, upper_inclusive: bool) -> bytes:
    """The text of a range with the texts at its bounds, None where there is none."""
    return b"".join(
        (
            b"[" if lower_inclusive else b"(",
            b"" if low is None else quoted.write(low, b"()[]"),
            b",",
            b"" if high is None else quoted.write(high, b"()[]"),
            b"]" if upper_inclusive else b")",
        )
    )


def join_binary(low: bytes | None, lower_inclusive: bool, high: bytes | None, upper_inclusive: bool) -> bytes:
    """The same in the binary format."""
    flags = (_LOWER_INFINITE if low is None else _LOWER_INCLUSIVE * lower_inclusive) | (
        _UPPER_INFINITE if high is None else _UPPER_INCLUSIVE * upper_inclusive
    )
    return bytes([flags]) + b"".join(array.put_sized(raw) for raw in (low, high) if raw is not None)


def _parts(value: Range, write: Callable[[Any], bytes]) -> tuple[bytes | None, bool, bytes | None, bool]:
    low, high = value.lower, value.upper
    return (
        None if low is None else write(low.value),
        low is not None and low.inclusive,
        None if high is None else write(high.value),
        high is not None and high.inclusive,
    )


def to_text(of: Subtype, value: Range) -> bytes:
    return b"empty" if value.empty else join(*_parts(value, of.text))


def to_binary(of: Subtype, value: Range) -> bytes:
    return bytes([_EMPTY]) if value.empty else join_binary(*_parts(value, of.binary))


def merge(of: str, ranges: list[Range]) -> tuple[Range, ...]:
    """Ranges in order, those that touch or overlap joined, without empty ones."""

    def order(a: Range, b: Range) -> int:
        return _compare_lower(of, a.lower, b.lower) or _compare_upper(of, a.upper, b.upper)

    merged: list[Range] = []
    for item in sorted((item for item in ranges if not item.empty), key=cmp_to_key(order)):
        if merged and _reaches(of, merged[-1].upper, item.lower):
            if _compare_upper(of, merged[-1].upper, item.upper) < 0:
                merged[-1] = merged[-1]._replace(upper=item.upper)
        else:
            merged.append(item)
    return tuple(merged)


def _compare_lower(of: str, a: Bound | None, b: Bound | None) -> int:
    if a is None or b is None:
        return int(b is None) - int(a is None)
    return _compare(of, a.value, b.value) or int(b.inclusive) - int(a.inclusive)


def _compare_upper(of: str, a: Bound | None, b: Bound | None) -> int:
    if a is None or b is None:
        return int(a is None) - int(b is None)
    return _compare(of, a.value, b.value) or int(a.inclusive) - int(b.inclusive)


def _reaches(of: str, high: Bound | None, low: Bound | None) -> bool:
    """Whether nothing lies between an upper bound and the lower bound of a range that begins no earlier."""
    if high is None or low is None:
        return True
    order = _compare(of, high.value, low.value)
    return order > 0 or (order == 0 and (high.inclusive or low.inclusive))


def parse_multirange(of: Subtype, text: str) -> tuple[Range, ...]:
    """Reads ``{[1,3),[5,7)}``."""
    return merge(of.code, split_multirange(text, lambda part: parse(of, part)))


def split_multirange(text: str, read: Callable[[str], Any]) -> list[Any]:
    """What ``read`` makes of the text of each range that is not just ``empty``."""
    found: list[Any] = []
    at = quoted.skip_space(text, 0)
    separator = "{"
    while True:
        if text[at : at + 1] != separator:
            raise _malformed_multirange(text)
        at = quoted.skip_space(text, at + 1)
        if text[at : at + 1] in ("[", "("):
            end = _range_end(text, at)
            found.append(read(text[at:end]))
            at = end
        elif lower(text[at : at + 5]) == "empty":
            at += 5
        elif separator != "{" or text[at : at + 1] != "}":
            raise _malformed_multirange(text)
        at = quoted.skip_space(text, at)
        if text[at : at + 1] == "}":
            break
        separator = ","
    if text[at + 1 :].strip(SPACE):
        raise _malformed_multirange(text)
    return found


def _malformed_multirange(text: str) -> BadValue:
    return BadValue("22P02", f'malformed multirange literal: "{clip(text)}"')


def _range_end(text: str, at: int) -> int:
    """Where a range that begins at a place ends."""
    is_quoted = False
    at += 1
    while at < len(text):
        character = text[at]
        # White space between the characters that matter is passed over, even behind a backslash.
        if character == "\\":
            at = quoted.skip_space(text, at + 1)
            if at == len(text):
                break
        elif character == '"':
            if is_quoted and text[at + 1 : at + 2] == '"':
                at += 1
            else:
                is_quoted = not is_quoted
        elif character in "])" and not is_quoted:
            return at + 1
        at += 1
    raise _malformed_multirange(text)


def split_multirange_binary(data: bytes, read: Callable[[bytes], Any]) -> list[Any]:
    """What ``read`` makes of the bytes of each range."""
    if len(data) < 4:
        raise bad_binary()
    (count,) = struct.unpack_from("!i", data)
    # Every range takes five bytes at least: more of them than that cannot be there.
    if not 0 <= count <= (len(data) - 4) // 5:
        raise bad_binary()
    at = 4
    found: list[Any] = []
    for _ in range(count):
        raw, at = array.sized(data, at)
        if raw is None:
            raise bad_binary()
        found.append(read(raw))
    if at != len(data):
        raise bad_binary()
    return found


def multirange_from_binary(of: Subtype, data: bytes) -> tuple[Range, ...]:
    return merge(of.code, split_multirange_binary(data, lambda raw: from_binary(of, raw)))


def multirange_to_text(of: Subtype, value: tuple[Range, ...]) -> bytes:
    return b"{" + b",".join(to_text(of, item) for item in value) + b"}"


def multirange_to_binary(of: Subtype, value: tuple[Range, ...]) -> bytes:
    parts = [struct.pack("!i", array.size_word(len(value)))]
    parts += (array.put_sized(to_binary(of, item)) for item in value)
    return b"".join(parts)
