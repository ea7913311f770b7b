"""A socket as asyncio's protocols know it: what is written leaves, and what comes is handed over, while somebody waits."""

from __future__ import annotations

import asyncio
import os
import socket
from contextlib import suppress
from typing import Any, Protocol

from .._impl import FrameDecoder, RowDecoder
from ..client.errors import ConnectionLost, lost_by
from ..errors import FrameError
from .waiting import Expired, left

__all__ = ["IO", "Transport", "by_handler"]

HIGH_WATER = 1 << 18
"""Bytes waiting to be sent from which on the protocol is asked to write no more, until a quarter of them is left."""

CLOSING = 1.0
"""Seconds that the last bytes may take to leave."""


class IO(Protocol):
    """What :class:`~pgwire_py._impl.interface.SocketIO` does, over TLS or not."""

    @property
    def pending(self) -> int: ...
    @property
    def received(self) -> int: ...
    @property
    def asking(self) -> bool: ...
    def ask(self, data: bytes, decoder: FrameDecoder, rows: RowDecoder | None, /) -> Any: ...
    def write(self, data: Any, /) -> int: ...
    def pump(self, timeout: float | None, answer: bool, /) -> bytes | None: ...


class Transport(asyncio.Transport):
    """One connection's.

    Args:
        endpoint: the socket.
        io: what reads and writes it.
        protocol: gets what comes.
        lock: is held by the thread that uses the connection.
        extra: for :meth:`get_extra_info`.

    Attributes:
        closed: whether it is closed, or another has taken its place.
        waiting: whether that thread is in ``io``, where signal handlers run too: nothing else may be done with the connection then.
            Whoever calls ``io`` sets it, then sees whether ``closed``; and behind the call clears it, and closes the socket where
            ``closed``.
    """

    def __init__(
        self, endpoint: socket.socket, io: IO, protocol: asyncio.BaseProtocol, lock: Any, extra: dict[str, Any]
    ) -> None:
        super().__init__({"socket": endpoint, **extra})
        self.io = io
        self.endpoint = endpoint
        self._protocol: Any = protocol
        self._lock = lock
        self.waiting = False
        self._paused = False
        self.closed = False
        self._came: list[bytes | None] = []  # what came and was not handed over: a signal handler raised in between
        self._handing = False
        self._handed = 0  # bytes that the protocol has dealt with

    def replaced(self, io: IO, protocol: asyncio.BaseProtocol, extra: dict[str, Any]) -> Transport:
        """The same socket with another way to read and write it."""
        self.closed = True
        return Transport(self.endpoint, io, protocol, self._lock, extra)

    # -- what protocols use ------------------------------------------------------------------------------------------

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._protocol = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        found: asyncio.BaseProtocol = self._protocol
        return found

    def is_closing(self) -> bool:
        return self.closed

    def write(self, data: Any) -> None:
        if self.closed:
            return
        if self.io.write(data) > HIGH_WATER and not self._paused:
            self._paused = True
            self._protocol.pause_writing()

    def pause_reading(self) -> None:
        """Nothing is read while nobody waits."""

    def resume_reading(self) -> None:
        """See :meth:`pause_reading`."""

    def close(self) -> None:
        """Send what is left, and close."""
        if not self.closed:
            with suppress(OSError):
                self._wait(CLOSING, False)
        self.abort()

    def abort(self) -> None:
        """Close at once; where another thread is waiting for the socket, that one closes it."""
        if self.closed:
            return
        if not self._lock.acquire(blocking=False):
            with suppress(OSError):
                self.endpoint.shutdown(socket.SHUT_RDWR)
            return
        try:
            self._lost(None)
        finally:
            self._lock.release()

    # -- what waits --------------------------------------------------------------------------------------------------

    def pump(self) -> None:
        """Send, and wait until something comes, or where too much was written until most of it has left.

        Raises:
            Expired: the thread's deadline has passed.
            ConnectionLost: the connection is closed.
        """
        io = self.io
        try:
            try:
                self._wait(left(), not self._paused)
            except OSError as error:
                if by_handler(error):
                    raise
                self._lost(error)
                return
            came = self._came
            while came:
                self._received(came[0], came)
        except Expired:
            raise
        except BaseException as error:
            if self.torn:
                self._broken(error)
            raise
        if self._paused and io.pending <= HIGH_WATER // 4:
            self._paused = False
            self._protocol.resume_writing()

    @property
    def torn(self) -> bool:
        """Whether something that came is lost, by a signal between two lines of Python."""
        return self._handing or self.io.received != self._handed + sum(map(len, filter(None, self._came)))

    def take(self, found: Any) -> None:
        """Hand over what :meth:`SocketIO.ask` gave or raised."""
        if isinstance(found, bytes):
            self._received(found, [found])
        elif isinstance(found, list):
            self._protocol.take(found)
        elif isinstance(found, FrameError):
            self._protocol.broken(found)
        else:
            self._lost(found)

    def _wait(self, timeout: float | None, answer: bool) -> None:
        try:
            self.waiting = True
            if self.closed:
                raise ConnectionLost("the connection is closed")
            came = self._came
            if not (came and answer):
                # What came must be known though a signal handler raises before the next line: extend() notes it before Python looks
                # for signals again.
                came.extend(map(self.io.pump, (timeout,), (answer,)))
        finally:
            self.waiting = False
            if self.closed:
                self.endpoint.close()

    def _received(self, data: bytes | None, came: list[Any]) -> None:
        """Hand over the first piece of what ``came``."""
        self._handing = True
        del came[0]
        if data:
            self._protocol.data_received(data)
            self._handed += len(data)
        elif data is not None:
            self._protocol.eof_received()
            self._lost(None)
        self._handing = False

    def _broken(self, error: BaseException) -> None:
        """Close because a signal handler raised."""
        fail = getattr(self._protocol, "fail", None)
        if fail is None:  # at the login
            self._lost(None)
        else:
            fail(lost_by("a signal interrupted the client while it took in what came", error))

    def _lost(self, error: Exception | None) -> None:
        if not self.closed:
            self.closed = True
            if self.waiting:  # a signal handler closes: the descriptor must not become another socket's under the wait
                with suppress(OSError):
                    self.endpoint.shutdown(socket.SHUT_RDWR)
            else:
                self.endpoint.close()
            self._protocol.connection_lost(error)

    def disown(self, lock: Any, error: Exception) -> None:
        """In a child process: the connection is the parent's, which sees nothing of its being closed here."""
        self._lock = lock
        if self.closed:
            return
        self.closed = True
        if self.waiting:  # perhaps by this thread, in whose signal handler it was forked: it finds the end of a stream
            self.waiting = False
            end, other = socket.socketpair()
            other.close()
            os.dup2(end.fileno(), self.endpoint.fileno(), inheritable=False)
            end.close()
        else:
            self.endpoint.close()
        self._protocol.connection_lost(error)


def by_handler(error: Exception) -> bool:
    """Whether a signal handler raised it, as a TimeoutError of its own: those of the system have a number."""
    return isinstance(error, OSError) and error.errno is None
