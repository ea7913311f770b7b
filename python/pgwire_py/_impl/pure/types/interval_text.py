"""How an interval is printed, in each IntervalStyle (PostgreSQL 8.5.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from .datetime import fraction_text

if TYPE_CHECKING:
    from .interval import Interval


class _Fields(NamedTuple):
    """The fields of an interval, each with a sign of its own; ``micros`` are the seconds."""

    years: int
    months: int
    days: int
    hours: int
    minutes: int
    micros: int


def _fields(value: Interval) -> _Fields:
    years, months = divmod(abs(value.months), 12)
    minutes, micros = divmod(abs(value.micros), 60_000_000)
    hours, minutes = divmod(minutes, 60)
    if value.months < 0:
        years, months = -years, -months
    if value.micros < 0:
        hours, minutes, micros = -hours, -minutes, -micros
    return _Fields(years, months, value.days, hours, minutes, micros)


def postgres(value: Interval) -> str:
    """``1 year 2 mons -3 days +04:05:06.7``: a positive part behind a negative one carries its sign."""
    fields = _fields(value)
    parts: list[str] = []
    after_negative = False
    for number, unit in ((fields.years, "year"), (fields.months, "mon"), (fields.days, "day")):
        if number:
            plus = "+" if after_negative and number > 0 else ""
            parts.append(f"{plus}{number} {unit}{'' if number == 1 else 's'}")
            after_negative = number < 0
    if value.micros or not parts:
        sign = "-" if value.micros < 0 else "+" if after_negative else ""
        parts.append(f"{sign}{'0' if abs(fields.hours) < 10 else ''}{_clock(fields)}")
    return " ".join(parts)


def _clock(fields: _Fields) -> str:
    """``4:05:06.7`` without a sign."""
    seconds, fraction = divmod(abs(fields.micros), 1_000_000)
    return f"{abs(fields.hours)}:{abs(fields.minutes):02}:{seconds:02}{fraction_text(fraction)}"


def _seconds(micros: int) -> str:
    """Seconds without a sign and without a zero in front."""
    seconds, fraction = divmod(abs(micros), 1_000_000)
    return f"{seconds}{fraction_text(fraction)}"


def postgres_verbose(value: Interval) -> str:
    """``@ 1 year 2 mons -3 days 4 hours ago``: the first part is positive, and ``ago`` turns the signs of all."""
    fields = _fields(value)
    ago = next((number < 0 for number in fields if number), False)
    parts = ["@"]
    for number, unit in zip(fields[:5], ("year", "mon", "day", "hour", "min"), strict=True):
        if number:
            shown = -number if ago else number
            parts.append(f"{shown} {unit}{'' if shown == 1 else 's'}")
    if fields.micros:
        sign = "-" if (fields.micros < 0) != ago else ""
        parts.append(f"{sign}{_seconds(fields.micros)} sec{'' if abs(fields.micros) == 1_000_000 else 's'}")
    if len(parts) == 1:
        parts.append("0")
    return " ".join([*parts, "ago"] if ago else parts)


def sql_standard(value: Interval) -> str:
    """``1-2`` or ``3 4:05:06`` with one sign in front, as SQL has them, or ``+1-2 -3 +4:05:06``."""
    fields = _fields(value)
    years_months = f"{abs(fields.years)}-{abs(fields.months)}"
    days = abs(value.days)
    negative, positive = min(value) < 0, max(value) > 0
    if not negative and not positive:
        return "0"
    if (negative and positive) or (value.months and (value.days or value.micros)):
        signs = ["-" if part < 0 else "+" for part in value]
        return f"{signs[0]}{years_months} {signs[1]}{days} {signs[2]}{_clock(fields)}"
    shown = years_months if value.months else f"{days} {_clock(fields)}" if days else _clock(fields)
    return "-" + shown if negative else shown


def iso_8601(value: Interval) -> str:
    """``P1Y2M-3DT4H5M6.7S``"""
    fields = _fields(value)
    date = "".join(f"{number}{unit}" for number, unit in zip(fields[:3], "YMD", strict=True) if number)
    time = "".join(f"{number}{unit}" for number, unit in zip(fields[3:5], "HM", strict=True) if number)
    if fields.micros:
        time += f"{'-' if fields.micros < 0 else ''}{_seconds(fields.micros)}S"
    if not date and not time:
        return "PT0S"
    return f"P{date}T{time}" if time else f"P{date}"


STYLES = {
    "postgres": postgres,
    "postgres_verbose": postgres_verbose,
    "sql_standard": sql_standard,
    "iso_8601": iso_8601,
}
"""Printers of finite intervals by the values of the setting IntervalStyle."""
