"""Whole conversations between the two ends, joined without sockets: any chunking, both implementations."""

from __future__ import annotations

from typing import Any

import pytest

from pgwire_py import messages as m
from pgwire_py.connection import BackendConnection, ConnectionClosed, DirectTLS, FrontendConnection
from pgwire_py.errors import LocalProtocolError
from pgwire_py.state import Phase
from pgwire_py.testing import ConnectionPair
from tests.support.conversations import (
    COPY_BOTH,
    COPY_IN,
    COPY_OUT,
    DATA,
    DESCRIPTION,
    NOTICE,
    READY,
    ROW,
    SELECT_1,
    ask,
    only_error,
    phases,
    tell,
    tell_requests,
)
from tests.support.phases import ERROR, FATAL_ERROR

# -- start-up --------------------------------------------------------------------------------------------------------


def test_start_up_tells_what_the_backend_is(new: ConnectionPair) -> None:
    startup = m.StartupMessage(0x00030000, {"user": "me", "database": "app"})
    assert ask(new, startup) == [startup]
    statuses = [m.ParameterStatus("TimeZone", "UTC"), m.ParameterStatus("server_version", "15.0")]
    key = m.BackendKeyData(7, b"\1\2\3\4")
    told = [m.AuthenticationOk(), *statuses, key, NOTICE, READY]
    assert tell(new, *told) == told
    frontend = new.frontend
    assert frontend.parameters == {"TimeZone": "UTC", "server_version": "15.0"}
    assert (frontend.backend_key, frontend.transaction_status, frontend.protocol_version) == (key, "I", 0x00030000)
    assert tell(new, m.ParameterStatus("TimeZone", "Europe/Paris")) == [m.ParameterStatus("TimeZone", "Europe/Paris")]
    assert frontend.parameters["TimeZone"] == "Europe/Paris"


@pytest.mark.parametrize(
    ("request_", "reply"),
    [
        (m.AuthenticationCleartextPassword(), m.PasswordMessage(b"secret")),
        (m.AuthenticationMD5Password(b"salt"), m.PasswordMessage(b"md5")),
        (m.AuthenticationGSS(), m.GSSResponse(b"\0token")),
        (m.AuthenticationSSPI(), m.GSSResponse(b"")),
    ],
)
def test_password(new: ConnectionPair, request_: object, reply: object) -> None:
    ask(new, m.StartupMessage())
    assert tell(new, request_) == [request_]
    with pytest.raises(LocalProtocolError):
        new.frontend.send(m.SASLResponse(b""))
    assert ask(new, reply) == [reply]
    with pytest.raises(LocalProtocolError):  # once asked, once answered
        new.frontend.send(reply)
    assert tell(new, m.AuthenticationOk(), READY) == [m.AuthenticationOk(), READY]


def test_sasl(new: ConnectionPair) -> None:
    ask(new, m.StartupMessage())
    for told, said in (
        (m.AuthenticationSASL(("SCRAM-SHA-256-PLUS", "SCRAM-SHA-256")), m.SASLInitialResponse("SCRAM-SHA-256", b"n,,")),
        (m.AuthenticationSASLContinue(b"r=xy"), m.SASLResponse(b"p=z")),
    ):
        assert tell(new, told) == [told]
        assert ask(new, said) == [said]
    final = [m.AuthenticationSASLFinal(b"v=x"), m.AuthenticationOk(), READY]
    assert tell(new, *final) == final
    assert phases(new) == (Phase.IDLE, Phase.IDLE)


def test_gss_goes_on_until_the_backend_is_content(new: ConnectionPair) -> None:
    ask(new, m.StartupMessage())
    tell(new, m.AuthenticationGSS())
    ask(new, m.GSSResponse(b"1"))
    tell(new, m.AuthenticationGSSContinue(b"2"))
    assert ask(new, m.GSSResponse(b"3")) == [m.GSSResponse(b"3")]
    tell(new, m.AuthenticationGSSContinue(b"last"))
    assert tell(new, m.AuthenticationOk()) == [m.AuthenticationOk()]


