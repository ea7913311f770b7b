"""The SQLite engine on real databases."""

from __future__ import annotations

import datetime as dt
import sqlite3
import threading
import uuid
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from pgwire_py import oids
from pgwire_py.engines.base import EngineSession
from pgwire_py.engines.sqlite import SqliteEngine
from pgwire_py.errors import PostgresError, QueryCanceled
from tests.unit.engine_helpers import describe, error_of, resident_megabytes, rows, run, statement


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[SqliteEngine]:
    engine = SqliteEngine(tmp_path / "a b%20?.db", busy_timeout=0.1)
    yield engine
    engine.close()


@pytest.fixture
def session(engine: SqliteEngine) -> Iterator[EngineSession]:
    session = engine.connect(None)  # type: ignore[arg-type]
    run(
        session,
        "create table t (id serial primary key, a int, b varchar(10) not null, n numeric(10,2), j jsonb, u uuid, "
        "ts timestamptz, arr int[], d date, f boolean, x bytea, w double precision, c text check (length(c) < 4))",
    )
    run(session, "create table child (t_id integer references t(id), tag text unique)")
    yield session
    session.close()


VALUES = (
    7,
    "x",
    Decimal("1.50"),
    '{"a": 1}',
    uuid.UUID(int=5),
    dt.datetime(2020, 1, 2, 3, 4, 5, 6, tzinfo=dt.timezone.utc),
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
        "int8",
        "varchar",
        "numeric",
        "jsonb",
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
    assert rows(run(session, "select * from t")) == [
        (
            1,
            7,
            "x",
            Decimal("1.50"),
            '{"a": 1}',
            str(uuid.UUID(int=5)),
            "2020-01-02 03:04:05.000006+00:00",
            [1, 2, None],
            "2020-01-02",
            True,
            b"\x00q",
            0.5,
            None,
        )
    ]
    assert describe(session, "select id, b, n, f from t")[1] == [
        ("id", "int8"),
        ("b", "varchar"),
        ("n", "numeric"),
        ("f", "bool"),
    ]
    columns = session.describe(statement("select b, n from t"), ()).columns
    assert columns is not None
    assert [column.type_modifier for column in columns] == [14, ((10 << 16) | 2) + 4]


@pytest.mark.parametrize(
    ("text", "parameters", "columns"),
    [
        ("select count(*), sum(a), avg(a), max(d), min(b) from t", [], ["int8", "int8", "float8", "date", "varchar"]),
        ("select a + 1, n * 2, a / 2, a = 1, b || 'x' from t", [], ["int8", "numeric", "int8", "bool", "text"]),
        ("select * from (select id as k, u from t) q where k = $1", ["int8"], ["int8", "uuid"]),
        ("with q (k) as (select d from t) select k from q", [], ["date"]),
        ("select d from t union all select ts from t", [], ["timestamptz"]),
        ("insert into t (a, b) values ($1, $2) returning id, d", ["int8", "varchar"], ["int8", "date"]),
        ("insert into t (b, d) select $1, $2", ["varchar", "date"], []),
        ("update t set d = $1, b = $2 where id = $3", ["date", "varchar", "int8"], []),
        ("delete from t where u = $1", ["uuid"], []),
        ("select 1 from t where id = any($1) and d between $2 and $3", ["_int8", "date", "date"], ["int4"]),
        ("select 1 from t where b like $1 limit $2 offset $3", ["text", "int8", "int8"], ["int4"]),
        ("select $1::int, $2", ["int4", "text"], ["int4", "text"]),
        ("values (1, 'a'), ($1, $2)", ["int4", "text"], ["int4", "text"]),
        (
            "select case when f then 1 else 2 end, coalesce(n, 0), exists (select 1) from t",
            [],
            ["int4", "numeric", "bool"],
        ),
        ("select t.* from t join child c on c.t_id = t.id where c.tag = $1", ["text"], None),
    ],
)
def test_describe(session: EngineSession, text: str, parameters: list[str], columns: list[str] | None) -> None:
    found, described = describe(session, text)
    assert found == parameters
    assert len(described) == 13 if columns is None else [kind for _, kind in described] == columns


def test_declared_parameter_types_come_back_unchanged(session: EngineSession) -> None:
    assert describe(session, "select 1 from t where id = $1 and b = $2", [oids.INT2, 0])[0] == ["int2", "varchar"]


def test_names_are_postgresqls(session: EngineSession) -> None:
    names = [
        name for name, _ in describe(session, "select count(*), a+1, a::text, 'x', sum(a) as total, now() from t")[1]
    ]
    assert names == ["count", "?column?", "a", "?column?", "total", "now"]


def test_columns_follow_a_change_of_the_schema_by_another_session(engine: SqliteEngine, session: EngineSession) -> None:
    assert len(describe(session, "select * from child")[1]) == 2
    other = engine.connect(None)  # type: ignore[arg-type]
    run(other, "alter table child add column more date")
    other.close()
    assert describe(session, "select * from child")[1][2] == ("more", "date")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("select 7/2, -7/2, 7%3, -7%3, 7.0/2", (3, -3, 1, -1, Decimal("3.5"))),
        ("select true, 1=1, null, 'a' || 'b'", (True, True, None, "ab")),
        ("select 'abc' ilike 'ABC', 'abc' like 'ABC', 'abc' ~ '^a', 'abc' ~* '^A'", (True, False, True, True)),
        ("select '12'::int, 1.5::int, 't'::bool, '2020-1-2'::date", (12, 2, True, "2020-01-02")),
        ("select '2020-01-31'::date + interval '1 month'", ("2020-02-29 00:00:00",)),
        ("select extract(year from date '2020-02-03')", (Decimal(2020),)),
        ("select date_trunc('month', timestamp '2020-02-03 10:11:12')", ("2020-02-01 00:00:00",)),
        ("select left('abc',2), right('abc',2), greatest(1,null,3), concat('a',null,1)", ("ab", "bc", 3, "a1")),
        ("select md5('a'), split_part('a,b',',',2)", ("0cc175b9c0f1b6a831c399e269772661", "b")),
        ("select array[1,2], '{1,2}'::int[], '\\x01'::bytea, E'a\\nb'", ([1, 2], [1, 2], b"\x01", "a\nb")),
        ("select '1.005'::numeric(10,2), 1.50", (Decimal("1.01"), Decimal("1.5"))),
        ("select 7/2::numeric, (7/2)::text, 9/2/2", (Decimal("3.5"), "3", 2)),
        (
            "select 'yes'::bool::text, (1=2)::text, null::bool::text, 'no'::bool::varchar(2)",
            ("true", "false", None, "fa"),
        ),
        ("""select '{"a":1}'::json::text, ('2020-1-2'::date)::text""", ('{"a":1}', "2020-01-02")),
        ("select x from (values ('1.50'::numeric(4,1)::text)) as v(x)", ("1.5",)),
    ],
)
def test_expressions(session: EngineSession, text: str, expected: tuple[object, ...]) -> None:
    assert rows(run(session, text)) == [expected]


