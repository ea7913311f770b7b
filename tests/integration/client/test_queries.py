"""Queries, prepared statements, the statement cache, types, errors."""

from __future__ import annotations

import asyncio
import gc
import time
import weakref
from decimal import Decimal
from typing import Any

import pytest

import pgwire_py as pg
from pgwire_py import errors


async def test_values_and_records(conn: pg.Connection) -> None:
    query = "select n as id, n::text as name, n::numeric / 2 as half from generate_series(1, $1::int) n"
    rows = await conn.fetch(query, 3)
    assert rows == [(1, "1", Decimal("0.5")), (2, "2", Decimal(1)), (3, "3", Decimal("1.5"))]
    assert (rows[0].id, rows[0]["name"], rows[0].keys()) == (1, "1", ("id", "name", "half"))
    assert await conn.fetchrow(query, 3) == rows[0]
    assert await conn.fetchrow(query, 0) is None
    assert await conn.fetchval(query, 2, column="name") == "1"
    assert await conn.fetchval(query, 0) is None
    assert await conn.fetch("") == []


async def test_many_rows_in_any_chunking(conn: pg.Connection) -> None:
    rows = await conn.fetch("select n, repeat('x', n % 300) as t from generate_series(1, 20000) n")
    assert [row.n for row in rows] == list(range(1, 20001))
    assert all(len(row.t) == row.n % 300 for row in rows)
    assert len(await conn.fetchval("select repeat('y', 3000000)")) == 3_000_000


async def test_rows_are_gone_with_their_last_reference(conn: pg.Connection) -> None:
    """No circle of the client's own keeps the rows of an answer in many pieces until the garbage collector comes."""
    gc.disable()
    try:
        for _ in range(3):  # the first run of a statement takes another way than those behind it
            rows = await conn.fetch("select n, repeat('x', 300) as t from generate_series(1, 5000) n")
            kept = weakref.ref(rows[-1])
            del rows
            deadline = time.monotonic() + 30
            while kept() is not None:  # a thread of the blocking client may have something left to do
                assert time.monotonic() < deadline, "the rows are kept"
                await asyncio.sleep(0.01)
    finally:
        gc.enable()


async def test_execute_tells_the_last_tag(conn: pg.Connection) -> None:
    assert await conn.execute("create temp table t (n int primary key); insert into t values (1), (2)") == "INSERT 0 2"
    assert await conn.execute("update t set n = n + $1", 10) == "UPDATE 2"
    assert await conn.execute("") == ""
    await conn.executemany("insert into t values ($1)", ([n] for n in range(100, 5000)))
    assert await conn.fetchval("select count(*) from t") == 4902
    with pytest.raises(errors.UniqueViolation) as caught:
        await conn.executemany("insert into t values ($1)", [(1,), (2,), (100,)])
    assert caught.value.constraint_name == "t_pkey"
    assert await conn.fetchval("select count(*) from t where n < 3") == 0  # all or none
    assert await conn.fetchmany("insert into t values ($1) returning n * 2 as d", [(1,), (2,)]) == [(2,), (4,)]
    await conn.executemany("insert into t values ($1)", [])


async def test_errors_carry_the_statement_and_leave_the_connection_usable(conn: pg.Connection) -> None:
    with pytest.raises(errors.DivisionByZero) as caught:
        await conn.fetch("select 1 / $1::int", 0)
    assert caught.value.statement == "select 1 / $1::int"
    with pytest.raises(errors.SQLSyntaxError) as syntax:
        await conn.fetch("selct 1")
    assert (syntax.value.position, syntax.value.statement) == ("1", "selct 1")
    with pytest.raises(pg.InterfaceError, match="takes 1 argument, 2 given"):
        await conn.fetch("select $1::int", 1, 2)
    with pytest.raises(errors.PostgresError, match=r"\$1"):
        await conn.fetch("select $1::int", "no number")
    with pytest.raises(errors.NumericValueOutOfRange):
        await conn.fetch("select $1::int2", 1 << 20)
    assert await conn.fetchval("select 1") == 1


async def test_copy_by_the_wrong_method_is_refused(conn: pg.Connection) -> None:
    await conn.execute("create temp table t (n int)")
    for query in ("copy t from stdin", "copy t to stdout"):
        for run in (conn.execute, conn.fetch):
            with pytest.raises(errors.FeatureNotSupported, match="copy_"):
                await run(query)
            assert await conn.fetchval("select 7") == 7


