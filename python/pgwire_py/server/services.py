"""What handlers, engines and the catalogue may ask of a session, besides answering (:class:`~pgwire_py.engines.base.SessionContext`)."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final, cast

from .. import messages as m
from ..errors import LocalProtocolError, PostgresError, postgres_error
from ..state import Phase
from . import activity, cursors, notifications, prepared, signals

if TYPE_CHECKING:
    from ..connection import BackendConnection
    from .portals import Portal, PreparedStatement
    from .protocol import ServerProtocol
    from .server import Server
    from .session import Session
    from .settings import Settings
    from .transactions import Transaction

__all__ = ["SessionServices"]

log = logging.getLogger("pgwire_py.server")

_SEVERITIES: Final = {
    name: rank
    for rank, name in enumerate(("DEBUG5", "DEBUG4", "DEBUG3", "DEBUG2", "DEBUG1", "LOG", "NOTICE", "WARNING", "ERROR"))
} | {"DEBUG": 3, "INFO": 9}
"""What a notice must reach to pass ``client_min_messages`` (PostgreSQL 20.8); INFO always does."""


class SessionServices:
    """The part of :class:`~pgwire_py.server.session.Session` that others than the session layer use."""

    __slots__ = ()

    if TYPE_CHECKING:
        connection: BackendConnection
        notifications: notifications.SessionNotifications | None
        portals: dict[str, Portal]
        process_id: int
        running: bool
        server: Server
        settings: Settings
        statements: dict[str, PreparedStatement]
        transaction: Transaction

        _protocol: ServerProtocol

        def follow_encoding(self) -> None: ...

    @property
    def server_version(self) -> str:
        """What ``server_version`` shows."""
        return self.settings.show("server_version")

    def get_setting(self, name: str) -> str | None:
        """A run-time parameter's value, None where there is none of that name."""
        return self.settings.get(name)

    def set_setting(self, name: str, value: str | None, *, local: bool = False) -> str:
        """Set a run-time parameter, None for what RESET would; raises 42704 or 22023."""
        return self.settings.set(name, value, local=local)

    def all_settings(self) -> list[tuple[str, str, str]]:
        """Name, value and description of every run-time parameter."""
        return self.settings.all()

    def setting_rows(self) -> list[dict[str, object]]:
        """The rows of ``pg_settings``."""
        return self.settings.rows()

    def activity_rows(self) -> list[dict[str, object]]:
        """The rows of ``pg_stat_activity``."""
        return activity.rows(cast("Session", self))

    def cancel_backend(self, process_id: int) -> bool:
        """``pg_cancel_backend``; raises 42501."""
        return signals.cancel_backend(cast("Session", self), process_id)

    def terminate_backend(self, process_id: int, timeout: int = 0) -> bool:
        """``pg_terminate_backend``, ``timeout`` in milliseconds; raises 42501, 22003."""
        return signals.terminate_backend(cast("Session", self), process_id, timeout)

    def prepared_statements(self) -> list[dict[str, object]]:
        """The rows of ``pg_prepared_statements``."""
        return prepared.statement_rows(self.statements)

    def cursors(self) -> list[dict[str, object]]:
        """The rows of ``pg_cursors``."""
        return cursors.cursor_rows(self.portals)

    def listening_channels(self) -> list[str]:
        """What the session listens to."""
        return [] if self.notifications is None else list(self.notifications.channels)

    def notify(self, channel: str, payload: str = "") -> None:
        """NOTIFY, from a handler or an engine: goes out when the transaction is committed, outside of one when the statement has ended.

        Raises:
            PostgresError: 22023 the channel's name or the payload is too long; 54000 the transaction has gathered too much.
        """
        notifications.of(cast("Session", self)).notify(channel, payload)
        if not self.transaction.open:
            notifications.on_loop(self.server.loop, self.server.loop.call_soon, self._say)

    def _say(self) -> None:
        """What was said outside of a transaction goes out, if no ReadyForQuery came by to see to it."""
        if self.notifications is not None and not self.running:
            self.notifications.statement_ended()
            if self.connection.phase is not Phase.CLOSED:
                self.flush()

    def notice(self, severity: str, sqlstate: str, message: str, **fields: Any) -> None:
        """Send a NoticeResponse, if ``client_min_messages`` lets it pass. Any thread may call it.

        Args:
            severity: DEBUG5 to DEBUG1, LOG, NOTICE or WARNING; INFO is always sent.
            sqlstate: ``"00000"`` where nothing is wrong; ``"01000"`` is a warning in general.
            message: the primary message.
            **fields: as of :class:`~pgwire_py.errors.PostgresError`: ``detail``, ``hint`` …
        """
        least = self.settings.get("client_min_messages") or "notice"
        if _SEVERITIES[severity] < _SEVERITIES.get(least.upper(), 0):
            return
        error = postgres_error(sqlstate, message, severity=severity, **fields)
        notifications.on_loop(self.server.loop, self._send, m.NoticeResponse(error.response_fields()))

    def report_parameter(self, name: str, value: str) -> None:
        """Tell the client of a parameter that is no run-time parameter of ours (ParameterStatus); :meth:`set_setting` tells by itself.

        Any thread may call it.
        """
        notifications.on_loop(self.server.loop, self._send, m.ParameterStatus(name, value))

    def _send(self, message: object) -> None:
        """Send what answers nothing: with the next output, or at once where nothing is being answered."""
        if self.connection.phase is Phase.CLOSED:
            return
        self.queue(message)
        if self.busy or not self.running:
            self.flush()

    def queue(self, message: object) -> None:
        """Queue a notice or a parameter; what cannot be sent is left out, and the client is told where it is its encoding that cannot."""
        self.follow_encoding()
        try:
            self.connection.send(message)
        except LocalProtocolError:  # a text that cannot be sent
            log.exception("session %d: a message could not be sent", self.process_id)
        except PostgresError as error:
            error.severity = "WARNING"
            self.connection.send(m.NoticeResponse(error.response_fields()))

    def flush(self) -> None:
        """Write what is queued."""
        self._protocol.flush()

    @property
    def busy(self) -> bool:
        """Whether a statement is being answered that waits for something."""
        return self._protocol.busy

    @property
    def is_idle(self) -> bool:
        """Whether it is between statements, in no transaction, and the client reads what it is sent."""
        protocol = self._protocol
        return (
            self.connection.phase is Phase.IDLE
            and self.transaction.status == "I"
            and not (self.running or protocol.busy or protocol.paused or protocol.lost)
        )
