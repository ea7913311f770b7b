"""COPY as drivers and tools use it, with both engines: psycopg, asyncpg, ADBC, connectorx, pandas, pgbench -i."""

from __future__ import annotations

import csv
import io
import subprocess
from datetime import datetime, timedelta
from typing import Any

import adbc_driver_postgresql.dbapi as adbc
import asyncpg
import connectorx
import pandas as pd
import psycopg
import pyarrow as pa
import pytest
import sqlalchemy as sa

from tests.support.postgres import Programs
from tests.support.psql import run_psql
from tests.support.targets import Target

START = datetime(2020, 1, 1)
ROWS = [(n, f"tab\t{n}" if n % 3 else None, START + timedelta(seconds=n), n * 0.5) for n in range(2000)]


@pytest.fixture
def filled(our_target: Target, table: str) -> str:
    """A table of four types with ROWS in it, which came by COPY."""
    with psycopg.connect(our_target.dsn) as connection, connection.cursor() as cursor:
        cursor.execute(f"create table {table} (n int8, word text, at timestamp, f float8)")
        with cursor.copy(f"copy {table} from stdin") as copy:
            for row in ROWS:
                copy.write_row(row)
        assert (cursor.rowcount, cursor.statusmessage) == (2000, "COPY 2000")
    return table


@pytest.mark.parametrize("binary", [False, True])
def test_psycopg(our_target: Target, filled: str, binary: bool) -> None:
    types = ["int8", "text", "timestamp", "float8"]
    options = "(format binary)" if binary else ""
    with psycopg.connect(our_target.dsn) as connection, connection.cursor() as cursor:
        with cursor.copy(f"copy {filled} to stdout {options}") as copy:
            copy.set_types(types)
            assert list(copy.rows()) == ROWS
        with cursor.copy(f"copy {filled} from stdin {options}") as copy:
            copy.set_types(types)
            for row in ROWS:
                copy.write_row(row)
        assert cursor.execute(f"select count(*), sum(n) from {filled}").fetchone() == (4000, 2000 * 1999)


def test_psycopg_sees_errors(our_target: Target, filled: str) -> None:
    with psycopg.connect(our_target.dsn) as connection, connection.cursor() as cursor:

        def copy(rows: list[Any]) -> None:
            with cursor.copy(f"copy {filled} from stdin") as stream:
                for row in rows:
                    stream.write_row(row)  # a row that cannot be iterated is this side's error: CopyFail

        good = (1, "x" * 100, START, 1)
        with pytest.raises(psycopg.errors.InvalidTextRepresentation) as raised:
            copy([("zz", "", START, 1), *[good] * 50_000])  # goes on while the error is on its way
        assert raised.value.diag.context == f'COPY {filled}, line 1, column n: "zz"'
        connection.rollback()
        with pytest.raises(TypeError):
            copy([good, 7])
        connection.rollback()
        assert cursor.execute(f"select count(*) from {filled}").fetchone() == (2000,)


async def test_asyncpg(our_target: Target, filled: str) -> None:
    connection: Any = await asyncpg.connect(**our_target.asyncpg)
    assert await connection.copy_records_to_table(filled, records=ROWS) == "COPY 2000"
    named = await connection.copy_records_to_table(filled, records=[(r[1], r[0]) for r in ROWS], columns=["word", "n"])
    assert named == "COPY 2000"
    source = io.BytesIO(b"n;word\n-1;x\n")
    options = {"format": "csv", "header": True, "delimiter": ";"}
    assert await connection.copy_to_table(filled, source=source, columns=["n", "word"], **options) == "COPY 1"
    output = io.BytesIO()
    query = f"select n, word from {filled} where n < $1 or word = $2"
    assert await connection.copy_from_query(query, 0, "it's", output=output, format="csv") == "COPY 1"
    assert output.getvalue() == b"-1,x\n"
    output = io.BytesIO()
    assert await connection.copy_from_table(filled, output=output, format="binary") == "COPY 6001"
    assert output.getvalue().startswith(b"PGCOPY\n\xff\r\n\0")
    assert output.getvalue().endswith(b"\xff\xff")
    with pytest.raises(asyncpg.UndefinedTableError):
        await connection.copy_to_table("missing", source=io.BytesIO(b"1\n"))
    with pytest.raises(TypeError):
        await connection.copy_records_to_table(filled, records=[(1, "x", START, 0.5), ("z", "x", START, 0.5)])
    assert await connection.fetchval(f"select count(*) from {filled}") == 6001
    await connection.close()


