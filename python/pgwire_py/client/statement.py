"""A prepared statement as its user sees it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from .cursor import CursorFactory
from .errors import InterfaceError
from .exchange import SYNC, Exchange, Result, UnkeptExchange, outcome
from .plan import Plan, execute_message

if TYPE_CHECKING:
    from .._impl import ArrowTable
    from .arrow import ArrowBatches
    from .connection import Connection

__all__ = ["Attribute", "PreparedStatement", "TypeName"]


class TypeName(NamedTuple):
    """A type of a parameter or column; ``name`` is its OID as text where it is not known."""

    oid: int
    name: str


class Attribute(NamedTuple):
    """A column of a statement's result."""

    name: str
    type: TypeName


class PreparedStatement:
    """A statement that the server has parsed; made by :meth:`Connection.prepare`."""

    __slots__ = ("_connection", "_own", "_plan", "_tag")

    def __init__(self, connection: Connection, plan: Plan, *, own: bool) -> None:
        self._connection = connection
        self._plan = plan
        self._own = own
        self._tag = b""

    async def fetch(self, *args: object, timeout: float | None = None) -> list[Any]:
        """All rows; raises as :meth:`Connection.fetch`."""
        return (await self._run(args, 0, timeout))[0]

    async def fetchrow(self, *args: object, timeout: float | None = None) -> Any:
        """The first row, or None."""
        rows = (await self._run(args, 1, timeout))[0]
        return rows[0] if rows else None

    async def fetchval(self, *args: object, column: int | str = 0, timeout: float | None = None) -> Any:
        """One value of the first row, or None."""
        rows = (await self._run(args, 1, timeout))[0]
        return rows[0][column] if rows else None

    async def _run(self, args: Sequence[object], limit: int, timeout: float | None) -> Result:
        core = self._connection._core
        if not self._own:
            result = await core.within(core.run(self._plan.query, args, limit), timeout)
        else:
            result = await core.within(self._run_own(args, limit), timeout)
        self._tag = result[1]
        return result

    async def _run_own(self, args: Sequence[object], limit: int) -> Result:
        core = self._connection._core
        await core.ready()
        return outcome(await core.send_plan(self._plan, args, limit))

    async def fetch_arrow(
        self,
        *args: object,
        max_rows: int = 65_536,
        max_bytes: int = 16_777_216,
        timeout: float | None = None,
    ) -> ArrowTable:
        """All rows as Arrow, see :meth:`Connection.fetch_arrow`."""
        from .arrow import fetch_table

        core, plan = self._connection._core, self._plan if self._own else None
        return await core.within(fetch_table(core, self._plan.query, args, plan, max_rows, max_bytes), timeout)

    def stream_arrow(self, *args: object, max_rows: int = 65_536, max_bytes: int = 16_777_216) -> ArrowBatches:
        """The rows as record batches while they come, see :meth:`Connection.stream_arrow`."""
        from .arrow import ArrowBatches

        core, plan = self._connection._core, self._plan if self._own else None
        return ArrowBatches(core, self._plan.query, args, plan, max_rows, max_bytes)

    async def executemany(self, args: Iterable[Sequence[object]], *, timeout: float | None = None) -> None:
        """Run it for each sequence of arguments, in one batch: all of them are carried out, or none."""
        core = self._connection._core
        await core.within(self._many(args, False), timeout)

    async def fetchmany(self, args: Iterable[Sequence[object]], *, timeout: float | None = None) -> list[Any]:
        """As :meth:`executemany`, with the rows that come, in order."""
        core = self._connection._core
        return await core.within(self._many(args, True), timeout)

    async def _many(self, args: Iterable[Sequence[object]], keep: bool) -> list[Any]:
        core = self._connection._core
        await core.ready()
        rows = args if isinstance(args, (list, tuple)) else list(args)
        if not rows:
            return []
        plan = self._plan if self._own else await core.plan(self._plan.query)
        plan.check_counts(rows)
        script = plan.script
        exchange = None
        try:
            for data, count in plan.batches(rows):
                if exchange is None:
                    kind = Exchange if keep or not plan.name else UnkeptExchange
                    exchange = core.begin(
                        script * count, data, plan.decode if keep else None, plan.query, kind=kind, uses=(plan,)
                    )
                    if not plan.name and keep:
                        exchange.on_fields = lambda fields: core._source(plan, fields)
                    continue
                if exchange.error is not None or exchange.done:
                    break
                if exchange.waiter.done():
                    exchange.waiter = core.loop.create_future()
                exchange.extend(script * count)
                core.wire.write(data)
                await core.wire.room()
            assert exchange is not None
            if not exchange.done:
                if exchange.waiter.done():
                    exchange.waiter = core.loop.create_future()
                exchange.extend("Z")
                core.wire.write(SYNC)
                await exchange.waiter
        except BaseException:
            if exchange is not None:
                if not exchange.done and not exchange.synced:  # an error before the Sync: nothing of the batch stays
                    core.wire.write(execute_message(0, "__pgwire_none"))
                core.abandon(exchange)
            raise
        if exchange.error is not None:
            if not self._own:
                core.drop_stale(plan, exchange.error)
            raise exchange.error
        return [row for result in exchange.results if isinstance(result, tuple) for row in result[0]]

    def cursor(self, *args: object, prefetch: int = 50, timeout: float | None = None) -> CursorFactory:
        """A cursor, see :meth:`Connection.cursor`."""
        return CursorFactory(
            self._connection, self._plan.query, args, prefetch, timeout, self._plan if self._own else None
        )

    def get_query(self) -> str:
        """Its text."""
        return self._plan.query

    def get_name(self) -> str:
        """Its name on the server."""
        return self._plan.name

    def get_statusmsg(self) -> str:
        """The command tag of its last run."""
        return self._tag.decode("utf-8", "replace")

    def get_parameters(self) -> tuple[TypeName, ...]:
        """The types of its parameters."""
        return tuple(map(self._type, self._plan.types))

    def get_attributes(self) -> tuple[Attribute, ...]:
        """Its columns; none where no rows come."""
        return tuple(Attribute(field.name, self._type(field.type_oid)) for field in self._plan.fields or ())

    def _type(self, oid: int) -> TypeName:
        return TypeName(oid, self._connection.types.name(oid) or str(oid))

    async def explain(self, *args: object, analyze: bool = False) -> Any:
        """The plan that the server has for it, as ``EXPLAIN (FORMAT JSON)`` tells; ``analyze`` runs it, and undoes what it did."""
        import json

        connection = self._connection
        if not analyze:
            text = f"explain (format json, verbose) {self._plan.query}"
            return json.loads(await connection.fetchval(text, *args))
        transaction = connection.transaction()
        await transaction.start()
        try:
            text = f"explain (format json, verbose, analyze) {self._plan.query}"
            return json.loads(await connection.fetchval(text, *args))
        finally:
            await transaction.rollback()

    async def close(self) -> None:
        """Have the server forget a statement with a name of your own; one of the cache stays there."""
        if not self._own:
            return
        if not self._plan.name:
            raise InterfaceError("the statement is closed")
        self._connection._core.drop(self._plan)
