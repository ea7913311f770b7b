"""For tests of programs that speak the protocol: a scripted PostgreSQL server, and both ends of a connection without sockets.

``pytest_plugins = ["pgwire_py.testing.plugin"]`` gives pytest the fixtures ``mock_postgres`` and ``make_mock_postgres``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._lazy import lazy, places

if TYPE_CHECKING:
    from .conversation import Conversation
    from .mock_server import MockServer
    from .pair import ConnectionPair
    from .recording import Received, ReceivedMessage
    from .script import Expectation, MockFailure
else:
    _PLACES = places(
        {
            ".conversation": "Conversation",
            ".mock_server": "MockServer",
            ".pair": "ConnectionPair",
            ".recording": "Received ReceivedMessage",
            ".script": "Expectation MockFailure",
        }
    )
    __getattr__, __dir__ = lazy(__name__, _PLACES)

__all__ = [
    "ConnectionPair",
    "Conversation",
    "Expectation",
    "MockFailure",
    "MockServer",
    "Received",
    "ReceivedMessage",
]
