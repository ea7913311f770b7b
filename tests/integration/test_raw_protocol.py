"""Raw sockets against every server: the extended and the simple protocol, and the errors in them.

``exchange`` gives each answer as a short text: the tag, and behind it the SQLSTATE, the command tag, the values of a row, or the
transaction status.
"""

from __future__ import annotations

import struct

import pytest

from tests.support.raw import (
    FLUSH,
    SYNC,
    RawClient,
    bind,
    close,
    describe,
    execute,
    message,
    parse,
    query,
    text,
)

INT4, INT8, TEXT = 23, 20, 25
THREE = "values ('a'), ('b'), ('c')"


def run(sql: str) -> bytes:
    """Parse, Bind and Execute of the unnamed statement."""
    return parse(sql) + bind() + execute()


# Simple query


@pytest.mark.smoke
def test_simple_query(raw: RawClient) -> None:
    assert raw.exchange(query("select 'x' as word")) == ["T", "D x", "C SELECT 1", "Z I"]


@pytest.mark.parametrize("sql", ["", ";", "  ;; ", "-- a comment only", "/* one */ ; -- two"])
def test_empty_query(raw: RawClient, sql: str) -> None:
    assert raw.exchange(query(sql)) == ["I", "Z I"]


@pytest.mark.smoke
def test_several_statements(raw: RawClient) -> None:
    answers = raw.exchange(query("select 'a'; begin; select 'b';; commit"))
    assert answers == ["T", "D a", "C SELECT 1", "C BEGIN", "T", "D b", "C SELECT 1", "C COMMIT", "Z I"]


def test_error_in_the_middle_ends_the_string(raw: RawClient, table: str) -> None:
    raw.exchange(query(f"create table {table} (n int4 primary key)"))
    insert = f"insert into {table} values (1)"
    assert raw.exchange(query(f"{insert}; {insert}; select 'never'")) == ["C INSERT 0 1", "E 23505", "Z I"]
    assert raw.exchange(query(f"select count(*) from {table}")) == ["T", "D 0", "C SELECT 1", "Z I"]


def test_syntax_error_anywhere_runs_nothing(raw: RawClient) -> None:
    assert raw.exchange(query("select 'a'; selec 'b'")) == ["E 42601", "Z I"]


@pytest.mark.smoke
def test_transaction_status(raw: RawClient) -> None:
    assert raw.exchange(query("begin")) == ["C BEGIN", "Z T"]
    assert raw.exchange(query("select * from no_such_table")) == ["E 42P01", "Z E"]
    assert raw.exchange(query("select 1")) == ["E 25P02", "Z E"]
    assert raw.exchange(query("commit")) == ["C ROLLBACK", "Z I"]


def test_status_after_a_string_that_opens_a_transaction(raw: RawClient) -> None:
    assert raw.exchange(query("begin; select * from no_such_table")) == ["C BEGIN", "E 42P01", "Z E"]
    assert raw.exchange(query("rollback; start transaction")) == ["C ROLLBACK", "C START TRANSACTION", "Z T"]
    assert raw.exchange(query("end")) == ["C COMMIT", "Z I"]
    assert raw.exchange(query("abort")) == ["N 25P01", "C ROLLBACK", "Z I"]


def test_invalid_utf8_in_a_query(raw: RawClient) -> None:
    assert raw.exchange(message("Q", b"select '\xff\xfe'\0")) == ["E 22021", "Z I"]
    assert raw.exchange(query("select 'alive'"))[1] == "D alive"


def test_every_field_of_an_error(raw: RawClient) -> None:
    raw.send(query("select *\nfrom no_such_table"))
    fields = raw.until_ready()[0].fields
    assert (fields["S"], fields["V"], fields["C"]) == ("ERROR", "ERROR", "42P01")
    assert "no_such_table" in fields["M"]
    assert fields["P"] == "15"


@pytest.mark.parametrize(
    ("sql", "position"),
    [
        ("  selekt 1", "3"),
        ("/* \u00e9 */ selekt 1", "9"),
        ("select 1; selekt 2", "11"),
        ("select 1;\n select nocol from (select 1 as x) t", "19"),
        ("  set timezone to", "18"),
    ],
)
def test_a_position_counts_from_the_start_of_the_query_string(raw: RawClient, sql: str, position: str) -> None:
    raw.send(query(sql))
    assert [answer.fields["P"] for answer in raw.until_ready() if answer.tag == "E"] == [position]
    if ";" not in sql:
        raw.send(parse(sql) + bind() + describe("P") + execute() + SYNC)
        assert [answer.fields["P"] for answer in raw.until_ready() if answer.tag == "E"] == [position]


