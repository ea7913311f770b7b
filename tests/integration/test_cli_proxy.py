"""``pgwire-py proxy`` as people run it: the installed command between psql and PostgreSQL, what it prints and records, its end."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sysconfig
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

import psycopg
import pytest

from pgwire_py import messages as m
from tests.support import IMPLEMENTATIONS, core_module
from tests.support.postgres import Cluster, Programs, running_cluster
from tests.support.psql import run_psql
from tests.support.servers import ServerProcess, served
from tests.vectors.recorded import Follower, Session, read_session

WAIT = 60.0
"""Seconds after which a process that should have answered or ended has failed the test."""
COMMAND = Path(sysconfig.get_path("scripts")) / "pgwire-py"


@pytest.fixture(scope="module")
def cluster(programs: Programs) -> Iterator[Cluster]:
    with running_cluster(programs) as running:
        yield running


def proxying(
    upstream: str, *options: str | Path, end: signal.Signals = signal.SIGINT
) -> AbstractContextManager[ServerProcess]:
    """Run ``pgwire-py proxy`` on a port of its own choice, and end it by a signal."""
    command = [str(COMMAND), "proxy", "--upstream", upstream, "--listen", "127.0.0.1:0", *map(str, options)]
    return served(command, end=end)


def refused(*arguments: str | Path, status: int = 2) -> str:
    """The one line with which ``pgwire-py proxy`` refuses to start."""
    command = [str(COMMAND), "proxy", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=WAIT, check=False)
    assert (done.returncode, done.stdout) == (status, ""), done.stderr
    assert done.stderr.startswith("pgwire-py: ")
    assert done.stderr.count("\n") == 1
    return done.stderr


def uri(cluster: Cluster) -> str:
    return f"postgresql://{cluster.host}:{cluster.port}?sslmode=disable"


def dsn(proxy: ServerProcess) -> str:
    return f"host={proxy.host} port={proxy.port} user=postgres dbname=postgres"


def eventually(condition: Callable[[], bool], proxy: ServerProcess) -> None:
    deadline = time.monotonic() + WAIT
    while not condition():
        assert time.monotonic() < deadline, proxy.output
        time.sleep(0.02)


def spoken(session: Session) -> list[object]:
    """The messages of both directions of a recorded session, in their order."""
    follower = Follower(core_module(IMPLEMENTATIONS[0]))
    return [message for direction, data in session.pieces for message in follower.feed(direction, data)]


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_psql_is_forwarded_printed_and_recorded(
    cluster: Cluster, programs: Programs, tmp_path: Path, end: signal.Signals
) -> None:
    record = tmp_path / "talk.json"
    with proxying(uri(cluster), "--print", "--record", record, end=end) as proxy:
        assert f"Forwarding postgresql://127.0.0.1:{proxy.port} to 127.0.0.1:{cluster.port}.\n" in proxy.output
        commands = [
            "create temp table t (n int, s text)",
            "\\copy t from pstdin",
            "select n * 2, s from t",
            "select 1/0",
        ]
        result = run_psql(programs, dsn(proxy), *commands, stdin="1\tone\n21\ttwo\n")
        assert result.stdout == "CREATE TABLE\nCOPY 2\n2|one\n42|two\n"
        assert result.stderr == "ERROR:  division by zero\n"
        second = run_psql(programs, dsn(proxy), "select 'again'")
        assert second.stdout == "again\n"
        eventually(lambda: "\n2 closed\n" in proxy.output, proxy)

    lines = proxy.output.splitlines()
    first = [line.removeprefix("1 ") for line in lines if line.startswith("1 ")]
    assert first[0].startswith("F StartupMessage(")
    assert "'user': 'postgres'" in first[0]
    assert first[-1] == "closed"
    shown = iter(first)  # each is looked for behind the one before
    for pattern in (
        r"B AuthenticationOk\(",
        r"B ReadyForQuery\(",
        r"F Query\(.*create temp table",
        r"B CommandComplete\(.*CREATE TABLE",
        r"B CopyInResponse\(",
        r"F CopyData\(.*1\\tone",
        r"B CommandComplete\(.*COPY 2",
        r"B DataRow\(.*42.*two",
        r"B ErrorResponse\(.*division by zero",
        r"F Terminate\(",
    ):
        assert any(re.match(pattern, line) for line in shown), (pattern, first)
    assert "2 F Query(query=\"select 'again'\")" in lines

    messages = spoken(read_session(record))
    queries = [message.query for message in messages if isinstance(message, m.Query)]
    assert queries[0] == commands[0]
    assert queries[-2:] == commands[-2:]
    assert [bytes(row.values[0] or b"") for row in messages if isinstance(row, m.DataRow)] == [b"2", b"42"]
    assert isinstance(messages[0], m.StartupMessage)
    assert isinstance(messages[-1], m.Terminate)
    assert [
        bytes(row.values[0] or b"")
        for row in spoken(read_session(tmp_path / "talk-2.json"))
        if isinstance(row, m.DataRow)
    ] == [b"again"]


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_ends_although_a_client_is_in_a_transaction(cluster: Cluster, tmp_path: Path, end: signal.Signals) -> None:
    record = tmp_path / "talk.json"
    with proxying(uri(cluster), "--record", record, end=end) as proxy:
        connection = psycopg.connect(dsn(proxy))
        connection.execute("create table never (n int)")
    with pytest.raises(psycopg.OperationalError, match="because the proxy stops"):
        connection.execute("select 1")
    connection.close()
    last = spoken(read_session(record))[-1]
    assert isinstance(last, m.ErrorResponse)
    assert last.fields["C"] == "57P01"
    with psycopg.connect(host=cluster.host, port=cluster.port, user="postgres") as other:
        assert other.execute("select to_regclass('never')").fetchone() == (None,)


def test_ends_when_nobody_reads_what_it_prints(cluster: Cluster, programs: Programs) -> None:
    """As in ``pgwire-py proxy … | head``."""
    command = [str(COMMAND), "proxy", "--upstream", uri(cluster), "--listen", "127.0.0.1:0", "--print"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stderr is not None
            port = re.search(r"postgresql://127\.0\.0\.1:(\d+) to", process.stdout.readline())
            assert port is not None
            process.stdout.close()
            run_psql(programs, f"host=127.0.0.1 port={port[1]} user=postgres dbname=postgres", "select 1")
            assert process.wait(WAIT) == 0
            assert process.stderr.read() == ""
        finally:
            process.kill()


def test_an_upstream_that_is_down(programs: Programs) -> None:
    """Clients are told, the log has the reason, and the proxy stays."""
    with ExitStack() as stack:
        own = stack.enter_context(running_cluster(programs))
        with proxying(uri(own)) as proxy:
            assert run_psql(programs, dsn(proxy), "select 1").stdout == "1\n"
            stack.close()
            for _ in range(2):
                result = run_psql(programs, dsn(proxy), "select 1")
                assert result.returncode == 2
                assert "FATAL:  could not connect to the upstream server\n" in result.stderr
                assert re.search(r"DETAIL:  .*refused", result.stderr, re.IGNORECASE)
            reason = f"127.0.0.1:{own.port} cannot be reached: "
            eventually(lambda: proxy.output.count(reason) == 2, proxy)


@pytest.mark.parametrize(
    ("upstream", "reason"),
    [
        ("127.0.0.1:5432", "must be given as postgresql://host:port"),
        ("https://127.0.0.1", "must be given as postgresql://host:port"),
        ("postgresql://ada:secret@127.0.0.1/db", "users, passwords and databases are those of the clients"),
        ("postgresql://127.0.0.1:99999", "ort"),
        ("postgresql://127.0.0.1?port=0", "0 is no port"),
        ("postgresql://127.0.0.1?port=five", "five is no port"),
        ("postgresql://127.0.0.1?sslmode=maybe", "sslmode must be one of"),
        ("postgresql://127.0.0.1?target_session_attrs=any", "unknown in an upstream: target_session_attrs"),
    ],
)
def test_a_bad_upstream(upstream: str, reason: str) -> None:
    line = refused("--upstream", upstream)
    assert line.startswith("pgwire-py: --upstream: ")
    assert reason in line
    assert "secret" not in line


def test_other_bad_options(tmp_path: Path) -> None:
    upstream = ("--upstream", "postgresql://127.0.0.1")
    assert "Missing option '--upstream'" in refused()
    for address in ("6432", "127.0.0.1:", "127.0.0.1:70000"):
        assert f"--listen: {address} is not HOST:PORT" in refused(*upstream, "--listen", address)
    assert f"--record: {tmp_path / 'none'} is not a folder" in refused(
        *upstream, "--record", tmp_path / "none" / "talk"
    )
    missing = ("--upstream-sslmode", "verify-full", "--upstream-sslrootcert", tmp_path / "none.pem")
    assert "--upstream-sslrootcert: No such file or directory" in refused(*upstream, *missing)


def test_a_port_in_use() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        line = refused("--upstream", "postgresql://127.0.0.1", "--listen", f"127.0.0.1:{port}", status=1)
    assert line == f"pgwire-py: 127.0.0.1:{port} is in use; choose another --listen HOST:PORT (0 picks a free one)\n"
