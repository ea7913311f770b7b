"""The PostgreSQL wire protocol for Python, both ends of it, at native speed.

The server's names are imported when they are first used (PEP 562): the bytes and protocol layers need neither asyncio nor ssl.
"""

from typing import TYPE_CHECKING, Any

from . import frames, messages, oids
from ._impl import IMPLEMENTATION
from ._version import __version__
from .connection import BackendConnection, ConnectionClosed, DirectTLS, FrontendConnection
from .engines.base import Column, Description
from .engines.python import PythonEngine
from .errors import FrameError, LocalProtocolError, PgWireError, PostgresError, ProtocolError, RemoteProtocolError
from .frames import FrameDecoder, MessageBuilder
from .oids import *
from .rows import ArrowEncoder, Record, RowDecoder, RowEncoder

if TYPE_CHECKING:
    from .server import Query, Result, Server, Session, serve

__all__ = [
    "IMPLEMENTATION",
    "ArrowEncoder",
    "BackendConnection",
    "Column",
    "ConnectionClosed",
    "Description",
    "DirectTLS",
    "FrameDecoder",
    "FrameError",
    "FrontendConnection",
    "LocalProtocolError",
    "MessageBuilder",
    "PgWireError",
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
    "frames",
    "messages",
    "serve",
]
__all__ += oids.__all__


if not TYPE_CHECKING:  # where types are checked, a name that does not exist stays an error

    def __getattr__(name: str) -> Any:
        if name not in ("Query", "Result", "Server", "Session", "serve"):
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from . import server

        value = globals()[name] = getattr(server, name)
        return value

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
