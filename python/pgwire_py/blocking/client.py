"""The classes of ``pgwire_py.client`` for use without an event loop. Made by tools/generate_blocking.py: do not edit.

Each method runs the coroutine of the same name, which never suspends: its driver does the waiting.
"""

from __future__ import annotations

import ssl as tls
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, Generic, Literal, TypeVar

from .._impl import ArrowBatch, ArrowTable
from ..client import arrow, connection, copying, cursor, notifications, pipeline, pool, statement, transaction
from ..client.notifications import Notification
from ..client.oauth import OAuthToken
from ..client.pool import PoolStats
from ..client.statement import Attribute, TypeName
from ..errors import PostgresError
from ..types import TypeRegistry
from .driver import BlockingDriver, ThreadsDriver, TLSUpgrade
from .iteration import Iteration, adapted, awaited, facade

__all__ = [
    "ArrowBatches",
    "Connection",
    "CopyOut",
    "Cursor",
    "CursorFactory",
    "Lease",
    "Notifications",
    "Pending",
    "Pipeline",
    "Pool",
    "PreparedStatement",
    "Transaction",
    "connect",
    "create_pool",
]

T = TypeVar("T")


def connect(
    dsn: str | None = None,
    *,
    timeout: float | None = 60.0,
    command_timeout: float | None = None,
    statement_cache_size: int = 100,
    max_cacheable_statement_size: int = 15 * 1024,
    server_settings: Mapping[str, str] | None = None,
    ssl: tls.SSLContext | str | bool | None = None,
    tls_upgrade: TLSUpgrade | None = None,
    oauth_token: OAuthToken | None = None,
    types: TypeRegistry | None = None,
    database: str | None = None,
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
    driver = BlockingDriver()
    return facade(
        Connection,
        driver.run(
            connection.connect(
                dsn,
                timeout=timeout,
                command_timeout=command_timeout,
                statement_cache_size=statement_cache_size,
                max_cacheable_statement_size=max_cacheable_statement_size,
                server_settings=server_settings,
                ssl=ssl,
                tls_upgrade=tls_upgrade,  # type: ignore[arg-type]
                oauth_token=oauth_token,
                types=types,
                database=database,
                **keywords,
                _driver=driver,
            )
        ),
    )


def create_pool(
    dsn: str | None = None,
    *,
    min_size: int = 1,
    max_size: int = 10,
    max_queries: int = 50000,
    max_lifetime: float | None = 3600.0,
    max_inactive_connection_lifetime: float = 300.0,
    check_after: float = 30.0,
    setup: Callable[[Connection], Any] | None = None,
    init: Callable[[Connection], Any] | None = None,
    reset: Callable[[Connection], Any] | None = None,
    **connect_options: Any,
) -> Pool:
    """A pool, for ``with create_pool(…) as pool`` or ``pool = create_pool(…).wait()``.

    Args:
        dsn: as for :func:`connect`.
        min_size: connections that are opened at the start and kept.
        max_size: most connections.
        max_queries: a connection is replaced when it was handed out this often; 0 is no limit.
        max_lifetime: seconds after which a connection is replaced; None is no limit.
        max_inactive_connection_lifetime: seconds after which an idle connection above ``min_size`` is closed; 0 is no limit.
        check_after: a connection idle for more seconds is asked whether it lives before it is handed out.
        setup: called with a connection each time before it is handed out.
        init: called with a new connection.
        reset: called with a connection that comes back, instead of :meth:`Connection.reset`.
        **connect_options: as for :func:`connect`.
    """
    driver = ThreadsDriver()
    return Pool(
        driver,
        pool.create_pool(
            dsn,
            min_size=min_size,
            max_size=max_size,
            max_queries=max_queries,
            max_lifetime=max_lifetime,
            max_inactive_connection_lifetime=max_inactive_connection_lifetime,
            check_after=check_after,
            setup=adapted(Connection, setup),
            init=adapted(Connection, init),
            reset=adapted(Connection, reset),
            **connect_options,
            _driver=lambda: driver,
        ),
    )


class Connection:
    """A session of a PostgreSQL server. Made by :func:`connect`; does one thing at a time, threads wait for each other.

    Every operation takes ``timeout`` in seconds, and can be interrupted: the server is asked to stop, and the connection can be used again.
    """

    __slots__ = ("__weakref__", "_driver", "_inner")

    def __init__(self, driver: BlockingDriver, inner: connection.Connection) -> None:
        self._driver = driver
        self._inner = inner
        inner._facade = self

    def fetch(self, query: str, *args: object, timeout: float | None = None) -> list[Any]:
        """All rows of a statement, as Records.

        Raises:
            PostgresError: by the server, or for an argument or value that does not fit its type.
            InterfaceError: the connection is in use, or the number of arguments is wrong.
            ConnectionLost: the connection is closed, or was before the answer was complete.
            TimeoutError: it took longer than ``timeout``.
        """
        rows = self._driver.short(self._inner._core, query, args, 0, timeout)
        if rows is not None:
            return rows
        return self._driver.run(self._inner.fetch(query, *args, timeout=timeout))

    def fetchrow(self, query: str, *args: object, timeout: float | None = None) -> Any:
        """The first row, None if there is none; raises as :meth:`fetch`."""
        rows = self._driver.short(self._inner._core, query, args, 1, timeout)
        if rows is not None:
            return rows[0] if rows else None
        return self._driver.run(self._inner.fetchrow(query, *args, timeout=timeout))

    def fetchval(self, query: str, *args: object, column: int | str = 0, timeout: float | None = None) -> Any:
        """One value of the first row, None if there is no row; raises as :meth:`fetch`."""
        rows = self._driver.short(self._inner._core, query, args, 1, timeout)
        if rows is not None:
            return rows[0][column] if rows else None
        return self._driver.run(self._inner.fetchval(query, *args, column=column, timeout=timeout))

    def execute(self, query: str, *args: object, timeout: float | None = None) -> str:
        """Run a statement, or without arguments any number of them separated by semicolons; the last one's command tag.

        Raises as :meth:`fetch`.
        """
        return self._driver.run(self._inner.execute(query, *args, timeout=timeout))

    def executemany(self, command: str, args: Iterable[Sequence[object]], *, timeout: float | None = None) -> None:
        """Run a statement for each sequence of arguments, in one batch: all of them are carried out, or none."""
        self._driver.run(self._inner.executemany(command, args, timeout=timeout))

    def fetchmany(self, query: str, args: Iterable[Sequence[object]], *, timeout: float | None = None) -> list[Any]:
        """As :meth:`executemany`, with the rows that come, in order."""
        return self._driver.run(self._inner.fetchmany(query, args, timeout=timeout))

    def prepare(self, query: str, *, name: str | None = None, timeout: float | None = None) -> PreparedStatement:
        """A prepared statement; with a name of your own it is not shared with the cache.

        Raises:
            PostgresError: the server refuses it.
        """
        return PreparedStatement(self._driver, self._driver.run(self._inner.prepare(query, name=name, timeout=timeout)))

    def cursor(self, query: str, *args: object, prefetch: int = 50, timeout: float | None = None) -> CursorFactory:
        """A cursor, within a transaction: ``for row in connection.cursor(…)``, or ``wait()`` for it and ``fetch`` from it."""
        return CursorFactory(self._driver, self._inner.cursor(query, *args, prefetch=prefetch, timeout=timeout))

    def stream(self, query: str, *args: object, rows: int = 500) -> Iteration[Any]:
        """The rows of a statement one by one, fetched ``rows`` at a time when they are wanted; needs no transaction.

        The connection is in use until the last row, or until the iterator is closed (``close``, ``with``, or when it is dropped).
        """
        return Iteration(self._driver, self._inner.stream(query, *args, rows=rows))

    def pipeline(self, *, atomic: bool = False, return_exceptions: bool = False) -> Pipeline:
        """Many statements in one round trip: ``with connection.pipeline() as p: one = p.fetch(…)``, then ``one.result()``."""
        return Pipeline(self._driver, self._inner.pipeline(atomic=atomic, return_exceptions=return_exceptions))

    def fetch_arrow(
        self, query: str, *args: object, max_rows: int = 65536, max_bytes: int = 16777216, timeout: float | None = None
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
        return self._driver.run(
            self._inner.fetch_arrow(query, *args, max_rows=max_rows, max_bytes=max_bytes, timeout=timeout)
        )

    def stream_arrow(self, query: str, *args: object, max_rows: int = 65536, max_bytes: int = 16777216) -> ArrowBatches:
        """The rows of a statement as record batches, while they come: ``for batch in connection.stream_arrow(…)``.

        Besides the batch in your hands there are at most two, of ``max_rows`` rows or ``max_bytes`` bytes each: reading slowly slows the
        server down. Needs no transaction. The connection is in use until the last batch, or until it is left with ``with``.
        """
        return ArrowBatches(
            self._driver, self._inner.stream_arrow(query, *args, max_rows=max_rows, max_bytes=max_bytes)
        )

    def write_arrow(
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
        return self._driver.run(
            self._inner.write_arrow(table_name, source, columns=columns, schema_name=schema_name, timeout=timeout)
        )

    def transaction(
        self,
        *,
        isolation: Literal["read_committed", "read_uncommitted", "repeatable_read", "serializable"] | None = None,
        readonly: bool | None = None,
        deferrable: bool | None = None,
    ) -> Transaction:
        """A transaction, or within one a savepoint, for ``with`` or with ``start``, ``commit`` and ``rollback``."""
        return Transaction(
            self._driver, self._inner.transaction(isolation=isolation, readonly=readonly, deferrable=deferrable)
        )

    def is_in_transaction(self) -> bool:
        """Whether a transaction is open, failed or not."""
        return self._inner.is_in_transaction()

    def retry(self, work: Callable[[Connection], Any], *, attempts: int = 5, **options: Any) -> Any:
        """``work`` in a transaction, again where it fails by serialization (40001) or deadlock (40P01).

        Args:
            work: a function that takes the connection; it may run several times.
            attempts: how often it is run at most.
            **options: of :meth:`transaction`; ``isolation`` is ``"serializable"`` unless given.
        """
        return self._driver.run(self._inner.retry(adapted(Connection, work), attempts=attempts, **options))

    def copy_in(self, statement: str, source: Any, *, timeout: float | None = None) -> int:
        """``COPY … FROM STDIN``.

        Args:
            statement: the COPY statement.
            source: bytes, a path, a binary file, an iterable of bytes; or anything with the Arrow PyCapsule
                interface, which is written in the statement's format.
            timeout: in seconds.

        Returns:
            The number of rows.
        """
        return self._driver.run(self._inner.copy_in(statement, source, timeout=timeout))

    def copy_out(self, statement: str) -> CopyOut:
        """``COPY … TO STDOUT``: an iterator of bytes as they come. Reading slowly slows the server down."""
        return CopyOut(self._driver, self._inner.copy_out(statement))

    def copy_records_to_table(
        self,
        table_name: str,
        *,
        records: Iterable[Sequence[object]],
        columns: Sequence[str] | None = None,
        schema_name: str | None = None,
        timeout: float | None = None,
    ) -> int:
        """Rows of Python values into a table, by binary COPY; the number of rows."""
        return self._driver.run(
            self._inner.copy_records_to_table(
                table_name, records=records, columns=columns, schema_name=schema_name, timeout=timeout
            )
        )

    def add_listener(self, channel: str, callback: Callable[[Connection, int, str, str], object]) -> None:
        """Call ``callback(connection, process_id, channel, payload)`` for each notification of a channel."""
        self._driver.run(
            self._inner.add_listener(
                channel,
                callback,  # type: ignore[arg-type]
            )
        )

    def remove_listener(self, channel: str, callback: Callable[[Connection, int, str, str], object]) -> None:
        """Take back :meth:`add_listener`."""
        self._driver.run(
            self._inner.remove_listener(
                channel,
                callback,  # type: ignore[arg-type]
            )
        )

    def notifications(self, *channels: str, maximum: int = 10000, timeout: float | None = None) -> Notifications:
        """Notifications of these channels: ``with connection.notifications("a") as found: for n in found``.

        Args:
            channels: what to listen to.
            maximum: notifications that may wait to be read; more of them end the iteration with an error.
            timeout: seconds without a notification after which the iteration ends; None is no limit.
        """
        return Notifications(self._driver, self._inner.notifications(*channels, maximum=maximum, timeout=timeout))

    def add_log_listener(self, callback: Callable[[Connection, PostgresError], object]) -> None:
        """Call ``callback(connection, notice)`` for each notice and warning; it comes as a PostgresError, not raised."""
        self._inner.add_log_listener(
            callback  # type: ignore[arg-type]
        )

    def remove_log_listener(self, callback: Callable[[Connection, PostgresError], object]) -> None:
        """Take back :meth:`add_log_listener`."""
        self._inner.remove_log_listener(
            callback  # type: ignore[arg-type]
        )

    @property
    def types(self) -> TypeRegistry:
        """The connection's codecs. After a change call :meth:`reload_schema_state`."""
        return self._inner.types

    def set_type_codec(
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
        self._driver.run(
            self._inner.set_type_codec(typename, schema=schema, encoder=encoder, decoder=decoder, format=format)
        )

    def reload_schema_state(self) -> None:
        """Forget what was learnt of statements and types: for changes made by other sessions."""
        self._driver.run(self._inner.reload_schema_state())

    def get_settings(self) -> dict[str, str]:
        """Run-time parameters as the server reported them, up to date."""
        return self._inner.get_settings()

    def get_server_pid(self) -> int:
        """The backend's process id."""
        return self._inner.get_server_pid()

    def get_server_version(self) -> tuple[int, ...]:
        """Such as ``(18, 1)``; empty if the server does not say."""
        return self._inner.get_server_version()

    def is_closed(self) -> bool:
        """Whether it cannot be used any more."""
        return self._inner.is_closed()

    def cancel(self) -> None:
        """Ask the server to stop what the connection runs in another thread: that thread gets ``QueryCanceled``.

        Raises:
            ConnectionLost: the connection is closed, or was opened in another process.
        """
        BlockingDriver().run(self._inner.cancel())  # not this connection's: another thread waits by that

    def reset(self, *, timeout: float | None = None) -> None:
        """As a new session: transaction rolled back, locks, cursors, listening and settings undone. What a pool does on release."""
        self._driver.run(self._inner.reset(timeout=timeout))

    def close(self, *, timeout: float | None = None) -> None:
        """End the session; waits for what is being cancelled, and for the socket to close."""
        self._driver.run(self._inner.close(timeout=timeout))

    def terminate(self) -> None:
        """Close the socket at once; what waits for an answer gets :class:`ConnectionLost`."""
        self._inner.terminate()

    def __enter__(self) -> Connection:
        self._driver.run(self._inner.__aenter__())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._driver.run(self._inner.__aexit__(kind, error, trace))

    def __repr__(self) -> str:
        return self._inner.__repr__()


class Transaction:
    """A transaction, or a savepoint where one is open; made by :meth:`Connection.transaction`."""

    __slots__ = ("__weakref__", "_driver", "_inner")

    def __init__(self, driver: BlockingDriver, inner: transaction.Transaction) -> None:
        self._driver = driver
        self._inner = inner

    def start(self) -> None:
        """Begin.

        Raises:
            InterfaceError: it was started before, or a nested one has options of its own.
        """
        self._driver.run(self._inner.start())

    def commit(self) -> None:
        """Keep what was done.

        Raises:
            InterfaceError: the transaction is not open, or had failed, and the server rolled it back.
            PostgresError: as for a deferred constraint.
        """
        self._driver.run(self._inner.commit())

    def rollback(self) -> None:
        """Undo what was done."""
        self._driver.run(self._inner.rollback())

    def __enter__(self) -> Transaction:
        self._driver.run(self._inner.__aenter__())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._driver.run(self._inner.__aexit__(kind, error, trace))

    def __repr__(self) -> str:
        return self._inner.__repr__()


class CursorFactory:
    """What :meth:`Connection.cursor` gives: iterate over it, or :meth:`CursorFactory.wait` for a :class:`Cursor`."""

    __slots__ = ("__weakref__", "_driver", "_inner")

    def __init__(self, driver: BlockingDriver, inner: cursor.CursorFactory) -> None:
        self._driver = driver
        self._inner = inner

    def __iter__(self) -> Iteration[Any]:
        return Iteration(self._driver, self._inner.__aiter__())

    def wait(self) -> Cursor:
        return Cursor(self._driver, self._driver.run(awaited(self._inner)))


class Cursor:
    """A portal; lives as long as its transaction."""

    __slots__ = ("__weakref__", "_driver", "_inner")

    def __init__(self, driver: BlockingDriver, inner: cursor.Cursor) -> None:
        self._driver = driver
        self._inner = inner

    def fetch(self, n: int, *, timeout: float | None = None) -> list[Any]:
        """The next rows, at most ``n``; none at the end."""
        return self._driver.run(self._inner.fetch(n, timeout=timeout))

    def fetch_arrow(self, n: int, *, timeout: float | None = None) -> ArrowTable:
        """The next rows as Arrow, at most ``n``; none at the end. See :meth:`Connection.fetch_arrow`.

        Raises:
            FeatureNotSupported: a column of a range type of the database's own: it must be cast to text.
        """
        return self._driver.run(self._inner.fetch_arrow(n, timeout=timeout))

    def fetchrow(self, *, timeout: float | None = None) -> Any:
        """The next row, None at the end."""
        return self._driver.run(self._inner.fetchrow(timeout=timeout))

    def forward(self, n: int, *, timeout: float | None = None) -> int:
        """Skip rows; how many there were."""
        return self._driver.run(self._inner.forward(n, timeout=timeout))

    def close(self) -> None:
        """Close the portal before its transaction ends."""
        self._driver.run(self._inner.close())


class PreparedStatement:
    """A statement that the server has parsed; made by :meth:`Connection.prepare`."""

    __slots__ = ("__weakref__", "_driver", "_inner")

    def __init__(self, driver: BlockingDriver, inner: statement.PreparedStatement) -> None:
        self._driver = driver
        self._inner = inner

    def fetch(self, *args: object, timeout: float | None = None) -> list[Any]:
        """All rows; raises as :meth:`Connection.fetch`."""
        return self._driver.run(self._inner.fetch(*args, timeout=timeout))

    def fetchrow(self, *args: object, timeout: float | None = None) -> Any:
        """The first row, or None."""
        return self._driver.run(self._inner.fetchrow(*args, timeout=timeout))

    def fetchval(self, *args: object, column: int | str = 0, timeout: float | None = None) -> Any:
        """One value of the first row, or None."""
        return self._driver.run(self._inner.fetchval(*args, column=column, timeout=timeout))

    def fetch_arrow(
        self, *args: object, max_rows: int = 65536, max_bytes: int = 16777216, timeout: float | None = None
    ) -> ArrowTable:
        """All rows as Arrow, see :meth:`Connection.fetch_arrow`."""
        return self._driver.run(self._inner.fetch_arrow(*args, max_rows=max_rows, max_bytes=max_bytes, timeout=timeout))

    def stream_arrow(self, *args: object, max_rows: int = 65536, max_bytes: int = 16777216) -> ArrowBatches:
        """The rows as record batches while they come, see :meth:`Connection.stream_arrow`."""
        return ArrowBatches(self._driver, self._inner.stream_arrow(*args, max_rows=max_rows, max_bytes=max_bytes))

    def executemany(self, args: Iterable[Sequence[object]], *, timeout: float | None = None) -> None:
        """Run it for each sequence of arguments, in one batch: all of them are carried out, or none."""
        self._driver.run(self._inner.executemany(args, timeout=timeout))

    def fetchmany(self, args: Iterable[Sequence[object]], *, timeout: float | None = None) -> list[Any]:
        """As :meth:`executemany`, with the rows that come, in order."""
        return self._driver.run(self._inner.fetchmany(args, timeout=timeout))

    def cursor(self, *args: object, prefetch: int = 50, timeout: float | None = None) -> CursorFactory:
        """A cursor, see :meth:`Connection.cursor`."""
        return CursorFactory(self._driver, self._inner.cursor(*args, prefetch=prefetch, timeout=timeout))

    def get_query(self) -> str:
        """Its text."""
        return self._inner.get_query()

    def get_name(self) -> str:
        """Its name on the server."""
        return self._inner.get_name()

    def get_statusmsg(self) -> str:
        """The command tag of its last run."""
        return self._inner.get_statusmsg()

    def get_parameters(self) -> tuple[TypeName, ...]:
        """The types of its parameters."""
        return self._inner.get_parameters()

    def get_attributes(self) -> tuple[Attribute, ...]:
        """Its columns; none where no rows come."""
        return self._inner.get_attributes()

    def explain(self, *args: object, analyze: bool = False) -> Any:
        """The plan that the server has for it, as ``EXPLAIN (FORMAT JSON)`` tells; ``analyze`` runs it, and undoes what it did."""
        return self._driver.run(self._inner.explain(*args, analyze=analyze))

    def close(self) -> None:
        """Have the server forget a statement with a name of your own; one of the cache stays there."""
        self._driver.run(self._inner.close())


class Pending(Generic[T]):
    """A statement of a pipeline: :meth:`result`, or :meth:`wait`, when the pipeline has run.

    It keeps the results of all statements that ran with it.
    """

    __slots__ = ("__weakref__", "_driver", "_inner")

    def __init__(self, driver: BlockingDriver, inner: pipeline.Pending[T]) -> None:
        self._driver = driver
        self._inner = inner

    def result(self) -> T:
        """What it gave.

        Raises:
            PostgresError: its error.
            InterfaceError: the pipeline has not run yet.
        """
        return self._inner.result()

    def exception(self) -> BaseException | None:
        """Its error, None if there is none."""
        return self._inner.exception()

    def wait(self) -> T:
        return self._driver.run(awaited(self._inner))


class Pipeline:
    """Statements gathered, and sent in one batch at the end of the block; made by :meth:`Connection.pipeline`.

    Each is a transaction of its own, unless one is open: an error in one does not touch the others. ``atomic`` makes them one.
    """

    __slots__ = ("__weakref__", "_driver", "_inner")

    def __init__(self, driver: BlockingDriver, inner: pipeline.Pipeline) -> None:
        self._driver = driver
        self._inner = inner

    def fetch(self, query: str, *args: object) -> Pending[list[Any]]:
        """All rows."""
        return Pending(self._driver, self._inner.fetch(query, *args))

    def fetchrow(self, query: str, *args: object) -> Pending[Any]:
        """The first row, or None."""
        return Pending(self._driver, self._inner.fetchrow(query, *args))

    def fetchval(self, query: str, *args: object, column: int | str = 0) -> Pending[Any]:
        """One value of the first row, or None."""
        return Pending(self._driver, self._inner.fetchval(query, *args, column=column))

    def execute(self, query: str, *args: object) -> Pending[str]:
        """The command tag of one statement."""
        return Pending(self._driver, self._inner.execute(query, *args))

    def flush(self) -> None:
        """Run what was gathered so far."""
        self._driver.run(self._inner.flush())

    def __enter__(self) -> Pipeline:
        self._driver.run(self._inner.__aenter__())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._driver.run(self._inner.__aexit__(kind, error, trace))


class CopyOut:
    """One ``COPY … TO STDOUT``: an iterator of bytes, one for each message. Use it once."""

    __slots__ = ("__weakref__", "_driver", "_inner")

    def __init__(self, driver: BlockingDriver, inner: copying.CopyOut) -> None:
        self._driver = driver
        self._inner = inner

    def __enter__(self) -> CopyOut:
        self._driver.run(self._inner.__aenter__())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._driver.run(self._inner.__aexit__(kind, error, trace))

    def __iter__(self) -> Iteration[bytes]:
        return Iteration(self._driver, self._inner.__aiter__())

    def read(self) -> bytes:
        """All of it."""
        return self._driver.run(self._inner.read())


class ArrowBatches:
    """Record batches of one statement, as they come: an iterator, to be used once.

    It gives at least one batch, perhaps an empty one: each knows the schema. Reading slowly slows the server down. The connection is in
    use until the last batch, or until the iteration is given up: leave ``with`` for that.
    """

    __slots__ = ("__weakref__", "_driver", "_inner")

    def __init__(self, driver: BlockingDriver, inner: arrow.ArrowBatches) -> None:
        self._driver = driver
        self._inner = inner

    def __enter__(self) -> ArrowBatches:
        self._driver.run(self._inner.__aenter__())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._driver.run(self._inner.__aexit__(kind, error, trace))

    def __iter__(self) -> Iteration[ArrowBatch]:
        return Iteration(self._driver, self._inner.__aiter__())


class Notifications:
    """Notifications of some channels, one by one; made by :meth:`Connection.notifications`."""

    __slots__ = ("__weakref__", "_driver", "_inner")

    def __init__(self, driver: BlockingDriver, inner: notifications.Notifications) -> None:
        self._driver = driver
        self._inner = inner

    def __enter__(self) -> Notifications:
        self._driver.run(self._inner.__aenter__())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._driver.run(self._inner.__aexit__(kind, error, trace))

    def __iter__(self) -> Notifications:
        return self

    def __next__(self) -> Notification:
        try:
            return self._driver.run(self._inner.__anext__())
        except StopAsyncIteration:
            raise StopIteration from None

    def get(self, *, timeout: float | None = None) -> Notification:
        """The next one.

        Args:
            timeout: in seconds; None is no limit.

        Raises:
            TimeoutError: none came in time.
            InterfaceError: more came than may wait: some are lost.
            ConnectionLost: the connection is closed.
        """
        return self._driver.run(self._inner.get(timeout=timeout))


class Pool:
    """Connections that are lent. Made by :func:`create_pool`."""

    __slots__ = ("__weakref__", "_driver", "_inner")

    def __init__(self, driver: ThreadsDriver, inner: pool.Pool) -> None:
        self._driver = driver
        self._inner = inner

    def open(self) -> Pool:
        """Open ``min_size`` connections."""
        return Pool(self._driver, self._driver.run(self._inner.open()))

    def close(self, *, timeout: float | None = None) -> None:
        """Wait until every connection is back, and close them; those that wait for one are turned away."""
        self._driver.run(self._inner.close(timeout=timeout))

    def terminate(self) -> None:
        """Close every connection at once."""
        self._driver.do(self._inner.terminate)

    def wait(self) -> Pool:
        return Pool(self._driver, self._driver.run(awaited(self._inner)))

    def __enter__(self) -> Pool:
        self._driver.run(self._inner.__aenter__())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._driver.run(self._inner.__aexit__(kind, error, trace))

    def acquire(self, *, timeout: float | None = None) -> Lease:
        """A connection: ``with pool.acquire() as connection``, or ``wait()`` for it and :meth:`release` it."""
        return Lease(self._driver, self._inner.acquire(timeout=timeout))

    def release(self, connection: Connection, *, timeout: float | None = None) -> None:
        """Give a connection back; it is reset, or closed where that fails."""
        self._driver.run(self._inner.release(connection._inner, timeout=timeout))

    def stats(self) -> PoolStats:
        """How the pool is doing."""
        return self._driver.call(self._inner.stats)

    def get_size(self) -> int:
        """Connections, those being opened too."""
        return self._driver.call(self._inner.get_size)

    def get_idle_size(self) -> int:
        """Connections that nobody uses."""
        return self._driver.call(self._inner.get_idle_size)

    def get_min_size(self) -> int:
        """As given."""
        return self._driver.call(self._inner.get_min_size)

    def get_max_size(self) -> int:
        """As given."""
        return self._driver.call(self._inner.get_max_size)

    def fetch(self, query: str, *args: object, timeout: float | None = None) -> list[Any]:
        """:meth:`Connection.fetch` on any connection."""
        return self._driver.run(self._inner.fetch(query, *args, timeout=timeout))

    def fetchrow(self, query: str, *args: object, timeout: float | None = None) -> Any:
        """:meth:`Connection.fetchrow` on any connection."""
        return self._driver.run(self._inner.fetchrow(query, *args, timeout=timeout))

    def fetchval(self, query: str, *args: object, column: int | str = 0, timeout: float | None = None) -> Any:
        """:meth:`Connection.fetchval` on any connection."""
        return self._driver.run(self._inner.fetchval(query, *args, column=column, timeout=timeout))

    def fetch_arrow(
        self, query: str, *args: object, max_rows: int = 65536, max_bytes: int = 16777216, timeout: float | None = None
    ) -> ArrowTable:
        """:meth:`Connection.fetch_arrow` on any connection."""
        return self._driver.run(
            self._inner.fetch_arrow(query, *args, max_rows=max_rows, max_bytes=max_bytes, timeout=timeout)
        )

    def write_arrow(
        self,
        table_name: str,
        source: object,
        *,
        columns: Sequence[str] | None = None,
        schema_name: str | None = None,
        timeout: float | None = None,
    ) -> int:
        """:meth:`Connection.write_arrow` on any connection."""
        return self._driver.run(
            self._inner.write_arrow(table_name, source, columns=columns, schema_name=schema_name, timeout=timeout)
        )

    def execute(self, query: str, *args: object, timeout: float | None = None) -> str:
        """:meth:`Connection.execute` on any connection."""
        return self._driver.run(self._inner.execute(query, *args, timeout=timeout))

    def executemany(self, command: str, args: Sequence[Sequence[object]], *, timeout: float | None = None) -> None:
        """:meth:`Connection.executemany` on any connection."""
        self._driver.run(self._inner.executemany(command, args, timeout=timeout))


class Lease:
    """A connection that is asked for."""

    __slots__ = ("__weakref__", "_driver", "_inner")

    def __init__(self, driver: ThreadsDriver, inner: pool.Lease) -> None:
        self._driver = driver
        self._inner = inner

    def wait(self) -> Connection:
        return facade(Connection, self._driver.run(awaited(self._inner)))

    def __enter__(self) -> Connection:
        return facade(Connection, self._driver.run(self._inner.__aenter__()))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._driver.run(self._inner.__aexit__(kind, error, trace))
