"""The DataFusion engine behind a server: what psycopg, asyncpg, pandas, ADBC and psql get from it."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import adbc_driver_postgresql.dbapi as adbc
import asyncpg
import datafusion
import pandas as pd
import polars as pl
import psycopg
import pyarrow.parquet as pq
import pytest
import sqlalchemy

from pgwire_py.engines.datafusion import DataFusionEngine
from tests.support.frames import AWARE, CODES, FIRST, HOSTILE, MOMENT, TYPES, dsn_of, people
from tests.support.hosted import Hosted, hosted
from tests.support.postgres import find_programs
from tests.support.psql import run_psql
from tests.support.servers import running_server, serve_command
from tests.unit.engine_helpers import resident_megabytes

ENDLESS = "select count(*) from generate_series(1, 1000000) a cross join generate_series(1, 1000000) b where a.value + b.value > 3"


@pytest.fixture(scope="module")
def server() -> Iterator[Hosted]:
    with hosted(DataFusionEngine({"types": TYPES, "people": people()})) as it:
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
    cursor = connection.execute("select * from types", binary=binary, prepare=prepare)
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
    cursor = connection.execute("select 1, 1, count(*), max(id), 'x' as a, 2 as a, id::text from people group by id")
    assert cursor.description is not None
    assert [column.name for column in cursor.description] == ["?column?", "?column?", "count", "max", "a", "a", "id"]


@pytest.mark.parametrize(
    ("query", "value"),
    [
        ("select %s", HOSTILE),
        ("select %s::bigint", 2**40),
        ("select %s", True),
        ("select %s", 1.5),
        ("select %s", Decimal("-1.50")),
        ("select %s", b"\x00'"),
        ("select %s", date(2020, 2, 29)),
        ("select %s", MOMENT),
        ("select %s", AWARE),
        ("select %s", timedelta(days=3, seconds=5)),
        ("select %s", [1, None, 3]),
        ("select %s::text[]", ["a'b", None]),
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
    assert connection.execute(query, (None,)).fetchall() == []
    assert connection.execute("select id from people where id = any(%s) order by id", ([1, 3],)).fetchall() == [
        (1,),
        (3,),
    ]
    assert connection.execute("select value from generate_series(1, %s) limit %s", (9, 2)).fetchall() == [(1,), (2,)]


@pytest.mark.parametrize(
    ("query", "sqlstate", "message"),
    [
        ("selec 1", "42601", None),
        ("select * from nope", "42P01", 'relation "nope" does not exist'),
        ("insert into nope values (1)", "42P01", 'relation "nope" does not exist'),
        ("drop table nope", "42P01", 'relation "nope" does not exist'),
        ("select nope from people", "42703", 'column "nope" does not exist'),
        ("select id from people a, people b", "42702", 'column reference "id" is ambiguous'),
        ("select nope(1)", "42883", None),
        ("select 1/0", "22012", "division by zero"),
        ("select id/(id-id) from people", "22012", "division by zero"),
        ("select cast('x' as int)", "22P02", 'invalid input syntax for type integer: "x"'),
        ("select name::bigint from people where name = 'Bob'", "22P02", None),
        ("select date '2020-13-40'", "22007", None),
        ("select name + 1 > ok from types", "42804", None),
        ("select id, count(*) from people", "42803", None),
        ("select (select id from people)", "21000", None),
        ("create table people as select 1 as a", "42P07", 'relation "people" already exists'),
        ("select 'x'::uuid", "0A000", None),
        ("merge into people using types on true when matched then delete", "0A000", None),
        ("create external table x (a int) stored as csv location '/etc/passwd'", "42501", None),
        ("create or replace unbounded external table x (a int) stored as csv location '/etc/passwd'", "42501", None),
        ("copy people to '/tmp/nothing.csv'", "42501", None),
        ("explain analyze copy people to '/tmp/nothing.csv'", "0A000", None),
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


def test_an_error_has_its_place(connection: psycopg.Connection[Any]) -> None:
    with pytest.raises(psycopg.errors.SyntaxError) as caught:
        connection.execute("select id\nfrom people form x y")
    assert caught.value.diag.statement_position == "28"


def test_changes_and_transactions() -> None:
    with hosted(DataFusionEngine({"people": people()})) as it, psycopg.connect(dsn_of(it), autocommit=True) as one:
        warnings: list[str | None] = []
        one.add_notice_handler(lambda notice: warnings.append(notice.sqlstate))
        assert one.execute("create table t as select id + %s as n from people", (1,)).statusmessage == "CREATE TABLE"
        assert one.execute("insert into t values (%s), (7)", (6,)).rowcount == 2
        assert one.execute("update t set n = 8 where n > %s", (5,)).rowcount == 2
        assert one.execute("delete from t where n = 8").rowcount == 2
        with psycopg.connect(dsn_of(it), autocommit=True) as two:
            assert two.execute("select n from t order by n").fetchall() == [(2,), (3,), (4,)]
        with one.transaction():
            one.execute("insert into t values (9)")
        assert warnings == []
        one.execute("begin")
        one.execute("insert into t values (10)")
        with pytest.raises(psycopg.errors.DivisionByZero):
            one.execute("select 1/0")
        assert one.info.transaction_status == psycopg.pq.TransactionStatus.INERROR
        with pytest.raises(psycopg.errors.InFailedSqlTransaction):
            one.execute("select 1")
        assert one.execute("rollback").statusmessage == "ROLLBACK"
        assert warnings == ["25000"]
        assert one.execute("select max(n) from t").fetchone() == (10,)
        one.execute("begin read only")
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            one.execute("drop table t")
        one.execute("rollback")
        assert warnings == ["25000"]


def test_read_only() -> None:
    engine = DataFusionEngine({"people": people()}, read_only=True)
    with hosted(engine) as it, psycopg.connect(dsn_of(it), autocommit=True) as connection:
        for query in ("insert into people values (4, 'x')", "create table t as select 1 as a", "drop table people"):
            with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
                connection.execute(query)
        assert connection.execute("select count(*) from people").fetchone() == (3,)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of its own process: with it end the queries that a cancel left behind."""
    folder = tmp_path_factory.mktemp("data")
    pq.write_table(people(), folder / "people.parquet")
    with running_server(serve_command("--engine", "datafusion", folder)) as it:
        yield f"postgresql://postgres@{it.host}:{it.port}/data"


