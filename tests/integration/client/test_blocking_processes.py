"""The blocking client in signal handlers that interrupt its waits, and on the other side of a fork."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

import pgwire_py as pg
from pgwire_py import blocking
from pgwire_py.blocking.waiting import deadlines, left, run, unbounded, within
from pgwire_py.client.protocol import Wire

Options = dict[str, Any]
DEADLINE = 60.0

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="no signals and no fork on this system"),
    pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning"),
]


@pytest.fixture
def db(options: Options) -> Iterator[blocking.Connection]:
    with blocking.connect(**options) as connection:
        yield connection


LOCK = 7_100_023


def _send_until(handled: threading.Event) -> None:
    """One that comes just before a system call begins is not seen before that has ended: there may have to be another."""
    end = time.monotonic() + DEADLINE
    while not handled.is_set() and time.monotonic() < end:
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1)
        handled.wait(0.2)


class Signals:
    """Signals that come while a connection waits for a lock, which is there for it as soon as the handler has done its work."""

    def __init__(self, db: blocking.Connection, watcher: blocking.Connection) -> None:
        self._db = db
        self._watcher = watcher
        self._waits: list[Callable[[], Any]] = [
            lambda: db.fetchval("select pg_advisory_xact_lock($1)::text || 'x'", LOCK),
            lambda: db.fetchval("select pg_advisory_xact_lock($1)::text || 'x'", LOCK, timeout=DEADLINE),
            lambda: [*db.stream("select pg_advisory_xact_lock($1)::text || 'x'", LOCK)].pop()[0],
            lambda: db.execute(f"select pg_advisory_xact_lock({LOCK})") and "x",
        ]
        self.kinds = len(self._waits)

    def _send(self, handled: threading.Event) -> None:
        query = "select count(*) from pg_stat_activity where pid = $1 and wait_event_type = 'Lock'"
        end = time.monotonic() + DEADLINE
        while not self._watcher.fetchval(query, self._db.get_server_pid()) and time.monotonic() < end:
            time.sleep(0.01)
        _send_until(handled)

    def during(self, work: Callable[[], object], kind: int) -> Any:
        """Wait in one of several ways, and do ``work`` in the handler; what the wait gives or raises is given or raised."""

        handled = threading.Event()

        def handler(number: int, frame: Any) -> None:
            if handled.is_set():
                return
            handled.set()
            try:
                work()
            finally:
                assert self._watcher.fetchval("select pg_advisory_unlock($1)", LOCK)

        assert self._watcher.fetchval("select pg_advisory_lock($1)::text", LOCK) == ""
        before = signal.signal(signal.SIGUSR1, handler)
        thread = threading.Thread(target=self._send, args=(handled,))
        thread.start()
        try:
            return self._waits[kind % self.kinds]()
        finally:
            thread.join(DEADLINE)
            signal.signal(signal.SIGUSR1, before)


@contextmanager
def _signals(db: blocking.Connection, options: Options) -> Iterator[Signals]:
    with blocking.connect(**options) as watcher:
        made = Signals(db, watcher)
        for kind in range(made.kinds):  # some waits differ from the second time on
            assert made._waits[kind]() == "x"
        yield made


@pytest.fixture
def signals(db: blocking.Connection, options: Options) -> Iterator[Signals]:
    with _signals(db, options) as made:
        yield made


def test_what_a_signal_handler_asks_of_the_connection_that_waits_is_refused(
    db: blocking.Connection, signals: Signals
) -> None:
    statement = db.prepare("select 1")
    statement.fetch()
    works: list[Callable[[], object]] = [
        lambda: db.fetch("select 1"),
        lambda: db.fetch("select $1::int", 5),
        lambda: db.execute("select 1; select 2"),
        lambda: db.fetch("select 1", timeout=3),
        statement.fetch,
        lambda: list(db.stream("select 1")),
        lambda: db.copy_in("copy t from stdin", [b"1"]),
        lambda: db.transaction().start(),
        db.reset,
        db.close,
    ]
    refused = []
    for number, work in enumerate(works):
        for kind in {0, number}:

            def attempt(work: Callable[[], object] = work) -> None:
                with pytest.raises(pg.InterfaceError, match="another operation on it is in progress"):
                    work()
                refused.append(work)

            assert signals.during(attempt, kind) == "x"
            assert db.fetchval("select 2") == 2
    assert len(refused) == 2 * len(works) - 1


def test_what_a_signal_handler_raises_comes_out_whatever_it_is(options: Options) -> None:
    """A TimeoutError is an OSError, and not one of the socket's. The connection is usable, but where the signal came between two steps."""
    errors = (TimeoutError, ValueError, ConnectionResetError, KeyboardInterrupt)
    left = [(kind, error) for error in errors for kind in range(4)]
    for _ in range(10):
        with blocking.connect(**options) as db, _signals(db, options) as signals:
            while left and not db.is_closed():
                kind, error = left[-1]

                def work(error: Any = error) -> None:
                    raise error("by the handler")

                with pytest.raises(error, match="by the handler"):
                    signals.during(work, kind)
                if not db.is_closed():
                    assert db.fetchval("select 1") == 1
                    left.pop()
    assert not left


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
@pytest.mark.parametrize("within", [True, False])
def test_a_signal_just_behind_the_sending_of_a_statement(
    db: blocking.Connection, within: bool, error: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its answer is not taken for the next statement's, nor is the connection in use for ever: it is closed."""
    query = "select $1::int"
    assert db.fetchval(query, 1) == 1
    begin = Wire.begin

    def interrupted(wire: Any, *args: Any) -> None:
        monkeypatch.setattr(Wire, "begin", begin)
        send = wire._send

        def sending(data: Any) -> None:
            send(data)
            raise error("by the handler")

        if within:
            wire._send = sending
        begin(wire, *args)
        raise error("by the handler")

    monkeypatch.setattr(Wire, "begin", interrupted)
    with pytest.raises(error, match="by the handler"):
        db.fetchval(query, 2, timeout=DEADLINE)
    with pytest.raises(pg.ConnectionLost, match="interrupted"):
        db.fetchval(query, 3)


def test_what_fails_beside_a_stream_leaves_it_alone(db: blocking.Connection) -> None:
    with db.stream("select n from generate_series(1, 9) n", rows=2) as rows:
        assert next(rows).n == 1
        with pytest.raises(pg.InterfaceError, match="in use"):
            db.fetchval("select 1")
        assert [row.n for row in rows] == [2, 3, 4, 5, 6, 7, 8, 9]
    assert db.fetchval("select 1") == 1


def test_the_refusal_is_an_error_like_others_where_the_handler_lets_it_out(
    db: blocking.Connection, signals: Signals
) -> None:
    with pytest.raises(pg.InterfaceError, match="in progress"):
        signals.during(lambda: db.fetch("select 1"), 0)


@pytest.mark.parametrize("kind", range(4))
def test_a_signal_handler_may_terminate_the_connection_that_waits(
    db: blocking.Connection, signals: Signals, kind: int
) -> None:
    """The wait ends, and the descriptor is not another socket's before that."""
    descriptor = db._inner._wire.transport.get_extra_info("socket").fileno()
    pairs: list[tuple[socket.socket, socket.socket]] = []

    def work() -> None:
        db.terminate()
        for _ in range(20):
            pairs.append(socket.socketpair())
            for one in pairs[-1]:
                one.sendall(b"of another")

    with pytest.raises(pg.ConnectionLost, match="terminated"):
        signals.during(work, kind)
    assert db.is_closed()
    with pytest.raises(pg.ConnectionLost, match="terminated"):
        db.fetch("select 1")
    db.close()
    assert len(pairs) == 20
    for pair in pairs:
        for one in pair:
            assert one.fileno() != descriptor
            one.settimeout(DEADLINE)
            assert one.recv(100) == b"of another"
            one.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)


