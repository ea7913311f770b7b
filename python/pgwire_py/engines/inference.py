"""What a statement's parameters and columns are, found in its sqlglot tree and the types of the tables that it names.

Used where an engine cannot say it itself: asyncpg never declares a parameter's type and relies on the answer.
The rules follow PostgreSQL's (10.2 operators, 10.3 functions, 10.4 value storage, 10.5 CASE and UNION) as far as a
tree without a catalogue of operators allows; what stays open is text, as in PostgreSQL.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

from .. import oids
from .function_types import type_of_function, wanted_by_function
from .parsing import oid_of_datatype, parameter_number

if TYPE_CHECKING:
    from sqlglot import exp

__all__ = ["Inferrer", "OutputColumn", "Schema"]

Schema = Callable[[str], Mapping[str, int] | None]
"""Table name (in lower case) → its columns (names in lower case, in order) with OIDs; None where there is no such
table.
"""

_INTEGERS = (oids.INT2, oids.INT4, oids.INT8)
_NUMBERS = (*_INTEGERS, oids.NUMERIC, oids.FLOAT4, oids.FLOAT8)
_STRINGS = (oids.TEXT, oids.VARCHAR, oids.BPCHAR, oids.NAME)
_MOMENTS = (oids.DATE, oids.TIMESTAMP, oids.TIMESTAMPTZ, oids.TIME)
_MAX_DEPTH = 60


class OutputColumn(NamedTuple):
    """A column that a query puts out: name as PostgreSQL would name it, OID (0: not known), base table and column
    where it is one.
    """

    name: str
    type: int
    table: str | None = None
    column: str | None = None


class Inferrer:
    """Types within one statement.

    Args:
        tree: what :func:`~pgwire_py.engines.parsing.parse` returned.
        schema: tables' columns.
        declared: OIDs of the parameters, 0 where open; as long as the statement's parameters.
    """

    def __init__(self, tree: exp.Expr, schema: Schema, declared: tuple[int, ...] = ()) -> None:
        self._tree = tree
        self._schema = schema
        self._parameters = list(declared)
        self._depth = 0

    def parameter_types(self) -> tuple[int, ...]:
        """OIDs of all parameters: declared ones unchanged, others inferred, text where nothing tells."""
        from sqlglot import exp

        found = [node for node in self._tree.find_all(exp.Parameter) if parameter_number(node) <= len(self._parameters)]
        for _ in range(2):  # what the first round learns of one place helps another ($1 + $1::int)
            for node in found:
                index = parameter_number(node) - 1
                if not self._parameters[index]:
                    self._parameters[index] = self.wanted(node)
        return tuple(oid or oids.TEXT for oid in self._parameters)

    def output(self, node: exp.Expr | None = None) -> list[OutputColumn] | None:
        """Columns of a query, or of RETURNING; None where there are none or a ``*`` cannot be resolved."""
        from sqlglot import exp

        node = self._tree if node is None else node
        if isinstance(node, exp.Subquery):
            return self.output(node.this)
        if isinstance(node, exp.SetOperation):
            return self._output_of_union(node)
        if isinstance(node, exp.Values):
            rows = [row.expressions if isinstance(row, exp.Tuple) else [row] for row in node.expressions]
            return [OutputColumn(f"column{i + 1}", self._common(cells)) for i, cells in enumerate(zip(*rows))]  # noqa: B905
        if isinstance(node, exp.Select):
            return self._output_of_list(node.expressions)
        if isinstance(node, (exp.Insert, exp.Update, exp.Delete)):
            returning = node.args.get("returning")
            return self._output_of_list(returning.expressions) if returning else None
        return None

    # Output columns.

    def _output_of_union(self, node: exp.Expr) -> list[OutputColumn] | None:
        left, right = self.output(node.this), self.output(node.expression)
        if left is None or right is None or len(left) != len(right):
            return left
        return [OutputColumn(a.name, _unify([a.type, b.type])) for a, b in zip(left, right)]  # noqa: B905

    def _output_of_list(self, expressions: list[exp.Expr]) -> list[OutputColumn] | None:
        from sqlglot import exp

        result: list[OutputColumn] = []
        for item in expressions:
            inner = item.this if isinstance(item, exp.Alias) else item
            if isinstance(inner, exp.Star) or (isinstance(inner, exp.Column) and isinstance(inner.this, exp.Star)):
                columns = self._star(inner)
                if columns is None:
                    return None
                result += columns
            elif isinstance(inner, exp.Column):
                found = self._column(inner)
                name = item.alias if isinstance(item, exp.Alias) else inner.name
                result.append((found or OutputColumn(name, 0))._replace(name=name))
            else:
                result.append(
                    OutputColumn(item.alias_or_name if item is not inner else _name(item), self.type_of(inner))
                )
        return result

    def _star(self, node: exp.Expr) -> list[OutputColumn] | None:
        qualifier = getattr(node, "table", "").lower()
        result: list[OutputColumn] = []
        for name, columns in self._sources(node):
            if qualifier != name if qualifier else name == "excluded":
                continue
            if columns is None:
                return None
            result += columns
        return result or None

    def _column(self, node: exp.Expr) -> OutputColumn | None:
        qualifier, name = node.table.lower(), node.name.lower()  # type: ignore[attr-defined]
        scope: exp.Expr | None = node
        while scope is not None:
            for source, columns in self._sources(scope):
                if qualifier and qualifier != source:
                    continue
                for column in columns or ():
                    if column.name.lower() == name:
                        return column
            scope = self._enclosing(scope)
        return None

    def _enclosing(self, node: exp.Expr) -> exp.Expr | None:
        from sqlglot import exp

        statement = node if isinstance(node, _statements()) else node.find_ancestor(*_statements())
        return statement.parent if statement is not None and not isinstance(statement.parent, exp.CTE) else None

    def _sources(self, node: exp.Expr) -> Iterator[tuple[str, list[OutputColumn] | None]]:
        """Name and columns of what the statement around ``node`` reads from (or writes to)."""
        from sqlglot import exp

        statement = node if isinstance(node, _statements()) else node.find_ancestor(*_statements())
        if statement is None or self._depth > _MAX_DEPTH:
            return
        relations: list[exp.Expr] = []
        if isinstance(statement, exp.Insert):
            target = statement.this.this if isinstance(statement.this, exp.Schema) else statement.this
            relations.append(target)
            yield "excluded", self._columns_of(target)
        elif isinstance(statement, (exp.Update, exp.Delete)):
            relations.append(statement.this)
            relations += statement.args.get("using") or []
        source = statement.args.get("from_") or statement.args.get("from")
        if source is not None:
            relations.append(source.this)
        relations += [join.this for join in statement.args.get("joins") or []]
        for relation in [*relations, *(join.this for r in relations for join in r.args.get("joins") or [])]:
            yield relation.alias_or_name.lower(), self._columns_of(relation)

    def _columns_of(self, relation: exp.Expr) -> list[OutputColumn] | None:
        from sqlglot import exp

        self._depth += 1
        try:
            if self._depth > _MAX_DEPTH:
                return None
            columns: list[OutputColumn] | None = None
            if isinstance(relation, exp.Subquery):
                columns = self.output(relation.this)
            elif isinstance(relation, exp.Values):
                columns = self.output(relation)
            elif isinstance(relation, exp.Table):
                columns = self._columns_of_table(relation)
            alias = relation.args.get("alias")
            names = alias.columns if isinstance(alias, exp.TableAlias) else []
            if columns is not None and names:
                columns = [
                    column._replace(name=names[i].name) if i < len(names) else column
                    for i, column in enumerate(columns)
                ]
            return columns
        finally:
            self._depth -= 1

    def _columns_of_table(self, table: exp.Expr) -> list[OutputColumn] | None:
        from sqlglot import exp

        if isinstance(table.this, exp.GenerateSeries):
            return [
                OutputColumn(table.alias or "generate_series", self.type_of(table.this.args.get("start")) or oids.INT8)
            ]
        name = table.name.lower()
        scope: exp.Expr | None = table
        while scope is not None:
            clause = scope.args.get("with_") or scope.args.get("with")
            for cte in clause.expressions if clause else ():
                if cte.alias.lower() == name and not (scope is not table and cte is table.find_ancestor(exp.CTE)):
                    return self._cte(cte)
            scope = scope.parent
        known = self._schema(name)
        return None if known is None else [OutputColumn(column, oid, name, column) for column, oid in known.items()]

    def _cte(self, cte: exp.Expr) -> list[OutputColumn] | None:
        columns = self.output(cte.this)
        names = cte.args["alias"].columns
        if columns is not None and names:
            columns = [c._replace(name=names[i].name) if i < len(names) else c for i, c in enumerate(columns)]
        return columns

    # The type of an expression.

    def type_of(self, node: object) -> int:
        """OID of an expression's type, 0 where it is open (NULL, an untyped parameter) or not known."""
        from sqlglot import exp

        if not isinstance(node, exp.Expr) or self._depth > _MAX_DEPTH:
            return 0
        self._depth += 1
        try:
            return self._type_of(node)
        finally:
            self._depth -= 1

    def _type_of(self, node: exp.Expr) -> int:
        from sqlglot import exp

        if isinstance(node, exp.Column):
            found = self._column(node)
            return found.type if found else 0
        if isinstance(node, exp.Parameter):
            number = parameter_number(node)
            return self._parameters[number - 1] if 0 < number <= len(self._parameters) else 0
        if isinstance(node, exp.Literal):
            return _type_of_literal(node)
        if isinstance(node, (exp.RawString, exp.National)):
            return oids.TEXT
        if isinstance(node, (exp.HexString, exp.ByteString)):
            return oids.BYTEA if isinstance(node, exp.HexString) else oids.TEXT
        if isinstance(node, (exp.Cast, exp.TryCast)):
            return oid_of_datatype(node.to)
        if isinstance(node, (exp.Boolean, exp.Predicate, exp.Connector, exp.Not, exp.Escape)):
            return oids.BOOL
        if isinstance(node, (exp.Alias, exp.Paren, exp.Neg, exp.Distinct, exp.Order, exp.Filter, exp.Window)):
            inner = node.expressions[0] if isinstance(node, exp.Distinct) and node.expressions else node.this
            return self.type_of(inner)
        if isinstance(node, (exp.Subquery, exp.Select, exp.SetOperation)):
            columns = self.output(node)
            return columns[0].type if columns else 0
        if isinstance(node, (exp.Add, exp.Sub, exp.Mul, exp.Div, exp.IntDiv, exp.Mod)):
            return _arithmetic(node, self.type_of(node.this), self.type_of(node.expression))
        if isinstance(node, (exp.DPipe, exp.Concat)):
            return oids.TEXT
        if isinstance(node, exp.Case):
            return self._common([*(branch.args["true"] for branch in node.args["ifs"]), node.args.get("default")])
        if isinstance(node, (exp.Coalesce, exp.Greatest, exp.Least)):
            return self._common([node.this, *node.expressions])
        if isinstance(node, exp.Nullif):
            return self.type_of(node.this)
        if isinstance(node, (exp.Min, exp.Max, exp.Abs, exp.FirstValue, exp.LastValue, exp.Lag, exp.Lead)):
            return self.type_of(node.this)
        if isinstance(node, (exp.Count, exp.RowNumber, exp.CountIf)):
            return oids.INT8
        if isinstance(node, exp.Sum):
            inner = self.type_of(node.this)
            return oids.INT8 if inner in _INTEGERS else inner
        if isinstance(node, exp.Avg):
            return oids.FLOAT8 if self.type_of(node.this) in (*_INTEGERS, oids.FLOAT4, oids.FLOAT8, 0) else oids.NUMERIC
        if isinstance(node, exp.Array):
            return oids.ARRAY_OF.get(self._common(node.expressions), oids.TEXT_ARRAY)
        if isinstance(node, exp.ArrayAgg):
            return oids.ARRAY_OF.get(self.type_of(node.this), oids.TEXT_ARRAY)
        return type_of_function(node, self.type_of)

    def _common(self, nodes: object) -> int:
        return _unify([self.type_of(node) for node in nodes])  # type: ignore[attr-defined]

    # The type that a place wants.

    def wanted(self, node: exp.Expr) -> int:
        """OID of the type that the place of ``node`` (a parameter) asks for; 0 where nothing tells."""
        from sqlglot import exp

        parent = node.parent
        if parent is None or self._depth > _MAX_DEPTH:
            return 0
        self._depth += 1
        try:
            if isinstance(parent, (exp.Cast, exp.TryCast)):
                return oid_of_datatype(parent.to)
            if isinstance(parent, (exp.Paren, exp.Neg, exp.Alias)):
                return self.wanted(parent)
            if isinstance(parent, (exp.Any, exp.All)) or (
                isinstance(parent, exp.Anonymous) and parent.name.lower() == "all"
            ):
                return oids.ARRAY_OF.get(self.wanted(parent), 0)
            if isinstance(parent, (exp.Like, exp.ILike, exp.SimilarTo, exp.RegexpLike, exp.RegexpILike, exp.DPipe)):
                return oids.TEXT
            if isinstance(parent, exp.In):
                others = [parent.this, *parent.expressions, parent.args.get("query")]
                return self._common([other for other in others if other is not node])
            if isinstance(parent, exp.Between):
                others = [parent.this, parent.args["low"], parent.args["high"]]
                return self._common([other for other in others if other is not node])
            if isinstance(parent, (exp.Limit, exp.Offset, exp.Fetch)):
                return oids.INT8
            if isinstance(parent, (exp.Connector, exp.Not, exp.Where, exp.Having)):
                return oids.BOOL
            if isinstance(parent, (exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod)):
                return self._wanted_operand(node, parent)
            if isinstance(parent, exp.Binary):
                return self.type_of(parent.expression if parent.this is node else parent.this)
            if isinstance(parent, exp.If) and isinstance(parent.parent, exp.Case):
                return self._wanted_in_case(node, parent)
            if isinstance(parent, exp.Case):
                branches = [branch.args["true"] for branch in parent.args["ifs"]]
                return self._common(branches) or self.wanted(parent)
            if isinstance(parent, (exp.Coalesce, exp.Greatest, exp.Least, exp.Nullif)):
                others = [parent.this, *parent.expressions, parent.args.get("expression")]
                return self._common([other for other in others if other is not node]) or self.wanted(parent)
            if isinstance(parent, (exp.Tuple, exp.Values)):
                return self._wanted_in_row(node, parent)
            if isinstance(parent, exp.Select):
                return self._wanted_in_list(node, parent)
            return wanted_by_function(node, parent)
        finally:
            self._depth -= 1

    def _wanted_operand(self, node: exp.Expr, parent: exp.Expr) -> int:
        from sqlglot import exp

        other = self.type_of(parent.expression if parent.this is node else parent.this)
        if other == oids.DATE:
            return oids.DATE if isinstance(parent, exp.Sub) and parent.this is node else oids.INT4
        if other in _MOMENTS:
            return oids.INTERVAL
        return other or self.wanted(parent)

    def _wanted_in_case(self, node: exp.Expr, branch: exp.Expr) -> int:
        case = branch.parent
        assert case is not None
        if branch.this is node:  # the condition, or the value compared with CASE's own
            return self.type_of(case.this) if case.this is not None else oids.BOOL
        others = [other.args["true"] for other in case.args["ifs"] if other is not branch]
        return self._common([*others, case.args.get("default")]) or self.wanted(case)

    def _wanted_in_row(self, node: exp.Expr, parent: exp.Expr) -> int:
        from sqlglot import exp

        row: list[exp.Expr] = parent.expressions if isinstance(parent, exp.Tuple) else [node]
        values = parent.parent if isinstance(parent, exp.Tuple) else parent
        index = next(i for i, item in enumerate(row) if item is node)
        if isinstance(values, exp.Binary):  # (a, b) = ($1, $2)
            other = values.expression if values.this is parent else values.this
            return self.type_of(other.expressions[index]) if len(other.expressions) > index else 0
        if not isinstance(values, exp.Values):
            return 0
        if isinstance(values.parent, exp.Insert):
            return self._target(values.parent, index)
        cells = [
            r.expressions[index] for r in values.expressions if isinstance(r, exp.Tuple) and len(r.expressions) > index
        ]
        return self._common([cell for cell in cells if cell is not node])

    def _wanted_in_list(self, node: exp.Expr, select: exp.Expr) -> int:
        from sqlglot import exp

        index = next((i for i, item in enumerate(select.expressions) if item.unalias() is node or item is node), -1)
        if index >= 0 and isinstance(select.parent, exp.Insert):
            return self._target(select.parent, index)
        return 0

    def _target(self, insert: exp.Expr, index: int) -> int:
        """Type of the table's column that the ``index``-th value of an INSERT goes to."""
        from sqlglot import exp

        named = insert.this if isinstance(insert.this, exp.Schema) else None
        table = named.this if named is not None else insert.this
        columns = self._schema(table.name.lower()) or {}
        if named is not None:
            return columns.get(named.expressions[index].name.lower(), 0) if index < len(named.expressions) else 0
        return list(columns.values())[index] if index < len(columns) else 0


