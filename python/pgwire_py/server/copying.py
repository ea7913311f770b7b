"""Carries out COPY between a session and its client (Protocol 55.2.7): in, out and both, for engines and handlers alike.

An error in COPY IN is told at once; what the client still sends of its data is skipped by the connection, up to CopyDone or CopyFail in
the simple protocol and up to Sync in the extended one.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any, Final, Protocol

from .. import messages as m
from .._impl import CopyEncoder, encode_message
from ..copy import CopyOptions
from ..errors import FeatureNotSupported, InternalError, PostgresError, postgres_error
from ..state import Phase
from .coding import Coding
from .copy_coding import CopyCoding, SettingsDecoder
from .copy_streams import (
    BlockingCopyReader,
    CopyBoth,
    CopyIn,
    CopyOut,
    CopyOutcome,
    CopyReader,
    CopyStream,
    line_context,
)
from .handler import Result
from .plans import Plan
from .results import CHUNK, Chunk, Source, source_of, types_of
from .tags import command_complete

if TYPE_CHECKING:
    from .session import Session

__all__ = ["CopySource", "CopyTarget", "PreparedCopyIn", "PreparedCopyOut", "prepare_copy_out", "run"]

COPY_DONE: Final = encode_message(m.CopyDone())


class CopySource(Source):
    """Rows of another source as CopyData messages, one for each row as PostgreSQL sends them."""

    __slots__ = ("_encoder", "_inner", "_messages")

    def __init__(self, inner: Source, how: CopyCoding) -> None:
        super().__init__(inner.shape, inner.affected, inner.tag)
        assert inner.shape is not None
        plan = how.options.plan([column.name for column in inner.shape.columns], "TO")
        self._inner = inner
        self._encoder = CopyEncoder(plan._replace(framed=True))
        self._messages = how.messages

    def read(self, max_rows: int) -> Chunk | Awaitable[Chunk]:
        chunk: Any = self._inner.read(max_rows)
        return self._encode(chunk) if chunk.__class__ is tuple else self._wait(chunk)

    async def _wait(self, chunk: Awaitable[Chunk]) -> Chunk:
        return self._encode(await chunk)

    def _encode(self, chunk: Chunk) -> Chunk:
        data, rows, done = chunk
        out = self._messages(self._encoder.encode_data_rows(data))
        if done:
            end = self._messages(self._encoder.finish())
            out = b"".join((out, end)) if len(out) else end
        return out, rows, done

    def close(self) -> None:
        self._inner.close()


class PreparedCopyOut(CopyOutcome):
    """A COPY OUT that has begun: ``source`` gives CopyData messages."""

    def __init__(self, source: Source, width: int, binary: bool, tag: str | None = None) -> None:
        self.source = source
        self.response = m.CopyOutResponse(int(binary), (int(binary),) * width)
        self.tag = tag


class CopyTarget(Protocol):
    """Where the data of a COPY IN go."""

    async def feed(self, data: bytes) -> None:
        """Take a piece of the data."""

    async def finish(self) -> int:
        """No more come: the number of rows."""

    def abort(self) -> None:
        """Give up."""

    @property
    def line(self) -> int:
        """The line that is waited for."""


class PreparedCopyIn(CopyOutcome):
    """A COPY IN whose target is ready to take ``width`` columns."""

    def __init__(self, target: CopyTarget, table: str, width: int, binary: bool) -> None:
        self.target = target
        self.table = table
        self.response = m.CopyInResponse(int(binary), (int(binary),) * width)


async def run(session: Session, plan: Plan, outcome: CopyOutcome) -> bytes:
    """Carry out a COPY; the bytes of its CommandComplete."""
    if isinstance(outcome, PreparedCopyIn):
        rows = await _feed(session, outcome)
    elif isinstance(outcome, PreparedCopyOut):
        rows = await _send_source(session, outcome.source, outcome.response)
    elif isinstance(outcome, CopyIn):
        rows = await _receive(session, plan, outcome)
    elif isinstance(outcome, CopyOut):
        prepared = prepare_copy_out(outcome, plan, session.settings.coding)
        rows = await _send_source(session, prepared.source, prepared.response)
    elif isinstance(outcome, CopyBoth):
        rows = await _both(session, outcome)
    else:
        raise InternalError(f"the handler returned {type(outcome).__name__}, which is no COPY")
    return command_complete(outcome.tag or f"COPY {rows}")


# -- in --------------------------------------------------------------------------------------------------------------


class _Incoming:
    """What the client sends as COPY data, in pieces of about CHUNK bytes at most."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.ended = False

    async def read(self, joined: bool = True) -> bytes | None:
        """The next piece, of several messages where ``joined`` and they are there already; None after CopyDone.

        Raises:
            PostgresError: 57014 for CopyFail or a cancel; FATAL 08006 or 08P01 where the client is gone or says something else.
        """
        if self.ended:
            return None
        session = self._session
        pieces: list[bytes] = []
        size = 0
        event: Any = await session.copy_event()
        while event is not None:
            if event.__class__ is m.CopyData:
                pieces.append(event.data)
                size += len(event.data)
                if not joined:
                    break
            elif event.__class__ is m.CopyDone:
                self.ended = True
                break
            else:
                self._refuse(event)
            event = session.connection.next_event() if size < CHUNK else None
        session.copied(size)
        if pieces:
            return pieces[0] if len(pieces) == 1 else b"".join(pieces)
        return None if self.ended else b""

    def _refuse(self, event: Any) -> None:
        self.ended = True
        if isinstance(event, m.CopyFail):
            raise postgres_error("57014", f"COPY from stdin failed: {event.message}")
        if isinstance(event, m.Terminate):
            raise postgres_error("08P01", "unexpected message type 0x58 during COPY from stdin", severity="FATAL")
        raise postgres_error(event.sqlstate, str(event), severity="FATAL" if event.fatal else "ERROR")

    async def skip(self) -> None:
        """Take what is left."""
        while await self.read() is not None:
            pass


