"""Transactions and savepoints."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final

from ..errors import DeadlockDetected, PostgresError, QueryCanceled, SerializationFailure
from .errors import InterfaceError

if TYPE_CHECKING:
    from .connection import Connection

__all__ = ["Transaction", "retrying"]

_ISOLATION: Final = ("read_committed", "read_uncommitted", "repeatable_read", "serializable")


class Transaction:
    """A transaction, or a savepoint where one is open; made by :meth:`Connection.transaction`."""

    def __init__(
        self, connection: Connection, isolation: str | None, readonly: bool | None, deferrable: bool | None
    ) -> None:
        if isolation is not None and isolation not in _ISOLATION:
            raise ValueError(f"isolation is one of {', '.join(_ISOLATION)}, not {isolation!r}")
        self._connection = connection
        self._isolation = isolation
        self._readonly = readonly
        self._deferrable = deferrable
        self._savepoint = ""
        self._state = "new"

    async def start(self) -> None:
        """Begin.

        Raises:
            InterfaceError: it was started before, or a nested one has options of its own.
        """
        if self._state != "new":
            raise InterfaceError(f"cannot start: the transaction is {self._state} already")
        connection = self._connection
        await connection._core.ready()
        options = self._options()
        if not connection.is_in_transaction():
            command = " ".join(["begin", *options])
        else:
            if options:
                raise InterfaceError("a nested transaction is a savepoint: it takes no options of its own")
            connection._core._count += 1
            self._savepoint = f"__pgwire_savepoint_{connection._core._count:x}"
            command = f"savepoint {self._savepoint}"
        core = connection._core
        core.undo = "" if self._savepoint else "rollback"
        try:
            await connection.execute(command)
        finally:
            core.undo = ""
        self._state = "started"

    def _options(self) -> list[str]:
        made = []
        if self._isolation is not None:
            made.append(f"isolation level {self._isolation.replace('_', ' ')}")
        if self._readonly is not None:
            made.append("read only" if self._readonly else "read write")
        if self._deferrable is not None:
            made.append("deferrable" if self._deferrable else "not deferrable")
        return [", ".join(made)] if made else []

    async def commit(self) -> None:
        """Keep what was done.

        Raises:
            InterfaceError: the transaction is not open, or had failed, and the server rolled it back.
            PostgresError: as for a deferred constraint.
        """
        tag = await self._end("release savepoint" if self._savepoint else "commit", "committed")
        if tag == "ROLLBACK":
            self._state = "rolled back"
            raise InterfaceError("the transaction had failed: it was rolled back, not committed")

    async def rollback(self) -> None:
        """Undo what was done."""
        await self._end("rollback to" if self._savepoint else "rollback", "rolled back")

    async def _end(self, command: str, state: str) -> str:
        if self._state != "started":
            raise InterfaceError(f"cannot end: the transaction is {self._state}")
        self._state = "failed"
        text = f"{command} {self._savepoint}".rstrip()
        core = self._connection._core
        # What is cancelled here leaves no transaction open, and no changes of a savepoint that was to be rolled back.
        core.undo = "rollback" if not self._savepoint else text if command.startswith("rollback") else ""
        try:
            tag = await self._connection.execute(text)
        except BaseException as error:
            if not isinstance(error, PostgresError) or isinstance(error, QueryCanceled):
                core.see_undone(core.undo)
            raise
        finally:
            core.undo = ""
        self._state = state
        return tag

    async def __aenter__(self) -> Transaction:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            await self.commit()
        elif not self._connection.is_closed():
            await self.rollback()

    def __repr__(self) -> str:
        return f"<Transaction {self._state}>"


async def retrying(
    connection: Connection,
    work: Callable[[Connection], Awaitable[Any]],
    attempts: int,
    options: Mapping[str, Any],
) -> Any:
    """Run ``work`` in a transaction until it does not fail by what another run may not fail by."""
    if connection.is_in_transaction():
        raise InterfaceError("retry() needs the whole transaction: one is open already")
    for attempt in range(attempts):
        try:
            async with connection.transaction(**{"isolation": "serializable", **options}):
                return await work(connection)
        except (SerializationFailure, DeadlockDetected):
            if attempt + 1 >= attempts:
                raise
        await connection._core.driver.sleep(random.random() * 0.01 * 2**attempt)
    raise ValueError("at least one attempt")
