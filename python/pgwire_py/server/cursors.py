"""SQL cursors: DECLARE, FETCH, MOVE and CLOSE over portals, of the same namespace as the protocol's (PostgreSQL, SQL commands).

The query of a cursor starts at DECLARE, and its rows are read as FETCH asks for them. Rows are put aside (``row_store.py``) where they
will be wanted again, SCROLL; where the cursor outlives its transaction, WITH HOLD; and before the session writes, since what it writes
must not show in a cursor that is open. Positions move as in PostgreSQL's pquery.c.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Final

from .._impl import RowDecoder
from ..errors import (
    DuplicateCursor,
    FeatureNotSupported,
    InvalidCursorName,
    NoActiveSQLTransaction,
    ObjectNotInPrerequisiteState,
    ProgramLimitExceeded,
    postgres_error,
)
from ..state import Phase
from . import session_commands as c
from .copy_streams import CopyOutcome
from .handler import Result
from .plans import Plan
from .portals import Portal, PreparedStatement
from .prepared import CommandSource, inner_plan
from .results import Chunk, Shape, Source, check_formats, shape_of, types_of
from .row_store import RowStore, row_offsets

if TYPE_CHECKING:
    from .session import Session

__all__ = ["MAX_KEPT", "MAX_PORTALS", "MAX_UNASKED", "RUN", "Cursor", "CursorSource", "cursor_rows", "hold", "settle"]

MAX_PORTALS: Final = 1_000
"""Portals, cursors among them, that a session can hold."""

MAX_KEPT: Final = 1024 * 1024 * 1024
"""Bytes of rows that a cursor keeps, in a temporary file, for SCROLL, WITH HOLD or a write beside it."""

MAX_UNASKED: Final = 64 * 1024 * 1024
"""Bytes of rows read up to which a cursor that was declared neither SCROLL nor NO SCROLL can go back."""


class Cursor(Portal):
    """A portal that DECLARE made."""

    __slots__ = ("binary", "created", "holds", "text")

    def __init__(self, statement: PreparedStatement, parameters: tuple[object, ...], command: c.Declare) -> None:
        super().__init__(statement, parameters, ())
        self.text = command.text
        self.binary = command.binary
        self.holds = command.hold
        self.created = datetime.now(timezone.utc)

    def close(self) -> None:
        self.done = False  # what was put aside is freed also when the rows have ended
        super().close()


class CursorSource(Source):
    """The rows of a portal in which FETCH and MOVE move about.

    ``position`` counts as PostgreSQL's portalPos: the row that the cursor is on, from 1; 0 before the first; the last one's behind it.

    Args:
        session: whose portal it is.
        inner: the rows as the engine gives them.
        scroll: whether it can go back; None: while what was read is no more than MAX_UNASKED.

    Attributes:
        failed: a FETCH ended in an error: no other can follow.
    """

    __slots__ = ("_at_end", "_at_start", "_inner", "_position", "_session", "_store", "failed", "scroll")

    def __init__(self, session: Session, inner: Source, scroll: bool | None) -> None:
        super().__init__(inner.shape, inner.affected, inner.tag)
        self._session = session
        self._inner: Source | None = inner
        self._store: RowStore | None = None
        self._position = 0
        self._at_start = True
        self._at_end = False
        self.scroll = scroll
        self.failed = False

    # -- reading forward ---------------------------------------------------------------------------------------------

    async def read(self, max_rows: int) -> Chunk:
        """What the protocol's Execute reads."""
        if self._at_end:
            return b"", 0, True
        data, rows, done = await self._next(max_rows)
        if rows:
            self._at_start = False
        if done and (not max_rows or rows < max_rows):
            self._at_end = True
        return data, rows, done

    async def _next(self, limit: int) -> Chunk:
        """Rows behind the position, ``limit`` at most (0: any number), which it moves."""
        store = self._store
        data: bytes | memoryview
        if store is not None and self._position < store.end:
            stop = store.end if not limit else min(store.end, self._position + limit)
            data, rows = store.read(self._position, stop)
            self._position += rows
            return data, rows, self._inner is None and self._position == store.end
        if self._inner is None:
            return b"", 0, True
        data, rows, done = await self._take(limit)
        if self.scroll is not False:
            self._keep(data, rows)
        self._position += rows
        return data, rows, done

    async def _take(self, limit: int) -> Chunk:
        assert self._inner is not None
        chunk: Any = self._inner.read(limit)
        if chunk.__class__ is not tuple:
            chunk = await chunk
        if chunk[2]:
            self._inner.close()
            self._inner = None
        return chunk  # type: ignore[no-any-return]

    def _keep(self, data: bytes | memoryview, rows: int) -> None:
        store = self._store
        if store is None:
            store = self._store = RowStore(self._position)
        if self.scroll is None and store.size + len(data) > MAX_UNASKED:
            store.close()
            self._store = None
            self.scroll = False
            return
        self._put(store, data, rows)

    def _put(self, store: RowStore, data: bytes | memoryview, rows: int) -> None:
        if store.size + len(data) > MAX_KEPT:
            raise postgres_error(
                "53400",
                f"the rows kept for a cursor exceed {MAX_KEPT} bytes",
                hint="Declare the cursor NO SCROLL and WITHOUT HOLD, or read it before writing.",
            )
        store.append(data, rows)

    async def pause(self) -> None:
        """Between two pieces of a way that gives the client nothing."""
        await self._session.pause()

    async def settle(self) -> None:
        """Put the rest of the rows aside: nothing is read of the engine any more."""
        while self._inner is not None:
            store = self._store
            if store is None:
                store = self._store = RowStore(self._position)
            data, rows, _ = await self._take(0)
            self._put(store, data, rows)
            await self.pause()

    # -- moving ------------------------------------------------------------------------------------------------------

    async def fetch(
        self, direction: str, count: int | None, give: bool
    ) -> AsyncIterator[tuple[bytes | memoryview, int]]:
        """The rows that FETCH gives (for MOVE: how many it passes), piece by piece; ``count`` None is ALL."""
        if direction == "absolute":
            assert count is not None
            if count > 0:
                if count <= self._position + self._at_end:
                    self._rewind()
                await self._pass(True, count - 1 - self._position)
                forward, count = True, 1
            elif count < 0:
                await self._pass(True, None)
                await self._pass(False, -count - 1)
                forward, count = False, 1
            else:
                self._rewind()
                forward = True
        elif direction == "relative":
            assert count is not None
            forward = count >= 0
            await self._pass(forward, abs(count) - 1)
            count = min(abs(count), 1)
        else:
            forward = direction == "forward"
            if count is not None and count < 0:
                forward, count = not forward, -count
        if count == 0 and direction != "absolute":
            if not self._at_start and not self._at_end:  # the row it is on once more
                if not give:
                    yield b"", 1
                    return
                await self._pass(False, 1)
                count, forward = 1, True
            else:
                forward = True
        if not forward and count is None and not give:
            passed = self._position - (self._position > 0 and not self._at_end)
            self._rewind()
            yield b"", passed
            return
        async for piece in self._select(forward, count):
            yield piece

    async def _pass(self, forward: bool, count: int | None) -> None:
        if count is None or count > 0:
            async for _ in self._select(forward, count):
                await self.pause()

    def _rewind(self) -> None:
        if self._at_start and not self._at_end:
            return
        self._check_scroll()
        self._at_start, self._at_end, self._position = True, False, 0

    def _check_scroll(self) -> None:
        if self.scroll is False:
            raise ObjectNotInPrerequisiteState(
                "cursor can only scan forward", hint="Declare it with SCROLL option to enable backward scan."
            )

    async def _select(self, forward: bool, count: int | None) -> AsyncIterator[tuple[bytes | memoryview, int]]:
        """Move over ``count`` rows (None: all) and give them."""
        if not forward:
            async for piece in self._select_back(count):
                yield piece
            return
        if self._at_end or count == 0:
            return
        left = count
        while left is None or left:
            data, rows, done = await self._next(left or 0)
            if rows:
                self._at_start = False
                left = None if left is None else left - rows
                yield data, rows
            if done:
                break
        if left is None or left:
            self._at_end = True

    async def _select_back(self, count: int | None) -> AsyncIterator[tuple[bytes, int]]:
        self._check_scroll()
        if self._at_start or count == 0:
            return
        if self._at_end and self._position:
            self._position += 1
        before = max(self._position - 1, 0)
        stop = before if count is None else min(count, before)
        end = before - stop
        self._at_end = self._at_end and not before
        while before > end:
            assert self._store is not None
            data, rows = self._store.read_back(end, before)
            before -= rows
            self._position = before + 1
            yield data, rows
        if count is None or stop < count:
            self._at_start, self._position = True, 0

    def close(self) -> None:
        if self._inner is not None:
            self._inner.close()
            self._inner = None
        if self._store is not None:
            self._store.close()
            self._store = None


