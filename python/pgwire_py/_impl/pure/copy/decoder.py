"""CopyDecoder: data → rows of fields or of Python values."""

from __future__ import annotations

from ....enums import DEFAULT
from ....errors import PostgresError, postgres_error
from ...interface import Buffer, CopyPlan
from ..python_values import to_python
from ..types import BadValue, pg_type
from .binary import BinaryDecoder
from .lines import LineDecoder
from .problem import Problem, at_value
from .row import Field


class CopyDecoder:
    """Decodes COPY data in any chunking; see the contract in ``_impl/interface``."""

    def __init__(self, plan: CopyPlan) -> None:
        self._plan = plan
        self._binary = plan.format == "binary"
        self._layout = BinaryDecoder(plan) if self._binary else LineDecoder(plan)
        self._types = None if plan.types is None else [pg_type(oid) for oid in plan.types]
        self._failed: PostgresError | None = None

    @property
    def ended(self) -> bool:
        return self._layout.ended

    def feed(self, data: Buffer) -> list[tuple[object, ...]]:
        return self._decode(bytes(data), False)

    def finish(self) -> list[tuple[object, ...]]:
        return self._decode(b"", True)

    def feed_data_rows(self, data: Buffer) -> tuple[bytes | memoryview, int]:
        return self._data_rows(bytes(data), False)

    def finish_data_rows(self) -> tuple[bytes | memoryview, int]:
        return self._data_rows(b"", True)

    def _data_rows(self, data: bytes, last: bool) -> tuple[bytes | memoryview, int]:
        if self._failed:
            raise _again(self._failed)
        rows: list[bytes] = []
        try:
            self._layout.feed(data, last, lambda _, fields: rows.append(_data_row(fields)))
        except PostgresError as error:
            self._failed = _again(error)
            if not rows:
                raise
        return b"".join(rows), len(rows)

    def _decode(self, data: bytes, last: bool) -> list[tuple[object, ...]]:
        if self._failed:
            raise _again(self._failed)
        rows: list[tuple[object, ...]] = []
        try:
            self._layout.feed(data, last, lambda line, fields: rows.append(self._row(line, fields)))
        except PostgresError as error:
            self._failed = _again(error)
            raise
        except BaseException:
            self._failed = postgres_error("XX000", "an earlier part of the data was lost")
            raise
        return rows

    def _row(self, line: int, fields: list[Field]) -> tuple[object, ...]:
        if self._types is None:
            return tuple(fields)
        row: list[object] = []
        for column, (field, kind) in enumerate(zip(fields, self._types, strict=True)):
            if field is None or field is DEFAULT:
                row.append(field)
                continue
            assert isinstance(field, bytes)
            try:
                row.append(to_python(kind, kind.decode(self._binary, field)))
            except BadValue as bad:
                where = at_value(self._plan, line, column, field)
                raise Problem(bad.message, bad.sqlstate).at(where) from None
        return tuple(row)


def _data_row(fields: list[Field]) -> bytes:
    parts = [b"", len(fields).to_bytes(2, "big")]
    for field in fields:
        if field is None:
            parts.append(b"\xff\xff\xff\xff")
        elif isinstance(field, bytes):
            parts += (len(field).to_bytes(4, "big"), field)
        else:
            raise postgres_error("XX000", "a DataRow has no default marker")
    body = b"".join(parts)
    return b"D" + (len(body) + 4).to_bytes(4, "big") + body


def _again(error: PostgresError) -> PostgresError:
    """The same error without the frames that it went through."""
    return postgres_error(error.sqlstate, error.message, **error.fields)
