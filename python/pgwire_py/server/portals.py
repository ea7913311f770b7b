"""Prepared statements and portals (Protocol 55.2.3)."""

from __future__ import annotations

from ..engines.base import Column, Description
from ..errors import changed_result_type
from .coding import Coding
from .copy_streams import CopyOutcome
from .handler import Result
from .plans import Plan
from .results import Source, source_of, types_of

__all__ = ["Portal", "PreparedStatement"]


class PreparedStatement:
    """A parsed statement.

    Attributes:
        plan: what is known of its text; None for an empty query.
        declared: parameter types as the client declared them, one per parameter, 0 where it left one open.
        description: parameter types and columns, once they were asked for.
        version: the server's schema version that the description belongs to.
    """

    __slots__ = ("declared", "description", "plan", "version")

    def __init__(self, plan: Plan | None, declared: tuple[int, ...]) -> None:
        self.plan = plan
        self.declared = declared
        self.description: Description | None = None
        self.version = -1


class Portal:
    """A statement with its parameters bound, and how far its rows have been read.

    Attributes:
        statement: the prepared statement.
        parameters: Python values.
        formats: Bind's result format codes.
        source: its rows, once it runs.
        copy: the COPY that a handler has answered with, until it runs.
        done: whether it has ended.
        rows: how many the protocol's Execute has read.
        columns: what a hook has told of its columns: they must come then; None where there was none.
        level: how many savepoints stood when it was made: it lives as long as the last of them; -1 for one that outlives transactions.
    """

    __slots__ = ("columns", "copy", "done", "formats", "level", "parameters", "rows", "source", "statement")

    def __init__(self, statement: PreparedStatement, parameters: tuple[object, ...], formats: tuple[int, ...]) -> None:
        self.statement = statement
        self.parameters = parameters
        self.formats = formats
        self.source: Source | None = None
        self.copy: CopyOutcome | None = None
        self.columns: tuple[Column, ...] | None = None
        self.done = False
        self.rows = 0
        self.level = 0

    def open(self, outcome: Source | Result | CopyOutcome, coding: Coding) -> Source:
        """Keep what the statement returned as the rows to read."""
        if isinstance(outcome, Source):
            self.source = outcome
        else:
            assert self.statement.plan is not None
            self.source = source_of(outcome, self.formats, self.statement.plan, coding)
        described = self.columns
        if described is None and self.statement.description is not None:
            described = self.statement.description.columns
        if described is not None:
            found = self.source.shape
            if types_of(described) != types_of(() if found is None else found.columns):
                self.source.close()
                raise changed_result_type()
        return self.source

    def close(self) -> None:
        """Give up the rest of its rows."""
        if self.source is not None and not self.done:
            self.done = True
            self.source.close()
