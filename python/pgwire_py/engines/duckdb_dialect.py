"""Statements that DuckDB refuses as they stand, said again in its own dialect."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

from ..sql import Statement
from .parsing import parse

if TYPE_CHECKING:
    from sqlglot import exp

__all__ = ["duckdb_zone", "translate"]

_SERIAL = {"SERIAL": "INT", "BIGSERIAL": "BIGINT", "SMALLSERIAL": "SMALLINT"}
_OFFSET = re.compile(r"<[+-][0-9:]+>([+-])([0-9:]+)")
"""A fixed offset as TimeZone shows it; the sign is that of POSIX, which counts to the west."""


def duckdb_zone(name: str) -> str:
    """DuckDB's name of a time zone."""
    found = _OFFSET.fullmatch(name)
    return name if found is None else f"GMT{'+' if found[1] == '-' else '-'}{found[2]}"


def translate(statement: Statement) -> Iterator[tuple[tuple[str, ...], Statement]]:
    """What to run before, and the statement in DuckDB's words; nothing where sqlglot cannot read or write it."""
    import sqlglot
    from sqlglot import exp

    tree = parse(statement)
    if tree is None:
        return
    prelude = tuple(_take_serials(tree)) if isinstance(tree, exp.Create) else ()
    for table in tree.find_all(exp.Table):
        if table.db.lower() == "public":
            table.set("db", None)
    for kind in tree.find_all(exp.DataType):
        if kind.this in (exp.DataType.Type.FLOAT, exp.DataType.Type.DOUBLE):
            kind.set("expressions", [])
    if isinstance(tree, exp.Create):
        tree.set("properties", None)  # WITH (fillfactor = …) is about storage
    try:
        # quoted throughout: some of DuckDB's keywords (at, …) are names in PostgreSQL
        text = tree.sql("duckdb", unsupported_level=sqlglot.ErrorLevel.RAISE, identify=True)
    except (sqlglot.errors.SqlglotError, ValueError):
        return
    if text != statement.text or prelude:
        yield prelude, _statement(text)


def _take_serials(create: exp.Expr) -> Iterator[str]:
    """Give SERIAL columns a sequence as PostgreSQL does (table_column_seq); yields what creates the sequences."""
    from sqlglot import exp

    schema = create.this
    if not isinstance(schema, exp.Schema):
        return
    for column in schema.expressions:
        kind = column.args.get("kind") if isinstance(column, exp.ColumnDef) else None
        name = kind.this.value if kind is not None and isinstance(kind.this, exp.DataType.Type) else ""
        if kind is None or name not in _SERIAL:
            continue
        sequence = f"{schema.this.name}_{column.name}_seq"
        kind.replace(exp.DataType.build(_SERIAL[name]))
        default = exp.Anonymous(this="nextval", expressions=[exp.Literal.string(sequence)])
        column.append("constraints", exp.ColumnConstraint(kind=exp.DefaultColumnConstraint(this=default)))
        quoted = exp.to_identifier(sequence, quoted=True).sql("duckdb")
        yield (
            f"CREATE SEQUENCE IF NOT EXISTS {quoted}"
            if create.args.get("exists")
            else f"CREATE OR REPLACE SEQUENCE {quoted}"
        )


def _statement(text: str) -> Statement:
    """A Statement for a text that sqlglot wrote: its ``$n`` are found with its own tokens."""
    from sqlglot import Dialect, TokenType

    tokens = Dialect.get_or_raise("duckdb").tokenize(text)
    parameters = []
    for token, following in pairwise(tokens):
        if token.token_type == TokenType.PARAMETER and following.text.isdigit():
            parameters.append((int(following.text), token.start, following.end + 1))
    keywords = tuple(token.text.upper() for token in tokens[:1])
    return Statement(text, 0, keywords, frozenset(), tuple(parameters))
