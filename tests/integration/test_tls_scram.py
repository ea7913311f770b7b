"""TLS with certificate verification, and SCRAM-SHA-256, from psql, psycopg and asyncpg; PostgreSQL is again the referee."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import psycopg
import pytest

from tests.support import IMPLEMENTATIONS
from tests.support.certificates import Certificates, make_certificates
from tests.support.postgres import Programs, running_cluster
from tests.support.psql import run_psql
from tests.support.raw import SSL_REQUEST, RawClient, query, startup
from tests.support.servers import running_server, serve_command
from tests.support.targets import OURS, OURS_PURE, REFEREE, make_database

USER, PASSWORD = "alice", "wonder länd"
TLS_VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


@dataclass(frozen=True)
class Secure:
    """A server that offers TLS and asks everybody for SCRAM-SHA-256."""

    name: str
    port: int
    certificates: Certificates

    def dsn(self, *, user: str = USER, password: str = PASSWORD, **options: object) -> str:
        settings = {"host": "localhost", "hostaddr": "127.0.0.1", "port": self.port, "user": user, "dbname": "postgres"}
        return psycopg.conninfo.make_conninfo("", **settings, password=password, **options)

    def verified(self, **options: str) -> str:
        return self.dsn(sslmode="verify-full", sslrootcert=self.certificates.authority, **options)

    def context(self, authority: Path | None = None) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=authority or self.certificates.authority)

    async def asyncpg(self, *, user: str = USER, password: str = PASSWORD, tls: object = None) -> object:
        return await asyncpg.connect(
            host="localhost", port=self.port, user=user, password=password, database="postgres",
            ssl=self.context() if tls is None else tls,
        )  # fmt: skip


@pytest.fixture(scope="module", params=[REFEREE, *OURS, *OURS_PURE[:1]])
def secure(
    request: pytest.FixtureRequest, programs: Programs, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Secure]:
    directory = tmp_path_factory.mktemp("secure")
    certificates = make_certificates(directory)
    if request.param == REFEREE:
        if not programs.tls:
            pytest.skip(f"{programs} cannot speak TLS, and so cannot be the referee here")
        files = {"server.crt": certificates.certificate.read_bytes(), "server.key": certificates.key.read_bytes()}
        hba = "local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n"
        with running_cluster(programs, hba=hba, settings={"ssl": "on"}, files=files) as cluster:
            made = run_psql(
                programs, f"host={cluster.directory} port={cluster.port} user=postgres dbname=postgres",
                f"create role {USER} login password '{PASSWORD}'",
            )  # fmt: skip
            assert made.returncode == 0, made.stderr
            yield Secure(request.param, cluster.port, certificates)
        return
    engine, _, implementation = request.param.partition("-")
    source = directory / f"data.{engine}"
    make_database(source)
    users = directory / "users.txt"
    users.write_text(f'"{USER}" "{PASSWORD}"\n')
    users.chmod(0o600)
    command = serve_command(
        source, "--auth", "scram-sha-256", "--users", users,
        "--tls-cert", certificates.certificate, "--tls-key", certificates.key,
    )  # fmt: skip
    with running_server(command, implementation=implementation or IMPLEMENTATIONS[0]) as server:
        yield Secure(request.param, server.port, certificates)


# TLS


def test_psql_verifies_the_certificate(secure: Secure, programs: Programs) -> None:
    if not programs.tls:
        pytest.skip(f"{programs} cannot speak TLS")
    result = run_psql(programs, secure.verified(), "select 'secret'", "\\conninfo")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith("secret\n")
    assert "SSL" in result.stdout


def test_psycopg_verifies_the_certificate(secure: Secure) -> None:
    with psycopg.connect(secure.verified()) as connection:
        assert connection.pgconn.ssl_in_use
        assert connection.execute("select %s", ("secret",)).fetchone() == ("secret",)


async def test_asyncpg_verifies_the_certificate(secure: Secure) -> None:
    connection = await secure.asyncpg()
    assert await connection.fetchval("select 'secret'") == "secret"
    await connection.close()


async def test_many_rows_over_tls(secure: Secure) -> None:
    sql = "with recursive n(i) as (select 1 union all select i + 1 from n where i < 50000) select i from n"
    connection = await secure.asyncpg()
    rows = await connection.fetch(sql)
    assert [r["i"] for r in rows] == list(range(1, 50001))
    await connection.close()


@pytest.mark.parametrize("mode", ["prefer", "require"])
def test_tls_without_verification(secure: Secure, mode: str) -> None:
    with psycopg.connect(secure.dsn(sslmode=mode)) as connection:
        assert connection.pgconn.ssl_in_use


def test_wrong_authority_is_refused(secure: Secure, programs: Programs) -> None:
    wrong = secure.dsn(sslmode="verify-ca", sslrootcert=secure.certificates.other_authority)
    with pytest.raises(psycopg.OperationalError, match="certificate verify failed"):
        psycopg.connect(wrong)
    if programs.tls:
        assert run_psql(programs, wrong, "select 1").returncode == 2


async def test_wrong_authority_is_refused_by_asyncpg(secure: Secure) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        await secure.asyncpg(tls=secure.context(secure.certificates.other_authority))


def test_wrong_name_is_refused(secure: Secure) -> None:
    dsn = secure.verified().replace("host=localhost", "host=example.org")
    with pytest.raises(psycopg.OperationalError, match="does not match host name"):
        psycopg.connect(dsn)


@pytest.mark.parametrize("version", TLS_VERSIONS)
async def test_versions_of_tls(secure: Secure, version: ssl.TLSVersion) -> None:
    context = secure.context()
    context.minimum_version = context.maximum_version = version
    connection = await secure.asyncpg(tls=context)
    assert await connection.fetchval("select 'secret'") == "secret"
    await connection.close()


def test_bytes_stuffed_behind_the_request_are_refused(secure: Secure) -> None:
    """CVE-2021-23214: what came in clear must never count as if it had come over TLS."""
    stuffed = startup({"user": USER, "database": "postgres"}) + query("select 'stuffed'")
    with RawClient("127.0.0.1", secure.port) as client:
        client.send(SSL_REQUEST + stuffed)
        received = b""
        try:
            if client.byte() == b"S":
                with secure.context().wrap_socket(client.socket, server_hostname="localhost") as tls:
                    while data := tls.recv(4096):
                        received += data
        except (ssl.SSLError, ConnectionError):
            pass
    assert received == b"" or received.startswith(b"E")
    assert b"C08P01" in received or received == b""


def test_something_that_is_not_tls(secure: Secure) -> None:
    with RawClient("127.0.0.1", secure.port) as client:
        client.send(SSL_REQUEST)
        assert client.byte() == b"S"
        client.send(startup({"user": USER, "database": "postgres"}))
        rest = b""
        with suppress(OSError):  # it may be gone already
            client.socket.shutdown(socket.SHUT_WR)
            rest = b"".join(iter(lambda: client.socket.recv(4096), b""))
        assert rest == b"" or rest[0] == 0x15  # at most a TLS alert
    with psycopg.connect(secure.verified()) as connection:
        assert connection.execute("select 'unharmed'").fetchone() == ("unharmed",)


def test_cancel_over_tls(secure: Secure) -> None:
    endless = "with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) from n"

    async def run() -> None:
        connection = await secure.asyncpg()
        with pytest.raises(asyncio.TimeoutError):
            await connection.fetch(endless, timeout=0.3)
        assert await connection.fetchval("select 'alive'") == "alive"
        await connection.close()

    asyncio.run(run())


# SCRAM-SHA-256


@pytest.mark.parametrize("mode", ["disable", "require"])
def test_right_password(secure: Secure, programs: Programs, mode: str) -> None:
    if mode == "require" and not programs.tls:
        pytest.skip(f"{programs} cannot speak TLS")
    result = run_psql(programs, secure.dsn(sslmode=mode), "select current_user")
    assert (result.stdout, result.stderr) == (f"{USER}\n", "")
    with psycopg.connect(secure.dsn(sslmode=mode, require_auth="scram-sha-256")) as connection:
        assert connection.execute("select current_user").fetchone() == (USER,)


@pytest.mark.parametrize("tls", [False, None], ids=["plain", "tls"])
async def test_right_password_with_asyncpg(secure: Secure, tls: object) -> None:
    connection = await secure.asyncpg(tls=tls)
    assert await connection.fetchval("select current_user") == USER
    await connection.close()


@pytest.mark.parametrize(
    ("user", "password"), [(USER, "wrong"), (USER, PASSWORD + " "), ("mallory", PASSWORD), ("mallory", "x")]
)
async def test_wrong_password_and_unknown_user_look_alike(
    secure: Secure, programs: Programs, user: str, password: str
) -> None:
    text = f'password authentication failed for user "{user}"'
    dsn = secure.dsn(user=user, password=password, sslmode="disable")
    result = run_psql(programs, dsn, "select 1")
    assert result.returncode == 2
    assert f"FATAL:  {text}" in result.stderr
    with pytest.raises(psycopg.OperationalError, match=text):
        psycopg.connect(dsn)
    for tls in (False, None):
        with pytest.raises(asyncpg.InvalidPasswordError, match=text):
            await secure.asyncpg(user=user, password=password, tls=tls)


def test_no_password(secure: Secure, programs: Programs) -> None:
    dsn = f"host=127.0.0.1 port={secure.port} user={USER} dbname=postgres sslmode=disable"
    result = run_psql(programs, dsn, options=("-At", "-w"))
    assert (result.returncode, "no password supplied" in result.stderr) == (2, True)


def test_query_before_the_password_is_refused(secure: Secure) -> None:
    with RawClient("127.0.0.1", secure.port) as client:
        client.send(startup({"user": USER, "database": "postgres"}), query("select 'never'"))
        answers = client.to_end()
        assert answers == ["R", "E 08P01 FATAL"]
