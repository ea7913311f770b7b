"""Infinite dates and moments are told apart from the first and last of Python's, which they equal."""

from __future__ import annotations

from datetime import date, datetime, timezone
from typing import Any

import pytest

from pgwire_py import oids
from pgwire_py.values.infinity import infinity_text

CASES = [
    (oids.DATE, "9999-12-31", date.max, "infinity"),
    (oids.DATE, "0001-01-01", date.min, "-infinity"),
    (oids.TIMESTAMP, "9999-12-31 23:59:59.999999", datetime.max, "infinity"),
    (oids.TIMESTAMP, "0001-01-01 00:00:00", datetime.min, "-infinity"),
    (oids.TIMESTAMPTZ, "9999-12-31 23:59:59.999999+00", datetime.max.replace(tzinfo=timezone.utc), "infinity"),
    (oids.TIMESTAMPTZ, "0001-01-01 00:00:00+00", datetime.min.replace(tzinfo=timezone.utc), "-infinity"),
]


@pytest.mark.parametrize(("oid", "finite", "equal", "name"), CASES)
def test_infinities_are_known(core: Any, oid: int, finite: str, equal: date, name: str) -> None:
    for text, told in ((name, name), (finite, None)):
        (value,) = core.decode_values((oid,), (0,), (text.encode(),))
        assert value == equal
        assert infinity_text(value) == told
    binary = core.encode_value(oid, 1, name)
    (value,) = core.decode_values((oid,), (1,), (binary,))
    assert infinity_text(value) == name