def test_dialect(session: EngineSession) -> None:
    assert rows(run(session, "select x from generate_series(2, 10, 4) as g(x)")) == [(2,), (6,), (10,)]
    assert rows(run(session, "select * from generate_series(3, 1, -1)")) == [(3,), (2,), (1,)]
    assert rows(run(session, "select now() > now() - interval '1 day', gen_random_uuid() is not null")) == [
        (True, True)
    ]
    upsert = (
        "insert into child (tag) values ($1) on conflict (tag) do update set tag = excluded.tag || '!' returning tag"
    )
    assert rows(run(session, upsert, "a")) == [("a",)]
    result = run(session, upsert, "a")
    assert (rows(result), result.affected) == ([("a!",)], 1)
    assert run(session, "truncate child").affected == 1
    run(session, "create view v as select a + 1 as a1, b from t")
    assert describe(session, "select * from v")[1] == [("a1", "int8"), ("b", "varchar")]
    assert ("id", "INTEGER") in [row[1:3] for row in rows(run(session, "pragma table_info(t)"))]
    run(session, "create index if not exists i on t using btree (a desc, b)")


def test_lists_and_counts(session: EngineSession) -> None:
    assert run(session, "insert into t (a, b) select g, 'r' from generate_series(1, 5) g").affected == 5
    assert rows(run(session, "select a from t where id = any($1) order by a", [1, 3])) == [(1,), (3,)]
    assert rows(run(session, "select a from t where a <> all($1)", [1, 2, 3, 4])) == [(5,)]
    assert rows(run(session, "select a from t where id = any($1)", [])) == []
    assert run(session, "update t set b = 'q' where a > $1", 3).affected == 2
    assert run(session, "delete from t where a < 3").affected == 2
    assert run(session, "with q as (select 4 as k) delete from t where a in (select k from q)").affected == 1


