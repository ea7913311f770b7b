"""OAUTHBEARER over sockets: a client of our own over the sans-IO core, and libpq 18, with an issuer in this process."""

from __future__ import annotations

import asyncio
import base64
import ctypes
import hashlib
import hmac
import json
import logging
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

import pgwire_py as pg
from pgwire_py import messages as m
from pgwire_py.auth import OAUTHBEARER, HostBasedRules, IdentMap, OAuth, oauth_client_first
from tests.support.hosted import LOOPS, Hosted, hosted
from tests.support.oauth import OAuthClient

SCOPE = "openid sql"
RULES = [
    "host all mapped all oauth map=m",
    'host all delegated all oauth delegate_ident_mapping=1 issuer="https://other.example" scope=other',
    "host all all all oauth",
]


class Issuer:
    """An authorization server: signs tokens, and knows its own again."""

    url = "https://issuer.example"

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, str | None]] = []

    def token(self, subject: str, *, scope: str = SCOPE, ends: float = 60, key: bytes = b"key of the issuer") -> str:
        claims = json.dumps({"sub": subject, "scope": scope, "exp": time.time() + ends}).encode()
        parts = [claims, hmac.digest(key, claims, hashlib.sha256)]
        return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)

    async def validate(self, token: str, user: str, database: str, address: str | None) -> str | None:
        self.asked.append((user, database, address))
        await asyncio.sleep(0)
        claims, _, signature = token.partition(".")
        data, signed = (base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)) for part in (claims, signature))
        if not hmac.compare_digest(hmac.digest(b"key of the issuer", data, hashlib.sha256), signed):
            return None
        content = json.loads(data)
        good = content["exp"] > time.time() and content["scope"] == SCOPE
        return str(content["sub"]) if good else None


async def answer(query: pg.Query) -> pg.Result:
    return pg.Result([pg.Column("n", pg.INT4)], [(1,)])


@pytest.fixture
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture(params=LOOPS)
def server(request: pytest.FixtureRequest, issuer: Issuer) -> Iterator[Hosted]:
    oauth = OAuth(issuer.url, SCOPE, issuer.validate)
    ident = IdentMap([r"m /^(.*)@example\.org$ \1"])
    with hosted(answer, LOOPS[request.param], auth=HostBasedRules(RULES), oauth=oauth, ident=ident) as it:
        yield it


def log_in(server: Hosted, user: str, token: str) -> str:
    return OAuthClient(server.server.port, user).log_in(token)


def refused(user: str, issuer: str = Issuer.url, scope: str = SCOPE) -> str:
    text = f'28000 OAuth bearer authentication failed for user "{user}"'
    return f"{issuer}/.well-known/openid-configuration {scope}: {text}"


def test_good_token(server: Hosted, issuer: Issuer) -> None:
    assert log_in(server, "ada", issuer.token("ada")) == "in"
    assert issuer.asked == [("ada", "app", "127.0.0.1")]


def test_bad_tokens(server: Hosted, issuer: Issuer) -> None:
    bad = [
        issuer.token("bob"),
        issuer.token("ada", ends=-1),
        issuer.token("ada", scope="x"),
        issuer.token("ada", key=b"x"),
    ]
    for token in bad:
        assert log_in(server, "ada", token) == refused("ada")


def test_no_token_asks_where_to_get_one(server: Hosted, issuer: Issuer) -> None:
    assert log_in(server, "ada", "") == refused("ada")
    assert issuer.asked == []


def test_maps_and_options_of_a_rule(server: Hosted, issuer: Issuer) -> None:
    assert log_in(server, "mapped", issuer.token("mapped@example.org")) == "in"
    assert log_in(server, "mapped", issuer.token("mapped")) == refused("mapped")
    assert log_in(server, "delegated", issuer.token("anybody")) == "in"
    assert log_in(server, "delegated", "x") == refused("delegated", "https://other.example", "other")


def test_a_validator_that_fails(issuer: Issuer, caplog: pytest.LogCaptureFixture) -> None:
    async def broken(token: str, user: str, database: str, address: str | None) -> str | None:
        raise RuntimeError("the directory is away")

    token = issuer.token("ada")
    with hosted(answer, auth="oauth", oauth=OAuth(issuer.url, SCOPE, broken)) as it, caplog.at_level(logging.DEBUG):
        assert log_in(it, "ada", token) == refused("ada")
    assert "the directory is away" in caplog.text
    assert token not in caplog.text


