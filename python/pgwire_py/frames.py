"""The low level: frames instead of messages, and messages built into a buffer of your own.

:class:`FrameDecoder` cuts the bytes of either end into frames without decoding them; :class:`MessageBuilder` writes a frontend's messages
into a bytearray. Neither holds state of the protocol: for that there are the connections.
"""

from __future__ import annotations

from typing import Final

from ._impl import FrameDecoder, MessageBuilder
from .errors import FrameError

__all__ = ["BACKEND_TAGS", "FRONTEND_TAGS", "FrameDecoder", "FrameError", "MessageBuilder"]

MAX_SMALL_FRONTEND_LENGTH: Final = 10_000
"""PostgreSQL's PQ_SMALL_MESSAGE_LIMIT, in bytes: the bound of a frontend's messages that have no reason to be long."""

MAX_SMALL_BACKEND_LENGTH: Final = 30_000
"""The same for a backend's messages, as libpq has it."""

MAX_PARAMETER_DESCRIPTION_LENGTH: Final = 4 + 2 + 4 * 65_535
"""ParameterDescription of as many parameters as there can be, in bytes."""

MAX_LENGTH: Final = 2**31 - 1
"""Largest length field that there is, in bytes."""

FRONTEND_TAGS: Final = dict.fromkeys("QPBFdp", MAX_LENGTH) | dict.fromkeys("DECHSXcf", MAX_SMALL_FRONTEND_LENGTH)
"""Every tag that a frontend sends and its largest length: ``tag_limits`` for :class:`FrameDecoder`."""

BACKEND_TAGS: Final = (
    dict.fromkeys("TDdVENA", MAX_LENGTH)
    | dict.fromkeys("RKSZCI123nsGHWcv", MAX_SMALL_BACKEND_LENGTH)
    | {"t": MAX_PARAMETER_DESCRIPTION_LENGTH}
)
"""Every tag that a backend sends and its largest length: ``tag_limits`` for :class:`FrameDecoder`."""
