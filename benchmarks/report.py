"""The report: tables with the ratio to each peer, the targets, and the JSON file."""

from __future__ import annotations

import json
import math
import os
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path

import psutil

from .arrow import ADBC, CONNECTORX, ArrowOutcome
from .client import BLOCKED, ClientOutcome, versions
from .client_peers import ARRAYS, ASYNCPG, BATCH, BYTEA, MIXED, ONE, PG_TYPE, PIPELINE, PSYCOPG_SYNC, QUERIES, SERIES
from .client_peers import OURS as OUR_CLIENT
from .codec import FIVE, ROWS, CodecOutcome
from .codec_types import TypeOutcome
from .contenders import Contender
from .login import PBKDF2
from .rows import TO_BINARY, TO_RECORDS, TO_TEXT, TO_TUPLES, RowsOutcome
from .rust import PIECES, RustOutcome, pg_stream_version
from .workloads import WORKLOADS, Outcome, Plan

PEER_COLUMNS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("postgres", ("postgres",)),
    ("pgbouncer", ("pgbouncer",)),
    ("rust-1", ("pgwire-rust-1",)),
    ("rust-2", ("pgwire-rust-2",)),
    ("buenavista", ("buenavista", "buenavista-duckdb")),
    ("b-asyncio", ("bound-asyncio",)),
    ("b-uvloop", ("bound-uvloop",)),
)


class Results:
    """All figures of a run."""

    def __init__(
        self,
        outcomes: Sequence[Outcome],
        codecs: Sequence[CodecOutcome],
        logins: Sequence[CodecOutcome] = (),
        rust: Sequence[RustOutcome] = (),
        echo_us: float | None = None,
        rows: Sequence[RowsOutcome] = (),
        types: Sequence[TypeOutcome] = (),
        arrows: Sequence[ArrowOutcome] = (),
        clients: Sequence[ClientOutcome] = (),
    ) -> None:
        self.outcomes = outcomes
        self.codecs = codecs
        self.logins = logins
        self.rust = rust
        self.echo_us = echo_us
        self.arrows = arrows
        self.clients = clients
        self.rows = rows
        self.types = types
        self._cpu = {(outcome.workload, outcome.label): outcome.cpu_us for outcome in outcomes}
        self._values = {(outcome.workload, outcome.label): outcome.value for outcome in outcomes}

    def value(self, workload: str, label: str) -> float | None:
        """A figure, or None where it was not measured."""
        return self._values.get((workload, label))

    def ratio(self, workload: str, label: str, other: str) -> float | None:
        """A figure divided by another entry's of the same workload, or None where either is missing."""
        one, two = self.value(workload, label), self.value(workload, other)
        return one / two if one is not None and two else None

    def cpu_ratio(self, workload: str, label: str, other: str) -> float | None:
        """Another entry's processor time per event divided by this one's."""
        one, two = self._cpu.get((workload, label)), self._cpu.get((workload, other))
        return two / one if one and two else None

    def codec(self, name: str) -> CodecOutcome | None:
        """A codec's figures, or None where they were not measured."""
        return next((codec for codec in self.codecs if codec.name == name), None)

    def ratios(self, outcome: Outcome) -> dict[str, float]:
        """An outcome against each peer of its workload; none for growth of memory, which may be next to nothing."""
        found: dict[str, float] = {}
        if outcome.unit == "MB":
            return found
        for column, labels in PEER_COLUMNS:
            for label in labels:
                ratio = self.ratio(outcome.workload, outcome.label, label)
                if ratio is not None:
                    found[column] = ratio
        return found


@dataclass(frozen=True)
class Target:
    """A line of the table "What it must reach".

    ``by_cpu`` is the same ratio by the servers' processor time per query, which a busy machine spoils less.
    """

    text: str
    wanted: float
    figure: Callable[[Results], float | None]
    unit: str = "x"
    at_most: bool = False
    by_cpu: Callable[[Results], float | None] = lambda _: None

    def judge(self, results: Results) -> tuple[float | None, str]:
        """The figure, and ``reached``, ``short`` or ``not measured``."""
        figure = self.figure(results)
        if figure is None:
            return None, "not measured"
        return figure, "reached" if (figure <= self.wanted if self.at_most else figure >= self.wanted) else "short"


