"""One batch of requests in flight and what comes back: the answers are checked against a script, one letter per answer.

A script is made of the tags that must come, in order: ``1 2 3 t`` as they are, ``T`` for RowDescription or NoData, ``C`` for rows and then
CommandComplete, EmptyQueryResponse or PortalSuspended, ``Q`` for the answers to a simple Query, ``Z`` for ReadyForQuery. An error takes the
script to its next ``Z`` (Protocol 55.2.3). Whatever else comes is a :class:`RemoteProtocolError`.
"""

from __future__ import annotations

from asyncio import Future
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from ..errors import FeatureNotSupported, PostgresError, RemoteProtocolError
from ..messages import FieldDescription
from .answers import decode_frame, error_of
from .errors import InterfaceError

if TYPE_CHECKING:
    from .._impl import FrameDecoder, RowDecoder
    from .plan import Plan

__all__ = [
    "END",
    "SYNC",
    "Answer",
    "Exchange",
    "Frame",
    "ManyExchange",
    "Result",
    "RowSource",
    "Run",
    "RunExchange",
    "UnkeptExchange",
]

Frame = tuple[str, Any]
"""Tag and body of a message, as FrameDecoder cuts them."""

RowSource = Callable[[list[Any]], list[Any]]
"""Rows of the bodies of DataRows: ``RowDecoder.decode``."""

Result = tuple[list[Any], bytes]
"""Rows and the command tag; the tag is empty where the row limit was reached or there was no statement."""

SYNC: Final = b"S\0\0\0\4"
END: Final = "."
"""What stands behind a script's last letter."""

_STATUS: Final = {b"I": "I", b"T": "T", b"E": "E"}


