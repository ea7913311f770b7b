"""DataFusion's errors as PostgreSQL's, found in their texts: its exceptions are of two classes alone."""

from __future__ import annotations

import re

from ..errors import PostgresError
from .error_texts import Rule, error_of_text

__all__ = ["postgres_error_of"]

_NAME = r"'?(?:[\w$]+\.)*?\"?([^'\".\s]+)\"?'?"
_RULES = (
    Rule(r"[Tt]able '(?:[^'.]+\.)*([^'.]+)' not found", "42P01", 'relation "{0}" does not exist'),
    Rule(r"(?:Table|View) '(?:[^'.]+\.)*([^'.]+)' (?:doesn't|does not) exist", "42P01", 'relation "{0}" does not exist'),
    Rule(r"(?:Table|View) '(?:[^'.]+\.)*([^'.]+)' already exists", "42P07", 'relation "{0}" already exists'),
    Rule(r"The table (?:[^ .]+\.)*([^ .]+) already exists", "42P07", 'relation "{0}" already exists'),
    Rule(r"[Ss]chema '?([^' ]+)'? already exists", "42P06", 'schema "{0}" already exists'),
    Rule(r"(?:failed to resolve schema: |[Ss]chema ')([^' .]+)'?(?: doesn't exist| not found)?", "3F000", None),
    Rule(r"Ambiguous reference to (?:un)?qualified field (\S+)", "42702", 'column reference "{0}" is ambiguous'),
    Rule(r"No field named (?:[\w\"]+\.)*\"?([^\s\"]+?)\"?\.(?:\s|$)", "42703", 'column "{0}" does not exist'),
    Rule(r"Column '?\"?([^'\"\s]+)\"?'? (?:not found|does not exist)", "42703", 'column "{0}" does not exist'),
    Rule(r"must appear in the GROUP BY clause|must be in GROUP BY", "42803"),
    Rule(r"unique expression names|duplicate (?:un)?qualified field name", "42701"),
    Rule(r"Divide by zero", "22012", "division by zero"),
    Rule(r"Invalid function '([^']+)'|(?:table|aggregate|window) function '([^']+)' not found", "42883", None),
    Rule(r"No function matches|Failed to coerce arguments|Function '\w+' (?:expects|requires)", "42883"),
    Rule(r"Cannot cast string '(.*)' to value of (?:Int|UInt)(?:8|16|32|64) type", "22P02",
         'invalid input syntax for type integer: "{0}"'),
    Rule(r"Cannot cast string '(.*)' to value of (?:Float\d+|Decimal\S*) type", "22P02",
         'invalid input syntax for type numeric: "{0}"'),
    Rule(r"Cannot cast string '(.*)' to value of (?:Date|Time|Timestamp)\S* ", "22007",
         'invalid input syntax for type date/time: "{0}"'),
    Rule(r"Error parsing timestamp from '(.*?)'|Unable to cast to Date", "22007"),
    Rule(r"Cannot cast value '(.*)' to value of Boolean type", "22P02", 'invalid input syntax for type boolean: "{0}"'),
    Rule(r"Overflow happened|[Oo]verflow|out of range|Can't cast value", "22003"),
    Rule(r"Scalar subquery returned more than one row|more than one row", "21000",
         "more than one row returned by a subquery used as an expression"),
    Rule(r"cannot take square root of a negative number", "2201F", "cannot take square root of a negative number"),
    Rule(r"LIMIT must be >= 0|OFFSET must be >= 0", "2201W", "LIMIT must not be negative"),
    Rule(r"null values but schema specifies non-nullable|Column '?([\w]+)'? is declared as non-nullable", "23502"),
    Rule(r"Cannot coerce|Cannot infer common|incompatible types|[Tt]ype mismatch|must be of boolean type", "42804"),
    Rule(r"DDL not supported|DML not supported|Statement not supported", "0A000"),
    Rule(r"ParserError|TokenizerError|Expected:|SQL error", "42601"),
    Rule(r"[Nn]ot implemented|[Nn]ot supported|[Uu]nsupported|not been configured", "0A000"),
    Rule(r"Placeholder '?(\$\d+)'? was not provided", "42P02", "there is no parameter {0}"),
    Rule(r"Column count doesn't match|Inserted columns|Inconsistent data length|number of columns", "42601"),
    Rule(r"Cannot cast|Cast error|Parser error", "22P02"),
    Rule(r"Resources exhausted", "53200"),
    Rule(r"No such file or directory|Object Store error|not found", "58P01"),
)  # fmt: skip
_WRAPPING = re.compile(
    r"(?:DataFusion error: |Optimizer rule '[^']*' failed\s+caused by\s+|Error during planning: |Execution error: |Schema error: "
    r"|Arrow error: |External error: |[^\n]*\ncaused by\s+)"
)
_PLACE = re.compile(r" at Line: (\d+), Column: (\d+)")


def postgres_error_of(error: Exception, sql: str = "") -> PostgresError:
    """The PostgresError for what DataFusion, or Arrow for it, raised."""
    text = str(error)
    while found := _WRAPPING.match(text):
        text = text[found.end() :]
    place = _PLACE.search(text)
    parser = re.fullmatch(r"SQL error: (?:ParserError|TokenizerError)\(\"?(.*?)\"?\)", _PLACE.sub("", text), re.DOTALL)
    if parser is not None:
        made = error_of_text(parser[1], (Rule("", "42601"),))
    else:
        made = error_of_text(text, _RULES, sql, "XX000" if "Internal error" in text else "22000")
    if place is not None and "position" not in made.fields:
        lines = sql.split("\n")
        line, column = int(place[1]), int(place[2])
        if 0 < line <= len(lines):
            made.fields["position"] = str(sum(len(one) + 1 for one in lines[: line - 1]) + column)
    return made
