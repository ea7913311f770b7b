"""Types whose values have parts: which there are."""

from __future__ import annotations

from typing import Final

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

STRUCTURED: Final = frozenset(
    (*SUBTYPES, *SHAPES, "bit", "varbit", "record", "tsvector", "tsquery", "oidvector", "int2vector")
)
"""Codes of their kinds, which are the names of the types."""
