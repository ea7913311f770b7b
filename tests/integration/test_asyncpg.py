"""asyncpg: everything goes through prepared statements in binary; cursors are portals with row limits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from tests.support.targets import Target

ENDLESS = "with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) from n"
Connection = Any  # asyncpg's own classes carry no types


@pytest_asyncio.fixture
async def connection(target: Target) -> AsyncIterator[Connection]:
    made = await asyncpg.connect(**target.asyncpg)
    yield made
    await made.close()


@pytest_asyncio.fixture
async def numbers(connection: Connection, table: str) -> str:
    """A table of 1 to 10 with a word each."""
    await connection.execute(f"create table {table} (n int4 primary key, word text)")
    await connection.executemany(f"insert into {table} values ($1, $2)", [(i, f"word {i}") for i in range(1, 11)])
    return table


@pytest.mark.smoke
async def test_fetch(connection: Connection, numbers: str) -> None:
    rows = await connection.fetch(f"select n, word from {numbers} where n > $1 order by n", 8)
    assert [tuple(r) for r in rows] == [(9, "word 9"), (10, "word 10")]
    assert rows[0]["word"] == "word 9"
    assert await connection.fetchval(f"select count(*) from {numbers}") == 10
    assert tuple(await connection.fetchrow(f"select word, n from {numbers} order by n desc")) == ("word 10", 10)
    assert await connection.fetchrow(f"select n from {numbers} where n = $1", -1) is None


@pytest.mark.smoke
async def test_execute_gives_the_command_tag(connection: Connection, numbers: str) -> None:
    assert await connection.execute(f"insert into {numbers} values (11, 'x'), (12, 'y')") == "INSERT 0 2"
    assert await connection.execute(f"update {numbers} set word = $1 where n > $2", "z", 10) == "UPDATE 2"
    assert await connection.execute(f"delete from {numbers} where n > 10") == "DELETE 2"
    assert await connection.execute("begin; commit") == "COMMIT"


@pytest.mark.smoke
async def test_prepare(connection: Connection, numbers: str) -> None:
    statement = await connection.prepare(f"select n, word from {numbers} where n = $1")
    assert [(p.name, p.kind) for p in statement.get_parameters()] == [("int4", "scalar")]
    assert [(a.name, a.type.name) for a in statement.get_attributes()] == [("n", "int4"), ("word", "text")]
    for i in (3, 7, 3):
        assert tuple(await statement.fetchrow(i)) == (i, f"word {i}")
    assert [tuple(r) for r in await statement.fetch(4)] == [(4, "word 4")]
    assert statement.get_statusmsg() == "SELECT 1"


async def test_prepare_of_what_returns_nothing(connection: Connection, numbers: str) -> None:
    statement = await connection.prepare(f"insert into {numbers} values ($1, $2)")
    assert [p.name for p in statement.get_parameters()] == ["int4", "text"]
    assert statement.get_attributes() == ()
    await statement.fetch(11, "x")
    assert statement.get_statusmsg() == "INSERT 0 1"


@pytest.mark.smoke
async def test_parameters_in_expressions(connection: Connection, numbers: str) -> None:
    assert await connection.fetchval("select cast($1 as int4)", 41) == 41
    assert await connection.fetchval("select cast($1 as text)", "x") == "x"
    assert await connection.fetchval(f"select max(n) from {numbers} where n < $1 and word <> $2", 6, "word 5") == 4
    assert await connection.fetchval(f"select n from {numbers} order by n limit $1 offset $2", 1, 4) == 5


async def test_null_parameters(connection: Connection, numbers: str) -> None:
    await connection.execute(f"insert into {numbers} values ($1, $2)", 11, None)
    assert await connection.fetchval(f"select word from {numbers} where n = 11") is None


@pytest.mark.smoke
async def test_executemany(connection: Connection, table: str) -> None:
    await connection.execute(f"create table {table} (n int4, big int8, word text)")
    rows = [(i, i * 2**33, None if i % 7 == 0 else f"w{i}") for i in range(2000)]
    await connection.executemany(f"insert into {table} values ($1, $2, $3)", rows)
    found = await connection.fetch(f"select * from {table} order by n")
    assert [tuple(r) for r in found] == rows


async def test_executemany_is_one_transaction(connection: Connection, numbers: str) -> None:
    with pytest.raises(asyncpg.UniqueViolationError):
        await connection.executemany(f"insert into {numbers} values ($1, 'x')", [(11,), (12,), (1,), (13,)])
    assert await connection.fetchval(f"select count(*) from {numbers}") == 10


async def test_fetchmany(connection: Connection, numbers: str) -> None:
    sql = f"insert into {numbers} values ($1, $2) returning n, word"
    rows = await connection.fetchmany(sql, [(11, "a"), (12, "b")])
    assert [tuple(r) for r in rows] == [(11, "a"), (12, "b")]


# Transactions and cursors


@pytest.mark.smoke
async def test_cursor(connection: Connection, numbers: str) -> None:
    async with connection.transaction():
        seen = [r["n"] async for r in connection.cursor(f"select n from {numbers} order by n", prefetch=3)]
    assert seen == list(range(1, 11))


@pytest.mark.smoke
async def test_two_cursors_at_once(connection: Connection, numbers: str) -> None:
    async with connection.transaction():
        first = await connection.cursor(f"select n from {numbers} where n > $1 order by n", 2)
        second = await connection.cursor(f"select n from {numbers} order by n desc")
        assert [r["n"] for r in await first.fetch(2)] == [3, 4]
        assert [r["n"] for r in await second.fetch(3)] == [10, 9, 8]
        assert await connection.fetchval("select 'between'") == "between"
        assert [r["n"] for r in await first.fetch(2)] == [5, 6]
        assert (await first.fetchrow())["n"] == 7
        assert [r["n"] for r in await first.fetch(100)] == [8, 9, 10]
        assert await first.fetch(1) == []


async def test_cursor_needs_a_transaction(connection: Connection, numbers: str) -> None:
    with pytest.raises(asyncpg.NoActiveSQLTransactionError):
        await connection.cursor(f"select n from {numbers}")


@pytest.mark.smoke
async def test_transactions(connection: Connection, numbers: str) -> None:
    transaction = connection.transaction()
    await transaction.start()
    assert connection.is_in_transaction()
    await connection.execute(f"delete from {numbers}")
    await transaction.rollback()
    assert not connection.is_in_transaction()
    assert await connection.fetchval(f"select count(*) from {numbers}") == 10
    async with connection.transaction():
        await connection.execute(f"delete from {numbers} where n > 4")
    assert await connection.fetchval(f"select count(*) from {numbers}") == 4


@pytest.mark.engines("postgres", "sqlite")
async def test_nested_transactions(connection: Connection, numbers: str) -> None:
    async with connection.transaction():
        await connection.execute(f"delete from {numbers} where n = 1")
        inner = connection.transaction()
        await inner.start()
        with pytest.raises(asyncpg.UniqueViolationError):
            await connection.execute(f"update {numbers} set n = 2 where n = 3")
        with pytest.raises(asyncpg.InFailedSQLTransactionError):
            await connection.execute("select 1")
        await inner.rollback()
        async with connection.transaction():
            await connection.execute(f"delete from {numbers} where n = 10")
    rows = await connection.fetch(f"select n from {numbers} order by n")
    assert [r["n"] for r in rows] == list(range(2, 10))


async def test_read_only_and_isolation(connection: Connection, numbers: str) -> None:
    async with connection.transaction(isolation="serializable", readonly=True, deferrable=True):
        assert await connection.fetchval(f"select count(*) from {numbers}") == 10
    transaction = connection.transaction(readonly=True)
    await transaction.start()
    with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
        await connection.execute(f"delete from {numbers}")
    await transaction.rollback()


# Errors and cancellation


@pytest.mark.parametrize(
    ("sql", "kind"),
    [
        ("selec 1", asyncpg.PostgresSyntaxError),
        ("select * from no_such_table", asyncpg.UndefinedTableError),
        ("select no_such_column from TABLE", asyncpg.UndefinedColumnError),
        ("insert into TABLE values (1, 'again')", asyncpg.UniqueViolationError),
    ],
)
async def test_error_classes(connection: Connection, numbers: str, sql: str, kind: type[Exception]) -> None:
    for method in (connection.fetch, connection.execute):
        with pytest.raises(kind):
            await method(sql.replace("TABLE", numbers))
    assert await connection.fetchval("select 'alive'") == "alive"


@pytest.mark.smoke
async def test_timeout_cancels(connection: Connection) -> None:
    with pytest.raises(asyncio.TimeoutError):
        await connection.fetch(ENDLESS, timeout=0.2)
    assert await connection.fetchval("select 'alive'") == "alive"


async def test_cancelled_task_cancels(connection: Connection) -> None:
    task = asyncio.ensure_future(connection.fetch(ENDLESS))
    await asyncio.sleep(0.2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await connection.fetchval("select 'alive'") == "alive"


async def test_notices(connection: Connection) -> None:
    seen: list[tuple[str, str]] = []
    connection.add_log_listener(lambda _, notice: seen.append((notice.severity, notice.sqlstate)))
    await connection.execute("rollback")
    await asyncio.sleep(0)  # listeners are called from the loop
    assert seen == [("WARNING", "25P01")]


# Sessions


async def test_settings(target: Target) -> None:
    settings = {"application_name": "me", "TimeZone": "UTC", "statement_timeout": "5000"}
    connection = await asyncpg.connect(**target.asyncpg, server_settings=settings)
    try:
        assert connection.get_settings().application_name == "me"
        assert connection.get_settings().TimeZone == "UTC"
        assert await connection.fetchval("show statement_timeout") == "5s"
        assert connection.get_server_version().major >= 15
    finally:
        await connection.close()


async def test_reset_of_a_connection(connection: Connection) -> None:
    await connection.execute("set application_name = 'changed'")
    await connection.reset()
    assert await connection.fetchval("show application_name") == ""
    await connection.execute("discard all")


@pytest.mark.smoke
async def test_pool(target: Target, table: str) -> None:
    async with asyncpg.create_pool(**target.asyncpg, min_size=2, max_size=4) as pool:
        await pool.execute(f"create table {table} (n int4)")

        async def work(i: int) -> int:
            async with pool.acquire() as connection:
                await connection.execute("set application_name = 'worker'")
                return await connection.fetchval(f"select cast($1 as int4) + count(*) from {table}", i)

        assert await asyncio.gather(*(work(i) for i in range(40))) == list(range(40))
        async with pool.acquire() as connection:
            assert await connection.fetchval("show application_name") != "worker"


async def test_statement_cache_survives_a_change_of_the_table(connection: Connection, numbers: str) -> None:
    assert len(await connection.fetchrow(f"select * from {numbers} where n = $1", 1)) == 2
    await connection.execute(f"alter table {numbers} add column extra int4")
    assert len(await connection.fetchrow(f"select * from {numbers} where n = $1", 1)) == 3


async def test_without_a_statement_cache(target: Target, numbers: str) -> None:
    """As behind a pooler: unnamed statements."""
    connection = await asyncpg.connect(**target.asyncpg, statement_cache_size=0)
    try:
        for i in (1, 2, 3):
            assert await connection.fetchval(f"select word from {numbers} where n = $1", i) == f"word {i}"
    finally:
        await connection.close()


async def test_terminate(target: Target) -> None:
    connection = await asyncpg.connect(**target.asyncpg)
    connection.terminate()
    other = await asyncpg.connect(**target.asyncpg)
    assert await other.fetchval("select 'alive'") == "alive"
    await other.close()
