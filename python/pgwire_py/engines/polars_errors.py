"""Polars' errors as PostgreSQL's: by the class of the exception, and its text."""

from __future__ import annotations

import re

from ..errors import PostgresError
from .error_texts import Rule, error_of_text

__all__ = ["postgres_error_of"]

_RULES = (
    Rule(r"relation '([^']*)' was not found", "42P01", 'relation "{0}" does not exist'),
    Rule(r"table '([^']*)' does not exist", "42P01", 'relation "{0}" does not exist'),
    Rule(r"unable to find column \"([^\"]*)\"", "42703", 'column "{0}" does not exist'),
    Rule(r"no column named '([^']*)' found", "42703", 'column "{0}" does not exist'),
    Rule(r"'([^']*)' is not a supported table function|unsupported function '([^']*)'", "42883"),
    Rule(r"in the GROUP BY clause|GROUP BY", "42803"),
    Rule(r"duplicate output name|is duplicate", "42701"),
    Rule(r"conversion from `str` to `[iu]\d+` failed .*values: \[\"(.*?)\"", "22P02",
         'invalid input syntax for type integer: "{0}"'),
    Rule(r"conversion from `str` to `(?:date|time|datetime\S*)` failed|invalid (?:DATE|TIME\w*|DATETIME) literal", "22007"),
    Rule(r"conversion from `str`", "22P02"),
    Rule(r"conversion from `\w+` to `\w+` failed|[Oo]verflow|out of range|more than 38 digits", "22003"),
    Rule(r"on dtypes? .* not allowed|cannot compare|not supported for dtype|type mismatch|not supported for.*type", "42804"),
    Rule(r"division by zero", "22012", "division by zero"),
    Rule(r"not (?:a )?supported|not implemented|unsupported", "0A000"),
    Rule(r"No such file or directory", "58P01"),
)  # fmt: skip
_CLASSES = {
    "ColumnNotFoundError": "42703",
    "SQLInterfaceError": "42601",
    "SQLSyntaxError": "42601",
    "DuplicateError": "42701",
    "SchemaError": "42804",
    "InvalidOperationError": "42804",
    "ComputeError": "22000",
    "NoDataError": "22000",
    "OutOfBoundsError": "22003",
    "ShapeError": "22000",
}
_PARSER = re.compile(r"sql parser error: (.*?)(?: at Line: (\d+), Column: (\d+))?", re.DOTALL)


def postgres_error_of(error: Exception, sql: str = "") -> PostgresError:
    """The PostgresError for what polars raised; the plan that it shows with its texts is left out."""
    text = str(error).partition("\n\n")[0].strip()
    parser = _PARSER.fullmatch(text)
    if parser is not None:
        made = error_of_text(parser[1], (Rule("", "42601"),))
        lines = sql.split("\n")
        if parser[2] and int(parser[2]) <= len(lines):
            before = sum(len(line) + 1 for line in lines[: int(parser[2]) - 1])
            made.fields["position"] = str(before + int(parser[3]))
        return made
    default = _CLASSES.get(type(error).__name__, "XX000")
    return error_of_text(text.partition("\n")[0].rstrip(":"), _RULES, sql, default)
