"""The PostgreSQL wire protocol for Python, both ends of it, at native speed.

The server's and the client's names are imported when they are first used (PEP 562): the bytes and protocol layers need neither asyncio
nor ssl.
"""

from typing import TYPE_CHECKING, Any

from . import arrow, frames, messages, oids
from ._impl import IMPLEMENTATION
from ._version import __version__
from .arrow import ArrowDecoder
from .connection import BackendConnection, ConnectionClosed, DirectTLS, FrontendConnection
from .engines.base import Column, Description
from .engines.python import PythonEngine
from .errors import FrameError, LocalProtocolError, PgWireError, PostgresError, ProtocolError, RemoteProtocolError
from .frames import FrameDecoder, MessageBuilder
from .oids import *
from .rows import Record, RowDecoder, RowEncoder

if TYPE_CHECKING:
    from .client import ConnectFailed, Connection, ConnectionLost, InterfaceError, Pool, connect, create_pool
    from .server import Query, Result, Server, Session, serve

__all__ = [
    "IMPLEMENTATION",
    "ArrowDecoder",
    "BackendConnection",
    "Column",
    "ConnectFailed",
    "Connection",
    "ConnectionClosed",
    "ConnectionLost",
    "Description",
    "DirectTLS",
    "FrameDecoder",
    "FrameError",
    "FrontendConnection",
    "InterfaceError",
    "LocalProtocolError",
    "MessageBuilder",
    "PgWireError",
    "Pool",
    "PostgresError",
    "ProtocolError",
    "PythonEngine",
    "Query",
    "Record",
    "RemoteProtocolError",
    "Result",
    "RowDecoder",
    "RowEncoder",
    "Server",
    "Session",
    "__version__",
    "arrow",
    "connect",
    "create_pool",
    "frames",
    "messages",
    "serve",
]
__all__ += oids.__all__

_CLIENT = frozenset(
    {"ConnectFailed", "Connection", "ConnectionLost", "InterfaceError", "Pool", "connect", "create_pool"}
)


if not TYPE_CHECKING:  # where types are checked, a name that does not exist stays an error

    def __getattr__(name: str) -> Any:
        if name in ("Query", "Result", "Server", "Session", "serve"):
            from . import server as role
        elif name in _CLIENT:
            from . import client as role
        else:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = globals()[name] = getattr(role, name)
        return value

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
