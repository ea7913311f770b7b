"""A crowd of connections that do nothing, or nearly nothing: ``python -m tests.support.crowd HOST PORT IDLE SLOW``.

IDLE log in and stay silent; SLOW send their start-up packet byte by byte and never end it, and when they are thrown out come again. When
all are there it prints ``ready``; it goes on until its standard input ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import struct
import sys

from .raw import startup
from .watched_server import raise_descriptors

LOGIN = startup({"user": "tester", "database": "test"})
READY = b"Z\0\0\0\5I"
AT_ONCE = 100
"""Connections that are made at a time: the queue of those that a server has not accepted yet is not what this is about."""
PAUSE = 0.2
"""Seconds between the bytes of a slow start-up."""
BACK_AFTER = 1.0
"""Seconds until one that was thrown out comes again."""
ENDLESS = struct.pack("!ii", 10_000, 196608) + b"user\0" + b"x" * 9_000
"""The beginning of the longest start-up packet there may be; at this pace it takes half an hour."""


async def idle(host: str, port: int, gate: asyncio.Semaphore) -> asyncio.StreamWriter:
    """A session that has logged in."""
    async with gate:
        reader, writer = await asyncio.open_connection(host, port, limit=4096)
        writer.write(LOGIN)
        await reader.readuntil(READY)
        return writer


async def slow(host: str, port: int, begun: asyncio.Event) -> None:
    """A slow-loris: again and again a start-up that does not come to its end."""
    while True:
        with contextlib.suppress(ConnectionError):
            _, writer = await asyncio.open_connection(host, port)
            try:
                for byte in ENDLESS:
                    writer.write(bytes([byte]))
                    await writer.drain()
                    begun.set()
                    await asyncio.sleep(PAUSE)
            finally:
                writer.transport.abort()
        await asyncio.sleep(BACK_AFTER)


async def main(host: str, port: int, idle_count: int, slow_count: int) -> None:
    gate = asyncio.Semaphore(AT_ONCE)
    events = [asyncio.Event() for _ in range(slow_count)]
    tasks = [asyncio.ensure_future(slow(host, port, begun)) for begun in events]
    writers = await asyncio.gather(*(idle(host, port, gate) for _ in range(idle_count)))
    for begun in events:
        await begun.wait()
    print("ready", len(writers), flush=True)
    await asyncio.to_thread(sys.stdin.read)
    for task in tasks:
        task.cancel()


if __name__ == "__main__":
    raise_descriptors(int(sys.argv[3]) + int(sys.argv[4]) + 100)
    asyncio.run(main(sys.argv[1], *map(int, sys.argv[2:])))
