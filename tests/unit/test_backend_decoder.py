"""The decoder of what a backend sends: chunking, the one-byte answer to a request for encryption, bounds, hostile bytes."""

from __future__ import annotations

import pickle
import random
import sys
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pgwire_py import messages as m
from pgwire_py.errors import RemoteProtocolError
from tests import vectors

SESSION: list[Any] = [
    m.AuthenticationSASL(("SCRAM-SHA-256",)),
    m.AuthenticationSASLContinue(b"r=x"),
    m.AuthenticationSASLFinal(b"v=y"),
    m.AuthenticationOk(),
    m.ParameterStatus("client_encoding", "UTF8"),
    m.BackendKeyData(7, b"\xff" * 4),
    m.ReadyForQuery("I"),
    m.ParseComplete(),
    m.BindComplete(),
    m.RowDescription((m.FieldDescription("größe", 0, 0, 25, -1, -1, 0),)),
    *[m.DataRow((b"x" * 300, None, b""))] * 3,
    m.CommandComplete("SELECT 3"),
    m.CopyOutResponse(0, (0,)),
    m.CopyData(b"\0" * 5_000),
    m.CopyDone(),
    m.ErrorResponse({"S": "ERROR", "C": "42601", "M": "größe"}),
    m.NotificationResponse(1, "channel", ""),
    m.ReadyForQuery("E"),
]


def _encoded(core: Any, items: list[Any]) -> bytes:
    return b"".join(map(core.encode_message, items))


def test_whole_session_in_one_feed(core: Any) -> None:
    decoder = core.BackendDecoder()
    assert decoder.feed(_encoded(core, SESSION)) == SESSION
    assert decoder.buffered == 0


@pytest.mark.parametrize("size", [1, 2, 7, 1_000])
def test_pieces(core: Any, size: int) -> None:
    data = _encoded(core, SESSION)
    decoder = core.BackendDecoder()
    assert [item for at in range(0, len(data), size) for item in decoder.feed(data[at : at + size])] == SESSION


@pytest.mark.parametrize("wrap", [bytes, bytearray, memoryview])
def test_kinds_of_buffer(core: Any, wrap: Any) -> None:
    assert core.BackendDecoder().feed(wrap(_encoded(core, SESSION))) == SESSION


def test_values_of_a_row(core: Any) -> None:
    values = (b"1", None, b"", b"\0\xff", *[None] * 1_660)
    [row] = core.BackendDecoder().feed(core.encode_message(m.DataRow(values)))
    assert row == m.DataRow(values)
    assert type(row.values) is tuple
    assert {type(value) for value in row.values} == {bytes, type(None)}


def test_fields_of_a_description_have_names(core: Any) -> None:
    field = m.FieldDescription("a", 1, 2, 3, 4, 5, 1)
    [description] = core.BackendDecoder().feed(core.encode_message(m.RowDescription((field,))))
    assert type(description.fields[0]) is m.FieldDescription
    assert description.fields[0].type_oid == 3


# The answer to SSLRequest and GSSENCRequest


@pytest.mark.parametrize("answer", "SGN")
def test_encryption_response(core: Any, answer: str) -> None:
    decoder = core.BackendDecoder()
    assert decoder.encryption_response is False
    decoder.encryption_response = True
    assert decoder.feed(b"") == []
    assert decoder.feed(answer.encode()) == [m.EncryptionResponse(answer)]
    assert decoder.encryption_response is False
    assert decoder.buffered == 0


def test_bytes_behind_the_answer_wait(core: Any) -> None:
    """What a man in the middle puts behind the answer in clear text is not read as messages: the owner sees it and refuses."""
    decoder = core.BackendDecoder()
    decoder.encryption_response = True
    behind = core.encode_message(m.AuthenticationOk())
    assert decoder.feed(b"S" + behind) == [m.EncryptionResponse("S")]
    assert decoder.buffered == len(behind)
    assert decoder.feed(b"") == [m.AuthenticationOk()]


@pytest.mark.parametrize("size", [1, 1_000])
def test_error_instead_of_an_answer(core: Any, size: int) -> None:
    decoder = core.BackendDecoder()
    decoder.encryption_response = True
    error = m.ErrorResponse({"S": "FATAL", "C": "57P03", "M": "the database system is starting up"})
    raw = core.encode_message(error)
    assert [item for at in range(0, len(raw), size) for item in decoder.feed(raw[at : at + size])] == [error]
    assert decoder.encryption_response is False


