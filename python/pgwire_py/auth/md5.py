"""MD5 password authentication, both ends (Protocol 55.2.1): for servers and users files that know nothing better."""

from __future__ import annotations

import hmac
import re

from .. import _impl

__all__ = ["check_md5_response", "md5_password", "md5_response"]

_STORED_FORM = re.compile(r"md5[0-9a-f]{32}")
_SALT_LENGTH = 4


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
