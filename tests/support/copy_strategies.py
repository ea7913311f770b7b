"""COPY data and options to try, for hypothesis: what is near to a separator, a marker or an escape more often than chance has it."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from pgwire_py.copy import CopyOptions
from pgwire_py.errors import PostgresError

COLUMNS = ("a", "b", "c")

PIECES = (
    *(
        b"\n",
        b"\r",
        b"\r\n",
        b"\\",
        b"\\.",
        b"\\.\n",
        b"\\N",
        b"\t",
        b",",
        b'"',
        b"'",
        b"a",
        b"b",
        b"\\n",
        b"\\101",
        b"\\x41",
    ),
    *(
        b"\\0",
        b"\\xe9",
        b"\xc3\xa9",
        b"\xe2\x82\xac",
        b"\\303\\251",
        b"N",
        b"D",
        b"\\D",
        b"x" * 60,
        b"\xc3",
        b"\0",
        b"a,b\n",
    ),
)
CHARACTERS = (
    "",
    "a",
    "N",
    "\\N",
    "\\.",
    "\\",
    "\t",
    ",",
    '"',
    "'",
    "\n",
    "\r",
    "é",
    "ÿ",
    "\b",
    "\f",
    "\v",
    "\x01",
    "x" * 70,
    "|",
)

DATA = st.lists(st.sampled_from(PIECES) | st.sampled_from(PIECES[:12]), max_size=30).map(b"".join)
FIELDS = st.none() | st.lists(st.sampled_from(CHARACTERS), max_size=4).map(lambda parts: "".join(parts).encode())


def optional(*values: Any) -> st.SearchStrategy[Any]:
    """One of the values, or none half of the time."""
    return st.none() | st.sampled_from(values)


def readable(rows: list[tuple[bytes | None, ...]], chosen: CopyOptions) -> list[tuple[bytes | None, ...]]:
    """The rows as they come back: in text, what looks like the null marker is NULL."""
    if chosen.format != "text" or chosen.null is None:
        return rows
    null = chosen.null.encode()
    return [tuple(None if field == null and b"\\" not in null else field for field in row) for row in rows]


@st.composite
def options(draw: Any, direction: str, width: int, formats: tuple[str, ...] = ("text", "csv")) -> CopyOptions:
    """Options that do not contradict each other."""
    columns = COLUMNS[:width]
    chosen: dict[str, Any] = {
        "delimiter": draw(optional(",", "\t", "|", ";", "\x01")),
        # A backslash alone can be read, but PostgreSQL does not read it as the NULL that it has written.
        "null": draw(optional("", "N", "\\N", "a", *(["\\"] if direction == "FROM" else []))),
        "encoding": draw(st.sampled_from(["UTF8", "UTF8", "LATIN1", "SQL_ASCII"])),
        "header": draw(st.sampled_from([False, False, True, "match"] if direction == "FROM" else [False, True])),
        "legacy_end": draw(st.booleans()),
    }
    chosen["format"] = draw(st.sampled_from(formats))
    if direction == "FROM":
        chosen["default"] = draw(optional("D", "\\D", "b"))
    if chosen["format"] == "csv":
        chosen["quote"] = draw(optional("'", '"', "a", "\\"))
        chosen["escape"] = draw(optional("\\", "'", '"', "b"))
        if direction == "FROM":
            chosen["force_null"] = draw(optional("*", columns[:1]))
            chosen["force_not_null"] = draw(optional("*", columns[-1:]))
        else:
            chosen["force_quote"] = draw(optional("*", columns[:1]))
    while True:
        try:
            return CopyOptions(**chosen)
        except PostgresError:
            # Drop what may be at odds until nothing is.
            name = next(
                name for name in ("null", "default", "delimiter", "quote", "escape") if chosen.get(name) is not None
            )
            chosen[name] = None