def test_without_the_expectation_the_letters_are_tags(core: Any) -> None:
    decoder = core.BackendDecoder()
    assert decoder.feed(b"N") == []
    assert decoder.buffered == 1


# Bounds


def test_bounds_are_libpqs(core: Any) -> None:
    decoder = core.BackendDecoder()
    assert decoder.max_message_length == 30_000
    long = b"TDdVENA"
    own = {**dict.fromkeys(b"Rv", 2_000), ord("t"): 6 + 4 * 65_535}
    for tag in b"RKvTDCI123nstSZENAVGHWdc":
        for raised, limit in [
            (30_000, own.get(tag, 30_000) if tag != ord("t") else 30_000),
            (2**30, 2**30 if tag in long else own.get(tag, 30_000)),
        ]:
            for length, refused in [(limit, False), (limit + 1, True)]:
                decoder = core.BackendDecoder()
                decoder.max_message_length = raised
                items = decoder.feed(bytes([tag]) + length.to_bytes(4, "big"))
                assert [(item.fatal, item.tag, item.offset) for item in items] == (
                    [(True, chr(tag), 1)] if refused else []
                ), (chr(tag), raised)


def test_a_claimed_length_takes_no_memory(core: Any) -> None:
    decoder = core.BackendDecoder(2**30)
    decoder.feed(b"D" + (2**30).to_bytes(4, "big"))
    assert decoder.buffered == 5
    assert sys.getsizeof(decoder) <= 200


def test_largest_counts(core: Any) -> None:
    for message in [
        m.ParameterDescription((2**32 - 1,) * 65_535),
        m.DataRow((None,) * 65_535),
        m.RowDescription((m.FieldDescription("", 0, 0, 0, 0, 0, 0),) * 65_535),
    ]:
        assert core.BackendDecoder(2**30).feed(core.encode_message(message)) == [message]


# Bad input


def test_malformed_body_does_not_end_the_stream(core: Any) -> None:
    decoder = core.BackendDecoder()
    text = "DataRow: offset 7: the length -2 of a value is negative"
    bad = RemoteProtocolError(text, tag="D", message_name="DataRow", offset=7)
    assert decoder.feed(b"D\0\0\0\n\0\1\xff\xff\xff\xfen\0\0\0\4") == [bad, m.NoData()]


@pytest.mark.parametrize(("size", "right"), [(0, False), (3, False), (4, True), (32, True), (256, True), (257, False)])
def test_size_of_a_cancel_key(core: Any, size: int, right: bool) -> None:
    """4 bytes in protocol 3.0, 4 to 256 in 3.2; both ends of the session judge it."""
    head = (7).to_bytes(4, "big")
    key_data = b"K" + (8 + size).to_bytes(4, "big") + head + bytes(size)
    request = (12 + size).to_bytes(4, "big") + (80877102).to_bytes(4, "big") + head + bytes(size)
    [answer], [cancel] = core.BackendDecoder().feed(key_data), core.FrontendDecoder().feed(request)
    assert isinstance(answer, m.BackendKeyData) is right
    assert isinstance(cancel, m.CancelRequest) is right
    if right:
        assert (answer, cancel) == (m.BackendKeyData(7, bytes(size)), m.CancelRequest(7, bytes(size)))
    else:
        assert (answer.message_name, answer.offset, answer.fatal) == ("BackendKeyData", 9, False)
        assert (cancel.message_name, cancel.offset, cancel.fatal) == ("CancelRequest", 0, True)


def test_error_survives_pickling(core: Any) -> None:
    [error] = core.BackendDecoder().feed(b"Z\0\0\0\5X")
    assert (error.message_name, error.offset) == ("ReadyForQuery", 5)
    copy = pickle.loads(pickle.dumps(error))
    assert copy == error
    assert repr(copy) == repr(error)


