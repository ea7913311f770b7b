"""LISTEN, UNLISTEN and NOTIFY across the sessions of a server (PostgreSQL, NOTIFY; Protocol 55.2.6).

What a transaction says is gathered until it is committed, then handed to every session that listens. A session is told when it is idle
and not in a transaction block: at once, or before its next ReadyForQuery with status I. Everything here runs on the server's loop, but
for :meth:`SessionNotifications.notify`, which an engine's thread may call while the loop waits for it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from .. import messages as m
from ..errors import InvalidParameterValue, PostgresError, ProgramLimitExceeded, postgres_error
from . import session_commands as c
from .plans import Plan
from .results import Source
from .tokens import MAX_IDENTIFIER

if TYPE_CHECKING:
    from .session import Session

__all__ = ["MAX_CHANNELS", "MAX_GATHERED", "MAX_PAYLOAD", "MAX_WAITING", "RUN", "Notifications", "SessionNotifications"]

MAX_PAYLOAD: Final = 7_999
"""Bytes of a payload, as in PostgreSQL."""

MAX_CHANNELS: Final = 10_000
"""Channels that a session listens to."""

MAX_GATHERED: Final = 16 * 1024 * 1024
"""Bytes of notifications that a transaction gathers."""

MAX_WAITING: Final = 16 * 1024 * 1024
"""Bytes of notifications that wait for a session that is busy, in a transaction, or does not read: beyond it the session is ended."""

_OVERHEAD: Final = 100
"""Bytes that a notification counts besides its channel and payload."""


class Notifications:
    """Who listens to what, on one server."""

    def __init__(self) -> None:
        self._listeners: dict[str, dict[Session, None]] = {}

    def listen(self, session: Session, channel: str) -> None:
        """The session is told of the channel from now on."""
        self._listeners.setdefault(channel, {})[session] = None

    def unlisten(self, session: Session, channel: str) -> None:
        """The session is not told of the channel any more."""
        listeners = self._listeners.get(channel)
        if listeners is not None:
            listeners.pop(session, None)
            if not listeners:
                del self._listeners[channel]

    def send(self, process_id: int, notifications: Iterable[tuple[str, str]]) -> None:
        """Hand channels and payloads to everyone who listens, in this order."""
        told: dict[Session, list[m.NotificationResponse]] = {}
        for channel, payload in notifications:
            listeners = self._listeners.get(channel)
            if listeners:
                message = m.NotificationResponse(process_id, channel, payload)
                for session in listeners:
                    told.setdefault(session, []).append(message)
        for session, messages in told.items():
            assert session.notifications is not None
            session.notifications.receive(messages)


class SessionNotifications:
    """What one session listens to, has to say, and is still to be told."""

    __slots__ = ("_actions", "_gathered", "_hub", "_session", "_size", "_waiting", "_waiting_size", "channels")

    def __init__(self, session: Session, hub: Notifications) -> None:
        self._session = session
        self._hub = hub
        self.channels: dict[str, None] = {}
        self._actions: list[tuple[bool, str | None]] = []
        self._gathered: dict[tuple[str, str], None] = {}
        self._size = 0
        self._waiting: deque[m.NotificationResponse] = deque()
        self._waiting_size = 0

    # -- what the transaction says -----------------------------------------------------------------------------------

    def notify(self, channel: str, payload: str) -> None:
        """Gather a notification; the same one twice in a transaction is one. Raises 22023 or 54000."""
        check(channel, payload)
        entry = (channel, payload)
        if entry in self._gathered:
            return
        size = self._size + _size(channel, payload)
        if size > MAX_GATHERED:
            raise ProgramLimitExceeded(f"a transaction cannot gather more than {MAX_GATHERED} bytes of notifications")
        self._gathered[entry] = None
        self._size = size

    def listen(self, channel: str) -> None:
        """Gather a LISTEN."""
        if len(self.channels) + len(self._actions) >= MAX_CHANNELS:
            raise ProgramLimitExceeded(f"a session cannot listen to more than {MAX_CHANNELS} channels")
        self._actions.append((True, channel))

    def unlisten(self, channel: str | None) -> None:
        """Gather an UNLISTEN; None is all channels."""
        if channel is None:
            self._actions.append((False, None))
        elif self.channels or self._actions:
            self._actions.append((False, channel))

    @property
    def gathered(self) -> tuple[int, int]:
        """How much has been gathered: what a savepoint remembers."""
        return len(self._actions), len(self._gathered)

    def forget_since(self, gathered: tuple[int, int]) -> None:
        """Forget what was gathered since then."""
        del self._actions[gathered[0] :]
        if len(self._gathered) > gathered[1]:
            self._gathered = dict(islice(self._gathered.items(), gathered[1]))
            self._size = sum(_size(*entry) for entry in self._gathered)

    def transaction_ended(self, *, commit: bool) -> None:
        """LISTEN and UNLISTEN take effect and notifications go out, or all is forgotten."""
        actions, self._actions = self._actions, []
        gathered, self._gathered = self._gathered, {}
        self._size = 0
        if not commit:
            return
        for listens, channel in actions:
            if listens and channel is not None:
                self.channels[channel] = None
                self._hub.listen(self._session, channel)
            else:
                for name in list(self.channels) if channel is None else [channel]:
                    self.channels.pop(name, None)
                    self._hub.unlisten(self._session, name)
        if gathered:
            self._hub.send(self._session.process_id, gathered)

    # -- what it is told ---------------------------------------------------------------------------------------------

    def receive(self, messages: list[m.NotificationResponse]) -> None:
        """Others, or the session itself, have said something."""
        self._waiting.extend(messages)
        self._waiting_size += sum(_size(message.channel, message.payload) for message in messages)
        if self._session.is_idle:
            self.tell()
            self._session.flush()
        elif self._waiting_size > MAX_WAITING:
            self.forget()
            self._session.shut_down(
                postgres_error(
                    "53400",
                    "terminating connection because too many notifications wait for it",
                    detail=f"More than {MAX_WAITING} bytes of notifications could not be delivered.",
                )
            )
        elif not self._session.busy:  # it is being answered without a pause, and may not come by ReadyForQuery
            self._session.server.loop.call_soon(self.tell_if_idle)

    def tell_if_idle(self) -> None:
        """Send what waits, if now is the time."""
        if self._waiting and self._session.is_idle:
            self.tell()
            self._session.flush()

    def tell(self) -> None:
        """Queue what waits. One that the client's encoding cannot write ends the session, as in PostgreSQL."""
        connection = self._session.connection
        try:
            for message in self._waiting:
                connection.send(message)
        except PostgresError as error:
            self.forget()
            self._session.terminate(error)
        self._waiting.clear()
        self._waiting_size = 0

    def statement_ended(self) -> None:
        """ReadyForQuery comes next: outside of a transaction block what was said goes out, and what waits is told."""
        if self._session.transaction.open:
            return
        if self._actions or self._gathered:
            self.transaction_ended(commit=True)
        if self._waiting:
            self.tell()

    def forget(self) -> None:
        """The session is gone."""
        for channel in self.channels:
            self._hub.unlisten(self._session, channel)
        self.channels = {}
        self._waiting.clear()
        self._waiting_size = 0