async def test_the_cache_is_bounded_and_follows_ddl(options: dict[str, Any]) -> None:
    async with await pg.connect(**options, statement_cache_size=3) as conn:
        for n in range(20):
            assert await conn.fetchval(f"select {n}") == n
        names = await conn.fetch("select name from pg_prepared_statements")
        assert 1 <= len(names) <= 4
        await conn.execute("create temp table t (a int)")
        await conn.execute("insert into t values (1)")
        assert await conn.fetch("select * from t") == [(1,)]
        await conn.execute("alter table t add column b text default 'x'")
        assert await conn.fetch("select * from t") == [(1, "x")]  # 0A000, prepared anew
        await conn.execute("alter table t alter column a type text")
        assert await conn.fetch("select * from t") == [("1", "x")]
        async with conn.transaction():
            await conn.execute("alter table t drop column b")
            with pytest.raises(errors.FeatureNotSupported, match="cached plan"):
                async with conn.transaction():
                    await conn.fetch("select * from t")
            assert await conn.fetch("select * from t") == [("1",)]
        await conn.execute("deallocate all")
        assert await conn.fetch("select * from t") == [("1",)]
        await conn.execute("discard all")
        assert await conn.fetchval("select 1") == 1


async def test_the_cache_keeps_what_was_used_last(options: dict[str, Any]) -> None:
    """Whether it is asked for by the same text object or an equal one, behind one just made or one that took another's place."""
    names = "select statement from pg_prepared_statements"
    for again in (lambda text: text, lambda text: "".join([*text])):
        async with await pg.connect(**options, statement_cache_size=3) as conn:
            one, two, three = texts = [f"select {n}" for n in range(3)]
            for text in (one, one, two, one, three):
                assert await conn.fetchval(again(text)) == texts.index(text)
            assert {row.statement for row in await conn.fetch(names)} == {one, three, names}
            assert [await conn.fetchval(again(text)) for text in (three, one, one, three, two)] == [2, 0, 0, 2, 1]
            assert {row.statement for row in await conn.fetch(names)} == {three, two, names}


async def test_without_named_statements(options: dict[str, Any]) -> None:
    """As a pooler in transaction mode needs it: nothing is left on the server, and another session's DDL is noticed."""
    async with await pg.connect(**options, statement_cache_size=0) as conn:
        await conn.execute("create temp table t (a int); insert into t values (1)")
        for _ in range(2):
            assert await conn.fetch("select * from t where a = $1", 1) == [(1,)]
        await conn.execute("alter table t add column b text default 'x'")
        assert await conn.fetchrow("select * from t where a = $1", 1) == (1, "x")
        assert await conn.fetch("select * from t where a = $1", 1) == [(1, "x")]
        assert await conn.fetchval("select count(*) from pg_prepared_statements where name <> ''") == 0
        async with conn.pipeline() as pipeline:
            found = [pipeline.fetchval("select $1::int", n) for n in range(5)]
        assert [one.result() for one in found] == [0, 1, 2, 3, 4]
        assert [row.n async for row in conn.stream("select n from generate_series(1, 7) n", rows=3)] == [*range(1, 8)]


async def test_prepared_statements(conn: pg.Connection) -> None:
    statement = await conn.prepare("select $1::int as n, $2::text as t")
    assert [(one.name, one.type.name) for one in statement.get_attributes()] == [("n", "int4"), ("t", "text")]
    assert [one.name for one in statement.get_parameters()] == ["int4", "text"]
    assert await statement.fetchval(5, "x") == 5
    assert await statement.fetch(5, "x") == [(5, "x")]
    assert statement.get_statusmsg() == "SELECT 1"
    assert "Plan" in (await statement.explain(1, "x"))[0]
    own = await conn.prepare("select 1", name="mine")
    assert (await own.fetchval(), own.get_name()) == (1, "mine")
    await own.close()
    assert await conn.fetchval("select count(*) from pg_prepared_statements where name = 'mine'") == 0