def ratio_target(text: str, wanted: float, workload: str, label: str, other: str) -> Target:
    """A ratio of at least ``wanted``."""
    return Target(
        text,
        wanted,
        lambda results: results.ratio(workload, label, other),
        by_cpu=lambda results: results.cpu_ratio(workload, label, other),
    )


def slowest_codec(results: Results) -> float | None:
    """The smallest advantage of native over pure where values are decoded or encoded."""
    named = (outcome.ratio for outcome in results.codecs if outcome.name.startswith(("decode", "encode")))
    return min(named, default=None)


def rows_ratio(name: str, *, inverse: bool = False) -> Callable[[Results], float | None]:
    """A workload of rows: the better peer's time ÷ ours, or the inverse."""

    def find(results: Results) -> float | None:
        found = next((outcome.ratio for outcome in results.rows if outcome.name == name), None)
        return None if found is None else 1 / found if inverse else found

    return find


def slowest_type(results: Results) -> float | None:
    """Pure ÷ native, the least of any type, direction and format."""
    return min((outcome.smallest for outcome in results.types), default=None)


def codec_ratio(*names: str) -> Callable[[Results], float | None]:
    """The smaller advantage of native over pure on these."""
    return lambda results: min((codec.ratio for codec in results.codecs if codec.name in names), default=None)


def decode_us(results: Results) -> float | None:
    """Microseconds of the native decode of the five-message buffer."""
    codec = results.codec(FIVE)
    return codec.native_us if codec else None


def decode_share(results: Results) -> float | None:
    """The same as a share of asyncio's bare echo of these bytes."""
    taken = decode_us(results)
    return taken / results.echo_us if taken is not None and results.echo_us else None


def gigabytes(piece: int) -> Callable[[Results], float | None]:
    """GB/s of gathering a CopyData from pieces of so many kB."""
    return lambda results: next(
        (rust.gigabytes_per_second for rust in results.rust if PIECES.get(rust.name) == piece), None
    )


def slowest_rust(kind: str) -> Callable[[Results], float | None]:
    """The smallest advantage over pg_stream among operations that begin so."""
    return lambda results: min((rust.ratio for rust in results.rust if rust.name.startswith(kind)), default=None)


def pbkdf2(results: Results) -> float | None:
    """How much faster than hashlib the native PBKDF2 is."""
    return next((outcome.ratio for outcome in results.logins if outcome.name == PBKDF2), None)


def arrow_share(peer: str) -> Callable[[Results], float | None]:
    """Our processor time per query as a share of a peer's."""
    return lambda results: next((arrow.ratio(peer) for arrow in results.arrows), None)


def client_figure(
    workload: str, figure: str, peer: str = ASYNCPG, client: str = OUR_CLIENT, way: tuple[str, int] = ("uvloop", 10)
) -> Callable[[Results], float | None]:
    """A client's ``cpu`` or ``rate`` ÷ a peer's on a workload; the ``way`` is the event loop or ``blocking``, and the connections."""

    def find(results: Results) -> float | None:
        for outcome in results.clients:
            if (outcome.workload, outcome.loop, outcome.connections) == (workload, *way):
                return outcome.cpu_ratio(peer, client) if figure == "cpu" else outcome.rate_ratio(peer, client)
        return None

    return find


def client_mean(results: Results) -> float | None:
    """The geometric mean of our rates ÷ asyncpg's, the six queries, 10 connections on uvloop."""
    ratios = [client_figure(workload, "rate")(results) for workload in QUERIES]
    known = [ratio for ratio in ratios if ratio is not None]
    return math.prod(known) ** (1 / len(known)) if known else None


