"""MD5 passwords (Protocol 55.2.1, AuthenticationMD5Password): what PostgreSQL stores, and what a client answers."""

from __future__ import annotations

import hashlib

__all__ = ["md5_password", "md5_response"]

_PREFIX = b"md5"
_LENGTH = 35


def md5_password(password: bytes, user: bytes) -> bytes:
    """What is stored of a password: ``md5`` and the MD5 of password and user name."""
    return _written(password + user)


def md5_response(stored: bytes, salt: bytes) -> bytes:
    """What proves the stored form: ``md5`` and the MD5 of its digits and the salt."""
    if len(stored) != _LENGTH or not stored.startswith(_PREFIX):
        raise ValueError("not an MD5 password as PostgreSQL stores it")
    return _written(stored[len(_PREFIX) :] + salt)


def _written(data: bytes) -> bytes:
    return _PREFIX + hashlib.md5(data, usedforsecurity=False).hexdigest().encode()
