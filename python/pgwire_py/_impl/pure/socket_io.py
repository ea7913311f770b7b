"""SocketIO: what goes to a socket and what comes from it, and the wait for both."""

from __future__ import annotations

import select
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import socket

    from .frames import FrameDecoder
    from .row_decoder import RowDecoder

__all__ = ["SocketIO"]

_BUFFER = 256 * 1024
_LONG = 1.0  # seconds: a signal that comes just before a system call begins does not end it


class SocketIO:
    """See :class:`pgwire_py._impl.interface.SocketIO`."""

    def __init__(self, socket: socket.socket, /) -> None:
        socket.setblocking(False)
        if socket.fileno() < 0:
            raise ValueError("the socket is closed")
        self._socket = socket
        self._out: tuple[bytearray, list[int]] = (
            bytearray(),
            [],
        )  # what is to be sent, and how many bytes of it have gone
        self._came: list[bytes] = []  # what has come and was not given yet
        self.received = 0
        self.asking = False

    @property
    def pending(self) -> int:
        queue, sent = self._out
        return len(queue) - sum(sent)

    def write(self, data: bytes | bytearray | memoryview, /) -> int:
        queue, _ = self._out
        queue += data
        return self.pending

    def ask(self, data: bytes, decoder: FrameDecoder, rows: RowDecoder | None, /) -> Any:
        self.write(data)
        self.asking = True
        answer = self._pump(None, True) or b""
        self.asking = False
        if not answer.startswith(b"2") or answer[-6:-1] != b"Z\0\0\0\5":
            return answer
        self.received -= len(answer)
        found = decoder.feed_answer(answer, rows)
        return decoder.feed_rows(b"") if found is None else found  # what looked like its end stood within a row

    def pump(self, timeout: float | None, answer: bool, /) -> bytes | None:
        self.asking = False
        return self._pump(timeout, answer)

    def _pump(self, timeout: float | None, answer: bool) -> bytes | None:
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            self._send()
            if not self.pending and not answer:
                return None
            if self._came:
                return self._receive()
            left = _LONG if deadline is None else min(max(deadline - time.monotonic(), 0.0), _LONG)
            readable, writable = self._ready(left)
            if readable:
                data = self._receive()
                if data is not None:
                    return data
            elif not writable and left < _LONG:
                return None

    # What a system call did must be known though a signal handler raises before the next line: extend() notes it before Python looks
    # for signals again.

    def _send(self) -> None:
        queue, sent = self._out
        if queue:
            gone = sum(sent)
            try:
                sent.extend(map(self._socket.send, (queue[gone : gone + _BUFFER],)))
            except OSError as error:
                if error.errno is None:  # a signal handler's own
                    raise
                if not isinstance(error, BlockingIOError):
                    # The other end takes no more; why it does not may be among what it has sent.
                    sent.append(len(queue) - gone)
            gone = sum(sent)
            if gone * 2 >= len(queue):
                self._out = queue[gone:], []
            elif len(sent) > 64:
                self._out = queue, [gone]

    def _receive(self) -> bytes | None:
        if not self._came:
            try:
                self._came.extend(map(self._socket.recv, (_BUFFER,)))
            except BlockingIOError as error:
                if error.errno is None:
                    raise
                return None
        data = self._came[0]
        self.received += len(data)
        self._came.clear()
        return data

    def _ready(self, timeout: float) -> tuple[bool, bool]:
        """Whether something can be received, and sent if something waits; neither when the time is over."""
        if not hasattr(select, "poll"):
            readable, writable, _ = select.select([self._socket], [self._socket] if self.pending else [], [], timeout)
            return bool(readable), bool(writable)
        poll = select.poll()
        poll.register(self._socket, select.POLLIN | (select.POLLOUT if self.pending else 0))
        events = sum(event for _, event in poll.poll(timeout * 1000))
        return bool(events & ~select.POLLOUT), bool(events & select.POLLOUT)
