"""Run-time parameters of a session: SET, SHOW, RESET, transaction scope and ParameterStatus (PostgreSQL, chapter 20; Protocol 55.2.7)."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Final

from ..errors import CantChangeRuntimeParam, FeatureNotSupported, InvalidParameterValue, UndefinedObject
from . import text_settings
from .coding import CODING_KEYS, Coding, Codings
from .parameters import PARAMETERS, Row

__all__ = ["REPORTED", "Defaults", "Settings"]

REPORTED: Final[tuple[str, ...]] = (
    "application_name",
    "client_encoding",
    "DateStyle",
    "default_transaction_read_only",
    "in_hot_standby",
    "integer_datetimes",
    "IntervalStyle",
    "is_superuser",
    "search_path",
    "server_encoding",
    "server_version",
    "session_authorization",
    "standard_conforming_strings",
    "TimeZone",
)
"""Parameters whose value the client is told at start-up and on every change."""

_REPORTED_KEYS: Final = tuple((name, name.lower()) for name in REPORTED)

MAX_CUSTOM: Final = 1_000
"""Most parameters of a session's own (``prefix.name``)."""

_ROWS: Final[dict[str, Row]] = {row[0].lower(): row for row in PARAMETERS}
_ALIASES: Final = {
    "time zone": "timezone",
    "timezone": "timezone",
    "transaction isolation level": "transaction_isolation",
}
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


class Defaults:
    """The values a session of this server starts with.

    Args:
        server_version: what ``server_version`` shows; clients choose their catalogue queries by it.
        parameters: other defaults of the server's, by name.
        codings: what the sessions encode and decode by.
    """

    def __init__(
        self, server_version: str, parameters: dict[str, str] | None = None, codings: Codings | None = None
    ) -> None:
        self.codings = codings or Codings()
        self.values = {name: _number(row, row[2]) if row[6] else row[2] for name, row in _ROWS.items()}
        major, _, minor = server_version.split(" ", maxsplit=1)[0].partition(".")
        self.values.update(
            {
                "server_version": server_version,
                "server_version_num": f"{int(major) * 10000 + int(minor or 0)}",
                "server_encoding": "UTF8",
                "client_encoding": "UTF8",
                "timezone": "UTC",
                "is_superuser": "on",
                "session_authorization": "",
                "lc_collate": "C",
                "lc_ctype": "C",
            }
        )
        for name, value in (parameters or {}).items():
            key = _key(name)
            self.values[key] = _canonical(key, value, self.values.get(key, ""), self.values.get(key, ""))


