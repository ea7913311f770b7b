"""Message objects from the bodies a frontend sends (Protocol 55.7).

A body is decoded exactly: nothing missing, nothing left over. Fields are checked in the order PostgreSQL reads them, so that a message
with several faults gets the same error.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from ....errors import RemoteProtocolError
from ....messages import (
    Bind,
    CancelRequest,
    Close,
    CopyData,
    CopyDone,
    CopyFail,
    Describe,
    Execute,
    Flush,
    FunctionCall,
    GSSENCRequest,
    GSSResponse,
    Parse,
    PasswordMessage,
    Query,
    SASLInitialResponse,
    SASLResponse,
    SSLRequest,
    StartupMessage,
    Sync,
    Terminate,
)
from ..wire import UINT32, Reader, decode_text, malformed

CANCEL_REQUEST_CODE: Final = 80877102
SSL_REQUEST_CODE: Final = 80877103
GSSENC_REQUEST_CODE: Final = 80877104

STARTUP_NAMES: Final = {
    CANCEL_REQUEST_CODE: "CancelRequest",
    SSL_REQUEST_CODE: "SSLRequest",
    GSSENC_REQUEST_CODE: "GSSENCRequest",
}
"""Request code → class; any other code is the version of a StartupMessage."""


def decode_startup(packet: bytes) -> StartupMessage | SSLRequest | GSSENCRequest | CancelRequest:
    """An untagged packet, without its length field; at least 4 bytes.

    Raises:
        RemoteProtocolError: always fatal, for there is no way to go on.
    """
    (code,) = UINT32.unpack_from(packet)
    try:
        return _untagged(code, packet)
    except RemoteProtocolError as error:
        located = located_error(error, STARTUP_NAMES.get(code, "StartupMessage"), 4)
    located.fatal = True
    raise located


def located_error(error: RemoteProtocolError, name: str, header: int) -> RemoteProtocolError:
    """The same error with the name of its message, and its offset counted from the first byte of the message's header."""
    error.message_name = name
    error.offset = header + (error.offset or 0)
    return error.with_traceback(None)


def _untagged(code: int, packet: bytes) -> StartupMessage | SSLRequest | GSSENCRequest | CancelRequest:
    if code in {SSL_REQUEST_CODE, GSSENC_REQUEST_CODE}:
        if len(packet) != 4:
            raise malformed("invalid length of startup packet", -4)
        return SSLRequest() if code == SSL_REQUEST_CODE else GSSENCRequest()
    if code == CANCEL_REQUEST_CODE:
        if not 12 <= len(packet) <= 264:
            raise malformed("invalid length of startup packet", -4)
        reader = Reader(packet[4:])
        return CancelRequest(reader.int32(), reader.rest())
    try:
        return StartupMessage(code, _startup_parameters(packet))
    except RemoteProtocolError:
        if code >> 16 == 3:
            raise
        return StartupMessage(code, {})  # only version 3 is known to look like this; the owner answers the others


def _startup_parameters(packet: bytes) -> dict[str, str]:
    """Name and value pairs behind the version, ended by an empty name that is the packet's last byte."""
    terminator = len(packet) - 1
    parameters: dict[str, str] = {}
    position = 4
    while position < terminator and packet[position]:
        name_end = packet.find(0, position)
        value_end = packet.find(0, name_end + 1) if name_end >= 0 else -1
        if value_end < 0:
            break
        name = decode_text(packet[position:name_end], position)
        parameters[name] = decode_text(packet[name_end + 1 : value_end], name_end + 1)
        position = value_end + 1
    if position != terminator or packet[position]:
        raise malformed("invalid startup packet layout: expected terminator as last byte", position)
    return parameters


def _query(body: bytes) -> Query:
    reader = Reader(body)
    message = Query(reader.text())
    reader.end()
    return message


def _parse(body: bytes) -> Parse:
    reader = Reader(body)
    message = Parse(reader.text(), reader.text(), reader.uint32s())
    reader.end()
    return message


def _bind(body: bytes) -> Bind:
    reader = Reader(body)
    portal, statement = reader.text(), reader.text()
    formats = reader.int16s()
    parameters = tuple([reader.value() for _ in range(reader.uint16())])
    message = Bind(portal, statement, formats, parameters, reader.int16s())
    reader.end()
    return message


def _describe(body: bytes) -> Describe:
    return Describe(*_kind_and_name(body, "DESCRIBE"))


def _close(body: bytes) -> Close:
    return Close(*_kind_and_name(body, "CLOSE"))


def _kind_and_name(body: bytes, command: str) -> tuple[str, str]:
    reader = Reader(body)
    kind, name = reader.byte(), reader.text()
    reader.end()
    if kind not in b"SP":
        raise malformed(f"invalid {command} message subtype {kind}", 0)
    return chr(kind), name


def _execute(body: bytes) -> Execute:
    reader = Reader(body)
    message = Execute(reader.text(), reader.int32())
    reader.end()
    return message


def _function_call(body: bytes) -> FunctionCall:
    reader = Reader(body)
    oid, formats = reader.uint32(), reader.int16s()
    arguments = tuple([reader.value(_INVALID_ARGUMENT) for _ in range(reader.uint16())])
    message = FunctionCall(oid, formats, arguments, reader.int16())
    reader.end()
    return message


_INVALID_ARGUMENT: Final = "invalid argument size {} in function call message"


def _copy_fail(body: bytes) -> CopyFail:
    reader = Reader(body)
    message = CopyFail(reader.text())
    reader.end()
    return message


def without_body(cls: type[Any]) -> Callable[[bytes], Any]:
    """Decoder of a message without fields."""

    def decode(body: bytes) -> Any:
        Reader(body).end()
        return cls()

    return decode


def _password(body: bytes) -> PasswordMessage:
    if body.find(0) != len(body) - 1 or not body:
        raise malformed("invalid password packet size", 0)
    return PasswordMessage(body[:-1])


def _sasl_initial(body: bytes) -> SASLInitialResponse:
    reader = Reader(body)
    message = SASLInitialResponse(reader.text(), reader.value())
    reader.end()
    return message


Decoder = tuple[str, Callable[[bytes], Any]]
"""Name of a message's class, and what makes the message of its body."""

DECODERS: Final[dict[int, Decoder]] = {
    ord("Q"): ("Query", _query),
    ord("P"): ("Parse", _parse),
    ord("B"): ("Bind", _bind),
    ord("D"): ("Describe", _describe),
    ord("E"): ("Execute", _execute),
    ord("C"): ("Close", _close),
    ord("H"): ("Flush", without_body(Flush)),
    ord("S"): ("Sync", without_body(Sync)),
    ord("X"): ("Terminate", without_body(Terminate)),
    ord("F"): ("FunctionCall", _function_call),
    ord("d"): ("CopyData", CopyData),
    ord("c"): ("CopyDone", without_body(CopyDone)),
    ord("f"): ("CopyFail", _copy_fail),
}
"""By tag; tag ``p`` is in :data:`PASSWORD_DECODERS`."""

PASSWORD_DECODERS: Final[dict[str, Decoder]] = {
    "password": ("PasswordMessage", _password),
    "sasl_initial": ("SASLInitialResponse", _sasl_initial),
    "sasl_response": ("SASLResponse", SASLResponse),
    "gss": ("GSSResponse", GSSResponse),
}
"""What tag ``p`` is, by ``password_kind``."""