def test_the_wait_for_notifications(db: blocking.Connection, options: Options) -> None:
    """It has no batch in flight: what could be sent meanwhile is refused all the same, and terminating ends it."""
    with blocking.connect(**options) as other, db.notifications("a") as heard:
        handled = threading.Event()
        works: list[Callable[[], object]] = [
            lambda: db.fetch("select 1"),
            lambda: db.execute("select 1"),
            heard.get,
            db.close,
        ]

        def handler(number: int, frame: Any) -> None:
            if handled.is_set() or not db._inner._wire.transport.waiting:  # type: ignore[attr-defined]
                return
            handled.set()
            if not works:
                db.terminate()
                return
            with pytest.raises(pg.InterfaceError, match="in progress"):
                works.pop()()
            other.execute("notify a")

        before = signal.signal(signal.SIGUSR1, handler)
        try:
            while not db.is_closed():
                handled.clear()
                last = not works
                thread = threading.Thread(target=_send_until, args=(handled,))
                thread.start()
                if last:
                    with pytest.raises(pg.ConnectionLost, match="terminated"):
                        heard.get(timeout=DEADLINE)
                else:
                    assert heard.get(timeout=DEADLINE).channel == "a"
                thread.join(DEADLINE)
                assert handled.is_set()
        finally:
            signal.signal(signal.SIGUSR1, before)


