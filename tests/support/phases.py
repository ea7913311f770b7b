"""Every phase of a connection and every step of an answer, with a conversation that leads there; and one message of each kind."""

from __future__ import annotations

from pgwire_py import messages as m
from pgwire_py.state import Kind, Phase, Step, kind_of
from pgwire_py.testing import ConnectionPair

ERROR = m.ErrorResponse({"S": "ERROR", "V": "ERROR", "C": "42601", "M": "no"})
FATAL_ERROR = m.ErrorResponse({"S": "FATAL", "V": "FATAL", "C": "57P01", "M": "bye"})
COLUMN = m.FieldDescription("n", 0, 0, 23, 4, -1, 0)

FRONTEND_SAMPLES: dict[Kind, object] = {
    kind_of(message): message
    for message in (
        m.StartupMessage(parameters={"user": "me"}),
        m.SSLRequest(),
        m.GSSENCRequest(),
        m.CancelRequest(1, b"\0\0\0\1"),
        m.PasswordMessage(b"secret"),
        m.SASLInitialResponse("SCRAM-SHA-256", b"n,,n=,r=x"),
        m.SASLResponse(b"c=biws"),
        m.GSSResponse(b"token"),
        m.Query("select 1"),
        m.FunctionCall(89, (), (), 0),
        m.Parse("s", "select 1"),
        m.Bind("", "s"),
        m.Describe("S", "s"),
        m.Describe("P", ""),
        m.Execute(),
        m.Close("S", "s"),
        m.Flush(),
        m.Sync(),
        m.CopyData(b"1\n"),
        m.CopyDone(),
        m.CopyFail("no"),
        m.Terminate(),
    )
}

BACKEND_SAMPLES: dict[Kind, object] = {
    kind_of(message): message
    for message in (
        m.EncryptionResponse("S"),
        m.EncryptionResponse("G"),
        m.EncryptionResponse("N"),
        m.NegotiateProtocolVersion(0x00030000, ()),
        m.AuthenticationOk(),
        m.AuthenticationKerberosV5(),
        m.AuthenticationCleartextPassword(),
        m.AuthenticationMD5Password(b"salt"),
        m.AuthenticationGSS(),
        m.AuthenticationGSSContinue(b"token"),
        m.AuthenticationSSPI(),
        m.AuthenticationSASL(("SCRAM-SHA-256",)),
        m.AuthenticationSASLContinue(b"r=xy"),
        m.AuthenticationSASLFinal(b"v=x"),
        m.BackendKeyData(1, b"\0\0\0\1"),
        m.ParameterStatus("TimeZone", "UTC"),
        m.NoticeResponse({"S": "NOTICE", "V": "NOTICE", "C": "00000", "M": "well"}),
        m.NotificationResponse(1, "channel", "payload"),
        m.ReadyForQuery("I"),
        ERROR,
        FATAL_ERROR,
        m.RowDescription((COLUMN,)),
        m.DataRow((b"1",)),
        m.CommandComplete("SELECT 1"),
        m.EmptyQueryResponse(),
        m.ParseComplete(),
        m.BindComplete(),
        m.CloseComplete(),
        m.ParameterDescription((23,)),
        m.NoData(),
        m.PortalSuspended(),
        m.CopyInResponse(0, (0,)),
        m.CopyOutResponse(0, (0,)),
        m.CopyBothResponse(0, ()),
        m.CopyData(b"1\n"),
        m.CopyDone(),
        m.FunctionCallResponse(b"1"),
    )
}

F = FRONTEND_SAMPLES
B = BACKEND_SAMPLES
Script = tuple[object, ...]
"""What is said in turn; who says it follows from the message, and for CopyData and CopyDone from ``by_backend``."""


class by_backend(tuple[object]):
    """Marks a COPY message that the backend sends."""

    __slots__ = ()


