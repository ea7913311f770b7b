"""Expressions: a sqlglot tree to SQLite text and a PostgreSQL type, in one walk.

Only what is listed here is translated; anything else is 0A000. Queries inside expressions are left to the subclass in
``queries``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlglot import exp

from ..errors import postgres_error
from ..oids import BOOL, FLOAT8, INT2, INT4, INT8, JSON, JSONB, NUMERIC, TEXT, UNKNOWN
from ..sql import quoted
from .calls import Calls
from .casts import cast, common_type, string
from .scope import EXPANDED, Output, Scope, Value, folded, unsupported
from .syntax import name_of_function
from .typenames import ARRAYS, ELEMENTS, INTEGERS, NAMES, REGISTERED, VECTORS, type_named, type_oid_of_name, type_output

__all__ = ["Expressions"]

_COMPARISONS = {exp.EQ: "=", exp.NEQ: "<>", exp.LT: "<", exp.LTE: "<=", exp.GT: ">", exp.GTE: ">=",
                exp.NullSafeEQ: "IS", exp.NullSafeNEQ: "IS NOT"}  # fmt: skip
_ARITHMETIC = {exp.Add: "+", exp.Sub: "-", exp.Mul: "*", exp.Div: "/", exp.IntDiv: "/", exp.Mod: "%",
               exp.BitwiseAnd: "&", exp.BitwiseOr: "|"}  # fmt: skip
_REGEX_OPERATORS = {"~": (0, 0), "~*": (1, 0), "!~": (0, 1), "!~*": (1, 1)}
_NUMBER_RANK = {INT2: 1, INT4: 2, INT8: 3, NUMERIC: 4, 700: 5, FLOAT8: 6}
_BARE_FUNCTIONS = frozenset(
    {"user", "current_schema", "current_catalog", "current_user", "session_user", "current_role"}
)


class Expressions(Calls):
    """The expression half of a translation; queries inside expressions are left to the subclass."""

    def __init__(self, declared: Sequence[int]) -> None:
        super().__init__(declared)
        self._handlers: dict[type, Callable[[Any, Scope], Value]] = {
            exp.Literal: self._literal,
            exp.ByteString: self._text_literal,
            exp.RawString: self._text_literal,
            exp.UnicodeString: self._text_literal,
            exp.National: self._text_literal,
            exp.Null: self._null,
            exp.Boolean: self._boolean,
            exp.Parameter: self._parameter,
            exp.Placeholder: self._parameter,
            exp.Column: self._column,
            exp.Identifier: self._identifier,
            exp.Paren: self._paren,
            exp.Cast: self._cast,
            exp.And: self._connector,
            exp.Or: self._connector,
            exp.Not: self._not,
            exp.Neg: self._neg,
            exp.Is: self._is,
            exp.In: self._in,
            exp.Between: self._between,
            exp.Case: self._case,
            exp.Exists: self._exists,
            exp.Subquery: self._subquery,
            exp.Array: self._array,
            exp.Bracket: self._bracket,
            exp.Dot: self._dot,
            exp.Operator: self._operator,
            exp.RegexpLike: self._regex,
            exp.RegexpILike: self._regex,
            exp.Like: self._like,
            exp.ILike: self._like,
            exp.Escape: self._escape,
            exp.DPipe: self._concat,
            exp.Collate: self._collate,
            exp.Substring: self._substring,
            exp.Trim: self._trim,
            exp.StrPosition: self._position,
            exp.Window: self._window,
            exp.Alias: self._alias,
            exp.CurrentTimestamp: self._now,
            exp.ArrayOverlaps: self._overlap,
            exp.Select: self._bare_select,
            exp.JSONExtractScalar: self._json_text,
            exp.Any: self._misplaced,
        }
        self._handlers |= dict.fromkeys(_COMPARISONS, self._comparison)
        self._handlers |= dict.fromkeys(_ARITHMETIC, self._arithmetic)

    def value(self, node: Any, scope: Scope) -> Value:
        """The SQLite text, type and name of an expression."""
        handler = self._handlers.get(type(node))
        if handler is not None:
            value = handler(node, scope)
            negated = node.args.get("negate") and not isinstance(node, exp.Is)
            return Value(f"(NOT {value.sql})", BOOL) if negated else value
        name = name_of_function(node)
        if name is None:
            raise unsupported(node)
        return self.call(name, node, scope)

    def call(self, name: str, node: exp.Expr, scope: Scope) -> Value:
        """A function call, or ARRAY(SELECT …), which has the form of one."""
        return self._array(node, scope) if name == "array" else self._call(name, node, scope)

    def query(self, node: Any, scope: Scope) -> tuple[str, list[Output]]:
        """SQLite text and columns of a query inside an expression."""
        raise NotImplementedError

    # constants, parameters, names

    def _literal(self, node: exp.Literal, _: Scope) -> Value:
        if node.is_string:
            return self._text_literal(node, _)
        text = str(node.this)
        if text.isdigit():
            number = int(text)
            return Value(text, INT4 if number < 2**31 else INT8 if number < 2**63 else NUMERIC)
        try:
            return Value(repr(float(text)), NUMERIC)
        except ValueError:
            raise unsupported(f"number {text[:50]}") from None

    def _text_literal(self, node: exp.Expr, _: Scope) -> Value:
        text = str(node.this)
        return Value(string(text), UNKNOWN, literal=text)

    def _null(self, _: exp.Expr, __: Scope) -> Value:
        return Value("NULL", UNKNOWN)

    def _boolean(self, node: exp.Boolean, _: Scope) -> Value:
        return Value("1" if node.this else "0", BOOL, "bool", 1)

    def _parameter(self, node: exp.Expr, _: Scope) -> Value:
        name = node.this.name if isinstance(node.this, exp.Expr) else str(node.this)
        if not name.isdigit() or not 0 < int(name) <= 65_535:
            raise postgres_error("42P02", f"there is no parameter ${name[:20]}")
        number = int(name)
        self.highest_parameter = max(self.highest_parameter, number)
        known = self.parameters.get(number)
        if known is not None and known in REGISTERED:  # an OID or a name
            return Value(f"pg_reg_in({string(REGISTERED[known])}, :p{number})", known)
        return Value(f":p{number}", known or UNKNOWN, parameter=None if known else number)

    def _column(self, node: exp.Column, scope: Scope) -> Value:
        name, alias, schema = (
            folded(node.this),
            node.table and folded(node.args["table"]),
            node.db and folded(node.args["db"]),
        )
        found = scope.column(name, alias, schema)
        if found is not None:
            return found
        if name in _BARE_FUNCTIONS and not node.this.quoted:
            return self._scalar(name, [])
        raise postgres_error("42703", f'column "{name}" does not exist')

    def _identifier(self, node: exp.Identifier, scope: Scope) -> Value:
        return self._column(exp.column(node.copy()), scope)

    def _alias(self, node: exp.Alias, scope: Scope) -> Value:
        value = self.value(node.this, scope)
        return Value(value.sql, value.type, folded(node.args["alias"]), 2, value.literal, value.parameter)

    def _paren(self, node: exp.Paren, scope: Scope) -> Value:
        value = self.value(node.this, scope)
        return Value(f"({value.sql})", value.type, value.name, value.strength, value.literal, value.parameter)

    def _misplaced(self, node: exp.Expr, _: Scope) -> Value:
        raise postgres_error("42601", "op ANY/ALL (array) requires an operator on its left")

    # casts

    def _cast(self, node: exp.Cast, scope: Scope) -> Value:
        target, word, length = self.type_of(node.args["to"])
        value = self.value(node.this, scope)
        name, strength = (value.name, value.strength) if value.strength == 2 else (word, 1)
        if value.parameter is not None:
            self.parameters.setdefault(value.parameter, TEXT if target in REGISTERED else target)
            value = Value(value.sql, self.parameters[value.parameter])
        return Value(cast(value, target, length), target, name, strength)

    def type_of(self, node: exp.Expr) -> tuple[int, str, int]:
        """OID of a type that was written, the name that a column cast to it gets, and its length (-1: none); raises
        42704."""
        kind = node.args.get("kind")
        length = -1
        if isinstance(kind, exp.Dot):
            word, oid = kind.expression.name, type_oid_of_name(f'pg_catalog."{kind.expression.name}"')
        elif isinstance(kind, exp.Identifier):
            oid = type_oid_of_name(f'"{kind.name}"') if kind.quoted else type_named(kind.name)
            word = kind.name
        elif isinstance(node, exp.DataType) and node.this == exp.DType.ARRAY:
            element, word, _ = self.type_of(node.expressions[0])
            return ARRAYS.get(element) or TEXT, word, -1
        else:
            word = str(
                node.this.value if isinstance(node, exp.DataType) and isinstance(node.this, exp.DType) else node.this
            ).lower()
            oid = type_named(word)
            if word == "char" or (node.expressions and oid == 1043):
                length = int(node.expressions[0].name) if node.expressions else 1
        if oid is None:
            raise postgres_error("42704", f'type "{word}" does not exist')
        return oid, type_output(oid) if not kind and " " not in type_output(oid) else _internal_name(word), length

    # operators

    def _connector(self, node: exp.Binary, scope: Scope) -> Value:
        word = "AND" if isinstance(node, exp.And) else "OR"
        parts: list[str] = []
        pending: list[exp.Expr] = [node]
        while pending:
            part = pending.pop()
            if type(part) is type(node):
                pending += [part.args["expression"], part.this]
            else:
                parts.append(self.typed(part, scope, BOOL))
        return Value("(" + f" {word} ".join(parts) + ")", BOOL)

    def _not(self, node: exp.Not, scope: Scope) -> Value:
        return Value(f"(NOT {self.typed(node.this, scope, BOOL)})", BOOL)

    def _neg(self, node: exp.Neg, scope: Scope) -> Value:
        value = self.value(node.this, scope)
        return Value(f"(- {value.sql})", value.type)

    def _is(self, node: exp.Is, scope: Scope) -> Value:
        what = node.args["expression"]
        test = "NOT NULL" if node.args.get("negate") else "NULL"
        if isinstance(what, exp.Boolean):
            test = ("NOT " if node.args.get("negate") else "") + ("TRUE" if what.this else "FALSE")
        elif not isinstance(what, exp.Null):
            raise unsupported(what)
        return Value(f"({self.typed(node.this, scope, BOOL if 'E' in test else TEXT)} IS {test})", BOOL)

    def _comparison(self, node: exp.Binary, scope: Scope) -> Value:
        operator = _COMPARISONS[type(node)]
        quantified = self._quantified(node.args["expression"])
        if quantified is not None:
            return self._any(operator, node.this, *quantified, scope)
        left, right = self._pair(node.this, node.args["expression"], scope)
        return Value(f"({left} {operator} {right})", BOOL)

    def _pair(self, one: exp.Expr, other: exp.Expr, scope: Scope) -> tuple[str, str]:
        if (
            isinstance(one, exp.Tuple)
            and isinstance(other, exp.Tuple)
            and len(one.expressions) == len(other.expressions)
        ):
            pairs = [self._pair(a, b, scope) for a, b in zip(one.expressions, other.expressions, strict=True)]
            return f"({', '.join(p[0] for p in pairs)})", f"({', '.join(p[1] for p in pairs)})"
        left, right = self.value(one, scope), self.value(other, scope)
        kind = common_type([left, right])
        return self.resolve(left, kind), self.resolve(right, kind)

    def _quantified(self, node: exp.Expr) -> tuple[exp.Expr, bool] | None:
        if isinstance(node, exp.Any):
            return node.this, False
        if name_of_function(node) in ("any", "some", "all") and node.expressions:
            return node.expressions[0], name_of_function(node) == "all"
        return (node.this, True) if isinstance(node, exp.All) else None

    def _any(self, operator: str, left: exp.Expr, right: exp.Expr, all_: bool, scope: Scope) -> Value:
        while isinstance(right, exp.Paren):
            right = right.this
        subject = self.value(left, scope)
        if isinstance(right, (exp.Select, exp.Subquery, exp.SetOperation)):
            text, _ = self.query(right, scope)
            if (operator, all_) not in (("=", False), ("<>", True)):
                raise unsupported(f"{operator} {'ALL' if all_ else 'ANY'} (subquery)")
            return Value(f"({subject.sql} {'NOT ' if all_ else ''}IN ({text}))", BOOL)
        if isinstance(right, exp.Array) and right.expressions and operator == "=" and not all_:
            return self._membership(subject, right.expressions, scope)
        array = self.value(right, scope)
        element = ELEMENTS.get(array.type)
        if array.parameter is not None:
            self.resolve(array, ARRAYS.get(subject.type) or 1009)
        return Value(f"pg_any('{operator}', {int(all_)}, {self.resolve(subject, element or TEXT)}, {array.sql})", BOOL)

    def _membership(self, subject: Value, nodes: Sequence[exp.Expr], scope: Scope) -> Value:
        items = [self.value(item, scope) for item in nodes]
        kind = common_type([subject, *items])
        return Value(f"({self.resolve(subject, kind)} IN ({', '.join(self.resolve(i, kind) for i in items)}))", BOOL)

    def _in(self, node: exp.In, scope: Scope) -> Value:
        query = node.args.get("query")
        if query is None:
            return self._membership(self.value(node.this, scope), node.expressions, scope)
        text, columns = self.query(query, scope)
        if isinstance(node.this, exp.Tuple):
            return Value(f"(({', '.join(self.value(i, scope).sql for i in node.this.expressions)}) IN ({text}))", BOOL)
        return Value(f"({self.typed(node.this, scope, columns[0].type)} IN ({text}))", BOOL)

    def _between(self, node: exp.Between, scope: Scope) -> Value:
        values = [self.value(part, scope) for part in (node.this, node.args["low"], node.args["high"])]
        kind = common_type(values)
        subject, low, high = (self.resolve(value, kind) for value in values)
        return Value(f"({subject} BETWEEN {low} AND {high})", BOOL)

    def _arithmetic(self, node: exp.Binary, scope: Scope) -> Value:
        left, right = self.value(node.this, scope), self.value(node.args["expression"], scope)
        kinds = [v.type for v in (left, right) if v.type in _NUMBER_RANK]
        kind = max(kinds, key=_NUMBER_RANK.__getitem__) if kinds else INT4
        return Value(f"({self.resolve(left, kind)} {_ARITHMETIC[type(node)]} {self.resolve(right, kind)})", kind)

    def _concat(self, node: exp.DPipe, scope: Scope) -> Value:
        left, right = self.value(node.this, scope), self.value(node.args["expression"], scope)
        array = next((v.type for v in (left, right) if v.type in ELEMENTS and v.type not in VECTORS), 0)
        if array:
            return Value(f"pg_fn_array_cat({self.resolve(left, array)}, {self.resolve(right, array)})", array)
        texts = [cast(v, TEXT) if v.parameter is None else self.resolve(v, TEXT) for v in (left, right)]
        return Value(f"({texts[0]} || {texts[1]})", TEXT)

    def _operator(self, node: exp.Operator, scope: Scope) -> Value:
        word = str(node.args["operator"]).rpartition(".")[2]
        classes = {text: kind for kind, text in _COMPARISONS.items() if not text.startswith("IS")} | {"!=": exp.NEQ}
        left, right = node.this, node.args["expression"]
        if word in _REGEX_OPERATORS:
            return self._matches(left, right, *_REGEX_OPERATORS[word], scope)
        if word in classes:
            return self._comparison(classes[word](this=left, expression=right), scope)
        if word in ("~~", "!~~"):
            value = self._like(exp.Like(this=left, expression=right), scope)
            return value if word == "~~" else Value(f"(NOT {value.sql})", BOOL)
        raise unsupported(f"operator {word}")

    def _regex(self, node: exp.Binary, scope: Scope) -> Value:
        return self._matches(node.this, node.args["expression"], int(isinstance(node, exp.RegexpILike)), 0, scope)

    def _matches(self, left: exp.Expr, right: exp.Expr, ignore_case: int, negated: int, scope: Scope) -> Value:
        quantified = self._quantified(right)
        if quantified is not None:
            return self._any("~", left, *quantified, scope)
        call = f"pg_regex({self.typed(left, scope, TEXT)}, {self.typed(right, scope, TEXT)}, {ignore_case})"
        return Value(f"(NOT {call})" if negated else call, BOOL)

    def _like(self, node: exp.Binary, scope: Scope, escape: str = "'\\'") -> Value:
        quantified = self._quantified(node.args["expression"])
        if quantified is not None:
            return self._any("LIKE", node.this, *quantified, scope)
        left, right = self.typed(node.this, scope, TEXT), self.typed(node.args["expression"], scope, TEXT)
        return Value(f"pg_like({left}, {right}, {escape}, {int(isinstance(node, exp.ILike))})", BOOL)

    def _escape(self, node: exp.Escape, scope: Scope) -> Value:
        like = node.this
        negated = like.args.get("negate")
        if not isinstance(like, (exp.Like, exp.ILike)):
            raise unsupported(node)
        value = self._like(like, scope, self.typed(node.args["expression"], scope, TEXT))
        return Value(f"(NOT {value.sql})", BOOL) if negated else value

    def _collate(self, node: exp.Collate, scope: Scope) -> Value:
        return self.value(node.this, scope)

    def _overlap(self, node: exp.Binary, scope: Scope) -> Value:
        left, right = self._pair(node.this, node.args["expression"], scope)
        return Value(f"pg_overlap({left}, {right})", BOOL)

    def _json_text(self, node: exp.Expr, scope: Scope) -> Value:
        value = self.value(node.this, scope)
        if value.type not in (JSON, JSONB, UNKNOWN):
            raise unsupported(node)
        raise unsupported("JSON operators")

    # conditional expressions, subqueries, arrays

    def _case(self, node: exp.Case, scope: Scope) -> Value:
        subject = self.value(node.this, scope) if node.this is not None else None
        branches = [(self.value(part.this, scope), self.value(part.args["true"], scope)) for part in node.args["ifs"]]
        default = self.value(node.args["default"], scope) if node.args.get("default") is not None else None
        test_kind = BOOL if subject is None else common_type([subject, *(test for test, _ in branches)])
        results = [result for _, result in branches] + ([default] if default else [])
        kind = common_type(results)
        text = " ".join(
            f"WHEN {self.resolve(test, test_kind)} THEN {self.resolve(result, kind)}" for test, result in branches
        )
        head = "CASE" if subject is None else f"CASE {self.resolve(subject, test_kind)}"
        tail = f" ELSE {self.resolve(default, kind)}" if default else ""
        name, strength = (default.name, 2) if default and default.strength == 2 else ("case", 1)
        return Value(f"{head} {text}{tail} END", kind, name, strength)

    def _exists(self, node: exp.Exists, scope: Scope) -> Value:
        return Value(f"EXISTS ({self.query(node.this, scope)[0]})", BOOL, "exists", 2)

    def _subquery(self, node: exp.Subquery, scope: Scope) -> Value:
        text, columns = self.query(node, scope)
        if len(columns) != 1:
            raise postgres_error("42601", "subquery must return only one column")
        return Value(f"({text})", columns[0].type, columns[0].name, 2)

    def _bare_select(self, node: exp.Select, scope: Scope) -> Value:
        return self._subquery(node, scope)  # type: ignore[arg-type]

    def _array(self, node: exp.Expr, scope: Scope) -> Value:
        if len(node.expressions) == 1 and isinstance(node.expressions[0], (exp.Select, exp.SetOperation)):
            text, columns = self.query(node.expressions[0], scope)
            alias = self.alias()
            items = f"(SELECT {quoted(columns[0].name)} AS item FROM ({text})) AS {alias}"
            inner = f"SELECT pg_array_agg('', 0, {alias}.item) FROM {items}"
            return Value(f"coalesce(({inner}), '{{}}')", ARRAYS.get(columns[0].type) or 1009, "array", 2)
        values = [self.value(item, scope) for item in node.expressions]
        kind = common_type(values)
        texts = ", ".join(self.resolve(value, kind) for value in values)
        return Value(f"pg_array({texts})", kind if kind in ELEMENTS else ARRAYS.get(kind) or 1009, "array", 2)

    def _bracket(self, node: exp.Bracket, scope: Scope) -> Value:
        array = self.value(node.this, scope)
        if len(node.expressions) != 1 or isinstance(node.expressions[0], exp.Slice) or array.type not in ELEMENTS:
            raise unsupported("array slice or subscript")
        element = ELEMENTS[array.type]
        base = 0 if array.type in VECTORS else 1
        text = f"pg_subscript({array.sql}, {self.typed(node.expressions[0], scope, INT4)}, {base})"
        return Value(f"CAST({text} AS INTEGER)" if element in INTEGERS else text, element, array.name, array.strength)

    def _dot(self, node: exp.Dot, scope: Scope) -> Value:
        right = node.args["expression"]
        name = name_of_function(right)
        if name is not None and isinstance(node.this, exp.Identifier):
            if folded(node.this) not in ("pg_catalog", "information_schema"):
                raise postgres_error("42883", f"function {folded(node.this)}.{name} does not exist")
            return self.call(name, right, scope)
        record = self.value(node.this, scope)
        if record.type != EXPANDED or right.name not in ("x", "n"):
            raise unsupported("field of a composite value")
        return Value(
            f"json_extract({record.sql}, '$.{right.name}')", INT4 if right.name == "n" else INT2, right.name, 2
        )


def _internal_name(word: str) -> str:
    oid = type_named(word)
    return NAMES.get(oid, word) if oid is not None else word
