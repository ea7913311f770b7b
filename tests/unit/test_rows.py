"""RowEncoder: the bytes of DataRow messages, where it stops, and what its errors say."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from pgwire_py import oids
from pgwire_py.errors import PostgresError

ROWS = [(1, "one", datetime(2024, 1, 2)), [None, "", None]]
TYPES = [oids.INT4, oids.TEXT, oids.TIMESTAMP]
TEXT = bytes.fromhex(
    "44 00000029 0003 00000001 31 00000003 6f6e65 00000013 323032342d30312d30322030303a30303a3030"
    "44 00000012 0003 ffffffff 00000000 ffffffff"
)
MIXED = bytes.fromhex(
    "44 00000021 0003 00000004 00000001 00000003 6f6e65 00000008 0002b0e9f2c0a000"
    "44 00000012 0003 ffffffff 00000000 ffffffff"
)


@pytest.mark.parametrize(("formats", "expected"), [([], TEXT), ([0], TEXT), ([1, 0, 1], MIXED)])
def test_rows_become_data_rows(core: Any, formats: list[int], expected: bytes) -> None:
    encoder = core.RowEncoder(TYPES, formats)
    assert encoder.encode(ROWS, 0, 1 << 20) == (expected, 2)
    assert encoder.encode(tuple(ROWS), 0, 1 << 20) == (expected, 2)


def test_encoding_stops_once_enough_is_written_and_goes_on_from_there(core: Any) -> None:
    encoder = core.RowEncoder([oids.INT4], [])
    rows = [(number,) for number in range(100)]
    whole, _ = encoder.encode(rows, 0, 1 << 20)
    first, after = encoder.encode(rows, 0, 13)
    assert (len(first), after) == (24, 2)
    rest, end = encoder.encode(rows, after, 1 << 20)
    assert (first + rest, end) == (whole, 100)
    assert encoder.encode(rows, 100, 1 << 20) == (b"", 100)
    # One row at least is written: whoever asks gets on.
    assert encoder.encode(rows, 5, 0)[1] == 6


def test_rows_without_columns(core: Any) -> None:
    assert core.RowEncoder([], []).encode([()], 0, 1) == (b"D\x00\x00\x00\x06\x00\x00", 1)


def test_an_error_names_row_column_type_and_value(core: Any) -> None:
    encoder = core.RowEncoder([oids.TEXT, oids.INT4], [])
    with pytest.raises(PostgresError) as caught:
        encoder.encode([("a", 1), ("b", "x" * 100)], 0, 1 << 20)
    assert caught.value.sqlstate == "22P02"
    assert caught.value.where == f"row 1, column 2, type int4, value '{'x' * 63}…"


@pytest.mark.parametrize(
    ("rows", "sqlstate", "message"),
    [
        ([(1, 2)], "08P01", "row 0 has 2 values, but there are 1 columns"),
        ([[]], "08P01", "row 0 has 0 values, but there are 1 columns"),
        ([(1,), "ab"], "42804", "row 1 is neither a tuple nor a list, dict, Record or dataclass instance"),
        ({1: 2}, "42804", "rows are neither a list nor a tuple"),
    ],
)
def test_rows_of_the_wrong_shape_are_refused(core: Any, rows: Any, sqlstate: str, message: str) -> None:
    with pytest.raises(PostgresError) as caught:
        core.RowEncoder([oids.INT4], []).encode(rows, 0, 1 << 20)
    assert (caught.value.sqlstate, caught.value.message) == (sqlstate, message)


@pytest.mark.parametrize(
    ("count", "formats", "sqlstate"), [(40_000, [], "54000"), (3, [0, 1], "08P01"), (1, [7], "22023")]
)
def test_columns_and_formats_are_checked(core: Any, count: int, formats: list[int], sqlstate: str) -> None:
    with pytest.raises(PostgresError) as caught:
        core.RowEncoder([oids.INT4] * count, formats)
    assert caught.value.sqlstate == sqlstate


def test_a_row_that_changes_while_it_is_encoded_does_no_harm(core: Any) -> None:
    rows: list[list[object]] = []

    class Shrinking:
        def __index__(self) -> int:
            rows.clear()
            return 5

    rows += [[Shrinking()], [1], [2]]
    data, _ = core.RowEncoder([oids.INT4], []).encode(rows, 0, 1 << 20)
    assert data == b"D\x00\x00\x00\x0b\x00\x01\x00\x00\x00\x015"
