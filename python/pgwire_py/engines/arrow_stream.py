"""Arrow streams that their owner can still reach after handing them on.

A consumer of ``__arrow_c_stream__`` owns the stream it gets. :class:`ArrowRelay` hands out a stream of its own that
pulls from the engine's, so that the engine can close it, can read the rest into memory when another statement needs
the connection, and can say what an error really was. :class:`ArrowChain` makes one stream of many. Structures as in
the Arrow C data and C stream interfaces; moving one is a copy of its bytes and a NULL ``release`` in the source. Costs
two calls into Python per batch, nothing per row, and needs no Arrow library.
"""

from __future__ import annotations

import ctypes
import errno
import itertools
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

__all__ = ["ArrowChain", "ArrowRelay"]


class _Array(ctypes.Structure):
    _fields_ = [
        ("length", ctypes.c_int64),
        ("null_count", ctypes.c_int64),
        ("offset", ctypes.c_int64),
        ("n_buffers", ctypes.c_int64),
        ("n_children", ctypes.c_int64),
        ("buffers", ctypes.c_void_p),
        ("children", ctypes.c_void_p),
        ("dictionary", ctypes.c_void_p),
        ("release", ctypes.c_void_p),
        ("private_data", ctypes.c_void_p),
    ]


class _Schema(ctypes.Structure):
    _fields_ = [
        ("format", ctypes.c_void_p),
        ("name", ctypes.c_void_p),
        ("metadata", ctypes.c_void_p),
        ("flags", ctypes.c_int64),
        ("n_children", ctypes.c_int64),
        ("children", ctypes.c_void_p),
        ("dictionary", ctypes.c_void_p),
        ("release", ctypes.c_void_p),
        ("private_data", ctypes.c_void_p),
    ]


class _Stream(ctypes.Structure):
    _fields_ = [
        ("get_schema", ctypes.c_void_p),
        ("get_next", ctypes.c_void_p),
        ("get_last_error", ctypes.c_void_p),
        ("release", ctypes.c_void_p),
        ("private_data", ctypes.c_void_p),
    ]


_PULL = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)
_LAST_ERROR = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p)
_RELEASE = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
_DESTRUCTOR = ctypes.PYFUNCTYPE(None, ctypes.c_void_p)

_NAME = b"arrow_array_stream"
_new_capsule = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p, ctypes.c_char_p, _DESTRUCTOR)(
    ("PyCapsule_New", ctypes.pythonapi)
)
_capsule_pointer = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)(
    ("PyCapsule_GetPointer", ctypes.pythonapi)
)
_capsule_pointer_raw = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p)(
    ("PyCapsule_GetPointer", ctypes.pythonapi)
)

_numbers = itertools.count(1)
_relays: dict[int, _Exported] = {}  # by the number in private_data, while a consumer holds the stream
_structures: dict[int, _Stream] = {}  # by address, while a capsule points at it


class _Exported(ABC):
    """What can be taken once by ``__arrow_c_stream__``; its consumer calls the other methods by way of C."""

    def __init__(self) -> None:
        self._taken = False
        self._number = 0
        self._message: Any = None
        self.error: str | None = None

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> Any:
        if self._taken:
            raise RuntimeError("this Arrow stream has been taken already")
        self._taken = True
        self._number = next(_numbers)
        stream = _Stream(*_ADDRESSES, self._number)
        address = ctypes.addressof(stream)
        _relays[self._number] = self
        _structures[address] = stream
        return _new_capsule(address, _NAME, _DESTROY)

    @abstractmethod
    def schema(self, out: int) -> int:
        """Write the schema to an address; 0, or an error number."""

    @abstractmethod
    def next(self, out: int) -> int:
        """Write the next array, or a released one at the end."""

    @abstractmethod
    def close(self) -> None:
        """The rows are given up, or the consumer has released the stream."""

    def last_error(self) -> int | None:
        """Address of the error's text."""
        if self.error is None:
            return None
        self._message = ctypes.create_string_buffer(self.error.encode().replace(b"\0", b"?"))
        return ctypes.addressof(self._message)


