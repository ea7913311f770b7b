"""COPY in both directions, with back-pressure both ways."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Sequence
from os import PathLike
from types import TracebackType
from typing import Any, Final

from .._impl import MessageBuilder, RowEncoder
from ..errors import QueryCanceled, RemoteProtocolError
from ..sql import quoted
from .core import Core, pause, resume
from .driver import Driver
from .errors import InterfaceError
from .exchange import Exchange, Frame

__all__ = ["CopyIn", "CopyOut", "copy_records", "copy_source"]

CHUNK: Final = 65_536
HIGH_WATER: Final = 1 << 20
"""Bytes of COPY TO STDOUT that wait for the reader before the socket is no longer read."""

_REFUSAL: Final = bytes(MessageBuilder().copy_fail("the client gave up").take())
_BINARY_HEADER: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_BINARY_TRAILER: Final = b"\xff\xff"


class _CopyExchange(Exchange):
    """A simple query that is a COPY statement: ``tag`` is the G or H that must come."""

    def __init__(self, core: Core, statement: str, tag: str) -> None:
        super().__init__("QZ", core.loop.create_future(), statement=statement)
        self._tag = tag
        self.started = False
        self.ended = False  # CopyDone has gone, or come
        self.chunks: deque[bytes] = deque()
        self.size = 0
        self.full: Callable[[], None] | None = None

    def take(self, frames: Sequence[Frame], other: Callable[[str, Any], None]) -> None:
        rest = []
        for tag, body in frames:
            if tag == self._tag and not self.started and self.position == 0:
                self.started = True
                if not self.discarding:
                    self.finish()
                elif tag == "G":  # given up before it began: the server waits for data
                    self.ended = True
                    self.written(_REFUSAL)
            elif tag == "d" and self._tag == "H" and self.started and not self.ended:
                if not self.discarding:
                    self.chunks.append(body)
                    self.size += len(body)
            elif tag == "c" and self._tag == "H" and self.started and not self.ended:
                self.ended = True
            else:
                rest.append((tag, body))
                if tag == "E":
                    self.ended = True
        if rest:
            super().take(rest, other)
        if self.chunks:
            self.finish()
            if self.size > HIGH_WATER and not self.done and self.full is not None:
                self.full()

    def _copy(self, tag: str, step: str) -> int:
        if self.started:
            raise RemoteProtocolError(f"unexpected message {tag!r} during COPY", fatal=True)
        return super()._copy(tag, step)

    def closing(self) -> bytes:
        self.discarding = True
        self.chunks.clear()
        if self._tag == "G" and self.started and not self.ended:
            self.ended = True
            return _REFUSAL
        return b""


def _begin(core: Core, statement: str, tag: str) -> _CopyExchange:
    exchange = _CopyExchange(core, statement, tag)
    core.wire.begin(exchange, MessageBuilder().query(statement).take())
    return exchange


def _count(exchange: Exchange) -> int:
    """The rows that the command tag tells."""
    if exchange.error is not None:
        raise exchange.error
    last = exchange.results[-1] if exchange.results else ([], b"")
    assert isinstance(last, tuple)
    word = last[1].rpartition(b" ")[2]
    return int(word) if word.isdigit() else 0


class CopyIn:
    """One ``COPY … FROM STDIN``."""

    def __init__(self, core: Core, statement: str) -> None:
        self._core = core
        self._statement = statement

    async def run(self, source: AsyncIterable[bytes]) -> int:
        """Send all of it; the number of rows. An error of the source ends the COPY, and nothing is kept."""
        core = self._core
        await core.ready()
        exchange = _begin(core, self._statement, "G")
        wire = core.wire
        try:
            await exchange.waiter
            if exchange.started and not exchange.done:
                exchange.waiter = core.loop.create_future()
                builder = MessageBuilder()
                try:
                    async for piece in source:
                        if exchange.ended:
                            break
                        builder.copy_data(piece)
                        if len(builder) >= CHUNK:
                            wire.write(builder.take())
                            await wire.room()
                    if not exchange.ended:
                        exchange.ended = True
                        wire.write(builder.copy_done().take())
                except Exception as error:
                    await self._give_up(exchange, error)
                    raise
                await exchange.waiter
        except BaseException:
            core.abandon(exchange)
            raise
        if exchange.error is None and not exchange.started:
            raise InterfaceError("copy_in() is for COPY … FROM STDIN")
        return _count(exchange)

    async def _give_up(self, exchange: _CopyExchange, error: Exception) -> None:
        """End the COPY where its source failed; the connection stays usable."""
        if exchange.done:
            return
        if not exchange.ended:
            exchange.ended = True
            self._core.wire.write(MessageBuilder().copy_fail(str(error)[:200].replace("\0", "")).take())
        await exchange.waiter
        if exchange.error is not None and not isinstance(exchange.error, QueryCanceled):
            raise exchange.error from error


class CopyOut:
    """One ``COPY … TO STDOUT``: an async iterator of bytes, one for each message. Use it once."""

    def __init__(self, core: Core, statement: str) -> None:
        self._core = core
        self._statement = statement
        self._exchange: _CopyExchange | None = None

    async def __aenter__(self) -> CopyOut:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def _stop(self) -> None:
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            exchange.full = None
            self._core.abandon(exchange)
            resume(self._core.wire)  # also where all has come: what came last may have been too much to go on reading

    async def __aiter__(self) -> AsyncIterator[bytes]:
        core = self._core
        await core.ready()
        exchange = self._exchange = _begin(core, self._statement, "H")
        exchange.full = lambda: pause(core.wire)
        try:
            while True:
                if not exchange.chunks and not exchange.done:
                    await exchange.waiter
                chunks, exchange.chunks = exchange.chunks, deque()
                exchange.size = 0
                if not exchange.done:
                    exchange.waiter = core.loop.create_future()
                    resume(core.wire)
                for chunk in chunks:
                    yield chunk
                if exchange.done and not exchange.chunks:
                    break
            if exchange.error is None and not exchange.started:
                raise InterfaceError("copy_out() is for COPY … TO STDOUT")
            _count(exchange)
        finally:
            self._stop()

    async def read(self) -> bytes:
        """All of it."""
        return b"".join([chunk async for chunk in self])


async def copy_source(driver: Driver, source: Any) -> AsyncIterator[bytes]:
    """Bytes of whatever a user has."""
    if isinstance(source, (bytes, bytearray, memoryview)):
        view = memoryview(source).cast("B")
        for start in range(0, len(view), CHUNK):
            yield view[start : start + CHUNK]  # type: ignore[misc]
    elif isinstance(source, (str, PathLike)):
        with open(source, "rb") as file:  # noqa: ASYNC230
            while piece := await driver.in_thread(file.read, CHUNK):
                yield piece
    elif hasattr(source, "read"):
        while True:
            piece = source.read(CHUNK)
            if hasattr(piece, "__await__"):
                piece = await piece
            if not piece:
                return
            yield piece
    elif hasattr(source, "__aiter__"):
        async for piece in source:
            yield piece
    else:
        for piece in source:
            yield piece


async def copy_records(
    core: Core,
    table: str,
    schema: str | None,
    columns: Sequence[str] | None,
    records: Iterable[Sequence[object]],
) -> int:
    """Rows of Python values into a table, by binary COPY."""
    target = f"{quoted(schema)}.{quoted(table)}" if schema else quoted(table)
    names = ", ".join(map(quoted, columns)) if columns else "*"
    plan = await core.plan(f"select {names} from {target}")
    types = [field.type_oid for field in plan.fields or ()]
    registry = core.types
    custom = {number: oid for number, oid in enumerate(types) if not isinstance(registry._resolved(oid), int)}
    plain = [17 if number in custom else registry._resolved(oid) for number, oid in enumerate(types)]
    encoder = RowEncoder(plain, [1] * len(plain), layout="copy")  # type: ignore[arg-type]

    async def pieces() -> AsyncIterator[bytes]:
        yield _BINARY_HEADER
        batch: list[Any] = []
        for record in records:
            if custom:
                record = list(record)
                for number, oid in custom.items():
                    record[number] = registry.encode(oid, 1, record[number])
            batch.append(record if isinstance(record, (tuple, list)) else tuple(record))
            if len(batch) >= 256:
                yield bytes(encoder.encode(batch, 0, 1 << 30)[0])
                batch = []
        if batch:
            yield bytes(encoder.encode(batch, 0, 1 << 30)[0])
        yield _BINARY_TRAILER

    listed = f" ({names})" if columns else ""
    return await CopyIn(core, f"copy {target}{listed} from stdin (format binary)").run(pieces())
