"""Throw-away certificates for the TLS tests."""

from __future__ import annotations

import datetime as dt
import ipaddress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class Certificates:
    """Files: an authority, a server certificate for ``localhost`` and 127.0.0.1 signed by it, and an authority that signed nothing."""

    authority: Path
    certificate: Path
    key: Path
    other_authority: Path
    authority_key: Path
    other_authority_key: Path

    def make(
        self, name: str, *organization: str, hosts: tuple[str, ...] = (), other: bool = False
    ) -> tuple[Path, Path]:
        """Write another certificate with this common name, for a client or for ``hosts``, and its key.

        ``other``: of the other authority.
        """
        authority = x509.load_pem_x509_certificate((self.other_authority if other else self.authority).read_bytes())
        secret = (self.other_authority_key if other else self.authority_key).read_bytes()
        signer = serialization.load_pem_private_key(secret, None)
        assert isinstance(signer, ec.EllipticCurvePrivateKey)
        key = ec.generate_private_key(ec.SECP256R1())
        parts = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, each) for each in organization]
        subject = x509.Name([*parts, x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = _builder(subject, authority.subject).public_key(key.public_key())
        if hosts:
            names = x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts])
            builder = builder.add_extension(names, critical=False)
        stem = f"{name}-{x509.random_serial_number() % 10**8}"
        files = (self.authority.with_name(f"{stem}.pem"), self.authority.with_name(f"{stem}.key"))
        issued = builder.add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
        ).sign(signer, hashes.SHA256())
        files[0].write_bytes(issued.public_bytes(serialization.Encoding.PEM))
        _write_key(files[1], key)
        return files


def make_certificates(directory: Path) -> Certificates:
    """Write certificates valid for one day into ``directory``."""
    authority, authority_key = _authority("test authority")
    other, other_key = _authority("another authority")
    key = ec.generate_private_key(ec.SECP256R1())
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    certificate = (
        _builder(_name("localhost"), authority.subject)
        .public_key(key.public_key())
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    made = Certificates(*(directory / n for n in _FILES))
    made.authority.write_bytes(authority.public_bytes(serialization.Encoding.PEM))
    made.other_authority.write_bytes(other.public_bytes(serialization.Encoding.PEM))
    made.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    _write_key(made.key, key)
    _write_key(made.authority_key, authority_key)
    _write_key(made.other_authority_key, other_key)
    return made


_FILES = ("authority.pem", "server.pem", "server.key", "other.pem", "authority.key", "other.key")


def _write_key(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    path.chmod(0o600)


def _authority(name: str) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    key = ec.generate_private_key(ec.SECP256R1())
    usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
    certificate = (
        _builder(_name(name), _name(name))
        .public_key(key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return certificate, key


def _builder(subject: x509.Name, issuer: x509.Name) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.timezone.utc)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=1))
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])
