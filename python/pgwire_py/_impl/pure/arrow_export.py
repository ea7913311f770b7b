"""Arrow arrays and streams handed out through the C data interface: structures, and what keeps their memory.

A structure and its buffers stay in a table until the consumer calls the release callback, as the specification lays down.
"""

from __future__ import annotations

import ctypes
import struct
import sys
import threading
from collections import deque
from collections.abc import Callable
from ctypes import POINTER, c_char_p, c_void_p
from itertools import count
from typing import Any

from .arrow_arrays import Arrays, Column
from .arrow_memory import ArrowArray, ArrowArrayStream, ArrowSchema, release

_NULLABLE = 2
_EINVAL = 22
_KEPT: dict[int, Any] = {}
"""What a structure's memory depends on, by its private_data."""
_NUMBERS = count(1)
_FAILED: deque[Any] = deque(maxlen=16)
"""What the streams that failed last depend on: their callbacks run, and their errors are asked for."""

_new = ctypes.pythonapi["PyCapsule_New"]
_new.restype = ctypes.py_object
_new.argtypes = [c_void_p, c_char_p, c_void_p]


def _keep(owned: Any, *parts: Any) -> None:
    """Keeps the parts until the structure is released."""
    number = next(_NUMBERS)
    owned.private_data = number
    _KEPT[number] = parts


def _callback(layout: type[Any], work: Callable[[Any], None]) -> Any:
    """A release callback. It may be called while an exception is on its way, in which no Python code can run: that one is taken away
    first. It cannot be put back, only reported; a stream that fails therefore releases itself, before its consumer raises anything.
    """

    def released(address: int) -> None:
        _fetch(*_PENDING)
        pending = _taken()
        work(layout.from_address(address))
        if pending is not None:
            raise pending

    # With an address for an argument, nothing is made before the function begins.
    return ctypes.cast(ctypes.CFUNCTYPE(None, c_void_p)(released), dict(layout._fields_)["release"])


_fetch = ctypes.pythonapi["PyErr_Fetch"]
_fetch.restype = None
_ERROR = (ctypes.py_object(), ctypes.py_object(), ctypes.py_object())
# Made beforehand: nothing else may be called while an exception is set.
_PENDING = tuple(ctypes.byref(part) for part in _ERROR)


def _taken() -> BaseException | None:
    """The exception that was fetched."""
    found: list[Any] = []
    for part in _ERROR:
        try:
            found.append(part.value)
        except ValueError:  # NULL
            found.append(None)
        else:
            ctypes.pythonapi.Py_DecRef(part)
    kind, value, traceback = found
    if kind is None:
        return None
    error: BaseException = value if isinstance(value, BaseException) else kind(value)
    return error.with_traceback(traceback)


def _forget(owned: Any) -> None:
    """Releases the children of a schema or an array that are still there, and forgets what it depends on."""
    for index in range(owned.n_children):
        child = owned.children[index]
        if child.contents.release:
            child.contents.release(child)
    _clear(owned)


def _clear(owned: Any) -> None:
    number = owned.private_data
    owned.release = type(owned.release)()
    _KEPT.pop(number, None)


_release_schema = _callback(ArrowSchema, _forget)
_release_array = _callback(ArrowArray, _forget)
_release_stream = _callback(ArrowArrayStream, _clear)


def fill_schema(schema: Any, fmt: str, name: str, extension: bytes, children: tuple[Column, ...], flags: int) -> None:
    """Fills a structure for a type; its children too."""
    made = [ArrowSchema() for _ in children]
    for child, column in zip(made, children, strict=True):
        fill_schema(child, column.format, column.name, column.extension, column.children, _NULLABLE)
    pointers = (POINTER(ArrowSchema) * len(made))(*map(ctypes.pointer, made))
    metadata = _metadata(extension) if extension else None
    texts = fmt.encode(), name.encode()
    schema.format, schema.name = texts
    schema.metadata = ctypes.cast(metadata, c_void_p) if metadata is not None else None
    schema.flags, schema.n_children = flags, len(made)
    schema.children = ctypes.cast(pointers, POINTER(POINTER(ArrowSchema)))
    schema.dictionary, schema.release = None, _release_schema
    _keep(schema, made, pointers, metadata, texts)


