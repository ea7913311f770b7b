"""Native and pure give the same for the same bytes: the same values, or the same error with the same text."""

from __future__ import annotations

import dataclasses
import random
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
BACKEND = vectors.load("backend")
FRONTEND_CLASSES = {vector["class"] for vector in FRONTEND}
BACKEND_CLASSES = {vector["class"] for vector in BACKEND}
KINDS = ["password", "sasl_initial", "sasl_response", "gss"]


def _strategy(cls: type[Any]) -> st.SearchStrategy[Any]:
    fields = {}
    for field in dataclasses.fields(cls):
        fitting = LETTERS if field.name in {"kind", "status", "answer"} else BY_TYPE[str(field.type)]
        fields[field.name] = st.one_of([fitting] * 5 + [NONSENSE])
    return st.builds(cls, **fields)


SIZED = {
    "UInt32": st.integers(0, 2**32 - 1),
    "Int32": st.integers(-(2**31), 2**31 - 1),
    "Int16": st.integers(-(2**15), 2**15 - 1),
}
SENDABLE = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
NAME = SENDABLE.filter(bool)
KEY = st.binary(min_size=4, max_size=256)
FORMATS = st.lists(SIZED["Int16"], max_size=5).map(tuple)
OIDS = st.lists(SIZED["UInt32"], max_size=5).map(tuple)
COLUMN = st.tuples(SENDABLE, *[SIZED[name] for name in ("UInt32", "Int16", "UInt32", "Int16", "Int32", "Int16")])
VALID: dict[str, st.SearchStrategy[Any]] = {
    "str": SENDABLE,
    "bytes": st.binary(max_size=300),
    "bytes | None": st.none() | st.binary(max_size=20),
    "tuple[bytes | None, ...]": VALUES,
    "tuple[str, ...]": st.lists(NAME, max_size=4).map(tuple),
    "tuple[FieldDescription, ...]": st.lists(COLUMN.map(lambda it: m.FieldDescription(*it)), max_size=4).map(tuple),
    "protocol_version": st.integers(3 << 16, (3 << 16) + 9),
    "newest_version": SIZED["UInt32"],
    "function_oid": SIZED["UInt32"],
    "process_id": SIZED["Int32"],
    "max_rows": SIZED["Int32"],
    "result_format": SIZED["Int16"],
    "format": st.integers(0, 1),
    "parameter_types": OIDS,
    "types": OIDS,
    "argument_formats": FORMATS,
    "column_formats": FORMATS,
    "parameter_formats": FORMATS,
    "result_formats": FORMATS,
    "secret_key": KEY,
    "salt": st.binary(min_size=4, max_size=4),
    "password": st.binary(max_size=50).map(lambda raw: raw.replace(b"\0", b"")),
    "kind": st.sampled_from("SP"),
    "status": st.sampled_from("ITE"),
    "answer": st.sampled_from("SGN"),
    "parameters": st.dictionaries(NAME, SENDABLE, max_size=5),
    "fields": st.dictionaries(st.characters(min_codepoint=1, max_codepoint=127), SENDABLE, max_size=5),
}
"""By name of the field, or else by its type: values that a message can carry."""


def _valid(cls: type[Any]) -> st.SearchStrategy[Any]:
    fields = {}
    for field in dataclasses.fields(cls):
        by_type = str(field.type).startswith(("tuple[bytes", "tuple[Field"))
        fields[field.name] = VALID[str(field.type) if by_type or field.name not in VALID else field.name]
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


def _decoder(core: Any, class_name: str) -> Any:
    """A decoder in the state in which a message of this class may come, with room for all that a strategy makes."""
    choose = vectors.decoder_for if class_name in FRONTEND_CLASSES else vectors.backend_decoder_for
    decoder = choose(core, class_name)
    decoder.max_message_length = 2**30
    return decoder


@given(st.one_of([_valid(cls) for cls in CLASSES]), st.randoms(use_true_random=False))
def test_round_trip(message: Any, choose: random.Random) -> None:
    """What both encode to the same bytes, both decode from any chunks of them to the message it was."""
    raw = pure.encode_message(message)
    assert _native.encode_message(message) == raw
    name = type(message).__name__
    decoders = [_decoder(core, name) for core in (_native, pure)]
    if name in FRONTEND_CLASSES & BACKEND_CLASSES:
        decoders += [vectors.backend_decoder_for(core, name) for core in (_native, pure)]
    for decoder in decoders:
        items = []
        position = 0
        while position < len(raw):
            size = choose.randint(1, len(raw))
            items += decoder.feed(raw[position : position + size])
            position += size
        assert items == [message]
        assert decoder.buffered == 0


