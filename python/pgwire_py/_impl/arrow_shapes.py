"""What ArrowDecoder is told of its columns, checked and spelled out once for both implementations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from ..errors import postgres_error
from ..oids import ANYARRAY, RECORD

MAX_DEPTH: Final = 64
"""Lists and composites within others."""
MAX_ROWS: Final = 2_147_483_647
"""Most rows of a batch."""
MAX_BYTES: Final = 1_073_741_824
"""Most bytes of a batch's rows, as they came, before it ends: a row more, and offsets still have 32 bits."""
_MAX_OID: Final = 0xFFFF_FFFF
_MAX_MODIFIER: Final = 0x7FFF_FFFF


class Shape(NamedTuple):
    """A column's type: its OID and modifier; ``parts`` where a list (one part) or a composite is spelled out."""

    oid: int
    modifier: int
    parts: tuple[tuple[str, Shape], ...] | None


def plan(
    types: Sequence[Any], names: Sequence[str], type_modifiers: Sequence[int] | None, max_rows: int, max_bytes: int
) -> tuple[list[tuple[str, Shape]], int, int]:
    """Name and shape of each column, and the bounds of a batch."""
    if isinstance(names, str):
        raise TypeError("column names must be a sequence of str")
    found, given = tuple(types), tuple(names)
    modifiers = (-1,) * len(found) if type_modifiers is None else tuple(type_modifiers)
    if len(given) != len(found):
        raise ValueError(f"{len(given)} names, but there are {len(found)} columns")
    if len(modifiers) != len(found):
        raise ValueError(f"{len(modifiers)} type modifiers, but there are {len(found)} columns")
    for name, value, most in (("max_rows", max_rows, MAX_ROWS), ("max_bytes", max_bytes, MAX_BYTES)):
        if not isinstance(value, int):
            raise TypeError(f"{name} must be an int")
        if not 1 <= value <= most:
            raise ValueError(f"{name} must be 1 to {most}")
    columns = zip(given, found, modifiers, strict=True)
    return [(_name(name), _shape(kind, modifier, 0)) for name, kind, modifier in columns], max_rows, max_bytes


def _name(name: Any) -> str:
    if not isinstance(name, str):
        raise TypeError("column names must be a sequence of str")
    if "\0" in name:
        raise ValueError("a column's name holds a NUL")
    name.encode()  # a lone surrogate has no UTF-8
    return name


def _shape(kind: Any, modifier: Any, depth: int) -> Shape:
    if depth > MAX_DEPTH:
        raise postgres_error("54001", f"types lie within more than {MAX_DEPTH} others")
    if isinstance(kind, dict):
        return Shape(RECORD, -1, tuple((_name(name), _shape(part, -1, depth + 1)) for name, part in kind.items()))
    if isinstance(kind, list):
        if len(kind) != 1:
            raise ValueError("a list in place of a type holds the type of its elements, and nothing else")
        return Shape(ANYARRAY, -1, (("item", _shape(kind[0], -1, depth + 1)),))
    if not isinstance(kind, int) or not isinstance(modifier, int):
        raise TypeError("a type is an OID, a list of one type, or a dict of types by name; a type modifier is an int")
    if not 0 <= kind <= _MAX_OID or not -_MAX_MODIFIER - 1 <= modifier <= _MAX_MODIFIER:
        raise ValueError("an OID or a type modifier has more than 32 bits")
    return Shape(kind, modifier, None)
