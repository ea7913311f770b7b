"""DuckDB's errors as PostgreSQL's: the class (or its name before the colon) gives the group, the text the precise
code.
"""

from __future__ import annotations

import re

from ..errors import PostgresError, QueryCanceled, postgres_error
from .error_texts import find_name, first_lower

__all__ = ["postgres_error_of", "postgres_error_of_text"]

_GROUPS = {
    "ParserException": "Parser Error",
    "SyntaxException": "Syntax Error",
    "CatalogException": "Catalog Error",
    "BinderException": "Binder Error",
    "ConstraintException": "Constraint Error",
    "ConversionException": "Conversion Error",
    "OutOfRangeException": "Out of Range Error",
    "InvalidInputException": "Invalid Input Error",
    "InvalidTypeException": "Invalid type Error",
    "TransactionException": "TransactionContext Error",
    "InterruptException": "INTERRUPT Error",
    "IOException": "IO Error",
    "PermissionException": "Permission Error",
    "NotImplementedException": "Not implemented Error",
    "OutOfMemoryException": "Out of Memory Error",
    "DependencyException": "Dependency Error",
    "TypeMismatchException": "Mismatch Type Error",
    "ResourceInUseException": "Resource In Use Error",
    "SequenceException": "Sequence Error",
}

# Group → (pattern of the text, SQLSTATE, message with the pattern's groups, or None to keep DuckDB's). The first that
# fits is taken.
_NAME = r'"?([^"!]+?)"?'
_RULES: dict[str, list[tuple[str, str, str | None]]] = {
    "Catalog Error": [
        (rf"Table with name {_NAME} does not exist", "42P01", 'relation "{0}" does not exist'),
        (rf"View with name {_NAME} does not exist", "42P01", 'relation "{0}" does not exist'),
        (
            rf"(?:Scalar|Aggregate|Table|Macro|Window|Pragma)[\w ]* Function with name {_NAME} does not exist",
            "42883",
            None,
        ),
        (rf"[\w ]*[Ff]unction with name {_NAME} does not exist", "42883", None),
        (rf"Type with name {_NAME} does not exist", "42704", 'type "{0}" does not exist'),
        (rf"Schema with name {_NAME} does not exist", "3F000", 'schema "{0}" does not exist'),
        (rf"(?:Table|View|Index|Sequence) with name {_NAME} already exists", "42P07", 'relation "{0}" already exists'),
        (rf"Column with name {_NAME} already exists", "42701", 'column "{0}" already exists'),
        (rf"Schema with name {_NAME} already exists", "42P06", 'schema "{0}" already exists'),
        (rf"Type with name {_NAME} already exists", "42710", 'type "{0}" already exists'),
        (r"unrecognized configuration parameter", "42704", None),
        (r"Could not drop", "2BP01", None),
        (r"does not exist", "42704", None),
        (r"already exists", "42710", None),
    ],
    "Binder Error": [
        (rf"Referenced (?:update )?column {_NAME} (?:was )?not found", "42703", 'column "{0}" does not exist'),
        (
            r'Table "([^"]+)" does not have a column (?:with name|named) "([^"]+)"',
            "42703",
            'column "{1}" of relation "{0}" does not exist',
        ),
        (r'[Cc]olumn (?:with name )?"?([^"]+?)"? (?:does not exist|not found)', "42703", 'column "{0}" does not exist'),
        (rf"Referenced table {_NAME} not found", "42P01", 'missing FROM-clause entry for table "{{0}}"'.format()),
        (r'Ambiguous reference to column name "([^"]+)"', "42702", 'column reference "{0}" is ambiguous'),
        (r'column "([^"]+)" must appear in the GROUP BY clause', "42803", None),
        (r"aggregates?\b.*(?:not allowed|cannot)|cannot contain aggregates", "42803", None),
        (r"No function matches|Could not choose a best candidate", "42883", None),
        (r"columns but \d+ values were supplied|values were supplied", "42601", None),
        (r"LIMIT/OFFSET cannot be negative", "2201W", "LIMIT must not be negative"),
        (r"Cannot (?:compare|mix) values of type|type mismatch|Cannot cast", "42804", None),
        (r"Catalog \"|does not exist", "42P01", None),
        (r"read-only", "25006", None),
    ],
    "Constraint Error": [
        (r"[Dd]uplicate key", "23505", None),
        (
            r'NOT NULL constraint failed: (?:"?([^".]+)"?\.)?"?([^"\n]+)"?',
            "23502",
            'null value in column "{1}" of relation "{0}" violates not-null constraint',
        ),
        (
            r"CHECK constraint failed on table \"?([^\" ]+)\"?",
            "23514",
            'new row for relation "{0}" violates check constraint',
        ),
        (r"foreign key", "23503", None),
        (r"unique|primary key", "23505", None),
    ],
    "Conversion Error": [
        (r'(time) field value out of range: "([^"\d]*)"', "22007", 'invalid input syntax for type {0}: "{1}"'),
        (
            r'(?:date|time|timestamp) field value out of range: "([^"]*)"',
            "22008",
            'date/time field value out of range: "{0}"',
        ),
        (
            r'invalid (date|time|timestamp) field format: "([^"]*)"',
            "22007",
            'invalid input syntax for type {0}: "{1}"',
        ),
        (r"Could not convert string '([^']*)' to INTERVAL", "22007", 'invalid input syntax for type interval: "{0}"'),
        (
            r"Could not convert string '(\s*[+-]?\d+\s*)' to INT16",
            "22003",
            'value "{0}" is out of range for type smallint',
        ),
        (
            r"Could not convert string '(\s*[+-]?\d+\s*)' to INT32",
            "22003",
            'value "{0}" is out of range for type integer',
        ),
        (
            r"Could not convert string '(\s*[+-]?\d+\s*)' to INT64",
            "22003",
            'value "{0}" is out of range for type bigint',
        ),
        (r"out of range|Could not cast value|overflow", "22003", None),
        (r"timestamp|date field|time field|interval|extract specifier", "22007", None),
        (r"Unimplemented type for cast", "42846", None),
    ],
    "Invalid Input Error": [
        (r"Division by zero", "22012", "division by zero"),
        (r"read-only mode", "25006", None),
        (
            r"More than one row returned by a subquery",
            "21000",
            "more than one row returned by a subquery used as an expression",
        ),
        (r"Could not convert|Failed to cast", "22P02", None),
        (r"Values were not provided", "42P02", None),
        (r"Attempting to execute an unsuccessful or closed", "26000", None),
    ],
    "Invalid type Error": [],
    "TransactionContext Error": [
        (r"read-only", "25006", None),
        (r"[Cc]onflict", "40001", None),
        (
            r"Current transaction is aborted",
            "25P02",
            "current transaction is aborted, commands ignored until end of transaction block",
        ),
        (r"within a transaction", "25001", None),
        (r"no transaction is active", "25P01", None),
        (r"PRIMARY KEY|UNIQUE|[Dd]uplicate key", "23505", None),
    ],
    "IO Error": [
        (r"Could not set lock", "55P03", None),
        (r"No files found that match|No such file|not found", "58P01", None),
        (r"[Nn]o space left|disk is full", "53100", None),
    ],
}
_DEFAULTS = {
    "Parser Error": "42601",
    "Syntax Error": "42601",
    "Catalog Error": "42704",
    "Binder Error": "42601",
    "Constraint Error": "23000",
    "Conversion Error": "22P02",
    "Out of Range Error": "22003",
    "Invalid Input Error": "22023",
    "Invalid type Error": "42804",
    "Mismatch Type Error": "42804",
    "TransactionContext Error": "25000",
    "IO Error": "58030",
    "Permission Error": "42501",
    "Not implemented Error": "0A000",
    "Out of Memory Error": "53200",
    "Dependency Error": "2BP01",
    "Resource In Use Error": "55006",
    "Sequence Error": "2200H",
}
_CARET = re.compile(r"\n\nLINE (\d+): ([^\n]*)\n( *)\^")


