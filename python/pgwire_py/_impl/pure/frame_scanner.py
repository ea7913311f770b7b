"""FrameScanner: where the messages of a stream end, for those who pass its bytes on."""

from __future__ import annotations

from ...errors import FrameError
from ..interface import Buffer
from .frames import checked_length
from .wire import UINT32

__all__ = ["FrameScanner"]


class FrameScanner:
    """See :class:`pgwire_py._impl.interface.FrameScanner`."""

    __slots__ = ("_failed", "_header", "_left", "_limit", "_offset", "last")

    def __init__(self, max_message_length: int, offset: int = 0) -> None:
        self._limit = checked_length(max_message_length)
        self._offset = offset
        self._header = b""  # of the message that is read now
        self._left = 0  # bytes of its body that have not come
        self._failed: tuple[str, str] | None = None
        self.last = ""

    @property
    def partial(self) -> bool:
        return bool(self._header)

    def scan(self, data: Buffer, /) -> None:
        stream = data if type(data) is bytes else bytes(memoryview(data))
        position, size = 0, len(stream)
        while position < size and self._failed is None:
            if len(self._header) < 5:
                taken = stream[position : position + 5 - len(self._header)]
                position += len(taken)
                self._header += taken
                if len(self._header) < 5:
                    break
                self._begin()
            taking = min(size - position, self._left)
            position += taking
            self._left -= taking
            if not self._left and self._failed is None:
                self.last = chr(self._header[0])
                self._header = b""
        if self._failed is not None:
            message, tag = self._failed
            raise FrameError(message, fatal=True, tag=tag)

    def _begin(self) -> None:
        tag = self._header[0]
        length = int(UINT32.unpack_from(self._header, 1)[0])
        if not 4 <= length <= self._limit:
            rule = f"length {length} is not between 4 and {self._limit}"
            self._failed = f"message of type {tag} at byte {self._offset}: {rule}", chr(tag)
            return
        self._left = length - 4
        self._offset += 1 + length