class _Fetched(CommandSource):
    """What FETCH (``give``) or MOVE returns."""

    __slots__ = ("_cursor", "_first", "_pieces", "_rest")

    def __init__(self, cursor: CursorSource, shape: Shape, command: c.Fetch) -> None:
        super().__init__(shape if command.give else None, None, None)
        self._cursor = cursor
        self._first: tuple[bytes | memoryview, int] | None = None
        self._pieces = cursor.fetch(command.direction, command.count, command.give)
        self._rest: tuple[bytes, list[int]] | None = None

    def tag_for(self, rows: int) -> str:
        return f"FETCH {rows}"

    async def run(self) -> None:
        """Do all of it, for MOVE."""
        passed = 0
        while (piece := await self._next()) is not None:
            passed += piece[1]
            await self._cursor.pause()
        self.tag = f"MOVE {passed}"

    async def start(self) -> None:
        """Fetch the first rows: an error comes before RowDescription."""
        self._first = await self._next()

    async def _next(self) -> tuple[bytes | memoryview, int] | None:
        self._cursor.failed = True
        piece = await anext(self._pieces, None)
        self._cursor.failed = False
        return piece

    async def read(self, max_rows: int) -> Chunk:
        if self._rest is None:
            piece, self._first = self._first, None
            piece = piece or await self._next()
            if piece is None:
                return b"", 0, True
            data, rows = piece
            data = self._converted(data)
            if not max_rows or rows <= max_rows:
                return data, rows, False
            data = bytes(data)
            self._rest = data, row_offsets(data)
        data, offsets = self._rest
        count = min(max_rows or len(offsets), len(offsets) - 1)
        self._rest = (data, offsets[count:]) if count < len(offsets) - 1 else None
        return data[offsets[0] : offsets[count]], count, False

    def _converted(self, data: bytes | memoryview) -> bytes | memoryview:
        """The rows in the formats asked for, where these are others than the cursor's."""
        made, shape = self._cursor.shape, self.shape
        assert made is not None
        assert shape is not None
        width = len(shape.columns)
        if check_formats(made.requested, width) == check_formats(shape.requested, width):
            return data
        rows = RowDecoder(types_of(made.columns), made.requested).decode(data)
        converted: bytes | memoryview = shape.encoder.encode(rows, 0, MAX_KEPT)[0]
        return converted

    def close(self) -> None:
        self._rest = None