@pytest.mark.parametrize(
    ("text", "sqlstate", "message", "position"),
    [
        ("selec 1", "42601", 'syntax error at or near "selec"', "1"),
        ("select * from nope", "42P01", 'relation "nope" does not exist', "15"),
        ("select nope from t", "42703", 'column "nope" does not exist', "8"),
        ("insert into t (zz) values (1)", "42703", 'column "zz" of relation "t" does not exist', "16"),
        ("select foo(1)", "42883", "function foo does not exist", "8"),
        ("create table t (a int)", "42P07", 'relation "t" already exists', None),
        ("insert into t (id, b) values (1, 'x')", "23505", None, None),
        (
            "insert into t (a) values (1)",
            "23502",
            'null value in column "b" of relation "t" violates not-null constraint',
            None,
        ),
        ("insert into child (t_id) values (99)", "23503", None, None),
        ("insert into t (b, c) values ('a', '12345')", "23514", None, None),
        ("select 'a'::int", "22P02", 'invalid input syntax for type integer: "a"', None),
        ("select 'x'::uuid", "22P02", None, None),
        ("select 'x'::date", "22007", None, None),
        ("select '2020-13-01'::date", "22008", None, None),
        ("select 1/0", "22012", "division by zero", None),
        ("select 1 % (1 - 1)", "22012", "division by zero", None),
        ("select 10/0/2", "22012", "division by zero", None),
        ("select (select 1/0)/1", "22012", "division by zero", None),
        ("select coalesce('x'::int::text, 'y')", "22P02", None, None),
        ("select 99999::smallint", "22003", None, None),
        ("select sum(9223372036854775807) from (values (1), (2)) q", "22003", None, None),
        ("attach 'x' as y", "0A000", None, None),
        ("vacuum into 'x'", "0A000", None, None),
    ],
)
def test_errors(session: EngineSession, text: str, sqlstate: str, message: str | None, position: str | None) -> None:
    run(session, "insert into t (id, b) values (1, 'first')")
    error = error_of(session, text)
    assert error.sqlstate == sqlstate
    assert message is None or error.message == message
    assert error.position == position
    assert rows(run(session, "select 1")) == [(1,)]


def test_a_value_that_is_not_of_its_columns_type(session: EngineSession) -> None:
    run(session, "create table loose (i integer, f boolean, n numeric)")
    session._connection.execute("insert into loose values ('abc', 5, 'x')")  # type: ignore[attr-defined]
    for column, preview in (("i", "'abc'"), ("f", "5"), ("n", "'x'")):
        error = error_of(session, f"select {column} from loose")
        assert error.sqlstate == "22P02"
        assert column in error.message
        assert preview in error.message


def test_transactions_and_savepoints(engine: SqliteEngine, session: EngineSession) -> None:
    other = engine.connect(None)  # type: ignore[arg-type]
    session.begin()
    run(session, "insert into t (b) values ('one')")
    session.savepoint('s "1')
    run(session, "insert into t (b) values ('two')")
    session.rollback_to('s "1')
    session.release('s "1')
    assert rows(run(other, "select b from t")) == []
    session.commit()
    assert rows(run(other, "select b from t")) == [("one",)]
    session.begin()
    run(session, "delete from t")
    session.rollback()
    assert rows(run(other, "select count(*) from t")) == [(1,)]
    session.begin(read_only=True)
    assert error_of(session, "delete from t").sqlstate == "25006"
    session.rollback()
    assert run(session, "delete from t").affected == 1
    other.close()


def test_conflicts(engine: SqliteEngine, session: EngineSession) -> None:
    other = engine.connect(None)  # type: ignore[arg-type]
    session.begin()
    run(session, "insert into t (b) values ('one')")
    assert error_of(other, "insert into t (b) values ('two')").sqlstate == "55P03"
    other.begin()
    assert rows(run(other, "select count(*) from t")) == [(0,)]
    session.commit()
    told_apart = hasattr(sqlite3, "SQLITE_BUSY_SNAPSHOT")  # Python 3.10 does not show the code
    assert error_of(other, "insert into t (b) values ('two')").sqlstate == ("40001" if told_apart else "55P03")
    other.rollback()
    other.close()


def test_read_only(tmp_path: Path) -> None:
    path = tmp_path / "r.db"
    sqlite3.connect(path).execute("create table t (a int)").connection.close()
    engine = SqliteEngine(path, read_only=True)
    session = engine.connect(None)  # type: ignore[arg-type]
    assert rows(run(session, "select * from t")) == []
    assert error_of(session, "insert into t values (1)").sqlstate == "25006"
    session.close()
    engine.close()


def test_what_cannot_be_opened(tmp_path: Path) -> None:
    bad = tmp_path / "bad.db"
    bad.write_bytes(b"not a database, but long enough to be looked at" * 50)
    with pytest.raises(PostgresError, match=r"bad\.db"):
        SqliteEngine(bad)
    with pytest.raises(PostgresError, match=r"missing\.db"):
        SqliteEngine(tmp_path / "missing.db", read_only=True)


