"""BackendConnection without a socket: phases, skipping, what may be sent when."""

from typing import Any

import pytest

from pgwire_py import messages as m
from pgwire_py._impl import encode_message
from pgwire_py.connection import BackendConnection
from pgwire_py.errors import LocalProtocolError, RemoteProtocolError
from pgwire_py.state import Phase

STARTUP = encode_message(m.StartupMessage(0x00030000, {"user": "me"}))


def _bytes(*messages: object) -> bytes:
    return b"".join(encode_message(message) for message in messages)


def _idle() -> BackendConnection:
    connection = BackendConnection()
    connection.receive_data(STARTUP)
    assert connection.next_event() == m.StartupMessage(0x00030000, {"user": "me"})
    connection.send(m.AuthenticationOk())
    connection.send_ready("I")
    connection.data_to_send()
    assert connection.phase is Phase.IDLE
    return connection


def _events(connection: BackendConnection) -> list[object]:
    events = []
    while (event := connection.next_event()) is not None:
        events.append(event)
    return events


def test_start_up_leads_to_idle() -> None:
    connection = _idle()
    assert connection.next_event() is None
    assert connection.data_to_send() == b""


def test_query_waits_for_its_answer() -> None:
    connection = _idle()
    connection.receive_data(_bytes(m.Query("a"), m.Query("b")))
    assert connection.next_event() == m.Query("a")
    assert connection.next_event() is None
    assert connection.pending == 1
    connection.send_ready("I")
    assert connection.next_event() == m.Query("b")


def test_error_in_a_batch_skips_to_sync() -> None:
    connection = _idle()
    connection.receive_data(_bytes(m.Parse("", "x"), m.Bind(), m.Execute(), m.Sync(), m.Parse("", "y"), m.Sync()))
    assert connection.next_event() == m.Parse("", "x")
    connection.send(m.ErrorResponse({"S": "ERROR", "C": "42601", "M": "no"}))
    assert connection.phase is Phase.SKIPPING
    assert connection.next_event() == m.Sync()
    assert connection.next_event() is None
    connection.send_ready("I")
    assert _events(connection) == [m.Parse("", "y"), m.Sync()]


def test_error_in_a_simple_query_skips_nothing() -> None:
    connection = _idle()
    connection.receive_data(_bytes(m.Query("a")))
    connection.next_event()
    connection.send(m.ErrorResponse({"S": "ERROR", "C": "42601", "M": "no"}))
    assert connection.phase is Phase.SIMPLE
    connection.send_ready("E")
    assert connection.data_to_send().endswith(b"Z\0\0\0\5E")


def test_copy_messages_between_commands_are_dropped() -> None:
    connection = _idle()
    connection.receive_data(_bytes(m.CopyData(b"x"), m.CopyDone(), m.CopyFail("no"), m.Query("a")))
    assert connection.next_event() == m.Query("a")


@pytest.mark.parametrize(
    ("malformed", "phase"),
    [
        (b"P\0\0\0\5\0", Phase.EXTENDED),
        (b"Q\0\0\0\4", Phase.SIMPLE),
        (b"S\0\0\0\5x", Phase.SYNC),
    ],
)
def test_malformed_message_is_an_error_to_answer(malformed: bytes, phase: Phase) -> None:
    connection = _idle()
    connection.receive_data(malformed)
    event = connection.next_event()
    assert isinstance(event, RemoteProtocolError)
    assert not event.fatal
    assert event.sqlstate == "08P01"
    assert connection.phase is phase


def test_fatal_error_closes() -> None:
    connection = _idle()
    connection.receive_data(b"!\0\0\0\4" + _bytes(m.Query("a")))
    event = connection.next_event()
    assert isinstance(event, RemoteProtocolError)
    assert event.fatal
    assert connection.phase is Phase.CLOSED
    assert _events(connection) == []


