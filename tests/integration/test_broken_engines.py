"""An engine that raises, hangs or returns nonsense at any step: what its client is told (docs/reference/broken-engines.md), and that the
sessions beside it are answered."""

from __future__ import annotations

import contextlib
import re
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any, cast

import pytest

import pgwire_py as pg
from pgwire_py.engines.base import Capabilities, CopySink, Engine, EngineResult, EngineSession, SessionContext
from pgwire_py.errors import QueryCanceled
from pgwire_py.sql import Statement
from tests.support.hosted import DEADLINE, Hosted, hosted
from tests.support.raw import SYNC, RawClient, bind, describe, execute, message, parse, query, startup

N = (pg.Column("n", pg.INT4),)
ROWS = 5_000
"""Rows of a result: several batches of it."""


class Broken(Exception):
    """What an engine should not raise."""


class Faults(Engine):
    """An engine whose sessions fail where the database's name says: ``step raise``, ``step refuse``, ``step hang``, ``step deaf``;
    in ``nonsense`` is what the step returns for ``step nonsense``.

    Attributes:
        reached: something hangs.
        released: what hangs and does not hear of a cancel goes on.
    """

    name = "faults"
    capabilities = Capabilities(snapshots=True)

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.released = threading.Event()
        self.nonsense: Any = None
        self.closed: list[str] = []

    def connect(self, context: SessionContext) -> EngineSession:
        session = FaultSession(self, context.database)
        return cast(EngineSession, session.at("connect", session))


class FaultSession(EngineSession):
    def __init__(self, engine: Faults, database: str) -> None:
        self.engine = engine
        self.step, _, self.kind = database.partition(" ")
        self.interrupted = threading.Event()
        self.count = 0

    def at(self, step: str, value: Any = None) -> Any:
        """What the step returns."""
        if step != self.step:
            return value
        if self.kind == "raise":
            raise Broken(f"in {step}")
        if self.kind == "exit":
            raise SystemExit(f"in {step}")
        if self.kind == "refuse":
            raise pg.PostgresError(f"refused in {step}", sqlstate="P0001")
        if self.kind == "nonsense":
            return self.engine.nonsense
        self.engine.reached.set()
        if self.kind == "hang" and self.interrupted.wait(DEADLINE):
            self.interrupted.clear()
            raise QueryCanceled("canceling statement due to user request")
        if self.kind == "deaf":
            self.engine.released.wait(DEADLINE)
        return value

    def describe(self, statement: Statement, parameter_types: Sequence[int]) -> pg.Description:
        types = (pg.INT4,) * len(statement.parameters)
        columns = N if statement.keywords[:1] == ("SELECT",) else None
        return cast(pg.Description, self.at("describe", pg.Description(types, columns)))

    def execute(
        self, statement: Statement, parameters: Sequence[object], description: pg.Description | None
    ) -> EngineResult:
        result = FaultResult(self) if statement.keywords[:1] == ("SELECT",) else EngineResult()
        if self.step == "affected":
            result.affected = self.engine.nonsense
        return cast(EngineResult, self.at("execute", result))

    def begin(self, *, read_only: bool = False) -> None:
        self.at("begin")

    def commit(self) -> None:
        self.at("commit")

    def rollback(self) -> None:
        self.at("rollback")

    def copy_in(self, table: Sequence[str], columns: Sequence[str] | None) -> CopySink:
        return cast(CopySink, self.at("copy_in", Sink(self)))

    def relations(self) -> Sequence[Any]:
        return cast(Sequence[Any], self.at("relations", ()))

    def cancel(self) -> None:
        if self.step == "cancel":
            self.interrupted.set()
            self.engine.reached.set()
        self.at("cancel")
        self.interrupted.set()

    def close(self) -> None:
        self.engine.closed.append(f"{self.step} {self.kind}")
        self.at("close")


