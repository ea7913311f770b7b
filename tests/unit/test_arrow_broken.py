"""Arrow producers that fail or lie: every one ends in a PostgresError, and nothing outside of their memory is read."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest

from pgwire_py.errors import PostgresError
from tests.support.arrow_capsules import Altered, Failing

WHOLE = 1 << 20


def encode(core: Any, source: object, types: list[int] | None = None) -> PostgresError:
    with pytest.raises(PostgresError) as caught:
        core.ArrowEncoder(source, [], types=types).encode(0, WHOLE)
    return caught.value


def child(array: Any) -> Any:
    """The only column."""
    return array.children[0].contents


def numbers(array: Any, buffer: int, kind: Any, count: int) -> Any:
    """A buffer that can be written to."""
    return (kind * count).from_address(array.buffers[buffer])


def set_length(value: int) -> Callable[[Any, Any], None]:
    return lambda schema, array: setattr(child(array), "length", value)


def set_offset(value: int) -> Callable[[Any, Any], None]:
    return lambda schema, array: setattr(child(array), "offset", value)


def drop_buffer(number: int) -> Callable[[Any, Any], None]:
    return lambda schema, array: child(array).buffers.__setitem__(number, None)


def write(buffer: int, kind: Any, at: int, value: int) -> Callable[[Any, Any], None]:
    return lambda schema, array: numbers(child(array), buffer, kind, at + 1).__setitem__(at, value)


TEXT = pa.array(["abc", "d", "e" * 20])
VIEW = pa.array(["abc", "d", "e" * 20], pa.string_view())
LIST = pa.array([[1, 2], [3], []])
LIST_VIEW = pa.array([[1, 2], [3], []], pa.list_view(pa.int64()))
WORDS = pa.array(["x", "y", "x"]).dictionary_encode()
RUNS = pa.RunEndEncodedArray.from_arrays(pa.array([1, 3], pa.int32()), pa.array([7, 8]))
STRUCT = pa.array([{"n": 1}, {"n": 2}, None])
MAP = pa.array([[("k", 1)], [], []], pa.map_(pa.utf8(), pa.int64()))

CASES: list[tuple[str, Any, Callable[[Any, Any], None], str]] = [
    ("a negative length", pa.array([1, 2]), set_length(-1), "negative or too large"),
    ("a negative offset", pa.array([1, 2]), set_offset(-1), "negative or too large"),
    ("a huge length", pa.array([1, 2]), set_length(2**62), "negative or too large"),
    ("a short column", pa.array([1, 2]), set_length(1), "shorter than its parent"),
    ("no values", pa.array([1, 2]), drop_buffer(1), "a buffer is missing"),
    ("no validity", pa.array([1, None]), drop_buffer(0), "a buffer is missing"),
    ("no offsets", TEXT, drop_buffer(1), "a buffer is missing"),
    ("no text", TEXT, drop_buffer(2), "a buffer is missing"),
    ("too few buffers", TEXT, lambda s, a: setattr(child(a), "n_buffers", 2), "too few buffers"),
    ("no buffers", TEXT, lambda s, a: setattr(child(a), "buffers", None), "buffers are missing"),
    ("an offset that falls", TEXT, write(1, ctypes.c_int32, 1, 90), "outside of its buffer"),
    ("a negative offset in between", TEXT, write(1, ctypes.c_int32, 1, -1), "outside of its buffer"),
    ("a negative offset at the end", TEXT, write(1, ctypes.c_int32, 3, -1), "negative or too large"),
    ("a view's buffer that is none", VIEW, write(1, ctypes.c_int32, 10, 9), "outside of its buffer"),
    ("a view behind its buffer", VIEW, write(1, ctypes.c_int32, 11, 90), "outside of its buffer"),
    ("a view of negative length", VIEW, write(1, ctypes.c_int32, 0, -4), "outside of its buffer"),
    ("items that are not there", LIST, write(1, ctypes.c_int32, 3, 9), "outside of its items"),
    ("items before the first", LIST, write(1, ctypes.c_int32, 0, -1), "outside of its items"),
    ("a view of items that are not there", LIST_VIEW, write(2, ctypes.c_int32, 1, 9), "outside of its items"),
    ("entries that are not there", MAP, write(1, ctypes.c_int32, 3, 9), "outside of its items"),
    ("a key without value", WORDS, write(1, ctypes.c_int32, 1, 2), "outside of its dictionary"),
    ("a negative key", WORDS, write(1, ctypes.c_int32, 1, -1), "outside of its dictionary"),
    ("no dictionary", WORDS, lambda s, a: setattr(child(a), "dictionary", None), "a dictionary is missing"),
    ("no children", LIST, lambda s, a: setattr(child(a), "n_children", 0), "wrong number of children"),
    ("no list of children", LIST, lambda s, a: setattr(child(a), "children", None), "children are missing"),
    ("a child that is missing", LIST, lambda s, a: child(a).children.__setitem__(0, None), "a child is missing"),
    ("a short struct", STRUCT, lambda s, a: setattr(child(child(a)), "length", 2), "shorter than its parent"),
    ("a row behind the runs", RUNS, lambda s, a: setattr(child(child(a)), "length", 1), "behind the last run"),
    ("runs without values", RUNS, lambda s, a: setattr(child(a).children[1].contents, "length", 1), "last run"),
    ("a list of no type", LIST, lambda s, a: setattr(child(s), "n_children", 0), "wrong number of children"),
    ("a format that is none", LIST, lambda s, a: setattr(child(s), "format", b"+?"), 'Arrow format "\\+\\?"'),
    ("a released array", TEXT, lambda s, a: a.release(ctypes.byref(a)), "an array has been released"),
    ("a released schema", TEXT, lambda s, a: s.release(ctypes.byref(s)), "a schema has been released"),
    ("a name that is no text", TEXT, lambda s, a: setattr(child(s), "name", b"\xff"), "a name is not UTF-8"),
]


@pytest.mark.parametrize(("column", "alter", "words"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_what_does_not_keep_to_the_interface(core: Any, column: Any, alter: Any, words: str) -> None:
    # The buffers are changed: they are a copy.
    whole = pa.record_batch([column], ["c"])
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, whole.schema) as writer:
        writer.write_batch(whole)
    copied = pa.ipc.open_stream(bytearray(sink.getvalue())).read_next_batch()
    error = encode(core, Altered(copied, alter))
    assert error.sqlstate in ("XX000", "0A000")
    with pytest.raises(AssertionError, match=words):
        raise AssertionError(error.message)


def test_null_rows_of_a_table_are_refused(core: Any) -> None:
    rows = pa.array([{"n": 1}, None])
    assert encode(core, rows).message.endswith("a row of a table is null")
    data, count, ended = core.ArrowEncoder(rows[:1], []).encode(0, WHOLE)
    assert (bytes(data), count, ended) == (b"D\0\0\0\x0b\0\1\0\0\0\x011", 1, True)


@pytest.mark.parametrize("with_schema", [True, False])
@pytest.mark.parametrize("words", [b"the disk is on fire", None])
def test_a_stream_that_fails(core: Any, words: bytes | None, with_schema: bool) -> None:
    source = Failing(words, with_schema)
    error = encode(core, source)
    status = 5 if with_schema else 22
    assert error.sqlstate == "XX000"
    assert error.message == (words.decode() if words else f"the Arrow producer failed with error code {status}")


def test_a_stream_can_be_read_once(core: Any) -> None:
    capsule = pa.table({"n": [1]}).__arrow_c_stream__()

    class Once:
        def __arrow_c_stream__(self, requested_schema: object = None) -> Any:
            return capsule

    core.ArrowEncoder(Once(), []).encode(0, WHOLE)
    assert encode(core, Once()).message.endswith("the stream has been released")


@pytest.mark.parametrize("given", [7, None, pa.schema([]).__arrow_c_schema__()])
def test_what_is_no_capsule_of_the_interface(core: Any, given: object) -> None:
    class Odd:
        def __arrow_c_stream__(self, requested_schema: object = None) -> Any:
            return given

    class Pair:
        def __arrow_c_array__(self, requested_schema: object = None) -> Any:
            return given

    for source in (Odd(), Pair()):
        assert encode(core, source).sqlstate == "42804"


@pytest.mark.parametrize(
    ("column", "sqlstate"),
    [
        (pa.array([b"ab", b"c\0"]).view(pa.utf8()), "22021"),
        (pa.array([b"ab", b"\xff"]).view(pa.utf8()), "22021"),
        (pa.array([b"ab", b"\xe9" * 20]).cast(pa.binary_view()).view(pa.string_view()), "22021"),
        (pa.array([0, 2**62]).cast(pa.timestamp("s")), "22008"),
        (pa.array([0, -(2**62)]).cast(pa.timestamp("ms")), "22008"),
        (pa.array([0, 86_400_001]).view(pa.date64()), "22008"),
        (pa.array([0, 2**31 - 2], pa.int32()).view(pa.date32()), "22008"),
        (pa.array([0, 90_000], pa.int32()).view(pa.time32("s")), "22008"),
        (pa.array([0, 2**62]).cast(pa.duration("s")), "22008"),
        (pa.array([[[1]], [[1], [2, 3]]]), "2202E"),
        (pa.array([[[1]], [[1], None]]), "2202E"),
    ],
)
def test_values_without_a_place_name_row_column_and_type(core: Any, column: Any, sqlstate: str) -> None:
    error = encode(core, pa.table({"a": [1, 2], "b": column}))
    _, (_, oid) = core.arrow_columns(pa.table({"a": [1, 2], "b": column}))
    from pgwire_py.oids import type_info

    assert (error.sqlstate, error.where) == (sqlstate, f"row 1, column 2, type {type_info(oid).name}")
