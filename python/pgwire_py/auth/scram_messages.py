"""The four messages of SCRAM, taken apart with every bound checked (RFC 5802 §5.1 and §7), and the names around them.

What a peer sent and what is wrong with it raise :class:`RemoteProtocolError`, which names the message and the rule and quotes
nothing secret.
"""

from __future__ import annotations

import base64
import os
import re
from dataclasses import dataclass, field
from typing import NoReturn

from ..errors import InvalidAuthorizationSpecification, RemoteProtocolError

__all__ = [
    "KEY_LENGTH",
    "MAX_MESSAGE_LENGTH",
    "SCRAM_SHA_256",
    "SCRAM_SHA_256_PLUS",
    "TLS_SERVER_END_POINT",
    "ClientFinal",
    "ClientFirst",
    "ServerFirst",
    "check_nonce",
    "decode_base64",
    "encode_base64",
    "malformed",
    "new_nonce",
    "new_server_nonce",
    "read_client_final",
    "read_client_first",
    "read_server_final",
    "read_server_first",
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
_NONCE_LENGTH = 18

_ITERATIONS = re.compile(rb"[1-9][0-9]{0,9}")
_BINDING_TYPE = re.compile(rb"[A-Za-z0-9.-]{1,64}")
_NONCE = re.compile(rb"[\x21-\x2b\x2d-\x7e]+")  # printable, without the comma


@dataclass(frozen=True, slots=True)
class ClientFirst:
    """client-first-message.

    Attributes:
        flag: ``n`` (cannot bind), ``y`` (could, thinks the server cannot) or ``p`` (binds).
        binding_type: of flag ``p``; else empty.
        gs2_header: everything before ``bare``, with its last comma.
        bare: client-first-message-bare.
        nonce: the client's.
    """

    flag: str
    binding_type: bytes
    gs2_header: bytes
    bare: bytes
    nonce: bytes


@dataclass(frozen=True, slots=True)
class ServerFirst:
    """server-first-message: the nonce of both, the salt, the rounds of PBKDF2."""

    nonce: bytes
    salt: bytes = field(repr=False)
    iterations: int


@dataclass(frozen=True, slots=True)
class ClientFinal:
    """client-final-message; ``binding`` is still in base64, ``without_proof`` is what the proof signs."""

    binding: bytes = field(repr=False)
    nonce: bytes
    proof: bytes = field(repr=False)
    without_proof: bytes = field(repr=False)


def read_client_first(message: bytes) -> ClientFirst:
    """Take client-first-message apart.

    The user name is not among the result: PostgreSQL's clients leave it empty, and the one of StartupMessage counts.

    Raises:
        RemoteProtocolError: it is malformed (08P01), or asks for what is not offered (0A000).
    """
    name = "client-first-message"
    flag_text, comma, rest = _checked(message, name).partition(b",")
    flag, equals, binding_type = flag_text.partition(b"=")
    if not comma or flag not in (b"n", b"y", b"p") or bool(equals) != (flag == b"p"):
        malformed(name, "expected a channel-binding flag")
    if equals and not _BINDING_TYPE.fullmatch(binding_type):
        malformed(name, "expected the name of a channel binding")
    if rest[:2] == b"a=":
        raise RemoteProtocolError("client uses authorization identity, but it is not supported", "0A000", fatal=True)
    if rest[:1] != b",":
        malformed(name, "expected a comma after the channel-binding flag")
    bare = rest[1:]
    attributes = _attributes(bare, name)
    if attributes[0][0] == b"m":
        _extension("client")
    if len(attributes) < 2 or attributes[0][0] != b"n" or attributes[1][0] != b"r":
        malformed(name, "expected user name and nonce")
    nonce = attributes[1][1]
    if not _is_nonce(nonce):
        malformed(name, "non-printable characters in nonce")
    return ClientFirst(flag.decode(), binding_type, message[: len(message) - len(bare)], bare, nonce)


def read_server_first(message: bytes) -> ServerFirst:
    """Take server-first-message apart; optional extensions behind it are read over.

    Raises:
        RemoteProtocolError: it is malformed, or asks for an extension.
    """
    name = "server-first-message"
    attributes = _attributes(_checked(message, name), name)
    if attributes[0][0] == b"m":
        _extension("server")
    if [attribute for attribute, _ in attributes[:3]] != [b"r", b"s", b"i"]:
        malformed(name, "expected nonce, salt and iteration count")
    nonce, salt_text, iterations = (value for _, value in attributes[:3])
    if not _is_nonce(nonce):
        malformed(name, "non-printable characters in nonce")
    salt = decode_base64(salt_text)
    if not salt:
        malformed(name, "expected a salt in base64")
    if not _ITERATIONS.fullmatch(iterations):
        malformed(name, "expected an iteration count of 1 to 10 digits")
    return ServerFirst(nonce, salt, int(iterations))


def read_client_final(message: bytes) -> ClientFinal:
    """Take client-final-message apart.

    Raises:
        RemoteProtocolError: it is malformed.
    """
    name = "client-final-message"
    attributes = _attributes(_checked(message, name), name)
    letters = [attribute for attribute, _ in attributes]
    if letters[:2] != [b"c", b"r"] or letters[-1] != b"p" or b"p" in letters[:-1]:
        malformed(name, "expected channel binding, nonce and proof")
    proof_text = attributes[-1][1]
    proof = decode_base64(proof_text)
    if proof is None or len(proof) != KEY_LENGTH:
        malformed(name, f"expected a proof of {KEY_LENGTH} bytes in base64")
    return ClientFinal(attributes[0][1], attributes[1][1], proof, message[: -len(b",p=" + proof_text)])


def read_server_final(message: bytes) -> bytes:
    """The signature in server-final-message.

    Raises:
        RemoteProtocolError: it is malformed.
        InvalidAuthorizationSpecification: the server says that it does not accept the login.
    """
    name = "server-final-message"
    attribute, value = _attributes(_checked(message, name), name)[0]
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
    if not _is_nonce(nonce) or len(nonce) > MAX_MESSAGE_LENGTH // 4:
        raise ValueError(f"a nonce is 1 to {MAX_MESSAGE_LENGTH // 4} printable ASCII characters without comma")
    return nonce


def new_nonce() -> bytes:
    """A fresh nonce for either end: 18 random bytes in base64, as PostgreSQL makes them."""
    return encode_base64(os.urandom(_NONCE_LENGTH))


new_server_nonce = new_nonce
"""The earlier name of :func:`new_nonce`."""


def malformed(name: str, rule: str) -> NoReturn:
    """Raise the error of a malformed message."""
    raise RemoteProtocolError(f"malformed SCRAM message: {rule} in {name}", fatal=True)


def encode_base64(data: bytes) -> bytes:
    """Base64 with padding."""
    return base64.b64encode(data)


def decode_base64(text: bytes | str) -> bytes | None:
    """The bytes of strict base64, None for anything else."""
    if len(text) % 4:  # Python 3.10 alone would allow too much padding
        return None
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:  # binascii.Error is one; so is what a text that is not ASCII raises
        return None


def _checked(message: bytes, name: str) -> bytes:
    if len(message) > MAX_MESSAGE_LENGTH:
        malformed(name, f"more than {MAX_MESSAGE_LENGTH} bytes")
    if b"\0" in message:
        malformed(name, "NUL")
    return message


def _attributes(message: bytes, name: str) -> list[tuple[bytes, bytes]]:
    """Name and value of each ``x=value`` between commas; at least one."""
    attributes = []
    for part in message.split(b","):
        if part[1:2] != b"=" or not part[:1].isalpha():
            malformed(name, "attribute expected")
        attributes.append((part[:1], part[2:]))
    return attributes


def _extension(whose: str) -> NoReturn:
    raise RemoteProtocolError(f"{whose} requires an unsupported SCRAM extension", "0A000", fatal=True)


def _is_nonce(text: bytes) -> bool:
    return _NONCE.fullmatch(text) is not None
