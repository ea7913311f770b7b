"""SQLite's errors as PostgreSQL's: the result code gives the group (Python 3.11 and later), the text the names.

Python 3.10 shows the text only, which does not tell a stale snapshot (40001) from a lock held too long (55P03).
"""

from __future__ import annotations

import re
import sqlite3

from ..errors import PostgresError, QueryCanceled, postgres_error

__all__ = ["postgres_error_of"]

# Primary or extended result code (sqlite.org/rescode.html) → SQLSTATE.
_CODES = {
    787: "23503",
    1299: "23502",
    1555: "23505",
    2067: "23505",
    2579: "23505",
    275: "23514",
    3091: "23514",
    19: "23000",
    5: "55P03",
    6: "55P03",
    517: "40001",
    8: "25006",
    13: "53100",
    10: "58030",
    14: "58030",
    11: "XX001",
    26: "XX001",
    7: "53200",
    18: "54000",
    20: "22P02",
    12: "42704",
    4: "40001",
    516: "40001",
}
# The text of an error without a code of its own (SQLITE_ERROR, or Python 3.10) → SQLSTATE and PostgreSQL's message.
_TEXTS: list[tuple[str, str, str | None]] = [
    (r"UNIQUE constraint failed: (.+)", "23505", 'duplicate key value violates unique constraint on "{0}"'),
    (
        r"NOT NULL constraint failed: (\S+)\.(\S+)",
        "23502",
        'null value in column "{1}" of relation "{0}" violates not-null constraint',
    ),
    (r"FOREIGN KEY constraint failed", "23503", "insert or update or delete violates foreign key constraint"),
    (r"CHECK constraint failed: (.+)", "23514", 'new row violates check constraint "{0}"'),
    (r"cannot store \w+ value in \w+ column (\S+)", "22P02", None),
    (r"datatype mismatch", "22P02", None),
    (r"no such table: (?:main\.)?(.+)", "42P01", 'relation "{0}" does not exist'),
    (r"no such view: (.+)", "42P01", 'view "{0}" does not exist'),
    (r"no such index: (.+)", "42704", 'index "{0}" does not exist'),
    (r"table (\S+) has no column named (\S+)", "42703", 'column "{1}" of relation "{0}" does not exist'),
    (r"no such column: (.+)", "42703", 'column "{0}" does not exist'),
    (r"ambiguous column name: (.+)", "42702", 'column reference "{0}" is ambiguous'),
    (r"no such function: (.+)", "42883", "function {0} does not exist"),
    (r"wrong number of arguments to function (.+)\(\)", "42883", "function {0} does not take these arguments"),
    (r"misuse of (?:aggregate|window)", "42803", None),
    (
        r"(?:table|view|there is already a table named|index) (\S+) already exists",
        "42P07",
        'relation "{0}" already exists',
    ),
    (r"there is already (?:a table|an index) named (\S+)", "42P07", 'relation "{0}" already exists'),
    (r"duplicate column name: (.+)", "42701", 'column "{0}" specified more than once'),
    (r'near "(.*)": syntax error', "42601", 'syntax error at or near "{0}"'),
    (r"incomplete input", "42601", "syntax error at end of input"),
    (r"unrecognized token: \"?(.+?)\"?$", "42601", 'syntax error at or near "{0}"'),
    (r"(\d+) values for (\d+) columns", "42601", "INSERT has {0} expressions but {1} target columns"),
    (
        r"table (\S+) has (\d+) columns but (\d+) values were supplied",
        "42601",
        "INSERT has {2} expressions but {1} target columns",
    ),
    (r"SELECTs to the left and right of|same number of result columns|sub-select returns", "42601", None),
    (
        r"You can only execute one statement at a time",
        "42601",
        "cannot insert multiple commands into a prepared statement",
    ),
    (
        r"ON CONFLICT clause does not match",
        "42P10",
        "there is no unique constraint matching the ON CONFLICT specification",
    ),
    (r"Incorrect number of bindings", "42601", "parameters are written $1, $2 and so on, not ? or :name"),
    (r"row value misused", "0A000", None),
    (r"Could not decode to UTF-8", "22021", None),
    (r"integer overflow|out of range", "22003", None),
    (r"attempt to write a readonly database", "25006", None),
    (r"cannot modify (\S+) because it is a view", "55000", 'cannot change view "{0}"'),
    (r"malformed JSON", "22P02", "invalid input syntax for type json"),
    (r"no such savepoint: (.+)", "3B001", 'savepoint "{0}" does not exist'),
    (r"cannot start a transaction within a transaction", "25001", None),
    (r"no transaction is active", "25P01", None),
    (r"database (?:table |schema )?is locked", "55P03", None),
    (r"database or disk is full", "53100", None),
    (r"interrupted", "57014", None),
    (r"disk I/O error|unable to open database", "58030", None),
    (r"not an error|file is not a database|malformed", "XX001", None),
    (r"string or blob too big|too many|too large|stack overflow", "54000", None),
    (r"no such (\w+)", "42704", None),
    (r"not supported|unsupported", "0A000", None),
]


def postgres_error_of(error: Exception, sql: str = "") -> PostgresError:
    """The PostgresError for an exception of sqlite3's; ``sql`` is the client's text, in which a name's position is
    sought.
    """
    text = str(error)
    code = getattr(error, "sqlite_errorcode", None)
    if code == 9 or text == "interrupted":
        return QueryCanceled("canceling statement due to user request")
    by_code = None if code is None else _CODES.get(code) or _CODES.get(code & 0xFF)
    for pattern, sqlstate, wording in _TEXTS:
        found = re.search(pattern, text)
        if found:
            message = wording.format(*found.groups()) if wording else text
            detail = text if wording else None
            chosen = by_code or sqlstate
            position = _position(found, sql) if chosen.startswith("42") and chosen != "42P07" else None
            return postgres_error(chosen, message, detail=detail, position=position, **_names(chosen, found))
    if by_code is None and isinstance(error, (OverflowError, sqlite3.DataError)):
        by_code = "22003"
    if by_code is None and isinstance(error, sqlite3.NotSupportedError):
        by_code = "0A000"
    return postgres_error(by_code or "XX000", text)


def _names(sqlstate: str, found: re.Match[str]) -> dict[str, str]:
    if sqlstate == "23502" and len(found.groups()) == 2:
        return {"table_name": found[1], "column_name": found[2]}
    if sqlstate == "23505" and found.groups():
        return {"table_name": found[1].partition(".")[0]}
    return {}


def _position(found: re.Match[str], sql: str) -> int | None:
    """Where the name in the error stands in the text (1-based), if it stands there once; SQLite's offset is not in
    Python.
    """
    name = (found.groups()[-1] or "").rpartition(".")[2] if found.groups() else ""
    if not name:
        return None
    edge_left, edge_right = (r"(?<!\w)" if name[0].isalnum() else ""), (r"(?!\w)" if name[-1].isalnum() else "")
    places = [m.start() for m in re.finditer(edge_left + re.escape(name) + edge_right, sql, re.IGNORECASE)]
    return places[0] + 1 if len(places) == 1 else None
