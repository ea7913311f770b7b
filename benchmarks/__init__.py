"""The benchmark: ``python -m benchmarks``, or ``make bench``."""