def test_query_before_authentication_is_fatal() -> None:
    connection = BackendConnection()
    connection.receive_data(STARTUP + _bytes(m.Query("select 1")))
    connection.next_event()
    assert connection.next_event() is None  # with AuthenticationOk it would be answered
    connection.send(m.AuthenticationCleartextPassword())
    event = connection.next_event()
    assert isinstance(event, RemoteProtocolError)
    assert (str(event), event.fatal) == ("expected a password response, got Query", True)
    assert connection.phase is Phase.CLOSED


def test_large_message_before_authentication_is_refused() -> None:
    connection = BackendConnection()
    connection.receive_data(STARTUP + b"p\x00\x01\x00\x00")
    connection.next_event()
    connection.send(m.AuthenticationCleartextPassword())
    event = connection.next_event()
    assert isinstance(event, RemoteProtocolError)
    assert event.fatal


@pytest.mark.parametrize("size", [1, 7, 100_000], ids=lambda size: f"by {size}")
def test_what_is_sent_ahead_of_a_login_is_read_in_its_turn(ends: Any, size: int) -> None:
    """What tag p means is known when the backend has asked; large messages are legal behind AuthenticationOk."""
    large = m.Query("select '" + 70_000 * "x" + "'")
    sent = [m.SASLInitialResponse("SCRAM-SHA-256", b"n,,"), m.SASLResponse(b"c=biws"), large, m.Terminate()]
    stream = STARTUP + b"".join(map(ends.encode_message, sent))
    connection = BackendConnection()
    came = []
    answers: dict[type, list[object]] = {
        m.StartupMessage: [m.AuthenticationSASL(("SCRAM-SHA-256",))],
        m.SASLInitialResponse: [m.AuthenticationSASLContinue(b"r=")],
        m.SASLResponse: [m.AuthenticationSASLFinal(b"v="), m.AuthenticationOk(), m.ReadyForQuery("I")],
        m.Query: [m.EmptyQueryResponse(), m.ReadyForQuery("I")],
    }
    for start in range(0, len(stream), size):
        connection.receive_data(stream[start : start + size])
        while (event := connection.next_event()) is not None:
            came.append(event)
            for answer in answers.get(type(event), ()):
                connection.send(answer)
    assert came[1:] == sent
    assert (connection.buffered, connection.phase) == (0, Phase.CLOSED)


@pytest.mark.parametrize("cut", range(1, 5))
def test_a_message_of_a_login_that_comes_in_part_of_its_header(ends: Any, cut: int) -> None:
    """What came of the header is not taken for a message: what follows would be decoded with what is behind it."""
    sent = [m.SASLInitialResponse("SCRAM-SHA-256", b"n,,"), m.SASLResponse(b"c=biws")]
    stream = b"".join(map(ends.encode_message, sent))
    connection = BackendConnection()
    connection.receive_data(STARTUP)
    connection.next_event()
    connection.send(m.AuthenticationSASL(("SCRAM-SHA-256",)))
    connection.receive_data(stream[:cut])
    assert connection.next_event() is None
    assert connection.buffered == cut
    connection.receive_data(stream[cut:])
    assert connection.next_event() == sent[0]
    connection.send(m.AuthenticationSASLContinue(b"r="))
    assert connection.next_event() == sent[1]


def test_the_beginning_of_a_long_start_up_packet_is_kept() -> None:
    """Its first three bytes are the number 3."""
    parameters = {"user": "u", "options": 800 * "x"}
    stream = _bytes(m.StartupMessage(196608, parameters), m.PasswordMessage(b"secret"))
    assert stream[:3] == b"\0\0\3"
    connection = BackendConnection()
    connection.receive_data(stream[:3])
    connection.receive_data(stream[3:])
    event = connection.next_event()
    assert isinstance(event, m.StartupMessage)
    assert event.parameters == parameters
    connection.send(m.AuthenticationCleartextPassword())
    assert connection.next_event() == m.PasswordMessage(b"secret")


