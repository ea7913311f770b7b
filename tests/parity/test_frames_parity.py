"""FrameDecoder and MessageBuilder: native and pure give the same frames, the same bytes, the same errors."""

from __future__ import annotations

from array import array
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pgwire_py import _native, frames
from pgwire_py._impl import pure
from pgwire_py.errors import FrameError, LocalProtocolError
from tests import vectors

RECORDED = [bytes.fromhex(vector["hex"]) for kind in ("frontend", "backend") for vector in vectors.load(kind)]
HOSTILE = [b"\0\0\0\x08\x04\xd2\x16\x2f", b"Q\0\0\0\3", b"d\x7f\xff\xff\xff", b"\0\0\0\5", b"\xff", b""]
TAGS = st.sampled_from("QdSZDRE\0\xff")
LENGTHS = st.sampled_from([0, 3, 4, 8, 100, 65_535, 2**31 - 1]) | st.integers(0, 300)
LIMITS = st.fixed_dictionaries(
    {},
    optional={
        "startup": st.booleans(),
        "max_startup_length": LENGTHS,
        "max_message_length": LENGTHS,
        "tag_limits": st.dictionaries(TAGS, LENGTHS) | st.sampled_from([frames.FRONTEND_TAGS, frames.BACKEND_TAGS]),
        "only_listed_tags": st.booleans(),
    },
)
PIECES = st.lists(st.sampled_from(RECORDED + HOSTILE) | st.binary(max_size=30), max_size=6).map(b"".join)


def _frames(core: Any, limits: dict[str, Any], steps: list[tuple[bytes, bool | None, int | None]]) -> list[Any]:
    decoder = core.FrameDecoder(**limits)
    seen: list[Any] = []
    for chunk, startup, limit in steps:
        try:
            seen += [(tag, bytes(body)) for tag, body in decoder.feed(chunk)]
        except FrameError as error:
            seen += [(tag, bytes(body)) for tag, body in error.frames]
            seen.append((str(error), error.tag, error.fatal, error.sqlstate))
        if startup is not None:
            try:
                decoder.startup = startup
            except LocalProtocolError as error:
                seen.append(str(error))
        if limit is not None:
            decoder.max_message_length = limit
        seen.append((decoder.startup, decoder.buffered))
    return seen


