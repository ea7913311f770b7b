"""What names mean at a place in a query: expressions with their types, and the relations that are visible."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from ..errors import PostgresError, postgres_error
from ..oids import BOOL, CHAR, INT2, INT4, TEXT, UNKNOWN

__all__ = ["EXPANDED", "KEYWORD", "RECORDS", "Output", "Scope", "Source", "Value", "folded", "unsupported"]

EXPANDED = -1
"""Type of what information_schema._pg_expandarray returns: a record with fields x and n, kept as JSON."""
KEYWORD = -4
"""Type of what pg_get_keywords returns, the same."""
RECORDS: Final[dict[int, tuple[tuple[str, int], ...]]] = {
    EXPANDED: (("x", INT2), ("n", INT4)),
    KEYWORD: (("word", TEXT), ("catcode", CHAR), ("barelabel", BOOL), ("catdesc", TEXT), ("baredesc", TEXT)),
}
"""Fields of these records and their types."""


@dataclass(frozen=True, slots=True)
class Value:
    """An expression: its SQLite text, the OID of its PostgreSQL type and the name a result column of it gets.

    Attributes:
        strength: how good the name is, as in PostgreSQL's FigureColname: 0 none, 1 a guess, 2 a name.
        literal: the text of a string constant whose type is still open.
        parameter: the number of a parameter whose type is still open.
    """

    sql: str
    type: int
    name: str = "?column?"
    strength: int = 0
    literal: str | None = None
    parameter: int | None = None


@dataclass(frozen=True, slots=True)
class Output:
    """A column of a relation or query: name, type and how to refer to it."""

    name: str
    type: int
    sql: str = ""


@dataclass(slots=True)
class Source:
    """A relation in FROM: how it is called and its columns."""

    alias: str
    columns: list[Output]
    schema: str = ""
    merged: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Scope:
    """The sources of one SELECT, those of the queries around it, and the CTEs."""

    parent: Scope | None = None
    sources: list[Source] = field(default_factory=list)
    ctes: dict[str, list[Output]] = field(default_factory=dict)

    def cte(self, name: str) -> list[Output] | None:
        """The columns of the CTE of this name that is visible here."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.ctes:
                return scope.ctes[name]
            scope = scope.parent
        return None

    def source(self, alias: str, schema: str = "") -> Source:
        """The relation called so; raises 42P01."""
        scope: Scope | None = self
        while scope is not None:
            for source in scope.sources:
                if source.alias == alias and (not schema or source.schema == schema):
                    return source
            scope = scope.parent
        raise postgres_error("42P01", f'missing FROM-clause entry for table "{alias}"')

    def column(self, name: str, alias: str = "", schema: str = "") -> Value | None:
        """The column of this name, or None; raises 42702, 42P01, and 42703 where the relation is named."""
        if alias:
            for column in self.source(alias, schema).columns:
                if column.name == name:
                    return _value(column)
            raise postgres_error("42703", f"column {alias}.{name} does not exist")
        scope: Scope | None = self
        while scope is not None:
            found = [
                column
                for source in scope.sources
                for column in source.columns
                if column.name == name and name not in source.merged
            ]
            if len(found) > 1:
                raise postgres_error("42702", f'column reference "{name}" is ambiguous')
            if found:
                return _value(found[0])
            for source in scope.sources:  # a function in FROM gives its one column its own name
                if source.alias == name and len(source.columns) == 1:
                    return _value(source.columns[0])
            scope = scope.parent
        return None


def folded(identifier: Any) -> str:
    """An identifier of sqlglot's as PostgreSQL folds it."""
    name = str(identifier.name)
    return name if identifier.args.get("quoted") else name.lower()


def unsupported(what: object) -> PostgresError:
    """0A000 for what the catalogue cannot run: a tree's node, or words."""
    name = what if isinstance(what, str) else type(what).__name__
    return postgres_error("0A000", f"catalogue query not supported: {name}")


def _value(column: Output) -> Value:
    return Value(column.sql, TEXT if column.type == UNKNOWN else column.type, column.name, 2)
