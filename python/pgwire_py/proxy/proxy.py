"""The proxy: listens, limits, knows the upstream, the hooks and the watchers, and closes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

from ..connection import MAX_MESSAGE_LENGTH
from ..errors import AdminShutdown, TooManyConnections
from ..server.tls import ServerTls
from .frame import Frame, Replacement
from .relaying import Relaying
from .session import ClientEnd, ProxySession
from .upstream import Upstream
from .watchers import Watcher

__all__ = ["Hook", "Proxy"]

log = logging.getLogger("pgwire_py.proxy")

Hook = Callable[[ProxySession, Frame], Replacement]
"""A function that sees a message; see :data:`~pgwire_py.proxy.frame.Replacement` for what it returns."""

DRAIN: Final = 1.0
"""Seconds that clients get, when the proxy closes, to read that it does."""


class Proxy:
    """Forwards PostgreSQL connections to a server.

    Args:
        upstream: where to: an :class:`~pgwire_py.proxy.Upstream` or ``postgresql://host:port[?sslmode=…]``.
        host: address to listen on.
        port: TCP port; 0 lets the system choose one (see :attr:`port`).
        tls: offers TLS to clients, after SSLRequest and direct. None: they are told that there is none.
        on_frontend: sees each message of clients, the start-up packet (tag ``""``) first, and may replace or drop it. It must not block.
        on_backend: the same for what the upstream sends.
        watchers: see what is forwarded, secrets redacted.
        max_connections: clients at a time; one more is refused with 53300.
        startup_timeout: seconds that a client has to send its start-up packet; how long a login takes is the upstream's to say.
        connect_timeout: seconds that connecting to the upstream may take; then the client gets 08001.
        max_message_length: longest message either way, in bytes.

    Raises:
        ValueError: the upstream's URI is none, or a number is out of range.
        OSError: its file of authorities cannot be read.

    Attributes:
        upstream: the server behind.
        sessions: those that are open.
    """

    def __init__(
        self,
        upstream: Upstream | str,
        *,
        host: str = "127.0.0.1",
        port: int = 6432,
        tls: ServerTls | None = None,
        on_frontend: Hook | None = None,
        on_backend: Hook | None = None,
        watchers: Sequence[Watcher] = (),
        max_connections: int = 1000,
        startup_timeout: float = 60.0,
        connect_timeout: float = 10.0,
        max_message_length: int = MAX_MESSAGE_LENGTH,
    ) -> None:
        if max_connections < 1 or startup_timeout <= 0 or connect_timeout <= 0:
            raise ValueError("max_connections, startup_timeout and connect_timeout must be positive")
        self.upstream = Upstream.parse(upstream) if isinstance(upstream, str) else upstream
        self.upstream_context = self.upstream.context()
        self.tls = tls
        self.on_frontend = on_frontend
        self.on_backend = on_backend
        self.watchers = tuple(watchers)
        self.examines = on_frontend is not None or on_backend is not None or bool(watchers)
        self.max_connections = max_connections
        self.startup_timeout = startup_timeout
        self.connect_timeout = connect_timeout
        self.max_message_length = max_message_length
        self.loop: asyncio.AbstractEventLoop
        self.relaying: Relaying | None = None
        self.sessions: set[ProxySession] = set()
        self._host, self._port = host, port
        self._listener: asyncio.Server | None = None
        self._deadlines: dict[ProxySession, asyncio.TimerHandle] = {}
        self._count = 0
        self._empty = asyncio.Event()
        self._stopped = asyncio.Event()

    async def start(self) -> None:
        """Listen; raises OSError where the address cannot be had."""
        self.loop = asyncio.get_running_loop()
        self._listener = await self.loop.create_server(self._accept, self._host, self._port, backlog=1024)
        self._port = self._listener.sockets[0].getsockname()[1]
        if not self.examines:
            with suppress(OSError, NotImplementedError):  # without it the transports read, which takes more time
                self.relaying = Relaying(self.loop)

    @property
    def port(self) -> int:
        """The TCP port, also where the system chose it."""
        return self._port

    async def serve_forever(self) -> None:
        """Forward until :meth:`close` is called or this task is cancelled, which closes the proxy."""
        if self._listener is None:
            await self.start()
        try:
            await self._stopped.wait()
        finally:
            await self.close()

    async def close(self) -> None:
        """Stop listening and end every session with 57P01."""
        self._stopped.set()
        if self._listener is not None:
            self._listener.close()
        for session in list(self.sessions):
            session.fail(AdminShutdown("terminating connection because the proxy stops"))
        if self.relaying is not None:  # which they have left, also those that had ended
            self.relaying.close()
            self.relaying = None
        if self.sessions:
            self._empty.clear()
            try:
                await asyncio.wait_for(self._empty.wait(), DRAIN)
            except (asyncio.TimeoutError, TimeoutError):
                for session in list(self.sessions):
                    session.client.abort()
                await asyncio.sleep(0)

    async def __aenter__(self) -> Proxy:
        await self.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    # -- called by sessions ------------------------------------------------------------------------------------------

    def _accept(self) -> ClientEnd:
        self._count += 1
        return ProxySession(self, self._count).client

    def opened(self, session: ProxySession) -> None:
        """A connection was accepted."""
        self.sessions.add(session)
        self._deadlines[session] = self.loop.call_later(self.startup_timeout, session.client.abort)
        if self._stopped.is_set():
            session.fail(AdminShutdown("the proxy stops"))
        elif len(self.sessions) > self.max_connections:
            session.fail(TooManyConnections("sorry, too many clients already"))

    def started(self, session: ProxySession) -> None:
        """The start-up packet is there."""
        self._deadlines.pop(session).cancel()

    def closed(self, session: ProxySession) -> None:
        """The client is gone."""
        self.sessions.discard(session)
        deadline = self._deadlines.pop(session, None)
        if deadline is not None:
            deadline.cancel()
        if not self.sessions:
            self._empty.set()
