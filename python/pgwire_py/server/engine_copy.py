"""COPY in an engine: data decoded, stored and encoded on the session's thread."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import groupby
from typing import TYPE_CHECKING, Any

from ..copy import CopyDecoder, CopyOptions
from ..engines.base import CopySink, EngineSession
from ..enums import DEFAULT
from ..errors import PostgresError
from .copy_statement import CopyStatement
from .copying import PreparedCopyIn, resolved
from .results import types_of

if TYPE_CHECKING:
    from .execution import Execution

__all__ = ["EngineCopyTarget", "begin_copy_in"]


class EngineCopyTarget:
    """A sink of an engine, and the decoder in front of it.

    Attributes:
        line: the line that is waited for, as PostgreSQL counts: rows, and the header.
    """

    def __init__(
        self, execution: Execution, session: EngineSession, sink: CopySink, copy: CopyStatement, options: CopyOptions
    ) -> None:
        self._execution = execution
        self._session = session
        self._sink = sink
        self._rows = 0
        self._defaults = options.default is not None
        self.line = 1 + bool(options.header)
        self._decoder = CopyDecoder(
            [column.name for column in sink.columns],
            options,
            types=types_of(sink.columns),
            table=copy.name,
            without_default=sink.without_default,
        )

    async def feed(self, data: bytes) -> None:
        """Decode and store a piece of the data."""
        await self._execution.call_session(self._session, self._feed, data)

    async def finish(self) -> int:
        """Store what is left; the number of rows."""
        await self._execution.call_session(self._session, self._finish)
        return self._rows

    def abort(self) -> None:
        """Give up."""
        self._execution.call_soon(self._sink.abort)

    # On the thread.

    def _feed(self, data: bytes) -> None:
        self._store(self._decoder.feed(data))

    def _finish(self) -> None:
        self._store(self._decoder.finish())
        self._sink.finish()

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


def begin_copy_in(
    execution: Execution,
    session: Callable[[], EngineSession],
    copy: CopyStatement,
    client_encoding: str | None,
    server_version: str,
) -> Callable[[], PreparedCopyIn]:
    """What opens the sink of a table, on the thread."""

    def work() -> PreparedCopyIn:
        target = session()
        options = resolved(copy.options, copy.encoded, client_encoding, server_version)
        sink = target.copy_in(copy.table, copy.columns)
        try:
            feeding = EngineCopyTarget(execution, target, sink, copy, options)
        except BaseException:
            sink.abort()
            raise
        return PreparedCopyIn(feeding, copy.name, len(sink.columns), options.format == "binary")

    return work
