"""From settings to a connection that is logged in: hosts in turn, encryption as ``sslmode`` has it, the login, the kind of server wanted.

Everything that fails says where and in which phase; no socket stays open behind a failure or a cancelled task.
"""

from __future__ import annotations

import asyncio
import random
import socket
import ssl
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, cast

from .. import messages as m
from .._impl import MessageBuilder, RowDecoder
from ..connection import FrontendConnection
from ..errors import FrameError, PgWireError, PostgresError, RemoteProtocolError
from ..oids import TEXT
from .answers import whole_message
from .driver import Driver, Loop, TLSUpgrade
from .errors import ConnectFailed, ConnectionLost, ConnectionOptionError, InterfaceError
from .exchange import Exchange, outcome
from .login import Login, refused_without_tls
from .oauth import OAuthTokenNeeded
from .protocol import Wire, new_decoder
from .settings import ConnectSettings, Host
from .tls import ALPN, channel_binding_of, make_context

__all__ = ["Endpoint", "Wired", "connect_wire", "send_cancel"]


@dataclass(frozen=True)
class Endpoint:
    """Where a connection went: enough to send it a CancelRequest."""

    host: Host
    address: Any
    tls: bool
    settings: ConnectSettings
    context: ssl.SSLContext | None
    upgrade: TLSUpgrade | None

    def __str__(self) -> str:
        if isinstance(self.address, str):
            shown = self.address.replace("\0", "@", 1) if self.address.startswith("\0") else self.address
            return f'socket "{shown}"'
        where = (
            f'"{self.host.host}"' if self.host.host == self.address[0] else f'"{self.host.host}" ({self.address[0]})'
        )
        return f"{where}, port {self.address[1]}"


@dataclass
class Wired:
    """A connection that is logged in, what it waits by, and where it went; ``cancelling`` while a CancelRequest may be on its way."""

    driver: Driver
    wire: Wire
    endpoint: Endpoint
    process_id: int
    secret_key: bytes
    protocol_version: int
    notices: tuple[m.NoticeResponse, ...] = ()
    cancelling: bool = False


async def connect_wire(
    driver: Driver,
    settings: ConnectSettings,
    *,
    context: ssl.SSLContext | None = None,
    upgrade: TLSUpgrade | None = None,
) -> Wired:
    """Connects to the first host that can be connected to and is of the kind wanted.

    Args:
        driver: what the connection waits by.
        settings: where and how.
        context: a TLS context of the user's instead of the one that ``sslmode`` and its companions make.
        upgrade: a TLS upgrade of the user's instead of the event loop's.

    Raises:
        ConnectFailed: no host could be reached.
        PostgresError, RemoteProtocolError, InterfaceError: the one host there is refused, or a host refused the login.
    """
    attempts: list[tuple[str, BaseException]] = []
    wanted = settings["target_session_attrs"]
    passes = ("standby", "any") if wanted == "prefer-standby" else (wanted,)
    for kind in passes:
        attempts.clear()
        async for endpoint in _endpoints(driver, settings, context, upgrade, attempts):
            try:
                return await _attempt(driver, endpoint, kind)
            except (OSError, ssl.SSLError, PgWireError, asyncio.TimeoutError, EOFError) as error:
                attempts.append((str(endpoint), error))
                if isinstance(error, PostgresError) and error.sqlstate.startswith("28"):
                    break  # another host is not asked for another opinion (PostgreSQL 34.1.1.3)
                if isinstance(error, ConnectionOptionError):
                    break
    where, last = attempts[-1] if attempts else ("", None)
    if isinstance(last, PgWireError) and not isinstance(last, OSError):
        refused = isinstance(last, PostgresError) and last.sqlstate.startswith("28")
        if len(attempts) == 1 or refused or isinstance(last, ConnectionOptionError):
            if sys.version_info >= (3, 11):
                last.add_note(f"connection to server at {where} failed")
            raise last
    raise ConnectFailed(attempts) from last


