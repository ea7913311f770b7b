"""COPY through handlers: what a handler function answers to copy data in, out, or both ways (Protocol 55.2.7)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from typing import Any

from ..copy import CopyOptions
from ..engines.base import Column
from ..errors import PostgresError
from .copy_coding import SettingsDecoder

__all__ = ["BlockingCopyReader", "CopyBoth", "CopyIn", "CopyOut", "CopyOutcome", "CopyReader", "CopyStream"]

Chunk = bytes | bytearray | memoryview


class CopyOutcome:
    """Base of what starts a COPY: outcomes of a statement that are no rows.

    Attributes:
        tag: the whole command tag, where ``COPY n`` is not right.
    """

    tag: str | None = None


class CopyOut(CopyOutcome):
    """What a handler function answers to send COPY data (``COPY … TO STDOUT``).

    Args:
        columns: the columns; None to take them from Arrow ``rows``.
        rows: as in :class:`~pgwire_py.Result`: a list of tuples, an iterable or async iterable of tuples, or anything with
            ``__arrow_c_stream__``. Read as the client reads.
        options: format and the rest; default text. ``query.copy.options`` has what the statement asks for.
        tag: the whole command tag, where ``COPY n`` is not right.
    """

    def __init__(
        self,
        columns: Sequence[Column] | None = None,
        rows: Iterable[Sequence[object]] | AsyncIterable[Sequence[object]] | object = (),
        options: CopyOptions | None = None,
        *,
        tag: str | None = None,
    ) -> None:
        self.columns = columns
        self.rows = rows
        self.options = options or CopyOptions()
        self.tag = tag
        self.chunks: Iterable[Chunk] | AsyncIterable[Chunk] | None = None
        self.width = 0

    @classmethod
    def raw(
        cls,
        chunks: Iterable[Chunk] | AsyncIterable[Chunk],
        width: int,
        *,
        binary: bool = False,
        tag: str = "COPY 0",
    ) -> CopyOut:
        """Data that are encoded already.

        Args:
            chunks: pieces of the data, each of which becomes one CopyData message. Clients in want of PostgreSQL's habits get one row in
                each, in binary the header with the first.
            width: number of columns.
            binary: whether the data are in binary format.
            tag: the command tag: the rows in the data are not counted.
        """
        made = cls(None, (), CopyOptions(format="binary" if binary else "text"), tag=tag)
        made.chunks = chunks
        made.width = width
        return made

    def __repr__(self) -> str:
        return f"CopyOut(columns={self.columns!r}, tag={self.tag!r})"


class CopyIn(CopyOutcome):
    """What a handler function answers to receive COPY data (``COPY … FROM STDIN``).

    Args:
        receive: called with a :class:`CopyReader` once the client has been told to send. A coroutine function runs on the event loop; a
            plain function runs on the session's own thread and gets a :class:`BlockingCopyReader`. It returns the number of rows for the
            command tag, or None: those that were read. What it leaves unread is skipped; what it raises ends the statement.
        columns: the columns, to whose types rows are decoded.
        options: format and the rest; default text. ``query.copy.options`` has what the statement asks for.
        table: name of the table in the context of errors.
        tag: the whole command tag, where ``COPY n`` is not right.
    """

    def __init__(
        self,
        receive: Callable[[Any], Awaitable[int | None]] | Callable[[Any], int | None],
        columns: Sequence[Column],
        options: CopyOptions | None = None,
        *,
        table: str = "data",
        tag: str | None = None,
    ) -> None:
        self.receive = receive
        self.columns = tuple(columns)
        self.options = options or CopyOptions()
        self.table = table
        self.tag = tag

    def __repr__(self) -> str:
        return f"CopyIn(columns={self.columns!r}, table={self.table!r}, tag={self.tag!r})"


class CopyBoth(CopyOutcome):
    """What a handler function answers to stream both ways, as replication does; in the simple query protocol only.

    Args:
        run: a coroutine function, called with a :class:`CopyStream`; when it returns, the server's stream has ended.
        tag: the command tag.
    """

    def __init__(self, run: Callable[[CopyStream], Awaitable[None]], *, tag: str = "COPY 0") -> None:
        self.run = run
        self.tag = tag

    def __repr__(self) -> str:
        return f"CopyBoth(tag={self.tag!r})"


class CopyReader:
    """The data that a client copies in, read as chunks, as batches of rows, or row by row: ``async for row in reader``.

    The client is paused while nobody reads.

    Attributes:
        rows: rows handed out so far.

    Raises:
        PostgresError: from each way of reading: 57014 where the client gave up (CopyFail) or the statement is cancelled, 22P04, 22P02 …
            where the data are wrong, with the line. The statement is over then, whatever the handler makes of it.
    """

    def __init__(self, read: Callable[[], Awaitable[bytes | None]], decoder: SettingsDecoder, table: str) -> None:
        self._read = read
        self._decoder = decoder
        self._table = table
        self._ended = False
        self.rows = 0

    async def read(self) -> bytes | None:
        """The next piece of the data as it came; None at its end."""
        data = None if self._ended else await self._read()
        self._ended = data is None
        return data

    async def read_batch(self) -> list[tuple[Any, ...]] | None:
        """The next rows, at least one, decoded to the columns' types; None at the end."""
        while not self._ended:
            data = await self.read()
            batch = self._decoder.finish() if data is None else self._decoder.feed(data)
            if batch:
                self.rows += len(batch)
                return batch
        return None

    async def chunks(self) -> AsyncIterator[bytes]:
        """Pieces of the data as they come; their borders mean nothing."""
        while (data := await self.read()) is not None:
            yield data

    async def batches(self) -> AsyncIterator[list[tuple[Any, ...]]]:
        """Lists of rows, as many as came together."""
        while (batch := await self.read_batch()) is not None:
            yield batch

    async def __aiter__(self) -> AsyncIterator[tuple[Any, ...]]:
        while (batch := await self.read_batch()) is not None:
            before = self.rows - len(batch)
            for index, row in enumerate(batch):
                self.rows = before + index + 1
                yield row


