"""The binary format: a header, rows of fields with their lengths, a trailer (PostgreSQL: COPY, "Binary Format")."""

from __future__ import annotations

from collections.abc import Callable

from ...interface import CopyPlan
from .problem import Problem, at_column, at_line, too_long
from .row import Field

SIGNATURE = b"PGCOPY\n\xff\r\n\0"
HEADER = SIGNATURE + bytes(8)
"""The signature, flags, and the length of no extension."""
TRAILER = b"\xff\xff"
"""Instead of a row's number of fields."""

_HEADER, _EXTENSION, _COUNT, _FIELDS, _TRAILER = range(5)


class BinaryDecoder:
    """Takes bytes in any chunking, gives rows to a sink."""

    def __init__(self, plan: CopyPlan) -> None:
        self._plan = plan
        self._buffer = bytearray()
        self._part = _HEADER
        # Bytes of the header's extension that are still to be skipped.
        self._extension = 0
        # How far the row was read, counted from its beginning.
        self._read = 0
        self._rows = 0
        self._fields: list[Field] = []
        self.ended = False

    def feed(self, data: bytes, last: bool, sink: Callable[[int, list[Field]], None]) -> None:
        """Takes bytes; with ``last``, no more will come."""
        if self._buffer:
            self._buffer += data
            consumed = self._run(self._buffer, last, sink)
            del self._buffer[:consumed]
        else:
            consumed = self._run(data, last, sink)
            self._buffer += data[consumed:]

    def _run(self, data: bytes | bytearray, last: bool, sink: Callable[[int, list[Field]], None]) -> int:
        """Hands out the rows that are complete; where the first incomplete part begins."""
        plan = self._plan
        start = 0
        while True:
            if self._part == _FIELDS:
                if not self._row(data, start, last):
                    return start
                self._rows += 1
                fields, self._fields = self._fields, []
                sink(self._rows, fields)
                start += self._read
                self._part = _COUNT
            elif self._part == _COUNT:
                if len(data) - start < 2:
                    return start
                count = int.from_bytes(data[start : start + 2], "big", signed=True)
                if count == -1:
                    start += 2
                    self.ended = True
                    self._part = _TRAILER
                    continue
                if count != len(plan.columns):
                    problem = Problem(f"row field count is {count}, expected {len(plan.columns)}")
                    raise problem.at(at_line(plan, self._rows + 1))
                self._read = 2
                self._part = _FIELDS
            elif self._part == _TRAILER:
                if start == len(data):
                    return start
                raise Problem("received copy data after EOF marker").at(at_line(plan, self._rows + 1))
            elif self._part == _HEADER:
                try:
                    extension = _header(bytes(data[:19]), last)
                except Problem as problem:
                    raise problem.at(None) from None
                if extension is None:
                    return start
                start += len(HEADER)
                self._extension = extension
                self._part = _EXTENSION
            else:
                skipped = min(self._extension, len(data) - start)
                start += skipped
                self._extension -= skipped
                if self._extension:
                    if last:
                        raise Problem("invalid COPY file header (wrong length)").at(None)
                    return start
                self._part = _COUNT

    def _row(self, data: bytes | bytearray, start: int, last: bool) -> bool:
        """Reads on in the row that begins at ``start``; whether it is complete."""
        plan = self._plan
        fields = self._fields
        at = start + self._read
        try:
            while len(fields) < len(plan.columns):
                if len(data) - at < 4:
                    return self._cut(last)
                size = int.from_bytes(data[at : at + 4], "big", signed=True)
                if size == -1:
                    fields.append(None)
                    at += 4
                    continue
                if size < 0:
                    raise Problem("invalid field size")
                if at + 4 - start + size > plan.max_row:
                    raise too_long(plan)
                if len(data) - at - 4 < size:
                    return self._cut(last)
                fields.append(bytes(data[at + 4 : at + 4 + size]))
                at += 4 + size
            return True
        except Problem as problem:
            raise problem.at(at_column(plan, self._rows + 1, len(fields))) from None
        finally:
            self._read = at - start

    @staticmethod
    def _cut(last: bool) -> bool:
        if last:
            raise Problem("unexpected EOF in COPY data")
        return False


def _header(data: bytes, last: bool) -> int | None:
    """Checks the header; the length of its extension, or None where it is incomplete."""
    for length, message in (
        (11, "COPY file signature not recognized"),
        (15, "invalid COPY file header (missing flags)"),
        (19, "invalid COPY file header (missing length)"),
    ):
        if len(data) < length:
            if last:
                raise Problem(message)
            return None
        if length == 11 and data[:11] != SIGNATURE:
            raise Problem(message)
        if length == 15:
            flags = int.from_bytes(data[11:15], "big")
            if flags & 1 << 16:
                raise Problem("invalid COPY file header (WITH OIDS)")
            if flags >> 16:
                raise Problem("unrecognized critical flags in COPY file header")
    extension = int.from_bytes(data[15:19], "big", signed=True)
    if extension < 0:
        raise Problem("invalid COPY file header (missing length)")
    return extension
