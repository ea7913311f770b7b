"""Fixtures of the integration tests.

A test that takes ``target`` runs against PostgreSQL, which verifies what the test expects, and against our server with the SQLite and
the DuckDB engine. Marked ``smoke``, it also runs against both engines on the pure-Python implementation. Marked ``engines("a", "b")``
it runs only against those: for what the others cannot do by their nature.
"""

from __future__ import annotations

import subprocess
import uuid
from collections.abc import Iterator

import pytest

from tests.support.postgres import Programs, find_programs, running_cluster
from tests.support.postgres18 import find_postgres18
from tests.support.psql import Psql, run_psql
from tests.support.raw import RawClient
from tests.support.targets import OURS, OURS_PURE, REFEREE, Target, Targets
from tests.support.typed import Server


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "smoke: also runs on the pure implementation")
    config.addinivalue_line("markers", "engines(*names): runs only against these of postgres, sqlite, duckdb")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "target" in metafunc.fixturenames:
        smoke = any(metafunc.definition.iter_markers("smoke"))
        names = [REFEREE, *OURS, *(OURS_PURE if smoke else ())]
        for marker in metafunc.definition.iter_markers("engines"):
            names = [name for name in names if name.partition("-")[0] in marker.args]
        metafunc.parametrize("target", names, indirect=True)
    if "our_target" in metafunc.fixturenames:
        metafunc.parametrize("our_target", OURS, indirect=True)


USED: list[Programs] = []


@pytest.fixture(scope="session")
def programs() -> Programs:
    """PostgreSQL's programs, found or fetched; the end of the report says which."""
    USED.append(find_programs())
    return USED[0]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for found in USED:
        terminalreporter.write_line(f"integration tests used {found}")


@pytest.fixture(scope="session")
def targets(programs: Programs, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Targets]:
    started = Targets(tmp_path_factory.mktemp("sources"), programs)
    yield started
    started.close()


@pytest.fixture
def target(targets: Targets, request: pytest.FixtureRequest) -> Iterator[Target]:
    """A running server of each kind; what it prints during the test is shown when the test fails."""
    yield from _shown(targets.get(request.param))


@pytest.fixture
def our_target(targets: Targets, request: pytest.FixtureRequest) -> Iterator[Target]:
    """As ``target``, without PostgreSQL."""
    yield from _shown(targets.get(request.param))


def _shown(target: Target) -> Iterator[Target]:
    before = len(target.output())
    yield target
    printed = target.output()[before:]
    if printed:
        print(f"--- output of {target.name}:\n{printed}")


@pytest.fixture
def table() -> str:
    """A name that no other test uses."""
    return f"t_{uuid.uuid4().hex[:12]}"


@pytest.fixture
def raw(target: Target) -> Iterator[RawClient]:
    """A raw client that has logged in to ``target``."""
    with target.raw() as client:
        yield client


@pytest.fixture
def psql(target: Target, programs: Programs) -> Psql:
    """Runs psql against ``target``: ``psql("select 1", …)`` gives each text to its own ``-c``; unaligned, tuples only, no psqlrc."""

    def run(
        *commands: str, options: tuple[str, ...] = ("-At",), stdin: str | None = None, dsn: str = target.dsn
    ) -> subprocess.CompletedProcess[str]:
        return run_psql(programs, dsn, *commands, options=options, stdin=stdin)

    return run


@pytest.fixture(scope="session", params=["installed", "newest"])
def each_postgres(request: pytest.FixtureRequest, programs: Programs) -> Programs:
    """The installed PostgreSQL, and version 18 where that is not the installed one."""
    chosen = programs if request.param == "installed" else find_postgres18()
    if request.param == "newest" and chosen == programs:
        pytest.skip("the installed PostgreSQL is the newest one already")
    return chosen


@pytest.fixture(scope="session")
def server(each_postgres: Programs) -> Iterator[Server]:
    """A connection to each of them."""
    with running_cluster(each_postgres) as cluster, RawClient(cluster.host, cluster.port, timeout=60) as client:
        client.login("postgres", "postgres", client_encoding="UTF8", TimeZone="UTC")
        yield Server(client, each_postgres.version)
