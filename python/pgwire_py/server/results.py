"""Rows on their way to the client: sources that are read chunk by chunk, each chunk ready-made DataRow messages."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Iterator, Sequence
from functools import lru_cache
from itertools import islice
from typing import Any, Final

from .. import messages as m
from .._impl import encode_message
from ..engines.base import Column
from ..errors import InternalError, ProgramLimitExceeded, ProtocolViolation
from ..oids import type_info
from .coding import Coding
from .copy_streams import CopyOutcome
from .handler import Result
from .plans import Plan

__all__ = ["CHUNK", "Shape", "Source", "describe_rows", "shape_of", "source_of", "types_of"]

PARSE_COMPLETE: Final = encode_message(m.ParseComplete())
BIND_COMPLETE: Final = encode_message(m.BindComplete())

CHUNK: Final = 512 * 1024
"""Bytes of rows encoded at a time: what a session holds of a result, and the unit of back-pressure."""

MAX_COLUMNS: Final = 32_767
"""Most columns a row can have: the count is a signed 16-bit number (PostgreSQL itself stops at 1,664)."""

MAX_SHAPES: Final = 8
"""Combinations of result formats that are remembered for a statement."""

FIRST_BATCH: Final = 16
"""Rows taken of an iterator before the size of its rows is known."""

LARGEST_BATCH: Final = 512
"""Rows taken of an iterator at a time."""

Chunk = tuple[bytes | memoryview, int, bool]
"""DataRow bytes, the number of rows in them, and whether the source has ended."""


class Shape:
    """A result's columns and formats, and what is derived from them once.

    Attributes:
        requested: the format codes as Bind gave them: none, one for all, or one per column.
        row_description: RowDescription's bytes.
        bound: BindComplete and RowDescription.
        parsed: ParseComplete, BindComplete and RowDescription.
        encoder: encodes tuples for these columns.
        coding: the coding it follows.
        shared: whether the encoder serves results at a time; else each has one of its own.
    """

    __slots__ = ("bound", "coding", "columns", "encoder", "parsed", "requested", "row_description", "shared")

    def __init__(self, columns: tuple[Column, ...], formats: tuple[int, ...], coding: Coding) -> None:
        self.columns = columns
        self.requested = formats
        self.coding = coding
        self.row_description = describe_rows(columns, formats, coding)
        self.bound = BIND_COMPLETE + self.row_description
        self.parsed = PARSE_COMPLETE + self.bound
        self.encoder, self.shared = self.make_encoder()

    def make_encoder(self) -> tuple[Any, bool]:
        """What encodes the rows, and whether it serves results at a time."""
        return self.coding.row_encoder(types_of(self.columns), self.requested)

    def head(self, described: bool, parsed: bool) -> bytes:
        """What comes before the rows: ParseComplete where ``parsed``, BindComplete, RowDescription where ``described``."""
        if parsed:
            return self.parsed if described else PARSE_COMPLETE + BIND_COMPLETE
        return self.bound if described else BIND_COMPLETE


def check_formats(formats: tuple[int, ...], count: int) -> tuple[int, ...]:
    """One format code per column out of Bind's none, one, or one per column (Protocol 55.7, Bind)."""
    for code in formats:
        if code not in (0, 1):
            raise ProtocolViolation(f"unsupported format code: {code}", sqlstate="22023")
    check_format_count(formats, count)
    return formats if len(formats) == count else (formats or (0,)) * count


def check_format_count(formats: tuple[int, ...], count: int) -> None:
    """Raise 08P01 where Bind's result formats are neither none, nor one, nor one per column."""
    if len(formats) > 1 and len(formats) != count:
        raise ProtocolViolation(f"bind message has {len(formats)} result formats but query has {count} columns")