@given(st.data())
def test_frames(data: st.DataObject) -> None:
    """Recorded and hostile bytes, in any chunks, with any limits, settings changed on the way."""
    limits, stream = data.draw(LIMITS), data.draw(PIECES)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    chunks = [stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    changes = [
        (data.draw(st.sampled_from([None, None, None, True, False])), data.draw(st.none() | LENGTHS)) for _ in chunks
    ]
    steps = [(chunk, *change) for chunk, change in zip(chunks, changes, strict=True)]
    assert _frames(_native, limits, steps) == _frames(pure, limits, steps)


@given(st.data())
def test_chunking_does_not_matter(data: st.DataObject) -> None:
    limits, stream = data.draw(LIMITS), data.draw(PIECES)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    chunks = [stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    for core in (_native, pure):
        whole, cut = (
            [item for item in _frames(core, limits, [(chunk, None, None) for chunk in fed]) if type(item[0]) is str]
            for fed in ([stream], chunks)
        )
        # The error is raised again by every later feed.
        assert list(dict.fromkeys(cut[len(whole) - 1 :])) == whole[-1:]
        assert cut[: len(whole)] == whole


ANSWERS = st.sampled_from([
    b"2\0\0\0\4", b"2\0\0\0\4C\0\0\0\6x\0", b"2\0\0\0\4C\0\0\0\6x\0Z\0\0\0\5I", b"C\0\0\0\6y\0", b"C\0\0\0\5y", b"s\0\0\0\4",
    b"D\0\0\0\x0e\0\1\0\0\0\4\0\0\0\7", b"D\0\0\0\x0c\0\1\0\0\0\2\0\7", b"Z\0\0\0\5I", b"Z\0\0\0\5T", b"Z\0\0\0\5X", b"2\0\0\0\5x",
    b"E\0\0\0\5\0", b"N\0\0\0\5\0", b"I\0\0\0\4", b"T\0\0\0\6\0\0", b"3\0\0\0\4", b"s\0\0\0\5x", b"Z\0\0\0\3",
])  # fmt: skip


def _answers(core: Any, chunks: list[bytes], readers: list[int | None], synced: bool) -> list[Any]:
    decoders = [None if oid is None else core.RowDecoder([oid], [1]) for oid in readers]
    decoder, seen, start = core.FrameDecoder(), [], 0
    for chunk in chunks:
        try:
            frames = decoder.feed_answers(chunk, decoders, start, synced)
        except FrameError as error:
            frames = list(error.frames)
            seen.append(str(error))
        for tag, body in frames:
            start += len(body[0]) if tag == "=" else tag in "CsI"
        seen.append((repr(frames), decoder.buffered))
    return seen


@given(
    st.lists(ANSWERS, max_size=30), st.lists(st.sampled_from([23, 23, 21, None]), max_size=9), st.booleans(), st.data()
)
def test_answers(pieces: list[bytes], readers: list[int | None], synced: bool, data: st.DataObject) -> None:
    """Answers, usual and not, in any chunks."""
    stream = b"".join(pieces)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=4)))
    chunks = [stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert _answers(_native, chunks, readers, synced) == _answers(pure, chunks, readers, synced)


TEXT = st.text(max_size=10)
INTEGER = st.integers(-2, 3) | st.integers(-(2**33), 2**33)
NONSENSE = st.sampled_from([None, 5, 1.5, "\ud800", "a\0b", (), [None], {"": ""}, {5}])
FORMATS = st.none() | st.lists(st.integers(0, 1), max_size=4) | st.lists(INTEGER, max_size=3) | NONSENSE
VALUE = (
    st.none()
    | TEXT
    | st.binary(max_size=20)
    | st.binary(max_size=20).map(bytearray)
    | st.binary(max_size=20).map(lambda raw: memoryview(raw)[::2])
    | st.lists(st.integers(0, 9), max_size=3).map(lambda items: array("h", items))
    | NONSENSE
)
VALUES = st.lists(VALUE, max_size=4) | NONSENSE
NAME = TEXT | NONSENSE
BYTES = st.binary(max_size=5)
ROW = st.binary(max_size=9).map(lambda body: b"D" + (6 + len(body)).to_bytes(4, "big") + b"\0\1" + body)
ROWS = st.lists(ROW | st.just(b"D\0\0\0\5x") | st.binary(max_size=1), max_size=3).map(b"".join)
CALLS: dict[str, tuple[tuple[st.SearchStrategy[Any], ...], dict[str, st.SearchStrategy[Any]]]] = {
    "startup": ((st.dictionaries(TEXT, TEXT, max_size=3) | NONSENSE,), {"protocol_version": INTEGER}),
    "ssl_request": ((), {}),
    "gssenc_request": ((), {}),
    "cancel_request": ((INTEGER, VALUE), {}),
    "password": ((VALUE,), {}),
    "sasl_initial_response": ((NAME, VALUE), {}),
    "sasl_response": ((VALUE,), {}),
    "query": ((NAME,), {}),
    "parse": ((NAME, NAME), {"parameter_types": st.lists(INTEGER, max_size=3) | NONSENSE}),
    "bind": ((), {"portal": NAME, "statement": NAME, "parameters": VALUES, "parameter_formats": FORMATS, "result_formats": FORMATS}),
    "bind_rows": ((ROWS, BYTES, BYTES, BYTES), {}),
    "describe_statement": ((), {"name": NAME}),
    "describe_portal": ((), {"name": NAME}),
    "execute": ((), {"portal": NAME, "max_rows": INTEGER | NONSENSE}),
    "close_statement": ((), {"name": NAME}),
    "close_portal": ((), {"name": NAME}),
    "function_call": ((INTEGER,), {"arguments": VALUES, "argument_formats": FORMATS, "result_format": INTEGER | NONSENSE}),
    "copy_data": ((VALUE,), {}),
    "copy_done": ((), {}),
    "copy_fail": ((NAME,), {}),
    "flush": ((), {}),
    "sync": ((), {}),
    "terminate": ((), {}),
}  # fmt: skip


@st.composite
def _calls(draw: st.DrawFn) -> list[tuple[str, tuple[Any, ...], dict[str, Any]]]:
    calls = []
    for name in draw(st.lists(st.sampled_from(sorted(CALLS)), min_size=1, max_size=4)):
        positional, optional = CALLS[name]
        calls.append((name, draw(st.tuples(*positional)), draw(st.fixed_dictionaries({}, optional=optional))))
    return calls


@given(_calls())
def test_builders(calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]]) -> None:
    outcomes: list[list[Any]] = []
    for core in (_native, pure):
        builder, seen = core.MessageBuilder(), []
        for name, arguments, optional in calls:
            try:
                getattr(builder, name)(*arguments, **optional)
            except LocalProtocolError as error:
                seen.append(str(error))
            seen.append(bytes(builder.buffer))
        outcomes.append(seen)
    assert outcomes[0] == outcomes[1]


def test_every_method_is_compared() -> None:
    writing = {name for name in vars(pure.MessageBuilder) if not name.startswith("_")}
    assert writing - {"buffer", "clear", "take", "write_into"} == set(CALLS)
