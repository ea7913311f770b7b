"""Asks a client to prove who it is, by the method that the rules have for it (Protocol 55.2.1 and 55.3).

Who fails is told the same, after the same work, whether the user exists or not.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable
from concurrent.futures import ThreadPoolExecutor
from inspect import isawaitable
from typing import TYPE_CHECKING, Final

from .. import messages as m
from ..auth import (
    METHODS,
    OAUTHBEARER,
    AuthSource,
    ClientInfo,
    HostBasedRules,
    HostRule,
    IdentMap,
    Md5Verifier,
    OAuth,
    OAuthServer,
    ScramVerifier,
    Verifier,
)
from ..auth.certificate_names import common_name, distinguished_name
from ..auth.mock_secret import MOCK_SECRET_LENGTH
from ..auth.source import stored_verifier
from ..errors import (
    InvalidAuthorizationSpecification,
    InvalidPassword,
    PostgresError,
)
from .failures import is_to_be_told
from .sasl_login import ClientLeft, SaslLogin, ScramLogin, expected
from .tls import ServerTls, binding_of

if TYPE_CHECKING:
    from .protocol import ServerProtocol

__all__ = ["Authentication", "Proof", "begin_to_authenticate", "proven"]

log = logging.getLogger("pgwire_py.server")

Proof = ScramLogin | Awaitable[None] | None
"""What shows that a client is who it says it is: a SCRAM login, which takes the client's answers one by one; what is to be awaited; or
None where nothing has to be shown. Who fails raises as :func:`proven` does."""

PASSWORD_THREADS: Final = 2
"""Threads that check passwords in clear: strangers make that work, and it must not fill the loop's own threads."""

_WITH_PASSWORD: Final = ("password", "md5", "scram-sha-256")
_FAILED: Final = {"cert": "certificate", "oauth": "OAuth bearer", "trust": '"trust"'}


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


def begin_to_authenticate(protocol: ServerProtocol, user: str, database: str, address: str | None) -> Proof:
    """Ask the client, who came from ``address``, to prove to be ``user``.

    Raises:
        PostgresError: 28000 where it may not come this way, and what :func:`proven` raises.
        ClientLeft: the client left.
    """
    server = protocol.server
    if server.require_ssl and protocol.tls is None and not protocol.local:
        raise InvalidAuthorizationSpecification("this server accepts encrypted connections only (sslmode=require)")
    if server.authentication.trusts_all:
        return None
    if address is None and not protocol.local:  # to the rules it would look like a Unix-domain socket
        raise ClientLeft("the client left before it was accepted")
    client = ClientInfo(user, database, address, protocol.tls is not None)
    rule = server.authentication.rules.find(client)
    if rule is None:
        raise InvalidAuthorizationSpecification(f"no pg_hba.conf entry for {client.describe()}")
    if rule.method == "reject":
        raise InvalidAuthorizationSpecification(f"pg_hba.conf rejects connection for {client.describe()}")
    return _Login(protocol, client, rule).begin()


async def proven(protocol: ServerProtocol, proof: Proof) -> None:
    """Return once the client has proved to be the user.

    Raises:
        PostgresError: 28P01 or 28000 where it has not, 08P01 where it sent another message than it should.
        RemoteProtocolError: what it sent is malformed.
        ClientLeft: the client left.
    """
    if isinstance(proof, ScramLogin):
        while not proof.answer(await protocol.next_event()):
            pass
    elif proof is not None:
        await proof


