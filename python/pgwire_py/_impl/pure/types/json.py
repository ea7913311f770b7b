"""json and jsonb: the text is passed on as it is; jsonb's binary format has a version byte in front."""

from __future__ import annotations

from .bad_value import BadValue, bad_binary
from .text import from_utf8

JSONB_VERSION = 1


def from_jsonb(data: bytes) -> str:
    """The text of a binary jsonb value."""
    if not data:
        raise bad_binary()
    if data[0] != JSONB_VERSION:
        raise BadValue("22P03", f"unsupported jsonb version number {data[0]}")
    return from_utf8(data[1:])