async def _feed(session: Session, copy: PreparedCopyIn) -> int:
    session.connection.send(copy.response)
    session.flush()
    incoming = _Incoming(session)
    target = copy.target
    try:
        while (data := await incoming.read()) is not None:
            await target.feed(data)
        return await target.finish()
    except BaseException as error:
        target.abort()
        if isinstance(error, PostgresError) and error.severity == "ERROR":
            line_context(error, copy.table, target.line)
        raise


async def _receive(session: Session, plan: Plan, copy: CopyIn) -> int:
    columns = copy.columns
    how = _of_handler(copy.options, plan, session.settings.coding)
    binary = int(how.binary)
    names = [column.name for column in columns]
    decoder = SettingsDecoder(how.options.plan(names, "FROM", types=types_of(columns), table=copy.table), how)
    session.connection.send(m.CopyInResponse(binary, (binary,) * len(columns)))
    session.flush()
    incoming = _Incoming(session)
    failed: list[PostgresError] = []

    async def read() -> bytes | None:
        try:
            return await incoming.read()
        except PostgresError as error:
            failed.append(error)
            raise

    reader = CopyReader(read, decoder, copy.table)
    receive: Any = copy.receive
    try:
        if inspect.iscoroutinefunction(receive) or inspect.iscoroutinefunction(getattr(receive, "__call__", None)):  # noqa: B004
            count = await receive(reader)
        else:
            count = await session.execution.call(receive, BlockingCopyReader(reader, session.server.loop))
        if not failed:
            await incoming.skip()
    except PostgresError as error:
        raise line_context(error, copy.table, max(reader.rows, 1)) from None
    if failed:  # the handler made nothing of it; the statement has failed all the same
        raise line_context(failed[0], copy.table, max(reader.rows, 1))
    return reader.rows if count is None else int(count)


# -- out -------------------------------------------------------------------------------------------------------------


class _RawSource(Source):
    """Pieces of a handler's own data as CopyData messages."""

    __slots__ = ("_chunks",)

    def __init__(self, chunks: Any) -> None:
        super().__init__(None)
        self._chunks = chunks if hasattr(chunks, "__aiter__") else iter(chunks)

    def read(self, max_rows: int) -> Chunk | Awaitable[Chunk]:
        if hasattr(self._chunks, "__aiter__"):
            return self._read()
        for data in self._chunks:
            return _copy_data(data), 0, False
        return b"", 0, True

    async def _read(self) -> Chunk:
        self._chunks = aiter(self._chunks)
        async for data in self._chunks:
            return _copy_data(data), 0, False
        return b"", 0, True

    def close(self) -> None:
        close = getattr(self._chunks, "close", None)
        if close is not None:
            close()


def _copy_data(data: Any) -> bytes:
    payload = bytes(data)
    return b"d" + (len(payload) + 4).to_bytes(4, "big") + payload


def _of_handler(options: CopyOptions, plan: Plan, coding: Coding) -> CopyCoding:
    """UTF8, which is the default, stands for the client's encoding unless the statement asks for it."""
    return CopyCoding(options, options.encoding != "UTF8" or (plan.copy is not None and plan.copy.encoded), coding)


def prepare_copy_out(copy: CopyOut, plan: Plan, coding: Coding) -> PreparedCopyOut:
    """The source of what a handler sends."""
    how = _of_handler(copy.options, plan, coding)
    if copy.chunks is not None:
        return PreparedCopyOut(_RawSource(copy.chunks), copy.width, how.binary, copy.tag)
    inner = source_of(Result(copy.columns, copy.rows), how.formats, plan, how.rows)
    if inner.shape is None:
        raise InternalError("the handler returned a CopyOut without columns")
    try:
        source = CopySource(inner, how)
    except BaseException:
        inner.close()
        raise
    return PreparedCopyOut(source, len(inner.shape.columns), how.binary, copy.tag)


async def _send_source(session: Session, source: Source, response: m.CopyOutResponse) -> int:
    send = session.connection.send_encoded
    count: int = 0
    try:
        chunk: Any = source.read(0)  # what fails at once is an error without any data before it
        if chunk.__class__ is not tuple:
            chunk = await chunk
        session.connection.send(response)
        while True:
            data, rows, done = chunk
            if len(data):
                send(data)
            count += rows
            if done:
                break
            await session.pause()
            chunk = source.read(0)
            if chunk.__class__ is not tuple:
                chunk = await chunk
    except BaseException:
        source.close()
        raise
    source.close()
    session.connection.send(m.CopyDone())
    return count


# -- both ------------------------------------------------------------------------------------------------------------


async def _both(session: Session, copy: CopyBoth) -> int:
    if session.connection.phase is not Phase.SIMPLE:
        raise FeatureNotSupported("COPY in both directions needs the simple query protocol")
    session.connection.send(m.CopyBothResponse(0, ()))
    session.flush()
    incoming = _Incoming(session)

    async def read() -> bytes | None:
        return await incoming.read(joined=False)

    async def send(data: Any) -> None:
        session.connection.send_encoded(_copy_data(data))
        await session.pause()

    await copy.run(CopyStream(read, send))
    session.connection.send(m.CopyDone())
    session.flush()
    await incoming.skip()
    return 0