def test_setting_is_reported_before_ready_for_query(raw: RawClient) -> None:
    assert raw.exchange(query("set application_name = 'x'; select 'y'")) == [
        "C SET",
        "T",
        "D y",
        "C SELECT 1",
        "S",
        "Z I",
    ]


# Extended query


@pytest.mark.smoke
def test_extended_query(raw: RawClient) -> None:
    assert raw.exchange(run(THREE), SYNC) == ["1", "2", "D a", "D b", "D c", "C SELECT 3", "Z I"]


@pytest.mark.smoke
def test_parameters_are_described(raw: RawClient, table: str) -> None:
    raw.exchange(query(f"create table {table} (n int4, big int8, word text)"))
    sql = f"insert into {table} (n, big, word) values ($1, $2, $3)"
    raw.send(parse(sql, "insert"), describe("S", "insert"), SYNC)
    answers = raw.until_ready()
    assert [str(a) for a in answers] == ["1", "t", "n", "Z I"]
    assert answers[1].types == (INT4, INT8, TEXT)


@pytest.mark.smoke
def test_result_is_described(raw: RawClient, table: str) -> None:
    raw.exchange(query(f"create table {table} (n int4, big int8, word text)"))
    raw.send(parse(f"select n, big, word from {table} where n = $1"), describe("S"))
    raw.send(bind(b"1", result_formats=[1, 0, 1]), describe("P"), SYNC)
    answers = raw.until_ready()
    assert [a.tag for a in answers] == list("1tT2TZ")
    assert answers[1].types == (INT4,)
    assert answers[2].columns == [("n", INT4, 0), ("big", INT8, 0), ("word", TEXT, 0)]
    assert answers[4].columns == [("n", INT4, 1), ("big", INT8, 0), ("word", TEXT, 1)]


def test_declared_types_come_back_unchanged(raw: RawClient) -> None:
    raw.send(parse("select cast($1 as text)", types=[TEXT]), describe("S"), SYNC)
    assert raw.until_ready()[1].types == (TEXT,)


@pytest.mark.smoke
def test_formats_of_parameters_and_results(raw: RawClient, table: str) -> None:
    raw.exchange(query(f"create table {table} (n int4, big int8, word text)"))
    insert = parse(f"insert into {table} values ($1, $2, $3)", "insert")
    binary = bind(struct.pack("!i", 7), b"8", b"nine", statement="insert", formats=[1, 0, 1])
    nulls = bind(None, None, None, statement="insert", formats=[1])
    assert raw.exchange(insert, binary, execute(), nulls, execute(), SYNC) == [
        "1", "2", "C INSERT 0 1", "2", "C INSERT 0 1", "Z I",
    ]  # fmt: skip
    raw.send(parse(f"select * from {table} order by n"))
    raw.send(bind(result_formats=[0, 1, 0]), execute(), bind(result_formats=[1]), execute(), SYNC)
    rows = [a.row for a in raw.until_ready() if a.tag == "D"]
    assert (b"7", struct.pack("!q", 8), b"nine") in rows
    assert (struct.pack("!i", 7), struct.pack("!q", 8), b"nine") in rows
    assert rows.count((None, None, None)) == 2


@pytest.mark.parametrize("sql", ["begin", "set application_name = 'x'", "rollback"])
def test_no_data(raw: RawClient, sql: str) -> None:
    answers = raw.exchange(parse(sql), describe("S"), bind(), describe("P"), SYNC)
    assert answers == ["1", "t", "n", "2", "n", "Z I"]


def test_empty_statement(raw: RawClient) -> None:
    answers = raw.exchange(parse(""), describe("S"), bind(), describe("P"), execute(), SYNC)
    assert answers == ["1", "t", "n", "2", "n", "I", "Z I"]


def test_sync_alone(raw: RawClient) -> None:
    assert raw.exchange(SYNC, SYNC, ready=2) == ["Z I", "Z I"]


