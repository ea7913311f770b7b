"""Reading and writing the protocol's primitive values within bounds (Protocol 55.6), with PostgreSQL's own error texts.

A :class:`Reader` never looks past its body. Writers check what the wire cannot carry: NUL inside a text, integers and counts that
do not fit, and lone surrogates.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final

from ...errors import LocalProtocolError, RemoteProtocolError

INT16: Final = struct.Struct("!h")
UINT16: Final = struct.Struct("!H")
INT32: Final = struct.Struct("!i")
UINT32: Final = struct.Struct("!I")
INT64: Final = struct.Struct("!q")
UINT64: Final = struct.Struct("!Q")

MAX_COUNT: Final = 65_535
"""Largest count an Int16 read without sign can carry."""

MAX_LENGTH: Final = 2**31 - 1
"""Largest length field of a message, in bytes."""


def malformed(rule: str, offset: int, sqlstate: str = "08P01") -> RemoteProtocolError:
    """A body that breaks a rule at ``offset``, in bytes of the body; whoever knows which message it is puts its name and header in."""
    return RemoteProtocolError(rule, sqlstate, offset=offset)


def _invalid_utf8(raw: bytes, start: int, offset: int) -> RemoteProtocolError:
    """PostgreSQL's error about the invalid sequence that begins at ``start``: it prints as many bytes as the first one announces."""
    first = raw[start]
    size = 2 if first & 0xE0 == 0xC0 else 3 if first & 0xF0 == 0xE0 else 4 if first & 0xF8 == 0xF0 else 1
    shown = " ".join(f"0x{byte:02x}" for byte in raw[start : start + size])
    return malformed(f'invalid byte sequence for encoding "UTF8": {shown}', offset + start, "22021")


def decode_text(raw: bytes, offset: int) -> str:
    """The text of UTF-8 bytes that stand at ``offset`` in a body.

    Raises:
        RemoteProtocolError: 22021, not UTF-8.
    """
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        start = error.start
    raise _invalid_utf8(raw, start, offset)


_PLAIN_WORDS: Final = {
    "no data left in message": "the message ends where a field is due",
    "insufficient data left in message": "the message ends within this field",
    "invalid string in message": "this text has no terminating NUL",
    "invalid message format": "bytes follow the last field",
}
"""PostgreSQL's words about a frontend's bodies, said more plainly about a backend's."""


def explained(error: RemoteProtocolError) -> RemoteProtocolError:
    """The same error with message and offset in its text: about a backend's message nobody is answered."""
    rule = error.args[0]
    error.args = (f"{error.message_name}: offset {error.offset}: {_PLAIN_WORDS.get(rule, rule)}",)
    return error


class Reader:
    """Takes the primitive values of one message body in order.

    Every method raises RemoteProtocolError (08P01, not fatal) when the body does not hold what it asks for. Its offset is where the
    value begins that could not be taken, with the length or count in front of it.
    """

    __slots__ = ("_body", "position")

    def __init__(self, body: bytes) -> None:
        self._body = body
        self.position = 0

    def text(self) -> str:
        """A NUL-terminated text."""
        start = self.position
        return decode_text(self.text_bytes(), start)

    def lossy_text(self) -> str:
        """A NUL-terminated text; what is not UTF-8 becomes U+FFFD."""
        return self.text_bytes().decode(errors="replace")

    def text_bytes(self) -> bytes:
        """The bytes of a NUL-terminated text, without the NUL."""
        start = self.position
        end = self._body.find(0, start)
        if end < 0:
            raise malformed("invalid string in message", start)
        self.position = end + 1
        return self._body[start:end]

    def byte(self) -> int:
        """One byte."""
        if self.position >= len(self._body):
            raise malformed("no data left in message", self.position)
        self.position += 1
        return self._body[self.position - 1]

    def uint16(self) -> int:
        """An Int16 read without sign, as PostgreSQL reads counts."""
        return int(UINT16.unpack_from(self._body, self._advance(2))[0])

    def int16(self) -> int:
        """An Int16."""
        return int(INT16.unpack_from(self._body, self._advance(2))[0])

    def int32(self) -> int:
        """An Int32."""
        return int(INT32.unpack_from(self._body, self._advance(4))[0])

    def int16s(self) -> tuple[int, ...]:
        """A count and that many Int16."""
        start = self.position
        count = self.uint16()
        return struct.unpack_from(f"!{count}h", self._body, self._advance(2 * count, start)) if count else ()

    def uint32s(self) -> tuple[int, ...]:
        """A count and that many OIDs."""
        start = self.position
        count = self.uint16()
        return struct.unpack_from(f"!{count}I", self._body, self._advance(4 * count, start)) if count else ()

    def uint32(self) -> int:
        """An Int32 read without sign."""
        return int(UINT32.unpack_from(self._body, self._advance(4))[0])

    def int64(self) -> int:
        """An Int64."""
        return int(INT64.unpack_from(self._body, self._advance(8))[0])

    def uint64(self) -> int:
        """An Int64 read without sign, such as an LSN."""
        return int(UINT64.unpack_from(self._body, self._advance(8))[0])

    def value(self, negative: str = "insufficient data left in message") -> bytes | None:
        """Bytes with their length in front, None for length -1 (NULL); ``negative`` is what another negative length (``{}``) answers."""
        start = self.position
        size = self.int32()
        if size == -1:
            return None
        if size < 0:
            raise malformed(negative.format(size), start)
        return self.take(size, start)

    def take(self, size: int, start: int | None = None) -> bytes:
        """``size`` bytes, which belong to a field that began at ``start``."""
        begin = self._advance(size, start)
        return self._body[begin : begin + size]

    def rest(self) -> bytes:
        """All bytes that are left."""
        return self.take(len(self._body) - self.position)

    def end(self) -> None:
        """Nothing may be left."""
        if self.position != len(self._body):
            raise malformed("invalid message format", self.position)

    def _advance(self, size: int, start: int | None = None) -> int:
        begin = self.position
        if size > len(self._body) - begin:
            raise malformed("insufficient data left in message", begin if start is None else start)
        self.position = begin + size
        return begin


