"""Arrow record batches → DataRow messages: planned by column, written by row."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import Any

from ... import oids
from ...errors import postgres_error
from ..value_errors import arrow_failure
from .arrow_cells import Reader, json_reader, reader
from .arrow_memory import ArrowArray, ArrowSchema, Field, Single, Stream, capsule_struct, release, table_fields
from .rows import NULL, data_row, format_flags
from .types import DEFAULT, BadValue, PgType, TextStyle, pg_type

_TYPES = {
    **dict.fromkeys(("n", "u", "U", "vu"), oids.TEXT),
    **dict.fromkeys(("c", "s", "C"), oids.INT2),
    **dict.fromkeys(("i", "S"), oids.INT4),
    **dict.fromkeys(("l", "I"), oids.INT8),
    **dict.fromkeys(("e", "f"), oids.FLOAT4),
    **dict.fromkeys(("z", "Z", "vz"), oids.BYTEA),
    **dict.fromkeys(("tdD", "tdm"), oids.DATE),
    **dict.fromkeys(("tts", "ttm", "ttu", "ttn"), oids.TIME),
    **dict.fromkeys(("tiM", "tiD", "tin", "tDs", "tDm", "tDu", "tDn"), oids.INTERVAL),
    "b": oids.BOOL,
    "L": oids.NUMERIC,
    "g": oids.FLOAT8,
}


class ArrowEncoder:
    """Encodes an Arrow stream; see the contract in ``_impl/interface``."""

    columns: list[tuple[str, int]]

    def __init__(self, source: object, formats: Sequence[int], style: TextStyle | None = None) -> None:
        self._source = _open(source)
        self.columns = [(field.name, _oid(field)) for field in self._source.fields]
        self._types = [pg_type(oid, style or DEFAULT) for _, oid in self.columns]
        self._binary = format_flags(formats, len(self.columns))
        self._head = struct.pack("!H", len(self.columns))
        self._batch: ArrowArray | None = None
        self._readers: list[Reader] = []
        self._position = 0
        self._done = 0
        self._ended = False

    def encode(self, max_rows: int, max_bytes: int) -> tuple[bytes, int, bool]:
        parts: list[bytes] = []
        size = 0
        while not self._ended and (not max_rows or len(parts) < max_rows) and (not parts or size < max_bytes):
            if self._batch is None or self._position >= self._batch.length:
                self._next_batch()
                continue
            row = self._row(self._position)
            parts.append(row)
            size += len(row)
            self._position += 1
            self._done += 1
        return b"".join(parts), len(parts), self._ended

    def _next_batch(self) -> None:
        self._drop_batch()
        try:
            self._batch = self._source.next()
        except Exception:
            self._ended = True
            raise
        if self._batch is None:
            self._ended = True
            return
        self._position = 0
        self._readers = [
            _column(field, self._batch.children[index].contents, kind, self._batch.offset)
            for index, (field, kind) in enumerate(zip(self._source.fields, self._types, strict=True))
        ]

    def _drop_batch(self) -> None:
        self._readers = []
        batch, self._batch = self._batch, None
        if batch is not None:
            release(batch)

    def __del__(self) -> None:
        if hasattr(self, "_readers"):
            self._drop_batch()

    def _row(self, row: int) -> bytes:
        parts = [self._head]
        for column, (kind, read, binary) in enumerate(zip(self._types, self._readers, self._binary, strict=True)):
            try:
                value = read(row)
                data = None if value is None else kind.encode(binary, value)
            except BadValue as bad:
                raise arrow_failure(bad.sqlstate, bad.message, self._done, column + 1, kind.oid) from None
            if data is None:
                parts.append(NULL)
            else:
                parts.append(len(data).to_bytes(4, "big"))
                parts.append(data)
        return data_row(parts)


def arrow_columns(schema: Any) -> list[tuple[str, int]]:
    """Name and type OID of each column of an object with ``__arrow_c_schema__`` (or ``__arrow_c_stream__``)."""
    if not hasattr(schema, "__arrow_c_schema__"):
        source = _open(schema)
        source.close()
        return [(field.name, _oid(field)) for field in source.fields]
    capsule = schema.__arrow_c_schema__()
    fields = table_fields(Field(capsule_struct(capsule, b"arrow_schema", ArrowSchema)))
    return [(field.name, _oid(field)) for field in fields]


def _open(source: Any) -> Stream | Single:
    """The batches of an object with ``__arrow_c_stream__`` or ``__arrow_c_array__``."""
    if hasattr(source, "__arrow_c_stream__"):
        return Stream(source.__arrow_c_stream__())
    if hasattr(source, "__arrow_c_array__"):
        return Single(*source.__arrow_c_array__())
    raise postgres_error("42804", "the source offers neither __arrow_c_stream__ nor __arrow_c_array__")


def _column(field: Field, source: ArrowArray, kind: PgType, offset: int) -> Reader:
    """A reader of a column, whose first row lies at the table's own offset."""
    read = _reader(field, source, kind)
    return (lambda row: read(row + offset)) if offset else read


def _reader(field: Field, source: ArrowArray, kind: PgType) -> Reader:
    has_type = _scalar(field) is not None or kind.element
    try:
        return reader(field, source) if has_type else json_reader(field, source)
    except BadValue as bad:
        return _failing(bad)


def _failing(bad: BadValue) -> Callable[[int], Any]:
    def read(row: int) -> Any:
        raise bad

    return read


def _oid(field: Field) -> int:
    """The PostgreSQL type that an Arrow type becomes; json for what has none of its own."""
    if field.extension == "arrow.uuid" and field.format == "w:16":
        return oids.UUID
    if field.extension == "arrow.json" and field.format in ("u", "U", "vu"):
        return oids.JSON
    scalar = _scalar(field)
    if scalar is not None:
        return scalar
    element = _element(field.dictionary or field)
    return oids.JSON if element is None else oids.ARRAY_OF.get(element, oids.JSON)


def _scalar(field: Field) -> int | None:
    """None for lists and for what has no type of its own."""
    if field.dictionary:
        return _scalar(field.dictionary)
    code = field.format
    if code.startswith("ts"):
        return oids.TIMESTAMPTZ if len(code) > 4 else oids.TIMESTAMP
    if code.startswith("d:"):
        return oids.NUMERIC
    if code.startswith("w:"):
        return oids.BYTEA
    return _TYPES.get(code)


def _element(field: Field) -> int | None:
    """OID of what the innermost of nested lists holds; a uuid is one inside a list too."""
    if not field.is_list:
        return None
    child = field.children[0]
    if child.is_list:
        return _element(child)
    return None if _scalar(child) is None else _oid(child)
