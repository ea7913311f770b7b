"""DataRow messages (Protocol 55.7): tag, length, number of fields, and each field with its length in front.

A tuple of binary COPY is the same without tag and length.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from ...errors import postgres_error
from ..row_errors import dataclass_fields, missing_column
from ..value_errors import encode_failure
from .extract import extract
from .record import Names, Record
from .types import DEFAULT, BadValue, PgType, TextStyle, floats, pg_type, text
from .types.datetime import fraction_text

NULL = b"\xff\xff\xff\xff"
MAX_COLUMNS = 32_767
"""Most columns of a row: the count is a signed 16-bit integer."""
MAX_ROW = 0x3FFF_FFFF
"""Largest row in bytes: what PostgreSQL takes and libpq can be sure to hold (MaxAllocSize)."""


class RowEncoder:
    """Encodes rows of Python values; see the contract in ``_impl/interface``."""

    def __init__(
        self,
        types: Sequence[int],
        formats: Sequence[int] = (),
        names: Sequence[str] | None = None,
        *,
        layout: str = "data_row",
        style: TextStyle | None = None,
    ) -> None:
        style = style or DEFAULT
        self._copy = is_copy(layout)
        self._names: Names | None = names_of(names, len(types))
        binary = column_flags(formats, len(types), self._copy)
        self._types = [pg_type(oid, style) for oid in types]
        self._fields = [writer(kind, flag, style) for kind, flag in zip(self._types, binary, strict=True)]
        self._head = struct.pack("!H", len(types))

    def encode(self, rows: Sequence[Sequence[object]], start: int, max_bytes: int) -> tuple[bytes, int]:
        if not isinstance(rows, (list, tuple)):
            raise postgres_error("42804", "rows are neither a list nor a tuple")
        parts: list[bytes] = []
        size = 0
        index = start
        while index < len(rows) and (size < max_bytes or index == start):
            row = self._row(rows[index], index)
            parts.append(row)
            size += len(row)
            index += 1
        return b"".join(parts), index

    def encode_columns(self, columns: Sequence[Sequence[object]], start: int, max_bytes: int) -> tuple[bytes, int]:
        if not isinstance(columns, (list, tuple)):
            raise postgres_error("42804", "columns are neither a list nor a tuple")
        if len(columns) != len(self._fields):
            message = f"{len(columns)} columns of values, but there are {len(self._fields)} columns"
            raise postgres_error("08P01", message)
        for number, column in enumerate(columns, 1):
            if not isinstance(column, (list, tuple)):
                raise postgres_error("42804", f"column {number} is neither a list nor a tuple")
        count = len(columns[0]) if columns else 0
        for number, column in enumerate(columns, 1):
            if len(column) != count:
                message = f"column {number} has {len(column)} values, but column 1 has {count}"
                raise postgres_error("08P01", message)
        parts: list[bytes] = []
        size = 0
        index = start
        while index < count and (size < max_bytes or index == start):
            row = self._encode([column[index] for column in columns], index)
            parts.append(row)
            size += len(row)
            index += 1
        return b"".join(parts), index

    def _row(self, row: Any, index: int) -> bytes:
        values: Sequence[object] = row if isinstance(row, (list, tuple)) else self._other_row(row, index)
        self._check_width(len(values), index)
        return self._encode(values, index)

    def _check_width(self, width: int, index: int) -> None:
        if width != len(self._fields):
            message = f"row {index} has {width} values, but there are {len(self._fields)} columns"
            raise postgres_error("08P01", message)

    def _other_row(self, row: Any, index: int) -> Sequence[object]:
        """The values of a row that is neither a tuple nor a list: a Record, a dict, or an instance of a dataclass."""
        if isinstance(row, Record):
            return row.values()
        values: list[object] = []
        if isinstance(row, dict):
            if self._names is None:
                raise postgres_error("42804", f"row {index} is a dict, but the encoder has no column names")
            for name in self._names.names:
                if name not in row:
                    raise missing_column(index, name)
                values.append(row[name])
            if len(row) != len(self._names.positions):
                self._check_width(len(row), index)
            return values
        cls: Any = type(row)
        fields = dataclass_fields(cls)
        if fields is None:
            message = f"row {index} is neither a tuple nor a list, dict, Record or dataclass instance"
            raise postgres_error("42804", message)
        for name in self._names.names if self._names is not None else fields:
            try:
                values.append(getattr(row, name))
            except AttributeError:
                raise missing_column(index, name) from None
        return values

    def _encode(self, row: Sequence[object], index: int) -> bytes:
        parts = [self._head]
        size = 2 if self._copy else 7
        for column, write in enumerate(self._fields):
            value = row[column]
            if value is None:
                parts.append(NULL)
                continue
            try:
                data = write(value)
            except BadValue as bad:
                oid = self._types[column].oid
                raise encode_failure(bad.sqlstate, bad.message, index, column + 1, oid, value) from None
            size += 4 + len(data)
            if size > MAX_ROW:
                large = too_large()
                raise encode_failure(large.sqlstate, large.message, index, column + 1, self._types[column].oid, value)
            parts.append(len(data).to_bytes(4, "big"))
            parts.append(data)
        return b"".join(parts) if self._copy else data_row(parts)


def too_large() -> BadValue:
    """Why a row is too large."""
    return BadValue("54000", f"a row exceeds the largest size ({MAX_ROW} bytes)")


def data_row(parts: list[bytes]) -> bytes:
    """A DataRow of the number of fields and the fields; 54000 if it is too large."""
    body = b"".join(parts)
    if len(body) + 5 > MAX_ROW:
        bad = too_large()
        raise postgres_error(bad.sqlstate, bad.message)
    return b"D" + (len(body) + 4).to_bytes(4, "big") + body


def format_flags(codes: Sequence[int], columns: int) -> list[bool]:
    """Whether each column is binary, from format codes given for none (text), for all with one, or each (Protocol 55.2.3)."""
    if columns > MAX_COLUMNS:
        raise postgres_error("54000", f"{columns} columns exceed the limit of {MAX_COLUMNS}")
    if len(codes) > 1 and len(codes) != columns:
        message = f"bind message has {len(codes)} result formats but query has {columns} columns"
        raise postgres_error("08P01", message)
    flags = [is_binary(code) for code in codes]
    return flags if len(flags) > 1 or len(flags) == columns else (flags or [False]) * columns


def column_flags(codes: Sequence[int], columns: int, copy: bool) -> list[bool]:
    """The same for a DataRow's columns, or for those of binary COPY, which are binary (22023 if one is to be text)."""
    flags = format_flags(codes, columns)
    if copy and codes and not all(flags):
        raise postgres_error("22023", "binary COPY has no columns in text format")
    return [True] * columns if copy else flags


