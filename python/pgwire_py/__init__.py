"""The PostgreSQL wire protocol for Python, both ends of it, at native speed."""

from . import messages
from ._impl import IMPLEMENTATION
from ._version import __version__
from .engines.base import Column, Description
from .engines.python import PythonEngine
from .errors import LocalProtocolError, PgWireError, PostgresError, ProtocolError, RemoteProtocolError
from .oids import *
from .server import Query, Result, Server, Session, serve
