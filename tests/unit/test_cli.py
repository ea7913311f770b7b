"""pgwire_py.cli: help, what is said of bad options and sources, hash-password. No server is started here."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from pathlib import Path

import click
import duckdb
import pytest
from click.testing import CliRunner, Result
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from pgwire_py.auth import UsersFile, load_mock_secret
from pgwire_py.cli import cli
from pgwire_py.cli.access import load_access, load_tls
from pgwire_py.cli.options import check_address
from pgwire_py.cli.run import on_signals, run_loop
from pgwire_py.cli.source import find_source


def invoke(*arguments: str | Path, stdin: str | None = None) -> Result:
    return CliRunner().invoke(cli, [str(argument) for argument in arguments], input=stdin, prog_name="pgwire-py")


def refused(*arguments: str | Path, status: int = 2) -> str:
    """The one line that ``pgwire-py`` ends with."""
    result = invoke(*arguments)
    assert result.exit_code == status, result.output
    assert result.stdout == ""
    assert result.stderr.startswith("pgwire-py: ")
    assert result.stderr.count("\n") == 1
    return result.stderr


@pytest.fixture
def sqlite_file(tmp_path: Path) -> Path:
    path = tmp_path / "things.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("create table t (x integer)")
    connection.close()
    return path


@pytest.fixture
def duckdb_file(tmp_path: Path) -> Path:
    path = tmp_path / "things.duckdb"
    with duckdb.connect(path) as connection:
        connection.execute("create table t (x integer)")
    return path


@pytest.fixture
def users_file(tmp_path: Path) -> Path:
    path = tmp_path / "users"
    path.write_text('"ada" "lovelace"\n')
    path.chmod(0o600)
    return path


def key_pair(folder: Path, name: str, passphrase: bytes | None = None) -> tuple[Path, Path]:
    """A self-signed certificate and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(timezone.utc)
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    encryption = serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
    cert_path, key_path = folder / f"{name}.crt", folder / f"{name}.key"
    cert_path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_path.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption))
    return cert_path, key_path


class TestHelp:
    @pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"]])
    def test_names_the_commands(self, arguments: list[str]) -> None:
        result = invoke(*arguments)
        assert result.exit_code == 0
        assert "serve" in result.stdout
        assert "hash-password" in result.stdout

    def test_serve_names_every_option(self) -> None:
        result = invoke("serve", "--help")
        assert result.exit_code == 0
        for option in (
            *(
                "--engine",
                "--host",
                "--port",
                "--unix-socket",
                "--auth",
                "--hba",
                "--ident",
                "--users",
                "--mock-secret",
            ),
            *("--oauth-issuer", "--oauth-scope", "--oauth-validator"),
            *("--tls-cert", "--tls-key", "--tls-passphrase", "--tls-ca", "--tls-min-version"),
            *("--require-tls", "--read-only", "--max-connections", "--log-level", "--insecure"),
            *("--max-connections-per-user", "--max-connections-per-address", "--max-starting", "--startup-timeout"),
            *("--max-message-length", "--tcp-keepalives-idle", "--tcp-keepalives-interval", "--tcp-keepalives-count"),
        ):
            assert option in result.stdout

    def test_version(self) -> None:
        result = invoke("--version")
        assert result.exit_code == 0
        assert result.stdout.startswith("pgwire-py ")

    def test_unknown_command_and_option(self) -> None:
        assert "srve" in refused("srve")
        assert "--prot" in refused("serve", "--prot", "1")

    def test_module_and_lazy_imports(self) -> None:
        """``python -m pgwire_py`` works, and help loads nothing heavy."""
        script = (
            "import runpy, sys; sys.argv = ['pgwire-py', 'serve', '--help']\n"
            "try: runpy.run_module('pgwire_py', run_name='__main__')\n"
            "except SystemExit as end: assert not end.code, end.code\n"
            "heavy = {'sqlite3', 'duckdb', 'uvloop'} & set(sys.modules)\n"
            "assert not heavy, heavy\n"
        )
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert "SOURCE" in done.stdout


