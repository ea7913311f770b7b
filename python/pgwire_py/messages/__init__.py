"""Every message of the protocol, one class each, whichever implementation makes it.

Classes are named as in PostgreSQL's protocol chapter. (F) is sent by the frontend (client), (B) by the backend (server).
"""

from . import auth, copy, extended_query, response, simple_query, startup
from .auth import *
from .copy import *
from .extended_query import *
from .response import *
from .simple_query import *
from .startup import *

__all__ = [
    *auth.__all__,
    *copy.__all__,
    *extended_query.__all__,
    *response.__all__,
    *simple_query.__all__,
    *startup.__all__,
]
