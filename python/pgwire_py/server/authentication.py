"""Asks a client to prove who it is, by the method that the rules have for it (Protocol 55.2.1 and 55.3).

Who fails is told the same, after the same work, whether the user exists or not.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final, TypeVar

from .. import messages as m
from ..auth import (
    METHODS,
    OAUTHBEARER,
    SCRAM_SHA_256,
    SCRAM_SHA_256_PLUS,
    AuthSource,
    ClientInfo,
    HostBasedRules,
    HostRule,
    IdentMap,
    Md5Verifier,
    OAuth,
    OAuthServer,
    ScramServer,
    ScramVerifier,
    Verifier,
    new_nonce,
)
from ..auth.certificate_names import common_name, distinguished_name
from ..auth.mock_secret import MOCK_SECRET_LENGTH
from ..errors import (
    InvalidAuthorizationSpecification,
    InvalidPassword,
    PostgresError,
    ProtocolViolation,
    RemoteProtocolError,
    postgres_error,
)
from .tls import ServerTls, binding_of

if TYPE_CHECKING:
    from .protocol import ServerProtocol

__all__ = ["Authentication", "ClientLeft", "authenticate"]

log = logging.getLogger("pgwire_py.server")

M = TypeVar("M")

PASSWORD_THREADS: Final = 2
"""Threads that check passwords in clear: strangers make that work, and it must not fill the loop's own threads."""

_WITH_PASSWORD: Final = ("password", "md5", "scram-sha-256")
_FAILED: Final = {"cert": "certificate", "oauth": "OAuth bearer", "trust": '"trust"'}


class ClientLeft(Exception):
    """The client went away, or could not do TLS: nobody is there to be told."""


class Authentication:
    """How a server's clients prove who they are; arguments as for :class:`~pgwire_py.server.Server`.

    Attributes:
        rules: by which each connection gets its method.
        trusts_all: whether everybody is trusted, from everywhere.
        threads: where passwords in clear are checked.

    Raises:
        ValueError: a method lacks what it needs.
    """

    def __init__(
        self,
        auth: AuthSource | HostBasedRules | str,
        users: AuthSource | None,
        ident: IdentMap | None,
        oauth: OAuth | None,
        mock_secret: bytes | None,
        tls: ServerTls | None,
    ) -> None:
        if isinstance(auth, AuthSource):
            if users is not None:
                raise ValueError("auth is an AuthSource already: users would be a second one")
            users = auth
            auth = "scram-sha-256"
        if isinstance(auth, str) and auth not in METHODS:
            raise ValueError(f"auth must be an AuthSource, HostBasedRules or one of {', '.join(METHODS)}, not {auth!r}")
        if mock_secret is not None and len(mock_secret) < MOCK_SECRET_LENGTH:
            raise ValueError(f"mock_secret has fewer than {MOCK_SECRET_LENGTH} bytes")
        self.trusts_all = auth == "trust"
        self.rules = _everybody(auth) if isinstance(auth, str) else auth
        self.users = users
        self.ident = IdentMap() if ident is None else ident
        self.oauth = oauth
        self.mock_secret = secrets.token_bytes(MOCK_SECRET_LENGTH) if mock_secret is None else mock_secret
        self.threads = ThreadPoolExecutor(PASSWORD_THREADS, "pgwire-passwords")
        for rule in self.rules.rules:
            problem = self._lacks(rule, tls)
            if problem:
                raise ValueError(f"{rule.where or rule.method}: {problem}")

    async def close(self) -> None:
        """Free what the users' source and the checking of passwords hold."""
        self.threads.shutdown(wait=False)
        if self.users is not None:
            await self.users.close()

    def _lacks(self, rule: HostRule, tls: ServerTls | None) -> str | None:
        """What a rule needs and the server does not have."""
        if rule.method in _WITH_PASSWORD and self.users is None:
            return f"the method {rule.method} needs users"
        if rule.method == "oauth" and self.oauth is None:
            return "the method oauth needs oauth=OAuth(…)"
        if rule.client_certificate and (tls is None or not tls.checks_clients):
            return "client certificates can only be checked with the authorities they come from (client_ca)"
        return None