class TestSources:
    def test_missing(self, tmp_path: Path) -> None:
        assert "no such file" in refused("serve", tmp_path / "none.duckdb")

    def test_unreadable(self, sqlite_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("os.access", lambda path, mode: False)  # the superuser, who may run this, reads anything
        assert "no permission" in refused("serve", sqlite_file)

    def test_wrong_type(self, tmp_path: Path) -> None:
        path = tmp_path / "sheet.xlsx"
        path.write_bytes(b"PK")
        assert "sheet.xlsx: not one of" in refused("serve", path)

    @pytest.mark.parametrize("name", ["x.sqlite", "x.sqlite3", "x.duckdb", "x.ddb", "x.db"])
    def test_not_a_database(self, tmp_path: Path, name: str) -> None:
        path = tmp_path / name
        path.write_text("hello, I am a text file")
        assert "database" in refused("serve", path)

    def test_named_as_the_other(self, sqlite_file: Path, duckdb_file: Path, tmp_path: Path) -> None:
        assert "is a SQLite database" in refused("serve", sqlite_file.rename(tmp_path / "a.duckdb"))
        assert "is a DuckDB database" in refused("serve", duckdb_file.rename(tmp_path / "b.sqlite"))

    def test_database_with_others(self, sqlite_file: Path, duckdb_file: Path, tmp_path: Path) -> None:
        (tmp_path / "a.csv").write_text("x\n1\n")
        for others in ([duckdb_file], [tmp_path / "a.csv"], [tmp_path]):
            assert "alone" in refused("serve", sqlite_file, *others)

    def test_engine_does_not_fit(self, sqlite_file: Path, duckdb_file: Path, tmp_path: Path) -> None:
        (tmp_path / "a.csv").write_text("x\n1\n")
        assert "--engine duckdb" in refused("serve", "--engine", "duckdb", sqlite_file)
        assert "--engine sqlite" in refused("serve", "--engine", "sqlite", duckdb_file)
        assert "--engine sqlite" in refused("serve", "--engine", "sqlite", tmp_path / "a.csv")
        assert "--engine sqlite" in refused("serve", "--engine", "sqlite")
        assert "--engine datafusion cannot serve" in refused("serve", "--engine", "datafusion", sqlite_file)
        assert "--engine polars cannot serve the demo" in refused("serve", "--engine", "polars")

    def test_folder_without_data(self, tmp_path: Path) -> None:
        (tmp_path / "readme.txt").write_text("nothing here")
        assert "no Parquet, CSV or JSON" in refused("serve", tmp_path)

    def test_two_files_of_one_name(self, tmp_path: Path) -> None:
        for name in ("Sales.csv", "sales.parquet"):
            (tmp_path / name).write_text("x\n")
        assert "would both be the view" in refused("serve", tmp_path)

    def test_what_gluesql_cannot_serve(self, sqlite_file: Path, tmp_path: Path) -> None:
        folder = tmp_path / "exports"
        folder.mkdir()
        for name in ("a.json", "b.csv", "c.jsonl"):
            (folder / name).touch()
        wanted = "serves a folder of JSON files (.json, .jsonl)"
        for sources in ([folder / "a.json"], [folder, tmp_path], [folder / "b.csv"]):
            line = refused("serve", "--engine", "gluesql", *sources)
            assert f"--engine gluesql {wanted}, not {' '.join(map(str, sources))}" in line
        assert f"{folder / 'b.csv'}: --engine gluesql {wanted} alone" in refused("serve", "--engine", "gluesql", folder)
        (folder / "b.csv").rename(folder / "a.jsonl")
        assert 'two files would both be the table "a"' in refused("serve", "--engine", "gluesql", folder)
        for source in ([], [sqlite_file]):
            assert "give a folder of JSON files" in refused("serve", "--engine", "gluesql", *source)

    @pytest.mark.parametrize(
        ("engine", "install"),
        [
            (None, "install DuckDB: pip install 'pgwire-py[duckdb]' (Python 3.11 or later)"),
            ("datafusion", "install DataFusion: pip install 'pgwire-py[datafusion]'"),
            ("polars", "install polars: pip install 'pgwire-py[polars]'"),
            ("gluesql", "install GlueSQL: pip install 'pgwire-py[gluesql]' (Python 3.11 or 3.12)"),
        ],
    )
    def test_an_engine_that_is_not_installed(
        self, engine: str | None, install: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "a.json").write_text('{"x": 1}\n')
        monkeypatch.setattr("pgwire_py.cli.source.find_spec", lambda name: None)
        chosen = ("--engine", engine) if engine else ()
        assert refused("serve", *chosen, tmp_path, status=1).rstrip().endswith(install)

    def test_what_is_found(self, sqlite_file: Path, duckdb_file: Path, tmp_path: Path) -> None:
        assert find_source((), None).kind == "demo"
        assert find_source((sqlite_file,), None).kind == "sqlite"
        assert find_source((duckdb_file,), "duckdb").kind == "duckdb"
        assert find_source((sqlite_file.rename(tmp_path / "one.db"),), None).kind == "sqlite"
        two = find_source((duckdb_file.rename(tmp_path / "two.db"),), None)
        assert (two.kind, two.database) == ("duckdb", "two")

    def test_empty_database_file(self, tmp_path: Path) -> None:
        path = tmp_path / "new.sqlite"
        path.touch()
        assert find_source((path,), None).kind == "sqlite"
        path = path.rename(tmp_path / "new.db")
        assert find_source((path,), "sqlite").kind == "sqlite"
        assert "not a SQLite or DuckDB database" in refused("serve", path)

    def test_files_and_folders(self, tmp_path: Path) -> None:
        folder = tmp_path / "exports"
        folder.mkdir()
        for name in ("b.json", "a.csv", "notes.txt"):
            (folder / name).touch()
        (tmp_path / "c.PARQUET").touch()
        source = find_source((folder, tmp_path / "c.PARQUET"), None)
        assert source.kind == "files"
        assert [path.name for path in source.paths] == ["a.csv", "b.json", "c.PARQUET"]
        assert source.database == "exports"


class TestOptions:
    def test_port(self) -> None:
        assert "--port" in refused("serve", "--port", "70000")
        assert "--port" in refused("serve", "--port", "five")

    def test_choices(self) -> None:
        assert "trust" in refused("serve", "--auth", "kerberos")
        assert "sqlite" in refused("serve", "--engine", "oracle")

    @pytest.mark.parametrize("option", ["--max-connections", "--max-connections-per-user", "--startup-timeout"])
    def test_limits(self, option: str) -> None:
        assert option in refused("serve", option, "0")

    @pytest.mark.parametrize(
        ("given", "problem"),
        [
            ("statement_timeout", "expected NAME=VALUE"),
            ("=1", "expected NAME=VALUE"),
            ("statement_timeout=soon", 'invalid value for parameter "statement_timeout": "soon"'),
            ("statement_timeuot=1", 'unrecognized configuration parameter "statement_timeuot"'),
        ],
    )
    def test_parameters(self, given: str, problem: str) -> None:
        assert problem in refused("serve", "--port", "0", "-c", given)

    def test_required_tls_needs_a_certificate(self) -> None:
        assert "--tls-cert" in refused("serve", "--require-tls")

    def test_scram_needs_users(self, users_file: Path) -> None:
        assert "needs --users" in refused("serve", "--auth", "scram-sha-256")
        assert "not for trust" in refused("serve", "--auth", "trust", "--users", users_file)

    def test_users_file(self, tmp_path: Path) -> None:
        path = tmp_path / "none"
        assert "No such file" in refused("serve", "--users", path)
        path.write_text("; nobody\n")
        assert "no users" in refused("serve", "--users", path)
        path.write_text('"ada" "x"\n"bob" hunter2\n')
        line = refused("serve", "--users", path)
        assert f"{path}:2: " in line
        assert "hunter2" not in line
        assert "--users" in refused("serve", "--users", tmp_path)

    @pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "192.0.2.1", "2001:db8::1"])
    def test_trust_stays_on_this_machine(self, host: str) -> None:
        assert "--insecure" in refused("serve", "--host", host)
        check_address(host, 0, None, trust=True, insecure=True)
        check_address(host, 0, None, trust=False, insecure=False)

    @pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
    def test_loopback(self, host: str) -> None:
        check_address(host, 0, None, trust=True, insecure=False)

    def test_unknown_host(self) -> None:
        assert "cannot find" in refused("serve", "--host", "nowhere.invalid")

    def test_unix_socket_folder(self, tmp_path: Path) -> None:
        assert "not a folder" in refused("serve", "--unix-socket", tmp_path / "none")
        deep = tmp_path / ("d" * 100)
        deep.mkdir()
        assert "too long" in refused("serve", "--unix-socket", deep)


