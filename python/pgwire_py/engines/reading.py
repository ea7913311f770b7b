"""What a statement's tree tells of it where the engine does not: types of parameters, PostgreSQL's names of columns."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from .. import oids
from .._impl import split_statements, tokenize
from ..sql import Statement
from .base import Relation, declared_types, parameter_count
from .parsing import parse

if TYPE_CHECKING:
    from .inference import OutputColumn

__all__ = ["Reader", "Reading", "with_own_names", "without_public"]


_KEPT = 512


class Reading(NamedTuple):
    """What was read.

    Attributes:
        parameter_types: an OID for each ``$n``; text where nothing tells.
        output: the columns of the result, None where they could not be read.
    """

    parameter_types: tuple[int, ...]
    output: list[OutputColumn] | None

    def names(self, found: Sequence[str]) -> list[str]:
        """PostgreSQL's names for columns that the engine calls ``found``."""
        if self.output is None or len(self.output) != len(found):
            return list(found)
        return [
            name if name.lower() == column.name.lower() else column.name
            for name, column in zip(found, self.output, strict=True)
        ]


class Reader:
    """Reads a session's statements, and remembers what it read as long as the relations stay what they are."""

    def __init__(self) -> None:
        self._relations: tuple[Relation, ...] = ()
        self._known: OrderedDict[tuple[str, tuple[int, ...]], Reading] = OrderedDict()

    def read(self, statement: Statement, declared: Sequence[int], relations: Sequence[Relation]) -> Reading:
        """Read a statement as PostgreSQL's, over these relations."""
        if self._relations != tuple(relations):
            self._relations = tuple(relations)
            self._known.clear()
        key = (statement.text, tuple(declared))
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = _read(statement, declared, relations)
            if len(self._known) > _KEPT:
                self._known.popitem(last=False)
        return known


def _read(statement: Statement, declared: Sequence[int], relations: Sequence[Relation]) -> Reading:
    count = parameter_count(statement)
    types = declared_types(declared, count)
    tree = parse(statement)
    if tree is None:
        return Reading(tuple(oid or oids.TEXT for oid in types), None)
    from .inference import Inferrer

    tables: dict[str, dict[str, int]] = {}
    for relation in relations:
        tables.setdefault(relation.name.lower(), {column.name.lower(): column.type for column in relation.columns})
    inferrer = Inferrer(tree, tables.get, types)
    return Reading(inferrer.parameter_types(), inferrer.output())


def with_own_names(statement: Statement, *, throughout: bool = False) -> Statement | None:
    """A query whose columns each have a name of their own, for engines that need it; None for what cannot be read.

    A column that is no alias, or the second of its alias, is called ``pgwire_1`` and so on by its place; ``throughout`` puts plain
    columns under their own names in quotes.
    """
    from sqlglot import exp

    tree = parse(statement)
    if not isinstance(tree, exp.Select):
        return None
    taken: set[str] = set()
    items: list[exp.Expr] = []
    for place, item in enumerate(tree.expressions, 1):
        inner = item.this if isinstance(item, exp.Alias) else item
        if isinstance(inner, exp.Star) or (isinstance(inner, exp.Column) and isinstance(inner.this, exp.Star)):
            items.append(item)
            continue
        name = item.alias if isinstance(item, exp.Alias) else inner.name if isinstance(inner, exp.Column) else ""
        if name and name not in taken:
            taken.add(name)
            items.append(exp.alias_(inner, name, quoted=True) if throughout else item)
        else:
            items.append(exp.alias_(inner, f"pgwire_{place}"))
    tree.set("expressions", items)
    return split_statements(tree.sql("postgres", comments=False))[0]


def without_public(statement: Statement) -> Statement:
    """The statement with ``public.name`` as ``name``, for engines without schemas."""
    if "public" not in statement.words:
        return statement
    tokens = tokenize(statement.text)
    pieces: list[str] = []
    position = 0
    for i, token in enumerate(tokens[:-2]):
        if (
            token.kind in ("word", "quoted")
            and token.value == "public"
            and tokens[i + 1].value == "."
            and tokens[i + 2].kind in ("word", "quoted")
            and not (i and tokens[i - 1].value == ".")
        ):
            pieces.append(statement.text[position : token.start])
            position = tokens[i + 2].start
    if not pieces:
        return statement
    return split_statements("".join(pieces) + statement.text[position:])[0]