async def test_types_of_the_database(conn: pg.Connection, table: str) -> None:
    schema = f"s_{table}"
    await conn.execute(f"""
        create schema {schema}; set search_path = {schema}, pg_catalog;
        create type mood as enum ('sad', 'ok');
        create domain few as int[] check (cardinality(value) < 9);
        create type pair as (n int, m mood);
        create type nested as (p pair, many pair[], f few);
        create type span as range (subtype = float8);
    """)
    try:
        assert await conn.fetchval("select $1::mood", "ok") == "ok"
        assert await conn.fetchval("select $1::mood[]", ["ok", None]) == ["ok", None]
        assert await conn.fetchval("select $1::few", [1, 2]) == [1, 2]
        assert await conn.fetchval("select $1::pair", (1, "sad")) == (1, "sad")
        value = ((1, "sad"), [(2, "ok")], [3])
        found = await conn.fetchval("select $1::nested", value)
        assert (found, found.p.m) == (value, "sad")
        assert (await conn.fetchval("select span(1.5, 2)")).lower == 1.5
        await conn.execute("drop type nested; drop type pair; create type pair as (t text)")
        assert await conn.fetchval("select row('x')::pair") == ("x",)
        await conn.set_type_codec("mood", schema=schema, encoder=str.lower, decoder=str.upper)
        assert await conn.fetchval("select $1::mood", "OK") == "OK"
    finally:
        await conn.execute(f"drop schema {schema} cascade; reset search_path")


async def test_names_of_objects_and_types_without_binary_form(conn: pg.Connection) -> None:
    assert await conn.fetchval("select 'pg_class'::regclass") == "pg_class"
    assert await conn.fetchval("select $1::regclass::oid", "pg_class") == 1259
    assert await conn.fetchval("select makeaclitem(10, 10, 'SELECT', false)::text") == await conn.fetchval(
        "select makeaclitem(10, 10, 'SELECT', false)"
    )


async def test_notices_and_settings(conn: pg.Connection) -> None:
    notices: list[Any] = []
    conn.add_log_listener(lambda _, notice: notices.append(notice))
    await conn.execute("do $$ begin raise warning 'careful'; end $$")
    await conn.fetchval("select 1")
    assert [(notice.severity, notice.message) for notice in notices] == [("WARNING", "careful")]
    await conn.execute("set application_name = 'there'")
    assert conn.get_settings()["application_name"] == "there"
    assert conn.get_server_version()[0] >= 15
    assert conn.get_server_pid() == await conn.fetchval("select pg_backend_pid()")


@pytest.mark.parametrize("cache", [100, 0])
async def test_rows_without_columns(options: dict[str, Any], cache: int) -> None:
    async with await pg.connect(**options, statement_cache_size=cache) as conn:
        query = "select from generate_series(1, $1)"
        for _ in range(2):
            assert [tuple(row) for row in await conn.fetch(query, 3)] == [(), (), ()]
            assert tuple(await conn.fetchrow(query, 1)) == ()
            assert await conn.fetchrow(query, 0) is None
        async with conn.pipeline() as pipeline:
            found = [pipeline.fetch(query, n) for n in (0, 0, 2)]
        assert [len(one.result()) for one in found] == [0, 0, 2]
        assert len([row async for row in conn.stream(query, 5, rows=2)]) == 5
        async with conn.transaction():
            assert len([row async for row in conn.cursor(query, 5, prefetch=2)]) == 5


async def test_a_codec_for_text_within_arrays_composites_and_ranges(conn: pg.Connection, table: str) -> None:
    await conn.execute(f"create type {table} as enum ('a', 'b'); create type {table}_r as range (subtype = {table})")
    await conn.execute(f"create type {table}_c as (n int, e {table}, many {table}[])")
    await conn.set_type_codec(table, encoder=str.lower, decoder=str.upper)
    assert await conn.fetchval(f"select $1::{table}[]", ["B", None]) == ["B", None]
    row = await conn.fetchval(f"select $1::{table}_c", (7, "A", ["B", "A"]))
    assert tuple(row) == (7, "A", ["B", "A"])
    assert await conn.fetchval(f"select array[(1, 'b', null)::{table}_c]") == [(1, "B", None)]
    found = await conn.fetchval(f"select {table}_r('a', 'b')")
    assert (found.lower, found.upper) == ("A", "B")
    await conn.set_type_codec("json", schema="pg_catalog", encoder=lambda value: f"[{value}]", decoder=len)
    assert await conn.fetchval("select $1::json[]", [1, 23]) == [3, 4]
    await conn.execute(f"drop type {table}_c, {table}_r, {table}")
