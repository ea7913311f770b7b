"""Regular expressions in rules and maps: ``/`` and an expression of Python's ``re``, searched for anywhere in a name."""

from __future__ import annotations

import re
from functools import lru_cache

__all__ = ["compiled", "matches"]

MAX_MATCHED_NAME = 256
"""Longest name, in characters, that an expression is tried on: how long a search takes grows with it. A longer one matches none."""


@lru_cache(maxsize=10_000)
def _compile(expression: str) -> re.Pattern[str]:
    return re.compile(expression)


def compiled(text: str, where: str = "") -> re.Pattern[str] | None:
    """The expression behind ``/``; None where ``text`` is none.

    Raises:
        ValueError: it is no regular expression.
    """
    if not text.startswith("/"):
        return None
    try:
        return _compile(text[1:])
    except (re.error, RecursionError, OverflowError) as error:
        problem = f'invalid regular expression "{text[1:]}": {error}'
        raise ValueError(f"{where}: {problem}" if where else problem) from None


def matches(pattern: re.Pattern[str], name: str) -> re.Match[str] | None:
    """Where the expression is found in the name."""
    return pattern.search(name) if len(name) <= MAX_MATCHED_NAME else None
