"""``pgwire-py serve`` as people run it: a process, the URI that it prints, a client, a signal."""

from __future__ import annotations

import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import psycopg
import pytest

from pgwire_py.auth import ScramVerifier, users_file_line

WAIT = 60.0
"""Seconds after which a process that should have answered or ended has failed the test."""


@contextmanager
def serving(*arguments: str | Path, end: signal.Signals = signal.SIGINT) -> Iterator[str]:
    """Run ``serve --port 0``; gives the printed URI; afterwards ends it by a signal and expects status 0."""
    command = [sys.executable, "-m", "pgwire_py", "serve", "--port", "0", *map(str, arguments)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        uri = None
        assert process.stdout is not None
        for line in process.stdout:
            if found := re.fullmatch(r"  (postgresql://\S+)\n", line):
                uri = found[1]
            if line.startswith("Ctrl-C"):
                break
        assert uri is not None, process.communicate(timeout=WAIT)
        yield uri
        process.send_signal(end)
        _, errors = process.communicate(timeout=WAIT)
        assert process.returncode == 0, errors
        assert "Traceback" not in errors
    finally:
        process.kill()
        process.communicate()


def fetch(uri: str, sql: str, **options: str) -> list[tuple[object, ...]]:
    with psycopg.connect(uri, **options) as connection:
        return connection.execute(sql).fetchall()


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_demo(end: signal.Signals) -> None:
    with serving(end=end) as uri:
        assert fetch(uri, "select crew from flight where name = 'Apollo 11'") == [
            (["Neil Armstrong", "Michael Collins", "Buzz Aldrin"],)
        ]


def test_ends_although_a_client_is_connected() -> None:
    with serving() as uri:
        connection = psycopg.connect(uri)
    with pytest.raises(psycopg.OperationalError):
        connection.execute("select 1")
    connection.close()


def test_sqlite(tmp_path: Path) -> None:
    path = tmp_path / "things.db"
    with sqlite3.connect(path) as connection:
        connection.execute("create table thing (id integer primary key, name text)")
        connection.execute("insert into thing values (1, 'lamp')")
    connection.close()
    with serving(path) as uri:
        assert uri.endswith("/things")
        assert fetch(uri, "select name from thing") == [("lamp",)]


def test_duckdb_read_only(tmp_path: Path) -> None:
    path = tmp_path / "things.duckdb"
    with duckdb.connect(path) as connection:
        connection.execute("create table thing as select 1 as id, 'lamp' as name")
    with serving(path, "--read-only") as uri:
        assert fetch(uri, "select name from thing") == [("lamp",)]
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            fetch(uri, "insert into thing values (2, 'chair')")


def test_demo_read_only() -> None:
    with serving("--read-only") as uri:
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            fetch(uri, "delete from landing")
        assert fetch(uri, "select count(*) > 0 from landing") == [(True,)]


def test_files(tmp_path: Path) -> None:
    (tmp_path / "lamp.csv").write_text("id,colour\n1,red\n")
    (tmp_path / "chair.json").write_text('[{"id": 1, "legs": 4}]')
    with serving(tmp_path) as uri:
        assert fetch(uri, "select colour, legs from lamp join chair using (id)") == [("red", 4)]


def test_scram(tmp_path: Path) -> None:
    users = tmp_path / "users"
    users.write_text(users_file_line("ada", ScramVerifier.generate("löve lace").format()) + "\n")
    users.chmod(0o600)
    with serving("--users", users) as uri:
        assert "://ada@" in uri
        assert fetch(uri, "select 1", password="löve lace") == [(1,)]
        for user, password in (("ada", "wrong"), ("bob", "löve lace")):
            with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
                psycopg.connect(uri, user=user, password=password)


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="this system has no Unix-domain sockets")
def test_unix_socket(tmp_path: Path) -> None:
    with serving("--unix-socket", tmp_path) as uri:  # the last URI printed is the socket's
        assert f"host={tmp_path}" in uri
        assert fetch(uri, "select 1") == [(1,)]


def test_port_in_use() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        command = [sys.executable, "-m", "pgwire_py", "serve", "--port", str(port)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=WAIT, check=False)
    assert done.returncode == 1
    assert done.stderr == f"pgwire-py: 127.0.0.1:{port} is in use; choose another --port (0 picks a free one)\n"


def test_database_that_cannot_be_opened(tmp_path: Path) -> None:
    path = tmp_path / "broken.duckdb"
    with duckdb.connect(path) as connection:
        connection.execute("create table t (x integer)")
    with path.open("r+b") as file:
        file.seek(16)
        file.write(os.urandom(8192))
    command = [sys.executable, "-m", "pgwire_py", "serve", "--port", "0", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=WAIT, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith(f"pgwire-py: cannot open the DuckDB database {path}: ")
    assert done.stderr.count("\n") == 1


def test_limits_and_parameters() -> None:
    limits = ["--max-connections-per-user", "1", "--tcp-keepalives-idle", "30", "--startup-timeout", "5.5"]
    with serving(*limits, "-c", "statement_timeout=90s", "-c", "TimeZone=Europe/Berlin", "-c", "app.name=x=y") as uri:
        rows = fetch(uri, "select current_setting(n) from unnest(['statement_timeout', 'timezone', 'app.name']) t(n)")
        assert rows == [("90s",), ("Europe/Berlin",), ("x=y",)]
        with psycopg.connect(uri, user="ada"):
            with pytest.raises(psycopg.OperationalError, match="too many connections"):
                psycopg.connect(uri, user="ada")
            with psycopg.connect(uri, user="bob"):
                pass