def _statements() -> tuple[type[exp.Expr], ...]:
    from sqlglot import exp

    return (exp.Select, exp.Insert, exp.Update, exp.Delete)


def _name(node: exp.Expr) -> str:
    """PostgreSQL's name for an unnamed output column (FigureColname in parse_target.c's terms)."""
    from sqlglot import exp

    if isinstance(node, (exp.Cast, exp.TryCast)):
        inner = _name(node.this)
        oid = oid_of_datatype(node.to)
        return oids.type_info(oid).name if inner == "?column?" and oid else inner
    if isinstance(node, exp.Column):
        return node.name
    if isinstance(node, (exp.Paren, exp.Window, exp.Filter)):
        return _name(node.this)
    if isinstance(node, exp.Case):
        return _name(node.args["default"]) if isinstance(node.args.get("default"), exp.Column) else "case"
    if isinstance(node, exp.Exists):
        return "exists"
    if isinstance(node, exp.Subquery) and isinstance(node.this, exp.Select) and node.this.expressions:
        first = node.this.expressions[0]
        return first.alias if isinstance(first, exp.Alias) else _name(first)
    if isinstance(node, exp.Anonymous):
        return node.name.lower()
    if isinstance(node, exp.Boolean):
        return "bool"
    if isinstance(node, exp.Func) and not isinstance(node, (exp.Binary, exp.Connector)):
        names = {
            "CurrentTimestamp": "now",
            "GroupConcat": "string_agg",
            "LogicalAnd": "bool_and",
            "LogicalOr": "bool_or",
            "TimestampTrunc": "date_trunc",
            "Uuid": "gen_random_uuid",
            "Rand": "random",
            "StrPosition": "position",
        }
        return names.get(type(node).__name__) or node.sql_name().lower()
    return "?column?"


