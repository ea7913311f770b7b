"""The asyncio client: :func:`connect`, :class:`Connection`, :func:`create_pool`. ``pgwire_py`` exports these names, lazily."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._lazy import lazy, places

if TYPE_CHECKING:
    from .arrow import ArrowBatches
    from .connection import Connection, connect
    from .cursor import Cursor
    from .errors import ConnectFailed, ConnectionLost, ConnectionOptionError, InterfaceError, PoolError
    from .low_level import CancelHandle, ConnectionBuilder, RawConnection
    from .notifications import Notification
    from .oauth import OAuthRequest
    from .pipeline import Pipeline
    from .pool import Pool, PoolStats, create_pool
    from .settings import ConnectSettings, connect_settings
    from .statement import PreparedStatement
    from .transaction import Transaction
else:
    _PLACES = places(
        {
            ".arrow": "ArrowBatches",
            ".connection": "Connection connect",
            ".cursor": "Cursor",
            ".errors": "ConnectFailed ConnectionLost ConnectionOptionError InterfaceError PoolError",
            ".low_level": "CancelHandle ConnectionBuilder RawConnection",
            ".notifications": "Notification",
            ".oauth": "OAuthRequest",
            ".pipeline": "Pipeline",
            ".pool": "Pool PoolStats create_pool",
            ".settings": "ConnectSettings connect_settings",
            ".statement": "PreparedStatement",
            ".transaction": "Transaction",
        }
    )
    __getattr__, __dir__ = lazy(__name__, _PLACES)

__all__ = [
    "ArrowBatches",
    "CancelHandle",
    "ConnectFailed",
    "ConnectSettings",
    "Connection",
    "ConnectionBuilder",
    "ConnectionLost",
    "ConnectionOptionError",
    "Cursor",
    "InterfaceError",
    "Notification",
    "OAuthRequest",
    "Pipeline",
    "Pool",
    "PoolError",
    "PoolStats",
    "PreparedStatement",
    "RawConnection",
    "Transaction",
    "connect",
    "connect_settings",
    "create_pool",
]
