"""What a handler function is given and what it returns."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from .._impl import split_statements
from ..engines.base import Column
from .copy_statement import CopyStatement, parse_copy

if TYPE_CHECKING:
    from .session import Session

__all__ = ["ParsedQuery", "Query", "Result", "ResultBuilder"]

Rows = Iterable[Sequence[object]] | AsyncIterable[Sequence[object]] | object


class Query:
    """One statement for a handler function to answer.

    Attributes:
        sql: the statement, without its semicolon.
        parameters: Python values of ``$1``, ``$2`` …; all None while ``describing``.
        parameter_types: their type OIDs, as the client declared them or as described.
        parsed: what the handler's parser, or its description, made of the statement; None where there is neither.
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
    def parsed(self) -> Any:
        """What the handler's parser made of the statement."""
        return None

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


class ParsedQuery(Query):
    """A statement that a parser has made an object of."""

    __slots__ = ("_parsed",)

    def __init__(
        self,
        sql: str,
        parameters: tuple[object, ...],
        parameter_types: tuple[int, ...],
        session: Session,
        describing: bool,
        parsed: object,
    ) -> None:
        super().__init__(sql, parameters, parameter_types, session, describing)
        self._parsed = parsed

    @property
    def parsed(self) -> Any:
        return self._parsed


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


class ResultBuilder:
    """Builds a Result row by row, or value by value, for columns that are declared first.

    Args:
        columns: the columns, or pairs of name and type OID.
    """

    def __init__(self, columns: Iterable[Column | tuple[str, int]]) -> None:
        self.columns = tuple(column if isinstance(column, Column) else Column(*column) for column in columns)
        self._positions = {column.name: position for position, column in enumerate(self.columns)}
        self._rows: list[tuple[object, ...]] = []
        self._row: list[object] = []

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, *values: object, **named: object) -> None:
        """Add a row: its values in order, or by name, where those not given are NULL.

        Raises:
            ValueError: there are not as many values as columns, no such column, or a row was begun by :meth:`value`.
        """
        if self._row:
            raise ValueError(f"a row was begun: {len(self._row)} of {len(self.columns)} values")
        if named:
            row: list[object] = [*values, *[None] * (len(self.columns) - len(values))]
            for name, value in named.items():
                position = self._positions.get(name, -1)
                if position < len(values):
                    raise ValueError(f"no column {name!r} is left for a value")
                row[position] = value
            values = tuple(row)
        if len(values) != len(self.columns):
            raise ValueError(f"a row of {len(values)} values for {len(self.columns)} columns")
        self._rows.append(values)

    def value(self, value: object) -> None:
        """Add the next value of a row; the row is added with its last one."""
        self._row.append(value)
        if len(self._row) == len(self.columns):
            self._rows.append(tuple(self._row))
            self._row = []

    def result(self, *, affected: int | None = None, tag: str | None = None) -> Result:
        """The Result, with the rows added so far; the builder is empty afterwards.

        Raises:
            ValueError: the last row is not complete.
        """
        if self._row:
            raise ValueError(f"the last row has {len(self._row)} of {len(self.columns)} values")
        rows, self._rows = self._rows, []
        return Result(self.columns, rows, affected=affected, tag=tag)

    def __repr__(self) -> str:
        return f"ResultBuilder({len(self.columns)} columns, {len(self._rows)} rows)"
