"""Statements about several objects that SQL engines take one at a time: ``DROP TABLE a, b`` and ``TRUNCATE a, b``."""

from __future__ import annotations

from .._impl import tokenize
from ..sql import Statement, Token

__all__ = ["split_objects"]

_KINDS = ("TABLE", "VIEW", "INDEX", "SEQUENCE", "SCHEMA", "TYPE")


def split_objects(statement: Statement) -> list[str]:
    """One statement for each object; an empty list where there is one object only, or it is another statement."""
    words = statement.keywords
    if words[:1] == ("TRUNCATE",):
        leading = 1 + (words[1:2] == ("TABLE",))
    elif words[:1] == ("DROP",) and words[1:2] and words[1] in _KINDS:
        leading = 4 if words[2:4] == ("IF", "EXISTS") else 2
    else:
        return []
    tokens = tokenize(statement.text)
    names: list[tuple[int, int]] = []
    position = leading
    while True:
        start = position
        while _is(tokens, position, "word", "quoted") and _is(tokens, position + 1, "operator", value="."):
            position += 2
        if not _is(tokens, position, "word", "quoted"):
            return []
        names.append((tokens[start].start, tokens[position].end))
        position += 1
        if not _is(tokens, position, "operator", value=","):
            break
        position += 1
    if len(names) < 2:
        return []
    text = statement.text
    head, tail = text[: names[0][0]], text[names[-1][1] :]
    return [f"{head}{text[start:end]}{tail}" for start, end in names]


def _is(tokens: list[Token], position: int, *kinds: str, value: str | None = None) -> bool:
    return position < len(tokens) and tokens[position].kind in kinds and value in (None, tokens[position].value)