def is_copy(layout: str) -> bool:
    """Whether rows are tuples of binary COPY instead of DataRow messages."""
    if layout not in ("data_row", "copy"):
        raise ValueError("layout must be 'data_row' or 'copy'")
    return layout == "copy"


def names_of(names: Sequence[str] | None, columns: int) -> Names | None:
    """As many names as columns, or none."""
    if names is None:
        return None
    made = Names(names)
    if len(made.names) != columns:
        raise ValueError(f"{len(made.names)} names, but there are {columns} columns")
    return made


def is_binary(code: int) -> bool:
    """22023 for a format code other than 0 and 1."""
    if code not in (0, 1):
        raise postgres_error("22023", f"unsupported format code: {code}")
    return code == 1


def writer(kind: PgType, binary: bool, style: TextStyle = DEFAULT) -> Callable[[Any], bytes]:
    """The function that encodes one value: the usual Python type directly, everything else by way of :func:`extract`."""

    plain = pg_type(kind.oid)  # a str given for a value is read by the default settings

    def general(value: object) -> bytes:
        return kind.encode(binary, extract(plain, value))

    styled = not binary and style is not DEFAULT and kind.kind.code in ("float8", "timestamp")
    fast = None if kind.element or styled else _FAST.get((kind.kind.code, binary))
    if fast is None:
        return general
    expected, write = fast

    def field(value: Any) -> bytes:
        if type(value) is expected:
            data = write(value)
            if data is not None:
                return data
        return general(value)

    return field


def _int4_text(value: int) -> bytes | None:
    return b"%d" % value if -0x80000000 <= value <= 0x7FFFFFFF else None


def _int4_binary(value: int) -> bytes | None:
    return value.to_bytes(4, "big", signed=True) if -0x80000000 <= value <= 0x7FFFFFFF else None


def _int8_text(value: int) -> bytes | None:
    return b"%d" % value if -0x8000000000000000 <= value <= 0x7FFFFFFFFFFFFFFF else None


def _text(value: str) -> bytes | None:
    return None if "\0" in value else text.to_utf8(value)


def _float8_text(value: float) -> bytes:
    return floats.to_text8(value).encode()


def _timestamp_text(value: datetime) -> bytes | None:
    # The first and the last year hold the infinities.
    if value.tzinfo is not None or value.year in (1, 9999):
        return None
    shown = value.isoformat(" ", "seconds")
    return (shown + fraction_text(value.microsecond)).encode()


_FAST: dict[tuple[str, bool], tuple[type, Callable[[Any], bytes | None]]] = {
    ("int4", False): (int, _int4_text),
    ("int4", True): (int, _int4_binary),
    ("int8", False): (int, _int8_text),
    ("text", False): (str, _text),
    ("text", True): (str, _text),
    ("float8", False): (float, _float8_text),
    ("float8", True): (float, struct.Struct("!d").pack),
    ("timestamp", False): (datetime, _timestamp_text),
}
