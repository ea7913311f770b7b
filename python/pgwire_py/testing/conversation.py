"""A connection whose every message a test scripts, over the backend's end of the protocol."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, cast

from .. import messages as m
from ..errors import PgWireError
from .recording import Recorder, RecordingConnection
from .script import MockFailure, encoded

__all__ = ["Conversation", "ConversationProtocol", "Dialogue", "reset_connection"]

M = TypeVar("M")
Dialogue = Callable[["Conversation"], Awaitable[None]]

PARAMETERS = {
    "server_version": "15.0 (mock)",
    "server_encoding": "UTF8",
    "client_encoding": "UTF8",
    "DateStyle": "ISO, MDY",
    "IntervalStyle": "postgres",
    "TimeZone": "UTC",
    "integer_datetimes": "on",
    "standard_conforming_strings": "on",
}
"""What :meth:`Conversation.login` says of run-time parameters."""


class Conversation:
    """What a dialogue of :meth:`MockServer.converse` talks with: one connection.

    Attributes:
        number: of the connection, from 1 on.
        connection: the backend's end of the protocol, for what has no method here.
    """

    def __init__(self, protocol: ConversationProtocol) -> None:
        self._protocol = protocol
        self.connection = protocol.connection
        self.number = protocol.connection.number

    async def receive(self, kind: type[M] = object) -> M:  # type: ignore[assignment]
        """The next message.

        Raises:
            MockFailure: it is not of this kind, or the client is gone.
        """
        event = await self._protocol.event()
        if event is None:
            raise MockFailure(f"the client is gone: expected {kind.__name__}")
        if not isinstance(event, kind):
            raise MockFailure(f"expected {kind.__name__}, got {event!r}")
        return event

    async def login(self, **parameters: str) -> m.StartupMessage:
        """Let the client in without a password; ``parameters`` are run-time parameters to tell it of.

        Returns:
            What it said of itself.
        """
        event: Any = await self.receive()
        while isinstance(event, (m.SSLRequest, m.GSSENCRequest)):
            self.send(m.EncryptionResponse("N"))
            event = await self.receive()
        if not isinstance(event, m.StartupMessage):
            raise MockFailure(f"expected StartupMessage, got {event!r}")
        self.send(m.AuthenticationOk())
        for name, value in {**PARAMETERS, **parameters}.items():
            self.send(m.ParameterStatus(name, value))
        self.send(m.BackendKeyData(self.number, struct.pack("!I", self.number)), m.ReadyForQuery("I"))
        return event

    def send(self, *messages: object) -> None:
        """Send messages that are legal here.

        Raises:
            LocalProtocolError: one is not; :meth:`lie` sends it all the same.
        """
        for message in messages:
            self.connection.send(message)
        self._protocol.flush()

    def lie(self, *parts: object) -> None:
        """Send messages or bytes as they are: what no server would send here, half of a message, anything."""
        self._protocol.flush()
        self._protocol.write(encoded(parts))

    async def gone(self) -> None:
        """Wait until the client has closed the connection; what it sends until then is recorded and dropped."""
        while await self._protocol.event() is not None:
            pass

    def drop(self, *, reset: bool = False) -> None:
        """Close the connection behind what was sent; with ``reset`` at once, by RST."""
        self._protocol.drop(reset=reset)


class ConversationProtocol(asyncio.Protocol):
    """The connection of one dialogue, which is run to its end, and then closed.

    Args:
        recorder: where everything that comes is recorded.
        dialogue: the test's coroutine function.
        done: called at the end, with what went wrong, or None.
    """

    def __init__(
        self, recorder: Recorder, dialogue: Dialogue, done: Callable[[ConversationProtocol, str | None], None]
    ) -> None:
        self.connection = RecordingConnection(recorder, recorder.connected())
        self._dialogue = dialogue
        self._done = done
        self._transport: asyncio.Transport | None = None
        self._changed = asyncio.Event()
        self._over = False
        self.task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self.task = asyncio.ensure_future(self._run())

    def data_received(self, data: bytes) -> None:
        self.connection.receive_data(data)
        self._changed.set()

    def eof_received(self) -> bool:
        self._over = True
        self._changed.set()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self._over = True
        self._transport = None
        self._changed.set()

    async def _run(self) -> None:
        problem: str | None = "it was not finished when the mock server closed"
        try:
            await self._dialogue(Conversation(self))
            problem = None
        except (AssertionError, PgWireError) as error:
            problem = str(error) or repr(error)
        except Exception as error:
            problem = f"{type(error).__name__}: {error}"
        finally:
            self.drop(reset=False)
            self._done(self, problem and f"dialogue of connection {self.connection.number}: {problem}")

    async def event(self) -> Any:
        """The next event; None where no more will come."""
        while (event := self.connection.next_event()) is None:
            if self._over:
                return None
            self._changed.clear()
            await self._changed.wait()
        return event

    def flush(self) -> None:
        """Write what is queued."""
        self.write(self.connection.data_to_send())

    def write(self, data: bytes | memoryview) -> None:
        """Write bytes."""
        if self._transport is not None and data:
            self._transport.write(data)

    def drop(self, *, reset: bool) -> None:
        """Close the connection."""
        transport = self._transport
        if transport is not None:
            if reset:
                reset_connection(transport)
            else:
                self.flush()
                transport.close()


def reset_connection(transport: asyncio.WriteTransport) -> None:
    """End a connection by RST, at once."""
    connection = transport.get_extra_info("socket")
    if connection is not None:
        with contextlib.suppress(OSError):  # a Unix-domain socket has no RST
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
