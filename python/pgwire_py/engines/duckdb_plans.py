"""How DuckDB runs a statement: bound once to tell its parameters and columns, put into a form whose rows leave as
they are described.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .. import oids
from .._impl import tokenize
from ..sql import Statement
from .base import Column, Description, Relation
from .duckdb_errors import postgres_error_of
from .duckdb_types import described, export_cast, numeric_modifier
from .parsing import replace_parameters, sql_type_name

__all__ = ["Plan", "Planner"]

_EXACT = (oids.NUMERIC, oids.NUMERIC_ARRAY)
_NUMBERS = frozenset({"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "FLOAT", "DOUBLE", '"NULL"'})


@dataclass(frozen=True, slots=True)
class Plan:
    """How a text runs, and what it takes and gives."""

    sql: str
    description: Description
    kind: str  # "stream", "rows", "count" or "nothing"
    writes: bool
    signature: tuple[str, ...]
    prelude: tuple[str, ...] = ()
    changes_catalogue: bool = False
    exact: bool = False  # it has parameters of type numeric, whose values decide the types that DuckDB gives columns

    def holds(self, kinds: Sequence[Any]) -> bool:
        """Whether columns of these types are as described, if not the same to DuckDB as when it was bound."""
        columns = self.description.columns or ()
        return (
            self.exact
            and len(kinds) == len(columns)
            and all(
                str(kind) == planned or (column.type in _EXACT and _is_number(kind))
                for kind, planned, column in zip(kinds, self.signature, columns, strict=True)
            )
        )


class Planner:
    """Makes the plans of one connection, which has no open result meanwhile.

    Args:
        connection: a duckdb connection.
        error: duckdb's class of errors.
        relations: gives the tables and views that there are, asked only where parameters' types are to be inferred.
    """

    def __init__(self, connection: Any, error: type[Exception], relations: Callable[[], Sequence[Relation]]) -> None:
        self._connection = connection
        self._error = error
        self._relations = relations

    def make(self, statement: Statement, declared: tuple[int, ...]) -> Plan:
        """A plan for a statement, in the words of DuckDB where it has others than PostgreSQL.

        Raises:
            PostgresError: DuckDB cannot bind it.
        """
        try:
            if (
                statement.keywords[:2] == ("CREATE", "TABLE")
                and "with" in statement.words
                and "as" not in statement.words
            ):
                statement = _without_storage(statement)  # DuckDB refuses WITH (fillfactor = …) only when it runs
            return self._bind(statement, statement.text, declared)
        except self._error as error:
            from .duckdb_dialect import translate

            for prelude, other in translate(statement):
                if prelude:  # what it makes must be there before the statement can be bound
                    return Plan(other.text, Description((), None), "nothing", True, (), prelude, True)
                try:
                    return self._bind(statement, other.text, declared, other)
                except self._error:
                    continue
            raise postgres_error_of(error, statement.text) from error

    def _bind(
        self,
        original: Statement,
        text: str,
        declared: tuple[int, ...],
        statement: Statement | None = None,
    ) -> Plan:
        """A plan for a text; duckdb's error where it cannot be bound."""
        statement = statement or original
        sql = text
        names, kinds, parameters, returns, _, writes = self._connection._bind(sql, with_writes=True)
        bound = {int(name): described(kind) for name, kind in parameters if name.isdigit()}
        types = tuple(oid or bound.get(i + 1, 0) for i, oid in enumerate(declared))
        open_ = 0 in types
        if open_:
            types = self._infer(original, types)
        if open_ or any(bound.get(i + 1) != oid for i, oid in enumerate(types)):
            sql, signature = self._bind_typed(
                statement, types, {i + 1 for i, oid in enumerate(types) if bound.get(i + 1) != oid}
            )
            names, kinds, _, returns, _, writes = signature
        exact = oids.NUMERIC in types or oids.NUMERIC_ARRAY in types
        if exact or any(str(kind) == "UNKNOWN" for kind in kinds):
            names, kinds, _, returns, _, writes = self._bound(sql, types)
        if returns != "query_result":
            kind = "count" if returns == "changed_rows" else "nothing"
            changes = kind == "nothing" or statement.keywords[:1] in (("CREATE",), ("ALTER",), ("DROP",))
            return Plan(sql, Description(types, None), kind, bool(writes), (), (), changes)
        varying = self._varying(sql, types, kinds) if exact else ()
        columns = tuple(
            Column(_column_name(name), described(kind) or oids.TEXT, -1 if i in varying else numeric_modifier(kind))
            for i, (name, kind) in enumerate(zip(names, kinds, strict=True))
        )
        casts = [export_cast(kind) for kind in kinds]
        if writes and statement.keywords[:1] != ("SELECT",):
            form = "rows"  # RETURNING: the statement must run to its end now
        elif any(casts):
            form = "stream"
            items = (f"CAST(#{i} AS {cast})" if cast else f"#{i}" for i, cast in enumerate(casts, 1))
            sql = f"SELECT {', '.join(items)} FROM (\n{sql}\n) AS _"
            _, kinds, _, _, _, _ = self._bound(sql, types)
        else:
            form = "stream"
        return Plan(sql, Description(types, columns), form, bool(writes), tuple(map(str, kinds)), exact=exact)

    def _varying(self, sql: str, types: tuple[int, ...], kinds: Sequence[Any]) -> Collection[int]:
        """Which columns have the digits that a numeric parameter happens to have: its type in DuckDB is its value's."""
        try:
            _, others, _, _, _, _ = self._bound(sql, types, wide=True)
        except self._error:  # too many digits for it: any column may have others
            return range(len(kinds))
        return [i for i, (kind, other) in enumerate(zip(kinds, others, strict=True)) if str(kind) != str(other)]

    def _bound(self, sql: str, types: tuple[int, ...], *, wide: bool = False) -> Any:
        """How a text binds with values of its parameters' types."""
        return self._connection._bind(sql, with_writes=True, values=[_sample(oid, wide=wide) for oid in types] or None)

    def _bind_typed(self, statement: Statement, types: tuple[int, ...], wanted: set[int]) -> tuple[str, Any]:
        """The text with the parameters in ``wanted`` cast to their types where that keeps every digit, and how it
        binds.
        """
        casts = {number: sql_type_name(types[number - 1]) for number in wanted}
        sql = replace_parameters(statement, lambda n: f"CAST(${n} AS {casts[n]})" if casts.get(n) else f"${n}")
        return sql, self._connection._bind(sql, with_writes=True)

    def _infer(self, statement: Statement, types: tuple[int, ...]) -> tuple[int, ...]:
        from .inference import Inferrer
        from .parsing import parse

        tree = parse(statement)
        if tree is None:
            return tuple(oid or oids.TEXT for oid in types)
        tables: dict[str, Mapping[str, int]] = {}
        for relation in self._relations():
            tables.setdefault(relation.name.lower(), {column.name.lower(): column.type for column in relation.columns})
        return Inferrer(tree, tables.get, types).parameter_types()