class Settings:
    """One session's run-time parameters over the server's defaults.

    Attributes:
        changes: reported parameters that changed and that the client was not told of; None where nothing changed that the protocol's layer
            has to know.
        statement_timeout: seconds a statement may take, 0 for no limit.
        coding: how its values and texts are encoded and decoded.
    """

    __slots__ = (
        "_defaults",
        "_local",
        "_overrides",
        "_saved",
        "_startup",
        "_told",
        "changes",
        "coding",
        "statement_timeout",
    )

    def __init__(self, defaults: Defaults, startup: dict[str, str], coding: Coding | None = None) -> None:
        self._defaults = defaults
        self._startup = startup
        self._overrides: dict[str, str] = {}
        self._local: dict[str, str] = {}
        self._saved: list[tuple[dict[str, str], dict[str, str]]] = []
        self.changes: dict[str, str] | None = None
        self._told: dict[str, str] = {}
        timeout = startup.get("statement_timeout") or defaults.values["statement_timeout"]
        self.statement_timeout = 0.0 if timeout == "0" else milliseconds(timeout) / 1000
        self.coding: Coding = coding or self._coding()

    # -- reading -----------------------------------------------------------------------------------------------------

    def get(self, name: str) -> str | None:
        """A parameter's value as SHOW prints it, or None where there is none of that name (any case)."""
        key = _key(name)
        for values in (self._local, self._overrides, self._startup, self._defaults.values):
            if key in values:
                return values[key]
        return None

    def show(self, name: str) -> str:
        """As :meth:`get`; raises UndefinedObject (42704) for an unknown name."""
        value = self.get(name)
        if value is None:
            raise UndefinedObject(f'unrecognized configuration parameter "{name}"')
        return value

    def all(self) -> list[tuple[str, str, str]]:
        """Name, value and description of every parameter, sorted by name."""
        keys = sorted({**self._defaults.values, **self._startup, **self._overrides, **self._local})
        return [(display_name(key), self.get(key) or "", _ROWS[key][8] if key in _ROWS else "") for key in keys]

    def reported(self) -> list[tuple[str, str]]:
        """Name and value of every parameter that the client is told of."""
        values = {**self._defaults.values, **self._startup, **self._overrides, **self._local}
        return [(name, values.get(key, "")) for name, key in _REPORTED_KEYS]

    # -- changing ----------------------------------------------------------------------------------------------------

    def set(self, name: str, value: str, *, local: bool = False) -> str:
        """Set a parameter and return its canonical value.

        Raises:
            PostgresError: 42704 unknown name, 22023 bad value, 55P02 not changeable, 0A000 a value that is not supported.
        """
        key = _key(name)
        row = _ROWS.get(key)
        if row is None and "." not in key and key not in self._defaults.values:
            raise UndefinedObject(f'unrecognized configuration parameter "{name}"')
        if (row is not None and row[7] == "internal") or key == "is_superuser":
            raise CantChangeRuntimeParam(f'parameter "{display_name(key)}" cannot be changed')
        if row is None and key not in self._overrides and sum("." in known for known in self._overrides) >= MAX_CUSTOM:
            raise InvalidParameterValue(f"a session can have at most {MAX_CUSTOM} parameters of its own")
        default = self._startup.get(key, self._defaults.values.get(key, ""))
        canonical = _canonical(key, value, self.get(key) or "", default)
        self._put(key, canonical, local)
        return canonical

    def reset(self, name: str) -> None:
        """Back to the session's start value; raises UndefinedObject (42704) for an unknown name."""
        key = _key(name)
        value = self._startup.get(key, self._defaults.values.get(key))
        if value is None:
            if "." not in key:
                raise UndefinedObject(f'unrecognized configuration parameter "{name}"')
            value = ""
        self._put(key, value, local=False)

    def reset_all(self) -> None:
        """Every parameter back to its start value."""
        for key in list(self._overrides):
            if not key.startswith("transaction_"):
                self._put(key, self._startup.get(key, self._defaults.values.get(key, "")), local=False)

    def start_values(self) -> dict[str, str]:
        """What was set so far, as the ``startup`` of sessions to come: the values that RESET goes back to."""
        return {**self._startup, **self._overrides}

    def _put(self, key: str, value: str, local: bool) -> None:
        old = self.get(key)
        if key.startswith("transaction_"):
            local = True
        if not local:
            self._overrides[key] = value
            self._local.pop(key, None)
        elif self._saved:
            self._local[key] = value
        self._note(key, old, self.get(key) or "")

    def _note(self, key: str, old: str | None, new: str) -> None:
        if key == "statement_timeout":
            self.statement_timeout = milliseconds(new) / 1000
        if old != new and key in CODING_KEYS:
            self.coding = self._coding()
            self.changes = self.changes or {}
        name = display_name(key)
        if old != new and name in REPORTED:
            self._told.setdefault(name, old or "")
            self.changes = {**(self.changes or {}), name: new}

    def _coding(self) -> Coding:
        return self._defaults.codings.find(tuple([self.get(key) or "" for key in CODING_KEYS]))

    @property
    def default_coding(self) -> Coding:
        """The coding of the server's default settings, which leaves out nothing: what waits to be printed is kept in it."""
        return self._defaults.codings.default

    def take_changes(self) -> dict[str, str]:
        """Reported parameters changed since the last call: what ParameterStatus must tell. What was changed back is none."""
        changes, self.changes = self.changes, None
        told, self._told = self._told, {}
        return {name: value for name, value in (changes or {}).items() if value != told[name]}

    # -- transactions ------------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """A transaction starts: what is set from here on can be undone."""
        if not self._saved:
            self._save()

    def savepoint(self) -> None:
        """A savepoint is set: :meth:`rollback_to` can undo what is set from here on."""
        self._save()

    def release(self, level: int) -> None:
        """The savepoint of that level (from 0), and those after it, are gone; their changes stay."""
        del self._saved[level + 1 :]

    def rollback_to(self, level: int) -> None:
        """Undo what was set since the savepoint of that level (from 0)."""
        self._restore(level + 1)
        del self._saved[level + 2 :]

    def fail(self) -> None:
        """The transaction has failed: what was set since its newest savepoint, or since it began, is undone at once."""
        if self._saved:
            self._restore(-1)

    def end(self, *, commit: bool) -> None:
        """The transaction ends: a rollback undoes every SET in it, a commit those that were LOCAL."""
        if not self._saved:
            return
        if commit:
            self._replace(self._overrides, {})
        else:
            self._restore(0)
        self._saved = []

    def _save(self) -> None:
        self._saved.append((dict(self._overrides), dict(self._local)))

    def _restore(self, index: int) -> None:
        overrides, local = self._saved[index]
        self._replace(dict(overrides), dict(local))

    def _replace(self, overrides: dict[str, str], local: dict[str, str]) -> None:
        keys = {*self._overrides, *self._local, *overrides, *local}
        before = {key: self.get(key) for key in keys}
        self._overrides, self._local = overrides, local
        for key, old in before.items():
            self._note(key, old, self.get(key) or "")


