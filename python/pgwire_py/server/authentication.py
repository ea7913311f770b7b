"""Asks a client to prove who it is: trust or SCRAM-SHA-256 (Protocol 55.3.1)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

from .. import messages as m
from ..auth import SCRAM_SHA_256, ScramServer, ScramVerifier, new_nonce
from ..errors import InvalidAuthorizationSpecification, ProtocolViolation, RemoteProtocolError, postgres_error

if TYPE_CHECKING:
    from .protocol import ServerProtocol

__all__ = ["ClientLeft", "authenticate"]

M = TypeVar("M")


class ClientLeft(Exception):
    """The client went away, or could not do TLS: nobody is there to be told."""


async def authenticate(protocol: ServerProtocol, user: str, database: str) -> None:
    """Return once the client has proved to be ``user``.

    Raises:
        PostgresError: 28P01 where it has not, 28000 where it may not come this way, 08P01 where what it sent is malformed.
        ClientLeft: the client left.
    """
    server = protocol.server
    if server.require_ssl and not protocol.encrypted and not protocol.local:
        raise InvalidAuthorizationSpecification("this server accepts encrypted connections only (sslmode=require)")
    if server.auth is None:
        return
    await asyncio.sleep(0)  # the AuthSource is a user's code: it sees a task of its own
    found = await server.auth.verifier(user, database)
    mock = ScramVerifier.mock(user, server.mock_secret, server.auth.iterations)  # made for everybody: it takes time
    try:
        await _scram(protocol, user, found or mock)
    except RemoteProtocolError as error:
        raise postgres_error(error.sqlstate, str(error)) from None


async def _scram(protocol: ServerProtocol, user: str, verifier: ScramVerifier) -> None:
    connection = protocol.connection
    connection.expect_password("sasl_initial")
    connection.send(m.AuthenticationSASL((SCRAM_SHA_256,)))
    initial = await _receive(protocol, m.SASLInitialResponse)
    if initial.mechanism != SCRAM_SHA_256:
        raise ProtocolViolation("client selected an invalid SASL authentication mechanism")
    connection.expect_password("sasl_response")
    data = initial.data
    if data is None:
        connection.send(m.AuthenticationSASLContinue(b""))
        data = (await _receive(protocol, m.SASLResponse)).data
    server_first, exchange = ScramServer(verifier, new_nonce(), user=user).first(data)
    connection.send(m.AuthenticationSASLContinue(server_first))
    answer = await _receive(protocol, m.SASLResponse)
    connection.send(m.AuthenticationSASLFinal(exchange.final(answer.data)))


async def _receive(protocol: ServerProtocol, kind: type[M]) -> M:
    event = await protocol.next_event()
    if event is None or isinstance(event, m.Terminate):
        raise ClientLeft("the client left during authentication")
    if isinstance(event, RemoteProtocolError):
        raise event
    if not isinstance(event, kind):
        raise ProtocolViolation(f"expected {kind.__name__}, got {type(event).__name__}")
    return event
