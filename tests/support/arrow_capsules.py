"""Arrow producers that do as a test says: what pyarrow exports, with the structures changed by hand."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import pyarrow as pa

from pgwire_py._impl.pure.arrow_memory import ArrowArray, ArrowArrayStream, ArrowSchema


def capsule(structure: Any, name: bytes) -> Any:
    """A capsule without a destructor: the structure stays the test's."""
    make = ctypes.pythonapi.PyCapsule_New
    make.restype = ctypes.py_object
    make.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
    return make(ctypes.addressof(structure), name, None)


class Altered:
    """A batch whose structures ``alter`` changes before they are handed out; ``alter`` gets ArrowSchema and ArrowArray.

    Releasing them frees nothing: pyarrow's own way to do it would follow the pointers that are changed.
    """

    def __init__(self, batch: pa.RecordBatch, alter: Callable[[Any, Any], None]) -> None:
        self.schema, self.array = ArrowSchema(), ArrowArray()
        batch._export_to_c(ctypes.addressof(self.array), ctypes.addressof(self.schema))
        self._kept = batch
        for structure in (self.schema, self.array):
            kind = dict(type(structure)._fields_)["release"]
            structure.release = kind(lambda owned, kind=kind: setattr(owned.contents, "release", kind()))
        alter(self.schema, self.array)

    def __arrow_c_array__(self, requested_schema: object = None) -> Any:
        return capsule(self.schema, b"arrow_schema"), capsule(self.array, b"arrow_array")


class Failing:
    """A stream whose ``get_schema`` or ``get_next`` fails with a status, with or without words."""

    def __init__(self, words: bytes | None, with_schema: bool) -> None:
        kinds = dict(ArrowArrayStream._fields_)
        self.stream = ArrowArrayStream()
        self.stream.get_schema = kinds["get_schema"](self._schema if with_schema else lambda stream, out: 22)
        self.stream.get_next = kinds["get_next"](lambda stream, out: 5)
        self.stream.get_last_error = kinds["get_last_error"](lambda stream: words)
        self.stream.release = kinds["release"](lambda stream: setattr(stream.contents, "release", kinds["release"]()))

    def _schema(self, stream: Any, out: Any) -> int:
        pa.schema([("n", pa.int32())])._export_to_c(ctypes.addressof(out.contents))
        return 0

    def __arrow_c_stream__(self, requested_schema: object = None) -> Any:
        return capsule(self.stream, b"arrow_array_stream")
