"""TLS of our server: direct and after SSLRequest, what is refused, names, reload; on both event loops."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest

import pgwire_py as pg
from pgwire_py.auth import ScramVerifier, UsersFunction, tls_server_end_point
from pgwire_py.server.tls import ServerTls
from tests.support.certificates import Certificates, make_certificates
from tests.support.hosted import LOOPS, Hosted, hosted
from tests.support.login import Login
from tests.support.raw import GSSENC_REQUEST, SSL_REQUEST, RawClient, query, startup

BIG = 3_000_000


async def answer(query: pg.Query) -> pg.Result:
    if query.sql == "big":
        return pg.Result([pg.Column("t", pg.TEXT)], [("x" * BIG,)])
    return pg.Result([pg.Column("n", pg.INT4)], [(len(query.sql),)])


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


NewLoop = Callable[[], asyncio.AbstractEventLoop]


@pytest.fixture(params=LOOPS)
def new_loop(request: pytest.FixtureRequest) -> NewLoop:
    return LOOPS[request.param]


@pytest.fixture
def server(certificates: Certificates, new_loop: NewLoop) -> Iterator[Hosted]:
    tls = ServerTls(certificates.certificate, certificates.key)
    with hosted(answer, new_loop, tls=tls, startup_timeout=20) as it:
        yield it


def client_context(certificates: Certificates, *alpn: str) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=certificates.authority)
    if alpn:
        context.set_alpn_protocols(list(alpn))
    return context


def encrypted(server: Hosted, context: ssl.SSLContext, *, direct: bool = False, name: str = "localhost") -> RawClient:
    """A client that speaks TLS and has not logged in."""
    client = server.connect()
    if not direct:
        client.send(SSL_REQUEST)
        assert client.byte() == b"S"
    client.socket = context.wrap_socket(client.socket, server_hostname=name)
    return client


def log_in(client: RawClient) -> None:
    client.send(startup({"user": "ada", "database": "app"}))
    assert client.until_ready()[-1].tag == "Z"


@pytest.mark.parametrize("direct", [False, True], ids=["asked", "direct"])
def test_queries_of_every_size(server: Hosted, certificates: Certificates, direct: bool) -> None:
    with encrypted(server, client_context(certificates, "postgresql"), direct=direct) as client:
        log_in(client)
        for length in (1, 16_000, 16_384, 16_385, 200_000, 1_000_000):
            client.send(query("q" * length))
            assert client.until_ready()[1].row == (str(length).encode(),)
        client.send(query("big"))
        assert client.until_ready()[1].row == (b"x" * BIG,)
        client.send(query("a"), query("bb"))
        assert [answer.row for answer in client.until_ready(2) if answer.tag == "D"] == [(b"1",), (b"2",)]


def test_byte_by_byte(server: Hosted, certificates: Certificates) -> None:
    """The handshake and a login in the smallest pieces."""
    for direct in (False, True):
        with server.connect() as client:
            if not direct:
                for byte in SSL_REQUEST:
                    client.send(bytes([byte]))
                assert client.byte() == b"S"
            incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
            context = client_context(certificates, "postgresql")
            tls = context.wrap_bio(incoming, outgoing, server_hostname="localhost")

            def send_slowly(client: RawClient = client, outgoing: ssl.MemoryBIO = outgoing) -> None:
                for byte in outgoing.read():
                    client.send(bytes([byte]))

            while True:
                with suppress(ssl.SSLWantReadError):
                    tls.do_handshake()
                    break
                send_slowly()
                incoming.write(client.socket.recv(65536))
            tls.write(startup({"user": "ada", "database": "app"}))
            send_slowly()
            received = b""
            while not received.endswith(b"Z\0\0\0\5I"):
                with suppress(ssl.SSLWantReadError):
                    received += tls.read()
                    continue
                incoming.write(client.socket.recv(65536))


def test_libpq_connects_directly(server: Hosted, certificates: Certificates) -> None:
    dsn = (
        f"host=localhost hostaddr=127.0.0.1 port={server.server.port} user=ada dbname=app sslnegotiation=direct "
        f"sslmode=verify-full sslrootcert={certificates.authority}"
    )
    with psycopg.connect(dsn) as connection:
        assert connection.pgconn.ssl_in_use
        assert connection.execute("hello").fetchone() == (5,)


@pytest.mark.parametrize("alpn", [(), ("http/1.1",)])
def test_direct_without_the_protocols_name_is_refused(
    server: Hosted, certificates: Certificates, alpn: tuple[str, ...]
) -> None:
    received = b"?"
    with (
        suppress(ssl.SSLError, ConnectionError),
        encrypted(server, client_context(certificates, *alpn), direct=True) as client,
    ):
        client.send(startup({"user": "ada", "database": "app"}))
        received = client.socket.recv(100)
    assert received in (b"?", b"")


def test_direct_where_there_is_no_tls(new_loop: NewLoop, certificates: Certificates) -> None:
    with hosted(answer, new_loop) as it:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            encrypted(it, client_context(certificates, "postgresql"), direct=True)
        with it.connect() as client:
            client.send(SSL_REQUEST)
            assert client.byte() == b"N"
            log_in(client)


def test_gssapi_is_declined_and_tls_may_follow(server: Hosted, certificates: Certificates) -> None:
    with server.connect() as client:
        client.send(GSSENC_REQUEST)
        assert client.byte() == b"N"
        client.send(SSL_REQUEST)
        assert client.byte() == b"S"
        client.socket = client_context(certificates).wrap_socket(client.socket, server_hostname="localhost")
        log_in(client)


@pytest.mark.parametrize("behind", [startup({"user": "eve", "database": "app"}), b"\x16", bytes(3)])
def test_stuffed_bytes(server: Hosted, behind: bytes) -> None:
    """CVE-2021-23214: what came in clear must never count as if it had come over TLS."""
    with server.connect() as client:
        client.send(SSL_REQUEST + behind)
        received = b""
        with suppress(ConnectionError):
            while data := client.socket.recv(4096):
                received += data
        assert received[:1] in (b"", b"E")
        assert b"received unencrypted data after SSL request" in received or not received


def test_a_second_request_inside_tls(server: Hosted, certificates: Certificates) -> None:
    with encrypted(server, client_context(certificates)) as client:
        client.send(SSL_REQUEST)
        assert client.to_end() == ["E 08P01 FATAL"]


@pytest.mark.parametrize("direct", [False, True], ids=["asked", "direct"])
def test_slow_handshakes_end(certificates: Certificates, new_loop: NewLoop, direct: bool) -> None:
    tls = ServerTls(certificates.certificate, certificates.key)
    with hosted(answer, new_loop, tls=tls, startup_timeout=0.5) as it:
        clients = [it.connect() for _ in range(20)]
        for client in clients:
            if direct:
                client.send(b"\x16\x03\x01\x02\x00")
            else:
                client.send(SSL_REQUEST)
                assert client.byte() == b"S"
        with encrypted(it, client_context(certificates)) as fast:
            log_in(fast)
            for client in clients:
                with suppress(ConnectionResetError):
                    assert client.socket.recv(1) == b""
                client.socket.close()
            fast.send(query("still"))
            assert fast.until_ready()[1].row == (b"5",)
        assert it.ask(lambda: len(it.server._protocols)) <= 1


def test_a_client_that_leaves_in_the_handshake(server: Hosted) -> None:
    for sent in (b"", b"\x16\x03\x01", b"nonsense nonsense nonsense"):
        with server.connect() as client:
            client.send(SSL_REQUEST)
            assert client.byte() == b"S"
            client.send(sent)
    deadline = time.monotonic() + 20
    while server.ask(lambda: len(server.server._protocols)):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_half_a_connection(server: Hosted, certificates: Certificates) -> None:
    """Who has said that he sends no more gets his answers all the same, and then the end."""
    with encrypted(server, client_context(certificates)) as client:
        log_in(client)
        client.send(query("last"))
        assert client.until_ready()[1].row == (b"4",)
        raw = client.socket
        assert isinstance(raw, ssl.SSLSocket)
        raw.settimeout(20)
        raw.unwrap()  # waits for the server's own word
    with encrypted(server, client_context(certificates)) as client:
        log_in(client)
        client.send(b"X\0\0\0\4")
        assert client.socket.recv(1) == b""


def test_minimum_version(certificates: Certificates, new_loop: NewLoop) -> None:
    context = client_context(certificates)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    for minimum in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        tls = ServerTls(certificates.certificate, certificates.key, minimum_version=minimum)
        with hosted(answer, new_loop, tls=tls) as it:
            if minimum is ssl.TLSVersion.TLSv1_2:
                with encrypted(it, context) as client:
                    log_in(client)
            else:
                with pytest.raises(ssl.SSLError, match="version"):
                    encrypted(it, context)
    assert ServerTls(certificates.certificate, certificates.key).context.minimum_version is ssl.TLSVersion.TLSv1_2


def shown(client: RawClient) -> bytes:
    assert isinstance(client.socket, ssl.SSLSocket)
    certificate = client.socket.getpeercert(binary_form=True)
    assert certificate is not None
    return certificate


def der(path: Path) -> bytes:
    return ssl.PEM_cert_to_DER_cert(path.read_text())


def test_server_names(certificates: Certificates, new_loop: NewLoop) -> None:
    """A certificate for each name, and channel binding to the one that was shown."""
    files = {name: certificates.make(name, hosts=(name,)) for name in ("one.example", "two.example")}
    others = {name: ServerTls(*pair) for name, pair in files.items()}
    verifier = ScramVerifier.from_password("lovelace", b"salt", 1)
    users = UsersFunction(lambda user, database: verifier)

    def find(name: str) -> ServerTls | None:
        if name == "broken.example":
            raise RuntimeError("no")
        if name == "odd.example":
            return "no certificate"  # type: ignore[return-value]
        return others.get(name)

    for names in (others, find):
        tls = ServerTls(certificates.certificate, certificates.key, server_names=names)
        with hosted(answer, new_loop, tls=tls, auth=users) as it:
            for name, path in (("localhost", certificates.certificate), *((n, p) for n, (p, _) in files.items())):
                with encrypted(it, client_context(certificates), name=name) as client:
                    assert shown(client) == der(path)
                    binding = tls_server_end_point(shown(client))
                    assert Login(client, "ada").scram("lovelace", channel_binding=binding) == (
                        "SCRAM-SHA-256-PLUS",
                        "Z I",
                    )
            if names is find:
                for name in ("broken.example", "odd.example"):
                    with pytest.raises(ssl.SSLError, match="internal error"):
                        encrypted(it, client_context(certificates), name=name)


def test_reload(
    certificates: Certificates, new_loop: NewLoop, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    certificate, key = tmp_path / "server.pem", tmp_path / "server.key"
    shutil.copy(certificates.certificate, certificate)
    shutil.copy(certificates.key, key)
    context = client_context(certificates)
    with hosted(answer, new_loop, tls=ServerTls(certificate, key)) as it:
        with encrypted(it, context) as old:
            log_in(old)
            fresh = certificates.make("fresh", hosts=("localhost",))
            shutil.copy(fresh[0], certificate)
            with caplog.at_level(logging.ERROR):
                assert not it.ask(it.server.reload_tls)
            assert f"{key} is not the key of {certificate}" in caplog.text
            with encrypted(it, context) as client:
                assert shown(client) == der(certificates.certificate)
            shutil.copy(fresh[1], key)
            assert it.ask(it.server.reload_tls)
            with encrypted(it, context) as client:
                assert shown(client) == der(fresh[0])
                log_in(client)
            old.send(query("same"))
            assert old.until_ready()[1].row == (b"4",)
        os.unlink(certificate)
        assert not it.ask(it.server.reload)


def test_nothing_is_reloaded_where_one_file_is_broken(certificates: Certificates, tmp_path: Path) -> None:
    files = [certificates.make(name, hosts=(name,)) for name in ("one.example", "two.example")]
    one, two = (ServerTls(*pair) for pair in files)
    tls = ServerTls(certificates.certificate, certificates.key, server_names={"one": one, "two": two})
    before = [it.context for it in (tls, one, two)]
    files[1][1].write_text("no key")
    with pytest.raises(ValueError, match=r"two\.example"):
        tls.reload()
    assert [it.context for it in (tls, one, two)] == before


def test_a_certificate_that_changes_while_it_is_read(certificates: Certificates, tmp_path: Path) -> None:
    """It would be shown, and channel binding be to the other one."""
    path = tmp_path / "server.pem"
    shutil.copy(certificates.certificate, path)
    certificate, _ = certificates.make("other", hosts=("localhost",))

    class Racing(ServerTls):
        def _load_certificate(self, context: ssl.SSLContext) -> None:
            super()._load_certificate(context)
            shutil.copy(certificate, path)

    with pytest.raises(ValueError, match="changed while it was read"):
        Racing(path, certificates.key)


def test_nobody_resumes(server: Hosted, certificates: Certificates) -> None:
    """A resumed connection would have the client's certificate of the first one, unchecked."""
    with encrypted(server, client_context(certificates)) as client:
        log_in(client)
        assert isinstance(client.socket, ssl.SSLSocket)
        assert client.socket.version() == "TLSv1.3"
        assert client.socket.session is None or not client.socket.session.has_ticket


