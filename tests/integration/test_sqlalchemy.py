"""SQLAlchemy core through psycopg and asyncpg, and pandas on top of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal

import pandas as pd
import pytest
import pytest_asyncio
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from tests.support.targets import Target


@pytest.fixture
def engine(target: Target) -> Iterator[sa.Engine]:
    made = sa.create_engine(target.url("postgresql+psycopg"), connect_args={"sslmode": "disable"})
    yield made
    made.dispose()


@pytest_asyncio.fixture
async def async_engine(target: Target) -> AsyncIterator[AsyncEngine]:
    made = create_async_engine(target.url("postgresql+asyncpg"), connect_args={"ssl": False})
    yield made
    await made.dispose()


@pytest.fixture
def people(table: str) -> sa.Table:
    """A table without a serial column: SQLite and DuckDB have no SERIAL."""
    return sa.Table(
        table,
        sa.MetaData(),
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("name", sa.String(40), nullable=False),
        sa.Column("score", sa.Float),
        sa.Column("price", sa.Numeric(10, 2)),
        sa.Column("born", sa.Date),
        sa.Column("seen", sa.DateTime),
        sa.Column("active", sa.Boolean),
    )


ROWS = [
    {"id": 1, "name": "Ada", "score": 1.5, "price": Decimal("10.50"), "born": dt.date(1815, 12, 10),
     "seen": dt.datetime(2024, 1, 2, 3, 4, 5, 678901), "active": True},
    {"id": 2, "name": "Bob's", "score": None, "price": None, "born": None, "seen": None, "active": False},
    {"id": 3, "name": "Çelik", "score": -0.25, "price": Decimal("-1.00"), "born": dt.date(2000, 2, 29),
     "seen": dt.datetime(1999, 12, 31, 23, 59, 59), "active": None},
]  # fmt: skip


@pytest.mark.smoke
def test_connecting(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        assert connection.execute(sa.text("select 'x'")).scalar_one() == "x"
        assert connection.dialect.server_version_info >= (15,)
        assert connection.dialect.default_schema_name == sa.inspect(engine).default_schema_name


@pytest.mark.smoke
def test_create_insert_select_drop(engine: sa.Engine, people: sa.Table) -> None:
    people.create(engine)
    with engine.begin() as connection:
        connection.execute(sa.insert(people), ROWS)
    with engine.connect() as connection:
        found = connection.execute(sa.select(people).order_by(people.c.id)).mappings().all()
        assert [dict(r) for r in found] == ROWS
        query = sa.select(people.c.name).where(people.c.id.in_([1, 3]), people.c.score > 0)
        assert connection.execute(query).scalars().all() == ["Ada"]
    people.drop(engine)
    assert not sa.inspect(engine).has_table(people.name)


def test_create_all_is_idempotent(engine: sa.Engine, people: sa.Table) -> None:
    people.metadata.create_all(engine)
    people.metadata.create_all(engine)
    people.metadata.drop_all(engine)
    people.metadata.drop_all(engine)


def test_update_delete_returning(engine: sa.Engine, people: sa.Table) -> None:
    people.create(engine)
    with engine.begin() as connection:
        new = connection.execute(sa.insert(people).values(ROWS).returning(people.c.id))
        assert sorted(new.scalars()) == [1, 2, 3]
        result = connection.execute(sa.update(people).where(people.c.id > 1).values(score=people.c.id * 2))
        assert result.rowcount == 2
        gone = sa.delete(people).where(people.c.id == 3).returning(people.c.name, people.c.score)
        assert [tuple(r) for r in connection.execute(gone)] == [("Çelik", 6.0)]
    with engine.connect() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(people)).scalar_one() == 2


def test_aggregates_joins_and_grouping(engine: sa.Engine, people: sa.Table) -> None:
    people.create(engine)
    other = people.alias("other")
    with engine.begin() as connection:
        connection.execute(sa.insert(people), ROWS)
        pairs = (
            sa.select(people.c.id, other.c.id).join(other, people.c.id < other.c.id).order_by(people.c.id, other.c.id)
        )
        assert [tuple(r) for r in connection.execute(pairs)] == [(1, 2), (1, 3), (2, 3)]
        counted = sa.select(people.c.price.is_(None).label("none"), sa.func.count().label("n")).group_by("none")
        assert sorted(tuple(r) for r in connection.execute(counted)) == [(False, 2), (True, 1)]


@pytest.mark.smoke
def test_inspection(engine: sa.Engine, people: sa.Table) -> None:
    people.create(engine)
    inspector = sa.inspect(engine)
    assert inspector.has_table(people.name)
    assert not inspector.has_table("no_such_table")
    assert people.name in inspector.get_table_names()


def test_rollback(engine: sa.Engine, people: sa.Table) -> None:
    people.create(engine)
    with engine.connect() as connection:
        connection.execute(sa.insert(people), ROWS[:1])
        connection.rollback()
        assert connection.execute(sa.select(people.c.id)).all() == []
        with pytest.raises(sa.exc.IntegrityError):
            connection.execute(sa.insert(people).values([ROWS[0], ROWS[0]]))
        connection.rollback()
        with pytest.raises(sa.exc.ProgrammingError):
            connection.execute(sa.text("select * from no_such_table"))


@pytest.mark.engines("postgres", "sqlite")
def test_savepoints(engine: sa.Engine, people: sa.Table) -> None:
    people.create(engine)
    with engine.begin() as connection:
        connection.execute(sa.insert(people), ROWS[:1])
        nested = connection.begin_nested()
        connection.execute(sa.insert(people), ROWS[1:])
        nested.rollback()
    with engine.connect() as connection:
        assert connection.execute(sa.select(people.c.id)).scalars().all() == [1]


@pytest.mark.smoke
async def test_asyncpg_driver(async_engine: AsyncEngine, people: sa.Table) -> None:
    async with async_engine.begin() as connection:
        await connection.run_sync(people.create)
        await connection.execute(sa.insert(people), ROWS)
    async with async_engine.connect() as connection:
        found = (await connection.execute(sa.select(people).order_by(people.c.id))).mappings().all()
        assert [dict(r) for r in found] == ROWS
        names = await connection.run_sync(lambda c: sa.inspect(c).get_table_names())
        assert people.name in names
        assert await connection.run_sync(lambda c: sa.inspect(c).has_table(people.name))
        result = await connection.execute(
            sa.update(people).where(people.c.id == 1).values(name="x").returning(people.c.name)
        )
        assert result.scalars().all() == ["x"]
        await connection.rollback()
    async with async_engine.begin() as connection:
        assert (await connection.execute(sa.select(people.c.name).where(people.c.id == 1))).scalar_one() == "Ada"
        await connection.run_sync(people.drop)


# pandas


@pytest.mark.smoke
def test_pandas_round_trip(engine: sa.Engine, table: str) -> None:
    frame = pd.DataFrame(
        {
            "n": pd.Series([1, 2, 3], dtype="int64"),
            "x": [0.5, None, -1e100],
            "word": ["a", None, "Grüße"],
            "seen": pd.to_datetime(["2024-01-02 03:04:05.678901", None, "1999-12-31 23:59:59.000001"]).astype(
                "datetime64[us]"
            ),
            "flag": [True, False, True],
        }
    )
    frame.to_sql(table, engine, index=False)
    found = pd.read_sql(f"select * from {table} order by n", engine)
    pd.testing.assert_frame_equal(found, frame, check_dtype=False)
    assert [found[c].dtype.kind for c in ("n", "x", "seen", "flag")] == ["i", "f", "M", "b"]


def test_pandas_append_and_replace(engine: sa.Engine, table: str) -> None:
    frame = pd.DataFrame({"n": range(1000), "word": [f"w{i}" for i in range(1000)]})
    frame.to_sql(table, engine, index=False, method="multi", chunksize=250)
    frame.to_sql(table, engine, index=False, if_exists="append")
    assert pd.read_sql_query(sa.text(f"select count(*) as n from {table}"), engine)["n"].tolist() == [2000]
    frame.head(5).to_sql(table, engine, index=False, if_exists="replace")
    found = pd.read_sql_query(
        sa.text(f"select n, word from {table} where n < :top order by n"), engine, params={"top": 3}
    )
    pd.testing.assert_frame_equal(found, frame.head(3), check_dtype=False)


def test_pandas_reads_in_chunks(engine: sa.Engine) -> None:
    sql = "with recursive n(i) as (select 1 union all select i + 1 from n where i < 2500) select i from n"
    sizes = [len(chunk) for chunk in pd.read_sql_query(sa.text(sql), engine, chunksize=1000)]
    assert sizes == [1000, 1000, 500]


def test_pandas_read_sql_table(engine: sa.Engine, table: str) -> None:
    pd.DataFrame({"n": [1, 2], "word": ["a", "b"]}).to_sql(table, engine, index=False)
    assert pd.read_sql_table(table, engine, columns=["word"])["word"].tolist() == ["a", "b"]
