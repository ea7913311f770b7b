"""Rows put aside for a cursor: DataRow messages, in memory while they are few, then in a temporary file."""

from __future__ import annotations

import tempfile
from array import array
from bisect import bisect_right
from typing import Final

__all__ = ["RowStore", "split_rows"]

IN_MEMORY: Final = 1024 * 1024
"""Bytes held in memory before a file takes them."""

_BLOCK: Final = 64 * 1024
"""Bytes, or a little more, of which only the first row's place is remembered."""


class RowStore:
    """Rows in the order in which they came; the first one has number ``first``.

    Attributes:
        first: number of the first row.
        end: number of the row that would come next.
        size: bytes held.
    """

    __slots__ = ("_block", "_file", "_rows", "_starts", "_walked", "end", "first", "size")

    def __init__(self, first: int) -> None:
        self.first = self.end = first
        self.size = 0
        self._file = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115  closed by close()
        self._starts = array("Q")
        self._rows = array("Q")
        self._block: list[bytes] = []
        self._walked = -1

    def append(self, data: bytes | memoryview, rows: int) -> None:
        """Add DataRow messages, ``rows`` of them."""
        if not rows:
            return
        if not self._starts or self.size - self._starts[-1] >= _BLOCK:
            self._starts.append(self.size)
            self._rows.append(self.end)
        self._file.seek(self.size)
        self._file.write(data)
        self.size += len(data)
        self.end += rows
        self._walked = -1

    def read(self, start: int, stop: int) -> list[bytes]:
        """Rows from number ``start`` on, before ``stop``: one at least and as many as lie together; there must be such rows."""
        block = bisect_right(self._rows, start) - 1
        self._walk(block)
        first = self._rows[block]
        return self._block[start - first : stop - first]

    def read_back(self, start: int, stop: int) -> list[bytes]:
        """Rows before number ``stop``, from ``start`` on, in reverse: one at least and as many as lie together."""
        block = bisect_right(self._rows, stop - 1) - 1
        self._walk(block)
        first = self._rows[block]
        return self._block[max(start - first, 0) : stop - first][::-1]

    def _walk(self, block: int) -> None:
        if self._walked == block:
            return
        start = self._starts[block]
        end = self._starts[block + 1] if block + 1 < len(self._starts) else self.size
        self._file.seek(start)
        self._block = split_rows(self._file.read(end - start))
        self._walked = block

    def close(self) -> None:
        """Free the memory or the file."""
        self._block = []
        self._walked = -1
        self._file.close()


def split_rows(data: bytes | memoryview) -> list[bytes]:
    """DataRow messages one by one."""
    data = bytes(data)
    rows: list[bytes] = []
    position = 0
    while position < len(data):
        end = position + 1 + int.from_bytes(data[position + 1 : position + 5], "big")
        rows.append(data[position:end])
        position = end
    return rows
