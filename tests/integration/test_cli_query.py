"""``pgwire-py query`` and ``pgwire-py ping`` as people run them: processes, against PostgreSQL 18 and our own server."""

from __future__ import annotations

import csv
import io
import json
import os
import pty
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pytest
from pyarrow import parquet

from tests.support.postgres import Cluster, free_port, running_cluster
from tests.support.postgres18 import find_postgres18

WAIT = 60.0
"""Seconds after which a process that should have ended has failed the test."""

EVERYTHING = """
select n, n * 1.5 as half, 'tëxt "' || n || '"' as text, n % 2 = 0 as even, date '2024-02-29' + n as day, array[n, null] as list,
    '{"a": [1, null]}'::jsonb as object, null::text as nothing, 'NaN'::float8 as nan, '{"x,y",z}'::text[] as texts
from generate_series(1, 3) n
"""


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with running_cluster(find_postgres18()) as running:
        yield running


@pytest.fixture(scope="module")
def uri(cluster: Cluster) -> str:
    return f"postgresql://postgres@{cluster.host}:{cluster.port}/postgres"


def run(*arguments: str | Path, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pgwire_py", *map(str, arguments)]
    return subprocess.run(
        command, input=stdin, capture_output=True, text=True, check=False, timeout=WAIT, encoding="utf-8"
    )


def shown(*arguments: str | Path, stdin: str | None = None) -> str:
    """What is printed; nothing on stderr, exit status 0."""
    done = run(*arguments, stdin=stdin)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_tables(uri: str) -> None:
    assert shown("query", uri, EVERYTHING) == (
        " n | half |   text   | even |    day     |   list   |      object      | nothing | nan |   texts\n"
        "---+------+----------+------+------------+----------+------------------+---------+-----+-----------\n"
        ' 1 |  1.5 | tëxt "1" | f    | 2024-03-01 | {1,NULL} | {"a": [1, null]} |         | NaN | {"x,y",z}\n'
        ' 2 |  3.0 | tëxt "2" | t    | 2024-03-02 | {2,NULL} | {"a": [1, null]} |         | NaN | {"x,y",z}\n'
        ' 3 |  4.5 | tëxt "3" | f    | 2024-03-03 | {3,NULL} | {"a": [1, null]} |         | NaN | {"x,y",z}\n'
        "(3 rows)\n"
    )
    many = shown("query", uri, "select n, repeat('é', n) as text from generate_series(1, 2500) n").splitlines()
    assert (len(many), many[-1]) == (2_503, "(2500 rows)")
    assert max(map(len, many)) == 4 + 60 + 5
    assert many[100].endswith("| " + "é" * 59 + "…")
    assert shown("query", uri, r"select E'a\nb\x1b[2J' as text, '世界' as wide") == (
        "     text      | wide\n---------------+------\n a\\nb\\u001b[2J | 世界\n(1 row)\n"
    )


def test_csv_and_json(uri: str) -> None:
    rows = list(csv.DictReader(io.StringIO(shown("query", uri, EVERYTHING, "--format", "csv"))))
    assert (rows[1]["n"], rows[1]["text"], rows[1]["nothing"], rows[1]["texts"]) == ("2", 'tëxt "2"', "", '{"x,y",z}')
    expected: list[dict[str, Any]] = [
        {
            "n": n, "half": n * 1.5, "text": f'tëxt "{n}"', "even": n % 2 == 0, "day": f"2024-03-0{n}", "list": [n, None],
            "object": {"a": [1, None]}, "nothing": None, "nan": "NaN", "texts": ["x,y", "z"],
        }
        for n in (1, 2, 3)
    ]  # fmt: skip
    assert json.loads(shown("query", uri, EVERYTHING, "--format", "json")) == expected
    lines = shown("query", uri, EVERYTHING, "--format", "jsonl").splitlines()
    assert [json.loads(line) for line in lines] == expected
    assert json.loads(shown("query", uri, "select 1 where false", "--format", "json")) == []
    assert shown("query", uri, "select 1 as a where false", "--format", "csv") == "a\n"


def test_arrow_and_parquet(uri: str, tmp_path: Path) -> None:
    for name in ("a.arrow", "a.parquet"):
        path = tmp_path / name
        assert shown("query", uri, EVERYTHING, "-o", path) == ""
        table = parquet.read_table(path) if name.endswith("parquet") else pa.ipc.open_stream(path).read_all()
        assert table.select(["n", "texts", "nothing"]).to_pylist()[2] == {
            "n": 3,
            "texts": ["x,y", "z"],
            "nothing": None,
        }
    command = [sys.executable, "-m", "pgwire_py", "query", uri, "select 1 as a where false", "--format", "arrow"]
    piped = subprocess.run(command, capture_output=True, check=True, timeout=WAIT).stdout
    assert pa.ipc.open_stream(piped).read_all().schema == pa.schema([("a", pa.int32())])


def test_statements_and_parameters(uri: str, tmp_path: Path) -> None:
    assert (
        shown("query", uri, "select $1::int + $2 as sum", "-v", "1", "--param", "41", "--format", "jsonl")
        == '{"sum": 42}\n'
    )
    assert shown("query", uri, "-", "--format", "csv", stdin="select 5\nas five") == "five\n5\n"
    assert shown("query", uri, "create table t (n int)") == "CREATE TABLE\n"
    done = run("query", uri, "insert into t select generate_series(1, 3)", "--format", "json")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "INSERT 0 3\n")
    path = tmp_path / "t.csv"
    assert shown("query", uri, "table t", "--output", path) == ""
    assert path.read_text() == "n\n1\n2\n3\n"


