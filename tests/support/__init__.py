"""What several tests share: PostgreSQL itself, our servers as processes, a raw protocol client, certificates."""

import sys

DUCKDB = sys.version_info >= (3, 11)
"""Whether DuckDB 2, which the DuckDB engine needs, exists for this Python. Where it should exist and is missing, tests fail."""
