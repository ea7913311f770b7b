"""What a mock server is told to answer, and what comes of it: expectations, and the report of what went otherwise."""

from __future__ import annotations

import asyncio
import datetime
import decimal
import re
import threading
import uuid
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from .. import oids
from .._impl import encode_message
from ..engines.base import Column
from ..errors import PostgresError, postgres_error
from ..messages import NotificationResponse
from ..server import CopyIn, CopyOut, CopyReader, Result
from ..type_info import ARRAY_OF
from .recording import Received

if TYPE_CHECKING:
    from ..server import Session

__all__ = ["Expectation", "MockFailure", "Script", "Turn", "columns_of", "type_of"]

Matcher = str | re.Pattern[str] | Callable[[str], object]
ColumnsLike = Sequence["str | Column | tuple[str, int]"] | Mapping[str, int]
Outcome = Callable[["Turn"], Awaitable[Any]]

SHOWN: Final = 50
"""Statements that a report shows, the last ones."""


class MockFailure(AssertionError):
    """A mock server was not used as its test expects; the text is a report."""


@dataclass(frozen=True)
class Turn:
    """One statement that is answered."""

    session: Session
    received: Received


class Expectation:
    """A statement that is expected, and the answer; made by :meth:`MockServer.expect`.

    Each method returns the expectation. :meth:`notice`, :meth:`notification`, :meth:`delay` and :meth:`sends` happen in the order of their
    calls, then comes the answer: the last of :meth:`rows`, :meth:`affects`, :meth:`error`, :meth:`returns`, :meth:`copy_in`,
    :meth:`copy_out`, :meth:`drop` and :meth:`hang` counts. Without one the statement succeeds, returns no rows, and affects none.

    Attributes:
        received: the statements that it has answered.
    """

    def __init__(self, query: Matcher, parameters: Any, times: int | None) -> None:
        self._query = query
        self._text = normal(query) if isinstance(query, str) else None
        self._parameters = parameters if parameters is None or callable(parameters) else tuple(parameters)
        self._steps: list[Callable[[Turn], Awaitable[None]]] = []
        self._outcome: Outcome = _nothing
        self.times = times
        self.columns: tuple[Column, ...] | None = None
        self.received: list[Received] = []

    def __repr__(self) -> str:
        query = self._query
        if isinstance(query, re.Pattern):
            query = f"/{query.pattern}/"
        elif callable(query):
            query = getattr(query, "__name__", repr(query))
        if self._parameters is None:
            return query
        return f"{query}  {getattr(self._parameters, '__name__', repr(self._parameters))}"

    # -- before the answer -------------------------------------------------------------------------------------------

    def notice(self, message: str, *, severity: str = "NOTICE", sqlstate: str = "00000", **fields: Any) -> Expectation:
        """Send a NoticeResponse; ``fields`` as of :class:`~pgwire_py.PostgresError`."""

        async def step(turn: Turn) -> None:
            turn.session.notice(severity, sqlstate, message, **fields)

        return self._step(step)

    def notification(self, channel: str, payload: str = "", process_id: int = 0) -> Expectation:
        """Send a NotificationResponse, whether or not the client listens."""

        async def step(turn: Turn) -> None:
            turn.session.connection.send(NotificationResponse(process_id, channel, payload))

        return self._step(step)

    def delay(self, seconds: float) -> Expectation:
        """Wait; a cancel request ends it with 57014."""

        async def step(turn: Turn) -> None:
            await asyncio.sleep(seconds)

        return self._step(step)

    def sends(self, *parts: object) -> Expectation:
        """Send messages of :mod:`pgwire_py.messages`, or bytes, as they are: also what no server would send here. The server counts them as
        nothing: behind them comes the answer, unless that is :meth:`hang` or :meth:`drop`.
        """
        data = encoded(parts)

        async def step(turn: Turn) -> None:
            turn.session.connection.send_encoded(data)

        return self._step(step)

    def _step(self, step: Callable[[Turn], Awaitable[None]]) -> Expectation:
        self._steps.append(step)
        return self

    # -- the answer --------------------------------------------------------------------------------------------------

    def rows(self, rows: Iterable[Any], columns: ColumnsLike | None = None) -> Expectation:
        """Answer with rows.

        Args:
            rows: sequences of values, or dicts.
            columns: names, :class:`~pgwire_py.Column` or (name, OID) pairs, or a dict of OIDs by name. What is not told is taken from the
                rows: names from dicts, else ``column1`` …; a type from the first value that is not None, else text.
        """
        names, values = _table(rows, columns)
        self.columns = names
        return self._answer(_result(Result(columns=names, rows=values)))

    def affects(self, count: int, *, tag: str | None = None) -> Expectation:
        """Answer as a statement that changed ``count`` rows; ``tag`` is the whole command tag, where the usual one is not right."""
        return self._answer(_result(Result(affected=count, tag=tag)))

    def error(
        self, sqlstate: str | PostgresError, message: str = "an error of the mock server", **fields: Any
    ) -> Expectation:
        """Answer with an error, when the statement is executed; ``fields`` (``detail``, ``hint``, ``severity="FATAL"`` …) as of
        :class:`~pgwire_py.PostgresError`, which may be given instead.
        """
        made = sqlstate if isinstance(sqlstate, PostgresError) else None

        async def fail(turn: Turn) -> Any:
            raise made if made is not None else postgres_error(str(sqlstate), message, **fields)

        return self._answer(fail)

    def returns(self, result: Any, columns: ColumnsLike | None = None) -> Expectation:
        """Answer with what a handler of :class:`~pgwire_py.Server` may return, or with what a function of the :class:`Received` returns
        or, a coroutine function, awaits; ``columns`` are those of a function's rows.
        """
        self.columns = getattr(result, "columns", None) if columns is None else columns_of(columns)
        return self._answer(_called(result) if callable(result) else _result(result))

    def copy_in(self, columns: int = 1) -> Expectation:
        """Take what comes with COPY FROM STDIN: ``expectation.received[0].copied``."""

        async def take(turn: Turn) -> Any:
            async def receive(reader: CopyReader) -> int:
                async for chunk in reader.chunks():
                    turn.received.copied += chunk
                return turn.received.copied.count(b"\n")

            return CopyIn(receive, [Column(f"column{n + 1}", oids.TEXT) for n in range(columns)])

        return self._answer(take)

    def copy_out(self, *chunks: bytes, columns: int = 1, binary: bool = False) -> Expectation:
        """Send COPY data, a chunk in a CopyData message each."""
        tag = f"COPY {b''.join(chunks).count(10)}"

        async def send(turn: Turn) -> Any:
            return CopyOut.raw(chunks, columns, binary=binary, tag=tag)

        return self._answer(send)

    def drop(self, *, reset: bool = False) -> Expectation:
        """Close the connection behind what was sent; with ``reset`` at once, by RST."""

        async def leave(turn: Turn) -> Any:
            turn.session._protocol.drop(reset=reset)  # type: ignore[attr-defined]
            await asyncio.get_running_loop().create_future()  # until the connection is gone, and this with it

        return self._answer(leave)

    def hang(self) -> Expectation:
        """Never answer: until the client cancels (57014) or goes."""

        async def wait(turn: Turn) -> Any:
            await asyncio.get_running_loop().create_future()

        return self._answer(wait)

    def _answer(self, outcome: Outcome) -> Expectation:
        self._outcome = outcome
        return self

    # -- called by the server ----------------------------------------------------------------------------------------

    @property
    def used_up(self) -> bool:
        """Whether it has answered as often as it was to."""
        return self.times is not None and len(self.received) >= self.times

    def matches(self, sql: str) -> bool:
        """Whether it is about this statement."""
        if self._text is not None:
            return normal(sql) == self._text
        return bool(self._query.search(sql) if isinstance(self._query, re.Pattern) else self._query(sql))  # type: ignore[operator]

    def takes(self, parameters: tuple[Any, ...]) -> bool:
        """Whether it is about these parameters."""
        expected = self._parameters
        if expected is None:
            return True
        return bool(expected(*parameters)) if callable(expected) else expected == parameters

    def parameter_types(self, declared: tuple[int, ...]) -> tuple[int, ...]:
        """Types to describe: those that the client left open (text) follow the parameters that are expected."""
        expected = self._parameters if isinstance(self._parameters, tuple) else ()
        return tuple(
            [
                type_of([expected[i]]) if oid == oids.TEXT and i < len(expected) else oid
                for i, oid in enumerate(declared)
            ]
        )

    async def answer(self, turn: Turn) -> Any:
        """Do what it says."""
        for step in self._steps:
            await step(turn)
        return await self._outcome(turn)


