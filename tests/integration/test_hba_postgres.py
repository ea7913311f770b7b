"""Rules as in pg_hba.conf against PostgreSQL's: how random lines are parsed, and whom random files let in."""

from __future__ import annotations

import random
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

import pgwire_py as pg
from pgwire_py.auth import HostBasedRules, HostRule
from pgwire_py.auth.lines import read_lines
from pgwire_py.server.tls import ServerTls
from tests.support.certificates import Certificates, make_certificates
from tests.support.hosted import Hosted, hosted
from tests.support.postgres import Cluster, Programs, running_cluster
from tests.support.postgres18 import find_postgres18
from tests.support.raw import SSL_REQUEST, RawClient, startup

DATABASES = ("postgres", "app", "Ada")
USERS = ("ada", "bob", "Ada")
ADMINISTRATOR = "local all postgres trust\n"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module", params=["installed", "newest"])
def cluster(request: pytest.FixtureRequest, programs: Programs, certificates: Certificates) -> Iterator[Cluster]:
    chosen = programs if request.param == "installed" else find_postgres18()
    files = {
        "server.crt": certificates.certificate.read_bytes(),
        "server.key": certificates.key.read_bytes(),
        "root.crt": certificates.authority.read_bytes(),
    }
    settings = {"ssl": "on", "ssl_ca_file": "root.crt"}
    with running_cluster(chosen, hba=ADMINISTRATOR, files=files, settings=settings) as it:
        with admin(it) as connection:
            for database in DATABASES[1:]:
                connection.execute(f'create database "{database}"')
            for user in USERS:
                connection.execute(f'create role "{user}" login')
            connection.execute("create role team")
            connection.execute("grant team to ada")
        yield it


def admin(cluster: Cluster) -> psycopg.Connection[tuple[object, ...]]:
    dsn = f"host={cluster.directory} port={cluster.port} user=postgres dbname=postgres"
    return psycopg.connect(dsn, autocommit=True)


# -- parsing ---------------------------------------------------------------------------------------------------------

GOOD_NAMES = ["all", "app", '"all"', "sameuser", "samerole", "replication", "app,postgres", 'app, "two words"', "+team", '"+team"',
              '"a""b"', "ada,", "Ada", 'a"b c"d', "/^a", '"/^a,b$"', "@names"]  # fmt: skip
ADDRESSES = ["127.0.0.1/32", "10.1.2.3/8", "0.0.0.0/0", "::1/128", "fe80::/10", "::/0", "all", "samehost", "samenet",
             "127.0.0.1 255.255.255.255", "10.0.0.0 255.0.0.0", "10.0.0.0 255.0.255.0", "::1 ffff::",
             "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/x", "10.0.0.0/", "::1/129", "10.0.0.0 ::", "1.2.3.4,5.6.7.8",
             "10.0.0.0", "", "host.example/8"]  # fmt: skip
METHODS = ["trust", "reject", "password", "md5", "scram-sha-256", "cert", "Trust", "none", '"trust"', "trust,md5", ""]
OPTIONS = ["", "", "", "", "map=m", "clientcert=verify-ca", "clientcert=verify-full", "clientcert=1", "clientname=CN", "clientname=DN",
           "clientname=X", "nonsense", "nonsense=1", '"map=a b"', "clientcert=verify-full map=m", "# comment",
           "clientname=DN clientcert=verify-ca"]  # fmt: skip
TYPES = ["local", "host", "hostssl", "hostnossl", "host", "hostssl", "Host", "remote", "host,local"]


def random_line(draw: random.Random) -> str:
    kind = draw.choice(TYPES)
    names = [draw.choice(GOOD_NAMES), draw.choice(GOOD_NAMES)]
    address = [] if kind == "local" else [draw.choice(ADDRESSES)]
    parts = [kind, *names, *address, draw.choice(METHODS), draw.choice(OPTIONS)]
    if draw.random() < 0.1:
        parts = parts[: draw.randrange(1, len(parts))]
    if draw.random() < 0.1:
        parts.insert(draw.randrange(len(parts)), "\\\n")
    return draw.choice([" ", "\t", "  "]).join(parts)


def test_lines_are_parsed_alike(cluster: Cluster, tmp_path: Path) -> None:
    draw = random.Random(15)
    lines = [random_line(draw) for _ in range(1500)]
    text = "\n".join(lines) + "\n"
    data = cluster.directory / "data"
    for folder in (data, tmp_path):
        (folder / "names").write_text("ada bob\n# nobody\n\"all\", 'eve'\n")
        (folder / "names").chmod(0o644)
    old = (data / "pg_hba.conf").read_text()
    (data / "pg_hba.conf").write_text(text)
    (tmp_path / "pg_hba.conf").write_text(text)
    try:
        with admin(cluster) as connection:
            rows = connection.execute(
                "select line_number, type, database, user_name, address, netmask, auth_method, options, error from pg_hba_file_rules"
            ).fetchall()
    finally:
        (data / "pg_hba.conf").write_text(old)
    theirs = {row[0]: row[1:] for row in rows}
    compared = 0
    for line in read_lines(tmp_path / "pg_hba.conf"):
        number = int(line.where.rpartition(":")[2])
        expected = theirs.pop(number)
        problem = expected[-1] or ("no reason" if expected[0] is None else None)
        try:
            rule = HostRule.from_line(line)
        except ValueError as error:
            refused = str(error)
        else:
            refused = ""
        assert bool(problem) == bool(refused), (line, problem, refused)
        if refused:
            continue
        assert rule.type == expected[0]
        assert [token.text for token in rule.databases] == expected[1]  # type: ignore[union-attr]
        assert [token.text for token in rule.users] == expected[2]  # type: ignore[union-attr]
        assert rule.method == expected[5]
        if rule._network is not None:
            version, address, mask = rule._network
            width = 32 if version == 4 else 128
            assert address == int(ip(expected[3], width))
            assert mask == int(ip(expected[4], width))
        else:
            assert (rule.address, expected[4]) == (expected[3], None)
        options = dict(option.split("=", 1) for option in expected[6] or [])
        assert options.get("map") == rule.map
        assert options.get("clientcert", "") == rule.client_certificate
        compared += 1
    assert theirs == {}
    assert compared > 100


