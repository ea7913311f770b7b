"""A prepared statement as the client keeps it: its types, what writes its parameters and reads its rows, its bytes made ready."""

from __future__ import annotations

from collections.abc import Sequence
from struct import Struct
from typing import Any, Final

from .._impl import MessageBuilder, RowDecoder
from ..errors import PostgresError, postgres_error
from ..messages import FieldDescription
from ..types import TypeRegistry
from .errors import InterfaceError
from .exchange import SYNC, RowSource
from .rows import result_format, row_source

__all__ = ["Plan", "execute_message"]

_LENGTH: Final = Struct("!I")
_MAX_LENGTH: Final = (1 << 31) - 1
_CHUNK: Final = 65_536


def execute_message(limit: int = 0, portal: str = "") -> bytes:
    """Execute; ``limit`` 0 is none."""
    return MessageBuilder().execute(portal, limit).take()


_EXECUTE_ALL: Final = execute_message()
_EXECUTE_ONE: Final = execute_message(1)


class Plan:
    """One statement that the server has described.

    Args:
        name: the prepared statement's; empty for the unnamed one, which is parsed again for each run.
        query: its text.
        types: OIDs of its parameters.
        fields: its columns; None where no rows come.
        registry: the connection's codecs.
        formats: what the columns are asked for in; by default binary wherever there is a codec for it.

    Attributes:
        ready: :meth:`batch` for all rows and for one, of a named statement without parameters; else empty.
    """

    __slots__ = (
        "_after",
        "_before",
        "_encoder",
        "column_formats",
        "decode",
        "decoder",
        "fields",
        "head",
        "name",
        "parameter_formats",
        "query",
        "ready",
        "registry",
        "script",
        "types",
    )

    def __init__(
        self,
        name: str,
        query: str,
        types: tuple[int, ...],
        fields: tuple[FieldDescription, ...] | None,
        registry: TypeRegistry,
        formats: Sequence[int] | None = None,
    ) -> None:
        self.name = name
        self.query = query
        self.types = types
        self.fields = fields
        self.registry = registry
        columns = fields or ()
        chosen = formats if formats is not None else [result_format(registry, field.type_oid) for field in columns]
        self.column_formats = list(chosen)
        self.parameter_formats = [result_format(registry, oid) for oid in types]
        self.decode: RowSource | None = None if fields is None else row_source(registry, fields, self.column_formats)
        # What decodes rows natively is told apart: it can be given along where the bytes are cut.
        decoder = getattr(self.decode, "__self__", None)
        self.decoder: RowDecoder | None = decoder if isinstance(decoder, RowDecoder) else None
        self._encoder = registry.row_encoder(types, self.parameter_formats) if types else None
        # A nameless statement may by now be another's: it goes along, and says what its columns are.
        self.head = b"" if name else MessageBuilder().parse("", query, types).take()
        self._before = b"%b\0%b" % (name.encode(), _codes(self.parameter_formats))
        self._after = _codes(self.column_formats)
        self.script = "2C" if name else "12TC"
        # Without parameters, all rows or one: always the same bytes.
        bind = self._bind("", b"\0\0") if name and not types else b""
        self.ready = (bind + _EXECUTE_ALL + SYNC, bind + _EXECUTE_ONE + SYNC) if bind else ()

    def in_formats(self, formats: Sequence[int]) -> Plan:
        """The same statement with other formats of its columns."""
        return Plan(self.name, self.query, self.types, self.fields, self.registry, formats)

    def _tail(self, portal: str, limit: int) -> bytes:
        execute = _EXECUTE_ALL if not limit and not portal else execute_message(limit, portal)
        return execute if self.name else MessageBuilder().describe_portal(portal).take() + execute

    def _bind(self, portal: str, row: bytes | memoryview) -> bytes:
        """Bind with parameters as DataRow has them: their number, then each with its length."""
        named = portal.encode() + b"\0"
        length = 4 + len(named) + len(self._before) + len(row) + len(self._after)
        if length > _MAX_LENGTH:
            raise postgres_error("54000", "the parameters are too long for one message")
        return b"".join((self.head, b"B", _LENGTH.pack(length), named, self._before, row, self._after))

    def run(self, arguments: Sequence[object], limit: int = 0) -> bytes:
        """Bind and Execute with the unnamed portal, without Sync.

        Raises:
            InterfaceError: the number of arguments is wrong.
            PostgresError: an argument does not fit its type.
        """
        bind = self._bind("", self._row(arguments))
        if self.name and limit < 2:
            return bind + (_EXECUTE_ONE if limit else _EXECUTE_ALL)
        return bind + self._tail("", limit)

    def batch(self, arguments: Sequence[object], limit: int) -> bytes:
        """As :meth:`run` of a named statement, with Sync."""
        if self.ready and not arguments and limit < 2:
            return self.ready[limit]
        return self.run(arguments, limit) + SYNC

    def open(self, arguments: Sequence[object], portal: str) -> bytes:
        """Bind to a portal, without Execute."""
        return self._bind(portal, self._row(arguments))

    def _row(self, arguments: Sequence[object]) -> bytes | memoryview:
        if len(arguments) != len(self.types):
            raise self.wrong_count(len(arguments))
        if self._encoder is None:
            return b"\0\0"
        try:
            return self._encoder.encode((tuple(arguments),), 0, 1)[0][5:]
        except PostgresError as error:
            raise self._explained(arguments, error) from None

    def _explained(self, arguments: Sequence[object], error: PostgresError) -> PostgresError:
        """The error by the number of the parameter."""
        for number, (oid, format, value) in enumerate(
            zip(self.types, self.parameter_formats, arguments, strict=True), 1
        ):
            try:
                self.registry.encode(oid, format, value)
            except PostgresError as found:
                made = postgres_error(found.sqlstate, f"parameter ${number}: {found.message}", **found.fields)
                made.statement = self.query
                return made
        return error

    def wrong_count(self, count: int) -> InterfaceError:
        """For a call with another number of arguments than there are parameters."""
        wanted = len(self.types)
        return InterfaceError(f"the statement takes {wanted} argument{'' if wanted == 1 else 's'}, {count} given")

    def check_counts(self, rows: Sequence[Sequence[object]]) -> None:
        """Raises InterfaceError for the first row that has another number of arguments than there are parameters."""
        wanted, counts = len(self.types), list(map(len, rows))
        if counts.count(wanted) < len(counts):
            raise self.wrong_count(next(count for count in counts if count != wanted))

    def batches(self, rows: Sequence[Sequence[object]], limit: int = 0, end: bytes = b"") -> Any:
        """Bytes and number of statements that run the plan for each row, in pieces of about 64 kB; ``end`` stands behind each.

        Raises:
            InterfaceError, PostgresError: as :meth:`run`, for the first row that it refuses.
        """
        if not self.types or not self.name:
            pieces = [self.run(row, limit) + end for row in rows]
            yield b"".join(pieces), len(pieces)
            return
        behind = self._tail("", limit) + end
        assert self._encoder is not None
        start = 0
        while start < len(rows):
            try:
                data, after = self._encoder.encode(rows, start, _CHUNK)
            except PostgresError:
                for row in rows[start:]:
                    self._row(row)  # raises by the parameter's number, or their count
                raise
            binds = MessageBuilder().bind_rows(bytes(data), b"\0" + self._before, self._after, behind)
            yield binds.buffer, after - start
            start = after

    def same_columns(self, fields: Sequence[FieldDescription]) -> bool:
        """Whether a RowDescription still says what the statement was described with."""
        known = self.fields or ()
        return [(f.name, f.type_oid) for f in fields] == [(f.name, f.type_oid) for f in known]


def _codes(formats: Sequence[int]) -> bytes:
    """Format codes in their shortest form."""
    if not any(formats):
        return b"\0\0"
    if all(formats):
        return b"\0\1\0\1"
    return len(formats).to_bytes(2, "big") + b"".join(code.to_bytes(2, "big") for code in formats)
