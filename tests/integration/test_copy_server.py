"""COPY on the wire and in psql: our server with each engine, and PostgreSQL, which verifies what is expected here."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from tests.support.psql import Psql
from tests.support.raw import SYNC, TERMINATE, RawClient, bind, cancel_request, describe, execute, message, parse, query
from tests.support.targets import Target

DONE = message("c")


def data(payload: bytes) -> bytes:
    return message("d", payload)


def fail(reason: str) -> bytes:
    return message("f", reason.encode() + b"\0")


@pytest.fixture
def filled(raw: RawClient, table: str) -> str:
    """A table (n, word) with a key, of three rows."""
    answers = raw.exchange(
        query(f"create table {table} (n int4 primary key, word text not null default 'none')"),
        query(f"insert into {table} values (1, 'one'), (2, 'two'), (3, 'three')"),
        ready=2,
    )
    assert answers == ["C CREATE TABLE", "Z I", "C INSERT 0 3", "Z I"]
    return table


def count(raw: RawClient, table: str) -> int:
    return int(raw.exchange(query(f"select count(*) from {table}"))[1].removeprefix("D "))


def error(raw: RawClient) -> dict[str, str]:
    """The ErrorResponse among the answers up to ReadyForQuery."""
    (found,) = [answer.fields for answer in raw.until_ready() if answer.tag == "E"]
    return found


# -- psql ------------------------------------------------------------------------------------------------------------


@pytest.mark.smoke
@pytest.mark.parametrize(
    "options", ["", "with (format csv)", "csv header delimiter ';' null 'N'", "(format binary)", "(encoding 'latin1')"]
)
def test_a_table_goes_out_and_in_again(psql: Psql, table: str, tmp_path: Path, options: str) -> None:
    columns = (
        "n int4, small int2, big int8, f float8, word text, ok bool, day date, at timestamp, raw bytea, d numeric(10,2)"
    )
    psql(f"create table {table} ({columns})", f"create table {table}_copy ({columns})")
    psql(
        f"insert into {table} values "
        "(1, 2, 3, 0.5, 'a,b;\"c\"\\\té', true, '2024-02-29', '2001-02-03 04:05:06.789', '\\x00ff41', 12.50), "
        "(-1, null, null, null, null, null, null, null, null, null), (0, 0, 0, 0, '', false, '1900-01-01', '1999-01-01', '', 0)"
    )
    file = tmp_path / "data"
    out = psql(f"\\copy {table} to '{file}' {options}")
    assert (out.stdout, out.stderr) == ("COPY 3\n", "")
    into = psql(f"\\copy {table}_copy from '{file}' {options}")
    assert (into.stdout, into.stderr) == ("COPY 3\n", "")
    rows = psql(f"select * from {table} order by n").stdout
    assert rows.count("\n") == 3
    assert psql(f"select * from {table}_copy order by n").stdout == rows


def test_a_query_goes_out(psql: Psql, table: str) -> None:
    psql(f"create table {table} (n int4, word text)", f"insert into {table} values (1, 'a b'), (2, null), (3, 'x')")
    assert psql(f"copy (select word, n from {table} where n < 3 order by n) to stdout").stdout == "a b\t1\n\\N\t2\n"
    assert psql(f"copy {table} (word) to stdout csv header force quote *").stdout == 'word\n"a b"\n\n"x"\n'
    assert psql("copy (select 1 where false) to stdout").stdout == ""
    assert psql("copy (values (1, 'x')) to stdout (format csv)").stdout == "1,x\n"
    assert psql("copy (select nspname from pg_namespace where nspname = 'public') to stdout").stdout == "public\n"


def test_columns_that_are_not_copied_get_their_default(psql: Psql, table: str) -> None:
    psql(f"create table {table} (n int4, word text default 'dd', other int4)")
    assert psql(f"copy {table} (n) from stdin", stdin="1\n2\n").stdout == "COPY 2\n"
    assert psql(f"select * from {table} order by n").stdout == "1|dd|\n2|dd|\n"


@pytest.mark.engines("sqlite", "duckdb")
def test_the_default_marker(psql: Psql, table: str) -> None:
    psql(f"create table {table} (n int4, word text default 'dd', other int4)")
    copied = psql(f"copy {table} from stdin (format csv, default 'D')", stdin="1,D,5\n2,x,6\n3,D,\n")
    assert (copied.stdout, copied.stderr) == ("COPY 3\n", "")
    assert psql(f"select * from {table} order by n").stdout == "1|dd|5\n2|x|6\n3|dd|\n"
    refused = psql(f"copy {table} from stdin (format csv, default 'D')", stdin="1,x,D\n")
    assert "unexpected default marker in COPY data" in refused.stderr


def test_what_cannot_be_copied(psql: Psql, table: str) -> None:
    psql(f"create table {table} (n int4)", f"create view {table}_view as select 1 as n")
    for sql, text in (
        ("copy {}_missing from stdin", 'relation "{}_missing" does not exist'),
        ("copy {} (nope) from stdin", 'column "nope" of relation "{}" does not exist'),
        ("copy {} (n, n) from stdin", 'column "n" specified more than once'),
        ("copy {}_view from stdin", 'cannot copy to view "{}_view"'),
        ("copy {}_missing to stdout", 'relation "{}_missing" does not exist'),
        ("copy {} from stdin (delimiter 'ab')", "COPY delimiter must be a single one-byte character"),
    ):
        result = psql(sql.format(table), stdin="1\n")
        assert f"ERROR:  {text.format(table)}" in result.stderr
        assert result.returncode == 1


@pytest.mark.engines("sqlite", "duckdb")
def test_files_of_the_server_are_out_of_reach(raw: RawClient, table: str) -> None:
    raw.exchange(query(f"create table {table} (line text)"))
    assert raw.exchange(query(f"copy {table} from '/etc/passwd'")) == ["E 42501", "Z I"]
    assert raw.exchange(query(f"copy {table} to '/tmp/pgwire_py_test_file'")) == ["E 42501", "Z I"]
    assert not Path("/tmp/pgwire_py_test_file").exists()


# -- the simple protocol ---------------------------------------------------------------------------------------------


@pytest.mark.smoke
def test_byte_by_byte(raw: RawClient, filled: str) -> None:
    raw.send(query(f"copy {filled} from stdin"))
    answer = raw.receive()
    assert answer is not None
    assert (answer.tag, answer.body) == ("G", b"\0\0\2\0\0\0\0")
    for byte in "4\tfour é\n5\t\\N x\n6\ttab\\ttab".encode():
        raw.send(data(bytes([byte])))
    assert raw.exchange(DONE) == ["C COPY 3", "Z I"]
    assert raw.exchange(query(f"select word from {filled} where n > 3 order by n"))[1:4] == [
        "D four é", "D N x", "D tab\ttab"]  # fmt: skip


@pytest.mark.smoke
def test_messages_in_pieces(raw: RawClient, filled: str) -> None:
    whole = data(b"".join(b"%d\tword\n" % n for n in range(10, 50_010))) + DONE
    raw.send(query(f"copy {filled} from stdin"))
    for start in range(0, len(whole), 100_000):
        raw.send(whole[start : start + 100_000])
        time.sleep(0.01)  # each piece arrives by itself
    assert raw.exchange() == ["G", "C COPY 50000", "Z I"]
    assert count(raw, filled) == 50_003


@pytest.mark.smoke
def test_every_row_out_is_a_message(raw: RawClient, filled: str) -> None:
    raw.send(query(f"copy (select n, word from {filled} order by n) to stdout"))
    answers = raw.until_ready()
    assert [(a.tag, a.body) for a in answers[:5]] == [
        ("H", b"\0\0\2\0\0\0\0"), ("d", b"1\tone\n"), ("d", b"2\ttwo\n"), ("d", b"3\tthree\n"), ("c", b"")]  # fmt: skip
    assert [str(a) for a in answers[5:]] == ["C COPY 3", "Z I"]
    raw.send(query(f"copy (select n, word from {filled} where n = 1) to stdout with binary"))
    answers = raw.until_ready()
    header = b"PGCOPY\n\xff\r\n\0" + bytes(8)
    assert answers[0].body == b"\1\0\2\0\1\0\1"
    assert answers[1].body.startswith(header + b"\0\2\0\0\0")
    assert (answers[2].body, str(answers[4])) == (b"\xff\xff", "C COPY 1")


def test_a_broken_row_is_told_with_its_place(raw: RawClient, filled: str) -> None:
    raw.send(query(f"copy {filled} from stdin"), data(b"4\tfour\n5\tfive\nx\tsix\n7\t7\n"), data(b"8\t8\n"), DONE)
    found = error(raw)
    assert (found["C"], found["W"]) == ("22P02", f'COPY {filled}, line 3, column n: "x"')
    assert found["M"].startswith("invalid input syntax for type ")
    raw.send(query(f"copy {filled} from stdin"), data(b"4\tfour\textra\n"), DONE)
    found = error(raw)
    assert (found["C"], found["M"]) == ("22P04", "extra data after last expected column")
    assert found["W"] == f'COPY {filled}, line 1: "4\tfour\textra"'
    raw.send(query(f"copy {filled} from stdin"), data(b"4\n"), DONE)
    assert (error(raw)["M"], count(raw, filled)) == ('missing data for column "word"', 3)


@pytest.mark.smoke
def test_constraints_and_atomicity(raw: RawClient, filled: str) -> None:
    raw.send(query(f"copy {filled} from stdin"), data(b"4\tfour\n5\tfive\n2\tagain\n"), DONE)
    found = error(raw)
    assert found["C"] == "23505"
    assert found["W"].startswith(f"COPY {filled}, line ")
    raw.send(query(f"copy {filled} from stdin"), data(b"4\tfour\n5\t\\N\n"), DONE)
    found = error(raw)
    assert (found["C"], found["M"]) == (
        "23502", f'null value in column "word" of relation "{filled}" violates not-null constraint')  # fmt: skip
    assert found["W"].startswith(f"COPY {filled}, line 2")
    assert count(raw, filled) == 3


@pytest.mark.smoke
def test_the_client_gives_up(raw: RawClient, filled: str) -> None:
    raw.send(query(f"copy {filled} from stdin"), data(b"4\tfour\n5\tfi"), fail("no more"))
    found = error(raw)
    assert (found["C"], found["M"]) == ("57014", "COPY from stdin failed: no more")
    assert found["W"].startswith(f"COPY {filled}, line ")
    assert count(raw, filled) == 3


@pytest.mark.smoke
def test_what_follows_an_error_is_swallowed(raw: RawClient, filled: str) -> None:
    answers = raw.exchange(
        query(f"copy {filled} from stdin"),
        data(b"x\ty\n"),
        *[data(b"9\tnine\n" * 1000)] * 200,
        DONE,
        query("select 'after' as a"),
        ready=2,
    )
    assert answers == ["G", "E 22P02", "Z I", "T", "D after", "C SELECT 1", "Z I"]


@pytest.mark.smoke
def test_transactions(raw: RawClient, filled: str) -> None:
    assert raw.exchange(query("begin"))[-1] == "Z T"
    assert raw.exchange(query(f"copy {filled} from stdin"), data(b"4\tfour\n"), DONE) == ["G", "C COPY 1", "Z T"]
    assert raw.exchange(query(f"copy {filled} from stdin"), data(b"x\tfour\n"), DONE) == ["G", "E 22P02", "Z E"]
    assert raw.exchange(query(f"copy {filled} from stdin")) == ["E 25P02", "Z E"]
    assert raw.exchange(query(f"copy {filled} to stdout")) == ["E 25P02", "Z E"]
    assert raw.exchange(query("rollback")) == ["C ROLLBACK", "Z I"]
    assert count(raw, filled) == 3
    assert raw.exchange(query(f"begin; copy {filled} from stdin; commit"), data(b"4\tfour\n"), DONE) == [
        "C BEGIN", "G", "C COPY 1", "C COMMIT", "Z I"]  # fmt: skip
    assert count(raw, filled) == 4


def test_two_copies_in_one_string(raw: RawClient, filled: str) -> None:
    answers = raw.exchange(
        query(f"copy {filled} from stdin; copy {filled} from stdin"), data(b"4\ta\n"), DONE, data(b"5\tb\n"), DONE
    )
    assert answers == ["G", "C COPY 1", "G", "C COPY 1", "Z I"]
    answers = raw.exchange(
        query(f"copy {filled} from stdin; copy {filled} from stdin"), data(b"6\ta\n"), DONE, data(b"x\ty\n"), DONE
    )
    assert answers == ["G", "C COPY 1", "G", "E 22P02", "Z I"]
    assert count(raw, filled) == 5


def test_read_only(raw: RawClient, filled: str) -> None:
    raw.send(query(f"begin read only; copy {filled} from stdin"))
    found = error(raw)
    assert (found["C"], found["M"]) == ("25006", "cannot execute COPY FROM in a read-only transaction")
    assert raw.exchange(query("rollback"), query("begin read only"), ready=2)[-1] == "Z T"
    assert raw.exchange(query(f"copy (select 1 from {filled} where n = 1) to stdout"))[-2:] == ["C COPY 1", "Z T"]


# -- the extended protocol -------------------------------------------------------------------------------------------


@pytest.mark.smoke
def test_extended(raw: RawClient, filled: str) -> None:
    start = (parse(f"copy {filled} from stdin"), describe("S"), bind(), describe("P"), execute(), SYNC)
    # The first Sync is one too many: libpq sends it before it knows that a COPY follows, and it is dropped.
    assert raw.exchange(*start, data(b"4\tfour\n"), DONE, SYNC) == ["1", "t", "n", "2", "n", "G", "C COPY 1", "Z I"]
    assert raw.exchange(*start, data(b"x\tfour\n"), data(b"5\n"), DONE, SYNC) == [
        "1", "t", "n", "2", "n", "G", "E 22P02", "Z I"]  # fmt: skip
    assert raw.exchange(*start, fail("no"), SYNC)[-2:] == ["E 57014", "Z I"]
    out = raw.exchange(parse(f"copy (select n from {filled} order by n) to stdout"), bind(), execute(), SYNC)
    assert out == ["1", "2", "H", "d", "d", "d", "d", "c", "C COPY 4", "Z I"]


@pytest.mark.smoke
def test_a_pipeline_is_one_transaction(raw: RawClient, filled: str) -> None:
    answers = raw.exchange(
        parse(f"copy {filled} from stdin"),
        bind(),
        execute(),
        data(b"4\tfour\n"),
        DONE,
        parse(f"insert into {filled} values (1, 'again')"),
        bind(),
        execute(),
        SYNC,
    )
    assert answers == ["1", "2", "G", "C COPY 1", "1", "2", "E 23505", "Z I"]
    assert count(raw, filled) == 3


# -- interrupted -----------------------------------------------------------------------------------------------------


@pytest.mark.smoke
def test_cancel_while_the_client_is_silent(target: Target, raw: RawClient, filled: str) -> None:
    raw.send(query(f"copy {filled} from stdin"), data(b"4\tfour\n"))
    answer = raw.receive()
    assert answer is not None
    assert answer.tag == "G"
    with target.connect() as other:
        other.send(cancel_request(raw.process_id, raw.key))
        assert other.socket.recv(1) == b""
        if not target.ours:  # PostgreSQL looks at it when the client says something
            raw.send(data(b"5\tfive\n"))
        found = error(raw)
    assert (found["C"], found["M"]) == ("57014", "canceling statement due to user request")
    assert raw.exchange(DONE, query("select 1 as a")) == ["T", "D 1", "C SELECT 1", "Z I"]
    assert count(raw, filled) == 3


@pytest.mark.engines("sqlite", "duckdb")
def test_cancel_while_data_stream_in(target: Target, raw: RawClient, filled: str) -> None:
    stop = threading.Event()

    def send() -> None:
        for block in range(100_000):
            if stop.is_set():
                break
            start = 10 + block * 1000
            raw.send(data(b"".join(b"%d\tword\n" % n for n in range(start, start + 1000))))
        raw.send(DONE)

    raw.send(query(f"copy {filled} from stdin"))
    thread = threading.Thread(target=send)
    thread.start()
    time.sleep(0.3)
    with target.connect() as other:
        other.send(cancel_request(raw.process_id, raw.key))
    found = error(raw)
    stop.set()
    thread.join()
    assert found["C"] == "57014"
    assert count(raw, filled) == 3


def test_statement_timeout(target: Target, raw: RawClient, filled: str) -> None:
    raw.exchange(query("set statement_timeout = 200"))
    raw.send(query(f"copy {filled} from stdin"), data(b"4\tfour\n"))
    if not target.ours:
        time.sleep(0.5)
        raw.send(data(b"5\tfive\n"))
    found = error(raw)
    assert (found["C"], found["M"]) == ("57014", "canceling statement due to statement timeout")
    assert raw.exchange(query("set statement_timeout = 0"))[-1] == "Z I"
    assert count(raw, filled) == 3


@pytest.mark.smoke
@pytest.mark.parametrize("goodbye", [b"", TERMINATE], ids=["vanish", "terminate"])
def test_a_client_that_leaves_is_rolled_back(target: Target, raw: RawClient, filled: str, goodbye: bytes) -> None:
    with target.raw() as leaving:
        leaving.send(query(f"copy {filled} from stdin"), data(b"4\tfour\n5\tfi"))
        answer = leaving.receive()
        assert answer is not None
        assert answer.tag == "G"
        leaving.send(goodbye)
    # SQLite lets one write at a time: this waits until the other is gone, and proves it.
    assert raw.exchange(query(f"insert into {filled} values (4, 'mine')")) == ["C INSERT 0 1", "Z I"]
    assert count(raw, filled) == 4


@pytest.mark.engines("sqlite", "duckdb")
def test_a_reader_that_vanishes_harms_nobody(target: Target, raw: RawClient, table: str) -> None:
    raw.exchange(query(f"create table {table} (n int4, word text)"))
    raw.send(query(f"copy {table} from stdin"))
    for start in range(0, 300_000, 10_000):
        raw.send(data(b"".join(b"%d\t%s\n" % (n, b"x" * 40) for n in range(start, start + 10_000))))
    assert raw.exchange(DONE) == ["G", "C COPY 300000", "Z I"]
    with target.raw() as leaving:
        leaving.send(query(f"copy {table} to stdout"))
        answer = leaving.receive()
        assert answer is not None
        assert answer.tag == "H"
    assert count(raw, table) == 300_000
