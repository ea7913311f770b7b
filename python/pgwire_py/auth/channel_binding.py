"""Channel binding ``tls-server-end-point`` (RFC 5929 §4): a hash of the server's certificate, as PostgreSQL takes it.

The hash is the one that the certificate was signed with, SHA-256 in place of MD5 and SHA-1. Of the certificate only the
signature's algorithm is read; whether it can be trusted is for TLS to say.
"""

from __future__ import annotations

import hashlib
from typing import NoReturn

from ..errors import RemoteProtocolError

__all__ = ["NoChannelBinding", "tls_server_end_point"]

MAX_CERTIFICATE_LENGTH = 1_048_576
"""Longest certificate that is read, in bytes."""

_SEQUENCE, _OID, _CONTEXT_0 = 0x30, 0x06, 0xA0

_RSASSA_PSS = "1.2.840.113549.1.1.10"
_SIGNATURES = {
    "1.2.840.113549.1.1.4": "md5",  # RSA (RFC 8017 §A.2.4)
    "1.2.840.113549.1.1.5": "sha1",
    "1.3.14.3.2.29": "sha1",
    "1.2.840.113549.1.1.14": "sha224",
    "1.2.840.113549.1.1.11": "sha256",
    "1.2.840.113549.1.1.12": "sha384",
    "1.2.840.113549.1.1.13": "sha512",
    "1.2.840.113549.1.1.15": "sha512_224",
    "1.2.840.113549.1.1.16": "sha512_256",
    "1.2.840.10045.4.1": "sha1",  # ECDSA (RFC 5758 §3.2)
    "1.2.840.10045.4.3.1": "sha224",
    "1.2.840.10045.4.3.2": "sha256",
    "1.2.840.10045.4.3.3": "sha384",
    "1.2.840.10045.4.3.4": "sha512",
    "1.2.840.10040.4.3": "sha1",  # DSA (RFC 5758 §3.1)
    "2.16.840.1.101.3.4.3.1": "sha224",
    "2.16.840.1.101.3.4.3.2": "sha256",
    "2.16.840.1.101.3.4.3.3": "sha384",
    "2.16.840.1.101.3.4.3.4": "sha512",
    "2.16.840.1.101.3.4.3.5": "sha3_224",  # with SHA-3: DSA, ECDSA, RSA (NIST's list of object identifiers)
    "2.16.840.1.101.3.4.3.6": "sha3_256",
    "2.16.840.1.101.3.4.3.7": "sha3_384",
    "2.16.840.1.101.3.4.3.8": "sha3_512",
    "2.16.840.1.101.3.4.3.9": "sha3_224",
    "2.16.840.1.101.3.4.3.10": "sha3_256",
    "2.16.840.1.101.3.4.3.11": "sha3_384",
    "2.16.840.1.101.3.4.3.12": "sha3_512",
    "2.16.840.1.101.3.4.3.13": "sha3_224",
    "2.16.840.1.101.3.4.3.14": "sha3_256",
    "2.16.840.1.101.3.4.3.15": "sha3_384",
    "2.16.840.1.101.3.4.3.16": "sha3_512",
}
_HASHES = {  # as RSASSA-PSS names them in its parameters (RFC 4055 §2.1)
    "1.2.840.113549.2.5": "md5",
    "1.3.14.3.2.26": "sha1",
    "2.16.840.1.101.3.4.2.4": "sha224",
    "2.16.840.1.101.3.4.2.1": "sha256",
    "2.16.840.1.101.3.4.2.2": "sha384",
    "2.16.840.1.101.3.4.2.3": "sha512",
    "2.16.840.1.101.3.4.2.5": "sha512_224",
    "2.16.840.1.101.3.4.2.6": "sha512_256",
    "2.16.840.1.101.3.4.2.7": "sha3_224",
    "2.16.840.1.101.3.4.2.8": "sha3_256",
    "2.16.840.1.101.3.4.2.9": "sha3_384",
    "2.16.840.1.101.3.4.2.10": "sha3_512",
}
_WITHOUT_HASH = {"1.3.101.112": "Ed25519", "1.3.101.113": "Ed448"}


