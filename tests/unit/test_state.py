"""The tables of state.py: what they cover, and both ends obey them in every phase and for every message."""

from __future__ import annotations

from typing import Any

import pytest

from pgwire_py import messages as m
from pgwire_py.connection import BackendConnection, FrontendConnection
from pgwire_py.connection.backend import PASSWORD_KINDS
from pgwire_py.errors import LocalProtocolError, RemoteProtocolError
from pgwire_py.events import DirectTLS
from pgwire_py.state import (
    AHEAD,
    ANSWERING,
    ANSWERS,
    ASYNCHRONOUS,
    BACKEND,
    FATAL,
    FIRST,
    FRONTEND,
    IGNORED,
    START_UP,
    TAGS,
    Phase,
    Step,
    kind_of,
)
from tests.support.phases import BACKEND_SAMPLES, FRONTEND_SAMPLES, PLACES, reach

PASSWORD_CLASSES = {
    m.PasswordMessage: "password",
    m.SASLInitialResponse: "sasl_initial",
    m.SASLResponse: "sasl_response",
    m.GSSResponse: "gss",
}
HERE = pytest.mark.parametrize("place", PLACES)


def _class(kind: Any) -> type:
    return kind[0] if isinstance(kind, tuple) else kind


def test_every_phase_has_a_row() -> None:
    assert set(FRONTEND) == set(BACKEND) == set(Phase)
    assert set(ANSWERS) == set(Step)
    assert {following for row in (*FRONTEND.values(), *BACKEND.values()) for following in row.values()} == set(Phase)


def test_every_message_is_in_the_tables() -> None:
    frontend = {kind for row in FRONTEND.values() for kind in row} - {DirectTLS}
    backend = {kind for row in BACKEND.values() for kind in row}
    assert {_class(kind) for kind in FRONTEND_SAMPLES} == frontend
    assert set(BACKEND_SAMPLES) == backend
    classes = {getattr(m, name) for name in m.__all__}
    messages = {kind for kind in classes if hasattr(kind, "__dataclass_fields__")}
    assert frontend | {_class(kind) for kind in backend} == messages


def test_every_phase_and_step_is_visited() -> None:
    assert {phase for phase, _, _ in PLACES.values()} == set(Phase)
    assert {step for _, step, _ in PLACES.values()} == set(Step)


def test_tables_agree() -> None:
    """Ahead is written only where the backend does not read; every step leads to its end; every answer has a phase."""
    for phase in AHEAD:
        assert FRONTEND[phase] == {}
    for phase, kinds in IGNORED.items():
        assert not kinds & set(FRONTEND[phase])
    assert set(FIRST.values()) <= set(Step)
    assert {_class(kind) for kind in FIRST} == set(FRONTEND[Phase.IDLE]) - {m.Terminate}
    after_login = {kind for phase in Phase if phase not in START_UP for kind in BACKEND[phase]}
    assert {kind for row in ANSWERS.values() for kind in row} == after_login - ASYNCHRONOUS - {FATAL}
    for step in Step:
        reached = {step}
        while not (grown := reached | {after for before in reached for after in ANSWERS[before].values()}) <= reached:
            reached = grown
        assert Step.DONE in reached, step
    assert set(TAGS.values()) == {kind for phase in Phase if phase not in START_UP for kind in FRONTEND[phase]}
    assert not ANSWERING & START_UP


UNREAD = {
    Phase.SSL_REQUESTED, Phase.GSSENC_REQUESTED, Phase.AUTHENTICATION, Phase.SASL, Phase.GSS, Phase.STARTING
}  # fmt: skip
"""Phases of a login in which the backend owes an answer: what a message means that comes now depends on it."""


@HERE
def test_backend_receives_what_the_table_allows(place: str, ends: Any) -> None:
    phase = PLACES[place][0]
    for message in FRONTEND_SAMPLES.values():
        kind = message.__class__
        backend = reach(place).backend
        if kind in PASSWORD_CLASSES:
            backend.expect_password(PASSWORD_CLASSES[kind])
        data = ends.encode_message(message)
        backend.receive_data(data)
        event = backend.next_event()
        if kind in FRONTEND[phase]:
            assert event == message
            assert backend.phase is FRONTEND[phase][kind]
        elif phase in UNREAD:
            assert (event, backend.pending, backend.buffered, backend.phase) == (None, 0, len(data), phase)
        elif not FRONTEND[phase] and phase is not Phase.CLOSED:
            assert (event, backend.pending, backend.phase) == (None, 1, phase)
        elif kind in IGNORED.get(phase, ()):
            assert (event, backend.pending, backend.phase) == (None, 0, phase)
        else:
            assert isinstance(event, RemoteProtocolError), message
            assert event.fatal
            assert event.sqlstate == "08P01"
            assert backend.phase is Phase.CLOSED
        assert backend.next_event() is None


