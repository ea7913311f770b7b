"""The Arrow part: a result of PostgreSQL as Arrow record batches, beside ADBC and connectorx, by processor time per query in this process.

Our side is a plain blocking socket with MessageBuilder, FrameDecoder and ArrowDecoder: Parse, Describe, Bind, Execute and Sync in one
packet, the rows binary.
"""

from __future__ import annotations

import contextlib
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from pgwire_py import ArrowDecoder, FrameDecoder, MessageBuilder
from pgwire_py.messages import RowDescription
from pgwire_py.wire import BackendDecoder

from .clients import TERMINATE, connect
from .contenders import Contender, Setup, run
from .data import EPOCH
from .errors import BenchmarkError

ROWS = 10_000
TURNS = 9
SQL = "select * from bench_mixed"
OURS, ADBC, CONNECTORX = "pgwire_py", "ADBC", "connectorx"
SETUP = f"""
create table bench_mixed as
    select i::int4 as a, i::int8 << 33 as b, i / 7::float8 as c, 'text ' || i as d,
           timestamptz '{EPOCH}+00' + i * interval '37.123457 seconds' as e, i % 2 = 0 as f,
           (i * 7919::numeric / 1000)::numeric(12, 3) as g
    from generate_series(0, {ROWS - 1}) as i;
vacuum analyze bench_mixed;
"""


@dataclass(frozen=True)
class ArrowOutcome:
    """Milliseconds of processor time per query of each contender, medians; and each beside ours."""

    name: str
    cpu_ms: dict[str, float]
    versions: dict[str, str]

    def ratio(self, other: str) -> float:
        """Our time ÷ the other's."""
        return self.cpu_ms[OURS] / self.cpu_ms[other]


def measure_arrow(postgres: Contender, setup: Setup, seconds: float) -> list[ArrowOutcome]:
    """Read the same table by all three, in turns; ``seconds`` for each.

    Raises:
        BenchmarkError: a peer is missing, or reads other values.
    """
    command = [setup.postgres_bin / "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-U", "bench"]
    run("filling bench_mixed", [*command, "-p", str(postgres.port), "-d", "postgres", "-f", "-"], input=SETUP)
    with contextlib.ExitStack() as stack:
        ours = stack.enter_context(contextlib.closing(OurClient(postgres.port)))
        calls = {OURS: ours.read, **peer_readers(postgres.port, stack)}
        check({name: call() for name, call in calls.items()})
        times: dict[str, list[float]] = {name: [] for name in calls}
        for _ in range(TURNS):
            for name, call in calls.items():
                times[name].append(cpu_per_call(call, seconds / TURNS))
    medians = {name: statistics.median(taken) * 1e3 for name, taken in times.items()}
    return [ArrowOutcome(f"{ROWS:,} mixed rows of 7 as Arrow", medians, versions())]


def versions() -> dict[str, str]:
    """The peers' versions."""
    return {ADBC: version("adbc-driver-postgresql"), CONNECTORX: version("connectorx")}


def cpu_per_call(call: Callable[[], object], seconds: float) -> float:
    """Seconds of this process's processor time per call, all threads; calls for so many seconds of it, two at least."""
    start = time.process_time()
    count = 0
    while count < 2 or time.process_time() - start < seconds:
        call()
        count += 1
    return (time.process_time() - start) / count


class OurClient:
    """A blocking client that reads one query's result; like the peers it asks for the columns with every query."""

    def __init__(self, port: int) -> None:
        self._socket = connect(port)
        self._frames = FrameDecoder(max_message_length=1 << 30, joined_tags="D")
        builder = MessageBuilder().parse("", SQL).describe_statement().bind(result_formats=(1,)).execute().sync()
        self._messages = builder.take()

    def read(self) -> Any:
        """The result as one batch."""
        self._socket.sendall(self._messages)
        decoder: ArrowDecoder | None = None
        while True:
            for tag, body in self._frames.feed(self._socket.recv(1 << 18)):
                if tag == "D" and decoder is not None:
                    decoder.feed(body)
                elif tag == "T":
                    decoder = binary_decoder(body)
                elif tag == "E":
                    raise BenchmarkError(f"{SQL!r}: {bytes(body)!r}")
                elif tag == "Z" and decoder is not None:
                    return decoder.finish()

    def close(self) -> None:
        self._socket.sendall(TERMINATE)
        self._socket.close()


def binary_decoder(body: memoryview) -> ArrowDecoder:
    """The decoder for the statement that a RowDescription describes, its rows binary."""
    (described,) = BackendDecoder().feed(b"T" + (len(body) + 4).to_bytes(4, "big") + body)
    assert isinstance(described, RowDescription)
    fields = described.fields
    return ArrowDecoder(
        [field.type_oid for field in fields],
        [field.name for field in fields],
        (1,),
        type_modifiers=[field.type_modifier for field in fields],
    )


def peer_readers(port: int, stack: contextlib.ExitStack) -> dict[str, Callable[[], Any]]:
    """Calls that read the query's result by the peers, connected already where the peer can be."""
    uri = f"postgresql://bench@127.0.0.1:{port}/postgres"
    try:
        import adbc_driver_postgresql.dbapi as adbc
        import connectorx
    except ImportError as error:
        raise BenchmarkError(f"a peer is missing: {error} (python -m pip install --group bench)") from error
    cursor = stack.enter_context(stack.enter_context(adbc.connect(uri)).cursor())

    def by_adbc() -> Any:
        cursor.execute(SQL)
        return cursor.fetch_record_batch().read_all()

    return {ADBC: by_adbc, CONNECTORX: lambda: connectorx.read_sql(uri, SQL, return_type="arrow")}


def check(results: dict[str, Any]) -> None:
    """The same rows from each, apart from the types that each has for them."""
    import pyarrow

    columns = {}
    for name, result in results.items():
        read = pyarrow.table(result)
        columns[name] = [
            read.num_rows,
            read["a"].to_pylist(),
            read["d"].to_pylist(),
            [round(float(value), 3) for value in read["g"].to_pylist()],
        ]
        if columns[name] != columns[OURS] or read.num_rows != ROWS:
            raise BenchmarkError(f"{name} did not read what {OURS} reads")
