"""The low-level client against PostgreSQL and our own server: what the pg_stream crate tests on a live server, and what it lacks."""

from __future__ import annotations

import asyncio
import pickle
import ssl
from array import array
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

import pgwire_py as pg
from pgwire_py import errors
from pgwire_py import messages as m
from pgwire_py.auth import ScramVerifier, UsersFunction
from pgwire_py.client import CancelHandle, ConnectionBuilder, ConnectionOptionError, RawConnection
from pgwire_py.server.tls import ServerTls
from tests.support.certificates import Certificates, make_certificates
from tests.support.postgres import Cluster, running_cluster

pytestmark = pytest.mark.event_loop

HBA = """
local all all trust
host all md5_user 127.0.0.1/32 md5
host all sha_user 127.0.0.1/32 scram-sha-256
host all pw_user 127.0.0.1/32 password
"""
SETUP = """
create role sha_user login password 'sha'; create role pw_user login password 'pw';
set password_encryption = 'md5'; create role md5_user login password 'md5';
"""
PASSWORDS = {"md5_user": "md5", "sha_user": "sha", "pw_user": "pw"}


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def secure(programs: Any, certificates: Certificates) -> Iterator[Cluster]:
    """PostgreSQL with TLS and every method that takes a password."""
    files = {"server.crt": certificates.certificate.read_bytes(), "server.key": certificates.key.read_bytes()}
    with running_cluster(programs, hba=HBA, settings={"ssl": "on"}, files=files) as cluster:

        async def prepare() -> None:
            async with await pg.connect(host=str(cluster.directory), port=cluster.port, user="postgres") as conn:
                await conn.execute(SETUP)

        asyncio.run(prepare())
        yield cluster


def context_of(certificates: Certificates) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=certificates.authority)
    context.set_alpn_protocols(["postgresql"])
    return context


class Pipe(asyncio.Protocol):
    """What a transport has before the connection takes it."""


async def over_streams(builder: ConnectionBuilder, host: str, port: int) -> RawConnection:
    return await builder.connect(*await asyncio.open_connection(host, port))


async def over_transport(builder: ConnectionBuilder, host: str, port: int) -> RawConnection:
    transport, _ = await asyncio.get_running_loop().create_connection(Pipe, host, port)
    return await builder.connect_transport(transport)


@pytest.fixture(params=[over_streams, over_transport])
def way(request: pytest.FixtureRequest) -> Any:
    return request.param


BUILDER = ConnectionBuilder("postgres").database("postgres").application_name("low level").timeout(30)


@asynccontextmanager
async def connected(cluster: Cluster, way: Any = over_streams) -> AsyncIterator[RawConnection]:
    async with await way(BUILDER, cluster.host, cluster.port) as conn:
        yield conn


async def gather(conn: RawConnection, frames: list[Any]) -> None:
    """Frames up to ReadyForQuery or up to an error."""
    async for frame in conn.until_ready():
        frames.append(frame)


def names(found: list[Any]) -> list[str]:
    return [type(message).__name__ for message in found]


# -- pg_stream's scenarios -------------------------------------------------------------------------------------------


async def test_trust_and_a_simple_query(cluster: Cluster, way: Any) -> None:
    async with connected(cluster, way) as conn:
        assert conn.parameters["application_name"] == "low level"
        assert conn.parameters["server_version"].startswith(str(cluster.programs.version))
        conn.write(conn.batch().query("select 1"))
        description = await conn.message()
        assert [field.name for field in description.fields] == ["?column?"]
        assert await conn.frame() == ("D", b"\0\1\0\0\0\x011")
        assert (await conn.message()).command_tag == "SELECT 1"
        assert await conn.frame() == ("Z", b"I")
        assert conn.transaction_status == "I"


@pytest.mark.parametrize("user", PASSWORDS)
async def test_passwords(secure: Cluster, user: str, way: Any) -> None:
    """In clear text, MD5, and SCRAM; a wrong one is refused, so that the right one was asked for."""
    builder = ConnectionBuilder(user).database("postgres").application_name("x")
    async with await way(builder.password(PASSWORDS[user]), secure.host, secure.port) as conn:
        assert conn.parameters["application_name"] == "x"
    with pytest.raises(errors.InvalidPassword):
        await way(builder.password("wrong"), secure.host, secure.port)
    with pytest.raises(pg.InterfaceError, match="asks for a password"):
        await way(builder, secure.host, secure.port)


