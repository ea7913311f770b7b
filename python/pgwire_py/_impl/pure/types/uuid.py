"""uuid (PostgreSQL 8.12): 32 hexadecimal digits, a hyphen allowed after every four, braces around it allowed."""

from __future__ import annotations

import re

from .bad_value import syntax

_UUID = re.compile(r"(\{)?((?:[0-9a-fA-F]{4}-?){7}[0-9a-fA-F]{4})(?(1)\})")


def to_text(value: bytes) -> str:
    digits = value.hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def parse(text: str) -> bytes:
    found = _UUID.fullmatch(text)
    if not found:
        raise syntax("uuid", text)
    return bytes.fromhex(found[2].replace("-", ""))
