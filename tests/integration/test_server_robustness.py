"""What the server must survive: exceptions of every kind out of handlers, cancels and time limits at awkward moments, pipelining."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any

import pytest

import pgwire_py as pg
from pgwire_py.engines.base import EngineResult, SessionContext
from pgwire_py.engines.sqlite import SqliteEngine, SqliteSession
from tests.support.hosted import DEADLINE, LOOPS, Hosted, hosted
from tests.support.raw import FLUSH, SYNC, bind, cancel_request, describe, execute, parse, query, startup

WORDS = [pg.Column("word", pg.TEXT)]
ENDLESS = "with recursive n(i) as (select 1 union all select i + 1 from n) select "


@pytest.fixture(params=LOOPS)
def new_loop(request: pytest.FixtureRequest) -> Callable[[], asyncio.AbstractEventLoop]:
    """Makes an event loop of each kind."""
    return LOOPS[request.param]


def batch(sql: str) -> bytes:
    return parse(sql) + bind() + describe("P") + execute() + SYNC


def word(text: str) -> pg.Result:
    return pg.Result(columns=WORDS, rows=[(text,)])


async def echo(query: pg.Query) -> pg.Result:
    return word(query.sql)


# Batches that arrive while another is being answered


def test_batches_behind_a_slow_handler(new_loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    async def slow(query: pg.Query) -> pg.Result:
        await asyncio.sleep(0.1)
        return pg.Result(columns=WORDS, rows=((text,) for text in (query.sql, "end")))

    with hosted(slow, new_loop) as it, it.client() as client:
        client.send(batch("first"))
        time.sleep(0.03)
        answers = client.exchange(batch("second"), ready=2)
        assert answers == [
            *("1", "2", "T", "D first", "D end", "C SELECT 2", "Z I"),
            *("1", "2", "T", "D second", "D end", "C SELECT 2", "Z I"),
        ]


def test_batches_half_a_millisecond_apart(new_loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    with hosted(SqliteEngine(":memory:"), new_loop) as it, it.client() as client:
        for _ in range(10):
            for i in range(5):
                client.send(batch(f"select {i} union all select 7"))
                time.sleep(0.0005)
            for i in range(5):
                answers = [str(answer) for answer in client.until_ready()]
                assert answers == ["1", "2", "T", f"D {i}", "D 7", "C SELECT 2", "Z I"]


# Exceptions of every kind


class Odd(BaseException):
    """Not even an Exception."""


class Mute(Exception):
    """Cannot be shown."""

    def __str__(self) -> str:
        raise RuntimeError("no text")


RAISED: dict[str, Callable[[], BaseException]] = {
    "BaseException": lambda: Odd("odd"),
    "zero byte": lambda: ValueError("bad \0"),
    "lone surrogate": lambda: ValueError("\udc80"),
    "no text": Mute,
    "SystemExit": lambda: SystemExit(3),
    "StopIteration": StopIteration,
}
if sys.version_info >= (3, 11):  # Python 3.10 does not tell such a one from the cancelling of the session's task
    RAISED["CancelledError"] = asyncio.CancelledError


def raising(kind: str, way: str) -> Callable[[pg.Query], Any]:
    """A handler that raises where the query says ``fail``: at once or after it has waited, on the loop or on a thread."""

    def on_thread(query: pg.Query) -> pg.Result:
        if query.sql == "fail":
            if kind == "SystemExit":
                sys.exit(3)
            raise RAISED[kind]()
        return word(query.sql)

    async def on_loop(query: pg.Query) -> pg.Result:
        if query.sql == "fail" and way == "waiting":
            await asyncio.sleep(0.01)
        return on_thread(query)

    return on_thread if way == "thread" else on_loop


@pytest.mark.parametrize("way", ["at once", "waiting", "thread"])
@pytest.mark.parametrize("kind", RAISED)
def test_whatever_a_handler_raises(
    kind: str, way: str, new_loop: Callable[[], asyncio.AbstractEventLoop], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("CRITICAL")
    with hosted(raising(kind, way), new_loop) as it, it.client() as other, it.client() as client:
        assert client.exchange(query("fail")) == ["E XX000", "Z I"]
        assert client.exchange(query("fine")) == ["T", "D fine", "C SELECT 1", "Z I"]
        answers = client.exchange(batch("fail"), batch("fine"), ready=2)
        assert answers == ["1", "2", "E XX000", "Z I", "1", "2", "T", "D fine", "C SELECT 1", "Z I"]
        assert other.exchange(query("fine")) == ["T", "D fine", "C SELECT 1", "Z I"]


@pytest.mark.parametrize("waits", [False, True])
def test_panic_is_answered_and_ends_the_session(waits: bool, new_loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    async def handler(query: pg.Query) -> pg.Result:
        if query.sql == "fail":
            if waits:
                await asyncio.sleep(0.01)
            raise pg.PostgresError("lost it", severity="PANIC")
        return word(query.sql)

    with hosted(handler, new_loop) as it, it.client() as other, it.client() as client:
        client.send(query("fail"))
        assert client.to_end() == ["E XX000 PANIC"]
        assert other.exchange(query("fine"))[1] == "D fine"


async def fails(query: pg.Query) -> pg.Result:
    if query.sql == "fail":
        raise pg.PostgresError("wanted", sqlstate="22012")
    return word(query.sql)


@pytest.mark.parametrize("kind", ["zero byte", "no text", "BaseException", "CancelledError", "SystemExit"])
def test_rollback_hook_that_raises(
    kind: str, new_loop: Callable[[], asyncio.AbstractEventLoop], caplog: pytest.LogCaptureFixture
) -> None:
    def hook(session: object, action: str, *names: str) -> None:
        if action == "rollback":
            raise RAISED[kind]()

    async def waiting_hook(session: object, action: str, *names: str) -> None:
        await asyncio.sleep(0)
        hook(session, action, *names)

    caplog.set_level("CRITICAL")
    for transaction in (hook, waiting_hook):
        with hosted(pg.PythonEngine(fails, transaction=transaction), new_loop) as it, it.client() as client:
            assert client.exchange(query("fine; fail"))[-2:] == ["E 22012", "Z I"]
            answers = client.exchange(parse("fine"), bind(), execute(), parse("fail"), bind(), execute(), SYNC)
            assert answers == ["1", "2", "D fine", "C SELECT 1", "1", "2", "E 22012", "Z I"]
            client.exchange(query("begin"))
            assert client.exchange(query("rollback"))[0] == "E XX000"
            client.exchange(query("rollback"))
            assert client.exchange(query("fine")) == ["T", "D fine", "C SELECT 1", "Z I"]


@pytest.mark.parametrize(
    "kind", ["zero byte", "no text", "BaseException", "SystemExit", "StopIteration", "CancelledError", "ignores"]
)
def test_generators_whose_end_raises(
    kind: str, new_loop: Callable[[], asyncio.AbstractEventLoop], caplog: pytest.LogCaptureFixture
) -> None:
    def rows() -> Iterator[tuple[str]]:
        try:
            while True:
                yield ("x",)
        finally:
            if kind == "ignores":
                yield ("again",)
            else:
                raise RAISED[kind]()

    async def handler(query: pg.Query) -> pg.Result:
        return pg.Result(columns=WORDS, rows=rows()) if query.sql == "rows" else await fails(query)

    def portal(name: str) -> bytes:
        return parse("rows") + bind(portal=name) + execute(name, 1)

    caplog.set_level("CRITICAL")
    opened = ["1", "2", "D x", "s"]
    with hosted(handler, new_loop) as it, it.client() as other, it.client() as client:
        assert client.exchange(portal("p"), portal("q"), SYNC) == [*opened, *opened, "Z I"]
        assert client.exchange(portal("p"), portal("q"), parse("fail"), bind(), execute(), SYNC) == [
            *(*opened, *opened, "1", "2", "E 22012", "Z I")
        ]
        assert client.exchange(query("fine")) == ["T", "D fine", "C SELECT 1", "Z I"]
        assert other.exchange(query("fine"))[1] == "D fine"
        client.exchange(query("begin"), portal("p"), portal("q"), SYNC, ready=2)
        client.socket.close()
        assert other.exchange(query("fine"))[1] == "D fine"


# Cancels


def test_cancel_in_the_turn_of_the_first_wait(new_loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    async def handler(query: pg.Query) -> pg.Result:
        if query.sql == "stuck":
            await asyncio.sleep(3600)
        return word(query.sql)

    with hosted(handler, new_loop) as it:
        for _ in range(10):
            _cancel_at_once(it, query("stuck"))


class LateEngine(SqliteEngine):
    """Says when a statement is on the session's thread, and begins it a moment later."""

    def __init__(self) -> None:
        super().__init__(":memory:")
        self.reached = threading.Event()

    def connect(self, context: SessionContext) -> SqliteSession:
        session = super().connect(context)
        execute = session.execute

        def late(*arguments: Any) -> EngineResult:
            self.reached.set()
            time.sleep(0.1)
            return execute(*arguments)

        session.execute = late  # type: ignore[method-assign]
        return session