def test_memory_is_shared_by_sessions_and_not_by_engines() -> None:
    engine, stranger = SqliteEngine(":memory:"), SqliteEngine(":memory:")
    one, two = engine.connect(None), engine.connect(None)  # type: ignore[arg-type]
    run(one, "create table m (a int)")
    threads = [
        threading.Thread(target=lambda s=s: [run(s, "insert into m values (1)") for _ in range(50)]) for s in (one, two)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert rows(run(two, "select count(*) from m")) == [(100,)]
    one.begin()
    run(one, "delete from m")
    one.rollback()
    assert rows(run(two, "select count(*) from m")) == [(100,)]
    lone = stranger.connect(None)  # type: ignore[arg-type]
    assert error_of(lone, "select * from m").sqlstate == "42P01"
    for each in (one, two, lone, engine, stranger):
        each.close()


def test_cancel_from_another_thread(session: EngineSession) -> None:
    endless = "with recursive g(n) as (select 1 union all select n + 1 from g) select count(*) from g"
    found = statement(endless)
    description = session.describe(found, ())
    timer = threading.Timer(0.3, session.cancel)
    timer.start()
    with pytest.raises(QueryCanceled, match="canceling statement due to user request"):
        session.execute(found, (), description).fetch(1)
    timer.join()
    session.cancel()
    assert rows(run(session, "select 1")) == [(1,)]


def test_cancel_in_mid_stream(session: EngineSession) -> None:
    result = run(session, "with recursive g(n) as (select 1 union all select n + 1 from g) select n from g")
    assert len(result.fetch(10)) == 10
    session.cancel()
    with pytest.raises(QueryCanceled):
        rows(result)
    result.close()


def test_streaming_in_constant_memory(session: EngineSession) -> None:
    text = "with recursive g(n) as (select 1 union all select n + 1 from g where n < 5000000) select n from g"
    result = run(session, text)
    before, count = resident_megabytes(), 0
    while batch := result.fetch(10_000):
        count += len(batch)
    assert count == 5_000_000
    assert resident_megabytes() - before < 50


def test_two_results_at_once(session: EngineSession) -> None:
    run(session, "insert into t (b) select 'r' from generate_series(1, 20) g")
    session.begin()
    first, second = run(session, "select id from t order by id"), run(session, "select -id from t order by id")
    assert [row[0] for row in first.fetch(2)] == [1, 2]
    assert [row[0] for row in second.fetch(2)] == [-1, -2]
    run(session, "insert into child values (1, 'x')")
    assert len(rows(first)) == 18
    second.close()
    session.commit()


def test_relations(session: EngineSession) -> None:
    run(session, "create view v as select id from t")
    found = {relation.name: relation for relation in session.relations()}
    assert set(found) == {"t", "child", "v"}
    assert (found["t"].schema, found["t"].kind, found["v"].kind) == ("public", "r", "v")
    column = found["t"].columns[0]
    assert (column.name, column.type, column.primary_key) == ("id", oids.INT8, True)
    assert found["t"].columns[2].not_null
    session._connection.execute("drop table child")  # type: ignore[attr-defined]
    assert {relation.name for relation in session.relations()} == {"t", "v"}


def test_a_repeated_describe_is_taken_from_the_cache(session: EngineSession) -> None:
    found = statement("select * from t where id = $1")
    assert session.describe(found, ()) is session.describe(found, ())


def test_escape_strings(session: EngineSession) -> None:
    text = r"select E'a\\b\'c\n', 'a\\b', E'', U&'d\0061t' where E'\\' = '\'"
    assert rows(run(session, text)) == [("a\\b'c\n", "a\\\\b", "", "dat")]


def test_wide_numerics_keep_every_digit(session: EngineSession) -> None:
    run(session, "create table wide (n numeric(40,10), m numeric)")
    value = Decimal("-12345678901234567890.0123456789")
    run(session, "insert into wide values ($1, $1)", value)
    assert rows(run(session, "select n, m from wide where n = $1", value)) == [(value, value)]
    (constant,) = rows(run(session, "select 12345678901234567890123::numeric(40,2)"))[0]
    assert str(constant) == "12345678901234567890123.00"


def test_names_that_say_the_width(session: EngineSession) -> None:
    run(session, "create table widths (a int4, b float4, c integer, d real, e int4[], f int[], g text[], h int8[])")
    _, columns = describe(session, "select * from widths")
    assert [kind for _, kind in columns] == ["int4", "float4", "int8", "float8", "_int4", "_int4", "_text", "_int8"]
    run(session, "insert into widths (a, b, e, g) values ($1, $2, $3, $4)", 1, 1.5, [1, None], ["x", "{"])
    assert rows(run(session, "select a, b, e, g from widths")) == [(1, 1.5, [1, None], ["x", "{"])]
