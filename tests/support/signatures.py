"""Self-signed certificates for ``localhost``, one for each way of signing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.x509.oid import NameOID

SHA1_SIGNED = bytes.fromhex("06092a864886f70d010105")
"""The object identifier sha1WithRSAEncryption in DER; the others of PKCS #1 differ in the last byte alone."""


@dataclass(frozen=True)
class Signed:
    """A certificate in DER, and it and its key in PEM."""

    der: bytes
    pem: bytes
    key: bytes


def _rsa() -> Any:
    return rsa.generate_private_key(65537, 2048)


def _ec() -> Any:
    return ec.generate_private_key(ec.SECP256R1())


# Name → maker of the key, hash of the signature, and its padding.
KINDS: dict[str, tuple[Callable[[], Any], Any, Any]] = {
    "rsa-sha224": (_rsa, hashes.SHA224(), None),
    "rsa-sha256": (_rsa, hashes.SHA256(), None),
    "rsa-sha384": (_rsa, hashes.SHA384(), None),
    "rsa-sha512": (_rsa, hashes.SHA512(), None),
    "rsa-sha3-256": (_rsa, hashes.SHA3_256(), None),
    "pss-sha256": (_rsa, hashes.SHA256(), padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH)),
    "pss-sha512": (_rsa, hashes.SHA512(), padding.PSS(padding.MGF1(hashes.SHA512()), padding.PSS.DIGEST_LENGTH)),
    "ecdsa-sha256": (_ec, hashes.SHA256(), None),
    "ecdsa-sha384": (_ec, hashes.SHA384(), None),
    "ecdsa-sha512": (_ec, hashes.SHA512(), None),
    "ed25519": (ed25519.Ed25519PrivateKey.generate, None, None),
    "ed448": (ed448.Ed448PrivateKey.generate, None, None),
}


def signed_certificate(kind: str) -> Signed:
    """A certificate of one of ``KINDS``, valid for one day."""
    make_key, algorithm, rsa_padding = KINDS[kind]
    key = make_key()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, algorithm, rsa_padding=rsa_padding)
    )
    return Signed(
        certificate.public_bytes(serialization.Encoding.DER),
        certificate.public_bytes(serialization.Encoding.PEM),
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
    )
