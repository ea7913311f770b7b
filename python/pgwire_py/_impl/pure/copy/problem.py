"""What is wrong with COPY data, before it is known where."""

from __future__ import annotations

from ....errors import PostgresError
from ...interface import CopyPlan
from ...value_errors import copy_failure

_SHOWN = 100
"""Most bytes of a line or value that an error shows."""


class Problem(Exception):
    """An error without its place; 22P04 unless told."""

    def __init__(
        self, message: str, sqlstate: str = "22P04", *, detail: str | None = None, hint: str | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.sqlstate = sqlstate
        self.detail = detail
        self.hint = hint

    def at(self, where: str | None) -> PostgresError:
        """The error to raise."""
        return copy_failure(self.sqlstate, self.message, self.detail, self.hint, where)


def too_long(plan: CopyPlan) -> Problem:
    """54000: more than ``max_row`` bytes."""
    return Problem(f"a row of COPY data exceeds {plan.max_row} bytes", "54000")


def at_line(plan: CopyPlan, line: int) -> str:
    """``COPY t, line 3``"""
    return f"COPY {plan.table}, line {line}"


def at_text(plan: CopyPlan, line: int, text: bytes) -> str:
    """``COPY t, line 3: "the line"``"""
    return f'{at_line(plan, line)}: "{_shown(text)}"'


def at_column(plan: CopyPlan, line: int, column: int) -> str:
    """``COPY t, line 3, column c``"""
    return f"{at_line(plan, line)}, column {plan.columns[column]}"


def at_value(plan: CopyPlan, line: int, column: int, value: bytes) -> str:
    """Where a value stands that its type does not take: with the value, unless it is binary."""
    place = at_column(plan, line, column)
    return place if plan.format == "binary" else f'{place}: "{_shown(value)}"'


def _shown(text: bytes) -> str:
    if len(text) <= _SHOWN:
        return text.decode(errors="replace")
    end = _SHOWN
    while end > _SHOWN - 3 and text[end] & 0xC0 == 0x80:
        end -= 1
    return text[:end].decode(errors="replace") + "..."
