"""Types by name and by OID, as the catalogue's own rows define them."""

from __future__ import annotations

from typing import Final, cast

from ..oids import INT2, INT4, INT8, OID, REGCLASS, REGPROC, REGTYPE, XID
from ._data import TYPE_COLUMNS, TYPE_NAMES, TYPES

__all__ = [
    "ARRAYS",
    "ELEMENTS",
    "INTEGERS",
    "REGISTERED",
    "VECTORS",
    "format_type",
    "is_text",
    "type_named",
    "type_oid_of_name",
    "type_output",
]

_COLUMN = {name: i for i, name in enumerate(TYPE_COLUMNS.split())}

NAMES: Final[dict[int, str]] = {cast(int, row[0]): cast(str, row[1]) for row in TYPES}
OIDS: Final[dict[str, int]] = {name: oid for oid, name in NAMES.items()}
CATEGORIES: Final[dict[int, str]] = {cast(int, row[0]): cast(str, row[_COLUMN["typcategory"]]) for row in TYPES}
ARRAYS: Final[dict[int, int]] = {cast(int, row[0]): cast(int, row[_COLUMN["typarray"]]) for row in TYPES}
"""OID of a type → OID of its array type, 0 where it has none."""

VECTORS: Final = {22: INT2, 30: OID}
"""int2vector and oidvector → their element types; they count from 0."""

ELEMENTS: Final[dict[int, int]] = {array: element for element, array in ARRAYS.items() if array} | VECTORS
"""OID of an array type → OID of its element type."""

REGNAMESPACE: Final = 4089
REGROLE: Final = 4096
REGISTERED: Final[dict[int, str]] = {
    REGPROC: "regproc",
    2202: "regprocedure",
    REGCLASS: "regclass",
    REGTYPE: "regtype",
    REGNAMESPACE: "regnamespace",
    REGROLE: "regrole",
}
"""The types whose values are OIDs written as names."""

INTEGERS: Final = frozenset({INT2, INT4, INT8, OID, XID, 29, 5069, *REGISTERED})

_SYNONYMS: Final = {
    "bigint": "int8",
    "boolean": "bool",
    "character": "bpchar",
    "character varying": "varchar",
    "decimal": "numeric",
    "double": "float8",
    "double precision": "float8",
    "float": "float8",
    "int": "int4",
    "integer": "int4",
    "real": "float4",
    "smallint": "int2",
    "time with time zone": "timetz",
    "time without time zone": "time",
    "timestamp with time zone": "timestamptz",
    "timestamp without time zone": "timestamp",
    "varbinary": "bytea",
    "bigdecimal": "numeric",
    "nchar": "bpchar",
    "nvarchar": "varchar",
    "char": "bpchar",
}


def type_oid_of_name(name: str) -> int | None:
    """OID of the type that ``to_regtype`` would find for this text: SQL spellings, ``[]``, ``"char"``,
    ``pg_catalog.``."""
    text = name.strip()
    array = False
    while text.endswith("[]"):
        array, text = True, text[:-2].strip()
    if text.startswith("pg_catalog."):
        text = text.removeprefix("pg_catalog.")
        oid = OIDS.get(text.strip('"'))
    elif text.startswith('"') and text.endswith('"') and len(text) > 1:
        oid = OIDS.get(text[1:-1])
    else:
        head, bracket, _ = text.partition("(")
        oid = type_named(head.strip() if bracket else text)
    if oid is None:
        return None
    return (ARRAYS.get(oid) or None) if array else oid


def type_named(word: str) -> int | None:
    """OID of a type by its unquoted SQL name."""
    folded = " ".join(word.lower().split())
    return OIDS.get(_SYNONYMS.get(folded, folded))


def type_output(oid: int) -> str:
    """The type's name as ``regtype`` prints it; an unknown OID prints as a number."""
    return TYPE_NAMES.get(oid) or NAMES.get(oid) or str(oid)


def format_type(oid: int, modifier: int | None) -> str:
    """``format_type``: SQL's name of a type, with its modifier."""
    if oid == 0:
        return "-"
    if oid in ELEMENTS and oid not in VECTORS:
        return format_type(ELEMENTS[oid], modifier) + "[]"
    name = TYPE_NAMES.get(oid) or NAMES.get(oid)
    if name is None:
        return "???"
    if modifier is None or modifier < 0:
        return "bpchar" if oid == 1042 and modifier is not None else name
    if oid in (1042, 1043):
        return f"{name}({modifier - 4})"
    if oid == 1700:
        scale = (modifier - 4) & 0x7FF
        return f"{name}({(modifier - 4) >> 16},{scale - 2048 if scale >= 1024 else scale})"
    if oid in (1083, 1114, 1184, 1266):
        head, blank, tail = name.partition(" ")
        return f"{head}({modifier}){blank}{tail}"
    return name


def is_text(oid: int) -> bool:
    """Whether values of this type are plain text here."""
    return CATEGORIES.get(oid, "U") in "SZU" and oid not in INTEGERS
