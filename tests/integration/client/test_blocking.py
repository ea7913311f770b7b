"""What the blocking client alone has: threads, signals, deadlines within deadlines, plain iterators. The rest is tested as asyncio's."""

from __future__ import annotations

import asyncio
import os
import signal
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any

import pytest

import pgwire_py as pg
from pgwire_py import blocking, errors
from tests.support.certificates import make_certificates
from tests.support.postgres import Programs, running_cluster

Options = dict[str, Any]


@pytest.fixture
def db(options: Options) -> Iterator[blocking.Connection]:
    with blocking.connect(**options) as connection:
        yield connection


def _until(true: Callable[[], object]) -> None:
    for _ in range(3000):
        if true():
            return
        time.sleep(0.01)
    raise AssertionError("it did not come true")


def _runs(db: blocking.Connection, watcher: blocking.Connection) -> None:
    """Until the server carries out a statement of the connection."""
    query = "select count(*) from pg_stat_activity where pid = $1 and state = 'active' and wait_event = 'PgSleep'"
    _until(lambda: watcher.fetchval(query, db.get_server_pid()))


@contextmanager
def _interrupted(db: blocking.Connection, watcher: blocking.Connection) -> Iterator[None]:
    """The block is interrupted where the connection waits for ``pg_sleep``."""

    def interrupt() -> None:
        _runs(db, watcher)
        os.kill(os.getpid(), signal.SIGINT)

    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        thread = threading.Thread(target=interrupt)
        thread.start()
        with pytest.raises(KeyboardInterrupt):
            yield
        thread.join()
    finally:
        signal.signal(signal.SIGINT, handler)


def test_everything_in_plain_words(db: blocking.Connection) -> None:
    db.execute("create temp table t (n int, w text)")
    with db.transaction():
        db.executemany("insert into t values ($1, $2)", [(n, f"w{n}") for n in range(100)])
    with suppress(ZeroDivisionError), db.transaction():
        db.execute("delete from t")
        raise ZeroDivisionError
    statement = db.prepare("select * from t where n < $1 order by n")
    assert statement.fetch(2) == [(0, "w0"), (1, "w1")]
    assert [row.n for row in db.stream("select n from t order by n", rows=7)] == [*range(100)]
    with db.transaction():
        assert [row.n for row in db.cursor("select n from t order by n", prefetch=30)] == [*range(100)]
        assert statement.cursor(3).wait().fetch(10) == [(0, "w0"), (1, "w1"), (2, "w2")]
    with db.pipeline() as pipeline:
        found = [pipeline.fetchval("select $1::int", n) for n in range(5)]
        assert found[0].wait() == 0
        found.append(pipeline.fetchval("select 5"))
    assert [one.result() for one in found] == [*range(6)]
    assert db.copy_in("copy t from stdin", (b"%d\tx\n" % n for n in range(50_000))) == 50_000
    assert sum(map(len, db.copy_out("copy t to stdout"))) > 300_000
    assert db.copy_records_to_table("t", records=((n, None) for n in range(10))) == 10
    calls: list[Any] = []

    def work(connection: blocking.Connection) -> int:
        calls.append(connection)
        if len(calls) < 2:
            connection.execute("do $$ begin raise exception 'again' using errcode = '40001'; end $$")
        return len(calls)

    assert db.retry(work) == 2
    assert calls == [db, db]
    assert repr(db).startswith("<Connection")


def test_leaving_an_iterator_frees_the_connection(db: blocking.Connection) -> None:
    for row in db.stream("select n from generate_series(1, 1000000) n", rows=10):
        assert row.n == 1
        with pytest.raises(pg.InterfaceError, match="in use"):
            db.fetch("select 1")
        break
    assert db.fetchval("select 2") == 2
    with db.stream("select n from generate_series(1, 1000000) n") as rows:
        next(rows)
    rows.close()
    assert db.fetchval("select 3") == 3
    with db.copy_out("copy (select repeat('x', 1000) from generate_series(1, 100000)) to stdout") as pieces:
        assert len(next(iter(pieces))) == 1001
    assert db.fetchval("select 4") == 4