@pytest.mark.parametrize("refusal", [ERROR, FATAL_ERROR])
def test_refused_start_up(new: ConnectionPair, refusal: m.ErrorResponse) -> None:
    ask(new, m.StartupMessage())
    assert tell(new, refusal) == [refusal]
    assert phases(new) == (Phase.CLOSED, Phase.CLOSED)
    assert new.backend_closes() == [ConnectionClosed()]


def test_error_after_authentication_ends_the_start_up(new: ConnectionPair) -> None:
    ask(new, m.StartupMessage())
    assert tell(new, m.AuthenticationOk(), FATAL_ERROR) == [m.AuthenticationOk(), FATAL_ERROR]
    assert phases(new) == (Phase.CLOSED, Phase.CLOSED)


@pytest.mark.parametrize("newest", [0x00030000, 0])
def test_older_protocol_version(new: ConnectionPair, newest: int) -> None:
    """Both forms: the whole version, and the minor one alone."""
    ask(new, m.StartupMessage(0x00030002, {"user": "me", "_pq_.x": "1"}))
    assert new.frontend.protocol_version == 0x00030002
    negotiate = m.NegotiateProtocolVersion(newest, ("_pq_.x",))
    assert tell(new, negotiate, m.AuthenticationOk()) == [negotiate, m.AuthenticationOk()]
    assert new.frontend.protocol_version == 0x00030000


def test_newer_protocol_version_than_asked_for(new: ConnectionPair) -> None:
    ask(new, m.StartupMessage(0x00030000, {"user": "me"}))
    error = only_error(tell(new, m.NegotiateProtocolVersion(0x00030002, ())))
    assert "it names a newer version than was asked for" in str(error)


@pytest.mark.parametrize("version", [0x00030000, 0x00030002])
def test_length_of_the_key(new: ConnectionPair, version: int) -> None:
    ask(new, m.StartupMessage(version, {"user": "me"}))
    key = m.BackendKeyData(1, bytes(32))
    events = tell(new, m.AuthenticationOk(), key)
    if version == 0x00030002:
        assert new.frontend.backend_key == events[1] == key
    else:
        assert "in protocol 3.0 a key has 4 bytes" in str(only_error(events[1:]))
        assert new.frontend.backend_key is None


# -- encryption ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("asked", "answer"), [(m.SSLRequest(), "S"), (m.GSSENCRequest(), "G")])
def test_encryption(new: ConnectionPair, asked: object, answer: str) -> None:
    assert ask(new, asked) == [asked]
    with pytest.raises(LocalProtocolError):  # nothing in plain text any more
        new.frontend.send(m.StartupMessage())
    assert tell(new, m.EncryptionResponse(answer)) == [m.EncryptionResponse(answer)]
    with pytest.raises(LocalProtocolError):
        new.frontend.send(m.SSLRequest())
    new.start()  # what follows would go through the encrypted channel
    assert phases(new) == (Phase.IDLE, Phase.IDLE)


def test_encryption_refused(new: ConnectionPair) -> None:
    for asked in (m.GSSENCRequest(), m.SSLRequest()):
        assert ask(new, asked) == [asked]
        assert tell(new, m.EncryptionResponse("N")) == [m.EncryptionResponse("N")]
    new.start()
    assert phases(new) == (Phase.IDLE, Phase.IDLE)


@pytest.mark.parametrize("wrong", ["G", "X"])
def test_wrong_answer_about_tls(new: ConnectionPair, wrong: str) -> None:
    ask(new, m.SSLRequest())
    with pytest.raises(LocalProtocolError):
        new.backend.send_encryption_response(wrong.encode())
    new.frontend.receive_data(wrong.encode())
    only_error(list(new.frontend.events()))


def test_error_instead_of_the_answer_about_tls(new: ConnectionPair) -> None:
    ask(new, m.SSLRequest())
    assert tell(new, FATAL_ERROR) == [FATAL_ERROR]
    assert new.frontend.phase is Phase.CLOSED