OURS = "native-uvloop"
CLIENT_CPU = {ONE: 0.55, PG_TYPE: 0.55, SERIES: 0.5, ARRAYS: 0.65, BYTEA: 0.85, MIXED: 0.3}
TARGETS: tuple[Target, ...] = (
    *(
        ratio_target(f"SELECT 1, {mode}, 16 clients / {text}", wanted, f"select1-{mode}-c16", OURS, other)
        for mode in ("extended", "prepared")
        for text, wanted, other in (("pgwire (Rust, 1 thread)", 1.6, "pgwire-rust-1"), ("PostgreSQL", 1.5, "postgres"))
    ),
    ratio_target("SELECT 1, simple, 16 clients / bound, uvloop", 0.8, "select1-simple-c16", OURS, "bound-uvloop"),
    ratio_target(
        "SELECT 1, simple, 16 clients / bound, asyncio", 0.8, "select1-simple-c16", "native-asyncio", "bound-asyncio"
    ),
    ratio_target("SELECT 1, simple, 16 clients / buenavista", 10, "select1-simple-c16", OURS, "buenavista"),
    ratio_target(
        "rows, 8 clients, tuples / pgwire (Rust, 1 thread)", 2.5, "rows-c8", f"{OURS} tuples", "pgwire-rust-1"
    ),
    ratio_target("rows, 8 clients, Arrow / pgwire (Rust, 1 thread)", 3, "rows-c8", f"{OURS} Arrow", "pgwire-rust-1"),
    ratio_target("rows, 8 clients, tuples / PostgreSQL", 2, "rows-c8", f"{OURS} tuples", "postgres"),
    ratio_target("rows, 8 clients, Arrow / PostgreSQL", 2, "rows-c8", f"{OURS} Arrow", "postgres"),
    ratio_target("DuckDB engine, 8 clients / PostgreSQL", 1, "duckdb-c8", "native-duckdb", "postgres"),
    *(
        ratio_target(
            f"COPY {way}, {form}, DuckDB / PostgreSQL", 1, f"copy-{way}", f"native-duckdb {form}", f"postgres {form}"
        )
        for way in ("in", "out")
        for form in ("text", "binary")
    ),
    ratio_target("logins, trust / pgwire (Rust, 1 thread)", 1, "logins", OURS, "pgwire-rust-1"),
    ratio_target("logins, SCRAM / pgwire (Rust, 1 thread)", 1, "scram-logins", "secure-uvloop", "secure-rust-1"),
    ratio_target("SELECT 1, TLS / plain, 16 clients", 0.6, "tls", "secure-uvloop TLS", "secure-uvloop plain"),
    ratio_target("SELECT 1, TLS, 16 clients / PostgreSQL", 1, "tls", "secure-uvloop TLS", "secure-postgres TLS"),
    ratio_target("SELECT 1, prepared, 16 clients, proxy / PostgreSQL", 0.5, "proxy", "proxy-uvloop", "postgres"),
    ratio_target(
        "SELECT 1, prepared, 16 clients, proxy / PgBouncer, session mode", 1, "proxy", "proxy-uvloop", "pgbouncer"
    ),
    Target("idle connection", 12, lambda results: results.value("idle", OURS), "kB", at_most=True),
    Target("stream to a slow reader, Python", 32, lambda results: results.value("stream", OURS), "MB", at_most=True),
    Target(
        "stream to a slow reader, DuckDB",
        32,
        lambda results: results.value("stream", "native-duckdb"),
        "MB",
        at_most=True,
    ),
    Target("native / pure, the smallest of what is decoded or encoded", 5, slowest_codec),
    Target("native / pure, decode of the five-message buffer", 5, codec_ratio(FIVE)),
    Target("native / pure, encode of a 100-row x 6 result", 10, codec_ratio(*ROWS)),
    Target("native decode of the five-message buffer", 2.5, decode_us, "us", at_most=True),
    Target("the same / asyncio's bare echo of these bytes", 0.25, decode_share, at_most=True),
    Target("framing a CopyData in pieces of 64 kB, Rust", 2, gigabytes(64), "GB/s"),
    Target("framing a CopyData in pieces of 1 kB, Rust", 0.5, gigabytes(1), "GB/s"),
    Target("framing messages / pg_stream reading them (Rust), the smallest", 1, slowest_rust("read")),
    Target("decoding messages / pg_stream reading them (Rust), the smallest", 1, slowest_rust("decode")),
    Target("decoding a stream of 103 messages / pg_stream reading it", 1, slowest_rust("decode a stream")),
    Target("building messages / pg_stream (Rust), the smallest", 1, slowest_rust("build")),
    Target("native / pure, the smallest of the codec workloads", 5, slowest_codec),
    Target("PBKDF2, native / hashlib", 1, pbkdf2),
    Target("rows to Arrow, CPU per query / ADBC", 0.4, arrow_share(ADBC), at_most=True),
    Target("rows to Arrow, CPU per query / connectorx", 0.3, arrow_share(CONNECTORX), at_most=True),
    Target("mixed rows to binary COPY / the better peer, rows/s", 1.5, rows_ratio(TO_BINARY)),
    Target("mixed rows to text COPY / psycopg C, rows/s", 1.5, rows_ratio(TO_TEXT)),
    Target("mixed rows to tuples / the better peer, CPU", 0.4, rows_ratio(TO_TUPLES, inverse=True), at_most=True),
    Target("mixed rows to records / the better peer, CPU", 0.4, rows_ratio(TO_RECORDS, inverse=True), at_most=True),
    Target("native / pure, the smallest of all types", 1, slowest_type),
    *(
        Target(f"client, {name}, CPU per query / asyncpg", wanted, client_figure(name, "cpu"), at_most=True)
        for name, wanted in CLIENT_CPU.items()
    ),
    Target("client, six queries, rate / asyncpg, geometric mean", 1.4, client_mean),
    Target(
        "client, blocking, 1+1, CPU per query / psycopg sync",
        0.4,
        client_figure(ONE, "cpu", PSYCOPG_SYNC, way=(BLOCKED, 1)),
        at_most=True,
    ),
    Target("client, 1,000 inserts, rate / asyncpg", 1, client_figure(BATCH, "rate")),
    Target(
        "client, 1,000 inserts by pipeline() with results, rate / asyncpg's executemany",
        1,
        client_figure(BATCH, "rate", client=PIPELINE),
    ),
)


