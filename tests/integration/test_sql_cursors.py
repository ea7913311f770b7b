"""SQL cursors: each script runs on PostgreSQL and on ours, and the answers are the same, message by message."""

from __future__ import annotations

import pytest

from tests.support.raw import SYNC, bind, close, describe, execute, parse
from tests.support.scripts import Step, answers
from tests.support.targets import REFEREE, Target, Targets

TABLE = "cursor_numbers"
BY_N = f"select n, w from {TABLE} order by n"
STYLED = (
    f"select n, cast('2024-02-01' as date) as d, cast(w as text) as t, 'h\u00e9' as u, 0.1 as f from {TABLE} order by n"
)
ONLY_N = f"select n from {TABLE} order by n"

DIRECTIONS = """c, from c, next from c, prior in c, first from c, last c, absolute 3 from c, absolute -2 c, absolute 0 c, relative 2 c,
relative -1 c, relative 0 c, 2 c, -2 c, all c, 0 c, forward c, forward 2 from c, forward all c, backward c, backward 2 c, backward all c,
forward 0 c, backward 0 c, absolute 9 c, prior c, absolute -9 c, next c, relative 10 c, relative -3 c, forward -1 c, backward -1 c,
+1 c, absolute 5 c, backward all c, last c, next c, absolute 6 c, absolute 7 c, prior c""".replace("\n", " ").split(
    ", "
)

