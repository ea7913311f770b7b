"""The client without an event loop, for programs of threads: :func:`connect`, :class:`Connection`, :func:`create_pool`.

The same client as ``pgwire_py.connect``'s, over another driver: names, parameters and errors are those of ``pgwire_py.client``, without
``await``.
"""

from __future__ import annotations

from ..client.errors import ConnectFailed, ConnectionLost, ConnectionOptionError, InterfaceError, PoolError
from .client import (
    ArrowBatches,
    Connection,
    CopyOut,
    Cursor,
    CursorFactory,
    Lease,
    Notifications,
    Pending,
    Pipeline,
    Pool,
    PreparedStatement,
    Transaction,
    connect,
    create_pool,
)
from .driver import TLSUpgrade
from .iteration import Iteration

__all__ = [
    "ArrowBatches",
    "ConnectFailed",
    "Connection",
    "ConnectionLost",
    "ConnectionOptionError",
    "CopyOut",
    "Cursor",
    "CursorFactory",
    "InterfaceError",
    "Iteration",
    "Lease",
    "Notifications",
    "Pending",
    "Pipeline",
    "Pool",
    "PoolError",
    "PreparedStatement",
    "TLSUpgrade",
    "Transaction",
    "connect",
    "create_pool",
]
