"""From StartupMessage to the first ReadyForQuery, without a socket: whoever drives it sends what it gives and tells it what comes.

No password leaves for a method that ``require_auth`` or ``channel_binding=require`` does not allow.
"""

from __future__ import annotations

from typing import Final

from .. import auth
from .. import messages as m
from ..connection import ConnectionClosed, FrontendConnection
from ..errors import PostgresError, RemoteProtocolError
from .answers import error_of
from .errors import ConnectionLost, InterfaceError
from .oauth import OAUTHBEARER, OAuthRequest, OAuthTokenNeeded, refusal
from .settings import METHODS, ConnectSettings, Host

__all__ = ["Login"]

_NAMES: Final = {
    m.AuthenticationCleartextPassword: "password",
    m.AuthenticationMD5Password: "md5",
    m.AuthenticationGSS: "gss",
    m.AuthenticationSSPI: "sspi",
}


class Login:
    """One login. :attr:`connection` is the sans-IO connection it goes over; :meth:`take` its events.

    Args:
        settings: what to connect with.
        host: the host that is being logged in to, with its password.
        binding: the TLS connection's binding data; None without.
        connection: its other end is waiting for StartupMessage.
    """

    def __init__(
        self, settings: ConnectSettings, host: Host, binding: bytes | None, connection: FrontendConnection
    ) -> None:
        self.connection = connection
        self.done = False
        self.notices: list[m.NoticeResponse] = []
        self._settings = settings
        self._password = host.password
        self._binding = None if settings["channel_binding"] == "disable" else binding
        self._require_binding = settings["channel_binding"] == "require"
        self._allowed = _allowed(settings["require_auth"])
        self._first: auth.ScramClientFirst | None = None
        self._final: auth.ScramClientFinal | None = None
        self._host = host
        self._method = "none"
        self._proved = False
        self._begun = False
        self._token = ""
        self._token_needed: OAuthTokenNeeded | None = None
        self._token_refused: InterfaceError | None = None
        connection.send(m.StartupMessage(settings.versions[1], settings.startup_parameters()))

    def take(self, event: object) -> None:
        """Take an event of the connection; queue on it what is to be answered. :attr:`done` tells the end.

        Raises:
            PostgresError: the server refuses.
            RemoteProtocolError: the server does what the protocol or the settings do not allow.
            InterfaceError: the server asks for what there is not, as a password.
            ConnectionLost: the server closed the connection.
        """
        match event:
            case RemoteProtocolError(sqlstate="08006"):
                raise ConnectionLost(str(event))
            case RemoteProtocolError():
                raise event
            case ConnectionClosed():
                raise ConnectionLost("the server closed the connection during login")
            case m.ErrorResponse() if self._token_needed is not None:
                raise self._token_needed
            case m.ErrorResponse():
                late = InterfaceError("the server had asked for proof, or taken it") if self._begun else None
                raise error_of(event) from self._token_refused or late
            case m.NoticeResponse():
                self.notices.append(event)
            case m.NegotiateProtocolVersion():
                self._negotiated(event)
            case m.AuthenticationOk():
                self._begun = True
                self._authenticated()
            case m.AuthenticationSASLContinue(data) if self._first is not None:
                answer, self._final = self._first.challenge(data)
                self._first = None
                self.connection.send(m.SASLResponse(answer))
            case m.AuthenticationSASLContinue(data) if self._method == "oauth":
                self._take_oauth_failure(data)
            case m.AuthenticationSASLFinal(data) if self._final is not None:
                self._final.verify(data)
                self._final = None
                self._proved = True
            case m.ReadyForQuery():
                self.done = True
            case m.ParameterStatus() | m.BackendKeyData():
                pass
            case _:
                self._authenticate(event)

    def _negotiated(self, event: m.NegotiateProtocolVersion) -> None:
        if event.unknown_options:
            raise RemoteProtocolError(f"the server does not know {event.unknown_options[0]!r}", fatal=True)
        lowest = self._settings.versions[0]
        if self.connection.protocol_version < lowest:
            text = f"the server speaks protocol 3.{event.minor_version} at most; 3.{lowest & 0xFFFF} is required"
            raise RemoteProtocolError(text, "08004", fatal=True)

    def _authenticate(self, event: object) -> None:
        method = self._sasl_method(event) if isinstance(event, m.AuthenticationSASL) else _NAMES.get(type(event))
        if method is None:
            raise RemoteProtocolError(f"unexpected message {type(event).__name__} during login", fatal=True)
        self._check(method)
        self._begun = True
        if isinstance(event, m.AuthenticationSASL) and method == "scram-sha-256":
            self._begin_scram(event)
            return
        if self._require_binding:
            raise RemoteProtocolError(
                "channel binding required, but the server authenticates without it", "28000", fatal=True
            )
        if isinstance(event, m.AuthenticationCleartextPassword):
            self.connection.send(m.PasswordMessage(_encoded(self._needed_password())))
        elif isinstance(event, m.AuthenticationMD5Password):
            stored = auth.md5_password(self._needed_password(), self._settings.user)
            self.connection.send(m.PasswordMessage(auth.md5_response(stored, event.salt)))
        elif method == "oauth":
            self._begin_oauth()
        else:
            raise InterfaceError(f"the server asks for authentication by {method}, which this client does not have")
        self._method = method

    def _begin_scram(self, event: m.AuthenticationSASL) -> None:
        mechanism = auth.choose_mechanism(event.mechanisms, self._binding, require=self._require_binding)
        # Plain SCRAM with binding data tells the server that -PLUS was not on the list that came.
        binding = self._binding if mechanism == auth.SCRAM_SHA_256_PLUS or self._binding else None
        client = auth.ScramClient(
            self._needed_password(), auth.new_nonce(), mechanism=mechanism, channel_binding=binding
        )
        first, self._first = client.first()
        self._method = "scram-sha-256"
        self.connection.send(m.SASLInitialResponse(mechanism, first))

    def _sasl_method(self, event: m.AuthenticationSASL) -> str:
        """OAuth where it alone is offered, or a token was given."""
        if OAUTHBEARER not in event.mechanisms:
            return "scram-sha-256"
        return "oauth" if len(event.mechanisms) == 1 or self._settings.oauth_token is not None else "scram-sha-256"

    def _begin_oauth(self) -> None:
        """The token, or without one the question where it comes from."""
        source = self._settings.oauth_token
        if source is None:
            raise InterfaceError("the server asks for a bearer token, and there is none: give oauth_token")
        self._token = source if isinstance(source, str) else ""
        try:
            first = auth.oauth_client_first(self._token)
        except ValueError:
            raise InterfaceError("oauth_token is not a bearer token") from None
        self.connection.send(m.SASLInitialResponse(OAUTHBEARER, first))

    def _take_oauth_failure(self, data: bytes) -> None:
        """The server tells where tokens come from; an error follows when that is acknowledged (RFC 7628 §3.2.3)."""
        if self._token_needed is not None or self._token_refused is not None:
            raise RemoteProtocolError("the server told twice where tokens come from", fatal=True)
        failure = auth.read_oauth_failure(data)
        if self._token:
            self._token_refused = refusal(failure)
        else:
            scope = self._settings["oauth_scope"] or failure.scope
            request = OAuthRequest(failure.openid_configuration, scope, self._settings.user, self._host.host)
            self._token_needed = OAuthTokenNeeded(request)
        self.connection.send(m.SASLResponse(b"\x01"))

    def _authenticated(self) -> None:
        if self._method == "none":
            self._check("none")
            if self._require_binding:
                text = "channel binding required, but the server authenticated the client without it"
                raise RemoteProtocolError(text, "28000", fatal=True)
        elif self._method == "scram-sha-256" and not self._proved:
            text = "the server did not prove that it knows the password"
            raise RemoteProtocolError(text, "28000", fatal=True)
        elif self._method == "oauth" and (not self._token or self._token_refused is not None):
            raise RemoteProtocolError("the server let the client in without a token", "28000", fatal=True)

    def _check(self, method: str) -> None:
        if method not in self._allowed:
            wanted = self._settings["require_auth"]
            text = f'authentication method requirement "{wanted}" failed: the server asks for {method}'
            raise RemoteProtocolError(text, "28000", fatal=True)

    def _needed_password(self) -> str:
        if not self._password:
            raise InterfaceError("the server asks for a password, and there is none")
        return self._password


def _allowed(require_auth: str) -> frozenset[str]:
    """The methods that ``require_auth`` lets through: a list of them, or of those it refuses."""
    names = [name for name in require_auth.split(",") if name]
    refused = {name[1:] for name in names if name.startswith("!")}
    if refused and len(refused) != len(names):
        raise InterfaceError("require_auth cannot name methods both with and without !")
    if not names:
        return METHODS
    return METHODS - refused if refused else frozenset(names)


def _encoded(password: str) -> bytes:
    return password.encode("utf-8", "surrogateescape")


def refused_without_tls(error: BaseException) -> bool:
    """Whether another try with the other kind of encryption may fare better: the server has no rule for this one.

    What was told of a password or a token over TLS is not told again in plain text.
    """
    return isinstance(error, PostgresError) and error.sqlstate == "28000" and error.__cause__ is None
