"""The server: listens, accepts, limits, hands out process IDs, and closes gracefully."""

from __future__ import annotations

import asyncio
import hmac
import logging
import os
import socket
import ssl
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Final

from .._version import __version__
from ..auth import AuthSource, HostBasedRules, IdentMap, OAuth
from ..catalog import Catalog
from ..connection import MAX_MESSAGE_LENGTH
from ..engines.base import Engine
from ..engines.python import PythonEngine
from ..errors import TooManyConnections
from ..types import TypeRegistry
from . import unix_socket
from .authentication import Authentication
from .coding import MAX_CODINGS, Coding, Codings
from .execution import EngineExecution, Execution
from .failures import shutdown_error
from .function_execution import FunctionExecution
from .hooks import Handler, Hooks, asked, check_hooks, overrides
from .notifications import Notifications, check, on_loop
from .parameter_values import memory_bytes
from .plans import PlanCache
from .protocol import BufferedServerProtocol, ServerProtocol
from .session import Session
from .settings import Defaults
from .startup import StartValues
from .tls import ServerTls

__all__ = ["Server", "serve"]

log = logging.getLogger("pgwire_py.server")

SERVER_VERSION: Final = f"15.0 (pgwire_py {__version__})"
"""What ``server_version`` shows unless told otherwise: clients choose their catalogue queries by its number."""

RECEIVE_BUFFER: Final = 256 * 1024
"""Bytes received at a time on asyncio's own loops."""

MAX_PROCESS_ID: Final = 0x7FFF_FFFF


