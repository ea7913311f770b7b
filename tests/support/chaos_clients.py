"""The drivers that a chaos run is made with, behind one face: psycopg, asyncpg, pgwire_py's own client."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import socket
import struct
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from typing import Any, Final
from urllib.parse import urlsplit

import asyncpg
import psycopg

import pgwire_py as pg

COPY: Final = "copy ledger (grp, n, amount, note) from stdin"
TABLE: Final = "ledger"
COLUMNS: Final = ("grp", "n", "amount", "note")
STATEMENT_TIMEOUT: Final = "60s"
"""What ends a statement whose cancel request was lost: that is a fault."""
CONNECT_TIMEOUT: Final = 120

Entry = tuple[int, int, int, str]
"""A row of the ledger: number of its transaction, number within, amount, note."""


class Client(ABC):
    """One session of a driver."""

    @classmethod
    @abstractmethod
    async def connect(cls, uri: str) -> Client:
        """Log in."""

    @abstractmethod
    async def rows(self, sql: str, *arguments: object) -> list[tuple[Any, ...]]:
        """Run one statement; ``$n`` stands for an argument."""

    @abstractmethod
    async def interrupted(self, sql: str, delay: float) -> str | None:
        """Run a statement and cancel it after ``delay`` seconds: its SQLSTATE; None where it ended before."""

    @abstractmethod
    async def copy_in(self, entries: list[Entry], *, fail: bool = False) -> None:
        """COPY into the ledger; with ``fail`` the client gives up in the middle."""

    @abstractmethod
    async def copy_out(self, statement: str) -> int:
        """COPY to the client: how many bytes came."""

    @abstractmethod
    async def close(self) -> None:
        """Say good-bye."""

    @abstractmethod
    def vanish(self, *, reset: bool) -> None:
        """Be gone, without a word."""


def sqlstate_of(error: BaseException) -> str | None:
    """The SQLSTATE of a server's answer, as any driver's exception has it; None where the server has not answered."""
    code = getattr(error, "sqlstate", None)
    return code if isinstance(code, str) and not code.startswith("08") else None  # 08003 is asyncpg's own


def cut(connection: socket.socket, *, reset: bool) -> None:
    """End a connection with FIN or RST, whatever is on its way."""
    with contextlib.suppress(OSError):
        if reset:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        else:
            connection.shutdown(socket.SHUT_RDWR)


class GivenUp(Exception):
    """What a client raises within its own COPY."""


class Asyncpg(Client):
    def __init__(self, connection: Any) -> None:
        self._connection = connection

    @classmethod
    async def connect(cls, uri: str) -> Client:
        settings = {"statement_timeout": STATEMENT_TIMEOUT}
        return cls(await asyncpg.connect(uri, ssl=False, server_settings=settings, timeout=CONNECT_TIMEOUT))

    async def rows(self, sql: str, *arguments: object) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in await self._connection.fetch(sql, *arguments)]

    async def interrupted(self, sql: str, delay: float) -> str | None:
        try:
            await self._connection.fetch(sql, timeout=delay)
        except (asyncio.TimeoutError, TimeoutError):
            return "57014"
        return None

    async def copy_in(self, entries: list[Entry], *, fail: bool = False) -> None:
        async def records() -> AsyncIterator[Entry]:
            for entry in entries:
                yield entry
            if fail:
                raise GivenUp

        await self._connection.copy_records_to_table(TABLE, records=records(), columns=COLUMNS)

    async def copy_out(self, statement: str) -> int:
        size = 0

        async def take(data: bytes) -> None:
            nonlocal size
            size += len(data)

        query = statement.removeprefix("copy (").removesuffix(") to stdout")
        await self._connection.copy_from_query(query, output=take)
        return size

    async def close(self) -> None:
        await self._connection.close(timeout=CONNECT_TIMEOUT)

    def vanish(self, *, reset: bool) -> None:
        transport = self._connection._transport
        if transport is not None and not transport.is_closing():
            cut_transport(transport, reset=reset)
        self._connection.terminate()


class Own(Client):
    def __init__(self, connection: pg.Connection) -> None:
        self._connection = connection

    @classmethod
    async def connect(cls, uri: str) -> Client:
        settings = {"statement_timeout": STATEMENT_TIMEOUT}
        return cls(await pg.connect(uri, sslmode="disable", server_settings=settings, timeout=CONNECT_TIMEOUT))

    async def rows(self, sql: str, *arguments: object) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in await self._connection.fetch(sql, *arguments)]

    async def interrupted(self, sql: str, delay: float) -> str | None:
        try:
            await self._connection.fetch(sql, timeout=delay)
        except (asyncio.TimeoutError, TimeoutError):
            return "57014"
        return None

    async def copy_in(self, entries: list[Entry], *, fail: bool = False) -> None:
        async def pieces() -> AsyncIterator[bytes]:
            for entry in entries:
                yield "\t".join(map(str, entry)).encode() + b"\n"
            if fail:
                raise GivenUp

        await self._connection.copy_in(COPY, pieces())

    async def copy_out(self, statement: str) -> int:
        async with self._connection.copy_out(statement) as pieces:
            return sum([len(piece) async for piece in pieces])

    async def close(self) -> None:
        await self._connection.close(timeout=CONNECT_TIMEOUT)

    def vanish(self, *, reset: bool) -> None:
        self._connection.terminate()


class Psycopg(Client):
    def __init__(self, connection: psycopg.AsyncConnection[Any]) -> None:
        self._connection = connection

    @classmethod
    async def connect(cls, uri: str) -> Client:
        address = urlsplit(uri)
        assert address.hostname is not None  # with hostaddr it is not looked up
        connection = await psycopg.AsyncConnection.connect(
            uri,
            hostaddr=address.hostname,
            sslmode="disable",
            autocommit=True,
            connect_timeout=CONNECT_TIMEOUT,
            options=f"-c statement_timeout={STATEMENT_TIMEOUT}",
        )
        return cls(connection)

    async def rows(self, sql: str, *arguments: object) -> list[tuple[Any, ...]]:
        cursor = await self._connection.execute(re.sub(r"\$\d+", "%s", sql), arguments or None)
        return await cursor.fetchall() if cursor.description else []

    async def interrupted(self, sql: str, delay: float) -> str | None:
        running = asyncio.ensure_future(self._connection.execute(sql))
        try:
            done, _ = await asyncio.wait([running], timeout=delay)
            while not done:  # a request that comes before the statement does cancels nothing
                await self._connection.cancel_safe(timeout=CONNECT_TIMEOUT)
                done, _ = await asyncio.wait([running], timeout=1.0)
            await running
        except psycopg.errors.QueryCanceled:
            return "57014"
        finally:
            running.cancel()
        return None

    async def copy_in(self, entries: list[Entry], *, fail: bool = False) -> None:
        async with self._connection.cursor().copy(COPY) as copy:
            for entry in entries:
                await copy.write_row(entry)
            if fail:
                raise GivenUp

    async def copy_out(self, statement: str) -> int:
        async with self._connection.cursor().copy(statement) as copy:
            return sum([len(piece) async for piece in copy])

    async def close(self) -> None:
        await self._connection.close()

    def vanish(self, *, reset: bool) -> None:
        if not self._connection.closed:
            with socket.socket(fileno=os.dup(self._connection.fileno())) as connection:
                cut(connection, reset=False)  # libpq's own descriptor is closed later: its RST would come late


def cut_transport(transport: asyncio.WriteTransport, *, reset: bool) -> None:
    """:func:`cut` for a transport, which is closed too."""
    connection = transport.get_extra_info("socket")
    if connection is not None and reset:
        with contextlib.suppress(OSError):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


DRIVERS: Final[tuple[type[Client], ...]] = (Psycopg, Asyncpg, Own)