def test_flush_answers_in_mid_batch(raw: RawClient) -> None:
    raw.send(parse("select 'x'"), bind(), FLUSH)
    assert [str(raw.receive()), str(raw.receive())] == ["1", "2"]
    raw.send(execute(), FLUSH)
    assert [str(raw.receive()), str(raw.receive())] == ["D x", "C SELECT 1"]
    assert raw.exchange(SYNC) == ["Z I"]


@pytest.mark.smoke
def test_row_limit_suspends_and_resumes(raw: RawClient) -> None:
    answers = raw.exchange(parse(THREE), bind(), execute("", 2), execute("", 2), SYNC)
    assert answers == ["1", "2", "D a", "D b", "s", "D c", "C SELECT 1", "Z I"]


def test_row_limit_that_is_met_exactly(raw: RawClient) -> None:
    answers = raw.exchange(parse(THREE), bind(), execute("", 3), execute("", 1), SYNC)
    assert answers == ["1", "2", "D a", "D b", "D c", "s", "C SELECT 0", "Z I"]


def test_executing_a_finished_portal(raw: RawClient) -> None:
    answers = raw.exchange(parse(THREE), bind(), execute(), execute(), SYNC)
    assert answers == ["1", "2", "D a", "D b", "D c", "C SELECT 3", "C SELECT 0", "Z I"]


@pytest.mark.smoke
def test_portals_live_as_long_as_their_transaction(raw: RawClient) -> None:
    assert raw.exchange(query("begin")) == ["C BEGIN", "Z T"]
    opened = raw.exchange(parse(THREE, "s"), bind(portal="p", statement="s"), execute("p", 1), SYNC)
    assert opened == ["1", "2", "D a", "s", "Z T"]
    second = raw.exchange(bind(portal="q", statement="s"), execute("q", 2), SYNC)
    assert second == ["2", "D a", "D b", "s", "Z T"]
    assert raw.exchange(execute("p", 1), execute("q", 0), SYNC) == ["D b", "s", "D c", "C SELECT 1", "Z T"]
    assert raw.exchange(query("commit")) == ["C COMMIT", "Z I"]
    assert raw.exchange(execute("p", 0), SYNC) == ["E 34000", "Z I"]


def test_portal_is_gone_after_sync_outside_a_transaction(raw: RawClient) -> None:
    assert raw.exchange(parse(THREE), bind(portal="p"), execute("p", 1), SYNC)[-2:] == ["s", "Z I"]
    assert raw.exchange(execute("p"), SYNC) == ["E 34000", "Z I"]


def test_simple_query_drops_the_unnamed_statement(raw: RawClient) -> None:
    assert raw.exchange(parse(THREE), parse(THREE, "named"), SYNC) == ["1", "1", "Z I"]
    raw.exchange(query("select 1"))
    assert raw.exchange(bind(), SYNC) == ["E 26000", "Z I"]
    assert raw.exchange(bind(statement="named"), SYNC) == ["2", "Z I"]


def test_close(raw: RawClient) -> None:
    assert raw.exchange(parse(THREE, "s"), bind(portal="p", statement="s"), close("P", "p"), execute("p"), SYNC) == [
        "1", "2", "3", "E 34000", "Z I",
    ]  # fmt: skip
    assert raw.exchange(close("S", "s"), close("S", "never_was"), close("P", "never_was"), SYNC) == [
        "3", "3", "3", "Z I",
    ]  # fmt: skip
    assert raw.exchange(bind(statement="s"), SYNC) == ["E 26000", "Z I"]


def test_deallocate_drops_a_prepared_statement(raw: RawClient) -> None:
    raw.exchange(parse(THREE, "s"), SYNC)
    assert raw.exchange(query("deallocate s")) == ["C DEALLOCATE", "Z I"]
    assert raw.exchange(bind(statement="s"), SYNC) == ["E 26000", "Z I"]
    assert raw.exchange(query("deallocate s")) == ["E 26000", "Z I"]


# Errors in the extended protocol: each is answered once, and what follows is skipped until Sync


