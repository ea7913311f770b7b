"""Run-time parameters of a session: SET, SHOW, RESET, transaction scope and ParameterStatus (PostgreSQL, chapter 20; Protocol 55.2.7)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from ..errors import (
    ActiveSQLTransaction,
    CantChangeRuntimeParam,
    FeatureNotSupported,
    InsufficientPrivilege,
    InvalidName,
    InvalidParameterValue,
    UndefinedObject,
)
from . import text_settings
from .coding import CODING_KEYS, Coding, Codings
from .parameter_values import ROWS, base_value, boolean, canonical, display_name, is_custom_name, milliseconds

__all__ = ["REPORTED", "Defaults", "Settings", "display_name"]

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

_ALIASES: Final = {
    "time zone": "timezone",
    "timezone": "timezone",
    "transaction isolation level": "transaction_isolation",
}
_TRANSACTION: Final = ("transaction_isolation", "transaction_read_only", "transaction_deferrable")
"""Outside of a transaction they show what the next one starts with."""
_KEPT: Final = frozenset((*_TRANSACTION, "role", "session_authorization"))
"""What RESET ALL leaves alone."""
_TIMEOUTS: Final = (
    "statement_timeout",
    "idle_session_timeout",
    "idle_in_transaction_session_timeout",
    "transaction_timeout",
)
_CONTEXTS: Final = {
    "internal": "cannot be changed",
    "postmaster": "cannot be changed without restarting the server",
    "sighup": "cannot be changed now",
    "backend": "cannot be set after connection start",
    "superuser-backend": "cannot be set after connection start",
}
"""Why a parameter cannot be set, by its context in pg_settings."""


def _seconds(shown: str) -> float:
    return 0.0 if shown == "0" else milliseconds(shown) / 1000


def _nobody(name: str) -> bool:
    return False


class Defaults:
    """The values a session of this server starts with.

    Args:
        server_version: what ``server_version`` shows; clients choose their catalogue queries by it.
        parameters: other defaults of the server's, by name.
        codings: what the sessions encode and decode by.

    Attributes:
        timeouts: in seconds, as of :class:`Settings`; so is ``timed``.
        is_user: whether there is a user of that name, besides a session's own.
    """

    def __init__(
        self, server_version: str, parameters: dict[str, str] | None = None, codings: Codings | None = None
    ) -> None:
        self.codings = codings or Codings()
        self.is_user: Callable[[str], bool] = _nobody
        self.values = {name: canonical(row, row[2]) if row[6] else row[2] for name, row in ROWS.items()}
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
            self.values[key] = _shown(key, value, self.values.get(key, ""), self.values.get(key, ""))
        self.timeouts = tuple([_seconds(self.values[key]) for key in _TIMEOUTS])
        self.timed = any(self.timeouts)


class Settings:
    """One session's run-time parameters over the server's defaults.

    Attributes:
        changes: reported parameters that changed and that the client was not told of; None where nothing changed that the protocol's layer
            has to know.
        timeouts: seconds that a statement, being idle, being idle in a transaction, and a transaction may take, 0 for no limit.
        timed: whether there is any such limit.
        queried: whether the transaction has run a query: its isolation level cannot be chosen any more.
        coding: how its values and texts are encoded and decoded.
    """

    __slots__ = (
        "_custom",
        "_defaults",
        "_local",
        "_overrides",
        "_saved",
        "_startup",
        "_told",
        "changes",
        "coding",
        "queried",
        "timed",
        "timeouts",
    )

    def __init__(self, defaults: Defaults, startup: dict[str, str], coding: Coding | None = None) -> None:
        self._defaults = defaults
        self._startup = startup
        self._overrides: dict[str, str] = {}
        self._local: dict[str, str] = {}
        self._saved: list[tuple[dict[str, str], dict[str, str]]] = []
        self.changes: dict[str, str] | None = None
        self._told: dict[str, str] = {}
        self._custom: frozenset[str] = frozenset()
        self.queried = False
        if startup.keys().isdisjoint(_TIMEOUTS):
            self.timeouts = defaults.timeouts
            self.timed = defaults.timed
        else:
            self._read_timeouts()
        self.coding: Coding = coding or self._coding()

    # -- reading -----------------------------------------------------------------------------------------------------

    def get(self, name: str) -> str | None:
        """A parameter's value as SHOW prints it, or None where there is none of that name (any case)."""
        key = _key(name)
        if key in _TRANSACTION and key not in self._local:
            key = f"default_{key}"
        for values in (self._local, self._overrides, self._startup, self._defaults.values):
            if key in values:
                return values[key]
        return "" if key in self._custom else None

    def show(self, name: str) -> str:
        """As :meth:`get`; raises UndefinedObject (42704) for an unknown name."""
        value = self.get(name)
        if value is None:
            raise UndefinedObject(f'unrecognized configuration parameter "{name}"')
        return value

    def all(self) -> list[tuple[str, str, str]]:
        """Name, value and description of every parameter that SHOW ALL lists, sorted by name."""
        return [(ROWS[key][0], self.get(key) or "", ROWS[key][8]) for key in sorted(ROWS) if key != "role"]

    def rows(self) -> list[dict[str, object]]:
        """The rows of ``pg_settings``."""
        return [self._row(key) for key in sorted(ROWS) if key != "role"]

    def _row(self, key: str) -> dict[str, object]:
        name, kind, boot, low, high, allowed, unit, context, description, category = ROWS[key]
        row = ROWS[key]
        start = self._startup.get(key, self._defaults.values.get(key, ""))
        changed = key in self._local or key in self._overrides
        value = self.get(key) or ""
        return {
            "name": name,
            "setting": base_value(row, value),
            "unit": unit,
            "category": category,
            "short_desc": description,
            "context": context,
            "vartype": kind,
            "source": "session" if changed and value != start else "client" if key in self._startup else "default",
            "min_val": low,
            "max_val": high,
            "enumvals": None
            if allowed is None
            else "{" + ",".join(f'"{value}"' if " " in value else value for value in allowed) + "}",
            "boot_val": boot,
            "reset_val": base_value(row, start),
            "pending_restart": False,
        }

    def reported(self) -> list[tuple[str, str]]:
        """Name and value of every parameter that the client is told of."""
        values = {**self._defaults.values, **self._startup, **self._overrides, **self._local}
        return [(name, values.get(key, "")) for name, key in _REPORTED_KEYS]

    # -- changing ----------------------------------------------------------------------------------------------------

    def set(self, name: str, value: str | None, *, local: bool = False, starting: bool = False) -> str:
        """Set a parameter and return its canonical value; None sets what RESET would. ``starting``: it is one of the start-up packet's.

        Raises:
            PostgresError: 42704 unknown name, 42602 no name, 22023 bad value, 55P02 not changeable, 25001 not any more in this
                transaction, 42501 not allowed, 0A000 a value that is not supported.
        """
        key = _key(name)
        self._check_name(name, key, starting)
        default = self._startup.get(key, self._defaults.values.get(key, ""))
        if value is None:
            value = default
        if key in ("role", "session_authorization"):
            self._check_user(key, value)
        shown = _shown(key, value, self.get(key) or "", default)
        if key in _TRANSACTION:
            self._check_transaction(key, shown)
        if key not in ROWS and "." in key:
            self._add_custom(name, key)
        self._put(key, shown, local)
        return shown

    def _check_name(self, name: str, key: str, starting: bool) -> None:
        row = ROWS.get(key)
        if row is None and key not in self._defaults.values and key not in self._custom:
            if "." not in key:
                raise UndefinedObject(f'unrecognized configuration parameter "{name}"')
            if not is_custom_name(name):
                raise InvalidName(
                    f'invalid configuration parameter name "{name}"',
                    detail="Custom parameter names must be two or more simple identifiers separated by dots.",
                )
        context = "internal" if key == "is_superuser" else "user" if row is None else row[7]
        reason = _CONTEXTS.get(context)
        if reason is not None and not (starting and context.endswith("backend")):
            raise CantChangeRuntimeParam(f'parameter "{display_name(key)}" {reason}')

    def _add_custom(self, name: str, key: str) -> None:
        if key not in self._custom:
            if len(self._custom) >= MAX_CUSTOM:
                raise InvalidParameterValue(f"a session can have at most {MAX_CUSTOM} parameters of its own")
            self._custom |= {key}

    def _check_user(self, key: str, value: str) -> None:
        """A session is its user, and nobody else."""
        user = self._startup.get("session_authorization", value)
        if value == user or (key == "role" and value == "none"):
            return
        if not self._defaults.is_user(value):
            raise InvalidParameterValue(f'role "{value}" does not exist')
        what = "role" if key == "role" else "session authorization"
        raise InsufficientPrivilege(f'permission denied to set {what} "{value}"')

    def _check_transaction(self, key: str, value: str) -> None:
        if not self._saved:
            return
        nested = len(self._saved) > 1
        if key != "transaction_deferrable" and value == self.get(key):
            return
        if key == "transaction_read_only":
            if value == "on":
                return
            if nested and self._saved[-1][1].get(key) == "on":
                raise ActiveSQLTransaction("cannot set transaction read-write mode inside a read-only transaction")
            if self.queried:
                raise ActiveSQLTransaction("transaction read-write mode must be set before any query")
        elif key == "transaction_isolation":
            if self.queried:
                raise ActiveSQLTransaction("SET TRANSACTION ISOLATION LEVEL must be called before any query")
            if nested:
                raise ActiveSQLTransaction("SET TRANSACTION ISOLATION LEVEL must not be called in a subtransaction")
        elif nested:
            raise ActiveSQLTransaction("SET TRANSACTION [NOT] DEFERRABLE cannot be called within a subtransaction")
        elif self.queried:
            raise ActiveSQLTransaction("SET TRANSACTION [NOT] DEFERRABLE must be called before any query")

    def reset(self, name: str) -> None:
        """Back to the session's start value; raises as :meth:`set`."""
        key = _key(name)
        if key in _TRANSACTION and not self._saved:
            return
        self._check_name(name, key, False)
        if key in self._custom or key in ROWS or key in self._defaults.values:
            self._put(key, self._startup.get(key, self._defaults.values.get(key, "")), local=False)

    def reset_all(self) -> None:
        """Every parameter back to its start value."""
        for key in list({**self._overrides, **self._local}):
            if key not in _KEPT:
                self._put(key, self._startup.get(key, self._defaults.values.get(key, "")), local=False)

    def start_values(self) -> dict[str, str]:
        """What was set so far, as the ``startup`` of sessions to come: the values that RESET goes back to."""
        return {**self._startup, **self._overrides}

    def _put(self, key: str, value: str, local: bool) -> None:
        old = self.get(key)
        if key in _TRANSACTION:
            local = True
        if not local:
            self._overrides[key] = value
            self._local.pop(key, None)
        elif self._saved:
            self._local[key] = value
        self._note(key, old, self.get(key) or "")

    def _note(self, key: str, old: str | None, new: str) -> None:
        if old != new and key in _TIMEOUTS:
            self._read_timeouts()
        if old != new and key in CODING_KEYS:
            self.coding = self._coding()
            self.changes = self.changes or {}
        name = display_name(key)
        if old != new and name in REPORTED:
            self._told.setdefault(name, old or "")
            self.changes = {**(self.changes or {}), name: new}

    def _read_timeouts(self) -> None:
        shown = [self.get(key) or "0" for key in _TIMEOUTS]
        self.timeouts = tuple(map(_seconds, shown))
        self.timed = any(self.timeouts)

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
            self.queried = False
            for key in _TRANSACTION:
                self._local[key] = self.get(f"default_{key}") or ""

    def savepoint(self) -> None:
        """A savepoint is set: :meth:`rollback_to` can undo what is set from here on."""
        self._save()

    def release(self, level: int) -> None:
        """The savepoint of that level (from 0), and those after it, are gone; their changes stay, but for READ ONLY."""
        mode = self._saved[level + 1][1].get("transaction_read_only")
        if mode is not None:
            self._local["transaction_read_only"] = mode
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
        self.queried = False
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


def _shown(key: str, value: str, current: str, default: str) -> str:
    """The value as SHOW prints it; ``current`` is the parameter's value so far and ``default`` what RESET would make it."""
    row = ROWS.get(key)
    if key == "datestyle":
        return text_settings.date_style(value, current, default)
    if key == "timezone":
        return text_settings.time_zone(value)
    if key == "client_encoding":
        return text_settings.client_encoding(value)
    if key == "application_name":
        return text_settings.printable(value)
    if key == "standard_conforming_strings" and boolean(key, value) == "off":
        raise FeatureNotSupported(f'parameter "{key}" cannot be set to "{value}": only "on" is supported')
    return value if row is None else canonical(row, value)
