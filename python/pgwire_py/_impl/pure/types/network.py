"""inet and cidr (PostgreSQL 8.9): an address and the length of its network prefix."""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv6Address
from typing import NamedTuple

from .bad_value import BadValue, bad_binary, clip, syntax

_FAMILIES = {2: 4, 3: 16}
"""Size of an address by the family's number in the binary format."""

_OCTETS = re.compile(r"([0-9]+(?:\.[0-9]+){0,3})(\.?)(?:/([0-9]+))?")
_PREFIX6 = re.compile(r"0|[1-9][0-9]*")


class Inet(NamedTuple):
    """An address of 4 or 16 bytes, the bits of its network, and whether it is a cidr, whose other bits are zero."""

    address: bytes
    prefix: int
    cidr: bool


def is_host(value: Inet) -> bool:
    """Whether the prefix is the whole address."""
    return value.prefix == len(value.address) * 8


def parse(name: str, text: str) -> Inet:
    """Reads ``address[/prefix]``; trailing octets of an IPv4 cidr may be left out."""
    cidr = name == "cidr"
    found = _scan_v6(text) if ":" in text else _scan_v4(text, cidr)
    if found is None:
        raise syntax(name, text)
    value = Inet(*found, cidr)
    if cidr and not _rest_is_zero(value):
        raise BadValue("22P02", f'invalid cidr value: "{clip(text)}"')
    return value


def _rest_is_zero(value: Inet) -> bool:
    return not int.from_bytes(value.address, "big") & ((1 << len(value.address) * 8 - value.prefix) - 1)


def _scan_v6(text: str) -> tuple[bytes, int] | None:
    address, slash, digits = text.partition("/")
    prefix = 128
    if slash:
        # No zero in front of a prefix, except as the whole of it.
        if not _PREFIX6.fullmatch(digits) or len(digits) > 3 or int(digits) > 128:
            return None
        prefix = int(digits)
    if "%" in address:
        return None
    try:
        return IPv6Address(address).packed, prefix
    except AddressValueError:
        return None


def _scan_v4(text: str, cidr: bool) -> tuple[bytes, int] | None:
    found = _OCTETS.fullmatch(text)
    if not found or (cidr and found[2]):
        return None
    octets = [_small(digits) for digits in found[1].split(".")]
    prefix = None if found[3] is None else _small(found[3])
    count = len(octets)
    if max(octets) > 255 or (prefix is not None and prefix > 32):
        return None
    if prefix is None:
        if cidr:
            prefix = _class_prefix(octets)
        elif count == 4:
            prefix = 32
        else:
            return None
    if not cidr and prefix // 8 > count:
        return None
    return bytes(octets).ljust(4, b"\0"), prefix


def _small(digits: str) -> int:
    """The number of some digits, or 999 for any larger one."""
    digits = digits.lstrip("0")
    return int(digits or "0") if len(digits) <= 3 else 999


def _class_prefix(octets: list[int]) -> int:
    """Without a prefix, the network's class tells it, or the octets that are there if they are more."""
    first, given = octets[0], len(octets) * 8
    if first >= 240:
        return 32
    if first == 224 and len(octets) == 1:
        return 4
    return max(given, 8 if first >= 224 else 24 if first >= 192 else 16 if first >= 128 else 8)


def from_binary(name: str, data: bytes) -> Inet:
    """Reads family, prefix, a flag that is ignored, the address' length, and the address."""
    if len(data) < 4:
        raise bad_binary()
    family, prefix, _, length = data[:4]
    size = _FAMILIES.get(family)
    if size is None:
        raise _invalid("address family", name)
    if prefix > size * 8:
        raise _invalid("bits", name)
    if length != size:
        raise _invalid("length", name)
    if len(data) != size + 4:
        raise bad_binary()
    value = Inet(data[4:], prefix, name == "cidr")
    if value.cidr and not _rest_is_zero(value):
        raise BadValue("22P03", 'invalid external "cidr" value')
    return value


def _invalid(what: str, name: str) -> BadValue:
    return BadValue("22P03", f'invalid {what} in external "{name}" value')


def to_binary(value: Inet) -> bytes:
    size = len(value.address)
    return bytes((2 if size == 4 else 3, value.prefix, value.cidr, size)) + value.address


def to_text(value: Inet) -> str:
    shown = _v4_text(value.address) if len(value.address) == 4 else _v6_text(value.address)
    return f"{shown}/{value.prefix}" if value.cidr or not is_host(value) else shown


def _v4_text(address: bytes) -> str:
    return ".".join(map(str, address))


def _v6_text(address: bytes) -> str:
    """The first longest run of two or more zero groups becomes ``::``; the end of an embedded IPv4 address is written as one."""
    groups = [int.from_bytes(address[at : at + 2], "big") for at in range(0, 16, 2)]
    start, length = _zero_run(groups)
    shown = [f"{group:x}" for group in groups]
    if start == 0 and (length == 6 or (length == 5 and groups[5] == 0xFFFF)):
        shown[6:] = [_v4_text(address[12:])]
    if not length:
        return ":".join(shown)
    return f"{':'.join(shown[:start])}::{':'.join(shown[start + length :])}"


def _zero_run(groups: list[int]) -> tuple[int, int]:
    """Start and length of the first longest run of zeros; of a single one, nothing."""
    best, at = (0, 0), 0
    while at < 8:
        end = at
        while end < 8 and groups[end] == 0:
            end += 1
        if end - at >= 2 and end - at > best[1]:
            best = (at, end - at)
        at = max(end, at + 1)
    return best
