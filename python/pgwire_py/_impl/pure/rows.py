"""DataRow messages (Protocol 55.7): tag, length, number of fields, and each field with its length in front."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from ...errors import postgres_error
from ..value_errors import encode_failure
from .extract import extract
from .types import BadValue, PgType, floats, pg_type, text
from .types.datetime import fraction_text

NULL = b"\xff\xff\xff\xff"
MAX_COLUMNS = 32_767
"""Most columns of a row: the count is a signed 16-bit integer."""
MAX_LENGTH = (1 << 31) - 1


class RowEncoder:
    """Encodes rows of Python values; see the contract in ``_impl/interface.py``."""

    def __init__(self, types: Sequence[int], formats: Sequence[int]) -> None:
        binary = format_flags(formats, len(types))
        self._types = [pg_type(oid) for oid in types]
        self._fields = [writer(kind, flag) for kind, flag in zip(self._types, binary, strict=True)]
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

    def _row(self, row: Sequence[object], index: int) -> bytes:
        if not isinstance(row, (list, tuple)):
            raise postgres_error("42804", f"row {index} is neither a tuple nor a list")
        if len(row) != len(self._fields):
            message = f"row {index} has {len(row)} values, but there are {len(self._fields)} columns"
            raise postgres_error("08P01", message)
        parts = [self._head]
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
            parts.append(len(data).to_bytes(4, "big"))
            parts.append(data)
        return data_row(parts)


def data_row(parts: list[bytes]) -> bytes:
    """A DataRow of the number of fields and the fields; 54000 if its length does not fit."""
    body = b"".join(parts)
    if len(body) + 4 > MAX_LENGTH:
        raise postgres_error("54000", "a row exceeds the largest message (2147483647 bytes)")
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


def is_binary(code: int) -> bool:
    """22023 for a format code other than 0 and 1."""
    if code not in (0, 1):
        raise postgres_error("22023", f"unsupported format code: {code}")
    return code == 1


def writer(kind: PgType, binary: bool) -> Callable[[Any], bytes]:
    """The function that encodes one value: the usual Python type directly, everything else by way of :func:`extract`."""

    def general(value: object) -> bytes:
        return kind.encode(binary, extract(kind, value))

    fast = None if kind.element else _FAST.get((kind.kind.code, binary))
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
