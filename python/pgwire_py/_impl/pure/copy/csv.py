"""The CSV format: quoted fields, in which everything stands for itself (PostgreSQL: COPY, "CSV Format")."""

from __future__ import annotations

import re

from ...interface import CopyPlan
from .problem import Problem
from .row import Fields


class Splitter:
    """Takes lines apart."""

    def __init__(self, plan: CopyPlan) -> None:
        self._plan = plan
        self._delimiter, self._quote, escape = (bytes([byte]) for byte in (plan.delimiter, plan.quote, plan.escape))
        self._outside = re.compile(rb"[%b%b]" % (re.escape(self._delimiter), re.escape(self._quote)))
        self._inside = re.compile(rb"[%b%b]" % (re.escape(self._quote), re.escape(escape)))

    def split(self, line: bytes) -> Fields:
        """The fields of one line, quotes removed."""
        plan = self._plan
        fields = Fields(plan)
        if not plan.columns:
            # Not even an empty field is expected.
            fields.count = 1 if line else 0
            return fields
        if self._quote not in line:
            for raw in line.split(self._delimiter):
                fields.add(raw, raw)
            return fields
        start = 0
        while True:
            data, end, quoted = self._field(line, start)
            fields.add(line[start:end], data, quoted)
            if end == len(line):
                return fields
            start = end + 1

    def _field(self, line: bytes, start: int) -> tuple[bytes, int, bool]:
        """The field that begins at ``start``, where it ends, and whether it has quotes."""
        parts = []
        at = start
        quoted = False
        while True:
            match = self._outside.search(line, at)
            end = match.start() if match else len(line)
            parts.append(line[at:end])
            if match is None or line[end] == self._plan.delimiter:
                return b"".join(parts), end, quoted
            quoted = True
            at = self._quoted(line, end + 1, parts)

    def _quoted(self, line: bytes, at: int, parts: list[bytes]) -> int:
        """Adds what stands in quotes to ``parts``; where it goes on behind the closing one."""
        quote, escape = self._plan.quote, self._plan.escape
        while match := self._inside.search(line, at):
            here = match.start()
            parts.append(line[at:here])
            at = here + 1
            if line[here] == escape and at < len(line) and line[at] in (escape, quote):
                parts.append(line[at : at + 1])
                at += 1
            elif line[here] == quote:
                return at
            else:
                parts.append(line[here:at])
        raise Problem("unterminated CSV quoted field")


class Writer:
    """Quotes fields."""

    def __init__(self, plan: CopyPlan) -> None:
        delimiter, quote, escape = (bytes([byte]) for byte in (plan.delimiter, plan.quote, plan.escape))
        self._null = plan.null
        self._alone = len(plan.columns) == 1
        self._awkward = re.compile(rb"[\r\n%b%b]" % (re.escape(delimiter), re.escape(quote)))
        self._escaped = re.compile(rb"[%b%b]" % (re.escape(quote), re.escape(escape)))
        self._quote = quote
        self._escape = escape

    def write(self, text: bytes, encoded: bytes, force: bool) -> bytes:
        """The field, in quotes where it needs them; ``encoded`` is its text in the encoding of the data."""
        # What looks like NULL is told by its quotes.
        if (
            not force
            and text != self._null
            and not (self._alone and encoded == b"\\.")
            and self._awkward.search(encoded) is None
        ):
            return encoded
        inner = self._escaped.sub(lambda match: self._escape + match[0], encoded)
        return self._quote + inner + self._quote