class Exchange:
    """What was sent in one batch and is being answered.

    Args:
        script: what must come.
        decode: what makes rows, for every statement alike or for each ``C`` in turn; None drops rows.
        statement: for errors.
        waiter: is done when the script has ended, or stopped at an error with no ``Z`` to go to.

    Attributes:
        results: a :data:`Result` or an exception for every statement answered.
        error: the first error, server's or decoding's.
        described: parameter types and fields (none where no rows come) of every Describe.
        refused: where it is a list, the errors by the number of the ReadyForQuery behind them.
        on_fields: called with the fields of a RowDescription; gives what decodes the rows behind it.
        written: called with bytes that must be sent because of what came.
    """

    # What most exchanges never touch is not set in each of them.
    decoders: Sequence[RowSource | None] | None = None
    described: Sequence[tuple[tuple[int, ...], tuple[FieldDescription, ...] | None]] = ()
    discarding = False
    done = False
    error: BaseException | None = None
    on_fields: Callable[[tuple[FieldDescription, ...]], RowSource] | None = None
    parameter_types: tuple[int, ...] = ()
    position = 0
    refused: list[tuple[int, PostgresError]] | None = None
    status = ""
    written: Callable[[bytes], None]
    _copy_refused = False
    _unread: BaseException | None = None  # why the rows of the statement at hand cannot be read

    def __init__(
        self,
        script: str,
        waiter: Future[Any],
        decode: RowSource | None = None,
        statement: str | None = None,
        decoders: Sequence[RowSource | None] | None = None,
    ) -> None:
        self.script = script + END
        self.decode = decode
        self.statement = statement
        self.waiter = waiter
        self.results: list[Result | BaseException] = []
        self._rows: list[Any] = []
        self._bodies: list[Any] = []
        if decoders is not None:
            self.decoders = decoders

    # -- what the owner does -----------------------------------------------------------------------------------------

    def extend(self, script: str, waiter: Future[Any] | None = None) -> None:
        """More was sent in the same batch."""
        self.script = self.script[:-1] + script + END
        if waiter is not None:
            self.waiter = waiter

    @property
    def synced(self) -> bool:
        """Whether what was sent ends with a Sync, or is a simple query."""
        return self.script[-2:-1] == "Z"

    def closing(self) -> bytes:
        """What must be sent to end the batch before its time."""
        self.discarding = True
        if self.synced:
            return b""
        self.extend("Z")
        return SYNC

    def finish(self) -> None:
        """Wake whoever waits."""
        if not self.waiter.done():
            self.waiter.set_result(None)

    # -- what comes --------------------------------------------------------------------------------------------------

    def cut(self, decoder: FrameDecoder, data: bytes) -> list[Frame]:
        """The frames in what came."""
        # What decodes rows natively is given along; codecs in Python get the bodies.
        return decoder.feed_rows(data, getattr(self.decode, "__self__", None))

    def take(self, frames: Sequence[Frame], other: Callable[[str, Any], None]) -> None:
        """Take frames; ``other`` gets what answers nothing: notices, notifications, changed parameters.

        Raises:
            RemoteProtocolError: a message that must not come now; the connection cannot go on.
        """
        script, position = self.script, self.position
        bodies = self._bodies
        for tag, body in frames:
            step = script[position]
            if tag == step and step != END:
                position += 1
                if tag == "C":
                    self._complete(body)
                elif tag == "Z":
                    self._ready(body)
                elif tag in "tT":
                    self._describe(tag, body)
            elif tag == "D" and step in "CQ":
                if body.__class__ is bytes:
                    bodies.append(body)
                else:
                    self._take_rows(body)
            elif tag in "NSA":
                other(tag, body)
            elif tag == "s" and step == "C":
                self._complete(b"\0")
                position += 1
            else:
                self.position = position
                position = self._seldom(tag, body, step)
                script = self.script
        self.position = position
        if bodies:
            self._decode()
        if script[position] == END:
            self.done = self.synced or script == END
            self.finish()

    def _complete(self, body: Any) -> None:
        if self._bodies:
            self._decode()
        tag = bytes(body)
        if tag[-1:] != b"\0":
            raise RemoteProtocolError("CommandComplete without a terminated tag", fatal=True)
        self.results.append((self._rows, tag[:-1]) if self._unread is None else self._unread)
        self._rows = []
        self._unread = None
        self._next_source()

    def _next_source(self) -> None:
        """What makes the rows of the statement behind those that are answered."""
        if self.decoders is not None and len(self.results) < len(self.decoders):
            self.decode = self.decoders[len(self.results)]

    def _decode(self) -> None:
        """Rows of the DataRows that came undecoded."""
        bodies = self._bodies
        if self.decode is not None and not self.discarding and self._unread is None:
            try:
                rows: Any = self.decode(bodies)
            except Exception as error:
                rows = error
            self._take_rows(rows)
        bodies.clear()

    def _take_rows(self, rows: Any) -> None:
        """Rows, or what is wrong with one of them: a value is no reason to end the connection, the stream goes on behind it."""
        if rows.__class__ is list:
            if self._rows:
                self._rows += rows
            else:
                self._rows = rows
            return
        if isinstance(rows, RemoteProtocolError):
            raise rows
        if self._unread is None:
            self._failed(rows)
            self._unread = rows

    def _ready(self, body: Any) -> None:
        status = _STATUS.get(bytes(body))
        if status is None:
            raise RemoteProtocolError("ReadyForQuery with an unknown status", fatal=True)
        self.status = status

    def _describe(self, tag: str, body: Any) -> None:
        message = decode_frame(tag, body)
        if tag == "t":
            self.parameter_types = message.types
        else:
            self.described = (*self.described, (self.parameter_types, message.fields))
            if self.on_fields is not None:
                self.decode = self.on_fields(message.fields)

    def _failed(self, error: BaseException) -> None:
        if self.error is None:
            self.error = error

    def _seldom(self, tag: str, body: Any, step: str) -> int:
        """Everything but the expected letter; the new position."""
        position = self.position
        if tag == "E":
            return self._error(body)
        if step == "C" and tag == "I":
            self._complete(b"\0")
            return position + 1
        if step == "T" and tag == "n":
            self.described = (*self.described, (self.parameter_types, None))
            return position + 1
        if step == "Q":
            if tag == "Z":
                self._ready(body)
                return position + 2
            if tag == "C":
                self._complete(body)
                return position
            if tag == "I":
                self._complete(b"\0")
                return position
            if tag == "T":
                return position
        if step in "CQ" and step and tag in "GHdc":
            return self._copy(tag, step)
        if step == END and not self.synced:
            raise RemoteProtocolError(f"message {tag!r} where nothing was asked for", fatal=True)
        raise RemoteProtocolError(f"unexpected message {tag!r}, expected {step!r}", fatal=True)

    def _error(self, body: Any) -> int:
        if self._bodies:
            self._decode()
        self._rows = []
        self._unread = None
        error = error_of(decode_frame("E", body), self.statement)
        if self._copy_refused:
            if error.sqlstate != "57014":
                raise RemoteProtocolError("COPY failed before it was refused: which answer is next cannot be told")
            return self._to_ready()
        self._failed(error)
        after = self._to_ready()
        if self.refused is not None:
            self.refused.append((self.script.count("Z", 0, after), error))
        if (
            self.script[self.position] == "Z"
        ):  # at Sync all of the batch failed: a constraint that is checked at its end
            begun = self.script.rfind("Z", 0, self.position) + 1
            whole = self.script.count("C", begun, self.position)
            self.results[len(self.results) - whole :] = [error] * whole
        else:
            self.results += [error] * max(self.script.count("C", self.position, after), 1)
        self._next_source()
        if error.severity in ("FATAL", "PANIC"):
            raise error
        return after

    def _to_ready(self) -> int:
        """Where the script goes on behind an error."""
        found = self.script.find("Z", self.position)
        return found if found >= 0 else len(self.script) - 1

    def _copy(self, tag: str, step: str) -> int:
        """COPY where a query was expected: data that comes is dropped, data that is asked for refused."""
        if tag == "G":
            self._failed(FeatureNotSupported("COPY FROM STDIN goes by copy_in()"))
            refusal = b"f" + (4 + 12).to_bytes(4, "big") + b"use copy_in\0"
            if step == "C":
                self._copy_refused = True
                refusal += SYNC  # the one that was sent is dropped by the server during COPY
            self.written(refusal)
        elif tag == "H":
            self._failed(FeatureNotSupported("COPY TO STDOUT goes by copy_out()"))
        return self.position


