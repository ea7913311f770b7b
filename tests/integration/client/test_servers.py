"""Which server a connection goes to: a primary and a real standby, several hosts, and how long each phase may take."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager
from typing import Any

import pytest

import pgwire_py as pg
from tests.support.postgres import Cluster, Programs, free_port, running_cluster
from tests.support.postgres18 import find_postgres18
from tests.support.standby import REPLICATION_HBA, running_standby

Pair = tuple[Cluster, Cluster]


@pytest.fixture(scope="module")
def pairs(programs: Programs) -> Iterator[Callable[[str], Pair]]:
    """A primary and a standby of each version."""
    running: dict[str, Pair] = {}
    with ExitStack() as stack:

        def get(kind: str) -> Pair:
            if kind not in running:
                chosen = programs if kind == "installed" else find_postgres18()
                primary = stack.enter_context(running_cluster(chosen, hba=REPLICATION_HBA))
                running[kind] = primary, stack.enter_context(running_standby(primary))
            return running[kind]

        yield get


@pytest.fixture
def pair(variant: Any, pairs: Callable[[str], Pair]) -> Pair:
    return pairs(variant.server)


def hosts(*clusters: Cluster, **more: Any) -> dict[str, Any]:
    base = {"user": "postgres", "database": "postgres", "sslmode": "disable"}
    return {**base, "host": [c.host for c in clusters], "port": [c.port for c in clusters], **more}


async def reached(**options: Any) -> int:
    async with await pg.connect(**options) as conn:
        port = await conn.fetchval("select inet_server_port()")
        assert isinstance(port, int)
        return port


@pytest.mark.parametrize(
    ("kind", "wanted"),
    [
        ("any", "first"),
        ("primary", "primary"),
        ("read-write", "primary"),
        ("standby", "standby"),
        ("read-only", "standby"),
        ("prefer-standby", "standby"),
    ],
)
async def test_kinds_of_servers(pair: Pair, kind: str, wanted: str) -> None:
    """In any order of hosts, with one that is down, and chosen at random."""
    primary, standby = pair
    for clusters in ((primary, standby), (standby, primary)):
        port = {"first": clusters[0], "primary": primary, "standby": standby}[wanted].port
        options = hosts(*clusters, target_session_attrs=kind)
        assert await reached(**options) == port
        down = {**options, "host": ["127.0.0.1", *options["host"]], "port": [free_port(), *options["port"]]}
        assert await reached(**down) == port
        if wanted != "first":
            assert {await reached(**options, load_balance_hosts="random") for _ in range(8)} == {port}


async def test_where_there_is_none_of_the_kind(pair: Pair) -> None:
    primary, standby = pair
    assert await reached(**hosts(primary, target_session_attrs="prefer-standby")) == primary.port
    refusals = [
        ("standby", primary, "not in hot standby mode"),
        ("read-only", primary, "not read-only"),
        ("primary", standby, "in hot standby mode"),
        ("read-write", standby, "read-only"),
    ]
    for kind, cluster, reason in refusals:
        with pytest.raises(pg.InterfaceError, match=reason):
            await pg.connect(**hosts(cluster, target_session_attrs=kind))
        with pytest.raises(pg.ConnectFailed, match=reason) as caught:
            await pg.connect(**hosts(cluster, cluster, target_session_attrs=kind))
        assert [where.endswith(f"port {cluster.port}") for where, _ in caught.value.attempts] == [True, True]


async def test_a_standby_reads_and_follows(pair: Pair, table: str) -> None:
    primary, standby = pair
    async with await pg.connect(**hosts(primary)) as writer, await pg.connect(**hosts(standby)) as reader:
        await writer.execute(f"create table {table} as select 7 as n")
        while not await reader.fetchval("select to_regclass($1) is not null from pg_sleep(0.01)", table):
            pass
        assert await reader.fetchval(f"select n from {table}") == 7
        with pytest.raises(pg.PostgresError, match="read-only transaction"):
            await reader.execute(f"drop table {table}")
        await writer.execute(f"drop table {table}")


async def test_every_host_is_taken_at_some_time(pair: Pair) -> None:
    options = hosts(*pair, load_balance_hosts="random")
    seen: set[int] = set()
    while len(seen) < 2:
        seen.add(await reached(**options))
    assert seen == {cluster.port for cluster in pair}


# -- how long each phase may take ------------------------------------------------------------------------------------


@asynccontextmanager
async def saying(*answers: bytes) -> AsyncIterator[int]:
    """A server that gives an answer to each of the first messages, and is silent from then on."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for part in answers:
            await reader.read(10_000)
            writer.write(part)
        await reader.read()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


@asynccontextmanager
async def black_hole() -> AsyncIterator[int]:
    """A port where a connection is never made: its queue is full, and nobody takes from it."""
    with ExitStack() as stack:
        listening = stack.enter_context(socket.socket())
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        port: int = listening.getsockname()[1]
        for _ in range(20):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(("127.0.0.1", port))
        yield port


SCRAM = b"R\0\0\0\x17\0\0\0\x0aSCRAM-SHA-256\0\0"
LOGGED_IN = b"R\0\0\0\x08\0\0\0\0Z\0\0\0\5I"
PHASES: dict[str, tuple[Any, dict[str, Any], str]] = {
    "TCP": (black_hole, {}, "timeout expired while connecting"),
    "SSLRequest": (saying, {"sslmode": "require"}, "timeout expired while negotiating TLS"),
    "TLS": (lambda: saying(b"S"), {"sslmode": "require"}, "timeout expired while negotiating TLS"),
    "StartupMessage": (saying, {"sslmode": "disable"}, "timeout expired while logging in"),
    "password": (lambda: saying(SCRAM), {"sslmode": "disable"}, "timeout expired while logging in"),
    "kind": (
        lambda: saying(LOGGED_IN),
        {"sslmode": "disable", "target_session_attrs": "primary"},
        "asking for the kind",
    ),
}


async def test_each_phase_has_its_time(cluster: Cluster) -> None:
    """``connect_timeout`` ends what stalls in any phase, and says which; the next host is tried behind it."""

    async def attempt(phase: str) -> None:
        server, options, reason = PHASES[phase]
        options = {"host": "127.0.0.1", "user": "u", "password": "p", "connect_timeout": 2, **options}
        async with server() as port:
            with pytest.raises(pg.ConnectFailed, match=reason) as caught:
                await pg.connect(port=port, **options)
            assert isinstance(caught.value.attempts[0][1], asyncio.TimeoutError), phase

    async def next_host() -> None:
        async with black_hole() as port:
            options = hosts(cluster, connect_timeout=2)
            both = {**options, "host": ["127.0.0.1", cluster.host], "port": [port, cluster.port]}
            assert await reached(**both) == cluster.port

    await asyncio.gather(*(attempt(phase) for phase in PHASES), next_host())


async def test_all_of_it_together() -> None:
    async def attempt(phase: str) -> None:
        server, options, _ = PHASES[phase]
        options = {"host": "127.0.0.1", "user": "u", "password": "p", **options}
        async with server() as port:
            with pytest.raises(asyncio.TimeoutError):
                await pg.connect(port=port, timeout=0.2, **options)

    await asyncio.gather(*(attempt(phase) for phase in PHASES))
