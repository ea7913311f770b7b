"""asyncio's bare echo: what a round trip of some bytes costs before anything looks at them.

``python -m benchmarks.echo FD`` echoes what comes on a socket until it ends and prints its processor time in seconds.
"""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import time
from typing import cast

from .errors import BenchmarkError

ROOT_MODULE = "benchmarks.echo"


class Echo(asyncio.Protocol):
    """Writes what it is given."""

    def __init__(self) -> None:
        self.ended = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.write = cast("asyncio.Transport", transport).write

    def data_received(self, data: bytes) -> None:
        self.write(data)

    def connection_lost(self, error: Exception | None) -> None:
        self.ended.set_result(None)


async def echo(descriptor: int) -> float:
    """Echo until the other end closes; processor time in seconds."""
    _, protocol = await asyncio.get_running_loop().create_connection(Echo, sock=socket.socket(fileno=descriptor))
    start = time.process_time()
    await protocol.ended
    return time.process_time() - start


def echo_us(data: bytes, seconds: float) -> float:
    """Microseconds of processor time of the echoing process for each round trip of ``data``.

    Raises:
        BenchmarkError: the bytes did not come back.
    """
    ours, theirs = socket.socketpair()
    with ours:
        command = [sys.executable, "-m", ROOT_MODULE, str(theirs.fileno())]
        with subprocess.Popen(command, pass_fds=[theirs.fileno()], stdout=subprocess.PIPE, text=True) as process:
            theirs.close()
            trips, end = 0, time.monotonic() + seconds
            while trips % 100 or time.monotonic() < end:
                ours.sendall(data)
                if ours.recv(len(data), socket.MSG_WAITALL) != data:
                    raise BenchmarkError("codec: asyncio's echo did not send the bytes back")
                trips += 1
            ours.shutdown(socket.SHUT_RDWR)
            output, _ = process.communicate(timeout=10)
    return float(output) / trips * 1e6


if __name__ == "__main__":
    print(asyncio.run(echo(int(sys.argv[1]))))
