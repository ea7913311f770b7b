"""A statement in one piece answered in one step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, Protocol

from .rows import RowEncoder

__all__ = ["Batch", "Condition", "Responder"]

Batch = tuple[str | None, str, tuple[int, ...], tuple[int, ...], tuple[bytes | None, ...], tuple[int, ...], bool]
"""Parse's query string (None without Parse), the statement's name, Parse's parameter types, Bind's parameter formats, parameters and
result formats, and whether Describe was there."""

Condition = tuple[object, str, object]
"""An object, one of its slots, and what that must be: the very object given; anything falsy where False is given."""


class Responder(Protocol):
    """Answers one statement that came in one piece by calling a handler's coroutine function, where its coroutine ends at once with a
    short result.

    ``Responder((function, session), (Query, Result, Plan, Shape), decoder, plans, (context, event_loop, task), (tails, max_bytes),
    (before, called, after, send))``: the function gets a ``Query`` (slots ``sql``, ``parameters``, ``parameter_types``, ``session``,
    ``describing``) and returns a ``Result`` (slots ``columns``, ``rows``, ``tag``). ``plans`` has a ``Plan`` (slots ``text``,
    ``parameters``: how many it takes, ``shapes``: by format codes) for each query string that may be answered; a ``Shape`` has the
    slots ``columns``, ``encoder`` and ``row_description``. ``context`` and ``task`` are current while the coroutine runs; ``tails`` is
    what follows 0, 1, 2 … rows. ``before`` are the :data:`Condition`s under which anything is answered at all, ``called`` those under
    which what the function returned is encoded, ``after`` those under which the answer to a Query is given to ``send``.
    """

    begun: bool
    """Whether the function was called for a statement that was not answered."""

    outcome: Any
    """What it returned then, or a :class:`~pgwire_py._impl.suspended.Suspended` where its coroutine has not ended. To be taken once."""

    def answer(self, data: bytes | bytearray, size: int = -1) -> bytes | memoryview | Batch | Literal[True] | None:
        """Answer a Query: RowDescription, DataRow for each row, and the tail for their number.

        Args:
            data: what came.
            size: how many bytes of it count; all of them where it is negative.

        Returns:
            True where the answer was sent, or else the answer; or a :data:`Batch`, for :meth:`answer_batch`, where ``data`` is [Parse]
            Bind [Describe portal] Execute Sync with the unnamed portal, no row limit and, where Parse is there, the same statement name
            in Bind. None for anything else: if a condition of ``before`` does not hold, something stands before ``data`` in the
            decoder, ``data`` is more or less than one statement or malformed, its text is not in ``plans`` or takes parameters; and,
            with :attr:`begun`, if a condition of ``called`` does not hold, the coroutine did not end, or returned anything
            but a ``Result`` with a list of rows, with the columns of the plan's shape, no tag, a tail, fewer than
            ``max_bytes`` bytes before its last row, and rows that can be encoded. ``data`` is never taken: what is to be
            handled in another way goes to :meth:`FrontendDecoder.feed`.

        Raises:
            BaseException: whatever the function, its coroutine or ``send`` raised.
        """

    def receive_from(self, buffer: bytearray, otherwise: Callable[[Any, int], object]) -> None:
        """Have :meth:`receive` look into ``buffer``, and call ``otherwise`` with what it found there."""

    def receive(self, size: int) -> None:
        """Answer the first ``size`` bytes of the buffer. Where the answer is not sent, ``otherwise`` gets what :meth:`answer` returned, or
        the exception that it raised, and ``size``."""

    def answer_batch(
        self,
        sql: str,
        parameters: tuple[object, ...],
        parameter_types: tuple[int, ...],
        columns: tuple[object, ...] | None,
        encoder: RowEncoder | None,
        head: bytes,
    ) -> bytes | memoryview | None:
        """The same for a Batch: ``head``, the rows, and the tail; None, with :attr:`begun`, as above."""
