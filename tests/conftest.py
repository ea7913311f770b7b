"""Fixtures for every test: ``core`` runs a test once with each implementation, and a missing native one fails."""

from __future__ import annotations

import importlib
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

IMPLEMENTATIONS = {"native": "pgwire_py._native", "pure": "pgwire_py._impl.pure"}


# How fast the machine is does not decide whether a test passes.
settings.register_profile("pgwire_py", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("pgwire_py")


@pytest.fixture(params=IMPLEMENTATIONS)
def core(request: pytest.FixtureRequest) -> Any:
    """The core module of one implementation; see ``pgwire_py._impl.interface.Core``."""
    return importlib.import_module(IMPLEMENTATIONS[request.param])