async def _endpoints(
    driver: Driver,
    settings: ConnectSettings,
    context: ssl.SSLContext | None,
    upgrade: TLSUpgrade | None,
    attempts: list[tuple[str, BaseException]],
) -> AsyncIterator[Endpoint]:
    """Every address of every host."""
    hosts = list(settings.hosts)
    balanced = settings["load_balance_hosts"] == "random"
    if balanced:
        random.shuffle(hosts)
    for host in hosts:
        if host.local:
            yield Endpoint(host, host.socket_path, False, settings, context, upgrade)
            continue
        name = host.hostaddr or host.host
        try:
            found = await driver.within(driver.addresses(name, host.port), settings.timeout)
        except (OSError, asyncio.TimeoutError) as error:
            reason = "timeout expired" if not str(error) else str(error)
            attempts.append((f'"{name}", port {host.port}', OSError(f"could not translate host name: {reason}")))
            continue
        addresses = list(dict.fromkeys(entry[4] for entry in found))
        if balanced:
            random.shuffle(addresses)
        for address in addresses:
            yield Endpoint(host, address, False, settings, context, upgrade)


def _ladder(endpoint: Endpoint) -> tuple[str, ...]:
    """Kinds of encryption in the order to try."""
    if endpoint.host.local:
        return ("plain",)
    mode = endpoint.settings["sslmode"]
    return {
        "disable": ("plain",),
        "allow": ("plain", "tls"),
        "prefer": ("offered", "plain"),
    }.get(mode, ("tls",))


async def _attempt(driver: Driver, endpoint: Endpoint, kind: str) -> Wired:
    ladder = _ladder(endpoint)
    for number, encryption in enumerate(ladder):
        try:
            wired = await _with_token(driver, endpoint, encryption)
        except (ssl.SSLError, PostgresError, _NoTLS, ConnectionLost) as error:
            again = number + 1 < len(ladder) and (
                isinstance(error, (ssl.SSLError, _NoTLS)) or refused_without_tls(error)
            )
            if not again:
                raise
        else:
            try:
                await driver.within(_check_kind(wired.wire, kind), endpoint.settings.timeout)
            except BaseException as error:
                wired.wire.transport.abort()
                if isinstance(error, asyncio.TimeoutError) and not isinstance(error, PgWireError):
                    raise asyncio.TimeoutError("timeout expired while asking for the kind of server") from None
                raise
            return wired
    raise AssertionError("a ladder has a last step")


class _NoTLS(InterfaceError):
    """The server does not do TLS."""


async def _with_token(driver: Driver, endpoint: Endpoint, encryption: str) -> Wired:
    """Logged in, where the server asks for a token by a second connection, with one that the user's function has fetched."""
    try:
        return await _logged_in(driver, endpoint, encryption)
    except OAuthTokenNeeded as needed:
        settings = endpoint.settings
        token = await needed.fetch(settings.oauth_token, settings["oauth_issuer"])
    return await _logged_in(driver, replace(endpoint, settings=replace(settings, oauth_token=token)), encryption)


async def _logged_in(driver: Driver, endpoint: Endpoint, encryption: str) -> Wired:
    phase = ["connecting"]
    try:
        return await driver.within(_log_in(driver, endpoint, encryption, phase), endpoint.settings.timeout)
    except asyncio.TimeoutError as error:
        if isinstance(error, OSError) and error.errno:
            raise  # the system's own, which is the same class from Python 3.11 on
        raise asyncio.TimeoutError(f"timeout expired while {phase[0]}") from None


