"""CopyEncoder: rows of fields or of Python values → data."""

from __future__ import annotations

from collections.abc import Sequence

from ....errors import postgres_error
from ...interface import Buffer, CopyPlan
from ...value_errors import encode_failure
from ..arrow import ArrowEncoder
from ..rows import writer
from ..types import BadValue, pg_type
from . import csv, text
from .binary import HEADER, TRAILER
from .encoding import check_field, to_latin1
from .problem import Problem, too_long


class CopyEncoder:
    """Encodes rows as COPY data; see the contract in ``_impl/interface``."""

    def __init__(self, plan: CopyPlan) -> None:
        self._plan = plan
        self._binary = plan.format == "binary"
        self._writers = None
        if plan.types is not None:
            self._writers = [writer(pg_type(oid), self._binary) for oid in plan.types]
        self._layout = csv.Writer(plan) if plan.format == "csv" else text.Writer(plan)
        self._delimiter = bytes([plan.delimiter])
        self._begun = False
        try:
            self._null = plan.null
            if plan.encoding == "LATIN1" and not self._binary:
                self._null = to_latin1(plan.null.decode(errors="replace"))
            self._head = self._header()
        except Problem as problem:
            raise problem.at(None) from None

    def encode(self, rows: Sequence[Sequence[object]], start: int, max_bytes: int) -> tuple[bytes | memoryview, int]:
        if not isinstance(rows, (list, tuple)):
            raise postgres_error("42804", "rows are neither a list nor a tuple")
        head = b"" if self._begun else self._head
        parts = []
        if not (self._plan.framed and self._binary):
            parts, head = [self._framed(head)], b""
        size = sum(map(len, parts))
        index = start
        while index < len(rows) and (size < max_bytes or index == start):
            row = self._framed(head + self._row(rows[index], index))
            head = b""
            parts.append(row)
            size += len(row)
            index += 1
        self._begun = not head
        return b"".join(parts), index

    def encode_data_rows(self, data: Buffer) -> bytes | memoryview:
        data = bytes(data)
        head = b"" if self._begun or not data else self._head
        parts = []
        if not (self._plan.framed and self._binary):
            parts, head = [self._framed(head)], b""
        position = index = 0
        while position < len(data):
            length = int.from_bytes(data[position + 1 : position + 5], "big")
            end = position + 1 + length
            if data[position : position + 1] != b"D" or length < 4 or end > len(data):
                raise postgres_error("XX000", "the data are no whole DataRow messages")
            parts.append(self._framed(head + self._data_row(data[position + 5 : end], index)))
            head = b""
            position, index = end, index + 1
        self._begun = self._begun or bool(data)
        return b"".join(parts)

    def _data_row(self, body: bytes, index: int) -> bytes:
        broken = postgres_error("XX000", "a DataRow message does not fit its columns")
        count = len(self._plan.columns)
        if len(body) < 2 or int.from_bytes(body[:2], "big") != count:
            raise broken
        if self._binary:
            return self._ended(body, index)  # the layout is the same
        parts = []
        position = 2
        for column in range(count):
            length = int.from_bytes(body[position : position + 4], "big", signed=True)
            start, position = position + 4, position + 4 + max(length, 0)
            if position > len(body):
                raise broken
            try:
                parts.append(self._written(None if length < 0 else body[start:position], column))
            except Problem as problem:
                raise problem.at(f"row {index}, column {column + 1}") from None
        return self._joined(parts, index)

    def encode_arrow(self, rows: ArrowEncoder, max_rows: int, max_bytes: int) -> tuple[bytes | memoryview, int, bool]:
        count = len(self._plan.columns)
        if self._plan.framed:
            raise postgres_error("0A000", "Arrow is not encoded as CopyData messages")
        if len(rows.columns) != count:
            message = f"the Arrow source has {len(rows.columns)} columns, but there are {count} columns"
            raise postgres_error("42804", message)
        head = b"" if self._begun else self._head
        data, done, ended = rows.rows(max_rows, max_bytes, lambda row: self._arrow_row(rows, row), len(head))
        self._begun = True
        return head + data, done, ended

    def finish(self) -> bytes:
        head = b"" if self._begun else self._head
        self._begun = True
        return self._framed(head + TRAILER if self._binary else head)

    def _framed(self, data: bytes) -> bytes:
        """As CopyData, where that is wanted and there is something to send."""
        return b"d" + (len(data) + 4).to_bytes(4, "big") + data if self._plan.framed and data else data

    def _header(self) -> bytes:
        if self._binary:
            return HEADER
        if self._plan.header == "none":
            return b""
        names = [name.encode() for name in self._plan.columns]
        return self._delimiter.join([self._layout.write(name, self._encoded(name), False) for name in names]) + b"\n"

    def _row(self, row: Sequence[object], index: int) -> bytes:
        if not isinstance(row, (list, tuple)):
            raise postgres_error("42804", f"row {index} is neither a tuple nor a list")
        count = len(self._plan.columns)
        if len(row) != count:
            raise postgres_error("08P01", f"row {index} has {len(row)} values, but there are {count} columns")
        return self._joined([self._field(value, index, column) for column, value in enumerate(row)], index)

    def _arrow_row(self, rows: ArrowEncoder, at: int) -> bytes:
        parts = []
        for column in range(len(self._plan.columns)):
            data = rows.field(column, at, self._binary)
            try:
                parts.append(self._written(data, column))
            except Problem as problem:
                raise problem.at(f"row {rows.done}, column {column + 1}") from None
        return self._joined(parts, rows.done)

    def _joined(self, parts: list[bytes], index: int) -> bytes:
        row = len(parts).to_bytes(2, "big") + b"".join(parts) if self._binary else self._delimiter.join(parts)
        return self._ended(row, index)

    def _ended(self, row: bytes, index: int) -> bytes:
        if len(row) > self._plan.max_row:
            raise too_long(self._plan).at(f"row {index}")
        return row if self._binary else row + b"\n"

    def _field(self, value: object, row: int, column: int) -> bytes:
        if value is None:
            return self._written(None, column)
        try:
            if self._writers is None:
                if not isinstance(value, bytes):
                    raise Problem("a field is neither bytes nor None", "42804")
                return self._written(value, column)
            return self._written(self._writers[column](value), column)
        except BadValue as bad:
            oid = (self._plan.types or ())[column]
            raise encode_failure(bad.sqlstate, bad.message, row, column + 1, oid, value) from None
        except Problem as problem:
            raise problem.at(f"row {row}, column {column + 1}") from None

    def _written(self, data: bytes | None, column: int) -> bytes:
        """A field as it stands in the data, without separators."""
        if data is None:
            return b"\xff\xff\xff\xff" if self._binary else self._null
        if self._binary:
            if len(data) > 0x7FFFFFFF:
                raise too_long(self._plan)
            return len(data).to_bytes(4, "big") + data
        return self._layout.write(data, self._encoded(data), self._plan.force_quote[column])

    def _encoded(self, data: bytes) -> bytes:
        """The field in the encoding of the data."""
        check_field(self._plan.encoding, data)
        if self._plan.encoding == "LATIN1" and not data.isascii():
            return to_latin1(data.decode())
        return data
