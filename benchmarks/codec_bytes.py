"""Time of the bytes layer, native and pure, and their ratio. Run by hand on a quiet machine: ``python benchmarks/codec_bytes.py``."""

from __future__ import annotations

import timeit
from collections.abc import Callable
from typing import Any

from pgwire_py import _native
from pgwire_py import messages as m
from pgwire_py._impl import pure

EXTENDED = [
    m.Parse("", "select id, name from users where id = $1 and name = $2", (23, 25)),
    m.Bind("", "", (1, 0), (b"\0\0\0\1", b"x"), (1,)),
    m.Describe("P", ""),
    m.Execute("", 0),
    m.Sync(),
]
ANSWER = [
    m.ParseComplete(),
    m.BindComplete(),
    m.RowDescription((m.FieldDescription("id", 0, 0, 23, 4, -1, 1), m.FieldDescription("name", 0, 0, 25, -1, -1, 1))),
    m.CommandComplete("SELECT 1"),
    m.ReadyForQuery("I"),
]
SQL = "select id, name from users where id = $1 and name = 'abc' --"


def cases(core: Any) -> dict[str, Callable[[], object]]:
    """What is timed, by name."""
    decoder = core.FrontendDecoder(max_message_length=2**30)
    decoder.startup = False
    five = b"".join(map(core.encode_message, EXTENDED))
    query = core.encode_message(m.Query("select 1"))
    copy = core.encode_message(m.CopyData(b"x" * 100)) * 500
    large = core.encode_message(m.Query("x" * 1_000_000))
    chunks = [large[start : start + 4_096] for start in range(0, len(large), 4_096)]
    return {
        "decode Parse Bind Describe Execute Sync": lambda: decoder.feed(five),
        "decode Query": lambda: decoder.feed(query),
        "decode 500 CopyData of 100 bytes": lambda: decoder.feed(copy),
        "decode Query of 1 MB in chunks of 4 kB": lambda: list(map(decoder.feed, chunks)),
        "encode Parse Bind Describe Execute Sync": lambda: list(map(core.encode_message, EXTENDED)),
        "encode an answer of 5 messages": lambda: list(map(core.encode_message, ANSWER)),
        "split a query of 60 characters": lambda: core.split_statements(SQL),
        "tokenize a query of 60 characters": lambda: core.tokenize(SQL),
    }


def microseconds(function: Callable[[], object]) -> float:
    """Time of one call, the best of several runs."""
    timer = timeit.Timer(function)
    number, _ = timer.autorange()
    return min(timer.repeat(7, max(number // 4, 1))) / max(number // 4, 1) * 1e6


def main() -> None:
    """Print one line per case."""
    native, other = cases(_native), cases(pure)
    print(f"{'':42}{'native µs':>10}{'pure µs':>10}{'ratio':>8}")
    for name, function in native.items():
        fast, slow = microseconds(function), microseconds(other[name])
        print(f"{name:42}{fast:10.2f}{slow:10.2f}{slow / fast:8.1f}")


if __name__ == "__main__":
    main()
