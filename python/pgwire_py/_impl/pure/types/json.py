"""json, jsonb and jsonpath: the text is passed on as it is; the binary format of the latter two has a version byte in front."""

from __future__ import annotations

from .bad_value import BadValue, bad_binary
from .text import from_utf8

VERSION = 1
"""Of jsonb and of jsonpath."""


def versioned(name: str, data: bytes) -> str:
    """The text behind the version byte of a binary value of the type ``name``."""
    if not data:
        raise bad_binary()
    if data[0] != VERSION:
        raise BadValue("22P03", f"unsupported {name} version number {data[0]}")
    return from_utf8(data[1:])


def to_versioned(value: str) -> bytes:
    return bytes((VERSION,)) + value.encode()
