"""What every operation of a connection goes through: plans and their cache, one exchange at a time, cancellation."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Iterable, Sequence
from contextlib import suppress
from typing import Any, Final, TypeVar

from .._impl import MessageBuilder
from ..errors import PgWireError, QueryCanceled
from ..types import TypeRegistry
from .connecting import Wired, send_cancel
from .errors import ConnectionLost, lost_by
from .exchange import SYNC, Answer, Exchange, Result, RowSource, RunExchange, is_stale_plan, one_at_a_time
from .introspection import Introspection
from .plan import Plan
from .protocol import Wire

__all__ = ["Core", "pause", "resume"]

T = TypeVar("T")

_UNDO_ATTEMPTS: Final = 3
"""How often what undoes a cancelled statement is sent where it is cancelled itself."""

_FORGET_STATEMENTS: Final = frozenset({b"DISCARD ALL", b"DEALLOCATE ALL"})
_FORGET_TYPES: Final = frozenset({b"DROP TYPE", b"ALTER TYPE", b"DROP DOMAIN", b"DROP EXTENSION", b"DROP SCHEMA"})


def pause(wire: Wire) -> None:
    """Read no more from the socket: the server waits when its buffers are full."""
    with suppress(RuntimeError):  # paused already, or closing
        wire.transport.pause_reading()


def resume(wire: Wire) -> None:
    """Read again."""
    with suppress(RuntimeError):
        wire.transport.resume_reading()


class Core:
    """The machinery of a connection.

    Args:
        wired: the connection, logged in.
        cache_size: plans kept; 0: no named prepared statements at all, as for PgBouncer in transaction mode.
        max_cacheable: longest text of a statement that is kept, in characters; 0 is no limit.
        command_timeout: seconds for an operation that has no timeout of its own.
        registry: codecs; what is set on this connection lies over them.

    Attributes:
        last: the plan that :meth:`known` gave, while it would give it again: none was used or dropped since, and none is to be closed.
    """

    def __init__(
        self,
        wired: Wired,
        *,
        cache_size: int = 100,
        max_cacheable: int = 15 * 1024,
        command_timeout: float | None = None,
        registry: TypeRegistry | None = None,
    ) -> None:
        self.wired = wired
        self.driver = wired.driver
        self.wire: Wire = wired.wire
        self.loop = wired.wire.loop
        self.types = TypeRegistry(registry)
        self.command_timeout = command_timeout
        self._cache_size = cache_size
        self._max_cacheable = max_cacheable
        self._plans: OrderedDict[str, Plan] = OrderedDict()
        self.last: Plan | None = None
        self._garbage: list[str] = []
        self.held: set[str] = set()  # names of statements that are to run behind others, and are not closed before
        self._count = 0
        self.undo = ""  # what is to be sent behind the statement at hand where nobody waits for its end
        self._owed = ""  # the same of a statement that nobody waits for any more
        self._introspection = Introspection(self.types)

    # -- one exchange ------------------------------------------------------------------------------------------------

    async def ready(self) -> None:
        """Wait for the end of a batch that was given up; then the connection is free, or this raises."""
        self.wire.check_loop()
        while self.wire.drained is not None:
            await self.driver.shield(self.wire.drained)
        if self.wire.exchange is not None:
            raise one_at_a_time()
        if self.wire.failure is not None:
            raise self.wire.lost()

    async def exchange(
        self,
        script: str,
        data: bytes,
        decode: RowSource | None = None,
        statement: str | None = None,
        decoders: Sequence[RowSource | None] | None = None,
    ) -> Exchange:
        """Send a batch and wait for all its answers; errors are in what comes back."""
        exchange = self.begin(script, data, decode, statement, decoders)
        await self.wait(exchange)
        return exchange

    def begin(
        self,
        script: str,
        data: bytes,
        decode: RowSource | None = None,
        statement: str | None = None,
        decoders: Sequence[RowSource | None] | None = None,
        kind: type[Exchange] = Exchange,
        uses: Iterable[Plan] = (),
    ) -> Exchange:
        """Send a batch, behind :meth:`ready`; closes of statements that nobody needs any more go along, but not of those that it
        ``uses``."""
        names = self.held.union(plan.name for plan in uses)
        garbage = [name for name in self._garbage if name not in names]
        if garbage:
            builder = MessageBuilder()
            for name in garbage:
                builder.close_statement(name)
            script = "3" * len(garbage) + script
            data = builder.take() + data
        exchange = kind(script, self.loop.create_future(), decode, statement, decoders)
        self.wire.begin(exchange, data)
        if garbage:
            self._garbage = [name for name in self._garbage if name in names]
        return exchange

    async def wait(self, exchange: Exchange) -> None:
        """Wait for what was sent; whoever is cancelled here leaves a connection that can be used."""
        try:
            await exchange.waiter
        except BaseException:
            self.abandon(exchange)
            raise

    def abandon(self, exchange: Exchange) -> None:
        """Nobody waits for the answers any more: ask the server to stop, and see the batch to its end."""
        wire = self.wire
        if wire.drained is not None:
            return
        if exchange.done:  # carried out, and nobody has heard of it
            self._heard(exchange)
            if not self.undo or wire.status == "I" or wire.exchange is not None or wire.failure is not None:
                return
        elif wire.exchange is not exchange:
            return
        else:
            wire.write(exchange.closing())
            exchange.waiter = self.loop.create_future()
        self._begin_to_drain(exchange, self.undo)

    def see_undone(self, undo: str) -> None:
        """The end of a transaction was given up, before it was sent or behind that: where one is open still, ``undo`` is sent, and
        :meth:`ready` waits for it."""
        wire = self.wire
        if wire.failure is not None or wire.status == "I" or not undo:
            return
        if wire.drained is not None:
            self._owed = undo
        elif wire.exchange is None:
            self._begin_to_drain(None, undo)

    def _begin_to_drain(self, exchange: Exchange | None, undo: str) -> None:
        self._owed = undo
        self.wire.drained = self.loop.create_future()
        self.driver.spawn(self._drain(exchange))

    def _heard(self, exchange: Exchange) -> None:
        """Take note of what was carried out for nobody."""
        for result in exchange.results:
            if isinstance(result, tuple):
                self.noticed(result[1])

    async def _drain(self, exchange: Exchange | None) -> None:
        """Both must have happened before another statement is sent: the CancelRequest is over, and the batch is answered."""
        wire, limit = self.wire, self.driver.drain_timeout
        try:
            if exchange is not None and not exchange.done:
                pause(wire)  # what comes of a large result must not hold up the cancellation
                with suppress(OSError, PgWireError, asyncio.TimeoutError):  # unsent: then the statement runs to its end
                    await send_cancel(self.wired)
                resume(wire)
            if self.wired.cancelling:  # who knows when it arrives: it must not hit the next statement
                wire.fail(ConnectionLost("a cancellation was sent, but not taken in time"))
            if exchange is not None:
                if not exchange.done:
                    await self.driver.within(exchange.waiter, limit)
                self._heard(exchange)
            for _ in range(_UNDO_ATTEMPTS):  # a cancellation may come so late that it hits this
                undo, self._owed = self._owed, ""
                if not undo or wire.status == "I" or wire.failure is not None:
                    break
                undoing = self.begin("QZ", MessageBuilder().query(undo).take())
                await self.driver.within(undoing.waiter, limit)
                if isinstance(undoing.error, QueryCanceled):
                    self._owed = self._owed or undo
            if self._owed:
                wire.fail(ConnectionLost("an open transaction could not be ended"))
        except asyncio.TimeoutError:
            wire.fail(ConnectionLost(f"a cancelled statement did not end within {limit:g} seconds"))
        except BaseException as error:
            wire.fail(lost_by("a cancelled statement was not waited for", error))
            raise
        finally:
            resume(wire)
            self._owed = ""
            drained, wire.drained = wire.drained, None
            if drained is not None and not drained.done():
                drained.set_result(None)

    def within(self, work: Awaitable[T], timeout: float | None) -> Awaitable[T]:
        """``work``, within so many seconds; None is the connection's ``command_timeout``."""
        limit = self.command_timeout if timeout is None else timeout
        return work if limit is None else self.driver.within(work, limit)

    # -- plans -------------------------------------------------------------------------------------------------------

    async def plan(self, query: str) -> Plan:
        """The plan of a statement, kept or made."""
        plan = self.kept(query)
        if plan is not None:
            return plan
        await self.ready()
        plan = await self.prepare(query, self.new_name(query))
        self.keep(plan)
        return plan

    def kept(self, query: str) -> Plan | None:
        """The plan of a statement if there is one."""
        plan = self._plans.get(query)
        if plan is not None:
            self._plans.move_to_end(query)
            self.last = None
        return plan

    def new_name(self, query: str) -> str:
        """A name for a statement that no other has; empty where named statements are not wanted."""
        if self._cache_size == 0:
            return ""
        self._count += 1
        return f"__pgwire_{self._count:x}"

    async def prepare(self, query: str, name: str) -> Plan:
        """Have the server parse and describe a statement, under a name or, with an empty one, without.

        Raises:
            PostgresError: it is refused.
        """
        data = MessageBuilder().parse(name, query).describe_statement(name).sync().take()
        exchange = self.begin("1tTZ", data, statement=query)
        try:
            await self.wait(exchange)
            if exchange.error is None:
                return await self.described(name, query, exchange.described[-1])
        except BaseException:
            self.close_later(name)
            raise
        raise exchange.error

    def close_later(self, *names: str) -> None:
        """Have statements closed with the next batch, if they are there."""
        self.last = None
        self._garbage += filter(None, names)

    async def described(self, name: str, query: str, description: tuple[Any, Any]) -> Plan:
        """The plan of a description; types that are not known are looked up."""
        types, fields = description
        oids = {*types, *(field.type_oid for field in fields or ())}
        unknown = self._introspection.unknown(oids)
        if unknown:
            await self._introspection.look_up(self, unknown)
        return Plan(name, query, types, fields, self.types)

    def keep(self, plan: Plan) -> None:
        """Put a plan into the cache; one that falls out is closed with the next batch."""
        if self._max_cacheable and len(plan.query) > self._max_cacheable:
            self.close_later(plan.name)  # closed behind its one run: the name is parsed for nobody else
            return
        self._plans[plan.query] = plan
        self.last = None
        if len(self._plans) > max(self._cache_size, 100 if self._cache_size == 0 else 1):
            _, old = self._plans.popitem(last=False)
            self.close_later(old.name)

    def drop(self, plan: Plan) -> None:
        """Take a plan out of the cache and have it closed."""
        if self._plans.get(plan.query) is plan:
            self._forget(plan)
        self.close_later(plan.name)

    def forget_plans(self, close: bool = True) -> None:
        """Empty the cache; ``close`` unless the server has forgotten the statements itself."""
        if close:
            self.close_later(*(plan.name for plan in self._plans.values()))
        else:
            self._garbage.clear()
        self.last = None
        self._plans.clear()

    def _forget(self, plan: Plan) -> None:
        self.last = None
        self._plans.pop(plan.query, None)

    def noticed(self, tag: bytes) -> None:
        """A command was carried out after which what is kept may be wrong."""
        if tag in _FORGET_STATEMENTS:
            self.forget_plans(close=False)
        elif tag in _FORGET_TYPES:
            self._introspection.forget()
            self.forget_plans()

    # -- running -----------------------------------------------------------------------------------------------------

    async def run(self, query: str, arguments: Sequence[object], limit: int = 0) -> Result:
        """Run a statement by its plan; the rows and the command tag.

        A plan that does not hold any more (0A000, 26000) is made anew, once, where no transaction has failed by it.
        """
        if self.wire.drained is not None:
            await self.ready()
        waiter = self.start(query, arguments, limit)
        if waiter is None:
            return await self.run_plan(await self.plan(query), arguments, limit)
        try:
            found = await waiter
        except BaseException:
            self.give_up(waiter)
            raise
        return await self.finished(found, arguments, limit)

    def start(self, query: str, arguments: Sequence[object], limit: int) -> asyncio.Future[Answer | RunExchange] | None:
        """Send a statement that is known by name; None where there is more to do than that.

        Whoever calls this waits for the future, calls :meth:`give_up` where that fails, and else gives what comes to :meth:`finished`,
        which need not be where it is an answer with rows.
        """
        plan = self.known(query)
        if plan is None:
            return None
        waiter = self.loop.create_future()
        self.wire.begin((plan, waiter), plan.batch(arguments, limit))
        return waiter

    def give_up(self, waiter: asyncio.Future[Any]) -> None:
        """Nobody waits any more for what :meth:`start` sent."""
        exchange = self.wire.whole()
        if exchange is not None and exchange.waiter is waiter:
            self.abandon(exchange)
        elif (
            waiter.done() and not waiter.cancelled() and waiter.exception() is None
        ):  # carried out, and nobody has heard of it
            found: Answer | RunExchange = waiter.result()
            if isinstance(found, tuple):
                self.noticed(found[1])
            else:
                self._heard(found)

    def known(self, query: str) -> Plan | None:
        """The plan of a statement that is known by name, where nothing else is to be sent or awaited before."""
        plan = self.last
        if plan is None or plan.query is not query:  # most often it is the same text once more
            plan = self.kept(query)
            if plan is None or not plan.name or self._garbage:
                return None
            self.last = plan
        return None if self.wire.drained is not None else plan

    async def finished(self, found: Answer | RunExchange, arguments: Sequence[object], limit: int) -> Result:
        """The result of what :meth:`start` sent, or of another run with a new plan."""
        if isinstance(found, tuple):
            rows, tag, _ = found
        else:
            del found.waiter  # it holds the exchange: in a circle the rows would stay until the garbage collector comes
            if found.error is not None:
                self._check_again(found.plan, found.error)
                return await self.run_plan(await self.plan(found.plan.query), arguments, limit, again=False)
            rows, tag = found.results[-1]  # type: ignore[misc]
        if not rows:
            self.noticed(tag)
        return rows, tag

    def _check_again(self, plan: Plan, error: BaseException, again: bool = True) -> None:
        """Raises the error, except where another plan may fare better."""
        if not self.drop_stale(plan, error) or not again or self.wire.status != "I":
            raise error

    def drop_stale(self, plan: Plan, error: BaseException) -> bool:
        """Take a plan out of the cache where an error says that it does not hold any more; whether it does."""
        stale = plan.name != "" and is_stale_plan(error)
        if stale:
            self.drop(plan)
        return stale

    async def run_plan(self, plan: Plan, arguments: Sequence[object], limit: int = 0, *, again: bool = True) -> Result:
        """One run of a plan, and ``again`` one of its successor."""
        exchange = await self.send_plan(plan, arguments, limit)
        if exchange.error is None:
            result: Any = exchange.results[-1]
            if plan.fields is None:
                self.noticed(result[1])
            return result  # type: ignore[no-any-return]
        self._check_again(plan, exchange.error, again)
        return await self.run_plan(await self.plan(plan.query), arguments, limit, again=False)

    async def send_plan(self, plan: Plan, arguments: Sequence[object], limit: int = 0) -> Exchange:
        """One run of a plan; errors are in what comes back."""
        data = plan.run(arguments, limit)
        exchange = self.begin(plan.script + "Z", data + SYNC, plan.decode, plan.query, uses=(plan,))
        if not plan.name:
            exchange.on_fields = lambda fields: self._source(plan, fields)
        await self.wait(exchange)
        return exchange

    def _source(self, plan: Plan, fields: Any) -> RowSource:
        """What reads the rows of a nameless statement, whose columns may have changed since it was described."""
        if plan.same_columns(fields) and plan.decode is not None:
            return plan.decode
        self._forget(plan)
        from .rows import row_source

        return row_source(self.types, fields, [field.format for field in fields])
