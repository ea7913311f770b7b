"""PostgreSQL's SQL as SQLite runs it.

A tree is rewritten where the two languages mean different things (casts, division, ``= any($1)``, SERIAL, moments and
intervals) and written out with SQLite's grammar, except that declared types keep PostgreSQL's names, so that
describing a table finds them again.
The functions named ``pgwire_…`` are in ``sqlite_functions``.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .. import oids
from .parsing import oid_of_datatype, written_type

if TYPE_CHECKING:
    from sqlglot import exp

__all__ = ["to_sqlite"]

_CAST_FUNCTIONS = {
    oids.BOOL: "pgwire_bool",
    oids.FLOAT4: "pgwire_float",
    oids.FLOAT8: "pgwire_float",
    oids.BYTEA: "pgwire_bytea",
    oids.DATE: "pgwire_date",
    oids.TIME: "pgwire_time",
    oids.TIMESTAMP: "pgwire_timestamp",
    oids.TIMESTAMPTZ: "pgwire_timestamptz",
    oids.UUID: "pgwire_uuid",
    oids.JSON: "json",
    oids.JSONB: "json",
}
_EXACT = ("INT4", "FLOAT4")
"""PostgreSQL's own names, which say the width that INTEGER and REAL in SQLite do not."""
_INTEGER_BYTES = {oids.INT2: 2, oids.INT4: 4, oids.INT8: 8}


_MOMENTS = frozenset({oids.DATE, oids.TIMESTAMP, oids.TIMESTAMPTZ})


def to_sqlite(tree: exp.Expr, type_of: Callable[[exp.Expr], int]) -> str | None:
    """The statement in SQLite's words, parameters as ``?n``; None where its own text had better pass. ``tree`` is
    used up; ``type_of`` tells the OID of an expression in it, 0 where it is not known.
    """
    from sqlglot import ErrorLevel, exp
    from sqlglot.errors import SqlglotError

    statements = (
        exp.Query,
        exp.Values,
        exp.Insert,
        exp.Update,
        exp.Delete,
        exp.Create,
        exp.Drop,
        exp.Alter,
        exp.TruncateTable,
    )
    if not isinstance(tree, statements):
        return None
    for node in tree.find_all(exp.Add, exp.Sub):  # while it is whole
        node.meta["types"] = type_of(node.this), type_of(node.expression)
    try:
        if isinstance(tree, exp.TruncateTable):
            tree = exp.Delete(this=tree.expressions[0])
        if isinstance(tree, exp.Create):
            _rewrite_create(tree)
        for conflict in tree.find_all(exp.OnConflict):
            for key in conflict.find_all(exp.Ordered):
                key.set("nulls_first", True)
        if not (isinstance(tree, exp.Create) and tree.expression is None):  # a table's definition stays readable to all
            tree = _rewritten(tree)
        else:
            tree = tree.transform(lambda n: _table(n) if isinstance(n, exp.Table) else n, copy=False)
        return str(tree.sql(dialect=_dialect(), unsupported_level=ErrorLevel.IGNORE, normalize_functions=False))
    except (SqlglotError, ValueError, AttributeError, KeyError):
        return None  # a shape that sqlglot itself stumbles over: SQLite judges the text


@functools.cache
def _dialect() -> Any:
    from sqlglot import exp
    from sqlglot.dialects.sqlite import SQLite

    base: Any = SQLite.Generator

    class Generator(base):  # type: ignore[misc]
        def datatype_sql(self, expression: exp.DataType) -> str:
            text, written = expression.sql("postgres"), written_type(expression)
            if "[" in text:
                return f'"{written + text[text.index("[") :] if written in _EXACT else text}"'
            if written in _EXACT:
                return written
            return "INTEGER" if text.upper() in ("INT", "INTEGER") else text

        def parameter_sql(self, expression: exp.Parameter) -> str:
            return f"?{expression.this.name}"

        TRANSFORMS = {k: v for k, v in base.TRANSFORMS.items() if k not in (exp.Parameter, exp.DataType)}  # noqa: RUF012

    return type("PgwireSQLite", (SQLite,), {"Generator": Generator, "generator_class": Generator})()


