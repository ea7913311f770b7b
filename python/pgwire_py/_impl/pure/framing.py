"""The byte streams of both ends cut into messages, in any chunking (Protocol 55.7).

Lengths are judged as soon as they are there, before waiting for the body; only the incomplete tail of a feed is kept.
"""

from __future__ import annotations

from typing import Any, Final

from ...errors import RemoteProtocolError
from ...messages import EncryptionResponse, StartupMessage
from ..interface import Buffer
from .messages.decode import DECODERS, PASSWORD_DECODERS, decode_startup, located_error
from .messages.decode_backend import BACKEND_DECODERS, backend_decoder
from .wire import MAX_COUNT, MAX_LENGTH, UINT32, explained

SMALL_MESSAGE_LIMIT: Final = 10_000
"""PostgreSQL's PQ_SMALL_MESSAGE_LIMIT, in bytes: the bound of a frontend's messages that have no reason to be long."""

SMALL_ANSWER_LIMIT: Final = 30_000
"""libpq's bound, in bytes, of a backend's messages that have no reason to be long, and of errors before authentication."""

AUTHENTICATION_LIMIT: Final = 2_000
"""libpq's bound of authentication requests and of NegotiateProtocolVersion, in bytes."""

_SMALL: Final = frozenset(b"DECHSXcf")
_KNOWN: Final = frozenset(DECODERS) | {ord("p")}

_ANSWER_LIMITS: Final = {
    **dict.fromkeys(BACKEND_DECODERS, SMALL_ANSWER_LIMIT),
    **dict.fromkeys(b"TDdVENA", MAX_LENGTH),  # libpq's VALID_LONG_MESSAGE_TYPE
    **dict.fromkeys(b"Rv", AUTHENTICATION_LIMIT),
    ord("t"): 6 + 4 * MAX_COUNT,  # libpq fails where a statement has more than 7,498 parameters
}


class _StreamDecoder:
    """What both decoders do with a stream; a subclass knows where a packet ends and what it is."""

    __slots__ = ("_dead", "_tail", "max_message_length")

    def __init__(self, max_message_length: int) -> None:
        self.max_message_length = max_message_length
        self._tail: bytes | bytearray = b""
        self._dead = False

    @property
    def buffered(self) -> int:
        """Bytes received and not yet returned as messages."""
        return len(self._tail)

    def feed(self, data: Buffer) -> list[Any]:
        """Take bytes, return the complete messages in order; see the interface for errors."""
        stream = data if type(data) is bytes else bytes(memoryview(data))
        items: list[Any] = []
        if self._dead:
            return items
        position = 0
        try:
            if self._tail:
                if not isinstance(self._tail, bytearray):
                    self._tail = bytearray(self._tail)
                self._tail += stream
                if self._frame_end(self._tail, 0) is None:
                    return items
                stream = bytes(self._tail)
            while position < len(stream):
                end = self._frame_end(stream, position)
                if end is None:
                    break
                goes_on = self._decode(stream, position, end, items)
                position = end
                if not goes_on:
                    break
        except RemoteProtocolError as error:
            self._dead = True
            self._tail = b""
            items.append(error.with_traceback(None))
            return items
        self._tail = stream[position:]
        return items

    def _frame_end(self, stream: bytes | bytearray, position: int) -> int | None:
        """Where the packet at ``position`` ends, None while it is incomplete.

        Raises:
            RemoteProtocolError: fatal: unknown tag or impossible length.
        """
        raise NotImplementedError

    def _decode(self, stream: bytes, start: int, end: int, items: list[Any]) -> bool:
        """Append the message of a packet, or its error, and say whether the packet behind it may be looked at.

        Raises:
            RemoteProtocolError: fatal.
        """
        raise NotImplementedError