def machine() -> dict[str, object]:
    """Facts without which absolute figures mean nothing."""
    model = platform.processor()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [
            line.split(":", 1)[1].strip() for line in cpuinfo.read_text().splitlines() if line.startswith("model name")
        ]
        model = names[0] if names else model
    return {
        "time": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "processor": model,
        "cores": psutil.cpu_count(),
        "memory GB": round(psutil.virtual_memory().total / 1e9, 1),
        "system": platform.platform(),
        "python": platform.python_version(),
        "load average": [round(load, 2) for load in os.getloadavg()],
    }


def number(value: float | None) -> str:
    """Three or four significant digits."""
    if value is None:
        return ""
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 100 else f"{value:.2f}"


def table(rows: Sequence[Sequence[str]]) -> str:
    """Aligned columns: the first to the left, the others to the right."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  " + "  ".join(cells).rstrip())
    return "\n".join(lines)


def print_report(results: Results, sizes: Mapping[str, int]) -> None:
    """Everything that was measured, workload by workload, and the targets."""
    for workload in WORKLOADS:
        outcomes = [outcome for outcome in results.outcomes if outcome.workload == workload.name]
        if not outcomes:
            continue
        ratios = [results.ratios(outcome) for outcome in outcomes]
        present = [column for column, _ in PEER_COLUMNS if any(column in ratio for ratio in ratios)]
        timed = any(outcome.cpu_us is not None for outcome in outcomes)
        rows = [["", outcomes[0].unit, *(["server CPU us"] if timed else []), *(f"/ {column}" for column in present)]]
        for outcome, ratio in zip(outcomes, ratios, strict=True):
            cpu = [number(outcome.cpu_us)] if timed else []
            rows.append(
                [outcome.label, number(outcome.value), *cpu, *(number(ratio.get(column)) for column in present)]
            )
        print(f"\n{workload.title}\n{table(rows)}")
        for outcome in outcomes:
            if outcome.notes:
                notes = ", ".join(
                    f"{key} {number(value) if isinstance(value, float) else value}"
                    for key, value in outcome.notes.items()
                )
                print(f"    {outcome.label}: {notes}")
    if sizes:
        print("\nBytes of each result\n" + table([["", "bytes"], *([key, f"{size:,}"] for key, size in sizes.items())]))
    for title, timed_calls in (("Codecs", results.codecs), ("Login arithmetic", results.logins)):
        if timed_calls:
            lines = [["", "native us", "pure us", "pure / native"]]
            lines += [
                [codec.name, number(codec.native_us), number(codec.pure_us), number(codec.ratio)]
                for codec in timed_calls
            ]
            print(f"\n{title}\n{table(lines)}")
    if results.echo_us is not None:
        print(f"    asyncio's bare echo of the five-message buffer: {number(results.echo_us)} us of CPU per round trip")
    if results.rust:
        lines = [["", "ours ns", "pg_stream ns", "pg_stream / ours"]]
        lines += [
            [rust.name, number(rust.ours_ns), number(rust.pg_stream_ns), number(rust.ratio)] for rust in results.rust
        ]
        print(f"\nRust core beside pg_stream {pg_stream_version()}\n{table(lines)}")
    for arrow in results.arrows:
        peers = ", ".join(f"{name} {version}" for name, version in arrow.versions.items())
        lines = [["", "CPU ms per query", "ours / it"]]
        lines += [[name, number(taken), number(arrow.ratio(name))] for name, taken in arrow.cpu_ms.items()]
        print(f"\n{arrow.name} ({peers})\n{table(lines)}")
    print_types(results)
    print_clients(results)
    lines = [["", "wanted", "measured", "by CPU", ""]]
    for target in TARGETS:
        figure, verdict = target.judge(results)
        sign = "<=" if target.at_most else ">="
        measured = f"{number(figure)} {target.unit}" if figure is not None else ""
        lines.append(
            [target.text, f"{sign} {target.wanted:g} {target.unit}", measured, number(target.by_cpu(results)), verdict]
        )
    print(f"\nTargets (native-uvloop, medians)\n{table(lines)}")


def print_clients(results: Results) -> None:
    """Clients side by side: rate and processor time per query, and ours beside each."""
    if results.clients:
        print("\nClients: " + ", ".join(f"{name} {version}" for name, version in versions().items()))
    for outcome in results.clients:
        lines = [["", "/s", "client CPU us", "our CPU / it", "our rate / it"]]
        lines += [
            [
                client,
                number(rate),
                number(outcome.cpu_us[client]),
                number(outcome.cpu_ratio(client)),
                number(outcome.rate_ratio(client)),
            ]
            for client, rate in outcome.rates.items()
        ]
        many = "s" * (outcome.connections > 1)
        print(f"\n{outcome.workload}, {outcome.loop}, {outcome.connections} connection{many}\n{table(lines)}")


def print_types(results: Results) -> None:
    """Rows beside the peers, and the table of every type."""
    if results.rows:
        peers = list(dict.fromkeys(peer for outcome in results.rows for peer in outcome.peers_us))
        lines = [["", "ours us", *(f"{peer} us" for peer in peers), "better peer / ours"]]
        lines += [
            [row.name, number(row.ours_us), *(number(row.peers_us.get(peer)) for peer in peers), number(row.ratio)]
            for row in results.rows
        ]
        print(f"\n10,000 mixed rows of 7, processor time per row\n{table(lines)}")
    if results.types:
        lines = [["", "encode text", "binary", "decode text", "binary"]]
        lines += [
            [row.name, *map(number, (row.encode_text, row.encode_binary, row.decode_text, row.decode_binary))]
            for row in results.types
        ]
        print(f"\nEvery type, pure / native\n{table(lines)}")


def write_json(
    path: Path,
    results: Results,
    facts: Mapping[str, object],
    contenders: Mapping[str, Contender],
    sizes: Mapping[str, int],
    plan: Plan,
) -> None:
    """The same as JSON."""
    document = {
        "machine": dict(facts),
        "plan": asdict(plan),
        "servers": {name: contender.version for name, contender in contenders.items()},
        "outcomes": [{**asdict(outcome), "ratios": results.ratios(outcome)} for outcome in results.outcomes],
        "result_bytes": dict(sizes),
        "echo_us": results.echo_us,
        "rust": [{**asdict(rust), "ratio": rust.ratio} for rust in results.rust],
        "arrow": [asdict(arrow) for arrow in results.arrows],
        "clients": [
            asdict(outcome)
            | {"cpu_ratios": {client: outcome.cpu_ratio(client) for client in outcome.cpu_us}}
            | {"rate_ratios": {client: outcome.rate_ratio(client) for client in outcome.rates}}
            for outcome in results.clients
        ],
        "codecs": [{**asdict(codec), "ratio": codec.ratio} for codec in results.codecs],
        "rows": [{**asdict(row), "ratio": row.ratio} for row in results.rows],
        "types": [asdict(outcome) for outcome in results.types],
        "logins": [{**asdict(login), "ratio": login.ratio} for login in results.logins],
        "targets": [
            {"target": target.text, "wanted": target.wanted, "unit": target.unit, "at_most": target.at_most}
            | dict(zip(("measured", "verdict"), target.judge(results), strict=True))
            | {"by_cpu": target.by_cpu(results)}
            for target in TARGETS
        ],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=1) + "\n")
