"""By hand: every scalar type, native against pure: 500 values to DataRows and from parameters, in both formats.

Run with ``python -m benchmarks.codec_types``; prints how many times faster native is, by type, and the smallest of all.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pgwire_py._native as native
from pgwire_py import oids
from pgwire_py._impl import pure

COUNT = 500
WHOLE = 1 << 30
SECONDS = 0.02

SAMPLES = {
    "bool": "t", "int2": "-32768", "int4": "2147483647", "int8": "9223372036854775807", "oid": "4294967295", "xid": "731", "cid": "0",
    "xid8": "18446744073709551615", "regclass": "1259", "tid": "(3,14)", "pg_lsn": "16/B374D848", "pg_snapshot": "10:20:10,14,15",
    "float4": "0.1", "float8": "123.456", "numeric": "-1234.50", "money": "-$1,234.56", "text": "Grüße", "name": "pg_type", "char": "r",
    "xml": "<a/>", "bytea": "\\x00ff00ff00ff00ff", "date": "2024-02-29", "time": "10:11:12.5", "timetz": "10:11:12+02",
    "timestamp": "2024-02-29 10:11:12", "timestamptz": "2024-02-29 10:11:12+00", "interval": "3 days 04:05:06",
    "uuid": "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "json": '{"a": 1}', "jsonb": '{"a": 1}', "jsonpath": '$."a"',
    "inet": "192.168.0.1/24", "cidr": "2001:db8::/32", "macaddr": "08:00:2b:01:02:03", "macaddr8": "08:00:2b:ff:fe:01:02:03",
}  # fmt: skip


def calls(core: Any, oid: int, code: int, text: bytes) -> list[Callable[[], object]]:
    """Encoding and decoding of many values."""
    (value,) = core.decode_values([oid], [0], [text])
    data = core.encode_value(oid, code, value)
    encoder, rows = core.RowEncoder([oid], [code]), [(value,)] * COUNT
    types, parameters = [oid] * COUNT, [data] * COUNT
    return [lambda: encoder.encode(rows, 0, WHOLE), lambda: core.decode_values(types, [code], parameters)]


def best(call: Callable[[], object]) -> float:
    """Shortest of the calls that fit into the time."""
    times = []
    end = time.perf_counter() + SECONDS
    while time.perf_counter() < end or len(times) < 3:
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times)


def main() -> None:
    by_name = {info.name: oid for oid, info in oids.TYPES.items()}
    smallest = []
    print(f"{'type':12} encode text  binary  decode text  binary")
    for name, text in SAMPLES.items():
        ratios = []
        for code in (0, 1):
            pairs = zip(*(calls(core, by_name[name], code, text.encode()) for core in (native, pure)), strict=True)
            ratios.append([best(slow) / best(fast) for fast, slow in pairs])
        ((text_out, text_in), (binary_out, binary_in)) = ratios
        print(f"{name:12} {text_out:11.1f} {binary_out:7.1f} {text_in:12.1f} {binary_in:7.1f}")
        smallest.append((min(text_out, binary_out, text_in, binary_in), name))
    print("smallest: {:.2f} ({})".format(*min(smallest)))


if __name__ == "__main__":
    main()