def test_cancel_before_the_engine_has_begun(new_loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    engine = LateEngine()
    with hosted(engine, new_loop) as it, it.client() as client:
        for _ in range(3):
            engine.reached.clear()
            client.send(query(ENDLESS + "count(*) from n"))
            assert engine.reached.wait(DEADLINE)
            it.cancel(client)
            assert [str(answer) for answer in client.until_ready()] == ["E 57014", "Z I"]
            assert client.exchange(query("select 1 as word"))[2:] == ["C SELECT 1", "Z I"]


def test_cancel_between_queueing_and_running(new_loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    with hosted(SqliteEngine(":memory:"), new_loop) as it:
        for _ in range(10):
            _cancel_at_once(it, query(ENDLESS + "count(*) from n"))


def _cancel_at_once(it: Hosted, message: bytes) -> None:
    with it.client() as client, it.connect() as canceller:
        it.ask(lambda: None)
        time.sleep(0.01)  # the canceller is accepted: its request is read in the turn that reads the query
        with it.stalled():
            client.send(message)
            canceller.send(cancel_request(client.process_id, client.key))
            time.sleep(0.01)
        assert [str(answer) for answer in client.until_ready()] == ["E 57014", "Z I"]
        assert client.exchange(query("select 1 as word"))[2:] == ["C SELECT 1", "Z I"]


def numbers() -> Iterator[tuple[str]]:
    number = 0
    while True:
        number += 1
        yield (str(number),)


async def endless(query: pg.Query) -> pg.Result:
    return pg.Result(columns=WORDS, rows=numbers()) if query.sql == "endless" else word(query.sql)


def endless_on_thread(query: pg.Query) -> pg.Result:
    return pg.Result(columns=WORDS, rows=numbers()) if query.sql == "endless" else word(query.sql)


def test_cancel_between_messages_of_a_batch_hits_nothing(new_loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    async def handler(query: pg.Query) -> pg.Result:
        return pg.Result(columns=WORDS, rows=((str(i),) for i in range(3)))

    with hosted(handler, new_loop) as it, it.client() as client:
        client.send(parse("rows"), bind(), execute("", 1), FLUSH)
        assert [str(client.receive()) for _ in range(4)] == ["1", "2", "D 0", "s"]
        it.cancel(client)
        assert client.exchange(execute(), SYNC) == ["D 1", "D 2", "C SELECT 2", "Z I"]


@pytest.mark.parametrize("handler", [endless, endless_on_thread, None], ids=["loop", "thread", "sqlite"])
@pytest.mark.parametrize("timeout", [False, True], ids=["cancel", "timeout"])
def test_interrupted_second_execute(
    timeout: bool, handler: Callable[..., Any] | None, new_loop: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    sql = "endless" if handler else ENDLESS + "i from n"
    with hosted(handler or SqliteEngine(":memory:"), new_loop) as it, it.client() as client:
        if timeout:
            client.exchange(query("set statement_timeout = '300ms'"))
        assert client.exchange(query("begin"))[-1] == "Z T"
        first = client.exchange(parse(sql), bind(portal="p"), execute("p", 5), SYNC)
        assert first == ["1", "2", "D 1", "D 2", "D 3", "D 4", "D 5", "s", "Z T"]
        client.send(execute("p"), SYNC)
        assert str(client.receive()) == "D 6"
        canceller = threading.Timer(0.05, it.cancel, [client])
        if not timeout:
            canceller.start()
        last = [answer for answer in client.until_ready() if answer.tag != "D"]
        assert [str(answer) for answer in last] == ["E 57014", "Z E"]
        reason = "statement timeout" if timeout else "user request"
        assert last[0].fields["M"] == f"canceling statement due to {reason}"
        if not timeout:
            canceller.join()
        assert client.exchange(query("rollback")) == ["C ROLLBACK", "Z I"]


def test_statement_timeout_is_of_each_statement(new_loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    async def handler(query: pg.Query) -> pg.Result:
        await asyncio.sleep(0.5)
        return word(query.sql)

    with hosted(handler, new_loop) as it, it.client(statement_timeout="1200ms") as client:
        one = parse("x") + bind() + execute()
        assert client.exchange(one, one, one, SYNC) == [*["1", "2", "D x", "C SELECT 1"] * 3, "Z I"]


# What a handler sees of asyncio


def test_context_variables_last_over_an_await(new_loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    variable: ContextVar[str] = ContextVar("variable", default="unset")

    async def handler(query: pg.Query) -> pg.Result:
        token = variable.set("set")
        await asyncio.sleep(0.01)
        seen = variable.get()
        variable.reset(token)
        await asyncio.sleep(0)
        return word(f"{seen} {variable.get()}")

    with hosted(handler, new_loop) as it, it.client() as client:
        for _ in range(2):
            assert client.exchange(query("x"))[1] == "D set unset"
            assert client.exchange(batch("x"))[3] == "D set unset"


def test_query_in_the_packet_of_the_start_up_has_a_task(new_loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    async def handler(query: pg.Query) -> pg.Result:
        before = asyncio.current_task()
        await asyncio.wait_for(asyncio.sleep(0), 60)
        return word(f"{before is not None} {before is asyncio.current_task()}")

    with hosted(handler, new_loop) as it, it.connect() as client:
        client.send(startup({"user": "tester", "database": "test"}), query("x"), batch("x"))
        answers = [str(answer) for answer in client.until_ready(3)]
        assert [answer for answer in answers if answer[0] in "DE"] == ["D True True"] * 2