@pytest.mark.parametrize("pieces", [(b"SE\0\0",), (b"S", b"E"), (b"SS\0\0\0\x08a\0b\0",)])
def test_plain_text_behind_the_answer_about_tls(ends: Any, pieces: tuple[bytes, ...]) -> None:
    frontend = FrontendConnection()
    frontend.send(m.SSLRequest())
    for piece in pieces:
        frontend.receive_data(piece)
    error = only_error(list(frontend.events()))
    assert str(error) == "unexpected message EncryptionResponse in phase ssl_requested with unencrypted data behind it"
    assert frontend.phase is Phase.CLOSED


@pytest.mark.parametrize("later", [False, True])
def test_plain_text_behind_the_request_for_tls(ends: Any, later: bool) -> None:
    backend = BackendConnection()
    startup = ends.encode_message(m.StartupMessage())
    request = ends.encode_message(m.SSLRequest())
    backend.receive_data(request if later else request + startup[:3])
    assert backend.next_event() == m.SSLRequest()
    if later:
        backend.receive_data(startup)
    backend.send_encryption_response(b"S")
    assert backend.data_to_send() == b""
    error = only_error([backend.next_event()])
    assert str(error) == "received unencrypted data after SSLRequest"
    backend.send(FATAL_ERROR)
    assert backend.next_event() is None


def test_direct_tls(ends: Any) -> None:
    hello = b"\x16\x03\x01\x02\x00\x01"
    backend = BackendConnection(direct_tls=True)
    backend.receive_data(b"")
    backend.receive_data(hello)
    assert backend.next_event() == DirectTLS(hello)
    assert backend.phase is Phase.ENCRYPTED
    pair = ConnectionPair(backend=backend, frontend=FrontendConnection(direct_tls=True))
    with pytest.raises(LocalProtocolError):
        pair.frontend.send(m.SSLRequest())
    pair.start()
    assert phases(pair) == (Phase.IDLE, Phase.IDLE)


def test_direct_tls_is_an_error_where_it_is_not_expected(ends: Any) -> None:
    backend = BackendConnection()
    backend.receive_data(b"\x16\x03\x01\x02\x00\x01")
    assert "invalid length of startup packet" in str(only_error([backend.next_event()]))


def test_plain_start_where_direct_tls_is_possible(ends: Any) -> None:
    pair = ConnectionPair(backend=BackendConnection(direct_tls=True))
    pair.start()
    assert phases(pair) == (Phase.IDLE, Phase.IDLE)


def test_cancel(new: ConnectionPair) -> None:
    request = m.CancelRequest(7, b"\1\2\3\4")
    assert ask(new, request) == [request]
    assert phases(new) == (Phase.CLOSED, Phase.CLOSED)
    with pytest.raises(LocalProtocolError):
        new.frontend.send(m.StartupMessage())
    assert new.frontend_closes() == [ConnectionClosed()]
    assert new.backend_closes() == [ConnectionClosed()]


# -- queries ---------------------------------------------------------------------------------------------------------


def test_simple_query(pair: ConnectionPair) -> None:
    query = m.Query("select 1; select 1; set x = 1")
    assert ask(pair, query) == [query]
    told = [DESCRIPTION, ROW, SELECT_1, DESCRIPTION, SELECT_1, NOTICE, m.CommandComplete("SET"), m.ReadyForQuery("T")]
    assert tell_requests(pair, *told) == [(event, None if event is NOTICE else query) for event in told]
    assert (pair.frontend.transaction_status, pair.frontend.requests) == ("T", ())
    assert phases(pair) == (Phase.IDLE, Phase.IDLE)


def test_empty_query_and_failed_query(pair: ConnectionPair) -> None:
    ask(pair, m.Query(""))
    assert tell(pair, m.EmptyQueryResponse(), READY) == [m.EmptyQueryResponse(), READY]
    ask(pair, m.Query("select 1; x"))
    told = [DESCRIPTION, ROW, ERROR, m.ReadyForQuery("E")]
    assert tell(pair, *told) == told
    assert pair.frontend.transaction_status == "E"


