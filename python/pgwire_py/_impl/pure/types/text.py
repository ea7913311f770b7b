"""Text: UTF-8 without NUL (PostgreSQL 24.3), and the white space its input functions skip."""

from __future__ import annotations

from .bad_value import BadValue

SPACE = " \t\n\v\f\r"
"""C's isspace in the "C" locale."""

_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}


def lower(text: str) -> str:
    """The text with ASCII letters in lower case and all others as they are."""
    return text.translate(_LOWER)


def from_utf8(data: bytes) -> str:
    """The text, if it is UTF-8 without NUL."""
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        # A NUL in front of the malformed place is reported first, as a scan from the left finds it.
        if 0 in data[: error.start]:
            raise nul() from None
        raise _malformed(data[error.start :]) from None
    return check(text)


def check(text: str) -> str:
    """Refuses a NUL."""
    if "\0" in text:
        raise nul()
    return text


def to_utf8(text: str) -> bytes:
    """UTF-8 of a str; 22021 for a lone surrogate."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise BadValue("22021", "a lone surrogate cannot be encoded as UTF8") from None


def nul() -> BadValue:
    return BadValue("22021", 'invalid byte sequence for encoding "UTF8": 0x00')


def _malformed(rest: bytes) -> BadValue:
    """22021 with the bytes of the malformed character, as many as its first byte announces."""
    first = rest[0]
    announced = 2 if 0xC0 <= first <= 0xDF else 3 if 0xE0 <= first <= 0xEF else 4 if 0xF0 <= first <= 0xF7 else 1
    shown = " ".join(f"0x{byte:02x}" for byte in rest[:announced])
    return BadValue("22021", f'invalid byte sequence for encoding "UTF8": {shown}')
