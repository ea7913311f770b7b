"""Bytes to and from a server over what a user brings: a pair of streams, or a transport. Both bounded, both without a copy of their own."""

from __future__ import annotations

import asyncio
from typing import Any, Final, Protocol, cast

from .errors import InterfaceError

__all__ = ["Channel", "StreamChannel", "TransportChannel"]

READ_SIZE: Final = 65_536
"""Bytes asked of a StreamReader at a time."""

HIGH_WATER: Final = 262_144
"""Bytes that have come and nobody has read, above which a transport is told to pause."""


class Channel(Protocol):
    """What a low-level connection goes over."""

    async def read(self) -> bytes:
        """What came; empty at the end."""

    def write(self, data: bytes) -> None:
        """Send."""

    async def drain(self) -> None:
        """Wait until what was written has mostly left."""

    def get_extra_info(self, name: str) -> Any:
        """As of a transport."""

    def transport(self) -> asyncio.Transport:
        """What TLS can be put over."""

    def close(self) -> None:
        """Close behind what was written."""

    def abort(self) -> None:
        """Close now."""

    async def wait_closed(self) -> None:
        """Wait for the end."""


class StreamChannel:
    """A pair of streams: asyncio's, or anything with ``read(n)`` and with ``write``, ``drain``, ``close`` and ``wait_closed``."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def read(self) -> bytes:
        return await self._reader.read(READ_SIZE)

    def write(self, data: bytes) -> None:
        self._writer.write(data)

    async def drain(self) -> None:
        await self._writer.drain()

    def get_extra_info(self, name: str) -> Any:
        get = getattr(self._writer, "get_extra_info", None)
        return get(name) if get is not None else None

    def transport(self) -> asyncio.Transport:
        found = getattr(self._writer, "transport", None)
        if found is None:
            raise InterfaceError("TLS needs a transport, and these streams have none: give streams that are encrypted")
        return cast("asyncio.Transport", found)

    def close(self) -> None:
        self._writer.close()

    def abort(self) -> None:
        transport = getattr(self._writer, "transport", None)
        if transport is not None:
            transport.abort()
        else:
            self._writer.close()

    async def wait_closed(self) -> None:
        await self._writer.wait_closed()


class TransportChannel(asyncio.Protocol):
    """A transport, whose protocol this becomes. What comes is handed on as it came.

    Args:
        loop: the event loop it lives on.
        owner: kept alive as long as this is.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, owner: object = None) -> None:
        self._loop = loop
        self._owner = owner
        self._transport: asyncio.Transport = cast("asyncio.Transport", None)
        self._pieces: list[bytes] = []
        self._waiting = 0
        self._paused = False
        self._ended = False
        self._error: Exception | None = None
        self._reader: asyncio.Future[None] | None = None
        self._room: asyncio.Future[None] | None = None
        self._closed: asyncio.Future[None] = loop.create_future()

    # -- what the event loop calls -----------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._pieces.append(data)
        self._waiting += len(data)
        if self._waiting > HIGH_WATER and not self._paused:
            self._paused = True
            self._transport.pause_reading()
        self._wake()

    def eof_received(self) -> bool:
        self._ended = True
        self._wake()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._ended = True
        self._error = exc
        self._wake()
        self.resume_writing()
        if not self._closed.done():
            self._closed.set_result(None)

    def pause_writing(self) -> None:
        if self._room is None:
            self._room = self._loop.create_future()

    def resume_writing(self) -> None:
        room, self._room = self._room, None
        if room is not None and not room.done():
            room.set_result(None)

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    # -- the channel -------------------------------------------------------------------------------------------------

    async def read(self) -> bytes:
        while not self._pieces:
            if self._error is not None:
                raise self._error
            if self._ended:
                return b""
            self._reader = self._loop.create_future()
            await self._reader
        data = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        self._pieces.clear()
        self._waiting = 0
        if self._paused:
            self._paused = False
            self._transport.resume_reading()
        return data

    def write(self, data: bytes) -> None:
        self._transport.write(data)

    async def drain(self) -> None:
        if self._error is not None:
            raise self._error
        if self._room is not None:
            await asyncio.shield(self._room)

    def get_extra_info(self, name: str) -> Any:
        return self._transport.get_extra_info(name)

    def transport(self) -> asyncio.Transport:
        return self._transport

    def close(self) -> None:
        self._transport.close()

    def abort(self) -> None:
        self._transport.abort()

    async def wait_closed(self) -> None:
        await asyncio.shield(self._closed)
