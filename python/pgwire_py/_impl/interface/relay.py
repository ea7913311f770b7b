"""Bytes passed on from socket to socket, followed but not kept."""

from __future__ import annotations

from typing import Protocol

from .streams import Buffer

__all__ = ["FrameScanner", "Relay"]


class FrameScanner(Protocol):
    """Finds where the tagged messages of a stream end, in any chunking (Protocol 55.7), and keeps nothing of them.

    ``FrameScanner(max_message_length, offset=0)``: the largest length field, in bytes, and where in the stream what comes first stands,
    for the texts of errors, which are those of :class:`FrameDecoder`.

    Raises:
        ValueError, TypeError: a length that is none.
    """

    last: str
    """Tag of the last whole message; empty before it (read-only)."""

    partial: bool
    """Whether a message has come in part (read-only)."""

    def scan(self, data: Buffer, /) -> None:
        """Take bytes.

        Raises:
            FrameError: a length is out of bounds; every later call raises it again.
        """


class Relay(Protocol):
    """Passes on what comes from sockets to other sockets, each direction by itself; neither blocks.

    It owns no socket: one must be removed before it is closed. Its methods are for one thread. Bytes pass without becoming objects, on a
    thread that does not need the GIL (native core), or while :meth:`run` runs.

    Raises:
        OSError: the system has no epoll, or no more descriptors or threads.
        ValueError: for a method of one that is closed, except ``close``.
    """

    def fileno(self) -> int:
        """A descriptor that is readable when :meth:`run` has something to do."""

    def add(self, source: int, target: int, scanner: FrameScanner, /) -> None:
        """From now on, pass on what comes from ``source``, a descriptor, to ``target``; ``scanner`` follows it.

        Raises:
            OSError: ``source`` is no open socket, or was added before.
        """

    def remove(self, source: int, /) -> bytes:
        """Pass on nothing more from ``source``; when this returns, neither it nor its target is used.

        Returns:
            Bytes that came and that the target has not taken, where :meth:`run` has not told so.

        Raises:
            KeyError: it was not added, or :meth:`run` has told that it stopped.
        """

    def run(self) -> list[tuple[int, bytes | None]]:
        """Pass on what there is, if nothing else does, as long as others are not kept from their turn; waits for nothing.

        Returns:
            The sources that stopped since the last time, which are removed by that, each with the reason: bytes that came and that its
            target does not take for now, or not any more; no bytes at the end of the stream, also a broken one; None where the scanner
            failed: of what it was given last nothing is passed on, and it raises its error again.
        """

    def close(self) -> None:
        """End it; once is enough."""
