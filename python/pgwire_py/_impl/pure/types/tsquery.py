"""tsquery (PostgreSQL 8.11.2): lexemes joined by operators. Nothing here recurses: queries may be nested as deep as they are long."""

from __future__ import annotations

import struct
from typing import NamedTuple

from . import quoted
from .array import size_word
from .bad_value import BadValue, bad_binary, clip
from .tsvector import MAX_WORD, Lexer, string, write_word

MAX_DISTANCE = 16_384
NOT, AND, OR, PHRASE = 1, 2, 3, 4
_PRIORITY = {OR: 1, AND: 2, PHRASE: 3, NOT: 4}
_OPERATORS = {"&": AND, "|": OR}
_LETTERS = {"a": 8, "A": 8, "b": 4, "B": 4, "c": 2, "C": 2, "d": 1, "D": 1}


class Word(NamedTuple):
    """An operand; bit 3 of ``weight`` is A, bit 0 is D."""

    word: bytes
    weight: int
    prefix: bool


class Operator(NamedTuple):
    """``distance`` counts for a phrase."""

    code: int
    distance: int = 0


Query = tuple["Word | Operator", ...]
"""Items as in the binary format: an operator stands before its right operand, which stands before the left one."""


def parse(text: str) -> Query:
    parser = _Parser(text)
    parser.run()
    return tuple(reversed(parser.items))


def from_binary(data: bytes) -> Query:
    if len(data) < 4:
        raise bad_binary()
    (count,) = struct.unpack_from("!i", data)
    # Every item takes two bytes at least: more of them than that cannot be there.
    if not 0 <= count <= (len(data) - 4) // 2:
        raise bad_binary()
    at = 4
    items: list[Word | Operator] = []
    # Operands that are still to come.
    wanted = int(count > 0)
    for _ in range(count):
        if wanted == 0 or len(data) < at + 2:
            raise bad_binary()
        kind, code = data[at], data[at + 1]
        at += 2
        if kind == 1 and code <= 15:
            if at >= len(data):
                raise bad_binary()
            prefix = data[at] != 0
            raw, at = string(data, at + 1)
            if len(raw) > MAX_WORD:
                raise bad_binary()
            items.append(Word(raw, code, prefix))
            wanted -= 1
        elif kind == 2 and code == PHRASE:
            if len(data) < at + 2:
                raise bad_binary()
            items.append(Operator(code, *struct.unpack_from("!h", data, at)))
            at += 2
            wanted += 1
        elif kind == 2 and code in (NOT, AND, OR):
            items.append(Operator(code))
            wanted += code != NOT
        else:
            raise bad_binary()
    if wanted or at != len(data):
        raise bad_binary()
    return tuple(items)


def to_binary(value: Query) -> bytes:
    parts = [struct.pack("!i", size_word(len(value)))]
    for item in value:
        if isinstance(item, Word):
            parts.append(b"%c%c%c%b\0" % (1, item.weight, item.prefix, item.word))
        else:
            parts.append(b"%c%c" % (2, item.code))
            if item.code == PHRASE:
                parts.append(struct.pack("!h", item.distance))
    return b"".join(parts)


def to_text(value: Query) -> bytes:
    if not value:
        return b""
    ends = _ends(value)
    out: list[bytes] = []
    # What is still to be written: text, or the place of an item with the priority of the operator around it and whether it is the
    # right operand of a phrase.
    tasks: list[bytes | tuple[int, int, bool]] = [(0, 0, False)]
    while tasks:
        task = tasks.pop()
        if isinstance(task, bytes):
            out.append(task)
            continue
        at, around, right_of_phrase = task
        item = value[at]
        if isinstance(item, Word):
            out.append(_operand(item))
            continue
        priority = _PRIORITY[item.code]
        if item.code == NOT:
            out.append(b"!")
            tasks.append((at + 1, priority, False))
            continue
        is_phrase = item.code == PHRASE
        if priority < around or (is_phrase and right_of_phrase):
            out.append(b"( ")
            tasks.append(b" )")
        tasks += ((at + 1, priority, is_phrase), _shown(item), (ends[at + 1], priority, False))
    return b"".join(out)


