"""Many statements in one round trip, each with a result or an error of its own."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from types import TracebackType
from typing import Any, Generic, TypeVar

from .._impl import MessageBuilder
from ..errors import PostgresError
from .core import Core
from .errors import InterfaceError
from .exchange import SYNC, Result
from .plan import Plan

__all__ = ["Pending", "Pipeline"]

T = TypeVar("T")


class Pending(Generic[T]):
    """A statement of a pipeline: :meth:`result`, or ``await``, when the pipeline has run."""

    __slots__ = ("_args", "_error", "_found", "_limit", "_make", "_pipeline", "_query")

    def __init__(
        self, pipeline: Pipeline, query: str, args: Sequence[object], limit: int, make: Callable[[Result], T]
    ) -> None:
        self._pipeline = pipeline
        self._query = query
        self._args = args
        self._limit = limit
        self._make = make
        self._found: Result | None = None
        self._error: BaseException | None = None

    def result(self) -> T:
        """What it gave.

        Raises:
            PostgresError: its error.
            InterfaceError: the pipeline has not run yet.
        """
        if self._error is not None:
            raise self._error
        if self._found is None:
            raise InterfaceError("the pipeline has not run yet: leave its block, or await its flush()")
        return self._make(self._found)

    def exception(self) -> BaseException | None:
        """Its error, None if there is none."""
        return self._error

    def __await__(self) -> Generator[Any, None, T]:
        if self._found is None and self._error is None:
            yield from self._pipeline.flush().__await__()
        return self.result()


class Pipeline:
    """Statements gathered, and sent in one batch at the end of the block; made by :meth:`Connection.pipeline`.

    Each is a transaction of its own, unless one is open: an error in one does not touch the others. ``atomic`` makes them one.
    """

    def __init__(self, core: Core, atomic: bool, return_exceptions: bool) -> None:
        self._core = core
        self._atomic = atomic
        self._return_exceptions = return_exceptions
        self._waiting: list[Pending[Any]] = []

    def fetch(self, query: str, *args: object) -> Pending[list[Any]]:
        """All rows."""
        return self._add(query, args, 0, lambda found: found[0])

    def fetchrow(self, query: str, *args: object) -> Pending[Any]:
        """The first row, or None."""
        return self._add(query, args, 1, lambda found: found[0][0] if found[0] else None)

    def fetchval(self, query: str, *args: object, column: int | str = 0) -> Pending[Any]:
        """One value of the first row, or None."""
        return self._add(query, args, 1, lambda found: found[0][0][column] if found[0] else None)

    def execute(self, query: str, *args: object) -> Pending[str]:
        """The command tag of one statement."""
        return self._add(query, args, 0, lambda found: found[1].decode("utf-8", "replace"))

    def _add(self, query: str, args: Sequence[object], limit: int, make: Callable[[Result], T]) -> Pending[T]:
        pending = Pending(self, query, args, limit, make)
        self._waiting.append(pending)
        return pending

    async def flush(self) -> None:
        """Run what was gathered so far."""
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        core = self._core
        await core.ready()
        plans = await self._plans([pending._query for pending in waiting])
        runs: list[tuple[Pending[Any], Plan]] = []
        data: list[bytes] = []
        for pending in waiting:
            plan = plans[pending._query]
            if isinstance(plan, PostgresError):
                pending._error = plan
            else:
                try:
                    data.append(plan.run(pending._args, pending._limit))
                except (PostgresError, InterfaceError) as error:
                    pending._error = error
                else:
                    runs.append((pending, plan))
                    if not self._atomic:
                        data.append(SYNC)
        if self._atomic and len(runs) < len(waiting):
            for pending in waiting:
                pending._error = pending._error or InterfaceError("another statement of the pipeline cannot be sent")
            return
        if runs:
            await self._run(runs, b"".join(data))

    async def _run(self, runs: list[tuple[Pending[Any], Plan]], data: bytes) -> None:
        core = self._core
        end = "" if self._atomic else "Z"
        script = "".join(plan.script + end for _, plan in runs) + ("Z" if self._atomic else "")
        sources = [plan.decode for _, plan in runs]
        data += SYNC if self._atomic else b""
        exchange = core.begin(script, data, sources[0], None, sources, uses=[plan for _, plan in runs])
        nameless = iter([plan for _, plan in runs if not plan.name])
        if any(not plan.name for _, plan in runs):
            exchange.on_fields = lambda fields: core._source(next(nameless), fields)
        await core.wait(exchange)
        results = exchange.results
        for number, (pending, plan) in enumerate(runs):
            found = results[number] if number < len(results) else exchange.error
            if isinstance(found, tuple):
                pending._found = found
                if plan.fields is None:
                    core.noticed(found[1])
            else:
                pending._error = found or exchange.error
        if exchange.error is not None and not isinstance(exchange.error, PostgresError):
            raise exchange.error

    async def _plans(self, queries: Sequence[str]) -> dict[str, Plan | PostgresError]:
        """A plan for every statement; those not known are prepared in one round trip."""
        core = self._core
        plans: dict[str, Plan | PostgresError] = {}
        new: dict[str, str] = {}
        for query in queries:
            plan = core.kept(query)
            if plan is not None:
                plans[query] = plan
            elif query not in new:
                new[query] = core.new_name(query)
        if not new:
            return plans
        builder = MessageBuilder()
        for query, name in new.items():
            builder.parse(name, query).describe_statement(name).sync()
        # A Sync for each: a statement that is refused does not take the others with it.
        exchange = core.begin("1tTZ" * len(new), builder.take())
        exchange.refused = []
        await core.wait(exchange)
        if exchange.error is not None and not isinstance(exchange.error, PostgresError):
            raise exchange.error
        refused = dict(exchange.refused)
        described = iter(exchange.described)
        for number, (query, name) in enumerate(new.items()):
            if number in refused:
                plans[query] = refused[number]
            else:
                plans[query] = await core.described(name, query, next(described))
        for query in new:  # one that makes another fall out of the cache must not do so before that has run
            made = plans[query]
            if isinstance(made, Plan):
                core.keep(made)
        return plans

    async def __aenter__(self) -> Pipeline:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            return
        waiting = list(self._waiting)
        await self.flush()
        if not self._return_exceptions:
            for pending in waiting:
                if pending._error is not None:
                    raise pending._error
