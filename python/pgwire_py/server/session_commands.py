"""PREPARE, EXECUTE, cursors, LISTEN and NOTIFY, recognised from their tokens.

``prepared.py``, ``cursors.py`` and ``notifications.py`` carry them out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Final, Literal, NamedTuple

from ..engines.base import Description
from ..errors import FeatureNotSupported, postgres_error
from .tokens import Command, Tokens, clipped

__all__ = [
    "PARSERS",
    "CloseCursor",
    "Declare",
    "Execute",
    "Fetch",
    "Invocation",
    "Listen",
    "Notify",
    "Prepare",
    "Unlisten",
]

_PREPARABLE: Final = ("select", "insert", "update", "delete", "merge", "values", "table", "with", "from")
_QUERIES: Final = ("select", "values", "table", "with", "from")


class Invocation(NamedTuple):
    """How such a command is run: what Session.start was given for it."""

    parameters: tuple[object, ...]
    description: Description | None
    formats: tuple[int, ...]
    max_rows: int
    alone: bool


@dataclass(frozen=True, slots=True)
class Prepare(Command):
    """PREPARE name (types) AS body: texts, and where they begin in ``text``, the whole statement."""

    name: str = ""
    types: tuple[tuple[str, int], ...] = ()
    body: str = ""
    offset: int = 0
    text: str = ""


@dataclass(frozen=True, slots=True)
class Execute(Command):
    """EXECUTE name (arguments): their texts and offsets in the statement."""

    described: ClassVar[bool] = True
    name: str = ""
    arguments: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Declare(Command):
    """DECLARE name CURSOR FOR body; ``scroll`` None where it was not said."""

    described: ClassVar[bool] = True
    name: str = ""
    body: str = ""
    offset: int = 0
    text: str = ""
    binary: bool = False
    scroll: bool | None = None
    hold: bool = False


@dataclass(frozen=True, slots=True)
class Fetch(Command):
    """FETCH and MOVE (``give`` False) in one of PostgreSQL's four directions: NEXT is FORWARD 1, LAST is ABSOLUTE -1; ``count`` None
    is ALL."""

    described: ClassVar[bool] = True
    name: str = ""
    direction: Literal["forward", "backward", "absolute", "relative"] = "forward"
    count: int | None = 1
    give: bool = True


@dataclass(frozen=True, slots=True)
class CloseCursor(Command):
    """CLOSE name; ``name`` None is ALL."""

    name: str | None = None


@dataclass(frozen=True, slots=True)
class Listen(Command):
    """LISTEN channel; ``written`` is the name before it was cut."""

    channel: str = ""
    written: str = ""


@dataclass(frozen=True, slots=True)
class Unlisten(Command):
    """UNLISTEN channel; ``channel`` None is ``*``."""

    channel: str | None = None


@dataclass(frozen=True, slots=True)
class Notify(Command):
    """NOTIFY channel, payload; ``written`` is the channel's name before it was cut."""

    channel: str = ""
    payload: str = ""
    written: str = ""


def _body(tokens: Tokens, allowed: tuple[str, ...]) -> tuple[str, int]:
    """The statement inside the command: it must begin with one of these words or a parenthesis."""
    token = tokens.peek()
    if token is not None and not (token.kind == "word" and token.value in allowed) and token.value != "(":
        raise tokens.error(token)
    return tokens.rest()


def _listed(tokens: Tokens) -> tuple[tuple[str, int], ...]:
    """The texts and offsets of a list in parentheses, where there is one."""
    found: list[tuple[str, int]] = []
    if tokens.operator("("):
        closing = ","
        while closing == ",":
            text, offset, closing = tokens.until(",", ")")
            found.append((text, offset))
    return tuple(found)


def _prepare(tokens: Tokens) -> Command | None:
    name = tokens.identifier()
    token = tokens.peek()
    if name == "transaction" and token is not None and token.kind == "string":
        raise FeatureNotSupported("two-phase commit is not supported")
    types = _listed(tokens)
    tokens.words("as")
    body, offset = _body(tokens, _PREPARABLE)
    return Prepare("PREPARE", clipped(name), types, body, offset, tokens.text)


