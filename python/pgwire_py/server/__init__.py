"""The asyncio server: a PostgreSQL port in front of an engine or a function."""

from .copy_statement import CopyStatement
from .copy_streams import BlockingCopyReader, CopyBoth, CopyIn, CopyOut, CopyReader, CopyStream
from .handler import Query, Result, ResultBuilder
from .hooks import Handler, Hooks
from .server import Server, serve
from .session import Session

__all__ = [
    "BlockingCopyReader",
    "CopyBoth",
    "CopyIn",
    "CopyOut",
    "CopyReader",
    "CopyStatement",
    "CopyStream",
    "Handler",
    "Hooks",
    "Query",
    "Result",
    "ResultBuilder",
    "Server",
    "Session",
    "serve",
]
