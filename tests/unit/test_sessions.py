"""Recorded sessions of real clients and servers: every message is understood, in any chunking, and encodes to the same bytes."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest

from pgwire_py import messages as m
from pgwire_py._impl import pure
from pgwire_py.errors import RemoteProtocolError
from tests.vectors.recorded import BACKEND, FRONTEND, Follower, Session, sessions

WELL_FORMED = [session for session in sessions() if not session.malformed]
MALFORMED = [session for session in sessions() if session.malformed]
ENDS = (FRONTEND, BACKEND)


def _name(session: Session) -> str:
    return session.name


def _follow(core: Any, session: Session, largest: int | None, seed: int = 0) -> dict[str, list[Any]]:
    """The items of both ends; pieces are cut into chunks of at most ``largest`` bytes."""
    follower = Follower(core)
    found: dict[str, list[Any]] = {FRONTEND: [], BACKEND: []}
    dice = random.Random(seed)
    for direction, data in session.pieces:
        position = 0
        while position < len(data):
            size = len(data) if largest is None else dice.randint(1, largest)
            found[direction] += follower.feed(direction, data[position : position + size])
            position += size
    assert [follower.decoders[end].buffered for end in ENDS] == [0, 0]
    return found


@pytest.mark.parametrize("session", WELL_FORMED, ids=_name)
def test_messages_encode_to_the_recorded_bytes(core: Any, session: Session) -> None:
    for end, items in _follow(core, session, None).items():
        assert not [item for item in items if isinstance(item, RemoteProtocolError)]
        assert b"".join(core.encode_message(item) for item in items) == session.stream(end)


@pytest.mark.parametrize("session", sessions(), ids=_name)
def test_chunks_do_not_matter(core: Any, session: Session) -> None:
    whole = _follow(core, session, None)
    for largest in (1, 7, 300):
        assert _follow(core, session, largest, seed=largest) == whole


@pytest.mark.parametrize("session", MALFORMED, ids=_name)
def test_postgresql_answers_malformed_messages_alike(core: Any, session: Session) -> None:
    """One error of ours for each ErrorResponse recorded, with its SQLSTATE and text."""
    found = _follow(core, session, None)
    ours = [item for item in found[FRONTEND] if isinstance(item, RemoteProtocolError)]
    theirs = [item.fields for item in found[BACKEND] if isinstance(item, m.ErrorResponse)]
    assert [(error.sqlstate, str(error), error.fatal) for error in ours] == [
        (fields["C"], fields["M"], fields["V"] == "FATAL") for fields in theirs
    ]


def test_sessions_hold_what_they_are_for() -> None:
    """Both servers, every client, and every message but those of GSSAPI, SSPI and Kerberos."""
    seen: Counter[str] = Counter()
    for session in sessions():
        for items in _follow(pure, session, None).values():
            seen.update(type(item).__name__ for item in items)
    never_recorded = {
        "AuthenticationGSS", "AuthenticationGSSContinue", "AuthenticationKerberosV5", "AuthenticationSSPI", "GSSResponse",
    }  # fmt: skip
    classes = {name for name in m.__all__ if isinstance(getattr(m, name), type)} - {"FieldDescription"}
    assert classes - seen.keys() == never_recorded
    assert {session.server.split(".")[0] for session in sessions()} == {"PostgreSQL 15", "PostgreSQL 18"}
    clients = {session.client.split()[0] for session in sessions()}
    assert clients == {"psql", "pgbench", "psycopg", "asyncpg", "raw"}
