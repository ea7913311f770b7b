"""Native and pure give the same for the same bytes: the same values, or the same error with the same text."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pgwire_py import _native, errors
from pgwire_py import messages as m
from pgwire_py._impl import pure
from tests import vectors

TEXT = st.text(max_size=20)
ANY_INTEGER = st.one_of(st.integers(-2, 2**16), st.integers(-(2**33), 2**33))
VALUES = st.lists(st.none() | st.binary(max_size=20), max_size=5).map(tuple)
INTEGERS = st.lists(ANY_INTEGER, max_size=5).map(tuple)
TEXTS = st.lists(TEXT, max_size=4).map(tuple)
LETTERS = st.sampled_from("SPITEX") | TEXT
NONSENSE = st.none() | TEXT | st.binary(max_size=5) | st.integers() | st.lists(TEXT, max_size=2) | st.floats()
BY_TYPE: dict[str, st.SearchStrategy[Any]] = {
    "int": ANY_INTEGER,
    "str": TEXT,
    "bytes": st.binary(max_size=300),
    "bytes | None": st.none() | st.binary(max_size=20),
    "tuple[int, ...]": INTEGERS,
    "tuple[str, ...]": TEXTS,
    "tuple[bytes | None, ...]": VALUES,
    "dict[str, str]": st.dictionaries(st.sampled_from("SVCMDHP") | TEXT, TEXT, max_size=5),
    "tuple[FieldDescription, ...]": st.lists(
        st.builds(
            m.FieldDescription, TEXT, ANY_INTEGER, ANY_INTEGER, ANY_INTEGER, ANY_INTEGER, ANY_INTEGER, ANY_INTEGER
        ),
        max_size=4,
    ).map(tuple),
}
CLASSES = [getattr(m, name) for name in m.__all__ if name != "FieldDescription"]
FRONTEND = vectors.load("frontend")


def _strategy(cls: type[Any]) -> st.SearchStrategy[Any]:
    fields = {}
    for field in dataclasses.fields(cls):
        fitting = LETTERS if field.name in {"kind", "status"} else BY_TYPE[str(field.type)]
        fields[field.name] = st.one_of([fitting] * 5 + [NONSENSE])
    return st.builds(cls, **fields)


def _outcome(function: Callable[..., Any], *arguments: Any) -> Any:
    try:
        return function(*arguments)
    except errors.LocalProtocolError as error:
        return str(error)
    except errors.PostgresError as error:
        return type(error), error.response_fields()


@given(st.one_of([_strategy(cls) for cls in CLASSES]))
def test_encoding(message: object) -> None:
    assert _outcome(_native.encode_message, message) == _outcome(pure.encode_message, message)


@given(st.data())
def test_decoding(data: st.DataObject) -> None:
    """Recorded messages, mutated, in any chunks, with settings changed on the way."""
    picked = data.draw(st.lists(st.sampled_from(FRONTEND), min_size=1, max_size=4))
    stream = bytearray().join(bytes.fromhex(vector["hex"]) for vector in picked)
    for _ in range(data.draw(st.integers(0, 4))):
        at = data.draw(st.integers(0, len(stream) - 1))
        kind = data.draw(st.sampled_from(["set", "delete", "insert"]))
        if kind == "delete" and len(stream) > 1:
            del stream[at]
        elif kind == "insert":
            stream.insert(at, data.draw(st.integers(0, 255)))
        else:
            stream[at] = data.draw(st.integers(0, 255))
    native = vectors.decoder_for(_native, picked[0]["class"])
    other = vectors.decoder_for(pure, picked[0]["class"])
    position = 0
    while position < len(stream):
        size = data.draw(st.integers(1, len(stream)))
        chunk = bytes(stream[position : position + size])
        position += size
        if data.draw(st.booleans()):
            startup = data.draw(st.booleans())
            limit = data.draw(st.sampled_from([10, 100, 65_535, 2**30]))
            kind = data.draw(st.sampled_from(["password", "sasl_initial", "sasl_response"]))
            for decoder in (native, other):
                decoder.startup, decoder.max_message_length, decoder.password_kind = startup, limit, kind
        assert native.feed(chunk) == other.feed(chunk)
        assert native.startup == other.startup
        assert native.buffered == other.buffered


@pytest.mark.parametrize("vector", FRONTEND, ids=lambda vector: f"{vector['class']}-{vector['hex'][:30]}")
def test_every_truncated_or_lying_body(vector: dict[str, Any]) -> None:
    raw = bytes.fromhex(vector["hex"])
    header = 4 if vector["class"] in vectors.STARTUP_CLASSES else 5
    for size in range(len(raw) - header + 3):
        body = (raw[header:] + b"\xff\0\xff")[:size]
        packet = raw[: header - 4] + (len(body) + 4).to_bytes(4, "big") + body
        native, other = (vectors.decoder_for(core, vector["class"]).feed(packet) for core in (_native, pure))
        assert native == other
        assert [repr(item) for item in native] == [repr(item) for item in other]


PIECES = [
    "'",
    "''",
    '"',
    "$",
    "$$",
    "$a$",
    "$é$",
    "E'",
    "e'",
    "U&'",
    'u&"',
    "N'",
    "B'",
    "x'",
    "\\",
    "\\'",
    "\\u00e9",
    "\\uD83D",
    "\\uDE00",
    "\\D83D",
    "\\DE00",
    "\\+01F600",
    "\\x4",
    "\\777",
    "--",
    "/*",
    "*/",
    "\n",
    "\r",
    " ",
    "\t",
    ";",
    "(",
    ")",
    "begin",
    "End",
    "case",
    "create",
    "OR",
    "replace",
    "trigger",
    "function",
    "temp",
    ".",
    "..",
    ":",
    "::",
    ":=",
    "=",
    "-",
    "+",
    "@",
    "<",
    "1",
    "0x",
    "0b1",
    "1e",
    "1.5e-3",
    "_",
    "$1",
    "$99",
    "$2147483648",
    "é",
    "É",
    "😀",
    "ß",
    "\x00",
    "\x0b",
    "x",
]


@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=2), max_size=25).map("".join))
@example("select E'a' --\n '\\'' ; $2")
def test_lexer(sql: str) -> None:
    assert _outcome(_native.tokenize, sql) == _outcome(pure.tokenize, sql)
    assert _outcome(_native.split_statements, sql) == _outcome(pure.split_statements, sql)
