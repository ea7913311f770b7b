"""The GlueSQL engine behind a server: what psycopg, asyncpg, pandas, ADBC and psql get from it."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import adbc_driver_postgresql.dbapi as adbc
import asyncpg
import pandas as pd
import psycopg
import pytest
import sqlalchemy

from pgwire_py.engines.gluesql import GlueSQLEngine
from tests.support.frames import HOSTILE, dsn_of
from tests.support.hosted import Hosted, hosted
from tests.support.postgres import find_programs
from tests.support.psql import run_psql

if sys.version_info[:2] not in ((3, 11), (3, 12)):
    pytest.skip("gluesql has wheels for Python 3.11 and 3.12 alone", allow_module_level=True)

import gluesql

TABLE = (
    "create table types (id integer primary key, small int8 null, name text null, f float null, price decimal null, ok boolean null, "
    "day date null, at timestamp null, clock time null, u uuid null, raw bytea null, tags list null, more map null)"
)
VALUES = (
    1,
    -5,
    "it's ü",
    1.5,
    Decimal("12.25"),
    True,
    date(2020, 2, 29),
    datetime(2020, 2, 29, 12, 30, 15, 123456),
    time(1, 2, 3),
    UUID(int=5),
    b"\x00\xff",
    None,
    None,
)
CODES = [20, 21, 25, 701, 1700, 16, 1082, 1114, 1083, 2950, 17, 114, 114]


def fill(engine: GlueSQLEngine) -> None:
    engine.query("create table people (id integer primary key, name text null)")
    engine.query("insert into people values (1, 'Ada'), (2, null), (3, 'Bob')")


@pytest.fixture(scope="module")
def server() -> Iterator[Hosted]:
    engine = GlueSQLEngine()
    fill(engine)
    engine.query(TABLE)
    with hosted(engine) as it:
        with psycopg.connect(dsn_of(it), autocommit=True) as connection:
            query = f"insert into types values ({', '.join(['%s'] * len(VALUES))})"
            assert connection.execute(query, VALUES).rowcount == 1
            assert connection.execute(query, (2,) + (None,) * (len(VALUES) - 1)).rowcount == 1
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
    cursor = connection.execute("select * from public.types order by id", binary=binary, prepare=prepare)
    assert cursor.description is not None
    assert [column.type_code for column in cursor.description] == CODES
    assert [column.name for column in cursor.description][:3] == ["id", "small", "name"]
    assert cursor.fetchall() == [VALUES, (2,) + (None,) * (len(VALUES) - 1)]


def test_lists_and_maps_are_json(connection: psycopg.Connection[Any]) -> None:
    connection.execute("create table j (id integer, l list, m map)")
    connection.execute("""insert into j values (1, '[1, "x"]', '{"a": {"b": 2}}')""")
    assert connection.execute("select l, m from j").fetchall() == [([1, "x"], {"a": {"b": 2}})]
    connection.execute("drop table j")


def test_an_empty_result_has_columns(connection: psycopg.Connection[Any]) -> None:
    cursor = connection.execute("select * from types where id = 99", prepare=True)
    assert cursor.description is not None
    assert [column.type_code for column in cursor.description] == CODES
    assert (cursor.fetchall(), cursor.statusmessage) == ([], "SELECT 0")


def test_columns_keep_their_order_and_names(connection: psycopg.Connection[Any]) -> None:
    query = "select name, id, id, 1, 'x' as a, id as \"Z\", count(*) from people where id = 1 group by name, id"
    cursor = connection.execute(query)
    assert cursor.description is not None
    assert [column.name for column in cursor.description] == ["name", "id", "id", "?column?", "a", "Z", "count"]
    assert cursor.fetchall() == [("Ada", 1, 1, 1, "x", 1, 1)]
    joined = connection.execute("select a.id, b.name from people a join people b on a.id = b.id order by a.id limit 1")
    assert joined.fetchall() == [(1, "Ada")]


@pytest.mark.parametrize(
    ("query", "value"),
    [
        ("select %s", HOSTILE),
        ("select %s", 2**40),
        ("select %s", -5),
        ("select %s", True),
        ("select %s", -1.5),
        ("select %s", Decimal("1.5")),
        ("select %s", date(2020, 2, 29)),
        ("select %s", datetime(2020, 2, 29, 1, 2, 3)),
        ("select %s", UUID(int=7)),
        ("select %s", b"\x00'"),
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
    assert connection.execute("select id from types where day = %s and u = %s", (VALUES[6], VALUES[9])).fetchall() == [
        (1,)
    ]


@pytest.mark.parametrize(
    ("query", "sqlstate", "message"),
    [
        ("selec 1", "42601", None),
        ("select * from nope", "42P01", 'relation "nope" does not exist'),
        ("insert into nope values (1)", "42P01", 'relation "nope" does not exist'),
        ("drop table nope", "42P01", 'relation "nope" does not exist'),
        ("create table people (a integer)", "42P07", 'relation "people" already exists'),
        ("select nope from people", "42703", 'column "nope" does not exist'),
        ("select nope(1)", "42883", None),
        ("select 1/0", "22012", "division by zero"),
        ("select cast('x' as integer)", "22P02", 'invalid input syntax for type integer: "x"'),
        ("insert into people values (1, 'again')", "23505", None),
        ("insert into people values (null, 'x')", "23502", None),
        ("insert into people values ('x', 'x')", "22P02", None),
        ("explain select 1", "0A000", None),
        ("select id from people union all select 1", "0A000", None),
        ("select * from people a join people b on a.id = b.id", "0A000", None),
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
    engine = GlueSQLEngine()
    fill(engine)
    with hosted(engine) as it, psycopg.connect(dsn_of(it), autocommit=True) as one:
        warnings: list[str | None] = []
        one.add_notice_handler(lambda notice: warnings.append(notice.sqlstate))
        assert one.execute("update people set name = %s where id > %s", ("x", 1)).rowcount == 2
        with psycopg.connect(dsn_of(it), autocommit=True) as two:
            assert two.execute("select id from people where name = 'x' order by id").fetchall() == [(2,), (3,)]
        with one.transaction():
            assert one.execute("delete from people where id = 3").rowcount == 1
        assert warnings == []
        one.execute("begin")
        one.execute("insert into people values (4, 'd')")
        with pytest.raises(psycopg.errors.DivisionByZero):
            one.execute("select 1/0")
        assert one.info.transaction_status == psycopg.pq.TransactionStatus.INERROR
        with pytest.raises(psycopg.errors.InFailedSqlTransaction):
            one.execute("select 1")
        one.execute("rollback")
        assert warnings == ["25000"]
        assert one.execute("select count(*) from people").fetchone() == (3,)


def test_read_only() -> None:
    engine = GlueSQLEngine(read_only=True)
    fill(engine)
    with hosted(engine) as it, psycopg.connect(dsn_of(it), autocommit=True) as connection:
        for query in ("insert into people values (4, 'x')", "create table t (a integer)", "drop table people"):
            with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
                connection.execute(query)
        assert connection.execute("select count(*) from people").fetchone() == (3,)


def test_sessions_at_a_time(dsn: str) -> None:
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            with psycopg.connect(dsn, autocommit=True) as connection:
                for n in range(20):
                    row = connection.execute("select %s, name from people where id = %s", (n, number)).fetchone()
                    assert row == (n, {1: "Ada", 3: "Bob"}[number])
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in (1, 3, 1, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_a_storage_of_json_files(tmp_path: Path) -> None:
    (tmp_path / "loose.jsonl").write_text('{"id": 1, "n": "x"}\n{"id": 2}\n')
    storage = gluesql.JsonStorage(str(tmp_path))
    with hosted(GlueSQLEngine(storage)) as it, psycopg.connect(dsn_of(it), autocommit=True) as connection:
        cursor = connection.execute("select * from loose")
        assert cursor.description is not None
        assert [(column.name, column.type_code) for column in cursor.description] == [("id", 20), ("n", 25)]
        assert cursor.fetchall() == [(1, "x"), (2, None)]
        assert connection.execute("select id from loose where n = %s", ("x",)).fetchall() == [
            ("1",)
        ]  # no type is known
        assert connection.execute("select id from loose where n = 'x'").fetchall() == [(1,)]
        connection.execute("create table kept (a integer)")
        connection.execute("insert into kept values (7)")
    assert '"a":7' in (tmp_path / "kept.jsonl").read_text().replace(" ", "")


def test_asyncpg(dsn: str) -> None:
    async def work() -> None:
        connection = await asyncpg.connect(dsn)
        try:
            row = await connection.fetchrow(
                "select id, small, name, f, price, ok, day, at, clock, u, raw from types where id = 1"
            )
            assert tuple(row) == VALUES[:11]
            prepared = await connection.prepare("select id, name from people where id > $1 order by id")
            assert [parameter.name for parameter in prepared.get_parameters()] == ["int8"]
            assert await prepared.fetch(1) == [(2, None), (3, "Bob")]
            assert await connection.fetch("select id from people where name = $1", HOSTILE) == []
            with pytest.raises(asyncpg.CharacterNotInRepertoireError):
                await connection.fetchval("select count(*) from people where name = $1", "a\0b")
        finally:
            await connection.close()

    asyncio.run(work())


def test_pandas_and_sqlalchemy(dsn: str) -> None:
    engine = sqlalchemy.create_engine(dsn.replace("postgresql://", "postgresql+psycopg://"))
    try:
        query = sqlalchemy.text("select id, name from people where id < :top order by id")
        assert pd.read_sql(query, engine, params={"top": 3})["id"].tolist() == [1, 2]
        assert {"people", "types"} <= set(sqlalchemy.inspect(engine).get_table_names())
    finally:
        engine.dispose()


def test_adbc(dsn: str) -> None:
    with adbc.connect(dsn) as connection, connection.cursor() as cursor:
        cursor.execute("select id, f, name, ok, at from types order by id")
        table = cursor.fetch_arrow_table()
    assert list(table.to_pylist()[0].values()) == [VALUES[0], VALUES[3], VALUES[2], VALUES[5], VALUES[7]]


def test_psql(dsn: str) -> None:
    assert "public|people|table|postgres\n" in run_psql(find_programs(), dsn, "\\dt").stdout
    assert "bigint" in run_psql(find_programs(), dsn, "\\d people").stdout
    copied = run_psql(find_programs(), dsn, "copy (select id, name from people order by id) to stdout")
    assert copied.stdout == "1\tAda\n2\t\\N\n3\tBob\n"


def test_nothing_is_imported_before_use() -> None:
    code = (
        "import sys, pgwire_py.engines.gluesql as g\n"
        "assert not {'gluesql', 'pyarrow', 'pandas'} & set(sys.modules)\n"
        "sys.modules['gluesql'] = None\n"
        "try: g.GlueSQLEngine()\n"
        "except ImportError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert done.stdout == "the GlueSQL engine needs gluesql: pip install 'pgwire-py[gluesql]'\n", done.stderr


OUTSIDE = ['"../secret"', "'../secret'", 'public."../secret"', 'x."../secret"', "x.'../secret'", "E'../secret'"]
REACHING_OUT = [
    "select * from {}",
    "select * from /* ' */ {} -- '",
    "select * from people join {} on true",
    "select (select a from {})",
    "insert into {} values ('{{\"a\": 2}}')",
    "insert {} values (1)",
    "update {} set a = 3",
    "delete from {}",
    "show columns from {}",
    "create table {} (a int)",
    "create table if not exists {} as select 1 as a",
    "create table copied as select * from {}",
    "drop table {}",
    "drop table if exists {}",
    "alter table {} rename to mine",
    "alter table people rename to {}",
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "served"
    made.mkdir()
    (made / "people.json").write_text('[{"id": 1, "km/h": 5}]')
    (tmp_path / "secret.json").write_text('[{"a": 1}]')
    return made


@pytest.mark.parametrize("name", [*OUTSIDE, '"{folder}/made"'])
def test_a_tables_name_leads_to_no_file_outside_of_the_folder(folder: Path, name: str) -> None:
    name = name.replace("{folder}", str(folder.parent))
    for source in (GlueSQLEngine.from_folder(folder), GlueSQLEngine(gluesql.Glue(gluesql.JsonStorage(str(folder))))):
        with hosted(source) as it, psycopg.connect(dsn_of(it), autocommit=True) as connection:
            for statement in REACHING_OUT:
                with pytest.raises(psycopg.Error):
                    connection.execute(statement.format(name))  # type: ignore[arg-type]
            with pytest.raises(psycopg.Error), connection.cursor().copy(f"copy {name} from stdin") as copy:  # type: ignore[arg-type]
                copy.write("1\n")
    assert sorted(path.name for path in folder.parent.rglob("*")) == ["people.json", "secret.json", "served"]
    assert (folder.parent / "secret.json").read_text() == '[{"a": 1}]'


def test_slashes_in_values_and_in_names_of_columns(folder: Path) -> None:
    with (
        hosted(GlueSQLEngine.from_folder(folder)) as it,
        psycopg.connect(dsn_of(it), autocommit=True) as connection,
    ):
        assert connection.execute('select "km/h", people."km/h" as "m/s" from people').fetchone() == (5, 5)
        connection.execute("create table paths (p text default 'a/b')")
        connection.execute("insert into paths values ('c/d'), ('e''/f'), (%s)", ("g/h",))
        with connection.cursor().copy("copy paths from stdin") as copy:
            copy.write("i/j\n")
        found = connection.execute("select p || '/' as q /* a/b */ from paths where p like '%/%' and p <> 'c/d'")
        assert sorted(found.fetchall()) == [("e'/f/",), ("g/h/",), ("i/j/",)]
        assert connection.execute("select 6 / 2 as three").fetchone() == (3,)
