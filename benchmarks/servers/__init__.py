"""Servers of pgwire_py that the benchmark measures."""
