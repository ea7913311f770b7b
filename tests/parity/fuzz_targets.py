"""What is fuzzed: every algorithm of the seam that reads bytes or text from outside, as one function from bytes to an outcome.

A new one is a :class:`Target` in :data:`TARGETS`: the inputs to begin with, how to mutate them, and what to run.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from functools import cache
from itertools import pairwise
from random import Random
from typing import Any
from uuid import UUID

from pgwire_py import messages as m
from pgwire_py import oids
from pgwire_py._impl import pure
from pgwire_py.errors import FrameError, LocalProtocolError, PostgresError, RemoteProtocolError
from tests.parity.statements import read_statement
from tests.vectors.recorded import BACKEND, FRONTEND, frames, sessions

from . import fuzz_arrow, fuzz_copy, fuzz_rows
from .mutations import LARGEST, damaged, damaged_messages


@dataclass(frozen=True)
class Target:
    """One thing to fuzz.

    Attributes:
        name: what a regression vector calls it.
        seeds: the inputs to begin with.
        mutate: an input of the corpus and another one → a new input.
        run: a core module, the input, choices of settings (the same for both cores) and of chunk sizes (others for each) → what the core
            answers, comparable by ``==`` and ``repr``. An exception is a bug, whoever raises it.
        features: of an outcome, what makes it a new kind of outcome: an input that shows a new one joins the corpus.
        share: how many of 100 cases it gets.
    """

    name: str
    seeds: Callable[[], Sequence[bytes]]
    mutate: Callable[[bytes, bytes, Random], bytes]
    run: Callable[[Any, bytes, Random, Random], Any]
    features: Callable[[Any], Iterable[Hashable]]
    share: int


def target(name: str) -> Target:
    """The target with this name."""
    return next(target for target in TARGETS if target.name == name)


def _stream_seeds(direction: str) -> Callable[[], Sequence[bytes]]:
    """Runs of up to six messages of every session, and every startup packet."""

    @cache
    def seeds() -> Sequence[bytes]:
        found: dict[bytes, None] = {}
        for session in sessions():
            messages = [f for f in frames(session.stream(direction), direction == FRONTEND) if len(f) <= LARGEST // 4]
            for size in (1, 3, 6):
                for at in range(0, len(messages), size):
                    found[b"".join(messages[at : at + size])] = None
        return tuple(found)

    return seeds


def _mutate_stream(data: bytes, other: bytes, dice: Random) -> bytes:
    if dice.random() < 0.25 or not data or not other:
        return damaged(data, dice)
    return damaged_messages(list(frames(data, data[0] == 0)), list(frames(other, other[0] == 0)), dice)


LIMITS = (1 << 30, 1 << 30, 1 << 30, 65_535, 30_000, 100)


def _run_frontend(core: Any, data: bytes, settings: Random, chunks: Random) -> Any:
    decoder = core.FrontendDecoder(settings.choice((10_000, 60)), settings.choice(LIMITS))
    decoder.startup = data[:1] == b"\0"
    decoder.password_kind = settings.choice(("password", "sasl_initial", "sasl_response", "gss"))
    items = _fed(decoder, data, chunks)
    return items, decoder.buffered, decoder.startup, _encoded(core, items, settings)


def _run_backend(core: Any, data: bytes, settings: Random, chunks: Random) -> Any:
    decoder = core.BackendDecoder(settings.choice(LIMITS))
    decoder.encryption_response = settings.random() < 0.1
    items = _fed(decoder, data, chunks)
    return items, decoder.buffered, decoder.encryption_response, _encoded(core, items, settings)


def _fed(decoder: Any, data: bytes, chunks: Random) -> list[Any]:
    """Everything a decoder has to say to the data: that must not depend on the chunks."""
    largest = chunks.choice((1, 3, 11, 100, LARGEST))
    items: list[Any] = []
    position = 0
    while position < len(data):
        size = chunks.randint(1, largest)
        items += decoder.feed(data[position : position + size])
        position += size
    while found := decoder.feed(b""):  # a feed ends behind what the owner must act on
        items += found
    return items


def _run_frames(core: Any, data: bytes, settings: Random, chunks: Random) -> Any:
    limits = settings.choice(({}, {}, {"d": 1 << 30, "Q": 100, "S": 4}, {"D": 0}))
    decoder = core.FrameDecoder(
        startup=data[:1] == b"\0",
        max_message_length=settings.choice(LIMITS),
        tag_limits=limits,
        only_listed_tags=settings.random() < 0.05,
    )
    largest = chunks.choice((1, 3, 11, 100, LARGEST))
    frames: list[tuple[str, memoryview]] = []
    position = 0
    while position < len(data):
        size = chunks.randint(1, largest)
        try:
            frames += decoder.feed(data[position : position + size])
        except FrameError as error:
            found = [(tag, bytes(body)) for tag, body in (*frames, *error.frames)]
            return found, str(error), error.sqlstate, error.fatal, error.tag
        position += size
    return [(tag, bytes(body)) for tag, body in frames], decoder.buffered, decoder.startup


def _frames_features(outcome: Any) -> Iterable[Hashable]:
    yield from ((before[0], after[0]) for before, after in pairwise(outcome[0]))
    if isinstance(outcome[1], str):
        yield _rule(outcome[1])


def _encoded(core: Any, items: list[Any], settings: Random) -> list[bytes | str]:
    """Now and then, what the messages encode to."""
    if settings.random() < 0.8:
        return []
    return [_encode(core, item) for item in items if not isinstance(item, RemoteProtocolError)]


def _encode(core: Any, message: object) -> bytes | str:
    try:
        encoded: bytes = core.encode_message(message)
        return encoded
    except LocalProtocolError as error:
        return str(error)


def _stream_features(outcome: Any) -> Iterable[Hashable]:
    previous = ""
    for item in outcome[0]:
        feature = _kind(item)
        yield previous, feature
        previous = feature if not isinstance(item, RemoteProtocolError) else "error"


def _kind(item: Any) -> str:
    if isinstance(item, RemoteProtocolError):
        return f"{item.message_name} {item.sqlstate} {item.fatal} {_rule(str(item))}"
    return type(item).__name__


def _rule(text: str) -> str:
    """An error's text without what comes from the input."""
    return re.sub(r'".*"|0x\w+|\d+', "…", text, flags=re.DOTALL)


