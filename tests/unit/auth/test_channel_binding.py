"""``tls-server-end-point`` for every way of signing a certificate, and for bytes that are none."""

from __future__ import annotations

import hashlib
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgwire_py.auth import NoChannelBinding, tls_server_end_point
from pgwire_py.errors import RemoteProtocolError
from tests.support.signatures import KINDS, signed_certificate

RSA_SHA256 = bytes.fromhex("06092a864886f70d01010b")
CERTIFICATE = signed_certificate("rsa-sha256").der


@pytest.mark.parametrize("kind", [kind for kind in KINDS if not kind.startswith("ed")])
def test_the_signature_says_which_hash(kind: str) -> None:
    certificate = signed_certificate(kind).der
    name = kind.partition("-")[2].replace("-", "_")
    assert tls_server_end_point(certificate) == hashlib.new(name, certificate).digest()


@pytest.mark.parametrize(("kind", "name"), [("ed25519", "Ed25519"), ("ed448", "Ed448")])
def test_signatures_without_a_hash(kind: str, name: str) -> None:
    with pytest.raises(NoChannelBinding, match=f"no channel binding is defined for a certificate signed with {name}"):
        tls_server_end_point(signed_certificate(kind).der)


@pytest.mark.parametrize(
    ("last", "name"),
    [(4, "sha256"), (5, "sha256"), (14, "sha224"), (12, "sha384"), (13, "sha512"), (15, "sha512_224"), (16, "sha512_256")],
)  # fmt: skip
def test_pkcs_1(last: int, name: str) -> None:
    """MD5 and SHA-1 give way to SHA-256; nobody signs with them any more, so the object identifier is changed afterwards."""
    certificate = CERTIFICATE.replace(RSA_SHA256, RSA_SHA256[:-1] + bytes([last]))
    assert tls_server_end_point(certificate) == hashlib.new(name, certificate).digest()


@pytest.mark.parametrize(
    ("oid", "name"),
    [
        ("06052b0e03021d", "sha256"),  # OIW's sha1WithRSA
        ("06072a8648ce3d0401", "sha256"),  # ecdsa-with-SHA1
        ("06082a8648ce3d040301", "sha224"),
        ("06072a8648ce380403", "sha256"),  # dsa-with-sha1
        ("0609608648016503040302", "sha256"),  # dsa-with-sha256
        ("060960864801650304030a", "sha3_256"),  # ecdsa-with-SHA3-256
    ],
)
def test_other_object_identifiers(oid: str, name: str) -> None:
    certificate = minimal(bytes.fromhex(oid))
    assert tls_server_end_point(certificate) == hashlib.new(name, certificate).digest()


PSS = bytes.fromhex("06092a864886f70d01010a")


@pytest.mark.parametrize(
    ("parameters", "name"),
    [
        ("3000", "sha256"),  # SHA-1 by default
        ("3005a203020120", "sha256"),  # the same with another field
        ("300da00b300906052b0e03021a0500", "sha256"),
        ("300ea00c300a06082a864886f70d0205", "sha256"),  # MD5
        ("300fa00d300b0609608648016503040202", "sha384"),
        ("300fa00d300b0609608648016503040204", "sha224"),
    ],
)
def test_parameters_of_pss(parameters: str, name: str) -> None:
    certificate = minimal(PSS + bytes.fromhex(parameters))
    assert tls_server_end_point(certificate) == hashlib.new(name, certificate).digest()


def test_unknown_algorithms_are_named() -> None:
    with pytest.raises(NoChannelBinding, match=r"signed with the signature algorithm 1\.2\.3\.4$"):
        tls_server_end_point(minimal(bytes.fromhex("06032a0304")))
    with pytest.raises(NoChannelBinding, match=r"signed with the signature algorithm 2\.16\.840\.1\.101\.3\.4\.3\.17$"):
        tls_server_end_point(minimal(bytes.fromhex("0609608648016503040311")))  # ML-DSA-44
    with pytest.raises(NoChannelBinding, match=r"RSASSA-PSS with the hash 1\.2\.3\.4$"):
        tls_server_end_point(minimal(PSS + bytes.fromhex("3009a0073005" + "06032a0304")))


@pytest.mark.parametrize(
    "certificate",
    [
        b"",
        b"\x30",
        b"\x30\x80",
        b"\x30\x85\0\0\0\0\x01",
        b"\x30\x84\xff\xff\xff\xff",
        CERTIFICATE[:-1],
        CERTIFICATE + b"\0",
        CERTIFICATE[1:],
        CERTIFICATE[4:],
        b"\x30\x00",
        b"\x30\x02\x30\x00",
        b"\x30\x04\x30\x00\x30\x00",
        b"\x30\x06\x30\x00\x30\x02\x06\x00",
        b"\x30\x07\x30\x00\x30\x03\x06\x01\x80",
        b"\x30" + bytes([0x84]) + (1_048_577).to_bytes(4, "big") + bytes(1_048_577),
    ],
)
def test_not_a_certificate(certificate: bytes) -> None:
    with pytest.raises(RemoteProtocolError, match="the server's certificate is malformed") as caught:
        tls_server_end_point(certificate)
    assert caught.value.fatal
    assert not isinstance(caught.value, NoChannelBinding)


@given(st.binary(max_size=60), st.integers(0, len(CERTIFICATE) - 1), st.integers(0, 255))
def test_no_bytes_raise_anything_else(junk: bytes, index: int, byte: int) -> None:
    for certificate in (junk, minimal(junk), minimal(PSS + junk)):
        with suppress(RemoteProtocolError):
            tls_server_end_point(certificate)
    changed = bytearray(CERTIFICATE)
    changed[index] = byte
    with suppress(RemoteProtocolError):
        tls_server_end_point(bytes(changed))


def minimal(algorithm: bytes) -> bytes:
    """The outer shape of a certificate, with this inside its signatureAlgorithm."""
    content = b"\x30\x00" + b"\x30" + bytes([len(algorithm)]) + algorithm + b"\x03\x01\x00"
    return b"\x30" + bytes([len(content)]) + content