def describe_rows(columns: Sequence[Column], formats: tuple[int, ...], coding: Coding) -> bytes:
    """RowDescription's bytes for these columns; raises 22P05 for a name that the client's encoding cannot write."""
    if len(columns) > MAX_COLUMNS:
        raise ProgramLimitExceeded(f"a row cannot have more than {MAX_COLUMNS} columns")
    codes = check_formats(formats, len(columns))
    fields = tuple(
        m.FieldDescription(
            column.name,
            column.table_oid,
            column.column_number,
            column.type,
            type_info(column.type).size,
            column.type_modifier,
            code,
        )
        for column, code in zip(columns, codes, strict=True)
    )
    return coding.message(encode_message(m.RowDescription(fields)))


def shape_of(columns: tuple[Column, ...], formats: tuple[int, ...], coding: Coding) -> Shape:
    """The Shape of these columns in these formats; small ones are remembered."""
    if len(columns) <= 64 and sum(len(column.name) for column in columns) <= 4096:
        return _small_shape(columns, formats, coding)
    return Shape(columns, formats, coding)


@lru_cache(maxsize=1024)
def _small_shape(columns: tuple[Column, ...], formats: tuple[int, ...], coding: Coding) -> Shape:
    return Shape(columns, formats, coding)


class Source:
    """What a statement returned.

    Attributes:
        shape: columns and formats; None where it returns no rows.
        affected: rows changed, where known.
        tag: the whole command tag, where the handler gave one.
    """

    __slots__ = ("affected", "shape", "tag")

    def __init__(self, shape: Shape | None, affected: int | None = None, tag: str | None = None) -> None:
        self.shape = shape
        self.affected = affected
        self.tag = tag

    @property
    def returns_rows(self) -> bool:
        """Whether the statement returns rows, be it none."""
        return self.shape is not None

    def read(self, max_rows: int) -> Chunk | Awaitable[Chunk]:
        """The next chunk: at most ``max_rows`` rows (0: no limit) and about CHUNK bytes."""
        return b"", 0, True

    def close(self) -> None:
        """Give up the rest."""