SAMPLES: dict[int, Sequence[object]] = {
    oids.BOOL: (True, False),
    oids.INT2: (0, -1, 32_767),
    oids.INT4: (7, -(2**31)),
    oids.INT8: (2**40, -(2**63)),
    oids.OID: (4_000_000_000,),
    oids.FLOAT4: (1.5, float("nan")),
    oids.FLOAT8: (0.1, -1e300, float("inf")),
    oids.NUMERIC: (Decimal("12.30"), Decimal("-1e-20"), Decimal("NaN"), Decimal(10) ** 40),
    oids.TEXT: ("text é 😀", ""),
    oids.VARCHAR: ("varchar",),
    oids.BYTEA: (b"\x00\xffabc", b""),
    oids.DATE: (date(2024, 2, 29), date(1, 1, 1)),
    oids.TIME: (time(23, 59, 59, 999_999),),
    oids.TIMESTAMP: (datetime(2024, 2, 29, 10, 11, 12, 500_000),),
    oids.TIMESTAMPTZ: (datetime(1999, 12, 31, 23, 0, tzinfo=timezone.utc),),
    oids.INTERVAL: (timedelta(days=-400, seconds=5, microseconds=1),),
    oids.UUID: (UUID("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),),
    oids.JSON: ({"a": [1, None, "é"]},),
    oids.JSONB: ({"b": 1.5, "c": [1]},),
}
SPELLINGS: dict[int, Sequence[str]] = {
    oids.BOOL: ("t", "false", " yes ", "off"),
    oids.INT4: (" 12 ", "0x1F", "1_000"),
    oids.FLOAT8: ("1e-320", "Infinity", ".5e5"),
    oids.NUMERIC: ("1e1000", "-.5", "0x_1f"),
    oids.BYTEA: ("abc\\\\\\001", "\\x0F 1e"),
    oids.DATE: ("2024-02-29 BC", "infinity", "29.02.2024"),
    oids.TIME: ("10:11:12.5 PM", "24:00"),
    oids.TIMESTAMPTZ: ("2024-02-29T10:11:12.5+05:30", "-infinity", "2000-01-01 00:00:00 BC"),
    oids.INTERVAL: ("1 year 2 mons -3 days 04:05:06.7 ago", "P1Y2M3DT4H5M6.7S", "P0001-02-03T04:05:06", "1 week"),
    oids.INT4_ARRAY: ("[0:1]={1,NULL}", "{{1,2},{3,4}}"),
    oids.TEXT_ARRAY: ('{"a b",c\\,d,"",null,"NULL"}',),
    oids.UUID: ("{A0EEBC999C0B4EF8BB6D6BB9BD380A11}",),
    oids.JSON: ('{"a": 1e400, "b": "\\ud83d"}', "[[[[]]]]"),
}
VALUE_HEAD = 5
"""Bytes before a value: its type's OID and the format code."""


@cache
def _value_seeds() -> Sequence[bytes]:
    found = []
    for oid, values in SAMPLES.items():
        array = oids.ARRAY_OF.get(oid)
        for code in (0, 1):
            for value in values:
                found.append(_value_input(oid, code, pure.encode_value(oid, code, value)))
                if array is not None:
                    found.append(_value_input(array, code, pure.encode_value(array, code, [value, None, value])))
                    found.append(_value_input(array, code, pure.encode_value(array, code, [[value], [value]])))
    for oid, texts in SPELLINGS.items():
        found += [_value_input(oid, 0, text.encode()) for text in texts]
    return tuple(found)


def _value_input(oid: int, code: int, data: bytes | None) -> bytes:
    assert data is not None
    return oid.to_bytes(4, "big") + bytes([code]) + data


def _mutate_value(data: bytes, other: bytes, dice: Random) -> bytes:
    kind = dice.random()
    if kind < 0.1:  # another type's value, or this one in the other format
        return other[:VALUE_HEAD] + data[VALUE_HEAD:]
    if kind < 0.2:
        return data + other[VALUE_HEAD:]
    return data[:VALUE_HEAD] + damaged(data[VALUE_HEAD:], dice)


def _run_value(core: Any, data: bytes, settings: Random, chunks: Random) -> Any:
    oid, code, value = int.from_bytes(data[:4], "big"), data[4] % 2, data[VALUE_HEAD:]
    try:
        # Values such as NaN and Decimal("1.0") tell themselves apart in their repr only.
        return repr(core.decode_values([oid], [code], [value]))
    except PostgresError as error:
        return type(error).__name__, error.response_fields()


def _value_features(outcome: Any) -> Iterable[Hashable]:
    if isinstance(outcome, str):
        yield re.sub(r"[^(){}\[\]a-z].*", "…", outcome[1:], flags=re.DOTALL)[:24]
    else:
        yield outcome[0], _rule(outcome[1]["M"]), outcome[1].get("W", "").split(", value")[0]


SQL = (
    "select 1; select 'a''b', E'\\'\\u00e9\\x41\\101', U&'\\00e9' , $$a$$, $tag$ ; $tag$, \"a\"\"b\", U&\"\\+01F600\"",
    "create or replace function f() returns int begin atomic select 1; select 2; end; select case when 1 then 2 end",
    "-- a comment\nselect /* one /* in */ another */ $1, $2::int[] ; ; insert into t values (1.5e-3, 0x1F, .5, 1..2)",
    "create rule r as on insert to t do also (select 1; select 2); begin; end; commit",
    "select a.b->>'c' <> 1 and x @> y or z := 1 ; b'101' x'1F' N'national' 'a'\n'b'",
)


@cache
def _sql_seeds() -> Sequence[bytes]:
    texts = dict.fromkeys(SQL)
    decoded = (item for data in _stream_seeds(FRONTEND)() if data[0] in b"QP" for item in _tagged(data))
    texts.update(dict.fromkeys(item.query for item in decoded if isinstance(item, (m.Query, m.Parse))))
    return tuple(text.encode()[:1000] for text in texts)


def _tagged(data: bytes) -> list[Any]:
    decoder = pure.FrontendDecoder()
    decoder.startup = False
    return decoder.feed(data)


def _mutate_sql(data: bytes, other: bytes, dice: Random) -> bytes:
    if dice.random() < 0.3:
        return (data[: dice.randrange(len(data) + 1)] + other[dice.randrange(len(other) + 1) :])[:LARGEST]
    return damaged(data, dice)


def _run_sql(core: Any, data: bytes, settings: Random, chunks: Random) -> Any:
    text = data.decode("utf-8", "replace")
    outcome: list[Any] = []
    for function in (core.tokenize, core.split_statements):
        try:
            outcome.append(function(text))
        except PostgresError as error:
            outcome.append((type(error), error.response_fields()))
    if isinstance(outcome[1], list):  # sets have no order that both would print alike
        outcome[1] = [statement._replace(words=sorted(statement.words)) for statement in outcome[1]]
    return outcome


def _sql_features(outcome: Any) -> Iterable[Hashable]:
    tokens, statements = outcome
    if isinstance(tokens, tuple):
        yield _rule(tokens[1]["M"])
    else:
        yield from ((before.kind, after.kind) for before, after in pairwise(tokens))
    if isinstance(statements, list):
        yield len(statements), bool(statements and statements[-1].parameters)


@cache
def _statement_seeds() -> Sequence[bytes]:
    """What drivers send between two answers, where it is one statement; and runs of other messages."""
    pieces = {data for session in sessions() for direction, data in session.pieces if direction == FRONTEND}
    return tuple(sorted(data for data in pieces if data[0] in b"QPB" and len(data) <= LARGEST // 4))


def _run_statement(core: Any, data: bytes, settings: Random, chunks: Random) -> Any:
    decoder = core.FrontendDecoder(10_000, settings.choice(LIMITS))
    decoder.startup = settings.random() < 0.05
    before = decoder.feed(b"Q\0\0") if settings.random() < 0.1 else []
    found = read_statement(core, decoder, data)
    # Where it is no statement, nothing has happened, and the decoder reads the same bytes.
    after = decoder.feed(data) if found is None else []
    return [*before, *after], found, decoder.buffered


def _statement_features(outcome: Any) -> Iterable[Hashable]:
    yield type(outcome[1]).__name__
    yield from _stream_features(outcome)


STREAMS = ("primary", "standby", "base_backup")
REPLICATION_SESSIONS = ("raw-logical", "raw-physical", "raw-base")


@cache
def _replication_seeds() -> Sequence[bytes]:
    """For each stream, with its number in front, payloads of CopyData."""
    found: dict[bytes, None] = {}
    for session in sessions():
        if not session.name.startswith(REPLICATION_SESSIONS):
            continue
        for direction in (FRONTEND, BACKEND):
            stream = 1 if direction == FRONTEND else 2 * session.name.startswith("raw-base")
            copied = (f for f in frames(session.stream(direction), direction == FRONTEND) if f[:1] == b"d")
            found.update((bytes([stream]) + frame[5:300], None) for frame in copied)
    return tuple(found)


def _mutate_payload(data: bytes, other: bytes, dice: Random) -> bytes:
    stream = other[:1] if dice.random() < 0.1 else data[:1]
    return stream + damaged(data[1:], dice)


def _run_replication(core: Any, data: bytes, settings: Random, chunks: Random) -> Any:
    try:
        payload = core.decode_replication(data[1:], STREAMS[data[0]])
    except RemoteProtocolError as error:
        return error, b""
    return payload, core.encode_replication(payload)


def _replication_features(outcome: Any) -> Iterable[Hashable]:
    yield _kind(outcome[0])


PASSWORDS = (
    "pass",
    "\u00aa\u2168",
    "I\u00adX",
    "a\u00a0b",
    "\u0627\u0031",
    "\u0627b\u0628",
    "\u200b",
    "\u0007",
    "\u0221",
    "\ufb01\u1e9b\u0323",
    "\U0001d400\u0958",
    "\uac00\u1100",
)


def _password_seeds() -> Sequence[bytes]:
    return [text.encode() for text in PASSWORDS]


def _mutate_password(data: bytes, other: bytes, dice: Random) -> bytes:
    kind = dice.random()
    if kind < 0.3:
        return damaged(data, dice)[:100]
    character = chr(
        dice.choice((dice.randrange(0x300), dice.randrange(0xD800), dice.randrange(0xE000, 0x110000)))
    ).encode()
    return (data + character if kind < 0.6 else character + other if kind < 0.8 else data + other)[:100]


def _run_password(core: Any, data: bytes, settings: Random, chunks: Random) -> Any:
    return core.prepare_password(data)


def _password_features(outcome: Any) -> Iterable[Hashable]:
    return (outcome[:1], outcome[-1:])


TARGETS: Sequence[Target] = (
    Target("frontend", _stream_seeds(FRONTEND), _mutate_stream, _run_frontend, _stream_features, 18),
    Target("backend", _stream_seeds(BACKEND), _mutate_stream, _run_backend, _stream_features, 17),
    Target("frontend_frames", _stream_seeds(FRONTEND), _mutate_stream, _run_frames, _frames_features, 5),
    Target("backend_frames", _stream_seeds(BACKEND), _mutate_stream, _run_frames, _frames_features, 5),
    Target("copy", fuzz_copy.seeds, fuzz_copy.mutate, fuzz_copy.run, fuzz_copy.features, 8),
    Target("statement", _statement_seeds, _mutate_stream, _run_statement, _statement_features, 8),
    Target("replication", _replication_seeds, _mutate_payload, _run_replication, _replication_features, 8),
    Target("values", _value_seeds, _mutate_value, _run_value, _value_features, 8),
    Target("sql", _sql_seeds, _mutate_sql, _run_sql, _sql_features, 7),
    Target("password", _password_seeds, _mutate_password, _run_password, _password_features, 3),
    Target("rows", fuzz_rows.seeds, fuzz_rows.mutate, fuzz_rows.run, fuzz_rows.features, 8),
    Target(
        "builder",
        fuzz_rows.builder_seeds,
        fuzz_rows.mutate_calls,
        fuzz_rows.run_builder,
        fuzz_rows.builder_features,
        2,
    ),
    Target("arrow", fuzz_arrow.seeds, fuzz_arrow.mutate, fuzz_arrow.run, fuzz_arrow.features, 3),
)
