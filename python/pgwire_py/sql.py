"""SQL text as PostgreSQL's lexer sees it (SQL syntax, 4.1): tokens and the statements of a string.

The splitting itself exists twice, native and pure (``lexer``); the classes here are shared by both.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Statement", "Token", "quoted"]


class Token(NamedTuple):
    """One token.

    Attributes:
        kind: ``"word"`` (unquoted identifier or keyword), ``"quoted"`` (double-quoted identifier), ``"string"`` (any string constant),
            ``"number"``, ``"parameter"`` (``$1``), ``"operator"`` (operator or punctuation).
        value: word folded to lower case; quoted identifier and string without quotes, escapes resolved; a parameter's number as text;
            anything else as written.
        start: offset of its first character in the text given, in code points.
        end: offset behind its last character.
    """

    kind: str
    value: str
    start: int
    end: int


class Statement(NamedTuple):
    """One statement of a query string.

    Attributes:
        text: the statement without the closing semicolon, without white space and comments at its ends.
        start: offset of ``text`` in the query string, in code points.
        keywords: up to four leading words, in upper case, up to the first token that is not an unquoted word: ``("START", "TRANSACTION")``.
        words: every unquoted word folded to lower case and every quoted identifier as it stands, in it.
        parameters: for each ``$n`` in order (number, start, end), offsets into ``text`` in code points.
    """

    text: str
    start: int
    keywords: tuple[str, ...]
    words: frozenset[str]
    parameters: tuple[tuple[int, int, int], ...]


def quoted(name: str) -> str:
    """A name as SQL writes it (PostgreSQL 4.1.1), whatever is in it."""
    return '"' + name.replace('"', '""') + '"'