class _Login:
    """One client's login by one rule."""

    __slots__ = ("_client", "_connection", "_protocol", "_rule", "_server", "_user")

    def __init__(self, protocol: ServerProtocol, client: ClientInfo, rule: HostRule) -> None:
        self._protocol = protocol
        self._connection = protocol.connection
        self._client = client
        self._user = client.user
        self._rule = rule
        self._server = protocol.server.authentication

    def begin(self) -> Proof:
        rule = self._rule
        problem = self._server._lacks(rule, self._protocol.server.tls)  # rules may have been read again
        if problem:
            log.error("%s: %s", rule.where or rule.method, problem)
            raise PostgresError("this rule cannot be followed: see the server's log", sqlstate="F0000")
        if rule.client_certificate:
            return self._with_certificate()
        return self._by_method()

    def _by_method(self) -> Proof:
        method = self._rule.method
        if method in _WITH_PASSWORD:
            return self._with_password()
        return self._oauth() if method == "oauth" else None

    async def _with_certificate(self) -> None:
        rule = self._rule
        assert self._protocol.tls is not None
        certificate = self._protocol.tls.getpeercert()
        if not certificate:
            raise InvalidAuthorizationSpecification("connection requires a valid client certificate")
        await proven(self._protocol, self._by_method())
        if rule.client_certificate == "verify-full":
            name = (distinguished_name if rule.client_name == "DN" else common_name)(certificate)
            if name is None or not self._server.ident.allows(rule.map, name, self._user):
                log.info("the certificate of %r is not one of user %r", name, self._user)
                raise self._failure()

    def _failure(self) -> PostgresError:
        kind = _FAILED.get(self._rule.method, "password")
        error = InvalidPassword if kind == "password" else InvalidAuthorizationSpecification
        return error(f'{kind} authentication failed for user "{self._user}"', severity="FATAL")

    # -- passwords ---------------------------------------------------------------------------------------------------

    def _with_password(self) -> Proof:
        users = self._server.users
        assert users is not None
        try:
            found = users.find(self._user, self._client.database)
        except BaseException as error:
            raise _not_looked_up(error, self._user) from None
        return self._found_later(users, found) if isawaitable(found) else self._ask(users, found)

    async def _found_later(self, users: AuthSource, coming: Awaitable[Verifier | None]) -> None:
        await asyncio.sleep(0)  # a user's coroutine sees a task of its own
        try:
            found = await self._protocol.ask_others(coming)
        except ClientLeft:
            raise
        except BaseException as error:
            raise _not_looked_up(error, self._user) from None
        if self._protocol.lost:
            raise ClientLeft("the client left during authentication")
        await proven(self._protocol, self._ask(users, found))

    def _ask(self, users: AuthSource, found: Verifier | None) -> Proof:
        secret = self._server.mock_secret
        mock = users.mock(self._user, secret)  # made for everybody: it takes time
        verifier = stored_verifier(found, self._user) or mock
        if self._rule.method == "password":
            return self._clear_text(verifier)
        if self._rule.method == "md5" and isinstance(verifier, Md5Verifier):
            return self._md5(verifier)
        if not isinstance(verifier, ScramVerifier):
            # An MD5 password does not serve SCRAM: as in PostgreSQL no password is right then.
            verifier = ScramVerifier.mock(self._user, secret, users.iterations)
        tls = self._protocol.tls
        return ScramLogin(self._connection, verifier, self._user, None if tls is None else binding_of(tls))

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
        password = expected(await self._protocol.next_event(), m.PasswordMessage).password
        if not password:
            raise InvalidPassword("empty password returned by client", severity="FATAL")
        return password

    # -- tokens ------------------------------------------------------------------------------------------------------

    async def _oauth(self) -> None:
        oauth, rule, client = self._server.oauth, self._rule, self._client
        assert oauth is not None
        exchange = OAuthServer(rule.issuer or oauth.issuer, rule.scope or oauth.scope)
        login = SaslLogin(self._connection, (OAUTHBEARER,))
        while (chosen := login.first(await self._protocol.next_event())) is None:
            pass
        token = exchange.first(chosen[1])
        if token is not None:
            await asyncio.sleep(0)  # a user's code again
            try:
                validated = oauth.validate(token, client.user, client.database, client.address)
                identity = await self._protocol.ask_others(validated)
            except BaseException as error:
                if isinstance(error, (PostgresError, ClientLeft)) or not is_to_be_told(error):
                    raise
                log.exception("the validator of bearer tokens failed")
                identity = None
            if isinstance(identity, str) and identity:
                if self._may_be(identity):
                    return
            elif identity is not None:  # with delegate_ident_mapping False would let everybody in
                log.error("the validator of bearer tokens returned no name: %s", type(identity).__name__)
        self._connection.send(m.AuthenticationSASLContinue(exchange.failure()))
        exchange.last(expected(await self._protocol.next_event(), m.SASLResponse).data)
        raise self._failure()

    def _may_be(self, identity: str) -> bool:
        rule = self._rule
        return rule.delegate_ident_mapping or self._server.ident.allows(rule.map, identity, self._user)


def _not_looked_up(error: BaseException, user: str) -> PostgresError:
    """What the client is told where looking for its verifier raised. Any other error's text may hold anything."""
    if isinstance(error, PostgresError):
        return error
    if not is_to_be_told(error):
        raise error
    log.error("looking up user %r failed", user, exc_info=error)
    return PostgresError("the users cannot be looked up", sqlstate="58000")
