"""Statements that the session layer answers itself, whatever the engine: transactions, run-time parameters, clean-up.

``parse`` recognises one from its tokens; ``control.py`` carries it out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from .. import oids
from ..engines.base import Column
from ..errors import FeatureNotSupported
from ..sql import Statement, quoted
from . import session_commands
from .tokens import Command, Tokens

__all__ = [
    "Begin",
    "Clean",
    "Command",
    "Commit",
    "Deallocate",
    "Release",
    "Reset",
    "Rollback",
    "RollbackTo",
    "Savepoint",
    "SetParameter",
    "SetTransaction",
    "Show",
    "parse",
]

QUOTED_LISTS: Final = frozenset(
    {
        "local_preload_libraries",
        "search_path",
        "session_preload_libraries",
        "shared_preload_libraries",
        "temp_tablespaces",
        "unix_socket_directories",
    }
)
"""Parameters that are lists of names: each stands in quotes where it needs them."""
_PLAIN_NAME: Final = re.compile("[a-z_][a-z0-9_]*")
_ENGINE_SHOWS: Final = frozenset({"tables", "databases", "schemas", "columns"})
"""``SHOW`` of these is the engine's own, where it has such a statement."""


@dataclass(frozen=True, slots=True)
class Begin(Command):
    """BEGIN, START TRANSACTION; ``modes`` are parameters to set for the transaction."""

    modes: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Commit(Command):
    """COMMIT, END; ``chain`` starts the next transaction at once."""

    chain: bool = False


@dataclass(frozen=True, slots=True)
class Rollback(Command):
    """ROLLBACK, ABORT; ``chain`` starts the next transaction at once."""

    chain: bool = False


@dataclass(frozen=True, slots=True)
class Savepoint(Command):
    """SAVEPOINT name."""

    name: str = ""


@dataclass(frozen=True, slots=True)
class Release(Command):
    """RELEASE [SAVEPOINT] name."""

    name: str = ""


@dataclass(frozen=True, slots=True)
class RollbackTo(Command):
    """ROLLBACK TO [SAVEPOINT] name."""

    name: str = ""


@dataclass(frozen=True, slots=True)
class SetParameter(Command):
    """SET name = value; ``value`` None is DEFAULT; ``several`` says that it was a list."""

    name: str = ""
    value: str | None = None
    local: bool = False
    several: bool = False


@dataclass(frozen=True, slots=True)
class SetTransaction(Command):
    """SET TRANSACTION (``session`` False) or SET SESSION CHARACTERISTICS AS TRANSACTION."""

    modes: tuple[tuple[str, str], ...] = ()
    session: bool = False


@dataclass(frozen=True, slots=True)
class Reset(Command):
    """RESET name; ``name`` None is ALL."""

    name: str | None = None


@dataclass(frozen=True, slots=True)
class Show(Command):
    """SHOW name; ``name`` None is ALL."""

    name: str | None = None

    @property
    def columns(self) -> tuple[Column, ...]:
        if self.name is None:
            return (Column("name", oids.TEXT), Column("setting", oids.TEXT), Column("description", oids.TEXT))
        from .parameter_values import display_name

        return (Column(display_name(self.name), oids.TEXT),)


@dataclass(frozen=True, slots=True)
class Deallocate(Command):
    """DEALLOCATE [PREPARE] name; ``name`` None is ALL."""

    name: str | None = None


@dataclass(frozen=True, slots=True)
class Clean(Command):
    """DISCARD: ``all`` True for DISCARD ALL, ``temp`` where temporary tables go."""

    all: bool = False
    temp: bool = False


def parse(statement: Statement) -> Command | None:
    """The session layer's command in a statement, or None where it is the engine's.

    Raises:
        SQLSyntaxError: it is such a command, but malformed.
    """
    parser = _PARSERS.get(statement.keywords[0]) if statement.keywords else None
    if parser is None:
        return None
    tokens = Tokens(statement)
    tokens.take()
    command = parser(tokens)
    if command is not None:
        tokens.end()
    return command


def _modes(tokens: Tokens, needed: bool = False) -> tuple[tuple[str, str], ...]:
    modes: list[tuple[str, str]] = []
    while tokens.peek() is not None:
        if tokens.word("isolation"):
            if not tokens.word("level"):
                raise tokens.error(tokens.take())
            level = tokens.word("serializable", "repeatable", "read")
            if level == "repeatable":
                level += " " + (tokens.word("read") or tokens.take().value)
            elif level == "read":
                level += " " + (tokens.word("committed", "uncommitted") or tokens.take().value)
            elif not level:
                raise tokens.error(tokens.take())
            modes.append(("isolation", level))
        elif tokens.word("read"):
            kind = tokens.word("only", "write")
            if not kind:
                raise tokens.error(tokens.take())
            modes.append(("read_only", "on" if kind == "only" else "off"))
        elif tokens.word("not"):
            if not tokens.word("deferrable"):
                raise tokens.error(tokens.take())
            modes.append(("deferrable", "off"))
        elif tokens.word("deferrable"):
            modes.append(("deferrable", "on"))
        elif modes and tokens.operator(","):
            continue
        else:
            raise tokens.error(tokens.take())
    if needed and not modes:
        tokens.take()
    return tuple(modes)


def _begin(tokens: Tokens) -> Command | None:
    tokens.word("work", "transaction")
    tokens.word("deferred", "immediate", "exclusive")  # SQLite's words for its own locking; harmless to accept
    tokens.word("transaction")
    return Begin("BEGIN", _modes(tokens))


def _start(tokens: Tokens) -> Command | None:
    if not tokens.word("transaction"):
        return None
    return Begin("START TRANSACTION", _modes(tokens))


