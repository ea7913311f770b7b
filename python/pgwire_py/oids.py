"""OIDs of PostgreSQL's built-in types (pg_type.dat) that columns and parameters can have."""

from __future__ import annotations

from typing import Final, NamedTuple

__all__ = [
    "ARRAY_OF",
    "BOOL",
    "BOOL_ARRAY",
    "BPCHAR",
    "BPCHAR_ARRAY",
    "BYTEA",
    "BYTEA_ARRAY",
    "CHAR",
    "CHAR_ARRAY",
    "DATE",
    "DATE_ARRAY",
    "ELEMENT_OF",
    "FLOAT4",
    "FLOAT4_ARRAY",
    "FLOAT8",
    "FLOAT8_ARRAY",
    "INT2",
    "INT2_ARRAY",
    "INT4",
    "INT4_ARRAY",
    "INT8",
    "INT8_ARRAY",
    "INTERVAL",
    "INTERVAL_ARRAY",
    "JSON",
    "JSONB",
    "JSONB_ARRAY",
    "JSON_ARRAY",
    "NAME",
    "NAME_ARRAY",
    "NUMERIC",
    "NUMERIC_ARRAY",
    "OID",
    "OID_ARRAY",
    "REGCLASS",
    "REGCLASS_ARRAY",
    "REGPROC",
    "REGPROC_ARRAY",
    "REGTYPE",
    "REGTYPE_ARRAY",
    "TEXT",
    "TEXT_ARRAY",
    "TIME",
    "TIMESTAMP",
    "TIMESTAMPTZ",
    "TIMESTAMPTZ_ARRAY",
    "TIMESTAMP_ARRAY",
    "TIME_ARRAY",
    "TYPES",
    "UNKNOWN",
    "UUID",
    "UUID_ARRAY",
    "VARCHAR",
    "VARCHAR_ARRAY",
    "VOID",
    "XID",
    "XID_ARRAY",
    "TypeInfo",
    "type_info",
]


class TypeInfo(NamedTuple):
    """One built-in type: ``size`` in bytes, -1 for variable width, -2 for a C string; ``category`` as pg_type.typcategory."""

    oid: int
    name: str
    size: int
    array_oid: int
    category: str


BOOL: Final = 16
BYTEA: Final = 17
CHAR: Final = 18
NAME: Final = 19
INT8: Final = 20
INT2: Final = 21
INT4: Final = 23
REGPROC: Final = 24
TEXT: Final = 25
OID: Final = 26
XID: Final = 28
JSON: Final = 114
FLOAT4: Final = 700
FLOAT8: Final = 701
UNKNOWN: Final = 705
BPCHAR: Final = 1042
VARCHAR: Final = 1043
DATE: Final = 1082
TIME: Final = 1083
TIMESTAMP: Final = 1114
TIMESTAMPTZ: Final = 1184
INTERVAL: Final = 1186
NUMERIC: Final = 1700
REGCLASS: Final = 2205
REGTYPE: Final = 2206
VOID: Final = 2278
UUID: Final = 2950
JSONB: Final = 3802

BOOL_ARRAY: Final = 1000
BYTEA_ARRAY: Final = 1001
CHAR_ARRAY: Final = 1002
NAME_ARRAY: Final = 1003
INT8_ARRAY: Final = 1016
INT2_ARRAY: Final = 1005
INT4_ARRAY: Final = 1007
REGPROC_ARRAY: Final = 1008
TEXT_ARRAY: Final = 1009
OID_ARRAY: Final = 1028
XID_ARRAY: Final = 1011
JSON_ARRAY: Final = 199
FLOAT4_ARRAY: Final = 1021
FLOAT8_ARRAY: Final = 1022
BPCHAR_ARRAY: Final = 1014
VARCHAR_ARRAY: Final = 1015
DATE_ARRAY: Final = 1182
TIME_ARRAY: Final = 1183
TIMESTAMP_ARRAY: Final = 1115
TIMESTAMPTZ_ARRAY: Final = 1185
INTERVAL_ARRAY: Final = 1187
NUMERIC_ARRAY: Final = 1231
REGCLASS_ARRAY: Final = 2210
REGTYPE_ARRAY: Final = 2211
UUID_ARRAY: Final = 2951
JSONB_ARRAY: Final = 3807