class _Buffered(Source):
    """Rows that come in lists."""

    __slots__ = ("_batch", "_encode_rows", "_position", "_rows")

    shape: Shape

    def __init__(self, shape: Shape, rows: Sequence[Sequence[object]], affected: int | None, tag: str | None) -> None:
        self.shape = shape
        self.affected = affected
        self.tag = tag
        self._rows = rows
        self._position = 0
        self._batch = FIRST_BATCH
        self._encode_rows = shape.encoder.encode if shape.shared else shape.make_encoder()[0].encode

    def _wanted(self, max_rows: int) -> int:
        """How many rows to take next: few at first, then what makes a chunk by the size of those seen."""
        return min(max_rows, self._batch) if max_rows else self._batch

    def _encode(self, max_rows: int) -> tuple[bytes | memoryview, int]:
        start = self._position
        rows = self._rows
        if max_rows and max_rows < len(rows) - start:
            rows = rows[start : start + max_rows]
            data, count = self._encode_rows(rows, 0, CHUNK)
        else:
            data, end = self._encode_rows(rows, start, CHUNK)
            count = end - start
        self._position = start + count
        if count:
            self._batch = min(max(CHUNK * count // (len(data) + 1), 1), LARGEST_BATCH)
        return data, count


class ListSource(_Buffered):
    """Rows that are all there."""

    __slots__ = ()

    def read(self, max_rows: int) -> Chunk:
        data, count = self._encode(max_rows)
        return data, count, self._position >= len(self._rows)

    def close(self) -> None:
        self._rows = ()


class IterSource(_Buffered):
    """Rows of an iterator, taken as the client reads."""

    __slots__ = ("_iterator",)

    def __init__(
        self, shape: Shape, iterator: Iterator[Sequence[object]], affected: int | None, tag: str | None
    ) -> None:
        super().__init__(shape, (), affected, tag)
        self._iterator = iterator

    def read(self, max_rows: int) -> Chunk:
        if self._position >= len(self._rows):
            self._rows = list(islice(self._iterator, self._wanted(max_rows)))
            self._position = 0
            if not self._rows:
                return b"", 0, True
        data, count = self._encode(max_rows)
        return data, count, False

    def close(self) -> None:
        self._rows = ()
        close = getattr(self._iterator, "close", None)
        if close is not None:
            close()


class AsyncIterSource(_Buffered):
    """Rows of an async iterator, taken as the client reads."""

    __slots__ = ("_iterator",)

    def __init__(
        self, shape: Shape, iterator: AsyncIterator[Sequence[object]], affected: int | None, tag: str | None
    ) -> None:
        super().__init__(shape, (), affected, tag)
        self._iterator = iterator

    async def read(self, max_rows: int) -> Chunk:
        done = False
        if self._position >= len(self._rows):
            batch: list[Sequence[object]] = []
            limit = self._wanted(max_rows)
            async for row in self._iterator:
                batch.append(row)
                if len(batch) >= limit:
                    break
            else:
                done = True
            self._rows = batch
            self._position = 0
        data, count = self._encode(max_rows)
        return data, count, done and self._position >= len(self._rows)


class ArrowSource(Source):
    """Rows of an Arrow stream."""

    __slots__ = ("_encoder",)

    def __init__(self, encoder: Any, shape: Shape, affected: int | None, tag: str | None) -> None:
        super().__init__(shape, affected, tag)
        self._encoder = encoder

    def read(self, max_rows: int) -> Chunk:
        chunk: Chunk = self._encoder.encode(max_rows, CHUNK)
        return chunk

    def close(self) -> None:
        self._encoder = _ENDED


class _Ended:
    def encode(self, max_rows: int, max_bytes: int) -> Chunk:
        return b"", 0, True


_ENDED: Final = _Ended()


def arrow_source(
    rows: object,
    formats: tuple[int, ...],
    columns: Sequence[Column] | None,
    coding: Coding,
    affected: int | None = None,
    tag: str | None = None,
) -> ArrowSource:
    """A source that reads an Arrow stream; the stream's columns must be able to become ``columns``, where these are given (42804)."""
    encoder = coding.arrow_encoder(rows, formats, None if columns is None else types_of(columns))
    if columns is None:
        columns = [Column(name, oid) for name, oid in encoder.columns]
    return ArrowSource(encoder, shape_of(tuple(columns), formats, coding), affected, tag)


def types_of(columns: Sequence[Column]) -> list[int]:
    """The type OIDs of columns: what must not change between a description and the result."""
    return [column.type for column in columns]


def _shape_for(plan: Plan, columns: Sequence[Column], formats: tuple[int, ...], coding: Coding) -> Shape:
    """The shape of these columns; the plan remembers it, for it is nearly always the same next time."""
    shape: Shape | None = plan.shapes.get(formats)
    columns = tuple(columns)
    if coding is not plan.coding:
        return shape_of(columns, formats, coding)
    if shape is None or shape.columns != columns:
        shape = shape_of(columns, formats, coding)
        if not shape.shared:
            return shape
        if len(plan.shapes) >= MAX_SHAPES:
            plan.shapes.clear()
        plan.shapes[formats] = shape
    return shape


def source_of(result: Result | CopyOutcome, formats: tuple[int, ...], plan: Plan, coding: Coding) -> Source:
    """The source of what a handler returned.

    Raises:
        InternalError: it did not return a Result.
    """
    if not isinstance(result, Result):
        raise InternalError(f"the handler returned {type(result).__name__}, not a pgwire_py.Result")
    rows: Any = result.rows
    columns = result.columns
    if columns is not None and isinstance(rows, (list, tuple)):
        return ListSource(_shape_for(plan, columns, formats, coding), rows, result.affected, result.tag)
    if hasattr(rows, "__arrow_c_stream__") or hasattr(rows, "__arrow_c_array__"):
        return arrow_source(rows, formats, columns, coding, result.affected, result.tag)
    if columns is None:
        return Source(None, result.affected, result.tag)
    shape = shape_of(tuple(columns), formats, coding)
    if hasattr(rows, "__aiter__"):
        return AsyncIterSource(shape, aiter(rows), result.affected, result.tag)
    return IterSource(shape, iter(rows), result.affected, result.tag)
