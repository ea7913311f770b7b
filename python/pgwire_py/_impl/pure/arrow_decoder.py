"""DataRow messages, or the bytes of binary COPY → Arrow record batches."""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from threading import Lock
from typing import Any, Final

from ...errors import RemoteProtocolError, postgres_error
from ..arrow_shapes import plan
from ..row_errors import broken_row, row_failure
from .arrow_arrays import Arrays, Column, column, shown_oid
from .arrow_export import array_capsule, schema_capsule, stream_capsule
from .copy.binary import SIGNATURE
from .row_decoder import CUT, BrokenError, fields
from .rows import MAX_ROW, column_flags, is_copy
from .types import BadValue

HEADER: Final = 19
"""Bytes of the header of COPY, without its extension."""
CRITICAL: Final = 1 << 16
_COUNT: Final = struct.Struct("!H")
_INT32: Final = struct.Struct("!i")
_START, _EXTENSION, _ROWS, _ENDED = range(4)


class ArrowBatch:
    """A record batch; see the contract in ``_impl/interface``."""

    def __init__(self, columns: tuple[Column, ...], arrays: Arrays) -> None:
        self._columns = columns
        self._arrays = arrays

    @property
    def num_rows(self) -> int:
        return self._arrays.length

    def __arrow_c_schema__(self) -> object:
        return schema_capsule(self._columns)

    def __arrow_c_array__(self, requested_schema: object = None) -> tuple[object, object]:
        return schema_capsule(self._columns), array_capsule(self._arrays)

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        one = iter([self._arrays])
        return stream_capsule(self._columns, lambda: next(one, None))


class ArrowStream:
    """A stream of record batches; see the contract in ``_impl/interface``."""

    def __init__(self, columns: tuple[Column, ...], batches: Iterator[Arrays]) -> None:
        self._columns = columns
        self._batches: Iterator[Arrays] | None = batches

    def __arrow_c_schema__(self) -> object:
        return schema_capsule(self._columns)

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        batches, self._batches = self._batches, None
        if batches is None:
            raise ValueError("the stream has been handed out already")
        return stream_capsule(self._columns, lambda: next(batches, None))


class ArrowTable:
    """The batches of one result; see the contract in ``_impl/interface``."""

    def __init__(self, decoder: ArrowDecoder, batches: Iterable[ArrowBatch]) -> None:
        self._columns = decoder._columns
        self._batches = tuple(batches)
        for batch in self._batches:
            if not isinstance(batch, ArrowBatch):
                raise TypeError(f"{type(batch).__name__} is no ArrowBatch")
            if batch._columns is not self._columns:
                raise ValueError("a batch of another decoder")

    @property
    def num_rows(self) -> int:
        return sum(batch.num_rows for batch in self._batches)

    @property
    def batches(self) -> tuple[ArrowBatch, ...]:
        return self._batches

    @property
    def column_names(self) -> list[str]:
        return [column.name for column in self._columns]

    def __len__(self) -> int:
        return self.num_rows

    def __repr__(self) -> str:
        return f"<ArrowTable of {self.num_rows} rows and {len(self._columns)} columns>"

    def __arrow_c_schema__(self) -> object:
        return schema_capsule(self._columns)

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        batches = iter([batch._arrays for batch in self._batches])
        return stream_capsule(self._columns, lambda: next(batches, None))


