"""psql, scripted: what it prints, the errors it shows, the status it exits with."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.psql import Psql
from tests.support.targets import Target


def lines(text: str) -> list[str]:
    return text.splitlines()


@pytest.mark.smoke
def test_select(psql: Psql) -> None:
    result = psql("select 1 as a, 'two' as b")
    assert (result.returncode, result.stdout, result.stderr) == (0, "1|two\n", "")


@pytest.mark.smoke
def test_null_empty_string_and_unicode(psql: Psql) -> None:
    result = psql(
        "select null as a, '' as b, 'Grüße, 世界 🐘' as c, 'it''s' as d", options=("-At", "-P", "null=(null)")
    )
    assert result.stdout == "(null)||Grüße, 世界 🐘|it's\n"


def test_aligned_output_with_headings(psql: Psql) -> None:
    result = psql("select 'x' as word, 'y' as \"Other Word\"", options=("-P", "border=1"))
    assert lines(result.stdout) == [" word | Other Word ", "------+------------", " x    | y", "(1 row)", ""]


def test_no_rows(psql: Psql) -> None:
    result = psql("select 'x' as word where 1 = 0", options=())
    assert "(0 rows)" in result.stdout


def test_several_statements_in_one_string(psql: Psql) -> None:
    result = psql("select 1; select 'a;b'; ; select 3 -- the end; select 4")
    assert (result.returncode, lines(result.stdout)) == (0, ["1", "a;b", "3"])


@pytest.mark.smoke
def test_error_in_a_string_rolls_all_of_it_back(psql: Psql, table: str) -> None:
    assert psql(f"create table {table} (n int4 primary key)").returncode == 0
    result = psql(f"insert into {table} values (1); insert into {table} values (1); insert into {table} values (2)")
    assert result.returncode == 1
    assert psql(f"select count(*) from {table}").stdout == "0\n"


def test_explicit_transaction_in_a_string(psql: Psql, table: str) -> None:
    psql(f"create table {table} (n int4)")
    result = psql(
        f"begin; insert into {table} values (1); commit; insert into {table} values (2); select * from missing"
    )
    assert result.returncode == 1
    assert psql(f"select n from {table} order by n").stdout == "1\n"


@pytest.mark.smoke
def test_command_tags(psql: Psql, table: str) -> None:
    result = psql(
        f"create table {table} (n int4, word text)",
        f"insert into {table} values (1, 'a'), (2, 'b'), (3, 'c')",
        f"update {table} set word = 'z' where n > 1",
        f"delete from {table} where n = 1",
        "begin",
        "commit",
        f"drop table {table}",
        options=(),
    )
    tags = ["CREATE TABLE", "INSERT 0 3", "UPDATE 2", "DELETE 1", "BEGIN", "COMMIT", "DROP TABLE"]
    assert (lines(result.stdout), result.stderr) == (tags, "")


@pytest.mark.parametrize(
    ("statement", "sqlstate"),
    [
        ("selec 1", "42601"),
        ("select 'open", "42601"),
        ("select * from no_such_table", "42P01"),
        ("select no_such_column from TABLE", "42703"),
        ("insert into TABLE (n, word) values (1, 'again')", "23505"),
        ("insert into TABLE (n, word) values (2, null)", "23502"),
        ("insert into TABLE (n, word, big) values (3, 'x', -1)", "23514"),
        ("create table TABLE (x int4)", "42P07"),
        ("select no_such_function(1)", "42883"),
    ],
)
def test_sqlstates(psql: Psql, table: str, statement: str, sqlstate: str) -> None:
    made = psql(
        f"create table {table} (n int4 primary key, word text not null, big int8 check (big > 0))",
        f"insert into {table} (n, word) values (1, 'one')",
    )
    assert made.returncode == 0, made.stderr
    result = psql(statement.replace("TABLE", table), options=("-At", "-v", "VERBOSITY=verbose"))
    assert result.returncode == 1
    assert result.stderr.startswith(f"ERROR:  {sqlstate}: "), result.stderr


@pytest.mark.engines("postgres", "duckdb")  # SQLite's CAST never fails
@pytest.mark.parametrize(("literal", "kind"), [("'abc'", "int4"), ("'2024-13-45'", "date"), ("'1-2'", "uuid")])
def test_bad_text_for_a_type(psql: Psql, literal: str, kind: str) -> None:
    result = psql(f"select cast({literal} as {kind})", options=("-At", "-v", "VERBOSITY=verbose"))
    expected = ("22008:", "22007:") if kind == "date" else ("22P02:",)
    assert result.stderr.split()[1] in expected, result.stderr


def test_error_position_is_shown(psql: Psql) -> None:
    result = psql("select 1 +\n  no_such_column")
    assert "no_such_column" in result.stderr
    assert "LINE 2:" in result.stderr


def test_errverbose(psql: Psql) -> None:
    result = psql(stdin="select * from no_such_table;\n\\errverbose\n")
    assert result.stderr.count("42P01") == 1


def test_failed_transaction(psql: Psql) -> None:
    script = "begin;\nselect * from no_such_table;\nselect 1;\nrollback;\nselect 'alive';\n"
    result = psql(stdin=script, options=("-At", "-v", "VERBOSITY=verbose"))
    assert "ERROR:  25P02: " in result.stderr
    assert lines(result.stdout) == ["BEGIN", "ROLLBACK", "alive"]


def test_commit_of_a_failed_transaction_is_a_rollback(psql: Psql, table: str) -> None:
    script = (
        f"create table {table} (n int4);\nbegin;\ninsert into {table} values (1);\nselect * from missing;\ncommit;\n"
    )
    result = psql(stdin=script)
    assert lines(result.stdout)[-1] == "ROLLBACK"
    assert psql(f"select count(*) from {table}").stdout == "0\n"


def test_warnings_of_transaction_commands(psql: Psql) -> None:
    result = psql("begin", "begin", "commit", "commit", "rollback", options=("-v", "VERBOSITY=verbose"))
    codes = [line.split()[1] for line in lines(result.stderr) if line.startswith("WARNING:")]
    assert (codes, result.returncode) == (["25001:", "25P01:", "25P01:"], 0)
    assert lines(result.stdout) == ["BEGIN", "BEGIN", "COMMIT", "COMMIT", "ROLLBACK"]


@pytest.mark.engines("postgres", "sqlite")
@pytest.mark.parametrize("ending", ["release", "rollback to"])
def test_savepoints(psql: Psql, table: str, ending: str) -> None:
    script = (
        f"create table {table} (n int4);\nbegin;\ninsert into {table} values (1);\nsavepoint s;\n"
        f"insert into {table} values (2);\n{ending} s;\ncommit;\nselect n from {table} order by n;\n"
    )
    result = psql(stdin=script, options=("-Atq",))
    assert (result.stderr, lines(result.stdout)) == ("", ["1", "2"] if ending == "release" else ["1"])


@pytest.mark.engines("postgres", "sqlite")
def test_savepoint_ends_the_failed_state(psql: Psql, table: str) -> None:
    script = (
        f"create table {table} (n int4 primary key);\nbegin;\ninsert into {table} values (1);\nsavepoint s;\n"
        f"insert into {table} values (1);\nrollback to savepoint s;\ninsert into {table} values (2);\ncommit;\n"
        f"select n from {table} order by n;\n"
    )
    assert lines(psql(stdin=script, options=("-Atq",)).stdout) == ["1", "2"]


@pytest.mark.smoke
def test_file_of_statements(psql: Psql, table: str, tmp_path: Path) -> None:
    script = tmp_path / "script.sql"
    body = f"create table {table} (n int4);\n-- a comment; with a semicolon\ninsert into {table}\nvalues (1), (2);\n"
    script.write_text(body + f"select n, 'x;y'\nfrom {table}\norder by n desc;\n")
    result = psql(options=("-Atq", "-f", str(script)))
    assert (result.returncode, lines(result.stdout)) == (0, ["2|x;y", "1|x;y"])


@pytest.mark.parametrize("bad", [False, True])
def test_single_transaction(psql: Psql, table: str, tmp_path: Path, bad: bool) -> None:
    psql(f"create table {table} (n int4)")
    script = tmp_path / "script.sql"
    script.write_text(f"insert into {table} values (1);\n" + ("select * from missing;\n" if bad else ""))
    options = ("-Atq", "--single-transaction", "-v", "ON_ERROR_STOP=1", "-f", str(script))
    assert psql(options=options).returncode == (3 if bad else 0)
    assert psql(f"select count(*) from {table}").stdout == ("0\n" if bad else "1\n")


def test_exit_status(psql: Psql, target: Target) -> None:
    assert psql("select 1").returncode == 0
    assert psql("selec 1").returncode == 1
    assert psql(stdin="selec 1;\nselect 1;\n").returncode == 0
    assert psql(stdin="selec 1;\nselect 1;\n", options=("-v", "ON_ERROR_STOP=1")).returncode == 3
    assert psql("select 1", dsn=target.dsn.replace(f"port={target.port}", "port=1")).returncode == 2


def test_variables(psql: Psql, table: str) -> None:
    script = f'create table :"t" (w text);\ninsert into :"t" values (:\'w\');\nselect w, :n + 1 from {table};\n'
    result = psql(stdin=script, options=("-Atq", "-v", f"t={table}", "-v", "w=it's", "-v", "n=41"))
    assert result.stdout == "it's|42\n"


def test_gset_and_echo(psql: Psql) -> None:
    script = "select 'a' as first, 'b' as second \\gset p_\n\\echo :p_first :p_second :ROW_COUNT :SQLSTATE\n"
    assert psql(stdin=script).stdout == "a b 1 00000\n"


def test_gdesc(psql: Psql, table: str) -> None:
    psql(f"create table {table} (n int4, word text, seen timestamp, price numeric(10,2))")
    result = psql(stdin=f"select n, word, seen from {table} \\gdesc\n")
    assert lines(result.stdout) == ["n|integer", "word|text", "seen|timestamp without time zone"]


def test_gexec(psql: Psql) -> None:
    assert lines(psql(stdin="select 'select 1' union all select 'select 2' order by 1 \\gexec\n").stdout) == ["1", "2"]


def test_timing(psql: Psql) -> None:
    result = psql(stdin="\\timing on\nselect 1;\n")
    assert lines(result.stdout)[:2] == ["Timing is on.", "1"]
    assert lines(result.stdout)[2].startswith("Time: ")


@pytest.mark.engines("postgres")  # DECLARE and FETCH come later
def test_cursor_mode(psql: Psql) -> None:
    result = psql(stdin="\\set FETCH_COUNT 2\nvalues (1), (2), (3), (4), (5);\n")
    assert lines(result.stdout) == ["1", "2", "3", "4", "5"]


@pytest.mark.smoke
def test_settings(psql: Psql) -> None:
    result = psql(
        "set application_name = 'it''s me'", "show application_name", "set timezone to 'UTC'", "show TimeZone",
        "reset application_name", "show application_name", "show server_encoding", "show transaction_isolation",
        options=("-Atq",),
    )  # fmt: skip
    assert (lines(result.stdout), result.stderr) == (["it's me", "UTC", "psql", "UTF8", "read committed"], "")


def test_unknown_setting(psql: Psql) -> None:
    result = psql("show no_such_setting", options=("-At", "-v", "VERBOSITY=verbose"))
    assert result.stderr.startswith("ERROR:  42704: ")


def test_session_functions(psql: Psql, target: Target) -> None:
    result = psql("select current_database(), current_user, current_schema()", "select version()")
    first, second = lines(result.stdout)
    assert first.split("|")[:2] == [target.dbname, target.user]
    assert second.startswith("PostgreSQL ")


@pytest.mark.smoke
def test_list_of_relations(psql: Psql, table: str) -> None:
    psql(f"create table {table} (n int4 primary key, word text)", f"create view {table}_view as select n from {table}")
    everything = [line.split("|")[1:3] for line in lines(psql("\\d").stdout)]
    assert [table, "table"] in everything
    assert [f"{table}_view", "view"] in everything
    tables = [line.split("|")[1] for line in lines(psql("\\dt").stdout)]
    assert table in tables
    assert f"{table}_view" not in tables


@pytest.mark.smoke
def test_description_of_a_table(psql: Psql, table: str) -> None:
    psql(f"create table {table} (n int4 not null, word text, price numeric(10,2), seen timestamp)")
    result = psql(f"\\d {table}")
    assert (result.returncode, result.stderr) == (0, "")
    rows = [line.split("|") for line in lines(result.stdout)]
    assert [row[:2] for row in rows] == [
        ["n", "integer"], ["word", "text"], ["price", "numeric(10,2)"], ["seen", "timestamp without time zone"],
    ]  # fmt: skip
    assert [row[3] for row in rows] == ["not null", "", "", ""]


def test_description_of_what_is_not_there(psql: Psql) -> None:
    result = psql("\\d no_such_table")
    assert 'Did not find any relation named "no_such_table"' in result.stderr


def test_conninfo(psql: Psql, target: Target) -> None:
    result = psql("\\conninfo")
    assert result.returncode == 0
    assert str(target.port) in result.stdout


def test_many_rows(psql: Psql) -> None:
    numbers = "with recursive n(i) as (select 1 union all select i + 1 from n where i < 20000) select i from n"
    result = psql(numbers)
    assert lines(result.stdout) == [str(i) for i in range(1, 20001)]
