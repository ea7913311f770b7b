"""The settings that text depends on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

__all__ = ["TextStyle", "ZoneTable"]

ZoneTable = tuple[Sequence[tuple[int, int]], Sequence[tuple[int, str]], bool, int]
"""What a time zone's clocks show.

Changes: the second since 1970 from which another local time holds, ascending, and that one's index. Local times: seconds east of
Greenwich and abbreviation; the first one holds before the first change. Whether the last 400 years of the changes repeat for ever. And a
second since 1970 that is now: by its date a time of day without one is read.
"""


class TextStyle(Protocol):
    """How values are printed and read in text (PostgreSQL 20.11). It cannot be changed, and is made once for many encoders and decoders.

    ``TextStyle(*, dates="ISO", order="MDY", intervals="postgres", zone=None, float_digits=1, bytea="hex")``: the parts of DateStyle
    (``ISO``, ``SQL``, ``Postgres``, ``German``; ``MDY``, ``DMY``, ``YMD``), IntervalStyle (``postgres``, ``postgres_verbose``,
    ``sql_standard``, ``iso_8601``), TimeZone as a ZoneTable (None: UTC), extra_float_digits (-15 to 3) and bytea_output (``hex``,
    ``escape``).

    Raises:
        ValueError: a value that is none of these.
    """
