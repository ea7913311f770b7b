"""The rows of an engine's result, read and encoded on the session's thread: several chunks at a time, so that the loop seldom waits."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any

from ..engines.base import Description, EngineResult, EngineSession
from ..errors import InternalError, PostgresError, changed_result_type
from .coding import Coding
from .results import CHUNK, Chunk, Shape, Source, _Buffered, arrow_source, shape_of, types_of

if TYPE_CHECKING:
    from .execution import Execution

__all__ = ["ThreadSource", "engine_source", "read_ahead"]

_AHEAD = 4 * CHUNK
"""Bytes of rows made on a session's thread before they are handed to the loop: each handing over wakes two threads."""
_AHEAD_SECONDS = 0.002
"""How long rows that are ready may wait for others behind them."""


class _FetchSource(_Buffered):
    """Rows that an engine's result gives batch by batch."""

    __slots__ = ("_result",)

    def __init__(self, shape: Shape, result: EngineResult) -> None:
        super().__init__(shape, (), result.affected, None)
        self._result = result

    def read(self, max_rows: int) -> Chunk:
        if self._position >= len(self._rows):
            rows = self._result.fetch(self._wanted(max_rows))
            if not rows:
                if not isinstance(rows, (list, tuple)):
                    raise InternalError(f"the engine's fetch returned {type(rows).__name__}, not rows")
                return b"", 0, True
            self._rows = rows
            self._position = 0
        data, count = self._encode(max_rows)
        return data, count, False

    def close(self) -> None:
        self._rows = ()
        self._result.close()


class _EngineArrowSource(Source):
    """Rows of an engine's Arrow result: closing gives up the result as well."""

    __slots__ = ("_inner", "_result")

    def __init__(self, inner: Source, result: EngineResult) -> None:
        super().__init__(inner.shape, result.affected)
        self._inner = inner
        self._result = result

    def read(self, max_rows: int) -> Any:
        try:
            return self._inner.read(max_rows)
        except PostgresError as error:
            raise _explained(self._result, error) from error

    def close(self) -> None:
        self._inner.close()
        self._result.close()


class ThreadSource(Source):
    """A source that is read on the session's thread, several chunks at a time; the first came with the execution."""

    __slots__ = ("_ended", "_execution", "_inner", "_ready", "_target")

    def __init__(self, execution: Execution, target: EngineSession | None, inner: Source, first: list[Chunk]) -> None:
        super().__init__(inner.shape, inner.affected, inner.tag)
        self._execution = execution
        self._target = target
        self._inner = inner
        self._ready = deque(first)
        self._ended = bool(first) and first[-1][2]
        if self._ended:
            execution.give_up(inner)
        else:
            execution._open.add(self)

    def read(self, max_rows: int) -> Chunk | Awaitable[Chunk]:
        return self._ready.popleft() if self._ready else self._fill(max_rows)

    async def _fill(self, max_rows: int) -> Chunk:
        self._ready.extend(await self._execution._worker.call(self._read, max_rows))
        return self._ready.popleft()

    def _read(self, max_rows: int) -> list[Chunk]:
        if self._ended:
            return [(b"", 0, True)]
        if self._target is None:
            chunks = read_ahead(self._inner, max_rows)
        else:
            chunks = self._execution.interruptible(self._target, read_ahead, self._inner, max_rows)
        if chunks[-1][2]:
            self.close_inner()
        return chunks

    def close(self) -> None:
        self._ready.clear()
        if not self._ended and not self._execution._closed:
            self._execution._worker.call(self.close_inner)

    def close_inner(self) -> None:
        """Give up the rest; on the session's thread."""
        if not self._ended:
            self._ended = True
            self._execution._open.discard(self)
            self._execution.give_up(self._inner)


def _explained(result: EngineResult, error: PostgresError) -> PostgresError:
    """What the engine says of an error that came up in reading its stream, which tells the text only."""
    return result.explain(error) if error.sqlstate == "XX000" else error


def read_ahead(source: Source, max_rows: int) -> list[Chunk]:
    """The next chunks, at least one, until there is enough of them, rows would have to wait, or the source ends."""
    until = time.monotonic() + _AHEAD_SECONDS
    chunks: list[Chunk] = []
    size = rows = 0
    while True:
        chunk: Any = source.read(max_rows and max_rows - rows)
        chunks.append(chunk)
        size += len(chunk[0])
        rows += chunk[1]
        if chunk[2] or size >= _AHEAD or (max_rows and rows >= max_rows) or time.monotonic() >= until:
            return chunks


def engine_source(
    result: EngineResult, description: Description | None, formats: tuple[int, ...], coding: Coding
) -> Source:
    """The rows of what an engine's session returned for a statement that was described so; closed where it is not taken.

    Raises:
        InternalError: it is no result.
        PostgresError: 0A000 its columns are others than described; what the engine says of its stream.
    """
    described = None if description is None else description.columns
    if not isinstance(result, EngineResult):
        raise InternalError(f"the engine's execute returned {type(result).__name__}, not an EngineResult")
    if result.affected is not None and (type(result.affected) is not int or result.affected < 0):
        result.close()
        raise InternalError(f"the engine says that {result.affected!r} rows were affected")
    if result.arrow is not None:
        try:
            source = arrow_source(result.arrow, formats, described or result.columns, coding)
        except PostgresError as error:
            result.close()
            raise _explained(result, error) from error
        return _EngineArrowSource(source, result)
    if result.columns is None:
        return Source(None, result.affected)
    if described is not None and types_of(described) != types_of(result.columns):
        result.close()
        raise changed_result_type()
    return _FetchSource(shape_of(tuple(result.columns), formats, coding), result)
