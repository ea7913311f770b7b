"""COPY statements read from their tokens: both syntaxes of the options, PostgreSQL's errors (PostgreSQL 18: COPY).

Who carries one out is not decided here. A COPY from or to a file or program is none of the protocol's: ``parse_copy`` returns None for it,
and the engine judges it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, Literal, NoReturn

from .._impl import tokenize
from ..copy import CopyOptions
from ..errors import PostgresError, SQLSyntaxError, postgres_error
from ..sql import Statement, Token

__all__ = ["CopyStatement", "parse_copy"]


@dataclass(frozen=True, slots=True)
class CopyStatement:
    """A COPY between a table or query and the client.

    Attributes:
        direction: ``FROM`` (STDIN) or ``TO`` (STDOUT).
        table: the parts of the table's name, ``("public", "t")``; none where a query is copied.
        columns: the columns listed, None for all.
        query: the text of the query, and ``query_start`` its offset in the statement's text, in code points.
        options: checked for the direction; their ``encoding`` counts only if ``encoded``.
        encoded: whether the statement named an encoding. Otherwise the data are in the client's.
    """

    direction: Literal["FROM", "TO"]
    table: tuple[str, ...] = ()
    columns: tuple[str, ...] | None = None
    query: str = ""
    query_start: int = 0
    options: CopyOptions = field(default_factory=CopyOptions)
    encoded: bool = False

    @property
    def name(self) -> str:
        """The table's name without its schema, as errors have it."""
        return self.table[-1] if self.table else "query"


def parse_copy(statement: Statement) -> CopyStatement | None:
    """The COPY in a statement; None where it is another statement, or a COPY of a file or program.

    Raises:
        PostgresError: 42601 for a syntax error, with its position in the statement; 0A000 and 22023 for what options do not allow.
    """
    if statement.keywords[:1] != ("COPY",):
        return None
    return _Parser(statement).parse()


_TRUE: Final = ("true", "on", "1")
_FALSE: Final = ("false", "off", "0")
_STREAMS: Final = ("stdin", "stdout")
_TEXTS: Final = ("delimiter", "null", "quote", "escape", "default")
_COLUMN_LISTS: Final = ("force_quote", "force_not_null", "force_null")
_LEADING: Final = ("select", "values", "table", "with", "insert", "update", "delete", "merge", "from")


