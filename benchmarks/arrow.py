"""The Arrow part: a result of PostgreSQL as Arrow record batches, beside ADBC and connectorx, by processor time per query in this process.

Our side is a plain blocking socket with MessageBuilder, FrameDecoder and ArrowDecoder: Parse, Describe, Bind, Execute and Sync in one
packet, the rows binary.
"""

from __future__ import annotations

import contextlib
import socket
import statistics
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version
from typing import Any

from pgwire_py import ArrowDecoder, FrameDecoder, MessageBuilder, messages
from pgwire_py.arrow import decoder_for
from pgwire_py.wire import BackendDecoder

from .clients import connect
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

    def ratio(self, other: str) -> float:
        """Our time ÷ the other's."""
        return self.cpu_ms[OURS] / self.cpu_ms[other]


def versions() -> dict[str, str]:
    """The peers' versions."""
    return {ADBC: version("adbc-driver-postgresql"), CONNECTORX: version("connectorx")}


def measure_arrow(postgres: Contender, setup: Setup, seconds: float) -> list[ArrowOutcome]:
    """Read the same table by all three, in turns; ``seconds`` for each.

    Raises:
        BenchmarkError: a peer is missing, or the results differ.
    """
    run("filling bench_mixed", [setup.postgres_bin / "psql", *postgres_arguments(postgres), "-c", SETUP])
    with contextlib.ExitStack() as stack:
        calls = {
            OURS: stack.enter_context(contextlib.closing(OurClient(postgres.port))).read,
            ADBC: adbc_reader(postgres.port, stack),
            CONNECTORX: connectorx_reader(postgres.port),
        }
        check({name: call() for name, call in calls.items()})
        times: dict[str, list[float]] = {name: [] for name in calls}
        for _ in range(TURNS):
            for name, call in calls.items():
                times[name].append(cpu_per_call(call, seconds / TURNS))
    return [ArrowOutcome(f"{ROWS:,} mixed rows of 7", {n: statistics.median(t) * 1e3 for n, t in times.items()})]
