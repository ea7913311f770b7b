"""What a codec of a registry is, and the codecs that users give."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from .._impl.pure.types import BadValue
from .._impl.pure.types.text import from_utf8, to_utf8

TEXT, BINARY = 0, 1
FORMATS = {"text": TEXT, "binary": BINARY}

MAX_DEPTH = 64
"""Composite types, arrays and ranges within each other that a registry reads or writes."""


class Coder(Protocol):
    """The way to the codecs of other types, for a codec whose values have parts."""

    def name(self, oid: int) -> str | None: ...

    def encode_part(self, oid: int, format: int, value: object, depth: int) -> bytes | None: ...

    def decode_part(self, oid: int, format: int, data: bytes | None, depth: int) -> Any: ...


class Codec(Protocol):
    """Writes and reads the values of one type; BadValue for what does not fit. ``depth`` values lie around the one at hand."""

    def encode(self, coder: Coder, format: int, value: Any, depth: int) -> bytes: ...

    def decode(self, coder: Coder, format: int, data: bytes, depth: int) -> Any: ...


@dataclass(frozen=True)
class Alias:
    """A type whose values are those of another: a domain, an enum without labels, citext."""

    oid: int


def check_depth(depth: int) -> None:
    """54001 for values nested too deep."""
    if depth > MAX_DEPTH:
        raise BadValue("54001", f"stack depth limit exceeded: a value lies within more than {MAX_DEPTH} others")


@dataclass
class UserCodec:
    """Functions of the user, by format. What they raise passes through."""

    name: str
    functions: dict[int, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = field(default_factory=dict)

    def encode(self, coder: Coder, format: int, value: Any, depth: int) -> bytes:
        made = self._function(format, 0)(value)
        if format == TEXT and isinstance(made, str):
            return to_utf8(made)
        if isinstance(made, (bytes, bytearray, memoryview)):
            return bytes(made)
        wanted = "str" if format == TEXT else "bytes"
        found = type(made).__name__
        raise BadValue("42804", f"the encoder of type {self.name} must return {wanted}, not {found[:64]}")

    def decode(self, coder: Coder, format: int, data: bytes, depth: int) -> Any:
        return self._function(format, 1)(from_utf8(data) if format == TEXT else data)

    def _function(self, format: int, which: int) -> Callable[[Any], Any]:
        found = self.functions.get(format)
        if found is None:
            other = "binary" if format == TEXT else "text"
            raise BadValue("0A000", f"the codec of type {self.name} knows the {other} format only")
        return found[which]
