"""GlueSQL's errors as PostgreSQL's, found in their texts: its exceptions are of one class."""

from __future__ import annotations

import re

from ..errors import PostgresError
from .error_texts import Rule, error_of_text

__all__ = ["postgres_error_of"]

_RULES = (
    Rule(r"table (?:not found|does not exist): (\S+)", "42P01", 'relation "{0}" does not exist'),
    Rule(r"table already exists: (\S+)", "42P07", 'relation "{0}" already exists'),
    Rule(r"identifier not found: (\S+)|column not found: (\S+)|lack of required column: (\S+)", "42703",
         'column "{0}{1}{2}" does not exist'),
    Rule(r"wrong column name: (\S+)", "42703", 'column "{0}" does not exist'),
    Rule(r"ambiguous", "42702"),
    Rule(r"duplicate entry", "23505"),
    Rule(r"null value on not null field", "23502"),
    Rule(r"divisor should not be zero|division by zero", "22012", "division by zero"),
    Rule(r"failed from text to integer: (.*)", "22P02", 'invalid input syntax for type integer: "{0}"'),
    Rule(r"failed to parse (?:date|time|timestamp)|to (?:date|time|timestamp): ", "22007"),
    Rule(r"overflow|out of range", "22003"),
    Rule(r"CustomFunction is not supported|unsupported function|function not found", "42883"),
    Rule(r"more than one row", "21000"),
    Rule(r"incompatible|cast failed|failed to parse|invalid json|cannot be converted|type mismatch", "22P02"),
    Rule(r"number of values|column and values not matched|too many values|wrong number of values", "42601"),
    Rule(r"not supported|[Uu]nsupported|unimplemented", "0A000"),
)  # fmt: skip
_PARSER = re.compile(r"parser: (?:\w+)\(\s*\"(.*?)\"", re.DOTALL)
_PLACE = re.compile(r" at Line: (\d+), Column: (\d+)")


def postgres_error_of(error: Exception, sql: str = "") -> PostgresError:
    """The PostgresError for what GlueSQL raised."""
    text = str(error)
    parser = _PARSER.match(text)
    if parser is None:
        return error_of_text(text.partition(": ")[2] or text, _RULES, sql, "22000")
    made = error_of_text(_PLACE.sub("", parser[1]), (Rule("", "42601"),))
    place = _PLACE.search(parser[1])
    lines = sql.split("\n")
    if place is not None and int(place[1]) <= len(lines):
        made.fields["position"] = str(sum(len(line) + 1 for line in lines[: int(place[1]) - 1]) + int(place[2]))
    return made