class _Parser:
    """The tokens of one COPY, taken from the left."""

    def __init__(self, statement: Statement) -> None:
        self._text = statement.text
        self._tokens = tokenize(statement.text)
        self._position = 1
        self._given: dict[str, Any] = {}

    def parse(self) -> CopyStatement | None:
        table: tuple[str, ...] = ()
        columns: tuple[str, ...] | None = None
        query, query_start = "", 0
        first = self._peek()
        if first is not None and first.value == "(" and first.kind == "operator":
            query, query_start = self._query()
            if not self._word("to"):
                self._fail()
            direction: Literal["FROM", "TO"] = "TO"
        else:
            if self._is_binary():
                self._position += 1
                self._given["format"] = "binary"
            table = self._name()
            if table == ("from",) and self._peek() is not None:
                return None  # DuckDB's COPY FROM DATABASE
            if self._operator("("):
                columns = self._columns()
            word = self._word("from", "to")
            if not word:
                self._fail()
            direction = "FROM" if word == "from" else "TO"
        target = self._take()
        if target.kind != "word" or target.value not in _STREAMS:
            if target.kind not in ("string", "word", "parameter"):
                self._position -= 1
                self._fail()
            return None
        self._options()
        if direction == "FROM" and self._word("where"):
            raise postgres_error("0A000", "COPY FROM with a WHERE clause is not supported")
        if self._peek() is not None:
            self._fail()
        encoded = "encoding" in self._given
        options = CopyOptions(**self._given)
        options.check(direction)
        return CopyStatement(direction, table, columns, query, query_start, options, encoded)

    def _is_binary(self) -> bool:
        """Whether BINARY stands in front of a table's name, and is not the name."""
        first, following = self._peek(), self._peek(1)
        return (
            first is not None
            and first.kind == "word"
            and first.value == "binary"
            and following is not None
            and (following.kind == "quoted" or (following.kind == "word" and following.value not in ("from", "to")))
        )

    # Tokens.

    def _peek(self, ahead: int = 0) -> Token | None:
        index = self._position + ahead
        return self._tokens[index] if index < len(self._tokens) else None

    def _take(self) -> Token:
        token = self._peek()
        if token is None:
            self._fail()
        self._position += 1
        return token

    def _word(self, *wanted: str) -> str:
        token = self._peek()
        if token is not None and token.kind == "word" and token.value in wanted:
            self._position += 1
            return token.value
        return ""

    def _operator(self, wanted: str) -> bool:
        token = self._peek()
        if token is not None and token.kind == "operator" and token.value == wanted:
            self._position += 1
            return True
        return False

    def _fail(self) -> NoReturn:
        token = self._peek()
        if token is None:
            raise SQLSyntaxError("syntax error at end of input", position=len(self._text) + 1)
        near = self._text[token.start : token.end][:64]
        raise SQLSyntaxError(f'syntax error at or near "{near}"', position=token.start + 1)

    def _identifier(self) -> str:
        token = self._peek()
        if token is None or token.kind not in ("word", "quoted"):
            self._fail()
        return self._take().value

    def _name(self) -> tuple[str, ...]:
        parts = [self._identifier()]
        while self._operator("."):
            parts.append(self._identifier())
        return tuple(parts)

    def _columns(self) -> tuple[str, ...]:
        """Names up to the closing parenthesis; the opening one is taken."""
        names = [self._identifier()]
        while not self._operator(")"):
            if not self._operator(","):
                self._fail()
            names.append(self._identifier())
        return tuple(names)

    def _query(self) -> tuple[str, int]:
        """The text between the parentheses, and its offset."""
        start = self._take().end
        first = self._peek()
        if first is None or (first.value != "(" and (first.kind != "word" or first.value not in _LEADING)):
            self._fail()
        depth = 1
        while depth:
            token = self._take()
            if token.kind == "operator":
                depth += (token.value == "(") - (token.value == ")")
        text = self._text[start : token.start]
        return text.strip(), start + len(text) - len(text.lstrip())

    # Options.

    def _options(self) -> None:
        if self._word("using"):
            if not self._word("delimiters"):
                self._fail()
            self._put("delimiter", self._string(), None)
        elif self._word("delimiters"):
            self._put("delimiter", self._string(), None)
        self._word("with")
        if self._operator("("):
            self._new_options()
        else:
            while self._old_option():
                pass

    def _put(self, name: str, value: object, token: Token | None) -> None:
        if name in self._given:
            raise _at(SQLSyntaxError("conflicting or redundant options"), token)
        self._given[name] = value

    def _string(self) -> str:
        self._word("as")
        token = self._peek()
        if token is None or token.kind != "string":
            self._fail()
        return self._take().value

    def _old_option(self) -> bool:
        token = self._peek()
        word = self._word(
            "binary", "csv", "freeze", "delimiter", "null", "header", "quote", "escape", "force", "encoding"
        )
        if word in ("binary", "csv"):
            self._put("format", word, token)
        elif word == "freeze":
            pass
        elif word == "header":
            self._put("header", True, token)
        elif word == "force":
            name = "force_" + (self._word("quote", "not", "null") or self._fail())
            if name == "force_not":
                name += "_" + (self._word("null") or self._fail())
            if name == "force_quote" and self._operator("*"):
                self._put(name, "*", token)
            else:
                names = [self._identifier()]
                while self._operator(","):
                    names.append(self._identifier())
                self._put(name, tuple(names), token)
        elif word:
            self._put(word, self._string(), token)
        return bool(word)

    def _new_options(self) -> None:
        seen: set[str] = set()
        while True:
            token = self._peek()
            name = self._identifier()
            value = self._argument()
            if name in seen:
                raise _at(SQLSyntaxError("conflicting or redundant options"), token)
            seen.add(name)
            assert token is not None
            self._new_option(name, value, token)
            if self._operator(")"):
                return
            if not self._operator(","):
                self._fail()

    def _argument(self) -> str | tuple[str, ...] | None:
        """A word, string or number as text; ``*``; a list in parentheses; None for nothing."""
        if self._operator("("):
            items = [self._scalar() or self._fail()]
            while not self._operator(")"):
                if not self._operator(","):
                    self._fail()
                items.append(self._scalar() or self._fail())
            return tuple(items)
        return "*" if self._operator("*") else self._scalar()

    def _scalar(self) -> str | None:
        sign = "-" if self._operator("-") else ""
        token = self._peek()
        if token is not None and token.kind in ("word", "quoted", "string", "number"):
            self._position += 1
            return sign + token.value
        return self._fail() if sign else None

    def _new_option(self, name: str, value: str | tuple[str, ...] | None, token: Token) -> None:
        if name in _COLUMN_LISTS:
            if value != "*" and not isinstance(value, tuple):
                problem = f'argument to option "{name}" must be a list of column names'
                raise _at(postgres_error("22023", problem), token)
            self._put(name, value, token)
            return
        if name == "header":
            self._put(name, _header(value), token)
        elif name in ("freeze",):
            _boolean(name, value)
        elif name == "on_error":
            self._choice(name, value, token, "stop", ("ignore", "set_null"))
        elif name == "log_verbosity":
            self._choice(name, value, token, "default", ("silent", "verbose"))
        elif name in ("format", "encoding", *_TEXTS):
            self._put(name, _text(name, value), token)
            if name == "format" and value not in ("text", "csv", "binary"):
                raise _at(postgres_error("22023", f'COPY format "{value}" not recognized'), token)
        else:
            raise _at(SQLSyntaxError(f'option "{name}" not recognized'), token)

    def _choice(self, name: str, value: object, token: Token, usual: str, others: tuple[str, ...]) -> None:
        """An option of which only the default is carried out."""
        if value == usual or value is None:
            return
        if value in others:
            raise _at(postgres_error("0A000", f'COPY {name.upper()} "{value}" is not supported'), token)
        raise _at(postgres_error("22023", f'COPY {name.upper()} "{value}" not recognized'), token)


def _at(error: PostgresError, token: Token | None) -> PostgresError:
    if token is not None:
        error.fields["position"] = str(token.start + 1)
    return error


def _text(name: str, value: object) -> str:
    if value is None:
        raise SQLSyntaxError(f"{name} requires a parameter")
    if not isinstance(value, str):
        raise SQLSyntaxError(f"{name} requires a single value")
    return value


def _boolean(name: str, value: object) -> bool:
    if value is None:
        return True
    folded = value.lower() if isinstance(value, str) else ""
    if folded in _TRUE or folded in _FALSE:
        return folded in _TRUE
    raise SQLSyntaxError(f"{name} requires a Boolean value")


def _header(value: object) -> bool | Literal["match"]:
    if isinstance(value, str) and value.lower() == "match":
        return "match"
    try:
        return _boolean("header", value)
    except PostgresError:
        raise SQLSyntaxError('header requires a Boolean value or "match"') from None