def _key(name: str) -> str:
    key = name.lower()
    return _ALIASES.get(key, key)


def display_name(key: str) -> str:
    """The name as PostgreSQL prints it."""
    row = _ROWS.get(key)
    return row[0] if row is not None else key


def _canonical(key: str, value: str, current: str, default: str) -> str:
    """The value as SHOW prints it; ``current`` is the parameter's value so far and ``default`` what RESET would make it."""
    row = _ROWS.get(key)
    if key == "datestyle":
        return text_settings.date_style(value, current, default)
    if key == "timezone":
        return text_settings.time_zone(value)
    if key == "client_encoding":
        return text_settings.client_encoding(value)
    if key == "application_name":
        return text_settings.printable(value)
    if key == "standard_conforming_strings" and _boolean(key, value) == "off":
        raise FeatureNotSupported(f'parameter "{key}" cannot be set to "{value}": only "on" is supported')
    if row is None:
        return value
    kind = row[1]
    if kind == "bool":
        return _boolean(row[0], value)
    if kind == "enum":
        for allowed in row[5] or ():
            if value.lower() == allowed.lower():
                return allowed
        if value.lower() in (*_TRUE, *_FALSE) and {"on", "off"} <= set(row[5] or ()):
            return _boolean(row[0], value)
        raise _invalid(row, value)
    if kind in ("integer", "real"):
        return _number(row, value)
    return value


def _invalid(row: Row, value: str) -> InvalidParameterValue:
    hint = f"Available values: {', '.join(row[5])}." if row[5] else None
    return InvalidParameterValue(f'invalid value for parameter "{row[0]}": "{value[:64]}"', hint=hint)


def _boolean(name: str, value: str) -> str:
    text = value.lower()
    if text:
        for canonical, spellings in (("on", _TRUE), ("off", _FALSE)):
            if any(spelling.startswith(text) for spelling in spellings) and text != "o":
                return canonical
    raise InvalidParameterValue(f'parameter "{name}" requires a Boolean value')


def _number(row: Row, value: str) -> str:
    name, kind, unit = row[0], row[1], row[6]
    text = value.strip()
    suffix = text.lstrip("+-.0123456789eE") if unit else ""
    digits = text[: len(text) - len(suffix)]
    suffix = suffix.strip()
    units = {} if unit is None else _TIME_UNITS if unit in _TIME_UNITS else {**_MEMORY_UNITS, **_BLOCK}
    try:
        number = Decimal(digits)
        if not number.is_finite():
            raise InvalidOperation
    except InvalidOperation:
        raise InvalidParameterValue(f'invalid value for parameter "{name}": "{value[:64]}"') from None
    if suffix:
        if suffix not in units:
            names = ", ".join(f'"{known}"' for known in list(units)[:-1]) + f', and "{list(units)[-1]}"'
            raise InvalidParameterValue(
                f'invalid value for parameter "{name}": "{value[:64]}"',
                hint=f"Valid units for this parameter are {names}.",
            )
        number = number * units[suffix] / units[unit or suffix]
    if kind == "integer":
        number = number.to_integral_value()
    low, high = Decimal(row[3] or "-Infinity"), Decimal(row[4] or "Infinity")
    if not low <= number <= high:
        shown = f"{number:f} {unit}" if unit else f"{number:f}"
        raise InvalidParameterValue(f'{shown} is outside the valid range for parameter "{name}" ({row[3]} .. {row[4]})')
    return _with_unit(number, unit, units)


def _with_unit(number: Decimal, unit: str | None, units: dict[str, Decimal]) -> str:
    if unit is None or number <= 0:
        return f"{number:f}"
    base = number * units[unit]
    for name, size in sorted(units.items(), key=lambda item: -item[1]):
        if name not in _BLOCK and base % size == 0:
            return f"{(base / size):f}{name}"
    return f"{number:f}{unit}"


def milliseconds(shown: str) -> float:
    """A time parameter's value as SHOW prints it (``1min``), in milliseconds."""
    digits = shown.rstrip("usminhd")
    return float(Decimal(digits) * _TIME_UNITS[shown[len(digits) :] or "ms"])
