"""What a connection tells its owner beside messages."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["ConnectionClosed", "DirectTLS"]


@dataclass(slots=True)
class ConnectionClosed:
    """The other side has closed the connection, and nothing was left open."""


@dataclass(slots=True)
class DirectTLS:
    """The frontend begins with TLS without asking first (PostgreSQL 17's ``sslnegotiation=direct``, Protocol 55.2.10).

    Attributes:
        data: what came so far. It, and what the socket delivers from now on, belongs to the TLS layer; what that one decrypts goes to
            ``receive_data``. PostgreSQL goes on only where ALPN has chosen ``postgresql``.
    """

    data: bytes = field(repr=False)