async def _nothing(turn: Turn) -> Any:
    return Result(affected=0)


def _result(result: Any) -> Outcome:
    async def answer(turn: Turn) -> Any:
        return result

    return answer


def _called(function: Callable[[Received], Any]) -> Outcome:
    async def answer(turn: Turn) -> Any:
        result = function(turn.received)
        return await result if isinstance(result, Awaitable) else result

    return answer


class Script:
    """The expectations of a mock server, and what went otherwise. The test adds to it from its thread, the server reads it on its loop."""

    def __init__(self, *, ordered: bool) -> None:
        self.ordered = ordered
        self.expectations: list[Expectation] = []
        self.problems: list[str] = []
        self._lock = threading.Lock()
        self._refused: tuple[int, str] | None = None

    def add(self, expectation: Expectation) -> Expectation:
        """Expect it from now on."""
        with self._lock:
            self.expectations.append(expectation)
        return expectation

    def find(self, sql: str) -> Expectation | None:
        """What would answer this text, whatever its parameters."""
        with self._lock:
            return next((one for one in self.expectations if not one.used_up and one.matches(sql)), None)

    def take(self, received: Received) -> Expectation | None:
        """What answers this statement; it counts from now on."""
        with self._lock:
            for one in self.expectations:
                if not one.used_up and one.matches(received.sql) and one.takes(received.parameters):
                    one.received.append(received)
                    return one
                if self.ordered and one.times is not None and not one.used_up:
                    return None
        return None

    def unexpected(self, received: Received, *, describing: bool) -> PostgresError:
        """The answer to a statement that nothing is expected for; counts as a problem, once where it is described and then executed."""
        now = (received.connection, received.sql)
        waiting = [repr(one) for one in self.expectations if not one.used_up]
        detail = f"Expected: {'; '.join(waiting)}." if waiting else "Nothing is expected any more."
        if now != self._refused or describing:
            text = f"unexpected on connection {received.connection}: {received}"
            self.problem("\n    ".join([text, *(f"expected: {one}" for one in waiting)]))
        self._refused = now if describing else None
        return postgres_error(
            "XX000",
            f"the mock server did not expect: {received}",
            detail=detail,
            hint="expect(…) says what it answers.",
        )

    def problem(self, text: str) -> None:
        """Something went otherwise than the test expects."""
        with self._lock:
            self.problems.append(text)

    def report(self, statements: Sequence[Received]) -> str | None:
        """What went otherwise; None where nothing did."""
        missing = [
            f"expected {_times(one.times)}, came {_times(len(one.received))}: {one}"
            for one in self.expectations
            if one.times is not None and len(one.received) < one.times
        ]
        if not self.problems and not missing:
            return None
        lines = ["the mock server was not used as expected", *(f"  {text}" for text in [*self.problems, *missing])]
        lines.append("what came:" if statements else "nothing came")
        lines += [f"  {one.connection}  {one}" for one in statements[-SHOWN:]]
        return "\n".join(lines)


