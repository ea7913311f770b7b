"""Values of a PostgreSQL type → Python objects."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from functools import partial
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network
from typing import Any
from uuid import UUID

from ...values.infinity import INFINITIES
from .types import PgType, mac, money, network, numeric, system, timetz
from .types import datetime as moments
from .types.interval import INFINITY, NEGATIVE_INFINITY, Interval
from .types.interval import to_text as interval_text
from .types.structured import STRUCTURED


def to_python(kind: PgType, value: Any) -> object:
    """The Python object of a value; a date or time that Python's types do not reach is PostgreSQL's text."""
    code = kind.kind.code
    made = partial(structured.to_python, code) if code in STRUCTURED else _TO_PYTHON.get(code, _same)
    if not kind.element:
        return made(value)
    items = tuple(None if item is None else made(item) for item in value.items)
    return structured.to_list(value._replace(items=items))


def _same(value: object) -> object:
    return value


def _to_date(days: int) -> date | str:
    if days in (moments.MAX32, moments.MIN32):
        return INFINITIES["date", days > 0]
    year, month, day = moments.civil_from_days(days)
    if not 1 <= year <= 9999:
        return moments.date_text(days)
    return date(year, month, day)


def _clock(micros: int, zone: timezone | None = None) -> time:
    seconds, micro = divmod(micros, 1_000_000)
    return time(seconds // 3600, seconds // 60 % 60, seconds % 60, micro, zone)


def _to_time(micros: int) -> time | str:
    return moments.time_text(micros) if micros == moments.MICROS_PER_DAY else _clock(micros)


def _to_timetz(value: timetz.TimeTz) -> time | str:
    if value.micros == moments.MICROS_PER_DAY:
        return timetz.to_text(value)
    return _clock(value.micros, timezone(timedelta(seconds=-value.west)))


def _to_timestamp(micros: int, zone: timezone | None) -> datetime | str:
    if micros in (moments.MAX64, moments.MIN64):
        infinite = INFINITIES["timestamp" if zone is None else "timestamptz", micros > 0]
        assert isinstance(infinite, datetime)
        return infinite
    days, of_day = divmod(micros, moments.MICROS_PER_DAY)
    year, month, day = moments.civil_from_days(days)
    if not 1 <= year <= 9999:
        return moments.timestamp_text(micros, zone is not None)
    return datetime.combine(date(year, month, day), _clock(of_day), zone)


def _to_timedelta(value: Interval) -> timedelta | str:
    """The longest and the shortest timedelta are the infinities. A year counts 365 days and a month 30, as asyncpg and psycopg count."""
    if value in (INFINITY, NEGATIVE_INFINITY):
        return timedelta.max if value == INFINITY else timedelta.min
    years, months = divmod(abs(value.months), 12)
    days, micros = divmod(value.micros, moments.MICROS_PER_DAY)
    days += value.days + (years * 365 + months * 30) * (-1 if value.months < 0 else 1)
    if abs(days) > 999_999_999:
        return interval_text(value)
    return timedelta(days=days, microseconds=micros)


def _to_address(value: network.Inet) -> object:
    """cidr is a network; inet an interface, or an address where the prefix is the whole of it."""
    four = len(value.address) == 4
    if value.cidr:
        return (IPv4Network if four else IPv6Network)((value.address, value.prefix))
    if network.is_host(value):
        return (IPv4Address if four else IPv6Address)(value.address)
    return (IPv4Interface if four else IPv6Interface)((value.address, value.prefix))


_TO_PYTHON: dict[str, Callable[[Any], object]] = {
    "numeric": lambda value: Decimal(numeric.to_text(value)),
    "money": lambda cents: Decimal(money.decimal(cents)),
    "tid": tuple,
    "snapshot": tuple,
    "char": system.char_text,
    "macaddr": mac.to_text,
    "macaddr8": mac.to_text,
    "inet": _to_address,
    "cidr": _to_address,
    "raw": lambda value: value.decode(),
    "date": _to_date,
    "time": _to_time,
    "timetz": _to_timetz,
    "timestamp": lambda value: _to_timestamp(value, None),
    "timestamptz": lambda value: _to_timestamp(value, timezone.utc),
    "interval": _to_timedelta,
    "uuid": lambda value: UUID(bytes=value),
}


# It needs the functions above.
from . import structured  # noqa: E402
