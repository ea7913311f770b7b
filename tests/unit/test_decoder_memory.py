"""No decoder takes more memory than a multiple of the bytes it was given, whatever those claim (docs/reference/limits.md).

``rust/core/tests/allocations.rs`` measures the Rust core without Python's objects; here it is the objects that count.
"""

from __future__ import annotations

import re
import struct
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

MESSAGES = 40
"""Bytes of memory at most for each byte given, while every message is well-formed."""

ERRORS = 200
"""The same for messages that are malformed: each becomes an exception of some hundred bytes, and may have been five bytes long."""

FREE = 20_000
"""Bytes that the first call of anything may take."""


def _message(tag: bytes, body: bytes = b"") -> bytes:
    return tag + struct.pack("!i", len(body) + 4) + body


def _counted(count: int, each: bytes) -> bytes:
    return struct.pack("!H", count) + each * count


def _bind(formats: bytes, values: bytes) -> bytes:
    return _message(b"B", b"\0\0" + formats + values + formats)


NULL, NONE = b"\xff" * 4, b"\0\0"
TWO_BYTES = b"\0\0\0\x02ab"
STARTUP = struct.pack("!i", 196_608) + b"".join(b"p%d\0\0" % number for number in range(1_300)) + b"\0"
COSTLY = {
    "formats": (True, MESSAGES, _bind(_counted(65_535, b"\x12\x34"), NONE)),
    "nulls": (True, MESSAGES, _bind(NONE, _counted(65_535, NULL))),
    "parameters": (True, MESSAGES, _bind(NONE, _counted(65_535, TWO_BYTES))),
    "parameter types": (True, MESSAGES, _message(b"P", b"\0\0" + _counted(65_535, b"\0\1\2\3"))),
    "text": (True, MESSAGES, _message(b"Q", "é😀".encode() * 20_000 + b"\0")),
    "messages": (True, MESSAGES, _message(b"S") * 4_000),
    "empty queries": (True, MESSAGES, _message(b"Q", b"\0") * 4_000),
    "executes": (True, MESSAGES, _message(b"E", b"a\0\0\1\2\3") * 4_000),
    "binds": (True, MESSAGES, _bind(NONE, NONE) * 4_000),
    "start-up parameters": (True, MESSAGES, struct.pack("!i", len(STARTUP) + 4) + STARTUP),
    "malformed messages": (True, ERRORS, _message(b"S", b"!") * 4_000),
    "truncated messages": (True, ERRORS, _message(b"P") * 4_000),
    "not UTF-8": (True, ERRORS, _message(b"Q", b"\xff\0") * 4_000),
    "a lying length": (True, MESSAGES, b"d\x3f\xff\xff\xff"),
    "an incomplete message": (True, MESSAGES, b"d\x3f\xff\xff\xff" + bytes(100_000)),
    "values": (False, MESSAGES, _message(b"D", _counted(65_535, TWO_BYTES))),
    "null values": (False, MESSAGES, _message(b"D", _counted(65_535, NULL))),
    "rows": (False, MESSAGES, _message(b"D", NONE) * 4_000),
    "columns": (False, MESSAGES, _message(b"T", _counted(20_000, b"\0" + b"\1\2\3" * 6))),
    "error fields": (
        False,
        MESSAGES,
        _message(b"E", b"".join(bytes([c]) + b"\0" for c in range(1, 128)) * 400 + b"\0"),
    ),
    "errors": (False, MESSAGES, _message(b"E", b"\0") * 4_000),
    "types": (False, MESSAGES, _message(b"t", _counted(65_535, b"\0\1\2\3"))),
    "mechanisms": (False, MESSAGES, _message(b"R", struct.pack("!i", 10) + b"a\0" * 900 + b"\0") * 20),
    "a lying count": (False, ERRORS, _message(b"T", b"\xff\xff")),
    "malformed rows": (False, ERRORS, _message(b"D", b"\0\1") * 4_000),
    "malformed answers": (False, ERRORS, _message(b"Z", b"!!") * 4_000),
}


@pytest.mark.parametrize("pieces", [1, 50])
@pytest.mark.parametrize("name", COSTLY)
def test_memory_is_bounded_by_what_came(core: Any, name: str, pieces: int) -> None:
    from_frontend, multiple, data = COSTLY[name]
    decoder = core.FrontendDecoder(10_000, 1 << 30) if from_frontend else core.BackendDecoder(1 << 30)
    if from_frontend:
        decoder.startup = data[0] == 0
    size = -(-len(data) // pieces)
    tracemalloc.start()
    try:
        items = []
        for at in range(0, len(data), size):
            items += decoder.feed(data[at : at + size])
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    print(f"{name}: {peak / len(data):.1f} times, {len(items)} items")
    assert peak <= multiple * len(data) + FREE


def test_the_multiples_are_documented() -> None:
    root = Path(__file__).parents[2]
    rust = re.search(r"MULTIPLE: usize = (\d+)", (root / "rust/core/tests/allocations.rs").read_text(encoding="utf-8"))
    assert rust is not None
    text = (root / "docs/reference/limits.md").read_text(encoding="utf-8")
    documented = [int(number) for number in re.findall(r"(\d+) times the bytes given", text)]
    assert documented == [MESSAGES, ERRORS, int(rust[1])]
