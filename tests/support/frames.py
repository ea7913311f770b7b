"""Tables that the tests of engines over frames serve, and what clients are to see of them."""

from __future__ import annotations

from datetime import datetime, timezone
from decimal import Decimal

import pyarrow as pa

from .hosted import Hosted

MOMENT = datetime(2020, 2, 29, 12, 30, 15, 123456)
AWARE = MOMENT.replace(tzinfo=timezone.utc)
TYPES = pa.table(
    {
        "small": pa.array([1, None], pa.int16()),
        "id": pa.array([-2, None], pa.int32()),
        "big": pa.array([2**62, None], pa.int64()),
        "huge": pa.array([2**64 - 1, None], pa.uint64()),
        "single": pa.array([0.5, None], pa.float32()),
        "f": pa.array([1e300, None], pa.float64()),
        "price": pa.array([Decimal("12.50"), None], pa.decimal128(10, 2)),
        "name": pa.array(["it's ü", None], pa.string()),
        "raw": pa.array([b"\x00\xff", None], pa.binary()),
        "ok": pa.array([True, None], pa.bool_()),
        "day": pa.array([MOMENT.date(), None], pa.date32()),
        "at": pa.array([MOMENT, None], pa.timestamp("us")),
        "zoned": pa.array([AWARE, None], pa.timestamp("us", "UTC")),
        "tags": pa.array([["x", None], None], pa.list_(pa.string())),
    }
)
FIRST = tuple(TYPES.column(name)[0].as_py() for name in TYPES.column_names)
CODES = [21, 23, 20, 1700, 700, 701, 1700, 25, 17, 16, 1082, 1114, 1184, 1009]
HOSTILE = "it's'; drop table people; -- \\' $1 \"/*"


def people() -> pa.Table:
    return pa.table({"id": pa.array([1, 2, 3], pa.int64()), "name": ["Ada", None, "Bob"]})


def dsn_of(server: Hosted) -> str:
    return f"postgresql://postgres@127.0.0.1:{server.server.port}/data"
