"""The server behind a proxy: its address, and how to reach it, with TLS or without (Protocol 55.2.10)."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar
from urllib.parse import parse_qsl, unquote, urlsplit

from .._impl import encode_message
from ..messages import SSLRequest
from ..server.tls import ALPN

__all__ = ["SSL_MODES", "Upstream", "UpstreamError"]

SSL_MODES: Final = ("disable", "prefer", "require", "verify-ca", "verify-full")
"""As libpq's ``sslmode``, of which ``allow`` is left out."""

P = TypeVar("P", bound=asyncio.Protocol)


class UpstreamError(Exception):
    """The upstream cannot be reached as it was asked for; the text says why."""


@dataclass(frozen=True, slots=True)
class Upstream:
    """Address of the server to forward to.

    Args:
        host: name or address; a path that begins with ``/`` is the directory of a Unix-domain socket.
        port: its port.
        sslmode: one of :data:`SSL_MODES`, with libpq's meaning.
        sslrootcert: file of the authorities (PEM) that ``verify-ca`` and ``verify-full`` trust; None: the system's.

    Raises:
        ValueError: an unknown ``sslmode``, or a port that is none.
    """

    host: str = "127.0.0.1"
    port: int = 5432
    sslmode: str = "prefer"
    sslrootcert: str | None = None

    def __post_init__(self) -> None:
        if self.sslmode not in SSL_MODES:
            raise ValueError(f"sslmode must be one of {', '.join(SSL_MODES)}, not {self.sslmode}")
        if not 0 < self.port < 65536:
            raise ValueError(f"{self.port} is no port")

    @classmethod
    def parse(cls, uri: str) -> Upstream:
        """From ``postgresql://host[:port][?sslmode=…&sslrootcert=…]``.

        Raises:
            ValueError: the URI is none, or holds what a proxy does not use: users and databases are the clients'.
        """
        parts = urlsplit(uri)
        if parts.scheme not in ("postgresql", "postgres"):
            raise ValueError("the upstream must be given as postgresql://host:port")
        if parts.username or parts.password or parts.path.strip("/"):
            raise ValueError("users, passwords and databases are those of the clients: give postgresql://host:port")
        options = dict(parse_qsl(parts.query))
        host = options.pop("host", None) or unquote(parts.hostname or "") or "127.0.0.1"
        port = options.pop("port", None) or str(parts.port or 5432)
        mode, root = options.pop("sslmode", "prefer"), options.pop("sslrootcert", None)
        if options:
            raise ValueError(f"unknown in an upstream: {', '.join(sorted(options))}")
        if not port.isdecimal():
            raise ValueError(f"{port} is no port")
        return cls(host, int(port), mode, root)

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def context(self) -> ssl.SSLContext | None:
        """What TLS to it is spoken with; None where it is not.

        Raises:
            OSError: the file of authorities cannot be read.
        """
        if self.sslmode == "disable" or self.host.startswith("/"):
            return None
        context = ssl.create_default_context(cafile=self.sslrootcert)
        context.check_hostname = self.sslmode == "verify-full"
        context.verify_mode = ssl.CERT_REQUIRED if self.sslmode.startswith("verify") else ssl.CERT_NONE
        context.set_alpn_protocols([ALPN])
        return context

    async def connect(self, make: Callable[[], P], context: ssl.SSLContext | None) -> tuple[asyncio.Transport, P]:
        """A connection whose start-up packet is yet to be sent; ``context`` is what :meth:`context` gave.

        The protocol hears ``connection_made`` when TLS, if there is any, is agreed upon.

        Raises:
            UpstreamError: it cannot be had.
        """
        loop = asyncio.get_running_loop()
        try:
            asking, waiting = await self._open(loop)
        except OSError as error:
            raise UpstreamError(error.strerror or str(error)) from error
        try:
            protocol = make()
            if context is None and waiting.answer.done():  # nobody was asked anything
                raise UpstreamError("it ended the connection at once")
            if context is None:
                asking.set_protocol(protocol)
                protocol.connection_made(asking)
                return asking, protocol
            asking.write(encode_message(SSLRequest()))
            answer = await waiting.answer
            if answer == b"N" and self.sslmode == "prefer":
                asking.set_protocol(protocol)
                protocol.connection_made(asking)
                return asking, protocol
            if answer != b"S":  # also where there is more, which nobody has encrypted (CVE-2021-23222)
                raise UpstreamError(
                    "it does not support TLS" if answer == b"N" else "its answer to SSLRequest is wrong"
                )
            secure = await loop.start_tls(asking, protocol, context, server_hostname=self.host)
            if secure is None:
                raise UpstreamError("the TLS handshake was broken off")
            protocol.connection_made(secure)
            return secure, protocol
        except OSError as error:
            asking.abort()
            raise UpstreamError(f"TLS: {error}") from error
        except BaseException:
            asking.abort()
            raise

    async def _open(self, loop: asyncio.AbstractEventLoop) -> tuple[asyncio.Transport, _Asking]:
        if self.host.startswith("/"):
            path = f"{self.host}/.s.PGSQL.{self.port}"
            return await loop.create_unix_connection(lambda: _Asking(loop), path)
        return await loop.create_connection(lambda: _Asking(loop), self.host, self.port)


class _Asking(asyncio.Protocol):
    """Waits for the answer to SSLRequest."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.answer: asyncio.Future[bytes] = loop.create_future()

    def data_received(self, data: bytes) -> None:
        if not self.answer.done():
            self.answer.set_result(data)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.answer.done():
            self.answer.set_result(b"")
