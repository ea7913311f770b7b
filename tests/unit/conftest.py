"""Fixtures of the unit tests."""

from __future__ import annotations

from typing import Any

import pytest

from pgwire_py.state import Phase
from pgwire_py.testing import ConnectionPair
from tests.support.conversations import phases


@pytest.fixture(params=[None, 1, 7], ids=["whole", "bytes", "sevens"])
def new(request: pytest.FixtureRequest, ends: Any) -> ConnectionPair:
    """A pair that has said nothing."""
    return ConnectionPair(chunk=request.param)


@pytest.fixture
def pair(new: ConnectionPair) -> ConnectionPair:
    """A pair that is logged in."""
    new.start()
    assert phases(new) == (Phase.IDLE, Phase.IDLE)
    return new
