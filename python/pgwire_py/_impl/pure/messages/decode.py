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
from ..wire import UINT32, Reader, decode_text

CANCEL_REQUEST_CODE: Final = 80877102
SSL_REQUEST_CODE: Final = 80877103
GSSENC_REQUEST_CODE: Final = 80877104


def decode_startup(packet: bytes) -> StartupMessage | SSLRequest | GSSENCRequest | CancelRequest:
    """An untagged packet, without its length field; at least 4 bytes.

    Raises:
        RemoteProtocolError: always fatal, for there is no way to go on.
    """
    (code,) = UINT32.unpack_from(packet)
    if code in {SSL_REQUEST_CODE, GSSENC_REQUEST_CODE}:
        if len(packet) != 4:
            raise _invalid_startup_length()
        return SSLRequest() if code == SSL_REQUEST_CODE else GSSENCRequest()
    if code == CANCEL_REQUEST_CODE:
        if not 12 <= len(packet) <= 264:
            raise _invalid_startup_length()
        reader = Reader(packet[4:])
        return CancelRequest(reader.int32(), reader.rest())
    try:
        return StartupMessage(code, _startup_parameters(packet))
    except RemoteProtocolError as error:
        if code >> 16 == 3:
            error.fatal = True
            raise
        return StartupMessage(code, {})


def _invalid_startup_length() -> RemoteProtocolError:
    return RemoteProtocolError("invalid length of startup packet", fatal=True)


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
        name = decode_text(packet[position:name_end])
        parameters[name] = decode_text(packet[name_end + 1 : value_end])
        position = value_end + 1
    if position != terminator or packet[position]:
        raise RemoteProtocolError("invalid startup packet layout: expected terminator as last byte")
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
    parameters = tuple([_parameter(reader) for _ in range(reader.uint16())])
    message = Bind(portal, statement, formats, parameters, reader.int16s())
    reader.end()
    return message


def _parameter(reader: Reader) -> bytes | None:
    size = reader.int32()
    return None if size == -1 else reader.take(size)


def _describe(body: bytes) -> Describe:
    return Describe(*_kind_and_name(body, "DESCRIBE"))


def _close(body: bytes) -> Close:
    return Close(*_kind_and_name(body, "CLOSE"))


def _kind_and_name(body: bytes, command: str) -> tuple[str, str]:
    reader = Reader(body)
    kind, name = reader.byte(), reader.text()
    reader.end()
    if kind not in b"SP":
        raise RemoteProtocolError(f"invalid {command} message subtype {kind}")
    return chr(kind), name


def _execute(body: bytes) -> Execute:
    reader = Reader(body)
    message = Execute(reader.text(), reader.int32())
    reader.end()
    return message


def _function_call(body: bytes) -> FunctionCall:
    reader = Reader(body)
    oid, formats = reader.uint32(), reader.int16s()
    arguments = tuple([_argument(reader) for _ in range(reader.uint16())])
    message = FunctionCall(oid, formats, arguments, reader.int16())
    reader.end()
    return message


def _argument(reader: Reader) -> bytes | None:
    size = reader.int32()
    if size < -1:
        raise RemoteProtocolError(f"invalid argument size {size} in function call message")
    return None if size == -1 else reader.take(size)


def _copy_fail(body: bytes) -> CopyFail:
    reader = Reader(body)
    message = CopyFail(reader.text())
    reader.end()
    return message


def _without_body(cls: type[Any]) -> Callable[[bytes], Any]:
    def decode(body: bytes) -> Any:
        Reader(body).end()
        return cls()

    return decode


def _password(body: bytes) -> PasswordMessage:
    if body.find(0) != len(body) - 1 or not body:
        raise RemoteProtocolError("invalid password packet size")
    return PasswordMessage(body[:-1])


def _sasl_initial(body: bytes) -> SASLInitialResponse:
    reader = Reader(body)
    message = SASLInitialResponse(reader.text(), _parameter(reader))
    reader.end()
    return message


DECODERS: Final[dict[int, Callable[[bytes], Any]]] = {
    ord("Q"): _query,
    ord("P"): _parse,
    ord("B"): _bind,
    ord("D"): _describe,
    ord("E"): _execute,
    ord("C"): _close,
    ord("H"): _without_body(Flush),
    ord("S"): _without_body(Sync),
    ord("X"): _without_body(Terminate),
    ord("F"): _function_call,
    ord("d"): CopyData,
    ord("c"): _without_body(CopyDone),
    ord("f"): _copy_fail,
}
"""Tag → decoder of its body; tag ``p`` is in :data:`PASSWORD_DECODERS`."""

PASSWORD_DECODERS: Final[dict[str, Callable[[bytes], Any]]] = {
    "password": _password,
    "sasl_initial": _sasl_initial,
    "sasl_response": SASLResponse,
}
"""``password_kind`` → decoder of tag ``p``."""
