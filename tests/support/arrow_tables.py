"""Arrow tables of every type, drawn by hypothesis: with nulls, slices, chunks, dictionaries, runs and nesting."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pyarrow as pa
from hypothesis import strategies as st

Draw = Callable[[st.SearchStrategy[Any]], Any]

TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
BYTES = st.binary(max_size=20)


def integers(bits: int, signed: bool = True) -> st.SearchStrategy[int]:
    """All integers of a width."""
    return st.integers(-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else st.integers(0, (1 << bits) - 1)


def decimals(digits: int, scale: int) -> st.SearchStrategy[Decimal]:
    """All decimals of a precision and scale."""
    most = 10**digits - 1
    return st.integers(-most, most).map(lambda value: Decimal((value < 0, tuple(map(int, str(abs(value)))), -scale)))


def times(unit: str) -> st.SearchStrategy[int]:
    """Ticks of a day."""
    return st.integers(0, 86_400 * {"s": 1, "ms": 1000, "us": 10**6, "ns": 10**9}[unit])


def stamps(unit: str) -> st.SearchStrategy[int]:
    """Ticks from year 1 to 9999, in nanoseconds as far as they reach."""
    ticks = {"s": 1, "ms": 1000, "us": 10**6, "ns": 10**9}[unit]
    low, high = max(-62_135_596_800 * ticks, -(2**63) + 2), min(253_402_300_799 * ticks, 2**63 - 2)
    return st.integers(low, high)


INTERVALS = st.tuples(
    st.integers(-100_000, 100_000),
    st.integers(-100_000, 100_000),
    st.integers(-(10**15), 10**15).map(lambda micros: micros * 1000),
)

SCALARS: list[tuple[pa.DataType, st.SearchStrategy[Any]]] = [
    (pa.bool_(), st.booleans()),
    *((getattr(pa, f"int{bits}")(), integers(bits)) for bits in (8, 16, 32, 64)),
    *((getattr(pa, f"uint{bits}")(), integers(bits, False)) for bits in (8, 16, 32, 64)),
    (pa.float16(), st.floats(width=16)),
    (pa.float32(), st.floats(width=32)),
    (pa.float64(), st.floats()),
    (pa.decimal32(9, 2), decimals(9, 2)),
    (pa.decimal64(18, 0), decimals(18, 0)),
    (pa.decimal128(38, 10), decimals(38, 10)),
    (pa.decimal128(12, 3), decimals(12, 3)),
    (pa.decimal128(5, -3), decimals(5, -3)),
    (pa.decimal256(76, 38), decimals(76, 38)),
    (pa.utf8(), TEXTS),
    (pa.large_utf8(), TEXTS),
    (pa.string_view(), TEXTS),
    (pa.binary(), BYTES),
    (pa.large_binary(), BYTES),
    (pa.binary_view(), BYTES),
    (pa.binary(3), st.binary(min_size=3, max_size=3)),
    (pa.date32(), st.dates()),
    (pa.date64(), st.dates()),
    (pa.time32("s"), times("s")),
    (pa.time32("ms"), times("ms")),
    (pa.time64("us"), times("us")),
    (pa.time64("ns"), times("ns")),
    *((pa.timestamp(unit), stamps(unit)) for unit in ("s", "ms", "us", "ns")),
    *((pa.timestamp(unit, "Europe/Berlin"), stamps(unit)) for unit in ("s", "us", "ns")),
    (pa.duration("s"), st.integers(-(10**9), 10**9)),
    (pa.duration("ms"), st.integers(-(10**12), 10**12)),
    (pa.duration("us"), integers(53)),
    (pa.duration("ns"), integers(64)),
    (pa.month_day_nano_interval(), INTERVALS),
    (pa.null(), st.none()),
]


def column(values: list[Any], kind: pa.DataType) -> Any:
    """An array of values as Python has them, or as counts of ticks."""
    if pa.types.is_date(kind):
        return pa.array(values, kind)
    if pa.types.is_temporal(kind) and not pa.types.is_interval(kind):
        width = 32 if pa.types.is_time32(kind) else 64
        return pa.array(values, pa.int32() if width == 32 else pa.int64()).view(kind)
    if pa.types.is_float16(kind):
        import numpy as np

        return pa.array([None if value is None else np.float16(value) for value in values], kind)
    return pa.array(values, kind)


def scalars(draw: Draw, size: int, kinds: list[tuple[pa.DataType, st.SearchStrategy[Any]]] | None = None) -> Any:
    """A column of a scalar type, with nulls."""
    kind, values = draw(st.sampled_from(kinds or SCALARS))
    drawn = draw(st.lists(st.none() | values, min_size=size, max_size=size))
    return column(drawn, kind)


@st.composite
def columns(draw: Draw, size: int, depth: int = 2) -> Any:
    """A column of any type."""
    shape = draw(st.sampled_from(SHAPES if depth else ["scalar"]))
    if shape == "scalar":
        return scalars(draw, size)
    count = draw(st.integers(1, 6))
    if shape == "dictionary":
        values = draw(columns(count, 0))
        keys = draw(st.lists(st.none() | st.integers(0, count - 1), min_size=size, max_size=size))
        key = draw(st.sampled_from([pa.int8(), pa.uint16(), pa.int32(), pa.uint64(), pa.int64()]))
        return pa.DictionaryArray.from_arrays(pa.array(keys, key), values)
    if shape == "runs":
        ends = sorted(draw(st.sets(st.integers(1, max(size - 1, 1)), max_size=4)) | {max(size, 1)})
        kind = draw(st.sampled_from([pa.int16(), pa.int32(), pa.int64()]))
        values = draw(columns(len(ends), depth - 1))
        return pa.RunEndEncodedArray.from_arrays(pa.array(ends, kind), values)[:size]
    if shape == "struct":
        names = draw(st.lists(st.sampled_from(["a", "b", 'c"'] * 2), min_size=1, max_size=3))
        children = [draw(columns(size, depth - 1)) for _ in names]
        return pa.StructArray.from_arrays(children, names, mask=mask(draw, size))
    if shape == "fixed list":
        return pa.FixedSizeListArray.from_arrays(draw(columns(size * 2, depth - 1)), 2, mask=mask(draw, size))
    lengths = draw(st.lists(st.integers(0, 3), min_size=size, max_size=size))
    offsets = [sum(lengths[:index]) for index in range(size + 1)]
    if shape == "map":
        kind, values = draw(
            st.sampled_from([(pa.utf8(), TEXTS), (pa.int32(), integers(32)), (pa.date32(), st.dates())])
        )
        keys = column(draw(st.lists(values, min_size=offsets[-1], max_size=offsets[-1])), kind)
        return pa.MapArray.from_arrays(pa.array(offsets, pa.int32()), keys, draw(columns(offsets[-1], depth - 1)))
    items = draw(columns(offsets[-1], depth - 1))
    if shape == "list":
        return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), items, mask=mask(draw, size))
    if shape == "large list":
        return pa.LargeListArray.from_arrays(pa.array(offsets, pa.int64()), items, mask=mask(draw, size))
    order = draw(st.permutations(range(size)))
    starts, sizes = [offsets[at] for at in order], [lengths[at] for at in order]
    if shape == "list view":
        return pa.ListViewArray.from_arrays(
            pa.array(starts, pa.int32()), pa.array(sizes, pa.int32()), items, mask=mask(draw, size)
        )
    return pa.LargeListViewArray.from_arrays(pa.array(starts, pa.int64()), pa.array(sizes, pa.int64()), items)


def mask(draw: Draw, size: int) -> Any:
    """Which rows are null."""
    return pa.array(draw(st.lists(st.booleans(), min_size=size, max_size=size)), pa.bool_())


SHAPES = ["scalar"] * 3 + [
    "dictionary",
    "runs",
    "struct",
    "list",
    "large list",
    "fixed list",
    "list view",
    "large list view",
    "map",
]


@st.composite
def tables(draw: Draw) -> pa.Table:
    """A table of up to three columns, in slices of up to two batches."""
    size = draw(st.integers(0, 6))
    made = [draw(columns(size)) for _ in range(draw(st.integers(0, 3)))]
    names = [f"c{number}" for number in range(len(made))]
    batch = pa.record_batch(made, names) if made else pa.record_batch([], pa.schema([]))
    start = draw(st.integers(0, size))
    batches = [batch.slice(start, draw(st.integers(0, size))), batch]
    return pa.Table.from_batches(batches, batch.schema)