async def test_parameters_of_the_startup_message(cluster: Cluster) -> None:
    builder = BUILDER.parameter("client_encoding", "LATIN1").parameter("options", "-c extra_float_digits=0")
    async with await over_streams(builder, cluster.host, cluster.port) as conn:
        assert conn.parameters["client_encoding"] == "LATIN1"
        conn.write(conn.batch().query("show extra_float_digits"))
        assert (await conn.messages())[1] == m.DataRow((b"0",))
    with pytest.raises(errors.InvalidCatalogName):
        await over_streams(BUILDER.database("nowhere"), cluster.host, cluster.port)


async def test_the_extended_protocol_by_chaining(cluster: Cluster, way: Any) -> None:
    async with connected(cluster, way) as conn:
        batch = conn.batch().parse("s", "select $1::int + 1", (pg.INT4,)).bind("p", "s", ("2",)).execute("p").sync()
        conn.write(batch)
        assert len(batch) == 0
        found = await conn.messages()
        assert names(found) == ["ParseComplete", "BindComplete", "DataRow", "CommandComplete", "ReadyForQuery"]
        assert found[2].values == (b"3",)
        assert found[-1].status == "I"


async def test_every_step_with_a_flush(cluster: Cluster) -> None:
    """Parse, Bind, Describe of both, Execute with a limit, Close of both: each answered before Sync."""
    async with connected(cluster) as conn:
        conn.write(conn.batch().parse("s", "select g from generate_series(1, $1::int) g").flush())
        assert await conn.frame() == ("1", b"")
        conn.write(conn.batch().describe_statement("s").flush())
        assert (await conn.message()).types == (pg.INT4,)
        assert [field.type_oid for field in (await conn.message()).fields] == [pg.INT4]
        conn.write(conn.batch().bind("p", "s", (b"\0\0\0\3",), result_formats=(1,)).flush())
        assert await conn.frame() == ("2", b"")
        conn.write(conn.batch().describe_portal("p").flush())
        assert [field.format for field in (await conn.message()).fields] == [1]
        conn.write(conn.batch().execute("p", 2).flush())
        rows = [await conn.frame(), await conn.frame()]
        assert [tag + bytes(body)[-1:].hex() for tag, body in rows] == ["D01", "D02"]
        assert await conn.frame() == ("s", b"")
        conn.write(conn.batch().execute("p").flush())
        assert bytes((await conn.frame())[1])[-1:] == b"\3"
        assert (await conn.message()).command_tag == "SELECT 1"
        conn.write(conn.batch().close_portal("p").close_statement("s").flush())
        assert [await conn.frame(), await conn.frame()] == [("3", b""), ("3", b"")]
        conn.write(conn.batch().sync())
        assert await conn.frame() == ("Z", b"I")


async def test_rows_one_by_one(cluster: Cluster) -> None:
    async with connected(cluster) as conn:
        conn.write(conn.batch().query("select g, g * 2, null from generate_series(1, 3) g"))
        rows = [m.values for m in await conn.messages() if hasattr(m, "values")]
        assert rows == [(b"1", b"2", None), (b"2", b"4", None), (b"3", b"6", None)]


async def test_fields_of_an_error(cluster: Cluster) -> None:
    async with connected(cluster) as conn:
        conn.write(conn.batch().query("select * from definitely_not_there"))
        error, ready = await conn.messages()
        assert error.fields["C"] == "42P01"
        assert error.fields["M"] == 'relation "definitely_not_there" does not exist'
        assert error.fields["P"] == "15"
        assert error.fields["R"] == "parserOpenTable"
        assert ready.status == "I"


async def test_a_function_call(cluster: Cluster) -> None:
    async with connected(cluster) as conn:
        conn.write(conn.batch().query("select 'dsqrt(float8)'::regprocedure::oid"))
        oid = int((await conn.messages())[1].values[0])
        conn.write(conn.batch().function_call(oid, ("9",)))
        answer, ready = await conn.messages()
        assert (answer.value, ready.status) == (b"3", "I")


