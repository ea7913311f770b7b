"""Values of run-time parameters: how they are read and what SHOW prints, by type, unit and range (PostgreSQL 20.1.1)."""

from __future__ import annotations

import re
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

from ..errors import InvalidParameterValue
from .parameters import PARAMETERS, Row

__all__ = [
    "LISTS",
    "ROWS",
    "base_value",
    "boolean",
    "canonical",
    "display_name",
    "is_custom_name",
    "memory_bytes",
    "milliseconds",
]

_MORE: Final[tuple[Row, ...]] = (
    ("role", "string", "none", None, None, None, None, "user", "Sets the current role.", "Ungrouped"),
    (
        "transaction_timeout",
        "integer",
        "0",
        "0",
        "2147483647",
        None,
        "ms",
        "user",
        "Sets the maximum allowed duration of any transaction within a session (not a prepared transaction).",
        "Client Connection Defaults / Statement Behavior",
    ),
)
"""Parameters that PostgreSQL 15 does not have, or does not list."""

ROWS: Final[dict[str, Row]] = {row[0].lower(): row for row in (*PARAMETERS, *_MORE)}
"""Every known parameter by its name in lower case."""

LISTS: Final = frozenset(
    [
        "datestyle",
        "debug_io_direct",
        "listen_addresses",
        "local_preload_libraries",
        "log_destination",
        "search_path",
        "session_preload_libraries",
        "shared_preload_libraries",
        "synchronous_standby_names",
        "temp_tablespaces",
        "unix_socket_directories",
        "wal_consistency_checking",
    ]
)
"""Parameters whose value is a list: SET takes several values for them."""

_TRUE: Final = ("on", "true", "yes", "1")
_FALSE: Final = ("off", "false", "no", "0")
_TIME_UNITS: Final = {
    "us": Decimal("0.001"),
    "ms": Decimal(1),
    "s": Decimal(1000),
    "min": Decimal(60_000),
    "h": Decimal(3_600_000),
    "d": Decimal(86_400_000),
}
_MEMORY_UNITS: Final = {
    "B": Decimal(1) / 1024,
    "kB": Decimal(1),
    "MB": Decimal(1024),
    "GB": Decimal(1024**2),
    "TB": Decimal(1024**3),
}
_BLOCK: Final = {"8kB": Decimal(8)}
_HIDDEN: Final[dict[str, dict[str, str]]] = {"client_min_messages": {"debug": "debug2", "info": "info"}}
"""Values of enums that are accepted and not told in hints."""
_NUMBER: Final = re.compile(
    r"(?P<hex>[+-]?0[xX][0-9a-fA-F]+)|[+-]?(?:(?P<special>inf(?:inity)?|nan)|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)",
    re.IGNORECASE,
)
_MAX_REAL: Final = Decimal("1.797693134862315708e308")
_CUSTOM_NAME: Final = re.compile(
    r"[A-Za-z_\x80-\U0010ffff][\w$\x80-\U0010ffff]*(\.[A-Za-z_\x80-\U0010ffff][\w$\x80-\U0010ffff]*)+", re.ASCII
)
_SHOWN: Final = 64
"""Characters of a wrong value that an error shows."""


def display_name(key: str) -> str:
    """The name as PostgreSQL prints it."""
    row = ROWS.get(key)
    return row[0] if row is not None else key


def is_custom_name(name: str) -> bool:
    """Whether a parameter of a session's own may have this name."""
    return _CUSTOM_NAME.fullmatch(name) is not None


def canonical(row: Row, value: str) -> str:
    """A value as SHOW prints it; raises InvalidParameterValue (22023)."""
    kind = row[1]
    if kind == "bool":
        return boolean(row[0], value)
    if kind == "enum":
        return _enum(row, value)
    if kind in ("integer", "real"):
        return _number(row, value)
    return value


def boolean(name: str, value: str) -> str:
    """``on`` or ``off``; raises InvalidParameterValue."""
    text = value.lower()
    if text:
        for shown, spellings in (("on", _TRUE), ("off", _FALSE)):
            if any(spelling.startswith(text) for spelling in spellings) and text != "o":
                return shown
    raise InvalidParameterValue(f'parameter "{name}" requires a Boolean value')


def _enum(row: Row, value: str) -> str:
    allowed = row[5] or ()
    text = value.lower()
    for name in allowed:
        if text == name.lower():
            return name
    hidden = _HIDDEN.get(row[0], {}).get(text)
    if hidden is not None:
        return hidden
    if text in (*_TRUE, *_FALSE) and {"on", "off"} <= set(allowed):
        return boolean(row[0], value)
    raise _invalid(row[0], value, f"Available values: {', '.join(allowed)}.")


