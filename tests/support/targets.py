"""The servers that the same test bodies run against: PostgreSQL as the referee, and ours with each engine."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from . import DUCKDB, IMPLEMENTATIONS, WHEEL
from .postgres import Programs, running_cluster
from .raw import RawClient
from .servers import ServerProcess, running_server, serve_command

REFEREE = "postgres"
OURS = ("sqlite", "duckdb") if DUCKDB else ("sqlite",)
OURS_PURE = () if WHEEL else tuple(f"{name}-pure" for name in OURS)


@dataclass(frozen=True)
class Target:
    """Where a server listens, who to log in as, and what it can do."""

    name: str
    host: str
    port: int
    user: str
    dbname: str
    output: Callable[[], str]
    process_id: int

    @property
    def engine(self) -> str:
        """``postgres``, ``sqlite`` or ``duckdb``, whichever the implementation."""
        return self.name.partition("-")[0]

    @property
    def ours(self) -> bool:
        return self.engine != REFEREE

    @property
    def dsn(self) -> str:
        return f"host={self.host} port={self.port} user={self.user} dbname={self.dbname} sslmode=disable"

    def url(self, driver: str = "postgresql") -> str:
        return f"{driver}://{self.user}@{self.host}:{self.port}/{self.dbname}"

    @property
    def asyncpg(self) -> dict[str, object]:
        """Keyword arguments of ``asyncpg.connect`` and ``create_pool``."""
        address = {"host": self.host, "port": self.port, "user": self.user, "database": self.dbname}
        return {**address, "ssl": False}

    def raw(self, **parameters: str) -> RawClient:
        """A raw client that has logged in."""
        client = self.connect()
        client.login(self.user, self.dbname, **parameters)
        return client

    def connect(self) -> RawClient:
        """A raw client that has sent nothing yet."""
        return RawClient(self.host, self.port)


class Targets:
    """Starts each server when a test first asks for it, and stops them all at the end of the session."""

    def __init__(self, directory: Path, programs: Programs) -> None:
        self._directory = directory
        self._programs = programs
        self._started: dict[str, Target] = {}
        self._stack = ExitStack()

    def get(self, name: str, command: Sequence[str] | None = None) -> Target:
        """The server of this name: an engine, and ``-pure`` behind it for the other implementation.

        Args:
            command: starts the server where it is none of PostgreSQL, SQLite and DuckDB.
        """
        if name not in self._started:
            self._started[name] = self._serve(name, command) if command else self._start(name)
        return self._started[name]

    def _start(self, name: str) -> Target:
        if name == REFEREE:
            cluster = self._stack.enter_context(running_cluster(self._programs))
            return Target(
                name, cluster.host, cluster.port, cluster.user, cluster.dbname, lambda: cluster.log, cluster.process.pid
            )
        engine = name.partition("-")[0]
        source = self._directory / f"{name}.{engine}"
        make_database(source)
        return self._serve(name, serve_command(source))

    def _serve(self, name: str, command: Sequence[str]) -> Target:
        implementation = "pure" if name.endswith("-pure") else IMPLEMENTATIONS[0]
        server: ServerProcess = self._stack.enter_context(running_server(command, implementation=implementation))
        return Target(name, server.host, server.port, "tester", "test", lambda: server.output, server.process.pid)

    def close(self) -> None:
        self._stack.close()


def make_database(file: Path) -> None:
    """An empty database, SQLite's or DuckDB's by the suffix."""
    if file.suffix == ".sqlite":
        sqlite3.connect(file).close()
    else:
        import duckdb

        duckdb.connect(str(file)).close()
