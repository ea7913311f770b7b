"""Statements of a pipeline: gathered one by one, sent in runs of statements alike."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, Protocol, TypeVar

__all__ = ["Gatherer", "Gathering", "Pending"]

T_co = TypeVar("T_co", covariant=True)


class Pending(Protocol[T_co]):
    """A statement of a pipeline, as :class:`Gatherer` gives it."""

    def result(self) -> T_co:
        """What it gave: rows (a list of its own where there are none), the first row or its value (None without one), or the command tag.

        Raises:
            BaseException: the exception found for it, or what ``_unready`` gives where nothing was found yet.
        """

    def exception(self) -> BaseException | None:
        """The exception found for it, if that is what was found."""

    def __await__(self) -> Generator[Any, None, T_co]:
        """``_settle(self, done)``, where ``done`` says whether something was found already."""


class Gathering(Protocol):
    """What comes of the statements that a :class:`Gatherer` has gathered for one run of the pipeline."""

    found: list[Any] | None
    """For each statement, in order (settable): rows and command tag, an exception, or None while it is not known."""


class Gatherer(Protocol):
    """Statements, gathered until they are sent: what a pipeline inherits, with any positional arguments for its own ``__init__``.

    It has a coroutine function ``_settle(pending, done)``, which gives a Pending's result and makes the pipeline run before that where it
    is not ``done``, and ``_unready()``, which gives the exception for who asks for a result too early.
    """

    def fetch(self, query: str, *args: object) -> Pending[list[Any]]:
        """Add a statement of which all rows are wanted."""

    def fetchrow(self, query: str, *args: object) -> Pending[Any]:
        """Add one of which the first row is wanted, and no other is asked for."""

    def fetchval(self, query: str, *args: object, column: int | str = 0) -> Pending[Any]:
        """As :meth:`fetchrow`, for a value of that row by its index or name."""

    def execute(self, query: str, *args: object) -> Pending[str]:
        """Add one of which the command tag is wanted."""

    def _gathered(self) -> tuple[Gathering, list[tuple[Any, int, list[tuple[object, ...]]]]] | None:
        """What was gathered, and is not kept: query, limit of rows (0 is none) and the arguments of each, for all that are alike and
        stand one behind the other. None where there is nothing."""
