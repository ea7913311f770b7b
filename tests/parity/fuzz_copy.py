"""COPY data for the fuzzer: a byte that chooses options and columns, and the data; begun with what PostgreSQL was asked."""

from __future__ import annotations

import json
import re
from collections.abc import Hashable, Iterable, Sequence
from functools import cache
from random import Random
from typing import Any

from pgwire_py import oids
from pgwire_py._impl.interface import CopyPlan
from pgwire_py.copy import CopyOptions
from pgwire_py.errors import PostgresError
from tests.vectors import load

from .mutations import LARGEST, damaged

SEPARATORS = (b"\n", b"\r", b"\r\n", b"\t", b",", b"\\", b"\\.\n", b'"', b"'", b"\\N", b"\xff\xff")
TYPES = (oids.TEXT, oids.INT4, oids.BYTEA)


@cache
def _plans() -> Sequence[CopyPlan]:
    """Every choice of options and columns of the vectors."""
    chosen = {json.dumps([vector["options"], vector["columns"]]): vector for vector in load("decode", "copy.json")}
    return tuple(CopyOptions(**vector["options"]).plan(vector["columns"], "FROM") for vector in chosen.values())


@cache
def seeds() -> Sequence[bytes]:
    plans = {plan: number for number, plan in enumerate(_plans())}
    assert len(plans) <= 256
    found = {}
    for vector in load("decode", "copy.json"):
        number = plans[CopyOptions(**vector["options"]).plan(vector["columns"], "FROM")]
        found[bytes([number]) + vector["data"].encode("latin-1")] = None
    return tuple(found)


def mutate(data: bytes, other: bytes, dice: Random) -> bytes:
    kind = dice.random()
    if kind < 0.1:  # the same data with other options
        return other[:1] + data[1:]
    if kind < 0.25:
        return (data + other[1:])[:LARGEST]
    if kind < 0.6:
        at = dice.randint(1, len(data))
        return (data[:at] + dice.choice(SEPARATORS) + data[at + dice.choice((0, 0, 1)) :])[:LARGEST]
    return data[:1] + damaged(data[1:], dice)


def run(core: Any, data: bytes, settings: Random, chunks: Random) -> Any:
    plans = _plans()
    plan = plans[data[0] % len(plans)] if data else plans[0]
    types = tuple(settings.choice(TYPES) for _ in plan.columns) if settings.random() < 0.3 else None
    decoder = core.CopyDecoder(plan._replace(types=types, max_row=settings.choice((1 << 30, 1 << 30, 20))))
    largest = chunks.choice((1, 3, 11, 100, LARGEST))
    rows: list[Any] = []
    position = 1
    try:
        while position < len(data):
            size = chunks.randint(1, largest)
            rows += decoder.feed(data[position : position + size])
            position += size
        rows += decoder.finish()
    except PostgresError as error:
        return type(error).__name__, error.response_fields()
    encoder = core.CopyEncoder(plan._replace(types=types, header="none"))
    try:
        written = bytes(encoder.encode([row for row in rows if all(_plain(field) for field in row)], 0, 1 << 30)[0])
    except PostgresError as error:
        return rows, decoder.ended, error.response_fields()
    return rows, decoder.ended, written + encoder.finish()


def _plain(field: object) -> bool:
    """Whether an encoder takes it: DEFAULT is for decoders alone."""
    return field is None or isinstance(field, (bytes, str, int))


def features(outcome: Any) -> Iterable[Hashable]:
    if isinstance(outcome[0], str):
        fields = outcome[1]
        yield re.sub(r'".*"|0x\w+|\d+', "…", fields["M"], flags=re.DOTALL), ", column" in fields.get("W", "")
        return
    rows, ended, _ = outcome
    yield min(len(rows), 5), ended
    yield from {tuple(type(field).__name__ for field in row) for row in rows}
