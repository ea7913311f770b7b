"""COPY data in a session's settings: the client's encoding, and the settings that texts of values depend on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from .. import oids
from .._impl import CopyDecoder
from .._impl.interface import Buffer, CopyPlan
from ..copy import CopyOptions
from ..enums import DEFAULT
from ..errors import PostgresError
from .coding import Coding
from .exact import INTERVALS, exact_intervals

__all__ = ["CopyCoding", "SettingsDecoder"]

_INDEPENDENT: Final = frozenset(
    (
        oids.BOOL,
        oids.INT2,
        oids.INT4,
        oids.INT8,
        oids.OID,
        oids.FLOAT4,
        oids.FLOAT8,
        oids.NUMERIC,
        oids.TEXT,
        oids.VARCHAR,
        oids.BPCHAR,
        oids.NAME,
        oids.UUID,
        oids.BYTEA,
        oids.JSON,
        oids.JSONB,
    )
)
"""Types that are read the same whatever the settings."""


class CopyCoding:
    """How the data of one COPY are encoded.

    Text and CSV are in the encoding that the statement names, or else in the client's, which LATIN1 is written in at once and others from
    UTF-8 behind the encoder. The binary format has its texts in the client's encoding, whatever the statement says, as in PostgreSQL.

    Args:
        options: the options of the statement, or of the handler.
        encoded: whether they name the encoding; else it is the client's.
        coding: the session's.
        server_version: tells what ``\\.`` means; None: the options tell.

    Attributes:
        options: with the encoding, and the version's meaning of ``\\.``.
        binary: whether the format is binary.
        formats: format codes of the rows.
        rows: the coding of the rows that go into the data.
        session: the session's coding.
    """

    def __init__(self, options: CopyOptions, encoded: bool, coding: Coding, server_version: str | None = None) -> None:
        if server_version is not None:
            major = server_version.partition(".")[0]
            options = replace(options, legacy_end=not major.isdecimal() or int(major) < 18)
        self.binary = options.format == "binary"
        self.formats = (1,) if self.binary else ()
        self.rows = coding if self.binary else coding.in_utf8
        self.session = coding
        self._outer = None if self.binary or encoded else coding.encoding
        if self._outer is not None and self._outer.name == "LATIN1":
            options = replace(options, encoding="LATIN1")
            self._outer = None
        self.options = options

    def messages(self, data: bytes | memoryview) -> bytes | memoryview:
        """CopyData messages in UTF-8 as they are sent.

        Raises:
            PostgresError: 22P05 for a character that the client's encoding has not.
        """
        if self._outer is None:
            return data
        whole = bytes(data)
        if whole.isascii():
            return whole
        parts: list[bytes] = []
        at = 0
        while at < len(whole):
            end = at + 1 + int.from_bytes(whole[at + 1 : at + 5], "big")
            payload = self._outer.from_utf8(whole[at + 5 : end])
            parts += (b"d", (len(payload) + 4).to_bytes(4, "big"), payload)
            at = end
        return b"".join(parts)

    def received(self, data: Buffer) -> Buffer:
        """Text or CSV data as they came, in what the decoder reads; raises 22P05 for a byte that stands for no character."""
        return data if self._outer is None else self._outer.to_utf8(bytes(data))

    def depends(self, types: Sequence[int]) -> bool:
        """Whether values of these types are read by the session's settings."""
        coding = self.session
        if self.binary and coding.encoding is not None:
            return True
        if coding.types is None and (self.binary or coding.style is None):
            return False
        return not _INDEPENDENT.issuperset(types)


class SettingsDecoder:
    """The data of a COPY → rows of Python values, read by the session's settings.

    Args:
        plan: with the types.
        how: the coding.
        exact: intervals that a timedelta only comes close to are text.
    """

    def __init__(self, plan: CopyPlan, how: CopyCoding, *, exact: bool = False) -> None:
        assert plan.types is not None
        self._plan = plan
        self._types = plan.types
        self._how = how
        self._exact = exact and not INTERVALS.isdisjoint(plan.types)
        self.depends = how.depends(plan.types)
        """Whether it reads the values itself: :meth:`feed_data_rows` has them as they came."""
        self._core = CopyDecoder(plan._replace(types=None) if self.depends or self._exact else plan)
        self._codes = (int(how.binary),)
        self._line = 1 + (plan.header != "none")

    def feed(self, data: Buffer) -> list[tuple[Any, ...]]:
        """The rows that are complete; raises as :meth:`CopyDecoder.feed`."""
        return self._valued(self._core.feed(self._how.received(data)))

    def finish(self) -> list[tuple[Any, ...]]:
        """The rows that are left; raises as :meth:`CopyDecoder.finish`."""
        return self._valued(self._core.finish())

    def feed_data_rows(self, data: Buffer) -> tuple[bytes | memoryview, int]:
        """DataRow messages and how many."""
        return self._core.feed_data_rows(self._how.received(data))

    def finish_data_rows(self) -> tuple[bytes | memoryview, int]:
        """Those that are left."""
        return self._core.finish_data_rows()

    def _valued(self, rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        if not self.depends and not self._exact:
            return rows
        made: list[tuple[Any, ...]] = []
        decode = self._how.rows.decode_values
        for row in rows:
            if DEFAULT in row:
                made.append(tuple(self._value(index, field) for index, field in enumerate(row)))
            else:
                try:
                    values = decode(self._types, self._codes, row)
                    if self._exact:
                        values = exact_intervals(self._types, self._codes, row, values, self._how.rows.style)
                    made.append(values)
                except PostgresError:
                    for index, field in enumerate(row):
                        self._value(index, field)
                    raise
            self._line += 1
        return made

    def _value(self, index: int, field: Any) -> object:
        if field is DEFAULT:
            return field
        try:
            values = self._how.rows.decode_values((self._types[index],), self._codes, (field,))
            if self._exact:
                values = exact_intervals((self._types[index],), self._codes, (field,), values, self._how.rows.style)
            return values[0]
        except PostgresError as error:
            where = f"COPY {self._plan.table}, line {self._line}, column {self._plan.columns[index]}"
            if not self._how.binary:
                where += f': "{field.decode("utf-8", "replace")}"'
            error.fields["where"] = where
            raise
