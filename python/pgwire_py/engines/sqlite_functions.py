"""PostgreSQL's functions that SQLite lacks, and the checked ones that translated statements call.

An error in a function reaches SQLite as text only, so it is kept in the list given to :func:`register`, where the
session finds it.
"""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
import uuid
from collections.abc import Callable
from datetime import date, datetime, timedelta, timezone
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from functools import lru_cache
from random import random
from typing import Any

from ..errors import (
    DivisionByZero,
    InvalidDatetimeFormat,
    InvalidParameterValue,
    InvalidTextRepresentation,
    NumericValueOutOfRange,
    PostgresError,
)
from .sqlite_types import EXACT, parameter_value

__all__ = ["register"]

_RANGES = {2: ("smallint", 2**15), 4: ("integer", 2**31), 8: ("bigint", 2**63)}
_MOMENT = re.compile(
    r"\s*(\d{4,5})-(\d\d?)-(\d\d?)(?:[ T](\d\d?):(\d\d)(?::(\d\d)(?:\.(\d{1,6})\d*)?)?)?"
    r"\s*(Z|UTC|[+-]\d\d(?::?\d\d)?)?\s*$",
    re.I,
)
_CLOCK = re.compile(r"\s*(\d\d?):(\d\d)(?::(\d\d)(?:\.(\d{1,6})\d*)?)?\s*$")
_INTERVAL_PART = re.compile(r"([+-]?\d+(?:\.\d+)?)\s*([a-z]+)|([+-]?)(\d+):(\d\d)(?::(\d\d(?:\.\d+)?))?", re.I)


def register(connection: sqlite3.Connection, errors: list[PostgresError]) -> None:
    """Give a connection the functions; what one of them raises is appended to ``errors``."""

    def add(name: str, count: int, function: Callable[..., Any], deterministic: bool = True) -> None:
        def call(*arguments: object) -> Any:
            try:
                return function(*arguments)
            except PostgresError as error:
                errors.append(error)
                raise

        connection.create_function(name, count, call, deterministic=deterministic)

    for name, count, function in _FUNCTIONS:
        add(name, count, function)
    for name, function in (("pgwire_now", _now), ("gen_random_uuid", _uuid4), ("pgwire_random", random)):
        add(name, 0, function, deterministic=False)


# Numbers.


def _operand(value: object) -> int | float:
    if isinstance(value, (int, float)):
        return value
    number = _decimal(value)
    return int(number) if number == number.to_integral_value() and "." not in str(value) else float(number)


def _divide(left: object, right: object) -> object:
    if left is None or right is None:
        return None
    a, b = _operand(left), _operand(right)
    if b == 0:
        raise DivisionByZero("division by zero")
    if isinstance(a, int) and isinstance(b, int):
        quotient = abs(a) // abs(b)
        return quotient if (a < 0) == (b < 0) else -quotient
    return a / b


def _quotient(left: object, right: object) -> object:
    if left is None or right is None:
        return None
    if _decimal(right) == 0:
        raise DivisionByZero("division by zero")
    return parameter_value(_decimal(left) / _decimal(right))


def _modulo(left: object, right: object) -> object:
    if left is None or right is None:
        return None
    a, b = _operand(left), _operand(right)
    if b == 0:
        raise DivisionByZero("division by zero")
    remainder = abs(a) % abs(b)
    return remainder if a >= 0 else -remainder


def _decimal(value: object) -> Decimal:
    try:
        if isinstance(value, bytes):
            value = value.decode("ascii")
        return Decimal(repr(value) if isinstance(value, float) else str(value).strip())
    except (InvalidOperation, UnicodeDecodeError):
        raise InvalidTextRepresentation(f'invalid input syntax for type numeric: "{value}"') from None


def _int(value: object, size: int) -> object:
    if value is None:
        return None
    kind, limit = _RANGES[size]
    if isinstance(value, (int, float)):
        try:
            number = int(Decimal(repr(value)).to_integral_value("ROUND_HALF_EVEN"))
        except (InvalidOperation, OverflowError, ValueError):
            raise NumericValueOutOfRange(f"{kind} out of range") from None
    else:
        text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
        if not re.fullmatch(r"\s*[+-]?\d+\s*", text) or len(text) > 100:
            raise InvalidTextRepresentation(f'invalid input syntax for type {kind}: "{text[:60]}"')
        number = int(text)
    if not -limit <= number < limit:
        raise NumericValueOutOfRange(f'value "{value}" is out of range for type {kind}')
    return number


