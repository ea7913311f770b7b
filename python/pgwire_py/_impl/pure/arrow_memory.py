"""The Arrow C data interface through ctypes: structures of a producer → Field and Array, whose buffers have lengths.

Layouts are those of the Arrow specification, "The Arrow C data interface" and "The Arrow C stream interface". The interface gives no
lengths of buffers: they follow from an array's length, offset and last offset, which are trusted to be backed by memory. All that can be
checked is: counts, signs, NULL pointers, lengths of children against those of parents.
"""

from __future__ import annotations

import ctypes
import struct
from ctypes import CFUNCTYPE, POINTER, c_char_p, c_int, c_int64, c_void_p
from typing import Any

from .arrow_layout import EXTENSIONS, Array, Field, Format, broken, parse_format, parts_of
from .types import BadValue

MAX_DEPTH = 64
"""Arrays within arrays that are read."""

_MAX_SIZE = 1 << 48
_MAX_CHILDREN = 1 << 20


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
    try:
        address = get_pointer(capsule, name)
    except ValueError:
        raise no_capsule(name) from None
    return ctypes.cast(address, POINTER(layout)).contents


def no_capsule(name: bytes) -> BadValue:
    return BadValue("42804", f"the source gave no capsule of name {name.decode()}")


def release(owned: Any) -> None:
    """Calls a structure's release callback, once: the callback clears itself."""
    if owned.release:
        owned.release(ctypes.byref(owned))


def table_fields(schema: Any) -> list[Field]:
    """The columns of the table that a schema describes."""
    field = _field(schema, 0)
    if field.format.kind != "struct":
        raise BadValue("42804", "the Arrow source is not a table: its type is no struct")
    return field.children


def _field(schema: Any, depth: int) -> Field:
    if depth > MAX_DEPTH:
        raise broken("types lie within too many others")
    if not schema.release:
        raise broken("a schema has been released")
    shape = parse_format(_text(schema.format))
    extension = _metadata(schema.metadata).get(b"ARROW:extension:name", b"").decode(errors="replace")
    children = [_field(child, depth + 1) for child in _children(schema)]
    dictionary = _field(schema.dictionary.contents, depth + 1) if schema.dictionary else None
    return Field(
        _text(schema.name), shape, extension if extension in EXTENSIONS else None, children, dictionary
    ).check()


def _text(data: bytes | None) -> str:
    try:
        return (data or b"").decode()
    except UnicodeDecodeError:
        raise broken("a name is not UTF-8") from None


def _children(owner: Any) -> list[Any]:
    count = owner.n_children
    if count == 0:
        return []
    if not owner.children or not 0 < count <= _MAX_CHILDREN:
        raise broken("children are missing")
    found = [owner.children[index] for index in range(count)]
    if not all(found):
        raise broken("a child is missing")
    return [child.contents for child in found]


def _metadata(address: int | None) -> dict[bytes, bytes]:
    """Keys and values: a count, then each with its length in front, in the machine's byte order."""
    found: dict[bytes, bytes] = {}
    if not address:
        return found
    at = address

    def number() -> int:
        nonlocal at
        (value,) = struct.unpack("=i", ctypes.string_at(at, 4))
        at += 4
        return max(int(value), 0)

    def text() -> bytes:
        nonlocal at
        length = number()
        value = ctypes.string_at(at, length)
        at += length
        return value

    for _ in range(number()):
        key = text()
        found[key] = text()
    return found


class Stream:
    """An ArrowArrayStream that a capsule holds; released at its end, on an error and when it is dropped."""

    def __init__(self, capsule: object) -> None:
        self._stream = capsule_struct(capsule, b"arrow_array_stream", ArrowArrayStream)
        self._capsule = capsule
        if not self._stream.release or not self._stream.get_schema:
            raise broken("the stream has been released")
        schema = ArrowSchema()
        status = self._stream.get_schema(ctypes.byref(self._stream), ctypes.byref(schema))
        if status:
            raise self._error(status)
        try:
            self.fields = table_fields(schema)
        finally:
            release(schema)

    def next(self) -> Table | None:
        """The next batch, which the caller releases; None at the end."""
        if not self._stream.release or not self._stream.get_next:
            return None
        array = ArrowArray()
        status = self._stream.get_next(ctypes.byref(self._stream), ctypes.byref(array))
        if status:
            error = self._error(status)
            self.close()
            raise error
        if not array.release:
            self.close()
            return None
        return Table(self.fields, array)

    def close(self) -> None:
        release(self._stream)

    def __del__(self) -> None:
        if hasattr(self, "_stream"):
            self.close()

    def _error(self, status: int) -> BadValue:
        """XX000 with the producer's own words, where it has any."""
        text = self._stream.get_last_error(ctypes.byref(self._stream)) if self._stream.get_last_error else None
        fallback = f"the Arrow producer failed with error code {status}"
        return BadValue("XX000", text.decode(errors="replace") if text is not None else fallback)


