"""tsvector (PostgreSQL 8.11.1): lexemes in order, each once, with the places and weights they were met at."""

from __future__ import annotations

import struct
from itertools import pairwise
from typing import NamedTuple

from . import quoted
from .array import size_word
from .bad_value import BadValue, bad_binary, clip
from .text import SPACE, from_utf8

MAX_WORD = 2046
"""Most bytes of a lexeme."""
MAX_BYTES = (1 << 20) - 1
"""Most bytes of all lexemes and positions."""
MAX_POSITION = 16_383
MAX_POSITIONS = 256

_WEIGHTS = {"a": 3, "A": 3, "*": 3, "b": 2, "B": 2, "c": 1, "C": 1, "d": 0, "D": 0}


class Lexeme(NamedTuple):
    """``positions`` in order; the two upper bits are the weight: 3 is A, 0 is D."""

    word: bytes
    positions: tuple[int, ...]


def parse(text: str) -> tuple[Lexeme, ...]:
    lexer = Lexer(text, False)
    found: dict[bytes, list[int]] = {}
    while (word := lexer.word()) is not None:
        raw = word.encode()
        if len(raw) > MAX_WORD:
            raise BadValue("54000", f"word is too long ({len(raw)} bytes, max {MAX_WORD} bytes)")
        found.setdefault(raw, []).extend(lexer.positions())
    lexemes = []
    for raw, positions in sorted(found.items()):
        kept: dict[int, int] = {}
        # The weightiest of those at the same place is kept.
        for position in positions:
            place = position & MAX_POSITION
            kept[place] = max(kept.get(place, 0), position)
        lexemes.append(Lexeme(raw, tuple(kept[place] for place in sorted(kept)[:MAX_POSITIONS])))
    return _checked(lexemes)


def _checked(lexemes: list[Lexeme]) -> tuple[Lexeme, ...]:
    size = sum(len(lexeme.word) + 2 * len(lexeme.positions) for lexeme in lexemes)
    if size > MAX_BYTES:
        raise BadValue("54000", f"string is too long for tsvector ({size} bytes, max {MAX_BYTES} bytes)")
    return tuple(lexemes)


def from_binary(data: bytes) -> tuple[Lexeme, ...]:
    if len(data) < 4:
        raise bad_binary()
    (count,) = struct.unpack_from("!i", data)
    # Every lexeme takes three bytes at least: more of them than that cannot be there.
    if not 0 <= count <= (len(data) - 4) // 3:
        raise bad_binary()
    at = 4
    lexemes: list[Lexeme] = []
    for _ in range(count):
        raw, at = string(data, at)
        if len(data) < at + 2:
            raise bad_binary()
        (size,) = struct.unpack_from("!H", data, at)
        at += 2
        if len(raw) > MAX_WORD or size > MAX_POSITIONS or len(data) < at + 2 * size:
            raise bad_binary()
        positions = struct.unpack_from(f"!{size}H", data, at)
        at += 2 * size
        places = [position & MAX_POSITION for position in positions]
        if any(a >= b for a, b in pairwise(places)):
            raise BadValue("22P03", "position information is misordered")
        lexemes.append(Lexeme(raw, positions))
    if at != len(data):
        raise bad_binary()
    _checked(lexemes)
    return tuple(sorted(lexemes, key=lambda lexeme: lexeme.word))


def to_text(value: tuple[Lexeme, ...]) -> bytes:
    parts = []
    for word, positions in value:
        shown = ",".join(f"{position & MAX_POSITION}{('', 'C', 'B', 'A')[position >> 14]}" for position in positions)
        parts.append(write_word(word) + (b":" + shown.encode() if positions else b""))
    return b" ".join(parts)


def to_binary(value: tuple[Lexeme, ...]) -> bytes:
    parts = [struct.pack("!i", size_word(len(value)))]
    for word, positions in value:
        parts += (word, b"\0", struct.pack(f"!H{len(positions)}H", len(positions), *positions))
    return b"".join(parts)


def write_word(word: bytes) -> bytes:
    """A lexeme in single quotes; those inside, and backslashes, are doubled."""
    return b"'" + word.replace(b"\\", b"\\\\").replace(b"'", b"''") + b"'"


def string(data: bytes, at: int) -> tuple[bytes, int]:
    """The bytes of a text that a NUL ends, and the place behind it."""
    end = data.find(0, at)
    if end < 0:
        raise bad_binary()
    return from_utf8(data[at:end]).encode(), end + 1


class Lexer:
    """Reads lexemes as tsvector_parser.c does, of a tsquery too: there operators end a word, and what follows a colon is not read."""

    def __init__(self, text: str, query: bool) -> None:
        self.text = text
        self.at = 0
        self.query = query
        self.ends = SPACE + ":" + ("!&|()<" if query else "")

    def syntax(self) -> BadValue:
        name = "tsquery" if self.query else "tsvector"
        return BadValue("42601", f'syntax error in {name}: "{clip(self.text)}"')

    def escaped(self, at: int) -> str:
        if at >= len(self.text):
            raise BadValue("42601", f'there is no escaped character: "{clip(self.text)}"')
        return self.text[at]

    def word(self) -> str | None:
        """The next lexeme, quoted or not; None at the end."""
        text = self.text
        start = at = quoted.skip_space(text, self.at)
        self.at = at
        if at == len(text):
            return None
        if text[at] == "'":
            return self._quoted_word()
        if text[at] in self.ends and text[at] != ":":
            raise self.syntax()
        word: list[str] = []
        # Only the first character may be a colon.
        while at < len(text) and (text[at] not in self.ends or (at == start and text[at] == ":")):
            if text[at] == "\\":
                at += 1
                word.append(self.escaped(at))
            else:
                word.append(text[at])
            at += 1
        self.at = at
        return "".join(word)

    def _quoted_word(self) -> str:
        text, at = self.text, self.at + 1
        word: list[str] = []
        while True:
            if at >= len(text):
                raise self.syntax()
            if text[at] == "\\":
                at += 1
                word.append(self.escaped(at))
            elif text[at] == "'":
                if text[at + 1 : at + 2] != "'":
                    break
                at += 1
                word.append("'")
            else:
                word.append(text[at])
            at += 1
        if not word:
            raise self.syntax()
        self.at = at + 1
        return "".join(word)

    def positions(self) -> list[int]:
        """What follows a lexeme: ``:1A,2``."""
        text, at = self.text, self.at
        positions: list[int] = []
        if text[at : at + 1] != ":":
            return positions
        while True:
            at += 1
            start = at
            while at < len(text) and text[at] in "0123456789":
                at += 1
            digits = text[start:at].lstrip("0")
            if start == at:
                raise self.syntax()
            if not digits:
                raise BadValue("42601", f'wrong position info in tsvector: "{clip(text)}"')
            position = min(int(digits), MAX_POSITION) if len(digits) <= 5 else MAX_POSITION
            weight = 0
            # Digits may follow the weight too and say nothing.
            while at < len(text) and text[at] != "," and text[at] not in SPACE:
                if text[at] in _WEIGHTS and weight == 0:
                    weight = _WEIGHTS[text[at]]
                elif text[at] not in "0123456789":
                    raise self.syntax()
                at += 1
            positions.append(weight << 14 | position)
            if text[at : at + 1] != ",":
                self.at = at
                return positions
