"""numeric (PostgreSQL 8.1.2): up to 131,072 digits before the decimal point and 16,383 after it.

Kept as in the binary format: digits to the base 10,000, the weight of the first, and the number of decimal places to show.
"""

from __future__ import annotations

import re
import struct
from typing import Final, NamedTuple

from .bad_value import BadValue, bad_binary, insufficient, syntax
from .text import SPACE, lower

NEGATIVE: Final = 0x4000
NAN: Final = 0xC000
INFINITY: Final = 0xD000
NEGATIVE_INFINITY: Final = 0xF000
MAX_SCALE: Final = 0x3FFF
MAX_WEIGHT: Final = 32_767
"""Most digits to the base 10,000 before the decimal point."""
LIMIT: Final = 1_000_000_000

_NUMBER = re.compile(r"([+-]?)(?=\.?[0-9])([0-9]*)(?:\.([0-9]*))?(?:[eE]([+-]?)([0-9]+))?")
_UNDERSCORE = re.compile("(?<=[0-9])_(?=[0-9])")
_SPECIAL = {NAN: "NaN", INFINITY: "Infinity", NEGATIVE_INFINITY: "-Infinity"}
_WORDS = {
    "nan": NAN,
    "infinity": INFINITY,
    "+infinity": INFINITY,
    "-infinity": NEGATIVE_INFINITY,
    "inf": INFINITY,
    "+inf": INFINITY,
    "-inf": NEGATIVE_INFINITY,
}


class Numeric(NamedTuple):
    """``sign`` as the binary format has it: 0 or one of the constants; ``scale`` in decimal places shown."""

    sign: int
    weight: int
    scale: int
    digits: tuple[int, ...]


def parse(text: str) -> Numeric:
    """Reads decimal text, with or without exponent, an underscore between two digits; NaN and the infinities in any case."""
    trimmed = text.strip(SPACE)
    word = _WORDS.get(lower(trimmed))
    if word is not None:
        return _special(word)
    found = _NUMBER.fullmatch(_UNDERSCORE.sub("", trimmed))
    if not found:
        raise syntax("numeric", text)
    sign, whole, fraction, exponent_sign, exponent_digits = found.groups(default="")
    exponent = LIMIT if len(exponent_digits.lstrip("0")) > 10 else min(int(exponent_digits or "0"), LIMIT)
    return _from_decimal(sign == "-", whole, fraction, -exponent if exponent_sign == "-" else exponent)


def compare(a: Numeric, b: Numeric) -> int:
    """-1, 0 or 1: -Infinity first, NaN last and equal to itself; the scale does not count."""
    ranks = (_rank(a), _rank(b))
    if ranks[0] != ranks[1]:
        return 1 if ranks[0] > ranks[1] else -1
    if a.sign not in (0, NEGATIVE):
        return 0
    keys = ((a.weight, a.digits), (b.weight, b.digits))
    order = int(keys[0] > keys[1]) - int(keys[0] < keys[1])
    return -order if a.sign == NEGATIVE else order


def _rank(value: Numeric) -> int:
    if value.sign == 0:
        return 3 if value.digits else 2
    return {NEGATIVE_INFINITY: 0, NEGATIVE: 1, INFINITY: 4}.get(value.sign, 5)


def _from_decimal(negative: bool, whole: str, fraction: str, exponent: int) -> Numeric:
    """From decimal digits before and behind the point, times ten to the power ``exponent``."""
    scale = max(len(fraction) - exponent, 0)
    if scale > MAX_SCALE:
        raise _overflow()
    digits = (whole + fraction).lstrip("0")
    if not digits:
        return Numeric(0, 0, scale, ())
    # Place of the point, counted from the first digit that is not zero.
    point = len(whole) + exponent - (len(whole) + len(fraction) - len(digits))
    weight = (point + 3) // 4 - 1
    if weight > MAX_WEIGHT:
        raise _overflow()
    # Decimal digits are taken in fours that end at the point.
    padded = "0" * ((weight + 1) * 4 - point) + digits.rstrip("0")
    padded += "0" * (-len(padded) % 4)
    groups = tuple(int(padded[at : at + 4]) for at in range(0, len(padded), 4))
    return Numeric(NEGATIVE if negative else 0, weight, scale, groups)


def _special(sign: int) -> Numeric:
    # PostgreSQL's short header leaves 32 decimal places in what it sends of an infinity.
    return Numeric(sign, 0, 0 if sign == NAN else 0x20, ())


def _overflow() -> BadValue:
    return BadValue("22003", "value overflows numeric format")


def from_binary(data: bytes) -> Numeric:
    if len(data) < 8 or len(data) - 8 < 2 * int.from_bytes(data[:2], "big"):
        raise insufficient()
    if len(data) % 2:
        raise bad_binary()
    count, weight, sign, scale = struct.unpack_from("!HhHH", data)
    digits = struct.unpack_from(f"!{len(data) // 2 - 4}H", data, 8)
    if len(digits) != count:
        raise bad_binary()
    if sign in _SPECIAL:
        return _special(sign)
    if sign not in (0, NEGATIVE):
        raise BadValue("22P03", 'invalid sign in external "numeric" value')
    if scale > MAX_SCALE:
        raise BadValue("22P03", 'invalid scale in external "numeric" value')
    if any(digit > 9999 for digit in digits):
        raise BadValue("22P03", 'invalid digit in external "numeric" value')
    return _normalised(sign, weight, scale, list(digits))


def _normalised(sign: int, weight: int, scale: int, digits: list[int]) -> Numeric:
    """Cuts digits beyond the scale, as numeric_recv does, and zeros at both ends."""
    kept = weight + 1 + (scale + 3) // 4
    del digits[max(kept, 0) :]
    spare = -scale % 4
    if kept > 0 and len(digits) == kept and spare:
        digits[-1] -= digits[-1] % 10**spare
    zeros = next((index for index, digit in enumerate(digits) if digit), len(digits))
    del digits[:zeros]
    while digits and digits[-1] == 0:
        digits.pop()
    if not digits:
        return Numeric(0, 0, scale, ())
    return Numeric(sign, max(weight - zeros, -32_768), scale, tuple(digits))


def to_binary(value: Numeric) -> bytes:
    count = len(value.digits)
    return struct.pack(f"!HhHH{count}H", count, value.weight, value.sign, value.scale, *value.digits)


def to_text(value: Numeric) -> str:
    if value.sign in _SPECIAL:
        return _SPECIAL[value.sign]
    # Four decimal digits for each place, from the first digit shown to the last.
    top = max(value.weight, 0)
    places = (value.scale + 3) // 4
    groups = [0] * (top - value.weight) + list(value.digits)
    groups += [0] * (top + 1 + places - len(groups))
    whole = "".join(f"{digit:04}" for digit in groups[: top + 1]).lstrip("0") or "0"
    sign = "-" if value.sign == NEGATIVE else ""
    if not value.scale:
        return sign + whole
    fraction = "".join(f"{digit:04}" for digit in groups[top + 1 : top + 1 + places])
    return f"{sign}{whole}.{fraction[: value.scale]}"
