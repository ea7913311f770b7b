"""Cursors as clients use them: psycopg's named ones, SQLAlchemy's stream_results, asyncpg's, and postgres_fdw in a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator

import asyncpg
import psycopg
import pytest
import sqlalchemy as sa
from psycopg import errors

from tests.support.postgres import Programs, running_cluster
from tests.support.targets import Target

ROWS = 1_250


@pytest.fixture
def numbers(target: Target, table: str) -> str:
    """A table of 1 to ROWS with a word and half of the number each."""
    with psycopg.connect(target.dsn, autocommit=True) as connection:
        connection.execute(f"create table {table} (n int4 primary key, word text, half float8)")
        rows = ", ".join(f"({n}, 'word {n}', {n / 2})" for n in range(1, ROWS + 1))
        connection.execute(f"insert into {table} values {rows}")
    return table


@pytest.fixture
def connection(target: Target) -> Iterator[psycopg.Connection]:
    with psycopg.connect(target.dsn) as made:
        yield made


@pytest.mark.smoke
@pytest.mark.parametrize("binary", [False, True])
def test_named_cursor(connection: psycopg.Connection, numbers: str, binary: bool) -> None:
    with connection.cursor("it", binary=binary) as cursor:
        cursor.itersize = 100
        cursor.execute(f"select n, word, half from {numbers} where n > %s order by n", (1,))
        assert cursor.description is not None
        assert [column.name for column in cursor.description] == ["n", "word", "half"]
        assert cursor.fetchone() == (2, "word 2", 1.0)
        assert cursor.fetchmany(2) == [(3, "word 3", 1.5), (4, "word 4", 2.0)]
        assert [row[0] for row in cursor] == list(range(5, ROWS + 1))
        assert cursor.fetchone() is None


@pytest.mark.smoke
def test_scrollable_named_cursor(connection: psycopg.Connection, numbers: str) -> None:
    with connection.cursor("it", scrollable=True) as cursor:
        cursor.execute(f"select n from {numbers} order by n")
        cursor.scroll(ROWS - 1, mode="absolute")
        assert cursor.fetchall() == [(ROWS,)]
        cursor.scroll(0, mode="absolute")
        assert cursor.fetchmany(2) == [(1,), (2,)]
        cursor.scroll(-2)
        assert cursor.fetchone() == (1,)
        cursor.scroll(1_000)
        assert cursor.fetchone() == (1_002,)
    with connection.cursor("it", scrollable=False) as cursor:
        cursor.execute(f"select n from {numbers} order by n")
        assert cursor.fetchone() == (1,)
        with pytest.raises(errors.ObjectNotInPrerequisiteState):
            cursor.scroll(-1)


@pytest.mark.smoke
def test_named_cursor_with_hold(connection: psycopg.Connection, numbers: str) -> None:
    with connection.cursor("it", withhold=True) as cursor:
        cursor.execute(f"select n from {numbers} order by n")
        assert cursor.fetchone() == (1,)
        connection.commit()
        connection.execute(f"delete from {numbers} where n > 10")
        assert cursor.fetchone() == (2,)
        connection.rollback()
        assert len(cursor.fetchall()) == ROWS - 2


def test_named_cursor_does_not_see_later_writes(connection: psycopg.Connection, numbers: str) -> None:
    with connection.cursor("it") as cursor:
        cursor.itersize = 10
        cursor.execute(f"select n, word, half from {numbers}")
        count = 0
        for row in cursor:
            count += 1
            if count <= 50:
                connection.execute(f"insert into {numbers} values (%s, %s, %s)", (row[0] + 10_000, row[1], row[2]))
        assert count == ROWS
    connection.rollback()


def test_stream_results(target: Target, numbers: str) -> None:
    engine = sa.create_engine(target.url("postgresql+psycopg"), connect_args={"sslmode": "disable"})
    with engine.connect() as connection:
        result = connection.execution_options(stream_results=True, max_row_buffer=50).execute(
            sa.text(f"select n, word from {numbers} where n <= :last order by n"), {"last": 1_000}
        )
        assert [row.n for row in result] == list(range(1, 1_001))
        result = connection.execute(sa.text(f"select n from {numbers}"))
        assert [len(part) for part in result.partitions(300)] == [300] * 4 + [50]
    engine.dispose()


async def test_asyncpg_cursors(target: Target, numbers: str) -> None:
    connection = await asyncpg.connect(**target.asyncpg)
    async with connection.transaction():
        cursor = await connection.cursor(f"select n from {numbers} order by n")
        assert [row["n"] for row in await cursor.fetch(3)] == [1, 2, 3]
        assert await cursor.forward(1_000) == 1_000
        assert (await cursor.fetchrow())["n"] == 1_004
        await connection.execute(f"update {numbers} set word = 'x'")
        assert len(await cursor.fetch(5_000)) == ROWS - 1_004
        seen = [row["n"] async for row in connection.cursor(f"select n from {numbers} order by n", prefetch=70)]
        assert seen == list(range(1, ROWS + 1))
    await connection.close()


# -- postgres_fdw ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def wrapper(programs: Programs) -> Iterator[psycopg.Connection]:
    """A PostgreSQL that has postgres_fdw."""
    with (
        running_cluster(programs) as cluster,
        psycopg.connect(
            host=cluster.host, port=cluster.port, user=cluster.user, dbname=cluster.dbname, autocommit=True
        ) as connection,
    ):
        found = connection.execute("select 1 from pg_available_extensions where name = 'postgres_fdw'").fetchall()
        assert found, f"{programs} lacks what this test needs (contrib: postgres_fdw)"
        connection.execute("create extension postgres_fdw")
        yield connection


@pytest.fixture
def foreign(wrapper: psycopg.Connection, our_target: Target, table: str) -> Iterator[str]:
    """A foreign schema: tables ``item`` (1,000 rows) and ``owner`` on our server, imported into PostgreSQL."""
    item, owner = f"item_{table}", f"owner_{table}"
    with psycopg.connect(our_target.dsn, autocommit=True) as connection:
        connection.execute(f"create table {item} (id int4 primary key, word text, price float8, made timestamp)")
        connection.execute(f"create table {owner} (id int4 primary key, item int4)")
        rows = ", ".join(f"({n}, 'word {n}', {n / 2}, '2024-02-29 12:00:00')" for n in range(1, 1_001))
        connection.execute(f"insert into {item} values {rows}")
        connection.execute(f"insert into {owner} values (1, 10), (2, 20), (3, 10)")
        options = f"host '{our_target.host}', port '{our_target.port}', dbname '{our_target.dbname}'"
        wrapper.execute(f"create server {table} foreign data wrapper postgres_fdw options ({options})")
        wrapper.execute(
            f"create user mapping for current_user server {table} options (user '{our_target.user}', password_required 'false')"
        )
        wrapper.execute(f"create schema {table}")
        wrapper.execute(f"import foreign schema public limit to ({item}, {owner}) from server {table} into {table}")
        for name, imported in (("item", item), ("owner", owner)):
            wrapper.execute(f"alter foreign table {table}.{imported} rename to {name}")
        yield table
        wrapper.execute(f"drop server {table} cascade")


def test_foreign_select(wrapper: psycopg.Connection, foreign: str) -> None:
    found = wrapper.execute(
        f"select id, price, made::text from {foreign}.item where id > 998 and word <> 'x' order by id"
    )
    assert found.fetchall() == [(999, 499.5, "2024-02-29 12:00:00"), (1_000, 500.0, "2024-02-29 12:00:00")]
    assert wrapper.execute(f"select count(*), sum(price) from {foreign}.item").fetchone() == (1_000, 250_250.0)
    assert len(wrapper.execute(f"select * from {foreign}.item").fetchall()) == 1_000
    plan = wrapper.execute(f"explain (verbose, costs off) select id from {foreign}.item where id > 990").fetchall()
    assert "WHERE ((id > 990))" in plan[-1][0]


def test_foreign_join(wrapper: psycopg.Connection, foreign: str) -> None:
    joined = f"select o.id, i.word from {foreign}.owner o join {foreign}.item i on i.id = o.item order by 1"
    assert wrapper.execute(joined).fetchall() == [(1, "word 10"), (2, "word 20"), (3, "word 10")]


def test_foreign_rescan(wrapper: psycopg.Connection, foreign: str) -> None:
    """A nested loop reads the foreign table again for each row: MOVE BACKWARD ALL."""
    with wrapper.transaction():
        for way in ("hashjoin", "mergejoin", "material", "memoize"):
            wrapper.execute(f"set local enable_{way} = off")
        found = wrapper.execute(
            f"select x.n, count(i.id) from (values (0), (1), (2)) x(n) left join {foreign}.item i on i.id % 3 = x.n group by 1 order by 1"
        )
        assert found.fetchall() == [(0, 333), (1, 334), (2, 333)]


def test_foreign_writes(wrapper: psycopg.Connection, foreign: str) -> None:
    inserted = wrapper.execute(f"insert into {foreign}.item values (2000, 'new', 1.25, null) returning id, word")
    assert inserted.fetchall() == [(2_000, "new")]
    many = wrapper.execute(f"insert into {foreign}.item select g, 'x', 1 from generate_series(3000, 3010) g")
    assert many.statusmessage == "INSERT 0 11"
    updated = wrapper.execute(f"update {foreign}.item set word = 'other' where id = 2000 returning word")
    assert updated.fetchall() == [("other",)]
    assert wrapper.execute(f"delete from {foreign}.item where id >= 3000").statusmessage == "DELETE 11"
    with pytest.raises(errors.UniqueViolation):
        wrapper.execute(f"insert into {foreign}.item values (1)")
    wrapper.execute("begin")
    wrapper.execute(f"delete from {foreign}.item")
    wrapper.execute("rollback")
    assert wrapper.execute(f"select count(*) from {foreign}.item").fetchone() == (1_001,)
