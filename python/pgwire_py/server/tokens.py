"""What a statement of the session layer is, and how its tokens are taken from the left."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

from .._impl import tokenize
from ..engines.base import Column
from ..errors import SQLSyntaxError
from ..sql import Statement, Token

__all__ = ["MAX_IDENTIFIER", "Command", "Tokens", "clipped"]

MAX_IDENTIFIER: Final = 63
"""Bytes of a name (PostgreSQL's NAMEDATALEN - 1): a longer one is cut."""


@dataclass(frozen=True, slots=True)
class Command:
    """A statement of the session layer; ``tag`` is its command tag."""

    tag: str

    @property
    def columns(self) -> tuple[Column, ...] | None:
        """Columns of the rows it returns; None for none."""
        return None

    described: ClassVar[bool] = False
    """Whether its columns and parameters depend on what it names: they are asked of ``prepared.describe_command``."""


class Tokens:
    """The tokens of one command, taken from the left."""

    def __init__(self, statement: Statement) -> None:
        self._text = statement.text
        self._start = statement.start
        self._tokens = tokenize(statement.text)
        self._position = 0

    @property
    def text(self) -> str:
        """The whole statement."""
        return self._text

    def peek(self) -> Token | None:
        return self._tokens[self._position] if self._position < len(self._tokens) else None

    def word(self, *wanted: str) -> str:
        """Take the next token if it is one of these words, else take nothing and return ''."""
        token = self.peek()
        if token is not None and token.kind == "word" and token.value in wanted:
            self._position += 1
            return token.value
        return ""

    def words(self, *wanted: str) -> None:
        """Take these words one after the other; raises SQLSyntaxError where another token stands."""
        for word in wanted:
            if not self.word(word):
                raise self.error(self.take())

    def operator(self, wanted: str) -> bool:
        """Take the next token if it is this operator."""
        token = self.peek()
        if token is not None and token.kind == "operator" and token.value == wanted:
            self._position += 1
            return True
        return False

    def take(self) -> Token:
        token = self.peek()
        if token is None:
            raise SQLSyntaxError("syntax error at end of input", position=self._start + len(self._text) + 1)
        self._position += 1
        return token

    def name(self) -> str:
        token = self.take()
        if token.kind not in ("word", "quoted"):
            raise self.error(token)
        name = token.value
        while self.operator("."):
            name += "." + self.take().value
        return name

    def identifier(self) -> str:
        """A name without a qualifier."""
        token = self.take()
        if token.kind == "quoted" and not token.value:
            raise SQLSyntaxError(
                'zero-length delimited identifier at or near """"', position=self._start + token.start + 1
            )
        if token.kind not in ("word", "quoted"):
            raise self.error(token)
        return token.value

    def integer(self) -> int:
        """A whole number with an optional sign, of 32 bits at most."""
        token = self.take()
        sign = 1
        if token.kind == "operator" and token.value in ("-", "+"):
            sign = -1 if token.value == "-" else 1
            token = self.take()
        if token.kind != "number" or not token.value.isdecimal() or int(token.value[:11]) > 0x7FFF_FFFF:
            raise self.error(token)
        return sign * int(token.value)

    def until(self, *closing: str) -> tuple[str, int, str]:
        """The text up to one of these operators outside of parentheses and brackets, its offset in the statement, and that operator,
        which is taken as well."""
        first = token = self.take()
        depth = 0
        while token.kind != "operator" or token.value not in closing or depth:
            if token.kind == "operator":
                depth += (token.value in ("(", "[")) - (token.value in (")", "]"))
                if depth < 0:
                    raise self.error(token)
            last, token = token, self.take()
        if token is first:
            raise self.error(token)
        return self._text[first.start : last.end], first.start, token.value

    def rest(self) -> tuple[str, int]:
        """The text from the next token on, and its offset in the statement; all tokens are taken."""
        first = self.take()
        self._position = len(self._tokens)
        return self._text[first.start :], first.start

    def error(self, token: Token) -> SQLSyntaxError:
        near = self._text[token.start : token.end][:64]
        return SQLSyntaxError(f'syntax error at or near "{near}"', position=self._start + token.start + 1)

    def end(self) -> None:
        token = self.peek()
        if token is not None:
            raise self.error(token)


def clipped(name: str) -> str:
    """A name as PostgreSQL keeps it: MAX_IDENTIFIER bytes, cut between two characters."""
    return name.encode()[:MAX_IDENTIFIER].decode(errors="ignore") if len(name) > MAX_IDENTIFIER // 4 else name