def check(channel: str, payload: str) -> None:
    """Raise 22023 where a notification has no such channel or payload."""
    if not channel:
        raise InvalidParameterValue("channel name cannot be empty")
    if len(channel.encode()) > MAX_IDENTIFIER:
        raise InvalidParameterValue("channel name too long")
    if len(payload.encode()) > MAX_PAYLOAD:
        raise InvalidParameterValue("payload string too long")
    if "\0" in channel or "\0" in payload:
        raise InvalidParameterValue("a notification cannot contain a zero byte")


def of(session: Session) -> SessionNotifications:
    """The session's, made now if it has none yet."""
    if session.notifications is None:
        session.notifications = SessionNotifications(session, session.server.notifications)
    return session.notifications


def _size(channel: str, payload: str) -> int:
    return len(channel) + len(payload) + _OVERHEAD


# -- the commands ----------------------------------------------------------------------------------------------------


def _cut(session: Session, name: str, written: str) -> None:
    if name != written:
        text = f'identifier "{written}" will be truncated to "{name}"'
        session.notice("NOTICE", "42622", text)


async def _listen(session: Session, plan: Plan, command: c.Listen, how: c.Invocation) -> Source:
    _cut(session, command.channel, command.written)
    of(session).listen(command.channel)
    return _done(session, command.tag)


async def _unlisten(session: Session, plan: Plan, command: c.Unlisten, how: c.Invocation) -> Source:
    if session.notifications is not None:
        session.notifications.unlisten(command.channel)
    return _done(session, command.tag)


async def _notify(session: Session, plan: Plan, command: c.Notify, how: c.Invocation) -> Source:
    _cut(session, command.channel, command.written)
    of(session).notify(command.channel, command.payload)
    return _done(session, command.tag)


def _done(session: Session, tag: str) -> Source:
    """Outside of a transaction the statement is one: what it gathered takes effect."""
    if not session.transaction.open and session.notifications is not None:
        session.notifications.transaction_ended(commit=True)
    return Source(None, None, tag)


RUN: Final[dict[type, Callable[[Session, Plan, Any, c.Invocation], Awaitable[Source]]]] = {
    c.Listen: _listen,
    c.Unlisten: _unlisten,
    c.Notify: _notify,
}


def on_loop(loop: asyncio.AbstractEventLoop, function: Callable[..., Any], *args: Any) -> None:
    """Call a function on the loop: at once where this is it, else soon."""
    try:
        here = asyncio.get_running_loop() is loop
    except RuntimeError:
        here = False
    if here:
        function(*args)
    else:
        loop.call_soon_threadsafe(function, *args)
