"""What a handler function is given and what it returns."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable, Sequence
from typing import TYPE_CHECKING

from .._impl import split_statements
from ..engines.base import Column
from .copy_statement import CopyStatement, parse_copy

if TYPE_CHECKING:
    from .session import Session

__all__ = ["Query", "Result"]

Rows = Iterable[Sequence[object]] | AsyncIterable[Sequence[object]] | object


class Query:
    """One statement for a handler function to answer.

    Attributes:
        sql: the statement, without its semicolon.
        parameters: Python values of ``$1``, ``$2`` …; all None while ``describing``.
        parameter_types: their type OIDs, as the client declared them or as described.
        describing: True when only the columns are wanted: return a Result without doing the work; its rows are not read.
        session: the client session.
    """

    __slots__ = ("describing", "parameter_types", "parameters", "session", "sql")

    def __init__(
        self,
        sql: str,
        parameters: tuple[object, ...] = (),
        parameter_types: tuple[int, ...] = (),
        session: Session | None = None,
        describing: bool = False,
    ) -> None:
        self.sql = sql
        self.parameters = parameters
        self.parameter_types = parameter_types
        self.session = session
        self.describing = describing

    @property
    def copy(self) -> CopyStatement | None:
        """The statement as a COPY from or to the client; None where it is something else, or not of PostgreSQL's syntax.

        Raises:
            PostgresError: it is such a COPY, but wrong: 42601, 0A000, 22023.
        """
        statements = split_statements(self.sql)
        return parse_copy(statements[0]) if statements else None

    def __repr__(self) -> str:
        return f"Query({self.sql!r}, {len(self.parameters)} parameters)"


class Result:
    """What a handler function answers.

    Args:
        columns: the columns; None for a statement that returns no rows, or to take them from Arrow ``rows``.
        rows: a list of tuples; an iterable or async iterable of tuples, read as the client reads; or anything with ``__arrow_c_stream__``.
        affected: rows inserted, updated or deleted, for the command tag of such a statement.
        tag: the whole command tag, where the usual one is not right.
    """

    __slots__ = ("affected", "columns", "rows", "tag")

    def __init__(
        self,
        columns: Sequence[Column] | None = None,
        rows: Rows = (),
        *,
        affected: int | None = None,
        tag: str | None = None,
    ) -> None:
        self.columns = columns
        self.rows = rows
        self.affected = affected
        self.tag = tag

    @property
    def returns_rows(self) -> bool:
        """Whether the statement returns rows, be it none."""
        return self.columns is not None

    def __repr__(self) -> str:
        return f"Result(columns={self.columns!r}, affected={self.affected}, tag={self.tag!r})"
