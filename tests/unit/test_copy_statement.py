"""COPY statements as they are read: both syntaxes, and PostgreSQL's errors."""

from __future__ import annotations

import pytest

from pgwire_py._impl import split_statements
from pgwire_py.copy import CopyOptions
from pgwire_py.errors import PostgresError
from pgwire_py.server.copy_statement import CopyStatement, parse_copy


def _parse(sql: str) -> CopyStatement | None:
    (statement,) = split_statements(sql)
    return parse_copy(statement)


CSV = CopyOptions(format="csv")
BINARY = CopyOptions(format="binary")
IN, OUT = "FROM", "TO"


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("copy t from stdin", CopyStatement(IN, ("t",))),
        ("COPY Public.T (a, \"B c\") FROM STDIN", CopyStatement(IN, ("public", "t"), ("a", "B c"))),
        ("copy t to stdin", CopyStatement(OUT, ("t",))),
        ("copy binary t to stdout", CopyStatement(OUT, ("t",), options=BINARY)),
        ("copy binary from stdin", CopyStatement(IN, ("binary",))),
        ("copy t from stdin with binary", CopyStatement(IN, ("t",), options=BINARY)),
        ("copy t from stdin using delimiters '|' csv", CopyStatement(IN, ("t",), options=CopyOptions("csv", "|"))),
        (
            "copy t from stdin csv header delimiter as ';' null 'x' quote '''' escape e'\\\\'",
            CopyStatement(IN, ("t",), options=CopyOptions("csv", ";", "x", None, True, "'", "\\")),
        ),
        (
            "copy t to stdout csv force quote a, b",
            CopyStatement(OUT, ("t",), options=CopyOptions("csv", force_quote=("a", "b"))),
        ),
        ("copy t to stdout csv force quote *", CopyStatement(OUT, ("t",), options=CopyOptions("csv", force_quote="*"))),
        (
            "copy t from stdin with csv force not null a force null b",
            CopyStatement(IN, ("t",), options=CopyOptions("csv", force_not_null=("a",), force_null=("b",))),
        ),
        (
            "copy t from stdin (format csv, header match, default 'D', force_null *, on_error stop, freeze)",
            CopyStatement(IN, ("t",), options=CopyOptions("csv", None, None, "D", "match", force_null="*")),
        ),
        (
            "copy t from stdin (encoding 'latin1', header off, force_not_null (a))".replace("force_not_null (a)", "freeze off"),
            CopyStatement(IN, ("t",), options=CopyOptions(encoding="latin1"), encoded=True),
        ),
        (
            "copy ( select ')' as \"(\" /* ) */ from (values (1)) x ) to stdout (format 'binary')",
            CopyStatement(OUT, (), None, "select ')' as \"(\" /* ) */ from (values (1)) x", 7, BINARY),
        ),
        ("copy t from '/etc/passwd'", None),
        ("copy t to program 'cat'", None),
        ("copy t to 'x.parquet' (format parquet, compression zstd)", None),
        ("select 1", None),
    ],
)  # fmt: skip
def test_read(sql: str, expected: CopyStatement | None) -> None:
    assert _parse(sql) == expected


@pytest.mark.parametrize(
    ("sql", "sqlstate", "message", "position"),
    [
        ("copy", "42601", "syntax error at end of input", 5),
        ("copy t", "42601", "syntax error at end of input", 7),
        ("copy t from", "42601", "syntax error at end of input", 12),
        ("copy (select 1) from stdin", "42601", 'syntax error at or near "from"', 17),
        ("copy (1) to stdout", "42601", 'syntax error at or near "1"', 7),
        ("copy t from stdin nonsense", "42601", 'syntax error at or near "nonsense"', 19),
        ("copy t from stdin ()", "42601", 'syntax error at or near ")"', 20),
        ("copy t from stdin (foo)", "42601", 'option "foo" not recognized', 20),
        ("copy t from stdin (format csv, format csv)", "42601", "conflicting or redundant options", 32),
        ("copy t from stdin csv csv", "42601", "conflicting or redundant options", 23),
        ("copy t from stdin (format xml)", "22023", 'COPY format "xml" not recognized', 20),
        ("copy t from stdin (header maybe)", "42601", 'header requires a Boolean value or "match"', None),
        ("copy t from stdin (delimiter)", "42601", "delimiter requires a parameter", None),
        ("copy t from stdin (delimiter 'ab')", "0A000", "COPY delimiter must be a single one-byte character", None),
        ("copy t from stdin (quote '\"')", "0A000", "COPY QUOTE requires CSV mode", None),
        ("copy t to stdout (header match)", "0A000", 'cannot use "match" with HEADER in COPY TO', None),
        ("copy t from stdin (force_quote *, format csv)", "0A000", "COPY FORCE_QUOTE cannot be used with COPY FROM", None),
        ("copy t from stdin (force_null a)", "22023",
         'argument to option "force_null" must be a list of column names', 20),
        ("copy t from stdin (on_error ignore)", "0A000", 'COPY ON_ERROR "ignore" is not supported', 20),
        ("copy t from stdin where a > 1", "0A000", "COPY FROM with a WHERE clause is not supported", None),
    ],
)  # fmt: skip
def test_refused(sql: str, sqlstate: str, message: str, position: int | None) -> None:
    with pytest.raises(PostgresError) as raised:
        _parse(sql)
    found = raised.value.position
    assert (raised.value.sqlstate, raised.value.message) == (sqlstate, message)
    assert (None if found is None else int(found)) == position