# -- the commands ----------------------------------------------------------------------------------------------------


def add_portal(session: Session, name: str) -> None:
    """Raise 42P03 where the session has a portal of that name, 54000 where it has too many."""
    if name in session.portals:
        raise DuplicateCursor(f'cursor "{name}" already exists')
    if len(session.portals) >= MAX_PORTALS:
        raise ProgramLimitExceeded(f"a session cannot hold more than {MAX_PORTALS} portals")


def _find(session: Session, name: str) -> Portal:
    portal = session.portals.get(name)
    if portal is None:
        raise InvalidCursorName(f'cursor "{name}" does not exist')
    return portal


async def _declare(session: Session, plan: Plan, command: c.Declare, how: c.Invocation) -> Source:
    transaction = session.transaction
    if not command.hold and not transaction.open:
        raise NoActiveSQLTransaction("DECLARE CURSOR can only be used in transaction blocks")
    inner = inner_plan(session, plan, command.body, command.offset)
    if inner.command is not None or not inner.reads:
        raise FeatureNotSupported("DECLARE CURSOR must not contain data-modifying statements in WITH")
    add_portal(session, command.name)
    types = () if how.description is None else how.description.parameter_types
    statement = PreparedStatement(inner, types)
    if session.execution.describes(inner):
        statement.description = await session.execution.describe(inner, types)
        statement.version = session.server.schema_version
    portal = Cursor(statement, how.parameters, command)
    outcome = await session.start(inner, how.parameters, statement.description, portal.formats, 1, True)
    source = portal.open(outcome, session.settings.coding)
    if source.shape is None:
        source.close()
        raise postgres_error("42P11", "DECLARE CURSOR needs a statement that returns rows")
    portal.source = CursorSource(session, source, command.scroll)
    portal.level = len(transaction.savepoints)
    session.portals[command.name] = portal
    if not transaction.open:
        try:
            await hold(session)
        except BaseException:
            session.drop_portal(command.name)
            raise
    return Source(None, None, command.tag)