class FaultResult(EngineResult):
    columns = N

    def __init__(self, session: FaultSession) -> None:
        self.session = session
        self.given = 0

    def fetch(self, max_rows: int) -> Sequence[Sequence[object]]:
        session = self.session
        if session.step == "cancel":  # something to cancel
            session.engine.reached.set()
            session.interrupted.wait(DEADLINE)
        rows = [(number,) for number in range(self.given, min(ROWS, self.given + max_rows))]
        step = "later" if self.given else "first"
        self.given += len(rows)
        return cast(Sequence[Sequence[object]], session.at(step, rows))

    def close(self) -> None:
        self.session.at("result")


class Sink(CopySink):
    columns = N

    def __init__(self, session: FaultSession) -> None:
        self.session = session

    def write(self, rows: list[tuple[Any, ...]], omitted: tuple[int, ...] = ()) -> None:
        self.session.at("write")

    def finish(self) -> None:
        self.session.at("finish")

    def abort(self) -> None:
        self.session.at("abort")


def shown(nonsense: object) -> str:
    """A name that is the same in each process."""
    return re.sub(" object at 0x[0-9a-f]+", "", repr(nonsense))


@pytest.fixture
def engine() -> Faults:
    return Faults()


@pytest.fixture
def running(engine: Faults, caplog: pytest.LogCaptureFixture) -> Iterator[Hosted]:
    caplog.set_level("CRITICAL")
    with hosted(engine) as it:
        try:
            with it.client() as neighbour:
                yield it
                fine(neighbour)  # a session that was there before
            with it.client() as neighbour:  # and one that comes behind
                fine(neighbour)
        finally:
            engine.released.set()


def fine(client: RawClient) -> None:
    """A session is answered as always."""
    client.send(query("select"))
    assert [str(part) for part in client.until_ready()][-2:] == [f"C SELECT {ROWS}", "Z I"]


def log_in(running: Hosted, database: str) -> RawClient:
    client = running.connect()
    client.login("tester", database)
    return client


def told(client: RawClient, *messages: bytes) -> list[str]:
    """The answers, without the rows."""
    client.send(b"".join(messages))
    return [str(part) for part in client.until_ready() if part.tag != "D"]


BATCH = parse("select") + bind() + describe("P") + execute() + SYNC
COPY = query("copy t from stdin") + message("d", b"1\n2\n") + message("c")
RAISES = {"raise": "XX000", "exit": "XX000", "refuse": "P0001"}


@pytest.mark.parametrize("kind", RAISES)
def test_connect_that_raises(running: Hosted, kind: str) -> None:
    with running.connect() as client:
        client.send(startup({"user": "tester", "database": f"connect {kind}"}))
        assert client.to_end() == ["R", f"E {RAISES[kind]} FATAL"][-1:]


@pytest.mark.parametrize("nonsense", [None, 42, "session"])
def test_connect_that_returns_nonsense(running: Hosted, engine: Faults, nonsense: Any) -> None:
    engine.nonsense = nonsense
    with running.connect() as client:
        client.send(startup({"user": "tester", "database": "connect nonsense"}))
        assert client.to_end()[-1:] == ["E XX000 FATAL"]


def test_connect_that_hangs(engine: Faults) -> None:
    with hosted(engine, startup_timeout=3.0) as running, running.client() as neighbour:
        with running.connect() as client:
            client.send(startup({"user": "tester", "database": "connect deaf"}))
            assert engine.reached.wait(DEADLINE)
            fine(neighbour)
            assert client.to_end() == []  # after startup_timeout
        fine(neighbour)
        engine.released.set()
        wait_for(lambda: "connect deaf" in engine.closed)  # what came of it at last is freed