class FrontendDecoder(_StreamDecoder):
    """See :class:`pgwire_py._impl.interface.FrontendDecoder`."""

    __slots__ = ("_password_kind", "max_startup_length", "startup")

    def __init__(self, max_startup_length: int = 10_000, max_message_length: int = 65_535) -> None:
        super().__init__(max_message_length)
        self.startup = True
        self.max_startup_length = max_startup_length
        self._password_kind = "password"

    @property
    def password_kind(self) -> str:
        """What tag ``p`` decodes to: ``password``, ``sasl_initial``, ``sasl_response`` or ``gss``."""
        return self._password_kind

    @password_kind.setter
    def password_kind(self, kind: str) -> None:
        if kind not in PASSWORD_DECODERS:
            raise ValueError("password_kind must be 'password', 'sasl_initial', 'sasl_response' or 'gss'")
        self._password_kind = kind

    def read_whole(self, data: bytes) -> list[Any] | None:
        """The messages of ``data`` where it is made of whole, well-formed ones and begins one; nothing is taken."""
        if self.startup or self._tail or self._dead:
            return None
        probe = FrontendDecoder(self.max_startup_length, self.max_message_length)
        probe.startup = False
        messages = probe.feed(data)
        if probe.buffered or any(type(message) is RemoteProtocolError for message in messages):
            return None
        return messages

    def _frame_end(self, stream: bytes | bytearray, position: int) -> int | None:
        if self.startup:
            if len(stream) - position < 4:
                return None
            (length,) = UINT32.unpack_from(stream, position)
            if not 8 <= length <= self.max_startup_length:
                raise RemoteProtocolError(
                    "invalid length of startup packet", fatal=True, message_name="StartupMessage", offset=0
                )
            end = position + length
        else:
            if len(stream) == position:
                return None
            tag = stream[position]
            if tag not in _KNOWN:
                raise RemoteProtocolError(f"invalid frontend message type {tag}", fatal=True, tag=chr(tag), offset=0)
            if len(stream) - position < 5:
                return None
            (length,) = UINT32.unpack_from(stream, position + 1)
            limit = self.max_message_length
            if length < 4 or length > limit or (length > SMALL_MESSAGE_LIMIT and tag in _SMALL):
                name, _ = self._decoder(tag)
                raise RemoteProtocolError(
                    "invalid message length", fatal=True, tag=chr(tag), message_name=name, offset=1
                )
            end = position + 1 + length
        return end if end <= len(stream) else None

    def _decode(self, stream: bytes, start: int, end: int, items: list[Any]) -> bool:
        if self.startup:
            message = decode_startup(stream[start + 4 : end])
            items.append(message)
            self.startup = type(message) is not StartupMessage
            return not self.startup
        name, decode = self._decoder(stream[start])
        try:
            items.append(decode(stream[start + 5 : end]))
        except RemoteProtocolError as error:
            error.tag = chr(stream[start])
            items.append(located_error(error, name, 5))
        return True

    def _decoder(self, tag: int) -> Any:
        return DECODERS.get(tag) or PASSWORD_DECODERS[self._password_kind]


class BackendDecoder(_StreamDecoder):
    """See :class:`pgwire_py._impl.interface.BackendDecoder`."""

    __slots__ = ("encryption_response",)

    def __init__(self, max_message_length: int = SMALL_ANSWER_LIMIT) -> None:
        super().__init__(max_message_length)
        self.encryption_response = False

    def _frame_end(self, stream: bytes | bytearray, position: int) -> int | None:
        if len(stream) == position:
            return None
        tag = stream[position]
        if self.encryption_response:
            if tag in b"SGN":
                return position + 1
            if tag != ord("E"):
                rule = f"the byte {tag} is none of the letters SGN"
                raise explained(RemoteProtocolError(rule, fatal=True, message_name="EncryptionResponse", offset=0))
        limit = _ANSWER_LIMITS.get(tag)
        if limit is None:
            raise RemoteProtocolError(f"invalid backend message type {tag}", fatal=True, tag=chr(tag), offset=0)
        if len(stream) - position < 5:
            return None
        (length,) = UINT32.unpack_from(stream, position + 1)
        limit = min(limit, self.max_message_length)
        if not 4 <= length <= limit:
            rule = f"the message length {length} is not between 4 and {limit}"
            name, _ = BACKEND_DECODERS[tag]
            raise explained(RemoteProtocolError(rule, fatal=True, tag=chr(tag), message_name=name, offset=1))
        end = position + 1 + length
        return end if end <= len(stream) else None

    def _decode(self, stream: bytes, start: int, end: int, items: list[Any]) -> bool:
        if self.encryption_response:
            self.encryption_response = False
            if end == start + 1:
                items.append(EncryptionResponse(chr(stream[start])))
                return False
        body = stream[start + 5 : end]
        name, decode = backend_decoder(stream[start], body)
        try:
            items.append(decode(body))
        except RemoteProtocolError as error:
            error.tag = chr(stream[start])
            items.append(explained(located_error(error, name, 5)))
        return True
