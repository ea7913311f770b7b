"""Fuzzing what is made of rows: the row decoder, over damaged DataRow messages and tuples of binary COPY, values of every type in them;
and the message builder, whose arguments are cut out of the input."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable, Sequence
from functools import cache
from random import Random
from typing import Any

from pgwire_py import oids
from pgwire_py._impl import pure
from pgwire_py.errors import LocalProtocolError, PostgresError, RemoteProtocolError

from .mutations import LARGEST, damaged

WHOLE = 1 << 30
MOST = 4
"""Most columns of a row."""

# How an input begins: the number of columns, flags, and each column's type as its place among all of them.
COPY, BINARY, BODIES, RECORDS = 1, 2, 4, 8
ALL = tuple(oids.TYPES)
TEXTS: dict[int, bytes] = {
    oids.BOOL: b"t",
    oids.INT2: b"-7",
    oids.INT4: b"2147483647",
    oids.INT8: b"-9223372036854775808",
    oids.FLOAT4: b"0.5",
    oids.FLOAT8: b"-1e300",
    oids.NUMERIC: b"-12345.6700",
    oids.TEXT: "a é".encode(),
    oids.BYTEA: b"\\x00ff",
    oids.DATE: b"2024-02-29",
    oids.TIME: b"10:11:12.5",
    oids.TIMETZ: b"10:11:12+02",
    oids.TIMESTAMP: b"2024-02-29 10:11:12.5",
    oids.TIMESTAMPTZ: b"2024-02-29 10:11:12+00",
    oids.INTERVAL: b"1 mon -3 days 04:05:06",
    oids.UUID: b"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
    oids.JSONB: b'{"a": [1]}',
    oids.INT4_ARRAY: b"[0:1]={1,NULL}",
    oids.TEXT_ARRAY: b'{{"a b",c},{d,""}}',
    oids.RECORD: b'(1,"a b",)',
    600: b"(1.5,-2)",
    604: b"((1,2),(3,4))",
    869: b"::1/64",
    3904: b"[1,5)",
    4451: b"{[1,5),[7,9)}",
    3614: b"'cat':3A 'fat':2",
    3615: b"'fat' & 'cat':*",
    1562: b"10110",
    22: b"1 2 3",
}


@cache
def seeds() -> Sequence[bytes]:
    found = []
    types = list(TEXTS)
    values = pure.decode_values(types, [0], list(TEXTS.values()))
    for start in range(0, len(types), 3):
        chosen, row = types[start : start + 3], values[start : start + 3]
        head = bytes(ALL.index(oid) for oid in chosen)
        for flags in (0, BINARY, COPY | BINARY, BINARY | BODIES, BINARY | RECORDS, COPY | BINARY | RECORDS):
            encoder = pure.RowEncoder(chosen, [int(flags & BINARY > 0)], layout="copy" if flags & COPY else "data_row")
            data, _ = encoder.encode([row, [None] * len(row), row], 0, WHOLE)
            found.append(bytes([len(chosen), flags]) + head + data)
    return tuple(found)


def mutate(data: bytes, other: bytes, dice: Random) -> bytes:
    count = min(data[0] % (MOST + 1), len(data) - 2) if len(data) > 1 else 0
    head, body = data[: 2 + count], data[2 + count :]
    kind = dice.random()
    if kind < 0.1 and count:  # another type for one column
        at = dice.randrange(2, 2 + count)
        return head[:at] + bytes([dice.randrange(256)]) + head[at + 1 :] + body
    if kind < 0.15:
        return (head + body + body)[:LARGEST]
    if kind < 0.2 and len(other) > 2:
        return other[:2] + data[2:]
    return head + damaged(body, dice)


def run(core: Any, data: bytes, settings: Random, chunks: Random) -> Any:
    """The rows, their records' parts, and what they encode to again; or the error."""
    count = min(data[0] % (MOST + 1), len(data) - 2) if len(data) > 1 else 0
    flags = data[1] if len(data) > 1 else 0
    types = [ALL[place % len(ALL)] for place in data[2 : 2 + count]]
    body = data[2 + count :]
    layout = "copy" if flags & COPY else "data_row"
    formats = [1] if flags & (BINARY | COPY) else [0]
    names = [f"c{number}" for number in range(count)] if flags & RECORDS else None
    decoder = core.RowDecoder(types, formats, names, layout=layout)
    given: Any = body
    if flags & BODIES:
        size = settings.choice((7, 20, 50))
        given = [body[at : at + size] for at in range(0, len(body), size)]
    elif settings.random() < 0.3:
        given = memoryview(bytearray(body))
    try:
        rows = decoder.decode(given)
    except PostgresError as error:
        return type(error).__name__, error.response_fields()
    except RemoteProtocolError as error:
        return type(error).__name__, str(error), error.sqlstate, error.message_name, error.offset
    try:
        again = bytes(core.RowEncoder(types, formats, names, layout=layout).encode(rows, 0, WHOLE)[0])
    except PostgresError as error:
        again = repr(error.response_fields()).encode()
    # Values such as NaN and Decimal("1.0") tell themselves apart in their repr only.
    return repr([row.items() if names else row for row in rows]), again


