"""Replication payloads: native and pure give the same value or the same error, for any object and any bytes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgwire_py import _native
from pgwire_py._impl import pure
from pgwire_py.errors import LocalProtocolError, RemoteProtocolError
from pgwire_py.messages import replication as r
from tests.vectors import replication as vectors

STREAMS = ["primary", "standby", "base_backup"]
PAYLOADS = vectors.load("payloads")
CLASSES = [getattr(r, name) for name in r.__all__ if isinstance(getattr(r, name), type)]
NONSENSE = st.none() | st.text(max_size=5) | st.binary(max_size=5) | st.integers() | st.booleans() | st.floats()
BY_TYPE: dict[str, st.SearchStrategy[Any]] = {
    "int": st.integers(0, 2**32 - 1) | st.integers(-(2**65), 2**65),
    "bool": st.booleans(),
    "str": st.text(max_size=20),
    "bytes": st.binary(max_size=100),
}


def _strategy(cls: type[Any]) -> st.SearchStrategy[Any]:
    fields = {field.name: st.one_of([BY_TYPE[str(field.type)]] * 6 + [NONSENSE]) for field in dataclasses.fields(cls)}
    return st.builds(cls, **fields)


def _outcome(function: Callable[..., Any], *arguments: Any) -> Any:
    try:
        found = function(*arguments)
    except LocalProtocolError as error:
        return str(error)
    except RemoteProtocolError as error:
        return error, repr(error)
    return found, repr(found)


@given(st.one_of([_strategy(cls) for cls in CLASSES]))
def test_encoding(payload: object) -> None:
    assert _outcome(_native.encode_replication, payload) == _outcome(pure.encode_replication, payload)


@given(st.data())
def test_mutated_captures(data: st.DataObject) -> None:
    raw = bytearray(bytes.fromhex(data.draw(st.sampled_from(PAYLOADS))["hex"]))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, min(len(raw), 40)))
        raw[at : at + data.draw(st.integers(0, 9))] = data.draw(st.binary(max_size=9))
    for stream in STREAMS:
        _same(bytes(raw), stream)


@pytest.mark.parametrize("vector", PAYLOADS, ids=lambda vector: vector["name"])
def test_every_truncated_or_longer_payload(vector: dict[str, Any]) -> None:
    raw = bytes.fromhex(vector["hex"])
    for size in range(min(len(raw), 100) + 1):
        _same(raw[:size], vector["stream"])
    _same(raw + b"\0", vector["stream"])
    _same(raw + b"\xff", vector["stream"])


@given(st.sampled_from(STREAMS), st.sampled_from(b"wkrhnmdp"), st.binary(max_size=40))
def test_hostile_bytes(stream: str, tag: int, body: bytes) -> None:
    _same(bytes([tag]) + body, stream)


def _same(raw: bytes, stream: str) -> None:
    """What is accepted is also encoded again, into the same bytes but for a flag that is neither 0 nor 1."""
    native = _outcome(_native.decode_replication, raw, stream)
    assert native == _outcome(pure.decode_replication, raw, stream)
    payload = native[0]
    if not isinstance(payload, RemoteProtocolError):
        again = pure.encode_replication(payload)
        assert again == (raw[:-1] + b"\1" if getattr(payload, "reply_requested", False) else raw)
        assert again == _native.encode_replication(payload)