def test_nothing_after_a_fatal_error(core: Any) -> None:
    decoder = core.BackendDecoder()
    fatal = RemoteProtocolError("invalid backend message type 0", fatal=True, tag="\0", offset=0)
    assert decoder.feed(b"n\0\0\0\4\0\0\0\0\4n\0\0\0\4") == [m.NoData(), fatal]
    assert decoder.feed(b"n\0\0\0\4") == []
    assert decoder.buffered == 0


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture]
)  # ``core`` is a module: the same in every example
@given(data=st.binary(max_size=200), encryption=st.booleans())
def test_hostile_bytes_raise_nothing(core: Any, data: bytes, encryption: bool) -> None:
    whole, chopped = core.BackendDecoder(), core.BackendDecoder()
    whole.encryption_response = chopped.encryption_response = encryption
    items = whole.feed(data)
    while rest := whole.feed(b""):
        items += rest
    assert [item for at in range(len(data)) for item in chopped.feed(data[at : at + 1])] == items
    assert [item.fatal for item in items if isinstance(item, RemoteProtocolError)][:-1].count(True) == 0


def test_mutated_messages_raise_nothing(core: Any) -> None:
    choose = random.Random(7)
    for vector in vectors.load("backend"):
        raw = bytes.fromhex(vector["hex"])
        for _ in range(200):
            mutated = bytearray(raw)
            for _ in range(choose.randrange(1, 4)):
                mutated[choose.randrange(len(mutated))] = choose.randrange(256)
            assert isinstance(vectors.backend_decoder_for(core, vector["class"]).feed(bytes(mutated)), list)


# What messages tell


def test_error_text_in_another_encoding(core: Any) -> None:
    """As PostgreSQL 15 answered a start-up packet with the user ``caf\\xe9``: it knows no encoding yet and repeats the bytes."""
    raw = bytes.fromhex(
        "450000006053464154414c0056464154414c00433238303030004d726f6c652022636166e92220646f6573206e6f74206578"
        "69737400466d697363696e69742e63004c3736380052496e697469616c697a6553657373696f6e5573657249640000"
    )
    [error] = core.BackendDecoder().feed(raw)
    assert error.fields["M"] == 'role "caf\ufffd" does not exist'
    assert list(error.fields) == ["S", "V", "C", "M", "F", "L", "R"]


def test_repeated_field_code_last_one_wins(core: Any) -> None:
    raw = b"N\0\0\0\x11Ma\0Hb\0?c\0Md\0\0"
    [notice] = core.BackendDecoder().feed(raw)
    assert notice == m.NoticeResponse({"M": "d", "H": "b", "?": "c"})
    assert list(notice.fields) == ["M", "H", "?"]


@pytest.mark.parametrize(
    ("tag", "parts"),
    [
        ("INSERT 0 5", ("INSERT", 0, 5)),
        ("INSERT 16384 1", ("INSERT", 16384, 1)),
        ("SELECT 5", ("SELECT", None, 5)),
        ("COPY 7", ("COPY", None, 7)),
        ("MERGE 3", ("MERGE", None, 3)),
        ("MOVE 0", ("MOVE", None, 0)),
        ("SELECT 18446744073709551615", ("SELECT", None, 2**64 - 1)),
        ("CREATE TABLE", ("CREATE TABLE", None, None)),
        ("REFRESH MATERIALIZED VIEW 5", ("REFRESH MATERIALIZED VIEW", None, 5)),
        ("BEGIN", ("BEGIN", None, None)),
        ("COPY", ("COPY", None, None)),
        ("", ("", None, None)),
        ("5", ("5", None, None)),
        ("INSERT 5", ("INSERT", None, 5)),
        ("UPDATE 1 2", ("UPDATE 1", None, 2)),
        ("SELECT -1", ("SELECT -1", None, None)),
        ("SELECT ٣", ("SELECT ٣", None, None)),
        ("SELECT " + "9" * 5_000, ("SELECT " + "9" * 5_000, None, None)),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else None,
)
def test_parts_of_a_command_tag(tag: str, parts: tuple[str, int | None, int | None]) -> None:
    message = m.CommandComplete(tag)
    assert (message.command, message.oid, message.rows) == parts


@pytest.mark.parametrize(("sent", "minor"), [(3 << 16, 0), ((3 << 16) | 2, 2), (0, 0), (2, 2)])
def test_both_forms_of_negotiate_protocol_version(core: Any, sent: int, minor: int) -> None:
    [message] = core.BackendDecoder().feed(b"v\0\0\0\x0c" + sent.to_bytes(4, "big") + bytes(4))
    assert (message.newest_version, message.minor_version) == (sent, minor)