def test_a_pool_in_signal_handlers_at_any_moment(options: Options) -> None:
    """No handler waits for the pool that it interrupts: it is told at once, refused, or does it when the pool is left."""
    pool = blocking.create_pool(**options, min_size=1, max_size=2).wait()
    refused: list[Exception] = []
    handled = 0

    def handler(number: int, frame: Any) -> None:
        nonlocal handled
        handled += 1
        assert pool.stats().size <= 2
        if refused:
            pool.terminate()
            return
        try:
            pool.release(pool.acquire(timeout=DEADLINE).wait())
        except pg.InterfaceError as error:
            refused.append(error)

    before = signal.signal(signal.SIGALRM, handler)

    def busily() -> None:
        end = time.monotonic() + DEADLINE
        while time.monotonic() < end:
            signal.setitimer(signal.ITIMER_REAL, 0.0003 + handled % 7 * 0.00005)
            pool.fetchval("select 1")

    try:
        with pytest.raises((pg.InterfaceError, pg.ConnectionLost)):
            busily()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert "a signal interrupted" in str(refused[0])
    with pytest.raises(blocking.PoolError, match="closed"):
        pool.fetchval("select 1")
    assert pool.stats().size == 0


def _in_child(work: Callable[[], object]) -> None:
    """Do it in a forked process, which must leave by itself; fails where that fails."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            work()
            status = 0
        except BaseException as error:
            os.write(writing, repr(error).encode()[:1000])
        finally:
            os._exit(status)
    os.close(writing)
    end = time.monotonic() + DEADLINE
    while (found := os.waitpid(child, os.WNOHANG))[0] == 0:
        if time.monotonic() > end:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            raise AssertionError("the child hung")
        time.sleep(0.01)
    told = os.read(reading, 1000).decode()
    os.close(reading)
    assert (os.waitstatus_to_exitcode(found[1]), told) == (0, "")


def test_what_a_child_drops_says_nothing_to_the_parents_server(db: blocking.Connection) -> None:
    query = "select n from generate_series(1, 5000) n"
    held: list[Any] = [db.stream(query, rows=10)]
    assert next(held[0]).n == 1
    _in_child(held.clear)
    assert [row.n for row in held[0]] == [*range(2, 5_001)]
    held[:] = [db.copy_out(f"copy ({query}) to stdout")]
    held.append(iter(held[0]))
    first = next(held[1])
    _in_child(held.clear)
    assert b"".join([first, *held[1]]) == b"".join(b"%d\n" % n for n in range(1, 5_001))
    with db.transaction():
        held[:] = [iter(db.cursor(query, prefetch=10))]
        assert next(held[0]).n == 1
        _in_child(held.clear)
        assert [row.n for row in held[0]] == [*range(2, 5_001)]
    held[:] = [db.stream_arrow(query, max_rows=10)]
    held.append(iter(held[0]))
    next(held[1])
    _in_child(held.clear)
    assert sum(batch.num_rows for batch in held[1]) == 4_990


def test_an_inherited_connection_is_refused_in_the_child_and_works_in_the_parent(
    db: blocking.Connection, options: Options
) -> None:
    statement = db.prepare("select 1")
    rows = db.stream("select n from generate_series(1, 1000) n", rows=10)
    next(rows)

    def work() -> None:
        for use in (
            lambda: db.fetch("select 1"),
            lambda: db.fetch("select 1", timeout=5),
            lambda: db.execute("select 1"),
            statement.fetch,
            lambda: list(rows),
            lambda: next(db.stream("select 1")),
            lambda: db.notifications("a").__enter__(),
            lambda: db.copy_in("copy t from stdin", [b""]),
            db.cancel,
        ):
            with pytest.raises(pg.ConnectionLost, match="opened in another process"):
                use()
        assert db.is_closed()
        rows.close()
        db.close()
        db.terminate()
        with blocking.connect(**options) as own:
            assert own.fetchval("select 1") == 1

    for _ in range(2):
        _in_child(work)
    assert [row.n for row in rows] == [*range(2, 1001)]
    assert statement.fetchval() == 1


def test_a_child_cancels_nothing_of_the_parents(db: blocking.Connection, options: Options) -> None:
    """The server would take the request: the child knows the parent's key."""
    with blocking.connect(**options) as watcher, ThreadPoolExecutor(1) as threads:
        assert watcher.fetchval("select pg_advisory_lock($1)::text", LOCK) == ""
        waiting = threads.submit(db.fetchval, "select pg_advisory_xact_lock($1)::text || 'x'", LOCK)
        query = "select count(*) from pg_stat_activity where pid = $1 and wait_event_type = 'Lock'"
        end = time.monotonic() + DEADLINE
        while not watcher.fetchval(query, db.get_server_pid()):
            assert time.monotonic() < end, "the statement does not wait"
            time.sleep(0.01)

        def work() -> None:
            with pytest.raises(pg.ConnectionLost, match="opened in another process"):
                db.cancel()

        _in_child(work)
        assert watcher.fetchval("select pg_advisory_unlock($1)", LOCK)
        assert waiting.result(DEADLINE) == "x"