class BlockingCopyReader:
    """A :class:`CopyReader` for a handler on a thread: ``for row in reader``, ``read``, ``read_batch``, ``chunks`` and ``batches``."""

    def __init__(self, reader: CopyReader, loop: asyncio.AbstractEventLoop) -> None:
        self._reader = reader
        self._loop = loop

    @property
    def rows(self) -> int:
        """Rows handed out so far."""
        return self._reader.rows

    def read(self) -> bytes | None:
        """The next piece of the data as it came; None at its end."""
        return asyncio.run_coroutine_threadsafe(self._reader.read(), self._loop).result()

    def read_batch(self) -> list[tuple[Any, ...]] | None:
        """The next rows, at least one; None at the end."""
        return asyncio.run_coroutine_threadsafe(self._reader.read_batch(), self._loop).result()

    def chunks(self) -> Iterator[bytes]:
        """Pieces of the data as they come."""
        return iter(self.read, None)

    def batches(self) -> Iterator[list[tuple[Any, ...]]]:
        """Lists of rows, as many as came together."""
        return iter(self.read_batch, None)

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        for batch in self.batches():
            yield from batch


class CopyStream:
    """Both directions of a copy-both: ``await stream.send(data)``, and ``async for data in stream`` until the client's CopyDone."""

    def __init__(self, read: Callable[[], Awaitable[bytes | None]], send: Callable[[Chunk], Awaitable[None]]) -> None:
        self._read = read
        self._send = send

    async def send(self, data: Chunk) -> None:
        """Send one CopyData message; waits while the client reads too slowly."""
        await self._send(data)

    async def receive(self) -> bytes | None:
        """The payload of the next CopyData message; None after the client's CopyDone."""
        return await self._read()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while (data := await self._read()) is not None:
            yield data


def line_context(error: PostgresError, table: str, line: int) -> PostgresError:
    """The error with ``COPY t, line n`` as its context, unless it has one."""
    error.fields.setdefault("where", f"COPY {table}, line {line}")
    return error
