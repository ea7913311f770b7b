"""The text of SCRAM's messages (RFC 5802 §7): attributes, base64, nonces. For both ends, whichever implementation reads them.

What a peer sent and what is wrong with it raise :class:`RemoteProtocolError`, which names the message and the rule and quotes
nothing secret.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Final, NoReturn

from ..errors import RemoteProtocolError

__all__ = [
    "KEY_LENGTH",
    "MAX_MESSAGE_LENGTH",
    "SCRAM_SHA_256",
    "SCRAM_SHA_256_PLUS",
    "TLS_SERVER_END_POINT",
    "attributes_of",
    "checked_message",
    "decode_base64",
    "encode_base64",
    "extension",
    "is_nonce",
    "malformed",
]

SCRAM_SHA_256 = "SCRAM-SHA-256"
"""The SASL mechanism's name (RFC 7677)."""

SCRAM_SHA_256_PLUS = "SCRAM-SHA-256-PLUS"
"""The same with channel binding: the login is worth nothing on another TLS connection."""

TLS_SERVER_END_POINT = b"tls-server-end-point"
"""The channel binding's type (RFC 5929 §4), the one that PostgreSQL has."""

MAX_MESSAGE_LENGTH = 1024
"""Longest SASL message taken from a peer, in bytes: PostgreSQL's PG_MAX_SASL_MESSAGE_LENGTH."""

KEY_LENGTH = 32
"""Bytes of a key, a signature and a proof."""

is_nonce: Final = re.compile(rb"[\x21-\x2b\x2d-\x7e]+").fullmatch
"""Whether it is a nonce: printable ASCII without comma."""


def malformed(name: str, rule: str) -> NoReturn:
    """Raise the error of a malformed message."""
    raise RemoteProtocolError(f"malformed SCRAM message: {rule} in {name}", fatal=True)


def extension(whose: str) -> NoReturn:
    """Raise the error for an extension that one must know and we do not."""
    raise RemoteProtocolError(f"{whose} requires an unsupported SCRAM extension", "0A000", fatal=True)


def checked_message(message: bytes, name: str) -> bytes:
    """``message`` itself, which is not too long."""
    if len(message) > MAX_MESSAGE_LENGTH:
        malformed(name, f"more than {MAX_MESSAGE_LENGTH} bytes")
    if b"\0" in message:
        malformed(name, "NUL")
    return message


def attributes_of(message: bytes, name: str) -> list[tuple[bytes, bytes]]:
    """Name and value of each ``x=value`` between commas; at least one."""
    attributes = []
    for part in message.split(b","):
        if part[1:2] != b"=" or not part[:1].isalpha():
            malformed(name, "attribute expected")
        attributes.append((part[:1], part[2:]))
    return attributes


def encode_base64(data: bytes) -> bytes:
    """Base64 with padding."""
    return binascii.b2a_base64(data, newline=False)


def decode_base64(text: bytes | str) -> bytes | None:
    """The bytes of strict base64, None for anything else."""
    if len(text) % 4:  # Python 3.10 alone would allow too much padding
        return None
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:  # binascii.Error is one; so is what a text that is not ASCII raises
        return None
