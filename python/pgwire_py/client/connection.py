"""A connection as its user sees it. Names and habits are asyncpg's where it has any (docs/reference/client.md has the differences)."""

from __future__ import annotations

import ssl as tls
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal

from .. import messages as m
from .._impl import MessageBuilder
from ..errors import PostgresError
from ..types import TypeRegistry
from .answers import error_of
from .connecting import connect_wire, send_cancel
from .copying import CopyIn, CopyOut, copy_source
from .core import Core
from .cursor import CursorFactory, stream_rows
from .driver import AsyncioDriver, Driver, TLSUpgrade
from .errors import ConnectionLost, InterfaceError
from .exchange import outcome
from .notifications import Listeners, Notifications
from .oauth import OAuthToken
from .pipeline import Pipeline
from .settings import connect_settings
from .statement import PreparedStatement
from .transaction import Transaction, retrying

if TYPE_CHECKING:
    from .._impl import ArrowTable
    from .arrow import ArrowBatches

__all__ = ["Connection", "connect"]

DEFAULT_TIMEOUT = 60.0
"""Seconds for connecting, all hosts together."""


async def connect(
    dsn: str | None = None,
    *,
    timeout: float | None = DEFAULT_TIMEOUT,
    command_timeout: float | None = None,
    statement_cache_size: int = 100,
    max_cacheable_statement_size: int = 15 * 1024,
    server_settings: Mapping[str, str] | None = None,
    ssl: tls.SSLContext | str | bool | None = None,
    tls_upgrade: TLSUpgrade | None = None,
    oauth_token: OAuthToken | None = None,
    types: TypeRegistry | None = None,
    database: str | None = None,
    _driver: Driver | None = None,
    **keywords: Any,
) -> Connection:
    """Connects to PostgreSQL.

    Args:
        dsn: a URI or a keyword/value string, as libpq reads it.
        timeout: seconds for everything until the connection can be used; None is no limit. ``connect_timeout`` is for each host.
        command_timeout: seconds for an operation that is given no timeout.
        statement_cache_size: prepared statements kept; 0: no named ones, for poolers such as PgBouncer in transaction mode.
        max_cacheable_statement_size: longest statement that is kept, in characters; 0 is no limit.
        server_settings: run-time parameters of the session.
        ssl: a context of your own, a text as for ``sslmode``, or True (``verify-full``) or False (``disable``).
        tls_upgrade: your own way to TLS.
        oauth_token: a bearer token, or a function or coroutine function that is given an :class:`OAuthRequest` and returns one; it is
            asked when the server has told where tokens come from. ``oauth_issuer`` names the only issuer that may be.
        types: codecs that the connection's own lie over.
        database: as ``dbname``.
        **keywords: any keyword of libpq, as ``host``, ``port``, ``user``, ``password``, ``sslmode``, ``target_session_attrs``.

    Raises:
        ConnectFailed: no host could be reached; it says which, and why.
        PostgresError: the server refuses the login.
        ConnectionOptionError: an option that is none.
        TimeoutError: it took too long.
    """
    context = ssl if isinstance(ssl, tls.SSLContext) else None
    if ssl is not None and ssl is not context:
        keywords["sslmode"] = {True: "verify-full", False: "disable"}[ssl] if isinstance(ssl, bool) else ssl
    elif context is not None and not keywords.get("sslmode"):
        keywords["sslmode"] = "require"
    if database is not None:
        keywords["dbname"] = database
    settings = replace(connect_settings(dsn, server_settings=server_settings, **keywords), oauth_token=oauth_token)
    driver = _driver or AsyncioDriver()
    wired = await driver.within(connect_wire(driver, settings, context=context, upgrade=tls_upgrade), timeout)
    core = Core(
        wired,
        cache_size=statement_cache_size,
        max_cacheable=max_cacheable_statement_size,
        command_timeout=command_timeout,
        registry=types,
    )
    return Connection(core)


