"""What was learnt of a query text, kept so that a repeated text costs one dictionary look-up."""

from __future__ import annotations

from itertools import islice
from typing import Any, Final

from .._impl import split_statements
from ..catalog import Catalog
from ..errors import PostgresError, SQLSyntaxError
from ..sql import Statement, quoted
from . import commands
from .coding import Coding
from .copy_statement import CopyStatement, parse_copy
from .object_lists import split_objects
from .session_commands import Prepare
from .tags import changes_schema

__all__ = ["Plan", "PlanCache"]

MAX_PLANS: Final = 1_000
"""Query texts remembered by a server."""

MAX_STATEMENTS: Final = 16
"""Most statements in a query text that is remembered."""

MAX_TEXT: Final = 8 * 1024
"""Longest query text remembered, in characters."""

_READS: Final = frozenset({"SELECT", "VALUES", "TABLE", "SHOW", "EXPLAIN", "DESCRIBE", "WITH", "FROM"})
_CHANGES: Final = ("insert", "update", "delete", "merge")
_ALLOWED: Final = frozenset({"ANALYZE", "CHECKPOINT", "VACUUM"})


class Plan:
    """One statement and who answers it.

    Attributes:
        statement: its text and tokens.
        text: its text.
        command: the session layer's command in it, or None.
        catalogue: whether the catalogue answers it.
        copy: the COPY from or to the client in it, or None.
        parts: the plans that stand for it where it is about several objects, and run in its place.
        source: the plan of the query whose rows a COPY TO STDOUT sends, or None.
        writes: whether it may change data.
        changes_schema: whether it may change what descriptions of other statements say.
        allowed_read_only: whether a read-only transaction may run it although it writes: it changes nothing that is read.
        selects: whether its command tag is always ``SELECT n``.
        reads: whether it is neither a command nor a change of data or schema.
        short: whether it reads, its tag is ``SELECT n`` and the catalogue does not answer it.
        shapes: the Shape its result had last time, by format codes.
        parameters: the highest ``$n`` in it; 0 for PREPARE, whose body has parameters of its own.
        coding: the coding of the shapes: that of the sessions that ask for the plan.
    """

    __slots__ = (
        "allowed_read_only",
        "catalogue",
        "changes_schema",
        "coding",
        "command",
        "copy",
        "parameters",
        "parts",
        "reads",
        "selects",
        "shapes",
        "short",
        "source",
        "statement",
        "text",
        "writes",
    )

    def __init__(
        self, statement: Statement, catalog: Catalog, coding: Coding | None = None, for_handler: bool = False
    ) -> None:
        self.coding = coding
        self.statement = statement
        self.text = statement.text
        self.command = commands.parse(statement)
        self.copy = _copy(statement, for_handler)
        self.source = None if self.copy is None else _source(self.copy, catalog)
        self.parts = () if for_handler else tuple(Plan(part, catalog) for part in _parts(statement))
        self.catalogue = self.command is None and self.copy is None and catalog.claims(statement)
        verb = statement.keywords[0] if statement.keywords else ""
        self.writes = verb not in _READS or (verb == "WITH" and not statement.words.isdisjoint(_CHANGES))
        if verb == "SELECT" and "into" in statement.words and self.command is None:
            self.writes = True
        elif verb == "EXPLAIN" and not statement.words.isdisjoint(("analyze", "analyse")):
            self.writes = not statement.words.isdisjoint(_CHANGES)
        if self.copy is not None:
            self.writes = self.copy.direction == "FROM" or (self.source is not None and self.source.writes)
        self.allowed_read_only = verb in _ALLOWED
        self.changes_schema = changes_schema(statement)
        self.selects = (verb in ("SELECT", "VALUES", "TABLE") and "into" not in statement.words) or (
            verb == "WITH" and not self.writes
        )
        self.reads = self.command is None and not self.writes and not self.changes_schema
        self.shapes: dict[tuple[int, ...], Any] = {}
        self.parameters = 0
        if statement.parameters and not isinstance(self.command, Prepare):
            self.parameters = max(number for number, _, _ in statement.parameters)
        self.short = self.reads and self.selects and not self.catalogue


def _parts(statement: Statement) -> list[Statement]:
    return [split_statements(text)[0] for text in split_objects(statement)]


def _copy(statement: Statement, own: bool) -> CopyStatement | None:
    """The COPY in a statement. A handler may have a syntax of its own for it (``own``), where an error means: not PostgreSQL's."""
    try:
        return parse_copy(statement)
    except PostgresError as error:
        if own:
            return None
        position = error.fields.get("position")
        if position is not None:
            error.fields["position"] = str(int(position) + statement.start)
        raise


def _source(copy: CopyStatement, catalog: Catalog) -> Plan | None:
    """The plan of the query that a COPY TO reads."""
    if copy.direction == "FROM":
        return None
    text = copy.query
    if copy.table:
        columns = "*" if copy.columns is None else ", ".join(map(quoted, copy.columns))
        text = f"SELECT {columns} FROM {'.'.join(map(quoted, copy.table))}"
    statements = split_statements(text)
    if len(statements) != 1:
        raise SQLSyntaxError("a COPY query must be one statement")
    return Plan(statements[0], catalog)


class PlanCache:
    """Query text → its plans, for all sessions of a server that have the same coding; when it is full, the oldest quarter is forgotten.

    ``for_handler``: a handler answers, which may have a syntax of its own.
    """

    def __init__(self, catalog: Catalog, coding: Coding, for_handler: bool = False) -> None:
        self.coding = coding
        self._catalog = catalog
        self._for_handler = for_handler
        self._plans: dict[str, tuple[Plan, ...]] = {}
        self.single: dict[str, Plan] = {}
        """Texts of one statement whose plan is ``short``."""

    def plans(self, sql: str) -> tuple[Plan, ...]:
        """The plans of a query string's statements.

        Raises:
            PostgresError: 42601 where the string cannot be split, or a command of the session layer is malformed.
        """
        plans = self._plans.get(sql)
        if plans is not None:
            return plans
        plans = tuple(
            Plan(statement, self._catalog, self.coding, self._for_handler) for statement in split_statements(sql)
        )
        if len(sql) <= MAX_TEXT and len(plans) <= MAX_STATEMENTS:
            if len(self._plans) >= MAX_PLANS:
                for oldest in list(islice(self._plans, MAX_PLANS // 4)):
                    del self._plans[oldest]
                    self.single.pop(oldest, None)
            self._plans[sql] = plans
            if len(plans) == 1 and plans[0].short:
                self.single[sql] = plans[0]
        return plans
