"""Aligned tables in the manner of psql, of bounded width, without keeping a long result in memory."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Any, Final

__all__ = ["Table"]

SAMPLE: Final = 1_000
"""Rows whose values decide how wide the columns are; later ones are cut to that."""
MAX_WIDTH: Final = 60
"""Widest column, where no terminal's width is known."""
MIN_WIDTH: Final = 4
"""Narrowest that a column is made to fit the terminal."""


class Table:
    """One result.

    Args:
        names: of the columns.
        numbers: whether each is of numbers, which stand at the right.
        width: columns of the terminal; None without one.
    """

    def __init__(self, names: Sequence[str], numbers: Sequence[bool], width: int | None) -> None:
        self._names = [_printable(name) for name in names]
        self._numbers = numbers
        self._terminal = width
        self._first: list[list[str]] | None = []
        self._widths: list[int] = []
        self._count = 0

    def rows(self, rows: Sequence[Sequence[Any]]) -> str:
        """The lines that are ready with these rows, of texts or None."""
        shown = [["" if value is None else _printable(value) for value in row] for row in rows]
        self._count += len(rows)
        if self._first is None:
            return "".join(map(self._line, shown))
        self._first += shown
        return self._begin() if len(self._first) >= SAMPLE else ""

    def end(self) -> str:
        """The last lines: how many rows there were."""
        lines = "" if self._first is None else self._begin()
        return f"{lines}({self._count} row{'' if self._count == 1 else 's'})\n"

    def _begin(self) -> str:
        first, self._first = self._first or [], None
        columns = range(len(self._names))
        widest = [max(_width(row[column]) for row in (self._names, *first)) for column in columns]
        self._widths = _fitted(widest, self._terminal)
        head = "|".join(
            f" {_padded(name, width, 'center')} " for name, width in zip(self._names, self._widths, strict=True)
        )
        rule = "+".join("-" * (width + 2) for width in self._widths)
        return f"{head.rstrip()}\n{rule}\n" + "".join(map(self._line, first))

    def _line(self, row: Sequence[str]) -> str:
        cells = zip(row, self._widths, self._numbers, strict=True)
        line = "|".join(f" {_padded(text, width, 'right' if number else 'left')} " for text, width, number in cells)
        return line.rstrip() + "\n"


def _fitted(widest: list[int], terminal: int | None) -> list[int]:
    """Widths of columns: as their values need; where the terminal is narrower the widest ones give way."""
    if terminal is None:
        return [min(width, MAX_WIDTH) for width in widest]
    widths = list(widest)
    room = max(terminal - 3 * len(widths) + 1, 0)
    while sum(widths) > room:
        most = max(widths)
        if most <= MIN_WIDTH:
            break
        column = widths.index(most)
        second = max([width for width in widths if width < most], default=0)
        widths[column] = max(second, MIN_WIDTH, most - (sum(widths) - room), min(MIN_WIDTH, most))
        if widths[column] == most:
            widths[column] -= 1
    return widths


def _printable(text: str) -> str:
    """No control characters: they would move the cursor, or do worse."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else _ESCAPES.get(one) or f"\\u{ord(one):04x}" for one in text)


_ESCAPES: Final = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def _width(text: str) -> int:
    """Places on a terminal."""
    return len(text) if text.isascii() else sum(map(_places, text))


def _places(one: str) -> int:
    if unicodedata.combining(one):
        return 0
    return 2 if unicodedata.east_asian_width(one) in "WF" else 1


def _padded(text: str, width: int, side: str) -> str:
    found = _width(text)
    if found > width:
        kept, room = "", width - 1
        for one in text:
            room -= _places(one)
            if room < 0:
                break
            kept += one
        text = kept + "…"
        found = _width(text)
    free = width - found
    left = {"left": 0, "right": free, "center": free // 2}[side]
    return " " * left + text + " " * (free - left)