def postgres_error_of(error: Exception, sql: str = "") -> PostgresError:
    """The PostgresError for an exception of duckdb's."""
    group = _GROUPS.get(type(error).__name__, "")
    return _convert(group, str(error), sql)


def postgres_error_of_text(text: str, sql: str = "") -> PostgresError:
    """The PostgresError for the text of an error, ``Group Error: what happened``, as an Arrow stream reports it."""
    return _convert(text.partition(":")[0], text, sql)


def _convert(group: str, text: str, sql: str) -> PostgresError:
    if group == "INTERRUPT Error":
        return QueryCanceled("canceling statement due to user request")
    caret = _CARET.search(text)
    position = _position(caret, sql) if caret else None
    body = (text[: caret.start()] if caret else text).removeprefix(group + ": ").strip()
    message, _, rest = body.partition("\n")
    rest = rest.strip()
    hint = rest if rest.startswith("Did you mean") else None
    detail = None if hint else rest or None
    for pattern, sqlstate, wording in _RULES.get(group, ()):
        found = re.search(pattern, body)
        if found:
            if wording is not None:
                detail, message = body, wording.format(*(g or "" for g in found.groups()))
            if position is None:
                position = find_name(found.groups(), sql) if sqlstate.startswith("42") and sqlstate != "42P07" else None
            return postgres_error(sqlstate, first_lower(message), detail=detail, hint=hint, position=position)
    return postgres_error(
        _DEFAULTS.get(group, "XX000"), first_lower(message), detail=detail, hint=hint, position=position
    )


def _position(caret: re.Match[str], sql: str) -> int | None:
    """The caret's place in ``sql``, 1-based: DuckDB shows a window of the line, with ``...`` where it cut."""
    number, shown, blanks = int(caret[1]), caret[2], len(caret[3])
    offset = blanks - len(f"LINE {number}: ")
    lines = sql.split("\n")
    if offset < 0 or number > len(lines):
        return None
    cut = shown.startswith("...")
    fragment = shown.removeprefix("...").removesuffix("...")
    start = lines[number - 1].find(fragment)
    if start < 0:
        return None
    return sum(len(line) + 1 for line in lines[: number - 1]) + start + offset - (3 if cut else 0) + 1
