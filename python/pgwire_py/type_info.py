"""What is known of PostgreSQL's built-in types: the rows of pg_type, by OID. ``oids`` has the OIDs as constants."""

from __future__ import annotations

from typing import Final, NamedTuple

from ._type_table import ROWS


class TypeInfo(NamedTuple):
    """One built-in type.

    ``size`` is in bytes, -1 for variable width, -2 for a C string; ``category`` and ``kind`` are pg_type's typcategory and typtype.
    ``element_oid`` is that of an array's elements. ``subtype_oid`` is, for a range, that of its bounds; for a multirange, that of its
    range. 0 where there is none.
    """

    oid: int
    name: str
    size: int
    array_oid: int
    category: str
    kind: str = "b"
    element_oid: int = 0
    subtype_oid: int = 0


TYPES: Final[dict[int, TypeInfo]] = {row[0]: TypeInfo(*row) for row in ROWS}
"""Every known type by OID, arrays included."""

ARRAY_OF: Final[dict[int, int]] = {info.element_oid: info.oid for info in TYPES.values() if info.element_oid}
"""OID of an element type → OID of its array type."""

ELEMENT_OF: Final[dict[int, int]] = {array: element for element, array in ARRAY_OF.items()}
"""OID of an array type → OID of its element type."""


def type_info(oid: int) -> TypeInfo:
    """The type with this OID; an unknown OID is described as variable-width text-like."""
    return TYPES.get(oid) or TypeInfo(oid, "unknown", -1, 0, "X")
