"""PostgreSQL's regular expressions (9.7.3) in time proportional to text times pattern.

A client chooses the pattern, and Python's own matcher takes exponential time on some and cannot be interrupted; so
the pattern becomes a small automaton, all states of which are followed at once. Back references and look-around are
not supported (2201B).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache

from ..errors import PostgresError, postgres_error

__all__ = ["Regex"]

MAX_PROGRAM = 5_000
"""Most instructions that a pattern may become."""
MAX_WORK = 50_000_000
"""Largest product of a text's length and a pattern's instructions."""

_Test = Callable[[str], bool]
_CLASSES: dict[str, _Test] = {
    "alpha": str.isalpha,
    "digit": str.isdigit,
    "alnum": str.isalnum,
    "upper": str.isupper,
    "lower": str.islower,
    "space": str.isspace,
    "blank": lambda c: c in " \t",
    "punct": lambda c: c.isprintable() and not c.isalnum() and not c.isspace(),
    "print": str.isprintable,
    "xdigit": lambda c: c in "0123456789abcdefABCDEF",
    "cntrl": lambda c: ord(c) < 32 or ord(c) == 127,
    "graph": lambda c: c.isprintable() and not c.isspace(),
    "word": lambda c: c.isalnum() or c == "_",
}
_ESCAPED: dict[str, _Test] = {"d": _CLASSES["digit"], "s": _CLASSES["space"], "w": _CLASSES["word"]}
_CONTROL = {"n": "\n", "t": "\t", "r": "\r", "f": "\f", "v": "\v", "e": "\x1b"}


class Regex:
    """A compiled pattern. Instructions are ("test", predicate), ("split", a, b), ("start",), ("end",), ("match",) …"""

    def __init__(self, pattern: str, ignore_case: bool) -> None:
        if pattern.startswith("***="):
            pattern = "".join(c if c.isalnum() else "\\" + c for c in pattern[4:])
        elif pattern.startswith("***:"):
            pattern = pattern[4:]
        if pattern.startswith("(?i)"):
            pattern, ignore_case = pattern[4:], True
        self._pattern, self._at, self._ignore_case = pattern, 0, ignore_case
        self._program: list[tuple[object, ...]] = []
        self._alternatives(0)
        if self._at < len(pattern):
            raise self._invalid("parentheses () not balanced")
        self._program.append(("match",))

    @staticmethod
    @lru_cache(maxsize=256)
    def compile(pattern: str, *, ignore_case: bool = False) -> Regex:
        """The automaton of a pattern; raises 2201B."""
        return Regex(pattern, ignore_case)

    def search(self, text: str) -> bool:
        """Whether the pattern matches anywhere."""
        return self._run(text, 0, anchored=False) is not None

    def matches(self, text: str) -> Iterator[tuple[int, int]]:
        """Start and end of each match, leftmost and longest, without overlap; empty matches are left out."""
        at = 0
        while at <= len(text):
            end = self._run(text, at, anchored=True)
            if end is not None and end > at:
                yield at, end
                at = end
            else:
                at += 1

    def _run(self, text: str, start: int, *, anchored: bool) -> int | None:
        if len(text) * len(self._program) > MAX_WORK:
            raise postgres_error("54000", "text is too long for a regular expression of the catalogue")
        states: set[int] = set()
        found: int | None = None
        for at in range(start, len(text) + 1):
            if at == start or not anchored:
                self._follow(0, text, at, states)
            if len(self._program) - 1 in states:
                found = at
                if not anchored:
                    return found
            if at == len(text) or (anchored and not states):
                break
            following: set[int] = set()
            for state in states:
                instruction = self._program[state]
                if instruction[0] == "test" and instruction[1](text[at]):  # type: ignore[operator]
                    self._follow(state + 1, text, at + 1, following)
            states = following
        return found

    def _follow(self, state: int, text: str, at: int, states: set[int]) -> None:
        pending = [state]
        while pending:
            state = pending.pop()
            if state in states:
                continue
            states.add(state)
            instruction = self._program[state]
            kind = instruction[0]
            if kind == "split":
                pending += [state + step for step in instruction[1:]]  # type: ignore[operator]
            elif kind == "assert" and instruction[1](text, at):  # type: ignore[operator]
                pending.append(state + 1)

    # Parsing: each method appends instructions; jumps are relative, so that a fragment can be repeated as it is.

    def _alternatives(self, depth: int) -> None:
        if depth > 50:
            raise self._invalid("regular expression is too complex")
        start = len(self._program)
        self._sequence(depth)
        while self._take("|"):
            left = self._program[start:]
            del self._program[start:]
            self._sequence(depth)
            right = self._program[start:]
            self._program[start:] = [("split", 1, len(left) + 2), *left, ("split", len(right) + 1), *right]

    def _sequence(self, depth: int) -> None:
        while self._at < len(self._pattern) and self._pattern[self._at] not in "|)":
            start = len(self._program)
            self._atom(depth)
            self._quantifier(start)

    def _quantifier(self, start: int) -> None:
        while self._at < len(self._pattern):
            if self._take("*"):
                low, high = 0, None
            elif self._take("+"):
                low, high = 1, None
            elif self._take("?"):
                low, high = 0, 1
            elif self._pattern[self._at] == "{" and self._pattern[self._at + 1 : self._at + 2].isdigit():
                low, high = self._bounds()
            else:
                return
            self._take("?")  # non-greedy: the same set of texts
            atom = self._program[start:]
            copies: list[tuple[object, ...]] = atom * low
            if high is None:
                copies += [("split", 1, len(atom) + 2), *atom, ("split", -len(atom) - 1)]
            else:
                for _ in range(high - low):
                    copies += [("split", 1, len(atom) + 1), *atom]
            self._program[start:] = copies
            if len(self._program) > MAX_PROGRAM:
                raise self._invalid("regular expression is too complex")

    def _bounds(self) -> tuple[int, int | None]:
        end = self._pattern.find("}", self._at)
        low, comma, high = self._pattern[self._at + 1 : max(end, self._at)].partition(",")
        if end < 0 or not low.isdigit() or (high and not high.isdigit()):
            raise self._invalid("invalid repetition count(s)")
        self._at = end + 1
        bounds = int(low), (int(high) if high else None) if comma else int(low)
        if max(bounds[0], bounds[1] or 0) > 255 or (bounds[1] is not None and bounds[1] < bounds[0]):
            raise self._invalid("invalid repetition count(s)")
        return bounds

    def _atom(self, depth: int) -> None:
        character = self._pattern[self._at]
        self._at += 1
        if character == "(":
            if self._take("?") and not self._take(":"):
                raise self._invalid("look-around is not supported")
            self._alternatives(depth + 1)
            if not self._take(")"):
                raise self._invalid("parentheses () not balanced")
        elif character == "^":
            self._program.append(("assert", lambda text, at: at == 0))
        elif character == "$":
            self._program.append(("assert", lambda text, at: at == len(text)))
        elif character == ".":
            self._program.append(("test", lambda c: True))
        elif character == "[":
            self._program.append(("test", self._bracket()))
        elif character == "\\":
            self._program.append(self._escape())
        elif character in "*+?":
            raise self._invalid("quantifier operand invalid")
        else:
            self._program.append(("test", self._character(character)))

    def _character(self, character: str) -> _Test:
        if self._ignore_case:
            both = {character.lower(), character.upper()}
            return lambda c: c in both
        return lambda c: c == character

    def _escape(self) -> tuple[object, ...]:
        character = self._next()
        if character in "AZmMyY":
            return ("assert", _boundary(character))
        test = _ESCAPED.get(character.lower())
        if test is not None:
            return ("test", test if character.islower() else lambda c: not test(c))
        if character.isdigit():
            raise self._invalid("back references are not supported")
        return ("test", self._character(_CONTROL.get(character, character)))

    def _bracket(self) -> _Test:
        negated = self._take("^")
        tests: list[_Test] = []
        first = True
        while first or not self._take("]"):
            first = False
            character = self._next()
            if character == "[" and self._pattern[self._at : self._at + 1] == ":":
                end = self._pattern.find(":]", self._at)
                test = _CLASSES.get(self._pattern[self._at + 1 : max(end, self._at)])
                if test is None:
                    raise self._invalid("invalid character class")
                self._at = end + 2
                tests.append(test)
                continue
            if character == "\\":
                escape = self._next()
                if escape in _ESCAPED:
                    tests.append(_ESCAPED[escape])
                    continue
                character = _CONTROL.get(escape, escape)
            if self._pattern[self._at : self._at + 1] == "-" and self._pattern[self._at + 1 : self._at + 2] not in (
                "]",
                "",
            ):
                self._at += 1
                tests.append(self._range(character, self._next()))
            else:
                tests.append(self._character(character))
        return lambda c: any(test(c) for test in tests) != negated

    def _range(self, low: str, high: str) -> _Test:
        if low > high:
            raise self._invalid("invalid character range")
        if self._ignore_case:
            return lambda c: low <= c.lower() <= high or low <= c.upper() <= high
        return lambda c: low <= c <= high

    def _take(self, character: str) -> bool:
        if self._pattern.startswith(character, self._at):
            self._at += 1
            return True
        return False

    def _next(self) -> str:
        if self._at >= len(self._pattern):
            raise self._invalid("invalid escape sequence or brackets [] not balanced")
        self._at += 1
        return self._pattern[self._at - 1]

    def _invalid(self, what: str) -> PostgresError:
        return postgres_error("2201B", f"invalid regular expression: {what}")


def _boundary(kind: str) -> Callable[[str, int], bool]:
    if kind == "A":
        return lambda text, at: at == 0
    if kind == "Z":
        return lambda text, at: at == len(text)
    word = _CLASSES["word"]

    def test(text: str, at: int) -> bool:
        before, after = at > 0 and word(text[at - 1]), at < len(text) and word(text[at])
        if kind == "m":
            return after and not before
        if kind == "M":
            return before and not after
        return (before != after) == (kind == "y")

    return test
