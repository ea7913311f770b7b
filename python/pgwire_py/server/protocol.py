"""The asyncio end of one connection: socket, TLS upgrade, deadlines, back-pressure. Works on asyncio and uvloop."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypeVar, cast

from ..connection import BackendConnection
from ..errors import PostgresError, RemoteProtocolError, postgres_error
from ..messages import StartupMessage, Terminate
from ..state import Phase
from . import startup
from .coding import Coding
from .eager import PARKED, Runner
from .encodings import FrameRecoder
from .failures import internal_error, is_to_be_told, shutdown_error, tell
from .hooks import error_to_tell
from .short import ShortAnswers
from .tls_transport import BufferedTlsTransport, TlsTransport

if TYPE_CHECKING:
    import ssl

    from .server import Server
    from .session import Session

__all__ = ["BufferedServerProtocol", "ServerProtocol"]

T = TypeVar("T")

log = logging.getLogger("pgwire_py.server")

HIGH_WATER: Final = 1024 * 1024
"""Bytes waiting to be sent at which a session stops producing; it goes on below a quarter of it."""

JOIN: Final = 64 * 1024
"""Bytes up to which what is queued is joined into one write."""

MAX_PENDING: Final = 1_000
"""Messages received and not yet answered at which reading from a client is paused."""

MAX_WAITING: Final = 1024 * 1024
"""Bytes received while something is being answered at which reading from a client is paused."""


class ServerProtocol(asyncio.Protocol):
    """One accepted connection."""

    __slots__ = (
        "_asking_others",
        "_drained",
        "_eof",
        "_login",
        "_more",
        "_reading_paused",
        "_recoder",
        "_runner",
        "_short",
        "_transport",
        "_waiting",
        "connection",
        "lost",
        "paused",
        "server",
        "session",
    )

    tls_class: ClassVar[type[TlsTransport]] = TlsTransport

    def __init__(self, server: Server) -> None:
        self.server = server
        self.connection: BackendConnection = BackendConnection(
            max_message_length=server.max_message_length, direct_tls=server.tls is not None
        )
        self.session: Session | None = None
        self._login: startup.Login | None = None
        self._short: ShortAnswers | None = None
        self._recoder: FrameRecoder | None = None
        self._transport: asyncio.Transport | TlsTransport | None = None
        self._runner = Runner(server.loop, self.flush, self.abort)
        self._drained: asyncio.Future[None] | None = None
        self._more: asyncio.Future[None] | None = None
        self._waiting = 0
        self._reading_paused = False
        self._eof = False
        self._asking_others = False
        self.paused = False
        self.lost = False

    # -- called by the loop ------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(HIGH_WATER, HIGH_WATER // 4)
        self.server.opened(self)

    def data_received(self, data: bytes) -> None:
        short = self._short
        if short is not None:
            try:
                answer = short.answer(data)
            except BaseException as error:
                done = short.failed(error)
            else:
                done = answer is True or short.finish(answer)
            if done:
                return
        self._receive(data)

    def _receive(self, data: bytes) -> None:
        """Answer what does not go the short way."""
        busy = self._runner.suspended is not None
        session = self.session
        if self._recoder is not None and session is not None:
            data = self._recoder.feed(data)
        if session is not None and not busy:
            event = self.connection.receive_event(data)
            if event.__class__ is Terminate:
                self.close()
                return
            self._runner.run(session.run(event))
            if self._short is None and self._recoder is None and session.execution.is_plain:
                self._go_short()
            return
        if busy:
            self.connection.receive_data(data)
            self._waiting += len(data)
            if not self.wake() and (self._waiting > MAX_WAITING or self.connection.pending > MAX_PENDING):
                self._pause_reading()
            return
        self._log_in(self.connection.receive_event(data))

    def _go_short(self) -> None:
        """From now on statements are answered the short way where that can be."""
        self._short = ShortAnswers(self.session, self._runner, self._transport.write)  # type: ignore[arg-type, union-attr]

    def _go_long(self) -> None:
        """Statements are answered by the session again."""
        self._short = None

    def _log_in(self, event: Any) -> None:
        """Go on with the login: at once, as long as nothing but the client is waited for."""
        runner = self._runner
        while event is not None:
            if self._login is None and event.__class__ is not StartupMessage:
                runner.run_without_task(self._work(event))
                return
            runner.context.run(self._take, event)
            login = self._login
            if login is None:  # it is open, or has failed
                break
            if login.stage is startup.WAITS:
                self._login = None
                runner.run_without_task(self._work(login))
                return
            self._write_out()
            event = self.connection.next_event()
        session = self.session
        if session is not None:
            self.server.logged_in(self)
            self._write_out()
            event = self.connection.next_event()
            if event is not None:
                runner.run(session.run(event))

    def _take(self, event: Any) -> None:
        """Take the client's next message of a login that goes on at once."""
        try:
            login = self._login
            if login is None:
                login = self._login = startup.Login(self, event)
            else:
                login.take(event)
            if login.stage is startup.OPENS:
                self.session = login.open()
                self._login = None
        except BaseException as error:
            self._login = None
            self._start_failed(error)

    def eof_received(self) -> bool:
        self._eof = True
        if self._runner.busy and not (self._asking_others and self._has_left()):
            self.wake()
            return True
        return False

    def _has_left(self) -> bool:
        """Whether the client sends no more and all that it sent was read."""
        return self.lost or (self._eof and not self.connection.buffered and not self.connection.pending)

    def connection_lost(self, exc: Exception | None) -> None:
        if self.lost:
            return
        self.lost = True
        if self._login is not None:
            self._login = None
            if self.connection.phase is not Phase.CLOSED:
                log.info("start-up ended: the client left during authentication")
        self.connection.close()
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)
        busy = self._runner.suspended is not None
        if busy or self._more is not None:
            self.wake()
            busy = self._runner.suspended is not None
        self.server.closed(self)
        self._runner.close()
        if not busy:
            self._forget()

    def _forget(self) -> None:
        """Let go of what refers to the connection, about which nobody asks any more: without cycles the memory is free at once."""
        self._transport = self._short = None
        if self.session is not None:
            self.session.forget()
            self.session = None

    def pause_writing(self) -> None:
        self.paused = True
        self._pause_reading()  # who does not read the answers gets no more questions in

    def resume_writing(self) -> None:
        self.paused = False
        if self._runner.suspended is None:
            self._resume_reading()
        if self.session is not None and self.session.notifications is not None:
            self.session.notifications.tell_if_idle()
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)

    def _pause_reading(self) -> None:
        if not self._reading_paused and not self.lost:
            self._reading_paused = True
            self._transport.pause_reading()  # type: ignore[union-attr]

    def _resume_reading(self) -> None:
        if self._reading_paused and not self.lost:
            self._reading_paused = False
            self._transport.resume_reading()  # type: ignore[union-attr]

    # -- work --------------------------------------------------------------------------------------------------------

    @property
    def busy(self) -> bool:
        """Whether something is being answered."""
        return self._runner.busy

    async def _work(self, first: Any) -> None:
        """Do the login, or what a :class:`~startup.Login` leaves of it, then answer what the client has sent behind its start-up.

        ``first`` is either the login or the connection's first event.
        """
        try:
            login = first if isinstance(first, startup.Login) else await startup.start(self, first)
            if login is None:
                self.close()
                return
            self.session = await login.finish()
        except BaseException as error:
            self._start_failed(error)
            return
        self.server.logged_in(self)
        event = self.connection.next_event()
        if event is not None:
            await asyncio.sleep(0)  # from here on handlers run: in the session's task
            await self.session.run(event)

    def _start_failed(self, error: BaseException) -> None:
        """Tell the client, if it is still there, why it is not logged in, and close."""
        if not is_to_be_told(error):
            raise error
        if isinstance(error, RemoteProtocolError):
            error = postgres_error(error.sqlstate, str(error))
        if isinstance(error, PostgresError):
            error.severity = "FATAL"
            self._refuse(error)
        elif isinstance(error, startup.ClientLeft):
            log.info("start-up ended: %s", error)
        elif self.lost:  # what was to be sent next could not be
            log.info("start-up ended: the client left")
            return
        else:
            log.error("start-up failed", exc_info=error)
            self._refuse(internal_error(error, "FATAL"))
        self.close()

    def _refuse(self, error: PostgresError) -> None:
        if self.server.hooks_errors:
            error = error_to_tell(self.server.hooks, None, error)
        tell(self.connection, error.response_fields(), "FATAL")

    def follow_coding(self, coding: Coding) -> None:
        """From the next message on, texts are in the encoding of ``coding``, and short answers follow it."""
        self._go_long()
        encoding = coding.encoding
        if self._recoder is not None:
            self._recoder.encoding = encoding
            if encoding is None and self._recoder.idle:
                self._recoder = None
        elif encoding is not None:
            connection = self.connection
            self._recoder = FrameRecoder(encoding, self.server.max_message_length, lambda: connection.buffered)
            if self.session is None:
                connection.recode_ahead = self._recoder.feed

    async def next_event(self) -> Any:
        """The next event during start-up; None when the client closed the connection."""
        while (event := self.connection.next_event()) is None:
            if self._ends():
                return None
            if self._runner.may_park:
                await PARKED
            else:
                await self._wait_for_more()
        return event

    async def ask_others(self, coming: Awaitable[T]) -> T:
        """Await, in the middle of a login, what neither the client nor the server decides; cancelled if the client leaves meanwhile.

        A client that has sent its proof ahead has not left by sending no more: it may read the answer.

        Raises:
            ClientLeft: it had left before.
        """
        self._asking_others = True
        try:
            if self._has_left():
                raise startup.ClientLeft("the client left during authentication")
            return await coming
        finally:
            self._asking_others = False
            if asyncio.iscoroutine(coming):
                coming.close()  # where it was not begun

    def _ends(self) -> bool:
        """Whether no more will come."""
        return self._eof or self.lost or self.connection.phase is Phase.CLOSED

    async def copy_event(self) -> Any:
        """The next event while a session reads COPY data; None where the client is gone, or :meth:`wake` was called."""
        while (event := self.connection.next_event()) is None and not self._ends():
            self._waiting = 0
            if not self.paused:
                self._resume_reading()
            await self._wait_for_more()
            if self.session is None or self.session.cancel_requested:
                return None
        return event

    def copied(self, size: int) -> None:
        """So many bytes that were waiting have been taken."""
        self._waiting = max(self._waiting - size, 0)
        if (
            self._reading_paused
            and not self.paused
            and self._waiting < MAX_WAITING // 2
            and self.connection.pending < MAX_PENDING // 2
        ):
            self._resume_reading()

    def wake(self) -> bool:
        """Let who waits for an event look around; False where nobody does."""
        if self._runner.unpark():
            return True
        if self._more is None or self._more.done():
            return False
        self._more.set_result(None)
        return True

    async def _wait_for_more(self) -> None:
        """Until :meth:`wake`."""
        self._more = self.server.loop.create_future()
        try:
            await self._more
        finally:
            self._more = None

    async def start_tls(self, received: bytes = b"") -> ssl.SSLObject:
        """Go on with TLS on the same socket; ``received`` are its bytes that came already.

        Raises:
            ClientLeft: the handshake failed.
        """
        assert self.server.tls is not None
        self.flush()
        transport = self.tls_class(self, cast(asyncio.Transport, self._transport), self.server.tls.context)
        self._transport = transport
        try:
            await transport.handshake(received)
        except OSError as error:
            raise startup.ClientLeft(f"the TLS handshake failed: {error}") from None
        return transport.tls

    @property
    def local(self) -> bool:
        """Whether the client came over a Unix-domain socket. The socket says so: the address of a client who is gone may be unknown."""
        family = None if self._transport is None else self._transport.get_extra_info("socket").family
        return family not in (None, socket.AF_INET, socket.AF_INET6)

    @property
    def address(self) -> str | None:
        """The client's IP address; None for a Unix-domain socket, and for a client who was gone before he was accepted."""
        peer = self.peer
        return None if peer is None else peer[0]

    @property
    def peer(self) -> tuple[str, int] | None:
        """The client's IP address and port; None for a Unix-domain socket."""
        peer = None if self._transport is None else self._transport.get_extra_info("peername")
        return (str(peer[0]), int(peer[1])) if isinstance(peer, tuple) else None

    @property
    def tls(self) -> ssl.SSLObject | None:
        """What speaks TLS; None where the connection is not encrypted."""
        return self._transport.tls if isinstance(self._transport, TlsTransport) else None

    def flush(self) -> None:
        """Write what is queued; called whenever the session's work pauses or ends."""
        if not self.lost:
            self._write_out()
        if self._runner.suspended is None:
            self._waiting = 0
            if self._reading_paused and not self.paused:
                self._resume_reading()
            if self._eof:
                self.close()

    def _write_out(self) -> None:
        pieces = self.connection.take_pieces()
        if not pieces:
            return
        write = self._transport.write  # type: ignore[union-attr]
        if len(pieces) == 1:
            write(pieces[0])
        elif sum(map(len, pieces)) <= JOIN:
            write(b"".join(pieces))
        else:
            for piece in pieces:
                write(piece)

    async def drain(self) -> None:
        """Write what is queued and wait while the client reads too slowly; lets others have a turn."""
        if self.lost:
            raise asyncio.CancelledError
        self._write_out()
        if self.paused:
            self._drained = self.server.loop.create_future()
            try:
                await self._drained
            finally:
                self._drained = None
        else:
            await asyncio.sleep(0)

    def cancel_handler(self) -> None:
        """Cancel the handler's coroutine where it waits on the loop."""
        session = self.session
        if self._runner.busy and session is not None and (session.hooked or session.execution.can_be_left):
            self._runner.cancel()

    def close(self) -> None:
        """Write what is queued, then close."""
        connection = self.connection
        connection.close()
        transport = self._transport
        if transport is not None and not transport.is_closing():
            if connection.outgoing:
                self._write_out()
            transport.close()

    def abort(self) -> None:
        """Close without waiting for the client to read."""
        self.connection.close()
        if self._transport is not None:
            self._transport.abort()

    def too_slow(self) -> None:
        """The deadline for logging in has passed."""
        log.info("start-up took longer than %s s: connection closed", self.server.startup_timeout)
        self.abort()

    def shut_down(self) -> None:
        """The server stops: end as soon as the session is between statements."""
        if self.session is None:
            self.close()
        else:
            self.session.shut_down(shutdown_error())


