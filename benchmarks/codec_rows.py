"""By hand: rows and Arrow batches to DataRow messages, native against pure, on the shape most benchmarks use.

Six columns: three int4, a timestamp, a float8 and 500 characters of ASCII. Run with ``python -m benchmarks.codec_rows``; prints the
best time of several calls in microseconds, both implementations taking turns.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa

import pgwire_py._native as native
from pgwire_py import oids
from pgwire_py._impl import pure

TYPES = [oids.INT4, oids.INT4, oids.INT4, oids.TIMESTAMP, oids.FLOAT8, oids.TEXT]
WHOLE = 1 << 30
SECONDS = 0.5

Row = tuple[int, int, int, datetime, float, str]


def make_rows(count: int) -> list[Row]:
    start = datetime(2024, 1, 1)
    return [
        (n, n * 7919 % 1_000_003, -n * 31, start + timedelta(seconds=n * 37.5), n / 7, "x" * 500) for n in range(count)
    ]


def make_table(rows: list[Row]) -> Any:
    kinds = [pa.int32(), pa.int32(), pa.int32(), pa.timestamp("us"), pa.float64(), pa.utf8()]
    columns = zip(*rows, strict=True)
    return pa.table(
        {f"c{n}": pa.array(values, kind) for n, (values, kind) in enumerate(zip(columns, kinds, strict=True))}
    )


def best(call: Callable[[], object]) -> float:
    """Shortest of the calls that fit into half a second, in microseconds."""
    times = []
    end = time.perf_counter() + SECONDS
    while time.perf_counter() < end or not times:
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times) * 1e6


def compare(name: str, make: Callable[[Any], Callable[[], object]]) -> None:
    fast, slow = best(make(native)), best(make(pure))
    print(f"{name:32} native {fast:10.1f} µs   pure {slow:10.1f} µs   ratio {slow / fast:6.1f}")


def main() -> None:
    for count in (5000, 100, 1):
        rows = make_rows(count)
        table = make_table(rows)
        for name, code in (("text", 0), ("binary", 1)):

            def from_rows(core: Any, rows: list[Row] = rows, code: int = code) -> Callable[[], object]:
                encoder = core.RowEncoder(TYPES, [code])
                return lambda: encoder.encode(rows, 0, WHOLE)

            def from_arrow(core: Any, table: Any = table, code: int = code) -> Callable[[], object]:
                return lambda: core.ArrowEncoder(table, [code]).encode(0, WHOLE)

            compare(f"{count} by 6 {name} from tuples", from_rows)
            compare(f"{count} by 6 {name} from Arrow", from_arrow)


if __name__ == "__main__":
    main()
