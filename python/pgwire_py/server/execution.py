"""How a session runs statements: a handler function on the loop, or a blocking engine on the session's own thread."""

from __future__ import annotations

import asyncio
import inspect
import logging
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

from .. import oids
from ..catalog import Catalog
from ..engines.base import Column, Description, Engine, EngineResult, EngineSession, declared_types
from ..engines.python import PythonEngine, QueryParser
from ..errors import FeatureNotSupported, PostgresError, QueryCanceled, UndefinedParameter, changed_result_type
from .coding import Coding
from .copy_coding import CopyCoding
from .copy_statement import CopyStatement
from .copy_streams import CopyOut, CopyOutcome
from .copying import CopySource, PreparedCopyOut, prepare_copy_out
from .engine_copy import begin_copy_in
from .handler import ParsedQuery, Query, Result
from .plans import Plan
from .results import CHUNK, Chunk, Shape, Source, _Buffered, arrow_source, shape_of, source_of, types_of
from .workers import Worker

if TYPE_CHECKING:
    from .session import Session

__all__ = ["EngineExecution", "Execution", "FunctionExecution"]

log = logging.getLogger("pgwire_py.server")

_AHEAD = 4 * CHUNK
"""Bytes of rows made on a session's thread before they are handed to the loop: each handing over wakes two threads."""
_AHEAD_SECONDS = 0.002
"""How long rows that are ready may wait for others behind them."""
_CANCEL_AGAIN = 0.05
"""Seconds after which a cancel is repeated while its statement goes on: an engine that has not begun yet overlooks it."""


