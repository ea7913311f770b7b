"""The types part: every type of the type table, native against pure: many values to DataRows and back, in both formats."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from pgwire_py import oids

from .errors import BenchmarkError

COUNT = 200
WHOLE = 1 << 30
TEXT, BINARY = 0, 1

SAMPLES = {
    "bool": "t", "int2": "-32768", "int4": "2147483647", "int8": "9223372036854775807", "oid": "4294967295", "xid": "731", "cid": "0",
    "xid8": "18446744073709551615", "tid": "(3,14)", "pg_lsn": "16/B374D848", "pg_snapshot": "10:20:10,14,15",
    "txid_snapshot": "10:20:10,14,15", "int2vector": "1 2 3", "oidvector": "1 2 3",
    "float4": "0.1", "float8": "123.456", "numeric": "-1234.50", "money": "-$1,234.56", "text": "Grüße", "name": "pg_type", "char": "r",
    "xml": "<a/>", "bytea": "\\x00ff00ff00ff00ff", "date": "2024-02-29", "time": "10:11:12.5", "timetz": "10:11:12+02",
    "timestamp": "2024-02-29 10:11:12", "timestamptz": "2024-02-29 10:11:12+00", "interval": "3 days 04:05:06",
    "uuid": "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "json": '{"a": 1}', "jsonb": '{"a": 1}', "jsonpath": '$."a"',
    "inet": "192.168.0.1/24", "cidr": "2001:db8::/32", "macaddr": "08:00:2b:01:02:03", "macaddr8": "08:00:2b:ff:fe:01:02:03",
    "bit": "10110", "varbit": "10110", "point": "(1.5,-2)", "lseg": "[(1,2),(3,4)]", "path": "((1,2),(3,4))", "box": "(3,4),(1,2)",
    "polygon": "((1,2),(3,4),(5,6))", "line": "{1,2,3}", "circle": "<(1,2),3>",
    "int4range": "[1,5)", "int8range": "[1,5)", "numrange": "[1.5,2.5]", "daterange": "[2024-01-01,2024-02-01)",
    "tsrange": '["2024-01-01 00:00:00","2024-02-01 00:00:00")', "tstzrange": '["2024-01-01 00:00:00+00","2024-02-01 00:00:00+00")',
    "int4multirange": "{[1,5),[7,9)}", "int8multirange": "{[1,5),[7,9)}", "nummultirange": "{[1.5,2.5],[3,4]}",
    "datemultirange": "{[2024-01-01,2024-02-01)}", "tsmultirange": '{["2024-01-01 00:00:00","2024-02-01 00:00:00")}',
    "tstzmultirange": '{["2024-01-01 00:00:00+00","2024-02-01 00:00:00+00")}',
    "tsvector": "'cat':3A 'fat':2", "tsquery": "'fat' & 'cat'",
}  # fmt: skip
"""Text of a value; that of the reg* types is a number, that of a row type a row, and that of every other type any text."""


@dataclass(frozen=True)
class TypeOutcome:
    """Of one type, how many times faster native is than pure."""

    name: str
    encode_text: float
    encode_binary: float
    decode_text: float
    decode_binary: float

    @property
    def smallest(self) -> float:
        """The least of the four."""
        return min(self.encode_text, self.encode_binary, self.decode_text, self.decode_binary)


def measure_types(seconds: float) -> list[TypeOutcome]:
    """Every type of the table, ``seconds`` for each of the eight calls of a type.

    Raises:
        BenchmarkError: the native core cannot be loaded.
    """
    try:
        cores = [import_module("pgwire_py._native"), import_module("pgwire_py._impl.pure")]
    except ImportError as error:
        raise BenchmarkError(f"types: {error} (run `make build`)") from error
    outcomes = []
    for oid, info in oids.TYPES.items():
        value = sample(cores[1], oid)
        ratios = []
        for code in (TEXT, BINARY):
            fast, slow = (calls(core, oid, code, value) for core in cores)
            ratios.append(
                [best(theirs, seconds) / best(ours, seconds) for ours, theirs in zip(fast, slow, strict=True)]
            )
        (text_out, text_in), (binary_out, binary_in) = ratios
        outcomes.append(TypeOutcome(info.name, text_out, binary_out, text_in, binary_in))
    return outcomes


def sample(core: Any, oid: int) -> Any:
    """A value of a type; of an array, three of its element's."""
    info = oids.TYPES[oid]
    if info.name not in SAMPLES and info.element_oid:
        return [sample(core, info.element_oid)] * 3
    text = SAMPLES.get(info.name)
    if text is None:
        text = "(1,a)" if oid == oids.RECORD or info.kind == "c" else "1259" if info.name.startswith("reg") else "abc"
    return core.decode_values([oid], [TEXT], [text.encode()])[0]


def calls(core: Any, oid: int, code: int, value: Any) -> list[Callable[[], object]]:
    """Encoding and decoding of many values."""
    encoder, decoder, rows = core.RowEncoder([oid], [code]), core.RowDecoder([oid], [code]), [(value,)] * COUNT
    data = bytes(encoder.encode(rows, 0, WHOLE)[0])
    return [lambda: encoder.encode(rows, 0, WHOLE), lambda: decoder.decode(data)]


def best(call: Callable[[], object], seconds: float) -> float:
    """Shortest of the calls that fit into the time."""
    times = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times) < 3:
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times)
