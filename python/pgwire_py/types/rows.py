"""Rows some of whose columns have codecs in Python: those are made bytes first, the rest is one native call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from .._impl.pure.types import BadValue
from .._impl.value_errors import encode_failure
from .codec import Codec, Coder


class EncodesRows(Protocol):
    """What ``RowEncoder`` offers; see ``_impl/interface``."""

    def encode(self, rows: Sequence[Sequence[object]], start: int, max_bytes: int) -> tuple[bytes, int]: ...


class RowConverter:
    """A row encoder in front of the native one.

    Args:
        coder: the way to the codecs of parts.
        encoder: of the same columns, where those of ``custom`` take bytes.
        custom: number of the column → its type's OID, its format and its codec.
    """

    def __init__(self, coder: Coder, encoder: EncodesRows, custom: Mapping[int, tuple[int, int, Codec]]) -> None:
        self._coder = coder
        self._encoder = encoder
        self._custom = custom
        self._rows: Sequence[Sequence[object]] | None = None
        self._converted: list[Sequence[object]] = []

    def encode(self, rows: Sequence[Sequence[object]], start: int, max_bytes: int) -> tuple[bytes, int]:
        """DataRow messages from row ``start`` on, about ``max_bytes`` of them, and the number of the next row.

        A batch is converted as a whole when its first row is asked for.
        """
        if rows is not self._rows or len(rows) != len(self._converted) or start == 0:
            whole = isinstance(rows, (list, tuple))
            self._converted = [self._row(row, number) for number, row in enumerate(rows)] if whole else []
            self._rows = rows
            if not whole:
                return self._encoder.encode(rows, start, max_bytes)  # it says what is wrong
        data, after = self._encoder.encode(self._converted, start, max_bytes)
        if after >= len(rows):
            self._rows, self._converted = None, []
        return data, after

    def _row(self, row: Sequence[object], number: int) -> Sequence[object]:
        if not isinstance(row, (list, tuple)):
            return row
        made: list[Any] = list(row)
        for column, (oid, format, codec) in self._custom.items():
            if column >= len(made) or made[column] is None:
                continue
            try:
                made[column] = codec.encode(self._coder, format, made[column], 0)
            except BadValue as bad:
                name = self._coder.name(oid)
                raise encode_failure(bad.sqlstate, bad.message, number, column + 1, oid, made[column], name) from None
        return made
