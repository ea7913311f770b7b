"""SASLprep (RFC 4013) as PostgreSQL does it on both ends: what cannot be prepared stays as it was.

Two habits of PostgreSQL's are kept: U+200B, which stands in two tables, becomes a space; and what is prohibited is looked
for before the text is normalised. The tables are those of Unicode 3.2 (``stringprep``); the normal form is the current one,
which for the code points of Unicode 3.2 does not change any more.
"""

from __future__ import annotations

import stringprep
import unicodedata

__all__ = ["prepare_password"]


def prepare_password(password: bytes) -> bytes:
    """The prepared password; the given bytes where they are not UTF-8, hold something prohibited, or would become empty."""
    if password.isascii():
        return password
    try:
        text = password.decode()
    except UnicodeDecodeError:
        return password
    prepared = _prepared(text)
    return password if prepared is None else prepared.encode()


def _prepared(text: str) -> str | None:
    mapped = "".join(
        " " if stringprep.in_table_c12(char) else "" if stringprep.in_table_b1(char) else char for char in text
    )
    if not mapped or any(map(_is_prohibited, mapped)):
        return None
    if any(map(stringprep.in_table_d1, mapped)):  # right-to-left text: RFC 3454 §6
        ends = stringprep.in_table_d1(mapped[0]) and stringprep.in_table_d1(mapped[-1])
        if not ends or any(map(stringprep.in_table_d2, mapped)):
            return None
    return unicodedata.normalize("NFKC", mapped)


def _is_prohibited(char: str) -> bool:
    """Unassigned in Unicode 3.2, or prohibited by RFC 4013 §2.3."""
    return (
        stringprep.in_table_a1(char)
        or stringprep.in_table_c12(char)
        or stringprep.in_table_c21_c22(char)
        or stringprep.in_table_c3(char)
        or stringprep.in_table_c4(char)
        or stringprep.in_table_c5(char)
        or stringprep.in_table_c6(char)
        or stringprep.in_table_c7(char)
        or stringprep.in_table_c8(char)
        or stringprep.in_table_c9(char)
    )
