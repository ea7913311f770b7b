"""Lines of ``pg_hba.conf`` and ``pg_ident.conf`` cut into fields and tokens, by PostgreSQL's rules (its chapters 21.1 and 21.2).

A line may go on in the next one behind a backslash. ``#`` begins a comment. Fields are separated by blanks, the values of a field by
commas. What is in double quotes is taken as it is and is no keyword. ``@file`` stands for the values in that file; ``include``,
``include_if_exists`` and ``include_dir`` for the lines of others.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, NoReturn

__all__ = ["Line", "Token", "read_lines", "split_line"]

MAX_RULES_FILE_BYTES = 16 * 1024 * 1024
"""Largest file that is read, in bytes."""

MAX_INCLUDE_DEPTH = 10
"""Files that include each other: PostgreSQL's CONF_FILE_MAX_DEPTH."""

MAX_RULES_LINES = 100_000
"""Lines of a file and all that it includes."""

_BLANKS = " \t\r"


class Token(NamedTuple):
    """One value; ``quoted`` where it began with a quote, so that it is no keyword."""

    text: str
    quoted: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """The fields of a line, none of them empty, and where it stands: ``file:line`` for messages."""

    fields: tuple[tuple[Token, ...], ...]
    where: str = ""

    def wrong(self, problem: str) -> NoReturn:
        """Raises ValueError with the place in front."""
        raise ValueError(f"{self.where}: {problem}" if self.where else problem)


def read_lines(path: str | os.PathLike[str]) -> list[Line]:
    """The lines of a file that are not empty, those of included files in their place.

    Raises:
        OSError: the file, or one that it includes, cannot be read.
        ValueError: one is not UTF-8, too large, or includes itself too deeply; the message names file and line.
    """
    lines: list[Line] = []
    _read(Path(path), lines, 0)
    return lines


def split_line(text: str, where: str = "") -> Line | None:
    """One line that stands in no file, and so includes none; None for an empty one."""
    fields = tuple(tuple(field) for field in _fields(text.rstrip("\r\n")))
    return Line(fields, where) if fields else None


def _read(path: Path, lines: list[Line], depth: int) -> None:
    for number, text in _logical_lines(path):
        where = f"{path}:{number}"
        fields = [_expanded(field, path, where, depth) for field in _fields(text)]
        if not fields:
            continue
        line = Line(tuple(tuple(field) for field in fields), where)
        if (
            len(fields) == 2
            and len(fields[0]) == 1
            and fields[0][0].text in ("include", "include_if_exists", "include_dir")
        ):
            _include(line, path, lines, depth)
            continue
        lines.append(line)
        if len(lines) > MAX_RULES_LINES:
            line.wrong(f"more than {MAX_RULES_LINES} lines")


def _include(line: Line, path: Path, lines: list[Line], depth: int) -> None:
    if len(line.fields[1]) != 1:
        line.wrong("multiple values specified for an included file")
    kind, name = line.fields[0][0].text, line.fields[1][0].text
    target = path.parent / name
    if depth >= MAX_INCLUDE_DEPTH:
        line.wrong(f"cannot include {name}: more than {MAX_INCLUDE_DEPTH} files deep")
    if kind == "include_if_exists" and not target.exists():
        return
    try:
        if kind == "include_dir":
            names = sorted(entry.name for entry in target.iterdir())
            for each in names:
                if each.endswith(".conf") and not each.startswith(".") and (target / each).is_file():
                    _read(target / each, lines, depth + 1)
        else:
            _read(target, lines, depth + 1)
    except OSError as error:
        line.wrong(f"cannot include {target}: {error.strerror}")


def _expanded(field: list[Token], path: Path, where: str, depth: int) -> list[Token]:
    """The field with the values of ``@file`` in their place."""
    if not any(token.text.startswith("@") and len(token.text) > 1 and not token.quoted for token in field):
        return field
    result: list[Token] = []
    for token in field:
        if token.quoted or not token.text.startswith("@") or len(token.text) == 1:
            result.append(token)
            continue
        target = path.parent / token.text[1:]
        if depth >= MAX_INCLUDE_DEPTH:
            raise ValueError(f"{where}: cannot read {target}: more than {MAX_INCLUDE_DEPTH} files deep")
        try:
            for number, text in _logical_lines(target):
                for included in _fields(text):
                    result += _expanded(included, target, f"{target}:{number}", depth + 1)
        except OSError as error:
            raise ValueError(f"{where}: cannot read {target}: {error.strerror}") from None
    return result


def _logical_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Lines with those that go on joined, and the number of the first of them."""
    with path.open("rb") as file:
        data = file.read(MAX_RULES_FILE_BYTES + 1)
    if len(data) > MAX_RULES_FILE_BYTES:
        raise ValueError(f"{path}: larger than {MAX_RULES_FILE_BYTES} bytes")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        number = data.count(b"\n", 0, error.start) + 1
        raise ValueError(f"{path}:{number}: not UTF-8") from None
    parts: list[str] = []
    first = 1
    for number, raw in enumerate(text.split("\n"), start=1):
        if not parts:
            first = number
        line = raw.rstrip("\r")
        if line.endswith("\\"):
            parts.append(line[:-1])
            continue
        yield first, "".join([*parts, line])
        parts = []
    if parts:
        yield first, "".join(parts)


def _fields(text: str) -> Iterator[list[Token]]:
    position = 0
    while True:
        field: list[Token] = []
        comma = True
        while comma:
            token, position, comma = _token(text, position)
            if token is None:
                break
            field.append(token)
        if not field:
            return
        yield field


def _token(text: str, position: int) -> tuple[Token | None, int, bool]:
    """The next token, what is behind it, and whether a comma ended it."""
    end = len(text)
    while position < end and (text[position] in _BLANKS or text[position] == ","):
        position += 1
    value: list[str] = []
    in_quotes = was_quote = began_quoted = False
    while position < end:
        character = text[position]
        if not in_quotes:
            if character == "#":
                position = end
                break
            if character in _BLANKS:
                break
            if character == ",":
                return Token("".join(value), began_quoted), position + 1, True
        if character != '"' or was_quote:
            value.append(character)
        was_quote = not was_quote if in_quotes and character == '"' else False
        if character == '"':
            in_quotes = not in_quotes
            began_quoted = began_quoted or not value
        position += 1
    if not value and not began_quoted:
        return None, position, False
    return Token("".join(value), began_quoted), position, False
