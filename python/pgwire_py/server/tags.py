"""Command tags (Protocol 55.7, CommandComplete) and what a statement's leading words say of it."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from .. import messages as m
from .._impl import encode_message
from ..sql import Statement

__all__ = ["changes_schema", "command_complete", "command_tag", "written_as"]

_WITH_COUNT: Final = {
    "INSERT": "INSERT 0 ",
    "UPDATE": "UPDATE ",
    "DELETE": "DELETE ",
    "MERGE": "MERGE ",
    "COPY": "COPY ",
}
_SKIPPED: Final = frozenset(
    {"OR", "REPLACE", "TEMP", "TEMPORARY", "UNLOGGED", "UNIQUE", "GLOBAL", "LOCAL", "RECURSIVE"}
)
_DDL: Final = frozenset({"CREATE", "ALTER", "DROP", "ATTACH", "DETACH", "TRUNCATE", "IMPORT", "INSTALL", "LOAD", "USE"})


def command_tag(statement: Statement, rows: int, affected: int | None, has_columns: bool) -> str:
    """The tag that PostgreSQL gives such a statement: ``rows`` were sent, ``affected`` changed (where known)."""
    words = statement.keywords
    verb = words[0] if words else ""
    if verb == "WITH":
        verb = next(
            (name for name in ("insert", "update", "delete", "merge") if name in statement.words), "select"
        ).upper()
    prefix = _WITH_COUNT.get(verb)
    if prefix is not None:
        return f"{prefix}{rows if affected is None else affected}"
    if has_columns:
        return verb if verb == "EXPLAIN" else f"SELECT {rows}"
    if verb in ("CREATE", "DROP", "ALTER"):
        rest = [word for word in words[1:] if word not in _SKIPPED]
        if (
            verb == "CREATE"
            and affected is not None
            and rest[:1] in (["TABLE"], ["MATERIALIZED"])
            and "as" in statement.words
        ):
            return f"SELECT {affected}"
        return f"{verb} {' '.join(rest[:2] if rest[:1] == ['MATERIALIZED'] else rest[:1])}".rstrip()
    if verb == "TRUNCATE":
        return "TRUNCATE TABLE"
    return verb or "SELECT"


def written_as(statement: Statement) -> str:
    """What PostgreSQL calls a statement that it refuses in a read-only transaction."""
    verb = statement.keywords[0] if statement.keywords else ""
    if verb == "EXPLAIN":
        return next((name for name in ("insert", "update", "delete", "merge") if name in statement.words), verb).upper()
    if verb == "SELECT":
        return "SELECT INTO"
    tag = command_tag(statement, 0, None, False).rstrip(" 0")
    return f"{tag} AS" if tag == "CREATE TABLE" and not statement.words.isdisjoint(("select", "values")) else tag


def changes_schema(statement: Statement) -> bool:
    """Whether the statement may change what descriptions of other statements say."""
    return bool(statement.keywords) and statement.keywords[0] in _DDL


@lru_cache(maxsize=1024)
def command_complete(tag: str) -> bytes:
    """CommandComplete's bytes."""
    return encode_message(m.CommandComplete(tag))
