"""Intervals as PostgreSQL prints them in each IntervalStyle; ``cargo test`` holds the native core to the same vectors."""

from __future__ import annotations

import pytest

from pgwire_py._impl.pure.types import interval
from tests import vectors

VECTORS = vectors.load("intervals", "interval_styles.json")


@pytest.mark.parametrize("style", ["postgres", "postgres_verbose", "sql_standard", "iso_8601"])
def test_each_style_is_printed_and_read(style: str) -> None:
    assert len(VECTORS) > 50
    for vector in VECTORS:
        value = interval.Interval(vector["months"], vector["days"], vector["micros"])
        assert interval.to_text(value, style) == vector[style]
        assert interval.parse(vector[style], style) == value


def test_a_single_minus_sign_in_front_holds_for_all_parts_in_sql_standard_alone() -> None:
    assert interval.parse("-1-2 3 4:05:06", "sql_standard") == interval.Interval(-14, -3, -14_706_000_000)
    assert interval.parse("-1-2 3 4:05:06") == interval.Interval(-14, 3, 14_706_000_000)
    assert interval.parse("-1-2 +3 4:05:06", "sql_standard") == interval.Interval(-14, 3, 14_706_000_000)
