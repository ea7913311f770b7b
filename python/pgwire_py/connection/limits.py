"""PostgreSQL's own bounds of what comes from the other side, which are the defaults of both connections."""

from __future__ import annotations

from typing import Final

__all__ = ["MAX_ANSWER_LENGTH_AT_START", "MAX_AUTH_MESSAGE_LENGTH", "MAX_MESSAGE_LENGTH", "MAX_STARTUP_LENGTH"]

MAX_STARTUP_LENGTH: Final = 10_000
"""PostgreSQL's MAX_STARTUP_PACKET_LENGTH, in bytes."""

MAX_AUTH_MESSAGE_LENGTH: Final = 65_535
"""PostgreSQL's PG_MAX_AUTH_TOKEN_LENGTH: largest message of a frontend before authentication, in bytes."""

MAX_ANSWER_LENGTH_AT_START: Final = 30_000
"""libpq's MAX_ERRLEN: largest message of a backend before authentication, in bytes."""

MAX_MESSAGE_LENGTH: Final = 0x3FFF_FFFE
"""PostgreSQL's PQ_LARGE_MESSAGE_LIMIT (1 GB - 2): largest message after authentication, in bytes."""
