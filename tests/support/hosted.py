"""A server in this process, on an event loop in a thread of its own, for tests that are plain blocking code."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import uvloop

import pgwire_py as pg
from tests.support.raw import PROTOCOL_3_0, RawClient, cancel_request

T = TypeVar("T")

LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "asyncio": asyncio.new_event_loop,
    "uvloop": uvloop.new_event_loop,
}
DEADLINE = 60.0  # seconds; only what hangs takes that long


class Hosted:
    """The running server and its loop; made by :func:`hosted`."""

    def __init__(self, server: pg.Server, loop: asyncio.AbstractEventLoop) -> None:
        self.server = server
        self.loop = loop

    def call(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the server's loop and return what it returns."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(DEADLINE)

    def ask(self, function: Callable[[], T]) -> T:
        """Call a function on the server's loop."""

        async def work() -> T:
            return function()

        return self.call(work())

    def connect(self) -> RawClient:
        """A client that has not logged in."""
        return RawClient("127.0.0.1", self.server.port)

    def client(self, **parameters: str) -> RawClient:
        """A client that has logged in."""
        client = self.connect()
        client.login("tester", "test", PROTOCOL_3_0, **parameters)
        return client

    def cancel(self, client: RawClient) -> None:
        """Send a CancelRequest for ``client`` and wait until the server has acted on it."""
        with self.connect() as connection:
            connection.send(cancel_request(client.process_id, client.key))
            assert connection.socket.recv(1) == b""

    @contextmanager
    def stalled(self) -> Iterator[None]:
        """Hold the loop: what is sent meanwhile arrives in one and the same turn of it, in the order it was sent."""
        held, release = threading.Event(), threading.Event()

        def hold() -> None:
            held.set()
            release.wait(DEADLINE)

        self.loop.call_soon_threadsafe(hold)
        assert held.wait(DEADLINE)
        try:
            yield
        finally:
            release.set()


@contextmanager
def hosted(
    engine: Any, new_loop: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop, **options: Any
) -> Iterator[Hosted]:
    """Serve ``engine`` on a new loop; at the end the server is closed and the loop stopped."""
    loop = new_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        it = Hosted(pg.Server(engine, host="127.0.0.1", port=0, **options), loop)
        it.call(it.server.start())
        try:
            yield it
        finally:
            it.call(it.server.close(timeout=1.0))
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(DEADLINE)
        loop.close()
