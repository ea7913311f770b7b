"""Statements as sqlglot trees, with ``$n`` kept apart, and the way from SQL type names to OIDs.

sqlglot reads ``$1,$2)`` as the start of a dollar quote, so each ``$n`` is an identifier while it parses and becomes an
``exp.Parameter`` afterwards. sqlglot is imported when the first statement needs it (about 0.1 s).
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .. import oids
from .._impl import tokenize
from ..sql import Statement

if TYPE_CHECKING:
    from sqlglot import exp

__all__ = [
    "MAX_PARSED",
    "oid_of_datatype",
    "parameter_number",
    "parse",
    "replace_parameters",
    "sql_type_name",
    "written_type",
]

MAX_PARSED = 100_000
"""Texts longer than this many characters are not parsed: they pass as they are."""

_MARK = "__pgwire_parameter_"

_OID_OF_TYPE = {
    "BOOLEAN": oids.BOOL,
    "TINYINT": oids.INT2,
    "UTINYINT": oids.INT2,
    "SMALLINT": oids.INT2,
    "SMALLSERIAL": oids.INT2,
    "USMALLINT": oids.INT4,
    "INT": oids.INT4,
    "MEDIUMINT": oids.INT4,
    "SERIAL": oids.INT4,
    "UINT": oids.INT8,
    "BIGINT": oids.INT8,
    "BIGSERIAL": oids.INT8,
    "UBIGINT": oids.NUMERIC,
    "INT128": oids.NUMERIC,
    "FLOAT": oids.FLOAT4,
    "DOUBLE": oids.FLOAT8,
    "UDOUBLE": oids.FLOAT8,
    "DECIMAL": oids.NUMERIC,
    "BIGDECIMAL": oids.NUMERIC,
    "MONEY": oids.NUMERIC,
    "TEXT": oids.TEXT,
    "VARCHAR": oids.VARCHAR,
    "NVARCHAR": oids.VARCHAR,
    "CHAR": oids.BPCHAR,
    "BPCHAR": oids.BPCHAR,
    "NCHAR": oids.BPCHAR,
    "NAME": oids.NAME,
    "VARBINARY": oids.BYTEA,
    "BINARY": oids.BYTEA,
    "BLOB": oids.BYTEA,
    "DATE": oids.DATE,
    "TIME": oids.TIME,
    "TIMESTAMP": oids.TIMESTAMP,
    "TIMESTAMPNTZ": oids.TIMESTAMP,
    "DATETIME": oids.TIMESTAMP,
    "TIMESTAMP_S": oids.TIMESTAMP,
    "TIMESTAMP_MS": oids.TIMESTAMP,
    "TIMESTAMP_NS": oids.TIMESTAMP,
    "TIMESTAMPTZ": oids.TIMESTAMPTZ,
    "TIMESTAMPLTZ": oids.TIMESTAMPTZ,
    "INTERVAL": oids.INTERVAL,
    "UUID": oids.UUID,
    "JSON": oids.JSON,
    "JSONB": oids.JSONB,
}

_SQL_NAME = {
    oids.BOOL: "BOOLEAN",
    oids.INT2: "SMALLINT",
    oids.INT4: "INTEGER",
    oids.INT8: "BIGINT",
    oids.FLOAT4: "REAL",
    oids.FLOAT8: "DOUBLE",
    oids.TEXT: "VARCHAR",
    oids.VARCHAR: "VARCHAR",
    oids.BPCHAR: "VARCHAR",
    oids.NAME: "VARCHAR",
    oids.BYTEA: "BLOB",
    oids.DATE: "DATE",
    oids.TIME: "TIME",
    oids.TIMESTAMP: "TIMESTAMP",
    oids.TIMESTAMPTZ: "TIMESTAMPTZ",
    oids.INTERVAL: "INTERVAL",
    oids.UUID: "UUID",
    oids.JSON: "JSON",
    oids.JSONB: "JSON",
}


def parse(statement: Statement) -> exp.Expr | None:
    """The tree of a statement read as PostgreSQL's, ``$n`` as ``exp.Parameter``; None where sqlglot cannot read it."""
    import sqlglot
    from sqlglot import exp
    from sqlglot.errors import SqlglotError

    if len(statement.text) > MAX_PARSED:
        return None
    logging.getLogger("sqlglot").setLevel(logging.CRITICAL)  # what it cannot read is the engine's to judge, not news
    text = _plain_strings(replace_parameters(statement, lambda number: f"{_MARK}{number}"))
    try:
        tree = sqlglot.parse_one(text, read=_dialect())
    except (SqlglotError, RecursionError):
        return None
    if tree is None or isinstance(tree, exp.Command):
        return None
    if not statement.parameters:
        return tree
    return tree.transform(_to_parameter, copy=False)


