"""The PostgreSQL wire protocol for Python, both ends of it, at native speed.

All but the errors and the OIDs is imported when it is first used (PEP 562): the bytes and protocol layers need neither asyncio nor ssl.
"""

from typing import TYPE_CHECKING

from . import oids
from ._impl import IMPLEMENTATION
from ._lazy import lazy, places
from ._version import __version__
from .errors import FrameError, LocalProtocolError, PgWireError, PostgresError, ProtocolError, RemoteProtocolError
from .oids import *

if TYPE_CHECKING:  # where types are checked, a name that does not exist stays an error
    from . import arrow, blocking, frames, messages
    from .arrow import ArrowDecoder
    from .client import (
        ConnectFailed,
        Connection,
        ConnectionBuilder,
        ConnectionLost,
        InterfaceError,
        Pool,
        connect,
        create_pool,
    )
    from .connection import BackendConnection, ConnectionClosed, DirectTLS, FrontendConnection
    from .engines.base import Column, Description
    from .engines.python import PythonEngine, QueryParser
    from .frames import FrameDecoder, MessageBuilder
    from .rows import ArrowEncoder, Record, RowDecoder, RowEncoder
    from .server import (
        BlockingCopyReader,
        CopyBoth,
        CopyIn,
        CopyOut,
        CopyReader,
        CopyStatement,
        CopyStream,
        Handler,
        Hooks,
        Query,
        Result,
        ResultBuilder,
        Server,
        Session,
        serve,
    )
else:
    _PLACES = places(
        {
            ".arrow": "arrow ArrowDecoder",
            ".blocking": "blocking",
            ".client": "ConnectFailed Connection ConnectionBuilder ConnectionLost InterfaceError Pool connect create_pool",
            ".connection": "BackendConnection ConnectionClosed DirectTLS FrontendConnection",
            ".engines.base": "Column Description",
            ".engines.python": "PythonEngine QueryParser",
            ".frames": "frames FrameDecoder MessageBuilder",
            ".messages": "messages",
            ".rows": "ArrowEncoder Record RowDecoder RowEncoder",
            ".server": (
                "BlockingCopyReader CopyBoth CopyIn CopyOut CopyReader CopyStatement CopyStream "
                "Handler Hooks Query Result ResultBuilder Server Session serve"
            ),
        }
    )
    __getattr__, __dir__ = lazy(__name__, _PLACES)

__all__ = [
    "IMPLEMENTATION",
    "ArrowDecoder",
    "ArrowEncoder",
    "BackendConnection",
    "BlockingCopyReader",
    "Column",
    "ConnectFailed",
    "Connection",
    "ConnectionBuilder",
    "ConnectionClosed",
    "ConnectionLost",
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
    "Handler",
    "Hooks",
    "InterfaceError",
    "LocalProtocolError",
    "MessageBuilder",
    "PgWireError",
    "Pool",
    "PostgresError",
    "ProtocolError",
    "PythonEngine",
    "Query",
    "QueryParser",
    "Record",
    "RemoteProtocolError",
    "Result",
    "ResultBuilder",
    "RowDecoder",
    "RowEncoder",
    "Server",
    "Session",
    "__version__",
    "arrow",
    "blocking",
    "connect",
    "create_pool",
    "frames",
    "messages",
    "serve",
]
__all__ += oids.__all__
