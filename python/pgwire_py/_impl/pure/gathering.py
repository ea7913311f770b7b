"""Statements of a pipeline, gathered until they are sent, and what came of them."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, Generic, TypeVar

T = TypeVar("T")

Run = tuple[Any, int, list[tuple[object, ...]]]
"""Query, limit of rows (0 is none) and arguments of statements alike, one behind the other."""

_ROWS, _ROW, _VALUE, _TAG = range(4)


class Pending(Generic[T]):
    """A statement of a pipeline: :meth:`result`, or ``await``, when the pipeline has run.

    It keeps the results of all statements that ran with it.
    """

    __slots__ = ("_column", "_gathering", "_kind", "_number")

    def __init__(self, gathering: Gathering, number: int, kind: int, column: object = None) -> None:
        self._gathering = gathering
        self._number = number
        self._kind = kind
        self._column = column

    def result(self) -> T:
        """What it gave.

        Raises:
            PostgresError: its error.
            InterfaceError: the pipeline has not run yet.
        """
        found = self._found()
        if found is None:
            raise self._gathering.owner._unready()
        if isinstance(found, BaseException):
            raise found
        rows, tag = found
        value: Any
        if self._kind == _TAG:
            value = tag.decode("utf-8", "replace")
        elif self._kind == _ROWS:
            value = rows or []  # an empty one may be several statements'
        else:
            value = rows[0] if rows else None
            if rows and self._kind == _VALUE:
                value = value[self._column]
        return value  # type: ignore[no-any-return]

    def exception(self) -> BaseException | None:
        """Its error, None if there is none."""
        found = self._found()
        return found if isinstance(found, BaseException) else None

    def _found(self) -> Any:
        found = self._gathering.found
        return None if found is None else found[self._number]

    def __await__(self) -> Generator[Any, None, T]:
        return self._gathering.owner._settle(self, self._found() is not None).__await__()


class Gathering:
    """See :class:`pgwire_py._impl.interface.Gathering`."""

    __slots__ = ("found", "owner")

    def __init__(self, owner: Gatherer) -> None:
        self.owner = owner
        self.found: list[Any] | None = None


class Gatherer:
    """See :class:`pgwire_py._impl.interface.Gatherer`."""

    _gathering: Gathering | None
    _runs: list[Run]
    _count: int

    def __new__(cls, *args: object) -> Any:
        self = super().__new__(cls)
        self._gathering = None
        return self

    def fetch(self, query: str, *args: object) -> Pending[list[Any]]:
        """All rows."""
        return self._add(query, args, 0, _ROWS)

    def fetchrow(self, query: str, *args: object) -> Pending[Any]:
        """The first row, or None."""
        return self._add(query, args, 1, _ROW)

    def fetchval(self, query: str, *args: object, column: int | str = 0) -> Pending[Any]:
        """One value of the first row, or None."""
        return self._add(query, args, 1, _VALUE, column)

    def execute(self, query: str, *args: object) -> Pending[str]:
        """The command tag of one statement."""
        return self._add(query, args, 0, _TAG)

    def _add(self, query: str, args: tuple[object, ...], limit: int, kind: int, column: object = None) -> Pending[Any]:
        if self._gathering is None:
            self._gathering, self._runs, self._count = Gathering(self), [], 0
        last = self._runs[-1] if self._runs else None
        if last is not None and last[1] == limit and _alike(last[0], query):
            last[2].append(args)
        else:
            self._runs.append((query, limit, [args]))
        self._count += 1
        return Pending(self._gathering, self._count - 1, kind, column)

    def _gathered(self) -> tuple[Gathering, list[Run]] | None:
        gathering, self._gathering = self._gathering, None
        return None if gathering is None else (gathering, self._runs)

    async def _settle(self, pending: Pending[T], done: bool) -> T:
        raise NotImplementedError

    def _unready(self) -> BaseException:
        raise NotImplementedError


def _alike(one: object, other: object) -> bool:
    """Whether both are the same text; of an object that is no text itself only that it is the very same."""
    return one is other or (type(one) is type(other) is str and one == other)
