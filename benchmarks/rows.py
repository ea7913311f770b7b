"""The types part: 10,000 mixed rows to bytes and back, beside asyncpg and psycopg's C, in this process and in turns.

Each side is called where it does that work and nothing else; what counts is the processor time of the thread that calls:

- psycopg: ``format_row_binary`` and ``format_row_text`` for each row, which is what ``Copy.write_row`` calls. To decode is to ``execute``
  and ``fetchall``, which libpq's reading of the messages is part of, on a connection to a server on a thread of this process; the time of
  the same bytes read from a bare socket is taken off. ``load_rows`` alone, of a result that libpq has read, is shown beside it.
- asyncpg has no such functions. Its real protocol object talks to a transport that keeps nothing and is handed the answers of a server:
  ``copy_in`` with records is what ``copy_records_to_table`` calls, ``bind_execute`` what ``fetch`` calls. The task and the event loop are
  not there. Cutting the stream into messages is in asyncpg's figure, and in ours.
"""

from __future__ import annotations

import asyncio
import gc
import socket
import statistics
import threading
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from pgwire_py import Column, Result, Server, _native, oids
from pgwire_py import messages as m
from pgwire_py.copy import CopyOptions

from .data import make_mixed_rows
from .errors import BenchmarkError

COUNT = 10_000
TURNS = 9
WHOLE = 1 << 30
TYPES = [oids.INT4, oids.INT8, oids.FLOAT8, oids.TEXT, oids.TIMESTAMPTZ, oids.BOOL, oids.NUMERIC]
NAMES = list("abcdefg")
BINARY, TEXT = 1, 0
TO_BINARY, TO_TEXT = "encode to binary COPY", "encode to text COPY"
TO_TUPLES, TO_RECORDS = "decode binary to tuples", "decode binary to records"
LOADED = "psycopg C without libpq"
BARE = "the bytes alone"


@dataclass(frozen=True)
class RowsOutcome:
    """Microseconds of processor time per row, medians of the turns: ours, and each peer's."""

    name: str
    ours_us: float
    peers_us: dict[str, float]

    @property
    def ratio(self) -> float:
        """The better peer's time ÷ ours: how many times as many rows in the same time."""
        return min(taken for who, taken in self.peers_us.items() if who != LOADED) / self.ours_us


Calls = dict[str, Callable[[], object]]


def measure_rows(seconds: float) -> list[RowsOutcome]:
    """Every workload, ours and the peers' calls in turns, ``seconds`` for each call in all.

    Raises:
        BenchmarkError: a peer is missing, or did not read the rows that were written.
    """
    rows = make_mixed_rows(COUNT)
    with LocalServer(rows) as port:
        return [measure_calls(name, calls, seconds) for name, calls in row_workloads(rows, port).items()]


def measure_calls(name: str, calls: Calls, seconds: float) -> RowsOutcome:
    """The calls of one workload in turns."""
    times: dict[str, list[float]] = {who: [] for who in calls}
    for call in calls.values():
        call()
    for _ in range(TURNS):
        for who, call in calls.items():
            times[who].append(cpu_seconds(call, seconds / TURNS))
    found = {who: statistics.median(taken) / COUNT * 1e6 for who, taken in times.items()}
    if BARE in found:
        found["psycopg C"] -= found.pop(BARE)
    return RowsOutcome(name, found.pop("ours"), found)


def cpu_seconds(call: Callable[[], object], seconds: float) -> float:
    """Processor time of one call, the mean of as many as fit; what the call before left to the collector is collected first."""
    gc.collect()
    start = time.thread_time()
    calls = 0
    while calls == 0 or time.thread_time() - start < seconds:
        call()
        calls += 1
    return (time.thread_time() - start) / calls