def test_errors_are_printed_as_psql_does(uri: str, tmp_path: Path) -> None:
    done = run("query", uri, "select 1,\n  nope\n  from pg_class")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == 'ERROR:  column "nope" does not exist\nLINE 2:   nope\n          ^\n'
    path = tmp_path / "half.csv"
    done = run("query", uri, "select 1 / (5000 - n) from generate_series(1, 10000) n", "-o", path)
    assert (done.returncode, done.stderr, path.exists()) == (1, "ERROR:  division by zero\n", False)
    done = run("query", uri, "do $$ begin raise notice 'hey' using hint = 'look'; end $$")
    assert (done.returncode, done.stdout, done.stderr) == (0, "DO\n", "NOTICE:  hey\nHINT:  look\n")
    done = run("query", uri, "select $1::int", "-v", "x")
    assert done.returncode == 1
    assert done.stderr.startswith("ERROR:  ")
    done = run("query", uri, "select $1::int")
    assert (done.returncode, done.stderr) == (1, "pgwire-py: the statement takes 1 argument, 0 given\n")
    done = run("query", f"postgresql://127.0.0.1:{free_port()}/x", "select 1")
    assert done.returncode == 1
    assert "Connection refused" in done.stderr
    assert run("query", uri, "select 1", "--format", "xml").returncode == 2
    assert run("query", uri, "select 1", "-o", tmp_path / "none" / "x.csv").returncode == 1


def test_ctrl_c_cancels_the_statement(uri: str) -> None:
    command = [sys.executable, "-m", "pgwire_py", "query", uri, "select pg_sleep(600)"]
    running = "select count(*) from pg_stat_activity where query = 'select pg_sleep(600)' and state = 'active'"
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    with psycopg.connect(uri, autocommit=True) as connection:

        def wait_for(count: int) -> None:
            deadline = time.monotonic() + WAIT
            while connection.execute(running).fetchone() != (count,):
                assert process.poll() is None or count == 0
                assert time.monotonic() < deadline, connection.execute("select * from pg_stat_activity").fetchall()
                time.sleep(0.01)

        wait_for(1)
        process.send_signal(signal.SIGINT)
        out, errors = process.communicate(timeout=WAIT)
        assert (process.returncode, out, errors) == (130, "", "pgwire-py: interrupted\n")
        wait_for(0)