_LOGIN: Script = (F[m.StartupMessage],)
_AUTHENTICATED: Script = (*_LOGIN, B[m.AuthenticationOk])
_IDLE: Script = (*_AUTHENTICATED, B[m.ReadyForQuery])
_QUERY: Script = (*_IDLE, F[m.Query])
_EXECUTE: Script = (*_IDLE, F[m.Execute])

PLACES: dict[str, tuple[Phase, Step, Script]] = {
    "nothing": (Phase.STARTUP, Step.DONE, ()),
    "SSLRequest": (Phase.SSL_REQUESTED, Step.DONE, (F[m.SSLRequest],)),
    "SSLRequest refused": (Phase.STARTUP, Step.DONE, (F[m.SSLRequest], B[m.EncryptionResponse, "N"])),
    "TLS": (Phase.ENCRYPTED, Step.DONE, (F[m.SSLRequest], B[m.EncryptionResponse, "S"])),
    "GSSENCRequest": (Phase.GSSENC_REQUESTED, Step.DONE, (F[m.GSSENCRequest],)),
    "GSS encryption": (Phase.ENCRYPTED, Step.DONE, (F[m.GSSENCRequest], B[m.EncryptionResponse, "G"])),
    "StartupMessage": (Phase.AUTHENTICATION, Step.DONE, _LOGIN),
    "password asked": (Phase.PASSWORD, Step.DONE, (*_LOGIN, B[m.AuthenticationCleartextPassword])),
    "MD5 asked": (Phase.PASSWORD, Step.DONE, (*_LOGIN, B[m.AuthenticationMD5Password])),
    "SASL asked": (Phase.SASL_INITIAL, Step.DONE, (*_LOGIN, B[m.AuthenticationSASL])),
    "SASL challenge": (
        Phase.SASL_RESPONSE,
        Step.DONE,
        (*_LOGIN, B[m.AuthenticationSASL], F[m.SASLInitialResponse], B[m.AuthenticationSASLContinue]),
    ),
    "SASL chosen": (
        Phase.SASL,
        Step.DONE,
        (*_LOGIN, B[m.AuthenticationSASL], F[m.SASLInitialResponse]),
    ),
    "SASL done": (
        Phase.AUTHENTICATION,
        Step.DONE,
        (*_LOGIN, B[m.AuthenticationSASL], F[m.SASLInitialResponse], B[m.AuthenticationSASLFinal]),
    ),
    "GSS asked": (Phase.GSS_RESPONSE, Step.DONE, (*_LOGIN, B[m.AuthenticationGSS])),
    "GSS token": (Phase.GSS, Step.DONE, (*_LOGIN, B[m.AuthenticationSSPI], F[m.GSSResponse])),
    "GSS goes on": (
        Phase.GSS_RESPONSE,
        Step.DONE,
        (*_LOGIN, B[m.AuthenticationGSS], F[m.GSSResponse], B[m.AuthenticationGSSContinue]),
    ),
    "AuthenticationOk": (Phase.STARTING, Step.DONE, _AUTHENTICATED),
    "idle": (Phase.IDLE, Step.DONE, _IDLE),
    "Query": (Phase.SIMPLE, Step.QUERY, _QUERY),
    "Query, rows": (Phase.SIMPLE, Step.ROWS, (*_QUERY, B[m.RowDescription])),
    "Query, a statement": (Phase.SIMPLE, Step.NEXT, (*_QUERY, B[m.CommandComplete])),
    "Query, empty": (Phase.SIMPLE, Step.EMPTY, (*_QUERY, B[m.EmptyQueryResponse])),
    "Query, failed": (Phase.SIMPLE, Step.FAILED, (*_QUERY, ERROR)),
    "COPY IN": (Phase.COPY_IN, Step.COPY, (*_QUERY, B[m.CopyInResponse])),
    "COPY IN done": (Phase.SIMPLE, Step.COPY, (*_QUERY, B[m.CopyInResponse], F[m.CopyDone])),
    "COPY IN failed": (Phase.SIMPLE, Step.COPY, (*_QUERY, B[m.CopyInResponse], F[m.CopyFail])),
    "COPY OUT": (Phase.COPY_OUT, Step.COPY, (*_QUERY, B[m.CopyOutResponse])),
    "COPY BOTH": (Phase.COPY_BOTH, Step.COPY, (*_QUERY, B[m.CopyBothResponse])),
    "COPY BOTH, backend done": (
        Phase.COPY_BOTH_IN,
        Step.COPY,
        (*_QUERY, B[m.CopyBothResponse], by_backend((B[m.CopyDone],))),
    ),
    "COPY BOTH, frontend done": (Phase.COPY_OUT, Step.COPY, (*_QUERY, B[m.CopyBothResponse], F[m.CopyDone])),
    "FunctionCall": (Phase.FUNCTION_CALL, Step.FUNCTION_CALL, (*_IDLE, F[m.FunctionCall])),
    "FunctionCall, result": (
        Phase.FUNCTION_CALL,
        Step.COMMIT,
        (*_IDLE, F[m.FunctionCall], B[m.FunctionCallResponse]),
    ),
    "Parse": (Phase.EXTENDED, Step.PARSE, (*_IDLE, F[m.Parse])),
    "Parse, done": (Phase.EXTENDED, Step.DONE, (*_IDLE, F[m.Parse], B[m.ParseComplete])),
    "Flush": (Phase.EXTENDED, Step.DONE, (*_IDLE, F[m.Flush])),
    "Bind": (Phase.EXTENDED, Step.BIND, (*_IDLE, F[m.Bind])),
    "Close": (Phase.EXTENDED, Step.CLOSE, (*_IDLE, F[m.Close])),
    "Describe statement": (Phase.EXTENDED, Step.DESCRIBE, (*_IDLE, F[m.Describe, "S"])),
    "Describe statement, parameters": (
        Phase.EXTENDED,
        Step.SHAPE,
        (*_IDLE, F[m.Describe, "S"], B[m.ParameterDescription]),
    ),
    "Describe portal": (Phase.EXTENDED, Step.SHAPE, (*_IDLE, F[m.Describe, "P"])),
    "Execute": (Phase.EXTENDED, Step.EXECUTE, _EXECUTE),
    "Execute, rows": (Phase.EXTENDED, Step.EXECUTE_ROWS, (*_EXECUTE, B[m.DataRow])),
    "Execute, COPY IN": (Phase.EXTENDED_COPY_IN, Step.EXECUTE_COPY, (*_EXECUTE, B[m.CopyInResponse])),
    "Execute, COPY IN done": (Phase.EXTENDED, Step.EXECUTE_COPY, (*_EXECUTE, B[m.CopyInResponse], F[m.CopyDone])),
    "Execute, COPY OUT": (Phase.EXTENDED_COPY_OUT, Step.EXECUTE_COPY, (*_EXECUTE, B[m.CopyOutResponse])),
    "batch failed": (Phase.SKIPPING, Step.DONE, (*_IDLE, F[m.Parse], ERROR)),
    "Sync": (Phase.SYNC, Step.COMMIT, (*_IDLE, F[m.Sync])),
    "Sync, failed": (Phase.SYNC, Step.FAILED, (*_IDLE, F[m.Sync], ERROR)),
    "CancelRequest": (Phase.CLOSED, Step.DONE, (F[m.CancelRequest],)),
}
"""Name → phase and step → what leads there."""


def reach(place: str) -> ConnectionPair:
    """A pair whose ends have both said and received what leads to the place; every message on the way is checked."""
    phase, _, script = PLACES[place]
    pair = ConnectionPair()
    for said in script:
        if isinstance(said, by_backend) or kind_of(said) not in FRONTEND_SAMPLES:
            message = said[0] if isinstance(said, by_backend) else said
            pair.backend.send(message)
            assert pair.frontend_receives() == [message]
        else:
            pair.frontend.send(said)
            assert pair.backend_receives() == [said]
    assert (pair.frontend.phase, pair.backend.phase) == (phase, phase)
    return pair
