"""What both implementations of the core offer: ``pgwire_py._native`` (Rust) and ``pgwire_py._impl.pure``.

The signatures here are the contract; docstrings state the rules both follow. Same input, same result or the same error.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from ..errors import RemoteProtocolError
from ..sql import Statement, Token

Buffer = bytes | bytearray | memoryview


class FrontendDecoder(Protocol):
    """Turns the bytes a frontend sends into messages, in any chunking (Protocol 55.7).

    ``FrontendDecoder(max_startup_length=10_000, max_message_length=65_535)``.

    A new decoder waits for an untagged start-up packet. After StartupMessage it goes on with tagged messages by itself; after
    SSLRequest, GSSENCRequest and CancelRequest it stops, keeps what follows, and waits for another start-up packet in the next feed.
    """

    startup: bool
    """Whether the next packet is an untagged one (settable)."""

    max_message_length: int
    """Largest length field accepted for a tagged message, in bytes (settable; raised by the owner after authentication)."""

    password_kind: str
    """What tag ``p`` decodes to (settable): ``"password"`` (default), ``"sasl_initial"``, ``"sasl_response"`` or ``"gss"``."""

    buffered: int
    """Bytes received and not yet returned as messages (read-only)."""

    def feed(self, data: Buffer) -> list[Any]:
        """Take bytes, return the complete messages in order.

        A message whose body is malformed appears in the list as a :class:`RemoteProtocolError` (not raised) with ``fatal`` False, and
        decoding goes on behind it. When the stream cannot be followed (bad length, unknown tag) the error has ``fatal`` True, is the last
        item, and every later feed returns an empty list. Nothing is allocated for a length before its bytes have come.
        """


class BackendDecoder(Protocol):
    """Turns the bytes a backend sends into messages, in any chunking (Protocol 55.7).

    ``BackendDecoder(max_message_length=30_000)``.

    Messages that have no reason to be long have bounds of their own as in libpq: 2,000 bytes for authentication requests and
    NegotiateProtocolVersion, 30,000 for all but RowDescription, DataRow, CopyData, ErrorResponse, NoticeResponse, NotificationResponse,
    FunctionCallResponse, and ParameterDescription, which may be as long as 65,535 parameters make it.
    """

    max_message_length: int
    """Largest length field accepted, in bytes (settable; raised by the owner after authentication). The default is libpq's MAX_ERRLEN."""

    encryption_response: bool
    """Whether the next byte answers SSLRequest or GSSENCRequest (settable; False in a new decoder).

    ``S``, ``G`` or ``N`` comes out as EncryptionResponse; then the flag is False, the feed ends, and what follows is kept for the next
    one: ``buffered`` tells the owner that there were bytes behind the answer. An ``E`` begins an ErrorResponse; any other byte is fatal.
    """

    buffered: int
    """Bytes received and not yet returned as messages (read-only)."""

    def feed(self, data: Buffer) -> list[Any]:
        """As :meth:`FrontendDecoder.feed`. A DataRow's values are bytes, or None for NULL."""


class RowEncoder(Protocol):
    """Encodes rows of Python values as DataRow messages.

    ``RowEncoder(types: Sequence[int], formats: Sequence[int])``: type OIDs, and format codes, none (text), one for all, or one per column.
    """

    def encode(self, rows: Sequence[Sequence[object]], start: int, max_bytes: int) -> tuple[bytes | memoryview, int]:
        """Encode ``rows[start:]`` until at least ``max_bytes`` are written or the rows end.

        Returns:
            The DataRow bytes (a read-only memoryview where they are many)
            and the index of the first row not encoded. ``rows`` is a list or tuple of lists or tuples.

        Raises:
            PostgresError: a value does not fit its type (22P02, 22003, 22007, 22008, 22021 …, naming row, column, type and a bounded
                preview of the value), or a row's length differs from the number of columns (08P01).
        """


class ArrowEncoder(Protocol):
    """Encodes an Arrow stream as DataRow messages.

    ``ArrowEncoder(source: object, formats: Sequence[int])``: ``source`` offers ``__arrow_c_stream__`` or ``__arrow_c_array__``;
    ``formats`` as for RowEncoder.
    """

    columns: list[tuple[str, int]]
    """Name and type OID of each column."""

    def encode(self, max_rows: int, max_bytes: int) -> tuple[bytes | memoryview, int, bool]:
        """Encode the next rows: at most ``max_rows`` (0: no limit), until at least ``max_bytes`` are written.

        Returns:
            The DataRow bytes (a read-only memoryview where they are many),
            the number of rows in them, and whether the stream has ended. Releases the GIL where there is one.
            An error that the producer reports is raised as PostgresError XX000 with its text.
        """


class Core(Protocol):
    """The module itself."""

    FrontendDecoder: type[FrontendDecoder]
    BackendDecoder: type[BackendDecoder]
    RowEncoder: type[RowEncoder]
    ArrowEncoder: type[ArrowEncoder]

    def encode_message(self, message: object) -> bytes:
        """Bytes of any message, frontend's or backend's, tag and length included.

        Raises:
            LocalProtocolError: a text holds a NUL, a count exceeds 65,535 (parameters, formats), or the message exceeds 2³¹-1 bytes.
        """

    def arrow_columns(self, schema: object) -> list[tuple[str, int]]:
        """Name and type OID of each column of an object with ``__arrow_c_schema__`` (or ``__arrow_c_stream__``)."""

    def decode_values(
        self, types: Sequence[int], formats: Sequence[int], values: Sequence[bytes | None]
    ) -> tuple[object, ...]:
        """Python values of Bind's parameters: formats none (text), one for all, or one per value.

        Raises:
            PostgresError: 22P02, 22P03, 22003, 22007, 22008, 22021 … naming the parameter (``$1`` …), the type and a bounded preview.
        """

    def encode_value(self, type_oid: int, format: int, value: object) -> bytes | None:
        """One value in text (0) or binary (1) format, without a length; None stays None."""

    def split_statements(self, sql: str) -> list[Statement]:
        """The statements of a query string, empty ones left out.

        Raises:
            PostgresError: 42601 with position for an unterminated string, quoted identifier, dollar quote or comment.
        """

    def tokenize(self, sql: str) -> list[Token]:
        """Tokens of one statement, comments left out; raises as split_statements."""


__all__ = ["ArrowEncoder", "BackendDecoder", "Buffer", "Core", "FrontendDecoder", "RemoteProtocolError", "RowEncoder"]
