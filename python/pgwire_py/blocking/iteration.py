"""What the generated classes need: iterators over async iterators, and the two kinds of connection made into each other."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from types import TracebackType
from typing import Any, Generic, TypeVar

from .driver import BlockingDriver

__all__ = ["Iteration", "adapted", "awaited", "facade"]

T = TypeVar("T")


class Iteration(Generic[T]):
    """An iterator that the connection works for; :meth:`close` it to leave it before its end, or drop it."""

    __slots__ = ("_driver", "_inner")

    def __init__(self, driver: BlockingDriver, inner: AsyncIterator[T]) -> None:
        self._driver = driver
        self._inner: Any = inner

    def __iter__(self) -> Iteration[T]:
        return self

    def __next__(self) -> T:
        try:
            found: T = self._driver.run(self._inner.__anext__())
        except StopAsyncIteration:
            raise StopIteration from None
        return found

    def close(self) -> None:
        """No more is wanted: the connection is free again."""
        self._driver.run(self._inner.aclose())

    def __enter__(self) -> Iteration[T]:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        self._driver.dropped(self._inner)


async def awaited(work: Awaitable[T]) -> T:
    """An object that can be awaited, as a coroutine."""
    return await work


def facade(kind: Callable[[BlockingDriver, Any], T], inner: Any) -> T:
    """The blocking connection of one of asyncio's; the same one each time."""
    found = inner._facade
    made: T = kind(inner._core.driver, inner) if found is inner else found
    return made


def adapted(kind: Callable[[BlockingDriver, Any], T], function: Callable[[T], Any] | None) -> Any:
    """A function of a blocking connection, as the client calls it."""
    if function is None:
        return None
    call = function

    async def work(inner: Any) -> Any:
        return call(facade(kind, inner))

    return work
