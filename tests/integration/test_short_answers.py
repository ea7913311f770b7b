"""The short way of a handler's answer and the long one give the client the same, whatever the handler does at its first call or later."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from datetime import date

import pytest

import pgwire_py as pg
from tests.support.hosted import DEADLINE, LOOPS, Hosted, hosted
from tests.support.raw import SYNC, RawClient, bind, close, describe, execute, parse, query

WORDS = [pg.Column("word", pg.TEXT)]
MODES: dict[str, Callable[[str], bytes]] = {
    "simple": query,
    "extended": lambda sql: parse(sql) + bind() + describe("P") + execute() + SYNC,
    "without describe": lambda sql: parse(sql) + bind() + execute() + SYNC,
}
ROUNDS = 4  # the first is always the long way: nothing is known of the text


def word(text: str) -> pg.Result:
    return pg.Result(columns=WORDS, rows=[(text,)])


async def answer(query: pg.Query) -> pg.Result:
    """Does what the text says."""
    session = query.session
    assert session is not None
    match query.sql.split()[1:]:
        case ["wait"]:
            await asyncio.sleep(0.001)
            return word("waited")
        case ["wait_in_a_task"]:
            await asyncio.wait_for(asyncio.sleep(0.001), 5)
            return word("waited")
        case ["raise"]:
            raise pg.PostgresError("no", sqlstate="P0001")
        case ["raise_late"]:
            await asyncio.sleep(0.001)
            raise pg.PostgresError("no", sqlstate="P0001")
        case ["fail"]:
            raise ValueError("broken")
        case ["notice"]:
            session.notice("NOTICE", "00000", "hear")
        case ["set"]:
            session.set_setting("application_name", f"name {time.monotonic_ns()}")
        case ["many"]:
            return pg.Result(WORDS, [(str(i),) for i in range(100)])
        case ["none"]:
            return pg.Result(WORDS, [])
        case ["generator"]:
            return pg.Result(WORDS, ((text,) for text in "ab"))
        case ["tuple_of_rows"]:
            return pg.Result(tuple(WORDS), (("a",), ("b",)))
        case ["tag"]:
            return pg.Result(WORDS, [("a",)], tag="FETCH 1")
        case ["no_columns"]:
            return pg.Result(tag="DONE")
        case ["bad_value"]:
            return pg.Result([pg.Column("n", pg.INT4)], [("x",)])
        case ["bad_width"]:
            return pg.Result(WORDS, [("a", "b")])
        case ["bytes"]:
            return b"E\0\0\0\4"  # type: ignore[return-value]
        case ["changing"]:
            name = f"c{time.monotonic_ns() % 2}"
            return pg.Result([pg.Column(name, pg.TEXT)], [(name,)])
        case ["task"]:
            return word(str(asyncio.current_task() is not None))
    return word("plain")


SAID = {
    "plain": ["D plain", "C SELECT 1"],
    "wait": ["D waited", "C SELECT 1"],
    "wait_in_a_task": ["D waited", "C SELECT 1"],
    "raise": ["E P0001"],
    "raise_late": ["E P0001"],
    "fail": ["E XX000"],
    "notice": ["D plain", "C SELECT 1"],
    "many": [*(f"D {i}" for i in range(100)), "C SELECT 100"],
    "none": ["C SELECT 0"],
    "generator": ["D a", "D b", "C SELECT 2"],
    "tuple_of_rows": ["D a", "D b", "C SELECT 2"],
    "tag": ["D a", "C FETCH 1"],
    "no_columns": ["C DONE"],
    "bad_value": ["E 22P02"],
    "bad_width": ["E 08P01"],
    "bytes": ["E XX000"],
    "task": ["D True", "C SELECT 1"],
}


@pytest.fixture(scope="module", params=LOOPS)
def server(request: pytest.FixtureRequest) -> Iterator[Hosted]:
    with hosted(answer, LOOPS[request.param]) as it:
        yield it


@pytest.fixture
def client(server: Hosted) -> Iterator[RawClient]:
    with server.client() as it:
        yield it


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("what", SAID)
def test_each_round_says_the_same(client: RawClient, mode: str, what: str) -> None:
    rounds = [client.exchange(MODES[mode](f"select {what}")) for _ in range(ROUNDS)]
    notices = [[line for line in lines if line[0] == "N"] for lines in rounds]  # may come anywhere before ReadyForQuery
    assert notices == [["N 00000"] if what == "notice" else []] * ROUNDS
    rounds = [[line for line in lines if line[0] != "N"] for lines in rounds]
    assert rounds == [rounds[0]] * ROUNDS
    assert [line for line in rounds[0] if line[0] in "DCE"] == SAID[what]
    assert rounds[0][-1] == "Z I"
    assert client.exchange(query("select plain")) == ["T", "D plain", "C SELECT 1", "Z I"]


@pytest.mark.parametrize("mode", MODES)
def test_a_changed_parameter_is_reported(client: RawClient, mode: str) -> None:
    for _ in range(ROUNDS):
        lines = client.exchange(MODES[mode]("select set"))
        assert [line[0] for line in lines].count("S") == 1
        assert lines[-1] == "Z I"


def test_columns_that_change_are_described_anew(client: RawClient) -> None:
    seen = set()
    for _ in range(200):
        client.send(query("select changing"))
        answers = client.until_ready()
        name = answers[0].columns[0][0]
        assert answers[1].row == (name.encode(),)
        seen.add(name)
    assert len(seen) == 2


def test_parameters(client: RawClient) -> None:
    sql = "select parameters $1"
    whole = parse(sql, types=[pg.INT4]) + bind(b"\0\0\0\7", formats=[1]) + describe("P") + execute() + SYNC
    wrong = parse(sql, types=[pg.INT4]) + bind(b"seven") + describe("P") + execute() + SYNC
    for _ in range(ROUNDS):
        assert client.exchange(whole) == ["1", "2", "T", "D plain", "C SELECT 1", "Z I"]
        refused = client.exchange(wrong)
        assert refused == ["1", "E 22P02", "Z I"]


def test_named_statements(client: RawClient) -> None:
    assert client.exchange(parse("select plain", "s") + describe("S", "s") + SYNC)[-1] == "Z I"
    for _ in range(ROUNDS):
        assert client.exchange(bind(statement="s") + execute() + SYNC) == ["2", "D plain", "C SELECT 1", "Z I"]
    assert client.exchange(close("S", "s") + SYNC) == ["3", "Z I"]
    assert client.exchange(bind(statement="s") + execute() + SYNC)[0].startswith("E 26000")


def test_the_unnamed_statement_lives_until_the_next_query(client: RawClient) -> None:
    for _ in range(ROUNDS):
        client.exchange(MODES["extended"]("select plain"))
        assert client.exchange(bind() + execute() + SYNC) == ["2", "D plain", "C SELECT 1", "Z I"]
        client.exchange(query("select plain"))
        assert client.exchange(bind() + execute() + SYNC)[0].startswith("E 26000")


def test_in_a_transaction(client: RawClient) -> None:
    client.exchange(query("select plain"))
    client.exchange(query("begin"))
    assert client.exchange(query("select plain"))[-1] == "Z T"
    assert client.exchange(query("select raise"))[-1] == "Z E"
    assert client.exchange(query("select plain"))[0].startswith("E 25P02")
    client.exchange(query("rollback"))
    assert client.exchange(query("select plain"))[-1] == "Z I"


@pytest.mark.parametrize("mode", MODES)
def test_a_cancel_reaches_a_handler_that_was_started_the_short_way(server: Hosted, mode: str) -> None:
    async def slow(query: pg.Query) -> pg.Result:
        if calls := len(started):
            started.append(calls)
            await asyncio.sleep(60)
        started.append(0)
        return word("done")

    started: list[int] = []
    with hosted(slow, LOOPS["asyncio"]) as it, it.client() as client:
        assert "D done" in client.exchange(MODES[mode]("select x"))
        client.send(MODES[mode]("select x"))
        while len(started) < 2:
            time.sleep(0.005)
        it.cancel(client)
        assert any(str(line).startswith("E 57014") for line in client.until_ready())


def test_byte_by_byte(client: RawClient) -> None:
    for mode in MODES.values():
        expected = client.exchange(mode("select plain"))
        for byte in mode("select plain"):
            client.send(bytes([byte]))
        assert [str(line) for line in client.until_ready()] == expected


def test_a_bind_that_is_refused_calls_nobody(client: RawClient) -> None:
    client.exchange(parse("select plain", "s") + describe("S", "s") + SYNC)
    for wrong in (bind(statement="s", result_formats=[0, 0]), bind(statement="s", formats=[0, 0])):
        for _ in range(ROUNDS):
            assert client.exchange(wrong + describe("P") + execute() + SYNC) == ["E 08P01", "Z I"]
            assert client.exchange(query("select many"))[-2:] == ["C SELECT 100", "Z I"]


def test_a_tag_that_tells_no_rows(client: RawClient) -> None:
    client.exchange(parse("explain plain", "e") + SYNC)
    for _ in range(ROUNDS):
        assert client.exchange(bind(statement="e") + execute() + SYNC) == ["2", "D plain", "C EXPLAIN", "Z I"]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("loop", LOOPS)
def test_a_handler_that_ends_its_session_is_cancelled_where_it_waits(loop: str, mode: str) -> None:
    async def handler(query: pg.Query) -> pg.Result:
        calls.append("begun")
        if len(calls) == 2:
            assert query.session is not None
            query.session.terminate(pg.PostgresError("bye", sqlstate="57P01"))
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                await asyncio.sleep(0)
                calls.append("cleaned up")
                ended.set()
                raise
        return word("done")

    calls: list[str] = []
    ended = threading.Event()
    with hosted(handler, LOOPS[loop]) as it, it.client() as client:
        client.exchange(MODES[mode]("select x"))
        client.send(MODES[mode]("select x"))
        assert client.to_end() == ["E 57P01 FATAL"]
        assert ended.wait(DEADLINE)
        assert calls == ["begun", "begun", "cleaned up"]


def test_a_time_limit_that_a_handler_sets_is_for_the_next_statement() -> None:
    async def handler(query: pg.Query) -> pg.Result:
        assert query.session is not None
        query.session.set_setting("statement_timeout", "1")
        await asyncio.sleep(0.05)
        query.session.set_setting("statement_timeout", "0")
        return word("in time")

    with hosted(handler) as it, it.client() as client:
        for _ in range(ROUNDS):
            assert "D in time" in client.exchange(query("select x"))


@pytest.mark.parametrize("cut", [0, 3])
@pytest.mark.parametrize("mode", MODES)
def test_what_a_handler_returns_that_ended_its_session_is_dropped(
    caplog: pytest.LogCaptureFixture, mode: str, cut: int
) -> None:
    async def handler(query: pg.Query) -> pg.Result:
        calls.append(query.sql)
        if len(calls) == 2:
            assert query.session is not None
            query.session.terminate(pg.PostgresError("bye", sqlstate="57P01"))
        return word("done")

    calls: list[str] = []
    with hosted(handler) as it, it.client() as client:
        statement = MODES[mode]("select x")
        client.exchange(statement)
        client.send(statement[:cut])
        it.ask(lambda: None)
        client.send(statement[cut:])
        assert client.to_end() == (["1", "2"] if mode != "simple" and cut else []) + ["E 57P01 FATAL"]
    assert len(calls) == 2
    assert caplog.records == []


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("loop", LOOPS)
def test_a_result_follows_settings_that_its_handler_changes(loop: str, mode: str) -> None:
    """What is printed by the old settings behind a ParameterStatus with the new ones would be read wrongly."""
    columns = [pg.Column("day", pg.DATE), pg.Column("text", pg.TEXT)]
    settings = {"de": ("German, DMY", "LATIN1"), "iso": ("ISO, MDY", "UTF8")}

    async def handler(query: pg.Query) -> pg.Result:
        assert query.session is not None
        style, encoding = settings[query.sql.split()[1]]
        query.session.set_setting("DateStyle", style)
        query.session.set_setting("client_encoding", encoding)
        return pg.Result(columns, [(date(2024, 2, 1), "\u00e9")])

    with hosted(handler, LOOPS[loop]) as it, it.client() as client:
        for _ in range(ROUNDS):
            for name, shown in (
                ("iso", "D 2024-02-01|\u00e9"),
                ("de", "D 01.02.2024|\\xe9"),
                ("de", "D 01.02.2024|\\xe9"),
            ):
                answers = client.exchange(MODES[mode](f"select {name}"))
                assert [line for line in answers if line[0] == "D"] == [shown]
