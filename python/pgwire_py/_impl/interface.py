"""What both implementations of the core offer: ``pgwire_py._native`` (Rust) and ``pgwire_py._impl.pure``.

The signatures here are the contract; docstrings state the rules both follow. Same input, same result or the same error.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from ..errors import RemoteProtocolError
from ..sql import Statement, Token

Buffer = bytes | bytearray | memoryview

Batch = tuple[str | None, str, tuple[int, ...], tuple[int, ...], tuple[bytes | None, ...], tuple[int, ...], bool]
"""Parse's query string (None without Parse), the statement's name, Parse's parameter types, Bind's parameter formats, parameters and
result formats, and whether Describe was there."""


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


class Responder(Protocol):
    """Calls a handler's coroutine function and encodes what it returns, in one step where it ends at once with a short result.

    ``Responder(function, query_class, result_class, session, context, event_loop, task, tails, max_bytes)``: the function gets a
    ``query_class`` (slots ``sql``, ``parameters``, ``parameter_types``, ``session`` and ``describing``, which is False) and returns a
    ``result_class`` (slots ``columns``, ``rows`` and ``tag``); ``context`` and ``task`` are current while the
    coroutine runs; ``tails`` is what follows 0, 1, 2 … rows.
    """

    outcome: Any
    """What the function returned last, where it was not answered; taking it leaves None."""

    def answer(
        self,
        sql: str,
        parameters: tuple[object, ...],
        parameter_types: tuple[int, ...],
        columns: tuple[object, ...] | None,
        encoder: RowEncoder | None,
        head: bytes,
    ) -> bytes | memoryview | None:
        """``head``, DataRow for each row, and the tail for their number.

        None where the function's coroutine did not end, or returned anything but a ``result_class`` with a list of rows, with these
        ``columns``, no tag, a tail, fewer than ``max_bytes`` bytes before its last row, and rows that can be encoded. Then
        :attr:`outcome` is what it returned; a :class:`~pgwire_py._impl.suspended.Suspended` where it did not end.

        Raises:
            BaseException: whatever the function or its coroutine raised.
        """


class Core(Protocol):
    """The module itself."""

    FrontendDecoder: type[FrontendDecoder]
    BackendDecoder: type[BackendDecoder]
    RowEncoder: type[RowEncoder]
    ArrowEncoder: type[ArrowEncoder]
    CopyEncoder: type[CopyEncoder]
    CopyDecoder: type[CopyDecoder]
    Responder: type[Responder]

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

    def read_statement(self, decoder: Any, data: Buffer) -> str | Batch | None:
        """One statement, where ``data`` holds exactly that, in one piece, with nothing before it in ``decoder``.

        Returns:
            A Query's string; or a :data:`Batch` for [Parse] Bind [Describe portal] Execute Sync with the unnamed portal, no row limit
            and, where Parse is there, the same statement name in Bind; None for anything else, malformed messages included. Nothing is
            taken: what is to be handled in another way goes to :meth:`FrontendDecoder.feed`.
        """

    def split_statements(self, sql: str) -> list[Statement]:
        """The statements of a query string, empty ones left out.

        Raises:
            PostgresError: 42601 with position for an unterminated string, quoted identifier, dollar quote or comment.
        """

    def tokenize(self, sql: str) -> list[Token]:
        """Tokens of one statement, comments left out; raises as split_statements."""

    def prepare_password(self, password: bytes) -> bytes:
        """The password by SASLprep (RFC 4013) with PostgreSQL's habits; as it was where that is impossible."""

    def md5_password(self, password: bytes, user: bytes) -> bytes:
        """``md5`` and 32 hexadecimal digits: what PostgreSQL stores of a password (Protocol 55.2.1)."""

    def md5_response(self, stored: bytes, salt: bytes) -> bytes:
        """``md5`` and 32 hexadecimal digits: what a client answers to AuthenticationMD5Password.

        Raises:
            ValueError: ``stored`` is not ``md5`` and 32 bytes.
        """

    def scram_salted_password(self, password: bytes, salt: bytes, iterations: int) -> bytes:
        """PBKDF2 with HMAC-SHA-256 (RFC 5802 §2.2), 32 bytes. Releases the GIL.

        Raises:
            ValueError: ``iterations`` is not between 1 and 2³¹-1.
        """

    def scram_keys(self, salted_password: bytes) -> tuple[bytes, bytes, bytes]:
        """ClientKey, StoredKey and ServerKey (RFC 5802 §3), 32 bytes each.

        This and the three below raise ValueError for a key or proof that has not 32 bytes.
        """

    def scram_client_proof(self, client_key: bytes, auth_message: bytes) -> bytes:
        """ClientProof, 32 bytes."""

    def scram_check_proof(self, stored_key: bytes, auth_message: bytes, proof: bytes) -> bool:
        """Whether ClientProof belongs to the stored key; compared in constant time."""

    def scram_server_signature(self, server_key: bytes, auth_message: bytes) -> bytes:
        """ServerSignature, 32 bytes."""


__all__ = [
    "ArrowEncoder",
    "BackendDecoder",
    "Batch",
    "Buffer",
    "CopyDecoder",
    "CopyEncoder",
    "CopyPlan",
    "Core",
    "FrontendDecoder",
    "RemoteProtocolError",
    "Responder",
    "RowEncoder",
]
