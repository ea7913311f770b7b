"""FrameDecoder: chunking, views without copies, bounds of lengths and of memory, hostile bytes."""

from __future__ import annotations

import contextlib
import gc
import tracemalloc
import weakref
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgwire_py import frames
from pgwire_py._impl import pure
from pgwire_py.errors import FrameError, LocalProtocolError, RemoteProtocolError
from tests import vectors
from tests.support import IMPLEMENTATIONS, core_module

STARTUP = bytes.fromhex("00000011000300007573657200 6d65 0000")
SSL_REQUEST = bytes.fromhex("0000000804d2162f")
CANCEL_REQUEST = bytes.fromhex("0000001004d2162e0000000100000002")
QUERY = b"Q\0\0\0\rselect 1\0"
SYNC = b"S\0\0\0\4"
STREAM = STARTUP + QUERY + SYNC + b"d\0\0\1\4" + b"x" * 256 + b"\xff\0\0\0\5y"
FRAMES = [("", STARTUP[4:]), ("Q", QUERY[5:]), ("S", b""), ("d", b"x" * 256), ("ÿ", b"y")]


def _copied(found: list[tuple[str, memoryview]]) -> list[tuple[str, bytes]]:
    assert all(type(body) is memoryview and body.readonly and body.format == "B" for _, body in found)
    return [(tag, bytes(body)) for tag, body in found]


def _framed(direction: str) -> list[dict[str, Any]]:
    return [vector for vector in vectors.load(direction) if vector["class"] != "EncryptionResponse"]


def _fault(decoder: Any, data: bytes) -> FrameError:
    with pytest.raises(FrameError) as caught:
        decoder.feed(data)
    assert isinstance(caught.value, RemoteProtocolError)
    assert caught.value.fatal
    assert caught.value.sqlstate == "08P01"
    return caught.value


def test_whole_stream_in_one_feed(core: Any) -> None:
    decoder = core.FrameDecoder(startup=True)
    assert decoder.startup is True
    assert _copied(decoder.feed(STREAM)) == FRAMES
    assert decoder.startup is False
    assert decoder.buffered == 0
    assert decoder.feed(b"") == []


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 7, 64, 300])
def test_any_chunks(core: Any, size: int) -> None:
    decoder = core.FrameDecoder(startup=True)
    found = []
    for start in range(0, len(STREAM), size):
        found += decoder.feed(STREAM[start : start + size])
    assert _copied(found) == FRAMES
    assert decoder.buffered == 0


def test_recorded_messages(core: Any) -> None:
    """Every recorded message is one frame, and its body what stands behind tag and length (an answer about encryption is none)."""
    for vector in _framed("frontend") + _framed("backend"):
        raw = bytes.fromhex(vector["hex"])
        tagged = raw[0] != 0
        found = core.FrameDecoder(startup=not tagged).feed(raw)
        head = 5 if tagged else 4
        assert _copied(found) == [(chr(raw[0]) if tagged else "", raw[head:])]


def test_a_whole_frame_is_a_view_of_what_was_fed(core: Any) -> None:
    data = QUERY + SYNC
    ((_, body), (_, empty)) = core.FrameDecoder().feed(data)
    assert body.obj is data
    assert empty.obj is data
    del data
    gc.collect()
    assert body == b"select 1\0"


def test_what_can_change_is_copied(core: Any) -> None:
    for data in (bytearray(QUERY), memoryview(bytearray(QUERY))):
        ((_, body),) = core.FrameDecoder().feed(data)
        data[5:11] = b"delete"
        assert body == b"select 1\0"


@pytest.mark.parametrize("wrong", ["text", 5, None, [1]])
def test_not_a_buffer(core: Any, wrong: Any) -> None:
    with pytest.raises(TypeError):
        core.FrameDecoder().feed(wrong)


