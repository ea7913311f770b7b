"""The arithmetic of SCRAM-SHA-256 (RFC 5802 §3, RFC 7677). The messages that a server takes are in ``scram_server.py``, the others
in ``pgwire_py.auth``."""

from __future__ import annotations

import hashlib
import hmac

from ..scram_text import KEY_LENGTH

__all__ = [
    "scram_check_proof",
    "scram_client_proof",
    "scram_keys",
    "scram_mock_salt",
    "scram_salted_password",
    "scram_server_signature",
]

_SALT_LENGTH = 16
_MAX_ITERATIONS = 2**31 - 1


def scram_salted_password(password: bytes, salt: bytes, iterations: int) -> bytes:
    """PBKDF2 with HMAC-SHA-256: ``Hi()`` of the RFC."""
    check_iterations(iterations)
    return hashlib.pbkdf2_hmac("sha256", password, salt, iterations)


def scram_keys(salted_password: bytes) -> tuple[bytes, bytes, bytes]:
    """Client key, stored key and server key."""
    salted = checked_key(salted_password)
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    return client_key, hashlib.sha256(client_key).digest(), hmac.digest(salted, b"Server Key", "sha256")


def scram_client_proof(client_key: bytes, auth_message: bytes) -> bytes:
    """The client key, hidden under a signature that only who has the stored key can take off."""
    stored_key = hashlib.sha256(checked_key(client_key)).digest()
    return _xor(client_key, hmac.digest(stored_key, auth_message, "sha256"))


def scram_check_proof(stored_key: bytes, auth_message: bytes, proof: bytes) -> bool:
    """Whether the proof was made with the client key that belongs to ``stored_key``; compared in constant time."""
    client_key = _xor(checked_key(proof), hmac.digest(checked_key(stored_key), auth_message, "sha256"))
    return hmac.compare_digest(hashlib.sha256(client_key).digest(), stored_key)


def scram_server_signature(server_key: bytes, auth_message: bytes) -> bytes:
    """What the server proves with that it knows the password too."""
    return hmac.digest(checked_key(server_key), auth_message, "sha256")


def scram_mock_salt(secret: bytes, user: bytes) -> bytes:
    """The salt that a user who does not exist always gets."""
    return hmac.digest(secret, b"salt" + user, "sha256")[:_SALT_LENGTH]


def check_iterations(iterations: int) -> None:
    """Raise ValueError for what is no count of PBKDF2 rounds."""
    if not 1 <= iterations <= _MAX_ITERATIONS:
        raise ValueError(f"SCRAM iterations must be between 1 and {_MAX_ITERATIONS}, not {iterations}")


def checked_key(key: bytes) -> bytes:
    """``key`` itself; raises ValueError where it has not 32 bytes."""
    if len(key) != KEY_LENGTH:
        raise ValueError(f"SCRAM keys and proofs have {KEY_LENGTH} bytes, not {len(key)}")
    return key


def _xor(one: bytes, two: bytes) -> bytes:
    return (int.from_bytes(one, "big") ^ int.from_bytes(two, "big")).to_bytes(KEY_LENGTH, "big")
