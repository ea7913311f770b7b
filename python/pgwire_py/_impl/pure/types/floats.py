"""float4 and float8 (PostgreSQL 8.1.3): text is the shortest decimal that reads back as the same number.

PostgreSQL's own form: an exponent from 1e+15 (float4: 1e+06) up and below 1e-4, with a sign and two digits at least; and a decimal
lying exactly half-way to a neighbour is not taken, although it would round to the right number (1e23 is 9.999999999999999e+22).
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Callable, Iterator
from decimal import Context, Decimal
from fractions import Fraction

from .bad_value import BadValue, clip, syntax
from .text import SPACE

_FINITE = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_SPECIAL = re.compile(r"[+-]?(?:inf|infinity|nan)", re.ASCII | re.IGNORECASE)
_FLOAT4 = struct.Struct("!f")


def to_text8(value: float) -> str:
    """A float8 as PostgreSQL prints it."""
    magnitude = abs(value)
    if 1e-4 <= magnitude < 1e15:
        return repr(value).removesuffix(".0")
    special = _special(value)
    if special is not None:
        return special
    shortest = Decimal(repr(magnitude))
    if magnitude >= 1e15:
        bounds = (_middle(magnitude, math.nextafter(magnitude, 0.0)), _middle(magnitude, _after8(magnitude)))
        shortest = _off_bounds(magnitude, shortest, bounds, 17, float)
    return _scientific(value, shortest)


def to_text4(value: float) -> str:
    """A float4, held in a float, as PostgreSQL prints it."""
    magnitude = abs(value)
    special = _special(value)
    if special is not None:
        return special
    shortest = _shortest4(magnitude)
    # 1e-4 itself is not a float4; the nearest one lies below it and prints as 0.0001.
    if _narrowed(1e-4) <= magnitude < 1e6:
        return ("-" if value < 0 else "") + f"{shortest:f}"
    return _scientific(value, shortest)


def to_digits8(value: float, extra: int) -> str:
    """A float8 by the setting extra_float_digits: the shortest text above 0, else as many digits more (or fewer) than 15."""
    return to_text8(value) if extra > 0 else _rounded(value, 15 + extra)


def to_digits4(value: float, extra: int) -> str:
    """The same for a float4, which has 6."""
    return to_text4(value) if extra > 0 else _rounded(value, 6 + extra)


def _rounded(value: float, digits: int) -> str:
    return _special(value) or f"{value:.{max(digits, 1)}g}"


def _special(value: float) -> str | None:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    if value == 0:
        return "-0" if math.copysign(1.0, value) < 0 else "0"
    return None


def _scientific(value: float, magnitude: Decimal) -> str:
    _, digits, _ = magnitude.as_tuple()
    shown = "".join(map(str, digits)).rstrip("0")
    exponent = magnitude.adjusted()
    point = "." if len(shown) > 1 else ""
    sign = "-" if exponent < 0 else "+"
    return f"{'-' if value < 0 else ''}{shown[0]}{point}{shown[1:]}e{sign}{abs(exponent):02}"


def _after8(value: float) -> float:
    return math.nextafter(value, math.inf)


def _middle(value: float, neighbour: float) -> Fraction:
    """The point half-way to a neighbour; beyond the largest float it lies as far away as on the other side."""
    if math.isinf(neighbour):
        return Fraction(value) + (Fraction(value) - Fraction(math.nextafter(value, 0.0))) / 2
    return (Fraction(value) + Fraction(neighbour)) / 2


def _off_bounds(
    value: float,
    shortest: Decimal,
    bounds: tuple[Fraction, Fraction],
    most: int,
    read: Callable[[str], float],
) -> Decimal:
    """The shortest decimal, or if that lies on a bound the next one of up to ``most`` digits that does not."""
    if Fraction(shortest) not in bounds:
        return shortest
    for places in range(len(shortest.normalize().as_tuple().digits) - 1, most):
        text = f"{value:.{places}e}"
        if read(text) == value and Fraction(Decimal(text)) not in bounds:
            return Decimal(text)
    return shortest


def _shortest4(magnitude: float) -> Decimal:
    """The shortest decimal strictly between the half-way points to a float4's neighbours, the nearest one of that length."""
    (bits,) = struct.unpack("!I", _FLOAT4.pack(magnitude))
    below = struct.unpack("!f", struct.pack("!I", bits - 1))[0]
    above = struct.unpack("!f", struct.pack("!I", bits + 1))[0]
    low = (Fraction(magnitude) + Fraction(below)) / 2
    high = (
        Fraction(magnitude) + (Fraction(magnitude) - Fraction(below)) / 2
        if math.isinf(above)
        else (Fraction(magnitude) + Fraction(above)) / 2
    )
    for digits in range(1, 10):
        for candidate in _candidates(magnitude, digits):
            if low < Fraction(candidate) < high:
                return candidate.normalize(Context(prec=17))
    raise AssertionError("nine digits tell float4 numbers apart")


def _candidates(magnitude: float, digits: int) -> Iterator[Decimal]:
    """The nearest decimal of so many digits, then the next one up: below a power of two the neighbour is nearer than above."""
    nearest = Decimal(f"{magnitude:.{digits - 1}e}")
    yield nearest
    yield nearest + Decimal((0, (1,), nearest.adjusted() - digits + 1))


def parse8(text: str) -> float:
    """Reads a float8; 22003 for a number too large or too small to be kept."""
    trimmed = text.strip(SPACE)
    if _SPECIAL.fullmatch(trimmed):
        return float(trimmed)
    found = _FINITE.fullmatch(trimmed)
    if not found:
        raise syntax("double precision", text)
    value = float(trimmed)
    if math.isinf(value) or (value == 0 and found[1].strip("0.")):
        raise BadValue("22003", f'"{clip(text)}" is out of range for type double precision')
    return value


def parse4(text: str) -> float:
    """Reads a float4 into a float; rounded once, from the text."""
    trimmed = text.strip(SPACE)
    if _SPECIAL.fullmatch(trimmed):
        return float(trimmed)
    found = _FINITE.fullmatch(trimmed)
    if not found:
        raise syntax("real", text)
    value = _narrowed(_rounded_to_odd(trimmed))
    if math.isinf(value) or (value == 0 and found[1].strip("0.")):
        raise BadValue("22003", f'"{clip(text)}" is out of range for type real')
    return value


def _rounded_to_odd(text: str) -> float:
    """A float8 whose last bit tells that the text lies beside it, so that rounding it to float4 is as good as rounding the text."""
    value = float(text)
    if math.isinf(value) or value == 0:
        return value
    exact, got = Decimal(text), Decimal(value)
    (bits,) = struct.unpack("!Q", struct.pack("!d", value))
    if exact == got or bits & 1:
        return value
    return math.nextafter(value, math.inf if exact > got else -math.inf)


def narrow(value: float) -> float:
    """float8 → float4; 22003 when a finite number overflows or a non-zero one becomes zero."""
    narrowed = _narrowed(value)
    if math.isinf(narrowed) and not math.isinf(value):
        raise BadValue("22003", "value out of range: overflow")
    if narrowed == 0 and value != 0:
        raise BadValue("22003", "value out of range: underflow")
    return narrowed


def _narrowed(value: float) -> float:
    try:
        return float(_FLOAT4.unpack(_FLOAT4.pack(value))[0])
    except OverflowError:
        return math.copysign(math.inf, value)
