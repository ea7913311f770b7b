"""A proxy in this process, on an event loop in a thread of its own, for tests that are plain blocking code."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from pgwire_py.proxy import Frame, Proxy, ProxySession, Upstream
from tests.support.hosted import DEADLINE
from tests.support.raw import PROTOCOL_3_0, RawClient

__all__ = ["KINDS", "Running", "proxied", "see"]


@dataclass
class Running:
    """A proxy on a loop of its own."""

    proxy: Proxy
    loop: asyncio.AbstractEventLoop
    lines: list[str] = field(default_factory=list)

    @property
    def port(self) -> int:
        return self.proxy.port

    def dsn(self, user: str = "postgres", **options: str) -> str:
        words = {"host": "127.0.0.1", "port": str(self.port), "user": user, "dbname": "postgres", **options}
        return " ".join(f"{name}={value}" for name, value in words.items())

    def call(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(DEADLINE)

    def raw(self) -> RawClient:
        client = RawClient("127.0.0.1", self.port, timeout=DEADLINE)
        client.login("postgres", "postgres", PROTOCOL_3_0)
        return client


def see(session: ProxySession, frame: Frame) -> None:
    """A hook that lets everything pass."""


KINDS: dict[str, dict[str, Any]] = {
    "plain": {},
    "transports": {"relay": False},
    "hooks": {"on_frontend": see, "on_backend": see},
}
"""What :func:`proxied` takes for a proxy that looks at nothing, one that does so without a relay, and one with hooks."""


@contextmanager
def proxied(
    upstream: Upstream | str,
    new_loop: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop,
    *,
    relay: bool = True,
    **options: Any,
) -> Iterator[Running]:
    """Run a proxy; without ``relay`` it is as where the system has none."""
    loop = new_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        it = Running(Proxy(upstream, port=0, **options), loop)
        it.call(_start(it.proxy, relay=relay))
        try:
            yield it
        finally:
            it.call(it.proxy.close())
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(DEADLINE)
        loop.close()


async def _start(proxy: Proxy, *, relay: bool) -> None:
    await proxy.start()
    if not relay and proxy.relaying is not None:
        proxy.relaying.close()
        proxy.relaying = None