class TestTls:
    def test_good_pair_and_one_file(self, tmp_path: Path) -> None:
        certificate, key = key_pair(tmp_path, "one")
        assert load_tls(certificate, key, None, None, "1.2") is not None
        both = tmp_path / "both.pem"
        both.write_bytes(certificate.read_bytes() + key.read_bytes())
        assert load_tls(both, None, None, None, "1.3") is not None
        assert load_tls(None, None, None, None, "1.2") is None

    @pytest.mark.parametrize(
        ("choose", "reason"),
        [
            (lambda one, two, text: (one[0], two[1]), "is not the key of"),
            (lambda one, two, text: (one[0], None), "its key"),
            (lambda one, two, text: (None, one[1]), "needs --tls-cert"),
            (lambda one, two, text: (text, one[1]), "in PEM"),
            (lambda one, two, text: (one[0], text), "in PEM"),
            (lambda one, two, text: (text.with_name("none"), one[1]), "--tls-cert: cannot read"),
            (lambda one, two, text: (one[0], text.with_name("none")), "--tls-key: cannot read"),
        ],
    )
    def test_bad_pair(
        self, tmp_path: Path, choose: Callable[..., tuple[Path | None, Path | None]], reason: str
    ) -> None:
        text = tmp_path / "text"
        text.write_text("hello")
        certificate, key = choose(key_pair(tmp_path, "one"), key_pair(tmp_path, "two"), text)
        arguments = [*(("--tls-cert", certificate) if certificate else ()), *(("--tls-key", key) if key else ())]
        assert reason in refused("serve", *arguments)

    def test_encrypted_key(self, tmp_path: Path) -> None:
        certificate, key = key_pair(tmp_path, "one", b"secret")
        passphrase = tmp_path / "passphrase"
        with pytest.raises(click.UsageError, match="encrypted; its passphrase is needed"):
            load_tls(certificate, key, None, None, "1.2")
        passphrase.write_text("hunter2\n")
        with pytest.raises(click.UsageError, match="with this passphrase") as caught:
            load_tls(certificate, key, passphrase, None, "1.2")
        assert "hunter2" not in str(caught.value)
        passphrase.write_text("secret\n")
        assert load_tls(certificate, key, passphrase, None, "1.2") is not None

    def test_client_authorities(self, tmp_path: Path) -> None:
        certificate, key = key_pair(tmp_path, "one")
        tls = load_tls(certificate, key, None, certificate, "1.2")
        assert tls is not None
        assert tls.checks_clients
        with pytest.raises(click.UsageError, match="must hold certificates"):
            load_tls(certificate, key, None, key, "1.2")
        for option in ("--tls-ca", "--tls-key", "--tls-passphrase"):
            assert "needs --tls-cert" in refused("serve", option, certificate)


