"""The TLS layer between a socket's transport and a protocol, both made up: pieces, order, and the end."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from pgwire_py.server.tls import ServerTls
from pgwire_py.server.tls_transport import PIECE, TlsTransport
from tests.support.certificates import Certificates, make_certificates


class Socket:
    """What the layer writes to."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.closed = False

    def set_protocol(self, protocol: object) -> None:
        pass

    def write(self, data: bytes) -> None:
        assert not self.closed
        self.written.append(data)

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True


class Above:
    """What the layer hands on to."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.server = SimpleNamespace(loop=loop)
        self.received: list[bytes] = []
        self.then: Callable[[], None] | None = None

    def data_received(self, data: bytes) -> None:
        self.received.append(data)
        if self.then is not None:
            self.then()


class Pair:
    """Both ends after the handshake."""

    def __init__(self, certificates: Certificates) -> None:
        self.socket = Socket()
        self.above = Above(asyncio.get_running_loop())
        tls = ServerTls(certificates.certificate, certificates.key)
        self.layer = TlsTransport(cast(Any, self.above), cast(Any, self.socket), tls.context)
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        context = ssl.create_default_context(cafile=certificates.authority)
        self.client = context.wrap_bio(self.incoming, self.outgoing, server_hostname="localhost")
        for _ in range(3):
            with suppress(ssl.SSLWantReadError):
                self.client.do_handshake()
            self.layer.data_received(self.outgoing.read())
            self.incoming.write(b"".join(self.socket.written))
            self.socket.written.clear()
        assert self.client.version() is not None

    def encrypted(self, *parts: bytes) -> bytes:
        """What the client sends, one record or more for each part."""
        for part in parts:
            self.client.write(part)
        return self.outgoing.read()

    def sent(self) -> bytes:
        """All that the client gets."""
        self.incoming.write(b"".join(self.socket.written))
        self.socket.written.clear()
        data = b""
        with suppress(ssl.SSLWantReadError, ssl.SSLZeroReturnError):
            while part := self.client.read():
                data += part
        return data


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(Path(tmp_path_factory.mktemp("certificates")))


@pytest.mark.parametrize("size", [1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE, 1_000_003])
async def test_large_pieces_go_through_small_buffers(certificates: Certificates, size: int) -> None:
    """A buffer of OpenSSL's never shrinks: one answer of a megabyte would cost its connection one and a half for good."""
    pair = Pair(certificates)
    data = bytes(range(251)) * (size // 251) + bytes(size % 251)
    for value in (data, memoryview(data)):
        pair.layer.write(value)
        assert max(map(len, pair.socket.written)) < PIECE + PIECE // 16
        assert pair.sent() == data
    pair.layer.data_received(pair.encrypted(data))
    assert b"".join(pair.above.received) == data


async def test_nothing_is_handed_on_after_the_end(certificates: Certificates) -> None:
    for size in (10, 2 * PIECE):
        pair = Pair(certificates)
        pair.above.then = pair.layer.close
        pair.layer.data_received(pair.encrypted(b"last", bytes(size), b"and more"))
        assert pair.above.received == [b"last"]
        assert pair.socket.closed
        assert pair.sent() == b""
        pair.layer.data_received(pair.encrypted(b"later"))
        pair.layer.write(b"unheard")
        assert pair.above.received == [b"last"]


async def test_a_socket_that_closes_in_the_middle(certificates: Certificates) -> None:
    pair = Pair(certificates)
    write = pair.socket.write

    def fail(data: bytes) -> None:
        write(data)
        pair.socket.closed = True

    pair.socket.write = fail  # type: ignore[method-assign]
    pair.layer.write(bytes(10 * PIECE))
    assert len(pair.socket.written) == 1
