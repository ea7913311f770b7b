"""The asyncio server: a PostgreSQL port in front of an engine or a function."""

from .handler import Query, Result
from .server import Server, serve
from .session import Session

__all__ = ["Query", "Result", "Server", "Session", "serve"]
