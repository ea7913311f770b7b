"""Bytes from message objects, frontend's and backend's (Protocol 55.7). Fields are checked and written in wire order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from .... import messages as m
from ....errors import LocalProtocolError
from ..wire import (
    MAX_COUNT,
    MAX_LENGTH,
    UINT32,
    put_bytes,
    put_count,
    put_int16,
    put_int16s,
    put_int32,
    put_pairs,
    put_sequence,
    put_text,
    put_uint32,
    put_uint32s,
    put_value,
    put_values,
    too_long,
)
from .decode import CANCEL_REQUEST_CODE, GSSENC_REQUEST_CODE, SSL_REQUEST_CODE

Body = Callable[[Any], bytes]


def encode_message(message: object) -> bytes:
    """Bytes of any message, tag and length included; see the interface for errors."""
    name = type(message).__name__
    entry = _ENCODERS.get(type(message))
    if entry is None:
        raise LocalProtocolError(f"{name} is not a message")
    tag, encode = entry
    try:
        body = encode(message)
        if len(body) > MAX_LENGTH - 4:
            raise too_long()
    except LocalProtocolError as error:
        reason = str(error)
    else:
        if tag is None:
            return body
        return tag + UINT32.pack(len(body) + 4) + body
    raise LocalProtocolError(f"{name}: {reason}")


def _startup(message: m.StartupMessage) -> bytes:
    pieces = [put_uint32(message.protocol_version)]
    for name, value in put_pairs(message.parameters):
        raw = put_text(name)
        if len(raw) == 1:
            raise LocalProtocolError("a parameter has no name")
        pieces += (raw, put_text(value))
    return b"".join(pieces) + b"\0"


def _key(process_id: object, secret_key: object) -> bytes:
    head, key = put_int32(process_id), put_bytes(secret_key)
    if not 4 <= len(key) <= 256:
        raise LocalProtocolError("the secret key must have 4 to 256 bytes")
    return head + key


def _password(message: m.PasswordMessage) -> bytes:
    password = put_bytes(message.password)
    if 0 in password:
        raise LocalProtocolError("a text holds a NUL")
    return password + b"\0"


def _sasl_initial(message: m.SASLInitialResponse) -> bytes:
    return put_text(message.mechanism) + put_value(message.data)


def _md5(message: m.AuthenticationMD5Password) -> bytes:
    salt = put_bytes(message.salt)
    if len(salt) != 4:
        raise LocalProtocolError("the salt must have 4 bytes")
    return b"\0\0\0\5" + salt


def _sasl(message: m.AuthenticationSASL) -> bytes:
    mechanisms = list(map(put_text, put_sequence(message.mechanisms)))
    if b"\0" in mechanisms:
        raise LocalProtocolError("a mechanism has no name")
    return b"\0\0\0\n" + b"".join(mechanisms) + b"\0"


def _negotiate(message: m.NegotiateProtocolVersion) -> bytes:
    version, options = put_uint32(message.newest_version), put_sequence(message.unknown_options)
    if len(options) > MAX_COUNT:
        raise LocalProtocolError(f"{len(options)} values, at most {MAX_COUNT} fit")
    return version + UINT32.pack(len(options)) + b"".join(map(put_text, options))


def _one_of(value: object, letters: str) -> bytes:
    if not isinstance(value, str) or len(value) != 1 or value not in letters:
        raise LocalProtocolError(f"expected one of the letters {letters}")
    return value.encode()


def _bind(message: m.Bind) -> bytes:
    return (
        put_text(message.portal)
        + put_text(message.statement)
        + put_int16s(message.parameter_formats)
        + put_values(message.parameters)
        + put_int16s(message.result_formats)
    )


def _function_call(message: m.FunctionCall) -> bytes:
    return (
        put_uint32(message.function_oid)
        + put_int16s(message.argument_formats)
        + put_values(message.arguments)
        + put_int16(message.result_format)
    )


def _copy_response(message: m.CopyInResponse | m.CopyOutResponse | m.CopyBothResponse) -> bytes:
    format = put_int16(message.format)
    if message.format not in (0, 1):
        raise LocalProtocolError("the COPY format must be 0 or 1")
    return format[1:] + put_int16s(message.column_formats)


def _row_description(message: m.RowDescription) -> bytes:
    count, fields = put_count(message.fields)
    pieces = [count]
    for field in fields:
        if not isinstance(field, tuple) or len(field) != 7:
            raise LocalProtocolError("a field must be a FieldDescription")
        name, table_oid, column_number, type_oid, type_size, type_modifier, format = field
        pieces += (
            put_text(name),
            put_uint32(table_oid),
            put_int16(column_number),
            put_uint32(type_oid),
            put_int16(type_size),
            put_int32(type_modifier),
            put_int16(format),
        )
    return b"".join(pieces)


def _fields(message: m.ErrorResponse | m.NoticeResponse) -> bytes:
    pieces: list[bytes] = []
    for code, text in put_pairs(message.fields):
        if not (isinstance(code, str) and len(code) == 1 and code.isascii() and code != "\0"):
            raise LocalProtocolError("a field code must be one ASCII character")
        pieces += (code.encode(), put_text(text))
    return b"".join(pieces) + b"\0"


def _empty(message: object) -> bytes:
    return b""


_ENCODERS: Final[dict[type[Any], tuple[bytes | None, Body]]] = {
    # start-up, without a tag
    m.StartupMessage: (b"", _startup),
    m.SSLRequest: (b"", lambda _: UINT32.pack(SSL_REQUEST_CODE)),
    m.GSSENCRequest: (b"", lambda _: UINT32.pack(GSSENC_REQUEST_CODE)),
    m.CancelRequest: (b"", lambda x: UINT32.pack(CANCEL_REQUEST_CODE) + _key(x.process_id, x.secret_key)),
    # frontend
    m.PasswordMessage: (b"p", _password),
    m.SASLInitialResponse: (b"p", _sasl_initial),
    m.SASLResponse: (b"p", lambda x: put_bytes(x.data)),
    m.GSSResponse: (b"p", lambda x: put_bytes(x.data)),
    m.Query: (b"Q", lambda x: put_text(x.query)),
    m.FunctionCall: (b"F", _function_call),
    m.Terminate: (b"X", _empty),
    m.Parse: (b"P", lambda x: put_text(x.statement) + put_text(x.query) + put_uint32s(x.parameter_types)),
    m.Bind: (b"B", _bind),
    m.Describe: (b"D", lambda x: _one_of(x.kind, "SP") + put_text(x.name)),
    m.Execute: (b"E", lambda x: put_text(x.portal) + put_int32(x.max_rows)),
    m.Close: (b"C", lambda x: _one_of(x.kind, "SP") + put_text(x.name)),
    m.Flush: (b"H", _empty),
    m.Sync: (b"S", _empty),
    m.CopyFail: (b"f", lambda x: put_text(x.message)),
    # both
    m.CopyData: (b"d", lambda x: put_bytes(x.data)),
    m.CopyDone: (b"c", _empty),
    # backend
    m.EncryptionResponse: (None, lambda x: _one_of(x.answer, "SGN")),
    m.AuthenticationOk: (b"R", lambda _: b"\0\0\0\0"),
    m.AuthenticationKerberosV5: (b"R", lambda _: b"\0\0\0\2"),
    m.AuthenticationCleartextPassword: (b"R", lambda _: b"\0\0\0\3"),
    m.AuthenticationMD5Password: (b"R", _md5),
    m.AuthenticationGSS: (b"R", lambda _: b"\0\0\0\7"),
    m.AuthenticationGSSContinue: (b"R", lambda x: b"\0\0\0\x08" + put_bytes(x.data)),
    m.AuthenticationSSPI: (b"R", lambda _: b"\0\0\0\t"),
    m.AuthenticationSASL: (b"R", _sasl),
    m.AuthenticationSASLContinue: (b"R", lambda x: b"\0\0\0\x0b" + put_bytes(x.data)),
    m.AuthenticationSASLFinal: (b"R", lambda x: b"\0\0\0\x0c" + put_bytes(x.data)),
    m.BackendKeyData: (b"K", lambda x: _key(x.process_id, x.secret_key)),
    m.NegotiateProtocolVersion: (b"v", _negotiate),
    m.RowDescription: (b"T", _row_description),
    m.DataRow: (b"D", lambda x: put_values(x.values)),
    m.CommandComplete: (b"C", lambda x: put_text(x.command_tag)),
    m.EmptyQueryResponse: (b"I", _empty),
    m.ParseComplete: (b"1", _empty),
    m.BindComplete: (b"2", _empty),
    m.CloseComplete: (b"3", _empty),
    m.FunctionCallResponse: (b"V", lambda x: put_value(x.value)),
    m.CopyInResponse: (b"G", _copy_response),
    m.CopyOutResponse: (b"H", _copy_response),
    m.CopyBothResponse: (b"W", _copy_response),
    m.NoData: (b"n", _empty),
    m.PortalSuspended: (b"s", _empty),
    m.ParameterDescription: (b"t", lambda x: put_uint32s(x.types)),
    m.ParameterStatus: (b"S", lambda x: put_text(x.name) + put_text(x.value)),
    m.ReadyForQuery: (b"Z", lambda x: _one_of(x.status, "ITE")),
    m.ErrorResponse: (b"E", _fields),
    m.NoticeResponse: (b"N", _fields),
    m.NotificationResponse: (b"A", lambda x: put_int32(x.process_id) + put_text(x.channel) + put_text(x.payload)),
}
"""Class → tag, empty where there is only a length and None where there is neither, and encoder of the body."""
