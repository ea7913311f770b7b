"""pgwire_py.auth against a real PostgreSQL: our client logs in there, and verifiers go both ways."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterator
from typing import Any

import pytest

from pgwire_py.auth import (
    SCRAM_SHA_256,
    SCRAM_SHA_256_PLUS,
    NoChannelBinding,
    ScramClient,
    ScramServer,
    ScramVerifier,
    md5_password,
    md5_response,
    new_nonce,
    tls_server_end_point,
)
from tests.support.login import MD5, Login
from tests.support.postgres import Cluster, Programs, running_cluster
from tests.support.psql import run_psql
from tests.support.raw import SSL_REQUEST, Message, RawClient, message
from tests.support.signatures import KINDS, signed_certificate
from tests.vectors import load

PASSWORDS = ["pencil", "wonder länd", "\u2168\u00ad", "a\u200bb\u00a0", "\ue000 privat"]
VECTORS = [vector for vector in load("saslprep", "auth.json") if b"\0" not in bytes.fromhex(vector["given"])]


@pytest.fixture(scope="module")
def cluster(programs: Programs) -> Iterator[Cluster]:
    """A PostgreSQL that trusts its superuser, asks the role ``old`` for MD5 and everybody else for SCRAM-SHA-256."""
    hba = (
        "host all postgres 127.0.0.1/32 trust\nhost all old 127.0.0.1/32 md5\nhost all all 127.0.0.1/32 scram-sha-256\n"
    )
    made = signed_certificate("ecdsa-sha256")
    files = {"server.crt": made.pem, "server.key": made.key}
    with running_cluster(programs, hba=hba, settings={"ssl": "on"} if programs.tls else {}, files=files) as started:
        with superuser(started) as admin:
            run(admin, b"create role old login", b"create role ada login")
            run(admin, b"create database ascii encoding 'sql_ascii' locale 'C' template template0")
        yield started


def superuser(cluster: Cluster, database: str = "postgres", **parameters: str) -> RawClient:
    client = RawClient(cluster.host, cluster.port)
    client.login("postgres", database, **parameters)
    return client


def run(client: RawClient, *statements: bytes) -> list[Message]:
    """The messages that answer the last one; statements are bytes, since a password need not be text."""
    answers: list[Message] = []
    for statement in statements:
        client.send(message("Q", statement + b"\0"))
        answers = client.until_ready()
        assert "E" not in [answer.tag for answer in answers], [str(answer) for answer in answers]
    return answers


def set_password(cluster: Cluster, password: str, *, role: str = "ada") -> None:
    with superuser(cluster) as admin:
        run(admin, b"alter role %s password '%s'" % (role.encode(), password.encode()))


def stored(client: RawClient, role: bytes) -> str:
    answers = run(client, b"select rolpassword from pg_authid where rolname = '%s'" % role)
    (value,) = answers[1].row
    assert value is not None
    return value.decode()


@pytest.mark.parametrize("password", PASSWORDS)
def test_our_client_logs_in(cluster: Cluster, password: str) -> None:
    set_password(cluster, password)
    with RawClient(cluster.host, cluster.port) as client:
        assert Login(client, "ada").scram(password) == (SCRAM_SHA_256, "Z I")
    for user, wrong in (("ada", password + "x"), ("nobody", password)):
        with RawClient(cluster.host, cluster.port) as client:
            assert Login(client, user).scram(wrong) == (SCRAM_SHA_256, "E 28P01 FATAL")


@pytest.mark.parametrize("password", PASSWORDS)
@pytest.mark.parametrize("iterations", [4096, 1, 20_000])
def test_verifier_of_ours_serves_postgresql(
    cluster: Cluster, programs: Programs, password: str, iterations: int
) -> None:
    verifier = ScramVerifier.generate(password, iterations).format()
    set_password(cluster, verifier)
    with superuser(cluster) as admin:
        assert stored(admin, b"ada") == verifier
    dsn = f"host=127.0.0.1 port={cluster.port} user=ada dbname=postgres password='{password}'"
    result = run_psql(programs, dsn, "select current_user")
    assert (result.stdout, result.stderr) == ("ada\n", "")
    assert run_psql(programs, dsn.replace("password='", "password='x"), "select 1").returncode == 2


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["note"])
def test_verifier_of_postgresql_serves_us(cluster: Cluster, vector: dict[str, Any]) -> None:
    """PostgreSQL prepares each password as the vector says: its verifier is made of the same bytes."""
    password = bytes.fromhex(vector["given"])
    with superuser(cluster, "ascii", client_encoding="sql_ascii") as admin:
        run(admin, b"alter role ada password '%s'" % password)
        verifier = ScramVerifier.parse(stored(admin, b"ada"))
    assert verifier == ScramVerifier.from_password(password, verifier.salt, verifier.iterations)
    assert verifier.fits(password)
    assert not verifier.fits(password + b"x")
    client_first, answering = ScramClient(password, new_nonce()).first()
    server_first, checking = ScramServer(verifier, new_nonce()).first(client_first)
    client_final, verifying = answering.challenge(server_first)
    verifying.verify(checking.final(client_final))


def test_md5(cluster: Cluster) -> None:
    with superuser(cluster) as admin:
        run(admin, b"set password_encryption = 'md5'", "alter role old password 'wonder länd'".encode())
        assert stored(admin, b"old") == md5_password("wonder länd", "old")
    for password, outcome in (("wonder länd", "Z I"), ("wrong", "E 28P01 FATAL")):
        with RawClient(cluster.host, cluster.port) as client:
            salt = Login(client, "old").authentication(MD5)
            client.send(message("p", md5_response(md5_password(password, "old"), salt) + b"\0"))
            assert str(client.until_ready()[-1]) == outcome


def encrypted(cluster: Cluster) -> tuple[RawClient, bytes]:
    """A client over TLS, and the server's certificate in DER."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    client = RawClient(cluster.host, cluster.port)
    try:
        client.send(SSL_REQUEST)
        assert client.byte() == b"S"
        secured = context.wrap_socket(client.socket, server_hostname="localhost")
        client.socket = secured
        der = secured.getpeercert(binary_form=True)
        assert der is not None
    except BaseException:
        client.socket.close()
        raise
    return client, der


