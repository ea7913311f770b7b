"""A function behind a PostgreSQL port."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from .base import Column

if TYPE_CHECKING:
    from ..server import Session

__all__ = ["PythonEngine", "QueryParser"]

S = TypeVar("S")


class QueryParser(ABC, Generic[S]):
    """Makes statement objects of a program's own of statements' texts, and tells what they take and return.

    A statement is parsed once, at Parse (at PREPARE and DECLARE too; in the simple protocol when it runs; again only after a statement
    that changed the schema). The object is in ``query.parsed`` whenever it is described or run.
    """

    @abstractmethod
    def parse(self, sql: str, parameter_types: Sequence[int], session: Session) -> Any:
        """Parse a statement; what it raises is the answer to Parse. A coroutine function runs on the event loop, a plain one on the
        session's thread.

        Args:
            sql: the statement, without its semicolon.
            parameter_types: their OIDs as the client declared them, 0 where it left one open.
            session: the client session.
        """

    @abstractmethod
    def parameter_types(self, statement: S) -> Sequence[int]:
        """The OIDs of a statement's parameters, as many as Bind must supply; a type that the client declared stays that."""

    def columns(self, statement: S) -> Sequence[Column] | None:
        """The columns of a statement's rows, None where it returns none. Not overridden: the handler is asked, with ``describing``."""
        raise NotImplementedError


class PythonEngine:
    """Answers every statement that the session layer and the catalogue leave by calling a function.

    Args:
        function: gets a :class:`~pgwire_py.Query`, returns a :class:`~pgwire_py.Result`. A coroutine function runs on the event
            loop; a plain function may block and runs on the session's own thread.
        describe: gets a Query with ``describing`` set and returns a sequence of columns, a Description, or None for no rows. Without
            it ``function`` itself is called with such a Query.
        describe_portal: gets a Query with ``describing`` set and its parameters, and returns a sequence of columns or None. Without it
            Describe of a portal tells what ``describe`` says; without that either, the statement is begun.
        transaction: called as ``transaction(session, action, *names)`` for ``begin``, ``commit``, ``rollback``, ``savepoint``,
            ``release`` and ``rollback_to``; without it the session layer alone keeps the transaction's state.
        function_call: called as ``function_call(session, oid, arguments, formats, result_format)`` for FunctionCall (Protocol 55.2.4):
            ``arguments`` are bytes or None, each in its format of ``formats``; returns bytes in ``result_format``, or None for NULL.
            It raises UndefinedFunction (42883) for an OID it does not know. Without it FunctionCall is answered with 0A000.
        parser: makes the objects in ``query.parsed``, and tells the types of parameters.
    """

    name = "python"

    def __init__(
        self,
        function: Callable[..., Any],
        *,
        describe: Callable[..., Any] | None = None,
        transaction: Callable[..., Any] | None = None,
        function_call: Callable[..., Any] | None = None,
        describe_portal: Callable[..., Any] | None = None,
        parser: QueryParser[Any] | None = None,
    ) -> None:
        if not callable(function):
            raise TypeError(f"an engine or a function is needed, not {type(function).__name__}")
        self.function = function
        self.describe = describe
        self.transaction = transaction
        self.function_call = function_call
        self.describe_portal = describe_portal
        self.parser = parser
        self.on_loop = inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
            getattr(function, "__call__", None)  # noqa: B004  an instance whose class has `async def __call__`
        )

    def close(self) -> None:
        """Nothing is held."""