async def test_scram_with_channel_binding(secure: Cluster, certificates: Certificates, way: Any) -> None:
    """SCRAM-SHA-256-PLUS over a context, over an upgrade of one's own, and over streams that are encrypted already."""
    builder = ConnectionBuilder("sha_user").database("postgres").password("sha").channel_binding("require")

    async def upgrade(transport: asyncio.Transport, protocol: asyncio.Protocol, name: str) -> asyncio.Transport:
        context = context_of(certificates)
        made = await asyncio.get_running_loop().start_tls(transport, protocol, context, server_hostname=name)
        assert made is not None
        return made

    for tls in (context_of(certificates), upgrade):
        async with await way(builder.tls(tls, "localhost"), secure.host, secure.port) as conn:
            conn.write(conn.batch().query("select ssl from pg_stat_ssl where pid = pg_backend_pid()"))
            assert (await conn.messages())[1].values == (b"t",)
    with pytest.raises(pg.RemoteProtocolError, match="channel binding"):
        await way(builder, secure.host, secure.port)
    with pytest.raises(ssl.SSLError):
        await way(builder.tls(ssl.create_default_context(), "localhost"), secure.host, secure.port)


# -- more ------------------------------------------------------------------------------------------------------------


async def test_tls_that_is_not_offered(cluster: Cluster, certificates: Certificates, way: Any) -> None:
    context = context_of(certificates)
    with pytest.raises(pg.InterfaceError, match="does not support TLS"):
        await way(BUILDER.tls(context, "localhost"), cluster.host, cluster.port)
    async with await way(BUILDER.tls(context, "localhost", required=False), cluster.host, cluster.port) as conn:
        assert conn.get_extra_info("ssl_object") is None


async def test_what_may_be_asked_for(secure: Cluster) -> None:
    builder = ConnectionBuilder("pw_user").database("postgres").password("pw")
    with pytest.raises(pg.RemoteProtocolError, match="authentication method requirement"):
        await over_streams(builder.require_auth("scram-sha-256"), secure.host, secure.port)
    with pytest.raises(ConnectionOptionError, match="require_auth"):
        builder.require_auth("magic")
    with pytest.raises(ConnectionOptionError, match="channel_binding"):
        builder.channel_binding("perhaps")
    with pytest.raises(ConnectionOptionError, match="max_protocol_version"):
        builder.protocol("3.0", "9.9")
    assert "pw" not in repr(builder).replace("pw_user", "")


async def test_protocol_versions(cluster: Cluster) -> None:
    newest = cluster.programs.version >= 18
    async with await over_streams(BUILDER.protocol(highest="3.2"), cluster.host, cluster.port) as conn:
        assert conn.protocol_version == (0x30002 if newest else 0x30000)
        assert len(conn.cancel_handle.secret_key) == (32 if newest else 4)
    if not newest:
        with pytest.raises(pg.RemoteProtocolError, match=r"3\.2 is required"):
            await over_streams(BUILDER.protocol("3.2", "3.2"), cluster.host, cluster.port)


async def test_the_cancel_handle(cluster: Cluster) -> None:
    """It may go to another process: it can be pickled. It does not show its key."""
    async with connected(cluster) as conn:
        handle = pickle.loads(pickle.dumps(conn.cancel_handle))
        assert handle == conn.cancel_handle == CancelHandle(conn.process_id, handle.secret_key)
        assert repr(handle) == f"CancelHandle(process_id={conn.process_id})"
        conn.write(conn.batch().query("select pg_sleep(60)"))
        answer = asyncio.ensure_future(conn.messages())
        while not answer.done():  # a CancelRequest may come before the statement
            await handle.send(*await asyncio.open_connection(cluster.host, cluster.port))
            await asyncio.wait([answer], timeout=0.2)
        assert (await answer)[-2].fields["C"] == "57014"


async def test_what_is_sent_comes_from_any_buffer(cluster: Cluster) -> None:
    outgoing = bytearray()
    async with connected(cluster) as conn:
        numbers = array("I", [1]).tobytes()
        batch = conn.batch(outgoing).parse("", "select $1::bytea, $2::text", (pg.BYTEA, pg.TEXT))
        batch.bind(parameters=(memoryview(numbers), "ä"), result_formats=(0, 0)).execute().sync()
        for data in (bytes(outgoing), bytearray(outgoing), memoryview(bytes(outgoing)), batch):
            conn.write(data)
            assert (await conn.messages())[2].values == (b"\\x01000000", "ä".encode())
        assert outgoing == b""