@pytest.mark.parametrize(
    ("messages", "answers"),
    [
        pytest.param([bind(statement="none")], ["E 26000"], id="bind to an unknown statement"),
        pytest.param([describe("S", "none")], ["E 26000"], id="describe an unknown statement"),
        pytest.param([describe("P", "none")], ["E 34000"], id="describe an unknown portal"),
        pytest.param([execute("none")], ["E 34000"], id="execute an unknown portal"),
        pytest.param([parse("select 1", "x"), parse("select 2", "x")], ["1", "E 42P05"], id="duplicate statement"),
        pytest.param([parse("select 1"), parse("select 2")], ["1", "1"], id="the unnamed statement is replaced"),
        pytest.param(
            [parse(THREE), bind(portal="x"), bind(portal="x")], ["1", "2", "E 42P03"], id="duplicate portal"
        ),
        pytest.param([parse("select 1; select 2")], ["E 42601"], id="two statements in Parse"),
        pytest.param([parse("selec 1")], ["E 42601"], id="syntax error in Parse"),
        pytest.param([parse("select * from no_such_table")], ["E 42P01"], id="unknown table in Parse"),
        pytest.param([parse("select cast($1 as int4)"), bind()], ["1", "E 08P01"], id="too few parameters"),
        pytest.param([parse("select 1"), bind(b"1")], ["1", "E 08P01"], id="too many parameters"),
        pytest.param(
            [parse("select cast($1 as int4)"), bind(b"1", formats=[0, 0])], ["1", "E 08P01"], id="too many formats"
        ),
        pytest.param(
            [parse("select cast($1 as int4)"), bind(b"1", formats=[2])], ["1", "E 22023"], id="parameter format 2"
        ),
        pytest.param(
            [parse("select 1"), bind(result_formats=[2]), execute()], ["1", "2", "E 22023"], id="result format 2"
        ),
        pytest.param(
            [parse("select 1"), bind(result_formats=[0, 0])], ["1", "E 08P01"], id="too many result formats"
        ),
        pytest.param(
            [parse("select $1", types=[INT4]), bind(b"abc")], ["1", "E 22P02"], id="bad text of a parameter"
        ),
        pytest.param(
            [parse("select $1", types=[INT4]), bind(b"\0\0\0\0\0", formats=[1])], ["1", "E 22P03"], id="long binary int4"
        ),
        pytest.param(
            [parse("select $1", types=[TEXT]), bind(b"\xff")], ["1", "E 22021"], id="a text parameter not in UTF-8"
        ),
        pytest.param([describe("x", "")], ["E 08P01"], id="describe neither statement nor portal"),
        pytest.param([close("x", "")], ["E 08P01"], id="close neither statement nor portal"),
        pytest.param([message("B", text("") + b"abc")], ["E 08P01"], id="Bind without an end of name"),
        pytest.param(
            [parse("select $1", types=[TEXT]), message("B", text("") * 2 + b"\0\0\0\1")],
            ["1", "E 08P01"],
            id="Bind cut short",
        ),
        pytest.param(
            [parse("select $1", types=[TEXT]), message("B", text("") * 2 + b"\0\0\0\1\0\0\1\0ab")],
            ["1", "E 08P01"],
            id="Bind with a value longer than the message",
        ),
        pytest.param([message("P", text("") + b"select 1")], ["E 08P01"], id="Parse without an end"),
        pytest.param([message("P", text("") + text("select 1") + b"\0\2\0\0\0\0")], ["E 08P01"], id="Parse cut short"),
        pytest.param([message("E", text("") + b"\0")], ["E 08P01"], id="Execute cut short"),
        pytest.param([message("E", text("") + b"\0\0\0\0\0")], ["E 08P01"], id="Execute with a byte too many"),
        pytest.param([message("D", b"S")], ["E 08P01"], id="Describe cut short"),
    ],
)  # fmt: skip
def test_error_then_skip_until_sync(raw: RawClient, messages: list[bytes], answers: list[str]) -> None:
    failing = answers[-1].startswith("E")
    rest = [] if failing else ["1", "2", "D x", "C SELECT 1"]
    assert raw.exchange(*messages, run("select 'x'"), SYNC) == [*answers, *rest, "Z I"]
    assert raw.exchange(run("select 'alive'"), SYNC) == ["1", "2", "D alive", "C SELECT 1", "Z I"]


def test_binary_parameter_that_is_too_short(raw: RawClient) -> None:
    """A protocol violation, unlike one that is too long."""
    answers = raw.exchange(parse("select $1", types=[INT4]), bind(b"\0\0", formats=[1]), SYNC)
    assert answers == ["1", "E 08P01", "Z I"]
