"""Many statements in one round trip, each with a result or an error of its own."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from itertools import groupby
from operator import attrgetter
from types import TracebackType
from typing import Any, Final, Generic, TypeVar

from .._impl import MessageBuilder
from ..errors import PostgresError
from .core import Core
from .errors import InterfaceError
from .exchange import SYNC, ManyExchange, Result
from .plan import Plan

__all__ = ["Pending", "Pipeline"]

T = TypeVar("T")


class Pending(Generic[T]):
    """A statement of a pipeline: :meth:`result`, or ``await``, when the pipeline has run."""

    __slots__ = ("_args", "_found", "_limit", "_make", "_pipeline", "_query")

    def __init__(
        self, pipeline: Pipeline, query: str, args: Sequence[object], limit: int, make: Callable[[Result], T]
    ) -> None:
        self._pipeline = pipeline
        self._query = query
        self._args = args
        self._limit = limit
        self._make = make
        self._found: Result | BaseException | None = None
        pipeline._waiting.append(self)

    def result(self) -> T:
        """What it gave.

        Raises:
            PostgresError: its error.
            InterfaceError: the pipeline has not run yet.
        """
        found = self._found
        if found is None:
            raise InterfaceError("the pipeline has not run yet: leave its block, or await its flush()")
        if isinstance(found, BaseException):
            raise found
        return self._make(found)

    def exception(self) -> BaseException | None:
        """Its error, None if there is none."""
        return self._found if isinstance(self._found, BaseException) else None

    def __await__(self) -> Generator[Any, None, T]:
        if self._found is None:
            yield from self._pipeline.flush().__await__()
        return self.result()


Runs = tuple[Plan, list[Pending[Any]], bytes]
"""A plan, the statements that run it one behind the other, and what is sent for them."""

_ALIKE: Final = attrgetter("_query", "_limit")


def _rows(found: Result) -> list[Any]:
    return found[0] or []  # an empty one may be several statements'


def _row(found: Result) -> Any:
    return found[0][0] if found[0] else None


def _tag(found: Result) -> str:
    return found[1].decode("utf-8", "replace")


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
        return Pending(self, query, args, 0, _rows)

    def fetchrow(self, query: str, *args: object) -> Pending[Any]:
        """The first row, or None."""
        return Pending(self, query, args, 1, _row)

    def fetchval(self, query: str, *args: object, column: int | str = 0) -> Pending[Any]:
        """One value of the first row, or None."""
        return Pending(self, query, args, 1, lambda found: found[0][0][column] if found[0] else None)

    def execute(self, query: str, *args: object) -> Pending[str]:
        """The command tag of one statement."""
        return Pending(self, query, args, 0, _tag)

    async def flush(self) -> None:
        """Run what was gathered so far."""
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        await self._core.ready()
        plans = await self._plans(dict.fromkeys(pending._query for pending in waiting))
        runs: list[Runs] = []
        for (query, limit), group in groupby(waiting, _ALIKE):
            runs += self._written(plans[query], list(group), limit)
        if self._atomic and any(pending._found is not None for pending in waiting):
            for pending in waiting:
                pending._found = pending._found or InterfaceError("another statement of the pipeline cannot be sent")
            return
        if runs:
            await self._run(runs)

    def _written(self, plan: Plan | PostgresError, group: list[Pending[Any]], limit: int) -> Iterator[Runs]:
        """What runs a plan for each of a group; a statement that cannot be sent gets its error."""
        if isinstance(plan, PostgresError):
            for pending in group:
                pending._found = plan
            return
        rows = [pending._args for pending in group]
        try:
            data = b"".join([data for data, _ in plan.batches(rows, limit, b"" if self._atomic else SYNC)])
        except (PostgresError, InterfaceError) as error:
            if len(group) == 1:
                group[0]._found = error
                return
        else:
            yield plan, group, data
            return
        for pending in group:
            yield from self._written(plan, [pending], limit)

    async def _run(self, runs: list[Runs]) -> None:
        core = self._core
        script = "".join((plan.script + ("" if self._atomic else "Z")) * len(group) for plan, group, _ in runs)
        data = b"".join([data for _, _, data in runs])
        if self._atomic:
            script += "Z"
            data += SYNC
        plans = [plan for plan, group, _ in runs for _ in group]
        sources = [plan.decode for plan in plans]
        uses = [plan for plan, _, _ in runs]
        exchange = core.begin(script, data, sources[0], None, sources, ManyExchange, uses)
        if any(not plan.name for plan in uses):
            exchange.on_fields = lambda fields: core._source(plans[len(exchange.results)], fields)
        await core.wait(exchange)
        results = [*exchange.results, *[exchange.error] * (len(sources) - len(exchange.results))]
        tags, start = set(), 0
        for plan, group, _ in runs:
            found = results[start : start + len(group)]
            start += len(group)
            for pending, outcome in zip(group, found, strict=True):
                pending._found = outcome
            if plan.fields is None:
                tags.update([outcome[1] for outcome in found if isinstance(outcome, tuple)])
        for tag in tags:
            core.noticed(tag)
        error = exchange.error
        if error is None:
            return
        for plan, refused in dict(zip(plans, results, strict=True)).items():
            if isinstance(refused, BaseException):
                core.drop_stale(plan, refused)
        if not isinstance(error, PostgresError) and error not in exchange.results:  # the connection's
            raise error

    async def _plans(self, queries: Iterable[str]) -> dict[str, Plan | PostgresError]:
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
        try:
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
        except BaseException:
            core.close_later(*new.values())
            raise
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
                if isinstance(pending._found, BaseException):
                    raise pending._found
