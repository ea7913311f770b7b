"""Types of parameters and columns found in a statement's tree."""

from __future__ import annotations

import pytest

from pgwire_py import oids
from pgwire_py.engines.inference import Inferrer
from pgwire_py.engines.parsing import parse, sql_type_name
from tests.unit.engine_helpers import statement

TABLES = {
    "t": {
        "id": oids.INT8,
        "name": oids.VARCHAR,
        "price": oids.NUMERIC,
        "day": oids.DATE,
        "at": oids.TIMESTAMP,
        "ok": oids.BOOL,
    },
    "u": {"t_id": oids.INT8, "uuid": oids.UUID, "small": oids.INT2, "ratio": oids.FLOAT8},
}


def names(types: tuple[int, ...]) -> str:
    return " ".join(oids.type_info(oid).name for oid in types)


def inferrer(text: str, declared: tuple[int, ...] | None = None) -> Inferrer:
    found = statement(text)
    tree = parse(found)
    assert tree is not None
    count = max((number for number, _, _ in found.parameters), default=0)
    return Inferrer(tree, TABLES.get, (0,) * count if declared is None else declared)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("select * from t where id = $1", "int8"),
        ("select * from t where $1 = id", "int8"),
        ("select * from t where id = any($1)", "_int8"),
        ("select * from t where name = any($1::text[])", "_text"),
        ("select * from t where id in ($1, $2, 3)", "int8 int8"),
        ("select * from t where day between $1 and $2", "date date"),
        ("select * from t where name like $1 or name ilike $2 or name ~ $3", "text text text"),
        ("select * from t where id in (select t_id from u where uuid = $1)", "uuid"),
        ("select * from t where exists (select 1 from u where u.t_id = t.id and t.price > $1)", "numeric"),
        ("select * from t a join u b on a.id = b.t_id and b.small = $1 where a.at < $2", "int2 timestamp"),
        ("select * from t where id = $1 limit $2 offset $3", "int8 int8 int8"),
        ("select * from t where id + $1 > 5 and price * $2 > 1", "int8 numeric"),
        ("select * from t where day = $1 + 7 and day - $2 > $3", "int4 int4 date"),
        ("select * from t where at > now() - $1", "interval"),
        ("select * from t where ok = $1 and $2", "bool bool"),
        ("select * from t where (id, name) = ($1, $2)", "int8 varchar"),
        ("select * from t where lower(name) = $1", "text"),
        ("select count(*) from t having count(*) > $1", "int8"),
        ("select coalesce($1, price), nullif(id, $2), case when ok then $3 else id end from t", "numeric int8 int8"),
        ("select case id when $1 then 'a' else $2 end from t", "int8 text"),
        ("select $1::int, cast($2 as timestamptz), $3", "int4 timestamptz text"),
        ("select $1 + $1::int", "int4"),
        ("select substring($1, $2, $3), upper($4), round($5, $6)", "text int4 int4 text float8 int4"),
        ("select * from generate_series($1, $2)", "int8 int8"),
        ("insert into t values ($1,$2,$3,$4,$5,$6)", "int8 varchar numeric date timestamp bool"),
        ("insert into t (name,id) values ($1,$2),($3,$4)", "varchar int8 varchar int8"),
        ("insert into t (name,id) select $1, $2", "varchar int8"),
        (
            "insert into t (id) values ($1) on conflict (id) do update set price = $2, name = excluded.name",
            "int8 numeric",
        ),
        ("update t set name = $1, price = price + $2 where id = $3", "varchar numeric int8"),
        ("update t set name = u.uuid from u where u.small = $1", "int2"),
        ("delete from t using u where u.t_id = t.id and u.ratio > $1", "float8"),
        ("with q as (select id as k from t where name = $1) select * from q where k = $2", "varchar int8"),
        ("select * from (select day as d from t) q where d = $1", "date"),
        ("select * from t where id <> all($1)", "_int8"),
        ("select $2, $1", "text text"),
    ],
)
def test_parameter_types(text: str, expected: str) -> None:
    assert names(inferrer(text).parameter_types()) == expected


def test_declared_types_stay() -> None:
    found = inferrer("select * from t where id = $1 and name = $2", (oids.INT2, 0))
    assert names(found.parameter_types()) == "int2 varchar"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("select * from t", "id:int8 name:varchar price:numeric day:date at:timestamp ok:bool"),
        ("select u.*, t.id as x from t, u", "t_id:int8 uuid:uuid small:int2 ratio:float8 x:int8"),
        ("select count(*), sum(id), sum(price), avg(id), min(day)", "count:int8 sum:unknown"),
        (
            "select 1, 5000000000, 1.5, 'x', true",
            "?column?:int4 ?column?:int8 ?column?:numeric ?column?:text bool:bool",
        ),
        ("select small + 1, small + t_id, ratio * 2 from u", "?column?:int4 ?column?:int8 ?column?:float8"),
        ("select day + 1, day - day, at + interval '1 day', day + interval '1 day' from t", None),
        ("select id::text, cast(name as int), price::int from t", "id:text name:int4 price:int4"),
        ("select upper(name), length(name), name || 'x' from t", "upper:text length:int8 ?column?:text"),
        ("select id from t union select small from u", "id:int8"),
        ("with q (a, b) as (select id, day from t) select b, a from q", "b:date a:int8"),
        ("select q.n from (select name n from t) as q", "n:varchar"),
        ("select x from (values (1, 'a')) as v (x, y)", "x:int4"),
        ("select row_number() over (order by id), sum(id) over () from t", "row_number:int8 sum:int8"),
        ("select array_agg(id), array[1, 2] from t", "array_agg:_int8 array:_int4"),
        ("update t set id = 1 returning id, name as n", "id:int8 n:varchar"),
        ("delete from t returning *", "id:int8 name:varchar price:numeric day:date at:timestamp ok:bool"),
        ("values (1, 'a'), (2.5, 'b')", "column1:numeric column2:text"),
    ],
)
def test_output(text: str, expected: str | None) -> None:
    output = inferrer(text).output()
    assert output is not None
    found = " ".join(f"{column.name}:{oids.type_info(column.type).name}" for column in output)
    if expected is None:
        assert [column.type for column in output] == [oids.DATE, oids.INT4, oids.TIMESTAMP, oids.TIMESTAMP]
    elif "unknown" in expected:  # no FROM: the columns are not known, the aggregates still are
        assert [column.type for column in output] == [oids.INT8, 0, 0, oids.FLOAT8, 0]
    else:
        assert found == expected


def test_what_has_no_output() -> None:
    assert inferrer("insert into t (id) values (1)").output() is None
    assert inferrer("select * from nowhere").output() is None
    assert inferrer("create table x (a int)").output() is None


@pytest.mark.parametrize("text", ["selec 1", "select (", "vacuum", "x" * 200_000])
def test_what_cannot_be_read_is_none(text: str) -> None:
    assert parse(statement(text)) is None


def test_deep_nesting_ends() -> None:
    found = statement("select " + "(" * 200 + "$1" + ")" * 200)
    tree = parse(found)
    if tree is not None:
        assert Inferrer(tree, TABLES.get, (0,)).parameter_types() == (oids.TEXT,)


def test_type_names() -> None:
    assert sql_type_name(oids.INT4_ARRAY) == "INTEGER[]"
    assert sql_type_name(oids.NUMERIC) is None