def put_text(value: object) -> bytes:
    """A text with its terminating NUL.

    Raises:
        LocalProtocolError: not a str, holds a NUL, or cannot be encoded as UTF-8. So for the other ``put_`` functions, each for its type.
    """
    if not isinstance(value, str):
        raise _expected("str", value)
    try:
        raw = value.encode()
    except UnicodeEncodeError:
        raise LocalProtocolError("a text cannot be encoded as UTF-8") from None
    if 0 in raw:
        raise LocalProtocolError("a text holds a NUL")
    return raw + b"\0"


def put_bytes(value: object) -> bytes:
    """Bytes as they are; bytearray and memoryview are copied."""
    if type(value) is bytes:
        return value
    if not isinstance(value, (bytes, bytearray, memoryview)):
        raise _expected("bytes", value)
    return bytes(value)


def put_int16(value: object) -> bytes:
    """An Int16."""
    return INT16.pack(_integer(value, -(2**15), 2**15 - 1, "Int16"))


def put_int32(value: object) -> bytes:
    """An Int32."""
    return INT32.pack(_integer(value, -(2**31), 2**31 - 1, "Int32"))


def put_uint32(value: object) -> bytes:
    """An Int32 without sign, such as an OID."""
    return UINT32.pack(_integer(value, 0, 2**32 - 1, "UInt32"))


def put_int64(value: object) -> bytes:
    """An Int64."""
    return INT64.pack(_integer(value, -(2**63), 2**63 - 1, "Int64"))


def put_uint64(value: object) -> bytes:
    """An Int64 without sign, such as an LSN."""
    return UINT64.pack(_integer(value, 0, 2**64 - 1, "UInt64"))


def put_bool(value: object) -> bytes:
    """One byte, 1 or 0."""
    if not isinstance(value, bool):
        raise _expected("bool", value)
    return b"\1" if value else b"\0"


def put_count(values: object) -> tuple[bytes, Sequence[object]]:
    """The Int16 count of a tuple or list, and the values."""
    checked = put_sequence(values)
    if len(checked) > MAX_COUNT:
        raise LocalProtocolError(f"{len(checked)} values, at most {MAX_COUNT} fit")
    return UINT16.pack(len(checked)), checked


def put_sequence(values: object) -> Sequence[object]:
    """A tuple or list as it is."""
    if not isinstance(values, (tuple, list)):
        raise _expected("a tuple or list", values)
    return values


def put_int16s(values: object) -> bytes:
    """A count and that many Int16."""
    count, checked = put_count(values)
    return count + b"".join(map(put_int16, checked))


def put_uint32s(values: object) -> bytes:
    """A count and that many OIDs."""
    count, checked = put_count(values)
    return count + b"".join(map(put_uint32, checked))


def put_values(values: object) -> bytes:
    """A count and that many values, each with its length; None is NULL, length -1."""
    count, checked = put_count(values)
    return count + b"".join(map(put_value, checked))


def put_value(value: object) -> bytes:
    """Bytes with their length in front; None is NULL, length -1."""
    if value is None:
        return b"\xff\xff\xff\xff"
    raw = put_bytes(value)
    if len(raw) > MAX_LENGTH:
        raise too_long()
    return UINT32.pack(len(raw)) + raw


def put_pairs(pairs: object) -> list[tuple[object, object]]:
    """Keys and values of a dict, in order."""
    if not isinstance(pairs, dict):
        raise _expected("a dict", pairs)
    return list(pairs.items())


def too_long() -> LocalProtocolError:
    """What a message beyond the length field's range answers."""
    return LocalProtocolError(f"longer than {MAX_LENGTH} bytes")


def _integer(value: object, low: int, high: int, name: str) -> int:
    if not isinstance(value, int):
        raise _expected("int", value)
    if not low <= value <= high:
        raise LocalProtocolError(f"an integer does not fit {name}")
    return value


def _expected(name: str, value: object) -> LocalProtocolError:
    return LocalProtocolError(f"expected {name}, not {type(value).__name__}")
