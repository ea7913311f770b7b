"""Every method of authentication with psql, psycopg and asyncpg, and each way to fail; PostgreSQL says what is to be expected.

Which method a user gets is in the rules; his name says what is stored of his password.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import psycopg
import pytest

import pgwire_py as pg
from pgwire_py.auth import HostBasedRules, IdentMap, ScramVerifier, UsersFile, md5_password, users_file_line
from pgwire_py.server.tls import ServerTls
from tests.support.certificates import Certificates, make_certificates
from tests.support.hosted import LOOPS, hosted
from tests.support.postgres import Programs, running_cluster
from tests.support.psql import run_psql

PASSWORD = "wonder länd"
SCRAM_USERS = ("clear", "md5_scram", "scram", "both")
MD5_USERS = ("clear_md5", "md5", "scram_md5")
OTHERS = ("trusted", "rejected", "ada", "mapped", "organized", "any")
RULES = """
hostssl all ada all cert
hostssl all mapped all cert map=m
hostssl all organized all cert clientname=DN map=dn
hostssl all both all scram-sha-256 clientcert=verify-full
hostssl all any all trust clientcert=verify-ca
host all trusted 127.0.0.1/32 trust
host all rejected all reject
host all clear,clear_md5,no_clear all password
host all md5,md5_scram,no_md5 all md5
hostssl all scram_tls all scram-sha-256
host all scram,scram_md5,no_scram samehost scram-sha-256
"""
MAPS = r"""
m /^(.*)@example\.org$ \1
dn "CN=boss,O=Engines" organized
"""
FAILED = 'password authentication failed for user "{}"'


@dataclass(frozen=True)
class Secure:
    port: int
    certificates: Certificates
    programs: Programs

    def dsn(
        self, user: str, password: str | None = PASSWORD, client: tuple[Path, Path] | None = None, **options: object
    ) -> str:
        settings: dict[str, object] = {
            "host": "localhost", "hostaddr": "127.0.0.1", "port": self.port, "user": user, "dbname": "postgres",
            "sslmode": "verify-full", "sslrootcert": self.certificates.authority, "sslcert": "", "gssencmode": "disable",
        }  # fmt: skip
        if client is not None:
            settings.update(sslcert=client[0], sslkey=client[1])
        if password is not None:
            settings["password"] = password
        return psycopg.conninfo.make_conninfo("", **{**settings, **options})  # type: ignore[arg-type]

    def psycopg(self, *arguments: Any, **options: Any) -> str:
        """``in``, or what the server said."""
        try:
            with psycopg.connect(self.dsn(*arguments, **options)) as connection:
                return "in" if connection.execute("select 1").fetchone() == (1,) else "?"
        except psycopg.OperationalError as error:
            return str(error)

    def psql(self, *arguments: Any, **options: Any) -> str:
        done = run_psql(self.programs, self.dsn(*arguments, **options), "select 1", options=("-At", "-w"))
        return "in" if (done.returncode, done.stdout) == (0, "1\n") else done.stderr

    def asyncpg(
        self, user: str, password: str | None = PASSWORD, client: tuple[Path, Path] | None = None, **options: Any
    ) -> str:
        tls: ssl.SSLContext | bool = False
        if options.get("sslmode") != "disable":
            tls = ssl.create_default_context(cafile=self.certificates.authority)
            if client is not None:
                tls.load_cert_chain(*client)

        async def connect() -> str:
            try:
                connection = await asyncpg.connect(
                    host="localhost", port=self.port, user=user, password=password, database="postgres", ssl=tls
                )
            except (asyncpg.PostgresError, OSError) as error:
                return str(error)
            value = await connection.fetchval("select 1")
            await connection.close()
            return "in" if value == 1 else "?"

        return asyncio.run(connect())

    def all(self, *arguments: Any, **options: Any) -> list[str]:
        return [connect(*arguments, **options) for connect in (self.psycopg, self.psql, self.asyncpg)]


async def answer(query: pg.Query) -> pg.Result:
    return pg.Result([pg.Column("n", pg.INT4)], [(1,)])


@pytest.fixture(scope="module", params=["postgres", *LOOPS])
def secure(
    request: pytest.FixtureRequest, programs: Programs, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Secure]:
    directory = tmp_path_factory.mktemp("secure")
    certificates = make_certificates(directory)
    if request.param == "postgres":
        files = {
            "server.crt": certificates.certificate.read_bytes(),
            "server.key": certificates.key.read_bytes(),
            "root.crt": certificates.authority.read_bytes(),
            "pg_ident.conf": MAPS.encode(),
        }
        settings = {"ssl": "on", "ssl_ca_file": "root.crt"}
        hba = f"local all postgres trust\n{RULES}"
        with running_cluster(programs, hba=hba, settings=settings, files=files) as cluster:
            path = cluster.directory / "data" / "pg_hba.conf"
            path.write_text(hba)
            made = [f'create role "{user}" login;' for user in OTHERS]
            for users, kind in ((SCRAM_USERS, "scram-sha-256"), (MD5_USERS, "md5")):
                made.append(f"set password_encryption = '{kind}';")
                made += [f"create role \"{user}\" login password '{PASSWORD}';" for user in users]
            dsn = f"host={cluster.directory} port={cluster.port} user=postgres dbname=postgres"
            done = run_psql(programs, dsn, *made, "select pg_reload_conf()", "select pg_sleep(0.3)")
            assert done.stderr == ""
            yield Secure(cluster.port, certificates, programs)
        return
    hba_file, ident_file, users_file = (directory / name for name in ("hba", "ident", "users"))
    hba_file.write_text(RULES)
    ident_file.write_text(MAPS)
    lines = [users_file_line(user, ScramVerifier.generate(PASSWORD).format()) for user in SCRAM_USERS]
    lines += [users_file_line(user, md5_password(PASSWORD, user)) for user in MD5_USERS]
    users_file.write_text("\n".join(lines))
    users_file.chmod(0o600)
    tls = ServerTls(certificates.certificate, certificates.key, client_ca=certificates.authority)
    with hosted(
        answer, LOOPS[request.param], auth=HostBasedRules.load(hba_file), ident=IdentMap.load(ident_file),
        users=UsersFile(users_file), tls=tls,
    ) as it:  # fmt: skip
        yield Secure(it.server.port, certificates, programs)


@pytest.mark.parametrize("mode", ["disable", "verify-full"])
@pytest.mark.parametrize("user", ["trusted", "clear", "clear_md5", "md5", "md5_scram", "scram"])
def test_right(secure: Secure, user: str, mode: str) -> None:
    assert secure.all(user, sslmode=mode) == ["in"] * 3


@pytest.mark.parametrize("user", ["clear", "clear_md5", "no_clear", "md5", "md5_scram", "no_md5", "scram", "no_scram"])
def test_wrong_password_and_unknown_user(secure: Secure, user: str) -> None:
    for password in ("wrong", PASSWORD + "x"):
        for text in secure.all(user, password):
            assert FAILED.format(user) in text


def test_an_md5_password_does_not_serve_scram(secure: Secure) -> None:
    for text in secure.all("scram_md5"):
        assert FAILED.format("scram_md5") in text


def test_empty_password(secure: Secure) -> None:
    async def raw() -> None:
        with pytest.raises(asyncpg.InvalidPasswordError, match="empty password returned by client"):
            await asyncpg.connect(
                host="localhost", port=secure.port, user="clear", password="", database="postgres", ssl=False
            )

    asyncio.run(raw())


def test_rejected_and_without_a_rule(secure: Secure) -> None:
    where = 'host "127.0.0.1", user "{}", database "postgres", {}'
    for mode, encryption in (("disable", "no encryption"), ("verify-full", "SSL encryption")):
        for text in secure.all("rejected", sslmode=mode):
            assert "pg_hba.conf rejects connection for " + where.format("rejected", encryption) in text
        for text in secure.all("nobody", sslmode=mode):
            assert "no pg_hba.conf entry for " + where.format("nobody", encryption) in text
    for text in secure.all("scram_tls", sslmode="disable"):
        assert "no pg_hba.conf entry for" in text


@pytest.mark.parametrize("binding", ["require", "prefer", "disable"])
def test_channel_binding(secure: Secure, binding: str) -> None:
    for connect in (secure.psycopg, secure.psql):
        assert connect("scram", channel_binding=binding) == "in"
        if binding == "require":
            assert "channel binding required" in connect("clear", channel_binding=binding)
            assert "channel binding" in connect("scram", channel_binding=binding, sslmode="disable")


@pytest.mark.parametrize(
    ("user", "name", "organization", "good"),
    [
        ("ada", "ada", (), True),
        ("ada", "Ada", (), False),
        ("ada", "bob", (), False),
        ("mapped", "mapped@example.org", (), True),
        ("mapped", "other@example.org", (), False),
        ("mapped", "mapped", (), False),
        ("organized", "boss", ("Engines",), True),
        ("organized", "boss", ("Motors",), False),
        ("both", "both", (), True),
        ("any", "somebody", (), True),
    ],
)
def test_client_certificates(secure: Secure, user: str, name: str, organization: tuple[str, ...], good: bool) -> None:
    client = secure.certificates.make(name, *organization)
    for text in secure.all(user, client=client):
        assert text == "in" if good else f'certificate authentication failed for user "{user}"' in text


def test_a_certificate_does_not_replace_the_password(secure: Secure) -> None:
    for text in secure.all("both", "wrong", client=secure.certificates.make("both")):
        assert FAILED.format("both") in text
    for text in secure.all("both", client=secure.certificates.make("eve")):
        assert FAILED.format("both") in text


@pytest.mark.parametrize("user", ["ada", "both", "any"])
def test_no_certificate(secure: Secure, user: str) -> None:
    for text in secure.all(user):
        assert "connection requires a valid client certificate" in text


def test_a_certificate_of_another_authority(secure: Secure) -> None:
    stranger = secure.certificates.make("any", other=True)
    for text in secure.all("any", client=stranger):
        assert text != "in"
        assert "requires" not in text
    assert secure.psycopg("scram", client=secure.certificates.make("whoever")) == "in"