def test_a_fork_while_other_threads_use_connections_and_pools(options: Options) -> None:
    """In the child nobody is there any more to give back what they had."""
    with blocking.create_pool(**options, min_size=2, max_size=2) as pool, pool.acquire() as db:
        over = threading.Event()

        def busily() -> None:
            while not over.is_set():
                assert db.fetchval("select 1") == 1
                assert pool.fetchval("select 2") == 2

        def work() -> None:
            with pytest.raises(pg.ConnectionLost, match="opened in another process"):
                db.fetch("select 1")
            with pytest.raises(blocking.PoolError, match="opened in another process"):
                pool.fetch("select 1")
            pool.release(db)
            pool.close()
            pool.terminate()

        with ThreadPoolExecutor(1) as threads:
            running = threads.submit(busily)
            try:
                for _ in range(5):
                    _in_child(work)
            finally:
                over.set()
            running.result(DEADLINE)
        assert db.fetchval("select 3") == 3
    new = blocking.create_pool(**options, min_size=1)

    def own() -> None:
        with new as pool:
            assert pool.fetchval("select 1") == 1

    _in_child(own)
    own()


def test_deadlines_are_their_threads_own_and_a_child_has_that_of_the_thread_it_was_forked_by() -> None:
    """The other threads are not there, and a new one may be taken for one of them."""
    began, over = threading.Event(), threading.Event()

    async def elsewhere() -> float | None:
        began.set()
        assert over.wait(DEADLINE)
        return left()

    def alone(mine: bool) -> None:
        assert [*deadlines] == [threading.get_ident()] * mine

    async def forks() -> float | None:
        _in_child(lambda: alone(True))
        assert len(deadlines) == 2
        with unbounded():
            assert left() is None
            _in_child(lambda: alone(False))
        return left()

    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(lambda: run(within(elsewhere(), 1e6)))
        try:
            assert began.wait(DEADLINE)
            assert left() is None
            _in_child(lambda: alone(False))
            assert 0 < (run(within(within(forks(), 1e4), 1e5)) or 0) <= 1e4
            assert left() is None
        finally:
            over.set()
        assert 1e5 < (running.result(DEADLINE) or 0) <= 1e6
    assert not deadlines


def test_a_fork_by_a_signal_handler_within_the_wait(db: blocking.Connection, signals: Signals) -> None:
    """The child finds the connection lost when it goes on with the wait; the parent's goes on."""
    children: list[int] = []
    parent = os.getpid()

    for kind in range(signals.kinds):
        children.clear()
        status = 9
        try:
            assert signals.during(lambda: children.append(os.fork()), kind) == "x"
        except pg.ConnectionLost as error:
            status = 7 if "another process" in str(error) else 8
        finally:
            if os.getpid() != parent:
                os._exit(status)
        assert os.waitstatus_to_exitcode(os.waitpid(children[0], 0)[1]) == 7
        assert db.fetchval("select 1") == 1
