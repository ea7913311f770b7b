"""What an Arrow schema says of a column (Arrow: "The Arrow C data interface", format strings), and the memory of one array."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from .types import BadValue, clip

EXTENSIONS = ("arrow.uuid", "arrow.json", "arrow.bool8")
"""Extension types that say what the bytes mean."""


class Format(NamedTuple):
    """``kind`` and what it needs: a layout for :mod:`struct` (int, float), a width in bytes and a scale (decimal), a width (fixed), how
    values of varying length are found (text, binary: ``small``, ``large``, ``view``; list: these, ``large_view`` or a fixed size), a unit
    (time, timestamp, duration) and whether there is a zone (timestamp)."""

    kind: str
    detail: Any = None
    more: Any = None


_SIMPLE = {
    "n": Format("null"),
    "b": Format("bool"),
    **{code: Format("int", layout) for code, layout in zip("cCsSiIlL", "bBhHiIqQ", strict=True)},
    **{code: Format("float", layout) for code, layout in zip("efg", "efd", strict=True)},
    **{code: Format("text", size) for code, size in (("u", "small"), ("U", "large"), ("vu", "view"))},
    **{code: Format("binary", size) for code, size in (("z", "small"), ("Z", "large"), ("vz", "view"))},
    "tdD": Format("date32"),
    "tdm": Format("date64"),
    **{f"tt{unit}": Format("time", unit) for unit in "smun"},
    **{f"tD{unit}": Format("duration", unit) for unit in "smun"},
    "tiM": Format("months"),
    "tiD": Format("day_time"),
    "tin": Format("month_day_nano"),
    **{
        code: Format("list", span)
        for code, span in (("+l", "small"), ("+L", "large"), ("+vl", "view"), ("+vL", "large_view"))
    },
    "+s": Format("struct"),
    "+m": Format("map"),
    "+r": Format("run_ends"),
}
_WIDTHS = {None: 16, "32": 4, "64": 8, "128": 16, "256": 32}
_MAX32 = (1 << 31) - 1


def parse_format(code: str) -> Format:
    """0A000 for a format that is not known."""
    if code in _SIMPLE:
        return _SIMPLE[code]
    if match := re.fullmatch(r"(\+?)w:([0-9]+)", code):
        if int(match[2]) <= _MAX32:
            return Format("list" if match[1] else "fixed", int(match[2]))
    elif match := re.fullmatch(r"d:([0-9]+),(-?[0-9]+)(?:,([0-9]+))?", code):
        if abs(int(match[2])) <= 1000 and int(match[1]) <= _MAX32 and match[3] in _WIDTHS:
            return Format("decimal", _WIDTHS[match[3]], int(match[2]))
    elif match := re.match(r"ts([smun]):", code):
        return Format("timestamp", match[1], len(code) > 4)
    elif code.startswith(("+ud:", "+us:")):
        return Format("union")
    raise BadValue("0A000", f'Arrow format "{clip(code)}" is not supported')


def parts_of(shape: Format) -> list[tuple[str, int]]:
    """The buffers behind the validity bits: what they are and the width of a value."""
    kind, detail, _ = shape
    if kind == "bool":
        return [("bits", 0)]
    if kind in ("int", "float"):
        return [("fixed", {"b": 1, "h": 2, "e": 2, "i": 4, "f": 4, "q": 8, "d": 8}[detail.lower()])]
    if kind in ("decimal", "fixed"):
        return [("fixed", detail)]
    if kind in ("text", "binary"):
        if detail == "view":
            return [("fixed", 16), ("variadic", 0)]
        return [("offsets", 4 if detail == "small" else 8), ("data", 0)]
    if kind in ("date32", "months") or (kind == "time" and detail in "sm"):
        return [("fixed", 4)]
    if kind in ("date64", "time", "timestamp", "duration", "day_time"):
        return [("fixed", 8)]
    if kind == "month_day_nano":
        return [("fixed", 16)]
    if kind == "list" and detail in ("view", "large_view"):
        return [("fixed", 4 if detail == "view" else 8)] * 2
    if kind == "map" or (kind == "list" and detail in ("small", "large")):
        return [("offsets", 8 if detail == "large" else 4)]
    return []


@dataclass
class Field:
    """A column of a schema, or what lies inside one.

    ``dictionary``: what the values of a dictionary array are; the format is that of its keys.
    """

    name: str
    format: Format
    extension: str | None
    children: list[Field]
    dictionary: Field | None

    @property
    def values(self) -> Field | None:
        """What a dictionary or run-end encoded array holds."""
        return self.children[1] if self.format.kind == "run_ends" else self.dictionary

    def check(self) -> Field:
        """XX000 for a wrong number of children, keys that are no integers or ends of runs that are none."""
        kind = self.format.kind
        expected = {"list": 1, "map": 1, "run_ends": 2}.get(kind, 0)
        if kind not in ("struct", "union") and len(self.children) != expected:
            raise broken("a type has a wrong number of children")
        if self.dictionary and kind != "int":
            raise broken("the keys of a dictionary are not integers")
        if kind == "run_ends" and (
            self.children[0].format.kind != "int" or self.children[0].format.detail not in "hiq"
        ):
            raise broken("the ends of runs are not integers")
        if kind == "map" and (self.children[0].format.kind != "struct" or len(self.children[0].children) != 2):
            raise broken("the entries of a map are not pairs")
        return self


@dataclass
class Array:
    """The memory of one array. Buffers are as long as the array's length and offset ask for; ``nulls``: validity bits."""

    length: int
    offset: int
    nulls: memoryview | None
    buffers: list[memoryview]
    children: list[Array] = field(default_factory=list)
    dictionary: Array | None = None


def broken(what: str) -> BadValue:
    """XX000: the producer does not keep to the C data interface."""
    return BadValue("XX000", f"the Arrow producer broke the C data interface: {what}")
