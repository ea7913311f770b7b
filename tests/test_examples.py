"""What the documentation shows runs: its Python, its sessions with shown output, and the programs in examples/."""

from __future__ import annotations

import os
import re
import shlex
import signal
import sqlite3
import struct
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

import duckdb
import psycopg
import pytest

from pgwire_py.auth import ScramVerifier, users_file_line
from tests.support.certificates import make_certificates
from tests.support.oauth import OAuthClient
from tests.support.postgres import find_programs
from tests.support.psql import run_psql
from tests.support.raw import PROTOCOL_3_0, RawClient, message, query
from tests.support.servers import ServerProcess, running_server, serve_command

ROOT = Path(__file__).parents[1]
DOCUMENTS = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
WAIT = 60.0
"""Seconds after which a program that should have ended has failed the test."""

# examples/*.py → a query that psycopg sends to it, as which user, and the answer.
ANSWERS = {
    "fixed_result.py": ("postgres", "select", [(1, "one"), (2, "two")]),
    "cancel.py": ("postgres", "select", [(0, 0)]),
    "copy_data.py": ("postgres", "count", [(0,)]),
    "proxy.py": ("postgres", "select secret", [("select public",)]),
    "scram.py": ("ada:lovelace", "who am I", [("ada",)]),
    "hooks.py": ("postgres", "select 40 + 2", [(42,)]),
    "own_language.py": ("postgres", "get colour", [(1, "red"), (2, "green")]),
    "python_objects.py": ("postgres", "select sum(price * quantity) from booking where customer = 1", [(101.0,)]),
    "transaction.py": ("postgres", "get nothing", []),
    "datafusion_tables.py": (
        "postgres",
        "select name from stars where magnitude < 1 order by 1",
        [("Sirius",), ("Vega",)],
    ),
    "polars_frames.py": ("postgres", "select name from bright order by magnitude", [("Sirius",), ("Vega",)]),
    "gluesql_memory.py": ("postgres", "select name from stars where magnitude > 1", [("Deneb",)]),
}
OTHERS = {"bench.py", "cursor.py", "oauth.py", "secure_server.py"}
"""Examples that have a test of their own."""


@dataclass(frozen=True)
class Shown:
    """A piece of a document: where it begins, and its text without indentation or fences."""

    path: Path
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.path.relative_to(ROOT)}:{self.line}"


def _fenced(path: Path, language: str) -> Iterator[Shown]:
    text = path.read_text(encoding="utf-8")
    for match in re.finditer(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE):
        yield Shown(path, text[: match.start()].count("\n") + 2, match[1])


def _indented(path: Path) -> Iterator[Shown]:
    """Blocks indented by four spaces: what is typed in a terminal, and what it answers."""
    text = path.read_text(encoding="utf-8")
    for match in re.finditer(r"^(?:    .*\n|\n(?=    ))+", text, re.MULTILINE):
        block = re.sub(r"^    ", "", match[0], flags=re.MULTILINE)
        yield Shown(path, text[: match.start()].count("\n") + 1, block.strip("\n") + "\n")


PYTHON = [shown for path in DOCUMENTS for shown in _fenced(path, "python")]
TERMINAL = [shown for path in DOCUMENTS for shown in _indented(path)]
HELP = [
    (match[1], match[2])
    for shown in TERMINAL
    for match in re.finditer(r"^\$ pgwire-py (.*--help)\n((?:(?!\$ ).*\n)+)", shown.text, re.MULTILINE)
]
SESSIONS = [shown for shown in TERMINAL if re.search(r"^demo=> ", shown.text, re.MULTILINE)]
COMMANDS = sorted(
    {
        line.partition(" #")[0].rstrip()
        for shown in TERMINAL
        for line in shown.text.splitlines()
        if line.startswith("pgwire-py serve ")
    }
)


def test_something_is_shown() -> None:
    assert len(PYTHON) >= 6
    assert len(HELP) == 6
    assert len(SESSIONS) >= 1
    assert len(COMMANDS) >= 6