def test_queries_ahead_wait(pair: ConnectionPair) -> None:
    first, second = m.Query("select 1"), m.Query("select 1")
    assert ask(pair, first, second) == [first]
    assert pair.frontend.requests == (first, second)
    assert tell_requests(pair, DESCRIPTION, SELECT_1, READY) == [
        (DESCRIPTION, first),
        (SELECT_1, first),
        (READY, first),
    ]
    assert pair.frontend.phase is Phase.SIMPLE
    assert pair.backend_receives() == [second]
    assert [request is second for _, request in tell_requests(pair, ERROR, READY)] == [True, True]


def test_function_call(pair: ConnectionPair) -> None:
    call = m.FunctionCall(89, (), (), 0)
    assert ask(pair, call) == [call]
    assert phases(pair) == (Phase.FUNCTION_CALL, Phase.FUNCTION_CALL)
    told = [m.FunctionCallResponse(b"15"), READY]
    assert tell_requests(pair, *told) == [(event, call) for event in told]
    ask(pair, call)
    assert tell(pair, ERROR, READY) == [ERROR, READY]


BATCH = (m.Parse("", "select 1"), m.Bind(), m.Describe("P", ""), m.Execute(), m.Sync())
ANSWER = (m.ParseComplete(), m.BindComplete(), DESCRIPTION, ROW, SELECT_1, READY)


def test_extended_query(pair: ConnectionPair) -> None:
    for message in BATCH:
        pair.frontend.send(message)
    assert pair.frontend.requests == BATCH
    parse, bind, describe, execute, sync = BATCH
    expected = [parse, bind, describe, execute, execute, sync]
    assert pair.serve(_as_postgres) == list(zip(ANSWER, expected, strict=True))
    assert phases(pair) == (Phase.IDLE, Phase.IDLE)


def test_answers_come_before_the_next_message(pair: ConnectionPair) -> None:
    """Once Sync is taken it is too late for results."""
    assert ask(pair, *BATCH) == list(BATCH)
    for answer in ANSWER[:-1]:
        with pytest.raises(LocalProtocolError):
            pair.backend.send(answer)
    assert tell(pair, ERROR, READY) == [ERROR, READY]
    assert pair.frontend.requests == ()


def test_everything_a_batch_can_be_answered(pair: ConnectionPair) -> None:
    requests = (
        (m.Describe("S", "s"), (m.ParameterDescription((23,)), DESCRIPTION)),
        (m.Describe("S", "s"), (m.ParameterDescription(()), m.NoData())),
        (m.Describe("P", ""), (m.NoData(),)),
        (m.Execute("", 1), (ROW, m.PortalSuspended())),
        (m.Execute("", 1), (m.CommandComplete("SELECT 0"),)),
        (m.Execute(), (m.EmptyQueryResponse(),)),
        (m.Flush(), ()),
        (m.Close("S", "s"), (m.CloseComplete(),)),
        (m.Sync(), (m.ReadyForQuery("T"),)),
    )
    for request, answers in requests:
        assert ask(pair, request) == [request]
        assert tell_requests(pair, *answers) == [(answer, request) for answer in answers]
        assert pair.frontend.requests == ()


def _as_postgres(message: object) -> tuple[object, ...]:
    match message:
        case m.Parse(_, "fails") | m.Bind("fails") | m.Execute("fails") | m.Describe(_, "fails"):
            return (ERROR,)
        case m.Query():
            return (DESCRIPTION, ROW, SELECT_1, READY)
        case m.Parse():
            return (m.ParseComplete(),)
        case m.Bind():
            return (m.BindComplete(),)
        case m.Describe():
            return (DESCRIPTION,)
        case m.Execute():
            return (ROW, SELECT_1)
        case m.Sync():
            return (READY,)
    return ()


