"""One row while it is taken apart."""

from __future__ import annotations

from ....enums import DEFAULT, Default
from ...interface import CopyPlan
from .problem import Problem

Field = bytes | None | Default


class Fields:
    """The fields of one line; those beyond the columns are counted, not kept."""

    def __init__(self, plan: CopyPlan) -> None:
        self.plan = plan
        self.items: list[Field] = []
        self.count = 0

    def add(self, raw: bytes, data: bytes, quoted: bool = False) -> None:
        """Adds a field: its text as it came, which may be a marker, and without quotes and escapes."""
        plan = self.plan
        field: Field = data
        if raw == plan.null and not quoted:
            field = None
        elif raw == plan.default and self.count < len(plan.columns):
            if not plan.has_default[self.count]:
                detail = f'Column "{plan.columns[self.count]}" has no default value.'
                raise Problem("unexpected default marker in COPY data", detail=detail)
            field = DEFAULT
        if self.count < len(plan.columns):
            self.items.append(field)
        self.count += 1
