"""A Python function behind a PostgreSQL port: ``support/function_server.py``, on both implementations."""

from __future__ import annotations

import asyncio
import struct
import sys
import threading

import asyncpg
import psycopg
import pytest

from tests.support import IMPLEMENTATIONS
from tests.support.postgres import Programs
from tests.support.psql import run_psql
from tests.support.raw import SYNC, bind, describe, execute, parse, query
from tests.support.servers import FUNCTION_SERVER
from tests.support.targets import Target, Targets


@pytest.fixture(params=IMPLEMENTATIONS)
def function(request: pytest.FixtureRequest, targets: Targets) -> Target:
    name = f"function-{request.param}"
    return targets.get(name, (sys.executable, str(FUNCTION_SERVER)))


def test_psql(function: Target, programs: Programs) -> None:
    result = run_psql(programs, function.dsn, "numbers 3", "anything; begin; numbers 1; commit", "insert into it")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.splitlines() == ["1|1", "2|4", "3|9", "hello", "BEGIN", "1|1", "COMMIT", "INSERT 0 3"]


def test_psql_shows_every_part_of_an_error(function: Target, programs: Programs) -> None:
    result = run_psql(programs, function.dsn, "fail here", options=("-v", "VERBOSITY=verbose"))
    assert result.returncode == 1
    lines = result.stderr.splitlines()
    assert lines[0] == "ERROR:  P0001: bound to fail"
    assert {"DETAIL:  on purpose", "HINT:  ask otherwise", "LINE 1: fail here"} <= set(lines)


@pytest.mark.parametrize("binary", [False, True])
def test_psycopg(function: Target, binary: bool) -> None:
    with psycopg.connect(function.dsn, autocommit=True) as connection:
        cursor = connection.cursor(binary=binary)
        assert cursor.execute("numbers 4").fetchall() == [(1, 1), (2, 4), (3, 9), (4, 16)]
        assert cursor.execute("echo %s %s", (7, "word")).fetchone() == (7, "word")
        assert cursor.execute("insert %s", (1,)).rowcount == 3
        assert cursor.execute("tag").statusmessage == "SOMETHING DONE"


async def test_asyncpg(function: Target) -> None:
    connection = await asyncpg.connect(**function.asyncpg)
    rows = await connection.fetch("numbers 1000")
    assert [tuple(r) for r in rows] == [(n, n * n) for n in range(1, 1001)]
    async with connection.transaction():
        cursor = await connection.cursor("numbers 10")
        assert [r["n"] for r in await cursor.fetch(4)] == [1, 2, 3, 4]
        assert [r["n"] for r in await cursor.fetch(100)] == [5, 6, 7, 8, 9, 10]
    await connection.close()


@pytest.mark.parametrize(
    ("sql", "sqlstate"),
    [("fail", "P0001"), ("raise", "XX000"), ("nonsense", "XX000"), ("misfit", "22P02"), ("ragged", "08P01")],
)
def test_what_goes_wrong_in_the_function(function: Target, sql: str, sqlstate: str) -> None:
    """The session goes on, and an error within a transaction makes it a failed one."""
    with function.raw() as client:
        answers = client.exchange(query(sql))
        assert answers[-2:] == [f"E {sqlstate}", "Z I"]
        answers = client.exchange(parse(sql), bind(), execute(), SYNC)
        assert answers[-2:] == [f"E {sqlstate}", "Z I"]
        assert client.exchange(query(f"begin; {sql}"))[-2:] == [f"E {sqlstate}", "Z E"]
        assert client.exchange(query("numbers 1")) == ["E 25P02", "Z E"]
        assert client.exchange(query("rollback")) == ["C ROLLBACK", "Z I"]
        assert client.exchange(query("hello"))[:2] == ["T", "D hello"]


def test_text_of_a_bug_stays_inside(function: Target) -> None:
    with function.raw() as client:
        client.send(query("raise"))
        fields = client.until_ready()[0].fields
        assert fields["C"] == "XX000"
        assert "a bug in the handler" in function.output()


def test_describing_does_not_run(function: Target) -> None:
    with function.raw() as client:
        answers = client.exchange(parse("wait"), describe("S"), SYNC)
        assert answers == ["1", "t", "T", "Z I"]


def test_formats(function: Target) -> None:
    with function.raw() as client:
        client.send(parse("numbers 1"), bind(result_formats=[1, 0]), describe("P"), execute(), SYNC)
        answers = client.until_ready()
        assert answers[2].columns == [("n", 23, 1), ("square", 20, 0)]
        assert answers[3].row == (struct.pack("!i", 1), b"1")


def test_cancel(function: Target) -> None:
    with psycopg.connect(function.dsn, autocommit=True) as connection:
        done = threading.Event()

        def cancel() -> None:
            while not done.wait(0.1):
                connection.cancel_safe()

        canceller = threading.Thread(target=cancel)
        canceller.start()
        try:
            with pytest.raises(psycopg.errors.QueryCanceled):
                connection.execute("wait")
        finally:
            done.set()
            canceller.join()
        assert connection.execute("anything").fetchone() == ("hello",)


async def test_many_at_once(function: Target) -> None:
    async def work() -> int:
        connection = await asyncpg.connect(**function.asyncpg)
        try:
            return sum([len(await connection.fetch("numbers 20")) for _ in range(10)])
        finally:
            await connection.close()

    assert await asyncio.gather(*(work() for _ in range(20))) == [200] * 20


def test_session_statements_come_before_the_function(function: Target) -> None:
    with function.raw() as client:
        assert client.exchange(query("set application_name = 'x'")) == ["C SET", "S", "Z I"]
        assert client.exchange(query("show application_name")) == ["T", "D x", "C SHOW", "Z I"]
        assert client.exchange(query("select version()"))[1].startswith("D PostgreSQL ")
