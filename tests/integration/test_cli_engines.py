"""``pgwire-py serve --engine datafusion``, ``polars`` and ``gluesql``: files and folders behind an address."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]
import pytest

from tests.support.servers import END_DEADLINE, ServerProcess, serve_command, served

GLUESQL = pytest.mark.skipif(
    sys.version_info[:2] not in ((3, 11), (3, 12)), reason="gluesql has wheels for Python 3.11 and 3.12 alone"
)
OF_FILES = ("datafusion", "polars")


def serving(
    engine: str, *arguments: str | Path, end: signal.Signals = signal.SIGINT
) -> AbstractContextManager[ServerProcess]:
    return served(serve_command("--engine", engine, *arguments), end=end)


def fetch(
    server: ServerProcess, sql: str, parameters: Sequence[object] = (), database: str = "any"
) -> list[tuple[Any, ...]]:
    dsn = f"host={server.host} port={server.port} user=postgres dbname={database}"
    with psycopg.connect(dsn, autocommit=True) as connection:
        cursor = connection.execute(sql, parameters)
        return cursor.fetchall() if cursor.description else []


def refused(*arguments: str | Path, status: int) -> str:
    """The one line with which the command ends."""
    done = subprocess.run(serve_command(*arguments), capture_output=True, text=True, timeout=END_DEADLINE, check=False)
    assert (done.returncode, done.stdout) == (status, ""), done.stderr
    assert done.stderr.startswith("pgwire-py: ")
    assert done.stderr.count("\n") == 1
    return done.stderr


@pytest.fixture
def exports(tmp_path: Path) -> Path:
    """A folder with a file of each kind."""
    folder = tmp_path / "exports"
    folder.mkdir()
    pq.write_table(pa.table({"id": [1, 2], "colour": ["red", "blue"]}), folder / "lamp.parquet")
    (folder / "chair.csv").write_text("id,legs\n1,4\n")
    (folder / "sofa.jsonl").write_text('{"id": 1, "seats": 3}\n{"id": 9, "seats": 2}\n')
    return folder


@pytest.mark.parametrize("engine", OF_FILES)
def test_files_and_folders(engine: str, exports: Path, tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text("id,round\n1,true\n")
    with serving(engine, exports, tmp_path / "table.csv", end=signal.SIGTERM) as server:
        assert "Serving 4 files; trust authentication" in server.output
        assert "/exports\n" in server.output
        query = (
            "select colour, legs, seats, round from lamp join chair on lamp.id = chair.id join sofa on lamp.id = sofa.id "
            'join "table" t on lamp.id = t.id'
        )
        assert fetch(server, query) == [("red", 4, 3, True)]
        assert fetch(server, "select colour from lamp where id = %s", (2,)) == [("blue",)]
        tables = fetch(
            server, "select table_name from information_schema.tables where table_schema = 'public' order by 1"
        )
        assert tables == [("chair",), ("lamp",), ("sofa",), ("table",)]


@pytest.mark.parametrize("engine", OF_FILES)
def test_one_file_read_only(engine: str, exports: Path) -> None:
    with serving(engine, exports / "lamp.parquet", "--read-only") as server:
        assert f"Serving {exports / 'lamp.parquet'} read-only;" in server.output
        assert fetch(server, "select count(*) from lamp") == [(2,)]
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            fetch(server, "create table other as select 1 as x")


@pytest.mark.parametrize("engine", OF_FILES)
def test_files_that_cannot_be_read(engine: str, exports: Path) -> None:
    (exports / "lamp.parquet").write_bytes(b"PAR1 and then nothing")
    line = refused("--engine", engine, exports / "lamp.parquet", status=1)
    assert line.startswith(f"pgwire-py: cannot open {exports / 'lamp.parquet'}: ")


def test_a_json_array_is_not_for_datafusion(tmp_path: Path) -> None:
    (tmp_path / "array.json").write_text('[{"a": 1}, {"a": 2}]')
    line = refused("--engine", "datafusion", tmp_path / "array.json", status=1)
    assert "a JSON array; DataFusion reads one object per line" in line
    with serving("polars", tmp_path) as server:
        assert fetch(server, "select sum(a) from array") == [(3,)]


@GLUESQL
def test_gluesql_serves_a_folder_of_json(tmp_path: Path) -> None:
    folder = tmp_path / "notes"
    folder.mkdir()
    (folder / "loose.jsonl").write_text('{"id": 1, "n": "x"}\n{"id": 2}\n')
    (folder / "array.json").write_text('[{"id": 1, "deep": {"a": [1]}}]')
    with serving("gluesql", folder) as server:
        assert f"Serving {folder}; trust authentication" in server.output
        assert "/notes\n" in server.output
        assert fetch(server, "select loose.n, array.deep from loose join array on loose.id = array.id") == [
            ("x", {"a": [1]})
        ]
        fetch(server, "create table kept (a integer, day date null)")
        fetch(server, "insert into kept values (%s, %s)", (7, "2020-02-29"))
        fetch(server, "delete from loose where id = 2")
    assert (folder / "loose.jsonl").read_text().count("\n") == 1
    with serving("gluesql", folder, "--read-only", end=signal.SIGTERM) as server:
        assert [tuple(map(str, row)) for row in fetch(server, "select * from kept")] == [("7", "2020-02-29")]
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            fetch(server, "delete from kept")


@GLUESQL
def test_gluesql_serves_an_empty_folder(tmp_path: Path) -> None:
    with serving("gluesql", tmp_path) as server:
        fetch(server, "create table t (a integer)")
        fetch(server, "insert into t values (1)")
        assert fetch(server, "select a from t") == [(1,)]
