"""The answers to many runs of statements: those that are as nearly all are come together, as what they say."""

from __future__ import annotations

from typing import Any

import pytest

from pgwire_py.errors import FrameError

BIND, ROW, READY = b"2\0\0\0\4", b"D\0\0\0\x0e\0\1\0\0\0\4\0\0\0\7", b"Z\0\0\0\5I"
ONE_ROW, INSERTED, SUSPENDED = b"C\0\0\0\x0dSELECT 1\0", b"C\0\0\0\x0fINSERT 0 1\0", b"s\0\0\0\4"


@pytest.mark.parametrize("synced", [False, True])
def test_usual_answers_come_as_what_they_say(core: Any, synced: bool) -> None:
    def joined(*answers: bytes) -> bytes:
        return b"".join(answer + READY * synced for answer in answers)

    def usual(*results: Any) -> Any:
        tags = [one[1] for before, one in zip([None, *results], results, strict=False) if not one[0] and one != before]
        return "=", ([*results], tags, "I" * synced)

    select, insert, suspended = BIND + ROW + ONE_ROW, BIND + INSERTED, BIND + ROW + SUSPENDED
    number, record = core.RowDecoder([23], [1]), core.RowDecoder([23], [1], ["n"])
    readers = [None, number, None, None, record, number]
    selected, inserted = ([(7,)], b"SELECT 1"), ([], b"INSERT 0 1")
    data = joined(select, insert, insert, select, suspended)
    (found,) = core.FrameDecoder().feed_answers(data, readers, 1, synced)
    assert found == usual(selected, inserted, inserted, selected, ([(7,)], b""))
    results = found[1][0]
    assert results[1] is results[2]
    assert [type(results[place][0][0]) for place in (0, 3)] == [tuple, core.Record]
    # What cannot be read natively, what answers nothing, and what is no whole answer, comes as it is: the others as before.
    ready, row = [("Z", b"I")] * synced, ("D", ROW[5:])
    assert core.FrameDecoder().feed_answers(data, readers, 0, synced) == [
        *(("2", b""), row, ("C", b"SELECT 1\0"), *ready),
        usual(inserted, inserted),
        *(("2", b""), row, ("C", b"SELECT 1\0"), *ready),
        usual(([(7,)], b"")),
    ]
    notice = ("N", b"\0")
    broken = joined(insert) + b"N\0\0\0\5\0" + data + BIND + ROW
    assert core.FrameDecoder().feed_answers(broken, readers, 0, synced) == [
        *(usual(inserted), notice),
        usual(selected, inserted, inserted, selected, ([(7,)], b"")),
        *(("2", b""), row),
    ]
    # It may begin within an answer; that one counts.
    assert core.FrameDecoder().feed_answers(joined(ROW + ONE_ROW, select), [number, record], 0, synced) == [
        *(("D", [(7,)]), ("C", b"SELECT 1\0"), *ready),
        usual(selected),
    ]
    # Behind an error nobody knows which result is whose.
    failed = b"E\0\0\0\5\0" + READY * synced + joined(insert, select)
    assert core.FrameDecoder().feed_answers(failed, [number] * 9, 0, synced) == [
        *(("E", b"\0"), *ready),
        *(usual(inserted), ("2", b""), row, ("C", b"SELECT 1\0"), *ready),
    ]
    bad = BIND + b"D\0\0\0\x0c\0\1\0\0\0\2\0\7" + ROW + ONE_ROW + READY * synced
    first, (tag, error), *rest = core.FrameDecoder().feed_answers(bad + joined(select), [number] * 9, 0, synced)
    assert (first, tag, type(error).__name__) == (("2", b""), "D", "ProtocolViolation")
    assert rest == [("C", b"SELECT 1\0"), *ready, usual(selected)]
    with pytest.raises(FrameError) as caught:
        core.FrameDecoder().feed_answers(joined(insert) + BIND + b"Z\0\0\0\3", [], 0, synced)
    assert caught.value.frames == (usual(inserted), ("2", b""))


def test_what_was_kept_of_an_answer_comes_first(core: Any) -> None:
    rows, decoder = core.RowDecoder([23], [1]), core.FrameDecoder()
    assert decoder.feed_answer(BIND + ROW, rows) is None
    assert decoder.feed_answers(ONE_ROW + READY + BIND + INSERTED, [None], 0, False) == [
        *(("2", b""), ("D", [(7,)]), ("C", b"SELECT 1\0"), ("Z", b"I")),
        ("=", ([([], b"INSERT 0 1")], [b"INSERT 0 1"], "")),
    ]
