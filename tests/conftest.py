"""Fixtures for every test: ``core`` runs a test with each implementation under test, and a missing native one fails."""

from __future__ import annotations

import os
import signal
import sysconfig
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

import pgwire_py
from pgwire_py.connection import backend, frontend
from tests.support import DUCKDB, IMPLEMENTATIONS, WHEEL, core_module

# How fast the machine is does not decide whether a test passes, nor does chance: every run draws the same cases, unless
# PGWIRE_PY_RANDOM asks for others. Exploring is what `make fuzz` is for.
settings.register_profile(
    "pgwire_py",
    deadline=None,
    derandomize=not os.environ.get("PGWIRE_PY_RANDOM"),
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("pgwire_py")


WITHOUT_DUCKDB = (
    []
    if DUCKDB
    else [
        "unit/test_arrow.py",
        "unit/test_arrow_decoder.py",
        "unit/test_arrow_producers.py",
        "unit/test_cli.py",
        "unit/test_demo.py",
        "unit/test_engine_duckdb.py",
        "integration/test_cli_serve.py",
    ]
)
WITHOUT_NATIVE = ["parity", "test_stubs.py"] if WHEEL == "pure" else []
# They take long, and what they show does not depend on how the package was installed.
WITHOUT_DRIVERS = ["integration/test_drivers.py"] if WHEEL else []
WITHOUT_CHAOS = ["integration/test_chaos.py", "integration/test_crowd.py"] if WHEEL else []
collect_ignore = [*WITHOUT_DUCKDB, *WITHOUT_NATIVE, *WITHOUT_DRIVERS, *WITHOUT_CHAOS]


class Failures:
    """Says what failed, and why, as soon as it has: a run that something ends before its report has told it."""

    def __init__(self, terminal: pytest.TerminalReporter) -> None:
        self._terminal = terminal

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self._terminal.ensure_newline()
            self._terminal.write_line(f"{report.nodeid} failed in {report.when} after {report.duration:.0f} s")
            self._terminal.write_line(report.longreprtext[-600:])


def pytest_sessionstart(session: pytest.Session) -> None:
    terminal = session.config.pluginmanager.getplugin("terminalreporter")
    if terminal is not None and not hasattr(session.config, "workerinput"):
        session.config.pluginmanager.register(Failures(terminal))


def pytest_configure() -> None:
    """A run that names a wheel must have it: this implementation, from where packages are installed.

    What a shell starts in the background begins with SIGINT ignored, and so do its children: tests send it to both.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    package = Path(pgwire_py.__file__).parent
    if WHEEL and pgwire_py.IMPLEMENTATION != WHEEL:
        raise pytest.UsageError(f"the {WHEEL} wheel runs on the {pgwire_py.IMPLEMENTATION} implementation")
    if WHEEL and str(package.parent) not in (sysconfig.get_path("purelib"), sysconfig.get_path("platlib")):
        raise pytest.UsageError(f"the {WHEEL} wheel is to be tested, but pgwire_py comes from {package}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what was left out: the header is not shown with -q."""
    if WITHOUT_DUCKDB:
        left_out = ", ".join(WITHOUT_DUCKDB)
        terminalreporter.write_line(f"DuckDB 2 needs Python 3.11: left out are {left_out} and every target duckdb")
    if WITHOUT_NATIVE:
        left_out = ", ".join(WITHOUT_NATIVE)
        terminalreporter.write_line(f"the pure wheel has no native core to compare with: left out are {left_out}")
    if WITHOUT_DRIVERS:
        terminalreporter.write_line("the drivers of other languages run in a clone alone: left out is test_drivers.py")
    if WITHOUT_CHAOS:
        left_out = ", ".join(WITHOUT_CHAOS)
        terminalreporter.write_line(f"chaos and crowds run in a clone alone: left out are {left_out}")


@pytest.fixture(params=IMPLEMENTATIONS)
def core(request: pytest.FixtureRequest) -> Any:
    """The core module of one implementation; see ``pgwire_py._impl.interface.Core``."""
    return core_module(request.param)


@pytest.fixture
def ends(core: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Both connections work with the core of one implementation, whichever the process has chosen."""
    monkeypatch.setattr(backend, "FrontendDecoder", core.FrontendDecoder)
    monkeypatch.setattr(frontend, "BackendDecoder", core.BackendDecoder)
    for module in (backend, frontend):
        monkeypatch.setattr(module, "encode_message", core.encode_message)
    return core