def _chain(tokens: Tokens) -> bool:
    if not tokens.word("and"):
        return False
    negated = bool(tokens.word("no"))
    if not tokens.word("chain"):
        raise tokens.error(tokens.take())
    return not negated


def _commit(tokens: Tokens) -> Command | None:
    token = tokens.peek()
    if token is not None and token.value == "prepared":
        raise FeatureNotSupported("two-phase commit is not supported")
    tokens.word("work", "transaction")
    return Commit("COMMIT", _chain(tokens))


def _rollback(tokens: Tokens) -> Command | None:
    token = tokens.peek()
    if token is not None and token.value == "prepared":
        raise FeatureNotSupported("two-phase commit is not supported")
    tokens.word("work", "transaction")
    if tokens.word("to"):
        tokens.word("savepoint")
        return RollbackTo("ROLLBACK", tokens.name())
    return Rollback("ROLLBACK", _chain(tokens))


def _savepoint(tokens: Tokens) -> Command | None:
    return Savepoint("SAVEPOINT", tokens.name())


def _release(tokens: Tokens) -> Command | None:
    tokens.word("savepoint")
    return Release("RELEASE", tokens.name())


def _value(tokens: Tokens) -> str | None:
    values = _values(tokens)
    return None if values is None else ", ".join(values)


def _values(tokens: Tokens) -> list[str] | None:
    if tokens.word("default"):
        tokens.end()
        return None
    values: list[str] = []
    while True:
        sign = "-" if tokens.operator("-") else ""
        if not sign:
            tokens.operator("+")
        token = tokens.take()
        if token.kind not in ("word", "quoted", "string", "number"):
            raise tokens.error(token)
        values.append(sign + token.value)
        if not tokens.operator(","):
            return values


def _as_list(values: list[str]) -> str:
    """Names as a list's value has them: those that need quotes in quotes."""
    return ", ".join(value if _PLAIN_NAME.fullmatch(value) else quoted(value) for value in values)


def _interval(tokens: Tokens) -> str:
    """An interval literal's text and fields, as the parameter's value has them."""
    token = tokens.take()
    if token.kind != "string":
        raise tokens.error(token)
    while tokens.word("year", "month", "day", "hour", "minute", "second", "to"):
        pass
    return "INTERVAL '" + token.value.replace("'", "''") + "'"


def _set(tokens: Tokens) -> Command | None:
    scope = tokens.word("session", "local")
    if scope == "session" and tokens.word("characteristics"):
        if not (tokens.word("as") and tokens.word("transaction")):
            raise tokens.error(tokens.take())
        return SetTransaction("SET", _modes(tokens, True), session=True)
    if tokens.word("transaction"):
        return SetTransaction("SET", _modes(tokens, True))
    local = scope == "local"
    if tokens.word("time"):
        if not tokens.word("zone"):
            raise tokens.error(tokens.take())
        if tokens.word("local"):
            return SetParameter("SET", "timezone", None, local)
        if tokens.word("interval"):
            return SetParameter("SET", "timezone", _interval(tokens), local)
        return SetParameter("SET", "timezone", _value(tokens), local)
    if tokens.word("names"):
        return SetParameter("SET", "client_encoding", _value(tokens) if tokens.peek() else None, local)
    if scope == "session" and tokens.word("authorization"):
        return SetParameter("SET", "session_authorization", _value(tokens), local)
    if tokens.word("role"):
        tokens.operator("=")
        tokens.word("to")
        return SetParameter("SET", "role", _value(tokens), local)
    name = tokens.name()
    if not (tokens.operator("=") or tokens.word("to")):
        raise tokens.error(tokens.take())
    values = _values(tokens)
    if values is None:
        return SetParameter("SET", name, None, local)
    value = _as_list(values) if name.lower() in QUOTED_LISTS else ", ".join(values)
    return SetParameter("SET", name, value, local, len(values) > 1)


def _reset(tokens: Tokens) -> Command | None:
    return Reset("RESET", None if tokens.word("all") else _long_name(tokens))


def _show(tokens: Tokens) -> Command | None:
    token = tokens.peek()
    if token is not None and token.kind == "word" and token.value in _ENGINE_SHOWS:
        return None
    if tokens.word("all"):
        return Show("SHOW", None) if tokens.peek() is None else None
    return Show("SHOW", _long_name(tokens))


def _long_name(tokens: Tokens) -> str:
    if tokens.word("time"):
        if tokens.word("zone"):
            return "timezone"
    elif tokens.word("session"):
        if tokens.word("authorization"):
            return "session_authorization"
    elif tokens.word("transaction"):
        if tokens.word("isolation") and tokens.word("level"):
            return "transaction_isolation"
    else:
        return tokens.name()
    raise tokens.error(tokens.take())


def _discard(tokens: Tokens) -> Command | None:
    kind = tokens.word("all", "plans", "sequences", "temp", "temporary")
    if not kind:
        raise tokens.error(tokens.take())
    kind = "temp" if kind == "temporary" else kind
    return Clean(f"DISCARD {kind.upper()}", kind == "all", kind in ("all", "temp"))


def _deallocate(tokens: Tokens) -> Command | None:
    tokens.word("prepare")
    if tokens.word("all"):
        return Deallocate("DEALLOCATE ALL")
    return Deallocate("DEALLOCATE", tokens.name())


_PARSERS: Final = {
    "ABORT": _rollback,
    "BEGIN": _begin,
    "COMMIT": _commit,
    "DEALLOCATE": _deallocate,
    "DISCARD": _discard,
    "END": _commit,
    "RELEASE": _release,
    "RESET": _reset,
    "ROLLBACK": _rollback,
    "SAVEPOINT": _savepoint,
    "SET": _set,
    "SHOW": _show,
    "START": _start,
    **session_commands.PARSERS,
}