_SCALARS = (
    TypeInfo(BOOL, "bool", 1, BOOL_ARRAY, "B"),
    TypeInfo(BYTEA, "bytea", -1, BYTEA_ARRAY, "U"),
    TypeInfo(CHAR, "char", 1, CHAR_ARRAY, "Z"),
    TypeInfo(NAME, "name", 64, NAME_ARRAY, "S"),
    TypeInfo(INT8, "int8", 8, INT8_ARRAY, "N"),
    TypeInfo(INT2, "int2", 2, INT2_ARRAY, "N"),
    TypeInfo(INT4, "int4", 4, INT4_ARRAY, "N"),
    TypeInfo(REGPROC, "regproc", 4, REGPROC_ARRAY, "N"),
    TypeInfo(TEXT, "text", -1, TEXT_ARRAY, "S"),
    TypeInfo(OID, "oid", 4, OID_ARRAY, "N"),
    TypeInfo(XID, "xid", 4, XID_ARRAY, "U"),
    TypeInfo(JSON, "json", -1, JSON_ARRAY, "U"),
    TypeInfo(FLOAT4, "float4", 4, FLOAT4_ARRAY, "N"),
    TypeInfo(FLOAT8, "float8", 8, FLOAT8_ARRAY, "N"),
    TypeInfo(UNKNOWN, "unknown", -2, 0, "X"),
    TypeInfo(BPCHAR, "bpchar", -1, BPCHAR_ARRAY, "S"),
    TypeInfo(VARCHAR, "varchar", -1, VARCHAR_ARRAY, "S"),
    TypeInfo(DATE, "date", 4, DATE_ARRAY, "D"),
    TypeInfo(TIME, "time", 8, TIME_ARRAY, "D"),
    TypeInfo(TIMESTAMP, "timestamp", 8, TIMESTAMP_ARRAY, "D"),
    TypeInfo(TIMESTAMPTZ, "timestamptz", 8, TIMESTAMPTZ_ARRAY, "D"),
    TypeInfo(INTERVAL, "interval", 16, INTERVAL_ARRAY, "T"),
    TypeInfo(NUMERIC, "numeric", -1, NUMERIC_ARRAY, "N"),
    TypeInfo(REGCLASS, "regclass", 4, REGCLASS_ARRAY, "N"),
    TypeInfo(REGTYPE, "regtype", 4, REGTYPE_ARRAY, "N"),
    TypeInfo(VOID, "void", 4, 0, "P"),
    TypeInfo(UUID, "uuid", 16, UUID_ARRAY, "U"),
    TypeInfo(JSONB, "jsonb", -1, JSONB_ARRAY, "U"),
)

TYPES: Final[dict[int, TypeInfo]] = {
    info.oid: info
    for scalar in _SCALARS
    for info in (scalar, TypeInfo(scalar.array_oid, "_" + scalar.name, -1, 0, "A"))
    if info.oid
}
"""Every known type by OID, arrays included."""

ARRAY_OF: Final[dict[int, int]] = {info.oid: info.array_oid for info in _SCALARS if info.array_oid}
"""OID of an element type → OID of its array type."""

ELEMENT_OF: Final[dict[int, int]] = {array: element for element, array in ARRAY_OF.items()}
"""OID of an array type → OID of its element type."""


def type_info(oid: int) -> TypeInfo:
    """The type with this OID; an unknown OID is described as variable-width text-like."""
    return TYPES.get(oid) or TypeInfo(oid, "unknown", -1, 0, "X")
