"""Arrow record batches → rows of DataRow messages or COPY: planned by column, written by row."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from ... import oids
from ...errors import PostgresError, postgres_error
from ..value_errors import arrow_failure
from .arrow_layout import Field
from .arrow_memory import ArrowSchema, Single, Stream, Table, capsule_struct, no_capsule, table_fields
from .arrow_readers import Reader, reader
from .arrow_types import columns, innermost, plan
from .rows import MAX_ROW, NULL, column_flags, data_row, is_copy, too_large
from .types import DEFAULT, BadValue, PgType, TextStyle, pg_type


class _Column(NamedTuple):
    """``writer``: the type that writes values, a record's for what is composite."""

    field: Field
    kind: PgType
    writer: PgType
    binary: bool


class ArrowEncoder:
    """Encodes an Arrow stream; see the contract in ``_impl/interface``."""

    columns: list[tuple[str, int]]

    def __init__(
        self,
        source: object,
        formats: Sequence[int] = (),
        *,
        layout: str = "data_row",
        types: Sequence[int] | None = None,
        style: TextStyle | None = None,
    ) -> None:
        self._copy = is_copy(layout)
        try:
            self._source = _open(source)
            self._binary = column_flags(formats, len(self._source.fields), self._copy)
        except BadValue as bad:
            raise _raised(bad) from None
        self._style = style or DEFAULT
        self.ask(types)
        self._head = struct.pack("!H", len(self._binary))
        self._table: Table | None = None
        self._readers: list[Reader] = []
        self._position = 0
        self._done = 0
        self._ended = False

    def ask(self, types: Sequence[int] | None) -> None:
        fields = self._source.fields
        try:
            kinds = plan(fields, types)
        except BadValue as bad:
            raise _raised(bad) from None
        self.columns = [(field.name, kind.oid) for field, kind in zip(fields, kinds, strict=True)]
        self._plan = [
            _Column(field, kind, _writer(field, kind, self._style), flag)
            for field, kind, flag in zip(fields, kinds, self._binary, strict=True)
        ]

    def encode(self, max_rows: int, max_bytes: int) -> tuple[bytes, int, bool]:
        return self.rows(max_rows, max_bytes, self._row)

    def rows(
        self, max_rows: int, max_bytes: int, make: Callable[[int], bytes], size: int = 0
    ) -> tuple[bytes, int, bool]:
        """What ``make`` makes of the next rows, by their place in the batch; ``size`` bytes have been written before."""
        parts: list[bytes] = []
        while not self._ended and (not max_rows or len(parts) < max_rows) and (not parts or size < max_bytes):
            if self._table is None or self._position >= self._table.root.length:
                self._next_batch()
                continue
            row = make(self._position + self._table.root.offset)
            parts.append(row)
            size += len(row)
            self._position += 1
            self._done += 1
        return b"".join(parts), len(parts), self._ended

    @property
    def done(self) -> int:
        """Rows encoded of the whole stream."""
        return self._done

    def field(self, column: int, row: int, binary: bool) -> bytes | None:
        """One value in a format."""
        _, kind, writer, _ = self._plan[column]
        try:
            value = self._readers[column](row)
            return None if value is None else writer.encode(binary, value)
        except BadValue as bad:
            raise arrow_failure(bad.sqlstate, bad.message, self._done, column + 1, kind.oid) from None

    def _next_batch(self) -> None:
        self._readers = []
        self._table = None
        try:
            self._table = self._source.next()
        except BadValue as bad:
            self._ended = True
            raise _raised(bad) from None
        if self._table is None:
            self._ended = True
            return
        self._position = 0
        self._readers = [
            reader(column.field, source, column.kind)
            for column, source in zip(self._plan, self._table.root.children, strict=True)
        ]

    def __del__(self) -> None:
        # Readers look into the batch's memory.
        self._readers = []
        self._table = None

    def _row(self, row: int) -> bytes:
        parts = [self._head]
        for column, (*_, binary) in enumerate(self._plan):
            data = self.field(column, row, binary)
            if data is None:
                parts.append(NULL)
            else:
                parts.append(len(data).to_bytes(4, "big"))
                parts.append(data)
        if not self._copy:
            return data_row(parts)
        made = b"".join(parts)
        if len(made) > MAX_ROW:
            raise _raised(too_large())
        return made


def _writer(field: Field, kind: PgType, style: TextStyle) -> PgType:
    is_composite = kind.kind.code == "raw" and innermost(field)[0].format.kind == "struct"
    return pg_type(oids.RECORD if is_composite else kind.oid, style)


def arrow_columns(schema: Any) -> list[tuple[str, int]]:
    """Name and type OID of each column of an object with ``__arrow_c_schema__`` (or ``__arrow_c_stream__``)."""
    try:
        if hasattr(schema, "__arrow_c_schema__"):
            capsule = schema.__arrow_c_schema__()
            return columns(table_fields(capsule_struct(capsule, b"arrow_schema", ArrowSchema)))
        source = _open(schema)
        source.close()
        return columns(source.fields)
    except BadValue as bad:
        raise _raised(bad) from None


def _open(source: Any) -> Stream | Single:
    """The batches of an object with ``__arrow_c_stream__`` or ``__arrow_c_array__``."""
    if hasattr(source, "__arrow_c_stream__"):
        return Stream(source.__arrow_c_stream__())
    if hasattr(source, "__arrow_c_array__"):
        pair = source.__arrow_c_array__()
        if not isinstance(pair, tuple) or len(pair) != 2:
            raise no_capsule(b"arrow_schema")
        return Single(*pair)
    raise BadValue("42804", "the source offers neither __arrow_c_stream__ nor __arrow_c_array__")


def _raised(bad: BadValue) -> PostgresError:
    return postgres_error(bad.sqlstate, bad.message)
