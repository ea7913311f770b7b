"""How a statement's parameters are written and its rows are read: native calls for built-in types, Python for the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from .._impl import Record, RowDecoder
from ..messages import FieldDescription
from ..oids import BYTEA, TYPES
from ..types import TypeRegistry
from ..types.codec import UserCodec

__all__ = ["WITHOUT_BINARY", "result_format", "row_source"]

WITHOUT_BINARY: Final = frozenset(
    oid
    for oid, info in TYPES.items()
    if info.name.lstrip("_") in ("aclitem", "gtsvector") or info.name.lstrip("_").startswith("reg")
)
"""Types that have no binary form, and those of names, which are OIDs in binary."""


def result_format(registry: TypeRegistry, oid: int) -> int:
    """The format to ask for a column in: binary wherever there is a codec for it."""
    if oid in WITHOUT_BINARY:
        codec = registry._resolved(oid)
        return registry.format(oid) if isinstance(codec, UserCodec) else 0
    codec = registry._resolved(oid)
    if isinstance(codec, int) and codec not in TYPES:
        return 0
    return registry.format(oid)


def row_source(
    registry: TypeRegistry, fields: Sequence[FieldDescription], formats: Sequence[int]
) -> Callable[[list[Any]], list[Any]]:
    """What makes Records of DataRow bodies."""
    types = [field.type_oid for field in fields]
    names = [field.name for field in fields]
    codecs = [registry._resolved(oid) for oid in types]
    plain = [codec for codec in codecs if isinstance(codec, int)]
    if len(plain) == len(codecs):
        return RowDecoder(plain, formats, names).decode
    raw = RowDecoder(
        [codec if isinstance(codec, int) else BYTEA for codec in codecs],
        [format if isinstance(codec, int) else 1 for codec, format in zip(codecs, formats, strict=True)],
    )
    custom = [number for number, codec in enumerate(codecs) if not isinstance(codec, int)]
    chosen = [types[number] for number in custom], [formats[number] for number in custom]

    def decode(bodies: list[Any]) -> list[Any]:
        made = []
        for row in raw.decode(bodies):
            values = list(row)
            found = registry.decode_values(*chosen, [values[number] for number in custom])
            for number, value in zip(custom, found, strict=True):
                values[number] = value
            made.append(Record(names, values))
        return made

    return decode