def test_buffered_counts_the_incomplete_packet(core: Any) -> None:
    decoder = core.FrameDecoder()
    assert decoder.feed(SYNC + QUERY[:3])[0][0] == "S"
    assert decoder.buffered == 3
    assert decoder.feed(QUERY[3:-1]) == []
    assert decoder.buffered == len(QUERY) - 1
    assert _copied(decoder.feed(QUERY[-1:] + b"S")) == [("Q", QUERY[5:])]
    assert decoder.buffered == 1


@pytest.mark.parametrize(
    ("data", "tag", "text"),
    [
        (b"Q\0\0\0\3", "Q", "message of type 81 at byte 5: length 3 is not between 4 and 65535"),
        (b"Q\xff\xff\xff\xff", "Q", "message of type 81 at byte 5: length 4294967295 is not between 4 and 65535"),
        (b"Q\0\1\0\0", "Q", "message of type 81 at byte 5: length 65536 is not between 4 and 65535"),
        (b"E\0\0\0\x0b", "E", "message of type 69 at byte 5: length 11 is not between 4 and 10"),
        (b"x", "x", "message of type 120 at byte 5: no message of this type is accepted"),
    ],
)
def test_lengths_and_tags_are_judged_at_once(core: Any, data: bytes, tag: str, text: str) -> None:
    decoder = core.FrameDecoder(tag_limits={"E": 10, "x": 0})
    error = _fault(decoder, SYNC + data)
    assert (error.tag, str(error)) == (tag, text)
    assert error.frames == (("S", b""),)
    assert decoder.buffered == 0
    again = _fault(decoder, SYNC)
    assert (again.tag, str(again), again.frames) == (tag, text, ())


@pytest.mark.parametrize("length", [0, 3, 7, 10_001, 0xFFFF_FFFF])
def test_lengths_of_startup_packets(core: Any, length: int) -> None:
    error = _fault(core.FrameDecoder(startup=True), length.to_bytes(4, "big"))
    assert str(error) == f"start-up packet at byte 0: length {length} is not between 8 and 10000"
    assert error.tag == ""


def test_limits_can_change(core: Any) -> None:
    decoder = core.FrameDecoder(max_message_length=8, max_startup_length=100)
    assert (decoder.max_message_length, decoder.max_startup_length) == (8, 100)
    decoder.max_message_length = 2**31 - 1
    decoder.max_startup_length = 8
    assert _copied(decoder.feed(QUERY + b"d\x7f\xff\xff\xff")) == [("Q", QUERY[5:])]
    assert decoder.buffered == 5
    assert "between 8 and 8" in str(_fault(core.FrameDecoder(True, max_startup_length=8), STARTUP))


@pytest.mark.parametrize("wrong", [-1, 2**31, 2**70])
def test_limits_out_of_range(core: Any, wrong: int) -> None:
    decoder = core.FrameDecoder()
    for limits in ({"max_message_length": wrong}, {"max_startup_length": wrong}, {"tag_limits": {"Q": wrong}}):
        with pytest.raises(ValueError, match="a length must be 0 to 2147483647"):
            core.FrameDecoder(**limits)
    with pytest.raises(ValueError, match="a length must be"):
        decoder.max_message_length = wrong
    assert decoder.max_message_length == 65_535


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_message_length": "5"},
        {"max_startup_length": None},
        {"tag_limits": [1]},
        {"tag_limits": {"Q": 1.5}},
        {"startup": 3},
    ],
)
def test_limits_of_a_wrong_type(core: Any, wrong: Any) -> None:
    with pytest.raises(TypeError):
        core.FrameDecoder(**wrong)


@pytest.mark.parametrize("wrong", ["", "QQ", "€", 81, b"Q", "\ud800"])
def test_tags_that_are_none(core: Any, wrong: Any) -> None:
    with pytest.raises(ValueError, match="a tag must be one character of one byte"):
        core.FrameDecoder(tag_limits={wrong: 5})


