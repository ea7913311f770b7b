"""The client against PostgreSQL, the installed one and the newest, with both cores: on asyncio, on uvloop, and blocking."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio

import pgwire_py as pg
from pgwire_py import _impl, client
from pgwire_py.blocking import driver
from pgwire_py.client import (
    arrow,
    connecting,
    connection,
    copying,
    core,
    cursor,
    low_level,
    pipeline,
    plan,
    protocol,
    rows,
)
from pgwire_py.connection import frontend
from pgwire_py.types import registry
from tests.support import IMPLEMENTATIONS, core_module, threaded
from tests.support.postgres import Cluster, Programs, running_cluster
from tests.support.postgres18 import find_postgres18

MODULES = (
    _impl, arrow, client.answers, connecting, connection, copying, core, cursor, low_level, plan, pipeline, protocol, rows, frontend,
    registry, driver,
)  # fmt: skip
NAMES = (
    "ArrowDecoder",
    "ArrowEncoder",
    "ArrowTable",
    "BackendDecoder",
    "CopyEncoder",
    "FrameDecoder",
    "MessageBuilder",
    "Record",
    "RowDecoder",
    "RowEncoder",
    "SocketIO",
    "decode_values",
    "encode_value",
)


@dataclass(frozen=True)
class Variant:
    """What a test runs on."""

    server: str
    implementation: str

    def __str__(self) -> str:
        return f"{self.server}-{self.implementation}"


VARIANTS = [Variant("installed", IMPLEMENTATIONS[0]), Variant("newest", IMPLEMENTATIONS[-1])]


@pytest.fixture(params=VARIANTS, ids=str)
def variant(request: pytest.FixtureRequest) -> Variant:
    found: Variant = request.param
    return found


def pytest_asyncio_loop_factories(config: pytest.Config, item: pytest.Item) -> dict[str, Callable[[], Any]]:
    """Every test here runs on asyncio's event loop, on uvloop's, and with the blocking client on threads.

    Marked ``event_loop``: what it is about does not exist without one, as tasks that are cancelled.
    """
    factories: dict[str, Callable[[], Any]] = {"asyncio": asyncio.new_event_loop}
    if sys.platform != "win32":
        import uvloop

        factories["uvloop"] = uvloop.new_event_loop
    if item.get_closest_marker("event_loop") is None:
        factories["blocking"] = asyncio.SelectorEventLoop
    return factories


@pytest.fixture(autouse=True)
def kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Which client the names of the package mean."""
    factory = getattr(request.node, "callspec", None) and request.node.callspec.params.get("_asyncio_loop_factory")
    blocking = factory is asyncio.SelectorEventLoop
    if blocking:
        monkeypatch.setattr(pg, "connect", threaded.connect)
        monkeypatch.setattr(pg, "create_pool", threaded.create_pool)
    return "blocking" if blocking else "asyncio"


@pytest.fixture(autouse=True)
def implementation(variant: Variant, monkeypatch: pytest.MonkeyPatch) -> str:
    """The client works with the core of one implementation, whichever the process has chosen."""
    chosen = core_module(variant.implementation)
    for module in MODULES:
        for name in NAMES:
            if hasattr(module, name):
                monkeypatch.setattr(module, name, getattr(chosen, name))
    return variant.implementation


@pytest.fixture(scope="session")
def clusters(programs: Programs) -> Iterator[Callable[[str], Cluster]]:
    """A running cluster of each kind, started when it is first asked for."""
    running: dict[str, Any] = {}

    def get(kind: str) -> Cluster:
        if kind not in running:
            manager = running_cluster(programs if kind == "installed" else find_postgres18())
            running[kind] = manager, manager.__enter__()
        found: Cluster = running[kind][1]
        return found

    yield get
    for manager, _ in running.values():
        manager.__exit__(None, None, None)


@pytest.fixture
def cluster(variant: Variant, clusters: Callable[[str], Cluster]) -> Cluster:
    return clusters(variant.server)


@pytest.fixture
def options(cluster: Cluster) -> dict[str, Any]:
    """How to connect, as keywords."""
    return {"host": cluster.host, "port": cluster.port, "user": "postgres", "database": "postgres"}


@pytest_asyncio.fixture
async def conn(options: dict[str, Any], kind: str) -> AsyncIterator[pg.Connection]:
    connection = await pg.connect(**options)
    yield connection
    await connection.close(timeout=10)
