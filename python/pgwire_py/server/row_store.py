"""Rows put aside for a cursor: DataRow messages, in memory while they are few, then in a temporary file."""

from __future__ import annotations

import struct
import tempfile
from array import array
from bisect import bisect_right
from typing import Final

__all__ = ["RowStore", "row_offsets"]

IN_MEMORY: Final = 1024 * 1024
"""Bytes held in memory before a file takes them."""

_BLOCK: Final = 64 * 1024
"""Bytes, or a little more, of which only the first row's place is remembered."""

_LENGTH: Final = struct.Struct("!I")


class RowStore:
    """Rows in the order in which they came; the first one has number ``first``.

    Attributes:
        first: number of the first row.
        end: number of the row that would come next.
        size: bytes held.
    """

    __slots__ = ("_data", "_file", "_offsets", "_rows", "_starts", "_walked", "end", "first", "size")

    def __init__(self, first: int) -> None:
        self.first = self.end = first
        self.size = 0
        self._file = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115  closed by close()
        self._starts = array("Q")
        self._rows = array("Q")
        self._data = b""
        self._offsets: list[int] = []
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

    def read(self, start: int, stop: int) -> tuple[bytes, int]:
        """Rows from number ``start`` on, before ``stop``, and how many: there must be one; of several, as many as lie together."""
        first, offsets = self._walk(bisect_right(self._rows, start) - 1)
        stop = min(stop - first, len(offsets) - 1)
        return self._data[offsets[start - first] : offsets[stop]], stop - (start - first)

    def read_back(self, start: int, stop: int) -> tuple[bytes, int]:
        """Rows before number ``stop``, from ``start`` on, the last one first: as :meth:`read`."""
        first, offsets = self._walk(bisect_right(self._rows, stop - 1) - 1)
        data, last = self._data, stop - first
        numbers = range(max(start - first, 0), last)
        return b"".join(data[offsets[n] : offsets[n + 1]] for n in reversed(numbers)), len(numbers)

    def _walk(self, block: int) -> tuple[int, list[int]]:
        """Number of a block's first row, and where its rows begin and end in ``_data``; kept for the next time."""
        if self._walked != block:
            start = self._starts[block]
            end = self._starts[block + 1] if block + 1 < len(self._starts) else self.size
            self._file.seek(start)
            self._data = self._file.read(end - start)
            self._offsets = row_offsets(self._data)
            self._walked = block
        return self._rows[block], self._offsets

    def close(self) -> None:
        """Free the memory or the file."""
        self._data, self._offsets = b"", []
        self._walked = -1
        self._file.close()


def row_offsets(data: bytes) -> list[int]:
    """Where each of these DataRow messages begins, and where the last one ends."""
    offsets = [0]
    position, end = 0, len(data)
    length = _LENGTH.unpack_from
    while position < end:
        position += length(data, position + 1)[0] + 1
        offsets.append(position)
    return offsets
