"""The text format: fields between delimiters, backslash escapes (PostgreSQL: COPY, "Text Format")."""

from __future__ import annotations

import re

from ...interface import CopyPlan
from .encoding import check_field
from .row import Fields

_ESCAPE = re.compile(rb"\\(?:([0-7]{1,3})|x([0-9A-Fa-f]{1,2})|(.))", re.DOTALL)
_NAMED = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}
_ESCAPED = {value: b"\\" + name for name, value in _NAMED.items()} | {b"\\": b"\\\\"}


class Splitter:
    """Takes lines apart."""

    def __init__(self, plan: CopyPlan) -> None:
        self._plan = plan
        self._delimiter = bytes([plan.delimiter])
        self._stop = re.compile(rb"[\\%b]" % re.escape(self._delimiter))

    def split(self, line: bytes) -> Fields:
        """The fields of one line, de-escaped."""
        plan = self._plan
        fields = Fields(plan)
        if not plan.columns:
            # Not even an empty field is expected.
            fields.count = 1 if line else 0
            return fields
        if b"\\" not in line:
            for raw in line.split(self._delimiter):
                fields.add(raw, raw)
            return fields
        start = 0
        while True:
            end, found = self._end(line, start)
            raw = data = line[start:end]
            if b"\\" in raw:
                data = _ESCAPE.sub(_unescaped, raw)
                if raw not in (plan.null, plan.default) and _makes_unusual(raw):
                    # Escapes make bytes of the fields, whatever the encoding of the data is.
                    check_field("UTF8", data)
            fields.add(raw, data)
            if not found:
                return fields
            start = end + 1

    def _end(self, line: bytes, start: int) -> tuple[int, bool]:
        """Where the raw text of the field ends, and whether a delimiter follows."""
        at = start
        while match := self._stop.search(line, at):
            at = match.start()
            if match[0] == self._delimiter:
                return at, True
            if at + 1 == len(line):
                # A backslash that ends the line stands for nothing.
                return at, False
            at += 2
        return len(line), False


def _unescaped(match: re.Match[bytes]) -> bytes:
    if match[1] is not None:
        return bytes([int(match[1], 8) & 0xFF])
    if match[2] is not None:
        return bytes([int(match[2], 16)])
    return _NAMED.get(match[3], match[3])


def _makes_unusual(raw: bytes) -> bool:
    """Whether an escape makes a NUL or a byte above 127."""
    made = (_unescaped(match)[0] for match in _ESCAPE.finditer(raw) if match[3] is None)
    return any(byte == 0 or byte >= 0x80 for byte in made)


class Writer:
    """Escapes fields."""

    def __init__(self, plan: CopyPlan) -> None:
        delimiter = bytes([plan.delimiter])
        self._special = re.compile(rb"[\x08-\x0d\\%b]" % re.escape(delimiter))
        self._escaped = {delimiter: b"\\" + delimiter, **_ESCAPED}

    def write(self, text: bytes, encoded: bytes, force: bool) -> bytes:
        """The field's text, escaped; ``encoded`` is it in the encoding of the data."""
        if self._special.search(encoded) is None:
            return encoded
        return self._special.sub(lambda match: self._escaped[match[0]], encoded)
