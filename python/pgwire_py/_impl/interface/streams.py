"""Bytes of a connection cut into messages and frames, and messages written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from socket import socket

    from .arrow import ArrowDecoder
    from .rows import RowDecoder

__all__ = ["BackendDecoder", "Buffer", "FrameDecoder", "FrontendDecoder", "MessageBuilder", "SocketIO"]

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


class FrameDecoder(Protocol):
    """Cuts the byte stream of either end into frames, bodies undecoded, in any chunking (Protocol 55.7).

    Args:
        startup: whether the stream begins with an untagged packet: True for what a frontend sends from the beginning.
        max_startup_length: largest length field of an untagged packet, in bytes; default 10,000.
        max_message_length: largest length field of a tagged message, in bytes; default 65,535, which is what PostgreSQL accepts before
            authentication: raise it behind that.
        tag_limits: the same for single tags (a dict of one-character texts), on top of ``max_message_length``; 0 refuses the tag.
        only_listed_tags: refuse the tags that ``tag_limits`` does not name; by default every tag is accepted.
        joined_tags: tags whose messages are not worth a frame each, such as ``"D"`` for rows: those that follow each other within one
            feed are one frame, whose body is the whole messages, tags and lengths included, as RowDecoder and ArrowDecoder take them.

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
            LocalProtocolError: :meth:`feed_answer` has kept messages.
        """

    def feed_rows(self, data: bytes, rows: RowDecoder | ArrowDecoder | None = None) -> list[tuple[str, Any]]:
        """As :meth:`feed` for what a backend sends, in one step with the rows: bodies are ``bytes``.

        The DataRows of the first result, up to a ``C``, ``s``, ``I``, ``E``, ``T`` or ``Z``, are decoded by ``rows``: those that stand one
        behind the other come as one ``("D", list of rows)``, or as ``("D", exception)`` where one of them cannot be decoded. Without
        ``rows``, and behind the first result, they are bodies like the others; ``joined_tags`` does not matter here.

        An ArrowDecoder instead gets the rows as its ``feed`` does, and what comes out is the batches that became full, perhaps none; the
        rows left are for its ``finish``.

        What :meth:`feed_answer` has kept comes first; DataRows of both that stand one behind the other come as one list.

        Raises:
            FrameError: as by :meth:`feed`; its ``frames`` are of this form.
        """

    def feed_answer(
        self, data: bytes, rows: RowDecoder | None = None
    ) -> tuple[list[Any], bytes, str] | list[tuple[str, Any]] | None:
        """As :meth:`feed_rows`; where an answer to Bind, Execute and Sync is the usual one, as nearly all are, what it says.

        Returns:
            Rows, command tag (empty for PortalSuspended) and transaction status of ``2``, DataRows, ``C`` or ``s``, ``Z`` and nothing
            else, with no incomplete packet before or behind. None where what has come is the beginning of that: it is kept, its rows
            decoded, and further calls go on with it. For everything else what :meth:`feed_rows` returns.
        """

    def feed_answers(
        self, data: bytes, rows: list[RowDecoder | None], start: int, synced: bool
    ) -> list[tuple[str, Any]]:
        """As :meth:`feed_rows` for the answers to many runs of statements; those that are as nearly all are come as what they say.

        Such an answer, whole in ``data``: ``2``, DataRows, ``C`` or ``s``, and where ``synced`` ``Z``. In the place of those that stand one
        behind the other comes one ``("=", (results, tags, status))``: rows and command tag of each, as :meth:`feed_answer` has them;
        the command tags of those without rows, one for neighbours alike; the last one's transaction status, empty unless ``synced``.
        Neighbours without rows and with the same tag are one and the same result. What :meth:`feed_answer` has kept comes first, as frames.

        Args:
            data: what came.
            rows: what reads the rows of each result; where there is None, or none, they are bodies. Behind an ``E`` or a ``T`` all are.
            start: the number of the first result in ``data``, which may have begun before. A ``C``, ``s`` or ``I`` ends one.
            synced: whether a Sync stands behind each run.

        Raises:
            FrameError: as by :meth:`feed`; its ``frames`` are of this form.
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

    def bind_rows(self, rows: bytes, before: bytes, after: bytes, behind: bytes) -> MessageBuilder:
        """Bind for each of these DataRow messages, as RowEncoder writes them: its values are the parameters.

        Args:
            rows: whole messages, one behind the other.
            before: what stands before the parameters in each Bind: portal, statement, formats of the parameters.
            after: what stands behind them: formats of the results.
            behind: whole messages behind each Bind, such as Execute.

        Raises:
            LocalProtocolError: the rows are no such messages, or a message becomes too long; nothing is written.
        """

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


class SocketIO(Protocol):
    """A connected stream socket that one thread at a time sends to and receives from. What waits does not hold the GIL.

    ``SocketIO(socket)`` keeps the socket, and sets whether it blocks as it needs it.
    """

    received: int
    """Bytes received and handed out so far (read-only)."""

    asking: bool
    """Whether :meth:`ask` was ended by an exception while it waited, and :meth:`pump` was not called since: nothing was taken out of the
    stream (read-only)."""

    pending: int
    """Bytes queued and not yet sent (read-only)."""

    def __new__(cls, socket: socket, /) -> SocketIO:
        """A socket's.

        Raises:
            ValueError: the socket is closed.
        """

    def ask(
        self, data: bytes, decoder: FrameDecoder, rows: RowDecoder | None, /
    ) -> tuple[list[Any], bytes, str] | list[tuple[str, Any]] | bytes:
        """Send Bind, Execute and Sync, and wait for the answer, without a time limit: :meth:`write`, :meth:`pump` and
        :meth:`FrameDecoder.feed_answer` in one call.

        Returns:
            What ``feed_answer`` gives, where all of an answer came in one piece; it is not counted in ``received``. Else what was received,
            which ``decoder`` has not seen.
        """

    def write(self, data: Buffer, /) -> int:
        """Queue bytes; how many wait. They leave with the next :meth:`pump`."""

    def pump(self, timeout: float | None, answer: bool, /) -> bytes | None:
        """Send what is queued, and wait for something to be received, which may come first.

        Where the other end takes nothing more, what is queued is dropped: why may be among what it has sent.

        Args:
            timeout: in seconds; None is no limit.
            answer: without it the wait is over as soon as everything has gone.

        Returns:
            What was received, empty at the end of the stream; None where the time is over, or everything has gone.

        Raises:
            OSError: the connection is broken.
            BaseException: of a signal handler, as KeyboardInterrupt. Nothing is lost: what is queued stays queued.
        """