class ArrowDecoder:
    """Decodes rows to Arrow; see the contract in ``_impl/interface``."""

    def __init__(
        self,
        types: Sequence[Any],
        names: Sequence[str],
        formats: Sequence[int] = (),
        *,
        type_modifiers: Sequence[int] | None = None,
        layout: str = "data_row",
        max_rows: int = 65_536,
        max_bytes: int = 16_777_216,
    ) -> None:
        self._copy = is_copy(layout)
        shapes, self._max_rows, self._max_bytes = plan(types, names, type_modifiers, max_rows, max_bytes)
        flags = column_flags(formats, len(shapes), self._copy)
        try:
            made = [column(name, shape, flag) for (name, shape), flag in zip(shapes, flags, strict=True)]
        except BadValue as bad:
            raise postgres_error(bad.sqlstate, bad.message) from None
        self._columns = tuple(made)
        self._oids = [shown_oid(shape) for _, shape in shapes]
        self._lock = Lock()
        self._reset()

    def _reset(self) -> None:
        self._rows: list[list[Any]] = []
        # Bytes of the batch's rows as they came, and as they have grown; rows of the batches before.
        self._bytes = self._grown = self._before = 0
        self._part = _START
        self._extension = 0
        # The beginning of a row of COPY, and how many bytes there must be to go on.
        self._pending = b""
        self._needed = 0

    def __arrow_c_schema__(self) -> object:
        return schema_capsule(self._columns)

    def feed(self, data: Any) -> list[ArrowBatch]:
        many = isinstance(data, (list, tuple))
        pieces = [bytes(memoryview(piece)) for piece in (data if many else [data])]
        full: list[Arrays] = []
        with self._lock:
            try:
                for piece in pieces:
                    if self._copy:
                        self._feed_copy(piece, full)
                    elif many:
                        self._read_body(piece, full)
                    else:
                        self._read_messages(piece, full)
            except Exception:
                self._reset()
                raise
        return [ArrowBatch(self._columns, arrays) for arrays in full]

    def finish(self) -> ArrowBatch:
        with self._lock:
            try:
                if self._pending:
                    raise self._broken(CUT, len(self._pending))
                return ArrowBatch(self._columns, self._batch())
            finally:
                self._reset()

    def stream(self, chunks: Iterable[Any]) -> ArrowStream:
        return ArrowStream(self._columns, self._batches(iter(chunks)))

    def _batches(self, chunks: Iterator[Any]) -> Iterator[Arrays]:
        ready: deque[ArrowBatch] = deque()
        for chunk in chunks:
            ready.extend(self.feed(chunk))
            while ready:
                yield ready.popleft()._arrays
        last = self.finish()
        if last.num_rows:
            yield last._arrays

    def _batch(self) -> Arrays:
        columns = zip(*self._rows, strict=True) if self._rows else [()] * len(self._columns)
        try:
            children = [kind.build(values) for kind, values in zip(self._columns, columns, strict=True)]
        except (struct.error, OverflowError):  # an offset of more than 32 bits
            raise postgres_error("54000", TOO_LARGE) from None
        made = Arrays(len(self._rows), 0, [None], children)
        self._before += len(self._rows)
        self._rows, self._bytes, self._grown = [], 0, 0
        return made

    def _broken(self, text: str, offset: int) -> RemoteProtocolError:
        return broken_row(text, self._before + len(self._rows), offset, self._copy)

    def _read_messages(self, data: bytes, full: list[Arrays]) -> None:
        at, whole = 0, len(data)
        while at < whole:
            start = at
            if data[at] != 0x44:
                raise self._broken(f"the tag {data[at]} is not DataRow's", 0)
            if whole - at < 5:
                raise self._broken(CUT, whole - start)
            (length,) = _INT32.unpack_from(data, at + 1)
            if length < 6:
                raise self._broken(f"the length {length} is less than 6", 1)
            at += length + 1
            if at > whole:
                raise self._broken(CUT, whole - start)
            try:
                self._row(data, start + 5, at, True)
            except BrokenError as broken:
                raise self._broken(broken.text, broken.at - start) from None
            self._count(at - start, full)

    def _read_body(self, data: bytes, full: list[Arrays]) -> None:
        try:
            self._row(data, 0, len(data), True)
        except BrokenError as broken:
            raise self._broken(broken.text, broken.at + 5) from None
        self._count(len(data), full)

    def _feed_copy(self, data: bytes, full: list[Arrays]) -> None:
        if self._pending:
            data = self._pending + data
            if len(data) < self._needed:
                self._pending = data
                return
            self._pending = b""
        self._pending = data[self._read_copy(data, full) :]

    def _read_copy(self, data: bytes, full: list[Arrays]) -> int:
        """Reads what is complete; returns how far that goes."""
        at = 0
        if self._part == _START:
            length = self._header(data)
            if length is None:
                return 0
            at = length
        if self._part == _EXTENSION:
            skipped = min(self._extension, len(data) - at)
            at += skipped
            self._extension -= skipped
            if not self._extension:
                self._part = _ROWS
        if self._part == _ENDED and at < len(data):
            raise self._broken(f"{len(data) - at} bytes are left over", 0)
        while at < len(data):
            start = at
            if data[at : at + 2] == b"\xff\xff":
                self._part = _ENDED
                if at + 2 < len(data):
                    raise self._broken(f"{len(data) - at - 2} bytes are left over", 2)
                return at + 2
            try:
                at = self._row(data, at, len(data), False)
            except BrokenError as broken:
                needed = self._needs(data, start)
                if needed is None:
                    raise self._broken(broken.text, broken.at - start) from None
                self._needed = needed
                return start
            self._count(at - start, full)
        return at

    def _header(self, data: bytes) -> int | None:
        """Reads the header, which may be missing; its length without the extension. None: there are too few bytes to tell."""
        if data[: len(SIGNATURE)] != SIGNATURE[: len(data)]:
            self._part = _ROWS
            return 0
        if len(data) < HEADER:
            self._needed = len(data) + 1 if len(data) < len(SIGNATURE) else HEADER
            return None
        flags, extension = struct.unpack_from("!Ii", data, len(SIGNATURE))
        if flags >= CRITICAL:
            raise self._broken(f"the flags {flags} of the header are unknown", len(SIGNATURE))
        if extension < 0:
            raise self._broken(f"the length {extension} of the header's extension is negative", len(SIGNATURE) + 4)
        self._part, self._extension = _EXTENSION, extension
        return HEADER

    def _needs(self, data: bytes, start: int) -> int | None:
        """How many bytes there must be of a tuple that is not all there; None where it is, or where no bytes would mend it."""
        whole = len(data) - start
        if whole < 2:
            return 2
        if _COUNT.unpack_from(data, start) != (len(self._columns),):
            return None
        at = 2
        for _ in self._columns:
            if whole < at + 4:
                return at + 4
            size = int(_INT32.unpack_from(data, start + at)[0])
            at += 4 + max(size, 0)
            if size < -1 or at > MAX_ROW:
                return None
            if at > whole:
                return at
        return None

    def _count(self, size: int, full: list[Arrays]) -> None:
        """After each row: its bytes as they came; and the batch may be full."""
        self._bytes += size
        if len(self._rows) >= self._max_rows or self._bytes + self._grown >= self._max_bytes:
            full.append(self._batch())

    def _row(self, data: bytes, at: int, end: int, whole: bool) -> int:
        """Appends a row; returns where it ends. With ``whole`` that must be the end."""
        cut = fields(data, at, end, len(self._columns), whole)
        at += 2
        values: list[Any] = []
        grown = 0
        for (field, after), kind in zip(cut, self._columns):  # noqa: B905 - the fields end first: all of the row is checked
            at = after
            number = len(values)
            if field is None:
                values.append(None)
                continue
            try:
                values.append(kind.read(field))
                if kind.size:
                    grown += kind.size(values[-1])
                    if grown > MAX_ROW:
                        raise BadValue("54000", TOO_LARGE)
            except BadValue as bad:
                row = self._before + len(self._rows)
                raise row_failure(bad.sqlstate, bad.message, row, number + 1, self._oids[number], field) from None
        self._rows.append(values)
        self._grown += grown
        return at


TOO_LARGE: Final = "a row exceeds what an Arrow batch holds"
