"""SQL cut into tokens and statements. Error texts and positions were compared with PostgreSQL 15."""

from __future__ import annotations

from typing import Any

import pytest

from pgwire_py.errors import PostgresError, SQLSyntaxError
from pgwire_py.sql import Statement, Token


def _texts(core: Any, sql: str) -> list[str]:
    return [statement.text for statement in core.split_statements(sql)]


@pytest.mark.parametrize(
    ("sql", "texts"),
    [
        ("", []),
        (" ;; /* ; */ -- ;\n ; ", []),
        ("select 1", ["select 1"]),
        (" select 1 ; ;\nselect 2;", ["select 1", "select 2"]),
        ("/* a */ select /* ; */ 1 -- b ;\n; -- c", ["select /* ; */ 1"]),
        ("select ';', 'a'';'; x", ["select ';', 'a'';'", "x"]),
        (r"select 'a\'; x", [r"select 'a\'", "x"]),
        (r"select E'a\';b'; x", [r"select E'a\';b'", "x"]),
        (r"select E'a\\'; x", [r"select E'a\\'", "x"]),
        ("select E'a'\n'\\';'; x", ["select E'a'\n'\\';'", "x"]),
        ("select E'a' -- c'\n  'b\\';'; x", ["select E'a' -- c'\n  'b\\';'", "x"]),
        ("select E'a' '\\'; x", ["select E'a' '\\'", "x"]),
        ("select E'a'/**/\n'\\'; x", ["select E'a'/**/\n'\\'", "x"]),
        ('select ";", "a"";"; x', ['select ";", "a"";"', "x"]),
        ("select U&\";\"; U&';'", ['select U&";"', "U&';'"]),
        ("select $$;$$; x", ["select $$;$$", "x"]),
        ("select $a$;$b$;$a$; x", ["select $a$;$b$;$a$", "x"]),
        ("select $é1$;$é1$; x", ["select $é1$;$é1$", "x"]),
        ("select a$$; b$$", ["select a$$", "b$$"]),
        ("select $1$; x", ["select $1$", "x"]),
        ("select /* /* ; */ ; */ 1; x", ["select /* /* ; */ ; */ 1", "x"]),
        ("create rule r do (select 1; select 2); x", ["create rule r do (select 1; select 2)", "x"]),
        ("select 1); x", ["select 1)", "x"]),
        ("select 1 */* ; */ 2", ["select 1 */* ; */ 2"]),
        ("begin; select 1; end; x", ["begin", "select 1", "end", "x"]),
        ("select case when 1 then 2 end; x", ["select case when 1 then 2 end", "x"]),
    ],
)
def test_split(core: Any, sql: str, texts: list[str]) -> None:
    assert _texts(core, sql) == texts
    for statement in core.split_statements(sql):
        assert sql[statement.start :].startswith(statement.text)


@pytest.mark.parametrize(
    "routine",
    [
        "create trigger t after insert on x begin update a set b = 1; delete from c; end",
        "CREATE TEMP TRIGGER IF NOT EXISTS t AFTER INSERT ON x BEGIN SELECT CASE WHEN 1 THEN 2 END; SELECT 3; END",
        "create temporary trigger t after insert on x begin select new.end, new.begin; select (case when 1 then 2 end); end",
        "create or replace function f() returns int language sql begin atomic select 1; select 2; end",
        "create procedure p() begin atomic begin select 1; end; select case 1 when 1 then case 2 when 2 then 3 end end; end",
        "create function f() returns int language sql as 'select 1; select 2'",
        "create constraint trigger t after insert on x execute function f()",
        'create trigger "begin" after insert on x execute function f()',
    ],
)
def test_bodies_of_routines(core: Any, routine: str) -> None:
    assert _texts(core, f"{routine}; select 1") == [routine, "select 1"]


def test_statement(core: Any) -> None:
    sql = '  /* ü */ Select É, "Ä b""c", $2 ::TEXT, \'x\' from Größe where a$1 = $10; commit'
    first, second = core.split_statements(sql)
    assert type(first) is Statement
    assert first.text == 'Select É, "Ä b""c", $2 ::TEXT, \'x\' from Größe where a$1 = $10'
    assert first.start == 10
    assert first.keywords == ("SELECT", "É")
    assert first.words == {"select", "É", 'Ä b"c', "text", "from", "größe", "where", "a$1"}
    assert type(first.words) is frozenset
    assert [(number, first.text[start:end]) for number, start, end in first.parameters] == [(2, "$2"), (10, "$10")]
    assert second == Statement("commit", sql.index("commit"), ("COMMIT",), frozenset({"commit"}), ())


@pytest.mark.parametrize(
    ("sql", "keywords"),
    [
        ("start Transaction isolation level read", ("START", "TRANSACTION", "ISOLATION", "LEVEL")),
        ("set x = 1", ("SET", "X")),
        ("(select 1)", ()),
        ('drop "table" x', ("DROP",)),
        ("straße", ("STRAßE",)),
    ],
)
def test_keywords(core: Any, sql: str, keywords: tuple[str, ...]) -> None:
    assert core.split_statements(sql)[0].keywords == keywords


