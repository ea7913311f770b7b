"""How the values and texts of a session are encoded and decoded: the settings that text depends on, put together once."""

from __future__ import annotations

import struct
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

from .. import oids
from .._impl import ArrowEncoder, RowEncoder, TextStyle, decode_values
from ..oids import ELEMENT_OF
from ..types import TypeRegistry
from .encodings import Encoding, encoding_of, recode_message
from .zones import find_zone

__all__ = ["CODING_KEYS", "Coding", "Codings"]

CODING_KEYS: Final = ("datestyle", "intervalstyle", "timezone", "extra_float_digits", "bytea_output", "client_encoding")
"""The parameters that decide."""

MAX_CODINGS: Final = 64
"""Combinations of settings that a server remembers."""

_DAY: Final = 86_400

_TEXTS: Final = frozenset(
    (
        oids.TEXT,
        oids.VARCHAR,
        oids.BPCHAR,
        oids.NAME,
        oids.UNKNOWN,
        oids.XML,
        oids.JSON,
        oids.JSONB,
        oids.JSONPATH,
        oids.CSTRING,
    )
)
"""Types whose binary format is a text (with a byte below 128 in front)."""


DecodeValues = Callable[[Sequence[int], Sequence[int], Sequence["bytes | None"]], "tuple[object, ...]"]


class Coding:
    """What makes bytes of a session's values, and values of its bytes.

    Attributes:
        style: how values are printed and read; None with PostgreSQL's default settings and UTC.
        encoding: the client's encoding; None for UTF-8.
        in_utf8: the same in UTF-8.
        types: codecs of the server's own; None for the built-in types alone.
        decode_values: types, formats and bytes of Bind's parameters → Python values; raises PostgresError.
    """

    __slots__ = ("decode_values", "encoding", "in_utf8", "style", "types")

    def __init__(self, style: TextStyle | None, encoding: Encoding | None, types: TypeRegistry | None) -> None:
        self.style = style
        self.encoding = encoding
        self.in_utf8: Coding = self if encoding is None else Coding(style, None, types)
        self.types = types if types is None or style is None else types.styled(style)
        self.decode_values: DecodeValues = decode_values
        if self.types is not None:
            self.decode_values = self.types.decode_values
        elif style is not None:
            self.decode_values = partial(decode_values, style=style)
        if encoding is not None:
            self.decode_values = partial(_decode_values, encoding, self.decode_values)

    # -- to the client -----------------------------------------------------------------------------------------------

    def row_encoder(self, types: Sequence[int], formats: Sequence[int]) -> tuple[Any, bool]:
        """What encodes rows, and whether it may be shared: by sessions, and by results at a time."""
        encoder: Any
        encoder = (
            RowEncoder(types, formats, style=self.style)
            if self.types is None
            else self.types.row_encoder(types, formats)
        )
        shared = isinstance(encoder, RowEncoder)
        if self.encoding is not None:
            encoder = _Recoding(encoder, self.encoding, types, formats)
        return encoder, shared

    def arrow_encoder(self, rows: object, formats: Sequence[int], types: Sequence[int] | None = None) -> Any:
        """What encodes an Arrow stream, with its columns; ``types``: what they are to become."""
        encoder: Any = ArrowEncoder(rows, formats, types=types, style=self.style)
        if self.encoding is None:
            return encoder
        return _RecodingArrow(encoder, self.encoding, [oid for _, oid in encoder.columns], formats)

    def message(self, data: bytes) -> bytes:
        """A message of texts, such as RowDescription, in the client's encoding.

        Raises:
            PostgresError: 22P05 for a character that the encoding has not.
        """
        return data if self.encoding is None else recode_message(data, self.encoding.from_utf8)


def _decode_values(
    encoding: Encoding,
    decode: DecodeValues,
    types: Sequence[int],
    formats: Sequence[int],
    values: Sequence[bytes | None],
) -> tuple[object, ...]:
    """Parameters whose texts are in another encoding."""
    if len(formats) in (0, 1, len(values)) and len(types) == len(values):  # else the decoder says what is wrong
        values = [
            None if value is None else _recode_value(value, oid, code, encoding.to_utf8)
            for value, oid, code in zip(values, types, _codes(formats, len(values)), strict=True)
        ]
    return decode(types, formats, values)


