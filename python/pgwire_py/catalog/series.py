"""Set-returning functions, aggregates and matching, as SQLite can use them: rows as JSON arrays for json_each."""

from __future__ import annotations

import json
import operator
from collections.abc import Callable
from functools import cmp_to_key, lru_cache
from typing import Any, Final

from ..errors import postgres_error
from .arrays import format_array, parse_array
from .regex import Regex

__all__ = ["OPERATORS", "ArrayAggregate", "StringAggregate"]

MAX_ROWS: Final = 100_000
"""Longest series that is generated."""


def generate_series(_: object, start: int, stop: int, step: int = 1) -> str:
    if step == 0:
        raise postgres_error("22023", "step size cannot equal zero")
    numbers = range(start, stop + (1 if step > 0 else -1), step)
    if len(numbers) > MAX_ROWS:
        raise postgres_error("54000", f"the catalogue generates series of at most {MAX_ROWS} rows")
    return json.dumps(list(numbers))


def unnest(_: object, array: str) -> str:
    return json.dumps(list(_leaves(parse_array(array))))


def _leaves(items: list[object]) -> list[object]:
    out: list[object] = []
    for item in items:
        out.extend(_leaves(item)) if isinstance(item, list) else out.append(item)
    return out


def generate_subscripts(_: object, array: str, dimension: int) -> str:
    base = 1 if array.startswith("{") else 0
    return json.dumps([base + i for i in range(len(parse_array(array)))] if dimension == 1 else [])


def expand_array(_: object, array: str) -> str:
    return json.dumps([{"x": int(str(item)), "n": i} for i, item in enumerate(parse_array(array), 1)])


def split_to_table(_: object, text: str, pattern: str) -> str:
    regex = Regex.compile(pattern)
    out, at = [], 0
    for start, end in regex.matches(text):
        out.append(text[at:start])
        at = end
    return json.dumps([*out, text[at:]])


def regexp_replace(_: object, text: str, pattern: str, new: str, flags: str = "") -> str:
    regex = Regex.compile(pattern, ignore_case="i" in flags)
    out, at = [], 0
    for start, end in regex.matches(text):
        out += [text[at:start], new]
        at = end
        if "g" not in flags:
            break
    return "".join([*out, text[at:]])


def lockstep(_: object, *series: str | None) -> str:
    """Several JSON arrays as one of rows, the shorter ones filled with NULL, as set-returning functions beside each
    other give."""
    lists: list[list[Any]] = [json.loads(one) if one is not None else [] for one in series]
    longest = max(map(len, lists))
    return json.dumps([[one[i] if i < len(one) else None for one in lists] for i in range(longest)])


def regex(_: object, text: object, pattern: str, ignore_case: int) -> int:
    return int(Regex.compile(pattern, ignore_case=bool(ignore_case)).search(str(text)))


def like(_: object, text: object, pattern: str, escape: str, ignore_case: int = 0) -> int:
    """LIKE (9.7.1). SQLite's own cannot be interrupted, and takes exponential time on some patterns."""
    if len(escape) > 1:
        raise postgres_error("22019", "invalid escape string")
    return int(Regex.compile(_like_as_regex(pattern, escape), ignore_case=bool(ignore_case)).search(str(text)))


@lru_cache(maxsize=256)
def _like_as_regex(pattern: str, escape: str) -> str:
    out = ["^"]
    characters = iter(pattern)
    for character in characters:
        literal = character == escape
        if literal:
            character = next(characters, "")
            if not character:
                raise postgres_error("22025", "LIKE pattern must not end with escape character")
        if not literal and character in "%_":
            out.append(".*" if character == "%" else ".")
        else:
            out.append(
                character if character.isalnum() else f"[{character}]" if character not in "^\\" else f"\\{character}"
            )
    return "".join([*out, "$"])


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[object, object], bool]:
    def test(left: object, item: object) -> bool:
        if isinstance(left, (int, float)):
            return compare(left, float(str(item)) if isinstance(left, float) else _number(item))
        return compare(str(left), str(item))

    return test


def _number(item: object) -> int:
    words = {"t": 1, "f": 0, "true": 1, "false": 0}
    text = str(item)
    if text in words:
        return words[text]
    try:
        return int(text)
    except ValueError:
        raise postgres_error("22P02", f'invalid input syntax for type integer: "{text[:100]}"') from None


OPERATORS: Final[dict[str, Callable[[object, object], bool]]] = {
    "=": _ordered(operator.eq),
    "<>": _ordered(operator.ne),
    "<": _ordered(operator.lt),
    "<=": _ordered(operator.le),
    ">": _ordered(operator.gt),
    ">=": _ordered(operator.ge),
    "~": lambda left, item: Regex.compile(str(item)).search(str(left)),
    "LIKE": lambda left, item: bool(like(None, left, str(item), "\\")),
}
"""Comparison operators for ANY and ALL: a value and an element as text."""


class _OrderedAggregate:
    """Collects rows of (order, flags, value …); ``order`` holds a letter per sort key: a or d, upper case for NULLS
    FIRST."""

    def __init__(self) -> None:
        self.rows: list[tuple[Any, ...]] = []
        self.order = ""
        self.distinct = False

    def step(self, order: str, distinct: int, *values: Any) -> None:
        self.order, self.distinct = order, bool(distinct)
        self.rows.append(values)

    def sorted(self, values: int) -> list[tuple[Any, ...]]:
        rows = list(dict.fromkeys(self.rows)) if self.distinct else self.rows
        for position, kind in reversed(list(enumerate(self.order))):
            descending, nulls_first = kind in "dD", kind.isupper()

            def compare(left: Any, right: Any, d: bool = descending, n: bool = nulls_first) -> int:
                if left is None or right is None:
                    return 0 if left is right else (-1 if (left is None) == n else 1)
                return (int(left > right) - int(left < right)) * (-1 if d else 1)

            rows = sorted(rows, key=cmp_to_key(lambda a, b, p=values + position, c=compare: c(a[p], b[p])))  # type: ignore[misc]
        return rows


class ArrayAggregate(_OrderedAggregate):
    """array_agg: NULL without rows."""

    def finalize(self) -> str | None:
        return format_array(row[0] for row in self.sorted(1)) if self.rows else None


class StringAggregate(_OrderedAggregate):
    """string_agg: NULLs are left out."""

    def finalize(self) -> str | None:
        rows = [row for row in self.sorted(2) if row[0] is not None]
        if not rows:
            return None
        return str(rows[0][0]) + "".join(str(row[1] or "") + str(row[0]) for row in rows[1:])
