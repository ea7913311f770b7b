"""What the codecs raise about a value; the callers add the place and turn it into a PostgresError."""

from __future__ import annotations

PREVIEW = 64


class BadValue(Exception):
    """A value does not fit its type: a SQLSTATE and PostgreSQL's wording where it has one."""

    def __init__(self, sqlstate: str, message: str) -> None:
        super().__init__(message)
        self.sqlstate = sqlstate
        self.message = message


def clip(text: str) -> str:
    """At most 64 characters of a text for an error message."""
    return text if len(text) <= PREVIEW else text[:PREVIEW] + "…"


TEMPORAL = frozenset({"date", "time", "time with time zone", "timestamp", "timestamp with time zone", "interval"})


def syntax(name: str, text: str) -> BadValue:
    """22P02 ``invalid input syntax for type integer: "abc"``; the date and time types say it as 22007."""
    return BadValue("22007" if name in TEMPORAL else "22P02", f'invalid input syntax for type {name}: "{clip(text)}"')


def insufficient() -> BadValue:
    """08P01: a binary value ends before it is whole."""
    return BadValue("08P01", "insufficient data left in message")


def wrong_length(data: bytes, size: int) -> BadValue:
    """The error about a binary value that has not so many bytes."""
    return insufficient() if len(data) < size else bad_binary()


def bad_binary() -> BadValue:
    """22P03: the bytes of a binary value have the wrong length or shape."""
    return BadValue("22P03", "incorrect binary data format")
