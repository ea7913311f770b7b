"""What is measured, and on which servers; and the loop that interleaves them.

Within a workload every round visits every entry, each time starting with another one; medians of the
rounds are reported.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from . import measure
from .clients import read_slowly, shape_of
from .contenders import Contender
from .copying import BINARY, COPY_IN, COPY_OUT, copy_slice, prepare
from .data import ROWS, SELECT_1, SELECT_ARROW, SELECT_ROWS, SELECT_STREAM
from .errors import BenchmarkError

PGWIRE_PY = ("native-uvloop", "native-asyncio", "pure-uvloop")
PEERS = ("postgres", "pgwire-rust-1", "pgwire-rust-2", "buenavista")
BOUNDS = ("bound-asyncio", "bound-uvloop")
COPYING = ("native-duckdb", "native-sqlite", "postgres")
SECURE = ("secure-uvloop", "secure-asyncio", "secure-postgres")
POSTGRES_IDLE = 200


@dataclass(frozen=True)
class Entry:
    """One line of a workload: a label for the report, the server, the query it is sent, and whether over TLS."""

    label: str
    server: str
    sql: str = SELECT_1
    tls: bool = False


@dataclass(frozen=True)
class Plan:
    """How long everything takes; the long form is the default, the short one is for continuous integration."""

    rounds: int = 4
    seconds: int = 2
    stream_rows: int = 5_000_000
    stream_bytes_per_second: float = 20e6
    stream_seconds: float = 20
    idle_connections: int = 2_000
    codec_seconds: float = 0.5
    copy_rows: int = 1_000_000
    client_seconds: float = 0.25
    client_rounds: int = 5


SHORT = Plan(
    rounds=1,
    seconds=1,
    stream_rows=500_000,
    stream_seconds=5,
    idle_connections=300,
    codec_seconds=0.1,
    copy_rows=20_000,
    client_seconds=0.04,
    client_rounds=3,
)


@dataclass(frozen=True)
class Tools:
    """What measuring needs besides the servers."""

    pgbench: Path
    scratch: Path
    plan: Plan


@dataclass
class Outcome:
    """A workload's figure for one entry: ``value`` in ``unit``, and what else is worth keeping."""

    workload: str
    label: str
    server: str
    unit: str
    value: float
    cpu_us: float | None = None
    samples: list[float] = field(default_factory=list)
    notes: dict[str, float | bool] = field(default_factory=dict)


Runner = Callable[["Workload", Mapping[str, Contender], Tools], list[Outcome]]


@dataclass(frozen=True)
class Workload:
    """A named measurement of several entries."""

    name: str
    title: str
    entries: tuple[Entry, ...]
    runner: Runner

    def servers(self) -> set[str]:
        """Names of the servers that it needs."""
        return {entry.server for entry in self.entries}


def entries(names: Sequence[str], sql: str = SELECT_1) -> tuple[Entry, ...]:
    """One entry per server, labelled by its name."""
    return tuple(Entry(name, name, sql) for name in names)


def progress(text: str) -> None:
    """A line about what is going on, apart from the report."""
    print(text, file=sys.stderr, flush=True)


def interleave(
    workload: Workload, servers: Mapping[str, Contender], plan: Plan, take: Callable[[Entry, Contender], measure.Sample]
) -> list[Outcome]:
    """Rounds over the entries in turns; medians."""
    samples: dict[str, list[measure.Sample]] = {entry.label: [] for entry in workload.entries}
    for turn in range(plan.rounds):
        start = turn % len(workload.entries)
        for entry in workload.entries[start:] + workload.entries[:start]:
            samples[entry.label].append(take(entry, servers[entry.server]))
    return [
        Outcome(
            workload.name,
            entry.label,
            entry.server,
            "/s",
            statistics.median(sample.rate for sample in samples[entry.label]),
            statistics.median(sample.cpu_us for sample in samples[entry.label]),
            [sample.rate for sample in samples[entry.label]],
        )
        for entry in workload.entries
    ]


