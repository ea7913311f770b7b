"""Fixtures for every test: ``core`` runs a test once with each implementation, and a missing native one fails."""

from __future__ import annotations

import importlib
from typing import Any

import pytest

IMPLEMENTATIONS = {"native": "pgwire_py._native", "pure": "pgwire_py._impl.pure"}


@pytest.fixture(params=IMPLEMENTATIONS)
def core(request: pytest.FixtureRequest) -> Any:
    """The core module of one implementation; see ``pgwire_py._impl.interface.Core``."""
    return importlib.import_module(IMPLEMENTATIONS[request.param])
