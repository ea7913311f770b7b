"""Bearer tokens of a client (OAUTHBEARER, RFC 7628; PostgreSQL 18): given, or fetched by a function when the server has said where from."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from .errors import InterfaceError

if TYPE_CHECKING:
    from ..auth import OAuthFailure

__all__ = ["OAUTHBEARER", "OAuthRequest", "OAuthToken", "OAuthTokenNeeded", "refusal"]

OAUTHBEARER: Final = "OAUTHBEARER"
"""The mechanism's name; what else there is of it in ``auth`` is imported when a server asks for it."""

_WELL_KNOWN = "/.well-known/"


@dataclass(frozen=True)
class OAuthRequest:
    """What a token is wanted for.

    Attributes:
        openid_configuration: URL of the authorization server's description, as the server gave it (RFC 8414, OpenID Connect Discovery).
        scope: what the token must be good for, words with spaces between.
        user: who logs in.
        host: the server that the token will be sent to.
    """

    openid_configuration: str
    scope: str
    user: str
    host: str

    @property
    def issuer(self) -> str:
        """The authorization server that the URL belongs to."""
        head, found, tail = self.openid_configuration.partition(_WELL_KNOWN)
        if not found:
            return self.openid_configuration
        _, slash, path = tail.partition("/")
        return head + slash + path


OAuthToken = str | Callable[[OAuthRequest], "str | Awaitable[str]"]
"""A token, or a function or coroutine function that fetches one."""


class OAuthTokenNeeded(InterfaceError):
    """The server has said where tokens come from; not for users: the login is tried again with one."""

    def __init__(self, request: OAuthRequest) -> None:
        super().__init__(f"the server asks for a token of {request.issuer}")
        self.request = request

    async def fetch(self, source: OAuthToken | None, issuer: str) -> str:
        """The token.

        Args:
            source: where it comes from.
            issuer: the only one that may be asked, or the URL of its description; empty is any.

        Raises:
            InterfaceError: the server names another issuer, or the function gives no token.
        """
        wanted = issuer if _WELL_KNOWN in issuer else issuer.rstrip("/")
        named = (self.request.openid_configuration, self.request.issuer.rstrip("/"))
        if issuer and wanted not in named:
            raise InterfaceError(f"the server asks for a token of {self.request.issuer}, oauth_issuer is {issuer}")
        assert callable(source)
        token = source(self.request)
        if inspect.isawaitable(token):
            token = await token
        if not isinstance(token, str) or not token:
            raise InterfaceError("the function that was to give a token gave none")
        return token


def refusal(failure: OAuthFailure) -> InterfaceError:
    """Why a token was not taken: what stands behind the server's error."""
    return InterfaceError(
        f"the server refused the token ({failure.status}): it wants one as {failure.openid_configuration} gives,"
        f" for {failure.scope}"
    )