def test_a_cancel_is_answered_while_the_query_goes_on(served: str) -> None:
    with psycopg.connect(served, autocommit=True) as connection:
        canceller = threading.Timer(0.3, connection.cancel_safe)
        canceller.start()
        with pytest.raises(psycopg.errors.QueryCanceled):
            connection.execute(ENDLESS)
        canceller.join()
        assert connection.execute("select count(*) from people").fetchone() == (3,)
        connection.execute("set statement_timeout = 200")
        with pytest.raises(psycopg.errors.QueryCanceled):
            connection.execute(ENDLESS)


def test_sessions_do_not_wait_for_each_other(served: str) -> None:
    with psycopg.connect(served, autocommit=True) as one, psycopg.connect(served, autocommit=True) as two:
        ended: list[psycopg.Error] = []

        def run() -> None:
            try:
                one.execute(ENDLESS)
            except psycopg.Error as error:
                ended.append(error)

        long = threading.Thread(target=run)
        long.start()
        assert two.execute("select count(*) from people").fetchone() == (3,)
        while long.is_alive():
            one.cancel_safe()
            long.join(0.1)
        assert [error.sqlstate for error in ended] == ["57014"]


def test_a_cancel_between_rows(dsn: str) -> None:
    endless = "select a.value from generate_series(1, 1000000) a cross join generate_series(1, 1000000) b"
    with psycopg.connect(dsn, autocommit=True) as connection:
        stream = connection.cursor().stream(endless)
        assert next(stream) is not None
        connection.cancel_safe()
        with pytest.raises(psycopg.errors.QueryCanceled):
            for _ in stream:
                pass