async def _log_in(driver: Driver, endpoint: Endpoint, encryption: str, phase: list[str]) -> Wired:
    async with _opened(driver, endpoint, encryption, phase) as (reader, reached):
        phase[0] = "logging in"
        connection = FrontendConnection(direct_tls=False)
        binding = channel_binding_of(reader.transport)
        login = Login(reached.settings, reached.host, binding, connection)
        decoder = new_decoder()
        frames: list[Any] = []
        while not login.done:
            reader.transport.write(connection.data_to_send())
            if not frames:
                data = await reader.read()
                if not data:
                    connection.receive_eof()
                try:
                    frames = list(decoder.feed(data)) if data else []
                except FrameError as error:
                    frames = list(error.frames)
                    if not frames:
                        raise
                frames.reverse()
            if frames:
                connection.receive_data(whole_message(*frames.pop()))
            for event in connection.events():
                login.take(event)
        wire = Wire(driver.loop, decoder, connection.parameters)
        wire.status = connection.transaction_status or "I"
        reader.hand_over(wire)
        frames.reverse()
        wire.take(frames)
        for data in reader.pieces:
            wire.data_received(data)
        key = connection.backend_key or m.BackendKeyData(0, b"\0\0\0\0")
        notices = tuple(login.notices)
        return Wired(driver, wire, reached, key.process_id, key.secret_key, connection.protocol_version, notices)


