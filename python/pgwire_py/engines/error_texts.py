"""From the text of an engine's error to PostgreSQL's error."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from ..errors import PostgresError, postgres_error

__all__ = ["Rule", "error_of_text", "find_name", "first_lower"]


class Rule(NamedTuple):
    """What an error is that has ``pattern`` (a regular expression) in its text: its SQLSTATE, and PostgreSQL's wording with the pattern's
    groups in braces, None to keep the engine's."""

    pattern: str
    sqlstate: str
    wording: str | None = None


def error_of_text(text: str, rules: Sequence[Rule], sql: str = "", default: str = "XX000") -> PostgresError:
    """The PostgresError for an error's text: the first rule that fits; what PostgreSQL words otherwise keeps the text as its detail."""
    message, _, rest = text.partition("\n")
    for rule in rules:
        found = re.search(rule.pattern, text)
        if found is None:
            continue
        position = None
        if rule.sqlstate.startswith("42") and rule.sqlstate != "42P07":
            position = find_name(found.groups(), sql)
        if rule.wording is None:
            return postgres_error(rule.sqlstate, first_lower(message), detail=rest.strip() or None, position=position)
        wording = rule.wording.format(*(group or "" for group in found.groups()))
        return postgres_error(rule.sqlstate, wording, detail=text.strip(), position=position)
    return postgres_error(default, first_lower(message), detail=rest.strip() or None)


def first_lower(message: str) -> str:
    """PostgreSQL's messages begin with a small letter, unless with a name or an acronym."""
    return message[:1].lower() + message[1:] if message[1:2].islower() else message


def find_name(names: tuple[str | None, ...], sql: str) -> int | None:
    """Where the last of the names stands in ``sql`` as a word of its own, if it stands there once."""
    for name in reversed(names):
        if name:
            places = [m.start() for m in re.finditer(rf"(?<![\w.]){re.escape(name)}(?!\w)", sql, re.IGNORECASE)]
            return places[0] + 1 if len(places) == 1 else None
    return None
