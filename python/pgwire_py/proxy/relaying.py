"""The short way through a proxy: from socket to socket, past the event loop's transports, for sessions that nobody looks at.

The transports of such a session stay, their reading paused: they write what a socket does not take at once, close, and go on alone from
the moment an end leaves or the session is to be ended. So there is one place where connections end, whichever way the bytes went.
"""

from __future__ import annotations

import asyncio
import weakref
from typing import TYPE_CHECKING, Any

from .._impl import Relay
from ..server.tls_transport import TlsTransport

if TYPE_CHECKING:
    from .session import End

__all__ = ["Relaying"]


class Relaying:
    """The ends of a proxy's sessions that are read by a relay.

    Raises:
        OSError: the system has no epoll, or no more descriptors.
        NotImplementedError: the event loop does not watch descriptors.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._relay = Relay()
        # Where nobody closes the proxy, it ends before any of the sockets that it uses: what waits for an object's end runs ahead of
        # what the objects of a cycle do themselves.
        self._close = weakref.finalize(self, self._relay.close)
        self._close.atexit = False  # who closes the proxy then still can
        self._ends: dict[int, End] = {}
        self._sources: dict[End, int] = {}
        try:
            loop.add_reader(self._relay.fileno(), self._run)
        except BaseException:
            self._close()
            raise

    def close(self) -> None:
        """End it; no end may be left."""
        self._loop.remove_reader(self._relay.fileno())
        self._close()

    def read(self, end: End) -> bool:
        """Pass on what comes to this end from now on; False where that cannot be, as when something waits to be written to the other."""
        assert end.other is not None
        assert end.scanner is not None
        if end.other.transport.get_write_buffer_size():
            return False
        source, target = descriptor(end.transport), descriptor(end.other.transport)
        try:
            self._relay.add(source, target, end.scanner)
        except OSError:
            return False
        self._ends[source], self._sources[end] = end, source
        return True

    def leave(self, end: End) -> bytes:
        """Pass on nothing more from it, if it is read here. To be called before its socket is closed, or that of the other end.

        Returns:
            What came from it and is to be written to the other end.
        """
        source = self._sources.pop(end, None)
        if source is None:
            return b""
        del self._ends[source]
        return self._relay.remove(source)

    def _run(self) -> None:
        stopped = [(self._ends.pop(source), rest) for source, rest in self._relay.run()]
        for end, _ in stopped:
            del self._sources[end]
        for end, rest in sorted(stopped, key=lambda one: not one[1]):  # what came goes out before a session ends
            end.stopped(rest)


def can_be_read(transport: asyncio.Transport) -> bool:
    """Whether its socket carries the messages as they are."""
    encrypted = isinstance(transport, TlsTransport) or transport.get_extra_info("sslcontext") is not None
    return not encrypted and descriptor(transport) >= 0


def descriptor(transport: asyncio.Transport) -> int:
    """That of its socket; negative where it is closed."""
    socket: Any = transport.get_extra_info("socket")
    return -1 if socket is None else int(socket.fileno())
