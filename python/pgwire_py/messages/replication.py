"""What replication puts into CopyData (Protocol 55.4): the WAL stream, the standby's answers, and BASE_BACKUP's archives.

These are payloads, not messages: ``encode_replication`` makes the bytes of CopyData's ``data``, ``decode_replication`` reads them.
A tag is valid in one stream only, so the reader says which stream it is (:data:`ReplicationStream`).

Positions in the WAL (LSN) are ints from 0 to 2⁶⁴-1; :func:`lsn_to_text` and :func:`lsn_from_text` give PostgreSQL's notation.
Times are ints, microseconds since 2000-01-01 00:00 UTC; :func:`time_to_datetime` and :func:`time_from_datetime` convert them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Literal

__all__ = [
    "ArchiveData",
    "HotStandbyFeedback",
    "ManifestStart",
    "NewArchive",
    "PrimaryKeepalive",
    "ProgressReport",
    "ReplicationStream",
    "StandbyStatusUpdate",
    "XLogData",
    "lsn_from_text",
    "lsn_to_text",
    "time_from_datetime",
    "time_to_datetime",
]

ReplicationStream = Literal["primary", "standby", "base_backup"]
"""Who speaks, and after which command.

``primary``: the backend after START_REPLICATION, physical or logical. ``standby``: the frontend, whatever it is, after the same.
``base_backup``: the backend after BASE_BACKUP, as PostgreSQL 15 and later send it.
"""


@dataclass(slots=True)
class XLogData:
    """A piece of the WAL, or what an output plugin made of it, tag ``w`` of stream ``primary``.

    ``start_lsn`` is where ``data`` begins, ``end_lsn`` the current end of the WAL on the server, ``server_time`` when it was sent.
    """

    start_lsn: int
    end_lsn: int
    server_time: int
    data: bytes


@dataclass(slots=True)
class PrimaryKeepalive:
    """The server is alive, tag ``k`` of stream ``primary``.

    ``end_lsn`` is the current end of the WAL there. ``reply_requested``: the receiver should answer at once to avoid a timeout.
    """

    end_lsn: int
    server_time: int
    reply_requested: bool = False


@dataclass(slots=True)
class StandbyStatusUpdate:
    """How far the receiver has come, tag ``r`` of stream ``standby``.

    Each LSN is that of the last byte + 1 written, flushed to disk, and applied. ``reply_requested`` asks for a keepalive at once.
    """

    written_lsn: int
    flushed_lsn: int
    applied_lsn: int
    client_time: int
    reply_requested: bool = False


@dataclass(slots=True)
class HotStandbyFeedback:
    """Which rows the standby's queries still need, tag ``h`` of stream ``standby``.

    Transaction IDs and their epochs; both 0: no feedback any more, or none of that kind.
    """

    client_time: int
    xmin: int
    xmin_epoch: int
    catalog_xmin: int
    catalog_xmin_epoch: int


@dataclass(slots=True)
class NewArchive:
    """An archive begins, tag ``n`` of stream ``base_backup``.

    ``name`` such as ``base.tar``; ``tablespace_path`` is empty for the data directory itself.
    """

    name: str
    tablespace_path: str = ""


@dataclass(slots=True)
class ManifestStart:
    """The backup manifest begins, tag ``m`` of stream ``base_backup``."""


@dataclass(slots=True)
class ArchiveData:
    """A piece of the archive or manifest that began last, tag ``d`` of stream ``base_backup``."""

    data: bytes


@dataclass(slots=True)
class ProgressReport:
    """How much of the current tablespace has been processed, in bytes, tag ``p`` of stream ``base_backup``."""

    bytes_done: int


_EPOCH = datetime(2000, 1, 1, tzinfo=timezone.utc)
_MICROSECOND = timedelta(microseconds=1)


def lsn_to_text(lsn: int) -> str:
    """An LSN as PostgreSQL writes it: ``16/B374D848``.

    Raises:
        ValueError: not from 0 to 2⁶⁴-1.
    """
    if not 0 <= lsn < 1 << 64:
        raise ValueError(f"an LSN is from 0 to 2⁶⁴-1, not {lsn}")
    return f"{lsn >> 32:X}/{lsn & 0xFFFF_FFFF:X}"


def lsn_from_text(text: str) -> int:
    """The LSN of PostgreSQL's notation: two numbers of up to eight hexadecimal digits each.

    Raises:
        ValueError: the text is no LSN.
    """
    match = re.fullmatch(r"([0-9A-Fa-f]{1,8})/([0-9A-Fa-f]{1,8})", text)
    if match is None:
        raise ValueError(f"not an LSN: {text[:40]!r}")
    return int(match[1], 16) << 32 | int(match[2], 16)


def time_to_datetime(time: int) -> datetime:
    """A payload's time, microseconds since 2000-01-01 UTC, as an aware datetime in UTC.

    Raises:
        OverflowError: beyond the years 1 to 9999.
    """
    return _EPOCH + timedelta(microseconds=time)


def time_from_datetime(moment: datetime) -> int:
    """An aware datetime as a payload's time.

    Raises:
        ValueError: it has no time zone.
    """
    if moment.tzinfo is None:
        raise ValueError("a datetime without a time zone is no moment")
    return (moment - _EPOCH) // _MICROSECOND
