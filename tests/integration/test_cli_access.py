"""``pgwire-py serve`` with rules, certificates and tokens; SIGHUP reads them again."""

from __future__ import annotations

import shutil
import signal
import socket
import ssl
import time
from pathlib import Path

import psycopg
import pytest

from pgwire_py.auth import ScramVerifier, users_file_line
from tests.support.certificates import Certificates, make_certificates
from tests.support.oauth import OAuthClient
from tests.support.servers import ServerProcess, running_server, serve_command
from tests.support.targets import make_database


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "data.sqlite"
    make_database(path)
    return path


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    return make_certificates(tmp_path)


def file(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o600)
    return path


def outcome(server: ServerProcess, user: str, **options: object) -> str:
    settings = {
        "host": "localhost",
        "hostaddr": "127.0.0.1",
        "port": server.port,
        "user": user,
        "dbname": "x",
        **options,
    }
    try:
        with psycopg.connect(**settings) as connection:  # type: ignore[arg-type]
            return str(connection.execute("select 'in'").fetchone()[0])  # type: ignore[index]
    except psycopg.OperationalError as error:
        return str(error)


def shown_certificate(server: ServerProcess) -> str:
    """As PEM; what libpq 17 and later do at once."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["postgresql"])
    with socket.create_connection(("127.0.0.1", server.port), 20) as raw, context.wrap_socket(raw) as tls:
        certificate = tls.getpeercert(binary_form=True)
        assert certificate is not None
        return ssl.DER_cert_to_PEM_cert(certificate)


def hang_up(server: ServerProcess, expected: str) -> None:
    """Send SIGHUP and wait until the log says so."""
    before = server.output.count(expected)
    server.process.send_signal(signal.SIGHUP)
    deadline = time.monotonic() + 30
    while server.output.count(expected) == before:
        assert time.monotonic() < deadline, server.output
        time.sleep(0.02)


def test_rules_maps_and_certificates(source: Path, certificates: Certificates, tmp_path: Path) -> None:
    hba = file(tmp_path / "hba", "hostssl all robot all cert map=m\nhost all ada all scram-sha-256\n")
    ident = file(tmp_path / "ident", "m machine robot\n")
    users = file(tmp_path / "users", users_file_line("ada", ScramVerifier.generate("lovelace").format()) + "\n")
    certificate = Path(shutil.copy(certificates.certificate, tmp_path / "current.pem"))
    key = Path(shutil.copy(certificates.key, tmp_path / "current.key"))
    machine = certificates.make("machine")
    command = serve_command(
        source, "--hba", hba, "--ident", ident, "--users", users, "--tls-cert", certificate, "--tls-key", key,
        "--tls-ca", certificates.authority, "--tls-min-version", "1.3", "--mock-secret", tmp_path / "secret",
    )  # fmt: skip
    with running_server(command) as server:
        robot = {
            "sslmode": "verify-full",
            "sslrootcert": certificates.authority,
            "sslcert": machine[0],
            "sslkey": machine[1],
        }
        assert outcome(server, "robot", **robot) == "in"
        assert outcome(server, "ada", password="lovelace", channel_binding="require", sslmode="require") == "in"
        assert "no pg_hba.conf entry" in outcome(server, "eve")
        assert "ssl" in outcome(server, "robot", **robot, ssl_max_protocol_version="TLSv1.2").lower()
        old = psycopg.connect(
            host="localhost", port=server.port, user="ada", password="lovelace", dbname="x", sslmode="require"
        )

        fresh = certificates.make("fresh", hosts=("localhost",))
        shutil.copy(fresh[0], certificate)
        file(hba, "host all all all nonsense\n")
        hang_up(server, f'{hba}:1: invalid authentication method "nonsense"')
        assert "is not the key of" in server.output
        assert shown_certificate(server) == certificates.certificate.read_text()
        assert outcome(server, "robot", **robot) == "in"

        shutil.copy(fresh[1], key)
        file(hba, "host all all all reject\n")
        hang_up(server, "were read again")
        assert shown_certificate(server) == fresh[0].read_text()
        assert "pg_hba.conf rejects connection" in outcome(server, "robot", **robot)
        assert old.execute("select 1").fetchone() == (1,)
        old.close()
        assert (tmp_path / "secret").stat().st_size == 32


def test_rules_that_trust_strangers_are_not_taken_later(source: Path, tmp_path: Path) -> None:
    hba = file(tmp_path / "hba", "host all all 127.0.0.1/32 trust\n")
    with running_server(serve_command(source, "--hba", hba, "--host", "0.0.0.0")) as server:
        assert outcome(server, "ada") == "in"
        file(hba, "host all ada all reject\nhost all all all trust\n")
        hang_up(server, f"{hba}:2 trusts people from other machines")
        assert outcome(server, "ada") == "in"


@pytest.mark.parametrize("method", ["password", "md5", "scram-sha-256"])
def test_methods_with_passwords(source: Path, tmp_path: Path, method: str) -> None:
    users = file(tmp_path / "users", '"ada" "lovelace"\n')
    with running_server(serve_command(source, "--auth", method, "--users", users)) as server:
        assert outcome(server, "ada", password="lovelace") == "in"
        assert "password authentication failed" in outcome(server, "ada", password="x")


def test_bearer_tokens(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file(tmp_path / "tokens.py", "async def check(token, user, database, address):\n    return user\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    options = (
        "--auth",
        "oauth",
        "--oauth-issuer",
        "https://i.example",
        "--oauth-scope",
        "sql",
        "--oauth-validator",
        "tokens:check",
    )
    with running_server(serve_command(source, *options)) as server:
        assert OAuthClient(server.port, "ada").log_in("x") == "in"
        assert "28000 OAuth bearer authentication failed" in OAuthClient(server.port, "ada").log_in("")


def test_everybody_rejected(source: Path) -> None:
    with running_server(serve_command(source, "--auth", "reject")) as server:
        assert "pg_hba.conf rejects connection" in outcome(server, "ada")
