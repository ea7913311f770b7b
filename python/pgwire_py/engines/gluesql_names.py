"""Keeps GlueSQL's storage of JSON files in its folder: a table's name is a file's, and ``"../t"`` would be one outside of it."""

from __future__ import annotations

import os
from typing import Final

from .._impl import tokenize

__all__ = ["confined"]

_SEPARATORS: Final = frozenset("/\\:" if os.name == "nt" else "/")


def confined(text: str) -> str:
    """A statement in which no table has a name with a separator of paths, as a quoted name or as a string, which GlueSQL takes for one.

    Such names and strings are put into parentheses: there they are values, and no table's. An alias, and what stands behind a dot, is none
    in any case. Comments are left out: nothing in them can be seen otherwise by GlueSQL.
    """
    if "/" not in text and "\\" not in text:
        return text
    pieces: list[str] = []
    before = ""
    for token in tokenize(text):
        written = text[token.start : token.end]
        named = token.kind in ("quoted", "string") and not _SEPARATORS.isdisjoint(written + token.value)
        if named and not (token.kind == "quoted" and before in ("as", ".")):
            written = f"({written})"
        pieces.append(written)
        before = token.value if token.kind in ("word", "operator") else ""
    return " ".join(pieces)