SCRIPTS: dict[str, list[Step]] = {
    "every direction": [
        "begin",
        f"declare c scroll cursor for {BY_N}",
        *[f"{verb} {direction}" for verb in ("fetch", "move") for direction in DIRECTIONS],
        "close c",
        "commit",
    ],
    "every direction, nobody said scroll": [
        "begin",
        f"declare c cursor for {BY_N}",
        *[f"fetch {direction}" for direction in DIRECTIONS],
        "commit",
    ],
    "no rows": [
        "begin",
        f"declare c scroll cursor for select n from {TABLE} where n < 0",
        *[f"fetch {direction}" for direction in DIRECTIONS],
        "commit",
    ],
    "no scroll": [
        "begin",
        f"declare c no scroll cursor for {ONLY_N}",
        "fetch 2 c",
        "fetch absolute 4 c",
        "fetch absolute 5 c",
        "savepoint s",
        "fetch prior c",
        "rollback to s",
        "fetch c",
        "rollback",
    ],
    "no scroll, refused": [
        step
        for direction in ("0 c", "first c", "absolute 0 c", "absolute 1 c", "backward all c", "last c", "-1 c")
        for step in (
            "begin",
            f"declare c no scroll cursor for {ONLY_N}",
            "fetch 2 c",
            f"fetch {direction}",
            "rollback",
        )
    ],
    "no scroll, allowed": [
        "begin",
        f"declare c no scroll cursor for {ONLY_N}",
        "fetch absolute 0 c",
        "fetch first c",
        "move 0 c",
        "move absolute 2 c",
        "fetch relative 2 c",
        "move all c",
        "fetch c",
        "rollback",
    ],
    "outside of a transaction": ["declare c cursor for select 1", "fetch c", "close c", "move c", "select 1 as a"],
    "the same name": [
        "begin",
        "declare c cursor for select 1 as a",
        "savepoint s",
        "declare c cursor for select 2 as a",
        "rollback to s",
        "fetch c",
        "commit",
        "fetch c",
    ],
    "hold": [
        f"declare h cursor with hold for {ONLY_N}",
        "fetch 2 h",
        "begin",
        "fetch h",
        "rollback",
        "fetch h",
        "close h",
        "fetch h",
    ],
    "hold, rolled back": ["begin", f"declare h cursor with hold for {ONLY_N}", "fetch 2 h", "rollback", "fetch h"],
    "hold keeps the position": [
        "begin",
        f"declare h scroll cursor with hold for {ONLY_N}",
        "fetch 2 h",
        "commit",
        "fetch h",
        "fetch backward 2 h",
        "fetch all h",
        "fetch prior h",
        "close all",
        "fetch h",
    ],
    "hold at the end": [
        "begin",
        f"declare h scroll cursor with hold for {ONLY_N}",
        "fetch all h",
        "commit",
        "fetch h",
        "fetch prior h",
        "close h",
    ],
    "hold without scroll": [
        "begin",
        f"declare h no scroll cursor with hold for {ONLY_N}",
        "fetch 2 h",
        "commit",
        "fetch h",
        "fetch backward 2 h",
        "fetch h",
        "close h",
    ],
    "hold in one string": [
        f"begin; declare h cursor with hold for {ONLY_N}; commit; fetch h",
        "fetch h",
        f"declare g cursor with hold for {ONLY_N}; select 1 as a",
        "fetch g",
        "discard all",
        "fetch h",
    ],
    "hold shows what was there": [
        "begin",
        f"declare h cursor with hold for {ONLY_N}",
        "commit",
        "begin",
        f"delete from {TABLE} where n > 1",
        "fetch all h",
        "rollback",
        "close h",
    ],
    "closed by commit": ["begin", "declare c cursor for select 1 as a", "commit", "fetch c"],
    "commit and chain": ["begin", "declare c cursor for select 1 as a", "commit and chain", "fetch c", "rollback"],
    "savepoints": [
        "begin",
        f"declare a cursor for {ONLY_N}",
        "savepoint s",
        f"declare b cursor for {ONLY_N}",
        "fetch a",
        "fetch b",
        "rollback to s",
        "fetch a",
        "savepoint x",
        "fetch b",
        "rollback to x",
        f"declare b cursor for {ONLY_N}",
        "release s",
        "fetch b",
        "commit",
    ],
    "release gives cursors to the savepoint around": [
        "begin",
        "savepoint s",
        "savepoint i",
        f"declare b cursor for {ONLY_N}",
        "release i",
        "fetch b",
        "rollback to s",
        "fetch b",
        "rollback",
    ],
    "an error closes what was made since the savepoint": [
        "begin",
        f"declare a cursor for {ONLY_N}",
        "savepoint s",
        "select * from no_such_table",
        "rollback to s",
        "fetch a",
        "commit",
    ],
    "insensitive": [
        "begin",
        f"declare c cursor for select n from {TABLE} where n < 100 order by n",
        "fetch c",
        f"insert into {TABLE} values (6, 'f')",
        f"delete from {TABLE} where n = 2",
        "fetch all c",
        "rollback",
    ],
    "insensitive before the first fetch": [
        "begin",
        f"declare c cursor for select n from {TABLE}",
        f"insert into {TABLE} values (6, 'f')",
        "fetch all c",
        "rollback",
    ],
    "in one string": [
        f"begin; declare c cursor for {ONLY_N}; fetch 2 from c; close c; commit",
        f"declare c cursor for {ONLY_N}; fetch 2 c",
        "fetch c",
    ],
    "binary": ["begin", f"declare c binary cursor for {ONLY_N}", "fetch c", "fetch 2 c", "commit"],
    "malformed": [
        "declare c scroll no scroll cursor for select 1",
        "declare c cursor for insert into t values (1)",
        "declare c cursor select 1",
        "declare c insensitive asensitive cursor for select 1",
        "declare c cursor with for select 1",
        "declare",
        "fetch forward forward c",
        "fetch absolute c",
        "fetch",
        "close",
        "move 2 3 c",
        "fetch 99999999999 c",
        "close a b",
    ],
    "missing table": [
        "begin",
        "declare c cursor for select * from no_such_table",
        "rollback",
        parse("declare c cursor for select * from no_such_table") + SYNC,
        "declare c cursor for select $1",
    ],
    "the protocol reads an SQL cursor": [
        "begin",
        f"declare c scroll cursor for {BY_N}",
        describe("P", "c") + SYNC,
        execute("c", 2) + SYNC,
        "fetch c",
        execute("c", 1) + SYNC,
        "fetch prior c",
        execute("c", 0) + SYNC,
        execute("c", 0) + SYNC,
        "fetch prior c",
        execute("c") + SYNC,
        close("P", "c") + SYNC,
        "fetch c",
    ],
    "SQL reads a portal": [
        "begin",
        parse(BY_N) + bind(portal="p") + SYNC,
        "fetch p",
        execute("p", 2) + SYNC,
        "fetch 1 p",
        "fetch prior p",
        "rollback",
    ],
    "SQL reads a binary portal": [
        "begin",
        parse(BY_N) + bind(portal="p", result_formats=(1,)) + execute("p", 1) + SYNC,
        "fetch p",
        execute("p", 2) + SYNC,
        "move p",
        "close p",
        "close p",
        "rollback",
    ],
    "SQL closes a portal": ["begin", parse(BY_N) + bind(portal="p") + SYNC, "close all", execute("p") + SYNC, "rollback"],
    "fetch in the extended protocol": [
        "begin",
        f"declare c cursor for {BY_N}",
        parse("fetch 2 c") + describe("S") + bind(result_formats=(1,)) + describe("P") + execute() + SYNC,
        parse("fetch 2 c") + bind() + execute("", 1) + execute("", 1) + execute("", 1) + SYNC,
        parse("move 1 c") + describe("S") + bind() + describe("P") + execute() + SYNC,
        parse("fetch c") + describe("S") + SYNC,
        "rollback",
        parse("fetch c") + describe("S") + SYNC,
        parse("fetch c") + bind() + execute() + SYNC,
    ],
    "formats of a binary cursor": [
        "begin",
        f"declare c binary cursor for {BY_N}",
        parse("fetch 1 c") + bind() + describe("P") + execute() + SYNC,
        parse("fetch 1 c") + bind(result_formats=(1,)) + describe("P") + execute() + SYNC,
        describe("P", "c") + execute("c", 1) + SYNC,
        "fetch c",
        "rollback",
    ],
    "parameters": [
        "begin",
        parse(f"declare c cursor for select n from {TABLE} where n > $1 order by n")
        + describe("S") + bind(b"2") + describe("P") + execute() + SYNC,
        "fetch all c",
        "rollback",
        parse(f"declare c cursor with hold for select n from {TABLE} where n > $1 order by n", types=(23,))
        + bind(b"2") + execute() + SYNC,
        "fetch 1 c",
        "close c",
    ],
    "the view": [
        "begin",
        f"declare c scroll cursor for select n from {TABLE}",
        f"declare b binary no scroll cursor with hold for select n from {TABLE}",
        "select name, statement, is_holdable, is_binary, is_scrollable, creation_time is not null from pg_cursors order by name",
        "rollback",
        "select count(*) from pg_cursors",
    ],
    "savepoints and portals": [
        "begin",
        parse(BY_N) + bind(portal="p") + execute("p", 1) + SYNC,
        "savepoint s",
        parse(BY_N) + bind(portal="q") + execute("q", 1) + SYNC,
        "select * from no_such_table",
        "rollback to s",
        execute("p", 1) + SYNC,
        "rollback to s",
        execute("q", 1) + SYNC,
        "rollback",
    ],
    "a portal does not see later writes": [
        "begin",
        parse(BY_N) + bind(portal="p") + execute("p", 1) + SYNC,
        f"insert into {TABLE} values (50, 'z')",
        execute("p", 0) + SYNC,
        "rollback",
    ],
    "printed by the settings of the moment": [
        "set timezone to 'UTC'", "set datestyle to iso, mdy", "set client_encoding to utf8", "begin",
        f"declare c scroll cursor with hold for {STYLED}", "fetch c", "set datestyle to german", "set intervalstyle to iso_8601",
        "set bytea_output to escape", "set extra_float_digits to -10", "fetch absolute 0 c", "fetch c", "set client_encoding to latin1",
        "fetch first c", describe("P", "c") + execute("c", 0) + SYNC, "commit", "fetch first c", "set timezone to 'Asia/Tokyo'",
        "set datestyle to sql, dmy", "reset client_encoding", "reset bytea_output", "reset intervalstyle", "fetch first c", "close c",
    ],
    "declared in other settings": [
        "set client_encoding to utf8", "set datestyle to sql, dmy", "set intervalstyle to sql_standard", "set timezone to 'Asia/Tokyo'",
        "begin", f"declare c scroll cursor with hold for {STYLED}", f"declare b binary cursor with hold for {STYLED}", "fetch b", "commit",
        "fetch first c", "set datestyle to iso", "set timezone to 'UTC'", "set intervalstyle to postgres", "fetch first c",
        parse("fetch first c") + bind(result_formats=[1]) + execute() + SYNC,
        "set client_encoding to latin1", "fetch first c", "close all", "reset client_encoding",
    ],
    "a character that the client's encoding lacks": [
        "begin", "declare c scroll cursor with hold for select n, '\u20ac' as t from generate_series(1, 2) as s(n)",
        "set client_encoding to latin1", "commit", "fetch c", "set client_encoding to utf8", "fetch c", "close c",
    ],
    "a portal goes on in other settings": [
        "set datestyle to iso", "set timezone to 'UTC'", "begin",
        parse(f"select n, d from {TABLE}, (select cast('2024-02-01' as date) as d) as o order by n") + bind(portal="p")
        + describe("P", "p") + execute("p", 1) + SYNC,
        "set datestyle to german", describe("P", "p") + execute("p", 1) + SYNC, "fetch 2 p", "set datestyle to iso", execute("p") + SYNC,
        execute("p") + SYNC, "rollback",
    ],
    "FETCH goes on where Execute stopped": [
        "begin", parse(BY_N) + bind(portal="p") + execute("p", 2) + SYNC, "fetch absolute 4 p", "fetch 0 p", "rollback",
        "begin", parse(BY_N) + bind(portal="p") + execute("p", 2) + SYNC, "fetch relative 2 p", "fetch absolute 2 p", "rollback",
        "begin", parse(BY_N) + bind(portal="p") + execute("p") + SYNC, "fetch p", "move absolute 3 p", "rollback",
        "begin", parse(BY_N) + bind(portal="p") + execute("p", 5) + SYNC, "fetch p", "fetch prior p", "rollback",
        "begin", parse(BY_N) + bind(portal="p") + execute("p", 2) + SYNC, f"insert into {TABLE} values (60, 'y')", "fetch absolute 3 p",
        execute("p") + SYNC, "rollback",
    ],
    "described in a failed transaction": [
        parse("begin", "b") + SYNC, parse("select 1 as a", "s") + SYNC, "begin", "select * from no_such_table",
        describe("S", "b") + SYNC, describe("S", "s") + SYNC, "rollback",
    ],
    "a portal that fetches from itself": [
        "begin", parse("fetch from p") + bind(portal="p") + describe("P", "p") + SYNC, "rollback",
        "begin", parse("fetch from p") + bind(portal="p") + execute("p") + SYNC, "rollback",
        parse("execute x", "x") + describe("S", "x") + SYNC,
    ],
    "what is changed back is not told": [
        "set datestyle to german; select * from no_such_table", "begin; set datestyle to sql; rollback",
        "begin", "set datestyle to german", "savepoint s", "set datestyle to sql", "select * from no_such_table", "rollback to s",
        "show datestyle", "select * from no_such_table", "rollback",
        parse("insert into no_such_table values (1)") + bind() + SYNC,
        parse(f"insert into {TABLE} values (70, 'x')") + bind() + execute() + execute() + SYNC, f"select count(*) from {TABLE}",
    ],
    "a portal that cannot run again": [
        "begin", parse("set datestyle to iso") + bind(portal="q") + execute("q") + execute("q") + SYNC, "rollback",
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
