"""Many statements in one round trip, each with a result or an error of its own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Any, TypeVar

from .._impl import Gatherer, Gathering, MessageBuilder, Pending, RowDecoder
from ..errors import PostgresError
from .core import Core
from .errors import InterfaceError
from .exchange import SYNC, ManyExchange, RowSource, is_stale_plan
from .plan import Plan

__all__ = ["Pending", "Pipeline"]

T = TypeVar("T")

Run = tuple[Plan, int, bytes]
"""A plan, how many statements run it one behind the other, and what is sent for them."""


class Pipeline(Gatherer):
    """Statements gathered, and sent in one batch at the end of the block; made by :meth:`Connection.pipeline`.

    Each is a transaction of its own, unless one is open: an error in one does not touch the others. ``atomic`` makes them one.
    """

    def __init__(self, core: Core, atomic: bool, return_exceptions: bool) -> None:
        self._core = core
        self._atomic = atomic
        self._return_exceptions = return_exceptions

    async def _settle(self, pending: Pending[T], done: bool) -> T:
        if not done:
            await self.flush()
        return pending.result()

    def _unready(self) -> InterfaceError:
        return InterfaceError("the pipeline has not run yet: leave its block, or await its flush()")

    async def flush(self) -> None:
        """Run what was gathered so far."""
        await self._core.within(self._flush(), None)

    async def _flush(self) -> BaseException | None:
        """Run what was gathered so far; the first of the statements' errors."""
        gathered = self._gathered()
        if gathered is None:
            return None
        gathering, alike = gathered
        await self._core.ready()
        plans = await self._plans(dict.fromkeys(query for query, _, _ in alike))
        runs: list[Run] = []
        found: list[Any] = []  # None: it is sent
        for query, limit, rows in alike:
            for run in self._written(plans[query], rows, limit):
                if isinstance(run, tuple):
                    runs.append(run)
                    found += [None] * run[1]
                else:
                    found.append(run)
        error = next(filter(None, found), None)
        if error is not None:
            if self._atomic:
                found = [one or InterfaceError("another statement of the pipeline cannot be sent") for one in found]
                runs = []
            gathering.found = found
        if runs:
            error = await self._run(runs, gathering) or error
        if error is None:
            return None
        return next((one for one in gathering.found or () if isinstance(one, BaseException)), None)

    def _written(
        self, plan: Plan | PostgresError, rows: list[tuple[object, ...]], limit: int
    ) -> Iterator[Run | PostgresError | InterfaceError]:
        """What runs a plan for each of some rows of arguments; in the place of a statement that cannot be sent its error."""
        if isinstance(plan, PostgresError):
            yield from [plan] * len(rows)
            return
        try:
            data = b"".join([data for data, _ in plan.batches(rows, limit, b"" if self._atomic else SYNC)])
        except (PostgresError, InterfaceError) as error:
            if len(rows) == 1:
                yield error
                return
        else:
            yield plan, len(rows), data
            return
        for row in rows:
            yield from self._written(plan, [row], limit)

    async def _run(self, runs: list[Run], gathering: Gathering) -> BaseException | None:
        """Send it, and note what comes of it; the first error.

        Raises:
            BaseException: it is the connection's.
        """
        core, end = self._core, "" if self._atomic else "Z"
        script = "".join([(plan.script + end) * count for plan, count, _ in runs])
        data = b"".join([data for _, _, data in runs])
        if self._atomic:
            script += "Z"
            data += SYNC
        plans: list[Plan] = []
        sources: list[RowSource | None] = []
        readers: list[RowDecoder | None] = []
        for plan, count, _ in runs:
            plans += [plan] * count
            sources += [plan.decode] * count
            readers += [plan.decoder] * count
        uses = [plan for plan, _, _ in runs]
        exchange = core.begin(script, data, sources[0], None, sources, ManyExchange, uses)
        assert isinstance(exchange, ManyExchange)
        if all(plan.name for plan in uses):
            exchange.readers = readers
        else:
            exchange.on_fields = lambda fields: core._source(plans[len(exchange.results)], fields)
        await core.wait(exchange)
        error, results = exchange.error, exchange.results
        lost = None
        if error is not None:
            if not isinstance(error, PostgresError) and error not in results:
                lost = error  # the connection's
            results += [error] * (len(plans) - len(results))
        if gathering.found is None:
            gathering.found = results
        else:
            rest = iter(results)
            gathering.found = [next(rest) if one is None else one for one in gathering.found]
        for tag in exchange.tags:
            core.noticed(tag)
        if error is not None:
            for plan in {plan for plan, one in zip(plans, results, strict=False) if is_stale_plan(one)}:
                core.drop(plan)
        if lost is not None:
            raise lost
        return error

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
        # What describes types may make a statement fall out of the cache that is to run behind it.
        core.held = {plan.name for plan in plans.values() if isinstance(plan, Plan)}
        try:
            await core.wait(exchange)
            if exchange.error is not None and (core.wire.failure or not isinstance(exchange.error, PostgresError)):
                raise exchange.error  # the connection's
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
        finally:
            core.held = set()
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
        found = await self._core.within(self._flush(), None)
        if found is not None and not self._return_exceptions:
            raise found