class TestAccess:
    def rules(self, tmp_path: Path, text: str) -> Path:
        path = tmp_path / "pg_hba.conf"
        path.write_text(text)
        return path

    def test_rules_and_auth_are_one_too_many(self, tmp_path: Path) -> None:
        hba = self.rules(tmp_path, "local all all trust\n")
        assert "one too many" in refused("serve", "--hba", hba, "--auth", "trust")

    def test_a_wrong_file_is_told_with_its_line(self, tmp_path: Path) -> None:
        hba = self.rules(tmp_path, "# rules\n\nhost all all 10.0.0.0/33 trust\n")
        assert f'{hba}:3: invalid CIDR mask in address "10.0.0.0/33"' in refused("serve", "--hba", hba)
        assert "cannot read" in refused("serve", "--hba", tmp_path / "none")
        assert f"{hba}:1: " in refused(
            "serve", "--hba", self.rules(tmp_path, "host all all 127.0.0.1/32 scram-sha-256")
        )

    def test_rules_that_trust_strangers(self, tmp_path: Path, users_file: Path) -> None:
        hba = self.rules(tmp_path, "local all all trust\nhost all all all trust\n")
        assert "--insecure" in refused("serve", "--hba", hba, "--host", "0.0.0.0")
        near = "host all all 127.0.0.1/32 trust\nhost all all ::1/128 trust\nhost all all samehost trust\n"
        safe = self.rules(tmp_path, near + "host all all all scram-sha-256\n")
        access = load_access(
            auth=None, hba=safe, ident=None, users=users_file, mock_secret=None, oauth=(None, None, None), tls=None
        )
        assert not access.trusts_strangers

    def test_what_methods_need(self, users_file: Path) -> None:
        assert "--tls-ca" in refused("serve", "--auth", "cert")
        assert "--oauth-issuer" in refused("serve", "--auth", "oauth")
        for method in ("password", "md5", "scram-sha-256"):
            assert "needs --users" in refused("serve", "--auth", method)
        for method in ("trust", "reject", "cert", "oauth"):
            assert f"not for {method}" in refused("serve", "--auth", method, "--users", users_file)

    def test_validator(self) -> None:
        options = ("serve", "--auth", "oauth", "--oauth-issuer", "https://issuer.example", "--oauth-scope", "sql")
        assert "belong together" in refused(*options)
        for name in ("no_such_module:f", "math:f", "math", ":"):
            assert "cannot load" in refused(*options, "--oauth-validator", name)

    def test_mock_secret_stays(self, tmp_path: Path) -> None:
        path = tmp_path / "secret"
        secret = load_mock_secret(path)
        assert path.stat().st_mode & 0o777 == 0o600
        assert (len(secret), load_mock_secret(path)) == (32, secret)
        path.write_bytes(b"short")
        assert "fewer than 32" in refused("serve", "--mock-secret", path)


