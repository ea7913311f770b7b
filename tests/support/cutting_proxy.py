"""A proxy between a client and a server that cuts, splits, delays and coalesces what goes through it, at a byte of one's choice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal

Direction = Literal["to server", "to client"]
DIRECTIONS: tuple[Direction, Direction] = ("to server", "to client")


@dataclass
class Fault:
    """What happens to one connection.

    Attributes:
        kind: ``cut`` ends both sides behind byte ``position``; ``split`` makes two pieces of what goes by there; ``coalesce`` holds
            everything back until nothing more comes for some turns of the loop; ``none``.
        direction: which way.
        position: bytes that go through before, counted from the beginning of the connection.
        reset: whether a cut is an abort, else an orderly end.
    """

    kind: Literal["cut", "split", "coalesce", "none"] = "none"
    direction: Direction = "to server"
    position: int = 0
    reset: bool = False


@dataclass
class CuttingProxy:
    """A running proxy.

    Attributes:
        port: where it listens.
        fault: what happens to the next connection.
        counts: bytes that went through the last connection, by direction.
    """

    port: int
    fault: Fault = field(default_factory=Fault)
    counts: dict[Direction, int] = field(default_factory=dict)


DEADLINE = 30.0
"""Seconds for the end of what is going through; only what hangs takes that long."""

TURNS = 20
"""Turns of the loop without anything new, after which what was held back goes on."""


@asynccontextmanager
async def cutting_proxy(host: str, port: int) -> AsyncIterator[CuttingProxy]:
    """A proxy on the running loop, for as many connections as come."""
    proxy = CuttingProxy(0)
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        fault, counts = proxy.fault, dict.fromkeys(DIRECTIONS, 0)
        proxy.fault, proxy.counts = Fault(), counts
        sides = [writer]
        pumps: list[asyncio.Future[None]] = []
        try:
            there, to_server = await asyncio.open_connection(host, port)
            sides.append(to_server)
            pumps.append(asyncio.ensure_future(_pump("to server", reader, to_server, fault, counts)))
            pumps.append(asyncio.ensure_future(_pump("to client", there, writer, fault, counts)))
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            for side in sides:
                if fault.reset:
                    side.transport.abort()
                else:
                    side.close()
            await asyncio.gather(*(side.wait_closed() for side in sides), return_exceptions=True)
            tasks.discard(task)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        if tasks:  # both sides of each have ended, or will
            _, late = await asyncio.wait(tasks, timeout=DEADLINE)
            assert not late
        for _ in range(TURNS):  # until uvloop has let go of what is closed
            await asyncio.sleep(0)


async def _pump(
    direction: Direction,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    fault: Fault,
    counts: dict[Direction, int],
) -> None:
    """Pass on until either side ends, or the fault ends it."""
    mine = fault.direction == direction
    while True:
        if mine and fault.kind == "cut" and counts[direction] >= fault.position:
            await writer.drain()
            return
        data = await reader.read(65_536)
        if not data:
            return
        if fault.kind == "coalesce":
            data += await _more(reader)
        before = counts[direction]
        here = fault.position - before
        if mine and fault.kind in ("cut", "split") and 0 <= here < len(data):
            writer.write(data[:here])
            counts[direction] = before + here
            await writer.drain()
            if fault.kind == "cut":
                return
            for _ in range(TURNS):  # the first piece arrives alone
                await asyncio.sleep(0)
            data = data[here:]
        writer.write(data)
        counts[direction] += len(data)
        await writer.drain()


async def _more(reader: asyncio.StreamReader) -> bytes:
    """What else comes while something comes."""
    found = b""
    read: asyncio.Future[bytes] | None = None
    quiet = 0
    try:
        while quiet < TURNS:
            read = read or asyncio.ensure_future(reader.read(65_536))
            await asyncio.sleep(0)
            quiet += 1
            if read.done():
                data = read.result()
                if not data:
                    break
                found += data
                quiet, read = 0, None
    finally:
        if read is not None and not read.done():
            read.cancel()
            await asyncio.gather(read, return_exceptions=True)
    return found
