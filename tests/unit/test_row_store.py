"""Rows put aside for a cursor come back, forward and backward, from memory and from a file."""

from __future__ import annotations

import pytest

from pgwire_py import oids
from pgwire_py._impl import RowEncoder
from pgwire_py.server.row_store import IN_MEMORY, RowStore, row_offsets


def _rows(*values: str) -> list[bytes]:
    return [bytes(RowEncoder([oids.TEXT]).encode([(value,)], 0, 1 << 20)[0]) for value in values]


def test_row_offsets() -> None:
    rows = _rows("a", "", "long " * 100)
    assert row_offsets(b"".join(rows)) == [0, 12, 23, 534]
    assert row_offsets(b"") == [0]


@pytest.mark.parametrize("width", [1, 2_000])
@pytest.mark.parametrize("first", [0, 7])
def test_forward_and_backward(width: int, first: int) -> None:
    """3,000 rows are some kilobytes, which stay in memory, or some megabytes, which do not."""
    rows = _rows(*(f"{n}".rjust(width, "x") for n in range(3_000)))
    store = RowStore(first)
    for start in range(0, 3_000, 17):
        store.append(b"".join(rows[start : start + 17]), len(rows[start : start + 17]))
    store.append(b"", 0)
    assert (store.first, store.end, store.size) == (first, first + 3_000, sum(map(len, rows)))
    assert (store.size > IN_MEMORY) == (width > 1)
    position, found = first, b""
    while position < store.end:
        data, count = store.read(position, store.end)
        position += count
        found += data
    assert found == b"".join(rows)
    backward = b""
    while position > first + 5:
        data, count = store.read_back(first + 5, position)
        position -= count
        backward += data
    assert backward == b"".join(rows[:4:-1])
    assert store.read(first + 100, first + 101) == (rows[100], 1)
    assert store.read_back(first + 100, first + 101) == (rows[100], 1)
    store.append(_rows("one more")[0], 1)
    assert store.read(store.end - 1, store.end) == (_rows("one more")[0], 1)
    store.close()
