"""The server: listens, accepts, limits, hands out process IDs, and closes gracefully."""

from __future__ import annotations

import asyncio
import hmac
import logging
import os
import secrets
import ssl
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final

from .._version import __version__
from ..auth import AuthSource
from ..catalog import Catalog
from ..connection import MAX_MESSAGE_LENGTH
from ..engines.base import Engine
from ..engines.python import PythonEngine
from .execution import EngineExecution, Execution, FunctionExecution
from .plans import Plan, PlanCache
from .protocol import BufferedServerProtocol, ServerProtocol
from .session import Session, shutdown_error
from .settings import Defaults

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
        engine: an :class:`~pgwire_py.engines.base.Engine`, a :class:`~pgwire_py.engines.python.PythonEngine`, or a function as the
            latter takes.
        host: address to listen on; None listens on no TCP port.
        port: TCP port; 0 lets the system choose one (see :attr:`port`).
        unix_socket_directory: also listen on ``.s.PGSQL.<port>`` in this directory, as libpq expects it.
        auth: ``"trust"``, or an :class:`~pgwire_py.auth.AuthSource` for SCRAM-SHA-256.
        ssl_context: offers TLS after SSLRequest.
        require_ssl: refuse clients that come over TCP without TLS.
        max_connections: sessions at a time; one more is refused with 53300.
        startup_timeout: seconds a client has from connecting to being logged in.
        max_message_length: largest message of a logged-in client, in bytes.
        server_version: what ``server_version`` shows, e.g. ``"15.0 (my product)"``.
        parameters: other defaults of run-time parameters.

    Attributes:
        sessions: the logged-in sessions by process ID.
    """

    def __init__(
        self,
        engine: Engine | PythonEngine | Callable[..., Any],
        *,
        host: str | None = "127.0.0.1",
        port: int = 5433,
        unix_socket_directory: str | os.PathLike[str] | None = None,
        auth: AuthSource | str = "trust",
        ssl_context: ssl.SSLContext | None = None,
        require_ssl: bool = False,
        max_connections: int = 100,
        startup_timeout: float = 60.0,
        max_message_length: int = MAX_MESSAGE_LENGTH,
        server_version: str = SERVER_VERSION,
        parameters: dict[str, str] | None = None,
    ) -> None:
        if isinstance(auth, str) and auth != "trust":
            raise ValueError(f"auth must be 'trust' or an AuthSource, not {auth!r}")
        if max_connections < 1:
            raise ValueError("max_connections must be at least 1")
        if startup_timeout <= 0:
            raise ValueError("startup_timeout must be positive")
        self.engine = engine if isinstance(engine, (Engine, PythonEngine)) else PythonEngine(engine)
        self.auth = None if isinstance(auth, str) else auth
        self.mock_secret = secrets.token_bytes(32)
        self.ssl_context = ssl_context
        self.require_ssl = require_ssl
        self.at_once = self.auth is None and not require_ssl and isinstance(self.engine, PythonEngine)
        self.max_connections = max_connections
        self.startup_timeout = startup_timeout
        self.max_message_length = max_message_length
        self.defaults = Defaults(server_version, {"max_connections": str(max_connections), **(parameters or {})})
        self.loop: asyncio.AbstractEventLoop
        self.receive_buffer = bytearray(RECEIVE_BUFFER)
        self._protocol_class: type[ServerProtocol] = ServerProtocol
        self.catalog = Catalog()
        self.plan_cache = PlanCache(self.catalog, for_handler=isinstance(self.engine, PythonEngine))
        self.plans: Callable[[str], tuple[Plan, ...]] = self.plan_cache.plans
        self.start_values: dict[tuple[tuple[str, str], ...], tuple[dict[str, str], bytes]] = {}
        self.schema_version = 0
        self._host = host
        self._port = port
        self._unix_socket_directory = unix_socket_directory
        self._listeners: list[asyncio.Server] = []
        self._protocols: set[ServerProtocol] = set()
        self._reserved: set[ServerProtocol] = set()
        self._sessions: dict[int, Session] = {}
        self._starting: dict[ServerProtocol, float] = {}
        self._reaper: asyncio.TimerHandle | None = None
        self._freeing: set[asyncio.Future[None]] = set()
        self._empty: asyncio.Event | None = None
        self._socket_path: str | None = None
        self._stopped: asyncio.Future[None] | None = None
        self._last_process_id = 0
        self._closing: asyncio.Task[None] | None = None

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
                self._port = listener.sockets[0].getsockname()[1]
            if self._unix_socket_directory is not None:
                path = os.path.join(self._unix_socket_directory, f".s.PGSQL.{self._port}")
                self._listeners.append(await self.loop.create_unix_server(self._protocol, path, backlog=1024))
                self._socket_path = path
        except BaseException:
            for listener in self._listeners:
                listener.close()
            self._listeners = []
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
        if self._socket_path is not None:
            with suppress(FileNotFoundError):
                os.unlink(self._socket_path)
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
        self.engine.close()

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

    async def __aenter__(self) -> Server:
        await self.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    # -- called by connections ---------------------------------------------------------------------------------------

    def _protocol(self) -> ServerProtocol:
        return self._protocol_class(self)

    def opened(self, protocol: ServerProtocol) -> None:
        """A connection was accepted: it has ``startup_timeout`` seconds to log in."""
        self._protocols.add(protocol)
        self._starting[protocol] = self.loop.time() + self.startup_timeout
        if self._reaper is None:
            self._reaper = self.loop.call_later(self.startup_timeout, self._reap)
        if self._closing is not None:
            protocol.close()

    def has_room(self) -> bool:
        """Whether another session may log in."""
        return len(self._reserved) < self.max_connections

    def reserve(self, protocol: ServerProtocol) -> None:
        """Count a connection that is logging in."""
        self._reserved.add(protocol)

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

    def closed(self, protocol: ServerProtocol) -> None:
        """A connection is gone."""
        self._protocols.discard(protocol)
        self._starting.pop(protocol, None)
        self._reserved.discard(protocol)
        session = protocol.session
        if session is not None:
            self._sessions.pop(session.process_id, None)
            self.release_execution(session)
        if not self._protocols and self._empty is not None:
            self._empty.set()

    def release_execution(self, session: Session) -> None:
        """Interrupt and free what a session that is gone has in the engine."""
        session.close_portals()
        session.execution.cancel()
        future = session.execution.close()
        if future is not None:
            self._freeing.add(future)
            future.add_done_callback(self._freed)

    def _freed(self, future: asyncio.Future[None]) -> None:
        self._freeing.discard(future)
        if not future.cancelled() and future.exception() is not None:
            log.error("freeing a session failed", exc_info=future.exception())


async def serve(engine: Engine | PythonEngine | Callable[..., Any], **options: Any) -> None:
    """Serve an engine or a function on a PostgreSQL port until cancelled; options as for :class:`Server`."""
    async with Server(engine, **options) as server:
        await server.serve_forever()