class Codings:
    """The codings of a server's sessions: the same settings, the same coding."""

    def __init__(self, types: TypeRegistry | None = None) -> None:
        self.default = Coding(None, None, types)
        """That of DateStyle ISO, MDY, TimeZone UTC and client_encoding UTF8."""
        self._types = types
        self._made: dict[tuple[object, ...], Coding] = {}

    def find(self, values: tuple[str, ...]) -> Coding:
        """The coding of the canonical values of :data:`CODING_KEYS`."""
        coding = self._made.get(values)
        if coding is None or coding.style is not None:
            # By today's date a time of day without one is read.
            dated = (*values, int(time.time()) // _DAY)
            coding = self._made.get(dated)
            if coding is None:
                coding = self._make(values)
                if len(self._made) >= MAX_CODINGS:
                    self._made.clear()
                self._made[values if coding.style is None else dated] = coding
        return coding

    def _make(self, values: tuple[str, ...]) -> Coding:
        dates, intervals, zone_name, digits, bytea, encoding_name = values
        style, _, order = dates.partition(", ")
        zone = find_zone(zone_name)
        table = None if zone is None else zone.table(int(time.time()))
        encoding = encoding_of(encoding_name)
        shortest = int(digits) > 0
        plain = (style, order, intervals, table, shortest, bytea) == ("ISO", "MDY", "postgres", None, True, "hex")
        if plain and encoding is None:
            return self.default
        made = TextStyle(
            dates=style,
            order=order,
            intervals=intervals,
            zone=table,
            float_digits=int(digits),
            bytea=bytea,
        )
        return Coding(None if plain else made, encoding, self._types)


class _Recoding:
    """A row encoder whose rows come in another encoding."""

    def __init__(self, encoder: Any, encoding: Encoding, types: Sequence[int], formats: Sequence[int]) -> None:
        self._encoder = encoder
        self._encoding = encoding
        self._columns = list(zip(types, _codes(formats, len(types)), strict=True))

    def encode(self, rows: Sequence[Sequence[object]], start: int, max_bytes: int) -> tuple[bytes, int]:
        data, end = self._encoder.encode(rows, start, max_bytes)
        return _recode_rows(bytes(data), self._columns, self._encoding), end


class _RecodingArrow:
    """The same of an Arrow encoder."""

    def __init__(self, encoder: Any, encoding: Encoding, types: Sequence[int], formats: Sequence[int]) -> None:
        self.columns = encoder.columns
        self._encoder = encoder
        self._encoding = encoding
        self._columns = list(zip(types, _codes(formats, len(types)), strict=True))

    def encode(self, max_rows: int, max_bytes: int) -> tuple[bytes, int, bool]:
        data, rows, ended = self._encoder.encode(max_rows, max_bytes)
        return _recode_rows(bytes(data), self._columns, self._encoding), rows, ended


def _codes(formats: Sequence[int], count: int) -> Sequence[int]:
    return formats if len(formats) == count else list(formats or (0,)) * count


def _recode_rows(data: bytes, columns: list[tuple[int, int]], encoding: Encoding) -> bytes:
    """DataRow messages in another encoding."""
    if data.isascii():
        return data
    recode = encoding.from_utf8
    parts: list[bytes] = []
    at = 0
    while at < len(data):
        end = at + 1 + int.from_bytes(data[at + 1 : at + 5], "big")
        row = data[at:end]
        if not row.isascii():
            body = _recode_fields(row, 7, columns, recode)
            row = b"D" + (len(body) + 6).to_bytes(4, "big") + row[5:7] + body
        parts.append(row)
        at = end
    return b"".join(parts)


def _recode_fields(row: bytes, at: int, columns: list[tuple[int, int]], recode: Any) -> bytes:
    parts: list[bytes] = []
    for oid, code in columns:
        length = int.from_bytes(row[at : at + 4], "big", signed=True)
        at += 4
        if length < 0:
            parts.append(_NULL)
            continue
        value = _recode_value(row[at : at + length], oid, code, recode)
        parts += (len(value).to_bytes(4, "big"), value)
        at += length
    return b"".join(parts)


_NULL: Final = b"\xff\xff\xff\xff"
_ARRAY: Final = struct.Struct("!iiI")


def _recode_value(value: bytes, oid: int, code: int, recode: Any) -> bytes:
    """A value in another encoding: all of its text format, and in binary what is text in it."""
    if value.isascii() and (code == 0 or oid not in ELEMENT_OF):
        return value
    if code == 0 or oid in _TEXTS:
        recoded: bytes = recode(value)
        return recoded
    element = ELEMENT_OF.get(oid)
    if element in _TEXTS:
        return _recode_array(value, element, recode)
    return value


def _recode_array(value: bytes, element: int, recode: Any) -> bytes:
    """An array in binary: a head, sizes and lower bounds of its dimensions, and each element with its length. What is malformed stays."""
    if len(value) < _ARRAY.size:
        return value
    at = _ARRAY.size + 8 * _ARRAY.unpack_from(value)[0]
    parts = [value[:at]]
    while 0 <= at <= len(value) - 4:
        length = int.from_bytes(value[at : at + 4], "big", signed=True)
        at += 4
        if length < 0:
            parts.append(_NULL)
            continue
        item = recode(value[at : at + length])
        parts += (len(item).to_bytes(4, "big"), item)
        at += length
    return b"".join(parts)
