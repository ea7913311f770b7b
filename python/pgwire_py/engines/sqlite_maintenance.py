"""Statements of PostgreSQL's upkeep that SQLite has in another form: keys added to a table that exists, VACUUM of one table.

A key becomes a unique index of the name that PostgreSQL would choose: SQLite cannot add a constraint to a table. Its columns can go on
being NULL.
"""

from __future__ import annotations

from .._impl import tokenize
from ..sql import Statement, Token, quoted

__all__ = ["rewritten"]


def rewritten(statement: Statement) -> str | None:
    """The statement in SQLite's words; None where it is not one of these, or not of a form known here."""
    if statement.keywords[:1] == ("VACUUM",):
        return _vacuum(tokenize(statement.text)[1:])
    if statement.keywords[:2] != ("ALTER", "TABLE") or statement.words.isdisjoint(("primary", "unique")):
        return None
    tokens = tokenize(statement.text)[2:]
    name = None
    for place, token in enumerate(tokens[:-1]):
        if token.kind == "word" and token.value == "constraint":
            name = tokens[place + 1].value
            tokens = tokens[:place] + tokens[place + 2 :]
            break
    return _add_key(tokens, name)


def _vacuum(tokens: list[Token]) -> str | None:
    """``VACUUM ANALYZE t`` gathers statistics; ``VACUUM t`` has nothing to do, for SQLite vacuums a file as a whole."""
    analyze = False
    if tokens and tokens[0].value == "(":
        end = next((i for i, token in enumerate(tokens) if token.value == ")"), len(tokens) - 1)
        analyze = any(token.value in ("analyze", "analyse") for token in tokens[:end])
        tokens = tokens[end + 1 :]
    while (
        tokens and tokens[0].kind == "word" and tokens[0].value in ("full", "freeze", "verbose", "analyze", "analyse")
    ):
        analyze = analyze or tokens[0].value.startswith("analy")
        tokens = tokens[1:]
    if any(token.kind not in ("word", "quoted") and token.value != "." for token in tokens):
        return None
    names = [token.value for token in tokens if token.kind != "operator"]
    if not names:
        return "ANALYZE" if analyze else "VACUUM"
    table = quoted(names[-1])
    return f"ANALYZE {table}" if analyze else f"DELETE FROM {table} WHERE 0"


def _add_key(tokens: list[Token], name: str | None) -> str | None:
    """``[ONLY] [schema.]table ADD (PRIMARY KEY | UNIQUE) (column, …)``."""
    words = [token.value for token in tokens]
    if words[:1] == ["only"]:
        tokens, words = tokens[1:], words[1:]
    if words[1:2] == ["."]:
        tokens, words = tokens[2:], words[2:]
    if words[1:4] == ["add", "primary", "key"]:
        rest = tokens[4:]
    elif words[1:3] == ["add", "unique"]:
        rest = tokens[3:]
    else:
        return None
    if len(rest) < 3 or rest[0].value != "(" or rest[-1].value != ")":
        return None
    columns = [token.value for token in rest[1:-1:2]]
    if any(token.value != "," for token in rest[2:-1:2]):
        return None
    table = words[0]
    if name is None:
        name = f"{table}_pkey" if "primary" in words else "_".join((table, *columns, "key"))
    return f"CREATE UNIQUE INDEX {quoted(name)} ON {quoted(table)} ({', '.join(map(quoted, columns))})"
