"""Authentication messages, both directions (Protocol 55.2.1 and 55.3)."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = [
    "AuthenticationCleartextPassword",
    "AuthenticationGSS",
    "AuthenticationGSSContinue",
    "AuthenticationKerberosV5",
    "AuthenticationMD5Password",
    "AuthenticationOk",
    "AuthenticationSASL",
    "AuthenticationSASLContinue",
    "AuthenticationSASLFinal",
    "AuthenticationSSPI",
    "BackendKeyData",
    "GSSResponse",
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
class GSSResponse:
    """A GSSAPI or SSPI token of the client, tag ``p`` (F)."""

    data: bytes = field(repr=False)


@dataclass(slots=True)
class AuthenticationOk:
    """The client is who it says it is, tag ``R`` code 0 (B)."""


@dataclass(slots=True)
class AuthenticationKerberosV5:
    """Kerberos V5 is required, tag ``R`` code 2 (B). No server newer than PostgreSQL 9.2 sends it."""


@dataclass(slots=True)
class AuthenticationCleartextPassword:
    """The password is required in clear text, tag ``R`` code 3 (B)."""


@dataclass(slots=True)
class AuthenticationMD5Password:
    """The password is required hashed with MD5 and this salt of 4 bytes, tag ``R`` code 5 (B)."""

    salt: bytes = field(repr=False)


@dataclass(slots=True)
class AuthenticationGSS:
    """GSSAPI is required, tag ``R`` code 7 (B)."""


@dataclass(slots=True)
class AuthenticationGSSContinue:
    """A GSSAPI or SSPI token of the server, tag ``R`` code 8 (B)."""

    data: bytes = field(repr=False)


@dataclass(slots=True)
class AuthenticationSSPI:
    """SSPI is required, tag ``R`` code 9 (B)."""


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
    """The newest version the server speaks and the ``_pq_.`` options it does not know, tag ``v`` (B).

    Two forms are known, and ``newest_version`` is what was sent: PostgreSQL sends the whole version (``3 << 16 | minor``), while the
    protocol chapter says, and other servers send, the minor version alone. :attr:`minor_version` is the same for both.
    """

    newest_version: int
    unknown_options: tuple[str, ...]

    @property
    def minor_version(self) -> int:
        """The newest minor version of protocol 3 that the server speaks, whichever form it was sent in."""
        return self.newest_version & 0xFFFF
