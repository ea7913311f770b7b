"""A time zone: what its clocks show at a moment, and which moment a clock's time is (PostgreSQL 8.5.3 and B.1).

The tables come from whoever makes the zone; nothing is read here.
"""

from __future__ import annotations

from bisect import bisect_right
from itertools import pairwise
from typing import NamedTuple

from .text import lower

_CYCLE = 12_622_780_800
"""Seconds of 400 years, after which calendar and rules repeat."""
_DAY = 86_400


class LocalTime(NamedTuple):
    """What clocks show for a time: seconds east of Greenwich, and the abbreviation for it."""

    offset: int
    name: str


class Zone:
    """A zone of tables as the contract has them (``_impl/interface``); raises ValueError where they do not fit together."""

    __slots__ = ("_indexes", "_moments", "_now", "_repeats", "_times")

    def __init__(self, changes: list[tuple[int, int]], times: list[LocalTime], repeats: bool, now: int) -> None:
        self._moments = [moment for moment, _ in changes]
        self._indexes = [index for _, index in changes]
        self._times = times
        self._repeats = repeats
        self._now = now
        known = bool(times) and all(0 <= index < len(times) for index in self._indexes)
        ordered = all(a < b for a, b in pairwise(self._moments))
        bounded = all(abs(moment) < 1 << 62 for moment in self._moments)
        long = bool(changes) and self._moments[-1] - self._moments[0] >= _CYCLE
        if not (known and ordered and bounded and (long or not repeats)):
            raise ValueError("wrong zone")

    def at(self, moment: int) -> LocalTime:
        """The local time at a moment in seconds since 1970."""
        return self._nth(bisect_right(self._moments, moment - self._beyond(moment)))

    def offset_of(self, clock: int) -> int:
        """Seconds east of Greenwich of a clock's time, given as if it were UTC's.

        Of a time that the clocks skip as before the change, of one that they show twice as after it.
        """
        clock -= self._beyond(clock - _DAY)
        position = bisect_right(self._moments, clock - _DAY)
        before = self._nth(position).offset
        if position == len(self._moments):
            return before
        change, after = self._moments[position], self._nth(position + 1).offset
        by_before, by_after = clock - before, clock - after
        if by_before < change and by_after < change:
            return before
        if (by_before > change and by_after >= change) or by_before <= by_after:
            return after
        return before

    def offset_today(self, seconds: int) -> int:
        """Seconds east of Greenwich of a time of day today."""
        local = self._now + self.at(self._now).offset
        return self.offset_of(local - local % _DAY + seconds)

    def named(self, name: str) -> int | None:
        """Seconds east of Greenwich that an abbreviation stands for; the newest meaning if it had several."""
        for time in (*(self._times[index] for index in reversed(self._indexes)), *self._times):
            if lower(time.name) == lower(name):
                return time.offset
        return None

    def _nth(self, count: int) -> LocalTime:
        return self._times[self._indexes[count - 1] if count else 0]

    def _beyond(self, moment: int) -> int:
        """What to go back so that a moment lies in the table."""
        if not self._repeats or moment < self._moments[-1]:
            return 0
        return ((moment - self._moments[-1]) // _CYCLE + 1) * _CYCLE