@pytest.mark.parametrize("returned", [False, True, "", 7])
def test_a_validator_that_names_nobody(issuer: Issuer, returned: Any, caplog: pytest.LogCaptureFixture) -> None:
    """A validator that says yes and no must not let everybody in where he alone decides."""

    async def wrong(token: str, user: str, database: str, address: str | None) -> Any:
        return returned

    rules = HostBasedRules(["host all delegated all oauth delegate_ident_mapping=1", "host all all all oauth map=m"])
    ident = IdentMap(["m /^.* all"])
    oauth = OAuth(issuer.url, SCOPE, wrong)
    with hosted(answer, auth=rules, ident=ident, oauth=oauth) as it:
        for user in ("delegated", "ada"):
            assert log_in(it, user, issuer.token(user)) == refused(user)
    assert "returned no name" in caplog.text


@pytest.mark.parametrize(
    ("data", "code"),
    [(b"", "08P01"), (b"n,,\x01auth=", "08P01"), (b"n,a=x,\x01auth=\x01\x01", "0A000"), (None, "08P01")],
)
def test_malformed_messages(server: Hosted, data: bytes | None, code: str) -> None:
    client = OAuthClient(server.server.port, "ada")
    client.receive()
    client.send(m.SASLInitialResponse(OAUTHBEARER, data))
    answer = client.receive()
    if data is None:
        assert answer == m.AuthenticationSASLContinue(b"")
        client.send(m.SASLResponse(b"nonsense"))
        answer = client.receive()
    assert dict(answer.fields)["C"] == code
    client.socket.close()


def test_a_failure_must_be_acknowledged(server: Hosted) -> None:
    client = OAuthClient(server.server.port, "ada")
    client.receive()
    client.send(m.SASLInitialResponse(OAUTHBEARER, oauth_client_first()))
    client.receive()
    client.send(m.SASLResponse(oauth_client_first("another")))
    assert dict(client.receive().fields)["C"] == "08P01"
    client.socket.close()


# -- libpq 18 --------------------------------------------------------------------------------------------------------


class BearerRequest(ctypes.Structure):
    """PGoauthBearerRequest of libpq-fe.h."""

    _fields_ = (
        ("openid_configuration", ctypes.c_char_p),
        ("scope", ctypes.c_char_p),
        ("run", ctypes.c_void_p),
        ("cleanup", ctypes.c_void_p),
        ("token", ctypes.c_char_p),
        ("user", ctypes.c_void_p),
    )


Hook = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)
BEARER_TOKEN = 1


def libpq() -> ctypes.CDLL:
    """The libpq that psycopg uses, which comes with its binary package."""
    assert psycopg.pq.version() >= 180000, "psycopg's binary package has libpq 18"
    if sys.platform != "linux":
        return ctypes.CDLL(None)
    with open("/proc/self/maps") as maps:
        paths = {line.split()[-1] for line in maps if "/libpq" in line}
    return ctypes.CDLL(next(iter(paths)))


@pytest.fixture
def hook() -> Iterator[Callable[[Callable[[BearerRequest], bytes]], None]]:
    """Have libpq ask a function for tokens."""
    library = libpq()
    kept = []

    def install(make: Callable[[BearerRequest], bytes]) -> None:
        def answer(kind: int, connection: int, data: int) -> int:
            if kind != BEARER_TOKEN:
                return 0
            request = ctypes.cast(data, ctypes.POINTER(BearerRequest)).contents
            request.token = make(request)
            return 1

        kept.append(Hook(answer))
        library.PQsetAuthDataHook(kept[-1])

    yield install
    library.PQsetAuthDataHook(None)


def test_libpq(server: Hosted, issuer: Issuer, hook: Callable[[Callable[[BearerRequest], bytes]], None]) -> None:
    asked = []

    def make(request: BearerRequest) -> bytes:
        asked.append((request.openid_configuration, request.scope))
        return issuer.token("ada").encode()

    hook(make)
    dsn = f"host=127.0.0.1 port={server.server.port} dbname=app sslmode=disable oauth_client_id=tests oauth_issuer={issuer.url}"
    with psycopg.connect(f"{dsn} user=ada require_auth=oauth") as connection:
        assert connection.execute("select 1").fetchone() == (1,)
    assert asked == [(f"{issuer.url}/.well-known/openid-configuration".encode(), SCOPE.encode())]
    with pytest.raises(psycopg.OperationalError, match='OAuth bearer authentication failed for user "eve"'):
        psycopg.connect(f"{dsn} user=eve")