def _everybody(method: str) -> HostBasedRules:
    """Rules with one method for all."""
    if method == "cert":
        return HostBasedRules([HostRule("hostssl", "all", "all", "all", method)])
    return HostBasedRules(
        [HostRule("local", "all", "all", None, method), HostRule("host", "all", "all", "all", method)]
    )


async def authenticate(protocol: ServerProtocol, user: str, database: str) -> None:
    """Return once the client has proved to be ``user``.

    Raises:
        PostgresError: 28P01 or 28000 where it has not, 28000 where it may not come this way, 08P01 where what it sent is malformed.
        ClientLeft: the client left.
    """
    server = protocol.server
    if server.require_ssl and protocol.tls is None and not protocol.local:
        raise InvalidAuthorizationSpecification("this server accepts encrypted connections only (sslmode=require)")
    if server.authentication.trusts_all:
        return
    address = protocol.address
    if address is None and not protocol.local:  # to the rules it would look like a Unix-domain socket
        raise ClientLeft("the client left before it was accepted")
    client = ClientInfo(user, database, address, protocol.tls is not None)
    rule = server.authentication.rules.find(client)
    if rule is None:
        raise InvalidAuthorizationSpecification(f"no pg_hba.conf entry for {client.describe()}")
    if rule.method == "reject":
        raise InvalidAuthorizationSpecification(f"pg_hba.conf rejects connection for {client.describe()}")
    try:
        await _Login(protocol, client, rule).run()
    except RemoteProtocolError as error:
        raise postgres_error(error.sqlstate, str(error)) from None


