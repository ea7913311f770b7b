"""COPY data encoded and decoded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from .rows import ArrowEncoder
from .streams import Buffer

__all__ = ["CopyDecoder", "CopyEncoder", "CopyPlan"]


class CopyPlan(NamedTuple):
    """What a CopyEncoder or CopyDecoder does, made and checked by ``pgwire_py/copy.py``: names resolved to a flag per column."""

    format: str
    """``text``, ``csv`` or ``binary``."""
    columns: tuple[str, ...]
    """Names; at most 32,767."""
    table: str
    """Name of the table in the ``where`` of errors."""
    delimiter: int
    """A byte, as ``quote`` and ``escape`` are."""
    null: bytes
    default: bytes | None
    header: str
    """``none``, ``line`` or ``match``."""
    quote: int
    escape: int
    force_quote: tuple[bool, ...]
    force_not_null: tuple[bool, ...]
    force_null: tuple[bool, ...]
    has_default: tuple[bool, ...]
    encoding: str
    """``UTF8``, ``LATIN1`` or ``SQL_ASCII``."""
    legacy_end: bool
    """Whether ``\\.`` has the meaning it had before PostgreSQL 18."""
    max_row: int
    """Most bytes of a line, or of a binary row with its lengths."""
    types: tuple[int, ...] | None
    """Type OIDs where rows are of Python values; None where they are of fields."""
    framed: bool = False
    """Whether the encoder writes CopyData messages, as PostgreSQL sends them: one for the header of text, one for each row, with the
    header of binary data in the first of them, and one for the trailer. ``max_bytes`` counts their tags and lengths."""


class CopyEncoder(Protocol):
    """Encodes rows as the data of COPY (PostgreSQL: COPY, "File Formats"): ``CopyEncoder(plan: CopyPlan)``.

    Raises:
        PostgresError: 22P05, the null marker or a name in the header cannot be written in the encoding.
    """

    def encode(self, rows: Sequence[Sequence[object]], start: int, max_bytes: int) -> tuple[bytes | memoryview, int]:
        """Encode ``rows[start:]`` until at least ``max_bytes`` are written or the rows end; the header in front of the first row.

        Fields are bytes or None; with types they are Python values. Nothing has happened where an error is raised.

        Returns:
            The data (a read-only memoryview where it is long) and the index of the first row not encoded.

        Raises:
            PostgresError: as :meth:`RowEncoder.encode`; 22021 for a field that is not UTF-8 or has a NUL, 22P05 for a character that
                the encoding does not have, 42804 for a field that is not bytes, 54000 for a row of more than ``max_row`` bytes.
        """

    def encode_data_rows(self, data: Buffer) -> bytes | memoryview:
        """Encode the rows of whole DataRow messages: fields in the text format, in binary in the binary one; whatever the types are.

        Releases the GIL where there is one.

        Raises:
            PostgresError: 22021, 22P05 and 54000 as :meth:`encode`; XX000 where the data are no such messages.
        """

    def encode_arrow(self, rows: ArrowEncoder, max_rows: int, max_bytes: int) -> tuple[bytes | memoryview, int, bool]:
        """Encode the next rows of an Arrow stream as :meth:`ArrowEncoder.encode` does, whose formats and layout do not matter here.

        Raises:
            PostgresError: as ``encode`` of both; 42804 for another number of columns than the plan has; 0A000 where CopyData messages are
                to be written (``framed``).
        """

    def finish(self) -> bytes:
        """What stands behind the last row, and the header if there was no row."""


class CopyDecoder(Protocol):
    """Decodes the data of COPY in any chunking: ``CopyDecoder(plan: CopyPlan)``.

    Rows are tuples of bytes, None, and :data:`~pgwire_py.enums.DEFAULT`; with types, of Python values instead of bytes. Bytes that do
    not make a row yet are kept, at most ``max_row`` of them and those of the last feed.
    """

    ended: bool
    """Whether the data's own end marker has come: the binary trailer, ``\\.`` in text; also where text data has ended (read-only)."""

    def feed(self, data: Buffer) -> list[Any]:
        """Take bytes, return the rows that are complete.

        Raises:
            PostgresError: 22P04, 22021, 54000, and what the types raise; the rows of this call are lost, and every later call raises the
                same error.
        """

    def finish(self) -> list[Any]:
        """The rows that are left when no more bytes come; raises as :meth:`feed`."""

    def feed_data_rows(self, data: Buffer) -> tuple[bytes | memoryview, int]:
        """As :meth:`feed`, but the rows are DataRow messages of the fields as they came, whatever the types are; and how many rows.

        Rows in front of wrong data come first: the error is raised by the next call. Releases the GIL where there is one.

        Raises:
            PostgresError: as :meth:`feed`, but for the types; XX000 for a ``default`` marker.
        """

    def finish_data_rows(self) -> tuple[bytes | memoryview, int]:
        """As :meth:`finish`, in the form of :meth:`feed_data_rows`."""