@pytest.mark.parametrize("kind", RAISES)
@pytest.mark.parametrize(
    ("step", "simple", "extended"),
    [
        ("describe", None, ["E"]),
        ("execute", ["E"], ["1", "2", "T", "E"]),
        ("first", ["E"], ["1", "2", "T", "E"]),
        ("later", ["T", "E"], ["1", "2", "T", "E"]),
        ("result", None, None),
    ],
)
def test_query_that_raises(
    running: Hosted, step: str, kind: str, simple: list[str] | None, extended: list[str] | None
) -> None:
    code = f"E {RAISES[kind]}"
    done = ["T", f"C SELECT {ROWS}", "Z I"]
    with log_in(running, f"{step} {kind}") as client:
        for _ in range(2):  # the session goes on
            found = told(client, query("select"))
            if step == "later":  # batches are read ahead: the rows before the error may have been sent, or not
                assert found in ([code, "Z I"], ["T", code, "Z I"])
            else:
                assert found == ([*simple[:-1], code, "Z I"] if simple else done)
            assert told(client, BATCH) == ([*extended[:-1], code, "Z I"] if extended else ["1", "2", *done])
        told(client, query("begin"))
        if simple:
            assert told(client, query("select"))[-2:] == [code, "Z E"]
            assert told(client, query("rollback")) == ["C ROLLBACK", "Z I"]


@pytest.mark.parametrize("kind", RAISES)
def test_transaction_that_raises(running: Hosted, kind: str) -> None:
    code = f"E {RAISES[kind]}"
    with log_in(running, f"begin {kind}") as client:
        assert told(client, query("begin")) == [code, "Z I"]
        assert told(client, query("select; select")) == [code, "Z I"]
    with log_in(running, f"commit {kind}") as client:
        assert told(client, query("begin"), query("commit"))[:2] == ["C BEGIN", "Z T"]
        assert [str(part) for part in client.until_ready()] == [code, "Z I"]
        assert told(client, query("select; select"))[-2:] == [code, "Z I"]
    with log_in(running, f"rollback {kind}") as client:
        told(client, query("begin"))
        assert told(client, query("rollback"))[0] == code
        fine(client)


@pytest.mark.parametrize("kind", RAISES)
@pytest.mark.parametrize("step", ["copy_in", "write", "finish", "abort"])
def test_copy_that_raises(running: Hosted, step: str, kind: str) -> None:
    code = f"E {RAISES[kind]}"
    answer = ["G", "C COPY 2", "Z I"] if step == "abort" else [*(["G"] if step != "copy_in" else []), code, "Z I"]
    with log_in(running, f"{step} {kind}") as client:
        for _ in range(2):
            client.send(query("copy t from stdin"))
            if step == "copy_in":
                assert [str(part) for part in client.until_ready()] == answer
                continue
            assert str(client.receive()) == "G"
            assert told(client, message("d", b"1\n2\n"), message("c")) == answer[1:]
        client.send(query("copy t from stdin") + message("f", b"given up\0"))
        assert [str(part) for part in client.until_ready()][-2:] == [code if step == "copy_in" else "E 57014", "Z I"]
        fine(client)


DESCRIPTIONS = [
    None,
    42,
    (),
    pg.Description((pg.INT4,), N),
    pg.Description(("int4",), None),  # type: ignore[arg-type]
    pg.Description((), ("n",)),  # type: ignore[arg-type]
    pg.Description((), (pg.Column(None, 23),)),  # type: ignore[arg-type]
    pg.Description((), (pg.Column("n", "int4"),)),  # type: ignore[arg-type]
    pg.Description((), (pg.Column("n\0", 23),)),
    pg.Description(None, None),  # type: ignore[arg-type]
    pg.Description((), 42),  # type: ignore[arg-type]
    pg.Description((-1,), None),
]


@pytest.mark.parametrize("nonsense", DESCRIPTIONS, ids=shown)
def test_describe_that_returns_nonsense(running: Hosted, engine: Faults, nonsense: Any) -> None:
    engine.nonsense = nonsense
    with log_in(running, "describe nonsense") as client:
        found = told(client, parse("select"), describe("S"), SYNC)
        assert found[-2:] == ["E XX000", "Z I"]
        assert "T" not in found


def test_more_parameter_types_declared_than_there_are(running: Hosted) -> None:
    with log_in(running, "fine") as client:
        assert told(client, parse("select", types=(23, 0)), bind(b"1", b"x"), execute(), SYNC)[-2:] == [
            f"C SELECT {ROWS}", "Z I",
        ]  # fmt: skip


class Text(EngineResult):
    columns = (pg.Column("t", pg.TEXT),)


class Unnamed(EngineResult):
    columns = (42,)  # type: ignore[assignment]


