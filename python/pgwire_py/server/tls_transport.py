"""TLS between a socket's transport and the protocol above it, the same on asyncio and uvloop.

The loops' own ``start_tls`` cannot be told what was already received, which direct TLS needs; and a layer that hands a record on with two
or three calls costs less than theirs.
"""

from __future__ import annotations

import asyncio
import ssl
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from .protocol import ServerProtocol

__all__ = ["BufferedTlsTransport", "TlsTransport"]

RECORD: Final = 16 * 1024
"""Bytes of the longest record's content (RFC 8446 §5.1)."""

SHORT_RECORD: Final = 2 * 1024
"""Bytes that are read first: most records are short, and memory for a long one costs time."""

PIECE: Final = 4 * RECORD
"""Bytes that go through the buffers at a time. They stay as large as they once were, for as long as the connection lasts."""


class TlsTransport(asyncio.Protocol):
    """The protocol of the socket's transport, and the transport of the protocol above.

    Args:
        protocol: what is above.
        transport: the socket's; this object becomes its protocol at once.
        context: the server's.

    Attributes:
        tls: what speaks TLS, between two buffers.
    """

    __slots__ = (
        "_closing",
        "_feed",
        "_handshake",
        "_incoming",
        "_lost",
        "_outgoing",
        "_protocol",
        "_read",
        "_transport",
        "_write",
        "tls",
    )

    def __init__(self, protocol: ServerProtocol, transport: asyncio.Transport, context: ssl.SSLContext) -> None:
        self._protocol: ServerProtocol | None = protocol
        self._transport = transport
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._feed = self._incoming.write
        self.tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._read = self.tls.read
        self._write = self.tls.write
        self._handshake: asyncio.Future[None] | None = protocol.server.loop.create_future()
        self._closing = False
        self._lost = False
        transport.set_protocol(self)

    async def handshake(self, received: bytes = b"") -> None:
        """Return once TLS is agreed upon; ``received`` is what came already.

        Raises:
            OSError: it could not be, or the client left.
        """
        future = self._handshake
        assert future is not None
        if received:
            self.data_received(received)
        await future

    # -- the protocol of the socket's transport ----------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called for the socket's first protocol only."""

    def data_received(self, data: bytes | memoryview) -> None:
        if len(data) <= PIECE:
            self._feed(data)
            self._received()
            return
        view = memoryview(data)
        for start in range(0, len(view), PIECE):
            self._feed(view[start : start + PIECE])
            self._received()

    def _received(self) -> None:
        if self._closing or self._lost:
            return
        if self._handshake is not None and not self._shake():
            return
        incoming, read = self._incoming, self._read
        protocol = self._protocol
        size = SHORT_RECORD
        more = incoming.pending > 0
        try:
            while more and protocol is not None:
                data = read(size)
                if not data:
                    self._ended()
                    return
                if len(data) < size:
                    more = incoming.pending > 0
                else:  # the rest of a record, perhaps
                    size = RECORD
                protocol.data_received(data)
                if self._lost or self._closing:
                    return
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            self._ended()
            return
        except ssl.SSLError:
            self._broken()
            return
        if self._outgoing.pending:  # an answer of the TLS layer itself: new keys
            self._flush()

    def _shake(self) -> bool:
        """Go on with the handshake; whether it has ended well."""
        future = self._handshake
        assert future is not None
        try:
            self.tls.do_handshake()
        except ssl.SSLWantReadError:
            self._flush()
            return False
        except ssl.SSLError as error:  # what is in the buffer is the alert
            self._fail(error)
            self._broken()
            return False
        self._flush()
        self._handshake = None
        if not future.done():
            future.set_result(None)
        return True

    def _fail(self, error: Exception) -> None:
        future, self._handshake = self._handshake, None
        if future is not None and not future.done():
            future.set_exception(error)
            future.exception()  # that nobody waits any more is nothing to be told of

    def _broken(self) -> None:
        """What came is not TLS: say so and close."""
        self._closing = True
        self._flush()
        self._transport.close()

    def _ended(self) -> None:
        """The client has said that it sends no more."""
        if self._protocol is not None and not self._protocol.eof_received():
            self.close()

    def eof_received(self) -> bool:
        if self._handshake is not None:
            self._fail(ConnectionResetError("the client closed the connection"))
            return False
        return self._protocol is not None and self._protocol.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost = True
        self._fail(exc or ConnectionResetError("the client closed the connection"))
        protocol, self._protocol = self._protocol, None
        if protocol is not None:
            protocol.connection_lost(exc)
        del self._read, self._write  # bound methods: without cycles the memory is free at once

    def pause_writing(self) -> None:
        if self._protocol is not None:
            self._protocol.pause_writing()

    def resume_writing(self) -> None:
        if self._protocol is not None:
            self._protocol.resume_writing()

    # -- the transport of the protocol above -------------------------------------------------------------------------

    def write(self, data: bytes | memoryview) -> None:
        """Encrypt and send."""
        if self._closing or self._lost:
            return
        try:
            if len(data) <= PIECE:
                self._write(data)  # all of it: there is room in a buffer
            else:
                view = memoryview(data)
                for start in range(0, len(view), PIECE):
                    self._write(view[start : start + PIECE])
                    self._transport.write(self._outgoing.read())
                    if self._transport.is_closing():
                        return
        except ssl.SSLError:
            self._broken()
            return
        self._transport.write(self._outgoing.read())

    def _flush(self) -> None:
        data = self._outgoing.read()
        if data and not self._lost:
            self._transport.write(data)

    def close(self) -> None:
        """Say that nothing more is sent, then close."""
        if self._closing or self._lost:
            return
        self._closing = True
        if self._handshake is None:
            with suppress(ssl.SSLError):  # the client's own word is not waited for
                self.tls.unwrap()
            self._flush()
        self._transport.close()

    def abort(self) -> None:
        """Close without sending what is queued."""
        self._closing = True
        self._transport.abort()

    def is_closing(self) -> bool:
        """Whether it is closed or about to be."""
        return self._closing or self._transport.is_closing()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """``ssl_object``, or what the socket's transport knows."""
        return self.tls if name == "ssl_object" else self._transport.get_extra_info(name, default)

    def pause_reading(self) -> None:
        """Read no more from the socket."""
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Read again."""
        self._transport.resume_reading()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """As the socket's transport."""
        self._transport.set_write_buffer_limits(high, low)


class BufferedTlsTransport(TlsTransport, asyncio.BufferedProtocol):
    """The same on asyncio's own loops, which otherwise allocate 256 KiB for every receive; all connections share one buffer."""

    __slots__ = ("_buffer",)

    def __init__(self, protocol: ServerProtocol, transport: asyncio.Transport, context: ssl.SSLContext) -> None:
        self._buffer = protocol.server.receive_buffer
        super().__init__(protocol, transport, context)

    def get_buffer(self, sizehint: int) -> bytearray:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        self.data_received(memoryview(self._buffer)[:nbytes])
