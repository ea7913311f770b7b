"""The server's end of a connection without a socket: bytes in, events out; messages in, bytes out.

``BackendConnection`` holds the framing and the phase of one connection and nothing else: no clock, no randomness, no I/O. Events are
handed out one at a time, because what is legal, or to be skipped, depends on what was answered before.
"""

from __future__ import annotations

from typing import Any, Final

from . import messages as m
from ._impl import FrontendDecoder, encode_message, read_statement
from ._impl.interface import Batch
from .errors import LocalProtocolError, RemoteProtocolError
from .state import ANSWERING, IGNORED, RECEIVE, SEND, Phase

__all__ = ["BackendConnection"]

MAX_STARTUP_LENGTH: Final = 10_000
"""PostgreSQL's MAX_STARTUP_PACKET_LENGTH, in bytes."""

MAX_AUTH_MESSAGE_LENGTH: Final = 65_535
"""PostgreSQL's PG_MAX_AUTH_TOKEN_LENGTH: largest message before authentication, in bytes."""

MAX_MESSAGE_LENGTH: Final = 0x3FFF_FFFE
"""PostgreSQL's PQ_LARGE_MESSAGE_LIMIT (1 GB - 2): largest message after authentication, in bytes."""

READY: Final[dict[str, bytes]] = {status: encode_message(m.ReadyForQuery(status)) for status in "ITE"}

_EXTENDED_TAGS: Final = frozenset("PBDECH")

_IDLE: Final = Phase.IDLE
_SIMPLE: Final = Phase.SIMPLE
_SYNC: Final = Phase.SYNC
_CLOSED: Final = Phase.CLOSED

# The table with each next phase's own row beside it: one look-up a message.
_Row = dict[type, tuple[Phase, Any]]
_ROWS: Final[dict[Phase, _Row]] = {phase: {} for phase in Phase}
for _phase, _row in RECEIVE.items():
    _ROWS[_phase].update({_kind: (_next, _ROWS[_next]) for _kind, _next in _row.items()})

_IDLE_ROW: Final = _ROWS[_IDLE]  # looked up once: hashing an Enum's member takes a call of Python code
_SIMPLE_ROW: Final = _ROWS[_SIMPLE]
_SYNC_ROW: Final = _ROWS[_SYNC]


