"""Values of the parameters that text depends on, checked and brought to their canonical form (PostgreSQL 20.11)."""

from __future__ import annotations

import re
from math import isfinite

from .._impl.pure.types import BadValue
from .._impl.pure.types.interval import parse as parse_interval
from ..errors import PostgresError, postgres_error
from .encodings import find_encoding
from .zones import find_zone

__all__ = ["client_encoding", "date_style", "printable", "time_zone"]

_STYLES = {"ISO": "ISO", "SQL": "SQL", "GERMAN": "German"}
_ORDERS = {
    "YMD": "YMD",
    "DMY": "DMY",
    "MDY": "MDY",
    **dict.fromkeys(("EURO", "EUROPEAN"), "DMY"),
    **dict.fromkeys(("US", "NONEURO", "NONEUROPEAN"), "MDY"),
}
_INTERVAL = re.compile(r"\s*interval\s*'((?:[^']|'')*)'\s*", re.IGNORECASE)


def invalid(name: str, value: str, detail: str | None = None, sqlstate: str = "22023") -> PostgresError:
    """22023 with PostgreSQL's words."""
    return postgres_error(sqlstate, f'invalid value for parameter "{name}": "{value[:64]}"', detail=detail)


def date_style(value: str, current: str, default: str) -> str:
    """DateStyle's style and order; what the value does not tell stays as in ``current``.

    Raises:
        InvalidParameterValue: a word that is none, or two that contradict each other.
    """
    style: str | None = None
    order: str | None = None
    implied: str | None = None
    conflict = False
    for word in value.split(","):
        word = word.strip().strip('"')
        upper = word.upper()
        found_style = "Postgres" if upper.startswith("POSTGRES") else _STYLES.get(upper)
        found_order = next((to for key, to in _ORDERS.items() if _is_order(upper, key)), None)
        if found_style is not None:
            conflict |= style not in (None, found_style)
            style = found_style
            implied = "DMY" if found_style == "German" else implied
        elif found_order is not None:
            conflict |= order not in (None, found_order)
            order = found_order
        elif upper == "DEFAULT":
            default_style, _, default_order = default.partition(", ")
            style, order = style or default_style, order or default_order
        elif word or "," in value:
            raise invalid("DateStyle", value, f'Unrecognized key word: "{word[:64]}".')
    if conflict:
        raise invalid("DateStyle", value, 'Conflicting "datestyle" specifications.')
    current_style, _, current_order = current.partition(", ")
    return f"{style or current_style}, {order or implied or current_order}"


def _is_order(word: str, key: str) -> bool:
    return word.startswith(key) if key in ("EURO", "NONEURO") else word == key


def time_zone(value: str) -> str:
    """TimeZone's canonical name: of a zone, of a POSIX specification, or of an offset in hours or an interval.

    Raises:
        PostgresError: 22023 where there is no such zone, or the offset is too large.
    """
    interval = _INTERVAL.fullmatch(value)
    if interval is not None:
        return _by_interval(value, interval[1].replace("''", "'"))
    hours: float | None
    try:
        hours = float(value)
    except ValueError:
        hours = None
    if hours is not None and isfinite(hours) and "_" not in value:
        return _by_offset(value, int(hours * 3600))
    zone = find_zone(value)
    if zone is None and not value.lower().startswith("right/"):
        raise invalid("TimeZone", value)
    if zone is None or zone.shows_seconds:
        raise postgres_error(
            "22023",
            f'time zone "{value[:64]}" appears to use leap seconds',
            detail="PostgreSQL does not support leap seconds.",
        )
    return zone.name


def _by_interval(value: str, text: str) -> str:
    try:
        months, days, micros = parse_interval(text)
    except BadValue as bad:
        raise postgres_error(bad.sqlstate, bad.message) from None
    if months:
        raise invalid("TimeZone", value, "Cannot specify months in time zone interval.")
    if days:
        raise invalid("TimeZone", value, "Cannot specify days in time zone interval.")
    return _by_offset(value, micros // 1_000_000)


def _by_offset(value: str, east: int) -> str:
    """``<+05:30>-05:30`` of an offset in seconds east of Greenwich."""
    hours, seconds = divmod(abs(east), 3600)
    if hours >= 24 * 7:
        raise invalid("TimeZone", value, "UTC timezone offset is out of range.")
    shown = f"{hours:02}"
    if seconds:
        shown += f":{seconds // 60:02}"
        if seconds % 60:
            shown += f":{seconds % 60:02}"
    return f"<-{shown}>+{shown}" if east < 0 else f"<+{shown}>-{shown}"


def printable(value: str) -> str:
    """A name as PostgreSQL shows it to everybody, whatever their encodings: bytes that are no printable ASCII as question marks."""
    return bytes(byte if 32 <= byte < 127 else 63 for byte in value.encode()).decode()


def client_encoding(value: str) -> str:
    """client_encoding's canonical name.

    Raises:
        PostgresError: 22023 where there is no such encoding, 0A000 for one that is not supported.
    """
    found = find_encoding(value)
    if found is None:
        raise invalid("client_encoding", value)
    name, supported = found
    if not supported:
        detail = f"Conversion between {name} and UTF8 is not supported."
        raise invalid("client_encoding", value, detail, sqlstate="0A000")
    return name
