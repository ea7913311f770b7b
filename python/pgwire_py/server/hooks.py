"""The hooks of a server: what a program may have its say in, one overridable method for each step of the protocol.

:class:`Hooks` stand in front of any engine; a :class:`Handler` has them, and answers the statements as well. What is not overridden
costs nothing. docs/how-to/handlers.md has the table of all of them.
"""

from __future__ import annotations

import asyncio
import copy
import inspect
import logging
from collections.abc import AsyncIterable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from ..engines.python import PythonEngine, QueryParser
from ..errors import PostgresError

if TYPE_CHECKING:
    from .copy_streams import CopyOutcome
    from .handler import Query, Result
    from .session import Session

__all__ = ["Handler", "Hooks", "asked", "check_hooks", "error_to_tell", "overrides"]

log = logging.getLogger("pgwire_py.server")

_ENDS: Final = ("FATAL", "PANIC")
_WAITING: Final = ("startup", "simple_query")
_AT_ONCE: Final = ("server_parameters", "cancel", "cancel_request", "error", "closed")


class Hooks:
    """Hooks of sessions, whatever answers their statements: ``Server(engine, hooks=…)``. A subclass overrides what it needs.

    ``startup`` and ``simple_query`` are coroutine functions. The others are plain functions that are called on the event loop and must
    not block.
    """

    async def startup(self, session: Session, parameters: Mapping[str, str]) -> None:
        """A client has logged in; it is told so when this returns.

        ``session.set_setting``, ``notice`` and ``report_parameter`` work. What it raises refuses the client (FATAL).

        Args:
            session: the new session: ``user``, ``database``, ``process_id``, ``client_address``.
            parameters: the start-up packet's parameters.
        """

    def server_parameters(self, session: Session) -> Mapping[str, str]:
        """More parameters to report at start (ParameterStatus), or other values for those that are: name → value."""
        return {}

    async def simple_query(
        self, session: Session, sql: str
    ) -> Result | CopyOutcome | Iterable[Result | CopyOutcome] | AsyncIterable[Result | CopyOutcome] | None:
        """A Query message: its whole text, before anything of it is looked at.

        Returns:
            None to have it answered as if there were no hook; otherwise the results, one for each statement that the text has, none for
            an empty text. Not called in a failed transaction. Where they raise, the results before that are sent all the same.
        """
        return None

    def cancel(self, session: Session) -> bool:
        """What the session runs is to be cancelled: by a cancel request with the right key, ``pg_cancel_backend``, a time limit, or
        because the session or the server is to end.

        Returns:
            True where that is seen to: the statement is left to end by itself, unless the session is to end.
        """
        return False

    def cancel_request(self, process_id: int, secret_key: bytes) -> None:
        """A cancel request came that is for no session of this server, or has a wrong key. Its client gets no answer."""

    def error(self, session: Session | None, error: PostgresError) -> PostgresError | None:
        """The client is about to be told of an error; ``error.__cause__`` is the Python exception behind an XX000.

        Args:
            session: None where the client is not logged in.
            error: may be changed.

        Returns:
            None to tell ``error``; otherwise what to tell instead. Where the session ends (FATAL), it ends all the same.
        """
        return None

    def closed(self, session: Session) -> None:
        """A session is over whose :meth:`startup` returned, also where the rest of its start failed; nothing can be sent any more."""


class Handler(Hooks):
    """Hooks and the answers to statements in one class: ``Server(MyHandler())``.

    :meth:`query` answers every statement that the session layer and the catalogue leave. It, the describe hooks, :meth:`transaction`,
    :meth:`function_call` and the parser run on the event loop where they are coroutine functions; plain functions may block and run on
    the session's own thread.

    Attributes:
        parser: makes statement objects of texts; ``query.parsed`` has them. None: there are none.
    """

    parser: QueryParser[Any] | None = None

    def query(self, query: Query) -> Any:
        """Answer a statement: as the function of :class:`~pgwire_py.PythonEngine`, a Result, CopyIn, CopyOut or CopyBoth."""
        raise NotImplementedError(f"{type(self).__name__} has no query method")

    def describe_statement(self, query: Query) -> Any:
        """The columns of a statement without running it: a sequence of columns, a Description, or None for no rows."""
        raise NotImplementedError

    def describe_portal(self, query: Query) -> Any:
        """The columns of a statement whose parameters are known: a sequence of columns, or None for no rows."""
        raise NotImplementedError

    def transaction(self, session: Session, action: str, *names: str) -> Any:
        """``begin``, ``commit``, ``rollback``, ``savepoint``, ``release`` or ``rollback_to``; the session layer keeps the state."""
        raise NotImplementedError

    def function_call(
        self,
        session: Session,
        oid: int,
        arguments: Sequence[bytes | None],
        formats: Sequence[int],
        result_format: int,
    ) -> Any:
        """Answer FunctionCall: bytes in ``result_format``, None for NULL; UndefinedFunction for an OID that is unknown."""
        raise NotImplementedError

    def engine(self) -> PythonEngine:
        """The engine that calls this handler."""

        def own(name: str) -> Any:
            return getattr(self, name) if overrides(self, Handler, name) else None

        return PythonEngine(
            self.query,
            describe=own("describe_statement"),
            describe_portal=own("describe_portal"),
            transaction=own("transaction"),
            function_call=own("function_call"),
            parser=self.parser,
        )


def overrides(hooks: Hooks, base: type[Hooks], name: str) -> bool:
    """Whether ``hooks`` has a method of its own in place of the one of ``base``."""
    return getattr(type(hooks), name) is not getattr(base, name)


def check_hooks(hooks: Hooks) -> None:
    """Raise TypeError where a hook that waits is a plain function, or one that must not wait is a coroutine function."""
    for name in _WAITING:
        if not inspect.iscoroutinefunction(getattr(hooks, name)):
            raise TypeError(f"{type(hooks).__name__}.{name} must be a coroutine function")
    for name in _AT_ONCE:
        if inspect.iscoroutinefunction(getattr(hooks, name)):
            raise TypeError(f"{type(hooks).__name__}.{name} must not be a coroutine function")


def error_to_tell(hooks: Hooks, session: Session | None, error: PostgresError) -> PostgresError:
    """What the client is told of an error, by the hook's leave. That it is an error stays, and that the session ends."""
    severity = error.severity
    told = asked(hooks.error, session, error)
    if told is None:
        told = error
    elif not isinstance(told, PostgresError):
        log.error("the error hook returned %s, not a PostgresError or None", type(told).__name__)
        told = error
    if severity not in _ENDS or told.severity in _ENDS:
        severity = told.severity if told.severity in ("ERROR", *_ENDS) else "ERROR"
    if told.severity != severity:
        told = copy.copy(told)  # the hook may return one and the same again and again
        told.severity = severity
    return told


def asked(function: Any, *args: Any) -> Any:
    """What a hook that must not fail returns; None where it raises, which is logged."""
    try:
        return function(*args)
    except (Exception, asyncio.CancelledError):  # of a future that it looked at: it waits for nothing
        log.exception("the hook %s raised", getattr(function, "__name__", function))
        return None