def _mutated(data: st.DataObject, picked: list[dict[str, Any]]) -> bytearray:
    """The bytes of these vectors, some of them changed."""
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
    return stream


def _feed_both(data: st.DataObject, stream: bytearray, native: Any, other: Any, change: Callable[[], None]) -> None:
    """The same chunks to both, with settings changed on the way: the same items, and the same state."""
    position = 0
    while position < len(stream):
        size = data.draw(st.integers(1, len(stream)))
        chunk = bytes(stream[position : position + size])
        position += size
        if data.draw(st.booleans()):
            change()
        items, others = native.feed(chunk), other.feed(chunk)
        assert items == others
        assert [repr(item) for item in items] == [repr(item) for item in others]
        assert native.buffered == other.buffered


@given(st.data())
def test_decoding(data: st.DataObject) -> None:
    """Recorded messages, mutated, in any chunks, with settings changed on the way."""
    picked = data.draw(st.lists(st.sampled_from(FRONTEND), min_size=1, max_size=4))
    native, other = (vectors.decoder_for(core, picked[0]["class"]) for core in (_native, pure))

    def change() -> None:
        startup = data.draw(st.booleans())
        limit = data.draw(st.sampled_from([10, 100, 65_535, 2**30]))
        kind = data.draw(st.sampled_from(KINDS))
        for decoder in (native, other):
            decoder.startup, decoder.max_message_length, decoder.password_kind = startup, limit, kind

    _feed_both(data, _mutated(data, picked), native, other, change)
    assert native.startup == other.startup


@given(st.data())
def test_decoding_of_a_backend(data: st.DataObject) -> None:
    """The same with what backends send."""
    picked = data.draw(st.lists(st.sampled_from(BACKEND), min_size=1, max_size=4))
    native, other = (vectors.backend_decoder_for(core, picked[0]["class"]) for core in (_native, pure))

    def change() -> None:
        encryption = data.draw(st.booleans())
        limit = data.draw(st.sampled_from([10, 100, 30_000, 2**30]))
        for decoder in (native, other):
            decoder.encryption_response, decoder.max_message_length = encryption, limit

    _feed_both(data, _mutated(data, picked), native, other, change)
    assert native.encryption_response == other.encryption_response


@given(st.lists(st.binary(max_size=6), max_size=6).map(b"".join))
@example(b"\xf0\x9f\x98")
@example(b"\xed\xa0\x80\xf4\x90\x80\x80\xe2\x82x\xc0\x80")
def test_texts_of_errors_that_are_not_utf8(text: bytes) -> None:
    """What replaces the undecodable bytes is the same from both."""
    raw = b"M" + text.replace(b"\0", b"?") + b"\0\0"
    packet = b"E" + (len(raw) + 4).to_bytes(4, "big") + raw
    [native], [other] = (core.BackendDecoder().feed(packet) for core in (_native, pure))
    assert native == other == m.ErrorResponse({"M": raw[1:-2].decode(errors="replace")})


@pytest.mark.parametrize("vector", FRONTEND + BACKEND, ids=lambda vector: vector["name"])
def test_every_truncated_or_lying_body(vector: dict[str, Any]) -> None:
    """Every length of body, the rest cut off or bytes put behind; and every byte of it at the extremes."""
    raw = bytes.fromhex(vector["hex"])
    header = 4 if vector["class"] in vectors.STARTUP_CLASSES else 5
    choose = vectors.decoder_for if vector["name"].startswith("frontend/") else vectors.backend_decoder_for
    bodies = [(raw[header:] + b"\xff\0\xff")[:size] for size in range(len(raw) - header + 3)]
    for at in range(header, len(raw)):
        bodies += [raw[header:at] + bytes([byte]) + raw[at + 1 :] for byte in (0, 1, 0x7F, 0x80, 0xFE, 0xFF)]
    for body in bodies:
        packet = raw[: header - 4] + (len(body) + 4).to_bytes(4, "big") + body
        native, other = (choose(core, vector["class"]).feed(packet) for core in (_native, pure))
        assert native == other
        assert [repr(item) for item in native] == [repr(item) for item in other]
        for item in native:
            if isinstance(item, errors.RemoteProtocolError):
                assert item.message_name
                assert item.offset is not None
                assert 0 <= item.offset <= len(packet)


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