def test_timeouts(db: blocking.Connection, options: Options) -> None:
    for run in (db.fetch, db.fetchrow, db.fetchval, db.execute, db.prepare("select pg_sleep(60)").fetch):
        query = () if run.__self__ is not db else ("select pg_sleep(60)",)  # type: ignore[attr-defined]
        with pytest.raises(TimeoutError):
            run(*query, timeout=0.05)
        assert db.fetchval("select 1", timeout=60) == 1

    def slowly() -> Iterator[bytes]:
        yield b"1\n"
        while True:
            time.sleep(0.01)
            yield b"1\n" * 100_000

    db.execute("create temp table t (n int)")
    with pytest.raises(TimeoutError):
        db.copy_in("copy t from stdin", slowly(), timeout=0.1)
    assert db.fetchval("select count(*) from t") == 0
    with blocking.connect(**options, command_timeout=0.05) as hasty:
        with pytest.raises(TimeoutError):
            hasty.fetch("select pg_sleep(60)")
        assert hasty.fetchval("select 1", timeout=60) == 1


def test_a_deadline_holds_for_what_is_within_it(db: blocking.Connection, options: Options) -> None:
    """Of a timeout around and one within, the one that is over first counts, and tells who asked for it."""
    statement = db.prepare("select pg_sleep($1)")

    def work(connection: blocking.Connection) -> None:
        with pytest.raises(TimeoutError):
            statement.fetch(60, timeout=0.05)
        raise errors.SerializationFailure("again")

    with pytest.raises(errors.SerializationFailure):
        db.retry(work, attempts=2)
    assert not db.is_in_transaction()

    def silent(connection: blocking.Connection) -> None:
        connection.fetch("select pg_sleep(60)", timeout=50)

    with blocking.create_pool(**options, min_size=0, setup=silent) as pool:
        with pytest.raises(TimeoutError):
            pool.acquire(timeout=0.3).wait()
        assert pool.stats().in_use == 0


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timers that send signals on this system")
def test_an_interrupt_leaves_the_connection_usable(db: blocking.Connection, options: Options) -> None:
    db.prepare("select pg_sleep(60)")
    with blocking.connect(**options) as watcher:
        for work in (
            lambda: db.fetch("select pg_sleep(60)"),
            lambda: db.execute("select pg_sleep(60)"),
            lambda: db.fetch("select pg_sleep(60)", timeout=600),
            lambda: list(db.stream("select pg_sleep(60)")),
        ):
            with _interrupted(db, watcher):
                work()
            assert db.fetchval("select 1") == 1
        with _interrupted(db, watcher), db.transaction():
            db.fetch("select pg_sleep(60)")
        assert not db.is_in_transaction()


def test_interrupts_at_any_moment(options: Options) -> None:
    """Whenever the signal comes, the connection is closed or can be used, and no answer is another's."""
    if not hasattr(signal, "setitimer"):
        return

    class Alarm(BaseException):
        pass

    def handler(number: int, frame: Any) -> None:
        raise Alarm

    before = signal.signal(signal.SIGALRM, handler)
    db = blocking.connect(**options)
    closed = 0
    try:
        for n in range(150):
            with suppress(Alarm):
                try:
                    signal.setitimer(signal.ITIMER_REAL, (n % 50 + 1) * 2e-5)
                    for _ in range(50):
                        with suppress(pg.ConnectionLost):
                            assert db.fetchval("select $1::int", n) == n
                finally:
                    signal.setitimer(signal.ITIMER_REAL, 0)
            if db.is_closed():
                closed += 1
                db = blocking.connect(**options)
            assert db.fetchval("select $1::int", -n) == -n
    finally:
        signal.signal(signal.SIGALRM, before)
        db.close()
    assert closed < 150


LARGE = "select n, repeat('x', 1000) as word from generate_series(1, 1000) n"


def _streamed(db: blocking.Connection) -> None:
    with db.stream(LARGE) as rows:  # which the traceback of an exception would hold open
        for _ in rows:
            pass


