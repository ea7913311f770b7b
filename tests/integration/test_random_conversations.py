"""Conversations made at random of settings, cursors, prepared statements, notifications and transactions, as with PostgreSQL."""

from __future__ import annotations

import random

import pytest

from tests.support.raw import SYNC, bind, describe, execute, parse
from tests.support.scripts import Step, answers
from tests.support.targets import REFEREE, Target, Targets

TABLE = "conversation"
ROWS = f"select n, w, cast('2024-02-01' as date) as d from {TABLE} order by n"
MOVES = (
    "",
    "2 from",
    "prior from",
    "first from",
    "last from",
    "all from",
    "-2 from",
    "absolute 3 from",
    "relative -1 from",
    "0 from",
)

SAID = """set datestyle to german; set datestyle to sql, dmy; set datestyle to iso; set client_encoding to latin1;
set client_encoding to utf8; set timezone to 'Asia/Tokyo'; set local datestyle to german; set local client_encoding to latin1;
reset datestyle; show datestyle; show client_encoding; set intervalstyle to iso_8601; set extra_float_digits to 0;
begin; begin; commit; rollback; savepoint s; savepoint q; rollback to s; release s; rollback to q; commit and chain; begin read only;
close a; close b; close all; close p; listen l; listen m; unlisten *; notify l; notify l, 'x'; notify m, 'y'; select pg_notify('l', 'f');
execute x; execute y(2); execute y('3'); execute y; execute z('03/04/2024'); deallocate x; deallocate all; discard all;
select * from no_such_table; select 1 as a""".replace("\n", " ").split("; ")
SAID += [
    f"prepare x as {ROWS}",
    f"prepare y (int4) as select w from {TABLE} where n = $1",
    "prepare z (date) as select $1 as d",
    f"insert into {TABLE} values (7, 'x')",
    f"insert into {TABLE} values (8, 'y'); select * from no_such_table",
    "set datestyle to german; select cast('2024-02-01' as date) as d",
    f"set client_encoding to latin1; select w from {TABLE} where n = 5",
    "begin; select 1 as a",
    "listen l; notify l, 'z'; select 1 as a",
]

NEW_TABLE: list[Step] = [
    "set timezone to 'UTC'",
    f"drop table if exists {TABLE}",
    f"create table {TABLE} (n int4, w text)",
    f"insert into {TABLE} values (1, 'a'), (2, 'b'), (3, 'c'), (4, 'd'), (5, 'é')",
]


def step(chance: random.Random) -> Step:
    kind = chance.random()
    if kind < 0.15:
        scroll, hold = chance.choice(["", "binary ", "scroll ", "no scroll "]), chance.choice(["", "with hold "])
        return f"declare {chance.choice('ab')} {scroll}cursor {hold}for {ROWS}"
    if kind < 0.35:
        return f"{chance.choice(['fetch', 'move'])} {chance.choice(MOVES)} {chance.choice('abp')}"
    if kind < 0.5:
        sql, limit = (
            chance.choice([ROWS, "select 1 as a", "set datestyle to german", "fetch 2 from a"]),
            chance.choice([0, 0, 2]),
        )
        return parse(sql) + bind() + describe("P") + execute("", limit) + SYNC
    if kind < 0.6:
        return parse(ROWS) + bind(portal="p") + execute("p", 2) + SYNC
    return chance.choice(SAID)


def told(lines: list[str]) -> list[str]:
    """Without positions, and parameters in any order: PostgreSQL reports those that a rollback changed in the order of its lists."""
    return [line.partition(" P=")[0] for line in lines if line != "S"] + [line for line in lines if line == "S"]


@pytest.mark.parametrize("seed", range(12))
def test_as_postgresql(targets: Targets, our_target: Target, seed: int) -> None:
    chance = random.Random(seed)
    steps = [step(chance) for _ in range(60)]
    with targets.get(REFEREE).raw(client_encoding="UTF8") as client:
        answers(client, NEW_TABLE)
        expected = told(answers(client, steps))
    with our_target.raw(client_encoding="UTF8") as client:
        answers(client, NEW_TABLE)
        assert told(answers(client, steps)) == expected
