"""Arrays inside the catalogue: PostgreSQL's array literals (8.15.2), and int2vector/oidvector, as text.

SQLite has no array type, so an array is kept as its literal and taken apart where a function needs the elements.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..errors import postgres_error

__all__ = ["format_array", "parse_array"]

_NEEDS_QUOTES = frozenset('{}",\\ \t\n\r\v\f')


def format_array(items: Iterable[object]) -> str:
    """The array literal of these elements; nested sequences become further dimensions."""
    return "{" + ",".join(map(_format_item, items)) + "}"


def _format_item(item: object) -> str:
    if item is None:
        return "NULL"
    if isinstance(item, bool):
        return "t" if item else "f"
    if isinstance(item, (list, tuple)):
        return format_array(item)
    text = str(item)
    if not text or not _NEEDS_QUOTES.isdisjoint(text) or text.upper() == "NULL":
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return text


def parse_array(text: str) -> list[object]:
    """The elements, as text (None for NULL), of an array literal or of an int2vector/oidvector.

    Raises:
        PostgresError: 22P02 for a malformed literal.
    """
    stripped = text.strip()
    if not stripped.startswith("{"):
        words = stripped.split()
        if all(word.lstrip("-").isdigit() for word in words):
            return list(words)
        raise _malformed(text)
    items, end = _parse_dimension(stripped, 1, 1)
    if end != len(stripped):
        raise _malformed(text)
    return items


def _parse_dimension(text: str, at: int, depth: int) -> tuple[list[object], int]:
    if depth > 6:
        raise postgres_error("54000", "number of array dimensions exceeds the maximum allowed (6)")
    items: list[object] = []
    while True:
        while text[at : at + 1].isspace():
            at += 1
        start = text[at : at + 1]
        if start == "}" and not items:
            return items, at + 1
        item: object
        if start == "{":
            item, at = _parse_dimension(text, at + 1, depth + 1)
        elif start == '"':
            item, at = _parse_quoted(text, at + 1)
        else:
            item, at = _parse_bare(text, at)
        items.append(item)
        while text[at : at + 1].isspace():
            at += 1
        mark = text[at : at + 1]
        if mark not in (",", "}"):
            raise _malformed(text)
        at += 1
        if mark == "}":
            return items, at


def _parse_quoted(text: str, at: int) -> tuple[str, int]:
    out: list[str] = []
    while at < len(text):
        character = text[at]
        if character == '"':
            return "".join(out), at + 1
        if character == "\\":
            at += 1
            character = text[at : at + 1]
        out.append(character)
        at += 1
    raise _malformed(text)


def _parse_bare(text: str, at: int) -> tuple[str | None, int]:
    end = at
    while end < len(text) and text[end] not in ',{}"':
        end += 1
    word = text[at:end].strip()
    if not word:
        raise _malformed(text)
    return (None if word.upper() == "NULL" else word), end


def _malformed(text: str) -> Exception:
    return postgres_error("22P02", f'malformed array literal: "{text[:100]}"')


def subscript(items: Sequence[object], index: int, base: int = 1) -> object:
    """The element at a PostgreSQL subscript, None beyond the ends."""
    return items[index - base] if 0 <= index - base < len(items) else None