def replace_parameters(statement: Statement, replacement: Callable[[int], str]) -> str:
    """The text with each ``$n`` replaced by what ``replacement`` (a function of the number) returns."""
    pieces: list[str] = []
    position = 0
    for number, start, end in statement.parameters:
        pieces += (statement.text[position:start], replacement(number))
        position = end
    pieces.append(statement.text[position:])
    return "".join(pieces)


def parameter_number(node: exp.Expr) -> int:
    """The ``n`` of an ``exp.Parameter`` that :func:`parse` made."""
    return int(node.this.name)


def oid_of_datatype(node: exp.Expr | None) -> int:
    """OID of a sqlglot DataType; 0 where it has none that sessions see."""
    from sqlglot import exp

    if not isinstance(node, exp.DataType):
        return 0
    name = node.this.value if isinstance(node.this, exp.DataType.Type) else str(node.this)
    if name in ("ARRAY", "LIST"):
        element = oid_of_datatype(node.expressions[0]) if node.expressions else 0
        return element if element in oids.ELEMENT_OF else oids.ARRAY_OF.get(element, 0)
    return _OID_OF_TYPE.get(name, 0)


def sql_type_name(oid: int) -> str | None:
    """The type's name that DuckDB and PostgreSQL both read (``INTEGER``, ``VARCHAR[]``); None where a cast would lose
    digits.
    """
    if oid in oids.ELEMENT_OF:
        element = sql_type_name(oids.ELEMENT_OF[oid])
        return element and element + "[]"
    return _SQL_NAME.get(oid)


def written_type(node: exp.DataType) -> str:
    """The first word of a type as the statement has it, in upper case (``INT4``): sqlglot folds synonyms; empty where the
    tree was made otherwise.
    """
    return str(node.meta.get("written", "")).upper()


@functools.cache
def _dialect() -> Any:
    """PostgreSQL's dialect, with the spelling of each type kept for :func:`written_type`, and all that an interval's text says."""
    from sqlglot import exp
    from sqlglot.dialects.postgres import Postgres

    base: Any = Postgres.Parser

    class Parser(base):  # type: ignore[misc]
        def _parse_types(self, *args: Any, **kwargs: Any) -> Any:
            first = self._curr
            kind = super()._parse_types(*args, **kwargs)
            if first is not None and isinstance(kind, exp.DataType):
                kind.meta["written"] = first.text
            return kind

        def _parse_interval_span(self, this: Any, *args: Any, **kwargs: Any) -> Any:
            if this is not None and this.is_string and any(map(str.isalpha, this.name)):
                # sqlglot would take the first of its units for the whole: '3 days 04:05:06' for three days
                return self.expression(exp.Interval(this=this))
            return super()._parse_interval_span(this, *args, **kwargs)

    return type("PgwirePostgres", (Postgres,), {"Parser": Parser, "parser_class": Parser})()


def _plain_strings(text: str) -> str:
    """The text with ``E'…'`` and ``U&'…'`` as plain constants of the same value: sqlglot resolves their escapes wrongly."""
    folded = text.lower()
    if "e'" not in folded and "u&'" not in folded:
        return text
    pieces: list[str] = []
    position = 0
    for token in tokenize(text):
        if token.kind == "string" and text[token.start] in "eEuU":
            pieces += (text[position : token.start], "'" + token.value.replace("'", "''") + "'")
            position = token.end
    pieces.append(text[position:])
    return "".join(pieces)


def _to_parameter(node: exp.Expr) -> exp.Expr:
    from sqlglot import exp

    if isinstance(node, exp.Column) and not node.table and node.name.startswith(_MARK):
        return exp.Parameter(this=exp.Literal.number(node.name[len(_MARK) :]))
    if isinstance(node, exp.Identifier) and node.this.startswith(_MARK) and not isinstance(node.parent, exp.Column):
        return exp.Parameter(this=exp.Literal.number(node.this[len(_MARK) :]))
    return node
