"""The encodings of text and CSV data: UTF8, LATIN1, SQL_ASCII (PostgreSQL 24.3)."""

from __future__ import annotations

from .problem import Problem


def verify(encoding: str, data: bytes, ended: bool) -> tuple[int, Problem | None]:
    """How many of the new bytes are good; a problem if they end because the next ones are not characters.

    A character that may yet be completed is neither good nor bad unless the data has ``ended``.
    """
    nul = data.find(0)
    if encoding == "UTF8":
        try:
            (data if nul < 0 else data[:nul]).decode()
        except UnicodeDecodeError as error:
            rest = data[error.start :]
            announced = _announced(rest[0])
            if len(rest) < announced and not ended:
                return error.start, None
            return error.start, _malformed("UTF8", rest[:announced])
    if nul < 0:
        return len(data), None
    return nul, _malformed(encoding, b"\0")


def check_field(encoding: str, data: bytes) -> None:
    """22021 unless the field can be written: UTF-8 except with SQL_ASCII, and no NUL."""
    _, problem = verify("SQL_ASCII" if encoding == "SQL_ASCII" else "UTF8", data, True)
    if problem:
        raise problem


def to_latin1(text: str) -> bytes:
    """The LATIN1 bytes of a text; 22P05 for a character that LATIN1 does not have."""
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError as error:
        shown = _hexadecimal(text[error.start].encode())
        message = f'character with byte sequence {shown} in encoding "UTF8" has no equivalent in encoding "LATIN1"'
        raise Problem(message, "22P05") from None


def _announced(first: int) -> int:
    return 2 if 0xC0 <= first <= 0xDF else 3 if 0xE0 <= first <= 0xEF else 4 if 0xF0 <= first <= 0xF7 else 1


def _malformed(name: str, data: bytes) -> Problem:
    return Problem(f'invalid byte sequence for encoding "{name}": {_hexadecimal(data)}', "22021")


def _hexadecimal(data: bytes) -> str:
    return " ".join(f"0x{byte:02x}" for byte in data)
