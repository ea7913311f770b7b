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

_COLUMNS = """
SELECT m.name, m.type, m.sql, p.name, p.type, p."notnull", p.dflt_value, p.pk
FROM {master} AS m, pragma_table_xinfo(m.name) AS p
WHERE m.type IN ('table', 'view') AND m.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND p.hidden <> 1
ORDER BY m.name, p.cid
"""


class SchemaTables(NamedTuple):
    """What the catalogue holds: relations of the main database; types and modifiers by table and column in lower case."""

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
    for master, in_main in (("main.sqlite_master", True), ("temp.sqlite_master", False)):
        columns: dict[tuple[str, str], list[RelationColumn]] = {}
        for table, kind, sql, name, declared, not_null, default, key in connection.execute(_COLUMNS.format(master=master)):
            oid, modifier = declared_type(declared)
            if kind == "view" and not declared and (table, sql) not in views:
                views.append((table, sql))
            types.setdefault(table.lower(), {})[name.lower()] = 0 if kind == "view" and not declared else oid
            if modifier != -1:
                modifiers[table.lower(), name.lower()] = modifier
            columns.setdefault((table, kind), []).append(RelationColumn(name, oid, bool(not_null), default, key > 0))
        if in_main:
            relations = [Relation("public", t, "v" if k == "view" else "r", tuple(c)) for (t, k), c in columns.items()]
    for view, sql in views:
        _type_view(view.lower(), sql, types)
    relations = [
        r._replace(columns=tuple(c._replace(type=types[r.name.lower()].get(c.name.lower()) or c.type) for c in r.columns))
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
