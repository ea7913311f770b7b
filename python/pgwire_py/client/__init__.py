"""The asyncio client: :func:`connect`, :class:`Connection`, :func:`create_pool`. ``pgwire_py`` exports these names, lazily."""

from .connection import Connection, connect
from .cursor import Cursor
from .errors import ConnectFailed, ConnectionLost, ConnectionOptionError, InterfaceError, PoolError
from .notifications import Notification
from .pipeline import Pipeline
from .pool import Pool, PoolStats, create_pool
from .settings import ConnectSettings, connect_settings
from .statement import PreparedStatement
from .transaction import Transaction

__all__ = [
    "ConnectFailed",
    "ConnectSettings",
    "Connection",
    "ConnectionLost",
    "ConnectionOptionError",
    "Cursor",
    "InterfaceError",
    "Notification",
    "Pipeline",
    "Pool",
    "PoolError",
    "PoolStats",
    "PreparedStatement",
    "Transaction",
    "connect",
    "connect_settings",
    "create_pool",
]
