"""How date, timestamp and timestamptz are printed, in each DateStyle and time zone (PostgreSQL 8.5.2)."""

from __future__ import annotations

from . import datetime
from .datetime import MAX32, MAX64, MICROS_PER_DAY, MIN32, MIN64, UNIX_EPOCH_DAYS, civil_from_days, time_text
from .style import TextStyle
from .zone import LocalTime

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_WEEKDAYS = ("Sat", "Sun", "Mon", "Tue", "Wed", "Thu", "Fri")
"""From Saturday on: 2000-01-01 was one."""
_MAX_ABBREVIATION = 10
"""Characters of a zone's abbreviation that are printed."""
_UTC = LocalTime(0, "UTC")


def date_text(days: int, style: TextStyle) -> str:
    if style.dates == "ISO" or days in (MAX32, MIN32):
        return datetime.date_text(days)
    year, month, day = civil_from_days(days)
    separator = {"SQL": "/", "German": ".", "Postgres": "-"}[style.dates]
    date = _numbers(month, day, separator, style.dates == "German" or style.order == "DMY")
    return f"{date}{separator}{_year(year)}{_era(year)}"


def timestamp_text(micros: int, style: TextStyle) -> str:
    return datetime.timestamp_text(micros, False) if style.dates == "ISO" else _text(micros, None, style)


def timestamptz_text(micros: int, style: TextStyle) -> str:
    if style.dates == "ISO" and style.zone is None:
        return datetime.timestamp_text(micros, True)
    seconds = micros // 1_000_000 + UNIX_EPOCH_DAYS * 86_400
    return _text(micros, _UTC if style.zone is None else style.zone.at(seconds), style)


def _text(micros: int, zone: LocalTime | None, style: TextStyle) -> str:
    if micros in (MAX64, MIN64):
        return datetime.timestamp_text(micros, False)
    days, time = divmod(micros + (zone.offset * 1_000_000 if zone else 0), MICROS_PER_DAY)
    year, month, day = civil_from_days(days)
    shown = ""
    if style.dates == "Postgres":
        name = _MONTHS[month - 1]
        date = f"{day:02} {name}" if style.order == "DMY" else f"{name} {day:02}"
        made = f"{_WEEKDAYS[days % 7]} {date} {time_text(time)} {_year(year)}"
    else:
        if style.dates == "ISO":
            date = f"{_year(year)}-{_numbers(month, day, '-', False)}"
        elif style.dates == "SQL":
            date = f"{_numbers(month, day, '/', style.order == 'DMY')}/{_year(year)}"
        else:
            date = f"{_numbers(month, day, '.', True)}.{_year(year)}"
        made = f"{date} {time_text(time)}"
    if zone is not None:
        shown = offset_text(zone.offset) if style.dates == "ISO" else f" {zone.name[:_MAX_ABBREVIATION]}"
    return f"{made}{shown}{_era(year)}"


def _numbers(month: int, day: int, separator: str, day_first: bool) -> str:
    return f"{day:02}{separator}{month:02}" if day_first else f"{month:02}{separator}{day:02}"


def _year(year: int) -> str:
    """Four digits at least; year 0 is 1 BC."""
    return f"{year if year > 0 else 1 - year:04}"


def _era(year: int) -> str:
    return "" if year > 0 else " BC"


def offset_text(east: int) -> str:
    """``+05``, ``+05:30`` or ``-00:01:15``: seconds east of Greenwich."""
    offset = abs(east)
    minutes = f":{offset // 60 % 60:02}" if offset % 3600 else ""
    seconds = f":{offset % 60:02}" if offset % 60 else ""
    return f"{'-' if east < 0 else '+'}{offset // 3600:02}{minutes}{seconds}"
