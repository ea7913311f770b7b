"""Our client and our server joined, without a socket."""

from __future__ import annotations

import copy
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgwire_py.auth import (
    SCRAM_SHA_256,
    SCRAM_SHA_256_PLUS,
    ScramClient,
    ScramServer,
    ScramVerifier,
    choose_mechanism,
)
from pgwire_py.errors import InvalidPassword, RemoteProtocolError

CHANNEL = b"hash of a certificate"


def login(
    password: str | bytes,
    verifier: ScramVerifier,
    *,
    offered: tuple[str, ...] = (SCRAM_SHA_256,),
    client_channel: bytes | None = None,
    server_channel: bytes | None = None,
) -> str:
    """The mechanism with which both ends were content."""
    mechanism = choose_mechanism(offered, client_channel)
    client = ScramClient(password, b"client", mechanism=mechanism, channel_binding=client_channel)
    server = ScramServer(verifier, b"server", mechanism=mechanism, channel_binding=server_channel)
    client_first, answering = client.first()
    server_first, checking = server.first(client_first)
    client_final, verifying = answering.challenge(server_first)
    verifying.verify(checking.final(client_final))
    return mechanism


BOTH = (SCRAM_SHA_256_PLUS, SCRAM_SHA_256)


@given(st.text(max_size=20), st.binary(min_size=1, max_size=40), st.integers(1, 20))
def test_any_password(password: str, salt: bytes, iterations: int) -> None:
    verifier = ScramVerifier.from_password(password, salt, iterations)
    assert login(password, verifier) == SCRAM_SHA_256
    with pytest.raises(InvalidPassword):
        login(password + "x", verifier)


@given(st.binary(max_size=20))
def test_password_that_is_no_text(password: bytes) -> None:
    verifier = ScramVerifier.from_password(password, b"salt", 1)
    assert login(password, verifier) == SCRAM_SHA_256


def test_bound_to_the_channel() -> None:
    verifier = ScramVerifier.from_password("x", b"salt", 1)
    channels = {"client_channel": CHANNEL, "server_channel": CHANNEL}
    assert login("x", verifier, offered=BOTH, **channels) == SCRAM_SHA_256_PLUS
    assert login("x", verifier, offered=BOTH, server_channel=CHANNEL) == SCRAM_SHA_256
    assert login("x", verifier, client_channel=CHANNEL) == SCRAM_SHA_256
    with pytest.raises(InvalidPassword):
        login("y", verifier, offered=BOTH, **channels)


def test_somebody_in_the_middle() -> None:
    verifier = ScramVerifier.from_password("x", b"salt", 1)
    with pytest.raises(RemoteProtocolError, match="channel binding check failed"):
        login("x", verifier, offered=BOTH, client_channel=b"another certificate", server_channel=CHANNEL)
    with pytest.raises(RemoteProtocolError, match="negotiation error"):
        login("x", verifier, offered=(SCRAM_SHA_256,), client_channel=b"another", server_channel=CHANNEL)


def test_unknown_user() -> None:
    with pytest.raises(InvalidPassword):
        login("x", ScramVerifier.mock("eve", b"secret"))


def test_steps_show_and_give_away_nothing() -> None:
    verifier = ScramVerifier.from_password("hunter2", b"salty", 1)
    client, server = ScramClient("hunter2", b"client"), ScramServer(verifier, b"server", user="ada")
    client_first, answering = client.first()
    server_first, checking = server.first(client_first)
    _, verifying = answering.challenge(server_first)
    for step in (client, server, answering, checking, verifying):
        shown = repr(step) + str(step)
        for secret in (b"hunter2", b"salty", verifier.stored_key, verifier.server_key):
            assert repr(secret)[2:-1] not in shown
        for way in (copy.copy, copy.deepcopy, pickle.dumps):
            with pytest.raises(TypeError, match="neither copied nor pickled"):
                way(step)
        assert not hasattr(step, "__dict__")
