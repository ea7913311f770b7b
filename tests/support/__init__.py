"""What several tests share: PostgreSQL itself, our servers as processes, a raw protocol client, certificates."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import Any

DUCKDB = sys.version_info >= (3, 11)
"""Whether DuckDB 2, which the DuckDB engine needs, exists for this Python. Where it should exist and is missing, tests fail."""

WHEEL = os.environ.get("PGWIRE_PY_WHEEL", "")
"""``native`` or ``pure`` where an installed wheel is tested (``make test-wheels``); empty in a clone, which has both implementations."""

IMPLEMENTATIONS = (WHEEL,) if WHEEL else ("native", "pure")
"""What the tests run on. A wheel is tested with its own implementation alone; only parity asks the native one for both."""


def core_module(implementation: str) -> Any:
    """The core module of one implementation; see ``pgwire_py._impl.interface.Core``."""
    return import_module({"native": "pgwire_py._native", "pure": "pgwire_py._impl.pure"}[implementation])