class Server:
    """A PostgreSQL server in front of an engine or a function.

    Args:
        engine: an :class:`~pgwire_py.engines.base.Engine`, a :class:`~pgwire_py.engines.python.PythonEngine`, a function as the
            latter takes, or a :class:`~pgwire_py.server.hooks.Handler`.
        host: address to listen on; None listens on no TCP port.
        port: TCP port; 0 lets the system choose one (see :attr:`port`).
        unix_socket_directory: also listen on ``.s.PGSQL.<port>`` in this directory, as libpq expects it.
        auth: how clients prove who they are: a method (``"trust"``, ``"reject"``, ``"password"``, ``"md5"``, ``"scram-sha-256"``,
            ``"cert"``, ``"oauth"``) for everybody, or :class:`~pgwire_py.auth.HostBasedRules`; an
            :class:`~pgwire_py.auth.AuthSource` means ``"scram-sha-256"`` with these ``users``.
        users: where the secrets of users are, for the methods with passwords.
        ident: user name maps, for ``cert`` and ``oauth``.
        oauth: how bearer tokens are asked for and checked, for ``oauth``.
        mock_secret: at least 32 random bytes, from which users who do not exist get their salts; the same after each restart
            (:func:`~pgwire_py.auth.load_mock_secret`). None: new ones.
        tls: a :class:`~pgwire_py.server.tls.ServerTls`: offers TLS, after SSLRequest and direct.
        ssl_context: a context of one's own instead, without channel binding.
        require_ssl: refuse clients that come over TCP without TLS.
        max_connections: sessions at a time; one more is refused with 53300.
        max_connections_per_user: the same for each user who has proved to be one; None: no such limit.
        max_connections_per_address: the same for each client address; None: no such limit.
        max_starting: connections at a time that have not logged in; with one more, the oldest of them is closed.
        tcp_keepalives_idle: seconds without traffic after which the system asks whether a TCP client is still there; 0: the system's
            default.
        tcp_keepalives_interval: seconds until it asks again; 0: the system's default.
        tcp_keepalives_count: unanswered questions that end the connection; 0: the system's default.
        startup_timeout: seconds a client has from connecting to being logged in.
        max_message_length: largest message of a logged-in client, in bytes.
        server_version: what ``server_version`` shows, e.g. ``"15.0 (my product)"``.
        parameters: other defaults of run-time parameters.
        types: codecs for types of the server's own, and for built-in ones instead of theirs. They read parameters, and write the rows of
            results (not of Arrow streams), whose columns have these types.
        hooks: what has its say in the sessions of any engine: a :class:`~pgwire_py.server.hooks.Hooks`. A Handler has its own.

    Attributes:
        sessions: the logged-in sessions by process ID.
        trusts_all: whether every client may log in, wherever it comes from.
        opens_at_once: whether nothing is waited for where a session is opened.
    """

    def __init__(
        self,
        engine: Engine | PythonEngine | Handler | Callable[..., Any],
        *,
        host: str | None = "127.0.0.1",
        port: int = 5433,
        unix_socket_directory: str | os.PathLike[str] | None = None,
        auth: AuthSource | HostBasedRules | str = "trust",
        users: AuthSource | None = None,
        ident: IdentMap | None = None,
        oauth: OAuth | None = None,
        mock_secret: bytes | None = None,
        tls: ServerTls | None = None,
        ssl_context: ssl.SSLContext | None = None,
        require_ssl: bool = False,
        max_connections: int = 100,
        max_connections_per_user: int | None = None,
        max_connections_per_address: int | None = None,
        max_starting: int = 1000,
        tcp_keepalives_idle: int = 0,
        tcp_keepalives_interval: int = 0,
        tcp_keepalives_count: int = 0,
        startup_timeout: float = 60.0,
        max_message_length: int = MAX_MESSAGE_LENGTH,
        server_version: str = SERVER_VERSION,
        parameters: dict[str, str] | None = None,
        types: TypeRegistry | None = None,
        hooks: Hooks | None = None,
    ) -> None:
        if ssl_context is not None:
            if tls is not None:
                raise ValueError("tls and ssl_context are one too many")
            tls = ServerTls.of(ssl_context)
        if max_connections < 1:
            raise ValueError("max_connections must be at least 1")
        if min(max_connections_per_user or 1, max_connections_per_address or 1, max_starting) < 1:
            raise ValueError("limits of connections must be at least 1")
        if min(tcp_keepalives_idle, tcp_keepalives_interval, tcp_keepalives_count) < 0:
            raise ValueError("TCP keepalive values must not be negative")
        if startup_timeout <= 0:
            raise ValueError("startup_timeout must be positive")
        if isinstance(engine, Handler):
            if hooks is not None:
                raise ValueError("a Handler and hooks are one too many: it has its own")
            hooks, engine = engine, engine.engine()
        self._take_hooks(hooks or Hooks())
        self.engine = engine if isinstance(engine, (Engine, PythonEngine)) else PythonEngine(engine)
        self.tls = tls
        self.authentication = Authentication(auth, users, ident, oauth, mock_secret, tls)
        self.require_ssl = require_ssl
        self.trusts_all = self.authentication.trusts_all and not require_ssl and max_connections_per_address is None
        self.opens_at_once = isinstance(self.engine, PythonEngine) and not self.hooks_startup
        self.max_connections = max_connections
        self.max_connections_per_user = max_connections_per_user
        self.max_connections_per_address = max_connections_per_address
        self.max_starting = max_starting
        self._keepalive = (tcp_keepalives_idle, tcp_keepalives_interval, tcp_keepalives_count)
        self.startup_timeout = startup_timeout
        self.max_message_length = max_message_length
        self.codings = Codings(types)
        values = {"max_connections": str(max_connections), **(parameters or {})}
        self.defaults = Defaults(server_version, values, self.codings)
        self.defaults.is_user = self._is_user
        self.query_size = memory_bytes(self.defaults.values["track_activity_query_size"])
        self.loop: asyncio.AbstractEventLoop
        self.receive_buffer = bytearray(RECEIVE_BUFFER)
        self._protocol_class: type[ServerProtocol] = ServerProtocol
        self.catalog = Catalog()
        self._plan_caches: dict[Coding, PlanCache] = {}
        self.start_values: dict[tuple[tuple[str, str], ...], StartValues] = {}
        self.schema_version = 0
        self.notifications = Notifications()
        self._host = host
        self._port = port
        self._unix_socket_directory = unix_socket_directory
        self._listeners: list[asyncio.Server] = []
        self._protocols: set[ServerProtocol] = set()
        self._reserved: set[ServerProtocol] = set()
        self._shares: dict[ServerProtocol, list[tuple[str, str]]] = {}
        self._counts: Counter[tuple[str, str]] = Counter()
        self._sessions: dict[int, Session] = {}
        self._starting: dict[ServerProtocol, float] = {}
        self._reaper: asyncio.TimerHandle | None = None
        self._freeing: set[asyncio.Future[None]] = set()
        self._empty: asyncio.Event | None = None
        self._socket_path: str | None = None
        self._socket_lock = -1
        self._stopped: asyncio.Future[None] | None = None
        self._last_process_id = 0
        self._closing: asyncio.Task[None] | None = None

    def _take_hooks(self, hooks: Hooks) -> None:
        """Note which hooks there are: nothing is done for those there are not."""
        check_hooks(hooks)
        self.hooks = hooks
        self.hooks_startup = overrides(hooks, Hooks, "startup") or overrides(hooks, Hooks, "server_parameters")
        self.hooks_queries = overrides(hooks, Hooks, "simple_query")
        self.hooks_errors = overrides(hooks, Hooks, "error")
        self.hooks_closed = overrides(hooks, Hooks, "closed")

    # -- life --------------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Listen; raises OSError where an address cannot be had."""
        self.loop = asyncio.get_running_loop()
        if isinstance(self.loop, asyncio.BaseEventLoop):
            self._protocol_class = BufferedServerProtocol
        self._empty = asyncio.Event()
        try:
            if self._host is not None:
                listener = await self.loop.create_server(
                    self._protocol, self._host, self._port, backlog=1024, reuse_address=True
                )
                self._listeners.append(listener)
                for listening in listener.sockets:
                    _keep_alive(listening, *self._keepalive)
                self._port = listener.sockets[0].getsockname()[1]
            if self._unix_socket_directory is not None:
                path = os.path.join(self._unix_socket_directory, f".s.PGSQL.{self._port}")
                self._socket_lock = unix_socket.claim(path)
                self._socket_path = path
                self._listeners.append(await self.loop.create_unix_server(self._protocol, path, backlog=1024))
        except BaseException:
            for listener in self._listeners:
                listener.close()
            self._listeners = []
            self._release_socket()
            raise

    @property
    def port(self) -> int:
        """The TCP port, also where the system chose it."""
        return self._port

    @property
    def sessions(self) -> Mapping[int, Session]:
        """The logged-in sessions by process ID."""
        return self._sessions

    async def serve_forever(self) -> None:
        """Serve until :meth:`close` is called or this task is cancelled, which closes the server."""
        if not self._listeners:
            await self.start()
        assert self._empty is not None
        try:
            while self._listeners:
                await self._wait_closed()
        finally:
            await self.close()

    async def _wait_closed(self) -> None:
        self._stopped = self.loop.create_future()
        await self._stopped

    async def close(self, timeout: float = 10.0) -> None:
        """Stop: accept no more, let running statements end for ``timeout`` seconds at most, then end every session with 57P01."""
        if self._closing is None:
            self._closing = asyncio.ensure_future(self._close(timeout))
        await asyncio.shield(self._closing)

    async def _close(self, timeout: float) -> None:
        listeners, self._listeners = self._listeners, []
        for listener in listeners:
            listener.close()
        self._release_socket()
        if self._stopped is not None and not self._stopped.done():
            self._stopped.set_result(None)
        for protocol in list(self._protocols):
            protocol.shut_down()
        if not await self._emptied(timeout):
            for protocol in list(self._protocols):
                if protocol.session is not None:
                    protocol.session.cancel()
            await self._emptied(1.0)
            for protocol in list(self._protocols):
                if protocol.session is not None:
                    protocol.session.terminate(shutdown_error())
            if not await self._emptied(1.0):
                for protocol in list(self._protocols):
                    protocol.abort()
                await self._emptied(1.0)
        if self._reaper is not None:
            self._reaper.cancel()
            self._reaper = None
        if self._freeing:
            await asyncio.wait(self._freeing, timeout=max(timeout, 1.0))
        self.catalog.close()
        await self.authentication.close()
        self.engine.close()

    def _release_socket(self) -> None:
        if self._socket_path is not None:
            unix_socket.release(self._socket_path, self._socket_lock)
            self._socket_path = None

    async def _emptied(self, timeout: float) -> bool:
        if not self._protocols:
            return True
        assert self._empty is not None
        self._empty.clear()
        try:
            await asyncio.wait_for(self._empty.wait(), timeout)
        except (asyncio.TimeoutError, TimeoutError):
            return not self._protocols
        return True

    @property
    def mock_secret(self) -> bytes:
        """What users who do not exist get their salts from; to be kept where they are to stay the same after a restart."""
        return self.authentication.mock_secret

    def reload_tls(self) -> bool:
        """Read certificates and keys again, for connections from now on; those that are open stay.

        Returns:
            False where a file is broken: that is logged, and everything stays as it was.
        """
        return self.tls is None or _reloaded(self.tls.reload, "TLS")

    def reload(self) -> bool:
        """:meth:`reload_tls`, and the same for the files of rules and user name maps. Users files are read when they change."""
        rules, ident = self.authentication.rules, self.authentication.ident
        done = [self.reload_tls(), _reloaded(rules.reload, "rules"), _reloaded(ident.reload, "user name maps")]
        return all(done)

    async def __aenter__(self) -> Server:
        await self.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    def notify(self, channel: str, payload: str = "") -> None:
        """Notify the sessions that listen to ``channel``, at once; they see process ID 0. Any thread may call it.

        Raises:
            PostgresError: 22023 where the channel's name or the payload is too long.
        """
        check(channel, payload)
        on_loop(self.loop, self.notifications.send, 0, ((channel, payload),))

    # -- called by connections ---------------------------------------------------------------------------------------

    def _protocol(self) -> ServerProtocol:
        return self._protocol_class(self)

    def opened(self, protocol: ServerProtocol) -> None:
        """A connection was accepted: it has ``startup_timeout`` seconds to log in."""
        self._protocols.add(protocol)
        self._starting[protocol] = self.loop.time() + self.startup_timeout
        if len(self._starting) > self.max_starting:
            oldest = next(iter(self._starting))
            del self._starting[oldest]
            log.info("too many connections are logging in: the oldest is closed")
            oldest.abort()
        if self._reaper is None:
            self._reaper = self.loop.call_later(self.startup_timeout, self._reap)
        if self._closing is not None:
            protocol.close()

    def plan_cache(self, coding: Coding) -> PlanCache:
        """The plans of sessions of this coding."""
        cache = self._plan_caches.get(coding)
        if cache is None:
            if len(self._plan_caches) >= MAX_CODINGS:
                self._plan_caches.clear()
            cache = self._plan_caches[coding] = PlanCache(self.catalog, coding, isinstance(self.engine, PythonEngine))
        return cache

    def _is_user(self, name: str) -> bool:
        return any(session.user == name for session in list(self._sessions.values()))

    def check_room(self) -> None:
        """Raise TooManyConnections where no other session may log in."""
        if len(self._reserved) >= self.max_connections:
            raise TooManyConnections("sorry, too many clients already")

    def admit(self, protocol: ServerProtocol, user: str) -> None:
        """Count a connection whose client has proved to be ``user``; raises TooManyConnections.

        Others may have come in since it was asked: who has not logged in yet takes nobody's place.
        """
        self.check_room()
        limit = self.max_connections_per_user
        if limit and not self.take_share(protocol, "user", user, limit):
            raise TooManyConnections(f'too many connections for role "{user}"')
        self._reserved.add(protocol)

    def take_share(self, protocol: ServerProtocol, kind: str, name: str, limit: int) -> bool:
        """Count the connection among those of one user or address; False where there are ``limit`` already."""
        share = (kind, name)
        if self._counts[share] >= limit:
            return False
        self._counts[share] += 1
        self._shares.setdefault(protocol, []).append(share)
        return True

    def _return_shares(self, protocol: ServerProtocol) -> None:
        """Count the connection among nobody's any more."""
        for share in self._shares.pop(protocol, ()):
            self._counts[share] -= 1
            if not self._counts[share]:
                del self._counts[share]

    def next_process_id(self) -> int:
        """A process ID that no session has."""
        while True:
            self._last_process_id = self._last_process_id % MAX_PROCESS_ID + 1
            if self._last_process_id not in self._sessions:
                return self._last_process_id

    def execution_for(self, session: Session) -> Execution:
        """What the session runs statements with."""
        if isinstance(self.engine, PythonEngine):
            return FunctionExecution(session, self.catalog, self.loop, self.engine)
        return EngineExecution(session, self.catalog, self.loop, self.engine)

    def _reap(self) -> None:
        """End the connections whose deadline has passed. They stand in the order of their deadlines; one timer serves all."""
        self._reaper = None
        now = self.loop.time()
        for protocol, deadline in list(self._starting.items()):
            if deadline > now:
                self._reaper = self.loop.call_at(deadline, self._reap)
                return
            del self._starting[protocol]
            protocol.too_slow()

    def logged_in(self, protocol: ServerProtocol) -> None:
        """A session is ready."""
        self._starting.pop(protocol, None)
        session = protocol.session
        assert session is not None
        self._sessions[session.process_id] = session

    def cancel(self, process_id: int, secret_key: bytes) -> None:
        """A CancelRequest: cancel what that session runs, if the key is right."""
        session = self._sessions.get(process_id)
        if session is not None and hmac.compare_digest(session.secret_key, secret_key):
            session.cancel()
        else:
            asked(self.hooks.cancel_request, process_id, secret_key)

    def closed(self, protocol: ServerProtocol) -> None:
        """A connection is gone."""
        self._protocols.discard(protocol)
        self._starting.pop(protocol, None)
        self._reserved.discard(protocol)
        if self._shares:
            self._return_shares(protocol)
        session = protocol.session
        if session is not None:
            self._sessions.pop(session.process_id, None)
            self.release_execution(session)
            if self.hooks_closed:
                asked(self.hooks.closed, session)
        if not self._protocols and self._empty is not None:
            self._empty.set()

    def release_execution(self, session: Session) -> None:
        """Interrupt and free what a session that is gone has in the engine."""
        session.stop_timers()
        if session.portals:
            session.close_portals(-1)
        if session.notifications is not None:
            session.notifications.forget()
        session.execution.cancel()
        future = session.execution.close()
        if future is not None:
            self._freeing.add(future)
            future.add_done_callback(self._freed)

    def _freed(self, future: asyncio.Future[None]) -> None:
        self._freeing.discard(future)
        if not future.cancelled() and future.exception() is not None:
            log.error("freeing a session failed", exc_info=future.exception())


def _keep_alive(listening: Any, idle: int, interval: int, count: int) -> None:
    """Accepted connections inherit this from the socket that listens."""
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (("TCP_KEEPIDLE", idle), ("TCP_KEEPINTVL", interval), ("TCP_KEEPCNT", count)):
        if value and hasattr(socket, name):
            listening.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def _reloaded(reload: Callable[[], None], what: str) -> bool:
    try:
        reload()
    except (OSError, ValueError) as error:
        log.error("%s not read again, everything stays as it was: %s", what, error)
        return False
    return True


async def serve(engine: Engine | PythonEngine | Handler | Callable[..., Any], **options: Any) -> None:
    """Serve an engine or a function on a PostgreSQL port until cancelled; options as for :class:`Server`."""
    async with Server(engine, **options) as server:
        await server.serve_forever()