@pytest.mark.parametrize("shown", PYTHON, ids=str)
def test_python_runs(shown: Shown, tmp_path: Path) -> None:
    if "duckdb" in shown.text:
        _need_duckdb()
    script = tmp_path / "shown.py"
    script.write_text(shown.text, encoding="utf-8")
    command = [sys.executable, "-W", "error", str(script)]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=WAIT, cwd=tmp_path)
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.parametrize(("arguments", "output"), HELP, ids=[arguments for arguments, _ in HELP])
def test_help_is_as_shown(arguments: str, output: str) -> None:
    command = [Path(sysconfig.get_path("scripts")) / "pgwire-py", *shlex.split(arguments)]
    environment = {**os.environ, "COLUMNS": "100"}
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=WAIT, env=environment)
    assert result.returncode == 0, result.stderr
    assert _lines(result.stdout) == _lines(output)


@pytest.mark.parametrize("shown", SESSIONS, ids=str)
def test_session_answers_as_shown(shown: Shown) -> None:
    """The text that ``pgwire-py serve`` prints, and what psql prints for each query."""
    _need_duckdb()
    with running_server(serve_command()) as server:
        uri = f"postgresql://postgres@{server.host}:{server.port}/demo"
        if started := re.search(r"^\$ pgwire-py serve\n(.*?)(?=^\$ )", shown.text, re.DOTALL | re.MULTILINE):
            expected = re.sub(r"postgresql://\S+?/demo", uri, started[1]).rstrip()
            assert server.output.startswith(expected)
        queries = re.findall(r"^demo=> (.*)\n((?:(?!demo=> |\$ ).*\n)+)", shown.text, re.MULTILINE)
        assert queries
        for query, output in queries:
            result = run_psql(find_programs(), uri, query, options=())
            assert _lines(result.stdout) == _lines(output), result.stderr


def _lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.rstrip().splitlines()]


