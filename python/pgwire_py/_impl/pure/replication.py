"""Replication payloads inside CopyData ⇄ bytes (Protocol 55.4). A payload is decoded exactly: nothing missing, nothing left over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from ...errors import LocalProtocolError, RemoteProtocolError
from ...messages import replication as r
from ..interface import Buffer
from .messages.decode import located_error
from .wire import Reader, explained, put_bool, put_bytes, put_int64, put_text, put_uint32, put_uint64


def decode_replication(data: Buffer, stream: r.ReplicationStream) -> Any:
    """The payload that ``data`` is; see the interface for errors."""
    decoders = _DECODERS.get(stream)
    if decoders is None:
        raise ValueError("stream must be 'primary', 'standby' or 'base_backup'")
    raw = data if type(data) is bytes else bytes(memoryview(data))
    if not raw:
        raise RemoteProtocolError("no data left in message", offset=0)
    tag = chr(raw[0])
    if tag not in decoders:
        raise RemoteProtocolError(f"invalid replication message type {raw[0]}", tag=tag, offset=0)
    cls, decode = decoders[tag]
    try:
        reader = Reader(raw[1:])
        payload = decode(reader)
        reader.end()
    except RemoteProtocolError as error:
        located = located_error(error, cls.__name__, 1)
    else:
        return payload
    located.tag = tag
    raise located if stream == "standby" else explained(located)


def encode_replication(payload: object) -> bytes:
    """CopyData's ``data`` for a payload; see the interface for errors."""
    name = type(payload).__name__
    entry = _ENCODERS.get(type(payload))
    if entry is None:
        raise LocalProtocolError(f"{name} is not a replication payload")
    tag, encode = entry
    try:
        return tag + encode(payload)
    except LocalProtocolError as error:
        reason = str(error)
    raise LocalProtocolError(f"{name}: {reason}")


_DECODERS: Final[dict[str, dict[str, tuple[type[Any], Callable[[Reader], Any]]]]] = {
    "primary": {
        "w": (r.XLogData, lambda it: r.XLogData(it.uint64(), it.uint64(), it.int64(), it.rest())),
        "k": (r.PrimaryKeepalive, lambda it: r.PrimaryKeepalive(it.uint64(), it.int64(), it.byte() != 0)),
    },
    "standby": {
        "r": (
            r.StandbyStatusUpdate,
            lambda it: r.StandbyStatusUpdate(it.uint64(), it.uint64(), it.uint64(), it.int64(), it.byte() != 0),
        ),
        "h": (
            r.HotStandbyFeedback,
            lambda it: r.HotStandbyFeedback(it.int64(), it.uint32(), it.uint32(), it.uint32(), it.uint32()),
        ),
    },
    "base_backup": {
        "n": (r.NewArchive, lambda it: r.NewArchive(it.text(), it.text())),
        "m": (r.ManifestStart, lambda _: r.ManifestStart()),
        "d": (r.ArchiveData, lambda it: r.ArchiveData(it.rest())),
        "p": (r.ProgressReport, lambda it: r.ProgressReport(it.int64())),
    },
}
"""Stream → tag → class and decoder of what follows the tag."""


def _xlog_data(payload: r.XLogData) -> bytes:
    head = put_uint64(payload.start_lsn) + put_uint64(payload.end_lsn) + put_int64(payload.server_time)
    return head + put_bytes(payload.data)


def _keepalive(payload: r.PrimaryKeepalive) -> bytes:
    return put_uint64(payload.end_lsn) + put_int64(payload.server_time) + put_bool(payload.reply_requested)


def _status(payload: r.StandbyStatusUpdate) -> bytes:
    positions = put_uint64(payload.written_lsn) + put_uint64(payload.flushed_lsn) + put_uint64(payload.applied_lsn)
    return positions + put_int64(payload.client_time) + put_bool(payload.reply_requested)


def _feedback(payload: r.HotStandbyFeedback) -> bytes:
    xmin = put_int64(payload.client_time) + put_uint32(payload.xmin) + put_uint32(payload.xmin_epoch)
    return xmin + put_uint32(payload.catalog_xmin) + put_uint32(payload.catalog_xmin_epoch)


_ENCODERS: Final[dict[type[Any], tuple[bytes, Callable[[Any], bytes]]]] = {
    r.XLogData: (b"w", _xlog_data),
    r.PrimaryKeepalive: (b"k", _keepalive),
    r.StandbyStatusUpdate: (b"r", _status),
    r.HotStandbyFeedback: (b"h", _feedback),
    r.NewArchive: (b"n", lambda payload: put_text(payload.name) + put_text(payload.tablespace_path)),
    r.ManifestStart: (b"m", lambda _: b""),
    r.ArchiveData: (b"d", lambda payload: put_bytes(payload.data)),
    r.ProgressReport: (b"p", lambda payload: put_int64(payload.bytes_done)),
}
"""Class → tag and encoder of what follows it."""
