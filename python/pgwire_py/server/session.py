"""One logged-in client: its statements, portals, parameters and transaction, and how its messages are answered."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final

from .. import messages as m
from .._impl.suspended import Suspended
from ..connection import BackendConnection
from ..errors import (
    InFailedSQLTransaction,
    LocalProtocolError,
    PostgresError,
    QueryCanceled,
    ReadOnlySQLTransaction,
    RemoteProtocolError,
    postgres_error,
)
from ..state import Phase
from . import commands, control, cursors, extended, notifications, prepared, simple
from .activity import Activity
from .copy_streams import CopyOutcome
from .execution import Execution
from .failures import internal_error, is_being_cancelled, tell, uncancel
from .function_call import function_call
from .handler import Result
from .hooks import asked, error_to_tell
from .notifications import SessionNotifications
from .plans import Plan
from .portals import Portal, PreparedStatement
from .results import Source
from .services import SessionServices
from .session_commands import Declare, Execute, Fetch, Invocation, Listen, Notify, Prepare, Unlisten
from .settings import Settings
from .tags import command_complete, command_tag, written_as
from .timeouts import SessionTimeouts
from .transactions import Transaction

if TYPE_CHECKING:
    from .protocol import ServerProtocol
    from .server import Server

__all__ = ["Session"]

log = logging.getLogger("pgwire_py.server")

FLUSH_EVERY: Final = 32
"""Pipelined messages after which what is queued is written, and other sessions get their turn."""

_SELECT_TAGS: Final = {count: command_complete(f"SELECT {count}") for count in range(16)}
_RUN: Final = {**prepared.RUN, **cursors.RUN, **notifications.RUN}
_SCOPED: Final = (
    commands.SetParameter,
    commands.SetTransaction,
    commands.Reset,
    commands.Clean,
    Declare,
    Listen,
    Notify,
    Unlisten,
)
_ANSWERS_QUERY: Final = (
    Phase.SIMPLE,
    Phase.FUNCTION_CALL,
    Phase.SYNC,
    Phase.COPY_IN,
    Phase.COPY_OUT,
    Phase.COPY_BOTH,
    Phase.COPY_BOTH_IN,
)
"""Phases that an error leads out of to ReadyForQuery."""
_QUERIES: Final = (Declare, Execute, Fetch, Prepare)
_ENDS_FAILED: Final = (commands.Commit, commands.Rollback, commands.RollbackTo)


class Session(SessionServices):
    """A client session. Also what an engine and the catalogue know of it (:class:`~pgwire_py.engines.base.SessionContext`).

    Attributes:
        process_id: identifies the session to clients (BackendKeyData); unique within the server.
        user: the name it logged in with.
        database: the database it asked for.
        settings: its run-time parameters.
        transaction: the transaction it is in.
        running: whether a statement is being answered.
        cancel_requested: whether that statement is to be cancelled.
        hooked: whether the ``simple_query`` hook answers it: nothing of it runs in the engine, and the hook can always be cancelled.
        offset: code points that stand before the statement in its query string: an error's position is one in the statement.
        statements: prepared statements by name, the unnamed one as ``""``.
        portals: portals by name, SQL cursors among them.
        notifications: what it listens to and has to say; None where it never did.
        plans: query string → plans of its statements.
        activity: what it did last.
        timeouts: the timers that end it when it is idle for too long; None where it never had such a limit.
    """

    __slots__ = (
        "_closing",
        "_killed",
        "_protocol",
        "_timed_out",
        "_timer",
        "_unflushed",
        "activity",
        "cancel_requested",
        "connection",
        "database",
        "execution",
        "hooked",
        "notifications",
        "offset",
        "plans",
        "portals",
        "process_id",
        "running",
        "secret_key",
        "server",
        "settings",
        "statements",
        "timeouts",
        "transaction",
        "user",
    )

    execution: Execution
    process_id: int
    settings: Settings
    transaction: Transaction

    def __init__(
        self,
        server: Server,
        protocol: ServerProtocol,
        process_id: int,
        secret_key: bytes,
        user: str,
        database: str,
        settings: Settings,
    ) -> None:
        self.server = server
        self._protocol = protocol
        self.connection: BackendConnection = protocol.connection
        self.process_id = process_id
        self.secret_key = secret_key
        self.user = user
        self.database = database
        self.settings = settings
        self.transaction = Transaction()
        self.statements: dict[str, PreparedStatement] = {}
        self.portals: dict[str, Portal] = {}
        self.notifications: SessionNotifications | None = None
        self.plans: Callable[[str], tuple[Plan, ...]] = server.plan_cache(settings.coding).plans
        if settings.coding.encoding is not None:
            self.follow_coding()
        self.offset = 0
        self.cancel_requested = False
        self.running = False
        self.hooked = False
        self.activity = Activity()
        self.timeouts: SessionTimeouts | None = None
        self._killed = False
        self._closing: PostgresError | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timed_out = False
        self._unflushed = 0

    def __repr__(self) -> str:
        return f"<Session {self.process_id} {self.user}@{self.database} {self.transaction.status}>"

    # -- the message loop --------------------------------------------------------------------------------------------

    async def run(self, event: Any) -> None:
        """Answer ``event`` and every message received behind it."""
        next_event = self.connection.next_event
        if event is not None and self.timeouts is not None:
            self.timeouts.message()
        while event is not None:
            try:
                waiting = _HANDLERS[event.__class__](self, event)
                if waiting is not None:
                    await waiting
            except PostgresError as error:
                if error.sqlstate == "57014" and self.cancel_requested:
                    error = self._canceled()
                await self._failed(error)
            except asyncio.CancelledError as error:
                if self._protocol.lost:
                    raise
                if self.cancel_requested:
                    uncancel()
                    await self._failed(self._canceled())
                elif is_being_cancelled():
                    raise
                else:  # the handler's own doing: it awaited something that somebody cancelled
                    await self._failed(internal_error(error))
            except (KeyboardInterrupt, GeneratorExit):
                raise
            except BaseException as error:
                if self._protocol.lost:
                    raise
                if self.connection.phase is not Phase.CLOSED or not isinstance(error, LocalProtocolError):
                    log.exception("session %d: the handler or engine raised", self.process_id)
                await self._failed(internal_error(error))
            if self._closing is not None and (self._killed or not self.running):
                self.terminate(self._closing)
            if self._protocol.paused or self._unflushed > FLUSH_EVERY:
                try:
                    await self._drain()
                except asyncio.CancelledError:
                    if self._protocol.lost or not self.cancel_requested:
                        raise
                    uncancel()
                    if self.running:
                        await self._failed(self._canceled())
            event = next_event()
            if event is not None:
                self._unflushed += 1

    async def _drain(self) -> None:
        self._unflushed = 0
        await self._protocol.drain()

    async def _failed(self, error: PostgresError) -> None:
        connection = self.connection
        if connection.phase is Phase.CLOSED and error.severity != "FATAL":
            return
        if self.server.hooks_errors:
            error = error_to_tell(self.server.hooks, self, error)
        self.running = self.hooked = False
        self.execution.cancelled = False
        self.execution.begun = None
        self.ending()
        self.close_portals(len(self.transaction.savepoints))
        if self.notifications is not None and not self.transaction.open:
            self.notifications.forget_since((0, 0))
        answering_query = connection.phase in _ANSWERS_QUERY
        fatal = error.severity in ("FATAL", "PANIC")
        fields = error.response_fields()
        if self.offset and fields.get("P", "").isdecimal():
            fields["P"] = str(int(fields["P"]) + self.offset)
        self.follow_encoding()
        tell(self.connection, fields, error.severity)
        if fatal:
            self._protocol.close()
            return
        transaction = self.transaction
        if transaction.implicit:
            await self._abandon_implicit()
        elif transaction.status == "T":
            transaction.status = "E"
            self.settings.fail()
        if answering_query:
            self.ready()

    async def _abandon_implicit(self) -> None:
        self.transaction.end()
        self.ended(commit=False)
        try:
            await self.execution.control("rollback")
        except (KeyboardInterrupt, GeneratorExit):
            raise
        except BaseException as error:
            if self._protocol.lost or (isinstance(error, asyncio.CancelledError) and is_being_cancelled()):
                raise
            log.exception("session %d: rollback failed", self.process_id)

    # -- running statements ------------------------------------------------------------------------------------------

    def start(
        self,
        plan: Plan,
        parameters: tuple[object, ...],
        description: Any,
        formats: tuple[int, ...],
        max_rows: int,
        alone: bool,
    ) -> Awaitable[Source | Result | CopyOutcome]:
        """Run a statement up to its first rows, or up to where a COPY begins.

        ``alone`` says that nothing else belongs to the same implicit transaction.
        """
        transaction = self.transaction
        if plan.reads and transaction.status != "E" and (alone or transaction.open):
            self.settings.queried = True
            return self.execution.execute(plan, parameters, description, formats, max_rows)
        return self._start(plan, parameters, description, formats, max_rows, alone)

    async def _start(
        self,
        plan: Plan,
        parameters: tuple[object, ...],
        description: Any,
        formats: tuple[int, ...],
        max_rows: int,
        alone: bool,
    ) -> Source | Result | CopyOutcome:
        command = plan.command
        if command is not None:
            self.check_transaction(plan)
            if not alone and not self.transaction.open and isinstance(command, _SCOPED):
                await self.begin_implicit()
            if isinstance(command, _QUERIES):
                self.settings.queried = True
            run = _RUN.get(command.__class__)
            if run is None:
                return await control.run(self, command, formats)
            return await run(self, plan, command, Invocation(parameters, description, formats, max_rows, alone))
        transaction = self.transaction
        if transaction.status == "E":
            self.check_transaction(plan)
        if plan.parts or (plan.copy is not None and plan.copy.direction == "FROM"):
            alone = False  # it is carried out in many steps, and all of them count or none
        if not alone and not transaction.open:
            await self.begin_implicit()
        self.settings.queried = True
        if plan.writes:
            self._check_writable(plan)
            transaction.wrote()
            if self.portals and not self.execution.snapshots:
                await cursors.settle(self)
        outcome = await self.execution.execute(plan, parameters, description, formats, max_rows)
        if plan.changes_schema:
            self.server.schema_version += 1
        return outcome

    async def stream(self, source: Source, limit: int, chunk: Any) -> tuple[int, bool]:
        """Send ``chunk`` and the rows behind it, ``limit`` at most (0: all).

        Returns:
            How many rows were sent, and whether the source has ended.
        """
        send = self.connection.send_encoded
        count = 0
        while True:
            data, rows, done = chunk
            if rows:
                send(data)
                count += rows
            if done or (limit and count >= limit):
                return count, done and not (limit and count >= limit)
            if self.cancel_requested:
                raise self._canceled()
            await self._protocol.drain()
            chunk = source.read(limit and limit - count)
            if chunk.__class__ is not tuple:
                chunk = await chunk

    async def pause(self) -> None:
        """Between two pieces of work that sends nothing: others get their turn, and a cancel request is heard."""
        if self.cancel_requested:
            raise self._canceled()
        await self._drain()

    def completion(self, plan: Plan, outcome: Source | Result, rows: int) -> bytes:
        """CommandComplete's bytes for a statement that has ended."""
        if outcome.tag is not None:
            return command_complete(outcome.tag)
        if plan.selects and rows < 16:
            return _SELECT_TAGS[rows]
        if isinstance(outcome, prepared.CommandSource):
            return command_complete(outcome.tag_for(rows))
        return command_complete(command_tag(plan.statement, rows, outcome.affected, outcome.returns_rows))

    def ready(self, results: bytes = b"") -> None:
        """Send ``results``, report changed parameters, and send ReadyForQuery."""
        if self.settings.changes is not None or self.notifications is not None:
            self.connection.send_encoded(results)
            results = b""
            if self.notifications is not None:
                self.notifications.statement_ended()
                if self.connection.phase is Phase.CLOSED:  # one of them could not be told
                    self.running = False
                    self.ending()
                    return
            self.report_changes()
        self.connection.send_ready(self.transaction.status, results)
        self.running = self.cancel_requested = self.execution.cancelled = (
            False  # who comes too late with a cancel hits nothing
        )
        self.activity.ended()
        self.ending()
        if self.settings.timed or self.timeouts is not None:
            self.start_waiting()

    def start_waiting(self) -> None:
        """The session waits for the next statement: the limits of being idle begin to count."""
        if self.timeouts is None:
            self.timeouts = SessionTimeouts(self)
        self.timeouts.waiting()

    def report_changes(self) -> None:
        """Send ParameterStatus for parameters that changed, and go on in the encoding they are for."""
        self.follow_coding()
        for name, value in self.settings.take_changes().items():
            self.queue(m.ParameterStatus(name, value))

    def follow_coding(self) -> None:
        """Have everything that depends on the settings of texts follow them."""
        coding = self.settings.coding
        self.plans = self.server.plan_cache(coding).plans
        self.follow_encoding()
        self._protocol.follow_coding(coding)

    def follow_encoding(self) -> None:
        """Have messages sent in the encoding of now, though the settings' changes are not reported yet."""
        coding = self.settings.coding
        self.connection.recode = None if coding.encoding is None else coding.message

    # -- COPY --------------------------------------------------------------------------------------------------------

    async def copy_event(self) -> Any:
        """The next event of a COPY from the client.

        Raises:
            PostgresError: 57014 where the statement is cancelled; FATAL 08006 where the client is gone.
        """
        event = None if self.cancel_requested else await self._protocol.copy_event()
        if self.cancel_requested:
            raise self._canceled()
        if event is None:
            raise postgres_error(
                "08006", "unexpected EOF on client connection with an open transaction", severity="FATAL"
            )
        return event

    def copied(self, size: int) -> None:
        """Bytes of COPY data have been taken: the client may send more."""
        self._protocol.copied(size)

    # -- transactions ------------------------------------------------------------------------------------------------

    def check_transaction(self, plan: Plan | None) -> None:
        """Raise 25P02 where the transaction has failed and this statement does not end it."""
        if self.transaction.status == "E" and (plan is None or not isinstance(plan.command, _ENDS_FAILED)):
            raise InFailedSQLTransaction(
                "current transaction is aborted, commands ignored until end of transaction block"
            )

    def _check_writable(self, plan: Plan) -> None:
        if not plan.allowed_read_only and self.settings.get("transaction_read_only") == "on":
            tag = "COPY FROM" if plan.copy is not None else written_as(plan.statement)
            raise ReadOnlySQLTransaction(f"cannot execute {tag} in a read-only transaction")

    async def begin_implicit(self) -> None:
        """Open the transaction of a multi-statement query or a pipeline."""
        if self.execution.transactions:
            await self.execution.control("begin")
        self.transaction.implicit = True
        self.settings.begin()

    async def commit_implicit(self) -> None:
        """Commit it; raises what the engine raises, the transaction being over all the same."""
        if self.portals:
            await cursors.hold(self)  # what it raises has the transaction rolled back
            self.close_portals()
        self.transaction.end()
        try:
            if self.execution.transactions:
                await self.execution.control("commit")
        except BaseException:
            self.ended(commit=False)
            raise
        self.ended(commit=True)

    def ended(self, *, commit: bool) -> None:
        """The transaction has ended: parameters go back or stay, notifications are sent or forgotten."""
        self.settings.end(commit=commit)
        if self.notifications is not None:
            self.notifications.transaction_ended(commit=commit)

    # -- portals -----------------------------------------------------------------------------------------------------

    def drop_portal(self, name: str) -> None:
        """Close one portal, if it exists."""
        portal = self.portals.pop(name, None)
        if portal is not None:
            self._close_portal(portal)

    def close_portals(self, level: int = 0) -> None:
        """Close the portals made since so many savepoints stood: what they lived in is over. Cursors held beyond it stay, but for -1."""
        portals, self.portals = self.portals, {}
        for name, portal in portals.items():
            if portal.level < level:
                self.portals[name] = portal
            else:
                self._close_portal(portal)

    def _close_portal(self, portal: Portal) -> None:
        try:
            portal.close()
        except (KeyboardInterrupt, GeneratorExit):
            raise
        except BaseException:
            log.exception("session %d: closing a result failed", self.process_id)

    def forget(self) -> None:
        """Let go of what refers to the session: it is gone, and nothing of it runs."""
        del self._protocol, self.execution

    # -- from outside ------------------------------------------------------------------------------------------------

    def starting(self, query: str) -> None:
        """A message that runs ``query`` begins: an older cancel request does not count any more, the time limit starts."""
        transaction = self.transaction
        self.activity.began(query, self.server.query_size, transaction.status != "I" or transaction.implicit)
        self.running = True
        self.hooked = False
        self.offset = 0
        self.cancel_requested = False
        self.execution.cancelled = False
        self._timed_out = False
        if self.settings.timed:
            self._start_timers()

    def _start_timers(self) -> None:
        limit = self.settings.timeouts[0]
        if limit and self._timer is None and self.execution.begun is None:
            self._timer = self.server.loop.call_later(limit, self._time_is_up)
        if self.timeouts is None:
            self.timeouts = SessionTimeouts(self)
        self.timeouts.starting()

    def stop_timers(self) -> None:
        """The session is gone: no time limit counts any more."""
        if self._timer is not None:
            self.ending()
        if self.timeouts is not None:
            self.timeouts.stop()
            self.timeouts = None

    def _time_is_up(self) -> None:
        self._timer = None
        self._timed_out = True
        self.cancel()

    def ending(self) -> None:
        """A statement has ended: its time limit does not count any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _canceled(self) -> PostgresError:
        if self._killed and self._closing is not None:
            return self._closing
        reason = "statement timeout" if self._timed_out else "user request"
        severity = "FATAL" if self.execution.left_for_good and not self.hooked else "ERROR"
        return QueryCanceled(f"canceling statement due to {reason}", severity=severity)

    def cancel(self) -> None:
        """Cancel the statement that runs, if one does (a CancelRequest with the right key came)."""
        if self.running and self._protocol.busy:
            if asked(self.server.hooks.cancel, self) is True and not self._killed:
                return
            self.cancel_requested = True
            self.execution.cancel()
            self._protocol.wake()
            self._protocol.cancel_handler()

    def shut_down(self, error: PostgresError) -> None:
        """End the session as soon as it is between statements."""
        if self._protocol.busy:
            self._closing = error
        else:
            self.terminate(error)

    def kill(self, error: PostgresError) -> None:
        """End the session with a FATAL error, now or as soon as what it runs can be interrupted."""
        if not self._protocol.busy:
            self.terminate(error)
        elif self._protocol.paused:  # the client does not read
            self._protocol.abort()
        else:
            error.severity = "FATAL"
            self._closing = error
            self._killed = True
            self.cancel()

    @property
    def client_address(self) -> tuple[str, int] | None:
        """The client's IP address and port; None for a Unix-domain socket."""
        return self._protocol.peer

    def terminate(self, error: PostgresError) -> None:
        """End the session now with a FATAL error."""
        if self.connection.phase is not Phase.CLOSED:
            error.severity = "FATAL"
            self.connection.send(m.ErrorResponse(error.response_fields()))
        self._protocol.close()


def remote_error(session: Session, error: RemoteProtocolError) -> None:
    """The client broke the protocol: answer, and end the session where PostgreSQL would."""
    raise postgres_error(error.sqlstate, str(error), severity="FATAL" if error.fatal else "ERROR")


def terminate(session: Session, message: m.Terminate) -> None:
    """The client said good-bye."""
    session._protocol.close()


def begun(session: Session, call: Suspended) -> Awaitable[None]:
    """A handler's call that closed the connection goes on; what it returns is not told."""
    return call


_HANDLERS: Final[dict[type, Callable[[Session, Any], Awaitable[None] | None]]] = {
    **extended.HANDLERS,
    m.Query: simple.simple_query,
    m.FunctionCall: function_call,
    m.Terminate: terminate,
    RemoteProtocolError: remote_error,
    Suspended: begun,
}
