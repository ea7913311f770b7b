"""The DuckDB engine on real databases."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow
import pytest

from pgwire_py import oids
from pgwire_py.engines.arrow_stream import ArrowRelay
from pgwire_py.engines.base import EngineSession
from pgwire_py.engines.duckdb import DuckDBEngine
from pgwire_py.errors import PostgresError, QueryCanceled
from tests.unit.engine_helpers import describe, error_of, resident_megabytes, rows, run, statement

if sys.version_info < (3, 11):
    with pytest.raises(ImportError, match=r"needs duckdb 2\.0 \(Python 3\.11 or later\)"):
        DuckDBEngine()
    pytest.skip("duckdb 2.0 needs Python 3.11", allow_module_level=True)


@pytest.fixture
def engine() -> Iterator[DuckDBEngine]:
    engine = DuckDBEngine()
    yield engine
    engine.close()


@pytest.fixture
def session(engine: DuckDBEngine) -> Iterator[EngineSession]:
    session = engine.connect(None)  # type: ignore[arg-type]
    run(
        session,
        "create table t (id serial primary key, a int, b varchar(10) not null, n numeric(10,2), j jsonb, u uuid, "
        "ts timestamptz, arr int[], d date, f boolean, x bytea, w double precision, c text check (length(c) < 4))",
    )
    run(session, "create table child (t_id int references t(id), tag text unique)")
    yield session
    session.close()


MOMENT = dt.datetime(2020, 1, 2, 3, 4, 5, 6, tzinfo=dt.timezone(dt.timedelta(hours=2)))
VALUES = (
    7,
    "x",
    Decimal("1.50"),
    '{"a": 1}',
    uuid.UUID(int=5),
    MOMENT,
    [1, 2, None],
    dt.date(2020, 1, 2),
    True,
    b"\x00q",
    0.5,
)
INSERT = "insert into public.t (a,b,n,j,u,ts,arr,d,f,x,w) values ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11)"


def test_values_of_every_type_come_back(session: EngineSession) -> None:
    parameters, columns = describe(session, INSERT)
    assert parameters == [
        "int4",
        "text",
        "numeric",
        "json",
        "uuid",
        "timestamptz",
        "_int4",
        "date",
        "bool",
        "bytea",
        "float8",
    ]
    assert columns == []
    assert run(session, INSERT, *VALUES).affected == 1
    expected = (1, *VALUES, None)
    assert rows(run(session, "select * from t where id = $1", 1)) == [expected]
    described = session.describe(statement("select n, b from t"), ()).columns
    assert described is not None
    assert [column.type_modifier for column in described] == [((10 << 16) | 2) + 4, -1]


ARROW_OF = {
    "bool": "bool",
    "int2": "int8 int16 uint8",
    "int4": "int32 uint16",
    "int8": "int64 uint32",
    "float4": "float",
    "float8": "double",
    "numeric": "decimal128 uint64",
    "text": "string",
    "bytea": "binary",
    "date": "date32",
    "time": "time64",
    "timestamp": "timestamp",
    "timestamptz": "timestamp",
    "interval": "month_day_nano_interval",
    "uuid": "extension<arrow.uuid>",
    "json": "extension<arrow.json>",
}


@pytest.mark.parametrize(
    ("expression", "kind"),
    [
        ("true", "bool"),
        ("1::tinyint", "int2"),
        ("1::utinyint", "int2"),
        ("1::usmallint", "int4"),
        ("1::uinteger", "int8"),
        ("1::ubigint", "numeric"),
        ("sum(1)", "numeric"),
        ("1::uhugeint", "numeric"),
        ("1.5::float", "float4"),
        ("1.5", "numeric"),
        ("'x'", "text"),
        ("null", "text"),
        ("'101'::bit", "text"),
        ("'10:00:00+02'::timetz", "text"),
        ("'a'::enum('a', 'b')", "text"),
        ("'x'::blob", "bytea"),
        ("time '10:00'", "time"),
        ("'2020-01-01'::timestamp_ns", "timestamp"),
        ("'2020-01-01'::timestamp_s", "timestamp"),
        ("now()", "timestamptz"),
        ("interval '1 month'", "interval"),
        ("uuid()", "uuid"),
        ("'{}'::json", "json"),
        ("{'a': 1, 'h': 1::hugeint}", "json"),
        ("map {'a': 1}", "json"),
        ("[[1]]", "json"),
        ("[{'a': 1}]", "json"),
        ("union_value(n := 1)", "json"),
    ],
)
def test_arrow_columns_agree_with_the_description(session: EngineSession, expression: str, kind: str) -> None:
    text = f"select {expression} as x"
    assert describe(session, text)[1] == [("x", kind)]
    result = run(session, text)
    schema = pyarrow.RecordBatchReader.from_stream(result.arrow).schema
    assert str(schema.field(0).type).partition("[")[0].partition("(")[0] in ARROW_OF[kind].split()
    result.close()


def test_booleans(session: EngineSession) -> None:
    text = (
        "select range % 3 = 0 as a, [range % 2 = 0, null, true] as b, nullif(range % 5 < 2, true) as c "
        "from range(20011)"
    )
    expected = [(n % 3 == 0, [n % 2 == 0, None, True], None if n % 5 < 2 else False) for n in range(20011)]
    assert describe(session, text)[1] == [("a", "bool"), ("b", "_bool"), ("c", "bool")]
    assert rows(run(session, text)) == expected
    assert rows(run(session, "select true as a where false")) == []
    result = run(session, text)
    session.describe(statement("select 1"), ())  # reads the rest into memory
    assert rows(result) == expected


@pytest.mark.parametrize(
    ("expression", "kind", "element"),
    [
        ("[1, 2]", "_int4", "int32"),
        ("array[1, 2]::int[2]", "_int4", "int32"),
        ("[1::hugeint]", "_numeric", "decimal128(38, 0)"),
        ("['a'::enum('a', 'b')]", "_text", "string"),
        ("[uuid()]", "_uuid", "extension<arrow.uuid>"),
        ("['1'::json]", "_json", "extension<arrow.json>"),
    ],
)
def test_lists_are_arrays(session: EngineSession, expression: str, kind: str, element: str) -> None:
    assert describe(session, f"select {expression} as x")[1] == [("x", kind)]
    result = run(session, f"select {expression} as x")
    field = pyarrow.RecordBatchReader.from_stream(result.arrow).schema.field(0).type
    assert pyarrow.types.is_list(field)
    assert str(field.value_type) == element
    result.close()


@pytest.mark.parametrize(
    ("text", "parameters", "columns"),
    [
        ("select $1, $2::int, b from t where id = any($3) limit $4", "text int4 _int4 int8", "text int4 text"),
        ("select a + $1, $2 || b from t", "int4 text", "int4 text"),
        ("select $1::numeric + n from t where d between $2 and $3", "numeric date date", "numeric"),
        ("insert into t (a, b) select $1, $2", "int4 text", ""),
        ("insert into t (a, b) values ($1, $2) returning id, d", "int4 text", "int4 date"),
        ("update t set d = $1 where u = $2", "date uuid", ""),
        ("delete from t where ts < $1", "timestamptz", ""),
        ("select count(*), sum(a), avg(a) from t", "", "int8 numeric float8"),
        ("explain select 1", "", "text text"),
        ("show tables", "", "text"),
        ("create table x (a int)", "", ""),
    ],
)
def test_describe(session: EngineSession, text: str, parameters: str, columns: str) -> None:
    found, described = describe(session, text)
    assert " ".join(found) == parameters
    assert " ".join(kind for _, kind in described) == columns


def test_describing_runs_nothing(session: EngineSession) -> None:
    describe(session, "insert into t (b) values ('x') returning id")
    describe(session, "drop table child")
    assert rows(run(session, "select count(*) from t")) == [(0,)]
    assert rows(run(session, "select count(*) from child")) == [(0,)]


def test_declared_parameter_types_come_back_unchanged(session: EngineSession) -> None:
    assert describe(session, "select $1, 1 from t where id = $2", [oids.INT8, 0])[0] == ["int8", "int4"]
    found = statement("select $1 as x")
    description = session.describe(found, [oids.INT8])
    assert description.columns is not None
    assert description.columns[0].type == oids.INT8
    result = session.execute(found, (5,), description)
    assert str(pyarrow.RecordBatchReader.from_stream(result.arrow).schema.field(0).type) == "int64"
    result.close()


def test_division_follows_postgresql(session: EngineSession) -> None:
    assert rows(run(session, "select 7 / 2, -7 / 2, 7 / 2.0")) == [(3, -3, 3.5)]
    for text in ("select 1 / 0", "select 1 % 0", "select 1.0 / 0", "select 1 / a from (values (0)) v (a)"):
        assert error_of(session, text).sqlstate == "22012"


@pytest.mark.parametrize(
    ("text", "sqlstate", "message", "position"),
    [
        ("selec 1", "42601", 'syntax error at or near "selec"', "1"),
        ("select *\nfrom nope", "42P01", 'relation "nope" does not exist', "15"),
        ("select nope from t", "42703", 'column "nope" does not exist', "8"),
        ("select zz.a from t", "42P01", 'missing FROM-clause entry for table "zz"', "8"),
        ("insert into t (zz) values (1)", "42703", 'column "zz" of relation "t" does not exist', "16"),
        ("select foo(1)", "42883", None, "8"),
        ("select lower(1, 2)", "42883", None, None),
        ("create table t (a int)", "42P07", 'relation "t" already exists', None),
        ("select a, count(*) from t", "42803", None, "8"),
        ("select id from t, t t2", "42702", 'column reference "id" is ambiguous', "8"),
        ("select 1::foo", "42704", 'type "foo" does not exist', "11"),
        ("insert into t (id, b) values (1, 'x')", "23505", None, None),
        (
            "insert into t (id, a) values (2, 1)",
            "23502",
            'null value in column "b" of relation "t" violates not-null constraint',
            None,
        ),
        ("insert into child (t_id) values (99)", "23503", None, None),
        (
            "insert into t (id, b, c) values (2, 'a', '12345')",
            "23514",
            'new row for relation "t" violates check constraint',
            None,
        ),
        ("select 'a'::int", "22P02", None, "11"),
        ("select 'x'::uuid", "22P02", None, "11"),
        ("select '2020-13-01'::date", "22008", 'date/time field value out of range: "2020-13-01"', "20"),
        ("select 'x'::timestamp", "22007", None, "11"),
        ("select 300::tinyint", "22003", None, "11"),
        ("select 2147483647 + 1::int", "22003", None, None),
        ("select (select 1 union select 2)", "21000", None, None),
        ("select * from read_csv('/etc/passwd')", "42501", None, None),
        ("attach '/tmp/other.duckdb' as other", "42501", None, None),
        ("savepoint x", "42601", None, "1"),
    ],
)
def test_errors(session: EngineSession, text: str, sqlstate: str, message: str | None, position: str | None) -> None:
    run(session, "insert into t (id, b) values (1, 'first')")
    error = error_of(session, text)
    assert error.sqlstate == sqlstate
    assert message is None or error.message == message
    assert error.position == position
    assert rows(run(session, "select 1")) == [(1,)]


def test_an_error_in_mid_stream_keeps_its_code(session: EngineSession) -> None:
    error = error_of(session, "select case when range = 900000 then 1 / (range - range) else 0 end from range(1000000)")
    assert error.sqlstate == "22012"
    assert rows(run(session, "select 1")) == [(1,)]


def test_transactions(engine: DuckDBEngine, session: EngineSession) -> None:
    other = engine.connect(None)  # type: ignore[arg-type]
    session.begin()
    run(session, "insert into t (b) values ('one')")
    assert rows(run(other, "select b from t")) == []
    session.commit()
    assert rows(run(other, "select b from t")) == [("one",)]
    session.begin()
    assert error_of(session, "insert into t (id, b) values (1, 'x')").sqlstate == "23505"
    assert error_of(session, "select 1 as again").sqlstate == "25P02"
    session.rollback()
    session.begin(read_only=True)
    assert error_of(session, "update t set b = 'q'").sqlstate == "25006"
    session.rollback()
    session.begin()
    other.begin()
    run(session, "update t set b = 'p' where id = 1")
    assert error_of(other, "update t set b = 'q' where id = 1").sqlstate == "40001"
    session.commit()
    other.rollback()
    assert rows(run(other, "select b from t")) == [("p",)]
    other.close()


def test_plans_follow_the_catalogue(engine: DuckDBEngine, session: EngineSession) -> None:
    other = engine.connect(None)  # type: ignore[arg-type]
    found = statement("select * from child")
    description = session.describe(found, ())
    assert session.describe(found, ()) is description
    run(other, "alter table child add column more date")
    assert [kind for _, kind in describe(session, "select * from child")[1]] == ["int4", "text", "date"]
    with pytest.raises(PostgresError, match="cached plan must not change result type"):
        session.execute(found, (), description)
    run(session, "create table made as select 1 as a")
    assert len(describe(session, "select * from made")[1]) == 1
    run(session, "create or replace table made as select 1 as a, 2 as b")
    assert len(describe(session, "select * from made")[1]) == 2
    session.begin()
    run(session, "create table gone (a int)")
    run(session, "select * from gone").close()
    session.rollback()
    assert error_of(session, "select * from gone").sqlstate == "42P01"
    other.close()


def test_counts_and_returning(session: EngineSession) -> None:
    assert run(session, "insert into t (a, b) select range, 'r' from range(5)").affected == 5
    result = run(session, "update t set a = a + 1 where a > $1 returning a, {'k': a} as s", 2)
    assert (rows(result), result.affected) == ([(4, '{"k": 4}'), (5, '{"k": 5}')], 2)
    assert run(session, "delete from t where a < 3").affected == 3
    assert run(session, "create table y as select 1 as q").affected is not None
    assert rows(run(session, "select a from t where id = any($1)", [4])) == [(4,)]


def test_another_statement_while_a_result_is_open(session: EngineSession) -> None:
    result = run(session, "select range as n from range(50000)")
    reader = pyarrow.RecordBatchReader.from_stream(result.arrow)
    first = reader.read_next_batch().num_rows
    assert rows(run(session, "select 42")) == [(42,)]
    run(session, "insert into t (b) values ('x')")
    assert first < 50_000
    assert first + sum(batch.num_rows for batch in reader) == 50_000


def test_a_closed_result_frees_the_connection(session: EngineSession) -> None:
    result = run(session, "select range as n from range(100000000)")
    reader = pyarrow.RecordBatchReader.from_stream(result.arrow)
    reader.read_next_batch()
    result.close()
    result.close()
    assert rows(run(session, "select 42")) == [(42,)]
    with pytest.raises((OSError, pyarrow.ArrowException), match="closed"):
        reader.read_next_batch()
    untouched = run(session, "select range as n from range(100000000)")
    untouched.close()
    assert rows(run(session, "select 43")) == [(43,)]


def test_a_stream_is_taken_once(session: EngineSession) -> None:
    result = run(session, "select 1")
    assert isinstance(result.arrow, ArrowRelay)
    capsule = result.arrow.__arrow_c_stream__()
    with pytest.raises(RuntimeError, match="taken"):
        result.arrow.__arrow_c_stream__()
    del capsule
    assert result.arrow.ended


def test_streaming_in_constant_memory(session: EngineSession) -> None:
    run(session, "select range as n from range(1000000)").close()
    before, count, most = resident_megabytes(), 0, 0.0
    result = run(session, "select range as n, 'text ' || range as s, repeat('x', 100) as x from range(5000000)")
    for batch in pyarrow.RecordBatchReader.from_stream(result.arrow):
        count += batch.num_rows
        most = max(most, resident_megabytes())
    assert count == 5_000_000
    assert most - before < 50


def read_away(session: EngineSession, text: str) -> None:
    """Run a statement and drop its rows batch by batch."""
    result = run(session, text)
    assert result.arrow is not None
    reader = pyarrow.RecordBatchReader.from_stream(result.arrow)
    try:
        for _ in reader:
            pass
    except (OSError, pyarrow.ArrowException) as error:
        raise result.explain(PostgresError(str(error))) from error


@pytest.mark.parametrize(
    "text", ["select count(*) from range(100000000000) r, range(1000) q", "select * from range(100000000000) r"]
)
def test_cancel_from_another_thread(session: EngineSession, text: str) -> None:
    timer = threading.Timer(0.3, session.cancel)
    timer.start()
    with pytest.raises(QueryCanceled, match="canceling statement due to user request"):
        read_away(session, text)
    timer.join()
    session.cancel()
    assert rows(run(session, "select 1")) == [(1,)]


def test_relations(session: EngineSession) -> None:
    run(session, "create view v as select id, d from t")
    run(session, "create schema other")
    run(session, "create table other.x (a int)")
    found = {relation.name: relation for relation in session.relations()}
    assert {(r.schema, r.name, r.kind) for r in found.values()} == {
        ("public", "t", "r"),
        ("public", "child", "r"),
        ("public", "v", "v"),
        ("other", "x", "r"),
    }
    assert found["t"].columns[0][:3] == ("id", oids.INT4, True)
    assert found["t"].columns[0].primary_key
    assert session.relations() is session.relations()


def test_files_become_views(tmp_path: Path) -> None:
    folder = tmp_path / "it's a [folder]*"
    folder.mkdir()
    (folder / "2020 Sales-Q1.csv").write_text("a,b\n1,x\n2,y\n")
    (folder / "events.ndjson").write_text('{"k": 1}\n{"k": 2}\n')
    (folder / "list.json").write_text('[{"k": 1}]')
    (folder / "notes.txt").write_text("not served")
    duckdb.connect().execute(f"copy (select 42 as n) to '{tmp_path}/one.parquet'")
    engine = DuckDBEngine.from_files([folder, tmp_path / "one.parquet"])
    session = engine.connect(None)  # type: ignore[arg-type]
    assert rows(run(session, "select sum(a)::int from t_2020_sales_q1")) == [(3,)]
    assert rows(run(session, "select k::int from events")) == [(1,), (2,)]
    assert rows(run(session, "select k::int from list")) == [(1,)]
    assert rows(run(session, "select * from one")) == [(42,)]
    assert {relation.name for relation in session.relations()} == {"t_2020_sales_q1", "events", "list", "one"}
    assert error_of(session, f"copy (select 1) to '{tmp_path}/one.parquet'").sqlstate == "42501"
    (tmp_path / "secret.csv").write_text("a\n1\n")
    assert error_of(session, f"select * from read_csv('{tmp_path}/secret.csv')").sqlstate == "42501"
    session.close()
    engine.close()


def test_files_that_cannot_be_served(tmp_path: Path) -> None:
    (tmp_path / "a b.csv").write_text("x\n1\n")
    (tmp_path / "a-b.csv").write_text("x\n1\n")
    (tmp_path / "other.txt").write_text("x")
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "bad.parquet").write_text("no parquet")
    (tmp_path / "empty").mkdir()
    for paths, message in (
        ([tmp_path], 'would both be the view "a_b"'),
        ([tmp_path / "other.txt"], "not one of"),
        ([tmp_path / "missing"], "does not exist"),
        ([tmp_path / "empty"], "no Parquet, CSV or JSON file"),
    ):
        with pytest.raises(ValueError, match=message):
            DuckDBEngine.from_files(paths)
    with pytest.raises(PostgresError, match=r"bad\.parquet"):
        DuckDBEngine.from_files([tmp_path / "bad"])


def test_a_file_read_only_and_locked(tmp_path: Path) -> None:
    path = tmp_path / "x.duckdb"
    duckdb.connect(str(path)).execute("create table t as select 1 as a").close()
    engine = DuckDBEngine(path, read_only=True)
    session = engine.connect(None)  # type: ignore[arg-type]
    assert rows(run(session, "select a from t")) == [(1,)]
    assert error_of(session, "insert into t values (2)").sqlstate == "25006"
    assert error_of(session, "copy t to 'x.csv'").sqlstate in ("25006", "42501")
    session.close()
    engine.close()
    code = f"import duckdb; c = duckdb.connect({str(path)!r}); print('held', flush=True); input()"
    holder = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(PostgresError, match="is in use by another process") as caught:
            DuckDBEngine(path)
        assert caught.value.sqlstate == "55P03"
    finally:
        holder.communicate(b"\n")


def test_an_existing_connection_is_used_and_left_open() -> None:
    connection = duckdb.connect()
    connection.execute("create table mine as select 1 as a")
    engine = DuckDBEngine(connection)
    session = engine.connect(None)  # type: ignore[arg-type]
    assert rows(run(session, "select a from mine")) == [(1,)]
    session.close()
    engine.close()
    assert connection.execute("select a from mine").fetchall() == [(1,)]


def test_python_variables_are_out_of_reach(session: EngineSession) -> None:
    secret = pyarrow.table({"a": [1]})
    assert secret.num_rows == 1
    assert error_of(session, "select * from secret").sqlstate == "42P01"


def test_sessions_in_parallel(engine: DuckDBEngine, session: EngineSession) -> None:
    run(session, "create table big as select range as a, repeat('x', 50) as f from range(5000)")
    failures: list[BaseException] = []

    def work() -> None:
        own = engine.connect(None)  # type: ignore[arg-type]
        try:
            for _ in range(10):
                assert len(rows(run(own, "select * from big"))) == 5000
        except BaseException as error:
            failures.append(error)
        finally:
            own.close()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
