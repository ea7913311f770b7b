"""PREPARE, EXECUTE and DEALLOCATE: each script runs on PostgreSQL and on ours, and the answers are the same, message by message."""

from __future__ import annotations

import pytest

from tests.support.raw import SYNC, bind, close, describe, execute, message, parse
from tests.support.scripts import Step, answers
from tests.support.targets import REFEREE, Target, Targets

TABLE = "prepared_numbers"

SCRIPTS: dict[str, list[Step]] = {
    "arguments": [
        f"prepare p (int) as select n, w from {TABLE} where n = $1",
        *[
            f"execute p{arguments}"
            for arguments in (
                "(2)", "('3')", "(null)", "(1.6)", "(2.5)", "(-1)", "(1+1)", "(2::int8)", "(cast('4' as int))", "((5))", "(+1)",
                "", "()", "(1,2)", "('x')", "(true)", "('2024-01-01'::date)", "(abs(-3))", "((select 1))", "(99999999999)",
            )
        ],
    ],
    "text arguments": [
        "prepare p (text) as select $1 || '!' as a",
        "execute p('x''y')", "execute p(5)", "execute p(1.50)", "execute p(true)", "execute p('a'::text)", "execute p(null::text)",
        "execute p(e'a\\nb')", "execute p('a' || 'b')", "execute p(lower('ABC'))",
    ],
    "types": [
        (
            "prepare a (int8, double precision, varchar(10), date, timestamp without time zone, bool) "
            "as select $1 as a, $2 as b, $3 as c, $4 as d, $5 as e, $6 as f"
        ),
        "execute a(1, 3, 'x', '2024-02-29', '2024-02-29 12:00:00', true)",
        "execute a(null, null, null, null, null, null)",
        "execute a(1.5, 1e3, 4, date '2024-02-28', '2024-01-01'::timestamp, 'yes')",
        "execute a(1, 3, 'x', 5, null, null)",
        "execute a(1, 3, 'x', '2024-02-30', null, null)",
        "prepare b (nonsense) as select $1",
        "prepare c (pg_catalog.int4, unknown) as select $1 + 1 as a, $2 || '' as b",
        "execute c(1, 2)",
    ],
    "names": [
        "prepare p as select 1 as a", "prepare p as select 2 as a", "execute p", 'execute "P"', "execute q", "deallocate p", "execute p",
        "deallocate p", "deallocate all", "deallocate prepare all", 'prepare "A b" as select 3 as a', 'execute "A b"',
        'deallocate prepare "A b"', 'prepare "" as select 1',
    ],
    "what writes": [
        f"prepare p (int, text) as insert into {TABLE} values ($1, $2)",
        "begin", "execute p(10, 'x')", "execute p(11, 'y')", f"select count(*) from {TABLE}", "rollback",
        f"prepare u as update {TABLE} set w = w", "execute u",
        f"prepare d as delete from {TABLE} where n = 99", "execute d",
        "prepare w as with x as (select 1 as a) select a from x", "execute w",
        "set default_transaction_read_only = on", "execute u", "execute w",
    ],
    "malformed": [
        "prepare p as create table x (n int)", "prepare p as select * from no_such_table", "prepare p as", "prepare p select 1",
        "prepare", "execute", "execute p(", "execute p(1,)", "prepare p as execute q", "prepare p () as select 1", "execute p 1",
        "deallocate", "prepare p as begin",
    ],
    "in a transaction": [
        "begin", "select * from no_such_table", "prepare p as select 1", "execute p", "deallocate p", "rollback",
        "begin", "prepare p as select 1 as a", "rollback", "execute p", "discard all", "execute p",
    ],
    "in one string": [
        f"prepare p (int) as select n from {TABLE} where n > $1 order by n", "execute p(1); execute p(3)",
        f"insert into {TABLE} values (7, 'g'); execute p('x')", "execute p(4)",
    ],
    "in the extended protocol": [
        f"prepare p (int) as select n, w from {TABLE} where n >= $1 order by n",
        parse("execute p(4)") + describe("S") + bind(result_formats=(1,)) + describe("P") + execute() + SYNC,
        parse("execute p(3)") + bind() + execute("", 1) + execute("", 1) + execute("", 5) + SYNC,
        parse("execute q") + describe("S") + SYNC,
        parse("execute q") + bind() + execute() + SYNC,
        parse("prepare r as select $1::int4 as a") + describe("S") + bind() + execute() + SYNC,
        "execute r(7)",
    ],
    "one namespace with the protocol": [
        parse(f"select n from {TABLE} where n = $1", "s", (23,)) + SYNC, "execute s(2)", "prepare s as select 1",
        parse("select 1", "s") + SYNC, "deallocate s", bind(statement="s") + SYNC,
        f"prepare z (int4) as select w from {TABLE} where n = $1",
        bind(b"2", statement="z") + describe("P") + execute() + SYNC,
        describe("S", "z") + SYNC, parse("select 1", "z") + SYNC, close("S", "z") + SYNC, "execute z(1)",
    ],
    "the view": [
        f"prepare p (int, text) as select n from {TABLE} where n = $1 and w = $2",
        parse(f"select w from {TABLE}", "proto") + SYNC,
        "select name, parameter_types, from_sql, generic_plans, custom_plans from pg_prepared_statements order by name",
        "select name, statement, prepare_time is not null from pg_prepared_statements where from_sql",
        "deallocate all",
        "select count(*) from pg_prepared_statements",
    ],
    "arguments in the session's settings": [
        "set datestyle to sql, dmy", "prepare d (date) as select $1 as d", "execute d('01/02/2024')",
        "execute d(cast('03/04/2024' as date))", "set datestyle to iso, mdy", "execute d('01/02/2024')",
        "set client_encoding to latin1", "prepare t (text) as select $1 as t", message("Q", b"execute t('\xe9')\0"),
        message("Q", b"execute t('\xe9' || 'x')\0"),
    ],
}  # fmt: skip

NEW_TABLE: list[Step] = [
    f"drop table if exists {TABLE}",
    f"create table {TABLE} (n int4, w text)",
    f"insert into {TABLE} values (1, 'a'), (2, 'b'), (3, 'c'), (4, 'd'), (5, 'e')",
]


@pytest.mark.parametrize("name", SCRIPTS)
def test_as_postgresql(targets: Targets, our_target: Target, name: str) -> None:
    with targets.get(REFEREE).raw() as client:
        answers(client, NEW_TABLE)
        expected = answers(client, SCRIPTS[name])
    with our_target.raw() as client:
        answers(client, NEW_TABLE)
        assert answers(client, SCRIPTS[name]) == expected


def test_arrays(target: Target) -> None:
    """SQLite has no arrays of its own, but takes and gives them as values."""
    with target.raw() as client:
        found = answers(
            client, ["prepare p (int[]) as select $1 as a", "execute p(array[1, 2, null])", "execute p('{3}')"]
        )
        assert [line for line in found if line.startswith("D")] == ["D {1,2,NULL}", "D {3}"]
