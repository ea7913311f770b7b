"""Results taken while they come: what waits for its reader is bounded, for the socket is not read meanwhile."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

from ..messages import FieldDescription
from .core import Core, pause, resume
from .exchange import SYNC, Exchange, Frame, RowSource
from .plan import Plan

__all__ = ["Results"]

Reader = Callable[[Sequence[FieldDescription], Sequence[int]], RowSource]
"""What reads the rows of columns in these formats."""


class _TakenExchange(Exchange):
    """An exchange whose rows are taken before it ends."""

    full: Callable[[], None] | None = None
    tag = b""

    def take(self, frames: Sequence[Frame], other: Callable[[str, Any], None]) -> None:
        super().take(frames, other)
        if self.discarding:
            self._rows = []
        elif self._unread is not None:
            self._wake()  # the rest is not waited for
        elif self._rows and not self.done:
            self._wake()

    def _wake(self) -> None:
        self.finish()
        if self.full is not None:
            self.full()

    def taken(self) -> list[Any]:
        """What came since the last time."""
        if self.results and not isinstance(self.results[-1], BaseException):
            rows, self.tag = self.results[-1]
            self.results[-1] = ([], self.tag)
            return rows
        rows, self._rows = self._rows, []
        return rows


class Results:
    """One run of a statement whose rows are taken while they come.

    Args:
        core: the connection's.
        query: the statement.
        arguments: of its parameters.
        formats: the formats to ask for a plan's columns in.
        reader: what reads the rows; what it makes of a buffer's rows is what comes out, in a list.
        plan: the plan of a prepared statement that is not in the cache.

    Attributes:
        tag: the command tag, behind the end.
        fields: the columns, None where there are none; known from the first chunk on.
    """

    def __init__(
        self,
        core: Core,
        query: str,
        arguments: Sequence[object],
        *,
        formats: Callable[[Sequence[FieldDescription]], list[int]],
        reader: Reader,
        plan: Plan | None = None,
    ) -> None:
        self._core = core
        self._query = query
        self._arguments = arguments
        self._formats = formats
        self._reader = reader
        self._own = plan
        self._exchange: _TakenExchange | None = None
        self.tag = b""
        self.fields: Sequence[FieldDescription] | None = None

    async def start(self) -> None:
        """Send it, and wait until there is something to take: then ``fields`` are known.

        Raises:
            PostgresError: the server refuses it.
        """
        core = self._core
        again = True
        while True:
            await core.ready()
            plan = self._own or await core.plan(self._query)
            exchange = self._begin(plan)
            try:
                await exchange.waiter
            except BaseException:
                self.stop()
                raise
            error = exchange.error
            if error is None:
                return
            self.stop()
            if self._own is not None or not core.drop_stale(plan, error) or not again or core.wire.status != "I":
                raise error
            again = False

    def _begin(self, plan: Plan) -> _TakenExchange:
        core, wire = self._core, self._core.wire
        self.fields = plan.fields
        fields = plan.fields or ()
        formats = self._formats(fields)
        sent = plan if formats == plan.column_formats else plan.in_formats(formats)
        data = sent.run(self._arguments) + SYNC
        exchange = _TakenExchange(sent.script + "Z", core.loop.create_future(), statement=plan.query)
        exchange.decode = None if plan.fields is None else self._reader(fields, formats)
        if not plan.name:

            def announced(found: Sequence[FieldDescription]) -> RowSource:
                if plan.same_columns(found) and exchange.decode is not None:
                    return exchange.decode
                core.drop(plan)
                self.fields = found
                return self._reader(found, [field.format for field in found])

            exchange.on_fields = announced
        exchange.full = lambda: pause(core.wire)
        wire.begin(exchange, data)
        self._exchange = exchange
        return exchange

    async def chunks(self) -> AsyncIterator[list[Any]]:
        """What the reader made of the rows, as they come; :meth:`start` has been called.

        Raises:
            PostgresError: by the server, or for a value that cannot be read.
        """
        exchange = self._exchange
        assert exchange is not None
        core = self._core
        try:
            while True:
                if not exchange.waiter.done():
                    await exchange.waiter
                if exchange.error is not None:
                    raise exchange.error
                rows, done = exchange.taken(), exchange.done
                if not done:
                    exchange.waiter = core.loop.create_future()
                    resume(core.wire)
                if rows:
                    yield rows
                if done:
                    break
            self.tag = exchange.tag
            if self.fields is None:
                core.noticed(self.tag)
        finally:
            self.stop()

    def stop(self) -> None:
        """Nobody wants the rest: the server is asked to stop, and the connection is free when it has."""
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            exchange.full = exchange.decode = None
            self._core.abandon(exchange)
            resume(self._core.wire)
