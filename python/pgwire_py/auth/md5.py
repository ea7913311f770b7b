"""MD5 password authentication, both ends (Protocol 55.2.1): for servers and users files that know nothing better."""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass, field

from .. import _impl

__all__ = ["Md5Verifier", "check_md5_response", "md5_password", "md5_response"]

_STORED_FORM = re.compile(r"md5[0-9a-f]{32}")
_SALT_LENGTH = 4


@dataclass(frozen=True, slots=True)
class Md5Verifier:
    """What PostgreSQL stores of a password where ``password_encryption`` is ``md5``.

    Attributes:
        stored: ``md5`` and 32 hexadecimal digits, :func:`md5_password`.
        doomed: True for the mock verifier of an unknown user, against which nothing is right.

    Raises:
        ValueError: it is not of that form. It is not quoted in the message.
    """

    stored: str = field(repr=False)
    doomed: bool = field(default=False, repr=False)

    def __post_init__(self) -> None:
        if not _STORED_FORM.fullmatch(self.stored):
            raise ValueError("not an MD5 password as PostgreSQL stores it")

    @classmethod
    def mock(cls, user: str, secret: bytes) -> Md5Verifier:
        """The verifier of a user that does not exist."""
        return cls("md5" + hmac.digest(secret, b"md5" + _encoded(user), "sha256").hex()[:32], doomed=True)

    def check(self, salt: bytes, response: bytes) -> bool:
        """Whether a client's answer to AuthenticationMD5Password is right, compared in constant time."""
        return check_md5_response(self.stored, salt, response) and not self.doomed

    def fits(self, password: str | bytes, user: str) -> bool:
        """Whether this is the verifier of a clear-text password, compared in constant time."""
        return hmac.compare_digest(md5_password(password, user), self.stored) and not self.doomed


def md5_password(password: str | bytes, user: str) -> str:
    """What PostgreSQL stores of a password: ``md5`` and 32 hexadecimal digits. Treat it as a secret: it suffices to log in."""
    return _impl.md5_password(_encoded(password), _encoded(user)).decode()


def md5_response(stored: str, salt: bytes) -> bytes:
    """A client's answer to AuthenticationMD5Password, for PasswordMessage.

    Args:
        stored: :func:`md5_password` of the password.
        salt: the 4 bytes of the request.

    Raises:
        ValueError: one of them is not of that form. It is not quoted in the message.
    """
    if not _STORED_FORM.fullmatch(stored):
        raise ValueError("not an MD5 password as PostgreSQL stores it")
    if len(salt) != _SALT_LENGTH:
        raise ValueError(f"an MD5 salt has {_SALT_LENGTH} bytes, not {len(salt)}")
    return _impl.md5_response(stored.encode(), salt)


def check_md5_response(stored: str, salt: bytes, response: bytes) -> bool:
    """Whether a client's answer is right, compared in constant time; raises as :func:`md5_response`."""
    return hmac.compare_digest(md5_response(stored, salt), response)


def _encoded(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
