"""What a mock server has received: every message, and every statement with its parameters."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from .. import messages as m
from .._impl import split_statements
from ..connection import BackendConnection
from ..errors import PgWireError

__all__ = ["MAX_RECORDED", "Received", "ReceivedMessage", "Recorder", "RecordingConnection"]

MAX_RECORDED: Final = 100_000
"""Messages, and statements, that a mock server remembers; of more, the last."""


@dataclass(frozen=True)
class ReceivedMessage:
    """A message of a client.

    Attributes:
        connection: number of the connection, from 1 on.
        message: one of :mod:`pgwire_py.messages`, or the RemoteProtocolError that was made of it.
    """

    connection: int
    message: Any


@dataclass
class Received:
    """A statement of a client.

    Attributes:
        sql: its text, without its semicolon.
        parameters: Python values, where the script answered it; where the session layer did, what came: bytes, or None for NULL.
        parameter_types: type OIDs, where the script answered it.
        connection: number of the connection, from 1 on.
        user: who logged in.
        database: the database asked for.
        copied: what came with COPY FROM STDIN.
    """

    sql: str
    parameters: tuple[Any, ...] = ()
    parameter_types: tuple[int, ...] = ()
    connection: int = 0
    user: str = ""
    database: str = ""
    copied: bytes = b""

    def __str__(self) -> str:
        return f"{self.sql}{f'  {self.parameters!r}' if self.parameters else ''}"


@dataclass
class Recorder:
    """The records of one mock server; its loop writes them, the test reads them."""

    messages: deque[ReceivedMessage] = field(default_factory=lambda: deque(maxlen=MAX_RECORDED))
    statements: deque[Received] = field(default_factory=lambda: deque(maxlen=MAX_RECORDED))
    connections: int = 0
    changed: threading.Condition = field(default_factory=threading.Condition)

    def connected(self) -> int:
        """The number of a new connection."""
        with self.changed:
            self.connections += 1
            return self.connections

    def message(self, connection: int, message: Any) -> None:
        """A message has come."""
        with self.changed:
            self.messages.append(ReceivedMessage(connection, message))
            self.changed.notify_all()

    def statement(self, received: Received) -> None:
        """A statement has come."""
        with self.changed:
            self.statements.append(received)
            self.changed.notify_all()

    def wait_for(self, condition: Callable[[], object], timeout: float) -> bool:
        """Wait until ``condition`` holds, looking again with everything that happens; False where it did not in time."""
        until = time.monotonic() + timeout
        with self.changed:
            while not condition():
                left = until - time.monotonic()
                if left <= 0:
                    return False
                self.changed.wait(min(left, 0.05))  # not all that a condition may be about is told
        return True


class RecordingConnection(BackendConnection):
    """A backend's end that records the events it hands out.

    Attributes:
        number: of the connection.
        current: the statement that is answered.
    """

    __slots__ = ("_portals", "_recorder", "_startup", "_statements", "current", "number")

    def __init__(self, recorder: Recorder, number: int, **options: Any) -> None:
        super().__init__(**options)
        self.number = number
        self.current: Received | None = None
        self._recorder = recorder
        self._startup: dict[str, str] = {}
        self._statements: dict[str, str] = {}
        self._portals: dict[str, Received] = {}

    def next_event(self) -> Any:
        event = super().next_event()
        if event is not None:
            self._record(event)
        return event

    def receive_event(self, data: bytes | bytearray | memoryview) -> Any:
        self.receive_data(data)
        return self.next_event()

    def _record(self, event: Any) -> None:
        self._recorder.message(self.number, event)
        if isinstance(event, m.StartupMessage):
            self._startup = dict(event.parameters)
        elif isinstance(event, m.Query):
            for sql in _statements_of(event.query):
                self._recorder.statement(self._received(sql))
            self.current = None
        elif isinstance(event, m.Parse):
            self._statements[event.statement] = event.query
        elif isinstance(event, m.Bind):
            received = self._received(self._statements.get(event.statement, ""))
            received.parameters = tuple([None if value is None else bytes(value) for value in event.parameters])
            self._portals[event.portal] = received
        elif isinstance(event, m.Execute):
            self.current = self._portals.pop(event.portal, None)  # what goes on is the same statement
            if self.current is not None:
                self._recorder.statement(self.current)

    def _received(self, sql: str) -> Received:
        user = self._startup.get("user", "")
        return Received(sql, (), (), self.number, user, self._startup.get("database") or user)


def _statements_of(query: str) -> list[str]:
    try:
        return [statement.text for statement in split_statements(query)]
    except PgWireError:
        return [query]
