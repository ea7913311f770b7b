"""From frames to record batches in one call; tables of batches; types asked for behind the construction of an ArrowEncoder."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from pgwire_py.copy import ArrowCopyEncoder, CopyOptions
from pgwire_py.errors import FrameError, PostgresError, RemoteProtocolError
from pgwire_py.oids import DATE, INT2, INT4, TEXT

ROW = b"D\0\0\0\x0e\0\1\0\0\0\4\0\0\0\7"
BAD = b"D\0\0\0\x0c\0\1\0\0\0\2\0\7"
END = b"C\0\0\0\x0dSELECT 2\0"
NOTICE = b"N\0\0\0\5\0"


def decoder_of(core: Any, max_rows: int = 65_536) -> Any:
    return core.ArrowDecoder([INT4], ["n"], [1], max_rows=max_rows)


def shown(frames: Any) -> list[Any]:
    """Frames, batches as their values."""
    return [
        (tag, [pa.record_batch(batch).to_pydict()["n"] for batch in body] if isinstance(body, list) else body)
        for tag, body in frames
    ]


def test_rows_go_into_the_decoder_with_the_frames(core: Any) -> None:
    data = b"2\0\0\0\4" + ROW + ROW + NOTICE + ROW + END + ROW
    decoder = decoder_of(core, 2)
    found = core.FrameDecoder().feed_rows(data, decoder)
    expected = [("2", b""), ("D", [[7, 7]]), ("N", b"\0"), ("D", []), ("C", b"SELECT 2\0"), ("D", ROW[5:])]
    assert shown(found) == expected
    assert decoder.finish().num_rows == 1


def test_in_any_chunking(core: Any) -> None:
    data = b"2\0\0\0\4" + ROW * 5 + END
    for size in (1, 3, 7, 20, 64):
        frames, decoder = core.FrameDecoder(), decoder_of(core, 2)
        found: list[Any] = []
        for place in range(0, len(data), size):
            found += frames.feed_rows(data[place : place + size], decoder)
        assert [value for tag, body in shown(found) if tag == "D" for value in body] == [[7, 7], [7, 7]]
        assert decoder.finish().num_rows == 1
        assert found[-1] == ("C", b"SELECT 2\0")


def test_wrong_rows(core: Any) -> None:
    frames, decoder = core.FrameDecoder(), decoder_of(core)
    (tag, error), after = frames.feed_rows(ROW + BAD + ROW + END, decoder)
    assert (tag, after) == ("D", ("C", b"SELECT 2\0"))
    assert isinstance(error, PostgresError)
    assert error.sqlstate == "08P01"
    assert decoder.finish().num_rows == 0  # as new
    ((tag, error),) = core.FrameDecoder().feed_rows(b"D\0\0\0\6\0\2", decoder)
    assert isinstance(error, RemoteProtocolError)
    with pytest.raises(FrameError) as caught:
        core.FrameDecoder().feed_rows(ROW + b"D\0\0\0\3", decoder)
    assert caught.value.frames == (("D", []),)


def test_a_table_of_batches(core: Any) -> None:
    decoder = decoder_of(core, 2)
    batches = [*decoder.feed([ROW[5:]] * 5), decoder.finish()]
    table = core.ArrowTable(decoder, batches)
    assert (len(table), table.num_rows, table.column_names) == (5, 5, ["n"])
    assert [batch.num_rows for batch in table.batches] == [2, 2, 1]
    for _ in range(2):
        read = pa.table(table)
        read.validate(full=True)
        assert read.to_pydict() == {"n": [7] * 5}
    assert pa.schema(table) == pa.schema([("n", pa.int32())])
    assert repr(table) == "<ArrowTable of 5 rows and 1 columns>"
    assert pa.table(core.ArrowTable(decoder, [])).schema == read.schema
    with pytest.raises(ValueError, match="another decoder"):
        core.ArrowTable(decoder_of(core), batches)
    with pytest.raises(TypeError):
        core.ArrowTable(decoder, [read])


def test_a_table_without_columns(core: Any) -> None:
    decoder = core.ArrowDecoder([], [])
    assert decoder.feed([b"\0\0"] * 3) == []
    table = core.ArrowTable(decoder, [decoder.finish()])
    assert (pa.table(table).num_rows, pa.table(table).num_columns) == (3, 0)


def test_types_asked_for_later(core: Any) -> None:
    encoder = core.ArrowEncoder(pa.table({"n": [1, 2]}))
    encoder.ask([INT2])
    assert encoder.columns == [("n", INT2)]
    for wrong in ([DATE], [INT4, INT4]):
        with pytest.raises(PostgresError) as caught:
            encoder.ask(wrong)
        assert caught.value.sqlstate == "42804"
    assert encoder.columns == [("n", INT2)]
    assert bytes(encoder.encode(0, 1_000)[0]) == b"D\0\0\0\x0b\0\1\0\0\0\x011D\0\0\0\x0b\0\1\0\0\0\x012"


def test_types_and_options_of_copy_asked_for_later() -> None:
    encoder = ArrowCopyEncoder(pa.table({"n": [1, None]}))
    assert encoder.columns[0][0] == "n"
    encoder.ask([TEXT], CopyOptions(format="csv", header=True))
    assert encoder.columns == [("n", TEXT)]
    assert b"".join(encoder) == b"n\n1\n\n"