class TestHashPassword:
    def test_line_is_a_users_file(self, tmp_path: Path) -> None:
        result = invoke("hash-password", 'a "b"', stdin="pencil\npencil\n")
        assert result.exit_code == 0
        assert "pencil" not in result.output
        path = tmp_path / "users"
        path.write_text(result.stdout)
        path.chmod(0o600)
        assert UsersFile(path).users == ('a "b"',)

    def test_asks_for_the_user(self) -> None:
        result = invoke("hash-password", "--iterations", "10", stdin="ada\npencil\npencil\n")
        assert result.exit_code == 0
        assert result.stdout.startswith('"ada" "SCRAM-SHA-256$10:')

    def test_refusals(self) -> None:
        result = invoke("hash-password", "", stdin="pencil\npencil\n")
        assert (result.exit_code, "empty user name" in result.stderr) == (2, True)
        result = invoke("hash-password", "ada", stdin="pencil\n")
        assert result.exit_code == 130
        assert "interrupted" in result.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_are_handled_afterwards_as_before(number: signal.Signals) -> None:
    def handler(number: int, frame: object) -> None:
        pass

    async def main() -> None:
        on_signals(lambda: None)
        assert signal.getsignal(signal.SIGINT) is not handler

    before = signal.signal(number, handler)
    try:
        run_loop(main())
        assert signal.getsignal(number) is handler
    finally:
        signal.signal(number, before)


def test_what_needs_no_signals_runs_in_any_thread() -> None:
    ran: list[int] = []

    async def main() -> None:
        ran.append(threading.get_ident())

    with ThreadPoolExecutor(1) as threads:
        threads.submit(run_loop, main()).result(30)
    assert ran
    assert ran != [threading.get_ident()]