def _times(count: int | None) -> str:
    return {0: "never", 1: "once", 2: "twice"}.get(count or 0, f"{count} times")


def normal(sql: str) -> str:
    """A statement's text without what does not matter: spaces around and between, the last semicolon."""
    return " ".join(sql.rstrip("; \t\r\n").split())


def encoded(parts: Iterable[object]) -> bytes:
    """The bytes of messages and bytes."""
    return b"".join(
        [bytes(part) if isinstance(part, (bytes, bytearray, memoryview)) else encode_message(part) for part in parts]
    )


# -- columns and types -----------------------------------------------------------------------------------------------


def _table(rows: Iterable[Any], columns: ColumnsLike | None) -> tuple[tuple[Column, ...], list[tuple[Any, ...]]]:
    """Columns and tuples."""
    listed = list(rows)
    if listed and isinstance(listed[0], Mapping):
        names = list(listed[0] if columns is None else (column.name for column in columns_of(columns)))
        columns = names if columns is None else columns
        listed = [tuple([row[name] for name in names]) for row in listed]
    values = [tuple(row) for row in listed]
    if columns is None:
        columns = [f"column{n + 1}" for n in range(len(values[0]) if values else 0)]
    elif isinstance(columns, Mapping):
        columns = list(columns.items())
    return columns_of(columns, values), values


def columns_of(columns: ColumnsLike, rows: Sequence[tuple[Any, ...]] = ()) -> tuple[Column, ...]:
    """Columns of names, pairs or Columns; types that are not told come from the rows."""
    if isinstance(columns, Mapping):
        columns = list(columns.items())
    return tuple(
        [
            Column(column, type_of([row[n] for row in rows if n < len(row)]))
            if isinstance(column, str)
            else Column(*column)
            for n, column in enumerate(columns)
        ]
    )


_TYPES: Final[tuple[tuple[type, int], ...]] = (
    (bool, oids.BOOL),
    (float, oids.FLOAT8),
    (decimal.Decimal, oids.NUMERIC),
    (bytes, oids.BYTEA),
    (datetime.date, oids.DATE),
    (datetime.time, oids.TIME),
    (datetime.timedelta, oids.INTERVAL),
    (uuid.UUID, oids.UUID),
    (dict, oids.JSONB),
)


def type_of(values: Iterable[Any]) -> int:
    """The OID of the type that Python values are of: of the first that is not None; text where there is none."""
    found = [value for value in values if value is not None]
    if not found:
        return oids.TEXT
    first = found[0]
    if isinstance(first, int) and not isinstance(first, bool):
        bits = max((value.bit_length() for value in found if isinstance(value, int)), default=0)
        return oids.INT4 if bits < 32 else oids.INT8 if bits < 64 else oids.NUMERIC
    if isinstance(first, datetime.datetime):
        return oids.TIMESTAMP if first.tzinfo is None else oids.TIMESTAMPTZ
    if isinstance(first, list):
        return ARRAY_OF.get(type_of([item for value in found for item in value]), oids.TEXT_ARRAY)
    return next((oid for kind, oid in _TYPES if isinstance(first, kind)), oids.TEXT)
