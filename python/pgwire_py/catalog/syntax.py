"""Parsing of catalogue queries: PostgreSQL's syntax as sqlglot reads it, with its function and type rewriting
switched off.

sqlglot maps many functions to nodes of its own, which is what a transpiler wants and this package does not: here a
function call stays a name and its arguments, and a type stays the name that was written.
"""

from __future__ import annotations

import logging
from itertools import pairwise
from typing import Any, ClassVar

from sqlglot import TokenType, exp
from sqlglot.dialects.postgres import Postgres
from sqlglot.errors import ErrorLevel, SqlglotError

from .._impl import tokenize
from ..errors import PostgresError, postgres_error
from ._data import KEYWORDS

__all__ = ["MAX_LENGTH", "RESERVED", "name_of_function", "parse"]

MAX_LENGTH = 200_000
"""Longest catalogue query that is parsed, in characters."""

RESERVED = frozenset(word for category, _, words in KEYWORDS if category != "U" for word in words.split())
"""Words that are no names without quotes."""

logging.getLogger("sqlglot").addFilter(lambda record: "unsupported syntax" not in record.getMessage())


class _Catalog(Postgres):
    INDEX_OFFSET = 0  # subscripts stay as written

    class Tokenizer(Postgres.Tokenizer):
        KEYWORDS: ClassVar[dict[str, Any]] = {
            word: kind for word, kind in Postgres.Tokenizer.KEYWORDS.items() if kind is not TokenType.OBJECT_IDENTIFIER
        }

    class Parser(Postgres.Parser):  # type: ignore[valid-type, misc]
        FUNCTIONS: ClassVar[dict[str, Any]] = {}
        FUNCTION_PARSERS: ClassVar[dict[str, Any]] = {
            name: parser
            for name, parser in Postgres.Parser.FUNCTION_PARSERS.items()
            if name in ("CAST", "EXTRACT", "POSITION", "SUBSTRING", "TRIM")
        }


_DIALECT = _Catalog()


def parse(sql: str) -> exp.Expr:
    """The tree of one statement.

    Raises:
        PostgresError: 42601, 54000 (too long) or 54001 (nested too deeply).
    """
    if len(sql) > MAX_LENGTH:
        raise postgres_error("54000", f"catalogue query is longer than {MAX_LENGTH} characters")
    try:
        try:
            trees = _DIALECT.parse(sql, error_level=ErrorLevel.RAISE)
        except SqlglotError:
            quoted = _with_quoted_fields(sql)
            if quoted == sql:
                raise
            trees = _DIALECT.parse(quoted, error_level=ErrorLevel.RAISE)
    except SqlglotError as error:
        raise _syntax_error(error) from error
    except RecursionError as error:
        raise postgres_error("54001", "catalogue query is nested too deeply") from error
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:  # what sqlglot stumbles over
        raise postgres_error("42601", "syntax error") from error
    if len(trees) != 1 or trees[0] is None:
        raise postgres_error("42601", "one statement expected")
    return trees[0]


def _with_quoted_fields(sql: str) -> str:
    """The text with keywords behind a dot in quotes, which sqlglot does not take for names: ``t.select``."""
    tokens = tokenize(sql)
    pieces: list[str] = []
    position = 0
    for before, token in pairwise(tokens):
        if before.value == "." and token.kind == "word" and token.value in RESERVED:
            pieces += [sql[position : token.start], f'"{token.value}"']
            position = token.start + len(token.value)
    return "".join(pieces) + sql[position:]


def name_of_function(node: exp.Expr) -> str | None:
    """The name of the function that this node calls, folded to lower case; None where it is not a call."""
    if isinstance(node, exp.Anonymous):
        name = node.this
        return str(name.name if isinstance(name, exp.Identifier) else name).lower()
    return _NODE_FUNCTIONS.get(type(node))


_NODE_FUNCTIONS: dict[type, str] = {
    exp.CurrentSchema: "current_schema",
    exp.CurrentCatalog: "current_catalog",
    exp.CurrentUser: "current_user",
    exp.SessionUser: "session_user",
    exp.CurrentRole: "current_role",
}


def _syntax_error(error: SqlglotError) -> PostgresError:
    details = getattr(error, "errors", None)
    text = details[0].get("description") if details else str(error).partition("\n")[0]
    return postgres_error("42601", f"syntax error: {text}")
