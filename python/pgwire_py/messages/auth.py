"""Authentication messages, both directions (Protocol 55.2.1 and 55.3)."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = [
    "AuthenticationOk",
    "AuthenticationSASL",
    "AuthenticationSASLContinue",
    "AuthenticationSASLFinal",
    "BackendKeyData",
    "NegotiateProtocolVersion",
    "PasswordMessage",
    "SASLInitialResponse",
    "SASLResponse",
]


@dataclass(slots=True)
class PasswordMessage:
    """A clear-text or MD5-hashed password, tag ``p`` (F)."""

    password: bytes = field(repr=False)


@dataclass(slots=True)
class SASLInitialResponse:
    """The SASL mechanism the client chose and its first message, tag ``p`` (F). ``data`` is None where none was sent."""

    mechanism: str
    data: bytes | None = field(repr=False)


@dataclass(slots=True)
class SASLResponse:
    """A further SASL message of the client, tag ``p`` (F)."""

    data: bytes = field(repr=False)


@dataclass(slots=True)
class AuthenticationOk:
    """The client is who it says it is, tag ``R`` code 0 (B)."""


@dataclass(slots=True)
class AuthenticationSASL:
    """SASL is required; ``mechanisms`` in the server's order of preference, tag ``R`` code 10 (B)."""

    mechanisms: tuple[str, ...]


@dataclass(slots=True)
class AuthenticationSASLContinue:
    """A SASL challenge, tag ``R`` code 11 (B)."""

    data: bytes = field(repr=False)


@dataclass(slots=True)
class AuthenticationSASLFinal:
    """The outcome of SASL, tag ``R`` code 12 (B)."""

    data: bytes = field(repr=False)


@dataclass(slots=True)
class BackendKeyData:
    """What a CancelRequest must quote, tag ``K`` (B); the key has 4 bytes in protocol 3.0, 4 to 256 in 3.2."""

    process_id: int
    secret_key: bytes = field(repr=False)


@dataclass(slots=True)
class NegotiateProtocolVersion:
    """The newest version the server speaks and the ``_pq_.`` options it does not know, tag ``v`` (B)."""

    newest_version: int
    unknown_options: tuple[str, ...]
