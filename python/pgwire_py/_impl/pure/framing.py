"""The frontend's byte stream cut into messages, in any chunking (Protocol 55.7).

Lengths are judged as soon as they are there, before waiting for the body; only the incomplete tail of a feed is kept.
"""

from __future__ import annotations

from typing import Any, Final

from ...errors import RemoteProtocolError
from ...messages import StartupMessage
from ..interface import Buffer
from .messages.decode import DECODERS, PASSWORD_DECODERS, decode_startup
from .wire import UINT32

SMALL_MESSAGE_LIMIT: Final = 10_000
"""PostgreSQL's PQ_SMALL_MESSAGE_LIMIT, in bytes: the bound of messages that have no reason to be long."""

_SMALL: Final = frozenset(b"DECHSXcf")
_KNOWN: Final = frozenset(DECODERS) | {ord("p")}


class FrontendDecoder:
    """See :class:`pgwire_py._impl.interface.FrontendDecoder`."""

    __slots__ = ("_dead", "_password_kind", "_tail", "max_message_length", "max_startup_length", "startup")

    def __init__(self, max_startup_length: int = 10_000, max_message_length: int = 65_535) -> None:
        self.startup = True
        self.max_startup_length = max_startup_length
        self.max_message_length = max_message_length
        self._password_kind = "password"
        self._tail: bytes | bytearray = b""
        self._dead = False

    @property
    def password_kind(self) -> str:
        """What tag ``p`` decodes to: ``password``, ``sasl_initial`` or ``sasl_response``."""
        return self._password_kind

    @password_kind.setter
    def password_kind(self, kind: str) -> None:
        if kind not in PASSWORD_DECODERS:
            raise ValueError("password_kind must be 'password', 'sasl_initial' or 'sasl_response'")
        self._password_kind = kind

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
                if self.startup:
                    message = decode_startup(stream[position + 4 : end])
                    items.append(message)
                    position = end
                    if type(message) is not StartupMessage:
                        break
                    self.startup = False
                else:
                    tag, body = stream[position], stream[position + 5 : end]
                    position = end
                    decode = DECODERS.get(tag) or PASSWORD_DECODERS[self._password_kind]
                    try:
                        items.append(decode(body))
                    except RemoteProtocolError as error:
                        error.tag = chr(tag)
                        items.append(error.with_traceback(None))
        except RemoteProtocolError as error:
            self._dead = True
            self._tail = b""
            items.append(error.with_traceback(None))
            return items
        self._tail = stream[position:]
        return items

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
        """Where the packet at ``position`` ends, None while it is incomplete.

        Raises:
            RemoteProtocolError: fatal: unknown tag or impossible length.
        """
        if self.startup:
            if len(stream) - position < 4:
                return None
            (length,) = UINT32.unpack_from(stream, position)
            if not 8 <= length <= self.max_startup_length:
                raise RemoteProtocolError("invalid length of startup packet", fatal=True)
            end = position + length
        else:
            if len(stream) == position:
                return None
            tag = stream[position]
            if tag not in _KNOWN:
                raise RemoteProtocolError(f"invalid frontend message type {tag}", fatal=True, tag=chr(tag))
            if len(stream) - position < 5:
                return None
            (length,) = UINT32.unpack_from(stream, position + 1)
            limit = self.max_message_length
            if length < 4 or length > limit or (length > SMALL_MESSAGE_LIMIT and tag in _SMALL):
                raise RemoteProtocolError("invalid message length", fatal=True, tag=chr(tag))
            end = position + 1 + length
        return end if end <= len(stream) else None
