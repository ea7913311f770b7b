"""The backend's answers (Protocol 55.7)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

__all__ = [
    "BindComplete",
    "CloseComplete",
    "CommandComplete",
    "DataRow",
    "EmptyQueryResponse",
    "ErrorResponse",
    "FieldDescription",
    "NoData",
    "NoticeResponse",
    "NotificationResponse",
    "ParameterDescription",
    "ParameterStatus",
    "ParseComplete",
    "PortalSuspended",
    "ReadyForQuery",
    "RowDescription",
]


class FieldDescription(NamedTuple):
    """One column of a RowDescription.

    ``type_size`` is in bytes, negative for variable width; ``format`` is 0 (text) or 1 (binary).
    """

    name: str
    table_oid: int
    column_number: int
    type_oid: int
    type_size: int
    type_modifier: int
    format: int


@dataclass(slots=True)
class RowDescription:
    """The columns of the rows to come, tag ``T``."""

    fields: tuple[FieldDescription, ...]


@dataclass(slots=True)
class DataRow:
    """One row, tag ``D``; a value is bytes, or None for NULL."""

    values: tuple[bytes | None, ...]


@dataclass(slots=True)
class CommandComplete:
    """A statement ended well, tag ``C``; ``command_tag`` such as ``SELECT 5``."""

    command_tag: str

    @property
    def command(self) -> str:
        """The tag without its numbers, such as ``INSERT`` or ``CREATE TABLE``."""
        return _parts(self.command_tag)[0]

    @property
    def oid(self) -> int | None:
        """The OID of the inserted row, which only INSERT's tag has; 0 from every server that is still alive. Else None."""
        return _parts(self.command_tag)[1]

    @property
    def rows(self) -> int | None:
        """How many rows the statement returned, changed, moved over or copied; None where the tag does not say."""
        return _parts(self.command_tag)[2]


def _parts(command_tag: str) -> tuple[str, int | None, int | None]:
    """Command, OID and number of rows, such as ``("INSERT", 0, 5)``."""
    command, _, last = command_tag.rpartition(" ")
    if not command or not _is_number(last):
        return command_tag, None, None
    before, _, middle = command.rpartition(" ")
    if before == "INSERT" and _is_number(middle):
        return before, int(middle), int(last)
    return command, None, int(last)


def _is_number(word: str) -> bool:
    return word.isascii() and word.isdigit() and len(word) <= 20  # PostgreSQL counts in 64 bits


@dataclass(slots=True)
class EmptyQueryResponse:
    """The query string held no statement, tag ``I``."""


@dataclass(slots=True)
class ParseComplete:
    """Tag ``1``."""


@dataclass(slots=True)
class BindComplete:
    """Tag ``2``."""


@dataclass(slots=True)
class CloseComplete:
    """Tag ``3``."""


@dataclass(slots=True)
class NoData:
    """The statement returns no rows, tag ``n``."""


@dataclass(slots=True)
class PortalSuspended:
    """The row limit of an Execute was reached, tag ``s``."""


@dataclass(slots=True)
class ParameterDescription:
    """OIDs of a prepared statement's parameters, tag ``t``."""

    types: tuple[int, ...]


@dataclass(slots=True)
class ParameterStatus:
    """A run-time parameter's value, tag ``S``."""

    name: str
    value: str


@dataclass(slots=True)
class ReadyForQuery:
    """Ready for the next command, tag ``Z``; ``status`` is ``"I"`` idle, ``"T"`` in a transaction, ``"E"`` in a failed one."""

    status: str


@dataclass(slots=True)
class ErrorResponse:
    """An error, tag ``E`` (Protocol 55.8).

    ``fields`` maps the one-letter field code to its text in the order sent, codes that nobody knows included; of a repeated code the last
    text is kept. A server may say why it refuses a connection before it knows the client's encoding, so a text that is not UTF-8 is no
    error: what cannot be decoded becomes U+FFFD, the replacement character.
    """

    fields: dict[str, str]


@dataclass(slots=True)
class NoticeResponse:
    """A notice or warning, tag ``N``; fields as in ErrorResponse."""

    fields: dict[str, str]


@dataclass(slots=True)
class NotificationResponse:
    """A notification from NOTIFY, tag ``A``."""

    process_id: int
    channel: str
    payload: str