def test_good_bye_is_read_while_an_answer_is_owed() -> None:
    connection = BackendConnection()
    connection.receive_data(STARTUP + _bytes(m.Terminate())[:3])
    connection.next_event()
    assert connection.next_event() is None
    connection.receive_data(_bytes(m.Terminate())[3:])
    assert connection.next_event() == m.Terminate()


def test_what_is_sent_ahead_of_a_login_in_another_encoding() -> None:
    connection = BackendConnection()
    connection.receive_data(STARTUP + b"Q\0\0\0\6\xe9\0")
    connection.next_event()
    connection.recode_ahead = lambda data: b"Q\0\0\0\7" + data[5:].decode("latin-1").encode()
    connection.send_welcome(b"")
    assert connection.next_event() == m.Query("é")
    connection.send_ready("I")
    connection.receive_data(_bytes(m.Query("ü")))
    assert connection.next_event() == m.Query("ü")


def test_what_follows_terminate_is_one_error() -> None:
    connection = _idle()
    connection.receive_data(_bytes(m.Terminate(), m.Query("a"), m.Query("b")))
    terminate, error = _events(connection)
    assert terminate == m.Terminate()
    assert isinstance(error, RemoteProtocolError)
    assert (str(error), error.fatal) == ("unexpected message Query behind the end of the connection", True)
    connection.receive_data(_bytes(m.Query("c")))
    assert _events(connection) == []
    assert connection.phase is Phase.CLOSED


def test_nothing_is_handed_out_after_close() -> None:
    connection = _idle()
    connection.receive_data(_bytes(m.Terminate()))
    assert _events(connection) == [m.Terminate()]
    connection.close()
    connection.receive_data(_bytes(m.Query("a")))
    assert _events(connection) == []


def test_encryption_request_is_answered_by_one_byte() -> None:
    connection = BackendConnection()
    connection.receive_data(_bytes(m.GSSENCRequest()))
    assert connection.next_event() == m.GSSENCRequest()
    connection.send_encryption_response(b"N")
    assert connection.data_to_send() == b"N"
    connection.receive_data(_bytes(m.SSLRequest()) + STARTUP)
    assert connection.next_event() == m.SSLRequest()
    assert connection.buffered == len(STARTUP)
    connection.send_encryption_response(b"N")
    assert connection.next_event() == m.StartupMessage(0x00030000, {"user": "me"})


def test_what_follows_an_encryption_request_waits_for_its_answer() -> None:
    connection = BackendConnection()
    connection.receive_data(_bytes(m.SSLRequest()))
    assert connection.next_event() == m.SSLRequest()
    connection.receive_data(STARTUP)
    assert connection.next_event() is None
    assert (connection.buffered, connection.pending) == (len(STARTUP), 0)
    connection.send_encryption_response(b"N")
    assert connection.next_event() == m.StartupMessage(0x00030000, {"user": "me"})


def test_misuse_leaves_the_connection_usable() -> None:
    connection = _idle()
    for misuse in (
        lambda: connection.send_ready("I"),
        lambda: connection.send(m.ReadyForQuery("I")),
        lambda: connection.send(m.AuthenticationOk()),
        lambda: connection.send_encoded(b"x"),
        lambda: connection.send_encryption_response(b"S"),
    ):
        with pytest.raises(LocalProtocolError):
            misuse()
    assert connection.data_to_send() == b""
    connection.receive_data(_bytes(m.Query("a")))
    assert connection.next_event() == m.Query("a")


def test_any_chunking_gives_the_same_events() -> None:
    stream = _bytes(m.Parse("s", "select $1", (23,)), m.Bind("", "s", (1,), (b"abcd", None), (1,)), m.Flush(), m.Sync())
    whole = _idle()
    whole.receive_data(stream)
    expected = _events(whole)
    single = _idle()
    events = []
    for byte in stream:
        single.receive_data(bytes([byte]))
        events += _events(single)
    assert events == expected
    assert len(events) == 4