@pytest.mark.parametrize("failing", ["parse", "bind", "describe", "execute", "nothing"])
def test_pipeline_with_an_error(pair: ConnectionPair, failing: str) -> None:
    def batch(fails: bool) -> list[object]:
        def name(step: str) -> str:
            return "fails" if fails and step == failing else ""

        messages: list[object] = [m.Parse("", name("parse")), m.Bind(name("bind"))]
        return [
            *messages,
            m.Flush(),
            m.Describe("P", name("describe")),
            m.Execute(name("execute")),
            m.Query("x"),
            m.Sync(),
        ]

    first, second, third = batch(False), batch(True), batch(False)
    for message in (*first, *second, *third):
        pair.frontend.send(message)
    answered = pair.serve(_as_postgres)
    assert pair.frontend.requests == ()
    assert phases(pair) == (Phase.IDLE, Phase.IDLE)
    errors = [request for event, request in answered if event == ERROR]
    assert [any(request is message for message in second) for request in errors] == (
        [] if failing == "nothing" else [True]
    )
    for whole in (first, third):
        told = [event for event, request in answered if any(request is message for message in whole)]
        assert told == [
            m.ParseComplete(), m.BindComplete(), DESCRIPTION, ROW, SELECT_1, DESCRIPTION, ROW, SELECT_1, READY, READY,
        ]  # fmt: skip
    told = [event for event, request in answered if any(request is message for message in second)]
    assert told[-1] == READY
    if failing != "nothing":
        assert told[-2] == ERROR


def test_nothing_but_sync_after_an_error(pair: ConnectionPair) -> None:
    ask(pair, m.Parse("", "fails"))
    assert tell(pair, ERROR) == [ERROR]
    assert phases(pair) == (Phase.SKIPPING, Phase.SKIPPING)
    with pytest.raises(LocalProtocolError, match="cannot send Bind in phase skipping: the backend would drop it"):
        pair.frontend.send(m.Bind())
    assert ask(pair, m.Sync()) == [m.Sync()]
    assert tell(pair, READY) == [READY]


def test_commit_that_fails_at_sync(pair: ConnectionPair) -> None:
    sync = m.Sync()
    ask(pair, sync)
    assert tell_requests(pair, ERROR, READY) == [(ERROR, sync), (READY, sync)]


def test_asynchronous_messages_come_at_any_time(pair: ConnectionPair) -> None:
    told = [NOTICE, m.NotificationResponse(1, "c", "p"), m.ParameterStatus("a", "b")]
    for message in (m.Query("x"), None):
        if message:
            ask(pair, message)
        assert tell_requests(pair, *told) == [(event, None) for event in told]
    tell(pair, COPY_OUT, DATA)
    assert tell(pair, *told) == told


# -- the end ---------------------------------------------------------------------------------------------------------


def test_terminate(pair: ConnectionPair) -> None:
    assert ask(pair, m.Terminate()) == [m.Terminate()]
    with pytest.raises(LocalProtocolError, match="cannot send Query: the connection was ended"):
        pair.frontend.send(m.Query("x"))
    pair.frontend.receive_data(b"N\0\0\0\5\0")  # crossed on the way: nobody listens
    assert pair.backend_closes() == [ConnectionClosed()]
    assert pair.frontend.next_event() is None


def test_terminate_behind_requests_in_flight(pair: ConnectionPair) -> None:
    query = m.Query("select 1")
    assert ask(pair, query, m.Terminate()) == [query]
    assert pair.frontend.phase is Phase.SIMPLE
    with pytest.raises(LocalProtocolError, match="the connection was ended"):
        pair.frontend.send(query)
    assert tell(pair, DESCRIPTION, SELECT_1, READY) == [DESCRIPTION, SELECT_1, READY]
    assert pair.frontend.phase is Phase.CLOSED
    assert pair.backend_receives() == [m.Terminate()]
    assert pair.backend_closes() == [ConnectionClosed()]