def ip(text: object, width: int) -> int:
    family = socket.AF_INET if width == 32 else socket.AF_INET6
    return int.from_bytes(socket.inet_pton(family, str(text)), "big")


# -- logging in ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Attempt:
    """A connection: ``source`` is its own address, None for the socket."""

    user: str
    database: str
    source: str | None
    tls: bool


def outcome(attempt: Attempt, port: int, folder: Path) -> str:
    """``in``, or the text of the error."""
    if attempt.source is None:
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(20)
        connection.connect(str(folder / f".s.PGSQL.{port}"))
    else:
        connection = socket.create_connection(("127.0.0.1", port), 20, (attempt.source, 0))
    if attempt.tls:
        connection.sendall(SSL_REQUEST)
        assert connection.recv(1) == b"S"
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        connection = context.wrap_socket(connection)
    with connection:
        connection.sendall(startup({"user": attempt.user, "database": attempt.database}))
        data = b""
        with suppress(ConnectionResetError):
            while len(data) < 9 and (more := connection.recv(4096)):
                data += more
        if data[:1] == b"R":
            return "in" if data[5:9] == bytes(4) else "asked"
        fields = {field[:1]: field[1:].decode() for field in data[5:].split(b"\0") if field}
        return f"{fields[b'C']} {fields[b'M']}"


def random_rules(draw: random.Random, regular: bool) -> str:
    names = [
        "all",
        '"all"',
        "postgres",
        "app",
        "ada,bob",
        "ada",
        "Ada",
        "+team",
        "sameuser",
        "samerole",
        "bob",
        "Ada,app",
        '"sameuser"',
    ]
    if regular:
        names += ["/^a", "/^A", '"/b$"']
    addresses = ["127.0.0.1/32", "127.0.0.2/32", "127.0.0.0/8", "127.0.0.0/30", "all", "samehost", "samenet", "127.0.0.2 255.255.255.254",
                 "10.0.0.0/8", "::1/128", "127.0.0.3 255.0.0.255"]  # fmt: skip
    lines = []
    for _ in range(draw.randrange(1, 7)):
        kind = draw.choice(["local", "host", "host", "hostssl", "hostnossl", "hostnogssenc"])
        method = draw.choice(["trust", "reject", "trust", "scram-sha-256"])
        address = "" if kind == "local" else draw.choice(addresses)
        lines.append(f"{kind} {draw.choice(names)} {draw.choice(names)} {address} {method}")
    return "\n".join(lines) + "\n"


async def answer(query: pg.Query) -> pg.Result:
    return pg.Result([pg.Column("n", pg.INT4)], [(1,)])


@pytest.fixture
def ours(certificates: Certificates, tmp_path: Path) -> Iterator[Hosted]:
    from pgwire_py.auth import UsersFunction

    tls = ServerTls(certificates.certificate, certificates.key)
    users = UsersFunction(lambda user, database: None)
    with hosted(
        answer, auth=HostBasedRules([ADMINISTRATOR]), users=users, tls=tls, unix_socket_directory=tmp_path
    ) as it:
        yield it


def test_the_same_are_let_in(cluster: Cluster, ours: Hosted, tmp_path: Path) -> None:
    draw = random.Random(6)
    groups = {"team": ["ada"]}
    seen = set()
    for number in range(25):
        rules = random_rules(draw, regular=cluster.programs.version >= 16)
        load_rules(cluster, rules, f"marker_{number}")
        ours.server.authentication.rules = HostBasedRules(rules.splitlines(), groups=groups)
        for _ in range(12):
            source = draw.choice([None, "127.0.0.1", "127.0.0.2", "127.0.0.7"])
            tls = source is not None and draw.random() < 0.4
            attempt = Attempt(draw.choice(USERS), draw.choice(DATABASES), source, tls)
            expected = outcome(attempt, cluster.port, cluster.directory)
            got = outcome(attempt, ours.server.port, tmp_path)
            assert got == expected, (rules, attempt)
            seen.add(expected[:20])
    assert {"in", "asked", "28000 no pg_hba.conf ", "28000 pg_hba.conf re"} & {text[:20] for text in seen} >= {
        "in",
        "asked",
    }
    assert len(seen) >= 4


def load_rules(cluster: Cluster, rules: str, marker: str) -> None:
    """Have PostgreSQL follow other rules, and wait until it does."""
    path = cluster.directory / "data" / "pg_hba.conf"
    path.write_text(f"{ADMINISTRATOR}local all {marker} reject\n{rules}")
    with admin(cluster) as connection:
        connection.execute("select pg_reload_conf()")
    deadline = time.monotonic() + 30
    while "rejects" not in outcome(Attempt(marker, "postgres", None, False), cluster.port, cluster.directory):
        assert time.monotonic() < deadline, "PostgreSQL does not read its rules again"
        time.sleep(0.02)


def test_raw_client_is_refused_without_a_rule(ours: Hosted) -> None:
    with RawClient("127.0.0.1", ours.server.port) as client:
        client.send(startup({"user": "eve", "database": "secret"}))
        assert client.to_end() == ["E 28000 FATAL"]