def _ends(value: Query) -> list[int]:
    """Where the operand that begins at each item ends."""
    ends = [0] * len(value)
    for at in range(len(value) - 1, -1, -1):
        item = value[at]
        if isinstance(item, Word):
            ends[at] = at + 1
        else:
            ends[at] = ends[at + 1] if item.code == NOT else ends[ends[at + 1]]
    return ends


def _operand(item: Word) -> bytes:
    letters = "".join(letter for letter in "ABCD" if item.weight & _LETTERS[letter])
    marks = "*" * item.prefix + letters
    return write_word(item.word) + (b":" + marks.encode() if marks else b"")


def _shown(item: Operator) -> bytes:
    if item.code == PHRASE:
        return b" <-> " if item.distance == 1 else b" <%d> " % item.distance
    return b" & " if item.code == AND else b" | "


class _Parser:
    """Reads as tsquery.c does; None on the stack of operators is an open parenthesis."""

    def __init__(self, text: str) -> None:
        self.lexer = Lexer(text, True)
        self.text = text
        self.items: list[Word | Operator] = []
        """Operands before their operators."""
        self.operators: list[Operator | None] = []

    def next(self) -> str:
        lexer = self.lexer
        lexer.at = quoted.skip_space(self.text, lexer.at)
        return self.text[lexer.at : lexer.at + 1]

    def run(self) -> None:
        lexer = self.lexer
        first = True
        while True:
            # An operand is due, with what may stand before it.
            while (found := self.next()) in ("!", "("):
                lexer.at += 1
                self.operators.append(Operator(NOT) if found == "!" else None)
                first = False
            if found == ":":
                raise lexer.syntax()
            word = lexer.word()
            if word is None:
                if first:
                    return
                raise BadValue("42601", f'no operand in tsquery: "{clip(self.text)}"')
            first = False
            self.operand(word)
            # An operator is due, behind parentheses that close.
            while (found := self.next()) == ")":
                lexer.at += 1
                self.reduce(1)
                if not self.operators:
                    raise lexer.syntax()
                self.operators.pop()
            if not found:
                self.reduce(1)
                if self.operators:
                    raise lexer.syntax()
                return
            if found in _OPERATORS:
                lexer.at += 1
                operator = Operator(_OPERATORS[found])
            else:
                operator = Operator(PHRASE, self.distance())
            self.reduce(_PRIORITY[operator.code])
            self.operators.append(operator)

    def reduce(self, priority: int) -> None:
        """Moves operators that bind at least as strongly behind their operands, up to the last parenthesis."""
        while self.operators:
            operator = self.operators[-1]
            if operator is None or priority > _PRIORITY[operator.code]:
                break
            self.items.append(operator)
            self.operators.pop()

    def operand(self, word: str) -> None:
        raw = word.encode()
        if len(raw) > MAX_WORD:
            raise BadValue("54000", f'word is too long in tsquery: "{clip(word)}"')
        weight, prefix = 0, False
        lexer = self.lexer
        if self.text[lexer.at : lexer.at + 1] == ":":
            lexer.at += 1
            while (mark := self.text[lexer.at : lexer.at + 1]) and (mark in _LETTERS or mark == "*"):
                weight |= _LETTERS.get(mark, 0)
                prefix = prefix or mark == "*"
                lexer.at += 1
        self.items.append(Word(raw, weight, prefix))

    def distance(self) -> int:
        """Of ``<->`` or ``<2>``."""
        text, lexer = self.text, self.lexer
        at = lexer.at
        if text.startswith("<->", at):
            lexer.at = at + 3
            return 1
        end = at + 1
        while end < len(text) and text[end] in "0123456789":
            end += 1
        if text[at] != "<" or end == at + 1:
            raise lexer.syntax()
        digits = text[at + 1 : end].lstrip("0")
        distance = int(digits or "0") if len(digits) <= 5 else MAX_DISTANCE + 1
        if distance > MAX_DISTANCE:
            limits = f"between zero and {MAX_DISTANCE} inclusive"
            raise BadValue("22023", f"distance in phrase operator must be an integer value {limits}")
        if text[end : end + 1] != ">":
            raise lexer.syntax()
        lexer.at = end + 1
        return distance