@pytest.mark.parametrize("copy", [COPY_IN, COPY_BOTH])
def test_terminate_within_copy(pair: ConnectionPair, copy: object) -> None:
    ask(pair, m.Query("x"))
    tell(pair, copy)
    assert ask(pair, DATA, m.Terminate()) == [DATA, m.Terminate()]
    assert phases(pair) == (Phase.CLOSED, Phase.CLOSED)


def test_fatal_error_ends_the_connection(pair: ConnectionPair) -> None:
    query = m.Query("select 1")
    ask(pair, query)
    assert tell_requests(pair, DESCRIPTION, FATAL_ERROR)[1] == (FATAL_ERROR, query)
    assert pair.frontend.requests == (query,)
    assert phases(pair) == (Phase.CLOSED, Phase.CLOSED)
    with pytest.raises(LocalProtocolError):
        pair.frontend.send(m.Sync())
    assert pair.backend_closes() == [ConnectionClosed()]


def test_fatal_error_while_idle(pair: ConnectionPair) -> None:
    assert tell_requests(pair, FATAL_ERROR) == [(FATAL_ERROR, None)]
    assert pair.backend_closes() == [ConnectionClosed()]


def test_backend_that_closes_without_a_word(pair: ConnectionPair) -> None:
    ask(pair, m.Query("a"), m.Query("b"))
    pair.frontend.receive_data(b"T\0\0")
    error = only_error(pair.backend_closes())
    assert error.sqlstate == "08006"
    assert str(error) == (
        "the backend closed the connection within a message, of which 3 bytes came, in phase simple with 2 requests in flight"
    )
    assert pair.frontend.next_event() is None


def test_frontend_that_closes_without_a_word(pair: ConnectionPair) -> None:
    assert pair.frontend_closes() == [ConnectionClosed()]
    assert pair.backend.next_event() is None


def test_end_of_the_stream_waits_for_the_answer(pair: ConnectionPair) -> None:
    pair.frontend.send(m.Query("a"))
    assert pair.frontend_closes() == [m.Query("a")]
    tell(pair, SELECT_1, READY)
    assert pair.backend_receives() == [ConnectionClosed()]


def test_frontend_that_closes_within_a_batch_a_message_or_a_copy(ends: Any) -> None:
    pair = ConnectionPair()
    pair.start()
    ask(pair, m.Parse("", "x"))
    assert str(only_error(pair.frontend_closes())) == "the frontend closed the connection in phase extended"
    pair = ConnectionPair()
    pair.start()
    pair.backend.receive_data(b"Q\0\0")
    error = only_error(pair.frontend_closes())
    assert str(error) == "the frontend closed the connection in phase idle within a message, of which 3 bytes came"
    pair = ConnectionPair()
    pair.start()
    ask(pair, m.Query("copy t from stdin"))
    pair.backend.send(COPY_IN)
    assert only_error(pair.frontend_closes()).sqlstate == "08006"


# -- wrong answers and misuse ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("request_", "wrong"),
    [
        (m.Query("x"), ROW),  # a row without a description
        (m.Query("x"), READY),  # ready, and no result
        (m.Query("x"), m.ParseComplete()),
        (m.Parse("", "x"), m.BindComplete()),
        (m.Bind(), SELECT_1),
        (m.Describe("S", ""), DESCRIPTION),  # parameters come first
        (m.Describe("P", ""), m.ParameterDescription(())),
        (m.Execute(), DESCRIPTION),
        (m.Execute(), READY),
        (m.Sync(), SELECT_1),
        (m.FunctionCall(1, (), (), 0), READY),
        (None, READY),
        (None, ERROR),
        (None, DATA),
    ],
)
def test_wrong_answer(ends: Any, request_: object | None, wrong: object) -> None:
    pair = ConnectionPair()
    pair.start()
    if request_ is not None:
        ask(pair, request_)
    pair.frontend.receive_data(ends.encode_message(wrong) + ends.encode_message(READY))
    error = only_error(list(pair.frontend.events()))
    assert error.message_name == type(wrong).__name__
    if request_ is not None:
        assert str(error).endswith(f"in answer to {type(request_).__name__}")
    assert pair.frontend.phase is Phase.CLOSED
    with pytest.raises(LocalProtocolError):
        pair.frontend.send(m.Sync())