def _rewritten(tree: exp.Expr) -> exp.Expr:
    """Every node by its rule, from the root down, and then what stands inside of what took its place."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        new = _rewrite(node)
        if new is node:
            waiting.extend(node.iter_expressions())
            continue
        if node is tree:
            tree = new
        else:
            node.replace(new)
        waiting.append(new)
    return tree


def _rewrite(node: exp.Expr) -> exp.Expr:
    from sqlglot import exp

    rule = _rules().get(type(node))
    if rule is not None:
        return rule(node)  # type: ignore[no-any-return]
    if isinstance(node, exp.Drop):
        node.set("cascade", None)
    if isinstance(node, exp.Values) and isinstance(node.args.get("alias"), exp.TableAlias):
        return _named_values(node)
    if isinstance(node, exp.Select) and node.args.get("locks"):  # one writer at a time anyhow
        node.set("locks", None)
    return node


@functools.cache
def _rules() -> dict[type, Any]:
    from sqlglot import exp

    return {
        exp.Cast: _cast,
        exp.TryCast: _cast,
        exp.Div: lambda n: _division(n, "pgwire_div"),
        exp.Mod: lambda n: _division(n, "pgwire_mod"),
        exp.EQ: _any,
        exp.NEQ: _any,
        exp.Add: _interval_arithmetic,
        exp.Sub: _interval_arithmetic,
        exp.Interval: _interval,
        exp.Like: _like,
        exp.ILike: _like,
        exp.Table: _table,
        exp.CurrentTimestamp: _now,
        exp.Date: lambda n: _call("pgwire_date", n.this),
        exp.TsOrDsToDate: lambda n: _call("pgwire_date", n.this),
        exp.Extract: lambda n: _call("pgwire_extract", exp.Literal.string(n.name.lower()), n.expression),
        exp.TimestampTrunc: lambda n: _call(
            "pgwire_trunc", exp.Literal.string(str(n.args["unit"].name).lower()), n.this
        ),
        exp.RegexpLike: lambda n: _call("pgwire_regexp", n.this, n.expression, exp.Literal.number(0)),
        exp.RegexpILike: lambda n: _call("pgwire_regexp", n.this, n.expression, exp.Literal.number(1)),
        exp.Left: lambda n: _call("pgwire_left", n.this, n.expression),
        exp.Right: lambda n: _call("pgwire_right", n.this, n.expression),
        exp.Greatest: lambda n: _call("pgwire_greatest", n.this, *n.expressions),
        exp.Least: lambda n: _call("pgwire_least", n.this, *n.expressions),
        exp.Concat: lambda n: _call("pgwire_concat", *n.expressions),
        exp.ConcatWs: lambda n: _call("pgwire_concat_ws", *n.expressions),
        exp.MD5: lambda n: _call("pgwire_md5", n.this),
        exp.SplitPart: lambda n: _call("pgwire_split_part", n.this, n.args["delimiter"], n.args["part_index"]),
        exp.Uuid: lambda n: _call("gen_random_uuid"),
        exp.Rand: lambda n: _call("pgwire_random"),
        exp.LogicalAnd: lambda n: exp.Min(this=n.this),
        exp.LogicalOr: lambda n: exp.Max(this=n.this),
        exp.Array: lambda n: _call("json_array", *n.expressions),
        exp.ArrayAgg: lambda n: _call("json_group_array", n.this),
    }


def _call(name: str, *arguments: exp.Expr) -> exp.Expr:
    from sqlglot import exp

    return exp.Anonymous(this=name, expressions=[a for a in arguments if a is not None])


def _cast(node: exp.Expr) -> exp.Expr:
    from sqlglot import exp

    inner, to = node.this, node.args["to"]
    if node.meta.get("done"):
        return node
    oid = oid_of_datatype(to)
    if oid in _INTEGER_BYTES:
        return _call("pgwire_int", inner, exp.Literal.number(_INTEGER_BYTES[oid]))
    if oid in _CAST_FUNCTIONS:
        return _call(_CAST_FUNCTIONS[oid], inner)
    sizes = [p.this for p in to.expressions if isinstance(p, exp.DataTypeParam)]
    if oid == oids.NUMERIC:
        if isinstance(inner, exp.Literal):
            inner = exp.Literal.string(inner.name)  # every digit: SQLite would read a REAL
        scale = [exp.Literal.number(sizes[1].name if len(sizes) > 1 else 0)] if sizes else []
        return _call("pgwire_numeric", inner, *scale)
    if oid in (oids.TEXT, oids.VARCHAR, oids.BPCHAR, oids.NAME):
        plain = inner.unnest()
        if _casts(plain, oids.BOOL) or isinstance(plain, (exp.Predicate, exp.Connector, exp.Not, exp.Boolean)):
            inner = _call("pgwire_bool_text", inner)
        text = exp.Cast(this=inner, to=exp.DataType.build("text"))
        text.meta["done"] = True
        return _call("substr", text, exp.Literal.number(1), sizes[0]) if sizes else text
    if oid in oids.ELEMENT_OF and not isinstance(inner, exp.Parameter):
        return _call("pgwire_array", inner)
    return inner  # type: ignore[no-any-return]


def _casts(node: exp.Expr, oid: int) -> bool:
    from sqlglot import exp

    return isinstance(node, exp.Cast) and oid_of_datatype(node.to) == oid


def _division(node: exp.Expr, function: str) -> exp.Expr:
    """SQLite's own division gives NULL for a divisor of 0; a constant other than 0 needs no check."""
    from sqlglot import exp

    if function == "pgwire_div" and any(_casts(side.unnest(), oids.NUMERIC) for side in (node.this, node.expression)):
        function = "pgwire_quotient"  # SQLite keeps a whole numeric as an integer
    divisor = node.expression.unnest()
    if (
        isinstance(divisor, exp.Literal)
        and not divisor.is_string
        and float(divisor.this) != 0
        and function == "pgwire_mod"
    ):
        return node
    return _call(function, node.this, node.expression)


