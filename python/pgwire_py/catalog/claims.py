"""Which statements are the catalogue's: found from the words first, from the tree only where these allow it."""

from __future__ import annotations

from typing import Final

from sqlglot import exp

from ..errors import PostgresError
from .functions import AGGREGATES, FUNCTIONS, SETS, SQLITE, WINDOW
from .queries import translate
from .schema import find_relation, in_catalog_schema
from .scope import folded
from .syntax import name_of_function, parse
from .typenames import OIDS, REGISTERED

__all__ = ["claims"]

_CLAIMING: Final = {name for table in (FUNCTIONS, SETS) for name, function in table.items() if function.claims}
_KNOWN: Final = (
    FUNCTIONS.keys() | SETS.keys() | SQLITE.keys() | AGGREGATES.keys() | WINDOW.keys() | {"any", "some", "all"}
)
_REGISTERED: Final = frozenset(REGISTERED.values())
_CALLS: Final = frozenset(_CLAIMING)


def claims(text: str) -> bool:
    """Whether this statement, which mentions words of the catalogue, reads nothing else."""
    try:
        return _claims(parse(text))
    except (PostgresError, AttributeError, TypeError):  # no SQL, or a tree of a form that no valid statement has
        return False


def _claims(tree: exp.Expr) -> bool:
    if not isinstance(tree, (exp.Select, exp.SetOperation, exp.Values, exp.Subquery)):
        return False
    ctes = {folded(cte.args["alias"].this) for cte in tree.find_all(exp.CTE)}
    relations = calls = 0
    for node in tree.walk():
        if isinstance(node, exp.Table) and name_of_function(node.this) is None:
            if not isinstance(node.this, exp.Identifier):
                return False
            schema = folded(node.args["db"]) if node.args.get("db") is not None else ""
            name = folded(node.this)
            if not schema and name in ctes:
                continue
            if not in_catalog_schema(schema) and (schema or find_relation("", name) is None):
                return False
            relations += 1
        elif isinstance(node, exp.Cast):
            calls += _is_registered(node)
        elif isinstance(node, (exp.Insert, exp.Update, exp.Delete, exp.Into)):
            return False
    if relations:
        return True
    for node in tree.walk():
        called = name_of_function(node)
        if called is None and isinstance(node, exp.Column) and not node.table and not node.this.args.get("quoted"):
            called = folded(node.this) if folded(node.this) == "user" else None
        if called is None:
            continue
        if called not in _KNOWN:
            return False
        calls += called in _CALLS
    return calls > 0 and _is_supported(tree)


def _is_supported(tree: exp.Expr) -> bool:
    try:
        translate(tree, ())
    except PostgresError as error:
        return error.sqlstate != "0A000"
    return True


def _is_registered(node: exp.Cast) -> bool:
    kind = node.args["to"].args.get("kind")
    word = kind.expression.name if isinstance(kind, exp.Dot) else kind.name if isinstance(kind, exp.Identifier) else ""
    return word.lower() in _REGISTERED and word.lower() in OIDS