class Both(EngineResult):
    arrow = 42


@pytest.mark.parametrize("nonsense", [None, 42, "rows", [(1,)], Text(), Unnamed(), Both()], ids=shown)
def test_execute_that_returns_nonsense(running: Hosted, engine: Faults, nonsense: Any) -> None:
    engine.nonsense = nonsense
    code = {Text: "E 0A000", Both: "E 42804"}.get(type(nonsense), "E XX000")
    with log_in(running, "execute nonsense") as client:
        for _ in range(2):
            assert told(client, BATCH) == ["1", "2", "T", code, "Z I"]
        if not isinstance(nonsense, Text):
            assert told(client, query("select")) == [code, "Z I"]


@pytest.mark.parametrize("nonsense", ["many", -1, 1.5, True], ids=shown)
def test_affected_rows_that_are_no_number(running: Hosted, engine: Faults, nonsense: Any) -> None:
    engine.nonsense = nonsense
    with log_in(running, "affected nonsense") as client:
        assert told(client, query("insert")) == ["E XX000", "Z I"]


ROWS_OF_NONSENSE = [
    None,
    42,
    "rows",
    [1],
    [None],
    [()],
    [(1, 2)],
    [("one",)],
    [(object(),)],
    [(2**40,)],
    object(),
    {1: 2},
]


@pytest.mark.parametrize("step", ["first", "later"])
@pytest.mark.parametrize("nonsense", ROWS_OF_NONSENSE, ids=shown)
def test_rows_that_are_nonsense(running: Hosted, engine: Faults, step: str, nonsense: Any) -> None:
    engine.nonsense = nonsense
    with log_in(running, f"{step} nonsense") as client:
        for messages in (query("select"), BATCH):
            found = told(client, messages)
            assert found[-1] == "Z I"
            assert found[-2].startswith("E ")
            assert found[-2] in ("E XX000", "E 08P01", "E 42804", "E 22003", "E 22P02"), found


def test_more_rows_than_asked_for(running: Hosted, engine: Faults) -> None:
    """They are sent all the same, and no more at a time than the client asked for."""
    engine.nonsense = rows = [(number,) for number in range(7)]
    with log_in(running, "first nonsense") as client:
        client.send(parse("select") + bind() + execute("", 3) + execute("", 3) + execute("", 3) + SYNC)
        found = [str(part) for part in client.until_ready()]
        rows.clear()
    assert found[2:11] == ["D 0", "D 1", "D 2", "s", "D 3", "D 4", "D 5", "s", "D 6"]


@pytest.mark.parametrize("nonsense", [None, 42, "sink"])
def test_copy_into_nonsense(running: Hosted, engine: Faults, nonsense: Any) -> None:
    engine.nonsense = nonsense
    with log_in(running, "copy_in nonsense") as client:
        assert told(client, query("copy t from stdin")) == ["E XX000", "Z I"]
        fine(client)


@pytest.mark.parametrize("step", ["describe", "execute", "first", "later", "begin", "commit"])
@pytest.mark.parametrize("end", ["cancel", "timeout", "leave"])
def test_what_hangs_can_be_ended(running: Hosted, engine: Faults, step: str, end: str) -> None:
    with log_in(running, f"{step} hang") as client, running.client() as neighbour:
        if end == "timeout":
            told(client, query("set statement_timeout = 50"))
        client.send(BATCH if step not in ("begin", "commit") else query("select; select"))
        assert end == "timeout" or engine.reached.wait(DEADLINE)
        fine(neighbour)  # while the other hangs
        if end == "leave":
            client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.socket.close()  # with a reset: half of a connection may be closed by who still waits for the answer
            wait_for(lambda: f"{step} hang" in engine.closed)
            return
        if end == "cancel":
            running.cancel(client)
        assert [str(part) for part in client.until_ready() if part.tag != "D"][-2:] == ["E 57014", "Z I"]


