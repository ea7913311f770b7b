"""The frontend's end of the protocol: what a driver, a pooler's back, a proxy or a test puts its servers on."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any, Final

from .. import messages as m
from .._impl import BackendDecoder, encode_message
from ..enums import TransactionStatus
from ..errors import LocalProtocolError, RemoteProtocolError
from ..events import ConnectionClosed
from ..state import (
    AHEAD,
    ANSWERS,
    ASYNCHRONOUS,
    BACKEND,
    FATAL,
    FIRST,
    FRONTEND,
    IGNORED,
    START_UP,
    Kind,
    Phase,
    Step,
    kind_of,
)
from .limits import MAX_ANSWER_LENGTH_AT_START, MAX_MESSAGE_LENGTH

__all__ = ["FrontendConnection"]

PROTOCOL_3_0: Final = 3 << 16

_STREAMING: Final = (Phase.COPY_IN, Phase.COPY_BOTH, Phase.COPY_BOTH_IN, Phase.EXTENDED_COPY_IN)
"""Phases in which what is sent does not wait behind requests in flight."""


class FrontendConnection:
    """The frontend's end of the protocol, sans I/O.

    Args:
        max_message_length: largest message accepted once authenticated, in bytes.
        max_message_length_at_start: largest message accepted before, in bytes.
        direct_tls: the owner has made a TLS connection without asking (PostgreSQL 17 and later; ALPN ``postgresql``): no SSLRequest.

    :meth:`send` messages and write what :meth:`data_to_send` returns; give what the socket delivers to :meth:`receive_data` and take
    events with :meth:`next_event` or :meth:`events`. Requests may be sent ahead of their answers: :attr:`requests` are those in flight,
    and :attr:`request` is the one that the last event answers.
    """

    __slots__ = (
        "_ambiguous",
        "_backend_key",
        "_decoder",
        "_early_syncs",
        "_ended",
        "_eof",
        "_inbox",
        "_max_message_length",
        "_out",
        "_parameters",
        "_phase",
        "_position",
        "_protocol_version",
        "_request",
        "_requests",
        "_step",
        "_terminated",
        "_transaction_status",
    )

    def __init__(
        self,
        *,
        max_message_length: int = MAX_MESSAGE_LENGTH,
        max_message_length_at_start: int = MAX_ANSWER_LENGTH_AT_START,
        direct_tls: bool = False,
    ) -> None:
        self._decoder = BackendDecoder(max_message_length_at_start)
        self._max_message_length = max_message_length
        self._inbox: list[Any] = []
        self._position = 0
        self._out: list[bytes] = []
        self._phase = Phase.ENCRYPTED if direct_tls else Phase.STARTUP
        self._requests: deque[Any] = deque()
        self._step = Step.DONE  # of the oldest request in flight
        self._request: object | None = None
        self._early_syncs: list[object] = []
        self._ambiguous = False
        self._terminated = False
        self._ended = False
        self._eof = False
        self._protocol_version = 0
        self._transaction_status: TransactionStatus | None = None
        self._backend_key: m.BackendKeyData | None = None
        self._parameters: dict[str, str] = {}

    # -- where the connection stands ---------------------------------------------------------------------------------

    @property
    def phase(self) -> Phase:
        """Where the backend stood when it had sent what the last event told."""
        return self._phase

    @property
    def requests(self) -> tuple[object, ...]:
        """Requests sent and not yet answered in full, oldest first. An error inside a batch removes those up to the next Sync."""
        return tuple(self._requests)

    @property
    def request(self) -> object | None:
        """The very object sent that the last event answers; None for what answers no request, as a notice or a ParameterStatus."""
        return self._request

    @property
    def transaction_status(self) -> TransactionStatus | None:
        """``"I"``, ``"T"`` or ``"E"`` as the last ReadyForQuery told; None before the first."""
        return self._transaction_status

    @property
    def protocol_version(self) -> int:
        """The version asked for in StartupMessage, or the older one that the backend answered with; 0 before."""
        return self._protocol_version

    @property
    def parameters(self) -> dict[str, str]:
        """The backend's run-time parameters as ParameterStatus told them, up to date."""
        return dict(self._parameters)

    @property
    def backend_key(self) -> m.BackendKeyData | None:
        """What a CancelRequest, on another connection, must quote."""
        return self._backend_key

    @property
    def buffered(self) -> int:
        """Bytes received that no message is complete of yet."""
        return self._decoder.buffered

    @property
    def pending(self) -> int:
        """Messages received and not yet handed out as events."""
        return len(self._inbox) - self._position

    # -- sending -----------------------------------------------------------------------------------------------------

    def send(self, message: object) -> None:
        """Queue a frontend message.

        Requests may be sent while others are being answered. CopyData needs a CopyInResponse or CopyBothResponse first. Behind an Execute
        of COPY FROM STDIN send Flush, and Sync only after CopyDone or CopyFail: a Sync before is dropped by the backend.

        Raises:
            LocalProtocolError: the message is not legal in this phase, or cannot be encoded; nothing was queued.
        """
        data = encode_message(message)
        kind = message.__class__
        self._admit(message)
        self._out.append(data)
        if kind is m.StartupMessage:
            self._protocol_version = message.protocol_version  # type: ignore[attr-defined]
        elif kind in (m.SSLRequest, m.GSSENCRequest):
            self._decoder.encryption_response = True

    def send_encoded(self, data: bytes, *requests: object) -> None:
        """Queue the bytes of exactly these requests, or of CopyData messages, encoded elsewhere: all or none.

        Raises:
            LocalProtocolError: one of them is not legal in this phase, or is a message of start-up; nothing was queued.
        """
        before = self._phase, self._step, self._terminated
        count = len(self._requests)
        try:
            if self._phase in START_UP:
                raise LocalProtocolError(f"cannot send encoded requests in phase {self._phase.value}")
            for request in requests:
                self._admit(request)
        except LocalProtocolError:
            self._phase, self._step, self._terminated = before
            while len(self._requests) > count:
                self._requests.pop()
            raise
        self._out.append(data)

    def _admit(self, message: Any) -> None:
        """Take a message into account, or raise without a trace."""
        kind: Kind = message.__class__
        following = FRONTEND[self._phase].get(kind)
        if self._terminated or (following is None and kind not in AHEAD.get(self._phase, ())):
            raise self._not_legal(message)
        if kind is m.Terminate:
            self._terminated = True
            if self._phase in _STREAMING or not self._requests:
                self._phase = Phase.CLOSED
        elif kind in FRONTEND[Phase.IDLE]:
            if kind_of(message) not in FIRST:  # a Describe of neither statement nor portal
                raise self._not_legal(message)
            if self._early_syncs and self._step is Step.EXECUTE_COPY and kind is not m.Sync and not self._sync_sent():
                raise LocalProtocolError(f"cannot send {message.__class__.__name__}: behind this COPY must come a Sync")
            self._requests.append(message)
            if len(self._requests) == 1:
                self._take_next()
        else:
            assert following is not None
            self._phase = following

    def _sync_sent(self) -> bool:
        return any(request.__class__ is m.Sync for request in self._requests)

    def _not_legal(self, message: object) -> LocalProtocolError:
        name = type(message).__name__
        if self._terminated or self._phase is Phase.CLOSED:
            return LocalProtocolError(f"cannot send {name}: the connection was ended")
        reason = ": the backend would drop it" if type(message) in IGNORED.get(self._phase, ()) else ""
        return LocalProtocolError(f"cannot send {name} in phase {self._phase.value}{reason}")

    def _take_next(self) -> None:
        """The backend goes on to the next request that expects an answer."""
        while self._requests:
            request = self._requests[0]
            following = FRONTEND[self._phase].get(request.__class__)
            if following is not None:  # otherwise it is skipped on the way to a Sync
                self._phase = following
                self._step = FIRST[kind_of(request)]
                if self._step is not Step.DONE:
                    return
            self._requests.popleft()
        self._step = Step.DONE
        if self._terminated:
            self._phase = Phase.CLOSED

    def data_to_send(self) -> bytes:
        """What has been queued since the last call, as one piece."""
        data = b"".join(self._out)
        self._out = []
        return data

    # -- receiving ---------------------------------------------------------------------------------------------------

    def receive_data(self, data: bytes | bytearray | memoryview) -> None:
        """Take bytes from the other side, in any chunking. Never raises: what is wrong with them comes as an event.

        After EncryptionResponse ``S`` or ``G`` only what the encrypted channel delivers may come here.
        """
        messages = self._decoder.feed(data)
        if self._position < len(self._inbox):
            if self._position > len(self._inbox) // 2:
                del self._inbox[: self._position]
                self._position = 0
            self._inbox.extend(messages)
        else:
            self._inbox = messages
            self._position = 0

    def receive_eof(self) -> None:
        """The other side sends no more. Behind what is still to be handed out comes :class:`ConnectionClosed`, or an error where the
        backend closed without having been asked to and without saying why."""
        self._eof = True

    def events(self) -> Iterator[Any]:
        """The events that there are now; more may be sent between two of them."""
        while (event := self.next_event()) is not None:
            yield event

    def next_event(self) -> Any:
        """The next event: a backend message, :class:`RemoteProtocolError`, after which nothing more comes, or
        :class:`ConnectionClosed`; None when more data must come first."""
        while self._position < len(self._inbox):
            message = self._inbox[self._position]
            self._position += 1
            if not self._ended and not (
                self._terminated and self._phase is Phase.CLOSED
            ):  # else nobody listens any more
                return self._receive(message)
        if not self._eof:
            return None
        self._eof = False
        self._request = None
        return self._end()

    def _receive(self, message: Any) -> Any:
        """Walk the tables with a message and return the event that it is."""
        self._request = None
        if message.__class__ is RemoteProtocolError:
            message.fatal = True
            return self._broken(message)
        before = self._phase
        kind = kind_of(message)
        phase = BACKEND[before].get(kind)
        if phase is not None and (kind in ASYNCHRONOUS or kind is FATAL or before in START_UP):
            self._phase = phase
            if kind is FATAL and self._requests:
                self._request = self._requests[0]
            return self._out_of_band(message, before)
        if self._ambiguous and kind is not m.ErrorResponse:
            return self._unexpected(
                message, " behind COPY FROM STDIN, a Sync and other requests: what it answers cannot be told"
            )
        step = ANSWERS[self._step].get(kind)
        if phase is None or step is None:
            if self._early_syncs and kind in ANSWERS[Step.COMMIT]:
                return self._late_answer(message)
            return self._unexpected(message)
        self._phase = phase
        self._request = self._requests[0]
        if kind is m.ReadyForQuery:
            self._transaction_status = message.status
        elif kind is m.CopyInResponse:
            self._set_early_syncs_aside()
        elif kind is not m.ErrorResponse:
            self._early_syncs.clear()
        self._step = step
        if step is Step.DONE:
            self._requests.popleft()
            self._take_next()
        return message

    def _out_of_band(self, message: Any, before: Phase) -> Any:
        """Messages that answer no request."""
        match message:
            case m.ParameterStatus(name, value):
                self._parameters[name] = value
            case m.ReadyForQuery():
                self._transaction_status = message.status  # type: ignore[assignment]
            case m.BackendKeyData(_, key) if len(key) != 4 and self._protocol_version == PROTOCOL_3_0:
                return self._unexpected(message, ": in protocol 3.0 a key has 4 bytes", before)
            case m.BackendKeyData():
                self._backend_key = message
            case m.AuthenticationOk():
                self._decoder.max_message_length = self._max_message_length
            case m.NegotiateProtocolVersion():
                version = 3 << 16 | message.minor_version
                if version > self._protocol_version:
                    return self._unexpected(message, ": it names a newer version than was asked for")
                self._protocol_version = version
            case m.EncryptionResponse("N"):
                self.receive_data(b"")
            case m.EncryptionResponse() if self.pending or self.buffered:
                return self._unexpected(message, " with unencrypted data behind it", before)
        return message

    def _set_early_syncs_aside(self) -> None:
        """Syncs sent behind the request that turned out to be COPY FROM STDIN are dropped by the backend (Protocol 55.2.7), unless the
        COPY fails before it reads the first of them: then they are answered nevertheless, after the error.

        Which of the two only the count of ReadyForQuery tells. So nothing but a Sync may follow the COPY, and where other requests were
        sent behind such a Sync, what comes behind an error cannot be told apart. (PostgreSQL ends the connection when it reads them.)
        """
        self._early_syncs.clear()
        request = self._requests.popleft()
        while self._requests and self._requests[0].__class__ in IGNORED[Phase.COPY_IN]:
            early = self._requests.popleft()
            if early.__class__ is m.Sync:
                self._early_syncs.append(early)
        self._ambiguous = bool(self._early_syncs and self._requests)
        self._requests.appendleft(request)

    def _late_answer(self, message: Any) -> Any:
        """The answer to a Sync that was thought to be dropped."""
        self._request = self._early_syncs[0]
        if message.__class__ is m.ReadyForQuery:
            del self._early_syncs[0]
            self._transaction_status = message.status  # type: ignore[assignment]
            if self._phase is Phase.SKIPPING:
                self._phase = Phase.IDLE
                self._take_next()
        return message

    def _unexpected(self, message: object, rule: str = "", phase: Phase | None = None) -> RemoteProtocolError:
        name = type(message).__name__
        where = f" in phase {(phase or self._phase).value}"
        if not rule and self._requests:
            where += f" in answer to {type(self._requests[0]).__name__}"
        text = f"unexpected message {name}{where}{rule}"
        return self._broken(RemoteProtocolError(text, fatal=True, message_name=name, offset=0))

    def _broken(self, error: RemoteProtocolError) -> RemoteProtocolError:
        self._phase = Phase.CLOSED
        self._ended = True
        return error

    def _end(self) -> ConnectionClosed | RemoteProtocolError:
        phase, waiting, buffered = self._phase, len(self._requests), self._decoder.buffered
        if phase is Phase.CLOSED:
            return ConnectionClosed()
        part = f" within a message, of which {buffered} bytes came," if buffered else ""
        text = f"the backend closed the connection{part} in phase {phase.value} with {waiting} requests in flight"
        return self._broken(RemoteProtocolError(text, "08006", fatal=True))
