"""Function calls in a translation: scalar, set-returning, aggregate and window functions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlglot import exp

from ..errors import postgres_error
from ..oids import BOOL, INT4, INT8, NAME, TEXT, TIMESTAMPTZ, UNKNOWN
from ..sql import quoted
from .casts import cast, common_type, string
from .functions import AGGREGATES, FUNCTIONS, PRINTED, SETS, SQLITE, WINDOW
from .scope import Scope, Value, unsupported
from .syntax import name_of_function
from .typenames import ARRAYS, INTEGERS, REGISTERED, is_text, type_output

__all__ = ["Calls"]


class Calls:
    """The state of one statement's translation, and its function calls.

    Attributes:
        parameters: number → OID of its type, for those that are known.
        called: names of the scalar functions called.
        series: SQLite text of the set-returning calls in the select list that is being translated, None where they
        are not allowed.
    """

    def __init__(self, declared: Sequence[int]) -> None:
        self.parameters = {i: oid for i, oid in enumerate(declared, 1) if oid}
        self.highest_parameter = len(declared)
        self.series: list[str] | None = None
        self.called: set[str] = set()
        self.series_alias = ""
        self.aliases = 0

    def value(self, node: Any, scope: Scope) -> Value:
        """The SQLite text, type and name of an expression."""
        raise NotImplementedError

    def typed(self, node: Any, scope: Scope, target: int) -> str:
        """The expression as a value of type ``target``, where its own type is still open; otherwise as it is."""
        return self.resolve(self.value(node, scope), target)

    def resolve(self, value: Value, target: int) -> str:
        """Settle a value's open type, or have it as it is printed."""
        if target == PRINTED:
            target = TEXT
            if value.type == BOOL:
                return f"CASE {value.sql} WHEN 1 THEN 't' WHEN 0 THEN 'f' END"
            if value.type in REGISTERED:
                return cast(value, TEXT)
        if value.parameter is not None:
            known = self.parameters.setdefault(value.parameter, TEXT if target in REGISTERED else target or TEXT)
            return cast(Value(value.sql, known), target) if target and is_text(known) != is_text(target) else value.sql
        return cast(value, target) if value.type == UNKNOWN and target else value.sql

    def alias(self) -> str:
        """A name that nothing else in the statement has."""
        self.aliases += 1
        return f"pg_alias_{self.aliases}"

    # functions

    def _call(self, name: str, node: exp.Expr, scope: Scope) -> Value:
        nodes = list(node.expressions)
        if name in SETS:
            return self._set(name, nodes, scope)
        if name in AGGREGATES:
            return self._aggregate(name, nodes, scope)
        return self._scalar(name, [self.value(argument, scope) for argument in nodes])

    def _scalar(self, name: str, values: list[Value]) -> Value:
        if name in SQLITE:
            function, result = SQLITE[name]
            kind = common_type(values) if result < 0 else TEXT
            texts = ", ".join(
                self.resolve(value, kind if result < 0 or i == 0 else value.type) for i, value in enumerate(values)
            )
            text = values and function == "coalesce" and len(values) == 1 and texts
            return Value(text or f"{function}({texts})", kind if result < 0 else result, name, 2)
        function_ = FUNCTIONS.get(name)
        if function_ is None:
            types = ", ".join(type_output(value.type) for value in values)
            raise postgres_error("42883", f"function {name}({types}) does not exist")
        self.called.add(name)
        wanted = function_.arguments
        texts = ", ".join(
            self.resolve(value, wanted[min(i, len(wanted) - 1)] if wanted else TEXT) for i, value in enumerate(values)
        )
        result = function_.result_type(values[0].type if values else TEXT)
        return Value(f"pg_fn_{name}({texts})", TEXT if result == UNKNOWN else result, name, 2)

    def set_call(self, name: str, nodes: Sequence[exp.Expr], scope: Scope) -> tuple[str, int]:
        """SQLite text of a set-returning function's JSON array, and the type of its elements."""
        function = SETS[name]
        values = [self.value(node, scope) for node in nodes]
        wanted = function.arguments
        texts = [self.resolve(v, wanted[min(i, len(wanted) - 1)] if wanted else v.type) for i, v in enumerate(values)]
        return f"pg_fn_{name}({', '.join(texts)})", function.result_type(values[0].type if values else TEXT)

    def _set(self, name: str, nodes: Sequence[exp.Expr], scope: Scope) -> Value:
        if self.series is None:
            raise postgres_error("0A000", f"set-returning function {name} is not allowed here")
        text, kind = self.set_call(name, nodes, scope)
        self.series.append(text)
        sql = f"json_extract({quoted(self.series_alias)}.value, '$[{len(self.series) - 1}]')"
        return Value(f"CAST({sql} AS INTEGER)" if kind in INTEGERS else sql, kind, name, 2)

    def _aggregate(self, name: str, nodes: list[Any], scope: Scope) -> Value:
        function, result = AGGREGATES[name]
        order: list[Any] = []
        if nodes and isinstance(nodes[-1], exp.Order):
            order, nodes[-1] = nodes[-1].expressions, nodes[-1].this
        distinct = len(nodes) == 1 and isinstance(nodes[0], exp.Distinct)
        if distinct:
            nodes = nodes[0].expressions
        if name == "count" and (not nodes or isinstance(nodes[0], exp.Star)):
            return Value("count(*)", INT8, name, 2)
        values = [self.value(node, scope) for node in nodes]
        texts = [self.resolve(value, TEXT if value.type == UNKNOWN else value.type) for value in values]
        kind = values[0].type if values and values[0].type != UNKNOWN else TEXT
        if not function.startswith("pg_"):
            text = f"{function}({'DISTINCT ' if distinct else ''}{', '.join(texts)})"
            kind = TEXT if kind == NAME else kind  # min and max of name are those of text
            return Value(text, kind if result < 0 else result, name, 2)
        letters = "".join(("d" if o.args.get("desc") else "a") for o in order)
        letters = "".join(c.upper() if o.args.get("nulls_first") else c for c, o in zip(letters, order, strict=True))
        keys = [self.value(o.this, scope).sql for o in order]
        text = f"{function}({', '.join([string(letters), str(int(distinct)), *texts, *keys])})"
        return Value(text, (ARRAYS.get(kind) or 1009) if name == "array_agg" else result, name, 2)

    def _window(self, node: exp.Window, scope: Scope) -> Value:
        inner = node.this
        name = name_of_function(inner.args["expression"] if isinstance(inner, exp.Dot) else inner)
        if name not in WINDOW or node.args.get("spec") is not None:
            raise unsupported("window function")
        partition = ", ".join(self.value(part, scope).sql for part in node.args.get("partition_by") or ())
        order = node.args.get("order")
        keys = (
            ", ".join(
                f"{self.value(o.this, scope).sql}{' DESC' if o.args.get('desc') else ''}" for o in order.expressions
            )
            if order
            else ""
        )
        parts = [f"PARTITION BY {partition}" if partition else "", f"ORDER BY {keys}" if keys else ""]
        return Value(f"{name}() OVER ({' '.join(part for part in parts if part)})", WINDOW[name], name, 2)

    def _substring(self, node: exp.Substring, scope: Scope) -> Value:
        parts = [self.typed(node.this, scope, TEXT)]
        parts += [
            self.typed(node.args[key], scope, INT4) for key in ("start", "length") if node.args.get(key) is not None
        ]
        return Value(f"substr({', '.join(parts)})", TEXT, "substring", 2)

    def _trim(self, node: exp.Trim, scope: Scope) -> Value:
        where = str(node.args.get("position") or "BOTH").upper()
        function, name = {"LEADING": ("ltrim", "ltrim"), "TRAILING": ("rtrim", "rtrim")}.get(where, ("trim", "btrim"))
        parts = [self.typed(part, scope, TEXT) for part in (node.this, node.args.get("expression")) if part is not None]
        return Value(f"{function}({', '.join(parts)})", TEXT, name, 2)

    def _position(self, node: exp.StrPosition, scope: Scope) -> Value:
        text = f"instr({self.typed(node.this, scope, TEXT)}, {self.typed(node.args['substr'], scope, TEXT)})"
        return Value(text, INT4, "position", 2)

    def _now(self, _: exp.Expr, __: Scope) -> Value:
        return Value("pg_fn_now()", TIMESTAMPTZ, "current_timestamp", 2)