class _Login:
    """One client's login by one rule."""

    def __init__(self, protocol: ServerProtocol, client: ClientInfo, rule: HostRule) -> None:
        self._protocol = protocol
        self._connection = protocol.connection
        self._client = client
        self._user = client.user
        self._rule = rule
        self._server = protocol.server.authentication

    async def run(self) -> None:
        rule = self._rule
        problem = self._server._lacks(rule, self._protocol.server.tls)  # rules may have been read again
        if problem:
            log.error("%s: %s", rule.where or rule.method, problem)
            raise PostgresError("this rule cannot be followed: see the server's log", sqlstate="F0000")
        certificate = None
        if rule.client_certificate:
            assert self._protocol.tls is not None
            certificate = self._protocol.tls.getpeercert()
            if not certificate:
                raise InvalidAuthorizationSpecification("connection requires a valid client certificate")
        if rule.method in _WITH_PASSWORD:
            await self._with_password()
        elif rule.method == "oauth":
            await self._oauth()
        if rule.client_certificate == "verify-full":
            assert certificate is not None
            name = (distinguished_name if rule.client_name == "DN" else common_name)(certificate)
            if name is None or not self._server.ident.allows(rule.map, name, self._user):
                log.info("the certificate of %r is not one of user %r", name, self._user)
                raise self._failure()

    def _failure(self) -> PostgresError:
        kind = _FAILED.get(self._rule.method, "password")
        error = InvalidPassword if kind == "password" else InvalidAuthorizationSpecification
        return error(f'{kind} authentication failed for user "{self._user}"', severity="FATAL")

    # -- passwords ---------------------------------------------------------------------------------------------------

    async def _with_password(self) -> None:
        users, secret = self._server.users, self._server.mock_secret
        assert users is not None
        try:
            found = users.find(self._user, self._client.database)
            if found is not None and not isinstance(found, (ScramVerifier, Md5Verifier)):
                await asyncio.sleep(0)  # a user's coroutine sees a task of its own
                found = await found
        except PostgresError:
            raise
        except Exception:  # its text may hold anything
            log.exception("looking up user %r failed", self._user)
            raise PostgresError("the users cannot be looked up", sqlstate="58000") from None
        if self._protocol.lost:
            raise ClientLeft("the client left during authentication")
        mock = users.mock(self._user, secret)  # made for everybody: it takes time
        verifier = found or mock
        if self._rule.method == "password":
            await self._clear_text(verifier)
        elif self._rule.method == "md5" and isinstance(verifier, Md5Verifier):
            await self._md5(verifier)
        elif isinstance(verifier, ScramVerifier):
            await self._scram(verifier)
        else:  # an MD5 password does not serve SCRAM: as in PostgreSQL no password is right then
            await self._scram(ScramVerifier.mock(self._user, secret, users.iterations))

    async def _clear_text(self, verifier: Verifier) -> None:
        self._connection.send(m.AuthenticationCleartextPassword())
        password = await self._password()
        if isinstance(verifier, Md5Verifier):
            right = verifier.fits(password, self._user)
        else:
            right = await asyncio.get_running_loop().run_in_executor(self._server.threads, verifier.fits, password)
        if not right:
            raise self._failure()

    async def _md5(self, verifier: Md5Verifier) -> None:
        salt = secrets.token_bytes(4)
        self._connection.send(m.AuthenticationMD5Password(salt))
        if not verifier.check(salt, await self._password()):
            raise self._failure()

    async def _password(self) -> bytes:
        password = (await self._receive(m.PasswordMessage)).password
        if not password:
            raise InvalidPassword("empty password returned by client", severity="FATAL")
        return password

    async def _scram(self, verifier: ScramVerifier) -> None:
        tls = self._protocol.tls
        binding = None if tls is None else binding_of(tls)
        offered = (SCRAM_SHA_256,) if binding is None else (SCRAM_SHA_256_PLUS, SCRAM_SHA_256)
        mechanism, data = await self._sasl(offered)
        exchange = ScramServer(verifier, new_nonce(), mechanism=mechanism, channel_binding=binding, user=self._user)
        server_first, final = exchange.first(data)
        self._connection.send(m.AuthenticationSASLContinue(server_first))
        answer = await self._receive(m.SASLResponse)
        self._connection.send(m.AuthenticationSASLFinal(final.final(answer.data)))

    async def _sasl(self, offered: tuple[str, ...]) -> tuple[str, bytes]:
        """The mechanism that the client chose, and its first message."""
        self._connection.send(m.AuthenticationSASL(offered))
        initial = await self._receive(m.SASLInitialResponse)
        if initial.mechanism not in offered:
            raise ProtocolViolation("client selected an invalid SASL authentication mechanism")
        if initial.data is not None:
            return initial.mechanism, initial.data
        self._connection.send(m.AuthenticationSASLContinue(b""))
        return initial.mechanism, (await self._receive(m.SASLResponse)).data

    # -- tokens ------------------------------------------------------------------------------------------------------

    async def _oauth(self) -> None:
        oauth, rule, client = self._server.oauth, self._rule, self._client
        assert oauth is not None
        exchange = OAuthServer(rule.issuer or oauth.issuer, rule.scope or oauth.scope)
        _, data = await self._sasl((OAUTHBEARER,))
        token = exchange.first(data)
        if token is not None:
            await asyncio.sleep(0)  # a user's code again
            try:
                identity = await oauth.validate(token, client.user, client.database, client.address)
            except PostgresError:
                raise
            except Exception:
                log.exception("the validator of bearer tokens failed")
                identity = None
            if isinstance(identity, str) and identity:
                if self._may_be(identity):
                    return
            elif identity is not None:  # with delegate_ident_mapping False would let everybody in
                log.error("the validator of bearer tokens returned no name: %s", type(identity).__name__)
        self._connection.send(m.AuthenticationSASLContinue(exchange.failure()))
        exchange.last((await self._receive(m.SASLResponse)).data)
        raise self._failure()

    def _may_be(self, identity: str) -> bool:
        rule = self._rule
        return rule.delegate_ident_mapping or self._server.ident.allows(rule.map, identity, self._user)

    # -- what the client sends ---------------------------------------------------------------------------------------

    async def _receive(self, kind: type[M]) -> M:
        event = await self._protocol.next_event()
        if event is None or isinstance(event, m.Terminate):
            raise ClientLeft("the client left during authentication")
        if isinstance(event, RemoteProtocolError):
            raise event
        if not isinstance(event, kind):
            raise ProtocolViolation(f"expected {kind.__name__}, got {type(event).__name__}")
        return event
