"""The rare messages of a backend, one by one, and the exceptions that its errors become."""

from __future__ import annotations

from typing import Any, Final

from .. import messages as m
from .._impl import BackendDecoder
from ..connection.limits import MAX_MESSAGE_LENGTH
from ..errors import FIELD_CODES, PostgresError, RemoteProtocolError, postgres_error

__all__ = ["decode_frame", "error_of", "whole_message"]

_KEYWORDS: Final = {code: keyword for keyword, code in FIELD_CODES.items()}


def whole_message(tag: str, body: memoryview | bytes) -> bytes:
    """Tag, length and body of a frame."""
    return b"".join((tag.encode("latin-1"), (len(body) + 4).to_bytes(4, "big"), body))


def decode_frame(tag: str, body: memoryview | bytes) -> Any:
    """The message of a frame.

    Raises:
        RemoteProtocolError: it is malformed.
    """
    found = BackendDecoder(MAX_MESSAGE_LENGTH).feed(whole_message(tag, body))
    if len(found) != 1 or isinstance(found[0], RemoteProtocolError):
        raise found[0] if found else RemoteProtocolError(f"malformed message {tag!r}", fatal=True)
    return found[0]


def error_of(response: m.ErrorResponse, statement: str | None = None) -> PostgresError:
    """The exception for an ErrorResponse: of the class of its SQLSTATE, with every field."""
    fields = response.fields
    error = postgres_error(
        fields.get("C", "XX000"),
        fields.get("M", ""),
        severity=fields.get("V") or fields.get("S", "ERROR"),
        **{_KEYWORDS[code]: text for code, text in fields.items() if code in _KEYWORDS},
    )
    error.statement = statement
    return error
