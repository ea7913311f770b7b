"""The tables and views of an SQLite database with PostgreSQL's types."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import NamedTuple

from .. import oids
from ..sql import Statement
from .base import Relation, RelationColumn
from .sqlite_types import declared_type

__all__ = ["SchemaTables", "read_tables"]

_TABLES = (
    "SELECT name, type, sql FROM {schema}.sqlite_master "
    "WHERE type IN ('table', 'view') AND substr(name, 1, 7) <> 'sqlite_' ORDER BY name"
)
_COLUMNS = 'SELECT name, type, "notnull", dflt_value, pk FROM pragma_table_xinfo(?, ?) WHERE hidden <> 1 ORDER BY cid'


class SchemaTables(NamedTuple):
    """What the catalogue holds: relations of the main database; types and modifiers by table and column in lower
    case.
    """

    relations: tuple[Relation, ...]
    types: Mapping[str, Mapping[str, int]]
    modifiers: Mapping[tuple[str, str], int]

    def modifier(self, table: str | None, column: str | None) -> int:
        """Type modifier of a table's column, -1 where it has none."""
        return self.modifiers.get((table or "", column or ""), -1)


def read_tables(connection: sqlite3.Connection) -> SchemaTables:
    """Read the schema; a view's expressions are typed by its text."""
    types: dict[str, dict[str, int]] = {}
    modifiers: dict[tuple[str, str], int] = {}
    relations: list[Relation] = []
    views: list[tuple[str, str]] = []
    for schema in ("main", "temp"):
        for table, kind, sql in connection.execute(_TABLES.format(schema=schema)).fetchall():
            try:
                rows = connection.execute(_COLUMNS, (table, schema)).fetchall()
            except sqlite3.OperationalError:  # a view over what is no longer there
                continue
            columns: list[RelationColumn] = []
            for name, declared, not_null, default, key in rows:
                oid, modifier = declared_type(declared)
                open_ = kind == "view" and not declared
                if open_ and (table, sql) not in views:
                    views.append((table, sql))
                types.setdefault(table.lower(), {})[name.lower()] = 0 if open_ else oid
                if modifier != -1:
                    modifiers[table.lower(), name.lower()] = modifier
                columns.append(RelationColumn(name, oid, bool(not_null), default, key > 0, modifier))
            if schema == "main":
                relations.append(Relation("public", table, "v" if kind == "view" else "r", tuple(columns)))
    for view, sql in views:
        _type_view(view.lower(), sql, types)
    relations = [
        r._replace(
            columns=tuple(c._replace(type=types[r.name.lower()].get(c.name.lower()) or c.type) for c in r.columns)
        )
        if r.kind == "v"
        else r
        for r in relations
    ]
    return SchemaTables(tuple(relations), types, modifiers)


def _type_view(view: str, sql: str, types: dict[str, dict[str, int]]) -> None:
    from .inference import Inferrer
    from .parsing import parse

    tree = parse(Statement(sql, 0, ("CREATE", "VIEW"), frozenset(), ()))
    output = Inferrer(tree.expression, types.get).output() if tree is not None and tree.expression is not None else None
    columns = types[view]
    for index, name in enumerate(columns):
        if not columns[name]:
            columns[name] = (output[index].type if output and len(output) == len(columns) else 0) or oids.TEXT
