"""The polars engine behind a server: what psycopg, asyncpg, pandas, ADBC and psql get from it."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import adbc_driver_postgresql.dbapi as adbc
import asyncpg
import pandas as pd
import polars as pl
import psycopg
import pyarrow.parquet as pq
import pytest
import sqlalchemy

from pgwire_py.engines.polars import PolarsEngine
from tests.support.frames import AWARE, CODES, FIRST, HOSTILE, MOMENT, TYPES, dsn_of, people
from tests.support.hosted import DEADLINE, Hosted, hosted
from tests.support.postgres import find_programs
from tests.support.psql import run_psql
from tests.support.servers import running_server, serve_command
from tests.unit.engine_helpers import resident_megabytes

LONG = "select count(*) as n from big a cross join big b where a.n * b.n % 7 = 3"


@pytest.fixture(scope="module")
def server() -> Iterator[Hosted]:
    with hosted(PolarsEngine({"types": pl.DataFrame(TYPES), "people": people()})) as it:
        yield it


@pytest.fixture
def dsn(server: Hosted) -> str:
    return dsn_of(server)


@pytest.fixture
def connection(dsn: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(dsn, autocommit=True) as made:
        yield made


@pytest.mark.parametrize("binary", [False, True])
@pytest.mark.parametrize("prepare", [False, True])
def test_types(connection: psycopg.Connection[Any], binary: bool, prepare: bool) -> None:
    cursor = connection.execute("select * from public.types", binary=binary, prepare=prepare)
    assert cursor.description is not None
    assert [column.name for column in cursor.description] == TYPES.column_names
    assert [column.type_code for column in cursor.description] == CODES
    assert cursor.description[6].precision == 10
    assert cursor.fetchall() == [FIRST, (None,) * len(FIRST)]


def test_an_empty_result_has_columns(connection: psycopg.Connection[Any]) -> None:
    cursor = connection.execute("select * from types where false")
    assert cursor.description is not None
    assert [column.type_code for column in cursor.description] == CODES
    assert (cursor.fetchall(), cursor.statusmessage) == ([], "SELECT 0")


def test_columns_are_called_as_by_postgres(connection: psycopg.Connection[Any]) -> None:
    cursor = connection.execute("select 1, 'y', count(*), max(id), 'x' as a from people")
    assert cursor.description is not None
    assert [column.name for column in cursor.description] == ["?column?", "?column?", "count", "max", "a"]
    cursor = connection.execute("select id, id from people order by id limit 1")
    assert cursor.description is not None
    assert ([column.name for column in cursor.description], cursor.fetchall()) == (["id", "id"], [(1, 1)])


@pytest.mark.parametrize(
    ("query", "value"),
    [
        ("select %s", HOSTILE),
        ("select %s::bigint", 2**40),
        ("select %s::bigint", -5),
        ("select %s", True),
        ("select %s", -1.5),
        ("select %s", Decimal("-1.50")),
        ("select %s", b"\x00'"),
        ("select %s", date(2020, 2, 29)),
        ("select %s", MOMENT),
        ("select %s", AWARE),
        ("select %s", timedelta(days=3, seconds=5)),
        ("select %s", [1, None, 3]),
        ("select %s::text[]", ["a'b", None]),
        ("select %s::text", None),
    ],
)
@pytest.mark.parametrize("binary", [False, True])
def test_parameters_come_back(connection: psycopg.Connection[Any], query: str, value: object, binary: bool) -> None:
    cursor = connection.cursor(binary=binary)
    assert cursor.execute(query, (value,)).fetchone() == (value,)


def test_parameters_select_and_are_no_sql(connection: psycopg.Connection[Any]) -> None:
    query = "select id from people where name = %s"
    assert connection.execute(query, ("Ada",)).fetchall() == [(1,)]
    assert connection.execute(query, (HOSTILE,)).fetchall() == []
    assert connection.execute("select id from people where id > %s order by id limit %s", (1, 1)).fetchall() == [(2,)]


@pytest.mark.parametrize(
    ("query", "sqlstate", "message"),
    [
        ("selec 1", "42601", None),
        ("select * from nope", "42P01", 'relation "nope" does not exist'),
        ("drop table nope", "42P01", 'relation "nope" does not exist'),
        ("select nope from people", "42703", 'column "nope" does not exist'),
        ("select people.nope from people", "42703", 'column "nope" does not exist'),
        ("select nope(1)", "42883", None),
        ("select cast('x' as int)", "22P02", 'invalid input syntax for type integer: "x"'),
        ("select cast(name as bigint) from people where name = 'Bob'", "22P02", None),
        ("select date '2020-13-40'", "22007", None),
        ("select id + name from people", "42804", None),
        ("select id, count(*) from people", "42803", None),
        ("insert into people values (4, 'x')", "0A000", None),
        ("update people set id = 1", "0A000", None),
        ("delete from people", "0A000", None),
        ("create view v as select 1", "0A000", None),
        ("select * from read_csv('/etc/passwd')", "42501", None),
        ("select * from /**/ \"READ_Parquet\" ('/etc/passwd')", "42501", None),
        ("select * from '/etc/passwd'", "42P01", None),
    ],
)
@pytest.mark.parametrize("prepare", [False, True])
def test_errors(
    connection: psycopg.Connection[Any], query: str, sqlstate: str, message: str | None, prepare: bool
) -> None:
    with pytest.raises(psycopg.Error) as caught:
        connection.execute(query, prepare=prepare).fetchall()
    assert caught.value.sqlstate == sqlstate, caught.value
    assert message is None or caught.value.diag.message_primary == message
    assert connection.execute("select 1").fetchone() == (1,)


def test_changes_and_transactions() -> None:
    with hosted(PolarsEngine({"people": people()})) as it, psycopg.connect(dsn_of(it), autocommit=True) as one:
        warnings: list[str | None] = []
        one.add_notice_handler(lambda notice: warnings.append(notice.sqlstate))
        created = one.execute("create table t as select id + %s as n from people", (1,))
        assert created.statusmessage == "CREATE TABLE"
        with psycopg.connect(dsn_of(it), autocommit=True) as two:
            assert two.execute("select n from t order by n").fetchall() == [(2,), (3,), (4,)]
        one.execute("begin")
        one.execute("truncate t")
        with pytest.raises(psycopg.errors.UndefinedTable):
            one.execute("select * from nope")
        assert one.info.transaction_status == psycopg.pq.TransactionStatus.INERROR
        with pytest.raises(psycopg.errors.InFailedSqlTransaction):
            one.execute("select 1")
        one.execute("rollback")
        assert warnings == ["25000"]
        assert one.execute("select count(*) from t").fetchone() == (0,)
        with one.transaction():
            one.execute("drop table t")
        assert warnings == ["25000"]
        with pytest.raises(psycopg.errors.UndefinedTable):
            one.execute("select * from t")


def test_read_only() -> None:
    engine = PolarsEngine({"people": people()}, read_only=True)
    with hosted(engine) as it, psycopg.connect(dsn_of(it), autocommit=True) as connection:
        for query in ("create table t as select 1 as a", "drop table people", "truncate people"):
            with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
                connection.execute(query)
        assert connection.execute("select count(*) from people").fetchone() == (3,)


def test_a_cancel_is_answered(tmp_path: Path) -> None:
    pl.DataFrame({"n": range(200_000)}).write_parquet(tmp_path / "big.parquet")
    with running_server(serve_command("--engine", "polars", tmp_path)) as it:
        dsn = f"postgresql://postgres@{it.host}:{it.port}/data"
        with psycopg.connect(dsn, autocommit=True) as one, psycopg.connect(dsn, autocommit=True) as two:
            canceller = threading.Timer(0.3, one.cancel_safe)
            canceller.start()
            with pytest.raises(psycopg.errors.QueryCanceled):
                one.execute(LONG)
            canceller.join()
            assert one.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
            assert two.info.transaction_status == psycopg.pq.TransactionStatus.IDLE


def test_a_copy_that_was_cancelled_stores_nothing_later() -> None:
    reached, release, waits = threading.Event(), threading.Event(), True

    def slowly(frame: pl.DataFrame) -> pl.DataFrame:
        if waits:
            reached.set()
            assert release.wait(DEADLINE)
        return frame

    engine = PolarsEngine({"slow": pl.LazyFrame({"n": [1]}).map_batches(slowly, schema={"n": pl.Int64})})
    with hosted(engine) as it, psycopg.connect(dsn_of(it), autocommit=True) as connection:

        def cancel() -> None:
            if reached.wait(DEADLINE):
                connection.cancel_safe()

        canceller = threading.Thread(target=cancel)
        canceller.start()
        with pytest.raises(psycopg.errors.QueryCanceled), connection.cursor().copy("copy slow from stdin") as copy:
            copy.write("2\n")
        canceller.join()
        waits = False
        release.set()
        deadline = time.monotonic() + DEADLINE
        while engine.left_behind.count:
            assert time.monotonic() < deadline, "what was cancelled does not end"
            time.sleep(0.01)
        assert connection.execute("select n from slow").fetchall() == [(1,)]
        with connection.cursor().copy("copy slow from stdin") as copy:
            copy.write("3\n")
        assert connection.execute("select n from slow").fetchall() == [(1,), (3,)]


def test_sessions_at_a_time(dsn: str) -> None:
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            with psycopg.connect(dsn, autocommit=True) as connection:
                for n in range(20):
                    row = connection.execute("select %s::int, name from people where id = %s", (n, number)).fetchone()
                    assert row == (n, {1: "Ada", 3: "Bob"}[number])
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in (1, 3, 1, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_a_large_result_is_streamed() -> None:
    numbers = pl.DataFrame({"n": range(2000)})
    with (
        hosted(PolarsEngine({"a": numbers, "b": numbers.head(1000)})) as it,
        psycopg.connect(dsn_of(it), autocommit=True) as connection,
    ):
        query = "select a.n, 'some text that takes room' as t from a cross join b"
        before = highest = resident_megabytes()
        count = 0
        for count, _ in enumerate(connection.cursor().stream(query, size=10_000), 1):
            if count % 200_000 == 0:
                highest = max(highest, resident_megabytes())
        assert count == 2_000_000
        assert highest - before < 200, "the rows are some 90 MB on the wire"


def test_asyncpg(dsn: str) -> None:
    async def work() -> None:
        connection = await asyncpg.connect(dsn)
        try:
            assert tuple(await connection.fetchrow("select * from types")) == FIRST
            prepared = await connection.prepare("select id, name from people where id > $1 and name is not null")
            assert [parameter.name for parameter in prepared.get_parameters()] == ["int8"]
            assert await prepared.fetch(1) == [(3, "Bob")]
            assert await prepared.fetch(0) == [(1, "Ada"), (3, "Bob")]
            assert await connection.fetchval("select count(*) from people where name = $1", HOSTILE) == 0
            with pytest.raises(asyncpg.CharacterNotInRepertoireError):
                await connection.fetchval("select count(*) from people where name = $1", "a\0b")
        finally:
            await connection.close()

    asyncio.run(work())


def test_pandas_and_sqlalchemy(dsn: str) -> None:
    engine = sqlalchemy.create_engine(dsn.replace("postgresql://", "postgresql+psycopg://"))
    try:
        query = sqlalchemy.text("select id, name from people where id < :top order by id")
        frame = pd.read_sql(query, engine, params={"top": 3})
        assert frame["id"].tolist() == [1, 2]
        inspector = sqlalchemy.inspect(engine)
        assert inspector.get_table_names() == ["people", "types"]
        assert [column["name"] for column in inspector.get_columns("types")] == TYPES.column_names
        assert pd.read_sql_table("people", engine, schema="public")["name"].tolist()[0] == "Ada"
    finally:
        engine.dispose()


def test_adbc(dsn: str) -> None:
    names = ("id", "big", "f", "name", "ok", "at")
    with adbc.connect(dsn) as connection, connection.cursor() as cursor:
        cursor.execute("select id, big, f, name, ok, at from types")
        table = cursor.fetch_arrow_table()
    assert table.to_pylist()[0] == {name: TYPES.column(name)[0].as_py() for name in names}


def test_psql(dsn: str) -> None:
    tables = run_psql(find_programs(), dsn, "\\dt")
    assert tables.stdout == "public|people|table|postgres\npublic|types|table|postgres\n"
    assert "bigint" in run_psql(find_programs(), dsn, "\\d people").stdout
    copied = run_psql(find_programs(), dsn, "copy (select id, name from people order by id) to stdout")
    assert copied.stdout == "1\tAda\n2\t\\N\n3\tBob\n"


def test_files(tmp_path: Path) -> None:
    pq.write_table(people(), tmp_path / "a[1].parquet")
    (tmp_path / "orders.csv").write_text("id,total,day\n1,2.5,2020-01-31\n")
    (tmp_path / "tabs.tsv").write_text("id\tname\n1\tx\n")
    (tmp_path / "events.ndjson").write_text('{"kind": "a", "n": 1}\n{"kind": "b", "n": null}\n')
    (tmp_path / "array.json").write_text('[{"a": 1}, {"a": 2}]')
    engine = PolarsEngine.from_files([tmp_path])
    with hosted(engine) as it, psycopg.connect(dsn_of(it), autocommit=True) as connection:
        assert connection.execute("select count(*) from a_1").fetchone() == (3,)
        assert connection.execute("select * from orders").fetchall() == [(1, 2.5, date(2020, 1, 31))]
        assert connection.execute("select name from tabs").fetchall() == [("x",)]
        assert connection.execute("select kind, n from events order by kind").fetchall() == [("a", 1), ("b", None)]
        assert connection.execute("select sum(a) from array").fetchall() == [(3,)]


def test_what_a_mapping_may_hold(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    for n in (1, 2):
        pq.write_table(people(), tmp_path / "parts" / f"{n}.parquet")
    engine = PolarsEngine(
        {
            "Frame": pl.DataFrame({"Ünicode": [1]}),
            "lazy": pl.LazyFrame({"n": [2]}),
            "pandas": pd.DataFrame({"n": [3]}),
            "lists": {"n": [4]},
            "wide": pl.DataFrame({"n": [2**100]}, schema={"n": pl.Int128}),
            "folder": tmp_path / "parts",
        }
    )
    with hosted(engine) as it, psycopg.connect(dsn_of(it), autocommit=True) as connection:
        assert connection.execute('select "Ünicode" from "Frame"').fetchall() == [(1,)]
        assert connection.execute("select a.n, b.n from lazy a cross join pandas b").fetchall() == [(2, 3)]
        assert connection.execute("select n from wide").fetchall() == [(2**100,)]
        assert connection.execute("select count(*) from folder").fetchone() == (6,)
    with pytest.raises(TypeError, match='table "x": neither a frame nor an Arrow object nor a path, but int'):
        PolarsEngine({"x": 5})


def test_a_context_is_shared() -> None:
    context = pl.SQLContext({"numbers": pl.DataFrame({"n": [1, 2]})})
    with hosted(PolarsEngine(context)) as it, psycopg.connect(dsn_of(it), autocommit=True) as connection:
        assert connection.execute("select sum(n) from numbers").fetchone() == (3,)
        connection.execute("create table doubled as select n * 2 as n from numbers")
    assert context.execute("select max(n) as n from doubled", eager=True).rows() == [(4,)]


def test_nothing_is_imported_before_use() -> None:
    code = (
        "import sys, pgwire_py.engines.polars as p\n"
        "assert not {'polars', 'pyarrow', 'pandas'} & set(sys.modules)\n"
        "sys.modules['polars'] = None\n"
        "try: p.PolarsEngine()\n"
        "except ImportError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert done.stdout == "the polars engine needs polars: pip install 'pgwire-py[polars]'\n", done.stderr
