"""The two ends of a connection without a socket: bytes in, events out; messages in, bytes out.

Both hold the framing and the phase of one connection and nothing else: no clock, no randomness, no I/O. The owner has the socket, does
the TLS handshake when an event says so, and closes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._lazy import lazy, places

if TYPE_CHECKING:
    from ..events import ConnectionClosed, DirectTLS
    from .backend import BackendConnection
    from .frontend import FrontendConnection
    from .limits import MAX_AUTH_MESSAGE_LENGTH, MAX_MESSAGE_LENGTH, MAX_STARTUP_LENGTH
else:
    _PLACES = places(
        {
            "..events": "ConnectionClosed DirectTLS",
            ".backend": "BackendConnection",
            ".frontend": "FrontendConnection",
            ".limits": "MAX_AUTH_MESSAGE_LENGTH MAX_MESSAGE_LENGTH MAX_STARTUP_LENGTH",
        }
    )
    __getattr__, __dir__ = lazy(__name__, _PLACES)

__all__ = [
    "MAX_AUTH_MESSAGE_LENGTH",
    "MAX_MESSAGE_LENGTH",
    "MAX_STARTUP_LENGTH",
    "BackendConnection",
    "ConnectionClosed",
    "DirectTLS",
    "FrontendConnection",
]
