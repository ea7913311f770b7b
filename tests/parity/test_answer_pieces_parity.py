"""Answers in pieces: both cores give the same, by whichever feed each piece is taken."""

from __future__ import annotations

import re
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pgwire_py import _native
from pgwire_py._impl import pure
from pgwire_py.errors import FrameError

ANSWER_PARTS = (
    b"2\0\0\0\4",
    b"D\0\0\0\x0e\0\1\0\0\0\4\0\0\0\7",
    b"D\0\0\0\x0c\0\1\0\0\0\2\0\7",  # a value of the wrong size
    b"D\0\0\0\6\0\2",  # a row that is none
    b"C\0\0\0\x0dSELECT 2\0",
    b"C\0\0\0\5x",
    b"s\0\0\0\4",
    b"Z\0\0\0\5T",
    b"Z\0\0\0\5?",
    b"N\0\0\0\5\0",
    b"E\0\0\0\5\0",
    b"Z\0\0\0\3",  # ends the stream
)


def _fed(core: Any, pieces: list[bytes], answers: list[bool]) -> list[Any]:
    """What each piece gave, by ``feed_answer`` or ``feed_rows``, and what is kept behind the last; up to a fault."""
    rows, decoder, found = core.RowDecoder([23], [1], ["n"]), core.FrameDecoder(), []
    try:
        for piece, answer in zip(pieces, answers, strict=True):
            found.append((decoder.feed_answer if answer else decoder.feed_rows)(piece, rows))
        found.append(decoder.feed_rows(b""))
    except FrameError as error:
        found.append(list(error.frames))
    return found


def _tags(found: list[Any]) -> str:
    """Of all messages in order, DataRows one behind the other as one."""
    tags = ""
    for one in found:
        if isinstance(one, tuple):
            tags += "2" + "D" * bool(one[0]) + ("C" if one[1] else "s") + "Z"
        else:
            tags += "".join(tag for tag, _ in one or ())
    return re.sub("D+", "D", tags)


def _fields(found: list[Any]) -> list[Any]:
    """Of the errors in place of rows."""
    return [getattr(body, "fields", None) for one in found if isinstance(one, list) for _, body in one]


@given(st.data())
def test_answers_in_pieces_are_the_same_with_both_cores(data: st.DataObject) -> None:
    """Whatever comes, in whatever pieces, taken by either feed: no message is lost, and both cores say the same."""
    usual = b"".join(ANSWER_PARTS[part] for part in (0, 1, 1, 4, 7))
    stream = b"".join(data.draw(st.lists(st.sampled_from((usual, usual[:-6], *ANSWER_PARTS)), max_size=5)))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=4)))
    pieces = [stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    answers = data.draw(st.lists(st.sampled_from((True, True, False)), min_size=len(pieces), max_size=len(pieces)))
    one, other = (_fed(core, pieces, answers) for core in (_native, pure))
    assert repr(one) == repr(other)
    assert _fields(one) == _fields(other)
    assert _tags(one) == _tags(_fed(pure, pieces, [False] * len(pieces)))
