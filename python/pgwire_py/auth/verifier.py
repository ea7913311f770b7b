"""What a server keeps of a password instead of it (RFC 5802 §3), in PostgreSQL's form."""

from __future__ import annotations

import hmac
import os
import re
from dataclasses import dataclass, field

from .. import _impl
from .._impl.scram_text import KEY_LENGTH, SCRAM_SHA_256, decode_base64, encode_base64

__all__ = ["DEFAULT_ITERATIONS", "MAX_ITERATIONS", "ScramVerifier", "prepared", "saslprep"]

DEFAULT_ITERATIONS = 4096
"""PBKDF2 rounds of a new verifier: PostgreSQL's ``scram_iterations`` default."""

MAX_ITERATIONS = 2**31 - 1
"""Most PBKDF2 rounds of a verifier: PostgreSQL's limit. A client takes fewer, see ``DEFAULT_MAX_ITERATIONS``."""

_SALT_LENGTH = 16
_NO_KEY = bytes(KEY_LENGTH)
_STORED_FORM = re.compile(r"SCRAM-SHA-256\$([0-9]{1,10}):([A-Za-z0-9+/=]+)\$([A-Za-z0-9+/=]+):([A-Za-z0-9+/=]+)")


@dataclass(frozen=True, slots=True)
class ScramVerifier:
    """Enough to check a password, not enough to log in with it.

    Attributes:
        iterations: PBKDF2 rounds.
        salt: as many bytes as its maker chose; PostgreSQL takes 16.
        stored_key: SHA-256 of the client key, 32 bytes.
        server_key: what the server proves itself with, 32 bytes.
        doomed: True for the mock verifier of an unknown user, against which no proof is right.
    """

    iterations: int
    salt: bytes = field(repr=False)
    stored_key: bytes = field(repr=False)
    server_key: bytes = field(repr=False)
    doomed: bool = field(default=False, repr=False)

    def __post_init__(self) -> None:
        _check_iterations(self.iterations)
        if not self.salt:
            raise ValueError("a SCRAM salt must not be empty")
        if len(self.stored_key) != KEY_LENGTH or len(self.server_key) != KEY_LENGTH:
            raise ValueError(f"SCRAM keys have {KEY_LENGTH} bytes")

    @classmethod
    def from_password(cls, password: str | bytes, salt: bytes, iterations: int = DEFAULT_ITERATIONS) -> ScramVerifier:
        """Derive the verifier of a clear-text password (RFC 5802 §3); its work grows with ``iterations``.

        Raises:
            ValueError: ``salt`` is empty, or ``iterations`` out of range.
        """
        _check_iterations(iterations)
        salted = _impl.scram_salted_password(prepared(password), salt, iterations)
        _, stored_key, server_key = _impl.scram_keys(salted)
        return cls(iterations, salt, stored_key, server_key)

    @classmethod
    def generate(cls, password: str | bytes, iterations: int = DEFAULT_ITERATIONS) -> ScramVerifier:
        """As :meth:`from_password`, with 16 random bytes of salt."""
        return cls.from_password(password, os.urandom(_SALT_LENGTH), iterations)

    @classmethod
    def mock(cls, user: str, secret: bytes, iterations: int = DEFAULT_ITERATIONS) -> ScramVerifier:
        """The verifier of a user that does not exist: always the same salt for a name, and no password fits.

        Args:
            user: the name that the client gave.
            secret: random bytes that the server made when it started and tells nobody.
            iterations: those of the real users, so that the answer looks like theirs.
        """
        name = user.encode("utf-8", "surrogatepass")
        salt = _impl.scram_mock_salt(secret, name)
        return cls(iterations, salt, _NO_KEY, _NO_KEY, doomed=True)

    @classmethod
    def parse(cls, text: str) -> ScramVerifier:
        """Read the form that PostgreSQL stores: ``SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>``.

        Raises:
            ValueError: it is not of that form. The text is not quoted in the message.
        """
        match = _STORED_FORM.fullmatch(text)
        if match is None:
            raise ValueError("not a SCRAM-SHA-256 verifier")
        salt, stored_key, server_key = map(decode_base64, match.group(2, 3, 4))
        if salt is None or stored_key is None or server_key is None:
            raise ValueError("a SCRAM-SHA-256 verifier with wrong base64")
        return cls(int(match.group(1)), salt, stored_key, server_key)

    def format(self) -> str:
        """The form that PostgreSQL stores and :meth:`parse` reads. Treat it as a secret."""
        salt, stored_key, server_key = (
            encode_base64(part).decode() for part in (self.salt, self.stored_key, self.server_key)
        )
        return f"{SCRAM_SHA_256}${self.iterations}:{salt}${stored_key}:{server_key}"

    def fits(self, password: str | bytes) -> bool:
        """Whether this is the verifier of a clear-text password, compared in constant time; costs a PBKDF2."""
        salted = _impl.scram_salted_password(prepared(password), self.salt, self.iterations)
        return hmac.compare_digest(_impl.scram_keys(salted)[1], self.stored_key) and not self.doomed


def saslprep(password: str) -> str:
    """Normalise a password by SASLprep (RFC 4013), as PostgreSQL does on both ends.

    A password that the profile prohibits, or that would become empty, comes back as it was.
    """
    return prepared(password).decode("utf-8", "surrogatepass")


def prepared(password: str | bytes) -> bytes:
    """The bytes that PBKDF2 works on: by SASLprep where that is possible, else as they came."""
    if isinstance(password, str):
        password = password.encode("utf-8", "surrogatepass")
    return _impl.prepare_password(password)


def _check_iterations(iterations: int) -> None:
    if not 1 <= iterations <= MAX_ITERATIONS:
        raise ValueError(f"SCRAM iterations must be between 1 and {MAX_ITERATIONS}, not {iterations}")
