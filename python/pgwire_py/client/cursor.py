"""Results in pieces: cursors (portals within a transaction) and streams (one open batch, without a transaction)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Generator, Sequence
from typing import TYPE_CHECKING, Any

from .._impl import MessageBuilder
from .core import Core
from .errors import InterfaceError
from .exchange import SYNC, Result, RowSource, outcome
from .plan import Plan, execute_message

if TYPE_CHECKING:
    from .._impl import ArrowTable
    from .connection import Connection

__all__ = ["Cursor", "CursorFactory", "stream_rows"]

_FLUSH = b"H\0\0\0\4"


async def stream_rows(core: Core, query: str, args: Sequence[object], rows: int) -> AsyncIterator[Any]:
    """The rows of a statement, ``rows`` of them in memory at a time."""
    if rows < 1:
        raise ValueError("at least one row at a time")
    await core.ready()
    plan = await core.plan(query)
    exchange = core.begin(plan.script, plan.run(args, rows) + _FLUSH, plan.decode, query, uses=(plan,))
    if not plan.name:
        exchange.on_fields = lambda fields: core._source(plan, fields)
    more = execute_message(rows) + _FLUSH
    try:
        while True:
            await core.wait(exchange)
            if exchange.done:  # before its Sync: the connection is lost
                raise exchange.error or core.wire.lost()
            if exchange.error is not None:
                core.drop_stale(plan, exchange.error)
            found, tag = _last(exchange.error, exchange.results)
            exchange.results.clear()
            if tag or exchange.error is not None or len(found) < rows:
                exchange.extend("Z", core.loop.create_future())
                core.wire.write(SYNC)
                await core.wait(exchange)
                if exchange.error is not None:
                    raise exchange.error
                for row in found:
                    yield row
                return
            for row in found:
                yield row
            if exchange.done:
                raise exchange.error or core.wire.lost()
            exchange.extend("C", core.loop.create_future())
            core.wire.write(more)
    finally:
        core.abandon(exchange)


def _last(error: BaseException | None, results: list[Result | BaseException]) -> Result:
    last = results[-1] if results else None
    return last if error is None and isinstance(last, tuple) else ([], b"")


class CursorFactory:
    """What :meth:`Connection.cursor` gives: iterate over it, or await it for a :class:`Cursor`."""

    __slots__ = ("_args", "_connection", "_plan", "_prefetch", "_query", "_timeout")

    def __init__(
        self,
        connection: Connection,
        query: str,
        args: Sequence[object],
        prefetch: int,
        timeout: float | None,
        plan: Plan | None = None,
    ) -> None:
        if prefetch < 1:
            raise InterfaceError("prefetch must be at least 1")
        self._connection = connection
        self._query = query
        self._args = args
        self._prefetch = prefetch
        self._timeout = timeout
        self._plan = plan

    async def __aiter__(self) -> AsyncIterator[Any]:
        cursor = await self._open()
        while rows := await cursor.fetch(self._prefetch):
            for row in rows:
                yield row

    def __await__(self) -> Generator[Any, None, Cursor]:
        return self._open().__await__()

    async def _open(self) -> Cursor:
        cursor = Cursor(self._connection, self._timeout)
        core = self._connection._core
        await core.within(cursor.open(self._query, self._args, self._plan), self._timeout)
        return cursor


class Cursor:
    """A portal; lives as long as its transaction."""

    __slots__ = ("_connection", "_ended", "_plan", "_portal", "_timeout")

    def __init__(self, connection: Connection, timeout: float | None) -> None:
        self._connection = connection
        self._timeout = timeout
        self._plan: Plan | None = None
        self._portal = ""
        self._ended = False

    async def open(self, query: str, args: Sequence[object], plan: Plan | None) -> None:
        """Bind the portal."""
        core = self._connection._core
        await core.ready()
        if not self._connection.is_in_transaction():
            raise InterfaceError("a cursor needs a transaction; stream() does not")
        own, self._plan = plan, plan or await core.plan(query)
        plan = self._plan
        core._count += 1
        self._portal = f"__pgwire_portal_{core._count:x}"
        script = "2Z" if plan.name else "12Z"
        exchange = core.begin(script, plan.open(args, self._portal) + SYNC, statement=query, uses=(plan,))
        await core.wait(exchange)
        if exchange.error is not None:
            if own is None:
                core.drop_stale(plan, exchange.error)
            raise exchange.error

    async def fetch(self, n: int, *, timeout: float | None = None) -> list[Any]:
        """The next rows, at most ``n``; none at the end."""
        if n < 1:
            raise InterfaceError("n must be at least 1")
        if self._ended:
            return []
        core = self._connection._core
        rows, tag = await core.within(self._fetch(n), self._timeout if timeout is None else timeout)
        if tag or len(rows) < n:
            self._ended = True
        return rows

    async def _fetch(self, n: int, decode: RowSource | None = None) -> Result:
        core = self._connection._core
        assert self._plan is not None
        await core.ready()
        data = execute_message(n, self._portal) + SYNC
        return outcome(await core.exchange("CZ", data, decode or self._plan.decode, self._plan.query))

    async def fetch_arrow(self, n: int, *, timeout: float | None = None) -> ArrowTable:
        """The next rows as Arrow, at most ``n``; none at the end. See :meth:`Connection.fetch_arrow`.

        Raises:
            FeatureNotSupported: a column of a range type of the database's own: it must be cast to text.
        """
        if n < 1:
            raise InterfaceError("n must be at least 1")
        from .arrow import Columns

        core = self._connection._core
        columns = Columns(core.types, 65_536, 16_777_216)
        assert self._plan is not None
        decode = columns.open(self._plan.fields or (), self._plan.column_formats)
        if self._ended:
            return columns.table([])
        batches, tag = await core.within(self._fetch(n, decode), self._timeout if timeout is None else timeout)
        self._ended = bool(tag)
        return columns.table(batches)

    async def fetchrow(self, *, timeout: float | None = None) -> Any:
        """The next row, None at the end."""
        rows = await self.fetch(1, timeout=timeout)
        return rows[0] if rows else None

    async def forward(self, n: int, *, timeout: float | None = None) -> int:
        """Skip rows; how many there were."""
        return len(await self.fetch(n, timeout=timeout))

    async def close(self) -> None:
        """Close the portal before its transaction ends."""
        core = self._connection._core
        await core.ready()
        self._ended = True
        exchange = await core.exchange("3Z", MessageBuilder().close_portal(self._portal).sync().take())
        if exchange.error is not None:
            raise exchange.error