class NoChannelBinding(RemoteProtocolError):
    """The certificate is signed in a way for which ``tls-server-end-point`` is not defined.

    Ed25519 and Ed448 take no hash of their own, and an algorithm that is not known here may have one or not. PostgreSQL's own
    client and server fail with such a certificate whenever both could bind. A client that does not require channel binding goes
    on without; a server does not offer it.
    """


def tls_server_end_point(certificate: bytes) -> bytes:
    """The binding data of a TLS connection.

    Args:
        certificate: the server's, in DER: what ``ssl.SSLSocket.getpeercert(True)`` gives to a client.

    Raises:
        NoChannelBinding: none is defined for it; the message names the algorithm.
        RemoteProtocolError: it is not a certificate.
    """
    hash_name = _signature_hash(certificate)
    if hash_name in ("md5", "sha1"):
        hash_name = "sha256"
    try:
        return hashlib.new(hash_name, certificate).digest()
    except ValueError:
        raise NoChannelBinding(f"no channel binding: {hash_name} cannot be computed here", fatal=True) from None


def _signature_hash(certificate: bytes) -> str:
    """``Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm, signatureValue }`` (RFC 5280 §4.1)."""
    if len(certificate) > MAX_CERTIFICATE_LENGTH:
        _not_a_certificate(f"more than {MAX_CERTIFICATE_LENGTH} bytes")
    content = _element(certificate, _SEQUENCE, last=True)[0]
    _, after = _element(content, _SEQUENCE)
    algorithm, _ = _element(after, _SEQUENCE)
    oid_bytes, parameters = _element(algorithm, _OID)
    oid = _dotted(oid_bytes)
    if oid == _RSASSA_PSS:
        return _pss_hash(parameters)
    if oid not in _SIGNATURES:
        name = _WITHOUT_HASH.get(oid, f"the signature algorithm {oid}")
        raise NoChannelBinding(f"no channel binding is defined for a certificate signed with {name}", fatal=True)
    return _SIGNATURES[oid]


def _pss_hash(parameters: bytes) -> str:
    """``RSASSA-PSS-params ::= SEQUENCE { hashAlgorithm [0] DEFAULT sha1, … }`` (RFC 4055 §3.1)."""
    fields, _ = _element(parameters, _SEQUENCE, last=True)
    if fields[:1] != bytes([_CONTEXT_0]):
        return "sha1"
    tagged, _ = _element(fields, _CONTEXT_0)
    algorithm, _ = _element(tagged, _SEQUENCE, last=True)
    oid = _dotted(_element(algorithm, _OID)[0])
    if oid not in _HASHES:
        raise NoChannelBinding(f"no channel binding is defined for RSASSA-PSS with the hash {oid}", fatal=True)
    return _HASHES[oid]


def _element(data: bytes, tag: int, *, last: bool = False) -> tuple[bytes, bytes]:
    """Content of the DER element at the beginning of ``data``, which must have this tag, and what follows it."""
    if len(data) < 2 or data[0] != tag:
        _not_a_certificate(f"expected an element of tag {tag:#04x}")
    length, start = data[1], 2
    if length >= 0x80:
        count = length & 0x7F
        if not 1 <= count <= 4 or len(data) < 2 + count:
            _not_a_certificate("a length that is not DER")
        length, start = int.from_bytes(data[2 : 2 + count], "big"), 2 + count
    end = start + length
    if end > len(data) or (last and end != len(data)):
        _not_a_certificate("a length that disagrees with the bytes")
    return data[start:end], data[end:]


def _dotted(content: bytes) -> str:
    """An object identifier as text (X.690 §8.19)."""
    if not 1 <= len(content) <= 32 or content[-1] & 0x80:
        _not_a_certificate("an object identifier that is none")
    numbers, number = [], 0
    for byte in content:
        number = number << 7 | byte & 0x7F
        if not byte & 0x80:
            numbers.append(number)
            number = 0
    first = min(numbers[0] // 40, 2)
    return ".".join(map(str, [first, numbers[0] - 40 * first, *numbers[1:]]))


def _not_a_certificate(reason: str) -> NoReturn:
    raise RemoteProtocolError(f"the server's certificate is malformed: {reason}", fatal=True)
