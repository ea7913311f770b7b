"""COPY in an engine: data decoded, stored and encoded on the session's thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from itertools import groupby
from typing import TYPE_CHECKING, Any

from .._impl import ArrowDecoder, CopyEncoder
from .._impl.interface import Buffer
from ..copy import CopyOptions
from ..engines.base import CopySink, EngineSession
from ..enums import DEFAULT
from ..errors import PostgresError
from .copy_coding import CopyCoding, SettingsDecoder
from .copy_statement import CopyStatement
from .copying import PreparedCopyIn
from .exact import INTERVALS
from .results import types_of

if TYPE_CHECKING:
    from .execution import Execution

__all__ = ["EngineCopyTarget", "begin_copy_in"]

_SMALL = 64 * 1024
"""Bytes up to which a piece is decoded and stored in one step."""

_Decoded = tuple[Buffer, int, "list[Any] | None"]
"""DataRow messages, how many, and the same as Arrow batches; None where a value is wrong, or one that Arrow has not."""


class EngineCopyTarget:
    """A sink of an engine, and the decoder in front of it.

    Attributes:
        line: the line that is waited for, as PostgreSQL counts: rows, and the header.
    """

    def __init__(
        self, execution: Execution, session: EngineSession, sink: CopySink, copy: CopyStatement, how: CopyCoding
    ) -> None:
        self._execution = execution
        self._session = session
        self._sink = sink
        self._rows = 0
        options = how.options
        self._defaults = options.default is not None
        self.line = 1 + bool(options.header)
        names = [column.name for column in sink.columns]
        types = types_of(sink.columns)
        self._plan = options.plan(names, "FROM", types=types, table=copy.name, without_default=sink.without_default)
        self._coding = how.session
        self._exact = execution.exact_intervals and not INTERVALS.isdisjoint(types)
        by_arrow = sink.takes_arrow and bool(names) and not self._defaults and not how.depends(types)
        self._decoder = SettingsDecoder(self._plan, how, exact=self._exact and not by_arrow)
        self._arrow: ArrowDecoder | None = None
        self._storing: asyncio.Future[None] | None = None
        if by_arrow:
            modifiers = [column.type_modifier for column in sink.columns]
            formats = (int(options.format == "binary"),)
            self._arrow = ArrowDecoder(types, names, formats, type_modifiers=modifiers)

    async def feed(self, data: bytes) -> None:
        """Decode and store a piece of the data. Where that goes by Arrow, a large piece is decoded while the one before is stored."""
        arrow = self._arrow
        if arrow is None:
            await self._execution.call_session(self._session, self._feed, data)
            return
        if len(data) < _SMALL and self._storing is None:
            await self._execution.call_session(self._session, self._feed_arrow, arrow, data)
            return
        decoded: _Decoded | PostgresError
        try:
            decoded = await self._execution.call_aside(self._decode, arrow, data)
        except PostgresError as error:
            decoded = error
        await self._stored()  # an error of what came before comes first
        if isinstance(decoded, PostgresError):
            raise decoded
        self._storing = self._execution.call_session(self._session, self._store_decoded, decoded)

    async def finish(self) -> int:
        """Store what is left; the number of rows."""
        await self._stored()
        await self._execution.call_session(self._session, self._finish)
        return self._rows

    async def _stored(self) -> None:
        storing, self._storing = self._storing, None
        if storing is not None:
            await storing

    def abort(self) -> None:
        """Give up."""
        if self._storing is not None:
            self._storing.add_done_callback(_ignore)
        self._execution.call_soon(self._sink.abort)

    # On the thread.

    def _feed(self, data: bytes) -> None:
        self._store(self._decoder.feed(data))

    def _feed_arrow(self, arrow: ArrowDecoder, data: bytes) -> None:
        self._store_decoded(self._decode(arrow, data))

    def _finish(self) -> None:
        if self._arrow is None:
            self._store(self._decoder.finish())
        else:
            self._store_decoded(_decoded(self._arrow, *self._decoder.finish_data_rows()))
        self._sink.finish()

    def _decode(self, arrow: ArrowDecoder, data: bytes) -> _Decoded:
        return _decoded(arrow, *self._decoder.feed_data_rows(data))

    def _store_decoded(self, decoded: _Decoded) -> None:
        data, count, batches = decoded
        if not count:
            return
        if batches is None:
            self._store(self._typed(data))
            return
        try:
            for batch in batches:
                if batch.num_rows:
                    self._sink.write_arrow(batch)
        except PostgresError as error:
            if error.sqlstate != "57014":
                self.line += self._sink.find(error, self._typed(data)) or 0
            raise
        self._rows += count
        self.line += count

    def _typed(self, data: Buffer) -> list[tuple[Any, ...]]:
        """The rows of DataRow messages as Python values; raises what is wrong with one, with the line of the COPY."""
        plain = CopyOptions(format="binary" if self._plan.format == "binary" else "text")
        names, types = self._plan.columns, self._plan.types
        rewritten = CopyEncoder(plain.plan(names, "TO")).encode_data_rows(data)
        plan = plain.plan(names, "FROM", types=types, table=self._plan.table)
        decoder = SettingsDecoder(plan, CopyCoding(plain, True, self._coding), exact=self._exact)
        try:
            return decoder.feed(rewritten)
        except PostgresError as error:
            head = f"COPY {self._plan.table}, line "
            rest = (error.where or "").removeprefix(head)
            behind = rest.lstrip("0123456789")
            if number := rest[: len(rest) - len(behind)]:
                error.fields["where"] = f"{head}{int(number) + self.line - 1}{behind}"
            raise

    def _store(self, rows: list[tuple[Any, ...]]) -> None:
        if not rows:
            return
        for omitted, group in _by_defaults(rows) if self._defaults else [((), rows)]:
            try:
                self._sink.write(group, omitted)
            except PostgresError:
                self.line += self._sink.stored or 0
                raise
            self._rows += len(group)
            self.line += len(group)


def _by_defaults(rows: list[tuple[Any, ...]]) -> Iterator[tuple[tuple[int, ...], list[tuple[Any, ...]]]]:
    """Neighbouring rows that ask for the default of the same columns, without these columns."""
    for omitted, group in groupby(rows, lambda row: tuple(i for i, value in enumerate(row) if value is DEFAULT)):
        yield omitted, [tuple(value for value in row if value is not DEFAULT) for row in group]


def _decoded(arrow: ArrowDecoder, data: Buffer, count: int) -> _Decoded:
    if not count:
        return data, 0, []
    try:
        return data, count, [*arrow.feed(data), arrow.finish()]
    except PostgresError:
        return data, count, None


def _ignore(done: asyncio.Future[None]) -> None:
    if not done.cancelled():
        done.exception()


def begin_copy_in(
    execution: Execution,
    session: Callable[[], EngineSession],
    copy: CopyStatement,
    how: CopyCoding,
) -> Callable[[], PreparedCopyIn]:
    """What opens the sink of a table, on the thread."""

    def work() -> PreparedCopyIn:
        target = session()
        sink = execution.interruptible(target, target.copy_in, copy.table, copy.columns)
        try:
            feeding = EngineCopyTarget(execution, target, sink, copy, how)
        except BaseException:
            sink.abort()
            raise
        return PreparedCopyIn(feeding, copy.name, len(sink.columns), how.binary)

    return work
