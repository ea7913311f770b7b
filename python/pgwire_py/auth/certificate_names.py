"""The names in a client's certificate: its common name, and the distinguished name as PostgreSQL writes it (RFC 2253)."""

from __future__ import annotations

from typing import Any, Final

__all__ = ["common_name", "distinguished_name"]

_SHORT: Final = {  # as OpenSSL names them at length and in short
    "businessCategory": "businessCategory",
    "commonName": "CN",
    "countryName": "C",
    "description": "description",
    "distinguishedName": "distinguishedName",
    "dnQualifier": "dnQualifier",
    "domainComponent": "DC",
    "emailAddress": "emailAddress",
    "generationQualifier": "generationQualifier",
    "givenName": "GN",
    "initials": "initials",
    "localityName": "L",
    "name": "name",
    "organizationName": "O",
    "organizationalUnitName": "OU",
    "postalCode": "postalCode",
    "pseudonym": "pseudonym",
    "serialNumber": "serialNumber",
    "stateOrProvinceName": "ST",
    "streetAddress": "street",
    "surname": "SN",
    "title": "title",
    "userId": "UID",
}
_SPECIAL: Final = ',+"\\<>;'


def common_name(certificate: dict[str, Any]) -> str | None:
    """The first common name.

    Args:
        certificate: what :meth:`ssl.SSLObject.getpeercert` returns.

    Returns:
        None where there is none, or one with a NUL in it: that is not to be compared with anything.
    """
    for parts in certificate.get("subject", ()):
        for name, value in parts:
            if name == "commonName":
                return None if "\0" in value else str(value)
    return None


def distinguished_name(certificate: dict[str, Any]) -> str | None:
    """The subject, most specific part first: ``CN=ada,OU=engines,O=Example``; as :func:`common_name`."""
    parts = [
        "+".join(f"{_SHORT.get(name, name)}={_escaped(value)}" for name, value in reversed(part))
        for part in reversed(certificate.get("subject", ()))
    ]
    text = ",".join(parts)
    return None if not text or "\0" in text else text


def _escaped(value: str) -> str:
    """RFC 2253 §2.4; what is not ASCII, byte by byte in UTF-8."""
    escaped = []
    last = len(value) - 1
    for position, character in enumerate(value):
        if (
            character in _SPECIAL
            or (character == " " and position in (0, last))
            or (character == "#" and position == 0)
        ):
            escaped.append("\\" + character)
        elif character == "\0":
            escaped.append(character)
        elif not " " <= character <= "~":
            escaped.append("".join(f"\\{byte:02X}" for byte in character.encode("utf-8", "surrogatepass")))
        else:
            escaped.append(character)
    return "".join(escaped)
