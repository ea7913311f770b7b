"""Fixtures of the unit tests."""

from __future__ import annotations

from typing import Any

import pytest

from pgwire_py.connection import backend, frontend


@pytest.fixture
def ends(core: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Both connections work with the core of one implementation, whichever the process has chosen."""
    monkeypatch.setattr(backend, "FrontendDecoder", core.FrontendDecoder)
    monkeypatch.setattr(frontend, "BackendDecoder", core.BackendDecoder)
    for module in (backend, frontend):
        monkeypatch.setattr(module, "encode_message", core.encode_message)
    return core
