"""The bound: an asyncio protocol that knows nothing and answers every delivery of bytes with the same constant bytes.

``python -m benchmarks.peers.constant_bytes --loop asyncio|uvloop`` prints its port. It understands the start-up packet
(the first delivery), Terminate, and otherwise takes whatever comes for one simple query ``SELECT 1``.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Callable
from typing import cast


def message(tag: bytes, body: bytes) -> bytes:
    """A backend message: tag, length, body (Protocol 55.7)."""
    return tag + (len(body) + 4).to_bytes(4, "big") + body


READY = message(b"Z", b"I")
LOGIN = message(b"R", bytes(4)) + message(b"S", b"server_version\x0015.0\0") + message(b"K", bytes(8)) + READY
COLUMN = b"?column?\0" + bytes(6) + (23).to_bytes(4, "big") + b"\0\4" + b"\xff\xff\xff\xff" + b"\0\0"
ANSWER = message(b"T", b"\0\1" + COLUMN) + message(b"D", b"\0\1\0\0\0\1" + b"1") + message(b"C", b"SELECT 1\0") + READY
TERMINATE = ord("X")


class ConstantBytes(asyncio.BufferedProtocol):
    """One connection.

    It receives into a buffer of its own, since asyncio otherwise allocates 256 KiB for each receive, which with an
    unlucky heap costs three times the processor time of everything else; uvloop does not care.
    """

    __slots__ = ("_started", "_transport", "_write")

    _transport: asyncio.Transport
    _write: Callable[[bytes], None]
    _buffer = memoryview(bytearray(65_536))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._write = self._transport.write
        self._started = False

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        if self._started:
            if self._buffer[0] == TERMINATE:
                self._transport.close()
            else:
                self._write(ANSWER)
        else:
            self._started = True
            self._write(LOGIN)


async def serve() -> None:
    server = await asyncio.get_running_loop().create_server(ConstantBytes, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--loop", choices=["asyncio", "uvloop"], default="asyncio")
    if parser.parse_args().loop == "uvloop":
        import uvloop

        uvloop.run(serve())
    else:
        asyncio.run(serve())


if __name__ == "__main__":
    main()
