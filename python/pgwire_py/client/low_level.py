"""The client that hides nothing: a login over streams of the user's own, then messages out and frames in.

:class:`ConnectionBuilder` logs in, :class:`RawConnection` writes what a ``MessageBuilder`` made and reads frames. No error is raised for
what the server answers: an ErrorResponse is a frame as the others.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Final

from .. import messages as m
from .._impl import FrameDecoder, MessageBuilder
from ..auth import tls_server_end_point
from ..connection import FrontendConnection
from ..connection.limits import MAX_ANSWER_LENGTH_AT_START, MAX_MESSAGE_LENGTH
from ..enums import TransactionStatus
from ..errors import FrameError, RemoteProtocolError
from ..frames import BACKEND_TAGS
from .answers import decode_frame, whole_message
from .channel import Channel, StreamChannel, TransportChannel
from .driver import TLSUpgrade
from .errors import ConnectionLost, InterfaceError
from .login import Login
from .settings import ConnectSettings, Host, check_values
from .tls import ALPN, channel_binding_of

__all__ = ["CancelHandle", "ConnectionBuilder", "Frame", "RawConnection"]

Frame = tuple[str, memoryview]
"""Tag and body of a message; the body is a view of what came from the socket."""

_STATUS: Final[dict[bytes, TransactionStatus]] = {b"I": "I", b"T": "T", b"E": "E"}


@dataclass(frozen=True)
class _TLS:
    way: ssl.SSLContext | TLSUpgrade
    server_name: str
    required: bool
    direct: bool


@dataclass(frozen=True)
class ConnectionBuilder:
    """How to log in; every method returns a new builder, so one can be kept and used for many connections.

    Nothing is read from the environment or from files.

    Args:
        user: who logs in.
    """

    user: str
    _database: str = ""
    _password: str | None = field(default=None, repr=False)
    _values: Mapping[str, str] = field(default_factory=dict)
    _parameters: Mapping[str, str] = field(default_factory=dict)
    _max_message_length: int = MAX_MESSAGE_LENGTH
    _tag_limits: Mapping[str, int] = field(default_factory=lambda: BACKEND_TAGS, repr=False)
    _joined_tags: str = ""
    _timeout: float | None = None
    _tls: _TLS | None = None
    _certificate: bytes | None = field(default=None, repr=False)
    _token: str | None = field(default=None, repr=False)

    def database(self, name: str) -> ConnectionBuilder:
        """The database; by default the one of the user's name."""
        return replace(self, _database=name)

    def password(self, password: str) -> ConnectionBuilder:
        """For every method that asks for one."""
        return replace(self, _password=password)

    def oauth_token(self, token: str) -> ConnectionBuilder:
        """A bearer token, for OAUTHBEARER."""
        return replace(self, _token=token)

    def parameter(self, name: str, value: str) -> ConnectionBuilder:
        """A parameter of StartupMessage: ``options``, ``replication``, or one of the session. ``client_encoding`` is UTF8 unless given."""
        return replace(self, _parameters={**self._parameters, name: value})

    def application_name(self, name: str) -> ConnectionBuilder:
        """The parameter ``application_name``."""
        return self.parameter("application_name", name)

    def require_auth(self, methods: str) -> ConnectionBuilder:
        """Methods that the server may ask for, as libpq's ``require_auth`` names them: ``"scram-sha-256"``, ``"!password,!md5"``.

        Raises:
            ConnectionOptionError: there is no such method.
        """
        return self._with(require_auth=methods)

    def channel_binding(self, value: str) -> ConnectionBuilder:
        """``disable``, ``prefer`` (the default) or ``require``.

        Raises:
            ConnectionOptionError: it is none of them.
        """
        return self._with(channel_binding=value)

    def protocol(self, lowest: str = "3.0", highest: str = "3.0") -> ConnectionBuilder:
        """Protocol versions, ``"3.0"`` or ``"3.2"``: the highest is asked for.

        Raises:
            ConnectionOptionError: there is no such version.
        """
        return self._with(min_protocol_version=lowest, max_protocol_version=highest)

    def _with(self, **values: str) -> ConnectionBuilder:
        found = {**self._values, **values}
        check_values(found)
        return replace(self, _values=found)

    def limits(
        self, *, max_message_length: int = MAX_MESSAGE_LENGTH, tag_limits: Mapping[str, int] = BACKEND_TAGS
    ) -> ConnectionBuilder:
        """Largest length fields accepted once logged in, in bytes: of any message, and by tag. Tags that are not listed are refused.

        Before that no message is longer than 30,000 bytes.
        """
        return replace(self, _max_message_length=max_message_length, _tag_limits=dict(tag_limits))

    def joined_tags(self, tags: str) -> ConnectionBuilder:
        """Tags whose messages are joined where they follow each other, as ``"D"`` for ``RowDecoder``; see ``FrameDecoder``."""
        return replace(self, _joined_tags=tags)

    def timeout(self, seconds: float | None) -> ConnectionBuilder:
        """Seconds for TLS and the login together; None, the default, is no limit."""
        return replace(self, _timeout=seconds)

    def tls(
        self,
        way: ssl.SSLContext | TLSUpgrade,
        server_name: str = "",
        *,
        required: bool = True,
        direct: bool = False,
    ) -> ConnectionBuilder:
        """Encrypt before the login. Streams that are encrypted already need no such thing.

        Args:
            way: a context for the event loop's TLS, or a coroutine function ``(transport, protocol, server_name)`` that returns the
                encrypted transport of that protocol.
            server_name: for SNI and for the check of the certificate.
            required: else the login goes on in plain text where the server does not do TLS.
            direct: no SSLRequest first (PostgreSQL 17 and later); the context must offer ALPN ``postgresql``.
        """
        return replace(self, _tls=_TLS(way, server_name, required, direct))

    def server_certificate(self, der: bytes) -> ConnectionBuilder:
        """What channel binding binds to, where TLS is made by something that ``get_extra_info("ssl_object")`` does not tell of."""
        return replace(self, _certificate=der)

    # -- connecting --------------------------------------------------------------------------------------------------

    async def connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> RawConnection:
        """Log in over a pair of streams, which are the connection's from then on, and closed where the login fails.

        Raises:
            PostgresError: the server refuses.
            RemoteProtocolError: the server does what the protocol or the builder does not allow.
            InterfaceError: the server asks for what there is not, as a password, or does not do TLS.
            ConnectionLost: the server closed the connection.
            TimeoutError: it took longer than :meth:`timeout`.
        """
        return await self._within(StreamChannel(reader, writer))

    async def connect_transport(self, transport: asyncio.Transport) -> RawConnection:
        """As :meth:`connect`, over any transport of the running loop, whose protocol is replaced: what comes is not copied."""
        channel = TransportChannel(asyncio.get_running_loop())
        channel.connection_made(transport)
        transport.set_protocol(channel)
        if not transport.is_reading():
            transport.resume_reading()
        return await self._within(channel)

    async def _within(self, channel: Channel) -> RawConnection:
        try:
            return await asyncio.wait_for(self._connect(channel), self._timeout)
        except asyncio.TimeoutError as error:
            if isinstance(error, OSError) and error.errno:
                raise  # the system's own
            raise asyncio.TimeoutError("timeout expired while logging in") from None

    async def _connect(self, channel: Channel) -> RawConnection:
        try:
            if self._tls is not None:
                channel = await _encrypted(channel, self._tls)
            return await self._log_in(channel)
        except BaseException:
            channel.abort()
            raise

    async def _log_in(self, channel: Channel) -> RawConnection:
        host = Host("", 5432, "", self._password)
        parameters = dict(self._parameters)
        database = self._database or self.user
        settings = ConnectSettings((host,), self.user, database, self._values, parameters, self._token)
        connection = FrontendConnection()
        login = Login(settings, host, self._binding(channel), connection)
        decoder = FrameDecoder(
            max_message_length=MAX_ANSWER_LENGTH_AT_START,
            tag_limits=dict(self._tag_limits),
            only_listed_tags=True,
            joined_tags=self._joined_tags,
        )
        raw = RawConnection(channel, decoder)
        while not login.done:
            if data := connection.data_to_send():
                channel.write(data)
            try:
                frame = await raw.frame()
            except ConnectionLost:
                connection.receive_eof()
            else:
                connection.receive_data(whole_message(*frame))
            for event in connection.events():
                login.take(event)
        decoder.max_message_length = self._max_message_length
        raw.logged_in(connection, tuple(login.notices))
        return raw

    def _binding(self, channel: Channel) -> bytes | None:
        if self._certificate is not None:
            return tls_server_end_point(self._certificate)
        return channel_binding_of(channel)


