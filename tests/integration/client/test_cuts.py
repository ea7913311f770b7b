"""A network that cuts, splits, delays and coalesces at every byte of a conversation: documented errors, no hang, nothing lost or doubled.

What the client was told is compared with what is in the table at the end: what was acknowledged is there once, all else at most once.
Each variant (event loop, server, implementation) takes its share of the bytes.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import pgwire_py as pg
from tests.support.cutting_proxy import DIRECTIONS, CuttingProxy, Direction, Fault, cutting_proxy
from tests.support.postgres import Cluster

LINES = 6
"""Connections at a time, each through a proxy of its own."""
DEADLINE = 30.0
"""Seconds for one conversation; only one that hangs takes that long."""


@dataclass
class Ledger:
    """What was tried, and what of it the server acknowledged."""

    table: str
    tried: set[int] = field(default_factory=set)
    acknowledged: set[int] = field(default_factory=set)
    number: int = 0

    def new(self) -> int:
        self.number += 1
        self.tried.add(self.number)
        return self.number


async def converse(port: int, ledger: Ledger) -> None:
    """A login, and a statement that is prepared, run again, in a transaction, in a batch and in a pipeline."""
    insert = f"insert into {ledger.table} values ($1)"
    conn = await pg.connect(host="127.0.0.1", port=port, user="postgres", sslmode="disable")
    try:
        for _ in range(2):
            number = ledger.new()
            assert await conn.execute(insert, number) == "INSERT 0 1"
            ledger.acknowledged.add(number)
        number = ledger.new()
        async with conn.transaction():
            assert await conn.fetchval(f"{insert} returning n", number) == number
        ledger.acknowledged.add(number)
        batch = [ledger.new() for _ in range(3)]
        await conn.executemany(insert, [(n,) for n in batch])
        ledger.acknowledged.update(batch)
        async with conn.pipeline() as pipeline:
            pairs = [(n, pipeline.execute(insert, n)) for n in (ledger.new(), ledger.new())]
        ledger.acknowledged.update(n for n, one in pairs if one.result() == "INSERT 0 1")
    finally:
        await conn.close(timeout=DEADLINE)


async def attempt(proxy: CuttingProxy, ledger: Ledger, fault: Fault) -> None:
    """One conversation; what it raises must be what the reference says."""
    proxy.fault = fault
    try:
        await asyncio.wait_for(converse(proxy.port, ledger), DEADLINE)
    except (pg.ConnectionLost, pg.ConnectFailed):
        assert fault.kind == "cut"


async def check(cluster: Cluster, ledger: Ledger) -> None:
    """The table against the ledger, when every backend has ended."""
    async with await pg.connect(host=cluster.host, port=cluster.port, user="postgres") as conn:
        alive = (
            "select count(*) from pg_stat_activity, pg_sleep(0.01)"
            " where backend_type = 'client backend' and pid <> pg_backend_pid() and query like '%' || $1 || '%'"
        )
        while await conn.fetchval(alive, ledger.table):
            pass
        found = Counter(row.n for row in await conn.fetch(f"select n from {ledger.table}"))
        await conn.execute(f"drop table {ledger.table}")
    assert set(found.values()) <= {1}
    assert ledger.acknowledged <= set(found) <= ledger.tried


async def sweep(cluster: Cluster, table: str, kind: Any, step: int, first: int) -> None:
    async with await pg.connect(host=cluster.host, port=cluster.port, user="postgres") as conn:
        await conn.execute(f"create table {table} (n int)")
    ledger = Ledger(table)
    async with cutting_proxy(cluster.host, cluster.port) as proxy:
        await attempt(proxy, ledger, Fault())
        counts: dict[Direction, int] = dict(proxy.counts)
    assert min(counts.values()) > 400
    assert len(ledger.acknowledged) == 8
    faults = [
        Fault(kind, direction, position, reset=bool(position // step % 2))
        for direction in DIRECTIONS
        for position in range(first, counts[direction] + 1, step)
    ]
    faults.reverse()

    async def line() -> None:
        async with cutting_proxy(cluster.host, cluster.port) as proxy:
            while faults:
                await attempt(proxy, ledger, faults.pop())

    await asyncio.gather(*(line() for _ in range(LINES)))
    await check(cluster, ledger)


def share_of(variant: Any) -> int:
    """Which quarter of the bytes a variant takes."""
    loop = type(asyncio.get_running_loop()).__module__
    return 2 * loop.startswith("uvloop") + (variant.server == "newest")


async def test_a_cut_at_every_byte(cluster: Cluster, table: str, variant: Any) -> None:
    await sweep(cluster, table, "cut", 4, share_of(variant))


async def test_a_split_at_every_third_byte(cluster: Cluster, table: str, variant: Any) -> None:
    """At every byte at once, too: test_one_byte_at_a_time."""
    await sweep(cluster, table, "split", 12, 3 * share_of(variant))


async def test_all_that_comes_at_once_in_one_piece(cluster: Cluster, table: str) -> None:
    """Held back and coalesced, in both directions, a few times."""
    await sweep(cluster, table, "coalesce", 200, 0)
