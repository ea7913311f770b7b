"""The messages of SCRAM that a client takes, with every bound checked (RFC 5802 §5.1 and §7), and the names around them.

What a peer sent and what is wrong with it raise :class:`RemoteProtocolError`, which names the message and the rule and quotes
nothing secret.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field

from .._impl.scram_text import (
    KEY_LENGTH,
    MAX_MESSAGE_LENGTH,
    attributes_of,
    checked_message,
    decode_base64,
    encode_base64,
    extension,
    is_nonce,
    malformed,
)
from ..errors import InvalidAuthorizationSpecification

__all__ = [
    "ServerFirst",
    "check_nonce",
    "new_nonce",
    "new_server_nonce",
    "read_server_final",
    "read_server_first",
]

_NONCE_LENGTH = 18

_ITERATIONS = re.compile(rb"[1-9][0-9]{0,9}")


@dataclass(frozen=True, slots=True)
class ServerFirst:
    """server-first-message: the nonce of both, the salt, the rounds of PBKDF2."""

    nonce: bytes
    salt: bytes = field(repr=False)
    iterations: int


def read_server_first(message: bytes) -> ServerFirst:
    """Take server-first-message apart; optional extensions behind it are read over.

    Raises:
        RemoteProtocolError: it is malformed, or asks for an extension.
    """
    name = "server-first-message"
    attributes = attributes_of(checked_message(message, name), name)
    if attributes[0][0] == b"m":
        extension("server")
    if [attribute for attribute, _ in attributes[:3]] != [b"r", b"s", b"i"]:
        malformed(name, "expected nonce, salt and iteration count")
    nonce, salt_text, iterations = (value for _, value in attributes[:3])
    if not is_nonce(nonce):
        malformed(name, "non-printable characters in nonce")
    salt = decode_base64(salt_text)
    if not salt:
        malformed(name, "expected a salt in base64")
    if not _ITERATIONS.fullmatch(iterations):
        malformed(name, "expected an iteration count of 1 to 10 digits")
    return ServerFirst(nonce, salt, int(iterations))


def read_server_final(message: bytes) -> bytes:
    """The signature in server-final-message.

    Raises:
        RemoteProtocolError: it is malformed.
        InvalidAuthorizationSpecification: the server says that it does not accept the login.
    """
    name = "server-final-message"
    attribute, value = attributes_of(checked_message(message, name), name)[0]
    if attribute == b"e":
        reason = value[:100].decode("ascii", "backslashreplace")
        raise InvalidAuthorizationSpecification(f"the server refused the login: {reason}", severity="FATAL")
    signature = decode_base64(value) if attribute == b"v" else None
    if signature is None or len(signature) != KEY_LENGTH:
        malformed(name, f"expected a signature of {KEY_LENGTH} bytes in base64")
    return signature


def check_nonce(nonce: bytes) -> bytes:
    """``nonce`` itself.

    Raises:
        ValueError: it is not printable ASCII without comma, or longer than a message may be.
    """
    if not is_nonce(nonce) or len(nonce) > MAX_MESSAGE_LENGTH // 4:
        raise ValueError(f"a nonce is 1 to {MAX_MESSAGE_LENGTH // 4} printable ASCII characters without comma")
    return nonce


def new_nonce() -> bytes:
    """A fresh nonce for either end: 18 random bytes in base64, as PostgreSQL makes them."""
    return encode_base64(os.urandom(_NONCE_LENGTH))


new_server_nonce = new_nonce
"""The earlier name of :func:`new_nonce`."""
