"""The frontend's messages written into a buffer without anything in between (Protocol 55.7).

A message is measured and checked first and then written, so the buffer grows once and never holds half a message. Format codes take the
shortest form there is: none where all is text, one where all is binary, else one for each value.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ...errors import LocalProtocolError
from .messages.decode import CANCEL_REQUEST_CODE, GSSENC_REQUEST_CODE, SSL_REQUEST_CODE
from .wire import (
    MAX_LENGTH,
    UINT16,
    UINT32,
    put_count,
    put_int16,
    put_int32,
    put_pairs,
    put_text,
    put_uint32,
    put_uint32s,
    too_long,
)

Piece = bytes | memoryview

JOINED = 16_384
"""Up to this many bytes, joining the pieces of a message costs less than appending each."""


class MessageBuilder:
    """See :class:`pgwire_py._impl.interface.MessageBuilder`."""

    __slots__ = ("_buffer",)

    def __init__(self, buffer: bytearray | None = None) -> None:
        if buffer is not None and not isinstance(buffer, bytearray):
            raise TypeError("buffer must be a bytearray")
        self._buffer = bytearray() if buffer is None else buffer

    @property
    def buffer(self) -> bytearray:
        """What the messages are appended to."""
        return self._buffer

    def __len__(self) -> int:
        return len(self._buffer)

    def take(self) -> bytes:
        """What is in the buffer, which is then empty."""
        data = bytes(self._buffer)
        self.clear()
        return data

    def clear(self) -> MessageBuilder:
        """Empty the buffer."""
        try:
            self._buffer.clear()
        except BufferError:
            raise _in_use() from None
        return self

    def write_into(self, target: Any, offset: int = 0) -> int:
        """Copy what is in the buffer; where it ends in the target."""
        try:
            view = memoryview(target)
            if view.readonly or not view.c_contiguous:
                raise BufferError
            # Any kind of items: what is written is bytes.
            room, view = view.nbytes, view.cast("B") if view.nbytes else memoryview(bytearray())
        except (BufferError, TypeError, ValueError):
            raise LocalProtocolError("the target must be a writable contiguous buffer") from None
        size = len(self._buffer)
        if offset < 0 or size > room - offset:
            raise LocalProtocolError(f"{size} bytes do not fit at offset {offset} of {room}")
        view[offset : offset + size] = self._buffer
        return offset + size

    def startup(self, parameters: dict[str, str], protocol_version: int = 0x00030000) -> MessageBuilder:
        """StartupMessage."""
        return self._put("StartupMessage", b"", _startup, parameters, protocol_version)

    def ssl_request(self) -> MessageBuilder:
        """SSLRequest."""
        return self._put("SSLRequest", b"", lambda: [UINT32.pack(SSL_REQUEST_CODE)])

    def gssenc_request(self) -> MessageBuilder:
        """GSSENCRequest."""
        return self._put("GSSENCRequest", b"", lambda: [UINT32.pack(GSSENC_REQUEST_CODE)])

    def cancel_request(self, process_id: int, secret_key: Any) -> MessageBuilder:
        """CancelRequest."""
        return self._put("CancelRequest", b"", _cancel, process_id, secret_key)

    def password(self, password: Any) -> MessageBuilder:
        """PasswordMessage."""
        return self._put("PasswordMessage", b"p", _password, password)

    def sasl_initial_response(self, mechanism: str, data: Any = None) -> MessageBuilder:
        """SASLInitialResponse."""
        return self._put("SASLInitialResponse", b"p", lambda: [put_text(mechanism), *_sized(data)])

    def sasl_response(self, data: Any) -> MessageBuilder:
        """SASLResponse."""
        return self._put("SASLResponse", b"p", lambda: [_piece(data)])

    def query(self, query: str) -> MessageBuilder:
        """Query."""
        return self._put("Query", b"Q", lambda: [put_text(query)])

    def parse(self, statement: str, query: str, parameter_types: Sequence[int] = ()) -> MessageBuilder:
        """Parse."""
        return self._put("Parse", b"P", lambda: [put_text(statement), put_text(query), put_uint32s(parameter_types)])

    def bind(
        self,
        portal: str = "",
        statement: str = "",
        parameters: Sequence[Any] = (),
        *,
        parameter_formats: Sequence[int] | None = None,
        result_formats: Sequence[int] = (),
    ) -> MessageBuilder:
        """Bind."""
        return self._put("Bind", b"B", _bind, portal, statement, parameters, parameter_formats, result_formats)

    def bind_rows(self, rows: bytes, before: bytes, after: bytes, behind: bytes) -> MessageBuilder:
        """Bind for each DataRow; see the interface."""
        for given in (rows, before, after, behind):
            if not isinstance(given, bytes):
                raise TypeError(f"expected bytes, not {type(given).__name__}")
        pieces: list[Piece] = []
        place = 0
        while place < len(rows):
            end = place + 1 + UINT32.unpack_from(rows, place + 1)[0] if len(rows) - place >= 5 else 0
            if rows[place] != ord("D") or not place + 7 <= end <= len(rows):
                raise LocalProtocolError("Bind: rows must be whole DataRow messages")
            length = 4 + len(before) + end - place - 5 + len(after)
            if length > MAX_LENGTH:
                raise LocalProtocolError(f"Bind: {too_long()}")
            pieces += (b"B", UINT32.pack(length), before, rows[place + 5 : end], after, behind)
            place = end
        try:
            self._buffer += b"".join(pieces)
        except BufferError:
            raise LocalProtocolError(f"Bind: {_in_use()}") from None
        return self

    def describe_statement(self, name: str = "") -> MessageBuilder:
        """Describe a prepared statement."""
        return self._put("Describe", b"D", lambda: [b"S", put_text(name)])

    def describe_portal(self, name: str = "") -> MessageBuilder:
        """Describe a portal."""
        return self._put("Describe", b"D", lambda: [b"P", put_text(name)])

    def execute(self, portal: str = "", max_rows: int = 0) -> MessageBuilder:
        """Execute."""
        return self._put("Execute", b"E", lambda: [put_text(portal), put_int32(max_rows)])

    def close_statement(self, name: str = "") -> MessageBuilder:
        """Close a prepared statement."""
        return self._put("Close", b"C", lambda: [b"S", put_text(name)])

    def close_portal(self, name: str = "") -> MessageBuilder:
        """Close a portal."""
        return self._put("Close", b"C", lambda: [b"P", put_text(name)])

    def function_call(
        self,
        function_oid: int,
        arguments: Sequence[Any] = (),
        *,
        argument_formats: Sequence[int] | None = None,
        result_format: int = 0,
    ) -> MessageBuilder:
        """FunctionCall."""
        return self._put(
            "FunctionCall",
            b"F",
            lambda: [
                put_uint32(function_oid),
                *_values(arguments, argument_formats),
                put_int16(_format(result_format)),
            ],
        )

    def copy_data(self, data: Any) -> MessageBuilder:
        """CopyData."""
        return self._put("CopyData", b"d", lambda: [_piece(data)])

    def copy_done(self) -> MessageBuilder:
        """CopyDone."""
        return self._put("CopyDone", b"c", list)

    def copy_fail(self, message: str) -> MessageBuilder:
        """CopyFail."""
        return self._put("CopyFail", b"f", lambda: [put_text(message)])

    def flush(self) -> MessageBuilder:
        """Flush."""
        return self._put("Flush", b"H", list)

    def sync(self) -> MessageBuilder:
        """Sync."""
        return self._put("Sync", b"S", list)

    def terminate(self) -> MessageBuilder:
        """Terminate."""
        return self._put("Terminate", b"X", list)

    def _put(self, name: str, tag: bytes, body: Callable[..., list[Piece]], *arguments: object) -> MessageBuilder:
        try:
            pieces = body(*arguments)
            length = 4 + sum(map(_size, pieces))
            if length > MAX_LENGTH:
                raise too_long()
        except LocalProtocolError as error:
            reason = str(error)
        else:
            head = tag + UINT32.pack(length)
            try:
                if length <= JOINED:
                    self._buffer += b"".join((head, *pieces))
                else:
                    self._append((head, *pieces))
                return self
            except BufferError:
                reason = str(_in_use())
        raise LocalProtocolError(f"{name}: {reason}")

    def _append(self, pieces: tuple[Piece, ...]) -> None:
        """Append all or nothing."""
        before = len(self._buffer)
        try:
            for piece in pieces:
                self._buffer += piece
        except MemoryError:
            del self._buffer[before:]
            raise


def _in_use() -> LocalProtocolError:
    return LocalProtocolError("the buffer is in use elsewhere")


def _piece(value: object) -> Piece:
    """The bytes of one value: a text, sent as UTF-8, or whatever offers a contiguous buffer, which is not copied."""
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        try:
            return value.encode()
        except UnicodeEncodeError:
            raise LocalProtocolError("a text cannot be encoded as UTF-8") from None
    try:
        view = memoryview(value)  # type: ignore[arg-type]
        if not view.c_contiguous:
            raise BufferError
    except TypeError:
        raise LocalProtocolError(f"expected str or a buffer, not {type(value).__name__}") from None
    except (BufferError, ValueError):
        raise LocalProtocolError("a buffer is not contiguous") from None
    return view


def _size(piece: Piece) -> int:
    return piece.nbytes if isinstance(piece, memoryview) else len(piece)


def _sized(value: object) -> tuple[Piece, ...]:
    """A value with its length in front; None is NULL, length -1."""
    if value is None:
        return (b"\xff\xff\xff\xff",)
    piece = _piece(value)
    if _size(piece) > MAX_LENGTH:
        raise too_long()
    return UINT32.pack(_size(piece)), piece


def _values(values: object, given: object) -> list[Piece]:
    """Format codes, the count of values, the values."""
    count, objects = put_count(values)
    pieces = [piece for value in objects for piece in _sized(value)]
    if given is None:
        formats = [int(not isinstance(value, str)) for value in objects]
    else:
        formats = _formats(given)
        if len(formats) < 2:
            formats = (formats or [0]) * len(objects)
        elif len(formats) != len(objects):
            raise LocalProtocolError(f"{len(formats)} format codes for {len(objects)} values")
    known = {format for format, value in zip(formats, objects, strict=True) if value is not None}
    if len(known) == 2:
        # NULL goes with any format.
        formats = [0 if value is None else format for format, value in zip(formats, objects, strict=True)]
    return [_collapsed(formats, known), count, *pieces]


def _formats(codes: object) -> list[int]:
    return [_format(code) for code in put_count(codes)[1]]


def _format(code: object) -> int:
    number = int.from_bytes(put_int16(code), "big")
    if number > 1:
        raise LocalProtocolError("a format code must be 0 or 1")
    return number


def _collapsed(formats: list[int], known: set[int]) -> bytes:
    """The shortest form of the format codes, ``known`` being those that matter."""
    if len(known) == 2:
        return UINT16.pack(len(formats)) + b"".join(map(UINT16.pack, formats))
    return b"\0\1\0\1" if 1 in known else b"\0\0"


def _bind(portal: object, statement: object, parameters: object, given: object, result_formats: object) -> list[Piece]:
    names = put_text(portal) + put_text(statement)
    pieces, formats = _values(parameters, given), _formats(result_formats)
    return [names, *pieces, _collapsed(formats, set(formats))]


def _startup(parameters: object, protocol_version: object) -> list[Piece]:
    pieces: list[Piece] = [put_uint32(protocol_version)]
    for name, value in put_pairs(parameters):
        raw = put_text(name)
        if len(raw) == 1:
            raise LocalProtocolError("a parameter has no name")
        pieces += (raw, put_text(value))
    return [*pieces, b"\0"]


def _cancel(process_id: object, secret_key: object) -> list[Piece]:
    head, key = put_int32(process_id), _piece(secret_key)
    if not 4 <= _size(key) <= 256:
        raise LocalProtocolError("the secret key must have 4 to 256 bytes")
    return [UINT32.pack(CANCEL_REQUEST_CODE), head, key]


def _password(password: object) -> list[Piece]:
    raw = bytes(_piece(password))
    if 0 in raw:
        raise LocalProtocolError("a text holds a NUL")
    return [raw, b"\0"]
