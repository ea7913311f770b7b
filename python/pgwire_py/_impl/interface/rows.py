"""Rows encoded and decoded, records, Arrow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from .streams import Buffer

__all__ = ["ArrowEncoder", "Record", "RowDecoder", "RowEncoder"]


class RowEncoder(Protocol):
    """Encodes rows of Python values as DataRow messages, or as tuples of binary COPY.

    ``RowEncoder(types, formats=(), names=None, *, layout="data_row", style=None)``: type OIDs; format codes, none (text), one for all,
    or one per column; the columns' names, which rows that are dicts need; and ``"data_row"`` or ``"copy"``, whose columns are all
    binary, with no header before and no trailer behind what comes out. ``style`` is the TextStyle of text, None PostgreSQL's default
    settings with UTC; a ``str`` given for a value of another type is read by those all the same.

    A row is a tuple (a named tuple too), a list or a Record, in the order of the columns; a dict with exactly the names as keys; or an
    instance of a dataclass, its attributes taken by the names, without names its fields in order.

    Raises:
        PostgresError: more than 32,767 columns (54000), a format code that is none or does not fit (22023, 08P01).
        ValueError: the number of names is not that of the columns, or there is no such layout.
    """

    def encode(self, rows: Sequence[object], start: int, max_bytes: int) -> tuple[bytes | memoryview, int]:
        """Encode ``rows[start:]`` until at least ``max_bytes`` are written or the rows end.

        Returns:
            The bytes (a read-only memoryview where they are many) and the index of the first row not encoded. ``rows`` is a list or tuple.

        Raises:
            PostgresError: a value does not fit its type (22P02, 22003, 22007, 22008, 22021 …, naming row, column, type and a bounded
                preview of the value), a row's length differs from the number of columns (08P01), a name has no value (42703), a row is
                of another kind (42804), or is larger than 1,073,741,823 bytes (54000).
        """

    def encode_columns(
        self, columns: Sequence[Sequence[object]], start: int, max_bytes: int
    ) -> tuple[bytes | memoryview, int]:
        """The same for columns, each a list or tuple of as many values, instead of rows."""


class RowDecoder(Protocol):
    """Decodes DataRow messages, or tuples of binary COPY, into rows of Python values.

    ``RowDecoder(types, formats=(), names=None, *, layout="data_row")`` as for RowEncoder. With names rows are Records, else tuples.
    """

    def decode(self, data: Buffer | Sequence[Buffer]) -> list[Any]:
        """Every row of ``data``, values as :meth:`Core.decode_values` gives them.

        ``data`` is one buffer of whole DataRow messages, or a list or tuple of bodies of DataRow, as FrameDecoder cuts them. With layout
        ``"copy"`` it is one buffer, or a list or tuple of them, of whole tuples, without COPY's header; its trailer may come last.

        Raises:
            RemoteProtocolError: the bytes are no such rows, or a row has another number of values than there are columns.
            PostgresError: a value's bytes are wrong for its type, or Python has no such value, as by ``decode_values``; it names row,
                column, type and a bounded preview.
        """


class Record(Protocol):
    """A row: its values in order, and by the columns' names. It cannot be changed.

    ``Record(names, values)``. ``record[0]``, ``record[-1]`` and slices (tuples) go by position, ``record["name"]`` and ``record.name``
    by name; iteration and ``len`` are those of the values, ``in`` asks for a name. Where columns have the same name, the last one has it.
    An attribute that every record has (``keys``, ``values``, ``items``, ``get``, names with two underscores around) wins over a column.
    Records equal, order and hash like the tuple of their values, and can be pickled.
    """

    def keys(self) -> tuple[str, ...]:
        """The columns' names, in order."""

    def values(self) -> tuple[Any, ...]:
        """The values, in order."""

    def items(self) -> tuple[tuple[str, Any], ...]:
        """Pairs of name and value, in order."""

    def get(self, name: str, default: Any = None, /) -> Any:
        """The value of the column of that name, or ``default``."""


class ArrowEncoder(Protocol):
    """Encodes an Arrow stream as DataRow messages, or as tuples of binary COPY (docs/reference/arrow.md, "To rows").

    ``ArrowEncoder(source, formats=(), *, layout="data_row", types=None, style=None)``: ``source`` offers ``__arrow_c_stream__`` or
    ``__arrow_c_array__``, of structs; ``formats``, ``layout`` and ``style`` as for RowEncoder; ``types``: the type OID that each column
    is to become, 0 for the one it becomes by itself. Values within JSON and within texts are printed with the default settings.

    Raises:
        PostgresError: the source is none, a column cannot become the type asked for, or there is another number of types than columns
            (42804); a type that is not supported, such as a union (0A000); more than 32,767 columns (54000), a wrong format code (22023,
            08P01); the producer failed or does not keep to the interface (XX000).
        ValueError: there is no such layout.
    """

    columns: list[tuple[str, int]]
    """Name and type OID of each column."""

    def ask(self, types: Sequence[int]) -> None:
        """Ask for types, as ``types`` does, before the first row is encoded: for who must know ``columns`` first.

        Raises:
            PostgresError: 42804 and 0A000 as above; nothing has changed then.
        """

    def encode(self, max_rows: int, max_bytes: int) -> tuple[bytes | memoryview, int, bool]:
        """Encode the next rows: at most ``max_rows`` (0: no limit), until at least ``max_bytes`` are written.

        Returns:
            The DataRow bytes (a read-only memoryview where they are many),
            the number of rows in them, and whether the stream has ended. Releases the GIL where there is one.

        Raises:
            PostgresError: XX000, the producer failed, with its text, or does not keep to the interface: the stream has ended then. 22003,
                22008, 22021, 2202E …: a value has no place in the column's type, with row, column and type; the rows of this call are lost.
                54000: a row is larger than 1,073,741,823 bytes.
        """
