"""fetch_arrow, stream_arrow and write_arrow against PostgreSQL and our own server, read by pyarrow, polars and DuckDB."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import psutil
import pyarrow as pa
import pytest

import pgwire_py as pg
from pgwire_py import errors
from pgwire_py.copy import ArrowCopyEncoder, CopyOptions
from pgwire_py.engines.sqlite import SqliteEngine
from tests.integration.test_arrow_decoder import DIFFERENT, SAME

TYPES = [(kind, arrow_type, literals) for kind, arrow_type, literals, *_ in (*SAME, *DIFFERENT)]
COLUMNS = ", ".join(f"c{number} {kind}" for number, (kind, *_) in enumerate(TYPES))
OWN_TYPES = """
create type pg_temp.mood as enum ('sad', 'ok');
create type pg_temp.spot as (x int4, word text);
create type pg_temp.floats as range (subtype = float8);
create domain pg_temp.positive as int4 check (value > 0)
"""
MANY = "select generate_series(1, $1::int4) as n, repeat('x', 1000) as text"
"""Rows that come while they are made; a function in FROM would make all of them first."""


def read(table: Any) -> pa.Table:
    found = pa.table(table)
    found.validate(full=True)
    return found


async def test_every_type_there_and_back(conn: pg.Connection) -> None:
    await conn.execute(f"{OWN_TYPES}; create temp table a ({COLUMNS}); create temp table b (like a)")
    for row in range(max(len(literals) for *_, literals in TYPES) + 1):
        values = [literals[row] if row < len(literals) else None for *_, literals in TYPES]
        texts = ("null" if text is None else "'" + text.replace("'", "''") + "'" for text in values)
        await conn.execute(f"insert into a values ({', '.join(texts)})")
    table = read(await conn.fetch_arrow("select * from a"))
    assert table.schema.types == [arrow_type for _, arrow_type, _ in TYPES]
    assert table.num_rows == row + 1
    assert all(table.column(number).null_count == row + 1 - len(TYPES[number][2]) for number in range(len(TYPES)))

    (money,) = [number for number, (kind, *_) in enumerate(TYPES) if kind == "money"]
    with pytest.raises(errors.DatatypeMismatch, match=f'column "c{money}" is of type numeric in Arrow, but type money'):
        await conn.write_arrow("b", table)
    names = [name for name in table.schema.names if name != f"c{money}"]
    assert await conn.write_arrow("b", table.select(names)) == row + 1
    texts = ", ".join(f"{name}::text" for name in names)
    assert await conn.fetch(f"select {texts} from b") == await conn.fetch(f"select {texts} from a")


async def test_who_reads_it(conn: pg.Connection) -> None:
    result = await conn.fetch_arrow("select n, n::text as t from generate_series(1, $1::int4) n", 1_000, max_rows=300)
    assert [batch.num_rows for batch in result.batches] == [300, 300, 300, 100]
    assert (len(result), result.num_rows, result.column_names) == (1_000, 1_000, ["n", "t"])
    for _ in range(2):  # as often as is asked
        assert read(result).to_pylist()[-1] == {"n": 1_000, "t": "1000"}
        assert pl.DataFrame(result).select(pl.col("n").sum()).item() == 500_500
        assert duckdb.sql("select sum(n), max(t) from result").fetchall() == [(500_500, "999")]
    assert pa.record_batch(result.batches[3]).num_rows == 100
    assert pa.schema(result).names == ["n", "t"]


async def test_small_results(conn: pg.Connection) -> None:
    empty = await conn.fetch_arrow("select 1 as a, 'x' as b, null::date as c where false")
    assert read(empty).schema == pa.schema([("a", pa.int32()), ("b", pa.utf8()), ("c", pa.date32())])
    assert (pl.DataFrame(empty).shape, duckdb.sql("select * from empty").fetchall()) == ((0, 3), [])
    without = await conn.fetch_arrow("select from generate_series(1, 5)")
    assert (read(without).num_rows, read(without).num_columns) == (5, 0)
    command = await conn.fetch_arrow("create temp table t (n int)")
    assert (read(command).num_rows, read(command).num_columns) == (0, 0)
    assert read(await conn.fetch_arrow("insert into t values (1), (2) returning n")).to_pydict() == {"n": [1, 2]}
    assert read(await conn.fetch_arrow("select 1 as a, 2 as a")).schema.names == ["a", "a"]
    assert read(await conn.fetch_arrow("")).num_rows == 0


async def test_types_of_the_database(conn: pg.Connection) -> None:
    await conn.execute(OWN_TYPES)
    query = (
        "select 'ok'::mood as m, '{ok,sad}'::mood[] as ms, (1, 'a')::spot as s, array[(1, 'a')::spot, null] as ss,"
        " '[1,2)'::floats as f, 5::positive as p, 'pg_class'::regclass as r, '{1,2}'::positive[] as ps"
    )
    await conn.set_type_codec("mood", schema=await conn.fetchval("select nspname from pg_namespace where oid = pg_my_temp_schema()"),
                              encoder=str, decoder=str.upper)  # fmt: skip
    assert await conn.fetchval("select 'ok'::mood") == "OK"
    for _ in range(2):
        (row,) = read(await conn.fetch_arrow(query)).to_pylist()
        spot = {"x": 1, "word": "a"}
        assert row == {
            "m": "ok", "ms": ["ok", "sad"], "s": spot, "ss": [spot, None], "f": "[1,2)", "p": 5, "r": "pg_class", "ps": [1, 2],
        } or row["ms"] == "{ok,sad}"  # fmt: skip

    await conn.execute("create temp table t (m mood, ms mood[], s spot, ss spot[], f floats, p positive, r regclass)")
    table = pa.table({
        "m": ["ok", None], "ms": [["ok", "sad"], []], "s": [spot, None], "ss": [[spot, None], None], "f": ["[1,2)", None],
        "p": [5, None], "r": ["pg_class", None],
    })  # fmt: skip
    assert await conn.write_arrow("t", table) == 2
    assert await conn.write_arrow("t", table.select(["m", "p"])) == 2
    row, *_ = await conn.fetch("select m::text, ms::text, s::text, ss::text, f::text, p, r::text from t")
    assert row == ("ok", "{ok,sad}", "(1,a)", '{"(1,a)",NULL}', "[1,2)", 5, "pg_class")
    with pytest.raises(errors.CheckViolation):
        await conn.write_arrow("t", pa.table({"p": [0]}))


async def test_prepared_statements_cursors_and_plans(conn: pg.Connection, options: dict[str, Any]) -> None:
    await conn.execute("create temp table t as select n from generate_series(1, 10) n")
    kept = await conn.prepare("select n from t where n > $1 order by n")
    own = await conn.prepare("select n from t where n > $1 order by n", name="own")
    for statement in (kept, own):
        assert read(await statement.fetch_arrow(8)).to_pydict() == {"n": [9, 10]}
        assert [batch.num_rows async for batch in statement.stream_arrow(3, max_rows=5)] == [5, 2]
    async with conn.transaction():
        cursor = await conn.cursor("select n, floor(n) from t order by n")
        assert read(await cursor.fetch_arrow(3))["n"].to_pylist() == [1, 2, 3]
        assert [row.n for row in await cursor.fetch(2)] == [4, 5]
        assert [len(await cursor.fetch_arrow(n)) for n in (4, 4, 4)] == [4, 1, 0]
    await conn.execute("alter table t alter n type text")
    assert read(await conn.fetch_arrow("select n from t limit 1")).to_pydict() == {"n": ["1"]}
    async with await pg.connect(**options, statement_cache_size=0) as pooled:
        await pooled.execute("create temp table t as select 1 as n")
        assert read(await pooled.fetch_arrow("select * from t")).to_pydict() == {"n": [1]}
        await pooled.execute("alter table t alter n type text")
        for _ in range(2):
            assert read(await pooled.fetch_arrow("select * from t")).to_pydict() == {"n": ["1"]}


async def test_streams(conn: pg.Connection) -> None:
    batches = [batch async for batch in conn.stream_arrow(MANY, 1_000, max_rows=300)]
    assert [batch.num_rows for batch in batches] == [300, 300, 300, 100]
    sizes = [batch.num_rows async for batch in conn.stream_arrow(MANY, 1_000, max_bytes=65_536)]
    assert (sum(sizes), max(sizes)) == (1_000, 65)
    (only,) = [batch async for batch in conn.stream_arrow(MANY, 0)]
    assert pa.record_batch(only).schema == pa.schema([("n", pa.int32()), ("text", pa.utf8())])
    stream = conn.stream_arrow(MANY, 1)
    assert [batch.num_rows async for batch in stream] == [1]
    with pytest.raises(pg.InterfaceError, match="once"):
        await stream.__aiter__().__anext__()
    with pytest.raises(ValueError, match="max_rows"):
        conn.stream_arrow(MANY, 1, max_rows=0)


@pytest.mark.event_loop
async def test_a_stream_that_is_left(conn: pg.Connection) -> None:
    async with conn.stream_arrow(MANY, 10_000_000, max_rows=100) as stream:
        async for batch in stream:
            assert batch.num_rows == 100
            with pytest.raises(pg.InterfaceError, match="in use"):
                await conn.fetch("select 1")
            break
    assert await conn.fetchval("select 2") == 2


async def waits_for_client(other: pg.Connection, pid: int) -> None:
    """Until the session with this process id can write no more."""
    query = "select wait_event from pg_stat_activity where pid = $1"
    while await other.fetchval(query, pid) != "ClientWrite":  # noqa: ASYNC110
        await asyncio.sleep(0.01)


@pytest.mark.event_loop
async def test_a_slow_reader_has_bounded_memory(conn: pg.Connection, options: dict[str, Any]) -> None:
    """The server waits for its client with 10 GB to go."""
    process, pid = psutil.Process(), conn.get_server_pid()
    async with await pg.connect(**options) as other:
        async with conn.stream_arrow(MANY, 10_000_000, max_bytes=1 << 20) as stream:
            before = process.memory_info().rss
            seen = 0
            async for batch in stream:
                seen += batch.num_rows
                await waits_for_client(other, pid)
                if seen > 5_000:
                    break
            assert process.memory_info().rss - before < 100 << 20
        assert await conn.fetchval("select 2") == 2


async def test_errors_in_the_middle(conn: pg.Connection) -> None:
    bad = "select 1 / (5000 - generate_series(1, 10000)), repeat('x', 1000)"
    with pytest.raises(errors.DivisionByZero):
        await conn.fetch_arrow(bad)
    batches = conn.stream_arrow(bad, max_rows=10).__aiter__()
    assert (await batches.__anext__()).num_rows == 10
    with pytest.raises(errors.DivisionByZero):
        [batch async for batch in batches]
    # A value that Arrow does not have ends nothing but the result.
    rows = "select generate_series(1, $1::int8) as n"
    huge = f"select (case n when 2000 then 'NaN'::numeric else 1 end)::numeric(8, 2), repeat('x', 1000) from ({rows}) s"
    for count in (10_000, 10**12):
        with pytest.raises(errors.NumericValueOutOfRange):
            await conn.fetch_arrow(huge, count)
        assert await conn.fetchval("select 1") == 1
    with pytest.raises(errors.FeatureNotSupported):
        await conn.fetch_arrow("select '{{1}}'::int4[]")
    with pytest.raises(errors.UndefinedTable):
        await conn.fetch_arrow("select * from nowhere")
    with pytest.raises(pg.InterfaceError, match="takes 1 argument"):
        await conn.fetch_arrow("select $1::int")
    assert await conn.fetchval("select 1") == 1


@pytest.mark.event_loop
async def test_cancelling_in_the_middle(conn: pg.Connection) -> None:
    with pytest.raises(asyncio.TimeoutError):
        await conn.fetch_arrow("select generate_series(1, 100000), pg_sleep(0.001)::text", timeout=0.2)
    assert await conn.fetchval("select 1") == 1
    for delay in (0, 0.001, 0.01, 0.05):
        task = asyncio.ensure_future(conn.fetch_arrow(MANY, 10_000_000))
        await asyncio.sleep(delay)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await conn.fetchval("select 3") == 3

    async def reads() -> None:
        async with conn.stream_arrow(MANY, 10_000_000, max_rows=100) as stream:
            async for _ in stream:
                await asyncio.sleep(0.001)

    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(reads(), 0.3)
    assert await conn.fetchval("select 4") == 4


async def test_writing(conn: pg.Connection) -> None:
    await conn.execute(
        "create temp table t (id int4, name text, at timestamptz, n numeric(6, 2), d date, u uuid default null)"
    )
    table = pa.table({"id": [1, 2, None], "name": ["Ada", None, "ü"]})
    assert await conn.write_arrow("t", table) == 3
    assert await conn.write_arrow("t", pl.DataFrame({"name": ["Grace"], "id": [4]})) == 1
    assert await conn.write_arrow("t", duckdb.sql("select 5 as a, 'Kay' as b"), columns=["id", "name"]) == 1
    assert await conn.write_arrow("t", pa.record_batch({"d": ["2024-02-29"], "n": [1.25]})) == 1
    assert await conn.write_arrow("t", table.slice(0, 0)) == 0
    assert await conn.write_arrow("t", await conn.fetch_arrow("select id + 10 as id from t where id < 3")) == 2
    schema = await conn.fetchval("select nspname from pg_namespace where oid = pg_my_temp_schema()")
    assert await conn.write_arrow("t", pa.table({"id": [6]}), schema_name=schema) == 1
    found = await conn.fetch("select id, name, n::text, d::text from t order by id")
    assert found == [
        (1, "Ada", None, None), (2, None, None, None), (4, "Grace", None, None), (5, "Kay", None, None), (6, None, None, None),
        (11, None, None, None), (12, None, None, None), (None, "ü", None, None), (None, None, "1.25", "2024-02-29"),
    ]  # fmt: skip
    await conn.execute("alter table t alter id type text")
    assert await conn.write_arrow("t", pa.table({"id": ["seven"]})) == 1


async def test_what_cannot_be_written(conn: pg.Connection) -> None:
    await conn.execute("create temp table t (id int4, d date)")
    refused: list[tuple[Any, Any, str]] = [
        (
            pa.table({"d": [1]}),
            errors.DatatypeMismatch,
            'column "d" is of type int8 in Arrow, but type date is asked for',
        ),
        (pa.table({"nope": [1]}), errors.UndefinedColumn, "nope"),
        (pa.table({"id": [2**40]}), errors.NumericValueOutOfRange, "out of range"),
        (pa.table({"id": ["x"]}), errors.InvalidTextRepresentation, "invalid input syntax for type integer"),
        (pa.table({}), pg.InterfaceError, "no columns"),
        (object(), errors.DatatypeMismatch, "__arrow_c_stream__"),
    ]
    for source, kind, text in refused:
        with pytest.raises(kind, match=text):
            await conn.write_arrow("t", source)
    with pytest.raises(pg.InterfaceError, match="2 columns, 1 names"):
        await conn.write_arrow("t", pa.table({"a": [1], "b": [2]}), columns=["id"])
    with pytest.raises(errors.UndefinedTable):
        await conn.write_arrow("nowhere", pa.table({"id": [1]}))

    def fails() -> Any:
        yield pa.record_batch({"id": pa.array([1] * 200_000, pa.int32())})
        raise OSError("the source broke")

    broken = pa.RecordBatchReader.from_batches(pa.schema([("id", pa.int32())]), fails())
    with pytest.raises(errors.InternalError, match="the source broke"):
        await conn.write_arrow("t", broken)
    assert await conn.fetchval("select count(*) from t") == 0


async def test_arrow_into_copy(conn: pg.Connection) -> None:
    await conn.execute("create temp table t (id int4, name text)")
    table = pa.table({"id": pa.array([1, 2], pa.int32()), "name": ["a\tb", None]})
    for way in ("", "(format csv)", "with csv", "(format binary)", "(format 'text', freeze false)"):
        assert await conn.copy_in(f"copy t from stdin {way}", table) == 2, way
    with pytest.raises(pg.InterfaceError, match="delimiter"):
        await conn.copy_in("copy t from stdin (delimiter ',')", table)
    ready = ArrowCopyEncoder(table, CopyOptions(delimiter=","))
    assert await conn.copy_in("copy t from stdin (delimiter ',')", ready) == 2
    found = await conn.fetch("select id, name, count(*) from t group by 1, 2 order by 1")
    assert found == [(1, "a\tb", 6), (2, None, 6)]


async def test_a_pool(options: dict[str, Any], table: str) -> None:
    async with pg.create_pool(**options, max_size=2) as pool:
        await pool.execute(f"create table {table} (n int8)")
        assert await pool.write_arrow(table, pa.table({"n": [1, 2]})) == 2
        assert read(await pool.fetch_arrow(f"select sum(n)::int8 as s from {table} where n > $1", 0)).to_pydict() == {
            "s": [3]
        }
        await pool.execute(f"drop table {table}")


async def test_our_own_server(tmp_path: Path) -> None:
    engine = SqliteEngine(tmp_path / "things.sqlite")
    async with (
        pg.Server(engine, port=0) as server,
        await pg.connect(host="127.0.0.1", port=server.port, user="me") as conn,
    ):
        await conn.execute("create table t (id integer, name text, x real)")
        table = pa.table(
            {
                "id": list(range(5_000)),
                "name": ["ü" * (n % 50) for n in range(5_000)],
                "x": [n / 7 for n in range(5_000)],
            }
        )
        assert await conn.write_arrow("t", table) == 5_000
        found = read(await conn.fetch_arrow("select * from t order by id"))
        assert found.cast(table.schema) == table
        assert sum([batch.num_rows async for batch in conn.stream_arrow("select * from t", max_rows=300)]) == 5_000
        with pytest.raises(errors.PostgresError):
            await conn.fetch_arrow("select * from nowhere")