def row_workloads(rows: list[Any], port: int) -> dict[str, Calls]:
    """The calls to time, by workload and by whose they are; a server on that port answers every query with the rows."""
    try:
        postgres, libpq = Asyncpg(rows), Psycopg(rows, port)
    except ImportError as error:
        raise BenchmarkError(f"types: a peer is missing: {error}") from error
    copy_text = _native.CopyEncoder(CopyOptions("text").plan(NAMES, "TO", types=TYPES))
    copy_binary = _native.CopyEncoder(CopyOptions("binary").plan(NAMES, "TO", types=TYPES))
    copy_binary.encode([], 0, WHOLE)
    tuples, records = (_native.RowDecoder(TYPES, [BINARY], names) for names in (None, NAMES))
    data = data_rows(rows)
    copied = _native.RowDecoder(TYPES, layout="copy")  # not by their bytes: a numeric may have zeros at its ends
    expect("our COPY", copied.decode(copy_binary.encode(rows, 0, WHOLE)[0]), rows)
    expect("asyncpg's COPY", copied.decode(postgres.copied()), rows)
    expect("psycopg's binary COPY", copied.decode(libpq.copied(BINARY)), rows)
    expect("psycopg's text COPY", read_text(libpq.copied(TEXT)), rows)
    expect("asyncpg's records", list(map(tuple, postgres.fetch())), rows)
    expect("psycopg's tuples", libpq.fetch(), rows)
    expect("our tuples", tuples.decode(data), rows)
    bare = BareSocket(port, len(data))
    theirs: Calls = {"asyncpg": postgres.fetch, "psycopg C": libpq.fetch, LOADED: libpq.load, BARE: bare.fetch}
    return {
        TO_BINARY: {
            "ours": lambda: copy_binary.encode(rows, 0, WHOLE),
            "asyncpg": postgres.copy,
            "psycopg C": lambda: libpq.copy(BINARY),
        },
        TO_TEXT: {
            "ours": lambda: copy_text.encode(rows, 0, WHOLE),
            "psycopg C": lambda: libpq.copy(TEXT),
        },
        TO_TUPLES: {"ours": lambda: tuples.decode(data), **theirs},
        TO_RECORDS: {"ours": lambda: records.decode(data), **theirs},
    }


def expect(what: str, found: object, wanted: object) -> None:
    """BenchmarkError where they are not equal: nobody is timed doing other work."""
    if found != wanted:
        raise BenchmarkError(f"types: {what} differ")


def read_text(data: bytes) -> list[Any]:
    """The rows of COPY text."""
    decoder = _native.CopyDecoder(CopyOptions("text").plan(NAMES, "FROM", types=TYPES))
    return [*decoder.feed(data), *decoder.finish()]


def data_rows(rows: Sequence[Sequence[object]]) -> bytes:
    """The rows as DataRow messages in binary format."""
    return bytes(_native.RowEncoder(TYPES, [BINARY]).encode(rows, 0, WHOLE)[0])


def message(*messages: object) -> bytes:
    """Messages of a server."""
    return b"".join(map(_native.encode_message, messages))


DESCRIPTION = m.RowDescription(
    tuple(m.FieldDescription(name, 0, 0, oid, -1, -1, BINARY) for name, oid in zip(NAMES, TYPES, strict=True))
)
READY = message(m.ReadyForQuery("I"))


class Asyncpg:
    """asyncpg's protocol object on a transport of its own, logged in, with the statement prepared."""

    def __init__(self, rows: list[Any]) -> None:
        from asyncpg import Record
        from asyncpg.connect_utils import _ConnectionParameters
        from asyncpg.protocol.protocol import Protocol

        self.rows = rows
        self.transport = Transport()
        parameters = _ConnectionParameters("bench", None, "bench", None, *[None] * 6)._replace(server_settings={})
        self.loop = asyncio.new_event_loop()
        self.protocol = Protocol(("127.0.0.1", 1), self.loop.create_future(), parameters, Record, self.loop)
        self.connection = Settings()
        self.protocol.set_connection(self.connection)
        self.protocol.connection_made(self.transport)
        settings = [m.ParameterStatus("client_encoding", "UTF8"), m.ParameterStatus("TimeZone", "UTC")]
        self.protocol.data_received(message(m.AuthenticationOk(), *settings, m.BackendKeyData(1, b"\0\0\0\1")) + READY)
        described = message(m.ParseComplete(), m.ParameterDescription(()), DESCRIPTION)
        self.statement = self.run(self.protocol.prepare("s", "select", None, record_class=Record), described)
        self.statement._init_types()
        bound = message(m.BindComplete())
        self.answer = bound + data_rows(rows) + message(m.CommandComplete(f"SELECT {len(rows)}")) + READY

    def run(self, work: Coroutine[Any, Any, Any], *answers: bytes) -> Any:
        """Run asyncpg's coroutine to its end; each time it waits, a server's answer comes."""
        for answer in answers:
            work.send(None)
            self.protocol.data_received(answer)
            self.loop.call_soon(self.loop.stop)
            self.loop.run_forever()  # what the answer has scheduled
        try:
            work.send(None)
        except StopIteration as ended:
            return ended.value
        raise BenchmarkError("types: asyncpg waits for more")

    def fetch(self) -> Any:
        """The rows, read."""
        return self.run(self.protocol.bind_execute(self.statement, (), "", 0, False, None), self.answer)

    def copy(self) -> None:
        """The rows, written. asyncpg writes them without waiting for CopyInResponse, which comes with the end."""
        answer = message(m.CopyInResponse(1, (1,) * len(TYPES)), m.CommandComplete(f"COPY {COUNT}")) + READY
        self.run(self.protocol.copy_in("copy", None, None, self.rows, self.statement, None), answer)

    def copied(self) -> bytes:
        """What is written for the rows, without header and trailer."""
        self.transport.kept = []
        self.copy()
        data, self.transport.kept = b"".join(self.transport.kept), None
        decoder = _native.FrameDecoder(max_message_length=WHOLE)
        payload = b"".join(bytes(body) for tag, body in decoder.feed(data) if tag == "d")
        return payload[19:-2]


