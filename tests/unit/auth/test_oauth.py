"""pgwire_py.auth.oauth: the messages of OAUTHBEARER, both ends."""

from __future__ import annotations

import json

import pytest

from pgwire_py.auth import OAuth, OAuthFailure, OAuthServer, oauth_client_first, read_oauth_failure
from pgwire_py.auth.oauth import MAX_FAILURE_LENGTH
from pgwire_py.errors import LocalProtocolError, RemoteProtocolError

TOKEN = "abc.DEF-123_~+/=="


def server(issuer: str = "https://issuer.example") -> OAuthServer:
    return OAuthServer(issuer, "openid sql")


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (oauth_client_first(TOKEN), TOKEN),
        (oauth_client_first(), None),
        (b"y,,\x01auth=bEaReR   x\x01\x01", "x"),
        (b"n,,\x01host=h\x01auth=Bearer x\x01port=5432\x01\x01", "x"),
        (b"n,,\x01auth=Bearer \x01\x01", None),
        (b"n,,\x01auth=Basic x\x01\x01", None),
        (b"n,,\x01auth=Bearer x y\x01\x01", None),
        (b"n,,\x01auth=Bearer =x\x01\x01", None),
        (b"n,,\x01auth=Bearer \xff\x01\x01", None),
    ],
)
def test_token(data: bytes, expected: str | None) -> None:
    assert server().first(data) == expected


@pytest.mark.parametrize(
    ("data", "rule"),
    [
        (b"", "channel-binding flag"),
        (b"x,,\x01auth=\x01\x01", "channel-binding flag"),
        (b"p=tls-server-end-point,,\x01auth=\x01\x01", "no channel binding"),
        (b"n,x,\x01auth=\x01\x01", "key-value separator"),
        (b"n,,auth=\x01\x01", "key-value separator"),
        (b"n,,\x01auth=", "final terminator"),
        (b"n,,\x01auth=\x01", "final terminator"),
        (b"n,,\x01auth=\x01\x01x", "additional data"),
        (b"n,,\x01\x01", "no auth value"),
        (b"n,,\x01auth=\x01auth=\x01\x01", "multiple auth"),
        (b"n,,\x01auth\x01\x01", "a key and a value"),
        (b"n,,\x01a1=x\x01\x01", "a key and a value"),
    ],
)
def test_malformed(data: bytes, rule: str) -> None:
    with pytest.raises(RemoteProtocolError, match=rule):
        server().first(data)


def test_authorization_identity_is_not_supported() -> None:
    with pytest.raises(RemoteProtocolError, match="authorization identity") as caught:
        server().first(b"n,a=eve,\x01auth=\x01\x01")
    assert caught.value.sqlstate == "0A000"


def test_failure_says_where_tokens_come_from() -> None:
    where = "https://issuer.example/.well-known/openid-configuration"
    assert read_oauth_failure(server().failure()) == OAuthFailure("invalid_token", where, "openid sql")
    other = "https://issuer.example/.well-known/oauth-authorization-server/tenant"
    assert json.loads(server(other).failure())["openid-configuration"] == other
    server().last(b"\x01")
    with pytest.raises(RemoteProtocolError, match="acknowledge"):
        server().last(b"")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"{}",
        b'{"status": 1}',
        b'{"status": "x", "scope": []}',
        b"[" * 10_000,
        b" " * (MAX_FAILURE_LENGTH + 1),
    ],
)
def test_malformed_failure(data: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        read_oauth_failure(data)


def test_a_step_is_taken_once() -> None:
    step = server()
    step.first(oauth_client_first(TOKEN))
    with pytest.raises(LocalProtocolError):
        step.first(oauth_client_first(TOKEN))


def test_wrong_arguments() -> None:
    for token in ("a b", "ä", "=x"):
        with pytest.raises(ValueError, match="not a bearer token"):
            oauth_client_first(token)

    async def nobody(token: str, user: str, database: str, address: str | None) -> str | None:
        return None

    with pytest.raises(ValueError, match="an issuer and a scope"):
        OAuth("", "sql", nobody)
    assert "nobody" not in repr(OAuth("https://i", "sql", nobody))
