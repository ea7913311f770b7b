"""Queries: SELECT, VALUES, set operations, WITH and FROM, from sqlglot's tree to SQLite text and typed columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlglot import exp

from ..errors import PostgresError, postgres_error
from ..oids import INT8, TEXT, UNKNOWN
from ..sql import quoted
from .casts import common_type
from .expressions import Expressions
from .functions import INDEPENDENT, SETS
from .schema import find_relation
from .scope import RECORDS, Output, Scope, Source, Value, folded, unsupported
from .syntax import name_of_function
from .typenames import REGISTERED

__all__ = ["Translation", "translate"]

_SET_OPERATIONS = {exp.Union: "UNION", exp.Except: "EXCEPT", exp.Intersect: "INTERSECT"}


class Translation(NamedTuple):
    """A statement for SQLite.

    Attributes:
        sql: its text; parameters are ``:p1`` …
        columns: names and types of the result.
        parameter_types: OIDs, one per parameter.
        tables: names, in the in-memory database, of the relations that it reads.
        looks_up: whether the answer depends on the user's relations.
    """

    sql: str
    columns: tuple[tuple[str, int], ...]
    parameter_types: tuple[int, ...]
    tables: frozenset[str]
    looks_up: bool


def translate(tree: exp.Expr, declared: Sequence[int]) -> Translation:
    """Translate one statement; ``declared`` are the client's parameter types (0: infer).

    Raises:
        PostgresError: 42P01, 42703, 42702, 42883, 42704 … for what does not exist, 0A000 for what is not supported,
        54001 too deep.
    """
    queries = _Queries(declared)
    try:
        sql, columns = queries.query(tree, Scope())
    except RecursionError as error:
        raise postgres_error("54001", "catalogue query is nested too deeply") from error
    except (AttributeError, KeyError, IndexError, TypeError) as error:  # a shape of tree that the walk does not know
        raise unsupported(type(error).__name__) from error
    types = tuple(queries.parameters.get(i, TEXT) for i in range(1, queries.highest_parameter + 1))
    outputs = tuple((column.name, TEXT if column.type == UNKNOWN else column.type) for column in columns)
    registered = "pg_reg_" in sql or any(kind in REGISTERED for _, kind in outputs)
    looks_up = bool(queries.tables) or registered or not queries.called <= INDEPENDENT
    return Translation(sql, outputs, types, frozenset(queries.tables), looks_up)


class _Queries(Expressions):
    def __init__(self, declared: Sequence[int]) -> None:
        super().__init__(declared)
        self.tables: set[str] = set()

    def query(self, node: Any, scope: Scope) -> tuple[str, list[Output]]:
        outer_series, outer_alias = self.series, self.series_alias
        self.series = None
        try:
            return self._query(node, scope)
        finally:
            self.series, self.series_alias = outer_series, outer_alias

    def _query(self, node: Any, scope: Scope) -> tuple[str, list[Output]]:
        inner = Scope(scope)
        head = self._with(node, inner)
        if isinstance(node, exp.Select):
            text, columns = self._select(node, inner)
        elif isinstance(node, exp.SetOperation):
            text, columns = self._set_operation(node, inner)
        elif isinstance(node, (exp.Subquery, exp.Paren)):
            text, columns = self.query(node.this, inner)
            if any(node.args.get(key) for key in ("order", "limit", "offset")):
                text = f"SELECT * FROM ({text})" + self._tail(node, Scope(inner), columns)
        elif isinstance(node, exp.Values):
            text, columns = self._values(node, inner)
        elif isinstance(node, exp.Table):
            text, columns = self._select(exp.select("*").from_(node.copy()), inner)
        else:
            raise unsupported(node)
        return head + text, columns

    # WITH

    def _with(self, node: exp.Expr, scope: Scope) -> str:
        clause = node.args.get("with_")
        if clause is None:
            return ""
        parts = []
        for cte in clause.expressions:
            name = folded(cte.args["alias"].this)
            names = [folded(column) for column in cte.args["alias"].columns]
            recursive = clause.args.get("recursive") and isinstance(cte.this, exp.Union)
            if recursive:  # the first branch gives the columns
                count = self.aliases
                _, first = self.query(cte.this.this, scope)
                self.aliases = count
                scope.ctes[name] = _renamed(first, names)
            text, columns = self.query(cte.this, scope)
            scope.ctes[name] = _renamed(columns, names)
            listed = ", ".join(quoted(column.name) for column in scope.ctes[name])
            parts.append(f"{quoted(name)}({listed}) AS ({text})")
        return f"WITH {'RECURSIVE ' if clause.args.get('recursive') else ''}{', '.join(parts)} "

    # set operations and VALUES

    def _set_operation(self, node: exp.SetOperation, scope: Scope) -> tuple[str, list[Output]]:
        operation = _SET_OPERATIONS[type(node)]
        left, columns = self._operand(node.this, scope)
        right, others = self._operand(node.args["expression"], scope)
        if len(columns) != len(others):
            raise postgres_error("42601", f"each {operation} query must have the same number of columns")
        keep = "" if node.args.get("distinct") else " ALL"
        if keep and operation != "UNION":
            raise unsupported(f"{operation} ALL")
        merged = [
            Output(one.name, common_type([Value("", one.type), Value("", other.type)]))
            for one, other in zip(columns, others, strict=True)
        ]
        return f"{left} {operation}{keep} {right}" + self._tail(node, Scope(scope), merged), merged

    def _operand(self, node: exp.Expr, scope: Scope) -> tuple[str, list[Output]]:
        text, columns = self.query(node, scope)
        plain = isinstance(node, exp.SetOperation) or (
            isinstance(node, exp.Select)
            and not any(node.args.get(key) for key in ("order", "limit", "offset", "with_"))
        )
        return (text if plain else f"SELECT * FROM ({text})"), columns

    def _values(self, node: exp.Values, scope: Scope) -> tuple[str, list[Output]]:
        rows = [[self.value(item, scope) for item in _items(row)] for row in node.expressions]
        if any(len(row) != len(rows[0]) for row in rows):
            raise postgres_error("42601", "VALUES lists must all be the same length")
        kinds = [common_type([row[i] for row in rows]) for i in range(len(rows[0]))]
        names = [f"column{i}" for i in range(1, len(kinds) + 1)]
        selects = []
        for row in rows:
            items = (self.resolve(value, kind) for value, kind in zip(row, kinds, strict=True))
            selects.append(
                "SELECT " + ", ".join(f"{item} AS {quoted(name)}" for item, name in zip(items, names, strict=True))
            )
        return " UNION ALL ".join(selects), [Output(name, kind) for name, kind in zip(names, kinds, strict=True)]

    # SELECT

    def _select(self, node: exp.Select, scope: Scope) -> tuple[str, list[Output]]:
        for clause in ("windows", "laterals", "pivots", "connect", "qualify", "into"):
            if node.args.get(clause):
                raise unsupported(clause)
        conditions: list[str] = []
        from_ = self._from(node, scope, conditions)
        distinct = node.args.get("distinct")
        if distinct is not None and distinct.args.get("on") is not None:
            raise unsupported("DISTINCT ON")
        alias = self.alias()
        self.series, self.series_alias = [], alias
        items = [item for expression in node.expressions for item in self._items(expression, scope)]
        series, self.series = self.series, None
        if series:
            from_ += f"{', ' if from_ else ' FROM '}json_each(pg_lockstep({', '.join(series)})) AS {quoted(alias)}"
        columns = [Output(item.name, item.type) for item in items]
        text = f"SELECT {'DISTINCT ' if distinct else ''}" + ", ".join(
            f"{item.sql} AS {quoted(item.name)}" for item in items
        )
        if node.args.get("where") is not None:
            conditions.append(self.typed(node.args["where"].this, scope, 16))
        text += from_ + (f" WHERE {' AND '.join(conditions)}" if conditions else "")
        group = node.args.get("group")
        if group is not None:
            if {key for key, part in group.args.items() if part} - {"expressions"}:
                raise unsupported("GROUPING SETS")
            text += " GROUP BY " + ", ".join(self._group_key(key, scope, items) for key in group.expressions)
        if node.args.get("having") is not None:
            text += f" HAVING {self.typed(node.args['having'].this, scope, 16)}"
        return text + self._tail(node, scope, columns), columns

    def _items(self, node: exp.Expr, scope: Scope) -> list[Value]:
        star = isinstance(node, exp.Star) or (isinstance(node, exp.Column) and isinstance(node.this, exp.Star))
        if not star:
            value = self.value(node, scope)
            return [Value(self.resolve(value, TEXT), self._settled(value), value.name, 2)]
        table = node.args.get("table")
        sources = [scope.source(folded(table))] if table is not None else scope.sources
        if not sources:
            raise postgres_error("42601", "SELECT * with no tables specified is not valid")
        return [
            Value(column.sql, column.type, column.name, 2)
            for source in sources
            for column in source.columns
            if column.name not in source.merged or table is not None
        ]

    def _settled(self, value: Value) -> int:
        if value.parameter is not None:
            return self.parameters[value.parameter]
        return value.type

    def _group_key(self, node: exp.Expr, scope: Scope, items: list[Value]) -> str:
        position = _position(node, len(items))
        if position:
            return str(position)
        try:
            return self.value(node, scope).sql
        except PostgresError as error:
            if error.sqlstate != "42703":
                raise
            return str(_named(node, [Output(item.name, item.type) for item in items], error))

    def _tail(self, node: exp.Expr, scope: Scope, columns: list[Output]) -> str:
        text = ""
        order = node.args.get("order")
        if order is not None:
            text += " ORDER BY " + ", ".join(self._sort_key(key, scope, columns) for key in order.expressions)
        limit, offset = node.args.get("limit"), node.args.get("offset")
        if limit is not None:
            count = limit.args.get("count") if isinstance(limit, exp.Fetch) else limit.args["expression"]
            text += " LIMIT " + (
                "-1" if count is None or isinstance(count, exp.Null) else self.typed(count, scope, INT8)
            )
        if offset is not None:
            text += (
                "" if limit is not None else " LIMIT -1"
            ) + f" OFFSET {self.typed(offset.args['expression'], scope, INT8)}"
        if node.args.get("locks"):
            raise unsupported("FOR UPDATE")
        return text

    def _sort_key(self, node: exp.Ordered, scope: Scope, columns: list[Output]) -> str:
        key = node.this
        position = _position(key, len(columns))
        if not position and isinstance(key, exp.Column) and not key.table:
            names = [column.name for column in columns]
            name = folded(key.this)
            position = names.index(name) + 1 if name in names else 0
        text = str(position) if position else self.value(key, scope).sql
        direction = " DESC" if node.args.get("desc") else ""
        return f"{text}{direction} NULLS {'FIRST' if node.args.get('nulls_first') else 'LAST'}"

    # FROM

    def _from(self, node: exp.Select, scope: Scope, conditions: list[str]) -> str:
        clause = node.args.get("from_")
        if clause is None:
            return ""
        text = self._relation(clause.this, scope, conditions)
        return " FROM " + text + self._joins(node.args.get("joins") or (), scope, conditions, bool(text))

    def _joins(self, joins: Sequence[exp.Join], scope: Scope, conditions: list[str], started: bool) -> str:
        text = ""
        for join in joins:
            before = len(scope.sources)
            if join.args.get("method"):
                raise unsupported(f"{join.args['method']} JOIN")
            side, kind = str(join.args.get("side") or "").upper(), str(join.args.get("kind") or "").upper()
            relation = self._relation(join.this, scope, conditions)
            condition = join.args.get("on")
            if not relation:  # a LATERAL without FROM stands for its expressions
                if condition is not None:
                    conditions.append(self.typed(condition, scope, 16))
                continue
            word = f" {side} JOIN " if side else " CROSS JOIN " if kind == "CROSS" else " JOIN "
            if not (side or kind or condition is not None or join.args.get("using")):
                word = ", "
            text += (word if started else "") + relation
            started = True
            if join.args.get("using"):
                text += self._using(join, scope, before)
            elif condition is not None:
                text += f" ON {self.typed(condition, scope, 16)}"
        return text

    def _using(self, join: exp.Join, scope: Scope, before: int) -> str:
        tests = []
        for column in join.args["using"]:
            name = folded(column)
            left, right = (
                next((c for source in sources for c in source.columns if c.name == name), None)
                for sources in (scope.sources[:before], scope.sources[before:])
            )
            if left is None or right is None:
                raise postgres_error("42703", f'column "{name}" specified in USING clause does not exist')
            tests.append(f"{left.sql} = {right.sql}")
            for source in scope.sources[before:]:
                source.merged.add(name)
        return f" ON {' AND '.join(tests)}"

    def _relation(self, node: exp.Expr, scope: Scope, conditions: list[str]) -> str:
        """The text of one item of FROM, which becomes a source; empty where it needs none."""
        alias, names = _alias_of(node)
        if isinstance(node, exp.Lateral):
            return self._lateral(node, alias, names, scope, conditions)
        if isinstance(node, exp.Unnest):
            return self._series("unnest", node.expressions, alias, names, scope, node.args.get("offset"))
        if isinstance(node, exp.Subquery) and isinstance(node.this, exp.Table):
            text = self._relation(node.this, scope, conditions)
            return f"({text}{self._joins(node.this.args.get('joins') or (), scope, conditions, True)})"
        if isinstance(node, (exp.Subquery, exp.Values)):
            plain = isinstance(node, exp.Subquery) and not node.args.get("order")
            text, columns = self.query(node.this if plain else _bare(node), scope)
            alias = alias or self.alias()
            scope.sources.append(Source(alias, _named_columns(alias, _renamed(columns, names))))
            listed = [] if not names else _renamed(columns, names)
            if listed:  # SQLite has no column aliases here
                inner = ", ".join(f"{quoted(c.name)} AS {quoted(n.name)}" for c, n in zip(columns, listed, strict=True))
                text = f"SELECT {inner} FROM ({text})"
            return f"({text}) AS {quoted(alias)}"
        if not isinstance(node, exp.Table):
            raise unsupported(node)
        function = name_of_function(node.this)
        if function is not None:
            return self._series(function, node.this.expressions, alias, names, scope, node.args.get("ordinality"))
        return self._table(node, alias, names, scope)

    def _table(self, node: exp.Table, alias: str, names: list[str], scope: Scope) -> str:
        if node.args.get("joins"):
            raise unsupported("nested join")
        name, schema = folded(node.this), folded(node.args["db"]) if node.args.get("db") is not None else ""
        cte = None if schema else scope.cte(name)
        if cte is not None:
            table, columns = name, cte
        else:
            relation = find_relation(schema, name)
            if relation is None:
                shown = f"{schema}.{name}" if schema else name
                raise postgres_error("42P01", f'relation "{shown}" does not exist')
            table, columns = relation.table, [Output(column, kind) for column, kind, _ in relation.columns]
            self.tables.add(table)
        called = alias or name
        outputs = [
            Output(new.name, old.type, f"{quoted(called)}.{quoted(old.name)}")
            for old, new in zip(columns, _renamed(columns, names), strict=True)
        ]
        scope.sources.append(Source(called, outputs, schema or "pg_catalog"))
        return f"{quoted(table)} AS {quoted(called)}"

    def _series(
        self,
        name: str,
        nodes: Sequence[exp.Expr],
        alias: str,
        names: list[str],
        scope: Scope,
        ordinality: object = None,
    ) -> str:
        if name not in SETS:
            if ordinality:
                raise unsupported("WITH ORDINALITY")
            value = self._call_scalar_in_from(name, nodes, scope)
            called = alias or name
            column = names[0] if names else called
            scope.sources.append(Source(called, [Output(column, value.type, f"{quoted(called)}.{quoted(column)}")]))
            return f"(SELECT {value.sql} AS {quoted(column)}) AS {quoted(called)}"
        text, kind = self.set_call(name, nodes, scope)
        called = alias or name
        inner = quoted(called)
        columns = [Output(names[0] if names else called, kind, f"{inner}.value")]
        if kind in RECORDS:
            columns = [
                Output(names[i] if i < len(names) else field, type_, f"json_extract({inner}.value, '$.{field}')")
                for i, (field, type_) in enumerate(RECORDS[kind])
            ]
        if ordinality:
            given = (
                folded(ordinality)
                if isinstance(ordinality, exp.Identifier)
                else (names[1] if len(names) > 1 else "ordinality")
            )
            columns.append(Output(given, INT8, f"({inner}.key + 1)"))
        scope.sources.append(Source(called, columns))
        return f"json_each({text}) AS {inner}"

    def _call_scalar_in_from(self, name: str, nodes: Sequence[exp.Expr], scope: Scope) -> Value:
        return self._scalar(name, [self.value(node, scope) for node in nodes])

    def _lateral(self, node: exp.Lateral, alias: str, names: list[str], scope: Scope, conditions: list[str]) -> str:
        inner = node.this
        function = name_of_function(inner)
        if function is not None:
            return self._series(function, inner.expressions, alias, names, scope, node.args.get("ordinality"))
        if isinstance(inner, exp.Unnest):
            return self._series("unnest", inner.expressions, alias, names, scope, inner.args.get("offset"))
        select = inner.this if isinstance(inner, exp.Subquery) else inner
        used = {key for key, part in select.args.items() if part} if isinstance(select, exp.Select) else {"?"}
        if used - {"expressions"}:
            raise unsupported("LATERAL query with FROM")
        values = [item for expression in select.expressions for item in self._items(expression, scope)]
        columns = _renamed([Output(value.name, value.type, f"({value.sql})") for value in values], names)
        scope.sources.append(Source(alias, columns))
        return ""


def _items(row: exp.Expr) -> list[exp.Expr]:
    return list(row.expressions) if isinstance(row, exp.Tuple) else [row.this if isinstance(row, exp.Paren) else row]


def _bare(node: exp.Expr) -> exp.Expr:
    """The query without its alias."""
    copy = node.copy()
    copy.set("alias", None)
    return copy


def _alias_of(node: exp.Expr) -> tuple[str, list[str]]:
    alias = node.args.get("alias")
    if alias is None:
        return "", []
    names = [folded(column.this if isinstance(column, exp.ColumnDef) else column) for column in alias.columns]
    return folded(alias.this) if alias.this is not None else "", names


def _renamed(columns: Sequence[Output], names: Sequence[str]) -> list[Output]:
    if len(names) > len(columns):
        raise postgres_error("42P10", f"table has {len(columns)} columns available but {len(names)} columns specified")
    return [Output(names[i] if i < len(names) else c.name, c.type, c.sql) for i, c in enumerate(columns)]


def _named_columns(alias: str, columns: Sequence[Output]) -> list[Output]:
    return [Output(column.name, column.type, f"{quoted(alias)}.{quoted(column.name)}") for column in columns]


def _position(node: exp.Expr, count: int) -> int:
    if not isinstance(node, exp.Literal) or node.is_string:
        return 0
    text = str(node.this)
    if not text.isdigit() or not 0 < int(text) <= count:
        raise postgres_error("42P10", f"position {text[:20]} is not in select list")
    return int(text)


def _named(node: exp.Expr, columns: Sequence[Output], error: PostgresError) -> int:
    names = [column.name for column in columns]
    if isinstance(node, exp.Column) and not node.table and folded(node.this) in names:
        return names.index(folded(node.this)) + 1
    raise error
