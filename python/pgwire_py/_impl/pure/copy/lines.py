"""Text and CSV data → lines → rows: line ends, the end marker, the header, and where an error stands."""

from __future__ import annotations

import re
from collections.abc import Callable

from ....enums import DEFAULT
from ...interface import CopyPlan
from . import csv, text
from .encoding import verify
from .problem import Problem, at_line, at_text, too_long
from .row import Field

_NEWLINE, _RETURN, _BACKSLASH, _DOT = b"\n\r\\."
_STOPS = re.compile(rb"[\n\r\\]")

Sink = Callable[[int, "list[Field]"], None]
"""Takes the number of a line and its fields."""
Scan = tuple[int, int] | None
"""Where the line ends and the next begins, -1 if there is none; None: the line goes on behind the bytes that are here."""


class LineDecoder:
    """Takes bytes in any chunking, gives the rows of lines to a sink."""

    def __init__(self, plan: CopyPlan) -> None:
        self._plan = plan
        self._is_csv = plan.format == "csv"
        self._split = (csv.Splitter(plan) if self._is_csv else text.Splitter(plan)).split
        self._scan = self._scan_csv if self._is_csv else self._scan_text
        # An incomplete line, and what is not verified yet.
        self._buffer = bytearray()
        self._verified = 0
        # How far the line was scanned, counted from its beginning.
        self._scanned = 0
        self._in_quote = False
        self._after_escape = False
        self._line_end = b""
        # Line ends within quotes of this line, which count as lines; lines behind us.
        self._embedded = 0
        self._passed = 0
        self._header_passed = plan.header == "none"
        self.ended = False
        quote, escape = (re.escape(bytes([byte])) for byte in (plan.quote, plan.escape))
        self._outside = re.compile(rb"[\n\r%b]" % quote)
        self._inside = re.compile(rb"[%b%b]" % (quote, escape))

    def feed(self, data: bytes, last: bool, sink: Sink) -> None:
        """Takes bytes; with ``last``, no more will come."""
        if self.ended:
            return
        problem = None
        encoding = self._plan.encoding
        if encoding == "LATIN1":
            good, problem = verify(encoding, data, last)
            data = data[:good].decode("latin-1").encode()
        whole: bytes | bytearray = data
        if self._buffer:
            self._buffer += data
            whole = self._buffer
        limit = len(whole)
        if encoding != "LATIN1":
            good, problem = verify(encoding, bytes(whole[self._verified :]), last)
            limit = self._verified + good
        consumed = self._run(whole, limit, last and problem is None, sink)
        if self.ended:
            self._buffer.clear()
            return
        if problem:
            raise problem.at(at_line(self._plan, self._line()))
        self._verified = limit - consumed
        if whole is self._buffer:
            del self._buffer[:consumed]
        else:
            self._buffer += data[consumed:]

    def _line(self) -> int:
        """Number of the line that is being read, as PostgreSQL counts."""
        return self._passed + 1 + self._embedded

    def _run(self, data: bytes | bytearray, limit: int, at_end: bool, sink: Sink) -> int:
        """Hands out the rows of the lines that are complete; where the first incomplete line begins."""
        start = 0
        while True:
            try:
                found = self._scan(data, start, limit, at_end)
            except Problem as problem:
                raise problem.at(at_line(self._plan, self._line())) from None
            if found is None:
                return start
            end, following = found
            if following < 0:
                self.ended = True
            self._take(bytes(data[start:end]), sink)
            if following < 0:
                return limit
            start = following
            self._passed = self._line()
            self._embedded = self._scanned = 0

    def _take(self, line: bytes, sink: Sink) -> None:
        """One line: the header, a row, or nothing at the end of the data."""
        number = self._line()
        try:
            if not self._header_passed:
                self._header_passed = True
                if self._plan.header == "match":
                    self._check_header(line)
                return
            if self.ended and not line:
                return
            fields = self._split(line)
            if fields.count > len(self._plan.columns):
                raise Problem("extra data after last expected column")
            if fields.count < len(self._plan.columns):
                raise Problem(f'missing data for column "{self._plan.columns[fields.count]}"')
        except Problem as problem:
            raise problem.at(at_text(self._plan, number, line)) from None
        sink(number, self._forced(fields.items) if self._is_csv else fields.items)

    def _forced(self, items: list[Field]) -> list[Field]:
        """What FORCE_NOT_NULL and FORCE_NULL ask for."""
        plan = self._plan
        if not any(plan.force_not_null) and not any(plan.force_null):
            return items
        result: list[Field] = []
        for item, not_null, null in zip(items, plan.force_not_null, plan.force_null, strict=True):
            if item is None and not_null:
                result.append(plan.null)
            else:
                result.append(None if null and item == plan.null else item)
        return result

    def _check_header(self, line: bytes) -> None:
        fields = self._split(line)
        expected = self._plan.columns
        if fields.count != len(expected):
            raise Problem(f"wrong number of fields in header line: got {fields.count}, expected {len(expected)}")
        for number, (field, name) in enumerate(zip(fields.items, expected, strict=True), 1):
            text = self._plan.default if field is DEFAULT else field
            if text == name.encode():
                continue
            if isinstance(text, bytes):
                got = f'"{text.decode(errors="replace")}"'
            else:
                got = f'null value ("{self._plan.null.decode(errors="replace")}")'
            raise Problem(f'column name mismatch in header line field {number}: got {got}, expected "{name}"')

    def _exhausted(self, start: int, stop: int, at_end: bool) -> Scan:
        """Nothing more was found up to ``stop``."""
        self._scanned = stop - start
        self._check_length(self._scanned)
        return (stop, -1) if at_end else None

    def _check_length(self, length: int) -> None:
        if length > self._plan.max_row:
            raise too_long(self._plan)

    def _scan_text(self, data: bytes | bytearray, start: int, limit: int, at_end: bool) -> Scan:
        # A line is searched up to one byte more than it may have.
        stop = min(limit, start + self._plan.max_row + 1)
        at = start + self._scanned
        while True:
            match = _STOPS.search(data, at, stop) if at < stop else None
            if match is None:
                # A backslash takes the next byte with it, which may be the first beyond the bound.
                return self._exhausted(start, max(stop, at), at_end)
            at = match.start()
            self._check_length(at - start)
            self._scanned = at - start
            if data[at] != _BACKSLASH:
                length = self._ends(data, at, limit, at_end)
                return (at, at + length) if length else None
            if at + 1 == limit:
                return (limit, -1) if at_end else None
            if data[at + 1] == _DOT:
                ends = self._is_end_marker(data, at, limit, at_end)
                if ends is None:
                    return None
                if ends:
                    if at > start and not self._plan.legacy_end:
                        raise self._not_alone()
                    return at, -1
            at += 2

    def _scan_csv(self, data: bytes | bytearray, start: int, limit: int, at_end: bool) -> Scan:
        if self._plan.legacy_end and not self._scanned and start < limit and data[start] == _BACKSLASH:
            if start + 1 == limit and not at_end:
                return None
            if start + 1 < limit and data[start + 1] == _DOT:
                ends = self._is_end_marker(data, start, limit, at_end)
                if ends is None:
                    return None
                if ends:
                    return start, -1
        stop = min(limit, start + self._plan.max_row + 1)
        quote = self._plan.quote
        escape = self._plan.escape if self._plan.escape != quote else -1
        at = start + self._scanned
        while True:
            before = at
            match = (self._inside if self._in_quote else self._outside).search(data, at, stop)
            at = match.start() if match else stop
            if match is None and before < at == limit and not at_end and data[at - 1] == _RETURN:
                # Within quotes too, a carriage return is passed, and counted, when the next byte is here.
                at -= 1
            if self._in_quote and at > before:
                self._after_escape = False
                self._embedded += data.count(self._counted(), before, at)
            if match is None:
                return self._exhausted(start, at, at_end)
            self._check_length(at - start)
            byte = data[at]
            if byte == _RETURN and at + 1 == limit and not at_end:
                self._scanned = at - start
                return None
            if self._in_quote and byte == escape:
                self._after_escape = not self._after_escape
            if byte == quote and not self._after_escape:
                self._in_quote = not self._in_quote
            if byte != escape:
                self._after_escape = False
            if self._in_quote:
                self._embedded += byte == self._counted()[0]
            elif byte in (_NEWLINE, _RETURN):
                length = self._ends(data, at, limit, at_end)
                assert length is not None
                return at, at + length
            at += 1

    def _counted(self) -> bytes:
        """The byte that counts as a line within quotes."""
        return b"\n" if self._line_end == b"\n" else b"\r"

    def _ends(self, data: bytes | bytearray, at: int, limit: int, at_end: bool) -> int | None:
        """How many bytes end the line at ``at``; None where the next byte must be seen first."""
        if data[at] == _NEWLINE:
            if self._line_end in (b"\r", b"\r\n"):
                raise self._stray("newline", "\\n")
            self._line_end = b"\n"
            return 1
        if self._line_end == b"\n":
            raise self._stray("carriage return", "\\r")
        if self._line_end == b"\r":
            return 1
        if at + 1 == limit and not at_end:
            return None
        if at + 1 < limit and data[at + 1] == _NEWLINE:
            self._line_end = b"\r\n"
            return 2
        if self._line_end == b"\r\n":
            raise self._stray("carriage return", "\\r")
        self._line_end = b"\r"
        return 1

    def _is_end_marker(self, data: bytes | bytearray, at: int, limit: int, at_end: bool) -> bool | None:
        """Whether the ``\\.`` at ``at`` ends the data; None where more bytes must be seen first."""
        mismatch = Problem("end-of-copy marker does not match previous newline style")
        after = at + 2
        # Behind the end of the data, PostgreSQL sees a zero.
        behind = 0 if at_end else -1
        if self._line_end == b"\r\n":
            byte = data[after] if after < limit else behind
            if byte < 0:
                return None
            if byte != _RETURN:
                if self._is_csv:
                    return False
                raise mismatch if byte == _NEWLINE else self._not_alone()
            after += 1
        byte = data[after] if after < limit else behind
        if byte < 0:
            return None
        if byte not in (_NEWLINE, _RETURN):
            if self._is_csv:
                return False
            raise self._not_alone()
        if self._line_end and byte != self._line_end[-1]:
            raise mismatch
        return True

    def _not_alone(self) -> Problem:
        if self._plan.legacy_end:
            return Problem("end-of-copy marker corrupt")
        return Problem("end-of-copy marker is not alone on its line")

    def _stray(self, name: str, escape: str) -> Problem:
        if self._is_csv:
            return Problem(f"unquoted {name} found in data", hint=f"Use quoted CSV field to represent {name}.")
        return Problem(f"literal {name} found in data", hint=f'Use "{escape}" to represent {name}.')
