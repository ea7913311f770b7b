"""What the documentation shows runs: its Python, its sessions with shown output, and the programs in examples/."""

from __future__ import annotations

import os
import re
import shlex
import signal
import sqlite3
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
import psycopg
import pytest

from pgwire_py.auth import ScramVerifier, users_file_line
from tests.support.certificates import make_certificates
from tests.support.postgres import find_programs
from tests.support.psql import run_psql
from tests.support.servers import running_server, serve_command

ROOT = Path(__file__).parents[1]
DOCUMENTS = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
WAIT = 60.0
"""Seconds after which a program that should have ended has failed the test."""

# examples/*.py → a query that psycopg sends to it, as which user, and the answer.
ANSWERS = {
    "fixed_result.py": ("postgres", "select", [(1, "one"), (2, "two")]),
    "copy_data.py": ("postgres", "count", [(0,)]),
    "scram.py": ("ada:lovelace", "who am I", [("ada",)]),
}


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
    assert len(HELP) == 3
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
    (folder / "exports" / "orders.csv").write_text("id,total\n1,2.5\n")
    duckdb.sql(f"copy (select 1 as price) to '{folder / 'prices.parquet'}'")
    (folder / "users.txt").write_text(users_file_line("ada", ScramVerifier.generate("lovelace").format()) + "\n")
    (folder / "users.txt").chmod(0o600)
    made = make_certificates(folder)
    made.certificate.rename(folder / "server.crt")


def test_every_example_has_an_answer() -> None:
    assert {path.name for path in EXAMPLES} == set(ANSWERS)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_example_answers_and_ends(path: Path) -> None:
    user, query, rows = ANSWERS[path.name]
    with running_server([sys.executable, str(path), "0"]) as server:
        with psycopg.connect(f"postgresql://{user}@{server.host}:{server.port}/any") as connection:
            assert connection.execute(query).fetchall() == rows
        server.process.send_signal(signal.SIGINT)
        assert server.process.wait(WAIT) is not None
    assert "Exception" not in server.output


def test_the_copy_example_copies() -> None:
    with running_server([sys.executable, str(ROOT / "examples" / "copy_data.py"), "0"]) as server:
        uri = f"postgresql://postgres@{server.host}:{server.port}/any"
        into = run_psql(find_programs(), uri, "copy stars from stdin csv", stdin="Sirius,-1.46\nVega,0.03\n")
        assert into.stdout == "COPY 2\n"
        refused = run_psql(find_programs(), uri, "copy stars from stdin csv", stdin="Deneb,1.25\nAlkaid,\n")
        assert "Alkaid has no magnitude\nCONTEXT:  COPY stars, line 2\n" in refused.stderr
        assert run_psql(find_programs(), uri, "copy stars to stdout").stdout == "Sirius\t-1.46\nVega\t0.03\n"
