"""SocketIO: what goes to a socket and what comes from it, and the wait for both."""

from __future__ import annotations

import errno
import select
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import socket

    from .frames import FrameDecoder
    from .row_decoder import RowDecoder

__all__ = ["SocketIO"]

_BUFFER = 256 * 1024
_LONG = 86_400.0  # seconds: the system's calls have bounds of their own


class SocketIO:
    """See :class:`pgwire_py._impl.interface.SocketIO`."""

    def __init__(self, socket: socket.socket, /) -> None:
        socket.setblocking(False)
        if socket.fileno() < 0:
            raise ValueError("the socket is closed")
        self._socket = socket
        self._queue = bytearray()
        self._unsure = False  # whether a system call may have done more than is noted here
        self.received = 0
        self.asking = False

    @property
    def pending(self) -> int:
        return len(self._queue)

    def write(self, data: bytes | bytearray | memoryview, /) -> int:
        self._queue += data
        return len(self._queue)

    def ask(self, data: bytes, decoder: FrameDecoder, rows: RowDecoder | None, /) -> Any:
        self.asking = True
        self.write(data)
        answer = self.pump(None, True) or b""
        self.asking = False
        if not answer.startswith(b"2") or answer[-6:-1] != b"Z\0\0\0\5":
            return answer
        self.received -= len(answer)
        return decoder.feed_answer(answer, rows)

    def pump(self, timeout: float | None, answer: bool, /) -> bytes | None:
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            self._send()
            if not self._queue and not answer:
                return None
            left = None if deadline is None else min(max(deadline - time.monotonic(), 0.0), _LONG)
            readable, writable = self._ready(left)
            if readable:
                data = self._receive()
                if data is not None:
                    return data
            elif not writable and left is not None and left < _LONG:
                return None

    def _send(self) -> None:
        if self._unsure:
            message = "a signal came between a system call and what follows it: bytes may be lost"
            raise ConnectionAbortedError(errno.ECONNABORTED, message)
        if self._queue:
            self._unsure = True
            try:
                sent = self._socket.send(self._queue)
            except BlockingIOError:
                sent = 0
            except OSError as error:
                if error.errno is None:  # a signal handler's own
                    raise
                # The other end takes no more; why it does not may be among what it has sent.
                sent = len(self._queue)
            del self._queue[:sent]
            self._unsure = False

    def _receive(self) -> bytes | None:
        self._unsure = True
        try:
            data = self._socket.recv(_BUFFER)
        except BlockingIOError:
            self._unsure = False
            return None
        self.received += len(data)
        self._unsure = False
        return data

    def _ready(self, timeout: float | None) -> tuple[bool, bool]:
        """Whether something can be received, and sent if something waits; neither when the time is over."""
        if not hasattr(select, "poll"):
            readable, writable, _ = select.select([self._socket], [self._socket] if self._queue else [], [], timeout)
            return bool(readable), bool(writable)
        poll = select.poll()
        poll.register(self._socket, select.POLLIN | (select.POLLOUT if self._queue else 0))
        events = sum(event for _, event in poll.poll(None if timeout is None else timeout * 1000))
        return bool(events & ~select.POLLOUT), bool(events & select.POLLOUT)
