"""Bodies of messages ⇄ message objects (Protocol 55.7).

``decode`` for what a frontend sends, ``decode_backend`` for what a backend sends, ``encode`` for both.
"""

from .encode import encode_message

__all__ = ["encode_message"]
