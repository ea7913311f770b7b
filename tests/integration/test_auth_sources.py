"""Users from functions and tables; who does not exist costs the same work and stays the same; secrets stay secret."""

from __future__ import annotations

import asyncio
import logging
import socket
import sqlite3
import struct
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

import pgwire_py as pg
from pgwire_py import _impl
from pgwire_py.auth import AuthSource, HostBasedRules, ScramVerifier, UsersFunction, md5_password
from pgwire_py.engines.sqlite import SqliteEngine
from pgwire_py.server.sql_users import SqlUsers
from tests.support import DUCKDB
from tests.support.hosted import LOOPS, Hosted, hosted
from tests.support.login import Login
from tests.support.raw import startup

PASSWORD = "lovelace"
ITERATIONS = 1234
SCRAM = ScramVerifier.generate(PASSWORD, ITERATIONS)
RULES = ["host clear all all password", "host md5 all all md5", "host all all all scram-sha-256"]


async def answer(query: pg.Query) -> pg.Result:
    return pg.Result([pg.Column("n", pg.INT4)], [(1,)])


def find(user: str, database: str) -> ScramVerifier | str | None:
    return {"ada": SCRAM, "old": md5_password(PASSWORD, "old")}.get(user)


def outcome(it: Hosted, user: str, password: str, database: str = "app") -> str:
    dsn = f"host=127.0.0.1 port={it.server.port} sslmode=disable"
    try:
        with psycopg.connect(dsn, user=user, password=password, dbname=database) as connection:
            connection.execute("select 1")
            return "in"
    except psycopg.OperationalError as error:
        return str(error).partition("FATAL:  ")[2].strip()


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "app.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("create table account (name text, secret text)")
        rows = [("ada", SCRAM.format()), ("null", None), ("odd", "lovelace"), ("twice", "x"), ("twice", "x")]
        connection.executemany("insert into account values (?, ?)", rows)
    connection.close()
    return path


@pytest.mark.parametrize("new_loop", LOOPS.values(), ids=LOOPS)
def test_users_in_a_table(table: Path, new_loop: Callable[[], Any], caplog: pytest.LogCaptureFixture) -> None:
    engine = SqliteEngine(table)
    users = SqlUsers(engine, "select secret from account where name = $1", iterations=ITERATIONS)
    with hosted(engine, new_loop, auth=users) as it:
        assert outcome(it, "ada", PASSWORD) == "in"
        for user, password in (
            ("ada", "wrong"), ("null", PASSWORD), ("eve", PASSWORD), ("' or 1=1 --", PASSWORD), ("odd", PASSWORD),
            ("twice", PASSWORD),
        ):  # fmt: skip
            assert outcome(it, user, password) == f'password authentication failed for user "{user}"'
        assert outcome(it, "ada", PASSWORD) == "in"
    assert "more than one row" in caplog.text
    assert PASSWORD not in caplog.text


@pytest.mark.skipif(not DUCKDB, reason="DuckDB 2 is not made for this Python")
def test_users_in_a_duckdb_table(tmp_path: Path) -> None:
    import duckdb

    from pgwire_py.engines.duckdb import DuckDBEngine

    path = tmp_path / "app.duckdb"
    with duckdb.connect(path) as connection:
        connection.execute("create table account (name text, secret text)")
        rows = [("ada", SCRAM.format()), ("null", None), ("odd", "lovelace"), ("twice", "x"), ("twice", "x")]
        connection.executemany("insert into account values (?, ?)", rows)
    engine = DuckDBEngine(path)
    with hosted(
        engine, auth=SqlUsers(engine, "select secret from account where name = $1", iterations=ITERATIONS)
    ) as it:
        assert outcome(it, "ada", PASSWORD) == "in"
        for user in ("null", "eve", "odd", "twice"):
            assert outcome(it, user, PASSWORD) == f'password authentication failed for user "{user}"'


def test_a_query_that_fails(table: Path) -> None:
    engine = SqliteEngine(table)
    with hosted(engine, auth=SqlUsers(engine, "select secret from nothing where name = $1")) as it:
        assert outcome(it, "ada", PASSWORD) == "the users cannot be looked up"
    for query in ("select 1; select 2", "", "select '"):
        with pytest.raises(ValueError, match="the users' query"):
            SqlUsers(engine, query)