def _float(value: object) -> object:
    if value is None or isinstance(value, float):
        return value
    try:
        return parameter_value(float(str(value)))
    except ValueError:
        raise InvalidTextRepresentation(f'invalid input syntax for type double precision: "{value}"') from None


def _numeric(value: object, scale: int | None = None) -> object:
    if value is None:
        return None
    number = _decimal(value)
    if scale is not None and number.is_finite():
        try:
            number = number.quantize(Decimal(1).scaleb(-scale), ROUND_HALF_UP, EXACT)
        except InvalidOperation:
            raise NumericValueOutOfRange("value overflows numeric format") from None
    return parameter_value(number)


def _bool(value: object) -> object:
    if value is None or isinstance(value, (int, float)):
        return None if value is None else int(value != 0)
    text = str(value).strip().lower()
    if (text and any(word.startswith(text) for word in ("true", "yes"))) or text in ("on", "1"):
        return 1
    if (text and any(word.startswith(text) for word in ("false", "no"))) or text in ("off", "of", "0"):
        return 0
    raise InvalidTextRepresentation(f'invalid input syntax for type boolean: "{value}"')


def _bool_text(value: object) -> str | None:
    return None if value is None else ("false", "true")[int(_bool(value) == 1)]


# Moments, as ISO text.


def _moment(value: object, kind: str) -> tuple[datetime, bool]:
    """The moment in a text and whether it named a time zone (then it is in UTC)."""
    text = str(value)
    found = _MOMENT.match(text)
    if text.strip().lower() in ("now", "today"):
        now = datetime.now(timezone.utc).replace(tzinfo=None)
        return (now if text.strip().lower() == "now" else datetime(now.year, now.month, now.day)), False
    if found is None:
        raise InvalidDatetimeFormat(f'invalid input syntax for type {kind}: "{text[:60]}"')
    year, month, day, hour, minute, second = (int(part or 0) for part in found.groups()[:6])
    micro = int((found[7] or "0").ljust(6, "0"))
    try:
        moment = datetime(year, month, day, hour, minute, second, micro)
    except ValueError:
        raise PostgresError(f'date/time field value out of range: "{text[:60]}"', sqlstate="22008") from None
    zone = found[8]
    if zone and zone[0] in "+-":
        digits = zone[1:].replace(":", "").ljust(4, "0")
        offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
        moment += offset if zone[0] == "-" else -offset
    return moment, zone is not None


def _endless(value: object) -> str | None:
    """The text of an infinite date or moment."""
    text = str(value).strip().lower()
    return text.removeprefix("+") if text in ("infinity", "+infinity", "-infinity") else None


def _date(value: object) -> object:
    return None if value is None else _endless(value) or _moment(value, "date")[0].date().isoformat()


def _timestamp(value: object) -> object:
    if value is None:
        return None
    if endless := _endless(value):
        return endless
    text = str(value)
    found = _MOMENT.match(text)
    local = text[: found.start(8)] if found is not None and found[8] else text  # PostgreSQL ignores the zone here
    return _moment(local, "timestamp")[0].isoformat(" ")


def _timestamptz(value: object) -> object:
    if value is None:
        return None
    return _endless(value) or _moment(value, "timestamp with time zone")[0].isoformat(" ") + "+00:00"


def _time(value: object) -> object:
    if value is None:
        return None
    if _CLOCK.match(str(value)):
        return _moment(f"2000-01-01 {str(value).strip()}", "time")[0].time().isoformat()
    return _moment(value, "time")[0].time().isoformat()


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(" ")


