"""The addresses and networks of this machine's interfaces, for ``samehost`` and ``samenet``.

Read with the C library's ``getifaddrs``, as PostgreSQL does: the standard library has nothing of the kind.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import socket
import sys
from ipaddress import IPv4Address, IPv6Address, ip_address

__all__ = ["Network", "interfaces"]

Network = tuple[int, int, int]
"""IP version, address, mask."""


class _SockAddr(ctypes.Structure):
    _fields_ = (("family", ctypes.c_ubyte * 2), ("data", ctypes.c_ubyte * 26))


class _IfAddrs(ctypes.Structure):
    pass


_IfAddrs._fields_ = (
    ("next", ctypes.POINTER(_IfAddrs)),
    ("name", ctypes.c_char_p),
    ("flags", ctypes.c_uint),
    ("address", ctypes.POINTER(_SockAddr)),
    ("mask", ctypes.POINTER(_SockAddr)),
)


def interfaces() -> list[Network]:
    """Address and mask of every interface, both IP versions.

    Raises:
        OSError: the system does not tell.
    """
    library = ctypes.CDLL(ctypes.util.find_library("c"), use_errno=True)
    if not hasattr(library, "getifaddrs"):
        raise OSError("this system does not tell the addresses of its interfaces")
    first = ctypes.POINTER(_IfAddrs)()
    if library.getifaddrs(ctypes.byref(first)):
        raise OSError(ctypes.get_errno(), "cannot read the addresses of the interfaces")
    found: list[Network] = []
    try:
        entry = first
        while entry:
            content = entry.contents
            address, mask = _address(content.address), _address(content.mask)
            if address is not None and mask is not None and mask.version == address.version:
                found.append((address.version, int(address), int(mask)))
            entry = content.next
    finally:
        library.freeifaddrs(first)
    return found


def _address(pointer: ctypes._Pointer[_SockAddr]) -> IPv4Address | IPv6Address | None:
    if not pointer:
        return None
    content = pointer.contents
    family = int.from_bytes(bytes(content.family), sys.byteorder)
    if sys.platform != "linux":  # BSD: a length, then the family
        family = content.family[1]
    data = bytes(content.data)
    if family == socket.AF_INET:
        return ip_address(data[2:6])
    if family == socket.AF_INET6:
        return ip_address(data[6:22])
    return None
