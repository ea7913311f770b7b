"""Fixtures for every test: ``core`` runs a test once with each implementation, and a missing native one fails."""

from __future__ import annotations

import importlib
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from pgwire_py.connection import backend, frontend
from tests.support import DUCKDB

IMPLEMENTATIONS = {"native": "pgwire_py._native", "pure": "pgwire_py._impl.pure"}


# How fast the machine is does not decide whether a test passes.
settings.register_profile("pgwire_py", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("pgwire_py")


collect_ignore = (
    []
    if DUCKDB
    else [
        "unit/test_arrow.py",
        "unit/test_cli.py",
        "unit/test_demo.py",
        "unit/test_engine_duckdb.py",
        "integration/test_cli_serve.py",
    ]
)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what was left out: the header is not shown with -q."""
    if collect_ignore:
        left_out = ", ".join(collect_ignore)
        terminalreporter.write_line(f"DuckDB 2 needs Python 3.11: left out are {left_out} and every target duckdb")


@pytest.fixture(params=IMPLEMENTATIONS)
def core(request: pytest.FixtureRequest) -> Any:
    """The core module of one implementation; see ``pgwire_py._impl.interface.Core``."""
    return importlib.import_module(IMPLEMENTATIONS[request.param])


@pytest.fixture
def ends(core: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Both connections work with the core of one implementation, whichever the process has chosen."""
    monkeypatch.setattr(backend, "FrontendDecoder", core.FrontendDecoder)
    monkeypatch.setattr(frontend, "BackendDecoder", core.BackendDecoder)
    for module in (backend, frontend):
        monkeypatch.setattr(module, "encode_message", core.encode_message)
    return core
