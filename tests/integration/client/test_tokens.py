"""OAUTHBEARER of the client, against our own server, which libpq 18 logs in to in the same way (test_oauth.py)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

import pgwire_py as pg
from pgwire_py import errors
from pgwire_py.auth import HostBasedRules, OAuth
from pgwire_py.client import ConnectionBuilder, OAuthRequest
from pgwire_py.server.tls import ServerTls
from tests.support.certificates import make_certificates

ISSUER = "https://issuer.example/realm"
CONFIGURATION = f"{ISSUER}/.well-known/openid-configuration"
RULES = ["host all all all oauth"]


async def answer(query: pg.Query) -> pg.Result:
    return pg.Result([pg.Column("n", pg.INT4)], [(1,)])


async def validate(token: str, user: str, database: str, address: str | None) -> str | None:
    return token.removeprefix("good-") if token.startswith("good-") else None


@pytest_asyncio.fixture
async def server(variant: Any) -> AsyncIterator[pg.Server]:
    oauth = OAuth(ISSUER, "openid sql", validate)
    async with pg.Server(answer, port=0, auth=HostBasedRules(RULES), oauth=oauth) as server:
        yield server


def options(server: pg.Server, **more: Any) -> dict[str, Any]:
    return {"host": "127.0.0.1", "port": server.port, "user": "ada", "database": "app", **more}


async def test_a_token(server: pg.Server) -> None:
    for more in ({}, {"require_auth": "oauth"}, {"require_auth": "!password"}, {"sslmode": "disable"}):
        async with await pg.connect(**options(server, oauth_token="good-ada", **more)) as conn:
            assert await conn.fetchval("select 1") == 1
    builder = ConnectionBuilder("ada").database("app").oauth_token("good-ada")
    async with await builder.connect(*await asyncio.open_connection("127.0.0.1", server.port)) as raw:
        assert raw.transaction_status == "I"
    assert "good" not in repr(builder)


@pytest.mark.event_loop
async def test_a_function_is_asked_when_the_server_has_said_what_for(server: pg.Server) -> None:
    requests: list[OAuthRequest] = []

    async def fetch(request: OAuthRequest) -> str:
        requests.append(request)
        await asyncio.sleep(0)
        return "good-ada"

    for function in (fetch, lambda request: "good-ada"):
        async with await pg.connect(**options(server, oauth_token=function, oauth_issuer=ISSUER)) as conn:
            assert await conn.fetchval("select 1") == 1
    assert requests == [OAuthRequest(CONFIGURATION, "openid sql", "ada", "127.0.0.1")]
    assert requests[0].issuer == ISSUER
    await (await pg.connect(**options(server, oauth_token=fetch, oauth_scope="less"))).close()
    assert requests[1].scope == "less"


async def test_what_is_refused(server: pg.Server) -> None:
    with pytest.raises(errors.InvalidAuthorizationSpecification, match="OAuth bearer") as caught:
        await pg.connect(**options(server, oauth_token="bad-ada"))
    assert CONFIGURATION in str(caught.value.__cause__)
    assert "bad-ada" not in f"{caught.value}{caught.value.__cause__}"
    with pytest.raises(errors.InvalidAuthorizationSpecification):
        await pg.connect(**options(server, oauth_token=lambda request: "good-eve"))
    with pytest.raises(pg.InterfaceError, match="there is none"):
        await pg.connect(**options(server, password="x"))
    with pytest.raises(pg.InterfaceError, match="not a bearer token"):
        await pg.connect(**options(server, oauth_token="with\x01separator"))
    with pytest.raises(pg.InterfaceError, match="gave none"):
        await pg.connect(**options(server, oauth_token=lambda request: ""))
    with pytest.raises(pg.RemoteProtocolError, match="authentication method requirement"):
        await pg.connect(**options(server, oauth_token="good-ada", require_auth="scram-sha-256"))
    with pytest.raises(pg.RemoteProtocolError, match="channel binding"):
        await pg.connect(**options(server, oauth_token="good-ada", channel_binding="require"))

    asked = []
    for issuer in ("https://other.example", "https://issuer.example", "https://issuer.example/realm/x"):
        with pytest.raises(pg.InterfaceError, match="oauth_issuer"):
            await pg.connect(**options(server, oauth_token=asked.append, oauth_issuer=issuer))
    assert asked == []


async def test_a_refused_token_is_not_sent_again_without_tls(tmp_path: Any) -> None:
    seen: list[str] = []

    async def watch(token: str, user: str, database: str, address: str | None) -> str | None:
        seen.append(token)
        return None

    certificates = make_certificates(tmp_path)
    tls = ServerTls(certificates.certificate, certificates.key)
    oauth = OAuth(ISSUER, "openid", watch)
    async with pg.Server(answer, port=0, auth=HostBasedRules(RULES), oauth=oauth, tls=tls) as server:
        with pytest.raises(errors.InvalidAuthorizationSpecification):
            await pg.connect(**options(server, oauth_token="bad-ada", sslmode="prefer", sslcertmode="disable"))
    assert seen == ["bad-ada"]


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ([b"R\0\0\0\x08\0\0\0\0"], "without a token"),
        ([b"R\0\0\0\x0a\0\0\0\x0b{}"], "malformed OAUTHBEARER"),
        ([b"R\0\0\0\x1e\0\0\0\x0b" + b'{"status": "expired"} '] * 2, "twice"),
        ([b""], "closed the connection"),
    ],
    ids=["lets in", "malformed", "twice", "leaves"],
)
async def test_a_server_that_lies(answers: list[bytes], reason: str) -> None:
    offer = b"R\0\0\0\x15\0\0\0\x0aOAUTHBEARER\0\0"

    async def lie(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for part in (offer, *answers):
            await reader.read(10_000)
            writer.write(part)
        writer.close()

    server = await asyncio.start_server(lie, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        for token in (lambda request: "x", "x"):
            if token == "x" and reason == "without a token":
                continue  # with one it would be in
            with pytest.raises((pg.RemoteProtocolError, pg.ConnectFailed), match=reason):
                await pg.connect(host="127.0.0.1", port=port, user="u", sslmode="disable", oauth_token=token)
