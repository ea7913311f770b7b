"""Every hook of a Handler, and of Hooks before an engine, by what raw clients see; the short way steps aside for them."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import struct
import threading
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import pgwire_py as pg
from pgwire_py.engines.sqlite import SqliteEngine
from pgwire_py.errors import SQLSyntaxError, UndefinedFunction
from tests.support.hosted import Hosted, hosted
from tests.support.raw import SYNC, bind, describe, execute, message, parse, query, startup
from tests.support.scripts import answers, shown

Rows = list[tuple[object, ...]]


@dataclass
class Repeat:
    """What "repeat $1 <times>" becomes."""

    times: int
    uses: int = 0


class Parser(pg.QueryParser[Repeat]):
    """A language of one statement, which has a parameter that it does not write as ``$1``: "repeat <times>"."""

    def __init__(self) -> None:
        self.parsed: list[Repeat] = []

    async def parse(self, sql: str, parameter_types: Sequence[int], session: pg.Session) -> Repeat:
        verb, _, times = sql.partition(" ")
        if verb != "repeat" or not times.isdecimal():
            raise SQLSyntaxError(f'"{sql}" is no statement', position=1)
        self.parsed.append(Repeat(int(times)))
        return self.parsed[-1]

    def parameter_types(self, statement: Repeat) -> Sequence[int]:
        return (pg.INT4,)

    def columns(self, statement: Repeat) -> Sequence[pg.Column]:
        return [pg.Column(f"c{number}", pg.INT4) for number in range(statement.times)]


class Repeats(pg.Handler):
    def __init__(self) -> None:
        self.parser = Parser()

    async def query(self, query: pg.Query) -> pg.Result:
        statement: Repeat = query.parsed
        statement.uses += 1
        builder = pg.ResultBuilder(self.parser.columns(statement))
        for _ in range(statement.times):
            builder.value(query.parameters[0])
        return builder.result()


REPEAT = parse("repeat 2", "r") + describe("S", "r") + SYNC
RUN = bind(struct.pack("!i", 7), statement="r", formats=(1,)) + describe("P") + execute() + SYNC


def test_parsed_statements() -> None:
    handler = Repeats()
    with hosted(handler) as running, running.client() as client:
        client.send(REPEAT)
        found = client.until_ready()
        assert found[1].types == (pg.INT4,)
        assert [shown(part) for part in found] == ["1", "t", "T [('c0', 0), ('c1', 0)]", "Z I"]
        for _ in range(3):  # never the short way, which knows of no parser
            client.send(RUN)
            assert [shown(part) for part in client.until_ready()][2:] == ["D 7|7", "C SELECT 1", "Z I"]
        assert [(statement.times, statement.uses) for statement in handler.parser.parsed] == [(2, 3)]
        client.send(parse("repeat x", "s") + SYNC)
        assert [shown(part)[:33] for part in client.until_ready()] == ['E 42601 M="repeat x" is no statem', "Z I"]
        client.send(bind(statement="r") + SYNC)
        assert [str(part) for part in client.until_ready()] == ["E 08P01", "Z I"]
        assert answers(client, ["repeat 1"])[1].startswith("E 42P02")  # a Query has no parameters


class Upper(pg.QueryParser[str]):
    """A blocking parser that does not know columns."""

    def parse(self, sql: str, parameter_types: Sequence[int], session: pg.Session) -> str:
        assert threading.current_thread().name.startswith("pgwire-session-")
        return sql.upper()

    def parameter_types(self, statement: str) -> Sequence[int]:
        return [pg.TEXT] * statement.count("$")


class Typed(pg.Handler):
    """A blocking handler with hooks for both kinds of Describe."""

    parser = Upper()

    def query(self, query: pg.Query) -> pg.Result:
        columns = self.describe_portal(query) if query.parameters else self.describe_statement(query)
        return pg.Result(columns=columns, rows=[(query.parsed,)])

    def describe_statement(self, query: pg.Query) -> list[pg.Column]:
        assert set(query.parameters) <= {None} or not query.describing
        return [pg.Column("statement", pg.TEXT)]

    def describe_portal(self, query: pg.Query) -> list[pg.Column]:
        if query.describing and query.parameters == ("lie",):
            return [pg.Column("lie", pg.INT4)]
        return [pg.Column(str(query.parameters[0]), pg.TEXT)]


def test_both_kinds_of_describe() -> None:
    with hosted(Typed()) as running, running.client() as client:

        def said(*messages: bytes) -> list[str]:
            client.send(b"".join(messages) + SYNC)
            return [shown(part) for part in client.until_ready()]

        assert said(parse("select $1", "s"), describe("S", "s")) == ["1", "t", "T [('statement', 0)]", "Z I"]
        assert said(bind(b"name", statement="s"), describe("P"), execute()) == [
            "2", "T [('name', 0)]", "D SELECT $1", "C SELECT 1", "Z I",
        ]  # fmt: skip
        assert said(bind(b"name", statement="s"), execute()) == ["2", "D SELECT $1", "C SELECT 1", "Z I"]
        # what was described is what comes, or the statement fails
        found = said(bind(b"lie", statement="s"), describe("P"), execute())
        assert found[:2] == ["2", "T [('lie', 0)]"]
        assert found[2].startswith("E 0A000")
        found = answers(client, ["prepare p as select $1", "execute p('x')", "execute p('x', 'y')"])
        assert "D SELECT $1" in found
        assert found[-2].startswith("E 42601 M=wrong number")
        found = answers(client, ["begin", "declare c cursor for select", "fetch all c", "rollback"])
        assert "D SELECT" in found
        assert answers(client, ["select"])[1:] == ["T [('statement', 0)]", "D SELECT", "C SELECT 1", "Z I"]


class Recorder(pg.Hooks):
    """Hooks of sessions that write down what they are called with."""

    def __init__(self) -> None:
        self.calls: list[Any] = []
        self.waiting = threading.Event()
        self.closed_one = threading.Event()

    async def startup(self, session: pg.Session, parameters: Mapping[str, str]) -> None:
        await asyncio.sleep(0)
        assert asyncio.current_task() is not None
        self.calls.append(("startup", session.user, parameters["database"]))
        if session.user == "broken":
            raise ZeroDivisionError("in startup")
        if session.user != "tester":
            raise pg.PostgresError(f"{session.user} may not", sqlstate="28000")
        session.notice("NOTICE", "00000", "welcome")
        session.set_setting("application_name", "set at start")
        session.set_setting("DateStyle", "German")

    def server_parameters(self, session: pg.Session) -> dict[str, str]:
        return {"region": "north", "server_version": "99"}

    async def simple_query(self, session: pg.Session, sql: str) -> Any:
        if sql.startswith("???"):  # no SQL
            return [pg.Result([pg.Column("n", pg.INT4)], [(n,)]) for n in range(3)]
        if sql == "one":
            return pg.Result(tag="ONE")
        if sql == "none":
            return ()
        if sql == "nonsense":
            return 42
        if sql == "list of nonsense":
            return [pg.Result(tag="FIRST"), 42]
        if sql == "insert; select":
            return self._streamed()
        if sql == "wait":
            self.waiting.set()
            await asyncio.sleep(1000)
        if sql == "fail":
            raise ValueError("in the hook")
        return None

    async def _streamed(self) -> AsyncIterator[pg.Result]:
        yield pg.Result(affected=3)
        await asyncio.sleep(0)
        yield pg.Result([pg.Column("n", pg.INT4)], iter([(1,), (2,)]))

    def cancel(self, session: pg.Session) -> bool:
        self.calls.append(("cancel", session.user))
        return False

    def cancel_request(self, process_id: int, secret_key: bytes) -> None:
        self.calls.append(("cancel_request", process_id, secret_key))

    def error(self, session: pg.Session | None, error: pg.PostgresError) -> pg.PostgresError | None:
        self.calls.append(("error", session and session.user, error.sqlstate, type(error.__cause__).__name__))
        if isinstance(error.__cause__, ValueError):
            return pg.PostgresError("mapped", sqlstate="22023", severity="NOTICE")
        if "raise" in error.message:
            raise ZeroDivisionError("in the error hook")
        if "nonsense" in error.message:
            return 42  # type: ignore[return-value]
        error.fields["hint"] = "seen"
        return None

    def closed(self, session: pg.Session) -> None:
        self.calls.append(("closed", session.user))
        self.closed_one.set()
        raise ZeroDivisionError("in closed")


async def function(query: pg.Query) -> pg.Result:
    if "value" in query.sql:
        raise ValueError("in the handler")
    if "raise" in query.sql or "nonsense" in query.sql:
        raise pg.PostgresError(query.sql, sqlstate="P0001")
    return pg.Result([pg.Column("d", pg.TEXT)], [(query.sql,)])


@pytest.fixture(params=["function", "engine"])
def served(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Hosted, Recorder]]:
    hooks = Recorder()
    engine: Any = function
    if request.param == "engine":
        sqlite3.connect(tmp_path / "a.sqlite").close()
        engine = SqliteEngine(tmp_path / "a.sqlite")
    with hosted(engine, hooks=hooks) as running:
        yield running, hooks


def _login(running: Hosted, user: str) -> list[str]:
    with running.connect() as client:
        client.send(startup({"user": user, "database": "test"}))
        return client.to_end()


def test_startup(served: tuple[Hosted, Recorder]) -> None:
    running, hooks = served
    for _ in range(2):
        with running.connect() as client:
            client.send(startup({"user": "tester", "database": "test", "application_name": "mine"}))
            found = client.until_ready()
            texts = [shown(part) for part in found]
            told = dict(bytes(part.body[:-1]).decode().split("\0") for part in found if part.tag == "S")
            assert "N 00000 M=welcome" in texts
            assert told["application_name"] == "set at start"
            assert told["DateStyle"] == "German, DMY"
            assert (told["region"], told["server_version"]) == ("north", "99")
            assert answers(client, ["show application_name"])[2] == "D set at start"
    assert _login(running, "eve")[-1] == "E 28000 FATAL"
    assert _login(running, "broken")[-1] == "E XX000 FATAL"
    assert ("error", None, "28000", "NoneType") in hooks.calls
    assert ("error", None, "XX000", "ZeroDivisionError") in hooks.calls
    assert [call for call in hooks.calls if call[0] == "startup"] == [
        ("startup", user, "test") for user in ("tester", "tester", "eve", "broken")
    ]
    assert hooks.closed_one.wait(20)
    assert ("closed", "tester") in hooks.calls
    assert not {("closed", "eve"), ("closed", "broken")} & set(hooks.calls)


def test_simple_query(served: tuple[Hosted, Recorder]) -> None:
    running, _ = served
    with running.client() as client:
        for _ in range(3):
            assert answers(client, ["??? 'open"])[1:] == [
                "T [('n', 0)]", "D 0", "C SELECT 1", "T [('n', 0)]", "D 1", "C SELECT 1", "T [('n', 0)]", "D 2", "C SELECT 1", "Z I",
            ]  # fmt: skip
        assert answers(client, ["one", "none"]) == ["-- 'one'", "C ONE", "Z I", "-- 'none'", "I", "Z I"]
        assert answers(client, ["insert; select"])[1:] == [
            "C INSERT 0 3", "T [('n', 0)]", "D 1", "D 2", "C SELECT 2", "Z I",
        ]  # fmt: skip
        assert answers(client, ["nonsense"])[1].startswith("E XX000")
        assert [line[:7] for line in answers(client, ["list of nonsense"])[1:]] == ["C FIRST", "E XX000", "Z I"]
        assert answers(client, ["fail"])[1:] == ["E 22023 M=mapped", "Z I"]
        # what it leaves is the session's: commands, transactions; a failed one is not the hook's
        found = answers(client, ["begin", "one", "fail", "one", "rollback", "select 'x'"])
        assert [line[:7] for line in found if line[0] in "CEZ"] == [
            "C BEGIN", "Z T", "C ONE", "Z T", "E 22023", "Z E", "E 25P02", "Z E", "C ROLLB", "Z I", "C SELEC", "Z I",
        ]  # fmt: skip


def test_cancel(served: tuple[Hosted, Recorder]) -> None:
    running, hooks = served
    with running.client() as client:
        client.send(query("wait"))
        assert hooks.waiting.wait(20)
        running.cancel(client)
        assert [str(part) for part in client.until_ready()] == ["E 57014", "Z I"]
        assert ("cancel", "tester") in hooks.calls
        assert answers(client, ["one"])[1] == "C ONE"
        client.process_id += 1
        running.cancel(client)
        assert ("cancel_request", client.process_id, client.key) in hooks.calls


def test_errors(served: tuple[Hosted, Recorder], caplog: pytest.LogCaptureFixture) -> None:
    running, hooks = served
    with running.client() as client:
        assert "H=seen" in answers(client, ["select 'a"])[1]
        assert answers(client, ["show no_such_parameter"])[1].startswith("E 42704")
        client.send(parse("select 'a") + SYNC)
        assert "H=seen" in shown(client.until_ready()[0])
        client.send(message("B", b"broken") + SYNC)
        assert [str(part) for part in client.until_ready()] == ["E 08P01", "Z I"]
        client.send(message("?", b""))
        assert client.to_end() == ["E 08P01 FATAL"]  # a fatal one stays fatal
    assert ("error", "tester", "42601", "NoneType") in hooks.calls


def test_errors_of_a_function_on_the_short_way(caplog: pytest.LogCaptureFixture) -> None:
    """What raises behind many short answers is seen by the hook as well; what the hook does wrong is logged, and the error told."""
    with hosted(Errors()) as running, running.client() as client:
        for _ in range(3):
            assert answers(client, ["select 1"])[2] == "D select 1"
            assert answers(client, ["select value"])[1] == "E 22023 M=mapped"
            with caplog.at_level(logging.ERROR, "pgwire_py.server"):
                assert answers(client, ["select raise"])[1] == "E P0001 M=select raise"
                assert answers(client, ["select nonsense"])[1] == "E P0001 M=select nonsense"
    assert "the error hook returned int" in caplog.text
    assert "in the error hook" in caplog.text


class Errors(pg.Handler):
    error = Recorder.error

    def __init__(self) -> None:
        self.calls: list[Any] = []

    async def query(self, query: pg.Query) -> pg.Result:
        return await function(query)


class Everything(pg.Handler):
    """Transactions, function calls, COPY both ways, a cancel that is seen to."""

    def __init__(self) -> None:
        self.actions: list[tuple[str, ...]] = []
        self.waiting = threading.Event()
        self.done: asyncio.Event | None = None

    async def query(self, query: pg.Query) -> Any:
        if query.sql == "both":
            return pg.CopyBoth(self.echo)
        if query.sql == "select wait":
            self.done = asyncio.Event()
            self.waiting.set()
            await self.done.wait()
            return pg.Result([pg.Column("n", pg.INT4)], [(1,)])
        copy = query.copy
        if copy is not None and copy.direction == "FROM":
            return pg.CopyIn(self.receive, [pg.Column("n", pg.INT4)], copy.options)
        if copy is not None:
            return pg.CopyOut([pg.Column("n", pg.INT4)], [(1,), (2,)], copy.options)
        return pg.Result([pg.Column("n", pg.INT4)], [(1,)])

    async def receive(self, rows: pg.CopyReader) -> None:
        async for _ in rows:
            pass

    async def echo(self, stream: pg.CopyStream) -> None:
        async for data in stream:
            await stream.send(data.upper())

    async def transaction(self, session: pg.Session, action: str, *names: str, **options: Any) -> None:
        self.actions.append((action, *names))

    async def function_call(
        self,
        session: pg.Session,
        oid: int,
        arguments: Sequence[bytes | None],
        formats: Sequence[int],
        result_format: int,
    ) -> bytes | None:
        if oid != 1:
            raise UndefinedFunction(f"function with OID {oid} does not exist")
        return arguments[0]

    def cancel(self, session: pg.Session) -> bool:
        assert self.done is not None
        self.done.set()
        return True


def test_everything_else() -> None:
    handler = Everything()
    with hosted(handler) as running, running.client() as client:
        answers(client, ["begin", "savepoint a", "rollback to a", "commit"])
        assert handler.actions == [("begin",), ("savepoint", "a"), ("rollback_to", "a"), ("commit",)]
        client.send(message("F", struct.pack("!IHHi2sh", 1, 0, 1, 2, b"hi", 0)))
        assert client.until_ready()[0].body[4:] == b"hi"
        client.send(query("copy t from stdin"))
        assert str(client.receive()) == "G"
        client.send(message("d", b"1\n2\n") + message("c"))
        assert [str(part) for part in client.until_ready()] == ["C COPY 2", "Z I"]
        assert [line[:8] for line in answers(client, ["copy t to stdout"])[1:]] == [
            "H",
            "d",
            "d",
            "c",
            "C COPY 2",
            "Z I",
        ]
        client.send(query("both"))
        assert str(client.receive()) == "W"
        client.send(message("d", b"echo"))
        answer = client.receive()
        assert answer is not None
        assert answer.body == b"ECHO"
        client.send(message("c"))
        assert [str(part) for part in client.until_ready()] == ["c", "C COPY 0", "Z I"]
        client.send(query("select wait"))
        assert handler.waiting.wait(20)
        running.cancel(client)  # the handler has its statement end by itself
        assert [str(part) for part in client.until_ready()] == ["T", "D 1", "C SELECT 1", "Z I"]


def test_hooks_are_checked() -> None:
    class Late(pg.Hooks):
        async def error(self, session: pg.Session | None, error: pg.PostgresError) -> None:  # type: ignore[override]
            return None

    class Early(pg.Hooks):
        def startup(self, session: pg.Session, parameters: Mapping[str, str]) -> None:  # type: ignore[override]
            return None

    with pytest.raises(TypeError, match=r"Late\.error must not be a coroutine function"):
        pg.Server(function, hooks=Late())
    with pytest.raises(TypeError, match=r"Early\.startup must be a coroutine function"):
        pg.Server(function, hooks=Early())
    with pytest.raises(ValueError, match="one too many"):
        pg.Server(Everything(), hooks=pg.Hooks())


def test_a_handler_without_a_query_method() -> None:
    with hosted(pg.Handler()) as running, running.client() as client:
        assert "Handler has no query method" in answers(client, ["select 1 from t"])[1]


def test_result_builder() -> None:
    builder = pg.ResultBuilder([("a", pg.INT4), pg.Column("b", pg.TEXT), ("c", pg.TEXT)])
    builder.add(1, "x", None)
    builder.add(2, c="z")
    builder.value(3)
    with pytest.raises(ValueError, match="a row was begun: 1 of 3"):
        builder.add(1, 2, 3)
    with pytest.raises(ValueError, match="the last row has 1 of 3"):
        builder.result()
    builder.value(None)
    builder.value("y")
    assert len(builder) == 3
    for wrong in ((1,), (1, 2, 3, 4)):
        with pytest.raises(ValueError, match=f"a row of {len(wrong)} values for 3 columns"):
            builder.add(*wrong)
    for named in ({"a": 1}, {"d": 1}):
        with pytest.raises(ValueError, match="no column"):
            builder.add(2, **named)
    result = builder.result(tag="DONE")
    assert (result.rows, result.tag) == ([(1, "x", None), (2, None, "z"), (3, None, "y")], "DONE")
    assert result.columns == (pg.Column("a", pg.INT4), pg.Column("b", pg.TEXT), pg.Column("c", pg.TEXT))
    assert len(builder) == 0
