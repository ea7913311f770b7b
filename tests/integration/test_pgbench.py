"""pgbench: several clients at once, in each of its query modes, without one failed transaction."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.support.postgres import Programs
from tests.support.psql import Psql
from tests.support.targets import Target

TRANSACTIONS = 200
CLIENTS = 4


@pytest.mark.smoke
@pytest.mark.parametrize("mode", ["simple", "extended", "prepared"])
def test_select(target: Target, programs: Programs, psql: Psql, table: str, tmp_path: Path, mode: str) -> None:
    made = psql(
        f"create table {table} (n int4 primary key, word text)", f"insert into {table} values (1, 'a'), (2, 'b')"
    )
    assert made.returncode == 0, made.stderr
    script = tmp_path / "script.sql"
    script.write_text(f"\\set n random(1, 2)\nselect 1;\nselect word from {table} where n = :n;\n")
    result = _pgbench(programs, target, mode, script)
    assert _transactions(result) == TRANSACTIONS * CLIENTS
    assert _failed(result) == 0


@pytest.mark.parametrize("mode", ["simple", "extended", "prepared"])
def test_write(target: Target, programs: Programs, psql: Psql, table: str, tmp_path: Path, mode: str) -> None:
    made = psql(f"create table {table} (n int4, amount int8)")
    assert made.returncode == 0, made.stderr
    script = tmp_path / "script.sql"
    script.write_text(
        f"\\set n random(1, 1000)\nbegin;\ninsert into {table} values (:n, :n * 2);\n"
        f"select sum(amount) as total from {table} where n = :n \\gset\nend;\n"
    )
    result = _pgbench(programs, target, mode, script, clients=1)
    assert (_transactions(result), _failed(result)) == (TRANSACTIONS, 0)
    assert psql(f"select count(*) from {table}").stdout == f"{TRANSACTIONS}\n"


def test_pipeline(target: Target, programs: Programs, tmp_path: Path) -> None:
    script = tmp_path / "script.sql"
    script.write_text("\\startpipeline\nselect 1;\nselect 2;\nselect 3;\n\\endpipeline\n")
    result = _pgbench(programs, target, "extended", script)
    assert (_transactions(result), _failed(result)) == (TRANSACTIONS * CLIENTS, 0)


@pytest.mark.parametrize("mode", ["simple", "prepared"])
def test_connection_per_transaction(target: Target, programs: Programs, tmp_path: Path, mode: str) -> None:
    script = tmp_path / "script.sql"
    script.write_text("select 1;\n")
    result = _pgbench(programs, target, mode, script, "-C", clients=2, transactions=20)
    assert (_transactions(result), _failed(result)) == (40, 0)


def _pgbench(
    programs: Programs,
    target: Target,
    mode: str,
    script: Path,
    *options: str,
    clients: int = CLIENTS,
    transactions: int = TRANSACTIONS,
) -> str:
    command = [programs.path("pgbench"), "-n", "-M", mode, "-f", script, "-c", str(clients), "-j", "2", *options]
    result = subprocess.run(
        [*command, "-t", str(transactions), target.dsn], capture_output=True, text=True, check=False, timeout=120
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def _transactions(output: str) -> int:
    found = re.search(r"actually processed: (\d+)", output)
    assert found is not None, output
    return int(found[1])


def _failed(output: str) -> int:
    found = re.search(r"number of failed transactions: (\d+)", output)
    assert found is not None, output
    return int(found[1])