class Connection:
    """A session of a PostgreSQL server. Made by :func:`connect`; does one thing at a time, on one event loop.

    Every operation takes ``timeout`` in seconds, and may be cancelled: the server is asked to stop, and the connection can be used again.
    """

    __slots__ = ("__weakref__", "_core", "_facade", "_listeners", "_log_listeners", "_status", "_top", "_wire")

    def __init__(self, core: Core) -> None:
        self._core = core
        self._wire = core.wire
        self._facade: Any = self  # what callbacks are given: the blocking connection, where there is one
        self._status = ""
        self._top: Transaction | None = None
        self._log_listeners: list[Callable[[Connection, PostgresError], object]] = []
        self._listeners = Listeners(self)
        core.wire.on_notice = self._notice
        core.wire.on_notification = self._listeners.received
        core.wire.on_closed = self._listeners.closed

    # -- queries -----------------------------------------------------------------------------------------------------

    async def fetch(self, query: str, *args: object, timeout: float | None = None) -> list[Any]:
        """All rows of a statement, as Records.

        Raises:
            PostgresError: by the server, or for an argument or value that does not fit its type.
            InterfaceError: the connection is in use, or the number of arguments is wrong.
            ConnectionLost: the connection is closed, or was before the answer was complete.
            TimeoutError: it took longer than ``timeout``.
        """
        return await self._rows(query, args, 0, timeout)

    async def fetchrow(self, query: str, *args: object, timeout: float | None = None) -> Any:
        """The first row, None if there is none; raises as :meth:`fetch`."""
        rows = await self._rows(query, args, 1, timeout)
        return rows[0] if rows else None

    async def fetchval(self, query: str, *args: object, column: int | str = 0, timeout: float | None = None) -> Any:
        """One value of the first row, None if there is no row; raises as :meth:`fetch`."""
        rows = await self._rows(query, args, 1, timeout)
        return rows[0][column] if rows else None

    async def _rows(self, query: str, args: Sequence[object], limit: int, timeout: float | None) -> list[Any]:
        core = self._core
        waiter = core.start(query, args, limit) if timeout is None and core.command_timeout is None else None
        if waiter is None:
            return (await core.within(core.run(query, args, limit), timeout))[0]
        try:  # the usual way, short
            found = await waiter
        except BaseException:
            core.give_up(waiter)
            raise
        if isinstance(found, tuple) and found[0]:
            return found[0]
        return (await core.finished(found, args, limit))[0]

    async def execute(self, query: str, *args: object, timeout: float | None = None) -> str:
        """Run a statement, or without arguments any number of them separated by semicolons; the last one's command tag.

        Raises as :meth:`fetch`.
        """
        if args:
            _, tag = await self._core.within(self._core.run(query, args), timeout)
        else:
            tag = await self._core.within(self._simple(query), timeout)
        return tag.decode("utf-8", "replace")

    async def _simple(self, query: str) -> bytes:
        await self._core.ready()
        exchange = await self._core.exchange("QZ", MessageBuilder().query(query).take(), statement=query)
        for result in exchange.results:
            if isinstance(result, tuple):
                self._core.noticed(result[1])
        return outcome(exchange)[1]

    async def executemany(
        self, command: str, args: Iterable[Sequence[object]], *, timeout: float | None = None
    ) -> None:
        """Run a statement for each sequence of arguments, in one batch: all of them are carried out, or none."""
        statement = await self.prepare(command)
        await statement.executemany(args, timeout=timeout)

    async def fetchmany(
        self, query: str, args: Iterable[Sequence[object]], *, timeout: float | None = None
    ) -> list[Any]:
        """As :meth:`executemany`, with the rows that come, in order."""
        statement = await self.prepare(query)
        return await statement.fetchmany(args, timeout=timeout)

    async def prepare(self, query: str, *, name: str | None = None, timeout: float | None = None) -> PreparedStatement:
        """A prepared statement; with a name of your own it is not shared with the cache.

        Raises:
            PostgresError: the server refuses it.
        """
        return await self._core.within(self._prepare(query, name), timeout)

    async def _prepare(self, query: str, name: str | None) -> PreparedStatement:
        await self._core.ready()
        plan = await self._core.plan(query) if name is None else await self._core.prepare(query, name)
        return PreparedStatement(self, plan, own=name is not None)

    def cursor(self, query: str, *args: object, prefetch: int = 50, timeout: float | None = None) -> CursorFactory:
        """A cursor, within a transaction: ``async for row in connection.cursor(…)``, or await it and ``fetch`` from it."""
        return CursorFactory(self, query, args, prefetch, timeout)

    def stream(self, query: str, *args: object, rows: int = 500) -> AsyncIterator[Any]:
        """The rows of a statement one by one, fetched ``rows`` at a time when they are wanted; needs no transaction.

        The connection is in use until the last row, or until the iterator is closed (``contextlib.aclosing``).
        """
        return stream_rows(self._core, query, args, rows)

    def pipeline(self, *, atomic: bool = False, return_exceptions: bool = False) -> Pipeline:
        """Many statements in one round trip: ``async with connection.pipeline() as p: one = p.fetch(…)``, then ``one.result()``."""
        return Pipeline(self._core, atomic, return_exceptions)

    # -- Arrow -------------------------------------------------------------------------------------------------------

    async def fetch_arrow(
        self,
        query: str,
        *args: object,
        max_rows: int = 65_536,
        max_bytes: int = 16_777_216,
        timeout: float | None = None,
    ) -> ArrowTable:
        """All rows of a statement as an object with the Arrow PyCapsule interface, for pyarrow, polars, DuckDB, pandas and others.

        Args:
            query: the statement.
            *args: of its parameters.
            max_rows: rows of a record batch at most.
            max_bytes: a batch ends with the row that reaches so many bytes.
            timeout: in seconds.

        Raises:
            PostgresError: as :meth:`fetch`, and for values that Arrow does not have (docs/reference/arrow.md).
        """
        from .arrow import fetch_table

        work = fetch_table(self._core, query, args, None, max_rows, max_bytes)
        return await self._core.within(work, timeout)

    def stream_arrow(
        self, query: str, *args: object, max_rows: int = 65_536, max_bytes: int = 16_777_216
    ) -> ArrowBatches:
        """The rows of a statement as record batches, while they come: ``async for batch in connection.stream_arrow(…)``.

        Besides the batch in your hands there are at most two, of ``max_rows`` rows or ``max_bytes`` bytes each: reading slowly slows the
        server down. Needs no transaction. The connection is in use until the last batch, or until it is left with ``async with``.
        """
        from .arrow import ArrowBatches

        return ArrowBatches(self._core, query, args, None, max_rows, max_bytes)

    async def write_arrow(
        self,
        table_name: str,
        source: object,
        *,
        columns: Sequence[str] | None = None,
        schema_name: str | None = None,
        timeout: float | None = None,
    ) -> int:
        """The rows of an Arrow source into a table, by COPY; all of them, or none.

        Args:
            table_name: the table.
            source: anything with the Arrow PyCapsule interface. It is read on the event loop's thread, piece by piece.
            columns: the table's columns in the source's order; by default those of the source's names.
            schema_name: the table's schema, by default as ``search_path`` has it.
            timeout: in seconds.

        Returns:
            The number of rows.

        Raises:
            PostgresError: 42804 for a column that cannot become its target's type, before anything is sent; by the server; for a value
                that has no place in its target's type (22003, 22008, …), with row and column.
            InterfaceError: the number of columns is wrong.
        """
        from .arrow import write_table

        work = write_table(self._core, table_name, schema_name, columns, source)
        return await self._core.within(work, timeout)

    # -- transactions ------------------------------------------------------------------------------------------------

    def transaction(
        self,
        *,
        isolation: Literal["read_committed", "read_uncommitted", "repeatable_read", "serializable"] | None = None,
        readonly: bool | None = None,
        deferrable: bool | None = None,
    ) -> Transaction:
        """A transaction, or within one a savepoint, for ``async with`` or with ``start``, ``commit`` and ``rollback``."""
        return Transaction(self, isolation, readonly, deferrable)

    def is_in_transaction(self) -> bool:
        """Whether a transaction is open, failed or not."""
        return self._wire.status != "I"

    async def retry(self, work: Callable[[Connection], Awaitable[Any]], *, attempts: int = 5, **options: Any) -> Any:
        """``work`` in a transaction, again where it fails by serialization (40001) or deadlock (40P01).

        Args:
            work: a coroutine function that takes the connection; it may run several times.
            attempts: how often it is run at most.
            **options: of :meth:`transaction`; ``isolation`` is ``"serializable"`` unless given.
        """
        return await retrying(self, work, attempts, options)

    # -- COPY --------------------------------------------------------------------------------------------------------

    async def copy_in(self, statement: str, source: Any, *, timeout: float | None = None) -> int:
        """``COPY … FROM STDIN``.

        Args:
            statement: the COPY statement.
            source: bytes, a path, a binary file, an iterable or async iterable of bytes; or anything with the Arrow PyCapsule
                interface, which is written in the statement's format.
            timeout: in seconds.

        Returns:
            The number of rows.
        """
        if hasattr(source, "__arrow_c_stream__") or hasattr(source, "__arrow_c_array__"):
            from .arrow import copy_of

            pieces = copy_of(statement, source)
        else:
            pieces = copy_source(self._core.driver, source)
        return await self._core.within(CopyIn(self._core, statement).run(pieces), timeout)

    def copy_out(self, statement: str) -> CopyOut:
        """``COPY … TO STDOUT``: an async iterator of bytes as they come. Reading slowly slows the server down."""
        return CopyOut(self._core, statement)

    async def copy_records_to_table(
        self,
        table_name: str,
        *,
        records: Iterable[Sequence[object]],
        columns: Sequence[str] | None = None,
        schema_name: str | None = None,
        timeout: float | None = None,
    ) -> int:
        """Rows of Python values into a table, by binary COPY; the number of rows."""
        from .copying import copy_records

        work = copy_records(self._core, table_name, schema_name, columns, records)
        return await self._core.within(work, timeout)

    # -- notifications and notices -----------------------------------------------------------------------------------

    async def add_listener(self, channel: str, callback: Callable[[Connection, int, str, str], object]) -> None:
        """Call ``callback(connection, process_id, channel, payload)`` for each notification of a channel."""
        await self._listeners.add(channel, callback)

    async def remove_listener(self, channel: str, callback: Callable[[Connection, int, str, str], object]) -> None:
        """Take back :meth:`add_listener`."""
        await self._listeners.remove(channel, callback)

    def notifications(self, *channels: str, maximum: int = 10_000, timeout: float | None = None) -> Notifications:
        """Notifications of these channels: ``async with connection.notifications("a") as found: async for n in found``.

        Args:
            channels: what to listen to.
            maximum: notifications that may wait to be read; more of them end the iteration with an error.
            timeout: seconds without a notification after which the iteration ends; None is no limit.
        """
        return Notifications(self, channels, maximum, timeout)

    def add_log_listener(self, callback: Callable[[Connection, PostgresError], object]) -> None:
        """Call ``callback(connection, notice)`` for each notice and warning; it comes as a PostgresError, not raised."""
        self._log_listeners.append(callback)

    def remove_log_listener(self, callback: Callable[[Connection, PostgresError], object]) -> None:
        """Take back :meth:`add_log_listener`."""
        self._log_listeners.remove(callback)

    def _notice(self, message: m.NoticeResponse) -> None:
        for callback in tuple(self._log_listeners):
            self._core.loop.call_soon(callback, self._facade, error_of(message))  # type: ignore[arg-type]

    # -- types -------------------------------------------------------------------------------------------------------

    @property
    def types(self) -> TypeRegistry:
        """The connection's codecs. After a change call :meth:`reload_schema_state`."""
        return self._core.types

    async def set_type_codec(
        self,
        typename: str,
        *,
        schema: str = "public",
        encoder: Callable[[Any], Any],
        decoder: Callable[[Any], Any],
        format: Literal["text", "binary"] = "text",
    ) -> None:
        """Read and write a type's values by functions.

        Raises:
            InterfaceError: there is no such type.
        """
        query = (
            "select t.oid, t.typarray from pg_catalog.pg_type t join pg_catalog.pg_namespace n on n.oid = t.typnamespace"
            " where t.typname = $1 and n.nspname = $2"
        )
        rows = await self.fetch(query, typename, schema)
        if not rows:
            raise InterfaceError(f"unknown type: {schema}.{typename}")
        self._core.types.set_codec(rows[0][0], encoder=encoder, decoder=decoder, format=format)
        self._core.forget_plans()

    async def reload_schema_state(self) -> None:
        """Forget what was learnt of statements and types: for changes made by other sessions."""
        self._core.noticed(b"ALTER TYPE")

    # -- the session -------------------------------------------------------------------------------------------------

    def get_settings(self) -> dict[str, str]:
        """Run-time parameters as the server reported them, up to date."""
        return dict(self._wire.parameters)

    def get_server_pid(self) -> int:
        """The backend's process id."""
        return self._core.wired.process_id

    def get_server_version(self) -> tuple[int, ...]:
        """Such as ``(18, 1)``; empty if the server does not say."""
        text = self._wire.parameters.get("server_version", "").partition(" ")[0]
        digits = [part for part in text.split(".") if part.isdigit()]
        return tuple(map(int, digits))

    def is_closed(self) -> bool:
        """Whether it cannot be used any more."""
        return self._wire.failure is not None

    async def cancel(self) -> None:
        """Ask the server to stop what the connection runs in another task: that task gets ``QueryCanceled``.

        Raises:
            ConnectionLost: the connection is closed, or was opened in another process.
        """
        if self._wire.failure is not None:
            raise self._wire.lost()
        await send_cancel(self._core.wired)

    async def reset(self, *, timeout: float | None = None) -> None:
        """As a new session: transaction rolled back, locks, cursors, listening and settings undone. What a pool does on release."""
        await self._core.within(self._reset(), timeout)

    async def _reset(self) -> None:
        await self._core.ready()
        self._listeners.clear()
        self._top = None
        rollback = "" if self._wire.status == "I" else "rollback;"
        text = f"{rollback}select pg_catalog.pg_advisory_unlock_all();close all;unlisten *;reset all;"
        await self._simple(text)

    async def close(self, *, timeout: float | None = None) -> None:
        """End the session; waits for what is being cancelled, and for the socket to close."""
        self._wire.check_loop()
        if self._wire.failure is None:
            try:
                await self._core.within(self._core.ready(), timeout)
            except BaseException:
                self.terminate()
                raise
            self._wire.failure = InterfaceError("the connection was closed")
            self._wire.transport.write(MessageBuilder().terminate().take())
            self._wire.transport.close()
        await self._core.within(self._core.driver.shield(self._wire.closed), timeout)

    def terminate(self) -> None:
        """Close the socket at once; what waits for an answer gets :class:`ConnectionLost`."""
        if self._wire.failure is None:
            self._wire.check_loop()
        self._wire.fail(ConnectionLost("the connection was terminated"))

    async def __aenter__(self) -> Connection:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._wire.exchange is not None and self._wire.drained is None:
            self.terminate()
        await self.close()

    def __repr__(self) -> str:
        state = "closed" if self.is_closed() else self._core.wired.endpoint
        return f"<Connection {state}>"
