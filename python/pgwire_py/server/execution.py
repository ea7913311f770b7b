"""How a session runs statements, here in a blocking engine on the session's own thread; in a function: ``function_execution.py``."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from ..catalog import Catalog
from ..engines.base import Column, Description, Engine, EngineSession
from ..errors import FeatureNotSupported, InternalError, PostgresError, QueryCanceled
from .coding import Coding
from .copy_coding import CopyCoding
from .copy_statement import CopyStatement
from .copy_streams import CopyOutcome
from .copying import CopySource, PreparedCopyOut
from .descriptions import checked_description
from .engine_copy import begin_copy_in
from .engine_sources import ThreadSource, engine_source, read_ahead
from .handler import Result
from .plans import Plan
from .results import Source
from .workers import Worker

if TYPE_CHECKING:
    from .session import Session

__all__ = ["EngineExecution", "Execution"]

log = logging.getLogger("pgwire_py.server")

ENDS: Final = frozenset({"commit", "rollback", "rollback_to", "release"})
"""What ends a transaction or a part of one. The session's is over when that begins: no cancel may keep the engine's open."""
_CANCEL_AGAIN = 0.05
"""Seconds after which a cancel is repeated while its statement goes on: an engine that has not begun yet overlooks it."""


class Execution:
    """What a session runs statements with. The catalogue's statements always run on the session's thread.

    Attributes:
        transactions: begin, commit and rollback work.
        savepoints: savepoint, release and rollback_to work.
        on_loop: statements run on the event loop, not on the thread.
        can_be_left: who waits for the statement may be cancelled; elsewhere the engine ends it.
        exact_intervals: intervals with months come as text, where Python's timedelta is not the same.
        left_for_good: a session whose statement was left has ended: what the engine still does cannot be told from what comes next.
        is_plain: all there is to a statement is one call of a coroutine function.
        snapshots: what is written later does not show in a result that is open, or nobody can say.
        describes_portals: describe_portal can tell the columns without running the statement.
        cancelled: what runs on the thread, or is about to, is to end with 57014; reset by who starts the next statement.
        begun: what the next call of execute returns: its statement was begun ahead (``short.py``).
    """

    transactions = True
    savepoints = True
    on_loop = False
    can_be_left = False
    is_plain = False
    snapshots = True
    describes_portals = False
    left_for_good = False
    exact_intervals = False

    def __init__(self, context: Session, catalog: Catalog, loop: asyncio.AbstractEventLoop) -> None:
        self._context = context
        self._settings = context.settings
        self._catalog = catalog
        self._loop = loop
        self._worker = Worker(loop, context.process_id)
        self._catalogue: EngineSession | None = None
        self._lock = threading.Lock()
        self._running: EngineSession | None = None
        self._interrupting = False
        self._again: asyncio.TimerHandle | None = None
        self.cancelled = False
        self.begun: Awaitable[Result] | None = None
        self._closed = False
        self._open: set[ThreadSource] = set()

    def describes(self, plan: Plan) -> bool:
        """Whether describe can tell the columns without running the statement."""
        return True

    async def connect(self) -> None:
        """Open what the session needs; raises PostgresError where the engine refuses."""

    async def describe(self, plan: Plan, declared: tuple[int, ...]) -> Description:
        """Parameter types and columns of a statement, without running it."""
        return await self._worker.call(self._describe, self._session_for(plan), plan, declared)

    async def describe_portal(
        self, plan: Plan, parameters: tuple[object, ...], description: Description
    ) -> tuple[Column, ...] | None:
        """The columns of a statement whose parameters are bound, where that is a hook of its own."""
        raise NotImplementedError

    def execute(
        self,
        plan: Plan,
        parameters: tuple[object, ...],
        description: Description | None,
        formats: tuple[int, ...],
        max_rows: int,
        coding: Coding | None = None,
    ) -> Awaitable[Source | Result | CopyOutcome]:
        """Run a statement; the Source of its rows, the Result that a handler returned, or the COPY that begins.

        Rows are encoded by ``coding``, where none is given by the session's.
        """
        session = self._session_for(plan)
        return self._worker.call(self._execute, session, plan, parameters, description, formats, max_rows, coding)

    async def control(self, action: str, *args: Any, **kwargs: Any) -> None:
        """Call a transaction method of the engine's session: begin, commit, rollback, savepoint, release, rollback_to."""

    async def resume(self) -> None:
        """Let an engine without savepoints go on in its transaction behind an error."""

    async def discard_temp(self) -> None:
        """Drop the temporary tables of the engine's session."""

    async def call_function(
        self, oid: int, arguments: Sequence[bytes | None], formats: Sequence[int], result_format: int
    ) -> bytes | None:
        """Answer FunctionCall (Protocol 55.2.4): an engine's functions have no OIDs to call them by."""
        raise FeatureNotSupported("the function call protocol is not supported")

    def cancel(self, again: float = _CANCEL_AGAIN) -> None:
        """Interrupt what runs on the session's thread, or is about to, if anything does. An engine's ``cancel`` may block or raise: it is
        called on a thread of its own, and ``again`` after so many seconds where the statement goes on."""
        self.cancelled = True
        if not self._worker.pending:
            return
        if not self._interrupting:
            self._interrupting = True
            try:
                threading.Thread(target=self._interrupt, name=f"{self._worker.name}-cancel", daemon=True).start()
            except RuntimeError as error:  # the system has no more threads now
                self._interrupting = False
                log.error("session %d: the engine's cancel was not called: %s", self._context.process_id, error)
        if self._again is None:
            self._again = self._loop.call_later(again, self._cancel_again, min(again * 2, 1.0))

    def _interrupt(self) -> None:
        try:
            with self._lock:
                if self.cancelled and self._running is not None:
                    self._running.cancel()
        except BaseException:  # there is nobody to tell
            log.exception("session %d: the engine's cancel raised", self._context.process_id)
        finally:
            self._interrupting = False

    def _cancel_again(self, again: float) -> None:
        self._again = None
        if self.cancelled:
            self.cancel(again)

    def call(self, function: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:
        """Call a function on the session's thread."""
        return self._worker.call(function, *args)

    def call_session(self, session: EngineSession, function: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:
        """Call a function that works with ``session``, which a cancel interrupts, on the session's thread."""
        return self._worker.call(self.interruptible, session, function, *args)

    def call_aside(self, function: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:
        """Call a function that touches no session on another thread, beside what runs on the session's."""
        return self._loop.run_in_executor(None, function, *args)

    def call_soon(self, function: Callable[[], Any]) -> None:
        """Call a function on the session's thread without waiting; not at all where the session is over: its end frees everything."""
        if not self._closed:
            self._worker.call(_quietly, function)

    def close(self) -> asyncio.Future[None] | None:
        """Free everything, on the session's thread where there is one; the future ends with it."""
        self._closed = True
        if not self._worker.started:
            return None
        future = self._worker.call(self._close)
        self._worker.close()
        return future

    def give_up(self, source: Source) -> None:
        """Close a source that is read, or not wanted any more: that this fails changes nothing for the client."""
        try:
            source.close()
        except BaseException:
            log.exception("session %d: closing a result failed", self._context.process_id)

    def _session_for(self, plan: Plan) -> Callable[[], EngineSession]:
        """What gives, on the thread, the session that answers a statement."""
        return self._catalogue_session

    # -- on the thread -----------------------------------------------------------------------------------------------

    def _relations(self) -> Sequence[Any]:
        return ()

    def _catalogue_session(self) -> EngineSession:
        if self._catalogue is None:
            self._catalogue = self._catalog.connect(self._context, self._relations)
        return self._catalogue

    def interruptible(self, session: EngineSession, function: Callable[..., Any], *args: Any) -> Any:
        """Call a function that works with ``session``, which a cancel interrupts; raises 57014 where that came before."""
        with self._lock:
            if self.cancelled:
                raise QueryCanceled("canceling statement due to user request")
            self._running = session
        try:
            return function(*args)
        finally:
            with self._lock:
                self._running = None

    def _describe(self, session: Callable[[], EngineSession], plan: Plan, declared: tuple[int, ...]) -> Description:
        target = session()
        description: Description = self.interruptible(target, target.describe, plan.statement, declared)
        return checked_description(description, declared)

    def _execute(
        self,
        session: Callable[[], EngineSession],
        plan: Plan,
        parameters: tuple[object, ...],
        description: Description | None,
        formats: tuple[int, ...],
        max_rows: int,
        coding: Coding | None,
    ) -> Source:
        target = session()

        def work() -> Source:
            result = target.execute(plan.statement, parameters, description)
            source = engine_source(result, description, formats, coding or self._settings.coding)
            if source.shape is None:
                return source
            try:
                return ThreadSource(self, target, source, read_ahead(source, max_rows))
            except BaseException:
                self.give_up(source)
                raise

        done: Source = self.interruptible(target, work)
        return done

    def _close(self) -> None:
        for source in list(self._open):
            source.close_inner()
        if self._catalogue is not None:
            self._catalogue.close()


class EngineExecution(Execution):
    """Runs statements in a blocking engine."""

    def __init__(self, context: Session, catalog: Catalog, loop: asyncio.AbstractEventLoop, engine: Engine) -> None:
        super().__init__(context, catalog, loop)
        self.transactions = engine.capabilities.transactions
        self.savepoints = engine.capabilities.savepoints
        self.snapshots = engine.capabilities.snapshots
        self.exact_intervals = engine.capabilities.exact_intervals
        self.can_be_left = self.left_for_good = engine.capabilities.cancel == "soft"
        self._engine = engine
        self._session: EngineSession | None = None

    async def connect(self) -> None:
        await self._worker.call(self._engine_session)

    def execute(
        self,
        plan: Plan,
        parameters: tuple[object, ...],
        description: Description | None,
        formats: tuple[int, ...],
        max_rows: int,
        coding: Coding | None = None,
    ) -> Awaitable[Source | Result | CopyOutcome]:
        copy = plan.copy
        if plan.parts:
            return self._worker.call(self._execute_parts, plan)
        if copy is None:
            return super().execute(plan, parameters, description, formats, max_rows, coding)
        session = self._context
        how = CopyCoding(copy.options, copy.encoded, self._settings.coding, session.server_version)
        if plan.source is not None:
            return self._worker.call(self._copy_out, self._session_for(plan.source), plan, how)
        return self._worker.call(begin_copy_in(self, self._engine_session, copy, how))

    def _execute_parts(self, plan: Plan) -> Source:
        target = self._engine_session()
        for part in plan.parts:
            self.interruptible(target, target.execute, part.statement, (), None).close()
        return Source(None)

    def _copy_out(self, session: Callable[[], EngineSession], plan: Plan, how: CopyCoding) -> PreparedCopyOut:
        target = session()
        copy, source = plan.copy, plan.source
        assert copy is not None
        assert source is not None

        def work() -> Source:
            try:
                result = target.execute(source.statement, (), None)
                inner = engine_source(result, None, how.formats, how.rows)
            except PostgresError as error:
                raise _placed(error, copy) from None
            if inner.shape is None:
                raise FeatureNotSupported("COPY query must have a RETURNING clause")
            try:
                copying = CopySource(inner, how)
                return ThreadSource(self, target, copying, read_ahead(copying, 0))
            except BaseException:
                self.give_up(inner)
                raise

        made: Source = self.interruptible(target, work)
        assert made.shape is not None
        return PreparedCopyOut(made, len(made.shape.columns), how.binary)

    async def control(self, action: str, *args: Any, **kwargs: Any) -> None:
        def work() -> None:
            session = self._engine_session()
            act = partial(getattr(session, action), *args, **kwargs)
            if action == "commit":
                try:
                    self.interruptible(session, act)
                except BaseException:
                    with suppress(Exception):  # the engine may have ended it itself
                        session.rollback()
                    raise
            elif action in ENDS:
                act()
            else:
                self.interruptible(session, act)

        await self._worker.call(work)

    async def resume(self) -> None:
        await self._worker.call(lambda: self._engine_session().resume())

    async def discard_temp(self) -> None:
        def work() -> None:
            session = self._engine_session()
            self.interruptible(session, session.discard_temp)

        await self._worker.call(work)

    def _session_for(self, plan: Plan) -> Callable[[], EngineSession]:
        return self._catalogue_session if plan.catalogue else self._engine_session

    def _engine_session(self) -> EngineSession:
        if self._session is None:
            session = self._engine.connect(self._context)
            if not isinstance(session, EngineSession):
                raise InternalError(f"the engine's connect returned {type(session).__name__}, not an EngineSession")
            self._session = session
        return self._session

    def _relations(self) -> Sequence[Any]:
        return self._engine_session().relations()

    def _close(self) -> None:
        super()._close()
        if self._session is not None:
            self._session.close()


def _quietly(function: Callable[[], Any]) -> None:
    try:
        function()
    except Exception:  # what is given up may be broken already
        log.debug("giving up a COPY failed", exc_info=True)


def _placed(error: PostgresError, copy: CopyStatement) -> PostgresError:
    """An error in the query of a COPY, its position counted from the beginning of the COPY."""
    position = error.fields.pop("position", None)
    if copy.query and position is not None and position.isdecimal():
        error.fields["position"] = str(int(position) + copy.query_start)
    return error
