"""User name maps: which users of the server an external name may log in as (PostgreSQL's ``pg_ident.conf``, chapter 21.2)."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from .lines import Line, Token, read_lines, split_line
from .patterns import compiled, matches

__all__ = ["IdentLine", "IdentMap"]


@dataclass(frozen=True, slots=True)
class IdentLine:
    """One line: under the map ``map``, ``system_user`` may log in as ``user``.

    Attributes:
        map: the map's name, which rules refer to.
        system_user: the name in a certificate, or what a token's validator returned; ``/`` and a regular expression for many.
        user: a user's name, in which ``\\1`` is what the first parentheses of the expression matched; ``all``; ``+group``;
            or ``/`` and a regular expression.

    Raises:
        ValueError: an expression that is none, or ``\\1`` without parentheses.
    """

    map: str
    system_user: str
    user: str | Token
    where: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        pattern = compiled(self.system_user, self.where)
        user = self._token
        compiled(user.text, self.where)
        if pattern is not None and "\\1" in user.text and not pattern.groups:
            text = f'regular expression "{self.system_user[1:]}" has no subexpressions as requested by the user name'
            raise ValueError(f"{self.where}: {text}" if self.where else text)

    @property
    def _token(self) -> Token:
        return self.user if isinstance(self.user, Token) else Token(self.user)

    @classmethod
    def parse(cls, line: Line) -> IdentLine:
        """From the fields of a line."""
        if len(line.fields) < 3:
            line.wrong("missing entry at end of line: expected a map, a system user and a user")
        for values, what in zip(line.fields, ("map name", "system user", "user name"), strict=False):
            if len(values) > 1:
                line.wrong(f"multiple values in {what}")
        name, system, user = [values[0] for values in line.fields[:3]]
        return cls(name.text, system.text, user, line.where)

    def allows(self, system_user: str, user: str, groups: Mapping[str, Iterable[str]]) -> bool:
        """Whether this line lets ``system_user`` be ``user``."""
        target, quoted = self._token
        pattern = compiled(self.system_user)
        if pattern is None:
            if system_user != self.system_user:
                return False
        else:
            match = matches(pattern, system_user)
            if match is None:
                return False
            if "\\1" in target:
                found = match.group(1)
                return found is not None and user == target.replace("\\1", found, 1)
        if target == "all" and not quoted:
            return True
        if target.startswith("+") and not quoted:
            return user == target[1:] or user in groups.get(target[1:], ())
        expression = compiled(target)
        if expression is not None:
            return matches(expression, user) is not None
        return user == target


class IdentMap:
    """Maps from external names to users, by name of map.

    Args:
        lines: of all maps: :class:`IdentLine`, or texts as in ``pg_ident.conf``.
        groups: members by group's name, for ``+group``.

    Raises:
        ValueError: a line is malformed.
    """

    def __init__(
        self, lines: Sequence[IdentLine | str] = (), *, groups: Mapping[str, Iterable[str]] | None = None
    ) -> None:
        self.groups: Mapping[str, Iterable[str]] = groups or {}
        self.path: str | None = None
        self.lines: tuple[IdentLine, ...] = tuple(_line(line) for line in lines)

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, groups: Mapping[str, Iterable[str]] | None = None) -> IdentMap:
        """Read a file.

        Raises:
            OSError: it cannot be read.
            ValueError: a line is malformed; the message names file and line.
        """
        it = cls(groups=groups)
        it.path = os.fspath(path)
        it.reload()
        return it

    def reload(self) -> None:
        """Read the file again; raises as :meth:`load`, and everything stays as it was then."""
        if self.path is not None:
            self.lines = tuple(IdentLine.parse(line) for line in read_lines(self.path))

    def __repr__(self) -> str:
        return f"IdentMap({self.path!r})" if self.path is not None else f"IdentMap({list(self.lines)!r})"

    def allows(self, name: str | None, system_user: str, user: str) -> bool:
        """Whether ``system_user`` may log in as ``user`` under the map ``name``; without a map only where the two are the same."""
        if not name:
            return system_user == user
        return any(line.map == name and line.allows(system_user, user, self.groups) for line in self.lines)


def _line(line: IdentLine | str) -> IdentLine:
    if isinstance(line, IdentLine):
        return line
    parsed = split_line(line)
    if parsed is None:
        raise ValueError("an empty line is no line of a map")
    return IdentLine.parse(parsed)