def _without_storage(statement: Statement) -> Statement:
    """A CREATE TABLE without what stands behind its columns about storage."""
    depth = 0
    for token in tokenize(statement.text):
        if token.kind == "operator":
            depth += (token.value == "(") - (token.value == ")")
        elif token.kind == "word" and token.value == "with" and not depth:
            return statement._replace(text=statement.text[: token.start].rstrip())
    return statement


def _sample(oid: int, *, wide: bool = False) -> object:
    """A value of a type that has no cast (numeric), to bind with."""
    from decimal import Decimal

    number = Decimal("1234567890.0123456789") if wide else Decimal("1.00")
    return number if oid == oids.NUMERIC else [number] if oid == oids.NUMERIC_ARRAY else None


def _is_number(kind: Any) -> bool:
    """Whether values of a DuckDB type can be told as numeric, or lists of them as numeric[]; NULL can."""
    element = kind.children[0][1] if kind.id == "list" else kind
    return element.id == "decimal" or str(element) in _NUMBERS


def _column_name(name: str) -> str:
    """DuckDB names a column after its expression; where that shows ``count(*)`` or a parameter, PostgreSQL's name is
    taken.
    """
    if name == "count_star()":
        return "count"
    if "$" in name and not name.replace("$", "").isidentifier():
        head = name.partition("(")[0]
        return head.lower() if head.isidentifier() and head != "CAST" else "?column?"
    return name
