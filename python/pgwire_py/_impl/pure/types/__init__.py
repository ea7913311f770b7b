"""Values of PostgreSQL's built-in types: text and binary format, both ways.

Between the formats stands a plain value: int, float, bool, str, bytes, Numeric, Interval, Array; dates are days and times microseconds
since 2000-01-01 UTC, the integers' extremes being the infinities. Each file holds the rules of one family of types; this one picks.
Text follows a style; where none is given, PostgreSQL's default settings (IntervalStyle postgres, DateStyle ISO, TimeZone UTC).
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any, NamedTuple

from ....oids import ELEMENT_OF, TYPES
from . import (
    array,
    bits,
    bytea,
    datetime,
    datetime_text,
    floats,
    integers,
    interval,
    json,
    mac,
    money,
    network,
    numeric,
    ranges,
    record,
    shapes,
    structured,
    system,
    text,
    timetz,
    tsquery,
    tsvector,
    uuid,
    vectors,
)
from .bad_value import BadValue, clip, syntax, wrong_length
from .style import DEFAULT, TextStyle

__all__ = ["DEFAULT", "BadValue", "PgType", "TextStyle", "clip", "pg_type", "syntax"]


class Kind(NamedTuple):
    """How the bytes of a scalar type are read and written; ``name`` as PostgreSQL's messages give it."""

    code: str
    name: str
    parse: Callable[[str], Any]
    decode: Callable[[bytes], Any]
    text: Callable[[Any], bytes]
    binary: Callable[[Any], bytes]


class PgType(NamedTuple):
    """A type: the kind of a scalar or of an array's elements; ``element`` is the element type's OID, 0 for a scalar."""

    oid: int
    kind: Kind
    element: int

    def parse(self, value: str) -> Any:
        """Reads the text format, as the type's input function does."""
        text.check(value)
        return array.parse(value, self.kind.parse, self.delimiter) if self.element else self.kind.parse(value)

    def decode(self, binary: bool, data: bytes) -> Any:
        """Reads a value's bytes in a format."""
        if not binary:
            if self.kind.code == "char" and len(data) == 1 and data[0] > 127 and not self.element:
                # Before version 16, PostgreSQL sent a byte above 127 as it is.
                return data[0]
            return self.parse(text.from_utf8(data))
        if self.element:
            return array.from_binary(data, self.element, self.kind.decode)
        return self.kind.decode(data)

    def encode(self, binary: bool, value: Any) -> bytes:
        """Writes a value in a format."""
        if not self.element:
            return self.kind.binary(value) if binary else self.kind.text(value)
        if binary:
            return array.to_binary(value, self.element, self.kind.binary)
        return array.to_text(value, self.kind.text, self.delimiter)

    @property
    def delimiter(self) -> str:
        """What separates the elements of an array in text (pg_type.typdelim)."""
        return ";" if self.kind.code == "box" else ","

    def decode_within(self, data: bytes, depth: int) -> Any:
        """A binary value with ``depth`` records around it. What is no text of a type that is not known stays bytes."""
        code = self.kind.code
        if code == "record":
            read = partial(record.from_binary, depth=depth, decode=_decode_field)
            return array.from_binary(data, self.element, read) if self.element else read(data)
        try:
            return self.decode(True, data)
        except BadValue:
            if code != "raw":
                raise
            return data


def _kind(
    code: str,
    name: str,
    parse: Callable[[str], Any],
    to_text: Callable[[Any], str],
    decode: Callable[[bytes], Any],
    binary: Callable[[Any], bytes],
) -> Kind:
    return Kind(code, name, parse, decode, lambda value: to_text(value).encode(), binary)


def _packed(
    layout: str, check: Callable[[Any], Any] | None = None
) -> tuple[Callable[[bytes], Any], Callable[[Any], bytes]]:
    """Reader and writer of a fixed layout."""
    codec = struct.Struct("!" + layout)

    def decode(data: bytes) -> Any:
        if len(data) != codec.size:
            raise wrong_length(data, codec.size)
        (value,) = codec.unpack(data)
        return check(value) if check else value

    return decode, codec.pack


