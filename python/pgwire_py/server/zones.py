"""Time zones by the names and specifications that the setting TimeZone takes (PostgreSQL 8.5.3, B.5; TZif: RFC 8536).

The rules come from the system's time zone database or from the package ``tzdata``; nothing of them is in pgwire_py.
"""

from __future__ import annotations

import re
import struct
from bisect import bisect_right
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Final, NamedTuple
from zoneinfo import TZPATH, available_timezones

from .._impl.interface import ZoneTable
from .posix_zones import PosixZone, parse_posix

__all__ = ["UTC_NAMES", "find_zone"]

UTC_NAMES: Final = frozenset({"UTC", "ETC/UTC", "ETC/UCT", "ETC/UNIVERSAL", "ETC/ZULU", "UCT", "UNIVERSAL", "ZULU"})
"""Names, in capitals, of the zone that needs no table: its abbreviation is UTC."""

_NAME: Final = re.compile(r"[A-Za-z0-9_+\-]+(/[A-Za-z0-9_+\-]+)*")
_MAX_NAME: Final = 255
"""Longest name or specification (TZ_STRLEN_MAX)."""
_MAX_FILE: Final = 1 << 20
_YEAR_2000: Final = 946_684_800
_FIRST_YEAR: Final = -4800
"""From when on zones of rules alone have them: before the first date that PostgreSQL has."""
_LAST_RULE: Final = 401
"""Years of rules behind the last change in a file: from there on 400 years repeat."""

Times = tuple[tuple[int, str], ...]


class Zone(NamedTuple):
    """A zone's canonical name, and its table as of a moment that is not known yet; None for UTC."""

    name: str
    changes: tuple[tuple[int, int], ...] = ()
    times: Times = ()
    repeats: bool = False

    def table(self, now: int) -> ZoneTable | None:
        """What TextStyle takes; ``now`` in seconds since 1970."""
        return (self.changes, self.times, self.repeats, now) if self.times else None

    @property
    def shows_seconds(self) -> bool:
        """Whether its clocks were off by seconds at the start of 2000: PostgreSQL takes that for a sign of leap seconds and refuses it."""
        if not self.times:
            return False
        count = bisect_right(self.changes, (_YEAR_2000, len(self.times)))
        return self.times[self.changes[count - 1][1] if count else 0][0] % 60 != 0


@lru_cache(maxsize=256)
def find_zone(name: str) -> Zone | None:
    """The zone of a name, or of a specification, in any case (``EST5EDT``, ``<+03>-03``); None where there is none."""
    if name.upper() in UTC_NAMES:
        return Zone(_spelling(name) or name.upper())
    if not 0 < len(name) <= _MAX_NAME:
        return None
    if _NAME.fullmatch(name):
        spelled = _spelling(name)
        data = None if spelled is None else _file(spelled)
        if spelled is not None and data is not None:
            found = _read(spelled, data)
            if found is not None:
                return found
    rules = parse_posix(name.upper())
    return None if rules is None else _by_rules(name.upper(), rules)


def _spelling(name: str) -> str | None:
    """The name as the database spells it: PostgreSQL takes any case."""
    if name in _names():
        return name
    return _lower_names().get(name.lower())


@lru_cache(maxsize=1)
def _names() -> frozenset[str]:
    return frozenset(available_timezones())


@lru_cache(maxsize=1)
def _lower_names() -> dict[str, str]:
    return {name.lower(): name for name in _names()}


def _file(name: str) -> bytes | None:
    for folder in TZPATH:
        path = Path(folder, *name.split("/"))
        if path.is_file() and path.stat().st_size <= _MAX_FILE:
            return path.read_bytes()
    package, _, file = f"tzdata.zoneinfo/{name}".replace("/", ".").rpartition(".")
    try:
        return resources.files(package).joinpath(file).read_bytes()
    except (ImportError, OSError, ValueError):
        return None


def _read(name: str, data: bytes) -> Zone | None:
    """A TZif file: its second part, whose moments have 64 bits, and the rules behind it. None for one of the first version or malformed."""
    try:
        if data[:4] != b"TZif" or data[4:5] < b"2":
            return None
        isutc, isstd, leaps, changes, types, letters = struct.unpack_from("!6l", data, 20)
        start = 44 + changes * 5 + types * 6 + letters + leaps * 8 + isstd + isutc
        isutc, isstd, leaps, changes, types, letters = struct.unpack_from("!6l", data, start + 20)
        if leaps:  # PostgreSQL refuses zones that count leap seconds
            return None
        at = start + 44
        moments = struct.unpack_from(f"!{changes}q", data, at)
        indexes = data[at + changes * 8 : at + changes * 9]
        at += changes * 9
        infos = [struct.unpack_from("!lBB", data, at + number * 6) for number in range(types)]
        at += types * 6
        names = data[at : at + letters]
        footer = data[at + letters + isstd + isutc :].strip(b"\n").decode("ascii")
    except (struct.error, UnicodeDecodeError):
        return None
    times = [(offset, names[letter : names.index(b"\0", letter)].decode("latin-1")) for offset, _, letter in infos]
    found = [(moment, index) for moment, index in zip(moments, indexes, strict=True) if index < len(times)]
    rules = parse_posix(footer) if footer else None
    return Zone(name, *_with_rules(found, times, rules))


def _by_rules(name: str, rules: PosixZone) -> Zone:
    return Zone(name, *_with_rules([], [], rules))


def _with_rules(
    changes: list[tuple[int, int]], times: list[tuple[int, str]], rules: PosixZone | None
) -> tuple[tuple[tuple[int, int], ...], Times, bool]:
    """The table with the changes by the rules behind those that are told."""
    if rules is None:
        return tuple(changes), tuple(times), False
    standard = (rules.offset, rules.name)
    if not times:
        times = [standard]
    if rules.summer is None:
        return tuple(changes), tuple(times), False

    def index(time: tuple[int, str]) -> int:
        if time not in times:
            times.append(time)
        return times.index(time)

    first_year = _FIRST_YEAR if not changes else 1970 + changes[-1][0] // 31_556_952
    last = changes[-1][0] if changes else None
    summer = (rules.summer.offset, rules.summer.name)
    for year in range(first_year, first_year + _LAST_RULE + 2):
        begin, end = rules.changes(year)
        for moment, time in sorted([(begin, summer), (end, standard)]):
            if last is None or moment > last:
                changes.append((moment, index(time)))
                last = moment
    return tuple(changes), tuple(times), True
