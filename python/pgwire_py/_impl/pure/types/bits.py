"""bit and bit varying (PostgreSQL 8.10)."""

from __future__ import annotations

import struct
from typing import NamedTuple

from .bad_value import BadValue, bad_binary

MAX_BITS = (1 << 31) - 8
"""Most bits that PostgreSQL reads."""


class Bits(NamedTuple):
    """Bits from the most significant one of the first byte on; those behind the last are zero."""

    length: int
    data: bytes


def parse(text: str) -> Bits:
    """Reads ``1010``, ``b1010`` or ``xA``."""
    is_hex = text[:1] in ("x", "X") and text != ""
    digits = text[1:] if is_hex or (text != "" and text[0] in "bB") else text
    per_digit, known, name = (4, "0123456789abcdefABCDEF", "hexadecimal") if is_hex else (1, "01", "binary")
    for digit in digits:
        if digit not in known:
            raise BadValue("22P02", f'"{digit}" is not a valid {name} digit')
    length = per_digit * len(digits)
    size = (length + 7) // 8
    number = int(digits or "0", 16 if is_hex else 2) << (8 * size - length)
    return Bits(length, number.to_bytes(size, "big"))


def make(length: int, data: bytes) -> Bits:
    """So many bits of ``data``, which has neither more nor less than it takes to hold them."""
    if length % 8:
        data = data[:-1] + bytes([data[-1] & 0xFF << (8 - length % 8) & 0xFF])
    return Bits(length, data)


def from_binary(data: bytes) -> Bits:
    if len(data) < 4:
        raise bad_binary()
    (length,) = struct.unpack_from("!i", data)
    if not 0 <= length <= MAX_BITS:
        raise BadValue("22P03", "invalid length in external bit string")
    if len(data) - 4 != (length + 7) // 8:
        raise bad_binary()
    return make(length, data[4:])


def to_text(value: Bits) -> bytes:
    if not value.length:
        return b""
    return f"{int.from_bytes(value.data, 'big'):0{8 * len(value.data)}b}"[: value.length].encode()


def to_binary(value: Bits) -> bytes:
    if value.length > MAX_BITS:
        raise BadValue("54000", "bit string length exceeds the maximum allowed (2147483640)")
    return struct.pack("!i", value.length) + value.data
