"""DataRow messages (Protocol 55.7) or tuples of binary COPY, read back as Python rows."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from ..row_errors import broken_row, row_failure
from .python_values import to_python
from .record import Names, make_record
from .rows import column_flags, is_copy, names_of
from .types import BadValue, PgType, pg_type

CUT: Final = "the data ends within a row"
_COUNT: Final = struct.Struct("!H")
_INT32: Final = struct.Struct("!i")
_TRAILER: Final = 0xFFFF


class BrokenError(Exception):
    """Bytes that are no row: why, and where in the data."""

    def __init__(self, text: str, at: int) -> None:
        super().__init__(text)
        self.text = text
        self.at = at


def fields(data: bytes, at: int, end: int, columns: int, whole: bool) -> Iterator[tuple[bytes | None, int]]:
    """The fields of a row that begins with their number, and where each ends; None for NULL. With ``whole`` nothing may follow them."""
    if end - at < 2:
        raise BrokenError(CUT, end)
    (count,) = _COUNT.unpack_from(data, at)
    if count != columns:
        raise BrokenError(f"{count} values, but there are {columns} columns", at)
    at += 2
    for _ in range(columns):
        if end - at < 4:
            raise BrokenError(CUT, end)
        (size,) = _INT32.unpack_from(data, at)
        if size < -1:
            raise BrokenError(f"the length {size} of a value is negative", at)
        if size > end - at - 4:
            raise BrokenError(f"a value of {size} bytes goes beyond the end", at)
        start, at = at + 4, at + 4 + max(size, 0)
        yield (None if size == -1 else data[start:at]), at
    if whole and at != end:
        raise BrokenError(f"{end - at} bytes are left over", at)


class RowDecoder:
    """Decodes rows; see the contract in ``_impl/interface``."""

    def __init__(
        self,
        types: Sequence[int],
        formats: Sequence[int] = (),
        names: Sequence[str] | None = None,
        *,
        layout: str = "data_row",
    ) -> None:
        self._copy = is_copy(layout)
        self._names: Names | None = names_of(names, len(types))
        flags = column_flags(formats, len(types), self._copy)
        self._types = [pg_type(oid) for oid in types]
        self._readers = [_reader(kind, binary) for kind, binary in zip(self._types, flags, strict=True)]

    def decode(self, data: Any) -> list[Any]:
        found: list[Any] = []
        if not isinstance(data, (list, tuple)):
            buffer = bytes(memoryview(data))
            if self._copy:
                self._tuples(buffer, found, False)
            else:
                self._messages(buffer, found)
            return found
        return self.extend(found, data)

    def extend(self, found: list[Any], pieces: Sequence[Any]) -> list[Any]:
        """Add the rows of pieces to those found before, which count where a row is told by its number."""
        ended = False
        for piece in tuple(pieces):
            buffer = bytes(memoryview(piece))
            if self._copy:
                ended = self._tuples(buffer, found, ended)
            else:
                self._body(buffer, found)
        return found

    def _messages(self, data: bytes, found: list[Any]) -> None:
        at, whole = 0, len(data)
        while at < whole:
            start = at
            try:
                if data[at] != 0x44:
                    raise BrokenError(f"the tag {data[at]} is not DataRow's", at)
                if whole - at < 5:
                    raise BrokenError(CUT, whole)
                (length,) = _INT32.unpack_from(data, at + 1)
                if length < 6:
                    raise BrokenError(f"the length {length} is less than 6", at + 1)
                at += length + 1
                if at > whole:
                    raise BrokenError(CUT, whole)
                self._append(self._row(data, start + 5, at, len(found), True)[0], found)
            except BrokenError as broken:
                raise broken_row(broken.text, len(found), broken.at - start, False) from None

    def _body(self, data: bytes, found: list[Any]) -> None:
        try:
            self._append(self._row(data, 0, len(data), len(found), True)[0], found)
        except BrokenError as broken:
            raise broken_row(broken.text, len(found), broken.at + 5, False) from None

    def _tuples(self, data: bytes, found: list[Any], ended: bool) -> bool:
        """The tuples of a buffer; whether the trailer has come."""
        at, end = 0, len(data)
        start = at
        try:
            while at < end:
                start = at
                if ended:
                    raise BrokenError(f"{end - at} bytes are left over", at)
                if data[at : at + 2] == b"\xff\xff":
                    ended = True
                    if at + 2 < end:
                        raise BrokenError(f"{end - at - 2} bytes are left over", at + 2)
                    at += 2
                    continue
                values, at = self._row(data, at, end, len(found), False)
                self._append(values, found)
        except BrokenError as broken:
            raise broken_row(broken.text, len(found), broken.at - start, True) from None
        return ended

    def _append(self, values: tuple[object, ...], found: list[Any]) -> None:
        found.append(values if self._names is None else make_record(self._names, values))

    def _row(self, data: bytes, at: int, end: int, row: int, whole: bool) -> tuple[tuple[object, ...], int]:
        """The values of a row and where it ends; with ``whole`` that must be the end."""
        cut = fields(data, at, end, len(self._readers), whole)
        at += 2
        values: list[object] = []
        for (field, after), read in zip(cut, self._readers):  # noqa: B905 - the fields end first: all of the row is checked
            at = after
            if field is None:
                values.append(None)
                continue
            try:
                values.append(read(field))
            except BadValue as bad:
                oid = self._types[len(values)].oid
                raise row_failure(bad.sqlstate, bad.message, row, len(values) + 1, oid, field) from None
        return tuple(values), at


def _reader(kind: PgType, binary: bool) -> Callable[[bytes], object]:
    """The function that reads one field: values of fixed size directly, everything else by way of a value."""

    def general(field: bytes) -> object:
        return to_python(kind, kind.decode(binary, field))

    fixed = None if kind.element or not binary else _FIXED.get(kind.kind.code)
    if fixed is None:
        return general
    size, unpack = fixed.size, fixed.unpack

    def short(field: bytes) -> object:
        return unpack(field)[0] if len(field) == size else general(field)

    return short


_FIXED: Final = {
    "int2": struct.Struct("!h"),
    "int4": struct.Struct("!i"),
    "int8": struct.Struct("!q"),
    "float8": struct.Struct("!d"),
}
