"""One client of a proxy and its connection to the upstream: two ends, each of which writes what the other one reads.

Where nobody looks at the messages, what came is forwarded as it came; a scanner only says where messages end. Plain sockets are then
read by a relay (:mod:`.relaying`), and their transports wait for it to stop. Where hooks or watchers look, whole messages are forwarded,
in one write for what came at a time. Either way the end that cannot be written to stops the reading from the other.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from contextlib import suppress
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final, cast

from .._impl import FrameScanner, encode_message
from ..errors import FrameError, PostgresError, RemoteProtocolError
from ..frames import MAX_LENGTH, FrameDecoder
from ..messages import ErrorResponse
from ..server.tls import ALPN
from ..server.tls_transport import TlsTransport
from .frame import Frame, Replacement, encode, password_kind_after
from .relaying import can_be_read
from .upstream import UpstreamError

if TYPE_CHECKING:
    import ssl

    from .proxy import Proxy
    from .watchers import Watcher

__all__ = ["ProxySession"]

log = logging.getLogger("pgwire_py.proxy")

HIGH_WATER: Final = 256 * 1024
"""Bytes waiting for one end at which nothing more is read from the other, until a quarter is left."""

CLOSE_TIMEOUT: Final = 60.0
"""Seconds that an end gets to read what was written before its connection was closed."""

SSL_REQUEST: Final = 80877103
GSSENC_REQUEST: Final = 80877104
CANCEL_REQUEST: Final = 80877102
_TLS_RECORD: Final = 0x16
"""First byte of a ClientHello: direct TLS."""


class End(asyncio.Protocol):
    """What the two ends have in common.

    Attributes:
        scanner: follows the messages that nobody looks at; None where somebody does, and before the first of them.
        full: whether nothing more can be written to it for now.
    """

    __slots__ = ("_last", "_write", "decoder", "full", "lost", "other", "scanner", "session", "transport")

    direction: str
    may_tell: bool
    """Whether the client can be told of what is wrong in this end's stream: a message may have been forwarded in part."""
    transport: asyncio.Transport

    def __init__(self, session: ProxySession, startup: bool) -> None:
        self.session = session
        self.lost = False
        self.full = False
        self.other: End | None = None
        self.scanner: FrameScanner | None = None
        self.decoder = FrameDecoder(startup, max_message_length=session.proxy.max_message_length)
        self._last = ""
        self._write: Any = None

    @property
    def last(self) -> str:
        """Tag of the last whole message."""
        return self._last if self.scanner is None else self.scanner.last

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.set_write_buffer_limits(HIGH_WATER, HIGH_WATER // 4)

    def data_received(self, data: bytes) -> None:
        scanner = self.scanner
        try:
            if scanner is not None:
                scanner.scan(data)
                self._write(data)
            elif frames := self.decoder.feed(data):
                self._last = frames[-1][0]
                self.session.examine(self, frames)
        except FrameError as error:
            self.session.fail(PostgresError(f"{self.direction}: {error}", sqlstate="08P01"), tell=self.may_tell)

    def forward_to(self, other: End, offset: int) -> None:
        """From now on, what comes goes to the other end; so many bytes have gone already."""
        self.other = other
        if not self.session.examined:
            self._write = other.transport.write
            self.scanner = FrameScanner(self.session.proxy.max_message_length, offset)

    def pause_writing(self) -> None:
        self.full = True
        if self.other is not None and not self.other.lost and not self.session.relayed:
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        self.full = False
        if self.other is not None and not self.other.lost:
            self.other.go_on()

    def go_on(self) -> None:
        """Read again."""
        relaying = self.session.proxy.relaying
        if not self.session.relayed:
            self.transport.resume_reading()
        elif relaying is None or not relaying.read(self):
            self.session.stop_relaying()

    def stopped(self, rest: bytes | None) -> None:
        """The relay does not read from this end any more; see :meth:`Relay.run` for why."""
        other = self.other
        if rest is None:
            self.data_received(b"")  # which raises what the scanner found
        elif not rest:
            self.session.stop_relaying()  # the transport finds the end of the stream as well
        elif other is not None and not other.lost:
            other.transport.write(rest)
            if self.session.relayed and not other.full:
                self.go_on()

    def close(self) -> None:
        """Write what is queued, then close; after a while without."""
        self.session.stop_relaying()
        if not self.lost and not self.transport.is_closing():
            self.transport.close()
            if not self.lost:
                asyncio.get_running_loop().call_later(CLOSE_TIMEOUT, self.abort)

    def abort(self) -> None:
        self.session.stop_relaying()
        if not self.lost:
            self.transport.abort()


class ClientEnd(End):
    """The end that faces the client; brings it to its start-up packet."""

    __slots__ = ("_asked", "_late", "_packet", "_task", "server", "starting")

    direction = "frontend"
    may_tell = True

    def __init__(self, session: ProxySession) -> None:
        super().__init__(session, startup=True)
        self.server = session.proxy  # for the TLS transport, which asks it for the loop
        self.starting = True
        self._packet = bytearray()
        self._late: bytearray | None = None
        self._asked: set[int] = set()
        self._task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.session.proxy.opened(self.session)

    def data_received(self, data: bytes) -> None:
        if self.starting:
            self._start(data)
        else:
            super().data_received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        if self.lost:
            return
        self.lost = True
        self.session.stop_relaying()
        if self._task is not None:
            self._task.cancel()
        self.session.client_lost()

    def _start(self, data: bytes) -> None:
        if self._late is not None:  # reading is paused, but TLS may have had more
            self._late += data
            return
        tls, encrypted = self.session.proxy.tls, isinstance(self.transport, TlsTransport)
        if not self._asked and not self._packet and not encrypted and data[0] == _TLS_RECORD:
            if tls is None:
                self.abort()
            else:
                self._start_tls(tls.context, data)
            return
        self._packet += data
        try:
            frames = self.decoder.feed(data)
        except FrameError as error:
            self.session.fail(PostgresError(str(error), sqlstate="08P01"))
            return
        if not frames:
            return
        code = int.from_bytes(frames[0][1][:4], "big")
        if code in (SSL_REQUEST, GSSENC_REQUEST):
            if code in self._asked:
                self.session.fail(PostgresError("encryption was asked for twice", sqlstate="08P01"))
                return
            self._asked.add(code)
            self._packet.clear()
            self.decoder.startup = True
            if code == SSL_REQUEST and tls is not None and not encrypted:
                self.transport.write(b"S")
                self._start_tls(tls.context)
            else:
                self.transport.write(b"N")
            return
        self._late = bytearray()
        self.session.proxy.started(self.session)
        if code == CANCEL_REQUEST:
            self._run(self.session.cancel(bytes(self._packet)))
        else:
            self.transport.pause_reading()
            self._run(self.session.connect(frames))

    def _start_tls(self, context: ssl.SSLContext, received: bytes = b"") -> None:
        transport = TlsTransport(cast(Any, self), self.transport, context)
        self.transport = cast(asyncio.Transport, transport)
        if received:
            transport.data_received(received)
        self._run(self._handshake(transport, direct=bool(received)))

    async def _handshake(self, transport: TlsTransport, *, direct: bool) -> None:
        try:
            await transport.handshake()
        except OSError as error:
            log.info("the TLS handshake failed: %s", error)
            self.abort()
            return
        if direct and transport.tls.selected_alpn_protocol() != ALPN:
            self.abort()

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        self._task = asyncio.ensure_future(work)
        self._task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a connection failed", exc_info=error)
            self.session.fail(PostgresError("the proxy failed", sqlstate="XX000"))

    def begin(self, server: ServerEnd, frames: list[tuple[str, memoryview]]) -> None:
        """The upstream is there: what came so far goes to it, the start-up packet first."""
        self.starting = False
        packet, self._packet = bytes(self._packet), bytearray()
        late, self._late = self._late, None
        length = int.from_bytes(packet[:4], "big")
        self.forward_to(server, length)
        server.forward_to(self, 0)
        self.session.start_relaying()
        if self.scanner is not None:
            self._write(packet[:length])
            super().data_received(packet[length:])
        else:
            self._last = frames[-1][0]
            self.session.examine(self, frames)
        if late:
            super().data_received(bytes(late))
        if not self.session.ended:
            for end in (self, server):
                if not end.lost and end.other is not None and not end.other.full:
                    end.go_on()


class ServerEnd(End):
    """The end that faces the upstream."""

    __slots__ = ()

    direction = "backend"
    may_tell = False

    def __init__(self, session: ProxySession) -> None:
        super().__init__(session, startup=False)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.transport.pause_reading()  # until the client's start-up packet has gone, or its request to cancel

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True
        self.session.stop_relaying()
        self.session.server_lost()


class ProxySession:
    """One client and its connection to the upstream. Hooks get it with every message.

    Attributes:
        number: counts the sessions of the proxy, from 1.
        parameters: of the start-up packet: ``user``, ``database``, ``application_name``, …
        data: for what hooks want to remember.
        examined: whether hooks or watchers see the messages.
        relayed: whether the proxy's relay reads, and not the transports.
        ended: whether it is being closed.
    """

    def __init__(self, proxy: Proxy, number: int) -> None:
        self.proxy = proxy
        self.number = number
        self.parameters: dict[str, str] = {}
        self.data: dict[Any, Any] = {}
        self.examined = proxy.examines
        self.relayed = False
        self.ended = False
        self.client = ClientEnd(self)
        self.server: ServerEnd | None = None
        self._cancels = False
        self._watchers: tuple[Watcher, ...] = ()
        self._password_kind = "password"
        self._examining = False
        self._queued: list[Frame] = []

    def __repr__(self) -> str:
        return f"<ProxySession {self.number} {self.parameters.get('user', '')}>"

    def send_to_client(self, *messages: Replacement) -> None:
        """Send messages of one's own to the client: in a hook before the message that it sees, elsewhere at once.

        Raises:
            RuntimeError: the proxy has neither hooks nor watchers: it may have forwarded a message in part.
        """
        self._inject(messages, frontend=False)

    def send_to_server(self, *messages: Replacement) -> None:
        """The same to the upstream. What it answers goes to the client, if no hook drops it."""
        self._inject(messages, frontend=True)

    def _inject(self, messages: tuple[Replacement, ...], *, frontend: bool) -> None:
        if not self.examined:
            raise RuntimeError("a proxy without hooks and watchers cannot send messages of its own")
        self._queued += self._cut(encode(messages), frontend)
        if not self._examining:
            self._send_queued()

    # -- called by the ends ------------------------------------------------------------------------------------------

    async def connect(self, frames: list[tuple[str, memoryview]]) -> None:
        """Connect to the upstream and forward what came."""
        with suppress(RemoteProtocolError):  # which the upstream tells the client
            self.parameters = dict(Frame("", frames[0][1], True).decode().parameters)
        self._watchers = self.proxy.watchers
        for watcher in self._watchers:
            watcher.opened(self)
        if await self._reach():
            assert self.server is not None
            self.client.begin(self.server, frames)

    async def cancel(self, packet: bytes) -> None:
        """Forward a CancelRequest; its key is the one that the upstream gave out."""
        self._cancels = True
        if await self._reach():
            assert self.server is not None
            self.server.transport.write(packet)
            self.server.transport.resume_reading()

    def start_relaying(self) -> None:
        """Leave reading to the proxy's relay where that can be, as soon as both ends go on."""
        assert self.server is not None
        ends = (self.client, self.server)
        if self.examined or self.proxy.relaying is None or not all(can_be_read(end.transport) for end in ends):
            return
        self.relayed = True
        for end in ends:
            end.transport.pause_reading()
            # What a transport keeps has to go before the relay may write to its socket again.
            end.transport.set_write_buffer_limits(0)

    def stop_relaying(self) -> None:
        """The transports go on alone."""
        if not self.relayed:
            return
        self.relayed = False
        assert self.server is not None
        assert self.proxy.relaying is not None
        ends = (self.client, self.server)
        rests = [self.proxy.relaying.leave(end) for end in ends]
        for end, rest in zip(ends, reversed(rests), strict=True):
            if not end.lost and not end.transport.is_closing():
                end.transport.set_write_buffer_limits(HIGH_WATER, HIGH_WATER // 4)
                if rest:
                    end.transport.write(rest)
        for end in ends:
            if not end.lost and not end.transport.is_closing() and end.other is not None and not end.other.full:
                end.transport.resume_reading()

    async def _reach(self) -> bool:
        proxy = self.proxy
        try:
            work = proxy.upstream.connect(lambda: ServerEnd(self), proxy.upstream_context)
            _, server = await asyncio.wait_for(work, proxy.connect_timeout)
        except (asyncio.TimeoutError, TimeoutError):
            self._unreachable(f"no answer within {proxy.connect_timeout:g} s")
        except UpstreamError as error:
            self._unreachable(str(error))
        else:
            self.server = server
            if not self.ended and not server.lost:
                return True
            server.abort()
            self.server_lost()
        return False

    def _unreachable(self, reason: str) -> None:
        log.warning("%s cannot be reached: %s", self.proxy.upstream, reason)
        self.fail(PostgresError("could not connect to the upstream server", sqlstate="08001", detail=reason))

    def examine(self, end: End, frames: list[tuple[str, memoryview]]) -> None:
        """Show messages to the hook, then send what is to be sent in their place."""
        frontend = end is self.client
        hook = self.proxy.on_frontend if frontend else self.proxy.on_backend
        self._examining = True
        try:
            for tag, body in frames:
                frame = Frame(tag, body, frontend, self._password_kind)
                if tag == "R" and not frontend:
                    self._password_kind = password_kind_after(frame)
                replacement = None if hook is None else hook(self, frame)
                if replacement is None:
                    self._queued.append(frame)
                else:
                    self._queued += self._cut(encode(replacement), frontend)
        except Exception:
            log.exception("session %d: a hook raised", self.number)
            self.fail(PostgresError("a hook of the proxy failed", sqlstate="XX000"))
            return
        finally:
            self._examining = False
        self._send_queued()

    def _send_queued(self) -> None:
        queued, self._queued = self._queued, []
        for frontend, run in groupby(queued, lambda frame: frame.frontend):
            frames = list(run)
            to = self.server if frontend else self.client
            if to is None or to.lost or self.ended:
                return
            for watcher in self._watchers:
                watcher.messages(self, [frame.redacted() for frame in frames])
            to.transport.write(b"".join([bytes(frame) for frame in frames]))

    def _cut(self, data: bytes, frontend: bool) -> list[Frame]:
        decoder = FrameDecoder(data[:1] == b"\0", max_message_length=MAX_LENGTH)
        frames = decoder.feed(data)
        if decoder.buffered:
            raise ValueError("only whole messages can be sent")
        return [Frame(tag, body, frontend, self._password_kind) for tag, body in frames]

    def fail(self, error: PostgresError, *, tell: bool = True) -> None:
        """End the session; the client is told why, if no message to it has gone out in part."""
        if self.ended:
            return
        self.ended = True
        client, server = self.client, self.server
        error.severity = "FATAL"
        log.info("session %d: %s", self.number, error)
        self.stop_relaying()
        whole = server is None or server.scanner is None or not server.scanner.partial
        if tell and whole and not self._cancels and not client.lost:
            response = encode_message(ErrorResponse(error.response_fields()))
            client.transport.write(response)
            for watcher in self._watchers:
                watcher.messages(self, self._cut(response, frontend=False))
        client.close()
        if server is not None:
            server.close()

    def client_lost(self) -> None:
        self.ended = True
        if self.server is not None:
            self.server.close()
        for watcher in self._watchers:
            watcher.closed(self)
        self.proxy.closed(self)

    def server_lost(self) -> None:
        """The upstream has closed the connection. Behind an ErrorResponse or a Terminate that is as it should be."""
        server = self.server
        if server is None:
            return  # while connecting, which tells the client itself
        if self._cancels or self.ended or server.last == "E" or self.client.last == "X":
            self.ended = True
            self.client.close()
        else:
            self.fail(PostgresError("the upstream server closed the connection unexpectedly", sqlstate="08006"))
