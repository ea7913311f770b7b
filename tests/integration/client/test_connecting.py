"""Connecting: every authentication method of a stock server, TLS, several hosts, errors that say where and why."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import pgwire_py as pg
from pgwire_py import errors
from pgwire_py.client import ConnectionOptionError
from pgwire_py.errors import RemoteProtocolError
from tests.support.certificates import Certificates, make_certificates
from tests.support.postgres import Cluster, Programs, free_port, running_cluster

HBA = """
local all all trust
hostssl all tls_only 127.0.0.1/32 trust
hostnossl all tls_only 127.0.0.1/32 reject
hostnossl all plain_only 127.0.0.1/32 trust
hostssl all plain_only 127.0.0.1/32 reject
host all clear 127.0.0.1/32 password
host all hashed 127.0.0.1/32 md5
host all scram 127.0.0.1/32 scram-sha-256
host all nobody 127.0.0.1/32 reject
"""
SETUP = """
create role tls_only login; create role plain_only login; create role nobody login;
create role clear login password 'secret'; create role scram login password 'pass wörd';
set password_encryption = 'md5'; create role hashed login password 'secret';
"""


@dataclass(frozen=True)
class Secure:
    cluster: Cluster
    certificates: Certificates

    def options(self, **options: Any) -> dict[str, Any]:
        base = {"host": "localhost", "hostaddr": "127.0.0.1", "port": self.cluster.port, "database": "postgres"}
        return {**base, **options}


@pytest.fixture(scope="module")
def secure(programs: Programs, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secure]:
    certificates = make_certificates(tmp_path_factory.mktemp("certificates"))
    files = {"server.crt": certificates.certificate.read_bytes(), "server.key": certificates.key.read_bytes()}
    with running_cluster(programs, hba=HBA, settings={"ssl": "on"}, files=files) as cluster:

        async def prepare() -> None:
            async with await pg.connect(host=str(cluster.directory), port=cluster.port, user="postgres") as conn:
                await conn.execute(SETUP)

        asyncio.run(prepare())
        yield Secure(cluster, certificates)


async def _encrypted(**options: Any) -> bool:
    async with await pg.connect(**options) as conn:
        found = await conn.fetchval("select ssl from pg_stat_ssl where pid = pg_backend_pid()")
        assert isinstance(found, bool)
        return found


@pytest.mark.parametrize(
    ("user", "password", "method"),
    [
        ("postgres", None, "none"),
        ("clear", "secret", "password"),
        ("hashed", "secret", "md5"),
        ("scram", "pass wörd", "scram-sha-256"),
    ],
)
async def test_methods_of_authentication(secure: Secure, user: str, password: str | None, method: str) -> None:
    options = secure.options(user=user, password=password)
    for more in ({}, {"require_auth": method}, {"require_auth": "!gss,!sspi"}, {"sslmode": "disable"}):
        async with await pg.connect(**options, **more) as conn:
            assert await conn.fetchval("select current_user::text") == user
    with pytest.raises(RemoteProtocolError, match="authentication method requirement"):
        await pg.connect(**options, require_auth=f"!{method}")
    if password is not None:
        with pytest.raises(errors.InvalidPassword):
            await pg.connect(**{**options, "password": "wrong"})
        with pytest.raises(pg.InterfaceError, match="asks for a password"):
            await pg.connect(**{**options, "password": None}, passfile="/nonexistent")


async def test_channel_binding(secure: Secure) -> None:
    """With ``require`` nothing goes on without it: no TLS, or a method that cannot bind."""
    options = secure.options(user="scram", password="pass wörd", channel_binding="require")
    assert await _encrypted(**options)
    with pytest.raises(RemoteProtocolError, match="channel binding"):
        await pg.connect(**options, sslmode="disable")
    for user, password in (("clear", "secret"), ("hashed", "secret"), ("tls_only", None)):
        with pytest.raises(RemoteProtocolError, match="channel binding"):
            await pg.connect(**{**options, "user": user, "password": password})


async def test_modes_of_tls(secure: Secure, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    options = secure.options(user="postgres")
    found = {mode: await _encrypted(**options, sslmode=mode) for mode in ("disable", "allow", "prefer", "require")}
    assert found == {"disable": False, "allow": False, "prefer": True, "require": True}
    assert await _encrypted(**secure.options(user="tls_only"), sslmode="allow")
    assert not await _encrypted(**secure.options(user="plain_only"), sslmode="prefer")
    authority = str(secure.certificates.authority)
    for mode in ("require", "verify-ca", "verify-full"):
        assert await _encrypted(**options, sslmode=mode, sslrootcert=authority)
        with pytest.raises(pg.ConnectFailed, match="certificate verify failed"):
            await pg.connect(**options, sslmode=mode, sslrootcert=secure.certificates.other_authority)
    with pytest.raises(pg.ConnectFailed, match=r"[Hh]ostname mismatch|match"):
        await pg.connect(**{**options, "host": "elsewhere"}, sslmode="verify-full", sslrootcert=authority)
    assert await _encrypted(**{**options, "host": "elsewhere"}, sslmode="verify-ca", sslrootcert=authority)
    with pytest.raises(ConnectionOptionError, match="does not exist"):
        await pg.connect(**options, sslmode="verify-full")
    assert await _encrypted(**options, ssl=ssl.create_default_context(cafile=authority))
    with pytest.raises(errors.InvalidAuthorizationSpecification, match="nobody"):
        await pg.connect(**secure.options(user="nobody"))


@pytest.mark.event_loop
async def test_an_upgrade_of_ones_own(secure: Secure) -> None:
    names = []

    async def upgrade(transport: asyncio.Transport, protocol: asyncio.Protocol, name: str) -> asyncio.Transport:
        names.append(name)
        context = ssl.create_default_context(cafile=secure.certificates.authority)
        made = await asyncio.get_running_loop().start_tls(transport, protocol, context, server_hostname=name)
        assert made is not None
        return made

    assert await _encrypted(**secure.options(user="postgres"), sslmode="require", tls_upgrade=upgrade)
    assert names == ["localhost"]


async def test_cancelling_goes_over_tls(secure: Secure) -> None:
    async with await pg.connect(**secure.options(user="postgres"), sslmode="require") as conn:
        with pytest.raises(asyncio.TimeoutError):
            await conn.fetch("select pg_sleep(60)", timeout=0.2)
        assert await conn.fetchval("select 1") == 1


async def test_unix_sockets(cluster: Cluster) -> None:
    options: dict[str, Any] = {
        "host": str(cluster.directory),
        "port": cluster.port,
        "database": "postgres",
        "user": "postgres",
    }
    async with await pg.connect(**options, sslmode="prefer") as conn:
        assert await conn.fetchval("select inet_client_addr()") is None
    with pytest.raises(pg.InterfaceError, match="requirepeer"):
        await pg.connect(**options, requirepeer="somebody else")


async def test_several_hosts(options: dict[str, Any]) -> None:
    dead = free_port()
    both = {**options, "host": ["127.0.0.1", "127.0.0.1"], "port": [dead, options["port"]]}
    async with await pg.connect(**both) as conn:
        assert await conn.fetchval("select 1") == 1
    for kind in ("any", "read-write", "primary", "prefer-standby"):
        async with await pg.connect(**both, target_session_attrs=kind, load_balance_hosts="random") as conn:
            assert await conn.fetchval("select 1") == 1
    with pytest.raises(pg.ConnectFailed) as caught:
        await pg.connect(**both, target_session_attrs="standby")
    assert f"port {dead}" in str(caught.value)
    assert "server is not in hot standby mode" in str(caught.value)
    async with await pg.connect(**options, server_settings={"default_transaction_read_only": "on"}) as conn:
        assert await conn.fetchval("show transaction_read_only") == "on"
    with pytest.raises(pg.InterfaceError, match="session is read-only"):
        await pg.connect(
            **options, server_settings={"default_transaction_read_only": "on"}, target_session_attrs="read-write"
        )
    with pytest.raises(errors.InvalidCatalogName):
        await pg.connect(**{**options, "database": "nowhere"})


async def test_a_server_that_says_nothing() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        with pytest.raises(asyncio.TimeoutError):
            await pg.connect(host="127.0.0.1", port=port, user="u", timeout=0.2)
        with pytest.raises(pg.ConnectFailed, match="timeout expired while negotiating TLS"):
            await pg.connect(host="127.0.0.1", port=port, user="u", connect_timeout=1)
    finally:
        server.close()


@pytest.mark.parametrize(
    "answer", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"S", b"R\0\0\0\x08\0\0\0\x05", b"Z\0\0\0\5I"]
)
async def test_a_server_that_is_none(answer: bytes) -> None:
    async def odd(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(answer)
        writer.close()

    server = await asyncio.start_server(odd, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        for mode in ("disable", "require"):
            with pytest.raises((pg.PgWireError, OSError)):
                await pg.connect(host="127.0.0.1", port=port, user="u", sslmode=mode, timeout=5)
    finally:
        server.close()


async def test_our_own_server() -> None:
    def answer(query: pg.Query) -> pg.Result:
        if query.sql == "fail":
            raise errors.UndefinedTable("nothing there")
        return pg.Result([pg.Column("n", pg.INT4), pg.Column("t", pg.TEXT)], [(n, f"row {n}") for n in range(1000)])

    async with (
        pg.Server(answer, port=0) as server,
        await pg.connect(host="127.0.0.1", port=server.port, user="u", database="d") as conn,
    ):
        for _ in range(2):
            rows = await conn.fetch("select anything")
            assert (len(rows), rows[7].t) == (1000, "row 7")
        assert await conn.fetchval("select anything", column="t") == "row 0"
        with pytest.raises(errors.UndefinedTable, match="nothing there"):
            await conn.execute("fail")
        async with conn.pipeline() as pipeline:
            found = [pipeline.fetch("select anything") for _ in range(3)]
        assert [len(one.result()) for one in found] == [1000] * 3