class Settings:
    """What the protocol object asks its connection for: no timeout."""

    def __init__(self) -> None:
        self._config = SimpleNamespace(command_timeout=None)


class Transport:
    """Takes what is written, and keeps it where it is asked to."""

    kept: list[bytes] | None = None

    def write(self, data: bytes) -> None:
        if self.kept is not None:
            self.kept.append(bytes(data))

    def get_extra_info(self, name: str) -> None:
        """No socket, no TLS."""

    def abort(self) -> None:
        """Nothing to end."""


class Psycopg:
    """psycopg's C functions, and a result that libpq has read."""

    def __init__(self, rows: list[Any], port: int) -> None:
        import psycopg
        from psycopg_binary import _psycopg as c

        self.c, self.rows = c, rows
        where = f"host=127.0.0.1 port={port} user=bench dbname=bench sslmode=disable"
        self.connection = psycopg.connect(where, autocommit=True)
        self.cursor = self.connection.cursor(binary=True)
        self.reader = c.Transformer(self.connection)
        self.reader.set_pgresult(self.cursor.execute("select").pgresult)

    def fetch(self) -> Any:
        """The rows, asked for and read."""
        return self.cursor.execute("select").fetchall()

    def load(self) -> Any:
        """The rows of a result that libpq has read."""
        return self.reader.load_rows(0, COUNT, tuple)

    def copied(self, code: int) -> bytes:
        """What is written for the rows."""
        out = bytearray()
        transformer = self.c.Transformer(self.connection)
        if code == BINARY:
            transformer.set_dumper_types(TYPES, BINARY)
        write = self.c.format_row_binary if code == BINARY else self.c.format_row_text
        for row in self.rows:
            write(row, transformer, out)
        return bytes(out)

    copy = copied


class BareSocket:
    """Asks for the rows and reads their bytes, as many at a time as libpq reads at first, without a look at them."""

    def __init__(self, port: int, size: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.size, self.room = size, bytearray(16_384)
        self.socket.sendall(message(m.StartupMessage(parameters={"user": "bench"})))
        self._until_ready()
        parts = m.Parse("", "select"), m.Bind(result_formats=(BINARY,)), m.Describe("P"), m.Execute(), m.Sync()
        self.query = message(*parts)

    def fetch(self) -> None:
        """One query."""
        self.socket.sendall(self.query)
        if self._until_ready() < self.size:
            raise BenchmarkError("types: the server did not send the rows")

    def _until_ready(self) -> int:
        size, room = 0, memoryview(self.room)
        while True:
            got = self.socket.recv_into(room)
            size += got
            if not got or bytes(room[max(got - 6, 0) : got]) == READY:
                return size


class LocalServer:
    """A server of this package on a thread, whose only answer is these rows."""

    def __init__(self, rows: list[Any]) -> None:
        columns = [Column(name, oid) for name, oid in zip(NAMES, TYPES, strict=True)]
        self.server = Server(lambda query: Result(columns=columns, rows=rows), host="127.0.0.1", port=0)
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)

    def __enter__(self) -> int:
        self.thread.start()
        asyncio.run_coroutine_threadsafe(self.server.start(), self.loop).result(30)
        return self.server.port

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self.server.close(), self.loop).result(30)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(30)
        self.loop.close()
