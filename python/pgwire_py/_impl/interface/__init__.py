"""What both implementations of the core offer: ``pgwire_py._native`` (Rust) and ``pgwire_py._impl.pure``.

The signatures here are the contract; docstrings state the rules both follow. Same input, same result or the same error.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from ...messages.replication import ReplicationStream
from ...sql import Statement, Token
from .arrow import ArrowBatch, ArrowDecoder, ArrowStream, ArrowTable
from .copy import CopyDecoder, CopyEncoder, CopyPlan
from .gathering import Gatherer, Gathering, Pending
from .relay import FrameScanner, Relay
from .responder import Batch, Condition, Responder
from .rows import ArrowEncoder, Record, RowDecoder, RowEncoder
from .streams import BackendDecoder, Buffer, FrameDecoder, FrontendDecoder, MessageBuilder, SocketIO
from .text_style import TextStyle, ZoneTable

__all__ = [
    "ArrowBatch",
    "ArrowDecoder",
    "ArrowEncoder",
    "ArrowStream",
    "ArrowTable",
    "BackendDecoder",
    "Batch",
    "Buffer",
    "Condition",
    "CopyDecoder",
    "CopyEncoder",
    "CopyPlan",
    "Core",
    "FrameDecoder",
    "FrameScanner",
    "FrontendDecoder",
    "Gatherer",
    "Gathering",
    "MessageBuilder",
    "Pending",
    "Record",
    "Relay",
    "Responder",
    "RowDecoder",
    "RowEncoder",
    "SocketIO",
    "TextStyle",
    "ZoneTable",
]


class Core(Protocol):
    """The module itself."""

    FrontendDecoder: type[FrontendDecoder]
    FrameDecoder: type[FrameDecoder]
    FrameScanner: type[FrameScanner]
    MessageBuilder: type[MessageBuilder]
    Gatherer: type[Gatherer]
    Gathering: type[Gathering]
    Pending: type[Pending[Any]]
    BackendDecoder: type[BackendDecoder]
    RowEncoder: type[RowEncoder]
    TextStyle: type[TextStyle]
    RowDecoder: type[RowDecoder]
    Record: type[Record]
    ArrowEncoder: type[ArrowEncoder]
    ArrowDecoder: type[ArrowDecoder]
    ArrowBatch: type[ArrowBatch]
    ArrowStream: type[ArrowStream]
    ArrowTable: type[ArrowTable]
    CopyEncoder: type[CopyEncoder]
    CopyDecoder: type[CopyDecoder]
    Responder: type[Responder]
    SocketIO: type[SocketIO]
    Relay: type[Relay]

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
        self,
        types: Sequence[int],
        formats: Sequence[int],
        values: Sequence[bytes | None],
        style: Any = None,
    ) -> tuple[object, ...]:
        """Python values of Bind's parameters: formats none (text), one for all, or one per value (docs/reference/types.md).

        Text is read by ``style``; None is PostgreSQL's default settings with UTC.

        Raises:
            PostgresError: 22P02, 22P03, 22003, 22007, 22008, 22021 … naming the parameter (``$1`` …), the type and a bounded preview.
        """

    def encode_value(self, type_oid: int, format: int, value: object, style: Any = None) -> bytes | None:
        """One value in text (0) or binary (1) format, without a length; None stays None. ``style`` as in :meth:`decode_values`."""

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

    def scram_mock_salt(self, secret: bytes, user: bytes) -> bytes:
        """The salt, 16 bytes, of a user who does not exist: HMAC-SHA-256 of ``salt`` and the name, by a secret of any length."""

    def scram_server_first(
        self, message: bytes, plus: bool, binding: bytes | None, salt: bytes, iterations: int, nonce: bytes
    ) -> tuple[bytes, bytes, bytes, bytes]:
        """Answer client-first-message (RFC 5802 §5.1), whose user name is ignored.

        Args:
            message: as SASLInitialResponse carried it.
            plus: whether the client selected SCRAM-SHA-256-PLUS.
            binding: the channel's binding data, where the server offered that.
            salt: the user's.
            iterations: the user's PBKDF2 rounds, 1 to 2³¹-1.
            nonce: the server's, printable and without comma.

        Returns:
            server-first-message, what the client must repeat of its header and the channel (in base64), both nonces, and the beginning of
            what the proof signs: what ``scram_server_final`` takes.

        Raises:
            RemoteProtocolError: it is malformed (08P01), asks for what is not offered (0A000), or shows that somebody took
                SCRAM-SHA-256-PLUS off the list of mechanisms (28000). Always fatal.
            ValueError: ``iterations`` is out of range.
        """

    def scram_server_final(
        self,
        message: bytes,
        repeated: bytes,
        bound: bool,
        nonce: bytes,
        signed: bytes,
        stored_key: bytes,
        server_key: bytes,
    ) -> bytes | None:
        """Check client-final-message in constant time; server-final-message, or None where the proof is wrong.

        Args:
            message: as SASLResponse carried it.
            repeated: as ``scram_server_first`` returned it, as are ``nonce`` and ``signed``.
            bound: whether the login is bound to a channel.
            nonce: both nonces.
            signed: the beginning of what is signed.
            stored_key: the user's, 32 bytes.
            server_key: the user's, 32 bytes.

        Raises:
            RemoteProtocolError: it is malformed or does not belong to this exchange (08P01), or is bound to another channel (28000).
                Always fatal.
            ValueError: a key has not 32 bytes.
        """