@pytest.mark.parametrize("line", COMMANDS)
def test_command_serves(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each command, in a folder that has the files it names, answers a query."""
    if "app.sqlite" not in line:
        _need_duckdb()
    if "gluesql" in line and sys.version_info[:2] not in ((3, 11), (3, 12)):
        pytest.skip("gluesql has wheels for Python 3.11 and 3.12 alone")
    _make_sources(tmp_path)
    monkeypatch.chdir(tmp_path)
    arguments = shlex.split(line)[2:]
    with running_server(serve_command(*arguments)) as server:
        user = "ada:lovelace" if "--users" in arguments else "postgres"
        host = "127.0.0.1" if server.host == "0.0.0.0" else server.host
        with psycopg.connect(f"postgresql://{user}@{host}:{server.port}/x") as connection:
            assert connection.execute("select 42").fetchone() == (42,)


def _need_duckdb() -> None:
    if sys.version_info < (3, 11):
        pytest.skip("duckdb 2.0 needs Python 3.11")


def _make_sources(folder: Path) -> None:
    duckdb.connect(folder / "sales.duckdb").close()
    for name in ("app.sqlite", "backup.db"):
        with sqlite3.connect(folder / name) as database:
            database.execute("create table t (n integer)")
        database.close()
    (folder / "exports").mkdir()
    (folder / "notes").mkdir()
    (folder / "exports" / "orders.csv").write_text("id,total\n1,2.5\n")
    duckdb.sql(f"copy (select 1 as price) to '{folder / 'prices.parquet'}'")
    (folder / "users.txt").write_text(users_file_line("ada", ScramVerifier.generate("lovelace").format()) + "\n")
    (folder / "users.txt").chmod(0o600)
    made = make_certificates(folder)
    made.certificate.rename(folder / "server.crt")


def test_every_example_has_an_answer() -> None:
    assert {path.name for path in EXAMPLES} == set(ANSWERS) | OTHERS


@pytest.mark.parametrize("name", ANSWERS)
def test_example_answers_and_ends(name: str) -> None:
    user, sql, rows = ANSWERS[name]
    if "gluesql" in name and sys.version_info[:2] not in ((3, 11), (3, 12)):
        pytest.skip("gluesql has wheels for Python 3.11 and 3.12 alone")
    with _example(name) as server:
        with psycopg.connect(f"postgresql://{user}@{server.host}:{server.port}/any") as connection:
            assert connection.execute(sql).fetchall() == rows
        server.process.send_signal(signal.SIGINT)
        assert server.process.wait(WAIT) is not None
    assert "Exception" not in server.output


def _example(name: str, *arguments: str | Path) -> AbstractContextManager[ServerProcess]:
    return running_server([sys.executable, str(ROOT / "examples" / name), "0", *map(str, arguments)])


def _uri(server: ServerProcess, user: str = "postgres") -> str:
    return f"postgresql://{user}@127.0.0.1:{server.port}/any"


def test_the_copy_example_copies() -> None:
    with _example("copy_data.py") as server:
        uri = _uri(server)
        into = run_psql(find_programs(), uri, "copy stars from stdin csv", stdin="Sirius,-1.46\nVega,0.03\n")
        assert into.stdout == "COPY 2\n"
        refused = run_psql(find_programs(), uri, "copy stars from stdin csv", stdin="Deneb,1.25\nAlkaid,\n")
        assert "Alkaid has no magnitude\nCONTEXT:  COPY stars, line 2\n" in refused.stderr
        assert run_psql(find_programs(), uri, "copy stars to stdout").stdout == "Sirius\t-1.46\nVega\t0.03\n"
        with RawClient("127.0.0.1", server.port) as client:
            client.login("postgres", "any", PROTOCOL_3_0)
            client.send(query("converse") + message("d", b"Vega") + message("d", b"Sun") + message("c"))
            found = [(part.tag, part.body) for part in client.until_ready()]
        assert [body for tag, body in found if tag == "d"] == [b"0.03", b"unknown"]
        assert [tag for tag, _ in found] == ["W", "d", "d", "c", "C", "Z"]


def test_the_cancel_example_cancels() -> None:
    with _example("cancel.py") as server, psycopg.connect(_uri(server), autocommit=True) as working:
        notices: list[str | None] = []
        working.add_notice_handler(lambda notice: notices.append(notice.message_primary))
        with psycopg.connect(_uri(server), autocommit=True) as other, ThreadPoolExecutor(1) as thread:
            work = thread.submit(working.execute, "work")
            while other.execute("select").fetchall() != [(1, 0)]:
                assert not work.done()
            working.cancel()
            with pytest.raises(psycopg.errors.QueryCanceled):
                work.result(WAIT)
            assert other.execute("select").fetchall() == [(0, 1)]
            assert notices == ["cleaning up"]


def test_the_transaction_example_keeps_and_forgets() -> None:
    with (
        _example("transaction.py") as server,
        psycopg.connect(_uri(server)) as one,
        psycopg.connect(_uri(server)) as other,
    ):
        one.execute("put colour red")
        with one.transaction() as part:
            one.execute("put colour green")
            raise psycopg.Rollback(part)
        assert one.execute("get colour").fetchall() == [("red",)]
        assert other.execute("get colour").fetchall() == []
        one.commit()
        other.execute("put colour blue")
        with pytest.raises(psycopg.errors.SerializationFailure):
            other.commit()
        assert other.execute("get colour").fetchall() == [("red",)]


def test_the_cursor_example_gives_what_is_asked_for() -> None:
    with (
        _example("cursor.py") as server,
        psycopg.connect(_uri(server)) as connection,
        connection.cursor("primes") as cursor,
    ):
        cursor.execute("select")
        assert cursor.fetchmany(3) == [(1, 2), (2, 3), (3, 5)]
        cursor.scroll(996)
        assert cursor.fetchone() == (1000, 7919)


def test_the_language_example_knows_its_statements() -> None:
    with _example("own_language.py") as server, psycopg.connect(_uri(server)) as connection:
        with psycopg.RawCursor(connection) as cursor:
            for key, value in ((3, "blue"), (4, "grey")):
                assert cursor.execute("put colour $1 $2", (key, value), prepare=True).statusmessage == "PUT 1"
            for key, value in ((4, "grey"), (1, "red")):
                assert cursor.execute("get colour $1", (key,), prepare=True).fetchall() == [(key, value)]
            with pytest.raises(psycopg.errors.SyntaxError, match="get TABLE, get TABLE"):
                cursor.execute("steal colour")
            connection.rollback()
            with pytest.raises(psycopg.errors.UndefinedTable, match="there is no table 'taste'"):
                cursor.execute("get taste")
        with RawClient("127.0.0.1", server.port) as client:
            client.login("postgres", "any", PROTOCOL_3_0)
            client.send(message("F", struct.pack("!IHHh", 1, 0, 0, 1)))
            assert client.until_ready()[0].body == struct.pack("!ii", 4, 4)


def test_the_hooks_example_has_its_say() -> None:
    with _example("hooks.py") as server:
        with pytest.raises(psycopg.OperationalError, match="root may not log in here"):
            psycopg.connect(_uri(server, "root"))
        told = run_psql(find_programs(), _uri(server), "help")
        assert "welcome, postgres" in told.stderr
        assert told.stdout.split() == ["Ask", "Ada."]
        with psycopg.connect(_uri(server), application_name="") as connection:
            assert connection.info.parameter_status("region") == "north"
            assert connection.info.parameter_status("application_name") == "somebody"
            with pytest.raises(psycopg.errors.UndefinedTable, match="Say help"):
                connection.execute("select * from nowhere")
    for line in ("nobody 28000 root may not log in here\n", "postgres 42P01", "postgres has left\n"):
        assert line in server.output


def test_the_objects_example_shows_live_objects() -> None:
    with _example("python_objects.py") as server, psycopg.connect(_uri(server), autocommit=True) as connection:
        found = connection.execute(
            "select name, since, count(*) from customer join booking on customer.id = booking.customer "
            "where name = %s group by name, since",
            ("Ada",),
        )
        assert found.fetchall() == [("Ada", datetime(1815, 12, 10, tzinfo=timezone.utc), 2)]
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            connection.execute("delete from booking")
        while connection.execute("select 1 from booking where item = 'nanosecond'").fetchone() is None:
            pass  # the program adds one every second
        assert "booking" in run_psql(find_programs(), _uri(server), "\\d").stdout


def test_the_secure_example_is_secure(tmp_path: Path) -> None:
    made = make_certificates(tmp_path)
    with _example("secure_server.py", made.certificate, made.key) as server:
        uri = f"postgresql://ada:{{}}@localhost:{server.port}/any"
        secure = {"sslmode": "verify-full", "sslrootcert": str(made.authority), "channel_binding": "require"}
        with psycopg.connect(uri.format("lovelace"), **secure) as connection:
            assert connection.execute("select").fetchone() is not None
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(uri.format("byron"), **secure)
        with pytest.raises(psycopg.OperationalError, match="no encryption"):
            psycopg.connect(uri.format("lovelace"), sslmode="disable")


def test_the_oauth_example_takes_its_tokens() -> None:
    with _example("oauth.py") as server:
        token = re.search(r"^token: (.*)$", server.output, re.MULTILINE)
        assert token is not None
        assert OAuthClient(server.port, "ada").log_in(token[1]) == "in"
        for user, wrong in (("bob", token[1]), ("ada", token[1][:-8]), ("ada", "nonsense")):
            assert OAuthClient(server.port, user).log_in(wrong).startswith("https://issuer.example/.well-known/")


def test_the_bench_example_measures() -> None:
    with _example("fixed_result.py") as server:
        command = [sys.executable, str(ROOT / "examples" / "bench.py"), _uri(server), "2", "0.2"]
        result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=WAIT)
    assert re.fullmatch(r"\w+: 2 connections, [1-9][\d,]* answers per second\n", result.stdout), result.stderr
