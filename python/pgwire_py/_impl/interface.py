"""What both implementations of the core offer: ``pgwire_py._native`` (Rust) and ``pgwire_py._impl.pure``.

The signatures here are the contract; docstrings state the rules both follow. Same input, same result or the same error.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from ..errors import RemoteProtocolError
from ..messages.replication import ReplicationStream
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


class FrameDecoder(Protocol):
    """Cuts the byte stream of either end into frames, bodies undecoded, in any chunking (Protocol 55.7).

    Args:
        startup: whether the stream begins with an untagged packet: True for what a frontend sends from the beginning.
        max_startup_length: largest length field of an untagged packet, in bytes; default 10,000.
        max_message_length: largest length field of a tagged message, in bytes; default 65,535, which is what PostgreSQL accepts before
            authentication: raise it behind that.
        tag_limits: the same for single tags (a dict of one-character texts), on top of ``max_message_length``; 0 refuses the tag.
        only_listed_tags: refuse the tags that ``tag_limits`` does not name; by default every tag is accepted.

    A length field counts itself, not the tag. Lengths are 0 to 2³¹-1.

    A frame that came in pieces is gathered: each byte is copied once, into memory of at most twice what has come of it (8 kB where that
    is more).

    Raises:
        ValueError, TypeError: a limit that is none.
    """

    startup: bool
    """Whether the next packet is an untagged one (settable).

    After StartupMessage it becomes False by itself. After SSLRequest, GSSENCRequest and CancelRequest, which a frontend must not follow
    with anything before they are answered, further bytes are an error until the owner sets it, True for a start-up packet to come.
    Changing it while a packet has come in part is a LocalProtocolError.
    """

    max_startup_length: int
    """As given (settable)."""

    max_message_length: int
    """As given (settable)."""

    buffered: int
    """Bytes of the incomplete packet at the end of what was fed (read-only)."""

    def feed(self, data: Buffer) -> list[tuple[str, memoryview]]:
        """Take bytes, return the complete frames in order: tag (empty for a start-up packet) and body, read-only.

        The body of a frame that lies whole in ``data`` is a view of it and keeps it alive. Only ``bytes`` are viewed; anything else,
        which could change under the views, is copied once.

        Raises:
            FrameError: the stream cannot be followed: a length out of bounds, a tag that is refused, or data where none may be. It holds
                the frames completed before the fault; every later feed raises it again, without frames.
        """


class MessageBuilder(Protocol):
    """Writes the frontend's messages one behind the other into a bytearray (Protocol 55.7).

    ``MessageBuilder(buffer: bytearray | None = None)`` appends to that bytearray, or to one of its own.

    Every method that writes returns the builder, so calls can be chained. Values (parameters, arguments, COPY data, passwords) are ``str``,
    sent as UTF-8, or any object that offers a contiguous buffer (bytes, bytearray, memoryview, array, mmap, numpy), whose bytes are copied
    straight into the bytearray; where a value may be NULL, None is.

    Format codes are sent in the shortest form: none where all is text, one where all is binary, else one for each value.
    ``parameter_formats`` and ``argument_formats`` are codes (0 text, 1 binary): none (all text), one for all, or one for each value; by
    default ``str`` is text and every buffer is binary. NULL goes with any format.

    Raises:
        LocalProtocolError: by every method that writes: a value of another type or out of its range, a NUL in a text, a count above 65,535,
            a message above 2³¹-1 bytes, or a bytearray that cannot grow because somebody holds a view of it. The buffer is as it was.
    """

    buffer: bytearray
    """What the messages are appended to (read-only); its owner may empty it whenever no view of it exists."""

    def __len__(self) -> int:
        """Bytes in the buffer."""

    def take(self) -> bytes:
        """What is in the buffer, which is then empty."""

    def clear(self) -> MessageBuilder:
        """Empty the buffer."""

    def write_into(self, target: Any, offset: int = 0) -> int:
        """Copy what is in the buffer into any writable contiguous buffer, from ``offset`` (in bytes) on.

        Returns:
            The offset behind what was written.

        Raises:
            LocalProtocolError: ``target`` is no such buffer, or too small; nothing is written.
        """

    def startup(self, parameters: dict[str, str], protocol_version: int = 0x00030000) -> MessageBuilder:
        """StartupMessage."""

    def ssl_request(self) -> MessageBuilder:
        """SSLRequest."""

    def gssenc_request(self) -> MessageBuilder:
        """GSSENCRequest."""

    def cancel_request(self, process_id: int, secret_key: Any) -> MessageBuilder:
        """CancelRequest; the key has 4 to 256 bytes."""

    def password(self, password: Any) -> MessageBuilder:
        """PasswordMessage, without the terminating NUL, which is added."""

    def sasl_initial_response(self, mechanism: str, data: Any = None) -> MessageBuilder:
        """SASLInitialResponse."""

    def sasl_response(self, data: Any) -> MessageBuilder:
        """SASLResponse; GSSResponse is the same on the wire."""

    def query(self, query: str) -> MessageBuilder:
        """Query."""

    def parse(self, statement: str, query: str, parameter_types: Sequence[int] = ()) -> MessageBuilder:
        """Parse; ``parameter_types`` are OIDs, 0 or a missing one asks the server to infer."""

    def bind(
        self,
        portal: str = "",
        statement: str = "",
        parameters: Sequence[Any] = (),
        *,
        parameter_formats: Sequence[int] | None = None,
        result_formats: Sequence[int] = (),
    ) -> MessageBuilder:
        """Bind; ``result_formats`` are codes: none (all text), one for all, or one for each column."""

    def describe_statement(self, name: str = "") -> MessageBuilder:
        """Describe of a prepared statement."""

    def describe_portal(self, name: str = "") -> MessageBuilder:
        """Describe of a portal."""

    def execute(self, portal: str = "", max_rows: int = 0) -> MessageBuilder:
        """Execute; ``max_rows`` 0 is no limit."""

    def close_statement(self, name: str = "") -> MessageBuilder:
        """Close of a prepared statement."""

    def close_portal(self, name: str = "") -> MessageBuilder:
        """Close of a portal."""

    def function_call(
        self,
        function_oid: int,
        arguments: Sequence[Any] = (),
        *,
        argument_formats: Sequence[int] | None = None,
        result_format: int = 0,
    ) -> MessageBuilder:
        """FunctionCall."""

    def copy_data(self, data: Any) -> MessageBuilder:
        """CopyData."""

    def copy_done(self) -> MessageBuilder:
        """CopyDone."""

    def copy_fail(self, message: str) -> MessageBuilder:
        """CopyFail."""

    def flush(self) -> MessageBuilder:
        """Flush."""

    def sync(self) -> MessageBuilder:
        """Sync."""

    def terminate(self) -> MessageBuilder:
        """Terminate."""


class RowEncoder(Protocol):
    """Encodes rows of Python values as DataRow messages, or as tuples of binary COPY.

    ``RowEncoder(types, formats=(), names=None, *, layout="data_row")``: type OIDs; format codes, none (text), one for all, or one per
    column; the columns' names, which rows that are dicts need; and ``"data_row"`` or ``"copy"``, whose columns are all binary, with no
    header before and no trailer behind what comes out.

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
    """Answers one statement that came in one piece by calling a handler's coroutine function, where its coroutine ends at once with a
    short result.

    ``Responder((function, session), (Query, Result, Plan, Shape), decoder, plans, (context, event_loop, task), tails, max_bytes)``: the
    function gets a ``Query`` (slots ``sql``, ``parameters``, ``parameter_types``, ``session``, ``describing``) and returns a ``Result``
    (slots ``columns``, ``rows``, ``tag``). ``plans`` has a ``Plan`` (slots ``text``, ``parameters``: how many it takes, ``shapes``: by
    format codes) for each query string that may be answered; a ``Shape`` has the slots ``columns``, ``encoder`` and
    ``row_description``. ``context`` and ``task`` are current while the coroutine runs; ``tails`` is what follows 0, 1, 2 … rows.
    """

    begun: bool
    """Whether the function was called for a statement that was not answered."""

    outcome: Any
    """What it returned then, or a :class:`~pgwire_py._impl.suspended.Suspended` where its coroutine has not ended. To be taken once."""

    def answer(self, data: bytes | bytearray, size: int = -1) -> bytes | memoryview | Batch | None:
        """Answer a Query: RowDescription, DataRow for each row, and the tail for their number.

        Args:
            data: what came.
            size: how many bytes of it count; all of them where it is negative.

        Returns:
            The answer; or a :data:`Batch`, for :meth:`answer_batch`, where ``data`` is [Parse] Bind [Describe portal] Execute Sync with the
            unnamed portal, no row limit and, where Parse is there, the same statement name in Bind. None for anything else: if something
            stands before ``data`` in the decoder, ``data`` is more or less than one statement or malformed, its text is not in ``plans``
            or takes parameters; and, with :attr:`begun`, if the coroutine did not end, or returned anything but a ``Result`` with a
            list of rows, with the columns of the plan's shape, no tag, a tail, fewer than ``max_bytes`` bytes before its last row, and
            rows that can be encoded. ``data`` is never taken: what is to be handled in another way goes to
            :meth:`FrontendDecoder.feed`.

        Raises:
            BaseException: whatever the function or its coroutine raised.
        """

    def answer_batch(
        self,
        sql: str,
        parameters: tuple[object, ...],
        parameter_types: tuple[int, ...],
        columns: tuple[object, ...] | None,
        encoder: RowEncoder | None,
        head: bytes,
    ) -> bytes | memoryview | None:
        """The same for a Batch: ``head``, the rows, and the tail; None, with :attr:`begun`, as above."""