def use_certificate(cluster: Cluster, kind: str) -> None:
    """Let PostgreSQL show such a certificate, and wait until it does."""
    made = signed_certificate(kind)
    (cluster.directory / "data" / "server.key").write_bytes(made.key)
    (cluster.directory / "data" / "server.crt").write_bytes(made.pem)
    with superuser(cluster) as admin:
        run(admin, b"select pg_reload_conf()")
    deadline = time.monotonic() + 20
    while True:
        client, der = encrypted(cluster)
        client.socket.close()
        if der == made.der:
            return
        assert time.monotonic() < deadline, f"PostgreSQL does not take the certificate:\n{cluster.log[-500:]}"
        time.sleep(0.02)


@pytest.fixture
def tls_cluster(cluster: Cluster) -> Cluster:
    if not cluster.programs.tls:
        pytest.skip(f"{cluster.programs} cannot speak TLS")
    return cluster


# TLS itself knows no certificates signed with SHA-3.
@pytest.mark.parametrize("kind", [kind for kind in KINDS if "sha3-" not in kind])
def test_channel_binding(tls_cluster: Cluster, kind: str) -> None:
    use_certificate(tls_cluster, kind)
    set_password(tls_cluster, "pencil")
    client, der = encrypted(tls_cluster)
    with client:
        if kind.startswith("ed"):  # PostgreSQL offers it all the same; a client must not take it
            with pytest.raises(NoChannelBinding):
                tls_server_end_point(der)
            assert Login(client, "ada").scram("pencil") == (SCRAM_SHA_256, "Z I")
        else:
            login = Login(client, "ada")
            assert login.scram("pencil", channel_binding=tls_server_end_point(der)) == (SCRAM_SHA_256_PLUS, "Z I")


def test_postgresql_sees_another_channel(tls_cluster: Cluster) -> None:
    use_certificate(tls_cluster, "ecdsa-sha256")
    set_password(tls_cluster, "pencil")
    client, der = encrypted(tls_cluster)
    with client:
        wrong = tls_server_end_point(der)[::-1]
        assert Login(client, "ada").scram("pencil", channel_binding=wrong) == (SCRAM_SHA_256_PLUS, "E 28000 FATAL")


def test_postgresql_sees_that_its_offer_was_shortened(tls_cluster: Cluster) -> None:
    use_certificate(tls_cluster, "ecdsa-sha256")
    client, der = encrypted(tls_cluster)
    with client:
        outcome = Login(client, "ada").scram(
            "pencil", mechanism=SCRAM_SHA_256, channel_binding=tls_server_end_point(der)
        )
        assert outcome == (SCRAM_SHA_256, "E 28000 FATAL")


def test_client_without_tls_says_that_it_cannot_bind(tls_cluster: Cluster) -> None:
    set_password(tls_cluster, "pencil")
    with RawClient(tls_cluster.host, tls_cluster.port) as client:
        assert isinstance(client.socket, socket.socket)
        assert Login(client, "ada").scram("pencil") == (SCRAM_SHA_256, "Z I")
