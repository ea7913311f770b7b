"""Types whose values have parts: which there are, by OID."""

from __future__ import annotations

from typing import Final

CODES: Final[dict[int, str]] = {
    1560: "bit",
    1562: "varbit",
    600: "point",
    601: "lseg",
    602: "path",
    603: "box",
    604: "polygon",
    628: "line",
    718: "circle",
    3904: "int4range",
    3906: "numrange",
    3908: "tsrange",
    3910: "tstzrange",
    3912: "daterange",
    3926: "int8range",
    4451: "int4multirange",
    4532: "nummultirange",
    4533: "tsmultirange",
    4534: "tstzmultirange",
    4535: "datemultirange",
    4536: "int8multirange",
    2249: "record",
    3614: "tsvector",
    3615: "tsquery",
    22: "int2vector",
    30: "oidvector",
}
"""Code of the kind of each type."""

ELEMENT_OF: Final[dict[int, int]] = {
    1561: 1560,
    1563: 1562,
    1017: 600,
    1018: 601,
    1019: 602,
    1020: 603,
    1027: 604,
    629: 628,
    719: 718,
    3905: 3904,
    3907: 3906,
    3909: 3908,
    3911: 3910,
    3913: 3912,
    3927: 3926,
    6150: 4451,
    6151: 4532,
    6152: 4533,
    6153: 4534,
    6155: 4535,
    6157: 4536,
    2287: 2249,
    3643: 3614,
    3645: 3615,
    1006: 22,
    1013: 30,
}
"""OID of an array type → OID of its element type."""

STRUCTURED: Final = frozenset(CODES.values())

SUBTYPES: Final = {
    "int4range": "int4",
    "int8range": "int8",
    "numrange": "numeric",
    "daterange": "date",
    "tsrange": "timestamp",
    "tstzrange": "timestamptz",
    "int4multirange": "int4",
    "int8multirange": "int8",
    "nummultirange": "numeric",
    "datemultirange": "date",
    "tsmultirange": "timestamp",
    "tstzmultirange": "timestamptz",
}
"""Code of a range's or multirange's kind → code of the kind of the values at its bounds."""

SHAPES: Final = ("point", "line", "lseg", "box", "path", "polygon", "circle")