def _sized(size: int, decode: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
    def checked(data: bytes) -> Any:
        if len(data) != size:
            raise wrong_length(data, size)
        return decode(data)

    return checked


def _integer(code: str, name: str, layout: str, least: int, most: int) -> Kind:
    return _kind(code, name, lambda value: integers.parse(name, value, least, most), str, *_packed(layout))


def _network(name: str) -> Kind:
    decode = partial(network.from_binary, name)
    return _kind(name, name, partial(network.parse, name), network.to_text, decode, network.to_binary)


def _decode_field(oid: int, data: bytes, depth: int) -> Any:
    return pg_type(oid).decode_within(data, depth)


def _encode_fields(binary: bool, fields: tuple[record.Field, ...], style: TextStyle = DEFAULT) -> bytes:
    """A record of fields that each have a type."""
    made = [
        (field.oid, None if field.value is None else pg_type(field.oid, style).encode(binary, field.value))
        for field in fields
    ]
    return record.join_binary(made) if binary else record.join([data for _, data in made])


def _styled_kinds(style: TextStyle) -> dict[str, Kind]:
    """The kinds whose text depends on settings."""

    def timestamp(code: str, name: str, to_text: Callable[..., str]) -> Kind:
        parse = partial(datetime.parse_timestamp, style=style, with_zone=code == "timestamptz")
        return _kind(code, name, parse, partial(to_text, style=style), *_packed("q", datetime.check_timestamp))

    def shape(code: str) -> Kind:
        to_text = partial(shapes.to_text, code, digits=style.float_digits)
        parse, decode, binary = (partial(rule, code) for rule in (shapes.parse, shapes.from_binary, shapes.to_binary))
        return _kind_of(code, parse, decode, to_text, binary)

    def float_text(rule: Callable[[float, int], str]) -> Callable[[float], str]:
        return lambda value: rule(value, style.float_digits)

    kinds = (
        _kind("float4", "real", floats.parse4, float_text(floats.to_digits4), *_packed("f")),
        _kind("float8", "double precision", floats.parse8, float_text(floats.to_digits8), *_packed("d")),
        _kind(
            "bytea",
            "bytea",
            bytea.parse,
            bytea.to_escaped if style.bytea == "escape" else bytea.to_text,
            bytes,
            bytes,
        ),
        _kind(
            "date",
            "date",
            partial(datetime.parse_date, style=style),
            partial(datetime_text.date_text, style=style),
            *_packed("i", datetime.check_date),
        ),
        _kind(
            "time",
            "time",
            partial(datetime.parse_time, style=style),
            datetime.time_text,
            *_packed("q", datetime.check_time),
        ),
        _kind(
            "timetz",
            "time with time zone",
            partial(timetz.parse, style=style),
            timetz.to_text,
            timetz.from_binary,
            timetz.to_binary,
        ),
        timestamp("timestamp", "timestamp", datetime_text.timestamp_text),
        timestamp("timestamptz", "timestamp with time zone", datetime_text.timestamptz_text),
        _kind(
            "interval",
            "interval",
            partial(interval.parse, style=style.intervals),
            partial(interval.to_text, style=style.intervals),
            _sized(16, interval.from_binary),
            interval.to_binary,
        ),
        Kind(
            "record",
            "record",
            record.parse,
            partial(record.from_binary, depth=0, decode=_decode_field),
            partial(_encode_fields, False, style=style),
            partial(_encode_fields, True),
        ),
        *map(shape, structured.SHAPES),
    )
    found = {kind.code: kind for kind in kinds}
    for code, subtype in structured.SUBTYPES.items():
        found[code] = _range(code, found.get(subtype) or _KINDS[subtype])
    return found


def _range(code: str, kind: Kind) -> Kind:
    of = ranges.Subtype(kind.code, lambda value: kind.parse(text.check(value)), kind.decode, kind.text, kind.binary)
    rules: tuple[Callable[..., Any], ...] = (ranges.parse, ranges.from_binary, ranges.to_text, ranges.to_binary)
    if code.endswith("multirange"):
        rules = (
            ranges.parse_multirange,
            ranges.multirange_from_binary,
            ranges.multirange_to_text,
            ranges.multirange_to_binary,
        )
    return _kind_of(code, *(partial(rule, of) for rule in rules))


def _kind_of(code: str, *rules: Callable[[Any], Any]) -> Kind:
    """A kind whose code is its name."""
    parse, decode, to_text, to_binary = rules
    return Kind(code, code, parse, decode, to_text, to_binary)


def _vector(of: vectors.Element) -> Kind:
    return Kind(
        of.vector,
        of.vector,
        partial(vectors.parse, of),
        partial(vectors.from_binary, of),
        vectors.to_text,
        partial(vectors.to_binary, of),
    )


_KINDS = {
    kind.code: kind
    for kind in (
        Kind(
            "bool",
            "boolean",
            integers.parse_bool,
            _packed("?")[0],
            lambda value: b"t" if value else b"f",
            lambda value: b"\1" if value else b"\0",
        ),
        _integer("int2", "smallint", "h", -(1 << 15), (1 << 15) - 1),
        _integer("int4", "integer", "i", -(1 << 31), (1 << 31) - 1),
        _integer("int8", "bigint", "q", -(1 << 63), (1 << 63) - 1),
        _kind("oid", "oid", partial(system.parse32, "oid"), str, *_packed("I")),
        _kind("xid", "xid", partial(system.parse32, "xid"), str, *_packed("I")),
        _kind("cid", "cid", partial(system.parse32, "cid"), str, *_packed("I")),
        _kind("xid8", "xid8", partial(system.parse64, "xid8"), str, *_packed("Q")),
        _kind("reg", "oid", system.parse_reg, system.reg_text, _packed("I")[0], system.reg_binary),
        _kind("tid", "tid", system.parse_tid, system.tid_text, system.tid_from_binary, system.tid_to_binary),
        _kind("pg_lsn", "pg_lsn", system.parse_lsn, system.lsn_text, *_packed("Q")),
        _kind(
            "snapshot",
            "pg_snapshot",
            system.parse_snapshot,
            system.snapshot_text,
            system.snapshot_from_binary,
            system.snapshot_to_binary,
        ),
        _kind("numeric", "numeric", numeric.parse, numeric.to_text, numeric.from_binary, numeric.to_binary),
        _kind("money", "money", money.parse, money.to_text, *_packed("q")),
        Kind("name", "name", system.clip_name, system.name_from_binary, text.to_utf8, text.to_utf8),
        _kind(
            "char",
            '"char"',
            system.parse_char,
            system.char_text,
            system.char_from_binary,
            lambda value: bytes((value,)),
        ),
        Kind("text", "text", text.check, text.from_utf8, text.to_utf8, text.to_utf8),
        Kind(
            "raw",
            "text",
            lambda value: text.check(value).encode(),
            lambda data: text.from_utf8(data).encode(),
            bytes,
            bytes,
        ),
        Kind(
            "json",
            "json",
            partial(json.check, "json"),
            lambda data: json.check("json", text.from_utf8(data)),
            text.to_utf8,
            text.to_utf8,
        ),
        Kind(
            "jsonb",
            "jsonb",
            partial(json.check, "jsonb"),
            lambda data: json.check("jsonb", json.versioned("jsonb", data)),
            text.to_utf8,
            json.to_versioned,
        ),
        Kind("jsonpath", "jsonpath", text.check, partial(json.versioned, "jsonpath"), text.to_utf8, json.to_versioned),
        _kind("uuid", "uuid", uuid.parse, uuid.to_text, _sized(16, bytes), bytes),
        _network("inet"),
        _network("cidr"),
        _kind("macaddr", "macaddr", mac.parse, mac.to_text, _sized(6, bytes), bytes),
        _kind("macaddr8", "macaddr8", mac.parse8, mac.to_text, mac.from_binary8, bytes),
        Kind("void", "void", lambda _: "", lambda _: "", lambda _: b"", lambda _: b""),
    )
}

_KINDS |= {
    kind.code: kind
    for kind in (
        Kind("bit", "bit", bits.parse, bits.from_binary, bits.to_text, bits.to_binary),
        Kind("varbit", "bit varying", bits.parse, bits.from_binary, bits.to_text, bits.to_binary),
        Kind("tsvector", "tsvector", tsvector.parse, tsvector.from_binary, tsvector.to_text, tsvector.to_binary),
        Kind("tsquery", "tsquery", tsquery.parse, tsquery.from_binary, tsquery.to_text, tsquery.to_binary),
        _vector(vectors.OID),
        _vector(vectors.INT2),
    )
}

_CODES = {
    **dict.fromkeys(("text", "unknown", "bpchar", "varchar", "xml", "cstring", "refcursor"), "text"),
    **dict.fromkeys(("pg_snapshot", "txid_snapshot"), "snapshot"),
}
"""Codes of the kinds of types that are called otherwise."""


def _code(name: str) -> str:
    if name.startswith("reg"):
        return "reg"
    return _CODES.get(name, name)


@lru_cache(maxsize=64)
def _kinds(style: TextStyle) -> dict[str, Kind]:
    return {**_KINDS, **_styled_kinds(style)}


@lru_cache(maxsize=2048)
def pg_type(oid: int, style: TextStyle = DEFAULT) -> PgType:
    """The type with this OID; a type without a codec of its own is text, or bytes as they are."""
    element = ELEMENT_OF.get(oid, 0)
    info = TYPES.get(element or oid)
    kinds = _kinds(style)
    return PgType(oid, (info and kinds.get(_code(info.name))) or kinds["raw"], element)