@pytest.mark.parametrize("database", ["clear", "md5", "app"])
def test_failures_cost_the_same_work(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """PBKDF2 is what a login's time is made of: the same for a wrong password as for a user who does not exist."""
    rounds: list[int] = []
    real = _impl.scram_salted_password

    def counted(password: bytes, salt: bytes, iterations: int) -> bytes:
        rounds.append(iterations)
        return real(password, salt, iterations)

    users = UsersFunction(find, iterations=ITERATIONS)
    with hosted(answer, auth=HostBasedRules(RULES), users=users) as it:
        monkeypatch.setattr(_impl, "scram_salted_password", counted)
        seen = []
        for user in ("ada", "eve"):
            assert outcome(it, user, "wrong", database) == f'password authentication failed for user "{user}"'
            seen.append(rounds[:])
            rounds.clear()
    assert seen[0] == seen[1] == ([ITERATIONS] if database == "clear" else [])


def salt(it: Hosted, user: str) -> bytes:
    with it.connect() as client:
        attempt = Login(client, user)
        attempt.scram("wrong")
        return dict(part.split(b"=", 1) for part in attempt.server_first.split(b","))[b"s"]


def test_who_does_not_exist_keeps_his_salt_over_restarts() -> None:
    secret = bytes(range(32))
    salts = []
    for mock_secret in (secret, secret, None, None):
        with hosted(answer, auth=UsersFunction(find), mock_secret=mock_secret) as it:
            salts.append(salt(it, "eve"))
            assert mock_secret in (None, it.server.mock_secret)
    assert salts[0] == salts[1]
    assert len(set(salts)) == 3
    with pytest.raises(ValueError, match="fewer than 32"):
        pg.Server(answer, mock_secret=b"short")


@pytest.mark.parametrize("user", ["ada", "old", "eve"])
@pytest.mark.parametrize("database", ["clear", "md5", "app"])
def test_no_secret_is_logged(user: str, database: str, caplog: pytest.LogCaptureFixture) -> None:
    users = UsersFunction(find, iterations=ITERATIONS)
    password = "a-secret-nobody-may-see"
    with caplog.at_level(logging.DEBUG), hosted(answer, auth=HostBasedRules(RULES), users=users) as it:
        text = outcome(it, user, password, database)
        assert text == f'password authentication failed for user "{user}"'
        shown = caplog.text + repr(it.server.authentication.rules) + repr(users)
    for secret in (password, SCRAM.format(), SCRAM.stored_key.hex(), md5_password(PASSWORD, "old")):
        assert secret not in shown


@pytest.mark.parametrize("new_loop", LOOPS.values(), ids=LOOPS)
def test_a_client_that_leaves_while_he_is_looked_up(
    new_loop: Callable[[], Any], caplog: pytest.LogCaptureFixture
) -> None:
    asked, gone = threading.Event(), threading.Event()

    async def slow(user: str, database: str) -> str | None:
        asked.set()
        await asyncio.get_running_loop().run_in_executor(None, gone.wait, 20)
        return SCRAM.format()

    with hosted(answer, new_loop, auth=UsersFunction(slow)) as it:
        with it.connect() as client:
            client.send(startup({"user": "ada", "database": "app"}))
            assert asked.wait(20)
            client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # vanishes
        deadline = time.monotonic() + 20
        while it.ask(lambda: len(it.server._protocols)):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        gone.set()
        assert outcome(it, "ada", PASSWORD) == "in"
    assert "Traceback" not in caplog.text
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


def test_a_source_that_fails_lets_nobody_in() -> None:
    def broken(user: str, database: str) -> str | None:
        raise RuntimeError("the directory is away")

    with hosted(answer, auth=UsersFunction(broken)) as it:
        assert outcome(it, "ada", PASSWORD) != "in"
    with hosted(answer, auth=UsersFunction(lambda user, database: PASSWORD)) as it:
        text = outcome(it, "ada", PASSWORD)
        assert text != "in"
        assert PASSWORD not in text


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"auth": "kerberos"}, "one of trust"),
        ({"auth": "md5"}, "needs users"),
        ({"auth": "cert"}, "client_ca"),
        ({"auth": "oauth"}, "needs oauth"),
        ({"auth": UsersFunction(find), "users": UsersFunction(find)}, "a second one"),
    ],
)
def test_what_methods_need(options: dict[str, AuthSource | str], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        pg.Server(answer, **options)  # type: ignore[arg-type]
