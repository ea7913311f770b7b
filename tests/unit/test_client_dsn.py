"""Connection strings, the environment, service files and password files: libpq, by way of psycopg, is the referee of the strings."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgwire_py.client.dsn import ENVIRONMENT, KEYWORDS, parse_dsn
from pgwire_py.client.errors import ConnectionOptionError
from pgwire_py.client.settings import connect_settings

STRINGS = [
    "",
    "   ",
    "postgresql://",
    "postgres://localhost",
    "postgresql://localhost:5433",
    "postgresql://localhost/mydb",
    "postgresql://user@localhost",
    "postgresql://user:secret@localhost",
    "postgresql://other@localhost/otherdb?connect_timeout=10&application_name=myapp",
    "postgresql://host1:123,host2:456/somedb?target_session_attrs=any&application_name=myapp",
    "postgresql:///mydb?host=localhost&port=5433",
    "postgresql://[2001:db8::1234]/database",
    "postgresql://[::1]:12345,[::2]/x",
    "postgresql://[::1",
    "postgresql://[]/x",
    "postgresql://[::1]x/",
    "postgresql://%2Fvar%2Flib%2Fpostgresql/dbname",
    "postgresql://u%40x:p%3Aw%2F@h/d%20b",
    "postgresql://user:a:b@host",
    "postgresql://user:@host",
    "postgresql://:pw@host",
    "postgresql://@host",
    "postgresql://h/db?",
    "postgresql://h?user=a",
    "postgresql://h/?user=a&",
    "postgresql://h/?user",
    "postgresql://h/?user=a=b",
    "postgresql://h/?=a",
    "postgresql://h/?nonsense=1",
    "postgresql://h/?ssl=true",
    "postgresql://h/?ssl=false",
    "postgresql://h/%zz",
    "postgresql://h/%0",
    "postgresql://h/%00",
    "postgresql://,/",
    "postgresql://a,b:1,c/",
    "postgresql://user@/db",
    "postgresql://h:/db",
    "postgresql://us er@h/",
    "postgresql:// h /",
    "postgresql:/h",
    "host=a port=1 dbname=x",
    "host = 'a b' user='it\\'s' password=a\\ b",
    "host=''",
    "host=",
    "host= user=x",
    "host",
    "host a",
    "host='a",
    "host='a\\",
    "host=a\\",
    "nonsense=1",
    "=x",
    "host=a host=b",
    "host='a'user=b",
    "options='-c geqo=off'",
    "  host=a\n\tuser=b  ",
]


def _libpq(text: str) -> dict[str, str] | None:
    try:
        return {name: str(value) for name, value in psycopg.conninfo.conninfo_to_dict(text).items()}
    except psycopg.ProgrammingError:
        return None


def _ours(text: str) -> dict[str, str] | None:
    try:
        return parse_dsn(text)
    except ConnectionOptionError:
        return None


@pytest.mark.parametrize("text", STRINGS)
def test_strings_are_read_as_libpq_reads_them(text: str) -> None:
    assert _ours(text) == _libpq(text)


PIECES = [
    "postgresql://",
    "host=",
    "user",
    "=",
    "a",
    "'",
    "\\",
    " ",
    "@",
    ":",
    "/",
    "?",
    "&",
    ",",
    "[",
    "]",
    "%2F",
    "%",
    "1",
    "dbname",
]


@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
def test_any_string_is_read_as_libpq_reads_it(text: str) -> None:
    assert _ours(text) == _libpq(text)


def test_every_keyword_of_libpq_is_known() -> None:
    known = {option.keyword.decode(): option.envvar for option in psycopg.pq.Conninfo.get_defaults()}
    assert known.keys() - KEYWORDS == set()
    variables = {name: envvar.decode() for name, envvar in known.items() if envvar}
    variables.pop("sslkeylogfile", None)
    assert {name: ENVIRONMENT.get(name) for name in variables} == variables


def test_what_is_said_first_wins(tmp_path: Path) -> None:
    services = tmp_path / "services"
    services.write_text("# comment\n[other]\nuser=nobody\n\n[mine]\nuser=service\nport=1111\ndbname=from_service\n")
    environ = {
        "PGUSER": "env",
        "PGPORT": "2222",
        "PGHOST": "env.example",
        "PGSERVICEFILE": str(services),
        "HOME": "/nowhere",
    }
    found = connect_settings(environ=environ)
    assert (found.user, found.hosts[0].port, found.hosts[0].host) == ("env", 2222, "env.example")
    found = connect_settings("service=mine", environ=environ)
    assert (found.user, found.hosts[0].port, found.database, found.hosts[0].host) == (
        "service", 1111, "from_service", "env.example",
    )  # fmt: skip
    found = connect_settings("service=mine user=dsn", port=3333, environ=environ)
    assert (found.user, found.hosts[0].port) == ("dsn", 3333)
    with pytest.raises(ConnectionOptionError, match='definition of service "none" not found'):
        connect_settings("service=none", environ=environ)
    services.write_text("[mine]\nwhat is this\n")
    with pytest.raises(ConnectionOptionError, match=r"syntax error in service file .*, line 2"):
        connect_settings("service=mine", environ=environ)


def test_hosts_ports_and_addresses() -> None:
    found = connect_settings(
        "postgresql://a:1,b,/tmp@x".replace("/tmp@x", "c:3") + "/d?user=u", environ={"HOME": "/nowhere"}
    )
    assert [(host.host, host.port) for host in found.hosts] == [("a", 1), ("b", 5432), ("c", 3)]
    found = connect_settings(host=["a", "b"], hostaddr="10.0.0.1,", port=7, user="u", environ={"HOME": "/nowhere"})
    assert [(host.host, host.hostaddr, host.port) for host in found.hosts] == [("a", "10.0.0.1", 7), ("b", "", 7)]
    for bad in ({"host": "a,b", "port": "1,2,3"}, {"host": "a", "hostaddr": "1,2"}, {"port": "x"}, {"port": "70000"}):
        with pytest.raises(ConnectionOptionError):
            connect_settings(user="u", environ={}, **bad)


@pytest.mark.parametrize(
    "options",
    [
        {"sslmode": "sometimes"},
        {"sslmode": "require", "sslrootcert": "system"},
        {"sslnegotiation": "direct"},
        {"target_session_attrs": "best"},
        {"connect_timeout": "soon"},
        {"client_encoding": "LATIN1"},
        {"require_auth": "magic"},
        {"gssencmode": "require"},
        {"min_protocol_version": "3.2", "max_protocol_version": "3.0"},
        {"nonsense": "1"},
    ],
    ids=str,
)
def test_options_that_cannot_be(options: dict[str, str]) -> None:
    with pytest.raises(ConnectionOptionError):
        connect_settings(user="u", host="h", environ={}, **options)


def test_the_password_file(tmp_path: Path) -> None:
    path = tmp_path / "pass"
    path.write_text(
        "# comment\nother:5432:*:u:no\nh:5432:d:u:exact\nh:*:*:u:any:port\na\\:b:5432:*:u:back\\\\slash\nlocalhost:*:*:*:local\n"
    )
    path.chmod(0o600)

    def password(**options: str) -> str | None:
        given = {"user": "u", "dbname": "d", "passfile": str(path), **options}
        return connect_settings(environ={}, **given).hosts[0].password

    assert password(host="h") == "exact"
    assert password(host="h", port="1") == "any:port"
    assert password(host="a:b") == "back\\slash"
    assert password(host="localhost", user="x") == "local"
    assert password(host="nowhere") is None
    assert password(host="h", password="given") == "given"
    assert "exact" not in repr(connect_settings(environ={}, user="u", dbname="d", host="h", passfile=str(path)))
    if os.name == "posix":
        path.chmod(0o644)
        with pytest.warns(UserWarning, match="has group or world access"):
            assert password(host="h") is None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert password(host="h", passfile=str(tmp_path / "missing")) is None