@pytest.mark.parametrize(("direction", "tags"), [("frontend", frames.FRONTEND_TAGS), ("backend", frames.BACKEND_TAGS)])
def test_only_listed_tags(core: Any, direction: str, tags: dict[str, int]) -> None:
    for vector in _framed(direction):
        raw = bytes.fromhex(vector["hex"])
        if raw[0]:
            assert len(core.FrameDecoder(tag_limits=tags, only_listed_tags=True).feed(raw)) == 1
    for tag in range(256):
        if chr(tag) not in tags:
            error = _fault(core.FrameDecoder(tag_limits=tags, only_listed_tags=True), bytes([tag]))
            assert str(error) == f"message of type {tag} at byte 0: no message of this type is accepted"


@pytest.mark.parametrize("request_", [SSL_REQUEST, CANCEL_REQUEST])
def test_nothing_may_follow_a_request_before_its_answer(core: Any, request_: bytes) -> None:
    """Bytes stuffed in plain text behind SSLRequest never pass for what came through TLS."""
    decoder = core.FrameDecoder(startup=True)
    error = _fault(decoder, request_ + STARTUP)
    assert _copied(list(error.frames)) == [("", request_[4:])]
    assert str(error) == f"start-up packet at byte {len(request_)}: data before a request of start-up was answered"
    decoder = core.FrameDecoder(startup=True)
    for byte in request_:
        decoder.feed(bytes([byte]))
    assert decoder.feed(b"") == []
    _fault(decoder, b"\0")


def test_startup_goes_on_when_the_request_was_answered(core: Any) -> None:
    decoder = core.FrameDecoder(startup=True)
    assert len(decoder.feed(SSL_REQUEST)) == 1
    decoder.startup = True
    assert _copied(decoder.feed(STARTUP + SYNC)) == [("", STARTUP[4:]), ("S", b"")]


def test_startup_cannot_change_within_a_packet(core: Any) -> None:
    decoder = core.FrameDecoder(startup=True)
    decoder.feed(STARTUP[:6])
    decoder.startup = True
    with pytest.raises(LocalProtocolError, match="a packet has come in part"):
        decoder.startup = False
    assert _copied(decoder.feed(STARTUP[6:])) == [("", STARTUP[4:])]


def test_memory_is_not_taken_for_a_length() -> None:
    """A frame that announces 2 GB and sends 100 kB holds no more than twice what came (Rust's own test looks at the native decoder)."""
    decoder = pure.FrameDecoder(max_message_length=2**31 - 1)
    tracemalloc.start()
    decoder.feed(b"d\x7f\xff\xff\xff")
    for _ in range(100):
        decoder.feed(bytes(1_000))
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert decoder.buffered == 100_005
    assert held < 250_000


def test_a_long_frame_in_many_pieces(core: Any) -> None:
    """20 MB in pieces of 1 kB: quadratic work would take minutes."""
    decoder, piece, count = core.FrameDecoder(max_message_length=2**31 - 1), bytes(range(250)) * 4, 20_000
    decoder.feed(b"d" + (4 + 1_000 * count).to_bytes(4, "big"))
    for _ in range(count - 1):
        assert decoder.feed(piece) == []
    ((tag, body), (last, _)) = decoder.feed(piece + SYNC)
    assert (tag, len(body), last) == ("d", 1_000 * count, "S")
    assert body[-1_000:] == piece


@given(st.binary(max_size=200), st.booleans(), st.integers(1, 50))
def test_hostile_bytes_raise_nothing_else(data: bytes, startup: bool, size: int) -> None:
    for core in map(core_module, IMPLEMENTATIONS):
        decoder = core.FrameDecoder(startup=startup)
        with contextlib.suppress(FrameError):
            for start in range(0, len(data), size):
                decoder.feed(data[start : start + size])
        assert decoder.buffered <= len(data)


