"""The connection's end at its transport: one native call for each buffer that comes, one write for each batch that goes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final, cast

from .. import messages as m
from .._impl import FrameDecoder, RowDecoder
from ..connection.limits import MAX_ANSWER_LENGTH_AT_START, MAX_MESSAGE_LENGTH
from ..errors import FrameError, PgWireError, PostgresError, RemoteProtocolError
from .answers import decode_frame, error_of
from .driver import Loop
from .errors import ConnectionLost, InterfaceError, lost_by
from .exchange import Answer, Exchange, Frame, Run, RunExchange, one_at_a_time

__all__ = ["Wire", "new_decoder"]

_LONG: Final = "TDdENAVt"
"""Tags that may be long (Protocol 55.7; libpq's VALID_LONG_MESSAGE_TYPE)."""
_SHORT: Final = "RKSvZCI123nsGHWcx"


def new_decoder() -> FrameDecoder:
    """For what a server sends; short messages before the login is done."""
    limits = dict.fromkeys(_SHORT, MAX_ANSWER_LENGTH_AT_START) | dict.fromkeys(_LONG, MAX_MESSAGE_LENGTH)
    return FrameDecoder(max_message_length=MAX_ANSWER_LENGTH_AT_START, tag_limits=limits, only_listed_tags=True)


class Wire(asyncio.Protocol):
    """A connection behind its login.

    Args:
        loop: makes its futures: the event loop it lives on, or the blocking driver.
        decoder: what cut the login's frames; it may hold the beginning of a message.
        parameters: the run-time parameters so far.

    Attributes:
        exchange: the batch in flight; a run of a statement, which most are, is no more than its plan and what waits, until :meth:`whole`
            makes an exchange of it.
        status: the transaction's, as the last ReadyForQuery told.
        failure: why the connection cannot be used any more.
        drained: is done when an abandoned batch is over; None without one.
    """

    def __init__(self, loop: Loop, decoder: FrameDecoder, parameters: dict[str, str]) -> None:
        decoder.max_message_length = MAX_MESSAGE_LENGTH
        self.loop = loop
        self.transport: asyncio.Transport = cast("asyncio.Transport", None)
        self.exchange: Exchange | Run | None = None
        self.status = "I"
        self.parameters = parameters
        self.failure: BaseException | None = None
        self.drained: asyncio.Future[None] | None = None
        self.closed = loop.create_future()
        self.on_notice: Callable[[m.NoticeResponse], None] | None = None
        self.on_notification: Callable[[m.NotificationResponse], None] | None = None
        self.on_closed: Callable[[], None] | None = None
        self._send: Callable[[bytes | bytearray], None]
        self.decoder = decoder
        self._feed_answer: Callable[[bytes, RowDecoder | None], Answer | list[Frame] | None] = decoder.feed_answer
        self._room: asyncio.Future[None] | None = None

    # -- sending -----------------------------------------------------------------------------------------------------

    def begin(self, exchange: Exchange | Run, data: bytes | bytearray) -> None:
        """Send a batch.

        Raises:
            InterfaceError: another one is in flight, or the connection belongs to another event loop.
            ConnectionLost: the connection is closed.
        """
        if asyncio._get_running_loop() is not self.loop:
            self.check_loop()
        if self.exchange is not None:
            raise one_at_a_time()
        if self.failure is not None:
            raise self.lost()
        self.exchange = exchange
        try:
            self._send(data)
        except BaseException as error:  # a signal handler's, before the write or behind it: an answer may come, or none
            self.fail(lost_by("the client was interrupted while it sent a statement", error))
            raise

    def whole(self) -> Exchange | None:
        """The batch in flight as what takes any answer."""
        exchange = self.exchange
        if isinstance(exchange, tuple):
            self.exchange = exchange = RunExchange(*exchange)
        return exchange

    def check_loop(self) -> None:
        """Raises InterfaceError where another event loop runs than the connection's, or none, as in another thread."""
        # A blocking connection has no event loop at all.
        if isinstance(self.loop, asyncio.AbstractEventLoop) and asyncio._get_running_loop() is not self.loop:
            raise InterfaceError("the connection belongs to another event loop: each loop has connections of its own")

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send more of the batch in flight."""
        self.transport.write(data)

    async def room(self) -> None:
        """Wait until what was written has mostly left."""
        if self._room is not None:
            await self._room

    def pause_writing(self) -> None:
        if self._room is None:
            self._room = self.loop.create_future()

    def resume_writing(self) -> None:
        room, self._room = self._room, None
        if room is not None and not room.done():
            room.set_result(None)

    # -- receiving ---------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self._send = self.transport.write

    def data_received(self, data: bytes) -> None:
        exchange = self.exchange
        try:
            if isinstance(exchange, tuple):  # the usual way, short
                plan, waiter = exchange
                found = self._feed_answer(data, plan.decoder)
                if isinstance(found, tuple):
                    self.exchange = None
                    self.status = found[2]
                    if not waiter.done():
                        waiter.set_result(found)
                    return
                if found is not None:
                    self.take(found)
            elif exchange is not None:
                self.take(exchange.cut(self.decoder, data))
            else:
                self.take(self.decoder.feed_rows(data))
        except FrameError as error:
            self.broken(error)
        except PgWireError as error:
            self.fail(error)

    def broken(self, error: FrameError) -> None:
        """What came cannot be cut into frames; those before still count."""
        self.take(list(error.frames))
        self.fail(error)

    def take(self, frames: list[Frame]) -> None:
        """Hand out frames."""
        exchange = self.whole()
        try:
            if exchange is None:
                for tag, body in frames:
                    self._other(tag, body)
                return
            exchange.written = self._send
            exchange.take(frames, self._other)
            if exchange.done:
                self.status = exchange.status or self.status
                self.exchange = None
        except PgWireError as error:
            self.fail(error)

    def _other(self, tag: str, body: Any) -> None:
        """What answers no request."""
        if tag not in "NSAE":
            raise RemoteProtocolError(f"unexpected message {tag!r} with no request in flight", fatal=True)
        message = decode_frame(tag, body)
        if isinstance(message, m.ParameterStatus):
            self.parameters[message.name] = message.value
        elif isinstance(message, m.NotificationResponse):
            if self.on_notification is not None:
                self.on_notification(message)
        elif isinstance(message, m.NoticeResponse):
            if self.on_notice is not None:
                self.on_notice(message)
        else:
            raise error_of(message)

    # -- the end -----------------------------------------------------------------------------------------------------

    def fail(self, error: BaseException) -> None:
        """The connection cannot go on."""
        if self.failure is None:
            self.failure = error
        self.transport.abort()
        self._end(error)

    def lost(self) -> BaseException:
        """What an operation on the closed connection raises."""
        if self.failure is None:
            return ConnectionLost("the connection is closed")
        if isinstance(self.failure, ConnectionLost):
            return lost_by(str(self.failure), self.failure.__cause__)
        error = ConnectionLost(f"the connection is closed: {self.failure}")
        error.__cause__ = self.failure
        return error

    def connection_lost(self, exc: Exception | None) -> None:
        if self.failure is None:
            reason = f": {exc}" if exc is not None else ""
            self.failure = ConnectionLost(f"the server closed the connection unexpectedly{reason}")
        self._end(self.failure)
        if not self.closed.done():
            self.closed.set_result(None)

    def _end(self, error: BaseException) -> None:
        exchange, self.exchange = self.whole(), None
        if exchange is not None:
            if not (isinstance(exchange.error, PostgresError) and exchange.error.severity in ("FATAL", "PANIC")):
                exchange.error = error
            exchange.done = True
            exchange.finish()
        self.resume_writing()
        if self.on_closed is not None:
            callback, self.on_closed = self.on_closed, None
            callback()
