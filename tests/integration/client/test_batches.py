"""Batches as a whole: what fails at their Sync, what cannot be sent to their end, and which statements they use."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import pgwire_py as pg
from pgwire_py import errors


async def deferred(conn: pg.Connection, table: str) -> None:
    await conn.execute(
        f"create table {table} (n int primary key deferrable initially deferred); insert into {table} values (1)"
    )


async def test_an_error_at_sync_is_its_own_statements(conn: pg.Connection, table: str) -> None:
    await deferred(conn, table)
    async with conn.pipeline(return_exceptions=True) as pipeline:
        found = [
            pipeline.fetchval("select 'A'"),
            pipeline.execute(f"insert into {table} values (1)"),
            pipeline.fetchval("select 2"),
            pipeline.fetchval("select 'D'"),
        ]
    assert (found[0].result(), found[2].result(), found[3].result()) == ("A", 2, "D")
    with pytest.raises(errors.UniqueViolation):
        found[1].result()


async def test_an_error_at_sync_fails_all_of_an_atomic_pipeline(conn: pg.Connection, table: str) -> None:
    await deferred(conn, table)
    with pytest.raises(errors.UniqueViolation):
        async with conn.pipeline(atomic=True) as pipeline:
            found = [
                pipeline.execute(f"insert into {table} values (2)"),
                pipeline.execute(f"insert into {table} values (1)"),
                pipeline.fetchval("select 3"),
            ]
    for one in found:
        with pytest.raises(errors.UniqueViolation):
            one.result()
    assert await conn.fetchval(f"select count(*) from {table}") == 1


@pytest.mark.parametrize("atomic", [False, True])
async def test_a_pipeline_of_statements_alike(conn: pg.Connection, table: str, atomic: bool) -> None:
    await conn.execute(f"create table {table} (n int unique, w text)")
    insert = f"insert into {table} values ($1, $2)"
    async with conn.pipeline(atomic=atomic) as pipeline:
        made: list[Any] = [pipeline.execute(insert, n, f"text {n}") for n in range(3_000)]
        none = [pipeline.fetch(insert, n, None) for n in range(3_000, 3_003)]
        kept = pipeline.fetch(f"delete from {table} where n % $1 = 0 returning n", 1_000)
        updated = [pipeline.execute(f"update {table} set w = 'x' where n < $1", n) for n in (3, 3, 5, 5)]
        count = pipeline.fetchval(f"select count(*) from {table}")
    assert {one.result() for one in made} == {"INSERT 0 1"}
    assert [one.result() for one in none] == [[], [], []]
    assert none[0].result() is not none[1].result()
    assert [row.n for row in kept.result()] == [0, 1_000, 2_000, 3_000]
    assert [one.result() for one in updated] == ["UPDATE 2", "UPDATE 2", "UPDATE 4", "UPDATE 4"]
    assert count.result() == 2_999


async def test_errors_among_statements_alike(conn: pg.Connection, table: str) -> None:
    await conn.execute(f"create table {table} (n int unique)")
    insert = f"insert into {table} values ($1)"
    values: list[Any] = [*range(500), "no number", *range(500, 1_000), 7, *range(1_000, 1_500)]
    async with conn.pipeline(return_exceptions=True) as pipeline:
        found = [pipeline.execute(insert, value) for value in values]
        found.append(pipeline.execute(insert, 1, 2))
        found.append(pipeline.execute(f"insert into {table} values (2000)"))
    refused = {number: type(one.exception()) for number, one in enumerate(found) if one.exception() is not None}
    assert refused == {500: errors.InvalidTextRepresentation, 1_001: errors.UniqueViolation, 1_502: pg.InterfaceError}
    assert await conn.fetchval(f"select count(*) from {table}") == 1_501
    with pytest.raises(errors.InvalidTextRepresentation, match=r"parameter \$1"):
        found[500].result()


async def test_copy_among_the_statements_of_a_pipeline(conn: pg.Connection, table: str) -> None:
    await conn.execute(f"create table {table} (n int)")
    async with conn.pipeline(return_exceptions=True) as pipeline:
        first = pipeline.fetchval("select 1")
        read = pipeline.execute("copy (select 5) to stdout")
        last = pipeline.fetchval("select 2")
    assert [first.result(), read.result(), last.result()] == [1, "COPY 1", 2]
    async with conn.pipeline() as pipeline:
        read = pipeline.execute("copy (select 5) to stdout")
    assert read.result() == "COPY 1"
    async with conn.pipeline(return_exceptions=True) as pipeline:
        written = pipeline.execute(f"copy {table} from stdin")
    assert isinstance(written.exception(), errors.FeatureNotSupported)
    assert await conn.fetchval("select 3") == 3


async def test_statements_with_rows_in_one_pipeline(conn: pg.Connection, table: str) -> None:
    """Those that come in a few pieces, of several columns and lengths, with errors and a notice between them."""
    await conn.execute(f"create table {table} (n int)")
    warn = "do $$ begin raise notice 'noted'; end $$"
    async with conn.pipeline(return_exceptions=True) as pipeline:
        found = [
            (
                pipeline.fetch("select g, repeat('x', $2::int) as w from generate_series(1, $1::int) g", n % 7, n),
                pipeline.execute(warn),
                pipeline.fetchval("select 10 / $1::int", n % 50),
                pipeline.fetchrow("select g::text from generate_series(1, 3) g"),
            )
            for n in range(300)
        ]
    for n, (rows, noted, value, row) in enumerate(found):
        assert rows.result() == [(g, "x" * n) for g in range(1, n % 7 + 1)]
        assert noted.result() == "DO"
        assert row.result() == ("1",)
        if n % 50:
            assert value.result() == 10 // (n % 50)
        else:
            assert isinstance(value.exception(), errors.DivisionByZero)


async def test_the_first_error_of_a_pipeline_is_raised(conn: pg.Connection) -> None:
    with pytest.raises(errors.DivisionByZero):
        async with conn.pipeline() as pipeline:
            found = [pipeline.fetchval("select 10 / $1::int", n) for n in (1, 0, 2, "no number")]
    assert [one.exception() is None for one in found] == [True, False, True, False]
    assert (found[0].result(), found[2].result()) == (10, 5)
    # Of another run of the same pipeline the errors are its own.
    pipeline = conn.pipeline()
    refused = pipeline.fetchval("select 1 / 0")
    await pipeline.flush()
    async with pipeline:
        last = pipeline.fetchval("select 1")
    assert last.result() == 1
    with pytest.raises(errors.DivisionByZero):
        refused.result()


async def test_one_statement_of_a_pipeline_is_awaited(conn: pg.Connection) -> None:
    pipeline = conn.pipeline()
    first, second = pipeline.fetchval("select 1"), pipeline.fetchval("select 2")
    with pytest.raises(pg.InterfaceError, match="has not run yet"):
        first.result()
    assert await second == 2
    assert first.result() == await first == 1
    assert await conn.pipeline().fetchval("select 3") == 3


@pytest.mark.parametrize("count", [5_000, 60_000])
async def test_executemany_with_an_argument_that_cannot_be_sent(conn: pg.Connection, table: str, count: int) -> None:
    await conn.execute(f"create table {table} (n int)")
    statement = await conn.prepare(f"insert into {table} values ($1)")
    with pytest.raises((errors.PostgresError, TypeError)):
        await statement.executemany([*((n,) for n in range(count)), ("x",)])
    assert await conn.fetchval(f"select count(*) from {table}") == 0


async def test_statements_that_changed_are_prepared_anew_behind_the_error(conn: pg.Connection, table: str) -> None:
    await conn.execute(f"create table {table} (n int)")
    query, returning = f"select * from {table} where n = $1", f"insert into {table} values ($1) returning *"

    async def piped() -> None:
        async with conn.pipeline(return_exceptions=True) as pipeline:
            found = [pipeline.fetch(query, 0), pipeline.fetchval("select 1"), pipeline.fetch(query, 0)]
        assert found[1].result() == 1
        assert found[0].result() == found[2].result() == []

    async def streamed() -> None:
        assert [row async for row in conn.stream(query, 0)] == []

    async def opened() -> None:
        async with conn.transaction():
            assert [row async for row in conn.cursor(query, 0)] == []

    async def many() -> None:
        await conn.fetchmany(returning, [(1,), (2,)])

    for number, work in enumerate((piped, streamed, opened, many)):
        await work()
        await conn.execute(f"alter table {table} add column c{number} int")
        with pytest.raises(errors.FeatureNotSupported, match="cached plan"):
            await work()
        await work()


@pytest.mark.event_loop
async def test_nameless_statements_without_rows_among_others(options: dict[str, Any], table: str) -> None:
    async with await pg.connect(**options, statement_cache_size=0) as conn:
        await conn.execute(f"create table {table} (n int)")
        queries = [
            f"insert into {table} values (1)",
            f"select n from {table}",
            f"update {table} set n = 2",
            "select 'x'",
        ]
        for _ in range(2):
            async with conn.pipeline() as pipeline:
                found = [pipeline.fetch(query) for query in queries]
            assert [len(one.result()) for one in found][::2] == [0, 0]
            assert all(conn._core.kept(query) for query in queries)


async def test_a_value_that_the_users_codec_cannot_read(conn: pg.Connection, table: str) -> None:
    await conn.execute(f"create type {table} as enum ('b')")

    def decode(text: str) -> object:
        raise ZeroDivisionError(text)

    await conn.set_type_codec(table, encoder=str, decoder=decode)
    async with conn.pipeline(return_exceptions=True) as pipeline:
        found = [pipeline.fetchval("select $1::text", "a"), pipeline.fetchval(f"select 'b'::{table}")]
        found.append(pipeline.fetchval("select $1::text", "c"))
    assert (found[0].result(), found[2].result()) == ("a", "c")
    assert isinstance(found[1].exception(), ZeroDivisionError)
    with pytest.raises(ZeroDivisionError):
        async with conn.pipeline() as pipeline:
            pipeline.fetchval(f"select 'b'::{table}")
    assert await conn.fetchval("select 1") == 1
    await conn.execute(f"drop type {table}")


async def test_statements_too_long_to_be_kept(options: dict[str, Any], table: str) -> None:
    conn = await pg.connect(**options, max_cacheable_statement_size=10)
    await conn.execute(f"create table {table} (n int)")
    await conn.executemany(f"insert into {table} values ($1)", [(1,), (2,)])
    assert [row.n async for row in conn.stream(f"select n from {table} order by n", rows=1)] == [1, 2]
    async with conn.transaction():
        assert [row.n async for row in conn.cursor(f"select n from {table} order by n", prefetch=1)] == [1, 2]
    async with conn.pipeline() as pipeline:
        found = [pipeline.fetchval(f"select n + $1::int from {table} order by n", n) for n in range(3)]
    assert [one.result() for one in found] == [1, 2, 3]
    assert await conn.fetchval("select count(*) from pg_prepared_statements") <= 2
    await conn.close()


async def test_more_statements_in_a_pipeline_than_are_kept(options: dict[str, Any]) -> None:
    conn = await pg.connect(**options, statement_cache_size=2)
    assert await conn.fetchval("select 0") == 0
    async with conn.pipeline() as pipeline:
        found = [pipeline.fetchval(f"select {n}") for n in range(9)]
    assert [one.result() for one in found] == list(range(9))
    await conn.close()


async def test_a_cursor_of_a_statement_that_fell_out_of_the_cache(options: dict[str, Any]) -> None:
    conn = await pg.connect(**options, statement_cache_size=2)
    statement = await conn.prepare("select n from generate_series(1, 3) n")
    for number in range(5):
        await conn.fetch(f"select {number}")
    async with conn.transaction():
        assert [row.n async for row in statement.cursor(prefetch=2)] == [1, 2, 3]
    await conn.close()


async def test_discard_plans_leaves_statements(conn: pg.Connection) -> None:
    for _ in range(3):
        for number in range(4):
            assert await conn.fetchval(f"select {number} + $1::int", 1) == number + 1
        await conn.execute("discard plans")
    assert await conn.fetchval("select count(*) from pg_prepared_statements where statement like '%$1::int'") == 4


@pytest.mark.event_loop
async def test_copy_given_up_before_it_begins(conn: pg.Connection, table: str) -> None:
    await conn.execute(f"create table {table} (n int)")
    copying = asyncio.ensure_future(conn.copy_in(f"copy {table} from stdin", b"1\n"))
    await asyncio.sleep(0)
    copying.cancel()
    with pytest.raises(asyncio.CancelledError):
        await copying
    assert await asyncio.wait_for(conn.fetchval(f"select count(*) from {table}"), 60) == 0


async def test_a_stream_whose_connection_is_lost(conn: pg.Connection, options: dict[str, Any]) -> None:
    other = await pg.connect(**options)
    pid = await conn.fetchval("select pg_backend_pid()")
    seen = []

    async def read() -> None:
        async for row in conn.stream("select n from generate_series(1, 100000) n", rows=5):
            if not seen:
                assert await other.fetchval("select pg_terminate_backend($1, 30000)", pid)
            seen.append(row.n)

    with pytest.raises((pg.ConnectionLost, errors.AdminShutdown)):
        await read()
    assert seen[0] == 1
    await other.close()


@pytest.mark.event_loop
async def test_the_server_ends_the_connection_while_a_pipeline_is_prepared(
    conn: pg.Connection, options: dict[str, Any], table: str
) -> None:
    await conn.execute(f"create table {table} (n int)")
    other = await pg.connect(**options)

    async def run() -> None:
        async with other.pipeline() as pipeline:
            pipeline.fetch(f"select * from {table}")
            pipeline.fetch("select 1 as behind")

    pid = await other.fetchval("select pg_backend_pid()")
    async with conn.transaction():
        await conn.execute(f"lock table {table} in access exclusive mode")
        running = asyncio.ensure_future(run())

        async def blocked() -> None:
            while not await conn.fetchval("select count(*) from pg_locks where not granted and pid = $1", pid):
                await conn.execute("select pg_sleep(0.01)")

        await asyncio.wait_for(blocked(), 30)
        await conn.fetchval("select pg_terminate_backend($1)", pid)
        with pytest.raises(errors.AdminShutdown):
            await asyncio.wait_for(running, 30)
    await other.close()


async def test_a_statement_that_changed_is_prepared_anew_though_it_ran_again_behind_the_error(
    conn: pg.Connection, table: str
) -> None:
    await conn.execute(f"create table {table} as select 1 as n")
    query = f"select * from {table}"
    await conn.fetch(query)
    await conn.execute(f"alter table {table} add m int")
    with pytest.raises(errors.FeatureNotSupported):
        async with conn.transaction(), conn.pipeline() as pipeline:
            found = [pipeline.fetch(query), pipeline.fetch(query)]
    assert isinstance(found[1].exception(), errors.InFailedSQLTransaction)
    async with conn.transaction(), conn.pipeline() as pipeline:
        again = pipeline.fetch(query)
    assert again.result() == [(1, None)]


@pytest.mark.event_loop
async def test_a_kept_statement_of_a_pipeline_is_not_closed_where_types_are_looked_up(
    options: dict[str, Any], table: str
) -> None:
    conn = await pg.connect(**options, statement_cache_size=1)
    await conn.execute(f"create type {table} as enum ('a')")
    await conn.fetchval("select 1")
    async with conn.pipeline() as pipeline:
        found = [pipeline.fetchval("select 1"), pipeline.fetchval(f"select 'a'::{table}")]
    assert [one.result() for one in found] == [1, "a"]
    await conn.close()


async def test_a_pipeline_ends_at_the_command_timeout(options: dict[str, Any]) -> None:
    conn = await pg.connect(**options, command_timeout=0.2)
    with pytest.raises(asyncio.TimeoutError):
        async with conn.pipeline() as pipeline:
            pipeline.fetch("select pg_sleep(60)")
    pipeline = conn.pipeline()
    pipeline.fetch("select pg_sleep(60)")
    with pytest.raises(asyncio.TimeoutError):
        await pipeline.flush()
    assert await conn.fetchval("select 1", timeout=30) == 1
    await conn.close()
