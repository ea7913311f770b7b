"""A server in a process of its own that tells what it holds: tasks, threads, descriptors, memory.

``python -m tests.support.watched_server ENGINE [FILE]`` with ENGINE ``sqlite``, ``duckdb`` or ``function`` prints the URI, then the port
on which every connection is answered with one line of JSON (:class:`Held`). ``--option name=value`` goes to ``Server``, ``--descriptors N``
raises the limit of open files, or says that it cannot be.
"""

from __future__ import annotations

import argparse
import asyncio
import ctypes
import gc
import json
import resource
import socket
import sys
import threading
import traceback
from typing import Any, Final, NamedTuple

import psutil

import pgwire_py as pg

DUCKDB: Final = {
    "memory_limit": "256MiB",
    "allocator_flush_threshold": "1MiB",
    "allocator_bulk_deallocation_flush_threshold": "1MiB",
    "allocator_background_threads": True,
}
"""Of DuckDB's own caches, that hold hundreds of megabytes at times, little is left in what is measured."""


SHOWN: Final = 20
"""Sessions, and threads, of which more is told than their number."""


class Held(NamedTuple):
    """What a server holds at one moment.

    Attributes:
        sessions: logged-in sessions.
        connections: connections, logged in or not.
        tasks: asyncio tasks.
        session_threads: threads that belong to sessions.
        threads: all threads of the process, those of engines too.
        descriptors: open files and sockets.
        objects: Python objects that the garbage collector knows.
        memory: bytes that belong to the process alone.
        left: of each session and each thread of one, what it is about.
    """

    sessions: int
    connections: int
    tasks: int
    session_threads: int
    threads: int
    descriptors: int
    objects: int
    memory: int
    left: list[str]


def ask(port: int) -> Held:
    """What the server holds now; the connection that asks is not counted."""
    with socket.create_connection(("127.0.0.1", port), 60) as connection, connection.makefile() as lines:
        return Held(**json.loads(lines.readline()))


def raise_descriptors(wanted: int) -> None:
    """Raise the limit of open files of this process.

    Raises:
        SystemExit: the system does not allow it.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, max(wanted, hard)))
        except (OSError, ValueError) as error:
            raise SystemExit(
                f"{wanted} open files are needed, and this process may have {soft} (hard limit {hard}): {error}"
            ) from None


def _held(server: pg.Server) -> Held:
    if not server.sessions:  # what is kept for those that come is bounded, and not what is left of those that went
        server._plan_caches.clear()
        server.start_values.clear()
    gc.collect()
    if sys.platform == "linux":
        ctypes.CDLL(None).malloc_trim(0)  # what is free is not held
    process = psutil.Process()
    return Held(
        sessions=len(server.sessions),
        connections=len(server._protocols),
        tasks=len(asyncio.all_tasks()),
        session_threads=sum(thread.name.startswith("pgwire-session") for thread in threading.enumerate()),
        threads=process.num_threads(),
        descriptors=process.num_fds() - 1,  # without the connection that asks
        objects=len(gc.get_objects()),
        memory=process.memory_full_info().uss,
        left=[*map(_about, list(server.sessions.values())[:SHOWN]), *_stacks()[:SHOWN]],
    )


def _about(session: pg.Session) -> str:
    protocol = session._protocol
    parts = f"running={session.running} cancel_requested={session.cancel_requested} paused={protocol.paused} eof={protocol._eof}"
    waits = protocol._runner.suspended
    return (
        f"{session!r} {session.connection.phase} {parts} waits for {waits and waits[1]!r}: {session.activity.query!r}"
    )


def _stacks() -> list[str]:
    frames = sys._current_frames()
    return [
        f"{thread.name}: {''.join(traceback.format_stack(frames[thread.ident]))}"
        for thread in threading.enumerate()
        if thread.name.startswith("pgwire-session") and thread.ident in frames
    ]


def _engine(name: str, file: str | None) -> Any:
    if name == "sqlite":
        from pgwire_py.engines.sqlite import SqliteEngine

        assert file is not None
        return SqliteEngine(file)
    if name == "duckdb":
        import duckdb

        from pgwire_py.engines.duckdb import DuckDBEngine

        assert file is not None
        return DuckDBEngine(duckdb.connect(file, config=DUCKDB))

    async def answer(query: pg.Query) -> pg.Result:
        return pg.Result(columns=[pg.Column("word", pg.TEXT)], rows=[(query.sql,)])

    return answer


async def serve(engine: Any, options: dict[str, Any]) -> None:
    """Serve until killed."""

    class Answer(asyncio.Protocol):
        def connection_made(self, transport: Any) -> None:
            transport.write(json.dumps(_held(server)._asdict()).encode() + b"\n")
            transport.close()

    async with pg.Server(engine, port=0, **options) as server:
        control = await server.loop.create_server(Answer, "127.0.0.1", 0)
        print(f"postgresql://tester@127.0.0.1:{server.port}/test control={control.sockets[0].getsockname()[1]}")
        await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("engine", choices=["sqlite", "duckdb", "function"])
    parser.add_argument("file", nargs="?")
    parser.add_argument("--option", action="append", default=[])
    parser.add_argument("--descriptors", type=int, default=0)
    parser.add_argument("--loop", choices=["asyncio", "uvloop"], default="asyncio")
    arguments = parser.parse_args()
    raise_descriptors(arguments.descriptors)
    options = {name: json.loads(value) for name, _, value in (option.partition("=") for option in arguments.option)}
    engine = _engine(arguments.engine, arguments.file)
    if arguments.loop == "uvloop":
        import uvloop

        loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    else:
        loop = asyncio.new_event_loop()
    loop.run_until_complete(serve(engine, options))


if __name__ == "__main__":
    main()