class Execution:
    """What a session runs statements with. The catalogue's statements always run on the session's thread.

    Attributes:
        transactions: begin, commit and rollback work.
        savepoints: savepoint, release and rollback_to work.
        on_loop: statements run on the event loop, not on the thread.
        can_be_left: who waits for the statement may be cancelled; elsewhere the engine ends it.
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

    def __init__(self, context: Session, catalog: Catalog, loop: asyncio.AbstractEventLoop) -> None:
        self._context = context
        self._settings = context.settings
        self._catalog = catalog
        self._loop = loop
        self._worker = Worker(loop, f"pgwire-session-{context.process_id}")
        self._catalogue: EngineSession | None = None
        self._lock = threading.Lock()
        self._running: EngineSession | None = None
        self.cancelled = False
        self.begun: Awaitable[Result] | None = None
        self._closed = False
        self._open: set[_ThreadSource] = set()

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

    async def discard_temp(self) -> None:
        """Drop the temporary tables of the engine's session."""

    async def call_function(
        self, oid: int, arguments: Sequence[bytes | None], formats: Sequence[int], result_format: int
    ) -> bytes | None:
        """Answer FunctionCall (Protocol 55.2.4): an engine's functions have no OIDs to call them by."""
        raise FeatureNotSupported("the function call protocol is not supported")

    def cancel(self) -> None:
        """Interrupt what runs on the thread, if anything does."""
        with self._lock:
            self.cancelled = True
            running = self._running
            if running is not None:
                running.cancel()
                self._loop.call_later(_CANCEL_AGAIN, self._cancel_again, running)

    def call(self, function: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:
        """Call a function on the session's thread."""
        return self._worker.call(function, *args)

    def call_session(self, session: EngineSession, function: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:
        """Call a function that works with ``session``, which a cancel interrupts, on the session's thread."""
        return self._worker.call(self._run, session, function, *args)

    def call_aside(self, function: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:
        """Call a function that touches no session on another thread, beside what runs on the session's."""
        return self._loop.run_in_executor(None, function, *args)

    def call_soon(self, function: Callable[[], Any]) -> None:
        """Call a function on the session's thread without waiting; not at all where the session is over: its end frees everything."""
        if not self._closed:
            self._worker.call(_quietly, function)

    def _cancel_again(self, running: EngineSession) -> None:
        if self.cancelled and self._running is running:
            self.cancel()

    def close(self) -> asyncio.Future[None] | None:
        """Free everything, on the session's thread where there is one; the future ends with it."""
        self._closed = True
        future = self._worker.call(self._close) if self._worker.started else None
        self._worker.close()
        return future

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

    def _run(self, session: EngineSession, function: Callable[..., Any], *args: Any) -> Any:
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
        description: Description = self._run(target, target.describe, plan.statement, declared)
        return description

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
            source = _engine_source(result, description, formats, coding or self._settings.coding)
            if source.shape is None:
                return source
            return _ThreadSource(self, target, source, _read_ahead(source, max_rows))

        done: Source = self._run(target, work)
        return done

    def _close(self) -> None:
        for source in list(self._open):
            try:
                source.close_inner()
            except Exception:  # the session's end must go on
                log.exception("session %d: closing a result failed", self._context.process_id)
        if self._catalogue is not None:
            self._catalogue.close()


class EngineExecution(Execution):
    """Runs statements in a blocking engine."""

    def __init__(self, context: Session, catalog: Catalog, loop: asyncio.AbstractEventLoop, engine: Engine) -> None:
        super().__init__(context, catalog, loop)
        self.transactions = engine.capabilities.transactions
        self.savepoints = engine.capabilities.savepoints
        self.snapshots = engine.capabilities.snapshots
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
            self._run(target, target.execute, part.statement, (), None).close()
        return Source(None)

    def _copy_out(self, session: Callable[[], EngineSession], plan: Plan, how: CopyCoding) -> PreparedCopyOut:
        target = session()
        copy, source = plan.copy, plan.source
        assert copy is not None
        assert source is not None

        def work() -> Source:
            try:
                result = target.execute(source.statement, (), None)
                inner = _engine_source(result, None, how.formats, how.rows)
            except PostgresError as error:
                raise _placed(error, copy) from None
            if inner.shape is None:
                raise FeatureNotSupported("COPY query must have a RETURNING clause")
            try:
                copying = CopySource(inner, how)
                return _ThreadSource(self, target, copying, _read_ahead(copying, 0))
            except BaseException:
                inner.close()
                raise

        made: Source = self._run(target, work)
        assert made.shape is not None
        return PreparedCopyOut(made, len(made.shape.columns), how.binary)

    async def control(self, action: str, *args: Any, **kwargs: Any) -> None:
        def work() -> None:
            session = self._engine_session()
            self._run(session, lambda: getattr(session, action)(*args, **kwargs))

        await self._worker.call(work)

    async def discard_temp(self) -> None:
        def work() -> None:
            session = self._engine_session()
            self._run(session, session.discard_temp)

        await self._worker.call(work)

    def _session_for(self, plan: Plan) -> Callable[[], EngineSession]:
        return self._catalogue_session if plan.catalogue else self._engine_session

    def _engine_session(self) -> EngineSession:
        if self._session is None:
            self._session = self._engine.connect(self._context)
        return self._session

    def _relations(self) -> Sequence[Any]:
        return self._engine_session().relations()

    def _close(self) -> None:
        super()._close()
        if self._session is not None:
            self._session.close()


class FunctionExecution(Execution):
    """Runs statements by calling a function: a coroutine function on the loop, a plain one on the session's thread.

    Attributes:
        function: what answers.
    """

    def __init__(
        self, context: Session, catalog: Catalog, loop: asyncio.AbstractEventLoop, engine: PythonEngine
    ) -> None:
        super().__init__(context, catalog, loop)
        self._engine = engine
        self.function = engine.function
        self.on_loop = self.can_be_left = engine.on_loop
        self.describes_portals = engine.describe_portal is not None
        hooked = engine.describe is not None or engine.describe_portal is not None or engine.parser is not None
        self.is_plain = engine.on_loop and not hooked and not context.server.hooks_queries

    def describes(self, plan: Plan) -> bool:
        return plan.catalogue or self._engine.describe is not None or self._engine.parser is not None

    async def describe(self, plan: Plan, declared: tuple[int, ...]) -> Description:
        if plan.catalogue:
            return await super().describe(plan, declared)
        engine = self._engine
        parser = engine.parser
        parsed = None
        declared = declared_types(declared, max(plan.parameters, len(declared)))
        if parser is not None:
            parsed, declared = await self._parse(parser, plan, declared)
        types = tuple(oid or oids.TEXT for oid in declared)
        if parser is not None and engine.describe is None and type(parser).columns is not QueryParser.columns:
            columns = parser.columns(parsed)
            return Description(types, None if columns is None else tuple(columns), parsed)
        query = self._query(plan, (None,) * len(types), types, parsed, True)
        if engine.describe is None:
            result = await self._call(self.function, query)
            if isinstance(result, CopyOutcome):
                return Description(types, None, parsed)
            source = source_of(result, (), plan, self._settings.coding)
            shape = source.shape
            source.close()
            return Description(types, None if shape is None else shape.columns, parsed)
        description = await self._call(engine.describe, query)
        if isinstance(description, Description):
            return description if description.parsed is not None else description._replace(parsed=parsed)
        return Description(types, None if description is None else tuple(description), parsed)

    async def describe_portal(
        self, plan: Plan, parameters: tuple[object, ...], description: Description
    ) -> tuple[Column, ...] | None:
        query = self._query(plan, parameters, description.parameter_types, description.parsed, True)
        assert self._engine.describe_portal is not None
        columns = await self._call(self._engine.describe_portal, query)
        return None if columns is None else tuple(columns)

    async def _parse(
        self, parser: QueryParser[Any], plan: Plan, declared: tuple[int, ...]
    ) -> tuple[Any, tuple[int, ...]]:
        parsed = await self._call(parser.parse, plan.text, declared, self._context)
        types = tuple(parser.parameter_types(parsed))
        own = declared_types(
            declared, len(types)
        )  # what the client declared stays: it is what its values are encoded by
        return parsed, tuple([mine or theirs for mine, theirs in zip(own, types, strict=True)])

    def _query(
        self,
        plan: Plan,
        parameters: tuple[object, ...],
        types: tuple[int, ...],
        parsed: object,
        describing: bool = False,
    ) -> Query:
        if parsed is None:
            return Query(plan.text, parameters, types, self._context, describing)
        return ParsedQuery(plan.text, parameters, types, self._context, describing, parsed)

    def execute(
        self,
        plan: Plan,
        parameters: tuple[object, ...],
        description: Description | None,
        formats: tuple[int, ...],
        max_rows: int,
        coding: Coding | None = None,
    ) -> Awaitable[Source | Result | CopyOutcome]:
        if plan.catalogue:
            return super().execute(plan, parameters, description, formats, max_rows, coding)
        if self.begun is not None:
            begun, self.begun = self.begun, None
            return begun
        types = () if description is None else description.parameter_types
        parsed = None if description is None else description.parsed
        if parsed is None and self._engine.parser is not None:
            return self._parse_and_run(self._engine.parser, plan, parameters, formats, coding)
        return self._run_query(self._query(plan, parameters, types, parsed), formats, plan, coding)

    async def _parse_and_run(
        self,
        parser: QueryParser[Any],
        plan: Plan,
        parameters: tuple[object, ...],
        formats: tuple[int, ...],
        coding: Coding | None,
    ) -> Source | Result | CopyOutcome:
        parsed, types = await self._parse(parser, plan, ())
        if len(types) != len(parameters):
            raise UndefinedParameter(f"the statement takes {len(types)} parameters, which the simple protocol has not")
        return await self._run_query(self._query(plan, parameters, types, parsed), formats, plan, coding)

    def _run_query(
        self, query: Query, formats: tuple[int, ...], plan: Plan, coding: Coding | None
    ) -> Awaitable[Source | Result | CopyOutcome]:
        if self.on_loop:
            outcome: Awaitable[Source | Result | CopyOutcome] = self.function(query)
            return outcome
        return self._on_thread(query, formats, plan, coding)

    async def _on_thread(
        self, query: Query, formats: tuple[int, ...], plan: Plan, coding: Coding | None
    ) -> Source | CopyOutcome:
        left = False

        def call() -> Any:
            if left:  # while it waited for the thread
                raise QueryCanceled("canceling statement due to user request")
            return self.function(query)

        self.can_be_left = True
        try:
            outcome = await self._worker.call(call)
        except asyncio.CancelledError:
            left = True
            raise
        finally:
            self.can_be_left = False
        if isinstance(outcome, CopyOutcome):
            return self._copy_on_thread(outcome, plan)
        source = source_of(outcome, formats, plan, coding or self._settings.coding)
        return source if source.shape is None else _ThreadSource(self, None, source, [])

    async def control(self, action: str, *args: Any, **kwargs: Any) -> None:
        if self._engine.transaction is not None:
            await self._call(self._engine.transaction, self._context, action, *args)

    def _copy_on_thread(self, outcome: CopyOutcome, plan: Plan) -> CopyOutcome:
        """A COPY whose rows are read on the thread, where they are not asynchronous."""
        if (
            not isinstance(outcome, CopyOut)
            or hasattr(outcome.rows, "__aiter__")
            or hasattr(outcome.chunks, "__aiter__")
        ):
            return outcome
        prepared = prepare_copy_out(outcome, plan, self._settings.coding)
        prepared.source = _ThreadSource(self, None, prepared.source, [])
        return prepared

    async def call_function(
        self, oid: int, arguments: Sequence[bytes | None], formats: Sequence[int], result_format: int
    ) -> bytes | None:
        function = self._engine.function_call
        if function is None:
            return await super().call_function(oid, arguments, formats, result_format)
        value: bytes | None = await self._call(function, self._context, oid, arguments, formats, result_format)
        return value

    async def _call(self, function: Callable[..., Any], *args: Any) -> Any:
        if inspect.iscoroutinefunction(function) or (function is self.function and self.on_loop):
            return await function(*args)
        return await self._worker.call(function, *args)


class _FetchSource(_Buffered):
    """Rows that an engine's result gives batch by batch."""

    __slots__ = ("_result",)

    def __init__(self, shape: Shape, result: EngineResult) -> None:
        super().__init__(shape, (), result.affected, None)
        self._result = result

    def read(self, max_rows: int) -> Chunk:
        if self._position >= len(self._rows):
            self._rows = self._result.fetch(self._wanted(max_rows))
            self._position = 0
            if not self._rows:
                return b"", 0, True
        data, count = self._encode(max_rows)
        return data, count, False

    def close(self) -> None:
        self._rows = ()
        self._result.close()


class _EngineArrowSource(Source):
    """Rows of an engine's Arrow result: closing gives up the result as well."""

    __slots__ = ("_inner", "_result")

    def __init__(self, inner: Source, result: EngineResult) -> None:
        super().__init__(inner.shape, result.affected)
        self._inner = inner
        self._result = result

    def read(self, max_rows: int) -> Any:
        try:
            return self._inner.read(max_rows)
        except PostgresError as error:
            raise _explained(self._result, error) from error

    def close(self) -> None:
        self._inner.close()
        self._result.close()


class _ThreadSource(Source):
    """A source that is read on the session's thread, several chunks at a time; the first came with the execution."""

    __slots__ = ("_ended", "_execution", "_inner", "_ready", "_target")

    def __init__(self, execution: Execution, target: EngineSession | None, inner: Source, first: list[Chunk]) -> None:
        super().__init__(inner.shape, inner.affected, inner.tag)
        self._execution = execution
        self._target = target
        self._inner = inner
        self._ready = deque(first)
        self._ended = bool(first) and first[-1][2]
        if self._ended:
            inner.close()
        else:
            execution._open.add(self)

    def read(self, max_rows: int) -> Chunk | Awaitable[Chunk]:
        return self._ready.popleft() if self._ready else self._fill(max_rows)

    async def _fill(self, max_rows: int) -> Chunk:
        self._ready.extend(await self._execution._worker.call(self._read, max_rows))
        return self._ready.popleft()

    def _read(self, max_rows: int) -> list[Chunk]:
        if self._ended:
            return [(b"", 0, True)]
        if self._target is None:
            chunks = _read_ahead(self._inner, max_rows)
        else:
            chunks = self._execution._run(self._target, _read_ahead, self._inner, max_rows)
        if chunks[-1][2]:
            self.close_inner()
        return chunks

    def close(self) -> None:
        self._ready.clear()
        if not self._ended and not self._execution._closed:
            self._execution._worker.call(self.close_inner)

    def close_inner(self) -> None:
        """Give up the rest; on the session's thread."""
        if not self._ended:
            self._ended = True
            self._execution._open.discard(self)
            self._inner.close()


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


def _explained(result: EngineResult, error: PostgresError) -> PostgresError:
    """What the engine says of an error that came up in reading its stream, which tells the text only."""
    return result.explain(error) if error.sqlstate == "XX000" else error


def _read_ahead(source: Source, max_rows: int) -> list[Chunk]:
    """The next chunks, at least one, until there is enough of them, rows would have to wait, or the source ends."""
    until = time.monotonic() + _AHEAD_SECONDS
    chunks: list[Chunk] = []
    size = rows = 0
    while True:
        chunk: Any = source.read(max_rows and max_rows - rows)
        chunks.append(chunk)
        size += len(chunk[0])
        rows += chunk[1]
        if chunk[2] or size >= _AHEAD or (max_rows and rows >= max_rows) or time.monotonic() >= until:
            return chunks


def _engine_source(
    result: EngineResult, description: Description | None, formats: tuple[int, ...], coding: Coding
) -> Source:
    described = None if description is None else description.columns
    if result.arrow is not None:
        try:
            source = arrow_source(result.arrow, formats, described or result.columns, coding)
        except PostgresError as error:
            result.close()
            raise _explained(result, error) from error
        return _EngineArrowSource(source, result)
    if result.columns is None:
        return Source(None, result.affected)
    if described is not None and types_of(described) != types_of(result.columns):
        result.close()
        raise changed_result_type()
    return _FetchSource(shape_of(tuple(result.columns), formats, coding), result)