def _execute(tokens: Tokens) -> Command | None:
    name = tokens.identifier()
    return Execute("EXECUTE", clipped(name), _listed(tokens))


def _declare(tokens: Tokens) -> Command | None:
    name = tokens.identifier()
    words: set[str] = set()
    while option := tokens.word("binary", "insensitive", "asensitive", "scroll", "no"):
        if option == "no":
            tokens.words("scroll")
            option = "no scroll"
        words.add(option)
    for one, other in (("scroll", "no scroll"), ("asensitive", "insensitive")):
        if {one, other} <= words:
            raise postgres_error("42P11", f"cannot specify both {one.upper()} and {other.upper()}")
    tokens.words("cursor")
    hold = tokens.word("with", "without")
    if hold:
        tokens.words("hold")
    tokens.words("for")
    body, offset = _body(tokens, _QUERIES)
    scroll = True if "scroll" in words else False if "no scroll" in words else None
    return Declare(
        "DECLARE CURSOR", clipped(name), body, offset, tokens.text, "binary" in words, scroll, hold == "with"
    )


def _fetch(tokens: Tokens) -> Command | None:
    return _moved("FETCH", tokens, True)


def _move(tokens: Tokens) -> Command | None:
    return _moved("MOVE", tokens, False)


_NAMED: Final[dict[str, tuple[Literal["forward", "backward", "absolute"], int | None]]] = {
    "next": ("forward", 1),
    "prior": ("backward", 1),
    "first": ("absolute", 1),
    "last": ("absolute", -1),
    "all": ("forward", None),
}


def _moved(tag: str, tokens: Tokens, give: bool) -> Command:
    direction: Literal["forward", "backward", "absolute", "relative"] = "forward"
    count: int | None = 1
    token = tokens.peek()
    word = tokens.word("next", "prior", "first", "last", "all", "absolute", "relative", "forward", "backward")
    if word and tokens.peek() is None:  # the cursor has that name
        return Fetch(tag, clipped(word), direction, count, give)
    if word in _NAMED:
        direction, count = _NAMED[word]
    elif word in ("absolute", "relative"):
        direction, count = ("absolute" if word == "absolute" else "relative"), tokens.integer()
    else:
        if word in ("forward", "backward"):
            direction = "forward" if word == "forward" else "backward"
            if tokens.word("all"):
                count = None
            token = tokens.peek()
        if token is not None and count is not None and (token.kind == "number" or token.value in ("-", "+")):
            count = tokens.integer()
    tokens.word("from", "in")
    return Fetch(tag, clipped(tokens.identifier()), direction, count, give)


def _close(tokens: Tokens) -> Command | None:
    if tokens.word("all"):
        return CloseCursor("CLOSE CURSOR ALL")
    return CloseCursor("CLOSE CURSOR", clipped(tokens.identifier()))


def _listen(tokens: Tokens) -> Command | None:
    name = tokens.identifier()
    return Listen("LISTEN", clipped(name), name)


def _unlisten(tokens: Tokens) -> Command | None:
    return Unlisten("UNLISTEN", None if tokens.operator("*") else clipped(tokens.identifier()))


def _notify(tokens: Tokens) -> Command | None:
    name = tokens.identifier()
    payload = ""
    if tokens.operator(","):
        token = tokens.take()
        if token.kind != "string":
            raise tokens.error(token)
        payload = token.value
    return Notify("NOTIFY", clipped(name), payload, name)


PARSERS: Final[dict[str, Callable[[Tokens], Command | None]]] = {
    "CLOSE": _close,
    "DECLARE": _declare,
    "EXECUTE": _execute,
    "FETCH": _fetch,
    "LISTEN": _listen,
    "MOVE": _move,
    "NOTIFY": _notify,
    "PREPARE": _prepare,
    "UNLISTEN": _unlisten,
}
"""First word → what reads the rest."""
