"""COPY in, out and both between the two ends, joined without sockets: any chunking, both implementations."""

from __future__ import annotations

import pytest

from pgwire_py import messages as m
from pgwire_py.errors import LocalProtocolError
from pgwire_py.state import Phase
from pgwire_py.testing import ConnectionPair
from tests.support.conversations import (
    COPY_BOTH,
    COPY_IN,
    COPY_OUT,
    DATA,
    DESCRIPTION,
    DONE,
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


def test_copy_in(pair: ConnectionPair) -> None:
    query = m.Query("copy t from stdin; copy t from stdin")
    ask(pair, query)
    with pytest.raises(LocalProtocolError):
        pair.frontend.send(DATA)
    for _ in range(2):
        assert tell(pair, COPY_IN) == [COPY_IN]
        with pytest.raises(LocalProtocolError, match="cannot send Sync in phase copy_in: the backend would drop it"):
            pair.frontend.send(m.Sync())
        assert ask(pair, DATA, DATA, DONE) == [DATA, DATA, DONE]
        assert tell_requests(pair, m.CommandComplete("COPY 2")) == [(m.CommandComplete("COPY 2"), query)]
    assert tell(pair, READY) == [READY]


def test_copy_in_given_up(pair: ConnectionPair) -> None:
    ask(pair, m.Query("copy t from stdin"))
    tell(pair, COPY_IN)
    assert ask(pair, DATA, m.CopyFail("no more")) == [DATA, m.CopyFail("no more")]
    with pytest.raises(LocalProtocolError):
        pair.frontend.send(DONE)
    assert tell(pair, ERROR, READY) == [ERROR, READY]


def test_copy_in_that_the_backend_ends(pair: ConnectionPair) -> None:
    """What the frontend had sent before it knew is dropped."""
    ask(pair, m.Query("copy t from stdin"))
    tell(pair, COPY_IN)
    assert ask(pair, DATA) == [DATA]
    pair.backend.send(ERROR)
    pair.backend.send(READY)
    query = m.Query("next")
    assert ask(pair, DATA, m.CopyFail("no")) == []
    assert pair.frontend_receives() == [ERROR, READY]
    assert ask(pair, query) == [query]


def test_copy_in_extended(pair: ConnectionPair) -> None:
    execute = m.Execute()
    assert ask(pair, m.Bind(), execute, m.Flush()) == [m.Bind(), execute, m.Flush()]
    assert tell_requests(pair, m.BindComplete(), COPY_IN)[1] == (COPY_IN, execute)
    assert phases(pair) == (Phase.EXTENDED_COPY_IN, Phase.EXTENDED_COPY_IN)
    assert ask(pair, DATA, DONE, m.Sync()) == [DATA, DONE, m.Sync()]
    with pytest.raises(LocalProtocolError):
        pair.backend.send(m.CommandComplete("COPY 1"))  # Sync was taken first
    pair = ConnectionPair(chunk=pair.chunk)
    pair.start()
    ask(pair, execute)
    tell(pair, COPY_IN)
    assert ask(pair, DATA, DONE) == [DATA, DONE]
    assert tell_requests(pair, m.CommandComplete("COPY 1")) == [(m.CommandComplete("COPY 1"), execute)]
    ask(pair, m.Sync())
    assert tell(pair, READY) == [READY]
    assert phases(pair) == (Phase.IDLE, Phase.IDLE)


def _copying(message: object) -> tuple[object, ...]:
    match message:
        case m.Execute():
            return (COPY_IN,)
        case m.CopyData(b"bad\n") | m.CopyFail():
            return (ERROR,)
        case m.CopyDone():
            return (m.CommandComplete("COPY 1"),)
        case m.Sync():
            return (READY,)
    return ()


@pytest.mark.parametrize("end", [(DATA, DONE), (m.CopyData(b"bad\n"), DATA, DONE), (DATA, m.CopyFail("no"))])
@pytest.mark.parametrize("early", [0, 1, 2])
def test_sync_sent_before_the_copy_is_dropped(pair: ConnectionPair, end: tuple[object, ...], early: int) -> None:
    """As libpq does: Execute and Sync at once, and a Sync again when the COPY is over."""
    for message in (m.Execute(), *[m.Sync()] * early):
        pair.frontend.send(message)
    (event, _) = pair.serve(_copying)[0]
    assert event == COPY_IN
    assert len(pair.frontend.requests) == 1
    for message in (*end, m.Sync()):
        pair.frontend.send(message)
    last = ERROR if len(end) == 3 or type(end[-1]) is m.CopyFail else m.CommandComplete("COPY 1")
    assert [event for event, _ in pair.serve(_copying)] == [last, READY]
    assert pair.frontend.requests == ()
    assert phases(pair) == (Phase.IDLE, Phase.IDLE)


def _failing_at_once(message: object) -> tuple[object, ...]:
    match message:
        case m.Execute() | m.Query("copy"):
            return (COPY_IN, ERROR) if type(message) is m.Execute else (COPY_IN, ERROR, READY)
        case m.Sync():
            return (READY,)
        case m.Query():
            return (DESCRIPTION, SELECT_1, READY)
    return ()


@pytest.mark.parametrize("again", [False, True])
@pytest.mark.parametrize("first", [m.Execute(), m.Query("copy")])
def test_sync_sent_before_a_copy_that_fails_at_once_is_answered(
    pair: ConnectionPair, first: object, again: bool
) -> None:
    """PostgreSQL does so where a BEFORE STATEMENT trigger raises: the error comes before the Sync was read."""
    early, late, query = m.Sync(), m.Sync(), m.Query("select 1")
    pair.frontend.send(first)
    pair.frontend.send(early)
    if again:  # all is sent before the frontend hears of the error
        pair.backend.receive_data(pair.frontend.data_to_send())
        event = pair.backend.next_event()
        assert event == first
        pair.backend.send(COPY_IN)
        assert pair.frontend_receives() == [COPY_IN]
        pair.backend.send(ERROR)
        if isinstance(first, m.Query):
            pair.backend.send(READY)
        for message in (DATA, DONE, late):
            pair.frontend.send(message)
        answered = pair.serve(_failing_at_once)
        assert len([event for event, _ in answered if event == READY]) == (3 if isinstance(first, m.Query) else 2)
    else:
        answered = pair.serve(_failing_at_once)
        assert answered[-1][1] is early
    assert pair.frontend.requests == ()
    assert phases(pair) == (Phase.IDLE, Phase.IDLE)
    pair.frontend.send(query)
    assert pair.serve(_failing_at_once) == [(DESCRIPTION, query), (SELECT_1, query), (READY, query)]
    pair.backend.data_to_send()
    pair.frontend.receive_data(b"Z\0\0\0\5I")  # now there is no doubt any more
    assert "unexpected message ReadyForQuery in phase idle" in str(only_error(list(pair.frontend.events())))


def test_other_requests_behind_copy_in_are_an_error(pair: ConnectionPair) -> None:
    ask(pair, m.Query("copy t from stdin"), m.Query("select 1"))
    pair.backend.send(COPY_IN)
    error = only_error(pair.backend_receives())
    assert str(error) == "unexpected message Query in phase copy_in"
    assert tell(pair, FATAL_ERROR) == [COPY_IN, FATAL_ERROR]
    assert pair.frontend.phase is Phase.CLOSED


def test_only_sync_behind_a_copy_whose_sync_came_early(pair: ConnectionPair) -> None:
    for message in (m.Execute(), m.Sync()):
        pair.frontend.send(message)
    pair.serve(_copying)
    pair.frontend.send(DONE)
    with pytest.raises(LocalProtocolError, match="cannot send Query: behind this COPY must come a Sync"):
        pair.frontend.send(m.Query("select 1"))
    for message in (m.Sync(), m.Query("select 1")):
        pair.frontend.send(message)
    assert [event for event, _ in pair.serve(_copying)] == [m.CommandComplete("COPY 1"), READY]


@pytest.mark.parametrize("first", [m.Query("copy"), m.Execute()])
@pytest.mark.parametrize("fatal", [False, True])
def test_answers_that_cannot_be_told_apart(pair: ConnectionPair, first: object, fatal: bool) -> None:
    """COPY FROM STDIN, Sync and Query at once: behind an error nobody knows whether the Sync was dropped."""
    ask(pair, first)
    for message in (m.Sync(), m.Query("select 1")):
        pair.frontend.send(message)
    assert tell(pair, COPY_IN, NOTICE, ERROR) == [COPY_IN, NOTICE, ERROR]
    if fatal:  # PostgreSQL has read the Query
        assert tell(pair, FATAL_ERROR) == [FATAL_ERROR]
    else:
        pair.frontend.receive_data(b"Z\0\0\0\5I")
        assert "what it answers cannot be told" in str(only_error(list(pair.frontend.events())))


@pytest.mark.parametrize("extended", [False, True])
def test_request_behind_a_copy_that_fails_at_once(pair: ConnectionPair, extended: bool) -> None:
    """Without a Sync between the two there is no doubt: the error comes before the request is read."""
    query = m.Query("select 1")
    pair.frontend.send(m.Execute() if extended else m.Query("copy"))
    pair.frontend.send(query)
    told = [event for event, _ in pair.serve(_failing_at_once)]
    if extended:
        assert told == [COPY_IN, ERROR]
        assert (pair.frontend.requests, phases(pair)) == ((), (Phase.SKIPPING, Phase.SKIPPING))
    else:
        assert told == [COPY_IN, ERROR, READY, DESCRIPTION, SELECT_1, READY]


def test_copy_out(pair: ConnectionPair) -> None:
    query = m.Query("copy t to stdout")
    ask(pair, query)
    told = [COPY_OUT, DATA, DATA, DONE, m.CommandComplete("COPY 2"), READY]
    assert tell_requests(pair, *told) == [(event, query) for event in told]


def test_copy_out_extended_and_failed(pair: ConnectionPair) -> None:
    execute = m.Execute()
    ask(pair, execute)
    assert tell(pair, COPY_OUT, DATA) == [COPY_OUT, DATA]
    pair.backend.send_encoded(b"d\0\0\0\4")
    assert pair.frontend_receives() == [m.CopyData(b"")]
    assert tell(pair, DONE, m.CommandComplete("COPY 2")) == [DONE, m.CommandComplete("COPY 2")]
    ask(pair, execute)
    assert tell(pair, COPY_OUT, DATA, ERROR) == [COPY_OUT, DATA, ERROR]
    assert phases(pair) == (Phase.SKIPPING, Phase.SKIPPING)


@pytest.mark.parametrize("first", ["frontend", "backend", "both"])
def test_copy_both(pair: ConnectionPair, first: str) -> None:
    """Replication: each end ends its own stream, in either order or at the same time."""
    query = m.Query("START_REPLICATION 0/0")
    ask(pair, query)
    assert tell(pair, COPY_BOTH, DATA) == [COPY_BOTH, DATA]
    assert ask(pair, DATA) == [DATA]
    with pytest.raises(LocalProtocolError):
        pair.frontend.send(m.CopyFail("no"))
    if first == "frontend":
        assert ask(pair, DONE) == [DONE]
        with pytest.raises(LocalProtocolError):
            pair.frontend.send(DATA)
        assert tell(pair, DATA, DONE) == [DATA, DONE]
    elif first == "backend":
        assert tell(pair, DONE) == [DONE]
        with pytest.raises(LocalProtocolError):
            pair.backend.send(DATA)
        assert ask(pair, DATA, DONE) == [DATA, DONE]
    else:
        pair.frontend.send(DONE)
        pair.backend.send(DONE)
        assert pair.backend_receives() == [DONE]
        assert pair.frontend_receives() == [DONE]
    assert phases(pair) == (Phase.SIMPLE, Phase.SIMPLE)
    told = [DESCRIPTION, ROW, SELECT_1, m.CommandComplete("START_REPLICATION"), READY]
    assert tell_requests(pair, *told) == [(event, query) for event in told]


def test_copy_both_that_fails(pair: ConnectionPair) -> None:
    """Both streams end with the error, and ReadyForQuery follows without a Sync, as PostgreSQL does."""
    ask(pair, m.Query("START_REPLICATION 0/0"))
    assert tell(pair, COPY_BOTH, DATA, ERROR, READY) == [COPY_BOTH, DATA, ERROR, READY]
    assert phases(pair) == (Phase.IDLE, Phase.IDLE)