@HERE
def test_frontend_sends_what_the_table_allows(place: str, ends: Any) -> None:
    phase = PLACES[place][0]
    for message in FRONTEND_SAMPLES.values():
        kind = message.__class__
        frontend = reach(place).frontend
        requests = frontend.requests
        if kind in FRONTEND[phase] or kind in AHEAD.get(phase, ()):
            frontend.send(message)
            assert frontend.data_to_send() == ends.encode_message(message)
            if not requests and kind in FRONTEND[phase]:
                assert frontend.phase is FRONTEND[phase][kind]
        else:
            with pytest.raises(LocalProtocolError, match=rf"cannot send {kind.__name__}"):
                frontend.send(message)
            assert (frontend.data_to_send(), frontend.phase, frontend.requests) == (b"", phase, requests)


@HERE
def test_backend_sends_what_the_table_allows(place: str, ends: Any) -> None:
    phase = PLACES[place][0]
    for kind, message in BACKEND_SAMPLES.items():
        backend = reach(place).backend
        if kind in BACKEND[phase]:
            backend.send(message)
            assert backend.data_to_send() == ends.encode_message(message)
            assert backend.phase is BACKEND[phase][kind]
        else:
            with pytest.raises(
                LocalProtocolError, match=rf"cannot send {type(message).__name__} in phase {phase.value}"
            ):
                backend.send(message)
            assert (backend.data_to_send(), backend.phase) == (b"", phase)


@HERE
def test_frontend_receives_what_the_tables_allow(place: str, ends: Any) -> None:
    phase, step, _ = PLACES[place]
    requested = (Phase.SSL_REQUESTED, Phase.GSSENC_REQUESTED)
    for kind, message in BACKEND_SAMPLES.items():
        if (type(message) is m.EncryptionResponse) is not (phase in requested) and kind not in BACKEND[phase]:
            continue  # a byte without a tag where a tag is due, or the other way round: the decoder's business
        frontend = reach(place).frontend
        before = frontend.requests
        frontend.receive_data(ends.encode_message(message))
        event = frontend.next_event()
        answers = phase in START_UP or kind in ASYNCHRONOUS or kind == FATAL
        if kind in BACKEND[phase] and (answers or kind in ANSWERS[step]):
            assert event == message
            assert frontend.phase is BACKEND[phase][kind]
            if not answers:
                assert frontend.request is before[0]
                assert frontend.requests == (before[1:] if ANSWERS[step][kind] is Step.DONE else before)
        else:
            assert isinstance(event, RemoteProtocolError), message
            assert event.fatal
            assert f"unexpected message {type(message).__name__} in phase {phase.value}" in str(event)
            assert frontend.phase is Phase.CLOSED
        assert frontend.next_event() is None


@HERE
def test_malformed_message_counts_as_received(place: str, ends: Any) -> None:
    """One byte too many, or none at all: an error to be answered, in the phase that the message leads to; fatal where it is illegal."""
    phase = PLACES[place][0]
    if phase in START_UP or not FRONTEND[phase]:
        return
    for tag, kind in TAGS.items():
        if kind is m.CopyData:
            continue  # any body is a right one
        backend = reach(place).backend
        body = (
            b""
            if kind in (m.Query, m.Parse, m.Bind, m.Describe, m.Execute, m.Close, m.FunctionCall, m.CopyFail)
            else b"x"
        )
        backend.receive_data(tag.encode() + (4 + len(body)).to_bytes(4, "big") + body)
        event = backend.next_event()
        if kind in IGNORED.get(phase, ()):
            assert (event, backend.phase) == (None, phase)
            continue
        following = FRONTEND[phase].get(kind, Phase.CLOSED)
        assert isinstance(event, RemoteProtocolError)
        assert event.fatal is (following is Phase.CLOSED)
        assert event.tag == tag
        assert backend.phase is following


def test_password_kinds_are_those_of_the_table() -> None:
    assert {phase: PASSWORD_CLASSES[next(iter(FRONTEND[phase]))] for phase in PASSWORD_KINDS} == PASSWORD_KINDS


def test_kinds() -> None:
    assert kind_of(m.ErrorResponse({"S": "ПАНИКА", "V": "PANIC"})) == FATAL
    assert kind_of(m.ErrorResponse({"S": "FATAL"})) == FATAL
    assert kind_of(m.ErrorResponse({"S": "FATAL", "V": "ERROR"})) is m.ErrorResponse
    assert kind_of(m.EncryptionResponse("S")) == (m.EncryptionResponse, "S")
    assert kind_of(m.Describe("P", "")) == (m.Describe, "P")
    assert kind_of(m.Sync()) is m.Sync


def test_new_connections_stand_at_the_beginning() -> None:
    assert BackendConnection().phase is FrontendConnection().phase is Phase.STARTUP
    assert FrontendConnection(direct_tls=True).phase is Phase.ENCRYPTED
