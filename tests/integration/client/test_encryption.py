"""TLS of the client beyond ``sslmode``: direct, certificates of clients, names, an upgrade of one's own; protocol 3.2 and its long keys."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import pgwire_py as pg
from pgwire_py import errors
from pgwire_py.client import ConnectionOptionError
from pgwire_py.server.tls import ServerTls
from tests.support.certificates import Certificates, make_certificates
from tests.support.postgres import Cluster, Programs, running_cluster
from tests.support.postgres18 import find_postgres18
from tests.support.raw import RawClient, query

HBA = """
local all all trust
hostssl all bearer 127.0.0.1/32 cert
hostssl all both 127.0.0.1/32 scram-sha-256 clientcert=verify-full
hostssl all scram 127.0.0.1/32 scram-sha-256
hostnossl all all 127.0.0.1/32 reject
"""
SETUP = """
create role bearer login; create role scram login password 'secret'; create role "both" login password 'secret';
"""


@dataclass(frozen=True)
class Secure:
    """A server with TLS, and an authority that clients' certificates are of."""

    cluster: Cluster
    certificates: Certificates

    def options(self, user: str = "postgres", **more: Any) -> dict[str, Any]:
        where = {"host": "localhost", "hostaddr": "127.0.0.1", "port": self.cluster.port, "database": "postgres"}
        verified = {"sslmode": "verify-full", "sslrootcert": str(self.certificates.authority)}
        return {**where, **verified, "user": user, **more}


@pytest.fixture(scope="module")
def servers(programs: Programs, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Secure]]:
    running: dict[str, Secure] = {}
    with ExitStack() as stack:

        def get(kind: str) -> Secure:
            if kind not in running:
                made = make_certificates(tmp_path_factory.mktemp("certificates"))
                files = {
                    "server.crt": made.certificate.read_bytes(),
                    "server.key": made.key.read_bytes(),
                    "root.crt": made.authority.read_bytes(),
                }
                chosen = programs if kind == "installed" else find_postgres18()
                settings = {"ssl": "on", "ssl_ca_file": "root.crt"}
                cluster = stack.enter_context(running_cluster(chosen, hba=HBA, settings=settings, files=files))
                _prepare(cluster)
                running[kind] = Secure(cluster, made)
            return running[kind]

        yield get