def _metadata(extension: bytes) -> Any:
    pairs = {b"ARROW:extension:metadata": b"", b"ARROW:extension:name": extension}
    parts = [struct.pack("=i", len(pairs))]
    for text in (part for pair in pairs.items() for part in pair):
        parts += (struct.pack("=i", len(text)), text)
    return ctypes.create_string_buffer(b"".join(parts))


def fill_array(array: Any, arrays: Arrays) -> None:
    """Fills a structure with an array; its children too. The buffers are not copied."""
    made = [ArrowArray() for _ in arrays.children]
    for child, part in zip(made, arrays.children, strict=True):
        fill_array(child, part)
    children = (POINTER(ArrowArray) * len(made))(*map(ctypes.pointer, made))
    buffers = (c_void_p * len(arrays.buffers))()
    for index, data in enumerate(arrays.buffers):
        buffers[index] = None if data is None else ctypes.cast(c_char_p(data), c_void_p).value
    array.length, array.null_count, array.offset = arrays.length, arrays.nulls, 0
    array.n_buffers, array.n_children = len(arrays.buffers), len(made)
    array.buffers = ctypes.cast(buffers, POINTER(c_void_p))
    array.children = ctypes.cast(children, POINTER(POINTER(ArrowArray)))
    array.dictionary, array.release = None, _release_array
    _keep(array, made, children, buffers, arrays)


def schema_capsule(columns: tuple[Column, ...]) -> object:
    """A capsule with the schema of a table."""
    schema = ArrowSchema()
    fill_schema(schema, "+s", "", b"", columns, 0)
    return _capsule(schema, b"arrow_schema")


def array_capsule(arrays: Arrays) -> object:
    """A capsule with an array."""
    array = ArrowArray()
    fill_array(array, arrays)
    return _capsule(array, b"arrow_array")


def stream_capsule(columns: tuple[Column, ...], next_batch: Callable[[], Arrays | None]) -> object:
    """A capsule with a stream of the batches that a function gives, None at the end; it is not called again after an error."""
    error: list[bytes | None] = [None]

    def get_schema(_: Any, out: Any) -> int:
        fill_schema(out.contents, "+s", "", b"", columns, 0)
        return 0

    def get_next(this: Any, out: Any) -> int:
        try:
            arrays = next_batch()
        except BaseException as raised:  # nothing may leave a callback
            error[0] = f"External error: {type(raised).__name__}: {raised}".replace("\0", "").encode(errors="replace")
            _FAILED.append(_KEPT[this.contents.private_data])
            _clear(this.contents)
            return _EINVAL
        if arrays is None:
            out.contents.release = type(out.contents.release)()
        else:
            fill_array(out.contents, arrays)
        return 0

    def get_last_error(_: Any) -> int | None:
        return None if error[0] is None else ctypes.cast(c_char_p(error[0]), c_void_p).value

    stream = ArrowArrayStream()
    kinds: dict[str, Any] = dict(ArrowArrayStream._fields_)  # type: ignore[arg-type]
    # A callback that returns a text returns its address: ctypes cannot keep a text alive for its caller.
    last_error = ctypes.CFUNCTYPE(c_void_p, POINTER(ArrowArrayStream))(get_last_error)
    stream.get_schema, stream.get_next = kinds["get_schema"](get_schema), kinds["get_next"](get_next)
    stream.get_last_error = ctypes.cast(last_error, kinds["get_last_error"])
    stream.release = _release_stream
    _keep(stream, stream.get_schema, stream.get_next, last_error)
    return _capsule(stream, b"arrow_array_stream")


_CAPSULES: list[tuple[object, Any]] = []
"""Capsules handed out, with their structures."""
_LOCK = threading.Lock()


def _capsule(owned: Any, name: bytes) -> object:
    _sweep()
    made: object = _new(ctypes.addressof(owned), name, None)
    with _LOCK:
        _CAPSULES.append((made, owned))
    return made


def _sweep() -> None:
    """Releases what lies in capsules that nobody else holds any more, if nobody has taken it out.

    A destructor would do this at once; but it may be called while an exception is on its way, and then no Python code can run.
    """
    with _LOCK:
        gone = [entry for entry in _CAPSULES if _holders(entry) == _ALONE]
        for entry in gone:
            _CAPSULES.remove(entry)
    for _, owned in gone:
        release(owned)


def _holders(entry: tuple[object, Any]) -> int:
    return sys.getrefcount(entry[0])


_ALONE = _holders((object(), None))
