"""Rows that were encoded in one coding and in some formats, brought to others: cursors' rows, which wait.

PostgreSQL prints a row when it is fetched, by the settings of that moment. Rows that wait are kept in the server's default coding, which
leaves out nothing; only columns whose bytes differ are decoded and encoded again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from .. import oids
from .._impl import RowDecoder, TextStyle
from .._impl.pure.types.interval import Interval, from_binary, parse, to_binary, to_text
from ..oids import ELEMENT_OF
from ..types import TypeRegistry
from .coding import Coding, recode_rows
from .results import Shape, check_formats, types_of

__all__ = ["Recoder", "recoder"]

_SAME_IN_EVERY_STYLE: Final = frozenset(
    (
        oids.BOOL,
        oids.INT2,
        oids.INT4,
        oids.INT8,
        oids.OID,
        oids.NUMERIC,
        oids.TEXT,
        oids.VARCHAR,
        oids.BPCHAR,
        oids.NAME,
        oids.UNKNOWN,
        oids.JSON,
        oids.JSONB,
        oids.UUID,
    )
)
"""Types whose text no setting changes: the common ones, for the others are merely converted in vain."""


def recoder(made: Shape, formats: Sequence[int], coding: Coding) -> Recoder | None:
    """What brings rows of the shape ``made`` to these formats and this coding; None where they are as they should be."""
    types = types_of(made.columns)
    before = check_formats(made.requested, len(types))
    after = check_formats(tuple(formats), len(types))
    if made.coding is coding and before == after:
        return None
    found = Recoder(types, before, made.coding, after, coding)
    return found if found.changes else None


class Recoder:
    """Decodes rows by one coding and encodes them by another.

    Attributes:
        changes: whether any row can come out otherwise than it went in.
    """

    def __init__(
        self, types: Sequence[int], before: Sequence[int], source: Coding, after: Sequence[int], target: Coding
    ) -> None:
        restyled = source.style is not target.style
        changed = [
            old != new or (restyled and new == 0 and oid not in _SAME_IN_EVERY_STYLE)
            for oid, old, new in zip(types, before, after, strict=True)
        ]
        self.changes = any(changed) or source.encoding is not target.encoding
        # What stays as it is passes through both as bytea in binary.
        seen = [oid if changes else oids.BYTEA for oid, changes in zip(types, changed, strict=True)]
        read = [code if changes else 1 for code, changes in zip(before, changed, strict=True)]
        written = [code if changes else 1 for code, changes in zip(after, changed, strict=True)]
        self._before = list(zip(types, before, strict=True))
        self._after = list(zip(types, after, strict=True))
        self._source, self._target = source.encoding, target.encoding
        self._encoder: Any = None
        if any(changed):
            self._encoder = _registry(target).row_encoder(seen, written)
            self._raw = RowDecoder([oids.BYTEA] * len(types), [1])
            self._decode: Any = None
            if source.style is None and source.types is None and not any(map(_holds_intervals, seen)):
                self._raw = RowDecoder(seen, read)
            else:
                registry = _registry(source)
                self._decode = lambda row: registry.decode_values(seen, read, row)

    def convert(self, data: bytes | memoryview) -> bytes | memoryview:
        """DataRow messages as they are to be sent.

        Raises:
            PostgresError: 22P05 for a character that the client's encoding has not, 0A000 for a format that a type has not.
        """
        source, target = self._source, self._target
        recodes = self._encoder is not None or source is not target
        if recodes and source is not None:
            data = recode_rows(bytes(data), self._before, source.to_utf8)
        if self._encoder is not None:
            rows = self._raw.decode(data)
            if self._decode is not None:
                rows = [self._decode(row) for row in rows]
            data = self._encoder.encode(rows, 0, _NO_LIMIT)[0]
        if recodes and target is not None:
            data = recode_rows(bytes(data), self._after, target.from_utf8)
        return data


_NO_LIMIT: Final = 2**62


def _holds_intervals(oid: int) -> bool:
    return oids.INTERVAL in (oid, ELEMENT_OF.get(oid))


def _registry(coding: Coding) -> TypeRegistry:
    """The coding's types, with intervals as they are: a timedelta has no months."""
    types = coding.types or TypeRegistry()
    style: TextStyle | None = coding.style
    types = types.scoped() if style is None else types.styled(style)
    name = coding.intervals

    def read(text: str) -> Interval:
        return parse(text, name)

    def write(value: Interval) -> str:
        return to_text(value, name)

    types.set_codec(oids.INTERVAL, encoder=write, decoder=read)
    types.set_codec(oids.INTERVAL, encoder=to_binary, decoder=from_binary, format="binary")
    return types
