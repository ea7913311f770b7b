"""What a frontend sends until it is logged in, decoded one message at a time, as PostgreSQL reads it.

What tag ``p`` means, how long a message may be and which encoding its texts are in depend on how the message before it was answered.
Frontends send ahead all the same, such as a password behind the start-up packet.
"""

from __future__ import annotations

from typing import Any

from .._impl import FrontendDecoder

__all__ = ["LoginFeed"]


class LoginFeed:
    """Gives a decoder one message at a time.

    Args:
        decoder: of a new connection.

    Attributes:
        kept: bytes received that no message was made of yet.
    """

    __slots__ = ("_decoder", "_given", "kept")

    def __init__(self, decoder: FrontendDecoder) -> None:
        self._decoder = decoder
        self._given = 0  # how many of the bytes kept the decoder has, too: it judges a length before the body has come
        self.kept = bytearray()

    def feed(self, data: bytes | bytearray | memoryview) -> list[Any]:
        """Take bytes; the next message of all that is kept, or nothing while it is incomplete."""
        kept = self.kept
        header = 4 if self._decoder.startup else 5
        length = len(data)
        if not kept and length >= header and length == header - 4 + int.from_bytes(data[header - 4 : header], "big"):
            return self._decoder.feed(data)  # as nearly always: one message, and all of it
        kept += data
        end = len(kept)
        if end > header:  # a length counts itself
            end = min(end, max(header, header - 4 + int.from_bytes(kept[header - 4 : header], "big")))
        messages = self._decoder.feed(kept[self._given : end])
        if messages:
            del kept[:end]
            self._given = 0
        else:
            self._given = end
        return messages