class Single:
    """One array as a stream of one batch; it stays the capsule's, whose destructor releases it."""

    def __init__(self, schema_capsule: object, array_capsule: object) -> None:
        self.fields = table_fields(capsule_struct(schema_capsule, b"arrow_schema", ArrowSchema))
        array = capsule_struct(array_capsule, b"arrow_array", ArrowArray)
        self._capsule: object | None = array_capsule
        self._table: Table | None = Table(self.fields, array, owned=False)

    def next(self) -> Table | None:
        table, self._table = self._table, None
        return table

    def close(self) -> None:
        self._table = self._capsule = None


class Table:
    """A batch: a struct array without nulls. It is released when it is dropped."""

    def __init__(self, fields: list[Field], array: Any, owned: bool = True) -> None:
        self._array = array
        self._owned = owned
        if not array.release:
            raise broken("an array has been released")
        self.root = _import(Format("struct"), fields, None, array)
        nulls, offset = self.root.nulls, self.root.offset
        if nulls is not None and not all(
            nulls[row >> 3] >> (row & 7) & 1 for row in range(offset, offset + self.root.length)
        ):
            raise broken("a row of a table is null")

    def __del__(self) -> None:
        if self._owned:
            release(self._array)


def _import(shape: Format, fields: list[Field], dictionary: Field | None, raw: Any) -> Array:
    length, offset, count = raw.length, raw.offset, raw.n_buffers
    if not all(0 <= number < _MAX_SIZE for number in (length, offset, count)):
        raise broken("a length or offset is negative or too large")
    rows = length + offset
    parts = parts_of(shape)
    validity = 0 if shape.kind in ("null", "run_ends", "union") else 1
    if count and not raw.buffers:
        raise broken("buffers are missing")
    if count < validity + sum(part != "variadic" for part, _ in parts):
        raise broken("an array has too few buffers")
    nulls = None
    if validity and raw.null_count and (raw.buffers[0] or raw.null_count > 0):
        nulls = _memory(raw.buffers[0], (rows + 7) // 8)
    buffers: list[memoryview] = []
    for index, (part, width) in enumerate(parts, validity):
        if part == "bits":
            buffers.append(_memory(raw.buffers[index], (rows + 7) // 8))
        elif part == "fixed":
            buffers.append(_memory(raw.buffers[index], rows * width))
        elif part == "offsets":
            # An array without rows may have no offsets.
            buffers.append(_memory(raw.buffers[index], (rows + 1) * width if rows else 0))
        elif part == "data":
            width = parts[0][1]
            last = struct.unpack("=i" if width == 4 else "=q", buffers[-1][-width:])[0] if rows else 0
            if not 0 <= last < _MAX_SIZE:
                raise broken("an offset is negative or too large")
            buffers.append(_memory(raw.buffers[index], last))
        elif count > index + 1:
            sizes = _memory(raw.buffers[count - 1], (count - index - 1) * 8).cast("q")
            if not all(0 <= size < _MAX_SIZE for size in sizes):
                raise broken("the length of a buffer is negative or too large")
            buffers += [_memory(raw.buffers[index + number], size) for number, size in enumerate(sizes)]
    inner = _children(raw)
    if len(inner) != len(fields):
        raise broken("an array has a wrong number of children")
    children = [_column(field, child) for field, child in zip(fields, inner, strict=True)]
    needed = rows if shape.kind == "struct" else 0
    if shape.kind == "list" and isinstance(shape.detail, int):
        needed = rows * shape.detail
    if any(child.length < needed for child in children):
        raise broken("a child is shorter than its parent")
    values = None
    if dictionary is not None:
        if not raw.dictionary:
            raise broken("a dictionary is missing")
        values = _column(dictionary, raw.dictionary.contents)
    return Array(length, offset, nulls, buffers, children, values)


def _column(field: Field, raw: Any) -> Array:
    return _import(field.format, field.children, field.dictionary, raw)


def _memory(address: int | None, size: int) -> memoryview:
    if size == 0:
        return memoryview(b"")
    if not address:
        raise broken("a buffer is missing")
    return memoryview((ctypes.c_char * size).from_address(address)).cast("B")
