"""The Arrow C data interface through ctypes: structures, buffers and who releases what.

Layouts are those of the Arrow specification, "The Arrow C data interface" and "The Arrow C stream interface".
"""

from __future__ import annotations

import ctypes
import struct
from ctypes import CFUNCTYPE, POINTER, c_char_p, c_int, c_int64, c_void_p
from typing import Any

from ...errors import PostgresError, postgres_error


class ArrowSchema(ctypes.Structure):
    pass


class ArrowArray(ctypes.Structure):
    pass


class ArrowArrayStream(ctypes.Structure):
    pass


ArrowSchema._fields_ = [
    ("format", c_char_p),
    ("name", c_char_p),
    ("metadata", c_void_p),
    ("flags", c_int64),
    ("n_children", c_int64),
    ("children", POINTER(POINTER(ArrowSchema))),
    ("dictionary", POINTER(ArrowSchema)),
    ("release", CFUNCTYPE(None, POINTER(ArrowSchema))),
    ("private_data", c_void_p),
]
ArrowArray._fields_ = [
    ("length", c_int64),
    ("null_count", c_int64),
    ("offset", c_int64),
    ("n_buffers", c_int64),
    ("n_children", c_int64),
    ("buffers", POINTER(c_void_p)),
    ("children", POINTER(POINTER(ArrowArray))),
    ("dictionary", POINTER(ArrowArray)),
    ("release", CFUNCTYPE(None, POINTER(ArrowArray))),
    ("private_data", c_void_p),
]
ArrowArrayStream._fields_ = [
    ("get_schema", CFUNCTYPE(c_int, POINTER(ArrowArrayStream), POINTER(ArrowSchema))),
    ("get_next", CFUNCTYPE(c_int, POINTER(ArrowArrayStream), POINTER(ArrowArray))),
    ("get_last_error", CFUNCTYPE(c_char_p, POINTER(ArrowArrayStream))),
    ("release", CFUNCTYPE(None, POINTER(ArrowArrayStream))),
    ("private_data", c_void_p),
]


def capsule_struct(capsule: object, name: bytes, layout: type[Any]) -> Any:
    """The structure that a capsule of this name holds; it lives while the capsule does."""
    get_pointer = ctypes.pythonapi.PyCapsule_GetPointer
    get_pointer.restype = c_void_p
    get_pointer.argtypes = [ctypes.py_object, c_char_p]
    return ctypes.cast(get_pointer(capsule, name), POINTER(layout)).contents


def release(owned: Any) -> None:
    """Calls a structure's release callback, once: the callback clears itself."""
    if owned.release:
        owned.release(ctypes.byref(owned))


class Field:
    """What a schema says of one column, copied out of it."""

    def __init__(self, schema: ArrowSchema) -> None:
        self.format: str = (schema.format or b"").decode()
        self.name: str = (schema.name or b"").decode()
        self.extension = _metadata(schema.metadata).get(b"ARROW:extension:name", b"").decode()
        self.children = [Field(schema.children[index].contents) for index in range(schema.n_children)]
        self.dictionary = Field(schema.dictionary.contents) if schema.dictionary else None

    @property
    def is_list(self) -> bool:
        return self.format in ("+l", "+L") or self.format.startswith("+w:")


def _metadata(address: int | None) -> dict[bytes, bytes]:
    """Keys and values: a count, then each with its length in front, in the machine's byte order."""
    found: dict[bytes, bytes] = {}
    if not address:
        return found

    def number() -> int:
        nonlocal address
        assert address is not None
        (value,) = struct.unpack("=i", ctypes.string_at(address, 4))
        address += 4
        return int(value)

    def text() -> bytes:
        nonlocal address
        length = number()
        assert address is not None
        value = ctypes.string_at(address, length)
        address += length
        return value

    for _ in range(number()):
        key = text()
        found[key] = text()
    return found


class Stream:
    """An ArrowArrayStream that a capsule holds; released at its end, on an error and when it is dropped."""

    def __init__(self, capsule: object) -> None:
        self._capsule = capsule
        self._stream = capsule_struct(capsule, b"arrow_array_stream", ArrowArrayStream)
        if not self._stream.release:
            raise postgres_error("XX000", "C Data interface error: input stream is already released")
        schema = ArrowSchema()
        status = self._stream.get_schema(ctypes.byref(self._stream), ctypes.byref(schema))
        if status:
            raise self._error(f"C Data interface error: Cannot get schema from input stream. Error code: {status}")
        try:
            self.fields = table_fields(Field(schema))
        finally:
            release(schema)

    def next(self) -> ArrowArray | None:
        """The next array, which the caller releases; None at the end."""
        array = ArrowArray()
        status = self._stream.get_next(ctypes.byref(self._stream), ctypes.byref(array))
        if status:
            error = self._error(f"C Data interface error: Cannot get next batch from input stream. Error code: {status}")
            self.close()
            raise error
        if not array.release:
            self.close()
            return None
        return array

    def close(self) -> None:
        release(self._stream)

    def __del__(self) -> None:
        if hasattr(self, "_stream"):
            self.close()

    def _error(self, fallback: str) -> PostgresError:
        text = self._stream.get_last_error(ctypes.byref(self._stream)) if self._stream.get_last_error else None
        return postgres_error("XX000", text.decode(errors="replace") if text is not None else fallback)


class Single:
    """One array as a stream of one batch; it stays the capsule's, whose destructor releases it."""

    def __init__(self, schema_capsule: object, array_capsule: object) -> None:
        field = Field(capsule_struct(schema_capsule, b"arrow_schema", ArrowSchema))
        self.fields = table_fields(field)
        self._capsule: object | None = array_capsule
        self._array: ArrowArray | None = capsule_struct(array_capsule, b"arrow_array", ArrowArray)

    def next(self) -> ArrowArray | None:
        array, self._array = self._array, None
        return array

    def close(self) -> None:
        self._array = self._capsule = None


def table_fields(field: Field) -> list[Field]:
    if field.format != "+s":
        message = "C Data interface error: Unable to interpret C data struct as a Schema"
        raise postgres_error("XX000", message)
    return field.children
