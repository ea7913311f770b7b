"""oidvector and int2vector: numbers separated by blanks; in binary an array of one dimension that begins at 0."""

from __future__ import annotations

import struct
from typing import NamedTuple

from . import array, integers
from .bad_value import BadValue, wrong_length
from .text import SPACE


class Element(NamedTuple):
    """What a vector is made of: OID and name of the type, ``layout`` for :mod:`struct`, and the least and greatest value."""

    vector: str
    oid: int
    name: str
    layout: str
    least: int
    most: int


OID = Element("oidvector", 26, "oid", "!I", 0, (1 << 32) - 1)
INT2 = Element("int2vector", 21, "smallint", "!h", -(1 << 15), (1 << 15) - 1)


def parse(of: Element, text: str) -> tuple[int, ...]:
    spaced = text.translate(dict.fromkeys(map(ord, SPACE), " "))
    return tuple(integers.parse(of.name, word, of.least, of.most) for word in spaced.split(" ") if word)


def from_binary(of: Element, data: bytes) -> tuple[int, ...]:
    """As PostgreSQL sends it; an empty one has one dimension of no elements, or none."""

    def item(raw: bytes) -> int:
        if len(raw) != struct.calcsize(of.layout):
            raise wrong_length(raw, struct.calcsize(of.layout))
        (value,) = struct.unpack(of.layout, raw)
        return int(value)

    value = array.from_binary(data, of.oid, item)
    if (value.dimensions and value.bounds != (0,)) or None in value.items:
        raise BadValue("22P03", f"invalid {of.vector} data")
    return value.items


def to_text(value: tuple[int, ...]) -> bytes:
    return " ".join(map(str, value)).encode()


def to_binary(of: Element, value: tuple[int, ...]) -> bytes:
    parts = [struct.pack("!iiIii", 1, 0, of.oid, array.size_word(len(value)), 0)]
    size = struct.pack("!i", struct.calcsize(of.layout))
    for item in value:
        parts += (size, struct.pack(of.layout, item))
    return b"".join(parts)
