"""The proxy between real clients and PostgreSQL: psql, pgbench, psycopg, asyncpg and raw messages, with and without eyes on them."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import struct
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import psutil
import psycopg
import pytest

from pgwire_py import messages as m
from pgwire_py.proxy import Frame, Printer, ProxySession, Recorder, Upstream, Watcher
from pgwire_py.server.tls import ServerTls
from tests.support.certificates import make_certificates
from tests.support.hosted import DEADLINE, LOOPS
from tests.support.postgres import Cluster, Programs, free_port, running_cluster
from tests.support.proxies import KINDS, Running, proxied
from tests.support.psql import run_psql
from tests.support.raw import (
    PROTOCOL_3_0,
    SSL_REQUEST,
    SYNC,
    TERMINATE,
    RawClient,
    bind,
    cancel_request,
    execute,
    message,
    parse,
    query,
    startup,
)

SECRET = "hush-hush"
HBA = """
host all cleartext 127.0.0.1/32 password
host all hashed 127.0.0.1/32 md5
host all scrammed 127.0.0.1/32 scram-sha-256
"""
USERS = f"""
create role cleartext login password '{SECRET}';
set password_encryption = 'md5';
create role hashed login password '{SECRET}';
set password_encryption = 'scram-sha-256';
create role scrammed login password '{SECRET}';
"""
MEGABYTE = 1024 * 1024


@pytest.fixture(scope="module")
def cluster(programs: Programs, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """PostgreSQL with TLS and users of each kind of password."""
    made = make_certificates(tmp_path_factory.mktemp("proxy"))
    files = {"server.crt": made.certificate.read_bytes(), "server.key": made.key.read_bytes()}
    with running_cluster(programs, hba=HBA, settings={"ssl": "on"}, files=files) as running:
        with psycopg.connect(host=running.host, port=running.port, user="postgres", autocommit=True) as connection:
            connection.execute(USERS)
        yield running


def uri(cluster: Cluster) -> str:
    return f"postgresql://{cluster.host}:{cluster.port}?sslmode=disable"


@pytest.fixture(
    params=[*((loop, kind) for loop in LOOPS for kind in ("plain", "hooks")), ("asyncio", "transports")], ids="-".join
)
def proxy(request: pytest.FixtureRequest, cluster: Cluster) -> Iterator[Running]:
    """A proxy of each kind on each loop."""
    loop, kind = request.param
    with proxied(uri(cluster), LOOPS[loop], **KINDS[kind]) as running:
        yield running


def eventually(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end, "did not come true within a minute"
        time.sleep(0.02)


def backends(cluster: Cluster, application: str) -> int:
    """Backends of clients of this application_name."""
    with psycopg.connect(host=cluster.host, port=cluster.port, user="postgres", autocommit=True) as connection:
        row = connection.execute(
            "select count(*) from pg_stat_activity where application_name = %s", (application,)
        ).fetchone()
    assert row is not None
    return int(row[0])


# Clients


def test_psql(proxy: Running, programs: Programs) -> None:
    result = run_psql(programs, proxy.dsn(), "select 42", "listen a", "notify a, 'b'", "select 1/0")
    assert result.stdout.startswith("42\nLISTEN\nNOTIFY\n")
    assert 'Asynchronous notification "a" with payload "b"' in result.stdout
    assert "division by zero" in result.stderr


def test_psql_copy(proxy: Running, programs: Programs) -> None:
    rows = "".join(f"{n}\t{'x' * 100}\n" for n in range(20_000))
    command = [programs.path("psql"), "-X", "-q", proxy.dsn(), "-c", "create temp table t (n int, s text)"]
    command += ["-c", "\\copy t from pstdin", "-c", "\\copy t to pstdout"]
    done = subprocess.run(command, input=rows, capture_output=True, text=True, check=True, timeout=DEADLINE)
    assert done.stdout == rows


@pytest.mark.parametrize("mode", ["simple", "extended", "prepared"])
def test_pgbench(proxy: Running, programs: Programs, tmp_path: Path, mode: str) -> None:
    script = tmp_path / "script.sql"
    script.write_text("select :client_id + 1 as n, repeat('x', 3000);\n")
    command = [programs.path("pgbench"), "-n", "-f", str(script), "-M", mode, "-c", "8", "-t", "50"]
    command += ["-h", "127.0.0.1", "-p", str(proxy.port), "-U", "postgres", "postgres"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=DEADLINE)
    assert "transactions actually processed: 400/400" in done.stdout, done.stderr


def test_psycopg(proxy: Running) -> None:
    with psycopg.connect(proxy.dsn(), autocommit=True) as connection:
        with connection.pipeline():
            cursors = [connection.execute("select %s::int", (n,)) for n in range(500)]
        assert [cursor.fetchone() for cursor in cursors] == [(n,) for n in range(500)]
        connection.execute("create temp table t (n int, s text)")
        with connection.cursor() as cursor:
            with cursor.copy("copy t from stdin (format binary)") as copy:
                copy.set_types(["int4", "text"])
                for n in range(5_000):
                    copy.write_row((n, "y" * 50))
            with cursor.copy("copy t to stdout") as copy:
                assert sum(1 for _ in copy.rows()) == 5_000
        with connection.transaction(), connection.cursor("named") as cursor:
            cursor.execute("select n from t order by n")
            assert len(cursor.fetchall()) == 5_000
        connection.execute("listen news")
        connection.execute("notify news, 'now'")
        assert [note.payload for note in connection.notifies(timeout=DEADLINE, stop_after=1)] == ["now"]


def test_asyncpg(proxy: Running) -> None:
    async def work() -> None:
        connection = await asyncpg.connect(host="127.0.0.1", port=proxy.port, user="postgres", database="postgres")
        assert await connection.fetchval("select $1::int8 * 2", 21) == 42
        await connection.execute("create temp table t (n int8, s text)")
        await connection.copy_records_to_table("t", records=[(n, "z") for n in range(3_000)])
        assert await connection.fetchval("select sum(n) from t") == 2_999 * 1_500
        with pytest.raises(asyncpg.QueryCanceledError):
            await connection.execute("set statement_timeout = 50; select pg_sleep(60)")
        with pytest.raises(asyncio.TimeoutError):
            await connection.execute("reset statement_timeout; select pg_sleep(60)", timeout=0.2)
        assert await connection.fetchval("select 1") == 1
        await connection.close()

    asyncio.run(work())


def test_cancel(proxy: Running) -> None:
    with proxy.raw() as client:
        client.send(query("select pg_sleep(60)"))
        time.sleep(0.2)
        with RawClient("127.0.0.1", proxy.port) as other:
            other.send(cancel_request(client.process_id, client.key))
            assert other.socket.recv(1) == b""
        assert [str(answer) for answer in client.until_ready()] == ["T", "E 57014", "Z I"]


def test_a_wrong_key_cancels_nothing(proxy: Running) -> None:
    with proxy.raw() as client:
        client.send(query("select pg_sleep(0.5)"))
        wrong = bytes(byte ^ 1 for byte in client.key)
        with RawClient("127.0.0.1", proxy.port) as other:
            other.send(cancel_request(client.process_id, wrong))
            assert other.socket.recv(1) == b""
        assert [answer.tag for answer in client.until_ready()] == ["T", "D", "C", "Z"]


@pytest.mark.parametrize("user", ["cleartext", "hashed", "scrammed"])
def test_passwords_pass_through(proxy: Running, user: str) -> None:
    with psycopg.connect(proxy.dsn(user, password=SECRET)) as connection:
        assert connection.execute("select current_user").fetchone() == (user,)
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(proxy.dsn(user, password="wrong"))


def test_byte_by_byte(proxy: Running) -> None:
    with RawClient("127.0.0.1", proxy.port, timeout=DEADLINE) as client:
        for byte in SSL_REQUEST:
            client.send(bytes([byte]))
        assert client.byte() == b"N"
        whole = startup({"user": "postgres", "database": "postgres"}) + query("select 'one'")
        whole += parse("select $1::text") + bind(b"two") + execute() + SYNC
        for at in range(len(whole)):
            client.send(whole[at : at + 1])
        answers = client.until_ready(3)
        assert [answer.row for answer in answers if answer.tag == "D"] == [(b"one",), (b"two",)]


def test_pipelined_with_the_startup_packet(proxy: Running) -> None:
    with RawClient("127.0.0.1", proxy.port, timeout=DEADLINE) as client:
        packet = startup({"user": "postgres", "database": "postgres"})
        client.send(packet + query("select 1") * 50 + TERMINATE)
        assert client.to_end().count("D 1") == 50


def test_a_slow_reader_bounds_memory(proxy: Running) -> None:
    with proxy.raw() as client:
        client.exchange(query("select 1"))
        before = psutil.Process().memory_info().rss
        client.send(query("select repeat('x', 1000) from generate_series(1, 200000)"))  # 200 MB
        time.sleep(2)
        assert psutil.Process().memory_info().rss - before < 32 * MEGABYTE
        answers = 0
        while (answer := client.receive()) is not None and answer.tag != "Z":
            answers += answer.tag == "D"
        assert answers == 200_000


@pytest.mark.parametrize("kind", ["plain", "transports"])
def test_a_long_value_is_not_kept(cluster: Cluster, kind: str) -> None:
    """A message of 128 MB passes as it comes."""
    with proxied(uri(cluster), **KINDS[kind]) as running, running.raw() as client:
        client.exchange(query("select 1"))
        before = psutil.Process().memory_info().rss
        client.send(query("select repeat('x', 128 * 1024 * 1024)"))
        came, end, most = 0, b"", 0
        buffer = bytearray(MEGABYTE)
        while not end.endswith(b"Z\0\0\0\5I"):
            size = client.socket.recv_into(buffer)
            assert size
            came += size
            end = (end + buffer[max(0, size - 6) : size])[-6:]
            most = max(most, psutil.Process().memory_info().rss)
        assert 128 * MEGABYTE < came < 129 * MEGABYTE
        assert most - before < 64 * MEGABYTE


# Ends that vanish


def test_upstream_ends_a_session(proxy: Running, cluster: Cluster) -> None:
    with proxy.raw() as client, psycopg.connect(host=cluster.host, port=cluster.port, user="postgres") as admin:
        admin.execute("select pg_terminate_backend(%s)", (client.process_id,))
        assert client.to_end() == ["E 57P01 FATAL"]


def test_upstream_vanishes(programs: Programs) -> None:
    with running_cluster(programs) as own, proxied(uri(own)) as running:
        with running.raw() as client:
            os.kill(client.process_id, signal.SIGKILL)
            assert client.to_end() == ["E 08006 FATAL"]
        eventually(lambda: not running.proxy.sessions)


def test_no_upstream() -> None:
    with proxied(f"postgresql://127.0.0.1:{free_port()}") as running, RawClient("127.0.0.1", running.port) as client:
        client.send(startup({"user": "postgres"}))
        assert client.to_end() == ["E 08001 FATAL"]


def test_client_vanishes(proxy: Running, cluster: Cluster) -> None:
    client = RawClient("127.0.0.1", proxy.port)
    client.login("postgres", "postgres", PROTOCOL_3_0, application_name="vanishing")
    assert backends(cluster, "vanishing") == 1
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.socket.close()
    eventually(lambda: backends(cluster, "vanishing") == 0)
    eventually(lambda: not proxy.proxy.sessions)


def test_limits(cluster: Cluster) -> None:
    with proxied(uri(cluster), max_connections=1, startup_timeout=0.3) as running:
        with running.raw() as client, RawClient("127.0.0.1", running.port) as other:
            assert other.to_end() == ["E 53300 FATAL"]
            client.send(message("Q")[:1] + b"\0\0\0\1")  # a length that cannot be
            assert client.to_end() == ["E 08P01 FATAL"]
        eventually(lambda: not running.proxy.sessions)
        with RawClient("127.0.0.1", running.port) as slow:
            assert slow.to_end() == []


# TLS


@pytest.mark.parametrize("mode", ["disable", "prefer", "require", "verify-ca", "verify-full"])
def test_upstream_tls(cluster: Cluster, tmp_path: Path, mode: str) -> None:
    """Certificates of tests are of an authority of their own; one of another authority is refused."""
    foreign = make_certificates(tmp_path)
    upstream = Upstream(cluster.host, cluster.port, mode, str(foreign.authority))
    with proxied(upstream) as running:
        if mode.startswith("verify"):
            with pytest.raises(psycopg.OperationalError, match="could not connect to the upstream"):
                psycopg.connect(running.dsn())
            return
        with psycopg.connect(running.dsn()) as connection:
            row = connection.execute("select ssl from pg_stat_ssl where pid = pg_backend_pid()").fetchone()
            assert row == (mode != "disable",)


def test_clients_tls(cluster: Cluster, tmp_path: Path) -> None:
    made = make_certificates(tmp_path)
    with proxied(uri(cluster), tls=ServerTls(made.certificate, made.key)) as running:
        for user in ("scrammed", "cleartext"):
            with psycopg.connect(running.dsn(user, password=SECRET, sslmode="require")) as connection:
                assert connection.pgconn.ssl_in_use
                assert connection.execute("select repeat('x', 100000)").fetchone() == ("x" * 100_000,)


# Hooks and watchers


def test_hooks_change_drop_and_inject(cluster: Cluster) -> None:
    def on_frontend(session: ProxySession, frame: Frame) -> Any:
        if frame.tag != "Q":
            return None
        sql = frame.decode().query
        if sql == "secret":
            session.send_to_client(m.NoticeResponse({"S": "NOTICE", "V": "NOTICE", "C": "00000", "M": "hidden"}))
            return m.Query("select 'changed'")
        if sql == "mine":
            session.send_to_client(m.CommandComplete("MINE"), m.ReadyForQuery("I"))
            return ()
        if sql == "raise":
            raise ZeroDivisionError
        return None

    def on_backend(session: ProxySession, frame: Frame) -> Any:
        return [] if frame.tag == "N" else None

    watched = proxied(uri(cluster), on_frontend=on_frontend, on_backend=on_backend)
    with watched as running, running.raw() as client:
        assert client.exchange(query("secret")) == ["N 00000", "T", "D changed", "C SELECT 1", "Z I"]
        assert client.exchange(query("mine")) == ["C MINE", "Z I"]
        assert client.exchange(query("do $$ begin raise notice 'dropped'; end $$")) == ["C DO", "Z I"]
        client.send(query("raise"))
        assert client.to_end() == ["E XX000 FATAL"]


@pytest.mark.parametrize("user", ["cleartext", "hashed", "scrammed"])
def test_what_is_shown_and_recorded_has_no_passwords(cluster: Cluster, tmp_path: Path, user: str) -> None:
    lines: list[str] = []
    seen: list[bytes] = []

    class Everything(Watcher):
        def messages(self, session: ProxySession, frames: list[Frame]) -> None:
            seen.extend(bytes(frame) for frame in frames)

    path = tmp_path / "session.json"
    watchers = (Printer(lines.append), Recorder(path), Everything())
    with proxied(uri(cluster), watchers=watchers) as running:
        for number in (1, 2):
            with psycopg.connect(running.dsn(user, password=SECRET, application_name="shown")) as connection:
                assert connection.execute("select %s::int", (number,)).fetchone() == (number,)
        eventually(lambda: not running.proxy.sessions)
    text = "\n".join(lines)
    assert SECRET not in text
    assert "Query(" in text
    assert lines[-1] == "2 closed" or "1 closed" in lines
    assert not any(SECRET.encode() in piece for piece in seen)
    assert oct(path.stat().st_mode & 0o777) == "0o600"
    recorded = [json.loads(file.read_text()) for file in (path, tmp_path / "session-2.json")]
    for session in recorded:
        assert session["client"] == "shown"
        pieces = [(direction, bytes.fromhex(data)) for direction, data in session["pieces"]]
        assert {direction for direction, _ in pieces} == {"F", "B"}
        assert all(SECRET.encode() not in data for _, data in pieces)
        assert any(direction == "F" and b"<redacted>" in data for direction, data in pieces)
        frontend = b"".join(data for direction, data in pieces if direction == "F")
        backend = b"".join(data for direction, data in pieces if direction == "B")
        # Nothing from which a password could be guessed: MD5 answers, SCRAM's nonces, proofs and signatures.
        assert not re.search(rb"md5[0-9a-f]{32}|[rspv]=[A-Za-z0-9+/]{8}", frontend + backend)
