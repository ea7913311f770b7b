"""Chaos: 200 sessions connect, query, cancel, vanish, copy and err at random, over SQLite and DuckDB at once, for two minutes.

Nothing may be left of them, and every commit that was acknowledged must be there. ``make chaos SECONDS=600`` goes on for longer. The
clients are in ``tests/support/chaos.py``; what a seed decides is what they do, not when it meets what others do.
"""

from __future__ import annotations

import json
import os
import re
import statistics
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from tests.support.servers import running_server
from tests.support.targets import OURS
from tests.support.watched_server import Held

SECONDS = float(os.environ.get("PGWIRE_PY_CHAOS_SECONDS", "120"))
SEED = int(os.environ.get("PGWIRE_PY_CHAOS_SEED", "1"))
SESSIONS = 200
DEADLINE = SECONDS + 480
pytestmark = pytest.mark.timeout(DEADLINE + 60)
LOOP = {"sqlite": "asyncio", "duckdb": "uvloop"}
SETTLED = 2
"""Rounds after which caches are full and pools have their threads."""
MEGABYTE = 1024 * 1024

DESCRIBED = {"login", "raw", "vanish", "echo", "read", "write", "transact", "copy in", "copy out", "err", "cancel"}
"""What must have happened, or the run shows nothing."""


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, dict[str, Any]]]:
    """What came of a run against each engine."""
    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(len(OURS)) as threads:
        patch.setenv("MALLOC_ARENA_MAX", "2")  # what one thread has freed serves others: fragments are no leak
        runs = {engine: threads.submit(run, engine, tmp_path_factory.mktemp("chaos")) for engine in OURS}
        yield {engine: running.result() for engine, running in runs.items()}


@pytest.fixture(params=OURS)
def report(reports: dict[str, dict[str, Any]], request: pytest.FixtureRequest) -> dict[str, Any]:
    """What came of the run against one engine; shown where a test fails, or with ``-s``."""
    found = reports[request.param]
    print(f"\n{request.param}, seed {SEED}, {SECONDS:g} s:")
    for name, value in found.items():
        print(f"  {name}: {value if name != 'held' else ''}", *(value if name == "held" else ()), sep="\n    ")
    return found


def run(engine: str, folder: Path) -> dict[str, Any]:
    """Serve an engine, let the clients loose, and return their report, with what the server has printed.

    Who vanishes while a statement runs keeps his place until it ends: there is room for such.
    """
    serve = [
        sys.executable,
        "-m",
        "tests.support.watched_server",
        engine,
        str(folder / "chaos.db"),
        "--loop",
        LOOP[engine],
    ]
    with running_server(
        [*serve, "--option", f"max_connections={5 * SESSIONS}", "--option", "startup_timeout=600"]
    ) as server:
        control = re.search(r"control=(\d+)", server.output)
        assert control is not None
        uri = f"postgresql://tester@{server.host}:{server.port}/test"
        options = ["--seconds", str(SECONDS), "--seed", str(SEED), "--sessions", str(SESSIONS)]
        clients = [sys.executable, "-m", "tests.support.chaos", uri, control[1], engine, *options]
        done = subprocess.run(clients, capture_output=True, text=True, check=False, timeout=DEADLINE)
        assert done.returncode == 0, f"{done.stderr}\n{server.output}"
        assert server.process.poll() is None, server.output
        report: dict[str, Any] = json.loads(done.stdout)
        return {
            **report,
            "engine": engine,
            "printed": server.output.splitlines()[1:],
            "held": [Held(**held) for held in report["held"]],
        }


def test_every_acknowledged_commit_is_there(report: dict[str, Any]) -> None:
    """And nothing that was not committed; transactions whose end nobody was told of are there as a whole or not at all."""
    assert report["faults"] == []
    assert report["rows"] >= report["transactions"]["acknowledged"] > 0


def test_answers_are_as_documented(report: dict[str, Any]) -> None:
    """Answers belong to their questions, errors are those that were asked for, and the server logs none of its own."""
    assert report["surprises"] == []
    assert set(report["acts"]) >= DESCRIBED
    assert [line for line in report["printed"] if line.startswith(("Traceback", "Task ", "Fatal"))] == []


def test_nothing_is_left(report: dict[str, Any]) -> None:
    """Between rounds, when everybody is gone: no tasks, threads, descriptors or objects of theirs."""
    first, *rounds = report["held"]
    for held in rounds:
        assert (held.sessions, held.connections, held.session_threads, held.left) == (0, 0, 0, [])
        assert held.tasks <= first.tasks
    settled, later = rounds[:SETTLED], rounds[SETTLED:]
    assert (
        max(held.descriptors for held in later) <= max(held.descriptors for held in settled) + 4
    )  # the engine's own files
    pools = (
        2 * (os.cpu_count() or 1) + 8
    )  # asyncio's default one, of which threads come when they are first needed, and passwords'
    assert max(held.threads for held in later) <= max(held.threads for held in settled) + pools
    logins = report["logins"][-1] - report["logins"][SETTLED - 1]
    grown = min(held.objects for held in later[-2:]) - max(
        held.objects for held in settled
    )  # caches are fuller or emptier
    assert grown < max(logins / 2, 5_000)


def test_memory_does_not_grow(report: dict[str, Any]) -> None:
    """The slope from round to round, the median of all pairs of them: one round that is high or low does not matter."""
    memory = [held.memory for held in report["held"][SETTLED:]]
    slope = statistics.median((memory[b] - memory[a]) / (b - a) for a, b in combinations(range(len(memory)), 2))
    # DuckDB keeps blocks, up to its memory_limit (watched_server.py), more or less of them from round to round.
    allowed = (256 if report["engine"] == "duckdb" else 48) * MEGABYTE
    assert slope * len(memory) < allowed + statistics.median(memory) / 4
