"""The backend's end of the protocol: what a server, a pooler's front or a test double puts its clients on.

Events are handed out one at a time, because what is legal, or to be skipped, depends on what was answered before.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from .. import messages as m
from .._impl import FrontendDecoder, encode_message
from ..errors import LocalProtocolError, RemoteProtocolError
from ..events import ConnectionClosed, DirectTLS
from ..state import ANSWERING, BACKEND, FRONTEND, IGNORED, START_UP, TAGS, Kind, Phase, kind_of
from .limits import MAX_AUTH_MESSAGE_LENGTH, MAX_MESSAGE_LENGTH, MAX_STARTUP_LENGTH
from .login_feed import LoginFeed

__all__ = ["BackendConnection"]

_AUTHENTICATED: Final = encode_message(m.AuthenticationOk())
READY: Final[dict[str, bytes]] = {status: encode_message(m.ReadyForQuery(status)) for status in "ITE"}

PASSWORD_KINDS: Final = {
    Phase.PASSWORD: "password",
    Phase.SASL_INITIAL: "sasl_initial",
    Phase.SASL_RESPONSE: "sasl_response",
    Phase.GSS_RESPONSE: "gss",
}
"""What tag ``p`` means where the frontend owes an answer to an authentication request."""

_FRONTENDS_TURN: Final = frozenset({*PASSWORD_KINDS, Phase.STARTUP, Phase.ENCRYPTED, Phase.CLOSED})
"""Of the phases up to the first ReadyForQuery, those in which the backend reads."""

_TLS_HANDSHAKE: Final = 0x16
"""First byte of a TLS ClientHello (RFC 8446 §5.1); no start-up packet is so long that it could begin with it."""

_IDLE: Final = Phase.IDLE
_SIMPLE: Final = Phase.SIMPLE
_SYNC: Final = Phase.SYNC
_CLOSED: Final = Phase.CLOSED
_STARTING: Final = (Phase.STARTING, Phase.FUNCTION_CALL)

# The table with each next phase's own row beside it: one look-up a message.
_Row = dict[Kind, tuple[Phase, Any]]
_ROWS: Final[dict[Phase, _Row]] = {phase: {} for phase in Phase}
for _phase, _row in FRONTEND.items():
    _ROWS[_phase].update({_kind: (_next, _ROWS[_next]) for _kind, _next in _row.items()})

_IDLE_ROW: Final = _ROWS[_IDLE]  # looked up once: hashing an Enum's member takes a call of Python code
_STARTUP_ROW: Final = _ROWS[Phase.STARTUP]
_CLOSED_ROW: Final = _ROWS[_CLOSED]


class BackendConnection:
    """The backend's end of the protocol, sans I/O.

    Args:
        max_message_length: largest tagged message accepted once authenticated, in bytes.
        max_startup_length: largest start-up packet accepted, in bytes.
        max_auth_message_length: largest tagged message accepted before authentication, in bytes.
        direct_tls: whether a frontend may begin with TLS at once. Then :class:`DirectTLS` is the first event if it does; otherwise its
            bytes are an error like any other packet of impossible length.

    Attributes:
        phase: where the connection stands; not to be set.
        outgoing: what is to be sent and was not yet asked for; not to be changed.
        recode: what brings a message of texts to the client's encoding before :meth:`send` queues it; None for UTF-8.
        recode_ahead: what brings messages that came before the first ReadyForQuery was sent to UTF-8; None where they are.

    Give it what the socket delivers with :meth:`receive_data`, take events with :meth:`next_event`, answer with :meth:`send`, and write
    what :meth:`data_to_send` returns.
    """

    __slots__ = (
        "_decoder",
        "_direct_tls",
        "_ended",
        "_eof",
        "_feed",
        "_inbox",
        "_login",
        "_max_message_length",
        "_position",
        "_row",
        "outgoing",
        "phase",
        "recode",
        "recode_ahead",
    )

    def __init__(
        self,
        *,
        max_message_length: int = MAX_MESSAGE_LENGTH,
        max_startup_length: int = MAX_STARTUP_LENGTH,
        max_auth_message_length: int = MAX_AUTH_MESSAGE_LENGTH,
        direct_tls: bool = False,
    ) -> None:
        self._decoder = FrontendDecoder(max_startup_length, max_auth_message_length)
        self._direct_tls = direct_tls  # until the first byte has come
        self._eof = False
        self._ended = False
        self._login: LoginFeed | None = LoginFeed(self._decoder)
        self._feed: Callable[[bytes | bytearray | memoryview], list[Any]] = self._feed_login
        self._max_message_length = max_message_length
        self._inbox: list[Any] = []
        self._position = 0
        self.outgoing: list[bytes | memoryview] = []
        self.recode: Callable[[bytes], bytes] | None = None
        self.recode_ahead: Callable[[bytes], bytes] | None = None
        self.phase = Phase.STARTUP
        self._row = _STARTUP_ROW

    @property
    def decoder(self) -> FrontendDecoder:
        """What cuts the stream into messages, for an owner that reads statements on its own."""
        return self._decoder

    @property
    def buffered(self) -> int:
        """Bytes received that no event has been made of yet."""
        login = self._login
        return self._decoder.buffered if login is None else len(login.kept)

    @property
    def pending(self) -> int:
        """Messages received and not yet handed out as events."""
        return len(self._inbox) - self._position

    # -- receiving ---------------------------------------------------------------------------------------------------

    def receive_data(self, data: bytes | bytearray | memoryview) -> None:
        """Take bytes from the other side, in any chunking. Never raises: what is wrong with them comes as an event."""
        if self._direct_tls and data:
            self._direct_tls = False
            if data[0] == _TLS_HANDSHAKE:
                self._queue([DirectTLS(bytes(data))])
                return
        self._queue(self._feed(data))

    def _feed_login(self, data: bytes | bytearray | memoryview) -> list[Any]:
        login = self._login
        assert login is not None
        if self.phase not in _FRONTENDS_TURN:
            login.kept += data
            data = b""
            if not self._row or login.kept[:1] != b"X":  # a good-bye is read while an authentication request is owed
                return []
        return login.feed(data)

    def _read_ahead(self) -> None:
        """The backend reads again: look at what came ahead."""
        if self._login is not None and self._login.kept:
            self._queue(self._feed(b""))

    def _feed_all(self) -> None:
        """From now on messages are decoded as they come, and first those that came ahead."""
        login, self._login = self._login, None
        recode, self.recode_ahead = self.recode_ahead, None
        self._feed = self._decoder.feed
        if login is not None and login.kept and self.phase is not _CLOSED:
            ahead = bytes(login.kept)
            self._queue(self._feed(ahead if recode is None else recode(ahead)))

    def receive_eof(self) -> None:
        """The other side sends no more. Behind what is still to be handed out comes :class:`ConnectionClosed`, or an error where
        something was left open: part of a message, a batch without its Sync, a COPY. While an answer is owed there is no event yet.
        """
        self._eof = True

    def _queue(self, messages: list[Any]) -> None:
        if self._position < len(self._inbox):
            if self._position > len(self._inbox) // 2:
                del self._inbox[: self._position]
                self._position = 0
            self._inbox.extend(messages)
        else:
            self._inbox = messages
            self._position = 0

    def receive_event(self, data: bytes | bytearray | memoryview) -> Any:
        """:meth:`receive_data` and :meth:`next_event` in one step, for an owner that is ready for the next event."""
        if self._direct_tls and data:
            if data[0] == _TLS_HANDSHAKE:
                self.receive_data(data)
                return self.next_event()
            self._direct_tls = False
        messages = self._feed(data)
        if len(messages) == 1 and self._position == len(self._inbox):
            entry = self._row.get(messages[0].__class__)
            if entry is not None:
                self.phase, self._row = entry
                return messages[0]
        self._queue(messages)
        return self.next_event()

    def send_around(self, answer: bytes | memoryview) -> bytes | memoryview:
        """All that is to be sent where ``answer``, up to ReadyForQuery, answers a statement that an owner read on its own, in phase IDLE;
        nothing where the connection was closed meanwhile.
        """
        if self.phase is _CLOSED:
            return b""
        if self.outgoing:
            self.outgoing.append(answer)
            return self.data_to_send()
        return answer

    def peek(self, ahead: int = 0) -> object | None:
        """A message received and not yet taken, the next one or one further ``ahead``; None where there is none."""
        position = self._position + ahead
        return self._inbox[position] if position < len(self._inbox) else None

    def next_event(self) -> Any:
        """The next event: a frontend message, a :class:`RemoteProtocolError` to be answered, :class:`DirectTLS`, or
        :class:`ConnectionClosed`; None when more data, or an answer that is owed, must come first.

        After a RemoteProtocolError with ``fatal`` the phase is CLOSED. Otherwise the phase is as after the message that was malformed.
        """
        while self._position < len(self._inbox):
            row = self._row
            if not row and self.phase is not _CLOSED:
                return None
            message = self._inbox[self._position]
            self._position += 1
            entry = row.get(message.__class__)
            if entry is not None:
                self.phase, self._row = entry
                return message
            event = self._not_in_table(message)
            if event is not None:
                return event
        return self._end() if self._eof else None

    def _not_in_table(self, message: Any) -> RemoteProtocolError | None:
        """What becomes of a malformed message, or of one that has no place here; None: nothing, it is dropped."""
        if self._ended:
            return None
        phase = self.phase
        malformed = message.__class__ is RemoteProtocolError
        kind: Kind = TAGS.get(message.tag, RemoteProtocolError) if malformed else message.__class__
        if malformed and message.fatal:
            return self._broken(message)
        if kind in IGNORED.get(phase, ()):
            return None
        if malformed:
            entry = self._row.get(kind)
            if phase not in START_UP and entry is not None and entry[0] is not _CLOSED:
                self.phase, self._row = entry
                return message  # type: ignore[no-any-return]
            message.fatal = True
            return self._broken(message)
        name = message.__class__.__name__
        if phase is _CLOSED:
            rule = f"unexpected message {name} behind the end of the connection"
        elif phase in PASSWORD_KINDS:
            rule = f"expected a password response, got {name}"
        else:
            rule = f"unexpected message {name} in phase {phase.value}"
        return self._broken(RemoteProtocolError(rule, fatal=True, message_name=name, offset=0))

    def _broken(self, error: RemoteProtocolError) -> RemoteProtocolError:
        self.close()
        return error

    def _end(self) -> ConnectionClosed | RemoteProtocolError | None:
        phase = self.phase
        if not self._row and phase is not _CLOSED:
            return None
        self._eof = False
        buffered = self.buffered if phase is not _CLOSED else 0
        self.close()
        if not buffered and (phase in START_UP or phase in (_IDLE, _CLOSED)):
            return ConnectionClosed()
        part = f" within a message, of which {buffered} bytes came" if buffered else ""
        return RemoteProtocolError(
            f"the frontend closed the connection in phase {phase.value}{part}", "08006", fatal=True
        )

    # -- sending -----------------------------------------------------------------------------------------------------

    def send_encryption_response(self, answer: bytes) -> None:
        """Answer SSLRequest or GSSENCRequest with one byte: ``b"S"``, ``b"G"`` or ``b"N"``; see :meth:`send`.

        Raises:
            LocalProtocolError: no such request is waiting, or ``answer`` does not answer it.
        """
        self.send(m.EncryptionResponse(answer.decode("latin-1")))

    def expect_password(self, kind: str) -> None:
        """Say what the next ``p`` message is: ``"password"``, ``"sasl_initial"``, ``"sasl_response"`` or ``"gss"``.

        :meth:`send` does so itself with an authentication request.
        """
        self._decoder.password_kind = kind

    def send(self, message: object) -> None:
        """Queue a backend message.

        After EncryptionResponse ``S`` or ``G`` write what is queued, do the handshake, and give what it decrypts to
        :meth:`receive_data`. Where plain text came behind the request, nothing is queued and the next event is a fatal
        RemoteProtocolError: somebody may have stuffed it in (CVE-2021-23214).

        Raises:
            LocalProtocolError: the message is not legal in this phase, or cannot be encoded; nothing was queued.
        """
        before = self.phase
        phase = BACKEND[before].get(kind_of(message))
        if phase is None:
            raise LocalProtocolError(f"cannot send {type(message).__name__} in phase {before.value}")
        data = encode_message(message)
        if self.recode is not None:
            data = self.recode(data)
        if phase is Phase.ENCRYPTED and (self.pending or self.buffered):
            self._stuffed(before)
            return
        self.outgoing.append(data)
        if phase is before:
            return
        self.phase = phase
        self._row = _ROWS[phase]
        if phase in PASSWORD_KINDS:
            self._decoder.password_kind = PASSWORD_KINDS[phase]
            self._read_ahead()
        elif phase is Phase.STARTING:
            self._decoder.max_message_length = self._max_message_length
        elif phase is _CLOSED:
            self._ended = True
        elif phase is Phase.STARTUP:
            self._read_ahead()
        elif phase is _IDLE and self._login is not None:
            self._feed_all()

    def _stuffed(self, before: Phase) -> None:
        name = "SSLRequest" if before is Phase.SSL_REQUESTED else "GSSENCRequest"
        rule = f"received unencrypted data after {name}"
        self._inbox = [RemoteProtocolError(rule, fatal=True, message_name=name, offset=8)]
        self._position = 0
        self.phase = _CLOSED
        self._row = _CLOSED_ROW

    def send_encoded(self, data: bytes | memoryview) -> None:
        """Queue bytes of complete backend messages that do not change the phase: rows, descriptions, CommandComplete and the like.

        Raises:
            LocalProtocolError: no command is being answered.
        """
        if self.phase not in ANSWERING:
            raise LocalProtocolError(f"cannot send results in phase {self.phase.value}")
        self.outgoing.append(data)

    def send_ready(self, status: str, results: bytes = b"") -> None:
        """Queue ReadyForQuery with status ``I``, ``T`` or ``E`` behind ``results``, the bytes of complete backend messages."""
        if self.phase is not _SIMPLE and self.phase is not _SYNC and self.phase not in _STARTING:
            raise LocalProtocolError(f"cannot send ReadyForQuery in phase {self.phase.value}")
        self.outgoing.append(results + READY[status])
        self.phase = _IDLE
        self._row = _IDLE_ROW
        if self._login is not None:
            self._feed_all()

    def send_welcome(self, results: bytes) -> None:
        """Queue AuthenticationOk, ``results`` (ParameterStatus, BackendKeyData) and ReadyForQuery: the client is logged in.

        Raises:
            LocalProtocolError: no login is under way.
        """
        if BACKEND[self.phase].get(m.AuthenticationOk) is not Phase.STARTING:
            raise LocalProtocolError(f"cannot send AuthenticationOk in phase {self.phase.value}")
        self.outgoing.append(_AUTHENTICATED + results + READY["I"])
        self._decoder.max_message_length = self._max_message_length
        self.phase = _IDLE
        self._row = _IDLE_ROW
        self._feed_all()

    def data_to_send(self) -> bytes | memoryview:
        """What has been queued since the last call, as one piece."""
        out = self.outgoing
        if not out:
            return b""
        data = out[0] if len(out) == 1 else b"".join(out)
        self.outgoing = []
        return data

    def take_pieces(self) -> list[bytes | memoryview]:
        """As :meth:`data_to_send` without joining: for large results, whose pieces are better not copied."""
        out, self.outgoing = self.outgoing, []
        return out

    def close(self) -> None:
        """Stop receiving: no message that came or comes is handed out any more."""
        self.phase = _CLOSED
        self._row = _CLOSED_ROW
        self._ended = True
        if self._login is not None:
            self._feed_all()