class Core(Protocol):
    """The module itself."""

    FrontendDecoder: type[FrontendDecoder]
    FrameDecoder: type[FrameDecoder]
    MessageBuilder: type[MessageBuilder]
    BackendDecoder: type[BackendDecoder]
    RowEncoder: type[RowEncoder]
    RowDecoder: type[RowDecoder]
    Record: type[Record]
    ArrowEncoder: type[ArrowEncoder]
    CopyEncoder: type[CopyEncoder]
    CopyDecoder: type[CopyDecoder]
    Responder: type[Responder]

    def encode_message(self, message: object) -> bytes:
        """Bytes of any message, frontend's or backend's, tag and length included.

        Raises:
            LocalProtocolError: a text holds a NUL, a count exceeds 65,535 (parameters, formats), or the message exceeds 2³¹-1 bytes.
        """

    def encode_replication(self, payload: object) -> bytes:
        """CopyData's ``data`` for a payload of :mod:`pgwire_py.messages.replication`, which knows its own tag.

        Raises:
            LocalProtocolError: a value is of a wrong type or does not fit, or a text holds a NUL.
        """

    def decode_replication(self, data: Buffer, stream: ReplicationStream) -> Any:
        """The payload in CopyData's ``data``, one of :mod:`pgwire_py.messages.replication`, exactly.

        Nothing may be left over, where PostgreSQL 15 ignores bytes behind the last field of a standby's payload.

        ``stream`` says who sent it and after which command: each has tags of its own. Any byte but 0 is a true ``reply_requested``, as for
        PostgreSQL.

        Raises:
            RemoteProtocolError: the stream has no such tag, or the payload is malformed. ``message_name`` is its class, ``offset`` counts
                from its tag; the text is worded as for a message of the same end. Never fatal: CopyData can still be followed.
            ValueError: there is no such stream.
        """

    def arrow_columns(self, schema: object) -> list[tuple[str, int]]:
        """Name and type OID of each column of an object with ``__arrow_c_schema__`` (or ``__arrow_c_stream__``)."""

    def decode_values(
        self, types: Sequence[int], formats: Sequence[int], values: Sequence[bytes | None]
    ) -> tuple[object, ...]:
        """Python values of Bind's parameters: formats none (text), one for all, or one per value (docs/reference/types.md).

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
    "FrameDecoder",
    "FrontendDecoder",
    "MessageBuilder",
    "Record",
    "RemoteProtocolError",
    "Responder",
    "RowDecoder",
    "RowEncoder",
]