def _invalid(name: str, value: str, hint: str | None = None) -> InvalidParameterValue:
    return InvalidParameterValue(f'invalid value for parameter "{name}": "{value[:_SHOWN]}"', hint=hint)


def _units(unit: str | None) -> dict[str, Decimal]:
    return {} if unit is None else _TIME_UNITS if unit in _TIME_UNITS else {**_MEMORY_UNITS, **_BLOCK}


def _number(row: Row, value: str) -> str:
    name, kind, unit = row[0], row[1], row[6]
    units = _units(unit)
    text = value.strip()
    match = _NUMBER.match(text)
    if match is None or (match["special"] and (kind == "integer" or match["special"].lower() == "nan")):
        raise _invalid(name, value)
    if len(match[0]) > 1_000:
        raise _invalid(name, value)
    number = Decimal(int(match["hex"], 16)) if match["hex"] else Decimal(match[0])
    suffix = text[match.end() :].strip()
    if suffix:
        if suffix not in units or suffix in _BLOCK:
            raise _invalid(name, value, _unit_hint(units))
        number = number * units[suffix] / units[unit or suffix]
    if kind == "integer":
        if number.adjusted() > 18:
            raise _invalid(name, value, "Value exceeds integer range.")
        number = number.to_integral_value(ROUND_HALF_EVEN).quantize(Decimal(1))
        if not -(1 << 31) <= number < 1 << 31:
            raise _invalid(name, value, "Value exceeds integer range.")
    elif number.is_finite() and abs(number) > _MAX_REAL:
        raise _invalid(name, value)
    low, high = Decimal(row[3] or "-Infinity"), Decimal(row[4] or "Infinity")
    if not low <= number <= (max(high, _MAX_REAL) if row[4] == "1.79769e+308" else high):
        shown = f"{number:f}" if kind == "integer" else _real(number)
        shown = f"{shown} {unit}" if unit else shown
        raise InvalidParameterValue(f'{shown} is outside the valid range for parameter "{name}" ({row[3]} .. {row[4]})')
    return _with_unit(number, unit, units, kind)


def _unit_hint(units: dict[str, Decimal]) -> str | None:
    names = [f'"{name}"' for name in units if name not in _BLOCK]
    return f"Valid units for this parameter are {', '.join(names[:-1])}, and {names[-1]}." if names else None


def _real(number: Decimal) -> str:
    """As C's ``%g``."""
    return (
        "Infinity" if number == Decimal("Infinity") else "-Infinity" if number.is_infinite() else f"{float(number):g}"
    )


def _with_unit(number: Decimal, unit: str | None, units: dict[str, Decimal], kind: str) -> str:
    if unit is None or number <= 0:
        return f"{number:f}" if kind == "integer" else _real(number)
    base = number * units[unit]
    for name, size in sorted(units.items(), key=lambda item: -item[1]):
        if name not in _BLOCK and base % size == 0:
            shown = (base / size).normalize()
            return f"{shown:f}{name}" if kind == "integer" else f"{_real(shown)}{name}"
    return f"{number:f}{unit}" if kind == "integer" else f"{_real(number)}{unit}"


def base_value(row: Row, shown: str) -> str:
    """A value as SHOW prints it, in the parameter's own unit and without it: the ``setting`` of pg_settings."""
    unit = row[6]
    if unit is None or row[1] not in ("integer", "real"):
        return shown
    units = _units(unit)
    match = _NUMBER.match(shown)
    if match is None:
        return shown
    suffix = shown[match.end() :]
    if not suffix:
        return shown
    number = Decimal(match[0]) * units[suffix] / units[unit]
    return f"{number.to_integral_value():f}" if row[1] == "integer" else _real(number)


def memory_bytes(shown: str) -> int:
    """A memory parameter's value as SHOW prints it (``1kB``), in bytes."""
    digits = shown.rstrip("BkMGT")
    return int(Decimal(digits) * _MEMORY_UNITS[shown[len(digits) :] or "B"] * 1024)


def milliseconds(shown: str) -> float:
    """A time parameter's value as SHOW prints it (``1min``), in milliseconds."""
    digits = shown.rstrip("usminhd")
    return float(Decimal(digits) * _TIME_UNITS[shown[len(digits) :] or "ms"])