async def _fetch(session: Session, plan: Plan, command: c.Fetch, how: c.Invocation) -> Source:
    portal = _find(session, command.name)
    source = await _moving(session, command.name, portal)
    shape = source.shape
    assert shape is not None
    formats = how.formats
    if isinstance(portal, Cursor) and portal.binary and session.connection.phase is Phase.SIMPLE:
        formats = (1,)
    fetched = _Fetched(source, shape_of(shape.columns, formats, session.settings.coding), command)
    portal.done = False
    await (fetched.start() if command.give else fetched.run())
    return fetched


async def _moving(session: Session, name: str, portal: Portal) -> CursorSource:
    """The portal's rows as FETCH needs them; a portal of the protocol's is started where it was not yet."""
    source = portal.source
    if isinstance(source, CursorSource):
        if source.failed:
            raise ObjectNotInPrerequisiteState(f'portal "{name}" cannot be run')
        return source
    plan = portal.statement.plan
    if plan is None or plan.command is not None or plan.copy is not None or not plan.reads:
        raise ObjectNotInPrerequisiteState("FETCH works on the portal of a query only")
    if source is None:
        statement = portal.statement
        outcome: Source | Result | CopyOutcome = await session.start(
            plan, portal.parameters, statement.description, portal.formats, 1, True
        )
        source = portal.open(outcome, session.settings.coding)
    if source.shape is None:
        raise ObjectNotInPrerequisiteState("FETCH works on the portal of a query only")
    portal.source = moving = CursorSource(session, source, False)
    return moving


async def _close(session: Session, plan: Plan, command: c.CloseCursor, how: c.Invocation) -> Source:
    if command.name is None:
        session.close_portals(-1)
    else:
        _find(session, command.name)
        session.drop_portal(command.name)
    return Source(None, None, command.tag)


RUN: Final[dict[type, Callable[[Session, Plan, Any, c.Invocation], Awaitable[Source]]]] = {
    c.Declare: _declare,
    c.Fetch: _fetch,
    c.CloseCursor: _close,
}

# -- what else the session layer does with them ----------------------------------------------------------------------


async def hold(session: Session) -> None:
    """The transaction is about to be committed: cursors WITH HOLD that it made are read to their end and live on."""
    for portal in list(session.portals.values()):
        source = portal.source
        if not isinstance(portal, Cursor) or not portal.holds or portal.level < 0:
            continue
        if isinstance(source, CursorSource) and not source.failed:
            await source.settle()
            portal.level = -1


async def settle(session: Session) -> None:
    """The session is about to write: what is open keeps the rows as they are now."""
    for portal in list(session.portals.values()):
        source = portal.source
        if source is None or source.shape is None or portal.done:
            continue
        if not isinstance(source, CursorSource):
            source = portal.source = CursorSource(session, source, False)
        await source.settle()


def cursor_rows(portals: Mapping[str, Portal]) -> list[dict[str, object]]:
    """The rows of ``pg_cursors`` for a session's portals."""
    rows: list[dict[str, object]] = []
    for name, portal in portals.items():
        plan = portal.statement.plan
        cursor = portal if isinstance(portal, Cursor) else None
        scroll = isinstance(portal.source, CursorSource) and portal.source.scroll is not False
        rows.append(
            {
                "name": name,
                "statement": cursor.text if cursor else "" if plan is None else plan.text,
                "is_holdable": cursor is not None and cursor.holds,
                "is_binary": cursor is not None and cursor.binary,
                "is_scrollable": scroll,
                "creation_time": str(cursor.created) if cursor else None,
            }
        )
    return rows