class BufferedServerProtocol(ServerProtocol, asyncio.BufferedProtocol):
    """The same on asyncio's own loops, which otherwise allocate 256 KiB for every receive; all connections share one buffer."""

    __slots__ = ("buffer_updated",)

    buffer_updated: Callable[[int], None]  # type: ignore[assignment]
    tls_class = BufferedTlsTransport

    def __init__(self, server: Server) -> None:
        super().__init__(server)
        self.buffer_updated = self._received

    def get_buffer(self, sizehint: int) -> bytearray:
        return self.server.receive_buffer

    def _received(self, nbytes: int) -> None:
        self._receive(bytes(memoryview(self.server.receive_buffer)[:nbytes]))

    def _not_answered(self, answer: Any, nbytes: int) -> None:
        short = self._short
        done = short is not None and (
            short.failed(answer) if isinstance(answer, BaseException) else short.finish(answer)
        )
        if not done:
            self._received(nbytes)

    def _go_short(self) -> None:
        super()._go_short()
        assert self._short is not None
        self.buffer_updated = self._short.receive_from(self.server.receive_buffer, self._not_answered)

    def _go_long(self) -> None:
        super()._go_long()
        self.buffer_updated = self._received

    def _forget(self) -> None:
        super()._forget()
        self.buffer_updated = _nothing


def _nothing(nbytes: int) -> None:
    pass