def features(outcome: Any) -> Iterable[Hashable]:
    if isinstance(outcome[1], bytes):
        yield re.sub(r"[^(){}\[\]a-z].*", "…", outcome[0][1:], flags=re.DOTALL)[:24]
        return
    text = outcome[1]["M"] if isinstance(outcome[1], dict) else outcome[1]
    yield outcome[0], re.sub(r'".*"|0x\w+|\d+', "…", text, flags=re.DOTALL)


# The builder: the input is a run of calls, each a byte for the method and one for its arguments, which are cut out of what follows.
Build = Callable[[Any, "Cut"], object]


class Cut:
    """Arguments taken from the input, the same for both cores; where it has ended, empty ones."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def byte(self) -> int:
        self.at += 1
        return self.data[self.at - 1] if self.at <= len(self.data) else 0

    def piece(self) -> bytes:
        size = self.byte() % 12
        self.at += size
        return self.data[self.at - size : self.at]

    def text(self) -> Any:
        """Mostly text; now and then what is no text."""
        kind, piece = self.byte(), self.piece()
        return piece.decode("utf-8", "replace") if kind < 250 else ("\ud800", piece, None, 7, ["x"], 1.5)[kind - 250]

    def number(self) -> Any:
        kind, piece = self.byte(), int.from_bytes(self.piece()[:9], "big", signed=True)
        return piece if kind < 250 else (True, "1", None, 1.0, -1, 1 << 70)[kind - 250]

    def value(self) -> Any:
        piece = self.piece()
        kinds: tuple[Callable[[bytes], Any], ...] = (
            bytes, bytearray, memoryview, lambda _: None, lambda piece: piece.decode("latin-1"), lambda _: 5,
            lambda piece: memoryview(piece)[::2], lambda _: "\ud800",
        )  # fmt: skip
        kind = self.byte()
        return kinds[kind % (5 if kind < 240 else 8)](piece)

    def several(self, one: Callable[[], Any]) -> Any:
        count = self.byte()
        found = [one() for _ in range(count % 5)]
        return found if count < 100 else tuple(found) if count < 250 else set(map(str, found)) if count < 253 else None

    def codes(self) -> Any:
        return self.several(lambda: self.byte() % 3 if self.byte() > 200 else self.byte() % 2)


METHODS: Sequence[Build] = (
    lambda b, c: b.startup(dict(zip(c.several(c.text) or (), c.several(c.text) or (), strict=False))),
    lambda b, c: b.startup(c.several(c.text), c.number()),
    lambda b, c: b.ssl_request(),
    lambda b, c: b.gssenc_request(),
    lambda b, c: b.cancel_request(c.number(), c.value()),
    lambda b, c: b.password(c.value()),
    lambda b, c: b.sasl_initial_response(c.text(), c.value()),
    lambda b, c: b.sasl_response(c.value()),
    lambda b, c: b.query(c.text()),
    lambda b, c: b.parse(c.text(), c.text(), c.several(c.number)),
    lambda b, c: b.bind(c.text(), c.text(), c.several(c.value)),
    lambda b, c: b.bind(parameters=c.several(c.value), parameter_formats=c.codes(), result_formats=c.codes()),
    lambda b, c: b.describe_statement(c.text()),
    lambda b, c: b.describe_portal(c.text()),
    lambda b, c: b.execute(c.text(), c.number()),
    lambda b, c: b.close_statement(c.text()),
    lambda b, c: b.close_portal(c.text()),
    lambda b, c: b.function_call(c.number(), c.several(c.value), argument_formats=c.codes(), result_format=c.number()),
    lambda b, c: b.copy_data(c.value()),
    lambda b, c: b.copy_done(),
    lambda b, c: b.copy_fail(c.text()),
    lambda b, c: b.flush().sync().terminate(),
    lambda b, c: b.clear(),
)


@cache
def builder_seeds() -> Sequence[bytes]:
    """One call of each method, with arguments that are taken and with some that are not."""
    dice = Random(5)
    return tuple(
        bytes([number]) + dice.randbytes(size)
        for number in range(len(METHODS))
        for size in (0, 6, 20, 40)
        for _ in range(3)
    )


def mutate_calls(data: bytes, other: bytes, dice: Random) -> bytes:
    return (data + other)[:LARGEST] if dice.random() < 0.2 else damaged(data, dice)


def run_builder(core: Any, data: bytes, settings: Random, chunks: Random) -> Any:
    """What each call says, and the bytes in the end."""
    builder, cut = core.MessageBuilder(), Cut(data)
    said: list[Any] = []
    while cut.at < len(data):
        method = METHODS[cut.byte() % len(METHODS)]
        try:
            said.append(method(builder, cut) is builder)
        except (LocalProtocolError, TypeError) as error:
            said.append((type(error).__name__, str(error)))
        said.append(len(builder))
    return said, bytes(builder.buffer)


def builder_features(outcome: Any) -> Iterable[Hashable]:
    said, data = outcome
    yield data[:1]
    yield from (re.sub(r"\d+", "…", entry[1]) for entry in said if isinstance(entry, tuple))
