"""Message objects from the bodies a backend sends (Protocol 55.7).

A body is decoded exactly: nothing missing, nothing left over.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, Final

from .... import messages as m
from ..wire import INT32, UINT16, UINT32, Reader, malformed
from .decode import Decoder, without_body

NEGATIVE_LENGTH: Final = "the length {} of a value is negative"


def backend_decoder(tag: int, body: bytes) -> Decoder:
    """Class name and decoder for a tag that :data:`BACKEND_DECODERS` knows."""
    if tag == _AUTHENTICATION and len(body) >= 4:
        return _AUTHENTICATION_DECODERS.get(UINT32.unpack_from(body)[0], BACKEND_DECODERS[_AUTHENTICATION])
    return BACKEND_DECODERS[tag]


def _unknown_authentication(body: bytes) -> object:
    raise malformed(f"authentication request {Reader(body).uint32()} is not known", 0)


def _md5(reader: Reader) -> m.AuthenticationMD5Password:
    return m.AuthenticationMD5Password(reader.take(4))


def _sasl(reader: Reader) -> m.AuthenticationSASL:
    mechanisms = []
    while name := reader.text():
        mechanisms.append(name)
    return m.AuthenticationSASL(tuple(mechanisms))


def _key_data(reader: Reader) -> m.BackendKeyData:
    process_id = reader.int32()
    start, key = reader.position, reader.rest()
    if not 4 <= len(key) <= 256:
        raise malformed(f"the secret key has {len(key)} bytes, not 4 to 256", start)
    return m.BackendKeyData(process_id, key)


def _negotiate(reader: Reader) -> m.NegotiateProtocolVersion:
    version = reader.uint32()
    return m.NegotiateProtocolVersion(version, tuple([reader.text() for _ in range(reader.uint32())]))


def _row_description(reader: Reader) -> m.RowDescription:
    return m.RowDescription(tuple([_field(reader) for _ in range(reader.uint16())]))


def _field(reader: Reader) -> m.FieldDescription:
    return m.FieldDescription(
        reader.text(),
        reader.uint32(),
        reader.int16(),
        reader.uint32(),
        reader.int16(),
        reader.int32(),
        reader.int16(),
    )


def _data_row(body: bytes) -> m.DataRow:
    """The message there are most of: read at full speed, and again with care where that does not come out even."""
    try:
        values: list[bytes | None] = []
        position = 2
        for _ in range(UINT16.unpack_from(body)[0]):
            (size,) = INT32.unpack_from(body, position)
            position += 4
            if size >= 0:
                end = position + size
                values.append(body[position:end])
                position = end
            elif size == -1:
                values.append(None)
            else:
                break
        else:
            if position == len(body):
                return m.DataRow(tuple(values))
    except struct.error:
        pass
    reader = Reader(body)
    careful = tuple([reader.value(NEGATIVE_LENGTH) for _ in range(reader.uint16())])
    reader.end()
    return m.DataRow(careful)


def _ready(reader: Reader) -> m.ReadyForQuery:
    status = reader.byte()
    if status not in b"ITE":
        raise malformed(f"the transaction status {status} is none of the letters ITE", 0)
    return m.ReadyForQuery(chr(status))


def _fields(reader: Reader) -> dict[str, str]:
    fields: dict[str, str] = {}
    while True:
        start = reader.position
        code = reader.byte()
        if not code:
            return fields
        if code > 127:
            raise malformed(f"the field code {code} is not ASCII", start)
        fields[chr(code)] = reader.lossy_text()


def _copy_response(cls: Callable[[int, tuple[int, ...]], Any]) -> Callable[[Reader], Any]:
    def read(reader: Reader) -> Any:
        format = reader.byte()
        if format > 1:
            raise malformed(f"the COPY format {format} is neither 0 nor 1", 0)
        return cls(format, reader.int16s())

    return read


def _whole(read: Callable[[Reader], Any], skip: int = 0) -> Callable[[bytes], Any]:
    """Decoder of a body that ``read`` reads to its end, from behind the first ``skip`` bytes."""

    def decode(body: bytes) -> Any:
        reader = Reader(body)
        reader.position = skip
        message = read(reader)
        reader.end()
        return message

    return decode


_AUTHENTICATION: Final = ord("R")

BACKEND_DECODERS: Final[dict[int, Decoder]] = {
    _AUTHENTICATION: ("Authentication", _unknown_authentication),
    ord("K"): ("BackendKeyData", _whole(_key_data)),
    ord("v"): ("NegotiateProtocolVersion", _whole(_negotiate)),
    ord("T"): ("RowDescription", _whole(_row_description)),
    ord("D"): ("DataRow", _data_row),
    ord("C"): ("CommandComplete", _whole(lambda reader: m.CommandComplete(reader.text()))),
    ord("I"): ("EmptyQueryResponse", without_body(m.EmptyQueryResponse)),
    ord("1"): ("ParseComplete", without_body(m.ParseComplete)),
    ord("2"): ("BindComplete", without_body(m.BindComplete)),
    ord("3"): ("CloseComplete", without_body(m.CloseComplete)),
    ord("n"): ("NoData", without_body(m.NoData)),
    ord("s"): ("PortalSuspended", without_body(m.PortalSuspended)),
    ord("t"): ("ParameterDescription", _whole(lambda reader: m.ParameterDescription(reader.uint32s()))),
    ord("S"): ("ParameterStatus", _whole(lambda reader: m.ParameterStatus(reader.text(), reader.text()))),
    ord("Z"): ("ReadyForQuery", _whole(_ready)),
    ord("E"): ("ErrorResponse", _whole(lambda reader: m.ErrorResponse(_fields(reader)))),
    ord("N"): ("NoticeResponse", _whole(lambda reader: m.NoticeResponse(_fields(reader)))),
    ord("A"): (
        "NotificationResponse",
        _whole(lambda reader: m.NotificationResponse(reader.int32(), reader.text(), reader.text())),
    ),
    ord("V"): ("FunctionCallResponse", _whole(lambda reader: m.FunctionCallResponse(reader.value(NEGATIVE_LENGTH)))),
    ord("G"): ("CopyInResponse", _whole(_copy_response(m.CopyInResponse))),
    ord("H"): ("CopyOutResponse", _whole(_copy_response(m.CopyOutResponse))),
    ord("W"): ("CopyBothResponse", _whole(_copy_response(m.CopyBothResponse))),
    ord("d"): ("CopyData", m.CopyData),
    ord("c"): ("CopyDone", without_body(m.CopyDone)),
}
"""By tag; which authentication message it is stands in the body."""

_AUTHENTICATION_DECODERS: Final[dict[int, Decoder]] = {
    0: ("AuthenticationOk", _whole(lambda _: m.AuthenticationOk(), 4)),
    2: ("AuthenticationKerberosV5", _whole(lambda _: m.AuthenticationKerberosV5(), 4)),
    3: ("AuthenticationCleartextPassword", _whole(lambda _: m.AuthenticationCleartextPassword(), 4)),
    5: ("AuthenticationMD5Password", _whole(_md5, 4)),
    7: ("AuthenticationGSS", _whole(lambda _: m.AuthenticationGSS(), 4)),
    8: ("AuthenticationGSSContinue", _whole(lambda reader: m.AuthenticationGSSContinue(reader.rest()), 4)),
    9: ("AuthenticationSSPI", _whole(lambda _: m.AuthenticationSSPI(), 4)),
    10: ("AuthenticationSASL", _whole(_sasl, 4)),
    11: ("AuthenticationSASLContinue", _whole(lambda reader: m.AuthenticationSASLContinue(reader.rest()), 4)),
    12: ("AuthenticationSASLFinal", _whole(lambda reader: m.AuthenticationSASLFinal(reader.rest()), 4)),
}
