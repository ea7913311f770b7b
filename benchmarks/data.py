"""What every server answers: the same rows, from wherever that server takes its rows.

Nothing here imports more than the standard library, because peers run it in their own environments.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from decimal import Decimal

ROWS = 5_000
EPOCH = datetime(2004, 10, 19, 10, 23, 54)
NOTE = "0123456789abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLM" * 10

SELECT_1 = "SELECT 1"
SELECT_ROWS = "select * from bench_rows"
SELECT_ARROW = "select * from bench_arrow"
SELECT_STREAM = "select * from bench_stream"

COLUMNS = (
    ("a", "int4"),
    ("b", "int4"),
    ("c", "int4"),
    ("made", "timestamp"),
    ("weight", "float8"),
    ("note", "text"),
)

Row = tuple[int, int, int, datetime, float, str]


def make_rows(count: int = ROWS) -> list[Row]:
    """The rows of bench_rows: ``count`` x 6, about 600 bytes each on the wire."""
    return [(i, i * 7, -i, EPOCH + timedelta(seconds=i), i * 0.1, NOTE) for i in range(1, count + 1)]


def make_mixed_rows(count: int) -> list[tuple[int, int, float, str, datetime, bool, Decimal]]:
    """Rows of int4, int8, float8, text, timestamptz, bool and numeric, every one different."""
    start = EPOCH.replace(tzinfo=timezone.utc)
    return [
        (i, i << 33, i / 7, f"text {i}", start + timedelta(seconds=i * 37.123457), i % 2 == 0, Decimal(i * 7919) / 1000)
        for i in range(count)
    ]


def stream_rows(count: int) -> Iterator[tuple[int, int, int]]:
    """The rows of bench_stream: ``count`` x 3, about 30 bytes each on the wire, made while they are read."""
    for i in range(count):
        yield i, 7, 8


def postgres_setup(stream: int) -> str:
    """SQL that gives a PostgreSQL database the same content."""
    return f"""
create table bench_rows as
    select i as a, i * 7 as b, -i as c, timestamp '{EPOCH}' + i * interval '1 second' as made,
           i * 0.1::float8 as weight, '{NOTE}'::text as note
    from generate_series(1, {ROWS}) as i;
create view bench_stream as select generate_series(0, {stream - 1}) as a, 7 as b, 8 as c;
vacuum analyze bench_rows;
"""


def duckdb_setup(stream: int) -> str:
    """SQL that gives a DuckDB database the same content."""
    return f"""
create table bench_rows as
    select i::int4 as a, (i * 7)::int4 as b, (-i)::int4 as c,
           timestamp '{EPOCH}' + to_seconds(i) as made, i * 0.1::float8 as weight, '{NOTE}' as note
    from range(1, {ROWS + 1}) as numbers(i);
create view bench_stream as select i::int4 as a, 7::int4 as b, 8::int4 as c from range({stream}) as numbers(i);
"""
