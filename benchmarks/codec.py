"""The codec part: the native core against the pure one, in this process, on the work a server does for each buffer."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal

from pgwire_py import messages as m
from pgwire_py.copy import CopyOptions

from .data import COLUMNS, make_mixed_rows, make_rows
from .errors import BenchmarkError

TURNS = 5
WHOLE = 1 << 30
OIDS = {"int4": 23, "timestamp": 1114, "float8": 701, "text": 25}
TYPES = [OIDS[kind] for _, kind in COLUMNS]
MIXED_TYPES = [23, 20, 701, 25, 1184, 16, 1700]
TEXT, BINARY = (0,), (1,)
ANSWER = (
    m.ParseComplete(),
    m.BindComplete(),
    m.RowDescription((m.FieldDescription("id", 0, 0, 23, 4, -1, 1), m.FieldDescription("name", 0, 0, 25, -1, -1, 1))),
    m.CommandComplete("SELECT 1"),
    m.ReadyForQuery("I"),
)
SQL = "select id, name from users where id = $1 and name = 'abc' --"
FIVE = "decode Parse/Bind/Describe/Execute/Sync"
ROWS = ("encode 100 x 6, text", "encode 100 x 6, binary")


@dataclass(frozen=True)
class CodecOutcome:
    """Microseconds per call of both implementations, medians, and how much faster native is."""

    name: str
    native_us: float
    pure_us: float

    @property
    def ratio(self) -> float:
        """Pure time ÷ native time."""
        return self.pure_us / self.native_us


Workloads = Callable[[Any], dict[str, Callable[[], object]]]


def measure_codecs(seconds: float, make: Workloads | None = None) -> list[CodecOutcome]:
    """Every workload (``codec_workloads`` unless told) on both implementations, in turns; ``seconds`` for each of the two."""
    cores = []
    for module in ("pgwire_py._native", "pgwire_py._impl.pure"):
        try:
            cores.append(import_module(module))
        except ImportError as error:
            raise BenchmarkError(f"codec: {module} cannot be loaded: {error} (run `make build`)") from error
    workloads = [(make or codec_workloads)(core) for core in cores]
    outcomes = []
    for name in workloads[0]:
        calls = [workload[name] for workload in workloads]
        loops = [calibrate(call, seconds / TURNS) for call in calls]
        times: list[list[float]] = [[], []]
        for _ in range(TURNS):
            for which, call in enumerate(calls):
                times[which].append(per_call(call, loops[which]))
        native, pure = (statistics.median(taken) * 1e6 for taken in times)
        outcomes.append(CodecOutcome(name, native, pure))
    return outcomes


def codec_workloads(core: Any) -> dict[str, Callable[[], object]]:
    """Calls to time, by name; ``core`` is a module as ``pgwire_py._impl.interface.Core`` describes it."""
    from .servers.arrow import arrow_table

    few, many, table, mixed = make_rows(100), make_rows(), arrow_table(), make_mixed_rows(10_000)
    decoder = core.FrontendDecoder()
    decoder.startup = False
    once, long = extended_query(), copy_data(1 << 20)
    pipeline = once * 16

    def decode(buffer: bytes, messages: int) -> Callable[[], object]:
        if len(decoder.feed(buffer)) != messages:
            raise BenchmarkError("codec: the decoder did not return the messages it was fed")
        return lambda: decoder.feed(buffer)

    def encode(rows: Sequence[Sequence[object]], formats: Sequence[int]) -> Callable[[], object]:
        encoder = core.RowEncoder(TYPES, formats)
        return lambda: encoder.encode(rows, 0, WHOLE)

    def encode_arrow(formats: Sequence[int]) -> Callable[[], object]:
        return lambda: core.ArrowEncoder(table, formats).encode(0, WHOLE)

    def copy_arrow(kind: Literal["text", "csv", "binary"]) -> Callable[[], object]:
        plan = CopyOptions(kind).plan([name for name, _ in COLUMNS], "TO")
        return lambda: core.CopyEncoder(plan).encode_arrow(core.ArrowEncoder(table), 0, WHOLE)

    def decode_rows(formats: Sequence[int], names: Sequence[str] | None) -> Callable[[], object]:
        data, _ = core.RowEncoder(MIXED_TYPES, formats).encode(mixed, 0, WHOLE)
        data = bytes(data)
        rows = core.RowDecoder(MIXED_TYPES, formats, names)
        if rows.decode(data) != mixed:
            raise BenchmarkError("codec: the rows did not come back as they were")
        return lambda: rows.decode(data)

    def frames(buffer: bytes, messages: int, piece: int) -> Callable[[], object]:
        cutter = core.FrameDecoder(max_message_length=WHOLE)
        pieces = [buffer[start : start + piece] for start in range(0, len(buffer), piece)]
        if sum(len(cutter.feed(piece)) for piece in pieces) != messages:
            raise BenchmarkError("codec: the frame decoder did not return the frames it was fed")
        return lambda: [cutter.feed(piece) for piece in pieces]

    builder, values = core.MessageBuilder(), (b"\0\0\0\7", None, "text")

    def build() -> None:
        builder.parse("", "select id, name from users where id = $1", (23,)).bind(
            parameters=values, result_formats=(1,)
        )
        builder.describe_portal().execute().sync().clear()

    copying = {name: call for kind in ("text", "csv", "binary") for name, call in copy_workloads(core, kind).items()}
    return {
        FIVE: decode(once, 5),
        "decode 16 of these in one buffer": decode(pipeline, 80),
        "encode the 5 messages of an answer": lambda: list(map(core.encode_message, ANSWER)),
        "split a query of 60 characters": lambda: core.split_statements(SQL),
        "encode 100 x 6, text": encode(few, TEXT),
        "encode 100 x 6, binary": encode(few, BINARY),
        "encode 5,000 x 6, text": encode(many, TEXT),
        "encode 5,000 x 6, binary": encode(many, BINARY),
        "encode 5,000 x 6 from Arrow, text": encode_arrow(TEXT),
        "encode 5,000 x 6 from Arrow, binary": encode_arrow(BINARY),
        "COPY text, encode 5,000 x 6 from Arrow": copy_arrow("text"),
        "COPY csv, encode 5,000 x 6 from Arrow": copy_arrow("csv"),
        "COPY binary, encode 5,000 x 6 from Arrow": copy_arrow("binary"),
        "decode 10,000 mixed rows of 7, binary": decode_rows(BINARY, None),
        "decode 10,000 mixed rows of 7, text": decode_rows(TEXT, None),
        "decode 10,000 mixed rows of 7 to records, binary": decode_rows(BINARY, list("abcdefg")),
        "frames of Parse/Bind/Describe/Execute/Sync": frames(once, 5, WHOLE),
        "frames of 1,000 CopyData of 1 kB in reads of 64 kB": frames(copy_data(1_000) * 1_000, 1_000, 65_536),
        "frame of one CopyData of 1 MB in pieces of 64 kB": frames(long, 1, 65_536),
        "frame of one CopyData of 1 MB in pieces of 1 kB": frames(long, 1, 1_024),
        "build Parse/Bind/Describe/Execute/Sync": build,
        **copying,
    }


def copy_workloads(core: Any, kind: Literal["text", "csv", "binary"]) -> dict[str, Callable[[], object]]:
    """COPY data of one format: from values and back, and its fields."""
    rows = make_rows()
    names = [name for name, _ in COLUMNS]
    options = CopyOptions(kind)
    encoder = core.CopyEncoder(options.plan(names, "TO", types=TYPES))
    head = bytes(encoder.encode([], 0, WHOLE)[0])
    data = bytes(encoder.encode(rows, 0, WHOLE)[0])

    def decode(types: Sequence[int] | None) -> Callable[[], object]:
        decoder = core.CopyDecoder(options.plan(names, "FROM", types=types))
        decoder.feed(head)
        if len(decoder.feed(data)) != len(rows):
            raise BenchmarkError("codec: the decoder did not return the rows it was fed")
        return lambda: decoder.feed(data)

    return {
        f"COPY {kind}, encode 5,000 x 6": lambda: encoder.encode(rows, 0, WHOLE),
        f"COPY {kind}, decode 5,000 x 6": decode(TYPES),
        f"COPY {kind}, decode 5,000 x 6 to fields": decode(None),
    }


def message(tag: bytes, body: bytes) -> bytes:
    """A message with its length."""
    return tag + (len(body) + 4).to_bytes(4, "big") + body


def copy_data(size: int) -> bytes:
    """A CopyData of so many bytes."""
    return message(b"d", bytes(size))


def extended_query() -> bytes:
    """What a driver sends for one parameterised query (Protocol 55.2.3)."""
    parse = message(b"P", b"\0select id, name from users where id = $1\0" + b"\0\1" + (23).to_bytes(4, "big"))
    bind = message(b"B", b"\0\0" + b"\0\1\0\1" + b"\0\1" + b"\0\0\0\4\0\0\0\7" + b"\0\1\0\1")
    describe = message(b"D", b"P\0")
    execute = message(b"E", b"\0" + bytes(4))
    return parse + bind + describe + execute + message(b"S", b"")


def calibrate(call: Callable[[], object], seconds: float) -> int:
    """How many calls fill that time, at least one."""
    loops = 1
    while True:
        taken = per_call(call, loops) * loops
        if taken >= seconds / 4 or loops >= 1 << 24:
            return max(1, round(loops * seconds / taken))
        loops *= 4


def per_call(call: Callable[[], object], loops: int) -> float:
    """Seconds per call."""
    start = time.perf_counter()
    for _ in range(loops):
        call()
    return (time.perf_counter() - start) / loops
