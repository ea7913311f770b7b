"""Both ends of a connection, joined without sockets."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from .. import messages as m
from ..connection import BackendConnection, FrontendConnection

__all__ = ["ConnectionPair"]


class ConnectionPair:
    """A :class:`FrontendConnection` and a :class:`BackendConnection`, each of which receives what the other has queued.

    Args:
        chunk: bytes delivered at a time; None: all that there is. The events are the same.
        frontend: the frontend's end, where not a plain one.
        backend: the backend's end, where not a plain one.

    Nothing happens by itself: send on one end, then let the other receive.
    """

    def __init__(
        self,
        *,
        chunk: int | None = None,
        frontend: FrontendConnection | None = None,
        backend: BackendConnection | None = None,
    ) -> None:
        self.frontend = frontend or FrontendConnection()
        self.backend = backend or BackendConnection()
        self.chunk = chunk

    def start(self, **parameters: str) -> None:
        """Log in without a password, ``user="me"`` unless told otherwise, and leave both ends idle."""
        self.frontend.send(m.StartupMessage(parameters={"user": "me", **parameters}))
        self.backend_receives()
        self.backend.send(m.AuthenticationOk())
        self.backend.send(m.BackendKeyData(1, b"\0\0\0\1"))
        self.backend.send(m.ReadyForQuery("I"))
        self.frontend_receives()

    def backend_receives(self) -> list[Any]:
        """Deliver what the frontend has queued and return the backend's events up to the first that it has to answer.

        Of a batch all messages are taken, Sync included: to answer them one by one call :meth:`serve`.
        """
        return [event for _ in self._pieces(self.frontend, self.backend) for event in _events(self.backend)]

    def frontend_receives(self) -> list[Any]:
        """Deliver what the backend has queued and return the frontend's events."""
        return [event for _ in self._pieces(self.backend, self.frontend) for event in _events(self.frontend)]

    def serve(self, answer: Callable[[Any], Iterable[object]]) -> list[tuple[Any, object | None]]:
        """Deliver what the frontend has queued, answer each message before the next is taken, and deliver the answers.

        Args:
            answer: gives the backend messages that answer one event of the backend.

        Returns:
            The frontend's events, each with the request that it answers (:attr:`FrontendConnection.request`).
        """
        for _ in self._pieces(self.frontend, self.backend):
            while (event := self.backend.next_event()) is not None:
                for message in answer(event):
                    self.backend.send(message)
        frontend = self.frontend
        return [(event, frontend.request) for _ in self._pieces(self.backend, frontend) for event in frontend.events()]

    def frontend_closes(self) -> list[Any]:
        """Deliver what the frontend has queued, then the end of its stream, and return the backend's events."""
        events = self.backend_receives()
        self.backend.receive_eof()
        return events + _events(self.backend)

    def backend_closes(self) -> list[Any]:
        """Deliver what the backend has queued, then the end of its stream, and return the frontend's events."""
        events = self.frontend_receives()
        self.frontend.receive_eof()
        return events + _events(self.frontend)

    def _pieces(
        self, sender: FrontendConnection | BackendConnection, receiver: FrontendConnection | BackendConnection
    ) -> Iterator[None]:
        """Deliver piece by piece; before the first, and after each, there may be events."""
        data = sender.data_to_send()
        size = self.chunk or len(data)
        yield
        for start in range(0, len(data), size or 1):
            receiver.receive_data(data[start : start + size])
            yield


def _events(connection: FrontendConnection | BackendConnection) -> list[Any]:
    events = []
    while (event := connection.next_event()) is not None:
        events.append(event)
    return events