def _any(node: exp.Expr) -> exp.Expr:
    """``x = any(list)`` and ``x <> all(list)`` as IN over the list's JSON."""
    from sqlglot import exp

    kind = exp.Any if isinstance(node, exp.EQ) else exp.All
    value, listed = node.this, node.expression
    if isinstance(listed, exp.Anonymous) and listed.name.lower() == "all" and len(listed.expressions) == 1:
        listed = exp.All(this=listed.expressions[0])  # sqlglot reads all(list) as a call
    if isinstance(value, kind):
        value, listed = listed, value
    if not isinstance(listed, kind):
        return node
    listed = listed.this.unnest() if isinstance(listed.this, exp.Paren) else listed.this
    if isinstance(listed, (exp.Subquery, exp.Query)):
        query = listed.unnest() if isinstance(listed, exp.Subquery) else listed
    else:
        items = exp.Table(this=_call("json_each", listed))
        query = exp.Select(expressions=[exp.column("value")]).from_(items)
    found = exp.In(this=value, query=exp.Subquery(this=query))
    return found if kind is exp.Any else exp.Not(this=found)


def _interval_arithmetic(node: exp.Expr) -> exp.Expr:
    from sqlglot import exp

    def is_interval(side: exp.Expr) -> bool:
        return isinstance(side, exp.Interval) or (
            isinstance(side, exp.Cast) and oid_of_datatype(side.to) == oids.INTERVAL
        )

    def is_moved(by: exp.Expr, type_: int) -> bool:
        return is_interval(by) or (type_ == oids.INTERVAL and not _MOMENTS.isdisjoint(types))

    left, right = node.this, node.expression
    types = node.meta.get("types", (0, 0))
    if isinstance(node, exp.Sub) and _MOMENTS.issuperset(types):
        return _call("pgwire_days" if set(types) == {oids.DATE} else "pgwire_elapsed", left, right)
    if types[0] == oids.DATE and types[1] in _INTEGER_BYTES:
        return _call(
            "pgwire_add_days", left, exp.Neg(this=exp.Paren(this=right)) if isinstance(node, exp.Sub) else right
        )
    if types[1] == oids.DATE and types[0] in _INTEGER_BYTES and isinstance(node, exp.Add):
        return _call("pgwire_add_days", right, left)
    sign = exp.Literal.number(1) if isinstance(node, exp.Add) else exp.Neg(this=exp.Literal.number(1))
    if is_moved(right, types[1]):
        return _call("pgwire_shift", left, _interval_text(right), sign)
    if is_moved(left, types[0]) and isinstance(node, exp.Add):
        return _call("pgwire_shift", right, _interval_text(left), sign)
    return node


def _like(node: exp.Expr) -> exp.Expr:
    """A pattern's backslash takes its next character as it is, where the statement names no other."""
    from sqlglot import exp

    pattern = node.expression
    if isinstance(node.parent, exp.Escape) or (isinstance(pattern, exp.Literal) and "\\" not in pattern.name):
        return node
    if isinstance(pattern, (exp.Any, exp.All)):
        return node
    return exp.Escape(this=node.copy(), expression=exp.Literal.string("\\"))


def _interval(node: exp.Expr) -> exp.Expr:
    return _interval_text(node)


