"""Bodies of messages ⇄ message objects (Protocol 55.7): ``decode`` for what a frontend sends, ``encode`` for every message."""

from .encode import encode_message

__all__ = ["encode_message"]