async def _encrypted(channel: Channel, tls: _TLS) -> Channel:
    """The channel behind TLS, or the same where the server does not do it and need not."""
    transport = channel.transport()
    if not tls.direct and not await _tls_offered(channel):
        if tls.required:
            raise InterfaceError("server does not support TLS, but TLS was required")
        return channel
    loop = asyncio.get_running_loop()
    made = TransportChannel(loop, channel)
    if not isinstance(tls.way, ssl.SSLContext):
        made.connection_made(await tls.way(transport, made, tls.server_name))
        return made
    encrypted = await loop.start_tls(transport, made, tls.way, server_hostname=tls.server_name or None)
    if encrypted is None:
        raise ConnectionLost("the server closed the connection during the TLS handshake")
    made.connection_made(encrypted)
    if tls.direct and encrypted.get_extra_info("ssl_object").selected_alpn_protocol() != ALPN:
        made.abort()
        raise RemoteProtocolError("direct TLS was established without ALPN protocol negotiation", fatal=True)
    return made


async def _tls_offered(channel: Channel) -> bool:
    """SSLRequest and its answer (Protocol 55.2.10)."""
    connection = FrontendConnection()
    connection.send(m.SSLRequest())
    channel.write(connection.data_to_send())
    while True:
        data = await channel.read()
        if not data:
            raise ConnectionLost("the server closed the connection when asked for TLS")
        connection.receive_data(data)
        for event in connection.events():
            if isinstance(event, m.EncryptionResponse):
                return event.answer == "S"
            if isinstance(event, m.ErrorResponse):
                raise InterfaceError("server does not know of TLS")
            raise event