class ArrowRelay(_Exported):
    """A stream of record batches, taken once by ``__arrow_c_stream__``.

    Args:
        capsule: the engine's ``arrow_array_stream`` capsule; it is moved from.
        bytes_to_bits: paths (column, child …) of fields that come as ``arrow.bool8``, one byte each, and leave as plain
            bool, packed in place into their own buffer. Their arrays must be this stream's alone.

    Attributes:
        ended: True once the engine's stream has been read to its end, failed or was closed.
        error: what the engine's stream reported when it failed, else None.
    """

    def __init__(self, capsule: object, bytes_to_bits: Sequence[tuple[int, ...]] = ()) -> None:
        super().__init__()
        source = _Stream.from_address(_capsule_pointer(capsule, _NAME))
        self._inner = _Stream.from_buffer_copy(source)
        source.release = None
        self._address = ctypes.addressof(self._inner)
        self._pull = _PULL(self._inner.get_next)
        self._spool: deque[_Array] = deque()
        self._bytes_to_bits = bytes_to_bits
        self.ended = False

    def spool(self) -> None:
        """Read what is left into memory, so that the engine's connection is free; an error shows when the consumer
        gets there.
        """
        while not self.ended:
            array = _Array()
            if self._next(ctypes.addressof(array)) == 0 and array.release:
                self._spool.append(array)

    def close(self) -> None:
        """End the engine's stream and drop the rows; a consumer that goes on reading gets an error."""
        self._end()
        self.error = self.error or "the result is closed"
        while self._spool:
            _release_array(self._spool.popleft())

    def __del__(self) -> None:
        self._end()

    def _end(self) -> None:
        self.ended = True
        if self._inner.release:
            _RELEASE(self._inner.release)(self._address)

    def _next(self, out: int) -> int:
        code: int = self._pull(self._address, out)
        if code != 0:
            message = _LAST_ERROR(self._inner.get_last_error)(self._address)
            text = ctypes.string_at(message).decode("utf-8", "replace") if message else f"error {code}"
            self._end()
            self.error = text
        elif not _Array.from_address(out).release:
            self.ended = True  # not released yet: a consumer may still ask for the schema
        else:
            for path in self._bytes_to_bits:
                _pack(_descend(_Array, out, path))
        return code

    # What the consumer calls, by way of the functions below.

    def schema(self, out: int) -> int:
        if not self._inner.release:
            self.error = self.error or "the result is closed"
            return errno.EIO
        code = int(_PULL(self._inner.get_schema)(self._address, out))
        for path in self._bytes_to_bits if code == 0 else ():
            field = _descend(_Schema, out, path)
            if ctypes.string_at(field.format) == b"c":  # the producer frees both texts: they are changed where they are
                ctypes.memmove(field.format, b"b", 1)
                ctypes.memset(field.metadata, 0, 4)  # no pairs
        return code

    def next(self, out: int) -> int:
        if self._spool:
            array = self._spool.popleft()
            ctypes.memmove(out, ctypes.addressof(array), ctypes.sizeof(_Array))
            return 0
        if not self.ended:
            return self._next(out)
        ctypes.memset(out, 0, ctypes.sizeof(_Array))
        return errno.EIO if self.error else 0


class ArrowChain(_Exported):
    """One stream made of many, each asked for when the one before it has ended.

    Args:
        empty: an object with ``__arrow_c_stream__`` that has the schema of them all, and no rows.
        following: gives the next such object, None at the end.

    Attributes:
        failure: the exception that ``following`` raised, which ended the stream.
    """

    def __init__(self, empty: Any, following: Callable[[], Any]) -> None:
        super().__init__()
        self._head: ArrowRelay | None = ArrowRelay(empty.__arrow_c_stream__())
        self._following: Callable[[], Any] | None = following
        self._current: ArrowRelay | None = None
        self.failure: Exception | None = None

    def schema(self, out: int) -> int:
        return errno.EIO if self._head is None else self._head.schema(out)

    def next(self, out: int) -> int:
        try:
            while self._following is not None:
                if self._current is None:
                    part = self._following()
                    if part is None:
                        self._following = None
                        break
                    self._current = ArrowRelay(part.__arrow_c_stream__())
                code = self._current.next(out)
                if code != 0:
                    self.error, self._following = self._current.error, None
                    return code
                if _Array.from_address(out).release:
                    return 0
                self._current = None
        except Exception as failure:  # cannot cross C; the owner asks for it
            self.failure = failure
            self.error, self._following = str(failure) or type(failure).__name__, None
        ctypes.memset(out, 0, ctypes.sizeof(_Array))
        return errno.EIO if self.error else 0

    def close(self) -> None:
        self.error = self.error or "the result is closed"
        self._head = self._current = self._following = None


_TO_DIGITS = b"0" + b"1" * 255


def _descend(kind: Any, address: int, path: tuple[int, ...]) -> Any:
    """The field or array at a path of child numbers."""
    node = kind.from_address(address)
    for index in path:
        node = kind.from_address(ctypes.cast(node.children, ctypes.POINTER(ctypes.c_void_p))[index])
    return node


def _pack(array: Any) -> None:
    """Turn an array's bytes, one per value, into bits, the lowest first, in the same buffer."""
    count = array.offset + array.length
    values = ctypes.cast(array.buffers, ctypes.POINTER(ctypes.c_void_p))[1]
    if count and values:
        digits = ctypes.string_at(values, count).translate(_TO_DIGITS)[::-1]
        bits = int(digits, 2).to_bytes((count + 7) // 8, "little")
        ctypes.memmove(values, bits, len(bits))


def _release_array(array: _Array) -> None:
    if array.release:
        _RELEASE(array.release)(ctypes.addressof(array))


def _relay_of(stream: int) -> _Exported:
    return _relays[_Stream.from_address(stream).private_data]


def _get_schema(stream: int, out: int) -> int:
    try:
        return _relay_of(stream).schema(out)
    except Exception:  # an exception cannot cross C; the consumer gets an error code
        return errno.EIO


def _get_next(stream: int, out: int) -> int:
    try:
        return _relay_of(stream).next(out)
    except Exception:  # as above
        return errno.EIO


def _get_last_error(stream: int) -> int | None:
    try:
        return _relay_of(stream).last_error()
    except Exception:  # as above
        return None


def _release(stream: int) -> None:
    structure = _Stream.from_address(stream)
    relay = _relays.pop(structure.private_data, None)
    structure.release = None
    if relay is not None:
        relay.close()


def _destroy_capsule(capsule: int) -> None:
    address = _capsule_pointer_raw(capsule, _NAME)
    structure = _structures.pop(address, None)
    if structure is not None and structure.release:
        _release(address)


# Made once and for ever: C may call them as long as the process lives.
_CALLBACKS = (_PULL(_get_schema), _PULL(_get_next), _LAST_ERROR(_get_last_error), _RELEASE(_release))
_ADDRESSES = tuple(ctypes.cast(callback, ctypes.c_void_p) for callback in _CALLBACKS)
_DESTROY = _DESTRUCTOR(_destroy_capsule)
