"""Native and pure read the same rows, or find the same fault, in any COPY data in any chunking; and write the same data."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pgwire_py import oids
from pgwire_py.copy import CopyEncoder, CopyOptions
from tests.support.copy_strategies import COLUMNS, DATA, FIELDS, options, readable
from tests.support.copying import decode, implementation, outcome

IMPLEMENTATIONS = ("native", "pure")

SIZES = st.lists(st.integers(1, 9), min_size=1, max_size=4)
WIDTHS = st.integers(0, 3)
TYPES = (oids.INT4, oids.TEXT, oids.NUMERIC)


def everywhere(data: bytes, chosen: CopyOptions, width: int, sizes: list[int], **more: Any) -> Any:
    """The one outcome of both implementations, fed whole and in pieces."""
    outcomes = []
    for name in IMPLEMENTATIONS:
        with implementation(name):
            outcomes += [decode(data, chosen, COLUMNS[:width], sizes=some, **more) for some in ((), sizes, (1,))]
    assert all(repr(found) == repr(outcomes[0]) for found in outcomes)
    return outcomes[0]


@given(st.data(), WIDTHS, DATA | st.binary(max_size=60), SIZES, st.sampled_from([7, 1 << 20]))
def test_any_lines(data: Any, width: int, content: bytes, sizes: list[int], max_row: int) -> None:
    chosen = data.draw(options("FROM", max(width, 1)))
    if width or not (chosen.force_null or chosen.force_not_null):
        everywhere(content, chosen, width, sizes, max_row=max_row, without_default=COLUMNS[2:width])
        everywhere(content, chosen, width, sizes, max_row=max_row, types=TYPES[:width])


@given(st.data(), st.integers(1, 3), SIZES)
def test_what_was_written_is_read(data: Any, width: int, sizes: list[int]) -> None:
    chosen = data.draw(options("TO", width, ("text", "csv")) | st.just(CopyOptions("binary")))
    rows = data.draw(st.lists(st.tuples(*[FIELDS] * width), max_size=5))
    written = []
    for name in IMPLEMENTATIONS:
        with implementation(name):
            encoder = CopyEncoder(COLUMNS[:width], chosen)
            written.append(bytes(encoder.encode(rows)) + encoder.finish())
    assert written[0] == written[1]
    back = CopyOptions(
        chosen.format,
        *(chosen.delimiter, chosen.null, None, chosen.header, chosen.quote, chosen.escape),
        encoding=chosen.encoding,
        legacy_end=chosen.legacy_end,
    )
    assert everywhere(written[0], back, width, sizes) == readable(rows, chosen)


@given(st.lists(st.tuples(FIELDS, FIELDS), max_size=4), st.data(), SIZES)
def test_binary_that_was_changed(rows: list[tuple[bytes | None, ...]], data: Any, sizes: list[int]) -> None:
    chosen = CopyOptions("binary")
    encoder = CopyEncoder(COLUMNS[:2], chosen)
    content = bytes(encoder.encode(rows)) + encoder.finish()
    position = data.draw(st.integers(0, len(content)))
    length = data.draw(st.integers(0, 3))
    changed = content[:position] + data.draw(st.binary(max_size=3)) + content[position + length :]
    everywhere(changed, chosen, 2, sizes)
    everywhere(changed, chosen, 2, sizes, max_row=30, types=(oids.TEXT, oids.BYTEA))
    everywhere(content[:position], chosen, 2, sizes)


VALUES = (
    st.none() | st.integers() | st.text(max_size=5) | st.floats() | st.binary(max_size=5) | st.booleans() | st.dates()
)


@given(st.data(), st.lists(st.lists(VALUES, min_size=2, max_size=3), max_size=4), st.sampled_from([12, 1 << 20]))
def test_any_values(data: Any, rows: list[list[Any]], max_row: int) -> None:
    chosen = data.draw(options("TO", 2) | st.just(CopyOptions("binary")))
    for types in (None, *[data.draw(st.tuples(*[st.sampled_from([*oids.TYPES, 0])] * 2))]):
        outcomes = []
        for name in IMPLEMENTATIONS:
            with implementation(name):
                encoder = CopyEncoder(COLUMNS[:2], chosen, types=types, max_row=max_row)
                outcomes.append(outcome(lambda encoder=encoder: bytes(encoder.encode(rows))))
        assert outcomes[0] == outcomes[1]