def test_a_progress_bar_on_a_terminal(uri: str, tmp_path: Path) -> None:
    """On stderr, where that is a terminal; none where the rows themselves go there."""
    path = tmp_path / "x.csv"
    sql = "select n from generate_series(1, 5000) n"
    assert "rows" in on_terminal("query", uri, sql, "-o", str(path))
    assert len(path.read_text().splitlines()) == 5_001
    assert on_terminal("query", uri, "select 1 as a") == " a\r\n---\r\n 1\r\n(1 row)\r\n"


def on_terminal(*arguments: str) -> str:
    """What a terminal shows."""
    master, slave = pty.openpty()
    shown: list[bytes] = []

    def read() -> None:
        while True:
            try:
                data = os.read(master, 10_000)
            except OSError:  # the other end is closed
                return
            if not data:
                return
            shown.append(data)

    thread = threading.Thread(target=read)
    thread.start()
    command = [sys.executable, "-m", "pgwire_py", *arguments]
    try:
        subprocess.run(command, stdin=slave, stdout=slave, stderr=slave, check=True, timeout=WAIT)
    finally:
        os.close(slave)
        thread.join(WAIT)
        os.close(master)
    return b"".join(shown).decode()


def test_a_reader_that_goes_away(uri: str) -> None:
    command = [
        sys.executable,
        "-m",
        "pgwire_py",
        "query",
        uri,
        "select generate_series(1, 100000000)",
        "--format",
        "csv",
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"generate_series\n"
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == b""
    assert process.wait(WAIT) == 1


def test_ping(uri: str, cluster: Cluster, rejecting: Callable[[], int]) -> None:
    address = f"{cluster.host}:{cluster.port}"
    assert shown("ping", uri) == f"{address} - accepting connections\n"
    assert shown("ping", f"postgresql://nobody@{address}/nowhere") == f"{address} - accepting connections\n"
    assert shown("ping", "-q", uri) == ""
    port = rejecting()
    done = run("ping", f"postgresql://127.0.0.1:{port}/x?sslmode=disable")
    assert (done.returncode, done.stdout) == (1, f"127.0.0.1:{port} - rejecting connections\n")
    port = free_port()
    done = run("ping", f"postgresql://127.0.0.1:{port}/x")
    assert (done.returncode, done.stdout) == (2, f"127.0.0.1:{port} - no response\n")
    for wrong in (("postgresql://h?nope=1",), ("--nope",), (uri, "--timeout", "x")):
        done = run("ping", *wrong)
        assert (done.returncode, done.stdout, done.stderr[:10]) == (3, "", "pgwire-py:")


@pytest.fixture
def rejecting() -> Iterator[Callable[[], int]]:
    """A server that is starting up."""
    import socket

    listener = socket.create_server(("127.0.0.1", 0))
    refusal = b"SFATAL\0VFATAL\0C57P03\0Mthe database system is starting up\0\0"

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(10_000)
            connection.sendall(b"E" + (len(refusal) + 4).to_bytes(4, "big") + refusal)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield lambda: int(listener.getsockname()[1])
    listener.close()


def test_our_own_server(tmp_path: Path) -> None:
    from pgwire_py.engines.sqlite import SqliteEngine
    from tests.support.hosted import hosted

    with hosted(SqliteEngine(tmp_path / "things.sqlite")) as it:
        uri = f"postgresql://me@127.0.0.1:{it.server.port}/things"
        assert shown("ping", uri).endswith("accepting connections\n")
        shown("query", uri, "create table t (id integer, name text)")
        shown("query", uri, "insert into t values ($1, $2)", "-v", "7", "-v", "Ada")
        assert shown("query", uri, "select * from t") == " id | name\n----+------\n  7 | Ada\n(1 row)\n"
        assert shown("query", uri, "select * from t", "--format", "jsonl") == '{"id": 7, "name": "Ada"}\n'
        assert shown("query", uri, "select * from t", "--format", "csv") == "id,name\n7,Ada\n"
        path = tmp_path / "t.parquet"
        assert shown("query", uri, "select * from t", "-o", path) == ""
        assert parquet.read_table(path).to_pylist() == [{"id": 7, "name": "Ada"}]
        done = run("query", uri, "select * from nowhere")
        assert (done.returncode, done.stdout, done.stderr[:8]) == (1, "", "ERROR:  ")
