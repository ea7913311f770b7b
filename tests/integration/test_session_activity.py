"""pg_stat_activity, pg_cancel_backend, pg_terminate_backend, limits of time: the same on PostgreSQL and on ours, from several drivers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import asyncpg
import psycopg
import pytest

from tests.support.raw import FLUSH, SYNC, Message, RawClient, bind, describe, execute, parse, query
from tests.support.scripts import shown
from tests.support.targets import Target

ENDLESS = {
    "postgres": "select pg_sleep(60)",
    "sqlite": "with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) from n",
    "duckdb": "select count(*) from range(100000000) a, range(100000000) b where a.range + b.range = -1",
}


@pytest.fixture
def other(target: Target) -> Iterator[RawClient]:
    """A second session."""
    with target.raw(application_name="other") as client:
        yield client


def one(client: RawClient, sql: str) -> tuple[bytes | None, ...]:
    found = ask(client, sql)
    return next(answer.row for answer in found if answer.tag == "D")


def ask(client: RawClient, sql: str) -> list[Message]:
    client.send(query(sql))
    return client.until_ready()


def pid(client: RawClient) -> int:
    return int(one(client, "select pg_backend_pid()")[0] or b"")


def last_words(client: RawClient) -> list[str]:
    """What the server says before it closes the connection."""
    return [shown(answer) for answer in client]


def seen(client: RawClient, process_id: int, columns: str) -> tuple[bytes | None, ...]:
    return one(client, f"select {columns} from pg_stat_activity where pid = {process_id}")


def wait_until_active(client: RawClient, process_id: int, sql: str) -> None:
    until = time.monotonic() + 20
    while seen(client, process_id, "state, query") != (b"active", sql.encode()):
        assert time.monotonic() < until
        time.sleep(0.02)


FATAL_57P01 = "E 57P01 FATAL M=terminating connection due to administrator command"


def test_states(target: Target, raw: RawClient, other: RawClient) -> None:
    process_id = pid(other)
    columns = "usename, datname, application_name, state, query, backend_type, xact_start is null, wait_event_type is null or true"
    user, database = target.user.encode(), target.dbname.encode()
    fixed = (user, database, b"other")
    assert seen(raw, process_id, columns) == (
        *fixed, b"idle", b"select pg_backend_pid()", b"client backend", b"t", b"t",
    )  # fmt: skip
    ask(other, "begin")
    assert seen(raw, process_id, columns)[3:7] == (b"idle in transaction", b"begin", b"client backend", b"f")
    ask(other, "select * from no_such_table")
    assert seen(raw, process_id, columns)[3:5] == (b"idle in transaction (aborted)", b"select * from no_such_table")
    ask(other, "rollback")
    ask(other, "set application_name = 'renamed'")
    assert seen(raw, process_id, columns)[2:5] == (b"renamed", b"idle", b"set application_name = 'renamed'")
    other.send(parse("select 1 as a"), bind(), execute(), SYNC)
    other.until_ready()
    assert seen(raw, process_id, columns)[3:5] == (b"idle", b"select 1 as a")


def test_own_row_and_times(target: Target, raw: RawClient) -> None:
    sql = (
        "select state, query, client_port > 0, backend_start <= query_start, xact_start is not null, state_change >= query_start"
        " from pg_stat_activity where pid = pg_backend_pid()"
    )
    assert one(raw, sql) == (b"active", sql.encode(), b"t", b"t", b"t", b"t")
    host, port = raw.socket.getsockname()[:2]
    assert one(raw, "select client_addr, client_port from pg_stat_activity where pid = pg_backend_pid()") == (
        host.encode(),
        str(port).encode(),
    )


def test_the_query_is_cut(target: Target, raw: RawClient, other: RawClient) -> None:
    process_id = pid(other)
    ask(other, "/* " + "é" * 2_000 + " */ begin")
    (text,) = seen(raw, process_id, "query")
    assert text is not None
    assert text.decode() == "/* " + "é" * 510


def test_cancel(target: Target, raw: RawClient, other: RawClient) -> None:
    process_id = pid(other)
    sql = ENDLESS[target.engine]
    other.send(query(sql))
    wait_until_active(raw, process_id, sql)
    assert one(raw, f"select pg_cancel_backend({process_id})") == (b"t",)
    assert [shown(answer) for answer in other.until_ready()][-2:] == [
        "E 57014 M=canceling statement due to user request",
        "Z I",
    ]
    assert one(raw, f"select pg_cancel_backend({process_id})") == (b"t",)
    assert one(other, "select 1 as a") == (b"1",)


def test_terminate(target: Target, raw: RawClient, other: RawClient) -> None:
    process_id = pid(other)
    sql = ENDLESS[target.engine]
    other.send(query(sql))
    wait_until_active(raw, process_id, sql)
    assert one(raw, f"select pg_terminate_backend({process_id}, 20000)") == (b"t",)
    assert last_words(other)[-1] == FATAL_57P01
    assert ask(raw, f"select pid from pg_stat_activity where pid = {process_id}")[1].body == b"SELECT 0\0"


def test_terminate_an_idle_session(target: Target, raw: RawClient, other: RawClient) -> None:
    process_id = pid(other)
    ask(other, "begin")
    raw.send(parse("select pg_terminate_backend($1)", types=(23,)), bind(str(process_id).encode()), execute(), SYNC)
    assert [str(answer) for answer in raw.until_ready()] == ["1", "2", "D t", "C SELECT 1", "Z I"]
    assert last_words(other) == [FATAL_57P01]


def test_terminate_others(target: Target, raw: RawClient, other: RawClient) -> None:
    sql = "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'other' and pid <> pg_backend_pid()"
    assert one(raw, sql) == (b"t",)
    assert last_words(other) == [FATAL_57P01]


def test_terminate_and_cancel_oneself(target: Target, raw: RawClient) -> None:
    found = [shown(answer) for answer in ask(raw, "select pg_cancel_backend(pg_backend_pid())")]
    assert found[-2:] == ["E 57014 M=canceling statement due to user request", "Z I"]
    raw.send(query("select pg_terminate_backend(pg_backend_pid())"))
    assert last_words(raw)[-1] == FATAL_57P01


def test_nobody_has_that_process_id(target: Target, raw: RawClient) -> None:
    warning = "N 01000 M=PID 2147483647 is not a PostgreSQL backend process"
    for function in ("pg_cancel_backend", "pg_terminate_backend"):
        found = [shown(answer) for answer in ask(raw, f"select {function}(2147483647)") if answer.tag != "T"]
        assert found == [warning, "D f", "C SELECT 1", "Z I"]
    found = [shown(answer) for answer in ask(raw, "select pg_terminate_backend(1, -1)") if answer.tag != "T"]
    assert found == ['E 22003 M="timeout" must not be negative', "Z I"]
    assert one(raw, "select pg_cancel_backend(null) is null") == (b"t",)


@pytest.mark.parametrize(
    ("setting", "before", "sqlstate", "text"),
    [
        ("idle_session_timeout", "select 1 as a", "57P05", "terminating connection due to idle-session timeout"),
        ("idle_in_transaction_session_timeout", "begin", "25P03", "terminating connection due to idle-in-transaction timeout"),
        ("idle_in_transaction_session_timeout", "begin; select * from no_such_table", "25P03",
         "terminating connection due to idle-in-transaction timeout"),
    ],
)  # fmt: skip
def test_idle_for_too_long(raw: RawClient, setting: str, before: str, sqlstate: str, text: str) -> None:
    ask(raw, f"set {setting} = '200ms'")
    raw.send(query(before))
    found = last_words(raw)
    assert found[-1] == f"E {sqlstate} FATAL M={text}"


def test_a_session_that_is_not_idle_stays(target: Target) -> None:
    with target.raw(idle_in_transaction_session_timeout="200ms", idle_session_timeout="1min") as client:
        time.sleep(0.4)
        assert one(client, "select 1 as a") == (b"1",)
        ask(client, "begin")
        for _ in range(4):
            time.sleep(0.1)
            client.send(parse("select 1 as a"), bind(), describe("P"), execute(), FLUSH)
            assert [client.receive().tag for _ in range(5)] == ["1", "2", "T", "D", "C"]
            client.send(SYNC)
            client.until_ready()
        ask(client, "commit")
        time.sleep(0.4)
        assert one(client, "select 1 as a") == (b"1",)


@pytest.mark.engines("sqlite", "duckdb")
@pytest.mark.parametrize("running", [False, True])
def test_a_transaction_for_too_long(target: Target, raw: RawClient, running: bool) -> None:
    ask(raw, "set transaction_timeout = '300ms'")
    time.sleep(0.5)
    ask(raw, "begin")
    if running:
        raw.send(query(ENDLESS[target.engine]))
    assert last_words(raw)[-1] == "E 25P04 FATAL M=terminating connection due to transaction timeout"


def test_statement_timeout(target: Target, raw: RawClient) -> None:
    ask(raw, "set statement_timeout = '0.2s'")
    found = [shown(answer) for answer in ask(raw, ENDLESS[target.engine])]
    assert found[-2:] == ["E 57014 M=canceling statement due to statement timeout", "Z I"]
    assert one(raw, "select 1 as a") == (b"1",)


def test_psycopg(target: Target) -> None:
    with (
        psycopg.connect(target.dsn, autocommit=True) as watcher,
        psycopg.connect(target.dsn, autocommit=True) as victim,
    ):
        sql = (
            "select pid, usename, client_addr::text, backend_start, query_start, state_change, state"
            " from pg_stat_activity where pid = %s"
        )
        row: Any = watcher.execute(sql, [victim.info.backend_pid]).fetchone()
        assert row[:2] == (victim.info.backend_pid, target.user)
        now = datetime.now(timezone.utc)
        assert all(now - timedelta(minutes=5) < moment <= now for moment in (row[3], row[5]))
        assert row[6] == "idle"
        done = watcher.execute("select pg_terminate_backend(%s, 5000)", [victim.info.backend_pid]).fetchone()
        assert done == (True,)
        with pytest.raises(psycopg.errors.AdminShutdown):
            victim.execute("select 1")


def test_asyncpg(target: Target) -> None:
    async def work() -> None:
        watcher = await asyncpg.connect(**target.asyncpg)
        victim = await asyncpg.connect(**target.asyncpg)
        # Prepared before: a cancel between the preparation, which shows as active too, and the execution would hit nothing.
        endless = await victim.prepare(ENDLESS[target.engine])
        running = asyncio.ensure_future(endless.fetch())
        process_id = victim.get_server_pid()
        for _ in range(1_000):
            row = await watcher.fetchrow("select * from pg_stat_activity where pid = $1", process_id)
            if row["state"] == "active" and row["query"] == ENDLESS[target.engine]:
                break
            await asyncio.sleep(0.02)
        assert str(row["client_addr"]) == target.host
        assert row["xact_start"] is not None
        assert await watcher.fetchval("select pg_cancel_backend($1)", process_id) is True
        with pytest.raises(asyncpg.QueryCanceledError):
            await asyncio.wait_for(running, 60)
        assert await watcher.fetchval("select pg_terminate_backend($1, 5000)", process_id) is True
        with pytest.raises((asyncpg.PostgresConnectionError, asyncpg.AdminShutdownError, asyncpg.InterfaceError)):
            await victim.fetchval("select 1")
        await watcher.close()

    asyncio.run(work())


def test_psql(psql: Any, raw: RawClient) -> None:
    done = psql(
        f"select pg_terminate_backend({pid(raw)})", "select state from pg_stat_activity where pid = pg_backend_pid()"
    )
    assert done.stdout.split() == ["t", "active"]
    assert last_words(raw) == [FATAL_57P01]
