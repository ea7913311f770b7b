"""How a session runs statements by calling a handler's function: on the loop, or on the session's own thread."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

from .. import oids
from ..catalog import Catalog
from ..engines.base import Column, Description, declared_types
from ..engines.python import PythonEngine, QueryParser
from ..errors import QueryCanceled, UndefinedParameter
from .coding import Coding
from .copy_streams import CopyOut, CopyOutcome
from .copying import prepare_copy_out
from .descriptions import checked_description
from .engine_sources import ThreadSource
from .execution import ENDS, Execution
from .handler import ParsedQuery, Query, Result
from .plans import Plan
from .results import Source, source_of

if TYPE_CHECKING:
    from .session import Session

__all__ = ["FunctionExecution"]


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
            return checked_description(
                Description(types, None if columns is None else tuple(columns), parsed), declared
            )
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
            made = description if description.parsed is not None else description._replace(parsed=parsed)
        else:
            made = Description(types, None if description is None else tuple(description), parsed)
        return checked_description(made, declared)

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
        return source if source.shape is None else ThreadSource(self, None, source, [])

    async def control(self, action: str, *args: Any, **kwargs: Any) -> None:
        if self._engine.transaction is None:
            return
        left, self.can_be_left = self.can_be_left, self.can_be_left and action not in ENDS
        try:
            await self._call(self._engine.transaction, self._context, action, *args)
        finally:
            self.can_be_left = left

    def _copy_on_thread(self, outcome: CopyOutcome, plan: Plan) -> CopyOutcome:
        """A COPY whose rows are read on the thread, where they are not asynchronous."""
        if (
            not isinstance(outcome, CopyOut)
            or hasattr(outcome.rows, "__aiter__")
            or hasattr(outcome.chunks, "__aiter__")
        ):
            return outcome
        prepared = prepare_copy_out(outcome, plan, self._settings.coding)
        prepared.source = ThreadSource(self, None, prepared.source, [])
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
