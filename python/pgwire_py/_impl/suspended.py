"""A coroutine whose first step was made before there was anything to await it."""

from __future__ import annotations

from collections.abc import Awaitable, Coroutine, Generator
from typing import Any

__all__ = ["Suspended"]


class Suspended:
    """Goes on with a coroutine when it is awaited.

    Args:
        coroutine: a coroutine that yielded ``future`` in its first step; without ``future`` any awaitable, not started.
        future: what it waits for.
    """

    __slots__ = ("_coroutine", "_future")

    def __init__(self, coroutine: Coroutine[Any, Any, Any] | Awaitable[Any], *future: Any) -> None:
        self._coroutine = coroutine
        self._future = future

    def __await__(self) -> Generator[Any, Any, Any]:
        coroutine: Any = self._coroutine
        future = self._future
        if not future:
            return (yield from _await(coroutine).__await__())
        while True:
            try:
                yield future[0]
                break
            except BaseException as error:
                try:
                    future = (coroutine.throw(error),)
                except StopIteration as stop:
                    return stop.value
        return (yield from coroutine.__await__())


async def _await(awaitable: Awaitable[Any]) -> Any:
    """What ``await`` takes, which is more than what has ``__await__``."""
    return await awaitable