async def test_format_codes_are_as_few_as_can_be(cluster: Cluster) -> None:
    """None where all is text, one where all is binary; PostgreSQL understands each form."""
    shapes = {
        (("1", "2"), (0, 0)): (b"\0\0", b"\0\0"),
        ((b"\0\0\0\1", b"\0\0\0\2"), (1, 1)): (b"\0\1\0\1", b"\0\1\0\1"),
        (("1", b"\0\0\0\2"), (1, 0)): (b"\0\2\0\0\0\1", b"\0\2\0\1\0\0"),
    }
    async with connected(cluster) as conn:
        for (values, results), (parameter_codes, result_codes) in shapes.items():
            bind = conn.batch().bind("", "", values, result_formats=results).take()
            assert bind[7:].startswith(parameter_codes + b"\0\2")
            assert bind.endswith(result_codes)
            conn.write(conn.batch().parse("", "select $1::int, $2::int", (pg.INT4, pg.INT4)))
            conn.write(bind)
            conn.write(conn.batch().execute().sync())
            row = (await conn.messages())[2]
            text = [int(v) if len(v) == 1 else int.from_bytes(v, "big") for v in row.values]
            assert text == [1, 2]


async def test_bodies_are_views_of_what_came() -> None:
    """Over a transport nothing is copied: the bodies of one read share the very bytes that the socket gave."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10_000)
        writer.write(b"R\0\0\0\x08\0\0\0\0" + b"Z\0\0\0\5I")
        await reader.read(10_000)
        writer.write((b"D\0\0\0\x0b\0\1\0\0\0\x011" * 100) + b"C\0\0\0\x0fSELECT 100\0" + b"Z\0\0\0\5I")
        await reader.read()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server, await over_transport(BUILDER, *server.sockets[0].getsockname()[:2]) as conn:
        conn.write(conn.batch().query("select"))
        frames = await conn.frames()
        while frames[-1][0] != "Z":
            frames += await conn.frames()
        assert [tag for tag, _ in frames] == ["D"] * 100 + ["C", "Z"]
        assert all(body.readonly for _, body in frames)
        sources = {id(body.obj) for _, body in frames}
        assert len(sources) < 10
        assert all(isinstance(body.obj, bytes) for _, body in frames)
        assert sum(len(source.obj) for source in {id(b.obj): b for _, b in frames}.values()) >= 1200


async def test_rows_joined_for_a_decoder(cluster: Cluster) -> None:
    builder = BUILDER.joined_tags("D")
    async with await over_transport(builder, cluster.host, cluster.port) as conn:
        conn.write(conn.batch().parse("", "select g from generate_series(1, 20000) g").bind(result_formats=(1,)))
        conn.write(conn.batch().execute().sync())
        decoder = pg.RowDecoder([pg.INT4], [1])
        rows: list[Any] = []
        count = 0
        async for tag, body in conn.until_ready():
            if tag == "D":
                rows += decoder.decode(body)
                count += 1
        assert [row[0] for row in rows] == list(range(1, 20001))
        assert count < 2000


async def test_limits(cluster: Cluster) -> None:
    builder = BUILDER.limits(max_message_length=1000)
    async with await over_streams(builder, cluster.host, cluster.port) as conn:
        conn.write(conn.batch().query("select repeat('x', 900); select repeat('x', 1000)"))
        frames: list[Any] = []
        with pytest.raises(pg.FrameError):
            await gather(conn, frames)
        assert [tag for tag, _ in frames] == ["T", "D", "C", "T"]
        with pytest.raises(pg.FrameError):
            await conn.frame()
    tags_but_rows = {tag: bound for tag, bound in pg.frames.BACKEND_TAGS.items() if tag != "D"}
    async with await over_streams(BUILDER.limits(tag_limits=tags_but_rows), cluster.host, cluster.port) as conn:
        conn.write(conn.batch().query("select 1"))
        with pytest.raises(pg.FrameError):
            await conn.messages()
        with pytest.raises(pg.LocalProtocolError):
            conn.batch().bind(parameters=("x",) * 65_536)


async def test_two_tasks_one_writes_and_one_reads(cluster: Cluster) -> None:
    """COPY in and many answers at once: neither end waits for the other for ever."""
    async with connected(cluster) as conn:
        conn.write(conn.batch().query("create temp table t (n int, x text)"))
        await conn.messages()
        conn.write(conn.batch().query("copy t from stdin"))
        assert (await conn.frame())[0] == "G"
        for number in range(1000):
            conn.write(conn.batch().copy_data(f"{number}\t{'x' * 1000}\n"))
            await conn.drain()
        conn.write(conn.batch().copy_done())
        assert (await conn.message()).command_tag == "COPY 1000"
        assert (await conn.frame())[0] == "Z"

        async def write() -> None:
            for _ in range(50):
                conn.write(conn.batch().parse("", "select x from t").bind().execute().sync())
                await conn.drain()

        writing = asyncio.ensure_future(write())
        rows = [tag async for tag, _ in conn.until_ready(50)].count("D")
        await writing
        assert rows == 50_000


async def test_one_reader_at_a_time(cluster: Cluster, way: Any) -> None:
    async with connected(cluster, way) as conn:
        first = asyncio.ensure_future(conn.frame())
        await asyncio.sleep(0)
        with pytest.raises(pg.InterfaceError, match="another task"):
            await conn.frame()
        first.cancel()
        await asyncio.wait([first])
        conn.write(conn.batch().sync())
        assert await conn.frame() == ("Z", b"I")


async def test_the_end(cluster: Cluster, way: Any) -> None:
    """What the server said last comes first, then that it has gone."""
    async with connected(cluster, way) as conn:
        conn.write(conn.batch().query("select pg_terminate_backend(pg_backend_pid())"))
        frames: list[Any] = []
        with pytest.raises(pg.ConnectionLost):
            await gather(conn, frames)
        assert (frames[-1][0], b"C57P01\0" in bytes(frames[-1][1])) == ("E", True)
        with pytest.raises(pg.ConnectionLost):
            await conn.frames()
        with pytest.raises(pg.ConnectionLost):
            conn.write(b"S\0\0\0\4")
    conn = await way(BUILDER, cluster.host, cluster.port)
    conn.abort()
    assert repr(conn).endswith("closed>")
    with pytest.raises(pg.ConnectionLost):
        await conn.frame()


async def test_a_login_that_does_not_end(way: Any) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async def closing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.write(b"R\0\0")
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    async with server:
        with pytest.raises(asyncio.TimeoutError, match="logging in"):
            await way(BUILDER.timeout(0.1), *server.sockets[0].getsockname()[:2])
    server = await asyncio.start_server(closing, "127.0.0.1", 0)
    async with server:
        with pytest.raises(pg.ConnectionLost):
            await way(BUILDER, *server.sockets[0].getsockname()[:2])


async def test_our_own_server(certificates: Certificates, tmp_path: Path, way: Any) -> None:
    """TLS asked for and direct, SCRAM with channel binding, protocol 3.2, and a statement with a parameter."""

    def answer(query: pg.Query) -> pg.Result:
        return pg.Result([pg.Column("n", pg.INT4)], [(len(query.parameters),)])

    verifier = ScramVerifier.generate("secret")
    users = UsersFunction(lambda user, database: verifier if user == "ada" else None)
    tls = ServerTls(certificates.certificate, certificates.key)
    async with pg.Server(answer, port=0, auth=users, tls=tls) as server:
        builder = ConnectionBuilder("ada").password("secret").channel_binding("require").protocol("3.2", "3.2")
        for direct in (False, True):
            chosen = builder.tls(context_of(certificates), "localhost", direct=direct)
            async with await way(chosen, "127.0.0.1", server.port) as conn:
                assert conn.protocol_version == 0x30002
                conn.write(conn.batch().parse("", "anything $1", (pg.INT4,)).bind(parameters=("1",)).execute().sync())
                assert (await conn.messages())[2].values == (b"1",)
        with pytest.raises(errors.InvalidPassword):
            await way(chosen.password("wrong"), "127.0.0.1", server.port)
