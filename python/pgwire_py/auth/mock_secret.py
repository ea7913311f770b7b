"""The secret from which users who do not exist get their salts."""

from __future__ import annotations

import os
import secrets

__all__ = ["MOCK_SECRET_LENGTH", "load_mock_secret"]

MOCK_SECRET_LENGTH = 32
"""Bytes of a new secret, and fewest of one that is taken."""


def load_mock_secret(path: str | os.PathLike[str]) -> bytes:
    """Read the secret from a file; make the file, for its owner alone, where there is none.

    With the same one after a restart a user who does not exist keeps his salt, as real ones do.

    Raises:
        OSError: the file can be neither read nor made.
        ValueError: it is too short.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        with open(path, "rb") as file:
            secret = file.read(1024)
        if len(secret) < MOCK_SECRET_LENGTH:
            raise ValueError(f"{os.fspath(path)}: fewer than {MOCK_SECRET_LENGTH} bytes") from None
        return secret
    with open(descriptor, "wb") as file:
        secret = secrets.token_bytes(MOCK_SECRET_LENGTH)
        file.write(secret)
    return secret
