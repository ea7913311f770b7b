"""Drivers of six languages run one workload: `tests/drivers/workload.json`, which says what PostgreSQL answers to each step.

PostgreSQL is the referee of the programs; ours must answer the same with each engine, but for what the workload itself names as a
difference of an engine (keys ``sqlite`` and ``duckdb`` of a step).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.drivers import (
    BUILD_DEADLINE,
    DRIVERS,
    RUN_DEADLINE,
    WORKLOAD,
    Answers,
    LoginServer,
    login_server,
    run_driver,
)
from tests.support.postgres import Programs
from tests.support.targets import OURS, REFEREE

REFERENCE = Path(__file__).parents[2] / "docs" / "reference" / "clients.md"
pytestmark = pytest.mark.timeout(2 * BUILD_DEADLINE + RUN_DEADLINE)  # one may wait for what another builds
STEPS = json.loads(WORKLOAD.read_text(encoding="utf-8"))
UNSUPPORTED: dict[str, set[str]] = {
    "psql": {"copy_rows", "first"},
    "libpq": {"copy_rows", "first"},
    "asyncpg": {"several"},
    "pg8000": {"several", "copy_rows", "portions", "first"},
    "pgx": {"portions", "first"},
    "pgjdbc": {"copy_rows"},
    "node-postgres": {"copy_rows"},
    "postgres.js": {"copy_rows", "copy_bad"},
    "sqlx": {"copy_rows", "portions"},
}
"""Kinds of steps that a driver has no way to do."""

OF_DRIVERS: dict[tuple[str, str, str], dict[str, object]] = {
    # It logs that ROLLBACK TO failed, and rolls back the whole transaction.
    ("psycopg", "duckdb", "nested transactions"): {"done": True},
    # It tries ROLLBACK TO once more, and rolls back the whole transaction next.
    ("sqlx", "duckdb", "after nested transactions"): {"error": "0A000"},
}
"""Answers where a driver makes something else of what an engine cannot do."""


@pytest.fixture(scope="module", params=[REFEREE, *OURS])
def server(
    request: pytest.FixtureRequest, programs: Programs, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, LoginServer]]:
    with login_server(request.param, programs, tmp_path_factory.mktemp("drivers")) as started:
        yield request.param, started


@pytest.mark.parametrize("name", DRIVERS)
def test_workload(server: tuple[str, LoginServer], name: str) -> None:
    engine, address = server
    driver = DRIVERS[name]
    driver.prepare()
    assert run_driver(driver.command, address) == _expected(name, engine)


def test_the_reference_names_them() -> None:
    rows = re.findall(r"^\| ([\w.-]+)[^|]* \| [\d.]+ \|", REFERENCE.read_text(encoding="utf-8"), re.MULTILINE)
    assert rows == list(DRIVERS)


def _expected(driver: str, engine: str) -> Answers:
    return {step["name"]: _answer(step, driver, engine) for step in STEPS}


def _answer(step: dict[str, Any], driver: str, engine: str) -> dict[str, Any]:
    if step["do"] in UNSUPPORTED.get(driver, ()):
        return {"unsupported": True}
    return OF_DRIVERS.get((driver, engine, step["name"]), step.get(engine, step["expect"]))