@pytest.fixture
def secure(variant: Any, servers: Callable[[str], Secure], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Secure:
    monkeypatch.setenv("HOME", str(tmp_path))
    return servers(variant.server)


def _prepare(cluster: Cluster) -> None:
    with RawClient(str(cluster.directory), cluster.port) as client:
        client.login("postgres", "postgres")
        assert [one for one in client.exchange(query(SETUP)) if one.startswith("C")] == ["C CREATE ROLE"] * 3


async def subject(**options: Any) -> str | None:
    """The client's certificate as the server saw it; empty over TLS without one."""
    async with await pg.connect(**options) as conn:
        row = await conn.fetchrow("select ssl, coalesce(client_dn, '') from pg_stat_ssl where pid = pg_backend_pid()")
        assert row[0]
        return str(row[1])


async def test_certificates_of_clients(secure: Secure) -> None:
    """The method ``cert``, and ``clientcert`` beside a password; a certificate of another name or authority is refused."""
    certificate, key = secure.certificates.make("bearer")
    assert "bearer" in (await subject(**secure.options("bearer", sslcert=certificate, sslkey=key)) or "")
    context = ssl.create_default_context(cafile=secure.certificates.authority)
    context.load_cert_chain(certificate, key)
    assert "bearer" in (await subject(**secure.options("bearer", ssl=context)) or "")
    with pytest.raises(errors.InvalidAuthorizationSpecification):
        await pg.connect(**secure.options("bearer"))
    with pytest.raises(errors.InvalidAuthorizationSpecification):
        await pg.connect(**secure.options("bearer", sslcert=certificate, sslkey=key, sslcertmode="disable"))
    for name, of_another in (("eve", False), ("bearer", True)):
        other, other_key = secure.certificates.make(name, other=of_another)
        with pytest.raises((errors.InvalidAuthorizationSpecification, pg.ConnectFailed)):
            await pg.connect(**secure.options("bearer", sslcert=other, sslkey=other_key))

    both, both_key = secure.certificates.make("both")
    options = secure.options("both", password="secret", sslcert=both, sslkey=both_key, channel_binding="require")
    assert "both" in (await subject(**options) or "")
    with pytest.raises(errors.InvalidPassword):
        await pg.connect(**{**options, "password": "wrong"})
    with pytest.raises(errors.InvalidAuthorizationSpecification):
        await pg.connect(**secure.options("both", password="secret"))


async def test_certificates_that_cannot_be_used(secure: Secure, tmp_path: Path) -> None:
    certificate, key = secure.certificates.make("bearer")
    broken = tmp_path / "broken"
    broken.write_text("no certificate")
    for options, reason in (
        ({"sslcert": "/nowhere/x.crt"}, "does not exist"),
        ({"sslcert": certificate, "sslkey": "/nowhere/x.key"}, "not private key file"),
        ({"sslcert": broken, "sslkey": key}, "could not load"),
        ({"sslcert": certificate, "sslkey": secure.certificates.key}, "could not load"),
        ({"sslcertmode": "require"}, "does not exist"),
    ):
        with pytest.raises(ConnectionOptionError, match=reason):
            await pg.connect(**secure.options("bearer", **options))


async def test_direct_tls(secure: Secure) -> None:
    """PostgreSQL 17 and later; a server that does not know of it is an error that says where."""
    options = secure.options("scram", password="secret", sslnegotiation="direct", channel_binding="require")
    if secure.cluster.programs.version < 17:
        with pytest.raises((pg.ConnectFailed, pg.ConnectionLost), match=r"localhost"):
            await pg.connect(**options)
        return
    assert await subject(**options) == ""
    async with await pg.connect(**options) as conn:  # the CancelRequest goes over direct TLS, too
        with pytest.raises(asyncio.TimeoutError):
            await conn.fetch("select pg_sleep(60)", timeout=0.1)
        assert await conn.fetchval("select 1") == 1
    with pytest.raises(pg.ConnectFailed, match="certificate verify failed"):
        await pg.connect(**{**options, "sslrootcert": str(secure.certificates.other_authority)})
    for mode in ("disable", "allow", "prefer"):
        with pytest.raises(ConnectionOptionError, match="sslnegotiation=direct"):
            await pg.connect(**{**options, "sslmode": mode})


async def test_direct_tls_of_our_own_server(secure: Secure) -> None:
    def answer(query: pg.Query) -> pg.Result:
        return pg.Result([pg.Column("n", pg.INT4)], [(1,)])

    tls = ServerTls(secure.certificates.certificate, secure.certificates.key)
    async with pg.Server(answer, port=0, tls=tls) as server:
        for negotiation in ("postgres", "direct"):
            options = secure.options("ada", port=server.port, sslnegotiation=negotiation)
            async with await pg.connect(**options, min_protocol_version="3.2", max_protocol_version="3.2") as conn:
                assert await conn.fetchval("select 1") == 1


async def test_direct_tls_without_alpn(secure: Secure) -> None:
    """What answers may be another protocol's server: refused before anything is sent."""
    received = []

    async def other(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.append(await reader.read())
        writer.close()

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(secure.certificates.certificate, secure.certificates.key)
    server = await asyncio.start_server(other, "127.0.0.1", 0, ssl=context)
    async with server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(pg.RemoteProtocolError, match="ALPN"):
            await pg.connect(**secure.options("ada", password="p", port=port, sslnegotiation="direct"))
    assert received in ([], [b""])


@pytest.mark.parametrize(("given", "expected"), [("1", "localhost"), ("0", None)])
async def test_the_name_that_is_shown(secure: Secure, given: str, expected: str | None) -> None:
    """SNI, unless ``sslsni=0``; an address is no name."""
    names: list[str | None] = []

    async def closing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(secure.certificates.certificate, secure.certificates.key)
    context.set_alpn_protocols(["postgresql"])
    context.sni_callback = lambda tls, name, context: names.append(name)
    server = await asyncio.start_server(closing, "127.0.0.1", 0, ssl=context)
    async with server:
        options = secure.options("u", port=server.sockets[0].getsockname()[1], sslnegotiation="direct", timeout=0.5)
        with pytest.raises((asyncio.TimeoutError, pg.ConnectFailed)):
            await pg.connect(**{**options, "sslmode": "require", "sslsni": given})
        with pytest.raises((asyncio.TimeoutError, pg.ConnectFailed)):
            await pg.connect(**{**options, "host": "127.0.0.1", "sslmode": "require", "sslsni": given})
    assert names == [expected, None]


@pytest.mark.event_loop
async def test_an_upgrade_that_fails(secure: Secure) -> None:
    async def upgrade(transport: asyncio.Transport, protocol: asyncio.Protocol, name: str) -> asyncio.Transport:
        raise ssl.SSLError("not today")

    with pytest.raises(pg.ConnectFailed, match="not today"):
        await pg.connect(**secure.options("scram", password="secret"), tls_upgrade=upgrade)


@pytest.mark.event_loop
async def test_protocol_versions(cluster: Cluster, options: dict[str, Any]) -> None:
    """3.2 has cancel keys of 32 bytes, and cancelling works with them; an older server falls back to 3.0 unless that is too low."""
    newest = cluster.programs.version >= 18
    for highest in ("3.0", "3.2", "latest"):
        async with await pg.connect(**options, max_protocol_version=highest) as conn:
            long = newest and highest != "3.0"
            assert len(conn._core.wired.secret_key) == (32 if long else 4)
            assert conn._core.wired.protocol_version == (0x30002 if long else 0x30000)
            with pytest.raises(asyncio.TimeoutError):
                await conn.fetch("select pg_sleep(60)", timeout=0.1)
            assert await conn.fetchval("select 1") == 1
    lowest = {"min_protocol_version": "3.2", "max_protocol_version": "3.2"}
    if newest:
        await (await pg.connect(**options, **lowest)).close()
    else:
        with pytest.raises(pg.RemoteProtocolError, match=r"3\.2 is required"):
            await pg.connect(**options, **lowest)
    with pytest.raises(ConnectionOptionError, match="above"):
        await pg.connect(**options, min_protocol_version="3.2", max_protocol_version="3.0")
