"""Replication payloads ⇄ bytes: the vectors, what cannot be encoded, LSNs and times, and the reference."""

from __future__ import annotations

import dataclasses
import pickle
import re
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from pgwire_py.errors import LocalProtocolError, RemoteProtocolError
from pgwire_py.messages import CopyData
from pgwire_py.messages import replication as r
from tests.vectors import replication as vectors

CLASSES = {name for name in r.__all__ if isinstance(getattr(r, name), type)}
PAYLOADS = vectors.load("payloads")
REFERENCE = Path(__file__).parents[2] / "docs" / "reference" / "messages.md"


@pytest.mark.parametrize("vector", PAYLOADS, ids=lambda vector: vector["name"])
def test_payload(core: Any, vector: dict[str, Any]) -> None:
    raw, expected = bytes.fromhex(vector["hex"]), vectors.payload(vector)
    found = core.decode_replication(raw, vector["stream"])
    assert found == expected
    assert type(found) is type(expected)
    assert repr(found) == repr(expected)
    assert pickle.loads(pickle.dumps(found)) == expected
    for field in dataclasses.fields(found):
        assert type(getattr(found, field.name)) is type(getattr(expected, field.name))
    assert core.encode_replication(expected) == raw


@pytest.mark.parametrize("vector", vectors.load("errors"), ids=lambda vector: f"{vector['stream']}-{vector['hex']}")
def test_malformed_payload(core: Any, vector: dict[str, Any]) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        core.decode_replication(bytes.fromhex(vector["hex"]), vector["stream"])
    assert caught.value == RemoteProtocolError(
        vector["message"], vector["sqlstate"], False, vector["tag"], vector["message_name"], vector["offset"]
    )


def test_every_class_is_captured() -> None:
    assert {vector["class"] for vector in PAYLOADS} == CLASSES


def test_every_class_is_in_the_reference() -> None:
    """Class, tag, stream and the name of a vector, one row each."""
    names = {vector["name"]: vector for vector in PAYLOADS}
    rows = re.findall(r"^\| `(\w+)` \| `(.)` \| `(\w+)` \| `([\w/]+)` \|$", REFERENCE.read_text(), re.MULTILINE)
    assert sorted(name for name, *_ in rows) == sorted(CLASSES)
    for name, tag, stream, vector in rows:
        found = names[vector]
        assert (found["class"], chr(int(found["hex"][:2], 16)), found["stream"]) == (name, tag, stream)


def test_a_tag_belongs_to_one_stream(core: Any) -> None:
    """A tag alone: the payload where it needs no more, an error within the payload in its stream, and no payload in the others."""
    known = {(vector["stream"], int(vector["hex"][:2], 16)) for vector in PAYLOADS}
    assert len({tag for _, tag in known}) == len(known) == len(CLASSES)
    whole = {ord("m"): r.ManifestStart(), ord("d"): r.ArchiveData(b"")}
    for stream in ("primary", "standby", "base_backup"):
        for tag in range(256):
            if (stream, tag) in known and tag in whole:
                assert core.decode_replication(bytes([tag]), stream) == whole[tag]
                continue
            with pytest.raises(RemoteProtocolError) as caught:
                core.decode_replication(bytes([tag]), stream)
            assert (caught.value.message_name in CLASSES) == ((stream, tag) in known)
            assert caught.value.offset == (1 if (stream, tag) in known else 0)
            assert caught.value.tag == chr(tag)


def test_any_byte_but_zero_requests_a_reply(core: Any) -> None:
    for byte in range(256):
        raw = b"k" + bytes(16) + bytes([byte])
        assert core.decode_replication(raw, "primary") == r.PrimaryKeepalive(0, 0, byte != 0)


def test_extreme_values(core: Any) -> None:
    largest = 2**64 - 1
    for payload, stream in (
        (r.XLogData(largest, largest, -(2**63), bytes(100_000)), "primary"),
        (r.PrimaryKeepalive(0, 2**63 - 1, True), "primary"),
        (r.StandbyStatusUpdate(largest, 0, largest, -1, True), "standby"),
        (r.HotStandbyFeedback(0, 2**32 - 1, 0, 2**32 - 1, 2**32 - 1), "standby"),
        (r.NewArchive("é" * 1000, "/"), "base_backup"),
        (r.ProgressReport(-(2**63)), "base_backup"),
    ):
        raw = core.encode_replication(payload)
        assert core.decode_replication(bytearray(raw), stream) == payload
        assert core.decode_replication(memoryview(raw), stream) == payload


