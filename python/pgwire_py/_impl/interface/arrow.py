"""The contract of Arrow out of rows: DataRow messages, or the bytes of binary COPY, to record batches."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from .streams import Buffer


class ArrowBatch(Protocol):
    """Rows as an Arrow record batch, through the Arrow PyCapsule interface. Its memory is its own, and lives as long as anyone uses it."""

    num_rows: int
    """Rows in the batch (read-only)."""

    def __arrow_c_schema__(self) -> object:
        """A capsule ``arrow_schema``."""

    def __arrow_c_array__(self, requested_schema: object = None) -> tuple[object, object]:
        """Capsules ``arrow_schema`` and ``arrow_array``, without a copy. The schema is the batch's own, whatever is requested."""

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """A capsule ``arrow_array_stream`` of this one batch."""


class ArrowStream(Protocol):
    """Batches that are made while they are read, through the Arrow PyCapsule interface."""

    def __arrow_c_schema__(self) -> object:
        """A capsule ``arrow_schema``."""

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """A capsule ``arrow_array_stream``, once.

        An exception, of the decoder or of what yields the bytes, ends the stream; its consumer raises its own with the class and the text.

        Raises:
            ValueError: the stream has been handed out already.
        """


class ArrowTable(Protocol):
    """The batches of one result, through the Arrow PyCapsule interface: ``ArrowTable(decoder, batches)``, batches of that decoder.

    Raises:
        ValueError, TypeError: a batch of another decoder, or what is no batch.
    """

    num_rows: int
    """Rows of all batches (read-only); ``len()`` is the same."""

    batches: tuple[ArrowBatch, ...]
    """As given (read-only)."""

    column_names: list[str]
    """Names of the columns (read-only)."""

    def __len__(self) -> int:
        """Rows."""

    def __arrow_c_schema__(self) -> object:
        """A capsule ``arrow_schema``."""

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """A capsule ``arrow_array_stream`` of the batches, as often as is asked, without a copy."""


class ArrowDecoder(Protocol):
    """Decodes DataRow messages, or binary COPY, into Arrow record batches (docs/reference/arrow.md).

    Args:
        types: each column's type: its OID, a list with the one type of its elements, or a dict of a composite's types by name.
        names: as many names.
        formats: as for RowDecoder. Lists and composites that are spelled out are binary.
        type_modifiers: each column's type modifier as RowDescription has it (Protocol 55.7); by default none, -1.
        layout: ``"data_row"``, or ``"copy"`` for binary COPY.
        max_rows: a batch ends with this row, 1 to 2³¹-1.
        max_bytes: a batch ends with the row that reaches so many bytes, 1 to 2³⁰: of its rows as they came, and of their text where
            that is made of binary values.

    Raises:
        PostgresError: as RowDecoder; 42804 for a list or composite that is spelled out in text format, 54001 for more than 64 of them
            within each other.
        ValueError, TypeError: a type, name, type modifier or bound that is none, or not as many as types.

    A decoder may be used by several threads, and then serves one after the other. Any number of results can be decoded, one by one.
    """

    def feed(self, data: Buffer | Sequence[Buffer]) -> list[ArrowBatch]:
        """Append rows; returns the batches that became full. Releases the GIL where there is one.

        ``data`` is as for RowDecoder. With layout ``"copy"`` it is bytes of COPY in any chunking, or a list or tuple of such; header and
        trailer may be there or not.

        Raises:
            RemoteProtocolError: the bytes are no such rows.
            PostgresError: a value's bytes are wrong for its type, by the rules and in the words of RowDecoder; or Arrow has no such
                value: 22003, 22008, 0A000 for an array of several dimensions, 54000 for a row that becomes larger than 2³⁰-1 bytes.
                Rows count from the beginning of the result.
            After either the decoder is as new: what was fed before is dropped, except for batches handed out.
        """

    def finish(self) -> ArrowBatch:
        """The rows that are left, perhaps none. The decoder is as new then.

        Raises:
            RemoteProtocolError: a tuple of COPY has come in part.
        """

    def stream(self, chunks: Iterable[Buffer | Sequence[Buffer]]) -> ArrowStream:
        """A stream of this decoder's batches: each chunk is fed when a batch is asked for, the last batch finished. It has no empty batch.

        Meanwhile nobody else may feed the decoder.
        """

    def __arrow_c_schema__(self) -> object:
        """A capsule ``arrow_schema``."""