def test_the_usual_answer_comes_as_what_it_says(core: Any) -> None:
    rows = core.RowDecoder([23], [1], ["n"])
    row, bind, ready = b"D\0\0\0\x0e\0\1\0\0\0\4\0\0\0\7", b"2\0\0\0\4", b"Z\0\0\0\5T"
    end, suspended, notice = b"C\0\0\0\x0dSELECT 2\0", b"s\0\0\0\4", b"N\0\0\0\5\0"
    for data, expected in (
        (bind + row + row + end + ready, ([(7,), (7,)], b"SELECT 2", "T")),
        (bind + row + suspended + ready, ([(7,)], b"", "T")),
        (bind + end + ready, ([], b"SELECT 2", "T")),
    ):
        assert core.FrameDecoder().feed_answer(data, rows) == expected
        # Whatever else comes, at any place, leaves nothing out.
        places = [0, 5, 5 + 15 * data.count(row), len(data) - 6, len(data)]
        for place, other in [
            (place, other) for place in places for other in (notice, row, end, bind, b"E\0\0\0\5\0", ready)
        ]:
            changed = data[:place] + other + data[place:]
            if core.FrameDecoder().feed_rows(changed, rows) != core.FrameDecoder().feed_answer(changed, rows):
                made = core.FrameDecoder().feed_answer(changed, rows)
                assert type(made) is tuple
                assert other == row
                assert len(made[0]) == data.count(row) + 1
        # In pieces, too: what has come of it is kept.
        for place in range(len(data)):
            decoder = core.FrameDecoder()
            assert decoder.feed_answer(data[:place], rows) is None
            assert decoder.feed_answer(data[place:], rows) == expected
        decoder = core.FrameDecoder()
        assert [decoder.feed_answer(data[at : at + 1], rows) for at in range(len(data))][:-1] == [None] * (
            len(data) - 1
        )
        assert decoder.feed_answer(data, rows) == expected
        # The beginning of a packet behind it, too: that is kept, and what comes next is no answer by itself.
        decoder = core.FrameDecoder()
        assert decoder.feed_answer(data + notice[:3], rows) == core.FrameDecoder().feed_rows(data, rows)
        assert decoder.feed_answer(notice[3:], rows) == [("N", b"\0")]
    for bad in (b"Z\0\0\0\5X", b"Z\0\0\0\6II", b"C\0\0\0\5x"):
        data = bind + row + end + bad
        assert core.FrameDecoder().feed_answer(data, rows) == core.FrameDecoder().feed_rows(data, rows)
    with pytest.raises(FrameError) as caught:
        core.FrameDecoder().feed_answer(bind + row + end + b"Z\0\0\0\3", rows)
    assert caught.value.frames == (("2", b""), ("D", [(7,)]), ("C", b"SELECT 2\0"))


BIND_COMPLETE = b"2\0\0\0\4"
SEVEN = b"D\0\0\0\x0e\0\1\0\0\0\4\0\0\0\7"
WRONG_SIZE = b"D\0\0\0\x0c\0\1\0\0\0\2\0\7"


def test_an_answer_in_part_is_not_for_feed(core: Any) -> None:
    decoder = core.FrameDecoder()
    assert decoder.feed_answer(b"2\0\0") is None
    assert [(tag, bytes(body)) for tag, body in decoder.feed(b"\0\4")] == [("2", b"")]
    assert decoder.feed_answer(b"2\0\0\0\4") is None
    with pytest.raises(LocalProtocolError, match="in part"):
        decoder.feed(b"Z")
    assert decoder.feed_rows(b"Z\0\0\0\5I") == [("2", b""), ("Z", b"I")]


def test_rows_are_counted_from_the_beginning_of_the_answer(core: Any) -> None:
    """An error tells the number of its row, in whatever pieces the answer came, and whoever takes the last one."""
    rows, bad = core.RowDecoder([23], [1], ["n"]), WRONG_SIZE
    for last in ("feed_answer", "feed_rows"):
        decoder = core.FrameDecoder()
        assert decoder.feed_answer(BIND_COMPLETE + SEVEN * 2, rows) is None
        assert decoder.feed_answer(SEVEN, rows) is None
        (first, (tag, error)) = getattr(decoder, last)(bad, rows)
        assert (first, tag) == (("2", b""), "D")
        assert error.where.startswith("row 3, column 1")