def _copied(db: blocking.Connection) -> None:
    with db.copy_out(f"copy ({LARGE}) to stdout") as pieces:
        for _ in pieces:
            pass


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timers that send signals on this system")
@pytest.mark.parametrize(
    "work",
    [
        pytest.param(lambda db: db.fetch(LARGE), id="fetch"),
        pytest.param(lambda db: db.fetch(LARGE, timeout=600), id="with a timeout"),
        pytest.param(lambda db: db.execute(LARGE), id="execute"),
        pytest.param(_streamed, id="stream"),
        pytest.param(_copied, id="copy"),
    ],
)
def test_interrupts_while_much_is_read(options: Options, work: Callable[[blocking.Connection], object]) -> None:
    """What the handler raised is raised; the connection can be used, or is closed and says by what."""

    class Alarm(Exception):
        pass

    def handler(number: int, frame: Any) -> None:
        raise Alarm

    before = signal.signal(signal.SIGALRM, handler)
    db = blocking.connect(**options)
    usable = 0
    try:
        for n in range(30):
            work(db)
            raised: Alarm | None = None
            try:
                try:
                    signal.setitimer(signal.ITIMER_REAL, 0.0015)
                    work(db)
                finally:
                    signal.setitimer(signal.ITIMER_REAL, 0)
            except Alarm as error:
                raised = error
            if db.is_closed():
                with pytest.raises(pg.ConnectionLost) as caught:
                    db.fetchval("select 1")
                assert caught.value.__cause__ is raised is not None
                db = blocking.connect(**options)
            else:
                usable += 1
                assert db.fetchval("select $1::int", n) == n
    finally:
        signal.signal(signal.SIGALRM, before)
        db.close()
    assert usable


def test_threads_of_one_connection_wait_for_each_other(db: blocking.Connection) -> None:
    def work(n: int) -> list[Any]:
        return [db.fetchval("select $1::int", n * 1000 + k) for k in range(100)]

    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(work, range(8)))
    assert found == [[n * 1000 + k for k in range(100)] for n in range(8)]


def test_another_thread_cancels_and_terminates(db: blocking.Connection, options: Options) -> None:
    with blocking.connect(**options) as watcher, ThreadPoolExecutor(1) as threads:
        running = threads.submit(db.fetch, "select pg_sleep(60)")
        _runs(db, watcher)
        db.cancel()
        with pytest.raises(errors.QueryCanceled):
            running.result(30)
        assert db.fetchval("select 1") == 1
        running = threads.submit(db.fetch, "select pg_sleep(60)")
        _runs(db, watcher)
        db.terminate()
        with pytest.raises((pg.ConnectionLost, pg.InterfaceError)):
            running.result(30)
        assert db.is_closed()
        with pytest.raises(pg.ConnectionLost, match="terminated"):
            db.fetch("select 1")


def test_the_event_loop_of_a_thread_is_not_needed_and_not_disturbed(options: Options) -> None:
    async def main() -> int:
        with blocking.connect(**options) as db:
            for row in db.stream("select 7 as n from generate_series(1, 9)", rows=2):
                assert row.n == 7
                break
            return int(db.fetchval("select 1")) + len(asyncio.all_tasks())

    assert asyncio.run(main()) == 2

    async def later() -> Any:
        await asyncio.sleep(0)
        yield b"1\n"

    with blocking.connect(**options) as db:
        db.execute("create temp table t (n int)")
        with pytest.raises(pg.InterfaceError, match="needs an event loop"):
            db.copy_in("copy t from stdin", later())
        with pytest.raises(RuntimeError):
            asyncio.get_running_loop()
        assert db.fetchval("select 1") == 1


def test_callbacks_get_the_blocking_connection_and_may_use_it(db: blocking.Connection, table: str) -> None:
    called: list[Any] = []

    def listener(connection: blocking.Connection, process_id: int, channel: str, payload: str) -> None:
        called.append(
            (connection, process_id == db.get_server_pid(), channel, connection.fetchval("select $1::text", payload))
        )

    db.add_listener(table, listener)
    db.execute(f"notify {table}, 'now'")
    assert called == [(db, True, table, "now")]
    db.remove_listener(table, listener)
    notices: list[Any] = []
    db.add_log_listener(lambda connection, notice: notices.append((connection, notice.message)))
    db.add_log_listener(lambda connection, notice: 1 / 0)  # is logged, and disturbs nobody
    db.execute("do $$ begin raise warning 'careful'; end $$")
    assert notices == [(db, "careful")]


def test_notifications_with_a_time_limit(db: blocking.Connection, options: Options, table: str) -> None:
    with db.notifications(table, timeout=0.05) as found:
        db.execute(f"notify {table}, 'one'; notify {table}, 'two'")
        assert [one.payload for one in found] == ["one", "two"]
        with pytest.raises(TimeoutError):
            found.get(timeout=0.01)
    with blocking.connect(**options) as other, db.notifications(table) as found, ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(next, found)
        other.execute(f"notify {table}, 'three'")
        assert waiting.result(30).payload == "three"
    assert db.fetch("select pg_listening_channels()") == []


