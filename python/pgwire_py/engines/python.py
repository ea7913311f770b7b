"""A function behind a PostgreSQL port."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

__all__ = ["PythonEngine"]


class PythonEngine:
    """Answers every statement that the session layer and the catalogue leave by calling a function.

    Args:
        function: gets a :class:`~pgwire_py.Query`, returns a :class:`~pgwire_py.Result`. A coroutine function runs on the event
            loop; a plain function may block and runs on the session's own thread.
        describe: gets a Query with ``describing`` set and returns a sequence of columns, a Description, or None for no rows. Without
            it ``function`` itself is called with such a Query.
        transaction: called as ``transaction(session, action, *names)`` for ``begin``, ``commit``, ``rollback``, ``savepoint``,
            ``release`` and ``rollback_to``; without it the session layer alone keeps the transaction's state.
        function_call: called as ``function_call(session, oid, arguments, formats, result_format)`` for FunctionCall (Protocol 55.2.4):
            ``arguments`` are bytes or None, each in its format of ``formats``; returns bytes in ``result_format``, or None for NULL.
            It raises UndefinedFunction (42883) for an OID it does not know. Without it FunctionCall is answered with 0A000.
    """

    name = "python"

    def __init__(
        self,
        function: Callable[..., Any],
        *,
        describe: Callable[..., Any] | None = None,
        transaction: Callable[..., Any] | None = None,
        function_call: Callable[..., Any] | None = None,
    ) -> None:
        if not callable(function):
            raise TypeError(f"an engine or a function is needed, not {type(function).__name__}")
        self.function = function
        self.describe = describe
        self.transaction = transaction
        self.function_call = function_call
        self.on_loop = inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
            getattr(function, "__call__", None)  # noqa: B004  an instance whose class has `async def __call__`
        )

    def close(self) -> None:
        """Nothing is held."""