def pgbench_runner(mode: str, clients: int) -> Runner:
    """Queries per second with pgbench."""

    def run(workload: Workload, servers: Mapping[str, Contender], tools: Tools) -> list[Outcome]:
        plan = tools.plan

        def take(entry: Entry, server: Contender) -> measure.Sample:
            return measure.pgbench(
                tools.pgbench, tools.scratch, server, entry.sql, mode, clients, plan.seconds, tls=entry.tls
            )

        return interleave(workload, servers, plan, take)

    return run


def login_runner(workload: Workload, servers: Mapping[str, Contender], tools: Tools) -> list[Outcome]:
    """Logins per second."""
    plan = tools.plan
    return interleave(workload, servers, plan, lambda _, server: measure.login_slice(server, plan.seconds))


def scram_runner(workload: Workload, servers: Mapping[str, Contender], tools: Tools) -> list[Outcome]:
    """SCRAM-SHA-256 logins per second, with a stored verifier."""
    plan = tools.plan
    return interleave(workload, servers, plan, lambda _, server: measure.scram_slice(server, plan.seconds))


def idle_runner(workload: Workload, servers: Mapping[str, Contender], tools: Tools) -> list[Outcome]:
    """kB of memory per idle connection; PostgreSQL, a process each, shows it with fewer."""
    outcomes = []
    for entry in workload.entries:
        count = tools.plan.idle_connections
        if entry.server == "postgres":
            count = min(count, POSTGRES_IDLE)
        cost = measure.idle_memory(servers[entry.server], count)
        outcomes.append(
            Outcome(workload.name, entry.label, entry.server, "kB", cost / 1000, notes={"connections": count})
        )
    return outcomes


def stream_runner(workload: Workload, servers: Mapping[str, Contender], tools: Tools) -> list[Outcome]:
    """MB by which the server grows while a slow reader takes a long result."""
    plan = tools.plan
    outcomes = []
    for entry in workload.entries:
        server = servers[entry.server]
        shape_of(server.port, SELECT_1)
        before = highest = measure.memory_bytes(server.tree)

        def watch(server: Contender = server) -> None:
            nonlocal highest
            highest = max(highest, measure.memory_bytes(server.tree))

        stream = read_slowly(server.port, entry.sql, plan.stream_bytes_per_second, plan.stream_seconds, watch)
        watch()
        server.check_alive()
        if stream.complete and stream.bytes < plan.stream_rows * 20:
            raise BenchmarkError(f"{entry.sql!r} on {server.name} ended after {stream.bytes} bytes")
        notes = {"MB read": stream.bytes / 1e6, "seconds": stream.seconds, "complete": stream.complete}
        outcomes.append(Outcome(workload.name, entry.label, entry.server, "MB", (highest - before) / 1e6, notes=notes))
    return outcomes


def copy_runner(workload: Workload, servers: Mapping[str, Contender], tools: Tools) -> list[Outcome]:
    """Rows per second through COPY, on a table that the first slice of each server fills."""
    plan = tools.plan
    for name in workload.servers():
        prepare(servers[name].port)
        copy_slice(servers[name], COPY_IN, plan.copy_rows)
    return interleave(workload, servers, plan, lambda entry, server: copy_slice(server, entry.sql, plan.copy_rows))


def copy(name: str, sql: str) -> Workload:
    """COPY of a table of four columns, in text and in binary format."""
    lines = [Entry(f"{server} text", server, sql) for server in COPYING]
    lines += [Entry(f"{server} binary", server, sql + BINARY) for server in COPYING]
    direction = "in" if sql == COPY_IN else "out"
    return Workload(name, f"COPY {direction}, rows x 4, 1 client", tuple(lines), copy_runner)


def select_1(mode: str, clients: int) -> Workload:
    """``SELECT 1`` in one of pgbench's modes; the bound answers only the simple one."""
    servers = (*PGWIRE_PY, *PEERS, *(BOUNDS if mode == "simple" else ()))
    title = f"SELECT 1, {mode}, {clients} client{'s' * (clients > 1)}"
    return Workload(f"select1-{mode}-c{clients}", title, entries(servers), pgbench_runner(mode, clients))