def test_a_large_result_is_streamed(dsn: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        query = "select a.value, 'some text that takes room' from generate_series(1, 2000) a cross join generate_series(1, 1000) b"
        before = resident_megabytes()
        highest = before
        count = 0
        for count, _ in enumerate(connection.cursor().stream(query, size=10_000), 1):
            if count % 200_000 == 0:
                highest = max(highest, resident_megabytes())
        assert count == 2_000_000
        assert highest - before < 150, "the rows are some 90 MB on the wire, 60 in Arrow"


def test_asyncpg(dsn: str) -> None:
    async def work() -> None:
        connection = await asyncpg.connect(dsn)
        try:
            assert tuple(await connection.fetchrow("select * from types")) == FIRST
            prepared = await connection.prepare("select id, name from people where id > $1 and name is not null")
            assert [parameter.name for parameter in prepared.get_parameters()] == ["int8"]
            assert await prepared.fetch(1) == [(3, "Bob")]
            assert await connection.fetchval("select count(*) from people where name = $1", HOSTILE) == 0
            async with connection.transaction():
                rows = [row["id"] async for row in connection.cursor("select id from people order by id", prefetch=2)]
            assert rows == [1, 2, 3]
        finally:
            await connection.close()

    asyncio.run(work())


def test_pandas_and_sqlalchemy(dsn: str) -> None:
    engine = sqlalchemy.create_engine(dsn.replace("postgresql://", "postgresql+psycopg://"))
    try:
        frame = pd.read_sql(
            sqlalchemy.text("select id, name from people where id < :top order by id"), engine, params={"top": 3}
        )
        assert frame["id"].tolist() == [1, 2]
        inspector = sqlalchemy.inspect(engine)
        assert inspector.get_table_names() == ["people", "types"]
        assert [column["name"] for column in inspector.get_columns("types")] == TYPES.column_names
        assert pd.read_sql_table("people", engine)["name"].tolist()[0] == "Ada"
    finally:
        engine.dispose()


def test_adbc(dsn: str) -> None:
    with adbc.connect(dsn) as connection, connection.cursor() as cursor:
        cursor.execute("select id, big, f, name, ok, at from types")
        table = cursor.fetch_arrow_table()
    assert table.to_pylist()[0] == {
        name: TYPES.column(name)[0].as_py() for name in ("id", "big", "f", "name", "ok", "at")
    }


def test_psql(dsn: str) -> None:
    tables = run_psql(find_programs(), dsn, "\\dt")
    assert tables.stdout == "public|people|table|postgres\npublic|types|table|postgres\n"
    described = run_psql(find_programs(), dsn, "\\d people")
    assert "bigint" in described.stdout
    copied = run_psql(find_programs(), dsn, "copy (select id, name from people order by id) to stdout")
    assert copied.stdout == "1\tAda\n2\t\\N\n3\tBob\n"


def test_files(tmp_path: Path) -> None:
    pq.write_table(people(), tmp_path / "a[1].parquet")
    (tmp_path / "orders.csv").write_text("id,total,day\n1,2.5,2020-01-31\n")
    (tmp_path / "tabs.tsv").write_text("id\tname\n1\tx\n")
    (tmp_path / "events.ndjson").write_text('{"kind": "a", "n": 1}\n{"kind": "b", "n": null}\n')
    engine = DataFusionEngine.from_files([tmp_path])
    with hosted(engine) as it, psycopg.connect(dsn_of(it), autocommit=True) as connection:
        assert connection.execute("select count(*) from a_1").fetchone() == (3,)
        assert connection.execute("select * from orders").fetchall() == [(1, 2.5, date(2020, 1, 31))]
        assert connection.execute("select name from tabs").fetchall() == [("x",)]
        assert connection.execute("select kind, n from events order by kind").fetchall() == [("a", 1), ("b", None)]
        views = connection.execute("select relname from pg_class where relkind = 'v' and relname !~ '^pg_' order by 1")
        assert {"a_1", "events", "orders", "tabs"} <= {name for (name,) in views}
        with pytest.raises(psycopg.errors.FeatureNotSupported):
            connection.execute("insert into orders values (2, 1.0, null)")


def test_files_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "array.json").write_text('[{"a": 1}]')
    with pytest.raises(ValueError, match="a JSON array; DataFusion reads one object per line"):
        DataFusionEngine.from_files([tmp_path / "array.json"])
    with pytest.raises(ValueError, match="does not exist"):
        DataFusionEngine.from_files([tmp_path / "nothing.csv"])
    with pytest.raises(TypeError, match='table "x": neither an Arrow object nor a path, but int'):
        DataFusionEngine({"x": 5})


def test_what_a_mapping_may_hold(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    for n in (1, 2):
        pq.write_table(people(), tmp_path / "parts" / f"{n}.parquet")
    context = datafusion.SessionContext()
    engine = DataFusionEngine(
        {
            "Frame": pl.DataFrame({"Ünicode": [1]}),
            "lazy": pl.LazyFrame({"n": [2]}),
            "pandas": pd.DataFrame({"n": [3]}),
            "lists": {"n": [4]},
            "folder": tmp_path / "parts",
            "view": context.sql("select 5 as n"),
        }
    )
    with hosted(engine) as it, psycopg.connect(dsn_of(it), autocommit=True) as connection:
        assert connection.execute('select "Ünicode" from "Frame"').fetchall() == [(1,)]
        query = "select a.n, b.n, c.n, d.n from lazy a, pandas b, lists c, view d"
        assert connection.execute(query).fetchall() == [(2, 3, 4, 5)]
        assert connection.execute("select count(*) from folder").fetchone() == (6,)


def test_a_context_is_shared() -> None:
    context = datafusion.SessionContext()
    context.from_pydict({"n": [1, 2]}, "numbers")
    with hosted(DataFusionEngine(context)) as it, psycopg.connect(dsn_of(it), autocommit=True) as connection:
        assert connection.execute("select sum(n) from numbers").fetchone() == (3,)
        connection.execute("create view doubled as select n * 2 as n from numbers")
    assert context.sql("select max(n) as n from doubled").to_pydict() == {"n": [4]}


def test_a_table_that_changes_its_type_is_described_anew() -> None:
    with hosted(DataFusionEngine()) as it, psycopg.connect(dsn_of(it), autocommit=True) as connection:
        connection.execute("create table t as select 1 as a")
        assert connection.execute("select a from t", prepare=True).fetchall() == [(1,)]
        connection.execute("create or replace table t as select 'x' as a")
        with pytest.raises(psycopg.errors.FeatureNotSupported, match="cached plan must not change result type"):
            connection.execute("select a from t", prepare=True)
        assert connection.execute("select a from t", prepare=False).fetchall() == [("x",)]


def test_nothing_is_imported_before_use() -> None:
    code = (
        "import sys, pgwire_py.engines.datafusion as d\n"
        "assert not {'datafusion', 'pyarrow', 'pandas'} & set(sys.modules)\n"
        "sys.modules['datafusion'] = None\n"
        "try: d.DataFusionEngine()\n"
        "except ImportError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert done.stdout == "the DataFusion engine needs datafusion: pip install 'pgwire-py[datafusion]'\n", done.stderr