@dataclass(frozen=True)
class CancelHandle:
    """What a CancelRequest takes: may be kept, pickled, and used from any task, thread or process, on a connection of its own.

    Attributes:
        process_id: the backend's.
        secret_key: 4 bytes, or with protocol 3.2 up to 256.
    """

    process_id: int
    secret_key: bytes = field(repr=False)

    def message(self) -> bytes:
        """CancelRequest, to be sent as the first thing on a new connection, behind its TLS."""
        return MessageBuilder().cancel_request(self.process_id, self.secret_key).take()

    async def send(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Send it over a new pair of streams, and wait until the server has acted on it and closed them.

        Raises:
            OSError: the connection broke before.
        """
        try:
            writer.write(self.message())
            await writer.drain()
            while await reader.read(READ_SIZE):
                pass
        finally:
            writer.close()


READ_SIZE: Final = 4096
"""Bytes of what answers a CancelRequest, which is nothing but the end."""


class RawConnection:
    """A connection that is logged in. Made by :class:`ConnectionBuilder`.

    Writing and reading are independent: one task may do both, or two may do one each.

    Attributes:
        decoder: cuts frames; its limits may be changed at any time.
        notices: those that came during the login.
        parameters: run-time parameters, up to date with the frames that were read.
        process_id: the backend's; 0 if it told none.
        protocol_version: as agreed on, ``3 << 16 | minor``.
        transaction_status: as the last ReadyForQuery that was read told.
    """

    def __init__(self, channel: Channel, decoder: FrameDecoder) -> None:
        self.decoder = decoder
        self.notices: tuple[m.NoticeResponse, ...] = ()
        self.parameters: dict[str, str] = {}
        self.process_id = 0
        self.protocol_version = 0
        self.transaction_status: TransactionStatus = "I"
        self._channel = channel
        self._frames: list[Frame] = []  # the next one stands last
        self._failure: Exception | None = None
        self._key = b""
        self._reading = False

    def logged_in(self, connection: FrontendConnection, notices: tuple[m.NoticeResponse, ...]) -> None:
        """Take over what the login told."""
        key = connection.backend_key or m.BackendKeyData(0, b"\0\0\0\0")
        self.process_id, self._key = key.process_id, key.secret_key
        self.parameters = connection.parameters
        self.protocol_version = connection.protocol_version
        self.transaction_status = connection.transaction_status or "I"
        self.notices = notices

    # -- sending -----------------------------------------------------------------------------------------------------

    def batch(self, buffer: bytearray | None = None) -> MessageBuilder:
        """A new batch: ``connection.batch().parse(…).bind(…).execute().sync()``; written into ``buffer`` if one is given."""
        return MessageBuilder(buffer)

    def write(self, data: MessageBuilder | bytes | bytearray | memoryview) -> None:
        """Send a batch, which is empty then, or bytes of messages. What the socket does not take is kept: see :meth:`drain`.

        Raises:
            ConnectionLost: the connection is closed.
        """
        if isinstance(self._failure, ConnectionLost):
            raise ConnectionLost(str(self._failure))
        if isinstance(data, bytes):
            self._channel.write(data)
        elif isinstance(data, (bytearray, memoryview)):
            self._channel.write(bytes(data))
        else:
            self._channel.write(data.take())

    async def drain(self) -> None:
        """Wait until what was written has mostly left: for COPY, and for long batches.

        The server stops reading where nobody reads what it answers: let another task read when the answers are long.

        Raises:
            ConnectionError: the connection broke.
        """
        await self._channel.drain()

    # -- receiving ---------------------------------------------------------------------------------------------------

    async def frames(self) -> list[Frame]:
        """What came next, at least one frame.

        Raises:
            ConnectionLost: the server closed the connection.
            RemoteProtocolError: the stream cannot be followed.
            InterfaceError: another task is reading.
        """
        await self._fill()
        found = self._frames[::-1]
        self._frames.clear()
        for frame in found:
            self._note(frame)
        return found

    async def frame(self) -> Frame:
        """The next frame; raises as :meth:`frames`."""
        if not self._frames:
            await self._fill()
        frame = self._frames.pop()
        self._note(frame)
        return frame

    async def message(self) -> Any:
        """The next message, decoded: one of the classes of ``pgwire_py.messages``; raises as :meth:`frames`."""
        return decode_frame(*await self.frame())

    async def until_ready(self, count: int = 1) -> AsyncIterator[Frame]:
        """Frames up to the ``count``-th ReadyForQuery; raises as :meth:`frames`."""
        while count > 0:
            frame = await self.frame()
            count -= frame[0] == "Z"
            yield frame

    async def messages(self, count: int = 1) -> list[Any]:
        """Messages up to the ``count``-th ReadyForQuery, decoded; raises as :meth:`frames`."""
        return [decode_frame(*frame) async for frame in self.until_ready(count)]

    async def _fill(self) -> None:
        if self._reading:
            raise InterfaceError("another task is reading from this connection")
        self._reading = True
        try:
            while not self._frames:
                if self._failure is not None:
                    raise self._failure
                await self._read()
        finally:
            self._reading = False

    async def _read(self) -> None:
        try:
            data = await self._channel.read()
        except OSError as error:
            self._failure = ConnectionLost(f"the connection broke: {error}")
            self._failure.__cause__ = error
            return
        if not data:
            inside = " within a message" if self.decoder.buffered else ""
            self._failure = ConnectionLost(f"the server closed the connection{inside}")
            return
        try:
            self._frames = self.decoder.feed(data)
        except FrameError as error:
            self._frames = list(error.frames)
            self._failure = error
        self._frames.reverse()

    def _note(self, frame: Frame) -> None:
        tag, body = frame
        if tag == "Z":
            self.transaction_status = _STATUS.get(bytes(body), self.transaction_status)
        elif tag == "S":
            message = decode_frame(tag, body)
            self.parameters[message.name] = message.value

    # -- the rest ----------------------------------------------------------------------------------------------------

    @property
    def cancel_handle(self) -> CancelHandle:
        """What cancels the statement that runs, from elsewhere."""
        return CancelHandle(self.process_id, self._key)

    def get_extra_info(self, name: str) -> Any:
        """As of a transport: ``peername``, ``ssl_object``, …"""
        return self._channel.get_extra_info(name)

    async def close(self) -> None:
        """Terminate, and close."""
        if self._failure is None:
            self._channel.write(MessageBuilder().terminate().take())
        self._failure = ConnectionLost("the connection was closed")
        self._channel.close()
        with suppress(OSError):  # it broke: closed it is
            await self._channel.wait_closed()

    def abort(self) -> None:
        """Close at once."""
        self._failure = ConnectionLost("the connection was aborted")
        self._channel.abort()

    async def __aenter__(self) -> RawConnection:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    def __repr__(self) -> str:
        state = "closed" if isinstance(self._failure, ConnectionLost) else "open"
        return f"<RawConnection to backend {self.process_id}, {state}>"