def tls(clients: int) -> Workload:
    """``SELECT 1`` prepared, plain and over TLS, on the same servers."""
    lines = [Entry(f"{name} {kind}", name, tls=kind == "TLS") for name in SECURE for kind in ("plain", "TLS")]
    title = f"SELECT 1, prepared, plain and over TLS, {clients} clients"
    return Workload("tls", title, tuple(lines), pgbench_runner("prepared", clients))


def rows(clients: int) -> Workload:
    """5,000 x 6 rows, pgwire_py from Python tuples and from Arrow."""
    lines = [Entry(f"{name} tuples", name, SELECT_ROWS) for name in PGWIRE_PY]
    lines += [Entry(f"{name} Arrow", name, SELECT_ARROW) for name in PGWIRE_PY]
    title = f"{ROWS:,} rows x 6, {clients} client{'s' * (clients > 1)}"
    return Workload(
        f"rows-c{clients}", title, (*lines, *entries(PEERS, SELECT_ROWS)), pgbench_runner("simple", clients)
    )


WORKLOADS: tuple[Workload, ...] = (
    # First, while no server has memory left over from other work that connections could reuse.
    Workload("idle", "Memory of an idle connection", entries((*PGWIRE_PY, *PEERS, *BOUNDS)), idle_runner),
    *(select_1(mode, clients) for mode in ("simple", "extended", "prepared") for clients in (1, 16)),
    rows(1),
    rows(8),
    Workload(
        "duckdb-c8",
        f"DuckDB: select * from a table of {ROWS:,} x 6, 8 clients",
        entries(("native-duckdb", "pure-duckdb", "postgres", "buenavista-duckdb"), SELECT_ROWS),
        pgbench_runner("simple", 8),
    ),
    copy("copy-in", COPY_IN),
    copy("copy-out", COPY_OUT),
    Workload("logins", "Logins, trust, 4 at a time", entries((*PGWIRE_PY, *PEERS, *BOUNDS)), login_runner),
    tls(16),
    Workload(
        "proxy",
        "SELECT 1, prepared, 16 clients, PostgreSQL direct and behind the proxy or PgBouncer",
        entries(("proxy-uvloop", "proxy-asyncio", "pgbouncer", "postgres")),
        pgbench_runner("prepared", 16),
    ),
    Workload("scram-logins", "Logins, SCRAM-SHA-256, 4 at a time", entries((*SECURE, "secure-rust-1")), scram_runner),
    Workload(
        "stream",
        "Memory growth while a long result goes to a slow reader",
        entries((*PGWIRE_PY, "native-duckdb", "pure-duckdb", *PEERS), SELECT_STREAM),
        stream_runner,
    ),
)


def check_results(servers: Mapping[str, Contender], workloads: Sequence[Workload]) -> dict[str, int]:
    """Run every query once and hold each server to the same rows and columns; returns the bytes of each result."""
    sizes: dict[str, int] = {}
    for workload in workloads:
        for entry in workload.entries:
            key = f"{entry.server}: {entry.sql}"
            if key in sizes or entry.sql == SELECT_STREAM or workload.runner is scram_runner:
                continue
            if entry.sql.startswith((COPY_IN, COPY_OUT)):
                continue
            try:
                shape = shape_of(servers[entry.server].port, entry.sql)
            except (BenchmarkError, OSError) as error:
                servers[entry.server].check_alive()
                raise BenchmarkError(f"{entry.server}: {error}") from error
            if entry.server.startswith("bound"):
                continue
            expected = (1, 1) if entry.sql == SELECT_1 else (ROWS, 6)
            if (shape.rows, shape.columns) != expected:
                raise BenchmarkError(f"{key} gave {shape.rows} rows x {shape.columns}, not {expected}")
            sizes[key] = shape.bytes
    return sizes