def test_copy_that_hangs_can_be_cancelled(running: Hosted, engine: Faults) -> None:
    for step in ("copy_in", "write", "finish"):
        with log_in(running, f"{step} hang") as client:
            engine.reached.clear()
            client.send(query("copy t from stdin"))
            if step != "copy_in":
                assert str(client.receive()) == "G"
                client.send(message("d", b"1\n2\n") + message("c"))
            assert engine.reached.wait(DEADLINE)
            running.cancel(client)
            assert [str(part) for part in client.until_ready()][-2:] == ["E 57014", "Z I"]
            fine(client)


def test_what_cannot_be_cancelled_keeps_its_client_waiting(running: Hosted, engine: Faults) -> None:
    with log_in(running, "execute deaf") as client, running.client() as neighbour:
        client.send(BATCH)
        assert engine.reached.wait(DEADLINE)
        running.cancel(client)
        fine(neighbour)
        engine.released.set()
        assert [str(part) for part in client.until_ready()][-2:] == ["E 57014", "Z I"]
        fine(client)


def test_what_cannot_be_cancelled_softly_ends_the_session(engine: Faults) -> None:
    engine.capabilities = Capabilities(snapshots=True, cancel="soft")
    with hosted(engine) as running, running.client() as neighbour:
        for end in ("cancel", "terminate"):
            engine.reached.clear()
            with log_in(running, "execute deaf") as client:
                client.send(BATCH)
                assert engine.reached.wait(DEADLINE)
                if end == "cancel":
                    running.cancel(client)
                    assert client.to_end()[-1] == "E 57014 FATAL"
                else:
                    told(neighbour, query(f"select pg_terminate_backend({client.process_id})"))
                    assert client.to_end()[-1] == "E 57P01 FATAL"
            fine(neighbour)
        assert "execute deaf" not in engine.closed
        engine.released.set()
        wait_for(lambda: engine.closed.count("execute deaf") == 2)


@pytest.mark.parametrize("kind", ["raise", "exit", "deaf"])
def test_cancel_that_fails(running: Hosted, engine: Faults, kind: str) -> None:
    """The statement ends when it ends; nobody else waits for the engine's cancel."""
    with log_in(running, f"cancel {kind}") as client, running.client() as neighbour:
        client.send(BATCH)
        assert engine.reached.wait(DEADLINE)
        running.cancel(client)
        fine(neighbour)
        engine.released.set()
        found = [str(part) for part in client.until_ready() if part.tag != "D"]
        assert found[-2:] in (["E 57014", "Z I"], [f"C SELECT {ROWS}", "Z I"])
        told(client, query("select 1"))


@pytest.mark.parametrize("kind", ["raise", "exit", "deaf"])
def test_close_that_fails(running: Hosted, engine: Faults, kind: str) -> None:
    with log_in(running, f"close {kind}") as client:
        fine(client)
    wait_for(lambda: f"close {kind}" in engine.closed)


def test_a_server_closes_although_its_engine_hangs(engine: Faults) -> None:
    engine.closed = []
    with contextlib.ExitStack() as stack:
        with hosted(engine) as running:
            for step in ("execute", "close"):
                client = stack.enter_context(log_in(running, f"{step} deaf"))
                engine.reached.clear()
                client.send(BATCH)
                if step == "execute":
                    assert engine.reached.wait(DEADLINE)
        engine.released.set()


@pytest.mark.parametrize("kind", RAISES)
def test_relations_that_raise(running: Hosted, kind: str) -> None:
    with log_in(running, f"relations {kind}") as client:
        assert told(client, query("select relname from pg_class where relname = 'x'")) == [f"E {RAISES[kind]}", "Z I"]
        fine(client)


@pytest.mark.parametrize("nonsense", [None, 42, [42], ["x"], [()]], ids=shown)
def test_relations_that_are_nonsense(running: Hosted, engine: Faults, nonsense: Any) -> None:
    engine.nonsense = nonsense
    with log_in(running, "relations nonsense") as client:
        assert told(client, query("select relname from pg_class where relname = 'x'"))[-2:] == ["E XX000", "Z I"]
        fine(client)


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait until something holds."""
    ticking = threading.Event()
    for _ in range(int(DEADLINE / 0.01)):
        if condition():
            return
        ticking.wait(0.01)
    raise AssertionError("it never came true")