def test_malformed_answer_ends_the_connection(pair: ConnectionPair) -> None:
    ask(pair, m.Query("x"))
    pair.frontend.receive_data(b"Z\0\0\0\5?")
    error = only_error(list(pair.frontend.events()))
    assert error.message_name == "ReadyForQuery"
    pair.frontend.receive_data(b"Z\0\0\0\5I")
    assert list(pair.frontend.events()) == []
    assert pair.backend_closes() == [ConnectionClosed()]


def test_limits_of_the_frontend(ends: Any) -> None:
    pair = ConnectionPair(frontend=FrontendConnection(max_message_length=100))
    pair.start()
    pair.frontend.receive_data(b"N\0\0\0\x65")
    assert "the message length 101 is not between 4 and 100" in str(only_error(list(pair.frontend.events())))
    early = FrontendConnection(max_message_length_at_start=50)
    early.send(m.StartupMessage())
    early.receive_data(b"E\0\0\0\x33")
    assert "the message length 51 is not between 4 and 50" in str(only_error(list(early.events())))


def test_limits_of_the_backend(ends: Any) -> None:
    backend = BackendConnection(max_startup_length=20, max_auth_message_length=30, max_message_length=40)
    backend.receive_data(b"\0\0\0\x15")
    only_error([backend.next_event()])
    for login, length in ((False, 31), (True, 41)):
        backend = BackendConnection(max_startup_length=20, max_auth_message_length=30, max_message_length=40)
        pair = ConnectionPair(backend=backend)
        if login:
            pair.frontend.send(m.StartupMessage(parameters={"user": "m"}))
            pair.backend_receives()
            tell(pair, m.AuthenticationOk(), READY)
            assert ask(pair, m.Query("x" * 30)) == [m.Query("x" * 30)]
        else:
            ask(pair, m.StartupMessage(parameters={"user": "m"}))
            tell(pair, m.AuthenticationCleartextPassword())
        backend.receive_data((b"Q" if login else b"p") + length.to_bytes(4, "big"))
        if login:
            tell(pair, SELECT_1, READY)
        only_error([backend.next_event()])


def test_message_that_cannot_be_encoded_changes_nothing(pair: ConnectionPair) -> None:
    with pytest.raises(LocalProtocolError):
        pair.frontend.send(m.Query("a\0b"))
    assert (pair.frontend.requests, pair.frontend.phase) == ((), Phase.IDLE)
    ask(pair, m.Query("x"))
    with pytest.raises(LocalProtocolError):
        pair.backend.send(m.CommandComplete("a\0b"))
    assert tell(pair, SELECT_1, READY) == [SELECT_1, READY]


def test_encoded_requests(pair: ConnectionPair, ends: Any) -> None:
    data = b"".join(map(ends.encode_message, BATCH))
    with pytest.raises(LocalProtocolError):
        pair.frontend.send_encoded(data, *BATCH, DATA)
    assert (pair.frontend.requests, pair.frontend.phase, pair.frontend.data_to_send()) == ((), Phase.IDLE, b"")
    pair.frontend.send_encoded(data, *BATCH)
    assert pair.frontend.requests == BATCH
    assert [event for event, _ in pair.serve(_as_postgres)] == list(ANSWER)
    fresh = FrontendConnection()
    with pytest.raises(LocalProtocolError, match="cannot send encoded requests in phase startup"):
        fresh.send_encoded(data, *BATCH)


def test_describe_of_neither_statement_nor_portal(pair: ConnectionPair) -> None:
    with pytest.raises(LocalProtocolError):
        pair.frontend.send(m.Describe("X", ""))
    assert pair.frontend.requests == ()
