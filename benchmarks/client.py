"""The client part: queries, COPY and batches of our clients, asyncio and blocking, beside other clients, against PostgreSQL 18.

Everything runs in this process, in turns: rate, and processor time of this process per query, which a busy machine spoils least.
A client is compared only where it can run a workload.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

from tests.support.postgres import running_cluster
from tests.support.postgres18 import find_postgres18

from .client_peers import ASYNC, BATCH, BLOCKING, CLEAN, COPY, OURS, QUERIES, SETUP, WORKLOADS, Session, versions
from .errors import BenchmarkError

__all__ = ["BLOCKED", "CONNECTIONS", "LOOPS", "ClientOutcome", "measure_client", "versions"]

CONNECTIONS = (1, 10)
LOOPS = ("uvloop", "asyncio")
BLOCKED = "blocking"

Samples = dict[str, list[tuple[float, float]]]


@dataclass(frozen=True)
class ClientOutcome:
    """A workload on one event loop (or ``blocking``): queries per second and microseconds of processor time per query, medians."""

    workload: str
    loop: str
    connections: int
    rates: dict[str, float]
    cpu_us: dict[str, float]

    def cpu_ratio(self, peer: str, client: str = OURS) -> float | None:
        """The client's processor time ÷ the peer's."""
        one, two = self.cpu_us.get(client), self.cpu_us.get(peer)
        return one / two if one and two else None

    def rate_ratio(self, peer: str, client: str = OURS) -> float | None:
        """The client's rate ÷ the peer's."""
        one, two = self.rates.get(client), self.rates.get(peer)
        return one / two if one and two else None


def new_loop(name: str) -> asyncio.AbstractEventLoop:
    """An event loop of that kind."""
    if name == "asyncio":
        return asyncio.new_event_loop()
    import uvloop

    return uvloop.new_event_loop()


def measure_client(
    seconds: float, rounds: int, workloads: Sequence[str] = WORKLOADS, progress: Callable[[str], None] = lambda _: None
) -> list[ClientOutcome]:
    """Every client, in turns.

    Args:
        seconds: for one workload of one client in one round.
        rounds: how often each has its turn.
        workloads: which of them.
        progress: is told what is done.

    Raises:
        BenchmarkError: a peer is missing, or reads another number of rows.
    """
    outcomes: list[ClientOutcome] = []
    with running_cluster(find_postgres18()) as cluster:
        uri = f"postgresql://{cluster.user}@{cluster.host}:{cluster.port}/{cluster.dbname}"
        asyncio.run(_prepare(uri))
        try:
            for name in LOOPS:
                for connections in CONNECTIONS:
                    loop = new_loop(name)
                    try:
                        outcomes += _on_loop(loop, name, uri, connections, seconds, rounds, workloads)
                    finally:
                        loop.close()
                    progress(f"clients on {name}, {connections} connections")
            outcomes += _blocking(uri, seconds, rounds, workloads)
            progress("blocking clients")
        except ImportError as error:
            raise BenchmarkError(f"a peer is missing: {error} (python -m pip install --group bench)") from error
    return outcomes


async def _prepare(uri: str) -> None:
    import asyncpg

    conn = await asyncpg.connect(uri)
    await conn.execute(SETUP)
    await conn.execute("vacuum analyze")
    await conn.close()


def _clean(uri: str) -> None:
    """Empties what COPY and the batches have filled."""
    import psycopg

    with psycopg.connect(uri, autocommit=True) as conn:
        for statement in CLEAN:
            conn.execute(statement)  # type: ignore[arg-type]


def _on_loop(
    loop: asyncio.AbstractEventLoop,
    name: str,
    uri: str,
    connections: int,
    seconds: float,
    rounds: int,
    workloads: Sequence[str],
) -> list[ClientOutcome]:
    def wait(work: Coroutine[Any, Any, Any]) -> Any:
        return loop.run_until_complete(work)

    async def open_all() -> dict[str, list[Session]]:
        return {client: [await connect(uri) for _ in range(connections)] for client, connect in ASYNC.items()}

    async def close_all() -> None:
        for sessions in clients.values():
            for session in sessions:
                await session.close()

    async def repeat(call: Callable[[], Any], until: float) -> int:
        count = 0
        while not count or time.perf_counter() < until:
            await call()
            count += 1
        return count

    async def together(calls: Sequence[Callable[[], Any]], seconds: float) -> int:
        until = time.perf_counter() + seconds
        return sum(await asyncio.gather(*(repeat(call, until) for call in calls)))

    clients = wait(open_all())

    async def count(client: str, workload: str) -> int:
        return len(await clients[client][0].calls[workload]())

    try:
        _check(lambda client, workload: wait(count(client, workload)), clients)
        found = []
        for workload in workloads:
            running = {
                client: [session.calls[workload] for session in sessions]
                for client, sessions in clients.items()
                if workload in sessions[0].calls
            }
            samples = _rounds(
                {client: lambda s, calls=calls: wait(together(calls, s)) for client, calls in running.items()},  # type: ignore[misc]
                seconds,
                rounds,
            )
            if workload in (COPY, BATCH):
                _clean(uri)
            found.append(_outcome(workload, name, connections, samples))
        return found
    finally:
        wait(close_all())


def _blocking(uri: str, seconds: float, rounds: int, workloads: Sequence[str]) -> list[ClientOutcome]:
    def repeat(call: Callable[[], Any], seconds: float) -> int:
        count, until = 0, time.perf_counter() + seconds
        while not count or time.perf_counter() < until:
            call()
            count += 1
        return count

    clients = {client: [connect(uri)] for client, connect in BLOCKING.items()}
    try:
        _check(lambda client, workload: len(clients[client][0].calls[workload]()), clients)
        found = []
        for workload in workloads:
            running = {
                client: session.calls[workload] for client, (session,) in clients.items() if workload in session.calls
            }
            samples = _rounds(
                {client: lambda s, call=call: repeat(call, s) for client, call in running.items()},  # type: ignore[misc]
                seconds,
                rounds,
            )
            if workload in (COPY, BATCH):
                _clean(uri)
            found.append(_outcome(workload, BLOCKED, 1, samples))
        return found
    finally:
        for (session,) in clients.values():
            session.close()


def _rounds(slices: dict[str, Callable[[float], int]], seconds: float, rounds: int) -> Samples:
    """Slices in turns, each time another one first."""
    samples: Samples = {client: [] for client in slices}
    names = list(slices)
    for client in names:
        slices[client](0)
    for turn in range(rounds):
        start = turn % len(names)
        for client in names[start:] + names[:start]:
            cpu, begun = time.process_time(), time.perf_counter()
            count = slices[client](seconds)
            elapsed = time.perf_counter() - begun
            samples[client].append((count / elapsed, (time.process_time() - cpu) / count * 1e6))
    return samples


def _outcome(workload: str, loop: str, connections: int, samples: Samples) -> ClientOutcome:
    rates = {client: statistics.median(rate for rate, _ in taken) for client, taken in samples.items()}
    cpu_us = {client: statistics.median(cpu for _, cpu in taken) for client, taken in samples.items()}
    return ClientOutcome(workload, loop, connections, rates, cpu_us)


def _check(count: Callable[[str, str], int], clients: dict[str, list[Session]]) -> None:
    """The same number of rows from each."""
    known: dict[str, int] = {}
    for client, (session, *_) in clients.items():
        for workload in QUERIES:
            if workload in session.calls:
                rows = count(client, workload)
                if known.setdefault(workload, rows) != rows:
                    raise BenchmarkError(f"{client} reads {rows} rows in {workload!r}, not {known[workload]}")