def _interval_text(node: exp.Expr) -> exp.Expr:
    from sqlglot import exp

    if not isinstance(node, (exp.Interval, exp.Cast)):
        return node
    unit = node.args.get("unit")
    value = node.this
    if isinstance(node, exp.Cast) or not isinstance(unit, exp.Var) or not isinstance(value, exp.Literal):
        return value  # type: ignore[no-any-return]
    return exp.Literal.string(f"{value.this} {unit.name.lower()}")


def _now(node: exp.Expr) -> exp.Expr:
    from sqlglot import exp

    return node if node.find_ancestor(exp.Create) is not None else _call("pgwire_now")


def _table(node: exp.Expr) -> exp.Expr:
    from sqlglot import exp, parse_one

    if node.db.lower() == "public":  # type: ignore[attr-defined]
        node.set("db", None)
    series = node.this
    if not isinstance(series, exp.GenerateSeries):
        return node
    alias = node.args.get("alias")
    column = alias.columns[0].name if alias and alias.columns else alias.name if alias else "generate_series"
    query = parse_one(
        "WITH RECURSIVE _series(_n, _stop, _step) AS ("
        "SELECT a, b, c WHERE (c > 0 AND a <= b) OR (c < 0 AND a >= b) UNION ALL "
        "SELECT _n + _step, _stop, _step FROM _series "
        "WHERE (_step > 0 AND _n + _step <= _stop) OR (_step < 0 AND _n + _step >= _stop)) "
        "SELECT _n FROM _series",
        read="postgres",
    )
    bounds = {"a": series.args["start"], "b": series.args["end"], "c": series.args.get("step") or exp.Literal.number(1)}
    # Numbers, or an error: with texts, such as dates, the series would have no end.
    values = {name: _call("pgwire_numeric", bound.copy()) for name, bound in bounds.items()}
    query = query.transform(lambda n: values[n.name].copy() if isinstance(n, exp.Column) and n.name in values else n)
    query.expressions[0].replace(exp.alias_(exp.column("_n"), column))
    name = alias.name if alias else "generate_series"
    return exp.Subquery(this=query, alias=exp.TableAlias(this=exp.to_identifier(name)))


def _named_values(node: exp.Expr) -> exp.Expr:
    """``(VALUES …) AS name (columns)``: SQLite has the columns named in a SELECT only."""
    from sqlglot import exp

    alias = node.args["alias"]
    if not alias.columns:
        return node
    names = [exp.alias_(exp.column(f"column{i}"), column.name) for i, column in enumerate(alias.columns, 1)]
    values = exp.Values(expressions=node.expressions, alias=exp.TableAlias(this=exp.to_identifier("_values")))
    query = exp.Select(expressions=names).from_(values)
    return exp.Subquery(this=query, alias=exp.TableAlias(this=alias.this))


def _rewrite_create(create: exp.Expr) -> None:
    """SERIAL keys become SQLite's own, an index loses what SQLite's has not."""
    from sqlglot import exp

    for index in create.find_all(exp.Index):
        for ordered in index.find_all(exp.Ordered):
            ordered.set("nulls_first", not ordered.args.get("desc"))
        parameters = index.args.get("params")
        if parameters is not None:
            parameters.set("using", None)
    schema = create.this
    if not isinstance(schema, exp.Schema):
        return
    for column in [c for c in schema.expressions if isinstance(c, exp.ColumnDef) and c.args.get("kind")]:
        name = getattr(column.args["kind"].this, "value", "")
        generated = [c for c in column.constraints if isinstance(c.kind, exp.GeneratedAsIdentityColumnConstraint)]
        if name not in ("SERIAL", "BIGSERIAL", "SMALLSERIAL") and not generated:
            continue
        key = any(isinstance(c.kind, exp.PrimaryKeyColumnConstraint) for c in column.constraints)
        for constraint in [c for c in schema.expressions if isinstance(c, exp.PrimaryKey) and len(c.expressions) == 1]:
            if constraint.expressions[0].name.lower() == column.name.lower():
                schema.set("expressions", [e for e in schema.expressions if e is not constraint])
                key = True
        if not key:
            continue
        others = [
            c
            for c in column.constraints
            if not isinstance(c.kind, exp.PrimaryKeyColumnConstraint) and c not in generated
        ]
        column.set("kind", exp.DataType.build("int"))
        kinds = (exp.PrimaryKeyColumnConstraint(), exp.AutoIncrementColumnConstraint())
        column.set("constraints", [*(exp.ColumnConstraint(kind=kind) for kind in kinds), *others])
