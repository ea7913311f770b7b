"""COPY FROM STDIN into the engines without transactions: psql, psycopg and asyncpg, what is refused, and that nothing is stored in part."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import datafusion
import polars as pl
import psycopg
import pyarrow as pa
import pyarrow.dataset as ds
import pytest

from pgwire_py.engines.datafusion import DataFusionEngine
from pgwire_py.engines.gluesql import GlueSQLEngine
from pgwire_py.engines.polars import PolarsEngine
from pgwire_py.errors import PostgresError
from tests.support.frames import FIRST, TYPES, dsn_of, people
from tests.support.hosted import DEADLINE, Hosted, hosted
from tests.support.postgres import find_programs
from tests.support.psql import run_psql

GLUESQL = ["gluesql"] if sys.version_info[:2] in ((3, 11), (3, 12)) else []
"""gluesql has wheels for Python 3.11 and 3.12 alone."""
FRAMES = ["datafusion", "polars"]


def gluesql(*statements: str, **options: Any) -> GlueSQLEngine:
    engine = GlueSQLEngine(**options)
    for statement in statements:
        engine.query(statement)
    return engine


def with_people(kind: str, **options: Any) -> Any:
    """An engine with a table people of three rows."""
    if kind == "gluesql":
        create = "create table people (id integer, name text null)"
        return gluesql(create, "insert into people values (1, 'Ada'), (2, null), (3, 'Bob')", **options)
    return (DataFusionEngine if kind == "datafusion" else PolarsEngine)({"people": people()}, **options)


@pytest.fixture(params=FRAMES + GLUESQL)
def kind(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


@pytest.fixture
def server(kind: str) -> Iterator[Hosted]:
    with hosted(with_people(kind)) as it:
        yield it


@pytest.fixture
def connection(server: Hosted) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(dsn_of(server), autocommit=True) as made:
        yield made


def copy_in(connection: psycopg.Connection[Any], sql: str, data: str | bytes) -> str | None:
    cursor = connection.cursor()
    with cursor.copy(sql) as copy:
        copy.write(data)
    return cursor.statusmessage


def copy_out(connection: psycopg.Connection[Any], sql: str) -> bytes:
    with connection.cursor().copy(sql) as copy:
        return b"".join(copy)


def rows(connection: psycopg.Connection[Any]) -> list[tuple[Any, ...]]:
    return sorted(connection.execute("select id, name from people").fetchall(), key=lambda row: (row[0], str(row[1])))


THREE = [(1, "Ada"), (2, None), (3, "Bob")]


@pytest.mark.parametrize(
    ("options", "data"),
    [
        ("", "4\tEve\n5\t\\N\n"),
        ("(format csv, header)", "id,name\n4,Eve\n5,\n"),
        ("csv delimiter ';' null 'N'", "4;Eve\n5;N\n"),
    ],
)
def test_psql(server: Hosted, connection: psycopg.Connection[Any], options: str, data: str) -> None:
    result = run_psql(find_programs(), dsn_of(server), f"\\copy people from pstdin {options}", stdin=data)
    assert (result.stdout, result.stderr) == ("COPY 2\n", "")
    assert rows(connection) == [*THREE, (4, "Eve"), (5, None)]


def test_binary(connection: psycopg.Connection[Any]) -> None:
    cursor = connection.cursor()
    with cursor.copy("copy public.people (name, id) from stdin (format binary)") as copy:
        copy.set_types(["text", "int8"])
        for n in range(10, 3_010):
            copy.write_row((f"it's {n}", n))
    assert cursor.statusmessage == "COPY 3000"
    assert rows(connection)[3:] == [(n, f"it's {n}") for n in range(10, 3_010)]


def test_asyncpg(server: Hosted, connection: psycopg.Connection[Any]) -> None:
    async def work() -> None:
        made = await asyncpg.connect(dsn_of(server))
        try:
            status = await made.copy_records_to_table("people", records=[(7, "x"), (8, None)], columns=["id", "name"])
            assert status == "COPY 2"
        finally:
            await made.close()

    asyncio.run(work())
    assert rows(connection)[3:] == [(7, "x"), (8, None)]


def test_columns_that_are_not_copied_are_null(connection: psycopg.Connection[Any]) -> None:
    assert copy_in(connection, "copy people (id) from stdin", "4\n5\n") == "COPY 2"
    assert copy_in(connection, "copy people from stdin", "") == "COPY 0"
    assert rows(connection)[3:] == [(4, None), (5, None)]


@pytest.mark.parametrize(
    ("copy", "data", "sqlstate", "message", "context"),
    [
        ("people", "4\tEve\nfive\tBob\n", "22P02", 'invalid input syntax for type bigint: "five"',
         'COPY people, line 2, column id: "five"'),
        ("people", "4\tEve\n5\n", "22P04", 'missing data for column "name"', 'COPY people, line 2: "5"'),
        ("missing", "", "42P01", 'relation "missing" does not exist', None),
        ("people (nope)", "", "42703", 'column "nope" of relation "people" does not exist', None),
        ("people (id, id)", "", "42701", 'column "id" specified more than once', None),
        ("a.b.people", "", "0A000", "cross-database references are not implemented: a.b.people", None),
    ],
)  # fmt: skip
def test_what_is_wrong_stores_nothing(
    connection: psycopg.Connection[Any], copy: str, data: str, sqlstate: str, message: str, context: str | None
) -> None:
    with pytest.raises(psycopg.Error) as caught:
        copy_in(connection, f"copy {copy} from stdin", data)
    found = caught.value.diag
    assert (found.sqlstate, found.message_primary, found.context) == (sqlstate, message, context)
    assert rows(connection) == THREE


def test_a_client_that_gives_up(connection: psycopg.Connection[Any]) -> None:
    def work() -> None:
        with connection.cursor().copy("copy people from stdin") as copy:
            copy.write("4\tEve\n" * 20_000)
            raise ZeroDivisionError  # psycopg sends CopyFail

    with pytest.raises(ZeroDivisionError):
        work()
    assert rows(connection) == THREE


def test_transactions(connection: psycopg.Connection[Any]) -> None:
    """What a COPY has stored stays, and whoever rolls back is told."""
    notices: list[str | None] = []
    connection.add_notice_handler(lambda notice: notices.append(notice.sqlstate))
    connection.execute("begin")
    assert copy_in(connection, "copy people from stdin", "4\tEve\n") == "COPY 1"
    connection.execute("rollback")
    assert notices == ["25000"]
    connection.execute("begin")
    with pytest.raises(psycopg.Error, match="missing data"):
        copy_in(connection, "copy people from stdin", "5\n")
    assert connection.info.transaction_status == psycopg.pq.TransactionStatus.INERROR
    connection.execute("rollback")
    assert notices == ["25000"]
    connection.execute("begin read only")
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        copy_in(connection, "copy people from stdin", "6\tAnn\n")
    connection.execute("rollback")
    assert rows(connection) == [*THREE, (4, "Eve")]


def test_read_only(kind: str) -> None:
    reason = "cannot execute COPY FROM in a read-only transaction"
    engine = with_people(kind, read_only=True)
    with hosted(engine) as it, psycopg.connect(dsn_of(it), autocommit=True) as connection:
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction, match=reason):
            copy_in(connection, "copy people (id) from stdin", "4\n")
        assert rows(connection) == THREE


LIMIT = 1 << 20


def test_memory_of_what_is_gathered_is_bounded(kind: str) -> None:
    with (
        hosted(with_people(kind, max_copy=LIMIT)) as it,
        psycopg.connect(dsn_of(it), autocommit=True) as connection,
    ):
        large = "".join(f"{n}\t{100 * 'x'}\n" for n in range(20_000))
        for data in (large, large.encode()[: LIMIT + LIMIT // 2]):
            with pytest.raises(psycopg.errors.ProgramLimitExceeded) as caught:
                copy_in(connection, "copy people from stdin", data)
            assert caught.value.diag.message_primary == (
                "the rows of a COPY into this engine take more than 1048576 bytes of memory"
            )
            assert (caught.value.diag.context or "").startswith("COPY people, line ")
            assert rows(connection) == THREE
        assert copy_in(connection, "copy people from stdin", "".join(f"{n}\tx\n" for n in range(2_000))) == "COPY 2000"
        assert len(rows(connection)) == 2_003


def test_every_piece_of_a_copy_takes_memory(kind: str) -> None:
    """However little is in it."""
    engine = with_people(kind, max_copy=LIMIT)
    sink = engine.connect(None).copy_in(("people",), None)

    def write() -> None:
        for n in range(LIMIT // 40):
            sink.write([(n, "x")])

    with pytest.raises(PostgresError) as caught:
        write()
    assert caught.value.sqlstate == "54000"
    sink.abort()


def test_several_at_a_time(server: Hosted, connection: psycopg.Connection[Any]) -> None:
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            with psycopg.connect(dsn_of(server), autocommit=True) as own:
                for turn in range(5):
                    copy_in(own, "copy people from stdin", f"{number}\tturn {turn}\n" * 20)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(10, 14)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE)
    assert failures == []
    assert [row[0] for row in rows(connection)[3:]] == [number for number in range(10, 14) for _ in range(100)]


# Frames


@contextmanager
def frames(kind: str, tables: dict[str, Any]) -> Iterator[psycopg.Connection[Any]]:
    make: Callable[[Any], Any] = DataFusionEngine if kind == "datafusion" else PolarsEngine
    with hosted(make(tables)) as it, psycopg.connect(dsn_of(it), autocommit=True) as connection:
        yield connection


@pytest.mark.parametrize("kind", FRAMES)
@pytest.mark.parametrize("style", ["text", "csv", "binary"])
def test_every_type(kind: str, style: str) -> None:
    with frames(kind, {"types": TYPES, "copied": TYPES.slice(0, 0)}) as connection:
        data = copy_out(connection, f"copy types to stdout (format {style})")
        assert copy_in(connection, f"copy copied from stdin (format {style})", data) == "COPY 2"
        assert connection.execute("select * from copied").fetchall() == [FIRST, (None,) * len(FIRST)]


@pytest.mark.parametrize("kind", FRAMES)
def test_values_by_the_sessions_settings(kind: str) -> None:
    """They come as rows then, not as Arrow."""
    with frames(kind, {"copied": TYPES.select(["day", "at", "zoned"]).slice(0, 0)}) as connection:
        connection.execute("set datestyle = 'German, DMY'")
        connection.execute("set timezone = 'Europe/Berlin'")
        copy_in(connection, "copy copied from stdin", "31.12.2020\t31.12.2020 10:00:00\t31.12.2020 10:00:00\n")
        connection.execute("reset all")
        shown = connection.execute("select day::text, at::text, zoned = timestamptz '2020-12-31 09:00:00Z' from copied")
        assert [str(value)[:10] for value in shown.fetchall()[0]] == ["2020-12-31", "2020-12-31", "True"]


@pytest.mark.parametrize("kind", FRAMES)
@pytest.mark.parametrize("datestyle", ["ISO", "German"])
def test_a_value_that_does_not_fit_is_told_with_its_line(kind: str, datestyle: str) -> None:
    """Whether the rows come as Arrow or, with a setting that matters to their types, as Python values."""
    schema = pa.schema([("n", pa.int8()), ("day", pa.date32())])
    with frames(kind, {"small": schema.empty_table()}) as connection:
        connection.execute(f"set datestyle = {datestyle}")
        data = "".join(f"{n % 100}\t\\N\n" for n in range(2_000)) + "128\t\\N\n" + "1\t\\N\n" * 50
        with pytest.raises(psycopg.errors.NumericValueOutOfRange) as caught:
            copy_in(connection, "copy small from stdin", data)
        assert caught.value.diag.context == "COPY small, line 2001"
        assert connection.execute("select count(*) from small").fetchone() == (0,)


@pytest.mark.parametrize("kind", FRAMES)
def test_what_is_read_from_files_takes_no_rows(kind: str, tmp_path: Path) -> None:
    (tmp_path / "orders.csv").write_text("id,total\n1,2.5\n")
    make: Any = DataFusionEngine if kind == "datafusion" else PolarsEngine
    for engine in (make.from_files([tmp_path]), make({"orders": tmp_path / "orders.csv"})):
        with hosted(engine) as it, psycopg.connect(dsn_of(it), autocommit=True) as connection:
            with pytest.raises(psycopg.Error) as caught:
                copy_in(connection, "copy orders from stdin", "2\t3.5\n")
            assert (caught.value.sqlstate, caught.value.diag.message_primary) == (
                ("42809", 'cannot copy to view "orders"')
                if kind == "datafusion"
                else ("0A000", 'cannot insert into foreign table "orders"')
            )
            assert connection.execute("select count(*) from orders").fetchone() == (1,)
    assert (tmp_path / "orders.csv").read_text() == "id,total\n1,2.5\n"


def test_datafusion_keeps_constraints_and_defaults() -> None:
    context = datafusion.SessionContext()
    context.sql("create table t (n int not null, word text default 'dd')").collect()
    with hosted(DataFusionEngine(context)) as it, psycopg.connect(dsn_of(it), autocommit=True) as connection:
        assert copy_in(connection, "copy t (n) from stdin", "1\n") == "COPY 1"
        with pytest.raises(psycopg.errors.NotNullViolation) as caught:
            copy_in(connection, "copy t from stdin", "2\tx\n3\ty\n\\N\tz\n")
        assert (
            caught.value.diag.message_primary == 'null value in column "n" of relation "t" violates not-null constraint'
        )
        assert caught.value.diag.context == "COPY t, line 3"
        with pytest.raises(psycopg.errors.BadCopyFileFormat, match="unexpected default marker"):
            copy_in(connection, "copy t from stdin (default 'D')", "2\tD\n")
        assert connection.execute("select n, word from t").fetchall() == [(1, "dd")]
        context.register_dataset("d", ds.dataset(people()))
        with pytest.raises(psycopg.errors.FeatureNotSupported, match='cannot insert into foreign table "d"'):
            copy_in(connection, "copy d from stdin", "2\tx\n")


def test_polars_tables_that_change() -> None:
    """A COPY adds to the table that is there when it ends; types that it cannot read are refused before a row is sent."""
    tables = {
        "Odd": {"a": [1], "A": ["x"]},
        "n": {"n": [1]},
        "lasting": pl.DataFrame({"d": [1]}).select(pl.col("d").cast(pl.Duration)),
    }
    with frames("polars", tables) as connection:
        assert copy_in(connection, 'copy "Odd" ("A") from stdin', "y\n") == "COPY 1"
        assert connection.execute('select a, "A" from "Odd"').fetchall() == [(1, "x"), (None, "y")]
        connection.execute("create table twice as select n * 2 as n from n")
        copy_in(connection, "copy n from stdin", "5\n")
        assert copy_in(connection, "copy twice from stdin", "7\n") == "COPY 1"
        assert connection.execute("select n from twice").fetchall() == [(2,), (7,)]
        connection.execute("truncate twice")
        copy_in(connection, "copy twice from stdin", "8\n")
        assert connection.execute("select n from twice").fetchall() == [(8,)]
        for _ in range(300):
            copy_in(connection, "copy n from stdin", "1\n")
        assert connection.execute("select count(*) from n").fetchone() == (302,)
        with pytest.raises(psycopg.errors.FeatureNotSupported, match='COPY into column "d" of type Duration'):
            copy_in(connection, "copy lasting from stdin", "1 day\n")


# GlueSQL


@pytest.mark.skipif(not GLUESQL, reason="gluesql has wheels for Python 3.11 and 3.12 alone")
def test_gluesql(tmp_path: Path) -> None:
    columns = (
        "id integer primary key, small int8 null, f float null, price decimal null, ok boolean null, day date null, "
    )
    columns += "at timestamp null, u uuid null, raw bytea null, more map null, tags list null"
    engine = gluesql(f"create table t ({columns})", f"create table copied ({columns})", "create table loose")
    with hosted(engine) as it, psycopg.connect(dsn_of(it), autocommit=True) as connection:
        values = (
            "1",
            "-5",
            "1.5",
            "12.25",
            "t",
            "2020-02-29",
            "2020-02-29 12:30:15.123456",
            str(UUID(int=5)),
            "\\\\x00ff",
        )
        line = "\t".join((*values, '{"a": {"b": 2}}', '["x", 1]')) + "\n"
        assert copy_in(connection, "copy t from stdin", line) == "COPY 1"
        assert copy_in(connection, "copy t (id) from stdin", "2\n") == "COPY 1"
        for style in ("text", "binary"):
            data = copy_out(connection, f"copy t to stdout (format {style})")
            assert copy_in(connection, f"copy copied from stdin (format {style})", data) == "COPY 2"
            written = connection.execute("select * from t order by id").fetchall()
            assert connection.execute("select * from copied order by id").fetchall() == written
            connection.execute("delete from copied")
        with pytest.raises(psycopg.errors.UniqueViolation) as caught:
            copy_in(connection, "copy t (id) from stdin", "3\n4\n1\n")
        assert caught.value.diag.context == "COPY t"
        with pytest.raises(psycopg.errors.NumericValueOutOfRange) as caught_too:
            copy_in(connection, "copy t (id, f) from stdin", "5\t1\n6\tinf\n")
        assert caught_too.value.diag.context == "COPY t, line 2"
        assert connection.execute("select count(*) from t").fetchone() == (2,)
        with pytest.raises(psycopg.errors.FeatureNotSupported, match='cannot copy to table "loose" without columns'):
            copy_in(connection, "copy loose from stdin", "1\n")