@pytest.mark.parametrize(
    ("payload", "text"),
    [
        (r.XLogData(-1, 0, 0, b""), "XLogData: an integer does not fit UInt64"),
        (r.XLogData(0, 2**64, 0, b""), "XLogData: an integer does not fit UInt64"),
        (r.XLogData(0, 0, 2**63, b""), "XLogData: an integer does not fit Int64"),
        (r.XLogData(0, 0, 0, "x"), "XLogData: expected bytes, not str"),  # type: ignore[arg-type]
        (r.XLogData("0/0", 0, 0, b""), "XLogData: expected int, not str"),  # type: ignore[arg-type]
        (r.PrimaryKeepalive(0, 0, 1), "PrimaryKeepalive: expected bool, not int"),  # type: ignore[arg-type]
        (r.StandbyStatusUpdate(0, 0, 10**40, 0), "StandbyStatusUpdate: an integer does not fit UInt64"),
        (r.HotStandbyFeedback(0, 2**32, 0, 0, 0), "HotStandbyFeedback: an integer does not fit UInt32"),
        (r.HotStandbyFeedback(0, 0, 0, 0, -1), "HotStandbyFeedback: an integer does not fit UInt32"),
        (r.NewArchive("a\0"), "NewArchive: a text holds a NUL"),
        (r.NewArchive("a", "\ud800"), "NewArchive: a text cannot be encoded as UTF-8"),
        (r.ArchiveData(None), "ArchiveData: expected bytes, not NoneType"),  # type: ignore[arg-type]
        (r.ProgressReport(-(2**63) - 1), "ProgressReport: an integer does not fit Int64"),
        (CopyData(b""), "CopyData is not a replication payload"),
        (None, "NoneType is not a replication payload"),
    ],
    ids=repr,
)
def test_what_cannot_be_encoded(core: Any, payload: object, text: str) -> None:
    with pytest.raises(LocalProtocolError) as caught:
        core.encode_replication(payload)
    assert str(caught.value) == text


def test_wrong_arguments_of_decode(core: Any) -> None:
    for stream in ("wal", "", None, 1, "\ud800", b"primary"):
        with pytest.raises(ValueError, match="stream must be 'primary', 'standby' or 'base_backup'"):
            core.decode_replication(b"m", stream)
    with pytest.raises(TypeError, match="a bytes-like object is required, not 'str'"):
        core.decode_replication("m", "base_backup")


@pytest.mark.parametrize(
    ("text", "lsn"),
    [("0/0", 0), ("16/B374D848", 0x16_B374D848), ("0/A", 10), ("1/0", 2**32), ("FFFFFFFF/FFFFFFFF", 2**64 - 1)],
)
def test_lsn(text: str, lsn: int) -> None:
    assert r.lsn_to_text(lsn) == text
    assert r.lsn_from_text(text) == r.lsn_from_text(text.lower()) == lsn


@pytest.mark.parametrize(
    "text", ["", "0", "/0", "0/", "0/0/0", "123456789/0", "0/123456789", " 0/0", "0/0\n", "0x1/0", "-1/0", "٣/0"]
)
def test_no_lsn(text: str) -> None:
    with pytest.raises(ValueError, match="not an LSN"):
        r.lsn_from_text(text)


@pytest.mark.parametrize("lsn", [-1, 2**64])
def test_lsn_out_of_range(lsn: int) -> None:
    with pytest.raises(ValueError, match="an LSN is from 0 to"):
        r.lsn_to_text(lsn)


def test_times() -> None:
    moment = datetime(2026, 11, 21, 5, 54, 21, 71189, timezone.utc)
    assert r.time_to_datetime(848555661071189) == moment
    assert r.time_from_datetime(moment) == 848555661071189
    assert r.time_from_datetime(moment.astimezone(timezone(timedelta(hours=5, minutes=30)))) == 848555661071189
    assert r.time_from_datetime(r.time_to_datetime(-1)) == -1
    assert r.time_to_datetime(0) == datetime(2000, 1, 1, tzinfo=timezone.utc)
    with pytest.raises(ValueError, match="without a time zone"):
        r.time_from_datetime(datetime(2000, 1, 1))
    with pytest.raises(OverflowError):
        r.time_to_datetime(2**63 - 1)