def test_a_pool_of_threads(options: Options) -> None:
    made: list[blocking.Connection] = []
    with blocking.create_pool(**options, min_size=1, max_size=3, init=made.append) as pool:

        def work(n: int) -> int:
            with pool.acquire() as db:
                assert db in made
                return int(db.fetchval("select $1::int", n))

        with ThreadPoolExecutor(12) as threads:
            assert list(threads.map(work, range(300))) == [*range(300)]
            assert pool.stats().size == len(made) <= 3
            held = [pool.acquire().wait() for _ in range(3)]
            with pytest.raises(TimeoutError):
                pool.acquire(timeout=0.05).wait()
            waiting = [threads.submit(work, n) for n in range(4)]
            _until(lambda: pool.stats().waiting == 4)
            held[0].terminate()
            for one in held:
                pool.release(one)
            assert [one.result(30) for one in waiting] == [*range(4)]
            assert pool.fetchval("select 1") == 1
            last = pool.acquire().wait()
            closing = threads.submit(pool.close)
            _until(closing.running)
            pool.release(last)
            closing.result(30)
    with pytest.raises(blocking.PoolError, match="closed"):
        pool.acquire().wait()


def test_a_pool_closes_what_is_idle_too_long(options: Options) -> None:
    limits = {"min_size": 0, "max_size": 3, "max_inactive_connection_lifetime": 0.1}
    with blocking.create_pool(**options, **limits) as pool:
        assert pool.fetchval("select 1") == 1
        _until(lambda: pool.get_size() == 0)
        assert pool.fetchval("select 2") == 2
    _until(lambda: "pgwire_py pool" not in [thread.name for thread in threading.enumerate()])


def test_terminating_a_pool_in_use(options: Options) -> None:
    pool = blocking.create_pool(**options, max_size=2).wait()
    with ThreadPoolExecutor(1) as threads, blocking.connect(**options) as watcher:
        db = pool.acquire().wait()
        running = threads.submit(db.fetch, "select pg_sleep(60)")
        _runs(db, watcher)
        pool.terminate()
        with pytest.raises((pg.ConnectionLost, pg.InterfaceError)):
            running.result(30)
        with pytest.raises(blocking.PoolError):
            pool.release(db)


def test_an_encryption_of_ones_own(programs: Programs, tmp_path_factory: pytest.TempPathFactory) -> None:
    certificates = make_certificates(tmp_path_factory.mktemp("certificates"))
    files = {"server.crt": certificates.certificate.read_bytes(), "server.key": certificates.key.read_bytes()}
    with running_cluster(programs, settings={"ssl": "on"}, files=files) as cluster:
        names = []

        def upgrade(incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO, name: str) -> ssl.SSLObject:
            names.append(name)
            context = ssl.create_default_context(cafile=certificates.authority)
            return context.wrap_bio(incoming, outgoing, server_hostname=name)

        where: Options = {"host": "localhost", "hostaddr": "127.0.0.1", "port": cluster.port, "user": "postgres"}
        with blocking.connect(**where, database="postgres", sslmode="require", tls_upgrade=upgrade) as db:
            assert db.fetchval("select ssl from pg_stat_ssl where pid = pg_backend_pid()") is True
            assert len(db.fetch("select repeat('x', 1000) from generate_series(1, 5000)")) == 5000
            with pytest.raises(TimeoutError):
                db.fetch("select pg_sleep(60)", timeout=0.1)
            for _ in range(3):
                assert db.fetchval("select 1") == 1
            assert names == ["localhost"] * 2
            with blocking.connect(**where, database="postgres") as watcher:
                db.fetch("select pg_sleep(0)")
                with _interrupted(db, watcher):
                    db.fetch("select pg_sleep(60)")
            assert db.fetchval("select 1") == 1


def test_no_socket_is_left_open(options: Options) -> None:
    """Neither behind a closed connection nor behind one that could not be made."""
    code = f"""
import gc, warnings
warnings.simplefilter("error")
from pgwire_py import blocking, ConnectFailed
options = {options!r}
for _ in range(3):
    with blocking.connect(**options) as db:
        db.fetch("select 1")
    for wrong in ({{"database": "nowhere"}}, {{"port": 1}}):
        try:
            blocking.connect(**{{**options, **wrong}})
        except Exception as error:
            del error
gc.collect()
import os
print(len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0)
"""
    command = [sys.executable, "-X", "dev", "-c", code]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert result.stderr == ""
    assert int(result.stdout) < 10