class _Reader(asyncio.Protocol):
    """A connection before and during its login."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self.transport: asyncio.Transport = cast("asyncio.Transport", None)
        self.pieces: list[bytes] = []
        self._ended = False
        self._error: Exception | None = None
        self._waiter: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self.pieces.append(data)
        self._wake()

    def eof_received(self) -> bool:
        self._ended = True
        self._wake()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._ended = True
        self._error = exc
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def read(self) -> bytes:
        """What came; empty at the end."""
        while not self.pieces:
            if self._error is not None:
                raise self._error
            if self._ended:
                return b""
            self._waiter = self._loop.create_future()
            await self._waiter
        data = b"".join(self.pieces)
        self.pieces.clear()
        return data

    def hand_over(self, wire: Wire) -> None:
        """From now on the wire gets what comes."""
        self.transport.set_protocol(wire)
        wire.connection_made(self.transport)
        if self._ended:
            self._loop.call_soon(wire.connection_lost, self._error)


@asynccontextmanager
async def _opened(
    driver: Driver, endpoint: Endpoint, encryption: str, phase: list[str]
) -> AsyncIterator[tuple[_Reader, Endpoint]]:
    """A connection with its encryption, before StartupMessage; closed where the block fails."""
    reader = _Reader(driver.loop)
    try:
        await driver.open(reader, endpoint.address)
        if isinstance(endpoint.address, str):
            _check_peer(reader.transport, endpoint.settings["requirepeer"])
        else:
            _keep_alive(reader.transport, endpoint.settings)
        direct = endpoint.settings["sslnegotiation"] == "direct"
        if encryption != "plain":
            phase[0] = "negotiating TLS"
            if direct or await _tls_offered(reader):
                await _start_tls(driver, reader, endpoint, direct)
                endpoint = replace(endpoint, tls=True)
            elif encryption == "tls":
                raise _NoTLS("server does not support TLS, but TLS was required")
        yield reader, endpoint
    except BaseException:
        if reader.transport is not None:
            reader.transport.abort()
        raise


async def _tls_offered(reader: _Reader) -> bool:
    """SSLRequest and its answer (Protocol 55.2.10)."""
    connection = FrontendConnection()
    connection.send(m.SSLRequest())
    reader.transport.write(connection.data_to_send())
    while True:
        data = await reader.read()
        if not data:
            raise ConnectionLost("the server closed the connection when asked for TLS")
        connection.receive_data(data)
        for event in connection.events():
            if isinstance(event, m.EncryptionResponse):
                return event.answer == "S"
            if isinstance(event, m.ErrorResponse):
                return False  # a server that knows nothing of TLS
            if isinstance(event, RemoteProtocolError):
                raise event


async def _start_tls(driver: Driver, reader: _Reader, endpoint: Endpoint, direct: bool) -> None:
    name = endpoint.host.host
    if endpoint.upgrade is not None:
        reader.transport = await driver.upgrade(endpoint.upgrade, reader.transport, reader, name)
        return
    context = endpoint.context or make_context(endpoint.settings)
    shown = name if context.check_hostname or endpoint.settings["sslsni"] == "1" else None
    reader.transport = await driver.start_tls(reader.transport, reader, context, shown or None)
    chosen = reader.transport.get_extra_info("ssl_object").selected_alpn_protocol()
    if direct and chosen != ALPN:
        raise RemoteProtocolError("direct TLS was established without ALPN protocol negotiation", fatal=True)


def _check_peer(transport: asyncio.BaseTransport, wanted: str) -> None:
    """``requirepeer``: who the process at the other end of a Unix socket runs as."""
    if not wanted:
        return
    if not hasattr(socket, "SO_PEERCRED"):
        raise InterfaceError("requirepeer is not supported on this platform")
    import pwd
    import struct

    peer = transport.get_extra_info("socket")
    _, uid, _ = struct.unpack("3i", peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    name = pwd.getpwuid(uid).pw_name
    if name != wanted:
        raise InterfaceError(f'requirepeer specifies "{wanted}", but actual peer user name is "{name}"')


def _keep_alive(transport: asyncio.BaseTransport, settings: ConnectSettings) -> None:
    endpoint = transport.get_extra_info("socket")
    if settings["keepalives"] == "0":
        return
    endpoint.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    options = {
        "keepalives_idle": "TCP_KEEPIDLE",
        "keepalives_interval": "TCP_KEEPINTVL",
        "keepalives_count": "TCP_KEEPCNT",
        "tcp_user_timeout": "TCP_USER_TIMEOUT",
    }
    for keyword, name in options.items():
        value = int(settings[keyword] or 0)
        if value > 0 and hasattr(socket, name):
            endpoint.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


# -- the kind of server ----------------------------------------------------------------------------------------------


async def _check_kind(wire: Wire, kind: str) -> None:
    """``target_session_attrs`` (PostgreSQL 34.1.2)."""
    if kind in ("primary", "standby"):
        standby = wire.parameters.get("in_hot_standby") or await _ask(wire, "select pg_is_in_recovery()")
        if (standby in ("on", "t", "true")) != (kind == "standby"):
            raise InterfaceError(f"server is {'not ' if kind == 'standby' else ''}in hot standby mode")
    elif kind in ("read-write", "read-only"):
        if "default_transaction_read_only" in wire.parameters and "in_hot_standby" in wire.parameters:
            values = wire.parameters["default_transaction_read_only"], wire.parameters["in_hot_standby"]
            read_only = "on" in values
        else:
            read_only = await _ask(wire, "show transaction_read_only") == "on"
        if read_only != (kind == "read-only"):
            raise InterfaceError(f"session is {'not ' if kind == 'read-only' else ''}read-only")


async def _ask(wire: Wire, sql: str) -> str:
    exchange = Exchange("QZ", wire.loop.create_future(), RowDecoder([TEXT], [0]).decode, sql)
    wire.begin(exchange, MessageBuilder().query(sql).take())
    await exchange.waiter
    rows, _ = outcome(exchange)
    return str(rows[0][0]) if rows else ""


# -- CancelRequest ---------------------------------------------------------------------------------------------------


async def send_cancel(wired: Wired) -> None:
    """CancelRequest on a connection of its own, encrypted as the other one is; returns when the server has taken it.

    Raises:
        OSError, PgWireError, TimeoutError: it could not be sent.
    """
    driver = wired.driver.fresh()
    await driver.within(_send_cancel(driver, wired), driver.cancel_timeout)


async def _send_cancel(driver: Driver, wired: Wired) -> None:
    encryption = "tls" if wired.endpoint.tls else "plain"
    async with _opened(driver, wired.endpoint, encryption, [""]) as (reader, _):
        try:
            reader.transport.write(MessageBuilder().cancel_request(wired.process_id, wired.secret_key).take())
            wired.cancelling = True
            # The server closes when it has signalled the backend: only then can no later statement be hit.
            while await reader.read():
                pass
            wired.cancelling = False
        except ConnectionError:
            wired.cancelling = False
        finally:
            reader.transport.abort()