def test_what_is_kept_comes_with_the_fault(core: Any) -> None:
    decoder, rows = core.FrameDecoder(), core.RowDecoder([23], [1], ["n"])
    row = SEVEN
    assert decoder.feed_answer(b"2\0\0\0\4" + row, rows) is None
    with pytest.raises(FrameError) as caught:
        decoder.feed_answer(row + b"Z\0\0\0\3", rows)
    assert caught.value.frames == (("2", b""), ("D", [(7,), (7,)]))


def test_rows_with_lists_are_seen_by_the_garbage_collector(core: Any) -> None:
    """Once they are given out, by whatever way, and a circle through them is found."""
    array = b"".join(n.to_bytes(4, "big") for n in (1, 0, 23, 1, 1, 4, 7))
    row = b"D" + (len(array) + 10).to_bytes(4, "big") + b"\0\1" + len(array).to_bytes(4, "big") + array
    rows, answer = core.RowDecoder([1007], [1], ["a"]), b"2\0\0\0\4" + row + row + b"C\0\0\0\x0dSELECT 2\0Z\0\0\0\5I"
    ways: list[Callable[[], Any]] = [
        lambda: rows.decode(row + row),
        lambda: rows.decode([row[5:], row[5:]]),
        lambda: core.FrameDecoder().feed_rows(answer, rows)[1][1],
        lambda: core.FrameDecoder().feed_answer(answer, rows)[0],
        lambda: core.FrameDecoder().feed_answer(answer + b"N", rows)[1][1],
    ]
    for place in (5, len(row) + 7, len(row) * 2 + 7, len(answer) - 1):
        ways.append(lambda place=place: in_pieces(core.FrameDecoder(), place))  # type: ignore[misc]

    def in_pieces(decoder: Any, place: int) -> Any:
        assert decoder.feed_answer(answer[:place], rows) is None
        gc.collect()
        return decoder.feed_answer(answer[place:], rows)[0]

    for way in ways:
        made = way()
        assert made == [([7],), ([7],)]
        assert all(gc.is_tracked(record) and gc.is_tracked(record[0]) for record in made)
        made[0][0].append(made[0])
        gone = weakref.ref(made[0])
        del made
        gc.collect()
        assert gone() is None


def test_rows_come_decoded_with_the_frames(core: Any) -> None:
    """The first result's DataRows come as rows, in any chunking; what is behind its end comes as it is."""
    row, bad = b"D\0\0\0\x0e\0\1\0\0\0\4\0\0\0\7", b"D\0\0\0\x0c\0\1\0\0\0\2\0\7"
    end, notice = b"C\0\0\0\x0dSELECT 2\0", b"N\0\0\0\5\0"
    rows = core.RowDecoder([23], [1], ["n"])
    data = b"2\0\0\0\4" + row + row + notice + row + end + row
    expected = [("2", b""), ("D", [(7,), (7,)]), ("N", b"\0"), ("D", [(7,)]), ("C", b"SELECT 2\0"), ("D", row[5:])]
    assert core.FrameDecoder().feed_rows(data, rows) == expected
    assert core.FrameDecoder(joined_tags="D").feed_rows(data, rows) == expected
    assert [body for tag, body in core.FrameDecoder().feed_rows(data) if tag == "D"] == [row[5:]] * 4
    decoder, found = core.FrameDecoder(), []
    for place in range(len(data) - len(row)):
        found += decoder.feed_rows(data[place : place + 1], rows)
    assert [value for _, body in found if isinstance(body, list) for value in body] == [(7,)] * 3
    (first, error), after = core.FrameDecoder().feed_rows(row + bad + row + end, rows)
    assert (first, after) == ("D", ("C", b"SELECT 2\0"))
    assert type(error).__name__ == "ProtocolViolation"
    with pytest.raises(FrameError) as caught:
        core.FrameDecoder().feed_rows(row + b"D\0\0\0\3", rows)
    assert caught.value.frames == (("D", [(7,)]),)
