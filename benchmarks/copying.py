"""COPY of a table of four columns in and out: a client that streams bytes made before, and the data."""

from __future__ import annotations

import contextlib
import functools
import time

from pgwire_py import FLOAT8, INT4, INT8, TEXT
from pgwire_py.copy import CopyEncoder, CopyOptions

from .clients import connect, is_ready, query_message
from .contenders import Contender
from .errors import BenchmarkError
from .measure import Sample, cpu_seconds

COPY_IN = "copy bench_copy from stdin"
COPY_OUT = "copy bench_copy to stdout"
BINARY = " (format binary)"

TYPES = {"a": INT4, "b": INT8, "c": FLOAT8, "d": TEXT}
CREATE = "create table bench_copy (a int4, b int8, c float8, d text)"
PIECE = 1 << 16
COPY_DONE = b"c\0\0\0\4"


@functools.cache
def messages(rows: int, binary: bool) -> bytes:
    """CopyData messages of 64 KiB with the table's data, and CopyDone."""
    encoder = CopyEncoder(list(TYPES), CopyOptions(format="binary" if binary else "text"), types=list(TYPES.values()))
    values = [(i, i * 7919 % 1_000_003, i * 0.37, f"text number {i}") for i in range(rows)]
    data = bytes(encoder.encode(values)) + encoder.finish()
    pieces = (data[at : at + PIECE] for at in range(0, len(data), PIECE))
    return b"".join(b"d" + (len(piece) + 4).to_bytes(4, "big") + piece for piece in pieces) + COPY_DONE


def prepare(port: int) -> None:
    """An empty table."""
    with contextlib.suppress(BenchmarkError):  # there may be none
        run(port, "drop table bench_copy")
    run(port, CREATE)


def run(port: int, sql: str, data: bytes = b"") -> int:
    """Run a statement, send ``data`` behind it; how many bytes come back.

    Raises:
        BenchmarkError: an error was answered.
    """
    with connect(port) as connection:
        connection.sendall(query_message(sql))
        total, first, tail = 0, b"", b""
        if data:  # nothing comes while data go, but CopyInResponse
            first = connection.recv(1 << 16)
            if first[:1] == b"G":
                connection.sendall(data)
            tail = first
        while not is_ready(tail):
            chunk = connection.recv(1 << 20)
            if not chunk:
                raise BenchmarkError(f"{sql!r}: the server closed the connection")
            first = first or chunk
            total += len(chunk)
            tail = (tail + chunk)[-400:]
    if first[:1] == b"E" or (data and b"COPY " not in tail):
        raise BenchmarkError(f"{sql!r}: {(first + tail)[:400]!r}")
    return total


def copy_slice(contender: Contender, sql: str, rows: int) -> Sample:
    """One COPY of so many rows, in or out: rows per second, and processor time per row."""
    data = messages(rows, sql.endswith(BINARY)) if sql.startswith(COPY_IN) else b""
    if data:
        run(contender.port, "delete from bench_copy" if "sqlite" in contender.name else "truncate bench_copy")
    before, start = cpu_seconds(contender.tree), time.perf_counter()
    received = run(contender.port, sql, data)
    elapsed = time.perf_counter() - start
    contender.check_alive()
    if not data and received < rows * 30:
        raise BenchmarkError(f"{sql!r} on {contender.name} gave {received} bytes")
    return Sample(rows / elapsed, (cpu_seconds(contender.tree) - before) / rows * 1e6)
