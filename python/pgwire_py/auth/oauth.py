"""OAUTHBEARER (RFC 7628), both ends, as PostgreSQL 18 speaks it (Protocol 55.3.2): a bearer token in the client's one message.

``OAuthServer(issuer, scope).first(data)`` gives the token. Where it is not good, ``failure()`` tells the client where to get one, and
``last(data)`` takes his acknowledgement. No secret enters a repr or an error's text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final, NoReturn

from ..errors import RemoteProtocolError
from .step import Step

__all__ = ["OAUTHBEARER", "OAuth", "OAuthFailure", "OAuthServer", "oauth_client_first", "read_oauth_failure"]

OAUTHBEARER: Final = "OAUTHBEARER"

ACKNOWLEDGEMENT: Final = b"\x01"
"""What a client answers to a failure (RFC 7628 §3.2.3)."""

MAX_FAILURE_LENGTH: Final = 16_384
"""Longest failure, in bytes, that a client reads."""

_KEY: Final = re.compile(rb"[A-Za-z]+")
_TOKEN: Final = re.compile(rb"[A-Za-z0-9\-._~+/]+=*")
_WELL_KNOWN: Final = "/.well-known/"

Validator = Callable[[str, str, str, "str | None"], Awaitable["str | None"]]


@dataclass(frozen=True)
class OAuth:
    """How a server asks for tokens, and who says whether one is good.

    Attributes:
        issuer: URL of the authorization server; the address of its ``openid-configuration`` is made of it, or is it.
        scope: what tokens must be good for, words with spaces between.
        validate: ``await validate(token, user, database, address)``, by position; it returns whose token it is, or None where it is
            not good. It must check that the issuer made the token, that it has not ended, was made for this server, and has the
            scope. ``address`` is the client's IP address, None for a Unix-domain socket.
    """

    issuer: str
    scope: str
    validate: Validator = field(repr=False)

    def __post_init__(self) -> None:
        if not self.issuer or not self.scope:
            raise ValueError("OAuth needs an issuer and a scope")


@dataclass(frozen=True, slots=True)
class OAuthFailure:
    """What a server answers to a token that is not good, or to none."""

    status: str
    openid_configuration: str
    scope: str


class OAuthServer(Step):
    """The server's side of one login.

    Args:
        issuer: see :class:`OAuth`.
        scope: see :class:`OAuth`.
    """

    __slots__ = ("_issuer", "_scope")

    def __init__(self, issuer: str, scope: str) -> None:
        self._issuer = issuer
        self._scope = scope

    def first(self, data: bytes) -> str | None:
        """The token in the client's message; None where it holds none, or a malformed one: to be answered with :meth:`failure`.

        Raises:
            RemoteProtocolError: the message is malformed (08P01), or asks for what is not offered (0A000).
            LocalProtocolError: the step was taken before.
        """
        self._take()
        flag = data[:2]
        if flag[:1] == b"p":
            _malformed("there is no channel binding with OAuth")
        if flag not in (b"n,", b"y,"):
            _malformed("expected a channel-binding flag and a comma")
        rest = data[2:]
        if rest.startswith(b"a"):
            raise RemoteProtocolError(
                "client uses authorization identity, but it is not supported", "0A000", fatal=True
            )
        if not rest.startswith(b",\x01"):
            _malformed("expected a comma and a key-value separator")
        return _bearer_token(_authorization(rest[2:]))

    def failure(self) -> bytes:
        """The challenge that says where tokens come from (RFC 7628 §3.2.2)."""
        where = (
            self._issuer
            if _WELL_KNOWN in self._issuer
            else self._issuer.rstrip("/") + "/.well-known/openid-configuration"
        )
        return json.dumps({"status": "invalid_token", "openid-configuration": where, "scope": self._scope}).encode()

    @staticmethod
    def last(data: bytes) -> None:
        """Take the client's acknowledgement; raises RemoteProtocolError where it is none."""
        if data != ACKNOWLEDGEMENT:
            _malformed("the client did not acknowledge the failure")


def oauth_client_first(token: str = "") -> bytes:
    """A client's one message, for SASLInitialResponse; without a token it asks where to get one.

    Raises:
        ValueError: it is no bearer token (RFC 6750 §2.1).
    """
    encoded = token.encode("ascii", "replace")
    if encoded and not _TOKEN.fullmatch(encoded):
        raise ValueError("not a bearer token")
    value = b"Bearer " + encoded if encoded else b""
    return b"n,,\x01auth=" + value + b"\x01\x01"


def read_oauth_failure(data: bytes) -> OAuthFailure:
    """What a server's challenge says; it is to be answered with :data:`ACKNOWLEDGEMENT`, and an error comes then.

    Raises:
        RemoteProtocolError: it is malformed.
    """
    if len(data) > MAX_FAILURE_LENGTH:
        _malformed(f"more than {MAX_FAILURE_LENGTH} bytes")
    try:
        content = json.loads(data)
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict) or not isinstance(content.get("status"), str):
        _malformed("expected a JSON object with a status")
    values = [content.get(name, "") for name in ("status", "openid-configuration", "scope")]
    if not all(isinstance(value, str) for value in values):
        _malformed("expected strings")
    return OAuthFailure(*values)


def _malformed(rule: str) -> NoReturn:
    raise RemoteProtocolError(f"malformed {OAUTHBEARER} message: {rule}", fatal=True)


def _authorization(pairs: bytes) -> bytes:
    """The value of ``auth`` among ``key=value`` pairs, each behind which stands a separator, and one more at the end."""
    found: bytes | None = None
    while True:
        pair, separator, rest = pairs.partition(b"\x01")
        if not separator:
            _malformed("there is no final terminator")
        if not pair:
            if rest:
                _malformed("there is additional data after the final terminator")
            if found is None:
                _malformed("there is no auth value")
            return found
        key, equals, value = pair.partition(b"=")
        if not equals or not _KEY.fullmatch(key):
            _malformed("expected a key and a value")
        if key == b"auth":
            if found is not None:
                _malformed("there are multiple auth values")
            found = value
        pairs = rest


def _bearer_token(value: bytes) -> str | None:
    scheme, token = value[:7], value[7:].lstrip(b" ")
    if scheme.lower() != b"bearer " or not _TOKEN.fullmatch(token):
        return None
    return token.decode("ascii")