class BackendConnection:
    """The backend's end of the protocol, sans I/O.

    Args:
        max_message_length: largest tagged message accepted once authenticated, in bytes.

    Give it what the socket delivers with :meth:`receive_data`, take events with :meth:`next_event`, answer with :meth:`send`, and write
    what :meth:`data_to_send` returns.
    """

    __slots__ = ("_decoder", "_feed", "_inbox", "_max_message_length", "_out", "_phase", "_position", "_row")

    def __init__(self, *, max_message_length: int = MAX_MESSAGE_LENGTH) -> None:
        self._decoder = FrontendDecoder(MAX_STARTUP_LENGTH, MAX_AUTH_MESSAGE_LENGTH)
        self._feed = self._decoder.feed
        self._max_message_length = max_message_length
        self._inbox: list[Any] = []
        self._position = 0
        self._out: list[bytes | memoryview] = []
        self._enter(Phase.STARTUP)

    def _enter(self, phase: Phase) -> None:
        self._phase = phase
        self._row = _ROWS[phase]

    @property
    def phase(self) -> Phase:
        """Where the connection stands."""
        return self._phase

    @property
    def buffered(self) -> int:
        """Bytes received that no event has been made of yet."""
        return self._decoder.buffered

    @property
    def pending(self) -> int:
        """Messages received and not yet handed out as events."""
        return len(self._inbox) - self._position

    # -- receiving ---------------------------------------------------------------------------------------------------

    def receive_data(self, data: bytes | bytearray | memoryview) -> None:
        """Take bytes from the other side, in any chunking. Never raises: what is wrong with them comes as an event."""
        self._queue(self._feed(data))

    def _queue(self, messages: list[Any]) -> None:
        if self._position < len(self._inbox):
            self._inbox.extend(messages)
        else:
            self._inbox = messages
            self._position = 0

    def receive_event(self, data: bytes | bytearray | memoryview) -> Any:
        """:meth:`receive_data` and :meth:`next_event` in one step, for an owner that is ready for the next event."""
        messages = self._feed(data)
        if len(messages) == 1 and self._position == len(self._inbox):
            entry = self._row.get(messages[0].__class__)
            if entry is not None:
                self._phase, self._row = entry
                return messages[0]
        self._queue(messages)
        return self.next_event()

    def receive_statement(self, data: bytes | bytearray | memoryview) -> str | Batch | None:
        """Take bytes that are one whole statement as one event, where nothing else is under way.

        Returns:
            A query string or a :data:`~pgwire_py._impl.interface.Batch`, which :meth:`finish_statement` answers up to ReadyForQuery. None
            where ``data`` is anything else: nothing was taken then.
        """
        if self._phase is not _IDLE or self._position != len(self._inbox):
            return None
        statement: str | Batch | None = read_statement(self._decoder, data)
        if statement is not None:
            if type(statement) is str:
                self._phase = _SIMPLE
                self._row = _SIMPLE_ROW
            else:
                self._phase = _SYNC
                self._row = _SYNC_ROW
        return statement

    def give_back_statement(self) -> None:
        """Undo :meth:`receive_statement`: the same bytes come again by :meth:`receive_data`."""
        if self._phase is not _CLOSED:
            self._enter(_IDLE)

    def finish_statement(self, answer: bytes | memoryview) -> bytes | memoryview:
        """Answer what :meth:`receive_statement` gave; ``answer`` ends with ReadyForQuery.

        Returns:
            All that is to be sent: nothing where the connection was closed meanwhile.
        """
        if self._phase is _CLOSED:
            return b""
        self._phase = _IDLE
        self._row = _IDLE_ROW
        if self._out:
            self._out.append(answer)
            return self.data_to_send()
        return answer

    def peek(self, ahead: int = 0) -> object | None:
        """A message received and not yet taken, the next one or one further ``ahead``; None where there is none."""
        position = self._position + ahead
        return self._inbox[position] if position < len(self._inbox) else None

    def next_event(self) -> Any:
        """The next event: a frontend message, or a :class:`RemoteProtocolError` to be answered, or None when more data, or an answer
        that is owed, must come first.

        After a RemoteProtocolError with ``fatal`` the phase is CLOSED. Otherwise the phase is as after the message that was malformed.
        """
        while self._position < len(self._inbox):
            row = self._row
            if not row and self._phase is not _CLOSED:
                return None
            message = self._inbox[self._position]
            self._position += 1
            entry = row.get(message.__class__)
            if entry is not None:
                self._phase, self._row = entry
                return message
            event = self._not_in_table(message)
            if event is not None:
                return event
        return None

    def _not_in_table(self, message: Any) -> RemoteProtocolError | None:
        if self._phase is Phase.CLOSED:
            return None
        if message.__class__ is RemoteProtocolError:
            error: RemoteProtocolError = message
            if error.fatal:
                self._enter(Phase.CLOSED)
                return error
            if self._phase is Phase.SKIPPING:
                return None
            if self._phase in (Phase.IDLE, Phase.EXTENDED):
                self._enter(
                    Phase.EXTENDED if error.tag in _EXTENDED_TAGS else Phase.SYNC if error.tag == "S" else Phase.SIMPLE
                )
                return error
        elif (
            self._phase in (Phase.IDLE, Phase.EXTENDED) and message.__class__ in IGNORED
        ) or self._phase is Phase.SKIPPING:
            return None
        phase = self._phase
        self._enter(Phase.CLOSED)
        if message.__class__ is RemoteProtocolError:
            return RemoteProtocolError(message.args[0], message.sqlstate, fatal=True)
        if phase is Phase.AUTHENTICATION:
            return RemoteProtocolError(f"expected a password response, got {type(message).__name__}", fatal=True)
        return RemoteProtocolError(f"unexpected message {type(message).__name__} in phase {phase.value}", fatal=True)

    # -- sending -----------------------------------------------------------------------------------------------------

    def send_encryption_response(self, answer: bytes) -> None:
        """Answer SSLRequest or GSSENCRequest with one byte: ``b"S"``, ``b"G"`` or ``b"N"`` (Protocol 55.2.10, 55.2.11).

        Raises:
            LocalProtocolError: no such request is waiting, or ``answer`` is none of the three.
        """
        if self._phase is not Phase.ENCRYPTION or answer not in (b"S", b"G", b"N"):
            raise LocalProtocolError(
                f"cannot answer an encryption request with {answer!r} in phase {self._phase.value}"
            )
        self._out.append(answer)
        self._enter(Phase.STARTUP)
        self.receive_data(b"")

    def expect_password(self, kind: str) -> None:
        """Say what the next ``p`` message is: ``"password"``, ``"sasl_initial"`` or ``"sasl_response"``."""
        self._decoder.password_kind = kind

    def send(self, message: object) -> None:
        """Queue a backend message.

        Raises:
            LocalProtocolError: the message is not legal in this phase, or cannot be encoded; nothing was queued.
        """
        kind = type(message)
        phase = SEND.get(self._phase, {}).get(kind)
        if phase is None and kind in (m.AuthenticationOk, m.ReadyForQuery):
            raise LocalProtocolError(f"cannot send {kind.__name__} in phase {self._phase.value}")
        if kind is m.ErrorResponse and getattr(message, "fields", {}).get("S") in ("FATAL", "PANIC"):
            phase = Phase.CLOSED
        self._out.append(encode_message(message))
        if phase is not None:
            self._enter(phase)
            if kind is m.AuthenticationOk:
                self._decoder.max_message_length = self._max_message_length

    def send_encoded(self, data: bytes | memoryview) -> None:
        """Queue bytes of complete backend messages that do not change the phase: rows, descriptions, CommandComplete and the like.

        Raises:
            LocalProtocolError: no command is being answered.
        """
        if self._phase not in ANSWERING:
            raise LocalProtocolError(f"cannot send results in phase {self._phase.value}")
        self._out.append(data)

    def send_ready(self, status: str, results: bytes = b"") -> None:
        """Queue ReadyForQuery with status ``I``, ``T`` or ``E`` behind ``results``, the bytes of complete backend messages."""
        if self._phase is not _SIMPLE and self._phase is not _SYNC and self._phase is not Phase.STARTING:
            raise LocalProtocolError(f"cannot send ReadyForQuery in phase {self._phase.value}")
        self._out.append(results + READY[status])
        self._phase = _IDLE
        self._row = _IDLE_ROW

    def data_to_send(self) -> bytes | memoryview:
        """What has been queued since the last call, as one piece."""
        out = self._out
        if not out:
            return b""
        data = out[0] if len(out) == 1 else b"".join(out)
        self._out = []
        return data

    def take_pieces(self) -> list[bytes | memoryview]:
        """As :meth:`data_to_send` without joining: for large results, whose pieces are better not copied."""
        out, self._out = self._out, []
        return out

    def close(self) -> None:
        """Stop receiving: nothing that came or comes is handed out any more."""
        self._enter(Phase.CLOSED)
