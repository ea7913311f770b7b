"""The one error that ends a benchmark."""

from __future__ import annotations


class BenchmarkError(Exception):
    """A server, tool or workload does not work; the text says which and why."""