def test_encrypted_key_and_wrong_files(certificates: Certificates, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is not the key of"):
        ServerTls(certificates.certificate, certificates.authority_key)
    with pytest.raises(ValueError, match="a certificate and its key"):
        ServerTls(certificates.certificate)
    with pytest.raises(FileNotFoundError):
        ServerTls(certificates.certificate, tmp_path / "none")
    with pytest.raises(ValueError, match="one too many"):
        pg.Server(
            answer,
            tls=ServerTls(certificates.certificate, certificates.key),
            ssl_context=ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER),
        )


def test_the_ends_of_a_unix_socket_may_encrypt_too(
    certificates: Certificates, new_loop: NewLoop, tmp_path: Path
) -> None:
    tls = ServerTls(certificates.certificate, certificates.key)
    with (
        hosted(answer, new_loop, tls=tls, unix_socket_directory=tmp_path) as it,
        socket.socket(socket.AF_UNIX) as raw,
    ):
        raw.settimeout(20)
        raw.connect(str(tmp_path / f".s.PGSQL.{it.server.port}"))
        raw.sendall(SSL_REQUEST)
        assert raw.recv(1) == b"S"
        with client_context(certificates).wrap_socket(raw, server_hostname="localhost") as tls_socket:
            tls_socket.sendall(startup({"user": "ada", "database": "app"}))
            assert tls_socket.recv(1) == b"R"