def _type_of_literal(node: exp.Expr) -> int:
    if node.is_string:
        return oids.TEXT
    text = node.this
    if text.isdigit():
        value = int(text)
        return oids.INT4 if value < 2**31 else oids.INT8 if value < 2**63 else oids.NUMERIC
    return oids.NUMERIC


def _unify(types: list[int]) -> int:
    """The common type of several, PostgreSQL 10.5: 0 and literals' text give way to any other."""
    known = [oid for oid in types if oid]
    if not known:
        return 0
    others = [oid for oid in known if oid != oids.TEXT] or known
    if all(oid in _NUMBERS for oid in others):
        return max(others, key=(oids.INT2, oids.INT4, oids.INT8, oids.NUMERIC, oids.FLOAT4, oids.FLOAT8).index)
    if oids.TIMESTAMPTZ in others:
        return oids.TIMESTAMPTZ
    if oids.TIMESTAMP in others:
        return oids.TIMESTAMP
    if len(set(others)) > 1 and all(oid in _STRINGS for oid in others):
        return oids.TEXT
    return others[0]


def _arithmetic(node: exp.Expr, left: int, right: int) -> int:
    from sqlglot import exp

    if left in _MOMENTS or right in _MOMENTS:
        if isinstance(node, exp.Sub) and left in _MOMENTS and right in _MOMENTS:
            return oids.INT4 if left == right == oids.DATE else oids.INTERVAL
        moment = left if left in _MOMENTS else right
        other = right if moment is left else left
        return oids.TIMESTAMP if moment == oids.DATE and other == oids.INTERVAL else moment
    if oids.INTERVAL in (left, right):
        return oids.INTERVAL
    known = [oid for oid in (left, right) if oid in _NUMBERS]
    if oids.FLOAT4 in known and len(set(known)) > 1:
        return oids.FLOAT8
    return _unify(known)