Run = tuple["Plan", "Future[Any]"]
"""One run of a named prepared statement in flight, and what is done with an :data:`Answer` or a :class:`RunExchange`."""

Answer = tuple[list[Any], bytes, str]
"""Rows, command tag and transaction status: what ``FrameDecoder.feed_answer`` makes of an answer of no more, as nearly all are."""


class RunExchange(Exchange):
    """A :data:`Run` whose answer is not that simple.

    Attributes:
        plan: the statement's.
    """

    def __init__(self, plan: Plan, waiter: Future[Any]) -> None:
        super().__init__("2CZ", waiter, plan.decode, plan.query)
        self.plan = plan

    def finish(self) -> None:
        if not self.waiter.done():
            self.waiter.set_result(None if self.discarding else self)


class ManyExchange(Exchange):
    """Runs of statements. The usual answers to named ones come together, as what they say.

    Attributes:
        keep: whether each result is wanted; neighbours that are alike and without rows are one and the same.
        readers: for each statement what decodes its rows natively, if that is how they are decoded.
        tags: the command tags of results without rows.
    """

    keep = True

    def __init__(
        self,
        script: str,
        waiter: Future[Any],
        decode: RowSource | None = None,
        statement: str | None = None,
        decoders: Sequence[RowSource | None] | None = None,
    ) -> None:
        super().__init__(script, waiter, decode, statement, decoders)
        self.readers: list[RowDecoder | None] = []
        self.tags: set[bytes] = set()
        self._synced_each = "Z2" in script

    def cut(self, decoder: FrameDecoder, data: bytes) -> list[Frame]:
        readers = [] if self.discarding else self.readers
        return decoder.feed_answers(data, readers, len(self.results), self._synced_each)

    def take(self, frames: Sequence[Frame], other: Callable[[str, Any], None]) -> None:
        start = 0
        for at, (tag, body) in enumerate(frames):
            if tag == "=":
                if start < at:
                    super().take(frames[start:at], other)
                self._answers(*body)
                start = at + 1
        super().take(frames[start:], other)

    def _answers(self, results: list[Result], tags: list[bytes], status: str) -> None:
        letters = "2CZ" if status else "2C"
        if not self.script.startswith(letters * len(results), self.position):
            raise RemoteProtocolError("answers to statements where none or others were run", fatal=True)
        self.position += len(letters) * len(results)
        self.tags.update(tags)
        self.status = status or self.status
        if self.keep:
            self.results += results
            self._next_source()

    def _complete(self, body: Any) -> None:
        super()._complete(body)
        result = self.results[-1]
        if isinstance(result, tuple) and not result[0]:
            self.tags.add(result[1])


class UnkeptExchange(ManyExchange):
    """Runs of a named statement whose results nobody wants."""

    keep = False


def outcome(exchange: Exchange) -> Result:
    """The last statement's rows and tag.

    Raises:
        BaseException: the exchange's error.
    """
    if exchange.error is not None:
        raise exchange.error
    last = exchange.results[-1] if exchange.results else ([], b"")
    if isinstance(last, BaseException):
        raise last
    return last


def is_stale_plan(error: object) -> bool:
    """Whether a prepared statement must be prepared anew: its result changed with the tables, or the server has forgotten it."""
    if not isinstance(error, PostgresError):
        return False
    if error.sqlstate == "0A000":
        return error.routine == "RevalidateCachedQuery" or error.message.startswith("cached plan must not change")
    return error.sqlstate == "26000"


def one_at_a_time() -> InterfaceError:
    """A connection does one thing at a time."""
    return InterfaceError("the connection is in use: another operation on it is in progress")
