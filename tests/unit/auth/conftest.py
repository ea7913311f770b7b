"""Everything here runs on both implementations: the functions that pgwire_py.auth calls are replaced by each one's."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pgwire_py import _impl
from tests.support import IMPLEMENTATIONS, core_module

ARITHMETIC = [name for name in _impl.__all__ if name.startswith(("scram_", "md5_", "prepare_"))]


@pytest.fixture(params=IMPLEMENTATIONS, scope="module", autouse=True)
def implementation(request: pytest.FixtureRequest) -> Iterator[str]:
    module = core_module(request.param)
    with pytest.MonkeyPatch.context() as patch:
        for name in ARITHMETIC:
            patch.setattr(_impl, name, getattr(module, name))
        yield request.param
