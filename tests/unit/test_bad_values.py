"""Every type and values that are none of its: an error with place, type and a short look at the value, and never another exception."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from pgwire_py import oids
from pgwire_py.errors import PostgresError
from pgwire_py.values import Range

WHOLE = 1 << 20
STATES = {"08P01", "22000", "22001", "22003", "22007", "22008", "22009", "22015", "22021", "22023", "22026", "22P02", "22P03", "22P05",
    "2202E", "42601", "42602", "42622", "42804", "54000", "54001", "0A000"}  # fmt: skip
LONGEST = 400
"""Characters of a message or of its context."""


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


def cyclic() -> list[Any]:
    value: list[Any] = []
    value.append(value)
    return value


OBJECTS = [
    object(), 10**100, -(10**4000), 1.5, float("nan"), float("inf"), Decimal("1e200000"), Decimal("-0.5"), True, "", "\0", "\ud800",
    "x" * 100_000, "{" * 100_000, b"", b"\xff" * 3, b"\0" * 100_000, (), (1,), (1, 2, 3, 4), ("a", object()), [[1], [1, 2]], [1, [2]],
    [object()], nested(7), nested(100), nested(100_000), cyclic(), {}, {1: object()}, {1, 2}, Range(1, 5), Range("a", "b"), type, len, ...,
]  # fmt: skip
WORD = b"\x7f\xff\xff\xff"
BYTES = [
    b"", b"\0", b"\xff", b"\xff" * 3, b"\0" * 5, b"\xff" * 16, b"\0" * 100, b"\xff" * 10_000, b"x" * 100_000, b"(" * 100_000,
    b"{" * 100_000, b"[" * 100_000, b"1e999999999", b"9" * 400,
    # Arrays: many dimensions, lengths whose product is beyond every bound, a length that lies, bounds that overflow.
    b"\0\0\0\7" + b"\0" * 8, b"\0\0\0\6" + b"\0" * 8 + (WORD + b"\0\0\0\1") * 6, b"\0\0\0\2" + b"\0" * 8 + b"\0\1\0\0\0\0\0\1" * 2,
    b"\0\0\0\1" + b"\0" * 8 + WORD + b"\0\0\0\1", b"\0\0\0\1" + b"\0" * 8 + b"\0\0\0\2" + WORD, WORD * 4,
]  # fmt: skip


def check(error: PostgresError, place: str, name: str) -> None:
    assert error.sqlstate in STATES, (error.sqlstate, error.message)
    assert len(error.message) <= LONGEST
    where = error.where
    assert where is not None
    assert where.startswith(f"{place}, type {name}, value "), where
    assert len(where) <= LONGEST


@pytest.mark.parametrize("oid", oids.TYPES, ids=lambda oid: oids.TYPES[oid].name)
def test_encoding(core: Any, oid: int) -> None:
    name = oids.TYPES[oid].name
    for code in (0, 1):
        encoder = core.RowEncoder([oids.INT4, oid], [code])
        for number, value in enumerate(OBJECTS):
            try:
                encoder.encode([(1, None), (1, value)], 0, WHOLE)
            except PostgresError as error:
                check(error, "row 1, column 2", name)
            except (TypeError, ValueError, RecursionError) as error:
                pytest.fail(f"object {number} of type {type(value).__name__}: {error!r}")


@pytest.mark.parametrize("oid", oids.TYPES, ids=lambda oid: oids.TYPES[oid].name)
def test_decoding(core: Any, oid: int) -> None:
    name = oids.TYPES[oid].name
    for code in (0, 1):
        decoder = core.RowDecoder([oids.INT4, oid], [code])
        for data in BYTES:
            body = b"\0\2" + b"\xff" * 4 + len(data).to_bytes(4, "big") + data
            try:
                decoder.decode([body])
            except PostgresError as error:
                check(error, "row 0, column 2", name)
            try:
                core.decode_values([oid], [code], [data])
            except PostgresError as error:
                check(error, "parameter $1", name)