def test_adbc(our_target: Target, filled: str, table: str) -> None:
    batch = pa.table(
        {
            "i": pa.array([1, None, 3], pa.int32()),
            "j": pa.array([1, 2, 3], pa.int64()),
            "s": pa.array(["a", None, "c"]),
            "f": pa.array([1.5, 2.5, None]),
            "at": pa.array([0, 1, 2], pa.timestamp("us")),
        }
    )
    with adbc.connect(our_target.url() + "?sslmode=disable") as connection, connection.cursor() as cursor:
        cursor.execute(f"select n, word, at, f from {filled} order by n")
        assert [tuple(row.values()) for row in cursor.fetch_arrow_table().to_pylist()] == ROWS
        assert cursor.adbc_ingest(f"{table}_new", batch, mode="create") == 3
        assert cursor.adbc_ingest(f"{table}_new", batch, mode="append") == 3
        connection.commit()
        cursor.execute(f"select * from {table}_new")
        assert cursor.fetch_arrow_table().to_pylist() == batch.to_pylist() * 2


@pytest.mark.parametrize("protocol", ["binary", "csv"])
def test_connectorx(our_target: Target, filled: str, protocol: str) -> None:
    query = f"select n, word, at, f from {filled} order by n"
    read: Any = connectorx.read_sql(
        our_target.url() + "?sslmode=disable", query, protocol=protocol, return_type="arrow"
    )
    assert read.column(0).to_pylist() == [row[0] for row in ROWS]
    assert read.column(3).to_pylist() == [row[3] for row in ROWS]


def test_pandas(our_target: Target, table: str) -> None:
    def by_copy(target: Any, connection: Any, keys: list[str], rows: Any) -> None:
        text = io.StringIO()
        csv.writer(text).writerows(rows)
        with connection.connection.cursor() as cursor:
            names = ", ".join(f'"{key}"' for key in keys)
            with cursor.copy(f'copy "{target.name}" ({names}) from stdin with csv') as copy:
                copy.write(text.getvalue())

    engine = sa.create_engine(our_target.url("postgresql+psycopg") + "?sslmode=disable")
    frame = pd.DataFrame({"x": [1, 2, 3], "y": ["a", 'b"', "c,d"]})
    frame.to_sql(table, engine, index=False, method=by_copy)
    assert pd.read_sql(f"select * from {table} order by x", engine).equals(frame)
    engine.dispose()


@pytest.mark.parametrize("steps", ["dtgvp", "dtGvp"])
def test_pgbench_initializes(our_target: Target, programs: Programs, steps: str) -> None:
    command = [programs.path("pgbench"), "-h", our_target.host, "-p", str(our_target.port), "-U", our_target.user]
    done = subprocess.run(
        [*command, "-i", "-q", "-s", "1", "-I", steps, our_target.dbname],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    rows = run_psql(programs, our_target.dsn, "select count(*), max(aid) from pgbench_accounts").stdout
    assert rows == "100000|100000\n"
    again = run_psql(programs, our_target.dsn, "insert into pgbench_accounts (aid) values (7)")
    assert "duplicate key" in again.stderr
    run = subprocess.run(
        [*command, "-t", "5", our_target.dbname], capture_output=True, text=True, check=False, timeout=120
    )
    assert run.returncode == 0, run.stderr
    assert "number of transactions actually processed: 5/5" in run.stdout
