"""Messages of the COPY sub-protocol (Protocol 55.2.7)."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["CopyBothResponse", "CopyData", "CopyDone", "CopyFail", "CopyInResponse", "CopyOutResponse"]


@dataclass(slots=True)
class CopyData:
    """A piece of the COPY stream, tag ``d`` (F and B)."""

    data: bytes


@dataclass(slots=True)
class CopyDone:
    """The COPY stream is complete, tag ``c`` (F and B)."""


@dataclass(slots=True)
class CopyFail:
    """The client gives the COPY up for this reason, tag ``f`` (F)."""

    message: str


@dataclass(slots=True)
class CopyInResponse:
    """The server waits for COPY data, tag ``G`` (B).

    ``format`` is that of the whole stream: 0 text (or CSV), 1 binary; ``column_formats`` has a format code for each column.
    """

    format: int
    column_formats: tuple[int, ...]


@dataclass(slots=True)
class CopyOutResponse:
    """COPY data follow, tag ``H`` (B); fields as in CopyInResponse."""

    format: int
    column_formats: tuple[int, ...]


@dataclass(slots=True)
class CopyBothResponse:
    """COPY data go both ways from now on, as in streaming replication, tag ``W`` (B); fields as in CopyInResponse."""

    format: int
    column_formats: tuple[int, ...]