@pytest.mark.parametrize(
    ("sql", "tokens"),
    [
        ("Ab_1$ éÉ", [("word", "ab_1$"), ("word", "éÉ")]),
        ('"A""b" "" U&"d\\0061t\\+000061"', [("quoted", 'A"b'), ("quoted", ""), ("quoted", "data")]),
        ("'a''b' '' N'x' n'y'", [("string", "a'b"), ("string", ""), ("string", "x"), ("string", "y")]),
        ("b'01' X'fF'", [("string", "01"), ("string", "fF")]),
        ("b'1''0'", [("string", "1"), ("string", "0")]),
        (r"E'\n\t\b\f\r\\\'''\q'", [("string", "\n\t\b\f\r\\''q")]),
        (r"e'\101\x41\x4\u00e9\U0001F600\uD83D\uDE00'", [("string", "AA\x04é😀😀")]),
        (r"e'\303\251 \377 \ud83d \U00110000 \u12 \xg'", [("string", "é � � � u12 xg")]),
        (r"U&'\00e9\D83D\DE00\\\zz'", [("string", "é😀\\\\zz")]),
        ("$$a$b$$ $x$ $$ $x$", [("string", "a$b"), ("string", " $$ ")]),
        ("$1 $23", [("parameter", "1"), ("parameter", "23")]),
        (
            "1 1.5 .5 1. 1e5 1.5E-3 0x1F 1_000",
            [("number", n) for n in ["1", "1.5", ".5", "1.", "1e5", "1.5E-3", "0x1F", "1_000"]],
        ),
        ("1..2", [("number", "1"), ("operator", ".."), ("number", "2")]),
        ("1abc $1abc", [("number", "1"), ("word", "abc"), ("parameter", "1"), ("word", "abc")]),
        ("1e 1e+", [("number", "1"), ("word", "e"), ("number", "1"), ("word", "e"), ("operator", "+")]),
        ("a::b:=c", [("word", "a"), ("operator", "::"), ("word", "b"), ("operator", ":="), ("word", "c")]),
        (
            "<> != >= -> ->> || #>> @> :",
            [("operator", o) for o in ["<>", "!=", ">=", "->", "->>", "||", "#>>", "@>", ":"]],
        ),
        ("=-1", [("operator", "="), ("operator", "-"), ("number", "1")]),
        ("@-1", [("operator", "@-"), ("number", "1")]),
        ("+-+", [("operator", "+"), ("operator", "-"), ("operator", "+")]),
        ("a--b\nc/*d*/e", [("word", "a"), ("word", "c"), ("word", "e")]),
        ("+--b\n*/*c*/;", [("operator", "+"), ("operator", "*"), ("operator", ";")]),
        ("(.[],{\\$", [("operator", o) for o in "(.[],{\\$"]),
    ],
)
def test_tokens(core: Any, sql: str, tokens: list[tuple[str, str]]) -> None:
    assert [(token.kind, token.value) for token in core.tokenize(sql)] == tokens


def test_offsets_are_in_code_points(core: Any) -> None:
    sql = "é '😀' \"ü\" x"
    tokens = core.tokenize(sql)
    assert tokens[1] == Token("string", "😀", 2, 5)
    assert type(tokens[1]) is Token
    assert [sql[token.start : token.end] for token in tokens] == ["é", "'😀'", '"ü"', "x"]


@pytest.mark.parametrize(
    ("sql", "message", "position"),
    [
        ("select 'abc", 'unterminated quoted string at or near "\'abc"', 8),
        ("select 'abc''", "unterminated quoted string at or near \"'abc''\"", 8),
        ("select E'abc", 'unterminated quoted string at or near "E\'abc"', 8),
        ("select e'\\", 'unterminated quoted string at or near "e\'\\"', 8),
        ("select n'abc", 'unterminated quoted string at or near "\'abc"', 9),
        ("select U&'abc", 'unterminated quoted string at or near "U&\'abc"', 8),
        ('select "abc', 'unterminated quoted identifier at or near ""abc"', 8),
        ('select U&"abc', 'unterminated quoted identifier at or near "U&"abc"', 8),
        ("select b'01", 'unterminated bit string literal at or near "b\'01"', 8),
        ("select x'01", 'unterminated hexadecimal string literal at or near "x\'01"', 8),
        ("select $a$ x", 'unterminated dollar-quoted string at or near "$a$ x"', 8),
        ("select $a$x$a", 'unterminated dollar-quoted string at or near "$a$x$a"', 8),
        ("select /* x /* */", 'unterminated /* comment at or near "/* x /* */"', 8),
        ("select 1;; 'é", 'unterminated quoted string at or near "\'é"', 12),
        ("select 'a' é '", 'unterminated quoted string at or near "\'"', 14),
        ("select 'a'\n'", "unterminated quoted string at or near \"'a'\n'\"", 8),
        ("select E'a'\n '\\'", "unterminated quoted string at or near \"E'a'\n '\\'\"", 8),
        ("select n'a' 'b", 'unterminated quoted string at or near "\'b"', 13),
        ("select $99999999999", 'parameter number too large at or near "$99999999999"', 8),
        ("select '" + "é" * 500, "unterminated quoted string at or near \"'" + "é" * 63 + '..."', 8),
    ],
)
def test_errors(core: Any, sql: str, message: str, position: int) -> None:
    for function in (core.split_statements, core.tokenize):
        with pytest.raises(SQLSyntaxError) as caught:
            function(sql)
        assert str(caught.value) == message
        assert caught.value.sqlstate == "42601"
        assert caught.value.position == str(position)


def test_lone_surrogate(core: Any) -> None:
    for function in (core.split_statements, core.tokenize):
        with pytest.raises(PostgresError) as caught:
            function("select '\ud800'")
        assert caught.value.sqlstate == "22021"


@pytest.mark.parametrize("piece", ["'", '"', "/*", "$a$", "(", "E'\\", "--\n", "''", "$", "begin ", "case "])
def test_long_hostile_text_is_read_in_one_go(core: Any, piece: str) -> None:
    for sql in (piece * 100_000, "create trigger " + piece * 100_000):
        try:
            statements = core.split_statements(sql)
        except SQLSyntaxError as error:
            outcome = str(error)
        else:
            outcome = f"{len(statements)} statements"
        assert len(outcome) < 200
