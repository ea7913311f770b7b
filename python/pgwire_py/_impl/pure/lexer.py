"""SQL text as PostgreSQL's lexer sees it: tokens, and the statements of a query string (SQL syntax, 4.1).

Strings are read as with ``standard_conforming_strings = on``. Where PostgreSQL would go on to complain (``1abc``, an empty quoted
identifier), the lexer only cuts: what it serves may speak another dialect. A string constant continued on the next line is one token
per line. ``UESCAPE`` is not looked at: the escape character of ``U&''`` is the backslash.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from ...errors import PostgresError, postgres_error
from ...sql import Statement, Token

PREVIEW: Final = 64
"""Longest piece of SQL shown in an error, in code points."""

_LETTER: Final = "A-Za-z_\x80-\U0010ffff"
_TOKEN: Final = re.compile(
    rf"""
      (?P<space>[ \t\n\r\f\v]+|--[^\n\r]*)
    | (?P<comment>/\*)
    | (?P<string>(?:[eEbBxXnN]|[uU]&)?')
    | (?P<quoted>(?:[uU]&)?")
    | (?P<word>[{_LETTER}][{_LETTER}0-9$]*)
    | (?P<number>0[xX][0-9A-Fa-f_]+|0[oO][0-7_]+|0[bB][01_]+
        |(?:[0-9][0-9_]*(?:\.(?!\.)[0-9_]*)?|\.[0-9][0-9_]*)(?:[eE][+-]?[0-9]+)?)
    | (?P<parameter>\$[0-9]+)
    | (?P<dollar>\$(?:[{_LETTER}][{_LETTER}0-9]*)?\$)
    | (?P<operator>[~!@\#^&|`?+\-*/%<>=]+)
    | (?P<punctuation>::|:=|\.\.|.)
    """,
    re.VERBOSE | re.DOTALL,
)
_COMMENT_EDGE: Final = re.compile(r"/\*|\*/")
_NOT_SIGN: Final = re.compile(r"[~!@#^&|`?%]")
_ESCAPE_END: Final = re.compile(r"['\\]")

_UNTERMINATED: Final = {
    "": "quoted string",
    "e": "quoted string",
    "n": "quoted string",
    "u": "quoted string",
    "b": "bit string literal",
    "x": "hexadecimal string literal",
}
"""Flavour of a string constant → PostgreSQL's word for it."""

_Lexeme = tuple[str, int, int, str]
"""Kind, start, end, and for a string or quoted identifier its flavour: its prefix in lower case, or ``$`` for a dollar quote."""


def tokenize(sql: str) -> list[Token]:
    """Tokens of one statement, comments left out; see the interface for errors."""
    _check(sql)
    return [Token(kind, _value(sql, kind, start, end, flavour), start, end) for kind, start, end, flavour in _scan(sql)]


def split_statements(sql: str) -> list[Statement]:
    """The statements of a query string, empty ones left out; see the interface for errors.

    Semicolons inside parentheses and inside the ``BEGIN … END`` body of a trigger, function or procedure do not split.
    """
    _check(sql)
    statements: list[Statement] = []
    current = _Statement()
    for lexeme in _scan(sql):
        _, start, end, _ = lexeme
        if sql[start:end] == ";" and not current.depth and not current.body_depth:
            current.close(sql, statements)
            current = _Statement()
        else:
            current.add(sql, lexeme)
    current.close(sql, statements)
    return statements


class _Statement:
    """A statement in the making."""

    __slots__ = ("after_dot", "body_depth", "depth", "end", "head", "head_open", "parameters", "start", "words")

    def __init__(self) -> None:
        self.start = -1
        self.end = -1
        self.head: list[str] = []  # up to five leading words: as many as CREATE OR REPLACE TEMP TRIGGER needs
        self.head_open = True
        self.words: set[str] = set()
        self.parameters: list[tuple[int, int, int]] = []
        self.depth = 0  # of parentheses
        self.body_depth = 0  # of BEGIN and CASE inside a routine's body
        self.after_dot = False

    def add(self, sql: str, lexeme: _Lexeme) -> None:
        kind, start, end, flavour = lexeme
        if self.start < 0:
            self.start = start
        self.end = end
        after_dot, self.after_dot = self.after_dot, False
        if kind == "word":
            word = _fold(sql[start:end])
            self.words.add(word)
            if self.head_open:
                self.head.append(word)
                self.head_open = len(self.head) < 5
            if not self.depth and not after_dot:
                self._nest(word)
            return
        self.head_open = False
        if kind == "quoted":
            self.words.add(_value(sql, kind, start, end, flavour))
        elif kind == "parameter":
            self.parameters.append((int(sql[start + 1 : end]), start - self.start, end - self.start))
        elif kind == "operator":
            text = sql[start:end]
            if text == "(":
                self.depth += 1
            elif text == ")" and self.depth:
                self.depth -= 1
            self.after_dot = text == "."

    def _nest(self, word: str) -> None:
        if (word == "begin" and _defines_routine(self.head)) or (self.body_depth and word == "case"):
            self.body_depth += 1
        elif self.body_depth and word == "end":
            self.body_depth -= 1

    def close(self, sql: str, statements: list[Statement]) -> None:
        if self.start >= 0:
            keywords = tuple([_upper(word) for word in self.head[:4]])
            text = sql[self.start : self.end]
            statements.append(Statement(text, self.start, keywords, frozenset(self.words), tuple(self.parameters)))


def _defines_routine(head: list[str]) -> bool:
    """Whether leading words begin CREATE [OR REPLACE] [TEMP | CONSTRAINT] TRIGGER, FUNCTION or PROCEDURE."""
    rest = head[3:] if head[:3] == ["create", "or", "replace"] else head[1:] if head[:1] == ["create"] else []
    if rest and rest[0] in {"temp", "temporary", "constraint"}:
        rest = rest[1:]
    return bool(rest) and rest[0] in {"trigger", "function", "procedure"}


def _scan(sql: str) -> Iterator[_Lexeme]:
    position, size = 0, len(sql)
    # A string constant goes on in the same flavour in the next line; errors then point at where it began.
    chain: tuple[str, int] | None = None
    newline = False
    while position < size:
        match = _TOKEN.match(sql, position)
        assert match is not None, "the last alternative takes any character"
        kind, start, end, flavour = match.lastgroup or "", position, match.end(), ""
        if kind == "space":
            newline = newline or "\n" in match[0] or "\r" in match[0]
            position = end
            continue
        if kind == "comment":
            position = _comment_end(sql, start)
            chain = None
            continue
        continued, chain = chain, None
        if kind == "string":
            flavour, begin = sql[start : end - 1].lower().rstrip("&"), start + (sql[start] in "nN")
            if continued and newline and not flavour:
                flavour, begin = continued
            end = _string_end(sql, end, flavour, begin)
            chain = flavour, begin
        elif kind == "quoted":
            flavour = sql[start : end - 1].lower().rstrip("&")
            end = _doubled_end(sql, end, '"', start, "quoted identifier")
        elif kind == "dollar":
            closing = sql.find(match[0], end)
            if closing < 0:
                raise _error("unterminated dollar-quoted string", sql, start, size)
            kind, flavour, end = "string", "$", closing + len(match[0])
        elif kind == "operator":
            end = start + _operator_length(match[0])
        elif kind == "punctuation":
            kind = "operator"
        elif kind == "parameter":
            digits = sql[start + 1 : end].lstrip("0")
            if len(digits) > 10 or int(digits or "0") > 2**31 - 1:
                raise _error("parameter number too large", sql, start, end)
        yield kind, start, end, flavour
        position = end
        newline = False


def _comment_end(sql: str, start: int) -> int:
    depth, position = 0, start
    while True:
        edge = _COMMENT_EDGE.search(sql, position)
        if edge is None:
            raise _error("unterminated /* comment", sql, start, len(sql))
        position = edge.end()
        depth += 1 if edge[0] == "/*" else -1
        if not depth:
            return position


def _string_end(sql: str, position: int, flavour: str, begin: int) -> int:
    """Behind the closing quote of the constant whose contents begin at ``position``."""
    what = _UNTERMINATED[flavour]
    if flavour in {"b", "x"}:
        closing = sql.find("'", position)
        if closing < 0:
            raise _error(f"unterminated {what}", sql, begin, len(sql))
        return closing + 1
    if flavour != "e":
        return _doubled_end(sql, position, "'", begin, what)
    while True:
        edge = _ESCAPE_END.search(sql, position)
        if edge is None:
            raise _error(f"unterminated {what}", sql, begin, len(sql))
        position = edge.end()
        if edge[0] == "\\" or sql.startswith("'", position):
            position += 1
        else:
            return position


def _doubled_end(sql: str, position: int, quote: str, begin: int, what: str) -> int:
    """Behind the closing quote; a doubled one stands for itself."""
    while True:
        closing = sql.find(quote, position)
        if closing < 0:
            raise _error(f"unterminated {what}", sql, begin, len(sql))
        if not sql.startswith(quote, closing + 1):
            return closing + 1
        position = closing + 2


def _operator_length(run: str) -> int:
    """How much of a run of operator characters is one operator: up to a comment, without a sign that belongs to the next token."""
    for comment in ("/*", "--"):
        found = run.find(comment)
        if found > 0:
            run = run[:found]
    if len(run) > 1 and run[-1] in "+-" and not _NOT_SIGN.search(run):
        return max(len(run.rstrip("+-")), 1)
    return len(run)


def _value(sql: str, kind: str, start: int, end: int, flavour: str) -> str:
    raw = sql[start:end]
    if kind == "word":
        return _fold(raw)
    if kind == "parameter":
        return raw[1:]
    if kind == "quoted":
        contents = raw[raw.index('"') + 1 : -1].replace('""', '"')
        return _unescape_unicode(contents) if flavour else contents
    if kind != "string":
        return raw
    if flavour == "$":
        delimiter = raw.index("$", 1) + 1
        return raw[delimiter:-delimiter]
    contents = raw[raw.index("'") + 1 : -1]
    if flavour in {"b", "x"}:
        return contents
    if flavour == "e":
        return _unescape(contents)
    contents = contents.replace("''", "'")
    return _unescape_unicode(contents) if flavour == "u" else contents


_ESCAPE: Final = re.compile(
    rb"''|\\(?:(?P<octal>[0-7]{1,3})|x(?P<hex>[0-9A-Fa-f]{1,2})"
    rb"|u(?P<high>[dD][89abAB][0-9A-Fa-f]{2})\\u(?P<low>[dD][c-fC-F][0-9A-Fa-f]{2})"
    rb"|u(?P<u4>[0-9A-Fa-f]{4})|U(?P<u8>[0-9A-Fa-f]{8})|(?P<other>.))",
    re.DOTALL,
)
_LETTER_ESCAPES: Final = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t"}


def _unescape(contents: str) -> str:
    """Contents of an ``E''`` constant; bytes that make no UTF-8 become U+FFFD."""
    return _ESCAPE.sub(_escaped, contents.encode()).decode(errors="replace")


def _escaped(match: re.Match[bytes]) -> bytes:
    digits = match.group
    if match.lastgroup is None:
        return b"'"
    if match.lastgroup == "octal":
        return bytes([int(digits("octal"), 8) & 0xFF])
    if match.lastgroup == "hex":
        return bytes([int(digits("hex"), 16)])
    if match.lastgroup == "other":
        return _LETTER_ESCAPES.get(digits("other"), digits("other"))
    return _character(digits("high"), digits("low"), digits("u4") or digits("u8")).encode()


_UNICODE_ESCAPE: Final = re.compile(
    r"\\(?:(?P<backslash>\\)|(?P<high>[dD][89abAB][0-9A-Fa-f]{2})\\(?P<low>[dD][c-fC-F][0-9A-Fa-f]{2})"
    r"|(?P<u4>[0-9A-Fa-f]{4})|\+(?P<u6>[0-9A-Fa-f]{6}))"
)


def _unescape_unicode(contents: str) -> str:
    r"""Contents of ``U&''`` or ``U&""``: ``\XXXX``, ``\+XXXXXX`` and ``\\``; any other backslash stands for itself."""

    def replace(match: re.Match[str]) -> str:
        if match["backslash"]:
            return "\\"
        return _character(match["high"], match["low"], match["u4"] or match["u6"])

    return _UNICODE_ESCAPE.sub(replace, contents)


def _character(high: str | bytes | None, low: str | bytes | None, single: str | bytes) -> str:
    """One character from hexadecimal digits, or from those of a surrogate pair; U+FFFD for what is no character."""
    code = 0x10000 + ((int(high, 16) - 0xD800) << 10) + (int(low, 16) - 0xDC00) if high and low else int(single, 16)
    return chr(code) if code < 0xD800 or 0xDFFF < code <= 0x10FFFF else "\ufffd"


_TO_LOWER: Final = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}
_TO_UPPER: Final = {code: code - 32 for code in range(ord("a"), ord("z") + 1)}


def _fold(word: str) -> str:
    """Lower case of ASCII letters only, as PostgreSQL folds identifiers in UTF-8."""
    return word.lower() if word.isascii() else word.translate(_TO_LOWER)


def _upper(word: str) -> str:
    return word.upper() if word.isascii() else word.translate(_TO_UPPER)


def _check(sql: str) -> None:
    if not sql.isascii():
        try:
            sql.encode()
        except UnicodeEncodeError:
            valid = False
        else:
            valid = True
        if not valid:
            raise postgres_error("22021", "SQL text holds a lone surrogate")


def _error(what: str, sql: str, start: int, end: int) -> PostgresError:
    shown = sql[start:end] if end - start <= PREVIEW else sql[start : start + PREVIEW] + "..."
    return postgres_error("42601", f'{what} at or near "{shown}"', position=start + 1)
