"""What a server makes of a client's SCRAM messages (RFC 5802 §5.1 and §7), with every bound checked."""

from __future__ import annotations

import hmac
import re
from typing import Final, NamedTuple

from ...errors import RemoteProtocolError
from ..scram_text import (
    KEY_LENGTH,
    SCRAM_SHA_256,
    SCRAM_SHA_256_PLUS,
    TLS_SERVER_END_POINT,
    attributes_of,
    checked_message,
    decode_base64,
    encode_base64,
    extension,
    is_nonce,
    malformed,
)
from .scram import check_iterations, checked_key, scram_check_proof, scram_server_signature

__all__ = ["scram_server_final", "scram_server_first"]

_BINDING_TYPE: Final = re.compile(rb"[A-Za-z0-9.-]{1,64}")
_FIRST: Final = "client-first-message"
_FINAL: Final = "client-final-message"


def scram_server_first(
    message: bytes, plus: bool, binding: bytes | None, salt: bytes, iterations: int, nonce: bytes
) -> tuple[bytes, bytes, bytes, bytes]:
    """Answer client-first-message."""
    check_iterations(iterations)
    first = _read_first(message)
    _check_flag(first, plus, binding)
    both = first.nonce + nonce
    answer = b"r=%s,s=%s,i=%d" % (both, encode_base64(salt), iterations)
    channel = (binding or b"") if first.flag == b"p" else b""
    return answer, encode_base64(first.gs2_header + channel), both, first.bare + b"," + answer + b","


def scram_server_final(
    message: bytes, repeated: bytes, bound: bool, nonce: bytes, signed: bytes, stored_key: bytes, server_key: bytes
) -> bytes | None:
    """Check client-final-message; server-final-message, None where the proof is wrong."""
    checked_key(stored_key)
    checked_key(server_key)
    final = _read_final(message)
    if final.binding != repeated:
        if bound:
            raise RemoteProtocolError("SCRAM channel binding check failed", "28000", fatal=True)
        malformed(_FINAL, "unexpected channel-binding attribute")
    if not hmac.compare_digest(final.nonce, nonce):
        malformed(_FINAL, "nonce does not match")
    signed += final.without_proof
    if not scram_check_proof(stored_key, signed, final.proof):
        return None
    return b"v=" + encode_base64(scram_server_signature(server_key, signed))


class _First(NamedTuple):
    """client-first-message: ``n`` (cannot bind), ``y`` (could, thinks the server cannot) or ``p`` (binds, by that type); everything before
    ``bare``, with its last comma; client-first-message-bare; the client's nonce."""

    flag: bytes
    binding_type: bytes
    gs2_header: bytes
    bare: bytes
    nonce: bytes


def _read_first(message: bytes) -> _First:
    flag_text, comma, rest = checked_message(message, _FIRST).partition(b",")
    flag, equals, binding_type = flag_text.partition(b"=")
    if not comma or flag not in (b"n", b"y", b"p") or bool(equals) != (flag == b"p"):
        malformed(_FIRST, "expected a channel-binding flag")
    if equals and not _BINDING_TYPE.fullmatch(binding_type):
        malformed(_FIRST, "expected the name of a channel binding")
    if rest[:2] == b"a=":
        raise RemoteProtocolError("client uses authorization identity, but it is not supported", "0A000", fatal=True)
    if rest[:1] != b",":
        malformed(_FIRST, "expected a comma after the channel-binding flag")
    bare = rest[1:]
    attributes = attributes_of(bare, _FIRST)
    if attributes[0][0] == b"m":
        extension("client")
    if len(attributes) < 2 or attributes[0][0] != b"n" or attributes[1][0] != b"r":
        malformed(_FIRST, "expected user name and nonce")
    nonce = attributes[1][1]
    if not is_nonce(nonce):
        malformed(_FIRST, "non-printable characters in nonce")
    return _First(flag, binding_type, message[: len(message) - len(bare)], bare, nonce)


def _check_flag(first: _First, plus: bool, binding: bytes | None) -> None:
    """Flag and mechanism belong together (RFC 5802 §6)."""
    if plus:
        if first.flag != b"p":
            malformed(_FIRST, f"{SCRAM_SHA_256_PLUS} was selected, but there is no channel-binding data")
        if first.binding_type != TLS_SERVER_END_POINT:
            shown = first.binding_type.decode("ascii")
            raise RemoteProtocolError(f'unsupported SCRAM channel-binding type "{shown}"', fatal=True)
    elif first.flag == b"p":
        malformed(_FIRST, f"{SCRAM_SHA_256} was selected, but there is channel-binding data")
    elif first.flag == b"y" and binding:
        raise RemoteProtocolError(
            "SCRAM channel binding negotiation error: the client supports channel binding and thinks that the server"
            " does not, but it does",
            "28000",
            fatal=True,
        )


class _Final(NamedTuple):
    """client-final-message: the binding, still in base64; both nonces; the proof; what it signs of the message."""

    binding: bytes
    nonce: bytes
    proof: bytes
    without_proof: bytes


def _read_final(message: bytes) -> _Final:
    attributes = attributes_of(checked_message(message, _FINAL), _FINAL)
    letters = [attribute for attribute, _ in attributes]
    if letters[:2] != [b"c", b"r"] or letters[-1] != b"p" or b"p" in letters[:-1]:
        malformed(_FINAL, "expected channel binding, nonce and proof")
    proof_text = attributes[-1][1]
    proof = decode_base64(proof_text)
    if proof is None or len(proof) != KEY_LENGTH:
        malformed(_FINAL, f"expected a proof of {KEY_LENGTH} bytes in base64")
    return _Final(attributes[0][1], attributes[1][1], proof, message[: -len(b",p=" + proof_text)])
