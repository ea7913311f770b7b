"""The PostgreSQL wire protocol for Python, both ends of it, at native speed.

The server's names are imported when they are first used (PEP 562): the bytes and protocol layers need neither asyncio nor ssl.
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
from .rows import ArrowEncoder, Record, RowDecoder, RowEncoder

if TYPE_CHECKING:
    from .server import (
        BlockingCopyReader,
        CopyBoth,
        CopyIn,
        CopyOut,
        CopyReader,
        CopyStatement,
        CopyStream,
        Query,
        Result,
        Server,
        Session,
        serve,
    )

__all__ = [
    "IMPLEMENTATION",
    "ArrowDecoder",
    "ArrowEncoder",
    "BackendConnection",
    "BlockingCopyReader",
    "Column",
    "ConnectionClosed",
    "CopyBoth",
    "CopyIn",
    "CopyOut",
    "CopyReader",
    "CopyStatement",
    "CopyStream",
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
    "arrow",
    "frames",
    "messages",
    "serve",
]
__all__ += oids.__all__


if not TYPE_CHECKING:  # where types are checked, a name that does not exist stays an error

    def __getattr__(name: str) -> Any:
        if name not in __all__:  # what is in it and not here is the server's
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from . import server

        value = globals()[name] = getattr(server, name)
        return value

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
