"""Codecs of extensions' types, by the names the types have: hstore, ltree, citext, vector. Their OIDs differ between databases."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from .._impl import decode_values, encode_value
from .._impl.pure.types import BadValue
from .._impl.pure.types.bad_value import bad_binary, clip
from .._impl.pure.types.quoted import skip_space
from .._impl.pure.types.text import SPACE, check, from_utf8, to_utf8
from .codec import BINARY, TEXT, Alias, Codec, Coder

_TEXT_OID, _FLOAT4 = 25, 700

MAX_DIMENSIONS = 16_000
"""Most dimensions of a vector (pgvector)."""


class HstoreCodec:
    """hstore: a mapping of texts to texts or None (PostgreSQL F.18)."""

    def encode(self, coder: Coder, format: int, value: Any, depth: int) -> bytes:
        if isinstance(value, str) and format == TEXT:
            return to_utf8(value)
        if not isinstance(value, Mapping):
            raise BadValue("42804", f"cannot encode a value of Python type {type(value).__name__[:64]} as hstore")
        pairs = [(_text(key), None if item is None else _text(item)) for key, item in value.items()]
        # As hstore keeps them: by the length of the key, then by its bytes.
        pairs.sort(key=lambda pair: (len(pair[0]), pair[0]))
        if format == BINARY:
            parts = [struct.pack("!i", len(pairs))]
            for key, item in pairs:
                parts.append(struct.pack("!i", len(key)) + key)
                parts.append(b"\xff\xff\xff\xff" if item is None else struct.pack("!i", len(item)) + item)
            return b"".join(parts)
        shown = (_quoted(key) + b"=>" + (b"NULL" if item is None else _quoted(item)) for key, item in pairs)
        return b", ".join(shown)

    def decode(self, coder: Coder, format: int, data: bytes, depth: int) -> dict[str, str | None]:
        return _hstore_binary(data) if format == BINARY else _hstore_text(from_utf8(data))


def _text(value: object) -> bytes:
    if not isinstance(value, str):
        raise BadValue("42804", f"cannot encode a value of Python type {type(value).__name__[:64]} as text")
    return to_utf8(check(value))


def _quoted(data: bytes) -> bytes:
    return b'"' + data.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'


def _hstore_binary(data: bytes) -> dict[str, str | None]:
    if len(data) < 4:
        raise bad_binary()
    (count,) = struct.unpack_from("!i", data)
    # Every pair takes eight bytes at least: more of them than that cannot be there.
    if not 0 <= count <= (len(data) - 4) // 8:
        raise bad_binary()
    at = 4
    found: dict[str, str | None] = {}
    for _ in range(count):
        key, at = _sized(data, at)
        if key is None:
            raise BadValue("22004", "null value not allowed for hstore key")
        item, at = _sized(data, at)
        # The first of equal keys is kept.
        found.setdefault(from_utf8(key), None if item is None else from_utf8(item))
    if at != len(data):
        raise bad_binary()
    return found


def _sized(data: bytes, at: int) -> tuple[bytes | None, int]:
    if len(data) < at + 4:
        raise bad_binary()
    (length,) = struct.unpack_from("!i", data, at)
    at += 4
    if length < 0:
        return None, at
    if len(data) < at + length:
        raise bad_binary()
    return data[at : at + length], at + length


def _hstore_text(text: str) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    at = skip_space(text, 0)
    while at < len(text):
        key, _, at = _word(text, at, "=")
        at = skip_space(text, at)
        if not text.startswith("=>", at):
            raise _malformed(text)
        item, is_quoted, at = _word(text, skip_space(text, at + 2), ",")
        found.setdefault(key, None if not is_quoted and item.lower() == "null" else item)
        at = skip_space(text, at)
        if at < len(text):
            if text[at] != ",":
                raise _malformed(text)
            at = skip_space(text, at + 1)
    return found


def _word(text: str, at: int, end: str) -> tuple[str, bool, int]:
    """A word, quoted or up to a character or white space; whether it was quoted, and the place behind it."""
    quoted = text[at : at + 1] == '"'
    at += quoted
    word: list[str] = []
    start = at
    while at < len(text):
        character = text[at]
        if quoted and character == '"':
            return "".join(word), True, at + 1
        if not quoted and (character in SPACE or character == end):
            break
        if character == "\\":
            at += 1
            if at == len(text):
                raise _malformed(text)
        word.append(text[at])
        at += 1
    if quoted or at == start:
        raise _malformed(text)
    return "".join(word), False, at


def _malformed(text: str) -> BadValue:
    return BadValue("42601", f'syntax error in hstore: "{clip(text)}"')


@dataclass(frozen=True)
class VersionedTextCodec:
    """A text that has a version byte in front in binary: ltree, lquery, ltxtquery."""

    name: str

    def encode(self, coder: Coder, format: int, value: Any, depth: int) -> bytes:
        if not isinstance(value, str):
            raise BadValue("42804", f"cannot encode a value of Python type {type(value).__name__[:64]} as {self.name}")
        return b"\1" * (format == BINARY) + to_utf8(check(value))

    def decode(self, coder: Coder, format: int, data: bytes, depth: int) -> str:
        if format == BINARY:
            if not data:
                raise bad_binary()
            if data[0] != 1:
                raise BadValue("22P03", f"unsupported {self.name} version number {data[0]}")
        return from_utf8(data[format == BINARY :])


class VectorCodec:
    """pgvector's vector: a list of floats in single precision."""

    def encode(self, coder: Coder, format: int, value: Any, depth: int) -> bytes:
        if isinstance(value, str):
            value = _vector_text(value)
        try:
            numbers = [float(number) for number in value]
        except (TypeError, ValueError):
            found = type(value).__name__[:64]
            raise BadValue("42804", f"cannot encode a value of Python type {found} as vector") from None
        _check_dimensions(len(numbers))
        words = [encode_value(_FLOAT4, format, number) or b"" for number in numbers]
        if format == BINARY:
            return struct.pack("!hh", len(words), 0) + b"".join(words)
        return b"[" + b",".join(words) + b"]"

    def decode(self, coder: Coder, format: int, data: bytes, depth: int) -> list[float]:
        if format == TEXT:
            return _vector_text(from_utf8(data))
        if len(data) < 4:
            raise bad_binary()
        count, unused = struct.unpack_from("!hh", data)
        if count < 0 or unused != 0 or len(data) != 4 + 4 * count:
            raise bad_binary()
        _check_dimensions(count)
        return list(struct.unpack_from(f"!{count}f", data, 4))


def _vector_text(text: str) -> list[float]:
    trimmed = text.strip(SPACE)
    if not (trimmed.startswith("[") and trimmed.endswith("]")):
        raise BadValue("22P02", f'invalid input syntax for type vector: "{clip(text)}"')
    words = trimmed[1:-1].split(",")
    _check_dimensions(len(words))
    numbers = decode_values([_FLOAT4] * len(words), [TEXT], [word.encode() for word in words])
    return [float(number) for number in numbers]  # type: ignore[arg-type]


def _check_dimensions(count: int) -> None:
    if count < 1:
        raise BadValue("22000", "vector must have at least 1 dimension")
    if count > MAX_DIMENSIONS:
        raise BadValue("54000", f"vector cannot have more than {MAX_DIMENSIONS} dimensions")


EXTENSIONS: Final[dict[str, Codec | Alias]] = {
    "hstore": HstoreCodec(),
    "citext": Alias(_TEXT_OID),
    "ltree": VersionedTextCodec("ltree"),
    "lquery": VersionedTextCodec("lquery"),
    "ltxtquery": VersionedTextCodec("ltxtquery"),
    "vector": VectorCodec(),
}
"""What a type of this name is read and written by, as soon as its OID is known."""