def _shift(value: object, interval: object, sign: int) -> object:
    """A moment moved by an interval; days and months of a date stay a timestamp, as in PostgreSQL."""
    if value is None or interval is None:
        return None
    moment, zoned = _moment(value, "timestamp")
    months, delta = _interval(str(interval))
    index = moment.year * 12 + moment.month - 1 + sign * months
    try:
        first = moment.replace(year=index // 12, month=index % 12 + 1, day=1)
        following = (first.replace(day=28) + timedelta(days=4)).replace(day=1)
        shifted = first.replace(day=min(moment.day, (following - timedelta(days=1)).day)) + sign * delta
    except (ValueError, OverflowError):
        raise PostgresError("timestamp out of range", sqlstate="22008") from None
    return shifted.isoformat(" ") + ("+00:00" if zoned else "")


def _days(left: object, right: object) -> object:
    """Days between two dates."""
    if left is None or right is None:
        return None
    return (_moment(left, "date")[0].date() - _moment(right, "date")[0].date()).days


def _add_days(value: object, days: object) -> object:
    if value is None or days is None:
        return None
    try:
        return (_moment(value, "date")[0].date() + timedelta(days=int(str(days)))).isoformat()
    except OverflowError:
        raise PostgresError("date out of range", sqlstate="22008") from None


def _elapsed(left: object, right: object) -> object:
    """The interval between two moments: days and hours, both with its sign."""
    if left is None or right is None:
        return None
    between = _moment(left, "timestamp")[0] - _moment(right, "timestamp")[0]
    sign = "-" if between < timedelta() else ""
    between = abs(between)
    seconds = between.seconds
    return (
        f"{sign}{between.days} days {sign}{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
        f".{between.microseconds:06}"
    )


@lru_cache(256)
def _interval(text: str) -> tuple[int, timedelta]:
    units = {"second": 1.0, "sec": 1.0, "s": 1.0, "minute": 60.0, "min": 60.0, "m": 60.0, "hour": 3600.0, "h": 3600.0}
    units.update(
        {"day": 86400.0, "d": 86400.0, "week": 604800.0, "w": 604800.0, "millisecond": 0.001, "microsecond": 1e-6}
    )
    long = {"month": 1, "mon": 1, "year": 12, "y": 12, "decade": 120, "century": 1200}
    months, seconds, end = 0, 0.0, 0
    for found in _INTERVAL_PART.finditer(text):
        if text[end : found.start()].strip():
            break
        end = found.end()
        if found[4]:
            clock = int(found[4]) * 3600 + int(found[5]) * 60 + float(found[6] or 0)
            seconds += -clock if found[3] == "-" else clock
            continue
        unit = found[2].lower()
        unit = unit[:-1] if unit.endswith("s") and len(unit) > 1 else unit
        if unit in long:
            months += int(float(found[1]) * long[unit])
        elif unit in units:
            seconds += float(found[1]) * units[unit]
        else:
            break
    else:
        if not text[end:].strip() and end:
            return months, timedelta(seconds=seconds)
    raise InvalidDatetimeFormat(f'invalid input syntax for type interval: "{text[:60]}"')


def _extract(field: str, value: object) -> object:
    if value is None:
        return None
    moment = _moment(value, "timestamp")[0]
    if field in ("year", "month", "day", "hour", "minute"):
        return getattr(moment, field)
    if field in ("second", "seconds"):
        return parameter_value(Decimal(moment.second) + Decimal(moment.microsecond) / 1_000_000)
    if field == "epoch":
        return parameter_value(Decimal((moment - datetime(1970, 1, 1)) // timedelta(microseconds=1)) / 1_000_000)
    simple = {
        "dow": moment.isoweekday() % 7,
        "isodow": moment.isoweekday(),
        "doy": moment.timetuple().tm_yday,
        "week": moment.isocalendar()[1],
        "quarter": (moment.month + 2) // 3,
    }
    if field not in simple:
        raise InvalidParameterValue(f'unit "{field}" not recognized for type timestamp')
    return simple[field]


def _trunc(unit: str, value: object) -> object:
    if value is None:
        return None
    moment, zoned = _moment(value, "timestamp")
    if unit == "week":
        start: date | datetime = moment - timedelta(days=moment.weekday())
        moment, unit = datetime(start.year, start.month, start.day), "day"
    if unit == "quarter":
        moment, unit = moment.replace(month=(moment.month - 1) // 3 * 3 + 1), "month"
    fields = ("year", "month", "day", "hour", "minute", "second")
    if unit not in fields:
        raise InvalidParameterValue(f'unit "{unit}" not recognized for type timestamp')
    kept = [getattr(moment, field) for field in fields[: fields.index(unit) + 1]]
    return datetime(*(kept + [1, 1, 1][len(kept) : 3])).isoformat(" ") + ("+00:00" if zoned else "")


# Text.


def _uuid(value: object) -> object:
    if value is None:
        return None
    try:
        return str(uuid.UUID(str(value).strip()))
    except ValueError:
        raise InvalidTextRepresentation(f'invalid input syntax for type uuid: "{str(value)[:60]}"') from None


def _uuid4() -> str:
    return str(uuid.uuid4())


def _bytea(value: object) -> object:
    if value is None or isinstance(value, bytes):
        return value
    text = str(value)
    if not text.startswith("\\x"):
        return text.encode()
    try:
        return bytes.fromhex(text[2:])
    except ValueError:
        raise InvalidTextRepresentation(f'invalid input syntax for type bytea: "{text[:60]}"') from None


def _array(value: object) -> object:
    """A one-dimensional array literal, ``{1,2}``, as JSON; JSON stays."""
    if value is None or not str(value).lstrip().startswith("{"):
        return value
    items: list[object] = []
    for quoted, bare in re.findall(r'"((?:[^"\\]|\\.)*)"|([^,{}]+)', str(value)):
        bare = bare.strip()
        if quoted or not bare:
            items.append(re.sub(r"\\(.)", r"\1", quoted))
        elif bare.upper() == "NULL":
            items.append(None)
        else:
            items.append(json.loads(bare) if re.fullmatch(r"-?(0|[1-9]\d*)(\.\d+)?", bare) else bare)
    return json.dumps(items)


@lru_cache(256)
def _pattern(pattern: str, insensitive: int) -> re.Pattern[str]:
    try:
        return re.compile(pattern, re.IGNORECASE if insensitive else 0)
    except re.error as error:
        raise PostgresError(f"invalid regular expression: {error}", sqlstate="2201B") from None


def _regexp(value: object, pattern: object, insensitive: int = 0) -> object:
    if value is None or pattern is None:
        return None
    return int(_pattern(str(pattern), insensitive).search(str(value)) is not None)


def _left(value: object, count: int | None) -> object:
    return None if value is None or count is None else str(value)[:count]


def _right(value: object, count: int | None) -> object:
    if value is None or count is None:
        return None
    return str(value)[-count:] if count else ""


def _split_part(value: object, delimiter: object, index: int | None) -> object:
    if value is None or delimiter is None or index is None:
        return None
    if index == 0:
        raise InvalidParameterValue("field position must not be zero")
    parts = str(value).split(str(delimiter)) if delimiter else [str(value)]
    place = index - 1 if index > 0 else index
    return parts[place] if -len(parts) <= place < len(parts) else ""


def _md5(value: object) -> object:
    data = value if isinstance(value, bytes) else str(value).encode()
    return None if value is None else hashlib.md5(data, usedforsecurity=False).hexdigest()


def _concat(*values: object) -> str:
    return "".join(str(value) for value in values if value is not None)


def _concat_ws(separator: object, *values: object) -> object:
    return None if separator is None else str(separator).join(str(value) for value in values if value is not None)


def _greatest(*values: object) -> object:
    return max((value for value in values if value is not None), default=None)  # type: ignore[type-var]


def _least(*values: object) -> object:
    return min((value for value in values if value is not None), default=None)  # type: ignore[type-var]


_FUNCTIONS: list[tuple[str, int, Callable[..., object]]] = [
    ("pgwire_div", 2, _divide),
    ("pgwire_mod", 2, _modulo),
    ("pgwire_quotient", 2, _quotient),
    ("pgwire_int", 2, _int),
    ("pgwire_float", 1, _float),
    ("pgwire_numeric", 1, _numeric),
    ("pgwire_numeric", 2, _numeric),
    ("pgwire_bool", 1, _bool),
    ("pgwire_bool_text", 1, _bool_text),
    ("pgwire_date", 1, _date),
    ("pgwire_time", 1, _time),
    ("pgwire_timestamp", 1, _timestamp),
    ("pgwire_timestamptz", 1, _timestamptz),
    ("pgwire_shift", 3, _shift),
    ("pgwire_days", 2, _days),
    ("pgwire_add_days", 2, _add_days),
    ("pgwire_elapsed", 2, _elapsed),
    ("pgwire_extract", 2, _extract),
    ("pgwire_trunc", 2, _trunc),
    ("pgwire_uuid", 1, _uuid),
    ("pgwire_bytea", 1, _bytea),
    ("pgwire_array", 1, _array),
    ("pgwire_regexp", 3, _regexp),
    ("regexp", 2, lambda pattern, value: _regexp(value, pattern)),
    ("pgwire_left", 2, _left),
    ("pgwire_right", 2, _right),
    ("pgwire_split_part", 3, _split_part),
    ("pgwire_md5", 1, _md5),
    ("pgwire_concat", -1, _concat),
    ("pgwire_concat_ws", -1, _concat_ws),
    ("pgwire_greatest", -1, _greatest),
    ("pgwire_least", -1, _least),
]
