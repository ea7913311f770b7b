"""COPY of more data than the server may take memory for, in and out, with SQLite and DuckDB."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import psycopg
import pytest

from tests.support import DUCKDB
from tests.support.servers import ServerProcess, running_server

SERVE = """
import asyncio, sys
import pgwire_py as pg

def engine():
    if sys.argv[1] == "sqlite":
        from pgwire_py.engines.sqlite import SqliteEngine
        return SqliteEngine(sys.argv[2])
    import duckdb
    from pgwire_py.engines.duckdb import DuckDBEngine
    return DuckDBEngine(duckdb.connect(sys.argv[2], config={"memory_limit": "32MB"}))

async def main():
    async with pg.Server(engine(), port=0) as server:
        print(f"postgresql://127.0.0.1:{server.port}/copied", flush=True)
        await server.serve_forever()

asyncio.run(main())
"""
MEGABYTE = 1024 * 1024
ROWS, WIDTH = 200_000, 500
BATCH = 1_000
ALLOWED = {"sqlite": 40 * MEGABYTE, "duckdb": (32 + 40) * MEGABYTE}
"""By which the server's process may grow: DuckDB keeps what is not committed in its own memory, up to its limit."""


@pytest.fixture(scope="module", params=["sqlite", *(["duckdb"] if DUCKDB else [])])
def kind(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


@pytest.fixture(scope="module")
def server(kind: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server of its own, that has copied a little already."""
    path: Path = tmp_path_factory.mktemp("copied") / f"data.{kind}"
    with running_server([sys.executable, "-c", SERVE, kind, str(path)]) as running:
        with connect(running) as connection:
            connection.execute("create table t (n bigint, word text)")
        copy_in(running, 5 * BATCH)
        copy_out(running)
        yield running


def connect(server: ServerProcess) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(host=server.host, port=server.port, user="postgres", dbname="copied", autocommit=True)


def copy_in(server: ServerProcess, rows: int) -> None:
    piece = b"".join(b"%d\t%s\n" % (n, b"x" * WIDTH) for n in range(BATCH))
    with connect(server) as connection, connection.cursor() as cursor:
        with cursor.copy("copy t from stdin") as copy:
            for _ in range(rows // BATCH):
                copy.write(piece)
        assert cursor.rowcount == rows


def copy_out(server: ServerProcess) -> int:
    with connect(server) as connection, connection.cursor().copy("copy t to stdout") as copy:
        return sum(len(piece) for piece in copy)


@contextmanager
def bounded(server: ServerProcess, allowed: int) -> Iterator[None]:
    """The server's process does not grow by more than that meanwhile."""
    process = psutil.Process(server.process.pid)
    before = most = process.memory_info().rss
    done = threading.Event()

    def watch() -> None:
        nonlocal most
        while not done.wait(0.02):
            most = max(most, process.memory_info().rss)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
    assert (most - before) // MEGABYTE <= allowed // MEGABYTE


def test_in_and_out(server: ServerProcess, kind: str) -> None:
    with bounded(server, ALLOWED[kind]):
        copy_in(server, ROWS)
    with bounded(server, ALLOWED[kind]):
        assert copy_out(server) > ROWS * WIDTH
