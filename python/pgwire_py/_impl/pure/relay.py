"""Relay: bytes from socket to socket, where the system has epoll."""

from __future__ import annotations

import errno
import os
import select
import sys
from contextlib import suppress

from ...errors import FrameError
from .frame_scanner import FrameScanner

__all__ = ["Relay"]

_BUFFER = 64 * 1024
_EVENTS = 64
_ROUNDS = 8


class Relay:
    """See :class:`pgwire_py._impl.interface.Relay`."""

    def __init__(self) -> None:
        if sys.platform != "linux":
            raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
        self._epoll = select.epoll()
        self._directions: dict[int, tuple[int, FrameScanner]] = {}

    def fileno(self) -> int:
        return self._epoll.fileno()

    def add(self, source: int, target: int, scanner: FrameScanner, /) -> None:
        if source < 0:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        self._epoll.register(source, select.EPOLLIN)
        self._directions[source] = target, scanner

    def remove(self, source: int, /) -> bytes:
        self._epoll.fileno()
        del self._directions[source]
        with suppress(OSError):  # where it is closed already, it is not waited for either
            self._epoll.unregister(source)
        return b""  # what stops is told at once

    def run(self) -> list[tuple[int, bytes | None]]:
        stopped: list[tuple[int, bytes | None]] = []
        for _ in range(_ROUNDS):
            events = self._epoll.poll(0, _EVENTS)
            for source, _event in events:
                goes_on, rest = _pass(source, *self._directions[source])
                if not goes_on:
                    self.remove(source)
                    stopped.append((source, rest))
            if stopped or not events:
                break
        return stopped

    def close(self) -> None:
        self._epoll.close()
        self._directions.clear()


def _pass(source: int, target: int, scanner: FrameScanner) -> tuple[bool, bytes | None]:
    """Receive once and send all of it; whether more may come, and what :meth:`Relay.run` tells where it may not."""
    try:
        data = os.read(source, _BUFFER)
    except BlockingIOError:
        return True, b""
    except OSError:
        return False, b""
    try:
        scanner.scan(data)
    except FrameError:
        return False, None
    rest = data
    while rest:
        try:
            rest = rest[os.write(target, rest) :]
        except OSError:  # also where it is broken: whoever writes the rest to it learns that
            return False, rest
    return bool(data), b""
