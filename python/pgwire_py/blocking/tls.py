"""TLS over a :class:`SocketIO`: the records are OpenSSL's, in memory; the waiting is the socket's."""

from __future__ import annotations

import ssl
import time
from contextlib import suppress
from typing import Any

from .._impl import FrameDecoder, RowDecoder
from ..client.errors import ConnectionLost
from .transport import IO
from .waiting import Expired, left

__all__ = ["TLSIO"]

_BUFFER = 256 * 1024


class TLSIO:
    """What :class:`SocketIO` does, encrypted.

    Args:
        inner: the socket's.
        incoming: what came encrypted, for ``tls`` to read.
        outgoing: what ``tls`` wrote encrypted.
        tls: the connection between the two.
    """

    def __init__(self, inner: IO, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO, tls: ssl.SSLObject) -> None:
        self._inner = inner
        self._incoming = incoming
        self._outgoing = outgoing
        self.tls = tls
        self.received = 0
        self.asking = False

    @property
    def pending(self) -> int:
        return self._inner.pending

    def handshake(self) -> None:
        """Until the connection is encrypted.

        Raises:
            ssl.SSLError: it fails, as for a certificate that is not to be trusted.
            ConnectionLost: the other end closed the connection instead.
            Expired: the thread's deadline has passed.
        """
        while True:
            try:
                self.tls.do_handshake()
            except ssl.SSLWantReadError:
                self._flush()
            except ssl.SSLError:
                self._flush()
                with suppress(OSError):
                    self._inner.pump(1.0, False)  # the alert
                raise
            else:
                self._flush()
                return
            data = self._inner.pump(left(), True)
            if data is None:
                raise Expired
            if not data:
                raise ConnectionLost("the server closed the connection during the TLS handshake")
            self._incoming.write(data)

    def ask(self, data: bytes, decoder: FrameDecoder, rows: RowDecoder | None, /) -> Any:
        """Without the short way: what came is for ``decoder`` as it is."""
        self.write(data)
        self.asking = True
        answer = self._pump(None, True)
        self.asking = False
        return answer or b""

    def write(self, data: Any, /) -> int:
        if len(data):
            self.tls.write(data)
        return self._flush()

    def _flush(self) -> int:
        return self._inner.write(self._outgoing.read())

    def pump(self, timeout: float | None, answer: bool, /) -> bytes | None:
        self.asking = False
        return self._pump(timeout, answer)

    def _pump(self, timeout: float | None, answer: bool) -> bytes | None:
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            data = self._read()
            if data is not None:
                return data
            came = self._inner.pump(timeout, answer)
            if came is None:
                return None
            if came:
                self._incoming.write(came)
            else:
                self._incoming.write_eof()
            if deadline is not None:
                timeout = max(deadline - time.monotonic(), 0.0)

    def _read(self) -> bytes | None:
        """What can be read without waiting; None if nothing can."""
        try:
            data = self.tls.read(_BUFFER)
        except ssl.SSLWantReadError:
            return None
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            return b""
        finally:
            self._flush()
        self.received += len(data)
        return data
