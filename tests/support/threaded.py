"""The blocking client as asyncio's: every call waits on a thread, so that tests written for one run on the other.

What is a coroutine there is one here; objects that blocking methods give are wrapped likewise.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from itertools import islice
from typing import Any

from pgwire_py import blocking
from pgwire_py.client import arrow, connection, copying, cursor, notifications, pipeline, pool, statement, transaction

__all__ = ["connect", "create_pool"]

_ORIGINALS = {
    getattr(blocking, name): getattr(module, name)
    for module, names in {
        arrow: ["ArrowBatches"],
        connection: ["Connection"],
        copying: ["CopyOut"],
        cursor: ["Cursor", "CursorFactory"],
        notifications: ["Notifications"],
        pipeline: ["Pending", "Pipeline"],
        pool: ["Pool", "Lease"],
        statement: ["PreparedStatement"],
        transaction: ["Transaction"],
    }.items()
    for name in names
}

_THREADS = ThreadPoolExecutor(64, "blocking client")
"""More than calls that wait for each other: the default executor has few on a small machine."""


async def connect(*args: Any, **keywords: Any) -> Any:
    """As ``pgwire_py.connect``."""
    return await _on_a_thread(blocking.connect, *args, **keywords)


def create_pool(*args: Any, **keywords: Any) -> Any:
    """As ``pgwire_py.create_pool``."""
    return _Threaded(blocking.create_pool(*args, **keywords))


async def _call(function: Callable[[], Any]) -> Any:
    return await asyncio.get_running_loop().run_in_executor(_THREADS, copy_context().run, function)


async def _on_a_thread(function: Callable[..., Any], *args: Any, **keywords: Any) -> Any:
    inner = [one._inner if isinstance(one, _Threaded) else one for one in args]
    return _wrapped(await _call(partial(function, *inner, **keywords)))


def _wrapped(found: Any) -> Any:
    return _Threaded(found) if type(found) in _ORIGINALS or isinstance(found, blocking.Iteration) else found


class _Threaded:
    """A blocking object."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._inner, name)
        original = _ORIGINALS.get(type(self._inner))
        if not callable(value):
            return value
        if inspect.iscoroutinefunction(getattr(original, name, None)):

            async def call(*args: Any, **keywords: Any) -> Any:
                return await _on_a_thread(value, *args, **keywords)

            return call
        return lambda *args, **keywords: _wrapped(value(*args, **keywords))

    def __await__(self) -> Generator[Any, None, Any]:
        return _on_a_thread(self._inner.wait).__await__()

    async def __aenter__(self) -> Any:
        return await _on_a_thread(self._inner.__enter__)

    async def __aexit__(self, *error: Any) -> None:
        await _on_a_thread(self._inner.__exit__, *error)

    async def __aiter__(self) -> AsyncIterator[Any]:
        found = iter(self._inner)
        # Many at a time, of what does not come one by one: a turn of a thread takes longer than most of them.
        count = 1 if isinstance(self._inner, blocking.Notifications) else 100
        while items := await _call(lambda: list(islice(found, count))):
            for item in items:
                yield item

    async def __anext__(self) -> Any:
        return await _call(partial(next, self._inner))

    async def aclose(self) -> None:
        await _on_a_thread(self._inner.close)
